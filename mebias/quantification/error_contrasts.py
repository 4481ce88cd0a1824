"""Contrasts of groups in their annotation error, in families of their own."""

from __future__ import annotations

import math

import pandas as pd

from mebias.quantification import holm
from mebias.quantification.blind import JUDGE, RELATIVE, judged, one_sided, stated
from mebias.quantification.contrasts import contrast_tables

FAMILY = "annotation-error"
"""Before the name of each family: these are adjusted apart from those on shifts."""


def error_contrasts(
    shifts: pd.DataFrame,
    *,
    source: str = JUDGE,
    min_subjects: int = 5,
    conf_level: float = 0.95,
    seed: int = 0,
    n_permutations: int = 9999,
    margin_ms: float | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Test whether groups differ in their mean annotation error, per dataset.

    The families are those of `contrast_tables`, each named ``annotation-error`` first.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts with rows of ``motion-blind``.
    source : str
        The source that judges the labels; only ``motion-blind`` may.
    min_subjects, conf_level, seed, n_permutations, margin_ms
        As in `contrast_tables`.

    Returns
    -------
    tests : DataFrame
        A tests table in ms; positive = the labels of the first side are later. Not tested,
        with a reason, where clips of one side are cut at the label.
    estimates : DataFrame
        ``annotation_error_difference`` in three weightings.

    Raises
    ------
    OptionError
        Another source.
    TableError
        No rows of ``motion-blind``.
    """
    rows = judged(shifts, source)
    # Labels that cannot be judged stay in the table: the families rest on all subjects.
    errors = rows.assign(
        shift_ms=rows["error_ms"],
        selected_status=rows["selected_status"].where(rows["verdict"] == "", "failed"),
    )
    tests, estimates = contrast_tables(
        errors,
        min_subjects=min_subjects,
        conf_level=conf_level,
        seed=seed,
        n_permutations=n_permutations,
        margin_ms=margin_ms,
    )
    tests = _refused(_renamed(tests), rows, min_subjects)
    estimates = _refused(_renamed(estimates), rows, min_subjects)
    for _, places in tests.groupby(["dataset", "family"], sort=False).groups.items():
        p = tests.loc[places, "p_value"].to_numpy(dtype=float)
        tests.loc[places, "p_adjusted"] = holm.adjust(p, len(p))
    return tests, estimates


def _renamed(found: pd.DataFrame) -> pd.DataFrame:
    """Rows on shifts of a source, in the words of annotation errors."""
    found = found.copy()
    if "family" in found:
        found["family"] = f"{FAMILY} " + found["family"]
        found["hypothesis"] = found["hypothesis"].str.replace(
            " shift is the same in ", " annotation error is the same in ", n=1, regex=False
        )
    else:
        found["quantity"] = "annotation_error_difference"
    found["reason"] = (
        found["reason"]
        .str.replace(r"^(all \d+) shifts are equal$", r"\1 errors are equal", regex=True)
        .str.replace(r" mean shift$", " mean error", regex=True)
    )
    found["method"] = f"human - blind posterior mean, {RELATIVE}; " + found["method"]
    return found


def _refused(found: pd.DataFrame, rows: pd.DataFrame, min_subjects: int) -> pd.DataFrame:
    """No contrast where the labels of a side that can be judged are a one-sided choice."""
    found = found.copy()
    numbers = ["estimate", "std_error", "conf_low", "conf_high", "statistic", "df",
               "p_permutation", "p_cr2", "p_value"]  # fmt: skip
    for place, row in found.iterrows():
        own = stated(rows[rows["dataset"] == row["dataset"]])
        sides = _sides(own, str(row["ethnicity"]), min_subjects)
        at = [side[side["keyframe"] == row["keyframe"]] for side in sides]
        reason = next((why for side in at if (why := one_sided(side)).startswith("can't")), "")
        if reason:
            found.loc[place, [c for c in numbers if c in found]] = math.nan
            found.loc[place, "reason"] = reason
    return found


def _sides(own: pd.DataFrame, contrast: str, min_subjects: int) -> list[pd.DataFrame]:
    """Rows of the sides of a contrast as the tests table names it."""
    first = contrast.removesuffix(" vs others")
    if first != contrast:
        mine = own["ethnicity"] == first
        return [own[mine], own[~mine]]
    subjects = own.groupby("ethnicity")["subject"].nunique()
    enough = subjects.index[subjects >= min_subjects]
    return [own[own["ethnicity"] == group] for group in enough]
