"""Split people into sets of those who look the same, one attribute at a time."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Integers

# Cells of a table of counts for each person, above which a hash table takes over.
_CELLS_PER_PERSON = 4


@dataclass(frozen=True, eq=False, repr=False)
class Partition:
    """Sets of people who look the same; those who stand alone are set aside.

    More attributes never bring anybody back into a set, so that a person who is alone
    is not looked at again: d attributes cost d passes over fewer and fewer people.

    Attributes
    ----------
    n_people : int
    people : numpy.ndarray
        Rows of those who are not alone, ascending.
    labels : numpy.ndarray
        Set of each of them, from 0.
    sizes : numpy.ndarray
        People in each set, 2 or more.
    """

    n_people: int
    people: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]

    @property
    def n_unique(self) -> int:
        """Number of people who stand alone."""
        return self.n_people - len(self.people)

    def refined(self, codes: Integers, n_codes: int) -> "Partition":
        """Split every set by the codes, in [-1, n_codes), of its `people`."""
        width = n_codes + 1
        keys = self.labels * width + (codes + 1)
        n_cells = len(self.sizes) * width
        if n_cells > _CELLS_PER_PERSON * len(keys) + 256:
            keys, distinct = pd.factorize(keys)
            n_cells = len(distinct)
        counts = np.bincount(keys, minlength=n_cells)
        shared = counts > 1
        labels = np.cumsum(shared) - 1
        stays = shared[keys]
        if stays.all():
            return Partition(self.n_people, self.people, labels[keys], counts[shared])
        keys = keys[stays]
        return Partition(
            self.n_people, self.people[stays], labels[keys], counts[shared]
        )

    @property
    def n_sets(self) -> int:
        """Number of sets, those of one person included."""
        return len(self.sizes) + self.n_unique

    def histogram(self) -> pd.DataFrame:
        """Return how many sets there are of each size: set_size, n_sets."""
        size, n_sets = np.unique(self.sizes, return_counts=True)
        if self.n_unique:
            size, n_sets = np.append(1, size), np.append(self.n_unique, n_sets)
        return pd.DataFrame({"set_size": size, "n_sets": n_sets})

    def set_sizes(self) -> npt.NDArray[np.int64]:
        """Return the size of everybody's set."""
        sizes = np.ones(self.n_people, dtype=np.int64)
        sizes[self.people] = self.sizes[self.labels]
        return sizes

    def set_labels(self) -> npt.NDArray[np.int64]:
        """Return everybody's set, from 0; those alone come last."""
        labels = np.empty(self.n_people, dtype=np.int64)
        alone = np.ones(self.n_people, dtype=bool)
        alone[self.people] = False
        labels[self.people] = self.labels
        labels[alone] = len(self.sizes) + np.arange(self.n_unique)
        return labels


def one_set(n_people: int) -> Partition:
    """Return the partition in which everybody looks the same."""
    n_together = n_people if n_people > 1 else 0
    sizes = np.array([n_people] if n_together else [], dtype=np.int64)
    labels = np.zeros(n_together, dtype=np.int64)
    return Partition(n_people, np.arange(n_together), labels, sizes)
