import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from twinprivacy.attacks.inference.encoder import learn_encoder
from twinprivacy.attacks.inference.learned_attacker import learn
from twinprivacy.attacks.inference.models import (
    MODELS,
    estimate_shares,
    learn_residual_law,
)
from twinprivacy.attacks.inference.threats import Secret
from twinprivacy.errors import DataError

GENOTYPE = Secret("genotype", np.array(["AA", "AG", "GG"]))
FAST = ("shares", "table", "logistic")


def simulate(n, seed, *, effect=1.0):
    """People and their secret, by a logistic law with a curve and a category."""
    rng = np.random.default_rng(seed)
    people = pd.DataFrame(
        {
            "age_years": rng.normal(60, 10, n),
            "height_m": rng.normal(1.7, 0.1, n),
            "race": rng.choice(["black", "white", "asian"], n),
        }
    )
    age, height = (people["age_years"] - 60) / 10, (people["height_m"] - 1.7) / 0.1
    is_black = people["race"] == "black"
    score = np.column_stack([0 * age, age + 0.5 * height**2, -age + is_black])
    odds = np.exp(effect * score)
    truth = odds / odds.sum(axis=1, keepdims=True)
    codes = (rng.random((n, 1)) > truth.cumsum(axis=1)).sum(axis=1)
    return people, codes, truth


def log_loss_bits(p, codes):
    return -np.log2(p[np.arange(len(codes)), codes]).mean()


def assert_proper(p, shape):
    assert p.shape == shape
    assert (p > 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-12)


def bins_of(numbers, n_bins=40):
    low, high = np.quantile(numbers, [0.001, 0.999])
    edges = np.linspace(low, high, n_bins + 1)
    codes = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, n_bins - 1)
    return Secret("ldl", (edges[1:] + edges[:-1]) / 2, edges), codes


# --- what is learned is the truth


def test_a_logistic_truth_is_recovered_and_calibrated():
    people, codes, _ = simulate(20_000, 1)
    targets, secrets, truth = simulate(100_000, 2)
    learned = learn(
        people, codes, GENOTYPE, models=("logistic",), rng=np.random.default_rng(3)
    )
    p = learned.probabilities(targets)
    assert_proper(p, (100_000, 3))
    best = log_loss_bits(truth, secrets)
    assert log_loss_bits(p, secrets) == pytest.approx(best, rel=0.01)
    # About thirty coefficients of 20,000 people: sqrt(30 / 20,000) / 3 = 0.013.
    assert np.abs(p - truth).mean() < 0.015
    # Expected calibration error in ten bins of equal numbers, of each value.
    for value in range(3):
        order = np.argsort(p[:, value])
        gaps = [
            abs(p[part, value].mean() - (secrets[part] == value).mean())
            for part in np.array_split(order, 10)
        ]
        assert np.mean(gaps) < 0.01


@pytest.mark.parametrize("name", ["table", "boosting"])
def test_every_model_is_calibrated_and_beats_the_shares(name):
    people, codes, _ = simulate(2_000, 4)
    targets, secrets, truth = simulate(20_000, 5)
    learned = learn(
        people, codes, GENOTYPE, models=(name,), rng=np.random.default_rng(6)
    )
    p = learned.probabilities(targets)
    assert_proper(p, (20_000, 3))
    shares = log_loss_bits(np.tile(estimate_shares(codes, 3), (20_000, 1)), secrets)
    best = log_loss_bits(truth, secrets)
    assert log_loss_bits(p, secrets) < best + 0.4 * (shares - best)
    assert learned.log_loss_bits[name] == pytest.approx(
        log_loss_bits(p, secrets), abs=0.06
    )
    top = p.max(axis=1)
    right = p.argmax(axis=1) == secrets
    gaps = [
        abs(top[part].mean() - right[part].mean())
        for part in np.array_split(np.argsort(top), 10)
    ]
    assert np.mean(gaps) < 0.04


