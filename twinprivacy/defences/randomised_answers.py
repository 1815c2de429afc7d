"""Randomised response: a category is told truthfully with a known probability only."""

from collections.abc import Hashable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from twinprivacy._types import Indices
from twinprivacy._validation import check_rng
from twinprivacy.attacks.guarantees import PrivacyGuarantee
from twinprivacy.attacks.inference.threats import ThreatModel
from twinprivacy.defences import opendp as _opendp
from twinprivacy.defences.declared import check_budget, check_shape, check_whole_number
from twinprivacy.errors import DataError, ParameterError

__all__ = [
    "RandomisedAnswers",
]


# Smaller chances of a lie are not those of epsilon: a float near 1 has few digits.
_LEAST_LIE = 1e-12


@dataclass(frozen=True)
class RandomisedAnswers:
    r"""Tell a category with a known probability, else one of the others at random.

    With c categories and m answers about a person, each is the truth with probability
    :math:`e^{\varepsilon / m} / (e^{\varepsilon / m} + c - 1)`.

    Parameters
    ----------
    categories : sequence
        All categories that an answer may be, two or more, all different.
    epsilon : float
        Budget for all answers about a person together, above 0; infinite for the truth.
        About 27 for a single answer is as much as any other can be.
    n_answers : int
        How often a person may be asked about, 1 or more; each time all k answers count.

    Raises
    ------
    ParameterError
        For fewer than two categories, repeated ones, a setting outside its range, or an
        epsilon under which a lie is less probable than 1e-12.

    References
    ----------
    Warner (1965), doi:10.1080/01621459.1965.10480775, for two categories; Kairouz, Oh
    and Viswanath (2016), http://jmlr.org/papers/v17/15-135.html, for more.

    Examples
    --------
    >>> RandomisedAnswers(["low", "high"], epsilon=np.log(3)).truth_probability()
    0.75
    """

    categories: Sequence[Hashable]
    _: KW_ONLY
    epsilon: float
    n_answers: int = 1

    def __post_init__(self) -> None:
        """Refuse categories and budgets that are none."""
        categories = tuple(self.categories)
        object.__setattr__(self, "categories", categories)
        if len(categories) < 2 or len(set(categories)) < len(categories):
            raise ParameterError(
                "categories must be two or more, all different; got "
                f"{len(categories)}, {len(set(categories))} of them different"
            )
        check_budget(self.guarantee())
        check_whole_number(self.n_answers, name="n_answers", least=1)
        if self.epsilon < np.inf and 1 - self.truth_probability() < _LEAST_LIE:
            raise ParameterError(
                "epsilon must be infinite, or so small that a lie is told with a "
                f"probability of {_LEAST_LIE} or more; got {self.epsilon!r}"
            )

    def guarantee(self) -> PrivacyGuarantee:
        """Return what all answers about a person keep together."""
        return PrivacyGuarantee(epsilon=self.epsilon)

    def truth_probability(self, n_columns: int = 1) -> float:
        """Return the probability that one of so many answers at a time is the truth.

        Parameters
        ----------
        n_columns : int
            k, categories in an answer, 1 or more.

        Raises
        ------
        ParameterError
            For a number of columns that is none.
        """
        check_whole_number(n_columns, name="n_columns", least=1)
        others = len(self.categories) - 1
        each = self.epsilon / (n_columns * self.n_answers)
        return float(1 / (1 + others * np.exp(-each)))

    def simulate(
        self, answers: npt.ArrayLike, *, rng: np.random.Generator
    ) -> npt.NDArray[Any]:
        """Return randomised answers from a seeded generator, to study, not to release.

        Parameters
        ----------
        answers : array_like
            Categories, shape (n,) or (n, k). Where a category is a tuple, rows of k are
            lists.
        rng : numpy.random.Generator

        Returns
        -------
        numpy.ndarray
            Categories of the same shape.

        Raises
        ------
        DataError
            For answers that are none of the categories.
        """
        check_rng(rng)
        codes, shape = self._codes(answers)
        c = len(self.categories)
        is_true = rng.random(codes.size) < self._truth(shape)
        # A step of 1 to c - 1 leads to each of the others equally often.
        step = rng.integers(1, c, codes.size)
        return self._said(np.where(is_true, codes, (codes + step) % c), shape)

    def release(self, answers: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return randomised answers by OpenDP, unseeded; otherwise as `simulate`.

        Raises
        ------
        DataError
            For answers that are none of the categories.
        TwinPrivacyError
            Without OpenDP, the extra "private".
        """
        codes, shape = self._codes(answers)
        truth = self._truth(shape)
        if truth < 1:
            codes = _opendp.randomise(
                codes, n_categories=len(self.categories), truth=truth
            )
        return self._said(codes, shape)

    def threat(self, threat: ThreatModel) -> ThreatModel:
        """Refuse: an attack's likelihood knows of noise and rounding only.

        Raises
        ------
        ParameterError
            Always.
        """
        raise ParameterError(
            "a threat cannot express randomised response; got a threat on "
            f"{', '.join(threat.answers)}: attack the simulated answers instead"
        )

    def _truth(self, shape: tuple[int, ...]) -> float:
        return self.truth_probability(int(np.prod(shape[1:])))

    def _codes(self, answers: npt.ArrayLike) -> tuple[Indices, tuple[int, ...]]:
        """Return the place of each answer among the categories."""
        # A tuple is a row of answers, unless it is a category.
        has_tuples = any(isinstance(category, tuple) for category in self.categories)
        rows = (list, np.ndarray) if has_tuples else (list, np.ndarray, tuple)
        given = _as_objects(answers, rows=rows)
        check_shape(given)
        places = {category: place for place, category in enumerate(self.categories)}
        codes = np.array([_place(value, places) for value in given.flat], dtype=np.intp)
        n_bad = int((codes < 0).sum())
        if n_bad:
            raise DataError(
                f"answers must be among the {len(places)} categories; got {n_bad} of "
                f"{codes.size} others"
            )
        return codes, given.shape

    def _said(self, codes: Indices, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        return _as_plain(self.categories)[codes].reshape(shape)


def _as_objects(answers: Any, *, rows: tuple[type, ...]) -> npt.NDArray[np.object_]:
    """Return answers as they are, shape (n,), or (n, k) if all are rows."""
    if not isinstance(answers, list | tuple):
        return np.asarray(answers, dtype=object)
    if answers and all(isinstance(answer, rows) for answer in answers):
        given = [_item_by_item(row) for row in answers]
        if len({len(row) for row in given}) == 1:
            return np.stack(given)
    return _item_by_item(answers)


def _item_by_item(values: Sequence[Any]) -> npt.NDArray[np.object_]:
    """Return values as they are; numpy would take tuples apart, and make 1 a text."""
    found = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        found[place] = value
    return found


def _as_plain(categories: Sequence[Hashable]) -> npt.NDArray[Any]:
    """Return categories as an array of their own kind where there is one."""
    try:
        plain = np.asarray(categories)
    except ValueError:
        return _item_by_item(categories)
    is_kept = plain.ndim == 1 and plain.tolist() == list(categories)
    return plain if is_kept else _item_by_item(categories)


def _place(answer: Any, places: dict[Hashable, int]) -> int:
    try:
        return places.get(answer, -1)
    except TypeError:
        return -1  # What has no hash is no category.
