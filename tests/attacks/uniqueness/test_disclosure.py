"""l and t: the papers' own tables by hand, scipy's distance, and awkward data."""

import datetime as dt
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import wasserstein_distance

from twinprivacy.attacks.uniqueness import AttributeDisclosure, attribute_disclosure
from twinprivacy.errors import DataError, ParameterError


def disclosure(
    sets: dict[str, list[Any]], scale: str | None = None
) -> AttributeDisclosure:
    """Measure a table in which each set holds these values of the secret."""
    rows = [(name, value) for name, values in sets.items() for value in values]
    frame = pd.DataFrame(rows, columns=["look", "secret"])
    return attribute_disclosure(frame, ["look"], "secret", scale=scale)


def test_diseases_of_machanavajjhala() -> None:
    """Their 4-anonymous table: sets of 2, 3 and 1 diseases; 3-diverse: 3 in each."""
    heart, viral, cancer = "heart disease", "viral infection", "cancer"
    anonymous = disclosure(
        {
            "under 30": [heart, heart, viral, viral],
            "over 40": [cancer, heart, viral, viral],
            "thirties": [cancer] * 4,
        }
    )
    assert sorted(anonymous.by_set["n_values"]) == [1, 2, 3]
    assert (anonymous.distinct_l, anonymous.entropy_l) == (1, 1)
    assert anonymous.share_certain == 4 / 12
    diverse = disclosure(
        {
            "up to 40": [heart, viral, cancer, cancer],
            "over 40": [cancer, heart, viral, viral],
            "up to 40, other place": [heart, viral, cancer, cancer],
        }
    )
    assert diverse.distinct_l == 3
    # Entropy of 1/2, 1/4, 1/4 is 1.5 bits.
    assert diverse.entropy_l == pytest.approx(2**1.5)
    assert diverse.share_certain == 0


def test_equal_distance_by_hand() -> None:
    """Table: a 1/2, b 1/3, c 1/6; a set of a and c, half each."""
    found = disclosure({"x": ["a", "c"], "y": ["a", "a", "b", "b"]})
    assert found.by_set["t"].tolist() == pytest.approx(
        [(0 + 1 / 3 + 1 / 3) / 2, (0 + 1 / 6 + 1 / 6) / 2]
    )
    bits = (0.5 * math.log2(0.5 / 0.5) + 0.5 * math.log2(0.5 / (1 / 6))) * 2 / 6
    bits += (0.5 * math.log2(0.5 / 0.5) + 0.5 * math.log2(0.5 / (1 / 3))) * 4 / 6
    assert found.bits == pytest.approx(bits)


def test_numbers_are_in_order() -> None:
    """Values 0, 1 and 10, of which one set holds the first two."""
    # |1/2 - 1/3| / 2 + |1 - 2/3| / 2.
    assert disclosure({"x": [0, 1], "y": [10]}).by_set["t"].tolist() == pytest.approx(
        [(1 / 3 + 2 / 3) / 2, (1 / 6 + 1 / 3) / 2]
    )


STEPS = ["lo", "mid", "hi"]
YEARS = pd.to_datetime(["2020", "2021", "2022"]).tz_localize("UTC")

SECRETS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(-20, 20)), min_size=2, max_size=60
)


@given(SECRETS)
@settings(derandomize=True, deadline=None, max_examples=50)
def test_distances_are_those_of_scipy(rows: list[tuple[int, int]]) -> None:
    frame = pd.DataFrame(rows, columns=["look", "secret"])
    found = attribute_disclosure(frame, ["look"], "secret", scale="ordered")
    rank = frame["secret"].rank(method="dense")
    span = max(float(rank.max() - rank.min()), 1.0)
    expected = [
        wasserstein_distance(group, rank) / span
        for _, group in rank.groupby(frame["look"])
    ]
    assert sorted(found.by_set["t"]) == pytest.approx(sorted(expected))


@given(SECRETS, st.randoms(use_true_random=False))
@settings(derandomize=True, deadline=None, max_examples=50)
def test_measures_keep_their_ranges_and_ignore_the_order_of_people(
    rows: list[tuple[int, int]], random: Any
) -> None:
    frame = pd.DataFrame(rows, columns=["look", "secret"])
    found = attribute_disclosure(frame, ["look"], "secret")
    sets = found.by_set
    assert sets["t"].between(0, 1).all()
    assert (sets["entropy_l"] <= sets["n_values"] + 1e-9).all()
    assert (sets["entropy_l"] >= 1).all()
    assert found.bits >= 0
    people = list(frame.index)
    random.shuffle(people)
    again = attribute_disclosure(frame.loc[people], ["look"], "secret")
    pd.testing.assert_frame_equal(sets, again.by_set)


def test_one_look_gives_nothing_away_and_identifiers_give_all() -> None:
    frame = pd.DataFrame({"same": 1, "id": range(8), "secret": [0, 1] * 4})
    nothing = attribute_disclosure(frame, ["same"], "secret", scale="categorical")
    assert (nothing.distinct_l, nothing.t, nothing.bits) == (2, 0, 0)
    assert nothing.entropy_l == pytest.approx(2)
    everything = attribute_disclosure(frame, ["id"], "secret", scale="categorical")
    assert (everything.distinct_l, everything.entropy_l) == (1, 1)
    assert (everything.share_certain, everything.t) == (1, 0.5)
    # One bit: the secret is a fair coin.
    assert everything.bits == pytest.approx(1)


def test_more_attributes_never_tell_fewer_bits(rng: np.random.Generator) -> None:
    frame = pd.DataFrame(
        rng.integers(0, 3, (400, 4)), columns=["a", "b", "c", "secret"]
    )
    bits = [
        attribute_disclosure(frame, names, "secret").bits
        for names in (["a"], ["a", "b"], ["a", "b", "c"])
    ]
    assert bits == sorted(bits)


