"""Shadow models: likelihood ratios by hand, who is found, and what does not matter."""

from collections.abc import Callable
from functools import partial
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from scipy.stats import norm
from sklearn.ensemble import RandomForestRegressor
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from twinprivacy.attacks.membership import (
    MembershipResult,
    MembershipThreat,
    fit_shadows,
    infer_membership,
)
from twinprivacy.datasets import load_cohort
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.twins.outcome import fit_outcome_twin


def fit_with(estimator: Any) -> Callable[..., Any]:
    return partial(
        fit_outcome_twin,
        outcome="y",
        features=["a", "b", "c"],
        estimator=estimator,
        folds=0,
    )


def people(rng: np.random.Generator, n: int = 60) -> pd.DataFrame:
    frame = pd.DataFrame(rng.normal(size=(n, 3)), columns=["a", "b", "c"])
    return frame.assign(y=rng.normal(size=n), flag=rng.random(n) < 0.5)


def attack_with_shadows(*args: Any, **options: Any) -> MembershipResult:
    return fit_shadows(*args, **options).likelihood_ratio_attack()


def fit_noise(frame: pd.DataFrame, *, rng: np.random.Generator) -> Any:
    """Learn nothing: answers are of the person and of chance."""

    def predict(asked: pd.DataFrame) -> np.ndarray:
        return asked["a"].to_numpy() + rng.normal(size=len(asked))

    return predict


def fit_mean(frame: pd.DataFrame, *, rng: np.random.Generator) -> Any:
    mean = frame["y"].mean()
    return lambda asked: np.full(len(asked), mean)


def test_everyone_is_in_exactly_half_and_ratios_are_those_by_hand(
    rng: np.random.Generator,
) -> None:
    frame = people(rng, 7)
    shadows = fit_shadows(frame, fit_mean, outcome="y", n_shadows=8, rng=rng)
    assert shadows.inside.shape == shadows.outside.shape == (4, 7)
    found = shadows.likelihood_ratio_attack()
    sides = [
        found.targets[found.targets["member"] == side]["score"].to_numpy().reshape(4, 7)
        for side in (True, False)
    ]
    for pair, person in [(0, 0), (3, 6)]:
        others = [np.delete(s, pair, axis=0) for s in (shadows.inside, shadows.outside)]
        # Two degrees of freedom of one's own, two of all people.
        own = [other.var(axis=0, ddof=1) for other in others]
        spread = [np.sqrt((2 * o[person] + 2 * o.mean()) / 4) for o in own]
        laws = [
            norm(other[:, person].mean(), s)
            for other, s in zip(others, spread, strict=True)
        ]
        for said, score in zip((shadows.inside, shadows.outside), sides, strict=True):
            ratio = np.subtract(*(law.logpdf(said[pair, person]) for law in laws))
            assert score[pair, person] == pytest.approx(ratio)


def test_half_is_the_mean_of_the_half(rng: np.random.Generator) -> None:
    frame = people(rng, 8)
    shadows = fit_shadows(frame, fit_mean, outcome="y", n_shadows=6, rng=rng)
    for inside, outside in zip(shadows.inside, shadows.outside, strict=True):
        (own,) = set(inside[inside == inside[0]])
        half = inside == own
        assert half.sum() == 4
        assert frame["y"][half].mean() == pytest.approx(own)
        assert frame["y"][~half].mean() == pytest.approx(outside[half][0])


def test_models_that_learn_nothing_are_covered_at_the_stated_rate() -> None:
    rng = np.random.default_rng(7)
    n, held = 300, {"online": 0, "offline": 0, "loss": 0}
    for child in rng.spawn(n):
        frame = people(child, 40)
        shadows = fit_shadows(frame, fit_noise, outcome="y", n_shadows=6, rng=child)
        for name, found in {
            "online": shadows.likelihood_ratio_attack(),
            "offline": shadows.likelihood_ratio_attack(online=False),
            "loss": shadows.loss_attack(),
        }.items():
            area = found.area_under_curve()
            held[name] += area.low <= 0.5 <= area.high
    assert min(held.values()) >= 0.93 * n, held
    assert max(held.values()) <= 0.98 * n, held


