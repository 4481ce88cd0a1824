"""Inputs of a recognizer: maps of rise and fall, one set for each source of keyframes.

Each needed frame is decoded once and averaged to the size of the maps, over all sources:
keyframes of different rules are often the same frame, and no epoch decodes again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mebias import tables
from mebias.cohort import Cohort, FrameSource
from mebias.errors import MixedDataError, OptionError, counted, listed
from mebias.recognition import flow
from mebias.recognition.decoded import Reader
from mebias.recognition.stored import Store, Stored, joined
from mebias.recognition.triples import ABSENT, Labels, Triple, class_scheme, triples_of

KINDS = ("difference", "flow")
"""Signed differences of frames (gray levels), or dense optical flow (pixels)."""
COLUMNS = ("dataset", "clip", "subject", "ethnicity", "label")
_REASONS = {
    "emotion": "their emotion is in no class",
    "keyframe": "an onset, apex or offset is missing",
    "frames": "no frame of theirs is on disk",
    "unusable": "their images cannot be used",
}


@dataclass(frozen=True)
class Inputs:
    """Clips with their classes, and maps for each source of keyframes.

    Attributes
    ----------
    clips : DataFrame
        dataset, clip, subject, ethnicity, label (the class, as text); in every source the
        same clips in the same order.
    classes : tuple of str
        All classes, sorted.
    channels : tuple of str
        What each channel of a map holds.
    kind : str
        ``difference``, ``flow``, or ``given`` for maps from a file.
    issues : DataFrame
        Clips that were left out, and keyframes that another frame stands in for.
    store : Stored or Given
        What maps are made from.
    """

    clips: pd.DataFrame
    classes: tuple[str, ...]
    channels: tuple[str, ...]
    kind: str
    issues: pd.DataFrame
    store: Store

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def sources(self) -> tuple[str, ...]:
        """Whose keyframes there are maps for."""
        return self.store.sources

    @property
    def labels(self) -> np.ndarray:
        """Place of each clip's class among ``classes``, int64."""
        places = {name: place for place, name in enumerate(self.classes)}
        return np.array([places[label] for label in self.clips["label"]], dtype=np.int64)

    @property
    def people(self) -> np.ndarray:
        """Dataset and subject of each clip: subjects of two datasets are two persons."""
        return people(self.clips)

    @property
    def mirrored(self) -> tuple[int, ...]:
        """Channels whose sign turns when a face is mirrored left to right."""
        return tuple(i for i, name in enumerate(self.channels) if name == "u")

    def maps(self, source: str, rows: np.ndarray | None = None) -> np.ndarray:
        """Maps of clips under one source of keyframes.

        Parameters
        ----------
        source : str
            One of ``sources``.
        rows : ndarray of int, optional
            Which clips; all by default.

        Returns
        -------
        ndarray of float32, shape (n_clips, branches, channels, height, width)
            The rising map, apex minus onset, then the falling one, apex minus offset: gray
            levels; or flow from onset to apex, and from offset to apex: pixels.

        Raises
        ------
        OptionError
            No such source.
        """
        return self.store.maps(self._known(source), self._rows(rows))

    def context(self, source: str, rows: np.ndarray | None = None) -> np.ndarray:
        """Frames that go with the maps: onset with the rising one, apex with the falling one.

        Returns
        -------
        ndarray of float32, shape (n_clips, 2, channels, height, width)
            Gray levels; three channels (red, green, blue) in color, else one.

        Raises
        ------
        OptionError
            No such source, or maps from a file, which holds no frames.
        """
        return self.store.context(self._known(source), self._rows(rows))

    def _rows(self, rows: np.ndarray | None) -> np.ndarray:
        return np.arange(len(self)) if rows is None else np.asarray(rows)

    def _known(self, source: str) -> str:
        if source not in self.sources:
            raise OptionError(
                f"there are no maps of {source!r} (there are: {listed(self.sources)})."
            )
        return source

    def __repr__(self) -> str:
        return (
            f"Inputs({len(self)} clips, {len(set(self.people))} subjects, {self.kind}, classes "
            f"{', '.join(self.classes)}, keyframes of {listed(self.sources)})"
        )


