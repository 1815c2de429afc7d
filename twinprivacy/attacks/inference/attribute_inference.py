"""Attribute inference: what a twin's answers reveal about what its patient never told.

One evaluation for every attacker. What an attacker may learn comes from auxiliary
people alone; targets are only attacked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_fraction, check_rng
from twinprivacy.attacks.inference import (
    evaluation,
    evaluation as judging,
    reading,
    result as tables,
)
from twinprivacy.attacks.inference.learned_attacker import MODELS, Learned, learn
from twinprivacy.attacks.inference.reading import asker
from twinprivacy.attacks.inference.result import AttackResult
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
    models: Sequence[str] = MODELS,
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
        How many of the surest guesses the positive predictive value counts, from 1.
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
    attack = Attack(threat, attacker, tuple(models), groups, tuple(subgroups), n_surest)
    found = attack_once(
        attack,
        asker(twin),
        {"members": members, "controls": controls, "auxiliary": auxiliary},
        rng=rng,
    )
    return to_result(attack, found, level=confidence_level)


@dataclass(frozen=True, eq=False, repr=False)
class Attack:
    """The settings of an attack, the same for every round."""

    threat: ThreatModel
    attacker: Any
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
        is_class = isinstance(self.attacker, type)
        if is_class or not callable(getattr(self.attacker, "fit", None)):
            got = self.attacker if is_class else type(self.attacker)
            raise ParameterError(
                "attacker must be an object with a method fit, such as "
                f"LearnedAttacker(); got {got.__name__}"
            )
        n = self.n_surest
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise ParameterError(f"n_surest must be a whole number from 1; got {n!r}")


@dataclass(frozen=True, eq=False, repr=False)
class Round:
    """Both groups of targets, judged."""

    members: judging.Judged
    controls: judging.Judged
    secret: Secret
    imputation_model: str


def attack_once(
    attack: Attack,
    ask: Ask | None,
    groups: dict[str, pd.DataFrame],
    *,
    rng: np.random.Generator,
    secret: Secret | None = None,
) -> Round:
    """Attack the members and controls of `groups`, taught by its auxiliary people."""
    threat = attack.threat
    groups = _read_tables(groups, attack, ask)
    noise_rng, model_rng, attack_rng = rng.spawn(3)
    if secret is None:
        secret = reading.read_secret(
            groups["auxiliary"][threat.sensitive], threat, name="auxiliary"
        )
    people = {
        name: _read_people(groups[name], secret, ask, attack, name=name, rng=child)
        for name, child in zip(groups, noise_rng.spawn(3), strict=True)
    }
    taught = people["auxiliary"]
    imputation = _impute(taught, secret, attack, rng=model_rng)
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
    judged = [
        _attack(people[name], fitted, imputation, taught, secret, threat)
        for name in ("members", "controls")
    ]
    return Round(judged[0], judged[1], secret, imputation.name)


def to_result(attack: Attack, found: Round, *, level: float) -> AttackResult:
    """Turn judged targets into estimates."""
    members, secret, n = found.members, found.secret, len(found.members.people)
    values, numbers = pd.DataFrame(), pd.DataFrame()
    balanced = auc = None
    n_surest = attack.n_surest
    if secret.edges is not None:
        numbers = tables.number_measures(members, secret, level=level)
    else:
        values = tables.by_value(members, secret, n_surest=n_surest, level=level)
        balanced = evaluation.balanced(values, n=n, level=level)
        auc = evaluation.mean_of(values, "auc", n=n, level=level)
    return AttackResult(
        threat=attack.threat,
        attacker=attack.attacker,
        values=secret.values,
        imputation_model=found.imputation_model,
        **evaluation.rates(members, found.controls, level=level),
        balanced_accuracy=balanced,
        auc=auc,
        ppv_of_surest=evaluation.surest(members, "attack", n=n_surest, level=level),
        imputation_ppv=evaluation.surest(
            members, "imputation", n=n_surest, level=level
        ),
        by_value=values,
        by_group=tables.by_group(members, attack.subgroups, level=level),
        number_measures=numbers,
        targets=tables.targets_frame(members, found.controls, secret),
    )


def pool(rounds: Sequence[Round]) -> Round:
    """Lay the targets of several rounds below one another."""
    return Round(
        judging.stack([found.members for found in rounds]),
        judging.stack([found.controls for found in rounds]),
        rounds[0].secret,
        ", ".join(sorted({found.imputation_model for found in rounds})),
    )


def _read_tables(
    groups: dict[str, pd.DataFrame], attack: Attack, ask: Ask | None
) -> dict[str, pd.DataFrame]:
    needed = [attack.threat.sensitive, *attack.threat.known, *attack.subgroups]
    if ask is None:
        needed += attack.threat.answers
    if attack.groups is not None:
        needed.append(attack.groups)
    found = {
        name: reading.check_frame(table, name=name, needed=needed)
        for name, table in groups.items()
    }
    reading.check_apart(found)
    if attack.groups is not None:
        reading.check_persons_apart(found, attack.groups)
    return found


def _read_people(
    table: pd.DataFrame,
    secret: Secret,
    ask: Ask | None,
    attack: Attack,
    *,
    name: str,
    rng: np.random.Generator,
) -> reading.People:
    threat = attack.threat
    codes, numbers = reading.code_secret(table[threat.sensitive], secret, name=name)
    answers = reading.read_answers(table, ask, threat, name=name, rng=rng)
    persons = reading.read_persons(table, attack.groups)
    return reading.People(table, codes, numbers, answers, persons)


def _impute(
    taught: reading.People, secret: Secret, attack: Attack, *, rng: np.random.Generator
) -> Learned:
    return learn(
        taught.frame[list(attack.threat.known)],
        taught.codes,
        secret,
        models=attack.models,
        groups=taught.persons,
        numbers=taught.numbers,
        rng=rng,
    )


def _attack(
    people: reading.People,
    fitted: FittedAttacker,
    imputation: Learned,
    taught: reading.People,
    secret: Secret,
    threat: ThreatModel,
) -> judging.Judged:
    known = people.frame[list(threat.known)]
    prior = imputation.probabilities(known)
    posterior = np.asarray(fitted.posterior(known, people.answers, prior), dtype=float)
    if posterior.shape != prior.shape or not np.isfinite(posterior).all():
        raise ParameterError(
            f"the attacker must give finite probabilities of shape {prior.shape}; got "
            f"shape {posterior.shape}, or some that are not finite"
        )
    # A certain and wrong attacker loses log2(n + 1) bits, not infinitely many.
    weight = 1 / (len(taught) + 1)
    mixed: Array = (1 - weight) * posterior + weight * prior
    mode = np.bincount(taught.codes, minlength=secret.n_values) / len(taught)
    return judging.judge(
        people, mixed, prior, secret=secret, mode=mode, tolerance=threat.tolerance
    )
