"""One of the authors' files with some of its cells set, and the proof that no other changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mebias.datasets.workbook import Sheet, plain, read_sheets
from mebias.errors import AnnotationError, MebiasError, OutputError
from mebias.export.delimited import edit_delimited
from mebias.export.edits import Change, Edits, Place, cell_name, sheet_edits
from mebias.export.xls import edit_xls
from mebias.export.xlsx import edit_xlsx
from mebias.text_cells import harmless


def write_edited(
    source: Path, target: Path, changes: Mapping[str, Sequence[Change]], columns: str
) -> None:
    """Write a file with selected frames in it, then read it back and compare every cell.

    Parameters
    ----------
    source, target : Path
        The authors' file, and the one to write.
    changes : mapping
        Name of a sheet (empty in a CSV) to what is to be done to it.
    columns : {"replace", "beside"}
        As in `mebias.export.export`.

    Raises
    ------
    OptionError, AnnotationError
        The file cannot take the changes.
    OutputError
        What was written does not read back as it should.
    """
    sheets = {sheet.name: sheet for sheet in read_sheets(source)}
    edits = {
        name: sheet_edits(source.name, sheets[name], wanted, columns)
        for name, wanted in sorted(changes.items())
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(_edited(source.name, source.read_bytes(), edits))
    written = {sheet.name: sheet for sheet in read_sheets(target)}
    if list(written) != list(sheets):
        raise OutputError(f"{source.name}: its sheets were not kept; save it as xlsx and try anew.")
    for name, sheet in sheets.items():
        _refuse_unlike(source.name, sheet, written[name], edits.get(name, Edits()))


def _edited(file: str, data: bytes, edits: Mapping[str, Edits]) -> bytes:
    try:
        if data.startswith(b"PK"):
            return edit_xlsx(data, edits)
        if data.startswith(b"\xd0\xcf\x11\xe0"):
            return edit_xls(data, edits)
        return edit_delimited(data, edits[""])
    except MebiasError as error:
        raise type(error)(f"{file}, {error}") from None
    except Exception as error:  # workbooks beyond a format's limits raise anything at all
        raise AnnotationError(
            f"{file} cannot be written anew in its own format ({type(error).__name__}: {error}); "
            f"save it as xlsx or CSV and load it anew."
        ) from None


def _refuse_unlike(file: str, old: Sheet, new: Sheet, edits: Edits) -> None:
    before, after = _cells(old), _cells(new)
    expected = dict(before)
    expected.update({place: value for place, (value, _) in edits.frames.items()})
    expected.update({place: before.get(source) for place, source in edits.copies.items()})
    expected.update(edits.texts)
    for place in sorted({*expected, *after}):
        wanted, found = expected.get(place), after.get(place)
        if not _alike(wanted, found):
            raise OutputError(
                f"{file}, {f'sheet {old.name!r}, ' if old.name else ''}cell {cell_name(place)}: "
                f"written as {wanted!r} but read back as {found!r}; save the file as xlsx or CSV "
                f"and load it anew."
            )


def _alike(wanted: object, found: object) -> bool:
    if plain(wanted) == plain(found) == "":
        return True
    if isinstance(wanted, str) != isinstance(found, str):
        return isinstance(found, str) and plain(wanted) == found  # a CSV holds text only
    return wanted == found or (isinstance(wanted, str) and harmless(wanted) == found)


def _cells(sheet: Sheet) -> dict[Place, object]:
    return {
        (number, column): cell
        for number, cells in sheet.rows
        for column, cell in enumerate(cells)
        if plain(cell)
    }
