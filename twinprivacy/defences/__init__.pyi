from .answers import (
    NoisyAnswers as NoisyAnswers,
    RoundedAnswers as RoundedAnswers,
)
from .catalogue import (
    describe_defences as describe_defences,
)
from .glucose_release import (
    LEAKS as LEAKS,
    GlucoseRelease as GlucoseRelease,
    read_parameters as read_parameters,
)
from .private_regressions import (
    NoisySums as NoisySums,
    PrivateDoseTwin as PrivateDoseTwin,
    PrivateOutcomeTwin as PrivateOutcomeTwin,
    fit_private_dose as fit_private_dose,
    fit_private_outcome as fit_private_outcome,
)
from .private_table import (
    PrivateTable as PrivateTable,
    fit_private_table as fit_private_table,
    membership_log_ratio as membership_log_ratio,
)
from .stores import (
    Generalisation as Generalisation,
    Minimisation as Minimisation,
    Retention as Retention,
    Segmentation as Segmentation,
)

__all__ = [
    "LEAKS",
    "Generalisation",
    "GlucoseRelease",
    "Minimisation",
    "NoisyAnswers",
    "NoisySums",
    "PrivateDoseTwin",
    "PrivateOutcomeTwin",
    "PrivateTable",
    "Retention",
    "RoundedAnswers",
    "Segmentation",
    "describe_defences",
    "fit_private_dose",
    "fit_private_outcome",
    "fit_private_table",
    "membership_log_ratio",
    "read_parameters",
]
