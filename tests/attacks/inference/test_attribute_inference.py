"""The one evaluation: baselines, gains, bits, and what it refuses."""

import numpy as np
import pandas as pd
import pytest
from joblib import Parallel, delayed, parallel_config
from scipy.special import ndtr
from scipy.stats import entropy
from threadpoolctl import threadpool_limits

from twinprivacy.attacks.inference import LearnedAttacker, ThreatModel, infer_attribute
from twinprivacy.attacks.inference.reading import order_rows
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.estimates import mean_interval, paired_difference

FAST = ("logistic",)
THREAT = ThreatModel("smoker", ("age", "region"), ("risk",))


def world(n, rng, *, noise=0.5):
    """People whose risk tells whether they smoke, as far as the noise lets it."""
    age, region = rng.normal(size=n), rng.integers(0, 3, n)
    logit = 0.8 * age + 0.5 * (region - 1)
    smoker = rng.random(n) < 1 / (1 + np.exp(-logit))
    return pd.DataFrame(
        {
            "age": age,
            "region": pd.Categorical(np.array(["north", "south", "west"])[region]),
            "smoker": smoker,
            "risk": smoker + noise * rng.normal(size=n),
            "weight": rng.normal(size=n),
        }
    )


def attack(people, n, rng, *, threat=THREAT, attacker=None, models=FAST, **settings):
    return infer_attribute(
        settings.pop("twin", None),
        people[:n],
        people[n : 2 * n],
        threat=threat,
        attacker=attacker or LearnedAttacker(models=FAST),
        auxiliary=people[2 * n :],
        rng=rng,
        models=models,
        **settings,
    )


class OracleAttacker:
    """An attacker whose posterior a test dictates."""

    def __init__(self, law):
        self.law = law

    def fit(self, auxiliary, *, rng):
        self.auxiliary = auxiliary
        return self

    def posterior(self, known, answers, prior):
        return self.law(answers, prior)


def test_estimates_follow_from_the_targets(rng):
    result = attack(world(900, rng), 300, rng, n_surest=50)
    members = result.targets[result.targets["role"] == "member"]
    controls = result.targets[result.targets["role"] == "control"]
    assert len(members) == len(controls) == 300
    assert result.success.value == members["correct"].mean()
    assert result.control.value == controls["correct"].mean()
    assert result.mode_baseline.value == members["mode_correct"].mean()
    ours, theirs = members["correct"], members["imputation_correct"]
    assert result.gain == paired_difference(ours, theirs)
    assert result.bits == mean_interval(members["bits"])
    surest = members.nlargest(50, "confidence", keep="first")
    assert result.ppv_of_surest.value == pytest.approx(surest["correct"].mean())
    recalls = [part["correct"].mean() for _, part in members.groupby("secret")]
    assert result.balanced_accuracy.value == pytest.approx(np.mean(recalls))
    assert result.by_value["recall"].tolist() == pytest.approx(recalls)
    assert set(result.table()["measure"]) >= {"gain", "bits", "member_gap", "auc"}


def test_bits_are_held_against_the_imputation(rng):
    """An attacker who only repeats the imputation has gained nothing at all."""
    same = OracleAttacker(lambda answers, prior: prior)
    result = attack(world(600, rng), 150, rng, attacker=same)
    assert result.bits.value == pytest.approx(0, abs=1e-12)
    assert result.gain.value == 0
    assert result.gain.low < 0 < result.gain.high
    assert result.success.value == result.imputation_baseline.value
    assert result.verdict == "weak attack: no gain over imputation shows"


def test_being_sure_and_wrong_costs_a_finite_number_of_bits(rng):
    people = world(500, rng)

    def law(answers, prior):
        says = (answers[:, 0] > 0.5).astype(int)
        return np.eye(2)[1 - says]

    wrong = OracleAttacker(law)
    people["risk"] = people["smoker"] * 1.0
    result = attack(people, 150, rng, attacker=wrong)
    # The posterior is mixed with the prior with weight 1 / (200 + 1).
    assert result.bits.value == pytest.approx(-np.log2(201))
    assert result.success.value == 0


