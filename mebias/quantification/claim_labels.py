"""Claims about human labels: groups, exactness of keyframes, bias."""

from __future__ import annotations

import math
from collections.abc import Iterator

from mebias import tables
from mebias.quantification.blind import JUDGE
from mebias.quantification.claim_definitions import by_every_definition
from mebias.quantification.claim_rows import (
    NOT_SUPPORTED,
    OPEN,
    SUPPORTED,
    Evidence,
    Record,
    Row,
    Scope,
    found,
    graded,
    of_estimate,
    of_test,
)
from mebias.quantification.claim_words import (
    NOTHING,
    REPLICATE,
    basis,
    claim,
    judge_it,
    lacking,
    of_judge,
    open_end,
    plainly,
    relative,
    without_judge,
)
from mebias.quantification.coverage import falls_short
from mebias.quantification.error_contrasts import FAMILY as ERROR
from mebias.quantification.keyframe_contrast import CONTRASTS
from mebias.quantification.keyframe_contrast import FAMILY as KEYFRAME

GROUPS, EXACTNESS, BIAS = "groups", "exactness", "bias"


def contrasts(scope: Scope) -> Iterator[Row]:
    """The primary contrast at each keyframe: of annotation errors, else of shifts."""
    shifts, errors = scope.family("primary"), scope.family(f"{ERROR} primary")
    if not shifts and not errors:
        yield _no_contrast(scope)
        return
    for keyframe in tables.KEYFRAMES:
        shift, error = (found(rows, keyframe=keyframe) for rows in (shifts, errors))
        if error is not None and (math.isfinite(error["conf_low"]) or shift is None):
            yield _of_errors(scope, error)
        elif shift is not None:
            yield _of_shifts(scope, shift, "" if error is None else str(error["reason"]))


def exactness(scope: Scope) -> Iterator[Row]:
    """Whether offsets are placed less exactly than onsets and apexes."""
    rows = scope.family(KEYFRAME)
    if scope.versions and not rows:
        return
    if not rows:
        yield claim(
            scope, EXACTNESS, "Offset labels are placed less exactly than onset and apex labels",
            OPEN, without_judge(scope) or "no clip with all three keyframes judged", judge_it(),
        )  # fmt: skip
        return
    for _, other in CONTRASTS:
        row = next(r for r in rows if str(r["hypothesis"]).endswith(f"as the {other}"))
        evidence = of_test(row, scope.conf_level, margin=0.0)
        made = plainly(
            scope,
            EXACTNESS,
            f"Offset labels are placed less exactly than {other} labels",
            evidence,
            lead=of_judge(f"log of the SD of errors at the offset over that at the {other}"),
            aside=relative(f"as right as the posterior's own SDs{_covered(scope, other)}"),
        )
        yield by_every_definition(scope, made, evidence, f"log_sd_offset_{other}")


def _covered(scope: Scope, other: str) -> str:
    """What the interval of a ratio covers, where that is less than it should."""
    row = scope.estimate(f"log_sd_offset_{other}", source=JUDGE)
    note = "" if row is None else str(row["coverage_note"])
    return f"; interval: {note}" if falls_short(note) else ""


def absolute(scope: Scope) -> Iterator[Row]:
    """Bias of labels: never supported, since the coders' definition is not the model's."""
    if scope.versions:
        return
    judged = _of_bias(scope, "annotation_error", source=JUDGE, distance="")
    excess = [] if scope.rule is None else _of_bias(
        scope, "mean_excess_unbiased", source=scope.rule[0], distance=scope.rule[1]
    )  # fmt: skip
    if judged:
        for keyframe, evidence in judged:
            yield _relative(scope, keyframe, evidence)
    elif excess:
        for keyframe, evidence in excess:
            settle, aside = f"{judge_it()}, and a reference annotation", ""
            if evidence.reason:
                settle = f"{lacking(evidence.reason, keyframe)}; then {settle}"
                aside = "annotation noise or bias"
            yield claim(
                scope, BIAS, f"{keyframe.capitalize()} labels are biased in time", OPEN,
                basis(evidence, f"{scope.rule_name}: shift beyond that of labels with errors of "
                                f"mean 0", aside), settle, evidence,
            )  # fmt: skip
    else:
        of_what = f"shifts of {scope.rule_name}" if scope.rule else "shifts"
        yield claim(
            scope, BIAS, "Human labels are biased in time", OPEN,
            f"{of_what} alone: where the keyframes truly lie is not known",
            "a reference annotation, or a localization that does not start from the human label "
            f"({JUDGE})",
        )  # fmt: skip


def _no_contrast(scope: Scope) -> Row:
    names = ", ".join(f"{group} {n}" for group, n in scope.groups.items())
    if len(scope.groups) > 1:
        why, settle = f"no source to rest on (subjects: {names})", "rows of gamdss signed"
    else:
        stated = f"one stated group ({names})" if names else "no stated group"
        why = f"{stated}: there is no contrast within this dataset"
        settle = "subjects of two or more stated groups, coded under one protocol"
    what = "are revised" if scope.versions else "err"
    return claim(scope, GROUPS, f"Labels {what} differently between groups", OPEN, why, settle)


