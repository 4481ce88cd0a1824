"""How far a movement has gone at each moment: 0 at rest, 1 at the apex."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PROFILES = ("linear", "cosine", "exponential", "delayed")


@dataclass(frozen=True)
class Course:
    """The true course of one expression, in ms from the first frame of its recording.

    Attributes
    ----------
    onset, offset : float
        When the movement begins and ends.
    apex_low, apex_high : float
        The plateau of largest extent; equal where there is none.
    profile : str
        How it rises and, mirrored, falls.
    residue : float
        Extent that remains after the offset (an incomplete return), 0 to below 1.
    reversal : float
        Depth of a small step back halfway up the rise, 0 for none.
    """

    onset: float
    apex_low: float
    apex_high: float
    offset: float
    profile: str = "cosine"
    residue: float = 0.0
    reversal: float = 0.0

    @property
    def apex(self) -> float:
        """Middle of the plateau (ms)."""
        return (self.apex_low + self.apex_high) / 2


def extent(time_ms: np.ndarray | float, course: Course) -> np.ndarray:
    """Extent of the movement at the given times.

    Parameters
    ----------
    time_ms : float or ndarray
        Times from the first frame (ms).
    course : Course
        The movement.

    Returns
    -------
    ndarray
        0 before the onset, 1 on the plateau, ``course.residue`` after the offset.

    Examples
    --------
    >>> course = Course(onset=100, apex_low=200, apex_high=200, offset=300, profile="linear")
    >>> extent([0, 150, 200, 275, 400], course).tolist()
    [0.0, 0.5, 1.0, 0.25, 0.0]
    """
    t = np.asarray(time_ms, dtype=float)
    up = np.clip((t - course.onset) / (course.apex_low - course.onset), 0, 1)
    down = np.clip((course.offset - t) / (course.offset - course.apex_high), 0, 1)
    rising = _ease(up, course.profile)
    if course.reversal:
        bump = np.where(np.abs(up - 0.6) < 0.2, np.cos((up - 0.6) / 0.4 * np.pi) ** 2, 0.0)
        rising = np.clip(rising - course.reversal * bump, 0, 1)
    falling = course.residue + (1 - course.residue) * _ease(down, course.profile)
    return np.where(t <= course.apex_high, rising, falling)


def _ease(x: np.ndarray, profile: str) -> np.ndarray:
    """Extent from 0 to 1 as a share of the phase goes from 0 to 1."""
    if profile == "linear":
        return x
    if profile == "cosine":
        return (1 - np.cos(np.pi * x)) / 2
    if profile == "exponential":
        return (1 - np.exp(-4 * x)) / (1 - np.exp(-4))
    return x**3
