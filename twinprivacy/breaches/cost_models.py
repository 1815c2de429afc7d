"""What one breach costs its keeper, by its size: the published models side by side.

They do not agree: at a million records they lie a factor of more than a hundred apart.
Each says which cost it is of and for which sizes, and a flat rate per record is kept
because it is quoted most, not because it fits.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_choice, check_fraction
from twinprivacy.breaches._cost_laws import (
    MODELS,
    Law,
    law,
    n_breaches,
    source,
    values,
)
from twinprivacy.errors import ParameterError

__all__ = ["breach_ceiling", "cost_models", "exceedance_probability", "predict_cost"]


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
        (model, name, form, scope.covers, n_breaches(model), *scope[1:], *source(model))
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
    records = np.atleast_1d(_as_positive(n_records, name="n_records"))
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
    records = _as_positive(n_records, name="n_records")
    losses = _as_positive(loss_usd, name="loss_usd")
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
    if not (np.isfinite(year) and year >= 2000):
        raise ParameterError(f"year must be finite and at least 2000; got {year!r}")
    value = values("wheatley2016")
    growth = 1 + value["growth of nu over five years"]
    return float(value["current maximum nu"] * growth ** ((year - 2015) / 5))


def _mean_ratio(form: str, model_law: Law) -> float:
    """Return the mean over the expected figure, nan where the source allows none."""
    if form == "log-log":
        return float(np.exp(model_law.sd**2 / 2))
    return 1.0 if form in ("linear", "flat") else np.nan


def _as_positive(numbers: npt.ArrayLike, *, name: str) -> Array:
    """Return floats, all finite and above 0, or raise."""
    found = np.asarray(numbers, dtype=float)
    bad = ~(np.isfinite(found) & (found > 0))
    if bad.any():
        raise ParameterError(
            f"{name} must be finite and above 0; got {found[bad].flat[0]:g} "
            f"({bad.sum()} of {found.size})"
        )
    return found
