"""What is given more of: questions asked, and attacks that differ in one thing."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_choice
from twinprivacy.attacks._contract import Ask
from twinprivacy.attacks.attack_result import AttackResult
from twinprivacy.attacks.attribute_inference import infer_attribute
from twinprivacy.attacks.dose_response import DoseResponse
from twinprivacy.errors import ParameterError

__all__ = ["ask_what_if", "curve_table", "infer_at"]


def ask_what_if(
    people: pd.DataFrame, *, ask: Ask, changes: Sequence[Mapping[str, Any]]
) -> Array:
    """Ask a twin about people as they are not.

    With `functools.partial` it is a twin of several answers for `infer_attribute`.

    Parameters
    ----------
    people : pandas.DataFrame
        n rows.
    ask : callable
        People to answers, shape (n,).
    changes : sequence of mapping
        Each question's column = value; an empty mapping asks about people as they are.

    Returns
    -------
    numpy.ndarray
        Answers in their unit, shape (n, number of questions).

    Raises
    ------
    ParameterError
        If there is no question.

    Examples
    --------
    >>> people = pd.DataFrame({"age_years": [50.0, 60.0], "risk_per_year": [0.1, 0.2]})
    >>> ask_what_if(
    ...     people, ask=lambda p: p["age_years"] * p["risk_per_year"],
    ...     changes=[{}, {"age_years": 70.0}])
    array([[ 5.,  7.],
           [12., 14.]])
    """
    if not changes:
        raise ParameterError("changes must hold at least one question; got none")
    said = [np.asarray(ask(people.assign(**change)), dtype=float) for change in changes]
    return np.column_stack(said)


def infer_at(
    volume: Any,
    rng: np.random.Generator,
    *,
    settings: Mapping[Any, Mapping[str, Any]],
    **shared: Any,
) -> AttackResult:
    """Run one of several attacks that differ in what is given more of.

    With `functools.partial` it is the attack of `dose_response`.

    Parameters
    ----------
    volume : hashable
        Which of `settings`.
    rng : numpy.random.Generator
        As for `infer_attribute`.
    settings : mapping
        For each volume the arguments of `infer_attribute` that go with it.
    **shared
        Its other arguments.

    Returns
    -------
    AttackResult

    Raises
    ------
    ParameterError
        If the volume is not among `settings`, and as `infer_attribute`.
    DataError
        As `infer_attribute`.

    Examples
    --------
    >>> from functools import partial
    >>> from twinprivacy.attacks.learned_attacker import LearnedAttacker
    >>> from twinprivacy.attacks.threats import ThreatModel
    >>> rng = np.random.default_rng(1_709)
    >>> smoker = rng.random(600) < 0.3
    >>> people = pd.DataFrame({"smoker": smoker, "risk": smoker + rng.random(600)})
    >>> step = {
    ...     d: {"threat": ThreatModel("smoker", (), ("risk",), d)} for d in (0.1, 4)}
    >>> attack = partial(
    ...     infer_at, settings=step, twin=None, members=people[:200],
    ...     controls=people[200:400], auxiliary=people[400:],
    ...     attacker=LearnedAttacker(models=("table",)), models=("shares",))
    >>> [round(attack(d, np.random.default_rng(1)).bits.value, 1) for d in step]
    [0.7, 0.0]
    """
    if volume not in settings:
        allowed = ", ".join(repr(name) for name in settings)
        raise ParameterError(f"volume must be one of {allowed}; got {volume!r}")
    return infer_attribute(**{**shared, **settings[volume]}, rng=rng)


def curve_table(response: DoseResponse, *, measure: str = "bits") -> pd.DataFrame:
    """Lay the estimates of a dose-response and its curve side by side, to be drawn.

    Parameters
    ----------
    response : DoseResponse
    measure : str
        One of those that it measured.

    Returns
    -------
    pandas.DataFrame
        One row a volume: volume (its place on the axis), volume_label, value, low, high
        (estimate), curve, curve_low, curve_high (monotone curve and band) and n.

    Raises
    ------
    ParameterError
        If the measure was not measured.
    """
    measured = tuple(response.table["measure"].unique())
    check_choice(measure, name="measure", allowed=measured)
    raw, curve = (
        table[table["measure"] == measure].reset_index(drop=True)
        for table in (response.table, response.curve)
    )
    found = raw[["value", "low", "high", "n"]].assign(
        volume=raw["position"], volume_label=raw["volume"].astype(str)
    )
    ends = {"value": "curve", "low": "curve_low", "high": "curve_high"}
    return found.join(curve[list(ends)].rename(columns=ends))
