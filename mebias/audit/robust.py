"""What stands far apart from the rest, judged by medians."""

from __future__ import annotations

import numpy as np

TO_SD = 1.4826
"""Median absolute deviation to standard deviation, for normal data."""


def mad(values: np.ndarray) -> float:
    """Median absolute deviation from the median, NaN left out.

    >>> float(mad(np.array([1.0, 2.0, 3.0, 4.0, 100.0])))
    1.0
    """
    return float(np.nanmedian(np.abs(values - np.nanmedian(values))))


def far_above(values: np.ndarray, *, fewest: int = 20, limit: float = 5.0) -> np.ndarray:
    """Positive values far above the others, in two ways at once.

    More than 10 MAD above the median, and on the logarithm, since durations are skewed,
    more than ``limit`` robust standard deviations above. Nothing stands out among fewer than
    ``fewest`` values.

    Parameters
    ----------
    values : ndarray
        Positive numbers; NaN is left out.

    Returns
    -------
    ndarray of bool
        Same shape.

    Examples
    --------
    >>> values = np.array([*range(10, 40), 3456.0])
    >>> np.flatnonzero(far_above(values)).tolist()
    [30]
    """
    there = np.isfinite(values) & (values > 0)
    if there.sum() < fewest:
        return np.zeros(values.shape, dtype=bool)
    known = np.where(there, values, np.nan)
    logs = np.log(known)
    # A spread of 0 (most values alike) would call every other value far.
    log_sd = max(TO_SD * mad(logs), 0.1)
    plain = known - np.nanmedian(known) > 10 * mad(known)
    far: np.ndarray = there & plain & (logs - np.nanmedian(logs) > limit * log_sd)
    return far
