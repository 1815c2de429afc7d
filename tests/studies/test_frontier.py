"""Settings are measured on the same targets, and who is beaten is beaten."""

import re

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from twinprivacy.errors import DataError, ParameterError
from twinprivacy.estimates import (
    Estimate,
    mean_interval,
    paired_difference,
    share_interval,
)
from twinprivacy.studies import mark_dominated, measure_frontier

COLUMNS = ["setting", "measure", "value", "low", "high", "n", "confidence_level"]


def long_table(points, half=0.0):
    """Lay out (use, leak) of settings a, b, ... as measure_frontier does."""
    rows = [
        {"setting": f"s{place}", "measure": measure, "value": float(value)}
        for place, point in enumerate(points)
        for measure, value in zip(("use", "leak"), point, strict=True)
    ]
    table = pd.DataFrame(rows)
    return table.assign(low=table["value"] - half, high=table["value"] + half)


def marked(points, half=0.0):
    return mark_dominated(long_table(points, half), useful="use", leak="leak")


def blur(sd, rng):
    """A leak that depends on who the targets are, and on noise of the setting."""
    secret = rng.normal(size=200)
    told = secret + sd * rng.normal(size=200)
    return {
        "target": secret,
        "error": (told - secret) ** 2,
        "right": (told > 0) == (secret > 0),
        "given": Estimate(sd, sd, sd, 0.9, 200),
    }


