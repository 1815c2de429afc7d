"""Numbers as readers see them."""

import math

import pytest
from hypothesis import given, settings, strategies as st

from twinprivacy import formatting
from twinprivacy.errors import ParameterError
from twinprivacy.estimates import Estimate

GAP = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (999, "999"), (1234567, "1,234,567"), (-1200.4, "-1,200")],
)
def test_count(count: float, text: str) -> None:
    assert formatting.format_count(count) == text


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0, "0"),
        (-0.0, "0"),
        (2, "2"),
        (4.2, "4.2"),
        (0.012345, "0.0123"),
        (999.6, "1,000"),
        (1927.4, "1,930"),
        (-321_456, "-321,000"),
        (1e-7, "0.0000001"),
        (1e21, "1,000,000,000,000,000,000,000"),
    ],
)
def test_number(x: float, text: str) -> None:
    assert formatting.format_number(x) == text


def test_number_of_digits() -> None:
    assert formatting.format_number(math.pi, digits=5) == "3.1416"
    with pytest.raises(ParameterError, match=r"^digits must be 1 or more; got 0$"):
        formatting.format_number(1, digits=0)


@pytest.mark.parametrize(
    ("n_people", "text"),
    [
        (500, "500"),
        (36_712, "36,700"),
        (999_499, "999,000"),
        (999_600, f"1{GAP}million"),
        (1.927e8, f"193{GAP}million"),
        (999.6e6, f"1{GAP}billion"),
        (8e9, f"8{GAP}billion"),
    ],
)
def test_people(n_people: float, text: str) -> None:
    assert formatting.format_people(n_people) == text


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0.6524, f"65.2{GAP}%"),
        (0, f"0{GAP}%"),
        (1, f"100{GAP}%"),
        (2e-5, f"0.002{GAP}%"),
    ],
)
def test_percent(fraction: float, text: str) -> None:
    assert formatting.format_percent(fraction) == text


def test_usd() -> None:
    assert formatting.format_usd(4.2e6) == f"USD{GAP}4.2{GAP}million"
    assert formatting.format_usd(188) == f"USD{GAP}188"


@pytest.mark.parametrize(
    ("years", "text"),
    [
        (12, f"12{GAP}years"),
        (1, f"1{GAP}year"),
        (0.99996, f"1{GAP}year"),
        (0.25, f"3{GAP}months"),
        (1 / 12, f"1{GAP}month"),
        (0.02, f"7.3{GAP}days"),
    ],
)
def test_years(years: float, text: str) -> None:
    assert formatting.format_years(years) == text


def test_estimate() -> None:
    estimate = Estimate(0.6524, 0.41, 0.8034, confidence_level=0.9, n=100)
    text = formatting.format_estimate(estimate, formatting.format_percent)
    assert text == f"65.2{GAP}% (90{GAP}% interval 41{GAP}% to 80.3{GAP}%)"


def test_estimate_without_an_interval() -> None:
    estimate = Estimate(3, math.nan, math.nan, confidence_level=0.95, n=1)
    assert formatting.format_estimate(estimate) == "3 (no interval)"


@pytest.mark.parametrize(
    "formatter",
    [
        formatting.format_count,
        formatting.format_number,
        formatting.format_people,
        formatting.format_percent,
        formatting.format_usd,
        formatting.format_years,
    ],
)
def test_what_is_not_a_number_is_said_in_words(formatter: object) -> None:
    assert callable(formatter)
    assert formatter(math.nan) == "not available"
    assert formatter(math.inf) == "unlimited"


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.floats(min_value=-1e15, max_value=1e15))
def test_no_reader_meets_an_exponent_and_three_digits_are_kept(x: float) -> None:
    text = formatting.format_number(x)
    assert not set(text) - set("-0123456789.,")
    assert float(text.replace(",", "")) == pytest.approx(x, rel=5e-3)


def test_p_values_have_no_exponent() -> None:
    written = [
        formatting.format_p_value(p) for p in (0.5, 0.04999, 0.001, 1e-30, float("nan"))
    ]
    assert written == ["0.500", "0.050", "0.001", "below 0.001", "not available"]
