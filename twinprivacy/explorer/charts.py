"""How the page draws a year's loss: a Vega-Lite specification without data."""

import json
from typing import Any

from twinprivacy.explorer.interpolation import LOSSES_USD

__all__ = [
    "DATA_NAME",
    "compile_chart",
    "loss_chart",
]


# What the page fills.
DATA_NAME = "curve"
_SMALLEST_CHANCE = 1e-4
_HEIGHT = 260
# Dollars and odds as readers see them, in the language of Vega's expressions.
_USD = (
    "datum.value >= 1e6 ? format(datum.value / 1e6, ',') + ' M' : "
    "format(datum.value / 1e3, ',') + ' k'"
)
_ODDS = "datum.value >= 1 ? 'every' : '1 in ' + format(1 / datum.value, ',.0f')"


def loss_chart() -> dict[str, Any]:
    """Return the chart of exceedance with its band, as Vega-Lite.

    Data are named `DATA_NAME`, with the columns of `interpolation.exceedance_curve`.
    Colours are those of the page: see its style.
    """
    import altair as alt

    losses = alt.X(
        "loss_usd:Q",
        scale=alt.Scale(type="log", domain=[LOSSES_USD[0], LOSSES_USD[-1]]),
        axis=alt.Axis(
            title="loss of a year, US dollars",
            values=[10.0**power for power in range(3, 10)],
            labelExpr=_USD,
            labelOverlap="parity",
            labelSeparation=8,
        ),
    )
    chances = alt.Scale(type="log", domain=[_SMALLEST_CHANCE, 1])
    axis = alt.Axis(
        title="years in which more is lost",
        values=[10.0**power for power in range(-4, 1)],
        labelExpr=_ODDS,
    )
    curve = alt.Chart(alt.NamedData(name=DATA_NAME))
    band = curve.mark_area(aria=False, clip=True, opacity=1).encode(
        x=losses, y=alt.Y("low:Q", scale=chances, axis=axis), y2="high:Q"
    )
    line = curve.mark_line(aria=False, clip=True, strokeWidth=2.5).encode(
        x=losses, y=alt.Y("chance:Q", scale=chances, axis=axis)
    )
    chart = (
        alt.layer(band, line)
        .properties(width="container", height=_HEIGHT)
        .configure(aria=False, background="transparent", font="system-ui, sans-serif")
        .configure_axis(labelFontSize=13, titleFontSize=13, titleFontWeight="normal")
        .configure_view(stroke=None)
    )
    specification: dict[str, Any] = json.loads(chart.to_json())
    return specification


def compile_chart() -> dict[str, Any]:
    """Return the chart as Vega, so that no browser has to compile it."""
    import vl_convert

    compiled: dict[str, Any] = vl_convert.vegalite_to_vega(loss_chart())
    return compiled
