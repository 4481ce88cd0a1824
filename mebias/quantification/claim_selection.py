"""Claims about re-selection: whether it corrects, what it changes, how often labels differ."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from mebias import tables
from mebias.quantification.claim_gate import ONE_GROUP, Gate, gate
from mebias.quantification.claim_rows import (
    NOT_SUPPORTED,
    OPEN,
    SUPPORTED,
    Evidence,
    Row,
    Scope,
    found,
    graded,
    of_estimate,
    of_test,
)
from mebias.quantification.claim_words import (
    REPLICATE,
    basis,
    claim,
    judge_it,
    of_judge,
    open_end,
    plainly,
    relative,
    two_digits,
    without_judge,
)
from mebias.quantification.disagreement import PAIR, takes_the_largest
from mebias.quantification.error_contrasts import REDUCTION
from mebias.quantification.intervals_overlap import MICRO_DURATION_MS

CORRECTION, DURATION, CURVE = "correction", "durations", "curve"
SHARE_MARGIN = 0.05
"""Share of clips above which a change is one of practical relevance."""
_REDUCED = "|human - blind mean| - |selected - blind mean|"


def corrections(scope: Scope, false_supported: pd.DataFrame) -> Iterator[Row]:
    """Whether re-selection corrects, not merely moves, and in one group more than in others."""
    if scope.versions:
        return
    if scope.rule is None or not scope.rule_name:
        yield claim(
            scope, CORRECTION, "Re-selection corrects labels, not merely moves them", OPEN,
            "no single rule to rest on", "rows of gamdss signed, or of one rule alone",
        )  # fmt: skip
        return
    lack = without_judge(scope)
    allowed = gate(false_supported, scope.rule, scope.fps)
    if lack:
        yield claim(
            scope, CORRECTION, "Re-selection corrects labels, not merely moves them", OPEN,
            lack, f"{judge_it()}, and {allowed.would_settle or 'its calibration'}",
        )  # fmt: skip
        return
    yield from _reductions(scope, allowed)
    yield from _by_group(scope, gate(false_supported, scope.rule, scope.fps, ONE_GROUP))


def durations(scope: Scope) -> Iterator[Row]:
    """Whether durations, and with them the micro or macro status, change."""
    if scope.rule is None:
        return
    change = "Revision" if scope.versions else "Re-selection"
    mean = scope.of_rule("mean_difference_duration", unit="ms", weighting="subject", keyframe="")
    status = scope.of_rule("share_status_changed", keyframe="")
    sentences = (
        f"{change} changes durations on average",
        f"{change} changes the micro or macro status (duration of at most "
        f"{MICRO_DURATION_MS:.0f} ms) of more than {two_digits(SHARE_MARGIN)} of clips",
    )
    leads = ("selected - human duration", "clips whose status changes")
    if scope.versions:
        leads = ("new - old duration", leads[1])
    margins = (scope.margin_ms, SHARE_MARGIN)
    for row, sentence, lead, margin in zip((mean, status), sentences, leads, margins, strict=True):
        if row is None:
            yield claim(
                scope, DURATION, sentence, OPEN, "no clip with onset and offset in both arms",
                "onsets and offsets, human and selected, of the same clips",
            )  # fmt: skip
        else:
            yield _change(scope, sentence, of_estimate(row, margin), lead)


def curve(scope: Scope) -> Iterator[Row]:
    """How often the largest difference is not at the human pair of onset and apex."""
    if scope.versions or scope.rule is None or not takes_the_largest(scope.rule[0]):
        return
    sentence = (
        f"The largest difference is not at the human onset and apex in more than "
        f"{two_digits(SHARE_MARGIN)} of clips that could move"
    )
    row = scope.of_rule("share_pair_moved_movable", keyframe=PAIR)
    if row is None or not math.isfinite(row["conf_low"]):
        reason = "no rows" if row is None else str(row["reason"])
        yield claim(
            scope, CURVE, sentence, OPEN, f"{scope.rule_name}; undefined: {reason}",
            "clips with usable onset and apex, and with window_low and window_high",
        )  # fmt: skip
        return
    evidence = of_estimate(row, SHARE_MARGIN)
    null = scope.of_rule("uniform_null_share_pair_moved", keyframe=PAIR)
    chance = math.nan if null is None else float(null["estimate"])
    aside = "noise alone does this too"
    if math.isfinite(chance):
        aside += f"; with frames drawn at random from the windows: {two_digits(chance)}"
    made = plainly(
        scope, CURVE, sentence, evidence, lead=scope.rule_name, aside=aside,
        supported="nothing more about how often; why, the curves of single clips show",
    )  # fmt: skip
    if made["grade"] == NOT_SUPPORTED and not chance > 2 * SHARE_MARGIN:
        made |= {
            "grade": OPEN,
            "would_settle": "longer windows: inside these a random frame is the human one as often",
        }
    yield made


def _reductions(scope: Scope, allowed: Gate) -> Iterator[Row]:
    size = len(tables.KEYFRAMES)
    for keyframe in tables.KEYFRAMES:
        row = scope.of_rule("error_reduction", keyframe=keyframe, weighting="subject")
        if row is None:
            continue
        margin = max(scope.margin_ms, scope.least_margin_ms)
        evidence = of_estimate(row, margin, family=REDUCTION, family_size=size)
        yield _gated(
            scope,
            f"Re-selection by {scope.rule_name} corrects {keyframe} labels, not merely moves them",
            evidence,
            allowed,
            f"mean of {_REDUCED}",
        )


def _by_group(scope: Scope, allowed: Gate) -> Iterator[Row]:
    family = scope.family(f"{REDUCTION} primary")
    rows = [row for row in family if (row["source"], row["distance"]) == scope.rule]
    if not rows:
        yield claim(
            scope, CORRECTION, "Re-selection corrects labels of one group more than of others",
            OPEN, "no contrast between groups of how much errors shrink",
            "subjects of two or more stated groups, coded under one protocol",
        )  # fmt: skip
        return
    for keyframe in tables.KEYFRAMES:
        row = found(rows, keyframe=keyframe)
        if row is None:
            continue
        first, _, second = str(row["ethnicity"]).partition(" vs ")
        yield _gated(
            scope,
            f"Re-selection corrects {keyframe} labels of {first} more, or less, than of the "
            f"{second}",
            of_test(row, scope.conf_level, max(row["margin"], scope.least_margin_ms)),
            allowed,
            f"contrast of {_REDUCED}",
            either_side=True,
        )


def _gated(
    scope: Scope,
    sentence: str,
    evidence: Evidence,
    allowed: Gate,
    what: str,
    *,
    either_side: bool = False,
) -> Row:
    """A claim about corrections, graded only where the calibration allows it."""
    made = plainly(
        scope, CORRECTION, sentence, evidence, lead=of_judge(what),
        aside=relative(allowed.rests_on), either_side=either_side,
    )  # fmt: skip
    inside = made["grade"] != SUPPORTED and abs(evidence.estimate) < evidence.margin
    if inside and either_side and math.isfinite(evidence.low) and scope.windowed:
        reach = _keyframe_reach(scope, str(evidence.place["keyframe"]))
        if not reach >= 2 * evidence.margin:
            made |= {"grade": OPEN, "would_settle": _wider(evidence.margin, reach)}
    margin = evidence.margin
    if made["grade"] == NOT_SUPPORTED and not either_side and scope.windowed:
        reach = _keyframe_reach(scope, str(evidence.place["keyframe"]))
        if reach < 2 * margin:
            made |= {"would_settle": _wider(margin, reach)}
    if not allowed.passed:
        then = f"; then {made['would_settle']}" if made["grade"] == OPEN else ""
        made |= {"grade": OPEN, "would_settle": f"{allowed.would_settle}{then}"}
    return made


def _change(scope: Scope, sentence: str, evidence: Evidence, lead: str) -> Row:
    """A change of durations: inside short windows it could not have been larger."""
    share = evidence.unit == "share"
    grade = graded(evidence, either_side=not share)
    settle = {SUPPORTED: REPLICATE, NOT_SUPPORTED: "nothing more about this rule"}.get(grade)
    if scope.versions and grade != OPEN:
        settle = "nothing more about these versions"
    inside = grade != SUPPORTED and abs(evidence.estimate) < evidence.margin
    if inside and not scope.versions and not _reach(scope) >= 2 * scope.margin_ms:
        grade, settle = OPEN, _wider(scope.margin_ms, _reach(scope))
    return claim(
        scope,
        DURATION,
        sentence,
        grade,
        basis(
            evidence,
            f"{scope.rule_name}: {lead}",
            "" if scope.versions else f"a fact about the rule, not about the labels{_sides(scope)}",
        ),
        settle or open_end(evidence, either_side=not share),
        evidence,
    )


def _sides(scope: Scope) -> str:
    """Windows that let durations change in one direction alone, by name."""
    ends = _ends(scope)
    shorter, longer = _directions(ends)
    one_sided = shorter * longer == 0 and max(shorter, longer) > 0
    if not one_sided:
        return ""
    named = ", ".join(
        f"{keyframe} {ends[keyframe, 'low']:+.0f} to {ends[keyframe, 'high']:+.0f} ms"
        for keyframe in ("onset", "offset")
    )
    return (
        f", and true by its construction: its windows ({named} on average) let durations become "
        f"only {'shorter' if shorter else 'longer'}, whatever the labels"
    )


def _ends(scope: Scope) -> dict[tuple[str, str], float]:
    """How far the windows reach at onset and offset (ms, mean); NaN where not known."""
    rows = {
        (keyframe, side): scope.of_rule(
            f"window_reach_{side}", keyframe=keyframe, unit="ms", weighting="subject"
        )
        for keyframe in ("onset", "offset") for side in ("low", "high")
    }  # fmt: skip
    # A bound of 0 has no sign.
    return {k: math.nan if row is None else float(row["estimate"]) + 0.0 for k, row in rows.items()}


def _directions(ends: dict[tuple[str, str], float]) -> tuple[float, float]:
    """By how much the windows let the duration become shorter, and longer (ms)."""
    shorter = ends["onset", "high"] - ends["offset", "low"]
    return shorter, ends["offset", "high"] - ends["onset", "low"]


def _reach(scope: Scope) -> float:
    """By how much the windows let the duration change (ms, mean); NaN where not known."""
    return max(_directions(_ends(scope)))


def _keyframe_reach(scope: Scope, keyframe: str) -> float:
    """How far the windows let a keyframe move (ms, mean); NaN where not known."""
    rows = [
        scope.of_rule(f"window_reach_{side}", keyframe=keyframe, unit="ms", weighting="subject")
        for side in ("low", "high")
    ]
    return max(math.nan if row is None else abs(float(row["estimate"])) for row in rows)


def _wider(margin: float, reach: float) -> str:
    """What would settle a claim that windows keep inside the margin."""
    known = f"{reach:.0f} ms on average" if math.isfinite(reach) else "not known"
    return (
        f"windows that reach {2 * margin:.0f} ms or more (they reach {known}): inside shorter ones "
        f"no larger change can show"
    )
