"""The published cost models as lines with errors, read from the tables of facts."""

import re
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from twinprivacy import datasets
from twinprivacy._types import Array


class Scope(NamedTuple):
    """Which cost a model is of, and the sizes it holds for; nan where none is given."""

    covers: str
    lower_records: float
    upper_records: float


INSURED = Scope("direct losses claimed from insurers", 1e2, 1e8)
# The survey leaves out larger breaches; the tables of facts name no smallest one.
SURVEY = Scope("total cost estimated by a survey, US companies", np.nan, 1e5)
HEALTH = Scope("total cost estimated by a survey, health care", np.nan, 1e5)
MEGA = Scope("total cost estimated by a survey, mega-breaches", 1e6, 5e7)
PUBLIC = Scope("publicly recorded losses, all sectors", 1e3, 1e8)

# Name, form and scope of each model.
MODELS: dict[str, tuple[str, str, Scope]] = {
    "dbir2015_loglog": ("DBIR 2015", "log-log", INSURED),
    "dbir2015_flat": ("DBIR 2015, flat", "flat", INSURED),
    "jacobs2014_loglog": ("Jacobs 2014", "log-log", SURVEY),
    "jacobs2014_linear_pooled": ("Jacobs 2014, linear", "linear", SURVEY),
    "jacobs2014_linear_2013": ("Jacobs 2014, linear, 2013", "linear", SURVEY),
    "jacobs2014_linear_2014": ("Jacobs 2014, linear, 2014", "linear", SURVEY),
    "ponemon_flat_2013": ("Ponemon 2013, flat", "flat", SURVEY),
    "ponemon_flat_2014": ("Ponemon 2014, flat", "flat", SURVEY),
    "ibm_healthcare_flat_2019": ("IBM 2019, health care, flat", "flat", HEALTH),
    "ibm_mega_2018": ("IBM 2018, mega-breach", "two points", MEGA),
    "ibm_mega_2019": ("IBM 2019, mega-breach", "two points", MEGA),
    "iris2020": ("IRIS 2020", "two exceedances", PUBLIC),
}
# Where the table of facts lists a model under another name.
TABLE_NAMES = {
    "dbir2015_flat": "dbir2015_loglog",
    "ponemon_flat_2013": "ponemon_flat_rate_us",
    "ponemon_flat_2014": "ponemon_flat_rate_us",
}


@dataclass(frozen=True)
class Law:
    """A line in records and USD, or in their logarithms, with what is known of it.

    `n`, `x_mean` and `sxx` are those of the regression behind it, nan without one.
    """

    intercept: float
    slope: float
    log: bool = False
    sd: float = np.nan
    df: float = np.nan
    n: float = np.nan
    x_mean: float = np.nan
    sxx: float = np.nan

    @property
    def has_errors(self) -> bool:
        """Whether the scatter of single breaches about the line is known."""
        return bool(np.isfinite(self.sd))

    def line(self, records: Array) -> Array:
        """Return the line at sizes in records, on its own scale."""
        return self.intercept + self.slope * self._x(records)

    def line_error(self, records: Array) -> Array:
        """Return the standard error of the line, nan without a regression."""
        distance = (self._x(records) - self.x_mean) / np.sqrt(self.sxx)
        return np.asarray(self.sd * np.hypot(1 / np.sqrt(self.n), distance))

    def prediction_error(self, records: Array) -> Array:
        """Return the standard error of one new breach; nan without errors."""
        return np.hypot(self.sd, np.nan_to_num(self.line_error(records)))

    def usd(self, y: Array) -> Array:
        """Return USD for values on the line's scale, none of them below 0."""
        return np.exp(y) if self.log else np.maximum(y, 0.0)

    def score(self, records: Array, loss_usd: Array) -> Array:
        """Return how many prediction errors a loss lies above the line."""
        y = np.log(loss_usd) if self.log else loss_usd
        return (y - self.line(records)) / self.prediction_error(records)

    def _x(self, records: Array) -> Array:
        return np.log(records) if self.log else records


