"""The choice of `choose`, for many sets of distances between the same frames at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mebias.selection.choose import Candidates, T


def choose_many(
    squared: np.ndarray,
    frames: Sequence[int],
    human: tuple[int, int, int],
    candidates: Candidates,
    *,
    pick: str = "largest",
) -> np.ndarray | None:
    """Apply the GAMDSS choice to many matrices of squared distances.

    Candidates, their tie order and which pairs may be chosen are those of
    `mebias.selection.choose.choose`, and so is every result.

    Parameters
    ----------
    squared : ndarray, shape (m, c, c)
        Squared distances, m times, between the frames named.
    frames : sequence of int
        Numbers of these frames; every candidate is among them.
    human : tuple of int
        Human onset, apex, offset.
    candidates : Candidates
        None of its windows empty.
    pick : {"largest", "return", "least"}
        As in `choose`.

    Returns
    -------
    ndarray of int, shape (m, 3), or None
        Frames chosen: onset, apex, offset. None where no pair is a candidate.

    Examples
    --------
    >>> squared = np.zeros((1, 4, 4))
    >>> squared[0, 1, 2] = squared[0, 2, 1] = 5.0
    >>> windows = Candidates(onsets=[0, 1], apexes=[2], offsets=[3])
    >>> choose_many(squared, range(4), (0, 2, 3), windows).tolist()
    [[1, 2, 3]]
    """
    order = _first(candidates.pairs(human), (human[0], human[1]))
    if not order:
        return None
    place = {frame: i for i, frame in enumerate(frames)}
    sign = -1.0 if pick == "least" else 1.0
    pairs = np.array(order)
    at = np.array([[place[o], place[a]] for o, a in order])
    chosen = pairs[np.argmax(sign * squared[:, at[:, 1], at[:, 0]], axis=1)]
    backwards = pick == "return"
    fall_sign = -1.0 if backwards else sign
    origin = chosen[:, 0] if backwards else chosen[:, 1]
    offsets = np.empty(len(chosen), dtype=int)
    # Which offsets may follow depends on the apex alone.
    for apex in np.unique(chosen[:, 1]):
        own = np.flatnonzero(chosen[:, 1] == apex)
        after = np.array(_first(candidates.after(int(apex)), human[2]))
        of_after = [place[int(f)] for f in after]
        origins = [place[int(frame)] for frame in origin[own]]
        falls = squared[own[:, None], np.array(origins)[:, None], np.array(of_after)[None, :]]
        offsets[own] = after[np.argmax(fall_sign * falls, axis=1)]
    return np.column_stack([chosen, offsets])


def _first(order: list[T], human: T) -> list[T]:
    """The tie order with the human choice, which wins every tie, in front."""
    return [human, *(key for key in order if key != human)] if human in order else order
