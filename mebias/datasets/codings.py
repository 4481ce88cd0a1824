"""Codings of several coders: anyone's table, or ELAN's tab-separated export.

A table has one row per event that a coder saw, with the columns (any order, more are passed
over; CSV, TSV or a workbook):

- ``subject``, ``coder``;
- ``onset``, ``apex``, ``offset`` in frames, or ``onset_ms``, ``apex_ms``, ``offset_ms``; a
  blank apex is unknown, a row blank in all three says: looked at, nothing found;
- ``fps``, needed for frames (or one number for the whole file);
- if wanted ``video`` (events are matched within it), ``pass`` (1 where missing), ``event`` (a
  name, where coders were given the events: then nothing is matched), ``order`` (place in the
  coder's working order), ``dataset``.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mebias import tables
from mebias.datasets.elan import is_elan, read_elan
from mebias.datasets.workbook import Table, find_table, plain, read_sheets
from mebias.errors import AnnotationError, TableError, listed, suggest

_COLUMNS = {
    "subject": ("subject", "sub_ID", "participant"),
    "coder": ("coder", "annotator", "rater"),
    "video": ("video", "clip", "filename", "recording"),
    "pass": ("pass", "session", "round"),
    "event": ("event",),
    "onset": ("onset", "onset frame", "onsetF"),
    "apex": ("apex", "apex frame", "apexF"),
    "offset": ("offset", "offset frame", "offsetF"),
    "onset_ms": ("onset_ms", "onset (ms)"),
    "apex_ms": ("apex_ms", "apex (ms)"),
    "offset_ms": ("offset_ms", "offset (ms)"),
    "fps": ("fps", "frame rate"),
    "order": ("order", "working order"),
    "dataset": ("dataset",),
}
_NUMBERS = ("onset", "apex", "offset", "onset_ms", "apex_ms", "offset_ms", "fps", "order")
_MISSING = frozenset({"", "/", "\\", "nan", "na", "n/a", "none", "?"})
_CODERS = {
    "coder": ("coder", "annotator", "rater"),
    "culture": ("culture", "ethnicity", "group"),
    "training": ("training",),
    "note": ("note", "notes"),
}
_SUBJECTS = {
    "subject": ("subject", "sub_ID", "participant"),
    "ethnicity": ("ethnicity", "ethnic", "group"),
}


def read_codings(path: str | Path, *, fps: float | None = None) -> pd.DataFrame:
    r"""Read what coders wrote down.

    Parameters
    ----------
    path : path
        A CSV, TSV or workbook with the columns named above, or ELAN's tab-separated export
        (`mebias.datasets.elan`).
    fps : float, optional
        Frames per second of rows that state none.

    Returns
    -------
    DataFrame
        A checked codings table (`mebias.schemas`).

    Raises
    ------
    AnnotationError
        The file cannot be read, or a row is not what it should be; the message names it.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> text = "subject,coder,onset,apex,offset\ns1,ann,10,20,30\ns1,bo,11,20,33\n"
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "codings.csv"
    ...     _ = path.write_text(text)
    ...     table = read_codings(path, fps=100)
    >>> table[["coder", "onset_ms", "offset_ms"]].values.tolist()
    [['ann', 100.0, 300.0], ['bo', 110.0, 330.0]]
    """
    path = Path(path)
    sheets = read_sheets(path)
    if is_elan(sheets[0]):
        return checked_codings(read_elan(path.name, sheets[0]), origin=path.name, fps=fps)
    table = find_table(path, _COLUMNS, ("subject", "coder"))
    rows = [_row(table, row) for row in table.rows]
    if not rows:
        raise AnnotationError(f"{path.name} has a header and no row; expected codings below it.")
    return checked_codings(pd.DataFrame(rows), origin=path.name, fps=fps)


def _row(table: Table, row: tuple[int, tuple[object, ...]]) -> dict[str, object]:
    found: dict[str, object] = {"row": float(row[0])}
    for column in _COLUMNS:
        if column not in table.columns:
            continue
        text = plain(table.cell(row, column))
        if column not in _NUMBERS:
            found[column] = text
            continue
        try:
            found[column] = math.nan if text.casefold() in _MISSING else float(text)
        except ValueError:
            raise AnnotationError(
                f"{table.where(row[0], column)}: found {text!r}, expected a number or a blank "
                f"cell; mend the cell."
            ) from None
    return found


def checked_codings(
    table: pd.DataFrame, *, origin: str = "the annotations", fps: float | None = None
) -> pd.DataFrame:
    """Put codings into their form, or say in one sentence what is wrong with which row.

    Parameters
    ----------
    table : DataFrame
        Columns as named at the top of this module.
    origin : str
        What messages call it.
    fps : float, optional
        Frames per second of rows that state none.

    Returns
    -------
    DataFrame
        A codings table whose ``onset_ms``, ``apex_ms``, ``offset_ms`` are filled.

    Raises
    ------
    AnnotationError
        Frames and ms in one table, frames without fps, keyframes out of order or incomplete,
        a row twice, a nameless coder or subject, one coder.
    """
    try:
        found = tables.conform(table, "codings", origin)
    except TableError as error:
        raise AnnotationError(str(error)) from None
    if "row" not in table.columns or found["row"].isna().any():
        found["row"] = pd.RangeIndex(2, len(found) + 2).astype(float)
    for column in ("subject", "coder", "video", "event", "pass"):
        found[column] = found[column].str.strip()
    found.loc[found["pass"].str.casefold().isin(_MISSING), "pass"] = "1"
    _named(found, origin)
    found = _timed(found, origin, fps)
    _ordered(found, origin)
    _once(found, origin)
    if found["coder"].nunique() < 2:
        raise AnnotationError(
            f"{origin} has one coder ({found['coder'].iloc[0]}); agreement needs two or more: add "
            f"the rows of another coder."
        )
    return found


def _named(found: pd.DataFrame, origin: str) -> None:
    if found.empty:
        raise AnnotationError(f"{origin} has no row; expected codings.")
    for column in ("subject", "coder"):
        blank = found[found[column] == ""]
        if len(blank):
            raise AnnotationError(
                f"{origin}, row {blank['row'].iloc[0]:.0f}, column {column}: found a blank cell, "
                f"expected a name; fill it in or delete the row."
            )


def _timed(found: pd.DataFrame, origin: str, fps: float | None) -> pd.DataFrame:
    """Times in ms for all rows, from frames where these are given."""
    if fps is not None and not (math.isfinite(fps) and fps > 0):
        raise AnnotationError(f"fps is {fps}; expected frames per second, a number above 0.")
    bad = found[found["fps"] <= 0]
    if len(bad):
        raise AnnotationError(
            f"{origin}, row {bad['row'].iloc[0]:.0f}, column fps: found {bad['fps'].iloc[0]:g}, "
            f"expected a number above 0; mend the cell."
        )
    frames, ms = found[list(tables.KEYFRAMES)].notna(), found[_MS].notna()
    if frames.to_numpy().any() and ms.to_numpy().any() and not _same(found):
        first = found.loc[frames.any(axis=1), "row"].iloc[0]
        other = found.loc[ms.any(axis=1), "row"].iloc[0]
        raise AnnotationError(
            f"{origin} mixes frames (row {first:.0f}) and ms (row {other:.0f}); give all times in "
            f"onset, apex, offset (frames) or all in onset_ms, apex_ms, offset_ms."
        )
    found = found.assign(fps=found["fps"].fillna(fps if fps is not None else math.nan))
    lacking = found[frames.any(axis=1) & found["fps"].isna()]
    if len(lacking):
        raise AnnotationError(
            f"{origin}, row {lacking['row'].iloc[0]:.0f}: the times are frames and no frame rate "
            f"is stated; give --fps or a column fps."
        )
    uneven = found[found["video"] != ""].groupby(["subject", "video"])["fps"].nunique()
    if (uneven > 1).any():
        subject, video = uneven[uneven > 1].index[0]
        raise AnnotationError(
            f"{origin}: video {video} of subject {subject} has two frame rates; expected one: mend "
            f"the column fps."
        )
    if frames.to_numpy().any():
        for keyframe in tables.KEYFRAMES:
            found[f"{keyframe}_ms"] = found[keyframe] * 1000.0 / found["fps"]
    return found


_MS = [f"{keyframe}_ms" for keyframe in tables.KEYFRAMES]


def _same(found: pd.DataFrame) -> bool:
    """Whether ms and frames are given side by side and say the same, as in our own tables."""
    frames = found[list(tables.KEYFRAMES)].to_numpy(dtype=float)
    ms = found[_MS].to_numpy(dtype=float)
    told = frames * 1000 / found["fps"].to_numpy(dtype=float)[:, None]
    return bool(np.allclose(told, ms, rtol=1e-9, atol=1e-6, equal_nan=True))


def _ordered(found: pd.DataFrame, origin: str) -> None:
    for keyframe in tables.KEYFRAMES:
        below = found[found[keyframe] < 0]
        if len(below):
            raise AnnotationError(
                f"{origin}, row {below['row'].iloc[0]:.0f}, column {keyframe}: found "
                f"{below[keyframe].iloc[0]:g}, expected a frame of 0 or more; where nothing was "
                f"found leave the cells blank."
            )
    onset, apex, offset = (found[column] for column in _MS)
    frames = found["onset"].notna().any() or found["apex"].notna().any()
    for late, early, names in (
        (onset > apex, "apex", ("apex", "onset")),
        (apex > offset, "offset", ("offset", "apex")),
        (onset > offset, "offset", ("offset", "onset")),
    ):
        if late.any():
            row = found[late].iloc[0]
            first, second = names if frames else tuple(f"{n}_ms" for n in names)
            raise AnnotationError(
                f"{origin}, row {row['row']:.0f}: {early} {row[first]:g} lies before {names[1]} "
                f"{row[second]:g} (coder {row['coder']}, subject {row['subject']}); mend the row."
            )
    partial = found[(onset.isna() != offset.isna()) | (onset.isna() & apex.notna())]
    partial = partial[partial["event"] == ""]
    if len(partial):
        row = partial.iloc[0]
        there = [n for n, c in zip(tables.KEYFRAMES, _MS, strict=True) if pd.notna(row[c])]
        raise AnnotationError(
            f"{origin}, row {row['row']:.0f}: only {listed(there)} is given; events are matched by "
            f"onset and offset: fill both in, or name the event in a column event."
        )


def _once(found: pd.DataFrame, origin: str) -> None:
    unseen = found[_MS].isna().all(axis=1)
    named = found["event"] != ""
    if named.any() and not named[~unseen].all():
        row = found[~named & ~unseen].iloc[0]
        raise AnnotationError(
            f"{origin}, row {row['row']:.0f}: the event has no name and others have; name all "
            f"events, or none."
        )
    who = ["subject", "video", "coder", "pass"]
    key = [*who, "event"] if named.any() else [*who, "onset_ms", "offset_ms"]
    again = found.duplicated(key, keep=False)
    if again.any():
        same = found[again].groupby(key, dropna=False, sort=False)["row"].apply(list).iloc[0]
        row = found[again].iloc[0]
        raise AnnotationError(
            f"{origin}, rows {same[0]:.0f} and {same[1]:.0f}: coder {row['coder']} has the same "
            f"event of subject {row['subject']} twice in pass {row['pass']}; delete one of them, "
            f"or number the passes."
        )
    if named.any():
        owners = found[named].groupby(["video", "event"])["subject"].nunique()
        if (owners > 1).any():
            raise AnnotationError(
                f"{origin}: event {owners[owners > 1].index[0][1]} is of two subjects; give events "
                f"names of their own."
            )


def read_coders(path: str | Path) -> pd.DataFrame:
    """Read who the coders are: columns coder, culture, and if wanted training, note.

    Raises
    ------
    AnnotationError
        A column is missing, or a coder stands there twice.
    """
    path = Path(path)
    table = find_table(path, _CODERS, ("coder", "culture"))
    rows = [
        {name: plain(table.cell(row, name)) for name in _CODERS if name in table.columns}
        for row in table.rows
    ]
    return checked_coders(pd.DataFrame(rows), origin=path.name)


def checked_coders(table: pd.DataFrame, *, origin: str = "the coders table") -> pd.DataFrame:
    """A coders table in its form; blank cultures are ``unknown``."""
    found = tables.conform(table, "coders", origin)
    found["coder"], found["culture"] = found["coder"].str.strip(), found["culture"].str.strip()
    twice = found["coder"].duplicated()
    if twice.any():
        raise AnnotationError(
            f"{origin} has the coder {found.loc[twice, 'coder'].iloc[0]} twice; delete one row."
        )
    found.loc[found["culture"].str.casefold().isin(_MISSING), "culture"] = tables.UNKNOWN
    return found


def read_ethnicity(path: str | Path) -> dict[str, str]:
    """Read the group of each subject: columns subject and ethnicity.

    Raises
    ------
    AnnotationError
        A column is missing, or a subject has two groups.
    """
    path = Path(path)
    table = find_table(path, _SUBJECTS, ("subject", "ethnicity"))
    rows = [{n: plain(table.cell(row, n)) for n in _SUBJECTS} for row in table.rows]
    return groups_of_subjects(pd.DataFrame(rows, columns=list(_SUBJECTS)), origin=path.name)


def groups_of_subjects(
    table: pd.DataFrame | Mapping[str, str], *, origin: str = "the ethnicity table"
) -> dict[str, str]:
    """Group by subject from a table with the columns subject and ethnicity, or a mapping."""
    if isinstance(table, pd.DataFrame):
        lacking = [c for c in ("subject", "ethnicity") if c not in table.columns]
        if lacking:
            raise AnnotationError(
                f"{origin} has no column {listed(lacking)}; expected subject and ethnicity."
            )
        pairs: list[tuple[Hashable, Any]] = list(
            zip(table["subject"], table["ethnicity"], strict=True)
        )
    else:
        pairs = list(table.items())
    groups: dict[str, str] = {}
    for subject, label in pairs:
        name, group = plain(subject), plain(label)
        group = tables.UNKNOWN if group.casefold() in _MISSING else group
        if group.casefold() == tables.ALL:
            raise AnnotationError(
                f"{origin}: the group of subject {name} is called {group!r}, the name of the "
                f"whole-dataset row; call it something else."
            )
        if groups.setdefault(name, group) != group:
            raise AnnotationError(
                f"{origin}: subject {name} has the groups {groups[name]} and {group}; keep one."
            )
    return groups


def known_to(names: set[str], known: set[str], *, what: str, origin: str, where: str) -> None:
    """Refuse names in one table that another does not have.

    Raises
    ------
    AnnotationError
        In one sentence, with the nearest name.
    """
    absent = sorted(names - known)
    if absent:
        raise AnnotationError(
            f"{origin} has no row for the {what} {listed(absent)} of {where}"
            f"{suggest(absent[0], known)}; add a row, or mend the spelling."
        )
