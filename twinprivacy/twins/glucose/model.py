"""The glucose twin of a person with type-1 diabetes: the ReplayBG model, simulated.

Bergman's minimal model with oral absorption, subcutaneous insulin and the delay of
interstitial glucose, with published priors. `days` simulates the lives of such people,
`fit` fits the model to one of them.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy import datasets
from twinprivacy._types import AnyArray
from twinprivacy._validation import check_at_least, check_rng, check_whole
from twinprivacy.errors import ParameterError
from twinprivacy.people.patients import check_number
from twinprivacy.twins.glucose import inputs, kernels
from twinprivacy.twins.glucose.inputs import (
    PARAMETERS,
    fixed,
    free_spread,
    from_free,
    sample_priors,
    to_free,
)

__all__ = [
    "GlucoseTraces",
    "drift",
    "sample_patients",
    "simulate_glucose",
]

_HOURS_PER_DAY = 24.0


@dataclass(frozen=True)
class GlucoseTraces:
    """Simulated glucose of several people.

    Attributes
    ----------
    patients : numpy.ndarray
        Identifiers, shape (n,), in the order of the rows below.
    minutes : numpy.ndarray
        Minutes since midnight of the first day, shape (n_times,).
    plasma_mg_dl, interstitial_mg_dl : numpy.ndarray
        Glucose in mg/dL, shape (n, n_times).
    """

    patients: AnyArray
    minutes: AnyArray
    plasma_mg_dl: AnyArray
    interstitial_mg_dl: AnyArray


def sample_patients(n: int, *, rng: np.random.Generator) -> pd.DataFrame:
    r"""Sample people with type-1 diabetes from the published priors.

    Parameters are independent, each cut to its range, but for :math:`k_{a2} < k_d` and
    :math:`k_{abs} < k_{empt}`: given the larger, the smaller is cut. Basal insulin is
    what the person rests at `gb_mg_dl` with: at rest plasma insulin is
    :math:`u_b / k_e`, the level above which insulin acts, so any rate is consistent.
    It is log-normal with the mean and the relative spread of titrated doses. Weight is
    that of US adults of 20 to 59 years, log-normal with their means and SDs.

    Parameters
    ----------
    n : int
        People, 1 or more.
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        One row a person: patient (0, 1, ...), the 18 `PARAMETERS`, weight_kg and
        basal_u_per_hour. SI is in mL/(uU min), one for each part of the day: breakfast
        4 to 11 h, lunch 11 to 17 h, dinner 17 to 4 h; Gb in mg/dL; rates in 1/min; and
        the delays beta of meals in minutes.

    Raises
    ------
    ParameterError
        If `n` is below 1 or `rng` no generator.

    References
    ----------
    Cappon (2023), doi:10.1109/TBME.2023.3286856; tables glucose_model_parameters,
    glucose_clinical_values (doses) and population_margins (weight).

    Examples
    --------
    >>> people = sample_patients(3, rng=np.random.default_rng(7))
    >>> people[["gb_mg_dl", "weight_kg"]].round().astype(int)
       gb_mg_dl  weight_kg
    0       119         99
    1       115         73
    2       115         86
    """
    check_rng(rng)
    check_whole(n, name="n")
    people = pd.DataFrame(sample_priors(n, rng), columns=list(PARAMETERS))
    people.insert(0, "patient", np.arange(n))
    people["weight_kg"] = _sample_weights(n, rng)
    dose = _sample_basal(n, rng)
    people["basal_u_per_hour"] = dose * people["weight_kg"] / _HOURS_PER_DAY
    return people


def drift(
    patients: pd.DataFrame, *, sd: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Move every personal parameter a little, as it moves between days or weeks.

    Each parameter moves by an independent normal number on a free scale (logarithm, or
    logit between two bounds), so that none leaves its range.

    Parameters
    ----------
    patients : pandas.DataFrame
        As from `sample_patients`.
    sd : float
        SD of the move as a share of the SD of the published prior on that scale; 0 or
        more.
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        The table with moved parameters; everything else as it was.

    Raises
    ------
    DataError
        If the table lacks a column or a value is out of its range.
    ParameterError
        If `sd` is negative or not finite, or `rng` no generator.

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> people = sample_patients(2_000, rng=rng)
    >>> later = drift(people, sd=0.5, rng=rng)
    >>> moves = np.log(later["sg_per_min"] / people["sg_per_min"])
    >>> bool(abs(moves.std() - 0.5 * 0.5) < 0.01)
    True
    """
    check_rng(rng)
    check_at_least(sd, 0, name="sd")
    free = to_free(inputs.read_parameters(patients))
    moved = free + sd * free_spread(rng) * rng.normal(size=free.shape)
    later = patients.copy()
    later[list(PARAMETERS)] = from_free(moved)
    return later


