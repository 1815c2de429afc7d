"""Fits of the glucose twin: derivatives, recovery, coverage, forecasts, bad input."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import pytest

from twinprivacy.errors import DataError, FitError, ParameterError
from twinprivacy.estimates import Estimate
from twinprivacy.twins.glucose import (
    PARAMETERS,
    Days,
    GlucoseFit,
    GlucosePrior,
    Habits,
    fit_patient,
    fit_patients,
    glucose_prior,
    inputs,
    predict_glucose,
    prescribe,
    sample_patients,
    simulate_days,
    simulate_glucose,
)
from twinprivacy.twins.glucose.fit import _free_places, _make_record
from twinprivacy.twins.glucose.inputs import from_free
from twinprivacy.twins.glucose.search import effective_share, follow, invert, linearise

WEEK = 2_016
DAY = 288
EXACT = Habits(
    day_sd=0,
    resting_shift=0,
    resting_sd=0,
    resting_day_sd=0,
    counting_sd=0,
    counting_person_sd=0,
    forgotten_bolus=0,
)


@dataclass(frozen=True)
class Case:
    """Eight days of people, fits of the first seven, and the prior."""

    days: Days
    cgm: np.ndarray
    diary: pd.DataFrame
    prior: GlucosePrior
    fits: list[GlucoseFit]


@cache
def ideal() -> Case:
    """Return people whose meals and doses are known; only white noise is added."""
    rng = np.random.default_rng(17)
    plan = prescribe(sample_patients(60, rng=rng), rng=rng, habits=EXACT, n_visits=5)
    days = simulate_days(plan, days=8, rng=rng, habits=EXACT, sensor=False)
    inside = (days.cgm_mg_dl > 40) & (days.cgm_mg_dl < 400)
    noisy = days.cgm_mg_dl + 5 * rng.normal(size=days.cgm_mg_dl.shape)
    cgm = np.where(inside, noisy.clip(41, 399), np.nan)
    prior = glucose_prior(sample_patients(4_000, rng=rng))
    fits = fit_patients(plan, cgm[:, :WEEK], days.meals, days.insulin, prior=prior)
    return Case(days, cgm, days.meals, prior, fits)


@cache
def real_life() -> Case:
    """Return people as they live: counts, forgotten meals, change, sensor errors."""
    rng = np.random.default_rng(18)
    plan = prescribe(sample_patients(60, rng=rng), rng=rng)
    days = simulate_days(plan, days=8, rng=rng)
    others = prescribe(sample_patients(2_000, rng=rng), rng=rng, n_visits=0)
    prior, cgm = glucose_prior(others), days.cgm_mg_dl
    fits = fit_patients(plan, cgm[:, :WEEK], days.diary, days.insulin, prior=prior)
    return Case(days, cgm, days.diary, prior, fits)


def one(case: Case, j: int) -> dict:
    """Return the arguments of `fit_patient` for person j."""
    patient = case.days.patients.iloc[j]
    doses = case.days.insulin
    return {
        "cgm_mg_dl": case.cgm[j, :WEEK],
        "meals": case.diary[case.diary["patient"] == j],
        "insulin": doses[doses["patient"] == j],
        "prior": case.prior,
        "weight_kg": patient["weight_kg"],
        "basal_u_per_hour": patient["basal_u_per_hour"],
    }


def coverage(case: Case) -> pd.Series:
    truth = case.days.patients[list(PARAMETERS)]
    return pd.DataFrame(
        {
            name: [
                fit.estimates[name].low <= true <= fit.estimates[name].high
                for fit, true in zip(case.fits, truth[name], strict=True)
            ]
            for name in PARAMETERS
        }
    ).mean()


def shrinkage(case: Case) -> pd.Series:
    return pd.DataFrame([fit.shrinkage for fit in case.fits]).median()


def next_day_errors(case: Case) -> pd.DataFrame:
    """Return each person's error on the eighth day, by way of predicting it."""
    rows = []
    for j, fit in enumerate(case.fits):
        told = one(case, j)
        events, actual = (told["meals"], told["insulin"]), case.cgm[j, WEEK:]
        twin = predict_glucose(fit, *events, minutes=8 * 1_440)
        body = {name: told[name] for name in ("weight_kg", "basal_u_per_hour")}
        average = case.prior.patient(**body).assign(patient=j)
        mean_twin = simulate_glucose(average, *events, minutes=8 * 1_440)
        guesses = {
            "twin": twin.interstitial_mg_dl[0, WEEK:-1],
            "average": mean_twin.interstitial_mg_dl[0, WEEK:-1],
            "yesterday": case.cgm[j, WEEK - DAY : WEEK],
        }
        rows.append(
            {
                name: np.sqrt(np.nanmean((guess - actual) ** 2))
                for name, guess in guesses.items()
            }
        )
    return pd.DataFrame(rows)


