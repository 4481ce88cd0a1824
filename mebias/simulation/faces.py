"""Faces drawn from numbers, and the fields by which action units move them.

Coordinates are those of the face: x from -1 (left) to 1, y from -1 (top) to 1.
"""

from __future__ import annotations

import cv2
import numpy as np

# Each action unit: places (x, y), extents (x, y) and direction (x, y; down is positive). Those
# off the middle are mirrored.
_Spot = tuple[float, float, float, float, float, float]
ACTION_UNITS: dict[int, tuple[_Spot, ...]] = {
    1: ((0.17, -0.40, 0.16, 0.14, 0.0, -1.0),),
    2: ((0.46, -0.40, 0.18, 0.14, 0.0, -1.0),),
    4: ((0.20, -0.36, 0.20, 0.13, -0.5, 0.9),),
    6: ((0.42, 0.02, 0.22, 0.16, 0.0, -0.9),),
    7: ((0.34, -0.12, 0.18, 0.09, 0.0, -0.8),),
    9: ((0.10, 0.08, 0.12, 0.16, 0.0, -0.9),),
    10: ((0.14, 0.36, 0.16, 0.10, 0.0, -0.9),),
    12: ((0.30, 0.48, 0.18, 0.15, 0.7, -0.7),),
    14: ((0.33, 0.49, 0.14, 0.12, 0.9, 0.0),),
    15: ((0.28, 0.55, 0.16, 0.14, 0.2, 0.9),),
    17: ((0.0, 0.72, 0.26, 0.14, 0.0, -0.9),),
    20: ((0.30, 0.52, 0.18, 0.12, 1.0, 0.1),),
    25: ((0.0, 0.42, 0.22, 0.07, 0.0, -0.6), (0.0, 0.58, 0.22, 0.09, 0.0, 0.8)),
}

_BY_EMOTION: dict[str, tuple[int, ...]] = {
    "positive": (6, 12),
    "happiness": (6, 12),
    "negative": (4, 7),
    "anger": (4, 7),
    "disgust": (9, 10),
    "contempt": (14,),
    "sadness": (1, 15),
    "surprise": (1, 2, 25),
    "fear": (1, 4, 20),
    "repression": (14, 17),
}


def units_of(emotion: str, rng: np.random.Generator) -> tuple[int, ...]:
    """Action units of an emotion; one or two at random where it has none of its own.

    >>> units_of("Happiness", np.random.default_rng(0))
    (6, 12)
    """
    own = _BY_EMOTION.get(emotion.casefold())
    if own:
        return own
    count = int(rng.integers(1, 3))
    return tuple(sorted(int(u) for u in rng.choice(list(ACTION_UNITS), count, replace=False)))


