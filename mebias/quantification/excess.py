"""Excess of shifts over what a rule does to labels that are noise, right, or right on average.

Clip by clip the mean shift under a null (`mebias.selection.nulls`) is taken from the shift, and
the differences are averaged with a subject-clustered interval. What the excess may be called:

- over ``accurate`` (labels without error): annotation noise or bias;
- over ``unbiased`` (errors of mean 0 and the coders' spread): bias.

Clips that are cut at the human label show one side of it alone, and what is rebuilt from them
is no null of theirs: they are left out, and where no other clip is there, neither an interval
nor the word bias is given.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from mebias import tables
from mebias.errors import TableError
from mebias.quantification.blind import cut_at_labels, cut_reason, groups_of
from mebias.quantification.checks import usable
from mebias.quantification.interval import Interval, t_half_width, undefined
from mebias.quantification.means import mean_interval
from mebias.quantification.shares import share_interval
from mebias.selection.null_clips import UNDETECTABLE

Row = dict[str, object]
_KEY = ["dataset", "clip", "source", "distance", "coder", "pass", "keyframe"]
_PART = ["dataset", "source", "distance"]
_SLOPES = [f"slope_{keyframe}" for keyframe in tables.KEYFRAMES]
_NULLS = ("accurate", "unbiased")
_MEANING = {
    "accurate": "over labels without error: annotation noise or bias",
    "unbiased": "over labels with errors of mean 0: bias",
}
_WITHHELD = "in clips cut at their labels: annotation noise or bias"
_CARRIED = (
    "standard errors of the coders' SDs carried by the delta method, as independent of each other "
    "and of the shifts"
)
_KNOWN = "the coders' SDs taken as known"


def excess_estimates(
    shifts: pd.DataFrame, nulls: pd.DataFrame, *, conf_level: float = 0.95
) -> pd.DataFrame:
    """Estimate by how much shifts exceed those under nulls.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts (`checked_shifts`).
    nulls : DataFrame
        A nulls table (`mebias.selection.nulls.nulls`) of the same labels.
    conf_level : float
        Level of every interval.

    Returns
    -------
    DataFrame
        An estimates table per dataset, source, distance, group and keyframe, weighting
        ``subject``, of the clips that have both a shift and the null:
        ``accurate_null_mean`` and ``unbiased_null_mean`` (ms), ``mean_excess_accurate`` and
        ``mean_excess_unbiased`` (ms; shift minus the null's mean, positive = later), and
        ``share_undetectable``, the share of clips in which nothing moves detectably, which have
        no such null. NaN with a reason where no clip has both. Clips cut at the label (at
        either end, for the apex) do not count; where all are, the estimate has no interval but
        a reason, and is called "annotation noise or bias" over ``unbiased`` too.

    Raises
    ------
    TableError
        The nulls were made for other labels, or hold a clip's null twice.

    Notes
    -----
    The variance of the excess over ``unbiased`` is the clustered one plus, for each keyframe
    whose coder SD has a standard error, (that error times the mean slope of the null's mean in
    that SD) squared. The degrees of freedom are Satterthwaite's, the added part counting as
    known exactly.

    Examples
    --------
    >>> shifts = pd.DataFrame({"clip": [f"c{i}" for i in range(6)], "subject": list("abcabc"),
    ...     "keyframe": "onset", "human": 50, "selected": [50, 51, 52, 51, 51, 52],
    ...     "fps": 100.0, "source": "gamdss", "distance": "signed"})
    >>> made = shifts[["clip", "keyframe", "source", "distance", "human"]].assign(mean=0.4)
    >>> found = excess_estimates(tables.conform(shifts.assign(shift_ms=10.0 * (
    ...     shifts["selected"] - 50)), "shifts"), made.assign(null="accurate"))
    >>> found.loc[found["quantity"] == "mean_excess_accurate", "estimate"].round(2).tolist()
    [7.67]
    """
    nulls = tables.conform(nulls, "nulls")
    kept = nulls[nulls["null"].isin(_NULLS)]
    _refuse_repeats(kept)
    joined = shifts[usable(shifts)].merge(
        kept[[*_KEY, "null", "human", "mean", "coder_sd_error", *_SLOPES, "reason"]],
        on=_KEY,
        suffixes=("", "_null"),
    )
    _refuse_other_labels(joined)
    joined["null_ms"] = 1000.0 * joined["mean"] / joined["fps"]
    rows: list[Row] = []
    for key, part in joined.groupby(_PART, sort=False):
        for group, in_group in groups_of(part):
            for keyframe in tables.KEYFRAMES:
                own = in_group[in_group["keyframe"] == keyframe]
                if len(own):
                    place = {**dict(zip(_PART, key, strict=True)), "ethnicity": group,
                             "keyframe": keyframe}  # fmt: skip
                    errors = _sd_errors(part)
                    rows += [place | row for row in _of_cell(own, errors, conf_level)]
    return tables.from_rows(rows, "estimates")


def _refuse_repeats(nulls: pd.DataFrame) -> None:
    by = [*_KEY, "null"]
    repeated = nulls.duplicated(by)
    if repeated.any():
        row = nulls[repeated].iloc[0]
        raise TableError(
            f"the nulls table holds the null {row['null']} of the {row['keyframe']} of clip "
            f"{row['clip']} by {row['source']} twice; keep one."
        )


def _refuse_other_labels(joined: pd.DataFrame) -> None:
    other = joined["human_null"].notna() & (joined["human_null"] != joined["human"])
    if other.any():
        row = joined[other].iloc[0]
        raise TableError(
            f"the nulls table was made for other labels: the {row['keyframe']} of clip "
            f"{row['clip']} is frame {row['human_null']:g} there and {row['human']:g} in the "
            f"shifts table; compute the nulls anew."
        )


def _sd_errors(part: pd.DataFrame) -> np.ndarray:
    """Standard errors of the coders' SDs (ms) at the keyframes, NaN where taken as known."""
    unbiased = part[part["null"] == "unbiased"]
    errors = unbiased.groupby("keyframe")["coder_sd_error"].max()
    return np.asarray(errors.reindex(list(tables.KEYFRAMES)).to_numpy(dtype=float))


def _of_cell(own: pd.DataFrame, sd_errors: np.ndarray, conf_level: float) -> Iterator[Row]:
    """All quantities of one group and keyframe."""
    for null in _NULLS:
        rows = own[own["null"] == null]
        if rows.empty:
            continue
        there = rows[np.isfinite(rows["null_ms"])]
        if there.empty:
            yield from _lacking(rows, null, conf_level)
            continue
        there, reason = _seen(there)
        subjects = there["subject"].to_numpy(dtype=object)
        null_ms = there["null_ms"].to_numpy(dtype=float)
        mean = mean_interval(null_ms, subjects, "subject", conf_level)
        excess = mean_interval(
            there["shift_ms"].to_numpy(dtype=float) - null_ms, subjects, "subject", conf_level
        )
        if null == "unbiased":
            added = _added(there, subjects, sd_errors)
            mean, excess = _widened(mean, added), _widened(excess, added)
        if reason:
            mean, excess = _withheld(mean, reason), _withheld(excess, reason)
        for quantity, found in (("null_mean", mean), ("excess", excess)):
            yield _row(null, quantity, found, there)
    yield _undetectable(own, conf_level)


def _seen(there: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Rows of clips that are not cut at the label; where all are, these and the reason."""
    cut = cut_at_labels(there)
    if not cut.all():
        return there[~cut], ""
    n_clips = len(there[["subject", "clip"]].drop_duplicates())
    return there, cut_reason(str(there["keyframe"].iloc[0]), n_clips)


def _withheld(found: Interval, reason: str) -> Interval:
    """The estimate without its interval, which would not hold what it says."""
    nan = math.nan
    return replace(found, std_error=nan, df=nan, conf_low=nan, conf_high=nan, reason=reason)


def _added(there: pd.DataFrame, subjects: np.ndarray, sd_errors: np.ndarray) -> float:
    """Variance (ms squared) by the errors of the coders' SDs; NaN where these are known."""
    if not np.isfinite(sd_errors).any():
        return math.nan
    total = 0.0
    for column, error in zip(_SLOPES, sd_errors, strict=True):
        slopes = 1000.0 * there[column].to_numpy(dtype=float) / there["fps"].to_numpy(dtype=float)
        known = np.isfinite(slopes)  # an SD of 0 has no slope: it is nobody's estimate
        if np.isfinite(error) and known.any():
            slope = mean_interval(slopes[known], subjects[known], "subject").estimate
            total += (error * slope) ** 2
    return total


def _widened(found: Interval, added: float) -> Interval:
    """The interval with a further variance in it."""
    if math.isnan(added):
        return replace(found, method=f"{found.method}; {_KNOWN}")
    found = replace(found, method=f"{found.method}; {_CARRIED}")
    if not math.isfinite(found.std_error):
        return found
    variance = found.std_error**2
    error = math.sqrt(variance + added)
    df = found.df * ((variance + added) / variance) ** 2
    half = t_half_width(error, df, found.conf_level)
    return replace(
        found,
        std_error=error,
        df=df,
        conf_low=found.estimate - half,
        conf_high=found.estimate + half,
    )


def _row(null: str, quantity: str, found: Interval, there: pd.DataFrame) -> Row:
    n_clips = len(there[["subject", "clip"]].drop_duplicates())
    name = f"{null}_null_mean" if quantity == "null_mean" else f"mean_excess_{null}"
    meaning = _WITHHELD if "cut at the human" in found.reason else _MEANING[null]
    method = found.method if quantity == "null_mean" else f"{found.method}; {meaning}"
    about = {"quantity": name, "unit": "ms", "weighting": "subject", "n_clips": n_clips}
    return found.row() | about | {"method": method}


def _lacking(rows: pd.DataFrame, null: str, conf_level: float) -> Iterator[Row]:
    """Rows of a null that no clip has, with the reason that most clips have."""
    reasons = rows["reason"].value_counts()
    reason = min(reasons.index[reasons == reasons.max()])
    found = undefined(
        math.nan,
        f"no clip has this null: {reason}",
        conf_level=conf_level,
        n_clips=0,
        n_subjects=0,
        method="",
    )
    for quantity in ("null_mean", "excess"):
        yield _row(null, quantity, found, rows.iloc[:0])


def _undetectable(own: pd.DataFrame, conf_level: float) -> Row:
    """Share of the clips whose movement was looked for in which there is none."""
    looked = own[(own["reason"] == UNDETECTABLE) | np.isfinite(own["null_ms"])]
    clips = looked.assign(none=looked["reason"] == UNDETECTABLE)
    clips = clips.groupby(["subject", "clip", "coder", "pass"], sort=False)["none"].any()
    subjects = clips.index.get_level_values("subject").to_numpy(dtype=object)
    found = share_interval(clips.to_numpy(dtype=bool), subjects, conf_level)
    n_clips = len(looked[["subject", "clip"]].drop_duplicates())
    about = {"quantity": "share_undetectable", "unit": "share", "weighting": "clip"}
    return found.row() | about | {"n_clips": n_clips}
