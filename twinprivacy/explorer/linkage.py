"""How often a glucose trace without a name finds its owner, by days and people."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from twinprivacy._types import Array
from twinprivacy.attacks.linkage.result import LinkageResult, linkage_at_scale
from twinprivacy.attacks.traces.fingerprints import (
    Fingerprints,
    FingerprintSettings,
    link_fingerprints,
    simulate_each,
)
from twinprivacy.explorer.interpolation import look_up, make_axis, make_table, rounded

DAYS = (1, 2, 4, 7, 14, 28)
HELD_OUT_DAYS = (10, 20)
# Half of them are the gallery, the attacker learns from the others.
N_PEOPLE = 600
N_CUTS = 10
GALLERY = N_PEOPLE // 2
MOST_PEOPLE = 1_000_000
SIZES = (
    *(100, 200, GALLERY, 1_000, 3_000, 10_000, 30_000),
    *(100_000, 300_000, MOST_PEOPLE),
)
HELD_OUT_SIZES = (250, 500, 20_000)
_SIDES = ("value", "low", "high")


def linkage_grids(*, rng: np.random.Generator) -> dict[str, Any]:
    """Return the share of owners ranked first, with its interval."""
    life_rng, cut_rng = rng.spawn(2)
    days = sorted({*DAYS, *HELD_OUT_DAYS})
    settings = {k: FingerprintSettings(days=k, twins=False) for k in days}
    prints = simulate_each(N_PEOPLE, settings, rng=life_rng)
    seed = int(cut_rng.integers(2**32))
    found = Parallel()(delayed(_rates)(prints[k], seed) for k in days)
    rates = dict(zip(days, found, strict=True))
    raw = np.array([rates[k].loc[list(SIZES)] for k in DAYS])
    smooth = np.stack([_monotone(raw[..., side]) for side in range(3)], axis=-1)
    axes = [
        make_axis("days", DAYS, scale="log"),
        make_axis("people", SIZES, scale="log"),
    ]
    tables = {
        name: make_table(axes, smooth[..., side], transform="log")
        for side, name in enumerate(_SIDES)
    }
    return {
        **tables,
        "counted_up_to": GALLERY,
        "ends_at": MOST_PEOPLE,
        "interpolation_error": rounded(_error(tables, rates)),
        "error_of": "share of owners",
    }


def link_halves(prints: Fingerprints, seed: int) -> LinkageResult:
    """Link each half's people, learning from the other, over random cuts."""
    cuts = [
        link_fingerprints(
            prints, evidence="trace", rng=np.random.default_rng([seed, k])
        )
        for k in range(N_CUTS)
    ]
    targets = pd.concat([cut.targets for cut in cuts])
    who = pd.factorize(targets.index)[0]
    return replace(cuts[0], targets=targets, groups=who)


def _rates(prints: Fingerprints, seed: int) -> pd.DataFrame:
    sizes = sorted({*SIZES, *HELD_OUT_SIZES})
    table = linkage_at_scale(link_halves(prints, seed), sizes)
    return table.set_index("population_size")[list(_SIDES)]


def _monotone(rates: Array) -> Array:
    """Return rates that rise with days (rows) and fall with people (columns)."""
    from scipy.optimize import isotonic_regression

    rising = np.array([isotonic_regression(column).x for column in rates.T]).T
    rows = [isotonic_regression(row, increasing=False).x for row in rising]
    return np.array(rows)


def _error(tables: dict[str, Any], rates: dict[int, pd.DataFrame]) -> float:
    """Return the largest error of a rate, at points of the axes and between them."""
    worst = 0.0
    for days, table in rates.items():
        for size, row in table.iterrows():
            for side in _SIDES:
                found = look_up(tables[side], days=days, people=float(str(size)))
                worst = max(worst, abs(found - float(row[side])))
    return worst
