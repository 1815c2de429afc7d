"""Shares and correlations of US adults, computed from the NHANES public-use file.

`structure` makes the table data/population_structure.csv; the test beside it compares
the two where the file is at hand. Only group figures leave this module.

    python tests/published/nhanes_structure.py NHANESraw.csv.gz
"""

import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

BANDS = {"20-39": (20, 39), "40-59": (40, 59), "60+": (60, 120)}
AGES = (20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80)
NUMBERS = {
    "age_years": "Age",
    "height_cm": "Height",
    "bmi_kg_m2": "BMI",
    "systolic_bp_mmhg": "BPSysAve",
    "diastolic_bp_mmhg": "BPDiaAve",
    "pulse_per_minute": "Pulse",
    "total_cholesterol_mg_dl": "TotChol",
    "hdl_mg_dl": "DirectChol",
}
FLAGS = ("diabetes", "current_smoker")
COUNTS = (
    "education_level",
    "sleep_hours_per_night",
    "active_days_per_week",
    "alcohol_days_per_week",
    "tv_hours_per_day",
)
EDUCATION = ("8th Grade", "9 - 11th Grade", "High School", "Some College")
TV = {"0_hrs": 0, "0_to_1_hr": 0, "1_hr": 1, "2_hr": 2, "3_hr": 3, "4_hr": 4}
COLUMNS = ["sex", "age_band", "quantity", "other", "statistic", "value", "n_unweighted"]


def structure(people: pd.DataFrame) -> pd.DataFrame:
    """Return the table of `population_structure`, in its order."""
    adults = prepare(people)
    rows = []
    for sex in ("male", "female"):
        of_sex = adults[adults["sex"] == sex]
        for band, (low, high) in BANDS.items():
            cell = of_sex[of_sex["age_years"].between(low, high)]
            rows += [(sex, band, *row) for row in of_cell(cell)]
        rows += [(sex, "20+", *row) for row in age_shares(of_sex)]
        rows += [(sex, "20+", *row) for row in race_shifts(of_sex)]
    return pd.DataFrame(rows, columns=COLUMNS)


def prepare(people: pd.DataFrame) -> pd.DataFrame:
    """Return adults who are not pregnant, with the columns' names of this project."""
    adults = people[(people["Age"] >= 20) & (people["PregnantNow"] != "Yes")]
    adults = adults[adults["WTMEC2YR"] > 0]
    found = pd.DataFrame({name: adults[was] for name, was in NUMBERS.items()})
    # A diastolic pressure of 0 says that no second sound was heard.
    found["diastolic_bp_mmhg"] = found["diastolic_bp_mmhg"].replace(0, np.nan)
    for name in ("total_cholesterol_mg_dl", "hdl_mg_dl"):
        found[name] = found[name] * 38.67
    found["diabetes"] = adults["Diabetes"].map({"Yes": 1.0, "No": 0.0})
    never = adults["Smoke100"] == "No"
    now = adults["SmokeNow"].map({"Yes": 1.0, "No": 0.0})
    found["current_smoker"] = now.where(~never, 0.0)
    places = {level: place for place, level in enumerate(EDUCATION)}
    found["education_level"] = adults["Education"].map(places | {"College Grad": 4})
    found["sleep_hours_per_night"] = adults["SleepHrsNight"].clip(3, 11)
    days = adults["PhysActiveDays"].where(adults["PhysActiveDays"] <= 7)
    found["active_days_per_week"] = days.where(adults["PhysActive"] != "No", 0)
    found["alcohol_days_per_week"] = (adults["AlcoholYear"] / 52).round().clip(0, 7)
    found["tv_hours_per_day"] = adults["TVHrsDay"].map(TV | {"More_4_hr": 5})
    merged = {"Mexican": "Hispanic", "Other": "Mixed or unknown"}
    found["race"] = adults["Race3"].fillna(adults["Race1"]).replace(merged)
    # Asian people stand under "Other" before 2011.
    found["race_known"] = adults["Race3"].notna() | (adults["Race1"] != "Other")
    found["second_cycle"] = adults["Race3"].notna()
    return found.assign(sex=adults["Gender"], weight=adults["WTMEC2YR"])


def of_cell(cell: pd.DataFrame) -> list[tuple]:
    """Return races, counts and correlations of one sex and age band."""
    rows = []
    # Race with Asian people apart is known for the second cycle only.
    second = cell[cell["second_cycle"]]
    rows += shares(second, "race")
    for name in COUNTS:
        rows += shares(cell, name)
    for name, other in combinations((*NUMBERS, *FLAGS, *COUNTS), 2):
        known = cell[[name, other, "weight"]].dropna()
        value = weighted_correlation(known[name], known[other], known["weight"])
        rows.append((name, other, "correlation", round(value, 4), len(known)))
    return rows


def shares(cell: pd.DataFrame, name: str) -> list[tuple]:
    """Return the weighted share of each value."""
    known = cell[[name, "weight"]].dropna()
    sums = known.groupby(name)["weight"].sum() / known["weight"].sum()
    counts = known[name].value_counts().sort_index()
    return [
        (name, str(int(value)) if name in COUNTS else value, "share", round(s, 5), n)
        for (value, s), n in zip(sums.items(), counts, strict=True)
    ]


def age_shares(adults: pd.DataFrame) -> list[tuple]:
    """Return the share of each five years of age; the last holds 80 and older."""
    start = pd.cut(adults["age_years"], [*AGES, 200], right=False, labels=AGES)
    sums = adults.groupby(start, observed=True)["weight"].sum()
    counts = start.value_counts().sort_index()
    labels = [f"{age}-{age + 4}" for age in AGES[:-1]] + ["80+"]
    return [
        ("age_years", label, "share", round(share, 5), n)
        for label, share, n in zip(labels, sums / sums.sum(), counts, strict=True)
    ]


def race_shifts(adults: pd.DataFrame) -> list[tuple]:
    """Return how far a race's mean lies from that of all of the same age, in SD."""
    rows = []
    known = adults[adults["race_known"]]
    band = pd.cut(known["age_years"], [20, 40, 60, 200], right=False)
    for name in (*NUMBERS, *FLAGS, *COUNTS):
        if name == "age_years":
            continue
        score = known[name].groupby(band, observed=True).transform(standardise)
        for race, part in known.assign(score=score).groupby("race"):
            part = part.dropna(subset="score")
            value = round(np.average(part["score"], weights=part["weight"]), 4)
            rows.append((name, race, "standardised difference", value, len(part)))
    return rows


def standardise(values: pd.Series) -> pd.Series:
    return (values - values.mean()) / values.std()


def weighted_correlation(x: pd.Series, y: pd.Series, weight: pd.Series) -> float:
    covariance = np.cov(np.vstack([x, y]), aweights=weight)
    return float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))


if __name__ == "__main__":
    data = Path(__file__).parents[2] / "data"
    table = structure(pd.read_csv(sys.argv[1], low_memory=False))
    table.to_csv(data / "population_structure.csv", index=False, lineterminator="\n")
