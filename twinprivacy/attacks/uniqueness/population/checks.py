"""How far estimates of population uniqueness are off, on a population that is known."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._validation import check_choice, check_fraction, check_rng
from twinprivacy.attacks.uniqueness.population.estimates import (
    METHODS,
    population_uniqueness,
)
from twinprivacy.attacks.uniqueness.population.frequencies import set_sizes
from twinprivacy.attacks.uniqueness.population.margins import (
    check_columns,
    code_columns,
)
from twinprivacy.errors import ParameterError
from twinprivacy.estimates.means import mean_interval

__all__ = [
    "subsampling_error",
]


def subsampling_error(
    population: pd.DataFrame,
    quasi_identifiers: Sequence[str],
    *,
    fraction: float | Sequence[float] = (0.01, 0.02, 0.05, 0.1),
    n_repeats: int = 10,
    methods: Sequence[str] = METHODS,
    confidence_level: float = 0.95,
    rng: np.random.Generator,
    **settings: Any,
) -> pd.DataFrame:
    """Measure the error of population uniqueness by sampling a known population.

    Samples are drawn without replacement; all methods see the same. Use it on a table
    of one's own to learn which method, if any, to believe there: the intervals of the
    methods leave their model's error out.

    Parameters
    ----------
    population : pandas.DataFrame
        One row a person; taken as everybody.
    quasi_identifiers : sequence of str
        Columns, 1 or more.
    fraction : float or sequence of float
        Shares of the population sampled, each strictly in (0, 1) and 2 people or more.
    n_repeats : int
        Samples for each fraction, 2 or more.
    methods : sequence of str
        Of "copula", "pitman" and "zayatz".
    confidence_level : float
        Of all intervals, strictly between 0 and 1.
    rng : numpy.random.Generator
        Source of the samples and of all that is drawn from them; each sample has its
        own, so that the number of workers does not matter.
    **settings
        Further settings of `population_uniqueness`.

    Returns
    -------
    pandas.DataFrame
        One row for each fraction and method: method, fraction, n_sample, n_repeats,
        truth (share of the population that is unique), estimate (mean over samples),
        error (mean of estimate minus truth) with low and high, root_mean_square_error,
        covered (share of the intervals that hold the truth), given_error (mean error of
        the probability that a sample unique is a population unique) with given_low and
        given_high. The intervals are Student's, over samples.

    Raises
    ------
    DataError, ParameterError, FitError
        As `population_uniqueness`; also for fewer than two repeats.

    Examples
    --------
    >>> rng = np.random.default_rng(1_709)
    >>> people = pd.DataFrame(rng.integers(0, 40, size=(2_000, 2)), columns=["a", "b"])
    >>> found = subsampling_error(
    ...     people, ["a", "b"], fraction=0.1, n_repeats=3, methods=["zayatz"], rng=rng
    ... )
    >>> found[["truth", "estimate"]].round(2).values.tolist()
    [[0.3, 0.84]]
    """
    from joblib import Parallel, delayed

    names = check_columns(population, quasi_identifiers)
    fractions = _check(len(population), fraction, n_repeats, methods, rng)
    check_fraction(confidence_level, name="confidence_level")
    known = pd.DataFrame(
        {"alone": set_sizes(code_columns(population, names)[0])[1] == 1}
    )
    known = known.set_index(population.index)
    settings = settings | {"confidence_level": confidence_level}
    tasks = [(f, child) for f in fractions for child in rng.spawn(n_repeats)]
    found = Parallel()(
        delayed(_one_sample)(
            population, names, known["alone"].to_numpy(), f, methods, settings, child
        )
        for f, child in tasks
    )
    rows = pd.DataFrame([row for rows in found for row in rows])
    truth = float(known["alone"].mean())
    return pd.DataFrame(
        [
            _summarise(key, group, truth, confidence_level)
            for key, group in rows.groupby(["fraction", "method"], sort=False)
        ]
    )


def _one_sample(
    population: pd.DataFrame,
    names: list[str],
    alone: Any,
    fraction: float,
    methods: Sequence[str],
    settings: dict[str, Any],
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    """Draw one sample and return what each method says of its population."""
    draw, *children = rng.spawn(1 + len(methods))
    n = round(fraction * len(population))
    chosen = draw.choice(len(population), size=n, replace=False)
    sample = population[names].iloc[chosen]
    unique_here = set_sizes(code_columns(sample, names)[0])[1] == 1
    among = alone[chosen][unique_here]
    given_truth = float(among.mean()) if among.size else float("nan")
    rows = []
    for method, child in zip(methods, children, strict=True):
        answer = population_uniqueness(
            sample, names, len(population), method=method, rng=child, **settings
        )
        share, given = answer.share_unique, answer.given_sample_unique
        rows.append(
            {
                "method": method,
                "fraction": fraction,
                "n_sample": n,
                "estimate": share.value,
                "covered": share.low <= alone.mean() <= share.high,
                "given_error": given.value - given_truth,
            }
        )
    return rows


def _summarise(
    key: Any, group: pd.DataFrame, truth: float, level: float
) -> dict[str, Any]:
    """Return one row of the frame."""
    fraction, method = key
    errors = group["estimate"].to_numpy() - truth
    error = mean_interval(errors, confidence_level=level)
    given = group["given_error"].dropna().to_numpy()
    of_given = mean_interval(given, confidence_level=level) if given.size > 1 else None
    return {
        "method": method,
        "fraction": fraction,
        "n_sample": int(group["n_sample"].iloc[0]),
        "n_repeats": len(group),
        "truth": truth,
        "estimate": truth + error.value,
        "error": error.value,
        "low": error.low,
        "high": error.high,
        "root_mean_square_error": float(np.sqrt(np.mean(errors**2))),
        "covered": float(group["covered"].mean()),
        "given_error": of_given.value if of_given else np.nan,
        "given_low": of_given.low if of_given else np.nan,
        "given_high": of_given.high if of_given else np.nan,
    }


def _check(
    n: int,
    fraction: float | Sequence[float],
    n_repeats: int,
    methods: Sequence[str],
    rng: np.random.Generator,
) -> list[float]:
    """Return the fractions if all settings are within their ranges."""
    check_rng(rng)
    fractions = [float(f) for f in np.atleast_1d(np.asarray(fraction, dtype=float))]
    for f in fractions:
        check_fraction(f, name="fraction")
        if round(f * n) < 2:
            raise ParameterError(
                f"fraction must give a sample of 2 people or more; got {f!r} of {n}"
            )
    if n_repeats < 2:
        raise ParameterError(f"n_repeats must be 2 or more; got {n_repeats!r}")
    if isinstance(methods, str) or not methods:
        raise ParameterError("methods must be a list of one method or more")
    for method in methods:
        check_choice(method, name="methods", allowed=METHODS)
    return fractions