class TestMeasureFrontier:
    def measure(self, names=(0.0, 1.0, 2.0), **options):
        given = {f"sd {sd:g}": sd for sd in names}
        return measure_frontier(given, blur, rng=np.random.default_rng(3), **options)

    def test_rows_are_the_estimates_of_each_setting(self):
        table = self.measure()
        assert list(table.columns) == COLUMNS
        assert (
            table["setting"].tolist() == np.repeat(["sd 0", "sd 1", "sd 2"], 4).tolist()
        )
        (child,) = np.random.default_rng(3).spawn(1)
        found = blur(1.0, child)
        wanted = {
            "target": mean_interval(found["target"]),
            "error": mean_interval(found["error"]),
            "right": share_interval(found["right"]),
            "given": found["given"],
        }
        part = table[table["setting"] == "sd 1"].drop(columns="setting")
        assert part.to_dict("records") == [
            {"measure": of} | estimate.as_dict() for of, estimate in wanted.items()
        ]

    def test_settings_share_their_targets(self):
        table = self.measure().set_index(["measure", "setting"])["value"]
        assert len(set(table.loc["target"])) == 1
        assert len(set(table.loc["error"])) == 3

    def test_a_row_does_not_depend_on_the_other_settings(self):
        few, many = self.measure((1.0,)), self.measure((0.0, 1.0, 2.0))
        same = many[many["setting"] == "sd 1"].reset_index(drop=True)
        pd.testing.assert_frame_equal(few, same)

    def test_workers_and_repetition_change_nothing(self):
        alone = self.measure()
        pd.testing.assert_frame_equal(alone, self.measure())
        with joblib.parallel_config("threading", n_jobs=2):
            pd.testing.assert_frame_equal(alone, self.measure())

    def test_a_perfect_share_still_has_a_width(self):
        table = self.measure().set_index(["setting", "measure"])
        row = table.loc[("sd 0", "right")]
        # Wilson: 200 of 200 is 1 / (1 + 1.96^2 / 200) at least
        assert row["value"] == row["high"] == 1
        assert row["low"] == pytest.approx(1 / (1 + 1.959964**2 / 200), abs=1e-6)

    def test_changes_are_paired_to_the_reference(self):
        table = self.measure(reference="sd 0").set_index(["setting", "measure"])
        (child,) = np.random.default_rng(3).spawn(1)
        found = blur(2.0, child)
        wanted = mean_interval(found["error"])  # The reference makes no error.
        row = table.loc[("sd 2", "error")]
        assert (row["change"], row["change_low"], row["change_high"]) == (
            pytest.approx((wanted.value, wanted.low, wanted.high))
        )
        right = table.loc[("sd 2", "right")]
        tango = paired_difference(found["right"], np.full(200, True))
        assert (right["change"], right["change_low"], right["change_high"]) == (
            tango.value,
            tango.low,
            tango.high,
        )
        same = table.loc[("sd 2", "target")]
        assert same["change"] == same["change_low"] == same["change_high"] == 0
        assert table.loc[("sd 2", "given"), "paired"] == False  # noqa: E712

    def test_nothing_differs_from_itself(self):
        """Of shares neither, for which Tango's interval would have a width."""
        table = self.measure(reference="sd 1").set_index(["setting", "measure"])
        own = table.loc["sd 1"]
        changes = own[["change", "change_low", "change_high"]]
        assert (changes == 0).all(axis=None)
        assert own["paired"].tolist() == [True, True, True, False]
        assert own["change_level"].tolist() == [0.95, 0.95, 0.95, 0.9]

    def test_changes_keep_the_level(self):
        (child,) = np.random.default_rng(3).spawn(1)
        found = blur(2.0, child)
        options = {"confidence_level": 0.8}
        table = self.measure(reference="sd 0", **options)
        table = table.set_index(["setting", "measure"])
        wanted = {
            "error": mean_interval(found["error"], **options),
            "right": paired_difference(found["right"], np.full(200, True), **options),
        }
        for of, change in wanted.items():
            row = table.loc[("sd 2", of)]
            assert (row["change_low"], row["change_high"]) == pytest.approx(
                (change.low, change.high)
            )
            assert row["change_level"] == 0.8

    def test_settings_may_be_named_by_numbers(self):
        found = {
            kind: measure_frontier(
                {kind(0): 0.0, kind(1): 1.0},
                blur,
                reference=kind(0),
                rng=np.random.default_rng(3),
            )
            for kind in (int, str)
        }
        assert found[int]["setting"].unique().tolist() == [0, 1]
        assert found[int]["paired"].tolist() == 2 * [True, True, True, False]
        pd.testing.assert_frame_equal(
            found[int].drop(columns="setting"), found[str].drop(columns="setting")
        )

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"rng": 1}, "rng must be a numpy.random.Generator; got int"),
            ({"settings": {}}, "settings must hold one or more; got none"),
            ({"reference": "x"}, "reference must be one of 'a'; got 'x'"),
            (
                {"measure": lambda setting, rng: 3.0},
                "measure must return a mapping of one or more names to an Estimate or "
                "a vector; got float",
            ),
            (
                {"measure": lambda setting, rng: {"bits": [1.0, np.nan]}},
                "bits must be finite; got 1 of 2 missing or infinite",
            ),
        ],
    )
    def test_what_cannot_be_measured_is_refused(self, options, message):
        given = {"settings": {"a": 1}, "measure": blur} | options
        call = {"rng": np.random.default_rng(1)} | {
            k: v for k, v in given.items() if k not in ("settings", "measure")
        }
        with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
            measure_frontier(given["settings"], given["measure"], **call)


