"""Assignments of whole subjects to groups: all of them, or many at random."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

EXHAUSTIVE = 20_000
"""Up to this many distinct assignments all are run."""


def assignments(
    observed: np.ndarray, n_permutations: int, rng: np.random.Generator
) -> tuple[np.ndarray, bool]:
    """Ways to deal the observed group labels out to subjects.

    Parameters
    ----------
    observed : ndarray of int, shape (G,)
        Group of each subject, 0 to K - 1.
    n_permutations : int
        Random assignments, where there are too many to run all.
    rng : Generator
        Source of the random ones.

    Returns
    -------
    labels : ndarray of int8, shape (B, G)
        The first row is the observed assignment.
    exhaustive : bool
        Whether these are all distinct assignments, each once.

    Examples
    --------
    >>> labels, exhaustive = assignments(np.array([0, 0, 1]), 99, np.random.default_rng(0))
    >>> labels.tolist(), exhaustive
    ([[0, 0, 1], [0, 1, 0], [1, 0, 0]], True)
    """
    observed = np.asarray(observed, dtype=np.int8)
    counts = np.bincount(observed)
    if n_assignments(counts) <= EXHAUSTIVE:
        every = _every(tuple(counts.tolist()))
        first = int(np.flatnonzero((every == observed).all(axis=1))[0])
        order = np.r_[first, np.delete(np.arange(len(every)), first)]
        return every[order], True
    random = rng.permuted(np.tile(observed, (n_permutations, 1)), axis=1)
    return np.vstack([observed, random]), False


def n_assignments(counts: np.ndarray) -> int:
    """Distinct assignments to groups of these sizes.

    >>> n_assignments(np.array([4, 16]))
    4845
    """
    ways, left = 1, int(sum(counts))
    for count in counts:
        ways *= math.comb(left, int(count))
        left -= int(count)
    return ways


def p_value(statistics: np.ndarray) -> float:
    """Share of assignments at least as extreme as the first, which is the observed one.

    >>> p_value(np.array([2.0, 1.0, 3.0, 2.0]))
    0.75
    """
    observed = statistics[0]
    return float(np.mean(statistics >= observed - 1e-9 * max(1.0, abs(float(observed)))))


@lru_cache(maxsize=4)
def _every(counts: tuple[int, ...]) -> np.ndarray:
    """All distinct assignments, kept: the tests of one dataset have the same groups."""
    every = np.array(list(_deal(list(counts))), dtype=np.int8)
    every.flags.writeable = False
    return every


def _deal(counts: list[int]) -> Iterator[list[int]]:
    """All distinct sequences with these counts, in lexicographic order."""
    if sum(counts) == 0:
        yield []
    for group, count in enumerate(counts):
        if count:
            rest = counts.copy()
            rest[group] -= 1
            for tail in _deal(rest):
                yield [group, *tail]
