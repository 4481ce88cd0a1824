"""Contrasts of groups within a dataset, in families fixed in advance."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mebias import tables
from mebias.quantification import holm, permutation, wald
from mebias.quantification.checks import primary_source, usable
from mebias.quantification.interval import Clusters, clusters, t_half_width
from mebias.quantification.means import WEIGHTINGS

Row = dict[str, object]
MIN_MARGIN_MS = 10.0
FEW_SUBJECTS = 8
"""With fewer subjects on a side the larger of the two p-values decides."""
SPREAD_RATIO = (2 / 3, 3 / 2)
"""Outside of these the spreads of two sides count as unequal."""
_METHOD = "random-intercept weights (REML); CR2 with Satterthwaite df"


@dataclass(frozen=True)
class Options:
    """What the tests of one run have in common."""

    min_subjects: int
    conf_level: float
    seed: int
    n_permutations: int
    margin_ms: float


def contrast_tables(
    shifts: pd.DataFrame,
    *,
    min_subjects: int = 5,
    conf_level: float = 0.95,
    seed: int = 0,
    n_permutations: int = 9999,
    margin_ms: float | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Test groups against each other, per dataset, on the primary source.

    Families, each of a size fixed by the groups there are: ``primary``, the largest group
    against all others (3 keyframes); ``heterogeneity``, equal means of all groups that can
    be tested, where these are three or more (3 keyframes); ``group-vs-rest``, each other
    group against the rest, where there are three groups or more.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts.
    min_subjects : int
        Sides with fewer subjects are not tested.
    conf_level : float
        Level of the intervals; they are not adjusted for the family.
    seed : int
        Seed of the random permutations.
    n_permutations : int
        Random permutations, where there are more than 20,000 assignments.
    margin_ms : float, optional
        Margin of practical relevance; by default the larger of one frame and 10 ms.

    Returns
    -------
    tests : DataFrame
        A tests table in ms. ``p_value`` is that of the permutation of subjects; the larger
        one of permutation and CR2 where the SDs of the sides differ by more than a factor
        of 1.5 or a side has fewer than 8 subjects.
    estimates : DataFrame
        ``mean_shift_difference`` of the two-sided contrasts, in three weightings.
    """
    tests: list[Row] = []
    estimates: list[Row] = []
    for _, part in shifts.groupby("dataset", sort=False):
        chosen = primary_source(part)
        stated = part[~part["ethnicity"].isin([tables.UNKNOWN, tables.ALL])]
        if chosen is None or stated["ethnicity"].nunique() < 2:
            continue
        rows = stated[(stated["source"] == chosen[0]) & (stated["distance"] == chosen[1])]
        margin = margin_ms or max(MIN_MARGIN_MS, 1000.0 / float(part["fps"].min()))
        options = Options(min_subjects, conf_level, seed, n_permutations, margin)
        for family in _families(rows, min_subjects):
            made = [_test(rows, family, c, options) for c in family.comparisons]
            p = np.array([row["p_value"] for row, _ in made], dtype=float)
            adjusted = holm.adjust(p, len(made))
            tests += [row | {"p_adjusted": a} for (row, _), a in zip(made, adjusted, strict=True)]
            estimates += [row for _, found in made for row in found]
    return tables.from_rows(tests, "tests"), tables.from_rows(estimates, "estimates")


@dataclass(frozen=True)
class Comparison:
    """Sides to be compared at one keyframe; each side is a set of groups."""

    keyframe: str
    name: str
    hypothesis: str
    sides: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Family:
    """Hypotheses that are adjusted together."""

    name: str
    comparisons: tuple[Comparison, ...]


