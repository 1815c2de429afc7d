"""Whose membership shows: the risk of each patient, and of the most exposed.

An attack that looks random on average may be near perfect for some.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from twinprivacy._types import Array, Flags, Indices
from twinprivacy._validation import check_fraction, check_rng, check_whole
from twinprivacy.attacks.membership.result import MembershipResult
from twinprivacy.errors import DataError
from twinprivacy.estimates.estimate import Estimate, wilson_interval
from twinprivacy.estimates.means import mean_interval, share_interval, within
from twinprivacy.estimates.operating_points import score_bounds

__all__ = [
    "most_exposed",
    "own_area",
    "risk_distribution",
]


def own_area(found: MembershipResult, *, confidence_level: float = 0.95) -> Estimate:
    """Estimate the mean over persons of the area under their own curve.

    It is the probability that a person's own signal is higher when in the training than
    when out: what an attacker achieves who knows what is usual for each person, as with
    many shadow models, while the area of the result has one threshold for all.

    Parameters
    ----------
    found : MembershipResult
        Of one round or more; everyone a member and not, as those of `Shadows` and of
        the audits.
    confidence_level : float
        Two-sided coverage, strictly between 0 and 1.

    Returns
    -------
    Estimate
        In [0, 1]; n is the number of persons. Where all areas are the same, the bounds
        are Newcombe's, method 5, of as many members and others.

    Raises
    ------
    DataError
        If somebody is not once a member and once not.

    Notes
    -----
    Of an audit it is the area of an attacker who knows everybody else in the training,
    and the chance of the fit too: to leave someone out moves the answer away from them
    for nearly everyone, so that closed forms give 1 or nearly so.

    Examples
    --------
    >>> targets = pd.DataFrame(
    ...     {"member": [True, True, False, False], "score": [2.0, 1.0, 1.5, 0.0]},
    ...     index=[0, 1, 0, 1])
    >>> own_area(MembershipResult(targets, "loss")).value
    1.0
    """
    check_fraction(confidence_level, name="confidence_level")
    signals = _read_signals(found.targets, least=1)
    areas = signals.areas(signals.ranks(), signals.member)
    if np.isin(areas, (0, 1)).all():
        return share_interval(areas, confidence_level=confidence_level)
    value, n = float(areas.mean()), len(areas)
    if np.ptp(areas) == 0:
        # No spread is not certainty: answers may be constant.
        low, high = score_bounds(value, n, n, level=confidence_level)
    else:
        mean = mean_interval(areas, confidence_level=confidence_level)
        low, high = mean.low, mean.high
    return within(value, low, high, confidence_level, n, least=0.0)


def risk_distribution(
    found: MembershipResult,
    levels: Sequence[float] = (0.6, 0.7, 0.8, 0.9, 0.95, 0.99),
    *,
    n_permutations: int = 100,
    rng: np.random.Generator,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Return the share of persons above levels of own risk, beside that of chance.

    Parameters
    ----------
    found : MembershipResult
        Of several rounds, as those of `Shadows`.
    levels : sequence of float
        Areas under a person's own curve, strictly between 0 and 1.
    n_permutations : int
        How often each person's signals are shuffled, 1 or more.
    rng : numpy.random.Generator
        Source of the shuffles.
    confidence_level : float
        Two-sided coverage, strictly between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Columns level; share, low, high of the persons whose area reaches it
        (Wilson); by_chance, the mean share when nobody's membership shows; excess,
        the share less that, with excess_low and excess_high; n.

    Raises
    ------
    ParameterError
        For levels or permutations outside their range.
    DataError
        If somebody is not twice a member and twice not.

    Notes
    -----
    Shuffled are the signals of a person within a round, if everyone is in and out in
    each: the two models of a round learn from complementary halves, and what they say
    tends to move apart, so that areas scatter more than independent signals would have
    it. Otherwise signals of different rounds are mixed.

    The excess corrects for people whose area is high though nothing shows; people
    in whom something shows scatter too, so the share above a high level is not that
    of true areas. For an honest figure of the most exposed see `most_exposed`.
    """
    check_rng(rng)
    check_fraction(confidence_level, name="confidence_level")
    for level in levels:
        check_fraction(level, name="levels")
    check_whole(n_permutations, name="n_permutations")
    signals = _read_signals(found.targets, least=2)
    codes, member = signals.codes, signals.member
    ranks, reach = signals.ranks(), np.asarray(levels, dtype=float)
    n_above = (signals.areas(ranks, member)[:, None] >= reach).sum(axis=0)
    chance = np.zeros(len(reach))
    blocks = _blocks(found.targets, codes, member)
    home = np.lexsort((blocks, codes))
    for _ in range(n_permutations):
        shuffled = np.empty_like(member)
        shuffled[home] = member[np.lexsort((rng.random(len(codes)), blocks, codes))]
        areas = signals.areas(ranks, shuffled)
        chance += (areas[:, None] >= reach).mean(axis=0) / n_permutations
    rows = []
    for level, count, by_chance in zip(reach, n_above, chance, strict=True):
        share = wilson_interval(
            int(count), len(signals.names), confidence_level=confidence_level
        )
        ends = (share.value, share.low, share.high)
        rows.append((level, *ends, by_chance, *(e - by_chance for e in ends), share.n))
    columns = "level share low high by_chance excess excess_low excess_high n"
    return pd.DataFrame(rows, columns=columns.split())


