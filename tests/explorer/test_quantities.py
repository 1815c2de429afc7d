"""What the explorer shows: each quantity once, with a figure of the book."""

from itertools import pairwise
from pathlib import Path

import pytest

from twinprivacy.explorer.interpolation import BASES, LOSSES_USD, QUANTITIES, Quantity
from twinprivacy.figures import load_manifest

FIGURES = Path(__file__).parents[2] / "book" / "figures"


def test_each_quantity_has_a_name_of_its_own_and_a_unit() -> None:
    assert len({quantity.name for quantity in QUANTITIES}) == len(QUANTITIES)
    assert {quantity.unit for quantity in QUANTITIES} == {
        "USD",
        "share",
        "points",
        "bits",
    }


@pytest.mark.parametrize("quantity", QUANTITIES, ids=lambda quantity: quantity.name)
def test_figure_that_it_continues_is_published(quantity: Quantity) -> None:
    assert load_manifest(quantity.figure, FIGURES)["id"] == quantity.figure


def test_only_what_was_measured_needs_no_remark() -> None:
    assert [basis for basis, remark in BASES.items() if not remark] == ["measured"]


def test_losses_rise_by_the_same_factor_as_on_a_logarithmic_axis() -> None:
    # Four digits are kept: neighbours may be off by 5 in 10,000 each.
    factors = [b / a for a, b in pairwise(LOSSES_USD)]
    assert factors == pytest.approx([10**0.1] * 60, rel=1e-3)
    assert factors[0] > 1
