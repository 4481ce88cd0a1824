"""What each keyframe may be taken for: annotated, missing, invalid, censored."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from mebias import tables
from mebias.datasets import cells
from mebias.datasets.entries import Entries, Entry
from mebias.errors import AnnotationError, counted, listed
from mebias.manifests import FOLDER

_LEFT_OUT = "its keyframes that cannot stand are left out of every comparison; the clip stays"


def judge(found: Entries, ids: Sequence[str]) -> None:
    """Set the status of every keyframe, and note what is off; no frame number is changed.

    Parameters
    ----------
    found : Entries
        Changed in place.
    ids : sequence of str
        Clip of each entry.

    Raises
    ------
    AnnotationError
        A table of the user's own has its keyframes out of order.
    """
    if not found.annotation.has_apex:
        _note_no_apex(found)
    for place, clip in enumerate(ids):
        entry = found.entries[place]
        _note_declared_missing(found, entry, clip)
        entry = _interval(found, entry, clip)
        found.entries[place] = _ordered(found, entry, clip)
    _note_rounded(found)
    _note_base(found, ids)
    _note_censored(found, ids)


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


def _note_no_apex(found: Entries) -> None:
    found.note(
        "warning",
        f"{found.manifest.name} ({found.annotation.version}) has no human apex: its authors coded "
        f"onset and offset only. Nothing is said about the apex, and rules that start from it "
        f"cannot run.",
        "apex",
        field="apex",
        found="no apex column",
        expected="onset and offset only",
        consequence="no apex is made up; selection fails in words, estimates of the apex are blank",
    )


def _note_declared_missing(found: Entries, entry: Entry, clip: str) -> None:
    for keyframe in tables.KEYFRAMES:
        tokens = set(found.annotation.missing.get(keyframe, ())) - cells.MISSING
        raw = _raw(entry, keyframe)
        if raw in tokens and math.isnan(entry.frames[keyframe]):
            found.note(
                "warning",
                f"{entry.where(keyframe)}: found {raw}, which means in this table that the "
                f"{keyframe} is missing.",
                "missing",
                clip=clip,
                field=keyframe,
                found=raw,
                expected="a frame number",
                cell=entry.where(keyframe),
                consequence=f"the {keyframe} of this clip is left out",
            )


def _raw(entry: Entry, keyframe: str) -> str:
    return cells.text(entry.table, entry.table.row(entry.row), entry.columns.get(keyframe, ""))


def _interval(found: Entries, entry: Entry, clip: str) -> Entry:
    """Leave out the end of an apex interval that cannot be one."""
    high, apex = entry.apex_high, entry.frames["apex"]
    if math.isnan(high) or apex <= high <= _or_infinite(entry.frames["offset"]):
        return entry
    found.note(
        "warning",
        f"{entry.where('apex', 'apex_high')}: the apex is coded as {_number(apex)} to "
        f"{high:.0f}, which is no interval before the offset "
        f"{_number(entry.frames['offset'])}; only its first frame is used.",
        "order",
        clip=clip,
        field="apex",
        found=f"{_number(apex)} to {high:.0f}",
        expected="first <= last <= offset",
        cell=entry.where("apex", "apex_high"),
        consequence="the apex counts as one frame",
    )
    return replace(entry, apex_high=math.nan)


def _or_infinite(frame: float) -> float:
    return math.inf if math.isnan(frame) else frame


def _number(frame: float) -> str:
    return "missing" if math.isnan(frame) else f"{frame:.0f}"


def _ordered(found: Entries, entry: Entry, clip: str) -> Entry:
    wrong = out_of_order(entry.frames)
    if not wrong:
        return _censored(found, entry)
    present = [k for k in tables.KEYFRAMES if not math.isnan(entry.frames[k])]
    where = entry.where(*present)
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
        "order",
        clip=clip,
        field=wrong[0],
        found=values,
        expected="onset <= apex <= offset",
        cell=entry.where(*wrong),
        consequence=_LEFT_OUT,
    )
    return entry.marked(dict.fromkeys(wrong, "invalid"))


def _censored(found: Entries, entry: Entry) -> Entry:
    limit = found.manifest.censored_onset
    onset = entry.frames["onset"]
    if limit is None or not (onset <= limit and onset == entry.frames["apex"]):
        return entry
    return entry.marked({"onset": "censored"})


def _note_rounded(found: Entries) -> None:
    if not found.annotation.rounding:
        return
    counts = dict.fromkeys(tables.KEYFRAMES, 0)
    first = ""
    for table in found.tables:
        for row in table.rows:
            for keyframe in tables.KEYFRAMES:
                if cells.is_fraction(table, row, keyframe):
                    counts[keyframe] += 1
                    first = first or table.where(row[0], keyframe)
    if any(counts.values()):
        texts = [f"{keyframe} {count} times" for keyframe, count in counts.items() if count]
        found.note(
            "note",
            f"{found.table.file} holds fractions of frames ({listed(texts)}), rescaled by its "
            f"authors and rounded half up here; the first is {first}.",
            "rounding",
            field="frame",
            found=listed(texts),
            expected="whole frames",
            cell=first,
            consequence="the nearest whole frame is used",
        )


def _note_base(found: Entries, ids: Sequence[str]) -> None:
    base = found.manifest.index_base
    for clip, entry in zip(ids, found.entries, strict=True) if base else ():
        below = [k for k in tables.KEYFRAMES if entry.frames[k] < (base or 0)]
        if below:
            values = listed(f"{entry.frames[k]:.0f}" for k in below)
            found.note(
                "warning",
                f"{entry.where(*below)}: found {values}, but frames are counted from {base}; kept "
                f"as it stands.",
                "base",
                clip=clip,
                field=below[0],
                found=values,
                expected=f"{base} or later",
                cell=entry.where(*below),
                consequence="kept; such a frame is not on disk",
            )


def _note_censored(found: Entries, ids: Sequence[str]) -> None:
    censored = [
        clip
        for clip, entry in zip(ids, found.entries, strict=True)
        if entry.status["onset"] == "censored"
    ]
    if censored:
        found.note(
            "note",
            f"{counted(len(censored), 'onset')} up to frame {found.manifest.censored_onset} at the "
            f"apex, taken as censored, since the recording began later: {listed(censored)}.",
            "censored",
            field="onset",
            found=len(censored),
            consequence="these onsets count as censored, not as labels",
        )
