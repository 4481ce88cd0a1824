"""What each interval covers: the coverage measured in the nearest simulated cohorts.

The table is that of ``python -m mebias calibrate statistics``. An estimate is set beside the
cohorts that are nearest in subjects and clips, whose values are of its kind, and, since the
intraclass correlation is not known, of these the ones that its interval covers worst.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

LEAST = 0.90
"""An interval that covers less than this is not called by its nominal level."""
LEVEL = 0.95
"""Nominal level of the intervals that were simulated."""
NOT_SIMULATED = "coverage not simulated"
ANY, NORMAL, BOUNDED, SKEWED = "any", "normal", "bounded", "skewed"
KINDS = (ANY, NORMAL, BOUNDED, SKEWED)
"""What is known of the values; with `ANY` the kind that is covered worst counts."""
_TABLE = "statistics.csv"
_ESTIMATORS = (
    ("difference of two weighted means, CR2", "difference", ""),
    ("random-intercept weights (REML), CR2, Satterthwaite df", "mean", "subject"),
    ("mean of clips, CR2, Satterthwaite df", "mean", "clip"),
    ("mean of subjects' means, t(G - 1)", "mean", "subject-mean"),
    ("SD of clips, jackknife", "sd", "clip"),
    ("mean absolute difference between clips", "mean_absolute_difference", "clip"),
    ("Korn-Graubard", "share", "clip"),
    ("trimmed mean of clips; mid-rank BCa", "trimmed_mean", "clip"),
    ("median of clips; mid-rank BCa", "median", "clip"),
    ("95 % quantile of clips; mid-rank BCa", "quantile_95", "clip"),
    ("5 % quantile of clips; mid-rank BCa", "quantile_05", "clip"),
    ("MOVER", "limit", "subject"),
    ("concordance correlation (Lin), jackknife", "ccc", "clip"),
    ("ICC(A,1), absolute agreement, jackknife", "icc_a1", "clip"),
    ("ICC(C,1), consistency, jackknife", "icc_c1", "clip"),
)
"""Words of a method, and the calibrated quantity and weighting (empty: the row's own)."""
_OTHERWISE = "carried by the delta method"
"""Words of a method whose interval is not the calibrated one, whatever else it names."""
_LENGTHS = re.compile("mean_(rise|fall|duration)_|(ccc|icc_a1|icc_c1)(_|$)")
"""Quantities of phase lengths: positive, with a long tail."""
_MEASURED = re.compile(r"nominal 95 %(?:; measured| covered) ([0-9.]+) %")
_ANY_KIND = ("difference", "share")
"""Quantities whose cells are told apart by groups, or by the share, not by the values."""


@dataclass(frozen=True)
class Cells:
    """Simulated cohorts of one quantity, weighting and kind, one entry per size.

    Attributes
    ----------
    log_sizes : ndarray, shape (K, 2)
        Logs of the numbers of subjects and of clips.
    coverages : ndarray, shape (K,)
        Of the cohorts of this size that are covered worst.
    notes : ndarray of str, shape (K,)
        The same in a sentence.
    """

    log_sizes: np.ndarray
    coverages: np.ndarray
    notes: np.ndarray

    def nearest(self, n_subjects: np.ndarray, n_clips: np.ndarray) -> np.ndarray:
        """Index of the nearest size, by ratios of subjects and of clips."""
        wanted = np.log(np.maximum(np.column_stack([n_subjects, n_clips]).astype(float), 1.0))
        distance = ((wanted[:, None, :] - self.log_sizes[None, :, :]) ** 2).sum(axis=2)
        return np.asarray(distance.argmin(axis=1))


Row = dict[str, str]
Key = tuple[str, str, str, int]
"""Quantity, weighting, kind of values, and for shares the place of the share, else 0."""


def table_path() -> Path:
    """The shipped calibration table: inside the package, else that of the checkout."""
    package = Path(__file__).parent.parent
    inside = package / "validation_tables" / _TABLE
    return inside if inside.is_file() else package.parent / "reports" / "validation" / _TABLE


@cache
def calibrated() -> tuple[Mapping[Key, Cells], np.ndarray]:
    """Cells of the shipped table by what they are about, and its shares; read once."""
    rows = shipped_rows()
    return cells_of(rows), calibrated_shares(rows)


def shipped_rows() -> list[Row]:
    """Rows of the shipped table that tell the coverage of shipped intervals.

    Levels of tests and row-level analyses, the control, are left out.
    """
    with table_path().open(newline="", encoding="utf-8") as handle:
        return [
            row
            for row in csv.DictReader(handle)
            if row["measure"] == "coverage" and row["control"] == "False"
        ]


def calibrated_shares(rows: Sequence[Row]) -> np.ndarray:
    """Shares that were simulated, as `_folded` counts them, ascending."""
    shares = [float(row["truth"]) for row in rows if row["quantity"] == "share"]
    return np.unique(_folded(np.array(shares)))


def _folded(share: np.ndarray) -> np.ndarray:
    """Log of a share or of its complement, whichever is rarer."""
    return np.asarray(np.log(np.clip(np.minimum(share, 1 - share), 1e-3, 0.5)).round(9))


def cells_of(rows: Sequence[Row]) -> dict[Key, Cells]:
    """Cells of a calibration table by what they are about.

    Parameters
    ----------
    rows : sequence of dict
        As `shipped_rows` gives them.
    """
    shares = calibrated_shares(rows)
    by_key: dict[Key, list[Row]] = {}
    for row in rows:
        quantity = "limit" if row["quantity"].startswith("limit_") else row["quantity"]
        place = 0
        if quantity == "share":
            place = int(np.searchsorted(shares, _folded(np.array([float(row["truth"])]))[0]))
        kinds = [ANY] if quantity in _ANY_KIND else [ANY, row["distribution"]]
        for kind in kinds:
            by_key.setdefault((quantity, row["weighting"], kind, place), []).append(row)
    return {key: _worst_by_size(own) for key, own in by_key.items()}


def _worst_by_size(rows: Sequence[Row]) -> Cells:
    worst: dict[tuple[float, float], Row] = {}
    for row in rows:
        size = (float(row["subjects"]), float(row["clips"]))
        if size not in worst or float(row["value"]) < float(worst[size]["value"]):
            worst[size] = row
    return Cells(
        np.log(np.array(list(worst))),
        np.array([float(row["value"]) for row in worst.values()]),
        np.array([_sentence(row) for row in worst.values()], dtype=object),
    )


def _sentence(row: Row) -> str:
    coverage = float(row["value"])
    values = f"{row['distribution']} values"
    if row["quantity"] == "share":
        values = f"a share of {100 * float(row['truth']):.3g} %"
    who = row["groups"] or f"{float(row['subjects']):.0f} subjects"
    spread = ", minority's spread doubled" if "doubled" in row["cell"] else ""
    where = f"{who}, {float(row['clips']):.0f} clips, {values}, ICC {float(row['icc']):g}{spread}"
    told = f"95 % intervals covered {100 * coverage:.1f} % in simulation"
    if coverage < LEAST:
        told = f"nominal 95 %; measured {100 * coverage:.1f} % in simulation"
    return f"{told} ({where})"


def with_coverage_notes(estimates: pd.DataFrame) -> pd.DataFrame:
    """Estimates with the coverage of their intervals, measured in the nearest simulated cohorts.

    Parameters
    ----------
    estimates : DataFrame
        An estimates table.

    Returns
    -------
    DataFrame
        A copy in which ``coverage_note`` is a sentence for every row with an interval:
        "95 % intervals covered ... % in simulation (...)", "nominal 95 %; measured ... %"
        where that is below 90 %, or, where no such interval was simulated, the note that is
        there already, else "coverage not simulated". Rows without an interval have none.
        Shifts within windows count as bounded, phase lengths as skewed, those of the motion
        posterior as normal; of others nothing is known, and the worst kind counts.

    Examples
    --------
    >>> import mebias
    >>> from mebias.quantification.checks import checked_shifts
    >>> from mebias.quantification.estimates import estimates_table
    >>> found = with_coverage_notes(estimates_table(checked_shifts(mebias.example())))
    >>> found.loc[0, "coverage_note"][:20]
    '95 % intervals cover'
    """
    noted = estimates.copy()
    noted["coverage_note"] = pd.Series(_notes(estimates), index=estimates.index, dtype="str")
    return noted


def _notes(estimates: pd.DataFrame) -> np.ndarray:
    notes = np.full(len(estimates), "", dtype=object)
    low, high = (estimates[c].to_numpy(dtype=float) for c in ("conf_low", "conf_high"))
    with_interval = np.flatnonzero(np.isfinite(low) & np.isfinite(high))
    if not len(with_interval):
        return notes
    cells, shares = calibrated()
    own = estimates.iloc[with_interval]
    n_subjects, n_clips = (own[c].to_numpy(dtype=float) for c in ("n_subjects", "n_clips"))
    given = own["coverage_note"].to_numpy(dtype=object)
    found = np.where(given == "", NOT_SIMULATED, given)
    for key, places in _grouped(own, _kinds(estimates)[with_interval], shares).items():
        if key in cells:
            nearest = cells[key].nearest(n_subjects[places], n_clips[places])
            found[places] = cells[key].notes[nearest]
    other = ~np.isclose(own["conf_level"].to_numpy(dtype=float), LEVEL)
    found[other] = [_at_another_level(str(note)) for note in found[other]]
    notes[with_interval] = found
    return notes


def _at_another_level(note: str) -> str:
    """What is known of an interval of another level than the simulated one."""
    known = "95 % intervals covered "
    return note.replace(known, "at a level of 95 % such intervals covered ", 1)


def _grouped(own: pd.DataFrame, kinds: np.ndarray, shares: np.ndarray) -> dict[Key, np.ndarray]:
    """Places of the rows that the same simulated cohorts are about."""
    method, methods = pd.factorize(own["method"].to_numpy(dtype=object))
    weighting, weightings = pd.factorize(own["weighting"].to_numpy(dtype=object))
    about = [_estimator(str(text)) for text in methods]
    is_share = np.array([quantity == "share" for quantity, _ in about])[method]
    share = np.where(is_share, own["estimate"].to_numpy(dtype=float), 0.5)
    place = np.abs(_folded(share)[:, None] - shares[None, :]).argmin(axis=1)
    codes = np.column_stack([method, weighting, kinds, np.where(is_share, place, 0)])
    groups: dict[Key, list[int]] = {}
    for i, (m, w, k, p) in enumerate(codes.tolist()):
        quantity, its_weighting = about[m]
        kind = ANY if quantity in _ANY_KIND else KINDS[k]
        key = (quantity, its_weighting or str(weightings[w]), kind, p)
        groups.setdefault(key, []).append(i)
    return {key: np.array(rows) for key, rows in groups.items()}


@cache
def _estimator(method: str) -> tuple[str, str]:
    """Calibrated quantity and weighting of a method; empty where it was not simulated."""
    if _OTHERWISE not in method:
        for words, quantity, weighting in _ESTIMATORS:
            if words in method:
                return quantity, weighting
    return "", ""


def _kinds(estimates: pd.DataFrame) -> np.ndarray:
    """What is known of each row's values, as an index into `KINDS`."""
    quantity = estimates["quantity"].to_numpy(dtype=object)
    source = estimates["source"].to_numpy(dtype=object)
    parts = list(zip(estimates["dataset"], source, estimates["distance"], strict=True))
    reach = quantity == "window_reach_low"
    reach &= np.isfinite(estimates["estimate"].to_numpy(dtype=float))
    windowed = {parts[i] for i in np.flatnonzero(reach)}
    known: dict[tuple[object, object], str] = {}
    found = []
    for name, part in zip(quantity, parts, strict=True):
        if (name, part) not in known:
            known[name, part] = _kind(str(name), str(part[1]), part in windowed)
        found.append(KINDS.index(known[name, part]))
    return np.array(found, dtype=int)


def _kind(quantity: str, source: str, windowed: bool) -> str:
    if _LENGTHS.match(quantity):
        return SKEWED
    if windowed or quantity == "mean_iou":
        return BOUNDED
    return NORMAL if source.split(":")[0] in ("motion", "motion-blind") else ANY


def falls_short(coverage_note: str) -> bool:
    """Whether an interval covers too little to be called by its nominal level.

    Examples
    --------
    >>> falls_short("nominal 95 %; measured 86.2 % in simulation (12 subjects)")
    True
    """
    measured = _MEASURED.search(coverage_note)
    return measured is not None and float(measured[1]) < 100 * LEAST


def interval_label(conf_level: float, coverage_note: str = "") -> str:
    """How a report may call an interval: never by a level that it does not reach.

    Parameters
    ----------
    conf_level : float
        Nominal level.
    coverage_note : str
        As `with_coverage_notes` writes it.

    Examples
    --------
    >>> interval_label(0.95, "95 % intervals covered 94.1 % in simulation (29 subjects)")
    '95 % interval'
    >>> interval_label(0.95, "nominal 95 %; measured 86.2 % in simulation (12 subjects)")
    'interval (nominal 95 %, measured 86 %)'
    """
    if math.isnan(conf_level):
        return "interval"
    level = f"{100 * conf_level:g} %"
    measured = _MEASURED.search(coverage_note)
    if measured is None or not falls_short(coverage_note):
        return f"{level} interval"
    share = f"measured {float(measured[1]):.0f} %"
    if not math.isclose(conf_level, LEVEL):
        share += " where nominal is 95 %"
    return f"interval (nominal {level}, {share})"
