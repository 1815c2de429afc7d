"""Dose-response against known curves: coverage, monotony, half volumes, workers."""

import itertools
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from joblib import parallel_config
from sklearn.isotonic import IsotonicRegression

from twinprivacy.errors import FitError, ParameterError
from twinprivacy.estimates import mean_interval, paired_difference
from twinprivacy.studies import DoseResponse, dose_response

VOLUMES = [0, 1, 2, 4, 8, 16]
Array = npt.NDArray[np.float64]


def told(volume: float) -> float:
    return 1 / (1 + np.exp(-(volume - 4) / 1.5))


def attack(volume: float, rng: np.random.Generator, n: int = 300) -> Any:
    """Return targets who share luck over volumes, and some luck of each volume."""
    person = rng.normal(0, 0.5, size=n)
    luck = np.random.default_rng([int(100 * volume), int(rng.integers(2**32))])
    bits = told(volume) + person + luck.normal(0, 0.8, size=n)
    guess = luck.random(n)
    return results(
        bits,
        correct=guess < 0.3 + 0.5 * told(volume),
        imputation_correct=guess < 0.3,
    )


def results(bits: npt.ArrayLike, **columns: Any) -> Any:
    frame = pd.DataFrame({"role": "member", "bits": np.asarray(bits), **columns})
    stranger = frame.tail(1).assign(role="control", bits=99.0)
    return SimpleNamespace(targets=pd.concat([frame, stranger], ignore_index=True))


def fixed(values: dict[Any, Any]) -> Any:
    return lambda volume, rng: results(values[volume])


def true_half() -> float:
    heights = [told(volume) for volume in VOLUMES]
    return float(np.interp(heights[-1] / 2, heights, VOLUMES))


@pytest.mark.calibration
def test_curve_and_half_volume_cover(rng: np.random.Generator) -> None:
    truth = np.array([told(volume) for volume in VOLUMES])
    inside = np.zeros((2, len(VOLUMES)))
    # The gain is half of the bits at every volume, so that its half lies as far on.
    halves = np.zeros(2)
    for child in rng.spawn(200):
        found = dose_response(attack, VOLUMES, axis="n", rng=child, n_resamples=200)
        for k, (measure, factor) in enumerate({"bits": 1.0, "gain": 0.5}.items()):
            band = found.curve[found.curve["measure"] == measure]
            inside[k] += (band["low"] <= factor * truth).to_numpy() & (
                factor * truth <= band["high"]
            ).to_numpy()
            half = found.half_volume[measure]
            halves[k] += half.low <= true_half() <= half.high
    assert inside.min() / 200 >= 0.9
    assert halves.min() / 200 >= 0.9


def test_level_truth_is_covered_and_has_no_half(rng: np.random.Generator) -> None:
    def nothing(volume: int, rng: np.random.Generator) -> Any:
        seed = int(rng.integers(2**32))
        return results(np.random.default_rng([volume, seed]).normal(size=200))

    inside, shown = np.zeros(6), 0
    for child in rng.spawn(150):
        found = dose_response(
            nothing,
            range(6),
            axis="n",
            measures=["bits"],
            rng=child,
            n_resamples=100,
        )
        band = found.curve
        inside += ((band["low"] <= 0) & (band["high"] >= 0)).to_numpy()
        shown += not np.isnan(found.half_volume["bits"].value)
    assert inside.min() / 150 >= 0.93
    assert shown / 150 <= 0.06


def test_exact_curve_half_and_scales(rng: np.random.Generator) -> None:
    exact = fixed({1: [0.0] * 9, 4: [0.25] * 9, 16: [0.75] * 9, 64: [1.0] * 9})
    kw: dict[str, Any] = {"axis": "n", "measures": ["bits"], "rng": rng}
    line = dose_response(exact, [1, 4, 16, 64], **kw).half_volume["bits"]
    assert (line.value, line.low, line.high) == pytest.approx((10, 10, 10))
    curved = dose_response(exact, [1, 4, 16, 64], scale="log", **kw)
    assert curved.half_volume["bits"].value == pytest.approx(8)


def test_falling_curve_is_the_rising_one_turned(rng: np.random.Generator) -> None:
    heights = {1: 0.9, 2: 0.7, 3: 0.2, 4: 0.0}
    noisy = {k: h + rng.normal(0, 0.3, size=100) for k, h in heights.items()}
    turned = {-k: bits for k, bits in noisy.items()}
    kw: dict[str, Any] = {"axis": "sd", "measures": ["bits"]}
    seed = 3
    down = dose_response(
        fixed(noisy),
        [1, 2, 3, 4],
        increasing=False,
        rng=np.random.default_rng(seed),
        **kw,
    )
    up = dose_response(
        fixed(turned), [-4, -3, -2, -1], rng=np.random.default_rng(seed), **kw
    )
    values = ["value", "low", "high"]
    assert down.curve[values].to_numpy() == pytest.approx(
        up.curve[values].to_numpy()[::-1]
    )
    half, mirrored = down.half_volume["bits"], up.half_volume["bits"]
    assert half.value == pytest.approx(-mirrored.value)
    assert half.low <= half.value <= half.high
    assert 1 < half.value < 4


