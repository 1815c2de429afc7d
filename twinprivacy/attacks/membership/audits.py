"""Free audits of membership: what the twin would have said without each person.

The twin has been fitted once. For some models what it would say of a person without
that person follows from the one fit, so the attack can be measured on the very people
at hand, each as a member and as another, without any shadow model.

All these audits estimate the same attack: the attacker is asked about a person of the
cohort of whom a fair coin has decided whether the twin was fitted with everybody or
with everybody else, and judges by the loss alone, with one threshold for all. That is
the attack of Yeom et al. It is weaker than that of shadow models, which knows what is
usual for each person.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array, Indices
from twinprivacy._validation import check_at_least, check_choice
from twinprivacy.attacks.membership.observed import (
    Happened,
    Persons,
    log_likelihood,
    persons_of,
    read_outcome,
    targets_of,
)
from twinprivacy.attacks.membership.result import MembershipResult
from twinprivacy.errors import DataError, FitError, ParameterError
from twinprivacy.tables import check_table, finite_floats, read_persons

__all__ = [
    "audit_forest",
    "audit_glm",
    "audit_linear",
    "audit_twin",
]


def audit_linear(
    design: pd.DataFrame,
    outcome: npt.ArrayLike,
    *,
    penalty: float = 0.0,
    groups: npt.ArrayLike | None = None,
) -> MembershipResult:
    r"""Audit a linear or ridge regression by leaving out each person, in closed form.

    With :math:`H = X (X^\top X + k I)^{-1} X^\top`, the intercept free of the penalty,
    the residuals of the rows g of a person without that person are
    :math:`(I - H_{gg})^{-1} e_g`: exactly those of a refit.

    Parameters
    ----------
    design : pandas.DataFrame
        Covariates, one row each, numbers without an intercept.
    outcome : array_like
        Finite numbers, shape (n,).
    penalty : float
        The k above, 0 or more.
    groups : array_like, optional
        Who each row is, where a person has several, who is left out as a whole.

    Returns
    -------
    MembershipResult
        Each person as a member and as another; scores are minus the mean squared error.

    Raises
    ------
    DataError
        For a design or an outcome that is not finite numbers of one length.
    ParameterError
        For a penalty below 0.
    FitError
        If the covariates without some person do not determine the coefficients.

    References
    ----------
    Yeom et al. (2018), doi:10.1109/CSF.2018.00027.

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> design = pd.DataFrame(rng.normal(size=(40, 20)))
    >>> audit_linear(design, rng.normal(size=40))
    MembershipResult(attack='loss, leave-one-out', people=40, rounds=1, auc=0.713)
    """
    check_at_least(penalty, 0, name="penalty")
    x, y, persons = _read_design(design, outcome, groups)
    fitted, left_out = _leave_out_linear(x, y, penalty, persons.codes)
    happened = Happened("number", y, y)
    return _compare(persons, design, happened, (fitted, left_out), "leave-one-out")


def audit_glm(
    design: pd.DataFrame,
    outcome: npt.ArrayLike,
    *,
    family: str = "binomial",
    penalty: float = 0.0,
    groups: npt.ArrayLike | None = None,
) -> MembershipResult:
    r"""Audit a logistic or Poisson regression by one Newton step away from each person.

    With weights :math:`W` and :math:`A = X (X^\top W X + k I)^{-1} X^\top` at the fit
    of everyone, the linear predictor of the rows g of a person without that person is
    :math:`\eta_g - A_{gg} (I - W_g A_{gg})^{-1} (y_g - \mu_g)`, one step short of that
    of a refit.

    Parameters
    ----------
    design : pandas.DataFrame
        Covariates, one row each, numbers without an intercept.
    outcome : array_like
        0 and 1, or with `family` "poisson" counts, shape (n,).
    family : {"binomial", "poisson"}
        The law of the outcome, with its canonical link.
    penalty : float
        The k above, 0 or more; the log likelihood is maximised less half of k times the
        squared coefficients.
    groups : array_like, optional
        Who each row is, where a person has several.

    Returns
    -------
    MembershipResult
        As `audit_linear`; scores are log likelihoods, the mean of a person's rows.

    Raises
    ------
    DataError
        For a design or an outcome that is not what it should be.
    ParameterError
        For a penalty below 0 or another family.
    FitError
        If the fit does not converge, or the covariates tell the outcome of some people
        for certain, as where the classes are separated.

    Notes
    -----
    On 200 people of the Worcester heart attack cohort the predictor of nobody differs
    from that of a refit by more than 0.02 of its standard deviations. Where a few
    people carry a coefficient the step falls short of the refit, and the audit is too
    favourable.

    References
    ----------
    Pregibon (1981), doi:10.1214/aos/1176345513; Yeom et al. (2018),
    doi:10.1109/CSF.2018.00027.

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> design = pd.DataFrame(rng.normal(size=(60, 10)))
    >>> audit_glm(design, rng.random(60) < 0.5, penalty=1.0)
    MembershipResult(attack='loss, one step', people=60, rounds=1, auc=0.619)
    """
    check_choice(family, name="family", allowed=("binomial", "poisson"))
    check_at_least(penalty, 0, name="penalty")
    x, y, persons = _read_design(design, outcome, groups)
    if family == "binomial" and not (np.isin(y, (0, 1)).all() and np.ptp(y) > 0):
        raise DataError("outcome must be 0 and 1, both, for a binomial family")
    if family == "poisson" and not (((y >= 0) & (y == np.round(y))).all() and y.any()):
        raise DataError("outcome must be counts, not all 0, for a Poisson family")
    fitted, left_out = _leave_out_one_step(x, y, family, penalty, persons.codes)
    kind = "probability" if family == "binomial" else "count"
    happened = Happened(kind, y, y)
    return _compare(persons, design, happened, (fitted, left_out), "one step")


def audit_forest(
    forest: Any,
    design: pd.DataFrame,
    outcome: npt.ArrayLike,
    *,
    groups: npt.ArrayLike | None = None,
) -> MembershipResult:
    """Audit a fitted random forest by the trees that were grown without each person.

    A tree is grown on a bootstrap sample, which leaves out a third of the people.

    Parameters
    ----------
    forest : sklearn forest
        A fitted random forest or extra trees with ``bootstrap=True``, a regressor or a
        classifier of two classes.
    design : pandas.DataFrame
        What it was fitted to, rows and columns in that order.
    outcome : array_like
        The outcome that it was fitted to, shape (n,); 0 and 1 for a classifier.
    groups : array_like, optional
        Who each row is, where a person has several: then only trees without any of the
        person's rows count as grown without them.

    Returns
    -------
    MembershipResult
        As `audit_linear`. Persons in all of whose trees they take part are left out.

    Raises
    ------
    DataError
        For a design or an outcome that is not what it should be, a design of another
        shape than that of the fit, or nobody whom a tree left out.
    ParameterError
        For something that is no fitted bootstrap forest of one outcome.

    Notes
    -----
    The answer without a person is an average of about a third of the trees, so that it
    is coarser than that of a refit, and the area a little too low: 0.90 against 0.91 of
    the same attack on shadow models for 1,000 simulated people, 0.71 against 0.74 for
    2,000 of the free light chain cohort (100 trees, half of the people in training).

    References
    ----------
    Breiman (2001), doi:10.1023/A:1010933404324; Yeom et al. (2018),
    doi:10.1109/CSF.2018.00027.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> rng = np.random.default_rng(7)
    >>> design, outcome = pd.DataFrame(rng.normal(size=(80, 3))), rng.normal(size=80)
    >>> forest = RandomForestRegressor(50, random_state=1).fit(design, outcome)
    >>> bool(audit_forest(forest, design, outcome).area_under_curve().low > 0.7)
    True
    """
    x, y, persons = _read_design(design, outcome, groups)
    _check_forest(forest, x)
    fitted, left_out = _vote_out_of_bag(forest, x, persons.codes)
    kind = "probability" if hasattr(forest, "classes_") else "number"
    happened = Happened(kind, y, y)
    return _compare(persons, design, happened, (fitted, left_out), "out of bag")


def audit_twin(
    twin: Any, frame: pd.DataFrame, *, groups: str | None = None
) -> MembershipResult:
    """Audit any outcome twin that was fitted with folds.

    Its own prediction of each member is compared with that of the model of the fold
    which did not see them.

    Parameters
    ----------
    twin : OutcomeTwin
        Fitted with folds, and with `groups` if persons have several rows.
    frame : pandas.DataFrame
        What it was fitted to.
    groups : str, optional
        Column that names the rows of one person.

    Returns
    -------
    MembershipResult
        As `audit_linear`.

    Raises
    ------
    DataError
        For a table that lacks a member or the outcome.
    ParameterError
        For a twin without folds.

    Notes
    -----
    The model of a fold is trained on fewer people than the twin: with ten folds on nine
    tenths, so that the audit is a little too unfavourable.

    Examples
    --------
    >>> from twinprivacy.datasets import load_cohort
    >>> from twinprivacy.twins.outcome import fit_outcome_twin
    >>> people = load_cohort("diabetes")
    >>> twin = fit_outcome_twin(
    ...     people, outcome="progression_score", features=["age_years", "bmi_kg_m2"],
    ...     rng=np.random.default_rng(7))
    >>> audit_twin(twin, people)
    MembershipResult(attack='loss, out of fold', people=442, rounds=1, auc=0.504)
    """
    if twin.out_of_fold is None:
        raise ParameterError("twin must be fitted with folds; got one without")
    check_table(frame, name="frame", least=2, own_index=True)
    n_absent = int((~twin.members.isin(frame.index)).sum())
    if n_absent:
        raise DataError(
            f"frame must hold all members of the twin; {n_absent} of "
            f"{len(twin.members)} are not in it"
        )
    members = frame.loc[twin.members]
    happened = read_outcome(members, twin.outcome)
    if twin.kind == "number":
        happened = replace(happened, kind="number")
    persons = persons_of(members, groups, name="frame")
    answers = (twin.in_sample.to_numpy(), twin.out_of_fold.to_numpy())
    return _compare(persons, members, happened, answers, "out of fold")


def _read_design(
    design: pd.DataFrame, outcome: npt.ArrayLike, groups: npt.ArrayLike | None
) -> tuple[Array, Array, Persons]:
    """Return covariates, outcome and persons of an audit, checked."""
    check_table(design, name="design", least=3, own_index=True)
    n = len(design)
    if np.shape(outcome) != (n,):
        raise DataError(
            f"outcome must have one value for each of {n} rows; got shape "
            f"{np.shape(outcome)}"
        )
    x = finite_floats(design, name="design")
    y = finite_floats(pd.Series(outcome), name="outcome")
    if groups is None:
        return x, y, persons_of(design, None, name="design")
    codes, names = read_persons(groups, n, name="groups")
    return x, y, Persons(names, codes)


def _check_forest(forest: Any, x: Array) -> None:
    """Raise unless it is a bootstrap forest of one outcome, fitted to such a table."""
    if not getattr(forest, "bootstrap", False) or not hasattr(forest, "n_outputs_"):
        raise ParameterError(
            "forest must be a fitted forest with bootstrap=True; got "
            f"{type(forest).__name__}"
        )
    if forest.n_outputs_ != 1:
        raise ParameterError(f"forest must have one outcome; got {forest.n_outputs_}")
    if hasattr(forest, "classes_") and list(forest.classes_) != [0, 1]:
        raise ParameterError("forest must have the classes 0 and 1, or be a regressor")
    # Trees read memory as they were fitted, whatever the table holds.
    fitted = (forest._n_samples, forest.n_features_in_)
    if x.shape != fitted:
        raise DataError(
            f"design must be what forest was fitted to, {fitted[0]} rows and "
            f"{fitted[1]} columns; got {x.shape[0]} and {x.shape[1]}"
        )


def _compare(
    persons: Persons,
    frame: pd.DataFrame,
    happened: Happened,
    answers: tuple[Array, Array],
    how: str,
) -> MembershipResult:
    """Lay the scores with and without each person side by side."""
    fitted, left_out = answers
    known = ~np.isnan(left_out)
    kept = persons.add_up(known.astype(float)) > 0
    if kept.sum() < 2:
        raise DataError(
            "design must hold two persons at least whom some part of the model left "
            f"out; got {int(kept.sum())}"
        )
    sides = []
    for member, said in ((True, fitted), (False, left_out)):
        score = log_likelihood(np.where(known, said, fitted), happened)
        mean = persons.mean(score)[None, :]
        sides.append(targets_of(persons, frame, member=member, score=mean)[kept])
    return MembershipResult(pd.concat(sides), f"loss, {how}")


_MAX_STEPS = 100
_UNDETERMINED = (
    "the covariates must determine the coefficients; some are constant, or sums of "
    "others: leave them out, or take a penalty"
)


def _leave_out_linear(
    x: Array, y: Array, penalty: float, codes: Indices
) -> tuple[Array, Array]:
    """Return the answers of a ridge regression, and those without each person."""
    design, ridge = _with_intercept(x, penalty)
    inverse = _inverse(design.T @ design + np.diag(ridge))
    fitted = design @ (inverse @ (design.T @ y))
    residual = y - fitted
    left = _solve_blocks(design, inverse, np.ones(len(y)), residual, codes)
    return fitted, y - left


def _leave_out_one_step(
    x: Array, y: Array, family: str, penalty: float, codes: Indices
) -> tuple[Array, Array]:
    """Return the means of a regression, and those one step away from each person."""
    design, ridge = _with_intercept(x, penalty)
    beta = _fit(design, y, family, ridge)
    eta = design @ beta
    mean = _mean(eta, family)
    weight = mean * (1 - mean) if family == "binomial" else mean
    information = (design.T * weight) @ design + np.diag(ridge)
    inverse = _inverse(information, _no_finite_fit(family))
    residual = y - mean
    left = _solve_blocks(design, inverse, weight, residual, codes)
    # The block solves (I - A W) r = e; the predictor moves by A r.
    shift = _times_blocks(design, inverse, left, codes)
    return mean, _mean(eta - shift, family)


def _vote_out_of_bag(forest: Any, x: Array, codes: Indices) -> tuple[Array, Array]:
    """Return the mean of all trees, and of those without each person; nan for none."""
    n, n_people = len(x), int(codes.max()) + 1
    total, apart, votes = np.zeros(n), np.zeros(n), np.zeros(n)
    # A tree reads single precision; turned once, not for each tree.
    narrow = x.astype(np.float32)
    column = 1 if hasattr(forest, "classes_") else 0
    for tree, sampled in zip(
        forest.estimators_, forest.estimators_samples_, strict=True
    ):
        said = tree.tree_.predict(narrow)[:, column]
        taken = np.zeros(n_people, dtype=bool)
        taken[codes[sampled]] = True
        absent = ~taken[codes]
        total += said
        apart += said * absent
        votes += absent
    with np.errstate(invalid="ignore"):
        left_out = np.where(votes > 0, apart / np.maximum(votes, 1), np.nan)
    return total / len(forest.estimators_), left_out


def _with_intercept(x: Array, penalty: float) -> tuple[Array, Array]:
    """Return the design with an intercept that the penalty spares."""
    design = np.column_stack([np.ones(len(x)), x])
    ridge = np.full(design.shape[1], float(penalty))
    ridge[0] = 0.0
    return design, ridge


def _inverse(information: Array, otherwise: str = _UNDETERMINED) -> Array:
    """Return the inverse, or say otherwise; units of the covariates do not matter."""
    own = np.diag(information)
    unit = 1 / np.sqrt(np.where(own > 0, own, 1.0))
    scaled = information * unit[:, None] * unit
    if np.linalg.cond(scaled) > 1e12:
        raise FitError(otherwise)
    return np.asarray(np.linalg.inv(scaled) * unit[:, None] * unit)


def _no_finite_fit(family: str) -> str:
    outcomes = "0 or 1" if family == "binomial" else "0"
    return (
        "the regression has no finite fit: some covariates, or sums of them, tell "
        f"outcomes of {outcomes} for certain; leave them out, or take a penalty"
    )


def _fit(design: Array, y: Array, family: str, ridge: Array) -> Array:
    """Maximise the penalised likelihood by Newton's steps, halved if too long."""
    beta = np.zeros(design.shape[1])
    share = y.mean()
    beta[0] = np.log(share / (1 - share)) if family == "binomial" else np.log(share)
    value = _objective(design, beta, y, family, ridge)
    otherwise = _UNDETERMINED
    for _ in range(_MAX_STEPS):
        mean = _mean(design @ beta, family)
        weight = mean * (1 - mean) if family == "binomial" else mean
        gradient = design.T @ (y - mean) - ridge * beta
        information = (design.T * weight) @ design + np.diag(ridge)
        step = _inverse(information, otherwise) @ gradient
        # With equal weights, as in the first step, only covariates can be at fault.
        otherwise = _no_finite_fit(family)
        new, found = beta, -np.inf
        for halvings in range(30):
            new = beta + step / 2**halvings
            found = _objective(design, new, y, family, ridge)
            if found >= value:
                break
        if abs(found - value) <= 1e-12 * (1 + abs(value)):
            # On the way to infinity a step goes on moving the predictor by about 1.
            if np.abs(design @ step).max() > 0.1:
                raise FitError(otherwise)
            return new
        beta, value = new, max(found, value)
    raise FitError(f"the regression did not converge in {_MAX_STEPS} steps")


