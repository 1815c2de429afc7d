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

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._validation import check_choice
from twinprivacy.attacks import _membership_answers as answers
from twinprivacy.attacks._audit_tables import (
    check_forest,
    check_penalty,
    compare,
    read_design,
)
from twinprivacy.attacks._leave_one_out import (
    leave_out_linear,
    leave_out_one_step,
    vote_out_of_bag,
)
from twinprivacy.attacks._membership_people import check_table, read_people
from twinprivacy.attacks.membership_result import MembershipResult
from twinprivacy.errors import DataError, ParameterError

__all__ = ["audit_forest", "audit_glm", "audit_linear", "audit_twin"]


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
    check_penalty(penalty)
    x, y, people = read_design(design, outcome, groups)
    fitted, left_out = leave_out_linear(x, y, penalty, people.codes)
    happened = answers.Outcome("number", y, y)
    return compare(people, design, happened, fitted, left_out, "leave-one-out")


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
    check_penalty(penalty)
    x, y, people = read_design(design, outcome, groups)
    if family == "binomial" and not (np.isin(y, (0, 1)).all() and np.ptp(y) > 0):
        raise DataError("outcome must be 0 and 1, both, for a binomial family")
    if family == "poisson" and not (((y >= 0) & (y == np.round(y))).all() and y.any()):
        raise DataError("outcome must be counts, not all 0, for a Poisson family")
    fitted, left_out = leave_out_one_step(x, y, family, penalty, people.codes)
    kind = "probability" if family == "binomial" else "count"
    happened = answers.Outcome(kind, y, y)
    return compare(people, design, happened, fitted, left_out, "one step")


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
    x, y, people = read_design(design, outcome, groups)
    check_forest(forest, x)
    fitted, left_out = vote_out_of_bag(forest, x, people.codes)
    kind = "probability" if hasattr(forest, "classes_") else "number"
    happened = answers.Outcome(kind, y, y)
    return compare(people, design, happened, fitted, left_out, "out of bag")


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
    check_table(frame, name="frame", least=2)
    n_absent = int((~twin.members.isin(frame.index)).sum())
    if n_absent:
        raise DataError(
            f"frame must hold all members of the twin; {n_absent} of "
            f"{len(twin.members)} are not in it"
        )
    members = frame.loc[twin.members]
    happened = answers.read_outcome(members, twin.outcome)
    kind = "number" if twin.kind == "number" else happened.kind
    happened = answers.Outcome(kind, happened.y, happened.event)
    people = read_people(members, groups, name="frame")
    fitted, left_out = twin.in_sample.to_numpy(), twin.out_of_fold.to_numpy()
    return compare(people, members, happened, fitted, left_out, "out of fold")
