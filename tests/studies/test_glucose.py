"""Use and leaks of glucose twins under defences: limits, order, bounds, seeds."""

import itertools
import re

import numpy as np
import pandas as pd
import pytest

from twinprivacy.attacks.bounds import attribute_success_bound
from twinprivacy.attacks.guarantees import PrivacyGuarantee
from twinprivacy.defences import GlucoseRelease
from twinprivacy.errors import ParameterError
from twinprivacy.studies import glucose, glucose_frontier, simulate_glucose_store
from twinprivacy.twins.glucose import advice_time_in_range, advise
from twinprivacy.twins.glucose.forecast import _average

N = 30
MUS = (1.0, 2.0, 4.0)
BLURS = (0.25, 1.0, 4.0)
SETTINGS = {"none": GlucoseRelease(days=4), "a day": GlucoseRelease(days=1)}
SETTINGS |= {
    "twin": GlucoseRelease(days=4, leaks="twin"),
}
SETTINGS |= {
    f"blur {sd}": GlucoseRelease(days=4, noise_sd=sd, leaks="twin") for sd in BLURS
}
SETTINGS |= {f"mu {mu}": GlucoseRelease(days=4, mu=mu, leaks="twin") for mu in MUS}


@pytest.fixture(scope="module")
def table():
    found = glucose_frontier(
        N, SETTINGS, reference="none", rng=np.random.default_rng(20_250_611)
    )
    return found.set_index(["setting", "measure"])


@pytest.fixture(scope="module")
def store():
    """Two days, and two more under the advice, for speed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(glucose, "NAMED_DAYS", 2)
        patch.setattr(glucose, "ADVISED_DAYS", 2)
        yield simulate_glucose_store(20, days=2, rng=np.random.default_rng(5))


def test_an_undefended_store_names_its_owners(table):
    """Chance is 1 in 15."""
    assert table.loc[("none", "rank_1"), "low"] > 1 / 15
    assert table.loc[("none", "bits"), "low"] > 0


def test_fewer_days_tell_less(table):
    assert table.loc[("a day", "rank_1"), "change_high"] < 0


def test_more_noise_never_finds_more_beyond_the_interval(table):
    levels = ["twin", *(f"blur {sd}" for sd in BLURS)]
    for less, more in itertools.pairwise(levels):
        for measure in ("rank_1", "bits"):
            noisier = table.loc[(more, measure), "value"]
            assert noisier <= table.loc[(less, measure), "high"]
    assert table.loc[("blur 4.0", "rank_1"), "high"] < 0.25


@pytest.mark.parametrize("mu", MUS)
def test_no_rate_is_above_the_bound_of_its_budget(table, mu):
    bound = attribute_success_bound(PrivacyGuarantee(mu=mu / 2), 1 / (N // 2))
    assert table.loc[(f"mu {mu}", "rank_1"), "low"] <= bound


def test_endless_noise_gives_the_advice_of_the_average_twin(store):
    rng = np.random.default_rng(9)
    release = GlucoseRelease(days=2, noise_sd=1e6, leaks="twin")
    found = store.measure(release, np.random.default_rng(9))
    _, life_rng, _ = rng.spawn(3)
    people = store.nameless.patients
    average = advise(_average(people, store.prior))
    shares = advice_time_in_range(people, average, days=2, rng=life_rng)
    np.testing.assert_allclose(
        found["time_in_range"], shares["time_in_range"], atol=0.02
    )
    assert abs(found["rank_1"].mean() - 0.1) < 0.15


def test_what_leaks_does_not_change_the_advice(table):
    for measure in ("time_in_range", "time_below_70", "time_above_180"):
        assert table.loc[("twin", measure), "change"] == 0


def test_shares_and_changes_are_consistent(table):
    parts = ["time_in_range", "time_below_70", "time_above_180"]
    for setting in SETTINGS:
        whole = sum(table.loc[(setting, part), "value"] for part in parts)
        assert whole == pytest.approx(1.0)
    assert (table["n"] == N).all()
    gap = table.loc[("a day", "bits"), "value"] - table.loc[("none", "bits"), "value"]
    assert table.loc[("a day", "bits"), "change"] == pytest.approx(gap)


def test_the_same_seed_and_workers_give_the_same_table():
    few = {"a day": GlucoseRelease(days=1)}
    tables = [
        glucose_frontier(20, few, rng=np.random.default_rng(3), n_jobs=n_jobs)
        for n_jobs in (1, 2)
    ]
    pd.testing.assert_frame_equal(*tables)


def test_settings_do_not_change_one_another(store):
    release = GlucoseRelease(days=1)
    alone = store.measure(release, np.random.default_rng(3))
    store.measure(GlucoseRelease(days=2), np.random.default_rng(3))
    again = store.measure(release, np.random.default_rng(3))
    for name, values in alone.items():
        np.testing.assert_array_equal(values, again[name])


def test_a_store_shows_nobody(store):
    assert repr(store) == "GlucoseStore(n_people=20)"


@pytest.mark.parametrize(
    ("n_people", "message"),
    [
        (18, "n_people must be a whole number of 20 or more; got 18"),
        (21, "n_people must be even, to be cut in halves; got 21"),
    ],
)
def test_too_few_or_odd_people_are_refused(n_people, message):
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        simulate_glucose_store(n_people, days=1, rng=np.random.default_rng(1))


def test_a_frontier_needs_a_setting():
    with pytest.raises(
        ParameterError, match=r"^settings must hold one or more; got none$"
    ):
        glucose_frontier(20, {}, rng=np.random.default_rng(1))
