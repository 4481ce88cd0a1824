"""Workbooks and CSVs, cell by cell."""

from __future__ import annotations

import csv
import datetime
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import openpyxl
import xlwt

Cells = list[list[object]]


def write(path: Path, sheets: Mapping[str, Cells], merged: str = "") -> Path:
    """A workbook of the kind that the suffix says; a CSV holds the first sheet only.

    `merged` is a range of cells of the first sheet of an xlsx file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".xlsx":
        _xlsx(path, sheets, merged)
    else:
        {".xls": _xls, ".csv": _csv}[path.suffix](path, sheets)
    return path


def shuffled(rows: Sequence[list[object]], header: int, seed: int = 3) -> Cells:
    """The columns in another order, prose above the header as it was."""
    width = max(len(row) for row in rows)
    order = list(range(width))
    random.Random(seed).shuffle(order)
    below = [[*row, *[None] * (width - len(row))] for row in rows[header:]]
    return [*rows[:header], *([row[i] for i in order] for row in below)]


def _xlsx(path: Path, sheets: Mapping[str, Cells], merged: str) -> None:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    if merged:
        book.worksheets[0].merge_cells(merged)
    book.save(path)


def _xls(path: Path, sheets: Mapping[str, Cells]) -> None:
    book = xlwt.Workbook()
    dated = xlwt.easyxf(num_format_str="YYYY-MM-DD")
    for name, rows in sheets.items():
        sheet = book.add_sheet(name)
        for r, row in enumerate(rows):
            for c, value in enumerate(row):
                if isinstance(value, datetime.date | datetime.time):
                    sheet.write(r, c, value, dated)
                elif value is not None:
                    sheet.write(r, c, value)
    book.save(str(path))


def _csv(path: Path, sheets: Mapping[str, Cells]) -> None:
    with path.open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows(next(iter(sheets.values())))
