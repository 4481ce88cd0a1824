"""Tiny moving images: texture that moves from onset to apex and back until offset."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np

SHAPE = (32, 40)
_REACH = 2.5

Triple = tuple[float, float, float]


@cache
def _texture(color: bool) -> np.ndarray:
    rng = np.random.default_rng(20)
    shape = (*SHAPE, 3) if color else SHAPE
    noise = rng.normal(0.0, 1.0, shape).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.0)
    return 128 + 40 * smooth / np.float32(smooth.std())


def strength(number: float, movements: Iterable[Triple]) -> float:
    """How far the movement has gone at a frame: 0 at rest, 1 at the apex."""
    reached = [0.0]
    for onset, apex, offset in movements:
        if onset <= apex <= offset:
            reached.append(float(np.interp(number, (onset, apex, offset), (0, 1, 0))))
    return max(reached)


def picture(number: int, movements: Sequence[Triple], *, color: bool = True) -> np.ndarray:
    """The image of a frame: the lower half moves, a little noise everywhere."""
    still = _texture(color)
    moved = np.float32([[1, 0, 0], [0, 1, _REACH * strength(number, movements)]])
    image = cv2.warpAffine(still, moved, SHAPE[::-1], borderMode=cv2.BORDER_REFLECT)
    image[: SHAPE[0] // 2] = still[: SHAPE[0] // 2]
    rng = np.random.default_rng(number)
    return np.clip(image + rng.normal(0, 1.0, image.shape), 0, 255).astype(np.uint8)


def film(
    folder: Path,
    numbers: Iterable[int],
    name: str,
    movements: Sequence[Triple],
    *,
    color: bool = True,
    shift: int = 0,
) -> None:
    """Write a clip's images; the labels' number of a file is its number on disk + `shift`."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        file = folder / name.format(number - shift)
        done, data = cv2.imencode(file.suffix, picture(number, movements, color=color))
        assert done
        file.write_bytes(data.tobytes())
