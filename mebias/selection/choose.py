"""The choice: largest difference first pair, then offset, with the rule's tie order."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from math import inf, isnan, sqrt
from typing import Protocol, TypeVar

import numpy as np

T = TypeVar("T", bound=Hashable)


class Squared(Protocol):
    """Squared distances between apex candidates and other frames."""

    def __call__(self, apex: int, other: int) -> float:
        """Of one pair."""
        ...

    def block(
        self,
        apexes: Sequence[int],
        others: Sequence[int],
        where: np.ndarray | None = None,
        nearest: tuple[int, int] | None = None,
    ) -> np.ndarray:
        """Of many, apexes in rows; only where needed, frames nearest to two of them read first."""
        ...


@dataclass(frozen=True)
class Choice:
    """One chosen keyframe: frame, score and how far the runner-up lies behind."""

    frame: int
    score: float
    margin: float


@dataclass(frozen=True)
class Candidates:
    """What may be chosen: frames of each window, and which pairs of onset and apex.

    ``ordered`` asks for onset < apex < offset between the chosen frames.
    """

    onsets: Sequence[int]
    apexes: Sequence[int]
    offsets: Sequence[int]
    is_candidate: Callable[[int, int], bool] | None = None
    ordered: bool = False

    def in_order(self, human: tuple[int, int, int]) -> tuple[list[int], list[int]]:
        """Onsets and apexes in the rule's tie order: smaller moves first, then earlier frames."""
        onsets = sorted(self.onsets, key=lambda o: (abs(o - human[0]), o))
        apexes = sorted(self.apexes, key=lambda a: (abs(a - human[1]), a))
        return onsets, apexes

    def allowed(self, onsets: Sequence[int], apexes: Sequence[int]) -> np.ndarray:
        """Which pairs may be chosen, onsets in rows."""
        if self.is_candidate is None:
            found = np.ones((len(onsets), len(apexes)), dtype=bool)
        else:
            found = np.array([[self.is_candidate(o, a) for a in apexes] for o in onsets])
        if self.ordered:
            late = np.array(apexes)[None, :]
            found &= (np.array(onsets)[:, None] < late) & (late < max(self.offsets))
        return found

    def pairs(self, human: tuple[int, int, int]) -> list[tuple[int, int]]:
        """Pairs of onset and apex in the rule's tie order.

        Among equals the smaller onset move comes first, then within it the smaller apex
        move; among moves of equal size the earlier frame.
        """
        onsets, apexes = self.in_order(human)
        at = np.argwhere(self.allowed(onsets, apexes))
        return [(onsets[row], apexes[column]) for row, column in at]

    def is_free(self) -> bool:
        """Whether every pair may be chosen."""
        return self.is_candidate is None and not self.ordered

    def after(self, apex: int) -> list[int]:
        """Offsets that may follow an apex, the later first."""
        return [f for f in sorted(self.offsets, reverse=True) if not self.ordered or f > apex]


