"""Contrasts of groups in their annotation error, and in how much of it a rule takes away."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from mebias import tables
from mebias.quantification import holm
from mebias.quantification.annotation_error import (
    CODED_KEYFRAME,
    gain_ms,
    reduces_error,
    rule_frames,
)
from mebias.quantification.blind import JUDGE, RELATIVE, judged, one_sided, stated
from mebias.quantification.checks import is_posterior, primary_source
from mebias.quantification.contrasts import contrast_tables
from mebias.quantification.keyframe_contrast import (
    SIDES,
    dataset_sides,
    mean_difference,
    sides_name,
)

FAMILY = "annotation-error"
"""Before the name of each family: these are adjusted apart from those on shifts."""
REDUCTION = "error-reduction"
"""The same of how much nearer a rule comes."""


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
        complete_clips=False,
    )
    tests = _refused(_renamed(tests, _ERROR), rows, min_subjects)
    estimates = _refused(_renamed(estimates, _ERROR), rows, min_subjects)
    return _adjusted(tests), estimates


def reduction_contrasts(
    shifts: pd.DataFrame,
    *,
    source: str = JUDGE,
    min_subjects: int = 5,
    conf_level: float = 0.95,
    seed: int = 0,
    n_permutations: int = 9999,
    margin_ms: float | None = None,
    primary: tuple[str, str] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Test whether a rule brings the labels of one group nearer than those of the others.

    Per clip, |human - blind mean| - |selected - blind mean|, as in `reduces_error`, by the
    primary rule of the dataset (the one asked for, else ``gamdss`` with ``signed``, or the only
    one there is beside posteriors); then as in `contrast_tables`.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts with rows of ``motion-blind`` and of at least one other rule.
    source : str
        The source that judges the labels; only ``motion-blind`` may.
    min_subjects, conf_level, seed, n_permutations, margin_ms
        As in `contrast_tables`.
    primary : tuple of str, optional
        The rule and distance that a plan names; datasets that lack it are not tested.

    Returns
    -------
    tests : DataFrame
        A tests table in ms, family ``error-reduction primary`` (3 keyframes); positive = the
        labels of the first side are brought nearer by more. Not tested, with a reason, where
        clips of one side are cut at the label.
    estimates : DataFrame
        ``error_reduction_difference``: within each dataset in three weightings, and, where
        there are several datasets, multi-ethnic ones minus those of one group (observational).

    Raises
    ------
    OptionError
        Another source.
    TableError
        No rows of ``motion-blind``, or of no other rule.
    """
    rows = judged(shifts, source)
    frames = rule_frames(shifts, source)
    parts = [
        part.drop(columns=["source", "distance"])
        .merge(frames[(frames["rule"] == rule) & (frames["rule_distance"] == distance)],
               on=CODED_KEYFRAME, how="left")
        .assign(source=rule, distance=distance)
        for dataset, part in rows.groupby("dataset", sort=False)
        if (chosen := primary_rule(frames[frames["dataset"] == dataset], primary)) is not None
        for rule, distance in [chosen]
    ]  # fmt: skip
    if not parts:
        return tables.empty("tests"), tables.empty("estimates")
    joined = pd.concat(parts, ignore_index=True)
    there = (joined["verdict"] == "") & joined["chosen"].notna()
    gains = joined.assign(
        shift_ms=gain_ms(joined), selected_status=joined["selected_status"].where(there, "failed")
    )
    tests, estimates = contrast_tables(
        gains,
        min_subjects=min_subjects,
        conf_level=conf_level,
        seed=seed,
        n_permutations=n_permutations,
        margin_ms=margin_ms,
        families=("primary",),
        complete_clips=False,
    )
    tests, estimates = (
        _refused(_renamed(found, _REDUCTION), joined, min_subjects) for found in (tests, estimates)
    )
    if len(shifts["dataset"].unique()) > 1:
        estimates = pd.concat([estimates, _between(shifts, source, conf_level)])
    return _adjusted(tests), tables.conform(estimates, "estimates")


