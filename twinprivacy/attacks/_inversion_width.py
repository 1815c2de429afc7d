"""How wide a kernel must be: chosen by the secrets of people who are known."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twinprivacy._types import Array, Indices
from twinprivacy.attacks._inversion_donors import Donors
from twinprivacy.attacks._inversion_kernel import (
    Kernel,
    Seen,
    choose_scales,
    inside,
    read_seen,
    to_scale,
)
from twinprivacy.attacks._inversion_math import normalised

# Widths that are tried, in standard deviations of what the twin says.
WIDTHS = (0.0, *np.geomspace(1e-4, 3, 16).tolist())
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

    seen: Seen
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


def fit_kernel(donors: Donors, *, rng: np.random.Generator) -> Kernel:
    """Return the kernel under which the auxiliary people's secrets are likeliest."""
    practice = _practise(donors, rng=rng)
    scales, spread = _learn_scales(practice)
    kernels = [Kernel(scales, spread, width) for width in WIDTHS]
    nothing = Kernel(scales, spread, np.inf)
    is_noisy = practice.seen.noise_sd > 0
    if not (donors.matter or is_noisy) and _is_reproduced(kernels[0], practice):
        return kernels[0]
    judged = practice.can_judge
    if judged.sum() < 2:
        return nothing
    gains = [_gain(kernel, practice)[judged] for kernel in kernels]
    best = int(np.argmax([gain.mean() for gain in gains]))
    error = gains[best].std(ddof=1) / np.sqrt(judged.sum())
    return kernels[best] if gains[best].mean() > _NEEDED_GAIN * error else nothing


def log_mean(each: Array, is_left_out: npt.NDArray[np.bool_] | None = None) -> Array:
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


def update(prior: Array, log_likelihood: Array) -> Array:
    """Return the posterior; the prior where no value can have given the answers."""
    with np.errstate(divide="ignore"):
        weights, is_possible = normalised(np.log(prior) + log_likelihood)
    return np.where(is_possible[:, np.newaxis], weights, prior)


def _practise(donors: Donors, *, rng: np.random.Generator) -> _Practice:
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
        read_seen(auxiliary.answers[kept], auxiliary.threat),
        auxiliary.codes[kept],
        auxiliary.prior[kept],
        [np.concatenate(each) for each in parts],
        own,
        n,
    )


def _learn_scales(practice: _Practice) -> tuple[tuple[str, ...], Array]:
    n_answers = practice.seen.answers.shape[1]
    every = np.concatenate([said.reshape(-1, n_answers) for said in practice.asked])
    scales = choose_scales(every, practice.seen)
    spread = [
        to_scale(inside(values, scale), scale).std()
        for values, scale in zip(every.T, scales, strict=True)
    ]
    return scales, np.array(spread)


def _is_reproduced(exact: Kernel, practice: _Practice) -> bool:
    """Return whether the true value reproduces the answers of everyone."""
    rows = np.arange(len(practice.codes))
    asked = np.stack([said[:, 0] for said in practice.asked], axis=1)
    true = asked[rows, practice.codes][:, np.newaxis]
    return bool(np.isfinite(exact.log_likelihood(practice.seen, true)).all())


def _gain(kernel: Kernel, practice: _Practice) -> Array:
    """Return log posterior less log prior of each true secret."""
    found = np.stack(
        [
            log_mean(kernel.log_likelihood(practice.seen, asked), own)
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
