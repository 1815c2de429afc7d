"""What the keeper's checklist says: requirements, steps and computed sentences.

The requirements are published facts of ``data/``. ``checklist.csv`` beside the pages
adds to each the surface, the steps and what answers it; ``checklist_steps.csv`` says
what is computed at each step.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

from sphinx.errors import ExtensionError

from twinprivacy import datasets
from twinprivacy.attacks.bounds import true_positive_rate_bound
from twinprivacy.attacks.guarantees import PrivacyGuarantee
from twinprivacy.estimates import wilson_interval
from twinprivacy.formatting import format_percent

Row = dict[str, Any]

ANSWERS = "checklist.csv"
STEPS = "checklist_steps.csv"
SURFACES = ("all", "store", "record", "trace", "answers", "model", "none")
# The step of a requirement that no number answers.
NO_STEP = "none"
# Mean chance of a right match that two regulators allow for public clinical reports.
LIMIT_ROW = "EMA-HC-009"
FALSE_POSITIVE_RATE = 0.01
CONTROLS = (100, 1_000, 10_000)
BUDGETS = (0.5, 1.0, 2.0, 3.0)
# The date of the newest page on which a requirement was looked up.
STATUS = "July 2026"

_NUMBER = r"\d[\d.]*(?:\(\w+\))*(?:-\(\w+\))?"
_BETWEEN = r"(?:, | and |; Art\. )"
_NUMBERED = re.compile(
    rf"(Art\. |criterion |limb |45 CFR )({_NUMBER}(?:{_BETWEEN}{_NUMBER})*)"
)


def read_checklist(path: Path) -> list[Row]:
    """Return the requirements in the order of the answers, each with its answers."""
    asked = datasets.load("governance").set_index("requirement_id")
    with path.open(encoding="utf-8", newline="") as stream:
        answers = list(csv.DictReader(stream))
    named = [row["requirement_id"] for row in answers]
    if sorted(named) != sorted(asked.index):
        raise ExtensionError(f"{path.name} must answer each requirement once")
    return [
        {
            **{key: str(value) for key, value in asked.loc[name].items()},
            "requirement_id": name,
            "law": row["law"],
            "surface": row["surface"],
            "steps": row["steps"].split(),
            "functions": row["functions"].split(),
            "figures": row["figures"].split(),
        }
        for name, row in zip(named, answers, strict=True)
    ]


def read_steps(path: Path, requirements: list[Row]) -> list[Row]:
    """Return the steps in the order of work, each with who asks and its thresholds."""
    with path.open(encoding="utf-8", newline="") as stream:
        steps = list(csv.DictReader(stream))
    known = {row["step"] for row in steps} | {NO_STEP}
    used = {name for row in requirements for name in row["steps"]}
    if known != used:
        raise ExtensionError(
            f"{path.name} and {ANSWERS} must name the same steps; only one of them "
            f"names {', '.join(sorted(known ^ used))}"
        )
    by_id = {row["requirement_id"]: row for row in requirements}
    return [
        {
            **step,
            "asked_by": [row for row in requirements if step["step"] in row["steps"]],
            "functions": step["functions"].split(),
            "figures": step["figures"].split(),
            "limits": [by_id[name] for name in step["limits"].split()],
        }
        for step in steps
    ]


def clause_address(row: Row) -> str:
    """Return the name of a requirement's place on the page of the clauses."""
    return f"clause-{row['requirement_id'].lower()}"


