"""Re-select the keyframes of a cohort with one or several rules."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise, product
from multiprocessing import get_context

import numpy as np
import pandas as pd

from mebias import tables
from mebias.cohort import Cohort, FrameSource
from mebias.errors import FrameError, OptionError, TableError, UnusableClipError
from mebias.selection.choose import Candidates, Choice, choose
from mebias.selection.distances import PairDistances, get_distance
from mebias.selection.motion import Phases, usual_phases
from mebias.selection.rules import (
    Rule,
    WindowFunction,
    Windows,
    check_windows,
    get_rules,
    pick_of,
)

Row = dict[str, object]


@dataclass(frozen=True)
class _Coding:
    """One human coding of one clip; missing keyframes are None."""

    dataset: str
    clip: str
    coder: str
    coding_pass: str
    onset: int | None
    apex: int | None
    offset: int | None
    fps: float
    phases: Phases

    def complete(self) -> tuple[int, int, int] | None:
        if self.onset is None or self.apex is None or self.offset is None:
            return None
        return self.onset, self.apex, self.offset

    def disorder(self) -> str:
        """What is wrong with the order of the keyframes, in words; empty where nothing is."""
        at = [(k, getattr(self, k)) for k in tables.KEYFRAMES if getattr(self, k) is not None]
        for (early, first), (late, then) in pairwise(at):
            if then < first:
                return (
                    f"the human {late} is frame {then}, before the {early} at {first}; expected "
                    f"onset <= apex <= offset"
                )
        return ""


def reselect(
    cohort: Cohort,
    rule: str | Rule | WindowFunction | Sequence[str | Rule | WindowFunction] = "gamdss",
    *,
    distance: str | Sequence[str] = "signed",
    clips: Sequence[str] | None = None,
    skip_bad_frames: bool = False,
    seed: int = 0,
    jobs: int = 1,
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
        ``signed`` (pixel differences as they are) or ``uint8`` (as the released program).
    clips : sequence of str, optional
        Only these clips; all by default. The labels of other subjects' clips still say how
        long phases usually last, which ``motion`` starts from.
    skip_bad_frames : bool
        Go on where an image cannot be read or is missing amid its clip: the clip is marked
        ``failed``, or its window ``truncated``. By default that is an error, missing images
        of datasets that are known to have lost frames aside.
    seed : int
        For the rule ``jitter``: the same seed draws the same frames, clip by clip.
    jobs : int
        Worker processes; the result does not depend on it.
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
    if jobs < 1:
        raise OptionError(f"jobs is {jobs}; expected 1 or more.")
    rules = get_rules(rule)
    distances = (distance,) if isinstance(distance, str) else tuple(distance)
    if not distances or len(set(distances)) < len(distances):
        raise OptionError(f"distance is {distance!r}; expected one or more, each once.")
    for name in distances:
        get_distance(name)
    codings = [c for c in _codings(cohort) if clips is None or c.clip in set(clips)]
    _check_rules(rules, codings)
    rows: list[Row] = []
    task = _Task(cohort.frames, rules, distances, skip_bad_frames, cohort.manifest.gaps, seed)
    chunks = _run(task, codings, jobs)
    for found in _bar(chunks, len(codings), progress):
        rows.extend(found)
    table = tables.from_rows(rows, "keyframes")
    order = ["source", "distance"]
    return table.sort_values(order, kind="stable", ignore_index=True)


def _codings(cohort: Cohort) -> Iterator[_Coding]:
    """Human codings in the order of their first row."""
    keyframes = cohort.keyframes
    rates = dict(zip(cohort.clips["clip"], cohort.clips["fps"], strict=True))
    human = keyframes[keyframes["source"] == "human"]
    keys = ["dataset", "clip", "coder", "pass"]
    _refuse_repeats(human, [*keys, "keyframe"])
    whole = np.isfinite(human["frame"]) & (human["frame"] % 1 == 0)
    usable = human["status"].isin(tables.PLACED) & whole
    human = human.assign(frame=human["frame"].where(usable))
    # Unlike pivot_table, pivot makes up no codings of clips that only other coders saw.
    wide = human.pivot(index=keys, columns="keyframe", values="frame")  # noqa: PD010
    codings = pd.MultiIndex.from_frame(human[keys].drop_duplicates())
    wide = wide.reindex(index=codings, columns=list(tables.KEYFRAMES))
    phases = _usual_phases(cohort, wide)
    for key, values in zip(wide.index, wide.to_numpy(), strict=True):
        onset, apex, offset = (None if np.isnan(v) else int(v) for v in values)
        dataset, clip, coder, coding_pass = map(str, key)
        rate = float(rates.get(clip, np.nan))
        usual = phases[clip]
        yield _Coding(dataset, clip, coder, coding_pass, onset, apex, offset, rate, usual)


def _usual_phases(cohort: Cohort, wide: pd.DataFrame) -> dict[str, Phases]:
    """For each clip, how long the phases of other subjects' clips last."""
    clips = wide.index.get_level_values("clip")
    about = cohort.clips.set_index("clip").reindex(clips)
    subjects = about["subject"].to_numpy(dtype=object)
    rates = about["fps"].where(about["fps"] > 0).to_numpy(dtype=float)
    lengths = 1000 * wide.diff(axis=1).to_numpy()[:, 1:] / rates[:, None]
    lengths = np.where(np.isfinite(lengths), lengths, 0.0)  # 0 is no length: left out
    usual = {s: usual_phases(*lengths[subjects != s].T) for s in set(subjects)}
    return {str(clip): usual[s] for clip, s in zip(clips, subjects, strict=True)}


