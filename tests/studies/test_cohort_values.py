"""The coalition values of a cohort are those of its twins and its table."""

import re

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier

from twinprivacy.attacks.uniqueness import anonymity_sets
from twinprivacy.datasets import load_cohort
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.studies import cohort_coalition_values
from twinprivacy.twins.outcome import auc, fit_outcome_twin, measure_performance

LADDER = {"age": ["age"], "flags": ["ill", "coin"]}


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(12)
    age = rng.integers(40, 80, size=200)
    ill, coin = rng.random(200) < 0.5, rng.random(200) < 0.5
    p = 1 / (1 + np.exp(-(0.1 * (age - 60) + 1.5 * (ill - 0.5))))
    died = rng.random(200) < p
    days = 1 + rng.integers(1_000, size=200) * (2 - died)
    return pd.DataFrame(
        {
            "age": age,
            "ill": ill,
            "coin": coin,
            "died": died,
            "follow_up_days": days,
            "score": age + 5.0 * ill + rng.normal(size=200),
        }
    )


def values_of(people, **options):
    options = {"outcome": "died", "ladder": LADDER} | options
    return cohort_coalition_values(people, rng=np.random.default_rng(5), **options)


def lookup(found):
    return found.table().set_index(["modalities", "measure"])


@pytest.fixture(scope="module")
def found(people):
    return values_of(people)


@pytest.fixture(scope="module")
def twin(people):
    """The twin of the largest set, with the same folds."""
    (child,) = np.random.default_rng(5).spawn(1)
    return fit_outcome_twin(
        people,
        outcome="died",
        features=["age", "ill", "coin"],
        folds=5,
        rng=child.spawn(1)[0],
    )


class TestCohortCoalitionValues:
    def test_use_is_that_of_the_twin(self, people, found, twin):
        row = lookup(found).loc[("age + flags", "auc")]
        wanted = auc(people["died"], twin.out_of_fold)
        assert row["value"] == pytest.approx(wanted.value)
        # The same influences, normal for the area instead of for its log odds.
        assert row["low"] == pytest.approx(wanted.low, abs=0.01)

    def test_identity_is_that_of_the_table(self, people, found):
        table = lookup(found)
        for name, columns in (("age", ["age"]), ("flags", ["ill", "coin"])):
            sets = anonymity_sets(people, columns)
            assert table.loc[(name, "share_unique"), "value"] == sets.share_unique
            bits = table.loc[(name, "identity_bits"), "value"]
            assert bits == pytest.approx(sets.bits)

    def test_a_twin_told_nothing_knows_nothing(self, found):
        nothing = lookup(found).loc["none", "value"].to_dict()
        assert nothing == {
            "auc": 0.5,
            "share_unique": 0,
            "identity_bits": 0,
        }

    def test_what_is_a_coin_has_no_use(self, people):
        ladder = {"age": ["age"], "ill": ["ill"], "coin": ["coin"]}
        shares = values_of(people, ladder=ladder, measures=["auc", "identity_bits"])
        table = shares.shares().set_index(["measure", "modality"])
        assert table.loc[("auc", "coin"), "high"] < 0.1
        assert table.loc[("auc", "age"), "low"] > table.loc[("auc", "coin"), "high"]
        # One fair coin, alone or beside others, tells one bit at most.
        assert 0.5 < table.loc[("identity_bits", "coin"), "value"] <= 1

    @pytest.mark.parametrize("order", ["reversed", "shuffled"])
    def test_the_order_of_rows_is_nothing(self, people, found, order):
        rows = np.arange(200)[::-1]
        if order == "shuffled":
            rows = np.random.default_rng(1).permutation(200)
        again = values_of(people.iloc[rows])
        pd.testing.assert_frame_equal(again.table(), found.table())

    def test_workers_change_nothing(self, people, found):
        with joblib.parallel_config("threading", n_jobs=2):
            again = values_of(people)
        pd.testing.assert_frame_equal(again.shares(), found.shares())

    def test_a_forest_is_another_twin(self, people, found):
        forest = values_of(
            people, estimator=RandomForestClassifier(20), measures=["auc"]
        )
        place = ("age + flags", "auc")
        assert lookup(forest).loc[place, "value"] != lookup(found).loc[place, "value"]

    def test_numbers_and_survival_have_measures_of_their_own(self, people):
        number = values_of(people, outcome="score")
        assert list(number.values) == [
            "r_squared",
            "share_unique",
            "identity_bits",
        ]
        assert lookup(number).loc[("age + flags", "r_squared"), "value"] > 0.9
        survival = values_of(
            people, outcome=("follow_up_days", "died"), measures=["concordance"]
        )
        (child,) = np.random.default_rng(5).spawn(1)
        twin = fit_outcome_twin(
            people,
            outcome=("follow_up_days", "died"),
            features=["age"],
            folds=5,
            rng=child.spawn(1)[0],
        )
        observed = people[["follow_up_days", "died"]]
        wanted = measure_performance(observed, twin.out_of_fold)["value"].item()
        row = lookup(survival).loc[("age", "concordance")]
        assert row["value"] == pytest.approx(wanted)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                {"ladder": {"age": ["age", "died"]}, "measures": ["share_unique"]},
                "outcome and ladder must be one column or more, each once; got 3 names "
                "of 2 columns",
            ),
            (
                {"ladder": {"age": ["age"], "all": ["age", "ill"]}},
                "outcome and ladder must be one column or more, each once; got 4 names "
                "of 3 columns",
            ),
            (
                {"measures": []},
                "measures must be one column or more, each once; got 0 names of 0 "
                "columns",
            ),
            (
                {"measures": ["r_squared"]},
                "measures must be one of 'auc', 'share_unique', 'identity_bits'; got "
                "'r_squared'",
            ),
        ],
    )
    def test_settings_that_do_not_suit_are_refused(self, people, options, message):
        with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
            values_of(people, **options)

    @pytest.mark.parametrize(
        ("options", "column"),
        [({"outcome": "cured"}, "cured"), ({"ladder": {"age": ["years"]}}, "years")],
    )
    def test_columns_that_are_absent_are_named(self, people, options, column):
        pattern = rf"^frame must have the columns .* once each; missing: {column}; "
        with pytest.raises(DataError, match=pattern):
            values_of(people, measures=["share_unique"], **options)

    def test_what_is_no_table_is_refused(self, people):
        with pytest.raises(
            DataError, match=r"^frame must be a pandas.DataFrame; got list$"
        ):
            values_of([1, 2])


def test_laboratory_values_name_people_and_predict_little():
    """Olmsted County: what light chains add to age and sex, and what they give away."""
    people = load_cohort("flchain")
    found = cohort_coalition_values(
        people,
        outcome="died",
        ladder=people.attrs["ladder"],
        measures=["auc", "share_unique"],
        rng=np.random.default_rng(7),
    )
    share = found.shares().set_index(["measure", "modality"])["share"]
    assert share["auc", "demographics"] > 0.6
    assert share["share_unique", "laboratory"] > 0.9
    lost = found.removals().set_index(["measure", "modality"])
    assert 0 < lost.loc[("auc", "laboratory"), "value"] < 0.02
    assert lost.loc[("share_unique", "laboratory"), "value"] > 0.9
