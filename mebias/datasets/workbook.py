"""Cells of the authors' tables, with the row and column each one stands in.

Workbooks are read with openpyxl (xlsx) and xlrd (xls) directly, so that every message can
name the cell as the user's spreadsheet program shows it.
"""

from __future__ import annotations

import csv
import io
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from mebias.errors import AnnotationError, listed, suggest
from mebias.manifests import Lookup
from mebias.reading import read_plain
from mebias.text_cells import restored

HEADER_ROWS = 40
"""A header is looked for in this many rows: SAMM's stands in row 14, below prose."""

MOST_XML = 2**24
"""A workbook whose sheets and texts unpack to more bytes is refused, before it is unpacked."""
MOST_CELLS = 2**20
"""Cells of a workbook, the blanks before a row's last cell included: few bytes can name many."""
MOST_ROWS = 2**20
"""The rows that a spreadsheet program has."""

Row = tuple[int, tuple[object, ...]]


@dataclass(frozen=True)
class Sheet:
    """One sheet (or the one table of a CSV): its non-blank rows with their numbers."""

    name: str
    rows: tuple[Row, ...]
    ragged: bool = True


@dataclass(frozen=True)
class Table:
    """The rows below a header that was found by its content.

    ``columns`` maps our name of a column to its place and to its header as written;
    ``headers`` are the filled headers, ``header`` is the whole header row.
    ``part`` names the file of a table that comes in several. ``places`` says where a row
    was found when it is no row of a file; ``path`` is None then.
    """

    file: str
    sheet: str
    header_row: int
    columns: Mapping[str, tuple[int, str]]
    rows: tuple[Row, ...]
    headers: tuple[str, ...]
    header: tuple[str, ...] = ()
    part: str = ""
    path: Path | None = None
    places: Mapping[int, str] = field(default_factory=dict)

    @cached_property
    def _by_number(self) -> dict[int, Row]:
        return {row[0]: row for row in self.rows}

    def row(self, number: int) -> Row:
        """A row by the number that a spreadsheet program shows."""
        return self._by_number[number]

    def cell(self, row: Row, column: str) -> object:
        """The raw value in a column of ours; None where the row ends before it."""
        place = self.columns.get(column)
        return row[1][place[0]] if place and place[0] < len(row[1]) else None

    def where(self, row: int, *columns: str) -> str:
        """File, sheet, row and columns in words, for a message."""
        if row in self.places:
            return self.places[row]
        parts = [self.file] + ([f"sheet {self.sheet!r}"] if self.sheet else []) + [f"row {row}"]
        named = [c for c in columns if c in self.columns]
        texts = [_column(*self.columns[c]) for c in named]
        if texts:
            parts.append(("column " if len(texts) == 1 else "columns ") + listed(texts))
        return ", ".join(parts)


def _column(place: int, header: str) -> str:
    return f"{header!r} ({letter(place)})" if header else letter(place)


def letter(index: int) -> str:
    """The letters of a column, counted from 0.

    >>> letter(0), letter(26)
    ('A', 'AA')
    """
    text = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        text = chr(ord("A") + rest) + text
    return text


def normalized(header: object) -> str:
    """A header without case, spaces and punctuation.

    >>> normalized(" Onset Frame'")
    'onsetframe'
    """
    return "".join(c for c in plain(header).casefold() if c.isalnum())


def plain(cell: object) -> str:
    """A cell as text: whole floats without their point, blanks as the empty string.

    >>> plain(6.0), plain(None), plain(" a ")
    ('6', '', 'a')
    """
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def read_sheets(path: Path) -> tuple[Sheet, ...]:
    """All sheets of a workbook, or the one table of a CSV, told apart by their content.

    Raises
    ------
    AnnotationError
        The file is not readable, is damaged or is no table at all.
    """
    try:
        data = read_plain(path)
    except OSError as error:
        raise AnnotationError(
            f"{path.name} cannot be read ({error.strerror}); check that it exists and that you "
            f"may read it."
        ) from None
    if not data.strip():
        raise AnnotationError(f"{path.name} is empty; fetch the table anew.")
    if data.startswith(b"PK"):
        return _guarded(_read_xlsx, data, path.name)
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        return _guarded(_read_xls, data, path.name)
    return (_read_csv(data, path.name),)


def has_sheet(path: Path, name: str) -> bool:
    """Whether a workbook has a sheet of this name, whatever its case."""
    return any(sheet.name.strip().casefold() == name.casefold() for sheet in read_sheets(path))


def _guarded(reader: object, data: bytes, name: str) -> tuple[Sheet, ...]:
    assert callable(reader)
    try:
        with warnings.catch_warnings():
            # Both libraries warn of styles and validations that no cell's value depends on.
            warnings.simplefilter("ignore")
            return tuple(reader(data))
    except _TooLargeError as error:
        raise AnnotationError(
            f"{name} {error}; delete what is not part of the table, or save its sheet as CSV."
        ) from None
    except Exception as error:  # damaged workbooks raise anything at all in both libraries
        why = " ".join(str(error).split())[:200]
        raise AnnotationError(
            f"{name} is not a readable workbook ({type(error).__name__}: {why}); it may be "
            f"damaged or protected by a password: open it and save it anew."
        ) from None


