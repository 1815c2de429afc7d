"""Attribute inference: what a twin's answers reveal about what its patient never told.

One evaluation for every attacker. What an attacker may learn comes from auxiliary
people alone; targets are only attacked.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._validation import check_fraction, check_rng
from twinprivacy.attacks._contract import Attacker
from twinprivacy.attacks._learning import MODELS
from twinprivacy.attacks._reading import asker
from twinprivacy.attacks._round import Attack, attack_once, to_result
from twinprivacy.attacks.attack_result import AttackResult
from twinprivacy.attacks.threats import ThreatModel

__all__ = ["infer_attribute"]


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

    >>> from twinprivacy.attacks.learned_attacker import LearnedAttacker
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