def test_a_twin_that_returns_the_secret_gives_all_of_it_away(rng):
    people = world(3_000, rng)
    result = attack(people, 1_000, rng, twin=lambda p: p["smoker"] * 1.0)
    assert result.success.value == 1
    members = people[:1_000]
    logit = 0.8 * members["age"] + 0.5 * (members["region"].cat.codes - 1)
    p = 1 / (1 + np.exp(-logit))
    # Entropy of the secret given the known, with the true probabilities.
    expected = entropy([p, 1 - p], base=2).mean()
    assert result.bits.value == pytest.approx(expected, abs=0.05)
    assert result.balanced_accuracy.value == 1
    assert result.auc.value == pytest.approx(1)
    assert result.gain.value == pytest.approx(1 - result.imputation_baseline.value)


def covers(rng):
    """Attack with answers that are dealt out at random."""
    people = world(3_300, rng)
    people["risk"] = rng.permutation(people["risk"])
    threat = ThreatModel("smoker", ("region",), ("risk",))
    result = attack(people, 150, rng, threat=threat)
    estimates = (result.gain, result.bits, result.member_gap, result.member_gap_bits)
    return [estimate.low <= 0 <= estimate.high for estimate in estimates]


@pytest.mark.calibration
def test_where_nothing_leaks_intervals_cover_zero():
    """In 500 replicates, of which chance alone moves the share by about .01.

    The attacker is taught by twenty times as many people as are attacked: one taught by
    few takes noise for a signal and truly loses by it.
    """
    rngs = np.random.default_rng(20_250_611).spawn(500)
    with threadpool_limits(1):
        covered = np.mean(Parallel()(delayed(covers)(rng) for rng in rngs), axis=0)
    assert ((covered >= 0.93) & (covered <= 0.97)).all(), covered


def test_order_of_rows_and_columns_does_not_matter(rng):
    people = world(600, rng)
    first, second = people[:200], people[200:400]
    others = people[400:]

    def run(*tables):
        return infer_attribute(
            None,
            tables[0],
            tables[1],
            threat=ThreatModel("smoker", ("age",), ("risk",), 0.1, 2, 0.3),
            attacker=LearnedAttacker(models=FAST),
            auxiliary=tables[2],
            models=FAST,
            rng=np.random.default_rng(1),
        )

    plain = run(first, second, others)
    shuffled = run(
        *(
            t.sample(frac=1, random_state=3).reset_index(drop=True).iloc[:, ::-1]
            for t in (first, second, others)
        )
    )
    pd.testing.assert_frame_equal(plain.targets, shuffled.targets)
    pd.testing.assert_frame_equal(plain.table(), shuffled.table())


def test_last_digits_of_numbers_do_not_matter(rng):
    """They differ between machines, and must not deal people to other folds."""
    people = world(600, rng)
    nudged = people.assign(risk=np.nextafter(people["risk"], np.inf))

    def run(table):
        return infer_attribute(
            None,
            table[:200],
            table[200:400],
            threat=ThreatModel("smoker", ("age",), ("risk",), None, 2, 0.3),
            attacker=LearnedAttacker(models=("logistic",)),
            auxiliary=table[400:],
            models=FAST,
            rng=np.random.default_rng(1),
        ).targets

    pd.testing.assert_frame_equal(run(people), run(nudged), rtol=1e-9)


def test_people_who_differ_in_last_digits_only_are_ordered_by_them(rng):
    people = pd.DataFrame({"x": np.full(50, 0.3) + 1e-15 * rng.permutation(50)})
    ordered = [
        order_rows(table, name="people", needed=()).reset_index(drop=True)
        for table in (people, people[::-1])
    ]
    assert people["x"].nunique() > 10
    pd.testing.assert_frame_equal(*ordered, check_exact=True)


def test_same_for_one_and_two_workers(rng):
    people = world(600, rng)
    tables = []
    for n_jobs in (1, 2):
        with parallel_config(n_jobs=n_jobs, backend="threading"):
            result = attack(
                people,
                200,
                np.random.default_rng(1),
                attacker=LearnedAttacker(models=("table", "logistic", "boosting")),
                models=("table", "logistic", "boosting"),
            )
        tables.append(result.table())
    pd.testing.assert_frame_equal(*tables)


