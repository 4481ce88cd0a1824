"""Coders: from true times to labels, with bias and spread per keyframe and group."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from mebias.errors import OptionError, listed, suggest

SUBJECT_ICC = 0.1
"""Share of a coder's error variance that a subject's clips have in common."""


def parse_plant(text: str) -> tuple[str, tuple[float, float, float]]:
    """Read ``GROUP:onset,apex,offset``, a mean error in ms per keyframe.

    Raises
    ------
    OptionError
        The text has another form.

    Examples
    --------
    >>> parse_plant("B:0,0,40")
    ('B', (0.0, 0.0, 40.0))
    """
    group, _, numbers = text.rpartition(":")
    try:
        values = tuple(float(part) for part in numbers.split(","))
    except ValueError:
        values = ()
    if not group.strip() or len(values) != 3 or not all(map(math.isfinite, values)):
        raise OptionError(
            f"plant {text!r} is not of the form GROUP:onset,apex,offset with three numbers in ms; "
            f"write for example B:0,0,40."
        )
    return group.strip(), (values[0], values[1], values[2])


def checked_plant(
    plant: Mapping[str, Sequence[float]] | None, groups: Sequence[str]
) -> dict[str, tuple[float, float, float]]:
    """The planted mean errors (ms) of all groups; 0 where nothing is planted.

    Raises
    ------
    OptionError
        An unknown group, or not three finite numbers.
    """
    planted = dict.fromkeys(groups, (0.0, 0.0, 0.0))
    for group, values in (plant or {}).items():
        if group not in planted:
            raise OptionError(
                f"plant names the group {group!r}: known are {listed(groups, 20)}"
                f"{suggest(group, groups)}."
            )
        numbers = [float(v) for v in values]
        if len(numbers) != 3 or not all(map(math.isfinite, numbers)):
            raise OptionError(
                f"plant for {group} is {values!r}; expected three finite errors in ms (onset, "
                f"apex, offset)."
            )
        planted[group] = (numbers[0], numbers[1], numbers[2])
    return planted


def errors_ms(
    bias: Sequence[float], sd: Sequence[float], of_subject: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """One clip's errors at onset, apex and offset (ms).

    Parameters
    ----------
    bias, sd : sequence of 3 floats
        Mean and standard deviation per keyframe.
    of_subject : ndarray, shape (3,)
        Standard normal effects that the subject's clips share.
    rng : Generator
        Source of the clip's own errors.
    """
    own = rng.standard_normal(3)
    mixed = math.sqrt(SUBJECT_ICC) * of_subject + math.sqrt(1 - SUBJECT_ICC) * own
    return np.asarray(bias) + np.asarray(sd) * mixed


def labels(
    true_ms: Sequence[float], error_ms: np.ndarray, fps: float, n_frames: int
) -> tuple[int, int, int]:
    """Frames, counted from 0, that a coder writes down: in order, a frame apart, in the clip.

    >>> labels((100.0, 200.0, 300.0), np.array([0.0, 4.0, -120.0]), 100.0, 50)
    (10, 20, 21)
    """
    frames = np.floor((np.asarray(true_ms) + error_ms) * fps / 1000 + 0.5).astype(int)
    apex = min(max(int(frames[1]), 1), n_frames - 2)
    onset = min(max(int(frames[0]), 0), apex - 1)
    offset = max(min(int(frames[2]), n_frames - 1), apex + 1)
    return onset, apex, offset
