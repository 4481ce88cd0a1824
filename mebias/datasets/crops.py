"""What is done to frames before anyone measures them: one box per clip, regions blanked.

A box is fixed for a whole clip, never found frame by frame: a box that moves with the
detector's noise would add motion that no face made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mebias import tables
from mebias.cohort import FrameSource
from mebias.datasets import cells
from mebias.datasets.workbook import find_table
from mebias.errors import (
    AnnotationError,
    FrameError,
    OptionError,
    UnusableClipError,
    listed,
    per_cent,
)
from mebias.provenance import file_hash

Box = tuple[int, int, int, int]
Row = dict[str, object]

MARGIN = 0.1
"""Share of a detected face's width and height that is added on each side."""
MASKS: Mapping[str, tuple[float, float, float, float]] = {
    "eyes": (0.05, 0.18, 0.95, 0.48),
    "mouth": (0.15, 0.60, 0.85, 1.00),
}
"""Regions of a box as left, top, right, bottom: eyes are blanked, all but the mouth is."""
_DETECTION_SIDE = 480
_UNCROPPED = 0.5


@dataclass(frozen=True)
class Prepared:
    """Frames after cropping and masking, and what was done."""

    frames: FrameSource
    boxes: pd.DataFrame
    issues: list[Row]
    description: str


class PreparedFrames:
    """Frames of another source, cut to a box per clip and masked.

    Parameters
    ----------
    source : FrameSource
        Where frames come from.
    boxes : mapping
        Clip to (x, y, width, height) in pixels; clips that are not in it stay whole.
    mask : str, optional
        A name in `MASKS`.
    """

    def __init__(self, source: FrameSource, boxes: Mapping[str, Box], mask: str | None) -> None:
        self.source = source
        self.boxes = dict(boxes)
        self.mask = mask

    @property
    def concurrent(self) -> bool:
        """Whether several threads may read the frames of one clip: as the source's."""
        return bool(getattr(self.source, "concurrent", False))

    def fingerprint(self, clip: str, numbers: Sequence[int]) -> str:
        """As the source's, and what is done to the frames; empty where the source has none."""
        told = getattr(self.source, "fingerprint", None)
        found = told(clip, numbers) if told is not None else ""
        return f"{found} {self.boxes.get(clip)} {self.mask}" if found else ""

    def numbers(self, clip: str) -> np.ndarray:
        """As the source's."""
        return self.source.numbers(clip)

    def read(self, clip: str, number: int) -> np.ndarray:
        """A frame, cut and masked.

        Raises
        ------
        FrameError
            The frame cannot be read.
        UnusableClipError
            The box reaches beyond it.
        """
        frame = self.source.read(clip, number)
        box = self.boxes.get(clip)
        if box is not None:
            x, y, w, h = box
            if x + w > frame.shape[1] or y + h > frame.shape[0]:
                raise UnusableClipError(
                    f"clip {clip}, frame {number}: its box x {x}, y {y}, {w} x {h} reaches beyond "
                    f"the frame of {frame.shape[1]} x {frame.shape[0]} pixels; mend the box."
                )
            frame = frame[y : y + h, x : x + w]
        return masked(frame, self.mask) if self.mask else np.ascontiguousarray(frame)


def masked(frame: np.ndarray, mask: str) -> np.ndarray:
    """A copy of a frame with a region set to 0.

    Examples
    --------
    >>> masked(np.full((100, 100), 9, dtype=np.uint8), "mouth")[[10, 80], 50].tolist()
    [0, 9]
    """
    left, top, right, bottom = MASKS[mask]
    height, width = frame.shape[:2]
    rows = slice(round(top * height), round(bottom * height))
    columns = slice(round(left * width), round(right * width))
    if mask == "eyes":
        found = frame.copy()
        found[rows, columns] = 0
        return found
    found = np.zeros_like(frame)
    found[rows, columns] = frame[rows, columns]
    return found


