"""The words of a claim: what it rests on, and what would settle it, with the numbers."""

from __future__ import annotations

import math

from mebias.errors import counted, per_cent
from mebias.quantification.blind import JUDGE, RELATIVE
from mebias.quantification.claim_rows import (
    NOT_SUPPORTED,
    OPEN,
    SUPPORTED,
    Evidence,
    Row,
    Scope,
    graded,
    subjects_to_settle,
)

REPLICATE = "a replication with other coders"
NOTHING = "nothing more at this margin"
BEYOND = {"onset": "begin before the onset", "offset": "go on after the offset"}


def claim(
    scope: Scope | str,
    topic: str,
    sentence: str,
    grade: str,
    rests_on: str,
    would_settle: str,
    evidence: Evidence | None = None,
) -> Row:
    """One row of a claims table.

    Parameters
    ----------
    scope : Scope or str
        The dataset, or the names of several.
    topic, sentence, grade, rests_on, would_settle : str
        What the table says.
    evidence : Evidence, optional
        The numbers; without it they are NaN.
    """
    row: Row = {
        "dataset": scope if isinstance(scope, str) else scope.dataset,
        "topic": topic,
        "claim": sentence,
        "grade": grade,
        "rests_on": rests_on,
        "would_settle": would_settle,
        "unit": "",
        "estimate": math.nan,
    }
    if evidence is None:
        return row
    return {
        **row,
        **evidence.place,
        "estimate": evidence.estimate,
        "conf_low": evidence.low,
        "conf_high": evidence.high,
        "unit": evidence.unit,
        "margin": evidence.margin,
    }


def plainly(
    scope: Scope,
    topic: str,
    sentence: str,
    evidence: Evidence,
    *,
    lead: str,
    aside: str = "",
    either_side: bool = False,
    supported: str = REPLICATE,
    not_supported: str = NOTHING,
) -> Row:
    """A claim whose grade follows from its interval alone."""
    grade = graded(evidence, either_side=either_side)
    settle = {SUPPORTED: supported, NOT_SUPPORTED: not_supported}.get(grade)
    if settle is None:
        settle = open_end(evidence, either_side=either_side)
    return claim(scope, topic, sentence, grade, basis(evidence, lead, aside), settle, evidence)


def basis(evidence: Evidence, lead: str, aside: str = "") -> str:
    """What a claim rests on: whose numbers, how many, at which margin.

    Parameters
    ----------
    evidence : Evidence
        The numbers.
    lead : str
        Which number, of which source.
    aside : str
        A caution, at the end.
    """
    parts = [
        lead,
        counted(evidence.n_subjects, "subject"),
        counted(evidence.n_clips, "clip"),
    ]
    if evidence.p_adjusted is not None:
        p = evidence.p_adjusted
        parts.append(f"adjusted {p_words(p)}")
    elif evidence.family_size > 1:
        parts.append(f"interval for {evidence.family_size} claims together")
    if math.isfinite(evidence.margin):
        parts.append(f"margin {in_unit(evidence.margin, evidence.unit)}")
    text = ", ".join(parts)
    if not math.isfinite(evidence.low) and evidence.reason:
        text += f"; undefined: {evidence.reason}"
    return f"{text}; {aside}" if aside else text


def p_words(p: float) -> str:
    """A p-value in a sentence.

    >>> p_words(0.031), p_words(0.0001), p_words(math.nan)
    ('p = 0.031', 'p < 0.001', 'p undefined')
    """
    if math.isnan(p):
        return "p undefined"
    return "p < 0.001" if p < 0.0005 else f"p = {p:.3f}"


def two_digits(share: float) -> str:
    """A share in per cent, to two digits.

    >>> two_digits(0.05), two_digits(0.0123), two_digits(0.984), two_digits(0.996)
    ('5 %', '1.2 %', '98 %', '100 %')
    """
    return f"{100 * share:.2g} %" if share < 0.995 else per_cent(share)


def in_unit(value: float, unit: str) -> str:
    """A margin with its unit.

    >>> in_unit(10.0, "ms"), in_unit(0.05, "share"), in_unit(0.0, "log")
    ('10 ms', '5 %', '0')
    """
    if unit == "share":
        return two_digits(value)
    return f"{value:.3g} ms" if unit == "ms" else f"{value:.3g}"


def open_end(evidence: Evidence, *, either_side: bool = False) -> str:
    """What would settle a claim that its numbers leave open."""
    if not math.isfinite(evidence.low):
        return lacking(evidence.reason, str(evidence.place.get("keyframe", "")))
    margin = in_unit(evidence.margin, evidence.unit)
    where = f"the interval has to lie on one side of {margin}"
    if either_side:
        where = f"the interval has to leave or fit +-{margin}"
    if graded_but_for_p(evidence, either_side):
        return (
            f"more subjects than {evidence.n_subjects:.0f}: the interval is beyond the margin, "
            f"but the adjusted p-value is not below {evidence.level:.3g}"
        )
    needed = subjects_to_settle(evidence, either_side=either_side)
    if math.isnan(needed):
        return f"more subjects than could be recruited: {where}, and the estimate lies close to it"
    return (
        f"about {needed:.0f} subjects instead of {evidence.n_subjects:.0f}, were the estimate the "
        f"truth (80 % power): {where}"
    )


def graded_but_for_p(evidence: Evidence, either_side: bool) -> bool:
    """Whether the interval is beyond the margin and only the p-value stands against it."""
    beyond = evidence.low > evidence.margin or (either_side and evidence.high < -evidence.margin)
    return beyond and graded(evidence, either_side=either_side) == OPEN


def lacking(reason: str, keyframe: str) -> str:
    """What would have to be there for a number that is undefined.

    Parameters
    ----------
    reason : str
        Why it is, as its table says.
    keyframe : str
        Whose number.

    Examples
    --------
    >>> lacking("can't be told: all 9 clips are cut at the human onset", "onset")
    'the uncut recordings: clips that begin before the onset'
    """
    if "cut at the human" in reason or "beyond the frames" in reason:
        beyond = BEYOND.get(keyframe, "reach beyond their labels")
        return f"the uncut recordings: clips that {beyond}"
    if "same model as the judge" in reason:
        return "another rule: this one rests on the model that judges it"
    if "coded as intervals" in reason:
        return "labels coded as single frames"
    if "posterior" in reason or "separable" in reason:
        return "sharper posteriors: more frames per second, less noise or stronger motion"
    if "can be judged" in reason or "undetectable" in reason:
        return "clips in which motion is visible"
    if "no " in reason and "among those given" in reason:
        return "datasets of both kinds in one table"
    if "needed" in reason or "fewer than" in reason or "single subject" in reason:
        return f"more subjects in the smaller group ({reason})"
    return f"values that differ ({reason})" if reason else "more subjects in the smaller group"


def of_judge(what: str) -> str:
    """How a number that the blind posterior judges is named; `relative` goes with it."""
    return f"{what} by {JUDGE}"


def relative(aside: str = "") -> str:
    """A caution about such a number."""
    return f"{RELATIVE}; {aside}" if aside else RELATIVE


def without_judge(scope: Scope) -> str:
    """What a dataset lacks whose labels nothing has judged; empty if something has."""
    return "" if JUDGE in scope.sources else f"no rows of {JUDGE}"


def judge_it() -> str:
    """What to do about it."""
    return f"the same labels re-selected with {JUDGE}, which looks at no label"
