"""Keyframes that are missing: how many, in whom, and what they could change.

A keyframe is missing where no usable shift stands for it: the label is absent, not a human
one or known to be wrong, the selection failed, or the table has no row of it.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from mebias import tables
from mebias.quantification.cells import Part, groups, n_different, part_of
from mebias.quantification.checks import CODING, complete, usable
from mebias.quantification.comparison import (
    Comparison,
    Options,
    Row,
    Sample,
    canonical,
    compare_sides,
)
from mebias.quantification.contrasts import families_of, holm_adjusted, of_sides, primary_parts
from mebias.quantification.equivalence import window_reach
from mebias.quantification.interval import Clusters, t_half_width
from mebias.quantification.keys import Keys, first_rows, split
from mebias.quantification.means import WEIGHTINGS, precisions, weighted_mean
from mebias.quantification.reml import variance_ratio
from mebias.quantification.shares import share_interval
from mebias.quantification.wald import difference

_PLACE = ["dataset", "source", "distance"]
_OF_CODING = [*CODING, "ethnicity", "fps"]


def complete_clips(shifts: pd.DataFrame) -> pd.DataFrame:
    """The rows of the codings of clips whose keyframes are all usable.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts.

    Returns
    -------
    DataFrame
        Same columns, same order, a fresh index. A keyframe that no clip of a dataset has
        for a source, such as an apex that nobody coded, is asked of no clip.

    Examples
    --------
    >>> import mebias
    >>> shifts = mebias.example()
    >>> len(complete_clips(shifts)) == len(complete_clips(shifts.iloc[1:])) + 3
    True
    """
    return shifts[complete(shifts)].reset_index(drop=True)


def missingness(
    shifts: pd.DataFrame,
    *,
    min_subjects: int = 5,
    conf_level: float = 0.95,
    seed: int = 0,
    n_permutations: int = 9999,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tabulate missing keyframes by group, and test whether groups differ in them.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts.
    min_subjects, conf_level, seed, n_permutations
        As in `contrast_tables`.

    Returns
    -------
    tests : DataFrame
        A tests table, family ``missingness``: on the primary source, the largest group
        against all others and, where there are three groups with enough subjects, the
        equality of all groups; difference of shares, permutation of subjects beside CR2.
    estimates : DataFrame
        ``share_missing`` per dataset, source, group and keyframe, of all codings of clips.

    Examples
    --------
    >>> import mebias
    >>> from mebias.quantification.checks import checked_shifts
    >>> tests, shares = missingness(checked_shifts(mebias.example()), n_permutations=99)
    >>> tests.loc[0, "reason"], float(shares.loc[0, "estimate"])
    ('no onset is missing', 0.0)
    """
    estimates: list[Row] = []
    grids: dict[tuple[str, ...], Part] = {}
    for part in split(shifts, *_PLACE):
        whole = part_of(full_grid(part), ["missing"])
        grids[tuple(whole.first(column) for column in _PLACE)] = whole
        estimates += _shares(whole, conf_level)
    tests: list[Row] = []
    options = Options(min_subjects, conf_level, seed, n_permutations, math.nan)
    for rows, _ in primary_parts(shifts):
        whole = grids[tuple(str(rows[column].iloc[0]) for column in _PLACE)]
        grid = whole.cut(~whole.holds("ethnicity", tables.UNKNOWN, tables.ALL))
        families = {f.name: f.comparisons for f in families_of(rows, min_subjects)}
        comparisons = (*families["primary"], *families.get("heterogeneity", ()))
        tests += holm_adjusted([_tested(grid, c, len(comparisons), options) for c in comparisons])
    return tables.from_rows(tests, "tests"), tables.from_rows(estimates, "estimates")


def missing_bounds(shifts: pd.DataFrame, *, conf_level: float = 0.95) -> pd.DataFrame:
    """The lowest and the highest that the primary contrast could be with nothing missing.

    Every missing shift is replaced by the extreme that pulls the contrast down, then by the
    one that pulls it up: a bound of its window, of any window of that keyframe where its own
    is not known, or, where there are no windows, the least and greatest shift observed.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts.
    conf_level : float
        Level of the intervals, each of one bound.

    Returns
    -------
    DataFrame
        An estimates table: ``mean_shift_difference_lowest`` and ``_highest`` (ms), in three
        weightings; the variance ratio of ``subject`` is that of what is observed, so that
        no other replacement within the extremes lies outside of the two.
    """
    made: list[Row] = []
    for rows, _ in primary_parts(shifts):
        grid = full_grid(rows)
        low, high = window_reach(grid)
        whole = part_of(grid, ("missing", "shift_ms"))
        reach = {"reach_low": low, "reach_high": high}
        whole = Part({**whole.columns, **reach}, whole.names)
        for comparison in next(families_of(rows, 2)).comparisons:
            made += _bounds(whole, comparison, conf_level)
    return tables.from_rows(made, "estimates")


def full_grid(part: pd.DataFrame) -> pd.DataFrame:
    """One row per coding and keyframe, with ``missing``; rows that are not there are added.

    Parameters
    ----------
    part : DataFrame
        Checked shifts of one dataset and source.
    """
    firsts = first_rows(Keys(part).of(*CODING))
    if len(part) == len(tables.KEYFRAMES) * len(firsts):  # keys are unique: all are there
        return part.assign(missing=~usable(part))
    codings = part[_OF_CODING].iloc[firsts]
    frames = pd.DataFrame({"keyframe": list(tables.KEYFRAMES)})
    rest = [c for c in part.columns if c not in ("ethnicity", "fps")]
    grid = codings.merge(frames, how="cross").merge(
        part[rest], on=[*CODING, "keyframe"], how="left"
    )
    known = grid.assign(
        human_status=grid["human_status"].fillna("missing"),
        selected_status=grid["selected_status"].fillna("failed"),
    )
    return known.assign(missing=~usable(known))


