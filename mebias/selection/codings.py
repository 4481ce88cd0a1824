"""Human codings of clips: the labels that selection starts from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite, nan

import numpy as np
import pandas as pd

from mebias import tables
from mebias.cohort import Cohort
from mebias.errors import TableError
from mebias.selection.motion import Phases, usual_phases

Key = tuple[str, str, str, str]
_KEY = ("dataset", "clip", "coder", "pass")


@dataclass(frozen=True)
class Coding:
    """One human coding of one clip; missing keyframes are None.

    ``phases`` is how long the phases of other subjects' clips usually last.
    """

    dataset: str
    clip: str
    coder: str
    coding_pass: str
    onset: int | None
    apex: int | None
    offset: int | None
    fps: float
    phases: Phases

    def complete(self) -> tuple[int, int, int] | None:
        """The three keyframes; None where one is missing."""
        if self.onset is None or self.apex is None or self.offset is None:
            return None
        return self.onset, self.apex, self.offset

    def disorder(self) -> str:
        """What is wrong with the order of the keyframes, in words; empty where nothing is."""
        at = [(k, getattr(self, k)) for k in tables.KEYFRAMES if getattr(self, k) is not None]
        for (early, first), (late, then) in pairwise(at):
            if then < first:
                return (
                    f"the human {late} is frame {then}, before the {early} at {first}; expected "
                    f"onset <= apex <= offset"
                )
        return ""


def codings_of(cohort: Cohort) -> Iterator[Coding]:
    """Human codings in the order of their first row."""
    labels = _labels(cohort.keyframes)
    rates = dict(zip(cohort.clips["clip"], cohort.clips["fps"].tolist(), strict=True))
    phases = _usual_phases(cohort, labels, rates)
    for key, placed in labels.items():
        dataset, clip, coder, coding_pass = key
        onset, apex, offset = map(placed.get, tables.KEYFRAMES)
        rate = float(rates.get(clip, nan))
        yield Coding(dataset, clip, coder, coding_pass, onset, apex, offset, rate, phases[clip])


def _labels(keyframes: pd.DataFrame) -> dict[Key, dict[str, int | None]]:
    """Frames of each coding's keyframes; None where one cannot be looked at."""
    # Lists, since a pivot of a small table takes as long as decoding a clip.
    human = keyframes[keyframes["source"] == "human"]
    found: dict[Key, dict[str, int | None]] = {}
    columns = (human[name].tolist() for name in (*_KEY, "keyframe", "frame", "status"))
    for dataset, clip, coder, coding_pass, keyframe, frame, status in zip(*columns, strict=True):
        key = (str(dataset), str(clip), str(coder), str(coding_pass))
        placed = found.setdefault(key, {})
        if keyframe in placed:
            raise TableError(
                f"the cohort's keyframes hold the {keyframe} of clip {clip} twice; keep one, or "
                f"tell them apart by coder or pass."
            )
        usable = status in tables.PLACED and isfinite(frame) and frame % 1 == 0
        placed[keyframe] = int(frame) if usable else None
    return found


def _usual_phases(
    cohort: Cohort, labels: dict[Key, dict[str, int | None]], rates: dict[str, float]
) -> dict[str, Phases]:
    """For each clip, how long the phases of other subjects' clips last."""
    person = dict(zip(cohort.clips["clip"], cohort.clips["subject"], strict=True))
    clips = [clip for _, clip, _, _ in labels]
    subjects = np.array([person.get(clip, nan) for clip in clips], dtype=object)
    rows = [[placed.get(k) for k in tables.KEYFRAMES] for placed in labels.values()]
    wide = np.array(rows, dtype=float).reshape(-1, len(tables.KEYFRAMES))  # None turns NaN
    fps = np.array([rates.get(clip, nan) for clip in clips], dtype=float)
    lengths = 1000 * np.diff(wide, axis=1) / np.where(fps > 0, fps, nan)[:, None]
    lengths = np.where(np.isfinite(lengths), lengths, 0.0)  # 0 is no length: left out
    usual = {s: usual_phases(*lengths[subjects != s].T) for s in set(subjects)}
    return {clip: usual[s] for clip, s in zip(clips, subjects, strict=True)}
