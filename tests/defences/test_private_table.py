"""The private table: exact without noise, and leaking what its theorem allows."""

import math
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from twinprivacy.attacks.bounds import (
    advantage_bound,
    attribute_bits_bound,
    attribute_success_bound,
    membership_bits_bound,
    true_positive_rate_bound,
)
from twinprivacy.attacks.guarantees import PrivacyGuarantee
from twinprivacy.defences import PrivateTable, fit_private_table, membership_log_ratio
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.estimates import (
    membership_advantage,
    membership_bits,
    true_positive_rate_at,
    wilson_interval,
)

BY = {"sex": ["F", "M"], "decade": [50, 60, 70]}
BOUNDS: dict[str, Any] = {"outcome": "sbp_mmhg", "lower": 80.0, "upper": 200.0}


def cohort(n: int, rng: np.random.Generator) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "sex": rng.choice(BY["sex"], n),
            "decade": rng.choice(BY["decade"], n),
            "sbp_mmhg": rng.normal(135, 20, n).clip(81, 199),
        },
        index=[f"p{i}" for i in range(n)],
    )


def worst_case(n: int, *, value: float = 200.0, **budget: float) -> tuple[Any, Any]:
    """Return scores of members and controls, each alone in a cell of its own.

    Cells are independent, so that one table is 2 n attacks. All that the others of a
    cell add is known and subtracted: none are needed.
    """
    people = pd.DataFrame({"cell": np.arange(2 * n), "sbp_mmhg": value})
    members, controls = people[:n], people[n:]
    table = fit_private_table(
        members,
        **BOUNDS,
        by={"cell": range(2 * n)},
        rng=np.random.default_rng(20_261_125),
        **budget,
    )
    return (
        membership_log_ratio(table, members, members),
        membership_log_ratio(table, controls, members),
    )


# Exact answers.


@pytest.mark.parametrize("budget", [{"epsilon": math.inf}, {"mu": math.inf}])
def test_without_noise_it_is_the_mean_of_each_cell(
    budget: dict[str, float], rng: np.random.Generator
) -> None:
    people = cohort(300, rng)
    table = fit_private_table(people, **BOUNDS, by=BY, **budget, rng=rng)
    theirs = people.groupby(["sex", "decade"])["sbp_mmhg"].transform("mean")
    np.testing.assert_allclose(table.predict(people), theirs, rtol=1e-12)
    assert table.predict(people).index.equals(people.index)
    assert table.cells["noisy_count"].sum() == 300
    assert table.noise_scale == 0


def test_noise_is_that_of_the_theorem() -> None:
    by = {"cell": range(40_000)}
    nobody = pd.DataFrame({"cell": [], "sbp_mmhg": []})
    for budget, law in (({"epsilon": 2.0}, "laplace"), ({"mu": 2.0}, "normal")):
        table = fit_private_table(
            nobody,
            **BOUNDS,
            by=by,
            rng=np.random.default_rng(4),
            **budget,
        )
        # Laplace: 1 / (2 x 0.5), deviation sqrt(2) times as much; normal: 1 / (2 x
        # sqrt(0.5)).
        expected = 1.0 if law == "laplace" else 1 / math.sqrt(2)
        assert table.noise_scale == pytest.approx(expected)
        deviation = table.cells[["noisy_sum", "noisy_count"]].std().to_numpy()
        factor = math.sqrt(2) if law == "laplace" else 1.0
        np.testing.assert_allclose(deviation, factor * expected, rtol=0.03)
        # Cells of nobody say about the middle of the bounds.
        assert table.cells["mean"].mean() == pytest.approx(140, abs=1)
        assert table.cells["mean"].between(80, 200).all()


