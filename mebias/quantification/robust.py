"""Estimates of shifts that a few wild clips cannot carry away: medians and trimmed means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd

from mebias import tables
from mebias.quantification.cells import Part, Row, by_keyframe, cells, part_of
from mebias.quantification.checks import usable
from mebias.quantification.clustered import MEDIAN, TRIMMED_MEAN, Clustered, clustered, quantile
from mebias.quantification.interval import Interval
from mebias.quantification.resampling import N_DRAWS, bootstrap_intervals

_QUANTITIES = {"median_shift": MEDIAN, "trimmed_mean_shift": TRIMMED_MEAN}


def robust_estimates(
    shifts: pd.DataFrame,
    *,
    strata: bool = True,
    conf_level: float = 0.95,
    seed: int = 0,
    n_draws: int = N_DRAWS,
) -> pd.DataFrame:
    """Medians and trimmed means of shifts per dataset, group, source and keyframe.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts (`checked_shifts`).
    strata : bool
        Macro- and micro-expressions apart too, where the table tells them apart.
    conf_level : float
        Level of every interval.
    seed : int
        Seed of the bootstrap.
    n_draws : int
        Resamples of subjects.

    Returns
    -------
    DataFrame
        An estimates table: ``median_shift`` and ``trimmed_mean_shift`` (without 20 % of the
        clips at either end), in ms and in frames, over clips, in the cells of
        `estimates_table`, with mid-rank BCa intervals from resamples of whole subjects.
    """
    there = part_of(shifts, ["shift_ms", "shift_frames", "fps"]).cut(usable(shifts).to_numpy())
    found = [
        ({**place, "keyframe": keyframe}, own)
        for place, part in cells(there, strata)
        for keyframe, own in by_keyframe(part)
    ]
    of_frames = partial(
        bootstrap_intervals,
        statistics=list(_QUANTITIES.values()),
        conf_level=conf_level,
        n_draws=n_draws,
        seed=seed,
    )
    intervals = in_both_units([own for _, own in found], of_frames)
    made: list[Row] = []
    for (place, own), of_units in zip(found, intervals, strict=True):
        n_clips = own.n_clips
        for unit, of_unit in zip(("ms", "frames"), of_units, strict=True):
            for quantity, interval in zip(_QUANTITIES, of_unit, strict=True):
                named = {"quantity": quantity, "unit": unit, "weighting": "clip"}
                made.append({**place, **interval.row(), **named, "n_clips": n_clips})
    return tables.from_rows(made, "estimates")


def in_both_units(
    parts: Sequence[Part], intervals: Callable[[Sequence[Clustered]], list[list[Interval]]]
) -> list[tuple[list[Interval], list[Interval]]]:
    """Intervals of the shifts of several cells in ms and in frames, from one bootstrap.

    Parameters
    ----------
    parts : sequence of Part
        With shift_frames, shift_ms, fps and subject.
    intervals : callable
        From values by subject to the intervals of each table.

    Returns
    -------
    list of tuple of list of Interval
        Of each cell: in ms, in frames. Where there is one frame rate, those in ms are those
        in frames times the length of a frame: no value changes its rank.
    """
    one_rate = [bool(np.ptp(own["fps"]) == 0) for own in parts]
    data = [clustered(own["shift_frames"], own["subject"]) for own in parts]
    mixed = [
        clustered(own["shift_ms"], own["subject"])
        for own, one in zip(parts, one_rate, strict=True)
        if not one
    ]
    found = iter(intervals([*data, *mixed]))
    of_frames = [next(found) for _ in data]
    return [
        ([f.scaled(1000.0 / float(own["fps"][0])) for f in frames] if one else next(found), frames)
        for frames, one, own in zip(of_frames, one_rate, parts, strict=True)
    ]


def clustered_quantiles(
    values: np.ndarray,
    subjects: np.ndarray,
    probs: Sequence[float],
    *,
    conf_level: float = 0.95,
    n_draws: int = N_DRAWS,
    seed: int = 0,
) -> list[Interval]:
    """Quantiles of clips with subject-clustered intervals.

    Parameters
    ----------
    values : ndarray of float, shape (N,)
        Finite, one per clip.
    subjects : ndarray, shape (N,)
        Whose clips they are.
    probs : sequence of float
        Shares below the quantiles, from 0 to 1.
    conf_level : float
        Level of each interval.
    n_draws, seed : int
        Resamples of subjects, and their seed.

    Returns
    -------
    list of Interval
        One per share; without bounds, and with a reason, with fewer than 8 subjects or
        where all values are equal. The 5 and 95 % quantiles of real values are covered by
        93 % of nominal 95 % intervals at 29 subjects, by 88-90 % at 12; see
        `bootstrap_intervals`.

    Raises
    ------
    ValueError
        A share outside 0 to 1.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> low, high = clustered_quantiles(rng.normal(size=400), np.arange(400) // 10, [0.05, 0.95])
    >>> low.conf_low < -1.645 < low.conf_high, high.conf_low < 1.645 < high.conf_high
    (True, True)
    """
    if not all(0 <= p <= 1 for p in probs):
        raise ValueError(f"probs are {list(probs)}; expected shares from 0 to 1")
    data = [clustered(values, subjects)]
    wanted = [quantile(p) for p in probs]
    return bootstrap_intervals(data, wanted, conf_level=conf_level, n_draws=n_draws, seed=seed)[0]
