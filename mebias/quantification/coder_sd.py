"""The coders' SD by moments: the scatter of human - blind mean without the posterior's own.

Right where posteriors are as wide as they say. A few that missed the keyframe make it much too
large, so that tables hold the one by likelihood (`mebias.quantification.likely_sd`); this one
stands beside it in `reports/validation/recovery.csv`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from mebias.errors import per_cent
from mebias.quantification.interval import Interval, t_half_width, undefined
from mebias.quantification.spread import MIN_SUBJECTS

METHOD = (
    "sqrt(half the mean squared difference of human - blind mean between clips of different "
    "subjects - mean posterior variance), jackknife over subjects on the log scale, t(G - 1)"
)
MAX_SHARE = 0.5
"""Share of the posterior's variance in the total above which the rest can't be told."""
MAX_WIDTH_RATIO = 2.0
"""Ratio of the posterior's SDs at two keyframes above which these are not compared."""


@dataclass(frozen=True)
class Variances:
    """Variances of K quantities of the same clips, whole and without each subject.

    Attributes
    ----------
    total, blind : ndarray, shape (K,)
        Variance of human - blind mean between clips of different subjects (unbiased for that
        of one clip, whatever the intraclass correlation); mean variance of the posterior.
    left_total, left_blind : ndarray, shape (G, K)
        The same without each subject.
    """

    total: np.ndarray
    blind: np.ndarray
    left_total: np.ndarray
    left_blind: np.ndarray

    @property
    def rest(self) -> np.ndarray:
        """Variance of the coders' error, (K,); below 0 where the posterior is too wide."""
        return np.asarray(self.total - self.blind)

    @property
    def left_rest(self) -> np.ndarray:
        """The same without each subject, (G, K)."""
        return np.asarray(self.left_total - self.left_blind)


def variances(errors: np.ndarray, blind: np.ndarray, subjects: np.ndarray) -> Variances:
    """Variances of errors and of the posterior; neither order nor names make a difference.

    Parameters
    ----------
    errors : ndarray of float, shape (N, K)
        Human - blind mean.
    blind : ndarray of float, shape (N, K)
        Variance of each posterior.
    subjects : ndarray of str, shape (N,)
        Two or more.

    Examples
    --------
    >>> errors = np.array([[0.0], [2.0], [4.0]])
    >>> found = variances(errors, np.ones((3, 1)), np.array(["a", "a", "b"]))
    >>> found.total.tolist()
    [5.0]
    """
    _, codes = np.unique(np.asarray(subjects, dtype=object).astype(str), return_inverse=True)
    order = np.lexsort((*blind.T, *errors.T, codes))
    codes, blind = codes[order], blind[order]
    centered = errors[order] - np.sort(errors, axis=0).mean(axis=0)
    sums = np.zeros((codes.max() + 1, 1 + 3 * errors.shape[1]))
    np.add.at(sums, codes, np.hstack([np.ones((len(codes), 1)), centered, centered**2, blind]))
    sums = sums[np.lexsort(sums.T)]
    with np.errstate(divide="ignore", invalid="ignore"):
        total, mean = _of_sums(sums, np.ones((1, len(sums))))
        left_total, left_mean = _of_sums(sums, 1.0 - np.eye(len(sums)))
    return Variances(total[0], mean[0], left_total, left_mean)


