"""Two arms swapped for whole subjects: a test of equal scores of two models' predictions.

If the two arms are exchangeable within a subject, the predictions of either may be called
those of the other, for all clips and seeds of the subject together. All ways to do so are
run where there are few subjects, else many at random.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mebias.quantification.permutation import EXHAUSTIVE, p_value
from mebias.recognition.metrics import margins, scores_of

N_SWAPS = 9999
_CHUNK = 1 << 21
"""Counts of swapped arms held at a time."""


@dataclass(frozen=True)
class Swapped:
    """Results of the swap test for several scores.

    Attributes
    ----------
    gains : dict
        Observed difference of each score, arm minus other, mean over seeds.
    p_values : dict
        Two-sided; 1 where no swap changes anything.
    n_assignments : int
        Assignments run, the observed one among them.
    exhaustive : bool
        Whether these are all there are.
    """

    gains: dict[str, float]
    p_values: dict[str, float]
    n_assignments: int
    exhaustive: bool

    @property
    def method(self) -> str:
        """In words."""
        n = self.n_assignments
        how = f"all {n:,}" if self.exhaustive else f"{n - 1:,} random and the observed"
        return f"arms swapped for whole subjects, all clips and seeds together, {how} assignments"


def swap_test(
    arm: np.ndarray, other: np.ndarray, *, n_swaps: int = N_SWAPS, seed: int = 0
) -> Swapped:
    """Test that two arms have the same scores.

    Parameters
    ----------
    arm, other : ndarray, shape (seeds, G, K, K)
        Clips of each subject by true and predicted class under the two arms.
    n_swaps : int
        Random assignments, where there are more than 20,000.
    seed : int
        Of the random ones; the order of subjects has no part in them.

    Returns
    -------
    Swapped
        For UF1, UAR and accuracy.

    Examples
    --------
    >>> arm = np.zeros((1, 4, 2, 2))
    >>> arm[..., 0, 0] = arm[..., 1, 1] = 1
    >>> other = arm[..., ::-1]
    >>> found = swap_test(arm, other)
    >>> found.gains["accuracy"], found.p_values["accuracy"], found.n_assignments
    (1.0, 0.125, 16)
    """
    order = _nameless_order(arm, other)
    arm, other = arm[:, order], other[:, order]
    n_subjects = arm.shape[1]
    swaps, exhaustive = _assignments(n_subjects, n_swaps, seed)
    true, hit_arm, said_arm = margins(arm)
    _, hit_other, said_other = margins(other)
    truth = true.sum(axis=1)
    both = [np.concatenate([hit, said], axis=-1)
            for hit, said in ((hit_arm, said_arm), (hit_other, said_other))]  # fmt: skip
    change = np.moveaxis(both[1] - both[0], 1, 0).reshape(n_subjects, -1)
    n_seeds, n_classes = truth.shape
    step = max(1, _CHUNK // change.shape[1])
    found: dict[str, list[np.ndarray]] = {}
    for start in range(0, len(swaps), step):
        moved = (swaps[start : start + step] @ change).reshape(-1, n_seeds, 2 * n_classes)
        sides = [both[0].sum(axis=1) + moved, both[1].sum(axis=1) - moved]
        first, second = (
            scores_of(truth, side[..., :n_classes], side[..., n_classes:]) for side in sides
        )
        for name in first:
            found.setdefault(name, []).append((first[name] - second[name]).mean(axis=1))
    statistics = {name: np.concatenate(parts) for name, parts in found.items()}
    return Swapped(
        {name: float(values[0]) for name, values in statistics.items()},
        {name: p_value(np.abs(values)) for name, values in statistics.items()},
        len(swaps),
        exhaustive,
    )


def _assignments(n_subjects: int, n_swaps: int, seed: int) -> tuple[np.ndarray, bool]:
    """Whose arms are swapped, 0 or 1, (B, G); nobody's first, which is what was observed."""
    if 2**n_subjects <= EXHAUSTIVE:
        codes = np.arange(2**n_subjects)
        return (codes[:, None] >> np.arange(n_subjects) & 1).astype(float), True
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(n_subjects,)))
    drawn = rng.integers(0, 2, (n_swaps, n_subjects)).astype(float)
    return np.vstack([np.zeros(n_subjects), drawn]), False


def _nameless_order(arm: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Subjects in an order in which neither names nor which arm comes first has a part."""
    flat = [np.moveaxis(a, 1, 0).reshape(a.shape[1], -1) for a in (arm, other)]
    ways = [np.concatenate(pair, axis=1) for pair in (flat, flat[::-1])]
    orders = [np.lexsort(rows.T[::-1]) for rows in ways]
    ordered = [rows[order].ravel() for rows, order in zip(ways, orders, strict=True)]
    differ = np.flatnonzero(ordered[0] != ordered[1])
    second = len(differ) and ordered[1][differ[0]] > ordered[0][differ[0]]
    return orders[1] if second else orders[0]
