"""Which frames of each clip are on disk, and how the labels lie among them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mebias import tables
from mebias.cohort import FrameSource
from mebias.errors import listed

Row = dict[str, object]


def counted(
    frames: FrameSource, clips: pd.DataFrame, keyframes: pd.DataFrame, dataset: str
) -> tuple[pd.DataFrame, list[Row]]:
    """Clips with their frames on disk counted, and what does not fit the labels.

    Parameters
    ----------
    frames : FrameSource
        Where the frames are.
    clips, keyframes : DataFrame
        Clips and their human keyframes.
    dataset : str
        The name that goes into the issues.

    Returns
    -------
    DataFrame, list of dict
        The clips with ``first_frame``, ``n_frames``, ``lead_frames`` (frames on disk before
        the first onset) and ``tail_frames`` (after the last offset); rows of the issues.
    """
    names = ("first_frame", "n_frames", "lead_frames", "tail_frames")
    counts = {name: np.full(len(clips), np.nan) for name in names}
    issues: list[Row] = []
    bare: list[str] = []
    labels = _label_frames(keyframes)
    for place, clip in enumerate(clips["clip"]):
        numbers = frames.numbers(clip)
        counts["n_frames"][place] = len(numbers)
        if not len(numbers):
            bare.append(clip)
            continue
        onsets, offsets, every = labels.get(clip, ([], [], []))
        counts["first_frame"][place] = numbers[0]
        if onsets:
            counts["lead_frames"][place] = np.searchsorted(numbers, min(onsets))
        if offsets:
            counts["tail_frames"][place] = len(numbers) - np.searchsorted(
                numbers, max(offsets), side="right"
            )
        whole = np.array(sorted(set(every)), dtype=np.int64)
        absent = whole[~np.isin(whole, numbers)]
        if len(absent):
            issues.append(_absent_labels(clip, dataset, absent, numbers))
    if bare and len(bare) < len(clips):
        issues = [_no_frames(clip, dataset) for clip in bare] + issues
    return clips.assign(**counts), issues


def _label_frames(keyframes: pd.DataFrame) -> Mapping[str, tuple[list[int], list[int], list[int]]]:
    usable = keyframes[keyframes["status"].isin(tables.PLACED)]
    labels: dict[str, tuple[list[int], list[int], list[int]]] = {}
    columns = (usable["clip"], usable["keyframe"], usable["frame"])
    for clip, keyframe, frame in zip(*columns, strict=True):
        onsets, offsets, every = labels.setdefault(clip, ([], [], []))
        every.append(int(frame))
        if keyframe != "apex":
            (onsets if keyframe == "onset" else offsets).append(int(frame))
    return labels


def _no_frames(clip: str, dataset: str) -> Row:
    return tables.issue(
        "warning",
        f"clip {clip} has no frames on disk; it is left out of what needs images.",
        dataset=dataset,
        clip=clip,
        field="frames",
        found="none",
        check="frames",
        consequence="the clip is not re-selected",
    )


def _absent_labels(clip: str, dataset: str, absent: np.ndarray, numbers: np.ndarray) -> Row:
    places = np.clip(np.searchsorted(numbers, absent), 1, len(numbers) - 1)
    before, after = numbers[places - 1], numbers[np.minimum(places, len(numbers) - 1)]
    nearest = np.where(absent - before <= after - absent, before, after)
    pairs = listed(f"{a} (nearest: {n})" for a, n in zip(absent, nearest, strict=True))
    return tables.issue(
        "note",
        f"clip {clip} is labeled at frames that are not on disk: {pairs}; it has "
        f"{len(numbers)} frames from {numbers[0]} to {numbers[-1]}.",
        dataset=dataset,
        clip=clip,
        field="frames",
        found=f"{len(numbers)} frames from {numbers[0]} to {numbers[-1]}",
        expected=", ".join(map(str, absent)),
        check="frames",
        consequence="candidates of a window are the frames that exist; a training set takes the "
        "nearest one",
    )
