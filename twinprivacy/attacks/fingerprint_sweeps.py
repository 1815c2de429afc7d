"""Rates of linked fingerprints along an axis: days, drift, diary or the twin's model."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from twinprivacy._validation import check_rng
from twinprivacy.attacks.fingerprints import (
    EVIDENCE,
    Fingerprints,
    FingerprintSettings,
    link_fingerprints,
    simulate_all,
)
from twinprivacy.attacks.linkage_result import LinkageResult
from twinprivacy.errors import ParameterError

__all__ = ["fingerprint_rates", "sweep_fingerprints"]

LEAST_PEOPLE = 20


def fingerprint_rates(
    prints: Mapping[object, Fingerprints],
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
        Of `EVIDENCE`.
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
    >>> from twinprivacy.attacks.fingerprints import (
    ...     FingerprintSettings, simulate_fingerprints
    ... )
    >>> rng = np.random.default_rng(7)
    >>> settings = FingerprintSettings(days=2, twins=False)
    >>> prints = simulate_fingerprints(40, settings, rng=rng)
    >>> rates = fingerprint_rates({2: prints}, axis="days", evidence=["trace"], rng=rng)
    >>> rates[["days", "evidence", "n", "chance"]].to_dict("records")
    [{'days': 2, 'evidence': 'trace', 'n': 40, 'chance': 0.05}]
    """
    check_rng(rng)
    seed = int(rng.integers(2**63))
    rows = []
    for value, own in prints.items():
        for kind in evidence:
            found = link_fingerprints(
                own, evidence=kind, rng=np.random.default_rng(seed)
            )
            rows.append({axis: value, "evidence": kind} | _row(found, confidence_level))
    return pd.DataFrame(rows)


def sweep_fingerprints(
    n_people: int,
    settings: Mapping[object, FingerprintSettings],
    *,
    axis: str = "value",
    evidence: Sequence[str] = EVIDENCE,
    rng: np.random.Generator,
    n_jobs: int | None = None,
) -> pd.DataFrame:
    """Simulate, fit and link the same people under several settings.

    All settings share their draws, and what several need is simulated and fitted once:
    a shorter record is the start of a longer one, and named stretches do not drift.

    Parameters
    ----------
    n_people : int
        20 or more.
    settings : mapping
        Settings by the value on the axis.
    axis, evidence, rng
        As for `fingerprint_rates`; settings without twins give rows of "trace" only.
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
    >>> from twinprivacy.attacks.fingerprints import FingerprintSettings
    >>> by_days = {k: FingerprintSettings(days=k, twins=False) for k in (1, 3)}
    >>> rng = np.random.default_rng(7)
    >>> rates = sweep_fingerprints(40, by_days, axis="days", rng=rng)
    >>> rates[["days", "evidence", "n_candidates"]].to_numpy().tolist()
    [[1, 'trace', 20], [3, 'trace', 20]]
    """
    if n_people < LEAST_PEOPLE:
        raise ParameterError(
            f"n_people must be {LEAST_PEOPLE} or more to be linked; got {n_people!r}"
        )
    prints = simulate_all(n_people, settings, rng, n_jobs)
    seed = int(rng.integers(2**63))
    frames = []
    for value, own in prints.items():
        kinds = [kind for kind in evidence if kind == "trace" or settings[value].twins]
        split = np.random.default_rng(seed)
        frames.append(
            fingerprint_rates({value: own}, axis=axis, evidence=kinds, rng=split)
        )
    return pd.concat(frames, ignore_index=True)


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
