"""What a person eats and counts on a day: the draws behind a simulated life."""

from dataclasses import dataclass

import numpy as np

from twinprivacy import datasets
from twinprivacy._types import AnyArray
from twinprivacy.errors import ParameterError
from twinprivacy.twins.glucose.inputs import PARAMETERS, from_free, to_free

__all__ = [
    "Habits",
]


MINUTES_PER_DAY = 1_440
GB, SG = PARAMETERS.index("gb_mg_dl"), PARAMETERS.index("sg_per_min")
INSULIN = [PARAMETERS.index("ka2_per_min"), PARAMETERS.index("kd_per_min")]
# Gb keeps this far inside the range of its prior, in mg/dL.
GB_RANGE = (71.0, 179.0)


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

    def rules(self) -> AnyArray:
        """Return the rules in the order of the compiled loop."""
        treat = (self.treat_below_mg_dl, self.rescue_g, self.wait_minutes)
        correct = (self.correct_above_mg_dl, self.pause_minutes, *self.awake_minutes)
        return np.array(
            [*treat, *correct, self.memory_minutes, self.smallest_dose_units]
        )


def clinical() -> dict[str, dict[str, float]]:
    """Return value and spread of each published quantity, the first row of each."""
    table = datasets.load("glucose_clinical_values")
    confirmed = table[table["check"] == "verified"].drop_duplicates("quantity")
    columns = confirmed[["quantity", "value", "spread"]].to_numpy()
    return {row[0]: {"value": row[1], "spread": row[2]} for row in columns}


def draw_appetites(n: int, habits: Habits, rng: np.random.Generator) -> AnyArray:
    """Draw the carbohydrate that each person eats on a day without skipping, in g."""
    entered = clinical()["counted_carbohydrate"]
    eaten = entered["value"] / mean_count(habits) / (1 - habits.forgotten_bolus)
    eaten /= float(np.dot(habits.meal_shares, 1 - np.array(habits.meal_skipped)))
    variance = np.log1p((entered["spread"] / entered["value"]) ** 2)
    return eaten * rng.lognormal(-variance / 2, np.sqrt(variance), n)


def mean_count(habits: Habits) -> float:
    """Return the mean share of the carbohydrate that is counted.

    The published figure is a median; the mean of a log-normal share is larger.
    """
    median = 1 + clinical()["counting_error"]["value"] / 100
    variance = habits.counting_sd**2 + habits.counting_person_sd**2
    return float(median * np.exp(variance / 2))


def draw_meals(
    appetite_g: AnyArray,
    count: AnyArray,
    n_days: int,
    habits: Habits,
    rng: np.random.Generator,
) -> tuple[AnyArray, AnyArray, AnyArray]:
    """Draw meals: rows of minute, grams, kind and counted grams; whose; first rows.

    `count` is the share that a person usually counts. A forgotten meal counts 0.
    """
    shape = len(appetite_g), n_days, 4
    usual, sd = np.array(habits.meal_minutes), np.array(habits.meal_sd_minutes)
    minute = np.clip(np.rint(usual + sd * rng.normal(size=shape)), 0, 1_439)
    size = rng.lognormal(-(habits.meal_size_sd**2) / 2, habits.meal_size_sd, shape)
    grams = appetite_g[:, None, None] * np.array(habits.meal_shares) * size
    counted = grams * count[:, None, None]
    counted = counted * rng.lognormal(0, habits.counting_sd, shape)
    counted[rng.random(shape) < habits.forgotten_bolus] = 0.0
    eaten = rng.random(shape) >= np.array(habits.meal_skipped)
    minute += MINUTES_PER_DAY * np.arange(n_days)[:, None]
    kind = np.broadcast_to(np.arange(4.0), shape)
    who = np.broadcast_to(np.arange(shape[0])[:, None, None], shape)[eaten]
    # Nobody sits down to more than 300 g.
    columns = minute, np.minimum(grams, 300.0), kind, np.minimum(counted, 300.0)
    rows = np.column_stack([column[eaten] for column in columns])
    order = np.lexsort((rows[:, 2], rows[:, 0], who))
    first = np.searchsorted(who, np.arange(shape[0] + 1))
    return np.ascontiguousarray(rows[order]), who, first


def draw_days(
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
    move[..., INSULIN] = 0.0
    days = from_free(free + habits.day_sd * spread * move)
    shift = habits.resting_day_sd * rng.normal(size=days.shape[:2])
    move_rest(days, shift)
    return days


def move_rest(parameters: AnyArray, shift: AnyArray) -> None:
    """Move the resting glucose by a factor exp(shift), as a misfitting basal rate does.

    The product of SG and Gb, the body's own production, stays.
    """
    made = parameters[..., SG] * parameters[..., GB]
    moved = np.clip(parameters[..., GB] * np.exp(shift), *GB_RANGE)
    parameters[..., GB], parameters[..., SG] = moved, made / moved
