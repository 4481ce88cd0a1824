"""From the authors' table to clips and keyframes, one entry per labeled expression."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from mebias import tables
from mebias.datasets import cells
from mebias.datasets.workbook import Row, Table, find_table
from mebias.errors import AnnotationError, ManifestError, OptionError, listed
from mebias.manifests import FOLDER, AnnotationFile, Manifest

_READ_APART = {"subject", "clip", "onset", "apex", "offset", "fps", "frames", "video"}
_PER_ROW = {"coder", "pass"}


@dataclass(frozen=True)
class Entry:
    """One row of an annotation table, read.

    ``session`` is the subject as the table writes it, ``subject`` the person.
    """

    row: int
    session: str
    subject: str
    cell: str
    fps: float | None
    frames: Mapping[str, float]
    status: Mapping[str, str]
    texts: Mapping[str, str]

    def field(self, name: str) -> object:
        """A value that the rows of one clip have to share."""
        own = {"subject": self.session, "fps": self.fps}
        return own[name] if name in own else self.texts.get(name, "")


@dataclass
class Entries:
    """All rows of a table, in order, with what was noticed on the way."""

    table: Table
    manifest: Manifest
    annotation: AnnotationFile
    dataset: str
    entries: list[Entry] = field(default_factory=list)
    issues: list[dict[str, object]] = field(default_factory=list)

    def note(self, severity: str, message: str, **where: object) -> None:
        """Add a row to the issues."""
        texts = {key: str(value) for key, value in where.items()}
        self.issues.append(tables.issue(severity, message, dataset=self.dataset, **texts))


def read_entries(
    path: Path, manifest: Manifest, annotation: AnnotationFile, dataset: str
) -> Entries:
    """Read an annotation table row by row.

    Parameters
    ----------
    path : Path
        The table.
    manifest, annotation
        What the dataset's card says about it.
    dataset : str
        The name that goes into the issues.

    Raises
    ------
    AnnotationError
        A cell is not what its column holds, or a table of the user's own has its keyframes
        out of order; the message names file, row and column.
    """
    needed = _needed(manifest, annotation)
    table = find_table(path, annotation.columns, needed, annotation.sheet)
    found = Entries(table, manifest, annotation, dataset)
    _note_layout(found)
    for row in table.rows:
        entry = _entry(found, row)
        if entry is not None:
            _note_declared_missing(found, entry, row)
            found.entries.append(_checked_order(found, entry))
    if not found.entries:
        raise AnnotationError(f"{path.name} has a header and no rows; fetch the table anew.")
    _note_base(found)
    return found


def _needed(manifest: Manifest, annotation: AnnotationFile) -> list[str]:
    needed = ["subject", "onset", "offset", *annotation.key]
    if manifest.id != FOLDER and "apex" in annotation.columns:
        needed.append("apex")
    unmapped = [name for name in [*needed, "clip"] if name not in annotation.columns]
    if unmapped:
        raise ManifestError(
            f"the manifest of {manifest.id}, annotation {annotation.version!r}, maps no column "
            f"for {unmapped[0]}; add it to its columns."
        )
    return list(dict.fromkeys([*needed, "clip"]))


def _note_layout(found: Entries) -> None:
    table, annotation = found.table, found.annotation
    meant = annotation.sheet.casefold()
    if meant and table.sheet and table.sheet.strip().casefold() != meant:
        found.note(
            "warning",
            f"{table.file} has no sheet {annotation.sheet!r}; sheet {table.sheet!r} was read "
            f"instead: check that it is the one meant.",
            found=table.sheet,
            expected=annotation.sheet,
        )
    absent = [name for name in annotation.columns if name not in table.columns]
    if absent and (found.manifest.id != FOLDER or "apex" in absent):
        shown = [name for name in absent if found.manifest.id != FOLDER or name == "apex"]
        found.note(
            "warning",
            f"{table.file} has no column for {listed(shown)}; these are left blank.",
            field=shown[0],
            found=listed(table.headers, 12),
            expected=listed(annotation.columns[shown[0]]),
        )


def _entry(found: Entries, row: Row) -> Entry | None:
    table, columns = found.table, found.annotation.columns
    session = _session(table, row, found.manifest)
    cell = cells.name(table, row, "clip")
    if not session:
        _note_without_subject(found, row, cell)
        return None
    if not cell:
        raise AnnotationError(
            f"{table.where(row[0], 'clip')}: found a blank cell, expected the clip's name; fill "
            f"it in or delete the row."
        )
    missing = found.annotation.missing
    frames = {
        keyframe: cells.frame_number(table, row, keyframe, missing.get(keyframe, ()))
        for keyframe in tables.KEYFRAMES
    }
    texts = {name: _text(found, row, name) for name in columns if name not in _READ_APART}
    paths = {name: cells.name(table, row, name) for name in ("frames", "video") if name in columns}
    return Entry(
        row=row[0],
        session=session,
        subject=person(session, found.manifest),
        cell=cell,
        fps=cells.rate(table, row, "fps"),
        frames=frames,
        status={k: "missing" if math.isnan(v) else "annotated" for k, v in frames.items()},
        texts=texts | paths,
    )


def _session(table: Table, row: Row, manifest: Manifest) -> str:
    return padded(cells.name(table, row, "subject"), manifest)


def padded(subject: str, manifest: Manifest) -> str:
    """A subject code with the leading zeros that a spreadsheet took from it."""
    return subject.zfill(manifest.subjects.width) if subject.isdecimal() else subject


def person(session: str, manifest: Manifest) -> str:
    """The person behind a subject code that may name a session.

    >>> from mebias.manifests import get_manifest
    >>> person("S13_2nd", get_manifest("4dme"))
    'S13'
    """
    if not manifest.subjects.person:
        return session
    match = re.fullmatch(manifest.subjects.person, session)
    return match.group(1) if match else session


def _text(found: Entries, row: Row, name: str) -> str:
    raw = cells.text(found.table, row, name)
    if raw in found.annotation.missing.get(name, ()):
        return ""
    known: Mapping[str, Mapping[str, str]] = found.annotation.values  # noqa: PD011 (no frame)
    return known[name].get(raw, raw) if name in known else raw


def _note_without_subject(found: Entries, row: Row, cell: str) -> None:
    where = found.table.where(row[0], "subject")
    if found.manifest.id == FOLDER and cell:
        raise AnnotationError(
            f"{where}: found a blank cell beside the clip {cell!r}, expected a subject; fill it in "
            f"or delete the row."
        )
    found.note(
        "note",
        f"{where}: blank, so the row was taken for a totals row and skipped.",
        field="subject",
        expected="a subject",
    )


def _note_declared_missing(found: Entries, entry: Entry, row: Row) -> None:
    for keyframe in tables.KEYFRAMES:
        tokens = set(found.annotation.missing.get(keyframe, ())) - cells.MISSING
        raw = cells.text(found.table, row, keyframe)
        if raw in tokens:
            found.note(
                "warning",
                f"{found.table.where(entry.row, keyframe)}: found {raw}, which means in this "
                f"table that the {keyframe} is missing.",
                clip=clip_id(entry, found.annotation.key),
                field=keyframe,
                found=raw,
                expected="a frame number",
            )


def _checked_order(found: Entries, entry: Entry) -> Entry:
    wrong = out_of_order(entry.frames)
    if not wrong:
        return _censored(found, entry)
    present = [k for k in tables.KEYFRAMES if not math.isnan(entry.frames[k])]
    where = found.table.where(entry.row, *present)
    values = ", ".join(f"{k} {entry.frames[k]:.0f}" for k in present)
    if found.manifest.id == FOLDER:
        raise AnnotationError(
            f"{where}: found {values}, expected onset <= apex <= offset; mend the row, or leave "
            f"the wrong cell blank."
        )
    found.note(
        "warning",
        f"{where}: found {values}, expected onset <= apex <= offset; marked invalid and left out: "
        f"{listed(wrong)}. Mend the table if you know better.",
        clip=clip_id(entry, found.annotation.key),
        field=wrong[0],
        found=values,
        expected="onset <= apex <= offset",
    )
    return _with_status(entry, dict.fromkeys(wrong, "invalid"))


def label(entry: Entry) -> str:
    """Subject and clip of an entry, as the table writes them."""
    return f"{entry.session}/{entry.cell}"


def clip_id(entry: Entry, key: Sequence[str]) -> str:
    """The clip id of an entry, from the columns that the manifest names as key."""
    parts = {"subject": entry.session, "clip": entry.cell}
    base = "/".join(parts[name] for name in ("subject", "clip") if name in key)
    for name in key:
        if name in tables.KEYFRAMES:
            frame = entry.frames[name]
            base += "#missing" if math.isnan(frame) else f"#{frame:.0f}"
        elif name not in parts:
            base += f"#{entry.texts.get(name, '')}"
    return base


def out_of_order(frames: Mapping[str, float]) -> list[str]:
    """The keyframes that cannot stand where they do; missing ones (NaN) never conflict.

    An offset before its onset discredits both. Otherwise an apex outside of them is the one
    that is wrong.

    >>> out_of_order({"onset": 112, "apex": 83, "offset": 358})
    ['apex']
    >>> out_of_order({"onset": 3647, "apex": 2668, "offset": 2694})
    ['onset', 'offset']
    """
    onset, apex, offset = (frames[k] for k in tables.KEYFRAMES)
    if offset < onset:
        return ["onset", "offset"]
    return ["apex"] if apex < onset or apex > offset else []


def _censored(found: Entries, entry: Entry) -> Entry:
    limit = found.manifest.censored_onset
    onset = entry.frames["onset"]
    if limit is None or not (onset <= limit and onset == entry.frames["apex"]):
        return entry
    return _with_status(entry, {"onset": "censored"})


def _with_status(entry: Entry, change: Mapping[str, str]) -> Entry:
    values = {name: getattr(entry, name) for name in entry.__dataclass_fields__}
    return Entry(**values | {"status": {**entry.status, **change}})


def _note_base(found: Entries) -> None:
    base = found.manifest.index_base
    for entry in found.entries if base else ():
        below = [k for k in tables.KEYFRAMES if entry.frames[k] < (base or 0)]
        if below:
            values = listed(f"{entry.frames[k]:.0f}" for k in below)
            found.note(
                "warning",
                f"{found.table.where(entry.row, *below)}: found {values}, but frames are counted "
                f"from {base}; kept as it stands.",
                clip=clip_id(entry, found.annotation.key),
                field=below[0],
                found=values,
                expected=f"{base} or later",
            )
    censored = [label(e) for e in found.entries if e.status["onset"] == "censored"]
    if censored:
        found.note(
            "note",
            f"{len(censored)} onsets up to frame {found.manifest.censored_onset} equal their apex "
            f"and are censored, since the recording began later: {listed(censored)}.",
            field="onset",
            found=len(censored),
        )


def clips_table(found: Entries, ids: Sequence[str], fps: float | None = None) -> pd.DataFrame:
    """The clips of a table, one row each in the order of their first rows."""
    rows: dict[str, dict[str, object]] = {}
    extra = [c for c in found.annotation.columns if c not in _READ_APART | _PER_ROW]
    by_onset = any(name in tables.KEYFRAMES for name in found.annotation.key)
    for clip, entry in zip(ids, found.entries, strict=True):
        video = entry.texts.get("video", "") or (label(entry) if by_onset else "")
        row = {name: entry.texts.get(name, "") for name in extra} | {
            "dataset": found.dataset,
            "clip": clip,
            "video": video,
            "subject": entry.subject,
            "fps": _fps(found, entry, fps),
        }
        rows.setdefault(clip, {**row, "ethnicity": row.get("ethnicity") or tables.UNKNOWN})
    return tables.from_rows(rows.values(), "clips")


def _fps(found: Entries, entry: Entry, given: float | None) -> float:
    if given is not None:
        return given
    number = entry.fps if entry.fps is not None else found.manifest.fps
    if number is not None:
        return number
    if "fps" in found.table.columns:
        raise AnnotationError(
            f"{found.table.where(entry.row, 'fps')}: found a blank cell, expected frames per "
            f"second; fill it in or give --fps."
        )
    raise OptionError(
        f"{found.table.file} does not say the frame rate and neither does the manifest of "
        f"{found.manifest.id}; give --fps, or add a column fps."
    )


def keyframes_table(found: Entries, ids: Sequence[str], source: str = "human") -> pd.DataFrame:
    """The keyframes of a table: three rows per entry, with their status."""
    rows = (
        {
            "dataset": found.dataset,
            "clip": clip,
            "source": source,
            "coder": entry.texts.get("coder", ""),
            "pass": entry.texts.get("pass", ""),
            "keyframe": keyframe,
            "frame": entry.frames[keyframe],
            "status": entry.status[keyframe],
        }
        for clip, entry in zip(ids, found.entries, strict=True)
        for keyframe in tables.KEYFRAMES
    )
    return tables.from_rows(rows, "keyframes")


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
