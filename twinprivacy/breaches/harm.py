"""What a breach costs the person, beside what its keeper pays for that person."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy import datasets
from twinprivacy._validation import check_fraction, check_rng
from twinprivacy.errors import ParameterError
from twinprivacy.estimates import bootstrap_interval

__all__ = [
    "break_even_probability",
    "externality",
    "keeper_cost_per_person",
    "person_harm",
]

_VICTIM = "a victim of identity theft"
_MEDICAL = "a victim of medical identity theft"
# Measure: short name, component, whom the value is of.
_MEASURES = {
    "bjs2021_mean": ("identity theft, any kind", "money", _VICTIM),
    "bjs2021_card": ("misuse of a credit card", "money", _VICTIM),
    "bjs2021_bank": ("misuse of a bank account", "money", _VICTIM),
    "bjs2021_newacct": ("new account opened", "money", _VICTIM),
    "ponemon2013_expected": ("medical identity theft", "money", _MEDICAL),
    "ponemon2013_cost": ("medical identity theft, if paid", "money", _MEDICAL),
    "bjs2021_time": ("victims who solved it in a day", "time", _VICTIM),
    "bjs2021_distress": ("victims severely distressed", "distress", _VICTIM),
    "choi2019_ecg": ("longer wait for an ECG", "care", "a patient with chest pain"),
    "choi2019_ami": (
        "more heart-attack deaths, 30 days",
        "care",
        "a patient with a heart attack",
    ),
    "mcglave2023_lo": (
        "inpatient deaths by ransomware, low",
        "care",
        "all Medicare inpatients",
    ),
    "mcglave2023_hi": (
        "inpatient deaths by ransomware, high",
        "care",
        "all Medicare inpatients",
    ),
}
_CONFIRMED = ("verified", "derived")


def person_harm() -> pd.DataFrame:
    """List what is published on the harm to one person, confirmed values only.

    Returns
    -------
    pandas.DataFrame
        Columns measure_id, name, component ("money", "time", "distress" or "care"),
        value, unit, given (whom the value is of), population, year, citation,
        source_url, check ("verified" or "derived"). The sources print no intervals.

    Examples
    --------
    >>> harm = person_harm().set_index("measure_id")
    >>> harm.loc["bjs2021_mean", ["unit", "given"]].tolist()
    ['USD', 'a victim of identity theft']
    """
    facts = datasets.load("individual_harm").set_index("measure_id")
    rows = facts.loc[list(_MEASURES)]
    rows = rows[rows["check"].isin(_CONFIRMED)]
    words = pd.DataFrame(_MEASURES, index=["name", "component", "given"]).T
    kept = ["value", "unit", "population", "year", "citation", "source_url", "check"]
    table = words.join(rows[kept], how="inner")
    order = ["name", "component", "value", "unit", "given", *kept[2:]]
    return table[order].rename_axis("measure_id").reset_index()


def break_even_probability(
    keeper_usd_per_person: npt.ArrayLike, loss_usd: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    r"""Return the chance of misuse at which people lose what their keeper pays.

    :math:`p^* = c / \ell` with :math:`c` paid by the keeper for each person and
    :math:`\ell` lost by a person whose data are misused. If more than this share of the
    people in the breach become victims, they lose more together than the keeper pays.

    Parameters
    ----------
    keeper_usd_per_person : array_like
        0 or more.
    loss_usd : array_like
        Above 0; the two are broadcast.

    Returns
    -------
    numpy.ndarray
        Above 1 where the keeper pays more, whatever happens.

    Raises
    ------
    ParameterError
        For a negative cost, or a loss that is not positive.

    Examples
    --------
    >>> break_even_probability([8.8, 1760.0], 880.0)
    array([0.01, 2.  ])
    """
    keeper = np.asarray(keeper_usd_per_person, dtype=float)
    loss = np.asarray(loss_usd, dtype=float)
    if not (np.isfinite(keeper) & (keeper >= 0)).all():
        raise ParameterError("keeper_usd_per_person must be finite and 0 or more")
    if not (np.isfinite(loss) & (loss > 0)).all():
        raise ParameterError("loss_usd must be finite and above 0")
    return np.asarray(keeper / loss)


def keeper_cost_per_person(
    cases: pd.DataFrame,
    *,
    rng: np.random.Generator,
    n_resamples: int = 2_000,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Estimate the median amount a person, by kind of amount.

    Parameters
    ----------
    cases : pandas.DataFrame
        As from `usable_cases`: amount_usd, individuals_affected, impact_kind.
    rng : numpy.random.Generator
        Source of the resamples; one stream for each kind.
    n_resamples : int
        100 or more.
    confidence_level : float
        Strictly between 0 and 1, of the bootstrap interval of the median.

    Returns
    -------
    pandas.DataFrame
        Columns kind, n, usd_per_person (the median over cases), low, high, and tenth
        and ninetieth percentile of cases.
    """
    check_rng(rng)
    check_fraction(confidence_level, name="confidence_level")
    per_person = cases["amount_usd"] / cases["individuals_affected"].astype(float)
    groups = per_person.groupby(cases["impact_kind"], sort=True)
    rows = []
    for (kind, values), stream in zip(groups, rng.spawn(len(groups)), strict=True):
        median = bootstrap_interval(
            values,
            np.median,
            n_resamples=n_resamples,
            rng=stream,
            confidence_level=confidence_level,
        )
        ends = np.quantile(values, [0.1, 0.9])
        rows.append(
            (kind, median.n, median.value, median.low, median.high, *map(float, ends))
        )
    names = ("kind", "n", "usd_per_person", "low", "high", "tenth", "ninetieth")
    return pd.DataFrame(rows, columns=list(names))


def externality(
    cases: pd.DataFrame, *, rng: np.random.Generator, min_cases: int = 10
) -> pd.DataFrame:
    """Set what keepers paid for each person beside what a victim lost.

    Parameters
    ----------
    cases : pandas.DataFrame
        As for `keeper_cost_per_person`.
    rng : numpy.random.Generator
        Source of the resamples.
    min_cases : int
        Kinds of amount with fewer cases are left out.

    Returns
    -------
    pandas.DataFrame
        Columns side ("keeper" or "person"), name (kind of amount, or of harm), value
        in USD, low, high (95 % interval of the keepers' medians; missing for people,
        where no source prints one), given (whom the value is of), n (cases; missing
        for people), source_url.
    """
    paid = keeper_cost_per_person(cases, rng=rng)
    paid = paid[paid["n"] >= min_cases].sort_values("usd_per_person", ascending=False)
    keeper = pd.DataFrame(
        {
            "side": "keeper",
            "name": paid["kind"],
            "value": paid["usd_per_person"],
            "low": paid["low"],
            "high": paid["high"],
            "given": "a person in a breach that drew the amount",
            "n": paid["n"].astype("Int64"),
            "source_url": "data/health_breach_impacts.csv",
        }
    )
    harm = person_harm().query("component == 'money'").sort_values("value")
    person = harm[["name", "value", "given", "source_url"]].assign(
        side="person", low=np.nan, high=np.nan, n=pd.array([pd.NA] * len(harm), "Int64")
    )
    return pd.concat([person[list(keeper)][::-1], keeper], ignore_index=True)