def test_one_person_and_a_constant_secret() -> None:
    one = pd.DataFrame({"look": [1], "secret": [2.5]})
    constant = pd.DataFrame({"look": [1, 1, 2], "secret": [2.5] * 3})
    for frame in (one, constant):
        for scale in ("categorical", "ordered"):
            found = attribute_disclosure(frame, ["look"], "secret", scale=scale)
            assert (found.distinct_l, found.t, found.bits) == (1, 0, 0)


@pytest.mark.parametrize(
    ("secret", "scale"),
    [
        (pd.Series([1, 2, 3], dtype="Int64"), "ordered"),
        (pd.Series([0.5, 1.5, 2.5], dtype="Float64"), "ordered"),
        (pd.Series(YEARS), "ordered"),
        (pd.Series(pd.Categorical(STEPS, STEPS, ordered=True)), "ordered"),
        (pd.Series(pd.Categorical(STEPS)), "categorical"),
        (pd.Series(STEPS), "categorical"),
        (pd.Series([True, False, False]), "categorical"),
    ],
)
def test_the_scale_follows_the_kind_of_column(secret: pd.Series, scale: str) -> None:
    frame = pd.DataFrame({"look": [1, 1, 2], "secret": secret})
    found = attribute_disclosure(frame, ["look"], "secret")
    assert found.scale == scale
    if scale == "ordered":
        # The first two of three: (1/2 - 1/3 + 1 - 2/3) / 2; the last: (1/3 + 2/3) / 2.
        assert sorted(found.by_set["t"]) == pytest.approx([1 / 4, 1 / 2])


def test_a_missing_secret_is_a_value_of_its_own() -> None:
    found = disclosure({"x": ["a", None], "y": [None, None]})
    assert found.by_set["n_values"].tolist() == [1, 2]


def test_people_with_gaps_can_be_left_out() -> None:
    frame = pd.DataFrame({"look": [1, 1, None], "secret": ["a", "b", "c"]})
    assert attribute_disclosure(frame, ["look"], "secret").distinct_l == 1
    dropped = attribute_disclosure(frame, ["look"], "secret", missing="drop")
    assert (dropped.n_people, dropped.distinct_l) == (2, 2)


def test_repr_shows_the_worst_sets_and_nobody() -> None:
    assert repr(disclosure({"x": ["a", "b"], "y": ["a", "a"]})) == (
        "AttributeDisclosure('secret' of 4 people: distinct_l=1, entropy_l=1, t=0.25, "
        "share_certain=0.5, bits=0.311)"
    )


PEOPLE = pd.DataFrame(
    {"look": [1, 1, 2], "dose": [1.0, np.nan, np.inf], "group": ["a", "b", "c"]}
)
BAD_CALLS: dict[str, tuple[type[Exception], str, str | None]] = {
    "sensitive must not be among quasi_identifiers; got 'look'": (
        ParameterError, "look", None),
    "frame must have the columns look, zip once each; missing: zip; repeated: none": (
        DataError, "zip", None),
    "scale must be one of 'categorical', 'ordered'; got 'tree'": (
        ParameterError, "dose", "tree"),
    "sensitive must not be missing where scale is 'ordered'; got 1 of 3 people without "
    "a value": (DataError, "dose", None),
    "scale must be 'categorical' where values are neither numbers, dates nor ordered "
    "categories; got 'ordered' for str": (
        ParameterError, "group", "ordered"),
}  # fmt: skip


@pytest.mark.parametrize("message", BAD_CALLS)
def test_bad_calls_are_refused(message: str) -> None:
    kind, sensitive, scale = BAD_CALLS[message]
    with pytest.raises(kind) as error:
        attribute_disclosure(PEOPLE, ["look"], sensitive, scale=scale)
    assert str(error.value) == message


def test_an_infinite_secret_has_a_place() -> None:
    frame = PEOPLE.dropna()
    assert attribute_disclosure(frame, ["look"], "dose").t == pytest.approx(0.5)


@pytest.mark.parametrize(
    "secret",
    [
        pd.Series([0, 1, 4]),
        pd.Series([10**18, 10**18 + 1, 10**18 + 4]),
        pd.Series([-(2**63), -(2**63) + 1, -(2**63) + 4]),
        pd.Series([2**64 - 5, 2**64 - 4, 2**64 - 1], dtype="uint64"),
        pd.Series(pd.to_datetime([10**18, 10**18 + 1, 10**18 + 4])),
        pd.Series(pd.to_timedelta([10**18, 10**18 + 1, 10**18 + 4])),
    ],
)
def test_numbers_that_floats_do_not_tell_apart(secret: pd.Series) -> None:
    frame = pd.DataFrame({"look": [1, 2, 2], "secret": secret})
    found = attribute_disclosure(frame, ["look"], "secret")
    # Two gaps of 1/2; the set of the first value is 2/3 and 1/3 ahead there.
    assert found.t == pytest.approx(1 / 2 * 2 / 3 + 1 / 2 * 1 / 3)


def test_days_are_in_order_whatever_holds_them() -> None:
    days = [dt.date(1600, 1, 1), dt.date(1900, 1, 2), dt.date(2000, 1, 1)]
    frame = pd.DataFrame({"look": [1, 2, 2], "day": pd.Series(days, dtype=object)})
    dated = frame.assign(day=pd.to_datetime(frame["day"]))
    for scale in (None, "ordered", "categorical"):
        found = attribute_disclosure(frame, ["look"], "day", scale=scale)
        same = attribute_disclosure(dated, ["look"], "day", scale=scale)
        assert (found.scale, found.t) == (same.scale, same.t)
    assert attribute_disclosure(frame, ["look"], "day").scale == "ordered"
