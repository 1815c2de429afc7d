"""Who is unique by which kinds of data, in stores of which size and precision."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from twinprivacy._types import Array
from twinprivacy.attacks.uniqueness import anonymity_sets
from twinprivacy.explorer.lookup import look_up, make_axis, make_table, rounded
from twinprivacy.twins.cohort import MODALITIES, simulate_cohort

KINDS = tuple(MODALITIES)
# Each width is a multiple of the one before, so that wider bands never tell more.
WIDTHS = (1, 5, 10, 20)
N_PEOPLE = 1_000_000
SIZES = tuple(round(10 ** (quarter / 4)) for quarter in range(8, 25))
HELD_OUT_SIZES = (135, 2_400, 20_000, 237_000)
# Told in bands; days, hours and numbers of alleles are few as they are.
BANDED = (
    "age_years",
    "height_cm",
    "weight_kg",
    "systolic_bp_mmhg",
    "diastolic_bp_mmhg",
    "pulse_per_minute",
    "total_cholesterol_mg_dl",
    "hdl_mg_dl",
    "egfr_ml_min",
)
MOST_STORES = 10


def held_kinds(mask: int, kinds: tuple[str, ...] = KINDS) -> tuple[str, ...]:
    """Return the kinds of data whose bits are set."""
    return tuple(kind for bit, kind in enumerate(kinds) if mask >> bit & 1)


def kind_codes(people: pd.DataFrame, width: int) -> pd.DataFrame:
    """Return a column for each kind: a number for each look of its attributes."""
    banded = people.assign(**(people[[*BANDED]] // width).astype("int16"))
    looks: Mapping[str, pd.Series] = {
        kind: banded.groupby([*names], observed=True, sort=False).ngroup()
        for kind, names in MODALITIES.items()
    }
    return pd.DataFrame(looks).astype("int32")


def whole_numbers(people: pd.DataFrame) -> pd.DataFrame:
    """Round height and weight as people know them."""
    body = ["height_cm", "weight_kg"]
    return people.assign(**people[body].round())


def uniqueness_grids(*, rng: np.random.Generator) -> dict[str, Any]:
    """Return the share of people who are unique, with its interval."""
    people = whole_numbers(simulate_cohort(N_PEOPLE, rng=rng))
    masks = range(1, 2 ** len(KINDS))
    shares = np.zeros((len(masks) + 1, len(WIDTHS), len(SIZES), 3))
    checked = np.zeros((len(masks) + 1, len(WIDTHS), len(HELD_OUT_SIZES), 3))
    for place, width in enumerate(WIDTHS):
        codes = kind_codes(people, width)
        found = Parallel()(delayed(_shares)(codes, mask) for mask in masks)
        for mask, (at_sizes, at_others) in zip(masks, found, strict=True):
            shares[mask, place], checked[mask, place] = at_sizes, at_others
    axes = [
        make_axis("mask", range(2 ** len(KINDS)), scale="exact"),
        make_axis("width", WIDTHS, scale="exact"),
        make_axis("people", SIZES, scale="log"),
    ]
    tables = {
        name: make_table(axes, shares[..., side])
        for side, name in enumerate(("value", "low", "high"))
    }
    return {
        **tables,
        "kinds": list(KINDS),
        "counted_up_to": N_PEOPLE,
        "interpolation_error": rounded(_error(tables, checked)),
        "error_of": "share of people",
    }


def _shares(codes: pd.DataFrame, mask: int) -> tuple[Array, Array]:
    known = list(held_kinds(mask))
    at = {n: mean_share(codes, known, n) for n in (*SIZES, *HELD_OUT_SIZES)}
    return np.array([at[n] for n in SIZES]), np.array([at[n] for n in HELD_OUT_SIZES])


def mean_share(codes: pd.DataFrame, known: list[str], n_people: int) -> Array:
    """Return share unique, low and high, each a mean over up to ten stores."""
    n_stores = min(MOST_STORES, len(codes) // n_people)
    found = []
    for store in range(n_stores):
        part = codes.iloc[store * n_people : (store + 1) * n_people]
        estimate = anonymity_sets(part, known).share_interval()
        found.append((estimate.value, estimate.low, estimate.high))
    mean: Array = np.asarray(found, dtype=float).mean(axis=0)
    return mean


def _error(tables: dict[str, Any], checked: Array) -> float:
    """Return the largest error of a share between sizes, interval included."""
    worst = 0.0
    for (mask, place, size, side), truth in np.ndenumerate(checked):
        table = tables[("value", "low", "high")[side]]
        at = {"width": WIDTHS[place], "people": HELD_OUT_SIZES[size]}
        if mask:
            worst = max(worst, abs(look_up(table, mask=mask, **at) - truth))
    return worst