@pytest.mark.parametrize(
    ("outcome", "estimator"),
    [("y", KNeighborsRegressor(1)), ("flag", KNeighborsClassifier(1))],
)
def test_nearest_neighbour_is_found(
    outcome: str, estimator: Any, rng: np.random.Generator
) -> None:
    fit = partial(
        fit_outcome_twin,
        outcome=outcome,
        features=["a", "b", "c"],
        estimator=estimator,
        folds=0,
    )
    shadows = fit_shadows(people(rng, 100), fit, outcome=outcome, n_shadows=16, rng=rng)
    area = shadows.likelihood_ratio_attack().area_under_curve()
    loss = shadows.loss_attack()
    if outcome == "y":
        assert area.low > 0.95
        assert loss.area_under_curve().value == 1
        assert loss.true_positive_rate_at(0.05).value == 1
    else:
        # Half of the others have the same answer as their neighbour by chance.
        assert area.low > 0.65


def test_persons_are_in_or_out_as_a_whole(rng: np.random.Generator) -> None:
    rows = people(rng, 30).loc[np.repeat(np.arange(30), 2)].reset_index(drop=True)
    rows["person"] = np.repeat([f"p{i}" for i in range(30)], 2)
    fit = fit_with(KNeighborsRegressor(1))
    found = attack_with_shadows(
        rows, fit, outcome="y", n_shadows=8, groups="person", rng=rng
    )
    assert found.area_under_curve().n == 30
    assert found.area_under_curve().value > 0.95
    # Torn apart, the other row of a person gives the answer of one who is out.
    torn = attack_with_shadows(rows, fit, outcome="y", n_shadows=8, rng=rng)
    assert torn.area_under_curve().value < 0.85


def test_workers_and_order_of_rows_do_not_matter(rng: np.random.Generator) -> None:
    frame = people(rng)
    fit = fit_with(RandomForestRegressor(5))

    def attack(rows: pd.DataFrame) -> pd.DataFrame:
        return attack_with_shadows(
            rows, fit, outcome="y", n_shadows=6, rng=np.random.default_rng(1)
        ).targets

    once = attack(frame)
    assert_frame_equal(attack(frame.iloc[rng.permutation(60)]), once, check_exact=True)
    with joblib.parallel_config("threading", n_jobs=2):
        assert_frame_equal(attack(frame), once, check_exact=True)


def test_coarser_answers_tell_less(rng: np.random.Generator) -> None:
    cohort = load_cohort("diabetes")
    fit = partial(
        fit_outcome_twin,
        outcome="progression_score",
        features=["bmi_kg_m2", "mean_bp_mmhg", "ldl_mg_dl"],
        estimator=RandomForestRegressor(10),
        folds=0,
    )
    shadows = fit_shadows(
        cohort, fit, outcome="progression_score", n_shadows=8, rng=rng
    )
    areas = [
        shadows.likelihood_ratio_attack(
            threat=MembershipThreat(output_precision=step)
        ).area_under_curve()
        for step in (None, 100.0, 10_000.0)
    ]
    assert areas[0].low > areas[1].high > 0.5
    assert areas[2].value == pytest.approx(0.5)


def test_survival_is_attacked_by_hazards(rng: np.random.Generator) -> None:
    outcome = ("follow_up_days", "died")
    fit = partial(
        fit_outcome_twin,
        outcome=outcome,
        features=[
            "age_years",
            "bmi_kg_m2",
            "pulse_per_minute",
            "systolic_bp_mmhg",
            "diastolic_bp_mmhg",
            "heart_failure",
            "cardiogenic_shock",
        ],
        folds=0,
    )
    shadows = fit_shadows(
        load_cohort("whas500"), fit, outcome=outcome, n_shadows=16, rng=rng
    )
    found = shadows.likelihood_ratio_attack(online=False)
    # A leak that shows, and a small one.
    assert 0.51 < found.area_under_curve().low < 0.6


