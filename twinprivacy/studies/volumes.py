"""How much more an attack finds the more a twin is told, asked or rounded."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import (
    check_choice,
    check_choices,
    check_fraction,
    check_rng,
    check_whole,
)
from twinprivacy.attacks.inference.attribute_inference import infer_attribute
from twinprivacy.attacks.inference.result import AttackResult
from twinprivacy.attacks.inference.threats import Ask
from twinprivacy.errors import ParameterError
from twinprivacy.estimates.differences import paired_difference
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.estimates.means import mean_interval
from twinprivacy.estimates.monotone import (
    MEASURES,
    check_resamples,
    fit_curve,
    half_volume,
    member_measure,
)

__all__ = [
    "DoseResponse",
    "ask_what_if",
    "curve_table",
    "dose_response",
    "infer_at",
]


Attack = Callable[[Any, np.random.Generator], Any]


@dataclass(frozen=True, eq=False, repr=False)
class DoseResponse:
    """Hold what an attack finds at each volume, and the monotone curve through it.

    Attributes
    ----------
    axis : str
        What the volumes count.
    increasing : bool
        Whether the curve rises with the volume.
    table : pandas.DataFrame
        Raw estimates: columns axis, volume, position, measure, value, low, high,
        confidence_level, n (members that were targets).
    curve : pandas.DataFrame
        The monotone curve and its band at each volume, in the same columns.
    half_volume : dict of str to Estimate
        For each measure the position at which the curve reaches half of its maximum.
    """

    axis: str
    increasing: bool
    table: pd.DataFrame
    curve: pd.DataFrame
    half_volume: dict[str, Estimate]

    def __repr__(self) -> str:
        """Show the axis and the volumes that give half."""
        halves = ", ".join(
            f"{measure}={half.value:.3g} ({half.low:.3g} to {half.high:.3g})"
            for measure, half in self.half_volume.items()
        )
        n_volumes = self.table["volume"].nunique()
        return (
            f"DoseResponse(axis={self.axis!r}, n_volumes={n_volumes}, "
            f"half_volume: {halves})"
        )


def dose_response(
    attack: Attack,
    volumes: Sequence[Any],
    *,
    axis: str,
    positions: Sequence[float] | None = None,
    measures: Sequence[str] = MEASURES,
    increasing: bool = True,
    scale: str = "linear",
    n_repeats: int = 1,
    rng: np.random.Generator,
    n_resamples: int = 1_000,
    confidence_level: float = 0.95,
) -> DoseResponse:
    r"""Run an attack at several volumes and fit the monotone curve of what it finds.

    The curve is the isotonic regression :math:`\min_{f_1 \le f_2 \le \dots} \sum_k n_k
    (\bar x_k - f_k)^2` of the means over the :math:`n_k` targets at volume k.

    Parameters
    ----------
    attack : callable
        ``attack(volume, rng)`` returns an AttackResult. In one repeat every volume is
        given the same generator, so that targets and noise are paired.
    volumes : sequence
        Two or more, in increasing order: numbers, or labels with `positions`.
    axis : str
        What the volumes count, for example "queries".
    positions : sequence of float, optional
        Where labels stand: one finite number for each, increasing.
    measures : sequence of str
        Of "bits", what a target's answers tell of the secret, and "gain", success minus
        that of imputation.
    increasing : bool
        False where more of the axis means less to find, as for noise.
    scale : str
        "linear" or "log": between volumes the curve is straight in the volume or in its
        logarithm, for which positions must be above 0.
    n_repeats : int
        Attacks at each volume with generators of their own, averaged; 1 or more.
    rng : numpy.random.Generator
        Source of the generators, and of the resamples behind half volumes.
    n_resamples : int
        Bootstrap samples, 100 or more.
    confidence_level : float
        Two-sided coverage, strictly between 0 and 1.

    Returns
    -------
    DoseResponse

    Raises
    ------
    ParameterError
        If volumes are too few or not in order, results lack columns, repeats differ in
        their number of members, or a setting is outside its range.
    FitError
        If an attack has no members as targets, or a measure is not finite.

    Notes
    -----
    Raw intervals are those of `mean_interval`, for the gain of a single repeat that of
    `paired_difference`. The band of the curve is the isotonic regression of their
    bounds: it covers each true value at least as often as they do. A bootstrap of the
    regression would not, where the truth is level.

    The interval of the half volume is percentiles over resampled targets: the same ones
    at every volume where the numbers of targets agree, with their values of all
    repeats. A half volume is nan unless the raw mean at the volume that reveals most is
    shown to be above 0, and where more than half is found at every volume; a bound
    beyond the volumes is infinite (0 below them on the logarithmic scale). All
    intervals take the splits and models of the repeats as given.

    joblib runs the attacks in parallel where a context asks for it; the number of
    workers changes no number.

    References
    ----------
    Ayer et al. (1955), doi:10.1214/aoms/1177728423; Efron (1979),
    doi:10.1214/aos/1176344552.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> def attack(n_queries, rng):
    ...     bits = rng.normal(n_queries / (n_queries + 4), 0.3, size=500)
    ...     targets = pd.DataFrame({"role": "member", "bits": bits})
    ...     return SimpleNamespace(targets=targets)
    >>> dose_response(attack, [0, 1, 2, 4, 8, 16], axis="queries", measures=["bits"],
    ...               rng=np.random.default_rng(5))
    DoseResponse(axis='queries', n_volumes=6, half_volume: bits=2.73 (2.6 to 2.88))
    """
    check_fraction(confidence_level, name="confidence_level")
    check_rng(rng)
    check_resamples(n_resamples)
    check_choice(scale, name="scale", allowed=("linear", "log"))
    places = _places(volumes, positions, scale)
    check_choices(measures, name="measures", allowed=MEASURES)
    check_whole(n_repeats, name="n_repeats")
    resampler, *children = rng.spawn(n_repeats + 1)
    cells = _run(attack, volumes, children, measures)
    tables, curves, halves = [], [], {}
    # Every measure sees the same resampled targets.
    for measure in measures:
        samples = [_averaged(found[measure], volumes) for found in cells]
        raw = [
            _raw_estimate(sample, measure, n_repeats, confidence_level)
            for sample in samples
        ]
        labels = (axis, volumes, places, measure)
        tables.append(_tidy(*labels, raw))
        curves.append(_tidy(*labels, fit_curve(raw, increasing=increasing)))
        halves[measure] = half_volume(
            samples,
            raw,
            places,
            increasing=increasing,
            logarithmic=scale == "log",
            n_resamples=n_resamples,
            rng=copy.deepcopy(resampler),
        )
    return DoseResponse(
        axis,
        increasing,
        pd.concat(tables, ignore_index=True),
        pd.concat(curves, ignore_index=True),
        halves,
    )


def _places(
    volumes: Sequence[Any], positions: Sequence[float] | None, scale: str
) -> Array:
    """Return where the volumes stand, in increasing order."""
    name = "volumes" if positions is None else "positions"
    try:
        given = volumes if positions is None else positions
        places = np.asarray(list(given), dtype=float)
    except (TypeError, ValueError):
        raise ParameterError(f"{name} must be numbers; labels need positions") from None
    if len(places) != len(volumes) or len(places) < 2:
        raise ParameterError(
            "volumes must be two or more, with one position each; got "
            f"{len(volumes)} volumes and {len(places)} positions"
        )
    if not (np.isfinite(places).all() and (np.diff(places) > 0).all()):
        raise ParameterError(
            f"{name} must be finite and increase; got {places.tolist()}"
        )
    if scale == "log" and places[0] <= 0:
        raise ParameterError(
            f"{name} must be above 0 on the log scale; got {float(places[0])!r}"
        )
    return places


def _run(
    attack: Attack,
    volumes: Sequence[Any],
    children: Sequence[np.random.Generator],
    measures: Sequence[str],
) -> list[dict[str, list[Array]]]:
    """Return for each volume the members' measures in every repeat."""
    from joblib import Parallel, delayed

    # A worker of the same process must not move on the generator of the next one.
    found = Parallel()(
        delayed(_attack_once)(attack, volume, copy.deepcopy(child), measures)
        for volume in volumes
        for child in children
    )
    n = len(children)
    return [
        {m: [once[m] for once in found[k * n : (k + 1) * n]] for m in measures}
        for k in range(len(volumes))
    ]


