"""An estimate with its interval, or with the reason why it has none."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

_MANY = 2000
"""Rows from which on it pays to hash names in pandas."""


@dataclass(frozen=True)
class Interval:
    """One number and how sure it is.

    Attributes
    ----------
    estimate, std_error, df : float
        NaN where undefined.
    conf_low, conf_high : float
        Bounds at ``conf_level``; NaN with a ``reason`` where undefined.
    n_clips, n_subjects : int
        Values and subjects behind it.
    method : str
        How it was computed.
    reason : str
        Why a value is NaN; else empty.
    """

    estimate: float
    std_error: float
    df: float
    conf_low: float
    conf_high: float
    conf_level: float
    n_clips: int
    n_subjects: int
    method: str
    reason: str = ""

    def row(self) -> dict[str, object]:
        """The columns of an estimates table that this interval fills."""
        return dict(self.__dict__)


def undefined(
    estimate: float, reason: str, *, conf_level: float, n_clips: int, n_subjects: int, method: str
) -> Interval:
    """An estimate without an interval, and why."""
    nan = math.nan
    return Interval(estimate, nan, nan, nan, nan, conf_level, n_clips, n_subjects, method, reason)


def t_half_width(std_error: float, df: float, conf_level: float) -> float:
    """Half of a t interval.

    >>> round(t_half_width(1.0, 10, 0.95), 4)
    2.2281
    """
    return float(special.stdtrit(df, 1 - (1 - conf_level) / 2) * std_error)


def t_p_value(statistic: float, df: float) -> float:
    """Two-sided p-value of a t statistic.

    >>> round(t_p_value(2.2281, 10), 3)
    0.05
    """
    return float(2 * special.stdtr(df, -abs(statistic)))


@dataclass(frozen=True)
class Clusters:
    """Values by subject: sizes, means (G,), and the sum of squares within subjects.

    ``subjects`` holds the names in the order of the arrays.
    """

    sizes: np.ndarray
    means: np.ndarray
    ss_within: float
    subjects: np.ndarray

    def __len__(self) -> int:
        return len(self.sizes)


def clusters(values: np.ndarray, subjects: np.ndarray) -> Clusters:
    """Group values by subject; the order of rows makes no difference, not even in rounding.

    Parameters
    ----------
    values : ndarray of float, shape (N,)
        Finite.
    subjects : ndarray of str, shape (N,)

    Examples
    --------
    >>> import numpy as np
    >>> clusters(np.array([1.0, 3.0, 5.0]), np.array(["a", "a", "b"])).means.tolist()
    [2.0, 5.0]
    """
    values = np.asarray(values, dtype=float)
    if values.size == 0 or not np.isfinite(values).all():
        raise ValueError("values must be finite and at least one")
    names, codes = coded(subjects)
    order = np.lexsort((values, codes))
    values, codes = values[order], codes[order]
    sizes = np.bincount(codes).astype(float)
    means = np.bincount(codes, values) / sizes
    ss_within = float(((values - means[codes]) ** 2).sum())
    return Clusters(sizes, means, ss_within, names)


def coded(subjects: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different names, sorted, and the place of each row's name among them.

    Parameters
    ----------
    subjects : ndarray, shape (N,)
        Names, or whole numbers that stand for them: places among all the sorted names.

    Examples
    --------
    >>> import numpy as np
    >>> [found.tolist() for found in coded(np.array([7, 2, 7]))]
    [[2, 7], [1, 0, 1]]
    """
    subjects = np.asarray(subjects)
    if subjects.dtype.kind == "i":
        if subjects.min(initial=0) >= 0 and subjects.max(initial=0) <= 8 * len(subjects) + 1000:
            there = np.bincount(subjects) > 0
            return np.flatnonzero(there), (np.cumsum(there) - 1)[subjects]
        names, codes = np.unique(subjects, return_inverse=True)
        return names, codes
    subjects = subjects.astype(object)
    if len(subjects) > _MANY:
        codes, found = pd.factorize(subjects)
        names, order = np.unique(found.astype(str), return_inverse=True)
        return names, order[codes]
    rows = subjects.tolist()
    places = {name: place for place, name in enumerate(sorted(set(map(str, rows))))}
    return np.array(list(places)), np.array([places[str(row)] for row in rows])
