"""How many people of a population stand alone, from a sample of it, and how sure."""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.special import expit, logit
from scipy.stats import t

from twinprivacy._types import Array, Flags
from twinprivacy._validation import (
    check_choice,
    check_fraction,
    check_rng,
    check_whole,
)
from twinprivacy.attacks.uniqueness.partition import ordered_codes, split_people
from twinprivacy.attacks.uniqueness.population.copula import SETTINGS, solve_copula
from twinprivacy.attacks.uniqueness.population.frequencies import (
    Shares,
    Task,
    likelihood_of_uniqueness,
    match_correctness,
    solve_frequencies,
)
from twinprivacy.errors import FitError, ParameterError
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.estimates.means import mean_interval
from twinprivacy.tables import check_names, check_table

__all__ = [
    "METHODS",
    "PopulationUniqueness",
    "population_uniqueness",
    "subsampling_error",
]


METHODS = ("copula", "pitman", "zayatz")


@dataclass(frozen=True, eq=False, repr=False)
class PopulationUniqueness:
    """Hold what a sample says about uniqueness in its population.

    Attributes
    ----------
    method : str
        As asked for.
    quasi_identifiers : tuple of str
    population_size : int
    share_unique : Estimate
        Share of the population that nobody else resembles.
    given_sample_unique : Estimate
        Probability that a person who is unique in the sample is unique in the
        population. Nan where nobody is unique in the sample.
    correctness : Estimate
        Chance that a match with a random person of the population is that person: the
        number of distinct combinations per person. Nan for Zayatz's method.
    sample_unique : float
        Share of the sample that is unique in the sample, an exact count.
    expected_sample_unique : float
        What the fitted model expects of samples of this size. Far from the former, the
        model does not fit, and its answer should not be believed. Nan for Zayatz's.
    people : pandas.DataFrame or None
        For a copula, with the index of the sample: cell_probability, uniqueness (the
        likelihood of it) and correctness (of a match). None for the other methods.
    """

    method: str
    quasi_identifiers: tuple[str, ...]
    population_size: int
    share_unique: Estimate
    given_sample_unique: Estimate
    correctness: Estimate
    sample_unique: float
    expected_sample_unique: float
    people: pd.DataFrame | None

    def __repr__(self) -> str:
        """Show the share, and nobody."""
        share = self.share_unique
        return (
            f"PopulationUniqueness(method={self.method!r}, {share.n} people by "
            f"{len(self.quasi_identifiers)} attributes, population_size="
            f"{self.population_size}, share_unique={share.value:.3g} "
            f"({share.low:.3g} to {share.high:.3g}))"
        )