class TestChanges:
    def change(self, first, second):
        """Measure two settings, the first as reference; return the second's row."""
        found = measure_frontier(
            {"s0": first, "s1": second},
            lambda setting, rng: setting,
            reference="s0",
            rng=np.random.default_rng(1),
        )
        return found.set_index(["setting", "measure"]).loc["s1"]

    def test_without_targets_the_ends_are_taken_apart(self):
        row = self.change(
            {"use": Estimate(0.8, 0.7, 0.9, 0.95, 50)},
            {"use": Estimate(0.7, 0.6, 0.8, 0.95, 30)},
        ).loc["use"]
        # 0.7 - 0.8; from (0.7 - 0.1) - (0.8 + 0.1) to (0.7 + 0.1) - (0.8 - 0.1)
        assert row[["change", "change_low", "change_high"]].tolist() == pytest.approx(
            [-0.1, -0.3, 0.1]
        )
        assert row["change_level"] == pytest.approx(2 * 0.95 - 1)
        assert not row["paired"]

    @pytest.mark.parametrize("level", [0.5, 0.3])
    def test_levels_at_which_nothing_holds_for_both_are_refused(self, level):
        message = (
            "confidence_level of a setting and of the reference must add up to more "
            f"than 1, or nothing holds for both; got {level} and {level}"
        )
        use = {"use": Estimate(0.8, 0.7, 0.9, level, 50)}
        with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
            self.change(use, use)

    def test_intervals_hold_as_often_as_they_say(self):
        rng, n_held = np.random.default_rng(11), 0
        for _ in range(400):
            first = rng.normal(size=30)
            # The worst dependence: opposed.
            sample = [{"use": mean_interval(x)} for x in (first, -first + 0.3)]
            row = self.change(*sample).loc["use"]
            n_held += row["change_low"] <= 0.3 <= row["change_high"]
        assert n_held / 400 >= 0.9

    def test_a_measure_that_the_reference_lacks_has_no_change(self):
        found = self.change({"use": [1.0, 2.0]}, {"use": [1.0, 2.0], "leak": [1.0]})
        assert found["change"].isna().tolist() == [False, True]

    def test_other_targets_are_refused(self):
        message = (
            "vectors of use must be of the same targets in all settings; got 1 and 2 "
            "numbers"
        )
        with pytest.raises(ParameterError, match=f"^{message}$"):
            self.change({"use": [1.0, 2.0]}, {"use": [1.0]})


number = st.integers(-3, 3)
some_points = st.lists(st.tuples(number, number), min_size=1, max_size=9)


def brute_force(points):
    """Say of each point whether another is as good in both and better in one."""
    return [
        any(
            (u >= mine[0] and leak < mine[1]) or (u > mine[0] and leak <= mine[1])
            for u, leak in points
        )
        for mine in points
    ]


