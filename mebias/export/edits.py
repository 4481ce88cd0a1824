"""What is to be written into one sheet, whatever the format of its file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mebias.datasets.workbook import Sheet, letter, plain
from mebias.errors import OptionError
from mebias.text_cells import harmless

SUFFIXES = {"replace": ("human", "mebias", "status"), "beside": ("mebias", "status")}
"""Columns added to the right of the table, per keyframe column."""

Place = tuple[int, int]
"""Row, from 1, and column, from 0."""

Value = int | float | str

_TEXT_NUMBER = re.compile(r"(\s*)(\+?)([0-9]+)(\.0*)?(\s*)")


@dataclass(frozen=True)
class Change:
    """One cell of a keyframe: the frame to be written, or None where it stays as it is."""

    row: int
    column: int
    header: str
    frame: int | None
    status: str


@dataclass(frozen=True)
class Edits:
    """Cells of one sheet to be set; every other cell stays untouched.

    ``frames`` are values in the type of the cell whose place they name (a number, or text that
    reads as one) and in its style, ``copies`` repeat another cell, ``texts`` are text.
    ``width`` is the number of columns that the table has then, from its header row on.
    """

    frames: Mapping[Place, tuple[Value, Place]] = field(default_factory=dict)
    copies: Mapping[Place, Place] = field(default_factory=dict)
    texts: Mapping[Place, str] = field(default_factory=dict)
    header_row: int | None = None
    width: int = 0

    def places(self) -> set[Place]:
        """Every cell that is set."""
        return {*self.frames, *self.copies, *self.texts}


def sheet_edits(file: str, sheet: Sheet, changes: Sequence[Change], columns: str) -> Edits:
    """The edits that put selected frames into one sheet.

    Raises
    ------
    OptionError
        The sheet has no header row to put columns beside, or has such columns already.
    """
    width = max((_extent(cells) for _, cells in sheet.rows), default=0)
    header_row = _header_row(sheet, changes)
    frames = {}
    if columns == "replace":
        frames = {place: (value, place) for place, value in _values(sheet, changes).items()}
    if header_row is None:
        if columns == "beside":
            raise OptionError(
                f"{_where(file, sheet)} has no header row, so that columns beside the table would "
                f"have no name; export with columns 'replace'."
            )
        return Edits(frames=frames, width=width)
    return _with_columns(file, sheet, changes, columns, Edits(frames, {}, {}, header_row, width))


def _with_columns(
    file: str, sheet: Sheet, changes: Sequence[Change], columns: str, base: Edits
) -> Edits:
    frames, copies, texts = dict(base.frames), dict(base.copies), dict(base.texts)
    assert base.header_row is not None
    headers = dict.fromkeys((change.column, change.header) for change in changes)
    known = {
        plain(cell) for number, cells in sheet.rows if number == base.header_row for cell in cells
    }
    places: dict[tuple[int, str], int] = {}
    values = _values(sheet, changes)
    width = base.width
    for column, header in sorted(headers):
        for suffix in SUFFIXES[columns]:
            name = f"{header}_{suffix}"
            if name in known:
                raise OptionError(
                    f"{_where(file, sheet)} has a column {name!r} already, so it is itself an "
                    f"export; export from the authors' file."
                )
            known.add(name)
            places[column, suffix] = width
            texts[base.header_row, width] = harmless(name)
            width += 1
    for change in changes:
        source = (change.row, change.column)
        if columns == "replace":
            copies[change.row, places[change.column, "human"]] = source
        if source in values:
            frames[change.row, places[change.column, "mebias"]] = values[source], source
        texts[change.row, places[change.column, "status"]] = harmless(change.status)
    return Edits(frames, copies, texts, base.header_row, width)


def as_written(text: str, frame: int) -> str:
    """A frame number in the form in which a text gives one: its spaces, zeros and point.

    >>> as_written("112", 98), as_written("0112", 98), as_written("112.0", 98), as_written("/", 98)
    ('98', '0098', '98.0', '98')
    """
    found = _TEXT_NUMBER.fullmatch(text)
    if found is None:
        return str(frame)
    before, sign, digits, point, after = found.groups(default="")
    number = str(frame).zfill(len(digits)) if digits.startswith("0") and len(digits) > 1 else frame
    return f"{before}{sign}{number}{point}{after}"


def _values(sheet: Sheet, changes: Iterable[Change]) -> dict[Place, Value]:
    """The frames to be written, each in the type of what stands in its cell."""
    rows = dict(sheet.rows)
    values: dict[Place, Value] = {}
    for change in changes:
        if change.frame is None:
            continue
        cells = rows.get(change.row, ())
        found = cells[change.column] if change.column < len(cells) else None
        values[change.row, change.column] = _typed(found, change.frame)
    return values


def _typed(found: object, frame: int) -> Value:
    if isinstance(found, float):
        return float(frame)
    if isinstance(found, str) and _TEXT_NUMBER.fullmatch(found):
        return as_written(found, frame)
    return frame


def _header_row(sheet: Sheet, changes: Iterable[Change]) -> int | None:
    """The last row above the changes that holds the header of each of their columns."""
    changes = list(changes)
    named = {change.column: change.header for change in changes}
    if not all(named.values()):
        return None
    first = min(change.row for change in changes)
    for number, cells in reversed(sheet.rows):
        if number < first and all(_at(cells, c) == header for c, header in named.items()):
            return number
    return None


def _at(cells: Sequence[object], column: int) -> str:
    return plain(cells[column]) if column < len(cells) else ""


def _extent(cells: Sequence[object]) -> int:
    return max((i for i, cell in enumerate(cells, start=1) if plain(cell)), default=0)


def _where(file: str, sheet: Sheet) -> str:
    return f"{file}, sheet {sheet.name!r}," if sheet.name else file


def cell_name(place: Place) -> str:
    """A place as a spreadsheet program names it.

    >>> cell_name((14, 3))
    'D14'
    """
    return f"{letter(place[1])}{place[0]}"


def column_index(letters: str) -> int:
    """The place of a column, from 0.

    >>> column_index("A"), column_index("AA")
    (0, 26)
    """
    place = 0
    for char in letters:
        place = place * 26 + ord(char) - ord("A") + 1
    return place - 1
