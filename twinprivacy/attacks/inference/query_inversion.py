"""Model inversion of a twin that can only be asked: what would it say, if."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array, Indices
from twinprivacy._validation import check_rng, check_whole
from twinprivacy.attacks.inference.reading import (
    ask_about,
    check_ask,
    constant_column,
)
from twinprivacy.attacks.inference.residuals import (
    Exact,
    chunks,
    log_between,
    log_density,
    update,
)
from twinprivacy.attacks.inference.threats import Ask, Auxiliary, ThreatModel

__all__ = [
    "QueryInversion",
]


# People and a value of the secret to the same people with that value.
_WhatIf = Callable[[pd.DataFrame, Any], pd.DataFrame]


@dataclass(frozen=True)
class QueryInversion:
    r"""Infer a secret by asking the twin about the same person with each value of it.

    .. math:: P(s \mid k, y) \propto P(s \mid k) \; \frac{1}{D} \sum_{d=1}^{D}
       \prod_j K_w\big(y_j,\, f_j(k, s, u_{sd})\big)

    with twin f, known k, and what else the twin asks, u, lent by D auxiliary people
    with that secret (all columns of one donor together). K is a normal kernel of width
    w on the logit of probabilities, on the logarithm of answers above 0, or on the
    answer; a rounded answer counts as its step, and noise adds to the variance.

    Attributes
    ----------
    n_donors : int
        Donors for each value, 1 or more. Where swapping the unknown columns among the
        auxiliary people changes no answer, one is enough and is used.
    what_if : callable, optional
        People and a value of the secret to the same people with that value, where more
        than the column itself follows from it. None assigns the column.

    Raises
    ------
    ParameterError
        If `n_donors` is not a whole number from 1; on fitting if there is no twin to
        ask.
    DataError
        If the twin's answers are of another number or not finite.

    Notes
    -----
    The width maximises the mean log posterior of the auxiliary people's secrets, each
    without themselves as donor and with the prior of a model that had not seen them. It
    is 0 where the true value reproduces every answer. If the best width does not beat
    the prior by two standard errors, the answers are taken to tell nothing, and the
    posterior is the prior.

    The twin is asked n_values * n_donors questions a person, in tables of at most
    200,000 rows. Donors share a target's secret but not what is known of the target, so
    that unknown columns that depend on known ones are filled too broadly: where much is
    unknown its confidence lay up to .08 below its success on simulated people. A number
    is asked about at the middles of its bins.

    References
    ----------
    Fredrikson et al. (2014), https://pmc.ncbi.nlm.nih.gov/articles/PMC4827719/, for a
    model that is only asked.

    Examples
    --------
    >>> QueryInversion(n_donors=20)
    QueryInversion(n_donors=20, what_if=None)
    """

    n_donors: int = 50
    what_if: _WhatIf | None = None

    def __post_init__(self) -> None:
        """Refuse to ask without donors."""
        check_whole(self.n_donors, name="n_donors")

    def fit(
        self, auxiliary: Auxiliary, *, rng: np.random.Generator
    ) -> "FittedQueryInversion":
        """Choose donors, and the width of the kernel."""
        check_rng(rng)
        ask = check_ask(auxiliary.ask, "QueryInversion")
        donor_rng, fit_rng = rng.spawn(2)
        donors = _find_donors(
            auxiliary, ask, n_donors=self.n_donors, what_if=self.what_if, rng=donor_rng
        )
        return FittedQueryInversion(donors, _fit_kernel(donors, rng=fit_rng))


@dataclass(frozen=True, eq=False, repr=False)
class _Observed:
    """What is seen of some people: one answer each, and its step where it is rounded.

    Attributes
    ----------
    answers : numpy.ndarray
        Shape (n, n_answers), means over repeated queries.
    step : float, optional
        Step that they were rounded to; None for every digit, and for means.
    noise_sd : float
        Standard deviation of the noise on them.
    """

    answers: Array
    step: float | None
    noise_sd: float

    def rows(self, part: slice) -> "_Observed":
        """Return some of the people."""
        return _Observed(self.answers[part], self.step, self.noise_sd)


@dataclass(frozen=True, eq=False, repr=False)
class _Kernel:
    """P(answer | answer asked for): normal on a scale, its width relative to `spread`.

    Attributes
    ----------
    scales : tuple of str
        For each answer "identity", "log" or "logit".
    spread : numpy.ndarray
        For each answer the standard deviation of what was asked for, on its scale.
    width : float
        In units of `spread`; 0 for none but the noise, infinite where answers tell
        nothing.
    """

    scales: tuple[str, ...]
    spread: Array
    width: float

    def log_likelihood(self, observed: _Observed, asked: Array) -> Array:
        """Return the sum over answers, shape (n, donors); asked has answers last."""
        total = np.zeros(asked.shape[:2])
        if np.isinf(self.width):
            return total
        for place, scale in enumerate(self.scales):
            sd = float(np.hypot(self.width * self.spread[place], observed.noise_sd))
            y, e = observed.answers[:, [place]], asked[:, :, place]
            if sd == 0:
                total += Exact().log_likelihood(
                    y, e, precision=observed.step, noise_sd=0.0
                )
                continue
            centre = _to_scale(_inside(e, scale), scale)
            if observed.step is None:
                # The slope of the scale is the same for all values.
                total += log_density(
                    (_to_scale(_inside(y, scale), scale) - centre) / sd
                )
            else:
                ends = (y - observed.step / 2, y + observed.step / 2)
                low, high = ((_to_scale(end, scale) - centre) / sd for end in ends)
                total += log_between(low, high)
        return total


@dataclass(frozen=True, eq=False, repr=False)
class _Donors:
    """People who lend their unknown columns, some for each value of the secret.

    Attributes
    ----------
    auxiliary : Auxiliary
    ask : callable
    what_if : callable, optional
    unknown : list of str
        Columns that are lent.
    matter : bool
        Whether the twin looks at any of them.
    places : list of numpy.ndarray
        For each value of the secret the rows of its donors.
    """

    auxiliary: Auxiliary
    ask: Ask
    what_if: _WhatIf | None
    unknown: list[str]
    matter: bool
    places: list[Indices]

    @property
    def n_questions(self) -> int:
        """How often the twin is asked about one person."""
        return sum(len(places) for places in self.places)

    def answers(self, people: pd.DataFrame) -> Iterator[tuple[slice, int, Array]]:
        """Yield rows of people, place of a value, answers (rows, donors, answers)."""
        n_answers = len(self.auxiliary.threat.answers)
        for place, value in enumerate(self.auxiliary.secret.values):
            donors = self.places[place]
            width = len(donors)
            for part in chunks(len(people), width, size=_ROWS_PER_CALL):
                asked = self._asked(people.iloc[part], donors, value)
                said = ask_about(self.ask, asked, n_answers)
                yield part, place, said.reshape(-1, width, n_answers)

    def _asked(self, people: pd.DataFrame, donors: Indices, value: Any) -> pd.DataFrame:
        n, lent = len(people), self.auxiliary.people[self.unknown]
        rows = people.iloc[np.repeat(np.arange(n), len(donors))]
        filled = pd.concat(
            [
                rows.reset_index(drop=True),
                lent.iloc[np.tile(donors, n)].reset_index(drop=True),
            ],
            axis=1,
        )
        if self.what_if is not None:
            return self.what_if(filled, value)
        name = self.auxiliary.secret.name
        like = self.auxiliary.people[name]
        return filled.assign(**{name: constant_column(value, like, len(filled))})


@dataclass(frozen=True, eq=False, repr=False)
class FittedQueryInversion:
    """Donors and a kernel; see `QueryInversion`."""

    donors: _Donors
    kernel: _Kernel

    def posterior(self, known: pd.DataFrame, answers: Array, prior: Array) -> Array:
        """Return P(secret | known, answers), shape (n, n_values), rows adding to 1.

        Parameters
        ----------
        known : pandas.DataFrame
            Known columns of the targets, n rows.
        answers : numpy.ndarray
            What the twin said of them, shape (n, n_answers * n_queries).
        prior : numpy.ndarray
            P(secret | known) by imputation, shape (n, n_values).
        """
        if np.isinf(self.kernel.width):
            return prior.copy()
        observed = _read_observed(answers, self.donors.auxiliary.threat)
        found = np.empty(prior.shape)
        for part, place, asked in self.donors.answers(known):
            each = self.kernel.log_likelihood(observed.rows(part), asked)
            found[part, place] = _log_mean(each)
        return update(prior, found)


# Widths that are tried, in standard deviations of what the twin says.
_WIDTHS = (0.0, *np.geomspace(1e-4, 3, 16).tolist())
# Questions that are enough to choose among them, and people at least.
_N_QUESTIONS = 200_000
_FEWEST_PEOPLE = 200
# Standard errors by which answers must beat the prior to be believed.
_NEEDED_GAIN = 2.0


@dataclass(frozen=True, eq=False, repr=False)
class _Practice:
    """Known people, and for each value what the twin says of them with each donor.

    `own` marks, for each value, the donor that a person is.
    """

    observed: _Observed
    codes: Indices
    prior: Array
    asked: list[Array]
    own: list[npt.NDArray[np.bool_]]
    n_auxiliary: int

    @property
    def can_judge(self) -> npt.NDArray[np.bool_]:
        """Who has a donor of each value besides themselves."""
        has_other = np.stack([(~own).any(axis=1) for own in self.own])
        return np.asarray(has_other.all(axis=0), dtype=bool)


def _fit_kernel(donors: _Donors, *, rng: np.random.Generator) -> _Kernel:
    """Return the kernel under which the auxiliary people's secrets are likeliest."""
    practice = _practise(donors, rng=rng)
    scales, spread = _learn_scales(practice)
    kernels = [_Kernel(scales, spread, width) for width in _WIDTHS]
    nothing = _Kernel(scales, spread, np.inf)
    is_noisy = practice.observed.noise_sd > 0
    if not (donors.matter or is_noisy) and _is_reproduced(kernels[0], practice):
        return kernels[0]
    judged = practice.can_judge
    if judged.sum() < 2:
        return nothing
    gains = [_gain(kernel, practice)[judged] for kernel in kernels]
    best = int(np.argmax([gain.mean() for gain in gains]))
    error = gains[best].std(ddof=1) / np.sqrt(judged.sum())
    return kernels[best] if gains[best].mean() > _NEEDED_GAIN * error else nothing


