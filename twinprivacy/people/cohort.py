"""Simulated people who look like a published population, and the ladder of their data.

Nobody here exists. Margins and correlations are those of US adults or of the patients
behind the warfarin dosing equations; see the notes for what is left out.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy import datasets
from twinprivacy._types import Array
from twinprivacy._validation import check_choice, check_rng, check_whole
from twinprivacy.people.columns import COLUMNS, RACES
from twinprivacy.people.genomes import simulate_genomes
from twinprivacy.people.population import Body, Group, Population, find_population

__all__ = [
    "MODALITIES",
    "POPULATIONS",
    "simulate_cohort",
]


Arrays = dict[str, npt.NDArray[Any]]
POPULATIONS = ("us_adults", "warfarin_patients")
LADDER = ("demographics", "history", "laboratory", "genome", "daily habits")
# Nothing published says how it is distributed in either population.
_NOT_SIMULATED = ("hba1c_percent", "venous_thrombosis")
MODALITIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        rung: tuple(
            name
            for name, column in COLUMNS.items()
            if column.modality == rung and name not in _NOT_SIMULATED
        )
        for rung in LADDER
    }
)
# As records hold them: whole numbers but for height and weight.
_DECIMALS = {"height_cm": 1, "weight_kg": 1}
_BODY = ("height_cm", "bmi_kg_m2")


def simulate_cohort(
    n: int, *, rng: np.random.Generator, population: str = "us_adults"
) -> pd.DataFrame:
    r"""Simulate adults with demographics, history, laboratory, genome and habits.

    Within a sex and age band every quantity is a function of a normal score,
    :math:`x_j = F_j^{-1}(\Phi(z_j))`, with scores :math:`z \sim N(\mu_r, W)` for race
    :math:`r`. The correlation of two scores is that of the values over both slopes
    :math:`c_j = \text{corr}(x_j, z_j)`, and :math:`W` is what the differences between
    races leave of it. Genes are independent of all but race, in Hardy-Weinberg
    proportion.

    Parameters
    ----------
    n : int
        People, 1 or more.
    rng : numpy.random.Generator
        Source of all draws.
    population : str
        "us_adults" (NHANES 2009-2012, 20 and older) or "warfarin_patients" (IWPC, 20
        and older).

    Returns
    -------
    pandas.DataFrame
        One row a person, in random order, columns of `MODALITIES` with the units of
        `twinprivacy.people.COLUMNS`. For US adults an age of 80 to 89
        stands for 80 and older.

    Raises
    ------
    ParameterError
        For an n below 1 or an unknown population.

    Notes
    -----
    - Drugs against high blood pressure and statins depend on sex and age band only,
      and the filtration rate of the kidney on age only, for want of more.
    - Amiodarone and enzyme inducers are simulated for warfarin patients; among US
      adults they are too rare for the survey and nobody takes them.
    - Height and body-mass index of warfarin patients are their own, and correlate with
      the rest as those of US adults of the same sex and age.
    - Independent errors would give two people in a thousand a pulse pressure below 10
      mmHg, and one in ten thousand less than 20 mg/dL of other cholesterol than HDL;
      their diastolic pressure and HDL are moved to that.
    - Linkage between genes is left out, as are families.
    - Glycated haemoglobin and the reason for taking warfarin have no published
      distribution to follow and are not simulated. Gage's equation asks for the second:
      assign the column venous_thrombosis as you mean it.

    References
    ----------
    CDC/NCHS, NHANES 2009-2012, https://wwwn.cdc.gov/nchs/nhanes/; International
    Warfarin Pharmacogenetics Consortium (2009), doi:10.1056/NEJMoa0809329; Shendre et
    al. (2018), doi:10.2217/pgs-2018-0146.

    Examples
    --------
    >>> people = simulate_cohort(1_000, rng=np.random.default_rng(1_709))
    >>> people[["age_years", "height_cm", "vkorc1"]].shape
    (1000, 3)
    """
    check_rng(rng)
    check_choice(population, name="population", allowed=POPULATIONS)
    check_whole(n, name="n")
    source = find_population(population)
    body_rng, drug_rng, gene_rng, order_rng = rng.spawn(4)
    people = _simulate_groups(n, source, rng=body_rng)
    people["statin"] = _simulate_statins(
        people["sex"], people["age_years"], rng=drug_rng
    )
    for name, of_race in source.drugs.items():
        people[name] = drug_rng.random(n) < of_race[people["race"]]
    people |= simulate_genomes(people["race"], source.frequencies, rng=gene_rng)
    order = order_rng.permutation(n)
    names = [name for rung in MODALITIES.values() for name in rung]
    return pd.DataFrame({name: _column(people[name][order], name) for name in names})


def _simulate_groups(n: int, source: Population, *, rng: np.random.Generator) -> Arrays:
    """Return what follows from sex, age, race and scores, one group after another."""
    shares = np.concatenate([group.race_shares for group in source.groups])
    counts = rng.multinomial(n, shares / shares.sum()).reshape(-1, len(RACES))
    parts = [
        _simulate_group(group, of_races, source.bodies, rng=child)
        for group, of_races, child in zip(
            source.groups, counts, rng.spawn(len(counts)), strict=True
        )
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _simulate_group(
    group: Group,
    counts: npt.NDArray[np.int64],
    bodies: Mapping[tuple[str, str], Body],
    *,
    rng: np.random.Generator,
) -> Arrays:
    """Return what follows from sex, age, race and scores in one group."""
    races = np.repeat(np.arange(len(RACES), dtype=np.int8), counts)
    scores = rng.standard_normal((len(races), len(group.margins))) @ group.root.T
    scores += group.shifts[races]
    found: Arrays = {
        name: law.value(score)
        for (name, law), score in zip(group.margins.items(), scores.T, strict=True)
    }
    found["age_years"] = np.floor(found["age_years"])
    _keep_possible(found)
    found["race"] = races
    found["sex"] = np.full(len(races), group.sex == "male", dtype=np.int8)
    found["egfr_ml_min"] = _simulate_filtration(found["age_years"], rng=rng)
    treated = _share_treated(group.sex, group.age_band)
    found["bp_medication"] = rng.random(len(races)) < treated
    if bodies:
        body_scores = scores[:, [list(group.margins).index(name) for name in _BODY]]
        found |= _bodies(body_scores, races, group.sex, bodies)
    else:
        metres = found["height_cm"] / 100
        found["weight_kg"] = found["bmi_kg_m2"] * metres**2
    return found


def _keep_possible(found: Arrays) -> None:
    """Move what no body can have: a part above its whole, hardly any pulse pressure."""
    diastolic, hdl = found["diastolic_bp_mmhg"], found["hdl_mg_dl"]
    np.minimum(diastolic, found["systolic_bp_mmhg"] - 10, out=diastolic)
    np.minimum(hdl, found["total_cholesterol_mg_dl"] - 20, out=hdl)


def _bodies(
    scores: Array,
    races: npt.NDArray[np.int8],
    sex: str,
    bodies: Mapping[tuple[str, str], Body],
) -> Arrays:
    """Return height and weight by race; the second score is the body's bulk."""
    height, weight = np.empty(len(races)), np.empty(len(races))
    for place in np.unique(races):
        body, of_race = bodies[RACES[place], sex], races == place
        tall, bulky = scores[of_race].T
        # The scores hardly correlate; what they do is removed before use. Of a handful
        # of people it can be any number, and beyond 1 no spread would be left.
        overlap = float(np.mean(tall * bulky)) if len(tall) > 1 else 0.0
        overlap = min(max(overlap, -0.5), 0.5)
        bulky = (bulky - overlap * tall) / np.sqrt(1 - overlap**2)
        tie = body.correlation / body.weight.slope
        height[of_race] = body.height.value(tall)
        weight[of_race] = body.weight.value(tie * tall + np.sqrt(1 - tie**2) * bulky)
    return {"height_cm": height, "weight_kg": weight}


