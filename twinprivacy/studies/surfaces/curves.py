r"""Bits per person of every surface along every volume: the dose-response of privacy.

Five surfaces leak: the store, the record, the trace, the answers and the trained model.
Each is measured along five axes: people, attributes, days, answers and decimals. All
cells are of simulated people, and each is in bits about a secret of its own, which its
row names: the shapes of two lines can be compared, and their heights only where the
secret is the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_choice, check_fraction, check_rng
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.estimates.monotone import crossings, fit_curve
from twinprivacy.studies.surfaces.answers import ANSWERS, AXES, Cell
from twinprivacy.studies.surfaces.model import MODEL
from twinprivacy.studies.surfaces.record import RECORD
from twinprivacy.studies.surfaces.store import STORE
from twinprivacy.studies.surfaces.trace import TRACE

__all__ = ["SURFACES", "half_volumes", "surface_curves"]


SURFACES: Mapping[str, Mapping[str, Cell]] = MappingProxyType(
    {
        "store": MappingProxyType(STORE),
        "record": MappingProxyType(RECORD),
        "trace": MappingProxyType(TRACE),
        "answers": MappingProxyType(ANSWERS),
        "model": MappingProxyType(MODEL),
    }
)
# No reading holds more.
MOST_DIGITS = 9


def surface_curves(
    surfaces: Sequence[str] = tuple(SURFACES),
    axes: Sequence[str] = tuple(AXES),
    *,
    n_people: int | None = None,
    volumes: Mapping[str, Sequence[int]] | None = None,
    rng: np.random.Generator,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    r"""Measure how many bits each surface gives away, at each volume of each axis.

    The unit is what somebody learns beyond what was known before,
    :math:`\log_2 P(s \mid k, a) - \log_2 P(s \mid k)`, averaged over people:

    - store: the secret is the record beyond age, sex and race, and all of it leaks,
      so that this is its code length :math:`-\log_2 P(s \mid k)`, by linear laws and so
      at least as long as that of the best code on average; along answers, both warfarin
      genotypes from a log of answers;
    - record: who it is, :math:`\log_2 (n / f)` with f people who look the same;
    - trace: who it is, :math:`\log_2 P(\text{own}) - \log_2 (1 / n)`;
    - answers: the VKORC1 genotype;
    - model: whether the person was in it, at even odds, by one verdict: 1 at most.

    Parameters
    ----------
    surfaces, axes : sequence of str
        Of `SURFACES` and `AXES`, each once.
    n_people : int, optional
        People simulated in each cell, 100 or more, in place of its own number; records
        are of stores of as many as the volumes of people say.
    volumes : mapping of str to sequence of int, optional
        For an axis other volumes than each cell's own: whole numbers, two or more,
        increasing. At least 25 people train a twin, at least two twins are trained,
        and at most 9 digits are kept.
    rng : numpy.random.Generator
        Every cell has a generator of its own, so that its numbers do not depend on
        which others are asked for, or on the number of workers.
    confidence_level : float
        Two-sided coverage, strictly between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        One row a surface, axis and volume: surface, axis, unit (of the axis), scale
        ("log" or "linear"), increasing, volume, volume_label, value, low, high (bits
        per person; the interval is of the mean over people like those simulated, whole
        stores being sampled for records and whole twins for answers along people; for
        readings of a leaked trace it is of the people in one gallery), n (people),
        confidence_level, curve, curve_low, curve_high (monotone curve and band, see
        `dose_response`), note and extrapolates.

    Raises
    ------
    ParameterError
        For surfaces, axes, volumes or settings outside their range.

    Notes
    -----
    Digits are decimal digits of a whole range: a hundred years, centimetres, kilograms,
    mmHg, mg/dL or mg a week, an INR of ten, a risk of one. Two of them hold an age to a
    year, three a dose to a tenth.

    Nothing here is about real people, and no cell says what a leak does to a person.
    Most of what a store loses along days is scatter of measurements. Who hears answers
    along days, answers and decimals knows the law that was simulated; all others learn,
    and a better attacker may find more. A record's bits cannot exceed the logarithm of
    its store, and close to it five stores may all be alike: of 120 intervals at 9.965
    bits in stores of a thousand, 84 % held the mean, and one in six had no width.

    References
    ----------
    As the chapters on each surface: `anonymity_sets`, `link_by_likelihood`, `invert`,
    `infer_membership`.

    Examples
    --------
    >>> told = surface_curves(
    ...     ["answers"], ["decimals"], n_people=500, rng=np.random.default_rng(7))
    >>> told["volume"].tolist(), bool(told["value"].iloc[-1] > told["value"].iloc[0])
    ([0, 1, 2, 3], True)
    """
    from joblib import Parallel, delayed

    check_rng(rng)
    check_fraction(confidence_level, name="confidence_level")
    _check_names("surfaces", surfaces, SURFACES)
    _check_names("axes", axes, AXES)
    _check_people(n_people)
    own_volumes = _check_volumes(volumes or {})
    for surface in surfaces:
        for axis in axes:
            cell = SURFACES[surface][axis]
            at, people = own_volumes.get(axis, cell.volumes), n_people or cell.n_people
            cell.check_volumes(at, people, f"{axis}, {surface}")
    streams = dict(zip(SURFACES, rng.spawn(len(SURFACES)), strict=True))
    parts: list[pd.DataFrame] = Parallel()(
        delayed(_one_surface)(
            surface, axes, n_people, own_volumes, streams[surface], confidence_level
        )
        for surface in surfaces
    )
    return pd.concat(parts, ignore_index=True)


def half_volumes(table: pd.DataFrame) -> pd.DataFrame:
    """Return the volume at which each surface gives away half of its most.

    Parameters
    ----------
    table : pandas.DataFrame
        As from `surface_curves`.

    Returns
    -------
    pandas.DataFrame
        One row a surface and axis: surface, axis, unit, half_bits (half of the largest
        value of the curve), value, low, high (the volume, in the unit of the axis, on
        the curve, straight on the axis's scale), reading. The value is missing unless
        the reading is "bends": "nothing shown" where the largest value is not shown to
        be above 0, "below the range" where more than half is there at the first volume,
        and "beyond the range" where the last step rises at more than half of the
        average slope, so that the most is not known. Of a falling curve, which has its
        most at the first volume, it is "beyond the range" where more than half is left
        at the last, and "below the range" where the first step falls at more than half
        of the average slope. Bounds are those of the band: the first volume at which it
        can have reached half, and the first at which it must have; infinite (or 0)
        beyond the volumes.

    Raises
    ------
    DataError
        If the table lacks a column or is empty, or a curve has fewer than two volumes,
        one of them twice, one of 0 on a logarithmic axis, or a value that is missing.

    Notes
    -----
    Whether the most is known hangs on the points of the last step (of a falling curve,
    the first), not on their intervals: near half of the average slope, one volume more
    may turn the reading.

    Examples
    --------
    >>> curve = np.array([0.0, 2.0, 4.0, 4.0])
    >>> table = pd.DataFrame({
    ...     "surface": "record", "axis": "attributes", "unit": "attributes",
    ...     "scale": "linear", "increasing": True, "volume": [1, 2, 3, 4],
    ...     "curve": curve, "curve_low": curve - 0.1, "curve_high": curve + 0.1})
    >>> half_volumes(table)[["half_bits", "value", "reading"]]
       half_bits  value reading
    0        2.0    2.0   bends
    """
    check_curves(table)
    cells = table.groupby(["surface", "axis"], sort=False)
    return pd.DataFrame([half_of(part.sort_values("volume")) for _, part in cells])


def _one_surface(
    surface: str,
    axes: Sequence[str],
    n_people: int | None,
    volumes: Mapping[str, tuple[int, ...]],
    rng: np.random.Generator,
    level: float,
) -> pd.DataFrame:
    """Measure the axes of one surface, which may share simulated people."""
    shared_rng, *axis_rngs = rng.spawn(1 + len(AXES))
    streams = dict(zip(AXES, axis_rngs, strict=True))
    made: dict[Any, Any] = {}
    parts = []
    for axis in axes:
        cell = SURFACES[surface][axis]
        at = volumes.get(axis, cell.volumes)
        people: Any = n_people or cell.n_people
        if cell.simulate:
            if people not in made:
                made[people] = cell.simulate(people, shared_rng)
            people = made[people]
        raw = cell.measure(at, people, streams[axis], level)
        parts.append(_tidy(surface, axis, cell, at, raw))
    return pd.concat(parts, ignore_index=True)


def _tidy(
    surface: str, axis: str, cell: Cell, volumes: Sequence[int], raw: list[Estimate]
) -> pd.DataFrame:
    unit, scale = AXES[axis]
    head = {"surface": surface, "axis": axis, "unit": unit, "scale": scale}
    curve = fit_curve(raw, increasing=cell.increasing)
    rows = [
        head
        | {"increasing": cell.increasing, "volume": n, "volume_label": f"{n:,}"}
        | one.as_dict()
        | {name: getattr(fitted, field) for field, name in CURVE.items()}
        for n, one, fitted in zip(volumes, raw, curve, strict=True)
    ]
    return pd.DataFrame(rows).assign(note=cell.note, extrapolates=cell.extrapolates)


def _check_names(
    name: str, given: Sequence[str], allowed: Mapping[str, object]
) -> None:
    if isinstance(given, str) or not len(given):
        raise ParameterError(f"{name} must be a sequence of one or more; got {given!r}")
    for one in given:
        check_choice(one, name=name, allowed=allowed.keys())
    if len(set(given)) < len(given):
        raise ParameterError(f"{name} must not repeat; got {', '.join(given)}")


def _check_people(n_people: int | None) -> None:
    whole = isinstance(n_people, int | np.integer)
    if n_people is not None and not (whole and n_people >= 100):
        raise ParameterError(
            f"n_people must be None or a whole number of 100 or more; got {n_people!r}"
        )


def _check_volumes(volumes: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, ...]]:
    found = {}
    for axis, given in volumes.items():
        check_choice(axis, name="volumes", allowed=AXES.keys())
        values = tuple(given) if isinstance(given, Iterable) else ()
        if (
            len(values) < 2
            or not all(map(_is_whole, values))
            or min(np.diff(values)) < 1
        ):
            raise ParameterError(
                f"volumes[{axis!r}] must be two or more whole numbers, increasing; got "
                f"{list(values) if values else given!r}"
            )
        least, most = (0, MOST_DIGITS) if axis == "decimals" else (1, np.inf)
        if values[0] < least:
            raise ParameterError(
                f"volumes[{axis!r}] must be {least} or more; got {values[0]}"
            )
        if values[-1] > most:
            raise ParameterError(
                f"volumes[{axis!r}] must be at most {most}; got {values[-1]}"
            )
        found[axis] = values
    return found


def _is_whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


CURVE = {"value": "curve", "low": "curve_low", "high": "curve_high"}
_NEEDED = ("surface", "axis", "unit", "scale", "increasing", "volume", *CURVE.values())


def check_curves(table: pd.DataFrame) -> None:
    """Refuse a table on whose curves no half can be looked for."""
    lacking = [name for name in _NEEDED if name not in table.columns]
    if lacking:
        raise DataError(f"table must have the columns {', '.join(lacking)}")
    if table.empty:
        raise DataError("table must hold at least one row; got none")
    n_missing = int((~np.isfinite(table["curve"].to_numpy(dtype=float))).sum())
    if n_missing:
        raise DataError(f"curve must be finite; got {n_missing} values that are not")
    for (surface, axis), part in table.groupby(["surface", "axis"], sort=False):
        if len(part) < 2 or part["volume"].duplicated().any():
            raise DataError(
                f"volume must differ in two rows or more of {surface}, {axis}; got "
                f"{part['volume'].tolist()}"
            )
    if (table.loc[table["scale"] == "log", "volume"] <= 0).any():
        raise DataError("volume must be above 0 on a logarithmic axis")


def half_of(part: pd.DataFrame) -> dict[str, Any]:
    """Return the row of one curve, its volumes in increasing order."""
    places = part["volume"].to_numpy(dtype=float)
    middle, low, high = (part[name].to_numpy(dtype=float) for name in CURVE.values())
    rises, is_log = bool(part["increasing"].iloc[0]), part["scale"].iloc[0] == "log"
    most = -1 if rises else 0
    kind = {"increasing": rises, "logarithmic": bool(is_log)}
    # Half of the least and of the largest that the most can be, by the other band.
    value, first, last = (
        float(crossings(curve[None], np.array([height / 2]), places, **kind)[0])
        for curve, height in (
            (middle, middle[most]),
            (high, low[most]),
            (low, high[most]),
        )
    )
    row = {name: part[name].iloc[0] for name in ("surface", "axis", "unit")}
    row |= {"half_bits": middle[most] / 2}
    scale = np.log(places) if is_log else places
    reading = _reading(value, middle, low, scale, rises=rises)
    if reading != "bends":
        value = first = last = np.nan
    ends = sorted((value, *((first, last) if rises else (last, first))))
    return row | {"value": value, "low": ends[0], "high": ends[2], "reading": reading}


def _reading(
    value: float, curve: Array, low: Array, places: Array, *, rises: bool
) -> str:
    if not low[-1 if rises else 0] > 0:
        return "nothing shown"
    if not np.isfinite(value) or value == 0:
        return "below the range" if rises else "beyond the range"
    slopes = np.abs(np.diff(curve) / np.diff(places))
    average = abs(curve[-1] - curve[0]) / (places[-1] - places[0])
    # The most is at the end that leaks most: a level end shows that it is the most.
    if slopes[-1 if rises else 0] > average / 2:
        return "beyond the range" if rises else "below the range"
    return "bends"
