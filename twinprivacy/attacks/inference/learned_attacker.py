"""An attacker who learns from auxiliary people what the answers say of the secret.

The model is chosen by held-out log loss: folds that share no person, the best setting
of each model, calibration, and a fit of the best on everybody.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from twinprivacy._types import Array, Indices
from twinprivacy._validation import check_choices, check_rng, check_whole
from twinprivacy.attacks.inference.encoder import Encoder, learn_encoder
from twinprivacy.attacks.inference.models import (
    MODELS,
    Model,
    ResidualLaw,
    estimate_shares,
    learn_residual_law,
    masses_out_of_fold,
    softmax,
)
from twinprivacy.attacks.inference.threats import Auxiliary, Secret, ThreatModel
from twinprivacy.errors import DataError

__all__ = [
    "LearnedAttacker",
]

ALL_MODELS = tuple(MODELS)


@dataclass(frozen=True)
class LearnedAttacker:
    """Attack by a model of the secret given the known columns and the answers.

    The model is the strongest by log loss in bits, cross-validated on the auxiliary
    people, of those allowed: the imputation baseline has the same choice, but without
    the answers, so that the gain over it comes from the answers alone. The attacker
    needs no access to the twin beyond the answers, and nothing of how it works.
    Where an answer is asked for repeatedly, the mean of the replies is learned from.
    Rows of one person are held out together.

    Attributes
    ----------
    models : tuple of str
        Models to choose from: "shares" (of each value, whatever is known), "table"
        (shares within each combination of values), "logistic" (ridge regression with
        splines, so that effects need not be monotone), "boosting" (from 500 people on)
        and "exact" (shares among those who agree in every digit, shrunk to the logistic
        model; where at least 5 % agree with somebody else). For a secret number the
        last three predict a mean, and their residuals its law.
    folds : int
        Folds of the cross-validation, 2 or more.

    Raises
    ------
    ParameterError
        For an unknown model, no model, or fewer than 2 folds.

    References
    ----------
    Fredrikson et al. (2014) infer a genotype from a dose that was chosen for it; here
    the model is learned, not inverted.

    Examples
    --------
    >>> attacker = LearnedAttacker(models=("logistic",))
    >>> attacker.models, attacker.folds
    (('logistic',), 5)
    """

    models: tuple[str, ...] = ALL_MODELS
    folds: int = 5

    def __post_init__(self) -> None:
        """Refuse models that there are not."""
        check_choices(self.models, name="models", allowed=MODELS)
        check_whole(self.folds, name="folds", least=2)
        object.__setattr__(self, "models", tuple(self.models))

    def fit(
        self, auxiliary: Auxiliary, *, rng: np.random.Generator
    ) -> "_FittedLearnedAttacker":
        """Learn the secret from what is known of auxiliary people, and their answers.

        Parameters
        ----------
        auxiliary : Auxiliary
            People whose secret the attacker knows, none of them a target.
        rng : numpy.random.Generator
            Source of folds; the same for any number of workers.

        Raises
        ------
        DataError
            For a single person or infinite numbers.
        """
        check_rng(rng)
        threat = auxiliary.threat
        is_number = auxiliary.secret.edges is not None
        learned = learn(
            _join(auxiliary.people, auxiliary.answers, threat),
            auxiliary.codes,
            auxiliary.secret,
            models=self.models,
            folds=self.folds,
            groups=_find_groups(auxiliary.persons),
            numbers=auxiliary.people[threat.sensitive].to_numpy(dtype=float)
            if is_number
            else None,
            rng=rng,
        )
        return _FittedLearnedAttacker(learned, threat)


@dataclass(frozen=True, eq=False, repr=False)
class _FittedLearnedAttacker:
    """An attacker who has learned P(secret | known, answers)."""

    learned: "Learned"
    threat: ThreatModel

    def posterior(self, known: pd.DataFrame, answers: Array, prior: Array) -> Array:
        """Return P(secret | known, answers); what imputation says was learned along."""
        return self.learned.probabilities(_join(known, answers, self.threat))


def _find_groups(persons: Indices | None) -> Indices | None:
    """Return None where each person has one row, so that numbers deal no folds."""
    if persons is None or len(np.unique(persons)) == len(persons):
        return None
    return persons


def _join(people: pd.DataFrame, answers: Array, threat: ThreatModel) -> pd.DataFrame:
    """Return the known columns, and the mean of the replies for each answer."""
    shape = (len(people), threat.n_queries, len(threat.answers))
    means = np.asarray(answers, dtype=float).reshape(shape).mean(axis=1)
    # A twin may answer with what has the name of a known column.
    names = [f"answer: {name}" for name in threat.answers]
    columns = people[list(threat.known)].reset_index(drop=True)
    return pd.concat([columns, pd.DataFrame(means, columns=names)], axis=1)


@dataclass(frozen=True, eq=False, repr=False)
class _Target:
    """What is to be guessed of each person: a code and, for a secret number, itself."""

    codes: Indices
    secret: Secret
    numbers: Array | None

    def of(self, rows: npt.NDArray[np.bool_]) -> "_Target":
        """Return some of the people."""
        numbers = None if self.numbers is None else self.numbers[rows]
        return _Target(self.codes[rows], self.secret, numbers)

    def shares(self) -> Array:
        """Return the share of each value."""
        return estimate_shares(self.codes, self.secret.n_values)

    def fit(self, model: Model, x: npt.NDArray[Any]) -> Any:
        """Fit a model, by the mean of a number where the model can."""
        if self.numbers is not None and model.fit_mean is not None:
            return model.fit_mean(x, self.numbers)
        return model.fit(x, self.codes, self.secret.n_values)


@dataclass(frozen=True, eq=False, repr=False)
class _Candidate:
    """One model's best setting, held out.

    `means` are those that the model gives for a number, None where it gives shares.
    """

    model: Model
    setting: int
    power: float
    means: Array | None
    probabilities: Array
    loss: float


@dataclass(frozen=True, eq=False, repr=False)
class Learned:
    """A model of the secret, chosen, calibrated and fitted on everybody.

    `log_loss_bits` is the cross-validated loss, -mean log2 P(secret), of each model
    tried.
    """

    log_loss_bits: dict[str, float]
    _chosen: _Candidate
    _fit: Any
    _encoder: Encoder
    _target: _Target
    _law: ResidualLaw | None

    @property
    def name(self) -> str:
        """Name of the chosen model."""
        return self._chosen.model.name

    @property
    def out_of_fold(self) -> Array:
        """P(secret) of each person by fits that held the person out, (n, n_values)."""
        return self._chosen.probabilities

    def probabilities(self, features: pd.DataFrame) -> Array:
        """Return P(secret | features), shape (n, n_values), all > 0, rows adding to 1.

        Columns are found by name; a DataError is raised where one is not there, or
        infinite.
        """
        with threadpool_limits(1):
            x = self._chosen.model.inputs(self._encoder, features)
            found = self._fit.path(x)[self._chosen.setting]
            if self._law is not None:
                assert self._target.secret.edges is not None
                found = self._law.masses(found, self._target.secret.edges)
            n, shares = len(self._target.codes), self._target.shares()
            return _finish(_mix(found, shares, n), shares, self._chosen.power, n)


def learn(
    features: pd.DataFrame,
    codes: Indices,
    secret: Secret,
    *,
    models: Sequence[str] = ALL_MODELS,
    folds: int = 5,
    groups: Indices | None = None,
    numbers: Array | None = None,
    rng: np.random.Generator,
) -> Learned:
    r"""Learn the strongest guess of a secret, the model chosen by held-out log loss.

    Parameters
    ----------
    features : pandas.DataFrame
        One row per person, any number of columns, 0 too: numbers, true and false, or
        categories. Missing values and, later, categories that nobody had are allowed.
    codes : numpy.ndarray
        Shape (n,): place of each person's secret in `secret.values`.
    secret : Secret
        Values, and for a number the ends of its bins.
    models : sequence of str
        Models to choose from, of `MODELS`.
    folds : int
        2 or more; each has about the same shares of the values.
    groups : numpy.ndarray, optional
        Shape (n,): rows of equal value are held out together.
    numbers : numpy.ndarray, optional
        Shape (n,): a secret number itself.
    rng : numpy.random.Generator
        Source of folds.

    Raises
    ------
    DataError
        For a single person (or group), or infinite features.

    Notes
    -----
    "shares" are those of the values; "table" the shares within each combination of
    values, shrunk to the overall ones; "logistic" a multinomial ridge regression in
    restricted cubic splines of the numbers; "boosting" histogram boosting; "exact" the
    shares s of those who agree in every column, not binned, shrunk to "logistic" p as
    if it were w people: (n s + w p) / (n + w). Each has a few settings (bins, penalty,
    number of trees, w), of which the folds choose. For a number the last three predict
    its mean; the out-of-fold residuals, smoothed and with a spread log-linear in the
    mean, make it masses on the bins.

    Probabilities are calibrated towards the shares s by one power, fitted out of fold
    with a normal prior of mean 1 and SD 1/2:

    .. math:: P_v \propto s_v (p_v / s_v)^a, \quad 0 \le a \le 3,

    and mixed with the shares, which count for one person more than the n.

    "boosting" needs 500 people, and "exact" that at least 5 % of the rows agree with
    somebody else's; they are passed over unless no other model is allowed.

    References
    ----------
    Harrell (2015), doi:10.1007/978-3-319-19425-7.
    """
    target = _Target(codes, secret, numbers)
    # Matrix products are small: more threads wait for each other, many times as long
    # where cores are shared, and sums would depend on how many there are.
    with threadpool_limits(1):
        encoder = learn_encoder(features)
        (fold_rng,) = rng.spawn(1)
        fold = _deal_folds(codes, folds, groups, fold_rng)
        allowed = [model for name, model in MODELS.items() if name in models]
        if not encoder.columns:
            allowed = [MODELS["shares"]]
        inputs = {model: model.inputs(encoder, features) for model in allowed}
        fit = {m: x for m, x in inputs.items() if m.can_learn(x, groups)} or inputs
        tried = _cross_validate(fit, target, fold)
        best = min(tried, key=lambda candidate: candidate.loss)
        law = None
        if best.means is not None:
            assert numbers is not None
            law = learn_residual_law(best.means, numbers)
        return Learned(
            {candidate.model.name: candidate.loss for candidate in tried},
            best,
            target.fit(best.model, inputs[best.model]),
            encoder,
            target,
            law,
        )


def _deal_folds(
    codes: Indices, folds: int, groups: Indices | None, rng: np.random.Generator
) -> Indices:
    """Return the fold of each row, groups dealt in the order of their first code."""
    first = group = np.arange(len(codes))
    if groups is not None:
        _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    if len(first) < 2:
        raise DataError(
            "auxiliary people must be 2 or more to learn from, whatever their rows; "
            f"got {len(first)}"
        )
    order = np.lexsort((rng.random(len(first)), codes[first]))
    fold_of_group = np.empty(len(first), dtype=np.intp)
    fold_of_group[order] = np.arange(len(first)) % folds
    return fold_of_group[group]


def _cross_validate(
    inputs: dict[Model, npt.NDArray[Any]], target: _Target, fold: Indices
) -> list[_Candidate]:
    """Return each model's held-out probabilities, by folds that share no person."""
    import joblib

    n_folds = fold.max() + 1
    paths = joblib.Parallel()(
        joblib.delayed(_hold_out)(model, x, target, fold == k)
        for model, x in inputs.items()
        for k in range(n_folds)
    )
    shares = np.empty((len(fold), target.secret.n_values))
    for k in range(n_folds):
        shares[fold == k] = target.of(fold != k).shares()
    tried = []
    for i, model in enumerate(inputs):
        of_folds = paths[i * n_folds : (i + 1) * n_folds]
        path = [np.empty((len(fold), *held.shape[1:])) for held in of_folds[0]]
        for k, held_out in enumerate(of_folds):
            for whole, part in zip(path, held_out, strict=True):
                whole[fold == k] = part
        tried.append(_choose_setting(model, path, target, fold, shares))
    return tried


