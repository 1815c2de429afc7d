"""Maximum likelihood in a few parameters, exact to more digits than are printed."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from twinprivacy.errors import FitError

Array = npt.NDArray[np.float64]
Objective = Callable[[Array], float]
NEWTON_STEPS = 25


def maximise(
    log_likelihood: Objective, start: Array, *, n: float
) -> tuple[Array, Array]:
    """Return the maximum and the inverse of the observed information there.

    A quasi-Newton search finds the neighbourhood, Newton's steps the digits, so that
    two machines agree.

    Raises
    ------
    FitError
        If the search ends elsewhere than at an inner maximum.
    """
    from scipy.optimize import minimize

    def loss(theta: Array) -> float:
        value = -log_likelihood(theta) / n
        return value if np.isfinite(value) else 1e10

    found = minimize(loss, start, method="Nelder-Mead", options={"maxiter": 400})
    theta = np.asarray(found.x, dtype=float)
    for _ in range(NEWTON_STEPS):
        slope, curvature = derivatives(loss, theta)
        if not (np.isfinite(curvature).all() and _is_positive(curvature)):
            raise FitError(
                "the likelihood has no inner maximum: these sizes do not determine "
                f"the {len(theta)} parameters of the family"
            )
        step = np.linalg.solve(curvature, slope)
        theta = theta - step
        if np.abs(step).max() < 1e-9:
            break
    _, curvature = derivatives(loss, theta)
    return theta, np.asarray(np.linalg.inv(curvature) / n)


def derivatives(function: Objective, theta: Array) -> tuple[Array, Array]:
    """Return gradient and Hessian by central differences."""
    size = len(theta)
    steps = 1e-4 * np.maximum(np.abs(theta), 0.1)
    unit = np.diag(steps)
    centre = function(theta)
    gradient, hessian = np.empty(size), np.empty((size, size))
    for i in range(size):
        ahead, behind = function(theta + unit[i]), function(theta - unit[i])
        # The fourth-order rule, since the gradient decides where the steps end.
        ahead2, behind2 = function(theta + 2 * unit[i]), function(theta - 2 * unit[i])
        gradient[i] = (8 * (ahead - behind) - (ahead2 - behind2)) / (12 * steps[i])
        hessian[i, i] = (ahead - 2 * centre + behind) / steps[i] ** 2
        for j in range(i):
            corners = (
                function(theta + unit[i] + unit[j])
                - function(theta + unit[i] - unit[j])
                - function(theta - unit[i] + unit[j])
                + function(theta - unit[i] - unit[j])
            )
            hessian[i, j] = hessian[j, i] = corners / (4 * steps[i] * steps[j])
    return gradient, hessian


def _is_positive(matrix: Array) -> bool:
    return bool((np.linalg.eigvalsh(matrix) > 0).all())
