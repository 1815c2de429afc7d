"""Twins as fingerprints: whose glucose is this? Two stretches of a person's record."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd

from twinprivacy._validation import check_at_least, check_choice, check_rng, check_whole
from twinprivacy.attacks.linkage.result import LinkageResult
from twinprivacy.attacks.linkage.scored import link_by_likelihood
from twinprivacy.errors import ParameterError
from twinprivacy.twins.glucose.days import Days, prescribe, simulate_days
from twinprivacy.twins.glucose.features import trace_features
from twinprivacy.twins.glucose.fit import GlucosePrior, fit_patients, glucose_prior
from twinprivacy.twins.glucose.inputs import PARAMETERS
from twinprivacy.twins.glucose.model import drift, sample_patients
from twinprivacy.twins.glucose.plan import Habits

__all__ = [
    "EVIDENCE",
    "FingerprintSettings",
    "Fingerprints",
    "link_fingerprints",
    "simulate_each",
]

EVIDENCE = ("trace", "twin", "both")

T = TypeVar("T")

_MINUTES_PER_DAY = 1_440
_READINGS_PER_DAY = 288
# People like them, of whom the twins' prior is made.
_N_PRIOR = 1_000
_STEP_MINUTES = 5
# What each generator is for: the same draws whatever else is simulated.
_PEOPLE, _PLAN, _PRIOR, _NAMED, _NAMELESS, _DRIFT, _DIARY = range(7)


@dataclass(frozen=True)
class FingerprintSettings:
    """State how two stretches of a person's life differ, and what is read from them.

    Attributes
    ----------
    days : int
        Days of record in each stretch, 1 or more.
    drift_sd : float
        How far the body's parameters move between the stretches, as a share of their SD
        between people (`twins.glucose.drift`); 0 or more.
    habits : Habits
        How people live; with what a diary gets wrong, and change from day to day.
    sensor : bool
        Whether readings have a sensor's errors; each stretch has sensors of its own.
    forgotten : float
        Share of the entries that the diary lacks although their insulin was given, in
        [0, 1). Features of the trace need no diary.
    fixed : tuple of str
        Parameters that the twin holds at the prior's mean.
    twins : bool
        Whether twins are fitted at all, which takes one core about 50 ms for two weeks.
    """

    days: int = 14
    drift_sd: float = 0.2
    habits: Habits = field(default_factory=Habits)
    sensor: bool = True
    forgotten: float = 0.0
    fixed: tuple[str, ...] = ()
    twins: bool = True

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        object.__setattr__(self, "fixed", tuple(self.fixed))
        check_whole(self.days, name="days")
        check_at_least(self.drift_sd, 0, name="drift_sd")
        if not 0 <= self.forgotten < 1:
            raise ParameterError(
                f"forgotten must lie in [0, 1); got {self.forgotten!r}"
            )
        for name in self.fixed:
            check_choice(name, name="fixed", allowed=PARAMETERS)


@dataclass(frozen=True, eq=False, repr=False)
class Fingerprints:
    """Hold what two stretches of everyone's record look like.

    Attributes
    ----------
    named_trace, nameless_trace : pandas.DataFrame
        As of `trace_features`, one row a person, the same people in both.
    named_twin, nameless_twin : pandas.DataFrame or None
        The 18 fitted parameters on the free scale; None where no twin was fitted. They
        are the most probable values, so drawn towards the average person as far as the
        record says little. Weighting each by its own posterior covariance as well was
        tried and did not link better.
    """

    named_trace: pd.DataFrame
    nameless_trace: pd.DataFrame
    named_twin: pd.DataFrame | None = None
    nameless_twin: pd.DataFrame | None = None

    def records(self, evidence: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the named and nameless records of one kind of evidence.

        Parameters
        ----------
        evidence : {"trace", "twin", "both"}
            Features of the trace, parameters of the twin, or both side by side.

        Returns
        -------
        named, nameless : pandas.DataFrame

        Raises
        ------
        ParameterError
            If the evidence is unknown or needs twins that were not fitted.
        """
        check_choice(evidence, name="evidence", allowed=EVIDENCE)
        if evidence == "trace":
            return self.named_trace, self.nameless_trace
        if self.named_twin is None or self.nameless_twin is None:
            raise ParameterError(f"evidence {evidence!r} needs twins; none were fitted")
        if evidence == "twin":
            return self.named_twin, self.nameless_twin
        return (
            self.named_trace.join(self.named_twin),
            self.nameless_trace.join(self.nameless_twin),
        )


def link_fingerprints(
    prints: Fingerprints, *, evidence: str = "both", rng: np.random.Generator
) -> LinkageResult:
    """Assign every nameless stretch to its likeliest owner.

    The attacker learns from other people how stretches differ within and between
    people, and goes by likelihood ratios (`link_by_likelihood`): everyone is sought
    among half of the people.

    Parameters
    ----------
    prints : Fingerprints
        Of 20 people or more.
    evidence : {"trace", "twin", "both"}
        What is compared.
    rng : numpy.random.Generator
        Cuts the people in two.

    Returns
    -------
    LinkageResult

    Raises
    ------
    FitError
        If there are fewer than 20 people.
    ParameterError
        If the evidence is unknown or needs twins, or `rng` is no generator.

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> settings = FingerprintSettings(days=1, twins=False)
    >>> prints = simulate_each(20, {"": settings}, rng=rng)[""]
    >>> link_fingerprints(prints, evidence="trace", rng=rng).n_candidates
    10
    """
    return link_by_likelihood(*prints.records(evidence), rng=rng)


