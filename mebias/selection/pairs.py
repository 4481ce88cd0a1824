"""The matrix of distances of one clip, of which every rule is a view."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from mebias.selection.distances import Distance, signed_squared

_BLOCK_BYTES = 2**23
_EXACT = float(2**24)
"""Below this, sums of whole numbers in float32 are exact in whatever order they are added."""
_MANY = 8
"""From this many unknown distances a frame on, all come from one matrix product."""


class PairDistances:
    """Squared distances of one clip, each pair computed once.

    Parameters
    ----------
    frame : callable
        Frame number -> uint8 array, all of one shape.
    distance : callable
        Two frames -> squared distance; the apex comes first.

    Examples
    --------
    >>> frames = [np.full((2, 2), level, np.uint8) for level in (1, 4, 9)]
    >>> squared = PairDistances(frames.__getitem__, signed_squared)
    >>> squared(2, 0), squared.block([1, 2], [0]).tolist()
    (256.0, [[36.0], [256.0]])
    """

    def __init__(self, frame: Callable[[int], np.ndarray], distance: Distance) -> None:
        self.frame = frame
        self._distance = distance
        self._symmetric = distance is signed_squared
        self._places: dict[int, int] = {}
        self._known = np.full((0, 0), np.nan)

    def __call__(self, apex: int, other: int) -> float:
        """Squared distance between an apex candidate and another frame."""
        return float(self.block([apex], [other])[0, 0])

    def block(
        self, apexes: Sequence[int], others: Sequence[int], where: np.ndarray | None = None
    ) -> np.ndarray:
        """Squared distances between apex candidates (rows) and other frames (columns).

        ``where`` says which of them are needed; the others may be NaN.
        """
        self._make_room([*apexes, *others])
        rows = np.array([self._places[n] for n in apexes])
        columns = np.array([self._places[n] for n in others])
        place = np.ix_(rows, columns)
        unknown = np.isnan(self._known[place])
        missing = np.argwhere(unknown if where is None else unknown & where)
        if len(missing):
            involved = sorted({*apexes, *others})
            if self._symmetric and len(missing) > _MANY * len(involved):
                at = np.array([self._places[n] for n in involved])
                self._known[np.ix_(at, at)] = squared_distances([self.frame(n) for n in involved])
            else:
                self._fill(apexes, others, missing)
        return np.asarray(self._known[place])

    def _fill(self, apexes: Sequence[int], others: Sequence[int], missing: np.ndarray) -> None:
        for row, column in missing:
            apex, other = apexes[row], others[column]
            i, j = self._places[apex], self._places[other]
            if np.isnan(self._known[i, j]):
                found = self._distance(self.frame(apex), self.frame(other))
                self._known[i, j] = found
                if self._symmetric:
                    self._known[j, i] = found

    def _make_room(self, numbers: Sequence[int]) -> None:
        new = [n for n in dict.fromkeys(numbers) if n not in self._places]
        if not new:
            return
        count = len(self._places)
        self._places.update((n, count + i) for i, n in enumerate(new))
        grown = np.full((count + len(new),) * 2, np.nan)
        grown[:count, :count] = self._known
        self._known = grown


def squared_distances(frames: Sequence[np.ndarray]) -> np.ndarray:
    """Squared Euclidean distances between all frames, exact integers as float64.

    The frames' differences from the middle one are multiplied in float32, in blocks of
    pixels so small that every sum stays below 2**24, where float32 counts exactly: what the
    product of a frame with itself shows, and by Cauchy and Schwarz holds for all.

    Parameters
    ----------
    frames : sequence of ndarray of uint8
        n frames of one shape.

    Returns
    -------
    ndarray, shape (n, n)

    Examples
    --------
    >>> squared_distances([np.uint8([[0, 255]]), np.uint8([[3, 251]])]).tolist()
    [[0.0, 25.0], [25.0, 0.0]]
    """
    flat = [frame.reshape(-1) for frame in frames]
    gram = np.zeros((len(flat), len(flat)))
    middle = flat[len(flat) // 2]
    width = max(256, _BLOCK_BYTES // (4 * len(flat)))
    buffer = np.empty((len(flat), min(width, len(middle))), np.float32)
    for start in range(0, len(middle), width):
        block = buffer[:, : min(width, len(middle) - start)]
        for row, frame in zip(block, flat, strict=True):
            np.subtract(
                frame[start : start + width], middle[start : start + width], out=row,
                dtype=np.float32,
            )  # fmt: skip
        for product in _exact(block):
            gram += product
    squares = np.diag(gram)
    return np.asarray(squares[:, None] + squares[None, :] - 2 * gram)


def _exact(block: np.ndarray) -> Iterator[np.ndarray]:
    """Products of a block with itself, split until float32 holds them exactly."""
    product = block @ block.T
    if block.shape[1] == 1 or float(product.diagonal().max()) < _EXACT:
        yield product
        return
    half = block.shape[1] // 2
    yield from _exact(block[:, :half])
    yield from _exact(block[:, half:])
