"""What intervals of coders' estimates cover: measured in the nearest simulated studies.

The table is that of ``python -m mebias calibrate coders``. Of the studies that are nearest in
subjects and events those count that the interval covers worst.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pandas as pd

from mebias.quantification.coverage import (
    LEVEL,
    NOT_SIMULATED,
    Cells,
    table_path,
    with_coverage_notes,
)
from mebias.quantification.gain_coverage import cells_of

_TABLE = "coders.csv"
_SAME = {"consensus_error_sd": "single_coder_error_sd",
         "single_coder_share_beyond_33_ms": "single_coder_error_sd"}  # fmt: skip
"""Quantities whose intervals are those of another one on another scale."""


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
        is below 90 %, or "coverage not simulated". Quantities that studies of coders were not
        simulated for take the note of their kind of interval
        (`mebias.quantification.coverage.with_coverage_notes`). Rows without an interval have
        none.

    Examples
    --------
    >>> from mebias import tables
    >>> row = {"dataset": "d", "source": "ann", "keyframe": "apex", "quantity": "coder_bias",
    ...        "estimate": 1.5, "conf_level": 0.95, "conf_low": 1.0, "conf_high": 2.0,
    ...        "n_subjects": 24.0, "n_clips": 120.0}
    >>> with_coder_notes(tables.from_rows([row], "estimates"))["coverage_note"][0][:24]
    '95 % intervals covered 9'
    """
    noted = with_coverage_notes(estimates)
    told = noted["coverage_note"].ne("").to_numpy()
    at_level = np.isclose(noted["conf_level"].to_numpy(dtype=float), LEVEL)
    sizes = noted[["n_subjects", "n_clips"]].to_numpy(dtype=float)
    quantities = noted["quantity"].to_numpy(dtype=object)
    notes = noted["coverage_note"].to_numpy(dtype=object).copy()
    quantities = np.array([_SAME.get(str(q), q) for q in quantities], dtype=object)
    for quantity, cells in calibrated().items():
        here = told & (quantities == quantity)
        notes[here & ~at_level] = NOT_SIMULATED
        own = np.flatnonzero(here & at_level)
        if len(own):
            notes[own] = cells.notes[cells.nearest(*sizes[own].T)]
    return noted.assign(coverage_note=pd.Series(notes, index=noted.index, dtype="str"))


@cache
def calibrated() -> Mapping[str, Cells]:
    """Cells of the shipped table by quantity; read once."""
    found = cells_of(_shipped())
    return {
        quantity: replace(
            cells,
            notes=np.array([note.replace(" clips)", " events)") for note in cells.notes], object),
        )
        for quantity, cells in found.items()
    }


@dataclass(frozen=True)
class Levels:
    """In how many percent of studies without it culture x ethnicity was found.

    Attributes
    ----------
    coders : tuple of two ints
        Coders of the culture, and others, in these studies.
    low, high : float
        Least and largest share over all kinds of studies with so many.
    """

    coders: tuple[int, int]
    low: float
    high: float


def levels(own: int, others: int) -> Levels | None:
    """What the test of coder culture x ethnicity found where there is nothing to find.

    Parameters
    ----------
    own, others : int
        Coders of the culture, and others. Studies with as many coders in all, or with the next
        smaller number that was simulated, are told of.

    Examples
    --------
    >>> levels(2, 2).coders
    (2, 2)
    """
    found: dict[tuple[int, int], list[float]] = {}
    for row in _shipped():
        match = _SIDES.match(row["cell"])
        if match and row["measure"] == _REJECTED and row["control"] == "False":
            found.setdefault((int(match[1]), int(match[2])), []).append(float(row["value"]))
    if not found:
        return None
    fewer = [sides for sides in found if sum(sides) <= own + others]
    nearest = max(fewer, key=sum) if fewer else min(found, key=sum)
    return Levels(nearest, min(found[nearest]), max(found[nearest]))


_SIDES = re.compile(r"(\d+) and (\d+) coders,")
_REJECTED = "level"


@cache
def _shipped() -> list[dict[str, str]]:
    with table_path().with_name(_TABLE).open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))