def choose(
    squared: Squared,
    human: tuple[int, int, int],
    candidates: Candidates,
    *,
    pick: str = "largest",
    rng: np.random.Generator | None = None,
) -> tuple[Choice, Choice, Choice] | None:
    """Apply the GAMDSS choice to candidate frames.

    The pair (onset, apex) with the largest distance is taken, then, for the chosen apex,
    the offset with the largest distance. Ties: the human pair, then the smaller onset
    move, then within it the smaller apex move; for the offset the human frame, then the
    later frame. Among moves of equal size the earlier frame is taken.

    Parameters
    ----------
    squared : PairDistances
        Squared distances, exact for the pixel distances.
    human : tuple of int
        Human onset, apex, offset.
    candidates : Candidates
        None of its windows empty.
    pick : {"largest", "return", "least", "random"}
        ``return`` takes the offset nearest to the chosen onset; ``least`` the smallest
        differences; ``random`` frames drawn uniformly from the windows.
    rng : Generator, optional
        For ``random``.

    Returns
    -------
    tuple of Choice or None
        Onset, apex, offset; onset and apex share their score. The margin is how far the
        best score at any other frame of that keyframe lies behind, NaN without another and
        for ``random``. None where no pair is a candidate.
    """
    onsets, apexes = candidates.onsets, candidates.apexes
    allowed = None if candidates.is_free() else candidates.allowed(onsets, apexes).T
    if allowed is not None and not allowed.any():
        return None
    if pick == "random":
        return _random(squared, candidates, rng)
    sign = -1.0 if pick == "least" else 1.0
    scores = squared.block(apexes, onsets, allowed, (human[1], human[0]))
    scores = scores if sign > 0 else -scores
    if allowed is not None:
        scores = np.where(allowed, scores, -inf)
    of_apexes = np.maximum.reduce(scores, axis=1).tolist()
    of_onsets = np.maximum.reduce(scores, axis=0).tolist()
    best = max(of_apexes)
    if of_apexes.count(best) == of_onsets.count(best) == 1:
        row, column = of_apexes.index(best), of_onsets.index(best)
    else:
        row, column = _first_of_equals(scores, apexes, onsets, human)
    onset, apex = onsets[column], apexes[row]
    backwards = pick == "return"
    origin, fall_sign = (onset, -1.0) if backwards else (apex, sign)
    offsets = candidates.after(apex) if candidates.ordered else candidates.offsets
    found = squared.block([origin], offsets, None, (origin, max(offsets)))
    falls = [fall_sign * fall for fall in found[0].tolist()]
    last = _best_offset(falls, offsets, human[2])
    score = sqrt(sign * best)
    return (
        Choice(onset, score, _margin(of_onsets, column, sign)),
        Choice(apex, score, _margin(of_apexes, row, sign)),
        Choice(offsets[last], sqrt(fall_sign * falls[last]), _margin(falls, last, fall_sign)),
    )


def _first_of_equals(
    scores: np.ndarray, apexes: Sequence[int], onsets: Sequence[int], human: tuple[int, int, int]
) -> tuple[int, int]:
    """Row and column of the largest score; among equals, of the first in the tie order."""
    best = scores.max()
    alike = np.isnan(scores) if isnan(best) else scores == best

    def order(at: list[int]) -> tuple[bool, int, int, int, int]:
        apex, onset = apexes[at[0]], onsets[at[1]]
        moved = (onset, apex) != human[:2]
        return moved, abs(onset - human[0]), onset, abs(apex - human[1]), apex

    row, column = min(np.argwhere(alike).tolist(), key=order)
    return row, column


def _best_offset(falls: list[float], offsets: Sequence[int], human: int) -> int:
    """Place of the largest score, among equals of the human frame, then of the later one."""
    best = max(falls)
    ties = [i for i, fall in enumerate(falls) if fall == best] or range(len(falls))
    return min(ties, key=lambda i: (offsets[i] != human, -offsets[i]))


def _random(
    squared: Squared, candidates: Candidates, rng: np.random.Generator | None
) -> tuple[Choice, Choice, Choice]:
    assert rng is not None
    windows = (candidates.onsets, candidates.apexes, candidates.offsets)
    onset, apex, offset = (window[int(rng.integers(len(window)))] for window in windows)
    rise, fall = sqrt(squared(apex, onset)), sqrt(squared(apex, offset))
    nan = float("nan")
    return Choice(onset, rise, nan), Choice(apex, rise, nan), Choice(offset, fall, nan)


def _margin(scores: list[float], best: int, sign: float) -> float:
    """How far the best score at another frame lies behind; NaN where there is none."""
    second = max(scores[:best] + scores[best + 1 :], default=-inf)
    if second == -inf:
        return float("nan")
    return sign * (sqrt(sign * scores[best]) - sqrt(sign * second))
