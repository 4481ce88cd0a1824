"""A clip's frames as far as nulls need them: where it moves, and what it is rebuilt from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from mebias.errors import FrameError
from mebias.selection.motion import MOTION_BLIND, Phases
from mebias.selection.rebuild import Parts

MARGIN_MS = 250.0
"""Frames before the human onset and after the human offset that are taken apart."""
MOST_FRAMES = 1000
UNDETECTABLE = "nothing moves detectably in this clip"
_BLOCK = 1 << 15


class Clip:
    """A clip's frames around its labels, its blind posterior, and its parts for any frames.

    Parameters
    ----------
    numbers : ndarray of int
        Frames on disk, ascending.
    read : callable
        Frame number -> image.
    human : (int, int, int)
        Human onset, apex, offset, in order.
    fps : float
        Frames per second.
    """

    def __init__(
        self,
        numbers: np.ndarray,
        read: Callable[[int], np.ndarray],
        human: tuple[int, int, int],
        fps: float,
    ) -> None:
        self.numbers, self.read, self.human, self.fps = numbers, read, human, fps
        self._parts: dict[tuple[int, int], Parts] = {}
        self._frames: dict[int, np.ndarray] = {}
        self._theta = np.empty((0, 11))
        self._first = 0

    def locate(self, rng: np.random.Generator, phases: Phases) -> bool:
        """Draw from the blind posterior; whether anything moves.

        Raises
        ------
        FrameError
            Too few frames, or one that cannot be read or used.
        """
        traced = MOTION_BLIND.trace(self.numbers, self._frame, self.human, self.fps, rng, phases)
        self.follow(int(traced.numbers[0]), traced.posterior.theta)
        return traced.posterior.detected

    def follow(self, first: int, theta: np.ndarray) -> None:
        """Take the blind posterior as located before, which no label has a part in.

        Parameters
        ----------
        first : int
            Frame at time 0 of the templates.
        theta : ndarray, shape (m, 11)
            Templates drawn from the posterior.
        """
        self._first, self._theta = first, theta

    def parts(self, wanted: Sequence[int]) -> Parts:
        """The clip's parts, for a rule that may choose among the wanted frames.

        Raises
        ------
        FrameError
            More than `MOST_FRAMES` frames, or one that cannot be read.
        """
        low, high = self._near()
        low, high = min(low, *wanted), max(high, *wanted)
        near = self.numbers[(self.numbers >= low) & (self.numbers <= high)]
        if len(near) > MOST_FRAMES:
            raise FrameError(
                f"{len(near)} frames are too many to be rebuilt; {MOST_FRAMES} at most."
            )
        key = (int(near[0]), int(near[-1]))
        if key not in self._parts:
            gram = _gram([self._frame(int(number)) for number in near])
            self._parts[key] = Parts(near, gram, self._theta, self._first, self.fps)
        return self._parts[key]

    def _near(self) -> tuple[float, float]:
        margin = MARGIN_MS * self.fps / 1000
        return self.human[0] - margin, self.human[2] + margin

    def _frame(self, number: int) -> np.ndarray:
        """A frame; those that every rule needs are kept."""
        if number in self._frames:
            return self._frames[number]
        frame, (low, high) = self.read(number), self._near()
        if low <= number <= high:
            self._frames[number] = frame
        return frame


def _gram(frames: Sequence[np.ndarray]) -> np.ndarray:
    """Inner products of frames after their mean is taken off, in blocks of pixels."""
    if len({frame.shape for frame in frames}) > 1:
        raise FrameError("the frames differ in shape; crop all frames of a clip alike.")
    flat = [frame.ravel() for frame in frames]
    gram = np.zeros((len(flat), len(flat)))
    # One thread: several would add up in another order, and the last bits would differ.
    with threadpool_limits(1, "blas"):
        for start in range(0, flat[0].size, _BLOCK):
            block = np.stack([frame[start : start + _BLOCK] for frame in flat]).astype(np.float32)
            block -= block.mean(axis=0)
            gram += block @ block.T
    return gram
