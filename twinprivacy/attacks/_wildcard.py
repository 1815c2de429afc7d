"""Sizes of sets where a missing value may be anything, so that sets overlap."""

import itertools

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Integers
from twinprivacy.attacks._columns import value_codes
from twinprivacy.attacks._partition import one_set


def matching_people(people: pd.DataFrame) -> Integers:
    """Count for each person the people with whom no known value is at odds.

    Two people match if each attribute is equal or missing in at least one of them; a
    person matches him- or herself. Matching is not transitive, so these sets are no
    partition. Records with the same gaps are compared with those of every other
    pattern of gaps on the attributes that both have: one pass for each two patterns.
    """
    coded = [value_codes(people[name]) for name in people.columns]
    split = one_set(len(people))
    for codes, width in coded:
        split = split.refined(codes[split.people], width)
    labels = split.set_labels()
    _, first, weights = np.unique(labels, return_index=True, return_counts=True)
    records = np.column_stack([codes[first] for codes, _ in coded])
    widths = [width for _, width in coded]
    patterns, of_record = np.unique(records >= 0, axis=0, return_inverse=True)
    groups = [np.flatnonzero(of_record == p) for p in range(len(patterns))]
    found = np.zeros(len(records), dtype=np.int64)
    pairs = itertools.combinations_with_replacement(range(len(patterns)), 2)
    for one, other in pairs:
        both = np.flatnonzero(patterns[one] & patterns[other])
        rows = np.concatenate([groups[one], groups[other]])
        looks = _looks(records[rows], both, widths)
        here, there = np.split(looks, [len(groups[one])])
        n_looks = int(looks.max()) + 1
        found[groups[one]] += _total(there, weights[groups[other]], n_looks)[here]
        if other != one:
            found[groups[other]] += _total(here, weights[groups[one]], n_looks)[there]
    return found[labels]


def _looks(
    records: Integers, columns: npt.NDArray[np.intp], widths: list[int]
) -> Integers:
    """Return for each record a number that is the same where these columns are."""
    split = one_set(len(records))
    for column in columns:
        split = split.refined(records[split.people, column], widths[column])
    return split.set_labels()


def _total(looks: Integers, weights: Integers, n_looks: int) -> Integers:
    return np.bincount(looks, weights, n_looks).astype(np.int64)
