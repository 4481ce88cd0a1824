"""The coders' SD by likelihood: of labels around posteriors some of which missed the keyframe.

The variance of human - blind mean, less the posteriors' own (`mebias.quantification.coder_sd`),
is unbiased where posteriors are as wide as they say. Some miss the keyframe by much more, and
a few of these make up most of the variance. Here each label counts by what its posterior can
tell: human - blind mean is normal with the variance s**2 + that of the posterior or, for the
share of posteriors that missed, more (`mebias.quantification.flags.MISSED`). How many missed is
fitted to the same labels, from none to twice the share that is known of simulated clips: with that
share fixed, what it allows for was taken from the coders where no posterior misses, and the SD
came out 5 to 12 % too small (70 to 87 % covered).

How often its intervals hold what was planted stands in `reports/validation/recovery.csv`, beside
those by moments, which are up to 2.3 times the truth in filmed cohorts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import special

from mebias.quantification.coder_sd import unlike_widths, with_ratio_bounds, with_sd_bounds
from mebias.quantification.flags import Missed
from mebias.quantification.interval import Interval, undefined
from mebias.quantification.spread import MIN_SUBJECTS

METHOD = (
    "maximum likelihood given each posterior's variance, with the share of posteriors that missed, "
    "jackknife over subjects on the log scale, t(G - 1)"
)
RATIO_METHOD = (
    "log ratio of the coders' SDs in complete clips, each by maximum likelihood given the "
    "posteriors' variances, with the share that missed, jackknife over subjects, t(G - 1)"
)
_AS_LIKELY = "that labels do not err at all is about as likely"
_STEPS = 40
_FINE = 25
_ROUNDS = 30
_BLOCK = 1 << 12
_MOST = 2.0
"""Times the share of posteriors that are known to miss: the largest share looked at."""
_NEWTON = 20
_NEAR = 1e-9
_LEAST = 1e-120
_SEPARABLE = 3.84
"""Twice the gain in log-likelihood over an SD of 0 that is needed: the 5 % point of chi2(1)."""


def likely_sd_interval(
    errors: np.ndarray,
    blind: np.ndarray,
    subjects: np.ndarray,
    missed: Missed = (0.0, 0.0),
    conf_level: float = 0.95,
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
    missed : (float, float)
        Share of posteriors known to miss, up to twice which may have missed here, and the SD of
        their further error.
    conf_level : float
        Level of the interval.

    Returns
    -------
    Interval
        NaN with a reason where an SD of 0 is about as likely; no bounds with fewer than 8
        subjects. That the posterior's variance is more than half of the total is no reason: a
        limit on that share tells of the cohorts whose estimate is too large alone (1.29 of the
        truth at the offset of filmed clips at 60 fps, 59 % covered; without it 1.06). The
        rounding of labels to whole frames is a part of the coders' error.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> errors = rng.normal(0, 12, 200) + rng.normal(0, 5, 200)
    >>> errors[:10] += 200  # posteriors that missed
    >>> found = likely_sd_interval(
    ...     errors, np.full(200, 25.0), np.repeat(np.arange(20), 10), (0.05, 200.0))
    >>> found.conf_low < 12 < found.conf_high
    True
    """
    n_subjects = len(np.unique(np.asarray(subjects).astype(str)))
    bare = partial(
        undefined, conf_level=conf_level, n_clips=len(errors), n_subjects=n_subjects, method=METHOD
    )
    if n_subjects < 2:
        return bare(math.nan, "a single subject" if n_subjects else "no clip")
    if not np.isfinite(blind).all():
        return bare(math.nan, "the SD of the posterior is missing")
    if np.ptp(errors) == 0:
        return bare(math.nan, f"all {len(errors)} errors are equal")
    found = _fitted(errors, blind, subjects, missed)
    if 2 * found.gain < _SEPARABLE:
        return bare(math.nan, f"can't be told: {_AS_LIKELY}")
    if n_subjects < MIN_SUBJECTS:
        return bare(found.estimate, f"fewer than {MIN_SUBJECTS} subjects")
    if not (found.left_out > 0).all():
        return bare(found.estimate, "the spread rests on one subject")
    return with_sd_bounds(bare(found.estimate, ""), np.sort(np.log(found.left_out)))


