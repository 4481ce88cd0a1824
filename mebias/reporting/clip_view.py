"""One clip as its pictures need it: human labels, choices, frames and scales."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from mebias import tables
from mebias.cohort import Cohort
from mebias.errors import FrameError, OptionError, listed, suggest
from mebias.selection import Rule, reselect
from mebias.selection.rules import WindowFunction, get_rules

Number = TypeVar("Number", float, np.ndarray)
AnyRule = str | Rule | WindowFunction
HUMAN = "human"


@dataclass(frozen=True)
class Mark:
    """Where one source puts one keyframe.

    Attributes
    ----------
    source, keyframe : str
        Whose choice of which keyframe.
    frame : float
        NaN where there is none.
    status, reason : str
        As in the keyframes table.
    low, high : float
        95 % interval (frames), NaN where the source has none.
    window : (float, float)
        Window of the rule (frames), NaN where it has none.
    """

    source: str
    keyframe: str
    frame: float
    status: str
    reason: str = ""
    low: float = float("nan")
    high: float = float("nan")
    window: tuple[float, float] = (float("nan"), float("nan"))

    @property
    def placed(self) -> bool:
        """Whether there is a frame to draw; of what cannot be detected there is none."""
        return bool(np.isfinite(self.frame)) and self.status not in ("undetectable", "failed")


@dataclass(frozen=True)
class ClipView:
    """One clip under one human coding.

    Attributes
    ----------
    cohort : Cohort
        Narrowed to this clip and coding.
    clip : str
        Its name.
    fps : float
        Frames per second.
    numbers : ndarray
        Frames on disk, ascending.
    human : dict
        Keyframe to `Mark`; all three are there, placed or not.
    kept : dict
        What is dear to compute and asked for by several pictures.
    """

    cohort: Cohort
    clip: str
    fps: float
    numbers: np.ndarray
    human: dict[str, Mark]
    kept: dict[object, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def zero(self) -> float:
        """The frame that times are counted from: the human onset, else the first on disk."""
        onset = self.human["onset"]
        return onset.frame if onset.placed else float(self.numbers[0])

    @property
    def title(self) -> str:
        """Dataset, clip and frame rate, for the head of a figure."""
        rate = f" · {self.fps:g} fps" if np.isfinite(self.fps) else ""
        return f"{self.cohort.manifest.id} · {self.clip}{rate}"

    def to_ms(self, frame: Number) -> Number:
        """Time of a frame, from the human onset."""
        return (frame - self.zero) * 1000.0 / self.fps

    def to_frame(self, ms: Number) -> Number:
        """The frame of a time."""
        return ms * self.fps / 1000.0 + self.zero

    def read(self, number: float) -> np.ndarray:
        """One frame as stored."""
        assert self.cohort.frames is not None
        return self.cohort.frames.read(self.clip, int(number))

    def choices(self, rule: AnyRule, distance: str, seed: int) -> dict[str, Mark]:
        """What a rule chooses in this clip, as `mebias.reselect` has it."""
        table = reselect(
            self.cohort, rule, clips=[self.clip], distance=distance, skip_bad_frames=True, seed=seed
        )
        return marks(table)

    def failure(self, found: Iterable[Mark]) -> str:
        """Why nothing was chosen, as one sentence; empty where something was."""
        reasons = [mark.reason for mark in found if mark.status == "failed"]
        return f"clip {self.clip}: {reasons[0].rstrip('.')}." if reasons else ""


def marks(table: pd.DataFrame) -> dict[str, Mark]:
    """Rows of a keyframes table of one clip, coding and source, by keyframe."""
    found = {}
    for row in table.to_dict("records"):
        keyframe = str(row["keyframe"])
        found[keyframe] = Mark(
            source=str(row["source"]),
            keyframe=keyframe,
            frame=float(row["frame"]),
            status=str(row["status"]),
            reason=str(row.get("reason", "")),
            low=float(row["low"]),
            high=float(row["high"]),
            window=(float(row["window_low"]), float(row["window_high"])),
        )
    return found


def view(cohort: Cohort, clip: str, coder: str | None = None) -> ClipView:
    """A clip of a cohort, under the first of its human codings.

    Parameters
    ----------
    cohort : Cohort
        With frames.
    clip : str
        As in ``cohort.clips``.
    coder : str, optional
        Whose coding; the clip's first one by default.

    Raises
    ------
    OptionError
        No frames were read, or there is no such clip or coder.
    FrameError
        The clip has no frames on disk.

    Examples
    --------
    >>> import mebias
    >>> cohort = mebias.simulate("samm", n_subjects=3, n_clips=3, size=(48, 48))
    >>> seen = view(cohort, "s01/s01_01")
    >>> seen.to_ms(seen.human["onset"].frame)
    0.0
    """
    need_frames(cohort)
    need_clips(cohort, [clip])
    assert cohort.frames is not None
    numbers = cohort.frames.numbers(clip)
    if not len(numbers):
        raise FrameError(f"clip {clip} has no frames on disk, so no picture of it can be drawn.")
    labels = _coding(cohort, clip, coder)
    clips = cohort.clips[cohort.clips["clip"] == clip]
    found = marks(labels)
    human = {
        k: _usable(found[k]) if k in found else Mark(HUMAN, k, float("nan"), "missing")
        for k in tables.KEYFRAMES
    }
    others = cohort.keyframes[cohort.keyframes["clip"] != clip]
    one_coding = replace(cohort, keyframes=pd.concat([labels, others]))
    return ClipView(one_coding, clip, float(clips["fps"].iloc[0]), numbers, human)


def need_frames(cohort: Cohort) -> None:
    """Refuse a cohort without frames.

    Raises
    ------
    OptionError
        In one sentence.
    """
    if cohort.frames is None:
        raise OptionError(
            f"{cohort.name} was read without frames, so no picture of its clips can be drawn; "
            f"give the folder (--root) of a copy with images."
        )


def need_clips(cohort: Cohort, clips: Iterable[str]) -> None:
    """Refuse clips that a cohort does not have.

    Raises
    ------
    OptionError
        In one sentence.
    """
    known = cohort.clips["clip"].tolist()
    unknown = [str(clip) for clip in clips if clip not in set(known)]
    if unknown:
        raise OptionError(
            f"{cohort.name} has no clip {unknown[0]!r} (it has {listed(known, 3)})"
            f"{suggest(unknown[0], known)}"
        )


def windowed(rule: AnyRule | None) -> Rule | None:
    """A rule that has windows, as an object; None for one that locates without.

    >>> windowed("gamdss").name, windowed("motion")
    ('gamdss', None)
    """
    if rule is None:
        return None
    (found,) = get_rules(rule)
    return None if hasattr(found, "locate") else found


def _coding(cohort: Cohort, clip: str, coder: str | None) -> pd.DataFrame:
    """Human rows of one clip and one coding."""
    rows = cohort.keyframes
    rows = rows[(rows["clip"] == clip) & (rows["source"] == HUMAN)]
    if rows.empty:
        raise OptionError(f"{cohort.name} has no human keyframes of clip {clip}.")
    if coder is not None:
        known = rows["coder"].unique().tolist()
        rows = rows[rows["coder"] == coder]
        if rows.empty:
            names = listed([repr(name) for name in known])
            raise OptionError(f"clip {clip} has no coder {coder!r}; known are {names}.")
    first = rows.iloc[0]
    own: pd.DataFrame = rows[(rows["coder"] == first["coder"]) & (rows["pass"] == first["pass"])]
    return own


def _usable(mark: Mark) -> Mark:
    """A human label, without its frame where selection would not use it either."""
    return mark if mark.status in tables.PLACED else replace(mark, frame=float("nan"))
