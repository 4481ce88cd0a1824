"""Contrasts of groups adjusted for what was shown: emotion, region of the face, phase.

Secondary. Labels of subjects are not permuted here, because a group is not exchangeable
given covariates that go with it; the tests are CR2 Wald tests of least squares on clips.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mebias import tables
from mebias.errors import OptionError, counted
from mebias.quantification import cr2
from mebias.quantification.blind import JUDGE
from mebias.quantification.checks import usable
from mebias.quantification.comparison import Comparison, Row
from mebias.quantification.contrasts import families_of, holm_adjusted, primary_parts
from mebias.quantification.interval import t_half_width

POOLED = "other"
MIN_LEVEL_SUBJECTS = 3
"""Levels of a covariate with fewer subjects are pooled."""
FEW_DF = 4.0
"""Below this Satterthwaite and HTZ approximations are poor (Pustejovsky and Tipton 2018)."""
UPPER_AUS = frozenset({1, 2, 4, 5, 6, 7, 41, 42, 43, 44, 45, 46})
LOWER_AUS = frozenset({*range(8, 40)})
_PLACE = ["dataset", "source", "distance"]
_CLIP = ["dataset", "subject", "clip", "coder", "pass"]


@dataclass(frozen=True)
class Covariates:
    """Columns of the design beside the groups, and how they came about."""

    names: tuple[str, ...]
    columns: np.ndarray
    usable: np.ndarray
    notes: tuple[str, ...]


def adjusted_contrasts(
    shifts: pd.DataFrame,
    *,
    clips: pd.DataFrame | None = None,
    phase: str = "without",
    min_subjects: int = 5,
    conf_level: float = 0.95,
    margin_ms: float | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Contrast groups with emotion, region of the action units and phase being equal.

    Least squares of the shift (ms) on group and covariates, one row per clip, with CR2 and
    an independence working model. The family ``adjusted`` holds, per dataset, the largest
    group against all others and, from three groups with enough subjects on, the equality
    of all groups, at each keyframe.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts; the primary source is used. ``aus`` is used if there.
    clips : DataFrame, optional
        A clips table with ``aus``, the action units of each clip.
    phase : {"without", "blind", "none"}
        The covariate log phase: the part of the human labels that does not contain the
        tested keyframe (fall for the onset, rise for the offset, both for the apex); the
        length between onset and offset of the blind posterior (``motion-blind`` rows of the
        same table); none. A phase that contains the tested label contains the outcome.
    min_subjects : int
        Sides with fewer subjects are not tested.
    conf_level : float
        Level of the intervals.
    margin_ms : float, optional
        Margin of practical relevance; by default the larger of one frame and 10 ms.

    Returns
    -------
    tests : DataFrame
        A tests table; ``method`` names the covariates and the clips left out for want of
        them. Where the group cannot be told apart from covariates: NaN and the reason.
    estimates : DataFrame
        ``adjusted_difference`` (ms) of the two-sided contrasts.

    Raises
    ------
    OptionError
        A phase that is unknown, not there, or part of the shifts themselves.

    Examples
    --------
    >>> import mebias
    >>> from mebias.quantification.checks import checked_shifts
    >>> tests, _ = adjusted_contrasts(checked_shifts(mebias.example()))
    >>> tests[["family", "ethnicity", "keyframe"]].iloc[0].tolist()
    ['adjusted', 'A vs others', 'onset']
    """
    if phase not in ("without", "blind", "none"):
        raise OptionError(f"phase is {phase!r}; expected without, blind or none.")
    tests: list[Row] = []
    estimates: list[Row] = []
    with_aus = _with_aus(shifts, clips)
    for rows, margin in primary_parts(with_aus, margin_ms):
        lengths = _phases(rows, shifts, phase)
        families = {f.name: f.comparisons for f in families_of(rows, min_subjects)}
        comparisons = (*families["primary"], *families.get("heterogeneity", ()))
        made: list[Row] = []
        for comparison in comparisons:
            test, found = _tested(rows, comparison, lengths, min_subjects, conf_level)
            shared = {"family": "adjusted", "family_size": len(comparisons), "margin": margin}
            made.append(shared | test)
            estimates += found
        tests += holm_adjusted(made)
    return tables.from_rows(tests, "tests"), tables.from_rows(estimates, "estimates")


def region(aus: str) -> str:
    """Part of the face that action units lie in: upper, lower, both, or empty.

    Numbers of the units in any notation count; heads and eyes (from 50 on) do not.

    >>> [region(text) for text in ("4+7", "AU4, R12A", "T28", "", "57")]
    ['upper', 'both', 'lower', '', '']
    """
    numbers = {int(number) for number in re.findall(r"\d+", aus)}
    upper, lower = bool(numbers & UPPER_AUS), bool(numbers & LOWER_AUS)
    return "both" if upper and lower else "upper" if upper else "lower" if lower else ""


