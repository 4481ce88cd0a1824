"""Which selected frame goes into which cell of the authors' tables."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from mebias import tables
from mebias.cohort import Cohort, FrameSource
from mebias.errors import (
    FrameError,
    MebiasError,
    MixedDataError,
    OptionError,
    TableError,
    counted,
    listed,
)

WRITTEN = ("selected", "truncated")
"""Status of the keyframes that are written; all others keep the human cell."""
ABSENT = "absent"
"""Status of a human keyframe that the selected ones do not mention."""

_CODED = ["clip", "coder", "pass", "keyframe"]
_LOCATED = ["file", "sheet", "row", "column", "header", "written"]
_UNNAMED = "data"


def plan(cohort: Cohort, keyframes: pd.DataFrame) -> pd.DataFrame:
    """Every cell of a human keyframe with what becomes of it.

    Parameters
    ----------
    cohort : Cohort
        With the cells of its human keyframes.
    keyframes : DataFrame
        A keyframes table.

    Returns
    -------
    DataFrame
        dataset, clip, coder, pass, keyframe, file, sheet, row, column, header, human, mebias,
        status, source, distance; in the order of the cells, then what has none.

    Raises
    ------
    OptionError, MixedDataError, TableError, FrameError
        As in `mebias.export.export`.
    """
    cells = cohort.cells
    assert cells is not None
    chosen = _chosen(cohort, keyframes)
    coded = chosen["coder"].ne("").any() or chosen["pass"].ne("").any()
    keys = _CODED if coded else ["clip", "keyframe"]
    _refuse_doubled(chosen, keys, cells)
    joined = _joined(cells, chosen, keys)
    unplaced = joined[(joined["file"] == "") & joined["mebias"].notna()]
    if len(unplaced):
        raise OptionError(
            f"no cell of the authors' table holds {_named(unplaced)}, so that its selected frame "
            f"cannot be written back; leave these rows out of the keyframes."
        )
    _refuse_conflicts(joined)
    if cohort.frames is not None:
        _refuse_absent_frames(joined, cohort.frames)
    return joined


def _chosen(cohort: Cohort, keyframes: pd.DataFrame) -> pd.DataFrame:
    """The selected keyframes, checked as far as they can be without the cells."""
    names = [name for name in keyframes["dataset"].unique() if name not in (_UNNAMED, cohort.name)]
    if names:
        error: type[MebiasError] = OptionError
        if any(tables.is_simulated(name) != cohort.simulated for name in names):
            error = MixedDataError
        raise error(
            f"the keyframes are of {listed(names)}, but they would be written into the tables of "
            f"{cohort.name}; give the keyframes of {cohort.name}."
        )
    chosen = keyframes[keyframes["source"] != "human"]
    sources = chosen[["source", "distance"]].drop_duplicates().itertuples(index=False)
    words = [f"{source} with {distance}" if distance else source for source, distance in sources]
    if len(words) != 1:
        raise OptionError(
            f"an export holds the keyframes of one rule with one distance, but the table has "
            f"{listed(words, 8) or 'none'}; give one --rule and --distance, or filter the table."
        )
    unknown = chosen.loc[~chosen["clip"].isin(cohort.clips["clip"]), "clip"].unique()
    if len(unknown):
        raise OptionError(
            f"the keyframes name {counted(len(unknown), 'clip')} that {cohort.name} lacks: "
            f"{listed(unknown)}; select them on this dataset as it was loaded."
        )
    other = sorted(set(chosen["keyframe"]) - set(tables.KEYFRAMES))
    if other:
        raise TableError(
            f"the keyframes table has the keyframe {listed(other)}; expected onset, apex or offset."
        )
    return _whole(chosen)


def _whole(chosen: pd.DataFrame) -> pd.DataFrame:
    """The keyframes with the frame to be written, NaN where none is."""
    frame = chosen["frame"].where(chosen["status"].isin(WRITTEN))
    broken = chosen[frame.notna() & (frame.ne(np.floor(frame)) | frame.lt(0))]
    if len(broken):
        row = broken.iloc[0]
        raise TableError(
            f"clip {row['clip']}: the selected {row['keyframe']} is {row['frame']:g}, expected a "
            f"whole frame number from 0; frames between two images cannot be written back."
        )
    return chosen.assign(mebias=frame)


def _refuse_doubled(chosen: pd.DataFrame, keys: list[str], cells: pd.DataFrame) -> None:
    doubled = chosen[chosen.duplicated(keys)]
    if len(doubled):
        raise TableError(
            f"the keyframes table selects more than once: {_named(doubled)}; keep one row of each."
        )
    if keys == _CODED:
        return
    codings = cells[["clip", "coder", "pass"]].drop_duplicates()
    several = codings.loc[
        codings["clip"].duplicated() & codings["clip"].isin(chosen["clip"]), "clip"
    ]
    if len(several):
        raise OptionError(
            f"{counted(several.nunique(), 'clip')} ({listed(several.unique())}) of the authors' "
            f"table have several coders or passes, but the keyframes name none; add the columns "
            f"coder and pass."
        )


def _joined(cells: pd.DataFrame, chosen: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    left = cells.assign(
        cell=cells["keyframe"], keyframe=cells["keyframe"].replace("apex_high", "apex")
    )
    right = chosen[[*keys, "mebias", "status", "source", "distance"]]
    joined = left.merge(right, on=keys, how="left", validate="many_to_one")
    joined["status"] = joined["status"].fillna(ABSENT)
    rest = chosen.merge(left[keys].drop_duplicates(), on=keys, how="left", indicator=True)
    rest = rest.assign(cell=rest["keyframe"]).loc[rest["_merge"] == "left_only"]
    found = pd.concat([joined, rest], ignore_index=True)
    texts = ["coder", "pass", "file", "sheet", "column", "header", "written", "source", "distance"]
    for name in texts:
        found[name] = found[name].astype("object").where(found[name].notna(), "").astype(str)
    found = found.assign(keyframe=found["cell"], dataset=cells["dataset"].iloc[0])
    order = [*_CODED, *_LOCATED, "mebias", "status", "source", "distance"]
    return found[["dataset", *order]].rename(columns={"written": "human"})


def _refuse_conflicts(joined: pd.DataFrame) -> None:
    place = ["file", "sheet", "row", "column"]
    located = joined.loc[joined["file"] != "", [*place, "clip", "keyframe", "mebias"]]
    values = located.drop_duplicates([*place, "mebias"])
    clash = values[values.duplicated(place, keep=False)]
    if len(clash):
        raise OptionError(
            f"{_named(clash)} stand in one cell, but different frames were selected; leave all "
            f"but one out of the keyframes."
        )


def _refuse_absent_frames(joined: pd.DataFrame, frames: FrameSource) -> None:
    written = joined[joined["mebias"].notna()]
    for clip, rows in written.groupby("clip", sort=False):
        numbers = frames.numbers(str(clip))
        absent = rows[~rows["mebias"].isin(numbers)]
        if len(absent):
            row = absent.iloc[0]
            has = (
                f"{len(numbers)} frames from {numbers[0]} to {numbers[-1]}"
                if len(numbers)
                else "none"
            )
            raise FrameError(
                f"clip {clip}: the selected {row['keyframe']} is frame {row['mebias']:.0f}, which "
                f"is not on disk (there: {has}); nothing was written."
            )


def _named(rows: pd.DataFrame) -> str:
    return listed(_names(rows))


def _names(rows: pd.DataFrame) -> Iterator[str]:
    for clip, keyframe in zip(rows["clip"], rows["keyframe"], strict=True):
        yield f"the {keyframe} of {clip}"
