"""Faces drawn from numbers, and the fields by which action units move them.

Coordinates are those of the face: x from -1 (left) to 1, y from -1 (top) to 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

# Each action unit: places (x, y), extents (x, y) and direction (x, y; down is positive). Those
# off the middle are mirrored.
_Spot = tuple[float, float, float, float, float, float]
ACTION_UNITS: dict[int, tuple[_Spot, ...]] = {
    1: ((0.17, -0.37, 0.15, 0.11, 0.0, -1.0),),
    2: ((0.44, -0.36, 0.16, 0.11, 0.0, -1.0),),
    4: ((0.20, -0.35, 0.18, 0.11, -0.5, 0.9),),
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
    "happy": (6, 12),
    "negative": (4, 7),
    "anger": (4, 7),
    "disgust": (9, 10),
    "contempt": (14,),
    "sadness": (1, 15),
    "sad": (1, 15),
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


@dataclass(frozen=True)
class _Person:
    """What tells one face from another: places in face coordinates, shades as shares."""

    wide: float
    tall: float
    skin: float
    light: float
    eye_apart: float
    eye_height: float
    eye_open: float
    iris: float
    brow_lift: float
    brow_thick: float
    brow_dark: float
    nose_wide: float
    nose_end: float
    mouth_height: float
    mouth_half: float
    mouth_curve: float
    lips: float
    hairline: float
    hair_dark: float
    hair_wide: float
    backdrop: float


_LOW = _Person(0.66, 0.88, 125, -0.5, 0.30, -0.19, 0.042, 45, 0.155, 0.026, 0.40, 0.085, 0.16,
               0.44, 0.23, -0.25, 0.16, -0.80, 0.45, 1.04, 60)  # fmt: skip
_HIGH = _Person(0.76, 0.98, 185, 0.5, 0.36, -0.12, 0.060, 95, 0.215, 0.042, 0.65, 0.125, 0.24,
                0.53, 0.31, 0.20, 0.36, -0.62, 0.80, 1.14, 115)  # fmt: skip


def face(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A face-like texture in gray levels, each draw another person.

    Parameters
    ----------
    size : (height, width)
        Pixels.
    rng : Generator
        The subject's stream.

    Returns
    -------
    ndarray of float32, shape ``size``

    Examples
    --------
    >>> image = face((64, 64), np.random.default_rng(0))
    >>> image.shape, bool(image[2, 2] < image[34, 32])
    ((64, 64), True)
    """
    person = _Person(*rng.uniform(tuple(vars(_LOW).values()), tuple(vars(_HIGH).values())).tolist())
    x, y = grid(size)
    narrow = person.wide * (1 - 0.16 * np.clip(y - 0.1, 0, None))
    radius = np.sqrt((x / narrow) ** 2 + ((y - 0.03) / person.tall) ** 2)
    image = person.skin * _shading(x, y, radius, person)
    image *= 1 + 0.035 * _texture(size, rng, 0.02) + 0.022 * _texture(size, rng, 0.07)
    for side in (-1.0, 1.0):
        _eye(image, side * (x - side * person.eye_apart), y - person.eye_height, person)
        _brow(image, side * x, y - person.eye_height + person.brow_lift, person, size, rng)
    _nose(image, x, y, person)
    _mouth(image, x, y, person)
    hair = person.skin * (1 - person.hair_dark) * (1 + 0.12 * _strands(size, rng))
    line = person.hairline + 0.55 * x**2 + 0.03 * _texture(size, rng, 0.15)
    image += (hair - image) * _step(line - y, 0.05)
    backdrop = person.backdrop * (1 + 0.12 * y) * (1 + 0.02 * _texture(size, rng, 0.2))
    mane = np.sqrt((x / (narrow * person.hair_wide)) ** 2 + ((y + 0.06) / 0.98) ** 2)
    behind = backdrop + (hair - backdrop) * _step(1 - mane, 0.06) * _step(0.15 - y, 0.25)
    inside = _step(1 - radius, 0.04)
    return np.asarray(image * inside + behind * (1 - inside), dtype=np.float32)


def _shading(x: np.ndarray, y: np.ndarray, radius: np.ndarray, person: _Person) -> np.ndarray:
    """Light on the skull: round, from one side, brighter on forehead, cheeks and chin."""
    shade = 1.04 - 0.34 * radius**3 + 0.24 * person.light * x
    shade += 0.07 * _bump(x, y, 0.0, -0.45, 0.35, 0.16) + 0.05 * _bump(x, y, 0.0, 0.78, 0.14, 0.09)
    for side in (-1.0, 1.0):
        shade += 0.09 * _bump(x, y, side * 0.36, 0.12, 0.15, 0.14)
        shade -= 0.10 * _bump(x, y, side * 0.50, 0.48, 0.13, 0.25)
    return np.asarray(shade)


def _eye(image: np.ndarray, x: np.ndarray, y: np.ndarray, person: _Person) -> None:
    """One eye; x grows outward from its middle."""
    image *= 1 - 0.20 * np.exp(-(((x + 0.06) / 0.19) ** 2 + ((y + 0.03) / 0.10) ** 2))
    image *= 1 - 0.10 * np.exp(-((x / 0.13) ** 2 + ((y - 0.095) / 0.03) ** 2))
    bow = np.clip(1 - (x / 0.145) ** 2, 0, None)
    upper, lower = -person.eye_open * bow, 0.75 * person.eye_open * bow
    opening = _step(y - upper, 0.03) * _step(lower - y, 0.03) * _step(0.14 - np.abs(x), 0.03)
    away = np.sqrt(x**2 + (y + 0.008) ** 2)
    iris, pupil = _step(0.058 - away, 0.014), _step(0.024 - away, 0.012)
    white = min(215.0, 1.18 * person.skin) * (1 - 0.25 * _step(0.03 + upper - y + 0.01, 0.04))
    ball = white * (1 - iris) + person.iris * iris * (1 - pupil) + 18 * pupil
    ball = ball + 110 * np.exp(-(((x - 0.02) / 0.012) ** 2 + ((y + 0.022) / 0.012) ** 2))
    image += (ball - image) * opening
    edge = np.exp(-((x / 0.155) ** 6))
    image *= 1 - 0.55 * edge * np.exp(-(((y - upper + 0.006) / 0.014) ** 2))
    image *= 1 - 0.22 * edge * np.exp(-(((y - 1.1 * upper + 0.05) / 0.013) ** 2))
    image *= 1 - 0.18 * edge * np.exp(-(((y - lower - 0.004) / 0.012) ** 2))


