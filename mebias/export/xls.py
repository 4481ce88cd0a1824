"""Setting cells of an xls workbook; every value, type and cell style of the others is kept.

The old binary format cannot be written in part: the workbook is read with xlrd and written
anew with xlwt. Formulas become their values, and charts, comments and rules of validation
are not carried over.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from mebias.export.edits import Edits


def edit_xls(data: bytes, edits: Mapping[str, Edits]) -> bytes:
    """The bytes of a workbook with some cells of its sheets set.

    Parameters
    ----------
    data : bytes
        The workbook.
    edits : mapping
        Name of a sheet to its edits.
    """
    import xlrd
    from xlutils.filter import XLRDReader, XLWTWriter, process

    book = xlrd.open_workbook(file_contents=data, formatting_info=True, logfile=io.StringIO())
    writer = XLWTWriter()
    process(XLRDReader(book, "table.xls"), writer)
    written = writer.output[0][1]
    for name, wanted in edits.items():
        place = book.sheet_names().index(name)
        _set(book.sheet_by_index(place), written.get_sheet(place), writer.style_list, wanted)
    out = io.BytesIO()
    written.save(out)
    return out.getvalue()


def _set(old: Any, new: Any, styles: Any, edits: Edits) -> None:
    import xlwt

    plain = xlwt.Style.default_style

    def style(row: int, column: int) -> Any:
        inside = row < old.nrows and column < old.row_len(row)
        return styles[old.cell_xf_index(row, column)] if inside else plain

    for (row, column), (value, (like_row, like)) in edits.frames.items():
        new.write(row - 1, column, value, style(like_row - 1, like))
    for (row, column), (source_row, source) in edits.copies.items():
        value = old.cell_value(source_row - 1, source)
        new.write(row - 1, column, value, style(source_row - 1, source))
    for (row, column), text in edits.texts.items():
        new.write(row - 1, column, text, style(row - 1, column))
