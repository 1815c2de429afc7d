"""The best possible attack: and the share of it that an attack achieves."""

import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from twinprivacy.attacks.inference import share_of_limit
from twinprivacy.errors import FitError, ParameterError

Array = npt.NDArray[np.float64]


def attacked(bits: npt.ArrayLike, **columns: Any) -> Any:
    frame = pd.DataFrame({"role": "member", "bits": np.asarray(bits), **columns})
    stranger = frame.tail(1).assign(role="control", bits=99.0)
    return SimpleNamespace(targets=pd.concat([frame, stranger], ignore_index=True))


def test_an_attack_as_good_as_the_limit(rng: np.random.Generator) -> None:
    best = attacked(rng.normal(0.5, 1, size=300))
    found = share_of_limit(best, best, rng=rng)
    assert (found.value, found.low, found.high, found.n) == (1, 1, 1, 300)


def test_share_is_the_ratio_of_means(rng: np.random.Generator) -> None:
    best = rng.normal(0.5, 1, size=300)
    ours = 0.3 * best + rng.normal(0, 0.2, size=300)
    found = share_of_limit(attacked(ours), attacked(best), rng=rng)
    assert found.value == pytest.approx(ours.mean() / best.mean())
    assert found.low < 0.3 < found.high < 1


def test_share_of_gain_compares_with_imputation(rng: np.random.Generator) -> None:
    imputed = np.arange(100) < 40
    best = attacked(np.zeros(100), correct=True, imputation_correct=imputed)
    ours = attacked(
        np.zeros(100), correct=np.arange(100) < 70, imputation_correct=imputed
    )
    found = share_of_limit(ours, best, measure="gain", rng=rng)
    assert found.value == pytest.approx(0.3 / 0.6)
    assert found.low < 0.5 < found.high


@pytest.mark.parametrize("shift", [0.0, -1.0])
def test_no_share_of_a_limit_of_nothing(rng: np.random.Generator, shift: float) -> None:
    best = np.tile([1.0, -1.0], 50) + shift
    found = share_of_limit(attacked(best + 1), attacked(best), rng=rng)
    assert np.isnan([found.value, found.low, found.high]).all()
    assert found.n == 100


def test_share_covers(rng: np.random.Generator) -> None:
    covered = 0
    for _ in range(200):
        best = rng.normal(0.4, 1, size=250)
        ours = 0.2 + 0.1 * best + rng.normal(0, 0.5, size=250)
        found = share_of_limit(attacked(ours), attacked(best), rng=rng, n_resamples=400)
        covered += found.low <= 0.24 / 0.4 <= found.high
    assert covered / 200 >= 0.9


def test_share_is_the_same_for_the_same_generator() -> None:
    best, ours = attacked([1.0, 2, 3, 2]), attacked([1.0, 1, 3, 1])
    found = [share_of_limit(ours, best, rng=np.random.default_rng(9)) for _ in "ab"]
    assert found[0] == found[1]


GENERATOR = np.random.default_rng(1)
MISTAKES: list[tuple[Any, type[Exception], str]] = [
    (
        lambda: share_of_limit(attacked([1, 2]), attacked([1]), rng=GENERATOR),
        ParameterError,
        "result and limit must have the same members as targets; got 2 and 1",
    ),
    (
        lambda: share_of_limit(
            attacked([1, 2], secret=["a", "b"]),
            attacked([1, 2], secret=["b", "a"]),
            rng=GENERATOR,
        ),
        ParameterError,
        "result and limit must have the same members in the same order; got secrets "
        "that differ",
    ),
    (
        lambda: share_of_limit(
            attacked([1]), attacked([1]), measure="gain", rng=GENERATOR
        ),
        ParameterError,
        "result must be a result whose targets have columns role, correct, "
        "imputation_correct; got SimpleNamespace without correct, imputation_correct",
    ),
    (
        lambda: share_of_limit(
            attacked([1]), attacked([1]), measure="auc", rng=GENERATOR
        ),
        ParameterError,
        "measure must be one of 'bits', 'gain'; got 'auc'",
    ),
    (
        lambda: share_of_limit(attacked([np.inf]), attacked([1]), rng=GENERATOR),
        FitError,
        "bits of result must be finite; got 1 of 1 missing or infinite",
    ),
    (
        lambda: share_of_limit(
            attacked([1]), attacked([1]), n_resamples=9, rng=GENERATOR
        ),
        ParameterError,
        "n_resamples must be 100 or more; got 9",
    ),
    (
        lambda: share_of_limit(attacked([1]), attacked([1]), rng=1),  # type: ignore[arg-type]
        ParameterError,
        "rng must be a numpy.random.Generator; got int",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), MISTAKES)
def test_mistakes_are_named(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        call()
