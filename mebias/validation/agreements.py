"""How often intervals of agreement coefficients hold the truth, in one cell of cohorts.

Of each clip a length is drawn, as the cell's distribution has it, and a second one beside it:
the first, plus a constant, plus normal noise that clips of a subject share as they share the
lengths. In units of the lengths' standard deviation the constant is `SHIFT` and the noise
`NOISE`, so that the coefficients of all such pairs are known.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy import special

from mebias.quantification.coefficients import COEFFICIENTS, FORMULAS
from mebias.quantification.spread import MIN_SUBJECTS
from mebias.validation.batched import Bounds
from mebias.validation.generators import DISTRIBUTIONS, Cell, Cohorts
from mebias.validation.tally import LEVEL, ROWS, Counted, Found

SHIFT, NOISE = 0.3, 0.5
_METHOD = "jackknife over subjects on Fisher's z, t(G - 1)"


def truths() -> dict[str, float]:
    """The coefficients of all pairs that could be drawn.

    Examples
    --------
    >>> {name: round(value, 4) for name, value in truths().items()}
    {'ccc': 0.8547, 'icc_a1': 0.8547, 'icc_c1': 0.8889}
    """
    both = 2 + NOISE**2
    return {"ccc": 2 / (both + SHIFT**2), "icc_a1": 2 / (both + SHIFT**2), "icc_c1": 2 / both}


def agreements(cell: Cell, cohorts: Cohorts, rng: np.random.Generator) -> Iterator[Found]:
    """Coefficients of every cohort, and whether their intervals hold the truth."""
    second = partners(cell, cohorts, rng)
    g = cohorts.sizes.shape[1]
    if g < MIN_SUBJECTS:
        return
    sums = _sums(cohorts, second)
    rows = _parts(cohorts.values, second)
    truth = truths()
    for name in COEFFICIENTS:
        of_subjects = Counted(name, truth[name], "clip", _METHOD)
        yield of_subjects, jackknifed(name, sums).covered(truth[name])
        of_rows = Counted(name, truth[name], "clip", f"{ROWS}: jackknife over clips")
        yield of_rows, jackknifed(name, rows).covered(truth[name])


def partners(cell: Cell, cohorts: Cohorts, rng: np.random.Generator) -> np.ndarray:
    """The second length of every clip, (B, N)."""
    shape, g = cohorts.values.shape, cohorts.sizes.shape[1]
    between = rng.standard_normal((shape[0], g))
    between = np.take_along_axis(between, cohorts.subjects, axis=1)
    within = rng.standard_normal(shape)
    noise = math.sqrt(cell.icc) * between + math.sqrt(1 - cell.icc) * within
    sd = DISTRIBUTIONS[cell.distribution].sd
    return np.asarray(cohorts.values + sd * (SHIFT + NOISE * noise))


def jackknifed(name: str, sums: np.ndarray) -> Bounds:
    """Intervals of a coefficient, as `mebias.quantification.coefficients.coefficients` has them.

    Parameters
    ----------
    name : str
        One of ``ccc``, ``icc_a1``, ``icc_c1``.
    sums : ndarray, shape (6, B, G)
        N, sums, squares and products of both lengths, by cohort and unit left out.
    """
    total = sums.sum(axis=2)
    g = sums.shape[2]
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.arctanh(FORMULAS[name](total[:, :, None] - sums))
        middle = np.arctanh(FORMULAS[name](total))
    error = np.sqrt((g - 1) / g * ((z - z.mean(axis=1, keepdims=True)) ** 2).sum(axis=1))
    error = np.where((error > 0) & (error < 5), error, np.nan)
    half = special.stdtrit(g - 1, (1 + LEVEL) / 2) * error
    return Bounds(np.tanh(middle - half), np.tanh(middle + half))


def _parts(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What is summed, clip by clip, (6, B, N); about the median, for the digits' sake."""
    center = np.median(x, axis=1, keepdims=True)
    x, y = x - center, y - center
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y])


def _sums(cohorts: Cohorts, second: np.ndarray) -> np.ndarray:
    """The same summed by subject, (6, B, G)."""
    b, g = cohorts.sizes.shape
    flat = (cohorts.subjects + g * np.arange(b)[:, None]).ravel()
    parts = _parts(cohorts.values, second)
    return np.stack([np.bincount(flat, p.ravel(), minlength=b * g).reshape(b, g) for p in parts])
