"""Twins as fingerprints: whose glucose is this? Two stretches of a person's record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._validation import check_choice, check_rng
from twinprivacy.attacks import _fingerprint_lives as lives
from twinprivacy.attacks.linkage_result import LinkageResult
from twinprivacy.attacks.scored_linkage import link_by_likelihood
from twinprivacy.errors import ParameterError
from twinprivacy.twins.glucose import PARAMETERS
from twinprivacy.twins.glucose_days import Habits

__all__ = [
    "EVIDENCE",
    "FingerprintSettings",
    "Fingerprints",
    "link_fingerprints",
    "simulate_each",
    "simulate_fingerprints",
]

EVIDENCE = ("trace", "twin", "both")


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
        if not self.days >= 1:
            raise ParameterError(f"days must be 1 or more; got {self.days!r}")
        if not (np.isfinite(self.drift_sd) and self.drift_sd >= 0):
            raise ParameterError(
                f"drift_sd must be finite, 0 or more; got {self.drift_sd!r}"
            )
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

    def __repr__(self) -> str:
        """Show how many people, and nobody."""
        return (
            f"Fingerprints(n_people={len(self.named_trace)}, "
            f"twins={self.named_twin is not None})"
        )


def simulate_fingerprints(
    n_people: int,
    settings: FingerprintSettings | None = None,
    *,
    rng: np.random.Generator,
    n_jobs: int | None = None,
) -> Fingerprints:
    """Simulate two stretches of the lives of people with type-1 diabetes and read them.

    Parameters
    ----------
    n_people : int
        1 or more; linking them takes 20.
    settings : FingerprintSettings, optional
        By default two weeks each, with a drift of 0.2 SD between them.
    rng : numpy.random.Generator
    n_jobs : int, optional
        Threads; without it one a core. The answer does not depend on it.

    Returns
    -------
    Fingerprints

    Raises
    ------
    ParameterError
        If there is nobody, or `rng` is no generator.

    Examples
    --------
    >>> settings = FingerprintSettings(days=1, twins=False)
    >>> prints = simulate_fingerprints(2, settings, rng=np.random.default_rng(7))
    >>> prints.named_trace.shape
    (2, 33)
    """
    settings = settings or FingerprintSettings()
    return simulate_each(n_people, {"": settings}, rng=rng, n_jobs=n_jobs)[""]


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
    >>> prints = simulate_fingerprints(20, settings, rng=rng)
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
    if n_people < 1:
        raise ParameterError(f"n_people must be 1 or more; got {n_people!r}")
    if not settings:
        raise ParameterError("settings must hold at least one")
    longest = max(own.days for own in settings.values())
    world = lives.Lives(n_people, longest, int(rng.integers(2**63)), n_jobs)
    prints = {}
    for label, own in settings.items():
        named, named_twin = world.records(own, lives.NAMED)
        nameless, nameless_twin = world.records(own, lives.NAMELESS)
        prints[label] = Fingerprints(named, nameless, named_twin, nameless_twin)
    return prints
