r"""What a year in a twin programme is expected to cost, for each person in it.

Three costs, of which only the first is the keeper's:

.. math:: c_{\text{keeper}} = \frac{E S}{n}, \qquad
   c_{\text{store}} = \lambda\, E[f]\; m\, \ell, \qquad
   c_{\text{answers}} = a\, g\, h

with the annual loss S of a programme of n people, :math:`\lambda` breaches a year that
expose a share f, the probability m that who is exposed falls victim, and the
victim's loss :math:`\ell`; a attempts a year, each to guess another secret of a person
from the twin's answers, the gain g of an attempt over the same guess without the twin,
and the harm h of a secret guessed.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy import datasets
from twinprivacy._types import Array
from twinprivacy._validation import check_fraction, check_rng
from twinprivacy.breaches._stated_ranges import (
    Range,
    checked_ranges,
    draw_range,
    mean_of,
)
from twinprivacy.breaches.annual_loss import exact_annual_loss
from twinprivacy.breaches.harm import person_harm
from twinprivacy.breaches.programme import Programme, draw_programmes
from twinprivacy.errors import ParameterError
from twinprivacy.estimates import Estimate

__all__ = [
    "PAYERS",
    "PersonYear",
    "expected_cost_per_person_year",
    "published_misuse",
    "published_theft_usd",
]

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
    >>> from twinprivacy.breaches.programme import CostComponent, ExposedShare
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
