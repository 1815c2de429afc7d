import pytest

from twinprivacy.attacks.inference import ThreatModel
from twinprivacy.errors import ParameterError


def test_it_may_be_written_in_the_order_it_is_told():
    threat = ThreatModel("vkorc1", ["age_years", "race"], "dose", 5.0, 2)
    assert threat.known == ("age_years", "race")
    assert threat.answers == ("dose",)
    assert (threat.output_precision, threat.n_queries) == (5.0, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"known": ("age", "smoker")},
            "known must not hold the sensitive attribute; got 'smoker' in it",
        ),
        (
            {"answers": ("smoker",)},
            "answers must not hold the sensitive attribute; got 'smoker' in it",
        ),
        (
            {"known": ("age", "age")},
            "known must name each column once; got age more than once",
        ),
        ({"answers": ()}, "answers must name at least one answer; got none"),
        (
            {"output_precision": 0.0},
            "output_precision must be finite and above 0; got 0.0",
        ),
        (
            {"tolerance": float("nan")},
            "tolerance must be finite and above 0; got nan",
        ),
        ({"noise_sd": -1.0}, "noise_sd must be finite and 0 or more; got -1.0"),
        ({"n_queries": 1.5}, "n_queries must be a whole number of 1 or more; got 1.5"),
        (
            {"n_queries": True},
            "n_queries must be a whole number of 1 or more; got True",
        ),
    ],
)
def test_what_is_refused(change, message):
    settings = {"sensitive": "smoker", "known": ("age",), "answers": ("risk",)}
    with pytest.raises(ParameterError) as caught:
        ThreatModel(**(settings | change))
    assert str(caught.value) == message