def test_log_loss_is_that_of_the_out_of_fold_probabilities():
    people, codes, _ = simulate(600, 7)
    learned = learn(people, codes, GENOTYPE, models=FAST, rng=np.random.default_rng(8))
    assert list(learned.log_loss_bits) == list(FAST)
    assert_proper(learned.out_of_fold, (600, 3))
    assert learned.name == min(FAST, key=learned.log_loss_bits.get)
    assert learned.log_loss_bits[learned.name] == pytest.approx(
        log_loss_bits(learned.out_of_fold, codes)
    )


def test_logistic_coefficients_are_those_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    people, codes, _ = simulate(800, 9)
    x = learn_encoder(people).curved(people)
    ours = MODELS["logistic"].fit(x, codes, 3).path(x)
    for p, penalty in zip(ours, (30.0, 3.0, 0.3), strict=True):
        # Theirs leaves the intercept alone, which ours hardly shrinks.
        peer = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=1_000)
        np.testing.assert_allclose(
            p, peer.fit(x, codes).predict_proba(x), atol=2e-4, rtol=0
        )


def test_few_and_many_coefficients_give_the_same_regression(monkeypatch):
    from twinprivacy.attacks.inference import models as _learning_models

    people, codes, _ = simulate(500, 10)
    x = learn_encoder(people).curved(people)
    newton = MODELS["logistic"].fit(x, codes, 3).path(x)
    monkeypatch.setattr(_learning_models, "_MAX_NEWTON", 0)
    lbfgs = MODELS["logistic"].fit(x, codes, 3).path(x)
    np.testing.assert_allclose(newton, lbfgs, atol=2e-3)


def test_a_table_is_shrunk_counts():
    people = pd.DataFrame({"sex": ["f", "f", "f", "m"]})
    codes = np.array([0, 0, 1, 1])
    x = learn_encoder(people).cells(people)
    path = MODELS["table"].fit(x, codes, 2).path(x)
    # Shares (2 + 1) / (4 + 2) = 1/2; women 2 of 3, with weights 1, 5 and 25.
    for p, weight in zip(path[:3], (1, 5, 25), strict=True):
        assert p[0, 0] == pytest.approx((2 + weight / 2) / (3 + weight))
        assert p[3, 0] == pytest.approx((0 + weight / 2) / (1 + weight))


# --- people who agree in every digit


def test_exact_is_shrunk_counts_within_equal_rows():
    people = pd.DataFrame({"sex": ["f", "f", "f", "m", "m"], "dose": [1, 1, 1, 2, 3.5]})
    codes = np.array([0, 0, 1, 1, 1])
    x = learn_encoder(people).matched(people)
    assert len(np.unique(x[:, 0])) == 3
    path = MODELS["exact"].fit(x, codes, 2).path(x)
    base = MODELS["logistic"].fit(x[:, 1:], codes, 2)
    settings = [(b, w) for b in base.path(x[:, 1:]) for w in (0.1, 1, 10)]
    for p, (b, weight) in zip(path, settings, strict=True):
        # Women at dose 1: 2 of 3. The man at dose 2: 0 of 1.
        assert p[0, 0] == pytest.approx((2 + weight * b[0, 0]) / (3 + weight))
        assert p[3, 0] == pytest.approx((0 + weight * b[3, 0]) / (1 + weight))


def test_rows_that_nobody_has_get_the_logistic_model():
    people, codes, _ = simulate(300, 33)
    x = learn_encoder(people).matched(people)
    fitted = MODELS["exact"].fit(x[:200], codes[:200], 3)
    base = MODELS["logistic"].fit(x[:200, 1:], codes[:200], 3)
    found = fitted.path(x[200:])
    for i, p in enumerate(base.path(x[200:, 1:])):
        for held in found[3 * i : 3 * i + 3]:
            np.testing.assert_allclose(held, p, atol=1e-14)


