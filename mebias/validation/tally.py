"""What is counted over simulated cohorts, and the counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from mebias.validation.generators import Cell, Cohorts, draw

LEVEL = 0.95
"""Nominal level of every interval."""
ALPHA = 0.05
"""Nominal level of every test."""
COVERAGE, REJECTED = "coverage", "level"
ROWS = "rows as if independent"
"""How the method of every row-level analysis, the failing control, begins."""
_CHUNK = 500
"""Cohorts drawn at a time."""


@dataclass(frozen=True)
class Counted:
    """What is counted: intervals that hold the truth, or tests that reject.

    Attributes
    ----------
    quantity, weighting, method : str
        What is estimated or tested, and how.
    truth : float
        The true value.
    measure : str
        `COVERAGE` or `REJECTED`.
    """

    quantity: str
    truth: float
    weighting: str
    method: str
    measure: str = COVERAGE

    @property
    def control(self) -> bool:
        """Whether rows are taken for independent."""
        return self.method.startswith(ROWS)


@dataclass(frozen=True)
class Count:
    """In how many cohorts there was an interval or a p-value, and the share that counts."""

    of: Counted
    n_cohorts: int
    share: float


Found = tuple[Counted, np.ndarray]
"""What is counted, and 1, 0 or NaN (neither interval nor p-value) for each cohort."""


def tally(
    cell: Cell,
    n: int,
    rng: np.random.Generator,
    measure: Callable[[Cell, Cohorts, np.random.Generator], Iterator[Found]],
) -> list[Count]:
    """Count over n cohorts, drawn and measured some at a time.

    Parameters
    ----------
    cell : Cell
        What is drawn.
    n : int
        Cohorts.
    rng : Generator
        Source of chance.
    measure : callable
        Yields what it finds in some cohorts.

    Returns
    -------
    list of Count
        In the order in which they were found; without what no cohort has.
    """
    hits: dict[Counted, list[np.ndarray]] = {}
    for start in range(0, n, _CHUNK):
        cohorts = draw(cell, min(_CHUNK, n - start), rng)
        for counted, found in measure(cell, cohorts, rng):
            hits.setdefault(counted, []).append(found)
    counts = []
    for counted, parts in hits.items():
        every = np.concatenate(parts)
        known = every[~np.isnan(every)]
        if len(known):
            counts.append(Count(counted, len(known), float(known.mean())))
    return counts
