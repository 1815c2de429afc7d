"""What comes of doses: true people live under them, and their glucose is measured."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from twinprivacy._validation import check_choice, check_rng
from twinprivacy.differences import mean_interval
from twinprivacy.errors import DataError
from twinprivacy.twins import _glucose_inputs as inputs
from twinprivacy.twins.glucose_advice import ADVICE
from twinprivacy.twins.glucose_days import Habits, simulate_days
from twinprivacy.twins.glucose_sensor import glucose_metrics

__all__ = ["MEASURES", "advice_time_in_range", "compare_advice", "follow_advice"]

MEASURES = ("time_in_range", "time_below_70", "time_above_180")


def follow_advice(patients: pd.DataFrame, advice: pd.DataFrame) -> pd.DataFrame:
    """Give people new doses; everything else about them stays.

    Parameters
    ----------
    patients : pandas.DataFrame
        True people with a prescription, as from
        `twinprivacy.twins.glucose_days.prescribe`.
    advice : pandas.DataFrame
        As from `advise`, with a row for each of them, in any order.

    Returns
    -------
    pandas.DataFrame
        For `twinprivacy.twins.glucose_days.simulate_days`.

    Raises
    ------
    DataError
        If a table lacks a column, a value is out of its range, or the advice is not
        for each person once.

    Examples
    --------
    >>> from twinprivacy.twins.glucose import sample_patients
    >>> from twinprivacy.twins.glucose_advice import advise
    >>> from twinprivacy.twins.glucose_days import prescribe
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
    >>> from twinprivacy.twins.glucose_advice import advise
    >>> from twinprivacy.twins.glucose_days import prescribe
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
    >>> from twinprivacy.twins.glucose_advice import advise
    >>> from twinprivacy.twins.glucose_days import prescribe
    >>> rng = np.random.default_rng(7)
    >>> people = prescribe(sample_patients(8, rng=rng), rng=rng, n_visits=0)
    >>> from twinprivacy.twins.glucose_advice import advise_by_weight
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
