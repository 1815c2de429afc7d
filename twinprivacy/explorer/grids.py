"""Compute the grids of the book's page "Your programme" and write them."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import twinprivacy
from twinprivacy._validation import check_rng
from twinprivacy.errors import DataError
from twinprivacy.explorer._inference_grids import DECIMALS, inference_grids
from twinprivacy.explorer._linkage_grids import DAYS, linkage_grids
from twinprivacy.explorer._loss_grids import (
    MOST_PEOPLE,
    RATES,
    loss_grids,
    stated_rates,
)
from twinprivacy.explorer._uniqueness_grids import KINDS, WIDTHS, uniqueness_grids
from twinprivacy.explorer.lookup import rounded

__all__ = ["compute_grids", "main", "read_grids", "write_grids"]

SEED = 20_261_129
N_PEOPLE_ATTACKED = 2_000
FEWEST_PEOPLE = 100
LEAST_EXPOSED = 0.01


def compute_grids(*, rng: np.random.Generator) -> dict[str, Any]:
    """Compute every table that the page looks up.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    dict
        Tables of loss, uniqueness, inference and linkage, each part with its
        `interpolation_error` on points that are no points of its axes; ranges of the
        sliders, the stated rates and the version of the package. Ready for JSON.

    Raises
    ------
    ParameterError
        If `rng` is not a generator.

    Notes
    -----
    Some two minutes on two cores. Work goes through joblib: set its backend around it.
    """
    check_rng(rng)
    loss_rng, unique_rng, inference_rng, linkage_rng = rng.spawn(4)
    return {
        "version": twinprivacy.__version__,
        "confidence_level": 0.95,
        "ranges": {
            "people": [FEWEST_PEOPLE, MOST_PEOPLE],
            "days": [DAYS[0], DAYS[-1]],
            "decimals": list(DECIMALS),
            "widths": list(WIDTHS),
            "rate": [RATES[0], RATES[-1]],
            "exposed": [LEAST_EXPOSED, 1.0],
        },
        "kinds": list(KINDS),
        "rates": {name: rounded(rate) for name, rate in stated_rates().items()},
        "loss": loss_grids(rng=loss_rng),
        "uniqueness": uniqueness_grids(rng=unique_rng),
        "inference": inference_grids(N_PEOPLE_ATTACKED, rng=inference_rng),
        "linkage": linkage_grids(rng=linkage_rng),
    }


def write_grids(path: str | Path, *, seed: int = SEED, n_jobs: int = 2) -> None:
    """Compute the grids and write them as JSON, on two cores unless told otherwise."""
    from joblib import parallel_config

    with parallel_config(n_jobs=n_jobs):
        grids = compute_grids(rng=np.random.default_rng(seed))
    text = json.dumps({"seed": seed, **grids}, separators=(",", ":"))
    Path(path).write_text(text + "\n", encoding="utf-8")


def read_grids(path: str | Path) -> dict[str, Any]:
    """Read what `write_grids` wrote.

    Raises
    ------
    DataError
        If there is no such file, or it holds no grids.
    """
    try:
        grids = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise DataError(
            f"path must name the grids that write_grids wrote; got {path}: {error}"
        ) from error
    if not isinstance(grids, dict) or "uniqueness" not in grids:
        raise DataError(f"path must name the grids that write_grids wrote; got {path}")
    return grids


def main(arguments: list[str] | None = None) -> None:
    """Write the grids to the path that is given as the only argument."""
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) != 1:
        raise SystemExit("usage: python -m twinprivacy.explorer.grids PATH")
    write_grids(given[0])


if __name__ == "__main__":
    main()
