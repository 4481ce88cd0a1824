"""The closed-form intervals of many cohorts at once, as the shipped functions give them.

Tests hold each to the function it stands for, cohort by cohort. Beside each stands what an
analyst would do who takes rows for independent: the failing control.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from mebias.quantification.batch import Batch, contrasts
from mebias.quantification.spread import MIN_SUBJECTS
from mebias.validation.generators import Cohorts
from mebias.validation.tally import LEVEL


@dataclass(frozen=True)
class Bounds:
    """Lower and upper bounds of B intervals, (B,); NaN where there is none."""

    low: np.ndarray
    high: np.ndarray

    def covered(self, truth: float) -> np.ndarray:
        """Whether each interval holds the truth: 1, 0, or NaN where there is none."""
        inside = ((self.low <= truth) & (truth <= self.high)).astype(float)
        return np.asarray(np.where(np.isnan(self.low + self.high), np.nan, inside))


def by_subject(cohorts: Cohorts, values: np.ndarray) -> Batch:
    """Sizes, means and sums of squares by subject of values of the cohorts' clips, (B, N)."""
    g = cohorts.sizes.shape[1]
    flat = (cohorts.subjects + g * np.arange(len(cohorts))[:, None]).ravel()
    sums = np.bincount(flat, values.ravel(), minlength=cohorts.sizes.size)
    means = sums.reshape(cohorts.sizes.shape) / cohorts.sizes
    residual = values - np.take_along_axis(means, cohorts.subjects, axis=1)
    return Batch(cohorts.sizes.astype(float), means, (residual**2).sum(axis=1))


def means(batch: Batch, weighting: str) -> Bounds:
    """Intervals of means, as `mebias.quantification.means.mean_interval`."""
    found = contrasts(batch, [np.ones(batch.sizes.shape[1])], weighting)
    return _around(found.estimate, np.where(found.std_error > 0, found.half_width(LEVEL), np.nan))


def row_means(values: np.ndarray) -> Bounds:
    """T intervals of means of rows, (B, N)."""
    n = values.shape[1]
    half = special.stdtrit(n - 1, (1 + LEVEL) / 2) * values.std(axis=1, ddof=1) / math.sqrt(n)
    return _around(values.mean(axis=1), half)


def sds(cohorts: Cohorts) -> Bounds:
    """Intervals of the SD of clips, as `mebias.quantification.spread.sd_interval`."""
    g = cohorts.sizes.shape[1]
    if g < MIN_SUBJECTS:
        return Bounds(*np.full((2, len(cohorts)), np.nan))
    center = cohorts.values - cohorts.values.mean(axis=1, keepdims=True)
    flat = (cohorts.subjects + g * np.arange(len(cohorts))[:, None]).ravel()
    total, squares = (
        x.sum(axis=1, keepdims=True)
        - np.bincount(flat, x.ravel(), minlength=cohorts.sizes.size).reshape(cohorts.sizes.shape)
        for x in (center, center**2)
    )
    n = cohorts.values.shape[1] - cohorts.sizes
    variance = np.maximum((squares - total**2 / n) / (n - 1), np.finfo(float).tiny)
    logs = np.log(variance) / 2
    spread = ((logs - logs.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    error = np.sqrt((g - 1) / g * spread)
    constant = np.ptp(cohorts.values, axis=1) == 0
    error = np.where((error > 0) & (error <= 5) & ~constant, error, np.nan)
    factor = np.exp(special.stdtrit(g - 1, (1 + LEVEL) / 2) * error)
    estimate = cohorts.values.std(axis=1, ddof=1)
    return Bounds(estimate / factor, estimate * factor)


def row_sds(values: np.ndarray) -> Bounds:
    """Chi-squared intervals of the SD of rows, (B, N)."""
    n = values.shape[1]
    squares = values.var(axis=1, ddof=1) * (n - 1)
    tail = (1 - LEVEL) / 2
    return Bounds(*(np.sqrt(squares / special.chdtri(n - 1, p)) for p in (tail, 1 - tail)))


def shares(batch: Batch) -> Bounds:
    """Intervals of shares of hits, as `mebias.quantification.shares.share_interval`."""
    g = batch.sizes.shape[1]
    found = contrasts(batch, [np.ones(g)], "clip")
    n, share, variance = batch.sizes.sum(axis=1), found.estimate, found.std_error**2
    t = [special.stdtrit(df, (1 + LEVEL) / 2) for df in (n - 1, found.df)]
    with np.errstate(divide="ignore", invalid="ignore"):
        effective = np.minimum(n, share * (1 - share) / variance * (t[0] / t[1]) ** 2)
    effective = np.where(variance <= share * (1 - share) / n * 1e-9, n, effective)
    # Rounding leaves a share of all clips a hair off 1.
    none_or_all = (share <= 1e-12) | (share >= 1 - 1e-12)
    return _clopper_pearson(np.where(none_or_all, np.round(share), share),
                            np.where(none_or_all, g, effective))  # fmt: skip


def row_shares(hits: np.ndarray) -> Bounds:
    """Clopper-Pearson intervals of shares of rows, (B, N)."""
    return _clopper_pearson(hits.mean(axis=1), np.full(len(hits), float(hits.shape[1])))


def _clopper_pearson(share: np.ndarray, n: np.ndarray) -> Bounds:
    tail, x = (1 - LEVEL) / 2, share * n
    low = np.where(x > 0, special.betaincinv(np.where(x > 0, x, 1), n - x + 1, tail), 0.0)
    below = np.where(x < n, n - x, 1)
    return Bounds(low, np.where(x < n, special.betaincinv(x + 1, below, 1 - tail), 1.0))


def _around(estimate: np.ndarray, half: np.ndarray) -> Bounds:
    return Bounds(estimate - half, estimate + half)