def _families(rows: pd.DataFrame, min_subjects: int) -> Iterator[Family]:
    sizes = rows.groupby("ethnicity").agg(subjects=("subject", "nunique"), clips=("clip", "size"))
    ordered = sizes.reset_index().sort_values(
        ["subjects", "clips", "ethnicity"], ascending=[False, False, True]
    )
    groups = [str(g) for g in ordered["ethnicity"]]
    yield Family("primary", tuple(_against_rest(groups[:1], groups)))
    subjects = dict(zip(ordered["ethnicity"], ordered["subjects"], strict=True))
    enough = [g for g in groups if subjects[g] >= min_subjects]
    if len(enough) > 2:
        name = ", ".join(enough)
        yield Family(
            "heterogeneity",
            tuple(
                Comparison(
                    k,
                    name,
                    f"the mean {k} shift is the same in {name}",
                    tuple((g,) for g in enough),
                )
                for k in tables.KEYFRAMES
            ),
        )
    if len(groups) > 2:
        yield Family("group-vs-rest", tuple(_against_rest(groups[1:], groups)))


def _against_rest(chosen: Sequence[str], groups: Sequence[str]) -> Iterator[Comparison]:
    for group in chosen:
        rest = tuple(g for g in groups if g != group)
        for k in tables.KEYFRAMES:
            hypothesis = f"the mean {k} shift is the same in {group} as in all others"
            yield Comparison(k, f"{group} vs others", hypothesis, ((group,), rest))


def _test(
    rows: pd.DataFrame, family: Family, comparison: Comparison, options: Options
) -> tuple[Row, list[Row]]:
    """One row of the tests table, and its estimates in all weightings."""
    groups = {g: side for side, names in enumerate(comparison.sides) for g in names}
    own = rows[
        usable(rows) & (rows["keyframe"] == comparison.keyframe) & rows["ethnicity"].isin(groups)
    ]
    place: Row = {
        "dataset": rows["dataset"].iloc[0],
        "source": rows["source"].iloc[0],
        "distance": rows["distance"].iloc[0],
        "keyframe": comparison.keyframe,
        "ethnicity": comparison.name,
        "stratum": tables.ALL,
        "unit": "ms",
        "n_clips": len(own.drop_duplicates(["subject", "clip"])),
        "n_subjects": own["subject"].nunique(),
    }
    named = place | {
        "family": family.name,
        "family_size": len(family.comparisons),
        "hypothesis": comparison.hypothesis,
        "margin": options.margin_ms,
    }
    sides = own["ethnicity"].map(groups).to_numpy(dtype=int)
    values = own["shift_ms"].to_numpy(dtype=float)
    subjects = own["subject"].to_numpy(dtype=object)
    reason = _not_testable(values, subjects, sides, comparison, options.min_subjects)
    if reason:
        estimate = _plain_difference(values, subjects, sides, len(comparison.sides))
        empty = {"estimate": estimate, "p_value": math.nan, "reason": reason, "method": _METHOD}
        bare = [place | {"quantity": "mean_shift_difference", "weighting": "subject-mean"} | empty]
        return named | empty, bare if len(comparison.sides) == 2 else []
    data, labels = _canonical(values, subjects, sides)
    members = [labels == side for side in range(len(comparison.sides))]
    found = named | _tested(data, labels, members, _spreads(values, sides), options)
    if len(members) > 2:
        return found, []
    return found, [place | _difference(data, members, w, options.conf_level) for w in WEIGHTINGS]


def _not_testable(
    values: np.ndarray,
    subjects: np.ndarray,
    sides: np.ndarray,
    comparison: Comparison,
    min_subjects: int,
) -> str:
    for side, names in enumerate(comparison.sides):
        here = sides == side
        n = len(set(subjects[here]))
        if n < min_subjects:
            who = names[0] if len(names) == 1 else "the others"
            count = f"{n} subject{'' if n == 1 else 's'}"
            return f"{who}: {count} with a usable {comparison.keyframe}, {min_subjects} needed"
    if np.ptp(values) == 0:
        return f"all {len(values)} shifts are equal"
    for side in range(len(comparison.sides)):
        means = clusters(values[sides == side], subjects[sides == side]).means
        if np.ptp(means) <= 1e-9 * max(1.0, float(np.abs(means).max())):
            name = comparison.sides[side]
            return f"{' and '.join(name)}: all subjects have the same mean shift"
    return ""


