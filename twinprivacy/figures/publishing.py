"""Publish a figure: pictures for screen and print, its data, and how to cite it."""

import hashlib
import io
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from types import MappingProxyType
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from twinprivacy._validation import check_choice
from twinprivacy.errors import FigureError
from twinprivacy.figures import citation, registry, registry as manifests

Draw = Callable[[pd.DataFrame, Any], None]
SIGNIFICANT_DIGITS = 6


@dataclass(frozen=True)
class PublishedFigure:
    """A figure that was written; its text tells two runs apart.

    Attributes
    ----------
    figure_id : str
    n_rows, n_columns : int
        Shape of the figure's data.
    fingerprint : str
        Hash of the data at six digits and of the axes' labels and scales.
    folder : pathlib.Path
        Where the files are.
    """

    figure_id: str
    n_rows: int
    n_columns: int
    fingerprint: str
    folder: Path

    def __repr__(self) -> str:
        """Show identity, shape and fingerprint, and no path of the machine."""
        return (
            f"figure {self.figure_id}: {self.n_rows} rows, {self.n_columns} columns, "
            f"fingerprint {self.fingerprint}"
        )

    def _repr_png_(self) -> bytes:
        return (self.folder / f"{self.figure_id}.png").read_bytes()


def publish(
    figure_id: str,
    draw: Draw,
    data: pd.DataFrame,
    *,
    title: str,
    headline: str,
    caption: str,
    alt: str,
    not_shown: str,
    chapter: str,
    sources: Sequence[str] = (),
    columns: Mapping[str, tuple[str, str]] | None = None,
    seed: int | None = None,
    size: str = "single",
    height_mm: float | None = None,
    panels: tuple[int, int] = (1, 1),
    folder: Path | None = None,
) -> PublishedFigure:
    """Draw a figure for screen and print and write everything needed to cite it.

    Writes light and dark SVG, PDF, PNG, the data as CSV, BibTeX, RIS, CSL-JSON, a
    manifest and a ZIP of all. The data are rounded to six significant digits before
    they are drawn, so that the CSV holds exactly what the picture shows. Two runs on
    the same data write the same bytes. Files appear all at once or not at all.

    Parameters
    ----------
    figure_id : str
        Kebab-case; its address for ever.
    draw : callable
        ``draw(data, axes)`` draws on given axes: one, or an array for `panels`.
    data : pandas.DataFrame
        Tidy; every column has a unit and a description.
    title : str
        The finding as one sentence with its number.
    headline : str
        The number itself with its interval, for overviews.
    caption : str
        What is drawn, from what, how many, which interval.
    alt : str
        Type of chart, axes, finding and shape, for those who cannot see it.
    not_shown : str
        What a reader must not conclude.
    chapter : str
        Name of the notebook that publishes the figure, without its ending.
    sources : sequence of str
        Names of the data files used; their hashes go into the manifest.
    columns : mapping of str to (unit, description), optional
        For columns that the shared vocabulary (``columns.csv``) does not hold.
    seed : int, optional
        Seed of the random numbers behind the data, where there are any.
    size : str
        "single" (89 mm) or "double" (183 mm).
    height_mm : float, optional
        Height; without it 0.72 of the width.
    panels : tuple of int
        Rows and columns of axes.
    folder : pathlib.Path, optional
        Where figures go; see `figures_folder`.

    Returns
    -------
    PublishedFigure

    Raises
    ------
    FigureError
        For a malformed id, an empty table, a text that is missing, a column without
        description, labels that overlap or are cut off, or an id that another chapter
        has published.
    """
    registry.check_figure_id(figure_id)
    check_choice(size, name="size", allowed=tuple(WIDTH_MM))
    folder = folder or registry.figures_folder()
    _check_owner(figure_id, chapter, folder)
    data = _round(data)
    geometry = _Geometry(size_inches(size, height_mm), panels)
    manifest = manifests.make_manifest(
        figure_id,
        data,
        title=title,
        headline=headline,
        caption=caption,
        alt=alt,
        not_shown=not_shown,
        chapter=chapter,
        sources=sources,
        columns=columns or {},
        seed=seed,
        size=size,
        height_mm=geometry.size_inches[1] * MM_PER_INCH,
    )
    with _all_or_nothing(folder / figure_id) as target:
        csv = _csv(data)
        axes_text = _draw_all(target, figure_id, draw, data, manifest, geometry)
        manifest["fingerprint"] = _digest((csv + axes_text).encode())[:16]
        manifest["csv_sha256"] = _digest(csv.encode())
        _write_texts(target, figure_id, csv, manifest)
        _write_zip(target, figure_id, manifest)
    return PublishedFigure(
        figure_id, len(data), data.shape[1], manifest["fingerprint"], folder / figure_id
    )


