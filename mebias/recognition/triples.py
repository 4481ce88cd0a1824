"""Which frames are onset, apex and offset of each clip, and which class it has.

Nothing here needs torch: training code of any kind can be fed from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mebias import tables
from mebias.cohort import Cohort
from mebias.errors import MixedDataError, OptionError, listed, suggest
from mebias.recognition.swap import one_source

HUMAN = "human"
Labels = str | Mapping[str, str] | None
"""A class scheme of the manifest, a mapping from emotion to class, or every emotion."""
USABLE = (*tables.PLACED, "imputed")
"""Statuses of a human keyframe that may be read, where nothing is compared with it."""


@dataclass(frozen=True)
class Triple:
    """Onset, apex and offset of a clip, who chose them, and what became of the selection.

    ``frames`` holds NaN where a keyframe is missing; ``status`` is empty for human keyframes
    that nothing was to replace.
    """

    frames: tuple[float, ...]
    source: str
    status: str

    @property
    def whole(self) -> bool:
        """Whether all three are there."""
        return not any(np.isnan(self.frames))

    @property
    def fell_back(self) -> bool:
        """Whether a selection was asked for and the human keyframes stand in for it."""
        return self.source == HUMAN and bool(self.status)


ABSENT = Triple((float("nan"),) * 3, HUMAN, "absent")
"""Of a clip that no table mentions."""


def class_scheme(cohort: Cohort, labels: Labels) -> dict[str, str]:
    """Emotion, without case, to class.

    Raises
    ------
    OptionError
        The manifest has no such scheme.

    Examples
    --------
    >>> import mebias
    >>> cohort = mebias.simulate("samm", n_subjects=3, n_clips=3, size=(16, 16))
    >>> class_scheme(cohort, "3-class")["happiness"]
    'positive'
    """
    if labels is None:
        emotions = sorted(set(cohort.clips["emotion"]) - {""})
        return {emotion.casefold(): emotion for emotion in emotions}
    if isinstance(labels, str):
        known = cohort.manifest.labels
        if labels not in known:
            raise OptionError(
                f"{cohort.manifest.id} has no class scheme {labels!r} (known: "
                f"{listed(known) or 'none'}){suggest(labels, known)}."
            )
        labels = known[labels]
    return {emotion.casefold(): name for emotion, name in labels.items()}


def triples_of(
    cohort: Cohort,
    keyframes: pd.DataFrame | None,
    coder: str | None = None,
    usable: Sequence[str] = USABLE,
) -> dict[str, Triple]:
    """Onset, apex and offset of each clip, human or selected.

    Parameters
    ----------
    cohort : Cohort
        Whose human keyframes these are.
    keyframes : DataFrame, optional
        Keyframes of one rule with one distance that take the place of human ones; keyframes
        that it does not mention stay human. Where the selection of one failed, all three of
        the clip are the human ones.
    coder : str, optional
        Whose coding to take, where clips have several.
    usable : sequence of str
        Statuses of human keyframes that may be read.

    Returns
    -------
    dict
        Clip to `Triple`; without clips that have no human rows.

    Raises
    ------
    OptionError
        Several codings of a clip, several rules in the table, or a table of other clips.
    MixedDataError
        Real keyframes for a simulated cohort, or the other way round.
    """
    human = one_coding(cohort, coder)
    own_frames = human["frame"].where(human["status"].isin(usable))
    by_clip = _by_clip(human.assign(used=own_frames))
    if keyframes is None:
        return {clip: Triple(_in_order(own), HUMAN, "") for clip, own in by_clip.items()}
    chosen = one_source(keyframes, coder)
    _refuse_other_data(cohort, chosen)
    source = str(chosen["source"].iloc[0]) if len(chosen) else HUMAN
    selected = _by_clip(chosen)
    status = chosen.groupby("clip", sort=False)["status"].agg(_worst).to_dict()
    triples = {}
    for clip, own in by_clip.items():
        found = selected.get(clip, {})
        whole = bool(found) and not any(np.isnan(list(found.values())))
        frames = _in_order({**own, **found} if whole else own)
        triples[clip] = Triple(frames, source if whole else HUMAN, status.get(clip, "absent"))
    return triples


def one_coding(cohort: Cohort, coder: str | None) -> pd.DataFrame:
    """Human keyframes of one coder.

    Raises
    ------
    OptionError
        No such coder, or clips that were coded more than once.
    """
    human = cohort.keyframes[cohort.keyframes["source"] == HUMAN]
    if coder is not None:
        known = sorted(set(human["coder"]))
        human = human[human["coder"] == coder]
        if human.empty:
            raise OptionError(
                f"{cohort.name} has no coder {coder!r} (coders: {listed(known) or 'none'})."
            )
    if human.duplicated(["clip", "keyframe"]).any():
        raise OptionError(
            f"{cohort.name} has clips that were coded more than once (coders: "
            f"{listed(sorted(set(human['coder'])))}); name one with coder, one pass each."
        )
    return human


def nearest(numbers: np.ndarray, frame: float) -> int:
    """The nearest number; of two as near, the earlier.

    >>> nearest(np.array([1, 3, 4]), 2.0)
    1
    """
    return int(numbers[np.argmin(np.abs(numbers - frame))])


def _refuse_other_data(cohort: Cohort, chosen: pd.DataFrame) -> None:
    names = [name for name in chosen["dataset"].unique() if name not in ("data", cohort.name)]
    if names and any(tables.is_simulated(name) != cohort.simulated for name in names):
        raise MixedDataError(
            f"the keyframes are of {listed(names)}, the images of {cohort.name}; real and "
            f"simulated data do not mix."
        )
    if names or not chosen["clip"].isin(cohort.clips["clip"]).any():
        raise OptionError(
            f"the keyframes ({listed(chosen['clip'].unique(), 2)}, of {listed(names) or 'data'}) "
            f"are not of {cohort.name}; select them on this cohort."
        )


def _by_clip(rows: pd.DataFrame) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for clip, keyframe, frame in zip(rows["clip"], rows["keyframe"], rows["used"], strict=True):
        found.setdefault(clip, {})[keyframe] = float(frame)
    return found


def _in_order(frames: Mapping[str, float]) -> tuple[float, ...]:
    return tuple(frames.get(keyframe, float("nan")) for keyframe in tables.KEYFRAMES)


def _worst(status: pd.Series) -> str:
    return max(map(str, status), key=lambda s: tables.SELECTED_STATUS.index(s)
               if s in tables.SELECTED_STATUS else len(tables.SELECTED_STATUS))  # fmt: skip
