"""What one breach costs its keeper, by its size: the published models side by side.

They do not agree: at a million records they lie a factor of more than a hundred apart.
Each says which cost it is of and for which sizes, and a flat rate per record is kept
because it is quoted most, not because it fits.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy import datasets
from twinprivacy._types import Array
from twinprivacy._validation import (
    as_positive,
    check_at_least,
    check_choice,
    check_fraction,
)
from twinprivacy.errors import ParameterError

__all__ = [
    "breach_ceiling",
    "cost_models",
    "exceedance_probability",
    "predict_cost",
]


def cost_models() -> pd.DataFrame:
    """List the published models of what one breach costs.

    Returns
    -------
    pandas.DataFrame
        One row per model, columns model, name, form ("log-log", "linear", "flat", "two
        points" or "two exceedances"), covers (which cost), n (breaches behind it, or
        missing), lower_records and upper_records (sizes it holds for, missing where
        the source gives none), citation, url.

    Notes
    -----
    DBIR 2015 holds for the sizes of its printed table. The sample behind Jacobs and
    Ponemon leaves out breaches above about 100,000 records; the smallest in it is not
    in our data, so small sizes are not flagged. The printed errors imply a geometric
    mean of 23,000 records and a standard deviation of a factor of 2: a few hundred
    records lie far outside too. The same limit is taken for the rate in health care.

    References
    ----------
    Verizon (2015), https://www.verizon.com/business/resources/reports/dbir/;
    Jacobs (2014), http://datadrivensecurity.info/blog/posts/2014/Dec/ponemon/.

    Examples
    --------
    >>> cost_models().set_index("model").loc["dbir2015_loglog", "n"]
    np.int64(191)
    """
    rows = [
        (
            model,
            name,
            form,
            scope.covers,
            _n_breaches(model),
            *scope[1:],
            *_source(model),
        )
        for model, (name, form, scope) in MODELS.items()
    ]
    columns = ["model", "name", "form", "covers", "n", "lower_records"]
    columns += ["upper_records", "citation", "url"]
    return pd.DataFrame(rows, columns=columns).astype({"n": "Int64"})


def predict_cost(
    model: str,
    n_records: npt.ArrayLike,
    *,
    confidence_level: float = 0.95,
    interval: str = "prediction",
) -> pd.DataFrame:
    r"""Predict what a breach of a given size costs, as one published model has it.

    With :math:`x` the logarithm of the records and :math:`y` that of the loss in USD
    (log-log), or records and loss themselves (linear), the bounds of a regression on
    :math:`n` breaches are

    .. math:: y = a + b x \pm t_{df} \, s
       \sqrt{k + \frac{1}{n} + \frac{(x - \bar x)^2}{S_{xx}}}

    with :math:`k = 1` for one breach and 0 for the line. Where only standard errors are
    printed, :math:`S_{xx} = (s / s_b)^2` and
    :math:`\bar x^2 = S_{xx} \{(s_a / s)^2 - 1/n\}`.

    Parameters
    ----------
    model : str
        One of the models of `cost_models`.
    n_records : array_like
        Records breached, shape (k,), finite and above 0.
    confidence_level : float
        Strictly between 0 and 1.
    interval : str
        "prediction" for the loss of one breach, "average" for the line itself.

    Returns
    -------
    pandas.DataFrame
        Columns model, n_records, expected_usd, low_usd, high_usd, mean_usd and
        outside_domain. expected_usd is what the sources print as expected: for log-log
        models the median loss. mean_usd is the mean, there
        :math:`\exp(a + b x + s^2 / 2)`. Missing where the source allows none.

    Raises
    ------
    ParameterError
        For an unknown model or interval, a level outside (0, 1), or records that are
        not finite and above 0.

    Notes
    -----
    - Flat rates, the pooled straight line and IBM's figures come without errors, so
      without interval; IRIS 2020 without errors of its line, so without "average".
      Lower bounds of straight lines end at 0.
    - IBM prints two averages; we join them by a straight line of logarithms.
    - IRIS 2020 prints two probabilities of more than 10 million USD. Our reading takes
      the log-normal sigma of all its losses as that of one size, which is rather too
      large, puts the median where each probability holds and joins the two. The larger
      one was printed as a lower bound ("more than half"), so the upper end of the line
      is one too. A mean is left out: that sigma would give all losses a mean several
      times the printed one.

    References
    ----------
    As in `cost_models`.

    Examples
    --------
    >>> cost = predict_cost("dbir2015_loglog", [1e3, 1e6])
    >>> cost[["expected_usd", "low_usd", "high_usd"]].round(-3).astype(int)
       expected_usd  low_usd  high_usd
    0         67000     3000   1462000
    1       1259000    58000  27504000
    """
    from scipy.stats import t

    check_choice(model, name="model", allowed=tuple(MODELS))
    check_choice(interval, name="interval", allowed=("prediction", "average"))
    check_fraction(confidence_level, name="confidence_level")
    records = np.atleast_1d(as_positive(n_records, name="n_records"))
    if records.ndim > 1:
        raise ParameterError(f"n_records must have shape (k,); got {records.shape}")
    model_law, scope = law(model), MODELS[model][2]
    line = model_law.line(records)
    one_breach = interval == "prediction"
    errors = model_law.prediction_error if one_breach else model_law.line_error
    width = t.ppf((1 + confidence_level) / 2, model_law.df) * errors(records)
    expected = model_law.usd(line)
    return pd.DataFrame(
        {
            "model": model,
            "n_records": records,
            "expected_usd": expected,
            "low_usd": model_law.usd(line - width),
            "high_usd": model_law.usd(line + width),
            "mean_usd": expected * _mean_ratio(MODELS[model][1], model_law),
            "outside_domain": (records < scope.lower_records)
            | (records > scope.upper_records),
        }
    )


def exceedance_probability(
    model: str, n_records: npt.ArrayLike, loss_usd: npt.ArrayLike
) -> Array:
    """Return P(loss > loss_usd) for breaches of n_records, as one model has it.

    Student's t law about the line with the errors of `predict_cost`; for IRIS 2020 the
    normal law of the logarithm. Far from the sizes behind a regression its errors grow,
    so a small loss need not become more probable with more records.

    Parameters
    ----------
    model : str
        A model with a law: "dbir2015_loglog", "jacobs2014_loglog",
        "jacobs2014_linear_2013", "jacobs2014_linear_2014" or "iris2020".
    n_records, loss_usd : array_like
        Records, and losses in USD; finite, above 0, of shapes that go together.

    Returns
    -------
    numpy.ndarray
        Probabilities, of the common shape; also outside the model's sizes.

    Raises
    ------
    ParameterError
        For a model that has no law, or values that are not finite and above 0.

    References
    ----------
    Cyentia (2020), https://www.helpnetsecurity.com/2020/03/18/fortune-1000-breach/.

    Examples
    --------
    >>> exceedance_probability("iris2020", [1e3, 1e8], 1e7).round(3)
    array([0.06, 0.5 ])
    """
    from scipy.stats import t

    check_choice(model, name="model", allowed=tuple(MODELS))
    with_law = [name for name in MODELS if law(name).has_errors]
    if model not in with_law:
        raise ParameterError(
            "model must have a law of losses about its line, as have "
            f"{', '.join(map(repr, with_law))}; got {model!r}"
        )
    records = as_positive(n_records, name="n_records")
    losses = as_positive(loss_usd, name="loss_usd")
    return np.asarray(t.sf(law(model).score(records, losses), law(model).df))


def breach_ceiling(year: float) -> float:
    r"""Return the largest breach that could happen in a year, in records.

    :math:`\nu(y) = \nu_{2015} \, 1.5^{(y - 2015) / 5}` with
    :math:`\nu_{2015} = 2 \times 10^8`: a forecast made in 2015 for five years, carried
    on at the same rate. In health care alone, one breach reached 192.7 million people
    in 2024 (table ocr_largest_breaches), when the ceiling for all sectors was at 415
    million.

    Parameters
    ----------
    year : float
        Calendar year, from 2000, where the data behind it start.

    Returns
    -------
    float

    Raises
    ------
    ParameterError
        If `year` is not finite or before 2000.

    References
    ----------
    Wheatley, Maillart and Sornette (2016), doi:10.1140/epjb/e2015-60754-4.

    Examples
    --------
    >>> breach_ceiling(2020)
    300000000.0
    """
    check_at_least(year, 2000, name="year")
    value = values("wheatley2016")
    growth = 1 + value["growth of nu over five years"]
    return float(value["current maximum nu"] * growth ** ((year - 2015) / 5))


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


def _mean_ratio(form: str, model_law: Law) -> float:
    """Return the mean over the expected figure, nan where the source allows none."""
    if form == "log-log":
        return float(np.exp(model_law.sd**2 / 2))
    return 1.0 if form in ("linear", "flat") else np.nan


class _Scope(NamedTuple):
    """Which cost a model is of, and the sizes it holds for; nan where none is given."""

    covers: str
    lower_records: float
    upper_records: float


_INSURED = _Scope("direct losses claimed from insurers", 1e2, 1e8)
# The survey leaves out larger breaches; the tables of facts name no smallest one.
_SURVEY = _Scope("total cost estimated by a survey, US companies", np.nan, 1e5)
_HEALTH = _Scope("total cost estimated by a survey, health care", np.nan, 1e5)
_MEGA = _Scope("total cost estimated by a survey, mega-breaches", 1e6, 5e7)
_PUBLIC = _Scope("publicly recorded losses, all sectors", 1e3, 1e8)

# Name, form and scope of each model.
MODELS: dict[str, tuple[str, str, _Scope]] = {
    "dbir2015_loglog": ("DBIR 2015", "log-log", _INSURED),
    "dbir2015_flat": ("DBIR 2015, flat", "flat", _INSURED),
    "jacobs2014_loglog": ("Jacobs 2014", "log-log", _SURVEY),
    "jacobs2014_linear_pooled": ("Jacobs 2014, linear", "linear", _SURVEY),
    "jacobs2014_linear_2013": ("Jacobs 2014, linear, 2013", "linear", _SURVEY),
    "jacobs2014_linear_2014": ("Jacobs 2014, linear, 2014", "linear", _SURVEY),
    "ponemon_flat_2013": ("Ponemon 2013, flat", "flat", _SURVEY),
    "ponemon_flat_2014": ("Ponemon 2014, flat", "flat", _SURVEY),
    "ibm_healthcare_flat_2019": ("IBM 2019, health care, flat", "flat", _HEALTH),
    "ibm_mega_2018": ("IBM 2018, mega-breach", "two points", _MEGA),
    "ibm_mega_2019": ("IBM 2019, mega-breach", "two points", _MEGA),
    "iris2020": ("IRIS 2020", "two exceedances", _PUBLIC),
}
# Where the table of facts lists a model under another name.
_TABLE_NAMES = {
    "dbir2015_flat": "dbir2015_loglog",
    "ponemon_flat_2013": "ponemon_flat_rate_us",
    "ponemon_flat_2014": "ponemon_flat_rate_us",
}


@cache
def law(model: str) -> Law:
    """Return the law of a model of `MODELS`."""
    value = values(_TABLE_NAMES.get(model, model))
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


def _n_breaches(model: str) -> int | None:
    """Return the number of breaches behind a model, None where it is not known."""
    if law(model).n > 0:
        return round(law(model).n)
    if model.startswith("ponemon"):
        return _n_breaches(model.replace("ponemon_flat", "jacobs2014_linear"))
    if model == "ibm_healthcare_flat_2019":
        return None
    count = re.match(r"\d+ ", str(_source_row(model)["data_basis"]))
    return int(count.group()) if count else None


def _source(model: str) -> tuple[str, str]:
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
    return table[table["model_id"] == _TABLE_NAMES.get(model, model)].iloc[0]


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