def size_inches(size: str, height_mm: float | None) -> tuple[float, float]:
    """Return width and height in inches; without a height, 0.72 of the width."""
    width_mm = WIDTH_MM[size]
    height = 0.72 * width_mm if height_mm is None else height_mm
    return width_mm / MM_PER_INCH, height / MM_PER_INCH


@dataclass(frozen=True)
class _Geometry:
    size_inches: tuple[float, float]
    panels: tuple[int, int]


def _check_owner(figure_id: str, chapter: str, folder: Path) -> None:
    """Raise if the address belongs to another chapter."""
    if not registry.manifest_path(figure_id, folder).is_file():
        return
    owner = registry.load_manifest(figure_id, folder)["chapter"]
    if owner != chapter:
        raise FigureError(
            f"figure {figure_id!r} is published by chapter {owner!r}; "
            f"chapter {chapter!r} needs another id"
        )


def _round(data: pd.DataFrame) -> pd.DataFrame:
    if data.empty:
        raise FigureError("data must have at least one row; got an empty table")
    rounded = data.reset_index(drop=True).copy()
    for column in rounded:
        if not pd.api.types.is_float_dtype(rounded[column]):
            continue
        rounded[column] = [
            float(f"{value:.{SIGNIFICANT_DIGITS}g}") for value in rounded[column]
        ]
    return rounded


def _csv(data: pd.DataFrame) -> str:
    return data.to_csv(index=False, lineterminator="\n", float_format=_format_float)


def _format_float(value: Any) -> str:
    """Write whole numbers without an exponent, others with six digits."""
    if np.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.{SIGNIFICANT_DIGITS}g}"


def _draw_all(
    target: Path,
    figure_id: str,
    draw: Draw,
    data: pd.DataFrame,
    manifest: dict[str, Any],
    geometry: _Geometry,
) -> str:
    """Write the four pictures; return the text of the axes."""
    dark = _drawn("dark", figure_id, draw, data, geometry)
    light = _drawn("light", figure_id, draw, data, geometry)
    metadata = manifests.picture_metadata(manifest)
    with mpl.rc_context(rc_params("dark", hash_salt=f"{figure_id}-dark")):
        dark.savefig(target / f"{figure_id}.dark.svg", metadata=metadata["svg"])
    with mpl.rc_context(rc_params("light", hash_salt=figure_id)):
        for kind in ("svg", "pdf"):
            light.savefig(target / f"{figure_id}.{kind}", metadata=metadata[kind])
        light.savefig(
            target / f"{figure_id}.png",
            metadata=metadata["png"],
            dpi=PNG_DOTS_PER_INCH,
            transparent=False,
            facecolor=BACKGROUND["light"],
        )
    return _axes_text(light)


def _drawn(
    theme: str, figure_id: str, draw: Draw, data: pd.DataFrame, geometry: _Geometry
) -> Figure:
    with mpl.rc_context(rc_params(theme, hash_salt=figure_id)):
        figure = Figure(figsize=geometry.size_inches)
        axes = figure.subplots(*geometry.panels)
        draw(data.copy(), axes)
        # Lay out while the theme is set; text sizes are read at this moment.
        check_labels(figure, figure_id)
    return figure


def _axes_text(figure: Figure) -> str:
    """Describe labels and scales, so that a change of axes changes the fingerprint."""
    parts = [
        (axes.get_xlabel(), axes.get_xscale(), axes.get_ylabel(), axes.get_yscale())
        for axes in figure.axes
    ]
    return repr(parts)


def _write_texts(
    target: Path, figure_id: str, csv: str, manifest: dict[str, Any]
) -> None:
    texts = {
        "csv": csv,
        "metadata.json": manifests.to_json(manifest),
        "bib": citation.bibtex(manifest),
        "ris": citation.ris(manifest),
        "csl.json": citation.csl_json(manifest),
    }
    for ending, text in texts.items():
        path = target / f"{figure_id}.{ending}"
        path.write_text(text, encoding="utf-8", newline="")


