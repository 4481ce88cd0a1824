"""The spread of clips, with a jackknife over subjects."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from mebias.quantification.interval import Interval, coded, t_half_width, undefined

MIN_SUBJECTS = 8
METHOD = "SD of clips, jackknife over subjects on the log scale, t(G - 1)"
MAD_METHOD = (
    "mean absolute difference between clips of different subjects, jackknife over subjects on "
    "the log scale, t(G - 1)"
)


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
    if len(values) < 2:
        return _bare(values, subjects, conf_level, METHOD, math.nan, "a single clip")
    if np.ptp(values) == 0:
        return _bare(
            values, subjects, conf_level, METHOD, 0.0, f"all {len(values)} values are equal"
        )
    estimate = float(np.std(np.sort(values), ddof=1))
    bare = _bare(values, subjects, conf_level, METHOD, estimate)
    return _jackknifed(bare, np.sqrt(np.maximum(_left_out(values, subjects), 0)))


def mad_interval(values: np.ndarray, subjects: np.ndarray, conf_level: float = 0.95) -> Interval:
    """Mean absolute difference between clips of different subjects, subject-clustered.

    A spread that needs no mean and weighs far clips less than the SD does; pairs of clips of
    one subject, which resemble each other, are left out. For normal values without clustering
    it is 2 / sqrt(pi) = 1.128 SD.

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
        No bounds, and a reason, with fewer than 8 subjects or without spread.

    Examples
    --------
    >>> found = mad_interval(np.array([0.0, 1.0, 5.0]), np.array(["a", "a", "b"]))
    >>> found.estimate, found.reason
    (4.5, 'fewer than 8 subjects')
    """
    if np.ptp(values) == 0:
        reason = f"all {len(values)} values are equal" if len(values) > 1 else "a single clip"
        estimate = 0.0 if len(values) > 1 else math.nan
        return _bare(values, subjects, conf_level, MAD_METHOD, estimate, reason)
    total, of_subject, n_pairs, n_of_subject = _differences(values, subjects)
    if n_pairs == 0:
        return _bare(values, subjects, conf_level, MAD_METHOD, math.nan, "a single subject")
    bare = _bare(values, subjects, conf_level, MAD_METHOD, total / n_pairs)
    if bare.n_subjects < MIN_SUBJECTS:
        return replace(bare, reason=f"fewer than {MIN_SUBJECTS} subjects")
    return _jackknifed(bare, (total - of_subject) / (n_pairs - n_of_subject))


def _bare(
    values: np.ndarray,
    subjects: np.ndarray,
    conf_level: float,
    method: str,
    estimate: float,
    reason: str = "",
) -> Interval:
    return undefined(
        estimate,
        reason,
        conf_level=conf_level,
        n_clips=len(values),
        n_subjects=len(coded(subjects)[0]),
        method=method,
    )


def _jackknifed(bare: Interval, left_out: np.ndarray) -> Interval:
    """Interval of a spread from its values without each subject, on the log scale."""
    g = bare.n_subjects
    if g < MIN_SUBJECTS:
        return replace(bare, reason=f"fewer than {MIN_SUBJECTS} subjects")
    logs = np.log(np.maximum(left_out, np.sqrt(np.finfo(float).tiny)))
    error = math.sqrt((g - 1) / g * ((logs - logs.mean()) ** 2).sum())
    if not math.isfinite(error) or error == 0 or error > 5:
        return replace(bare, reason="the spread rests on one subject")
    factor = math.exp(t_half_width(error, g - 1, bare.conf_level))
    return replace(
        bare,
        std_error=bare.estimate * error,
        df=g - 1,
        conf_low=bare.estimate / factor,
        conf_high=bare.estimate * factor,
    )


def _left_out(values: np.ndarray, subjects: np.ndarray) -> np.ndarray:
    """Variance without each subject in turn, (G,)."""
    _, codes = coded(subjects)
    center = values - values.mean()
    n = len(values) - np.bincount(codes)
    total = center.sum() - np.bincount(codes, center)
    squares = (center**2).sum() - np.bincount(codes, center**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((squares - total**2 / n) / (n - 1))


def _differences(
    values: np.ndarray, subjects: np.ndarray
) -> tuple[float, np.ndarray, float, np.ndarray]:
    """Sum and number of |differences| between subjects: of all pairs, and of each subject's.

    Sorted, the k-th of n values (from 0) is subtracted n - 1 - k times and added k times.
    """
    _, codes = coded(subjects)
    order = np.lexsort((codes, values))
    x, codes = values[order], codes[order]
    sizes = np.bincount(codes)
    n, rank = len(x), np.arange(len(x))
    before = np.cumsum(x) - x
    after = before[-1] + x[-1] - before - x
    to_all = rank * x - before + after - (n - 1 - rank) * x
    grouped = np.argsort(codes, kind="stable")
    place = np.empty(n)
    place[grouped] = rank - np.repeat(np.cumsum(sizes) - sizes, sizes)
    inside = np.bincount(codes, (2 * place - sizes[codes] + 1) * x)
    of_subject = np.bincount(codes, to_all) - 2 * inside
    n_of_subject = sizes * (n - sizes)
    return float(of_subject.sum() / 2), of_subject, float(n_of_subject.sum() / 2), n_of_subject
