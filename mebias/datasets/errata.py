"""Corrections to labels: rows of a table, applied on request only, each one counted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mebias import tables
from mebias.datasets.entries import Entries, Entry
from mebias.errors import AnnotationError, OptionError, listed
from mebias.manifests import Manifest, manifest_dir
from mebias.provenance import file_hash

COLUMNS = ("clip", "keyframe", "old", "new", "reason", "source")
_FIELDS = (*tables.KEYFRAMES, "emotion")


@dataclass(frozen=True)
class Correction:
    """One row: what stands in the authors' table, what it should be, and who says so.

    ``old`` and ``new`` are frame numbers or, for an emotion, texts; blank means missing.
    """

    row: int
    version: str
    clip: str
    keyframe: str
    old: str
    new: str
    reason: str
    source: str


def shipped_errata(manifest: Manifest) -> Path:
    """Where the corrections that come with mebias stand, if there are any."""
    return manifest_dir() / "errata" / f"{manifest.id}.csv"


def errata_path(errata: bool | str | Path | None, manifest: Manifest) -> Path | None:
    """The file of corrections to apply: one's own, the shipped one, or none.

    Raises
    ------
    OptionError
        The shipped corrections are asked for, and there are none for this dataset.
    """
    if errata is None or errata is False:
        return None
    if errata is not True:
        return Path(errata)
    path = shipped_errata(manifest)
    if not path.is_file():
        raise OptionError(
            f"mebias knows no corrections for {manifest.id}; give a CSV of your own with the "
            f"columns {listed(COLUMNS, len(COLUMNS))}, or leave --errata out."
        )
    return path


def read_errata(path: Path, version: str) -> list[Correction]:
    """The corrections of a file that are meant for a version of the labels.

    A column ``version`` is optional; a row in which it is blank is meant for every version.

    Raises
    ------
    TableError
        The file is missing or is no CSV.
    AnnotationError
        A column is missing, a keyframe is unknown, a frame is no whole number, or a row does
        not say its source.
    """
    table = tables.read_text_csv(path)
    absent = [name for name in COLUMNS if name not in table.columns]
    if absent:
        raise AnnotationError(
            f"{path.name} has no column {listed(absent)} (found: {listed(table.columns, 12)}); a "
            f"table of corrections needs {listed(COLUMNS, len(COLUMNS))}."
        )
    found = []
    for number, row in enumerate(table.to_dict("records"), start=2):
        texts = {str(name): str(text).strip() for name, text in row.items()}
        correction = Correction(
            number, texts.get("version", ""), *(texts[name] for name in COLUMNS)
        )
        _check(correction, path.name)
        if correction.version in {"", version}:
            found.append(correction)
    return found


def _check(correction: Correction, file: str) -> None:
    where = f"{file}, row {correction.row}"
    if correction.keyframe not in _FIELDS:
        raise AnnotationError(
            f"{where}, column keyframe: found {correction.keyframe!r}, expected one of "
            f"{listed(_FIELDS)}; mend the cell."
        )
    for name in ("old", "new"):
        text = getattr(correction, name)
        if correction.keyframe != "emotion" and text and not text.isdecimal():
            raise AnnotationError(
                f"{where}, column {name}: found {text!r}, expected a whole frame number, or a "
                f"blank cell for a missing one; mend the cell."
            )
    for name in ("clip", "source"):
        if not getattr(correction, name):
            raise AnnotationError(
                f"{where}, column {name}: found a blank cell; every correction says its clip and "
                f"who says so."
            )


def apply_errata(
    found: Entries, ids: Sequence[str], corrections: Sequence[Correction], path: Path
) -> dict[str, object]:
    """Correct entries in place, or refuse; every correction becomes a row of the issues.

    Returns
    -------
    dict
        For provenance: the file with its hash, and how many corrections were applied.

    Raises
    ------
    AnnotationError
        A clip of one's own corrections is not in the table, or the table does not hold what
        ``old`` says.
    """
    places = _places(ids)
    shipped = path == shipped_errata(found.manifest)
    absent = [c.clip for c in corrections if shipped and c.clip not in places]
    for correction in corrections:
        place = places.get(correction.clip, -1)
        if correction.clip in absent:
            continue
        if place < 0:
            raise AnnotationError(
                f"{path.name}, row {correction.row}: clip {correction.clip!r} is not in "
                f"{found.table.file} (version {found.annotation.version}); leave the row out, or "
                f"state its version in a column version."
            )
        found.entries[place] = _corrected(found, found.entries[place], correction, path.name)
    if absent:
        found.note(
            "note",
            f"{len(absent)} of {len(corrections)} known corrections are about clips that this "
            f"table does not have: {listed(dict.fromkeys(absent))}.",
            "errata",
            found=len(absent),
        )
    applied = len(corrections) - len(absent)
    return {"file": {path.name: file_hash(path)}, "applied": applied}


def _places(ids: Sequence[str]) -> dict[str, int]:
    places: dict[str, int] = {}
    for place, clip in enumerate(ids):
        places.setdefault(clip, place)
    return places


def _corrected(found: Entries, entry: Entry, correction: Correction, file: str) -> Entry:
    name = correction.keyframe
    current = _current(entry, name)
    if current != correction.old:
        raise AnnotationError(
            f"{file}, row {correction.row}: the {name} of clip {correction.clip!r} should be "
            f"{correction.old or 'missing'!r} before the correction, but {entry.where(name)} says "
            f"{current or 'missing'!r}; the correction was made for another version of the "
            f"table: leave it out."
        )
    found.note(
        "note",
        f"{entry.where(name)}: the {name} of {correction.clip} was corrected from "
        f"{correction.old or 'missing'} to {correction.new or 'missing'} ({correction.reason}; "
        f"source: {correction.source}).",
        "errata",
        clip=correction.clip,
        field=name,
        found=correction.old,
        expected=correction.new,
        cell=entry.where(name),
        consequence="the corrected value is used, with the status corrected",
    )
    if name == "emotion":
        return replace(entry, texts={**entry.texts, "emotion": correction.new})
    frame = float(correction.new) if correction.new else math.nan
    status = "corrected" if correction.new else "missing"
    high = math.nan if name == "apex" else entry.apex_high
    changed = replace(entry, frames={**entry.frames, name: frame}, apex_high=high)
    return changed.marked({name: status})


def _current(entry: Entry, name: str) -> str:
    return entry.texts.get("emotion", "") if name == "emotion" else _shown(entry.frames[name])


def _shown(frame: float) -> str:
    return "" if math.isnan(frame) else f"{frame:.0f}"


def note_unapplied(found: Entries, ids: Sequence[str]) -> None:
    """Say that corrections are known and were not asked for."""
    path = shipped_errata(found.manifest)
    if not path.is_file():
        return
    places = _places(ids)
    known = [
        correction
        for correction in read_errata(path, found.annotation.version)
        if correction.clip in places
        and _current(found.entries[places[correction.clip]], correction.keyframe) == correction.old
    ]
    if known:
        clips = list(dict.fromkeys(c.clip for c in known))
        found.note(
            "note",
            f"known corrections of these labels, {len(known)} in number, were not applied "
            f"({listed(clips)}); --errata applies them.",
            "errata",
            found=len(known),
            consequence="the labels stand as their authors wrote them",
        )


def counted(settings: Mapping[str, object]) -> int:
    """How many corrections a cohort's settings speak of."""
    errata = settings.get("errata")
    return int(errata["applied"]) if isinstance(errata, dict) and errata else 0
