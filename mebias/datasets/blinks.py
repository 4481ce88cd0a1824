"""Eye blinks, where the authors list them in a sheet of their own."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mebias import tables
from mebias.datasets import cells
from mebias.datasets.roots import Levels, first_match, refuse_links
from mebias.datasets.subjects import canonical
from mebias.datasets.workbook import find_table, has_sheet
from mebias.manifests import Manifest


def read_blinks(root: Path, manifest: Manifest) -> pd.DataFrame | None:
    """The blinks listed below a data root, or None where no such sheet is at hand.

    Returns
    -------
    DataFrame or None
        A blinks table, as declared in `mebias.tables`; rows whose frames are no numbers are
        left out.

    Raises
    ------
    AnnotationError
        The workbook is damaged, or a cell is no frame number.
    """
    blinks = manifest.blinks
    if blinks is None:
        return None
    files = first_match(Levels(root), blinks.files)
    if not files or not has_sheet(files[0], blinks.sheet):
        return None
    refuse_links(root, files[0])
    table = find_table(files[0], blinks.columns, list(blinks.columns), blinks.sheet)
    rows = [
        {
            "dataset": manifest.id,
            "video": f"{canonical(cells.name(table, row, 'subject'), manifest)}/"
            f"{cells.name(table, row, 'clip')}",
            "onset": cells.frame_number(table, row, "onset", ("0",)),
            "offset": cells.frame_number(table, row, "offset", ("0",)),
            "cell": table.where(row[0]),
        }
        for row in table.rows
    ]
    found = tables.from_rows(rows, "blinks")
    return found[found["onset"].notna() & found["offset"].notna()].reset_index(drop=True)
