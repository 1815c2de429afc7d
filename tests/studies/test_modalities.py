"""Shares follow Shapley's axioms, and the values behind them can be reached by hand."""

import re
from itertools import combinations, permutations

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from twinprivacy.errors import ParameterError
from twinprivacy.estimates import mean_interval, paired_difference, share_interval
from twinprivacy.studies import measure_coalitions, modality_shares

NAMES = ("a", "b", "c", "d", "e")


def subsets(names):
    return [
        frozenset(kept)
        for k in range(len(names) + 1)
        for kept in combinations(names, k)
    ]


@st.composite
def games(draw, least=1):
    k = draw(st.integers(least, 5))
    sets = subsets(NAMES[:k])
    numbers = st.floats(-5, 5, allow_nan=False, width=32)
    value = draw(st.lists(numbers, min_size=len(sets), max_size=len(sets)))
    return dict(zip(sets, value, strict=True))


def shapley_shares(game):
    """Divide what each set of players is value."""
    names = players(game)
    return modality_shares(
        names, lambda kept, rng: game[frozenset(kept)], rng=np.random.default_rng(1)
    )


def players(game):
    return sorted(frozenset().union(*game))


def by_orders(game):
    """Average what each adds over all orders of arrival."""
    names, total = players(game), dict.fromkeys(players(game), 0.0)
    orders = list(permutations(names))
    for order in orders:
        for place, name in enumerate(order):
            before = frozenset(order[:place])
            total[name] += game[before | {name}] - game[before]
    return [total[name] / len(orders) for name in names]


