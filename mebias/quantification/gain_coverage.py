"""What intervals of scores and gains cover: measured in the nearest simulated predictions.

The table is that of ``python -m mebias calibrate gain``. Of the cohorts that are nearest in
subjects and clips those count that the interval covers worst, as nobody knows how far arms
differ by subject.

That table takes the trained models as given. What retraining adds is measured by ``python -m
mebias calibrate recognition``, on cohorts that are simulated and trained on independently, and
stands beside it.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import pandas as pd

from mebias.quantification.coverage import LEAST, LEVEL, Cells, table_path, with_coverage_notes

_TABLE, _TRAINED = "gain.csv", "recognition.csv"
ENOUGH = 100
"""Cohorts that a statement on retraining rests on, at least."""
GAINED = "uf1_gain"
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
            if quantity == GAINED:
                notes = _with_retraining(notes, *(noted[c].to_numpy()[own] for c in _SIZE))
            noted.loc[noted.index[own], "coverage_note"] = notes
    return noted


_SIZE = ("n_subjects", "n_clips")


def _with_retraining(notes: np.ndarray, n_subjects: np.ndarray, n_clips: np.ndarray) -> np.ndarray:
    """Notes with what the nearest cohorts say of retraining; a coverage below 90 % goes first."""
    cells = retrained()
    if cells is None:
        return notes
    nearest = cells.nearest(n_subjects, n_clips)
    found = []
    for note, coverage, told in zip(
        notes, cells.coverages[nearest], cells.notes[nearest], strict=True
    ):
        if coverage < LEAST and str(note).startswith("95 %"):
            note = f"nominal 95 %; measured {100 * coverage:.1f} % with retraining"
        found.append(f"{note}; {told}")
    return np.array(found, dtype=object)


@cache
def retrained() -> Cells | None:
    """What retraining adds, by size of cohorts; None where the shipped table lacks it."""
    path = table_path().with_name(_TRAINED)
    if not path.is_file():
        return None
    with path.open(newline="", encoding="utf-8") as handle:
        return retrained_cells(list(csv.DictReader(handle)))


def retrained_cells(rows: Sequence[Row]) -> Cells | None:
    """Of each size the pair of arms that is covered worst.

    Parameters
    ----------
    rows : sequence of dict
        Of the cells table of `mebias.validation.calibrate_recognition`.

    Returns
    -------
    Cells or None
        None where no cell has `ENOUGH` cohorts.
    """
    worst: dict[tuple[float, float], Row] = {}
    for row in rows:
        if row["measure"] == "coverage" and int(row["n_cohorts"]) >= ENOUGH:
            size = (float(row["subjects"]), float(round(float(row["n_clips"]))))
            if size not in worst or float(row["value"]) < float(worst[size]["value"]):
                worst[size] = row
    if not worst:
        return None
    ratios = {_pair(row): row["value"] for row in rows if row["measure"] == "variance ratio"}
    told = [_retrained(*size, row, float(ratios[_pair(row)])) for size, row in worst.items()]
    return Cells(
        np.log(np.array(list(worst))),
        np.array([float(row["value"]) for row in worst.values()]),
        np.array(told, dtype=object),
    )


def _pair(row: Row) -> tuple[str, str, str]:
    return row["cell"], row["arm"], row["against"]


def _retrained(n_subjects: float, n_clips: float, row: Row, ratio: float) -> str:
    seeds = int(row["seeds"])
    return (
        f"where {row['model']} was trained anew in each of {row['n_cohorts']} SIMULATED cohorts "
        f"({n_subjects:.0f} subjects, {n_clips:.0f} clips, {seeds} seed{'s' * (seeds > 1)}), such "
        f"intervals held the mean gain in {100 * float(row['value']):.0f} % +- "
        f"{100 * float(row['mc_error']):.0f} % and gains spread {math.sqrt(ratio):.2f} times "
        f"their standard error"
    )


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
