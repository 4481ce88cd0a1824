"""Human labels beside the blind motion posterior, and which of them it may judge."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from mebias import tables
from mebias.errors import OptionError, TableError, listed
from mebias.quantification.checks import DRAWN_TO_LABELS, PRIMARY, USABLE_HUMAN

JUDGE = "motion-blind"
"""The only source that may judge a human label: its prior knows none."""
BY_DEFINITION = f"{JUDGE}:"
"""How the same posterior by another definition of the keyframes is named, as in
``motion-blind:offset=0.2``; it may judge too."""
RELATIVE = "relative to the model's definition of the keyframe"
MAX_CUT = 0.05
"""Share of clips beyond whose frames a keyframe may lie, above which the rest are one-sided.

Leaving out the upper 5 % of a normal distribution moves its mean by 0.11 SD.
"""
_LEAD = {"onset": ("lead_frames", "an earlier onset"), "offset": ("tail_frames", "a later offset")}
_ENDS = {
    "onset": ("lead_frames",),
    "apex": ("lead_frames", "tail_frames"),
    "offset": ("tail_frames",),
}


def judged(shifts: pd.DataFrame, source: str = JUDGE) -> pd.DataFrame:
    """Rows of the blind posterior whose label a human set, with the label's error.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts.
    source : str
        The source that judges; only ``motion-blind`` may, by any definition of the keyframes.

    Returns
    -------
    DataFrame
        Those rows of the shifts table with ``blind_frames``, the posterior mean;
        ``error_frames`` and ``error_ms``, human - that mean (where the label is an interval,
        from its nearer end, 0 inside); ``blind_variance`` of the posterior (ms squared), which
        takes in the rounding to a frame where the table has no ``selected_mean``;
        ``is_interval``; and ``verdict``: empty where the label can be judged, else why not:
        ``failed``, ``undetectable``, ``cut`` (no frame before the onset or after the offset),
        ``truncated`` (a tenth of the posterior lies beyond the frames).

    Raises
    ------
    OptionError
        Another source.
    TableError
        No row of this source, or a ``selected_mean`` that does not belong to its frame.

    Notes
    -----
    Each label is judged once: where a dataset has the posterior by several distances, by
    ``signed``, or the first by name.
    """
    check_judge(source)
    own = shifts[shifts["source"] == source]
    if own.empty:
        raise TableError(
            f"the shifts table has no rows of the source {JUDGE} (found: "
            f"{listed(shifts['source'].unique())}); re-select with the rule {JUDGE} and compare."
        )
    own = of_one_distance(own)
    own = own[own["human_status"].isin(USABLE_HUMAN) & own["human"].notna()]
    _refuse_foreign_means(own)
    frame_ms = 1000.0 / own["fps"]
    known = own["selected_mean"].notna()
    mean = own["selected_mean"].where(known, own["selected"])
    low, high = own["human_low"].fillna(own["human"]), own["human_high"].fillna(own["human"])
    nearest = mean.clip(low, high)
    rounding = (frame_ms**2 / 12).where(~known, 0.0)
    return own.assign(
        blind_frames=mean,
        error_frames=nearest - mean,
        error_ms=(nearest - mean) * frame_ms,
        blind_variance=(own["selected_sd"] * frame_ms) ** 2 + rounding,
        is_interval=high > low,
        verdict=_verdicts(own, mean),
    ).reset_index(drop=True)


def of_one_distance(own: pd.DataFrame) -> pd.DataFrame:
    """Rows of one distance per dataset: ``signed``, or where it is missing the first by name.

    >>> of_one_distance(pd.DataFrame({"dataset": ["d", "d"], "distance": ["flow", "signed"]}))
      dataset distance
    1       d   signed
    """
    if len(own[["dataset", "distance"]].drop_duplicates()) == own["dataset"].nunique():
        return own
    order = own["distance"].where(own["distance"] != PRIMARY[1], "")
    return own[order == order.groupby(own["dataset"]).transform("min")]


def check_judge(source: str) -> None:
    """Refuse a source that may not judge human labels.

    Raises
    ------
    OptionError
        Any source but ``motion-blind``, by whatever definition of the keyframes.

    Examples
    --------
    >>> check_judge("motion-blind")
    >>> check_judge("motion-blind:offset=0.2")
    """
    if source == JUDGE or source.startswith(BY_DEFINITION):
        return
    why = (
        "its prior is centered on the human labels, so that it finds only a part of their error"
        if source.split(":")[0] == DRAWN_TO_LABELS
        else "it starts from the human labels"
    )
    raise OptionError(
        f"source is {source!r}, which cannot judge human labels: {why}; expected {JUDGE}."
    )


def one_sided(own: pd.DataFrame) -> str:
    """Why the labels of one keyframe that can be judged are a one-sided choice, or nothing.

    Parameters
    ----------
    own : DataFrame
        Rows of `judged` for one keyframe.

    Returns
    -------
    str
        A reason in words where no label is left, or where too many keyframes may lie beyond
        the frames on disk: which ones are left out then hangs on the sign of their error.
    """
    counts = own["verdict"].value_counts()
    left, truncated, cut = (int(counts.get(v, 0)) for v in ("", "truncated", "cut"))
    keyframe = str(own["keyframe"].iloc[0]) if len(own) else "keyframe"
    unseen = _LEAD.get(keyframe, ("", f"the {keyframe}"))[1]
    if truncated > MAX_CUT * (left + truncated):
        return (
            f"can't be told: in {truncated} of {left + truncated} clips the {keyframe} may lie "
            f"beyond the frames on disk, where {unseen} cannot be seen; those left are one-sided"
        )
    if left:
        return ""
    if cut:
        return (
            f"can't be told: {_all(cut)} with visible motion {'is' if cut == 1 else 'are'} cut at "
            f"the human {keyframe}, so that {unseen} cannot be seen"
        )
    if counts.empty:
        return f"no {keyframe} that a human labeled"
    why = ", ".join(f"{n} {verdict}" for verdict, n in sorted(counts.items()))
    return f"no {keyframe} can be judged ({why})"


def cut_at_labels(rows: pd.DataFrame) -> pd.Series:
    """Which rows are of keyframes that the frames on disk cannot tell of, being cut at labels.

    An onset whose clip begins with it, an offset whose clip ends with it; and an apex whose
    clip is cut at either: without the face at rest the movement that it is the height of is not
    seen as a whole (what that does stands in `reports/validation/recovery.csv`). Where the
    number of frames around a clip is not known, nothing is.

    Parameters
    ----------
    rows : DataFrame
        Rows of a shifts table.

    Returns
    -------
    Series of bool

    Examples
    --------
    >>> cut_at_labels(pd.DataFrame({"keyframe": ["onset", "apex", "offset"],
    ...     "lead_frames": 0.0, "tail_frames": 9.0})).tolist()
    [True, True, False]
    """
    cut = pd.Series(False, index=rows.index)
    for keyframe, columns in _ENDS.items():
        own = rows["keyframe"] == keyframe
        cut |= own & (rows[list(columns)] == 0).any(axis=1)
    return cut


def cut_reason(keyframe: str, n_clips: int) -> str:
    """Why nothing is said of a keyframe whose clips are all cut at their labels.

    >>> cut_reason("onset", 90).partition(", ")[0]
    "can't be told: all 90 clips are cut at the human onset"
    """
    if keyframe in _LEAD:
        where, unseen = f"the human {keyframe}", _LEAD[keyframe][1]
    else:
        where, unseen = "the human onset or offset", "the movement as a whole"
    told = f"{_all(n_clips)} {'is' if n_clips == 1 else 'are'} cut at {where}"
    return f"can't be told: {told}, so that {unseen} cannot be seen"


def _all(n_clips: int) -> str:
    return "the only clip" if n_clips == 1 else f"all {n_clips} clips"


def groups_of(part: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The whole, then each group; a table without stated groups has the whole only."""
    yield tables.ALL, part
    names = sorted(part["ethnicity"].unique())
    if not set(names) <= {tables.ALL, tables.UNKNOWN}:
        for name in names:
            yield str(name), part[part["ethnicity"] == name]


