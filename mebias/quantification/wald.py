"""Differences between the means of groups of subjects, with CR2 errors.

Groups are independent, each with its own weighted mean; a contrast has the sum of their
CR2 variances, Satterthwaite degrees of freedom for two groups and the Hotelling
approximation (HTZ) of Pustejovsky and Tipton (2018) for more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from mebias.quantification.interval import Clusters
from mebias.quantification.means import Mean, precisions, weighted_mean
from mebias.quantification.reml import variance_ratio, variance_ratios, weights

_BLOCK = 1 << 15
"""Labels of subjects that are looked at together."""


@dataclass(frozen=True)
class Contrast:
    """A contrast, its CR2 error, and its p-value; for several groups an F statistic."""

    estimate: float
    std_error: float
    statistic: float
    df: float
    p_value: float


def group_means(data: Clusters, members: Sequence[np.ndarray], weighting: str) -> list[Mean]:
    """Weighted mean of each group; ``subject`` shares one variance ratio.

    Parameters
    ----------
    data : Clusters
        Values by subject.
    members : sequence of ndarray of bool, shape (G,)
        Subjects of each group; two or more in each.
    weighting : str
        clip, subject or subject-mean.
    """
    ratio = variance_ratio(data, members) if weighting == "subject" else None
    weight = precisions(data, weighting, ratio)
    return [weighted_mean(data.means[m], weight[m]) for m in members]


def difference(first: Mean, second: Mean) -> Contrast:
    """First minus second, with Satterthwaite degrees of freedom."""
    estimate = first.estimate - second.estimate
    variance = first.variance + second.variance
    share = np.array([1 / first.precision, 1 / second.precision])
    share = share / share.sum()
    df = 1 / float(share[0] ** 2 * first.sum_squares + share[1] ** 2 * second.sum_squares)
    error = float(np.sqrt(variance))
    statistic = estimate / error
    p = float(2 * special.stdtr(df, -abs(statistic)))
    return Contrast(estimate, error, statistic, df, p)


def heterogeneity(means: Sequence[Mean]) -> Contrast:
    """Whether several groups share one mean (HTZ); the estimate is the largest difference."""
    q = len(means) - 1
    estimates = np.array([m.estimate for m in means])
    wald = float(_between(estimates[None, :], np.array([[m.variance for m in means]]))[0])
    precision = np.array([m.precision for m in means])
    own = 1 - precision / precision.sum()
    eta = q * (q + 1) / (2 * sum(o**2 * m.sum_squares for o, m in zip(own, means, strict=True)))
    df = float(eta - q + 1)
    statistic = df / (eta * q) * wald
    p = float(special.fdtrc(q, df, statistic)) if df > 0 else float("nan")
    return Contrast(float(np.ptp(estimates)), float("nan"), float(statistic), df, p)


def statistics(data: Clusters, labels: np.ndarray) -> np.ndarray:
    """The studentized statistic under many assignments, weighting ``subject``.

    Parameters
    ----------
    data : Clusters
        Values by subject.
    labels : ndarray of int, shape (B, G)
        Group of each subject, 0 to K - 1, in each assignment.

    Returns
    -------
    ndarray, shape (B,)
        Absolute t for two groups, the CR2 Wald statistic for more; the variance ratio is
        fitted anew in each assignment.
    """
    n_groups = int(labels.max()) + 1
    rows = max(1, _BLOCK // labels.shape[1])
    parts = [
        _statistics(data, labels[start : start + rows], n_groups)
        for start in range(0, len(labels), rows)
    ]
    return np.concatenate(parts)


def _statistics(data: Clusters, labels: np.ndarray, n_groups: int) -> np.ndarray:
    """The same for a few assignments, whose numbers stay in the cache."""
    members = [(labels == k).astype(float) for k in range(n_groups)]
    ratios = variance_ratios(data, members)
    w = weights(data.sizes[None, :], ratios[:, None])
    center = data.means - data.means.mean()
    estimate, variance = [], []
    for member in members:
        u = member * w
        u /= u.sum(axis=1, keepdims=True)
        mean = u @ center
        u *= u / (1 - u)
        variance.append(u @ center**2 - 2 * mean * (u @ center) + mean**2 * u.sum(axis=1))
        estimate.append(mean)
    means, variances = np.stack(estimate, axis=1), np.stack(variance, axis=1)
    floor = 1e-24 * max(1.0, float((center**2).max()))
    wald = _between(means, np.maximum(variances, floor))
    return np.asarray(np.sqrt(wald)) if n_groups == 2 else wald


def _between(means: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """Wald statistic of equal means of independent groups, (B,)."""
    precision = 1 / variances
    grand = (precision * means).sum(axis=1) / precision.sum(axis=1)
    return np.asarray((precision * (means - grand[:, None]) ** 2).sum(axis=1))
