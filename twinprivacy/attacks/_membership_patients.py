"""The risk of single persons: their own signals inside against outside."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array, Indices
from twinprivacy.attacks._membership_pairs import Pairs, read_targets
from twinprivacy.errors import DataError
from twinprivacy.estimates import wilson_interval


def own_separation(targets: pd.DataFrame) -> pd.DataFrame:
    """Return each person's counts, area under the own curve and separation."""
    names, codes, member, signal = _rows(targets)
    n_in, n_out = _counts(codes, member, len(names))
    auc = _areas(codes, member, signal, n_in, n_out)
    mean_in, mean_out = (
        np.bincount(codes, signal * side, len(names)) / n
        for side, n in ((member, n_in), (~member, n_out))
    )
    rest = signal - np.where(member, mean_in[codes], mean_out[codes])
    var_in, var_out = (
        np.bincount(codes, rest**2 * side, len(names)) / (n - 1)
        for side, n in ((member, n_in), (~member, n_out))
    )
    spread, gap = np.sqrt((var_in + var_out) / 2), mean_in - mean_out
    # Rounding leaves a spread of answers that are all the same.
    is_flat = spread <= 1e-12 * np.maximum(np.abs(mean_in), np.abs(mean_out))
    certain = _certain(gap, mean_out)
    with np.errstate(divide="ignore", invalid="ignore"):
        separation = np.where(is_flat, certain, gap / spread)
    return pd.DataFrame(
        {"n_in": n_in, "n_out": n_out, "auc": auc, "separation": separation},
        index=names,
    )


def own_areas(targets: pd.DataFrame) -> Array:
    """Return the area under each person's own curve, of one round or more."""
    names, codes, member, signal = _rows(targets)
    n_in, n_out = _counts(codes, member, len(names), least=1)
    return _areas(codes, member, signal, n_in, n_out)


def pairing(targets: pd.DataFrame) -> float:
    """Return how much more areas vary than with independent rows, 1 at least.

    The two models of a round learn from complementary halves, so that what they say of
    a person may move apart. One person's rounds are too few to tell, so that all count:
    the variance of the influence of a round, as member and as another, over the sum of
    the two variances.
    """
    *_, signal = _rows(targets)
    pairs = read_targets(targets.assign(score=signal))
    if not isinstance(pairs, Pairs):
        return 1.0
    codes, n = pairs.codes, len(pairs.codes)
    both = _ranks(np.tile(codes, 2), np.append(pairs.inside, pairs.outside))
    above = both[:n] - _ranks(codes, pairs.inside)
    below = _ranks(codes, pairs.outside) - both[n:]
    count = np.bincount(codes)
    above, below = (
        side - (np.bincount(codes, side) / count)[codes] for side in (above, below)
    )
    alone = float(above @ above + below @ below)
    return max(float(((above + below) ** 2).sum()) / alone, 1.0) if alone else 1.0


def area_bounds(
    area: Array, n_in: Indices, n_out: Indices, *, level: float, inflation: float = 1.0
) -> tuple[Array, Array]:
    """Return Newcombe's bounds, method 5, of many areas at once, by bisection.

    With a variance so many times that of independent rows.
    """
    from scipy.stats import norm

    z = float(norm.ppf((1 + level) / 2)) * np.sqrt(inflation)

    def lowest(found: Array) -> Array:
        low, high = np.zeros(len(found)), found.astype(float).copy()
        others = (n_in + n_out) / 2 - 1
        for _ in range(50):
            x = (low + high) / 2
            spread = 1 + others * (1 - x) / (2 - x) + others * x / (1 + x)
            error = z * np.sqrt(x * (1 - x) * spread / (n_in * n_out))
            is_below = found - x > error
            low, high = np.where(is_below, x, low), np.where(is_below, high, x)
        return np.asarray((low + high) / 2)

    return np.minimum(lowest(area), area), np.maximum(1 - lowest(1 - area), area)