def _write_zip(target: Path, figure_id: str, manifest: dict[str, Any]) -> None:
    """Pack all files with a README; fixed dates keep the bytes the same."""
    members = {path.name: path.read_bytes() for path in sorted(target.iterdir())}
    members["README.txt"] = manifests.readme(manifest, sorted(members)).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(f"{figure_id}/{name}", (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, members[name])
    (target / f"{figure_id}.zip").write_bytes(buffer.getvalue())


@contextmanager
def _all_or_nothing(destination: Path) -> Iterator[Path]:
    """Yield a folder beside `destination` that takes its place on success."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=".publishing-", dir=destination.parent))
    try:
        yield fresh
        fresh.chmod(0o755)
        if destination.exists():
            replaced = fresh.with_name(f"{fresh.name}-replaced")
            os.rename(destination, replaced)
            try:
                os.rename(fresh, destination)
            except OSError:
                os.rename(replaced, destination)
                raise
            shutil.rmtree(replaced)
        else:
            os.rename(fresh, destination)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# Boxes of text are a little taller than its ink.
TOLERANCE_PT = 1.0


def check_labels(figure: Figure, figure_id: str) -> None:
    """Raise if two labels overlap or one is cut off by the edge of the picture.

    Raises
    ------
    FigureError
        The message quotes the labels.
    """
    figure.draw_without_rendering()
    slack = TOLERANCE_PT * figure.dpi / 72
    boxes = [(text.get_text(), _box(text, slack)) for text in _visible_texts(figure)]
    frame = figure.bbox.padded(2 * slack)
    for label, box in boxes:
        if not (
            frame.x0 <= box.x0
            and box.x1 <= frame.x1
            and frame.y0 <= box.y0
            and box.y1 <= frame.y1
        ):
            raise FigureError(f"figure {figure_id!r}: label {label!r} is cut off")
    for (one, first), (other, second) in combinations(boxes, 2):
        if first.overlaps(second):
            raise FigureError(
                f"figure {figure_id!r}: labels {one!r} and {other!r} overlap"
            )


def _box(text: Text, slack: float) -> Bbox:
    box = text.get_window_extent()
    return Bbox.from_extents(
        box.x0 + slack, box.y0 + slack, box.x1 - slack, box.y1 - slack
    )


def _visible_texts(figure: Figure) -> list[Text]:
    hidden = {id(text) for text in _ticks_out_of_view(figure)}
    return [
        text
        for text in figure.findobj(Text)
        if isinstance(text, Text)
        and text.get_visible()
        and text.get_text().strip()
        and id(text) not in hidden
    ]


def _ticks_out_of_view(figure: Figure) -> list[Text]:
    """Return labels that matplotlib keeps but does not draw."""
    hidden: list[Text] = []
    for axis in figure.findobj(Axis):
        assert isinstance(axis, Axis)
        low, high = sorted(axis.get_view_interval())
        width = 1e-9 * (high - low)
        for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
            drawn = axis.get_visible() and low - width <= tick.get_loc() <= high + width
            if not (drawn and tick.label1.get_visible()):
                hidden.append(tick.label1)
            if not (drawn and tick.label2.get_visible()):
                hidden.append(tick.label2)
    return hidden


# Journal columns: one or two.
WIDTH_MM = MappingProxyType({"single": 89.0, "double": 183.0})
FONT_SIZE_PT = 9.0
MM_PER_INCH = 25.4
POINTS_PER_INCH = 72.0
PNG_DOTS_PER_INCH = 300

# Hues of Okabe and Ito, shifted so that their lightness differs by 12 L* steps:
# they stay apart for colour-blind readers and in grey print. Last comes the grey
# for everything that is not the point being made.
PALETTE = MappingProxyType(
    {
        "light": ("#005689", "#b85000", "#27a178", "#4c2a3d", "#6b7280"),
        "dark": ("#5ab4f0", "#f5a25d", "#149068", "#f0d0e4", "#9aa3ad"),
    }
)
BACKGROUND = MappingProxyType({"light": "#ffffff", "dark": "#121212"})
_INK = MappingProxyType({"light": "#1f2430", "dark": "#e8e8e8"})
_GRID = MappingProxyType({"light": "#e3e5e9", "dark": "#33373d"})


def rc_params(theme: str, *, hash_salt: str) -> dict[Any, Any]:
    """Return matplotlib settings for one theme.

    Parameters
    ----------
    theme : str
        "light" or "dark".
    hash_salt : str
        Makes the identifiers inside an SVG the same on every run.
    """
    from cycler import cycler

    ink = _INK[theme]
    return {
        "axes.axisbelow": True,
        "axes.edgecolor": ink,
        "axes.grid": True,
        "axes.labelcolor": ink,
        "axes.labelsize": FONT_SIZE_PT,
        "axes.linewidth": 0.6,
        "axes.prop_cycle": cycler(color=PALETTE[theme]),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlesize": FONT_SIZE_PT,
        "figure.constrained_layout.use": True,
        "font.family": "DejaVu Sans",  # ships with matplotlib: the same everywhere
        "font.size": FONT_SIZE_PT,
        "grid.color": _GRID[theme],
        "grid.linewidth": 0.5,
        "legend.fontsize": FONT_SIZE_PT,
        "legend.frameon": False,
        "lines.linewidth": 1.4,
        "pdf.fonttype": 42,  # whole TrueType fonts, which journals ask for
        "savefig.transparent": True,
        "svg.fonttype": "path",
        "svg.hashsalt": hash_salt,
        "text.color": ink,
        "xtick.color": ink,
        "xtick.labelsize": FONT_SIZE_PT,
        "ytick.color": ink,
        "ytick.labelsize": FONT_SIZE_PT,
    }
