"""From the frames of a clip to the courses in time of what moves in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from threadpoolctl import threadpool_limits

from mebias.errors import UnusableClipError

SIDE = 64
"""Frames are averaged to about this size (pixels, shorter side): noise falls, motion stays."""
MOST_COURSES = 2
_DRIFT_MS = 300.0
_MOST_DRIFT = 4


@dataclass(frozen=True)
class Courses:
    """What moves in a clip, as time courses.

    Attributes
    ----------
    times : ndarray, shape (n,)
        Time of each frame (ms from the first).
    drift : ndarray, shape (n, d), float32
        Orthonormal polynomials of time: slow drift that is no expression.
    courses : ndarray, shape (n, k), float32
        Orthonormal courses of the strongest moving patterns, free of drift.
    strength : ndarray, shape (k,)
        Squared norm of each course in gray levels of the reduced frames.
    noise : float
        Variance of a course's value in one frame by noise alone, same unit.
    detected : bool
        Whether any pattern moves beyond what noise explains.
    """

    times: np.ndarray
    drift: np.ndarray
    courses: np.ndarray
    strength: np.ndarray
    noise: float
    detected: bool


def reduce_clip(frames: Iterable[np.ndarray], times_ms: np.ndarray) -> Courses:
    """Reduce a clip to the courses of its strongest moving patterns.

    Each frame is averaged to about `SIDE` pixels; brightness and affine head motion are
    taken out to first order, by regressing every frame's difference from the mean frame on
    the mean image, its gradients, these times x and y, and its second derivatives. The
    leading eigenvectors of the Gram matrix of what remains are the courses.

    Parameters
    ----------
    frames : iterable of ndarray
        Gray or BGR frames of one shape in the order of time, uint8, or float32 where they
        were averaged before; each is let go once it is reduced.
    times_ms : ndarray
        Time of each frame (ms), ascending.

    Returns
    -------
    Courses

    Raises
    ------
    UnusableClipError
        Fewer than 8 frames, frames of different shapes, or none of 8-bit gray or BGR.

    Examples
    --------
    >>> still = [np.full((64, 64), 100, np.uint8) for _ in range(20)]
    >>> reduce_clip(still, np.arange(20) * 10.0).detected
    False
    """
    small, shapes = [], set()
    for frame in frames:  # one by one, since a clip's full images may not fit into memory
        shapes.add(frame.shape)
        if len(shapes) > 1:
            raise UnusableClipError("the frames differ in shape; crop all frames of a clip alike.")
        small.append(reduced(frame))
    if len(small) < 8:
        raise UnusableClipError(
            f"{len(small)} frames are too few to follow a movement; 8 are needed."
        )
    stack = np.stack([frame.ravel() for frame in small])
    mean = stack.mean(axis=0)
    times = np.asarray(times_ms, dtype=float) - float(times_ms[0])
    with threadpool_limits(1, "blas"):  # another number of threads would round otherwise
        basis = moved_by_head(mean.reshape(small[0].shape))
        rest = stack - mean
        rest -= (rest @ basis) @ basis.T
        gram = (rest @ rest.T).astype(np.float64)
        return _courses(gram, rest.shape[1], times)


def reduced(frame: np.ndarray, side: int = SIDE) -> np.ndarray:
    """A frame in gray, averaged to about a size (pixels, shorter side), float32."""
    if frame.size == 0 or (frame.ndim != 2 and frame.shape[2:] != (3,)):
        raise UnusableClipError(f"a frame has shape {frame.shape}; expected grey or three colors.")
    if frame.dtype not in (np.uint8, np.float32):
        raise UnusableClipError(f"pixels are {frame.dtype}, expected 8-bit; convert the images.")
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) if frame.ndim == 3 else frame
    times = max(1, round(min(grey.shape) / side))
    size = (max(1, grey.shape[1] // times), max(1, grey.shape[0] // times))
    return np.asarray(cv2.resize(grey.astype(np.float32), size, interpolation=cv2.INTER_AREA))


def moved_by_head(mean: np.ndarray) -> np.ndarray:
    """Orthonormal images that brightness, affine head motion and blur add up from."""
    if min(mean.shape) < 3:
        return np.full((mean.size, 1), 1 / np.sqrt(mean.size), dtype=np.float32)
    down, across = np.gradient(mean)
    down_down, down_across = np.gradient(down)
    across_across = np.gradient(across, axis=1)
    height, width = mean.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    y, x = y / height - 0.5, x / width - 0.5
    images = (
        np.ones_like(mean), mean, across, down, x * across, y * across, x * down, y * down,
        across_across, down_down, down_across,
    )  # fmt: skip
    return np.asarray(np.linalg.qr(np.stack([i.ravel() for i in images], axis=1))[0], np.float32)


def _courses(gram: np.ndarray, pixels: int, times: np.ndarray) -> Courses:
    count = len(times)
    degree = int(np.clip(round(times[-1] / _DRIFT_MS), 1, _MOST_DRIFT))
    span = np.linspace(-1, 1, count) if times[-1] == 0 else 2 * times / times[-1] - 1
    drift = np.linalg.qr(np.polynomial.polynomial.polyvander(span, degree))[0]
    free = np.eye(count) - drift @ drift.T
    values, vectors = np.linalg.eigh(free @ gram @ free)
    values, vectors = values[::-1], vectors[:, ::-1]
    noise = float(np.median(values[: count - degree - 1]))
    # The largest eigenvalue of pure noise (Marchenko and Pastur), and what heads at rest leave.
    edge = noise * (1 + np.sqrt(count / pixels)) ** 2 * 1.7
    # The floor, a thousandth of a gray level, is above what rounding leaves of a saturated frame.
    moving = int((values > max(edge, 1e-6 * pixels)).sum())
    kept = int(np.clip(moving, 1, MOST_COURSES))
    return Courses(
        times=times,
        drift=drift.astype(np.float32),
        courses=vectors[:, :kept].astype(np.float32),
        strength=np.maximum(values[:kept], 0.0),
        noise=max(noise, 0.0) / pixels,
        detected=moving > 0,
    )
