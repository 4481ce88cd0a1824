"""Means of clips that come in subjects, with CR2 errors and Satterthwaite degrees of freedom.

Every weighting is a weighted mean of the subjects' means. With weights u (sum 1), the
bias-reduced cluster-robust variance of Pustejovsky and Tipton (2018) is
``sum(u**2 * (mean_g - mean)**2 / (1 - u))``; the weightings differ in u alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from mebias.quantification.interval import (
    Clusters,
    Interval,
    clusters,
    t_half_width,
    undefined,
)
from mebias.quantification.reml import variance_ratio, weights

WEIGHTINGS = ("subject", "clip", "subject-mean")
_METHOD = {
    "clip": "mean of clips, CR2, Satterthwaite df",
    "subject": "random-intercept weights (REML), CR2, Satterthwaite df",
    "subject-mean": "mean of subjects' means, t(G - 1)",
}


@dataclass(frozen=True)
class Mean:
    """A weighted mean of subjects' means.

    ``precision`` is the working inverse variance of the mean, in units of the weights;
    ``sum_squares`` is the sum of squared entries of the normalized covariance of the
    residuals' projections, so that the degrees of freedom are 1 / ``sum_squares``.
    """

    estimate: float
    variance: float
    sum_squares: float
    precision: float


def precisions(data: Clusters, weighting: str, ratio: float | None = None) -> np.ndarray:
    """Unnormalized weight of each subject's mean.

    Parameters
    ----------
    data : Clusters
        Values by subject.
    weighting : str
        clip, subject or subject-mean.
    ratio : float, optional
        Variance ratio for ``subject``; REML by default.

    Returns
    -------
    ndarray, shape (G,)
    """
    if weighting == "clip":
        return data.sizes
    if weighting == "subject-mean":
        return np.ones(len(data))
    if weighting != "subject":
        raise ValueError(f"weighting is {weighting!r}, expected clip, subject or subject-mean")
    return weights(data.sizes, variance_ratio(data) if ratio is None else ratio)


def weighted_mean(means: np.ndarray, weight: np.ndarray) -> Mean:
    """A weighted mean with its CR2 variance and what its degrees of freedom need.

    Parameters
    ----------
    means, weight : ndarray, shape (G,)
        Two or more subjects; weights above 0.
    """
    total = float(weight.sum())
    u = weight / total
    estimate = float(u @ means)
    a = u * u / (1 - u)
    deviation = means - estimate
    variance = float(a @ (deviation * deviation))
    sum_squares = float(u @ u) + float(a.sum()) ** 2 - float(a @ a)
    return Mean(estimate, variance, sum_squares, total)


def mean_interval(
    values: np.ndarray, subjects: np.ndarray, weighting: str, conf_level: float = 0.95
) -> Interval:
    """A mean over clips of several subjects, with a subject-clustered interval.

    Parameters
    ----------
    values : ndarray of float, shape (N,)
        Finite values, one per clip.
    subjects : ndarray of str, shape (N,)
        Whose clips they are.
    weighting : {"clip", "subject", "subject-mean"}
        Mean over clips; mean over subjects of a subject's expected value (random-intercept
        weights); plain mean of subjects' means.
    conf_level : float
        Level of the interval.

    Returns
    -------
    Interval
        Without bounds, and with a reason, where there is one subject or no spread.

    Examples
    --------
    >>> values, subjects = np.array([1.0, 2.0, 3.0, 6.0]), np.array(["a", "a", "b", "c"])
    >>> found = mean_interval(values, subjects, "clip")
    >>> round(found.estimate, 2), round(found.df, 2)
    (3.0, 1.8)
    """
    return mean_intervals(values, subjects, (weighting,), conf_level)[0]


def mean_intervals(
    values: np.ndarray,
    subjects: np.ndarray,
    weightings: Sequence[str] = WEIGHTINGS,
    conf_level: float = 0.95,
) -> list[Interval]:
    """`mean_interval` in several weightings; values are grouped by subject once."""
    data = clusters(values, subjects)
    if np.ptp(values) == 0:
        reason = f"all {len(values)} values are equal" if len(values) > 1 else "a single clip"
        least = float(np.min(values))
        return [_bare(data, weighting, conf_level)(least, reason) for weighting in weightings]
    return [mean_of(data, weighting, conf_level) for weighting in weightings]


def _bare(data: Clusters, weighting: str, conf_level: float) -> Callable[[float, str], Interval]:
    return partial(
        undefined,
        conf_level=conf_level,
        n_clips=int(data.sizes.sum()),
        n_subjects=len(data),
        method=_METHOD[weighting],
    )


def mean_of(data: Clusters, weighting: str, conf_level: float = 0.95) -> Interval:
    """`mean_interval` of values that are grouped by subject already, and not all equal."""
    bare = _bare(data, weighting, conf_level)
    if len(data) == 1:
        return bare(float(data.means[0]), "a single subject")
    found = weighted_mean(data.means, precisions(data, weighting))
    error = math.sqrt(found.variance)
    if error <= 1e-12 * max(1.0, float(data.means.max()), -float(data.means.min())):
        return bare(found.estimate, "all subjects have the same mean")
    df = 1 / found.sum_squares
    half = t_half_width(error, df, conf_level)
    return Interval(
        estimate=found.estimate,
        std_error=error,
        df=df,
        conf_low=found.estimate - half,
        conf_high=found.estimate + half,
        conf_level=conf_level,
        n_clips=int(data.sizes.sum()),
        n_subjects=len(data),
        method=_METHOD[weighting],
    )


def weightings_differ(values: np.ndarray, subjects: np.ndarray) -> tuple[float, float]:
    """How far the weightings ``clip`` and ``subject`` lie apart.

    Parameters
    ----------
    values, subjects : ndarray, shape (N,)
        As in `mean_interval`.

    Returns
    -------
    difference : float
        Mean with the weighting clip minus that with subject.
    std_error : float
        Its delete-one-subject jackknife standard error, given the variance ratio; NaN with
        fewer than three subjects.
    """
    data = clusters(values, subjects)
    if len(data) < 3:
        return math.nan, math.nan
    by_clip = precisions(data, "clip")
    by_subject = precisions(data, "subject")
    center = data.means - data.means.mean()
    left_out, full = np.zeros(len(data)), 0.0
    for weight, sign in ((by_clip, 1), (by_subject, -1)):
        own, total = weight * center, weight.sum()
        left_out += sign * (own.sum() - own) / (total - weight)
        full += sign * float(own.sum() / total)
    g = len(data)
    error = math.sqrt((g - 1) / g * ((left_out - left_out.mean()) ** 2).sum())
    return full, error
