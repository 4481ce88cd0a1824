"""Several analyses of the same subjects, tested together by permuting their groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mebias.quantification import permutation
from mebias.quantification.batch import Batch, contrasts
from mebias.quantification.interval import Clusters
from mebias.quantification.means import WEIGHTINGS
from mebias.quantification.reml import variance_ratios


@dataclass(frozen=True)
class Data:
    """One way to make values of the same G subjects, analyzed in one or more weightings.

    Attributes
    ----------
    sizes, means : ndarray of float, shape (G,)
        Values per subject and their mean; size 0 where a subject has none.
    ss_within : float
        Sum of squares within subjects.
    weightings : tuple of str
        The weightings in which it is analyzed.
    """

    sizes: np.ndarray
    means: np.ndarray
    ss_within: float
    weightings: tuple[str, ...] = WEIGHTINGS


@dataclass(frozen=True)
class Joint:
    """Statistics of all analyses taken together, under the observed groups and permuted ones.

    Attributes
    ----------
    median_t : float
        Median t of the analyses that the observed groups allow.
    p_median : float
        Share of assignments with a median t at least as far from 0.
    smallest_p : float
        Smallest p-value of these analyses.
    p_smallest : float
        Share of assignments whose smallest p-value is no larger.
    n_assignments : int
        Assignments, the observed one among them.
    exhaustive : bool
        Whether these are all there are.
    """

    median_t: float
    p_median: float
    smallest_p: float
    p_smallest: float
    n_assignments: int
    exhaustive: bool


def joint_test(
    data: Sequence[Data],
    first: np.ndarray,
    rng: np.random.Generator,
    *,
    n_permutations: int = 999,
    min_subjects: int = 2,
) -> Joint:
    """Test by the median t and by the smallest p-value of many analyses.

    Groups of whole subjects are permuted, and each permutation is applied to all analyses
    alike, so that their correlation is kept (Simonsohn, Simmons and Nelson, 2020). The level
    holds where subjects are exchangeable between the sides; spreads that differ between
    sides of different size raise it, as in any permutation test.

    Parameters
    ----------
    data : sequence of Data
        The analyses, on the same G subjects in the same order.
    first : ndarray of bool, shape (G,)
        Subjects of the first side.
    rng : Generator
        Source of the permutations.
    n_permutations : int
        Random permutations; all assignments where there are no more than that.
    min_subjects : int
        An analysis with a side of fewer subjects does not count under that assignment.

    Returns
    -------
    Joint

    Examples
    --------
    >>> values = np.array([1.0, 2.0, 1.5, 5.0, 6.0, 5.5])
    >>> data = Data(np.ones(6), values, 0.0, ("clip",))
    >>> found = joint_test([data], np.arange(6) < 3, np.random.default_rng(0))
    >>> found.n_assignments, found.p_median
    (20, 0.1)
    """
    labels, exhaustive = _labels(np.asarray(first, dtype=bool), n_permutations, rng)
    t = np.full((len(labels), sum(len(d.weightings) for d in data)), np.nan)
    p = t.copy()
    column = 0
    for own in data:
        rows = _allowed(own, labels, min_subjects)
        for weighting in own.weightings:
            if rows.any():
                t[rows, column], p[rows, column] = _statistics(own, labels[rows], weighting)
            column += 1
    median, smallest = _medians(t), _smallest(p)
    return Joint(
        median_t=float(median[0]),
        p_median=permutation.p_value(np.abs(median)),
        smallest_p=float(smallest[0]),
        p_smallest=permutation.p_value(-np.log(np.maximum(smallest, 1e-300))),
        n_assignments=len(labels),
        exhaustive=exhaustive,
    )


def _labels(
    first: np.ndarray, n_permutations: int, rng: np.random.Generator
) -> tuple[np.ndarray, bool]:
    """Assignments as 0/1 rows, 1 = first side; the observed one on top."""
    ways = permutation.n_assignments(np.bincount(first.astype(int), minlength=2))
    if ways <= n_permutations + 1:
        dealt, _ = permutation.assignments(first.astype(np.int8), n_permutations, rng)
        return dealt.astype(bool), True
    random = rng.permuted(np.tile(first, (n_permutations, 1)), axis=1)
    return np.vstack([first, random]), False


def _allowed(own: Data, labels: np.ndarray, min_subjects: int) -> np.ndarray:
    """Assignments under which both sides have subjects enough."""
    there = own.sizes > 0
    n_first = (labels & there).sum(axis=1)
    return np.asarray(np.minimum(n_first, there.sum() - n_first) >= max(2, min_subjects))


def _statistics(own: Data, labels: np.ndarray, weighting: str) -> tuple[np.ndarray, np.ndarray]:
    """Signed t and p-value under each assignment."""
    there = own.sizes > 0
    data = Clusters(own.sizes[there], own.means[there], own.ss_within, np.flatnonzero(there))
    side = labels[:, there].astype(float)
    members = [side, 1 - side]
    ratio = variance_ratios(data, members) if weighting == "subject" else None
    shape = side.shape
    center = data.means - data.means.mean()
    batch = Batch(
        np.broadcast_to(data.sizes, shape),
        np.broadcast_to(center, shape),
        np.broadcast_to(data.ss_within, shape[:1]),
    )
    found = contrasts(batch, members, weighting, ratio)
    return found.t, found.p_value


def _medians(t: np.ndarray) -> np.ndarray:
    """Median over the analyses that count; 0 where none does."""
    none = np.isnan(t).all(axis=1)
    return np.asarray(np.nanmedian(np.where(none[:, None], 0.0, t), axis=1))


def _smallest(p: np.ndarray) -> np.ndarray:
    return np.asarray(np.where(np.isnan(p), 1.0, p).min(axis=1, initial=1.0))
