"""What is done to one clip: its frames decoded once, every rule applied, rows of the table."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from mebias import tables
from mebias.cohort import FrameSource
from mebias.errors import FrameError, UnusableClipError
from mebias.selection.cache import Cache, is_plain
from mebias.selection.choose import Candidates, Choice, choose
from mebias.selection.codings import Coding
from mebias.selection.decoding import ClipFrames, Decoders
from mebias.selection.distances import get_distance
from mebias.selection.motion.rules import CONTEXT_MS, MOTION_BLIND, Motion
from mebias.selection.pairs import PairDistances
from mebias.selection.rules import Rule, Windows, pick_of
from mebias.selection.traces import Traces

Row = dict[str, object]
Asked = tuple[Rule, str]
"""A rule and the distance that it looks at."""


@dataclass(frozen=True)
class Task:
    """What is done to each clip."""

    frames: FrameSource | None
    rules: tuple[Rule, ...]
    distances: tuple[str, ...]
    skip_bad_frames: bool
    gaps: bool
    seed: int
    cache: Path | None = None
    traces: Traces | None = None

    def asked(self) -> list[Asked]:
        """Every rule under every distance; rules that locate keyframes know no distance."""
        windowed = [rule for rule in self.rules if not hasattr(rule, "locate")]
        located = [(rule, "") for rule in self.rules if hasattr(rule, "locate")]
        return [*product(windowed, self.distances), *located]


def select_in_clip(
    task: Task, coding: Coding, decoders: Decoders | None = None
) -> Callable[[], list[Row]]:
    """Begin with one clip: what is cached is read, the frames that are needed are asked for.

    Parameters
    ----------
    task : Task
        What is done.
    coding : Coding
        The clip and its labels.
    decoders : Decoders, optional
        Threads that decode ahead, while other clips are worked on.

    Returns
    -------
    callable
        Does the rest and returns rows of a keyframes table; raises FrameError where an
        image that is needed cannot be read.
    """
    if task.frames is None:
        return lambda: _without_frames(task.asked(), coding)
    frames = ClipFrames(task.frames, coding.clip, decoders)
    kept = Kept(task, coding, frames) if task.cache is not None else None
    rows = [] if kept is None else kept.rows()
    missing = task.asked() if kept is None else kept.missing
    windowed = [(rule, distance) for rule, distance in missing if not hasattr(rule, "locate")]
    if decoders is not None:
        _announce(frames, coding, windowed)

    def rest() -> list[Row]:
        new = _by_windows(task, frames, coding, windowed) if windowed else []
        for rule, _ in missing:
            if hasattr(rule, "locate"):
                new += _by_motion(task, frames, coding, rule)
        if kept is not None:
            kept.keep(new)
        return rows + new

    return rest


class Kept:
    """What the cache holds of one clip, and what it lacks."""

    def __init__(self, task: Task, coding: Coding, frames: ClipFrames) -> None:
        assert task.cache is not None
        self._cache = Cache(task.cache)
        self._found: list[Row] = []
        self.missing: list[Asked] = []
        self._keys: dict[tuple[str, str], str] = {}
        prints: dict[tuple[float, float], str] = {}
        for rule, distance in task.asked():
            key = ""
            bounds = _looked_at(rule, coding)
            if is_plain(rule) and bounds not in prints:
                prints[bounds] = frames.fingerprint(*bounds)
            print_ = prints.get(bounds, "") if is_plain(rule) else ""
            if print_:
                about = (print_, coding, rule, distance, task.seed, task.gaps, task.skip_bad_frames)
                key = self._cache.key(*map(repr, about))
            rows = self._cache.get(key) if key else None
            if rows is None:
                self.missing.append((rule, distance))
                self._keys[rule.name, distance] = key
            else:
                self._found += rows

    def rows(self) -> list[Row]:
        """Rows that were cached."""
        return self._found

    def keep(self, rows: Sequence[Row]) -> None:
        """Keep new rows, each rule's and distance's by themselves."""
        for (source, distance), key in self._keys.items():
            own = [r for r in rows if r["source"] == source and r["distance"] == distance]
            if key and own:
                self._cache.put(key, own)


def _looked_at(rule: Rule, coding: Coding) -> tuple[float, float]:
    """Bounds of the frames that a rule looks at, NaN where that may be the whole clip."""
    nan = float("nan")
    human = coding.complete()
    if isinstance(rule, Motion):
        if coding.onset is None or coding.offset is None or not coding.fps > 0:
            return nan, nan
        reach = CONTEXT_MS * coding.fps / 1000
        return coding.onset - reach, coding.offset + reach
    if hasattr(rule, "locate") or getattr(rule, "whole_clip", False) or human is None:
        return nan, nan
    windows = rule.windows(*human)
    bounds = [windows.of(keyframe) for keyframe in tables.KEYFRAMES]
    return min(low for low, _ in bounds), max(high for _, high in bounds)


def _announce(frames: ClipFrames, coding: Coding, asked: Sequence[Asked]) -> None:
    """Ask for the frames of all windows; what is wrong with them is said later."""
    human = coding.complete()
    if human is None or coding.disorder():
        return
    try:
        on_disk = set(frames.numbers().tolist())
    except FrameError:
        return
    wanted: list[int] = []
    for rule in dict(asked):
        windows = windows_of(rule, human, on_disk)
        for keyframe in tables.KEYFRAMES:
            wanted += candidates_of(windows.of(keyframe), on_disk)
    frames.want(wanted)


def _without_frames(asked: Sequence[Asked], coding: Coding) -> list[Row]:
    human = coding.complete()
    windowed = [pair for pair in asked if not hasattr(pair[0], "locate")]
    located = [rule for rule, _ in asked if hasattr(rule, "locate")]
    rows = _unlabeled(windowed, coding) or _all_failed(windowed, coding, human, "no frames on disk")
    return rows + [
        row for r in located for row in _failed(coding, r, "", None, "no frames on disk")
    ]


def _unlabeled(asked: Sequence[Asked], coding: Coding) -> list[Row]:
    """Rows that say which labels are missing or out of order; none where all is well."""
    if coding.complete() is None:
        lacking = [k for k in tables.KEYFRAMES if getattr(coding, k) is None]
        return _all_failed(asked, coding, None, f"no usable human {' and '.join(lacking)}")
    return _all_failed(asked, coding, None, coding.disorder()) if coding.disorder() else []


def _by_motion(task: Task, frames: ClipFrames, coding: Coding, rule: Rule) -> list[Row]:
    """Keyframes that a rule locates without windows."""
    if coding.disorder():
        return _failed(coding, rule, "", None, coding.disorder())
    human = (coding.onset, coding.apex, coding.offset)
    rng = generator(task.seed, coding, rule)
    unreadable: list[FrameError] = []

    def asked(ask: Callable[..., np.ndarray], *number: int) -> np.ndarray:
        try:
            return ask(*number)
        except FrameError as error:
            if not isinstance(error, UnusableClipError):
                unreadable.append(error)
            raise

    try:
        numbers, read = asked(frames.numbers), partial(asked, frames.once)
        if task.traces is not None and isinstance(rule, Motion) and rule == MOTION_BLIND:
            traced = MOTION_BLIND.trace(numbers, read, human, coding.fps, rng)
            task.traces.keep(coding, traced)
            found = MOTION_BLIND.summary(traced, coding.fps)
        else:
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
        interval = {"low": place.low, "high": place.high}
        rows.append(row | {"mean": place.frame, "sd": place.sd} | interval)
    return rows


def _by_windows(
    task: Task, frames: ClipFrames, coding: Coding, asked: Sequence[Asked]
) -> list[Row]:
    human = coding.complete()
    unlabeled = _unlabeled(asked, coding)
    if human is None or unlabeled:
        return unlabeled
    try:
        return _chosen(task, frames, coding, human, asked)
    except UnusableClipError as error:
        return _all_failed(asked, coding, human, str(error))
    except FrameError as error:
        if task.skip_bad_frames:
            return _all_failed(asked, coding, human, str(error))
        raise _stopped(error) from None


def _stopped(error: FrameError) -> FrameError:
    """The error with the way around it."""
    return FrameError(
        f"{str(error).rstrip('.')}; or leave such clips out with skip_bad_frames "
        f"(--skip-bad-frames)."
    )


def _chosen(
    task: Task,
    frames: ClipFrames,
    coding: Coding,
    human: tuple[int, int, int],
    asked: Sequence[Asked],
) -> list[Row]:
    on_disk = set(frames.numbers().tolist())
    if not (task.skip_bad_frames or task.gaps):
        _refuse_gaps(on_disk, coding, [windows_of(rule, human, on_disk) for rule in dict(asked)])
    matrices = {name: PairDistances(frames, get_distance(name)) for _, name in asked}
    rows: list[Row] = []
    for rule, name in asked:
        rng = generator(task.seed, coding, rule) if pick_of(rule) == "random" else None
        rows.extend(_select(matrices[name], on_disk, coding, human, rule, name, rng))
    return rows


def _refuse_gaps(on_disk: set[int], coding: Coding, several: Sequence[Windows]) -> None:
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
    coding: Coding,
    human: tuple[int, int, int],
    rule: Rule,
    distance: str,
    rng: np.random.Generator | None,
) -> list[Row]:
    windows = windows_of(rule, human, on_disk)
    candidates = {k: candidates_of(windows.of(k), on_disk) for k in tables.KEYFRAMES}
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


def windows_of(rule: Rule, human: tuple[int, int, int], on_disk: set[int]) -> Windows:
    """A rule's windows; the whole clip for a rule that knows no other bounds."""
    if getattr(rule, "whole_clip", False) and on_disk:
        clip = (min(on_disk), max(on_disk))
        return Windows(clip, clip, clip)
    return rule.windows(*human)


