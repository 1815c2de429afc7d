"""The worths of a cohort are those of its twins, its table and its audits."""

import re

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier

from twinprivacy.attacks.membership import audit_twin
from twinprivacy.attacks.uniqueness import anonymity_sets
from twinprivacy.datasets import load_cohort
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.studies import cohort_worths
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


def worths(people, **options):
    options = {"outcome": "died", "ladder": LADDER} | options
    return cohort_worths(people, rng=np.random.default_rng(5), **options)


def lookup(found):
    return found.table().set_index(["modalities", "measure"])


@pytest.fixture(scope="module")
def found(people):
    return worths(people)


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


class TestCohortWorths:
    def test_use_is_that_of_the_twin(self, people, found, twin):
        row = lookup(found).loc[("age + flags", "auc")]
        wanted = auc(people["died"], twin.out_of_fold)
        assert row["value"] == pytest.approx(wanted.value)
        # The same influences, normal for the area instead of for its log odds.
        assert row["low"] == pytest.approx(wanted.low, abs=0.01)
        bits = lookup(found).loc[("age + flags", "bits"), "value"]
        happened = people["died"].to_numpy()
        p, share = np.asarray(twin.out_of_fold), happened.mean()
        told = np.where(happened, p / share, (1 - p) / (1 - share))
        assert bits == pytest.approx(np.log2(told).mean())

    def test_membership_is_that_of_the_audit(self, people, found, twin):
        wanted = audit_twin(twin, people).area_under_curve()
        row = lookup(found).loc[("age + flags", "membership_auc")]
        assert row["value"] == pytest.approx(wanted.value)
        assert row["low"] == pytest.approx(wanted.low, abs=0.002)

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
            "bits": 0,
            "share_unique": 0,
            "identity_bits": 0,
            "membership_auc": 0.5,
        }

    def test_bands_hide(self, people):
        seen = people.assign(age=10 * (people["age"] // 10))
        measures = ["share_unique", "identity_bits"]
        fine = lookup(worths(people, measures=measures))["value"]
        coarse = lookup(worths(people, measures=measures, seen=seen))["value"]
        assert (coarse <= fine).all()
        assert coarse["age", "share_unique"] == 0 < fine["age", "share_unique"]

    def test_what_is_a_coin_has_no_use(self, people):
        ladder = {"age": ["age"], "ill": ["ill"], "coin": ["coin"]}
        shares = worths(people, ladder=ladder, measures=["auc", "identity_bits"])
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
        again = worths(people.iloc[rows], seen=people)
        pd.testing.assert_frame_equal(again.table(), found.table())

    def test_workers_change_nothing(self, people, found):
        with joblib.parallel_config("threading", n_jobs=2):
            again = worths(people)
        pd.testing.assert_frame_equal(again.shares(), found.shares())

    def test_forests_remember_more(self, people, found):
        forest = worths(
            people, estimator=RandomForestClassifier(20), measures=["membership_auc"]
        )
        place = ("age + flags", "membership_auc")
        assert lookup(forest).loc[place, "low"] > lookup(found).loc[place, "high"]

    def test_numbers_and_survival_have_measures_of_their_own(self, people):
        number = worths(people, outcome="score")
        assert list(number.values) == [
            "r_squared",
            "share_unique",
            "identity_bits",
            "membership_auc",
        ]
        assert lookup(number).loc[("age + flags", "r_squared"), "value"] > 0.9
        survival = worths(
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

    def test_more_splits_are_averaged(self, people):
        child = np.random.default_rng(5).spawn(1)[0]
        areas = [
            auc(
                people["died"],
                fit_outcome_twin(
                    people, outcome="died", features=["age"], folds=5, rng=each
                ).out_of_fold,
            ).value
            for each in child.spawn(2)
        ]
        twice = worths(people, n_splits=2, measures=["auc"])
        assert lookup(twice).loc[("age", "auc"), "value"] == pytest.approx(
            np.mean(areas)
        )

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"n_splits": 0}, "n_splits must be a whole number of 1 or more; got 0"),
            (
                {"n_splits": 1.5},
                "n_splits must be a whole number of 1 or more; got 1.5",
            ),
            (
                {"n_splits": None},
                "n_splits must be a whole number of 1 or more; got None",
            ),
            ({"folds": 1}, "folds must be a whole number of 2 or more; got 1"),
            (
                {"ladder": {"age": "age"}},
                "ladder must have a sequence of columns for each modality; got a lone "
                "name",
            ),
            (
                {"ladder": {"age": ["age", "died"]}, "measures": ["share_unique"]},
                "ladder must not hold the outcome; got died",
            ),
            (
                {
                    "outcome": ("follow_up_days", "died"),
                    "ladder": {"age": ["age", "follow_up_days"]},
                    "measures": ["share_unique"],
                },
                "ladder must not hold the outcome; got follow_up_days",
            ),
            (
                {"ladder": {"age": ["age"], "all": ["age", "ill"], "none": []}},
                "ladder must have modalities of one column at least, each column once; "
                "got 1 empty, repeated: age",
            ),
            ({"measures": []}, "measures must be one or more; got none"),
            (
                {"measures": ["r_squared"]},
                "measures must be one of 'auc', 'bits', 'share_unique', "
                "'identity_bits', 'membership_auc'; got 'r_squared'",
            ),
        ],
    )
    def test_settings_that_do_not_suit_are_refused(self, people, options, message):
        with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
            worths(people, **options)

    @pytest.mark.parametrize(
        ("options", "column"),
        [({"outcome": "cured"}, "cured"), ({"ladder": {"age": ["years"]}}, "years")],
    )
    def test_columns_that_are_absent_are_named(self, people, options, column):
        pattern = rf"^frame must have the columns .* once each; missing: {column}; "
        with pytest.raises(DataError, match=pattern):
            worths(people, measures=["share_unique"], **options)

    def test_what_is_no_table_is_refused(self, people):
        with pytest.raises(
            DataError, match=r"^frame must be a pandas.DataFrame; got list$"
        ):
            worths([1, 2])
        with pytest.raises(
            DataError, match=r"^seen must be a pandas.DataFrame; got list$"
        ):
            worths(people, seen=[1, 2])

    def test_a_twin_that_is_sure_and_wrong_loses_no_more_than_the_edge(self, people):
        """Kept 1 / 201 from 0: log2(1 / 201) less that of the share of what happened.

        A tree grown to the end says 0 or 1 where the leaves of a person's like agree.
        """
        found = worths(
            people,
            estimator=RandomForestClassifier(1, bootstrap=False),
            ladder={"age": ["age"]},
            measures=["bits"],
        )
        told = found.values["bits"][frozenset(["age"])]
        share = people["died"].mean()
        least = np.log2(1 / 201) - np.log2([share, 1 - share])
        assert any(told.min() == pytest.approx(edge) for edge in least)

    def test_other_people_are_refused(self, people):
        message = (
            "seen must hold the 200 people of frame; got 199 rows, 1 people absent"
        )
        with pytest.raises(DataError, match=f"^{message}$"):
            worths(people, seen=people.iloc[1:])


def test_laboratory_values_name_people_and_predict_little():
    """Olmsted County: what light chains add to age and sex, and what they give away."""
    people = load_cohort("flchain")
    found = cohort_worths(
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