def _brow(
    image: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    person: _Person,
    size: tuple[int, int],
    rng: np.random.Generator,
) -> None:
    along = (x - person.eye_apart - 0.01) / 0.20
    thick = person.brow_thick * (1 - 0.30 * along)
    arch = 0.030 - 0.055 * np.clip(1 - (along - 0.25) ** 2, 0, None)
    hair = np.exp(-(along**6)) * np.exp(-(((y - arch) / np.clip(thick, 0.008, None)) ** 2))
    image *= 1 - person.brow_dark * hair * (1 + 0.25 * _texture(size, rng, 0.012))


def _nose(image: np.ndarray, x: np.ndarray, y: np.ndarray, person: _Person) -> None:
    wide, end = person.nose_wide, person.nose_end
    along = _step(y + 0.15, 0.15) * _step(end - y, 0.08)
    image *= 1 + 0.10 * np.exp(-((x / 0.045) ** 2)) * along
    image *= 1 + 0.09 * _bump(x, y, 0.0, end - 0.02, 0.06, 0.05)
    shadow = np.exp(-(((x + np.sign(person.light) * 0.085) / 0.035) ** 2)) * along
    image *= 1 - 0.18 * abs(person.light) * shadow - 0.04 * along * np.exp(-((x / 0.12) ** 4))
    image *= 1 - 0.16 * _bump(x, y, 0.0, end + 0.065, wide, 0.025)
    for side in (-1.0, 1.0):
        rim = np.exp(-(((np.hypot(x - side * wide * 0.75, y - end + 0.01) - 0.055) / 0.016) ** 2))
        image *= 1 - 0.22 * rim * _step(side * x - wide * 0.75, 0.05)
        image *= 1 - 0.50 * _bump(x, y, side * wide * 0.55, end + 0.035, 0.026, 0.014)
        away = side * x - wide - 0.05 - 0.32 * (y - end)
        fold = _step(y - end + 0.03, 0.08) * _step(person.mouth_height - 0.02 - y, 0.12)
        image *= 1 - 0.085 * np.exp(-((away / 0.034) ** 2)) * fold


def _mouth(image: np.ndarray, x: np.ndarray, y: np.ndarray, person: _Person) -> None:
    half, dark = person.mouth_half, person.lips
    line = person.mouth_height + person.mouth_curve * x**2
    bow = np.clip(1 - (x / half) ** 2, 0, None)
    dip = 0.014 * np.exp(-((x / 0.035) ** 2))
    upper = _step(y - line + 0.055 * np.sqrt(bow) - dip, 0.025) * _step(line - y, 0.02)
    lower = _step(y - line, 0.02) * _step(line + 0.075 * np.sqrt(bow) - y, 0.03)
    lips = _step(half - np.abs(x), 0.06)
    image *= 1 - lips * (1.25 * dark * upper + 0.75 * dark * lower)
    image *= 1 + 0.07 * _bump(x, y, 0.0, person.mouth_height + 0.035, 0.10, 0.015)
    gap = np.exp(-((x / (half * 1.02)) ** 6)) * np.exp(-(((y - line) / 0.011) ** 2))
    image *= 1 - 0.50 * gap
    for side in (-1.0, 1.0):
        corner = person.mouth_height + person.mouth_curve * half**2
        image *= 1 - 0.20 * _bump(x, y, side * half, corner, 0.028, 0.022)
    image *= 1 - 0.13 * _bump(x, y, 0.0, person.mouth_height + 0.125, 0.15, 0.028)
    image *= 1 - 0.05 * np.exp(-((x / 0.018) ** 2)) * _step(y - person.nose_end - 0.08, 0.04) * (
        _step(person.mouth_height - 0.06 - y, 0.04)
    )


def _bump(x: np.ndarray, y: np.ndarray, cx: float, cy: float, sx: float, sy: float) -> np.ndarray:
    """A Gaussian hill of height 1."""
    return np.asarray(np.exp(-(((x - cx) / sx) ** 2 + ((y - cy) / sy) ** 2)))


def _step(value: np.ndarray, width: float) -> np.ndarray:
    """0 to 1 as ``value`` passes 0, over about ``width``."""
    return np.asarray(1 / (1 + np.exp(-np.clip(4 * value / width, -30, 30))))


def _texture(size: tuple[int, int], rng: np.random.Generator, grain: float) -> np.ndarray:
    """Smooth noise of unit variance; ``grain`` is its scale as a share of the face."""
    noise = rng.standard_normal(size).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), max(0.5, grain * size[1] / 2))
    return np.asarray(smooth / smooth.std())


def _strands(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Noise drawn out downwards, as hair is, of unit variance."""
    noise = rng.standard_normal(size).astype(np.float32)
    drawn = cv2.GaussianBlur(
        noise, (0, 0), sigmaX=max(0.5, 0.006 * size[1]), sigmaY=max(0.5, 0.05 * size[0])
    )
    return np.asarray(drawn / drawn.std())