def population_uniqueness(
    sample: pd.DataFrame,
    quasi_identifiers: Sequence[str],
    population_size: int,
    *,
    method: str = "copula",
    n_resamples: int = 20,
    confidence_level: float = 0.95,
    rng: np.random.Generator,
) -> PopulationUniqueness:
    r"""Estimate the share of a population that is unique, from a random sample of it.

    *Copula*: every value is an interval of a normal score; the scores of a person
    correlate. Numbers and ordered categories keep their order, other values get that in
    which columns correlate most. Turing's share of people has values that the sample
    lacks, as many as Chao's estimate: rare values make people unique. Correlations are
    polychoric, or match mutual information beyond chance where the copula then expects
    a share unique in the sample nearer to what it is. *Rocher*: all values are in the
    order of falling frequency, correlations match mutual information and are never
    negative, and no value is unseen. In both, a person whose combination has
    probability p is unique among N with likelihood :math:`\xi = (1 - p)^{N - 1}`, and a
    match is right with probability :math:`\kappa = [1 - (1 - p)^N] / (N p)`. The share
    unique is counted in populations drawn from the copula; of a large one it is the
    mean of :math:`\xi` over people drawn. *Pitman*: the sizes of the sample's sets
    follow Pitman's two-parameter sampling formula, which also says how the rest of the
    population joins them. *Zayatz*: the population's sets have the sizes of the
    sample's, seen through hypergeometric sampling.

    Parameters
    ----------
    sample : pandas.DataFrame
        One row a person, 2 or more, drawn at random without replacement. A missing
        value is a value of its own.
    quasi_identifiers : sequence of str
        Columns, 1 or more, of any type. Numbers that hardly repeat must be binned
        first, as coarsely as the attacker knows them.
    population_size : int
        People N, at least as many as the sample has.
    method : str
        "copula", "pitman", "zayatz"; or "rocher", the copula as Rocher et al. fit it.
    n_resamples : int
        Samples redrawn from the fitted model for the intervals, 10 or more.
    confidence_level : float
        Two-sided coverage, strictly between 0 and 1.
    rng : numpy.random.Generator
        Source of all draws.

    Returns
    -------
    PopulationUniqueness
        The intervals are of the estimate over populations and samples of these sizes
        *if the model is true*: normal on the logit scale with the standard deviation
        over resamples from the fitted model (for Zayatz, of sets drawn with
        replacement). What they leave out is the model's error, which is mostly larger;
        `subsampling_error` measures it on a table of one's own. Where everybody in the
        sample, or in one column, is different, the sample gives only a lower bound
        :math:`(1 - q)^{N - 1}`, q the largest probability that two people agree which
        seeing no pair agree is compatible with: the value is then 1.

    Raises
    ------
    DataError
        If the sample is no table, names a column twice, lacks one, or one holds
        values that cannot be compared.
    ParameterError
        If a choice or number is outside its range, or the population is smaller than
        the sample.
    FitError
        If there are fewer than two people.

    Notes
    -----
    Cell probabilities are integrals over a rectangle by sequential conditioning on 256
    points, the same for all people. Populations of up to 2 million are drawn from the
    copula (8 bytes a person), as many as make 200,000 people but 1 to 50, and the share
    is the mean of theirs; for larger ones it is over 4,000 cells. A resample draws one
    population, up to 200,000 people. A population no larger than the sample is the
    sample: its uniques are counted. A column that another determines in the sample (a
    state by its ZIP code), and not by chance, is left out of the model: it tells
    nothing more. With more than 50 columns, resamples keep the correlations. Columns
    that hang together in other ways are not found: where `expected_sample_unique` is
    far from `sample_unique`, the model does not fit.

    No interval knows that the nearer of two correlations was chosen.

    References
    ----------
    Rocher, Hendrickx and de Montjoye (2019), doi:10.1038/s41467-019-10933-3; Dankar et
    al. (2012), doi:10.1186/1472-6947-12-66, for Pitman's and Zayatz's; Sibuya (2014),
    doi:10.1007/s10463-013-0427-8; Joreskog (1994), doi:10.1007/BF02296131; Genz (1992),
    doi:10.1080/10618600.1992.10477010.

    Examples
    --------
    >>> rng = np.random.default_rng(1_709)
    >>> people = pd.DataFrame(rng.integers(0, 20, size=(500, 2)), columns=["a", "b"])
    >>> found = population_uniqueness(people, ["a", "b"], 1_000, rng=rng)
    >>> round(found.share_unique.value, 2)  # (1 - 1 / 400) ** 999 = 0.08
    0.09
    """
    names = check_names(quasi_identifiers, name="quasi_identifiers")
    check_table(sample, name="sample", columns=names, least=0)
    n = len(sample)
    if n < 2:
        raise FitError(f"sample must hold at least 2 people; got {n}")
    check_whole(population_size, name="population_size", least=n)
    check_choice(method, name="method", allowed=(*METHODS, "rocher"))
    check_whole(n_resamples, name="n_resamples", least=10)
    check_fraction(confidence_level, name="confidence_level")
    check_rng(rng)
    coded = [ordered_codes(sample[name]) for name in names]
    codes = np.column_stack([column for column, _ in coded])
    ordered = [has_order for _, has_order in coded]
    split = split_people(sample[names])
    task = Task(codes, ordered, split, population_size, n_resamples)
    cells = np.zeros(n) if method in SETTINGS else None
    if _all_differ(task, method):
        found = _lower_bound(n, population_size, confidence_level)
        expected = math.nan
    else:
        if method in SETTINGS:
            values, redrawn, cells = solve_copula(task, SETTINGS[method], rng)
        else:
            values, redrawn = solve_frequencies(task, method, rng)
        found = to_estimates(values, redrawn, population_size, n, confidence_level)
        expected = values.in_sample
    share, given, right = found
    return PopulationUniqueness(
        method=method,
        quasi_identifiers=tuple(names),
        population_size=population_size,
        share_unique=share,
        given_sample_unique=given,
        correctness=right,
        sample_unique=split.n_unique / n,
        expected_sample_unique=expected,
        people=_people(cells, population_size, sample.index),
    )