@pytest.mark.parametrize("kind", ["category", "number"])
def test_exact_finds_what_no_curve_shows(kind):
    """Sixty doses, each with a secret of its own: no neighbour tells it."""
    rng = np.random.default_rng(34)
    secret_of = rng.integers(0, 3, 60)
    at = rng.integers(0, 60, 1_200)
    # The last digit differs, as it does where a matrix product has other rows.
    dose = rng.normal(size=60)[at] * (1 + rng.choice([0, 1e-15], 1_200))
    secret, codes, numbers = GENOTYPE, secret_of[at], None
    if kind == "number":
        numbers = codes + 0.1 * rng.normal(size=1_200)
        secret, codes = bins_of(numbers, 10)
    learned = learn(
        pd.DataFrame({"dose": dose}),
        codes,
        secret,
        models=("shares", "table", "logistic", "exact"),
        numbers=numbers,
        rng=rng,
    )
    bits = learned.log_loss_bits
    assert learned.name == "exact"
    assert bits["exact"] < bits["shares"] - 1
    assert bits["exact"] < min(bits["table"], bits["logistic"]) - 0.5


def test_exact_is_tried_only_where_people_agree_with_others():
    people, codes, _ = simulate(400, 35)
    models = ("logistic", "exact")
    options = {"models": models, "groups": None}

    def tried(frame, **changed):
        rng = np.random.default_rng(1)
        return learn(frame, codes, GENOTYPE, rng=rng, **options | changed).log_loss_bits

    assert list(tried(people)) == ["logistic"]
    assert list(tried(people, models=("exact",))) == ["exact"]
    assert list(tried(people[["race"]])) == ["logistic", "exact"]
    # Twenty rows of 400 are 5 %; one person's own do not count.
    for n, expected in ((18, ["logistic"]), (20, list(models))):
        same = people.copy()
        same.iloc[:n] = people.iloc[[0]]
        assert list(tried(same)) == expected
        own = np.arange(400)
        own[:n] = 0
        assert list(tried(same, groups=own)) == ["logistic"]


# --- limit cases


@pytest.mark.parametrize("seed", range(2))
def test_features_of_somebody_else_say_nothing(seed):
    people, codes, _ = simulate(1_000, seed)
    rng = np.random.default_rng(seed)
    shuffled = people.iloc[rng.permutation(1_000)].reset_index(drop=True)
    learned = learn(shuffled, codes, GENOTYPE, rng=rng)
    targets, secrets, _ = simulate(20_000, seed + 50)
    shuffled = targets.iloc[rng.permutation(20_000)]
    told = log_loss_bits(learned.probabilities(shuffled), secrets)
    shares = np.tile(estimate_shares(codes, 3), (20_000, 1))
    assert told == pytest.approx(log_loss_bits(shares, secrets), rel=0.01)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "shares"])
@pytest.mark.parametrize("as_number", [False, True])
def test_a_feature_that_is_the_secret_gives_it_away(name, as_number):
    _, codes, _ = simulate(600, 11)
    told = pd.Series(codes) if as_number else pd.Series(GENOTYPE.values[codes])
    noise = np.random.default_rng(1).normal(size=600)
    people = pd.DataFrame({"told": told, "noise": noise})
    if name == "table":
        people = people[["told"]]
    learned = learn(
        people, codes, GENOTYPE, models=(name,), rng=np.random.default_rng(12)
    )
    p = learned.probabilities(people)
    assert (p[np.arange(600), codes] > 0.99).mean() > 0.99
    assert learned.out_of_fold[np.arange(600), codes].mean() > 0.99


def test_nothing_known_gives_the_shares():
    codes = np.array([0] * 60 + [1] * 30 + [2] * 10)
    nothing = pd.DataFrame(index=range(100))
    learned = learn(
        nothing, codes, GENOTYPE, models=("logistic",), rng=np.random.default_rng(1)
    )
    assert learned.name == "shares"
    assert_proper(learned.out_of_fold, (100, 3))
    p = learned.probabilities(pd.DataFrame(index=range(4)))
    # Laplace: (count + 1) / (n + 3).
    np.testing.assert_allclose(p, np.tile([61 / 103, 31 / 103, 11 / 103], (4, 1)))


