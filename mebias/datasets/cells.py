"""What a single cell says: a frame number, a name, a text; or why it says nothing."""

from __future__ import annotations

import datetime
import math
import re
import unicodedata
from collections.abc import Iterable

from mebias.datasets.workbook import Row, Table, plain
from mebias.errors import AnnotationError
from mebias.text_cells import is_unseen

MISSING = frozenset({"", "/", "\\", "-1", "nan"})
"""What authors write where a keyframe was not coded."""

_WHOLE = re.compile(r"\+?[0-9]+(?:\.0*)?")
_FRACTION = re.compile(r"[0-9]+\.[0-9]+")
_LARGEST = 10**9
_LONGEST = 255


def frame_number(
    table: Table, row: Row, column: str, missing: Iterable[str] = (), rounding: str = ""
) -> float:
    """The frame number in a cell; NaN where it says that none was coded.

    With ``rounding`` "half-up", fractions of frames are rounded to the nearest one.

    Raises
    ------
    AnnotationError
        The cell holds something else; the message names file, row, column and cell.
    """
    cell = table.cell(row, column)
    text = plain(cell)
    if text.casefold() in MISSING or text in missing:
        return math.nan
    if _WHOLE.fullmatch(text) and float(text) < _LARGEST:
        return float(text)
    if rounding and is_fraction(table, row, column):
        return math.floor(float(text) + 0.5)
    raise AnnotationError(
        f"{table.where(row[0], column)}: found {_shown(cell)}, expected a whole frame number from "
        f"0, or a blank cell where none was coded; mend the cell."
    )


def is_fraction(table: Table, row: Row, column: str) -> bool:
    """Whether a cell holds a frame number with decimals."""
    text = plain(table.cell(row, column))
    fraction = _FRACTION.fullmatch(text) is not None and not _WHOLE.fullmatch(text)
    return fraction and float(text) < _LARGEST


def rate(table: Table, row: Row, column: str) -> float | None:
    """Frames per second in a cell; None where it is blank."""
    cell = table.cell(row, column)
    text = plain(cell)
    if text.casefold() in MISSING:
        return None
    try:
        number = math.nan if isinstance(cell, bool) else float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise AnnotationError(
            f"{table.where(row[0], column)}: found {_shown(cell)}, expected frames per second, a "
            f"number above 0; mend the cell."
        )
    return number


def text(table: Table, row: Row, column: str) -> str:
    """A free text such as an emotion; blank where there is none."""
    return plain(table.cell(row, column))


def name(table: Table, row: Row, column: str) -> str:
    """A text that names a person, a clip or a folder, and so becomes part of a path.

    Raises
    ------
    AnnotationError
        The cell holds a date (a spreadsheet's guess), or a path that leaves the data root.
    """
    cell = table.cell(row, column)
    if isinstance(cell, datetime.date | datetime.time):
        raise AnnotationError(
            f"{table.where(row[0], column)}: found the date {cell}, expected a name; the "
            f"spreadsheet program turned it into a date: format the column as text and mend it."
        )
    found = plain(cell)
    if leaves_root(found):
        raise AnnotationError(
            f"{table.where(row[0], column)}: found {found!r}, expected a name inside the data "
            f"root, without '..', backslash, drive or leading '/'; mend the cell."
        )
    if len(found) > _LONGEST:
        raise AnnotationError(
            f"{table.where(row[0], column)}: found a text of {len(found):,} characters, expected a "
            f"name of at most {_LONGEST}; mend the cell."
        )
    odd = next(filter(is_unseen, found), None)
    if odd is not None:
        raise AnnotationError(
            f"{table.where(row[0], column)}: found {_shown(found)}, expected a name, without "
            f"{_unseen_name(odd)}, which nobody sees or which reorders the text around it; mend "
            f"the cell."
        )
    return found


def _unseen_name(char: str) -> str:
    name = unicodedata.name(char, f"the control character U+{ord(char):04X}")
    return {"\n": "a line break", "\r": "a line break", "\t": "a tab"}.get(char, name)


def leaves_root(path: str) -> bool:
    r"""Whether a relative path could name something outside the folder it is joined to.

    >>> [leaves_root(p) for p in ("a/b", "../a", "/a", "a\\b", "c:x")]
    [False, True, True, True, True]
    """
    parts = path.split("/")
    drive = re.match(r"[A-Za-z]:", path)
    dots = any(part in {".", ".."} for part in parts)
    return path.startswith("/") or "\\" in path or bool(drive) or dots


def _shown(cell: object) -> str:
    shown = repr(cell) if isinstance(cell, str) else str(cell)
    return shown if len(shown) <= 60 else shown[:57] + "..."
