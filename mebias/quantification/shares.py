"""Shares of clips that come in subjects: Korn-Graubard intervals."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from scipy import special

from mebias.quantification.interval import Interval, coded, t_half_width
from mebias.quantification.means import weighted_mean

METHOD = "Korn-Graubard: Clopper-Pearson with the effective number of clips"


def share_interval(hits: np.ndarray, subjects: np.ndarray, conf_level: float = 0.95) -> Interval:
    """A share of clips with a subject-clustered interval.

    The number of clips is replaced by the number of independent ones that would be as
    uncertain (CR2 variance, Satterthwaite df), never more than there are; where all clips
    or none are hits, and nothing is known of the clustering, by the number of subjects.

    Parameters
    ----------
    hits : ndarray of bool, shape (N,)
        Whether each clip is one.
    subjects : ndarray of str, shape (N,)
        Whose clips they are.
    conf_level : float
        Level of the interval.

    Returns
    -------
    Interval
        Always with bounds, between 0 and 1. Without a clip: NaN and a reason.

    Examples
    --------
    >>> none = share_interval(np.zeros(40, dtype=bool), np.repeat(np.arange(10), 4))
    >>> none.estimate, none.conf_low, round(none.conf_high, 3)
    (0.0, 0.0, 0.308)
    """
    return Shares(subjects, conf_level).of(hits)


class Shares:
    """Shares of the same clips: what rests on whose they are alone is computed once.

    Parameters
    ----------
    subjects : ndarray of str, shape (N,)
        Whose clips they are.
    conf_level : float
        Level of the intervals.
    """

    def __init__(self, subjects: np.ndarray, conf_level: float = 0.95) -> None:
        self.conf_level = conf_level
        self._names, self._codes = coded(subjects)

    @cached_property
    def _sizes(self) -> np.ndarray:
        """Clips of each subject."""
        return np.bincount(self._codes).astype(float)

    def of(self, hits: np.ndarray) -> Interval:
        """`share_interval` of the clips that are hits."""
        hits = np.asarray(hits, dtype=float)
        nan, level = math.nan, self.conf_level
        if hits.size == 0:
            return Interval(nan, nan, nan, nan, nan, level, 0, 0, METHOD, "no clip")
        share, n, n_subjects = float(hits.mean()), len(hits), len(self._names)
        error, df, effective = nan, nan, float(n_subjects)
        if 0 < share < 1 and n_subjects > 1:
            sizes = self._sizes
            found = weighted_mean(np.bincount(self._codes, hits) / sizes, sizes)
            error, df = math.sqrt(found.variance), 1 / found.sum_squares
            effective = _effective(share, found.variance, df, n, level)
        low, high = clopper_pearson(share, effective, level)
        return Interval(share, error, df, low, high, level, n, n_subjects, METHOD)


def _effective(share: float, variance: float, df: float, n: int, conf_level: float) -> float:
    """Korn and Graubard's effective number of clips, at most n."""
    if variance <= share * (1 - share) / n * 1e-9:
        return float(n)
    ratio = t_half_width(1, n - 1, conf_level) / t_half_width(1, df, conf_level)
    return min(float(n), share * (1 - share) / variance * ratio**2)


def clopper_pearson(share: float, n: float, conf_level: float) -> tuple[float, float]:
    """Exact bounds of a share of n independent clips; n need not be whole.

    >>> [round(bound, 3) for bound in clopper_pearson(0.5, 10, 0.95)]
    [0.187, 0.813]
    """
    tail, x = (1 - conf_level) / 2, share * n
    low = float(special.betaincinv(x, n - x + 1, tail)) if x > 0 else 0.0
    high = float(special.betaincinv(x + 1, n - x, 1 - tail)) if x < n else 1.0
    return low, high