class TestMarkDominated:
    def test_by_hand(self):
        points = [(3, 3), (2, 1), (2, 2), (1, 1), (2, 1)]
        # (2, 2) loses to (2, 1) by its leak, (1, 1) to it by its use; twins stay.
        assert marked(points)["dominated"].tolist() == [
            False,
            False,
            True,
            True,
            False,
        ]

    @given(some_points)
    @settings(deadline=None, max_examples=60)
    def test_brute_force_agrees(self, points):
        assert marked(points)["dominated"].tolist() == brute_force(points)

    @given(some_points, st.tuples(number, number))
    @settings(deadline=None, max_examples=60)
    def test_another_setting_pardons_nobody(self, points, another):
        before = marked(points, half=0.4)
        after = marked([*points, another], half=0.4).iloc[:-1]
        for mark in ("dominated", "clearly"):
            assert (after[mark] >= before[mark]).all()

    @given(some_points)
    @settings(deadline=None, max_examples=60)
    def test_somebody_is_left_and_the_clear_are_among_the_beaten(self, points):
        found = marked(points, half=0.6)
        assert not found["dominated"].all()
        assert (found["clearly"] <= found["dominated"]).all()

    @given(some_points, st.randoms(use_true_random=False))
    @settings(deadline=None, max_examples=30)
    def test_the_order_of_rows_is_nothing(self, points, random):
        table = long_table(points, half=0.6)
        order = list(table.index)
        random.shuffle(order)
        options = {"useful": "use", "leak": "leak"}
        first = mark_dominated(table, **options).set_index("setting")
        again = mark_dominated(table.loc[order], **options).set_index("setting")
        pd.testing.assert_frame_equal(first, again.loc[first.index])

    def test_clear_needs_both_intervals_apart(self):
        # 1 against 2 in use, 0 against 1 in leak: apart by 1, and so are the ends of
        # intervals of half width below 0.5.
        assert marked([(1, 1), (2, 0)], half=0.49)["clearly"].tolist() == [True, False]
        touching = marked([(1, 1), (2, 0)], half=0.5)
        assert touching["dominated"].tolist() == [True, False]
        assert not touching["clearly"].any()
        assert not marked([(1, 1), (1, 0)], half=0.1)["clearly"].any()

    def test_less_use_is_beaten(self):
        assert marked([(3, 1), (2, 1)])["dominated"].tolist() == [False, True]

    def test_last_digits_do_not_decide(self):
        found = marked([(0.1 + 0.2, 1.0), (0.3, 1.0)])
        assert 0.1 + 0.2 > 0.3
        assert not found["dominated"].any()
        assert marked([(0.3000001, 1.0), (0.3, 1.0)])["dominated"].tolist() == [
            False,
            True,
        ]

    def test_digits_are_those_of_the_largest_of_the_panel(self):
        """Nine, so that 1e-10 of it is nothing and 1e-8 is not, near 0 too."""
        nothing = [(0.5, 0.0), (0.5, 2.8e-17), (0.5 + 1e-10, 1.0), (1.0, 1.0 + 1e-10)]
        assert marked(nothing)["dominated"].tolist() == [False, False, True, False]
        assert marked([(1.0, 0.0), (1.0, 1e-8), (1.0, 1.0)])["dominated"].tolist() == [
            False,
            True,
            True,
        ]
        assert not marked([(0.0, 0.0), (0.0, 0.0)])["dominated"].any()

    def test_a_missing_panel_is_one(self):
        table = pd.concat(
            [
                long_table([(1, 1), (2, 0)]).assign(panel=None),
                long_table([(3, 1), (3, 2)]).assign(panel="glucose"),
            ],
            ignore_index=True,
        )
        found = mark_dominated(table, useful="use", leak="leak")
        assert found["panel"].isna().tolist() == [True, True, False, False]
        assert found["dominated"].tolist() == [True, False, False, True]

    def test_panels_are_worlds_of_their_own(self):
        table = pd.concat(
            [
                long_table([(1, 1)]).assign(panel="warfarin"),
                long_table([(2, 0)]).assign(panel="glucose"),
            ]
        )
        found = mark_dominated(table, useful="use", leak="leak")
        assert found["panel"].tolist() == ["warfarin", "glucose"]
        assert not found["dominated"].any()
        assert list(found.columns) == [
            "panel",
            "setting",
            "useful",
            "useful_low",
            "useful_high",
            "leak",
            "leak_low",
            "leak_high",
            "dominated",
            "clearly",
        ]

    def test_a_missing_interval_is_never_clear(self):
        table = long_table([(1, 1), (2, 0)], half=0.1)
        table.loc[0, ["low", "high"]] = np.nan
        found = mark_dominated(table, useful="use", leak="leak")
        assert found["dominated"].tolist() == [True, False]
        assert not found["clearly"].any()

    def test_what_cannot_be_compared_is_refused(self):
        table = long_table([(1, 1), (2, 0)])
        with pytest.raises(
            ParameterError, match=r"^useful and leak must be two measures; got 'use'$"
        ):
            mark_dominated(table, useful="use", leak="use")
        with pytest.raises(
            DataError, match=r"once each; missing: low; repeated: none$"
        ):
            mark_dominated(table.drop(columns="low"), useful="use", leak="leak")
        message = (
            "table must have one row for each setting and measure; got 4 repeated of 8"
        )
        with pytest.raises(DataError, match=f"^{message}$"):
            mark_dominated(pd.concat([table, table]), useful="use", leak="leak")
        message = "every setting must have a finite value of 'bits'; 2 of 2 have none"
        with pytest.raises(DataError, match=f"^{message}$"):
            mark_dominated(table, useful="use", leak="bits")
        with pytest.raises(
            DataError, match=r"^table must be a pandas.DataFrame; got list$"
        ):
            mark_dominated([], useful="use", leak="bits")
