"""Dense optical flow between two keyframes, with the strain that it puts on the skin."""

from __future__ import annotations

import cv2
import numpy as np

from mebias.errors import UnusableClipError

CHANNELS = ("u", "v", "strain")
"""Displacement to the right and down (pixels), and magnitude of the optical strain."""
SIDE = 128
"""Frames whose shorter side is longer are averaged to this many pixels before."""
_SMALLEST = 32


def flow_maps(start: np.ndarray, end: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Flow from one frame to another, averaged to a size.

    Dense inverse search (Kroeger et al. 2016, OpenCV's medium preset). The strain magnitude
    is the Frobenius norm of the symmetric gradient of the flow,
    sqrt(u_x^2 + v_y^2 + (u_y + v_x)^2 / 2) (Shreve et al. 2011).

    Parameters
    ----------
    start, end : ndarray of uint8, shape (height, width)
        Gray frames of one size, as `flow_frame` makes them.
    size : (height, width)
        Of the maps; displacements stay in pixels of the frames given.

    Returns
    -------
    ndarray of float32, shape (3, height, width)
        u, v and strain: see `CHANNELS`.

    Examples
    --------
    >>> image = np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)
    >>> image = cv2.GaussianBlur(image, (0, 0), 3)
    >>> moved = np.roll(image, 2, axis=1)
    >>> u, v, strain = flow_maps(image, moved, (8, 8))[:, 2:6, 2:6].mean(axis=(1, 2))
    >>> round(float(u)), round(float(v)), float(strain) < 0.1
    (2, 0, True)
    """
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    found = np.asarray(search.calc(start, end, None), np.float32)  # type: ignore[call-overload]
    u, v = found[..., 0], found[..., 1]
    u_y, u_x = np.gradient(u)
    v_y, v_x = np.gradient(v)
    strain = np.sqrt(u_x**2 + v_y**2 + (u_y + v_x) ** 2 / 2)
    return np.stack([averaged(channel, size) for channel in (u, v, strain)])


def flow_frame(frame: np.ndarray) -> np.ndarray:
    """A frame in gray, its shorter side averaged to `SIDE` pixels where it is longer.

    >>> flow_frame(np.zeros((256, 300, 3), np.uint8)).shape
    (128, 150)
    """
    gray = to_gray(frame)
    scale = min(SIDE / min(gray.shape), 1.0)
    height, width = (max(_SMALLEST, round(n * scale)) for n in gray.shape)
    return averaged(gray, (height, width))


def to_gray(frame: np.ndarray) -> np.ndarray:
    """A frame as (height, width), uint8.

    Raises
    ------
    UnusableClipError
        It is not uint8, or has neither one nor three channels.
    """
    if frame.dtype != np.uint8 or frame.size == 0 or frame.ndim not in (2, 3):
        raise UnusableClipError(
            f"a frame is {frame.dtype} of shape {frame.shape}; expected 8-bit gray or color."
        )
    if frame.ndim == 2:
        return frame
    if frame.shape[2] != 3:
        raise UnusableClipError(f"a frame has {frame.shape[2]} channels; expected one or three.")
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY))


def averaged(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An image brought to a size: by area where it shrinks, bilinear where it grows.

    >>> averaged(np.float32([[1, 3], [5, 7]]), (1, 1)).tolist()
    [[4.0]]
    """
    height, width = size
    if image.shape[:2] == (height, width):
        return image
    shrinks = height <= image.shape[0] and width <= image.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (width, height), interpolation=how))
