"""The rules ``motion`` and ``motion-blind``: frames from the motion posterior."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mebias.errors import UnusableClipError
from mebias.selection.motion.courses import reduce_clip
from mebias.selection.motion.posterior import Prior, locate

CONTEXT_MS = 600.0
"""Frames that are looked at before the human onset and after the human offset."""
_CUT = 0.1


@dataclass(frozen=True)
class Located:
    """One keyframe as the posterior has it, in frames as the labels count."""

    frame: float
    sd: float
    low: float
    high: float
    status: str


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
    """

    name: str = "motion"
    blind: bool = False
    coder_sd_ms: tuple[float, float, float] = (12.0, 12.0, 22.0)

    def locate(
        self,
        numbers: np.ndarray,
        read: Callable[[int], np.ndarray],
        human: tuple[int | None, int | None, int | None],
        fps: float,
        rng: np.random.Generator,
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
        onset, _, offset = human
        if onset is None or offset is None:
            raise UnusableClipError("the human onset or offset is missing, which say where to look")
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
        clip = reduce_clip((read(int(number)) for number in near), times)
        found = locate(clip, rng, None if self.blind else self._prior(human, int(near[0]), fps))
        low, high = found.interval()
        beyond = ((found.draws < 0) | (found.draws > times[-1])).mean(axis=0)
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

    def _prior(self, human: tuple[int | None, ...], first: int, fps: float) -> Prior:
        mean = tuple((float(frame or 0) - first) * 1000.0 / fps for frame in human)
        # A label is a whole frame: its own rounding adds to the coder's error.
        rounding = (1000.0 / fps) ** 2 / 12
        sd = tuple(float(np.sqrt(sd**2 + rounding)) for sd in self.coder_sd_ms)
        return Prior(mean, sd)  # type: ignore[arg-type]


def _status(detected: bool, beyond: float) -> str:
    if not detected:
        return "undetectable"
    return "truncated" if beyond > _CUT else "selected"


MOTION = Motion()
MOTION_BLIND = Motion("motion-blind", blind=True)
