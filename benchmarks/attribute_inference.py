"""Time attribute inference against another toolbox's, on one twin's answers.

    python benchmarks/attribute_inference.py

A twin of a third of the RAND Health Insurance Experiment is told seven attributes of
a person and predicts visits to a doctor. Who rates their health as excellent is
inferred of these members, from the other six attributes and the answer with every
digit, by attackers that another third has taught; persons are never torn apart.

The peer is the black-box attribute inference of the adversarial-robustness toolbox,
with each of its attack models but svm (as successful as lr here, in 5 s), in an
environment of its own under _build/peers. It is handed the answers of the same fitted
twin. Each run is a process of its own, the sides in turn. The attack is timed, learning
and inference, without imports and without the twin; the time of `QueryInversion` holds
the imputation that it starts from.
"""

import json
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from _peers import hold, peer_python, run
from sklearn.ensemble import RandomForestRegressor

from twinprivacy.attacks.inference import (
    LearnedAttacker,
    QueryInversion,
    ThreatModel,
    infer_attribute,
)
from twinprivacy.attacks.inference.learned_attacker import ALL_MODELS, learn
from twinprivacy.attacks.inference.reading import code_secret, read_secret
from twinprivacy.attacks.inference.threats import Auxiliary
from twinprivacy.datasets import load_cohort
from twinprivacy.twins.outcome import fit_outcome_twin

ROUNDS = 3
LEAST_RATIO = 10.0
SECRET = "excellent_health"
KNOWN = (
    "coinsurance_percent",
    "individual_deductible",
    "log_participation_payment",
    "log_maximum_expenditure",
    "physical_limitation",
    "chronic_disease_index",
)
THREAT = ThreatModel(SECRET, KNOWN, ("visits",))
TWINS = {
    "ridge regression with splines, the package's default": None,
    "random forest of 100 trees": RandomForestRegressor(100, min_samples_leaf=5),
}
QUICK = ("table", "logistic", "exact")
# Attacker, and models of the imputation.
OWN: dict[str, tuple[Any, tuple[str, ...]]] = {
    "QueryInversion": (QueryInversion(), ("logistic",)),
    "LearnedAttacker, quick models": (LearnedAttacker(QUICK), ("table", "logistic")),
    "LearnedAttacker, all models": (LearnedAttacker(), ALL_MODELS),
}
CLAIMED, LEARNED = "QueryInversion", "LearnedAttacker, quick models"
DEFAULT = "toolbox, nn (its default)"
PEER_MODELS = {
    f"toolbox, {model}" + " (its default)" * (model == "nn"): model
    for model in ("nn", "rf", "gb", "lr", "dt", "knn")
}
PEER = "adversarial-robustness-toolbox==1.20.1"
PEER_NEEDS = ("torch==2.13.0", "scikit-learn==1.9.1", "packaging")
PEER_CODE = """
import json, resource, sys, time, warnings
import numpy as np, torch
from art.attacks.inference.attribute_inference import AttributeInferenceBlackBox
from art.estimators.regression.blackbox import BlackBoxRegressor
warnings.simplefilter("ignore")
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
torch.manual_seed(int(sys.argv[3]))
torch.set_num_threads(1)  # threads that wait for busy cores took up to 114 s
np.random.seed(int(sys.argv[3]))  # the toolbox draws from the global generator
class Answers(BlackBoxRegressor):
    def predict(self, x, batch_size=128, **ignored):
        return self.predict_fn(x)
data = np.load(sys.argv[1])
taught, targets = data["taught"], data["targets"]
twin = Answers(lambda x: data["taught_answers"], input_shape=(taught.shape[1],))
attack = AttributeInferenceBlackBox(
    twin, attack_model_type=sys.argv[2], attack_feature=taught.shape[1] - 1)
told = data["target_answers"].reshape(-1, 1)
before = peak()
start = time.perf_counter()
attack.fit(taught)
guess = attack.infer(targets[:, :-1], pred=told, values=[0.0, 1.0])
seconds = time.perf_counter() - start
hit, truth = guess == targets[:, -1], targets[:, -1]
print(json.dumps({
    "attack": seconds, "success": hit.mean(),
    "balanced": (hit[truth == 0].mean() + hit[truth == 1].mean()) / 2,
    "before": before, "peak": peak()}))
"""


def main() -> None:
    """Print a table for each twin; stop where the claim does not hold."""
    python = peer_python("adversarial-robustness-toolbox", PEER, *PEER_NEEDS)
    for name, estimator in TWINS.items():
        print(f"twin: {name}")
        with tempfile.TemporaryDirectory() as folder:
            prepare(Path(folder), estimator)
            runs = race(python, folder)
        best = max(PEER_MODELS, key=lambda side: mean(runs[side], "success"))
        report(runs, best)
        for ours in (CLAIMED, LEARNED):
            ratio = min(ratios(runs, DEFAULT, ours, "whole"))
            hold(ratio >= LEAST_RATIO, f"{ours} is only {ratio:.1f} times as fast")
            gap = mean(runs[ours], "success") - mean(runs[best], "success")
            hold(gap >= 0, f"{ours} guesses {-gap:.3f} fewer than the peer's best")


def prepare(folder: Path, estimator: Any) -> None:
    """Fit one twin and lay down people and answers, for both sides."""
    people = load_cohort("randhie")
    people[SECRET] = people["self_rated_health"] == "excellent"
    blocks = people["person_block"]
    part = np.random.default_rng(5).permutation(blocks.max() + 1)[blocks] % 3
    members, controls, taught = (people[part == place] for place in range(3))
    twin = fit_outcome_twin(
        members,
        outcome="doctor_visits",
        features=[*KNOWN, SECRET],
        estimator=estimator,
        folds=0,
        rng=np.random.default_rng(1),
    )
    joblib.dump((twin, members, controls, taught), folder / "ours")
    columns = [*KNOWN, SECRET]
    np.savez(
        folder / "peer.npz",
        taught=taught[columns].to_numpy(dtype=float),
        targets=members[columns].to_numpy(dtype=float),
        taught_answers=twin.predict(taught),
        target_answers=twin.predict(members),
    )