def test_more_queries_average_the_noise_out(rng):
    people = world(3_000, rng, noise=0)
    found = [
        attack(
            people,
            800,
            np.random.default_rng(1),
            threat=ThreatModel("smoker", ("age",), ("risk",), None, n, 1.0),
        ).bits.value
        for n in (1, 4, 16)
    ]
    assert found[0] < found[1] < found[2]


def test_rounding_tells_less(rng):
    people = world(3_000, rng, noise=0.3)
    found = [
        attack(
            people,
            800,
            np.random.default_rng(1),
            threat=ThreatModel("smoker", ("age",), ("risk",), step),
        ).bits.value
        for step in (None, 1.0, 4.0)
    ]
    assert found[0] > found[1] > found[2]
    assert found[2] == pytest.approx(0, abs=0.01)


def test_numbers_are_inferred_within_a_tolerance(rng):
    n = 3_000
    known = rng.normal(size=n)
    secret = 0.5 * known + rng.normal(size=n)
    people = pd.DataFrame(
        {"known": known, "secret": secret, "said": secret + 0.5 * rng.normal(size=n)}
    )
    result = attack(
        people,
        900,
        rng,
        threat=ThreatModel("secret", ("known",), ("said",), tolerance=0.25),
    )
    # Bits of a normal secret: the error of the answer adds to the residual's.
    expected = 0.5 * np.log2(1 + 1 / 0.5**2)
    assert result.bits.value == pytest.approx(expected, rel=0.08)
    assert result.auc is None
    # The SD of what is left after the answer.
    left = np.sqrt(1 / (1 + 1 / 0.25))
    expected = 2 * ndtr(0.25 / left) - 1
    assert result.success.value == pytest.approx(expected, abs=0.05)


def test_subgroups_and_those_told_most(rng):
    result = attack(world(1_200, rng), 400, rng, subgroups=["region"])
    table = result.by_group.set_index(["group", "value"])
    assert table.loc[("all", "all"), "bits"] == pytest.approx(result.bits.value)
    regions = table.loc["region"]
    assert set(regions.index) == {"north", "south", "west"}
    weighted = (regions["bits"] * regions["n"]).sum() / regions["n"].sum()
    assert weighted == pytest.approx(result.bits.value)
    top = table.loc[("most told", "top tenth")]
    assert top["n"] == 40
    assert top["bits"] > result.bits.value


def test_rows_of_one_person_count_once(rng):
    people = world(900, rng)
    twice = pd.concat([people, people.assign(weight=people["weight"] + 1)])
    twice["person"] = np.tile(np.arange(900), 2)

    def run(table, groups):
        parts = [
            table[table["person"].between(lo, lo + 299)]
            if groups
            else table[lo : lo + 300]
            for lo in (0, 300, 600)
        ]
        return infer_attribute(
            None,
            parts[0].drop(columns=[] if groups else "person", errors="ignore"),
            parts[1].drop(columns=[] if groups else "person", errors="ignore"),
            threat=THREAT,
            attacker=LearnedAttacker(models=FAST),
            auxiliary=parts[2].drop(
                columns=[] if groups else "person", errors="ignore"
            ),
            models=FAST,
            groups=groups,
            rng=np.random.default_rng(1),
        )

    once, doubled = run(people, None), run(twice, "person")
    assert doubled.bits.n == once.bits.n == 300
    width = [r.bits.high - r.bits.low for r in (once, doubled)]
    assert width[1] == pytest.approx(width[0], rel=0.1)


