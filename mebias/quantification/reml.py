"""Random-intercept weights: the REML ratio of variance between and within subjects.

Values of subject g have the working covariance s2 (I + r J); r is the ratio. What REML
needs of the data are the sizes and means of subjects and the sum of squares within them.
Groups of subjects have means of their own and one ratio in common.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import optimize

from mebias.quantification.interval import Clusters

_SHARE = np.r_[np.linspace(0.0, 0.98, 50), 0.985, 0.99, 0.995, 0.999, 0.9999, 1 - 1e-6]
"""Grid of r / (1 + r), the intraclass correlation."""
RATIOS = _SHARE / (1 - _SHARE)
_COARSE = np.r_[np.linspace(0.0, 0.95, 20), 0.98, 0.995, 1 - 1e-6]
"""The grid where many assignments are fitted; each minimum is refined by a parabola."""


def weights(sizes: np.ndarray, ratio: float | np.ndarray) -> np.ndarray:
    """Precision of each subject's mean, n / (1 + r n), in units of 1 / s2.

    >>> weights(np.array([1.0, 4.0]), 0.0).tolist()
    [1.0, 4.0]
    """
    return np.asarray(sizes / (1 + np.asarray(ratio) * sizes))


def variance_ratio(data: Clusters, members: Sequence[np.ndarray] | None = None) -> float:
    """The REML variance ratio of one data set.

    Parameters
    ----------
    data : Clusters
        Values by subject.
    members : sequence of ndarray, shape (G,), optional
        One 0/1 array per group of subjects; by default all subjects are one group.

    Returns
    -------
    float
        0 or more; 0 where the ratio cannot be told (one clip per subject).

    Examples
    --------
    >>> from mebias.quantification.interval import clusters
    >>> values = np.array([1.0, 1.2, 3.0, 3.1, 5.0, 5.2])
    >>> round(variance_ratio(clusters(values, np.array(list("aabbcc")))), 1)
    266.2
    """
    if members is None:
        members = [np.ones(len(data))]
    if data.sizes.max() == 1:
        return 0.0
    if data.ss_within <= 1e-24 * max(1.0, float((data.means**2).sum())):
        return float(RATIOS[-1])
    rows = [np.asarray(m, dtype=float)[None, :] for m in members]
    place = int(np.argmin(_criterion(data, rows)[0]))
    low = float(RATIOS[max(place - 1, 0)])
    high = float(RATIOS[min(place + 1, len(RATIOS) - 1)])
    at_low, at_high = (_slope(data, members, r) for r in (low, high))
    if at_low >= 0:
        return low
    if at_high <= 0:
        return high
    return float(optimize.brentq(lambda r: _slope(data, members, r), low, high, rtol=1e-10))


def variance_ratios(data: Clusters, members: Sequence[np.ndarray]) -> np.ndarray:
    """REML variance ratios of one data set under many assignments of subjects to groups.

    Parameters
    ----------
    data : Clusters
        Values by subject.
    members : sequence of ndarray, shape (B, G)
        One 0/1 array per group; row b is assignment b.

    Returns
    -------
    ndarray, shape (B,)
        The minimum on a grid of 23 ratios, refined by a parabola.
    """
    if data.sizes.max() == 1:
        return np.zeros(len(members[0]))
    value = _criterion(data, members, _COARSE / (1 - _COARSE))
    place = np.clip(np.argmin(value, axis=1), 1, len(_COARSE) - 2)
    rows = np.arange(len(place))
    x0, x1, x2 = (_COARSE[place + k] for k in (-1, 0, 1))
    y0, y1, y2 = (value[rows, place + k] for k in (-1, 0, 1))
    left, right = (x1 - x0) * (y1 - y2), (x1 - x2) * (y1 - y0)
    with np.errstate(divide="ignore", invalid="ignore"):
        vertex = x1 - ((x1 - x0) * left - (x1 - x2) * right) / (2 * (left - right))
    share = np.clip(np.where(np.isfinite(vertex), vertex, x1), x0, x2)
    return np.asarray(share / (1 - share))


def _criterion(
    data: Clusters, members: Sequence[np.ndarray], ratios: np.ndarray = RATIOS
) -> np.ndarray:
    """-2 log restricted likelihood, up to a constant, (B, grid)."""
    center = data.means - (data.sizes * data.means).sum() / data.sizes.sum()
    w = weights(data.sizes[:, None], ratios[None, :])
    squares = data.ss_within + (w * center[:, None] ** 2).sum(axis=0)
    fitted, total_product = 0.0, 1.0
    for member in members:
        total = member @ w
        fitted = fitted + (member @ (w * center[:, None])) ** 2 / total
        total_product = total_product * total
    n_free = data.sizes.sum() - len(members)
    residual = np.maximum(squares - fitted, np.finfo(float).tiny)
    log_determinant = np.log1p(data.sizes[:, None] * ratios).sum(axis=0)
    return np.asarray(n_free * np.log(residual) + log_determinant + np.log(total_product))


def _slope(data: Clusters, members: Sequence[np.ndarray], ratio: float) -> float:
    """Derivative of the criterion with respect to the ratio."""
    w = weights(data.sizes, ratio)
    residual, change, log_total = data.ss_within, 0.0, 0.0
    for member in members:
        own = w * member
        total = own.sum()
        deviation = (data.means - (own * data.means).sum() / total) ** 2
        residual += float((own * deviation).sum())
        change += float((own * w * deviation).sum())
        log_total += float((own * w).sum() / total)
    n_free = data.sizes.sum() - len(members)
    return float(-n_free * change / residual + w.sum() - log_total)