# Exact derivatives.


def test_derivatives_are_those_of_the_model():
    told = one(ideal(), 3)
    names, weight = np.array([3]), np.array([told["weight_kg"]])
    eaten = inputs.read_meals(told["meals"], names, weight)
    given = inputs.read_insulin(told["insulin"], names, weight)
    basal = inputs.basal_mu_per_kg_min(told["basal_u_per_hour"], told["weight_kg"])
    rng = np.random.default_rng(2)
    record = _make_record(told["cgm_mg_dl"], eaten.rows, given.rows, basal, 5)
    everything = _free_places(())
    place = told["prior"].mean + 0.3 * rng.normal(size=18)
    point = linearise(record, place, everything)
    # The squares fall at twice the score, along any direction.
    for step in 1e-5 * np.eye(18):
        ahead, back = (
            linearise(record, place + s, everything).squares for s in (step, -step)
        )
        slope = (ahead - back) / 2e-5
        score = -2 * point.score[np.argmax(step)]
        assert slope == pytest.approx(score, rel=2e-4, abs=0.05)
    np.testing.assert_allclose(point.information, point.information.T)
    # A trial, which has no slopes, is judged by the very same trace.
    np.testing.assert_array_equal(follow(record, place), point.trace)
    # The trace is the simulation's own.
    names = list(PARAMETERS)
    person = told["prior"].patient(
        weight_kg=told["weight_kg"], basal_u_per_hour=told["basal_u_per_hour"]
    )
    person[names] = from_free(place)
    trace = simulate_glucose(
        person,
        told["meals"].assign(patient=0),
        told["insulin"].assign(patient=0),
        minutes=5 * (WEEK - 1),
        step_minutes=5,
        start_mg_dl=record.course.start,
    )
    np.testing.assert_allclose(trace.interstitial_mg_dl[0], point.trace, rtol=1e-9)


# Recovery, uncertainty and forecasts where everything is known but the noise.


def test_ideal_fit_recovers_the_noise_and_the_person():
    case = ideal()
    assert np.median([fit.residual_sd_mg_dl for fit in case.fits]) == pytest.approx(
        5.0, abs=0.2
    )
    assert np.mean([fit.converged for fit in case.fits]) > 0.95
    truth = np.log(case.days.patients[list(PARAMETERS)])
    found = np.log(pd.concat([fit.patient for fit in case.fits])[list(PARAMETERS)])
    for name in ("si_lunch_ml_per_uu_min", "sg_per_min", "gb_mg_dl"):
        assert np.corrcoef(truth[name], found[name])[0, 1] > 0.97, name


def test_ideal_intervals_cover():
    covered = coverage(ideal())
    # 60 people by 18 parameters: 94 % in 100 others; parameters of one person and one
    # local optimum hang together, so the mean varies more than 1,080 coins would.
    assert 0.90 <= covered.mean() <= 0.985
    assert covered.min() >= 0.8


def test_ideal_week_teaches_all_but_p2():
    found = shrinkage(ideal())
    assert found["p2_per_min"] > 0.5
    assert (found.drop("p2_per_min") < 0.5).all()
    assert found["kd_per_min"] < 0.4


def test_ideal_forecast_is_as_good_as_the_noise():
    errors = next_day_errors(ideal())
    assert errors["twin"].median() < 5.6
    assert errors["average"].mean() > 4 * errors["twin"].mean()
    assert errors["yesterday"].mean() > 4 * errors["twin"].mean()


def test_fixing_kd_biases_ka2():
    """Why nothing is fixed: the two rates can change places."""
    case = ideal()
    chosen = case.days.patients.head(15)
    fits = fit_patients(
        chosen,
        case.cgm[:15, :WEEK],
        case.diary[case.diary["patient"] < 15],
        case.days.insulin[case.days.insulin["patient"] < 15],
        prior=case.prior,
        fixed=["kd_per_min"],
    )
    covered = [
        fit.estimates["ka2_per_min"].low <= true <= fit.estimates["ka2_per_min"].high
        for fit, true in zip(fits, chosen["ka2_per_min"], strict=True)
    ]
    assert np.mean(covered) < 0.6
    for fit in fits:
        assert fit.shrinkage["kd_per_min"] == 0
        kd = fit.estimates["kd_per_min"]
        assert kd.low == pytest.approx(kd.value) == pytest.approx(kd.high)


# Real life.


def test_real_life_intervals_cover_less():
    """Against us: 89 % in 100 others where 95 % is stated, 70 % for the worst."""
    covered = coverage(real_life())
    assert 0.84 <= covered.mean() <= 0.96
    assert covered.min() >= 0.55