def test_half_that_lies_before_every_volume(rng: np.random.Generator) -> None:
    early = fixed({1: [0.8, 0.9] * 5, 2: [1.0, 1.1] * 5})
    found = dose_response(early, [1, 2], axis="n", measures=["bits"], rng=rng)
    assert np.isnan(found.half_volume["bits"].value)


def test_bound_beyond_the_volumes_is_infinite(rng: np.random.Generator) -> None:
    noise = rng.normal(0, 1, size=(2, 60))
    noise -= noise.mean(axis=1, keepdims=True)
    near = fixed({1: 0.45 + noise[0], 2: 1 + noise[1]})
    kw: dict[str, Any] = {"axis": "n", "measures": ["bits"], "rng": rng}
    half = dose_response(near, [1, 2], **kw).half_volume["bits"]
    assert half.low == -np.inf
    assert half.value == pytest.approx(1 + 0.05 / 0.55)
    assert dose_response(near, [1, 2], scale="log", **kw).half_volume["bits"].low == 0


@settings(derandomize=True, deadline=None, max_examples=25)
@given(
    st.lists(st.tuples(st.integers(2, 9), st.floats(-2, 2)), min_size=2, max_size=5),
    st.booleans(),
)
def test_curve_is_monotone_and_weighted(
    cells: list[tuple[int, float]], increasing: bool
) -> None:
    bits = {k: height + np.arange(n) / n for k, (n, height) in enumerate(cells)}
    found = dose_response(
        fixed(bits),
        range(len(cells)),
        axis="n",
        measures=["bits"],
        increasing=increasing,
        rng=np.random.default_rng(1),
        n_resamples=100,
    )
    sign = 1 if increasing else -1
    for column in ("value", "low", "high"):
        assert (sign * np.diff(found.curve[column]) >= -1e-12).all()
    means = [values.mean() for values in bits.values()]
    model = IsotonicRegression(increasing=increasing)
    expected = model.fit_transform(
        np.arange(len(cells)), means, sample_weight=[n for n, _ in cells]
    )
    assert found.curve["value"].to_numpy() == pytest.approx(expected)


def test_tables_are_tidy_and_raw_estimates_known(rng: np.random.Generator) -> None:
    found = dose_response(attack, [1, 8], axis="queries", rng=np.random.default_rng(6))
    columns = ["axis", "volume", "position", "measure", "value", "low", "high"]
    for table in (found.table, found.curve):
        assert list(table.columns) == [*columns, "confidence_level", "n"]
        assert table[["volume", "measure"]].to_numpy().tolist() == [
            [1, "bits"],
            [8, "bits"],
            [1, "gain"],
            [8, "gain"],
        ]
    child = np.random.default_rng(6).spawn(2)[1]
    targets = attack(8, child).targets.query("role == 'member'")
    bits = mean_interval(targets["bits"]).as_dict()
    gain = paired_difference(
        targets["correct"], targets["imputation_correct"]
    ).as_dict()
    for row, expected in ((1, bits), (3, gain)):
        assert found.table.loc[row, list(expected)].to_dict() == pytest.approx(expected)


def test_volumes_of_one_repeat_share_a_generator(rng: np.random.Generator) -> None:
    def luck(volume: int, rng: np.random.Generator) -> Any:
        return results(rng.spawn(1)[0].normal(size=5) + rng.normal(size=5))

    once = dose_response(luck, [1, 2, 3], axis="n", measures=["bits"], rng=rng)
    assert len(set(once.table["value"])) == 1
    twice = dose_response(
        luck, [1, 2, 3], axis="n", measures=["bits"], n_repeats=2, rng=rng
    )
    assert len(set(twice.table["value"])) == 1
    assert twice.table["value"].iloc[0] != once.table["value"].iloc[0]


def test_repeats_are_averaged_by_target() -> None:
    calls: list[float] = []

    def count(volume: int, rng: np.random.Generator) -> Any:
        calls.append(rng.random())
        return results(np.arange(10.0) * volume + (len(calls) % 2))

    found = dose_response(
        count,
        [1, 2],
        axis="n",
        measures=["bits"],
        n_repeats=2,
        rng=np.random.default_rng(2),
    )
    expected = [mean_interval(np.arange(10.0) * k + 0.5).as_dict() for k in (1, 2)]
    numbers = found.table[list(expected[0])].to_dict("records")
    assert numbers[0] == pytest.approx(expected[0])
    assert numbers[1] == pytest.approx(expected[1])
    assert calls[:2] == calls[2:]
    assert calls[0] != calls[1]


