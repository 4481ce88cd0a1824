"""Claims about recognition, from gains that a recognizer's run measured."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import pandas as pd
from scipy import special

from mebias.quantification.claim_rows import (
    NOT_SUPPORTED,
    OPEN,
    POWER,
    SUPPORTED,
    Evidence,
    Record,
    Row,
    Scope,
    graded,
    of_estimate,
)
from mebias.quantification.claim_words import basis, claim, open_end

RECOGNITION = "recognition"
MARGINS = {"uf1_gain": 0.05, "uar_gain": 0.05, "accuracy_gain": 0.03}
"""Gains of practical relevance."""
NAMES = {"uf1_gain": "UF1", "uar_gain": "UAR", "accuracy_gain": "accuracy"}
JITTER = "jitter"
"""The arm of random frames, without which a gain cannot be told from plain augmentation."""
SEEDS = 5
"""Training runs of each arm below which no gain is graded: another run may give another gain."""
_RUN = "a run of the recognizer with the arms human, the rule and jitter"


def recognition(scope: Scope, gains: pd.DataFrame | None) -> Iterator[Row]:
    """Whether re-selected training clips improve recognition, and what the model adds.

    Parameters
    ----------
    scope : Scope
        The dataset.
    gains : DataFrame or None
        An estimates table with the column ``arm``: ``uf1_gain``, ``uar_gain`` and
        ``accuracy_gain`` (a rule's arm minus another, ``arm`` "gamdss vs human" and
        "gamdss vs jitter"), ``training_seeds`` (with fewer than 5 no gain is graded), and
        ``added_parameters`` and ``compute_ratio`` of the second branch.
    """
    if scope.versions:
        return
    own: Sequence[Record] = ()
    if gains is not None:
        own = gains[gains["dataset"] == scope.dataset].to_dict("records")
    rule = "" if scope.rule is None else scope.rule[0]
    rows = [r for r in own if r["quantity"] in MARGINS and _against(r, rule, "human")]
    if not rows:
        yield claim(
            scope, RECOGNITION, "Re-selection improves recognition", OPEN,
            "no recognizer was run", _RUN,
        )  # fmt: skip
    size = len({r["quantity"] for r in rows})
    seeds = next((float(r["estimate"]) for r in own if r["quantity"] == "training_seeds"), None)
    for row in rows:
        beside = next(
            (r for r in own if r["quantity"] == row["quantity"] and _against(r, rule, JITTER)),
            None,
        )
        yield _gain(scope, row, beside, size, seeds)
    yield _parameters(scope, own)


def _against(row: Record, rule: str, other: str) -> bool:
    first, _, second = str(row["arm"]).partition(" vs ")
    return first.split(" ")[0] == rule and second == other


def _gain(scope: Scope, row: Record, beside: Record | None, size: int, seeds: float | None) -> Row:
    quantity = str(row["quantity"])
    evidence = of_estimate(row, MARGINS[quantity], family=RECOGNITION, family_size=size)
    grade, settle = graded(evidence), ""
    if grade == SUPPORTED:
        grade, settle = _beyond_jitter(beside, evidence)
    elif grade == NOT_SUPPORTED and evidence.high > -evidence.margin and not _could_tell(evidence):
        grade = OPEN
    about = "interval given the trained models"
    if seeds is not None and seeds < SEEDS:
        grade, about = OPEN, f"{about}; short form, {seeds:.0f} seeds"
        settle = f"{SEEDS} seeds or more (report --recognizer full): another run may gain otherwise"
    if not settle:
        settle = "nothing more at this margin" if grade != OPEN else open_end(evidence)
    return claim(
        scope,
        RECOGNITION,
        f"Re-selection of training clips improves recognition ({NAMES[quantity]})",
        grade,
        basis(evidence, str(row["arm"]), about),
        settle,
        evidence,
    )


def _beyond_jitter(beside: Record | None, evidence: Evidence) -> tuple[str, str]:
    """A gain counts where it is one over random frames too."""
    if beside is None:
        return OPEN, f"the arm {JITTER}: without it a gain cannot be told from plain augmentation"
    other = of_estimate(beside, 0.0, family_size=evidence.family_size)
    if graded(other) == SUPPORTED:
        return SUPPORTED, "a replication on another dataset, with other seeds"
    return OPEN, (
        f"a gain over {JITTER} above 0 (found {other.estimate:+.3f}, {other.low:+.3f} to "
        f"{other.high:+.3f}): random frames do as much"
    )


def _could_tell(evidence: Evidence) -> bool:
    """Whether the design had the power to find a gain as large as the margin."""
    if not (evidence.std_error > 0 and evidence.df > 0):
        return False
    tail = 1 - evidence.level / (2 * evidence.family_size)
    reach = special.stdtrit(evidence.df, tail) + special.stdtrit(evidence.df, POWER)
    return bool(reach * evidence.std_error <= evidence.margin)


def _parameters(scope: Scope, own: Sequence[Record]) -> Row:
    sentence = "The second branch adds no parameters"
    row = next((r for r in own if r["quantity"] == "added_parameters"), None)
    if row is None or not math.isfinite(row["estimate"]):
        return claim(
            scope, RECOGNITION, sentence, OPEN, "no recognizer was built",
            "a count of the parameters of a backbone with one branch and with two",
        )  # fmt: skip
    added = float(row["estimate"])
    work = next((r for r in own if r["quantity"] == "compute_ratio"), None)
    cost = "" if work is None else f"; the work is {work['estimate']:.2g} times that of one branch"
    exact = {**row, "conf_low": added, "conf_high": added}
    return claim(
        scope,
        RECOGNITION,
        sentence,
        SUPPORTED if added == 0 else NOT_SUPPORTED,
        f"counted: {added:.0f} added{cost}",
        "nothing more: it is counted, not estimated",
        of_estimate(exact, 0.0),
    )
