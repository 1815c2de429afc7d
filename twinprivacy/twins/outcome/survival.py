"""Proportional hazards: Cox's partial likelihood with a ridge, Breslow's baseline."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from twinprivacy._types import Array
from twinprivacy._validation import check_at_least
from twinprivacy.errors import FitError

__all__ = ["CoxRegression"]


_MAX_STEPS = 100


@dataclass
class CoxRegression:
    r"""Fit Cox's proportional hazards with Breslow's ties and a ridge penalty.

    Maximises :math:`\ell(\beta) - \frac{k}{2} \sum \beta_j^2`, with :math:`\ell` the
    logarithm of the partial likelihood. A Newton step takes of the order of n p^2
    operations: the sum over risk sets of squared covariates is a sum over people
    weighted by their cumulative hazard.

    Parameters
    ----------
    penalty : float
        The k above, 0 or more, for covariates that have been standardised.

    References
    ----------
    Cox (1972), doi:10.1111/j.2517-6161.1972.tb00899.x; Breslow (1974),
    doi:10.2307/2529620.

    Examples
    --------
    >>> y = np.array([(True, 1.0), (True, 2.0), (False, 3.0), (True, 4.0)],
    ...              dtype=[("event", bool), ("time", float)])
    >>> x = np.array([[1.0], [0.0], [1.0], [0.0]])
    >>> CoxRegression(penalty=0.0).fit(x, y).coef_.round(3)
    array([0.347])
    """

    penalty: float = 1.0

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that this is neither a regressor nor a classifier."""
        from sklearn.utils import Tags, TargetTags

        return Tags(estimator_type=None, target_tags=TargetTags(required=True))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the settings, for scikit-learn's clone."""
        return {"penalty": self.penalty}

    def fit(self, x: Array, y: npt.NDArray[Any]) -> Self:
        """Fit to covariates and an outcome with the fields event and time.

        Raises
        ------
        ParameterError
            For a penalty that is below 0 or no number.
        FitError
            If the likelihood has no maximum, as where a covariate without a penalty
            separates those with the event.
        """
        check_at_least(self.penalty, 0, name="penalty")
        order = np.argsort(y["time"], kind="stable")
        x, event, time = np.asarray(x)[order], y["event"][order], y["time"][order]
        self.mean_ = x.mean(axis=0)
        x = x - self.mean_
        risk_sets = _RiskSets.of(time, event)
        beta = np.zeros(x.shape[1])
        value = risk_sets.log_likelihood(x @ beta, self.penalty, beta)
        for _ in range(_MAX_STEPS):
            step = risk_sets.newton_step(x, beta, self.penalty)
            new, beta_new = -np.inf, beta
            # Halve a step that overshoots; the likelihood is concave.
            for halvings in range(30):
                beta_new = beta + step / 2**halvings
                new = risk_sets.log_likelihood(x @ beta_new, self.penalty, beta_new)
                if new >= value:
                    break
            is_done = abs(new - value) <= 1e-12 * (1 + abs(value))
            beta, value = beta_new, max(new, value)
            if is_done:
                self.coef_ = beta
                return self
        raise FitError(
            f"the proportional hazards did not converge in {_MAX_STEPS} steps"
        )

    def predict(self, x: Array) -> Array:
        """Return the logarithm of the hazard over that of the average member."""
        return np.asarray((x - self.mean_) @ self.coef_)


@dataclass(frozen=True, repr=False)
class Baseline:
    """Breslow's cumulative hazard of someone whose relative hazard is 1.

    Its steps are the days on which members had the event: a leak in itself.
    """

    days: Array
    cumulative_hazard: Array
    last_day: float

    def risk(self, log_hazard: Array, horizon_days: float) -> Array:
        """Return the probability of the event by a day."""
        place = np.searchsorted(self.days, horizon_days, side="right")
        hazard = self.cumulative_hazard[place - 1] if place else 0.0
        return -np.expm1(-hazard * np.exp(log_hazard))


def fit_baseline(log_hazard: Array, y: npt.NDArray[Any]) -> Baseline:
    """Estimate the baseline from everyone's relative hazard and outcome."""
    order = np.argsort(y["time"], kind="stable")
    risk_sets = _RiskSets.of(y["time"][order], y["event"][order])
    at_risk = risk_sets.sums(np.exp(log_hazard[order]))
    steps = risk_sets.n_events / at_risk
    return Baseline(risk_sets.days, np.cumsum(steps), float(y["time"].max()))


@dataclass(frozen=True, repr=False)
class _RiskSets:
    """Days with events, and who is at risk on them, people sorted by time."""

    days: Array
    n_events: Array
    first: npt.NDArray[np.intp]  # first person still at risk, for each day
    last_day: npt.NDArray[np.intp]  # number of event days a person lives to see
    event: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, time: Array, event: npt.NDArray[np.bool_]) -> Self:
        days, n_events = np.unique(time[event], return_counts=True)
        return cls(
            days.astype(float),
            n_events.astype(float),
            np.searchsorted(time, days, side="left"),
            np.searchsorted(days, time, side="right"),
            event,
        )

    def sums(self, weights: Array) -> Array:
        """Sum over the risk set of each day with events."""
        return np.asarray(np.cumsum(weights[::-1], axis=0)[::-1][self.first])

    def log_likelihood(self, score: Array, penalty: float, beta: Array) -> float:
        shift = score.max()
        with np.errstate(divide="ignore"):
            at_risk = np.log(self.sums(np.exp(score - shift))) + shift
        fit = score[self.event].sum() - (self.n_events * at_risk).sum()
        return float(fit - penalty / 2 * beta @ beta)

    def newton_step(self, x: Array, beta: Array, penalty: float) -> Array:
        score = x @ beta
        theta = np.exp(score - score.max())
        at_risk = self.sums(theta)
        hazard = np.concatenate([[0.0], np.cumsum(self.n_events / at_risk)])
        expected = theta * hazard[self.last_day]
        gradient = x.T @ (self.event - expected) - penalty * beta
        means = self.sums(theta[:, None] * x) / at_risk[:, None]
        information = (x.T * expected) @ x - (means.T * self.n_events) @ means
        information[np.diag_indices_from(information)] += penalty
        return np.asarray(np.linalg.lstsq(information, gradient, rcond=None)[0])
