"""Body weight and basal dose of simulated people, from published means and spreads."""

import numpy as np

from twinprivacy import datasets
from twinprivacy._types import AnyArray


def sample_weights(n: int, rng: np.random.Generator) -> AnyArray:
    """Draw weights of adults of either sex and of two age bands, equally likely."""
    table = datasets.load("population_margins")
    rows = (table["quantity"] == "weight") & table["age_band"].isin(["20-39", "40-59"])
    groups = table[rows & (table["check"] == "verified")].pivot_table(
        index=["sex", "age_band"], columns="statistic", values="value"
    )
    chosen = groups.iloc[rng.integers(len(groups), size=n)]
    weights = _lognormal(chosen["mean"].to_numpy(), chosen["sd"].to_numpy(), rng)
    return np.clip(weights, 40.0, 200.0)


def sample_basal(n: int, rng: np.random.Generator) -> AnyArray:
    """Draw basal doses in U/kg/day."""
    table = datasets.load("glucose_clinical_values").set_index("quantity")
    mean = np.full(n, float(table["value"]["basal_dose"]))
    spread = table["spread"]["basal_dose_total"] / table["value"]["basal_dose_total"]
    return _lognormal(mean, mean * float(spread), rng)


def _lognormal(mean: AnyArray, sd: AnyArray, rng: np.random.Generator) -> AnyArray:
    """Draw log-normal values of a given mean and SD."""
    variance = np.log1p((sd / mean) ** 2)
    return rng.lognormal(np.log(mean) - variance / 2, np.sqrt(variance))