def likely_log_ratio_interval(
    errors: np.ndarray,
    blind: np.ndarray,
    subjects: np.ndarray,
    names: tuple[str, str],
    missed: tuple[Missed, Missed] = ((0.0, 0.0), (0.0, 0.0)),
    conf_level: float = 0.95,
) -> Interval:
    """Log of the ratio of the coders' SDs at two keyframes of the same clips.

    Parameters
    ----------
    errors, blind : ndarray of float, shape (N, 2)
        Human - blind mean, and variance of the posterior, at both keyframes.
    subjects : ndarray of str, shape (N,)
        Whose clips they are.
    names : (str, str)
        The keyframes, for the reasons.
    missed : pair of (float, float)
        As in `likely_sd_interval`, for both keyframes.
    conf_level : float
        Level of the interval.

    Returns
    -------
    Interval
        log(s of the first / s of the second). NaN with a reason where one s cannot be told, or
        the posterior is more than twice as wide at one keyframe as at the other (medians). No
        bounds with fewer than 8 subjects.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> errors = rng.normal(0, [20, 10], (200, 2))
    >>> subjects = np.repeat(np.arange(20), 10)
    >>> found = likely_log_ratio_interval(errors, np.ones((200, 2)), subjects, ("offset", "onset"))
    >>> found.conf_low < math.log(2) < found.conf_high
    True
    """
    n_subjects = len(np.unique(np.asarray(subjects).astype(str)))
    bare = partial(
        undefined,
        conf_level=conf_level,
        n_clips=len(errors),
        n_subjects=n_subjects,
        method=RATIO_METHOD,
    )
    if n_subjects < 2:
        return bare(math.nan, "a single subject" if n_subjects else "no complete clip")
    if not np.isfinite(blind).all():
        return bare(math.nan, "the SD of the posterior is missing")
    if (np.ptp(errors, axis=0) == 0).any():
        return bare(math.nan, "all errors of a keyframe are equal")
    one, other = (_fitted(errors[:, k], blind[:, k], subjects, missed[k]) for k in (0, 1))
    reason = _not_comparable((one, other), np.median(blind, axis=0), names)
    if reason:
        return bare(math.nan, reason)
    estimate = math.log(one.estimate / other.estimate)
    if n_subjects < MIN_SUBJECTS:
        return bare(estimate, f"fewer than {MIN_SUBJECTS} subjects")
    if not ((one.left_out > 0) & (other.left_out > 0)).all():
        return bare(estimate, "the spread rests on one subject")
    left_out = np.sort(np.log(one.left_out / other.left_out))
    return with_ratio_bounds(bare(estimate, ""), left_out)


@dataclass(frozen=True)
class _Fit:
    """SD, the SDs without each subject, and the gain in log-likelihood over an SD of 0."""

    estimate: float
    left_out: np.ndarray
    gain: float


def _not_comparable(fits: tuple[_Fit, _Fit], blind: np.ndarray, names: tuple[str, str]) -> str:
    for fit, name in zip(fits, names, strict=True):
        if 2 * fit.gain < _SEPARABLE:
            return f"can't be told for the {name}: {_AS_LIKELY}"
    return unlike_widths(blind, names)


def _fitted(errors: np.ndarray, blind: np.ndarray, subjects: np.ndarray, missed: Missed) -> _Fit:
    _, codes = np.unique(np.asarray(subjects, dtype=object).astype(str), return_inverse=True)
    order = np.lexsort((codes, blind, errors))
    x, v, codes = errors[order], blind[order], codes[order]
    n_subjects = int(codes.max()) + 1
    top = float(np.subtract(*np.quantile(x, [0.95, 0.05]))) or float(np.ptp(x))
    grid = np.linspace(0.0, top, _STEPS)
    middle = float(np.median(x))
    whole, _, shares = _profiles(x - middle, v, np.zeros_like(codes), 1, grid, missed)
    best = int(whole.argmax())
    middle = _mean(x, v, middle, grid[best], shares[best], missed)
    whole, left, _ = _profiles(x - middle, v, codes, n_subjects, grid, missed)
    near = _peaks(grid, np.vstack([whole, left]))
    step = grid[1]
    fine = np.linspace(max(near.min() - step, 0.0), near.max() + step, _FINE)
    found = _peaks(fine, np.vstack(_profiles(x - middle, v, codes, n_subjects, fine, missed)[:2]))
    # As with the SD of a sample: the mean was fitted, too.
    scale = math.sqrt(len(x) / (len(x) - 1))
    return _Fit(scale * float(found[0]), found[1:], float(whole.max() - whole[0]))