def coder_sd_interval(
    errors: np.ndarray, blind: np.ndarray, subjects: np.ndarray, conf_level: float = 0.95
) -> Interval:
    """Standard deviation of the coders' error with a subject-clustered interval.

    Parameters
    ----------
    errors : ndarray of float, shape (N,)
        Human - blind posterior mean, one per clip.
    blind : ndarray of float, shape (N,)
        Variance of each posterior, in the square of the same unit.
    subjects : ndarray of str, shape (N,)
        Whose clips they are.
    conf_level : float
        Level of the interval.

    Returns
    -------
    Interval
        NaN with a reason where the posterior makes up more than half of the variance, so that
        little is left to tell; no bounds with fewer than 8 subjects. The rounding of labels
        to whole frames is a part of the coders' error; so is what the posterior is off by
        beyond its own SD, wherever that is too small.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> errors = rng.normal(0, 12, 200) + rng.normal(0, 5, 200)
    >>> found = coder_sd_interval(errors, np.full(200, 25.0), np.repeat(np.arange(20), 10))
    >>> found.conf_low < 12 < found.conf_high
    True
    """
    n_subjects = len(np.unique(np.asarray(subjects).astype(str)))
    bare = partial(
        undefined,
        conf_level=conf_level,
        n_clips=len(errors),
        n_subjects=n_subjects,
        method=METHOD,
    )
    if n_subjects < 2:
        return bare(math.nan, "a single subject" if n_subjects else "no clip")
    if not np.isfinite(blind).all():
        return bare(math.nan, "the SD of the posterior is missing")
    if np.ptp(errors) == 0:
        return bare(math.nan, f"all {len(errors)} errors are equal")
    found = variances(errors[:, None], blind[:, None], subjects)
    reason = too_wide(found, 0)
    if reason:
        return bare(math.nan, reason)
    estimate = math.sqrt(found.rest[0])
    if n_subjects < MIN_SUBJECTS:
        return bare(estimate, f"fewer than {MIN_SUBJECTS} subjects")
    if not (found.left_rest > 0).all():
        return bare(estimate, "the spread rests on one subject")
    return with_sd_bounds(bare(estimate, ""), np.log(found.left_rest[:, 0]) / 2)


def with_sd_bounds(found: Interval, left_out: np.ndarray) -> Interval:
    """An SD with bounds from the jackknife of its log, given the logs without each subject."""
    df = len(left_out) - 1
    error = jackknife_error(left_out)
    factor = math.exp(t_half_width(error, df, found.conf_level))
    return replace(
        found,
        std_error=found.estimate * error,
        df=df,
        conf_low=found.estimate / factor,
        conf_high=found.estimate * factor,
    )


def with_ratio_bounds(found: Interval, left_out: np.ndarray) -> Interval:
    """A log ratio with bounds from the jackknife, given the log ratios without each subject."""
    df = len(left_out) - 1
    error = jackknife_error(left_out)
    if error == 0:
        return replace(found, reason="the ratio is the same without each subject")
    half = t_half_width(error, df, found.conf_level)
    return replace(
        found,
        std_error=error,
        df=df,
        conf_low=found.estimate - half,
        conf_high=found.estimate + half,
    )


def too_wide(found: Variances, place: int) -> str:
    """Why the coders' SD can't be told from the posterior's, or nothing."""
    total, blind = float(found.total[place]), float(found.blind[place])
    if blind <= MAX_SHARE * total:
        return ""
    share = f"{per_cent(blind / total)} of" if 0 < blind < total else "more than"
    return (
        f"can't be told: the posterior's own variance is {share} the variance of human - blind "
        f"mean, more than {per_cent(MAX_SHARE)}"
    )


def jackknife_error(left_out: np.ndarray) -> float:
    """Jackknife standard error from the values without each subject.

    >>> round(jackknife_error(np.array([1.0, 2.0, 3.0])), 4)
    1.1547
    """
    g = len(left_out)
    return math.sqrt((g - 1) / g * float(((left_out - left_out.mean()) ** 2).sum()))


def unlike_widths(blind: np.ndarray, names: tuple[str, str]) -> str:
    """Why keyframes whose posteriors have these variances are not compared, or nothing."""
    if blind.min() * MAX_WIDTH_RATIO**2 >= blind.max():
        return ""
    wide, narrow = names if blind[0] > blind[1] else names[::-1]
    return (
        f"can't be told: the posterior is more than {MAX_WIDTH_RATIO:g} times as wide at the "
        f"{wide} as at the {narrow}"
    )


def _of_sums(sums: np.ndarray, keep: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Variance between clips of different subjects, and mean posterior variance, (B, K) each.

    ``sums`` holds per subject the clips, the sums, the sums of squares and of variances;
    each row of ``keep`` (B, G) says which subjects count.
    """
    k = (sums.shape[1] - 1) // 3
    n, s, q, m = sums[:, :1], sums[:, 1 : k + 1], sums[:, k + 1 : 2 * k + 1], sums[:, 2 * k + 1 :]
    clips = keep @ n
    all_pairs = clips * (keep @ q) - (keep @ s) ** 2
    within_pairs = keep @ (n * q - s**2)
    return (all_pairs - within_pairs) / (clips**2 - keep @ n**2), (keep @ m) / clips
