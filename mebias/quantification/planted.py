"""Simulated cohorts: what was planted against what was found."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mebias import tables
from mebias.quantification.checks import CODING, usable
from mebias.quantification.means import mean_interval

if TYPE_CHECKING:
    from mebias.quantification.findings import Findings

OUTCOMES = ("quiet", "found", "missed", "false alarm", "can't be told")
FAMILIES = ("primary", "group-vs-rest")


def planted_vs_found(
    shifts: pd.DataFrame,
    findings: Findings,
    truth: pd.DataFrame,
    planted: pd.DataFrame,
    *,
    level: float = 0.05,
) -> pd.DataFrame:
    """Set each tested contrast of groups beside what was planted in the coders' labels.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts of simulated cohorts.
    findings : Findings
        What was found in them; its tests of one group against others are looked up.
    truth : DataFrame
        Keyframes with the source ``truth``, real-valued frames, of one cohort.
    planted : DataFrame
        ethnicity, keyframe, error_ms: the mean error (label - truth) planted per group.
    level : float
        Level at which an adjusted p-value counts as found.

    Returns
    -------
    DataFrame
        A planted table. ``expected_shift_ms`` is the contrast that a selector would show
        which always picks the frame of its window nearest to the truth: labels that are
        late have to move earlier, as far as the window lets them. ``outcome``: ``found``
        and ``missed`` where a difference was planted, ``quiet`` and ``false alarm`` where
        none was (a significant contrast of the wrong sign is a false alarm too).
    """
    name = str(truth["dataset"].iloc[0])
    tests = findings.tests
    tests = tests[(tests["dataset"] == name) & tests["family"].isin(FAMILIES)]
    if tests.empty:
        return tables.empty("planted")
    rows = usable(shifts) & (shifts["dataset"] == name)
    against = _with_truth(shifts[rows], truth, planted)
    return tables.from_rows([_row(test, against, level) for _, test in tests.iterrows()], "planted")


def _with_truth(shifts: pd.DataFrame, truth: pd.DataFrame, planted: pd.DataFrame) -> pd.DataFrame:
    """Each shift with its label's true error, the error planted, and the ideal shift (ms)."""
    true = truth[["clip", "keyframe", "frame", "frame_low", "frame_high"]]
    rows = shifts.merge(true, on=["clip", "keyframe"]).merge(planted, on=["ethnicity", "keyframe"])
    frame_ms = 1000.0 / rows["fps"]
    low = rows["frame_low"].fillna(rows["frame"])
    high = rows["frame_high"].fillna(rows["frame"])
    nearest = rows["human"].clip(low, high)
    ideal = nearest.clip(rows["window_low"], rows["window_high"]).round()
    return rows.assign(
        planted_ms=rows["error_ms"],
        drawn_ms=(rows["human"] - rows["frame"]) * frame_ms,
        ideal_ms=(ideal - rows["human"]) * frame_ms,
    )


def _row(test: pd.Series, against: pd.DataFrame, level: float) -> dict[str, object]:
    first = str(test["ethnicity"]).partition(" vs ")[0]
    rows = against[
        (against["keyframe"] == test["keyframe"])
        & (against["source"] == test["source"])
        & (against["distance"] == test["distance"])
        & (against["ethnicity"] != tables.UNKNOWN)
    ].drop_duplicates([*CODING, "keyframe"])
    mine = rows["ethnicity"] == first
    contrast = {
        column: _mean(rows[mine], column) - _mean(rows[~mine], column)
        for column in ("planted_ms", "drawn_ms", "ideal_ms")
    }
    planted = 0.0 if abs(contrast["planted_ms"]) < 1e-9 else contrast["planted_ms"]
    return {
        "dataset": test["dataset"],
        "contrast": test["ethnicity"],
        "source": test["source"],
        "distance": test["distance"],
        "keyframe": test["keyframe"],
        "planted_error_ms": planted,
        "drawn_error_ms": contrast["drawn_ms"],
        "expected_shift_ms": contrast["ideal_ms"],
        "found_shift_ms": test["estimate"],
        "conf_low": test["conf_low"],
        "conf_high": test["conf_high"],
        "p_adjusted": test["p_adjusted"],
        "outcome": _outcome(planted, float(test["estimate"]), float(test["p_adjusted"]), level),
    }


def _mean(rows: pd.DataFrame, column: str) -> float:
    if rows.empty:
        return math.nan
    values = rows[column].to_numpy(dtype=float)
    if np.ptp(values) == 0:
        return float(values[0])
    return mean_interval(values, rows["subject"].to_numpy(), "subject").estimate


def _outcome(planted: float, found: float, p: float, level: float) -> str:
    """One of `OUTCOMES`.

    >>> _outcome(40.0, -3.0, 0.01, 0.05), _outcome(0.0, 2.0, 0.6, 0.05)
    ('found', 'quiet')
    """
    if math.isnan(planted) or math.isnan(p):
        return "can't be told"
    if planted == 0:
        return "false alarm" if p < level else "quiet"
    if p >= level:
        return "missed"
    return "found" if np.sign(found) == -np.sign(planted) else "false alarm"