def simulate_each(
    n_people: int,
    settings: Mapping[Any, FingerprintSettings],
    *,
    rng: np.random.Generator,
    n_jobs: int | None = None,
) -> dict[Any, Fingerprints]:
    """Simulate the same people under several settings.

    All settings share their draws, and what several need is simulated and fitted once:
    a shorter record is the start of a longer one, and named stretches do not drift.

    Parameters
    ----------
    n_people : int
        1 or more.
    settings : mapping
        Settings by any label.
    rng : numpy.random.Generator
    n_jobs : int, optional
        Threads; without it one a core. The answer does not depend on it.

    Returns
    -------
    dict
        Fingerprints by the same labels.

    Raises
    ------
    ParameterError
        If there is nobody, no settings, or `rng` is no generator.

    Examples
    --------
    >>> by_days = {k: FingerprintSettings(days=k, twins=False) for k in (1, 2)}
    >>> prints = simulate_each(2, by_days, rng=np.random.default_rng(7))
    >>> list(prints)
    [1, 2]
    """
    check_rng(rng)
    check_whole(n_people, name="n_people")
    if not settings:
        raise ParameterError("settings must hold at least one")
    longest = max(own.days for own in settings.values())
    records = _Records(n_people, longest, int(rng.integers(2**63)), n_jobs)
    prints = {}
    for label, own in settings.items():
        named, named_twin = records.of(own, _NAMED)
        nameless, nameless_twin = records.of(own, _NAMELESS)
        prints[label] = Fingerprints(named, nameless, named_twin, nameless_twin)
    return prints


class _Stretch(NamedTuple):
    """Say what makes the days of one stretch."""

    habits: Habits
    sensor: bool
    purpose: int
    drift_sd: float


@dataclass(frozen=True)
class _Records:
    """Simulate what is asked for, each once, from one seed.

    Settings that differ in one thing share the draws of all others, so that their rates
    differ by that thing only.
    """

    n_people: int
    days: int
    seed: int
    n_jobs: int | None
    made: dict[Hashable, Any] = field(default_factory=dict)

    def of(
        self, settings: FingerprintSettings, purpose: int
    ) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """Return the features and, where asked for, the twins of one stretch."""
        drift_sd = settings.drift_sd if purpose == _NAMELESS else 0.0
        stretch = _Stretch(settings.habits, settings.sensor, purpose, drift_sd)
        trace = self._once(
            ("trace", settings.days, stretch),
            lambda: self._trace(stretch, settings.days),
        )
        if not settings.twins:
            return trace, None
        diary = (settings.days, settings.forgotten, settings.fixed)
        return trace, self._once(
            ("twin", *diary, stretch), lambda: self._twins(stretch, *diary)
        )

    def _once(self, key: Hashable, make: Callable[[], T]) -> T:
        if key not in self.made:
            self.made[key] = make()
        made: T = self.made[key]
        return made

    def _rng(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, purpose])

    def _plan(self, habits: Habits) -> pd.DataFrame:
        people = sample_patients(self.n_people, rng=self._rng(_PEOPLE))
        return prescribe(people, rng=self._rng(_PLAN), habits=habits)

    def _prior(self, habits: Habits) -> GlucosePrior:
        rng = self._rng(_PRIOR)
        # Doses are not part of a prior, so nobody here needs to be titrated.
        others = sample_patients(_N_PRIOR, rng=rng)
        return glucose_prior(prescribe(others, rng=rng, habits=habits, n_visits=0))

    def _days(self, stretch: _Stretch) -> Days:
        return self._once(("days", stretch), lambda: self._simulate(stretch))

    def _simulate(self, stretch: _Stretch) -> Days:
        habits = stretch.habits
        people = self._once(("plan", habits), lambda: self._plan(habits))
        if stretch.drift_sd > 0:
            people = drift(people, sd=stretch.drift_sd, rng=self._rng(_DRIFT))
        return simulate_days(
            people,
            days=self.days,
            rng=self._rng(stretch.purpose),
            habits=habits,
            sensor=stretch.sensor,
            n_jobs=self.n_jobs,
        )

    def _trace(self, stretch: _Stretch, days: int) -> pd.DataFrame:
        lived = self._days(stretch)
        cgm = lived.cgm_mg_dl[:, : days * _READINGS_PER_DAY]
        return trace_features(cgm, patients=lived.patients["patient"].to_numpy())

    def _twins(
        self, stretch: _Stretch, days: int, forgotten: float, fixed: tuple[str, ...]
    ) -> pd.DataFrame:
        lived, habits = self._days(stretch), stretch.habits
        end = days * _MINUTES_PER_DAY
        diary = lived.diary
        # The same meals are forgotten at a higher share, and more.
        seeds = [self.seed, _DIARY, stretch.purpose]
        lot = np.random.default_rng(seeds).random(len(diary))
        fits = fit_patients(
            lived.patients,
            lived.cgm_mg_dl[:, : days * _READINGS_PER_DAY],
            diary[(diary["minute"] < end) & (lot >= forgotten)],
            lived.insulin[lived.insulin["minute"] < end],
            prior=self._once(("prior", habits), lambda: self._prior(habits)),
            fixed=fixed,
            step_minutes=_STEP_MINUTES,
            n_jobs=self.n_jobs,
        )
        names = pd.Index(lived.patients["patient"], name="patient")
        free = np.array([fit.free for fit in fits])
        return pd.DataFrame(free, index=names, columns=list(PARAMETERS))
