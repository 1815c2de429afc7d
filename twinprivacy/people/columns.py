"""The table of what a twin may know: name, modality, unit, range, meaning."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

__all__ = [
    "COLUMNS",
    "Column",
]


RACES = ("White", "Black", "Asian", "Hispanic", "Mixed or unknown")
VKORC1_GENOTYPES = ("G/G", "A/G", "A/A", "unknown")
CYP2C19_GENOTYPES = ("*1/*1", "*1/*2", "*1/*17", "*2/*2", "*2/*17", "*17/*17")
EDUCATION_LEVELS = (
    "below grade 9",
    "grades 9 to 11",
    "high school",
    "some college",
    "college degree",
)
CYP2C9_GENOTYPES = ("*1/*1", "*1/*2", "*1/*3", "*2/*2", "*2/*3", "*3/*3", "unknown")


@dataclass(frozen=True)
class Column:
    """Describe one thing known about a person.

    Attributes
    ----------
    name : str
        With its unit, where it has one.
    modality : str
        Kind of data: a rung of the ladder of `twinprivacy.people`.
    unit : str
        Unit, or "category" or "yes or no".
    description : str
    low, high : float
        Allowed range of a number, ends included.
    categories : tuple of str
        Allowed values of a category, empty for numbers and yes or no.
    if_missing : str, optional
        What a missing value stands for: a category, or "no". Without it a missing value
        is an error.
    mistaken : tuple of (str, float, float)
        Other units with the range that people have in them.
    """

    name: str
    modality: str
    unit: str
    description: str
    low: float = 0.0
    high: float = 1.0
    categories: tuple[str, ...] = ()
    if_missing: str | None = None
    mistaken: tuple[tuple[str, float, float], ...] = ()


def _number(
    name: str,
    unit: str,
    limits: tuple[float, float],
    description: str,
    *mistaken: tuple[str, float, float],
) -> Column:
    return Column(name, "", unit, description, *limits, mistaken=mistaken)


def _flag(name: str, description: str, if_missing: str | None = None) -> Column:
    return Column(name, "", "yes or no", description, if_missing=if_missing)


def _category(
    name: str,
    categories: tuple[str, ...],
    description: str,
    if_missing: str | None = None,
) -> Column:
    column = Column(name, "", "category", description, if_missing=if_missing)
    return replace(column, categories=categories)


def _alleles(name: str, description: str) -> Column:
    return _number(name, "alleles", (0, 2), f"Copies of {description}")


_OF_MODALITY = {
    "demographics": (
        _number("age_years", "years", (10, 110), "Age; 80 may stand for older"),
        _category("sex", ("female", "male"), "Sex"),
        _category(
            "race",
            RACES,
            "Race or ethnicity, as the person reports it",
            if_missing="Mixed or unknown",
        ),
        _number(
            "height_cm",
            "cm",
            (120, 230),
            "Height",
            ("metres", 1.2, 2.3),
            ("inches", 47, 91),
        ),
        _number("weight_kg", "kg", (25, 300), "Weight", ("grams", 25_000, 300_000)),
        _category("education_level", EDUCATION_LEVELS, "Highest school or degree"),
    ),
    "history": (
        _flag("diabetes", "Diagnosed diabetes"),
        _flag("bp_medication", "Takes a drug against high blood pressure"),
        _flag("statin", "Takes a statin"),
        _flag("amiodarone", "Takes amiodarone", if_missing="no"),
        _flag(
            "enzyme_inducer",
            "Takes carbamazepine, phenytoin or rifampicin",
            if_missing="no",
        ),
        _flag(
            "venous_thrombosis",
            "Takes warfarin for deep vein thrombosis or pulmonary embolism",
            if_missing="no",
        ),
    ),
    "laboratory": (
        _number(
            "systolic_bp_mmhg",
            "mmHg",
            (60, 260),
            "Systolic blood pressure",
            ("kPa", 8, 35),
            ("cmHg", 6, 26),
        ),
        _number(
            "diastolic_bp_mmhg",
            "mmHg",
            (20, 160),
            "Diastolic blood pressure",
            ("kPa", 2.6, 20),
        ),
        _number("pulse_per_minute", "beats per minute", (30, 200), "Pulse at rest"),
        _number(
            "total_cholesterol_mg_dl",
            "mg/dL",
            (50, 600),
            "Total cholesterol",
            ("mmol/L", 1.3, 16),
        ),
        _number("hdl_mg_dl", "mg/dL", (5, 200), "HDL cholesterol", ("mmol/L", 0.1, 5)),
        _number(
            "hba1c_percent",
            "%",
            (3, 18),
            "Glycated haemoglobin (NGSP)",
            ("mmol/mol", 18, 175),
        ),
        _number(
            "egfr_ml_min",
            "mL/min/1.73 m2",
            (3, 180),
            "Estimated glomerular filtration rate",
            ("mL/s/1.73 m2", 0.05, 3),
        ),
    ),
    "genome": (
        _category(
            "vkorc1",
            VKORC1_GENOTYPES,
            "VKORC1 -1639G>A (rs9923231)",
            if_missing="unknown",
        ),
        _category(
            "cyp2c9",
            CYP2C9_GENOTYPES,
            "CYP2C9 diplotype of *1, *2 (rs1799853) and *3 (rs1057910)",
            if_missing="unknown",
        ),
        _category(
            "cyp2c19",
            CYP2C19_GENOTYPES,
            "CYP2C19 diplotype of *1, *2 (rs4244285) and *17 (rs12248560)",
        ),
        _alleles("cyp4f2_3_alleles", "CYP4F2*3 (rs2108622 T)"),
        _alleles("nqo1_2_alleles", "NQO1*2 (rs1800566)"),
        _alleles("rs12777823_a_alleles", "rs12777823 A, in the CYP2C cluster"),
    ),
    "daily habits": (
        _flag("current_smoker", "Smokes cigarettes now"),
        _number(
            "sleep_hours_per_night",
            "hours a night",
            (0, 24),
            "Usual sleep",
            ("minutes", 60, 1_440),
        ),
        _number(
            "active_days_per_week",
            "days a week",
            (0, 7),
            "Days with moderate or vigorous sport or exercise",
        ),
        _number(
            "alcohol_days_per_week",
            "days a week",
            (0, 7),
            "Days with an alcoholic drink",
            ("days a year", 8, 366),
        ),
        _number(
            "tv_hours_per_day",
            "hours a day",
            (0, 24),
            "Hours of television; in simulated people 5 stands for more than 4",
            ("minutes", 25, 1_440),
        ),
    ),
}
COLUMNS: Mapping[str, Column] = MappingProxyType(
    {
        column.name: replace(column, modality=modality)
        for modality, columns in _OF_MODALITY.items()
        for column in columns
    }
)
