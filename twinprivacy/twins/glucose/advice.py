"""Doses by a glucose twin, and how true people fare under them."""

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy.errors import DataError
from twinprivacy.tables import check_table
from twinprivacy.twins.glucose.days import Habits, simulate_days
from twinprivacy.twins.glucose.features import glucose_metrics
from twinprivacy.twins.glucose.inputs import DAY_PARTS, read_people
from twinprivacy.twins.glucose.model import simulate_glucose

__all__ = [
    "ADVICE",
    "MEASURES",
    "advice_time_in_range",
    "advise",
]


ADVICE = (
    "target_mg_dl",
    "correction_factor_mg_dl_per_u",
    "carbohydrate_ratio_g_per_u",
)
_TARGET_MG_DL = 120.0
MEASURES = ("time_in_range", "time_below_70", "time_above_180")
# The twin knows a usual day and no bad one. At 2 people advised by twins of two weeks
# spend about 4 % of the time below 70 mg/dL, which is the international goal.
_CAUTION = 2.0
# A meal in each part of the day, for insulin sensitivity differs between them.
_MEAL_MINUTES = (450, 750, 1_140)
_STANDARD_MEAL_G = 60.0
# A standard meal should be over by then.
_AFTER_MINUTES = 300
# Ratios that a pump can be set to, in g/U, and the least fall by a unit, in mg/dL.
_RATIO_RANGE = (2.0, 200.0)
_LEAST_FALL = 2.0
_HALVINGS = 12
_STEP_MINUTES = 5


def advise(twins: pd.DataFrame) -> pd.DataFrame:
    """Set each person's doses by asking their twin what would happen.

    Two questions, each at three times of the day, of which the mean counts. How far
    does a unit lower glucose from rest: the correction factor. How many units bring a
    meal of 60 g back to rest in five hours: the carbohydrate ratio. Both are doubled,
    for the twin knows a usual day and no bad one. The target is 120 mg/dL.

    Parameters
    ----------
    twins : pandas.DataFrame
        As from `sample_patients`, or `GlucoseFit.patient` of several fits. A twin
        fitted to counted meals has learned how its owner counts.

    Returns
    -------
    pandas.DataFrame
        One row a person: patient, target_mg_dl, correction_factor_mg_dl_per_u and
        carbohydrate_ratio_g_per_u (per counted gram).

    Raises
    ------
    DataError
        If the table lacks a column or a value is out of its range.

    Notes
    -----
    A simple rule that shows what a twin is good for, not a treatment: no real dose
    should follow it. The basal rate is left as it is. In the simulated world a higher
    one is nearly free of harm, for no resting glucose falls below 71 mg/dL, so that
    advice on it would be rewarded whether it knows the person or not.

    Examples
    --------
    >>> from twinprivacy.twins.glucose import sample_patients
    >>> people = sample_patients(2, rng=np.random.default_rng(7))
    >>> advise(people)["carbohydrate_ratio_g_per_u"].round().tolist()
    [30.0, 47.0]
    """
    read_people(twins)
    asked = _Asked(twins)
    ratio = _carbohydrate_ratios(asked) * _CAUTION
    factor = _falls_by_a_unit(asked) * _CAUTION
    return pd.DataFrame(
        {
            "patient": twins["patient"].to_numpy(),
            "target_mg_dl": _TARGET_MG_DL,
            "correction_factor_mg_dl_per_u": factor,
            "carbohydrate_ratio_g_per_u": np.clip(ratio, *_RATIO_RANGE),
        }
    )


