"""Estimates of shifts that a few wild clips cannot carry away: medians and trimmed means."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mebias import tables
from mebias.quantification.cells import Row, by_keyframe, cells, part_of
from mebias.quantification.checks import usable
from mebias.quantification.clustered import MEDIAN, TRIMMED_MEAN, clustered, quantile
from mebias.quantification.interval import Interval
from mebias.quantification.resampling import N_DRAWS, bootstrap_intervals

_UNITS = {"ms": "shift_ms", "frames": "shift_frames"}
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
    there = part_of(shifts, list(_UNITS.values())).cut(usable(shifts).to_numpy())
    found = [
        ({**place, "keyframe": keyframe}, own)
        for place, part in cells(there, strata)
        for keyframe, own in by_keyframe(part)
    ]
    data = [
        clustered(own[column], own["subject"]) for _, own in found for column in _UNITS.values()
    ]
    intervals = iter(
        bootstrap_intervals(
            data, list(_QUANTITIES.values()), conf_level=conf_level, n_draws=n_draws, seed=seed
        )
    )
    made: list[Row] = []
    for place, own in found:
        n_clips = own.n_clips
        for unit in _UNITS:
            for quantity, interval in zip(_QUANTITIES, next(intervals), strict=True):
                named = {"quantity": quantity, "unit": unit, "weighting": "clip"}
                made.append({**place, **interval.row(), **named, "n_clips": n_clips})
    return tables.from_rows(made, "estimates")


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
