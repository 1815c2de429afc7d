"""How every figure looks: widths, type size, and one palette for light and dark."""

from types import MappingProxyType
from typing import Any

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


def size_inches(size: str, height_mm: float | None) -> tuple[float, float]:
    """Return width and height in inches; without a height, 0.72 of the width."""
    width_mm = WIDTH_MM[size]
    height = 0.72 * width_mm if height_mm is None else height_mm
    return width_mm / MM_PER_INCH, height / MM_PER_INCH
