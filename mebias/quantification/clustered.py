"""Values by subject, and statistics of resamples of whole subjects.

A resample is a weight per subject, and all clips of a subject move together. Whatever a
statistic needs is then a weighted sum over subjects, `weights @ sums of the subjects`: a few
moments, and the cumulative histogram over the distinct values (shifts are small integers, so
these are tens). The result is that of sorting and counting the resampled clips themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd

DENSE = 1 << 22
"""Largest table of subjects by distinct values; beyond it only what is there is stored."""
PER_CLIP = 32
"""The same, for each clip: a larger one costs more to multiply than what is there alone."""


@dataclass(frozen=True)
class Clustered:
    """Values by subject, in an order of subjects in which no name has a part.

    Attributes
    ----------
    distinct : ndarray, shape (V,)
        Distinct values, ascending.
    moments : ndarray, shape (G, 5)
        Of each subject: 1, clips, sum of values, sum of squares (both after subtracting
        ``center``), mean (likewise).
    center : float
        One of the values; subtracted before squaring, so that nothing cancels.
    codes, owners : ndarray of int, shape (N,)
        Of each clip: index into ``distinct``, and into the subjects.
    """

    distinct: np.ndarray
    moments: np.ndarray
    center: float
    codes: np.ndarray
    owners: np.ndarray

    def __len__(self) -> int:
        return len(self.moments)

    @property
    def n_clips(self) -> int:
        """Clips of all subjects together."""
        return len(self.codes)

    @property
    def dense(self) -> bool:
        """Whether a table of subjects by distinct values is worth its size."""
        size = len(self) * len(self.distinct)
        return size <= DENSE and size <= PER_CLIP * self.n_clips

    @cached_property
    def cumulative(self) -> np.ndarray:
        """Clips of each subject up to each value, (G, V)."""
        flat = self.owners * len(self.distinct) + self.codes
        counts = np.bincount(flat, minlength=len(self) * len(self.distinct))
        return np.asarray(counts.reshape(len(self), -1).cumsum(axis=1).astype(float))

    @cached_property
    def sparse(self) -> Any:
        """Clips of each value and subject, a scipy array (V, G) that stores only what is there."""
        from scipy import sparse  # late: few tables have so many distinct values

        shape = len(self.distinct), len(self)
        return sparse.csr_array((np.ones(self.n_clips), (self.codes, self.owners)), shape=shape)


def clustered(values: np.ndarray, subjects: np.ndarray) -> Clustered:
    """Sort values by subject.

    Subjects are put into an order by what they hold, so that neither their names nor the
    order of rows nor the sign of all values (unless subjects hold their own mirror images)
    decides which draw falls on whom.

    Parameters
    ----------
    values : ndarray of float, shape (N,)
        Finite, one per clip.
    subjects : ndarray, shape (N,)
        Whose clips they are.

    Raises
    ------
    ValueError
        No value, a value that is not finite, or a missing subject.

    Examples
    --------
    >>> data = clustered(np.array([2.0, 0.0, 2.0]), np.array(["a", "b", "b"]))
    >>> len(data), data.n_clips, data.distinct.tolist()
    (2, 3, [0.0, 2.0])
    """
    values = np.asarray(values, dtype=float) + 0.0  # no negative zeros
    if values.size == 0 or not np.isfinite(values).all():
        raise ValueError("values must be finite and at least one")
    distinct, codes = np.unique(values, return_inverse=True)
    owners = pd.factorize(np.asarray(subjects))[0]
    if len(owners) != len(values) or (owners < 0).any():
        raise ValueError("every value needs a subject")
    sizes = np.bincount(owners)
    owners, codes = np.divmod(np.sort(owners * len(distinct) + codes), len(distinct))
    order = _canonical(codes, sizes, len(distinct))
    rank = np.argsort(order)[owners]
    owners, codes = np.divmod(np.sort(rank * len(distinct) + codes), len(distinct))
    center = float(distinct[len(distinct) // 2])
    own = distinct[codes] - center
    sums = np.bincount(owners, own)
    squares = np.bincount(owners, own**2)
    moments = [np.ones(len(sizes)), sizes[order], sums, squares, sums / sizes[order]]
    return Clustered(distinct, np.column_stack(moments), center, codes, owners)


def _canonical(codes: np.ndarray, sizes: np.ndarray, n_distinct: int) -> list[int]:
    """Order of subjects by the ranks of their values, the same for values and their negatives."""
    ends = np.cumsum(sizes)
    mirrored = (n_distinct - 1 - codes)[::-1]
    n = len(codes)
    best: list[bytes] = []
    order: list[int] = []
    for ranks, starts in ((codes, ends - sizes), (mirrored, n - ends)):
        held = ranks.astype(">u4").tobytes()
        of = [held[4 * a : 4 * (a + s)] for a, s in zip(starts, sizes, strict=True)]
        by_content = sorted(range(len(sizes)), key=of.__getitem__)
        listed = [of[g] for g in by_content]
        if not order or listed < best:
            best, order = listed, by_content
    return order


class Resamples:
    """Sums over resamples of whole subjects, each made when a statistic first asks for it.

    Parameters
    ----------
    data : Clustered
    weights : ndarray of float, shape (D, G)
        How often each subject is in each resample: whole numbers, not all 0.
    """

    def __init__(self, data: Clustered, weights: np.ndarray) -> None:
        self.data = data
        self.weights = weights

    @cached_property
    def moments(self) -> np.ndarray:
        """Weighted sums of the subjects' moments, (5, D)."""
        return np.asarray(self.data.moments.T @ self.weights.T)

    @cached_property
    def cumulative(self) -> np.ndarray:
        """Clips up to each value, (V, D)."""
        if self.data.dense:
            return np.asarray(self.data.cumulative.T @ self.weights.T)
        return _sparse(self.data, self.weights)

    @property
    def sizes(self) -> np.ndarray:
        """Clips of each resample, (D,)."""
        return np.asarray(self.cumulative[-1])


