r"""Was this genome in the study? Closed forms, and simulations of the same attacks.

Two releases that look harmless: the frequency of each allele in a pool of people, and
a beacon, which says only whether anyone has an allele. Whoever holds a person's genome
can test whether they are in it, and needs few positions.

All of it is for positions that are inherited independently and people who are not
related. A relative in the pool is found too, by less; dependent positions tell less
than as many independent ones.
"""

import math

import numpy as np
import numpy.typing as npt

from twinprivacy._types import Array
from twinprivacy._validation import check_fraction, check_rng
from twinprivacy.attacks._beacon_attack import (
    beacon_attack_power,
    beacon_queries_needed,
    simulate_beacon_attack,
)
from twinprivacy.attacks._genomic_draws import check_whole, pool_scores
from twinprivacy.errors import ParameterError

__all__ = [
    "beacon_attack_power",
    "beacon_queries_needed",
    "people_needed",
    "pool_attack_power",
    "simulate_beacon_attack",
    "simulate_pool_attack",
    "snps_needed",
]


def pool_attack_power(
    n_people: npt.ArrayLike, n_snps: npt.ArrayLike, *, false_positive_rate: float
) -> Array:
    r"""Return how often someone in a pool is found from its allele frequencies.

    :math:`\Phi(\sqrt{m / n} - z_\alpha)` for m positions and n people, the limit of the
    likelihood ratio test for large n and m and frequencies away from 0 and 1, known for
    the population.

    Parameters
    ----------
    n_people, n_snps : array_like
        Above 0, of shapes that broadcast.
    false_positive_rate : float
        Strictly between 0 and 1.

    Returns
    -------
    numpy.ndarray
        In (0, 1], of the common shape.

    Raises
    ------
    ParameterError
        For settings outside their ranges.

    References
    ----------
    Sankararaman et al. (2009), doi:10.1038/ng.436.

    Examples
    --------
    >>> pool_attack_power(1_000, 5_000, false_positive_rate=0.05).round(3).item()
    0.723
    """
    from scipy.special import ndtr, ndtri

    check_fraction(false_positive_rate, name="false_positive_rate")
    people = _positive(n_people, name="n_people")
    snps = _positive(n_snps, name="n_snps")
    return np.asarray(ndtr(np.sqrt(snps / people) + ndtri(false_positive_rate)))


def snps_needed(n_people: int, *, false_positive_rate: float, power: float) -> int:
    r"""Return how many positions give a pool's people away.

    The smallest m of at least :math:`n (z_\alpha + z_\beta)^2`, with the power
    :math:`1 - \beta`.

    Parameters
    ----------
    n_people : int
        In the pool, 1 or more.
    false_positive_rate, power : float
        Strictly between 0 and 1, the first below the second.

    Returns
    -------
    int

    Raises
    ------
    ParameterError
        For settings outside their ranges.

    References
    ----------
    Sankararaman et al. (2009), doi:10.1038/ng.436.

    Examples
    --------
    >>> snps_needed(1_000, false_positive_rate=0.001, power=0.99)
    29340
    """
    people = float(_positive(n_people, name="n_people"))
    return math.ceil(people * _ratio_needed(false_positive_rate, power))


def people_needed(n_snps: int, *, false_positive_rate: float, power: float) -> int:
    r"""Return how large a pool must be so that an attack on it has no more power.

    The smallest n of at least :math:`m / (z_\alpha + z_\beta)^2`.

    Parameters
    ----------
    n_snps : int
        Positions whose frequencies are published, 1 or more.
    false_positive_rate, power : float
        Strictly between 0 and 1, the first below the second.

    Returns
    -------
    int

    Raises
    ------
    ParameterError
        For settings outside their ranges.

    References
    ----------
    Sankararaman et al. (2009), doi:10.1038/ng.436.

    Examples
    --------
    >>> people_needed(5_000, false_positive_rate=0.05, power=0.95)
    463
    """
    snps = float(_positive(n_snps, name="n_snps"))
    # A unit in the last place must not ask for one person more.
    found = snps / _ratio_needed(false_positive_rate, power)
    return math.ceil(found * (1 - 1e-12))


def simulate_pool_attack(
    n_people: int,
    n_snps: int,
    *,
    n_attacks: int,
    frequency_range: tuple[float, float] = (0.05, 0.95),
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    r"""Simulate the likelihood ratio test of a genome against a pool's frequencies.

    With g copies of an allele, frequency p in the population and :math:`\hat p` in the
    pool, the score is

    .. math:: \sum_j g_j \ln \frac{\hat p_j}{p_j}
       + (2 - g_j) \ln \frac{1 - \hat p_j}{1 - p_j}.

    Each attack has frequencies, a pool and a target of its own.

    Parameters
    ----------
    n_people, n_snps : int
        In the pool, 1 or more, and published positions, 1 or more.
    n_attacks : int
        On members, and as many on others, 1 or more.
    frequency_range : tuple of float
        Of the population's frequencies, uniform between the two, within (0, 1).
    rng : numpy.random.Generator
        Source of frequencies and genomes.

    Returns
    -------
    member_scores, control_scores : numpy.ndarray, shape (n_attacks,)
        For `twinprivacy.operating_points`. An allele that nobody in the pool has
        excludes the target: it counts 1,000 below what is possible otherwise.

    Raises
    ------
    ParameterError
        For settings outside their ranges.

    References
    ----------
    Sankararaman et al. (2009), doi:10.1038/ng.436.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> members, controls = simulate_pool_attack(50, 500, n_attacks=40, rng=rng)
    >>> bool(members.mean() > controls.mean())
    True
    """
    check_rng(rng)
    least, most = frequency_range
    if not 0 < least < most < 1:
        raise ParameterError(
            "frequency_range must ascend strictly within (0, 1); got "
            f"{frequency_range!r}"
        )
    people, snps, attacks = check_whole(
        n_people=n_people, n_snps=n_snps, n_attacks=n_attacks
    )
    members, controls = (
        pool_scores(
            people, snps, attacks, frequency_range, is_member=is_member, rng=source
        )
        for is_member, source in zip((True, False), rng.spawn(2), strict=True)
    )
    return members, controls


def _ratio_needed(false_positive_rate: float, power: float) -> float:
    """Return how many positions for each person in the pool."""
    from scipy.stats import norm

    check_fraction(false_positive_rate, name="false_positive_rate")
    check_fraction(power, name="power")
    if power <= false_positive_rate:
        raise ParameterError(
            "power must be above false_positive_rate; got "
            f"{power!r} and {false_positive_rate!r}"
        )
    return float(norm.isf(false_positive_rate) + norm.ppf(power)) ** 2


def _positive(values: npt.ArrayLike, *, name: str) -> Array:
    found = np.asarray(values, dtype=float)
    if not (np.isfinite(found) & (found > 0)).all():
        raise ParameterError(f"{name} must be finite and above 0; got others")
    return found
