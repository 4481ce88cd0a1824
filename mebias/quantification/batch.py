"""Many data sets at once: weighted means and contrasts of subjects, row by row.

What `means`, `reml` and `wald` do for one data set is done here for B of them: the data
without each subject in turn, or data drawn anew. A subject that is not in a row has size 0
there. The formulas are those of the modules named; tests hold the two to each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from mebias.quantification.interval import Clusters
from mebias.quantification.reml import RATIOS, derivatives

_CHUNK = 2_000_000
"""Numbers of a temporary array (data sets x subjects x grid) at a time."""
_STEPS = 60


@dataclass(frozen=True)
class Batch:
    """B data sets by subject.

    Attributes
    ----------
    sizes : ndarray of float, shape (B, G), or (1, G) where they are the same in all
        Values per subject; 0 where a subject is not in the data set.
    means : ndarray of float, shape (B, G)
        Their mean; any finite number where there are none.
    ss_within : ndarray of float, shape (B,)
        Sum of squares within subjects.
    """

    sizes: np.ndarray
    means: np.ndarray
    ss_within: np.ndarray

    def __len__(self) -> int:
        return len(self.means)

    def rows(self, which: slice) -> Batch:
        """Some of the data sets."""
        sizes = self.sizes if len(self.sizes) == 1 else self.sizes[which]
        return Batch(sizes, self.means[which], self.ss_within[which])


@dataclass(frozen=True)
class Found:
    """Estimates with their CR2 errors and Satterthwaite degrees of freedom, each (B,).

    NaN where a side has fewer than two subjects.
    """

    estimate: np.ndarray
    std_error: np.ndarray
    df: np.ndarray

    @property
    def t(self) -> np.ndarray:
        """Estimate over standard error; NaN without spread."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(self.std_error > 0, self.estimate / self.std_error, np.nan))

    @property
    def p_value(self) -> np.ndarray:
        """Two-sided p-values."""
        return np.asarray(2 * special.stdtr(self.df, -np.abs(self.t)))

    def half_width(self, conf_level: float) -> np.ndarray:
        """Half of each t interval."""
        return np.asarray(special.stdtrit(self.df, (1 + conf_level) / 2) * self.std_error)


def single(data: Clusters) -> Batch:
    """One data set as a batch."""
    return Batch(data.sizes[None, :], data.means[None, :], np.array([data.ss_within]))


def contrasts(
    batch: Batch,
    members: Sequence[np.ndarray],
    weighting: str,
    ratio: np.ndarray | None = None,
) -> Found:
    """The mean of one side, or the first side minus the second, in each data set.

    Parameters
    ----------
    batch : Batch
        B data sets of G subjects.
    members : sequence of one or two ndarray, shape (G,) or (B, G)
        1 for the subjects of each side, else 0.
    weighting : {"clip", "subject", "subject-mean"}
        As in `mebias.quantification.means.mean_interval`; with ``subject`` the two sides
        share one variance ratio, fitted in each data set.
    ratio : ndarray, shape (B,), optional
        That ratio, where it is known already.

    Returns
    -------
    Found

    Examples
    --------
    >>> batch = Batch(np.ones((1, 4)), np.array([[1.0, 3.0, 6.0, 8.0]]), np.zeros(1))
    >>> found = contrasts(batch, [np.array([1, 1, 0, 0]), np.array([0, 0, 1, 1])], "clip")
    >>> found.estimate.tolist(), found.std_error.round(3).tolist(), found.df.tolist()
    ([-5.0], [1.414], [2.0])
    """
    if not batch.sizes.shape[1]:
        return Found(*np.full((3, len(batch)), np.nan))
    sides = [np.asarray(m, dtype=float) + np.zeros_like(batch.sizes) for m in members]
    if weighting == "clip":
        weight = np.broadcast_to(batch.sizes, batch.means.shape)
    elif weighting == "subject-mean":
        weight = np.broadcast_to((batch.sizes > 0).astype(float), batch.means.shape)
    else:
        ratio = variance_ratios(batch, sides) if ratio is None else ratio
        weight = batch.sizes / (1 + ratio[:, None] * batch.sizes)
    found = [_weighted(batch.means, side * weight) for side in sides]
    with np.errstate(divide="ignore", invalid="ignore"):
        if len(found) == 1:
            estimate, variance, sum_squares, _ = found[0]
            return Found(estimate, np.sqrt(variance), 1 / sum_squares)
        (e1, v1, s1, p1), (e2, v2, s2, p2) = found
        share = p2 / (p1 + p2)
        df = 1 / (share**2 * s1 + (1 - share) ** 2 * s2)
        return Found(e1 - e2, np.sqrt(v1 + v2), df)


def _weighted(means: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, ...]:
    """Estimate, CR2 variance, sum of squares (1 / df) and precision of each row."""
    total = weight.sum(axis=1)
    alone = (weight > 0).sum(axis=1) < 2
    with np.errstate(divide="ignore", invalid="ignore"):
        u = weight / total[:, None]
        estimate = np.where(total > 0, (u * means).sum(axis=1), np.nan)
        a = np.where(alone[:, None], np.nan, u**2 / (1 - u))
        deviation = means - estimate[:, None]
        # Subjects with one mean have no spread; what rounding leaves of it is none either.
        floor = 1e-24 * np.maximum(1.0, (means**2 * (weight > 0)).max(axis=1, initial=0.0))
        variance = (a * deviation**2).sum(axis=1)
        variance = np.where(variance <= floor, 0.0, variance)
        sum_squares = (u**2).sum(axis=1) + a.sum(axis=1) ** 2 - (a**2).sum(axis=1)
    return estimate, variance, sum_squares, total


