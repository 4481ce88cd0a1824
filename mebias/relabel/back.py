"""What comes back from coders: checked row by row against the key, nothing guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import pandas as pd

from mebias import tables
from mebias.errors import TableError, counted, listed
from mebias.relabel.elan import read_elan
from mebias.relabel.shown import numbers_of

NEEDED = ("packet", "item", "coder", *tables.KEYFRAMES, "no_expression")
_YES, _NO = ("true", "1", "yes"), ("false", "0", "no", "")
Row = dict[str, object]


def read_key(path: Path) -> pd.DataFrame:
    """The key of a packet.

    Raises
    ------
    TableError
        There is none, or it is not in form.
    """
    if not path.is_file():
        raise TableError(
            f"{path} was not found; the key is written beside the packet and stays with whoever "
            f"made it: give --key FILE."
        )
    key = tables.read_csv(path, "relabel_key")
    if key.empty or len(set(key["packet"])) != 1:
        raise TableError(f"{path.name} is not the key of one packet; give the file as written.")
    return key


def read_back(
    files: Sequence[Path], key: pd.DataFrame, *, partial: bool = False
) -> tuple[pd.DataFrame, list[str]]:
    """What coders marked.

    Parameters
    ----------
    files : sequence of Path
        CSVs saved by the page, or ELAN files; of one coder or several.
    key : DataFrame
        Of their packet.
    partial : bool
        Whether clips may be missing.

    Returns
    -------
    DataFrame
        A table ``second_look``, one row per coder and clip that was coded.
    list of str
        What was noticed: clips that are missing, keyframes left open.

    Raises
    ------
    TableError
        A row that does not belong, is missing, repeated, or cannot be; in one sentence.
    """
    counts = {str(i): len(numbers_of(f)) for i, f in
              key.drop_duplicates("item")[["item", "frames"]].itertuples(index=False)}  # fmt: skip
    packet = str(key["packet"].iloc[0])
    found: dict[tuple[str, str], tuple[Row, str]] = {}
    coders: dict[str, None] = {}
    for path in files:
        for row, where in _rows(Path(path), counts, packet):
            coders[str(row["coder"])] = None
            if not _coded(row):
                continue
            name = (str(row["coder"]), str(row["item"]))
            if name in found and _marks(found[name][0]) != _marks(row):
                raise TableError(
                    f"{where}: {row['coder']} marked {row['item']} otherwise in {found[name][1]}; "
                    f"keep one of the two rows."
                )
            found[name] = (row, where)
    noticed = _missing(coders, counts, found, files, partial)
    table = tables.from_rows([row for row, _ in found.values()], "second_look")
    if table.empty:
        raise TableError(f"{listed([Path(f).name for f in files])}: no clip was coded.")
    marked = table[~table["no_expression"]]
    for keyframe in tables.KEYFRAMES:
        n = int(marked[keyframe].isna().sum())
        if n:
            noticed.append(f"the {keyframe} was left open in {counted(n, 'coding')} of clips.")
    return table, noticed


def _missing(
    coders: Mapping[str, None],
    counts: Mapping[str, int],
    found: Mapping[tuple[str, str], object],
    files: Sequence[Path],
    partial: bool,
) -> list[str]:
    noticed = []
    for coder in coders:
        missing = [item for item in counts if (coder, item) not in found]
        if not missing:
            continue
        text = f"{len(missing)} of {len(counts)} clips are not coded by {coder}: {listed(missing)}"
        if not partial:
            names = listed([Path(f).name for f in files])
            raise TableError(
                f"{names}: {text}; finish them in the page, or read what is there with --partial."
            )
        noticed.append(f"{text}.")
    return noticed


def _rows(path: Path, counts: Mapping[str, int], packet: str) -> list[tuple[Row, str]]:
    elan = path.suffix.casefold() == ".eaf"
    if elan and not path.is_file():
        raise TableError(f"{path.name} was not found; check the path of the file.")
    table = pd.DataFrame(read_elan(path, counts)) if elan else tables.read_text_csv(path)
    absent = [name for name in NEEDED if name not in table.columns]
    if absent:
        raise TableError(
            f"{path.name} has no column {listed(absent)} (found: {listed(table.columns, 12)}); "
            f"expected a CSV that the page has saved."
        )
    rows, seen = [], dict[tuple[str, str], int]()
    for number, cells in enumerate(table.to_dict("records"), start=2):
        texts = {str(name): str(value).strip() for name, value in cells.items()}
        where = path.name if elan else f"{path.name}, row {number}"
        if texts["packet"] != packet:
            raise TableError(
                f"{where}: it is from packet {texts['packet'] or 'without a name'}, but the key is "
                f"that of packet {packet}; read it with the key that was written with its packet."
            )
        if texts["item"] not in counts:
            raise TableError(
                f"{where}, column item: the packet has no clip {texts['item']!r}; remove the row."
            )
        if not texts["coder"]:
            raise TableError(f"{where}, column coder: found a blank cell, expected who looked.")
        name = (texts["coder"], texts["item"])
        if name in seen:
            raise TableError(
                f"{path.name}, rows {seen[name]} and {number}: {name[1]} stands there twice; keep "
                f"one."
            )
        seen[name] = number
        rows.append((_checked(texts, counts[texts["item"]], where), where))
    return rows


def _checked(texts: Mapping[str, str], count: int, where: str) -> Row:
    row: Row = {name: texts[name] for name in ("packet", "item", "coder")}
    row["comment"] = texts.get("comment", "")
    told = texts["no_expression"].casefold()
    if told not in (*_YES, *_NO):
        raise TableError(
            f"{where}, column no_expression: found {texts['no_expression']!r}, expected true or "
            f"false; mend the cell."
        )
    row["no_expression"] = told in _YES
    for keyframe in tables.KEYFRAMES:
        row[keyframe] = _place(texts[keyframe], keyframe, count, where)
    there = [(k, row[k]) for k in tables.KEYFRAMES if row[k] is not None]
    if row["no_expression"] and there:
        raise TableError(
            f"{where}: no_expression is true, but the {there[0][0]} is marked; keep one of the two."
        )
    for (first, a), (second, b) in pairwise(there):
        if b < a:  # type: ignore[operator]
            raise TableError(
                f"{where}: the {second} (frame {b}) lies before the {first} (frame {a}); mark one "
                f"of them again."
            )
    return row


def _place(text: str, keyframe: str, count: int, where: str) -> int | None:
    if not text:
        return None
    whole = text.removesuffix(".0")
    if not (whole.isdecimal() and 1 <= int(whole) <= count):
        raise TableError(
            f"{where}, column {keyframe}: found {text!r}, expected a frame of the clip, from 1 to "
            f"{count}; mend the cell or leave it empty."
        )
    return int(whole)


def _coded(row: Row) -> bool:
    return bool(row["no_expression"]) or any(row[k] is not None for k in tables.KEYFRAMES)


def _marks(row: Row) -> tuple[object, ...]:
    return (*(row[k] for k in tables.KEYFRAMES), row["no_expression"])
