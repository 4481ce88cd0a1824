"""The tidy tables that flow between the rooms: their declared form, and the checks.

Each table is declared in `mebias.schemas`. `conform` puts a frame into that form and turns
what cannot be put into it into one clear sentence; everything downstream may rely on it.
"""

from __future__ import annotations

import csv
import gc
import math
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from io import BufferedReader, TextIOBase, TextIOWrapper
from pathlib import Path
from typing import Any, TextIO, cast

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray

from mebias.columns import ALL, Column, Kind
from mebias.errors import TableError, listed, suggest
from mebias.reading import open_plain
from mebias.schemas import (
    FAMILIES,
    HUMAN_STATUS,
    KEYFRAMES,
    MARKER,
    PLACED,
    PROBABILITY,
    SCHEMAS,
    SELECTED_STATUS,
    SIMULATED,
    UNKNOWN,
)
from mebias.text_cells import harmless, restored

__all__ = [
    "ALL",
    "COMPOSITE",
    "FAMILIES",
    "HUMAN_STATUS",
    "KEYFRAMES",
    "MARKER",
    "PLACED",
    "PROBABILITY",
    "SCHEMAS",
    "SELECTED_STATUS",
    "SIMULATED",
    "UNKNOWN",
    "Column",
    "Kind",
    "conform",
    "empty",
    "from_rows",
    "is_simulated",
    "issue",
    "joined",
    "pooled_name",
    "read_csv",
    "read_text_csv",
    "together",
    "write_csv",
]

COMPOSITE = "composite"
"""Dataset name of several datasets pooled."""
_WAITING: ContextVar[dict[Path, Path] | None] = ContextVar("_WAITING", default=None)
_TEXT: Any = pd.Series(["text"], dtype=str).dtype
"""Of texts: str, or object before pandas 3, where str would cut them to the first one's length."""
_AS_DICTS = 2000
"""Rows that are held as dicts, which take ten times the memory."""
_BLANK: dict[Kind, object] = {"text": "", "whole": math.nan, "real": math.nan, "flag": False}
"""What stands in a row that lacks a column which others have."""
_PLAIN_NUMBERS = {float, int, np.float64, np.int64}
_Values = pd.Series | list[object]


def empty(name: str) -> pd.DataFrame:
    """An empty table of the given name, with all its columns.

    >>> list(empty("issues").columns)[:3]
    ['dataset', 'clip', 'field']
    """
    return pd.DataFrame({column: _constant(spec, 0) for column, spec in SCHEMAS[name].items()})


def from_rows(rows: Iterable[dict[str, object]], name: str) -> pd.DataFrame:
    """A table from a list of dicts; empty lists give the empty table.

    >>> from_rows([{"dataset": "d", "severity": "note", "message": "well"}], "issues")["clip"][0]
    ''
    """
    rows, schema = list(rows), SCHEMAS[name]
    if not rows:
        return empty(name)
    given = set().union(*rows)
    if not given.issuperset(_required(name)) or not given.issubset(schema):
        return conform(pd.DataFrame(rows), name)
    columns: dict[str, object] = {}
    for column, spec in schema.items():
        if column in given:
            blank = _BLANK[spec.kind]
            values = [row.get(column, blank) for row in rows]
            columns[column] = _listed(values, column, spec, name)
        else:
            columns[column] = _constant(spec, len(rows))
    return pd.DataFrame(columns)


def gathered(parts: Iterable[Iterable[dict[str, object]]], name: str) -> pd.DataFrame:
    """A table from lists of dicts that come one by one: few rows at a time are held as dicts.

    >>> row = {"dataset": "d", "severity": "note", "message": "well"}
    >>> len(gathered([[row], [row, row]], "issues"))
    3
    """
    done: list[pd.DataFrame] = []
    rows: list[dict[str, object]] = []
    for part in parts:
        rows.extend(part)
        if len(rows) >= _AS_DICTS:
            done.append(from_rows(rows, name))
            rows = []
    return joined([*done, from_rows(rows, name)], name)


