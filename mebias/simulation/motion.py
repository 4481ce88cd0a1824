"""How far a movement has gone at each moment: 0 at rest, 1 at the apex."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mebias.manifests import Phase, Shape

PROFILES = ("linear", "cosine", "exponential", "delayed")
"""What cohorts draw from unless told otherwise."""
HELD_BACK = ("logistic", "sine", "quadratic")
"""Profiles that no selector was tuned on; only validation draws from them."""
RECORDED_MS = 400.0
"""Recording before the onset and after the offset of an untrimmed clip, on average."""
_RECORDED_SPREAD_MS = 100.0
_SHORTEST_MS = 40.0


@dataclass(frozen=True)
class Course:
    """The true course of one expression, in ms from the first frame of its recording.

    Attributes
    ----------
    onset, offset : float
        When the movement begins and ends.
    apex_low, apex_high : float
        The plateau of largest extent; equal where there is none.
    end : float
        When the recording ends.
    profile : str
        How it rises and, downwards, falls; one of `PROFILES` or `HELD_BACK`.
    residue : float
        Extent that remains after the offset (an incomplete return), 0 to below 1.
    reversal : float
        Depth of a small step back in the rise, 0 for none.
    """

    onset: float
    apex_low: float
    apex_high: float
    offset: float
    end: float = math.inf
    profile: str = "cosine"
    residue: float = 0.0
    reversal: float = 0.0

    @property
    def apex(self) -> float:
        """Middle of the plateau (ms)."""
        return (self.apex_low + self.apex_high) / 2


def draw_course(shape: Shape, profiles: Sequence[str], rng: np.random.Generator) -> Course:
    """The course of one clip, its phases as long as the dataset's are.

    Parameters
    ----------
    shape : Shape
        Published lengths of rise (onset to apex) and fall (apex to offset).
    profiles : sequence of str
        Profiles to choose from.
    rng : Generator
        The clip's own stream.

    Returns
    -------
    Course
        Two in five have a plateau around the apex, one in four returns incompletely, one in
        four steps back on its way up.
    """
    onset, tail = rng.uniform(-_RECORDED_SPREAD_MS, _RECORDED_SPREAD_MS, 2) + RECORDED_MS
    rise, fall = _length(shape.rise, rng), _length(shape.fall, rng)
    plateaued, incomplete, reversed_ = rng.random(3) < (0.4, 0.25, 0.25)
    plateau, residue, reversal = rng.uniform((0.1, 0.1, 0.04), (0.4, 0.35, 0.15))
    half = plateau * min(rise, fall) / 2 if plateaued else 0.0
    apex = onset + rise
    return Course(
        onset=float(onset),
        apex_low=float(apex - half),
        apex_high=float(apex + half),
        offset=float(apex + fall),
        end=float(apex + fall + tail),
        profile=profiles[int(rng.integers(len(profiles)))],
        residue=float(residue) if incomplete else 0.0,
        reversal=float(reversal) if reversed_ else 0.0,
    )


def extent(time_ms: ArrayLike, course: Course) -> np.ndarray:
    """Extent of the movement at the given times.

    Parameters
    ----------
    time_ms : array_like
        Times from the first frame (ms).
    course : Course
        The movement.

    Returns
    -------
    ndarray, shape of ``time_ms``
        0 up to the onset, 1 on the plateau and less elsewhere, ``course.residue`` from the
        offset on.

    Examples
    --------
    >>> course = Course(onset=100, apex_low=200, apex_high=200, offset=300, profile="linear")
    >>> extent([0, 150, 200, 275, 400], course).tolist()
    [0.0, 0.5, 1.0, 0.25, 0.0]
    """
    time = np.asarray(time_ms, dtype=float)
    up = np.clip((time - course.onset) / (course.apex_low - course.onset), 0, 1)
    down = np.clip((time - course.apex_high) / (course.offset - course.apex_high), 0, 1)
    step_back = np.where(np.abs(up - 0.6) < 0.2, np.cos((up - 0.6) / 0.4 * np.pi) ** 2, 0.0)
    rising = np.maximum(_eased(up, course.profile) - course.reversal * step_back, 0)
    falling = 1 - (1 - course.residue) * _eased(down, course.profile)
    return np.where(time <= course.apex_high, rising, falling)


def _eased(share: np.ndarray, profile: str) -> np.ndarray:
    """Share of the way that is done, 0 to 1, after a share of the phase's time."""
    if profile == "linear":
        return share
    if profile == "cosine":
        return np.asarray((1 - np.cos(np.pi * share)) / 2)
    if profile == "exponential":
        return np.asarray(np.expm1(-4 * share) / np.expm1(-4.0))
    if profile == "logistic":
        return np.asarray((1 + np.tanh(5 * (share - 0.5)) / np.tanh(2.5)) / 2)
    if profile == "sine":
        return np.asarray(np.sin(np.pi / 2 * share))
    if profile == "quadratic":
        return np.asarray(share**2)
    return np.asarray(share**3)


def _length(phase: Phase, rng: np.random.Generator) -> float:
    drawn = phase.median_ms * math.exp(phase.log_sd * float(rng.standard_normal()))
    return max(drawn, _SHORTEST_MS)