class _TooLargeError(Exception):
    """A workbook that would take more memory or time than any table needs."""


class _Budget:
    """Counts the cells of a workbook, and stops where there are too many."""

    def __init__(self) -> None:
        self.cells = 0

    def kept(self, rows: Iterable[Sequence[object]]) -> Iterator[Row]:
        """The rows that are not blank, with their numbers."""
        for number, row in enumerate(rows, start=1):
            self.cells += len(row)
            if self.cells > MOST_CELLS or number > MOST_ROWS:
                raise _TooLargeError(
                    f"has more than {MOST_CELLS:,} cells or {MOST_ROWS:,} rows, blank ones included"
                )
            if any(plain(cell) for cell in row):
                yield number, tuple(row)


def _read_xlsx(data: bytes) -> Iterable[Sheet]:
    import openpyxl

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        # An entry never unpacks to more than it states; zipfile stops there.
        stated = sum(
            entry.file_size
            for entry in archive.infolist()
            if entry.filename.endswith((".xml", ".rels"))
        )
    if stated > MOST_XML:
        raise _TooLargeError(
            f"unpacks to {stated / 2**20:,.0f} MiB of cells, expected at most "
            f"{MOST_XML / 2**20:.0f}"
        )
    book = openpyxl.load_workbook(
        io.BytesIO(data), read_only=True, data_only=True, keep_links=False
    )
    budget = _Budget()
    for sheet in book.worksheets:
        sheet.reset_dimensions()  # some programs write a wrong extent and rows would be lost
        yield Sheet(sheet.title, tuple(budget.kept(sheet.iter_rows(values_only=True))))
    book.close()


def _read_xls(data: bytes) -> Iterable[Sheet]:
    import xlrd

    # A row ends with its last cell; else one cell at the end of a sheet fills 16 million others.
    book = xlrd.open_workbook(file_contents=data, logfile=io.StringIO(), ragged_rows=True)
    budget = _Budget()

    def value(cell: xlrd.sheet.Cell) -> object:
        if cell.ctype == xlrd.XL_CELL_DATE:
            return xlrd.xldate_as_datetime(cell.value, book.datemode)
        if cell.ctype == xlrd.XL_CELL_ERROR:
            return xlrd.error_text_from_code.get(cell.value, "#ERROR")
        return bool(cell.value) if cell.ctype == xlrd.XL_CELL_BOOLEAN else cell.value

    for sheet in book.sheets():
        rows = ([value(cell) for cell in sheet.row(r)] for r in range(sheet.nrows))
        yield Sheet(sheet.name, tuple(budget.kept(rows)))


def _read_csv(data: bytes, name: str) -> Sheet:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise AnnotationError(
            f"{name} is neither a workbook nor UTF-8 text (byte {error.start}); save it as CSV in "
            f"UTF-8."
        ) from None
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[Row] = []
    start = 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append((start, tuple(map(restored, row))))
            start = reader.line_num + 1
    except csv.Error as error:
        raise AnnotationError(
            f"{name}, row {start}, is not readable CSV ({error}); mend that row."
        ) from None
    return Sheet("", tuple(rows), ragged=False)


def find_table(
    path: Path,
    columns: Mapping[str, tuple[str, ...]],
    needed: Sequence[str],
    sheet: str = "",
) -> Table:
    """The table whose header row holds the needed columns, in any order.

    Parameters
    ----------
    path : Path
        Workbook or CSV.
    columns : mapping
        Our names and the headers each goes by.
    needed : sequence of str
        Names without which a row is no header.
    sheet : str, optional
        The sheet to read where the file has one of this name, else the first that fits.

    Raises
    ------
    AnnotationError
        No sheet has such a header; the message names the sheets and columns found.
    """
    sheets = read_sheets(path)
    named = [s for s in sheets if sheet and s.name.strip().casefold() == sheet.casefold()]
    for candidate in named or sheets:
        for number, cells in _first_rows(candidate):
            header = [normalized(cell) for cell in cells]
            if all(_matches(header, columns[name]) for name in needed):
                return _below(path.name, candidate, number, cells, columns)
    raise AnnotationError(_no_table(path.name, named or sheets, columns, needed))


