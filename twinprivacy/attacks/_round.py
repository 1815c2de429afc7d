"""One round of an attack: read the people, learn, infer, judge; and rounds pooled."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy.attacks import _evaluation as evaluation
from twinprivacy.attacks import _judging as judging
from twinprivacy.attacks import _reading as reading
from twinprivacy.attacks import _tables as tables
from twinprivacy.attacks._contract import Ask, Auxiliary, FittedAttacker, Secret
from twinprivacy.attacks._learning import Learned, learn
from twinprivacy.attacks.attack_result import AttackResult
from twinprivacy.attacks.threats import ThreatModel
from twinprivacy.errors import ParameterError


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
