"""All defences in one table: what each acts on, guarantees and does not."""

from dataclasses import asdict, dataclass

import pandas as pd

__all__ = [
    "describe_defences",
]


_DWORK = "Dwork and Roth (2014), doi:10.1561/0400000042"
_DONG = "Dong, Roth and Su (2022), doi:10.1111/rssb.12454"
_CHAUDHURI = (
    "Chaudhuri, Monteleoni and Sarwate (2011), "
    "https://jmlr.org/papers/v12/chaudhuri11a.html"
)
_NOTHING = "Nothing."


@dataclass(frozen=True)
class _Row:
    defence: str
    acts_on: str
    setting: str
    guarantees: str
    does_not: str
    source: str


def describe_defences() -> pd.DataFrame:
    """List what a keeper of twins can do, and what each defence does and does not.

    Returns
    -------
    pandas.DataFrame
        Columns defence, acts_on ("answers", "store" or "training"), setting (with its
        unit), guarantees (against every attack), does_not and source. Defences of
        answers come first, those of training last.

    Notes
    -----
    Randomised answers and a query limit are for a keeper to set up; this package does
    not simulate them.

    Examples
    --------
    >>> describe_defences()["acts_on"].value_counts(sort=False).to_dict()
    {'answers': 4, 'store': 4, 'training': 1}
    """
    return pd.DataFrame([asdict(row) for row in (*_ANSWERS, *_STORES, *_TRAINING)])


_ANSWERS = (
    _Row(
        "Rounded answers",
        "answers",
        "step, in the unit of the answer",
        _NOTHING,
        "Hide a secret whose answers fall on both sides of an edge.",
        "Measured here",
    ),
    _Row(
        "Noisy answers",
        "answers",
        "epsilon or mu for all answers about a person",
        "No attribute is guessed better than the budget allows, by anybody.",
        "Keep single answers exact, or hold once the person is asked about more often.",
        f"{_DWORK}; {_DONG}",
    ),
    _Row(
        "Randomised answers",
        "answers",
        "epsilon for all answers about a person",
        "An answer changes the odds of two records by e to the epsilon at most.",
        "Tell any one person the truth for certain.",
        "Warner (1965), doi:10.1080/01621459.1965.10480775",
    ),
    _Row(
        "Query limit",
        "answers",
        "answers about each person",
        _NOTHING,
        "Hide what the first answer tells, or stop people who ask under other names.",
        "Measured here",
    ),
)
_STORES = (
    _Row(
        "Generalisation",
        "store",
        "width of the bands, wider categories",
        _NOTHING,
        "Hide a secret that everybody in a band shares.",
        "Sweeney (2002), doi:10.1142/S021848850200165X",
    ),
    _Row(
        "Minimisation",
        "store",
        "columns or modalities that are not stored",
        "What is not stored cannot be stolen from the store.",
        "Stop anybody from guessing it from what is stored.",
        "Measured here",
    ),
    _Row(
        "Retention",
        "store",
        "days that records are kept",
        "What was deleted cannot be stolen from the store.",
        "Undo what was stolen, answered or learned before it was deleted.",
        "Little (1961), doi:10.1287/opre.9.3.383, for people on record",
    ),
    _Row(
        "Segmentation",
        "store",
        "stores that are breached one at a time",
        _NOTHING,
        "Make breaches rarer, or help where one breach opens several stores.",
        "Measured here",
    ),
)
_TRAINING = (
    _Row(
        "Private training",
        "training",
        "epsilon or mu for the fitted model",
        "Whether a person was trained on is told no better than the budget allows.",
        "Hide what the model says about a person whose record it is asked with.",
        f"{_CHAUDHURI}; {_DONG}",
    ),
)
