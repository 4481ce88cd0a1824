"""What a run would cost, before it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mebias.cohort import Cohort
from mebias.errors import FrameError
from mebias.pipeline import DEFAULT_DISTANCES
from mebias.selection import reselect
from mebias.workers import Jobs, count_workers


@dataclass(frozen=True)
class Work:
    """What a run would read, take and write."""

    clips: int
    frames: int
    seconds: float
    megabytes: float


def estimate_work(cohort: Cohort, rule: str | Sequence[str], *, jobs: Jobs = 1) -> Work:
    """What re-selecting and reporting a cohort would cost, measured on a few frames.

    Parameters
    ----------
    cohort : Cohort
        Clips with frames; without frames only tables are counted.
    rule : str or sequence of str
        The rules that would run.
    jobs : int or str
        Worker processes, or the address of a Dask scheduler.
    """
    planned = reselect(replace(cohort, frames=None), rule)
    needed = planned[planned["window_low"].notna()]
    wanted = {
        (clip, number)
        for clip, low, high in zip(
            needed["clip"], needed["window_low"], needed["window_high"], strict=True
        )
        for number in range(int(low), int(high) + 1)
    }
    per_frame = _seconds_per_frame(cohort, sorted(wanted)) if cohort.frames is not None else 0.0
    frames = len(wanted) if cohort.frames is not None else 0
    figures, row_bytes = 12.0, 160
    return Work(
        clips=len(cohort),
        frames=frames,
        seconds=frames * per_frame / count_workers(jobs) + figures,
        megabytes=2.0 + len(planned) * 2 * len(DEFAULT_DISTANCES) * row_bytes / 1e6,
    )


def _seconds_per_frame(cohort: Cohort, wanted: Sequence[tuple[str, int]]) -> float:
    assert cohort.frames is not None
    sample = wanted[:: max(1, len(wanted) // 30)]
    read: Callable[[str, int], object] = cohort.frames.read
    start, done = time.perf_counter(), 0
    for clip, number in sample:
        try:
            read(clip, number)
            done += 1
        except FrameError:
            continue  # a dry run counts; the run itself reports what cannot be read
    return (time.perf_counter() - start) / done if done else 0.0
