"""Rows of one part of the data, and the estimates taken over them in frames and ms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from mebias.quantification import cells
from mebias.quantification.interval import Interval
from mebias.quantification.means import WEIGHTINGS, mean_interval
from mebias.quantification.shares import share_interval

Row = dict[str, object]
Estimator = Callable[[np.ndarray, np.ndarray], Sequence[Interval]]
"""From values and subjects to one interval per quantity."""


PART = ["dataset", "source", "distance"]


def parts(rows: pd.DataFrame, *, strata: bool) -> Iterator[tuple[Row, pd.DataFrame]]:
    """Each dataset, source and distance; in it each stratum; in it the whole and each group.

    Parameters
    ----------
    rows : DataFrame
        With dataset, source, distance, expression_type and ethnicity.
    strata : bool
        Macro- and micro-expressions apart too, where the table tells them apart.

    Yields
    ------
    place : dict
        dataset, source, distance, stratum and ethnicity of the part.
    part : DataFrame
        Its rows.

    Examples
    --------
    >>> import mebias
    >>> [place["ethnicity"] for place, _ in parts(mebias.example(), strata=True)]
    ['all', 'A', 'B', 'C']
    """
    for key, part in rows.groupby(PART, sort=False):
        of_part = dict(zip(PART, key, strict=True))
        for stratum, in_stratum in cells.strata(part, strata):
            for group, in_group in cells.groups(in_stratum):
                yield {**of_part, "stratum": stratum, "ethnicity": group}, in_group


class AgreementCell:
    """One row per value: whose it is, of which clip, and how long a frame lasts.

    Parameters
    ----------
    rows : DataFrame
        With subject, clip and fps.
    conf_level : float
        Level of every interval.
    """

    def __init__(self, rows: pd.DataFrame, conf_level: float) -> None:
        self.subjects = rows["subject"].to_numpy(dtype=object)
        self.ms_per_frame = 1000.0 / rows["fps"].to_numpy(dtype=float)
        self.conf_level = conf_level
        names: dict[tuple[str, str], int] = {}
        of_row = zip(self.subjects, rows["clip"].to_numpy(dtype=object), strict=True)
        self._clips = np.array([names.setdefault(name, len(names)) for name in of_row])
        self._n_clips = len(names)

    def both_units(
        self, quantities: Sequence[str], frames: np.ndarray, estimator: Estimator, weighting: str
    ) -> Iterator[Row]:
        """Estimates of a length or a shift, in ms and in frames; NaN values are left out."""
        where = np.isfinite(frames)
        if not where.any():
            return
        values, subjects, ms = frames[where], self.subjects[where], self.ms_per_frame[where]
        of_frames = estimator(values, subjects)
        if np.ptp(ms) == 0:  # one frame rate: what holds for frames holds for ms
            of_ms: Sequence[Interval] = [_scaled(found, float(ms[0])) for found in of_frames]
        else:
            of_ms = estimator(values * ms, subjects)
        for unit, intervals in (("ms", of_ms), ("frames", of_frames)):
            for quantity, found in zip(quantities, intervals, strict=True):
                yield self.row(quantity, unit, found, where, weighting)

    def means_in_both_units(
        self, quantity: str, frames: np.ndarray, weightings: Sequence[str] = WEIGHTINGS
    ) -> Iterator[Row]:
        """Means of a length or a shift, in ms and in frames."""
        for weighting in weightings:
            estimator = partial(self._mean, weighting=weighting)
            yield from self.both_units([quantity], frames, estimator, weighting)

    def means(self, quantity: str, unit: str, values: np.ndarray) -> Iterator[Row]:
        """Means of values of one unit; NaN values are left out."""
        where = np.isfinite(values)
        if where.any():
            for weighting in WEIGHTINGS:
                found = self._mean(values[where], self.subjects[where], weighting=weighting)[0]
                yield self.row(quantity, unit, found, where, weighting)

    def share(self, quantity: str, hits: np.ndarray, where: np.ndarray) -> Row:
        """Share of hits among the rows that count."""
        found = share_interval(hits[where], self.subjects[where], self.conf_level)
        return self.row(quantity, "share", found, where, "clip")

    def row(
        self, quantity: str, unit: str, found: Interval, where: np.ndarray, weighting: str
    ) -> Row:
        """One row of an estimates table, but for its place."""
        n_clips = self._n_clips if where.all() else len(np.unique(self._clips[where]))
        named = {"quantity": quantity, "unit": unit, "weighting": weighting, "n_clips": n_clips}
        return found.row() | named

    def _mean(
        self, values: np.ndarray, subjects: np.ndarray, *, weighting: str
    ) -> Sequence[Interval]:
        return [mean_interval(values, subjects, weighting, self.conf_level)]


def _scaled(found: Interval, factor: float) -> Interval:
    return replace(
        found,
        estimate=found.estimate * factor,
        std_error=found.std_error * factor,
        conf_low=found.conf_low * factor,
        conf_high=found.conf_high * factor,
    )