def test_workers_change_nothing() -> None:
    def run(backend: str, n_jobs: int) -> DoseResponse:
        with parallel_config(backend=backend, n_jobs=n_jobs):
            return dose_response(
                attack,
                VOLUMES,
                axis="n",
                n_repeats=2,
                rng=np.random.default_rng(8),
                n_resamples=100,
            )

    alone = run("sequential", 1)
    for backend in ("threading", "loky"):
        both = run(backend, 2)
        pd.testing.assert_frame_equal(alone.table, both.table, check_exact=True)
        pd.testing.assert_frame_equal(alone.curve, both.curve, check_exact=True)
        assert alone.half_volume == both.half_volume


def test_labels_stand_where_they_are_put(rng: np.random.Generator) -> None:
    steps = fixed({"none": [0.0] * 4, "some": [0.5] * 4, "all": [1.0] * 4})
    found = dose_response(
        steps,
        ["none", "some", "all"],
        positions=[0, 3, 10],
        axis="facts",
        measures=["bits"],
        rng=rng,
    )
    assert found.table["volume"].tolist() == ["none", "some", "all"]
    assert found.half_volume["bits"].value == 3
    assert repr(found) == (
        "DoseResponse(axis='facts', n_volumes=3, half_volume: bits=3 (3 to 3))"
    )


def test_one_target_has_a_curve_but_no_intervals(rng: np.random.Generator) -> None:
    lone = fixed({1: [0.0], 2: [1.0]})
    found = dose_response(lone, [1, 2], axis="n", measures=["bits"], rng=rng)
    assert found.curve["value"].tolist() == [0, 1]
    assert found.curve[["low", "high"]].isna().all(axis=None)
    assert np.isnan(found.half_volume["bits"].value)


SIZES = itertools.cycle([3, 4])


def changing(volume: int, rng: np.random.Generator) -> Any:
    return results(np.zeros(next(SIZES)))


def nobody(volume: int, rng: np.random.Generator) -> Any:
    return SimpleNamespace(targets=results([1.0]).targets.query("role == 'control'"))


BITS: dict[str, Any] = {"measures": ["bits"]}
MISTAKES: list[tuple[dict[str, Any], type[Exception], str]] = [
    (
        {"volumes": [1]},
        ParameterError,
        "volumes must be two or more, with one position each; got 1 volumes and 1 "
        "positions",
    ),
    (
        {"volumes": [2, 1]},
        ParameterError,
        "volumes must be finite and increase; got [2.0, 1.0]",
    ),
    (
        {"volumes": ["a", "b"]},
        ParameterError,
        "volumes must be numbers; labels need positions",
    ),
    (
        {"volumes": ["a", "b"], "positions": [1, 1]},
        ParameterError,
        "positions must be finite and increase; got [1.0, 1.0]",
    ),
    (
        {"volumes": [0, 1], "scale": "log"},
        ParameterError,
        "volumes must be above 0 on the log scale; got 0.0",
    ),
    (
        {"scale": "sqrt"},
        ParameterError,
        "scale must be one of 'linear', 'log'; got 'sqrt'",
    ),
    (
        {"measures": ["auc"]},
        ParameterError,
        "measures must be one of 'bits', 'gain'; got 'auc'",
    ),
    (
        {"measures": "bits"},
        ParameterError,
        "measures must be a sequence of one name or more; got 'bits'",
    ),
    (
        {"n_repeats": 0},
        ParameterError,
        "n_repeats must be a whole number of 1 or more; got 0",
    ),
    ({"n_resamples": 5}, ParameterError, "n_resamples must be 100 or more; got 5"),
    (
        {"rng": None},
        ParameterError,
        "rng must be a numpy.random.Generator; got NoneType",
    ),
    (
        {"attack": lambda volume, rng: 3, **BITS},
        ParameterError,
        "what attack returns must be a result whose targets have columns role, bits; "
        "got int without role, bits",
    ),
    (
        {"attack": nobody, **BITS},
        FitError,
        "what attack returns must have targets of role 'member'; got none",
    ),
    (
        {"attack": changing, "n_repeats": 2, **BITS},
        ParameterError,
        "attack must have the same number of members as targets in every repeat of one "
        "of the 2 volumes; got [3, 4]",
    ),
]


@pytest.mark.parametrize(("change", "error", "message"), MISTAKES)
def test_mistakes_are_named(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    settings: dict[str, Any] = {
        "attack": attack,
        "volumes": [1, 2],
        "axis": "n",
        "rng": np.random.default_rng(1),
    }
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        dose_response(**(settings | change))
