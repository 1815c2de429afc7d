"""Shadow models: what a twin would say of a person, had it learned from them or not."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array, Flags
from twinprivacy._validation import check_rng
from twinprivacy.attacks import _membership_answers as answers
from twinprivacy.attacks._membership_people import (
    People,
    check_by,
    check_table,
    read_people,
)
from twinprivacy.attacks._shadows import Shadows
from twinprivacy.attacks.membership_inference import MembershipThreat
from twinprivacy.attacks.membership_result import MembershipResult
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.twins._outcome_checks import sorted_rows

__all__ = ["Shadows", "attack_with_shadows", "fit_shadows"]

Fit = Callable[..., Any]


def fit_shadows(
    frame: pd.DataFrame,
    fit: Fit,
    *,
    outcome: str | tuple[str, str],
    n_shadows: int = 64,
    groups: str | None = None,
    rng: np.random.Generator,
) -> Shadows:
    """Fit pairs of models to random halves of the people, and keep what they say.

    Each pair shares out the people, so that everyone is in exactly half of the models.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per person, or several named by `groups`, with an index of their own.
        Categories must be declared (a categorical column) where a half may lack one.
    fit : callable
        ``fit(frame, rng=)`` gives a model with ``predict(frame)``, shape (n,), or
        callable: numbers, probabilities, or for survival relative hazards; for example
        ``partial(fit_outcome_twin, outcome=..., features=..., folds=0)``.
    outcome : str or tuple of str
        Column of numbers, or of true and false; or (duration, event).
    n_shadows : int
        Models, even, 6 or more.
    groups : str, optional
        Column that names the rows of one person, who is in or out as a whole.
    rng : numpy.random.Generator
        Source of halves and fits. The same shadows for any number of workers of joblib
        and any order of rows.

    Returns
    -------
    Shadows
        The answers, less than 9 bytes for each model and row, and the table itself,
        which `attack_target` and `by` need: store it as safely as the cohort. The
        models are not kept.

    Raises
    ------
    DataError
        For fewer than four persons, a repeated index, missing columns, outcomes or
        answers that are not what they should be; and what `fit` raises.
    ParameterError
        If `n_shadows` is odd, too small or no whole number.

    Notes
    -----
    The table goes to the workers inside each task. On a Dask cluster an argument would
    be kept by one worker only and be lost with it
    (https://github.com/dask/distributed/issues/3149); so a killed worker costs the time
    of its task and nothing else.

    References
    ----------
    Carlini et al. (2022), doi:10.1109/SP46214.2022.9833649.

    Examples
    --------
    >>> from functools import partial
    >>> from twinprivacy.datasets import load_cohort
    >>> from twinprivacy.twins.outcome import fit_outcome_twin
    >>> people = load_cohort("diabetes")
    >>> fit = partial(
    ...     fit_outcome_twin, outcome="progression_score",
    ...     features=["age_years", "bmi_kg_m2"], folds=0)
    >>> fit_shadows(
    ...     people, fit, outcome="progression_score", n_shadows=6,
    ...     rng=np.random.default_rng(7))
    Shadows(n_shadows=6, people=442)
    """
    from joblib import Parallel, delayed

    check_rng(rng)
    if not isinstance(n_shadows, int | np.integer) or n_shadows < 6 or n_shadows % 2:
        raise ParameterError(f"n_shadows must be even, 6 or more; got {n_shadows!r}")
    check_table(frame, name="frame", least=4)
    ordered = frame.iloc[sorted_rows(frame.index)]
    people = read_people(ordered, groups, name="frame")
    if len(people.names) < 4:
        raise DataError(f"frame must hold 4 persons at least; got {len(people.names)}")
    happened = answers.read_outcome(ordered, outcome)

    def fit_pair(child: np.random.Generator) -> tuple[Array, Array, Flags]:
        deal_rng, *fit_rngs = child.spawn(3)
        in_first = _deal(people, deal_rng)
        said = [
            answers.ask(fit(ordered[half], rng=own), ordered, happened.kind)
            for half, own in zip((in_first, ~in_first), fit_rngs, strict=True)
        ]
        return np.where(in_first, *said), np.where(in_first, *said[::-1]), in_first

    tasks = (delayed(fit_pair)(child) for child in rng.spawn(int(n_shadows) // 2))
    answered = zip(*Parallel()(tasks), strict=True)
    inside, outside, in_first = (np.stack(side) for side in answered)
    return Shadows(inside, outside, in_first, ordered, people, happened)


def attack_with_shadows(
    frame: pd.DataFrame,
    fit: Fit,
    *,
    outcome: str | tuple[str, str],
    n_shadows: int = 64,
    online: bool = True,
    variances: str = "shrunk",
    threat: MembershipThreat | None = None,
    groups: str | None = None,
    by: Sequence[str] = (),
    rng: np.random.Generator,
) -> MembershipResult:
    r"""Attack models of random halves of a cohort by likelihood ratios.

    Each shadow model in turn is the one attacked, the others (but the one that was
    trained on the other half) say what is usual. Online, the score is

    .. math:: \log N(\phi; \mu_{in}, s_{in}) - \log N(\phi; \mu_{out}, s_{out});

    offline, without models that were trained on the person,
    :math:`\pm(\phi - \mu_{out}) / s_{out}`, positive towards what happened. The
    evidence :math:`\phi` is the log odds of a probability, the log of a relative
    hazard, and a number as it is: likelihood ratios are the same for it and for its
    residual.

    Parameters
    ----------
    frame, fit, outcome, n_shadows, groups, rng
        As for `fit_shadows`.
    online : bool
        Whether the attacker's models may be trained on the person attacked.
    variances : {"shrunk", "pooled", "person"}
        Whether s is each person's own, that of all, or between the two: that of all
        counts as much as two pairs of shadows. The middle suits few shadows and many.
    threat : MembershipThreat, optional
        By default every digit is heard; the outcome must be known.
    by : sequence of str
        Columns to keep for `MembershipResult.by_group`, none named member, score,
        signal or round; a person's first row counts.

    Returns
    -------
    MembershipResult
        Each person as a member and as another in each pair, scores of several rows
        added up. Intervals count persons.

    Raises
    ------
    DataError, ParameterError
        As `fit_shadows`, and for settings outside their range or columns of `by` that
        are the attack's own.

    Notes
    -----
    For several attacks on the same models fit once, with `fit_shadows`; for one given
    model see `Shadows.attack_target`. A variance of one person is a thousandth of the
    mean one at least.

    References
    ----------
    Carlini et al. (2022), doi:10.1109/SP46214.2022.9833649.

    Examples
    --------
    >>> from functools import partial
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> from twinprivacy.datasets import load_cohort
    >>> from twinprivacy.twins.outcome import fit_outcome_twin
    >>> fit = partial(
    ...     fit_outcome_twin, outcome="progression_score",
    ...     features=["bmi_kg_m2", "mean_bp_mmhg"], folds=0,
    ...     estimator=DecisionTreeRegressor())
    >>> found = attack_with_shadows(
    ...     load_cohort("diabetes"), fit, outcome="progression_score", n_shadows=8,
    ...     rng=np.random.default_rng(7))
    >>> bool(found.area_under_curve().low > 0.7)
    True
    """
    check_by(by)
    shadows = fit_shadows(
        frame, fit, outcome=outcome, n_shadows=n_shadows, groups=groups, rng=rng
    )
    return shadows.likelihood_ratio_attack(
        online=online, variances=variances, threat=threat, by=by
    )


def _deal(people: People, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Return the rows of a random half of the persons."""
    n = len(people.names)
    half = np.zeros(n, dtype=bool)
    half[rng.permutation(n)[: n // 2]] = True
    return half[people.codes]
