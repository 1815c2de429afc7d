"""Attribute inference: what a twin's answers reveal about what its patient never told.

One evaluation for every attacker. What an attacker may learn comes from auxiliary
people alone; targets are only attacked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._validation import (
    check_choices,
    check_fraction,
    check_rng,
    check_whole,
)
from twinprivacy.attacks.inference import reading, result
from twinprivacy.attacks.inference.learned_attacker import ALL_MODELS, Learned, learn
from twinprivacy.attacks.inference.result import AttackResult, Scores
from twinprivacy.attacks.inference.threats import (
    Ask,
    Attacker,
    Auxiliary,
    FittedAttacker,
    Secret,
    ThreatModel,
)
from twinprivacy.errors import ParameterError

__all__ = [
    "infer_attribute",
]


def infer_attribute(
    twin: Any,
    members: pd.DataFrame,
    controls: pd.DataFrame,
    *,
    threat: ThreatModel,
    attacker: Attacker,
    auxiliary: pd.DataFrame,
    rng: np.random.Generator,
    groups: str | None = None,
    subgroups: Sequence[str] = (),
    models: Sequence[str] = ALL_MODELS,
    n_surest: int = 100,
    confidence_level: float = 0.95,
) -> AttackResult:
    r"""Infer a sensitive attribute of people from what a twin says of them.

    The gain is the success of the attack minus that of imputation on the same members,
    and the information in bits, with :math:`k` known and :math:`a` answered,

    .. math:: \frac{1}{n} \sum_{i=1}^{n}
       \log_2 P(s_i \mid k_i, a_i) - \log_2 P(s_i \mid k_i).

    Parameters
    ----------
    twin : callable, object with predict, or None
        Asked about the people of a table, it gives shape (n,) or (n, n_answers). None
        means that the answers are columns of the three tables, as when a record leaks.
    members, controls : pandas.DataFrame
        Targets: people whom the twin was trained on, and people whom it was not; a row
        each, with all that the twin must be told, the known and the sensitive columns.
    threat : ThreatModel
        What the attacker wants, knows and sees.
    attacker : Attacker
        `BayesInversion`, `QueryInversion`, `LearnedAttacker`, or one of your own with
        their `fit`.
    auxiliary : pandas.DataFrame
        Other people, with the same columns, whom the attacker learns from.
    rng : numpy.random.Generator
        Source of noise, folds and random states.
    groups : str, optional
        Column that names the rows of one person, who is held out, and counted, whole.
    subgroups : sequence of str
        Columns by whose values the result is given as well.
    models : sequence of str
        Candidates for the imputation baseline; the best on auxiliary people by
        cross-validated log loss is used.
    n_surest : int
        How many of the surest guesses precision at n counts, from 1.
    confidence_level : float
        Strictly between 0 and 1.

    Returns
    -------
    AttackResult
        The same for any order of rows and any number of workers.

    Raises
    ------
    ParameterError
        For a setting outside its range, a twin that cannot be asked, or a secret that
        is a number without `threat.tolerance`.
    DataError
        For tables that are empty, lack columns or share people; a secret that is
        missing, has one value among auxiliary people, or a value that none of them
        has; answers that are missing, infinite or of another shape.

    Notes
    -----
    - The attack's probabilities are mixed with imputation's with weight 1 / (n + 1), n
      auxiliary people, so that being sure and wrong costs a finite number of bits.
    - Intervals hold the chance of who was attacked, with the attacker as it was fitted;
      they do not hold the chance of who taught it.
    - A number is guessed as the value with most probability within the tolerance.
      Secrets beyond the range of the auxiliary people count to the outermost bin.

    References
    ----------
    Fredrikson et al. (2014), USENIX Security, 17-32; Jayaraman and Evans (2022),
    doi:10.1145/3548606.3560663; Newcombe (1998),
    doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I; Gneiting and
    Raftery (2007), doi:10.1198/016214506000001437.

    Examples
    --------
    A twin whose answer is the secret gives all of it away.

    >>> from twinprivacy.attacks.inference import LearnedAttacker
    >>> rng = np.random.default_rng(1_709)
    >>> people = pd.DataFrame({
    ...     "age_years": rng.uniform(20, 90, 900), "smoker": rng.random(900) < 0.3})
    >>> threat = ThreatModel(
    ...     sensitive="smoker", known=("age_years",), answers=("risk",))
    >>> infer_attribute(
    ...     lambda people: people["smoker"] * 1.0, people[:300], people[300:600],
    ...     threat=threat, attacker=LearnedAttacker(models=("logistic",)),
    ...     auxiliary=people[600:], rng=rng).success
    Estimate(value=1, low=0.987, high=1, confidence_level=0.95, n=300)
    """
    check_rng(rng)
    check_fraction(confidence_level, name="confidence_level")
    attack = AttackSettings(
        threat, attacker, tuple(models), groups, tuple(subgroups), n_surest
    )
    tables = {"members": members, "controls": controls, "auxiliary": auxiliary}
    found = evaluate(attack, reading.asker(twin), tables, rng=rng)
    return summarise(attack, found, level=confidence_level)


@dataclass(frozen=True, eq=False, repr=False)
class AttackSettings:
    """The settings of an attack, the same for every split of a cohort."""

    threat: ThreatModel
    attacker: Attacker
    models: tuple[str, ...]
    groups: str | None
    subgroups: tuple[str, ...]
    n_surest: int

    def __post_init__(self) -> None:
        """Refuse what is no threat, no attacker or no count."""
        if not isinstance(self.threat, ThreatModel):
            raise ParameterError(
                f"threat must be a ThreatModel; got {type(self.threat).__name__}"
            )
        attacker: Any = self.attacker
        is_class = isinstance(attacker, type)
        if is_class or not callable(getattr(attacker, "fit", None)):
            got = attacker if is_class else type(attacker)
            raise ParameterError(
                "attacker must be an object with a method fit, such as "
                f"LearnedAttacker(); got {got.__name__}"
            )
        check_choices(self.models, name="models", allowed=ALL_MODELS)
        check_whole(self.n_surest, name="n_surest")


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """Both groups of targets, with what came of the guesses at them."""

    members: Scores
    controls: Scores
    secret: Secret
    imputation_model: str


def evaluate(
    attack: AttackSettings,
    ask: Ask | None,
    tables: dict[str, pd.DataFrame],
    *,
    rng: np.random.Generator,
    secret: Secret | None = None,
) -> Evaluation:
    """Attack the members and controls of `tables`, taught by its auxiliary people."""
    threat = attack.threat
    noise_rng, model_rng, attack_rng = rng.spawn(3)
    needed = [threat.sensitive, *threat.known, *attack.subgroups]
    people = reading.read_people(
        tables,
        ask,
        threat,
        needed=needed,
        groups=attack.groups,
        secret=secret,
        rng=noise_rng,
    )
    secret, taught = people.secret, people.auxiliary
    imputation = learn(
        taught.frame[list(threat.known)],
        taught.codes,
        secret,
        models=attack.models,
        groups=taught.persons,
        numbers=taught.numbers,
        rng=model_rng,
    )
    handed = Auxiliary(
        people=taught.frame,
        answers=taught.answers,
        secret=secret,
        codes=taught.codes,
        prior=imputation.out_of_fold,
        ask=ask,
        threat=threat,
        persons=taught.persons,
    )
    fitted = attack.attacker.fit(handed, rng=attack_rng)
    members, controls = (
        _attack(targets, fitted, imputation, taught, secret, threat)
        for targets in (people.members, people.controls)
    )
    return Evaluation(members, controls, secret, imputation.name)


def summarise(
    attack: AttackSettings, found: Evaluation, *, level: float
) -> AttackResult:
    """Turn scores of targets into estimates."""
    members, secret = found.members, found.secret
    n, n_surest = len(members.people), attack.n_surest
    values = pd.DataFrame()
    balanced = auc = None
    if secret.edges is None:
        values = result.by_value(members, secret, n_surest=n_surest, level=level)
        balanced = result.balanced(values, n=n, level=level)
        auc = result.mean_of(values, "auc", n=n, level=level)
    precision, imputation_precision = (
        result.precision_at(n_surest, members, who, level=level)
        for who in ("attack", "imputation")
    )
    return AttackResult(
        threat=attack.threat,
        attacker=attack.attacker,
        values=secret.values,
        imputation_model=found.imputation_model,
        **result.rates(members, found.controls, level=level),
        balanced_accuracy=balanced,
        auc=auc,
        ppv_of_surest=precision,
        imputation_ppv=imputation_precision,
        by_value=values,
        by_group=result.by_group(members, attack.subgroups, level=level),
        targets=result.targets_frame(members, found.controls, secret),
    )


def pool(splits: Sequence[Evaluation]) -> Evaluation:
    """Lay the targets of several splits below one another."""
    return Evaluation(
        result.stack([split.members for split in splits]),
        result.stack([split.controls for split in splits]),
        splits[0].secret,
        ", ".join(sorted({split.imputation_model for split in splits})),
    )


def _attack(
    targets: reading.People,
    fitted: FittedAttacker,
    imputation: Learned,
    taught: reading.People,
    secret: Secret,
    threat: ThreatModel,
) -> Scores:
    known = targets.frame[list(threat.known)]
    prior = imputation.probabilities(known)
    posterior = np.asarray(fitted.posterior(known, targets.answers, prior), dtype=float)
    if posterior.shape != prior.shape or not np.isfinite(posterior).all():
        raise ParameterError(
            f"the attacker must give finite probabilities of shape {prior.shape}; got "
            f"shape {posterior.shape}, or some that are not finite"
        )
    # A certain and wrong attacker loses log2(n + 1) bits, not infinitely many.
    weight = 1 / (len(taught) + 1)
    return result.score(
        targets,
        (1 - weight) * posterior + weight * prior,
        prior,
        secret=secret,
        mode=np.bincount(taught.codes, minlength=secret.n_values) / len(taught),
        tolerance=threat.tolerance,
    )
