"""The choice: largest difference first pair, then offset, with the rule's tie order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

Squared = Callable[[int, int], int]


@dataclass(frozen=True)
class Choice:
    """One chosen keyframe: frame, score and how far the runner-up lies behind."""

    frame: int
    score: float
    margin: float


def choose(
    squared: Squared,
    human: tuple[int, int, int],
    onsets: Sequence[int],
    apexes: Sequence[int],
    offsets: Sequence[int],
) -> tuple[Choice, Choice, Choice]:
    """Apply the GAMDSS choice to candidate frames.

    The pair (onset, apex) with the largest distance is taken, then, for the chosen apex,
    the offset with the largest distance. Ties: the human pair, then the smaller onset
    move, then within it the smaller apex move; for the offset the human frame, then the
    later frame. Among moves of equal size the earlier frame is taken.

    Parameters
    ----------
    squared : callable
        ``(apex, other) -> int``, exact squared distances.
    human : tuple of int
        Human onset, apex, offset.
    onsets, apexes, offsets : sequence of int
        Candidate frames, none empty.

    Returns
    -------
    tuple of Choice
        Onset, apex, offset; onset and apex share their score. The margin is the score
        minus the best score at any other frame of that keyframe, NaN without another.
    """
    o_human, a_human, f_human = human
    pairs = {
        (o, a): squared(a, o)
        for o in sorted(onsets, key=lambda o: (abs(o - o_human), o))
        for a in sorted(apexes, key=lambda a: (abs(a - a_human), a))
    }
    # max() keeps the first of equals, and the pairs stand in the rule's tie order.
    onset, apex = max(pairs, key=pairs.__getitem__)
    best = pairs[onset, apex]
    if pairs.get((o_human, a_human)) == best:
        onset, apex = o_human, a_human
    falls = {f: squared(apex, f) for f in sorted(offsets, reverse=True)}
    offset = max(falls, key=falls.__getitem__)
    if falls.get(f_human) == falls[offset]:
        offset = f_human
    return (
        Choice(onset, sqrt(best), _margin(best, [d for (o, _), d in pairs.items() if o != onset])),
        Choice(apex, sqrt(best), _margin(best, [d for (_, a), d in pairs.items() if a != apex])),
        Choice(
            offset,
            sqrt(falls[offset]),
            _margin(falls[offset], [d for f, d in falls.items() if f != offset]),
        ),
    )


def _margin(best: int, others: Sequence[int]) -> float:
    return sqrt(best) - sqrt(max(others)) if others else float("nan")
