"""Maximum likelihood in a few parameters, to five digits at least on any machine."""

from collections.abc import Callable

import numpy as np

from twinprivacy._types import Array
from twinprivacy.errors import FitError

Objective = Callable[[Array], float]
NEWTON_STEPS = 40
# Steps below this change no digit; rounding alone may keep them from shrinking
# further, so below the second tolerance a step that does not shrink ends the search.
TOLERANCE, ROUNDING = 1e-10, 1e-6
# Of a difference, as a share of a parameter: so long that the last digits of the
# likelihood, which no two machines share, hardly ever reach the digits printed.
STEP = 1e-2


def maximise(
    log_likelihood: Objective, start: Array, *, n: float, names: tuple[str, ...]
) -> tuple[Array, Array]:
    """Return the maximum and the inverse of the observed information there.

    Newton's steps find the digits, so that two machines agree. Where they cannot begin
    at the start, a simplex search finds the neighbourhood first.

    Raises
    ------
    FitError
        If there is no inner maximum.
    """
    from scipy.optimize import minimize

    def loss(theta: Array) -> float:
        # A search may try values at which numbers overflow; those are no maximum.
        with np.errstate(all="ignore"):
            value = -log_likelihood(theta) / n
        return value if np.isfinite(value) else 1e10

    theta = _newton(loss, start)
    if theta is None:
        found = minimize(loss, start, method="Nelder-Mead", options={"maxiter": 800})
        theta = _newton(loss, np.asarray(found.x, dtype=float))
    if theta is None:
        raise FitError(
            "the likelihood has no inner maximum: these sizes do not determine "
            f"{' and '.join(names)}"
        )
    _, curvature = derivatives(loss, theta)
    return theta, np.asarray(np.linalg.inv(curvature) / n)


def derivatives(function: Objective, theta: Array) -> tuple[Array, Array]:
    """Return gradient and Hessian by central differences of the fourth order."""
    steps = STEP * np.maximum(np.abs(theta), 1.0)
    near, wide = (_differences(function, theta, steps * by) for by in (1, 2))
    # What is left of the second order is four times as large at twice the steps.
    slope, curvature = ((4 * n - w) / 3 for n, w in zip(near, wide, strict=True))
    return slope, curvature


def _differences(
    function: Objective, theta: Array, steps: Array
) -> tuple[Array, Array]:
    size, unit = len(theta), np.diag(steps)
    centre = function(theta)
    gradient, hessian = np.empty(size), np.empty((size, size))
    for i in range(size):
        ahead, behind = function(theta + unit[i]), function(theta - unit[i])
        gradient[i] = (ahead - behind) / (2 * steps[i])
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


def _newton(loss: Objective, theta: Array) -> Array | None:
    """Step to the minimum; None where the loss bends down or the steps do not end."""
    previous = np.inf
    for _ in range(NEWTON_STEPS):
        slope, curvature = derivatives(loss, theta)
        if not (np.isfinite(curvature).all() and _is_positive(curvature)):
            return None
        step: Array = np.linalg.solve(curvature, slope).astype(float)
        size = float(np.abs(step).max())
        if size < TOLERANCE or (size < ROUNDING and size >= previous / 2):
            return np.asarray(theta - step)
        theta = _descend(loss, theta, step)
        previous = size
    return None


def _descend(loss: Objective, theta: Array, step: Array) -> Array:
    """Take the step, halved until the loss does not grow."""
    now = loss(theta)
    for _ in range(20):
        if loss(theta - step) <= now + 1e-12:
            break
        step = step / 2
    return np.asarray(theta - step)


def _is_positive(matrix: Array) -> bool:
    # Curvature that is only rounding error is none.
    return bool((np.linalg.eigvalsh(matrix) > 1e-7).all())
