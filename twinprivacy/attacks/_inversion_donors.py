"""Fill what an attacker does not know from other people, and ask the twin."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array, Indices
from twinprivacy.attacks._contract import Ask, Auxiliary
from twinprivacy.attacks._inversion_math import chunks
from twinprivacy.attacks._inversion_people import ask_about, constant_column

# People and a value of the secret to the same people with that value.
WhatIf = Callable[[pd.DataFrame, Any], pd.DataFrame]
ROWS_PER_CALL = 200_000
# People that are enough to see whether the twin looks at what is unknown.
_N_PROBED = 2_000


@dataclass(frozen=True, eq=False, repr=False)
class Donors:
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
    what_if: WhatIf | None
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
            for part in chunks(len(people), width, size=ROWS_PER_CALL):
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


def find_donors(
    auxiliary: Auxiliary,
    ask: Ask,
    *,
    n_donors: int,
    what_if: WhatIf | None,
    rng: np.random.Generator,
) -> Donors:
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
    return Donors(auxiliary, ask, what_if, unknown, matter, places)


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
