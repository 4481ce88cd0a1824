"""From human and selected keyframes to shifts, one row per clip, coding and keyframe."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mebias import tables
from mebias.cohort import Cohort
from mebias.errors import TableError, listed

_HUMAN_ONLY = [
    "human", "human_low", "human_high", "human_status", "rise_frames", "fall_frames"
]  # fmt: skip
_OF_CLIP = ["dataset", "clip", "subject", "ethnicity", "emotion", "expression_type", "fps",
            "lead_frames", "tail_frames"]  # fmt: skip


def compare(cohort: Cohort, selected: pd.DataFrame) -> pd.DataFrame:
    """Set selected keyframes beside the human ones.

    Parameters
    ----------
    cohort : Cohort
        Clips and their human keyframes.
    selected : DataFrame
        A keyframes table, such as `mebias.reselect` returns. Rows without a coder and a
        pass are compared with every coding of their clip.

    Returns
    -------
    DataFrame
        A shifts table: one row per clip, coding, source and keyframe. ``shift_frames`` and
        ``shift_ms`` (clip's own fps) are selected - human, positive = later; where the human
        keyframe is coded as an interval, 0 inside of it and else from its nearer end;
        ``shift_window`` is the shift as a share of the window's freedom (frames), NaN where
        the keyframe could not move.

    Raises
    ------
    TableError
        The keyframes belong to clips that the cohort does not have, or are repeated.

    Examples
    --------
    >>> import mebias
    >>> cohort = mebias.simulate("4dme", n_subjects=5, n_clips=10, size=(32, 32))
    >>> shifts = mebias.compare(cohort, mebias.reselect(cohort))
    >>> len(shifts)
    30
    """
    selected = tables.conform(selected, "keyframes")
    _refuse_foreign(cohort, selected)
    by = ["dataset", "clip", "keyframe"]
    if (selected["coder"] != "").any() or (selected["pass"] != "").any():
        by += ["coder", "pass"]
    _refuse_repeats(selected, [*by, "source", "distance"])
    chosen = selected.rename(columns={"frame": "selected", "status": "selected_status"})
    chosen = chosen.assign(selected_mean=chosen["mean"], selected_sd=chosen["sd"])
    keep = ["source", "distance", "selected", "selected_status", "selected_mean", "selected_sd",
            "window_low", "window_high", "freedom", "at_edge"]  # fmt: skip
    paired = _human(cohort).merge(chosen[by + keep], on=by, how="inner")
    shifts = with_shifts(paired.merge(cohort.clips[_OF_CLIP], on=["dataset", "clip"]))
    return _in_order(tables.conform(shifts, "shifts"), cohort, selected)


def with_shifts(paired: pd.DataFrame) -> pd.DataFrame:
    """Add the columns that follow from human, selected, window and fps."""
    shift = paired["selected"].to_numpy() - _nearest_human(paired)
    freedom, fps = paired["freedom"].to_numpy(), paired["fps"].to_numpy()
    return paired.assign(
        shift_frames=shift,
        shift_ms=1000.0 * shift / np.where(fps > 0, fps, np.nan),
        shift_window=shift / np.where(freedom > 0, freedom, np.nan),
    )


def _nearest_human(paired: pd.DataFrame) -> np.ndarray:
    """The human frame or, of a coded interval, the frame nearest to the selected one."""
    human = paired["human"].to_numpy()
    if "human_low" not in paired:
        return human
    low, high = (paired[column].to_numpy() for column in ("human_low", "human_high"))
    low, high = (np.where(np.isnan(end), human, end) for end in (low, high))
    selected = paired["selected"].to_numpy()
    there = ~np.isnan(selected) & ~np.isnan(human)
    return np.where(there, np.clip(selected, low, high), human)


def _human(cohort: Cohort) -> pd.DataFrame:
    """Human keyframes with the lengths of their phases, NaN where a label is not usable."""
    keys = ["dataset", "clip", "coder", "pass"]
    human = cohort.keyframes[cohort.keyframes["source"] == "human"]
    human = human.rename(
        columns={
            "frame": "human",
            "frame_low": "human_low",
            "frame_high": "human_high",
            "status": "human_status",
        }
    )
    usable = human["human"].where(human["human_status"].isin(["annotated", "corrected"]))
    wide = human[keys].assign(keyframe=human["keyframe"], frame=usable)
    frames = {
        keyframe: part.set_index(keys)["frame"] for keyframe, part in wide.groupby("keyframe")
    }
    index = pd.MultiIndex.from_frame(human[keys])
    at = {
        keyframe: frames[keyframe].reindex(index).to_numpy()
        if keyframe in frames
        else np.full(len(human), np.nan)
        for keyframe in tables.KEYFRAMES
    }
    phases = human.assign(
        rise_frames=at["apex"] - at["onset"], fall_frames=at["offset"] - at["apex"]
    )
    return phases[[*keys, "keyframe", *_HUMAN_ONLY]]


def _refuse_foreign(cohort: Cohort, selected: pd.DataFrame) -> None:
    known = pd.MultiIndex.from_frame(cohort.clips[["dataset", "clip"]])
    given = pd.MultiIndex.from_frame(selected[["dataset", "clip"]])
    foreign = selected.loc[~given.isin(known), "clip"].unique()
    if len(foreign):
        raise TableError(
            f"the keyframes table has clips that {cohort.name} does not have: {listed(foreign)}; "
            f"compare a cohort with keyframes selected from it."
        )


def _refuse_repeats(selected: pd.DataFrame, by: list[str]) -> None:
    repeated = selected.duplicated(by, keep=False)
    if repeated.any():
        first = selected[repeated].iloc[0]
        same = (selected[by] == first[by]).all(axis=1)
        rows = [int(place) + 2 for place in np.flatnonzero(same)[:2]]
        raise TableError(
            f"the keyframes table has two rows ({rows[0]} and {rows[1]}) for the "
            f"{first['keyframe']} of clip {first['clip']} by {first['source']}; keep one."
        )


def _in_order(shifts: pd.DataFrame, cohort: Cohort, selected: pd.DataFrame) -> pd.DataFrame:
    """Rows by source, distance, clip and keyframe, each in the order of its first table."""
    ranks = [
        _rank(shifts["source"], selected["source"]),
        _rank(shifts["distance"], selected["distance"]),
        _rank(shifts["clip"], cohort.clips["clip"]),
        _rank(shifts["coder"], cohort.keyframes["coder"]),
        _rank(shifts["pass"], cohort.keyframes["pass"]),
        _rank(shifts["keyframe"], pd.Series(tables.KEYFRAMES)),
    ]
    return shifts.iloc[np.lexsort(ranks[::-1])].reset_index(drop=True)


def _rank(values: pd.Series, order: pd.Series) -> np.ndarray:
    places = {value: place for place, value in enumerate(order.unique())}
    return values.map(places).to_numpy()
