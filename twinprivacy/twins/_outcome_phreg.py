"""The proportional hazards of statsmodels, as an estimator of an outcome twin."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from twinprivacy._types import Array
from twinprivacy._validation import check_choice
from twinprivacy.errors import FitError
from twinprivacy.twins._outcome_survival import HazardModel

TIES = ("breslow", "efron")


@dataclass
class PHRegRegression(HazardModel):
    r"""Fit statsmodels' proportional hazards regression, PHReg, without a penalty.

    For comparison with other work: the hazard of a person with covariates :math:`x` is
    :math:`h_0(t) \exp(x \beta)`, and :math:`\beta` maximises the partial likelihood.
    The twin's own `CoxRegression` shrinks, which predicts better where events are few.

    Parameters
    ----------
    ties : str
        How equal times are counted: "breslow" or "efron".

    References
    ----------
    Cox (1972), doi:10.1111/j.2517-6161.1972.tb00899.x; Efron (1977),
    doi:10.1080/01621459.1977.10480613.

    Examples
    --------
    >>> y = np.array([(True, 1.0), (True, 2.0), (False, 3.0), (True, 4.0)],
    ...              dtype=[("event", bool), ("time", float)])
    >>> x = np.array([[1.0], [0.0], [1.0], [0.0]])
    >>> PHRegRegression().fit(x, y).coef_.round(3)
    array([0.347])
    """

    ties: str = "breslow"

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the settings, for scikit-learn's clone."""
        return {"ties": self.ties}

    def fit(self, x: Array, y: npt.NDArray[Any]) -> Self:
        """Fit to covariates and an outcome with the fields event and time.

        Raises
        ------
        ParameterError
            For an unknown rule of ties.
        FitError
            If the likelihood has no maximum, as where one covariate follows from the
            others or separates those with the event.
        """
        from statsmodels.duration.hazard_regression import PHReg

        check_choice(self.ties, name="ties", allowed=TIES)
        x = np.asarray(x, dtype=float)
        self.mean_ = x.mean(axis=0)
        model = PHReg(y["time"], x - self.mean_, status=y["event"], ties=self.ties)
        try:
            with np.errstate(all="ignore"):
                self.coef_ = np.asarray(model.fit(disp=0).params)
        except (np.linalg.LinAlgError, ValueError):
            self.coef_ = np.full(x.shape[1], np.nan)
        if not np.isfinite(self.coef_).all():
            raise FitError(
                f"PHReg found no maximum of the likelihood with {x.shape[1]} columns "
                f"and {int(y['event'].sum())} events; CoxRegression has a penalty"
            )
        return self
