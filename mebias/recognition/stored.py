"""What inputs are made from: frames read once, or maps, and which clip of an arm uses which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mebias.errors import OptionError, listed

FINE = 128.0
"""Frames kept as int16 count in units of 1 / FINE gray level: averaging is not rounded away."""
_RISING, _FALLING = 0, 2


@dataclass(frozen=True)
class Stored:
    """Small frames and flow maps, each there once, and their places by source.

    Attributes
    ----------
    frames : ndarray of uint8 or int16, shape (M, C, H, W)
        In gray levels, or in units of 1 / `FINE` gray level.
    places : mapping
        Source to the places of onset, apex and offset among the frames, (n_clips, 3).
    flows : ndarray of float32, shape (P, 3, H, W), optional
        Flow maps; without them maps are differences of frames.
    pairs : mapping
        Source to the places of the rising and the falling map among them, (n_clips, 2).
    """

    frames: np.ndarray
    places: Mapping[str, np.ndarray]
    flows: np.ndarray | None = None
    pairs: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def sources(self) -> tuple[str, ...]:
        """Whose keyframes there are."""
        return tuple(self.places)

    def maps(self, source: str, rows: np.ndarray) -> np.ndarray:
        """Rising and falling maps of some clips, (len(rows), 2, C, H, W), float32."""
        if self.flows is not None:
            return np.asarray(self.flows[self.pairs[source][rows]])
        frames = self._scaled(rows, source)
        apex = frames[:, 1:2]
        return np.asarray(self._levels(apex - frames[:, [_RISING, _FALLING]]))

    def context(self, source: str, rows: np.ndarray) -> np.ndarray:
        """Onset and apex frames of some clips, (len(rows), 2, C, H, W), float32 gray levels."""
        return self._levels(self._scaled(rows, source)[:, :2])

    def nbytes(self) -> int:
        """Memory of all that is kept."""
        return self.frames.nbytes + (0 if self.flows is None else self.flows.nbytes)

    def _scaled(self, rows: np.ndarray, source: str) -> np.ndarray:
        # 255 * FINE fits into int16, and so does every difference of two such numbers.
        return np.asarray(self.frames[self.places[source][rows]].astype(np.int16, copy=False))

    def _levels(self, values: np.ndarray) -> np.ndarray:
        levels = values.astype(np.float32)
        if self.frames.dtype == np.int16:
            levels /= FINE
        return levels


@dataclass(frozen=True)
class Given:
    """Maps of the user's own, one array per source."""

    arrays: Mapping[str, np.ndarray]

    @property
    def sources(self) -> tuple[str, ...]:
        """Whose maps there are."""
        return tuple(self.arrays)

    def maps(self, source: str, rows: np.ndarray) -> np.ndarray:
        """Maps of some clips, (len(rows), branches, C, H, W), float32."""
        return np.asarray(self.arrays[source][rows], dtype=np.float32)

    def context(self, source: str, rows: np.ndarray) -> np.ndarray:
        """There is none.

        Raises
        ------
        OptionError
            Always: a file of maps holds no frames.
        """
        raise OptionError(
            f"the maps of {source!r} came from a file, without onset and apex frames for context; "
            f"choose a model that needs none, such as tiny."
        )

    def nbytes(self) -> int:
        """Memory of all that is kept."""
        return sum(array.nbytes for array in self.arrays.values())


Store = Stored | Given


def joined(stores: Sequence[Stored]) -> Stored:
    """Several stores of one kind and size as one, clips in turn.

    Raises
    ------
    OptionError
        Other sources, sizes, channels or kinds of maps.
    """
    first = stores[0]
    for other in stores[1:]:
        if set(other.sources) != set(first.sources):
            raise OptionError(
                f"inputs of {listed(first.sources)} and of {listed(other.sources)} cannot be "
                f"joined; make them with the same arms."
            )
        same = other.frames.shape[1:] == first.frames.shape[1:]
        kinds = (other.frames.dtype, other.flows is None) == (
            first.frames.dtype,
            first.flows is None,
        )
        if not (same and kinds):
            raise OptionError(
                f"inputs of shape {first.frames.shape[1:]} and {other.frames.shape[1:]}, or of "
                f"differences and of flow, cannot be joined; make them alike."
            )
    flows = [s.flows for s in stores if s.flows is not None]
    return Stored(
        np.concatenate([s.frames for s in stores]),
        _shifted([s.places for s in stores], [len(s.frames) for s in stores]),
        np.concatenate(flows) if flows else None,
        _shifted([s.pairs for s in stores], [len(f) for f in flows]) if flows else {},
    )


def _shifted(
    several: Sequence[Mapping[str, np.ndarray]], lengths: Sequence[int]
) -> dict[str, np.ndarray]:
    starts = np.cumsum([0, *lengths[:-1]])
    return {
        source: np.concatenate([p[source] + s for p, s in zip(several, starts, strict=True)])
        for source in several[0]
    }
