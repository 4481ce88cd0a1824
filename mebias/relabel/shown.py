"""Which frames of a clip are shown: with what lies before and after its labels, if there is any.

Long recordings are shown in part, and where every clip has the same number of frames before its
label that number would give the label away: up to a third of what lies before and after is left
out then, at random and by clip.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping

import numpy as np

REACH_MS = 1000.0
"""What is shown before and after the labels, at most."""
_LEFT_OUT = 3
_ALIKE = 2
_FEW = 4
Span = tuple[float, float]


def shown_frames(
    numbers: Mapping[str, np.ndarray],
    labeled: Mapping[str, Span],
    fps: Mapping[str, float],
    *,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Numbers of the frames shown of each clip.

    Parameters
    ----------
    numbers : mapping of str to ndarray
        Clip to the numbers of its frames on disk, ascending.
    labeled : mapping of str to (float, float)
        First and last frame that a human marked.
    fps : mapping of str to float
        Frames per second.
    seed : int
        Of what is left out.

    Returns
    -------
    dict of str to ndarray

    Examples
    --------
    >>> frames = {"a": np.arange(1, 31), "b": np.arange(1, 41)}
    >>> found = shown_frames(frames, {"a": (5, 20), "b": (30, 35)}, {"a": 100.0, "b": 100.0})
    >>> [len(found[clip]) for clip in "ab"]
    [30, 40]
    """
    ends = {c: (int((n < labeled[c][0]).sum()), int((n > labeled[c][1]).sum()))
            for c, n in numbers.items()}  # fmt: skip
    alike = [_alike([ends[clip][side] for clip in ends]) for side in (0, 1)]
    found = {}
    for clip, own in numbers.items():
        rng = np.random.default_rng([seed, zlib.crc32(clip.encode())])
        most = round(REACH_MS * fps[clip] / 1000)
        kept = [_kept(ends[clip][side], most, alike[side], rng) for side in (0, 1)]
        first, last = ends[clip][0] - kept[0], len(own) - ends[clip][1] + kept[1]
        found[clip] = own[first:last]
    return found


def runs(numbers: np.ndarray) -> str:
    """Frame numbers as text.

    >>> runs(np.array([3, 4, 5, 9]))
    '3-5,9'
    """
    parts = np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
    return ",".join(f"{p[0]}-{p[-1]}" if len(p) > 1 else f"{p[0]}" for p in parts if len(p))


def numbers_of(text: str) -> np.ndarray:
    """Frame numbers from such a text.

    >>> numbers_of("3-5,9").tolist()
    [3, 4, 5, 9]
    """
    found: list[int] = []
    for part in text.split(","):
        low, _, high = part.partition("-")
        found += range(int(low), int(high or low) + 1)
    return np.array(found, dtype=np.int64)


def _alike(counts: list[int]) -> bool:
    """Whether so many frames before (or after) its label are the same in nearly every clip."""
    if len(counts) < _FEW or not any(counts):
        return False
    low, high = np.quantile(counts, [0.25, 0.75])
    return bool(high > 0 and high - low <= _ALIKE)


def _kept(there: int, most: int, alike: bool, rng: np.random.Generator) -> int:
    drawn = rng.random()
    if there > most or alike:
        least = math.ceil(min(there, most) * (1 - 1 / _LEFT_OUT))
        return least + int(drawn * (min(there, most) - least + 1))
    return there