def grid(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Face coordinates x and y of every pixel, float32, shape ``size`` = (height, width)."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    return 2 * (x + 0.5) / size[1] - 1, 2 * (y + 0.5) / size[0] - 1


def field(
    units: tuple[int, ...], size: tuple[int, int], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A displacement field of action units, its largest displacement being 1.

    Parameters
    ----------
    units : tuple of int
        Keys of `ACTION_UNITS`.
    size : (height, width)
        Pixels.
    rng : Generator
        Strengths of units and sides differ a little from clip to clip.

    Returns
    -------
    x, y : ndarray of float32, shape ``size``
    """
    x, y = grid(size)
    dx, dy = np.zeros_like(x), np.zeros_like(y)
    for unit in units:
        strength = rng.uniform(0.7, 1.3)
        sides = (1.0, -1.0) if unit != 14 else (1.0,)
        for cx, cy, sx, sy, ux, uy in ACTION_UNITS[unit]:
            for side in sides if cx else (1.0,):
                weight = strength * rng.uniform(0.8, 1.2)
                bump = np.exp(-(((x - side * cx) / sx) ** 2 + ((y - cy) / sy) ** 2) / 2)
                dx += np.float32(weight * side * ux) * bump
                dy += np.float32(weight * uy) * bump
    scale = np.float32(np.sqrt(dx**2 + dy**2).max())
    return dx / scale, dy / scale


def face(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A face-like texture in grey levels, float32, shape ``size``; each draw another person."""
    x, y = grid(size)
    wide, tall = rng.uniform(0.70, 0.80), rng.uniform(0.90, 1.0)
    skin, light = rng.uniform(120, 185), rng.uniform(-0.35, 0.35)
    radius = np.sqrt((x / wide) ** 2 + ((y - 0.05) / tall) ** 2)
    inside = _step(1.0 - radius, 0.03)
    shade = 1.0 - 0.28 * radius**2 + 0.22 * light * x
    image = skin * shade * (1 + 0.05 * _texture(size, rng, 0.03) + 0.04 * _texture(size, rng, 0.12))
    for side in (-1.0, 1.0):
        _eye(image, x - side * 0.34, y + 0.16, rng)
    brow, lift = rng.uniform(0.45, 0.7), rng.uniform(0.33, 0.38)
    for side in (-1.0, 1.0):
        along = (x - side * 0.33) / 0.22
        hair = np.exp(-(along**4)) * np.exp(-(((y + lift + 0.05 * (1 - along**2)) / 0.035) ** 2))
        image *= 1 - brow * hair * (1 + 0.25 * _texture(size, rng, 0.015))
    _nose(image, x, y)
    _mouth(image, x, y, rng)
    background = rng.uniform(60, 110) * (1 + 0.12 * y) * (1 + 0.02 * _texture(size, rng, 0.2))
    top = _step(-(y + rng.uniform(0.58, 0.70)) + 0.18 * x**2, 0.04)
    image *= 1 - top * rng.uniform(0.5, 0.8) * (1 + 0.1 * _texture(size, rng, 0.02))
    return np.asarray(image * inside + background * (1 - inside), dtype=np.float32)


def _eye(image: np.ndarray, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> None:
    opening = _step(1 - (x / 0.15) ** 2 - (y / 0.065) ** 2, 0.25)
    distance = np.sqrt(x**2 + y**2)
    iris, pupil = _step(0.06 - distance, 0.012), _step(0.028 - distance, 0.01)
    ball = 205 * (1 - iris) + rng.uniform(60, 95) * iris * (1 - pupil) + 25 * pupil
    ball += 120 * np.exp(-(((x - 0.02) / 0.012) ** 2 + ((y + 0.02) / 0.012) ** 2))
    image *= 1 - 0.25 * np.exp(-((x / 0.2) ** 2 + (y / 0.11) ** 2))
    lid = np.exp(-((x / 0.17) ** 4)) * np.exp(-(((y + 0.06 - 1.6 * x**2) / 0.02) ** 2))
    image[:] = image * (1 - opening) + ball * opening
    image *= 1 - 0.45 * lid


def _nose(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    ridge = np.exp(-((x / 0.07) ** 2)) * _step(y + 0.22, 0.1) * _step(0.24 - y, 0.08)
    image *= 1 + 0.10 * ridge
    for side in (-1.0, 1.0):
        wing = np.exp(-(((x - side * 0.12) / 0.05) ** 2 + ((y - 0.2) / 0.07) ** 2))
        hole = np.exp(-(((x - side * 0.06) / 0.03) ** 2 + ((y - 0.245) / 0.018) ** 2))
        fold = np.exp(-(((x - side * (0.2 + 0.35 * (y - 0.2))) / 0.025) ** 2))
        fold = fold * _step(y - 0.2, 0.06) * _step(0.48 - y, 0.06)
        image *= (1 - 0.13 * wing) * (1 - 0.5 * hole) * (1 - 0.14 * fold)


def _mouth(image: np.ndarray, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> None:
    half, curve = rng.uniform(0.25, 0.31), rng.uniform(-0.25, 0.15)
    line = 0.5 + curve * x**2
    lips = np.exp(-((x / half) ** 4)) * np.exp(-(((y - line) / 0.06) ** 2))
    gap = np.exp(-((x / (half * 1.05)) ** 4)) * np.exp(-(((y - line) / 0.014) ** 2))
    chin = np.exp(-((x / 0.2) ** 2 + ((y - 0.64) / 0.035) ** 2))
    image *= (1 - 0.22 * lips) * (1 - 0.55 * gap) * (1 - 0.10 * chin)


def _step(value: np.ndarray, width: float) -> np.ndarray:
    """0 to 1 as ``value`` passes 0, over about ``width``."""
    return np.asarray(1 / (1 + np.exp(-np.clip(4 * value / width, -30, 30))))


def _texture(size: tuple[int, int], rng: np.random.Generator, grain: float) -> np.ndarray:
    """Smooth noise of unit variance; ``grain`` is its scale as a share of the face."""
    noise = rng.standard_normal(size).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), max(0.5, grain * size[1] / 2))
    return np.asarray(smooth / smooth.std())
