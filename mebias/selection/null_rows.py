"""Rows of the nulls table: what one coding of one clip gives under each null."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from mebias import tables
from mebias.cohort import FrameSource
from mebias.errors import FrameError
from mebias.selection.choose import Candidates
from mebias.selection.choose_many import choose_many
from mebias.selection.coder_spread import Spread
from mebias.selection.codings import Coding
from mebias.selection.motion import MOTION_BLIND
from mebias.selection.null_clips import UNDETECTABLE, Clip
from mebias.selection.one_clip import candidates_of, generator, windows_of
from mebias.selection.rebuild import draw_chance, rebuilt, true_keyframes
from mebias.selection.rules import Rule, Windows, pick_of
from mebias.selection.traces import Traces
from mebias.selection.uniform import QUANTILES, moments, named_quantiles, uniform_shares

Row = dict[str, object]
Bounds = Mapping[str, tuple[float, float]]
"""Keyframe -> first and last frame at which its shift is 0."""


@dataclass(frozen=True)
class NullTask:
    """What is asked of each clip."""

    frames: FrameSource | None
    rules: tuple[Rule, ...]
    distances: tuple[str, ...]
    kinds: tuple[str, ...]
    spread: Spread
    n_draws: int
    seed: int
    traces: Traces | None = None


class ClipNulls:
    """The nulls of one coding; its clip is read and taken apart once, if at all."""

    def __init__(self, task: NullTask, coding: Coding, bounds: Bounds) -> None:
        self.task, self.coding, self.bounds = task, coding, bounds
        self.clip: Clip | None = None
        self.refused = ""
        self.numbers = np.empty(0, dtype=np.int64)
        self.unlisted = ""
        if task.frames is not None:
            try:
                self.numbers = np.asarray(task.frames.numbers(coding.clip))
            except FrameError as error:
                self.unlisted = str(error)

    def rows(self, rule: Rule, distance: str, kind: str) -> list[Row]:
        """One row per keyframe, or the reason why there is none."""
        human = self.coding.complete()
        reason = self._unusable(rule, human)
        if reason or human is None:
            return self._rows(rule, distance, kind, [{"reason": reason}] * 3)
        if kind == "uniform" or pick_of(rule) == "random":
            found = self._uniform(rule, human)
        elif distance != "signed":
            found = f"differences that wrap around ({distance}) cannot be rebuilt"
        else:
            found = self._rebuilt(rule, human, kind)
        if isinstance(found, str):
            found = [{"reason": found}] * 3
        return self._rows(rule, distance, kind, found)

    def _unusable(self, rule: Rule, human: tuple[int, int, int] | None) -> str:
        if hasattr(rule, "locate"):
            return f"{rule.name} has no windows that a null could draw from"
        if human is None:
            lacking = [k for k in tables.KEYFRAMES if getattr(self.coding, k) is None]
            return f"no usable human {' and '.join(lacking)}"
        return self.coding.disorder() or self.unlisted

    def _asked(self, rule: Rule, human: tuple[int, int, int]) -> Candidates | str:
        """Candidates as `mebias.reselect` takes them; every frame where none is at hand."""
        on_disk = set(self.numbers.tolist())
        if self.task.frames is None and getattr(rule, "whole_clip", False):
            return "no frames on disk"
        windows = windows_of(rule, human, on_disk)
        if self.task.frames is None:
            on_disk = _every(windows)
        found = {k: candidates_of(windows.of(k), on_disk) for k in tables.KEYFRAMES}
        for keyframe, frames in found.items():
            if not frames:
                low, high = windows.of(keyframe)
                return f"none of the frames {low}-{high} for the {keyframe} is on disk"
        allowed = getattr(rule, "is_candidate", None)
        return Candidates(
            onsets=found["onset"],
            apexes=found["apex"],
            offsets=found["offset"],
            is_candidate=partial(allowed, human) if allowed else None,
            ordered=getattr(rule, "whole_clip", False),
        )

    def _uniform(self, rule: Rule, human: tuple[int, int, int]) -> list[Row] | str:
        asked = self._asked(rule, human)
        if isinstance(asked, str):
            return asked
        shares = uniform_shares(asked, human, pick=pick_of(rule))
        if shares is None:
            return "no pair of onset and apex is a candidate"
        return [
            dict(moments(self._shifts(np.array(list(own)), k), np.array(list(own.values()))))
            for k, own in zip(tables.KEYFRAMES, shares, strict=True)
        ]

    def _rebuilt(self, rule: Rule, human: tuple[int, int, int], kind: str) -> list[Row] | str:
        spread, task, coding = self.task.spread, self.task, self.coding
        if kind == "unbiased" and spread.reason:
            return spread.reason
        asked = self._asked(rule, human)
        reason = self._taken_apart(human)
        if reason or isinstance(asked, str):
            return reason or str(asked)
        assert self.clip is not None
        frames = sorted({*asked.onsets, *asked.apexes, *asked.offsets})
        try:
            parts = self.clip.parts(frames)
        except FrameError as error:
            return str(error)
        rng = generator(task.seed, coding, rule)
        chance = draw_chance(parts, task.n_draws, rng)
        sd = np.array(spread.sd if kind == "unbiased" else (0.0, 0.0, 0.0))
        truth, errors = true_keyframes(human, chance, sd * coding.fps / 1000, rng)
        squared = rebuilt(parts, chance, truth, frames)
        chosen = choose_many(squared, frames, human, asked, pick=pick_of(rule))
        if chosen is None:
            return "no pair of onset and apex is a candidate"
        rows = [
            _summary(self._shifts(own, keyframe), errors, sd)
            for keyframe, own in zip(tables.KEYFRAMES, chosen.T, strict=True)
        ]
        if kind == "unbiased":
            for row, value, unsure in zip(rows, spread.sd, spread.error, strict=True):
                row |= {"coder_sd": value, "coder_sd_error": unsure}
        return rows

    def _taken_apart(self, human: tuple[int, int, int]) -> str:
        """Read the clip and locate its movement, once; why that cannot be done, if so."""
        if self.clip is not None or self.refused:
            return self.refused
        task, coding = self.task, self.coding
        if task.frames is None:
            self.refused = "no frames on disk"
        elif not 0 < coding.fps < np.inf:
            self.refused = f"fps is {coding.fps:g}; expected frames per second above 0"
        else:
            clip = Clip(self.numbers, partial(task.frames.read, coding.clip), human, coding.fps)
            # The stream of the rule motion-blind: its posterior is the one that is shown.
            rng = generator(task.seed, coding, MOTION_BLIND)  # type: ignore[arg-type]
            known = None if task.traces is None else task.traces.get(coding)
            try:
                if known is None:
                    moves = clip.locate(rng, coding.phases)
                else:
                    clip.follow(known.first, known.theta)
                    moves = known.detected
            except FrameError as error:
                self.refused = str(error)
            else:
                self.refused = "" if moves else UNDETECTABLE
                self.clip = clip if moves else None
        return self.refused

    def _shifts(self, frames: np.ndarray, keyframe: str) -> np.ndarray:
        """Shifts as `mebias.compare` takes them: 0 inside a coded interval."""
        low, high = self.bounds[keyframe]
        return np.asarray(frames - np.clip(frames, low, high), dtype=float)

    def _rows(
        self, rule: Rule, distance: str, kind: str, found: Sequence[Mapping[str, object]]
    ) -> list[Row]:
        coding = self.coding
        frames = (coding.onset, coding.apex, coding.offset)
        return [
            {
                "dataset": coding.dataset,
                "clip": coding.clip,
                "keyframe": keyframe,
                "source": rule.name,
                "distance": distance,
                "coder": coding.coder,
                "pass": coding.coding_pass,
                "null": kind,
                "human": np.nan if human is None else human,
                "mean": np.nan,  # a required column, whatever else there is
                **row,
            }
            for keyframe, human, row in zip(tables.KEYFRAMES, frames, found, strict=True)
        ]


def _every(windows: Windows) -> set[int]:
    """All frames of all windows."""
    found: set[int] = set()
    for keyframe in tables.KEYFRAMES:
        low, high = windows.of(keyframe)
        found.update(range(low, high + 1))
    return found


def _summary(shifts: np.ndarray, errors: np.ndarray, sd: np.ndarray) -> Row:
    """Moments and quantiles of drawn shifts, and the slopes of their mean in each SD."""
    row: Row = {
        "mean": float(shifts.mean()),
        "sd": float(shifts.std()),
        "n_draws": len(shifts),
    }
    values = np.quantile(shifts, QUANTILES, method="inverted_cdf")
    row |= named_quantiles(values)
    for keyframe, z, one in zip(tables.KEYFRAMES, errors.T, sd, strict=True):
        if one > 0:
            score = z**2 - 1
            slope = ((shifts - shifts.mean()) * (score - score.mean())).mean() / one
            row[f"slope_{keyframe}"] = float(slope)
    return row
