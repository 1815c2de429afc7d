"""Measures of predicted probabilities; `performance` gathers them."""

import numpy.typing as npt

from twinprivacy.estimates import Estimate
from twinprivacy.twins._measure_estimates import Groups, estimate


def auc(
    observed: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    groups: Groups = None,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate the probability that someone with the outcome has the higher score.

    Pairs of equal score count one half. The variance is DeLong's, the interval normal
    for the log odds. Where the scores separate the classes that variance is 0: there
    the interval is Newcombe's score interval, his method 5.

    Parameters
    ----------
    observed : array_like
        True or false, or 0 and 1, shape (n,), two people at least of each.
    predicted : array_like
        Scores of any scale, shape (n,).
    groups, confidence_level
        As for `r_squared`.

    Returns
    -------
    Estimate

    Raises
    ------
    DataError
        For missing or infinite values, or fewer than two people in a class.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson (1988), doi:10.2307/2531595; Newcombe (2006),
    doi:10.1002/sim.2324.

    Examples
    --------
    >>> auc([False, False, True, True], [0.1, 0.4, 0.4, 0.8]).value
    0.875
    """
    return estimate(
        "auc", observed, predicted, groups, confidence_level=confidence_level
    )


def brier_score(
    observed: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    groups: Groups = None,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate the mean of :math:`(y - p)^2`, for a probability p and y of 0 or 1.

    Parameters
    ----------
    observed, groups, confidence_level
        As for `auc`.
    predicted : array_like
        Probabilities in [0, 1], shape (n,).

    Returns
    -------
    Estimate

    Raises
    ------
    DataError
        For missing values, or predictions outside [0, 1].

    References
    ----------
    Brier (1950), doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.

    Examples
    --------
    >>> brier_score([0, 0, 1, 1], [0.5, 0.5, 0.5, 0.5]).value
    0.25
    """
    return estimate(
        "brier_score", observed, predicted, groups, confidence_level=confidence_level
    )


def calibration_slope(
    observed: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    groups: Groups = None,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate how far predicted log odds are spread too much or too little.

    The slope b of :math:`\text{logit} P(y = 1) = a + b \, \text{logit}(p)`: 1 is
    right, below 1 the predictions are too extreme, as those of an overfitted model are.
    Its variance is a sandwich, so that the line need not hold.

    Parameters
    ----------
    observed, groups, confidence_level
        As for `auc`.
    predicted : array_like
        Probabilities strictly within (0, 1), shape (n,).

    Returns
    -------
    Estimate

    Raises
    ------
    DataError
        For missing values, or fewer than two people in a class.
    FitError
        For predictions of 0 or 1, all alike, or that separate the classes.

    References
    ----------
    Cox (1958), doi:10.1093/biomet/45.3-4.562; Van Calster et al. (2016),
    doi:10.1016/j.jclinepi.2015.12.005.

    Examples
    --------
    >>> slope = calibration_slope([0, 0, 0, 1, 0, 1, 1, 1], [0.25] * 4 + [0.75] * 4)
    >>> round(slope.value, 6)
    1.0
    """
    return estimate(
        "calibration_slope",
        observed,
        predicted,
        groups,
        confidence_level=confidence_level,
    )


def calibration_intercept(
    observed: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    groups: Groups = None,
    confidence_level: float = 0.95,
) -> Estimate:
    """Estimate the intercept a of the line of `calibration_slope`; 0 is right.

    Parameters
    ----------
    observed, predicted, groups, confidence_level
        As for `calibration_slope`.

    Returns
    -------
    Estimate

    Raises
    ------
    DataError, FitError
        As `calibration_slope`.

    Examples
    --------
    >>> y = [0, 0, 0, 1, 0, 1, 1, 1]
    >>> abs(calibration_intercept(y, [0.25] * 4 + [0.75] * 4).value) < 1e-9
    True
    """
    return estimate(
        "calibration_intercept",
        observed,
        predicted,
        groups,
        confidence_level=confidence_level,
    )


def calibration_in_the_large(
    observed: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    groups: Groups = None,
    confidence_level: float = 0.95,
) -> Estimate:
    """Estimate by how much the log odds are too low throughout; 0 is right.

    The intercept of the line of `calibration_slope` with the slope held at 1. Above 0
    the outcome is commoner than predicted.

    Parameters
    ----------
    observed, predicted, groups, confidence_level
        As for `calibration_slope`.

    Returns
    -------
    Estimate

    Raises
    ------
    DataError, FitError
        As `calibration_slope`.

    Examples
    --------
    >>> calibration_in_the_large([0, 0, 1, 1], [0.2, 0.2, 0.2, 0.2]).value > 0
    True
    """
    return estimate(
        "calibration_in_the_large",
        observed,
        predicted,
        groups,
        confidence_level=confidence_level,
    )