def people(clips: pd.DataFrame) -> np.ndarray:
    """Who each row is about: dataset and subject together, as text."""
    return np.asarray(clips["dataset"].astype(str) + "/" + clips["subject"].astype(str))


def make_inputs(
    cohort: Cohort,
    sources: Mapping[str, pd.DataFrame | None],
    *,
    kind: str = "difference",
    size: int = 28,
    color: bool = False,
    labels: Labels = None,
    coder: str | None = None,
    skip_bad_frames: bool = False,
    progress: bool = False,
) -> Inputs:
    """Decode the keyframes of all sources once, and keep what maps are made from.

    Parameters
    ----------
    cohort : Cohort
        With frames.
    sources : mapping
        Name of a source to its keyframes table; None for the human keyframes. See
        `mebias.recognition.arms`.
    kind : {"difference", "flow"}
        Signed differences of frames, or optical flow with its strain.
    size : int
        Height and width of the maps (pixels).
    color : bool
        Three channels for differences and context (red, green, blue) instead of gray.
    labels : str or mapping, optional
        A class scheme of the manifest, or a mapping from emotion to class; emotions that it
        does not name are left out. Without it every emotion is a class.
    coder : str, optional
        Whose coding to take, where clips have several.
    skip_bad_frames : bool
        Leave clips with an unreadable image out, instead of stopping there.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    Inputs
        Clips that lack a keyframe in one source are left out of all, so that all are of the
        same clips; ``issues`` says which. Where a selection failed, the clip's three human
        frames stand in; where a frame is not on disk, the nearest one; both are counted there.

    Raises
    ------
    OptionError
        No frames, no source, no clip left, or an option without meaning.
    FrameError
        An image cannot be read.
    MixedDataError
        Real keyframes for a simulated cohort, or the other way round.

    Examples
    --------
    >>> import mebias
    >>> cohort = mebias.simulate("4dme", n_subjects=4, n_clips=6, size=(48, 48))
    >>> selected = mebias.reselect(cohort, rule="gamdss")
    >>> inputs = make_inputs(cohort, {"human": None, "gamdss": selected})
    >>> inputs.maps("gamdss").shape, inputs.maps("gamdss").dtype
    ((6, 2, 1, 28, 28), dtype('float32'))
    """
    _check(cohort, sources, kind, size)
    assert cohort.frames is not None
    scheme = class_scheme(cohort, labels)
    asked = {name: triples_of(cohort, t, coder, tables.PLACED) for name, t in sources.items()}
    reader = Reader(cohort.frames, kind, size, color)
    left_out: dict[str, list[str]] = {name: [] for name in _REASONS}
    kept: list[dict[str, str]] = []
    for about in _bar(cohort.clips.to_dict("records"), progress):
        clip = str(about["clip"])
        triples = {name: own.get(clip, ABSENT) for name, own in asked.items()}
        label = scheme.get(str(about["emotion"]).casefold())
        reason = _unfit(label, triples, cohort.frames, clip)
        if not reason:
            reason = reader.add(clip, triples, skip_bad_frames)
        if reason:
            left_out[reason].append(clip)
        else:
            kept.append({**{c: str(about[c]) for c in COLUMNS[:4]}, "label": str(label)})
    rows = [*_left_out_rows(cohort.name, left_out), *reader.issues(cohort.name)]
    if not kept:
        why = [f"{len(c)}, as {_REASONS[name]}" for name, c in left_out.items() if c]
        raise OptionError(f"{cohort.name} has no clip to learn from: left out are {listed(why)}.")
    rows += _fallen_back(cohort.name, asked, {row["clip"] for row in kept})
    clips = pd.DataFrame(kept, columns=list(COLUMNS))
    clips["ethnicity"] = clips["ethnicity"].where(clips["ethnicity"] != "", tables.UNKNOWN)
    return Inputs(
        clips=clips,
        classes=tuple(sorted(set(scheme.values()))),
        channels=_channels(kind, color),
        kind=kind,
        issues=tables.from_rows(rows, "issues"),
        store=reader.stored(),
    )


