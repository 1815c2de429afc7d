"""Numbers from tables: times are refused at every door, whatever their unit."""

import numpy as np
import pandas as pd
import pytest

from twinprivacy._validation import as_floats
from twinprivacy.attacks.linkage import fit_two_covariance
from twinprivacy.attacks.membership import MembershipResult, audit_linear
from twinprivacy.defences import fit_private_table
from twinprivacy.errors import DataError
from twinprivacy.people import simulate_cohort
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
    assert str(error.value) == "age_years must hold numbers only; got others"


def test_equations_audits_and_tables_do_not_take_dates(rng):
    patients = simulate_cohort(30, rng=rng, population="warfarin_patients")
    with pytest.raises(DataError, match=r"^age_years must hold numbers"):
        predict_dose(patients.assign(age_years=DAYS), model="iwpc_clinical")
    with pytest.raises(DataError, match=r"^design and outcome must hold numbers only$"):
        audit_linear(pd.DataFrame({"born": DAYS}), np.arange(30.0))
    scored = pd.DataFrame({"member": np.arange(30) < 15, "score": DAYS})
    with pytest.raises(DataError, match=r"^score must hold numbers only; got others$"):
        MembershipResult(scored, "loss")
    with pytest.raises(DataError, match=r"^left must hold numbers only$"):
        fit_two_covariance(pd.DataFrame({"born": DAYS}), pd.DataFrame({"born": DAYS}))
    with pytest.raises(DataError, match=r"must hold numbers only; got others$"):
        fit_private_table(
            pd.DataFrame({"sex": "f", "born": DAYS}),
            outcome="born",
            by={"sex": ["f", "m"]},
            lower=0,
            upper=1,
            epsilon=1,
            rng=rng,
        )
