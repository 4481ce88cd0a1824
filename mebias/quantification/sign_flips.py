"""Sign flips of whole subjects: a test of paired differences."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mebias.quantification.interval import Interval
from mebias.quantification.means import mean_interval

EXHAUSTIVE = 1 << 14
"""Up to this many assignments of signs all are run."""
_TIE = 1e-9
"""Sums this close, as a share of the largest one possible, are ties."""
_SIGNS = 1.0 - 2.0 * np.unpackbits(np.arange(256, dtype=np.uint8)[None], axis=0, bitorder="little")
"""Signs of eight subjects under each byte, (8, 256)."""


@dataclass(frozen=True)
class SignFlip:
    """A sign-flip test of paired differences, with its estimate.

    Attributes
    ----------
    mean : Interval
        Mean difference of clips, with its CR2 interval.
    p_value : float
        Two-sided; NaN with a ``reason`` where it cannot be had.
    n_assignments : int
        Assignments of signs that were run.
    exhaustive : bool
        Whether these are all there are.
    method, reason : str
    """

    mean: Interval
    p_value: float
    n_assignments: int
    exhaustive: bool
    method: str
    reason: str = ""


def sign_flip_test(
    differences: np.ndarray,
    subjects: np.ndarray,
    *,
    n_permutations: int = 9999,
    seed: int = 0,
    conf_level: float = 0.95,
) -> SignFlip:
    """Test paired differences by changing the sign of all differences of a subject together.

    Valid where, under the null hypothesis, the two arms may be exchanged within a subject, so
    that a subject's differences and their negatives are equally likely: two coders, two label
    versions, two selectors with the same windows. A mean of 0 is not enough: differences of a
    one-sided rule or of windows cut at a label are skewed, and the test then rejects for the
    skewness. Use `mebias.quantification.means.mean_interval` there.

    Parameters
    ----------
    differences : ndarray of float, shape (N,)
        Finite, one per clip.
    subjects : ndarray, shape (N,)
        Whose clips they are.
    n_permutations : int
        Random assignments, where there are more than 2**14 of them.
    seed : int
        Seed of the random ones.
    conf_level : float
        Level of the interval of the mean.

    Returns
    -------
    SignFlip
        The statistic is the sum over clips; studentizing it would not change the p-value.

    Examples
    --------
    >>> found = sign_flip_test(np.array([1.0, 2.0, 1.0, 3.0, 1.0, 2.0]), np.arange(6))
    >>> found.p_value, found.n_assignments
    (0.03125, 64)
    """
    mean = mean_interval(differences, subjects, "clip", conf_level)
    differences = np.asarray(differences, dtype=float)
    owners = pd.factorize(np.asarray(subjects))[0]
    order = np.lexsort((differences, owners))  # so that rounding does not depend on rows
    sums = np.bincount(owners[order], differences[order])
    method = "sign flips of whole subjects, sum over clips, two-sided, "
    if not sums.any():
        return SignFlip(mean, math.nan, 0, False, method + "none run", "every subject's sum is 0")
    p, n, exhaustive = sign_flip_p_value(sums, n_permutations=n_permutations, seed=seed)
    method += f"all {n:,}" if exhaustive else f"{n - 1:,} random and the observed"
    return SignFlip(mean, p, n, exhaustive, method + " assignments")


def sign_flip_p_value(
    sums: np.ndarray, *, n_permutations: int = 9999, seed: int = 0
) -> tuple[float, int, bool]:
    """The p-value of `sign_flip_test` from the sum of each subject's differences.

    Parameters
    ----------
    sums : ndarray of float, shape (G,)
        One per subject; neither their order nor their signs decide which draw falls on whom.
    n_permutations, seed : int
        See `sign_flip_test`.

    Returns
    -------
    p_value : float
        Share of assignments with a sum at least as far from 0, the observed one among them.
    n_assignments : int
    exhaustive : bool
    """
    sizes = np.sort(np.abs(sums))
    exhaustive = 1 << len(sizes) <= EXHAUSTIVE
    flipped = _flipped(sizes, exhaustive, n_permutations, seed)
    observed = abs(float(np.sum(sums)))
    extreme = int(np.count_nonzero(flipped >= observed - _TIE * float(sizes.sum())))
    if exhaustive:
        return extreme / len(flipped), len(flipped), True
    return (extreme + 1) / (len(flipped) + 1), len(flipped) + 1, False


def _flipped(sizes: np.ndarray, exhaustive: bool, n_permutations: int, seed: int) -> np.ndarray:
    """Absolute sums under all or random signs."""
    width = -(-len(sizes) // 8)
    if exhaustive:
        numbers = np.arange(1 << len(sizes), dtype="<u2")
        drawn = numbers.view(np.uint8).reshape(-1, 2).T[:width]
    else:
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(len(sizes),)))
        drawn = np.frombuffer(rng.bytes(width * n_permutations), np.uint8).reshape(width, -1)
    # eight subjects at a time: their signed sum is looked up under the byte of their signs
    padded = np.zeros(8 * width)
    padded[: len(sizes)] = sizes
    totals = np.zeros(drawn.shape[1])
    for of_eight, byte in zip(padded.reshape(-1, 8) @ _SIGNS, drawn, strict=True):
        totals += np.take(of_eight, byte)
    return np.abs(totals)