def race(python: str, folder: str) -> dict[str, list[dict[str, float]]]:
    """Run everyone once, then those that are compared turn and turn about."""
    runs: dict[str, list[dict[str, float]]] = {
        side: [] for side in (*OWN, *PEER_MODELS)
    }
    order = list(dict.fromkeys([CLAIMED, DEFAULT, LEARNED, *runs]))
    for turn in range(ROUNDS):
        for side in order:
            if side in OWN:
                command = [sys.executable, __file__, folder, side, str(turn)]
            else:
                data = f"{folder}/peer.npz"
                model = PEER_MODELS[side]
                command = [python, "-c", PEER_CODE, data, model, str(turn)]
            runs[side].append(json.loads(run(command).splitlines()[-1]))
        best = max(PEER_MODELS, key=lambda side: mean(runs[side], "success"))
        order = list(dict.fromkeys([CLAIMED, DEFAULT, LEARNED, best]))
    return runs


def attack(folder: Path, side: str, seed: int) -> dict[str, float]:
    """Attack in this process: once alone, then in the whole evaluation."""
    twin, members, controls, taught = joblib.load(folder / "ours")
    attacker, models = OWN[side]
    taught = taught.reset_index(drop=True)
    secret = read_secret(taught, THREAT, name="taught")
    codes, _ = code_secret(taught, secret, name="taught")
    truth, _ = code_secret(members, secret, name="members")
    said, told = (twin.predict(table)[:, np.newaxis] for table in (taught, members))
    known, before = members[list(KNOWN)], peak_mb()
    rng = np.random.default_rng(seed)
    start = time.perf_counter()
    prior = prior_taught = np.full((1, 2), 0.5)
    if isinstance(attacker, QueryInversion):
        x, persons = taught[list(KNOWN)], taught["person_block"]
        imputation = learn(x, codes, secret, models=models, groups=persons, rng=rng)
        prior, prior_taught = imputation.probabilities(known), imputation.out_of_fold
    handed = Auxiliary(
        people=taught,
        answers=said,
        secret=secret,
        codes=codes,
        prior=prior_taught,
        ask=twin.predict,
        threat=THREAT,
        persons=taught["person_block"].to_numpy(),
    )
    posterior = attacker.fit(handed, rng=rng).posterior(known, told, prior)
    seconds = time.perf_counter() - start
    hit = posterior.argmax(axis=1) == truth
    found = {
        "attack": seconds,
        "success": hit.mean(),
        "balanced": np.mean([hit[truth == code].mean() for code in (0, 1)]),
        "before": before,
        "peak": peak_mb(),
    }
    return found | whole(twin, (members, controls, taught), side, seed)


def whole(
    twin: Any, tables: tuple[pd.DataFrame, ...], side: str, seed: int
) -> dict[str, float]:
    """Time the evaluation with baselines, controls and intervals."""
    attacker, models = OWN[side]
    members, controls, taught = tables
    start = time.perf_counter()
    result = infer_attribute(
        twin,
        members,
        controls,
        threat=THREAT,
        attacker=attacker,
        auxiliary=taught,
        models=models,
        groups="person_block",
        rng=np.random.default_rng(seed),
    )
    seconds = time.perf_counter() - start
    return {
        "whole": seconds,
        "imputation": result.imputation_baseline.value,
    }


def report(runs: dict[str, list[dict[str, float]]], best: str) -> None:
    """Print one line for each side, and the ratios."""
    print(
        f"  {'':28}{'attack, s':>23}{'whole, s':>10}{'guessed':>9}{'balanced':>9}"
        f"{'peak, MB (before)':>19}"
    )
    for side, found in runs.items():
        times = [each["attack"] for each in found]
        spread = f"({min(times):.2f} to {max(times):.2f})" * (len(times) > 1)
        entire = f"{mean(found, 'whole'):.2f}" if side in OWN else ""
        memory = f"{mean(found, 'peak'):.0f} ({mean(found, 'before'):.0f})"
        print(
            f"  {side:28}{f'{statistics.median(times):.2f} {spread}':>23}{entire:>10}"
            f"{mean(found, 'success'):>9.3f}{mean(found, 'balanced'):>9.3f}{memory:>19}"
        )
    print(f"  imputation alone guesses {mean(runs[LEARNED], 'imputation'):.3f}")
    for ours, theirs in ((CLAIMED, DEFAULT), (LEARNED, DEFAULT), (CLAIMED, best)):
        parts = []
        for kind in ("attack", "whole"):
            found = ratios(runs, theirs, ours, kind)
            parts.append(
                f"{kind} {statistics.median(found):.3g} "
                f"({min(found):.3g} to {max(found):.3g})"
            )
        print(f"  {theirs} / {ours}: {', '.join(parts)}")


def ratios(
    runs: dict[str, list[dict[str, float]]], theirs: str, ours: str, kind: str
) -> list[float]:
    """Return how many times longer the peer's attack takes, round by round."""
    pairs = zip(runs[theirs], runs[ours], strict=False)
    return [peer["attack"] / own[kind] for peer, own in pairs]


def mean(found: list[dict[str, float]], key: str) -> float:
    """Return the mean over rounds."""
    return statistics.mean(each[key] for each in found)


def peak_mb() -> float:
    """Return the most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(attack(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))))
    else:
        main()