class TestShapleyShares:
    def test_glove_game(self):
        # One left glove (1) and two right ones (2, 3): only a pair has value. The left
        # one is decisive unless it comes first: 4 of 6 orders; the others 1 of 6 each.
        game = {kept: float(1 in kept and len(kept) > 1) for kept in subsets((1, 2, 3))}
        shares = shapley_shares(game)["value"]
        assert shares.tolist() == pytest.approx([2 / 3, 1 / 6, 1 / 6])

    def test_two_by_hand(self):
        game = {
            frozenset(): 1.0,
            frozenset("a"): 3.0,
            frozenset("b"): 2.0,
            frozenset("ab"): 8.0,
        }
        # a: ((3 - 1) + (8 - 2)) / 2 = 4; b: ((2 - 1) + (8 - 3)) / 2 = 3; sum 8 - 1
        found = shapley_shares(game)
        assert found["value"].tolist() == [4.0, 3.0]
        assert found["share"].tolist() == pytest.approx([4 / 7, 3 / 7])

    @given(games())
    @settings(deadline=None, max_examples=40)
    def test_all_orders_agree(self, game):
        assert shapley_shares(game)["value"].tolist() == pytest.approx(
            by_orders(game), abs=1e-9
        )

    @given(games())
    @settings(deadline=None, max_examples=40)
    def test_nothing_is_left_over(self, game):
        everything = frozenset(players(game))
        assert shapley_shares(game)["value"].sum() == pytest.approx(
            game[everything] - game[frozenset()], abs=1e-9
        )

    @given(games(least=2))
    @settings(deadline=None, max_examples=40)
    def test_alike_get_alike(self, game):
        swap = {"a": "b", "b": "a"}
        even = {
            kept: game[kept] + game[frozenset(swap.get(x, x) for x in kept)]
            for kept in game
        }
        first, second = shapley_shares(even)["value"].iloc[:2]
        assert first == pytest.approx(second, abs=1e-9)

    @given(games(least=2), st.floats(-3, 3, width=32))
    @settings(deadline=None, max_examples=40)
    def test_who_adds_the_same_to_all_gets_that(self, game, gain):
        flat = {kept: game[kept - {"a"}] + gain * ("a" in kept) for kept in game}
        assert shapley_shares(flat)["value"].iloc[0] == pytest.approx(gain, abs=1e-9)

    @given(games(least=3), st.floats(-3, 3, width=32))
    @settings(deadline=None, max_examples=40)
    def test_shares_of_a_sum_are_sums_of_shares(self, game, scale):
        other = {kept: np.cos(len(kept) + ("a" in kept)) for kept in game}
        both = {kept: scale * game[kept] + other[kept] for kept in game}
        parts = scale * shapley_shares(game)["value"] + shapley_shares(other)["value"]
        np.testing.assert_allclose(shapley_shares(both)["value"], parts, atol=1e-9)

    def test_each_person_has_a_share_and_the_interval_is_of_their_mean(self):
        rng = np.random.default_rng(4)
        game = {kept: rng.normal(len(kept), 1, 40) for kept in subsets("abc")}
        found = shapley_shares(game)
        persons = [
            by_orders({kept: value[i] for kept, value in game.items()})
            for i in range(40)
        ]
        for place, row in enumerate(found.to_dict("records")):
            wanted = mean_interval(np.array(persons)[:, place])
            assert (row["value"], row["low"], row["high"]) == pytest.approx(
                (wanted.value, wanted.low, wanted.high)
            )
            assert row["n"] == 40
        assert found["share"].sum() == pytest.approx(1)

    def test_shares_of_nothing_are_missing(self):
        rng = np.random.default_rng(4)
        game = {kept: rng.normal(0, 1, 40) for kept in subsets("ab")}
        found = shapley_shares(game)
        assert found[["share", "share_low", "share_high"]].isna().all(axis=None)
        assert found["value"].notna().all()

    def test_lone_numbers_have_no_interval(self):
        found = shapley_shares({kept: float(len(kept)) for kept in subsets("ab")})
        assert found["value"].tolist() == [1.0, 1.0]
        assert found[["low", "high", "share_low"]].isna().all(axis=None)
        assert found["n"].tolist() == [1, 1]

    def test_intervals_of_shares_hold(self):
        rng, n_held = np.random.default_rng(5), 0
        for _ in range(300):
            skill = rng.exponential(1.0, 60)
            game = {
                kept: skill * (2.0 * ("a" in kept) + ("b" in kept))
                + rng.normal(0, 1, 60)
                for kept in subsets("ab")
            }
            row = shapley_shares(game).iloc[0]
            n_held += row["share_low"] <= 2 / 3 <= row["share_high"]
        # 95 %, less what 300 trials leave open at four standard errors
        assert 0.90 <= n_held / 300 <= 0.995

    def test_yes_and_no_that_do_not_vary_have_no_interval(self):
        """Nobody of 60 stands alone: that is no proof that nobody ever does."""
        nobody, everybody = np.zeros(60), np.ones(60)
        found = shapley_shares({frozenset(): nobody, frozenset("a"): nobody})
        assert found.loc[0, "value"] == 0
        assert found[["low", "high"]].isna().all(axis=None)
        whole = {kept: everybody if kept else nobody for kept in subsets("ab")}
        found = shapley_shares(whole)
        assert found["share"].tolist() == [0.5, 0.5]
        ends = ["low", "high", "share_low", "share_high"]
        assert found[ends].isna().all(axis=None)

    @pytest.mark.parametrize(
        ("game", "message"),
        [
            (
                {frozenset(): [0.0, 1.0], frozenset("a"): [1.0, 2.0, 3.0]},
                "value must have as many numbers for every set; got [2, 3]",
            ),
            (
                {frozenset(): 0.0, frozenset("a"): np.nan},
                "value must be finite; got 1 of 1 missing or infinite",
            ),
        ],
    )
    def test_incomplete_games_are_refused(self, game, message):
        with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
            shapley_shares(game)


def value(kept, rng):
    """Two measures that share their noise across sets."""
    noise = rng.normal(size=50)
    return {"use": len(kept) + noise, "risk": float("genome" in kept)}


