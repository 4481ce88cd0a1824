"""Codings from ELAN: its tab-separated export (File, Export as, Tab-delimited text).

One annotation per event, from onset to offset, on a tier that is called ``event@CODER``, or
``event@CODER#2`` for a second pass; the apex is the beginning of an annotation on a tier
``apex@CODER`` that lies inside of the event. A tier without ``@`` holds the events of the coder
of its name. The tier's participant is the subject; the exported file name, where it is there,
is the video. Times are read in any of ELAN's formats, with its column labels or without.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import pandas as pd

from mebias.datasets.workbook import Sheet, normalized, plain
from mebias.errors import AnnotationError

_CLOCK = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")
_SECONDS = re.compile(r"\d+\.\d+")
_WHOLE = re.compile(r"\d+")
_TIER = re.compile(r"(event|apex)\s*@\s*([^#]+?)\s*(?:#\s*(.+))?", re.IGNORECASE)


@dataclass(frozen=True)
class _Layout:
    """Places of the columns; times are in the first format that the file has."""

    tier: int
    participant: int
    begin: int
    end: int
    file: int | None
    has_header: bool


@dataclass(frozen=True)
class _Span:
    """One annotation, in ms."""

    row: int
    kind: str
    coder: str
    passing: str
    subject: str
    video: str
    begin: float
    end: float


def is_elan(sheet: Sheet) -> bool:
    """Whether a table is ELAN's export: its labels, or a tier and times without a header."""
    return bool(sheet.rows) and _layout(sheet.rows[0][1]) is not None


def read_elan(name: str, sheet: Sheet) -> pd.DataFrame:
    """Codings in ms from ELAN's rows.

    Parameters
    ----------
    name : str
        The file, for messages.
    sheet : Sheet
        Its cells.

    Returns
    -------
    DataFrame
        Columns of a codings table.

    Raises
    ------
    AnnotationError
        A row without a participant or with an unreadable time; an apex outside of any event
        of its coder, or two in one.
    """
    layout = _layout(sheet.rows[0][1])
    assert layout is not None
    spans = [_span(name, number, cells, layout)
             for number, cells in sheet.rows[1 if layout.has_header else 0 :]]  # fmt: skip
    rows = [
        {"subject": s.subject, "video": s.video, "coder": s.coder, "pass": s.passing,
         "onset_ms": s.begin, "apex_ms": math.nan, "offset_ms": s.end, "row": float(s.row)}
        for s in spans if s.kind == "event"
    ]  # fmt: skip
    if not rows:
        raise AnnotationError(
            f"{name} has no tier event@CODER; name the tiers event@CODER and apex@CODER in ELAN "
            f"and export them anew."
        )
    for apex in (s for s in spans if s.kind == "apex"):
        own = [
            r for r in rows
            if (r["subject"], r["video"], r["coder"], r["pass"])
            == (apex.subject, apex.video, apex.coder, apex.passing)
            and float(str(r["onset_ms"])) <= apex.begin <= float(str(r["offset_ms"]))
        ]  # fmt: skip
        if len(own) != 1 or not math.isnan(float(str(own[0]["apex_ms"]))):
            fault = "lies in no event" if not own else "is the second one in its event"
            raise AnnotationError(
                f"{name}, row {apex.row}: the apex at {apex.begin:g} ms of coder {apex.coder} "
                f"{fault}; move or delete it."
            )
        own[0]["apex_ms"] = apex.begin
    return pd.DataFrame(rows)


def _span(name: str, number: int, cells: Sequence[object], layout: _Layout) -> _Span:
    def cell(place: int | None) -> str:
        return plain(cells[place]) if place is not None and place < len(cells) else ""

    subject, tier = cell(layout.participant), cell(layout.tier)
    if not subject:
        raise AnnotationError(
            f"{name}, row {number}: the tier {tier!r} has no participant; enter the subject as the "
            f"tier's participant in ELAN (Tier, Change Tier Attributes) and export anew."
        )
    times = [_ms(cell(place)) for place in (layout.begin, layout.end)]
    if None in times:
        raise AnnotationError(
            f"{name}, row {number}: found {cell(layout.begin)!r} and {cell(layout.end)!r}, "
            f"expected begin and end times; export anew from ELAN."
        )
    match = _TIER.fullmatch(tier)
    kind, coder, passing = match.groups() if match else ("event", tier, "1")
    begin, end = (float(t) for t in times if t is not None)
    video = PurePosixPath(cell(layout.file).replace("\\", "/")).stem
    return _Span(number, kind.casefold(), coder, passing or "1", subject, video, begin, end)


def _ms(text: str) -> float | None:
    """A time in ms, from 00:00:01.200, 1.200 (seconds) or 1200.

    >>> _ms("00:00:01.200"), _ms("1.200"), _ms("1200"), _ms("x")
    (1200.0, 1200.0, 1200.0, None)
    """
    if match := _CLOCK.fullmatch(text):
        hours, minutes, seconds = match.groups()
        return round((int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1000, 6)
    if _SECONDS.fullmatch(text):
        return round(float(text) * 1000, 6)
    return float(text) if _WHOLE.fullmatch(text) else None


def _layout(first: Sequence[object]) -> _Layout | None:
    """The columns of an export, from its labels or from the shape of its first row."""
    labels = [normalized(cell) for cell in first]
    begins = [i for i, label in enumerate(labels) if label.startswith("begintime")]
    ends = [i for i, label in enumerate(labels) if label.startswith("endtime")]
    if begins and ends and "tier" in labels and "participant" in labels:
        files = [i for i, label in enumerate(labels) if label.startswith("file")]
        return _Layout(
            labels.index("tier"), labels.index("participant"), begins[0], ends[0],
            files[0] if files else None, True,
        )  # fmt: skip
    texts = [plain(cell) for cell in first]
    n = 0
    while 2 + n < len(texts) and _ms(texts[2 + n]) is not None:
        n += 1
    if n < 2:
        return None
    # Begin, end and, if exported, duration come in the same formats, one after the other.
    kinds = [n // part for part in (3, 2) if n % part == 0]
    same = [k for k in kinds if _format(texts[2]) == _format(texts[2 + k])]
    file = 2 + n + 1 if len(texts) > 2 + n + 1 else None
    return _Layout(0, 1, 2, 2 + (same or [1])[0], file, False)


def _format(text: str) -> int:
    return 2 if ":" in text else int("." in text)
