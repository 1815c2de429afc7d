"""Shadow models: what a twin would say of a person, had it learned from them or not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array, Flags
from twinprivacy._validation import check_rng, check_whole
from twinprivacy.attacks.membership.observed import (
    Happened,
    MembershipThreat,
    Persons,
    direction,
    evidence,
    log_likelihood,
    observe,
    persons_of,
    predict,
    read_outcome,
    targets_of,
)
from twinprivacy.attacks.membership.result import MembershipResult
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.tables import check_table
from twinprivacy.twins.outcome.columns import sorted_rows

__all__ = [
    "Shadows",
    "fit_shadows",
]


@dataclass(frozen=True, repr=False, eq=False)
class Shadows:
    """What shadow models said of everyone, without the models.

    It holds the table that they were fitted to, records and all.

    Attributes
    ----------
    inside, outside : numpy.ndarray
        Shape (pairs, rows): for each pair of models what the one that was trained on a
        row said of it, and what the other said.
    """

    inside: Array
    outside: Array
    _in_first: Flags
    _frame: pd.DataFrame
    _persons: Persons
    _happened: Happened

    def __repr__(self) -> str:
        """Show how many there are, and nobody."""
        n_people = len(self._persons.names)
        return f"Shadows(n_shadows={2 * len(self.inside)}, people={n_people})"

    def loss_attack(
        self, *, threat: MembershipThreat | None = None, by: Sequence[str] = ()
    ) -> MembershipResult:
        """Attack each model by how well it knows what happened, without the others.

        Parameters
        ----------
        threat : MembershipThreat, optional
            By default every digit is observed.
        by : sequence of str
            Columns to keep for `MembershipResult.by_group`, none named member, score,
            signal or round; a person's first row counts.

        Returns
        -------
        MembershipResult
            Of every model in turn; scores as those of `infer_membership`.

        References
        ----------
        Yeom et al. (2018), doi:10.1109/CSF.2018.00027.
        """
        # Of each model what it said of everyone: a survival's baseline is the model's.
        first, second = (
            np.stack([log_likelihood(row, self._happened) for row in observed])
            for observed in self._swap(*self._observed(threat))
        )
        inside, outside = (
            {"score": self._persons.mean(score)} for score in self._swap(first, second)
        )
        return self._result("loss", inside, outside, by)

    def likelihood_ratio_attack(
        self,
        *,
        online: bool = True,
        threat: MembershipThreat | None = None,
        by: Sequence[str] = (),
    ) -> MembershipResult:
        r"""Attack each pair of models by what the other pairs said.

        Online, the score is

        .. math:: \log N(\phi; \mu_{in}, s_{in}) - \log N(\phi; \mu_{out}, s_{out});

        offline, without models that were trained on the person,
        :math:`\pm(\phi - \mu_{out}) / s_{out}`, positive towards what happened. The
        evidence :math:`\phi` is the log odds of a probability, the log of a relative
        hazard, and a number as it is: likelihood ratios are the same for it and for its
        residual. The variance is each person's own, shrunk to that of all, which counts
        as much as two pairs, and a thousandth of the mean one at least.

        Parameters
        ----------
        online : bool
            Whether the attacker's models may be trained on the person attacked.
        threat, by
            As for `loss_attack`.

        Returns
        -------
        MembershipResult
            Of every model in turn, each person as a member and as another in each pair,
            scores of several rows added up; with the signals that `risk_distribution`
            reads.

        Raises
        ------
        DataError, ParameterError
            For a threat that does not suit the outcome, or columns of `by` that are
            absent or the attack's own.

        References
        ----------
        Carlini et al. (2022), doi:10.1109/SP46214.2022.9833649.
        """
        kind = self._happened.kind
        sides = [evidence(side, kind) for side in self._observed(threat)]
        law_in, law_out = (_usual(side) for side in sides)
        # Which way training pulls, the same for either side of a pair.
        middle = (sides[0].mean(axis=0) + sides[1].mean(axis=0)) / 2
        pull = direction(self._happened, middle)
        scores = []
        for side in sides:
            if online:
                score = law_in.log_density(side) - law_out.log_density(side)
            else:
                score = pull * law_out.distance(side)
            both = {"score": score, "signal": pull * side}
            scores.append({k: self._persons.add_up(v) for k, v in both.items()})
        name = f"likelihood ratio, {'online' if online else 'offline'}"
        return self._result(name, scores[0], scores[1], by)

    def _observed(self, threat: MembershipThreat | None) -> tuple[Array, Array]:
        kind = self._happened.kind
        return observe(self.inside, kind, threat), observe(self.outside, kind, threat)

    def _swap(self, one: Array, other: Array) -> tuple[Array, Array]:
        """Turn what was said from inside and outside into that of either model."""
        return (
            np.where(self._in_first, one, other),
            np.where(self._in_first, other, one),
        )

    def _result(
        self,
        attack: str,
        inside: dict[str, Array],
        outside: dict[str, Array],
        by: Sequence[str],
    ) -> MembershipResult:
        check_table(self._frame, name="frame", columns=by)
        sides = [
            targets_of(self._persons, self._frame, member=member, by=by, **columns)
            for member, columns in ((True, inside), (False, outside))
        ]
        return MembershipResult(pd.concat(sides), attack)


def fit_shadows(
    frame: pd.DataFrame,
    fit: Callable[..., Any],
    *,
    outcome: str | tuple[str, str],
    n_shadows: int = 64,
    groups: str | None = None,
    rng: np.random.Generator,
) -> Shadows:
    """Fit pairs of models to random halves of the people, and keep what they say.

    Each pair shares out the people, so that everyone is in exactly half of the models.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per person, or several named by `groups`, with an index of their own.
        Categories must be declared (a categorical column) where a half may lack one.
    fit : callable
        ``fit(frame, rng=)`` gives a model with ``predict(frame)``, shape (n,), or
        callable: numbers, probabilities, or for survival relative hazards; for example
        ``partial(fit_outcome_twin, outcome=..., features=..., folds=0)``.
    outcome : str or tuple of str
        Column of numbers, or of true and false; or (duration, event).
    n_shadows : int
        Models, even, 6 or more.
    groups : str, optional
        Column that names the rows of one person, who is in or out as a whole.
    rng : numpy.random.Generator
        Source of halves and fits. The same shadows for any number of workers of joblib
        and any order of rows.

    Returns
    -------
    Shadows
        The answers, less than 9 bytes for each model and row, and the table itself,
        which `by` needs: store it as safely as the cohort. The
        models are not kept.

    Raises
    ------
    DataError
        For fewer than four persons, a repeated index, missing columns, outcomes or
        answers that are not what they should be; and what `fit` raises.
    ParameterError
        If `n_shadows` is odd, too small or no whole number.

    Notes
    -----
    The table goes to the workers inside each task. On a Dask cluster an argument would
    be kept by one worker only and be lost with it
    (https://github.com/dask/distributed/issues/3149); so a killed worker costs the time
    of its task and nothing else.

    References
    ----------
    Carlini et al. (2022), doi:10.1109/SP46214.2022.9833649.

    Examples
    --------
    >>> from functools import partial
    >>> from twinprivacy.datasets import load_cohort
    >>> from twinprivacy.twins.outcome import fit_outcome_twin
    >>> people = load_cohort("diabetes")
    >>> fit = partial(
    ...     fit_outcome_twin, outcome="progression_score",
    ...     features=["age_years", "bmi_kg_m2"], folds=0)
    >>> fit_shadows(
    ...     people, fit, outcome="progression_score", n_shadows=6,
    ...     rng=np.random.default_rng(7))
    Shadows(n_shadows=6, people=442)
    """
    from joblib import Parallel, delayed

    check_rng(rng)
    check_whole(n_shadows, name="n_shadows", least=6)
    if n_shadows % 2:
        raise ParameterError(f"n_shadows must be even; got {n_shadows!r}")
    check_table(frame, name="frame", least=4, own_index=True)
    ordered = frame.iloc[sorted_rows(frame.index)]
    persons = persons_of(ordered, groups, name="frame")
    if len(persons.names) < 4:
        raise DataError(f"frame must hold 4 persons at least; got {len(persons.names)}")
    happened = read_outcome(ordered, outcome)

    def fit_pair(child: np.random.Generator) -> tuple[Array, Array, Flags]:
        deal_rng, *fit_rngs = child.spawn(3)
        in_first = _deal(persons, deal_rng)
        said = [
            predict(fit(ordered[half], rng=own), ordered, happened.kind)
            for half, own in zip((in_first, ~in_first), fit_rngs, strict=True)
        ]
        return np.where(in_first, *said), np.where(in_first, *said[::-1]), in_first

    tasks = (delayed(fit_pair)(child) for child in rng.spawn(int(n_shadows) // 2))
    answered = zip(*Parallel()(tasks), strict=True)
    inside, outside, in_first = (np.stack(side) for side in answered)
    return Shadows(inside, outside, in_first, ordered, persons, happened)


def _deal(persons: Persons, rng: np.random.Generator) -> Flags:
    """Return the rows of a random half of the persons."""
    n = len(persons.names)
    half = np.zeros(n, dtype=bool)
    half[rng.permutation(n)[: n // 2]] = True
    return half[persons.codes]


@dataclass(frozen=True, repr=False)
class _Law:
    """Normal laws of evidence: for each pair left out, of each person."""

    mean: Array
    variance: Array

    def log_density(self, evidence: Array) -> Array:
        """Return the logarithm of the density, but for a constant."""
        gap = evidence - self.mean
        return -(gap**2) / (2 * self.variance) - np.log(self.variance) / 2

    def distance(self, evidence: Array) -> Array:
        """Return how many standard deviations evidence lies above the mean."""
        return np.asarray((evidence - self.mean) / np.sqrt(self.variance))


# Pairs that the variance of all counts for. Two do as well as one variance for each, or
# one for all, or nearly, for forests and a regression of real cohorts with 16 shadows.
_WEIGHT = 2.0


def _usual(evidence: Array) -> _Law:
    """Estimate the laws of evidence, shape (pairs, people), without each pair."""
    n = len(evidence)
    middle = evidence.mean(axis=0)
    rest = evidence - middle
    squares = (rest**2).sum(axis=0)
    # Taking one away moves the mean by rest / (n - 1), and the sum of squares by
    # rest^2 n / (n - 1).
    mean = middle - rest / (n - 1)
    own = np.maximum(squares - rest**2 * (n / (n - 1)), 0.0) / (n - 2)
    # Where answers never vary any difference is decisive, but must stay finite.
    of_all = np.asarray(np.maximum(own.mean(axis=1, keepdims=True), 1e-12))
    mixed = ((n - 2) * own + _WEIGHT * of_all) / (n - 2 + _WEIGHT)
    return _Law(np.asarray(mean), np.asarray(np.maximum(mixed, 1e-3 * of_all)))