def primary_rule(
    frames: pd.DataFrame, wanted: tuple[str, str] | None = None
) -> tuple[str, str] | None:
    """The rule whose corrections are contrasted: gamdss signed, else the only one.

    Parameters
    ----------
    frames : DataFrame
        Rows of `rule_frames` of one dataset. Posteriors drawn to the labels are no such rule.
    wanted : tuple of str, optional
        Rule and distance asked for: these or none.

    Examples
    --------
    >>> primary_rule(pd.DataFrame({"rule": ["least", "motion"], "rule_distance": "signed"}))
    ('least', 'signed')
    """
    own = frames[~frames["rule"].map(is_posterior).astype(bool)]
    if wanted is not None:
        there = (own["rule"] == wanted[0]) & (own["rule_distance"] == wanted[1])
        return wanted if there.any() else None
    return primary_source(own.rename(columns={"rule": "source", "rule_distance": "distance"})
                          [["source", "distance"]])  # fmt: skip


def _between(shifts: pd.DataFrame, source: str, conf_level: float) -> pd.DataFrame:
    """By how much more errors shrink in multi-ethnic datasets than in those of one group."""
    reduced = reduces_error(shifts, source=source, conf_level=conf_level)
    whole = reduced[(reduced["ethnicity"] == tables.ALL) & (reduced["weighting"] == "subject")]
    sides = dataset_sides(shifts[shifts["source"] == source])
    rows = []
    for (rule, distance, keyframe), own in whole.groupby(
        ["source", "distance", "keyframe"], sort=False
    ):
        there = [[d for d in side if (own["dataset"] == d).any()] for side in sides]
        by_name = own.set_index("dataset")
        found = mean_difference([by_name.loc[side] for side in there], conf_level)
        clips = by_name.loc[[d for side in there for d in side]]
        rows.append(
            found.row()
            | {"dataset": sides_name(there), "ethnicity": SIDES, "source": rule,
               "distance": distance, "keyframe": keyframe, "unit": "ms",
               "quantity": "error_reduction_difference", "weighting": "subject",
               "n_clips": clips["n_clips"].sum(), "n_subjects": clips["n_subjects"].sum()}
        )  # fmt: skip
    return tables.from_rows(rows, "estimates")


@dataclass(frozen=True)
class _Words:
    """How contrasts of another quantity than shifts are named."""

    family: str
    quantity: str
    mean: str
    what: str
    method: str


_ERROR = _Words(
    FAMILY, "annotation_error_difference", "annotation error", "errors",
    f"human - blind posterior mean, {RELATIVE}",
)  # fmt: skip
_REDUCTION = _Words(
    REDUCTION, "error_reduction_difference", "reduction of the error", "reductions",
    f"|human - blind posterior mean| - |selected - that mean|, {RELATIVE}",
)  # fmt: skip


def _adjusted(tests: pd.DataFrame) -> pd.DataFrame:
    """Holm within each family of each dataset."""
    for _, places in tests.groupby(["dataset", "family"], sort=False).groups.items():
        p = tests.loc[places, "p_value"].to_numpy(dtype=float)
        tests.loc[places, "p_adjusted"] = holm.adjust(p, len(p))
    return tests


def _renamed(found: pd.DataFrame, words: _Words) -> pd.DataFrame:
    """Rows on shifts of a source, in the words of another quantity."""
    found = found.copy()
    if "family" in found:
        found["family"] = f"{words.family} " + found["family"]
        found["hypothesis"] = found["hypothesis"].str.replace(
            " shift is the same in ", f" {words.mean} is the same in ", n=1, regex=False
        )
    else:
        found["quantity"] = words.quantity
    found["reason"] = (
        found["reason"]
        .str.replace(r"^(all \d+) shifts are equal$", rf"\1 {words.what} are equal", regex=True)
        .str.replace(r" mean shift$", f" mean {words.what.removesuffix('s')}", regex=True)
    )
    found["method"] = f"{words.method}; " + found["method"]
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
    one, versus, other = contrast.partition(" vs ")
    if versus:
        return [own[own["ethnicity"] == group] for group in (one, other)]
    subjects = own.groupby("ethnicity")["subject"].nunique()
    enough = subjects.index[subjects >= min_subjects]
    return [own[own["ethnicity"] == group] for group in enough]
