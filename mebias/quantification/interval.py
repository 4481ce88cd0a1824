"""An estimate with its interval, or with the reason why it has none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy import special

_MANY = 2000
"""Rows from which on it pays to hash names in pandas."""
_PER_VALUE = 2
"""Up to this many pairs of a subject and a value for each row, values are counted."""


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

    def scaled(self, factor: float) -> Interval:
        """The same in another unit, which is this one divided by a factor above 0."""
        return Interval(
            self.estimate * factor,
            self.std_error * factor,
            self.df,
            self.conf_low * factor,
            self.conf_high * factor,
            self.conf_level,
            self.n_clips,
            self.n_subjects,
            self.method,
            self.reason,
        )


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
    if len(values) > _MANY:
        found = _counted(values, codes, len(names))
        if found is not None:
            return Clusters(*found, names)
    order = np.lexsort((values, codes))
    values, codes = values[order], codes[order]
    sizes = np.bincount(codes).astype(float)
    means = np.bincount(codes, values) / sizes
    ss_within = float(((values - means[codes]) ** 2).sum())
    return Clusters(sizes, means, ss_within, names)


def _counted(
    values: np.ndarray, codes: np.ndarray, n_subjects: int
) -> tuple[np.ndarray, np.ndarray, float] | None:
    """Sizes, means and sum of squares from counts of the distinct values; None where too many.

    What is added, and in which order, then depends on counts alone; sorting takes longer.
    """
    if len(np.unique(values[:: len(values) // 1000])) * n_subjects > _PER_VALUE * len(values):
        return None
    place, distinct = pd.factorize(values)
    if len(distinct) * n_subjects > _PER_VALUE * len(values):
        return None
    order = np.argsort(distinct)
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order))
    flat = np.bincount(codes * len(order) + rank[place], minlength=n_subjects * len(order))
    counts = flat.reshape(n_subjects, -1).astype(float)
    distinct = distinct[order]
    sizes = counts.sum(axis=1)
    means = counts @ distinct / sizes
    squares = counts * (distinct[None, :] - means[:, None]) ** 2
    return sizes, means, float(squares.sum())


def in_order_of_content(codes: np.ndarray, owners: np.ndarray) -> tuple[np.ndarray, list[bytes]]:
    """Rows by owner, in an order of owners in which no name has a part.

    Parameters
    ----------
    codes : ndarray of int, shape (N,)
        What each row holds: numbers from 0 to below 2**32.
    owners : ndarray of int, shape (N,)
        Whose it is: numbers from 0 on, each of which has a row.

    Returns
    -------
    order : ndarray of int, shape (N,)
        The owner with the least sorted codes first, a beginning before what it begins.
    contents : list of bytes
        Of each owner: compares as its sorted codes do.

    Examples
    --------
    >>> import numpy as np
    >>> in_order_of_content(np.array([5, 9, 1]), np.array([0, 1, 1]))[0].tolist()
    [2, 1, 0]
    """
    rows = np.lexsort((codes, owners))
    ends = np.cumsum(np.bincount(owners))
    held = codes[rows].astype(">u4").tobytes()
    starts = np.r_[0, ends[:-1]]
    contents = [held[4 * a : 4 * b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
    by = sorted(range(len(contents)), key=contents.__getitem__)
    return np.concatenate([rows[starts[k] : ends[k]] for k in by]), contents


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
        if len(subjects) > _MANY:
            return _coded_numbers(subjects)
        return _coded_few(subjects.astype(np.intp, copy=False).tobytes())
    subjects = subjects.astype(object)
    if len(subjects) > _MANY:
        codes, found = pd.factorize(subjects)
        names, order = np.unique(found.astype(str), return_inverse=True)
        return names, order[codes]
    rows = subjects.tolist()
    places = {name: place for place, name in enumerate(sorted(set(map(str, rows))))}
    return np.array(list(places)), np.array([places[str(row)] for row in rows])


def _coded_numbers(subjects: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if subjects.min(initial=0) >= 0 and subjects.max(initial=0) <= 8 * len(subjects) + 1000:
        there = np.bincount(subjects) > 0
        return np.flatnonzero(there), (np.cumsum(there) - 1)[subjects]
    names, codes = np.unique(subjects, return_inverse=True)
    return names, codes


@lru_cache(maxsize=64)
def _coded_few(subjects: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Kept: a dozen quantities in a row are asked of the same rows."""
    found = _coded_numbers(np.frombuffer(subjects, dtype=np.intp))
    for array in found:
        array.flags.writeable = False
    return found
