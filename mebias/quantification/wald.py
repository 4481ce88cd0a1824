"""Differences between the means of groups of subjects, with CR2 errors.

Groups are independent, each with its own weighted mean; a contrast has the sum of their
CR2 variances, Satterthwaite degrees of freedom for two groups and the Hotelling
approximation (HTZ) of Pustejovsky and Tipton (2018) for more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from mebias.quantification import permutation
from mebias.quantification.interval import Clusters
from mebias.quantification.means import Mean, precisions, weighted_mean
from mebias.quantification.reml import variance_ratio, variance_ratios_by_size

_BLOCK = 1 << 16
"""Numbers that are looked at together: few enough to stay out of fresh memory pages."""
_LEAST = 16
"""Numbers that an assignment takes whatever its subjects: a criterion on a grid of 16."""
_FEW_SIZES = 24
"""Up to this many different numbers of clips sums are a product of matrices."""


@dataclass(frozen=True)
class Contrast:
    """A contrast, its CR2 error, and its p-value; for several groups an F statistic."""

    estimate: float
    std_error: float
    statistic: float
    df: float
    p_value: float


def group_means(data: Clusters, members: Sequence[np.ndarray], weighting: str) -> list[Mean]:
    """Weighted mean of each group; ``subject`` shares one variance ratio.

    Parameters
    ----------
    data : Clusters
        Values by subject.
    members : sequence of ndarray of bool, shape (G,)
        Subjects of each group; two or more in each.
    weighting : str
        clip, subject or subject-mean.
    """
    ratio = variance_ratio(data, members) if weighting == "subject" else None
    weight = precisions(data, weighting, ratio)
    return [weighted_mean(data.means[m], weight[m]) for m in members]


def difference(first: Mean, second: Mean) -> Contrast:
    """First minus second, with Satterthwaite degrees of freedom."""
    estimate = first.estimate - second.estimate
    variance = first.variance + second.variance
    share = np.array([1 / first.precision, 1 / second.precision])
    share = share / share.sum()
    df = 1 / float(share[0] ** 2 * first.sum_squares + share[1] ** 2 * second.sum_squares)
    error = float(np.sqrt(variance))
    statistic = estimate / error
    p = float(2 * special.stdtr(df, -abs(statistic)))
    return Contrast(estimate, error, statistic, df, p)


def heterogeneity(means: Sequence[Mean]) -> Contrast:
    """Whether several groups share one mean (HTZ); the estimate is the largest difference."""
    q = len(means) - 1
    estimates = np.array([m.estimate for m in means])
    wald = float(_between(estimates, np.array([m.variance for m in means])))
    precision = np.array([m.precision for m in means])
    own = 1 - precision / precision.sum()
    eta = q * (q + 1) / (2 * sum(o**2 * m.sum_squares for o, m in zip(own, means, strict=True)))
    df = float(eta - q + 1)
    statistic = df / (eta * q) * wald
    p = float(special.fdtrc(q, df, statistic)) if df > 0 else float("nan")
    return Contrast(float(np.ptp(estimates)), float("nan"), float(statistic), df, p)


def statistics(data: Clusters, labels: np.ndarray) -> np.ndarray:
    """The studentized statistic under many assignments, weighting ``subject``.

    Parameters
    ----------
    data : Clusters
        Values by subject.
    labels : ndarray of int, shape (B, G)
        Group of each subject, 0 to K - 1, in each assignment.

    Returns
    -------
    ndarray, shape (B,)
        Absolute t for two groups, the CR2 Wald statistic for more; the variance ratio is
        fitted anew in each assignment.
    """
    return np.concatenate(list(_by_blocks(_by_size(data), labels, int(labels.max()) + 1)))


def p_permutation(
    data: Clusters, labels: np.ndarray, n_permutations: int, seed: int
) -> tuple[float, int, bool]:
    """Permutation p-value of the observed labels, without holding all assignments at once.

    Parameters
    ----------
    data : Clusters
        Values by subject.
    labels : ndarray of int, shape (G,)
        Group of each subject, 0 to K - 1.
    n_permutations, seed : int
        As in `permutation.dealt`.

    Returns
    -------
    p_value : float
    n_assignments : int
        Assignments behind it, the observed one included.
    exhaustive : bool
        Whether these are all there are.
    """
    sized, n_groups = _by_size(data), int(labels.max()) + 1
    found = np.concatenate(
        [
            part
            for some in permutation.dealt(labels, n_permutations, seed)
            for part in _by_blocks(sized, some, n_groups)
        ]
    )
    return permutation.p_value(found), len(found), permutation.all_run(labels)


@dataclass(frozen=True)
class _Sized:
    """Subjects by their number of clips: all that random-intercept weights can tell apart.

    ``sizes`` (S,) are the different numbers, ``order`` (G,) puts subjects of one size
    together, ``starts`` (S,) are where those begin; ``parts`` (3, G) are 1, center and
    center**2 in that order, ``whole`` (3, S) their sums over all subjects; ``spread`` maps a
    row of subjects to these sums (G, 3 S) where sizes are few, else None.
    """

    sizes: np.ndarray
    order: np.ndarray
    starts: np.ndarray
    parts: np.ndarray
    whole: np.ndarray
    spread: np.ndarray | None
    ss_within: float


def _by_size(data: Clusters) -> _Sized:
    center = data.means - data.means.mean()
    order = np.argsort(data.sizes, kind="stable")
    sizes, starts = np.unique(data.sizes[order], return_index=True)
    parts = np.stack([np.ones_like(center), center, center**2])[:, order]
    whole = np.add.reduceat(parts, starts, axis=1)
    spread = None
    if len(sizes) <= _FEW_SIZES:
        of_size = np.searchsorted(sizes, data.sizes[order])[:, None] == np.arange(len(sizes))
        spread = np.concatenate([of_size * part[:, None] for part in parts], axis=1)
    return _Sized(sizes, order, starts, parts, whole, spread, data.ss_within)


def _by_blocks(sized: _Sized, labels: np.ndarray, n_groups: int) -> Iterator[np.ndarray]:
    """Statistics of some assignments at a time, whose numbers stay in the cache."""
    rows = max(1, _BLOCK // max(labels.shape[1], 3 * len(sized.sizes), _LEAST))
    for start in range(0, len(labels), rows):
        yield _statistics(sized, labels[start : start + rows], n_groups)


def _statistics(sized: _Sized, labels: np.ndarray, n_groups: int) -> np.ndarray:
    sums = _sums(sized, labels, n_groups)
    ratios = variance_ratios_by_size(sized.sizes, sized.whole, sums, sized.ss_within)
    w = 1 / (ratios + 1 / sized.sizes[:, None])
    squared = w * w
    means, variances = np.empty((2, n_groups, len(labels)))
    floor = 1e-24 * max(1.0, float(sized.parts[2].max()))
    for k, (count, total, squares) in enumerate(sums):
        weight = _of_subjects(w, count)
        means[k] = mean = _of_subjects(w, total) / weight
        others = weight - w  # CR2: a squared deviation counts by u**2 / (1 - u), u = w / weight
        others[others == 0] = 1.0
        u = squared / others
        middle = 2 * _of_subjects(u, total) - mean * _of_subjects(u, count)
        variances[k] = (_of_subjects(u, squares) - mean * middle) / weight
    wald = _between(means, np.maximum(variances, floor))
    return np.asarray(np.sqrt(wald)) if n_groups == 2 else wald


def _of_subjects(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Sum over subjects of all sizes of a product, (B,)."""
    return np.asarray(np.einsum("sb,sb->b", one, other))


def _sums(sized: _Sized, labels: np.ndarray, n_groups: int) -> list[np.ndarray]:
    """Of each group the sums of 1, center and center**2 by size, (3, S, B)."""
    found = []
    in_order = bool((np.diff(sized.order) == 1).all())
    ordered = labels if in_order else labels[:, sized.order]
    for k in range(n_groups - 1):
        member = (ordered == k).astype(float)
        if sized.spread is not None:
            own = (sized.spread.T @ member.T).reshape(3, len(sized.sizes), len(labels))
        else:
            by_part = [np.add.reduceat(member * p, sized.starts, axis=1).T for p in sized.parts]
            own = np.stack(by_part)
        found.append(own)
    rest = sized.whole[:, :, None] - sum(found)
    return [*found, rest]


def _between(means: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """Wald statistic of equal means of independent groups, (K, B) to (B,)."""
    precision = 1 / variances
    grand = (precision * means).sum(axis=0) / precision.sum(axis=0)
    return np.asarray((precision * (means - grand) ** 2).sum(axis=0))
