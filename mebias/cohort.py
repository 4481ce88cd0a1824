"""A cohort: clips, their keyframes, and where their frames come from."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, overload

import numpy as np
import pandas as pd

from mebias import tables
from mebias.errors import FrameError, OptionError, counted, suggest
from mebias.manifests import Manifest


class FrameSource(Protocol):
    """Where frames come from: a folder of images, or a simulation.

    Must survive pickling, so that worker processes can read on their own. Two attributes are
    optional: ``concurrent``, True where several threads may read at once, and
    ``fingerprint(clip, numbers) -> str``, which tells frames from all others without decoding
    them: only what has one is kept in a cache.
    """

    def numbers(self, clip: str) -> np.ndarray:
        """Numbers of the frames that exist for a clip, ascending int64."""
        ...

    def read(self, clip: str, number: int) -> np.ndarray:
        """One frame, uint8, (height, width) gray or (height, width, 3) BGR.

        Raises
        ------
        FrameError
            The frame is missing, truncated or of an unexpected kind.
        """
        ...


class Film(Sequence[np.ndarray]):
    """The frames of one clip in order; nothing is read before it is asked for.

    Parameters
    ----------
    frames : FrameSource
        Where they come from.
    clip : str
        Which clip.

    Examples
    --------
    >>> import mebias
    >>> cohort = mebias.simulate("4dme", n_subjects=3, n_clips=3, size=(16, 16))
    >>> film = cohort.film("s01/s01_01")
    >>> film[0].shape, len(film) == len(film.numbers)
    ((16, 16), True)
    """

    def __init__(self, frames: FrameSource, clip: str) -> None:
        self._frames = frames
        self.clip = clip
        self.numbers = frames.numbers(clip)

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, place: int) -> np.ndarray: ...

    @overload
    def __getitem__(self, place: slice) -> list[np.ndarray]: ...

    def __getitem__(self, place: int | slice) -> np.ndarray | list[np.ndarray]:
        if isinstance(place, slice):
            return [self.at(int(number)) for number in self.numbers[place]]
        return self.at(int(self.numbers[place]))

    def at(self, number: int) -> np.ndarray:
        """The frame of a number, as the labels count."""
        return self._frames.read(self.clip, number)

    def nearest(self, number: float) -> int:
        """The number of the nearest frame that exists; of two, the earlier one.

        Raises
        ------
        FrameError
            The clip has no frames.
        """
        if not len(self.numbers):
            raise FrameError(f"clip {self.clip} has no frames on disk.")
        return int(self.numbers[np.abs(self.numbers - number).argmin()])


@dataclass(frozen=True)
class Cohort:
    """A dataset as loaded or simulated.

    Attributes
    ----------
    manifest : Manifest
        The dataset's card.
    clips, keyframes : DataFrame
        As declared in `mebias.tables`; the keyframes have the source ``human``.
    issues : DataFrame
        What was noticed while loading.
    frames : FrameSource or None
        None where only annotations are at hand.
    truth : DataFrame or None
        In simulations: a keyframes table with source ``truth``, real-valued frames.
    planted : DataFrame or None
        In simulations: ethnicity, keyframe, error_ms, the coders' planted mean error.
    settings : mapping
        What the cohort came from, for provenance (JSON types only).
    root : Path or None
        Folder that it was read from.
    cells, blinks : DataFrame or None
        Where each human keyframe stands in the authors' file; eye blinks that they list. As
        declared in `mebias.tables`.
    boxes : DataFrame or None
        The box that each clip's frames are cut to, where they are.
    """

    manifest: Manifest
    clips: pd.DataFrame
    keyframes: pd.DataFrame
    issues: pd.DataFrame
    frames: FrameSource | None = None
    truth: pd.DataFrame | None = None
    planted: pd.DataFrame | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    root: Path | None = None
    cells: pd.DataFrame | None = None
    blinks: pd.DataFrame | None = None
    boxes: pd.DataFrame | None = None

    @property
    def simulated(self) -> bool:
        """Whether this cohort was made, not recorded."""
        return tables.is_simulated(self.name)

    @property
    def name(self) -> str:
        """The dataset name that stands in every table."""
        return str(self.clips["dataset"].iloc[0]) if len(self.clips) else self.manifest.id

    def film(self, clip: str) -> Film:
        """The frames of a clip, as a lazy sequence.

        Raises
        ------
        OptionError
            There are no frames, or no such clip.
        """
        if self.frames is None:
            raise OptionError(f"{self.name} was read without frames.")
        if clip not in set(self.clips["clip"]):
            raise OptionError(
                f"{self.name} has no clip {clip!r}{suggest(clip, self.clips['clip'])}"
            )
        return Film(self.frames, clip)

    def __len__(self) -> int:
        return len(self.clips)

    def __repr__(self) -> str:
        groups = sorted(self.clips["ethnicity"].unique())
        frames = "with frames" if self.frames is not None else "annotations only"
        return (
            f"Cohort({self.name}: {counted(len(self.clips), 'clip')}, "
            f"{counted(self.clips['subject'].nunique(), 'subject')}, "
            f"groups {', '.join(groups)}, {frames})"
        )

    def _repr_html_(self) -> str:
        head = self.clips.head(5).to_html(index=False, border=0, float_format="{:g}".format)
        return f"<p><b>{html.escape(repr(self))}</b></p>{head}"
