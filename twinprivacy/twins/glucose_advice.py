"""Doses by a glucose twin, by the average one, or by weight alone.

`glucose_advice_trial` lets true people live under them.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import AnyArray
from twinprivacy._validation import is_finite
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.twins import _glucose_advice as asked
from twinprivacy.twins import _glucose_inputs as inputs
from twinprivacy.twins._glucose_plan import clinical
from twinprivacy.twins.glucose_fit import GlucoseFit, GlucosePrior

__all__ = [
    "ADVICE",
    "advise",
    "advise_by_weight",
    "average_twins",
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
    ratio = asked.carbohydrate_ratios(table) * caution * share
    factor = asked.falls_by_a_unit(table) * caution
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
        As from `twinprivacy.twins.glucose_fit.glucose_prior`.

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
    >>> from twinprivacy.twins.glucose_fit import glucose_prior
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
    asked.check_twins(twins, "twins")
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
    ratio = np.clip(ratio, *asked.RATIO_RANGE)
    columns = dict(zip(ADVICE, (target, factor, ratio), strict=True))
    return pd.DataFrame({"patient": people["patient"].to_numpy(), **columns})
