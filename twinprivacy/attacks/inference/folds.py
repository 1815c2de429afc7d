"""Held-out guesses: folds, the best setting of each model, and calibration."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from twinprivacy._types import Array, Indices
from twinprivacy.attacks.inference import (
    models as _learning_models,
    models as _learning_numbers,
)
from twinprivacy.attacks.inference.models import (
    estimate_shares,
    masses_out_of_fold,
    on_one_thread,
)
from twinprivacy.errors import DataError


@dataclass(frozen=True, eq=False, repr=False)
class Target:
    """What is to be guessed of each person: a code and, for a secret number, itself."""

    codes: Indices
    n_values: int
    numbers: Array | None
    edges: Array | None

    def is_mean(self, name: str) -> bool:
        """Say whether the model `name` predicts a mean, not probabilities."""
        return self.edges is not None and name not in ("shares", "table")


@dataclass(frozen=True, eq=False, repr=False)
class Candidate:
    """One model's best setting, held out."""

    setting: int
    power: float
    raw: Array
    probabilities: Array
    loss: float


def deal_folds(
    codes: Indices, folds: int, groups: npt.ArrayLike | None, rng: np.random.Generator
) -> Indices:
    """Return the fold of each row, groups dealt in the order of their first code."""
    n = len(codes)
    group, first = np.arange(n), np.arange(n)
    if groups is not None:
        _, first, group = np.unique(
            np.asarray(groups), return_index=True, return_inverse=True
        )
        if len(group) != n or len(first) < 2:
            raise DataError(
                f"groups must name 2 groups or more in {n} rows; got {len(first)} in "
                f"{len(group)}"
            )
    order = np.lexsort((rng.random(len(first)), codes[first]))
    fold_of_group = np.empty(len(first), dtype=np.intp)
    fold_of_group[order] = np.arange(len(first)) % folds
    return fold_of_group[group]


def cross_validate(
    inputs: dict[str, npt.NDArray[Any]],
    target: Target,
    fold: Indices,
    sources: dict[str, list[np.random.Generator]],
) -> dict[str, Candidate]:
    """Return each model's held-out probabilities, by folds that share no person."""
    import joblib

    n_folds = fold.max() + 1
    paths = joblib.Parallel()(
        joblib.delayed(_hold_out)(name, x, target, fold == k, sources[name][k])
        for name, x in inputs.items()
        for k in range(n_folds)
    )
    shares = np.empty((len(fold), target.n_values))
    for k in range(n_folds):
        shares[fold == k] = estimate_shares(target.codes[fold != k], target.n_values)
    tried = {}
    for i, name in enumerate(inputs):
        of_folds = paths[i * n_folds : (i + 1) * n_folds]
        path = [np.empty((len(fold), *held.shape[1:])) for held in of_folds[0]]
        for k, held_out in enumerate(of_folds):
            for whole, part in zip(path, held_out, strict=True):
                whole[fold == k] = part
        tried[name] = _choose_setting(name, path, target, fold, shares)
    return tried


@on_one_thread
def _hold_out(
    name: str,
    x: npt.NDArray[Any],
    target: Target,
    test: npt.NDArray[np.bool_],
    rng: np.random.Generator,
) -> list[Array]:
    numbers = None if target.numbers is None else target.numbers[~test]
    training = Target(target.codes[~test], target.n_values, numbers, target.edges)
    return list(fit_model(name, x[~test], training, rng).path(x[test]))


def fit_model(
    name: str, x: npt.NDArray[Any], target: Target, rng: np.random.Generator
) -> Any:
    """Fit one model of a secret, by its mean where the secret is a number."""
    if target.is_mean(name):
        assert target.numbers is not None
        return _learning_numbers.fit_means(name, x, target.numbers, rng)
    return _learning_models.fit_path(name, x, target.codes, target.n_values, rng)


def _choose_setting(
    name: str, path: list[Array], target: Target, fold: Indices, shares: Array
) -> Candidate:
    n = len(fold)
    if target.is_mean(name):
        assert target.numbers is not None
        assert target.edges is not None
        errors = [np.mean((mean - target.numbers) ** 2) for mean in path]
        setting = int(np.argmin(errors))
        found = masses_out_of_fold(path[setting], target.numbers, fold, target.edges)
        found = mix(found, shares, n)
    else:
        mixed = [mix(found, shares, n) for found in path]
        setting = int(np.argmin([_log_loss_bits(p, target.codes) for p in mixed]))
        found = mixed[setting]
    power = _fit_power(found, shares, target.codes)
    calibrated = finish(found, shares, power, n)
    loss = _log_loss_bits(calibrated, target.codes)
    return Candidate(setting, power, path[setting], calibrated, loss)


def mix(p: Array, shares: Array, n: int) -> Array:
    """Return p with one person's worth of shares, so that nothing is impossible."""
    return (n * p + shares) / (n + 1)


def _log_loss_bits(p: Array, codes: Indices) -> float:
    return float(-np.log2(p[np.arange(len(codes)), codes]).mean())


def _calibrate(p: Array, shares: Array, power: float) -> Array:
    log_share = np.log(shares)
    return _learning_models.softmax(log_share + power * (np.log(p) - log_share))


def finish(p: Array, shares: Array, power: float, n: int) -> Array:
    """Calibrate probabilities and mix in the shares of everyone."""
    # A power above 1 makes the rarest rarer than n people can tell.
    return mix(_calibrate(p, shares, power), shares, n)


def _fit_power(p: Array, shares: Array, codes: Indices) -> float:
    """Return the power that minimises log loss n + 2 (power - 1)^2, by Newton."""
    log_ratio = np.log(p) - np.log(shares)
    observed = log_ratio[np.arange(len(codes)), codes].sum()
    power = 1.0
    for _ in range(25):
        chance = _calibrate(p, shares, power)
        mean = (chance * log_ratio).sum(axis=1)
        variance = (chance * log_ratio**2).sum() - (mean**2).sum()
        step = (mean.sum() - observed + 4 * (power - 1)) / (variance + 4)
        new = float(np.clip(power - step, 0, 3))
        if abs(new - power) < 1e-4:
            break
        power = new
    return power
