"""Every estimate of a shifts table, with its interval, in one tidy table."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from mebias import tables
from mebias.quantification.cells import Part, Row, by_keyframe, cells, n_different, part_of
from mebias.quantification.checks import usable
from mebias.quantification.interval import Interval
from mebias.quantification.means import WEIGHTINGS, mean_intervals
from mebias.quantification.shares import share_interval
from mebias.quantification.spread import sd_interval

_NUMBERS = ("shift_frames", "shift_ms", "shift_window", "freedom", "at_edge", "fps", "human",
            "human_low", "human_high", "window_low", "window_high")  # fmt: skip


def estimates_table(
    shifts: pd.DataFrame, *, strata: bool = True, conf_level: float = 0.95
) -> pd.DataFrame:
    """Estimate shifts per dataset, group, source and keyframe.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts (`checked_shifts`).
    strata : bool
        Macro- and micro-expressions apart too, where the table tells them apart.
    conf_level : float
        Level of every interval.

    Returns
    -------
    DataFrame
        An estimates table. ``mean_shift`` (frames; ms; window: share of the freedom, movable
        clips only) in three weightings; ``sd_shift``; ``share_moved``, ``share_later``,
        ``share_earlier`` of all clips; ``mean_shift_moved``, the mean over moved clips; and,
        where windows are known, ``share_immovable`` of all clips, ``share_at_edge`` of movable
        clips, ``uniform_null_mean`` (mean shift of a frame drawn at random from the window)
        and ``mean_excess_uniform`` (mean shift minus that, clip by clip).
    """
    rows: list[Row] = []
    there = part_of(shifts, _NUMBERS).cut(usable(shifts).to_numpy())
    for place, part in cells(there, strata):
        for keyframe, own in by_keyframe(part):
            here = {**place, "keyframe": keyframe}
            rows += [{**here, **row} for row in _of_cell(own, conf_level)]
    return tables.from_rows(rows, "estimates")


def _of_cell(own: Part, conf_level: float) -> Iterator[Row]:
    """All quantities of one group and keyframe."""
    cell = _Cell(own, conf_level)
    shift_frames, shift_ms = own["shift_frames"], own["shift_ms"]
    every = np.ones(len(own), dtype=bool)
    moved = shift_frames != 0
    yield from cell.means("mean_shift", "ms", shift_ms, every)
    yield from cell.means("mean_shift", "frames", shift_frames, every)
    yield from cell.means("mean_shift", "window", own["shift_window"], every)
    yield cell.spread("sd_shift", "ms", shift_ms)
    yield cell.spread("sd_shift", "frames", shift_frames)
    yield cell.share("share_moved", moved, every)
    yield cell.share("share_later", shift_frames > 0, every)
    yield cell.share("share_earlier", shift_frames < 0, every)
    for unit, values in (("ms", shift_ms), ("frames", shift_frames)):
        yield from cell.means("mean_shift_moved", unit, values, moved, ("subject",))
    freedom = own["freedom"]
    windowed = np.isfinite(freedom)
    if windowed.any():
        yield cell.share("share_immovable", freedom == 0, windowed)
        placed = np.isfinite(own["window_low"]) & np.isfinite(own["window_high"])
        if placed.any():
            yield cell.share("share_at_edge", own["at_edge"], (freedom > 0) & placed)
        yield from _against_uniform(cell, own, shift_ms, windowed)


def _against_uniform(
    cell: _Cell, own: Part, shift_ms: np.ndarray, windowed: np.ndarray
) -> Iterator[Row]:
    null_ms = 1000.0 * uniform_mean(own) / own["fps"]
    known = windowed & np.isfinite(null_ms)
    yield from cell.means("uniform_null_mean", "ms", null_ms, known, ("subject",))
    yield from cell.means("mean_excess_uniform", "ms", shift_ms - null_ms, known, ("subject",))


def uniform_mean(own: Part) -> np.ndarray:
    """Mean shift (frames) of a frame drawn at random from each window; NaN without a window.

    As shifts are counted: from the nearer end of a label coded as an interval, 0 inside it.
    """
    human, low, high = own["human"], own["window_low"], own["window_high"]
    first, last = (
        np.where(np.isnan(own[end]), human, own[end]) for end in ("human_low", "human_high")
    )
    later, earlier = _sum_beyond(last, low, high), _sum_beyond(-first, -high, -low)
    inside = (later - earlier) / (high - low + 1)
    return np.asarray(np.where(first == last, (low + high) / 2 - first, inside))


def _sum_beyond(end: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Sum of ``frame - end`` over the frames of a window that lie beyond an end."""
    nearest = np.maximum(low, np.ceil(end))
    n = np.maximum(high - nearest + 1, 0)
    return np.asarray(n * ((nearest + high) / 2 - end))


class _Cell:
    """Rows of one group and keyframe, and the quantities taken over parts of them."""

    def __init__(self, own: Part, conf_level: float) -> None:
        self.subjects, self.clips, self.conf_level = own["subject"], own["clip"], conf_level
        self.one_each = own.n_clips == len(own)

    def means(
        self,
        quantity: str,
        unit: str,
        values: np.ndarray,
        where: np.ndarray,
        weightings: tuple[str, ...] = WEIGHTINGS,
    ) -> Iterator[Row]:
        where = where & np.isfinite(values)
        if not where.any():
            return
        found = mean_intervals(values[where], self.subjects[where], weightings, self.conf_level)
        for weighting, interval in zip(weightings, found, strict=True):
            yield self._row(quantity, unit, interval, where) | {"weighting": weighting}

    def spread(self, quantity: str, unit: str, values: np.ndarray) -> Row:
        where = np.isfinite(values)
        found = sd_interval(values[where], self.subjects[where], self.conf_level)
        return self._row(quantity, unit, found, where) | {"weighting": "clip"}

    def share(self, quantity: str, hits: np.ndarray, where: np.ndarray) -> Row:
        found = share_interval(hits[where], self.subjects[where], self.conf_level)
        return self._row(quantity, "share", found, where) | {"weighting": "clip"}

    def _row(self, quantity: str, unit: str, found: Interval, where: np.ndarray) -> Row:
        n_clips = int(np.count_nonzero(where))
        if not self.one_each:
            n_clips = n_different(self.clips[where])
        return found.row() | {"quantity": quantity, "unit": unit, "n_clips": n_clips}
