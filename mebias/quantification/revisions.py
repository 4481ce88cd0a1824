"""Two human versions of the same labels: what was revised, how far, and how unevenly.

A label that stands unchanged may never have been looked at again: it is *not revised*,
never *agreed*.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy import stats

from mebias import tables
from mebias.errors import TableError
from mebias.quantification.checks import usable
from mebias.quantification.compare import with_shifts
from mebias.quantification.shares import share_interval

_KEYS = ["clip", "coder", "pass", "keyframe"]
_SUBJECT_COLUMNS = ["dataset", "subject", "stratum", "source", "keyframe"]


def revisions(
    old_clips: pd.DataFrame,
    old_keyframes: pd.DataFrame,
    new_clips: pd.DataFrame,
    new_keyframes: pd.DataFrame,
    *,
    old_name: str,
    new_name: str,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Compare two versions of the labels of the same clips.

    Parameters
    ----------
    old_clips, new_clips : DataFrame
        Clips tables with the same clip ids, each with its own ``expression_type``.
    old_keyframes, new_keyframes : DataFrame
        Keyframes tables with the source ``human``.
    old_name, new_name : str
        Names of the versions; the new one becomes the source.

    Returns
    -------
    shifts : DataFrame
        ``human`` is the old frame, ``selected`` the new one; ``expression_type`` is that of
        the old version, so that a stratum does not depend on the revision.
    transitions : DataFrame
        Expression types, old against new, with the share of the old type.
    subjects : DataFrame
        Per subject, stratum and keyframe how many labels were compared and revised.

    Raises
    ------
    TableError
        The versions have no clip in common.
    """
    shared = old_clips.merge(
        new_clips[["clip", "expression_type"]], on="clip", suffixes=("", "_new")
    )
    if shared.empty:
        raise TableError(
            f"the versions {old_name} and {new_name} have no clip in common; compare two versions "
            f"of the same dataset."
        )
    old = old_keyframes[[*_KEYS, "frame", "status"]]
    new = new_keyframes[[*_KEYS, "frame", "status"]]
    pairs = old.rename(columns={"frame": "human", "status": "human_status"}).merge(
        new.rename(columns={"frame": "selected", "status": "selected_status"}), on=_KEYS
    )
    of_clip = ["dataset", "clip", "subject", "ethnicity", "emotion", "expression_type", "fps"]
    rows = pairs.merge(shared[of_clip], on="clip", how="inner", validate="many_to_one")
    phases = _phases(old)
    rows = rows.merge(phases, on=["clip", "coder", "pass"], how="left")
    shifts = tables.conform(rows.assign(source=new_name, freedom=math.nan), "shifts")
    shifts = with_shifts(shifts)
    return shifts, _transitions(shared, shifts, new_name), _subjects(shifts)


def revised(shifts: pd.DataFrame) -> pd.Series:
    """Rows whose frame differs between the versions, both being usable."""
    return usable(shifts) & (shifts["shift_frames"] != 0)


def unevenness(shifts: pd.DataFrame) -> pd.DataFrame:
    """How unevenly revisions spread over subjects, per stratum and keyframe.

    Parameters
    ----------
    shifts : DataFrame
        Shifts between two versions of the labels.

    Returns
    -------
    DataFrame
        An estimates table: ``share_subjects_revised`` (subjects with at least one revised
        label; Clopper-Pearson interval over subjects) and ``icc_revised`` (intraclass
        correlation of being revised within subjects, one-way analysis of variance, interval
        by a jackknife over subjects; 0 = spread evenly).
    """
    rows = []
    for (dataset, source), part in shifts[usable(shifts)].groupby(
        ["dataset", "source"], sort=False
    ):
        for stratum, stratum_rows in _strata(part):
            for keyframe in tables.KEYFRAMES:
                own = stratum_rows[stratum_rows["keyframe"] == keyframe]
                if own.empty:
                    continue
                where = {"dataset": dataset, "source": source, "stratum": stratum,
                         "keyframe": keyframe, "ethnicity": tables.ALL, "unit": "share",
                         "n_clips": len(own), "n_subjects": own["subject"].nunique()}  # fmt: skip
                hits = (own["shift_frames"] != 0).to_numpy()
                subjects = own["subject"].to_numpy()
                rows.append(where | _share_of_subjects(hits, subjects))
                rows.append(where | _icc(hits, subjects))
    return tables.from_rows(rows, "estimates")


def _phases(old: pd.DataFrame) -> pd.DataFrame:
    usable_frame = old["frame"].where(old["status"].isin(["annotated", "corrected"]))
    wide = (
        old.assign(frame=usable_frame)
        .pivot_table(index=["clip", "coder", "pass"], columns="keyframe", values="frame",
                     sort=False, dropna=False)
        .reindex(columns=list(tables.KEYFRAMES))
    )  # fmt: skip
    phases = pd.DataFrame(
        {
            "rise_frames": wide["apex"] - wide["onset"],
            "fall_frames": wide["offset"] - wide["apex"],
        }
    )
    return phases.reset_index()