def pooled_levels(levels: Sequence[str], subjects: Sequence[str]) -> np.ndarray:
    """Levels with fewer than three subjects, and blank ones, as one: ``other``.

    >>> pooled_levels(["sad"] * 3 + ["Sad", "fear"], list("abcde")).tolist()
    ['sad', 'sad', 'sad', 'sad', 'other']
    """
    names = np.array([level.strip().casefold() for level in levels], dtype=object)
    whose: dict[str, set[str]] = {}
    for name, subject in zip(names, subjects, strict=True):
        whose.setdefault(name, set()).add(subject)
    kept = {name for name, own in whose.items() if name and len(own) >= MIN_LEVEL_SUBJECTS}
    return np.array([name if name in kept else POOLED for name in names], dtype=object)


def _with_aus(shifts: pd.DataFrame, clips: pd.DataFrame | None) -> pd.DataFrame:
    if clips is None:
        return shifts if "aus" in shifts else shifts.assign(aus="")
    by = ["dataset", "subject", "clip"]
    known = tables.conform(clips, "clips")[[*by, "aus"]].drop_duplicates(by)
    rows = shifts.drop(columns="aus", errors="ignore")
    return rows.merge(known, on=by, how="left").fillna({"aus": ""})


def _phases(rows: pd.DataFrame, shifts: pd.DataFrame, phase: str) -> pd.Series | None:
    """Length of the phase of each row (frames), by index of the row; None for no phase."""
    if phase == "none":
        return None
    if phase == "without":
        rise, fall = rows["rise_frames"], rows["fall_frames"]
        of_keyframe = {"onset": fall, "apex": rise + fall, "offset": rise}
        lengths = pd.Series(np.nan, index=rows.index)
        for keyframe, length in of_keyframe.items():
            lengths = lengths.where(rows["keyframe"] != keyframe, length)
        return lengths
    if rows["source"].iloc[0] == JUDGE:
        raise OptionError(
            f"the phase of {JUDGE} is part of its own shifts; adjust them with phase='without'."
        )
    blind = shifts[(shifts["source"] == JUDGE) & (shifts["dataset"] == rows["dataset"].iloc[0])]
    if blind.empty:
        raise OptionError(
            f"the table has no rows of {JUDGE} to take the phase from; re-select with the rule "
            f"{JUDGE} too, or take phase='without'."
        )
    placed = blind[blind["selected_status"] == "selected"]
    wide = placed.pivot_table(index=_CLIP, columns="keyframe", values="selected", observed=True)
    wide = wide.reindex(columns=list(tables.KEYFRAMES))
    length = (wide["offset"] - wide["onset"]).clip(lower=0).rename("length").reset_index()
    found = rows[_CLIP].merge(length, on=_CLIP, how="left")["length"]
    return pd.Series(found.to_numpy(dtype=float), index=rows.index)


def _tested(
    rows: pd.DataFrame,
    comparison: Comparison,
    lengths: pd.Series | None,
    min_subjects: int,
    conf_level: float,
) -> tuple[Row, list[Row]]:
    """One row of the tests table, and its estimate."""
    side_of = {g: side for side, names in enumerate(comparison.sides) for g in names}
    own = rows[
        usable(rows) & (rows["keyframe"] == comparison.keyframe) & rows["ethnicity"].isin(side_of)
    ]
    own = own.sort_values(["subject", "clip"], kind="stable")  # sums round alike in any order
    covariates = _covariates(own, None if lengths is None else lengths[own.index])
    own = own[covariates.usable]
    sides = own["ethnicity"].map(side_of).to_numpy(dtype=int)
    place: Row = {column: rows[column].iloc[0] for column in _PLACE} | {
        "keyframe": comparison.keyframe,
        "ethnicity": comparison.name,
        "unit": "ms",
        "n_clips": len(own.drop_duplicates(["subject", "clip"])),
        "n_subjects": own["subject"].nunique(),
        "method": _described(covariates),
    }
    what = " and ".join(covariates.names) or "nothing else"
    test = place | {"hypothesis": f"{comparison.hypothesis}, {what} being equal"}
    subjects = own["subject"].to_numpy(dtype=object)
    values = own["shift_ms"].to_numpy(dtype=float)
    reason = _not_testable(values, subjects, sides, comparison, min_subjects)
    design, n_groups = _design(sides, covariates.columns, len(comparison.sides))
    if not reason and n_groups < len(comparison.sides) - 1:
        reason = f"the groups cannot be told apart from {what}"
    if not reason:
        fitted = cr2.fit(design, values, subjects)
        if np.diag(fitted.covariance)[1 : 1 + n_groups].min() <= 1e-18 * max(1.0, values.var()):
            reason = "group and covariates fit the shifts without a rest"
    if reason:
        return test | {"estimate": math.nan, "p_value": math.nan, "reason": reason}, []
    return _made(test, place, fitted, n_groups, conf_level)