def _column(values: npt.NDArray[Any], name: str) -> Any:
    """Return a column as records hold it: rounded, within the allowed range."""
    column = COLUMNS[name]
    if column.categories:
        return pd.Categorical.from_codes(
            values.astype(np.int8), categories=pd.Index(column.categories)
        )
    if column.unit == "yes or no":
        return values.astype(bool)
    decimals = _DECIMALS.get(name, 0)
    rounded = np.clip(np.round(values, decimals), column.low, column.high)
    return rounded if decimals else rounded.astype(np.int16)


# The report on blood pressure starts at 18 instead of 20.
_PRESSURE_BANDS = {"20-39": "18-39", "40-59": "40-59", "60+": "60+"}
_LIPID_BANDS = {40: "40-59", 60: "60-74", 75: "75+"}
_DECADES = ("20-29", "30-39", "40-49", "50-59", "60-69", "70+")


def _simulate_filtration(age_years: Array, *, rng: np.random.Generator) -> Array:
    """Draw glomerular filtration rates in mL/min/1.73 m2.

    Normal about the mean of the decade of age, with one coefficient of variation; from
    5 to 160.
    """
    value = _published()
    means = np.array([value["egfr", "mean", "all", band] for band in _DECADES])
    mean = means[np.clip(age_years // 10 - 2, 0, 5).astype(np.int8)]
    spread = value["egfr", "cv", "all", "20+"] * mean
    return np.clip(mean + spread * rng.standard_normal(len(mean)), 5, 160)


def _share_treated(sex: str, age_band: str) -> float:
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


def _simulate_statins(
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


def _published() -> dict[tuple[Any, ...], float]:
    """Return the margins by quantity, statistic, sex and age band."""
    margins = datasets.load("population_margins")
    keys = margins[["quantity", "statistic", "sex", "age_band"]]
    rows = zip(keys.itertuples(index=False, name=None), margins["value"], strict=True)
    return {tuple(key): float(value) for key, value in rows}