def _strata(part: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    kinds = [kind for kind in ("micro", "macro") if (part["expression_type"] == kind).any()]
    apart = [(kind, part[part["expression_type"] == kind]) for kind in kinds]
    return [(tables.ALL, part), *(apart if len(kinds) > 1 else [])]


def _transitions(shared: pd.DataFrame, shifts: pd.DataFrame, source: str) -> pd.DataFrame:
    known = shared[(shared["expression_type"] != "") & (shared["expression_type_new"] != "")]
    changed = shifts[revised(shifts)]
    sets = {k: set(changed.loc[changed["keyframe"] == k, "clip"]) for k in tables.KEYFRAMES}
    rows: list[dict[str, object]] = []
    for old_type, of_old in known.groupby("expression_type", sort=True):
        for new_type in sorted(set(known["expression_type_new"]) | set(known["expression_type"])):
            hits = (of_old["expression_type_new"] == new_type).to_numpy()
            share = share_interval(hits, of_old["subject"].to_numpy())
            clips = set(of_old.loc[hits, "clip"])
            rows.append(
                {
                    "dataset": of_old["dataset"].iloc[0],
                    "source": source,
                    "type_old": old_type,
                    "type_new": new_type,
                    "n_clips": int(hits.sum()),
                    "n_subjects": of_old.loc[hits, "subject"].nunique(),
                    "share": share.estimate,
                    "conf_low": share.conf_low,
                    "conf_high": share.conf_high,
                    "method": share.method,
                    "reason": share.reason,
                    **{f"n_revised_{k}": len(clips & sets[k]) for k in tables.KEYFRAMES},
                }
            )
    return tables.from_rows(rows, "transitions")


def _subjects(shifts: pd.DataFrame) -> pd.DataFrame:
    rows = shifts[usable(shifts)]
    parts = [part.assign(stratum=stratum) for stratum, part in _strata(rows)]
    every = pd.concat(parts, ignore_index=True)
    every["changed"] = every["shift_frames"] != 0
    every["moved_ms"] = every["shift_ms"].where(every["changed"])
    table = (
        every.groupby(_SUBJECT_COLUMNS, sort=True)
        .agg(
            n_clips=("changed", "size"),
            n_revised=("changed", "sum"),
            share=("changed", "mean"),
            mean_shift_ms=("moved_ms", "mean"),
        )
        .reset_index()
    )
    return tables.conform(table, "subjects")


def _share_of_subjects(hits: np.ndarray, subjects: np.ndarray) -> dict[str, object]:
    _, codes = np.unique(subjects, return_inverse=True)
    any_hit = np.bincount(codes, hits) > 0
    k, n = int(any_hit.sum()), len(any_hit)
    found = stats.binomtest(k, n)
    interval = found.proportion_ci(0.95, method="exact")
    return {
        "quantity": "share_subjects_revised",
        "estimate": k / n,
        "conf_low": interval.low,
        "conf_high": interval.high,
        "method": "Clopper-Pearson over subjects",
    }


def _icc(hits: np.ndarray, subjects: np.ndarray) -> dict[str, object]:
    _, codes = np.unique(subjects, return_inverse=True)
    sizes = np.bincount(codes).astype(float)
    sums = np.bincount(codes, hits)
    full = _anova_icc(sizes, sums)
    row: dict[str, object] = {
        "quantity": "icc_revised",
        "estimate": full,
        "method": "one-way analysis of variance, jackknife over subjects",
    }
    if len(sizes) < 8 or not math.isfinite(full):
        return row | {"reason": "fewer than 8 subjects, nothing or everything revised, or one "
                      "label per subject"}  # fmt: skip
    keep = ~np.eye(len(sizes), dtype=bool)
    left_out = np.array([_anova_icc(sizes[k], sums[k]) for k in keep])
    if not np.isfinite(left_out).all():
        return row | {"reason": "all revisions lie within one subject"}
    n = len(sizes)
    error = math.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum())
    half = stats.t.ppf(0.975, n - 1) * error
    return row | {
        "std_error": error,
        "df": n - 1,
        "conf_low": max(-1.0, full - half),
        "conf_high": min(1.0, full + half),
    }


def _anova_icc(sizes: np.ndarray, sums: np.ndarray) -> float:
    """One-way ICC of a 0/1 outcome from clips and revisions per subject."""
    n, g = sizes.sum(), len(sizes)
    if g in (1, n):
        return math.nan
    share = sums.sum() / n
    between = (sizes * (sums / sizes - share) ** 2).sum() / (g - 1)
    within = (sums - sums**2 / sizes).sum() / (n - g)
    typical = (n - (sizes**2).sum() / n) / (g - 1)
    total = between + (typical - 1) * within
    return float((between - within) / total) if total > 0 else math.nan