def simulate_glucose(
    patients: pd.DataFrame,
    meals: pd.DataFrame,
    insulin: pd.DataFrame,
    *,
    minutes: int,
    step_minutes: int = 1,
    every_minutes: int = 5,
    start_mg_dl: npt.ArrayLike | None = None,
    n_jobs: int | None = None,
) -> GlucoseTraces:
    r"""Simulate plasma and interstitial glucose under given meals and insulin.

    .. math::
       \begin{aligned}
       q_1' &= -k_{gri} q_1 + m(t - \beta), \quad q_2' = k_{gri} q_1 - k_{empt} q_2,
       \quad q_3' = k_{empt} q_2 - k_{abs} q_3 \\
       s_1' &= -k_d s_1 + u(t - \tau), \quad s_2' = k_d s_1 - k_{a2} s_2,
       \quad I' = k_{a2} s_2 - k_e I \\
       X' &= -p_2 \{ X - (S_I / V_I)(I - I_b) \} \\
       G' &= -\{ S_G + \rho(G) X \} G + S_G G_b + f \sum k_{abs} q_3 / V_G \\
       IG' &= (G - IG) / \alpha
       \end{aligned}

    with :math:`\rho = 1` above :math:`G_b` and below it

    .. math:: \rho = 1 + 10 r_1 \left[\{\ln \max(G, 60)\}^{r_2}
       - (\ln G_b)^{r_2}\right]^2.

    The three states of carbohydrate exist once for each kind of meal. Solved by
    backward Euler, with the risk of the step before; the error halves with the step.
    Everyone starts at rest under basal insulin.

    Parameters
    ----------
    patients : pandas.DataFrame
        As from `sample_patients`.
    meals : pandas.DataFrame
        Columns patient, minute, carbohydrate_g and kind (one of `KINDS`), any order.
    insulin : pandas.DataFrame
        Columns patient, minute, bolus_units (U) and, if any is extended,
        duration_minutes. The basal rate is in `patients`. Both tables may hold later
        events than are simulated.
    minutes : int
        Minutes simulated from midnight, a multiple of `every_minutes`.
    step_minutes : int
        Step of the solver, from 1 to 10.
    every_minutes : int
        Step of the answer, a multiple of `step_minutes`.
    start_mg_dl : array_like, optional
        Glucose at the start, shape (n,) or one number; without it each person's Gb.
    n_jobs : int, optional
        Threads; without it one a core. The answer does not depend on it.

    Returns
    -------
    GlucoseTraces
        Everyone, in the order of `patients`, from minute 0 to `minutes`.

    Raises
    ------
    DataError
        If a table lacks a column, names a patient twice or an unknown one, or a value
        is missing or outside its range, such as that of another unit.
    ParameterError
        If the steps do not divide one another, or a number is out of its range.

    References
    ----------
    Cappon (2023), doi:10.1109/TBME.2023.3286856; Bergman (1979),
    doi:10.1152/ajpendo.1979.236.6.E667.

    Examples
    --------
    >>> people = sample_patients(1, rng=np.random.default_rng(7))
    >>> lunch = pd.DataFrame({"patient": [0], "minute": [720], "carbohydrate_g": [60],
    ...                       "kind": ["lunch"]})
    >>> bolus = pd.DataFrame({"patient": [0], "minute": [720], "bolus_units": [2.0]})
    >>> trace = simulate_glucose(people, lunch, bolus, minutes=1_440)
    >>> trace.plasma_mg_dl[0, [0, 144, 180]].round()
    array([114., 114., 167.])
    """
    _check_steps(minutes, step_minutes, every_minutes)
    names, people, weight = inputs.read_people(patients)
    eaten = inputs.read_meals(meals, names, weight)
    given = inputs.read_insulin(insulin, names, weight)
    gb = people[:, PARAMETERS.index("gb_mg_dl")]
    start = np.broadcast_to(gb if start_mg_dl is None else start_mg_dl, len(names))
    start = check_number(start, replace(inputs.GLUCOSE, name="start_mg_dl"))
    n_rows = minutes // every_minutes + 1
    steps = float(step_minutes), every_minutes // step_minutes, n_rows

    def work(j: int) -> tuple[AnyArray, AnyArray, AnyArray]:
        course = kernels.Course(eaten.of(j), given.of(j), float(start[j]), *steps)
        return kernels.follow(people[j], fixed(), course)

    plasma, interstitial, _ = zip(
        *inputs.map_people(work, len(names), n_jobs), strict=True
    )
    times = np.arange(n_rows) * every_minutes
    return GlucoseTraces(names, times, np.array(plasma), np.array(interstitial))


def _check_steps(minutes: int, step_minutes: int, every_minutes: int) -> None:
    check_whole(step_minutes, name="step_minutes", most=10)
    for name, long, of, short in (
        ("every_minutes", every_minutes, "step_minutes", step_minutes),
        ("minutes", minutes, "every_minutes", every_minutes),
    ):
        if long < short or long % short:
            raise ParameterError(
                f"{name} must be a multiple of {of}; got {long!r} and {short!r}"
            )


def _sample_weights(n: int, rng: np.random.Generator) -> AnyArray:
    """Draw weights of adults of either sex and of two age bands, equally likely."""
    table = datasets.load("population_margins")
    rows = (table["quantity"] == "weight") & table["age_band"].isin(["20-39", "40-59"])
    groups = table[rows & (table["check"] == "verified")].pivot_table(
        index=["sex", "age_band"], columns="statistic", values="value"
    )
    chosen = groups.iloc[rng.integers(len(groups), size=n)]
    weights = _lognormal(chosen["mean"].to_numpy(), chosen["sd"].to_numpy(), rng)
    return np.clip(weights, 40.0, 200.0)


def _sample_basal(n: int, rng: np.random.Generator) -> AnyArray:
    """Draw basal doses in U/kg/day."""
    table = datasets.load("glucose_clinical_values").set_index("quantity")
    mean = np.full(n, float(table["value"]["basal_dose"]))
    spread = table["spread"]["basal_dose_total"] / table["value"]["basal_dose_total"]
    return _lognormal(mean, mean * float(spread), rng)


def _lognormal(mean: AnyArray, sd: AnyArray, rng: np.random.Generator) -> AnyArray:
    """Draw log-normal values of a given mean and SD."""
    variance = np.log1p((sd / mean) ** 2)
    return rng.lognormal(np.log(mean) - variance / 2, np.sqrt(variance))
