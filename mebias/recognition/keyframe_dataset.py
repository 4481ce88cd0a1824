"""A torch dataset of keyframes, human or re-selected, for existing training code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.utils.data import Dataset

from mebias import tables
from mebias.cohort import Cohort, FrameSource
from mebias.errors import FrameError, OptionError, listed, suggest
from mebias.recognition.triples import (
    ABSENT,
    HUMAN,
    Labels,
    Triple,
    class_scheme,
    nearest,
    triples_of,
)

Transform = Callable[[torch.Tensor], torch.Tensor]


class KeyframeDataset(Dataset[dict[str, Any]]):
    """Onset, apex and offset images of each clip, with human or re-selected keyframes.

    An item is a dict: ``onset``, ``apex``, ``offset`` (uint8 tensors of shape (channels,
    height, width), as stored: 1 channel for gray, 3 for color, in the order red, green,
    blue), ``label`` (place in ``classes``), ``clip``, ``subject`` and ``source`` (``human``,
    or the rule that chose the keyframes).

    Where a re-selection failed, all three keyframes of the clip are the human ones. Where a
    frame is not on disk, the nearest one is read. Both are counted in ``report``.

    Parameters
    ----------
    cohort : Cohort
        With frames.
    keyframes : DataFrame, optional
        Keyframes of one rule with one distance that take the place of human ones; keyframes
        that it does not mention stay human. Without it all are human.
    labels : str or mapping, optional
        A class scheme of the manifest, or a mapping from emotion to class; emotions that it
        does not name are left out. Without it every emotion is a class.
    subjects : iterable of str, optional
        Only these subjects; ``classes`` stay those of the whole cohort.
    coder : str, optional
        Whose coding to take, where clips have several.
    transform : callable, optional
        Given the three images as one tensor (3, channels, height, width), so that a random
        crop or flip is the same for all; returns a tensor of three.

    Attributes
    ----------
    classes : tuple of str
        Class names by label.
    items : DataFrame
        One row per item: dataset, clip, subject, emotion, label, source, status (of the
        selection: selected, truncated, failed, ..., absent), onset, apex, offset (numbers of
        the frames that are read), moved (frames by which the farthest was missing).
    report : DataFrame
        What became of the clips: outcome, n_clips, clips.

    Raises
    ------
    OptionError
        The cohort has no frames or no clip with all three keyframes, the scheme or a subject
        is unknown, or clips have several coders.
    MixedDataError
        Real keyframes for a simulated cohort, or the other way round.

    Examples
    --------
    >>> import mebias
    >>> cohort = mebias.simulate("4dme", n_subjects=5, n_clips=8, size=(32, 32))
    >>> selected = mebias.reselect(cohort, rule="gamdss")
    >>> data = KeyframeDataset(cohort, selected)
    >>> data[0]["apex"].shape, data[0]["source"]
    (torch.Size([1, 32, 32]), 'gamdss')
    >>> train, test = data.split(data.subjects[0])
    >>> sorted(set(train.items["source"])), sorted(set(test.items["source"]))
    (['gamdss'], ['human'])
    """

    def __init__(
        self,
        cohort: Cohort,
        keyframes: pd.DataFrame | None = None,
        *,
        labels: Labels = None,
        subjects: Iterable[str] | None = None,
        coder: str | None = None,
        transform: Transform | None = None,
    ) -> None:
        if cohort.frames is None:
            raise OptionError(f"{cohort.name} was loaded without frames, so no image can be read.")
        self.cohort, self.keyframes, self.labels = cohort, keyframes, labels
        self.coder, self.transform = coder, transform
        self._frames = cohort.frames
        scheme = class_scheme(cohort, labels)
        self.classes = tuple(dict.fromkeys(scheme.values()))
        clips = _of_subjects(cohort, subjects)
        triples = triples_of(cohort, keyframes, coder)
        rows, outcomes = _items(clips, triples, scheme, self.classes, cohort.frames)
        self.items = pd.DataFrame(rows, columns=_COLUMNS)
        self.report = _report(outcomes)
        if subjects is None and not rows:
            why = [f"{len(own)} {_OUTCOMES[name]}" for name, own in outcomes.items() if own]
            raise OptionError(f"{cohort.name} has no clip to read: {listed(why)}.")

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = self.items.iloc[index]
        images = [_tensor(self._frames.read(row["clip"], n)) for n in self.frames_of(index)]
        if self.transform is not None:
            images = list(self.transform(_stacked(images, str(row["clip"]))))
        named = dict(zip(tables.KEYFRAMES, images, strict=True))
        texts = {name: str(row[name]) for name in ("clip", "subject", "source")}
        return {**named, "label": int(row["label"]), **texts}

    def frames_of(self, index: int) -> tuple[int, int, int]:
        """Numbers of the onset, apex and offset frames that are read for an item."""
        onset, apex, offset = (int(self.items[name].iloc[index]) for name in tables.KEYFRAMES)
        return onset, apex, offset

    @property
    def subjects(self) -> list[str]:
        """Subjects that have an item, sorted."""
        return sorted(set(self.items["subject"]))

    def split(self, test_subject: str) -> tuple[KeyframeDataset, KeyframeDataset]:
        """Leave one subject out: re-selected keyframes to train on, human ones to test with.

        As the published protocol does; labels mean the same classes in both.

        Raises
        ------
        OptionError
            The subject has no item here.
        """
        if test_subject not in self.subjects:
            raise OptionError(
                f"subject {test_subject!r} has no clip here (subjects: {listed(self.subjects, 8)})"
                f"{suggest(test_subject, self.subjects)}."
            )
        rest = [subject for subject in self.subjects if subject != test_subject]
        return self._part(self.keyframes, rest), self._part(None, [test_subject])

    def _part(self, keyframes: pd.DataFrame | None, subjects: list[str]) -> KeyframeDataset:
        return KeyframeDataset(
            self.cohort,
            keyframes,
            labels=self.labels,
            subjects=subjects,
            coder=self.coder,
            transform=self.transform,
        )


_COLUMNS = ["dataset", "clip", "subject", "emotion", "label", "source", "status",
            *tables.KEYFRAMES, "moved"]  # fmt: skip


def _of_subjects(cohort: Cohort, subjects: Iterable[str] | None) -> pd.DataFrame:
    if subjects is None:
        return cohort.clips
    wanted, known = list(subjects), sorted(set(cohort.clips["subject"]))
    unknown = [subject for subject in wanted if subject not in known]
    if unknown:
        raise OptionError(
            f"{cohort.name} has no subject {listed(unknown)} (subjects: {listed(known, 8)})"
            f"{suggest(str(unknown[0]), known)}."
        )
    return cohort.clips[cohort.clips["subject"].isin(wanted)]


def _items(
    clips: pd.DataFrame,
    triples: Mapping[str, Triple],
    scheme: Mapping[str, str],
    classes: tuple[str, ...],
    frames: FrameSource,
) -> tuple[list[dict[str, object]], dict[str, list[str]]]:
    rows: list[dict[str, object]] = []
    outcomes: dict[str, list[str]] = {name: [] for name in _OUTCOMES}
    for clip in clips.to_dict("records"):
        name = str(clip["clip"])
        triple = triples.get(name, ABSENT)
        numbers = frames.numbers(name)
        kind = scheme.get(str(clip["emotion"]).casefold())
        left_out = _left_out(kind, triple, numbers)
        if left_out:
            outcomes[left_out].append(name)
            continue
        on_disk = [nearest(numbers, frame) for frame in triple.frames]
        moved = max(abs(n - f) for n, f in zip(on_disk, triple.frames, strict=True))
        own = {key: clip[key] for key in ("dataset", "clip", "subject", "emotion")}
        named = dict(zip(tables.KEYFRAMES, on_disk, strict=True))
        rows.append({**own, "label": classes.index(str(kind)), "source": triple.source,
                     "status": triple.status, **named, "moved": int(moved)})  # fmt: skip
        read = "swapped" if triple.source != HUMAN else "fell back" if triple.fell_back else "human"
        outcomes[read].append(name)
        if moved:
            outcomes["nearest"].append(name)
    return rows, outcomes


_OUTCOMES = {
    "swapped": "read with selected keyframes",
    "human": "read with human keyframes",
    "fell back": "read with human keyframes, as the selection failed or is absent",
    "nearest": "of those read: nearest frame on disk in place of one that is missing",
    "emotion": "left out: emotion is in no class",
    "keyframe": "left out: an onset, apex or offset is missing",
    "frames": "left out: no frames on disk",
}


def _left_out(kind: str | None, triple: Triple, numbers: np.ndarray) -> str:
    if kind is None:
        return "emotion"
    if not triple.whole:
        return "keyframe"
    return "" if len(numbers) else "frames"


def _report(outcomes: Mapping[str, list[str]]) -> pd.DataFrame:
    rows = [
        {"outcome": _OUTCOMES[name], "n_clips": len(clips), "clips": listed(clips, 10)}
        for name, clips in outcomes.items()
    ]
    return pd.DataFrame(rows, columns=["outcome", "n_clips", "clips"])


def _tensor(image: np.ndarray) -> torch.Tensor:
    """Channels first; red, green, blue where there are colors."""
    channels = image[None] if image.ndim == 2 else image[:, :, ::-1].transpose(2, 0, 1)
    return torch.from_numpy(np.ascontiguousarray(channels))


def _stacked(images: list[torch.Tensor], clip: str) -> torch.Tensor:
    shapes = {tuple(image.shape) for image in images}
    if len(shapes) > 1:
        raise FrameError(
            f"clip {clip}: its keyframes differ in size ({listed(sorted(shapes))}), so that they "
            f"cannot be transformed as one; crop the frames to one size."
        )
    return torch.stack(images)
