"""Simulated clips that are filmed and located once, and labeled many times.

The blind posterior knows no label, so that it is the same under all of them as long as the
same frames are looked at; so are the parts that nulls are rebuilt from. What takes a hundred
milliseconds a clip is done once, and what hangs on the labels, a few, each time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from mebias import tables
from mebias.cohort import Cohort, FrameSource
from mebias.errors import UnusableClipError
from mebias.quantification.compare import compare
from mebias.selection import reselect
from mebias.selection.coder_spread import coder_spread
from mebias.selection.codings import Coding, codings_of
from mebias.selection.motion import MOTION_BLIND
from mebias.selection.motion.rules import CONTEXT_MS, Located
from mebias.selection.null_clips import UNDETECTABLE, Clip
from mebias.selection.null_rows import ClipNulls, NullTask
from mebias.selection.one_clip import generator
from mebias.selection.rules import get_rules
from mebias.simulation.frames import SimulatedFrames
from mebias.simulation.labels import Coder, Trimmed, relabeled
from mebias.workers import Jobs, in_order

JUDGE = "motion-blind"


class KeptFrames:
    """Frames in memory.

    Parameters
    ----------
    stacks : mapping of str to (int, ndarray)
        Per clip the number of the first frame, and the frames.
    """

    concurrent = False

    def __init__(self, stacks: dict[str, tuple[int, np.ndarray]]) -> None:
        self.stacks = stacks

    def numbers(self, clip: str) -> np.ndarray:
        """Numbers of the frames that exist."""
        first, stack = self.stacks[clip]
        return np.arange(first, first + len(stack), dtype=np.int64)

    def read(self, clip: str, number: int) -> np.ndarray:
        """One frame."""
        first, stack = self.stacks[clip]
        return np.asarray(stack[number - first])

    def cut(self, clips: pd.DataFrame) -> KeptFrames:
        """The frames that a clips table says are there."""
        found = {}
        for _, row in clips.iterrows():
            first, stack = self.stacks[str(row["clip"])]
            start = int(row["first_frame"]) - first
            found[str(row["clip"])] = (
                int(row["first_frame"]),
                stack[start : start + int(row["n_frames"])],
            )
        return KeptFrames(found)


@dataclass(frozen=True)
class Trace:
    """The blind posterior of one clip: frames looked at, templates, keyframes as located.

    ``refused`` says why there are no templates: nothing moves, or too few frames are there, and
    then no keyframe was located either.
    """

    low: int
    high: int
    theta: np.ndarray
    located: tuple[Located, ...]
    refused: str = ""


@dataclass(frozen=True)
class Recordings:
    """A simulated cohort with its frames in memory and the blind posterior of each clip."""

    cohort: Cohort
    frames: KeptFrames
    traces: dict[str, Trace]


def record(cohort: Cohort, *, jobs: Jobs = 1) -> Recordings:
    """Film all clips of a simulated cohort and locate their movement.

    Parameters
    ----------
    cohort : Cohort
        Simulated, not trimmed.
    jobs : int or str
        Worker processes, or the address of a Dask scheduler; the result does not depend on it.
    """
    assert isinstance(cohort.frames, SimulatedFrames)
    stacks = {}
    for clip in cohort.clips["clip"]:
        numbers = cohort.frames.numbers(clip)
        images = [cohort.frames.read(clip, int(number)) for number in numbers]
        stacks[str(clip)] = (int(numbers[0]), np.stack(images))
    frames = KeptFrames(stacks)
    return Recordings(cohort, frames, _traced(frames, list(codings_of(cohort)), jobs))


@dataclass(frozen=True)
class Labeled:
    """Recordings under one set of labels; the traces are those of the frames on disk."""

    cohort: Cohort
    traces: dict[str, Trace]


def labeled(
    recordings: Recordings, coder: Coder, *, seed: int = 0, trimmed: Trimmed = False, jobs: Jobs = 1
) -> Labeled:
    """Recordings with a coder's labels, cut at them if asked.

    Clips of which other frames are looked at under these labels are located anew.
    """
    cohort = relabeled(recordings.cohort, coder, seed=seed, trimmed=trimmed)
    frames = recordings.frames.cut(cohort.clips)
    cohort = replace(cohort, frames=frames)
    codings = list(codings_of(cohort))
    anew = [c for c in codings if _looked_at(frames, c) != _span(recordings.traces[c.clip])]
    return Labeled(cohort, recordings.traces | _traced(frames, anew, jobs))


def shifts_of(found: Labeled, rules: Sequence[str] = (), *, seed: int = 0) -> pd.DataFrame:
    """Shifts of motion-blind and of other rules, with the true errors of the labels.

    Returns
    -------
    DataFrame
        A shifts table with ``true_error_ms`` (human - true time; at the apex, where a plateau
        is true as a whole, from its middle) and ``true_gain_ms``, by how much nearer the
        selected frame is to the truth.
    """
    blind = tables.from_rows(_blind_rows(found), "keyframes")
    tabled = [blind]
    if rules:
        tabled.append(reselect(found.cohort, list(rules), seed=seed))
    shifts = compare(found.cohort, pd.concat(tabled, ignore_index=True))
    return with_truth(found.cohort, shifts)


def with_truth(cohort: Cohort, shifts: pd.DataFrame) -> pd.DataFrame:
    """Shifts of a simulated cohort with ``true_error_ms`` and ``true_gain_ms``."""
    assert cohort.truth is not None
    true = cohort.truth.set_index(["clip", "keyframe"])["frame"]
    at = true.reindex(pd.MultiIndex.from_frame(shifts[["clip", "keyframe"]])).to_numpy()
    per_frame = 1000.0 / shifts["fps"]
    away, then = (shifts["human"] - at).abs(), (shifts["selected"] - at).abs()
    return shifts.assign(
        true_error_ms=(shifts["human"] - at) * per_frame, true_gain_ms=(away - then) * per_frame
    )


def nulls_of(
    found: Labeled,
    kind: str,
    coder_sd_ms: Sequence[float] | pd.DataFrame,
    *,
    rule: str = "gamdss",
    n_draws: int = 100,
    seed: int = 0,
) -> pd.DataFrame:
    """One null of one rule, as `mebias.selection.nulls` computes it."""
    rules = get_rules(rule)
    spread = coder_spread(coder_sd_ms)
    task = NullTask(found.cohort.frames, rules, ("signed",), (kind,), spread, n_draws, seed)
    rows: list[dict[str, object]] = []
    for coding in codings_of(found.cohort):
        rows += _clip_nulls(task, coding, found.traces[coding.clip]).rows(rules[0], "signed", kind)
    return tables.from_rows(rows, "nulls")


def _clip_nulls(task: NullTask, coding: Coding, trace: Trace) -> ClipNulls:
    human = coding.complete()
    assert human is not None and task.frames is not None
    bounds = dict(zip(tables.KEYFRAMES, [(float(f), float(f)) for f in human], strict=True))
    made = ClipNulls(task, coding, bounds)
    if not trace.refused:
        made.clip = Clip(made.numbers, partial(task.frames.read, coding.clip), human, coding.fps)
        made.clip.follow(trace.low, trace.theta)
    else:
        made.refused = trace.refused
    return made


def _blind_rows(found: Labeled) -> Iterator[dict[str, object]]:
    for clip in found.cohort.clips["clip"]:
        for keyframe, place in zip(tables.KEYFRAMES, found.traces[clip].located, strict=True):
            yield {
                "dataset": found.cohort.name,
                "clip": clip,
                "source": JUDGE,
                "keyframe": keyframe,
                "frame": round(place.frame) if math.isfinite(place.frame) else math.nan,
                "status": place.status,
                "mean": place.frame,
                "sd": place.sd,
                "low": place.low,
                "high": place.high,
            }


def _looked_at(frames: FrameSource, coding: Coding) -> tuple[int, int]:
    """First and last frame that motion-blind looks at."""
    human = coding.complete()
    assert human is not None
    numbers, reach = frames.numbers(coding.clip), CONTEXT_MS * coding.fps / 1000
    near = numbers[(numbers >= human[0] - reach) & (numbers <= human[2] + reach)]
    return int(near[0]), int(near[-1])


def _span(trace: Trace) -> tuple[int, int]:
    return trace.low, trace.high


def _traced(frames: KeptFrames, codings: Sequence[Coding], jobs: Jobs) -> dict[str, Trace]:
    work = [(coding, *frames.stacks[coding.clip]) for coding in codings]
    traces = in_order(_trace, work, jobs if len(work) > 1 else 1, None)
    return {coding.clip: trace for coding, trace in zip(codings, traces, strict=True)}


_Work = tuple[Coding, int, np.ndarray]


def _trace(_: None, work: _Work) -> Trace:
    """The posterior as the rule motion-blind draws it, from the stream that it would have."""
    coding, first, stack = work
    frames = KeptFrames({coding.clip: (first, stack)})
    rng = generator(0, coding, MOTION_BLIND)  # type: ignore[arg-type]
    human = (coding.onset, coding.apex, coding.offset)
    read = partial(frames.read, coding.clip)
    low, high = _looked_at(frames, coding)
    try:
        found = MOTION_BLIND.trace(frames.numbers(coding.clip), read, human, coding.fps, rng)
    except UnusableClipError as error:  # cut at its labels, a clip may have too few frames
        nowhere = (Located(math.nan, math.nan, math.nan, math.nan, "failed"),) * 3
        return Trace(low, high, np.empty((0, 11)), nowhere, str(error))
    located = MOTION_BLIND.summary(found, coding.fps)
    refused = "" if found.posterior.detected else UNDETECTABLE
    return Trace(low, high, found.posterior.theta, located, refused)