@cache
def law(model: str) -> Law:
    """Return the law of a model of `MODELS`."""
    value = values(TABLE_NAMES.get(model, model))
    flat_rates = {
        "dbir2015_flat": "flat cost per record",
        "ponemon_flat_2013": "c_2013",
        "ponemon_flat_2014": "c_2014",
    }
    if model in flat_rates:
        return Law(0.0, value[flat_rates[model]])
    if model == "ibm_healthcare_flat_2019":
        return Law(0.0, float(_healthcare_rate()["value"]))
    if model == "jacobs2014_linear_pooled":
        return Law(value["a"], value["b"])
    if model == "dbir2015_loglog":
        return _dbir_law(value)
    if model == "jacobs2014_loglog":
        names = ("a (intercept, full precision)", "b (slope, full precision)")
        return _regression(value, *names, "s (residual standard error)", log=True)
    if model == "iris2020":
        return _iris_law(value)
    if model.startswith("ibm_mega"):
        costs = [value[f"cost at {size} million records"] for size in (1, 50)]
        return _joined(1e6, 5e7, *np.log(costs))
    return _regression(value, "a", "b", "s", log=False)


def n_breaches(model: str) -> int | None:
    """Return the number of breaches behind a model, None where it is not known."""
    if law(model).n > 0:
        return round(law(model).n)
    if model.startswith("ponemon"):
        return n_breaches(model.replace("ponemon_flat", "jacobs2014_linear"))
    if model == "ibm_healthcare_flat_2019":
        return None
    count = re.match(r"\d+ ", str(_source_row(model)["data_basis"]))
    return int(count.group()) if count else None


def source(model: str) -> tuple[str, str]:
    """Return citation and address of a model."""
    if model == "ibm_healthcare_flat_2019":
        row = _healthcare_rate()
        return str(row["source_title"]), str(row["source_url"])
    row = _source_row(model)
    return str(row["citation"]), str(row["doi_or_url"])


@cache
def values(model_id: str) -> dict[str, float]:
    """Return the confirmed values of one published model by parameter."""
    table = _published()
    rows = table[table["model_id"] == model_id]
    return dict(zip(rows["parameter"], rows["value"].astype(float), strict=True))


@cache
def _published() -> pd.DataFrame:
    table = datasets.load("published_models")
    return table[table["check"].isin(["verified", "derived"])]


def _source_row(model: str) -> "pd.Series[str]":
    table = _published()
    return table[table["model_id"] == TABLE_NAMES.get(model, model)].iloc[0]


@cache
def _healthcare_rate() -> "pd.Series[str]":
    table = datasets.load("cost_of_breach_annual")
    rate = (table["scope"] == "healthcare") & (table["metric"] == "per_record")
    confirmed = (table["check"] == "verified") & (table["year"] == 2019)
    return table[rate & confirmed].iloc[0]


def _dbir_law(value: dict[str, float]) -> Law:
    n = value["n_claims"]
    scatter = "recovered from the interval widths, t=1.9726 with 189 df"
    return Law(
        value["a (intercept recovered from the table)"],
        value["b (slope recovered from the table)"],
        log=True,
        sd=value[f"s (residual sd {scatter})"],
        df=n - 2,
        n=n,
        x_mean=value["mean ln records recovered"],
        sxx=value["Sxx recovered"],
    )


def _regression(value: dict[str, float], a: str, b: str, s: str, *, log: bool) -> Law:
    """Return a regression whose standard errors are printed, its design unsaid."""
    sd, df = value[s], value["df"]
    sxx = (sd / value["se_b"]) ** 2
    x_mean = np.sqrt(sxx * ((value["se_a"] / sd) ** 2 - 1 / (df + 2)))
    return Law(value[a], value[b], log, sd, df, df + 2, float(x_mean), sxx)


def _iris_law(value: dict[str, float]) -> Law:
    """Return the line through the medians that two exceedances imply."""
    from scipy.stats import norm

    sd = value["log-normal sigma implied by typical and 90th percentile"]
    shares = [
        value["P(loss > 10 million USD given 1000 records)"],
        value["P(loss >= 10 million USD given 100 million records), lower bound"],
    ]
    medians = np.log(1e7) - sd * norm.isf(shares)
    return _joined(1e3, 1e8, *medians, sd=sd)


def _joined(
    start: float, end: float, low: float, high: float, *, sd: float = np.nan
) -> Law:
    """Return the line of logarithms through two points; normal about it, if at all."""
    slope = (high - low) / np.log(end / start)
    return Law(low - slope * np.log(start), slope, log=True, sd=sd, df=np.inf)
