"""Squared distances between two frames.

``signed`` is the Euclidean norm of the pixel difference; ``uint8`` the same after the
difference wrapped around modulo 256, as the released GAMDSS program computes it: it is
asymmetric, its minuend always the apex. Both are exact integers. ``stabilized`` is ``signed``
after flicker and affine head motion are taken out to first order; ``flow`` is the norm of the
dense optical flow between the two frames.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from mebias.errors import OptionError, suggest
from mebias.selection.motion.courses import moved_by_head, reduced

Distance = Callable[[np.ndarray, np.ndarray], float]
FLOW_SIDE = 128
"""Frames are averaged to about this size (pixels, shorter side) before flow is computed."""
_SMALLEST_FLOW = 32


def signed_squared(apex: np.ndarray, other: np.ndarray) -> int:
    """Squared Euclidean norm of ``apex - other``, exact.

    Parameters
    ----------
    apex, other : ndarray of uint8
        Two frames of one shape, gray or color.

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
    # OpenCV sums exactly, but its version 5 returns the square of the rounded root: the last
    # bit may be off, so that truncation would break ties. Rounding is exact below 2**50, a
    # frame of 17 gigapixels.
    return round(cv2.norm(apex, other, cv2.NORM_L2SQR))


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
    return round(cv2.norm(wrapped, cv2.NORM_L2SQR))  # rounded as above


def stabilized_squared(apex: np.ndarray, other: np.ndarray) -> float:
    """Squared norm of what brightness and affine head motion leave of a difference.

    Frames are averaged to about 64 pixels; the difference is regressed on the mean of both
    frames, its gradients, these times x and y, and its second derivatives (blur).

    Examples
    --------
    >>> image = np.random.default_rng(0).integers(60, 180, (64, 64)).astype(np.uint8)
    >>> brighter = image + 7
    >>> stabilized_squared(brighter, image) < 1e-3 * signed_squared(brighter, image)
    True
    """
    one, two = reduced(apex), reduced(other)
    rest = (one - two).ravel().astype(np.float64)
    basis = moved_by_head((one + two) / 2).astype(np.float64)
    rest -= basis @ (basis.T @ rest)
    return float(rest @ rest)


def flow_squared(apex: np.ndarray, other: np.ndarray) -> float:
    """Sum over pixels of the squared optical flow (pixels) from ``other`` to ``apex``.

    Dense inverse search (Kroeger et al. 2016, OpenCV's medium preset) on gray frames averaged
    to about `FLOW_SIDE` pixels.

    Examples
    --------
    >>> image = np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)
    >>> flow_squared(image, image) < 1e-6
    True
    """
    if np.array_equal(apex, other):
        return 0.0
    grey = [np.rint(reduced(frame, FLOW_SIDE)).astype(np.uint8) for frame in (other, apex)]
    if min(grey[0].shape) < _SMALLEST_FLOW:
        side = (max(_SMALLEST_FLOW, n) for n in grey[0].shape[::-1])
        size = tuple(side)
        grey = [cv2.resize(g, size, interpolation=cv2.INTER_LINEAR) for g in grey]
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    found = np.asarray(search.calc(grey[0], grey[1], None), np.float64)  # type: ignore[call-overload]
    return float((found * found).sum())


DISTANCES: dict[str, Distance] = {
    "signed": signed_squared,
    "uint8": uint8_squared,
    "stabilized": stabilized_squared,
    "flow": flow_squared,
}


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
