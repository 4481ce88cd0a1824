"""Resampling of whole subjects: bootstrap intervals and the jackknife; sign flips come along.

The weights are drawn once and serve all statistics of all tables with as many subjects.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from scipy import special

from mebias.quantification.clustered import Clustered, LeftOut, Resamples, Statistic
from mebias.quantification.interval import Interval, t_half_width, undefined
from mebias.quantification.sign_flips import SignFlip, sign_flip_p_value, sign_flip_test

__all__ = [
    "MIN_SUBJECTS",
    "N_DRAWS",
    "SignFlip",
    "bca_interval",
    "bootstrap_intervals",
    "draw_weights",
    "effective_subjects",
    "estimates",
    "jackknife",
    "percentile_interval",
    "replicates",
    "sign_flip_p_value",
    "sign_flip_test",
]

MIN_SUBJECTS = 8
"""With fewer subjects there are too few different resamples for bounds."""
N_DRAWS = 2000
_BLOCK = 1 << 17
"""Weights drawn at a time: few enough to stay in the cache and out of fresh memory pages."""
_WIDE = 1 << 20
"""Numbers of a resampled table held at a time, where values are many."""
_TIE = 1e-9
"""Draws this close to the estimate, as a share of the farthest draw's distance, are ties."""


def draw_weights(
    n_subjects: int, n_draws: int, seed: int = 0, rows: int | None = None
) -> Iterator[np.ndarray]:
    """How often each subject is in each bootstrap resample, some draws at a time.

    Parameters
    ----------
    n_subjects : int
        Subjects G; each resample draws G of them with replacement.
    n_draws : int
        Resamples in total.
    seed : int
        The same seed and number of subjects give the same weights, in whatever portions.
    rows : int, optional
        Resamples at a time; by default as many as fit into a block of memory.

    Yields
    ------
    ndarray of float, shape (at most rows, G)
        Whole numbers; each row sums to G.

    Examples
    --------
    >>> weights = np.concatenate(list(draw_weights(5, 100, seed=1, rows=30)))
    >>> weights.shape, set(weights.sum(axis=1).tolist())
    ((100, 5), {5.0})
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(n_subjects,)))
    rows = rows or max(1, _BLOCK // n_subjects)
    for start in range(0, n_draws, rows):
        n = min(rows, n_draws - start)
        drawn = rng.integers(0, n_subjects, (n, n_subjects))
        drawn += n_subjects * np.arange(n)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=n * n_subjects)
        yield counts.reshape(n, n_subjects).astype(float)


def replicates(
    data: Sequence[Clustered],
    statistics: Sequence[Statistic],
    *,
    n_draws: int = N_DRAWS,
    seed: int = 0,
) -> np.ndarray:
    """Bootstrap replicates of several statistics of several tables, from the same weights.

    Parameters
    ----------
    data : sequence of Clustered
        All with the same number of subjects.
    statistics : sequence of Statistic
    n_draws, seed : int
        See `draw_weights`. Memory does not grow with the draws but for what is returned.

    Returns
    -------
    ndarray of float, shape (tables, statistics, draws)

    Raises
    ------
    ValueError
        Tables with different numbers of subjects.
    """
    sizes = {len(d) for d in data}
    if len(sizes) != 1:
        raise ValueError(f"tables have {sorted(sizes)} subjects; expected one number for all")
    n_subjects = sizes.pop()
    widest = max(len(d.distinct) for d in data)
    rows = max(1, min(_BLOCK // n_subjects, _WIDE // widest))
    found = np.empty((len(data), len(statistics), n_draws))
    start = 0
    for weights in draw_weights(n_subjects, n_draws, seed, rows):
        stop = start + len(weights)
        for i, table in enumerate(data):
            resamples = Resamples(table, weights)
            for j, statistic in enumerate(statistics):
                found[i, j, start:stop] = statistic.of(resamples)
        start = stop
    return found


def estimates(data: Clustered, statistics: Sequence[Statistic]) -> np.ndarray:
    """The statistics of the clips as they are, (statistics,)."""
    once = Resamples(data, np.ones((1, len(data))))
    return np.array([float(s.of(once)[0]) for s in statistics])


def jackknife(data: Clustered, statistics: Sequence[Statistic]) -> np.ndarray:
    """The statistics without each subject in turn, (statistics, G).

    Examples
    --------
    >>> from mebias.quantification.clustered import MEDIAN, clustered
    >>> data = clustered(np.array([1.0, 2.0, 9.0]), np.array(["a", "b", "c"]))
    >>> jackknife(data, [MEDIAN]).tolist()
    [[5.5, 5.0, 1.5]]
    """
    step = len(data) if data.dense else max(1, _WIDE // len(data.distinct))
    parts = [LeftOut(data, slice(a, a + step)) for a in range(0, len(data), step)]
    return np.array([np.concatenate([s.of(part) for part in parts]) for s in statistics])


def percentile_interval(draws: np.ndarray, conf_level: float = 0.95) -> tuple[float, float]:
    """Bounds that leave out equal shares of the draws; always values that were drawn.

    Parameters
    ----------
    draws : ndarray of float, shape (B,)
        Bootstrap replicates.
    conf_level : float
        Level of the interval. Bounds are the order statistics (B + 1) times the tail from
        either end, rounded outwards.
    """
    tail = (1 - conf_level) / 2
    return _order_statistics(draws, tail, tail)


def bca_interval(
    estimate: float,
    draws: np.ndarray,
    left_out: np.ndarray,
    conf_level: float = 0.95,
    *,
    effective: float = math.inf,
) -> tuple[float, float]:
    """Bias-corrected and accelerated bounds (Efron 1987) that mind ties.

    The bias correction is that of the estimate's mid-rank among the draws: draws equal to it
    count half. Counted strictly, a statistic of integers, which most draws repeat exactly,
    looks badly biased, and both bounds end on the estimate.

    Parameters
    ----------
    estimate : float
    draws : ndarray of float, shape (B,)
        Bootstrap replicates.
    left_out : ndarray of float, shape (G,)
        The statistic without each subject in turn; where it never moves the acceleration is 0.
    conf_level : float
        Level of the interval.
    effective : float
        Widen the interval for this many independent subjects: resamples spread by a factor of
        sqrt(1 - 1/n) too little, and a normal quantile stands where a t quantile belongs
        (Hesterberg 2015, "expanded"). Infinite: as published.

    Examples
    --------
    >>> draws = np.array([0.0] * 900 + [0.5] * 40 + [1.0] * 60)
    >>> bca_interval(0.0, draws, np.zeros(20))
    (0.0, 1.0)
    """
    distance = np.asarray(draws) - estimate
    tie = _TIE * np.abs(distance).max()
    below = np.count_nonzero(distance < -tie) + np.count_nonzero(distance <= tie)
    bias = float(special.ndtri(np.clip(below / (2 * len(draws)), 1e-9, 1 - 1e-9)))
    gap = left_out.mean() - left_out
    squares = float((gap**2).sum())
    acceleration = float((gap**3).sum()) / (6 * squares**1.5) if squares > 0 else 0.0
    z = _half_width(conf_level, effective)
    lower, upper = (shifted / (1 - acceleration * shifted) for shifted in (bias - z, bias + z))
    return _order_statistics(
        draws, float(special.ndtr(bias + lower)), float(special.ndtr(-bias - upper))
    )


def _half_width(conf_level: float, effective: float) -> float:
    """Half of the interval in standard deviations of the draws."""
    if math.isinf(effective):
        return float(special.ndtri((1 + conf_level) / 2))
    return t_half_width(math.sqrt(effective / (effective - 1)), effective - 1, conf_level)


def effective_subjects(data: Clustered, statistic: Statistic) -> float:
    """Subjects of equal size that would weigh as evenly: (sum of clips)^2 / sum of squares.

    >>> from mebias.quantification.clustered import MEDIAN, clustered
    >>> data = clustered(np.arange(4.0), np.array(["a", "b", "c", "c"]))
    >>> round(effective_subjects(data, MEDIAN), 2)
    2.67
    """
    sizes = data.moments[:, 0 if statistic.subjects_alike else 1]
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def _order_statistics(draws: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """Draws that leave out these shares at the lower and the upper end, rounded outwards."""
    n = len(draws)
    ranks = [min(max(math.floor((n + 1) * tail + 1e-9), 1), n) for tail in (low, high)]
    ordered = np.sort(draws)
    return float(ordered[ranks[0] - 1]), float(ordered[n - ranks[1]])


def bootstrap_intervals(
    data: Sequence[Clustered],
    statistics: Sequence[Statistic],
    *,
    conf_level: float = 0.95,
    n_draws: int = N_DRAWS,
    seed: int = 0,
) -> list[list[Interval]]:
    """Mid-rank BCa intervals from resamples of whole subjects.

    Parameters
    ----------
    data : sequence of Clustered
        Tables of any numbers of subjects; those with the same number share the weights.
    statistics : sequence of Statistic
    conf_level : float
        Level of the intervals.
    n_draws, seed : int
        See `draw_weights`.

    Returns
    -------
    list of list of Interval
        For each table the statistics in turn: `bca_interval`, widened for the effective number
        of subjects (``df`` is that minus 1); ``std_error`` is the SD of the draws, NaN where
        all draws are equal. No bounds, and a reason, with fewer than 8 subjects or where all
        values are equal.

    Notes
    -----
    Coverage of nominal 95 % intervals, subjects of unequal sizes, intraclass correlation 0.3,
    2,500 cohorts (unwidened, trimmed means cover 89-92 %):

    ==================  =========  ============  =================
    subjects / clips    median     trimmed mean  5, 95 % quantiles
    ==================  =========  ============  =================
    29 / 159, integers  99.6-100   93.3-93.9     96.4-100
    29 / 159, reals     93.5       93.7          92.7
    12 / 60, integers   99.4-99.8  94.9-96.2     94.6-100
    12 / 60, reals      95.4       95.5          87.9-90.0
    ==================  =========  ============  =================
    """
    found: list[list[Interval]] = [[] for _ in data]
    for n_subjects in sorted({len(d) for d in data}):
        places = [i for i, d in enumerate(data) if len(d) == n_subjects]
        alike = [data[i] for i in places]
        enough = n_subjects >= MIN_SUBJECTS
        draws = replicates(alike, statistics, n_draws=n_draws, seed=seed) if enough else None
        for k, i in enumerate(places):
            own = None if draws is None else draws[k]
            found[i] = _intervals(data[i], statistics, own, conf_level)
    return found


def _intervals(
    data: Clustered, statistics: Sequence[Statistic], draws: np.ndarray | None, conf_level: float
) -> list[Interval]:
    """Intervals of one table from its replicates, (statistics, B), or from none."""
    found = []
    left_out = None if draws is None else jackknife(data, statistics)
    how = "mid-rank BCa, widened for the effective number of subjects; " + (
        "no draws" if draws is None else f"{draws.shape[1]:,} resamples of whole subjects"
    )
    for j, estimate in enumerate(estimates(data, statistics)):
        bare = undefined(
            float(estimate),
            _no_interval(data),
            conf_level=conf_level,
            n_clips=data.n_clips,
            n_subjects=len(data),
            method=f"{statistics[j].name}; {how}",
        )
        if draws is None or left_out is None or bare.reason:
            found.append(bare)
            continue
        effective = effective_subjects(data, statistics[j])
        low, high = bca_interval(
            float(estimate), draws[j], left_out[j], conf_level, effective=effective
        )
        interval = replace(bare, conf_low=low, conf_high=high, df=effective - 1)
        if np.ptp(draws[j]) == 0:
            reason = f"all {draws.shape[1]:,} resamples give the same value"
            found.append(replace(interval, reason=reason))
        else:
            found.append(replace(interval, std_error=float(np.std(draws[j], ddof=1))))
    return found


def _no_interval(data: Clustered) -> str:
    if len(data.distinct) == 1:
        return f"all {data.n_clips} values are equal" if data.n_clips > 1 else "a single clip"
    if len(data) < MIN_SUBJECTS:
        return f"fewer than {MIN_SUBJECTS} subjects"
    return ""
