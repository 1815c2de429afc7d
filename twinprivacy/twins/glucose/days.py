"""Days in the life of people with type-1 diabetes: meals, counts, doses and lows.

Doses are titrated to each person, as a clinic does from sensor reports; without that, a
quarter of the time would be spent below 54 mg/dL.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from twinprivacy import datasets
from twinprivacy._types import AnyArray, Array
from twinprivacy._validation import check_rng, check_whole
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.tables import check_table, finite_floats
from twinprivacy.twins.glucose import inputs, kernels
from twinprivacy.twins.glucose.inputs import (
    KINDS,
    MINUTES_PER_DAY,
    PARAMETERS,
    READINGS_PER_DAY,
    TICK_MINUTES,
    fixed,
    free_spread,
    from_free,
    to_free,
)
from twinprivacy.twins.glucose.model import simulate_glucose
from twinprivacy.twins.glucose.sensor import draw_errors, sensor_law

__all__ = [
    "Days",
    "Habits",
    "prescribe",
    "simulate_days",
]


@dataclass(frozen=True)
class Habits:
    """How people with type-1 diabetes live: stated inputs, but for what is published.

    Published are the mean and spread of the carbohydrate that people enter, the share
    by which they count too little, and the goals that doses are titrated to (table
    glucose_clinical_values). Everything below is our own choice, made so that the
    cohort's glucose looks like that of published cohorts.

    Attributes
    ----------
    meal_minutes, meal_sd_minutes : tuple of float
        Usual time of breakfast, lunch, dinner and snack in minutes after midnight, and
        its SD from day to day.
    meal_shares : tuple of float
        Share of the day's carbohydrate.
    meal_skipped : tuple of float
        Probability of going without.
    meal_size_sd, counting_sd, counting_person_sd : float
        SD of the logarithm of a meal's size and of its count, from meal to meal, and of
        the count from person to person.
    forgotten_bolus : float
        Probability that a meal is neither entered nor covered by insulin.
    day_sd : float
        Day-to-day change of every parameter but ka2 and kd, as in `drift`.
    resting_shift, resting_sd, resting_day_sd : float
        Logarithm of the resting glucose over Gb: mean, SD between people, SD from day
        to day. A basal rate that does not fit the need moves Gb and, with the body's
        own production of glucose unchanged, SG the other way.
    treat_below_mg_dl, rescue_g, wait_minutes : float
        Rescue carbohydrate: below which reading, how much, how soon again.
    correct_above_mg_dl, pause_minutes, lowest_target_mg_dl : float
        Correction bolus: above which reading, how long after the last bolus, and the
        lowest target; the target is otherwise the usual resting glucose.
    awake_minutes : tuple of float
        From when to when corrections are given.
    memory_minutes : float
        Mean time for which a bolus is counted as still acting.
    smallest_dose_units : float
        Doses are multiples of it.
    """

    meal_minutes: tuple[float, ...] = (450.0, 750.0, 1_140.0, 960.0)
    meal_sd_minutes: tuple[float, ...] = (45.0, 45.0, 60.0, 60.0)
    meal_shares: tuple[float, ...] = (0.22, 0.30, 0.36, 0.12)
    meal_skipped: tuple[float, ...] = (0.1, 0.0, 0.0, 0.35)
    meal_size_sd: float = 0.6
    counting_sd: float = 0.35
    counting_person_sd: float = 0.15
    forgotten_bolus: float = 0.12
    day_sd: float = 0.6
    resting_shift: float = 0.15
    resting_sd: float = 0.12
    resting_day_sd: float = 0.25
    treat_below_mg_dl: float = 70.0
    rescue_g: float = 15.0
    wait_minutes: float = 15.0
    correct_above_mg_dl: float = 250.0
    pause_minutes: float = 180.0
    lowest_target_mg_dl: float = 115.0
    awake_minutes: tuple[float, ...] = (420.0, 1_380.0)
    memory_minutes: float = 120.0
    smallest_dose_units: float = 0.05

    def __post_init__(self) -> None:
        """Refuse what is no probability, no spread or not of four meals."""
        for name in ("meal_minutes", "meal_sd_minutes", "meal_shares", "meal_skipped"):
            values = getattr(self, name)
            if len(values) != 4 or not min(values) >= 0:
                raise ParameterError(
                    f"{name} must hold 4 numbers, 0 or more; got {values!r}"
                )
        if not (max(self.meal_skipped) < 1 and 0 <= self.forgotten_bolus < 1):
            raise ParameterError(
                "meal_skipped and forgotten_bolus must lie in [0, 1); got "
                f"{self.meal_skipped!r} and {self.forgotten_bolus!r}"
            )
        spreads = [name for name in vars(self) if name.endswith(("_sd", "_g"))]
        if not all(getattr(self, name) >= 0 for name in spreads):
            raise ParameterError(f"{', '.join(spreads)} must all be 0 or more")

    def rules(self) -> kernels.Rules:
        """Return the rules of the compiled loop."""
        treat = (self.treat_below_mg_dl, self.rescue_g, self.wait_minutes)
        correct = (self.correct_above_mg_dl, self.pause_minutes, *self.awake_minutes)
        doses = self.memory_minutes, self.smallest_dose_units
        return kernels.Rules(*map(float, (*treat, *correct, *doses)))


_PLAN = (
    "target_mg_dl",
    "correction_factor_mg_dl_per_u",
    "carbohydrate_ratio_g_per_u",
    "carbohydrate_g_per_day",
    "counted_share",
)
# A visit to the clinic: a week of readings, then all boluses a little more or less.
_DAYS_PER_VISIT = 7
_LESS, _MORE = 0.85, 1.08
# First doses as a share of the published rule, which expects less sensitive people.
_FIRST_SHARE = 0.4
_GB, _SG = PARAMETERS.index("gb_mg_dl"), PARAMETERS.index("sg_per_min")
_INSULIN = [PARAMETERS.index("ka2_per_min"), PARAMETERS.index("kd_per_min")]
# Gb keeps this far inside the range of its prior, in mg/dL.
_GB_RANGE = (71.0, 179.0)
# Nobody sits down to more, in g.
_LARGEST_MEAL = 300.0


def prescribe(
    patients: pd.DataFrame,
    *,
    rng: np.random.Generator,
    habits: Habits | None = None,
    n_visits: int = 8,
) -> pd.DataFrame:
    """Prescribe doses to each person and titrate them on simulated weeks.

    The carbohydrate ratio starts from a published rule (106 g/day over the basal dose)
    and the correction factor from the fall that one unit causes at rest. At each visit
    a week is simulated: boluses fall by 15 % if more than 4 % of readings are below 70
    mg/dL, else they rise by 8 % if more than 25 % are above 180 (the international
    goals). The basal rate is not changed; how it misfits is drawn for each person and
    moves the resting glucose (`Habits`).

    Parameters
    ----------
    patients : pandas.DataFrame
        As from `sample_patients`.
    rng : numpy.random.Generator
    habits : Habits, optional
        How they live.
    n_visits : int
        Visits, 0 or more.

    Returns
    -------
    pandas.DataFrame
        The table with gb_mg_dl and sg_per_min as the basal rate makes them, and
        target_mg_dl, correction_factor_mg_dl_per_u, carbohydrate_ratio_g_per_u (per
        counted gram), carbohydrate_g_per_day (eaten) and counted_share.

    Raises
    ------
    DataError
        If the table lacks a column or a value is out of its range.
    ParameterError
        If `n_visits` is negative or `rng` no generator.

    References
    ----------
    King (2019), Diabetes 68 (Suppl 1) 1108-P; goals and rule in table
    glucose_clinical_values.

    Examples
    --------
    >>> from twinprivacy.twins.glucose import sample_patients
    >>> rng = np.random.default_rng(7)
    >>> plan = prescribe(sample_patients(2, rng=rng), rng=rng, n_visits=2)
    >>> plan["carbohydrate_ratio_g_per_u"].round().tolist()
    [17.0, 18.0]
    """
    check_rng(rng)
    check_whole(n_visits, name="n_visits", least=0)
    habits = habits or Habits()
    plan = _first_plan(patients, habits, rng)
    goals = _clinical()
    for _ in range(n_visits):
        cgm = simulate_days(
            plan, days=_DAYS_PER_VISIT, rng=rng, habits=habits
        ).cgm_mg_dl
        low = 100 * (cgm < 70).mean(axis=1) > goals["goal_time_below_70"]["value"]
        high = 100 * (cgm > 180).mean(axis=1) > goals["goal_time_above_180"]["value"]
        change = np.where(low, _LESS, np.where(high, _MORE, 1.0))
        plan["carbohydrate_ratio_g_per_u"] /= change
        plan["correction_factor_mg_dl_per_u"] /= change
    return plan


@dataclass(frozen=True)
class Days:
    """What happened to several people, and what their devices know of it.

    Attributes
    ----------
    patients : pandas.DataFrame
        Who they are on a usual day, with their prescription.
    minutes : numpy.ndarray
        Minutes since midnight of the first day, every 5, shape (n_times,).
    cgm_mg_dl, plasma_mg_dl : numpy.ndarray
        Readings, and the true plasma glucose, in mg/dL, shape (n, n_times).
    meals : pandas.DataFrame
        What was eaten: patient, minute, kind, carbohydrate_g and counted_g.
    insulin : pandas.DataFrame
        Boluses: patient, minute, bolus_units.
    """

    patients: pd.DataFrame
    minutes: AnyArray
    cgm_mg_dl: AnyArray
    plasma_mg_dl: AnyArray
    meals: pd.DataFrame
    insulin: pd.DataFrame

    @property
    def diary(self) -> pd.DataFrame:
        """Return the meals as entered: counted grams, forgotten meals left out."""
        entered = self.meals[self.meals["counted_g"] > 0]
        diary = entered.drop(columns="carbohydrate_g")
        return diary.rename(columns={"counted_g": "carbohydrate_g"})

    def last(self, n_days: int) -> "Days":
        """Return the last days, their minutes counted from midnight of the first."""
        kept = n_days * READINGS_PER_DAY
        start = (self.cgm_mg_dl.shape[1] - kept) * TICK_MINUTES
        meals, insulin = (
            table[table["minute"] >= start].assign(minute=lambda t: t["minute"] - start)
            for table in (self.meals, self.insulin)
        )
        return replace(
            self,
            minutes=self.minutes[:kept],
            cgm_mg_dl=self.cgm_mg_dl[:, -kept:],
            plasma_mg_dl=self.plasma_mg_dl[:, -kept:],
            meals=meals,
            insulin=insulin,
        )


def simulate_days(
    patients: pd.DataFrame,
    *,
    days: int,
    rng: np.random.Generator,
    habits: Habits | None = None,
    sensor: bool = True,
    n_jobs: int | None = None,
) -> Days:
    """Simulate people's days: they eat, count, inject, read their sensor and react.

    A meal gets a bolus of its counted carbohydrate over the ratio, plus a correction
    towards the target less insulin that still acts. A reading below 70 mg/dL gets 15 g
    of rescue carbohydrate, again after 15 minutes. High readings by day get a
    correction. Parameters change from day to day.

    Parameters
    ----------
    patients : pandas.DataFrame
        With a prescription, as from `prescribe`.
    days : int
        Days simulated, 1 or more, from midnight.
    rng : numpy.random.Generator
    habits : Habits, optional
        How they live.
    sensor : bool
        Whether readings have the errors of a sensor (`sensor`), or are only clipped.
    n_jobs : int, optional
        Threads; without it one a core. The answer does not depend on it.

    Returns
    -------
    Days

    Notes
    -----
    With doses of `prescribe` a cohort looks like published ones, with two exceptions.
    More readings are below 54 mg/dL than the goal allows, because the model falls fast
    once below 70. Boluses are a small part of all insulin, because the published priors
    are of people more sensitive to it than real ones. Plasma glucose, which no sensor
    clips, can exceed 600 mg/dL: the priors allow very fast absorption, and no kidney
    helps. From one day to the next much is beyond any twin's knowledge (`day_sd`,
    `resting_day_sd`, `counting_sd`): lower them for a steadier life.

    Raises
    ------
    DataError
        If the table lacks a column or a value is out of its range.
    ParameterError
        If `days` is below 1 or `rng` no generator.

    Examples
    --------
    >>> from twinprivacy.twins.glucose import sample_patients
    >>> rng = np.random.default_rng(7)
    >>> plan = prescribe(sample_patients(2, rng=rng), rng=rng, n_visits=0)
    >>> week = simulate_days(plan, days=7, rng=rng)
    >>> week.cgm_mg_dl.shape
    (2, 2016)
    """
    check_rng(rng)
    check_whole(days, name="days")
    habits = habits or Habits()
    names, people, weight = inputs.read_people(patients)
    plan = _read_plan(patients)
    own_days = np.repeat(people[:, None, :], days, axis=1)
    own_days[..., : len(PARAMETERS)] = _draw_days(
        people[:, : len(PARAMETERS)], free_spread(rng), days, habits, rng
    )
    meals = _draw_meals(
        plan["carbohydrate_g_per_day"], plan["counted_share"], days, habits, rng
    )
    n_times = days * READINGS_PER_DAY
    gain, offset = np.ones((len(names), n_times)), np.zeros((len(names), n_times))
    if sensor:
        gain, offset = draw_errors(len(names), n_times, rng)
    doses = [weight, *(plan[name] for name in _PLAN[:3])]
    plans = [kernels.Plan(*own) for own in np.column_stack(doses).tolist()]
    limits = sensor_law().lowest, sensor_law().highest
    rules = habits.rules()

    def work(j: int) -> tuple[AnyArray, AnyArray, AnyArray, AnyArray]:
        own = own_days[j], fixed(), plans[j], rules, meals[j], gain[j], offset[j]
        return kernels.simulate_record(kernels.Subject(*own, *limits))

    cgm, plasma, boluses, rescues = zip(
        *inputs.map_people(work, len(names), n_jobs), strict=True
    )
    return Days(
        patients,
        np.arange(n_times) * TICK_MINUTES,
        np.array(cgm),
        np.array(plasma),
        _meal_table(names, meals, rescues, habits.rescue_g),
        _stack(names, boluses),
    )


def _first_plan(
    patients: pd.DataFrame, habits: Habits, rng: np.random.Generator
) -> pd.DataFrame:
    """Return the table with the resting glucose and the first doses."""
    _, people, _ = inputs.read_people(patients)
    n = len(people)
    rest = habits.resting_shift + habits.resting_sd * rng.normal(size=n)
    own = people[:, : len(PARAMETERS)]
    _move_rest(own, rest)
    plan = patients.copy()
    plan[list(PARAMETERS)] = own
    basal = 24 * plan["basal_u_per_hour"]
    rule = _clinical()["basal_times_carbohydrate_ratio"]["value"]
    plan["target_mg_dl"] = plan["gb_mg_dl"].clip(lower=habits.lowest_target_mg_dl)
    plan["correction_factor_mg_dl_per_u"] = _fall_by_one_unit(plan) / _FIRST_SHARE
    plan["carbohydrate_ratio_g_per_u"] = (rule / basal / _FIRST_SHARE).clip(2, 200)
    plan["carbohydrate_g_per_day"] = _draw_appetites(n, habits, rng)
    share = 1 + _clinical()["counting_error"]["value"] / 100
    plan["counted_share"] = share * rng.lognormal(0, habits.counting_person_sd, n)
    return plan


def _fall_by_one_unit(plan: pd.DataFrame) -> AnyArray:
    """Return how far one unit at noon brings a resting person down, in mg/dL."""
    bolus = pd.DataFrame({"patient": plan["patient"], "minute": 720, "bolus_units": 1})
    none = pd.DataFrame(columns=["patient", "minute", "carbohydrate_g", "kind"])
    trace = simulate_glucose(plan, none, bolus, minutes=1_440, step_minutes=5)
    fall = plan["gb_mg_dl"].to_numpy() - trace.plasma_mg_dl.min(axis=1)
    return np.asarray(np.maximum(fall, 2.0))


def _read_plan(patients: pd.DataFrame) -> dict[str, Array]:
    """Return the prescription by column."""
    check_table(patients, name="patients", columns=_PLAN)
    plan = {name: finite_floats(patients[name], name=name) for name in _PLAN}
    for name, values in plan.items():
        bad = int((values <= 0).sum())
        if bad:
            raise DataError(
                f"{name} must be above 0; got {bad} of {len(values)} others"
            )
    return plan


def _meal_table(
    names: AnyArray, meals: list[AnyArray], rescues: Sequence[AnyArray], rescue_g: float
) -> pd.DataFrame:
    """Return what was eaten: meals, then rescue carbohydrate."""
    eaten = _stack(names, meals)
    eaten["kind"] = np.array(KINDS)[eaten["kind"]]
    rescued = _stack(names, rescues).assign(
        kind=KINDS[-1], carbohydrate_g=rescue_g, counted_g=rescue_g
    )
    return pd.concat([eaten, rescued], ignore_index=True)


def _stack(names: AnyArray, own: Sequence[AnyArray]) -> pd.DataFrame:
    """Return everyone's records in one table, with whose they are."""
    rows = pd.DataFrame(np.concatenate(own))
    minute = rows["minute"].astype(int)
    who = np.repeat(names, [len(one) for one in own])
    rows["minute"] = minute
    rows.insert(0, "patient", who)
    return rows


