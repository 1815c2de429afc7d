"""The door for tables and settings: what passes, and how the rest is refused."""

import re

import numpy as np
import pandas as pd
import pytest

from twinprivacy._validation import (
    as_numbers,
    as_positive,
    as_vector,
    check_at_least,
    check_whole,
)
from twinprivacy.attacks.linkage import fit_two_covariance
from twinprivacy.attacks.membership import MembershipResult, audit_linear
from twinprivacy.defences import fit_private_table
from twinprivacy.errors import DataError, FitError, ParameterError
from twinprivacy.people import simulate_cohort
from twinprivacy.tables import (
    as_floats,
    check_names,
    check_table,
    finite_floats,
    read_numbers,
    read_persons,
)
from twinprivacy.twins.outcome import fit_outcome_twin
from twinprivacy.twins.warfarin import predict_dose

DAYS = pd.Series(pd.date_range("2020-01-01", periods=30))


def test_numbers_of_any_kind_are_floats():
    table = pd.DataFrame({"a": [1, None], "b": [True, False]}).astype({"a": "Int64"})
    np.testing.assert_array_equal(as_floats(table), [[1, 1], [np.nan, 0]])
    np.testing.assert_array_equal(as_floats(table["a"]), [1, np.nan])


@pytest.mark.parametrize("unit", ["s", "ns"])
@pytest.mark.parametrize("zone", [None, "Europe/Paris"])
def test_times_and_spans_are_no_numbers(unit, zone):
    times = DAYS.dt.as_unit(unit).dt.tz_localize(zone)
    for column in (times, times - times.iloc[0], times.where(times.index > 0)):
        with pytest.raises(TypeError, match=r"^times are no numbers$"):
            as_floats(column)
        with pytest.raises(TypeError, match=r"^times are no numbers$"):
            as_floats(pd.DataFrame({"a": 1.0, "time": column}))


def test_a_twin_does_not_take_dates_for_an_outcome_or_a_number_later(rng):
    people = pd.DataFrame({"age_years": np.arange(30.0), "born": DAYS, "y": range(30)})
    with pytest.raises(DataError) as error:
        fit_outcome_twin(people, outcome="born", features=["age_years"], rng=rng)
    assert str(error.value).startswith("born must hold numbers")
    twin = fit_outcome_twin(people, outcome="y", features=["age_years"], rng=rng)
    with pytest.raises(DataError) as error:
        twin.predict(people.assign(age_years=DAYS))
    assert (
        str(error.value) == "age_years must hold numbers, or true and false; got others"
    )


def test_equations_audits_and_tables_do_not_take_dates(rng):
    patients = simulate_cohort(30, rng=rng, population="warfarin_patients")
    with pytest.raises(DataError, match=r"^age_years must hold numbers"):
        predict_dose(patients.assign(age_years=DAYS), model="iwpc_clinical")
    with pytest.raises(DataError, match=r"^design must hold numbers"):
        audit_linear(pd.DataFrame({"born": DAYS}), np.arange(30.0))
    scored = pd.DataFrame({"member": np.arange(30) < 15, "score": DAYS})
    with pytest.raises(DataError, match=r"^score must hold numbers"):
        MembershipResult(scored, "loss")
    with pytest.raises(DataError, match=r"^left must hold numbers, or true"):
        fit_two_covariance(pd.DataFrame({"born": DAYS}), pd.DataFrame({"born": DAYS}))
    with pytest.raises(DataError, match=r"must hold numbers, or true and false; got "):
        fit_private_table(
            pd.DataFrame({"sex": "f", "born": DAYS}),
            outcome="born",
            by={"sex": ["f", "m"]},
            lower=0,
            upper=1,
            epsilon=1,
            rng=rng,
        )


def refused(message):
    return pytest.raises(DataError, match=f"^{re.escape(message)}$")


PEOPLE = pd.DataFrame({"age": [30, 40], "sex": ["f", "m"]})


def test_a_whole_table_passes():
    given = PEOPLE.copy()
    given.attrs["title"] = "kept"
    needed = ["age", "sex"]
    found = check_table(given, name="people", columns=needed, least=2, own_index=True)
    pd.testing.assert_frame_equal(found, PEOPLE)
    assert found.attrs == {}
    assert given.attrs == {"title": "kept"}


def test_what_a_table_lacks_is_named():
    with refused("people must be a pandas.DataFrame; got dict"):
        check_table({"age": [1]}, name="people")
    with refused("people must have 3 rows or more; got 2"):
        check_table(PEOPLE, name="people", least=3)
    twice = pd.concat([PEOPLE, PEOPLE["age"]], axis=1)
    with refused(
        "people must have the columns age, weight once each; missing: weight; "
        "repeated: age"
    ):
        check_table(twice, name="people", columns=["age", "weight"])


