"""Influence: the conclusions of a dataset without each of its subjects, and without a clip."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mebias import tables
from mebias.errors import counted
from mebias.quantification import holm
from mebias.quantification.batch import Batch, Found, contrasts
from mebias.quantification.checks import checked_shifts
from mebias.quantification.conclusion import conclusions
from mebias.quantification.sides import Primary, check_margin, primaries

Row = dict[str, object]
METHOD = (
    "random-intercept weights (REML, fitted anew), CR2 with Satterthwaite df; Holm over the "
    "keyframes; conclusions with and without by the same p-value"
)
_DESCRIBED = (
    "random-intercept weights (REML, fitted anew), CR2 with Satterthwaite df; conclusions from "
    "the interval alone"
)
_AT_ONCE = 1 << 18
"""Subjects times data sets that are held at a time."""
NO_TEST = "a mean shift is described, not tested"


def influence(
    shifts: pd.DataFrame,
    *,
    min_subjects: int = 5,
    conf_level: float = 0.95,
    margin_ms: float | None = None,
) -> pd.DataFrame:
    """What is concluded of the primary contrast and the mean shift without each subject.

    Per dataset and keyframe, on the source that tests rest on: each subject is left out in
    turn; so is each clip, of which those are told that change a conclusion, and in any case
    the one whose absence changes the estimate most (of several equal ones the first by name).

    Parameters
    ----------
    shifts : DataFrame
        A shifts table.
    min_subjects : int
        Contrasts with a side of fewer subjects are not tested, so that nothing can hang on a
        subject. Leaving one out of a side of just that many is allowed.
    conf_level : float
        Level of the intervals; 1 - conf_level is that of the conclusions.
    margin_ms : float, optional
        Margin of practical relevance; by default the larger of one frame and 10 ms.

    Returns
    -------
    DataFrame
        An influence table in ms, the largest changes first. ``ethnicity`` names the contrast,
        or is ``all`` for the mean shift of the dataset, which has no p-value. A conclusion
        tells whether there is a difference (contrast: Holm-adjusted p-value below the level;
        mean: 0 outside the interval), its sign, and whether the interval lies beyond the
        margin, within it, or neither (contrast: widened for the family of 3 keyframes).

    Raises
    ------
    TableError, OptionError
        The table or the margin cannot be used.

    Notes
    -----
    The p-values are those of CR2 throughout, also for the full data: permuting subjects anew
    for each of them takes minutes, and the two answer alike unless a test is at the brink.

    Examples
    --------
    >>> import mebias
    >>> table = influence(mebias.example())
    >>> table[["keyframe", "ethnicity", "left_out_kind"]].drop_duplicates().shape
    (12, 3)
    """
    check_margin(margin_ms)
    checked = checked_shifts(shifts)
    rows = [
        row
        for primary in primaries(checked, margin_ms)
        for row in _of_dataset(primary, min_subjects, conf_level)
    ]
    return tables.from_rows(rows, "influence")


def _of_dataset(primary: Primary, min_subjects: int, conf_level: float) -> Iterator[Row]:
    if primary.name:
        yield from _of_quantity(primary, primary.stated, True, min_subjects, conf_level)
    yield from _of_quantity(primary, primary.rows, False, 2, conf_level)


@dataclass(frozen=True)
class _Without:
    """One keyframe: row 0 is all the data, row 1 + i the data without item i."""

    found: Found
    n_clips: np.ndarray
    n_subjects: np.ndarray
    there: np.ndarray
    reason: str


def _of_quantity(
    primary: Primary, rows: pd.DataFrame, contrast: bool, min_subjects: int, conf_level: float
) -> Iterator[Row]:
    sums = _sums(rows)
    side_of = rows.drop_duplicates("subject").set_index("subject")["ethnicity"]
    for kind in ("subject", "clip"):
        names = sums[kind].unique()
        without = {
            k: _left_out(sums[sums["keyframe"] == k], names, kind, side_of, primary, contrast,
                         min_subjects)
            for k in tables.KEYFRAMES
        }  # fmt: skip
        adjusted = holm.adjust_rows(np.column_stack([w.found.p_value for w in without.values()]))
        for place, (keyframe, found) in enumerate(without.items()):
            p = (found.found.p_value, adjusted[:, place]) if contrast else None
            yield from _rows(primary, keyframe, kind, names, found, p, conf_level)


def _sums(rows: pd.DataFrame) -> pd.DataFrame:
    """Number, sum and sum of squares of each clip's shifts (several coders: several values).

    Shifts are centered on the dataset's mean per keyframe, so that squares lose no digits.
    """
    center = rows.groupby("keyframe")["shift_ms"].transform("mean").round(6)
    shifted = rows["shift_ms"] - center
    clip = rows["clip"]
    if rows.drop_duplicates(["subject", "clip"])["clip"].duplicated().any():
        clip = rows["subject"] + "/" + clip
    table = pd.DataFrame({"keyframe": rows["keyframe"], "subject": rows["subject"], "clip": clip})
    table = table.assign(n=1.0, sum=shifted, square=shifted**2, center=center)
    by = ["keyframe", "subject", "clip"]
    return table.groupby(by, as_index=False).agg(
        {"n": "sum", "sum": "sum", "square": "sum", "center": "first"}
    )


def _left_out(
    own: pd.DataFrame,
    names: np.ndarray,
    kind: str,
    side_of: pd.Series,
    primary: Primary,
    contrast: bool,
    min_subjects: int,
) -> _Without:
    """All the data of a keyframe, then the data without each name."""
    subjects, code = np.unique(own["subject"].to_numpy(dtype=str), return_inverse=True)
    values = np.stack([own[c].to_numpy(dtype=float) for c in ("n", "sum", "square")])
    item = pd.Index(names).get_indexer(own[kind]) + 1
    first = side_of.reindex(subjects).to_numpy() == primary.groups[0] if contrast else None
    members = [np.ones(len(subjects))] if first is None else [first, ~first]
    n_rows, step = 1 + len(names), max(1, _AT_ONCE // max(1, len(subjects)))
    parts = [
        _contrasted(_without(values, code, len(subjects), item, start, min(start + step, n_rows)),
                    members)
        for start in range(0, n_rows, step)
    ]  # fmt: skip
    estimate, error, df, flat, n_subjects = map(np.concatenate, zip(*parts, strict=True))
    center = 0.0 if contrast or own.empty else float(own["center"].iloc[0])
    n_clips = np.full(n_rows, float(len(own))) - np.bincount(item, minlength=n_rows)
    present = np.bincount(code, minlength=len(subjects)) > 0
    error = np.where(flat, np.nan, error)
    reason = _reason(present, members, bool(flat[0]), primary, min_subjects)
    if reason:
        error = np.full(n_rows, np.nan)
    return _Without(
        Found(estimate + center, error, np.where(np.isnan(error), np.nan, df)),
        n_clips,
        n_subjects,
        np.isin(np.arange(n_rows), item),
        reason,
    )


def _without(
    values: np.ndarray, code: np.ndarray, n_subjects: int, item: np.ndarray, start: int, stop: int
) -> Batch:
    """Some data sets: 0 is all the data, i the data without item i."""
    here = (start <= item) & (item < stop)
    arrays = []
    for own in values:
        array = np.tile(np.bincount(code, own, minlength=n_subjects), (stop - start, 1))
        np.subtract.at(array, (item[here] - start, code[here]), own[here])
        arrays.append(array)
    sizes, sums, squares = arrays
    present = sizes > 0.5
    means = np.where(present, sums / np.maximum(sizes, 1), 0.0)
    within = np.where(present, squares - sizes * means**2, 0.0)
    return Batch(np.where(present, sizes, 0.0), means, np.maximum(within.sum(axis=1), 0.0))


def _contrasted(batch: Batch, members: list[np.ndarray]) -> tuple[np.ndarray, ...]:
    """Estimates, errors, degrees of freedom, whether there is no spread, numbers of subjects."""
    found = contrasts(batch, members, "subject")
    spread = [found.std_error]
    if len(members) > 1:  # a side without spread between its subjects cannot be tested
        spread = [contrasts(batch, [m], "subject-mean").std_error for m in members]
    flat = ~(np.min(spread, axis=0) > 0)
    return found.estimate, found.std_error, found.df, flat, (batch.sizes > 0).sum(axis=1)


def _reason(
    present: np.ndarray,
    members: list[np.ndarray],
    flat: bool,
    primary: Primary,
    min_subjects: int,
) -> str:
    """Why a keyframe has no interval even with all its subjects."""
    names = ["the dataset"] if len(members) == 1 else [primary.groups[0], "the others"]
    for name, member in zip(names, members, strict=True):
        count = int((present & member.astype(bool)).sum())
        if count < min_subjects:
            told = counted(count, "subject")
            return f"{name}: {told} with a usable label, {min_subjects} needed"
    return "all subjects of a side have the same mean shift" if flat else ""


def _rows(
    primary: Primary,
    keyframe: str,
    kind: str,
    names: np.ndarray,
    without: _Without,
    p: tuple[np.ndarray, np.ndarray] | None,
    conf_level: float,
) -> Iterator[Row]:
    found = without.found
    half = found.half_width(conf_level)
    adjusted = None if p is None else p[1]
    words = conclusions(found, adjusted, primary.margin_ms, conf_level)
    empty = np.full(len(half), np.nan)
    p_cr2, p_adjusted = (empty, empty) if p is None else p
    estimate = found.estimate
    fixed = primary.place | {
        "keyframe": keyframe,
        "ethnicity": primary.name if p is not None else tables.ALL,
        "quantity": "mean_shift" if p is None else "mean_shift_difference",
        "left_out_kind": kind,
        "unit": "ms",
        "conf_level": conf_level,
        "full_estimate": estimate[0],
        "full_conf_low": estimate[0] - half[0],
        "full_conf_high": estimate[0] + half[0],
        "full_p": p_cr2[0],
        "full_p_adjusted": p_adjusted[0],
        "full_conclusion": words[0],
        "margin": primary.margin_ms,
        "method": _DESCRIBED if p is None else METHOD,
    }
    if without.reason or not without.there.any():
        reason = without.reason or "no usable label"
        count = {"n_clips": without.n_clips[0], "n_subjects": without.n_subjects[0]}
        yield fixed | count | {"reason": reason}
        return
    told = np.flatnonzero(without.there)
    order = np.lexsort(
        (names[told - 1].astype(str), -np.abs(estimate[told] - estimate[0]).round(9))
    )
    told = told[order]
    changed = np.array([words[i] != words[0] for i in told])
    if kind == "clip":
        changed_or_first = changed.copy()
        changed_or_first[0] = True
        told = told[changed_or_first]
    for i in told:
        yield fixed | {
            "left_out": str(names[i - 1]),
            "estimate": estimate[i],
            "conf_low": estimate[i] - half[i],
            "conf_high": estimate[i] + half[i],
            "p_cr2": p_cr2[i],
            "p_adjusted": p_adjusted[i],
            "change": estimate[i] - estimate[0],
            "conclusion": words[i],
            "changes_conclusion": words[i] != words[0],
            "n_clips": without.n_clips[i],
            "n_subjects": without.n_subjects[i],
            "reason": _why_nan(half[i], p is None),
        }


def _why_nan(half: float, described: bool) -> str:
    if math.isnan(half):
        return "without it a side has fewer than two subjects, or no spread"
    return NO_TEST if described else ""
