"""Keyframes of all sources, decoded once and averaged to the size of the maps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import cv2
import numpy as np

from mebias import tables
from mebias.cohort import FrameSource
from mebias.errors import FrameError, UnusableClipError, counted, listed
from mebias.recognition import flow
from mebias.recognition.stored import FINE, Stored
from mebias.recognition.triples import Triple, nearest

FINE_UP_TO = 64
"""Frames averaged to at most this size (pixels) keep fractions of a gray level."""


class Reader:
    """Reads what clips need, each frame once, and keeps it small.

    Parameters
    ----------
    frames : FrameSource
        Where frames come from.
    kind : str
        difference or flow.
    size : int
        Height and width of the maps (pixels).
    color : bool
        Keep three channels instead of gray.
    """

    def __init__(self, frames: FrameSource, kind: str, size: int, color: bool) -> None:
        self._source, self._size = frames, (size, size)
        self._flow, self._color = kind == "flow", color
        self._fine = size <= FINE_UP_TO
        self._frames: list[np.ndarray] = []
        self._flows: list[np.ndarray] = []
        self._places: dict[str, list[list[int]]] = {}
        self._pairs: dict[str, list[list[int]]] = {}
        self._moved: dict[str, int] = {}
        self._unusable: list[str] = []

    def add(self, clip: str, triples: Mapping[str, Triple], skip: bool) -> str:
        """Read one clip.

        Parameters
        ----------
        clip : str
            Which clip; it has frames.
        triples : mapping
            Source to onset, apex and offset, none of them missing.
        skip : bool
            Go on where an image cannot be read.

        Returns
        -------
        str
            Empty, or the reason in a word where the clip cannot be used.

        Raises
        ------
        FrameError
            An image cannot be read.
        """
        numbers = self._source.numbers(clip)
        chosen = {name: [nearest(numbers, f) for f in t.frames] for name, t in triples.items()}
        try:
            images = self._read(clip, sorted({n for own in chosen.values() for n in own}))
            small = {n: self._small(image) for n, image in images.items()}
            flows = self._flows_of(images, chosen) if self._flow else {}
        except FrameError as error:
            if not (skip or isinstance(error, UnusableClipError)):
                raise
            self._unusable.append(f"{clip}: {str(error).rstrip('.')}")
            return "unusable"
        at = {n: len(self._frames) + i for i, n in enumerate(small)}
        self._frames += small.values()
        flow_at = {pair: len(self._flows) + i for i, pair in enumerate(flows)}
        self._flows += flows.values()
        for name, own in chosen.items():
            self._places.setdefault(name, []).append([at[n] for n in own])
            if flows:
                pairs = [flow_at[own[0], own[1]], flow_at[own[2], own[1]]]
                self._pairs.setdefault(name, []).append(pairs)
        far = [abs(n - f) for name, own in chosen.items()
               for n, f in zip(own, triples[name].frames, strict=True)]  # fmt: skip
        if max(far):
            self._moved[clip] = int(max(far))
        return ""

    def _read(self, clip: str, numbers: Iterable[int]) -> dict[int, np.ndarray]:
        images = {n: self._source.read(clip, n) for n in numbers}
        shapes = sorted({image.shape[:2] for image in images.values()})
        if len(shapes) > 1:
            raise UnusableClipError(f"its keyframes differ in size ({listed(shapes)})")
        return images

    def _small(self, image: np.ndarray) -> np.ndarray:
        """A frame averaged to the size of the maps, (C, H, W)."""
        gray = flow.to_gray(image)  # also refuses what is no 8-bit image
        if self._color:
            whole = image if image.ndim == 3 else cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR)
            planes = np.ascontiguousarray(whole[:, :, ::-1])
        else:
            planes = gray
        if not self._fine:
            small = flow.averaged(planes, self._size)
        else:
            exact = flow.averaged(planes.astype(np.float32), self._size)
            small = np.rint(exact * FINE).astype(np.int16)
        return small[None] if small.ndim == 2 else np.ascontiguousarray(small.transpose(2, 0, 1))

    def _flows_of(
        self, images: Mapping[int, np.ndarray], chosen: Mapping[str, Sequence[int]]
    ) -> dict[tuple[int, int], np.ndarray]:
        gray = {n: flow.flow_frame(image) for n, image in images.items()}
        pairs = {(end, own[1]) for own in chosen.values() for end in (own[0], own[2])}
        return {(a, b): flow.flow_maps(gray[a], gray[b], self._size) for a, b in sorted(pairs)}

    def stored(self) -> Stored:
        """What was read."""
        return Stored(
            np.stack(self._frames),
            {name: np.array(own) for name, own in self._places.items()},
            np.stack(self._flows) if self._flow else None,
            {name: np.array(own) for name, own in self._pairs.items()},
        )

    def issues(self, dataset: str) -> list[dict[str, object]]:
        """Frames that stand in for missing ones, and images that cannot be used."""
        rows = [
            tables.issue(
                "warning",
                f"{text}; the clip is left out of all arms.",
                dataset=dataset,
                clip=text.partition(":")[0],
                check="inputs",
            )
            for text in self._unusable
        ]
        if self._moved:
            far, clips = max(self._moved.values()), counted(len(self._moved), "clip")
            rows.append(
                tables.issue(
                    "note",
                    f"in {clips} a keyframe is not on disk, and the nearest frame is read, at "
                    f"most {counted(far, 'frame')} away ({listed(self._moved)}).",
                    dataset=dataset,
                    found=clips,
                    check="inputs",
                )
            )
        return rows
