"""The choice: largest difference first pair, then offset, with the rule's tie order."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TypeVar

import numpy as np

T = TypeVar("T", bound=Hashable)
Squared = Callable[[int, int], float]


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

    def pairs(self, human: tuple[int, int, int]) -> list[tuple[int, int]]:
        """Pairs of onset and apex in the rule's tie order.

        Among equals the smaller onset move comes first, then within it the smaller apex
        move; among moves of equal size the earlier frame.
        """
        onsets = sorted(self.onsets, key=lambda o: (abs(o - human[0]), o))
        apexes = sorted(self.apexes, key=lambda a: (abs(a - human[1]), a))
        last = max(self.offsets)
        return [
            (o, a)
            for o in onsets
            for a in apexes
            if (self.is_candidate is None or self.is_candidate(o, a))
            and not (self.ordered and not o < a < last)
        ]

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
    squared : callable
        ``(apex, other) -> number``, squared distances, exact for the pixel distances.
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
    order = candidates.pairs(human)
    if not order:
        return None
    if pick == "random":
        return _random(squared, candidates, rng)
    sign = -1 if pick == "least" else 1
    pairs = {(o, a): squared(a, o) for o, a in order}
    onset, apex = _best(pairs, (human[0], human[1]), sign)
    best = pairs[onset, apex]
    backwards = pick == "return"
    origin, fall_sign = (onset, -1) if backwards else (apex, sign)
    falls = {f: squared(origin, f) for f in candidates.after(apex)}
    offset = _best(falls, human[2], fall_sign)
    return (
        Choice(onset, sqrt(best), _margin(pairs, best, sign, lambda pair: pair[0] != onset)),
        Choice(apex, sqrt(best), _margin(pairs, best, sign, lambda pair: pair[1] != apex)),
        Choice(
            offset,
            sqrt(falls[offset]),
            _margin(falls, falls[offset], fall_sign, lambda frame: frame != offset),
        ),
    )


def _best(scores: Mapping[T, float], human: T, sign: int) -> T:
    # max() keeps the first of equals, and the keys stand in the rule's tie order.
    best = max(scores, key=lambda key: sign * scores[key])
    return human if human in scores and scores[human] == scores[best] else best


def _random(
    squared: Squared, candidates: Candidates, rng: np.random.Generator | None
) -> tuple[Choice, Choice, Choice]:
    assert rng is not None
    windows = (candidates.onsets, candidates.apexes, candidates.offsets)
    onset, apex, offset = (window[int(rng.integers(len(window)))] for window in windows)
    rise, fall = sqrt(squared(apex, onset)), sqrt(squared(apex, offset))
    nan = float("nan")
    return Choice(onset, rise, nan), Choice(apex, rise, nan), Choice(offset, fall, nan)


def _margin(
    scores: Mapping[T, float], best: float, sign: int, is_other: Callable[[T], bool]
) -> float:
    """How far the best score at another frame lies behind; NaN where there is none."""
    others = [sign * score for key, score in scores.items() if is_other(key)]
    return sign * (sqrt(best) - sqrt(sign * max(others))) if others else float("nan")
