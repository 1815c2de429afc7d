"""What an attack found: rates, their baselines and the differences, with intervals."""

from dataclasses import dataclass, fields
from typing import Any

import numpy.typing as npt
import pandas as pd

from twinprivacy.attacks.threats import ThreatModel
from twinprivacy.estimates import Estimate

__all__ = ["AttackResult"]


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
