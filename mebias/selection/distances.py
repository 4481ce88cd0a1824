"""Squared distances between frames, exact integers, and a view of them per clip.

Two distances (see `mebias.selection`): ``signed``, the Euclidean norm of the pixel
difference, and ``uint8``, the same after the difference wrapped around modulo 256, as
the released GAMDSS program computes it. The second is asymmetric; its minuend is
always the apex.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from mebias.errors import OptionError, UnusableClipError, suggest

Distance = Callable[[np.ndarray, np.ndarray], int]


def signed_squared(apex: np.ndarray, other: np.ndarray) -> int:
    """Squared Euclidean norm of ``apex - other``, exact.

    Parameters
    ----------
    apex, other : ndarray of uint8
        Two frames of one shape, grey or color.

    Returns
    -------
    int
        Sum over pixels and channels of the squared difference.

    Examples
    --------
    >>> import numpy as np
    >>> signed_squared(np.uint8([[3, 0]]), np.uint8([[0, 4]]))
    25
    """
    return _squared_norm(cv2.norm(apex, other, cv2.NORM_L2SQR))


def uint8_squared(apex: np.ndarray, other: np.ndarray) -> int:
    """Squared norm of ``apex - other`` in wrapping uint8 arithmetic, exact.

    A difference of -1 counts as 255, as in the released program.

    Examples
    --------
    >>> import numpy as np
    >>> uint8_squared(np.uint8([[3, 0]]), np.uint8([[0, 1]])) == 3**2 + 255**2
    True
    """
    wrapped = np.subtract(apex, other)  # uint8 arithmetic wraps by definition
    return _squared_norm(cv2.norm(wrapped, cv2.NORM_L2SQR))


def _squared_norm(value: float) -> int:
    # OpenCV sums exactly, but its version 5 returns the square of the rounded root: the last
    # bit may be off, so that truncation would break ties. Rounding is exact below 2**50, a
    # frame of 17 gigapixels.
    return round(value)


DISTANCES: dict[str, Distance] = {"signed": signed_squared, "uint8": uint8_squared}


def get_distance(name: str) -> Distance:
    """A distance by name.

    Raises
    ------
    OptionError
        No such distance.
    """
    if name not in DISTANCES:
        known = ", ".join(DISTANCES)
        raise OptionError(f"unknown distance {name!r}: known are {known}{suggest(name, DISTANCES)}")
    return DISTANCES[name]


class PairDistances:
    """Squared distances of one clip, each frame decoded once and each pair computed once.

    Parameters
    ----------
    read : callable
        Frame number -> uint8 array.
    distance : callable
        Two frames -> exact squared distance; the apex comes first.
    clip : str
        For messages.
    """

    def __init__(self, read: Callable[[int], np.ndarray], distance: Distance, clip: str) -> None:
        self._read = read
        self._distance = distance
        self._clip = clip
        self._frames: dict[int, np.ndarray] = {}
        self._pairs: dict[tuple[int, int], int] = {}

    def __call__(self, apex: int, other: int) -> int:
        """Squared distance between an apex candidate and another frame."""
        pair = (apex, other)
        if pair not in self._pairs:
            self._pairs[pair] = self._distance(self.frame(apex), self.frame(other))
        return self._pairs[pair]

    def frame(self, number: int) -> np.ndarray:
        """A frame, decoded at the first call.

        Raises
        ------
        UnusableClipError
            The frame is not uint8, or its shape differs from the clip's other frames.
        """
        if number not in self._frames:
            frame = np.ascontiguousarray(self._read(number))
            if frame.dtype != np.uint8:
                raise UnusableClipError(
                    f"{self._clip}, frame {number}: pixels are {frame.dtype}, expected 8-bit; "
                    f"convert the images."
                )
            first = next(iter(self._frames.values()), frame)
            if frame.shape != first.shape:
                raise UnusableClipError(
                    f"{self._clip}, frame {number}: shape {frame.shape} differs from the clip's "
                    f"other frames {first.shape}; crop all frames of a clip alike."
                )
            self._frames[number] = frame
        return self._frames[number]
