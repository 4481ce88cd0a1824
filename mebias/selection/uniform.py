"""Where keyframes fall if frames are drawn at random from a rule's candidates: exact."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from mebias.selection.choose import Candidates

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def uniform_shares(
    candidates: Candidates, human: tuple[int, int, int], *, pick: str = "largest"
) -> tuple[dict[int, float], dict[int, float], dict[int, float]] | None:
    """Probability of each frame as onset, apex and offset under pure noise.

    A pair of onset and apex is drawn uniformly from those that may be chosen, then an offset
    uniformly from those that may follow that apex: the steps of the rule, with noise for
    distances. Where no pair is left out, each keyframe is uniform in its window.

    Parameters
    ----------
    candidates : Candidates
        None of its windows empty.
    human : tuple of int
        Human onset, apex, offset.
    pick : str
        The rule's; ``random`` draws from the windows whatever pairs are left out.

    Returns
    -------
    tuple of dict or None
        Frame -> probability, for onset, apex and offset. None where no pair is a candidate.

    Examples
    --------
    >>> both = Candidates([0, 1], [1, 2], [3], lambda onset, apex: onset < apex)
    >>> uniform_shares(both, (0, 2, 3))[0]
    {0: 0.6666666666666666, 1: 0.3333333333333333}
    """
    pairs = candidates.pairs(human)
    if not pairs:
        return None
    if pick == "random":
        windows = (candidates.onsets, candidates.apexes, candidates.offsets)
        onset, apex, offset = ({f: 1 / len(window) for f in window} for window in windows)
        return onset, apex, offset
    onsets, apexes = (np.array([pair[i] for pair in pairs]) for i in (0, 1))
    apex_shares = _shares(apexes)
    offset_shares: dict[int, float] = {}
    for apex_frame, share in apex_shares.items():
        after = candidates.after(apex_frame)
        for frame in after:
            offset_shares[frame] = offset_shares.get(frame, 0.0) + share / len(after)
    return _shares(onsets), apex_shares, dict(sorted(offset_shares.items()))


def _shares(frames: np.ndarray) -> dict[int, float]:
    values, counts = np.unique(frames, return_counts=True)
    return {int(v): int(c) / len(frames) for v, c in zip(values, counts, strict=True)}


def moments(shifts: np.ndarray, shares: np.ndarray) -> Mapping[str, float]:
    """Mean, sd and quantiles of a discrete distribution.

    Parameters
    ----------
    shifts : ndarray, shape (k,)
        Values (frames), in any order.
    shares : ndarray, shape (k,)
        Their probabilities; sum 1.

    Returns
    -------
    mapping
        mean, sd, q05, q25, q50, q75, q95: the smallest value with at least that probability
        at or below it.

    Examples
    --------
    >>> found = moments(np.array([0.0, 1.0, 2.0, 3.0]), np.full(4, 0.25))
    >>> found["mean"], found["q25"], found["q95"]
    (1.5, 0.0, 3.0)
    """
    order = np.argsort(shifts, kind="stable")
    shifts, shares = shifts[order], shares[order]
    # Sums without rounding: what is symmetric has a mean of exactly 0.
    mean = math.fsum(shifts * shares)
    sd = math.sqrt(math.fsum((shifts - mean) ** 2 * shares))
    # Sums of shares fall short of exact steps by rounding.
    reached = np.cumsum(shares) + 1e-9
    places = np.minimum(np.searchsorted(reached, QUANTILES), len(shifts) - 1)
    return {"mean": mean, "sd": sd} | named_quantiles(shifts[places])


def named_quantiles(values: np.ndarray) -> dict[str, float]:
    """Values at `QUANTILES` by the names of their columns."""
    return {f"q{q * 100:02.0f}": float(v) for q, v in zip(QUANTILES, values, strict=True)}
