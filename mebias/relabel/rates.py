"""Shares of flagged and other labels, weighted by what was taken, clustered by subject."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from mebias.quantification.interval import Interval, t_half_width
from mebias.quantification.means import weighted_mean
from mebias.quantification.shares import METHOD, clopper_pearson, share_interval

_WEIGHTED = f"{METHOD}; clips weighted by the share of their stratum that was taken"


def weighted_share(
    hits: np.ndarray, subjects: np.ndarray, weights: np.ndarray, conf_level: float = 0.95
) -> Interval:
    """A share of labels of which some stand for more than others.

    Parameters
    ----------
    hits : ndarray of bool, shape (N,)
    subjects : ndarray of str, shape (N,)
    weights : ndarray of float, shape (N,)
        Above 0.
    conf_level : float

    Returns
    -------
    Interval
        Where all weights are equal, as `share_interval`; else with the effective number of
        labels that the CR2 variance of the weighted share leaves, never more than Kish's.

    Examples
    --------
    >>> hits, subjects = np.array([True, False, False, False]), np.array(["a", "b", "c", "d"])
    >>> weighted_share(hits, subjects, np.array([3.0, 1, 1, 1])).estimate
    0.5
    """
    hits, weights = np.asarray(hits, dtype=float), np.asarray(weights, dtype=float)
    if hits.size == 0 or np.ptp(weights) < 1e-12 * weights.max():
        return share_interval(hits > 0, subjects, conf_level)
    names, codes = np.unique(np.asarray(subjects).astype(str), return_inverse=True)
    total = np.bincount(codes, weights)
    share = float(np.average(hits, weights=weights))
    error, df, effective = math.nan, math.nan, float(len(names))
    kish = float(weights.sum() ** 2 / (weights**2).sum())
    if 0 < share < 1 and len(names) > 1:
        found = weighted_mean(np.bincount(codes, weights * hits) / total, total)
        error, df = math.sqrt(found.variance), 1 / found.sum_squares
        ratio = t_half_width(1, max(len(hits) - 1, 1), conf_level) / t_half_width(1, df, conf_level)
        if error > 1e-9:
            effective = min(kish, share * (1 - share) / found.variance * ratio**2)
    effective = min(effective, kish)
    low, high = clopper_pearson(share, effective, conf_level)
    return Interval(share, error, df, low, high, conf_level, len(hits), len(names), _WEIGHTED)


def difference(first: Interval, second: Interval) -> Interval:
    """One share minus another, by the method of variance estimates recovery (Newcombe 1998).

    Examples
    --------
    >>> one = share_interval(np.arange(20) < 18, np.arange(20))
    >>> two = share_interval(np.arange(20) < 2, np.arange(20))
    >>> found = difference(one, two)
    >>> round(found.estimate, 2), round(found.conf_low, 2), round(found.conf_high, 2)
    (0.8, 0.48, 0.93)
    """
    value = first.estimate - second.estimate
    low = value - math.hypot(first.estimate - first.conf_low, second.conf_high - second.estimate)
    high = value + math.hypot(first.conf_high - first.estimate, second.estimate - second.conf_low)
    return replace(
        first,
        estimate=value,
        std_error=math.nan,
        df=math.nan,
        conf_low=low,
        conf_high=high,
        n_clips=first.n_clips + second.n_clips,
        n_subjects=max(first.n_subjects, second.n_subjects),
        method="MOVER from the two shares' Korn-Graubard intervals",
        reason=first.reason or second.reason,
    )


def recall(found: Interval, n_found: float, missed: Interval, n_missed: float) -> Interval:
    """Share of the wrong labels that is flagged.

    Parameters
    ----------
    found, missed : Interval
        Share of wrong ones among flagged labels and among the others.
    n_found, n_missed : float
        How many labels each share is of.

    Returns
    -------
    Interval
        By the MOVER of the ratio of the two numbers (Donner and Zou 2012).

    Examples
    --------
    >>> one = share_interval(np.arange(20) < 18, np.arange(20))
    >>> two = share_interval(np.arange(60) < 3, np.arange(60))
    >>> round(recall(one, 20, two, 360).estimate, 2)
    0.5
    """
    method = "MOVER for the ratio of wrong labels flagged and not flagged"
    bare = replace(found, std_error=math.nan, df=math.nan, conf_low=math.nan, conf_high=math.nan,
                   estimate=math.nan, n_clips=found.n_clips + missed.n_clips,
                   n_subjects=max(found.n_subjects, missed.n_subjects), method=method)  # fmt: skip
    if found.n_clips == 0 or missed.n_clips == 0:
        return replace(bare, reason="no flagged label" if found.n_clips == 0 else "no other label")
    a, a_low, a_high = (n_found * v for v in (found.estimate, found.conf_low, found.conf_high))
    b, b_low, b_high = (n_missed * v for v in (missed.estimate, missed.conf_low, missed.conf_high))
    if a + b == 0:
        return replace(bare, reason="the second look found no label beyond the tolerance")
    product = a * b
    inner = max(product**2 - a_low * b_high * (2 * a - a_low) * (2 * b - b_high), 0.0)
    below = b_high * (2 * b - b_high)
    if abs(below) > 1e-12:
        low = (product - math.sqrt(inner)) / below
    else:  # the limit: both numerator and denominator vanish where b_high is 2 b
        low = a_low * (2 * a - a_low) / (2 * product) if product else 0.0
    low = max(low, 0.0)
    outer = max(product**2 - a_high * b_low * (2 * a - a_high) * (2 * b - b_low), 0.0)
    above = b_low * (2 * b - b_low)
    high = (product + math.sqrt(outer)) / above if above > 1e-12 else math.inf
    return replace(
        bare,
        estimate=a / (a + b),
        conf_low=low / (1 + low),
        conf_high=1.0 if math.isinf(high) else high / (1 + high),
    )
