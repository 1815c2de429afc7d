"""The one place that talks to OpenDP, whose noise is what a keeper releases.

It draws on a grid and not from a formula of real numbers, so that the last digits of an
answer give nothing away, and it takes no seed that could be guessed.
"""

from typing import Any

import numpy as np

from twinprivacy._types import Array, Indices
from twinprivacy.errors import TwinPrivacyError


def add_laplace(values: Array, *, scale: float) -> Array:
    """Return numbers, shape (n,), each with Laplace noise of a scale."""
    dp = _opendp()
    space = _numbers(dp), dp.l1_distance(T=float)
    return _release(dp.m.make_laplace(*space, scale=scale), values)


def add_normal(values: Array, *, sd: float) -> Array:
    """Return numbers, shape (n,), each with normal noise of a standard deviation."""
    dp = _opendp()
    space = _numbers(dp), dp.l2_distance(T=float)
    return _release(dp.m.make_gaussian(*space, scale=sd), values)


def randomise(codes: Indices, *, n_categories: int, truth: float) -> Indices:
    """Return places in [0, n_categories): each kept with probability `truth`.

    The others are equally probable.
    """
    dp = _opendp()
    respond = dp.m.make_randomized_response(list(range(n_categories)), truth, T="i32")
    said = [respond(int(code)) for code in codes]
    return np.array(said, dtype=np.intp)


def _numbers(dp: Any) -> Any:
    return dp.vector_domain(dp.atom_domain(T=float, nan=False))


def _release(mechanism: Any, values: Array) -> Array:
    return np.array(mechanism(values.tolist()), dtype=float)


def _opendp() -> Any:
    try:
        import opendp.prelude as dp
    except ImportError:
        raise TwinPrivacyError(
            "private answers are released by OpenDP, which is not installed: pip "
            "install opendp, or this package with its extra 'private'; simulate needs "
            "neither, for study"
        ) from None
    # OpenDP asks to be told so: these mechanisms are not through all of its vetting.
    dp.enable_features("contrib")
    return dp
