"""What a raw glucose record looks like: numbers that need no meal and no model."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import AnyArray, Array
from twinprivacy._validation import check_fraction
from twinprivacy.errors import DataError, FitError
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.people.patients import read_column
from twinprivacy.tables import check_table
from twinprivacy.twins.glucose.inputs import (
    GLUCOSE,
    READINGS_PER_DAY,
    TICK_MINUTES,
    name_rows,
    read_readings,
)

__all__ = [
    "cohort_metrics",
    "glucose_metrics",
    "grid_readings",
    "trace_features",
]


_BLOCKS = 8
_PERCENTILES = (5, 25, 50, 75, 95)
_LAGS_MINUTES = (15, 30, 60, 120, 240, 480, 1_440)
_CHANGES_MINUTES = (15, 60)
# With fewer readings than in a quarter of a day percentiles and lags mean nothing.
_LEAST_READINGS = 72
# An hour of readings is added to both sides of a share, so that none is 0 or 1.
_PSEUDO_READINGS = 12.0
_LARGEST_CORRELATION = 0.999
# SDs below this, on the logarithm, are those of a flat line.
_SMALLEST_SD = 1e-4


def trace_features(
    cgm_mg_dl: npt.ArrayLike, *, patients: npt.ArrayLike | None = None
) -> pd.DataFrame:
    """Describe each person's glucose record by numbers that need no meal and no model.

    All are of the logarithm of glucose, and on scales on which people look normal, as
    `attacks.linkage.link_by_likelihood` wants them: shares as log odds, SDs as
    logarithms, correlations as Fisher's z.

    Parameters
    ----------
    cgm_mg_dl : array_like
        Readings in mg/dL every 5 minutes from midnight, shape (n, n_times); nan where
        missing. 72 or more a person.
    patients : array_like, optional
        Identifiers for the index, shape (n,); without them 0, 1, ...

    Returns
    -------
    pandas.DataFrame
        One row a person. Level: `mean`, `percentile_5` to `percentile_95`. Spread: `sd`
        (with the mean it holds the coefficient of variation), `skewness`, `night_sd`
        (0 to 6 h), `daily_mean_sd` (of the means of days). Shares below 70, in 70 to
        180, above 180 and 250 mg/dL: `below_70` and so on. Rhythm of the day: `hour_0`
        to `hour_21`, the mean of three hours less the whole mean. Memory: `lag_15` to
        `lag_1440`, autocorrelation at minutes apart. Rate of change: `change_15_sd`,
        `change_60_sd` and the skewness of both. Missing where the record is too short
        or has gaps: a day has no `daily_mean_sd`.

    Raises
    ------
    DataError
        If the readings are no table, are infinite or out of the range of mg/dL, or
        there are more or fewer patients than rows.
    FitError
        If anyone has fewer than 72 readings.

    References
    ----------
    Herrero (2022), doi:10.1089/dia.2021.0498, told people apart by such measures over
    parts of the day.

    Examples
    --------
    >>> hours = np.arange(2 * 288) / 12
    >>> waves = 140 + 40 * np.sin(2 * np.pi * hours / 24)
    >>> features = trace_features([waves, np.roll(waves, 72)], patients=["a", "b"])
    >>> features[["mean", "hour_3", "hour_15"]].round(2)
             mean  hour_3  hour_15
    patient
    a        4.92    0.25    -0.28
    b        4.92   -0.10     0.12
    """
    cgm = read_readings(cgm_mg_dl)
    names = name_rows(patients, len(cgm))
    _check_lengths(cgm)
    logs = np.log(cgm)
    mean, sd = _mean(logs), _sd(logs)
    centred = logs - mean[:, None]
    columns = {"mean": mean, "sd": np.log(sd)}
    columns |= {"skewness": _mean(centred**3) / sd**3}
    columns |= _percentiles(logs) | _shares(cgm) | _rhythm(centred)
    columns |= _memory(centred, sd) | _changes(logs)
    return pd.DataFrame(columns, index=pd.Index(names, name="patient"))


def glucose_metrics(
    cgm_mg_dl: npt.ArrayLike, *, patients: npt.ArrayLike | None = None
) -> pd.DataFrame:
    """Measure each person's glucose control as clinics do.

    Parameters
    ----------
    cgm_mg_dl : array_like
        Readings in mg/dL, shape (n, n_times), missing ones as nan.
    patients : array_like, optional
        Identifiers, shape (n,); without them 0, 1, ...

    Returns
    -------
    pandas.DataFrame
        One row a person: patient, n_readings, mean_mg_dl, sd_mg_dl, cv_percent and the
        percentages of readings below 54 and 70, in 70 to 180 (ends included), and above
        180 and 250 mg/dL. Missing for a person without readings.

    Raises
    ------
    DataError
        If the readings are no table or out of the range of mg/dL, or there are more or
        fewer patients than rows.

    References
    ----------
    Battelino (2019), doi:10.2337/dci19-0028.

    Examples
    --------
    >>> table = glucose_metrics([[60, 100, 140, 200, np.nan]])
    >>> table.loc[0, ["mean_mg_dl", "time_in_range_percent"]].tolist()
    [125.0, 50.0]
    """
    cgm = read_readings(cgm_mg_dl)
    names = name_rows(patients, len(cgm))
    n = np.isfinite(cgm).sum(axis=1)
    # Nobody's mean is nan without a warning.
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.nansum(cgm, axis=1) / n
        squares = np.nansum((cgm - mean[:, None]) ** 2, axis=1)
        sd = np.sqrt(squares / np.where(n > 1, n - 1, np.nan))
        shares = {
            f"{name}_percent": 100 * inside.sum(axis=1) / n
            for name, inside in {
                "time_below_54": cgm < 54,
                "time_below_70": cgm < 70,
                "time_in_range": (cgm >= 70) & (cgm <= 180),
                "time_above_180": cgm > 180,
                "time_above_250": cgm > 250,
            }.items()
        }
    start = {"patient": names, "n_readings": n, "mean_mg_dl": mean, "sd_mg_dl": sd}
    return pd.DataFrame({**start, "cv_percent": 100 * sd / mean, **shares})


def cohort_metrics(
    metrics: pd.DataFrame, *, confidence_level: float = 0.95
) -> dict[str, Estimate]:
    """Estimate the mean over people of each measure of `glucose_metrics`.

    Parameters
    ----------
    metrics : pandas.DataFrame
        As from `glucose_metrics`; people without readings are left out.
    confidence_level : float
        Strictly between 0 and 1, for Student's t interval of a mean.

    Returns
    -------
    dict of str to Estimate
        By name of the measure, with the number of people as n.

    Raises
    ------
    FitError
        If fewer than two people have readings.
    ParameterError
        If the level is outside (0, 1).

    Examples
    --------
    >>> table = glucose_metrics([[100, 120, 140], [120, 140, 160], [150, 150, 150]])
    >>> cohort_metrics(table)["mean_mg_dl"]
    Estimate(value=137, low=98.7, high=175, confidence_level=0.95, n=3)
    """
    from scipy.stats import t

    check_fraction(confidence_level, name="confidence_level")
    known = metrics[metrics["n_readings"] > 1]
    n = len(known)
    if n < 2:
        raise FitError(f"metrics must be of at least 2 people with readings; got {n}")
    values = known.drop(columns=["patient", "n_readings"])
    width = t.ppf((1 + confidence_level) / 2, n - 1) * values.std() / np.sqrt(n)
    return {
        str(name): Estimate(
            mean, mean - width[name], mean + width[name], confidence_level, n
        )
        for name, mean in values.mean().items()
    }


def grid_readings(records: pd.DataFrame) -> tuple[AnyArray, Array]:
    """Lay the readings of devices on five minutes from midnight.

    Parameters
    ----------
    records : pandas.DataFrame
        Columns patient, time (a date and time) and cgm_mg_dl, one row a reading, any
        order. Two readings within five minutes count as their mean. Times with a zone
        are read as the clock on the wall shows them: an hour that it skips is missing,
        and of one that it shows twice both count.

    Returns
    -------
    patients : numpy.ndarray
        Identifiers, sorted, shape (n,).
    cgm_mg_dl : numpy.ndarray
        Readings from midnight of each person's first day, whole days, shape (n,
        n_times); nan where there is none.

    Raises
    ------
    DataError
        If a column is missing, or a value is missing or out of range.

    Examples
    --------
    >>> times = pd.to_datetime(["2020-01-01 00:06", "2020-01-01 23:58"])
    >>> records = pd.DataFrame({"patient": "a", "time": times, "cgm_mg_dl": [99, 120]})
    >>> patients, cgm = grid_readings(records)
    >>> cgm.shape, cgm[0, [1, 287]]
    ((1, 288), array([ 99., 120.]))
    """
    columns = ["patient", "time", GLUCOSE.name]
    check_table(records, name="records", columns=columns)
    missing = int(records[columns].isna().any(axis=1).sum())
    if missing or not pd.api.types.is_datetime64_any_dtype(records["time"]):
        raise DataError(
            "patient, time and cgm_mg_dl must be known, and time a date and time; got "
            f"{missing} of {len(records)} rows with missing values and time of type "
            f"{records['time'].dtype}"
        )
    readings = read_column(records[GLUCOSE.name], GLUCOSE)
    who, patients = pd.factorize(records["patient"], sort=True)
    clock = records["time"].dt.tz_localize(None)
    first = clock.groupby(who).transform("min").dt.normalize()
    place = ((clock - first) // pd.Timedelta(minutes=TICK_MINUTES)).to_numpy()
    n_days = int(place.max()) // READINGS_PER_DAY + 1
    shape = len(patients), n_days * READINGS_PER_DAY
    totals, counts = np.zeros(shape), np.zeros(shape)
    np.add.at(totals, (who, place), readings)
    np.add.at(counts, (who, place), 1)
    table = np.divide(totals, counts, out=np.full(shape, np.nan), where=counts > 0)
    return np.asarray(patients), table


def _check_lengths(cgm: Array) -> None:
    short = int((np.isfinite(cgm).sum(axis=1) < _LEAST_READINGS).sum())
    if short:
        raise FitError(
            f"{GLUCOSE.name} must hold {_LEAST_READINGS} readings or more a person; "
            f"got {short} of {len(cgm)} people with fewer"
        )


def _mean(table: Array) -> Array:
    """Return the mean of what is known of each row, nan of nothing."""
    n = np.isfinite(table).sum(axis=1)
    total = np.nansum(table, axis=1)
    means: Array = np.full(len(table), np.nan)
    np.divide(total, n, out=means, where=n > 0)
    return means


def _sd(table: Array) -> Array:
    spread = np.sqrt(_mean((table - _mean(table)[:, None]) ** 2))
    return np.maximum(spread, _SMALLEST_SD)


def _percentiles(logs: Array) -> dict[str, Array]:
    values = [np.percentile(row[np.isfinite(row)], _PERCENTILES) for row in logs]
    return {
        f"percentile_{level}": np.array([own[i] for own in values])
        for i, level in enumerate(_PERCENTILES)
    }


def _shares(cgm: Array) -> dict[str, Array]:
    n = np.isfinite(cgm).sum(axis=1)
    counts = {
        "below_70": (cgm < 70).sum(axis=1),
        "in_range": ((cgm >= 70) & (cgm <= 180)).sum(axis=1),
        "above_180": (cgm > 180).sum(axis=1),
        "above_250": (cgm > 250).sum(axis=1),
    }
    return {
        name: np.log((count + _PSEUDO_READINGS) / (n - count + _PSEUDO_READINGS))
        for name, count in counts.items()
    }


def _rhythm(centred: Array) -> dict[str, Array]:
    """Return the mean of each three hours, the spread of nights and of daily means."""
    n_days = -(-centred.shape[1] // READINGS_PER_DAY)
    padded = np.full((len(centred), n_days * READINGS_PER_DAY), np.nan)
    padded[:, : centred.shape[1]] = centred
    days = padded.reshape(len(centred), n_days, READINGS_PER_DAY)
    size = READINGS_PER_DAY // _BLOCKS
    columns = {
        f"hour_{block * 24 // _BLOCKS}": _mean(
            days[..., block * size : (block + 1) * size].reshape(len(centred), -1)
        )
        for block in range(_BLOCKS)
    }
    nights = days[..., : READINGS_PER_DAY // 4].reshape(len(centred), -1)
    columns["night_sd"] = np.log(_sd(nights))
    means = _mean(days.reshape(-1, READINGS_PER_DAY)).reshape(len(centred), n_days)
    several = np.isfinite(means).sum(axis=1) > 1
    columns["daily_mean_sd"] = np.where(several, np.log(_sd(means)), np.nan)
    return columns


def _memory(centred: Array, sd: Array) -> dict[str, Array]:
    columns = {}
    for minutes in _LAGS_MINUTES:
        lag = minutes // TICK_MINUTES
        products = centred[:, :-lag] * centred[:, lag:]
        correlation = np.clip(
            _mean(products) / sd**2, -_LARGEST_CORRELATION, _LARGEST_CORRELATION
        )
        columns[f"lag_{minutes}"] = np.arctanh(correlation)
    return columns


def _changes(logs: Array) -> dict[str, Array]:
    columns = {}
    for minutes in _CHANGES_MINUTES:
        lag = minutes // TICK_MINUTES
        change = logs[:, lag:] - logs[:, :-lag]
        sd = _sd(change)
        columns[f"change_{minutes}_sd"] = np.log(sd)
        centred = change - _mean(change)[:, None]
        columns[f"change_{minutes}_skewness"] = _mean(centred**3) / sd**3
    return columns
