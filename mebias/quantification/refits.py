"""Many random-intercept models at once: restricted likelihood on per-subject statistics.

The model of a replicate is ``y = group mean + subject + residual`` with variances r s2 and
s2. Given the ratio r, s2 and the group means have closed forms, so that the fit is a search
in one dimension; it runs for all replicates side by side. The likelihood may have two
maxima, so a grid comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LARGEST = 1e8
"""Largest ratio of the variances between and within subjects that is looked at."""
_GRID = 40
_STEPS = 60


@dataclass(frozen=True)
class Fits:
    """Random-intercept fits of B replicates.

    Attributes
    ----------
    ratio : ndarray, shape (B,)
        Variance between subjects over variance within; NaN where no subject has two values
        or all values within subjects are equal.
    within : ndarray, shape (B,)
        Variance within subjects.
    log_likelihood : ndarray, shape (B,)
        Restricted log-likelihood with all its constants, as lme4 and statsmodels give it.
    boundary : ndarray of bool, shape (B,)
        The variance between subjects is estimated as 0.
    converged : ndarray of bool, shape (B,)
        The maximum is at the boundary or enclosed to a relative 1e-9 of the ratio.
    """

    ratio: np.ndarray
    within: np.ndarray
    log_likelihood: np.ndarray
    boundary: np.ndarray
    converged: np.ndarray

    @property
    def between(self) -> np.ndarray:
        """Variance between subjects."""
        return np.asarray(self.ratio * self.within)

    @property
    def icc(self) -> np.ndarray:
        """Share of the variance that lies between subjects."""
        return np.asarray(self.ratio / (1 + self.ratio))


@dataclass(frozen=True)
class Replicates:
    """What restricted likelihood needs of B data sets of G subjects.

    Attributes
    ----------
    sizes : ndarray, shape (B, G) or (1, G)
        Values of each subject; 0 leaves a subject out of a replicate.
    means : ndarray, shape (B, G)
        Their means.
    ss_within : ndarray, shape (B,)
        Sum of squares within subjects.
    members : sequence of ndarray, shape (B, G) or (1, G)
        One 0/1 array per group; each group with a mean of its own.
    """

    sizes: np.ndarray
    means: np.ndarray
    ss_within: np.ndarray
    members: Sequence[np.ndarray]


def replicates(
    values: np.ndarray, subjects: np.ndarray, groups: np.ndarray | None = None
) -> Replicates:
    """Per-subject statistics of many outcomes of one design.

    Parameters
    ----------
    values : ndarray of float, shape (B, N)
        Outcomes; a row is a replicate.
    subjects : ndarray, shape (N,)
        Whose values the columns are.
    groups : ndarray, shape (N,), optional
        Group of each column's subject; one group by default.
    """
    values = np.atleast_2d(np.asarray(values, dtype=float))
    _, first, codes = np.unique(subjects, return_index=True, return_inverse=True)
    sizes = np.bincount(codes).astype(float)
    order = np.argsort(codes, kind="stable")
    starts = np.r_[0, np.cumsum(sizes[:-1])].astype(int)
    means = np.add.reduceat(values[:, order], starts, axis=1) / sizes
    ss_within = ((values - means[:, codes]) ** 2).sum(axis=1)
    if groups is None:
        members = [np.ones((1, len(sizes)))]
    else:
        own = np.asarray(groups)[first]
        members = [(own == g).astype(float)[None, :] for g in np.unique(own)]
    return Replicates(sizes[None, :], means, ss_within, members)


def refit(data: Replicates) -> Fits:
    """Fit all replicates by restricted maximum likelihood.

    Parameters
    ----------
    data : Replicates
        B data sets.

    Returns
    -------
    Fits

    Examples
    --------
    >>> values = np.array([[1.0, 1.2, 3.0, 3.1, 5.0, 5.2], [1.0, 5.0, 3.0, 3.2, 2.0, 4.0]])
    >>> fits = refit(replicates(values, np.array(list("aabbcc"))))
    >>> fits.ratio.round(1).tolist(), fits.boundary.tolist()
    ([266.2, 0.0], [False, True])
    """
    scaled, scale = standardized(data)
    typical = float(np.sum(data.sizes) / max(1, np.count_nonzero(data.sizes)))
    grid = np.expm1(np.linspace(0.0, np.log1p(LARGEST * typical), _GRID)) / typical
    if len(data.means) == 1:
        place = np.argmin(deviance(scaled, grid), keepdims=True)
    else:
        place = np.argmin([deviance(scaled, np.full(1, r)) for r in grid], axis=0)
    ratio, converged = _enclosed(scaled, grid, place, typical)
    told = (data.sizes.max(axis=1) > 1) & (scaled.ss_within > 1e-20)
    n_free = data.sizes.sum(axis=1) - len(data.members)
    within = residual(scaled, ratio)[0] / n_free * scale**2
    likelihood = -0.5 * deviance(scaled, ratio) - n_free * np.log(scale)
    undefined = np.where(told, 0.0, np.nan)
    return Fits(
        ratio + undefined,
        within + undefined,
        likelihood + undefined,
        (ratio <= 0) & told,
        converged & told,
    )


def standardized(data: Replicates) -> tuple[Replicates, np.ndarray]:
    """Values around the means of their groups, in units of their spread.

    The fit takes group means out in any case; done first, nothing cancels.
    """
    center = data.means
    for member in data.members:
        own = member * data.sizes
        mean = (own * data.means).sum(axis=1) / own.sum(axis=1)
        center = center - member * mean[:, None]
    squares = data.ss_within + (data.sizes * center**2).sum(axis=1)
    scale = np.sqrt(squares / data.sizes.sum(axis=1))
    scale = np.where(scale > 0, scale, 1.0)
    means, ss_within = center / scale[:, None], data.ss_within / scale**2
    return Replicates(data.sizes, means, ss_within, data.members), scale


def residual(data: Replicates, ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted residual sum of squares, and the log determinants, (B,)."""
    spread = 1 + ratio[:, None] * data.sizes
    w = data.sizes / spread
    squares = data.ss_within + (w * data.means**2).sum(axis=1)
    log_determinant = np.log(spread).sum(axis=1)
    for member in data.members:
        own = member * w
        total = own.sum(axis=1)
        squares = squares - (own * data.means).sum(axis=1) ** 2 / total
        log_determinant = log_determinant + np.log(total)
    return np.maximum(squares, np.finfo(float).tiny), log_determinant