def generator(seed: int, coding: Coding, rule: Rule) -> np.random.Generator:
    """A stream of its own for each clip, coding and rule, whatever the order of the work."""
    text = "\0".join((coding.dataset, coding.clip, coding.coder, coding.coding_pass, rule.name))
    return np.random.default_rng([seed, zlib.crc32(text.encode()), len(text)])


def candidates_of(bounds: tuple[int, int], on_disk: set[int]) -> list[int]:
    """Frames of a window that are on disk, ascending."""
    low, high = bounds
    if high - low < len(on_disk):
        return [n for n in range(low, high + 1) if n in on_disk]
    # From the frames there are: a rule of the user's own may ask for millions that are not.
    return sorted(n for n in on_disk if low <= n <= high)


def _row(
    coding: Coding,
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
    coding: Coding, rule: Rule, distance: str, windows: Windows | None, reason: str
) -> list[Row]:
    return [
        _row(coding, rule, distance, k, windows, None, "failed", reason) for k in tables.KEYFRAMES
    ]


def _all_failed(
    asked: Sequence[Asked], coding: Coding, human: tuple[int, int, int] | None, reason: str
) -> list[Row]:
    return [
        row
        for rule, distance in asked
        for row in _failed(coding, rule, distance, rule.windows(*human) if human else None, reason)
    ]
