"""The palette is held to numbers: colour-blind readers, grey print, contrast."""

from itertools import combinations

import numpy as np
import pytest

from twinprivacy.figures.publishing import BACKGROUND, PALETTE, WIDTH_MM, rc_params

# Machado, Oliveira and Fernandes 2009, doi:10.1109/TVCG.2009.113, severity 1.0.
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
# IEC 61966-2-1, white point D65.
XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
WHITE = XYZ.sum(axis=1)


def linear(colour):
    value = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    ratio = XYZ @ np.clip(rgb, 0, 1) / WHITE
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one, other):
    low, high = sorted(float(XYZ[1] @ linear(colour)) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def categories(theme):
    return PALETTE[theme][:-1]  # the last is the grey of what is not the point


@pytest.mark.parametrize("theme", PALETTE)
@pytest.mark.parametrize("vision", VISION)
def test_categories_stay_apart_for_every_eye(theme, vision):
    seen = [lab(VISION[vision] @ linear(colour)) for colour in categories(theme)]
    apart = [np.linalg.norm(one - other) for one, other in combinations(seen, 2)]
    assert min(apart) > 15  # about six times the difference that is just noticed


def test_categories_stay_apart_in_grey_print():
    lightness = sorted(lab(linear(colour))[0] for colour in categories("light"))
    assert np.diff(lightness).min() > 10


@pytest.mark.parametrize("theme", PALETTE)
def test_every_colour_can_be_seen_on_its_background(theme):
    # WCAG 2.2, 1.4.11: graphics need 3 to 1.
    assert min(contrast(c, BACKGROUND[theme]) for c in PALETTE[theme]) >= 3


@pytest.mark.parametrize("theme", PALETTE)
def test_text_can_be_read_on_its_background(theme):
    # WCAG 2.2, 1.4.3: text needs 4.5 to 1.
    ink = rc_params(theme, hash_salt="x")["text.color"]
    assert contrast(ink, BACKGROUND[theme]) >= 4.5


def test_journal_widths():
    assert dict(WIDTH_MM) == {"single": 89.0, "double": 183.0}