def prepare(
    frames: FrameSource,
    clips: pd.DataFrame,
    *,
    boxes: Path | None = None,
    crop: str | None = None,
    mask: str | None = None,
    keyframes: pd.DataFrame | None = None,
) -> Prepared:
    """Crop and mask the frames of a cohort.

    Parameters
    ----------
    frames : FrameSource
        As they are on disk.
    clips : DataFrame
        A clips table.
    boxes : Path, optional
        CSV with clip, x, y, w, h (pixels).
    crop : {"auto"}, optional
        One box per clip from a face detector.
    mask : {"eyes", "mouth"}, optional
        Blank the eyes, or keep the mouth only; as proportions of the box.
    keyframes : DataFrame, optional
        Human keyframes: a face is looked for at the onset first.

    Raises
    ------
    AnnotationError
        The CSV cannot be used.
    OptionError
        Boxes and ``crop`` at once, or an unknown word.
    """
    if boxes is not None and crop is not None:
        raise OptionError("boxes gives each clip its box and crop finds one; give one of them.")
    if crop not in (None, "auto"):
        raise OptionError(f"crop is {crop!r}; expected auto, or leave it out.")
    if mask is not None and mask not in MASKS:
        raise OptionError(f"mask is {mask!r}; expected one of {listed(MASKS)}, or leave it out.")
    found: dict[str, Box] = {}
    how: dict[str, str] = {}
    issues: list[Row] = []
    words = []
    if boxes is not None:
        found, issues = read_boxes(boxes, clips)
        how = dict.fromkeys(found, f"given in {boxes.name}")
        words.append(f"cut to the boxes of {boxes.name} (SHA-256 {file_hash(boxes)[:12]})")
    elif crop == "auto":
        found, how, issues = detected_boxes(frames, clips, keyframes)
        side = per_cent(MARGIN)
        words.append(f"cut to one detected box per clip, widened by {side} on each side")
    if mask is not None:
        words.append("eyes blanked" if mask == "eyes" else "all but the mouth blanked")
    table = tables.from_rows(
        (
            {"clip": clip, "x": x, "y": y, "w": w, "h": h, "how": how[clip]}
            for clip, (x, y, w, h) in found.items()
        ),
        "boxes",
    )
    return Prepared(PreparedFrames(frames, found, mask), table, issues, ", ".join(words))


_COLUMNS = {name: (name,) for name in ("clip", "x", "y", "w", "h")}


def read_boxes(path: Path, clips: pd.DataFrame) -> tuple[dict[str, Box], list[Row]]:
    """The boxes of a CSV, and which clips it leaves out or does not know.

    Raises
    ------
    AnnotationError
        The file is missing, a column is, a cell is no whole number, a box has no extent, or
        a clip stands there twice.
    """
    if not path.is_file():
        raise AnnotationError(
            f"the file of boxes {path.name} was not found; expected a CSV with the columns clip, "
            f"x, y, w, h."
        )
    table = find_table(path, _COLUMNS, tuple(_COLUMNS))
    found: dict[str, Box] = {}
    for row in table.rows:
        clip = cells.text(table, row, "clip")
        values = [cells.frame_number(table, row, name) for name in ("x", "y", "w", "h")]
        if clip in found or any(np.isnan(values)) or min(values[2:]) < 1:
            what = "a second box" if clip in found else "no box"
            raise AnnotationError(
                f"{table.where(row[0])}: found {what} for clip {clip!r}, expected one row per clip "
                f"with x, y from 0 and w, h from 1 (pixels); mend the row."
            )
        x, y, w, h = map(int, values)
        found[clip] = (x, y, w, h)
    known = set(clips["clip"])
    dataset = str(clips["dataset"].iloc[0])
    issues = []
    for severity, names, words in (
        ("warning", [c for c in clips["clip"] if c not in found], "has no box for"),
        ("note", [c for c in found if c not in known], "has boxes for clips that are not there:"),
    ):
        if names:
            rest = " (left whole)" if severity == "warning" else ""
            issues.append(
                tables.issue(
                    severity,
                    f"{path.name} {words} {listed(names)}{rest}.",
                    dataset=dataset,
                    field="boxes",
                    found=len(names),
                    check="cropping",
                )
            )
    return {clip: box for clip, box in found.items() if clip in known}, issues