def residual_by_size(data: Replicates, ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`residual` of one data set at many ratios: subjects of one size have one weight."""
    sizes, codes = np.unique(data.sizes[0], return_inverse=True)
    means = data.means[0]
    spread = 1 + ratio[:, None] * sizes
    w = sizes / spread
    squares = data.ss_within + w @ np.bincount(codes, means**2)
    log_determinant = np.log(spread) @ np.bincount(codes).astype(float)
    for member in data.members:
        total = w @ np.bincount(codes, member[0])
        squares -= (w @ np.bincount(codes, member[0] * means)) ** 2 / total
        log_determinant += np.log(total)
    return np.maximum(squares, np.finfo(float).tiny), log_determinant


def deviance(data: Replicates, ratio: np.ndarray) -> np.ndarray:
    """-2 restricted log-likelihood, s2 and the means being at their best, (B,)."""
    n_free = data.sizes.sum(axis=1) - len(data.members)
    squares, log_determinant = residual(data, ratio)
    constant = n_free * (1 + np.log(2 * np.pi / n_free))
    return np.asarray(n_free * np.log(squares) + log_determinant + constant)


def _slope(data: Replicates, ratio: np.ndarray) -> np.ndarray:
    """Derivative of the deviance with respect to the ratio, (B,)."""
    w = data.sizes / (1 + ratio[:, None] * data.sizes)
    residual, change, log_total = data.ss_within, 0.0, w.sum(axis=1)
    for member in data.members:
        own = member * w
        total = own.sum(axis=1)
        mean = (own * data.means).sum(axis=1) / total
        deviation = own * (data.means - mean[:, None]) ** 2
        residual = residual + deviation.sum(axis=1)
        change = change + (deviation * w).sum(axis=1)
        log_total = log_total - (own * w).sum(axis=1) / total
    n_free = data.sizes.sum(axis=1) - len(data.members)
    return np.asarray(log_total - n_free * change / np.maximum(residual, np.finfo(float).tiny))


def _enclosed(
    data: Replicates, grid: np.ndarray, place: np.ndarray, typical: float
) -> tuple[np.ndarray, np.ndarray]:
    """Ratios at the minimum next to a grid point, and whether they are enclosed.

    The Illinois variant of regula falsi, in log(1 + r n), where 0 is a point like others.
    """

    def slope(x: np.ndarray) -> np.ndarray:
        return np.asarray(_slope(data, np.expm1(x) / typical) * np.exp(x))

    x_grid = np.log1p(grid * typical)
    middle, at_middle = x_grid[place], slope(x_grid[place])
    rising = at_middle > 0
    a = np.where(rising, x_grid[np.maximum(place - 1, 0)], middle)
    b = np.where(rising, middle, x_grid[np.minimum(place + 1, len(grid) - 1)])
    other = slope(np.where(rising, a, b))
    f_a, f_b = np.where(rising, other, at_middle), np.where(rising, at_middle, other)
    at_zero = (place == 0) & (at_middle >= 0)
    open_end = ~at_zero & ((f_a > 0) | (f_b < 0))
    x, step = middle.copy(), np.full(middle.shape, np.inf)
    side = np.zeros(middle.shape)
    for _ in range(_STEPS):
        gap = f_b - f_a
        new = np.where(gap > 0, b - f_b * (b - a) / np.where(gap > 0, gap, 1.0), x)
        step, x = np.abs(new - x), new
        if (step[~(at_zero | open_end)] <= 1e-11).all():
            break
        f = slope(x)
        right = f > 0
        # An end that stays for a second time counts half, or it would stay forever.
        half = np.where(side == np.where(right, 1, -1), 0.5, 1.0)
        side = np.where(right, 1, -1)
        f_a = np.where(right, f_a * half, f)
        f_b = np.where(right, f, f_b * half)
        a, b = np.where(right, a, x), np.where(right, x, b)
    x = np.where(at_zero, 0.0, np.where(open_end, middle, x))
    return np.expm1(x) / typical, at_zero | (~open_end & (step <= 1e-9))