class LeftOut(Resamples):
    """All subjects but one: the weights are ones minus a row of the identity.

    Parameters
    ----------
    data : Clustered
        Two or more subjects.
    which : slice
        Subjects to leave out, each in turn.
    """

    def __init__(self, data: Clustered, which: slice = slice(None)) -> None:
        self.data = data
        self.which = which

    @cached_property
    def moments(self) -> np.ndarray:
        """Sums over all subjects minus the one's own, (5, D)."""
        own = self.data.moments
        return np.asarray((own.sum(axis=0) - own[self.which]).T)

    @cached_property
    def cumulative(self) -> np.ndarray:
        """Clips up to each value, (V, D)."""
        if self.data.dense:
            own = self.data.cumulative
            return np.asarray(own.sum(axis=0)[:, None] - own[self.which].T)
        left = np.arange(len(self.data))[self.which]
        weights = np.ones((len(left), len(self.data)))
        weights[np.arange(len(left)), left] = 0
        return _sparse(self.data, weights)


def _sparse(data: Clustered, weights: np.ndarray) -> np.ndarray:
    counts = data.sparse @ np.ascontiguousarray(weights.T)
    return np.asarray(np.cumsum(counts, axis=0, out=counts))


@dataclass(frozen=True)
class Statistic:
    """A number of each resample: its name in words, and the function from sums to (D,).

    ``subjects_alike`` says that subjects weigh the same however many clips they have.
    """

    name: str
    of: Callable[[Resamples], np.ndarray]
    subjects_alike: bool = False


def _mean(resamples: Resamples) -> np.ndarray:
    moments = resamples.moments
    return np.asarray(resamples.data.center + moments[2] / moments[1])


def _subject_mean(resamples: Resamples) -> np.ndarray:
    moments = resamples.moments
    return np.asarray(resamples.data.center + moments[4] / moments[0])


def _sd(resamples: Resamples) -> np.ndarray:
    _, n, total, squares, _ = resamples.moments
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.sqrt(np.maximum(squares - total**2 / n, 0) / (n - 1)))


def _places(cumulative: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Index of the value at a position (from 0) among the sorted clips of each resample."""
    before = cumulative[:-1] <= position
    return np.asarray(before.sum(axis=0, dtype=np.uint8 if len(before) < 256 else np.intp))


def _quantile(resamples: Resamples, share: float) -> np.ndarray:
    values, cumulative = resamples.data.distinct, resamples.cumulative
    position = (resamples.sizes - 1) * share
    below = np.floor(position)
    place = _places(cumulative, below)
    found = values[place]
    # only where a value ends between the two clips that the position lies between
    between = np.flatnonzero(
        (position > below) & (cumulative[place, np.arange(len(place))] <= below + 1)
    )
    if len(between):
        above = values[_places(cumulative[:, between], below[between] + 1)]
        found[between] += (position - below)[between] * (above - found[between])
    return np.asarray(found)


def _trimmed_mean(resamples: Resamples, cut: float) -> np.ndarray:
    values, sizes = resamples.data.distinct, resamples.sizes
    low = np.floor(cut * sizes)
    kept = sizes - 2 * low
    # by parts: the largest value, minus each step to it times the kept clips that lie below
    steps: np.ndarray = np.diff(values)
    clipped = np.minimum(np.maximum(resamples.cumulative[:-1], low), sizes - low)
    below = steps @ clipped - steps.sum() * low
    return np.asarray(values[-1] - below / kept)


def _share(resamples: Resamples, low: float, high: float) -> np.ndarray:
    values, cumulative = resamples.data.distinct, resamples.cumulative
    first, last = np.searchsorted(values, low, "left"), np.searchsorted(values, high, "right")
    upper = cumulative[last - 1] if last else 0.0
    lower = cumulative[first - 1] if first else 0.0
    return np.asarray((upper - lower) / resamples.sizes)


MEAN = Statistic("mean of clips", _mean)
SUBJECT_MEAN = Statistic("mean of subjects' means", _subject_mean, subjects_alike=True)
SD = Statistic("SD of clips", _sd)


def quantile(share: float) -> Statistic:
    """A quantile of clips, interpolated linearly between them as numpy does.

    >>> data = clustered(np.array([1.0, 2.0, 4.0]), np.array(["a", "a", "b"]))
    >>> quantile(0.75).of(Resamples(data, np.ones((1, 2)))).tolist()
    [3.0]
    """
    return Statistic(f"{100 * share:g} % quantile of clips", partial(_quantile, share=share))


def trimmed_mean(cut: float) -> Statistic:
    """A mean of clips without this share of them at either end, rounded down to whole clips."""
    return Statistic(f"{100 * cut:g} % trimmed mean of clips", partial(_trimmed_mean, cut=cut))


def share_within(low: float, high: float) -> Statistic:
    """The share of clips from low to high, both included."""
    return Statistic(f"share of clips in [{low:g}, {high:g}]", partial(_share, low=low, high=high))


MEDIAN = Statistic("median of clips", partial(_quantile, share=0.5))
TRIMMED_MEAN = trimmed_mean(0.2)