def _refuse_repeats(human: pd.DataFrame, by: list[str]) -> None:
    repeated = human[human.duplicated(by)]
    if len(repeated):
        row = repeated.iloc[0]
        raise TableError(
            f"the cohort's keyframes hold the {row['keyframe']} of clip {row['clip']} twice; keep "
            f"one, or tell them apart by coder or pass."
        )


def _check_rules(rules: Sequence[Rule], codings: Sequence[_Coding]) -> None:
    """Every rule's windows for every clip, before the hours that reading frames may take."""
    for coding in codings:
        human = coding.complete()
        if human is not None and not coding.disorder():
            for rule in rules:
                if not hasattr(rule, "locate"):
                    check_windows(rule, human, coding.clip)


@dataclass(frozen=True)
class _Task:
    """What is done to each clip."""

    frames: FrameSource | None
    rules: tuple[Rule, ...]
    distances: tuple[str, ...]
    skip_bad_frames: bool
    gaps: bool
    seed: int


def _run(task: _Task, codings: Sequence[_Coding], jobs: int) -> Iterator[list[Row]]:
    if jobs == 1 or task.frames is None:
        for coding in codings:
            yield _one(task, coding)
        return
    context = get_context("spawn")  # a fork of a process with running threads may hang
    with ProcessPoolExecutor(jobs, context, _start, (task,)) as pool:
        yield from pool.map(_work, codings, chunksize=max(1, len(codings) // (8 * jobs)))


_worker: _Task


def _start(task: _Task) -> None:
    global _worker
    _worker = task


def _work(coding: _Coding) -> list[Row]:
    return _one(_worker, coding)


def _one(task: _Task, coding: _Coding) -> list[Row]:
    windowed = tuple(rule for rule in task.rules if not hasattr(rule, "locate"))
    located = [rule for rule in task.rules if hasattr(rule, "locate")]
    rows = _by_windows(replace(task, rules=windowed), coding) if windowed else []
    return rows + [row for rule in located for row in _by_motion(task, coding, rule)]


def _by_motion(task: _Task, coding: _Coding, rule: Rule) -> list[Row]:
    """Keyframes that a rule locates without windows."""
    if task.frames is None:
        return _failed(coding, rule, "", None, "no frames on disk")
    if coding.disorder():
        return _failed(coding, rule, "", None, coding.disorder())
    human = (coding.onset, coding.apex, coding.offset)
    rng = _generator(task.seed, coding, rule)
    unreadable: list[FrameError] = []

    def asked(ask: Callable[..., np.ndarray], *number: int) -> np.ndarray:
        try:
            return ask(coding.clip, *number)
        except FrameError as error:
            if not isinstance(error, UnusableClipError):
                unreadable.append(error)
            raise

    try:
        numbers, read = asked(task.frames.numbers), partial(asked, task.frames.read)
        found = rule.locate(  # type: ignore[attr-defined]
            numbers, read, human, coding.fps, rng, coding.phases
        )
    except FrameError as error:
        if unreadable and not task.skip_bad_frames:
            raise _stopped(error) from None
        return _failed(coding, rule, "", None, str(error))
    rows = []
    for keyframe, place in zip(tables.KEYFRAMES, found, strict=True):
        choice = Choice(round(place.frame), float("nan"), float("nan"))
        row = _row(coding, rule, "", keyframe, None, choice, place.status)
        rows.append(row | {"sd": place.sd, "low": place.low, "high": place.high})
    return rows


def _by_windows(task: _Task, coding: _Coding) -> list[Row]:
    human = coding.complete()
    if human is None:
        lacking = [k for k in tables.KEYFRAMES if getattr(coding, k) is None]
        return _all_failed(task, coding, None, f"no usable human {' and '.join(lacking)}")
    if coding.disorder():
        return _all_failed(task, coding, None, coding.disorder())
    if task.frames is None:
        return _all_failed(task, coding, human, "no frames on disk")
    try:
        return _chosen(task, task.frames, coding, human)
    except UnusableClipError as error:
        return _all_failed(task, coding, human, str(error))
    except FrameError as error:
        if task.skip_bad_frames:
            return _all_failed(task, coding, human, str(error))
        raise _stopped(error) from None


def _stopped(error: FrameError) -> FrameError:
    """The error with the way around it."""
    return FrameError(
        f"{str(error).rstrip('.')}; or leave such clips out with skip_bad_frames "
        f"(--skip-bad-frames)."
    )


def _chosen(
    task: _Task, frames: FrameSource, coding: _Coding, human: tuple[int, int, int]
) -> list[Row]:
    cache: dict[int, np.ndarray] = {}

    def read(number: int) -> np.ndarray:
        if number not in cache:
            cache[number] = frames.read(coding.clip, number)
        return cache[number]

    on_disk = set(frames.numbers(coding.clip).tolist())
    if not (task.skip_bad_frames or task.gaps):
        _refuse_gaps(on_disk, coding, [_windows(rule, human, on_disk) for rule in task.rules])
    rows: list[Row] = []
    for distance in task.distances:
        squared = PairDistances(read, get_distance(distance), coding.clip)
        for rule in task.rules:
            rng = _generator(task.seed, coding, rule)
            rows.extend(_select(squared, on_disk, coding, human, rule, distance, rng))
    return rows


def _refuse_gaps(on_disk: set[int], coding: _Coding, several: Sequence[Windows]) -> None:
    """Refuse frames that a window asks for and that are missing between others."""
    if not on_disk:
        return
    first, last = min(on_disk), max(on_disk)
    for windows in several:
        for keyframe in tables.KEYFRAMES:
            low, high = windows.of(keyframe)
            lost = [n for n in range(max(low, first), min(high, last) + 1) if n not in on_disk]
            if lost:
                more = f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
                raise FrameError(
                    f"clip {coding.clip} has frames {first} to {last} on disk, but frame "
                    f"{lost[0]}{more} is missing, which the window of its {keyframe} needs; fetch "
                    f"the image anew from its source."
                )


def _select(
    squared: PairDistances,
    on_disk: set[int],
    coding: _Coding,
    human: tuple[int, int, int],
    rule: Rule,
    distance: str,
    rng: np.random.Generator,
) -> list[Row]:
    windows = _windows(rule, human, on_disk)
    candidates = {k: _candidates(windows.of(k), on_disk) for k in tables.KEYFRAMES}
    for keyframe, numbers in candidates.items():
        if not numbers:
            low, high = windows.of(keyframe)
            has = f"it has {min(on_disk)} to {max(on_disk)}" if on_disk else "it has none"
            reason = f"none of the frames {low}-{high} for the {keyframe} is on disk: {has}"
            return _failed(coding, rule, distance, windows, reason)
    allowed = getattr(rule, "is_candidate", None)
    asked = Candidates(
        onsets=candidates["onset"],
        apexes=candidates["apex"],
        offsets=candidates["offset"],
        is_candidate=partial(allowed, human) if allowed else None,
        ordered=getattr(rule, "whole_clip", False),
    )
    chosen = choose(squared, human, asked, pick=pick_of(rule), rng=rng)
    if chosen is None:
        return _failed(coding, rule, distance, windows, "no pair of onset and apex is a candidate")
    rows = []
    for keyframe, choice in zip(tables.KEYFRAMES, chosen, strict=True):
        whole = len(candidates[keyframe]) == windows.of(keyframe)[1] - windows.of(keyframe)[0] + 1
        status = "selected" if whole else "truncated"
        rows.append(_row(coding, rule, distance, keyframe, windows, choice, status))
    return rows


def _windows(rule: Rule, human: tuple[int, int, int], on_disk: set[int]) -> Windows:
    """A rule's windows; the whole clip for a rule that knows no other bounds."""
    if getattr(rule, "whole_clip", False) and on_disk:
        clip = (min(on_disk), max(on_disk))
        return Windows(clip, clip, clip)
    return rule.windows(*human)


def _generator(seed: int, coding: _Coding, rule: Rule) -> np.random.Generator:
    """A stream of its own for each clip, coding and rule, whatever the order of the work."""
    text = "\0".join((coding.dataset, coding.clip, coding.coder, coding.coding_pass, rule.name))
    return np.random.default_rng([seed, zlib.crc32(text.encode()), len(text)])


def _candidates(bounds: tuple[int, int], on_disk: set[int]) -> list[int]:
    # From the frames there are: a rule of the user's own may ask for millions that are not.
    return sorted(n for n in on_disk if bounds[0] <= n <= bounds[1])


def _row(
    coding: _Coding,
    rule: Rule,
    distance: str,
    keyframe: str,
    windows: Windows | None,
    choice: Choice | None,
    status: str,
    reason: str = "",
) -> Row:
    nan = float("nan")
    low, high = windows.of(keyframe) if windows else (nan, nan)
    return {
        "dataset": coding.dataset,
        "clip": coding.clip,
        "source": rule.name,
        "distance": distance,
        "coder": coding.coder,
        "pass": coding.coding_pass,
        "keyframe": keyframe,
        "frame": choice.frame if choice else nan,
        "status": status,
        "window_low": low,
        "window_high": high,
        "freedom": high - low,
        "at_edge": bool(choice and high > low and choice.frame in (low, high)),
        "score": choice.score if choice else nan,
        "runner_up_margin": choice.margin if choice else nan,
        "reason": reason,
    }


def _failed(
    coding: _Coding, rule: Rule, distance: str, windows: Windows | None, reason: str
) -> list[Row]:
    return [
        _row(coding, rule, distance, k, windows, None, "failed", reason) for k in tables.KEYFRAMES
    ]


def _all_failed(
    task: _Task, coding: _Coding, human: tuple[int, int, int] | None, reason: str
) -> list[Row]:
    return [
        row
        for rule, distance in product(task.rules, task.distances)
        for row in _failed(coding, rule, distance, rule.windows(*human) if human else None, reason)
    ]


def _bar(chunks: Iterable[list[Row]], total: int, progress: bool) -> Iterable[list[Row]]:
    if not progress:
        return chunks
    from tqdm.auto import tqdm

    bar: Iterable[list[Row]] = tqdm(chunks, total=total, desc="re-selecting", unit="clip")
    return bar
