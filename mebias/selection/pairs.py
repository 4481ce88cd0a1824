"""The matrix of distances of one clip, of which every rule is a view."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from mebias.selection.distances import Distance, signed_squared
from mebias.selection.gram import could_gain, pairs_worth, squared_distances


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
        rows, columns = self._at(apexes), self._at(others)
        place = (rows[:, None], columns)
        found = self._known[place]
        missing = np.isnan(found)
        if where is not None:
            missing &= where
        if missing.any():
            self._fill(apexes, others, missing)
            found = self._known[place]
        return np.asarray(found)

    def _fill(self, apexes: Sequence[int], others: Sequence[int], missing: np.ndarray) -> None:
        rows = [apexes[i] for i in np.flatnonzero(missing.any(axis=1)).tolist()]
        columns = [others[j] for j in np.flatnonzero(missing.any(axis=0)).tolist()]
        frames = {n: self.frame(n) for n in dict.fromkeys((*rows, *columns))}
        pairs = int(missing.sum())
        start = time.perf_counter()
        if self._symmetric and pairs > pairs_worth(len(frames)):
            places = np.array([self._places[n] for n in frames])
            self._known[places[:, None], places] = squared_distances(list(frames.values()))
        else:
            for i, j in np.argwhere(missing).tolist():
                apex, other = self._places[apexes[i]], self._places[others[j]]
                if self._known[apex, other] != self._known[apex, other]:  # NaN: not known yet
                    found = self._distance(frames[apexes[i]], frames[others[j]])
                    self._known[apex, other] = found
                    if self._symmetric:
                        self._known[other, apex] = found
        if self._symmetric:
            could_gain(pairs, len(frames), time.perf_counter() - start)

    def _at(self, numbers: Sequence[int]) -> np.ndarray:
        """Places of frames in the matrix, which grows where one is new."""
        try:
            return np.array([self._places[n] for n in numbers])
        except KeyError:
            self._make_room([n for n in dict.fromkeys(numbers) if n not in self._places])
            return self._at(numbers)

    def _make_room(self, new: Sequence[int]) -> None:
        count = len(self._places)
        self._places.update((n, count + i) for i, n in enumerate(new))
        grown = np.full((count + len(new),) * 2, np.nan)
        grown[:count, :count] = self._known
        self._known = grown
