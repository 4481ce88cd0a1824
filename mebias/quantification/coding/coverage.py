"""What intervals of coders' estimates cover: measured in the nearest simulated studies.

The table is that of ``python -m mebias calibrate coders``. Of the studies that are nearest in
subjects and events those count that the interval covers worst.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

from mebias.quantification.coverage import LEVEL, NOT_SIMULATED, Cells, table_path
from mebias.quantification.gain_coverage import cells_of

_TABLE = "coders.csv"


def with_coder_notes(estimates: pd.DataFrame) -> pd.DataFrame:
    """Estimates of coders with the coverage of their intervals.

    Parameters
    ----------
    estimates : DataFrame
        An estimates table of `mebias.coders`; its ``n_clips`` are events.

    Returns
    -------
    DataFrame
        A copy in which ``coverage_note`` is a sentence for every row with an interval: "95 %
        intervals covered ... % in simulation (...)", "nominal 95 %; measured ... %" where that
        is below 90 %, or "coverage not simulated". Rows without an interval have none.

    Examples
    --------
    >>> row = {"quantity": "coder_bias", "conf_level": 0.95, "conf_low": 1.0, "conf_high": 2.0,
    ...        "n_subjects": 24.0, "n_clips": 120.0}
    >>> with_coder_notes(pd.DataFrame([row]))["coverage_note"][0][:24]
    '95 % intervals covered 9'
    """
    bounds = estimates[["conf_low", "conf_high"]].to_numpy(dtype=float)
    told = np.isfinite(bounds).all(axis=1)
    notes = np.where(told, NOT_SIMULATED, "").astype(object)
    told &= np.isclose(estimates["conf_level"].to_numpy(dtype=float), LEVEL)
    sizes = estimates[["n_subjects", "n_clips"]].to_numpy(dtype=float)
    quantities = estimates["quantity"].to_numpy(dtype=object)
    for quantity, cells in calibrated().items():
        own = np.flatnonzero(told & (quantities == quantity))
        if len(own):
            notes[own] = cells.notes[cells.nearest(*sizes[own].T)]
    return estimates.assign(coverage_note=pd.Series(notes, index=estimates.index, dtype="str"))


@cache
def calibrated() -> Mapping[str, Cells]:
    """Cells of the shipped table by quantity; read once."""
    with table_path().with_name(_TABLE).open(newline="", encoding="utf-8") as handle:
        found = cells_of(list(csv.DictReader(handle)))
    return {
        quantity: replace(
            cells,
            notes=np.array([note.replace(" clips)", " events)") for note in cells.notes], object),
        )
        for quantity, cells in found.items()
    }