def short_clauses(rows: list[Row]) -> list[tuple[str, Row]]:
    """Name requirements shortly and by law: each law once, its articles in order.

    >>> law = {"law": "GDPR"}
    >>> rows = [{**law, "clause": "Art. 9"}, {**law, "clause": "Art. 4(1); recital 26"}]
    >>> [text for text, _ in short_clauses(rows)]
    ['GDPR Art. 4(1)', '9']
    """
    by_law: dict[str, list[tuple[str, str, Row]]] = {}
    for row in rows:
        found = _NUMBERED.search(row["clause"])
        kind, number = found.groups() if found else ("", "")
        number = re.sub(_BETWEEN, ", ", number)
        by_law.setdefault(row["law"], []).append((kind, number, row))
    named = []
    for law, clauses in by_law.items():
        clauses.sort(key=lambda clause: _in_order(clause[1]))
        (kind, number, row), *others = clauses
        # "45 CFR" would stand before each clause of HIPAA and tell none apart.
        kind = kind.replace("45 CFR ", "")
        named.append((f"{law} {kind}{number}".strip(), row))
        named += [(number, row) for _, number, row in others]
    return named


def _in_order(number: str) -> list[tuple[int, str]]:
    parts = re.findall(r"\w+", number)
    return [(int(part), "") if part.isdigit() else (0, part) for part in parts]


def sentences() -> dict[str, str]:
    """Return what is computed and said on the pages, by name."""
    controls = zip(CONTROLS, needed_controls(), strict=True)
    return {
        "status": status(),
        "limit": f"{stated_limit()}",
        "sets": needed_sets(),
        "targets": needed_targets(),
        **{f"controls-{n_controls}": sentence for n_controls, sentence in controls},
        "budgets": budget_caps(),
    }


def status() -> str:
    """Say how many requirements were checked, how well and until when."""
    counts = datasets.load("governance")["check"].value_counts()
    return (
        f"Status {STATUS}: of {counts.sum()} requirements {counts['verified']} were "
        "verified (the clause's own wording or its issuer's page was seen) and "
        f"{counts['partial']} in part (a commentary, a part or an earlier draft). Look "
        "at a clause again before you sign."
    )


def stated_limit() -> float:
    """Return the one probability of a right match that a regulator names."""
    table = datasets.load("governance").set_index("requirement_id")
    return float(table.loc[LIMIT_ROW, "threshold"])


def needed_sets() -> str:
    """Say how many people must look alike for one of them to be below the limit."""
    limit, n_alike = stated_limit(), 1
    while 1 / n_alike >= limit:
        n_alike += 1
    return (
        f"One in {n_alike - 1} is not below {limit}: that takes sets of {n_alike} "
        "people."
    )


def needed_targets() -> str:
    """Say after how many targets without a hit a rate is surely below the limit."""
    limit, n_targets = stated_limit(), 1
    while wilson_interval(0, n_targets).high > limit:
        n_targets += 1
    return (
        f"To say that at most {limit} of people are found, after no hit at all, takes "
        f"{n_targets} targets; one hit among {n_targets} allows "
        f"{format_percent(wilson_interval(1, n_targets).high, digits=2)}."
    )


def needed_controls() -> list[str]:
    """Say how well so many controls settle the rate of false positives."""
    sentences = []
    for n_controls in CONTROLS:
        n_false = round(FALSE_POSITIVE_RATE * n_controls)
        rate = wilson_interval(n_false, n_controls)
        low, high = (format_percent(x, digits=2) for x in (rate.low, rate.high))
        who = "person" if n_false == 1 else "people"
        sentences.append(
            f"A false positive rate of 1 % on {n_controls:,} controls is {n_false} "
            f"{who}: between {low} and {high}."
        )
    return sentences


def budget_caps() -> str:
    """Say what privacy budgets allow at that rate."""
    caps = (
        true_positive_rate_bound(PrivacyGuarantee(epsilon=epsilon), FALSE_POSITIVE_RATE)
        for epsilon in BUDGETS
    )
    parts = [
        f"{format_percent(float(cap), digits=2)} at epsilon {epsilon:g}"
        for epsilon, cap in zip(BUDGETS, caps, strict=True)
    ]
    return (
        "At that rate a privacy budget for all that is released of a person lets no "
        f"attack find more of the members than {', '.join(parts)}; for people whose "
        "records do not tell of one another."
    )
