"""Numbers as readers see them: three digits, thousands separators, units.

Every number in prose passes through here, so that none is typed. A no-break space
joins a number to its unit, and no reader meets an exponent.
"""

import math
from collections.abc import Callable
from decimal import Decimal

from twinprivacy.errors import ParameterError
from twinprivacy.estimates.estimate import Estimate

__all__ = [
    "format_count",
    "format_estimate",
    "format_number",
    "format_p_value",
    "format_people",
    "format_percent",
    "format_usd",
    "format_years",
]


NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
_MISSING = "not available"
_SCALES = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"))


def format_count(count: float) -> str:
    """Write a whole number with thousands separators.

    Parameters
    ----------
    count : int or float
        A number of things, rounded to the nearest whole; nan is "not available".

    Examples
    --------
    >>> format_count(1234567)
    '1,234,567'
    """
    return _special(count) or f"{round(count):,}"


def format_number(x: float, digits: int = 3) -> str:
    """Write a number with significant digits and thousands separators.

    Parameters
    ----------
    x : float
        Any number; infinities and nan are written as words.
    digits : int
        Significant digits, 1 or more.

    Raises
    ------
    ParameterError
        If `digits` is below 1.

    Examples
    --------
    >>> format_number(1927.4), format_number(0.012345), format_number(2)
    ('1,930', '0.0123', '2')
    """
    if digits < 1:
        raise ParameterError(f"digits must be 1 or more; got {digits!r}")
    if special := _special(x):
        return special
    # Decimal reads the rounded digits without drifting to an exponent.
    text = f"{Decimal(f'{x or 0.0:.{digits - 1}e}'):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def format_people(n_people: float) -> str:
    r"""Write a number of people in words from a million on.

    Examples
    --------
    >>> format_people(1.927e8)
    '193\xa0million'
    >>> format_people(36_712.4)
    '36,700'
    """
    return _in_words(n_people)


def format_percent(fraction: float, digits: int = 3) -> str:
    r"""Write a fraction of one as a percentage.

    Examples
    --------
    >>> format_percent(0.6524)
    '65.2\xa0%'
    """
    if special := _special(fraction):
        return special
    return f"{format_number(100 * fraction, digits)}{NO_BREAK_SPACE}%"


def format_usd(amount_usd: float) -> str:
    r"""Write an amount of US dollars, in words from a million on.

    Examples
    --------
    >>> format_usd(4.2e6)
    'USD\xa04.2\xa0million'
    """
    if special := _special(amount_usd):
        return special
    return f"USD{NO_BREAK_SPACE}{_in_words(amount_usd)}"


def format_years(years: float, digits: int = 3) -> str:
    r"""Write a length of time in years; under a year, in months or days.

    Examples
    --------
    >>> format_years(4.2), format_years(0.25), format_years(0.02)
    ('4.2\xa0years', '3\xa0months', '7.3\xa0days')
    """
    if special := _special(years):
        return special
    # 0.9996 years is one year, not 12 months.
    for unit, per_year in (("year", 1), ("month", 12), ("day", 365.25)):
        amount = format_number(years * per_year, digits)
        if abs(years * per_year) >= 0.9995 or unit == "day":
            break
    plural = "" if amount == "1" else "s"
    return f"{amount}{NO_BREAK_SPACE}{unit}{plural}"


def format_p_value(p_value: float) -> str:
    """Write a p-value; below 0.001 it says so and no more.

    Examples
    --------
    >>> format_p_value(0.0312), format_p_value(3e-14)
    ('0.031', 'below 0.001')
    """
    if special := _special(p_value):
        return special
    return "below 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def format_estimate(
    estimate: Estimate,
    formatter: Callable[[float], str] = format_number,
    *,
    level: bool = True,
) -> str:
    r"""Write an estimate and its interval.

    Parameters
    ----------
    estimate : Estimate
        The value and its bounds.
    formatter : callable
        Writes each of the three numbers.
    level : bool
        Name the confidence level; without it the text around must.

    Examples
    --------
    >>> estimate = Estimate(3.2, 2.4, 4.6, confidence_level=0.95, n=15)
    >>> format_estimate(estimate), format_estimate(estimate, level=False)
    ('3.2 (95\xa0% interval 2.4 to 4.6)', '3.2 (2.4 to 4.6)')
    """
    value = formatter(estimate.value)
    if math.isnan(estimate.low):
        return f"{value} (no interval)"
    low, high = formatter(estimate.low), formatter(estimate.high)
    named = f"{format_percent(estimate.confidence_level)} interval " if level else ""
    return f"{value} ({named}{low} to {high})"


def _in_words(x: float) -> str:
    """Write a number with million, billion or trillion where it reaches one."""
    if special := _special(x):
        return special
    rounded = float(f"{x:.2e}")
    for scale, word in _SCALES:
        if abs(rounded) >= scale:
            return f"{format_number(rounded / scale)}{NO_BREAK_SPACE}{word}"
    return format_number(x)


def _special(x: float) -> str:
    """Name what is not a finite number; empty for one that is."""
    if math.isnan(x):
        return _MISSING
    if math.isinf(x):
        return "unlimited" if x > 0 else "minus unlimited"
    return ""
