"""Defences of glucose twins: what is left of their use, and of their owner's name.

Everyone has two stretches of record. One bears the name and is known to the attacker.
The other is the keeper's, without a name and with a defence: twins are fitted to it,
people are advised by them, and what leaks of it is linked with the named stretches.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_rng
from twinprivacy.attacks.linkage.scored import link_by_likelihood
from twinprivacy.attacks.traces.fingerprints import Fingerprints
from twinprivacy.defences.declared import check_whole_number
from twinprivacy.defences.glucose_release import GlucoseRelease, read_parameters
from twinprivacy.errors import ParameterError
from twinprivacy.studies.frontier import measure_frontier
from twinprivacy.twins.glucose.advice import MEASURES, advice_time_in_range, advise
from twinprivacy.twins.glucose.days import Days, Habits, prescribe, simulate_days
from twinprivacy.twins.glucose.features import trace_features
from twinprivacy.twins.glucose.fit import GlucosePrior, fit_patients, glucose_prior
from twinprivacy.twins.glucose.inputs import PARAMETERS
from twinprivacy.twins.glucose.model import drift, sample_patients

__all__ = [
    "GlucoseStore",
    "glucose_frontier",
    "simulate_glucose_store",
]


LEAST_PEOPLE = 20
N_PRIOR = 1_000
# Visits at which doses are titrated before the record begins.
N_VISITS = 4
N_CUTS = 5
STEP_MINUTES = 5
DRIFT_SD = 0.2


@dataclass(frozen=True, eq=False, repr=False)
class GlucoseStore:
    """Hold simulated people, their named records and the keeper's nameless ones.

    Attributes
    ----------
    lives : Days
        The nameless stretch, before any defence, and the people as they are then.
    named_trace, named_twin : pandas.DataFrame
        What the attacker knows by name: features of the trace and the parameters of a
        twin, one row a person, of an earlier stretch.
    prior : GlucosePrior
        What is known of people like them.
    habits : Habits
        How they live.
    n_jobs : int or None
        Threads.
    """

    lives: Days
    named_trace: pd.DataFrame
    named_twin: pd.DataFrame
    prior: GlucosePrior
    habits: Habits
    n_jobs: int | None
    _read: dict[Any, tuple[pd.DataFrame, pd.DataFrame]] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Show how many people, and nobody."""
        return f"GlucoseStore(n_people={len(self.named_trace)})"

    def records(self, release: GlucoseRelease) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return features of the trace and the parameters of twins, before any noise.

        Settings that keep the same record share one fit.
        """
        key = release.days, release.step_mg_dl
        if key not in self._read:
            kept = release.apply(self.lives)
            self._read[key] = _read(kept, self.prior, self.n_jobs)
        return self._read[key]

    def measure(
        self, release: GlucoseRelease, rng: np.random.Generator, *, days: int = 14
    ) -> dict[str, Array]:
        """Measure the use and the leak of one setting, a number for each person.

        Parameters
        ----------
        release : GlucoseRelease
            The setting.
        rng : numpy.random.Generator
            Settings given the same state share noise, days lived and cuts of people.
        days : int
            Days lived under the advice, 1 or more.

        Returns
        -------
        dict of str to numpy.ndarray
            By name time_in_range, time_below_70 and time_above_180 (shares of readings
            under the advice of the twins as given out), rank_1 (share of cuts in which
            the own named record comes first) and bits (told of whose it is, mean over
            cuts), each of shape (n,).

        Raises
        ------
        ParameterError
            If a setting is out of its range.
        """
        check_rng(rng)
        noise_rng, life_rng, cut_rng = rng.spawn(3)
        people = self.lives.patients
        trace, fitted = self.records(release)
        twin = release.simulate(fitted, prior=self.prior, rng=noise_rng)
        asked = read_parameters(twin, release.sd, prior=self.prior, patients=people)
        shares = advice_time_in_range(
            people,
            advise(asked),
            days=days,
            rng=life_rng,
            habits=self.habits,
            n_jobs=self.n_jobs,
        )
        prints = Fingerprints(self.named_trace, trace, self.named_twin, twin)
        use = {name: shares[name].to_numpy() for name in MEASURES}
        return use | _link(*prints.records(release.leaks), cut_rng)


def simulate_glucose_store(
    n_people: int,
    *,
    days: int = 28,
    named_days: int = 14,
    habits: Habits | None = None,
    rng: np.random.Generator,
    n_jobs: int | None = None,
) -> GlucoseStore:
    """Simulate people with type-1 diabetes, their named records and a keeper's store.

    Between the two stretches every parameter of the body moves by a fifth of its SD
    between people.

    Parameters
    ----------
    n_people : int
        An even number, 20 or more.
    days, named_days : int
        Days of the nameless and of the named stretch, 1 or more.
    habits : Habits, optional
        How they live.
    rng : numpy.random.Generator
    n_jobs : int, optional
        Threads; without it one a core. The answer does not depend on it.

    Returns
    -------
    GlucoseStore

    Raises
    ------
    ParameterError
        If a setting is out of its range or `rng` no generator.

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> simulate_glucose_store(20, days=1, named_days=1, rng=rng)
    GlucoseStore(n_people=20)
    """
    check_rng(rng)
    check_whole_number(n_people, name="n_people", least=LEAST_PEOPLE)
    if n_people % 2:
        raise ParameterError(
            f"n_people must be even, to be cut in halves; got {n_people!r}"
        )
    habits = habits or Habits()
    people_rng, prior_rng, named_rng, move_rng, store_rng = rng.spawn(5)
    people = sample_patients(n_people, rng=people_rng)
    people = prescribe(people, rng=people_rng, habits=habits, n_visits=N_VISITS)
    # Doses are not part of a prior, so nobody of it needs to be titrated.
    others = sample_patients(N_PRIOR, rng=prior_rng)
    others = prescribe(others, rng=prior_rng, habits=habits, n_visits=0)
    prior = glucose_prior(others)
    named = simulate_days(
        people, days=named_days, rng=named_rng, habits=habits, n_jobs=n_jobs
    )
    moved = drift(people, sd=DRIFT_SD, rng=move_rng)
    lives = simulate_days(moved, days=days, rng=store_rng, habits=habits, n_jobs=n_jobs)
    return GlucoseStore(lives, *_read(named, prior, n_jobs), prior, habits, n_jobs)


def glucose_frontier(
    n_people: int,
    settings: Mapping[str, GlucoseRelease],
    *,
    reference: str | None = None,
    habits: Habits | None = None,
    rng: np.random.Generator,
    n_jobs: int | None = None,
) -> pd.DataFrame:
    """Measure what defences of glucose twins leave of their use and of what they leak.

    Parameters
    ----------
    n_people : int
        An even number, 20 or more; each is sought among half of them.
    settings : mapping of str to GlucoseRelease
        By the name under which they are reported. Fits are the cost, one for each
        record kept: settings that differ in noise or in what leaks share them.
    reference : str, optional
        The setting from which the change of the others is told, paired by person.
    habits : Habits, optional
        How people live.
    rng : numpy.random.Generator
    n_jobs : int, optional
        Threads; without it one a core. The answer does not depend on it.

    Returns
    -------
    pandas.DataFrame
        As of `twinprivacy.studies.measure_frontier`, with the measures of
        `GlucoseStore.measure`: mean and Student's 95 % interval over people.

    Raises
    ------
    ParameterError
        If a setting is out of its range or `rng` no generator.

    Notes
    -----
    The attack is that of `twinprivacy.attacks.traces`, which learns from pairs
    with the same defence. To draw blurred twins to the average person first was tried
    and did not link better. It links each twin by itself. A better attack may find
    more, and one that matches all twins with all people at once too; under a budget
    none finds more than `GlucoseRelease.identification_bound` says, of a twin given out
    alone or, the larger, with the others.

    Examples
    --------
    >>> table = glucose_frontier(20, {"a day": GlucoseRelease(days=1)},
    ...                          rng=np.random.default_rng(7))
    >>> table["measure"].tolist()
    ['time_in_range', 'time_below_70', 'time_above_180', 'rank_1', 'bits']
    """
    check_rng(rng)
    if not settings:
        raise ParameterError("settings must hold one or more; got none")
    store_rng, measure_rng = rng.spawn(2)
    store = simulate_glucose_store(
        n_people,
        days=max(setting.days for setting in settings.values()),
        habits=habits,
        rng=store_rng,
        n_jobs=n_jobs,
    )
    return measure_frontier(
        settings, store.measure, reference=reference, rng=measure_rng
    )


def _read(
    kept: Days, prior: GlucosePrior, n_jobs: int | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return features of the trace and the parameters of twins, on the free scale."""
    names = pd.Index(kept.patients["patient"], name="patient")
    fits = fit_patients(
        kept.patients,
        kept.cgm_mg_dl,
        kept.diary,
        kept.insulin,
        prior=prior,
        step_minutes=STEP_MINUTES,
        n_jobs=n_jobs,
    )
    free = np.array([fit.free for fit in fits])
    twin = pd.DataFrame(free, index=names, columns=list(PARAMETERS))
    return trace_features(kept.cgm_mg_dl, patients=names.to_numpy()), twin


def _link(
    named: pd.DataFrame, nameless: pd.DataFrame, rng: np.random.Generator
) -> dict[str, Array]:
    """Return how often each is ranked first and the bits told of them, over cuts."""
    cuts = []
    for cut_rng in rng.spawn(N_CUTS):
        found = link_by_likelihood(named, nameless, rng=cut_rng).targets
        # Candidates that are equally likely share the first place.
        first = ((1 - found["n_nearer"]).clip(lower=0) / found["n_tied"]).clip(upper=1)
        cuts.append(pd.DataFrame({"rank_1": first, "bits": found["bits"]}))
    mean = pd.concat(cuts).groupby(level=0).mean().loc[named.index]
    return {name: mean[name].to_numpy() for name in ("rank_1", "bits")}
