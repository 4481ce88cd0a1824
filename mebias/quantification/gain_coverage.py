"""What intervals of scores and gains cover: measured in the nearest simulated predictions.

The table is that of ``python -m mebias calibrate gain``. Of the cohorts that are nearest in
subjects and clips those count that the interval covers worst, as nobody knows how far arms
differ by subject.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import pandas as pd

from mebias.quantification.coverage import LEAST, LEVEL, Cells, table_path, with_coverage_notes

_TABLE = "gain.csv"
Row = dict[str, str]


def with_gain_notes(estimates: pd.DataFrame) -> pd.DataFrame:
    """Estimates of scores and gains with the coverage of their intervals.

    Parameters
    ----------
    estimates : DataFrame
        An estimates table of `mebias.gain`.

    Returns
    -------
    DataFrame
        A copy in which ``coverage_note`` is a sentence for every row with an interval; see
        `mebias.quantification.coverage.with_coverage_notes`, which serves quantities that
        are no scores.
    """
    noted = with_coverage_notes(estimates)
    cells = calibrated()
    at_level = np.isclose(noted["conf_level"], LEVEL) & noted["conf_low"].notna()
    for quantity in cells:
        own = np.flatnonzero(at_level & (noted["quantity"] == quantity))
        if len(own):
            sizes = (noted[c].to_numpy()[own] for c in ("n_subjects", "n_clips"))
            notes = cells[quantity].notes[cells[quantity].nearest(*sizes)]
            noted.loc[noted.index[own], "coverage_note"] = notes
    return noted


@cache
def calibrated() -> Mapping[str, Cells]:
    """Cells of the shipped table by quantity; read once."""
    with table_path().with_name(_TABLE).open(newline="", encoding="utf-8") as handle:
        return cells_of(list(csv.DictReader(handle)))


def cells_of(rows: Sequence[Row]) -> dict[str, Cells]:
    """Cells by quantity: of each size the cohorts that are covered worst.

    Parameters
    ----------
    rows : sequence of dict
        Of a table that `mebias.validation.validate_gains` makes.
    """
    worst: dict[str, dict[tuple[float, float], float]] = {}
    for row in rows:
        if row["measure"] == "coverage" and row["control"] == "False":
            by_size = worst.setdefault(row["quantity"], {})
            size = (float(row["subjects"]), float(row["clips"]))
            by_size[size] = min(float(row["value"]), by_size.get(size, 1.0))
    return {
        quantity: Cells(
            np.log(np.array(list(by_size))),
            np.array(list(by_size.values())),
            np.array([_sentence(*size, value) for size, value in by_size.items()], dtype=object),
        )
        for quantity, by_size in worst.items()
    }


def _sentence(n_subjects: float, n_clips: float, coverage: float) -> str:
    told = f"95 % intervals covered {100 * coverage:.1f} % in simulation"
    if coverage < LEAST:
        told = f"nominal 95 %; measured {100 * coverage:.1f} % in simulation"
    return f"{told} ({n_subjects:.0f} subjects, {n_clips:.0f} clips)"
