"""The store: what one person whose record leaks loses, in bits."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.people.cohort import MODALITIES, simulate_cohort
from twinprivacy.people.columns import COLUMNS
from twinprivacy.studies.surfaces.answers import (
    INR_RANGE,
    MEASUREMENT_RANGE,
    Cell,
    inr_readings,
    invert_repeated,
    means,
    step_of,
    warfarin_patients,
)
from twinprivacy.twins.outcome.columns import sorted_rows

# What is on an envelope, or can be seen, is no loss.
_KNOWN = ("age_years", "sex", "race")
HELD = tuple(
    name for names in MODALITIES.values() for name in names if name not in _KNOWN
)
_KINDS = tuple(
    accumulate(sum(n in HELD for n in names) for names in MODALITIES.values())
)
# Alleles, and hours and days of a habit, have few values: they count as categories.
_NUMBERS = tuple(
    name
    for kind in ("demographics", "laboratory")
    for name in MODALITIES[kind]
    if name in HELD and not COLUMNS[name].categories
)


def by_people(
    volumes: Sequence[int], lost: Array, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return the loss of one person in stores of the first so many people."""
    return means([lost[:n].sum(axis=1) for n in volumes], level)


def by_attributes(
    volumes: Sequence[int], lost: Array, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return the loss of the first so many attributes."""
    return means([lost[:, :n].sum(axis=1) for n in volumes], level)


def by_days(
    volumes: Sequence[int], n_people: int, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return the loss of daily readings of the INR, held to a tenth."""
    patients = warfarin_patients(n_people, rng)
    readings = inr_readings(patients, range(1, max(volumes) + 1), rng)
    table = pd.DataFrame(np.log(readings)).rename(columns=str)
    # On the scale of logarithms a tenth of an INR of 2, where most readings lie.
    step = step_of(2, INR_RANGE) / 2
    names = [*table.columns]
    lost = code_lengths(table, names, steps=dict.fromkeys(names, step))
    return means([lost.cumsum(axis=1)[:, day - 1] for day in volumes], level)


def by_answers(
    volumes: Sequence[int], n_people: int, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return what a log of noisy answers tells of both warfarin genotypes."""
    samples = invert_repeated(volumes, n_people, rng, secret=("vkorc1", "cyp2c9"))
    return means(samples, level)


def by_decimals(
    volumes: Sequence[int], n_people: int, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return the loss of laboratory values held to so many digits."""
    people, names = simulate_cohort(n_people, rng=rng), MODALITIES["laboratory"]
    samples = []
    for digits in volumes:
        steps = dict.fromkeys(names, step_of(digits, MEASUREMENT_RANGE))
        lost = code_lengths(people, names, known=_KNOWN, steps=steps)
        samples.append(lost.sum(axis=1))
    return means(samples, level)


def record_bits(n_people: int, rng: np.random.Generator) -> Array:
    """Return the loss of each person and attribute, shape (n, attributes)."""
    people = simulate_cohort(n_people, rng=rng)
    steps = dict.fromkeys(_NUMBERS, step_of(2, MEASUREMENT_RANGE))
    return code_lengths(people, HELD, known=_KNOWN, steps=steps)


STORE = {
    "people": Cell(
        by_people,
        (100, 300, 1_000, 3_000),
        3_000,
        "what one exposed person loses does not depend on who else is in the store; "
        "the number of people exposed grows",
        shares=1,
        simulate=record_bits,
    ),
    "attributes": Cell(
        by_attributes,
        _KINDS,
        3_000,
        "the whole record beyond age, sex and race, kind after kind",
        most=len(HELD),
        simulate=record_bits,
    ),
    "days": Cell(by_days, (1, 2, 4, 7, 14, 28), 1_000, "daily readings of the INR"),
    "answers": Cell(
        by_answers,
        (1, 2, 4, 8, 16, 32, 64),
        3_000,
        "a log of answers without the record: both warfarin genotypes",
    ),
    "decimals": Cell(
        by_decimals,
        (0, 1, 2, 3),
        1_500,
        "six laboratory values, known to so many digits",
    ),
}


def code_lengths(
    people: pd.DataFrame,
    columns: Sequence[str],
    *,
    known: Sequence[str] = (),
    steps: Mapping[str, float],
) -> Array:
    """Return what each held column tells beyond those before it, shape (n, columns).

    Parameters
    ----------
    people : pandas.DataFrame
        One row a person. Half of them, by turns in the order of the index, teach the
        laws by which the other half is measured.
    columns : sequence of str
        Held, in the order of the chain.
    known : sequence of str
        Known beforehand.
    steps : mapping of str to float
        Step to which each number is held; all other columns are categories.

    Examples
    --------
    >>> coin = pd.DataFrame({"coin": np.tile([True, True, False, False], 500)})
    >>> float(code_lengths(coin, ["coin"], steps={}).mean().round(2))
    1.0
    """
    order = sorted_rows(people.index)
    ordered = people.iloc[order]
    turn = np.arange(len(people)) % 2
    seen = np.hstack(
        [np.ones((len(people), 1)), *(_numbers(ordered[name]) for name in known)]
    )
    bits = np.empty((len(people), len(columns)))
    for j, name in enumerate(columns):
        values = ordered[name]
        law: Any = _number_law if name in steps else _category_law
        setting: Any
        if name in steps:
            setting, held = steps[name], _rounded(values, steps[name])
        else:
            held = _codes(values)
            setting = int(held.max()) + 1
        for fold in (0, 1):
            learn, judge = turn != fold, turn == fold
            chance = law(seen[learn], held[learn], seen[judge], held[judge], setting)
            bits[order[judge], j] = -np.log2(chance)
        own = held[:, None] if name in steps else _indicators(held, setting)
        seen = np.hstack([seen, _standard(own)])
    return bits


def _numbers(values: "pd.Series[Any]") -> Array:
    """Return a known column as numbers for a regression."""
    if pd.api.types.is_numeric_dtype(values) and values.dtype != bool:
        return _standard(values.to_numpy(dtype=float)[:, None])
    codes = _codes(values)
    return _standard(_indicators(codes, int(codes.max()) + 1))


def _codes(values: "pd.Series[Any]") -> Any:
    return pd.factorize(values, sort=True)[0]


def _indicators(codes: Any, n_values: int) -> Array:
    return np.asarray(codes[:, None] == np.arange(1, n_values), dtype=float)


def _standard(columns: Array) -> Array:
    spread = columns.std(axis=0)
    return np.asarray((columns - columns.mean(axis=0)) / np.where(spread, spread, 1.0))


def _rounded(values: "pd.Series[Any]", step: float) -> Array:
    return np.asarray(np.round(values.to_numpy(dtype=float) / step) * step)


def _number_law(
    seen: Array, held: Array, asked: Array, truth: Array, step: float
) -> Array:
    """Return the chance of the step in which each number lies."""
    from scipy.stats import norm

    line = np.linalg.lstsq(seen, held, rcond=None)[0]
    sd = max(float(np.std(held - seen @ line)), step / 10)
    low = truth - step / 2 - asked @ line
    chance = norm.cdf((low + step) / sd) - norm.cdf(low / sd)
    span = (np.ptp(held) + step) / step
    return _mixed(chance, 1 / span, len(held))


def _category_law(
    seen: Array, held: Any, asked: Array, truth: Any, n_values: int
) -> Array:
    """Return the chance of each person's category."""
    from sklearn.linear_model import LogisticRegression

    chance = np.zeros((len(truth), n_values))
    found = np.unique(held)
    if len(found) == 1:
        chance[:, found[0]] = 1.0
    else:
        model = LogisticRegression(C=1.0, max_iter=300, tol=1e-3).fit(seen, held)
        chance[:, found] = model.predict_proba(asked)
    return _mixed(chance[np.arange(len(truth)), truth], 1 / n_values, len(held))


def _mixed(chance: Array, level: float, n: int) -> Array:
    """Mix in a level law as one person more among n would, so that nothing is 0."""
    return np.asarray((n * chance + level) / (n + 1))
