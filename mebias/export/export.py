"""Writing re-selected keyframes back into the authors' own tables."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from mebias import tables
from mebias.cohort import Cohort
from mebias.errors import OptionError
from mebias.export.edits import Change, column_index
from mebias.export.files import write_edited
from mebias.export.plan import plan
from mebias.export.publish import TABLE, published

Columns = Literal["replace", "beside"]


@dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Attributes
    ----------
    folder : Path
        The export; ``train`` and ``test`` below it are data roots of the same dataset.
    train, test : list of Path
        The authors' tables with the selected frames, and unchanged.
    table : DataFrame
        One row per keyframe: dataset, clip, coder, pass, keyframe, file, sheet, row, column,
        human (what stood in the cell), mebias (the frame written, or NaN), status, source
        and distance. The same as ``keyframes_export.csv``.
    """

    folder: Path
    train: list[Path]
    test: list[Path]
    table: pd.DataFrame


def export(
    cohort: Cohort,
    keyframes: pd.DataFrame | str | Path,
    out: str | Path,
    *,
    columns: Columns = "replace",
    progress: bool = False,
) -> Exported:
    r"""Write re-selected keyframes back in the dataset's own format.

    The published protocol re-selects keyframes for training only. ``<out>/train`` therefore
    holds the authors' tables with the selected frames in the keyframe cells, and ``<out>/test``
    the same tables byte for byte, so that existing training code reads either one unchanged.
    A number stays a number, a text that reads as one stays text. To the right of the table
    stand, per keyframe column, ``<header>_human`` (what stood there), ``<header>_mebias`` (the
    selected frame) and ``<header>_status``; a sheet without a header row gets none of them.

    Frames with the status ``selected`` or ``truncated`` are written. Where the selection
    failed, the human cell stays and the status says so; a keyframe that the table does not
    mention has the status ``absent``. Where an apex is coded as an interval (CASME), both of
    its cells get the selected frame.

    Parameters
    ----------
    cohort : Cohort
        A dataset read by `mebias.load`.
    keyframes : DataFrame or path
        Selected keyframes of one rule with one distance, or a CSV of them.
    out : path
        A folder that is not there yet, is empty, or holds an earlier export, which is
        replaced. It is written whole or not at all; the same input gives the same bytes.
    columns : {"replace", "beside"}
        ``beside`` leaves the authors' cells as they are and adds ``<header>_mebias`` and
        ``<header>_status`` only.
    progress : bool
        Show progress on stderr.

    Returns
    -------
    Exported
        The files written, and the table of every keyframe.

    Raises
    ------
    OptionError
        The cohort has no table of its authors' on disk, the keyframes come from several
        rules or distances, or name a clip that the cohort or its table lacks.
    FrameError
        A selected frame is not on disk; nothing is written.
    TableError
        A selected frame is not a whole number, or a keyframe is selected twice.
    OutputError
        ``out`` holds something else, or cannot be written.

    Notes
    -----
    Where a clip id is made of the onset (CASME, CAS(ME)^3), it stays that of the human onset,
    which `mebias.load` takes from the column ``<onset>_human``. In an xls file formulas become
    their values, and charts, comments and validation rules are lost; in an xlsx file all of
    them stay.

    Examples
    --------
    >>> import mebias, tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> text = "clip,subject,onset,apex,offset,fps\nc1,s1,3,8,15,100\n"
    >>> _ = (root / "annotations.csv").write_text(text)
    >>> cohort = mebias.load("folder", root)
    >>> clip = cohort.clips["clip"].iloc[0]
    >>> row = {"clip": clip, "keyframe": "apex", "frame": 7, "source": "mine", "status": "selected"}
    >>> done = export(cohort, pd.DataFrame([row]), Path(tempfile.mkdtemp()) / "exported")
    >>> print(done.train[0].read_text().splitlines()[1])
    c1,s1,3,7,15,100,3,,absent,8,7,selected,15,,absent
    """
    if columns not in ("replace", "beside"):
        raise OptionError(f"columns is {columns!r}; expected 'replace' or 'beside'.")
    root = _authors_root(cohort)
    if not isinstance(keyframes, pd.DataFrame):
        keyframes = tables.read_csv(Path(keyframes), "keyframes")
    table = plan(cohort, tables.conform(keyframes, "keyframes"))
    by_file = changes(table)
    with published(Path(out), root) as (stage, folder):
        names = sorted(by_file)
        for name in _bar(names, progress):
            write_edited(root / name, stage / "train" / name, by_file[name], columns)
            (stage / "test" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, stage / "test" / name)
        _keep_mark(root, stage)
        tables.write_csv(table, stage / TABLE)
    train = [folder / "train" / name for name in names]
    return Exported(folder, train, [folder / "test" / name for name in names], table)


def changes(table: pd.DataFrame) -> dict[str, dict[str, list[Change]]]:
    """What is to be done to each sheet of each file."""
    found: dict[str, dict[str, list[Change]]] = {}
    located = table[table["file"] != ""]
    for row in located.to_dict("records"):
        frame = row["mebias"]
        change = Change(
            int(row["row"]),
            column_index(str(row["column"])),
            str(row["header"]),
            None if pd.isna(frame) else int(frame),
            str(row["status"]),
        )
        found.setdefault(str(row["file"]), {}).setdefault(str(row["sheet"]), []).append(change)
    return found


def _authors_root(cohort: Cohort) -> Path:
    """The data root of a cohort that has a table to write back to."""
    if cohort.root is None:
        how = (
            "it is simulated and was never on disk; write it with python -m mebias simulate "
            "--frames and load that folder"
            if cohort.simulated
            else "it was not read from a folder; load it with mebias.load"
        )
        raise OptionError(f"{cohort.name} has no authors' file to write back to: {how}.")
    if cohort.cells is None or cohort.cells.empty:
        raise OptionError(
            f"{cohort.name} comes without a table of keyframes (its clips are folders), so there "
            f"is no table to write back to; use the frames in keyframes.csv instead."
        )
    return cohort.root


def _keep_mark(root: Path, stage: Path) -> None:
    """A simulation stays known as one."""
    if (root / tables.MARKER).is_file():
        for folder in (stage / "train", stage / "test", stage):
            shutil.copyfile(root / tables.MARKER, folder / tables.MARKER)


def _bar(names: Sequence[str], progress: bool) -> Iterable[str]:
    if not progress:
        return names
    from tqdm import tqdm

    bar: Iterable[str] = tqdm(names, desc="export", unit="file", file=sys.stderr)
    return bar
