"""What an attack found: scores of targets, rates, their baselines, with intervals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array, Flags
from twinprivacy._validation import check_fraction, check_rng
from twinprivacy.attacks.inference.reading import People
from twinprivacy.attacks.inference.threats import Secret, ThreatModel
from twinprivacy.errors import ParameterError
from twinprivacy.estimates.differences import (
    difference_of_means,
    difference_of_rates,
    paired_difference,
)
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.estimates.means import mean_interval, share_interval
from twinprivacy.estimates.monotone import (
    check_resamples,
    member_measure,
    resampled_means,
)

__all__ = [
    "AttackResult",
    "share_of_limit",
]


@dataclass(frozen=True, eq=False, repr=False)
class AttackResult:
    """Hold the outcome of one attribute inference.

    All rates are of members unless they say otherwise. A gain whose interval holds 0 is
    a weak attack: it does not show that the twin is safe from a better one.

    Attributes
    ----------
    threat : ThreatModel
    attacker : object
        Its settings.
    values : numpy.ndarray
        What the secret may be; for numbers the middles of the bins.
    imputation_model : str
        The model that was best at guessing the secret from what is known.
    success : Estimate
        Share of members whose secret was guessed; for numbers within the tolerance.
    mode_baseline : Estimate
        Share for whom the commonest answer among auxiliary people is right.
    imputation_baseline : Estimate
        Share guessed by the same attacker without the twin.
    control : Estimate
        Success on controls, whom the twin was not trained on.
    gain, control_gain : Estimate
        Success minus imputation, on the same people: what the twin reveals.
    member_gap : Estimate
        Success on members minus on controls: what being in the training reveals.
    bits, control_bits : Estimate
        Mean over people of log2 P(secret | known, answer) - log2 P(secret | known).
    member_gap_bits : Estimate
        Bits of members minus those of controls.
    balanced_accuracy, auc : Estimate or None
        Mean of the recalls; mean over values of the area under the curve, one value
        against the rest (the interval is the mean of theirs, so wide enough). None for
        numbers.
    ppv_of_surest, imputation_ppv : Estimate
        Share guessed rightly among the `n_surest` members about whom the attacker, and
        the imputation, was surest.
    by_value : pandas.DataFrame
        For each value of the secret: recall, AUC and precision at n, with intervals,
        and the recall and precision at n of imputation. Empty for numbers.
    by_group : pandas.DataFrame
        Success, imputation, gain and bits for each subgroup, and for the tenth of
        whom the answers were believed to tell most.
    targets : pandas.DataFrame
        One row a target, without identifiers or what was known: role ("member" or
        "control"), secret, guess, confidence, correct, imputation_correct,
        mode_correct, bits, and believed_bits, which the attacker can compute without
        the truth.
    """

    threat: ThreatModel
    attacker: Any
    values: npt.NDArray[Any]
    imputation_model: str
    success: Estimate
    mode_baseline: Estimate
    imputation_baseline: Estimate
    control: Estimate
    gain: Estimate
    control_gain: Estimate
    member_gap: Estimate
    bits: Estimate
    control_bits: Estimate
    member_gap_bits: Estimate
    balanced_accuracy: Estimate | None
    auc: Estimate | None
    ppv_of_surest: Estimate
    imputation_ppv: Estimate
    by_value: pd.DataFrame
    by_group: pd.DataFrame
    targets: pd.DataFrame

    def __repr__(self) -> str:
        """Show the question, the gain and the verdict, and nobody."""
        gain = self.gain
        return (
            f"AttackResult(sensitive={self.threat.sensitive!r}, "
            f"success={self.success.value:.3f}, "
            f"imputation={self.imputation_baseline.value:.3f}, "
            f"gain={gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}), "
            f"bits={self.bits.value:.3f}, {self.verdict!r})"
        )

    @property
    def verdict(self) -> str:
        """Say in one line what shows: a gain over imputation, a gap over controls.

        A gain shows if the interval of its success or its bits lies above 0, a gap if
        that of its bits does: so one in twenty, or forty, shows by chance.
        """
        if not (self.gain.low > 0 or self.bits.low > 0):
            return "weak attack: no gain over imputation shows"
        if not self.member_gap_bits.low > 0:
            return "the answers reveal the secret, of members no more than of others"
        return "the answers reveal the secret, of members more than of others"

    def table(self) -> pd.DataFrame:
        """Return every estimate as a row.

        Returns
        -------
        pandas.DataFrame
            Columns measure, value, low, high, confidence_level, n.
        """
        rows = [
            {"measure": field.name} | getattr(self, field.name).as_dict()
            for field in fields(self)
            if isinstance(getattr(self, field.name), Estimate)
        ]
        return pd.DataFrame(rows)


def share_of_limit(
    result: Any,
    limit: Any,
    *,
    measure: str = "bits",
    rng: np.random.Generator,
    n_resamples: int = 2_000,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate which share of the best possible attack an attack achieves.

    :math:`\bar a / \bar b`, the mean measure of the attack over that of the attack that
    knows the true distribution of secret and answers, on the same members. Both means
    are resampled together, so that luck which both share cancels.

    Parameters
    ----------
    result, limit : AttackResult
        The attack and the best possible one, on the same targets in the same order.
    measure : str
        "bits", what a target's answers tell of the secret; or "gain", success minus
        that of imputation.
    rng : numpy.random.Generator
        Source of the resamples.
    n_resamples : int
        Bootstrap samples, 100 or more.
    confidence_level : float
        Two-sided coverage, strictly between 0 and 1.

    Returns
    -------
    Estimate
        The share, 1 for an attack as good as the limit; below 0 for one that misleads,
        and above 1 by luck alone. n is the number of members. All nan where the limit
        itself is not shown to be above 0.

    Raises
    ------
    ParameterError
        If the targets of both are not the same, columns are missing, or a setting is
        outside its range.
    FitError
        If there are no members, or a measure is not finite.

    References
    ----------
    Efron (1979), doi:10.1214/aos/1176344552.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> bits = np.linspace(0.1, 0.9, 50)
    >>> best = SimpleNamespace(targets=pd.DataFrame({"role": "member", "bits": bits}))
    >>> half = SimpleNamespace(targets=best.targets.assign(bits=bits / 2))
    >>> share_of_limit(half, best, rng=np.random.default_rng(5))
    Estimate(value=0.5, low=0.5, high=0.5, confidence_level=0.95, n=50)
    """
    check_fraction(confidence_level, name="confidence_level")
    check_rng(rng)
    check_resamples(n_resamples)
    ours = member_measure(result, measure, name="result")
    best = member_measure(limit, measure, name="limit")
    _check_same_targets(result, limit, ours.size, best.size)
    # One target gives a nan bound, which is not above 0 either.
    if not mean_interval(best, confidence_level=confidence_level).low > 0:
        return Estimate(math.nan, math.nan, math.nan, confidence_level, ours.size)
    means = resampled_means(
        np.column_stack([ours, best]), n_resamples=n_resamples, rng=rng
    )
    # A limit resampled to nothing makes any share possible; it must not turn the sign.
    low_limit = np.finfo(float).tiny
    with np.errstate(over="ignore"):
        shares = means[:, 0] / np.maximum(means[:, 1], low_limit)
    value = float(ours.mean() / best.mean())
    tail = (1 - confidence_level) / 2
    low, high = np.quantile(shares, [tail, 1 - tail], method="inverted_cdf")
    return Estimate(
        value,
        min(float(low), value),
        max(float(high), value),
        confidence_level,
        ours.size,
    )


