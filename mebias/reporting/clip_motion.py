"""What moves in one clip, for its picture: courses, and draws of the motion posterior."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from mebias.errors import FrameError
from mebias.reporting.clip_view import ClipView, Mark, marks
from mebias.selection import reselect
from mebias.selection.motion import MOTION, MOTION_BLIND, Courses, Motion, Phases
from mebias.selection.motion.rules import Located

Human = tuple[int | None, int | None, int | None]


@dataclass(frozen=True)
class Movement:
    """What moves in a clip.

    Attributes
    ----------
    numbers : ndarray, shape (n,)
        Frames that were looked at.
    lines : ndarray, shape (n, k)
        Courses of the strongest patterns, in units of the first one's range; the first runs
        from 0 to 1 and rises between human onset and offset.
    detected : bool
        Whether anything moves beyond noise.
    marks : dict
        Source to keyframe to `Mark`.
    draws : dict
        Source to draws of onset, apex and offset (frames), shape (m, 3); none of a source
        that failed.
    """

    numbers: np.ndarray
    lines: np.ndarray
    detected: bool
    marks: dict[str, dict[str, Mark]]
    draws: dict[str, np.ndarray]


def movement(clip: ClipView, seed: int = 0) -> Movement:
    """Courses and posteriors of a clip; sources and draws are those of `mebias.reselect`.

    Raises
    ------
    FrameError
        The clip lacks an onset or offset, or has too few or unreadable frames.

    Examples
    --------
    >>> import mebias
    >>> from mebias.reporting.clip_view import view
    >>> cohort = mebias.simulate("samm", n_subjects=3, n_clips=3, size=(48, 48))
    >>> found = movement(view(cohort, "s01/s01_01"))
    >>> sorted(found.draws)
    ['motion', 'motion-blind']
    """
    if ("movement", seed) not in clip.kept:
        clip.kept["movement", seed] = _movement(clip, seed)
    found: Movement = clip.kept["movement", seed]
    return found


def _movement(clip: ClipView, seed: int) -> Movement:
    assert clip.cohort.frames is not None
    found, draws = {}, {}
    blind, informed = _Listening(MOTION_BLIND), _Listening(MOTION)
    for rule in (blind, informed):
        table = reselect(
            clip.cohort,
            rule,  # type: ignore[arg-type]
            clips=[clip.clip],
            skip_bad_frames=True,
            seed=seed,
        )
        found[rule.name] = marks(table)
        if rule.draws is not None:
            draws[rule.name] = rule.draws
    failure = clip.failure(found[MOTION_BLIND.name].values())
    if failure or blind.courses is None:
        raise FrameError(failure or f"clip {clip.clip}: nothing could be located in it.")
    return Movement(
        numbers=blind.numbers,
        lines=_lines(blind.courses, blind.numbers, clip),
        detected=blind.courses.detected,
        marks=found,
        draws=draws,
    )


@dataclass
class _Listening:
    """A rule of motion that keeps the draws its keyframes are summaries of."""

    rule: Motion
    numbers: np.ndarray = field(default_factory=lambda: np.zeros(0))
    courses: Courses | None = None
    draws: np.ndarray | None = None

    @property
    def name(self) -> str:
        return self.rule.name

    def locate(
        self,
        numbers: np.ndarray,
        read: Callable[[int], np.ndarray],
        human: Human,
        fps: float,
        rng: np.random.Generator,
        phases: Phases | None = None,
    ) -> tuple[Located, Located, Located]:
        traced = self.rule.trace(numbers, read, human, fps, rng, phases)
        self.numbers, self.courses = traced.numbers, traced.courses
        self.draws = traced.numbers[0] + traced.posterior.draws * fps / 1000
        return self.rule.summary(traced, fps)


def _lines(courses: Courses, numbers: np.ndarray, clip: ClipView) -> np.ndarray:
    """Courses in units of the first one's range, each with the sign with which it rises."""
    onset, apex, offset = (clip.human[k] for k in ("onset", "apex", "offset"))
    peak = apex.frame if apex.placed else (onset.frame + offset.frame) / 2
    hat = np.interp(numbers, [onset.frame, peak, offset.frame], [0.0, 1.0, 0.0], left=0, right=0)
    hat -= hat.mean()
    strength = np.sqrt(courses.strength / max(float(courses.strength[0]), 1e-12))
    lines = courses.courses.astype(np.float64) * strength
    lines *= np.where(hat @ lines < 0, -1.0, 1.0)
    low, high = float(lines[:, 0].min()), float(lines[:, 0].max())
    return np.asarray((lines - low) / max(high - low, 1e-12))
