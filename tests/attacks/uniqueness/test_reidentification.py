"""Risks of prosecutor, journalist and marketer by hand."""

import numpy as np
import pandas as pd
import pytest

from twinprivacy.attacks.uniqueness import (
    AnonymitySets,
    anonymity_sets,
    reidentification_risks,
)
from twinprivacy.errors import DataError, ParameterError

# A population of eight; the table holds the first, second, fifth and eighth of them.
POPULATION = pd.DataFrame({"age": [30, 30, 30, 30, 41, 41, 52, 52]}, list("abcdefgh"))
TABLE = POPULATION.loc[["a", "b", "e", "h"]]


def sets(people: pd.DataFrame) -> AnonymitySets:
    return anonymity_sets(people, ["age"])


def test_three_attackers_by_hand() -> None:
    found = reidentification_risks(sets(TABLE), population=sets(POPULATION))
    risks = found.set_index("attacker")
    assert risks.index.tolist() == ["prosecutor", "journalist", "marketer"]
    # In the table two are alike and two alone; in the population sets of 4, 2 and 2.
    assert risks.loc["prosecutor", "mean_risk"] == (1 / 2 + 1 / 2 + 1 + 1) / 4
    assert risks.loc["prosecutor", "max_risk"] == 1
    expected = (1 / 4 + 1 / 4 + 1 / 2 + 1 / 2) / 4
    assert risks.loc["journalist", "mean_risk"] == expected
    assert risks.loc["journalist", "max_risk"] == 1 / 2
    assert risks.loc["marketer", "mean_risk"] == expected
    assert risks.loc["marketer", ["max_risk", "share_over_threshold"]].isna().all()


def test_journalist_over_a_threshold() -> None:
    both = {"population": sets(POPULATION), "threshold": 0.3}
    found = reidentification_risks(sets(TABLE), **both).set_index("attacker")
    assert found["share_over_threshold"].iloc[:2].tolist() == [1, 0.5]


def test_where_the_table_is_the_population_all_means_agree() -> None:
    alone = reidentification_risks(sets(POPULATION))
    assert alone["attacker"].tolist() == ["prosecutor", "marketer"]
    both = reidentification_risks(sets(POPULATION), population=sets(POPULATION))
    assert both["mean_risk"].tolist() == [3 / 8] * 3
    assert alone["mean_risk"].tolist() == [3 / 8] * 2


def test_a_journalist_never_risks_more_than_a_prosecutor(
    rng: np.random.Generator,
) -> None:
    people = pd.DataFrame({"age": rng.integers(0, 40, 500)})
    table = people.sample(100, random_state=1)
    found = reidentification_risks(sets(table), population=sets(people))
    prosecutor, journalist = found.iloc[0], found.iloc[1]
    assert journalist["mean_risk"] < prosecutor["mean_risk"]
    assert journalist["max_risk"] <= prosecutor["max_risk"]


def test_bad_populations_are_refused() -> None:
    table, population = sets(TABLE), sets(POPULATION)
    other = anonymity_sets(POPULATION.assign(sex=1), ["sex"])
    with pytest.raises(ParameterError) as parameter:
        reidentification_risks(table, population=other)
    assert str(parameter.value) == (
        "population must be counted by the same quasi-identifiers, age; got sex"
    )
    counted = AnonymitySets(("age",), 8, population.histogram)
    with pytest.raises(DataError, match="need tables that were counted in memory"):
        reidentification_risks(table, population=counted)
    with pytest.raises(DataError) as data:
        reidentification_risks(population, population=table)
    assert str(data.value) == (
        "population must hold everybody in the table; got 4 of 8 people whose label it "
        "lacks"
    )
    twice = sets(POPULATION.rename(index={"b": "a"}))
    with pytest.raises(DataError, match="labels that do not repeat"):
        reidentification_risks(table, population=twice)
    moved = sets(POPULATION.set_axis(list("hgfedcba")))
    with pytest.raises(DataError, match="smaller there than in the table"):
        reidentification_risks(sets(POPULATION), population=moved)
