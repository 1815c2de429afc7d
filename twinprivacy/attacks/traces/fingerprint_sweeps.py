"""Rates of linked fingerprints along an axis: days, drift, diary, the model."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._validation import check_rng
from twinprivacy.attacks.linkage.result import LinkageResult
from twinprivacy.attacks.traces.fingerprints import (
    EVIDENCE,
    Fingerprints,
    FingerprintSettings,
    link_fingerprints,
    simulate_each,
)
from twinprivacy.errors import ParameterError

__all__ = [
    "fingerprint_rates",
    "sweep_fingerprints",
]


LEAST_PEOPLE = 20


def fingerprint_rates(
    prints: Mapping[Any, Fingerprints],
    *,
    axis: str = "value",
    evidence: Sequence[str] = EVIDENCE,
    rng: np.random.Generator,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Link the fingerprints of several settings and put the rates side by side.

    Parameters
    ----------
    prints : mapping
        Fingerprints by the value on the axis, all of the same people.
    axis : str
        Name of that column.
    evidence : sequence of str
        Of `EVIDENCE`; where no twins were fitted, "trace" only.
    rng : numpy.random.Generator
        People are cut in the same two halves for every row, so that rows are paired.
    confidence_level : float
        Strictly between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Columns: the axis, evidence, rate (rank 1), low, high (Wilson's), n (targets),
        n_candidates, chance, rank_5 (rate among the five first), bits, bits_low and
        bits_high (Student's, of the mean over targets).

    Raises
    ------
    ParameterError, FitError
        As `link_fingerprints`.

    Examples
    --------
    >>> from twinprivacy.attacks.traces import (
    ...     FingerprintSettings,
    ...     simulate_fingerprints,
    ... )
    >>> rng = np.random.default_rng(7)
    >>> settings = FingerprintSettings(days=1, twins=False)
    >>> prints = simulate_fingerprints(20, settings, rng=rng)
    >>> rates = fingerprint_rates({1: prints}, axis="days", evidence=["trace"], rng=rng)
    >>> rates[["days", "evidence", "n", "chance"]].to_dict("records")
    [{'days': 1, 'evidence': 'trace', 'n': 20, 'chance': 0.1}]
    """
    check_rng(rng)
    seed = int(rng.integers(2**63))
    rows = []
    for value, own in prints.items():
        fitted = own.named_twin is not None
        for kind in (kind for kind in evidence if fitted or kind == "trace"):
            found = link_fingerprints(
                own, evidence=kind, rng=np.random.default_rng(seed)
            )
            rows.append({axis: value, "evidence": kind} | _row(found, confidence_level))
    return pd.DataFrame(rows)


def sweep_fingerprints(
    n_people: int,
    settings: Mapping[Any, FingerprintSettings],
    *,
    axis: str = "value",
    evidence: Sequence[str] = EVIDENCE,
    rng: np.random.Generator,
    n_jobs: int | None = None,
) -> pd.DataFrame:
    """Simulate, fit and link the same people under several settings (`simulate_each`).

    Parameters
    ----------
    n_people : int
        20 or more.
    settings : mapping
        Settings by the value on the axis.
    axis, evidence, rng
        As for `fingerprint_rates`.
    n_jobs : int, optional
        Threads; without it one a core. The answer does not depend on it.

    Returns
    -------
    pandas.DataFrame
        As of `fingerprint_rates`.

    Raises
    ------
    ParameterError
        If there are fewer than 20 people, no settings, or `rng` is no generator.

    Examples
    --------
    >>> from twinprivacy.attacks.traces import FingerprintSettings
    >>> by_days = {k: FingerprintSettings(days=k, twins=False) for k in (1, 2)}
    >>> rng = np.random.default_rng(7)
    >>> rates = sweep_fingerprints(20, by_days, axis="days", rng=rng)
    >>> rates[["days", "evidence", "n_candidates"]].to_numpy().tolist()
    [[1, 'trace', 10], [2, 'trace', 10]]
    """
    if n_people < LEAST_PEOPLE:
        raise ParameterError(
            f"n_people must be {LEAST_PEOPLE} or more to be linked; got {n_people!r}"
        )
    prints = simulate_each(n_people, settings, rng=rng, n_jobs=n_jobs)
    return fingerprint_rates(prints, axis=axis, evidence=evidence, rng=rng)


def _row(found: LinkageResult, confidence_level: float) -> dict[str, float | int]:
    rate = found.rank_rate(1, confidence_level=confidence_level)
    bits = found.bits(confidence_level=confidence_level)
    return {
        "rate": rate.value,
        "low": rate.low,
        "high": rate.high,
        "n": rate.n,
        "n_candidates": found.n_candidates,
        "chance": found.chance(1),
        "rank_5": found.rank_rate(5).value,
        "bits": bits.value,
        "bits_low": bits.low,
        "bits_high": bits.high,
    }