def join_inputs(several: Sequence[Inputs]) -> Inputs:
    """Inputs of several datasets as one, for the composite protocols.

    Parameters
    ----------
    several : sequence of Inputs
        Made by `make_inputs` alike: same sources, classes, kind, size and channels.

    Raises
    ------
    OptionError
        They were made differently, or hold a dataset twice.
    MixedDataError
        Real and simulated data.
    """
    first = several[0]
    for other in several[1:]:
        if other.classes != first.classes:
            raise OptionError(
                f"inputs with the classes {listed(first.classes)} and {listed(other.classes)} "
                f"cannot be joined; give both the same class scheme."
            )
    clips = pd.concat([inputs.clips for inputs in several], ignore_index=True)
    if clips.duplicated(["dataset", "clip"]).any():
        raise OptionError("the inputs to be joined hold a dataset twice; give each once.")
    if len({tables.is_simulated(name) for name in clips["dataset"]}) > 1:
        raise MixedDataError("the inputs are of real and of simulated data, which do not mix.")
    stores = [inputs.store for inputs in several if isinstance(inputs.store, Stored)]
    if len(stores) < len(several):
        raise OptionError("maps from a file cannot be joined with others; join the files.")
    return Inputs(
        clips=clips,
        classes=first.classes,
        channels=first.channels,
        kind=first.kind,
        issues=pd.concat([inputs.issues for inputs in several], ignore_index=True),
        store=joined(stores),
    )


def _check(
    cohort: Cohort, sources: Mapping[str, pd.DataFrame | None], kind: str, size: int
) -> None:
    if cohort.frames is None:
        raise OptionError(f"{cohort.name} was loaded without frames, so no image can be read.")
    if not sources:
        raise OptionError("there is no source of keyframes; expected one or more, such as human.")
    if kind not in KINDS:
        raise OptionError(f"kind is {kind!r}; expected {' or '.join(KINDS)}.")
    if not 2 <= size <= 1024:
        raise OptionError(f"size is {size}; expected 2 to 1024 pixels.")


def _unfit(label: str | None, triples: Mapping[str, Triple], frames: FrameSource, clip: str) -> str:
    """Why a clip has no place among the inputs, in a word; empty where it has."""
    if label is None:
        return "emotion"
    if not all(triple.whole for triple in triples.values()):
        return "keyframe"
    return "" if len(frames.numbers(clip)) else "frames"


def _channels(kind: str, color: bool) -> tuple[str, ...]:
    if kind == "flow":
        return flow.CHANNELS
    return ("red", "green", "blue") if color else ("gray",)


def _left_out_rows(dataset: str, left_out: Mapping[str, list[str]]) -> list[dict[str, object]]:
    return [
        tables.issue(
            "note" if name == "emotion" else "warning",
            f"{counted(len(clips), 'clip is', 'clips are')} left out of all arms, as "
            f"{_REASONS[name]} ({listed(clips)}).",
            dataset=dataset,
            field=name,
            found=counted(len(clips), "clip"),
            check="inputs",
        )
        for name, clips in left_out.items()
        if clips
    ]


def _fallen_back(
    dataset: str, asked: Mapping[str, Mapping[str, Triple]], kept: set[str]
) -> list[dict[str, object]]:
    rows = []
    for name, triples in asked.items():
        clips = [clip for clip, triple in triples.items() if triple.fell_back and clip in kept]
        if clips:
            rows.append(
                tables.issue(
                    "note",
                    f"{name}: in {len(clips)} of {counted(len(kept), 'clip')} nothing was "
                    f"selected, and the human keyframes are used ({listed(clips)}).",
                    dataset=dataset,
                    field=name,
                    found=f"{len(clips)} of {counted(len(kept), 'clip')}",
                    check="inputs",
                )
            )
    return rows


def _bar(rows: list[Any], progress: bool) -> Iterable[dict[str, Any]]:
    if not progress:
        return rows
    from tqdm.auto import tqdm

    bar: Iterable[dict[str, Any]] = tqdm(rows, desc="reading keyframes", unit="clip")
    return bar