def _check_same_targets(result: Any, limit: Any, n_ours: int, n_best: int) -> None:
    """Raise unless both attacks had the same members, as far as can be seen."""
    if n_ours != n_best:
        raise ParameterError(
            "result and limit must have the same members as targets; got "
            f"{n_ours} and {n_best}"
        )
    secrets = [
        frame.loc[frame["role"] == "member", "secret"].to_numpy()
        for frame in (result.targets, limit.targets)
        if "secret" in frame.columns
    ]
    if len(secrets) == 2 and not np.array_equal(secrets[0], secrets[1]):
        raise ParameterError(
            "result and limit must have the same members in the same order; got "
            "secrets that differ"
        )


@dataclass(frozen=True, eq=False, repr=False)
class Scores:
    """What came of the guesses at one group of targets.

    `success` holds flags by who guesses: attack, imputation, mode.
    """

    people: People
    posterior: Array
    prior: Array
    guess: npt.NDArray[Any]
    success: dict[str, Flags]
    bits: Array
    believed_bits: Array

    def interval(self, level: float) -> dict[str, Any]:
        """Return what intervals need: whose each row is, and the level."""
        return {"groups": self.people.persons, "confidence_level": level}


def score(
    people: People,
    posterior: Array,
    prior: Array,
    *,
    secret: Secret,
    mode: Array,
    tolerance: float | None,
) -> Scores:
    """Compare the guesses with the truth; `mode` is a distribution that all share."""
    rows = np.arange(len(people))
    gained = np.log2(posterior) - np.log2(prior)
    laws = {"attack": posterior, "imputation": prior, "mode": mode[np.newaxis]}
    guesses = {who: _best_guess(law, secret, tolerance) for who, law in laws.items()}
    if people.numbers is None:
        success = {who: guess == people.codes for who, guess in guesses.items()}
    else:
        middles = secret.values
        success = {
            who: np.abs(middles[guess] - people.numbers) <= (tolerance or 0.0)
            for who, guess in guesses.items()
        }
    return Scores(
        people,
        posterior,
        prior,
        secret.values[guesses["attack"]],
        success,
        gained[rows, people.codes],
        (posterior * gained).sum(axis=1),
    )


