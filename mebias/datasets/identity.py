"""Which clip a row is about: ids from the manifest's key, and no clip twice."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from mebias import tables
from mebias.datasets.entries import Entries, Entry
from mebias.errors import AnnotationError

_MUST_AGREE = ("subject", "fps", "emotion", "ethnicity", "video", "frames")


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
            if name == "onset" and not math.isnan(entry.id_onset):
                frame = entry.id_onset
            base += "#missing" if math.isnan(frame) else f"#{frame:.0f}"
        elif name not in parts:
            base += f"#{entry.texts.get(name, '')}"
    return base if entry.ordinal == 1 else f"{base}#{entry.ordinal}"


def clip_ids(found: Entries) -> list[str]:
    """A clip id for each entry, from the columns that the manifest names as key.

    In a table whose rows stand for expressions (``pairing = "row"``), two expressions may
    begin at one frame: the second one's id ends in ``.2``. Rows that agree in all their
    frames are still refused as duplicates, by `refuse_repeats`.
    """
    if not found.ids:
        ids = [clip_id(entry, found.annotation.key) for entry in found.entries]
        found.ids = _told_apart(found, ids) if found.annotation.pairing == "row" else ids
    return found.ids


def _told_apart(found: Entries, ids: Sequence[str]) -> list[str]:
    apart: list[str] = []
    seen: dict[str, dict[str, Entry]] = {}
    for clip, entry in zip(ids, found.entries, strict=True):
        frames = str(dict(entry.frames))
        alike = seen.setdefault(clip, {})
        first = next(iter(alike.values()), entry)
        alike.setdefault(frames, entry)
        place = list(alike).index(frames) + 1
        apart.append(clip if place == 1 else f"{clip}.{place}")
        if place > 1:
            found.note(
                "note",
                f"{found.table.file}, rows {first.row} and {entry.row}: two expressions of "
                f"{label(entry)} begin at one frame; they are kept apart as {clip} and "
                f"{apart[-1]}.",
                "duplicate",
                clip=apart[-1],
                field="onset",
                cell=entry.where("onset"),
            )
    return apart


def refuse_repeats(found: Entries, ids: Sequence[str]) -> None:
    """Refuse rows of one key, and rows of one clip that disagree on what a clip has once.

    Raises
    ------
    AnnotationError
        The message names both rows.
    """
    first: dict[tuple[str, ...], Entry] = {}
    lead: dict[str, Entry] = {}
    coded = found.has("coder")
    for clip, entry in zip(ids, found.entries, strict=True):
        coder = tuple(str(entry.field(name)) for name in ("coder", "pass")) if coded else ()
        other = first.setdefault((clip, *coder), entry)
        if other is not entry:
            of_whom = f" of coder {coder[0]!r}, pass {coder[1]!r}," if coded else ""
            hint = "" if coded else " (several coders of one clip need a column coder)"
            raise AnnotationError(
                f"{found.table.file}, rows {other.row} and {entry.row}: clip {clip!r}{of_whom} "
                f"stands in both, expected once{hint}; delete or rename one."
            )
        _refuse_disagreement(found, clip, lead.setdefault(clip, entry), entry)


def _refuse_disagreement(found: Entries, clip: str, one: Entry, two: Entry) -> None:
    for name in _MUST_AGREE:
        if one.field(name) != two.field(name):
            raise AnnotationError(
                f"{found.table.file}, rows {one.row} and {two.row}, column {name}: clip {clip!r} "
                f"has {one.field(name)!r} and {two.field(name)!r}, expected the same in all rows "
                f"of a clip; mend one."
            )


def by_clip(ids: Iterable[str], entries: Iterable[Entry]) -> dict[str, Entry]:
    """The first entry of each clip."""
    first: dict[str, Entry] = {}
    for clip, entry in zip(ids, entries, strict=True):
        first.setdefault(clip, entry)
    return first
