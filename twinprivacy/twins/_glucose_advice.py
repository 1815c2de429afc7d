"""What a glucose twin answers when it is asked for doses: a unit, a meal."""

import numpy as np
import pandas as pd

from twinprivacy._types import AnyArray
from twinprivacy.twins import _glucose_inputs as inputs
from twinprivacy.twins._glucose_parameters import DAY_PARTS, PARAMETERS

# A meal in each part of the day, for insulin sensitivity differs between them.
MEAL_MINUTES = (450, 750, 1_140)
STANDARD_MEAL_G = 60.0
# A standard meal should be over by then.
AFTER_MINUTES = 300
# Ratios that a pump can be set to, in g/U, and the least fall by a unit, in mg/dL.
RATIO_RANGE = (2.0, 200.0)
LEAST_FALL = 2.0
HALVINGS = 12
STEP_MINUTES = 5


def falls_by_a_unit(patients: pd.DataFrame) -> AnyArray:
    """Return how far a unit lowers a resting person, mean over three times of a day."""
    asked = _Asked(patients)
    plasma = asked.plasma(np.zeros(asked.n), np.ones(asked.n))
    fall = asked.rest - asked.after(plasma).min(axis=1)
    return np.asarray(np.maximum(asked.mean(fall), LEAST_FALL))


def carbohydrate_ratios(patients: pd.DataFrame) -> AnyArray:
    """Return grams per unit that bring three standard meals back to rest in time."""
    asked = _Asked(patients)
    grams = np.full(asked.n, STANDARD_MEAL_G)
    # Bisected on the logarithm: units that are too few, and units that are enough.
    few, enough = (
        np.full(asked.n, np.log(STANDARD_MEAL_G / ratio))
        for ratio in reversed(RATIO_RANGE)
    )
    for _ in range(HALVINGS):
        middle = (few + enough) / 2
        end = asked.after(asked.plasma(grams, np.exp(middle)))[:, -1]
        below = end < asked.rest
        few, enough = np.where(below, few, middle), np.where(below, middle, enough)
    return np.asarray(STANDARD_MEAL_G / asked.mean(np.exp(few)))


class _Asked:
    """Everyone three times, with a meal or a bolus at another time of the day."""

    def __init__(self, patients: pd.DataFrame) -> None:
        self.n = len(patients) * len(MEAL_MINUTES)
        places = np.repeat(np.arange(len(patients)), len(MEAL_MINUTES))
        self.people = patients.iloc[places].assign(patient=np.arange(self.n))
        self.minute = np.tile(MEAL_MINUTES, len(patients))
        self.rest = self.people["gb_mg_dl"].to_numpy(dtype=float)

    def plasma(self, grams: AnyArray, units: AnyArray) -> AnyArray:
        from twinprivacy.twins.glucose import simulate_glucose

        at = {"patient": np.arange(self.n), "minute": self.minute}
        kinds = np.tile(DAY_PARTS, self.n // len(DAY_PARTS))
        meals = pd.DataFrame({**at, "carbohydrate_g": grams, "kind": kinds})
        traces = simulate_glucose(
            self.people,
            meals,
            pd.DataFrame({**at, "bolus_units": units}),
            minutes=max(MEAL_MINUTES) + AFTER_MINUTES,
            step_minutes=STEP_MINUTES,
            every_minutes=STEP_MINUTES,
        )
        return traces.plasma_mg_dl

    def after(self, plasma: AnyArray) -> AnyArray:
        """Return the hours after each one's meal, until it should be over."""
        ticks = np.arange(AFTER_MINUTES // STEP_MINUTES + 1)
        places = self.minute[:, None] // STEP_MINUTES + ticks
        return np.take_along_axis(plasma, places, axis=1)

    def mean(self, values: AnyArray) -> AnyArray:
        return np.asarray(values.reshape(-1, len(MEAL_MINUTES)).mean(axis=1))


def check_twins(patients: pd.DataFrame, name: str) -> None:
    """Raise unless a table holds people whom the model can simulate."""
    inputs.check_table(patients, name, ["patient", *PARAMETERS, *inputs.KNOWN])
    inputs.read_people(patients)