def _best_guess(
    law: Array, secret: Secret, tolerance: float | None
) -> npt.NDArray[np.intp]:
    """Return the place of the likeliest value, or of the likeliest neighbourhood."""
    if secret.edges is None or tolerance is None:
        return np.asarray(np.argmax(law, axis=1))
    cumulative = np.hstack([np.zeros((len(law), 1)), np.cumsum(law, axis=1)])
    below = _cumulative_at(cumulative, secret.edges, secret.values - tolerance)
    above = _cumulative_at(cumulative, secret.edges, secret.values + tolerance)
    return np.asarray(np.argmax(above - below, axis=1))


def _cumulative_at(cumulative: Array, edges: Array, points: Array) -> Array:
    """Return P(secret <= point), bins being equally wide and flat inside."""
    places = np.clip((points - edges[0]) / (edges[1] - edges[0]), 0, len(edges) - 1)
    left = np.minimum(places.astype(int), len(edges) - 2)
    part = places - left
    found = cumulative[:, left] * (1 - part) + cumulative[:, left + 1] * part
    return np.asarray(found)


def stack(parts: Sequence[Scores]) -> Scores:
    """Lay the targets of several splits below one another."""

    def joined(name: str, of: Sequence[Any] = parts) -> Any:
        found = [getattr(part, name) for part in of]
        return None if found[0] is None else np.concatenate(found)

    people = [part.people for part in parts]
    return Scores(
        People(
            frame=pd.concat([one.frame for one in people], ignore_index=True),
            codes=joined("codes", people),
            numbers=joined("numbers", people),
            answers=joined("answers", people),
            persons=joined("persons", people),
        ),
        joined("posterior"),
        joined("prior"),
        joined("guess"),
        {
            who: np.concatenate([part.success[who] for part in parts])
            for who in parts[0].success
        },
        joined("bits"),
        joined("believed_bits"),
    )


def rates(members: Scores, controls: Scores, *, level: float) -> dict[str, Estimate]:
    """Return the rates, gains and gaps of an attack by name."""
    kw, control_kw = members.interval(level), controls.interval(level)
    ours, theirs = members.success, controls.success
    return {
        "success": share_interval(ours["attack"], **kw),
        "mode_baseline": share_interval(ours["mode"], **kw),
        "imputation_baseline": share_interval(ours["imputation"], **kw),
        "control": share_interval(theirs["attack"], **control_kw),
        "gain": paired_difference(ours["attack"], ours["imputation"], **kw),
        "control_gain": paired_difference(
            theirs["attack"], theirs["imputation"], **control_kw
        ),
        "member_gap": _rate_gap(members, controls, level),
        "bits": mean_interval(members.bits, **kw),
        "control_bits": mean_interval(controls.bits, **control_kw),
        "member_gap_bits": _mean_gap(
            members.bits, controls.bits, members, controls, level
        ),
    }


def _rate_gap(members: Scores, controls: Scores, level: float) -> Estimate:
    ours, theirs = members.success["attack"], controls.success["attack"]
    if members.people.persons is not None:
        return _mean_gap(ours, theirs, members, controls, level)
    return difference_of_rates(
        int(ours.sum()),
        len(ours),
        int(theirs.sum()),
        len(theirs),
        confidence_level=level,
    )


def _mean_gap(
    ours: Array | Flags,
    theirs: Array | Flags,
    members: Scores,
    controls: Scores,
    level: float,
) -> Estimate:
    if members.people.persons is None or controls.people.persons is None:
        return difference_of_means(ours, theirs, confidence_level=level)
    # In splits pooled a person is a member in some and a control in others. The mean of
    # these values is the gap, and their sum over a person what the person adds to it.
    n = len(ours) + len(theirs)
    gap = ours.mean() - theirs.mean()
    first = (ours - ours.mean()) * (n / len(ours))
    second = (theirs.mean() - theirs) * (n / len(theirs))
    return mean_interval(
        np.concatenate([first, second]) + gap,
        groups=np.concatenate([members.people.persons, controls.people.persons]),
        confidence_level=level,
    )


