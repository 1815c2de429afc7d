"""What a breach costs the person, beside what its keeper pays for that person."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy import datasets
from twinprivacy._types import Array
from twinprivacy._validation import check_fraction, check_rng
from twinprivacy.breaches.annual_loss import exact_annual_loss
from twinprivacy.breaches.programme import Programme, draw_programmes
from twinprivacy.errors import ParameterError
from twinprivacy.estimates.estimate import Estimate, bootstrap_interval

__all__ = [
    "PAYERS",
    "PersonYear",
    "break_even_probability",
    "expected_cost_per_person_year",
    "externality",
    "keeper_cost_per_person",
    "person_harm",
    "published_misuse",
    "published_theft_usd",
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


PAYERS = ("keeper", "person, store", "person, answers")


@dataclass(frozen=True)
class PersonYear:
    """State the programme, and what its answers give away, at one volume.

    Attributes
    ----------
    programme : Programme
        Of one person or more.
    gain : Estimate, optional
        Share of people guessed rightly beyond the baseline, in [-1, 1]; None where the
        twin's answers are not heard.

    Raises
    ------
    ParameterError
        If either is of another type, nobody is on record, or the gain is no difference
        of shares.
    """

    programme: Programme
    gain: Estimate | None = None

    def __post_init__(self) -> None:
        """Refuse a year of nobody."""
        if not isinstance(self.programme, Programme):
            raise ParameterError(
                f"programme must be a Programme; got {type(self.programme).__name__}"
            )
        if self.programme.n_people < 1:
            raise ParameterError(
                f"programme must hold 1 person or more; got {self.programme.n_people}"
            )
        gain = self.gain
        if not isinstance(gain, Estimate | None):
            raise ParameterError(
                f"gain must be an Estimate or None; got {type(gain).__name__}"
            )
        if gain is not None and not -1 <= gain.low <= gain.high <= 1:
            raise ParameterError(
                "gain must be an Estimate whose bounds lie in [-1, 1]; got "
                f"{gain.low!r} to {gain.high!r}"
            )


Range = tuple[float, float]


def expected_cost_per_person_year(
    settings: Mapping[Any, PersonYear],
    *,
    axis: str,
    attempts_per_year: Range,
    guess_usd: Range,
    misuse: Range | None = None,
    theft_usd: Range | None = None,
    rate_law: Any = None,
    n_draws: int = 200,
    rng: np.random.Generator,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Return what a year is expected to cost a person, and the keeper for each person.

    Parameters
    ----------
    settings : mapping
        A `PersonYear` by volume (people, attributes, days or answers), in order.
    axis : str
        What the volumes count.
    attempts_per_year : (float, float)
        Range of attempts a person and year, each to guess another secret of the
        person: who guesses the same one again does no more harm. A stated input: no
        source counts them. Above 0, or 0 to 0.
    guess_usd : (float, float)
        Range of the harm of a secret rightly guessed, in USD. A stated input, above 0,
        or 0 to 0.
    misuse : (float, float), optional
        Range of the probability that a person exposed falls victim for that reason, in
        [0, 1]; by default `published_misuse`.
    theft_usd : (float, float), optional
        Range of a victim's loss in USD, above 0, or 0 to 0; by default
        `published_theft_usd`.
    rate_law : frozen scipy.stats distribution, optional
        Of the breaches a year, as for `draw_programmes`.
    n_draws : int
        Draws of all inputs, 20 or more; the same ones at every volume.
    rng : numpy.random.Generator
        Source of the draws.
    confidence_level : float
        Part of the draws between low and high, strictly between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        One row a volume and payer: axis, volume, volume_label, who (of `PAYERS`),
        value, low, high (USD per person and year), n (draws), confidence_level. The
        value is that of the programme as given, the gain as estimated (0 where it is
        below), and the means of the ranges. Low and high are percentiles over draws of
        the programme's parameters, of a normal gain, and of the ranges: uniform for the
        probability, uniform in the logarithm for the rest, which hence start above 0.

    Raises
    ------
    ParameterError
        For settings, ranges or draws outside their ranges.

    Notes
    -----
    It is per person and year on record: who is kept for fewer years has fewer of them.
    An expectation hides that most people lose nothing and a few a lot. Lost time,
    distress and what a disclosed diagnosis does to a life are not in it. Where the
    range of a stated input is wide, so is the answer: it shows what would have to be
    known, and is no estimate of it.

    Examples
    --------
    >>> from twinprivacy.breaches import CostComponent, ExposedShare
    >>> letters = CostComponent("letters", usd_of_one_person=2.0, elasticity=1.0)
    >>> clinic = Programme(
    ...     "clinic", 1_000, (), 0.1, ExposedShare.fixed(0.5), (letters,))
    >>> costs = expected_cost_per_person_year(
    ...     {1_000: PersonYear(clinic, Estimate(0.2, 0.2, 0.2, 0.95, 100))},
    ...     axis="people", attempts_per_year=(0.01, 0.01), guess_usd=(1_000, 1_000),
    ...     misuse=(0.1, 0.1), theft_usd=(800, 800), rng=np.random.default_rng(7))
    >>> costs["value"].round(6).tolist()  # 0.1 x 0.5 x 2; 0.1 x 0.5 x 0.1 x 800; ...
    [0.1, 4.0, 2.0]
    """
    check_rng(rng)
    check_fraction(confidence_level, name="confidence_level")
    _check_settings(settings, n_draws)
    ranges = checked_ranges(
        misuse=published_misuse() if misuse is None else misuse,
        theft_usd=published_theft_usd() if theft_usd is None else theft_usd,
        attempts_per_year=attempts_per_year,
        guess_usd=guess_usd,
    )
    programme_rng, gain_rng, *range_rngs = rng.spawn(2 + len(ranges))
    middle = {name: mean_of(given, name) for name, given in ranges.items()}
    drawn = {
        name: draw_range(given, n_draws, child, name)
        for (name, given), child in zip(ranges.items(), range_rngs, strict=True)
    }
    luck = gain_rng.standard_normal(n_draws)
    rows = []
    for volume, setting in settings.items():
        one, stream = setting.programme, copy.deepcopy(programme_rng)
        programmes = draw_programmes(one, n_draws, rng=stream, rate_law=rate_law)
        value = _costs([one], _gain(setting.gain, None), middle)
        spread = _costs(programmes, _gain(setting.gain, luck), drawn)
        rows += _rows(axis, volume, value, spread, confidence_level)
    return pd.DataFrame(rows)


