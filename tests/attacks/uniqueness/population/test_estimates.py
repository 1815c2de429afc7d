"""Uniqueness in the population: oracles, limits, calibration and bad input."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, hypergeom, multivariate_normal, norm
from sklearn.metrics import mutual_info_score
from sklearn.metrics.cluster import expected_mutual_information

from twinprivacy.attacks.uniqueness import (
    METHODS,
    anonymity_sets,
    population_uniqueness,
)
from twinprivacy.attacks.uniqueness.partition import ordered_codes
from twinprivacy.attacks.uniqueness.population import (
    copula as copulas,
    correlations,
    estimates,
    frequencies,
)
from twinprivacy.attacks.uniqueness.population.copula import integrate_cells
from twinprivacy.errors import DataError, FitError, ParameterError

CORRELATION = np.array([[1.0, 0.6, -0.3], [0.6, 1.0, 0.2], [-0.3, 0.2, 1.0]])


def draw(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """People from a Gaussian copula with even margins of 25, 12 and 4 values."""
    scores = rng.standard_normal((n, 3)) @ np.linalg.cholesky(CORRELATION).T
    values = np.floor(norm.cdf(scores) * [25, 12, 4]).astype(int)
    return pd.DataFrame(values, columns=["a", "b", "c"])


def code_columns(frame: pd.DataFrame) -> np.ndarray:
    return np.column_stack([ordered_codes(frame[name])[0] for name in frame])


def test_pairs_of_intervals_agree_with_scipy() -> None:
    h, k = np.array([-1.0, 0.2, 1.5]), np.array([-0.4, 0.9])
    for rho in (-0.9, -0.2, 0.0, 0.5, 0.98):
        cells = correlations.cell_probabilities(
            h, k, rho, correlations.NODES, correlations.WEIGHTS
        )
        cdf = multivariate_normal(cov=[[1, rho], [rho, 1]], allow_singular=True).cdf
        below = [[cdf([x, y]) for y in k] for x in h]
        assert np.cumsum(np.cumsum(cells, axis=0), axis=1)[:3, :2] == pytest.approx(
            np.array(below), abs=2e-6
        )
        assert cells.sum() == pytest.approx(1, abs=1e-8)


def test_information_beyond_chance_agrees_with_scikit_learn(
    rng: np.random.Generator,
) -> None:
    x = rng.integers(0, 5, 400)
    y = (x + rng.integers(0, 3, 400)) % 7
    counts = np.zeros((5, 7))
    np.add.at(counts, (x, y), 1)
    chance = expected_mutual_information(counts.astype(int), 400)
    found = correlations.shared_information(counts)
    assert found == pytest.approx(mutual_info_score(x, y) - chance, abs=1e-9)


@pytest.mark.parametrize("by", ["likelihood", "mutual_information"])
def test_correlations_are_found_again(by: str, rng: np.random.Generator) -> None:
    codes = draw(20_000, rng).to_numpy()
    found = correlations.correlate(codes, by=by, signed=True)
    assert found == pytest.approx(CORRELATION, abs=0.03)
    unsigned = correlations.correlate(codes, by="mutual_information", signed=False)
    assert (unsigned >= 0).all()


def test_nearest_correlation_matrix() -> None:
    # Higham (2002) prints 0.7607 and 0.1573 for this matrix.
    found = correlations.nearest_correlation(
        np.array([[1.0, 1, 0], [1, 1, 1], [0, 1, 1]])
    )
    assert found[0, 1] == pytest.approx(0.7607, abs=2e-3)
    assert found[0, 2] == pytest.approx(0.1573, abs=2e-3)
    assert np.linalg.eigvalsh(found)[0] > 0


def test_cells_agree_with_scipy(rng: np.random.Generator) -> None:
    people = code_columns(draw(3_000, rng))
    settings = copulas.Settings("given", "likelihood", unseen=False)
    copula = copulas.fit_copula(people, [True] * 3, settings, 10_000)
    found = integrate_cells(copula, copula.codes[:30], rng)
    joint = multivariate_normal(cov=copula.correlation, abseps=1e-9, releps=1e-5)
    for code, p in zip(copula.codes[:30], found, strict=True):
        bounds = [
            m.bounds[[c, c + 1]] for m, c in zip(copula.margins, code, strict=True)
        ]
        low, high = np.transpose(np.clip(bounds, -8, 8))
        expected = joint.cdf(high, lower_limit=low)
        assert p == pytest.approx(expected, rel=0.02, abs=1e-7)


def test_all_cells_sum_to_one(rng: np.random.Generator) -> None:
    people = code_columns(draw(2_000, rng)[["b", "c"]])
    settings = copulas.Settings("given", "likelihood", unseen=True)
    copula = copulas.fit_copula(people, [True] * 2, settings, 10_000)
    shape = [m.bounds.size - 1 for m in copula.margins]
    every = np.argwhere(np.ones(shape, dtype=bool))
    assert integrate_cells(copula, every, rng).sum() == pytest.approx(1)


def test_unseen_values_have_turings_share() -> None:
    # Of 10 people 4 have a value of their own; 4 * 3 / (2 * (1 + 1)) = 3 are unseen.
    codes = np.array([0, 1, 2, 3, 4, 4, 5, 5, 5, 5])
    margin = copulas.fit_margin(codes, True, at_end=False, most=100)
    shares = np.diff(norm.cdf(margin.bounds))
    assert shares.size == 6 + 3
    assert shares[margin.place] == pytest.approx(np.array([1, 1, 1, 1, 2, 4]) * 0.06)
    assert np.delete(shares, margin.place) == pytest.approx(np.full(3, 0.4 / 3))
    bare = copulas.fit_margin(codes, False, at_end=False, most=100)
    assert np.diff(norm.cdf(bare.bounds)) == pytest.approx(np.bincount(codes) / 10)


def test_association_orders_what_has_no_order(rng: np.random.Generator) -> None:
    height = rng.normal(size=4_000)
    names = np.array(["q", "d", "z", "a", "m"])  # from short to tall
    group = names[np.digitize(height + rng.normal(0, 0.5, 4_000), [-1, -0.3, 0.3, 1])]
    frame = pd.DataFrame({"height": np.round(height, 1), "group": group})
    codes, ordered = code_columns(frame), [True, False]
    assert [ordered_codes(frame[name])[1] for name in frame] == ordered
    found = copulas.order_values(codes, ordered, "association")[:, 1]
    places = pd.Series(found).groupby(group).first()[names].tolist()
    assert places in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0])


def test_zayatz_by_hand() -> None:
    # 4 sets of one and 3 of two among 10 of 20 people: one of a set of one is seen with
    # 1/2, just one of two with 2 * (10 * 10) / (20 * 19).
    found = frequencies.zayatz(np.array([1, 2]), np.array([4, 3]), 20)
    given = 4 * 0.5 / (4 * 0.5 + 3 * 200 / 380)
    assert found.given_unique == pytest.approx(given)
    assert found.unique == pytest.approx(4 / 10 * given)


def test_pitman_expectations_by_simulation(rng: np.random.Generator) -> None:
    theta, alpha, n, size = 30.0, 0.5, 200, 800
    alone, stays, kinds = [], [], []
    for child in rng.spawn(300):
        drawn = frequencies._draw_sets(child, size, theta, alpha)
        alone.append(np.mean(drawn == 1) * drawn.size / size)
        kinds.append(drawn.size / size)
        people = child.permutation(np.repeat(np.arange(drawn.size), drawn))[:n]
        seen = np.bincount(people, minlength=drawn.size)
        stays.append(np.mean(drawn[seen == 1] == 1))
        last = frequencies.count_sizes(seen[seen > 0])
    expected = frequencies.pitman(*last, size, theta, alpha)
    assert expected.given_unique == pytest.approx(np.mean(stays), abs=0.01)
    # The first person stays alone past the 799 others.
    share = np.prod(
        (theta + alpha + np.arange(size - 1)) / (theta + 1 + np.arange(size - 1))
    )
    assert share == pytest.approx(np.mean(alone), abs=0.01)
    assert expected.unique == pytest.approx(share, abs=0.05)
    assert expected.correctness == pytest.approx(np.mean(kinds), abs=0.05)


def test_pitmans_parameters_are_found_again(rng: np.random.Generator) -> None:
    fitted = [
        frequencies.fit_pitman(
            *frequencies.count_sizes(frequencies._draw_sets(child, 3_000, 100.0, 0.4))
        )
        for child in rng.spawn(20)
    ]
    theta, alpha = np.mean(fitted, axis=0)
    assert theta == pytest.approx(100, rel=0.15)
    assert alpha == pytest.approx(0.4, abs=0.04)


def test_a_sample_of_everybody_counts(rng: np.random.Generator) -> None:
    people = draw(600, rng)
    truth = 1 - people.duplicated(keep=False).mean()
    for method in METHODS:
        found = population_uniqueness(people, list(people), 600, method=method, rng=rng)
        assert found.share_unique.value == pytest.approx(truth)
        assert found.sample_unique == pytest.approx(truth)
        assert found.given_sample_unique.value == pytest.approx(1)


def test_copula_is_right_where_it_is_true(rng: np.random.Generator) -> None:
    covered, errors, given_errors = [], [], []
    for child in rng.spawn(8):
        population = draw(8_000, child)
        alone = ~population.duplicated(keep=False)
        sample = population.sample(800, random_state=child)
        found = population_uniqueness(sample, ["a", "b", "c"], 8_000, rng=child)
        share = found.share_unique
        covered.append(share.low <= alone.mean() <= share.high)
        errors.append(share.value - alone.mean())
        first = ~sample.duplicated(keep=False)
        given = alone[sample.index][first].mean()
        given_errors.append(found.given_sample_unique.value - given)
    assert np.sum(covered) >= binom.ppf(0.001, 8, 0.95)
    assert np.abs(np.mean(errors)) < 0.01
    assert np.abs(np.mean(given_errors)) < 0.03


def test_people_of_the_copula(rng: np.random.Generator) -> None:
    sample = draw(500, rng).set_axis(np.arange(500) + 7)
    found = population_uniqueness(sample, ["a", "b"], 2_000, rng=rng)
    people = found.people
    assert people is not None
    assert people.index.equals(sample.index)
    assert people["uniqueness"].to_numpy() == pytest.approx(
        (1 - people["cell_probability"]) ** 1_999
    )
    assert (people["uniqueness"] <= people["correctness"]).all()
    same = people.groupby([sample["a"], sample["b"]])["cell_probability"]
    assert (same.max() == same.min()).all()
    # A copula that fits its sample expects what the sample shows.
    assert found.expected_sample_unique == pytest.approx(found.sample_unique, abs=0.06)


def test_large_populations_agree_with_drawn_ones(rng: np.random.Generator) -> None:
    codes = code_columns(draw(2_000, rng))
    settings = copulas.Settings("given", "likelihood", unseen=True)
    copula = copulas.fit_copula(codes, [True] * 3, settings, 5_000)
    drawn = copulas.in_population(copula, 5_000, 5_000, 5, rng)
    integrated = copulas.in_population(copula, 5_000, 0, 1, rng)
    assert integrated == pytest.approx(drawn, abs=0.02)


def test_larger_populations_hide_people_better(rng: np.random.Generator) -> None:
    sample = draw(500, rng)
    for method in METHODS:
        shares = [
            population_uniqueness(
                sample, list(sample), size, method=method, rng=np.random.default_rng(1)
            ).share_unique.value
            for size in (1_000, 5_000, 50_000)
        ]
        assert shares == sorted(shares, reverse=True)


def test_same_seed_same_answer_whatever_the_rows_are_called(
    rng: np.random.Generator,
) -> None:
    sample = draw(300, rng)
    one, other = (
        population_uniqueness(s, ["a", "b"], 900, rng=np.random.default_rng(4))
        for s in (sample, sample.set_axis(np.arange(300)[::-1]))
    )
    assert one.share_unique == other.share_unique


def test_identifiers_give_a_lower_bound(rng: np.random.Generator) -> None:
    people = pd.DataFrame({"id": np.arange(200), "sex": rng.integers(0, 2, 200)})
    for method in METHODS:
        found = population_uniqueness(
            people, ["id", "sex"], 1_000, method=method, rng=rng
        )
        share = found.share_unique
        # None of 200 * 199 / 2 pairs agrees: q is at most log(40) over their number.
        low = (1 - math.log(40) / 19_900) ** 999
        assert (share.value, share.high) == (1, 1)
        assert share.low == pytest.approx(low)


@pytest.mark.parametrize("value", [1.0, np.nan, None, "x"])
def test_nobody_is_unique_where_nothing_differs(
    value: object, rng: np.random.Generator
) -> None:
    people = pd.DataFrame({"a": [value] * 50, "b": [value] * 50})
    for method in METHODS:
        found = population_uniqueness(people, ["a", "b"], 1_000, method=method, rng=rng)
        assert found.share_unique.value == pytest.approx(0, abs=1e-9)
        assert found.share_unique.high < 0.02
        assert math.isnan(found.given_sample_unique.value)


def test_missing_values_dates_flags_and_categories(rng: np.random.Generator) -> None:
    n = 300
    people = pd.DataFrame(
        {
            "flag": rng.random(n) < 0.5,
            "day": pd.to_datetime(rng.integers(0, 9, n), unit="D"),
            "level": pd.Categorical(
                rng.choice(["b", "a"], n), categories=["b", "a", "c"]
            ),
            "text": pd.Series(rng.choice(["u", "v", None], n), dtype=object),
            "limit": rng.choice([np.inf, -np.inf, np.nan, 0.0], n),
        }
    )
    found = population_uniqueness(people, list(people), 600, rng=rng)
    assert 0 < found.share_unique.value < 1


def test_two_hundred_attributes(rng: np.random.Generator) -> None:
    values = rng.integers(0, 3, size=(60, 200))
    people = pd.DataFrame(values, columns=[f"c{i}" for i in range(200)])
    found = population_uniqueness(people, list(people), 5_000, n_resamples=10, rng=rng)
    assert found.share_unique.value > 0.99
    assert 0 <= found.share_unique.low <= found.share_unique.value


def test_repr_shows_nobody(rng: np.random.Generator) -> None:
    people = pd.DataFrame({"town": ["Xanadu", *["Ys"] * 9]})
    found = population_uniqueness(people, ["town"], 100, method="zayatz", rng=rng)
    assert repr(found).startswith(
        "PopulationUniqueness(method='zayatz', 10 people by 1 attributes, "
        "population_size=100, share_unique="
    )
    assert "Xanadu" not in repr(found)


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        ([], ParameterError, "each once; got 0 names of 0 columns$"),
        (["a", "a"], ParameterError, "each once; got 2 names of 1 columns$"),
        (
            "a",
            ParameterError,
            "^quasi_identifiers must be a list of columns; got str$",
        ),
        (
            ["a", "q"],
            DataError,
            "^sample must have the columns a, q once each; missing: q; repeated: none$",
        ),
    ],
)
def test_bad_columns(
    names: Sequence[str], error: type[Exception], message: str, rng: np.random.Generator
) -> None:
    with pytest.raises(error, match=message):
        population_uniqueness(draw(10, rng), names, 100, rng=rng)


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_people(n: int, rng: np.random.Generator) -> None:
    with pytest.raises(
        FitError, match=f"^sample must hold at least 2 people; got {n}$"
    ):
        population_uniqueness(draw(10, rng).head(n), ["a"], 100, rng=rng)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"method": "guess"},
            "^method must be one of 'copula', 'pitman', 'zayatz', 'rocher'; got",
        ),
        ({"n_resamples": 9}, "^n_resamples must be a whole number of 10 or more"),
        ({"confidence_level": 1.0}, r"^confidence_level must lie strictly in \(0, 1\)"),
        ({"rng": 3}, "^rng must be a numpy.random.Generator; got int$"),
        (
            {"population_size": 9},
            "^population_size must be a whole number of 10 or more; got 9$",
        ),
        (
            {"population_size": 1e6},
            "^population_size must be a whole number of 10 or more",
        ),
    ],
)
def test_bad_settings(
    settings: dict[str, object], message: str, rng: np.random.Generator
) -> None:
    given = {"population_size": 100, "rng": rng} | settings
    with pytest.raises(ParameterError, match=message):
        population_uniqueness(draw(10, rng), ["a"], **given)  # type: ignore[arg-type]
    with pytest.raises(
        DataError, match=r"^sample must be a pandas.DataFrame; got list$"
    ):
        population_uniqueness([1], ["a"], 100, rng=rng)  # type: ignore[arg-type]


@pytest.mark.calibration
def test_intervals_hold_small_shares(rng: np.random.Generator) -> None:
    # Of Pitman's 20,000 people fewer are unique than one in the sample of 200 is.
    covered, ends_there = [], []
    for child in rng.spawn(40):
        drawn = frequencies._draw_sets(child, 20_000, 20.0, 0.05)
        truth = np.count_nonzero(drawn == 1) / 20_000
        kinds = child.permutation(np.repeat(np.arange(drawn.size), drawn))[:200]
        sample = pd.DataFrame({"kind": kinds})
        share = population_uniqueness(
            sample, ["kind"], 20_000, method="pitman", rng=child
        ).share_unique
        covered.append(share.low <= truth <= share.high)
        ends_there.append(share.low == share.value)
    assert np.sum(covered) >= binom.ppf(0.01, 40, 0.95)
    assert not any(ends_there)


def test_intervals_are_not_blown_up_by_resamples_of_nothing() -> None:
    # Zero stands for half of the least that a resample says, not for 1 in 2 million.
    values = frequencies.Shares(0.001, 0.5, np.nan, np.nan)
    others = [
        frequencies.Shares(u, 0.5, np.nan, np.nan) for u in (0.0, 0.001, 0.002) * 4
    ]
    share = estimates.to_estimates(values, others, 10**6, 1_000, 0.95)[0]
    assert 0 < share.low < 0.0005
    assert 0.002 < share.high < 0.01


def test_a_share_hangs_little_on_the_population_drawn(rng: np.random.Generator) -> None:
    codes = code_columns(draw(300, rng))
    settings = copulas.Settings("given", "likelihood", unseen=True)
    copula = copulas.fit_copula(codes, [True] * 3, settings, 1_000)
    n_draws = copulas.n_populations(1_000)
    assert n_draws == 50
    one, many = (
        np.std([copulas.in_population(copula, 1_000, 10**6, n, g)[0] for g in some])
        for n, some in ((1, rng.spawn(30)), (n_draws, rng.spawn(30)))
    )
    assert many < one / 4  # a seventh, by the square root of 50


def test_what_another_column_determines_adds_nothing(
    rng: np.random.Generator,
) -> None:
    area = rng.zipf(1.4, 20_000) % 200
    people = pd.DataFrame(
        {
            "zip": area.astype(str),
            "age": rng.integers(0, 30, 20_000),
            "state": (area // 10).astype(str),
        }
    )
    truth = 1 - people.duplicated(["zip", "age"], keep=False).mean()
    found = population_uniqueness(
        people.iloc[:800],
        ["state", "zip", "age"],
        20_000,
        n_resamples=10,
        rng=rng,
    )
    assert found.share_unique.value == pytest.approx(truth, abs=0.02)
    assert found.expected_sample_unique == pytest.approx(found.sample_unique, abs=0.04)
    assert found.quasi_identifiers == ("state", "zip", "age")


def test_which_columns_determine_others() -> None:
    codes = np.arange(400)
    fine, coarse, other = codes % 40, codes % 40 // 4, codes // 40
    table = np.column_stack([coarse, fine, other, 39 - fine])
    assert copulas.free_columns(table) == [1, 2]
    # Hardly anyone shares a value: that they agree elsewhere may well be chance.
    nearly_all = np.minimum(codes, 398)
    sex = codes % 2 * (codes < 398)
    assert copulas.free_columns(np.column_stack([nearly_all, sex])) == [0, 1]


def test_values_are_equal_as_python_compares_them(rng: np.random.Generator) -> None:
    values: list[object] = [1, 1.0, "1", -0.0, 0.0, None, np.nan, "b", "b", 7]
    people = pd.DataFrame({"a": pd.Series(values, dtype=object), "b": ["x"] * 10})
    found = population_uniqueness(people, ["a", "b"], 100, method="zayatz", rng=rng)
    assert found.sample_unique == pytest.approx(2 / 10)  # the text "1", and 7
    sizes = anonymity_sets(people, ["a", "b"]).set_sizes
    assert sizes is not None
    assert found.sample_unique == (sizes == 1).mean()


def test_codes_depend_on_no_order_of_rows() -> None:
    column = pd.Series(["b", 1, "1", 10, None, "a"], dtype=object)
    frame = pd.DataFrame({"a": column})
    codes = code_columns(frame)[:, 0]
    back = code_columns(frame.iloc[::-1])[::-1, 0]
    assert codes.tolist() == back.tolist() == [4, 0, 1, 2, 5, 3]


def test_columns_that_cannot_be_told_apart(rng: np.random.Generator) -> None:
    twice = draw(10, rng)[["a", "b", "a"]]
    message = "missing: none; repeated: a$"
    with pytest.raises(DataError, match=message):
        population_uniqueness(twice, ["a", "b"], 100, rng=rng)
    lists = pd.DataFrame({"a": [[1], [2], [1]]})
    message = "^column 'a' must hold values that can be compared, such as numbers, "
    with pytest.raises(DataError, match=message):
        population_uniqueness(lists, ["a"], 100, rng=rng)


def test_zayatz_agrees_with_scipy() -> None:
    sizes, n_sets = np.array([1, 2, 7, 20]), np.array([30, 9, 4, 1])
    n = 30 + 18 + 28 + 20
    for size in (n, n + 1, n + 10, 2 * n, 10**4):
        single = hypergeom.pmf(1, size, sizes, n) * n_sets
        found = frequencies.zayatz(sizes, n_sets, size)
        assert found.given_unique == pytest.approx(single[0] / single.sum())


def test_pitman_agrees_with_products_written_out() -> None:
    theta, alpha, n, size = 12.0, 0.3, 8, 500
    found = frequencies.pitman(np.array([1, 2]), np.array([4, 2]), size, theta, alpha)
    stays, later, u = 1.0, 1.0, 6.0
    for i in range(n, size):
        ratio = (theta + i - 1 + alpha) / (theta + i)
        stays *= ratio
        later *= ratio if i > n else 1.0
        u += (theta + u * alpha) / (theta + i)
    new = (theta + 6 * alpha) / (theta + n) * later
    assert found.given_unique == pytest.approx(stays)
    assert found.unique == pytest.approx((4 * stays + (size - n) * new) / size)
    assert found.correctness == pytest.approx(u / size)


@pytest.mark.parametrize("method", METHODS)
def test_populations_without_end(method: str, rng: np.random.Generator) -> None:
    sample = pd.DataFrame({"a": rng.zipf(1.5, 200) % 100})
    shares = [
        population_uniqueness(
            sample, ["a"], size, method=method, rng=np.random.default_rng(1)
        ).share_unique
        for size in (10**6, 10**12, 10**30)
    ]
    values = [share.value for share in shares]
    assert values == sorted(values, reverse=True)
    assert all(0 <= s.low <= s.value <= s.high < 0.6 for s in shares)
    # Zayatz says how many of the sample's sets are larger: no share falls to 0.
    assert values[2] < 1e-3 or method == "zayatz"


def test_pitman_of_very_large_populations() -> None:
    # (N + theta)^(alpha - 1) times a constant, as Gamma(x + a) / Gamma(x) goes.
    sizes, n_sets = np.array([1, 2]), np.array([40, 20])
    small, large = (
        frequencies.pitman(sizes, n_sets, size, 50.0, 0.4).unique
        for size in (10**10, 10**30)
    )
    assert large / small == pytest.approx(1e-12, rel=1e-6)
