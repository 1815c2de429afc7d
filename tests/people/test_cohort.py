"""Simulated people against the published margins, frequencies and correlations."""

import numpy as np
import pandas as pd
import pytest

from twinprivacy import datasets
from twinprivacy.errors import ParameterError
from twinprivacy.people import (
    COLUMNS,
    MODALITIES,
    POPULATIONS,
    read_patients,
    simulate_cohort,
)

N = 100_000
SHORT = {
    "age": "age_years",
    "height": "height_cm",
    "weight": "weight_kg",
    "bmi": "bmi_kg_m2",
    "systolic_bp": "systolic_bp_mmhg",
    "diastolic_bp": "diastolic_bp_mmhg",
    "pulse": "pulse_per_minute",
    "total_cholesterol": "total_cholesterol_mg_dl",
    "hdl_cholesterol": "hdl_mg_dl",
    "diabetes_self_report": "diabetes",
}
ANCESTRY = {"White": "EUR", "Black": "AFR", "Asian": "EAS", "Hispanic": "AMR"}


def simulated(population: str) -> pd.DataFrame:
    people = simulate_cohort(N, rng=np.random.default_rng(31), population=population)
    bulk = people["weight_kg"] / (people["height_cm"] / 100) ** 2
    bands = pd.cut(people["age_years"], [0, 39, 59, 200], labels=list(BANDS))
    return people.assign(bmi_kg_m2=bulk, age_band=bands)


BANDS = ("20-39", "40-59", "60+")


@pytest.fixture(scope="module")
def us() -> pd.DataFrame:
    return simulated("us_adults")


@pytest.fixture(scope="module")
def iwpc() -> pd.DataFrame:
    return simulated("warfarin_patients")


@pytest.fixture(scope="module")
def margins() -> pd.DataFrame:
    rows = datasets.load("population_margins")
    return rows[rows["source_title"].str.startswith("NHANES 2009-2012")]


def group(people: pd.DataFrame, sex: str, band: str) -> pd.DataFrame:
    return people[(people["sex"] == sex) & (people["age_band"] == band)]


def share_error(share: float, n: int) -> float:
    """Return four standard errors: one in 16,000 would fail by chance."""
    return 4 * float(np.sqrt(share * (1 - share) / n))


