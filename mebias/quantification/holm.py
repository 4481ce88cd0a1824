"""Holm's adjustment within a family of a size fixed in advance."""

from __future__ import annotations

import numpy as np


def adjust(p_values: np.ndarray, family_size: int) -> np.ndarray:
    """Holm-adjusted p-values; hypotheses that could not be tested still count.

    Parameters
    ----------
    p_values : ndarray, shape (m,)
        NaN where a hypothesis could not be tested.
    family_size : int
        Hypotheses in the family, m or more.

    Returns
    -------
    ndarray, shape (m,)
        NaN where the p-value is.

    Examples
    --------
    >>> adjust(np.array([0.04, 0.01, np.nan]), 3).tolist()
    [0.08, 0.03, nan]
    """
    p = np.asarray(p_values, dtype=float)
    adjusted = np.full(p.shape, np.nan)
    tested = np.flatnonzero(np.isfinite(p))
    if tested.size > family_size:
        raise ValueError(f"{tested.size} p-values in a family of {family_size}")
    order = tested[np.argsort(p[tested], kind="stable")]
    steps = p[order] * (family_size - np.arange(order.size))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps)) if order.size else []
    return adjusted


def adjust_rows(p_values: np.ndarray) -> np.ndarray:
    """Holm-adjusted p-values of many families at once.

    Parameters
    ----------
    p_values : ndarray, shape (B, m)
        One family of m hypotheses per row; NaN where a hypothesis could not be tested.

    Returns
    -------
    ndarray, shape (B, m)

    Examples
    --------
    >>> adjust_rows(np.array([[0.04, 0.01, np.nan], [0.5, 0.6, 0.01]])).tolist()
    [[0.08, 0.03, nan], [1.0, 1.0, 0.03]]
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, axis=1, kind="stable")
    steps = np.take_along_axis(p, order, axis=1) * (p.shape[1] - np.arange(p.shape[1]))
    adjusted = np.full(p.shape, np.nan)
    rising = np.minimum(1.0, np.maximum.accumulate(steps, axis=1))
    np.put_along_axis(adjusted, order, rising, axis=1)
    return adjusted
