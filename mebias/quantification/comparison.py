"""One comparison of sets of subjects: whether it can be tested, its estimate and p-values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mebias.errors import counted
from mebias.quantification import wald
from mebias.quantification.interval import Clusters, clusters, coded, t_half_width
from mebias.quantification.means import WEIGHTINGS, Mean

Row = dict[str, object]
FEW_SUBJECTS = 8
"""With fewer subjects on a side the larger of the two p-values decides."""
SPREAD_RATIO = 3 / 2
"""SDs of two sides whose ratio, larger by smaller, is above this count as unequal."""
METHOD = "random-intercept weights (REML); CR2 with Satterthwaite df"


@dataclass(frozen=True)
class Options:
    """What the tests of one run have in common."""

    min_subjects: int
    conf_level: float
    seed: int
    n_permutations: int
    margin_ms: float
    complete_clips: bool = False
    """Whether clips are left out that lack another keyframe than the one that is compared."""


@dataclass(frozen=True)
class Comparison:
    """Sides to be compared at one keyframe; each side is a set of groups."""

    keyframe: str
    name: str
    hypothesis: str
    sides: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Sample:
    """Outcomes, one per clip, with whose they are and on which side (0 to K - 1) that is."""

    outcomes: np.ndarray
    subjects: np.ndarray
    sides: np.ndarray


def compare_sides(
    sample: Sample,
    comparison: Comparison,
    options: Options,
    what: str = "shift",
    constant_side: bool = False,
) -> tuple[Row, list[Row]]:
    """Test that all sides have the same mean.

    Parameters
    ----------
    sample : Sample
        Finite values; every subject on one side.
    comparison : Comparison
        What the sides are called.
    options : Options
        Level, seed and number of permutations, least number of subjects.
    what : str
        What a value is, for the reasons.
    constant_side : bool
        Whether one side may have the same mean in all of its subjects, as where a group
        lacks nothing.

    Returns
    -------
    test : dict
        Estimate, interval, statistic, p-values, method and reason of a row of the tests
        table.
    estimates : list of dict
        The difference of two sides in three weightings, without a quantity; one row with
        the plain difference where no test is possible; empty for more than two sides.
    """
    two = len(comparison.sides) == 2
    reason = _not_testable(sample, comparison, options, what, constant_side)
    if reason:
        estimate = _plain_difference(sample, len(comparison.sides))
        empty = {"estimate": estimate, "p_value": math.nan, "reason": reason, "method": METHOD}
        return dict(empty), [{"weighting": "subject-mean"} | empty] if two else []
    data, labels = canonical(sample)
    members = [labels == side for side in range(len(comparison.sides))]
    means = {w: wald.group_means(data, members, w) for w in (WEIGHTINGS if two else ("subject",))}
    found = _tested(data, labels, means["subject"], _spreads(sample), options)
    if not two:
        return found, []
    return found, [_difference(means[w], w, options.conf_level) for w in WEIGHTINGS]


def canonical(sample: Sample) -> tuple[Clusters, np.ndarray]:
    """Values by subject in an order that no name has a part in, and each subject's side.

    Subjects of one size stand from the shorter tail of all means to the longer one, so that
    values and their negatives meet the same random assignments.
    """
    subjects, sides = sample.subjects, sample.sides
    data = clusters(sample.outcomes, subjects)
    names, codes = coded(subjects)
    labels = np.zeros(len(names), dtype=int)
    labels[codes] = sides
    skewed = float(((data.means - data.means.mean()) ** 3).sum())
    order = np.lexsort((labels, -data.means if skewed < 0 else data.means, data.sizes))
    ordered = Clusters(data.sizes[order], data.means[order], data.ss_within, data.subjects[order])
    return ordered, labels[order]


def _not_testable(
    sample: Sample, comparison: Comparison, options: Options, what: str, constant_side: bool
) -> str:
    values, subjects, sides = sample.outcomes, sample.subjects, sample.sides
    owners, codes = coded(subjects)
    side_of = np.zeros(len(owners), dtype=int)
    side_of[codes] = sides
    n_subjects = np.bincount(side_of, minlength=len(comparison.sides))
    for side, names in enumerate(comparison.sides):
        n = n_subjects[side]
        if n < options.min_subjects:
            who = names[0] if len(names) == 1 else "the others"
            having = f" with a usable {comparison.keyframe}" if what == "shift" else ""
            having += " in a complete clip" if options.complete_clips else ""
            told = f"{who}: {counted(n, 'subject')}{having}"
            return f"{told}, {options.min_subjects} needed"
    if np.ptp(values) == 0:
        return f"all {len(values)} {what}s are equal"
    constant = []
    every = clusters(values, subjects).means
    for side, names in enumerate(comparison.sides):
        means = every[side_of == side]
        if np.ptp(means) <= 1e-9 * max(1.0, float(np.abs(means).max())):
            constant.append(f"{' and '.join(names)}: all subjects have the same mean {what}")
    bearable = len(comparison.sides) - 1 if constant_side and len(comparison.sides) == 2 else 0
    return constant[0] if len(constant) > bearable else ""


def _plain_difference(sample: Sample, n_sides: int) -> float:
    """Difference of the means of subjects' means, where no test is possible."""
    here = [sample.sides == side for side in range(n_sides)]
    if n_sides > 2 or any(not own.any() for own in here):
        return math.nan
    means = [clusters(sample.outcomes[own], sample.subjects[own]).means.mean() for own in here]
    return float(means[0] - means[1])