def published_misuse() -> Range:
    """Return the range of the probability that who is exposed falls victim for it.

    From 0, since most large breaches left no clear sign of fraud (GAO 2007), to the
    share of those told of a breach who were victims within the year beyond that of all
    adults (Javelin 2013): an association, of all kinds of breaches.

    Examples
    --------
    >>> low, high = published_misuse()
    >>> low, round(high, 3)
    (0.0, 0.197)
    """
    facts = datasets.load("individual_harm").set_index("measure_id")["value"]
    told, everyone = facts["javelin2013_notified"], facts["javelin2013_all"]
    return 0.0, float(told - everyone)


def published_theft_usd() -> Range:
    """Return the range of a victim's mean loss, of any identity theft and of medical.

    Examples
    --------
    >>> published_theft_usd()
    (880.0, 6717.6)
    """
    harm = person_harm().set_index("measure_id")["value"]
    return float(harm["bjs2021_mean"]), float(harm["ponemon2013_expected"])


def _costs(
    programmes: list[Programme], gain: Any, inputs: Mapping[str, Any]
) -> dict[str, Array]:
    """Return the three costs for each draw."""
    keeper = [exact_annual_loss(one).mean_usd / one.n_people for one in programmes]
    exposed = np.array(
        [one.breaches_per_year * one.share_exposed.mean() for one in programmes]
    )
    store = exposed * inputs["misuse"] * inputs["theft_usd"]
    answers = np.asarray(inputs["attempts_per_year"] * gain * inputs["guess_usd"])
    costs = (np.array(keeper), store, np.broadcast_to(answers, store.shape))
    return dict(zip(PAYERS, costs, strict=True))


def _gain(gain: Estimate | None, luck: Array | None) -> Any:
    if gain is None:
        return 0.0
    if luck is None:
        return max(gain.value, 0.0)
    from scipy.stats import norm

    width = 2 * float(norm.ppf((1 + gain.confidence_level) / 2))
    return np.clip(gain.value + luck * (gain.high - gain.low) / width, 0.0, 1.0)


def _rows(
    axis: str,
    volume: Any,
    value: Mapping[str, Array],
    spread: Mapping[str, Array],
    level: float,
) -> list[dict[str, Any]]:
    tail = (1 - level) / 2
    label = f"{volume:,}" if isinstance(volume, int | np.integer) else str(volume)
    rows = []
    for who in PAYERS:
        low, high = np.quantile(spread[who], [tail, 1 - tail])
        one = float(value[who][0])
        # A mean may lie beyond the percentiles of something skewed.
        ends = min(float(low), one), max(float(high), one)
        found = Estimate(one, *ends, level, len(spread[who])).as_dict()
        head = {"axis": axis, "volume": volume, "volume_label": label, "who": who}
        rows.append(head | found)
    return rows


def _check_settings(settings: Mapping[Any, PersonYear], n_draws: int) -> None:
    if not settings:
        raise ParameterError("settings must hold at least one volume; got none")
    for setting in settings.values():
        if not isinstance(setting, PersonYear):
            raise ParameterError(
                f"settings must be of PersonYear; got {type(setting).__name__}"
            )
    if not isinstance(n_draws, int | np.integer) or n_draws < 20:
        raise ParameterError(
            f"n_draws must be a whole number of 20 or more; got {n_draws!r}"
        )


# Ranges of probabilities may start at 0, where there is no logarithm.
_UNIFORM = ("misuse",)


def checked_ranges(**ranges: Any) -> dict[str, Range]:
    """Return the ranges as pairs of floats."""
    found = {}
    for name, given in ranges.items():
        try:
            ends = np.asarray(given, dtype=float)
        except (TypeError, ValueError):
            ends = np.empty(0)
        most, allowed = (
            (1, "in [0, 1]") if name in _UNIFORM else (np.inf, "of 0 or more")
        )
        valid = ends.shape == (2,) and np.isfinite(ends).all()
        if not (valid and 0 <= ends[0] <= ends[1] <= most):
            raise ParameterError(
                f"{name} must be two finite numbers {allowed}, ascending; got {given!r}"
            )
        if name not in _UNIFORM and ends[0] == 0 < ends[1]:
            raise ParameterError(
                f"{name} must start above 0, since it is drawn uniformly in its "
                f"logarithm, or be 0 throughout; got {given!r}"
            )
        found[name] = (float(ends[0]), float(ends[1]))
    return found


def draw_range(given: Range, n: int, rng: np.random.Generator, name: str) -> Array:
    """Draw n times from the law of the range."""
    low, high = given
    if name in _UNIFORM or low == high:
        return rng.uniform(low, high, n)
    return np.asarray(np.exp(rng.uniform(np.log(low), np.log(high), n)))


def mean_of(given: Range, name: str) -> float:
    """Return the mean of the law that is drawn from."""
    low, high = given
    if name in _UNIFORM or low == high:
        return (low + high) / 2
    return float((high - low) / np.log(high / low))