def _shares(whole: Part, conf_level: float) -> list[Row]:
    place = {column: whole.first(column) for column in _PLACE}
    rows: list[Row] = []
    for group, part in groups(whole):
        for keyframe in tables.KEYFRAMES:
            own = part.cut(part.holds("keyframe", keyframe))
            found = share_interval(own["missing"], own["subject"], conf_level)
            rows.append(
                place | found.row() | {
                    "ethnicity": group, "keyframe": keyframe, "quantity": "share_missing",
                    "unit": "share", "weighting": "clip", "n_clips": own.n_clips,
                }
            )  # fmt: skip
    return rows


def _tested(grid: Part, comparison: Comparison, family_size: int, options: Options) -> Row:
    own, sample = _sample(grid, comparison)
    keyframe, sides = comparison.keyframe, comparison.name.replace(" vs ", " and in ")
    test, _ = compare_sides(sample, comparison, options, "share", constant_side=True)
    if sample.outcomes.size and np.ptp(sample.outcomes) == 0:
        test["reason"] = f"{'every' if sample.outcomes[0] else 'no'} {keyframe} is missing"
    return {
        **_place(own, comparison),
        **test,
        "family": "missingness",
        "family_size": family_size,
        "hypothesis": f"the {keyframe} is missing equally often in {sides}",
        "unit": "share",
    }


def _sample(rows: Part, comparison: Comparison) -> tuple[Part, Sample]:
    """Rows of the groups that are compared, and whether each is missing."""
    own, sides = of_sides(rows, comparison)
    return own, Sample(own["missing"].astype(float), own["subject"], sides)


def _place(own: Part, comparison: Comparison) -> Row:
    return {column: own.first(column) for column in _PLACE} | {
        "keyframe": comparison.keyframe,
        "ethnicity": comparison.name,
        "n_clips": own.n_clips,
        "n_subjects": own.n_subjects,
    }


def _bounds(rows: Part, comparison: Comparison, conf_level: float) -> list[Row]:
    own, sample = _sample(rows, comparison)
    gone = sample.outcomes > 0
    shared = _place(own, comparison) | {"unit": "ms", "conf_level": conf_level}
    quantities = ("mean_shift_difference_lowest", "mean_shift_difference_highest")
    observed = own["shift_ms"]
    seen = [n_different(sample.subjects[~gone & (sample.sides == side)]) for side in (0, 1)]
    if min(seen) < 2:
        reason = f"a side has fewer than 2 subjects with a usable {comparison.keyframe}"
        bare = {"estimate": math.nan, "weighting": "subject", "reason": reason}
        return [shared | {"quantity": quantity} | bare for quantity in quantities]
    low, high, how = _extremes(own, gone)
    ratio = _observed_ratio(Sample(observed[~gone], sample.subjects[~gone], sample.sides[~gone]))
    text = f"{int(gone.sum())} of {len(gone)} shifts missing"
    text += f", replaced by {how}" if gone.any() else ""
    made: list[Row] = []
    for quantity, sign in zip(quantities, (-1, 1), strict=True):
        # The first side goes down and the second up for the lowest difference.
        upward = (sample.sides == 0) == (sign > 0)
        values = np.where(gone, np.where(upward, high, low), observed)
        data, labels = canonical(Sample(values, sample.subjects, sample.sides))
        for weighting in WEIGHTINGS:
            found = _difference(data, labels, weighting, ratio, conf_level)
            made.append(shared | {"quantity": quantity, "weighting": weighting} | found)
            made[-1]["method"] = f"{text}; difference of two weighted means, CR2, Satterthwaite df"
    return made


def _extremes(own: Part, gone: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
    """Lowest and highest shift possible in each row (ms), and what they are."""
    low, high = own["reach_low"], own["reach_high"]
    known = np.isfinite(low) & np.isfinite(high)
    if known.any():
        low, high = np.where(known, low, low[known].min()), np.where(known, high, high[known].max())
        return low, high, "the bounds of their windows"
    observed = own["shift_ms"][~gone]
    bounds = f"the least and greatest shift observed, {observed.min():.1f} and {observed.max():.1f}"
    every = np.ones(len(own))
    return every * observed.min(), every * observed.max(), f"{bounds} ms"


def _observed_ratio(observed: Sample) -> float:
    data, labels = canonical(observed)
    return variance_ratio(data, [labels == side for side in (0, 1)])


def _difference(
    data: Clusters, labels: np.ndarray, weighting: str, ratio: float, conf_level: float
) -> Row:
    weight = precisions(data, weighting, ratio)
    means = [weighted_mean(data.means[labels == s], weight[labels == s]) for s in (0, 1)]
    estimate = means[0].estimate - means[1].estimate
    error = math.sqrt(means[0].variance + means[1].variance)
    if error <= 1e-12 * max(1.0, float(np.abs(data.means).max())):
        return {"estimate": estimate, "reason": "all subjects of a side have the same mean"}
    found = difference(*means)
    half = t_half_width(found.std_error, found.df, conf_level)
    return {
        "estimate": estimate,
        "std_error": found.std_error,
        "df": found.df,
        "conf_low": estimate - half,
        "conf_high": estimate + half,
    }