def test_real_life_teaches_little_of_insulin_absorption():
    found = shrinkage(real_life())
    for name in ("p2_per_min", "ka2_per_min", "kempt_per_min"):
        assert found[name] > 0.95, name
    assert found["gb_mg_dl"] < 0.7
    assert found["si_dinner_ml_per_uu_min"] < 0.85


def test_real_life_forecast_beats_the_average_person_and_yesterday():
    errors = next_day_errors(real_life())
    assert errors["twin"].mean() < 0.95 * errors["average"].mean()
    assert errors["twin"].mean() < 0.95 * errors["yesterday"].mean()


def test_real_life_counts_few_independent_readings():
    counts = [fit.n_independent for fit in real_life().fits]
    assert 5 < np.median(counts) < 100
    assert np.median([fit.n_independent for fit in ideal().fits]) > 1_900


# The result.


def test_result_holds_together():
    fit = real_life().fits[0]
    assert list(fit.estimates) == list(PARAMETERS) == list(fit.shrinkage)
    for name, estimate in fit.estimates.items():
        assert isinstance(estimate, Estimate)
        assert estimate.value == pytest.approx(fit.patient[name].item())
        assert estimate.n == fit.n_readings
        if name.startswith("beta"):
            assert 0 <= estimate.low <= estimate.high <= 60
        assert estimate.low >= 0
    assert 70 <= fit.estimates["gb_mg_dl"].low <= fit.estimates["gb_mg_dl"].high <= 180
    np.testing.assert_allclose(fit.covariance, fit.covariance.T)
    assert np.linalg.eigvalsh(fit.covariance).min() > 0
    assert fit.predicted_mg_dl.shape == (WEEK,)
    used = real_life().cgm[0, :WEEK].copy()
    used[:36] = np.nan
    used[(used <= 40) | (used >= 400)] = np.nan
    residuals = used - fit.predicted_mg_dl
    assert fit.residual_sd_mg_dl == pytest.approx(np.sqrt(np.nanmean(residuals**2)))
    assert fit.n_readings == np.isfinite(used).sum()


def test_higher_level_widens_intervals():
    told = one(ideal(), 0)
    narrow, wide = (
        fit_patient(**told, confidence_level=level).estimates["sg_per_min"]
        for level in (0.5, 0.99)
    )
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high
    assert narrow.value == wide.value


def test_one_fit_is_that_of_the_batch_whatever_the_threads():
    case = real_life()
    alone = fit_patient(**one(case, 2))
    np.testing.assert_array_equal(alone.free, case.fits[2].free)
    chosen = case.days.patients.iloc[[2, 0]]
    fits = [
        fit_patients(
            chosen,
            case.cgm[[2, 0], :WEEK],
            case.diary[case.diary["patient"].isin([0, 2])],
            case.days.insulin[case.days.insulin["patient"].isin([0, 2])],
            prior=case.prior,
            n_jobs=n_jobs,
        )
        for n_jobs in (1, 2)
    ]
    for first, second in zip(*fits, strict=True):
        np.testing.assert_array_equal(first.free, second.free)
        np.testing.assert_array_equal(first.covariance, second.covariance)
    assert [fit.patient["patient"].item() for fit in fits[0]] == [2, 0]
    np.testing.assert_array_equal(fits[0][0].free, alone.free)


def test_gaps_are_left_out():
    told = one(ideal(), 1)
    cgm = told["cgm_mg_dl"].copy()
    cgm[100:700] = np.nan
    fit = fit_patient(**{**told, "cgm_mg_dl": cgm})
    full = fit_patient(**told)
    assert full.n_readings - fit.n_readings == pytest.approx(600, abs=30)
    # Readings where nothing is known cannot matter.
    cgm[:3] = full.start_mg_dl
    cgm[3:36] = 70.0
    other = fit_patient(**{**told, "cgm_mg_dl": cgm})
    np.testing.assert_allclose(other.free, fit.free, atol=1e-6)


def test_record_without_meals_keeps_the_prior_of_meals():
    told = one(ideal(), 1)
    none = pd.DataFrame(columns=["minute", "carbohydrate_g", "kind"])
    doses = pd.DataFrame(columns=["minute", "bolus_units"])
    rng = np.random.default_rng(3)
    cgm = 130 + 5 * rng.normal(size=DAY)
    fit = fit_patient(**{**told, "cgm_mg_dl": cgm, "meals": none, "insulin": doses})
    assert fit.estimates["gb_mg_dl"].value == pytest.approx(130, abs=1)
    for name in ("kabs_lunch_per_min", "beta_lunch_min", "si_lunch_ml_per_uu_min"):
        assert fit.shrinkage[name] == pytest.approx(1.0, abs=0.02)
    forecast = predict_glucose(fit, none, doses, minutes=2_880)
    assert forecast.plasma_mg_dl[0, -1] == pytest.approx(130, abs=1)


