"""Limits of agreement of differences that come in subjects, each with its interval.

The limits mean -+ 1.96 SD hold 95 % of the differences of a normal population of subjects
and clips. The SD is that of a clip of a new subject: its square is the sum of the variances
between and within subjects (REML). The interval of a limit puts together that of the mean
and that of the SD by recovering variances (MOVER: Zou and Donner 2008; for limits of
agreement Zou 2013, Stat Methods Med Res 22:630; for sums of variance components Graham and
Zou, after Graybill and Wang 1980). Zou's form takes equal, or the plain means of unequal,
clusters; here

- the mean is that of the weighting ``subject``: CR2, Satterthwaite df;
- the SD has chi-squared bounds with Satterthwaite's df, 2 V**2 / Var(V), where Var(V) of
  the sum V of the two components is from their REML information, so that clusters of
  unequal sizes count with what they tell. For equal clusters Var(V) is the textbook one;
- chi-squared bounds hold for normal differences only. Where these are skewed or have long
  tails the bounds of the SD are those of a jackknife over subjects (`sd_interval`).
  Measured with 29 subjects and 159 clips, ICC 0 and 0.3, a limit is covered in 94-96 % of
  normal cohorts, and in 93-94 % of Laplace ones, where chi-squared bounds cover 85-92 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from mebias.quantification.interval import Clusters, Interval, clusters, coded, undefined
from mebias.quantification.means import mean_interval
from mebias.quantification.reml import variance_ratio, weights
from mebias.quantification.spread import sd_interval

CONTENT = 0.95
"""Share of the differences that the limits hold."""
Z = float(special.ndtri((1 + CONTENT) / 2))
METHOD = "mean -+ 1.96 SD, REML variance components between and within subjects, MOVER"
JACKKNIFE = ", its SD by a jackknife over subjects: not normal"
BOUNDED = (
    "windows bound and skew the shifts, so that normal limits would lie outside of what can "
    "happen; see quantile_05, quantile_95, window_reach_low and window_reach_high"
)
MAX_SKEWNESS = 0.5
MAX_EXCESS_KURTOSIS = 1.0


@dataclass(frozen=True)
class Components:
    """Variance between and within subjects, and the degrees of freedom of their sum."""

    between: float
    within: float
    df: float

    @property
    def total(self) -> float:
        """Variance of a clip of a new subject."""
        return self.between + self.within


def components(data: Clusters) -> Components:
    """REML variance components of clips in subjects.

    Parameters
    ----------
    data : Clusters
        Two or more subjects, values not all equal.

    Returns
    -------
    Components
        ``df`` of the sum from the expected REML information (Satterthwaite). With one clip
        per subject only the sum is known; it is given as ``between``, with df G - 1.

    Examples
    --------
    >>> found = components(clusters(np.array([1.0, 3, 2, 4, 7, 9]), np.array(list("aabbcc"))))
    >>> round(found.between, 3), round(found.within, 3), round(found.df, 2)
    (9.333, 2.0, 2.39)
    """
    sizes, n, g = data.sizes, data.sizes.sum(), len(data)
    if sizes.max() == 1:
        return Components(float(data.means.var(ddof=1)), 0.0, g - 1.0)
    ratio = variance_ratio(data)
    w = weights(sizes, ratio)
    center = data.means - (w * data.means).sum() / w.sum()
    within = float((data.ss_within + (w * center**2).sum()) / (n - 1))
    return Components(ratio * within, within, _df_of_sum(sizes, ratio))


def _df_of_sum(sizes: np.ndarray, ratio: float) -> float:
    """Satterthwaite's df of the sum of the components, in units of the variance within.

    Subjects' means are independent with variances v = ratio + 1 / n; the rest is N - G
    contrasts of variance 1. Entries of the REML information are half of tr(P A P B), with
    P = Q - q q' / sum(q), q = 1 / v, and A, B the derivatives of the variances.
    """
    inverse, q = 1 / sizes, weights(sizes, ratio)
    total = q.sum()

    def entry(a: np.ndarray, b: np.ndarray) -> float:
        squares = q**2
        own = (squares * a * b * (1 - 2 * q / total)).sum()
        return float(own + (squares * a).sum() * (squares * b).sum() / total**2) / 2

    one = np.ones_like(q)
    bb, bw = entry(one, one), entry(one, inverse)
    ww = entry(inverse, inverse) + (sizes.sum() - len(sizes)) / 2
    variance = (bb + ww - 2 * bw) / (bb * ww - bw**2)
    return float(2 * (ratio + 1) ** 2 / variance)


def limits_of_agreement(
    values: np.ndarray, subjects: np.ndarray, conf_level: float = 0.95
) -> tuple[Interval, Interval]:
    """95 % limits of agreement, each with a subject-clustered interval.

    Parameters
    ----------
    values : ndarray of float, shape (N,)
        Finite differences, one per clip: unbounded and roughly normal.
    subjects : ndarray of str, shape (N,)
        Whose clips they are.
    conf_level : float
        Level of each limit's interval; the limits hold 95 % whatever it is.

    Returns
    -------
    low, high : Interval
        ``df`` is that of the SD. No bounds, and a reason, where there is one subject or no
        spread.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> low, high = limits_of_agreement(rng.normal(0, 10, 200), np.repeat(np.arange(20), 10))
    >>> low.conf_low < -19.6 < low.conf_high, high.conf_low < 19.6 < high.conf_high
    (True, True)
    """
    middle = mean_interval(values, subjects, "subject", conf_level)
    bare = undefined(
        math.nan,
        middle.reason,
        conf_level=conf_level,
        n_clips=middle.n_clips,
        n_subjects=middle.n_subjects,
        method=METHOD,
    )
    if np.ptp(values) == 0 and len(values) > 1:
        return (replace(bare, estimate=middle.estimate),) * 2
    if middle.n_subjects < 2:
        return bare, bare
    found = components(clusters(values, subjects))
    sd = math.sqrt(found.total)
    low, high = middle.estimate - Z * sd, middle.estimate + Z * sd
    if middle.reason:
        return replace(bare, estimate=low), replace(bare, estimate=high)
    spread = _relative_spread(values, subjects, found.df, conf_level)
    half = middle.conf_high - middle.estimate
    outward = math.hypot(half, Z * sd * (spread.conf_high - 1))
    inward = math.hypot(half, Z * sd * (1 - spread.conf_low))
    error = math.hypot(middle.std_error, Z * sd * spread.std_error)
    limit = replace(bare, std_error=error, df=spread.df, method=spread.method)
    return (
        replace(limit, estimate=low, conf_low=low - outward, conf_high=low + inward),
        replace(limit, estimate=high, conf_low=high - inward, conf_high=high + outward),
    )


def no_limits(
    values: np.ndarray, subjects: np.ndarray, conf_level: float = 0.95
) -> tuple[Interval, Interval]:
    """Limits of shifts that windows bound: refused in words.

    Parameters
    ----------
    values, subjects : ndarray, shape (N,)
        As in `limits_of_agreement`.
    conf_level : float
        Level of the intervals that are not given.

    Examples
    --------
    >>> no_limits(np.array([0.0, 3.0]), np.array(["a", "b"]))[0].reason[:32]
    'windows bound and skew the shift'
    """
    refused = undefined(
        math.nan,
        BOUNDED,
        conf_level=conf_level,
        n_clips=len(values),
        n_subjects=len(coded(subjects)[0]),
        method="none",
    )
    return refused, refused


def _relative_spread(
    values: np.ndarray, subjects: np.ndarray, df: float, conf_level: float
) -> Interval:
    """Interval of the SD over the SD: chi-squared, or a jackknife where tails are not normal."""
    if far_from_normal(values):
        found = sd_interval(values, subjects, conf_level)
        if not found.reason:
            return replace(
                found,
                std_error=found.std_error / found.estimate,
                conf_low=found.conf_low / found.estimate,
                conf_high=found.conf_high / found.estimate,
                method=METHOD + JACKKNIFE,
            )
    tail = (1 - conf_level) / 2
    low, high = (math.sqrt(df / special.chdtri(df, p)) for p in (tail, 1 - tail))
    error, nan = 1 / math.sqrt(2 * df), math.nan
    return Interval(nan, error, df, low, high, conf_level, 0, 0, METHOD)


def far_from_normal(values: np.ndarray) -> str:
    """In words, why normal limits do not describe these values; empty where they may.

    A skewness beyond 0.5 or an excess kurtosis above 1, and beyond three standard errors of
    what normal values show by chance, sqrt(6 / N) and sqrt(24 / N).

    Parameters
    ----------
    values : ndarray of float, shape (N,)

    Examples
    --------
    >>> far_from_normal(np.array([0.0] * 30 + [40.0]))
    'skewness 5.3, excess kurtosis 26.0'
    """
    center = np.sort(values) - np.mean(np.sort(values))
    variance = float((center**2).mean())
    if len(values) < 8 or variance == 0:
        return ""
    skewness = float((center**3).mean()) / variance**1.5
    kurtosis = float((center**4).mean()) / variance**2 - 3
    n = len(values)
    if abs(skewness) <= max(MAX_SKEWNESS, 3 * math.sqrt(6 / n)) and kurtosis <= max(
        MAX_EXCESS_KURTOSIS, 3 * math.sqrt(24 / n)
    ):
        return ""
    return f"skewness {skewness:.1f}, excess kurtosis {kurtosis:.1f}"