def _attack_once(
    attack: Attack, volume: Any, rng: np.random.Generator, measures: Sequence[str]
) -> dict[str, Array]:
    result = attack(volume, rng)
    return {m: member_measure(result, m, name="what attack returns") for m in measures}


def _averaged(repeats: list[Array], volumes: Sequence[Any]) -> Array:
    """Return each target's mean over repeats."""
    sizes = {len(values) for values in repeats}
    if len(sizes) > 1:
        raise ParameterError(
            "attack must have the same number of members as targets in every repeat of "
            f"one of the {len(volumes)} volumes; got {sorted(sizes)}"
        )
    average: Array = np.mean(repeats, axis=0)
    return average


def _raw_estimate(
    sample: Array, measure: str, n_repeats: int, level: float
) -> Estimate:
    if measure == "gain" and n_repeats == 1:
        return paired_difference(sample > 0, sample < 0, confidence_level=level)
    return mean_interval(sample, confidence_level=level)


def _tidy(
    axis: str,
    volumes: Sequence[Any],
    places: Array,
    measure: str,
    estimates: list[Estimate],
) -> pd.DataFrame:
    rows = [
        {"axis": axis, "volume": volume, "position": float(place), "measure": measure}
        | estimate.as_dict()
        for volume, place, estimate in zip(volumes, places, estimates, strict=True)
    ]
    return pd.DataFrame(rows)


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
    >>> from twinprivacy.attacks.inference import LearnedAttacker
    >>> from twinprivacy.attacks.inference import ThreatModel
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
