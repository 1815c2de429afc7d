"""Bits of identity: a softmax of costs, its temperature from other people."""

import numpy as np

from twinprivacy._types import Array, Indices
from twinprivacy.attacks._linkage_blocks import Gallery, threads_for
from twinprivacy.attacks._linkage_distance import Encoded

# Temperatures from where costs hardly matter down to where only the nearest does.
STEPS = 40
WIDEST = 64.0


def evidence_bits(
    encoded: Encoded, gallery: Gallery, rows: Indices, people: Indices
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
    places = gallery.place_of(rows[inside])
    # Two rows of halvings, one shifted by half a step, are a grid by the root of 2.
    with threads_for(STEPS * left.shape[0] * right.size):
        grids = [
            log_evidence(left, places, right, packed, STEPS, w)
            for w in (width, width / np.sqrt(2))
        ]
    gains = np.stack(grids, axis=2).reshape(inside.size, 2 * STEPS)
    gains += np.log(right.shape[1])
    codes = np.unique(people[inside], return_inverse=True)[1]
    n_people = int(codes.max()) + 1
    # With few people the others may promise certainty, and one surprise would then
    # cost without end: as often as one in n + 1 the evidence is taken to say nothing.
    lapse = 1 / (n_people + 1)
    gains = np.logaddexp(np.log1p(-lapse) + gains, np.log(lapse))
    sums = np.zeros((n_people, gains.shape[1]))
    np.add.at(sums, codes, gains)
    whole = sums.sum(axis=0)
    bits = np.full(rows.size, np.nan)
    step, shift = _peaks((whole - sums)[codes])
    bits[inside] = _at(gains, step, shift) / np.log(2)
    step, shift = _peaks(whole[None])
    halvings = (step[0] + shift[0]) / 2
    return bits, float(np.inf if step[0] < 0 else width / 2**halvings)


def _peaks(curves: Array) -> tuple[Indices, Array]:
    """Return where each curve is highest: a step, and how far beyond it.

    A parabola through the highest step and its neighbours keeps the peak of all people
    but one near that of all. A step of -1 stands for a temperature without end, which
    gives nobody bits: the first choice where nothing is better.
    """
    n, rows = curves.shape[1], np.arange(len(curves))
    step = curves.argmax(axis=1)
    inner = np.clip(step, 1, n - 2)
    before, top, after = (curves[rows, inner + d] for d in (-1, 0, 1))
    bend = before - 2 * top + after
    bent = (inner == step) & (bend < 0)
    shift = np.where(bent, (before - after) / np.where(bent, 2 * bend, 1.0), 0.0)
    useless = curves[rows, step] <= 0
    return np.where(useless, -1, step), np.where(useless, 0.0, shift)


def _at(curves: Array, step: Indices, shift: Array) -> Array:
    """Return each curve at its own step and shift, by the same parabola."""
    rows, inner = np.arange(len(curves)), np.clip(step, 1, curves.shape[1] - 2)
    before, top, after = (curves[rows, inner + d] for d in (-1, 0, 1))
    curved = top + shift * (after - before) / 2
    curved += shift**2 * (before - 2 * top + after) / 2
    value: Array = np.where(shift == 0, curves[rows, step], curved)
    return np.where(step < 0, 0.0, value)
