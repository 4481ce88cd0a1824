"""Rows of one part of the data, and the estimates taken over them in frames and ms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial

import numpy as np

from mebias.quantification.cells import Part, Row, n_different
from mebias.quantification.interval import Interval
from mebias.quantification.means import WEIGHTINGS, mean_intervals
from mebias.quantification.shares import Shares

Estimator = Callable[[np.ndarray, np.ndarray], Sequence[Interval]]
"""From values and subjects to one interval per quantity."""


class AgreementCell:
    """One row per value: whose it is, of which clip, and how long a frame lasts.

    Parameters
    ----------
    rows : Part
        With subject, clip and fps.
    conf_level : float
        Level of every interval.
    """

    def __init__(self, rows: Part, conf_level: float) -> None:
        self.subjects = rows["subject"]
        self.ms_per_frame = 1000.0 / rows["fps"]
        self.conf_level = conf_level
        self._clips = rows["clip"]
        self._n_clips = rows.n_clips
        self._one_each = self._n_clips == len(rows)

    def both_units(
        self,
        quantities: Sequence[str],
        frames: np.ndarray,
        estimator: Estimator,
        weightings: Sequence[str],
    ) -> Iterator[Row]:
        """Estimates of a length or a shift, in ms and in frames; NaN values are left out."""
        where = np.isfinite(frames)
        if not where.any():
            return
        values, subjects, ms = frames[where], self.subjects[where], self.ms_per_frame[where]
        of_frames = estimator(values, subjects)
        if np.ptp(ms) == 0:  # one frame rate: what holds for frames holds for ms
            of_ms: Sequence[Interval] = [found.scaled(float(ms[0])) for found in of_frames]
        else:
            of_ms = estimator(values * ms, subjects)
        for unit, intervals in (("ms", of_ms), ("frames", of_frames)):
            for quantity, found, weighting in zip(quantities, intervals, weightings, strict=True):
                yield self.row(quantity, unit, found, where, weighting)

    def means_in_both_units(
        self, quantity: str, frames: np.ndarray, weightings: Sequence[str] = WEIGHTINGS
    ) -> Iterator[Row]:
        """Means of a length or a shift, in ms and in frames."""
        estimator = partial(mean_intervals, weightings=weightings, conf_level=self.conf_level)
        names = [quantity] * len(weightings)
        rows = list(self.both_units(names, frames, estimator, weightings))
        for of_ms, of_frames in zip(rows[: len(names)], rows[len(names) :], strict=True):
            yield of_ms
            yield of_frames

    def means(self, quantity: str, unit: str, values: np.ndarray) -> Iterator[Row]:
        """Means of values of one unit; NaN values are left out."""
        where = np.isfinite(values)
        if where.any():
            found = mean_intervals(values[where], self.subjects[where], conf_level=self.conf_level)
            for weighting, interval in zip(WEIGHTINGS, found, strict=True):
                yield self.row(quantity, unit, interval, where, weighting)

    def share(self, quantity: str, hits: np.ndarray, where: np.ndarray) -> Row:
        """Share of hits among the rows that count."""
        found = self._shares_among(where).of(hits[where])
        return self.row(quantity, "share", found, where, "clip")

    def _shares_among(self, where: np.ndarray) -> Shares:
        return self._shares if where.all() else Shares(self.subjects[where], self.conf_level)

    @cached_property
    def _shares(self) -> Shares:
        return Shares(self.subjects, self.conf_level)

    def row(
        self, quantity: str, unit: str, found: Interval, where: np.ndarray, weighting: str
    ) -> Row:
        """One row of an estimates table, but for its place."""
        n_clips = int(np.count_nonzero(where))
        if not self._one_each:
            n_clips = self._n_clips if n_clips == len(where) else n_different(self._clips[where])
        named = {"quantity": quantity, "unit": unit, "weighting": weighting, "n_clips": n_clips}
        return found.row() | named
