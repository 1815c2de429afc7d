from functools import partial

import numpy as np
import pandas as pd
import pytest

from twinprivacy.attacks.inference import LearnedAttacker, ThreatModel
from twinprivacy.errors import ParameterError
from twinprivacy.studies import ask_what_if, curve_table, dose_response, infer_at


def test_questions_are_about_people_as_they_are_not():
    people = pd.DataFrame({"age": [50.0, 60.0], "smoker": [True, False]})
    said = ask_what_if(
        people,
        ask=lambda p: p["age"] + 10 * p["smoker"],
        changes=[{}, {"age": 40}, {"smoker": False, "age": 0}],
    )
    assert said.tolist() == [[60, 50, 0], [60, 40, 0]]
    assert people["age"].tolist() == [50, 60]
    with pytest.raises(ParameterError) as caught:
        ask_what_if(people, ask=lambda p: p["age"], changes=[])
    assert str(caught.value) == "changes must hold at least one question; got none"


def test_attacks_that_differ_in_one_thing(rng):
    smoker = rng.random(900) < 0.3
    people = pd.DataFrame({"smoker": smoker, "risk": smoker + rng.random(900)})
    settings = {
        str(step): {"threat": ThreatModel("smoker", (), ("risk",), step)}
        for step in (0.1, 4)
    }
    attack = partial(
        infer_at,
        settings=settings,
        twin=None,
        members=people[:300],
        controls=people[300:600],
        auxiliary=people[600:],
        attacker=LearnedAttacker(models=("table",)),
        models=("shares",),
    )
    fine, coarse = (attack(step, np.random.default_rng(1)) for step in settings)
    assert fine.threat.output_precision == 0.1
    assert fine.bits.low > 0.5 > abs(coarse.bits.value)
    response = dose_response(
        attack, ["4", "0.1"], axis="step", positions=[0, 1], rng=rng, n_resamples=100
    )
    drawn = curve_table(response)
    assert drawn["volume"].tolist() == [0, 1]
    assert drawn["volume_label"].tolist() == ["4", "0.1"]
    assert (drawn["low"] <= drawn["value"]).all()
    assert drawn["curve"].is_monotonic_increasing
    with pytest.raises(ParameterError) as caught:
        curve_table(response, measure="auc")
    message = "measure must be one of 'bits', 'gain'; got 'auc'"
    assert str(caught.value) == message
    with pytest.raises(ParameterError) as caught:
        attack(2, rng)
    assert str(caught.value) == "volume must be one of '0.1', '4'; got 2"
