"""Doses by a glucose twin, by the average one, or by weight alone.

`glucose_advice_trial` lets true people live under them.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import AnyArray
from twinprivacy._validation import check_choice, check_rng, is_finite
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.estimates.means import mean_interval
from twinprivacy.twins.glucose import inputs
from twinprivacy.twins.glucose.days import simulate_days
from twinprivacy.twins.glucose.fit import GlucoseFit, GlucosePrior
from twinprivacy.twins.glucose.inputs import DAY_PARTS, PARAMETERS
from twinprivacy.twins.glucose.plan import Habits, clinical
from twinprivacy.twins.glucose.sensor import glucose_metrics

__all__ = [
    "ADVICE",
    "MEASURES",
    "advice_time_in_range",
    "advise",
    "advise_by_weight",
    "average_twins",
    "compare_advice",
    "follow_advice",
]


ADVICE = (
    "target_mg_dl",
    "correction_factor_mg_dl_per_u",
    "carbohydrate_ratio_g_per_u",
)
TARGET_MG_DL = 120.0


def advise(
    twins: pd.DataFrame | Sequence[GlucoseFit],
    *,
    target_mg_dl: float = TARGET_MG_DL,
    caution: float = 2.0,
    counted_share: npt.ArrayLike = 1.0,
) -> pd.DataFrame:
    """Set each person's doses by asking their twin what would happen.

    Two questions, each at three times of the day, of which the mean counts. How far
    does a unit lower glucose from rest: the correction factor. How many units bring a
    meal of 60 g back to rest in five hours: the carbohydrate ratio. Both are multiplied
    by `caution`, for the twin knows a usual day and no bad one.

    Parameters
    ----------
    twins : pandas.DataFrame or sequence of GlucoseFit
        Twins as of `fit_patients`, or a table as of `sample_patients`.
    target_mg_dl : float
        Glucose aimed at, 80 to 160 mg/dL.
    caution : float
        1 or more. At 2 people advised by twins of two weeks spend about 4 % of the time
        below 70 mg/dL, which is the international goal.
    counted_share : array_like
        Share of the eaten carbohydrate that is counted, above 0, one number or shape
        (n,), for tables that know eaten grams. A twin fitted to counted meals has
        learned it: then 1.

    Returns
    -------
    pandas.DataFrame
        One row a person: patient, target_mg_dl, correction_factor_mg_dl_per_u and
        carbohydrate_ratio_g_per_u (per counted gram).

    Raises
    ------
    DataError
        If the table lacks a column or a value is out of its range.
    ParameterError
        If a setting is out of its range.

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
    if not (is_finite(target_mg_dl) and 80 <= target_mg_dl <= 160):
        raise ParameterError(
            f"target_mg_dl must lie in 80 to 160 mg/dL; got {target_mg_dl!r}"
        )
    if not (is_finite(caution) and caution >= 1):
        raise ParameterError(f"caution must be finite, 1 or more; got {caution!r}")
    table = _as_table(twins)
    share = _read_share(counted_share, len(table))
    ratio = _carbohydrate_ratios(table) * caution * share
    factor = _falls_by_a_unit(table) * caution
    return _advice(table, target_mg_dl, factor, ratio)


def advise_by_weight(patients: pd.DataFrame) -> pd.DataFrame:
    """Set each person's doses by published rules that know their weight alone.

    Of a total dose of 0.5 U/kg a day the carbohydrate ratio is 500 over it, the
    correction factor 1800 over it.

    Parameters
    ----------
    patients : pandas.DataFrame
        Columns patient, weight_kg and basal_u_per_hour (not used).

    Returns
    -------
    pandas.DataFrame
        As of `advise`, with its target of 120 mg/dL; the basal rate is left too.

    Raises
    ------
    DataError
        If the table lacks a column or a value is out of its range.

    Notes
    -----
    The simulated people are more sensitive to insulin than real ones, so the rule gives
    them more than it would give real people.

    References
    ----------
    Table glucose_clinical_values; on such rules King et al. (2016),
    doi:10.1007/s11892-016-0772-0.

    Examples
    --------
    >>> people = pd.DataFrame(
    ...     {"patient": ["a"], "weight_kg": [80.0], "basal_u_per_hour": [0.8]})
    >>> advise_by_weight(people).loc[0, "carbohydrate_ratio_g_per_u"]
    np.float64(12.5)
    """
    _, weight, _ = inputs.read_known(patients)
    rules = {name: row["value"] for name, row in clinical().items()}
    total = rules["first_total_dose"] * weight
    return _advice(
        patients,
        TARGET_MG_DL,
        rules["first_correction_rule"] / total,
        rules["first_carbohydrate_rule"] / total,
    )