def variance_ratios(batch: Batch, members: Sequence[np.ndarray]) -> np.ndarray:
    """The REML variance ratio of each data set, as `reml.variance_ratio` finds it.

    Parameters
    ----------
    batch : Batch
        B data sets.
    members : sequence of ndarray, shape (B, G) or (1, G)
        1 for the subjects of each side.

    Returns
    -------
    ndarray, shape (B,)
        0 where no subject has two values; the largest of `reml.RATIOS` where there is no
        spread within subjects.
    """
    step = max(1, _CHUNK // (batch.sizes.shape[1] * len(RATIOS)))
    parts = [
        _ratios(
            batch.rows(slice(i, i + step)), [m if len(m) == 1 else m[i : i + step] for m in members]
        )
        for i in range(0, len(batch), step)
    ]
    return np.concatenate(parts)


def _ratios(batch: Batch, members: Sequence[np.ndarray]) -> np.ndarray:
    own = [m * (batch.sizes > 0) for m in members]
    inside = Batch(batch.sizes * sum(own), batch.means, batch.ss_within)
    no_spread = inside.ss_within <= 1e-24 * np.maximum(1.0, (inside.means**2).sum(axis=1))
    one_each = inside.sizes.max(axis=1) <= 1
    ratio = _minimum(inside, own, np.argmin(_criterion(inside, own), axis=0), no_spread | one_each)
    return np.where(one_each, 0.0, np.where(no_spread, RATIOS[-1], ratio))


def _criterion(batch: Batch, members: Sequence[np.ndarray]) -> np.ndarray:
    """-2 log restricted likelihood, up to a constant, (grid, B)."""
    grid = RATIOS[:, None, None]
    w = batch.sizes / (1 + grid * batch.sizes)
    # Centered, so that the square of a mean taken off loses no digits.
    n = batch.sizes.sum(axis=1)
    center = batch.means - ((batch.sizes * batch.means).sum(axis=1) / np.maximum(n, 1))[:, None]
    square, linear = center**2, center
    residual = batch.ss_within + _summed(w, square)
    log_total = 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        for member in members:
            total = _summed(w, member)
            residual = residual - _summed(w, member * linear) ** 2 / total
            log_total = log_total + np.log(total)
        residual = np.maximum(residual, np.finfo(float).tiny)
        log_determinant = np.log1p(grid * batch.sizes).sum(axis=2)
        value = (n - len(members)) * np.log(residual) + log_determinant + log_total
    return np.asarray(np.where(np.isfinite(value), value, np.inf))


def _summed(w: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Weighted sums over subjects, (grid, B), or (grid, 1) of what all data sets share."""
    if w.shape[1] == 1:
        return np.asarray(w[:, 0] @ values.T)
    return np.asarray(np.einsum("rbg,bg->rb", w, values))


def _minimum(
    batch: Batch, members: Sequence[np.ndarray], place: np.ndarray, untold: np.ndarray
) -> np.ndarray:
    """Where the criterion is least near its least points on the grid, (B,).

    Newton's method as in `reml`, side by side; ``untold`` data sets, or without a group, stay.
    """
    typical = batch.sizes.sum(axis=1) / np.maximum(1, np.count_nonzero(batch.sizes, axis=1))
    typical = np.maximum(typical, 1.0)
    around = (np.maximum(place - 1, 0), place, np.minimum(place + 1, len(RATIOS) - 1))
    low, x, high = (np.log1p(RATIOS[k] * typical) for k in around)
    parts = _parts(batch, members)
    for _ in range(_STEPS):
        stretch = np.exp(x) / typical
        slope, bend = _derivatives(batch, parts, np.expm1(x) / typical)
        slope, bend = slope * stretch, (bend * stretch + slope) * stretch
        untold = untold | np.isnan(slope)
        low, high = np.where(slope > 0, low, x), np.where(slope > 0, x, high)
        with np.errstate(divide="ignore", invalid="ignore"):
            new = x - slope / bend
        newton = (bend > 0) & (low <= new) & (new <= high)
        new = np.where(newton, new, (low + high) / 2)
        step, x = np.abs(new - x), np.where(untold, x, new)
        if (untold | (step <= np.where(newton, 1e-8, 1e-13))).all():
            break
    return np.asarray(np.expm1(x) / typical)


def _parts(batch: Batch, members: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What `reml.derivatives` wants summed, of each subject, (B, G) or (1, G)."""
    linear, square = [], []
    for member in members:
        own = member * batch.sizes
        n = np.maximum(1.0, own.sum(axis=1, keepdims=True))
        center = member * (batch.means - (own * batch.means).sum(axis=1, keepdims=True) / n)
        linear.append(center)
        square.append(center**2)
    return [np.ones_like(batch.sizes), *members, *linear, *square]


def _derivatives(
    batch: Batch, parts: Sequence[np.ndarray], ratio: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    w = batch.sizes / (1 + ratio[:, None] * batch.sizes)
    squared = w * w
    first, second, third = (
        [np.einsum("bg,bg->b", v, part) for part in parts] for v in (w, squared, squared * w)
    )
    n_free = batch.sizes.sum(axis=1) - len(parts) // 3
    with np.errstate(divide="ignore", invalid="ignore"):
        return derivatives(first, second, third, n_free, batch.ss_within)