def precision_at(n: int, scores: Scores, who: str, *, level: float) -> Estimate:
    """Return the share right among the n about whom `who` was surest."""
    law = scores.posterior if who == "attack" else scores.prior
    order = np.argsort(-law.max(axis=1), kind="stable")[:n]
    return share_interval(scores.success[who][order], confidence_level=level)


def by_value(
    scores: Scores, secret: Secret, *, n_surest: int, level: float
) -> pd.DataFrame:
    """Return recall, AUC and precision at n for each value that occurs."""
    rows = []
    for place, value in enumerate(secret.values):
        here = scores.people.codes == place
        if not here.any():
            continue
        found = {}
        for name, who, law in (
            ("", "attack", scores.posterior),
            ("imputation_", "imputation", scores.prior),
        ):
            top = np.argsort(-law[:, place], kind="stable")[:n_surest]
            for measure, right in (
                ("recall", scores.success[who][here]),
                ("ppv", here[top]),
            ):
                found[name + measure] = share_interval(right, confidence_level=level)
        found["auc"] = _auc(here, scores.posterior[:, place], scores, level)
        rows.append({"value": value, "n": int(here.sum())} | _columns(found))
    return pd.DataFrame(rows)


def mean_of(table: pd.DataFrame, name: str, *, n: int, level: float) -> Estimate:
    """Return the mean over values of an estimate, its interval the mean of theirs."""
    value, low, high = (
        float(table[f"{name}{end}"].mean()) for end in ("", "_low", "_high")
    )
    return Estimate(value, min(low, value), max(high, value), level, n)


def balanced(table: pd.DataFrame, *, n: int, level: float) -> Estimate:
    """Return the mean recall; the recalls of different people are independent."""
    value = float(table["recall"].mean())
    below = np.sqrt(((table["recall"] - table["recall_low"]) ** 2).sum()) / len(table)
    above = np.sqrt(((table["recall_high"] - table["recall"]) ** 2).sum()) / len(table)
    low, high = max(value - float(below), 0.0), min(value + float(above), 1.0)
    return Estimate(value, low, high, level, n)


def by_group(
    members: Scores, subgroups: Sequence[str], *, level: float
) -> pd.DataFrame:
    """Return gain and bits of every subgroup, and of those believed to lose most."""
    frame = members.people.frame
    most = np.zeros(len(frame), dtype=bool)
    n_most = int(np.ceil(len(frame) / 10))
    most[np.argsort(-members.believed_bits, kind="stable")[:n_most]] = True
    everyone = np.ones(len(frame), dtype=bool)
    chosen = [("all", "all", everyone), ("most told", "top tenth", most)]
    for column in subgroups:
        for value in sorted(frame[column].dropna().unique(), key=str):
            here = (frame[column] == value).to_numpy(dtype=bool)
            chosen.append((column, value, here))
    return pd.DataFrame(
        [
            {"group": group, "value": value} | _group_row(members, here, level)
            for group, value, here in chosen
        ]
    )


def _group_row(scores: Scores, here: Flags, level: float) -> dict[str, Any]:
    persons = scores.people.persons
    kw: dict[str, Any] = {
        "groups": None if persons is None else persons[here],
        "confidence_level": level,
    }
    attack, imputation = (scores.success[who][here] for who in ("attack", "imputation"))
    found = {
        "gain": paired_difference(attack, imputation, **kw),
        "bits": mean_interval(scores.bits[here], **kw),
    }
    means = {"success": float(attack.mean()), "imputation": float(imputation.mean())}
    return {"n": int(here.sum())} | means | _columns(found)


def targets_frame(members: Scores, controls: Scores, secret: Secret) -> pd.DataFrame:
    """Return what happened to each target, without what was known of them."""
    parts = []
    for role, scores in (("member", members), ("control", controls)):
        people = scores.people
        of_codes = secret.values[people.codes]
        columns = {
            "role": role,
            "secret": of_codes if people.numbers is None else people.numbers,
            "guess": scores.guess,
            "confidence": scores.posterior.max(axis=1),
            "correct": scores.success["attack"],
            "imputation_correct": scores.success["imputation"],
            "mode_correct": scores.success["mode"],
            "bits": scores.bits,
            "believed_bits": scores.believed_bits,
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def _auc(here: Flags, values: Array, scores: Scores, level: float) -> Estimate:
    from twinprivacy.twins.outcome.performance import auc

    if here.all():
        return Estimate(np.nan, np.nan, np.nan, level, len(here))
    return auc(here, values, **scores.interval(level))


def _columns(estimates: dict[str, Estimate]) -> dict[str, float]:
    """Return the value and the ends of each estimate, as columns of one row."""
    return {
        name + end: getattr(estimate, part)
        for name, estimate in estimates.items()
        for end, part in (("", "value"), ("_low", "low"), ("_high", "high"))
    }
