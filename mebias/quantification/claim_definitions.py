"""Claims about labels under every definition of the keyframes that the judge was run by.

One lab codes the offset as the last obvious change, another as the return to the baseline. The
blind posterior takes the definition as a parameter (``motion-blind:offset=0.2``), and where what
a claim says depends on it, nothing can be told: the coders' own definition may be either one.
"""

from __future__ import annotations

import math

from mebias.quantification.blind import BY_DEFINITION
from mebias.quantification.claim_rows import (
    NOT_SUPPORTED,
    OPEN,
    SUPPORTED,
    Evidence,
    Record,
    Row,
    Scope,
    graded,
    of_estimate,
)


def by_every_definition(
    scope: Scope, made: Row, evidence: Evidence, quantity: str, *, either_side: bool = False
) -> Row:
    """A claim by the usual definition, open where by another one it would be graded otherwise.

    Parameters
    ----------
    scope : Scope
        Whose claim it is.
    made : dict
        The row of the claims table by the usual definition.
    evidence : Evidence
        What it rests on.
    quantity : str
        The same number in the estimates table, once per definition.
    either_side : bool
        As in `mebias.quantification.claim_rows.graded`.

    Returns
    -------
    dict
        The row, with what the other definitions say in ``rests_on``; with another sign, or a
        grade other than that of the usual definition, it can't be told. As it was where the
        labels were judged by one definition alone.
    """
    others = {
        str(row["source"]).removeprefix(BY_DEFINITION): of_estimate(
            row, evidence.margin, family_size=evidence.family_size
        )
        for row in scope.estimates[quantity]
        if str(row["source"]).startswith(BY_DEFINITION) and _same(row, evidence)
    }
    if not others:
        return made
    told = ", ".join(f"{name} {_shown(other)}" for name, other in others.items())
    says = _verdict(evidence, either_side)
    apart = [name for name, other in others.items() if _verdict(other, either_side) != says]
    if not apart:
        return {**made, "rests_on": f"{made['rests_on']}; the same by other definitions ({told})"}
    return {
        **made,
        "grade": OPEN,
        "rests_on": f"{made['rests_on']}; it depends on the definition of the keyframe ({told})",
        "would_settle": "the coders' written definition of the keyframe, and the labels judged by "
        "that one alone",
    }


def _same(row: Record, evidence: Evidence) -> bool:
    """Whether a row is about the same keyframe and groups."""
    wanted = {c: evidence.place[c] for c in ("keyframe", "ethnicity")}
    weighting = "clip" if evidence.unit == "log" else "subject"
    return row["weighting"] == weighting and all(row[c] == v for c, v in wanted.items())


def _verdict(evidence: Evidence, either_side: bool) -> tuple[str, float]:
    """What an interval says, and on which side of 0 where it says that."""
    low, high, margin = evidence.low, evidence.high, evidence.margin
    if not (math.isfinite(low) and math.isfinite(high)):
        return OPEN, 0.0
    beyond = low > margin or (either_side and high < -margin)
    if beyond:
        return SUPPORTED, math.copysign(1.0, evidence.estimate)
    grade = graded(evidence, either_side=either_side)
    sign = math.copysign(1.0, evidence.estimate) if low > 0 or high < 0 else 0.0
    return grade, 0.0 if grade == NOT_SUPPORTED else sign


def _shown(evidence: Evidence) -> str:
    if not math.isfinite(evidence.low):
        return "undefined"
    unit = " ms" if evidence.unit == "ms" else ""
    return f"{evidence.estimate:+.3g}{unit} [{evidence.low:+.3g}, {evidence.high:+.3g}]"
