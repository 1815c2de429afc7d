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
from twinprivacy._validation import (
    as_numbers,
    as_positive,
    check_fraction,
    check_rng,
    check_whole,
)
from twinprivacy.breaches.annual_loss import exact_annual_loss
from twinprivacy.breaches.programme import Programme, draw_programmes
from twinprivacy.breaches.size import z_score
from twinprivacy.errors import ParameterError
from twinprivacy.estimates.estimate import Estimate, bootstrap_interval

__all__ = [
    "PAYERS",
    "PersonYear",
    "break_even_probability",
    "expected_cost_per_person_year",
    "externality",
    "person_harm",
    "published_misuse",
    "published_theft_usd",
]


PAYERS = ("keeper", "person, store", "person, answers")
Range = tuple[float, float]
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
) -> Array:
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
    keeper = as_numbers(keeper_usd_per_person, name="keeper_usd_per_person")
    if (keeper < 0).any():
        raise ParameterError("keeper_usd_per_person must be 0 or more")
    return np.asarray(keeper / as_positive(loss_usd, name="loss_usd"))


def externality(
    cases: pd.DataFrame, *, rng: np.random.Generator, min_cases: int = 10
) -> pd.DataFrame:
    """Set what keepers paid for each person beside what a victim lost.

    Parameters
    ----------
    cases : pandas.DataFrame
        As from `usable_cases`: amount_usd, individuals_affected, impact_kind.
    rng : numpy.random.Generator
        Source of the resamples; one stream for each kind.
    min_cases : int
        Kinds of amount with fewer cases are left out.

    Returns
    -------
    pandas.DataFrame
        Columns side ("keeper" or "person"), name (kind of amount, or of harm), value
        in USD (keepers: median over cases), low, high (its 95 % bootstrap interval;
        missing for people, where no source prints one), given (whom the value is of),
        n (cases; missing for people), source_url.
    """
    check_rng(rng)
    per_person = cases["amount_usd"] / cases["individuals_affected"].astype(float)
    groups = per_person.groupby(cases["impact_kind"], sort=True)
    medians = {
        kind: bootstrap_interval(values, np.median, n_resamples=2_000, rng=stream)
        for (kind, values), stream in zip(groups, rng.spawn(len(groups)), strict=True)
    }
    paid = [
        {
            "side": "keeper",
            "name": kind,
            "value": median.value,
            "low": median.low,
            "high": median.high,
            "given": "a person in a breach that drew the amount",
            "n": median.n,
            "source_url": "data/health_breach_impacts.csv",
        }
        for kind, median in medians.items()
        if median.n >= min_cases
    ]
    keeper = pd.DataFrame(paid).astype({"n": "Int64"})
    keeper = keeper.sort_values("value", ascending=False)
    harm = person_harm().query("component == 'money'").sort_values("value")
    person = harm[["name", "value", "given", "source_url"]].assign(
        side="person", low=np.nan, high=np.nan, n=pd.array([pd.NA] * len(harm), "Int64")
    )
    return pd.concat([person[list(keeper)][::-1], keeper], ignore_index=True)


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
        If nobody is on record, or the gain is no difference of shares.
    """

    programme: Programme
    gain: Estimate | None = None

    def __post_init__(self) -> None:
        """Refuse a year of nobody."""
        if self.programme.n_people < 1:
            raise ParameterError(
                f"programme must hold 1 person or more; got {self.programme.n_people}"
            )
        gain = self.gain
        if gain is not None and not -1 <= gain.low <= gain.high <= 1:
            raise ParameterError(
                "gain must be an Estimate whose bounds lie in [-1, 1]; got "
                f"{gain.low!r} to {gain.high!r}"
            )


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
    check_whole(n_draws, name="n_draws", least=20)
    if not settings:
        raise ParameterError("settings must hold at least one volume; got none")
    misuse = published_misuse() if misuse is None else misuse
    theft_usd = published_theft_usd() if theft_usd is None else theft_usd
    ranges = {
        "misuse": _read_range(misuse, name="misuse", share=True),
        "theft_usd": _read_range(theft_usd, name="theft_usd"),
        "attempts_per_year": _read_range(attempts_per_year, name="attempts_per_year"),
        "guess_usd": _read_range(guess_usd, name="guess_usd"),
    }
    programme_rng, gain_rng, *range_rngs = rng.spawn(2 + len(ranges))
    middle = {name: law.mean() for name, law in ranges.items()}
    drawn = {
        name: law.draw(n_draws, child)
        for (name, law), child in zip(ranges.items(), range_rngs, strict=True)
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
    width = 2 * z_score(gain.confidence_level)
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


@dataclass(frozen=True)
class _RangeLaw:
    """Uniform between two ends, or uniform in the logarithm."""

    low: float
    high: float
    log: bool

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        if not self.log:
            return rng.uniform(self.low, self.high, n)
        return np.exp(rng.uniform(np.log(self.low), np.log(self.high), n))

    def mean(self) -> float:
        if not self.log:
            return (self.low + self.high) / 2
        return float((self.high - self.low) / np.log(self.high / self.low))


def _read_range(given: Range, *, name: str, share: bool = False) -> _RangeLaw:
    """Return the law of a range; that of a share is uniform and may start at 0."""
    ends = as_numbers(given, name=name)
    most = 1 if share else np.inf
    if ends.shape != (2,) or not 0 <= ends[0] <= ends[1] <= most:
        raise ParameterError(
            f"{name} must be two numbers {'in [0, 1]' if share else 'of 0 or more'}, "
            f"ascending; got {given!r}"
        )
    low, high = map(float, ends)
    if not share and low == 0 < high:
        raise ParameterError(
            f"{name} must start above 0, since it is drawn uniformly in its "
            f"logarithm, or be 0 throughout; got {given!r}"
        )
    return _RangeLaw(low, high, log=not share and low < high)
