"""What the calibration measures is what is shipped: batched and shipped intervals agree."""

import numpy as np
import pytest
from scipy import stats

from mebias.quantification.means import WEIGHTINGS, mean_interval
from mebias.quantification.shares import share_interval
from mebias.quantification.spread import sd_interval
from mebias.validation import batched
from mebias.validation.generators import Cell, draw
from mebias.validation.levels import _row_p_values

CELLS = [
    Cell((12,), 60, "normal", 0.3),
    Cell((12,), 60, "skewed", 0.0),
    Cell((29,), 159, "bounded", 0.3),
    Cell((42,), 267, "skewed", 0.3),
    Cell((5,), 20, "bounded", 0.0),
]
each = pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)


def cohorts_of(cell, n=25):
    return draw(cell, n, np.random.default_rng(7))


def agree(bounds, shipped, at_least=20):
    expected = np.array([[found.conf_low, found.conf_high] for found in shipped])
    np.testing.assert_allclose(np.column_stack([bounds.low, bounds.high]), expected, rtol=1e-6)
    assert np.isfinite(expected).all(axis=1).sum() >= at_least


def pairs(cohorts):
    return zip(cohorts.values, cohorts.subjects, strict=True)


@each
@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_means(cell, weighting):
    cohorts = cohorts_of(cell)
    bounds = batched.means(batched.by_subject(cohorts, cohorts.values), weighting)
    agree(bounds, [mean_interval(y, s, weighting) for y, s in pairs(cohorts)])


@each
def test_sds(cell):
    cohorts = cohorts_of(cell)
    enough = 0 if cell.n_subjects < 8 else 20
    agree(batched.sds(cohorts), [sd_interval(y, s) for y, s in pairs(cohorts)], enough)


@each
@pytest.mark.parametrize("threshold", [-9.0, -1.28, 0.0, 1.0, 99.0])
def test_shares_none_and_all_among_them(cell, threshold):
    cohorts = cohorts_of(cell)
    hits = cohorts.values <= threshold
    bounds = batched.shares(batched.by_subject(cohorts, hits.astype(float)))
    agree(bounds, [share_interval(h, s) for h, s in zip(hits, cohorts.subjects, strict=True)])


def test_a_constant_cohort_has_no_interval_and_is_not_counted():
    cohorts = cohorts_of(CELLS[0])
    cohorts.values[3] = 2.0
    batch = batched.by_subject(cohorts, cohorts.values)
    for bounds in (*(batched.means(batch, w) for w in WEIGHTINGS), batched.sds(cohorts)):
        assert np.flatnonzero(np.isnan(bounds.covered(0.0))).tolist() == [3]


def test_rows_are_analyzed_as_textbooks_do():
    cohorts = cohorts_of(CELLS[0], 5)
    for i, values in enumerate(cohorts.values):
        t = stats.ttest_1samp(values, 0).confidence_interval(0.95)
        found = batched.row_means(cohorts.values)
        np.testing.assert_allclose([found.low[i], found.high[i]], t)
        hits = values <= 0
        exact = stats.binomtest(int(hits.sum()), len(hits)).proportion_ci(0.95)
        found = batched.row_shares((cohorts.values <= 0).astype(float))
        np.testing.assert_allclose([found.low[i], found.high[i]], exact)
        squares = (len(values) - 1) * values.var(ddof=1)
        sd = np.sqrt(squares / stats.chi2(len(values) - 1).ppf([0.975, 0.025]))
        found = batched.row_sds(cohorts.values)
        np.testing.assert_allclose([found.low[i], found.high[i]], sd)


@pytest.mark.parametrize("groups", [(4, 16), (5, 5, 10)])
def test_the_row_level_test_is_one_way_analysis_of_variance(groups):
    cell = Cell(groups, 100, "normal", 0.3)
    cohorts, found = cohorts_of(cell, 4), []
    group = np.repeat(np.arange(len(groups)), groups)
    for values, subjects in pairs(cohorts):
        parts = [values[group[subjects] == k] for k in range(len(groups))]
        found.append(stats.f_oneway(*parts).pvalue)
    np.testing.assert_allclose(_row_p_values(cell, cohorts), found)
