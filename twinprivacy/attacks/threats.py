"""What an attacker knows, sees and wants: the threat model of an attack."""

from dataclasses import dataclass

import numpy as np

from twinprivacy.errors import ParameterError

__all__ = ["ThreatModel"]


@dataclass(frozen=True)
class ThreatModel:
    """Say what an attacker wants, knows already, and sees of the twin.

    Attributes
    ----------
    sensitive : str
        Column that the attacker wants to infer.
    known : tuple of str
        Columns that the attacker knows of each person, `sensitive` not among them;
        empty for nothing.
    answers : tuple of str
        Names of what the twin says of a person, in its order.
    output_precision : float, optional
        Step that each answer is rounded to, in the unit of the answer, above 0; None
        for every digit.
    n_queries : int
        How often each answer is asked for, 1 or more. It matters where the keeper adds
        noise, which is drawn afresh each time.
    noise_sd : float
        Standard deviation of normal noise that the keeper adds to each answer before it
        is rounded, in the unit of the answer; 0 for none.
    tolerance : float, optional
        Makes the secret a number: a guess succeeds within this distance of the truth,
        in the unit of the secret, above 0. None for categories.

    Raises
    ------
    ParameterError
        If the secret is among the known or the answers, a name is repeated, nothing is
        answered, or a number is outside its range.

    Examples
    --------
    >>> threat = ThreatModel(
    ...     sensitive="vkorc1", known=("age_years", "race"),
    ...     answers=("dose_mg_per_week",), output_precision=5.0)
    >>> threat.known
    ('age_years', 'race')
    """

    sensitive: str
    known: tuple[str, ...]
    answers: tuple[str, ...]
    output_precision: float | None = None
    n_queries: int = 1
    noise_sd: float = 0.0
    tolerance: float | None = None

    def __post_init__(self) -> None:
        """Refuse a threat that gives the secret away or asks for nothing."""
        for name in ("known", "answers"):
            given = getattr(self, name)
            names = (given,) if isinstance(given, str) else tuple(given)
            object.__setattr__(self, name, names)
            self._check_names(name, names)
        if not self.answers:
            raise ParameterError("answers must name at least one answer; got none")
        for name in ("output_precision", "tolerance"):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value > 0):
                raise ParameterError(
                    f"{name} must be None, or finite and above 0; got {value!r}"
                )
        if not (np.isfinite(self.noise_sd) and self.noise_sd >= 0):
            raise ParameterError(
                f"noise_sd must be finite and 0 or more; got {self.noise_sd!r}"
            )
        n = self.n_queries
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise ParameterError(f"n_queries must be a whole number from 1; got {n!r}")

    def _check_names(self, parameter: str, names: tuple[str, ...]) -> None:
        if self.sensitive in names:
            raise ParameterError(
                f"{parameter} must not hold the sensitive attribute; got "
                f"{self.sensitive!r} in it"
            )
        if len(set(names)) < len(names):
            repeated = sorted({name for name in names if names.count(name) > 1})
            raise ParameterError(
                f"{parameter} must name each column once; got {', '.join(repeated)} "
                "more than once"
            )