def _log_mean(each: Array, is_left_out: npt.NDArray[np.bool_] | None = None) -> Array:
    """Return the logarithm of the mean over donors, minus infinity without any."""
    n = np.full(len(each), each.shape[1])
    if is_left_out is not None:
        each = np.where(is_left_out, -np.inf, each)
        n = (~is_left_out).sum(axis=1)
    top = each.max(axis=1)
    shift = np.where(np.isfinite(top), top, 0.0)
    total = np.exp(each - shift[:, np.newaxis]).sum(axis=1)
    with np.errstate(divide="ignore"):
        return np.asarray(shift + np.log(total) - np.log(np.maximum(n, 1)))


def _practise(donors: _Donors, *, rng: np.random.Generator) -> _Practice:
    auxiliary = donors.auxiliary
    n = len(auxiliary.people)
    n_kept = min(n, max(_N_QUESTIONS // donors.n_questions, _FEWEST_PEOPLE))
    kept = np.sort(rng.permutation(n)[:n_kept])
    parts: list[list[Array]] = [[] for _ in donors.places]
    people = auxiliary.people.iloc[kept][list(auxiliary.threat.known)]
    for _, place, said in donors.answers(people):
        parts[place].append(said)
    # A donor who lends nothing that matters may be oneself.
    own = [(places == kept[:, np.newaxis]) & donors.matter for places in donors.places]
    return _Practice(
        _read_observed(auxiliary.answers[kept], auxiliary.threat),
        auxiliary.codes[kept],
        auxiliary.prior[kept],
        [np.concatenate(each) for each in parts],
        own,
        n,
    )


def _learn_scales(practice: _Practice) -> tuple[tuple[str, ...], Array]:
    n_answers = practice.observed.answers.shape[1]
    every = np.concatenate([said.reshape(-1, n_answers) for said in practice.asked])
    scales = _choose_scales(every, practice.observed)
    spread = [
        _to_scale(_inside(values, scale), scale).std()
        for values, scale in zip(every.T, scales, strict=True)
    ]
    return scales, np.array(spread)


def _is_reproduced(exact: _Kernel, practice: _Practice) -> bool:
    """Return whether the true value reproduces the answers of everyone."""
    rows = np.arange(len(practice.codes))
    asked = np.stack([said[:, 0] for said in practice.asked], axis=1)
    true = asked[rows, practice.codes][:, np.newaxis]
    return bool(np.isfinite(exact.log_likelihood(practice.observed, true)).all())


def _gain(kernel: _Kernel, practice: _Practice) -> Array:
    """Return log posterior less log prior of each true secret."""
    found = np.stack(
        [
            _log_mean(kernel.log_likelihood(practice.observed, asked), own)
            for asked, own in zip(practice.asked, practice.own, strict=True)
        ],
        axis=1,
    )
    rows = np.arange(len(practice.codes))
    prior = practice.prior[rows, practice.codes]
    posterior = update(practice.prior, found)[rows, practice.codes]
    # As the attack is judged: never quite sure of anything.
    share = 1 / (practice.n_auxiliary + 1)
    least = np.finfo(float).tiny
    mixed = np.maximum(share * prior + (1 - share) * posterior, least)
    return np.asarray(np.log(mixed) - np.log(np.maximum(prior, least)))


def _read_observed(answers: Array, threat: ThreatModel) -> _Observed:
    """Return one answer for each name, a mean where noise was drawn afresh."""
    n, q = len(answers), threat.n_queries
    by_query = answers.reshape(n, q, len(threat.answers))
    step, noise_sd = threat.output_precision, threat.noise_sd
    if q == 1 or not noise_sd:
        return _Observed(by_query[:, 0], step, noise_sd)
    # A rounding error under noise is nearly uniform (Sheppard's correction).
    variance = noise_sd**2 + (0.0 if step is None else step**2 / 12)
    return _Observed(by_query.mean(axis=1), None, float(np.sqrt(variance / q)))


def _to_scale(values: Array, scale: str) -> Array:
    """Return values on a scale; what lies beyond its ends is at its ends."""
    if scale == "identity":
        return values
    with np.errstate(divide="ignore"):
        if scale == "log":
            return np.asarray(np.log(np.maximum(values, 0.0)))
        share = np.clip(values, 0.0, 1.0)
        return np.asarray(np.log(share) - np.log1p(-share))


def _inside(values: Array, scale: str) -> Array:
    """Return values moved inside a scale, so that they are finite on it."""
    if scale == "identity":
        return values
    limits = np.finfo(float)
    high = 1 - limits.epsneg if scale == "logit" else limits.max
    return np.clip(values, limits.tiny, high)


def _choose_scales(asked: Array, observed: _Observed) -> tuple[str, ...]:
    """Return logit for probabilities, log for what is above 0, or else the answer.

    Noise is added to the answer itself and its normal law holds there only.
    """
    return tuple(
        "identity"
        if observed.noise_sd
        else _scale(values, answers, observed.step is None)
        for values, answers in zip(asked.T, observed.answers.T, strict=True)
    )


def _scale(asked: Array, answers: Array, has_every_digit: bool) -> str:
    both = np.append(asked, answers) if has_every_digit else asked
    if both.min() <= 0:
        return "identity"
    return "logit" if both.max() < 1 else "log"


_ROWS_PER_CALL = 200_000
# People that are enough to see whether the twin looks at what is unknown.
_N_PROBED = 2_000


def _find_donors(
    auxiliary: Auxiliary,
    ask: Ask,
    *,
    n_donors: int,
    what_if: _WhatIf | None,
    rng: np.random.Generator,
) -> _Donors:
    """Choose donors among the people with each value; one where nothing is unknown."""
    threat, secret = auxiliary.threat, auxiliary.secret
    given = {*threat.known, *threat.answers, threat.sensitive}
    unknown = [name for name in auxiliary.people.columns if name not in given]
    probe_rng, donor_rng = rng.spawn(2)
    matter = _matter(auxiliary, ask, unknown, rng=probe_rng)
    if not matter:
        n_donors = 1
    places = []
    for place in range(secret.n_values):
        distance = np.abs(auxiliary.codes - place).astype(float)
        if secret.edges is None:
            distance[distance > 0] = np.inf
        # Bins of a number borrow from their neighbours, in random order among equals.
        order = np.lexsort((donor_rng.random(len(distance)), distance))
        n_near = int(np.isfinite(distance).sum())
        places.append(np.sort(order[: min(n_donors, n_near)]).astype(np.intp))
    return _Donors(auxiliary, ask, what_if, unknown, matter, places)


def _matter(
    auxiliary: Auxiliary, ask: Ask, unknown: list[str], *, rng: np.random.Generator
) -> bool:
    """Return whether answers change when people swap what is unknown of them."""
    if not unknown:
        return False
    people = auxiliary.people.iloc[rng.permutation(len(auxiliary.people))[:_N_PROBED]]
    swapped = people[unknown].iloc[rng.permutation(len(people))]
    other = people.assign(**{name: swapped[name].array for name in unknown})
    n_answers = len(auxiliary.threat.answers)
    first, second = (ask_about(ask, frame, n_answers) for frame in (people, other))
    return not np.allclose(first, second, rtol=1e-9, atol=0.0)