def positional_table(path: Path, positions: Mapping[str, int], index: int = 0) -> Table:
    """The table of a sheet that has no header: each column stands where it always stands.

    Parameters
    ----------
    path : Path
        Workbook or CSV.
    positions : mapping
        Our names and the places of their columns, from 0.
    index : int
        Place of the sheet, from 0.

    Raises
    ------
    AnnotationError
        There is no such sheet, or it is too narrow or has a header.
    """
    sheet = _sheet_at(path, index)
    label = f"{path.name}, sheet {sheet.name!r}" if sheet.name else path.name
    width = max((len(row[1]) for row in sheet.rows), default=0)
    if width <= max(positions.values()):
        raise AnnotationError(
            f"{label}, has {width} columns, expected {max(positions.values()) + 1} without a "
            f"header; take the file as its authors give it."
        )
    place = positions["onset"]
    first = plain(sheet.rows[0][1][place]) if place < len(sheet.rows[0][1]) else ""
    if any(c.isalpha() for c in first):
        raise AnnotationError(
            f"{label}, row {sheet.rows[0][0]}, column {letter(place)}: found {first!r}, expected "
            f"the first onset, since this table has no header; delete the header row."
        )
    columns = {name: (place, "") for name, place in positions.items()}
    return Table(path.name, sheet.name, 0, columns, sheet.rows, ())


def lookup_table(path: Path, lookup: Lookup) -> dict[str, str]:
    """Key and value texts of a lookup sheet; the first row of a key counts.

    Raises
    ------
    AnnotationError
        There is no such sheet.
    """
    found: dict[str, str] = {}
    for _, cells in _sheet_at(path, lookup.sheet).rows:
        if len(cells) > max(lookup.key, lookup.value):
            found.setdefault(plain(cells[lookup.key]), plain(cells[lookup.value]))
    return found


def _sheet_at(path: Path, index: int) -> Sheet:
    sheets = read_sheets(path)
    if index >= len(sheets) or not sheets[index].rows:
        raise AnnotationError(
            f"{path.name} has no filled sheet in place {index + 1} (sheets: "
            f"{listed(sheet.name for sheet in sheets)}); take the file as its authors give it."
        )
    return sheets[index]


def _first_rows(sheet: Sheet) -> tuple[Row, ...]:
    return tuple(row for row in sheet.rows[:HEADER_ROWS] if row[0] <= HEADER_ROWS)


def _matches(header: Sequence[str], aliases: Iterable[str]) -> list[int]:
    for alias in aliases:
        found = [i for i, cell in enumerate(header) if cell and cell == normalized(alias)]
        if found:
            return found
    return []


def _below(
    file: str,
    sheet: Sheet,
    number: int,
    cells: Sequence[object],
    columns: Mapping[str, tuple[str, ...]],
) -> Table:
    header = [normalized(cell) for cell in cells]
    found: dict[str, tuple[int, str]] = {}
    for name, aliases in columns.items():
        places = _matches(header, aliases)
        if len(places) > 1:
            both = " and ".join(f"{plain(cells[i])!r} ({letter(i)})" for i in places[:2])
            raise AnnotationError(
                f"{file}, row {number}, has two columns for {name}: {both}; rename or delete one."
            )
        if places:
            found[name] = (places[0], plain(cells[places[0]]))
    rows = tuple(row for row in sheet.rows if row[0] > number)
    if not sheet.ragged:
        _refuse_ragged(file, rows, len(cells))
    headers = tuple(plain(cell) for cell in cells if plain(cell))
    header_texts = tuple(plain(cell) for cell in cells)
    return Table(file, sheet.name, number, found, rows, headers, header_texts)


def _refuse_ragged(file: str, rows: Iterable[Row], width: int) -> None:
    for number, cells in rows:
        if len(cells) != width:
            raise AnnotationError(
                f"{file}, row {number}, has {len(cells)} cells where its header has {width}; mend "
                f"that row (a comma inside a cell needs quotes)."
            )


def _no_table(
    file: str,
    sheets: Sequence[Sheet],
    columns: Mapping[str, tuple[str, ...]],
    needed: Sequence[str],
) -> str:
    def score(row: Row) -> int:
        header = [normalized(cell) for cell in row[1]]
        return sum(bool(_matches(header, columns[name])) for name in needed)

    best = [(s, max(_first_rows(s), key=score, default=(0, ()))) for s in sheets]
    seen = []
    for sheet, row in best:
        texts = [plain(cell)[:40] for cell in row[1] if plain(cell)]
        label = f"sheet {sheet.name!r} with the columns" if sheet.name else "the columns"
        seen.append(f"{label} {listed(texts, 12) or 'none'}")
    nearest = max((row for _, row in best), key=score, default=(0, ()))
    header = [normalized(cell) for cell in nearest[1]]
    lacking = [name for name in needed if not _matches(header, columns[name])]
    words = [f"{name} (known as {' or '.join(columns[name])})" for name in lacking]
    near = suggest(columns[lacking[0]][0], [plain(c) for c in nearest[1] if plain(c)])
    return (
        f"{file} has no table with a column for {listed(words)}; found {listed(seen)}{near}; "
        f"take the file as its authors give it, or rename the column."
    )
