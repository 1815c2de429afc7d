"""Shadow models: what a twin would say of a person, had it learned from them or not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array, Flags
from twinprivacy._validation import check_choice, check_rng
from twinprivacy.attacks.membership import observed as answers
from twinprivacy.attacks.membership.inference import MembershipThreat
from twinprivacy.attacks.membership.observed import (
    People,
    check_by,
    check_table,
    read_people,
    targets_table,
)
from twinprivacy.attacks.membership.result import MembershipResult
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.twins.outcome.columns import sorted_rows

__all__ = [
    "Shadows",
    "attack_with_shadows",
    "fit_shadows",
]


Fit = Callable[..., Any]


@dataclass(frozen=True, repr=False, eq=False)
class Shadows:
    """What shadow models said of everyone, without the models.

    It holds the table that they were fitted to, records and all.

    Attributes
    ----------
    inside, outside : numpy.ndarray
        Shape (pairs, rows): for each pair of models what the one that was trained on a
        row said of it, and what the other said.
    n_people : int
        Persons; they may have several rows each.
    """

    inside: Array
    outside: Array
    _in_first: npt.NDArray[np.bool_]
    _frame: pd.DataFrame
    _people: People
    _outcome: answers.Outcome

    def __repr__(self) -> str:
        """Show how many there are, and nobody."""
        return f"Shadows(n_shadows={2 * len(self.inside)}, people={self.n_people})"

    @property
    def n_people(self) -> int:
        """Persons; they may have several rows each."""
        return len(self._people.names)

    def loss_attack(
        self, *, threat: MembershipThreat | None = None, by: Sequence[str] = ()
    ) -> MembershipResult:
        """Attack each model by how well it knows what happened, without the others.

        Parameters
        ----------
        threat : MembershipThreat, optional
            By default the outcome is known and every digit is heard.
        by : sequence of str
            Columns to keep for `MembershipResult.by_group`.

        Returns
        -------
        MembershipResult
            Of every model in turn; scores as those of `infer_membership`.

        References
        ----------
        Yeom et al. (2018), doi:10.1109/CSF.2018.00027.
        """
        inside, outside = self._heard(threat)
        # Of each model what it said of everyone: a survival's baseline is the model's.
        first, second = (
            np.stack([answers.log_likelihood(row, self._outcome) for row in said])
            for said in self._swap(inside, outside)
        )
        n_rows = self._people.add_up(np.ones(len(self._frame)))
        sides = [
            (member, {"score": self._people.add_up(score) / n_rows})
            for member, score in zip(
                (True, False), self._swap(first, second), strict=True
            )
        ]
        return MembershipResult(self._targets(by, sides), "loss")

    def _swap(self, one: Array, other: Array) -> tuple[Array, Array]:
        """Turn what was said from inside and outside into that of either model."""
        return (
            np.where(self._in_first, one, other),
            np.where(self._in_first, other, one),
        )

    def likelihood_ratio_attack(
        self,
        *,
        online: bool = True,
        variances: str = "shrunk",
        threat: MembershipThreat | None = None,
        by: Sequence[str] = (),
    ) -> MembershipResult:
        """Attack each pair of models by what the other pairs said.

        Parameters
        ----------
        online, variances, threat, by
            As for `attack_with_shadows`.

        Returns
        -------
        MembershipResult
            Of every model in turn, with the signals that `patient_risk` reads.
        """
        weight = _weight(variances)
        inside, outside = self._evidence(threat)
        pull = self._pull(inside, outside)
        laws = [
            usual(side, weight=weight, leave_one_out=True) for side in (inside, outside)
        ]
        sides = []
        for member, side in ((True, inside), (False, outside)):
            score = _likelihood_ratio(side, *laws, online=online, pull=pull)
            columns = {"score": score, "signal": pull * side}
            summed = {name: self._people.add_up(v) for name, v in columns.items()}
            sides.append((member, summed))
        return MembershipResult(self._targets(by, sides), _name(online))

    def attack_target(
        self,
        target: Any,
        members: Any,
        *,
        online: bool = True,
        variances: str = "shrunk",
        threat: MembershipThreat | None = None,
        by: Sequence[str] = (),
    ) -> MembershipResult:
        """Attack one given model by what all shadow models said.

        Parameters
        ----------
        target : object
            With ``predict``, or callable, as for `infer_membership`.
        members : pandas.Index or array_like
            Index of the rows that trained it; the others in the table did not.
        online, variances, threat, by
            As for `attack_with_shadows`.

        Returns
        -------
        MembershipResult

        Raises
        ------
        DataError
            If members are not in the table, or a person is a member in part.
        """
        is_member = self._read_members(members)
        said = answers.ask(target, self._frame, self._outcome.kind)
        heard = answers.evidence(self._hear(said, threat), self._outcome.kind)
        inside, outside = self._evidence(threat)
        weight = _weight(variances)
        laws = [
            usual(side, weight=weight, leave_one_out=False)
            for side in (inside, outside)
        ]
        pull = self._pull(inside, outside)
        score = _likelihood_ratio(heard[None, :], *laws, online=online, pull=pull)
        score = self._people.add_up(score)
        table = self._targets(by, [(True, {"score": score})])
        table["member"] = is_member
        return MembershipResult(table, _name(online))

    def _read_members(self, members: Any) -> npt.NDArray[np.bool_]:
        index = pd.Index(members)
        n_absent = int((~index.isin(self._frame.index)).sum())
        if n_absent or not len(index):
            raise DataError(
                "members must be rows of the table that the shadows were fitted to; "
                f"got {n_absent} of {len(index)} that are not"
            )
        share = self._people.add_up(self._frame.index.isin(index).astype(float))
        share = share / self._people.add_up(np.ones(len(self._frame)))
        n_torn = int(((share > 0) & (share < 1)).sum())
        if n_torn:
            raise DataError(
                f"members must hold all rows of a person or none; got {n_torn} persons "
                "in part"
            )
        return np.asarray(share == 1)

    def _hear(self, said: Array, threat: MembershipThreat | None) -> Array:
        threat = MembershipThreat() if threat is None else threat
        if not threat.knows_outcome:
            raise ParameterError(
                "knows_outcome must be True with shadow models, which are trained on "
                "the outcome; got False"
            )
        return answers.hear(
            said,
            self._outcome.kind,
            output_precision=threat.output_precision,
            label_only=threat.label_only,
        )

    def _heard(self, threat: MembershipThreat | None) -> tuple[Array, Array]:
        return self._hear(self.inside, threat), self._hear(self.outside, threat)

    def _evidence(self, threat: MembershipThreat | None) -> tuple[Array, Array]:
        inside, outside = self._heard(threat)
        kind = self._outcome.kind
        return answers.evidence(inside, kind), answers.evidence(outside, kind)

    def _pull(self, inside: Array, outside: Array) -> Array:
        """Return which way training pulls, the same for either side of a pair."""
        middle = (inside.mean(axis=0) + outside.mean(axis=0)) / 2
        return answers.direction(self._outcome, middle)

    def _targets(
        self, by: Sequence[str], sides: Sequence[tuple[bool, dict[str, Array]]]
    ) -> pd.DataFrame:
        check_table(self._frame, name="frame", least=1, columns=list(by))
        return targets_table(self._people, self._frame, by, sides)


def fit_shadows(
    frame: pd.DataFrame,
    fit: Fit,
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
        which `attack_target` and `by` need: store it as safely as the cohort. The
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
    if not isinstance(n_shadows, int | np.integer) or n_shadows < 6 or n_shadows % 2:
        raise ParameterError(f"n_shadows must be even, 6 or more; got {n_shadows!r}")
    check_table(frame, name="frame", least=4)
    ordered = frame.iloc[sorted_rows(frame.index)]
    people = read_people(ordered, groups, name="frame")
    if len(people.names) < 4:
        raise DataError(f"frame must hold 4 persons at least; got {len(people.names)}")
    happened = answers.read_outcome(ordered, outcome)

    def fit_pair(child: np.random.Generator) -> tuple[Array, Array, Flags]:
        deal_rng, *fit_rngs = child.spawn(3)
        in_first = _deal(people, deal_rng)
        said = [
            answers.ask(fit(ordered[half], rng=own), ordered, happened.kind)
            for half, own in zip((in_first, ~in_first), fit_rngs, strict=True)
        ]
        return np.where(in_first, *said), np.where(in_first, *said[::-1]), in_first

    tasks = (delayed(fit_pair)(child) for child in rng.spawn(int(n_shadows) // 2))
    answered = zip(*Parallel()(tasks), strict=True)
    inside, outside, in_first = (np.stack(side) for side in answered)
    return Shadows(inside, outside, in_first, ordered, people, happened)


def attack_with_shadows(
    frame: pd.DataFrame,
    fit: Fit,
    *,
    outcome: str | tuple[str, str],
    n_shadows: int = 64,
    online: bool = True,
    variances: str = "shrunk",
    threat: MembershipThreat | None = None,
    groups: str | None = None,
    by: Sequence[str] = (),
    rng: np.random.Generator,
) -> MembershipResult:
    r"""Attack models of random halves of a cohort by likelihood ratios.

    Each shadow model in turn is the one attacked, the others (but the one that was
    trained on the other half) say what is usual. Online, the score is

    .. math:: \log N(\phi; \mu_{in}, s_{in}) - \log N(\phi; \mu_{out}, s_{out});

    offline, without models that were trained on the person,
    :math:`\pm(\phi - \mu_{out}) / s_{out}`, positive towards what happened. The
    evidence :math:`\phi` is the log odds of a probability, the log of a relative
    hazard, and a number as it is: likelihood ratios are the same for it and for its
    residual.

    Parameters
    ----------
    frame, fit, outcome, n_shadows, groups, rng
        As for `fit_shadows`.
    online : bool
        Whether the attacker's models may be trained on the person attacked.
    variances : {"shrunk", "pooled", "person"}
        Whether s is each person's own, that of all, or between the two: that of all
        counts as much as two pairs of shadows. The middle suits few shadows and many.
    threat : MembershipThreat, optional
        By default every digit is heard; the outcome must be known.
    by : sequence of str
        Columns to keep for `MembershipResult.by_group`, none named member, score,
        signal or round; a person's first row counts.

    Returns
    -------
    MembershipResult
        Each person as a member and as another in each pair, scores of several rows
        added up. Intervals count persons.

    Raises
    ------
    DataError, ParameterError
        As `fit_shadows`, and for settings outside their range or columns of `by` that
        are the attack's own.

    Notes
    -----
    For several attacks on the same models fit once, with `fit_shadows`; for one given
    model see `Shadows.attack_target`. A variance of one person is a thousandth of the
    mean one at least.

    References
    ----------
    Carlini et al. (2022), doi:10.1109/SP46214.2022.9833649.

    Examples
    --------
    >>> from functools import partial
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> from twinprivacy.datasets import load_cohort
    >>> from twinprivacy.twins.outcome import fit_outcome_twin
    >>> fit = partial(
    ...     fit_outcome_twin, outcome="progression_score",
    ...     features=["bmi_kg_m2", "mean_bp_mmhg"], folds=0,
    ...     estimator=DecisionTreeRegressor())
    >>> found = attack_with_shadows(
    ...     load_cohort("diabetes"), fit, outcome="progression_score", n_shadows=8,
    ...     rng=np.random.default_rng(7))
    >>> bool(found.area_under_curve().low > 0.7)
    True
    """
    check_by(by)
    shadows = fit_shadows(
        frame, fit, outcome=outcome, n_shadows=n_shadows, groups=groups, rng=rng
    )
    return shadows.likelihood_ratio_attack(
        online=online, variances=variances, threat=threat, by=by
    )


def _deal(people: People, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Return the rows of a random half of the persons."""
    n = len(people.names)
    half = np.zeros(n, dtype=bool)
    half[rng.permutation(n)[: n // 2]] = True
    return half[people.codes]


# Pairs that the variance of all counts for. Two do as well as the better of the
# extremes, or nearly, for forests and a regression of real cohorts with 16 shadows.
_WEIGHTS = {"shrunk": 2.0, "pooled": np.inf, "person": 0.0}


def _name(online: bool) -> str:
    return f"likelihood ratio, {'online' if online else 'offline'}"


def _weight(variances: str) -> float:
    check_choice(variances, name="variances", allowed=tuple(_WEIGHTS))
    return _WEIGHTS[variances]


@dataclass(frozen=True, repr=False)
class _Law:
    """Normal laws of evidence: a mean of each person, and a variance."""

    mean: Array
    variance: Array

    def log_density(self, evidence: Array) -> Array:
        """Return the logarithm of the density, but for a constant."""
        gap = evidence - self.mean
        return -(gap**2) / (2 * self.variance) - np.log(self.variance) / 2

    def distance(self, evidence: Array) -> Array:
        """Return how many standard deviations evidence lies above the mean."""
        return np.asarray((evidence - self.mean) / np.sqrt(self.variance))


def usual(evidence: Array, *, weight: float, leave_one_out: bool) -> _Law:
    """Estimate the laws of evidence, shape (pairs, people).

    Left out one at a time, or not, the laws have a row for each pair, or one. The
    variance of all people counts as much as so many pairs (`weight`) of one's own.
    """
    n = len(evidence)
    middle = evidence.mean(axis=0)
    rest = evidence - middle
    squares = (rest**2).sum(axis=0)
    if not leave_one_out:
        of_person = (squares / (n - 1))[None, :]
        return _Law(middle[None, :], _variance(of_person, n - 1, weight))
    # Taking one away moves the mean by rest / (n - 1), and the sum of squares by
    # rest^2 n / (n - 1).
    mean = middle - rest / (n - 1)
    left = np.maximum(squares - rest**2 * (n / (n - 1)), 0.0) / (n - 2)
    return _Law(np.asarray(mean), _variance(left, n - 2, weight))


def _variance(of_person: Array, freedom: int, weight: float) -> Array:
    """Return variances between each person's own and that of all, never nothing."""
    # Where answers never vary any difference is decisive, but must stay finite.
    of_all = np.asarray(np.maximum(of_person.mean(axis=1, keepdims=True), 1e-12))
    if np.isinf(weight):
        return of_all
    mixed = (freedom * of_person + weight * of_all) / (freedom + weight)
    return np.asarray(np.maximum(mixed, 1e-3 * of_all))


def _likelihood_ratio(
    evidence: Array, inside: _Law, outside: _Law, *, online: bool, pull: Array
) -> Array:
    """Return the score: two laws online, the distance from one offline."""
    if online:
        return inside.log_density(evidence) - outside.log_density(evidence)
    return np.asarray(pull * outside.distance(evidence))
