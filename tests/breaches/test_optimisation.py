"""Derivatives by differences: right, and deaf to the last digits of a function."""

import numpy as np

from twinprivacy.breaches.size import derivatives

PLACE = np.array([8.0, 0.7])


def bent(theta):
    a, b = theta
    return np.exp(b) * (a - 5) ** 2 / 10 + np.sin(a * b)


def test_those_of_a_known_function():
    a, b = PLACE
    gradient, hessian = derivatives(bent, PLACE)
    grown, wave = np.exp(b), a * b
    slope = [
        grown * (a - 5) / 5 + b * np.cos(wave),
        grown * (a - 5) ** 2 / 10 + a * np.cos(wave),
    ]
    mixed = grown * (a - 5) / 5 + np.cos(wave) - wave * np.sin(wave)
    curvature = [
        [grown / 5 - b**2 * np.sin(wave), mixed],
        [mixed, grown * (a - 5) ** 2 / 10 - a**2 * np.sin(wave)],
    ]
    np.testing.assert_allclose(gradient, slope, rtol=1e-4)
    np.testing.assert_allclose(hessian, curvature, rtol=1e-4)


def test_last_digits_of_the_function_reach_no_printed_digit(rng):
    plain = derivatives(bent, PLACE)
    noisy = derivatives(lambda x: bent(x) * (1 + 1e-15 * rng.choice([-1, 1])), PLACE)
    for one, other in zip(plain, noisy, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-9)