def _spreads(sample: Sample) -> np.ndarray:
    sides = np.flatnonzero(np.bincount(sample.sides))
    return np.array([np.std(sample.outcomes[sample.sides == s], ddof=1) for s in sides])


def _tested(
    data: Clusters,
    labels: np.ndarray,
    means: Sequence[Mean],
    spreads: np.ndarray,
    options: Options,
) -> Row:
    """Estimate, interval and both p-values of one comparison."""
    two = len(means) == 2
    found = wald.difference(*means) if two else wald.heterogeneity(means)
    p_permutation, n_run, exhaustive = wald.p_permutation(
        data, labels, options.n_permutations, options.seed
    )
    ratio = spreads.max() / spreads.min() if spreads.min() > 0 else math.inf
    few = int(np.bincount(labels).min()) < FEW_SUBJECTS
    cautious = few or ratio > SPREAD_RATIO
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
        "method": _described(two, exhaustive, n_run, few, ratio),
    }


def _described(two: bool, exhaustive: bool, n: int, few: bool, ratio: float) -> str:
    how = f"all {n}" if exhaustive else f"{n - 1} random and the observed"
    text = METHOD if two else (
        "random-intercept weights (REML), CR2 Wald test with Hotelling df (HTZ); the estimate is "
        "the largest difference between group means, intervals stand with the group contrasts"
    )  # fmt: skip
    text += f"; studentized permutation of subjects, {how} assignments; "
    why = []
    if few:
        why.append(f"a side has fewer than {FEW_SUBJECTS} subjects")
    if ratio > SPREAD_RATIO:
        why.append(f"the ratio of SDs is {ratio:.1f}")
    return text + (f"the larger p decides ({', '.join(why)})" if why else "its p decides")


def _difference(means: Sequence[Mean], weighting: str, conf_level: float) -> Row:
    found = wald.difference(*means)
    half = t_half_width(found.std_error, found.df, conf_level)
    return {
        "weighting": weighting,
        "estimate": found.estimate,
        "std_error": found.std_error,
        "df": found.df,
        "conf_low": found.estimate - half,
        "conf_high": found.estimate + half,
        "conf_level": conf_level,
        "method": "difference of two weighted means, CR2, Satterthwaite df",
    }
