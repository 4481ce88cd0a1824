"""Coders: from true times to labels, with bias and spread per keyframe and group."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mebias.errors import OptionError, listed, suggest

SUBJECT_ICC = 0.1
"""Share of a coder's error variance that a subject's clips have in common."""

Errors = tuple[float, float, float]
"""One number (ms) each for onset, apex and offset."""


def parse_plant(text: str) -> tuple[str, Errors]:
    """Read ``GROUP:onset,apex,offset``, a mean error in ms per keyframe.

    Parameters
    ----------
    text : str
        As on the command line.

    Returns
    -------
    tuple of str and three floats
        The group and its coders' mean errors at onset, apex and offset (ms; positive =
        late).

    Raises
    ------
    OptionError
        The text has another form.

    Examples
    --------
    >>> parse_plant("B:0,0,40")
    ('B', (0.0, 0.0, 40.0))
    """
    group, _, numbers = str(text).rpartition(":")
    try:
        values = [float(part) for part in numbers.split(",")]
    except ValueError:
        values = []
    if not group.strip() or len(values) != 3 or not all(map(math.isfinite, values)):
        raise OptionError(
            f"plant {text!r} is not of the form GROUP:onset,apex,offset with three numbers in ms; "
            f"write for example B:0,0,40."
        )
    return group.strip(), (values[0], values[1], values[2])


def checked_plant(
    plant: Mapping[str, Sequence[float]] | None, groups: Sequence[str]
) -> dict[str, Errors]:
    """The planted mean errors (ms) of all groups; 0 where nothing is planted.

    Raises
    ------
    OptionError
        An unknown group, or not three finite numbers.

    Examples
    --------
    >>> checked_plant({"B": (0, 0, 40)}, ["A", "B"])
    {'A': (0.0, 0.0, 0.0), 'B': (0.0, 0.0, 40.0)}
    """
    planted: dict[str, Errors] = dict.fromkeys(groups, (0.0, 0.0, 0.0))
    if plant is not None and not isinstance(plant, Mapping):
        raise OptionError(
            f"plant is {plant!r}; expected errors in ms by group, such as {{'B': (0, 0, 40)}}."
        )
    for group, values in (plant or {}).items():
        if group not in planted:
            raise OptionError(
                f"plant names the group {group!r}: known are {listed(groups, 20)}"
                f"{suggest(str(group), groups)}."
            )
        try:
            onset, apex, offset = (float(value) for value in values)
        except (TypeError, ValueError):
            onset = apex = offset = math.nan
        if not all(map(math.isfinite, (onset, apex, offset))):
            raise OptionError(
                f"plant for {group} is {values!r}; expected three finite errors in ms (onset, "
                f"apex, offset)."
            )
        planted[group] = (onset, apex, offset)
    return planted


def errors_ms(bias: Errors, sd: Errors, of_subject: np.ndarray, of_clip: np.ndarray) -> np.ndarray:
    """One clip's errors at onset, apex and offset (ms).

    Parameters
    ----------
    bias, sd : tuple of 3 floats
        Mean and standard deviation per keyframe (ms).
    of_subject, of_clip : ndarray, shape (3,)
        Standard normal numbers: what all clips of the subject share, and the clip's own.

    Returns
    -------
    ndarray, shape (3,)
    """
    mixed = math.sqrt(SUBJECT_ICC) * of_subject + math.sqrt(1 - SUBJECT_ICC) * of_clip
    return np.asarray(np.asarray(bias) + np.asarray(sd) * mixed)


@dataclass(frozen=True)
class Labels:
    """Frames that a coder writes down, counted from 0.

    ``moved`` says for each keyframe whether the coder's frame had to be moved: labels stay
    in order, a frame apart and within the clip.
    """

    onset: int
    apex: int
    offset: int
    moved: tuple[bool, bool, bool]


def label(true_ms: Errors, error_ms: np.ndarray, fps: float, n_frames: int) -> Labels:
    """What a coder writes down for one clip.

    Parameters
    ----------
    true_ms : tuple of 3 floats
        True onset, apex and offset from the first frame on (ms).
    error_ms : ndarray, shape (3,)
        The coder's errors (ms).
    fps : float
        Frames per second.
    n_frames : int
        Frames of the clip, 3 or more.

    Examples
    --------
    >>> label((100.0, 200.0, 300.0), np.array([0.0, 4.0, -120.0]), 100.0, 50)
    Labels(onset=10, apex=20, offset=21, moved=(False, False, True))
    """
    free = np.floor((np.asarray(true_ms) + error_ms) * fps / 1000 + 0.5).astype(int).tolist()
    apex = min(max(free[1], 1), n_frames - 2)
    onset = min(max(free[0], 0), apex - 1)
    offset = max(min(free[2], n_frames - 1), apex + 1)
    return Labels(onset, apex, offset, (onset != free[0], apex != free[1], offset != free[2]))