def _clinical() -> dict[str, dict[str, float]]:
    """Return value and spread of each published quantity, the first row of each."""
    table = datasets.load("glucose_clinical_values")
    confirmed = table[table["check"] == "verified"].drop_duplicates("quantity")
    columns = confirmed[["quantity", "value", "spread"]].to_numpy()
    return {row[0]: {"value": row[1], "spread": row[2]} for row in columns}


def _draw_appetites(n: int, habits: Habits, rng: np.random.Generator) -> Array:
    """Draw the carbohydrate that each person eats on a day without skipping, in g."""
    published = _clinical()
    entered = published["counted_carbohydrate"]
    # The published share that is counted is a median; the mean of a log-normal share is
    # larger.
    spread = habits.counting_sd**2 + habits.counting_person_sd**2
    median = 1 + published["counting_error"]["value"] / 100
    counted = float(median * np.exp(spread / 2))
    eaten = entered["value"] / counted / (1 - habits.forgotten_bolus)
    eaten /= float(np.dot(habits.meal_shares, 1 - np.array(habits.meal_skipped)))
    variance = np.log1p((entered["spread"] / entered["value"]) ** 2)
    return eaten * rng.lognormal(-variance / 2, np.sqrt(variance), n)


def _draw_meals(
    appetite_g: Array,
    count: Array,
    n_days: int,
    habits: Habits,
    rng: np.random.Generator,
) -> list[AnyArray]:
    """Draw each person's meals, records of `kernels.SERVED` in order of time.

    `count` is the share that a person usually counts. A forgotten meal counts 0.
    """
    shape = len(appetite_g), n_days, len(habits.meal_minutes)
    usual, sd = np.array(habits.meal_minutes), np.array(habits.meal_sd_minutes)
    minute = np.clip(np.rint(usual + sd * rng.normal(size=shape)), 0, 1_439)
    size = rng.lognormal(-(habits.meal_size_sd**2) / 2, habits.meal_size_sd, shape)
    grams = appetite_g[:, None, None] * np.array(habits.meal_shares) * size
    counted = grams * count[:, None, None]
    counted = counted * rng.lognormal(0, habits.counting_sd, shape)
    counted[rng.random(shape) < habits.forgotten_bolus] = 0.0
    eaten = rng.random(shape) >= np.array(habits.meal_skipped)
    minute += MINUTES_PER_DAY * np.arange(n_days)[:, None]
    meals = np.empty(shape, kernels.SERVED)
    meals["minute"], meals["kind"] = minute, np.arange(shape[-1])
    meals["carbohydrate_g"] = np.minimum(grams, _LARGEST_MEAL)
    meals["counted_g"] = np.minimum(counted, _LARGEST_MEAL)
    chosen = [own[kept] for own, kept in zip(meals, eaten, strict=True)]
    return [own[np.lexsort((own["kind"], own["minute"]))] for own in chosen]


def _draw_days(
    parameters: AnyArray,
    spread: AnyArray,
    n_days: int,
    habits: Habits,
    rng: np.random.Generator,
) -> AnyArray:
    """Draw the parameters of each person's days, shape (n, n_days, 18)."""
    free = to_free(parameters)[:, None, :]
    move = rng.normal(size=(len(parameters), n_days, parameters.shape[1]))
    # A sudden change of these rates would starve or flood the blood with basal insulin.
    move[..., _INSULIN] = 0.0
    days = from_free(free + habits.day_sd * spread * move)
    shift = habits.resting_day_sd * rng.normal(size=days.shape[:2])
    _move_rest(days, shift)
    return days


def _move_rest(parameters: AnyArray, shift: AnyArray) -> None:
    """Move the resting glucose by a factor exp(shift), as a misfitting basal rate does.

    The product of _SG and Gb, the body's own production, stays.
    """
    made = parameters[..., _SG] * parameters[..., _GB]
    moved = np.clip(parameters[..., _GB] * np.exp(shift), *_GB_RANGE)
    parameters[..., _GB], parameters[..., _SG] = moved, made / moved
