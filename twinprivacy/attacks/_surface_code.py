r"""How many bits a held record tells a thief who knew some of it: its code length.

By the chain rule a record costs :math:`-\sum_j \log_2 P(x_j \mid k, x_{<j})`, what was
known being k. Each conditional law is learned from other people: a logistic regression
for categories, a normal law about a least-squares line for numbers that are held to a
step. A thief who guesses better beforehand learns less.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy.twins._outcome_checks import sorted_rows

__all__ = ["code_lengths"]


def code_lengths(
    people: pd.DataFrame,
    columns: Sequence[str],
    *,
    known: Sequence[str] = (),
    steps: Mapping[str, float],
) -> Array:
    """Return what each held column tells beyond those before it, shape (n, columns).

    Parameters
    ----------
    people : pandas.DataFrame
        One row a person. Half of them, by turns in the order of the index, teach the
        laws by which the other half is measured.
    columns : sequence of str
        Held, in the order of the chain.
    known : sequence of str
        Known beforehand.
    steps : mapping of str to float
        Step to which each number is held; all other columns are categories.

    Examples
    --------
    >>> coin = pd.DataFrame({"coin": np.tile([True, True, False, False], 500)})
    >>> float(code_lengths(coin, ["coin"], steps={}).mean().round(2))
    1.0
    """
    order = sorted_rows(people.index)
    ordered = people.iloc[order]
    turn = np.arange(len(people)) % 2
    seen = np.hstack(
        [np.ones((len(people), 1)), *(_numbers(ordered[name]) for name in known)]
    )
    bits = np.empty((len(people), len(columns)))
    for j, name in enumerate(columns):
        values = ordered[name]
        law: Any = _number_law if name in steps else _category_law
        setting: Any
        if name in steps:
            setting, held = steps[name], _rounded(values, steps[name])
        else:
            held = _codes(values)
            setting = int(held.max()) + 1
        for fold in (0, 1):
            learn, judge = turn != fold, turn == fold
            chance = law(seen[learn], held[learn], seen[judge], held[judge], setting)
            bits[order[judge], j] = -np.log2(chance)
        own = held[:, None] if name in steps else _indicators(held, setting)
        seen = np.hstack([seen, _standard(own)])
    return bits


def _numbers(values: "pd.Series[Any]") -> Array:
    """Return a known column as numbers for a regression."""
    if pd.api.types.is_numeric_dtype(values) and values.dtype != bool:
        return _standard(values.to_numpy(dtype=float)[:, None])
    codes = _codes(values)
    return _standard(_indicators(codes, int(codes.max()) + 1))


def _codes(values: "pd.Series[Any]") -> Any:
    return pd.factorize(values, sort=True)[0]


def _indicators(codes: Any, n_values: int) -> Array:
    return np.asarray(codes[:, None] == np.arange(1, n_values), dtype=float)


def _standard(columns: Array) -> Array:
    spread = columns.std(axis=0)
    return np.asarray((columns - columns.mean(axis=0)) / np.where(spread, spread, 1.0))


def _rounded(values: "pd.Series[Any]", step: float) -> Array:
    return np.asarray(np.round(values.to_numpy(dtype=float) / step) * step)


def _number_law(
    seen: Array, held: Array, asked: Array, truth: Array, step: float
) -> Array:
    """Return the chance of the step in which each number lies."""
    from scipy.stats import norm

    line = np.linalg.lstsq(seen, held, rcond=None)[0]
    sd = max(float(np.std(held - seen @ line)), step / 10)
    low = truth - step / 2 - asked @ line
    chance = norm.cdf((low + step) / sd) - norm.cdf(low / sd)
    span = (np.ptp(held) + step) / step
    return _mixed(chance, 1 / span, len(held))


def _category_law(
    seen: Array, held: Any, asked: Array, truth: Any, n_values: int
) -> Array:
    """Return the chance of each person's category."""
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    chance = np.zeros((len(truth), n_values))
    found = np.unique(held)
    if len(found) == 1:
        chance[:, found[0]] = 1.0
    else:
        model = LogisticRegression(C=1.0, max_iter=300, tol=1e-3).fit(seen, held)
        chance[:, found] = model.predict_proba(asked)
    return _mixed(chance[np.arange(len(truth)), truth], 1 / n_values, len(held))


def _mixed(chance: Array, level: float, n: int) -> Array:
    """Mix in a level law as one person more among n would, so that nothing is 0."""
    return np.asarray((n * chance + level) / (n + 1))