def average_twins(patients: pd.DataFrame, prior: GlucosePrior) -> pd.DataFrame:
    """Give everyone the average person's twin, at their own weight and basal rate.

    Parameters
    ----------
    patients : pandas.DataFrame
        Columns patient, weight_kg and basal_u_per_hour.
    prior : GlucosePrior
        As from `twinprivacy.twins.glucose.glucose_prior`.

    Returns
    -------
    pandas.DataFrame
        As from `twinprivacy.twins.glucose.sample_patients`.

    Raises
    ------
    DataError
        If the table lacks a column or a value is out of its range.

    Examples
    --------
    >>> from twinprivacy.twins.glucose import sample_patients
    >>> from twinprivacy.twins.glucose import glucose_prior
    >>> people = sample_patients(500, rng=np.random.default_rng(7))
    >>> average_twins(people.head(2), glucose_prior(people))["gb_mg_dl"].nunique()
    1
    """
    names, weight, basal = inputs.read_known(patients)
    rows = [
        prior.patient(weight_kg=kg, basal_u_per_hour=rate)
        for kg, rate in zip(weight, basal, strict=True)
    ]
    return pd.concat(rows, ignore_index=True).assign(patient=names)


def _as_table(twins: pd.DataFrame | Sequence[GlucoseFit]) -> pd.DataFrame:
    if not isinstance(twins, pd.DataFrame):
        fits = list(twins) if isinstance(twins, Sequence) else [twins]
        if not fits:
            raise DataError("twins must hold one or more; got none")
        n_other = sum(not isinstance(fit, GlucoseFit) for fit in fits)
        if n_other:
            raise DataError(
                "twins must be a pandas.DataFrame or a sequence of GlucoseFit; got "
                f"{n_other} of {len(fits)} others"
            )
        twins = pd.concat([fit.patient for fit in fits], ignore_index=True)
    _check_twins(twins, "twins")
    return twins


def _read_share(counted_share: npt.ArrayLike, n: int) -> AnyArray:
    try:
        share = np.asarray(counted_share, dtype=float)
    except (TypeError, ValueError):
        # Without the cause, which would quote a value.
        share = np.asarray(np.nan)
    if share.shape not in ((), (n,)) or not (np.isfinite(share) & (share > 0)).all():
        raise ParameterError(
            "counted_share must be finite and above 0, one number or one for each of "
            f"{n} people; got others or shape {share.shape}"
        )
    return share


def _advice(
    people: pd.DataFrame, target: float, factor: AnyArray, ratio: AnyArray
) -> pd.DataFrame:
    ratio = np.clip(ratio, *_RATIO_RANGE)
    columns = dict(zip(ADVICE, (target, factor, ratio), strict=True))
    return pd.DataFrame({"patient": people["patient"].to_numpy(), **columns})


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


def _falls_by_a_unit(patients: pd.DataFrame) -> AnyArray:
    """Return how far a unit lowers a resting person, mean over three times of a day."""
    asked = _Asked(patients)
    plasma = asked.plasma(np.zeros(asked.n), np.ones(asked.n))
    fall = asked.rest - asked.after(plasma).min(axis=1)
    return np.asarray(np.maximum(asked.mean(fall), _LEAST_FALL))