def shares_by_chance(
    targets: pd.DataFrame,
    levels: Sequence[float],
    n_permutations: int,
    rng: np.random.Generator,
    confidence_level: float,
) -> pd.DataFrame:
    """Return shares of persons above levels, and the same with rounds shuffled."""
    names, codes, member, signal = _rows(targets)
    n_in, n_out = _counts(codes, member, len(names))
    reach = np.asarray(levels, dtype=float)
    area = _areas(codes, member, signal, n_in, n_out)
    ranks = _ranks(codes, signal)
    chance = np.zeros(len(reach))
    blocks = _blocks(targets, codes, member)
    home = np.lexsort((blocks, codes))
    for _ in range(n_permutations):
        shuffled = np.empty_like(member)
        shuffled[home] = member[np.lexsort((rng.random(len(codes)), blocks, codes))]
        shuffled_area = _areas_of(ranks, codes, shuffled, n_in, n_out)
        chance += (shuffled_area[:, None] >= reach).mean(axis=0) / n_permutations
    rows = []
    for level, count, by_chance in zip(
        reach, (area[:, None] >= reach).sum(axis=0), chance, strict=True
    ):
        found = wilson_interval(
            int(count), len(names), confidence_level=confidence_level
        )
        ends = (found.value, found.low, found.high)
        rows.append((level, *ends, by_chance, *(e - by_chance for e in ends), found.n))
    columns = "level share low high by_chance excess excess_low excess_high n"
    return pd.DataFrame(rows, columns=columns.split())


def _rows(
    targets: pd.DataFrame,
) -> tuple[pd.Index, npt.NDArray[np.intp], npt.NDArray[np.bool_], Array]:
    codes, names = pd.factorize(targets.index)
    column = "signal" if "signal" in targets.columns else "score"
    signal = targets[column].to_numpy(dtype=float)
    member = targets["member"].to_numpy(dtype=bool)
    return pd.Index(names, name="person"), codes.astype(np.intp), member, signal


def _blocks(
    targets: pd.DataFrame, codes: npt.NDArray[np.intp], member: npt.NDArray[np.bool_]
) -> npt.NDArray[np.intp]:
    """Return the rounds, if a person is in and out in each, within which to shuffle.

    The two models of a round learn from complementary halves, so that what they say of
    a person is not independent: to mix rounds would lose that.
    """
    rounds, _ = pd.factorize(targets["round"])
    cells, _ = pd.factorize(codes * (rounds.max() + 1) + rounds)
    has_both = [
        np.bincount(cells[side], minlength=cells.max() + 1).all()
        for side in (member, ~member)
    ]
    return np.asarray(rounds if all(has_both) else np.zeros_like(rounds), dtype=np.intp)


def _counts(
    codes: npt.NDArray[np.intp],
    member: npt.NDArray[np.bool_],
    n: int,
    *,
    least: int = 2,
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    n_in, n_out = (np.bincount(codes[side], minlength=n) for side in (member, ~member))
    n_few = int((np.minimum(n_in, n_out) < least).sum())
    if n_few:
        often = "twice" if least == 2 else "once"
        raise DataError(
            f"everyone must be {often} a member and {often} not, in the rounds that "
            f"are used; {n_few} of {n} are not"
        )
    return n_in, n_out


def _ranks(codes: npt.NDArray[np.intp], signal: Array) -> Array:
    """Return mid-ranks of the signals within each person."""
    from scipy.stats import rankdata

    overall = rankdata(signal)
    order = np.lexsort((overall, codes))
    value, person = overall[order], codes[order]
    new = np.append(True, (np.diff(value) != 0) | (np.diff(person) != 0))
    first = np.flatnonzero(new)
    run = np.cumsum(new) - 1
    last = np.append(first[1:], len(order)) - 1
    start = np.searchsorted(person, np.arange(person[-1] + 1))
    ranks = np.empty(len(order))
    ranks[order] = (first[run] + last[run]) / 2 - start[person] + 1
    return ranks


def _areas(
    codes: npt.NDArray[np.intp],
    member: npt.NDArray[np.bool_],
    signal: Array,
    n_in: Indices,
    n_out: Indices,
) -> Array:
    return _areas_of(_ranks(codes, signal), codes, member, n_in, n_out)


def _areas_of(
    ranks: Array,
    codes: npt.NDArray[np.intp],
    member: npt.NDArray[np.bool_],
    n_in: Indices,
    n_out: Indices,
) -> Array:
    total = np.bincount(codes, ranks * member, len(n_in))
    return np.asarray((total - n_in * (n_in + 1) / 2) / (n_in * n_out))


def _certain(gap: Array, usual: Array) -> Array:
    """Return an infinite separation of answers that never vary, or none."""
    differs = np.abs(gap) > 1e-12 * np.abs(usual)
    return np.where(differs, np.where(gap > 0, np.inf, -np.inf), 0.0)
