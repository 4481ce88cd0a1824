"""Random-intercept weights: the REML ratio of variance between and within subjects.

Values of subject g have the working covariance s2 (I + r J); r is the ratio. What REML
needs of the data are the sizes and means of subjects and the sum of squares within them.
Groups of subjects have means of their own and one ratio in common.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar

import numpy as np

from mebias.quantification.interval import Clusters

_SHARE = np.r_[np.linspace(0.0, 0.98, 50), 0.985, 0.99, 0.995, 0.999, 0.9999, 1 - 1e-6]
"""Grid of r / (1 + r), the intraclass correlation."""
RATIOS = _SHARE / (1 - _SHARE)
_POINTS, _FIRST, _BEND = 16, 0.15, 0.26
"""A coarse grid, whose minima are refined: points, first step, and by how much steps grow."""
_QUARTIC = np.linalg.inv(np.vander(np.arange(-2.0, 3.0), increasing=True))
"""Coefficients of the polynomial through values at -2, -1, 0, 1, 2."""
_STEPS = 60
Number = TypeVar("Number", float, np.ndarray)


def weights(sizes: np.ndarray, ratio: float | np.ndarray) -> np.ndarray:
    """Precision of each subject's mean, n / (1 + r n), in units of 1 / s2.

    >>> weights(np.array([1.0, 4.0]), 0.0).tolist()
    [1.0, 4.0]
    """
    return sizes / (1 + ratio * sizes)


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
    if data.sizes.max() == 1:
        return 0.0
    if data.ss_within <= 1e-24 * max(1.0, float((data.means**2).sum())):
        return float(RATIOS[-1])
    return _Restricted(data, [np.ones(len(data))] if members is None else members).ratio()


def variance_ratios(data: Clusters, members: Sequence[np.ndarray]) -> np.ndarray:
    """REML variance ratios of one data set under many assignments of subjects to groups.

    Parameters
    ----------
    data : Clusters
        Values by subject.
    members : sequence of ndarray, shape (B, G)
        One 0/1 array per group; row b is assignment b. Each subject is in one of the groups.

    Returns
    -------
    ndarray, shape (B,)
        See `variance_ratios_by_size`.
    """
    sizes, codes = np.unique(data.sizes, return_inverse=True)
    center = data.means - data.means.mean()
    of_size = (codes[:, None] == np.arange(len(sizes))).astype(float)
    sums = [
        np.stack([(m @ (of_size * part[:, None])).T for part in (np.ones_like(center), center)])
        for m in members
    ]
    whole = np.stack([part @ of_size for part in (np.ones_like(center), center, center**2)])
    return variance_ratios_by_size(sizes, whole, sums, data.ss_within)


def variance_ratios_by_size(
    sizes: np.ndarray, whole: np.ndarray, groups: Sequence[np.ndarray], ss_within: float
) -> np.ndarray:
    """`variance_ratios` from what subjects of each size have in common.

    Parameters
    ----------
    sizes : ndarray, shape (S,)
        The different numbers of clips.
    whole : ndarray, shape (3, S)
        Sums over all subjects of each size: 1, mean, squared mean.
    groups : sequence of ndarray, shape (2 or more, S, B)
        Sums of 1 and mean over the subjects of each group, in each of B assignments; each
        subject is in one of the groups.
    ss_within : float
        Sum of squares within subjects.

    Returns
    -------
    ndarray, shape (B,)
        The minimum on a grid of 16 ratios, refined by a polynomial. The grid is one of
        log(1 + r times the mean size), fine near 0 and wider further out: in it the criterion
        has much the same shape whatever the sizes. The studentized difference that follows is
        within 0.01 % of the one at the exact minimum in the median and within 1 % at the most,
        in cohorts of 12 to 60 subjects with 5 to 70 clips each.
    """
    if sizes.max() == 1:
        return np.zeros(groups[0].shape[2])
    mean_size = (sizes * whole[0]).sum() / whole[0].sum()
    ratios = _ratio_at(np.arange(_POINTS), mean_size)
    w = weights(sizes[:, None], ratios)
    # Around the mean of all at each ratio only what lies between groups depends on who is where.
    all_weight, mean = whole[0] @ w, (whole[1] @ w) / (whole[0] @ w)
    value = (ss_within + whole[2] @ w - all_weight * mean**2)[:, None]
    log_weights: float | np.ndarray = 1.0
    if len(groups) == 2:
        count, total = groups[0][:2]
        weight = w.T @ count
        log_weights = weight * (all_weight[:, None] - weight)
        apart = (w * np.sqrt(all_weight)).T @ total
        apart -= (w * mean * np.sqrt(all_weight)).T @ count
        apart *= apart
        apart /= log_weights
        value = value - apart
    else:
        for count, total, *_ in groups:
            weight = w.T @ count
            apart = w.T @ total - mean[:, None] * weight
            apart *= apart
            apart /= weight
            value = value - apart
            log_weights = np.multiply(weight, log_weights, out=weight)
    np.log(np.maximum(value, np.finfo(float).tiny, out=value), out=value)
    value *= (sizes * whole[0]).sum() - len(groups)
    value += np.log(log_weights)
    value += (whole[0] @ np.log1p(sizes[:, None] * ratios))[:, None]
    return _ratio_at(_minima(value), mean_size)


def _ratio_at(place: np.ndarray, mean_size: float) -> np.ndarray:
    """Ratios of variances at places of the grid, whole or between."""
    return np.asarray(np.expm1(_FIRST / _BEND * np.sinh(_BEND * place)) / mean_size)


def _minima(value: np.ndarray) -> np.ndarray:
    """Places on the grid where polynomials through five points have their minimum, (B,)."""
    lowest = (value == value.min(axis=0)).argmax(axis=0)  # faster than argmin along this axis
    middle = np.clip(lowest, 2, _POINTS - 3)
    n = value.shape[1]
    near = value.ravel().take(middle * n + np.arange(n) + n * np.arange(-2, 3)[:, None])
    _, b, c, d, e = _QUARTIC @ (near - near[2])
    at = (lowest - middle).astype(float)
    low, high = np.maximum(at - 1, -2), np.minimum(at + 1, 2)
    c2, d3, e4, d6, e12 = 2 * c, 3 * d, 4 * e, 6 * d, 12 * e
    for _ in range(3):  # Newton's method on the derivative, kept between the neighbors
        slope = ((e4 * at + d3) * at + c2) * at + b
        bend = (e12 * at + d6) * at + c2
        bend[bend <= 0] = np.inf
        slope /= bend
        at -= slope
        np.minimum(np.maximum(at, low, out=at), high, out=at)
    return np.asarray(at + middle)


class _Restricted:
    """The restricted likelihood of one data set, from weighted sums over its subjects.

    ``parts`` are what is weighted: 1 for all subjects, then for those of each group 1, the
    mean and its square. Means are taken from that of the group, so that no digits cancel.
    """

    def __init__(self, data: Clusters, members: Sequence[np.ndarray]) -> None:
        self.sizes, self.ss_within, self.n_groups = data.sizes, data.ss_within, len(members)
        self.n_values = float(data.sizes.sum())
        self.n_free = self.n_values - len(members)
        own = np.array(members, dtype=float)
        center = data.means - ((own @ (data.sizes * data.means)) / (own @ data.sizes)) @ own
        self.parts = np.concatenate([np.ones((1, len(data))), own, own * center, own * center**2])

    def ratio(self) -> float:
        """Where the criterion is least: Newton's method from the least point of the grid.

        It is run in log(1 + r times the mean size), in which the criterion is nearly a
        parabola, and kept between the neighbors on the grid, halving where it would leave.
        """
        typical = self.n_values / len(self.sizes)
        place = int(np.argmin(self._on_grid()))
        around = (max(place - 1, 0), place, min(place + 1, len(RATIOS) - 1))
        low, x, high = (math.log1p(float(RATIOS[k]) * typical) for k in around)
        for _ in range(_STEPS):
            stretch = math.exp(x) / typical
            slope, bend = self._derivatives(math.expm1(x) / typical)
            slope, bend = slope * stretch, (bend * stretch + slope) * stretch
            low, high = (low, x) if slope > 0 else (x, high)
            new = x - slope / bend if bend > 0 else math.inf
            inside = low <= new <= high
            new, near = (new, 1e-6) if inside else ((low + high) / 2, 1e-13)
            x, step = new, abs(new - x)
            if step <= near:  # of Newton's method the error is about the step squared
                break
        return math.expm1(x) / typical

    def _on_grid(self) -> np.ndarray:
        """-2 log restricted likelihood, up to a constant, on the grid of ratios."""
        w, log_determinant = _grid_weights(self.sizes.tobytes())
        count, linear, square = (self.parts[1:] @ w).reshape(3, self.n_groups, -1)
        residual = self.ss_within + (square - linear**2 / count).sum(axis=0)
        np.maximum(residual, np.finfo(float).tiny, out=residual)
        return np.asarray(
            self.n_free * np.log(residual) + log_determinant + np.log(count).sum(axis=0)
        )

    def _derivatives(self, ratio: float) -> tuple[float, float]:
        powers = np.empty((3, len(self.sizes)))
        w = np.divide(self.sizes, 1 + ratio * self.sizes, out=powers[0])
        np.multiply(w, w, out=powers[1])
        np.multiply(powers[1], w, out=powers[2])
        first, second, third = (powers @ self.parts.T).tolist()
        return derivatives(first, second, third, self.n_free, self.ss_within)


def derivatives(
    first: Sequence[Number],
    second: Sequence[Number],
    third: Sequence[Number],
    n_free: Number,
    ss_within: Number,
) -> tuple[Number, Number]:
    """First and second derivative of the criterion with respect to the ratio.

    Parameters
    ----------
    first, second, third : sequence of float, or of ndarray, shape (B,)
        Sums with the weights w, w**2 and w**3, w being `weights`, whose derivatives are -w**2
        and 2 w**3. Summed is 1 over all subjects; then 1 over those of each group, as many
        sums of their means, and of the squared means.
    n_free : float or ndarray, shape (B,)
        Values less groups.
    ss_within : float or ndarray, shape (B,)
        Sum of squares within subjects.

    Returns
    -------
    slope, bend : float or ndarray, shape (B,)
    """
    n_groups = len(first) // 3
    residual, change, bend = ss_within, 0.0 * ss_within, 0.0 * ss_within
    slope_of_logs, bend_of_logs = first[0], -second[0]
    for count in range(1, n_groups + 1):
        linear, square = count + n_groups, count + 2 * n_groups
        total, relative = first[count], second[count] / first[count]
        mean = first[linear] / total
        moved = second[linear] - mean * second[count]
        residual = residual + first[square] - mean * first[linear]
        change = change + second[square] - mean * (second[linear] + moved)
        bend = bend + third[square] - mean * (2 * third[linear] - mean * third[count])
        bend = bend - moved * moved / total
        slope_of_logs = slope_of_logs - relative
        bend_of_logs = bend_of_logs + 2 * third[count] / total - relative * relative
    rate = change / residual
    slope = slope_of_logs - n_free * rate
    return slope, bend_of_logs + n_free * (2 * bend / residual - rate * rate)


@lru_cache(maxsize=8)
def _grid_weights(sizes: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Weights (G, grid) and log determinants (grid,), kept: quantities share their subjects."""
    products = np.frombuffer(sizes)[:, None] * RATIOS
    w = np.frombuffer(sizes)[:, None] / (1 + products)
    return w, np.log1p(products).sum(axis=0)
