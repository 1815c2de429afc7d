"""Bits of identity: a softmax of costs, its temperature from other people."""

import numpy as np
import numpy.typing as npt

from twinprivacy.attacks._linkage_blocks import Gallery, Places
from twinprivacy.attacks._linkage_distance import Encoded

Array = npt.NDArray[np.float64]

# Temperatures from where costs hardly matter down to where only the nearest does.
STEPS = 40
WIDEST = 64.0


def evidence_bits(
    encoded: Encoded, gallery: Gallery, rows: Places, people: Places
) -> tuple[Array, float]:
    """Return each target's bits (nan outside the gallery) and the temperature of all.

    The temperature of a target is the likeliest for all other people, so that nobody
    calibrates the own evidence; a lone person is not calibrated and has 0 bits.
    """
    from twinprivacy.attacks._linkage_kernels import log_evidence

    inside = np.flatnonzero(rows >= 0)
    left, right = encoded.left[inside], gallery.columns
    width = WIDEST * float(encoded.costs.missing.sum() or encoded.left.shape[1])
    packed = encoded.costs.packed()
    # Two rows of halvings, one shifted by half a step, are a grid by the root of 2.
    grids = [
        log_evidence(left, gallery.place_of(rows[inside]), right, packed, STEPS, w)
        for w in (width, width / np.sqrt(2))
    ]
    temperatures = np.concatenate(
        [[np.inf], *(w / 2.0 ** np.arange(STEPS) for w in (width, width / np.sqrt(2)))]
    )
    n = right.shape[1]
    gains = np.concatenate([np.zeros((inside.size, 1)), *grids], axis=1)
    gains[:, 1:] += np.log(n)
    codes = np.unique(people[inside], return_inverse=True)[1]
    sums = np.zeros((int(codes.max()) + 1, gains.shape[1]))
    np.add.at(sums, codes, gains)
    whole = sums.sum(axis=0)
    # The first of equals is the widest: without other people the costs do not count.
    best = (whole - sums)[codes].argmax(axis=1)
    bits = np.full(rows.size, np.nan)
    bits[inside] = gains[np.arange(inside.size), best] / np.log(2)
    return bits, float(temperatures[whole.argmax()])
