"""Assignments of whole subjects to groups: all of them, or many at random."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

EXHAUSTIVE = 20_000
"""Up to this many distinct assignments all are run."""
_KEPT = 1 << 22
"""Random orders of subjects are kept for the next test up to this many places."""
_AT_ONCE = 1 << 22
"""Labels of random assignments that are held at a time."""


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
    observed = _labels(observed)
    every = exhaustive(observed)
    if every is not None:
        return every, True
    random = rng.permuted(np.tile(observed, (n_permutations, 1)), axis=1)
    return np.vstack([observed, random]), False


def exhaustive(observed: np.ndarray) -> np.ndarray | None:
    """All distinct assignments, the observed one first; None where they are too many."""
    if not all_run(observed):
        return None
    every = _every(tuple(np.bincount(observed).tolist()))
    first = int(np.flatnonzero((every == observed).all(axis=1))[0])
    return every[np.r_[first, np.delete(np.arange(len(every)), first)]]


def all_run(observed: np.ndarray) -> bool:
    """Whether all distinct assignments of these labels are run."""
    if len(observed) > EXHAUSTIVE and np.ptp(observed) > 0:  # each place of one label is another
        return False
    return n_assignments(np.bincount(observed)) <= EXHAUSTIVE


def dealt(observed: np.ndarray, n_permutations: int, seed: int) -> Iterator[np.ndarray]:
    """The assignments of `assignments`, some at a time, in the same order.

    Memory does not grow with subjects times permutations. Random orders of as many subjects
    are drawn once and serve all tests that ask for them.

    Parameters
    ----------
    observed : ndarray of int, shape (G,)
        Group of each subject, 0 to K - 1.
    n_permutations, seed : int
        Random assignments, where there are too many to run all, and their seed.

    Yields
    ------
    ndarray of int, shape (at most some, G)
        The first row of the first one is the observed assignment.

    Examples
    --------
    >>> observed = np.arange(40) % 2
    >>> parts = np.concatenate(list(dealt(observed, 99, seed=3)))
    >>> whole, _ = assignments(observed, 99, np.random.default_rng(3))
    >>> bool((parts == whole).all())
    True
    """
    observed = _labels(observed)
    every = exhaustive(observed)
    if every is not None:
        yield every
        return
    yield observed[None, :]
    n_subjects = len(observed)
    if n_subjects * n_permutations <= _KEPT and n_subjects <= np.iinfo(np.int16).max:
        yield np.take(observed, _orders(n_subjects, n_permutations, seed))
        return
    rng = np.random.default_rng(seed)
    rows = max(1, _AT_ONCE // n_subjects)
    for start in range(0, n_permutations, rows):
        n = min(rows, n_permutations - start)
        yield rng.permuted(np.tile(observed, (n, 1)), axis=1)


@lru_cache(maxsize=8)
def _orders(n_subjects: int, n_permutations: int, seed: int) -> np.ndarray:
    """Random orders of subjects, kept: the tests of one dataset have as many subjects."""
    places = np.tile(np.arange(n_subjects, dtype=np.int16), (n_permutations, 1))
    drawn = np.random.default_rng(seed).permuted(places, axis=1)
    drawn.flags.writeable = False
    return drawn


def _labels(observed: np.ndarray) -> np.ndarray:
    observed = np.asarray(observed)
    small = observed.max(initial=0) <= np.iinfo(np.int8).max
    return observed.astype(np.int8 if small else np.int32)


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
