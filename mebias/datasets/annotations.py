"""From entries to the tables clips, keyframes and cells."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from mebias import tables
from mebias.datasets import cells
from mebias.datasets.entries import READ_APART, Entries, Entry
from mebias.datasets.identity import label
from mebias.datasets.workbook import letter
from mebias.errors import AnnotationError, OptionError

_PER_ROW = {"coder", "pass"}


def clips_table(found: Entries, ids: Sequence[str], fps: float | None = None) -> pd.DataFrame:
    """The clips of a table, one row each in the order of their first rows."""
    rows: dict[str, dict[str, object]] = {}
    annotation = found.annotation
    extra = [
        *(c for c in annotation.columns if c not in READ_APART | _PER_ROW),
        *(c for c in annotation.positions if c not in READ_APART | _PER_ROW),
        *(c for c in annotation.derive if c not in {"video", *annotation.columns}),
        *(c for c in annotation.constants if c not in READ_APART),
        *(["part"] if annotation.parts else []),
        *(["emotion"] if annotation.folders else []),
    ]
    for clip, entry in zip(ids, found.entries, strict=True):
        row = {name: entry.texts.get(name, "") for name in extra} | {
            "dataset": found.dataset,
            "clip": clip,
            "video": video(found, entry),
            "subject": entry.subject,
            "fps": _fps(found, entry, fps),
        }
        rows.setdefault(clip, {**row, "ethnicity": row.get("ethnicity") or tables.UNKNOWN})
    return tables.from_rows(rows.values(), "clips")


def video(found: Entries, entry: Entry) -> str:
    """The recording that an expression comes from; blank where the clip is all there is."""
    annotation = found.annotation
    if "video" in annotation.derive or "video" in annotation.constants:
        return f"{entry.session}/{entry.texts['video']}" if entry.texts.get("video") else ""
    by_onset = any(name in tables.KEYFRAMES for name in annotation.key)
    shared = by_onset or bool(annotation.more) or "expression_type" in annotation.key
    return entry.texts.get("video", "") or (label(entry) if shared else "")


def _fps(found: Entries, entry: Entry, given: float | None) -> float:
    if given is not None:
        return given
    number = entry.fps if entry.fps is not None else found.annotation.fps or found.manifest.fps
    if number is not None:
        return number
    if found.has("fps"):
        raise AnnotationError(
            f"{entry.where('fps')}: found a blank cell, expected frames per second; fill it in or "
            f"give --fps."
        )
    raise OptionError(
        f"{found.table.file} does not say the frame rate and neither does the manifest of "
        f"{found.manifest.id}; give --fps, or add a column fps."
    )


def keyframes_table(found: Entries, ids: Sequence[str], source: str = "human") -> pd.DataFrame:
    """The keyframes of a table: three rows per entry, with their status.

    An apex coded as an interval has its first frame as ``frame`` and both ends in
    ``frame_low`` and ``frame_high``.
    """
    rows = (
        {
            "dataset": found.dataset,
            "clip": clip,
            "source": source,
            "coder": entry.texts.get("coder", ""),
            "pass": entry.texts.get("pass", ""),
            "keyframe": keyframe,
            "frame": entry.frames[keyframe],
            **_interval(entry, keyframe),
            "status": entry.status[keyframe],
        }
        for clip, entry in zip(ids, found.entries, strict=True)
        for keyframe in tables.KEYFRAMES
    )
    return tables.from_rows(rows, "keyframes")


def _interval(entry: Entry, keyframe: str) -> dict[str, float]:
    if keyframe != "apex" or math.isnan(entry.apex_high):
        return {"frame_low": math.nan, "frame_high": math.nan}
    return {"frame_low": entry.frames["apex"], "frame_high": entry.apex_high}


def cells_table(found: Entries, ids: Sequence[str], root: Path) -> pd.DataFrame:
    """Where each keyframe stands in the authors' file, as `mebias.tables` declares it."""
    rows = [
        row
        for clip, entry in zip(ids, found.entries, strict=True)
        for row in _cells(found, clip, entry, root)
    ]
    return tables.from_rows(rows, "cells")


def _cells(found: Entries, clip: str, entry: Entry, root: Path) -> Iterator[dict[str, object]]:
    table = entry.table
    if table.path is None:
        return
    named = {**entry.columns, "apex_high": "apex_high"}
    row = table.row(entry.row)
    for keyframe in ("onset", "apex", "apex_high", "offset"):
        place = table.columns.get(named.get(keyframe, ""))
        if place is None or (keyframe == "apex_high" and entry.ordinal > 1):
            continue
        yield {
            "dataset": found.dataset,
            "clip": clip,
            "coder": entry.texts.get("coder", ""),
            "pass": entry.texts.get("pass", ""),
            "keyframe": keyframe,
            "file": table.path.relative_to(root).as_posix(),
            "sheet": table.sheet,
            "row": entry.row,
            "column": letter(place[0]),
            "header": place[1],
            "written": cells.text(table, row, named[keyframe]),
        }


def checked_fps(fps: float | None) -> float | None:
    """A frame rate given by the user, if it has a meaning.

    Raises
    ------
    OptionError
        It is not a number above 0.
    """
    if fps is not None and not (math.isfinite(fps) and fps > 0):
        raise OptionError(f"--fps is {fps}; expected frames per second, a number above 0.")
    return fps
