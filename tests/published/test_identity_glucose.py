"""Whose glucose is it, on real traces that lie beside the project; see ledger.csv.

Each record is cut in two at its middle reading: the first half is named, the second
nameless. Both halves of a record are mostly of one sensor, worn in one week, so this is
the easiest form of the task. Nothing is learned from these people: records are compared
by the features of the trace, each scaled by its spread over the cohort.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from twinprivacy.attacks.linkage import LinkageResult, link_records
from twinprivacy.attacks.traces import unicity_curve
from twinprivacy.twins.glucose import grid_readings, trace_features

COHORTS = {"iglu": "example_data_5_subject.csv.gz", "hall": "example_data_hall.csv.gz"}


def read(folder: Path, cohort: str) -> pd.DataFrame:
    path = folder / "cgm" / COHORTS[cohort]
    if not path.is_file():
        pytest.skip("the real glucose traces are not on this machine")
    table = pd.read_csv(path, parse_dates=["time"])
    return table.rename(columns={"id": "patient", "gl": "cgm_mg_dl"}).sort_values(
        ["patient", "time"]
    )


def halves(records: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    place = records.groupby("patient").cumcount()
    size = records.groupby("patient")["time"].transform("size")
    first = place < size // 2
    features = []
    for half in (records[first], records[~first]):
        patients, cgm = grid_readings(half)
        features.append(trace_features(cgm, patients=patients))
    return features[0], features[1]


def link(named: pd.DataFrame, nameless: pd.DataFrame) -> LinkageResult:
    known = [name for name in named.columns if named[name].notna().all()]
    return link_records(nameless, named, on=known, truth=nameless.index)


@pytest.mark.parametrize(("cohort", "n"), [("iglu", 5), ("hall", 19)])
def test_real_halves_are_linked_above_chance(
    shared_data: Path, cohort: str, n: int
) -> None:
    found = link(*halves(read(shared_data, cohort)))
    rate = found.rank_rate(1)
    assert found.n_candidates == rate.n == n
    # Found when written: 4 of 5, and 6 of 19 with Wilson's interval of .15 to .54.
    assert rate.low > found.chance(1)
    assert rate.value < 1


def test_two_cohorts_joined_are_no_easier(shared_data: Path) -> None:
    # Cohorts of different disease and sensor could be told apart without telling
    # people apart, so that a joined rate would say little; here it says no more.
    parts = [halves(read(shared_data, cohort)) for cohort in COHORTS]
    found = link(*(pd.concat(half) for half in zip(*parts, strict=True)))
    rate = found.rank_rate(1)
    assert rate.n == 24
    assert rate.low > found.chance(1)
    own = found.targets["rank"].to_numpy() == 1
    assert own[:5].sum() <= 4
    assert own[5:].sum() <= 6


def test_real_strangers_are_linked_at_chance(shared_data: Path) -> None:
    named, nameless = halves(read(shared_data, "hall"))
    rng = np.random.default_rng(1)
    rates = []
    for _ in range(40):
        # Nobody keeps the own name.
        step = int(rng.integers(1, 19))
        wrong = nameless.set_axis(np.roll(nameless.index.to_numpy(), step))
        rates.append(link(named, wrong).rank_rate(1).value)
    assert np.mean(rates) < 0.1


def test_few_real_readings_name_their_owner(shared_data: Path) -> None:
    records = read(shared_data, "hall")
    clock = records["time"].dt.hour + records["time"].dt.minute / 60
    points = records[["patient"]].assign(hour=clock, cgm=records["cgm_mg_dl"])
    widths = {"fine": {"hour": 0.25, "cgm": 1}, "coarse": {"hour": 6, "cgm": 20}}
    rates = unicity_curve(
        points, [1, 4], widths, n_draws=20, rng=np.random.default_rng(2)
    ).set_index(["coarsening", "k"])["value"]
    # Among 19 people, four readings at a known quarter of an hour, without the date.
    assert rates["fine", 4] > 0.95
    assert rates["coarse", 4] < 0.3
    assert rates["fine", 1] < rates["fine", 4]
