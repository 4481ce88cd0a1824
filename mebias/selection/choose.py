"""The choice: largest difference first pair, then offset, with the rule's tie order."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from typing import Protocol, TypeVar

import numpy as np

T = TypeVar("T", bound=Hashable)


class Squared(Protocol):
    """Squared distances between apex candidates and other frames."""

    def __call__(self, apex: int, other: int) -> float:
        """Of one pair."""
        ...

    def block(
        self, apexes: Sequence[int], others: Sequence[int], where: np.ndarray | None = None
    ) -> np.ndarray:
        """Of many, apexes in rows; only where they are needed."""
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
    onsets, apexes = candidates.in_order(human)
    allowed = candidates.allowed(onsets, apexes)
    if not allowed.any():
        return None
    if pick == "random":
        return _random(squared, candidates, rng)
    sign = -1.0 if pick == "least" else 1.0
    scores = np.where(allowed, sign * squared.block(apexes, onsets, allowed.T).T, -np.inf)
    # argmax takes the first of equals, and rows and columns stand in the rule's tie order.
    row, column = divmod(int(scores.argmax()), len(apexes))
    best = scores[row, column]
    if human[0] in onsets and human[1] in apexes:
        at = onsets.index(human[0]), apexes.index(human[1])
        row, column = at if scores[at] == best else (row, column)
    onset, apex = onsets[row], apexes[column]
    backwards = pick == "return"
    origin, fall_sign = (onset, -1.0) if backwards else (apex, sign)
    offsets = candidates.after(apex)
    falls = fall_sign * squared.block([origin], offsets)[0]
    last = int(falls.argmax())
    if human[2] in offsets and falls[offsets.index(human[2])] == falls[last]:
        last = offsets.index(human[2])
    return (
        Choice(onset, sqrt(sign * best), _margin(scores.max(axis=1).tolist(), row, sign)),
        Choice(apex, sqrt(sign * best), _margin(scores.max(axis=0).tolist(), column, sign)),
        Choice(
            offsets[last],
            sqrt(fall_sign * falls[last]),
            _margin(falls.tolist(), last, fall_sign),
        ),
    )


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
