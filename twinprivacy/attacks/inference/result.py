"""What an attack found: rates, their baselines and the differences, with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array, Flags
from twinprivacy.attacks.inference.evaluation import Judged
from twinprivacy.attacks.inference.threats import Secret, ThreatModel
from twinprivacy.estimates.differences import paired_difference
from twinprivacy.estimates.estimate import Estimate, wilson_interval
from twinprivacy.estimates.means import mean_interval, share_interval

__all__ = [
    "AttackResult",
]


def by_value(
    judged: Judged, secret: Secret, *, n_surest: int, level: float
) -> pd.DataFrame:
    """Return recall, AUC and PPV of the surest for each value that occurs."""
    codes = judged.people.codes
    rows = []
    for place, value in enumerate(secret.values):
        here = codes == place
        if not here.any():
            continue
        row: dict[str, Any] = {"value": value, "n": int(here.sum())}
        for who, law in (("", judged.posterior), ("imputation_", judged.prior)):
            right = judged.success[who.rstrip("_") or "attack"][here]
            row |= _columns(f"{who}recall", _share(right, level))
            top = np.argsort(-law[:, place], kind="stable")[:n_surest]
            row |= _columns(f"{who}ppv", _share(here[top], level))
        row |= _columns("auc", _auc(here, judged.posterior[:, place], judged, level))
        rows.append(row)
    return pd.DataFrame(rows)


def by_group(
    members: Judged, subgroups: Sequence[str], *, level: float
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


def number_measures(judged: Judged, secret: Secret, *, level: float) -> pd.DataFrame:
    """Return error, coverage and interval score of the attack and of imputation."""
    numbers = judged.people.numbers
    assert numbers is not None
    assert secret.edges is not None
    rows = []
    kw: dict[str, Any] = {"groups": judged.persons, "confidence_level": level}
    for who, law in (("attack", judged.posterior), ("imputation", judged.prior)):
        low, middle, high = _quantiles(law, secret.edges)
        inside = (low <= numbers) & (numbers <= high)
        # Gneiting and Raftery (2007), equation 43.
        beyond = np.maximum(low - numbers, 0) + np.maximum(numbers - high, 0)
        score = (high - low) + 2 / (1 - _COVERAGE) * beyond
        found = {
            "mean_absolute_error": mean_interval(np.abs(numbers - middle), **kw),
            "coverage": share_interval(inside, **kw),
            "interval_score": mean_interval(score, **kw),
        }
        rows += [
            {"who": who, "measure": name} | estimate.as_dict()
            for name, estimate in found.items()
        ]
    return pd.DataFrame(rows)


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
        Share guessed rightly among the members about whom the attacker, and the
        imputation, was surest.
    by_value : pandas.DataFrame
        For each value of the secret: recall, AUC and PPV of the surest, with intervals,
        and the recall and PPV of imputation. Empty for numbers.
    by_group : pandas.DataFrame
        Success, imputation, gain and bits for each subgroup, and for the tenth of
        whom the answers were believed to tell most.
    number_measures : pandas.DataFrame
        For numbers: mean absolute error, coverage and score of the central 95 %
        interval, of the attack and of imputation. Empty for categories.
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
    number_measures: pd.DataFrame
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


_COVERAGE = 0.95


def _group_row(judged: Judged, here: Flags, level: float) -> dict[str, Any]:
    persons = None if judged.persons is None else judged.persons[here]
    kw: dict[str, Any] = {"groups": persons, "confidence_level": level}
    ours = {who: flags[here] for who, flags in judged.success.items()}
    return {
        "n": int(here.sum()),
        "success": float(ours["attack"].mean()),
        "imputation": float(ours["imputation"].mean()),
        **_columns("gain", paired_difference(ours["attack"], ours["imputation"], **kw)),
        **_columns("bits", mean_interval(judged.bits[here], **kw)),
    }


def targets_frame(members: Judged, controls: Judged, secret: Secret) -> pd.DataFrame:
    """Return what happened to each target, without what was known of them."""
    parts = []
    for role, judged in (("member", members), ("control", controls)):
        n = len(judged.people)
        numbers = judged.people.numbers
        parts.append(
            pd.DataFrame(
                {
                    "role": role,
                    "secret": secret.values[judged.people.codes]
                    if numbers is None
                    else numbers,
                    "guess": judged.guess,
                    "confidence": judged.posterior.max(axis=1),
                    "correct": judged.success["attack"],
                    "imputation_correct": judged.success["imputation"],
                    "mode_correct": np.broadcast_to(judged.success["mode"], n),
                    "bits": judged.bits,
                    "believed_bits": judged.believed_bits,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _quantiles(law: Array, edges: Array) -> tuple[Array, Array, Array]:
    """Return the lower, middle and upper quantile of each law on the bins."""
    cumulative = np.hstack([np.zeros((len(law), 1)), np.cumsum(law, axis=1)])
    cumulative /= cumulative[:, -1:]
    rows = np.arange(len(law))
    found = []
    for share in ((1 - _COVERAGE) / 2, 0.5, (1 + _COVERAGE) / 2):
        right = np.clip((cumulative < share).sum(axis=1), 1, len(edges) - 1)
        below = cumulative[rows, right - 1]
        mass = cumulative[rows, right] - below
        part = np.where(mass > 0, (share - below) / np.where(mass > 0, mass, 1), 0.5)
        found.append(edges[right - 1] + part * (edges[right] - edges[right - 1]))
    return found[0], found[1], found[2]


def _auc(here: Flags, scores: Array, judged: Judged, level: float) -> Estimate:
    from twinprivacy.twins.outcome.performance import auc

    if here.all():
        return Estimate(np.nan, np.nan, np.nan, level, len(here))
    return auc(here, scores, groups=judged.persons, confidence_level=level)


def _share(flags: Flags, level: float) -> Estimate:
    return wilson_interval(int(flags.sum()), len(flags), confidence_level=level)


def _columns(name: str, estimate: Estimate) -> dict[str, float]:
    return {
        name: estimate.value,
        f"{name}_low": estimate.low,
        f"{name}_high": estimate.high,
    }