def _plain_difference(
    values: np.ndarray, subjects: np.ndarray, sides: np.ndarray, n_sides: int
) -> float:
    """Difference of the means of subjects' means, where no test is possible."""
    if n_sides > 2 or any(not (sides == side).any() for side in range(2)):
        return math.nan
    means = [clusters(values[sides == s], subjects[sides == s]).means.mean() for s in range(2)]
    return float(means[0] - means[1])


def _canonical(
    values: np.ndarray, subjects: np.ndarray, sides: np.ndarray
) -> tuple[Clusters, np.ndarray]:
    """Values by subject in an order that no name has a part in, and each subject's side."""
    data = clusters(values, subjects)
    side_of = {str(s): side for s, side in zip(subjects, sides, strict=True)}
    labels = np.array([side_of[str(s)] for s in data.subjects])
    order = np.lexsort((labels, data.means, data.sizes))
    ordered = Clusters(data.sizes[order], data.means[order], data.ss_within, data.subjects[order])
    return ordered, labels[order]


def _spreads(values: np.ndarray, sides: np.ndarray) -> np.ndarray:
    return np.array([np.std(values[sides == s], ddof=1) for s in np.unique(sides)])


def _tested(
    data: Clusters,
    labels: np.ndarray,
    members: Sequence[np.ndarray],
    spreads: np.ndarray,
    options: Options,
) -> Row:
    """Estimate, interval and both p-values of one comparison."""
    means = wald.group_means(data, members, "subject")
    two = len(members) == 2
    found = wald.difference(*means) if two else wald.heterogeneity(means)
    rng = np.random.default_rng(options.seed)
    dealt, exhaustive = permutation.assignments(labels, options.n_permutations, rng)
    p_permutation = permutation.p_value(wald.statistics(data, dealt))
    ratio = spreads.max() / spreads.min() if spreads.min() > 0 else math.inf
    few = min(int(m.sum()) for m in members) < FEW_SUBJECTS
    cautious = few or ratio > SPREAD_RATIO[1]
    p_cr2 = 1.0 if math.isnan(found.p_value) else found.p_value
    half = t_half_width(found.std_error, found.df, options.conf_level) if two else math.nan
    return {
        "estimate": found.estimate,
        "conf_low": found.estimate - half,
        "conf_high": found.estimate + half,
        "statistic": found.statistic,
        "df": found.df,
        "p_permutation": p_permutation,
        "p_cr2": found.p_value,
        "p_value": max(p_permutation, p_cr2) if cautious else p_permutation,
        "method": _described(two, exhaustive, len(dealt), few, ratio),
    }


def _described(two: bool, exhaustive: bool, n: int, few: bool, ratio: float) -> str:
    how = f"all {n}" if exhaustive else f"{n - 1} random and the observed"
    text = _METHOD if two else (
        "random-intercept weights (REML), CR2 Wald test with Hotelling df (HTZ); the estimate is "
        "the largest difference between group means, intervals stand with the group contrasts"
    )  # fmt: skip
    text += f"; studentized permutation of subjects, {how} assignments; "
    why = []
    if few:
        why.append(f"a side has fewer than {FEW_SUBJECTS} subjects")
    if ratio > SPREAD_RATIO[1]:
        why.append(f"the ratio of SDs is {ratio:.1f}")
    return text + (f"the larger p decides ({', '.join(why)})" if why else "its p decides")


def _difference(
    data: Clusters, members: Sequence[np.ndarray], weighting: str, conf_level: float
) -> Row:
    found = wald.difference(*wald.group_means(data, members, weighting))
    half = t_half_width(found.std_error, found.df, conf_level)
    return {
        "quantity": "mean_shift_difference",
        "weighting": weighting,
        "estimate": found.estimate,
        "std_error": found.std_error,
        "df": found.df,
        "conf_low": found.estimate - half,
        "conf_high": found.estimate + half,
        "conf_level": conf_level,
        "method": "difference of two weighted means, CR2, Satterthwaite df",
    }
