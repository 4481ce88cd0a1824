"""Human codings of clips: the labels that selection starts from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from mebias import tables
from mebias.cohort import Cohort
from mebias.errors import TableError
from mebias.selection.motion import Phases, usual_phases


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
    keyframes = cohort.keyframes
    rates = dict(zip(cohort.clips["clip"], cohort.clips["fps"], strict=True))
    human = keyframes[keyframes["source"] == "human"]
    keys = ["dataset", "clip", "coder", "pass"]
    _refuse_repeats(human, [*keys, "keyframe"])
    whole = np.isfinite(human["frame"]) & (human["frame"] % 1 == 0)
    usable = human["status"].isin(tables.PLACED) & whole
    human = human.assign(frame=human["frame"].where(usable))
    # Unlike pivot_table, pivot makes up no codings of clips that only other coders saw.
    wide = human.pivot(index=keys, columns="keyframe", values="frame")  # noqa: PD010
    codings = pd.MultiIndex.from_frame(human[keys].drop_duplicates())
    wide = wide.reindex(index=codings, columns=list(tables.KEYFRAMES))
    phases = _usual_phases(cohort, wide)
    for key, values in zip(wide.index, wide.to_numpy(), strict=True):
        onset, apex, offset = (None if np.isnan(v) else int(v) for v in values)
        dataset, clip, coder, coding_pass = map(str, key)
        rate = float(rates.get(clip, np.nan))
        usual = phases[clip]
        yield Coding(dataset, clip, coder, coding_pass, onset, apex, offset, rate, usual)


def _usual_phases(cohort: Cohort, wide: pd.DataFrame) -> dict[str, Phases]:
    """For each clip, how long the phases of other subjects' clips last."""
    clips = wide.index.get_level_values("clip")
    about = cohort.clips.set_index("clip").reindex(clips)
    subjects = about["subject"].to_numpy(dtype=object)
    rates = about["fps"].where(about["fps"] > 0).to_numpy(dtype=float)
    lengths = 1000 * wide.diff(axis=1).to_numpy()[:, 1:] / rates[:, None]
    lengths = np.where(np.isfinite(lengths), lengths, 0.0)  # 0 is no length: left out
    usual = {s: usual_phases(*lengths[subjects != s].T) for s in set(subjects)}
    return {str(clip): usual[s] for clip, s in zip(clips, subjects, strict=True)}


def _refuse_repeats(human: pd.DataFrame, by: list[str]) -> None:
    repeated = human[human.duplicated(by)]
    if len(repeated):
        row = repeated.iloc[0]
        raise TableError(
            f"the cohort's keyframes hold the {row['keyframe']} of clip {row['clip']} twice; keep "
            f"one, or tell them apart by coder or pass."
        )
