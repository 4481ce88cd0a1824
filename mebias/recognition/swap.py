"""Swapping keyframes in a table of annotations that existing training code reads."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mebias import tables
from mebias.errors import OptionError, TableError, listed, suggest

SWAPPED = ("selected", "truncated")
"""Status of the keyframes that take the place of human ones."""
ABSENT = "absent"
"""Status of a keyframe that the selected ones do not mention."""


def swap(
    table: pd.DataFrame, keyframes: pd.DataFrame, columns: Mapping[str, str], key: str
) -> pd.DataFrame:
    """A table of annotations with its keyframes swapped for selected ones.

    For code that reads the authors' table with pandas and has a dataset of its own. Where a
    selection failed or is not there, the human frame stays, and the status says so.

    Parameters
    ----------
    table : DataFrame
        Annotations, one row per expression.
    keyframes : DataFrame
        A keyframes table of one rule with one distance.
    columns : mapping
        Keyframe (onset, apex, offset) to its column in the table.
    key : str
        How a clip id is made of a row's columns, such as ``"{Subject}/{Filename}"`` or
        ``"{Subject:0>3}/{Filename}#{Onset}"``.

    Returns
    -------
    DataFrame
        A copy, its index and order as they were. Swapped columns keep their kind (numbers or
        text). New columns, last: ``<column>_human`` and ``<column>_status``.

    Raises
    ------
    OptionError
        A column or keyframe is not known or was swapped before, the keyframes come from
        several rules, or no clip id made of ``key`` occurs among them.
    TableError
        Two rows make the same clip id, or a selected frame is not a whole number.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"Subject": [6], "Filename": ["006_1"], "Apex": [30]})
    >>> rows = [{"clip": "006/006_1", "keyframe": "apex", "frame": 28, "source": "gamdss",
    ...          "status": "selected"}]
    >>> swap(table, pd.DataFrame(rows), {"apex": "Apex"}, "{Subject:0>3}/{Filename}")
       Subject Filename  Apex  Apex_human Apex_status
    0        6    006_1    28          30    selected
    """
    _refuse_columns(table, columns)
    chosen = one_source(keyframes)
    clips = _clip_ids(table, key)
    if len(table) and not clips.isin(chosen["clip"]).any():
        raise OptionError(
            f"none of the clip ids that key {key!r} makes ({listed(clips, 2)}) is among those of "
            f"the keyframes ({listed(chosen['clip'].unique(), 2)}); write key so that they agree."
        )
    swapped, added = table.copy(), {}
    for keyframe, column in columns.items():
        own = chosen[chosen["keyframe"] == keyframe].set_index("clip")
        frames = clips.map(own["used"]).to_numpy(dtype=float)
        swapped[column] = _replaced(table[column], frames)
        added[f"{column}_human"] = table[column]
        added[f"{column}_status"] = clips.map(own["status"]).fillna(ABSENT).astype(str)
    return swapped.assign(**added)


def one_source(keyframes: pd.DataFrame, coder: str | None = None) -> pd.DataFrame:
    """Selected keyframes of one rule and distance, with the frame to use, else NaN, in ``used``.

    Parameters
    ----------
    keyframes : DataFrame
        A keyframes table.
    coder : str, optional
        Only those selected around this coder's frames, or around nobody's in particular.

    Raises
    ------
    OptionError
        They come from several rules or distances, or from none.
    TableError
        A keyframe is selected twice, or its frame is not a whole number.
    """
    chosen = tables.conform(keyframes, "keyframes")
    chosen = chosen[chosen["source"] != "human"].reset_index(drop=True)
    pairs = chosen[["source", "distance"]].drop_duplicates()
    words = [
        f"{s} with {d}" if d else s for s, d in zip(pairs["source"], pairs["distance"], strict=True)
    ]
    if len(words) != 1:
        raise OptionError(
            f"keyframes of one rule with one distance take the place of human ones, but the table "
            f"has {listed(words, 8) or 'none'}; filter it by source and distance."
        )
    if coder is not None:
        chosen = chosen[chosen["coder"].isin([coder, ""])].reset_index(drop=True)
    doubled = chosen[chosen.duplicated(["clip", "keyframe"])]
    if len(doubled):
        first = doubled.iloc[0]
        raise TableError(
            f"the keyframes table selects the {first['keyframe']} of {first['clip']} more than "
            f"once (coders: {listed(sorted(set(chosen['coder'])))}); keep one row of each."
        )
    used = chosen["frame"].where(chosen["status"].isin(SWAPPED))
    broken = chosen[used.notna() & used.ne(np.floor(used))]
    if len(broken):
        first = broken.iloc[0]
        raise TableError(
            f"clip {first['clip']}: the selected {first['keyframe']} is {first['frame']:g}, "
            f"expected a whole frame number."
        )
    return chosen.assign(used=used)


def _refuse_columns(table: pd.DataFrame, columns: Mapping[str, str]) -> None:
    unknown = [keyframe for keyframe in columns if keyframe not in tables.KEYFRAMES]
    if unknown or not columns:
        raise OptionError(
            f"columns names the keyframe {listed(unknown) or 'none'}; expected onset, apex or "
            f"offset."
        )
    absent = [column for column in columns.values() if column not in table.columns]
    if absent:
        raise OptionError(
            f"the table has no column {absent[0]!r} (found: {listed(table.columns, 12)})"
            f"{suggest(absent[0], [str(c) for c in table.columns])}."
        )
    swapped = [f"{column}_human" for column in columns.values() if f"{column}_human" in table]
    if swapped:
        raise OptionError(
            f"the table has a column {swapped[0]!r} already, so its keyframes were swapped before; "
            f"swap those of the authors' table."
        )


def _clip_ids(table: pd.DataFrame, key: str) -> pd.Series:
    try:
        ids = [key.format_map(row) for row in table.to_dict("records")]
    except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
        raise OptionError(
            f"key {key!r} cannot be filled in from the table ({error}; its columns: "
            f"{listed(table.columns, 12)}); write it as '{{Subject}}/{{Filename}}'."
        ) from None
    clips = pd.Series(ids, index=table.index, dtype="str")
    doubled = clips[clips.duplicated()]
    if len(doubled):
        raise TableError(
            f"key {key!r} makes the clip id {doubled.iloc[0]} of more than one row; add a column "
            f"that tells these expressions apart, such as '#{{Onset}}'."
        )
    return clips


def _replaced(column: pd.Series, frames: np.ndarray) -> pd.Series:
    """A column with frames in some of its rows, numbers or text as it was."""
    swap_here = ~np.isnan(frames)
    if column.dtype.kind in "iuf":
        values = column.to_numpy(copy=True)
        values[swap_here] = frames[swap_here].astype(values.dtype)
        return pd.Series(values, index=column.index, name=column.name)
    cells: list[object] = [
        (str(int(frame)) if isinstance(old, str) else int(frame)) if swaps else old
        for old, frame, swaps in zip(column, frames, swap_here, strict=True)
    ]
    return pd.Series(cells, index=column.index, name=column.name, dtype=column.dtype)
