"""A keeper of digital twins as its breaches see it: people, data, rate and costs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf
from typing import Any

import numpy as np

from twinprivacy._types import Array
from twinprivacy._validation import (
    as_numbers,
    check_at_least,
    check_positive,
    check_rng,
    check_share,
    check_whole,
)
from twinprivacy.errors import ParameterError

__all__ = [
    "CostComponent",
    "ExposedShare",
    "Programme",
    "draw_programmes",
    "hold_fewer_kinds",
    "segment",
    "shorten_retention",
]


_Pair = tuple[float, float]
_Covariance = tuple[_Pair, _Pair]


@dataclass(frozen=True)
class CostComponent:
    r"""One kind of cost of a breach, such as a penalty or letters to the people.

    A breach of :math:`m` people costs, if the component occurs,
    :math:`Y = \min(A \, m^b \, e^{\sum_k \delta_k} R, \; C)` with
    :math:`\ln R \sim N(0, s^2)`, or :math:`P(R > r) = r^{-\alpha}` for
    :math:`r \ge 1`.

    Parameters
    ----------
    name : str
    usd_of_one_person : float
        :math:`A > 0`, median amount (Pareto: smallest) at one person exposed.
    elasticity : float
        :math:`b`; 1 is a constant cost per person, 0 a cost whatever the size.
    residual_sd : float
        :math:`s` in [0, 15], standard deviation of the natural log of the amount.
    probability : float or (float, float)
        That the component occurs in a breach: a constant in [0, 1], or intercept and
        slope of its logit on log10 of the people exposed.
    tail_index : float, optional
        :math:`\alpha > 0` of a Pareto residual in place of the log-normal one; above 1
        unless there is a ceiling.
    ceiling_usd : float
        :math:`C > 0`, largest amount, such as a limit in law; may be infinite.
    kind_effects : mapping of str to (float, float), or its items
        :math:`\delta_k`, natural log of the ratio of amounts if data of kind k are
        held, and its standard error. Kinds not listed have no effect.
    covariance : 2 x 2 nested tuple, optional
        Of :math:`(\ln A, b)`.
    probability_covariance : 2 x 2 nested tuple, optional
        Of intercept and slope of the logit.
    residual_df : float, optional
        Degrees of freedom behind `residual_sd`.

    Raises
    ------
    ParameterError
        For a value outside its range, or an infinite mean.

    Examples
    --------
    >>> letters = CostComponent("letters", usd_of_one_person=2.0, elasticity=1.0)
    >>> letters.scale_usd(np.array([10.0, 1000.0]), kinds=("genome",))
    array([  20., 2000.])
    """

    name: str
    usd_of_one_person: float
    elasticity: float
    residual_sd: float = 0.0
    probability: _Pair | float = 1.0
    tail_index: float | None = None
    ceiling_usd: float = inf
    kind_effects: Mapping[str, _Pair] | tuple[tuple[str, _Pair], ...] = ()
    covariance: _Covariance | None = None
    probability_covariance: _Covariance | None = None
    residual_df: float | None = None

    def __post_init__(self) -> None:
        """Refuse values outside their ranges, and freeze the effects."""
        check_positive(self.usd_of_one_person, name="usd_of_one_person")
        as_numbers(self.elasticity, name="elasticity")
        check_at_least(self.residual_sd, 0, name="residual_sd")
        if self.residual_sd > _LARGEST_SD:
            raise ParameterError(
                f"residual_sd must be at most {_LARGEST_SD:g}; got {self.residual_sd!r}"
            )
        if isinstance(self.probability, tuple):
            as_numbers(self.probability, name="intercept and slope of probability")
        else:
            check_share(self.probability, name="probability")
        if not self.ceiling_usd > 0:
            raise ParameterError(
                f"ceiling_usd must be above 0; got {self.ceiling_usd!r}"
            )
        _check_tail(self)
        if self.residual_df is not None:
            check_positive(self.residual_df, name="residual_df")
        _check_covariance(self.covariance, name="covariance")
        _check_covariance(self.probability_covariance, name="probability_covariance")
        if self.probability_covariance and not isinstance(self.probability, tuple):
            raise ParameterError(
                "probability_covariance needs probability as intercept and slope; got "
                f"the constant {self.probability!r}"
            )
        effects = dict(self.kind_effects)
        for kind, (effect, error) in effects.items():
            as_numbers(effect, name=f"kind_effects[{kind!r}]")
            check_at_least(error, 0, name=f"standard error of {kind!r}")
        # A dictionary has no hash and could be changed; its items can not.
        object.__setattr__(self, "kind_effects", tuple(effects.items()))

    def scale_usd(self, people: Array, *, kinds: tuple[str, ...]) -> Array:
        """Return the amount at residual 1, before the ceiling, in USD."""
        effect = sum(
            effect for k, (effect, _) in dict(self.kind_effects).items() if k in kinds
        )
        factor = self.usd_of_one_person * np.exp(effect)
        return np.asarray(factor * people**self.elasticity, dtype=float)

    def occurrence(self, people: Array) -> Array:
        """Return the probability that the component occurs, of the shape of people."""
        if not isinstance(self.probability, tuple):
            return np.full(people.shape, float(self.probability))
        from scipy.special import expit

        intercept, slope = self.probability
        return np.asarray(expit(intercept + slope * np.log10(people)))


@dataclass(frozen=True)
class ExposedShare:
    r"""The share of the people on record that one breach exposes.

    With probability `whole` it is 1, otherwise a Beta(a, b) number in (0, 1), or
    `constant` where that is given.

    Parameters
    ----------
    whole : float
        In [0, 1].
    a, b : float
        Above 0; the beta mean is a / (a + b).
    constant : float, optional
        In [0, 1]. At 0 a breach that is not of the whole store costs nothing.

    Raises
    ------
    ParameterError
        For a value outside its range.

    Examples
    --------
    >>> ExposedShare(whole=0.2, a=1, b=3).mean()
    0.4
    >>> ExposedShare.fixed(0.25).mean()
    0.25
    """

    whole: float = 0.0
    a: float = 1.0
    b: float = 1.0
    constant: float | None = None

    def __post_init__(self) -> None:
        """Refuse values outside their ranges."""
        check_positive(self.a, name="a")
        check_positive(self.b, name="b")
        check_share(self.whole, name="whole")
        if self.constant is not None:
            check_share(self.constant, name="constant")

    @classmethod
    def fixed(cls, share: float) -> "ExposedShare":
        """Return the law of a constant share in [0, 1]."""
        return cls(constant=share)

    def mean(self) -> float:
        """Return the expected share."""
        partial = self.a / (self.a + self.b)
        if self.constant is not None:
            partial = self.constant
        return self.whole + (1 - self.whole) * partial

    def quadrature(
        self, n_nodes: int, *, smallest: float = 0.0
    ) -> tuple[Array, Array, Array]:
        r"""Return weights, shares and the edges of the shares' cells.

        With :math:`Q` the beta quantile, :math:`F` the probability of a share below
        `smallest` :math:`s` (which counts as that share) and
        :math:`u = F + (1 - F) t^2 (3 - 2t)`,

        .. math:: E f = F f(s) + \int_0^1 f(Q(u(t))) \, u'(t) \, dt

        by Gauss-Legendre nodes in t: the change of variable removes the singularities
        of Q at 0 and 1. The cells are the stretches of shares that have the weights as
        probabilities.

        Returns
        -------
        weights, shares : numpy.ndarray, shape (n,)
            The weights sum to 1; a share that has no probability is left out.
        edges : numpy.ndarray, shape (2, n)
            Lower and upper end of each cell; both are the share where it has an atom.
        """
        if self.constant is None:
            weights, shares, edges = self._beta_nodes(n_nodes, smallest)
        else:
            weights, shares = np.ones(1), np.array([float(self.constant)])
            edges = np.array([shares, shares])
        weights = np.append(weights * (1 - self.whole), self.whole)
        shares = np.append(shares, 1.0)
        edges = np.hstack([edges, np.ones((2, 1))])
        held = weights > 0
        return weights[held], shares[held], edges[:, held]

    def _beta_nodes(self, n_nodes: int, smallest: float) -> tuple[Array, Array, Array]:
        from scipy.special import betainc, betaincinv

        below = float(betainc(self.a, self.b, min(smallest, 1.0)))
        t, weights = _legendre(n_nodes)
        weights = (1 - below) * weights * 6 * t * (1 - t)
        ranks = below + (1 - below) * t * t * (3 - 2 * t)
        bounds = np.minimum(below + np.append(0.0, np.cumsum(weights)), 1.0)
        shares, edges = (betaincinv(self.a, self.b, u) for u in (ranks, bounds))
        low = max(smallest, _SMALLEST_SHARE)
        shares = np.maximum(np.append(low, shares), low)
        edges = np.maximum(np.hstack([low, edges]), low)
        return np.append(below, weights), shares, np.array([edges[:-1], edges[1:]])


@dataclass(frozen=True)
class Programme:
    """People, kinds of data, breaches a year and what one breach exposes and costs.

    Parameters
    ----------
    name : str
    n_people : int
        People on record, 0 or more.
    kinds_of_data : tuple of str
        Distinct names.
    breaches_per_year : float
        Expected number, finite, 0 or more.
    share_exposed : ExposedShare
        Of the people on record, in one breach; at least one person is exposed.
    components : tuple of CostComponent
        Independent of each other given the people exposed.
    rate_dispersion : float
        Alpha of a negative binomial count with variance mu + alpha mu^2; 0 is Poisson.

    Raises
    ------
    ParameterError
        For a value outside its range.

    Examples
    --------
    >>> letters = CostComponent("letters", usd_of_one_person=2.0, elasticity=1.0)
    >>> programme = Programme(
    ...     "clinic", 50_000, ("genome",), 0.1, ExposedShare(), (letters,)
    ... )
    >>> segment(programme, 10).n_people
    5000
    """

    name: str
    n_people: int
    kinds_of_data: tuple[str, ...]
    breaches_per_year: float
    share_exposed: ExposedShare
    components: tuple[CostComponent, ...]
    rate_dispersion: float = 0.0

    def __post_init__(self) -> None:
        """Refuse values outside their ranges."""
        check_whole(self.n_people, name="n_people", least=0)
        check_at_least(self.breaches_per_year, 0, name="breaches_per_year")
        check_at_least(self.rate_dispersion, 0, name="rate_dispersion")
        kinds = self.kinds_of_data
        if len(set(kinds)) < len(kinds):
            raise ParameterError(f"kinds_of_data must be distinct; got {kinds!r}")

    def people_exposed(self, shares: Array) -> Array:
        """Return the people exposed at given shares, one at least."""
        return np.maximum(self.n_people * shares, 1.0)


def segment(
    programme: Programme, n_stores: int, *, rate_exponent: float = 0.0
) -> Programme:
    r"""Split the people over stores of which one breach reaches only one.

    Each of :math:`k` stores holds :math:`n / k` people, to the nearest integer, and
    all together are breached :math:`\lambda k^{g}` times a year.

    Parameters
    ----------
    programme : Programme
    n_stores : int
        :math:`k`, from 1 to the number of people.
    rate_exponent : float
        :math:`g` in [0, 1]: at 0 there are as many breaches as before, at 1 each
        store is breached as often as the one before.

    Raises
    ------
    ParameterError
        For an argument outside its range.
    """
    check_whole(n_stores, name="n_stores", most=max(programme.n_people, 1))
    check_share(rate_exponent, name="rate_exponent")
    return replace(
        programme,
        n_people=round(programme.n_people / n_stores),
        breaches_per_year=programme.breaches_per_year * n_stores**rate_exponent,
    )


def shorten_retention(
    programme: Programme, *, from_years: float, to_years: float
) -> Programme:
    """Keep each person's data for fewer years.

    At a steady inflow the people on record are inflow times years kept, so their
    number scales by to_years / from_years, to the nearest integer.

    Parameters
    ----------
    programme : Programme
    from_years, to_years : float
        Above 0; to_years is at most from_years.

    Raises
    ------
    ParameterError
        For an argument outside its range.

    References
    ----------
    Little (1961), A proof for the queuing formula: L = lambda W, Operations Research
    9(3), doi:10.1287/opre.9.3.383.
    """
    check_positive(from_years, name="from_years")
    if not 0 < to_years <= from_years:
        raise ParameterError(
            f"to_years must lie in (0, from_years = {from_years:g}]; got {to_years!r}"
        )
    kept = round(programme.n_people * (to_years / from_years))
    return replace(programme, n_people=kept)


def hold_fewer_kinds(programme: Programme, kinds: tuple[str, ...]) -> Programme:
    """Keep only some of the kinds of data.

    Raises
    ------
    ParameterError
        If the programme does not hold one of `kinds`.
    """
    unknown = [kind for kind in kinds if kind not in programme.kinds_of_data]
    if unknown:
        raise ParameterError(
            f"kinds must be among {programme.kinds_of_data}; got {unknown} as well"
        )
    return replace(programme, kinds_of_data=tuple(kinds))


def draw_programmes(
    programme: Programme,
    n_draws: int,
    *,
    rng: np.random.Generator,
    rate_law: Any = None,
) -> list[Programme]:
    r"""Draw programmes whose parameters vary as far as they are unknown.

    In each draw and component :math:`(\ln A, b)` and the logit pair are normal with
    their covariances, effects of kinds are normal with their standard errors, and
    :math:`s^2` is :math:`s^2 \nu / \chi^2_\nu` with `residual_df` :math:`\nu`. What
    has no covariance, error or degrees of freedom stays as it is. The effects of all
    kinds err together, by one normal number a draw: they tend to come from one slope,
    and the range is then as wide as it should be, else a little too wide.

    Parameters
    ----------
    programme : Programme
    n_draws : int
        0 or more.
    rng : numpy.random.Generator
        Each draw has a generator of its own, so more draws leave the first unchanged.
    rate_law : frozen scipy.stats distribution, optional
        Of the breaches per year, on positive numbers.

    Returns
    -------
    list of Programme

    Raises
    ------
    ParameterError
        For a negative n_draws, or a law that allows negative rates.
    """
    check_rng(rng)
    check_whole(n_draws, name="n_draws", least=0)
    if rate_law is not None and rate_law.support()[0] < 0:
        raise ParameterError(
            "rate_law must allow no negative rate; got support "
            f"{tuple(map(float, rate_law.support()))}"
        )
    return [_draw(programme, rate_law, child) for child in rng.spawn(n_draws)]


def _draw(programme: Programme, rate_law: Any, rng: np.random.Generator) -> Programme:
    rate_rng, *component_rngs = rng.spawn(1 + len(programme.components))
    rate = programme.breaches_per_year
    if rate_law is not None:
        rate = float(rate_law.rvs(random_state=rate_rng))
    kind_error = float(rate_rng.normal())
    pairs = zip(programme.components, component_rngs, strict=True)
    components = tuple(
        _draw_component(component, kind_error, child) for component, child in pairs
    )
    return replace(programme, breaches_per_year=rate, components=components)


def _draw_component(
    component: CostComponent, kind_error: float, rng: np.random.Generator
) -> CostComponent:
    amount = (float(np.log(component.usd_of_one_person)), component.elasticity)
    log_usd, elasticity = _draw_pair(amount, component.covariance, rng)
    sd, df = component.residual_sd, component.residual_df
    probability = component.probability
    if isinstance(probability, tuple):
        probability = _draw_pair(probability, component.probability_covariance, rng)
    return replace(
        component,
        usd_of_one_person=float(np.exp(log_usd)),
        elasticity=elasticity,
        residual_sd=sd if df is None else sd * float(np.sqrt(df / rng.chisquare(df))),
        probability=probability,
        kind_effects={
            kind: (effect + kind_error * error, error)
            for kind, (effect, error) in dict(component.kind_effects).items()
        },
    )


def _draw_pair(
    mean: _Pair, covariance: _Covariance | None, rng: np.random.Generator
) -> _Pair:
    if covariance is None:
        return mean
    first, second = rng.multivariate_normal(mean, covariance)
    return float(first), float(second)


# Beyond it second moments leave the range of a float; 5 is already extreme.
_LARGEST_SD = 15.0


def _check_tail(component: CostComponent) -> None:
    index = component.tail_index
    if index is None:
        return
    check_positive(index, name="tail_index")
    if component.residual_sd > 0:
        raise ParameterError(
            "give tail_index or residual_sd, not both; got "
            f"{index!r} and {component.residual_sd!r}"
        )
    if index <= 1 and component.ceiling_usd == inf:
        raise ParameterError(
            f"the mean of {component.name!r} is infinite at tail_index {index!r}: give "
            "a ceiling_usd, or a tail_index above 1"
        )


def _check_covariance(covariance: _Covariance | None, *, name: str) -> None:
    if covariance is None:
        return
    matrix = np.asarray(covariance, dtype=float)
    valid = matrix.shape == (2, 2) and np.isfinite(matrix).all()
    if valid:
        rounding = 1e-9 * np.abs(matrix).max()
        valid = abs(matrix[0, 1] - matrix[1, 0]) <= rounding
        valid = valid and np.linalg.eigvalsh(matrix).min() >= -rounding
    if not valid:
        raise ParameterError(
            f"{name} must be a 2 x 2 covariance (finite, symmetric, no negative "
            f"variance); got {covariance!r}"
        )


# A beta number is above 0 even where it is too small for a float.
_SMALLEST_SHARE = float(np.finfo(float).tiny)


@lru_cache
def _legendre(n_nodes: int) -> tuple[Array, Array]:
    """Return nodes and weights on (0, 1)."""
    nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
    return (nodes + 1) / 2, weights / 2