def test_bad_input_is_refused(rng: np.random.Generator) -> None:
    frame = people(rng)
    attack = partial(fit_shadows, fit=fit_noise, outcome="y", rng=rng)
    for n in (5, 4, "6", 8.0):
        message = rf"^n_shadows must be a whole number of 6 or more; got {n!r}$"
        with pytest.raises(ParameterError, match=message):
            attack(frame, n_shadows=n)
    with pytest.raises(ParameterError, match=r"^n_shadows must be even; got 7$"):
        attack(frame, n_shadows=7)
    with pytest.raises(DataError, match=r"^frame must have 4 rows or more; got 1$"):
        attack(frame[:1])
    with pytest.raises(DataError, match=r"^frame must have the columns z once each"):
        attack(frame, outcome="z")
    message = r"^y must be finite for everyone; got 1 of 60 missing or infinite$"
    with pytest.raises(DataError, match=message):
        attack(frame.assign(y=frame["y"].where(frame.index > 0)))
    message = (
        r"^the index of frame must name each row once; got 59 of 60 repeated or "
        r"missing$"
    )
    with pytest.raises(DataError, match=message):
        attack(frame.set_index(np.zeros(60, dtype=int)))
    message = r"^the model must answer with probabilities from 0 to 1; got \d+ of 60 "
    with pytest.raises(DataError, match=message):
        attack(frame, outcome="flag")
    message = (
        r"^the model must give one answer for each of 60 people; got shape \(1,\)$"
    )
    with pytest.raises(DataError, match=message):
        attack(frame, fit=lambda rows, rng: lambda asked: [1.0])
    shadows = fit_shadows(
        frame.assign(round=1), fit_noise, outcome="y", n_shadows=6, rng=rng
    )
    message = (
        r"^by must not name a column of the attack's own \(member, score, signal, "
        r"round\); got round$"
    )
    for measure in (shadows.loss_attack, shadows.likelihood_ratio_attack):
        with pytest.raises(ParameterError, match=message):
            measure(by=["round"])
        with pytest.raises(DataError, match=r"^frame must have the columns ward once"):
            measure(by=["ward"])
    message = r"^rng must be a numpy.random.Generator; got int$"
    with pytest.raises(ParameterError, match=message):
        attack(frame, rng=1)


def test_repr_shows_nobody(rng: np.random.Generator) -> None:
    shadows = fit_shadows(people(rng, 9), fit_noise, outcome="y", n_shadows=6, rng=rng)
    assert repr(shadows) == "Shadows(n_shadows=6, people=9)"


@pytest.mark.parametrize("outcome", ["y", ("days", "flag")])
def test_loss_is_that_of_each_model_alone(
    outcome: str | tuple[str, str], rng: np.random.Generator
) -> None:
    frame = people(rng, 12).assign(days=rng.integers(1, 9, 12))
    models = []

    def fit(rows: pd.DataFrame, *, rng: np.random.Generator) -> Any:
        scale = rows["a"].mean()
        models.append((rows.index, lambda asked: np.exp(scale * asked["b"])))
        return models[-1][1]

    shadows = fit_shadows(frame, fit, outcome=outcome, n_shadows=6, rng=rng)
    targets = shadows.loss_attack().targets
    for number, (members, model) in enumerate(models):
        others = frame.index.difference(members)
        alone = infer_membership(
            model, frame.loc[members], frame.loc[others], outcome=outcome
        ).targets
        found = targets[targets["round"] == number // 2]
        found = found[found["member"] == found.index.isin(members)]
        pair = found["score"].sort_index(), alone["score"].sort_index()
        assert pair[0].to_numpy() == pytest.approx(pair[1].to_numpy())


def test_groups_must_be_known(rng: np.random.Generator) -> None:
    frame = people(rng).assign(who=np.where(np.arange(60) > 0, 1.0, np.nan))
    attack = partial(fit_shadows, frame, fit_noise, outcome="y", rng=rng)
    message = r"^who must be known for everyone; got 1 of 60 missing$"
    with pytest.raises(DataError, match=message):
        attack(groups="who")
    with pytest.raises(DataError, match=r"^frame must have the columns z once each"):
        attack(groups="z")
    frame["who"] = 1
    with pytest.raises(DataError, match=r"^frame must hold 4 persons at least; got 1$"):
        attack(groups="who")


def test_duplicated_people_hide_each_other(rng: np.random.Generator) -> None:
    alone = people(rng, 60)
    twice = pd.concat([alone[:30], alone[:30]], ignore_index=True)
    fit = fit_with(KNeighborsRegressor(1))
    areas = [
        attack_with_shadows(
            frame, fit, outcome="y", n_shadows=12, rng=rng
        ).area_under_curve()
        for frame in (alone, twice)
    ]
    assert areas[0].low > areas[1].high
