"""Drugs and kidney function of simulated people, by sex and age."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from twinprivacy import datasets
from twinprivacy._types import Array

# The report on blood pressure starts at 18 instead of 20.
_PRESSURE_BANDS = {"20-39": "18-39", "40-59": "40-59", "60+": "60+"}
_LIPID_BANDS = {40: "40-59", 60: "60-74", 75: "75+"}
_DECADES = ("20-29", "30-39", "40-49", "50-59", "60-69", "70+")


def simulate_filtration(age_years: Array, *, rng: np.random.Generator) -> Array:
    """Draw glomerular filtration rates in mL/min/1.73 m2.

    Normal about the mean of the decade of age, with one coefficient of variation; from
    5 to 160.
    """
    value = _published()
    means = np.array([value["egfr", "mean", "all", band] for band in _DECADES])
    mean = means[np.clip(age_years // 10 - 2, 0, 5).astype(np.int8)]
    spread = value["egfr", "cv", "all", "20+"] * mean
    return np.clip(mean + spread * rng.standard_normal(len(mean)), 5, 160)


def share_treated(sex: str, age_band: str) -> float:
    """Return the share that takes a drug against high blood pressure.

    Hypertension times treatment among those who have it. From 60 on hypertension is
    published for both sexes together.
    """
    value, band = _published(), _PRESSURE_BANDS[age_band]
    treated = value["treated_among_hypertensive", "prevalence", "all", band]
    name = "hypertension_130_80_or_treated"
    of_both = value[name, "prevalence", "all", band]
    of_sex = value.get((name, "prevalence", sex, band), of_both)
    return of_sex / 100 * treated / 100


def simulate_statins(
    sex: npt.NDArray[np.int8], age_years: Array, *, rng: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """Draw who takes a statin: drugs that lower cholesterol, times their statins."""
    value = _published()
    from_40 = [
        value["cholesterol_medication", "prevalence", "all", band]
        for band in _LIPID_BANDS.values()
    ]
    percent = np.array(
        [
            [value["lipid_medication", "prevalence", of, "20-39"], *from_40]
            for of in ("female", "male")
        ]
    )
    band = np.searchsorted(list(_LIPID_BANDS), age_years, side="right")
    statins = value["statin_among_cholesterol_medication", "prevalence", "all", "40+"]
    share = percent[sex, band] / 100 * statins / 100
    return np.asarray(rng.random(len(share)) < share)


def simulate_drugs(
    races: npt.NDArray[np.int8],
    shares: Mapping[str, Array],
    *,
    rng: np.random.Generator,
) -> dict[str, npt.NDArray[np.bool_]]:
    """Draw who takes drugs that change a warfarin dose, by the shares of each race."""
    return {
        name: rng.random(len(races)) < of_race[races]
        for name, of_race in shares.items()
    }


def _published() -> dict[tuple[Any, ...], float]:
    """Return the margins by quantity, statistic, sex and age band."""
    margins = datasets.load("population_margins")
    keys = margins[["quantity", "statistic", "sex", "age_band"]]
    rows = zip(keys.itertuples(index=False, name=None), margins["value"], strict=True)
    return {tuple(key): float(value) for key, value in rows}