def _hold_out(
    model: Model, x: npt.NDArray[Any], target: _Target, test: npt.NDArray[np.bool_]
) -> list[Array]:
    with threadpool_limits(1):
        return list(target.of(~test).fit(model, x[~test]).path(x[test]))


def _choose_setting(
    model: Model, path: list[Array], target: _Target, fold: Indices, shares: Array
) -> _Candidate:
    n, means = len(fold), None
    if target.numbers is not None and model.fit_mean is not None:
        assert target.secret.edges is not None
        errors = [np.mean((mean - target.numbers) ** 2) for mean in path]
        setting = int(np.argmin(errors))
        means = path[setting]
        found = masses_out_of_fold(means, target.numbers, fold, target.secret.edges)
        found = _mix(found, shares, n)
    else:
        mixed = [_mix(found, shares, n) for found in path]
        setting = int(np.argmin([_log_loss_bits(p, target.codes) for p in mixed]))
        found = mixed[setting]
    power = _fit_power(found, shares, target.codes)
    calibrated = _finish(found, shares, power, n)
    loss = _log_loss_bits(calibrated, target.codes)
    return _Candidate(model, setting, power, means, calibrated, loss)


def _mix(p: Array, shares: Array, n: int) -> Array:
    """Return p with one person's worth of shares, so that nothing is impossible."""
    return (n * p + shares) / (n + 1)


def _log_loss_bits(p: Array, codes: Indices) -> float:
    return float(-np.log2(p[np.arange(len(codes)), codes]).mean())


def _calibrate(p: Array, shares: Array, power: float) -> Array:
    log_share = np.log(shares)
    return softmax(log_share + power * (np.log(p) - log_share))


def _finish(p: Array, shares: Array, power: float, n: int) -> Array:
    """Calibrate probabilities and mix in the shares of everyone."""
    # A power above 1 makes the rarest rarer than n people can tell.
    return _mix(_calibrate(p, shares, power), shares, n)


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
