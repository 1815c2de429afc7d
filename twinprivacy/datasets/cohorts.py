"""Real teaching cohorts that come inside other packages, with one dictionary for all.

No record of them is kept here: only what each column means (table cohort_columns) and
the hash of the table that we read (table bundled_datasets).
"""

import hashlib
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._validation import check_choice
from twinprivacy.datasets.facts import load
from twinprivacy.errors import DataError

__all__ = [
    "cohort_names",
    "load_cohort",
]


def cohort_names() -> list[str]:
    """List the cohorts of `load_cohort`, in alphabetical order.

    Examples
    --------
    >>> cohort_names()
    ['actg320', 'diabetes', 'flchain', 'randhie', 'whas500']
    """
    return sorted(load("cohort_columns")["cohort"].unique())


def load_cohort(name: str) -> pd.DataFrame:
    """Load a real cohort, with the package's names and units.

    Parameters
    ----------
    name : str
        One of `cohort_names`:

        - "actg320", 1,151 people with HIV in a trial: time to AIDS or death;
        - "diabetes", 442 people with diabetes: progression after a year;
        - "flchain", 7,874 people of 50 and more: time to death;
        - "randhie", 20,190 years of people in an insurance experiment: visits to a
          doctor;
        - "whas500", 500 people after a heart attack: time to death.

    Returns
    -------
    pandas.DataFrame
        One row per person (randhie: per person and year), numbered from 0. Numbers as
        int64 or float64, yes or no as bool, categories as categorical. A survival
        outcome is two columns, follow_up_days and a flag. Values missing in the source
        stay missing (1,350 of creatinine in flchain, nothing else): an outcome twin
        fills them in within its folds. `.attrs` holds name, title, description,
        sources, licence, sha256, the dictionary (columns), outcome (str or list) and
        ladder (features by modality).

    Raises
    ------
    ParameterError
        For an unknown name.
    DataError
        If the package that carries the cohort is not installed, or carries another
        version of it.

    Notes
    -----
    Cause of death is left out of flchain: it is known of the dead only. In whas500 the
    days in hospital are known at discharge, so they are in no rung of the ladder, nor
    is what repeats other columns (treatment arm, CD4 stratum, decile of light chains).
    The rows of randhie are not independent: its person_block holds a person together.

    References
    ----------
    Hosmer, Lemeshow and May (2008), doi:10.1002/9780470258019; Hammer et al. (1997),
    doi:10.1056/NEJM199709113371101; Dispenzieri et al. (2012),
    doi:10.1016/j.mayocp.2012.03.009; Efron et al. (2004),
    doi:10.1214/009053604000000067.

    Examples
    --------
    >>> people = load_cohort("diabetes")
    >>> len(people), people.attrs["ladder"]["demographics"]
    (442, ['age_years', 'sex_code', 'bmi_kg_m2'])
    """
    dictionary = _dictionary(name)
    source = _READERS[name](name)
    frame = pd.DataFrame(
        {row["column"]: _convert(source, row) for _, row in dictionary.iterrows()}
    )
    found = hashlib.sha256(frame.to_csv(lineterminator="\n").encode()).hexdigest()
    about = _about(name)
    if found != about["sha256"]:
        raise DataError(
            f"{name} is not the table that cohort_columns describes, that of "
            f"{about['package']}: expected sha256:{about['sha256']}, "
            f"got sha256:{found}"
        )
    frame.attrs.update(_provenance(about, dictionary))
    return frame


def _dictionary(name: str) -> pd.DataFrame:
    check_choice(name, name="name", allowed=cohort_names())
    columns = load("cohort_columns")
    return columns[columns["cohort"] == name].reset_index(drop=True)


def _about(name: str) -> dict[str, Any]:
    """Return what the table of bundled data sets tells of a cohort."""
    table = load("bundled_datasets")
    (row,) = table[table["dataset"] == name].to_dict("records")
    return {str(key): value for key, value in row.items()}


def _provenance(about: dict[str, Any], dictionary: pd.DataFrame) -> dict[str, Any]:
    """Return what `load_cohort` keeps in `.attrs`."""
    title, rest = about["meaning"].split("; ", maxsplit=1)
    shown = dictionary.drop(columns=["cohort"]).astype(object)
    features = dictionary[dictionary["in_ladder"]]
    ladder = features.groupby("modality", sort=False)["column"].agg(list)
    outcome = dictionary.loc[
        dictionary["role"].isin(["outcome", "duration"]), "column"
    ].tolist()
    return {
        "name": about["dataset"],
        "title": title,
        "description": rest[0].upper() + rest[1:],
        "sources": [{"title": source} for source in dictionary["source"].unique()],
        "licence": about["licence_note"],
        "sha256": about["sha256"],
        "columns": shown.where(shown.notna(), "").to_dict("records"),
        "outcome": outcome if len(outcome) > 1 else outcome[0],
        "ladder": ladder.to_dict(),
    }


def _convert(source: pd.DataFrame, column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Turn a column of a package into its house type."""
    values: pd.Series[Any] = source[column["original"]]
    if column["kind"] == "number":
        numbers = values.astype("float64")
        is_whole = bool((numbers == numbers.round()).all())
        return numbers.astype("int64") if is_whole else numbers
    codes = dict(pair.split("=") for pair in column["codes"].split("; "))
    words: pd.Series[Any] = values.astype(str).map(codes)
    if column["kind"] == "flag":
        return words == "true"
    return words.astype(pd.CategoricalDtype(list(codes.values())))


def _read_survival(name: str) -> pd.DataFrame:
    try:
        from sksurv import datasets  # type: ignore[import-untyped]
    except ImportError:
        raise DataError(
            f"{name} comes with scikit-survival, which is not installed: "
            "pip install scikit-survival, or this package with its extra 'book'"
        ) from None
    loaders = {
        "actg320": datasets.load_aids,
        "flchain": datasets.load_flchain,
        "whas500": datasets.load_whas500,
    }
    features, outcome = loaders[name]()
    columns = {field: outcome[field] for field in outcome.dtype.names}
    return pd.DataFrame(features).reset_index(drop=True).assign(**columns)


def _read_diabetes(name: str) -> pd.DataFrame:
    from sklearn.datasets import load_diabetes

    return pd.DataFrame(load_diabetes(as_frame=True, scaled=False).frame)


def _read_randhie(name: str) -> pd.DataFrame:
    from statsmodels.datasets import randhie

    source = pd.DataFrame(randhie.load_pandas().data).reset_index(drop=True)
    known = source.drop(columns="mdvis")
    is_new = (known != known.shift()).any(axis=1)
    health = source["hlthg"] + 2 * source["hlthf"] + 3 * source["hlthp"]
    return source.assign(
        **{
            "(derived)": is_new.cumsum() - 1,
            "hlthg, hlthf, hlthp": health,
            # The copy's logarithms have five decimals; the rates are whole per cents.
            "lncoins": np.expm1(source["lncoins"]).round(),
        }
    )


_READERS = {
    "actg320": _read_survival,
    "diabetes": _read_diabetes,
    "flchain": _read_survival,
    "randhie": _read_randhie,
    "whas500": _read_survival,
}
