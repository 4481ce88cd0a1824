"""Re-select the keyframes of a cohort with one or several rules."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from mebias import tables
from mebias.cohort import Cohort
from mebias.errors import OptionError
from mebias.selection.codings import Coding, codings_of
from mebias.selection.decoding import Decoders
from mebias.selection.distances import get_distance
from mebias.selection.one_clip import Row, Task, select_in_clip
from mebias.selection.rules import Rule, WindowFunction, check_windows, get_rules
from mebias.selection.traces import Traces
from mebias.workers import Jobs, check_jobs, in_order

_AHEAD = 1
"""Clips whose frames are decoded ahead."""


def reselect(
    cohort: Cohort,
    rule: str | Rule | WindowFunction | Sequence[str | Rule | WindowFunction] = "gamdss",
    *,
    distance: str | Sequence[str] = "signed",
    clips: Sequence[str] | None = None,
    skip_bad_frames: bool = False,
    seed: int = 0,
    jobs: Jobs = 1,
    cache: str | Path | None = None,
    traces: Traces | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Re-select onset, apex and offset of every clip.

    Parameters
    ----------
    cohort : Cohort
        Clips with human keyframes. Without frames, windows and freedom are still given and
        every row has the status ``failed``.
    rule : str, Rule, function or sequence of them
        Names in `mebias.selection.RULES`, with another share after a colon (gamdss:0.2), or
        rules of your own: a function ``(onset, apex, offset) -> Windows`` will do.
    distance : str or sequence of str
        ``signed`` (pixel differences as they are), ``uint8`` (as the released program),
        ``stabilized`` (without flicker and head motion), ``flow`` (optical flow).
    clips : sequence of str, optional
        Only these clips; all by default. The labels of other subjects' clips still say how
        long phases usually last, which ``motion`` starts from.
    skip_bad_frames : bool
        Go on where an image cannot be read or is missing amid its clip: the clip is marked
        ``failed``, or its window ``truncated``. By default that is an error, missing images
        of datasets that are known to have lost frames aside.
    seed : int
        For the rule ``jitter``: the same seed draws the same frames, clip by clip.
    jobs : int or str
        Worker processes, or the address of a Dask scheduler; the result does not depend on it.
    cache : path, optional
        A folder in which results are kept by the content of the frames: what was selected
        once, with the same labels, rule, seed and version, is not selected again.
    traces : Traces, optional
        Where to keep the blind posteriors for `mebias.selection.nulls`.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    DataFrame
        A keyframes table, one row per clip, coding, rule, distance and keyframe. ``status``
        is ``selected``; ``truncated`` where frames of the window are not on disk; ``failed``
        where the clip lacks a keyframe or a readable frame, its keyframes are out of order, or
        its images are of several sizes, of 16 bits or transparent (``reason`` says which): the
        other clips are not concerned.

    Raises
    ------
    FrameError
        An image is empty, truncated, no image, or missing amid its clip.
    OptionError
        An unknown rule or distance, one given twice, a rule that has no windows for some clip
        (checked before any frame is read), or fewer than one job.
    TableError
        A keyframe of a coding stands twice in the cohort's table.

    Examples
    --------
    >>> import mebias
    >>> cohort = mebias.simulate("samm", n_subjects=3, n_clips=3, size=(48, 48))
    >>> table = mebias.reselect(cohort, rule="gamdss")
    >>> sorted(table["keyframe"].unique())
    ['apex', 'offset', 'onset']
    """
    check_jobs(jobs)
    rules = get_rules(rule)
    distances = (distance,) if isinstance(distance, str) else tuple(distance)
    if not distances or len(set(distances)) < len(distances):
        raise OptionError(f"distance is {distance!r}; expected one or more, each once.")
    for name in distances:
        get_distance(name)
    codings = [c for c in codings_of(cohort) if clips is None or c.clip in set(clips)]
    check_rules(rules, codings)
    task = Task(
        frames=cohort.frames,
        rules=rules,
        distances=distances,
        skip_bad_frames=skip_bad_frames,
        gaps=cohort.manifest.gaps,
        seed=seed,
        cache=None if cache is None else Path(cache),
        traces=traces,
    )
    chunks = _bar(_run(task, codings, jobs), len(codings), progress)
    table = tables.gathered(chunks, "keyframes")
    return table.sort_values(["source", "distance"], kind="stable", ignore_index=True)


def check_rules(rules: Sequence[Rule], codings: Sequence[Coding]) -> None:
    """Every rule's windows for every clip, before the hours that reading frames may take."""
    for coding in codings:
        human = coding.complete()
        if human is not None and not coding.disorder():
            for rule in rules:
                if not hasattr(rule, "locate"):
                    check_windows(rule, human, coding.clip)


def _run(task: Task, codings: Sequence[Coding], jobs: Jobs) -> Iterator[list[Row]]:
    if jobs == 1 or task.frames is None:
        return _in_turn(task, codings)
    return in_order(_work, codings, jobs, task)


def _in_turn(task: Task, codings: Sequence[Coding]) -> Iterator[list[Row]]:
    """Clip by clip; while one is worked on, the frames of the next one are decoded."""
    if not getattr(task.frames, "concurrent", False):
        for coding in codings:
            yield select_in_clip(task, coding)()
        return
    with Decoders(min(4, os.cpu_count() or 1)) as decoders:
        ahead: deque[Callable[[], list[Row]]] = deque()
        for coding in codings:
            ahead.append(select_in_clip(task, coding, decoders))
            if len(ahead) > _AHEAD:
                yield ahead.popleft()()
        while ahead:
            yield ahead.popleft()()


def _work(task: Task, coding: Coding) -> list[Row]:
    return select_in_clip(task, coding)()


def _bar(chunks: Iterable[list[Row]], total: int, progress: bool) -> Iterable[list[Row]]:
    if not progress:
        return chunks
    from tqdm.auto import tqdm

    bar: Iterable[list[Row]] = tqdm(chunks, total=total, desc="re-selecting", unit="clip")
    return bar