def test_log_ratio_by_hand() -> None:
    # A member of 170: (170 - 140) / 60 = 0.5 from the middle.
    people = pd.DataFrame({"sex": ["F", "F"], "sbp_mmhg": [170.0, 110.0]})
    for budget in ({"epsilon": 1.0}, {"mu": 1.0}):
        table = fit_private_table(
            people,
            **BOUNDS,
            by={"sex": ["F", "M"]},
            rng=np.random.default_rng(3),
            **budget,
        )
        seen = table.cells.loc[0, ["noisy_sum", "noisy_count"]].to_numpy(dtype=float)
        # The other, of 110, is known: - 0.5 and 1 are subtracted.
        rest, shift = seen - [-0.5, 1], np.array([0.5, 1])
        if "epsilon" in budget:
            by_hand = 0.5 * (np.abs(rest) - np.abs(rest - shift)).sum()
        else:
            by_hand = 0.5 * (shift * (rest - shift / 2)).sum()
        found = membership_log_ratio(table, people[:1], people)
        assert found.item() == pytest.approx(by_hand, rel=1e-9)
        # The same whether the target is taken out of the others by us or by the caller.
        again = membership_log_ratio(table, people[:1], people[1:])
        assert again.item() == pytest.approx(by_hand, rel=1e-9)


def test_evidence_that_cancels_is_exactly_zero() -> None:
    """With Laplace noise it often does; a rounding error would give it a side."""
    for scores in worst_case(2_000, epsilon=1.0):
        is_near_zero = scores.abs() < 1e-6
        assert is_near_zero.mean() > 0.2
        assert (scores[is_near_zero] == 0).all()


# What it leaks.


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 3.0])
def test_laplace_attack_is_within_its_bound_and_reaches_it(epsilon: float) -> None:
    n = 20_000
    guarantee = PrivacyGuarantee(epsilon=epsilon)
    members, controls = worst_case(n, epsilon=epsilon)
    assert max(np.abs(members).max(), np.abs(controls).max()) <= epsilon + 1e-9
    rng = np.random.default_rng(5)
    assert membership_advantage(members, controls, rng=rng).low <= advantage_bound(
        guarantee
    )
    assert membership_bits(members, controls, rng=rng).low <= membership_bits_bound(
        guarantee
    )
    for rate in (0.001, 0.01, 0.1):
        found = true_positive_rate_at(members, controls, false_positive_rate=rate)
        assert found.low <= true_positive_rate_bound(guarantee, rate)
    # Both answers beyond both shifts: without the person with probability e^-epsilon
    # / 4, with them 1 / 4, which is the bound e^epsilon f itself.
    rate = math.exp(-epsilon) / 4
    surest = epsilon - 1e-9
    alarms = wilson_interval(int((controls >= surest).sum()), n, confidence_level=0.999)
    hits = wilson_interval(int((members >= surest).sum()), n, confidence_level=0.999)
    assert alarms.low <= rate <= alarms.high
    assert hits.low <= 0.25 <= hits.high
    assert true_positive_rate_bound(guarantee, rate) == pytest.approx(0.25)


@pytest.mark.parametrize("mu", [0.5, 1.0, 2.0])
def test_gaussian_attack_reaches_its_bound_everywhere(mu: float) -> None:
    guarantee = PrivacyGuarantee(mu=mu)
    members, controls = worst_case(20_000, mu=mu)
    found = membership_advantage(members, controls, threshold=0.0)
    assert found.low <= advantage_bound(guarantee) <= found.high
    bits = membership_bits(members, controls, threshold=0.0)
    assert bits.low <= membership_bits_bound(guarantee) <= bits.high
    for rate in (0.001, 0.01, 0.1, 0.5):
        found = true_positive_rate_at(members, controls, false_positive_rate=rate)
        assert found.low <= true_positive_rate_bound(guarantee, rate) <= found.high


@pytest.mark.parametrize("budget", [{"epsilon": 1.0}, {"mu": 1.0}])
def test_guessing_an_extreme_outcome_reaches_its_bound(
    budget: dict[str, float],
) -> None:
    # Half is spent on counts, which tell nothing of the outcome: of epsilon, or of the
    # square of mu. Outcomes are the one bound or the other.
    n = 10_000
    people = pd.DataFrame(
        {"cell": np.arange(n), "sbp_mmhg": np.where(np.arange(n) % 2, 200.0, 80.0)}
    )
    table = fit_private_table(
        people, **BOUNDS, by={"cell": range(n)}, rng=np.random.default_rng(6), **budget
    )
    guess = np.where(table.cells["noisy_sum"] > 0, 200.0, 80.0)
    n_right = int((guess == people["sbp_mmhg"]).sum())
    found = wilson_interval(n_right, n, confidence_level=0.999)
    factor = 0.5 if "epsilon" in budget else math.sqrt(0.5)
    guarantee = PrivacyGuarantee(**{name: factor * x for name, x in budget.items()})
    bound = attribute_success_bound(guarantee, 0.5)
    assert found.low <= bound <= found.high
    assert bound < attribute_success_bound(PrivacyGuarantee(**budget), 0.5)
    wrong = 1 - found.value
    told = 1 + found.value * math.log2(found.value) + wrong * math.log2(wrong)
    assert told < attribute_bits_bound(guarantee, entropy_bits=1.0)


