"""Wider, fewer, shorter, smaller: by hand, and never more telling than before."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from twinprivacy.attacks.uniqueness import anonymity_sets
from twinprivacy.breaches import CostComponent, ExposedShare, Programme
from twinprivacy.defences import Generalisation, Minimisation, Retention, Segmentation
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.people import simulate_cohort
from twinprivacy.twins.warfarin import predict_dose

PEOPLE = pd.DataFrame(
    {
        "age_years": [31, 39, 40, 67],
        "race": ["a", "b", "c", "b"],
        "vkorc1": ["G/G", "A/G", None, "A/A"],
        "ward": [1, 2, 3, 4],
    },
    index=[7, 5, 6, 8],
)
PROGRAMME = Programme(
    "clinic",
    10_000,
    ("genome", "history"),
    0.1,
    ExposedShare(),
    (CostComponent("letters", usd_of_one_person=2.0, elasticity=1.0),),
)


class TestGeneralisation:
    def test_by_hand(self) -> None:
        wider = {"a": "a", "b": "other", "c": "other"}
        steps = {"age_years": 10, "race": wider, "ward": 2}
        found = Generalisation(steps).apply(PEOPLE)
        expected = PEOPLE.assign(
            age_years=[35.0, 35.0, 45.0, 65.0],
            race=["a", "other", "other", "other"],
            # 1 lies in [0, 2), 2 and 3 in [2, 4), 4 in [4, 6).
            ward=[1.0, 3.0, 3.0, 5.0],
        )
        pd.testing.assert_frame_equal(found, expected)
        assert PEOPLE["age_years"].tolist() == [31, 39, 40, 67]

    def test_missing_stays_missing(self) -> None:
        frame = pd.DataFrame(
            {
                "x": [1.0, math.nan, 3.0],
                "y": pd.array([1, None, 3], dtype="Int64"),
                "z": ["a", None, "b"],
                "w": pd.Categorical(["a", None, "b"]),
            }
        )
        wider = {"a": "all", "b": "all"}
        steps = {"x": 2, "y": 2, "z": wider, "w": wider}
        found = Generalisation(steps).apply(frame)
        assert found.isna().to_numpy().tolist() == frame.isna().to_numpy().tolist()
        assert found["x"].dropna().tolist() == [1.0, 3.0]
        assert found["y"].dropna().tolist() == [1.0, 3.0]
        assert found["w"].cat.categories.tolist() == ["all"]

    def test_a_value_on_an_end_stays_in_its_band(self) -> None:
        # 0.3 / 0.1 is 2.9999999999999996 in floating point.
        frame = pd.DataFrame({"x": [0.3, -0.3, 0.7, 1.1]})
        found = Generalisation({"x": 0.1}).apply(frame)["x"]
        np.testing.assert_allclose(found, [0.35, -0.25, 0.75, 1.15])

    @given(
        st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=30),
        st.floats(0.01, 1_000),
        st.integers(1, 5),
    )
    @settings(deadline=None)
    def test_coarser_never_raises_uniqueness(
        self, values: list[float], step: float, doublings: int
    ) -> None:
        frame = pd.DataFrame({"x": values, "y": np.arange(len(values)) % 2})
        before = anonymity_sets(frame, ["x", "y"])
        for k in range(doublings):
            coarse = Generalisation({"x": step * 2.0**k}).apply(frame)
            after = anonymity_sets(coarse, ["x", "y"])
            assert after.set_sizes is not None
            assert before.set_sizes is not None
            # Not only on the whole: nobody's set shrinks.
            assert (after.set_sizes >= before.set_sizes).all()
            before = after

    @pytest.mark.parametrize(("value", "step"), [(2e12, 1.0), (3e12 + 0.25, 1.0)])
    def test_large_values_stay_in_their_narrow_band(
        self, value: float, step: float
    ) -> None:
        # [2e12, 2e12 + 1) has the middle 2e12 + 0.5.
        frame = pd.DataFrame({"x": [value]})
        found = Generalisation({"x": step}).apply(frame)["x"]
        assert found.tolist() == [math.floor(value) + 0.5]

    @given(st.floats(-1e6, 1e6), st.floats(0.01, 1_000))
    def test_a_value_lies_in_its_band(self, value: float, step: float) -> None:
        frame = pd.DataFrame({"x": [value]})
        middle = float(Generalisation({"x": step}).apply(frame)["x"].iloc[0])
        # Beyond half a step by the nudge of values on an end, and a few last digits.
        assert abs(middle - value) <= step / 2 + 2e-12 * abs(value) + 1e-15 * step
        # And it is a value of its band itself.
        again = Generalisation({"x": step}).apply(pd.DataFrame({"x": [middle]}))
        assert float(again["x"].iloc[0]) == middle

    def test_row_order_does_not_matter(self) -> None:
        steps = Generalisation({"age_years": 10, "ward": 2})
        turned = steps.apply(PEOPLE.iloc[::-1])
        pd.testing.assert_frame_equal(turned.iloc[::-1], steps.apply(PEOPLE))

    def test_a_twin_still_answers(self, rng: np.random.Generator) -> None:
        patients = simulate_cohort(300, rng=rng)
        exact = predict_dose(patients, model="iwpc_pharmacogenetic")
        steps = Generalisation({"age_years": 10, "weight_kg": 5, "height_cm": 5})
        wider = predict_dose(steps.apply(patients), model="iwpc_pharmacogenetic")
        assert 0.99 < np.corrcoef(exact, wider)[0, 1] < 1

    @pytest.mark.parametrize(
        "step", [0, -5, math.nan, math.inf, "ten", {}, {"a": None}]
    )
    def test_bad_steps(self, step: object) -> None:
        message = (
            r"^the wider values of x must be one or more, none missing; got [01]$"
            if isinstance(step, dict)
            else r"^the step of x must be finite and above 0; got .+$"
        )
        with pytest.raises(ParameterError, match=message):
            Generalisation({"x": step})  # type: ignore[dict-item]

    def test_bad_tables(self) -> None:
        message = (
            "^frame must have the columns bmi once each; missing: bmi; repeated: none$"
        )
        with pytest.raises(DataError, match=message):
            Generalisation({"bmi": 5}).apply(PEOPLE)
        twice = pd.concat([PEOPLE, PEOPLE[["ward"]]], axis=1)
        message = (
            "^frame must have the columns ward once each; missing: none; repeated: "
            "ward$"
        )
        with pytest.raises(DataError, match=message):
            Generalisation({"ward": 5}).apply(twice)
        with pytest.raises(DataError, match=r"^frame must be a pandas.DataFrame; got "):
            Generalisation({"ward": 5}).apply({"ward": [1]})  # type: ignore[arg-type]
        message = "^race must hold values that have a wider one; got 1 of 4 others$"
        with pytest.raises(DataError, match=message):
            Generalisation({"race": {"a": "x", "b": "x"}}).apply(PEOPLE)
        with pytest.raises(DataError, match=r"^race must hold numbers, or true "):
            Generalisation({"race": 5}).apply(PEOPLE)
        message = "^steps must be a mapping of columns to steps; got int$"
        with pytest.raises(ParameterError, match=message):
            Generalisation(5)  # type: ignore[arg-type]
        message = "^x must be finite or missing; got 1 of 2 infinite$"
        with pytest.raises(DataError, match=message):
            Generalisation({"x": 5}).apply(pd.DataFrame({"x": [1.0, math.inf]}))


class TestMinimisation:
    def test_columns_and_modalities(self) -> None:
        columns = PEOPLE.columns.tolist()
        assert Minimisation(("demographics", "ward")).features(columns) == ("vkorc1",)
        kept = Minimisation(("genome",)).features(columns)
        assert kept == ("age_years", "race", "ward")

    @given(st.sets(st.sampled_from(PEOPLE.columns.tolist()), min_size=1, max_size=3))
    def test_fewer_columns_never_raise_uniqueness(self, dropped: set[str]) -> None:
        columns = PEOPLE.columns.tolist()
        kept = Minimisation(tuple(sorted(dropped))).features(columns)
        before = anonymity_sets(PEOPLE, columns)
        after = anonymity_sets(PEOPLE, list(kept))
        assert after.share_unique <= before.share_unique

    def test_bad_input(self) -> None:
        with pytest.raises(
            DataError, match=r"^there must be something to drop; got no 'laboratory'$"
        ):
            Minimisation(("genome", "laboratory")).features(PEOPLE.columns.tolist())
        message = "^drop must be one column or more, each once; got 0 names of 0 "
        with pytest.raises(ParameterError, match=message):
            Minimisation(())
        with pytest.raises(ParameterError, match=r"got 2 names of 1 columns$"):
            Minimisation(("a", "a"))
        with pytest.raises(ParameterError, match=r"^drop must be a list of columns; "):
            Minimisation("genome")  # type: ignore[arg-type]


class TestRetention:
    def test_programme(self) -> None:
        # A year of ten: a tenth of the people.
        kept = Retention(365.25).apply_programme(PROGRAMME, from_years=10.0)
        assert kept.n_people == 1_000
        assert kept.breaches_per_year == PROGRAMME.breaches_per_year
        assert Retention(4_000).apply_programme(PROGRAMME, from_years=10.0) == PROGRAMME

    def test_bad_input(self) -> None:
        with pytest.raises(
            ParameterError, match=r"^days must be finite and above 0; g"
        ):
            Retention(0)
        with pytest.raises(
            ParameterError, match=r"^from_years must be finite and abov"
        ):
            Retention(2).apply_programme(PROGRAMME, from_years=0)


class TestSegmentation:
    def test_by_hand(self) -> None:
        # A quarter of the people; twice the breaches, the root of 4.
        store = Segmentation(4, rate_exponent=0.5).apply(PROGRAMME)
        assert store.n_people == 2_500
        assert store.breaches_per_year == pytest.approx(0.2)
        assert Segmentation(1).apply(PROGRAMME) == PROGRAMME

    def test_bad_input(self) -> None:
        for n_stores in (0, 20_000):
            with pytest.raises(
                ParameterError,
                match=r"^n_stores must be a whole number of 1 to 10000; ",
            ):
                Segmentation(n_stores).apply(PROGRAMME)
        message = r"^rate_exponent must lie in \[0, 1\]; got 2$"
        with pytest.raises(ParameterError, match=message):
            Segmentation(2, rate_exponent=2).apply(PROGRAMME)