def test_a_constant_column_is_nothing():
    people = pd.DataFrame({"site": ["here"] * 50, "year": [2020] * 50})
    codes = np.arange(50) % 3
    learned = learn(people, codes, GENOTYPE, rng=np.random.default_rng(1))
    assert learned.name == "shares"


@pytest.mark.parametrize("name", MODELS)
def test_a_value_that_one_person_has(name):
    people, codes, _ = simulate(520, 13)
    secret = Secret("genotype", np.array(["AA", "AG", "GG", "rare", "nobody"]))
    codes[7] = 3
    learned = learn(people, codes, secret, models=(name,), rng=np.random.default_rng(1))
    assert_proper(learned.out_of_fold, (520, 5))
    p = learned.probabilities(people)
    assert_proper(p, (520, 5))
    assert p[:, 3:].mean() < 0.02


@pytest.mark.parametrize("name", MODELS)
def test_a_secret_that_all_share(name):
    people, _, _ = simulate(40, 14)
    codes = np.ones(40, dtype=int)
    learned = learn(
        people, codes, GENOTYPE, models=(name,), rng=np.random.default_rng(1)
    )
    assert (learned.probabilities(people)[:, 1] > 0.9).all()


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    n=st.integers(2, 25),
    name=st.sampled_from(FAST),
    seed=st.integers(0, 99),
    share_missing=st.sampled_from([0.0, 0.4, 1.0]),
)
def test_however_few_people_every_guess_is_proper(n, name, seed, share_missing):
    people, codes, _ = simulate(n, seed)
    is_missing = np.random.default_rng(seed).random((2, n)) < share_missing
    people.loc[is_missing[0], "age_years"] = np.nan
    people["race"] = people["race"].where(~is_missing[1])
    learned = learn(
        people, codes, GENOTYPE, models=(name,), rng=np.random.default_rng(seed)
    )
    assert_proper(learned.out_of_fold, (n, 3))
    targets, _, _ = simulate(9, seed + 1)
    assert_proper(learned.probabilities(targets), (9, 3))


# --- columns of any kind


@pytest.mark.parametrize("name", MODELS)
def test_missing_values_tell_what_they_tell(name):
    """The laboratory value is missing exactly in those with the first genotype."""
    rng = np.random.default_rng(15)
    codes = np.arange(600) % 3
    people = pd.DataFrame(
        {
            "ldl": np.where(codes == 0, np.nan, rng.normal(size=600)),
            "ward": pd.Series(rng.choice(["a", "b"], 600)).where(codes != 1),
        }
    )
    learned = learn(people, codes, GENOTYPE, models=(name,), rng=rng)
    if name != "shares":
        right = learned.out_of_fold[np.arange(600), codes]
        assert right.mean() > 0.97
    targets = pd.DataFrame({"ldl": [0.5, np.nan], "ward": ["a", None]})
    assert_proper(learned.probabilities(targets), (2, 3))


@pytest.mark.parametrize("name", MODELS)
def test_an_unseen_category_or_gap_is_no_error(name):
    people, codes, _ = simulate(520, 16)
    learned = learn(
        people, codes, GENOTYPE, models=(name,), rng=np.random.default_rng(1)
    )
    targets = people.head(3).assign(race=["martian", None, "white"], age_years=np.nan)
    assert_proper(learned.probabilities(targets), (3, 3))


def test_order_and_kind_of_categories_are_of_no_matter():
    people, codes, _ = simulate(500, 17)
    plain = learn(people, codes, GENOTYPE, models=FAST, rng=np.random.default_rng(1))
    for order in (["black", "white", "asian"], ["white", "asian", "none", "black"]):
        race = pd.Categorical(people["race"], categories=order, ordered=True)
        again = learn(
            people.assign(race=race),
            codes,
            GENOTYPE,
            models=FAST,
            rng=np.random.default_rng(1),
        )
        np.testing.assert_array_equal(again.out_of_fold, plain.out_of_fold)
        np.testing.assert_array_equal(
            again.probabilities(people), plain.probabilities(people)
        )