def _objective(
    design: Array, beta: Array, y: Array, family: str, ridge: Array
) -> float:
    eta = design @ beta
    spread = np.logaddexp(0, eta) if family == "binomial" else np.exp(eta)
    return float((y * eta - spread).sum() - ridge @ beta**2 / 2)


def _mean(eta: Array, family: str) -> Array:
    from scipy.special import expit

    return np.asarray(expit(eta) if family == "binomial" else np.exp(eta))


def _solve_blocks(
    design: Array, inverse: Array, weight: Array, residual: Array, codes: Indices
) -> Array:
    """Solve (I - W A) r = e within each person's rows, A = X inverse X'."""
    solved = np.empty(len(residual))
    if codes.max() == len(codes) - 1:
        leverage = np.einsum("ij,jk,ik->i", design, inverse, design) * weight
        _check_leverage(leverage)
        return np.asarray(residual / (1 - leverage))
    for rows in _rows(codes):
        block = design[rows] @ inverse @ design[rows].T
        system = np.eye(len(rows)) - weight[rows][:, None] * block
        root = np.sqrt(weight[rows])
        leverage = np.linalg.eigvalsh(root[:, None] * block * root)
        _check_leverage(leverage[-1:].astype(float))
        solved[rows] = np.linalg.solve(system, residual[rows])
    return solved


def _times_blocks(
    design: Array, inverse: Array, values: Array, codes: Indices
) -> Array:
    """Return A r within each person's rows."""
    if codes.max() == len(codes) - 1:
        return np.asarray(np.einsum("ij,jk,ik->i", design, inverse, design) * values)
    found = np.empty(len(values))
    for rows in _rows(codes):
        found[rows] = design[rows] @ (inverse @ (design[rows].T @ values[rows]))
    return found


def _rows(codes: Indices) -> list[Indices]:
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)


def _check_leverage(leverage: Array) -> None:
    if leverage.max() > 1 - 1e-9:
        n = int((leverage > 1 - 1e-9).sum())
        raise FitError(
            "the covariates must determine the coefficients without any one person; "
            f"they do not without {n} at least: take a penalty"
        )