def test_no_person_is_in_the_targets_or_the_repr(rng):
    result = attack(world(300, rng), 100, rng)
    assert result.targets.index.equals(pd.RangeIndex(200))
    assert not {"age", "region", "risk", "weight"} & set(result.targets)
    assert repr(result).startswith("AttackResult(sensitive='smoker', success=0.")


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (
            {"auxiliary": lambda p: p.assign(smoker=True)},
            DataError,
            "auxiliary must hold at least two values of 'smoker', or there is nothing "
            "to infer; got 1",
        ),
        (
            {"members": lambda p: p.assign(smoker=2)},
            DataError,
            "members has values of 'smoker' that no auxiliary person has, in 100 of "
            "100 rows; allowed are the 2 values among the auxiliary people",
        ),
        (
            {"controls": lambda p: p.assign(smoker=np.nan)},
            DataError,
            "controls must know 'smoker' of everyone, to judge the attack by; got 100 "
            "of 100 missing",
        ),
        (
            {"members": lambda p: p.drop(columns=["age", "risk"])},
            DataError,
            "members must have the columns smoker, age, region, risk once each; "
            "missing: age, risk; repeated: none",
        ),
        (
            {"controls": lambda p: p[:0]},
            DataError,
            "controls must have 1 rows or more; got 0",
        ),
        (
            {"members": lambda p: p.assign(risk=np.inf)},
            DataError,
            "the twin's answers must be finite; got 100 of 100 members with a missing "
            "or infinite one",
        ),
        (
            {"members": lambda p: p.to_numpy()},
            DataError,
            "members must be a pandas.DataFrame; got ndarray",
        ),
        (
            {"threat": lambda t: ThreatModel("weight", ("age",), ("risk",))},
            ParameterError,
            "threat.tolerance must be given for 'weight', which has 100 different "
            "numbers; at most 20 are categories",
        ),
        (
            {"threat": lambda t: "smoker"},
            ParameterError,
            "threat must be a ThreatModel; got str",
        ),
        (
            {"attacker": lambda a: LearnedAttacker},
            ParameterError,
            "attacker must be an object with a method fit, such as LearnedAttacker(); "
            "got LearnedAttacker",
        ),
        (
            {"twin": lambda t: 7},
            ParameterError,
            "twin must be callable with people, have a method predict, or be None for "
            "answers that are columns; got int",
        ),
        (
            {"twin": lambda t: lambda p: np.zeros((len(p), 2))},
            DataError,
            "the twin must give 1 answers for each of 100 members; got shape (100, 2)",
        ),
        (
            {"n_surest": lambda n: 0},
            ParameterError,
            "n_surest must be a whole number of 1 or more; got 0",
        ),
        (
            {"rng": lambda r: 3},
            ParameterError,
            "rng must be a numpy.random.Generator; got int",
        ),
    ],
)
def test_what_is_refused(rng, spoil, error, message):
    people = world(300, rng)
    given = {
        "twin": None,
        "members": people[:100],
        "controls": people[100:200],
        "auxiliary": people[200:],
        "threat": THREAT,
        "attacker": LearnedAttacker(models=FAST),
        "n_surest": 100,
        "rng": rng,
    }
    given |= {name: change(given[name]) for name, change in spoil.items()}
    twin, members, controls = (given.pop(x) for x in ("twin", "members", "controls"))
    with pytest.raises(error) as caught:
        infer_attribute(twin, members, controls, models=FAST, **given)
    assert str(caught.value) == message


@pytest.mark.parametrize("reset", [False, True])
def test_auxiliary_people_must_not_be_targets(rng, reset):
    people = world(300, rng)
    auxiliary = people[50:200]
    if reset:  # the labels are gone, the people are the same
        auxiliary = auxiliary.reset_index(drop=True)
    with pytest.raises(DataError, match=r"members and auxiliary must be different"):
        infer_attribute(
            None,
            people[50:150],
            people[200:],
            threat=THREAT,
            attacker=LearnedAttacker(models=FAST),
            auxiliary=auxiliary,
            rng=rng,
        )


def test_tables_of_their_own_labels_are_not_taken_for_the_same_people(rng):
    people = world(300, rng)
    parts = [people[i : i + 100].reset_index(drop=True) for i in (0, 100, 200)]
    result = infer_attribute(
        None,
        parts[0],
        parts[1],
        threat=THREAT,
        attacker=LearnedAttacker(models=FAST),
        auxiliary=parts[2],
        models=FAST,
        rng=rng,
    )
    assert result.success.n == 100


def test_rows_of_one_person_must_be_in_one_table(rng):
    people = world(300, rng).assign(person=np.arange(300) // 2)
    with pytest.raises(DataError) as caught:
        infer_attribute(
            None,
            people[:101],
            people[101:200],
            threat=THREAT,
            attacker=LearnedAttacker(models=FAST),
            auxiliary=people[200:],
            groups="person",
            rng=rng,
        )
    assert str(caught.value) == (
        "members and controls must be different people; got 1 with rows in both, by "
        "'person'"
    )
