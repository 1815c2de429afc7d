"""Two stretches of everyone's life, simulated and read once for all settings."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy.twins.glucose import PARAMETERS, drift, sample_patients
from twinprivacy.twins.glucose_days import Days, Habits, prescribe, simulate_days
from twinprivacy.twins.glucose_features import trace_features
from twinprivacy.twins.glucose_fit import GlucosePrior, fit_patients, glucose_prior

if TYPE_CHECKING:
    from collections.abc import Callable

    from twinprivacy.attacks.fingerprints import FingerprintSettings

T = TypeVar("T")

MINUTES_PER_DAY = 1_440
READINGS_PER_DAY = 288
# People like them, of whom the twins' prior is made.
N_PRIOR = 1_000
STEP_MINUTES = 5
# What each generator is for: the same draws whatever else is simulated.
PEOPLE, PLAN, PRIOR, NAMED, NAMELESS, DRIFT, DIARY = range(7)


@dataclass(frozen=True)
class Lives:
    """Simulate what is asked for, each once, from one seed.

    Settings that differ in one thing share the draws of all others, so that their rates
    differ by that thing only.
    """

    n_people: int
    days: int
    seed: int
    n_jobs: int | None
    made: dict[Hashable, Any] = field(default_factory=dict)

    def records(
        self, settings: "FingerprintSettings", stretch: int
    ) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """Return the features and, where asked for, the twins of one stretch."""
        sd = settings.drift_sd if stretch == NAMELESS else 0.0
        life = (settings.habits, settings.sensor, stretch, sd)
        trace = self._once(
            ("trace", settings.days, *life),
            lambda: self._trace(life, settings.days),
        )
        if not settings.twins:
            return trace, None
        diary = (settings.days, settings.forgotten, settings.fixed)
        return trace, self._once(
            ("twin", *diary, *life), lambda: self._twins(life, *diary)
        )

    def _once(self, key: Hashable, make: "Callable[[], T]") -> T:
        if key not in self.made:
            self.made[key] = make()
        made: T = self.made[key]
        return made

    def _rng(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, purpose])

    def _plan(self, habits: Habits) -> pd.DataFrame:
        people = sample_patients(self.n_people, rng=self._rng(PEOPLE))
        return prescribe(people, rng=self._rng(PLAN), habits=habits)

    def _prior(self, habits: Habits) -> GlucosePrior:
        rng = self._rng(PRIOR)
        # Doses are not part of a prior, so nobody here needs to be titrated.
        others = sample_patients(N_PRIOR, rng=rng)
        return glucose_prior(prescribe(others, rng=rng, habits=habits, n_visits=0))

    def _days(self, life: tuple[Habits, bool, int, float]) -> Days:
        habits, sensor, stretch, sd = life
        people = self._once(("plan", habits), lambda: self._plan(habits))
        if sd > 0:
            people = drift(people, sd=sd, rng=self._rng(DRIFT))
        return simulate_days(
            people,
            days=self.days,
            rng=self._rng(stretch),
            habits=habits,
            sensor=sensor,
            n_jobs=self.n_jobs,
        )

    def _trace(self, life: tuple[Habits, bool, int, float], days: int) -> pd.DataFrame:
        lived = self._once(("days", *life), lambda: self._days(life))
        cgm = lived.cgm_mg_dl[:, : days * READINGS_PER_DAY]
        return trace_features(cgm, patients=lived.patients["patient"].to_numpy())

    def _twins(
        self,
        life: tuple[Habits, bool, int, float],
        days: int,
        forgotten: float,
        fixed: tuple[str, ...],
    ) -> pd.DataFrame:
        lived = self._once(("days", *life), lambda: self._days(life))
        habits, _, stretch, _ = life
        end = days * MINUTES_PER_DAY
        diary = lived.diary
        # The same meals are forgotten at a higher share, and more.
        lot: npt.NDArray[Any] = np.random.default_rng(
            [self.seed, DIARY, stretch]
        ).random(len(diary))
        fits = fit_patients(
            lived.patients,
            lived.cgm_mg_dl[:, : days * READINGS_PER_DAY],
            diary[(diary["minute"] < end) & (lot >= forgotten)],
            lived.insulin[lived.insulin["minute"] < end],
            prior=self._once(("prior", habits), lambda: self._prior(habits)),
            fixed=fixed,
            step_minutes=STEP_MINUTES,
            n_jobs=self.n_jobs,
        )
        names = pd.Index(lived.patients["patient"], name="patient")
        free = np.array([fit.free for fit in fits])
        return pd.DataFrame(free, index=names, columns=list(PARAMETERS))