def _carbohydrate_ratios(patients: pd.DataFrame) -> AnyArray:
    """Return grams per unit that bring three standard meals back to rest in time."""
    asked = _Asked(patients)
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

    def plasma(self, grams: AnyArray, units: AnyArray) -> AnyArray:
        from twinprivacy.twins.glucose.model import simulate_glucose

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

    def after(self, plasma: AnyArray) -> AnyArray:
        """Return the hours after each one's meal, until it should be over."""
        ticks = np.arange(_AFTER_MINUTES // _STEP_MINUTES + 1)
        places = self.minute[:, None] // _STEP_MINUTES + ticks
        return np.take_along_axis(plasma, places, axis=1)

    def mean(self, values: AnyArray) -> AnyArray:
        return np.asarray(values.reshape(-1, len(_MEAL_MINUTES)).mean(axis=1))


def _check_twins(patients: pd.DataFrame, name: str) -> None:
    """Raise unless a table holds people whom the model can simulate."""
    inputs.check_table(patients, name, ["patient", *PARAMETERS, *inputs.KNOWN])
    inputs.read_people(patients)


MEASURES = ("time_in_range", "time_below_70", "time_above_180")


def follow_advice(patients: pd.DataFrame, advice: pd.DataFrame) -> pd.DataFrame:
    """Give people new doses; everything else about them stays.

    Parameters
    ----------
    patients : pandas.DataFrame
        True people with a prescription, as from
        `twinprivacy.twins.glucose.prescribe`.
    advice : pandas.DataFrame
        As from `advise`, with a row for each of them, in any order.

    Returns
    -------
    pandas.DataFrame
        For `twinprivacy.twins.glucose.simulate_days`.

    Raises
    ------
    DataError
        If a table lacks a column, a value is out of its range, or the advice is not
        for each person once.

    Examples
    --------
    >>> from twinprivacy.twins.glucose import sample_patients
    >>> from twinprivacy.twins.glucose import advise
    >>> from twinprivacy.twins.glucose import prescribe
    >>> rng = np.random.default_rng(7)
    >>> people = prescribe(sample_patients(2, rng=rng), rng=rng, n_visits=0)
    >>> follow_advice(people, advise(people))["target_mg_dl"].tolist()
    [120.0, 120.0]
    """
    inputs.check_table(patients, "patients", ["patient"])
    inputs.check_table(advice, "advice", ["patient", *ADVICE])
    names = patients["patient"]
    same = len(advice) == len(names) and set(advice["patient"]) == set(names)
    if not same:
        raise DataError(
            "advice must have one row for each patient and no other; got "
            f"{len(advice)} rows for {len(names)} patients"
        )
    own = advice.set_index("patient").loc[names, list(ADVICE)]
    return patients.assign(**{name: own[name].to_numpy() for name in ADVICE})


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
        As for `follow_advice`.
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
        As for `follow_advice`, or if `days` is below 1 or `rng` no generator.

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
    doses = follow_advice(patients, advice)
    lived = simulate_days(doses, days=days, rng=rng, habits=habits, n_jobs=n_jobs)
    metrics = glucose_metrics(
        lived.cgm_mg_dl, patients=doses["patient"].to_numpy()
    ).rename(columns={f"{name}_percent": name for name in MEASURES})
    shares = metrics[list(MEASURES)] / 100
    return pd.concat([metrics[["patient"]], shares], axis=1)


def compare_advice(
    patients: pd.DataFrame,
    advice: Mapping[str, pd.DataFrame],
    *,
    reference: str,
    days: int,
    rng: np.random.Generator,
    habits: Habits | None = None,
    n_jobs: int | None = None,
) -> pd.DataFrame:
    """Let the same people live the same days under several advices, side by side.

    Parameters
    ----------
    patients : pandas.DataFrame
        Two people or more, as for `follow_advice`.
    advice : mapping of str to pandas.DataFrame
        As from `advise`, by name.
    reference : str
        The one with which the others are compared.
    days, rng, habits, n_jobs
        As for `advice_time_in_range`; all advices are lived with one seed.

    Returns
    -------
    pandas.DataFrame
        Columns advice, measure (time_in_range, time_below_70, time_above_180), value
        (mean share over people), low, high (Student's 95 % interval over people), n
        (people), and change, change_low, change_high: the mean of the paired
        differences to the reference.

    Raises
    ------
    DataError, ParameterError
        As for `advice_time_in_range`, or if the reference is none of the names.

    Examples
    --------
    >>> from twinprivacy.twins.glucose import sample_patients
    >>> from twinprivacy.twins.glucose import advise
    >>> from twinprivacy.twins.glucose import prescribe
    >>> rng = np.random.default_rng(7)
    >>> people = prescribe(sample_patients(8, rng=rng), rng=rng, n_visits=0)
    >>> from twinprivacy.twins.glucose import advise_by_weight
    >>> ways = {"weight": advise_by_weight(people), "body": advise(people)}
    >>> table = compare_advice(people, ways, reference="weight", days=2, rng=rng)
    >>> table["advice"].value_counts().to_dict()
    {'weight': 3, 'body': 3}
    """
    check_rng(rng)
    check_choice(reference, name="reference", allowed=list(advice))
    seed = int(rng.integers(2**63))
    lived = {
        name: advice_time_in_range(
            patients,
            own,
            days=days,
            rng=np.random.default_rng(seed),
            habits=habits,
            n_jobs=n_jobs,
        )
        for name, own in advice.items()
    }
    rows = []
    for name, shares in lived.items():
        for measure in MEASURES:
            value = mean_interval(shares[measure]).as_dict()
            change = mean_interval(shares[measure] - lived[reference][measure])
            rows.append(
                {"advice": name, "measure": measure}
                | {key: value[key] for key in ("value", "low", "high", "n")}
                | {"change": change.value}
                | {"change_low": change.low, "change_high": change.high}
            )
    return pd.DataFrame(rows)
