"""What re-selecting would cost, before it runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mebias.cohort import Cohort, FrameSource
from mebias.selection import reselect
from mebias.workers import Jobs, count_workers

_SAMPLE = 8
"""Clips that are really re-selected."""
_ROW_BYTES = 160
"""Of a keyframe in ``keyframes.csv`` or in ``shifts.csv``."""


@dataclass(frozen=True)
class Work:
    """What a run would read, take and write."""

    clips: int
    frames: int
    seconds: float
    megabytes: float


def estimate_work(
    cohort: Cohort,
    rule: str | Sequence[str],
    *,
    distance: str | Sequence[str] = "signed",
    jobs: Jobs = 1,
) -> Work:
    """What re-selecting a cohort would cost, measured on a few of its clips.

    Parameters
    ----------
    cohort : Cohort
        Clips with frames; without frames only tables are counted.
    rule, distance : str or sequence of str
        As `mebias.reselect` takes them.
    jobs : int or str
        Worker processes, or the address of a Dask scheduler.
    """
    rows = len(reselect(replace(cohort, frames=None), rule, distance=distance))
    megabytes = rows * 2 * _ROW_BYTES / 1e6
    names = cohort.clips["clip"].to_numpy()
    if cohort.frames is None or not len(names):
        return Work(clips=len(cohort), frames=0, seconds=0.0, megabytes=megabytes)
    counted = _Counted(cohort.frames)
    sample = names[np.unique(np.linspace(0, len(names) - 1, _SAMPLE).astype(int))]
    start = time.perf_counter()
    reselect(
        replace(cohort, frames=counted), rule, distance=distance, clips=list(sample),
        skip_bad_frames=True,
    )  # fmt: skip
    share = len(sample) / len(names)
    return Work(
        clips=len(cohort),
        frames=round(len(counted.seen) / share),
        seconds=(time.perf_counter() - start) / share / count_workers(jobs),
        megabytes=megabytes,
    )


class _Counted:
    """Frames that remember which of them were read."""

    def __init__(self, frames: FrameSource) -> None:
        self._frames = frames
        self.concurrent = getattr(frames, "concurrent", False)
        self.seen: set[tuple[str, int]] = set()

    def numbers(self, clip: str) -> np.ndarray:
        return self._frames.numbers(clip)

    def read(self, clip: str, number: int) -> np.ndarray:
        self.seen.add((clip, number))
        return self._frames.read(clip, number)