def stated(part: pd.DataFrame) -> pd.DataFrame:
    """Rows of subjects whose group is stated."""
    return part[~part["ethnicity"].isin([tables.UNKNOWN, tables.ALL])]


def _verdicts(own: pd.DataFrame, mean: pd.Series) -> pd.Series:
    status = own["selected_status"]
    verdict = status.where(status.isin(tables.SELECTED_STATUS) & mean.notna(), "failed")
    moving = verdict.isin(["selected", "truncated"])
    for keyframe, (column, _) in _LEAD.items():
        cut = moving & (own["keyframe"] == keyframe) & (own[column] == 0)
        verdict = verdict.where(~cut, "cut")
    return verdict.replace("selected", "")


def _refuse_foreign_means(own: pd.DataFrame) -> None:
    away = (own["selected_mean"] - own["selected"]).abs() > 0.5 + 1e-6
    if away.any():
        row = own[away].iloc[0]
        raise TableError(
            f"the shifts table, the {row['keyframe']} of clip {row['clip']}: selected_mean is "
            f"{row['selected_mean']:g}, but the selected frame is {row['selected']:g}; expected "
            f"the posterior mean whose nearest frame that is."
        )
    if not np.isfinite(own["fps"]).all():
        raise TableError("the shifts table has rows without fps; give frames per second.")
