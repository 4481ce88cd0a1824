"""A cohort: clips, their keyframes, and where their frames come from."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from mebias import tables
from mebias.manifests import Manifest


class FrameSource(Protocol):
    """Where frames come from: a folder of images, or a simulation.

    Must survive pickling, so that worker processes can read on their own.
    """

    def numbers(self, clip: str) -> np.ndarray:
        """Numbers of the frames that exist for a clip, ascending int64."""
        ...

    def read(self, clip: str, number: int) -> np.ndarray:
        """One frame, uint8, (height, width) grey or (height, width, 3) BGR.

        Raises
        ------
        FrameError
            The frame is missing, truncated or of an unexpected kind.
        """
        ...


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

    @property
    def simulated(self) -> bool:
        """Whether this cohort was made, not recorded."""
        return tables.is_simulated(self.name)

    @property
    def name(self) -> str:
        """The dataset name that stands in every table."""
        return str(self.clips["dataset"].iloc[0]) if len(self.clips) else self.manifest.id

    def __len__(self) -> int:
        return len(self.clips)

    def __repr__(self) -> str:
        groups = sorted(self.clips["ethnicity"].unique())
        frames = "with frames" if self.frames is not None else "annotations only"
        return (
            f"Cohort({self.name}: {len(self.clips)} clips, "
            f"{self.clips['subject'].nunique()} subjects, groups {', '.join(groups)}, {frames})"
        )

    def _repr_html_(self) -> str:
        head = self.clips.head(5).to_html(index=False, border=0)
        return f"<p><b>{html.escape(repr(self))}</b></p>{head}"
