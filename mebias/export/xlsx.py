"""Setting cells of an xlsx workbook, with every other byte of its parts as it stands.

A workbook is a zip of XML parts. Loading and saving it with a library would drop what the
library does not know and the results of formulas, so the cells are put into the XML of their
sheets, and all else is passed on.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.parsers import expat
from xml.sax.saxutils import escape

from mebias.datasets.workbook import letter
from mebias.errors import AnnotationError
from mebias.export.edits import Edits, Place, cell_name, column_index

_REFERENCE = re.compile(r"([A-Z]+)([0-9]+)")
_TAG = re.compile(rb"""<(?:[^>"']|"[^"]*"|'[^']*')*>""")
_SPANS = re.compile(rb"""\sspans=(?:"[^"]*"|'[^']*')""")
_EXTENT = re.compile(rb"""(<(?:\w+:)?dimension\s+ref=")([A-Z]+[0-9]+)(?::([A-Z]+)([0-9]+))?\"""")
_CHAIN = re.compile(rb"""<(?:\w+:)?(?:Override|Relationship)\s[^>]*calcChain[^>]*/>""")


@dataclass
class _Cell:
    """A cell in the bytes of its sheet; ``content`` is its value without its formula."""

    start: int
    kind: str
    style: str
    end: int = 0
    content: bytes = b""
    formula: bool = False
    shared: bool = False


@dataclass
class _RowPart:
    """A row in the bytes of its sheet: its opening tag, and where its last cell ends."""

    start: int
    begin: int
    inner_end: int = 0
    cells: dict[int, _Cell] = field(default_factory=dict)


def edit_xlsx(data: bytes, edits: Mapping[str, Edits]) -> bytes:
    """The bytes of a workbook with some cells of its sheets set.

    Parameters
    ----------
    data : bytes
        The workbook.
    edits : mapping
        Name of a sheet to its edits.

    Raises
    ------
    AnnotationError
        A keyframe stands in a formula that other cells share.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        parts = {info: book.read(info) for info in book.infolist()}
    by_name = {info.filename: info for info in parts}
    paths = _sheet_paths({name: parts[info] for name, info in by_name.items()})
    formulas = False
    for sheet, wanted in edits.items():
        info = by_name[paths[sheet]]
        parts[info], had_formula = _edit_sheet(parts[info], wanted, sheet)
        formulas = formulas or had_formula
    if formulas:
        _drop_calculation_order(parts, by_name)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as book:
        for info, part in parts.items():
            kept = zipfile.ZipInfo(info.filename, info.date_time)
            kept.external_attr, kept.compress_type = info.external_attr, zipfile.ZIP_DEFLATED
            book.writestr(kept, part)
    return out.getvalue()


def _sheet_paths(parts: Mapping[str, bytes]) -> dict[str, str]:
    """Name of each sheet to the part that holds it."""
    root = ElementTree.fromstring(parts["_rels/.rels"])
    main = next(r.get("Target", "") for r in root if r.get("Type", "").endswith("/officeDocument"))
    folder, _, file = main.lstrip("/").rpartition("/")
    relations = ElementTree.fromstring(parts[f"{folder}/_rels/{file}.rels".lstrip("/")])
    targets = {r.get("Id", ""): r.get("Target", "") for r in relations}
    paths = {}
    for sheet in ElementTree.fromstring(parts[main.lstrip("/")]).iter():
        if sheet.tag.endswith("}sheet"):
            key = next(v for k, v in sheet.attrib.items() if k.endswith("}id"))
            target = targets[key]
            inside = target.lstrip("/") if target.startswith("/") else f"{folder}/{target}"
            paths[sheet.get("name", "")] = inside.lstrip("/")
    return paths


def _edit_sheet(xml: bytes, edits: Edits, sheet: str) -> tuple[bytes, bool]:
    """The XML of a sheet with cells set, and whether a formula was among those replaced."""
    scan = _Scan(xml)
    by_row: dict[int, dict[int, bytes]] = {}
    for place in sorted(edits.places()):
        by_row.setdefault(place[0], {})[place[1]] = _new_cell(scan, edits, place, sheet)
    pieces, done, formulas = [], 0, False
    for number, wanted in sorted(by_row.items()):
        row = scan.rows[number]
        pieces += [xml[done : row.start], _SPANS.sub(b"", xml[row.start : row.begin])]
        pieces += _merged(xml, row, wanted)
        done = row.inner_end
        formulas = formulas or any(row.cells[c].formula for c in wanted if c in row.cells)
    pieces.append(xml[done:])
    return _with_extent(b"".join(pieces), edits.width), formulas


def _merged(xml: bytes, row: _RowPart, wanted: Mapping[int, bytes]) -> Iterator[bytes]:
    """The inside of a row, its old and new cells in the order of their columns."""
    position = row.begin
    pending = sorted(wanted)
    for column, cell in sorted(row.cells.items()):
        while pending and pending[0] < column:
            yield xml[position : cell.start]
            position = cell.start
            yield wanted[pending.pop(0)]
        if pending and pending[0] == column:
            yield xml[position : cell.start]
            position = cell.end
            yield wanted[pending.pop(0)]
    yield xml[position : row.inner_end]
    for column in pending:
        yield wanted[column]


def _new_cell(scan: _Scan, edits: Edits, place: Place, sheet: str) -> bytes:
    old = scan.cell(place)
    if old is not None and old.shared:
        raise AnnotationError(
            f"sheet {sheet!r}, cell {cell_name(place)}, holds a formula that other cells share, so "
            f"that no frame can be written there; save the column as values and load it anew."
        )
    style = old.style if old is not None else ""
    if place in edits.texts:
        return scan.text_cell(place, style, edits.texts[place])
    if place in edits.copies:
        return scan.copied(place, edits.copies[place])
    value, like = edits.frames[place]
    model = scan.cell(like)
    if place != like and model is not None:
        style = model.style
    if isinstance(value, str):
        return scan.text_cell(place, style, value)
    return scan.number_cell(place, style, value)


def _with_extent(xml: bytes, width: int) -> bytes:
    """A sheet whose stated extent covers its new columns."""

    def grown(found: re.Match[bytes]) -> bytes:
        head, first, column, row = found.groups(default=b"")
        if not column or column_index(column.decode()) + 1 >= width:
            return found[0]
        return b'%s%s:%s%s"' % (head, first, letter(width - 1).encode(), row)

    return _EXTENT.sub(grown, xml, count=1)


def _drop_calculation_order(
    parts: dict[zipfile.ZipInfo, bytes], by_name: Mapping[str, zipfile.ZipInfo]
) -> None:
    """Without a formula that it lists, a workbook's calculation order counts as damaged."""
    for name, info in by_name.items():
        if name.endswith("calcChain.xml"):
            del parts[info]
        elif name.endswith(("[Content_Types].xml", "workbook.xml.rels")):
            parts[info] = _CHAIN.sub(b"", parts[info])


class _Scan:
    """Where the rows and cells of a sheet stand in its bytes."""

    def __init__(self, xml: bytes) -> None:
        self._xml = xml
        self._prefix = ""
        self._number, self._column, self._child = 0, -1, 0
        self._open_cell: _Cell | None = None
        self.rows: dict[int, _RowPart] = {}
        parser = expat.ParserCreate()
        parser.StartElementHandler = lambda name, given: self._start(name, given, parser)
        parser.EndElementHandler = lambda name: self._end(name, parser)
        parser.Parse(xml, True)

    def cell(self, place: Place) -> _Cell | None:
        """The cell at a place, None where the sheet has none."""
        row = self.rows.get(place[0])
        return row.cells.get(place[1]) if row else None

    def number_cell(self, place: Place, style: str, value: float) -> bytes:
        """A cell that holds a number."""
        return self._made(place, style, "", f"<{self._prefix}v>{value}</{self._prefix}v>".encode())

    def text_cell(self, place: Place, style: str, text: str) -> bytes:
        """A cell that holds a text."""
        p = self._prefix
        inside = f'<{p}is><{p}t xml:space="preserve">{escape(text)}</{p}t></{p}is>'
        return self._made(place, style, "inlineStr", inside.encode())

    def copied(self, place: Place, source: Place) -> bytes:
        """A cell that repeats another, its value in place of its formula."""
        cell = self.cell(source)
        if cell is None:
            return self._made(place, "", "", b"")
        return self._made(place, cell.style, cell.kind, cell.content)

    def _made(self, place: Place, style: str, kind: str, inside: bytes) -> bytes:
        attributes = f' s="{style}"' if style else ""
        attributes += f' t="{kind}"' if kind else ""
        opening = f'<{self._prefix}c r="{cell_name(place)}"{attributes}>'
        return opening.encode() + inside + f"</{self._prefix}c>".encode()

    def _start(self, name: str, given: dict[str, str], parser: expat.XMLParserType) -> None:
        prefix, _, local = name.rpartition(":")
        start = parser.CurrentByteIndex
        if local == "worksheet":
            self._prefix = f"{prefix}:" if prefix else ""
        elif local == "row":
            self._number = int(given.get("r", self._number + 1))
            self._column = -1
            self.rows[self._number] = _RowPart(start, self._tag_end(start))
        elif local == "c" and self._number in self.rows:
            found = _REFERENCE.fullmatch(given.get("r", ""))
            self._column = column_index(found[1]) if found else self._column + 1
            self._open_cell = _Cell(start, given.get("t", ""), given.get("s", ""))
            self.rows[self._number].cells[self._column] = self._open_cell
        elif local in {"v", "is"} and self._open_cell is not None:
            self._child = start
        elif local == "f" and self._open_cell is not None:
            self._open_cell.formula, self._open_cell.shared = True, "ref" in given

    def _end(self, name: str, parser: expat.XMLParserType) -> None:
        local = name.rpartition(":")[2]
        if local == "row":
            self.rows[self._number].inner_end = parser.CurrentByteIndex
        elif self._open_cell is None:
            return
        elif local in {"v", "is"}:
            self._open_cell.content = self._xml[
                self._child : self._element_end(self._child, parser)
            ]
        elif local == "c":
            self._open_cell.end = self._element_end(self._open_cell.start, parser)
            self._open_cell = None

    def _element_end(self, start: int, parser: expat.XMLParserType) -> int:
        """Where an element ends whose end was just met."""
        opened = self._tag_end(start)
        if self._xml[opened - 2 : opened] == b"/>":
            return opened
        return self._tag_end(parser.CurrentByteIndex)

    def _tag_end(self, start: int) -> int:
        found = _TAG.match(self._xml, start)
        assert found is not None
        return found.end()