def _sides(row: Record) -> tuple[str, str]:
    first, _, second = str(row["ethnicity"]).partition(" vs ")
    return first, "the others" if second in ("", "others") else second


def _of_errors(scope: Scope, row: Record) -> Row:
    first, second = _sides(row)
    evidence = of_test(row, scope.conf_level)
    made = plainly(
        scope,
        GROUPS,
        f"{str(row['keyframe']).capitalize()} labels err differently for {first} than for {second}",
        evidence,
        lead=of_judge("annotation error"),
        aside=relative(_motion(scope)),
        either_side=True,
    )
    what = "annotation_error_difference"
    return by_every_definition(scope, made, evidence, what, either_side=True)


def _motion(scope: Scope) -> str:
    """How alike the groups moved, which a contrast of their errors takes for granted."""
    told = []
    for phase in ("rise", "fall"):
        rows = [
            row for group in scope.groups
            if (row := scope.estimate(f"mean_phase_{phase}", ethnicity=group)) is not None
        ]  # fmt: skip
        values = [f"{r['ethnicity']} {r['estimate']:.0f}" for r in rows if r["estimate"] > 0]
        if values:
            told.append(f"mean {phase} {', '.join(values)} ms")
    return f"if the groups move alike ({', '.join(told)})" if told else "if the groups move alike"


def _of_shifts(scope: Scope, row: Record, no_error: str) -> Row:
    evidence = of_test(row, scope.conf_level)
    grade = graded(evidence, either_side=True)
    settle = f"{REPLICATE}; a blind reference annotation"
    inside = abs(evidence.estimate) < evidence.margin and grade != SUPPORTED
    if inside and math.isfinite(evidence.low) and not scope.versions:
        grade, settle = OPEN, _free_to_move(scope, str(row["keyframe"]), evidence.margin)
    elif grade == NOT_SUPPORTED:
        settle = NOTHING
    elif grade == OPEN:
        settle = open_end(evidence, either_side=True)
    first, second = _sides(row)
    what = "revised" if scope.versions else "re-selected"
    return claim(
        scope,
        GROUPS,
        f"{str(row['keyframe']).capitalize()} labels are {what} differently for {first} than for "
        f"{second}",
        grade,
        basis(
            evidence,
            f"{row['source']} {row['distance']}".strip(),
            f"the annotation error cannot be told ({no_error})" if no_error else "",
        ),
        settle,
        evidence,
    )


def _free_to_move(scope: Scope, keyframe: str, margin: float) -> str:
    if not scope.windowed:
        return (
            f"window_low and window_high, which tell how far {scope.rule_name} was free to move: "
            f"inside short windows no larger difference can show"
        )
    text = "a selection that is free to move: inside these windows no larger one can show"
    ends = [scope.of_rule(f"window_reach_{side}", keyframe=keyframe, unit="ms")
            for side in ("low", "high")]  # fmt: skip
    if any(end is None for end in ends):
        return text
    low, high = (float(end["estimate"]) for end in ends if end is not None)
    return f"{text} ({low:+.0f} to {high:+.0f} ms on average, margin {margin:.0f} ms)"


def _of_bias(scope: Scope, quantity: str, **where: object) -> list[tuple[str, Evidence]]:
    rows = [
        (keyframe, scope.estimate(quantity, keyframe=keyframe, weighting="subject", **where))
        for keyframe in tables.KEYFRAMES
    ]
    there = [(keyframe, row) for keyframe, row in rows if row is not None]
    size = len(tables.KEYFRAMES)
    return [
        (keyframe, of_estimate(row, scope.margin_ms, family=f"{BIAS} {quantity}", family_size=size))
        for keyframe, row in there
    ]


def _relative(scope: Scope, keyframe: str, evidence: Evidence) -> Row:
    grade = graded(evidence, either_side=True)
    if grade == SUPPORTED:
        grade = OPEN
        settle = (
            f"the coders' written definition of the {keyframe}, and a reference annotation by it: "
            f"another definition may turn the sign"
        )
    elif grade == NOT_SUPPORTED:
        settle = f"a reference annotation by the coders' own definition of the {keyframe}"
    elif abs(evidence.estimate) < evidence.margin or not math.isfinite(evidence.low):
        settle = open_end(evidence, either_side=True)
    else:
        settle = f"a reference annotation by the coders' own definition of the {keyframe}"
    made = claim(
        scope,
        BIAS,
        f"{keyframe.capitalize()} labels are biased in time, relative to the model's definition",
        grade,
        basis(evidence, of_judge("annotation error"), relative()),
        settle,
        evidence,
    )
    return by_every_definition(scope, made, evidence, "annotation_error", either_side=True)
