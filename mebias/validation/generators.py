"""SIMULATED cohorts of clips in subjects, with known truth, for the calibration of statistics.

All that is drawn is fixed here. Subjects have a random number of clips, log-normal(0.8) and at
least 1, that add up to the clips of the cell. A latent normal value per clip has an
intraclass correlation; the value is the quantile of the cell's distribution at the latent
value's rank (a copula), so that its distribution is exact and clips of a subject resemble
each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from scipy import special

LOG_SD = 0.8
"""Standard deviation of the log of a subject's share of the clips."""
ICCS = (0.0, 0.3)
SIZES = ((12, 60), (29, 159), (42, 267))
"""Subjects and clips of the cells that bands are stated for."""
FEWEST = (5, 20)
"""A cell beside them, for groups as small as are tested at all; no band is stated for it."""
CUT = 0.2
"""Share of clips that the trimmed mean leaves out at either end."""


@dataclass(frozen=True)
class Distribution:
    """The distribution of one clip's value: standard normal, or steps of stated probability.

    Attributes
    ----------
    name : str
        normal, bounded or skewed.
    values, probs : tuple of float
        The steps, ascending, and their probabilities; empty for the standard normal.
    thresholds : tuple of float
        The shares looked at are those of values up to these.

    Examples
    --------
    >>> BOUNDED.mean, round(BOUNDED.sd, 3), BOUNDED.quantile(0.5), BOUNDED.share(1.0)
    (1.1, 1.179, 1.0, 0.65)
    >>> round(SKEWED.mean, 6), SKEWED.quantile(0.95), round(NORMAL.quantile(0.95), 3)
    (1.5, 5.0, 1.645)
    """

    name: str
    values: tuple[float, ...] = ()
    probs: tuple[float, ...] = ()
    thresholds: tuple[float, ...] = ()

    @cached_property
    def _steps(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Values, probabilities, and cumulative probabilities."""
        probs = np.array(self.probs)
        return np.array(self.values), probs, np.minimum(np.cumsum(probs), 1.0)

    def of(self, latent: np.ndarray) -> np.ndarray:
        """The values at standard normal latent values, of the same shape."""
        if not self.values:
            return latent
        values, _, below = self._steps
        return np.asarray(values[np.searchsorted(special.ndtri(below[:-1]), latent)])

    @property
    def mean(self) -> float:
        """Expected value."""
        values, probs, _ = self._steps
        return float(values @ probs) if self.values else 0.0

    @property
    def sd(self) -> float:
        """Standard deviation."""
        values, probs, _ = self._steps
        return math.sqrt(float((values - self.mean) ** 2 @ probs)) if self.values else 1.0

    def quantile(self, p: float) -> float:
        """The value at or below which a share p lies; p is at no step of the distribution."""
        values, _, below = self._steps
        return float(values[np.searchsorted(below, p)]) if self.values else float(special.ndtri(p))

    @property
    def trimmed_mean(self) -> float:
        """Mean of what lies between the quantiles at `CUT` and 1 - `CUT`."""
        if not self.values:
            return 0.0
        values, probs, below = self._steps
        kept = np.minimum(below, 1 - CUT) - np.maximum(below - probs, CUT)
        return float(values @ np.maximum(kept, 0.0) / (1 - 2 * CUT))

    @property
    def mean_difference(self) -> float:
        """Mean absolute difference of two independent values."""
        if not self.values:
            return 2 / math.sqrt(math.pi)
        values, probs, _ = self._steps
        return float(probs @ np.abs(values[:, None] - values[None, :]) @ probs)

    def share(self, threshold: float) -> float:
        """Probability of a value up to a threshold."""
        if not self.values:
            return float(special.ndtr(threshold))
        values, probs, _ = self._steps
        return round(float(probs[values <= threshold].sum()), 12)


def _geometric(mean: float) -> Distribution:
    """Negative binomial of size 1, its last step holding what is left (3e-14 at a mean of 1.5)."""
    p, k = 1 / (1 + mean), np.arange(61)
    probs = p * (1 - p) ** k
    probs[-1] = 1 - probs[:-1].sum()
    return Distribution("skewed", tuple(k.astype(float)), tuple(probs), (0.0, 1.0, 2.0, 5.0))


NORMAL = Distribution("normal", thresholds=(0.0, -1.28, -2.05))
BOUNDED = Distribution("bounded", (0.0, 1.0, 2.0, 3.0), (0.45, 0.20, 0.15, 0.20), (0.0, 1.0, 2.0))
SKEWED = _geometric(1.5)
DISTRIBUTIONS = {d.name: d for d in (NORMAL, BOUNDED, SKEWED)}


@dataclass(frozen=True)
class Cell:
    """What is drawn: subjects, by group where groups are compared, clips, values.

    Attributes
    ----------
    groups : tuple of int
        Subjects of each group; one number for a cell of intervals.
    n_clips : int
        Clips of all subjects together.
    distribution : str
        A key of `DISTRIBUTIONS`.
    icc : float
        Intraclass correlation of the latent values.
    doubled : bool
        Whether the first group's values lie twice as far from the mean.
    """

    groups: tuple[int, ...]
    n_clips: int
    distribution: str
    icc: float
    doubled: bool = False

    @property
    def n_subjects(self) -> int:
        """Subjects of all groups together."""
        return sum(self.groups)

    @property
    def subjects(self) -> str:
        """Subjects in words: 29 subjects, 4 of 20 subjects, groups of 10, 10, 9 subjects."""
        if len(self.groups) == 1:
            return f"{self.n_subjects} subjects"
        if len(self.groups) == 2:
            return f"{self.groups[0]} of {self.n_subjects} subjects"
        return f"groups of {', '.join(map(str, self.groups))} subjects"

    @property
    def name(self) -> str:
        """The cell in words, unique."""
        text = f"{self.subjects}, {self.n_clips} clips, {self.distribution}, ICC {self.icc:g}"
        return text + (", minority's spread doubled" if self.doubled else "")


def _of_groups(groups: tuple[int, ...], n_clips: int, *names: str) -> list[Cell]:
    return [Cell(groups, n_clips, name, icc) for name, icc in product(names, ICCS)]


INTERVALS = tuple(
    Cell((n_subjects,), n_clips, name, icc)
    for (n_subjects, n_clips), name, icc in product((*SIZES, FEWEST), DISTRIBUTIONS, ICCS)
)
"""Cells in which intervals are to cover."""
TESTS = (
    *_of_groups((4, 16), 100, "normal", "bounded", "skewed"),
    *(Cell((4, 16), 100, "normal", icc, doubled=True) for icc in ICCS),
    *_of_groups((6, 6), 60, "bounded"),
    *_of_groups((12, 17), 159, "bounded"),
    *_of_groups((21, 21), 267, "bounded"),
    *_of_groups((5, 5, 10), 100, "normal"),
    *_of_groups((10, 10, 9), 159, "bounded"),
    *_of_groups((20, 13, 9), 267, "bounded"),
)
"""Cells in which tests of equal means are to hold their level."""
CELLS = {cell.name: cell for cell in (*INTERVALS, *TESTS)}


@dataclass(frozen=True)
class Cohorts:
    """B cohorts of N clips in G subjects, clips sorted by subject.

    Attributes
    ----------
    values : ndarray of float, shape (B, N)
        One value per clip.
    subjects : ndarray of int, shape (B, N)
        Whose clips they are, 0 to G - 1.
    sizes : ndarray of int, shape (B, G)
        Clips per subject, 1 or more.
    """

    values: np.ndarray
    subjects: np.ndarray
    sizes: np.ndarray

    def __len__(self) -> int:
        return len(self.values)


def draw(cell: Cell, n: int, rng: np.random.Generator) -> Cohorts:
    """Draw cohorts of a cell.

    Parameters
    ----------
    cell : Cell
        What is drawn.
    n : int
        Cohorts.
    rng : Generator
        Source of chance.

    Returns
    -------
    Cohorts
        Subjects of the first group come first.

    Examples
    --------
    >>> cell = Cell((12,), 60, "bounded", 0.3)
    >>> found = draw(cell, 4, np.random.default_rng(0))
    >>> found.values.shape, int(found.sizes.min()) >= 1, found.sizes.sum(axis=1).tolist()
    ((4, 60), True, [60, 60, 60, 60])
    """
    g, distribution = cell.n_subjects, DISTRIBUTIONS[cell.distribution]
    weight = rng.lognormal(0.0, LOG_SD, (n, g))
    sizes = 1 + rng.multinomial(cell.n_clips - g, weight / weight.sum(axis=1, keepdims=True))
    subjects = np.repeat(np.tile(np.arange(g), n), sizes.ravel()).reshape(n, cell.n_clips)
    between = np.take_along_axis(rng.standard_normal((n, g)), subjects, axis=1)
    within = rng.standard_normal((n, cell.n_clips))
    values = distribution.of(math.sqrt(cell.icc) * between + math.sqrt(1 - cell.icc) * within)
    if cell.doubled:
        far = distribution.mean + 2 * (values - distribution.mean)
        values = np.where(subjects < cell.groups[0], far, values)
    return Cohorts(values, subjects, sizes)


def sides(cell: Cell) -> np.ndarray:
    """Group of each subject, (G,).

    >>> sides(Cell((2, 3), 10, "normal", 0.0)).tolist()
    [0, 0, 1, 1, 1]
    """
    return np.repeat(np.arange(len(cell.groups)), cell.groups)
