"""The catalogue has every defence there is, once, with all that a reader needs."""

import re

import numpy as np

from twinprivacy.defences import answers, describe_defences, stores


def test_every_defence_is_described_once() -> None:
    table = describe_defences()
    names = {name.replace(" ", "") for name in table["defence"].str.title()}
    # Two that a keeper has and that are not simulated here, and three private fits.
    others = {"RandomisedAnswers", "QueryLimit", "PrivateTraining"}
    assert names == {*answers.__all__, *stores.__all__, *others}
    assert len(table) == 9
    acts_on = table.set_index(table["defence"].str.title().str.replace(" ", ""))[
        "acts_on"
    ]
    assert set(acts_on[answers.__all__]) == {"answers"}
    assert set(acts_on[stores.__all__]) == {"store"}
    assert acts_on["PrivateTraining"] == "training"


def test_only_defences_with_a_budget_guarantee_against_attacks() -> None:
    table = describe_defences()
    has_budget = table["setting"].str.contains("epsilon")
    assert not table.loc[has_budget, "guarantees"].eq("Nothing.").any()
    has_budget.index = table["defence"]
    assert has_budget["Noisy answers"]
    assert answers.NoisyAnswers(0, 1, mu=1.0).guarantee() is not None
    assert not has_budget["Rounded answers"]
    assert answers.RoundedAnswers(1.0).guarantee() is None


def test_budgets_of_answers_are_for_all_of_them_and_noise_follows() -> None:
    setting = describe_defences().set_index("defence")["setting"]
    for name in ("Noisy answers", "Randomised answers"):
        assert setting[name].endswith(" for all answers about a person")
    one, four = (answers.NoisyAnswers(0, 1, mu=1.0, n_answers=n) for n in (1, 4))
    assert one.guarantee() == four.guarantee()
    assert four.noise_scale() == 2 * one.noise_scale()


def test_what_rounding_does_not_hide(rng: np.random.Generator) -> None:
    does_not = describe_defences().set_index("defence")["does_not"]
    assert does_not["Rounded answers"] == (
        "Hide a secret whose answers fall on both sides of an edge."
    )
    # Less than a step apart, on both sides of the edge at 2.5.
    said = answers.RoundedAnswers(5.0).simulate([2.4, 2.6], rng=rng)
    assert said.tolist() == [0.0, 5.0]


def test_texts_are_whole_sentences_with_sources() -> None:
    table = describe_defences()
    assert not table.isna().any(axis=None)
    for column in ("guarantees", "does_not"):
        assert table[column].str.fullmatch(r"[A-Z].*[^.]\.").all()
    for source in table["source"]:
        assert source == "Measured here" or re.search(
            r"\(\d{4}\), (doi:10\.|https)", source
        )
