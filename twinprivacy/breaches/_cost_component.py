"""What one breach costs: an amount that grows with the people exposed."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isfinite

import numpy as np

from twinprivacy._types import Array
from twinprivacy._validation import check_positive
from twinprivacy.errors import ParameterError

Pair = tuple[float, float]
Covariance = tuple[Pair, Pair]
# Beyond it second moments leave the range of a float; 5 is already extreme.
LARGEST_SD = 15.0


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
    probability: Pair | float = 1.0
    tail_index: float | None = None
    ceiling_usd: float = inf
    kind_effects: Mapping[str, Pair] | tuple[tuple[str, Pair], ...] = ()
    covariance: Covariance | None = None
    probability_covariance: Covariance | None = None
    residual_df: float | None = None

    def __post_init__(self) -> None:
        """Refuse values outside their ranges, and freeze the effects."""
        check_positive(self.usd_of_one_person, name="usd_of_one_person")
        _check_finite(self.elasticity, name="elasticity")
        check_at_least_zero(self.residual_sd, name="residual_sd")
        if self.residual_sd > LARGEST_SD:
            raise ParameterError(
                f"residual_sd must be at most {LARGEST_SD:g}; got {self.residual_sd!r}"
            )
        _check_probability(self.probability)
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
            _check_finite(effect, name=f"kind_effects[{kind!r}]")
            check_at_least_zero(error, name=f"standard error of {kind!r}")
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


def _check_finite(value: float, *, name: str) -> None:
    if not isfinite(value):
        raise ParameterError(f"{name} must be finite; got {value!r}")


def check_at_least_zero(value: float, *, name: str) -> None:
    if not (isfinite(value) and value >= 0):
        raise ParameterError(f"{name} must be finite and 0 or more; got {value!r}")


def _check_probability(probability: Pair | float) -> None:
    if isinstance(probability, tuple):
        for value, name in zip(probability, ("intercept", "slope"), strict=True):
            _check_finite(value, name=f"{name} of probability")
    elif not 0 <= probability <= 1:
        raise ParameterError(
            "probability must lie in [0, 1], or be an intercept and a slope; got "
            f"{probability!r}"
        )


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


def _check_covariance(covariance: Covariance | None, *, name: str) -> None:
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