def advice_time_in_range(
    patients: pd.DataFrame,
    advice: pd.DataFrame,
    *,
    days: int,
    rng: np.random.Generator,
    habits: Habits | None = None,
    n_jobs: int | None = None,
) -> pd.DataFrame:
    """Let true people live under advice, and measure how their glucose is.

    Parameters
    ----------
    patients, advice
        True people with a prescription, as from `prescribe`, and their new doses, as
        from `advise`, with a row for each of them, in any order.
    days : int
        Days lived, 1 or more.
    rng : numpy.random.Generator
        With the same state for two advices, both are followed through the same meals,
        miscounts and changes of the body.
    habits : Habits, optional
        How they live.
    n_jobs : int, optional
        Threads; without it one a core. The answer does not depend on it.

    Returns
    -------
    pandas.DataFrame
        One row a person: patient, and shares of sensor readings in 70 to 180 mg/dL
        (time_in_range), below 70 (time_below_70) and above 180 (time_above_180).

    Raises
    ------
    DataError, ParameterError
        If a table lacks a column, a value is out of its range, the advice is not for
        each person once, `days` is below 1 or `rng` no generator.

    References
    ----------
    Battelino (2019), doi:10.2337/dci19-0028.

    Examples
    --------
    >>> from twinprivacy.twins.glucose import sample_patients
    >>> from twinprivacy.twins.glucose import advise
    >>> from twinprivacy.twins.glucose import prescribe
    >>> rng = np.random.default_rng(7)
    >>> people = prescribe(sample_patients(2, rng=rng), rng=rng, n_visits=0)
    >>> shares = advice_time_in_range(people, advise(people), days=1, rng=rng)
    >>> shares[list(MEASURES)].sum(axis=1).tolist()
    [1.0, 1.0]
    """
    doses = _follow(patients, advice)
    lived = simulate_days(doses, days=days, rng=rng, habits=habits, n_jobs=n_jobs)
    metrics = glucose_metrics(
        lived.cgm_mg_dl, patients=doses["patient"].to_numpy()
    ).rename(columns={f"{name}_percent": name for name in MEASURES})
    shares = metrics[list(MEASURES)] / 100
    return pd.concat([metrics[["patient"]], shares], axis=1)


def _follow(patients: pd.DataFrame, advice: pd.DataFrame) -> pd.DataFrame:
    """Give people new doses; everything else about them stays."""
    check_table(patients, name="patients", columns=["patient"])
    check_table(advice, name="advice", columns=["patient", *ADVICE])
    names = patients["patient"]
    if len(advice) != len(names) or set(advice["patient"]) != set(names):
        raise DataError(
            "advice must have one row for each patient and no other; got "
            f"{len(advice)} rows for {len(names)} patients"
        )
    own = advice.set_index("patient").loc[names, list(ADVICE)]
    return patients.assign(**{name: own[name].to_numpy() for name in ADVICE})


def _falls_by_a_unit(asked: "_Asked") -> Array:
    """Return how far a unit lowers a resting person, mean over three times of a day."""
    plasma = asked.plasma(np.zeros(asked.n), np.ones(asked.n))
    fall = asked.rest - asked.after(plasma).min(axis=1)
    return np.asarray(np.maximum(asked.mean(fall), _LEAST_FALL))


def _carbohydrate_ratios(asked: "_Asked") -> Array:
    """Return grams per unit that bring three standard meals back to rest in time."""
    grams = np.full(asked.n, _STANDARD_MEAL_G)
    # Bisected on the logarithm: units that are too few, and units that are enough.
    few, enough = (
        np.full(asked.n, np.log(_STANDARD_MEAL_G / ratio))
        for ratio in reversed(_RATIO_RANGE)
    )
    for _ in range(_HALVINGS):
        middle = (few + enough) / 2
        end = asked.after(asked.plasma(grams, np.exp(middle)))[:, -1]
        below = end < asked.rest
        few, enough = np.where(below, few, middle), np.where(below, middle, enough)
    return np.asarray(_STANDARD_MEAL_G / asked.mean(np.exp(few)))


class _Asked:
    """Everyone three times, with a meal or a bolus at another time of the day."""

    def __init__(self, patients: pd.DataFrame) -> None:
        self.n = len(patients) * len(_MEAL_MINUTES)
        places = np.repeat(np.arange(len(patients)), len(_MEAL_MINUTES))
        self.people = patients.iloc[places].assign(patient=np.arange(self.n))
        self.minute = np.tile(_MEAL_MINUTES, len(patients))
        self.rest = self.people["gb_mg_dl"].to_numpy(dtype=float)

    def plasma(self, grams: Array, units: Array) -> Array:
        at = {"patient": np.arange(self.n), "minute": self.minute}
        kinds = np.tile(DAY_PARTS, self.n // len(DAY_PARTS))
        meals = pd.DataFrame({**at, "carbohydrate_g": grams, "kind": kinds})
        traces = simulate_glucose(
            self.people,
            meals,
            pd.DataFrame({**at, "bolus_units": units}),
            minutes=max(_MEAL_MINUTES) + _AFTER_MINUTES,
            step_minutes=_STEP_MINUTES,
            every_minutes=_STEP_MINUTES,
        )
        return traces.plasma_mg_dl

    def after(self, plasma: Array) -> Array:
        """Return the hours after each one's meal, until it should be over."""
        ticks = np.arange(_AFTER_MINUTES // _STEP_MINUTES + 1)
        places = self.minute[:, None] // _STEP_MINUTES + ticks
        return np.take_along_axis(plasma, places, axis=1)

    def mean(self, values: Array) -> Array:
        return np.asarray(values.reshape(-1, len(_MEAL_MINUTES)).mean(axis=1))
