"""A keeper of digital twins as its breaches see it: people, data, rate and costs."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from twinprivacy._types import Array
from twinprivacy._validation import check_positive, check_rng
from twinprivacy.breaches._cost_component import (
    CostComponent,
    Covariance,
    Pair,
    check_at_least_zero,
)
from twinprivacy.breaches._exposed_share import ExposedShare
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
        whole_number = isinstance(self.n_people, (int, np.integer))
        if isinstance(self.n_people, bool) or not whole_number or self.n_people < 0:
            raise ParameterError(
                f"n_people must be an integer of 0 or more; got {self.n_people!r}"
            )
        check_at_least_zero(self.breaches_per_year, name="breaches_per_year")
        check_at_least_zero(self.rate_dispersion, name="rate_dispersion")
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
    if n_stores < 1 or n_stores > max(programme.n_people, 1):
        raise ParameterError(
            f"n_stores must lie between 1 and the {programme.n_people} people of the "
            f"programme; got {n_stores!r}"
        )
    if not 0 <= rate_exponent <= 1:
        raise ParameterError(f"rate_exponent must lie in [0, 1]; got {rate_exponent!r}")
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
    if n_draws < 0:
        raise ParameterError(f"n_draws must be 0 or more; got {n_draws!r}")
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
    mean: Pair, covariance: Covariance | None, rng: np.random.Generator
) -> Pair:
    if covariance is None:
        return mean
    first, second = rng.multivariate_normal(mean, covariance)
    return float(first), float(second)
