"""What moves in a face besides the expression: blinks, talking, the head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mebias.simulation import faces

DISTURBANCES = ("blinks", "talking", "drift")
_BLINK_EVERY_MS = 1500.0
_BLINK_MS = (70.0, 150.0)
"""Closing and opening of the lids."""
_LIDS_PX, _MOUTH_PX = 3.0, 1.5
"""Largest displacement of lids and mouth (pixels of a frame 128 pixels wide)."""
_SYLLABLES = (2.0, 6.0)
"""Rates at which a talking mouth moves (per second)."""
_HEAD_PX, _HEAD_TURN = 2.0, 0.01
"""Standard deviation of the head's speed: pixels (of 128) and radians per second."""


@dataclass(frozen=True)
class Disturbances:
    """What moves in one clip besides the expression.

    Attributes
    ----------
    blinks : ndarray, shape (b,)
        Beginnings of the blinks (ms).
    syllables : ndarray, shape (3, 3)
        Rate (per second), phase and weight of what a talking mouth's movement adds up from.
    talk : (float, float)
        When talking begins and ends (ms).
    head : ndarray, shape (3,)
        Speed of the head sideways and up (pixels of 128 per second) and turning (radians per
        second).
    """

    blinks: np.ndarray
    syllables: np.ndarray
    talk: tuple[float, float]
    head: np.ndarray

    def lids(self, time_ms: float) -> float:
        """Displacement of the lids (pixels of 128)."""
        since = time_ms - self.blinks
        closing, opening = _BLINK_MS
        share = np.minimum(since / closing, 1 - (since - closing) / opening)
        return _LIDS_PX * float(np.clip(share, 0, 1).max(initial=0.0))

    def mouth(self, time_ms: float) -> float:
        """Displacement of the mouth (pixels of 128)."""
        begin, end = self.talk
        if not begin < time_ms < end:
            return 0.0
        fade = min(1.0, (time_ms - begin) / 100, (end - time_ms) / 100)
        rate, phase, weight = self.syllables
        moved = (weight * np.sin(2 * np.pi * rate * time_ms / 1000 + phase)).sum()
        return _MOUTH_PX * fade * float(moved)


def draw_disturbances(
    kinds: Sequence[str], end_ms: float, rng: np.random.Generator
) -> Disturbances:
    """What moves besides the expression in a recording of a given length.

    Parameters
    ----------
    kinds : sequence of str
        Some of `DISTURBANCES`.
    end_ms : float
        When the recording ends (ms).
    rng : Generator
        A stream of its own.

    Returns
    -------
    Disturbances
        One blink at least, and one in 1.5 s on average; talking through two thirds of the
        recording; a head that drifts steadily.
    """
    count = 1 + int(rng.poisson(max(end_ms / _BLINK_EVERY_MS - 1, 0.0)))
    blinks = np.sort(rng.uniform(-50.0, end_ms, count))
    weights = rng.dirichlet(np.full(3, 3.0))
    syllables = np.stack([rng.uniform(*_SYLLABLES, 3), rng.uniform(0, 2 * np.pi, 3), weights])
    begin = rng.uniform(0, end_ms / 3)
    head = rng.standard_normal(3) * (_HEAD_PX, _HEAD_PX, _HEAD_TURN)
    return Disturbances(
        blinks=blinks if "blinks" in kinds else blinks[:0],
        syllables=syllables,
        talk=(begin, begin + end_ms * 2 / 3) if "talking" in kinds else (0.0, 0.0),
        head=head if "drift" in kinds else np.zeros(3),
    )


def lid_field(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """How closing lids displace the face, its largest displacement being 1."""
    x, y = faces.grid(size)
    down = sum(
        np.exp(-(((x - side * 0.33) / 0.13) ** 2 + ((y + 0.155) / 0.055) ** 2))
        for side in (-1.0, 1.0)
    )
    down = np.asarray(down, dtype=np.float32)
    return np.zeros_like(down), down / down.max()


def mouth_field(size: tuple[int, int], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """How talking displaces the face, its largest displacement being 1."""
    return faces.field((25, 17), size, rng)
