"""The matrix of distances of one clip, of which every rule is a view."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from itertools import chain

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
        self._numbers: list[int] = []
        self._known = np.full((0, 0), np.nan)
        self._gaps = False

    def __call__(self, apex: int, other: int) -> float:
        """Squared distance between an apex candidate and another frame."""
        return float(self.block([apex], [other])[0, 0])

    def block(
        self,
        apexes: Sequence[int],
        others: Sequence[int],
        where: np.ndarray | None = None,
        nearest: tuple[int, int] | None = None,
    ) -> np.ndarray:
        """Squared distances between apex candidates (rows) and other frames (columns).

        ``where`` says which of them are needed; the others may be NaN. Frames that have to be
        read are read in the order given, or with ``nearest`` from an apex and another frame
        outwards: of several that cannot be read, the first one is named.
        """
        rows, columns = self._at(apexes), self._at(others)
        found = self._known[rows][:, columns]
        if self._gaps:
            missing = np.isnan(found)
            if where is not None:
                missing &= where
            if missing.any():
                self._fill(apexes, others, missing, nearest)
                found = self._known[rows][:, columns]
        return found.copy()

    def _fill(
        self,
        apexes: Sequence[int],
        others: Sequence[int],
        missing: np.ndarray,
        nearest: tuple[int, int] | None,
    ) -> None:
        rows, columns = (places.tolist() for places in np.nonzero(missing))
        asked = [apexes[i] for i in rows], [others[j] for j in columns]
        in_order: Sequence[Iterable[int]] = asked
        if nearest is not None:
            in_order = [_outwards(set(n), start) for n, start in zip(asked, nearest, strict=True)]
        frames = {n: self.frame(n) for n in dict.fromkeys(chain(*in_order))}
        start = time.perf_counter()
        if self._symmetric and len(rows) > pairs_worth(len(frames)):
            places = np.array([self._places[n] for n in frames])
            self._known[places[:, None], places] = squared_distances(list(frames.values()))
        else:
            self._one_by_one(*asked, frames)
        if self._symmetric:
            could_gain(len(rows), len(frames), time.perf_counter() - start)
        self._gaps = bool(np.isnan(self._known).any())

    def _one_by_one(
        self, apexes: Sequence[int], others: Sequence[int], frames: dict[int, np.ndarray]
    ) -> None:
        pairs = dict.fromkeys(zip(apexes, others, strict=True))
        if self._symmetric and not set(apexes).isdisjoint(others):
            pairs = dict.fromkeys((min(pair), max(pair)) for pair in pairs)
        distance = self._distance
        found = [distance(frames[apex], frames[other]) for apex, other in pairs]
        rows, columns = np.array([[self._places[n] for n in pair] for pair in pairs]).T
        self._known[rows, columns] = found
        if self._symmetric:
            self._known[columns, rows] = found

    def _at(self, numbers: Sequence[int]) -> slice | np.ndarray:
        """Places of frames in the matrix, which grows where one is new."""
        wanted = list(numbers)
        start = self._places.get(wanted[0], 0) if wanted else 0
        stop = start + len(wanted)
        if self._numbers[start:stop] == wanted:
            return slice(start, stop)  # taken at a tenth of the price of single places
        self._make_room([n for n in dict.fromkeys(wanted) if n not in self._places])
        return np.array([self._places[n] for n in wanted])

    def _make_room(self, new: Sequence[int]) -> None:
        if new:
            count = len(self._numbers)
            self._places.update((n, count + i) for i, n in enumerate(new))
            self._numbers += new
            grown = np.full((count + len(new),) * 2, np.nan)
            grown[:count, :count] = self._known
            self._known = grown
            self._gaps = True


def _outwards(numbers: Iterable[int], start: int) -> list[int]:
    return sorted(numbers, key=lambda number: (abs(number - start), number))
