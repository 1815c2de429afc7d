from .answers import (
    NoisyAnswers as NoisyAnswers,
    QueryLimit as QueryLimit,
    RoundedAnswers as RoundedAnswers,
)
from .budgets import (
    compose as compose,
    repeat as repeat,
    split as split,
)
from .catalogue import (
    describe_defences as describe_defences,
)
from .glucose_release import (
    LEAKS as LEAKS,
    GlucoseRelease as GlucoseRelease,
    blur_parameters as blur_parameters,
    read_parameters as read_parameters,
)
from .guarded import (
    AnswerDefence as AnswerDefence,
    GuardedTwin as GuardedTwin,
    guard as guard,
)
from .private_dose import (
    NoisySums as NoisySums,
    PrivateDoseTwin as PrivateDoseTwin,
    fit_private_dose as fit_private_dose,
)
from .private_outcome import (
    PrivateOutcomeTwin as PrivateOutcomeTwin,
    fit_private_outcome as fit_private_outcome,
)
from .private_table import (
    PrivateTable as PrivateTable,
    fit_private_table as fit_private_table,
    membership_log_ratio as membership_log_ratio,
)
from .randomised_answers import (
    RandomisedAnswers as RandomisedAnswers,
)
from .stores import (
    Generalisation as Generalisation,
    Minimisation as Minimisation,
    Retention as Retention,
    Segmentation as Segmentation,
)

__all__ = [
    "LEAKS",
    "AnswerDefence",
    "Generalisation",
    "GlucoseRelease",
    "GuardedTwin",
    "Minimisation",
    "NoisyAnswers",
    "NoisySums",
    "PrivateDoseTwin",
    "PrivateOutcomeTwin",
    "PrivateTable",
    "QueryLimit",
    "RandomisedAnswers",
    "Retention",
    "RoundedAnswers",
    "Segmentation",
    "blur_parameters",
    "compose",
    "describe_defences",
    "fit_private_dose",
    "fit_private_outcome",
    "fit_private_table",
    "guard",
    "membership_log_ratio",
    "read_parameters",
    "repeat",
    "split",
]