class TestModalityShares:
    names = ("history", "genome", "habits")

    def test_sets_share_their_noise(self):
        found = modality_shares(self.names, value, rng=np.random.default_rng(1))
        use = found[found["measure"] == "use"]
        # Each adds exactly 1 to everybody: the noise is gone.
        np.testing.assert_allclose(use["value"], 1)
        np.testing.assert_allclose(use[["low", "high"]], 1)
        risk = found[found["measure"] == "risk"]
        assert risk["modality"].tolist() == list(self.names)
        assert risk["value"].tolist() == [0, 1, 0]

    def test_workers_change_nothing(self):
        alone = modality_shares(self.names, value, rng=np.random.default_rng(1))
        with joblib.parallel_config("threading", n_jobs=2):
            again = modality_shares(self.names, value, rng=np.random.default_rng(1))
        pd.testing.assert_frame_equal(alone, again)

    def test_tables_say_what_sets_are_worth_and_what_leaving_out_costs(self):
        found = measure_coalitions(self.names, value, rng=np.random.default_rng(1))
        table = found.table()
        assert table["modalities"].tolist()[:8] == [
            "none",
            "history",
            "genome",
            "habits",
            "history + genome",
            "history + habits",
            "genome + habits",
            "history + genome + habits",
        ]
        risk = table[table["measure"] == "risk"].set_index("modalities")["value"]
        assert risk[risk.index.str.contains("genome")].eq(1).all()
        assert risk[~risk.index.str.contains("genome")].eq(0).all()
        removals = found.removals().set_index(["measure", "modality"])["value"]
        assert removals["risk"].to_dict() == {"history": 0, "genome": 1, "habits": 0}
        np.testing.assert_allclose(removals["use"], 1)
        assert repr(found) == (
            "CoalitionValues(modalities=history, genome, habits; measures=use, risk)"
        )

    def test_shares_of_people_stay_within_0_and_1(self):
        def alone(kept, rng):
            return (np.arange(50) < 49 * len(kept)).astype(float)

        found = measure_coalitions(("a",), alone, rng=np.random.default_rng(1))
        nothing, everything = found.table().to_dict("records")
        assert (nothing["low"], nothing["high"]) == (0, 0)
        wanted = share_interval(np.arange(50) < 49)
        assert (everything["low"], everything["high"]) == (wanted.low, wanted.high)
        assert everything["high"] < 1

    def test_rare_flags_have_intervals_that_hold(self):
        """2 % of 60 people: in 0.98^60 = 30 % of samples nobody, and no share."""
        n_held = n_missing = n_share_held = 0
        for seed in range(300):
            alone = np.random.default_rng(seed).random(60) < 0.02

            def rare(kept, rng, alone=alone):
                return alone * float("a" in kept) * np.ones(60)

            found = measure_coalitions(("a", "b"), rare, rng=np.random.default_rng(1))
            lost = found.removals().iloc[0]
            assert lost["low"] < lost["high"]
            n_held += lost["low"] <= 0.02 <= lost["high"]
            share = found.shares().iloc[0]
            n_missing += np.isnan(share["low"])
            assert np.isnan(share["low"]) == (not alone.any())
            n_share_held += share["low"] <= 0.02 <= share["high"]
        assert n_held / 300 >= 0.93
        assert n_missing / 300 == pytest.approx(0.98**60, abs=0.08)
        assert n_share_held >= 0.85 * (300 - n_missing)

    def test_losses_of_flags_are_tangos(self):
        def told(kept, rng):
            return (np.arange(60) < 20 * len(kept)).astype(float)

        found = measure_coalitions(("a", "b"), told, rng=np.random.default_rng(1))
        lost = found.removals(confidence_level=0.9).iloc[0]
        wanted = paired_difference(
            np.arange(60) < 40, np.arange(60) < 20, confidence_level=0.9
        )
        assert lost[["value", "low", "high", "n"]].tolist() == pytest.approx(
            [wanted.value, wanted.low, wanted.high, 60]
        )

    def test_lone_numbers_may_stand_beside_vectors(self):
        found = measure_coalitions(self.names, value, rng=np.random.default_rng(1))
        for table in (found.table(), found.shares(), found.removals()):
            n = table.groupby("measure")["n"].unique()
            assert (n["use"].tolist(), n["risk"].tolist()) == ([50], [1])

    @pytest.mark.parametrize(
        ("names", "ask", "message"),
        [
            (
                (),
                value,
                "modalities must be one column or more, each once; got 0 names of 0 "
                "columns",
            ),
            (
                ("a", "a"),
                value,
                "modalities must be one column or more, each once; got 2 names of 1 "
                "columns",
            ),
            (
                tuple("abcdefg"),
                value,
                "modalities must be 6 at most; got 7",
            ),
            (
                ("a",),
                lambda kept, rng: {str(len(kept)): 1.0},
                "value must return the same measures for every set",
            ),
        ],
    )
    def test_what_cannot_be_shared_is_refused(self, names, ask, message):
        with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
            modality_shares(names, ask, rng=np.random.default_rng(1))

    def test_a_generator_is_needed(self):
        with pytest.raises(
            ParameterError, match=r"^rng must be a numpy.random.Generator; got int$"
        ):
            modality_shares(("a",), value, rng=1)