def _made(
    test: Row, place: Row, fitted: cr2.Fit, n_groups: int, conf_level: float
) -> tuple[Row, list[Row]]:
    constraints = np.eye(len(fitted.coefficients))[1 : 1 + n_groups]
    if n_groups > 1:
        found = cr2.wald(fitted, constraints)
        effects = np.r_[0.0, fitted.coefficients[1 : 1 + n_groups]]
        estimate, low, high = float(np.ptp(effects)), math.nan, math.nan
    else:
        found = cr2.contrast(fitted, constraints[0])
        half = t_half_width(found.std_error, found.df, conf_level)
        estimate, low, high = found.estimate, found.estimate - half, found.estimate + half
    method = str(test["method"])
    if n_groups > 1:
        method += "; HTZ; the estimate is the largest adjusted difference between two groups"
    if not found.df >= FEW_DF:
        method += f"; with {found.df:.1f} degrees of freedom the p-value is rough"
    numbers: Row = {"estimate": estimate, "conf_low": low, "conf_high": high, "df": found.df}
    test = test | numbers | {
        "statistic": found.statistic,
        "p_cr2": found.p_value,
        "p_value": found.p_value,
        "method": method,
        "reason": "" if math.isfinite(found.p_value) else "too few degrees of freedom",
    }  # fmt: skip
    if n_groups > 1:
        return test, []
    more = {"std_error": found.std_error, "conf_level": conf_level, "method": method}
    named = {"quantity": "adjusted_difference", "weighting": "clip"}
    return test, [place | named | numbers | more]


def _covariates(own: pd.DataFrame, lengths: pd.Series | None) -> Covariates:
    """Dummies of emotion and region, and log phase, for the rows that have a phase."""
    keep = np.ones(len(own), dtype=bool)
    notes, names, columns = [], [], []
    if lengths is not None:
        keep = lengths.notna().to_numpy()
        if not keep.all():
            notes.append(f"{int((~keep).sum())} of {len(own)} rows without a phase left out")
    rows = own[keep]
    subjects = rows["subject"].tolist()
    for name, levels in (
        ("emotion", rows["emotion"].tolist()),
        ("region of the action units", [region(text) for text in rows["aus"]]),
    ):
        pooled = pooled_levels(levels, subjects)
        found = sorted(set(pooled))
        if len(found) < 2:
            notes.append(f"{name}: a single level, left out")
            continue
        names.append(name)
        notes.append(f"{name}: {', '.join(found)}")
        columns += [(pooled == level).astype(float) for level in found[1:]]
    if lengths is not None:
        frame_ms = 1000.0 / rows["fps"].to_numpy(dtype=float)
        length = np.log((lengths.to_numpy(dtype=float)[keep] + 1) * frame_ms)
        if len(length) and np.ptp(length) > 0:
            names.append("log phase")
            columns.append(length - length.mean())
    matrix = np.column_stack(columns) if columns else np.empty((len(rows), 0))
    return Covariates(tuple(names), matrix, keep, tuple(notes))


def _design(sides: np.ndarray, covariates: np.ndarray, n_sides: int) -> tuple[np.ndarray, int]:
    """Intercept, groups that covariates do not imply, and covariates that say something new.

    For two sides the column is 1 on the first, so that its coefficient is first - second.
    """
    groups = np.column_stack([sides == side for side in range(n_sides - 1)]).astype(float)
    intercept = np.ones((len(sides), 1))
    implied = _independent(np.hstack([intercept, covariates, groups]))
    n_groups = sum(place > covariates.shape[1] for place in implied)
    full = np.hstack([intercept, groups, covariates])
    return full[:, _independent(full)], n_groups


def _independent(matrix: np.ndarray) -> list[int]:
    """Places of the columns that are no linear combination of those before them."""
    kept: list[int] = []
    basis = np.empty((len(matrix), 0))
    for place, column in enumerate(matrix.T):
        rest = column - basis @ (basis.T @ column)
        rest = rest - basis @ (basis.T @ rest)
        length = float(np.linalg.norm(rest))
        if length > 1e-8 * max(float(np.linalg.norm(column)), 1e-300):
            basis = np.column_stack([basis, rest / length])
            kept.append(place)
    return kept


def _not_testable(
    values: np.ndarray,
    subjects: np.ndarray,
    sides: np.ndarray,
    comparison: Comparison,
    min_subjects: int,
) -> str:
    for side, names in enumerate(comparison.sides):
        n = len(set(subjects[sides == side]))
        if n < min_subjects:
            who = names[0] if len(names) == 1 else "the others"
            return (
                f"{who}: {counted(n, 'subject')} with a usable {comparison.keyframe} "
                f"and all covariates, {min_subjects} needed"
            )
    return f"all {len(values)} shifts are equal" if np.ptp(values) == 0 else ""


def _described(covariates: Covariates) -> str:
    return "; ".join(
        ["secondary; least squares on clips, CR2 with an independence working model, "
         "Satterthwaite df", *covariates.notes]
    )  # fmt: skip