def test_columns_are_found_by_name():
    people, codes, _ = simulate(300, 18)
    learned = learn(people, codes, GENOTYPE, models=FAST, rng=np.random.default_rng(1))
    turned = people[people.columns[::-1]].assign(more=1)
    np.testing.assert_array_equal(
        learned.probabilities(turned), learned.probabilities(people)
    )


def test_bools_and_nullable_numbers_are_numbers():
    people, codes, _ = simulate(300, 19)
    smokes = people["race"] == "black"
    as_bool = people[["age_years"]].assign(smokes=smokes)
    as_number = people[["age_years"]].astype("Float64").assign(smokes=smokes * 1.0)
    found = [
        learn(x, codes, GENOTYPE, models=FAST, rng=np.random.default_rng(1))
        for x in (as_bool, as_number)
    ]
    np.testing.assert_array_equal(found[0].out_of_fold, found[1].out_of_fold)


def test_spline_terms_are_uncorrelated_and_straight_at_the_ends():
    x = pd.DataFrame({"ldl": np.random.default_rng(20).gamma(3, size=500)})
    encoder = learn_encoder(x)
    terms = encoder.curved(x)
    np.testing.assert_allclose(terms.T @ terms / 500, np.eye(terms.shape[1]), atol=1e-9)
    far = pd.DataFrame({"ldl": [100.0, 110.0, 120.0, 130.0]})
    np.testing.assert_allclose(np.diff(encoder.curved(far), n=2, axis=0), 0, atol=1e-8)


def test_a_number_of_three_values_may_have_any_effect():
    """Splines with a knot at each value hold every table of three rows."""
    dose = pd.DataFrame({"alleles": np.arange(90) % 3})
    terms = learn_encoder(dose).curved(dose)
    assert np.linalg.matrix_rank(np.column_stack([np.ones(90), terms])) == 3


# --- folds and randomness


def test_rows_of_a_person_are_held_out_together():
    """A person's own number tells the secret, which is nothing to others."""
    rng = np.random.default_rng(21)
    person = np.repeat(np.arange(150), 4)
    codes = rng.integers(0, 3, 150)[person]
    people = pd.DataFrame({"badge": [f"p{i:03d}" for i in person % 60]})
    options = {"models": ("table",), "rng": np.random.default_rng(1)}
    alone = learn(people.head(240), codes[:240], GENOTYPE, **options)
    options["rng"] = np.random.default_rng(1)
    together = learn(
        people.head(240), codes[:240], GENOTYPE, groups=person[:240], **options
    )
    assert alone.log_loss_bits["table"] < 0.6
    assert together.log_loss_bits["table"] > 1.5


@pytest.mark.parametrize("kind", ["category", "number"])
def test_the_number_of_workers_is_of_no_matter(kind):
    people, codes, _ = simulate(600, 22)
    secret = GENOTYPE
    if kind == "number":
        secret, codes = bins_of(people["age_years"].to_numpy())
        people = people[["height_m", "race"]]
    found = []
    for n_jobs in (1, 2):
        with joblib.parallel_config(n_jobs=n_jobs):
            found.append(learn(people, codes, secret, rng=np.random.default_rng(1)))
    assert found[0].name == found[1].name
    np.testing.assert_allclose(
        found[0].out_of_fold, found[1].out_of_fold, rtol=1e-9, atol=0
    )
    for name, bits in found[0].log_loss_bits.items():
        assert found[1].log_loss_bits[name] == pytest.approx(bits, rel=1e-9)


# --- secrets that are numbers