def test_people_in_the_middle_of_the_bounds_give_less_away() -> None:
    # Only the count tells of them: half of epsilon, and mu / sqrt(2).
    members, controls = worst_case(5_000, value=140.0, epsilon=2.0)
    assert max(np.abs(members).max(), np.abs(controls).max()) <= 1 + 1e-9
    members, controls = worst_case(5_000, value=140.0, mu=2.0)
    found = membership_advantage(members, controls, threshold=0.0)
    half = advantage_bound(PrivacyGuarantee(mu=math.sqrt(2)))
    assert found.low <= half <= found.high
    assert found.high < advantage_bound(PrivacyGuarantee(mu=2.0))


def test_four_dependent_records_exceed_the_bound_of_one() -> None:
    # One person with four rows, all in one cell: the promise is for a row.
    n = 5_000
    rows = pd.DataFrame({"cell": np.repeat(np.arange(2 * n), 4), "sbp_mmhg": 200.0})
    table = fit_private_table(
        rows[: 4 * n],
        **BOUNDS,
        by={"cell": range(2 * n)},
        mu=0.5,
        rng=np.random.default_rng(8),
    )
    scores = table.cells["noisy_sum"] + table.cells["noisy_count"]
    found = membership_advantage(scores[:n], scores[n:], threshold=float(scores.mean()))
    one = PrivacyGuarantee(mu=0.5)
    assert found.low > advantage_bound(one)
    assert found.low <= advantage_bound(one, n_dependent=4) <= found.high


def test_more_budget_more_use(rng: np.random.Generator) -> None:
    people = cohort(2_000, rng)
    truth = people.groupby(["sex", "decade"])["sbp_mmhg"].transform("mean")
    errors = []
    for epsilon in (0.01, 0.1, 1.0):
        tables = [
            fit_private_table(people, **BOUNDS, by=BY, epsilon=epsilon, rng=source)
            for source in np.random.default_rng(9).spawn(20)
        ]
        errors.append(np.mean([np.abs(t.predict(people) - truth) for t in tables]))
    assert errors[0] > 3 * errors[1] > 9 * errors[2]


# Properties.


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    st.integers(0, 30),
    st.sampled_from([1e-90, 1e-3, 1.0, 1e6]),
    st.sampled_from([(-8e307, 8e307), (0.0, 1e-300), (80.0, 200.0)]),
    st.sampled_from(["epsilon", "mu"]),
)
def test_properties(
    n: int, budget: float, bounds: tuple[float, float], name: str
) -> None:
    rng = np.random.default_rng(n)
    people = cohort(n, rng)
    settings_ = {"outcome": "sbp_mmhg", "lower": bounds[0], "upper": bounds[1]}
    tables = [
        fit_private_table(
            frame, **settings_, by=BY, **{name: budget}, rng=np.random.default_rng(1)
        )
        for frame in (people, people.sample(frac=1, random_state=2))
    ]
    pd.testing.assert_frame_equal(tables[0].cells, tables[1].cells)
    answers = tables[0].predict(cohort(20, rng))
    assert answers.between(*bounds).all()


def test_outcomes_beyond_the_bounds_are_clipped(rng: np.random.Generator) -> None:
    people = pd.DataFrame({"sex": ["F", "M"], "sbp_mmhg": [1e6, -5.0]})
    table = fit_private_table(
        people, **BOUNDS, by={"sex": ["F", "M"]}, epsilon=math.inf, rng=rng
    )
    assert table.predict(people).tolist() == [200, 80]


