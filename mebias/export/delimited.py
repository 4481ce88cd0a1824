"""Setting cells of a delimited text file, with every other character as it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mebias.export.edits import Edits
from mebias.text_cells import harmless

_BOM = b"\xef\xbb\xbf"


@dataclass
class _Record:
    """One line of the table: its number, its fields as written, and its line end."""

    number: int
    fields: list[str] = field(default_factory=list)
    end: str = ""


def edit_delimited(data: bytes, edits: Edits) -> bytes:
    """The bytes of a delimited file with some of its fields set.

    Delimiter, quotes, byte order mark and line ends stay as they are. A field is quoted
    where the one that it replaces or follows in meaning is.

    Parameters
    ----------
    data : bytes
        The file, UTF-8.
    edits : Edits
        Rows count physical lines from 1, as `mebias.datasets.workbook.read_sheets` does.
    """
    mark = _BOM if data.startswith(_BOM) else b""
    text = data[len(mark) :].decode("utf-8")
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=first.count)
    records = list(_records(text, delimiter))
    by_number = {record.number: record for record in records}
    original = {record.number: list(record.fields) for record in records}
    for record in records:
        blank = not any(field.strip() for field in record.fields)
        if edits.header_row is not None and record.number >= edits.header_row and not blank:
            record.fields += [""] * (edits.width - len(record.fields))
    for (row, column), (value, (like_row, like)) in edits.frames.items():
        old, new = original[like_row][like], str(value)
        by_number[row].fields[column] = _quoted(new) if old.startswith('"') else new
    for (row, column), (source_row, source) in edits.copies.items():
        old = original[source_row][source]
        kept = harmless(_unquoted(old))
        by_number[row].fields[column] = old if kept == _unquoted(old) else _quoted(kept)
    for (row, column), new in edits.texts.items():
        header = original[edits.header_row][0] if edits.header_row is not None else ""
        needed = header.startswith('"') or any(c in new for c in f'"\r\n{delimiter}')
        by_number[row].fields[column] = _quoted(new) if needed else new
    lines = (delimiter.join(record.fields) + record.end for record in records)
    return mark + "".join(lines).encode("utf-8")


def _records(text: str, delimiter: str) -> Iterator[_Record]:
    line, start, position, quoted = 1, 0, 0, False
    record = _Record(line)
    while position < len(text):
        char = text[position]
        ends = char in "\r\n"
        line += ends
        length = 2 if text.startswith(("\r\n", '""') if quoted else "\r\n", position) else 1
        if quoted:
            quoted = char != '"' or length == 2
        elif char == '"' and position == start:
            quoted = True
        elif char == delimiter or ends:
            record.fields.append(text[start:position])
            start = position + length
            if ends:
                record.end = text[position:start]
                yield record
                record = _Record(line)
        position += length
    if start < len(text) or record.fields:
        record.fields.append(text[start:])
        yield record


def _unquoted(field: str) -> str:
    return field[1:-1].replace('""', '"') if field.startswith('"') else field


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
