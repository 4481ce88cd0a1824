"""How often tests of equal means reject where means are equal, in one cell of simulated cohorts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from scipy import special

from mebias.quantification.comparison import Comparison, Options, Sample, compare_sides
from mebias.quantification.means import WEIGHTINGS
from mebias.validation.batched import Bounds
from mebias.validation.generators import Cell, Cohorts, sides
from mebias.validation.tally import ALPHA, LEVEL, REJECTED, ROWS, Count, Counted, Found, tally

N_PERMUTATIONS = 999
"""Random permutations, where there are too many to run all: the level of a permutation test
does not depend on their number as long as 5 % of the assignments are a whole number."""
_P_VALUES = {
    "p_permutation": "permutation of subjects, studentized (REML weights, CR2)",
    "p_cr2": "random-intercept weights (REML), CR2, {}",
    "p_value": "the deciding p-value",
}
_DIFFERENCE = "difference of two weighted means, CR2, Satterthwaite df"


def rejected(cell: Cell, n_cohorts: int, seed: np.random.SeedSequence) -> list[Count]:
    """Level of every test in one cell, that of the row-level analysis among them.

    Parameters
    ----------
    cell : Cell
        A cell of two groups or more, whose means are equal.
    n_cohorts : int
        Cohorts.
    seed : SeedSequence
        Of this cell alone.

    Returns
    -------
    list of Count
        Shares of p-values of at most 5 %, and for two groups the coverage of the intervals
        of their difference.
    """
    return tally(cell, n_cohorts, np.random.default_rng(seed), tests_of)


def tests_of(cell: Cell, cohorts: Cohorts, rng: np.random.Generator) -> Iterator[Found]:
    """The shipped tests of each cohort, and the row-level one."""
    quantity, df = "heterogeneity", "HTZ"
    if len(cell.groups) == 2:
        quantity, df = "difference", "Satterthwaite df"
    tests, intervals = _compared(cell, cohorts, rng)
    for column, method in _P_VALUES.items():
        p = np.array([_number(row.get(column)) for row in tests])
        counted = Counted(quantity, 0.0, "subject", method.format(df), REJECTED)
        yield counted, np.where(np.isnan(p), np.nan, p <= ALPHA)
    of_rows = Counted(quantity, 0.0, "clip", f"{ROWS}: OLS", REJECTED)
    yield of_rows, (_row_p_values(cell, cohorts) <= ALPHA).astype(float)
    for weighting, bounds in intervals.items():
        yield Counted(quantity, 0.0, weighting, _DIFFERENCE), bounds.covered(0.0)


def _compared(
    cell: Cell, cohorts: Cohorts, rng: np.random.Generator
) -> tuple[list[dict[str, object]], dict[str, Bounds]]:
    """Tests of each cohort, and intervals of the difference of two groups by weighting."""
    names = tuple((f"group {k}",) for k in range(len(cell.groups)))
    comparison = Comparison("apex", "groups", "the mean is the same in all groups", names)
    labels, tests, estimates = sides(cell), [], []
    for values, subjects in zip(cohorts.values, cohorts.subjects, strict=True):
        # The least number of subjects that can be tested, and a margin that nothing rests on.
        options = Options(2, LEVEL, int(rng.integers(2**32)), N_PERMUTATIONS, 10.0)
        sample = Sample(values, subjects.astype(object), labels[subjects])
        test, found = compare_sides(sample, comparison, options)
        tests.append(test)
        estimates.append({str(row["weighting"]): row for row in found})
    if len(cell.groups) > 2:
        return tests, {}
    return tests, {weighting: _bounds(estimates, weighting) for weighting in WEIGHTINGS}


def _bounds(estimates: Sequence[Mapping[str, Mapping[str, object]]], weighting: str) -> Bounds:
    rows = [of_cohort.get(weighting, {}) for of_cohort in estimates]
    return Bounds(
        *(np.array([_number(row.get(end)) for row in rows]) for end in ("conf_low", "conf_high"))
    )


def _number(value: object) -> float:
    return float(value) if isinstance(value, float | int) else float("nan")


def _row_p_values(cell: Cell, cohorts: Cohorts) -> np.ndarray:
    """p-values of the F test of least squares on rows with equal variances, (B,)."""
    labels, k = sides(cell)[cohorts.subjects], len(cell.groups)
    grand = cohorts.values.mean(axis=1, keepdims=True)
    between = np.zeros(len(cohorts))
    for group in range(k):
        own = labels == group
        n = own.sum(axis=1)
        mean = (cohorts.values * own).sum(axis=1) / n
        between += n * (mean - grand[:, 0]) ** 2
    within = ((cohorts.values - grand) ** 2).sum(axis=1) - between
    df = cohorts.values.shape[1] - k
    return np.asarray(special.fdtrc(k - 1, df, between / (k - 1) / (within / df)))
