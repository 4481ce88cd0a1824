"""The spread of clips, with a jackknife over subjects."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np

from mebias.quantification.interval import Interval, clusters, t_half_width, undefined

MIN_SUBJECTS = 8
METHOD = "SD of clips, jackknife over subjects on the log scale, t(G - 1)"


def sd_interval(values: np.ndarray, subjects: np.ndarray, conf_level: float = 0.95) -> Interval:
    """Standard deviation of clips with a subject-clustered interval.

    Parameters
    ----------
    values : ndarray of float, shape (N,)
        Finite values, one per clip.
    subjects : ndarray of str, shape (N,)
        Whose clips they are.
    conf_level : float
        Level of the interval.

    Returns
    -------
    Interval
        ``std_error`` is that of the SD itself; no bounds, and a reason, with fewer than 8
        subjects or without spread.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> found = sd_interval(rng.normal(0, 2, 200), np.repeat(np.arange(20), 10))
    >>> found.conf_low < 2 < found.conf_high
    True
    """
    data = clusters(values, subjects)
    bare = partial(
        undefined,
        conf_level=conf_level,
        n_clips=len(values),
        n_subjects=len(data),
        method=METHOD,
    )
    if len(values) < 2:
        return bare(math.nan, "a single clip")
    if np.ptp(values) == 0:
        return bare(0.0, f"all {len(values)} values are equal")
    estimate = float(np.std(np.sort(values), ddof=1))
    if len(data) < MIN_SUBJECTS:
        return bare(estimate, f"fewer than {MIN_SUBJECTS} subjects")
    logs = np.log(np.maximum(_left_out(values, subjects), np.finfo(float).tiny)) / 2
    g = len(data)
    error = math.sqrt((g - 1) / g * ((logs - logs.mean()) ** 2).sum())
    if not math.isfinite(error) or error == 0 or error > 5:
        return bare(estimate, "the spread rests on one subject")
    factor = math.exp(t_half_width(error, g - 1, conf_level))
    return replace(
        bare(estimate, ""),
        std_error=estimate * error,
        df=g - 1,
        conf_low=estimate / factor,
        conf_high=estimate * factor,
    )


def _left_out(values: np.ndarray, subjects: np.ndarray) -> np.ndarray:
    """Variance without each subject in turn, (G,)."""
    _, codes = np.unique(np.asarray(subjects).astype(str), return_inverse=True)
    center = values - values.mean()
    n = len(values) - np.bincount(codes)
    total = center.sum() - np.bincount(codes, center)
    squares = (center**2).sum() - np.bincount(codes, center**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((squares - total**2 / n) / (n - 1))
