"""The committed grids: small, of this package, and what the code computes."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config

import twinprivacy
from twinprivacy.attacks.uniqueness import anonymity_sets
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.explorer import grids as _uniqueness_grids, losses as _loss_grids
from twinprivacy.explorer.grids import (
    DECIMALS,
    N_PEOPLE_ATTACKED,
    SEED,
    best_attack,
    compute_grids,
    main,
    questions,
    read_grids,
)
from twinprivacy.people import MODALITIES, simulate_cohort

PATH = Path(__file__).parents[2] / "book/_static/explorer-grids.json"
LARGEST_BYTES = 200_000
GRIDS = read_grids(PATH)


def test_small_and_of_this_package() -> None:
    assert PATH.stat().st_size < LARGEST_BYTES
    assert GRIDS["version"] == twinprivacy.__version__
    assert GRIDS["seed"] == SEED


def test_words_of_the_page_hold() -> None:
    # "among a million", "beyond a million": `quantities.BASES` and the page say so.
    assert GRIDS["uniqueness"]["counted_up_to"] == 1_000_000
    assert GRIDS["linkage"]["ends_at"] == 1_000_000


def test_every_part_states_its_error() -> None:
    parts = [
        *GRIDS["loss"].values(),
        *GRIDS["inference"].values(),
        GRIDS["uniqueness"],
        GRIDS["linkage"],
    ]
    for part in parts:
        assert 0 <= part["interpolation_error"] < 0.1
        assert part["error_of"]


def test_rates_are_those_that_chapter_4_prints() -> None:
    rates = GRIDS["rates"]
    assert rates["low"] < rates["base"] < rates["high"]
    notebook = json.loads((PATH.parents[1] / "04_programme.ipynb").read_text())
    printed = "".join(
        "".join(output["data"]["text/plain"])
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
        if "breaches a year" in str(output.get("data", {}).get("text/plain", ""))
    )
    for rate in rates.values():
        assert f"{rate:.4f}" in printed


@pytest.mark.parametrize(("mask", "decimals"), [(7, 1), (1, 3)])
@pytest.mark.parametrize("secret", ["smoking", "VKORC1"])
def test_inference_is_what_the_attack_finds(
    asked: dict, secret: str, mask: int, decimals: int
) -> None:
    everyone, seed = asked
    grid = GRIDS["inference"][secret]
    found = best_attack(everyone[secret], mask, decimals, seed)
    place = mask * len(DECIMALS) + DECIMALS.index(decimals)
    for measure in ("gain", "bits"):
        for side in ("value", "low", "high"):
            direct = getattr(getattr(found, measure), side)
            kept = grid[f"{measure}_{side}"]["values"][place]
            assert kept == pytest.approx(direct, abs=grid["interpolation_error"] + 1e-3)


@pytest.fixture(scope="module")
def asked() -> tuple[dict, int]:
    inference_rng = np.random.default_rng(SEED).spawn(4)[2]
    people_rng, attack_rng = inference_rng.spawn(2)
    everyone = questions(N_PEOPLE_ATTACKED, rng=people_rng)
    return everyone, int(attack_rng.integers(2**32))


def test_codes_part_people_as_their_columns_do() -> None:
    people = _uniqueness_grids.whole_numbers(
        simulate_cohort(3_000, rng=np.random.default_rng(1))
    )
    kinds = ("demographics", "history")
    names = [name for kind in kinds for name in MODALITIES[kind]]
    direct = anonymity_sets(people, names).histogram
    codes = _uniqueness_grids.kind_codes(people, 1)
    coded = anonymity_sets(codes, list(kinds)).histogram
    pd.testing.assert_frame_equal(coded, direct)


def test_mean_share_is_over_whole_stores() -> None:
    # Stores of two: (a, a) has nobody unique, (a, b) both; the fifth is left over.
    codes = pd.DataFrame({"kind": [1, 1, 1, 2, 3]})
    value, low, high = _uniqueness_grids.mean_share(codes, ["kind"], 2)
    assert value == (0 + 1) / 2
    assert low < value < high


def test_losses_do_not_depend_on_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_loss_grids, "N_SCATTERS", 2)
    monkeypatch.setattr(_loss_grids, "N_DRAWS", 3)
    monkeypatch.setattr(_loss_grids, "VIEWS", {"insured claims": "dbir2015_loglog"})
    found = []
    for n_jobs in (1, 2):
        with parallel_config(backend="threading", n_jobs=n_jobs):
            found.append(_loss_grids.loss_grids(rng=np.random.default_rng(3)))
    assert found[0] == found[1]


def test_bad_input(tmp_path: Path) -> None:
    with pytest.raises(
        ParameterError, match=r"^rng must be a numpy\.random\.Generator; got int$"
    ):
        compute_grids(rng=1)  # type: ignore[arg-type]
    path = tmp_path / "other.json"
    path.write_text("[]")
    message = f"path must name the grids that write_grids wrote; got {path}"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        read_grids(path)
    with pytest.raises(DataError, match=r"^path must name the grids .*No such file"):
        read_grids(tmp_path / "none.json")
    with pytest.raises(SystemExit, match=r"^usage: python -m twinprivacy\.explorer"):
        main([])