class TestUsAdults:
    @pytest.mark.parametrize("sex", ["female", "male"])
    @pytest.mark.parametrize("band", BANDS)
    def test_means_and_spreads(self, us, margins, sex, band):
        """Means within 0.8 %, spreads within 2 %: four standard errors and more."""
        rows = margins[(margins["sex"] == sex) & (margins["age_band"] == band)]
        rows = rows[rows["statistic"].isin(["mean", "sd"])]
        assert len(rows) == 16
        people = group(us, sex, band)
        for row in rows.itertuples():
            found = people[SHORT[row.quantity]].agg(row.statistic.replace("sd", "std"))
            tolerance = 0.008 if row.statistic == "mean" else 0.02
            assert found == pytest.approx(row.value, rel=tolerance), row.quantity

    @pytest.mark.parametrize("sex", ["female", "male"])
    @pytest.mark.parametrize("band", BANDS)
    def test_diabetes_smoking_and_share_of_adults(self, us, margins, sex, band):
        value = margins[(margins["sex"] == sex) & (margins["age_band"] == band)]
        value = value.set_index("quantity")["value"] / 100
        people = group(us, sex, band)
        share = value["adult_population_share"]
        assert len(people) / N == pytest.approx(share, abs=share_error(share, N))
        for name, column in (
            ("diabetes_self_report", "diabetes"),
            ("current_smoker", "current_smoker"),
        ):
            tolerance = share_error(value[name], len(people))
            assert people[column].mean() == pytest.approx(value[name], abs=tolerance)

    @pytest.mark.parametrize("sex", ["female", "male"])
    @pytest.mark.parametrize("band", BANDS)
    def test_correlations(self, us, sex, band):
        """Within 0.05 of the survey's, and 0.01 on average."""
        table = datasets.load("population_structure")
        rows = table[
            (table["sex"] == sex)
            & (table["age_band"] == band)
            & (table["statistic"] == "correlation")
        ]
        people = group(us, sex, band)
        people = people.assign(education_level=people["education_level"].cat.codes)
        numbers = people.select_dtypes(["number", "bool"]).astype(float)
        found = numbers.corr()
        errors = [
            found.loc[row.quantity, row.other] - row.value for row in rows.itertuples()
        ]
        assert len(errors) == 15 * 14 / 2
        assert np.abs(errors).max() < 0.05
        assert np.abs(errors).mean() < 0.01

    @pytest.mark.parametrize(
        "quantity",
        [
            "education_level",
            "sleep_hours_per_night",
            "active_days_per_week",
            "alcohol_days_per_week",
            "tv_hours_per_day",
        ],
    )
    def test_habits_have_the_survey_s_shares(self, us, quantity):
        table = datasets.load("population_structure")
        rows = table[(table["quantity"] == quantity) & (table["statistic"] == "share")]
        values = us[quantity]
        if quantity == "education_level":
            values = values.cat.codes
        for row in rows.itertuples():
            people = (us["sex"] == row.sex) & (us["age_band"] == row.age_band)
            found = (values[people] == int(row.other)).mean()
            # The mixture of races bends the normal scores a little.
            assert found == pytest.approx(row.value, abs=0.012)

    def test_races_differ_as_in_the_survey(self, us):
        """Differences between a race's mean and all, in SD within sex and age."""
        table = datasets.load("population_structure")
        rows = table[table["statistic"] == "standardised difference"]
        keys = ["sex", "age_band"]
        for name in ("height_cm", "bmi_kg_m2", "hdl_mg_dl", "tv_hours_per_day"):
            by_group = us.groupby(keys, observed=True)[name]
            score = (us[name] - by_group.transform("mean")) / by_group.transform("std")
            for sex in ("female", "male"):
                published = rows[(rows["quantity"] == name) & (rows["sex"] == sex)]
                published = published.set_index("other")["value"]
                of_sex = us["sex"] == sex
                found = score[of_sex].groupby(us["race"], observed=True).mean()
                gaps = found["Black"] - found["Asian"]
                expected = published["Black"] - published["Asian"]
                assert gaps == pytest.approx(expected, abs=0.1), (name, sex)

    def test_no_part_is_larger_than_its_whole(self, us):
        others = us["total_cholesterol_mg_dl"] - us["hdl_mg_dl"]
        pulse_pressure = us["systolic_bp_mmhg"] - us["diastolic_bp_mmhg"]
        assert others.min() >= 19  # both are rounded
        assert pulse_pressure.min() >= 9

    def test_kidney_function(self, us):
        """NHANES III: 4.7 % below 60; means of decades as printed."""
        below = (us["egfr_ml_min"] < 60).mean()
        assert below == pytest.approx(0.047, abs=share_error(0.047, N) + 0.001)
        decade = us["egfr_ml_min"].groupby(us["age_years"] // 10 * 10).mean()
        printed = {30: 107, 40: 99, 50: 93, 60: 85, 70: 75}
        for start, mean in printed.items():
            assert decade[start] == pytest.approx(mean, abs=0.8)

    def test_drugs(self, us):
        """27.9 % of adults from 40 take a drug that lowers cholesterol, 93 % a statin.

        Blood pressure: 47.7 % have hypertension, 51.2 % of them are treated.
        """
        older = us[us["age_years"] >= 40]
        assert older["statin"].mean() == pytest.approx(0.279 * 0.93, abs=0.01)
        assert us["bp_medication"].mean() == pytest.approx(0.477 * 0.512, abs=0.02)
        assert not us[["amiodarone", "enzyme_inducer"]].any().any()

    @pytest.mark.parametrize("race", list(ANCESTRY))
    def test_allele_frequencies(self, us, race):
        """1000 Genomes by the nearest ancestry, within four standard errors."""
        table = datasets.load("allele_frequencies")
        table = table[table["population"] == ANCESTRY[race]]
        value = table.set_index("gene_or_allele")["frequency"]
        people = us[us["race"] == race]
        found = {
            "VKORC1 -1639G>A": copies(people["vkorc1"], "A"),
            "CYP2C9*2": copies(people["cyp2c9"], "*2"),
            "CYP2C9*3": copies(people["cyp2c9"], "*3"),
            "CYP2C19*2": copies(people["cyp2c19"], "*2"),
            "CYP2C19*17": copies(people["cyp2c19"], "*17"),
            "CYP4F2*3": people["cyp4f2_3_alleles"].mean() / 2,
            "NQO1*2": people["nqo1_2_alleles"].mean() / 2,
            "CYP2C cluster": people["rs12777823_a_alleles"].mean() / 2,
        }
        for name, frequency in found.items():
            tolerance = share_error(value[name], 2 * len(people))
            assert frequency == pytest.approx(value[name], abs=tolerance), name


def copies(genotypes: pd.Series, allele: str) -> float:
    """Return the share of an allele among all alleles."""
    pairs = genotypes.astype(str).str.split("/", expand=True)
    return float((pairs == allele).to_numpy().mean())


class TestWarfarinPatients:
    @pytest.mark.parametrize(
        ("race", "table_name"),
        [
            ("White", "White"),
            ("Black", "Black or African American"),
            ("Asian", "Asian"),
            ("Mixed or unknown", "Unknown"),
        ],
    )
    def test_genotypes_by_race_are_in_hardy_weinberg_proportion(
        self, iwpc, race, table_name
    ):
        """VKORC1 of the cohort's own counts: p^2, 2pq and q^2."""
        cohort = datasets.load("warfarin_cohort_margins")
        rows = cohort[
            (cohort["scope"] == f"by race: {table_name}")
            & (cohort["statistic"] == "allele_frequency")
        ]
        frequency = rows["value"].item()
        people = iwpc.loc[iwpc["race"] == race, "vkorc1"]
        shares = people.value_counts(normalize=True)
        expected = {
            "A/A": frequency**2,
            "A/G": 2 * frequency * (1 - frequency),
            "G/G": (1 - frequency) ** 2,
        }
        for genotype, share in expected.items():
            tolerance = share_error(share, len(people)) + 1e-4
            assert shares[genotype] == pytest.approx(share, abs=tolerance)

    def test_table_1(self, iwpc):
        """IWPC 2009, Table 1, derivation: races, genotypes, median height and weight.

        Genotypes within 2 points: those of the cohort are not exactly in Hardy-Weinberg
        proportion, and some are unknown.
        """
        races = iwpc["race"].value_counts(normalize=True)
        counts = {"White": 2233, "Asian": 1229, "Black": 353, "Mixed or unknown": 228}
        for race, count in counts.items():
            assert races[race] == pytest.approx(count / 4043, abs=0.007)
        vkorc1 = iwpc["vkorc1"].value_counts(normalize=True)
        known = 4043 - 83
        for genotype, count in {"G/G": 1201, "A/G": 1444, "A/A": 1315}.items():
            assert vkorc1[genotype] == pytest.approx(count / known, abs=0.02)
        cyp2c9 = iwpc["cyp2c9"].value_counts(normalize=True)
        known = 4043 - 87
        for genotype, count in {"*1/*1": 2970, "*1/*2": 509, "*1/*3": 374}.items():
            assert cyp2c9[genotype] == pytest.approx(count / known, abs=0.02)
        assert iwpc["height_cm"].median() == pytest.approx(168, abs=1)
        assert iwpc["weight_kg"].median() == pytest.approx(75.3, abs=1.5)

    @pytest.mark.parametrize("race", ["White", "Black", "Asian"])
    @pytest.mark.parametrize("sex", ["female", "male"])
    def test_bodies_by_race_and_sex(self, iwpc, race, sex):
        names = {"Black": "Black or African American"}
        cohort = datasets.load("warfarin_cohort_margins")
        rows = cohort["scope"] == f"by race and sex: {names.get(race, race)} / {sex}"
        value = cohort[rows].set_index("variable")["value"]
        people = iwpc[(iwpc["race"] == race) & (iwpc["sex"] == sex)]
        height, weight = people["height_cm"], people["weight_kg"]
        assert height.mean() == pytest.approx(value["height_mean"], abs=0.5)
        assert height.std() == pytest.approx(value["height_sd"], rel=0.05)
        assert weight.mean() == pytest.approx(value["weight_mean"], rel=0.02)
        assert weight.std() == pytest.approx(value["weight_sd"], rel=0.05)
        correlation = value["height_weight_correlation"]
        assert height.corr(weight) == pytest.approx(correlation, abs=0.04)

    def test_drugs_diabetes_and_smoking(self, iwpc):
        """Shares of those for whom it is known; drugs 4.4 % and 1.0 % in Table 1."""
        assert iwpc["diabetes"].mean() == pytest.approx(0.1894, abs=0.008)
        assert iwpc["current_smoker"].mean() == pytest.approx(0.1354, abs=0.008)
        assert iwpc["amiodarone"].mean() == pytest.approx(0.044, abs=0.004)
        assert iwpc["enzyme_inducer"].mean() == pytest.approx(0.010, abs=0.002)

    def test_ages_by_decade(self, iwpc):
        """Table 1: 753, 1016, 1151 and 497 of 4,032 from 20 on."""
        decades = (iwpc["age_years"] // 10 * 10).value_counts(normalize=True)
        for start, count in {50: 753, 60: 1016, 70: 1151, 80: 497}.items():
            assert decades[start] == pytest.approx(count / 4032, abs=0.007)


class TestTable:
    @pytest.mark.parametrize("population", POPULATIONS)
    def test_every_column_is_readable_by_the_twins(self, population, rng):
        people = simulate_cohort(2_000, rng=rng, population=population)
        names = [name for rung in MODALITIES.values() for name in rung]
        assert list(people.columns) == names
        assert not people.isna().any().any()
        assert {len(values) for values in read_patients(people, names).values()} == {
            2_000
        }

    def test_the_ladder_is_ordered_and_complete(self):
        rungs = ["demographics", "history", "laboratory", "genome", "daily habits"]
        assert list(MODALITIES) == rungs
        listed = [name for rung in MODALITIES.values() for name in rung]
        assert len(set(listed)) == len(listed)
        assert set(COLUMNS) - set(listed) == {"hba1c_percent", "venous_thrombosis"}

    def test_same_seed_same_people(self):
        first, second = (
            simulate_cohort(500, rng=np.random.default_rng(7)) for _ in range(2)
        )
        other = simulate_cohort(500, rng=np.random.default_rng(8))
        pd.testing.assert_frame_equal(first, second)
        assert not first.equals(other)

    def test_order_says_nothing(self, us):
        """Groups are simulated one after another; the rows must not tell them."""
        place = pd.Series(np.arange(N), index=us.index)
        assert abs(place.corr(us["age_years"].astype(float))) < 0.015
        assert abs(place.corr((us["sex"] == "male").astype(float))) < 0.015
        assert abs(place.corr((us["race"] == "White").astype(float))) < 0.015

    def test_one_person(self, rng):
        for population in POPULATIONS:
            assert len(simulate_cohort(1, rng=rng, population=population)) == 1

    @pytest.mark.parametrize("n", [0, -3, 2.5, True, "10"])
    def test_refuses_other_numbers(self, n, rng):
        with pytest.raises(ParameterError) as error:
            simulate_cohort(n, rng=rng)
        assert str(error.value) == f"n must be a whole number of 1 or more; got {n!r}"

    def test_refuses_an_unknown_population_and_a_missing_generator(self, rng):
        with pytest.raises(ParameterError) as error:
            simulate_cohort(5, rng=rng, population="martians")
        assert str(error.value) == (
            "population must be one of 'us_adults', 'warfarin_patients'; got 'martians'"
        )
        with pytest.raises(ParameterError, match=r"^rng must be a numpy.random.Gen"):
            simulate_cohort(5, rng=7)


@pytest.mark.parametrize("population", POPULATIONS)
@pytest.mark.parametrize("n", [1, 2, 50, 500])
def test_small_cohorts_lack_no_weight(population, n):
    # Groups of a handful of people: their scores may correlate by chance, or not vary.
    for seed in range(20):
        people = simulate_cohort(
            n, rng=np.random.default_rng(seed), population=population
        )
        assert people.notna().all(axis=None)
        assert people["weight_kg"].between(20, 400).all()