def joined(some: Iterable[pd.DataFrame], name: str) -> pd.DataFrame:
    """Tables of one declared form, one below the other; those without rows add nothing."""
    there = [table for table in some if len(table)]
    return pd.concat(there, ignore_index=True) if there else empty(name)


def issue(
    severity: str,
    message: str,
    *,
    dataset: str,
    clip: str = "",
    field: str = "",
    found: object = "",
    expected: object = "",
    check: str = "",
    cell: str = "",
    consequence: str = "",
) -> dict[str, object]:
    """One row of the issues table."""
    return {
        "dataset": dataset,
        "clip": clip,
        "field": field,
        "severity": severity,
        "found": str(found),
        "expected": str(expected),
        "message": message,
        "check": check,
        "cell": cell,
        "consequence": consequence,
    }


def conform(table: pd.DataFrame, name: str, origin: str = "") -> pd.DataFrame:
    """Put a table into its declared form, or say in one sentence why that cannot be.

    Parameters
    ----------
    table : DataFrame
        Columns in any order. Columns that the schema does not know are kept, last; those of
        `FAMILIES` are put into form.
    name : str
        A key of `SCHEMAS`.
    origin : str, optional
        Where the table came from (a file), for the message.

    Returns
    -------
    DataFrame
        A new frame with a fresh index, declared columns first.

    Raises
    ------
    TableError
        A required column is missing, or a value is not of its column's kind.

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"dataset": "d", "severity": "note", "message": "all well"}
    >>> conform(pd.DataFrame([row]), "issues").loc[0, "clip"]
    ''
    """
    where = origin or f"the {name} table"
    schema = SCHEMAS[name]
    missing = [column for column in _required(name) if column not in table.columns]
    if missing:
        close = suggest(missing[0], [str(c) for c in table.columns])
        raise TableError(
            f"{where} has no column {listed(missing)} (found: "
            f"{listed(table.columns, 12) or 'none'}){close}; add it or rename the column."
        )
    twice = table.columns[table.columns.duplicated()]
    if len(twice):
        raise TableError(f"{where} has the column {twice[0]!r} twice; rename one of them.")
    table = table.reset_index(drop=True)
    columns: dict[str, object] = {}
    for column, spec in schema.items():
        if column in table.columns:
            columns[column] = _coerce(table[column], column, spec, where).array
        else:
            columns[column] = _constant(spec, len(table))
    columns |= {
        str(c): _extra(table[c], str(c), name, where).array
        for c in table.columns
        if c not in schema
    }
    return pd.DataFrame(columns, index=table.index)


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table whole or not at all; floats with 12 significant digits.

    A text that a spreadsheet program would run as a formula gets an apostrophe in front, which
    `read_text_csv` takes away.
    """
    partial = path.with_name(f".{path.name}.partial")
    safe = _without_formulas(table)
    waiting = _WAITING.get()
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            # With the line end of the file, the writer would not quote a text that has another.
            safe.to_csv(_Lines(file), index=False, float_format="%.12g", lineterminator="\r\n")
        if waiting is None:
            os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    if waiting is not None:
        waiting[path] = partial


@contextmanager
def together() -> Iterator[None]:
    """Tables that are written inside take their places at the end, all of them or none.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with together():
    ...     write_csv(pd.DataFrame({"a": [1]}), folder / "a.csv")
    ...     print((folder / "a.csv").exists())
    False
    >>> print((folder / "a.csv").read_text().split())
    ['a', '1']
    """
    outer = _WAITING.get()
    if outer is not None:
        yield
        return
    waiting: dict[Path, Path] = {}
    token = _WAITING.set(waiting)
    try:
        yield
        for path, partial in waiting.items():
            os.replace(partial, path)
    finally:
        _WAITING.reset(token)
        for partial in waiting.values():
            partial.unlink(missing_ok=True)


class _Lines(TextIOBase):
    """A file whose lines end in a line feed alone; a row is written at a time."""

    def __init__(self, file: TextIO) -> None:
        self.file = file

    def write(self, line: str, /) -> int:
        return self.file.write(f"{line[:-2]}\n")


def _without_formulas(table: pd.DataFrame) -> pd.DataFrame:
    changed: dict[str, pd.Series] = {}
    for column in table.columns:
        if table[column].dtype.kind in "iufbmM":
            continue
        texts = [text for text in table[column].unique() if isinstance(text, str)]
        new = {text: safe for text in texts if (safe := harmless(text)) != text}
        if new:
            changed[column] = table[column].map(lambda text, new=new: new.get(text, text))
    found = table.assign(**changed) if changed else table
    return found.rename(columns=lambda name: harmless(name) if isinstance(name, str) else name)


def read_csv(path: Path, name: str) -> pd.DataFrame:
    """Read a table from a CSV and put it into its declared form.

    Raises
    ------
    TableError
        The file is missing, empty, not text, ragged, or not of the declared form.
    """
    return conform(read_text_csv(path), name, origin=path.name)


def read_text_csv(path: Path) -> pd.DataFrame:
    """Read any CSV with a header as text, every cell as it stands.

    Raises
    ------
    TableError
        The file is missing, is not UTF-8 text, has no header or a ragged row.
    """
    if not path.exists():
        raise TableError(f"{path.name} was not found; check the path of the table.")
    try:
        with TextIOWrapper(
            BufferedReader(open_plain(path)), encoding="utf-8-sig", newline=""
        ) as handle:
            rows = _rows(handle)
    except UnicodeDecodeError as error:
        raise TableError(
            f"{path.name} is not UTF-8 text (byte {error.start}); save it as a CSV in UTF-8."
        ) from None
    except csv.Error as error:
        raise TableError(f"{path.name} is not a readable CSV ({error}); export it anew.") from None
    except OSError as error:
        raise TableError(
            f"{path.name} cannot be read ({error.strerror}); check its permissions."
        ) from None
    if not rows:
        raise TableError(f"{path.name} is empty; expected a header and at least one row.")
    header = [cell.strip() for cell in rows[0]]
    for sign, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and sign in header[0]:
            raise TableError(
                f"{path.name} has {name} between its columns; save it with commas there, and with "
                f"points in numbers."
            )
    repeated = sorted({c for c in header if header.count(c) > 1})
    if repeated:
        raise TableError(f"{path.name} has the column {repeated[0]!r} twice; rename one of them.")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise TableError(
                f"{path.name}, row {number}, has {len(row)} cells where its header has "
                f"{len(header)}; mend that row."
            )
    return pd.DataFrame(rows[1:], columns=header, dtype=str)


def _rows(lines: Iterable[str]) -> list[list[str]]:
    """Rows that are not blank; signs that keep cells from being formulas are taken off."""
    marked = False

    def watched() -> Iterator[str]:
        nonlocal marked
        for line in lines:
            marked = marked or "'" in line
            yield line

    collecting = gc.isenabled()
    gc.disable()  # millions of rows hold no cycles, and looking for them takes half of the time
    try:
        rows = [row for row in csv.reader(watched(), strict=True) if row]
    finally:
        if collecting:
            gc.enable()
    return [_plain_row(row) for row in rows] if marked else rows


def _plain_row(row: list[str]) -> list[str]:
    return [restored(cell) if cell[:1] == "'" else cell for cell in row]


def is_simulated(dataset: str) -> bool:
    """Whether a dataset name carries the mark of a simulated cohort."""
    return dataset == SIMULATED or dataset.startswith(SIMULATED + " ")


def pooled_name(datasets: Iterable[str]) -> str:
    """The name of one or several datasets together, marked where they are simulated.

    >>> pooled_name(["SAMM"]), pooled_name(["SIMULATED SAMM", "SIMULATED SMIC"])
    ('SAMM', 'SIMULATED composite')
    """
    names = list(dict.fromkeys(datasets))
    if len(names) == 1:
        return str(names[0])
    return f"{SIMULATED} {COMPOSITE}" if is_simulated(str(names[0])) else COMPOSITE


def _required(name: str) -> Iterable[str]:
    return (column for column, spec in SCHEMAS[name].items() if spec.default is None)


def _constant(spec: Column, length: int) -> ExtensionArray | np.ndarray:
    if spec.kind == "text":
        defaults: pd.api.extensions.ExtensionArray = pd.array(
            [str(spec.default)] * length, dtype=_TEXT
        )
        return defaults
    return np.full(length, spec.default, dtype="bool" if spec.kind == "flag" else "float64")


def _listed(values: list[object], column: str, spec: Column, where: str) -> object:
    """A column of values that our own rows hold: nearly always of its kind already."""
    kinds = set(map(type, values))
    if spec.kind == "text" and kinds == {str}:
        return pd.array(cast("list[str]", values), dtype=_TEXT)
    if spec.kind == "flag" and kinds <= {bool, np.bool_}:
        return np.array(values, dtype=bool)
    if spec.kind in ("whole", "real") and kinds <= _PLAIN_NUMBERS:
        return _in_range(np.array(values, dtype=float), values, column, spec.kind, where)
    return _coerce(pd.Series(values), column, spec, where).array


def _extra(values: pd.Series, column: str, name: str, where: str) -> pd.Series:
    """A column beyond the declared ones; in form, where it belongs to a family of columns."""
    for start, spec in FAMILIES.get(name, {}).items():
        if column.startswith(start):
            return _coerce(values, column, spec, where)
    return values


def _coerce(values: pd.Series, column: str, spec: Column, where: str) -> pd.Series:
    if spec.kind == "text":
        if values.dtype == _TEXT and not values.hasnans:
            return values
        return values.astype("object").where(values.notna(), "").astype(str)
    if spec.kind == "flag":
        return _flags(values, column, where)
    return _numbers(values, column, spec.kind, where)


def _numbers(values: pd.Series, column: str, kind: Kind, where: str) -> pd.Series:
    if values.dtype.kind in "iuf":
        numbers = values.astype("float64")
    else:
        text = values.astype("object").where(values.notna(), "").astype(str).str.strip()
        blank = text.str.casefold().isin(["", "nan", "na", "none", "null", "<na>"])
        numbers = pd.to_numeric(text.where(~blank), errors="coerce").astype("float64")
        _refuse(numbers.isna() & ~blank, values, column, where, "a number")
    _in_range(numbers.to_numpy(), values, column, kind, where)
    return numbers


def _in_range(
    numbers: np.ndarray, values: _Values, column: str, kind: Kind, where: str
) -> np.ndarray:
    """The numbers, refused where they are infinite or, of whole ones, not whole."""
    _refuse(np.isinf(numbers), values, column, where, "a finite number")
    if kind == "whole":
        part = np.isfinite(numbers) & (numbers != np.round(numbers))
        _refuse(part, values, column, where, "a whole number")
    return numbers


def _flags(values: pd.Series, column: str, where: str) -> pd.Series:
    if values.dtype == bool:
        return values
    text = values.astype("object").where(values.notna(), "").astype(str).str.strip().str.casefold()
    true, false = text.isin(["true", "1", "1.0"]), text.isin(["false", "0", "0.0", "", "nan"])
    _refuse(~(true | false), values, column, where, "true or false")
    return true


def _refuse(
    bad: pd.Series | np.ndarray, values: _Values, column: str, where: str, expected: str
) -> None:
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        more = f" (and {int(bad.sum()) - 1} more)" if bad.sum() > 1 else ""
        found = str(pd.Series(values).iloc[first])
        raise TableError(
            f"{where}, row {first + 2}, column {column}: found {found!r}{more}, "
            f"expected {expected}; mend the cell or leave it empty."
        )
