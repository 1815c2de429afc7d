"""Costs of a pair under a likelihood model, for the kernels of linkage."""

import math

import numpy as np
import pandas as pd

from twinprivacy.attacks import _fellegi_sunter_em as em
from twinprivacy.attacks._linkage_blocks import Costs
from twinprivacy.attacks._linkage_distance import Encoded
from twinprivacy.attacks.fellegi_sunter import FellegiSunterModel


def encode_weights(
    left: pd.DataFrame, right: pd.DataFrame, model: FellegiSunterModel
) -> Encoded:
    """Return both tables so that a cost is the best weight less the pair's, in nats."""
    from twinprivacy.attacks._linkage_kernels import LEVELS, SAME, SQUARE

    x, y = em.encode_pair(left, right, model.comparisons)
    p = len(model.comparisons)
    deepest = int(model.levels["level"].max()) + 1 if len(model.levels) else 2
    kinds, tops = np.zeros(p, dtype=np.int64), np.zeros(p)
    costs, cuts = np.zeros((p, deepest)), np.full((p, deepest - 1), np.inf)
    for j, (column, how) in enumerate(model.comparisons.items()):
        if how == "normal":
            kinds[j] = SQUARE
            factor, tops[j] = _normal(model.normals, column)
            middle = np.nanmedian(y[:, j]) if not np.isnan(y[:, j]).all() else 0.0
            x[:, j], y[:, j] = (x[:, j] - middle) * factor, (y[:, j] - middle) * factor
            continue
        kinds[j] = SAME if how == "category" else LEVELS
        bits = model.levels.loc[model.levels["column"] == column, "weight_bits"]
        nats = bits.to_numpy(dtype=float) * math.log(2)
        tops[j] = nats.max()
        costs[j, : nats.size] = tops[j] - nats
        ends = em.cut_points(how)
        cuts[j, : ends.size] = ends
    packed = Costs(kinds, costs, cuts, tops, np.ones(p), skip=False)
    bits_per_nat = 1 / math.log(2)
    return Encoded(
        x, y, packed, False, divisor=math.log(2), offset=-tops.sum() * bits_per_nat
    )


def _normal(normals: pd.DataFrame, column: str) -> tuple[float, float]:
    """Return the factor of a difference and the weight of none, in nats.

    Where persons differ from themselves as much as from others, nothing is told.
    """
    row = normals.loc[normals["column"] == column, ["within_sd", "between_sd"]]
    within, between = (float(sd) for sd in row.to_numpy(dtype=float)[0])
    if within >= between:
        return 0.0, 0.0
    return math.sqrt((within**-2 - between**-2) / 2), math.log(between / within)