def detected_boxes(
    frames: FrameSource, clips: pd.DataFrame, keyframes: pd.DataFrame | None = None
) -> tuple[dict[str, Box], dict[str, str], list[Row]]:
    """One box per clip: the largest face in one of its frames, widened by `MARGIN`.

    Where no face is found, the median box of the subject's other clips of the same frame
    size is taken, else that of the dataset; else the frame stays whole.

    Returns
    -------
    dict, dict, list of dict
        Clip to box; clip to how it was found; rows of the issues.
    """
    onsets = _onsets(keyframes)
    found: dict[str, Box] = {}
    how: dict[str, str] = {}
    sizes: dict[str, tuple[int, int]] = {}
    for clip in clips["clip"]:
        numbers = frames.numbers(clip)
        for number in _looked_at(numbers, onsets.get(clip)):
            frame = frames.read(clip, number)
            sizes[clip] = (frame.shape[1], frame.shape[0])
            face = largest_face(frame)
            if face is not None:
                found[clip] = _widened(face, sizes[clip])
                how[clip] = f"face in frame {number}"
                break
    missing = [clip for clip in sizes if clip not in found]
    subjects = dict(zip(clips["clip"], clips["subject"], strict=True))
    seen = dict(found)
    for clip in missing:
        alike = [c for c in seen if sizes[c] == sizes[clip]]
        own = [c for c in alike if subjects[c] == subjects[clip]]
        if own or alike:
            found[clip] = _median([seen[c] for c in own or alike])
            how[clip] = "median of the subject's clips" if own else "median of the dataset's clips"
    issues = _told(clips, missing, how)
    return {clip: found[clip] for clip in clips["clip"] if clip in found}, how, issues


def _onsets(keyframes: pd.DataFrame | None) -> dict[str, int]:
    if keyframes is None:
        return {}
    usable = keyframes["status"].isin(tables.PLACED)
    rows = keyframes[usable & (keyframes["keyframe"] == "onset")]
    return {str(c): int(f) for c, f in zip(rows["clip"], rows["frame"], strict=True)}


