"""Claims about real data, graded: supported, not supported, can't be told."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd
from scipy import stats

from mebias import tables
from mebias.quantification.checks import primary_source

SUPPORTED, NOT_SUPPORTED, OPEN = "supported", "not supported", "can't be told"
Row = dict[str, object]


def graded_claims(shifts: pd.DataFrame, tests: pd.DataFrame, conf_level: float) -> pd.DataFrame:
    """Grade what the tests allow to be said about each dataset.

    A claim is *supported* if the interval of its family lies beyond the margin and the
    adjusted p-value is below 1 - conf_level; *not supported* if the interval lies inside
    the margin; else it *can't be told*. Shifts of a windowed rule never support "no
    difference": their windows bound them.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts.
    tests : DataFrame
        A tests table.
    conf_level : float
        Level of the family-wise intervals.

    Returns
    -------
    DataFrame
        A claims table; empty for simulated data, about which nothing is claimed.
    """
    rows: list[Row] = []
    for name, part in shifts.groupby("dataset", sort=False):
        dataset = str(name)
        if tables.is_simulated(dataset):
            continue
        primary = tests[(tests["dataset"] == dataset) & (tests["family"] == "primary")]
        human = _two_human_versions(part)
        rows += [_contrast(row, human, conf_level) for _, row in primary.iterrows()]
        if not human:
            rows += _absolute(part, dataset)
    return tables.from_rows(rows, "claims")


def family_interval(test: pd.Series, conf_level: float) -> tuple[float, float]:
    """The interval of a test, widened so that it holds for its whole family (Bonferroni)."""
    half = (test["conf_high"] - test["conf_low"]) / 2
    alpha, df = 1 - conf_level, test["df"]
    if not math.isfinite(half) or not math.isfinite(df):
        return math.nan, math.nan
    wider = stats.t.ppf(1 - alpha / (2 * test["family_size"]), df) / stats.t.ppf(1 - alpha / 2, df)
    return float(test["estimate"] - wider * half), float(test["estimate"] + wider * half)


def _two_human_versions(part: pd.DataFrame) -> bool:
    return bool(part["selected_status"].isin(["annotated", "corrected"]).any())


def _contrast(test: pd.Series, human: bool, conf_level: float) -> Row:
    low, high = family_interval(test, conf_level)
    margin, level = test["margin"], 1 - conf_level
    first, _, second = str(test["ethnicity"]).partition(" vs ")
    if not math.isfinite(low):
        grade = OPEN
        settle = f"{test['reason'] or 'more subjects'}; more subjects in the smaller group"
    elif (low > margin or high < -margin) and test["p_adjusted"] < level:
        grade, settle = SUPPORTED, "a replication with other coders; a blind reference annotation"
    elif -margin < low and high < margin and human:
        grade, settle = NOT_SUPPORTED, "nothing more at this margin"
    elif -margin < low and high < margin:
        grade = OPEN
        settle = "a selection that is free to move: inside these windows no larger one can show"
    else:
        grade, settle = OPEN, f"more subjects: the interval has to leave or fit +-{margin:.0f} ms"
    rests = (
        f"{test['source']} {test['distance']}".strip()
        + f", {test['n_subjects']:.0f} subjects, {test['n_clips']:.0f} clips, adjusted "
        + (f"p = {test['p_adjusted']:.3f}" if math.isfinite(test["p_adjusted"]) else "p undefined")
        + f", margin {margin:.0f} ms"
    )
    what = "revised" if human else "re-selected"
    return {
        "dataset": test["dataset"],
        "claim": f"{test['keyframe'].capitalize()} labels are {what} differently for {first} "
        f"than for {second or 'the others'}",
        "grade": grade,
        "estimate": test["estimate"],
        "conf_low": low,
        "conf_high": high,
        "unit": test["unit"],
        "rests_on": rests,
        "would_settle": settle,
    }


def _absolute(part: pd.DataFrame, dataset: str) -> Iterator[Row]:
    chosen = primary_source(part)
    if chosen is None:
        return
    yield {
        "dataset": dataset,
        "claim": "Human labels are biased in time",
        "grade": OPEN,
        "estimate": math.nan,
        "unit": "ms",
        "rests_on": f"shifts of {' '.join(chosen).strip()} alone: where the keyframes truly lie "
        f"is not known",
        "would_settle": "a reference annotation, or a localization that does not start from the "
        "human label",
    }
