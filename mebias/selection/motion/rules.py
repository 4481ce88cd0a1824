"""The rules ``motion`` and ``motion-blind``: frames from the motion posterior."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mebias.errors import UnusableClipError
from mebias.selection.motion.courses import Courses, reduce_clip
from mebias.selection.motion.posterior import Phases, Posterior, Prior, locate
from mebias.selection.motion.templates import Definition

CONTEXT_MS = 600.0
"""Frames that are looked at before the human onset and after the human offset."""
FEWEST = 10
"""Clips of other subjects from which usual phases are learned."""
_CUT = 0.1
_USUAL = Definition()


@dataclass(frozen=True)
class Located:
    """One keyframe as the posterior has it, in frames as the labels count."""

    frame: float
    sd: float
    low: float
    high: float
    status: str


@dataclass(frozen=True)
class Traced:
    """A clip as motion sees it: numbers of the frames looked at, what moves, the posterior."""

    numbers: np.ndarray
    courses: Courses
    posterior: Posterior


@dataclass(frozen=True)
class Motion:
    """Keyframes from the motion posterior.

    Parameters
    ----------
    name : str
        Source name in the tables.
    blind : bool
        Whether the prior knows nothing of the human labels. Only the blind posterior may
        judge them: the other one is drawn towards them.
    coder_sd_ms : (float, float, float)
        Standard deviations (ms) of the human labels that the prior of ``motion`` assumes.
    definition : Definition
        What counts as onset, apex and offset.
    """

    name: str = "motion"
    blind: bool = False
    coder_sd_ms: tuple[float, float, float] = (12.0, 12.0, 22.0)
    definition: Definition = _USUAL

    def locate(
        self,
        numbers: np.ndarray,
        read: Callable[[int], np.ndarray],
        human: tuple[int | None, int | None, int | None],
        fps: float,
        rng: np.random.Generator,
        phases: Phases | None = None,
    ) -> tuple[Located, Located, Located]:
        """Locate the keyframes of one clip.

        Parameters
        ----------
        numbers : ndarray
            Frames on disk, ascending.
        read : callable
            Frame number -> image.
        human : tuple
            Human frames, None where missing; the blind rule does without an apex.
        fps : float
            Frames per second.
        rng : Generator
            The clip's own stream.
        phases : Phases, optional
            How long rise and fall usually last, see `usual_phases`; wide by default, and for
            the blind rule always.

        Returns
        -------
        tuple of Located
            ``truncated`` where a tenth of the posterior lies beyond the frames on disk,
            ``undetectable`` where nothing moves.

        Raises
        ------
        UnusableClipError
            A label that is needed is missing, no frame between onset and offset is on disk,
            there are too few frames, or the frame rate has no meaning.
        FrameError
            A frame that cannot be read.
        """
        return self.summary(self.trace(numbers, read, human, fps, rng, phases), fps)

    def summary(self, traced: Traced, fps: float) -> tuple[Located, Located, Located]:
        """Frames, spreads, intervals and statuses of a posterior; see `locate`."""
        near, found = traced.numbers, traced.posterior
        low, high = found.interval()
        beyond = ((found.draws < 0) | (found.draws > traced.courses.times[-1])).mean(axis=0)
        per_ms = fps / 1000

        def one(i: int) -> Located:
            return Located(
                frame=float(near[0] + found.mean[i] * per_ms),
                sd=float(found.sd[i] * per_ms),
                low=float(near[0] + low[i] * per_ms),
                high=float(near[0] + high[i] * per_ms),
                status=_status(found.detected, float(beyond[i])),
            )

        return one(0), one(1), one(2)

    def trace(
        self,
        numbers: np.ndarray,
        read: Callable[[int], np.ndarray],
        human: tuple[int | None, int | None, int | None],
        fps: float,
        rng: np.random.Generator,
        phases: Phases | None = None,
    ) -> Traced:
        """The frames looked at, what moves in them, and the posterior; see `locate`."""
        onset, _, offset = human
        if onset is None or offset is None:
            raise UnusableClipError("no usable human onset or offset, which say where to look")
        if not 0 < fps < np.inf:
            raise UnusableClipError(f"fps is {fps:g}; expected frames per second above 0")
        if not ((numbers >= onset) & (numbers <= offset)).any():
            # A prior around labels that no frame shows would draw them from nothing.
            has = f"it has {numbers[0]} to {numbers[-1]}" if len(numbers) else "it has none"
            raise UnusableClipError(f"none of the frames {onset}-{offset} is on disk: {has}")
        if not self.blind and human[1] is None:
            raise UnusableClipError(
                "no usable human apex, around which the prior of motion is laid"
            )
        reach = CONTEXT_MS * fps / 1000
        near = numbers[(numbers >= onset - reach) & (numbers <= offset + reach)]
        times = (near - near[0]) * 1000.0 / fps
        courses = reduce_clip((read(int(number)) for number in near), times)
        prior = None if self.blind else self._prior(human, int(near[0]), fps)
        # Labels of other clips may share this one's bias: the blind posterior knows none.
        usual = None if self.blind else phases
        found = locate(courses, rng, prior, phases=usual, definition=self.definition)
        return Traced(near, courses, found)

    def _prior(self, human: tuple[int | None, ...], first: int, fps: float) -> Prior:
        mean = tuple((float(frame or 0) - first) * 1000.0 / fps for frame in human)
        # A label is a whole frame: its own rounding adds to the coder's error.
        rounding = (1000.0 / fps) ** 2 / 12
        sd = tuple(float(np.sqrt(sd**2 + rounding)) for sd in self.coder_sd_ms)
        return Prior(mean, sd)  # type: ignore[arg-type]


def usual_phases(rise_ms: Sequence[float], fall_ms: Sequence[float]) -> Phases:
    """How long phases usually last, learned from other subjects' labels.

    Parameters
    ----------
    rise_ms, fall_ms : sequence of float
        Lengths of rise and fall (ms) in labeled clips of other subjects than the one whose
        keyframes are located.

    Returns
    -------
    Phases
        The default, and wide, prior where fewer than `FEWEST` clips are given; else medians,
        and the spread of the logarithms widened for what a few clips cannot tell.

    Examples
    --------
    >>> median, log_sd = usual_phases([100.0] * 20, [200.0] * 20).rise
    >>> round(median), log_sd
    (100, 0.4)
    """
    return Phases(_usual(rise_ms, Phases.rise), _usual(fall_ms, Phases.fall))


def _usual(lengths: Sequence[float], default: tuple[float, float]) -> tuple[float, float]:
    logs = np.log([length for length in lengths if length > 0])
    if len(logs) < FEWEST:
        return default
    low, middle, high = np.quantile(logs, [0.16, 0.5, 0.84])
    return float(np.exp(middle)), float(max(1.15 * (high - low) / 2, 0.4))


def _status(detected: bool, beyond: float) -> str:
    if not detected:
        return "undetectable"
    return "truncated" if beyond > _CUT else "selected"


MOTION = Motion()
MOTION_BLIND = Motion("motion-blind", blind=True)