def subsampling_error(
    population: pd.DataFrame,
    quasi_identifiers: Sequence[str],
    *,
    fraction: float | Sequence[float] = (0.01, 0.02, 0.05, 0.1),
    n_repeats: int = 10,
    methods: Sequence[str] = METHODS,
    n_resamples: int = 20,
    confidence_level: float = 0.95,
    rng: np.random.Generator,
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
        As for `population_uniqueness`.
    n_resamples : int
        As for `population_uniqueness`.
    confidence_level : float
        Of all intervals, strictly between 0 and 1.
    rng : numpy.random.Generator
        Source of the samples and of all that is drawn from them; each sample has its
        own, so that the number of workers does not matter.

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
    names = check_names(quasi_identifiers, name="quasi_identifiers")
    check_table(population, name="population", columns=names)
    fractions = [float(f) for f in np.atleast_1d(np.asarray(fraction, dtype=float))]
    for share in fractions:
        check_fraction(share, name="fraction")
        if round(share * len(population)) < 2:
            raise ParameterError(
                f"fraction must give a sample of 2 people or more; got {share!r} of "
                f"{len(population)}"
            )
    check_whole(n_repeats, name="n_repeats", least=2)
    methods = check_names(methods, name="methods")
    check_rng(rng)
    people = population[names]
    alone = split_people(people).set_sizes() == 1
    settings = {"n_resamples": n_resamples, "confidence_level": confidence_level}
    tasks = [(f, child) for f in fractions for child in rng.spawn(n_repeats)]
    found = Parallel()(
        delayed(_sample_errors)(people, alone, f, methods, settings, child)
        for f, child in tasks
    )
    rows = pd.DataFrame([row for rows in found for row in rows])
    groups = rows.groupby(["fraction", "method"], sort=False)
    summaries = [
        _summarise(group, float(alone.mean()), confidence_level) for _, group in groups
    ]
    return pd.DataFrame(summaries)


def _sample_errors(
    people: pd.DataFrame,
    alone: Flags,
    fraction: float,
    methods: Sequence[str],
    settings: dict[str, Any],
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    """Draw one sample and return what each method says of its population."""
    draw, *children = rng.spawn(1 + len(methods))
    n = round(fraction * len(people))
    chosen = draw.choice(len(people), size=n, replace=False)
    sample = people.iloc[chosen]
    among = alone[chosen][split_people(sample).set_sizes() == 1]
    given_truth = float(among.mean()) if among.size else float("nan")
    rows = []
    for method, child in zip(methods, children, strict=True):
        answer = population_uniqueness(
            sample, [*people], len(people), method=method, rng=child, **settings
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


def _summarise(group: pd.DataFrame, truth: float, level: float) -> dict[str, Any]:
    """Return the errors of one method for one fraction."""
    errors = group["estimate"].to_numpy() - truth
    error = mean_interval(errors, confidence_level=level)
    given = group["given_error"].dropna().to_numpy()
    of_given = mean_interval(given, confidence_level=level) if given.size > 1 else None
    first = group.iloc[0]
    return {
        "method": first["method"],
        "fraction": first["fraction"],
        "n_sample": first["n_sample"],
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


def _all_differ(task: Task, method: str) -> bool:
    """Return whether no two people agree where the method needs some to."""
    if method not in SETTINGS:
        return task.split.n_unique == task.split.n_people
    return any(np.unique(column).size == column.size for column in task.codes.T)


def _lower_bound(n: int, population_size: int, level: float) -> tuple[Estimate, ...]:
    r"""Return estimates of 1 with the bound that pairs of unlike people give.

    If two people agree with probability q, none of the pairs does with a probability of
    about :math:`\exp(-q n (n - 1) / 2)`, and by Jensen's inequality the mean of
    :math:`(1 - p)^{m}` over people is at least :math:`(1 - q)^{m}`.
    """
    agree = min(-math.log((1 - level) / 2) / (n * (n - 1) / 2), 1.0)
    bounds = [(1 - agree) ** m for m in (population_size - 1, population_size - n)]
    share, given = (Estimate(1.0, low, 1.0, level, n) for low in bounds)
    return share, given, share


def to_estimates(
    values: Shares,
    resamples: list[Shares],
    population_size: int,
    n: int,
    level: float,
) -> tuple[Estimate, ...]:
    """Return values with intervals that are normal on the logit scale."""
    redrawn = np.array([astuple(shares) for shares in resamples])
    found = []
    for value, others in zip(astuple(values)[:3], redrawn.T[:3], strict=True):
        some = others[~np.isnan(others)]
        if math.isnan(value) or some.size < 2:
            bounds = (math.nan, math.nan)
            found.append(Estimate(value, *bounds, level, n))
            continue
        every = np.append(some, value)
        zero = _near_zero(every, population_size, n)
        one = 1 - _near_zero(1 - every, population_size, n)
        *at, centre = logit(np.clip(every, zero, one))
        width = t.ppf((1 + level) / 2, some.size - 1) * float(np.std(at, ddof=1))
        low, high = expit(centre - width), expit(centre + width)
        found.append(
            Estimate(value, min(float(low), value), max(float(high), value), level, n)
        )
    return tuple(found)


def _near_zero(shares: Array, population_size: int, n: int) -> float:
    """Return what stands for a share of 0, of which there is no logit.

    Half of the least share among the others, but no less than half a person of the
    population; half a person of the sample where all are 0.
    """
    some = shares[shares > 0]
    if not some.size:
        return 0.5 / (n + 1)
    return max(float(some.min()) / 2, 0.5 / (population_size + 1))


def _people(
    cells: Array | None, population_size: int, index: pd.Index
) -> pd.DataFrame | None:
    """Return what the probabilities of their cells say of people."""
    if cells is None:
        return None
    columns = {
        "cell_probability": cells,
        "uniqueness": likelihood_of_uniqueness(cells, population_size),
        "correctness": match_correctness(cells, population_size),
    }
    return pd.DataFrame(columns, index=index)