def _looked_at(numbers: np.ndarray, onset: int | None) -> list[int]:
    if not len(numbers):
        return []
    ends = [int(numbers[0]), int(numbers[len(numbers) // 2]), int(numbers[-1])]
    first = [onset] if onset is not None and onset in numbers else []
    return list(dict.fromkeys([*first, *ends]))


def largest_face(frame: np.ndarray) -> Box | None:
    """The largest frontal face that OpenCV's cascade finds, in pixels of the frame."""
    import cv2

    gray = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) if frame.ndim == 3 else frame
    scale = min(1.0, _DETECTION_SIDE / max(gray.shape))
    small = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    side = max(24, min(small.shape) // 8)
    faces = _cascade().detectMultiScale(small, 1.1, 4, minSize=(side, side))
    if not len(faces):
        return None
    x, y, w, h = max(map(tuple, faces), key=lambda f: (f[2] * f[3], -f[0], -f[1]))
    return int(x / scale), int(y / scale), int(w / scale), int(h / scale)


@cache
def _cascade() -> Any:
    import cv2

    folder = Path(cv2.__file__).parent / "data"
    return cv2.CascadeClassifier(str(folder / "haarcascade_frontalface_default.xml"))


def _widened(box: Box, size: tuple[int, int]) -> Box:
    x, y, w, h = box
    dx, dy = round(MARGIN * w), round(MARGIN * h)
    left, top = max(0, x - dx), max(0, y - dy)
    right, bottom = min(size[0], x + w + dx), min(size[1], y + h + dy)
    return left, top, right - left, bottom - top


def _median(boxes: Sequence[Box]) -> Box:
    x, y, w, h = (int(v) for v in np.median(np.array(boxes), axis=0))
    return x, y, w, h


def _told(clips: pd.DataFrame, missing: Sequence[str], how: Mapping[str, str]) -> list[Row]:
    dataset = str(clips["dataset"].iloc[0])
    whole = [clip for clip in missing if clip not in how]
    borrowed = [clip for clip in missing if clip in how]
    return [
        tables.issue(
            "warning",
            f"no face was found in {len(names)} of {len(clips)} clips ({listed(names)}): {fate}; "
            f"look at them, or give --boxes.",
            dataset=dataset,
            field="boxes",
            found=len(names),
            check="cropping",
            consequence=fate,
        )
        for names, fate in (
            (borrowed, "they are cut to the median box of other clips"),
            (whole, "they stay whole, since no clip with frames of their size has a face"),
        )
        if names
    ]


def framing_issues(frames: FrameSource, clips: pd.DataFrame, sample: int = 12) -> list[Row]:
    """Whether frames look uncropped or change size, from a few clips spread over a dataset.

    Parameters
    ----------
    frames : FrameSource
        Where frames come from.
    clips : DataFrame
        A clips table.
    sample : int
        How many clips are looked at, three frames each.

    Returns
    -------
    list of dict
        Rows of the issues table.
    """
    with_frames = [c for c in clips["clip"] if len(frames.numbers(c))]
    chosen = _spread(with_frames, sample)
    dataset = str(clips["dataset"].iloc[0])
    issues: list[Row] = []
    shares = []
    for clip in chosen:
        sizes: dict[tuple[int, ...], int] = {}
        for number in _looked_at(frames.numbers(clip), None):
            try:
                frame = frames.read(clip, number)
            except FrameError as error:
                issues.append(
                    tables.issue(
                        "error",
                        str(error),
                        dataset=dataset,
                        clip=clip,
                        field="frames",
                        check="unreadable frame",
                        consequence="selection stops at it, or leaves the clip out with "
                        "--skip-bad-frames",
                    )
                )
                continue
            if not sizes:
                face = largest_face(frame)
                shares.append(face[2] / frame.shape[1] if face else np.nan)
            sizes.setdefault(frame.shape, number)
        if len(sizes) > 1:
            issues.append(_changing(clip, sizes, dataset))
    return issues + _uncropped(np.array(shares), len(chosen), dataset)


def _spread(items: Sequence[str], count: int) -> list[str]:
    if len(items) <= count:
        return list(items)
    places = np.linspace(0, len(items) - 1, count).round().astype(int)
    return [items[place] for place in places]


def _changing(clip: str, sizes: Mapping[tuple[int, ...], int], dataset: str) -> Row:
    texts = [
        f"frame {n}: {s[1]} x {s[0]}{' color' if len(s) == 3 else ''}" for s, n in sizes.items()
    ]
    return tables.issue(
        "error",
        f"the frames of clip {clip} change size ({listed(texts)}); crop all frames of a clip "
        f"alike.",
        dataset=dataset,
        clip=clip,
        field="frames",
        found=listed(texts),
        expected="one size",
        check="frame size",
        consequence="selection stops: frames of different size have no distance",
    )


def _uncropped(shares: np.ndarray, looked: int, dataset: str) -> list[Row]:
    known = shares[~np.isnan(shares)]
    if len(known) < max(1, looked / 2) or np.median(known) >= _UNCROPPED:
        return []
    return [
        tables.issue(
            "warning",
            f"frames look uncropped: the face takes {per_cent(np.median(known))} of their width "
            f"(median of {len(known)} clips looked at).",
            dataset=dataset,
            field="frames",
            found=f"{np.median(known):.2f}",
            expected=f"{_UNCROPPED:g} or more",
            check="uncropped",
            consequence="whole-frame distances measure the background too: use --crops, --boxes "
            "or --crop auto",
        )
    ]
