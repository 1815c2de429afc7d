"""Labels of axes and laws as a lay reader writes them."""

import matplotlib.pyplot as plt
import pytest

from twinprivacy.plots import law_name, share_axis, short_number, short_percent


@pytest.mark.parametrize(
    ("value", "text"), [(0.25, "0.25"), (999, "999"), (1_000, "1 k"), (3e6, "3 M")]
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert short_number(value) == text


@pytest.mark.parametrize(("share", "text"), [(0.5, "50 %"), (0.0005, "0.05 %")])
def test_shares_are_percentages(share: float, text: str) -> None:
    assert short_percent(share) == text


def test_an_axis_of_shares_is_in_percent() -> None:
    figure, ax = plt.subplots()
    ax.set_ylim(0, 1)
    share_axis(ax.yaxis)
    ax.set_yticks([0, 0.5, 1])
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "0 %",
        "50 %",
        "100 %",
    ]
    plt.close(figure)


def test_a_law_has_the_name_that_readers_know() -> None:
    assert law_name("generalised_pareto") == "generalised Pareto"