@pytest.mark.parametrize("labels", [[7, 7], [7, None]])
def test_rows_are_told_apart_by_the_index(labels):
    with refused(
        "the index of people must name each row once; got 1 of 2 repeated or missing"
    ):
        check_table(PEOPLE.set_index([labels]), name="people", own_index=True)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("age", "features must be a list of columns; got str"),
        (3, "features must be a list of columns; got int"),
        (
            [],
            "features must be one column or more, each once; got 0 names of 0 columns",
        ),
        (
            ["age", "age"],
            "features must be one column or more, each once; got 2 names of 1 columns",
        ),
    ],
)
def test_names_are_a_list_without_repeats(names, message):
    with pytest.raises(ParameterError, match=f"^{message}$"):
        check_names(names, name="features")


@pytest.mark.parametrize("values", [["a", "b"], [[1], [2]], [1, "secret"]])
def test_what_is_no_number_is_refused_without_its_value(values):
    with refused("dose must hold numbers, or true and false; got others"):
        read_numbers(pd.Series(values), name="dose")
    with refused("dose must hold numbers, or true and false; got others"):
        finite_floats(pd.Series(values), name="dose")


def test_times_as_categories_are_no_numbers():
    with pytest.raises(DataError, match=r"^born must hold numbers, or true and false"):
        read_numbers(DAYS.astype("category"), name="born")
    dose = pd.Series([1.0, 2.0]).astype("category")
    np.testing.assert_array_equal(read_numbers(dose, name="dose"), [1, 2])


def test_an_index_of_two_levels_names_rows():
    index = pd.MultiIndex.from_tuples([("a", 1), ("a", 2)])
    table = pd.DataFrame({"x": [1, 2]}, index=index)
    check_table(table, name="visits", own_index=True)
    twice = pd.concat([table, table])
    with pytest.raises(DataError, match=r"^the index of visits must name each"):
        check_table(twice, name="visits", own_index=True)


def test_missing_numbers_pass_where_they_may():
    column = pd.Series([1.0, np.nan, 3.0])
    np.testing.assert_array_equal(read_numbers(column, name="dose"), [1, np.nan, 3])
    with refused("dose must be finite for everyone; got 1 of 3 missing or infinite"):
        finite_floats(column, name="dose")
    with refused("dose must be finite or missing; got 1 of 3 infinite"):
        read_numbers(column.fillna(np.inf), name="dose")


def test_a_person_is_whoever_has_the_same_name():
    codes, names = read_persons(pd.Series(["b", "a", "b"]), 3, name="groups")
    assert codes.tolist() == [1, 0, 1]
    assert list(names) == ["a", "b"]
    with refused("groups must be known for everyone; got 1 of 2 missing"):
        read_persons(["a", None], 2, name="groups")
    with refused("groups must name the person of each of the 3 rows; got shape (2,)"):
        read_persons(["a", "b"], 3, name="groups")


@pytest.mark.parametrize("value", [0, 1.5, True, "2"])
def test_whole_numbers_have_a_least(value):
    with pytest.raises(
        ParameterError,
        match=f"^days must be a whole number of 1 or more; got {value!r}$",
    ):
        check_whole(value, name="days")


def test_settings_are_finite_numbers():
    with pytest.raises(
        ParameterError, match=r"^k must be a whole number of 2 to 5; got 6$"
    ):
        check_whole(6, name="k", least=2, most=5)
    with pytest.raises(
        ParameterError, match=r"^sd must be finite and 0 or more; got -1$"
    ):
        check_at_least(-1, 0, name="sd")
    with pytest.raises(
        ParameterError, match=r"^sd must be above 0; got 1 of 2 that are"
    ):
        as_positive([1, 0], name="sd")
    with pytest.raises(ParameterError, match=r"^sd must be finite; got 1 of 2 missing"):
        as_vector([1, np.nan], name="sd")
    with pytest.raises(
        ParameterError, match=r"^sd must be one-dimensional; got 2 axes$"
    ):
        as_vector([[1]], name="sd")
    with pytest.raises(FitError, match=r"^sd must hold at least 1 value; got 0$"):
        as_vector([], name="sd")
    with pytest.raises(
        ParameterError, match=r"^sd must hold numbers only; got others$"
    ):
        as_numbers(["x"], name="sd")
