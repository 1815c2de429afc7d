"""The attacker that the reference shows as an example works, and finds nothing."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from twinprivacy.attacks.inference import ThreatModel, infer_attribute

PAGE = Path(__file__).parents[3] / "book" / "api" / "inference.md"


def test_the_example_of_the_reference_gains_nothing_over_imputation(rng):
    """Its posterior is the prior, so that 0 bits are exact, whatever is answered."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.S)
    shown = {"__name__": "example"}
    exec(code, shown)
    smoker = rng.random(300) < 0.4
    people = pd.DataFrame(
        {"age": rng.uniform(20, 90, 300), "smoker": smoker, "risk": smoker * 1.0}
    )
    found = infer_attribute(
        None,
        people[:100],
        people[100:200],
        threat=ThreatModel("smoker", ("age",), ("risk",)),
        attacker=shown["BelieveNothing"](),
        auxiliary=people[200:],
        models=("logistic",),
        rng=rng,
    )
    assert found.gain.value == 0
    np.testing.assert_allclose(found.targets["bits"], 0, atol=1e-12)
    assert found.verdict == "weak attack: no gain over imputation shows"
