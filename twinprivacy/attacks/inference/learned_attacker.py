"""An attacker who learns from auxiliary people what the answers say of the secret."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array, Indices
from twinprivacy._validation import check_choice, check_rng
from twinprivacy.attacks.inference.encoder import MAX_PAIRS, Encoder, learn_encoder
from twinprivacy.attacks.inference.folds import (
    Target,
    cross_validate,
    deal_folds,
    finish,
    fit_model,
    mix,
)
from twinprivacy.attacks.inference.models import (
    MIN_SHARE_MATCHED,
    ResidualLaw,
    estimate_shares,
    learn_residual_law,
    on_one_thread,
    share_matched,
)
from twinprivacy.attacks.inference.threats import Auxiliary, Secret, ThreatModel
from twinprivacy.errors import DataError, ParameterError

__all__ = [
    "FittedLearnedAttacker",
    "LearnedAttacker",
]


@dataclass(frozen=True, eq=False, repr=False)
class Learned:
    """A model of the secret, chosen, calibrated and fitted on everybody.

    Attributes
    ----------
    name : str
        The chosen model, one of `MODELS`.
    log_loss_bits : dict of str to float
        Cross-validated log loss of each model tried, -mean log2 P(secret), in bits.
    out_of_fold : numpy.ndarray
        Shape (n, n_values): the chosen model's calibrated P(secret) of each person, by
        fits that the person was held out of.
    model : object
        The chosen model's fit.
    """

    name: str
    log_loss_bits: dict[str, float]
    out_of_fold: Array
    model: Any
    _encoder: Encoder
    _target: Target
    _setting: int
    _power: float
    _law: ResidualLaw | None

    @on_one_thread
    def probabilities(self, features: pd.DataFrame) -> Array:
        """Return P(secret | features), shape (n, n_values), all > 0, rows adding to 1.

        Parameters
        ----------
        features : pandas.DataFrame
            The columns learned from, in any order; others are ignored.

        Raises
        ------
        DataError
            If a column is not there, or a number is infinite or not a number.
        """
        x = self._encoder.encode(features, _KINDS[self.name])
        found = self.model.path(x)[self._setting]
        if self._law is not None:
            assert self._target.edges is not None
            found = self._law.masses(found, self._target.edges)
        n = len(self.out_of_fold)
        shares = estimate_shares(self._target.codes, self._target.n_values)
        return finish(mix(found, shares, n), shares, self._power, n)


@dataclass(frozen=True, eq=False)
class FittedLearnedAttacker:
    """An attacker who has learned P(secret | known, answers) from auxiliary people.

    Attributes
    ----------
    model_name : str
        The model chosen, one of "shares", "table", "logistic", "interactions",
        "forest", "boosting" and "exact".
    log_loss_bits : dict of str to float
        Cross-validated log loss of each model tried, in bits per person.
    """

    model_name: str
    log_loss_bits: dict[str, float]
    _learned: Learned = field(repr=False)
    _threat: ThreatModel = field(repr=False)

    def posterior(self, known: pd.DataFrame, answers: Array, prior: Array) -> Array:
        """Return P(secret | known, answers), every value above 0, rows adding to 1.

        Parameters
        ----------
        known : pandas.DataFrame
            Columns that the attacker knows of the targets, shape (n, n_known).
        answers : numpy.ndarray
            What the twin said of them, shape (n, n_answers * n_queries).
        prior : numpy.ndarray
            Not used: what the known columns say was learned along with the answers.

        Returns
        -------
        numpy.ndarray
            Shape (n, n_values).

        Raises
        ------
        DataError
            If a known column is not there, or numbers are infinite.
        """
        return self._learned.probabilities(_join(known, answers, self._threat))


MODELS = ("shares", "table", "logistic", "interactions", "forest", "boosting", "exact")


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
        splines, so that effects need not be monotone), "interactions" (with products of
        every two columns too), "forest", "boosting" (from 500 people on) and "exact"
        (shares among those who agree in every digit, shrunk to the logistic model;
        where at least 5 % agree with somebody else). For a secret number the last five
        predict a mean, and their residuals its law.
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

    models: tuple[str, ...] = MODELS
    folds: int = 5

    def __post_init__(self) -> None:
        """Refuse models that there are not."""
        _check_settings(self.models, self.folds)
        object.__setattr__(self, "models", tuple(self.models))

    def fit(
        self, auxiliary: Auxiliary, *, rng: np.random.Generator
    ) -> FittedLearnedAttacker:
        """Learn the secret from what is known of auxiliary people, and their answers.

        Parameters
        ----------
        auxiliary : Auxiliary
            People whose secret the attacker knows, none of them a target.
        rng : numpy.random.Generator
            Source of folds and random states; the same for any number of workers.

        Returns
        -------
        FittedLearnedAttacker

        Raises
        ------
        DataError
            For fewer than 2 people or infinite numbers.
        """
        check_rng(rng)
        secret, threat = auxiliary.secret, auxiliary.threat
        is_number = secret.edges is not None
        learned = learn(
            _join(auxiliary.people, auxiliary.answers, threat),
            auxiliary.codes,
            secret,
            models=self.models,
            folds=self.folds,
            groups=_find_groups(auxiliary.persons),
            numbers=auxiliary.people[threat.sensitive] if is_number else None,
            rng=rng,
        )
        return FittedLearnedAttacker(
            learned.name, learned.log_loss_bits, learned, threat
        )


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


_MIN_PEOPLE_OF_BOOSTING = 500

_KINDS = {
    "shares": "plain",
    "table": "cells",
    "logistic": "curved",
    "interactions": "paired",
    "forest": "plain",
    "boosting": "plain",
    "exact": "matched",
}


@on_one_thread
def learn(
    features: pd.DataFrame,
    codes: npt.ArrayLike,
    secret: Secret,
    *,
    models: Sequence[str] = MODELS,
    folds: int = 5,
    groups: npt.ArrayLike | None = None,
    numbers: npt.ArrayLike | None = None,
    rng: np.random.Generator,
) -> Learned:
    r"""Learn the strongest guess of a secret, the model chosen by held-out log loss.

    Parameters
    ----------
    features : pandas.DataFrame
        One row per person, any number of columns, 0 too: numbers, true and false, or
        categories. Missing values and, later, categories that nobody had are allowed.
    codes : array_like of int
        Shape (n,): place of each person's secret in `secret.values`.
    secret : Secret
        Values, and for a number the ends of its bins.
    models : sequence of str
        Models to choose from, of `MODELS`.
    folds : int
        2 or more; each has about the same shares of the values.
    groups : array_like, optional
        Shape (n,): rows of equal value are held out together.
    numbers : array_like, optional
        Shape (n,): a secret number itself; middles of the bins if not given.
    rng : numpy.random.Generator
        Source of folds and random states.

    Returns
    -------
    Learned

    Raises
    ------
    ParameterError
        For an unknown model, no model, or fewer than 2 folds.
    DataError
        For fewer than 2 people (or groups), lengths that differ, codes outside the
        values, infinite features.

    Notes
    -----
    "shares" are those of the values; "table" the shares within each combination of
    values, shrunk to the overall ones; "logistic" a multinomial ridge regression in
    restricted cubic splines of the numbers; "interactions" the same with the products
    of every two columns; "forest" extremely randomised trees; "boosting" histogram
    boosting; "exact" the shares s of those who agree in every column, not binned,
    shrunk to "logistic" p as if it were w people: (n s + w p) / (n + w). Each has a few
    settings (bins, penalty, number of trees, w), of which the folds choose. For a
    number the last five predict its mean; the out-of-fold
    residuals, smoothed and with a spread log-linear in the mean, make it masses on the
    bins.

    Probabilities are calibrated towards the shares s by one power, fitted out of fold
    with a normal prior of mean 1 and SD 1/2:

    .. math:: P_v \propto s_v (p_v / s_v)^a, \quad 0 \le a \le 3,

    and mixed with the shares, which count for one person more than the n.

    "boosting" needs 500 people and "interactions" at most 150 products and 5 people for
    each, and "exact" that at least 5 % of the rows agree with somebody else's; they are
    passed over unless no other model is allowed.

    References
    ----------
    Geurts, Ernst and Wehenkel (2006), doi:10.1007/s10994-006-6226-1; Harrell (2015),
    doi:10.1007/978-3-319-19425-7.
    """
    check_rng(rng)
    target = _read_target(features, codes, secret, numbers)
    _check_settings(models, folds)
    encoder = learn_encoder(features)
    fold_rng, *rngs = rng.spawn(1 + len(MODELS))
    fold = deal_folds(target.codes, folds, groups, fold_rng)
    names = _choose_models(models, encoder, features, groups)
    inputs = {name: encoder.encode(features, _KINDS[name]) for name in names}
    # Each model has a generator of its own, whichever others are tried.
    sources = {name: rngs[MODELS.index(name)].spawn(fold.max() + 2) for name in names}
    tried = cross_validate(inputs, target, fold, sources)
    # The first, and so the simplest, of equals.
    best = min(tried, key=lambda name: tried[name].loss)
    law = None
    if target.is_mean(best):
        assert target.numbers is not None
        law = learn_residual_law(tried[best].raw, target.numbers)
    return Learned(
        name=best,
        log_loss_bits={name: candidate.loss for name, candidate in tried.items()},
        out_of_fold=tried[best].probabilities,
        model=fit_model(best, inputs[best], target, sources[best][-1]),
        _encoder=encoder,
        _target=target,
        _setting=tried[best].setting,
        _power=tried[best].power,
        _law=law,
    )


def _read_target(
    features: pd.DataFrame,
    codes: npt.ArrayLike,
    secret: Secret,
    numbers: npt.ArrayLike | None,
) -> Target:
    code = np.asarray(codes, dtype=np.intp)
    n = len(features)
    if n < 2 or code.shape != (n,):
        raise DataError(
            "features and codes must have one row for each of 2 people or more; got "
            f"{n} and {code.size}"
        )
    if code.min() < 0 or code.max() >= secret.n_values:
        raise DataError(f"codes must lie in 0 to {secret.n_values - 1}")
    if secret.edges is None:
        return Target(code, secret.n_values, None, None)
    given = np.asarray(secret.values, dtype=float)[code] if numbers is None else numbers
    number = np.asarray(given, dtype=float)
    if number.shape != (n,) or not np.isfinite(number).all():
        raise DataError(f"numbers must be {n} finite numbers")
    return Target(code, secret.n_values, number, secret.edges)


def _check_settings(models: Sequence[str], folds: int) -> None:
    if isinstance(models, str) or not len(models):
        raise ParameterError(
            f"models must be a sequence of one name or more; got {models!r}"
        )
    for name in models:
        check_choice(name, name="models", allowed=MODELS)
    if isinstance(folds, bool) or not isinstance(folds, int | np.integer) or folds < 2:
        raise ParameterError(f"folds must be a whole number from 2; got {folds!r}")


def _choose_models(
    models: Sequence[str],
    encoder: Encoder,
    features: pd.DataFrame,
    groups: npt.ArrayLike | None,
) -> list[str]:
    if not encoder.columns:
        return ["shares"]
    names = [name for name in MODELS if name in models]
    n, n_pairs = len(features), encoder.n_pairs()
    fits = {
        "interactions": 0 < n_pairs <= min(MAX_PAIRS, n / 5),
        "boosting": n >= _MIN_PEOPLE_OF_BOOSTING,
    }
    if "exact" in names:
        cell = encoder.encode(features, "exact")[:, 0]
        fits["exact"] = share_matched(cell, groups) >= MIN_SHARE_MATCHED
    return [name for name in names if fits.get(name, True)] or names