def _profiles(
    x: np.ndarray, v: np.ndarray, codes: np.ndarray, n: int, grid: np.ndarray, missed: Missed
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log-likelihood of each SD of the grid at the likeliest share that missed.

    Returns
    -------
    whole : ndarray, shape (K,)
    left : ndarray, shape (n, K)
        Without each subject, whose share is that of all, one Newton step on.
    shares : ndarray, shape (K,)
        The likeliest.
    """
    most = _MOST * missed[0]
    table = _Table(x, v, grid, missed)
    shares = _likeliest_shares(table)
    parts = np.zeros((3, n, len(grid)))
    for rows, (log, ratio) in table.at(shares):
        order = np.argsort(codes[rows], kind="stable")
        subjects, first = np.unique(codes[rows][order], return_index=True)
        for place, values in enumerate((log, ratio, ratio**2)):
            parts[place, subjects] += np.add.reduceat(values[order], first, axis=0)
    logs, slopes, bends = parts
    whole, slope, bend = (_sum(part) for part in parts)
    left, its_slope, its_bend = whole - logs, slope - slopes, bend - bends
    with np.errstate(divide="ignore", invalid="ignore"):
        step = np.where(its_bend > 0, its_slope / its_bend, 0.0)
    step = np.clip(step, -shares, most - shares)
    return whole, left + its_slope * step - its_bend * step**2 / 2, shares


def _likeliest_shares(table: _Table) -> np.ndarray:
    """The likeliest share that missed at each SD of the grid, (K,), from 0 to the largest.

    The log-likelihood is concave in the share: Newton's steps, kept between the shares at which
    it still rises and those at which it falls.
    """
    known, k = table.missed[0], len(table.grid)
    low, high, shares = np.zeros(k), np.full(k, _MOST * known), np.full(k, known)
    if not known:
        return shares
    falls, rises = table.slopes(low)[0] <= 0, table.slopes(high)[0] >= 0
    ends = np.where(falls, low, np.where(rises, high, math.nan))
    for _ in range(_NEWTON):
        slope, bend = table.slopes(shares)
        low, high = np.where(slope > 0, shares, low), np.where(slope > 0, high, shares)
        with np.errstate(divide="ignore", invalid="ignore"):
            wanted = shares + slope / bend
        new = np.where((wanted >= low) & (wanted <= high), wanted, (low + high) / 2)
        new = np.where(np.isnan(ends), new, ends)
        done = np.abs(new - shares).max() < _NEAR
        shares = new
        if done:
            break
    return shares


class _Table:
    """Densities of errors whose posterior saw well or missed, (N, K), one block after another.

    A table of one block is computed once, longer ones each time that they are asked for.
    """

    def __init__(self, x: np.ndarray, v: np.ndarray, grid: np.ndarray, missed: Missed) -> None:
        self.x, self.v, self.grid, self.missed = x, v, grid, missed
        self._only = self._densities(slice(None)) if len(x) <= _BLOCK else None

    def at(self, shares: np.ndarray) -> Iterator[tuple[slice, tuple[np.ndarray, np.ndarray]]]:
        """Rows, and the log of their densities with its derivative in the share that missed."""
        for rows, (higher, seen, unseen) in self._blocks():
            mixed = np.maximum(seen + shares * (unseen - seen), _LEAST)
            yield rows, (higher + np.log(mixed), (unseen - seen) / mixed)

    def slopes(self, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First derivative of the log-likelihood in the share, and minus the second, (K,) each."""
        slope, bend = np.zeros((2, len(self.grid)))
        for _, (_, seen, unseen) in self._blocks():
            more = unseen - seen
            ratio = more / np.maximum(seen + shares * more, _LEAST)
            slope += ratio.sum(axis=0)
            bend += (ratio**2).sum(axis=0)
        return slope, bend

    def _blocks(self) -> Iterator[tuple[slice, tuple[np.ndarray, np.ndarray, np.ndarray]]]:
        if self._only is not None:
            yield slice(None), self._only
            return
        for start in range(0, len(self.x), _BLOCK):
            rows = slice(start, start + _BLOCK)
            yield rows, self._densities(rows)

    def _densities(self, rows: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The log of the higher density, and both densities over that one."""
        x2, v = self.x[rows, None] ** 2, self.v[rows, None]
        total = np.maximum(self.grid**2 + v, 1e-12)
        wider = total + self.missed[1] ** 2
        well, unseen = (-0.5 * (np.log(t) + x2 / t) for t in (total, wider))
        if not self.missed[0]:
            unseen = well
        higher = np.maximum(well, unseen)
        return higher, np.exp(well - higher), np.exp(unseen - higher)


def _mean(
    x: np.ndarray, v: np.ndarray, middle: float, sd: float, share: float, missed: Missed
) -> float:
    """The likeliest mean, with the SD and the share beside it (EM from those given)."""
    for _ in range(_ROUNDS):
        well, unseen = (np.maximum(sd**2 + v + more, 1e-12) for more in (0.0, missed[1] ** 2))
        away = (x - middle) ** 2
        odds = np.log(well / unseen) / 2 + away * (1 / well - 1 / unseen) / 2
        of_missed = special.expit(odds + special.logit(share))
        weights = (1 - of_missed) / well + of_missed / unseen
        middle = float((weights * x).sum() / weights.sum())
        kept = (
            1 - sd**2 * weights + sd**2 * away * ((1 - of_missed) / well**2 + of_missed / unseen**2)
        )
        sd *= math.sqrt(float(kept.mean()))
        share = min(float(of_missed.mean()), _MOST * missed[0])
    return middle


def _sum(parts: np.ndarray) -> np.ndarray:
    """Over subjects, in an order in which their names have no part."""
    return np.asarray(parts[np.lexsort(parts.T)].sum(axis=0))


def _peaks(grid: np.ndarray, logs: np.ndarray) -> np.ndarray:
    """Where each row is largest, between the points of the grid, (n,)."""
    top = logs.argmax(axis=1)
    at = np.clip(top, 1, len(grid) - 2)
    before, here, after = (logs[np.arange(len(logs)), at + step] for step in (-1, 0, 1))
    bend = before - 2 * here + after
    with np.errstate(divide="ignore", invalid="ignore"):
        aside = np.where(bend < 0, 0.5 * (before - after) / bend, 0.0)
    found = grid[at] + np.clip(aside, -1, 1) * (grid[1] - grid[0])
    return np.asarray(np.where(top == 0, grid[0], found))
