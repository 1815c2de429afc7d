"""Wider, fewer, shorter, smaller: by hand, and never more telling than before."""

import math
from datetime import date

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
        steps = {"age_years": 10, "race": wider, "ward": (1, 3, 4)}
        found = Generalisation(steps).apply(PEOPLE)
        expected = PEOPLE.assign(
            age_years=[35.0, 35.0, 45.0, 65.0],
            race=["a", "other", "other", "other"],
            # 1 and 2 lie in [1, 3), 3 and the last end in [3, 4].
            ward=[2.0, 2.0, 3.5, 3.5],
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
        steps = {"x": 2, "y": (0, 2, 4), "z": wider, "w": wider}
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
        ends = np.arange(0, 1.3, 0.1)
        found = Generalisation({"x": ends}).apply(frame.abs())["x"]
        np.testing.assert_allclose(found, [0.35, 0.35, 0.75, 1.15])

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
        ends = math.floor(value) + np.arange(-4.0, 5.0)
        for steps in (step, ends):
            found = Generalisation({"x": steps}).apply(frame)["x"]
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
        steps = Generalisation({"age_years": 10, "ward": (1, 3, 4)})
        turned = steps.apply(PEOPLE.iloc[::-1])
        pd.testing.assert_frame_equal(turned.iloc[::-1], steps.apply(PEOPLE))

    def test_a_twin_still_answers(self, rng: np.random.Generator) -> None:
        patients = simulate_cohort(300, rng=rng)
        exact = predict_dose(patients, model="iwpc_pharmacogenetic")
        steps = Generalisation({"age_years": 10, "weight_kg": 5, "height_cm": 5})
        wider = predict_dose(steps.apply(patients), model="iwpc_pharmacogenetic")
        assert 0.99 < np.corrcoef(exact, wider)[0, 1] < 1

    @pytest.mark.parametrize(
        "step", [0, -5, math.nan, math.inf, (1.0,), (2.0, 1.0), "ten", {}, {"a": None}]
    )
    def test_bad_steps(self, step: object) -> None:
        message = (
            r"^the wider values of x must be one or more, none missing; got [01]$"
            if isinstance(step, dict)
            else r"^the step of x must be finite and above 0, or two or more finite "
            r"ascending ends, or a mapping to wider values; got .+$"
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
        with pytest.raises(DataError, match=r"^race must hold numbers; got others$"):
            Generalisation({"race": 5}).apply(PEOPLE)
        message = "^age_years must lie in 0 to 50, its first and last end; got 1 of 4 "
        with pytest.raises(DataError, match=message):
            Generalisation({"age_years": (0, 50)}).apply(PEOPLE)
        message = "^steps must be a mapping of columns to steps; got int$"
        with pytest.raises(ParameterError, match=message):
            Generalisation(5)  # type: ignore[arg-type]
        message = "^x must be finite or missing; got 1 of 2 infinite$"
        with pytest.raises(DataError, match=message):
            Generalisation({"x": 5}).apply(pd.DataFrame({"x": [1.0, math.inf]}))


class TestMinimisation:
    def test_columns_and_modalities(self) -> None:
        kept = Minimisation(("demographics", "ward")).apply(PEOPLE)
        pd.testing.assert_frame_equal(kept, PEOPLE[["vkorc1"]])
        assert Minimisation("genome").features(PEOPLE.columns.tolist()) == (
            "age_years",
            "race",
            "ward",
        )

    @given(st.sets(st.sampled_from(PEOPLE.columns.tolist()), min_size=1, max_size=3))
    def test_fewer_columns_never_raise_uniqueness(self, dropped: set[str]) -> None:
        kept = Minimisation(tuple(sorted(dropped))).apply(PEOPLE)
        before = anonymity_sets(PEOPLE, PEOPLE.columns.tolist())
        after = anonymity_sets(kept, kept.columns.tolist())
        assert after.share_unique <= before.share_unique

    def test_columns_of_one_name_are_kept_once_each(self) -> None:
        twice = pd.DataFrame([[1, 2, 3]], columns=["a", "a", "b"])
        kept = Minimisation(("b",)).apply(twice)
        assert kept.columns.tolist() == ["a", "a"]
        assert kept.to_numpy().tolist() == [[1, 2]]

    def test_bad_input(self) -> None:
        message = "^frame must be a pandas.DataFrame; got list$"
        with pytest.raises(DataError, match=message):
            Minimisation(("b",)).apply([1])  # type: ignore[arg-type]
        with pytest.raises(
            DataError, match=r"^there must be something to drop; got no 'laboratory'$"
        ):
            Minimisation(("genome", "laboratory")).apply(PEOPLE)
        message = (
            r"^drop must name one column or modality at least, each once; got \(\)$"
        )
        with pytest.raises(ParameterError, match=message):
            Minimisation(())
        with pytest.raises(ParameterError, match=r"each once; got \('a', 'a'\)$"):
            Minimisation(("a", "a"))


class TestRetention:
    def test_by_hand(self) -> None:
        records = pd.DataFrame({"day": [4, 1, 3, 2], "value": list("dacb")})
        kept = Retention(2).apply(records, day="day")
        assert kept["value"].tolist() == ["d", "c"]
        # On day 5 only day 4 is younger than 2 days.
        assert Retention(2).apply(records, day="day", today=5)["day"].tolist() == [4]
        assert Retention(99).apply(records, day="day").equals(records)

    def test_dates(self) -> None:
        days = pd.to_datetime(["2024-02-27", "2024-02-28", "2024-02-29", "2024-03-01"])
        records = pd.DataFrame({"made": days})
        assert len(Retention(2).apply(records, day="made")) == 2
        noon = pd.Timestamp("2024-03-01 12:00")
        kept = Retention(1.5).apply(records, day="made", today=noon)
        assert kept["made"].tolist() == [pd.Timestamp("2024-03-01")]
        # Days without a time are dates too, and stay what they are.
        records = pd.DataFrame({"made": days.date})
        kept = Retention(2).apply(records, day="made")
        assert kept["made"].tolist() == days.date[2:].tolist()
        for made in (days, days.date):
            records = pd.DataFrame({"made": made})
            kept = Retention(2).apply(records, day="made", today=date(2024, 3, 2))
            assert len(kept) == 1
        records["made"] = [None, *days.date[1:]]
        message = "^made must be known and no later than today; got 1 missing and 0 "
        with pytest.raises(DataError, match=message):
            Retention(2).apply(records, day="made")

    def test_nothing_of_deleted_records_is_kept(self) -> None:
        names = pd.Categorical(["Ann", "Bob", "Eve"], ordered=True)
        records = pd.DataFrame(
            {"day": [1, 2, 3], "name": names, "age": [30.0, 40.0, 50.0]}, index=names
        )
        kept = Retention(2).apply(records, day="day")
        assert kept["name"].cat.categories.tolist() == ["Bob", "Eve"]
        assert kept["name"].cat.ordered
        assert kept.index.categories.tolist() == ["Bob", "Eve"]
        assert records["name"].cat.categories.tolist() == ["Ann", "Bob", "Eve"]
        visits = records.set_index(["name", "day"], drop=False)
        levels = Retention(2).apply(visits, day="day").index.levels
        assert [level.tolist() for level in levels] == [["Bob", "Eve"], [2, 3]]

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
        records = pd.DataFrame({"day": [1.0, math.nan, 9.0], "text": list("abc")})
        message = (
            "^day must be known and no later than today; got 1 missing and 1 later, "
            "of 3$"
        )
        with pytest.raises(DataError, match=message):
            Retention(2).apply(records, day="day", today=5)
        for known, n_missing, n_future in (([1, math.nan, 3], 1, 0), ([1, 2, 9], 0, 1)):
            message = (
                "^day must be known and no later than today; got "
                f"{n_missing} missing and {n_future} later, of 3$"
            )
            with pytest.raises(DataError, match=message):
                Retention(2).apply(pd.DataFrame({"day": known}), day="day", today=5)
        message = "^text must hold numbers of days, or dates, like today; got others$"
        with pytest.raises(DataError, match=message):
            Retention(2).apply(records, day="text")
        with pytest.raises(
            DataError, match=r"^day must hold numbers of days, or dates"
        ):
            Retention(2).apply(records, day="day", today=pd.Timestamp("2024-01-01"))
        with pytest.raises(DataError, match=r"missing: week; repeated: none$"):
            Retention(2).apply(records, day="week")
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
        message = "^n_stores must be a whole number of 1 or more; got 0$"
        with pytest.raises(ParameterError, match=message):
            Segmentation(0)
        message = r"^rate_exponent must lie in \[0, 1\]; got 2$"
        with pytest.raises(ParameterError, match=message):
            Segmentation(2, rate_exponent=2)
        message = r"^rate_exponent must lie in \[0, 1\]; got None$"
        with pytest.raises(ParameterError, match=message):
            Segmentation(2, rate_exponent=None)  # type: ignore[arg-type]
        with pytest.raises(
            ParameterError, match=r"^n_stores must be a whole number of 1 to 10000; "
        ):
            Segmentation(20_000).apply(PROGRAMME)
