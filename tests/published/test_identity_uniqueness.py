"""Published uniqueness, l and t: real records beside the project, and tables."""

import numpy as np
import pandas as pd
import pytest
from ledger import agrees

from twinprivacy import datasets
from twinprivacy.attacks.uniqueness import (
    anonymity_sets,
    attribute_disclosure,
    risky_subsets,
    uniqueness_ladder,
)

FACTS = datasets.load("identity_facts").set_index("fact_id")["value"]


@pytest.fixture(scope="module")
def adults(shared_data):
    return pd.read_csv(shared_data / "adult" / "adults_coded.csv.gz")


@pytest.fixture(scope="module")
def nhanes(shared_data):
    return pd.read_csv(shared_data / "nhanes" / "NHANESraw.csv.gz", low_memory=False)


def test_adults_unique_by_all_columns(adults):
    found = anonymity_sets(adults, list(adults.columns)).share_unique
    assert agrees(found, "share of UCI Adult unique by all 11 columns")
    assert round(found, 5) == FACTS["adult_sample_all"]


def test_adults_unique_by_three_columns(adults):
    three = ["age", "education-num", "occupation"]
    found = anonymity_sets(adults, three).share_unique
    assert agrees(found, "share of UCI Adult unique by age, education and occupation")
    assert round(found, 5) == FACTS["adult_sample_three"]


def test_which_three_columns_name_most_adults(adults):
    """Hours of work, not education, is the third column to fear."""
    found = risky_subsets(adults, list(adults.columns), n_best=1)
    best = found.subsets.iloc[-1]
    assert best["attributes"] == ("age", "occupation", "hours-per-week")
    assert best["share_unique"] > 2 * FACTS["adult_sample_three"]
    assert found.n_counted < found.n_subsets / 4


def test_one_zip_code_of_even_cells():
    """9,330 people, two sexes, 78 years of 365 days: 56,940 cells."""
    n_people, n_cells = 9_330, 2 * 365 * 78
    expected = (1 - 1 / n_cells) ** (n_people - 1)
    assert agrees(expected, "share unique in one ZIP code of even cells")
    assert round(expected, 4) == FACTS["uniform_zip_cells"]
    born = np.random.default_rng(2000).integers(0, n_cells, n_people)
    sets = anonymity_sets(pd.DataFrame({"born": born}), ["born"])
    found = sets.share_interval(confidence_level=0.99)
    assert found.low < expected < found.high


# Salaries in thousands and diseases of nine people (Li et al. 2007, Tables 3 to 5).
SALARY = [3, 4, 5, 6, 11, 8, 7, 9, 10]


def t_of_salary(sets: list[int]) -> pd.Series:
    """Distance of each set, indexed by its smallest salary."""
    frame = pd.DataFrame({"look": sets, "salary": SALARY})
    found = attribute_disclosure(frame, ["look"], "salary")
    assert found.by_set["set_size"].tolist() == [3, 3, 3]
    return found.by_set["t"]


def test_li_distances_of_salaries():
    """The set of 3, 4 and 5 thousand and that of 6, 8 and 11 thousand."""
    t = t_of_salary([1, 1, 1, 2, 2, 2, 3, 3, 3])
    assert agrees(t.max(), "t of the salaries 3, 4 and 5 thousand")
    assert any(agrees(x, "t of the salaries 6, 8 and 11 thousand") for x in t)


def test_li_closeness_of_the_better_table():
    """The sets 3, 5, 9; 6, 8, 11; and 4, 7, 10 thousand."""
    t = t_of_salary([1, 3, 1, 2, 2, 2, 3, 1, 3])
    assert agrees(t.max(), "t of the salaries in Table 5")


def test_machanavajjhala_diversity():
    heart, viral, cancer = "heart disease", "viral infection", "cancer"
    disease = [heart, viral, cancer, cancer, cancer, heart, viral, viral]
    disease += [heart, viral, cancer, cancer]
    frame = pd.DataFrame({"look": np.repeat([1, 2, 3], 4), "disease": disease})
    found = attribute_disclosure(frame, ["look"], "disease")
    assert agrees(found.distinct_l, "l of the 3-diverse table of inpatients")


QUASI_IDENTIFIERS = ["Gender", "Age", "Race1", "Education", "MaritalStatus", "HHIncome"]


def test_real_people_with_gaps_are_counted_as_pandas_counts(nhanes):
    names = [*QUASI_IDENTIFIERS, "Height", "Weight", "SleepTrouble"]
    sets = anonymity_sets(nhanes, names)
    usual = nhanes.groupby(names, dropna=False).size()
    assert sets.histogram["n_sets"].sum() == len(usual)
    assert sets.share_unique == (usual == 1).sum() / len(nhanes)


def test_six_demographics_and_two_measurements_single_out_most_real_people(nhanes):
    """A weak finding for demographics alone, in a table of 20,293."""
    order = {"demographics": QUASI_IDENTIFIERS, "body": ["Height", "Weight"]}
    ladder = uniqueness_ladder(nhanes, order).set_index("attribute")
    assert len(nhanes) == 20_293
    assert ladder.loc["demographics", "share_unique"] < 0.6
    assert ladder.loc["body", "share_unique"] > 0.95
    assert ladder.loc["body", "share_over_threshold"] > 0.95