def most_exposed(found: MembershipResult, share: float) -> MembershipResult:
    r"""Return the attack on the persons who are most exposed, chosen without it.

    Who is most exposed is chosen by the separation
    :math:`(\bar x_{in} - \bar x_{out}) / s` of their own signals, s the root of the
    mean variance, in one half of the rounds, and the attack on them is that in the
    other half, and the reverse. So chance does not choose: where nothing shows, the
    area is 0.5 for them as for all.

    Parameters
    ----------
    found : MembershipResult
        Of several rounds, as those of `Shadows`.
    share : float
        Of the persons, strictly between 0 and 1; one person at least.

    Returns
    -------
    MembershipResult

    Raises
    ------
    ParameterError
        For a share outside its range.
    DataError
        If somebody is not twice a member and twice not in each half of the rounds.
    """
    check_fraction(share, name="share")
    odd = (found.targets["round"] % 2 == 1).to_numpy()
    parts = []
    for chosen_by, judged_by in ((odd, ~odd), (~odd, odd)):
        separation = _separation(_read_signals(found.targets[chosen_by], least=2))
        n = max(round(share * len(separation)), 1)
        highest = separation.nlargest(n).index
        part = found.targets[judged_by]
        parts.append(part[part.index.isin(highest)])
    return replace(found, targets=pd.concat(parts))


@dataclass(frozen=True, repr=False)
class _Signals:
    """Signals of persons as members and as others, and how many of each they have."""

    names: pd.Index
    codes: Indices
    member: Flags
    signal: Array
    n_in: Indices
    n_out: Indices

    def ranks(self) -> Array:
        """Return mid-ranks of the signals within each person."""
        from scipy.stats import rankdata

        overall = rankdata(self.signal)
        order = np.lexsort((overall, self.codes))
        value, person = overall[order], self.codes[order]
        new = np.append(True, (np.diff(value) != 0) | (np.diff(person) != 0))
        first = np.flatnonzero(new)
        run = np.cumsum(new) - 1
        last = np.append(first[1:], len(order)) - 1
        start = np.searchsorted(person, np.arange(person[-1] + 1))
        ranks = np.empty(len(order))
        ranks[order] = (first[run] + last[run]) / 2 - start[person] + 1
        return ranks

    def areas(self, ranks: Array, member: Flags) -> Array:
        """Return the area under each person's own curve, whoever is the member."""
        total = np.bincount(self.codes, ranks * member, len(self.names))
        least = self.n_in * (self.n_in + 1) / 2
        return np.asarray((total - least) / (self.n_in * self.n_out))


def _read_signals(targets: pd.DataFrame, *, least: int) -> _Signals:
    """Return the signals; raise if somebody is not so often a member, and another."""
    codes, names = pd.factorize(targets.index)
    column = "signal" if "signal" in targets.columns else "score"
    signal = targets[column].to_numpy(dtype=float)
    member = targets["member"].to_numpy(dtype=bool)
    n = len(names)
    n_in, n_out = (np.bincount(codes[side], minlength=n) for side in (member, ~member))
    n_few = int((np.minimum(n_in, n_out) < least).sum())
    if n_few:
        often = "twice" if least == 2 else "once"
        raise DataError(
            f"everyone must be {often} a member and {often} not, in the rounds that "
            f"are used; {n_few} of {n} are not"
        )
    index = pd.Index(names, name="person")
    return _Signals(index, codes.astype(np.intp), member, signal, n_in, n_out)


def _blocks(targets: pd.DataFrame, codes: Indices, member: Flags) -> Indices:
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


def _separation(signals: _Signals) -> pd.Series:
    """Return each person's separation: infinite if answers never vary and differ."""
    codes, member, signal = signals.codes, signals.member, signals.signal
    n = len(signals.names)
    counts = ((member, signals.n_in), (~member, signals.n_out))
    mean_in, mean_out = (
        np.bincount(codes, signal * side, n) / count for side, count in counts
    )
    rest = signal - np.where(member, mean_in[codes], mean_out[codes])
    var_in, var_out = (
        np.bincount(codes, rest**2 * side, n) / (count - 1) for side, count in counts
    )
    spread, gap = np.sqrt((var_in + var_out) / 2), mean_in - mean_out
    # Rounding leaves a spread, and a gap, of answers that are all the same.
    is_flat = spread <= 1e-12 * np.maximum(np.abs(mean_in), np.abs(mean_out))
    differs = np.abs(gap) > 1e-12 * np.abs(mean_out)
    certain = np.where(differs, np.where(gap > 0, np.inf, -np.inf), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        separation = np.where(is_flat, certain, gap / spread)
    return pd.Series(separation, index=signals.names)