def test_repr_and_types(rng: np.random.Generator) -> None:
    people = cohort(50, rng).assign(event=True)
    table = fit_private_table(
        people, outcome="event", by=BY, lower=0, upper=1, epsilon=1.0, rng=rng
    )
    assert isinstance(table, PrivateTable)
    assert repr(table) == (
        "PrivateTable(outcome='event', by=['sex', 'decade'], cells=6, "
        "guarantee=PrivacyGuarantee(epsilon=1.0, delta=0.0, mu=None))"
    )
    categories = people.assign(sex=people["sex"].astype("category"))
    np.testing.assert_array_equal(table.predict(categories), table.predict(people))


def test_declared_values_may_be_tuples(rng: np.random.Generator) -> None:
    sites = [("north", 1), ("north", 2), ("south", 1)]
    people = pd.DataFrame({"site": sites * 2, "sbp_mmhg": [100, 120, 140] * 2})
    table = fit_private_table(
        people, **BOUNDS, by={"site": sites}, epsilon=math.inf, rng=rng
    )
    assert table.cells["site"].tolist() == sites
    assert table.predict(people[::-1]).tolist() == [140, 120, 100] * 2


# Bad input.


def bad(
    error: type[Exception], message: str, frame: pd.DataFrame, **other: Any
) -> None:
    options = {**BOUNDS, "by": BY, "epsilon": 1.0, "rng": np.random.default_rng(1)}
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        fit_private_table(frame, **{**options, **other})


def test_bad_people(rng: np.random.Generator) -> None:
    people = cohort(4, rng)
    missing = people.assign(sbp_mmhg=[1.0, np.nan, np.inf, 2.0])
    bad(
        DataError,
        "frame['sbp_mmhg'] must be finite for everyone; got 2 of 4 missing or infinite",
        missing,
    )
    bad(
        DataError,
        "frame['sbp_mmhg'] must hold numbers, or true and false; got others",
        people.assign(sbp_mmhg="high"),
    )
    bad(
        DataError,
        "frame['sex'] must hold declared values only; got 4 of 4 others",
        people.assign(sex=[None, "X", np.nan, "f"]),
    )
    bad(
        DataError,
        "frame must have the columns sex, decade once each; missing: decade; repeated: "
        "none",
        people.drop(columns="decade"),
    )
    bad(
        DataError,
        "the index of frame must name each row once; got 4 of 8 repeated or missing",
        pd.concat([people, people]),
    )


def test_bad_settings(rng: np.random.Generator) -> None:
    people = cohort(4, rng)
    bad(
        ParameterError,
        "lower and upper must be finite and in ascending order; got 200.0 and 80.0",
        people,
        lower=200.0,
        upper=80.0,
    )
    bad(
        ParameterError,
        "exactly one of epsilon and mu must be given; got 1.0 and 1.0",
        people,
        mu=1.0,
    )
    bad(ParameterError, "epsilon or mu must be above 0; got 0", people, epsilon=0)
    for budget in ({"epsilon": 1e-310}, {"epsilon": None, "mu": 1e-310}):
        bad(
            ParameterError,
            "epsilon or mu, and a penalty, must be so large that the noise is 1e+100 "
            "at most; got inf",
            people,
            **budget,
        )
    for by, got in (({}, "[]"), ({"sbp_mmhg": [1, 2]}, "['sbp_mmhg']")):
        bad(
            ParameterError,
            "by must be a mapping of columns, one or more and not the outcome, to what "
            f"is declared of them; got {got}",
            people,
            by=by,
        )
    for name in ("noisy_sum", "noisy_count", "mean"):
        bad(
            ParameterError,
            "by must not name noisy_sum, noisy_count or mean, columns of the table; "
            f"got {name!r}",
            people.assign(**{name: 1}),
            by={name: [1]},
        )
    bad(
        ParameterError,
        "by['sex'] must declare values such as text, numbers or flags; got others",
        people,
        by={"sex": [["F"], ["M"]]},
    )
    bad(
        ParameterError,
        "by['sex'] must declare two values or more, each once and none missing; got 2 "
        "of which 1 differ",
        people,
        by={"sex": ["F", "F"]},
    )
    table = fit_private_table(people, **BOUNDS, by=BY, epsilon=math.inf, rng=rng)
    message = r"^table must have noise for a ratio; got one without$"
    with pytest.raises(ParameterError, match=message):
        membership_log_ratio(table, people, people)
