"""The chart's specification: the scales and marks that the page relies on."""

from twinprivacy.explorer.charts import DATA_NAME, compile_chart, loss_chart


def test_chart_has_a_band_and_a_line_on_logarithmic_axes() -> None:
    chart = loss_chart()
    band, line = chart["layer"]
    assert (band["mark"]["type"], line["mark"]["type"]) == ("area", "line")
    assert (band["encoding"]["y"]["field"], band["encoding"]["y2"]["field"]) == (
        "low",
        "high",
    )
    assert line["encoding"]["y"]["field"] == "chance"
    for axis in ("x", "y"):
        assert line["encoding"][axis]["scale"]["type"] == "log"
    assert "datasets" not in chart


def test_compiled_chart_waits_for_the_pages_data() -> None:
    named = {data["name"]: data for data in compile_chart()["data"]}
    assert "values" not in named[DATA_NAME]
    assert "url" not in named[DATA_NAME]