@pytest.mark.parametrize("r2", [0.2, 0.5, 0.8])
def test_bits_of_a_gaussian_truth(r2):
    """A linear predictor of a normal number tells -log2(1 - r2) / 2 bits."""
    rng = np.random.default_rng(24)
    n = 20_000
    x = rng.normal(size=(2 * n, 2))
    number = np.sqrt(r2 / 2) * x.sum(axis=1) + np.sqrt(1 - r2) * rng.normal(size=2 * n)
    secret, codes = bins_of(number, 60)
    people = pd.DataFrame(x, columns=["age_years", "weight_kg"])
    learned = learn(
        people.head(n),
        codes[:n],
        secret,
        models=("shares", "logistic"),
        numbers=number[:n],
        rng=rng,
    )
    p = learned.probabilities(people.tail(n))
    assert_proper(p, (n, 60))
    shares = np.tile(estimate_shares(codes[:n], 60), (n, 1))
    bits = log_loss_bits(shares, codes[n:]) - log_loss_bits(p, codes[n:])
    assert bits == pytest.approx(-np.log2(1 - r2) / 2, rel=0.05)
    gained = learned.log_loss_bits["shares"] - learned.log_loss_bits["logistic"]
    assert gained == pytest.approx(bits, rel=0.05)


@pytest.mark.parametrize("name", MODELS)
def test_every_model_of_a_number_is_proper(name):
    people, _, _ = simulate(600, 25)
    number = people["age_years"] + np.random.default_rng(1).normal(size=600)
    secret, codes = bins_of(number.to_numpy())
    learned = learn(
        people,
        codes,
        secret,
        models=(name,),
        numbers=number,
        rng=np.random.default_rng(1),
    )
    assert_proper(learned.out_of_fold, (600, 40))
    p = learned.probabilities(people)
    assert_proper(p, (600, 40))
    if name != "shares":
        shares = -(estimate_shares(codes, 40) @ np.log2(estimate_shares(codes, 40)))
        assert learned.log_loss_bits[name] < shares - 0.5


def test_a_spread_that_grows_with_the_mean_is_found():
    rng = np.random.default_rng(27)
    mean = rng.normal(size=20_000)
    number = mean + np.exp(0.5 * mean) * rng.normal(size=20_000)
    law = learn_residual_law(mean, number)
    assert law.slope == pytest.approx(0.5, abs=0.05)
    edges = np.array([-50.0, -1.0, 0.0, 1.0, 50.0])
    masses = law.masses(np.array([0.0]), edges)
    # Normal: P(Z < -1) = 0.1587, P(-1 < Z < 0) = 0.3413.
    np.testing.assert_allclose(masses, [[0.1587, 0.3413, 0.3413, 0.1587]], atol=0.015)


def test_a_number_that_is_known_exactly():
    rng = np.random.default_rng(28)
    number = rng.normal(size=500)
    secret, codes = bins_of(number)
    learned = learn(
        pd.DataFrame({"told": number}),
        codes,
        secret,
        models=("logistic",),
        numbers=number,
        rng=rng,
    )
    # At the ends of bins a little doubt is left by the smoothing.
    assert learned.log_loss_bits["logistic"] < 0.3


# --- bad input


def test_bad_input_is_refused():
    people, codes, _ = simulate(30, 29)
    rng = np.random.default_rng(1)

    def refuse(message, frame=people, **options):
        with pytest.raises(DataError) as caught:
            learn(frame, codes, GENOTYPE, rng=rng, models=FAST, **options)
        assert str(caught.value) == message

    refuse(
        "auxiliary people must be 2 or more to learn from, whatever their rows; got 1",
        groups=np.zeros(30),
    )
    refuse(
        "'age_years' must be finite or missing; got 30 of 30 infinite",
        frame=people.assign(age_years=np.inf),
    )


def test_targets_without_a_column_are_refused():
    people, codes, _ = simulate(30, 30)
    learned = learn(people, codes, GENOTYPE, models=FAST, rng=np.random.default_rng(1))
    with pytest.raises(DataError) as caught:
        learned.probabilities(people.drop(columns="race"))
    assert str(caught.value) == (
        "features must have the columns age_years, height_m, race once each; missing: "
        "race; repeated: none"
    )
    with pytest.raises(DataError) as caught:
        learned.probabilities(people.assign(age_years="old"))
    assert str(caught.value) == (
        "'age_years' must hold numbers, or true and false; got others"
    )