def test_prior_of_a_sample(rng):
    people = sample_patients(3_000, rng=rng)
    prior = glucose_prior(people)
    average = prior.patient(weight_kg=70, basal_u_per_hour=0.7)
    assert average["sg_per_min"].item() == pytest.approx(np.exp(-3.8), rel=0.03)
    assert average["gb_mg_dl"].item() == pytest.approx(119.13, abs=0.6)
    shuffled = glucose_prior(people.sample(frac=1, random_state=1))
    np.testing.assert_allclose(shuffled.covariance, prior.covariance, rtol=1e-9)
    assert prior.n == 3_000


# Parts of the search.


def test_effective_share():
    rng = np.random.default_rng(9)
    noise = rng.normal(size=20_000)
    assert effective_share(noise) == pytest.approx(1.0, abs=0.05)
    # A first-order autoregression: (1 - phi) / (1 + phi).
    slow = noise.copy()
    for t in range(1, slow.size):
        slow[t] += 0.8 * slow[t - 1]
    assert effective_share(slow) == pytest.approx(0.2 / 1.8, rel=0.15)
    slow[rng.random(slow.size) < 0.3] = np.nan
    assert effective_share(slow) == pytest.approx(0.2 / 1.8, rel=0.15)
    assert effective_share(np.zeros(100)) == 1.0


def test_inverse_of_badly_scaled_matrix():
    matrix = np.array([[1e12, 1e3], [1e3, 1e-4]])
    np.testing.assert_allclose(invert(matrix) @ matrix, np.eye(2), atol=1e-6)


# Bad input.


def test_fit_refuses_readings():
    told = one(ideal(), 0)

    def refuses(error, message, **changes):
        with pytest.raises(error, match=message):
            fit_patient(**{**told, **changes})

    cgm = told["cgm_mg_dl"]
    refuses(
        DataError,
        "cgm_mg_dl must lie in 20 to 1000 mg/dL; got .* outside: they look like mmol/L",
        cgm_mg_dl=cgm / 18.02 * (cgm < 350),
    )
    refuses(
        FitError,
        "at least 100 readings within the sensor's range after 180 minutes; got 0",
        cgm_mg_dl=np.full(WEEK, np.nan),
    )
    refuses(FitError, "got 64$", cgm_mg_dl=np.full(100, 120.0))
    refuses(FitError, "got 0$", cgm_mg_dl=np.full(WEEK, 40.0))
    refuses(DataError, r"shape \(n_times,\); got \(2, 3\)", cgm_mg_dl=np.ones((2, 3)))
    refuses(DataError, "cgm_mg_dl must hold numbers only", cgm_mg_dl=["high"])
    refuses(DataError, "1 of .* missing or infinite", cgm_mg_dl=[np.inf, *cgm[1:]])


def test_fit_refuses_other_arguments():
    told = one(ideal(), 0)

    def refuses(error, message, **changes):
        with pytest.raises(error, match=message):
            fit_patient(**{**told, **changes})

    refuses(ParameterError, "fixed must be some, not all, of .*; got", fixed=["kq"])
    refuses(ParameterError, "fixed must be some, not all", fixed=PARAMETERS)
    refuses(ParameterError, "step_minutes must be 1 or 5; got 2", step_minutes=2)
    refuses(ParameterError, "must lie strictly in", confidence_level=95)
    refuses(ParameterError, "weight_kg must lie in 25 to 300 kg", weight_kg=8.0)
    refuses(ParameterError, "they look like U/day", basal_u_per_hour=24.0)
    mixed = told["meals"].copy()
    mixed.iloc[0, mixed.columns.get_loc("patient")] = 5
    refuses(DataError, "meals must be of one patient; got 2 patients", meals=mixed)
    many = told["insulin"].assign(bolus_units=4_000)
    refuses(DataError, "they look like mU", insulin=many)


def test_batch_and_prior_refuse(rng):
    case = ideal()
    people = case.days.patients
    with pytest.raises(DataError, match=r"got \(59, 2016\) for 60 patients"):
        fit_patients(
            people, case.cgm[:59, :WEEK], case.diary, case.days.insulin,
            prior=case.prior,
        )  # fmt: skip
    with pytest.raises(
        DataError, match=r"^cgm_mg_dl must hold numbers only; got others$"
    ):
        fit_patients(
            people, [["high"]], case.diary, case.days.insulin, prior=case.prior
        )
    with pytest.raises(FitError, match="at least 50 people for a prior; got 20"):
        glucose_prior(people.head(20))
    same = people.assign(gb_mg_dl=120.0)
    with pytest.raises(FitError, match="must differ in each parameter"):
        glucose_prior(same)
