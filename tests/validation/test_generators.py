"""The simulated cohorts are what they are said to be: distributions, correlation, sizes."""

import math

import numpy as np
import pytest
from scipy import stats

from mebias.validation.generators import (
    BOUNDED,
    CELLS,
    CUT,
    DISTRIBUTIONS,
    INTERVALS,
    NORMAL,
    SIZES,
    SKEWED,
    TESTS,
    Cell,
    draw,
    sides,
)

each = pytest.mark.parametrize("distribution", DISTRIBUTIONS.values(), ids=lambda d: d.name)


def drawn(cell, n=400, seed=0):
    return draw(cell, n, np.random.default_rng(seed))


def test_the_cells_are_those_of_the_specification():
    assert SIZES == ((12, 60), (29, 159), (42, 267))
    for size in SIZES:
        own = [c for c in INTERVALS if (c.n_subjects, c.n_clips) == size]
        assert sorted((c.distribution, c.icc) for c in own) == sorted(
            (name, icc) for name in ("normal", "bounded", "skewed") for icc in (0.0, 0.3)
        )
    groups = {(c.groups, c.doubled) for c in TESTS}
    assert {((4, 16), False), ((4, 16), True), ((12, 17), False), ((21, 21), False),
            ((6, 6), False)} <= groups  # fmt: skip
    assert any(len(g) == 3 for g, _ in groups)
    assert len(CELLS) == len(INTERVALS) + len(TESTS)


def test_the_skewed_values_are_negative_binomial():
    reference = stats.nbinom(1, 1 / 2.5)
    np.testing.assert_allclose(SKEWED.probs[:40], reference.pmf(np.arange(40)), rtol=1e-12)
    assert SKEWED.mean == pytest.approx(1.5) and SKEWED.sd == pytest.approx(reference.std())


@each
def test_true_values_are_those_of_a_large_sample(distribution):
    values = distribution.of(np.random.default_rng(1).standard_normal(2_000_000))
    error = 5 / math.sqrt(len(values))
    assert distribution.mean == pytest.approx(values.mean(), abs=error * distribution.sd)
    assert distribution.sd == pytest.approx(values.std(), rel=3 * error)
    assert distribution.trimmed_mean == pytest.approx(stats.trim_mean(values, CUT), abs=5 * error)
    for p in (0.05, 0.5, 0.95):
        assert distribution.quantile(p) == pytest.approx(np.quantile(values, p), abs=5 * error)
    for threshold in distribution.thresholds:
        assert distribution.share(threshold) == pytest.approx(
            (values <= threshold).mean(), abs=error
        )
    apart = np.abs(values[::2] - values[1::2])
    assert distribution.mean_difference == pytest.approx(apart.mean(), abs=3 * error * apart.std())


@pytest.mark.parametrize("icc", [0.0, 0.3])
def test_the_latent_correlation_is_as_stated_and_none_between_subjects(icc):
    cohorts = drawn(Cell((29,), 159, "normal", icc), 4000)
    same = cohorts.subjects[:, 1:] == cohorts.subjects[:, :-1]
    products = cohorts.values[:, 1:] * cohorts.values[:, :-1]
    assert products[same].mean() == pytest.approx(icc, abs=0.02)
    assert products[~same].mean() == pytest.approx(0.0, abs=0.02)


def test_sizes_are_log_normal_and_at_least_one():
    sizes = drawn(Cell((42,), 267, "normal", 0.0), 2000).sizes
    assert sizes.min() == 1 and (sizes.sum(axis=1) == 267).all()
    weight = np.random.default_rng(2).lognormal(0, 0.8, sizes.shape)
    expected = (1 + 225 * weight / weight.sum(axis=1, keepdims=True)).std()
    assert sizes.std() == pytest.approx(math.hypot(expected, math.sqrt(225 / 42)), rel=0.05)


def test_the_minority_spreads_twice_as_far_around_the_same_mean():
    cell = Cell((4, 16), 100, "skewed", 0.3, doubled=True)
    cohorts = drawn(cell, 6000)
    first = sides(cell)[cohorts.subjects] == 0
    for own, factor in ((first, 2), (~first, 1)):
        assert cohorts.values[own].mean() == pytest.approx(1.5, abs=0.08)
        assert cohorts.values[own].std() == pytest.approx(factor * SKEWED.sd, rel=0.04)


def test_bounded_values_stay_within_their_bounds():
    assert set(np.unique(drawn(Cell((12,), 60, "bounded", 0.3)).values)) == set(BOUNDED.values)
    assert NORMAL.share(0.0) == 0.5
