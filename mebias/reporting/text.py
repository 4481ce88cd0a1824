"""Sentences made from the tables: every number in them stands in a table of the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from mebias import tables
from mebias.reporting.formats import (
    amount,
    count,
    is_missing,
    joined,
    number,
    p_value,
    share,
    with_interval,
)
from mebias.reporting.lookup import Estimates, Part, Value, records

PLURAL = {"onset": "onsets", "apex": "apexes", "offset": "offsets"}
ALPHA = 0.05
OUTCOME = {"quiet": "no false alarm"}
"""How an outcome of ``planted`` is called where its name alone does not say it."""
_OUTCOMES = {
    "found": ("found", "found"), "missed": ("missed", "missed"),
    "quiet": ("without a false alarm", "without a false alarm"), "false alarm": ("false alarm",),
    "can't be told": ("that can't be told", "that can't be told"),
}  # fmt: skip


def group_sizes(shifts: pd.DataFrame) -> dict[str, int]:
    """Subjects per group, largest group first.

    >>> import pandas as pd
    >>> group_sizes(pd.DataFrame({"ethnicity": ["B", "A", "A"], "subject": ["1", "2", "3"]}))
    {'A': 2, 'B': 1}
    """
    sizes = shifts.groupby("ethnicity")["subject"].nunique()
    ordered = sorted(sizes.items(), key=lambda item: (-item[1], str(item[0])))
    return {str(name): int(n) for name, n in ordered}


def groups_phrase(sizes: dict[str, int]) -> str:
    """Groups and their subjects in words.

    >>> groups_phrase({"A": 6, "B": 1}), groups_phrase({"all": 3}), groups_phrase({"unknown": 3})
    ('2 groups (A 6, B 1)', 'no groups stated', 'no groups stated')
    """
    stated = {g: n for g, n in sizes.items() if g not in (tables.ALL, tables.UNKNOWN)}
    if not stated:
        return "no groups stated"
    inside = ", ".join(f"{group} {n}" for group, n in stated.items())
    if tables.UNKNOWN in sizes:
        inside += f", not stated {sizes[tables.UNKNOWN]}"
    return f"{count(len(stated), 'group')} ({inside})"


def data_sentence(n_clips: int, sizes: dict[str, int]) -> str:
    """What the numbers rest on.

    >>> data_sentence(1, {"A": 1})
    'The numbers rest on 1 clip of 1 subject, in 1 group (A 1).'
    """
    subjects = count(sum(sizes.values()), "subject")
    return (
        f"The numbers rest on {count(n_clips, 'clip')} of {subjects}, "
        f"{'in ' if groups_phrase(sizes)[0].isdigit() else 'with '}{groups_phrase(sizes)}."
    )


def moved_sentence(estimates: Estimates, part: Part) -> str:
    """How many keyframes the rule moved and how many could not move; empty if unknown."""
    moved = _each(estimates, part, "share_moved", _in_per_cent)
    stuck = _each(estimates, part, "share_immovable", _in_per_cent)
    if not moved:
        return ""
    parts = [f"{text} of {PLURAL[k]}" for k, text in moved.items()]
    sentence = f"{part.label} moved {joined(parts)}."
    if not stuck:
        return sentence
    if len(stuck) > 1 and stuck.keys() == moved.keys() and len(set(stuck.values())) == 1:
        return f"{sentence} Windows left {next(iter(stuck.values()))} of each no room to move."
    parts = [f"{text} of {PLURAL[k]}" for k, text in stuck.items()]
    return f"{sentence} Windows left no room to move to {joined(parts)}."


def shift_sentence(estimates: Estimates, part: Part) -> str:
    """Mean shifts of all subjects beside what random frames would give; empty if unknown."""
    means = _each(estimates, part, "mean_shift", _ms, unit="ms")
    if not means:
        return ""
    told = [f"{PLURAL[k]} by {t}" for k, t in means.items()]
    sentence = f"{part.label} shifted {joined(told)} ms on average"
    nulls = _each(estimates, part, "uniform_null_mean", _ms, unit="ms")
    if set(nulls) != set(means):
        return f"{sentence}."
    return (
        f"{sentence}; a frame drawn at random from the same windows would shift them by "
        f"{joined(list(nulls.values()))} ms."
    )


def contrast_sentence(tests: pd.DataFrame, sizes: dict[str, int], min_subjects: int) -> str:
    """What the primary family of tests says, or why there is none.

    Parameters
    ----------
    tests : DataFrame
        Tests of one dataset.
    sizes : dict
        Subjects per group.
    min_subjects : int
        Smaller groups are described only.
    """
    primary = tests[tests["family"].str.startswith("primary")]
    tested = primary[primary["p_adjusted"].notna()]
    if tested.empty:
        return no_contrast_sentence(primary, sizes, min_subjects)
    low = tested[tested["p_adjusted"] < ALPHA]
    n = count(len(tested), "primary contrast")
    if low.empty:
        least = p_value(float(tested["p_adjusted"].min()))
        who = f"The {n}" if len(tested) == 1 else f"None of the {n}"
        verb = "is not" if len(tested) == 1 else "is"
        return (
            f"{who} between groups {verb} distinguishable from 0 after Holm's adjustment "
            f"(smallest adjusted {least}){_still_possible(tested)}"
        )
    found = [
        f"{row['keyframe']}, {row['ethnicity']} {_contrast(row)}, "
        f"adjusted {p_value(row['p_adjusted'])}"
        for row in records(low)
    ]
    of = "The" if len(tested) == 1 else f"{len(low)} of the"
    verb = "differs" if len(low) == 1 else "differ"
    return f"{of} {n} between groups {verb} from 0 after Holm's adjustment: {'; '.join(found)}."


def no_contrast_sentence(primary: pd.DataFrame, sizes: dict[str, int], min_subjects: int) -> str:
    """Why no contrast between groups was tested.

    >>> from mebias import tables
    >>> no_contrast_sentence(tables.empty("tests"), {"A": 9}, 5)
    'No contrast between groups is possible: all subjects belong to one group (A).'
    """
    stated = [g for g in sizes if g not in (tables.ALL, tables.UNKNOWN)]
    large = [g for g in stated if sizes[g] >= min_subjects]
    reasons = [r for r in primary["reason"].unique() if r] if len(primary) else []
    if not stated:
        return (
            "No contrast between groups is possible: nobody has stated which group a subject "
            "belongs to."
        )
    if len(stated) == 1:
        return (
            f"No contrast between groups is possible: all subjects belong to one group "
            f"({stated[0]})."
        )
    if len(large) < 2 and not reasons:
        return (
            f"No contrast between groups is tested: fewer than two groups have "
            f"{count(min_subjects, 'subject')} or more."
        )
    why = reasons[0].rstrip(".") if reasons else "the estimates are undefined"
    return f"No contrast between groups could be tested: {why}."


def small_groups(sizes: dict[str, int], min_subjects: int) -> list[str]:
    """Groups that are described, not tested.

    >>> small_groups({"A": 9, "B": 2, "all": 1}, 5)
    ['B']
    """
    aside = (tables.ALL, tables.UNKNOWN)
    return [g for g, n in sizes.items() if n < min_subjects and g not in aside]


def planted_sentence(planted: pd.DataFrame) -> str:
    """What was planted in a simulated cohort and what became of it.

    >>> from mebias import tables
    >>> planted_sentence(tables.empty("planted"))
    'Nothing is known about what was planted.'
    """
    if planted["planted_error_ms"].isna().all():
        return "Nothing is known about what was planted."
    apart = planted[planted["planted_error_ms"].fillna(0) != 0]
    outcomes = planted["outcome"].value_counts(sort=False)
    told = joined([count(int(n), *_OUTCOMES[str(outcome)]) for outcome, n in outcomes.items()])
    of = count(len(planted), "contrast")
    if apart.empty:
        alike = "Nothing was planted (all groups' coders err alike)"
        if set(outcomes.index) == {"quiet"}:
            return f"{alike}, and nothing was found in any of {of}."
        return f"{alike}; of {of}: {told}."
    first = [
        f"{row['contrast']}, {row['keyframe']}: planted {amount(row['planted_error_ms'], 'ms')} ms "
        f"of label error, found a shift of "
        f"{with_interval(row['found_shift_ms'], row['conf_low'], row['conf_high'], 'ms')} ms "
        f"({OUTCOME.get(row['outcome'], row['outcome'])})"
        for row in apart.head(3).to_dict("records")
    ]
    return f"{'; '.join(first)}. Of {of}: {told}."


def claims_sentence(claims: pd.DataFrame) -> str:
    """How many claims have which grade.

    >>> from mebias import tables
    >>> claims_sentence(tables.empty("claims"))
    'No claim is graded in this report.'
    """
    if claims.empty:
        return "No claim is graded in this report."
    sizes = claims["grade"].value_counts()
    order = ["supported", "not supported", "can't be told"]
    told = joined([f"{int(sizes[grade])} {grade}" for grade in order if grade in sizes])
    return f"Of {count(len(claims), 'claim')}: {told}."


def revised_sentence(estimates: Estimates, part: Part) -> str:
    """How many labels were revised, per keyframe; empty if unknown."""
    found = _each(
        estimates, part, "share_moved",
        lambda v: with_interval(v.estimate, v.low, v.high, v.unit),
    )  # fmt: skip
    if not found:
        return ""
    where = "" if part.stratum == tables.ALL else f"Of the {part.stratum}-expressions: "
    told = joined([f"{text} of {PLURAL[k]}" for k, text in found.items()])
    return f"{where}revised were {told}." if where else f"Revised were {told}."


def direction_sentence(estimates: Estimates, part: Part) -> str:
    """Which way and how far the most revised keyframe moved; empty if unknown."""
    shares = {
        k: v
        for k in estimates.keyframes(part)
        if (v := estimates.get(part, k, "share_moved")) and not is_missing(v.estimate)
    }
    if not shares:
        return ""
    most = max(shares, key=lambda k: shares[k].estimate)
    later, earlier = (estimates.get(part, most, q) for q in ("share_later", "share_earlier"))
    far = estimates.get(part, most, "mean_shift_moved", unit="ms")
    if later is None or earlier is None or is_missing(later.estimate):
        return ""
    size = ""
    if far is not None and not is_missing(far.estimate):
        size = f"; revised ones moved by {_ms(far)} ms on average"
    return (
        f"Most revised was the {most}: {share(later.estimate)} of all clips moved later, "
        f"{share(earlier.estimate)} earlier{size}."
    )


def unevenness_sentence(estimates: Estimates, part: Part) -> str:
    """On how many subjects revisions fell, per keyframe; empty if unknown."""
    found = _each(estimates, part, "share_subjects_revised", lambda v: share(v.estimate))
    if not found:
        return ""
    told = joined([f"{text} ({PLURAL[k]})" for k, text in found.items()])
    sentence = f"At least one label was revised in {told} of the subjects"
    iccs = _each(estimates, part, "icc_revised", lambda v: number(v.estimate, 2))
    if not iccs:
        return f"{sentence}."
    inside = ", ".join(f"{k} {t}" for k, t in iccs.items())
    return f"{sentence}; intraclass correlation of being revised: {inside}."


def transition_sentence(transitions: pd.DataFrame) -> str:
    r"""What became of the expressions whose type changed; empty if none did.

    >>> from mebias import tables
    >>> row = {"source": "v2", "type_old": "micro", "type_new": "macro", "n_clips": 64,
    ...        "share": 0.4}
    >>> transition_sentence(tables.from_rows([row], "transitions"))
    '64 expressions that were micro are macro now (40\xa0% of the old micro).'
    """
    changed = transitions[transitions["type_old"] != transitions["type_new"]]
    changed = changed[changed["n_clips"] > 0]
    told = []
    for row in records(changed.sort_values("n_clips", ascending=False, kind="stable")):
        verb = "that was" if row["n_clips"] == 1 else "that were"
        of = "" if is_missing(row["share"]) else f" ({_share(row)} of the old"
        of += f" {row['type_old']})" if of else ""
        is_now = "is" if row["n_clips"] == 1 else "are"
        told.append(
            f"{count(row['n_clips'], 'expression')} {verb} {row['type_old'] or 'untyped'} "
            f"{is_now} {row['type_new'] or 'untyped'} now{of}"
        )
    return f"{'; '.join(told)}." if told else ""


def _each(
    estimates: Estimates,
    part: Part,
    quantity: str,
    show: Callable[[Value], str],
    *,
    unit: str | None = None,
) -> dict[str, str]:
    """A quantity of all subjects per keyframe, printed; undefined ones left out."""
    found = {}
    for keyframe in estimates.keyframes(part):
        value = estimates.get(part, keyframe, quantity, unit=unit)
        if value is not None and not is_missing(value.estimate):
            found[keyframe] = show(value)
    return found


def _share(row: Mapping[str, Any]) -> str:
    return with_interval(row["share"], row["conf_low"], row["conf_high"], "share")


def _in_per_cent(value: Value) -> str:
    return with_interval(value.estimate, value.low, value.high, "share")


def _ms(value: Value) -> str:
    return with_interval(value.estimate, value.low, value.high, "ms")


def _contrast(row: dict[str, object]) -> str:
    value, low, high = (float(str(row[c])) for c in ("estimate", "conf_low", "conf_high"))
    unit = str(row["unit"])
    shown = with_interval(value, low, high, unit)
    return f"{shown} {unit}" if unit not in ("", "share") else shown


def _still_possible(tested: pd.DataFrame) -> str:
    if tested["conf_low"].isna().any() or tested["conf_high"].isna().any():
        return "."
    if len(set(tested["unit"])) != 1:
        return "."
    unit = tested["unit"].iloc[0]
    low, high = float(tested["conf_low"].min()), float(tested["conf_high"].max())
    shown = f"{amount(low, unit)} to {amount(high, unit)}"
    return f"; the intervals reach from {shown} {unit}, so effects of that size remain possible."
