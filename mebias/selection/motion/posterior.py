"""A posterior over onset, apex and offset, from templates of free shape.

A template rises from the onset to a plateau (the apex is its middle) and falls to a residue
at the offset. Rise and fall have a shape each, of three parameters: how slowly they begin, how
steeply they go on, how smoothly they end; linear, cosine, exponential and power courses are
among them. The clip's courses are regressed on drift and template; what the template leaves
of them, as a determinant, is the likelihood, so that a strong movement that is no expression
(a blink, talking) is regressed out rather than fitted. Sequential Monte Carlo draws from the
posterior.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from threadpoolctl import threadpool_limits

from mebias.selection.motion.courses import Courses

_F = np.float32
_PARTICLES, _MOVES, _FIRST = 500, 8, 12_000
_TEMPER = 0.4
"""Share of the independent residuals that the likelihood counts: templates are never exact."""
_RISE, _FALL = (math.log(156.0), 0.5), (math.log(200.0), 0.6)
_BEGIN, _STEEP, _END = (0.5, 0.5), (1.0, 2.0), (0.0, 0.42)
_PLATEAU_MS, _RESIDUE = 14.0, 0.08
_APEX_BLUR = 0.04
"""What templates cannot tell of the apex, as a share of the shorter phase (sd)."""
# Columns of the parameters.
_ONSET, _R, _P, _Q, _A1, _K1, _B1, _A2, _K2, _B2, _REST = range(11)


@dataclass(frozen=True)
class Prior:
    """A normal prior on the three keyframes: means and standard deviations (ms)."""

    mean: tuple[float, float, float]
    sd: tuple[float, float, float]


@dataclass(frozen=True)
class Posterior:
    """Draws of onset, apex and offset.

    Attributes
    ----------
    draws : ndarray, shape (m, 3)
        ms from the clip's first frame.
    detected : bool
        Whether the clip holds detectable motion; if not, the draws are the prior's.
    theta : ndarray, shape (m, 11)
        Parameters of the templates drawn, row by row those of ``draws`` (see `template`);
        no rows where nothing is detected.
    """

    draws: np.ndarray
    detected: bool
    theta: np.ndarray = field(default_factory=lambda: np.empty((0, 11)))

    @property
    def mean(self) -> np.ndarray:
        """Means (ms), shape (3,)."""
        return np.asarray(self.draws.mean(axis=0))

    @property
    def sd(self) -> np.ndarray:
        """Standard deviations (ms), shape (3,)."""
        return np.asarray(self.draws.std(axis=0))

    def interval(self, level: float = 0.95) -> np.ndarray:
        """Central intervals (ms), shape (2, 3): lower and upper bounds."""
        tail = (1 - level) / 2
        return np.asarray(np.quantile(self.draws, [tail, 1 - tail], axis=0))


def locate(courses: Courses, rng: np.random.Generator, prior: Prior | None = None) -> Posterior:
    """Draw from the posterior of the three keyframes.

    Parameters
    ----------
    courses : Courses
        The reduced clip.
    rng : Generator
        The clip's own stream; the same stream gives the same draws.
    prior : Prior, optional
        Centered on labels, for choosing frames. Without it the prior knows nothing of labels
        (``motion-blind``): flat in time, with phases of usual length.

    Returns
    -------
    Posterior
    """
    if not courses.detected:
        return Posterior(_drawn_from_prior(courses, rng, prior), detected=False)
    # Many small products: threads of the linear algebra would only wait for each other.
    with threadpool_limits(1, "blas"):
        return _Sampler(courses, rng, prior).run()


def _drawn_from_prior(
    courses: Courses, rng: np.random.Generator, prior: Prior | None
) -> np.ndarray:
    """Draws where nothing moves: those of the prior, in order."""
    if prior is None:
        return keyframes_of(_Sampler(courses, rng, None).first())
    drawn = rng.normal(prior.mean, prior.sd, (_FIRST, 3))
    ordered = (np.diff(drawn, axis=1) >= 0).all(axis=1)
    return drawn[ordered] if ordered.any() else np.sort(drawn, axis=1)


def keyframes_of(theta: np.ndarray) -> np.ndarray:
    """Onset, apex (middle of the plateau) and offset (ms) of parameters, shape (m, 3)."""
    onset, rise, plateau, fall = theta[:, :4].T
    return np.stack([onset, onset + rise + plateau / 2, onset + rise + plateau + fall], axis=1)


def template(theta: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Extent of the movement at the given times, shape (m, n), float32: 0 at rest, 1 at most."""
    theta, times = theta.astype(_F), times.astype(_F)
    onset, rise, plateau, fall = (theta[:, i : i + 1] for i in range(4))
    top = onset + rise + plateau
    rising = times <= top
    share = np.where(rising, (times - onset) / rise, (times - top) / fall)
    np.clip(share, _F(1e-6), 1, out=share)
    steep = -np.where(np.abs(theta[:, [_K1, _K2]]) < 1e-2, _F(1e-2), theta[:, [_K1, _K2]])
    begin, end = np.exp(theta[:, [_A1, _A2]]), np.exp(theta[:, [_B1, _B2]])

    def of_phase(values: np.ndarray) -> np.ndarray:
        return np.where(rising, values[:, 0:1], values[:, 1:2])

    left = np.log(share)  # from here on in place: what is left of the way
    left *= of_phase(begin)
    np.exp(left, out=left)
    left *= of_phase(steep)
    np.exp(left, out=left)
    left -= of_phase(np.exp(steep))
    left *= of_phase(1 / (1 - np.exp(steep)))
    np.maximum(left, _F(1e-7), out=left)
    np.log(left, out=left)
    left *= of_phase(end)
    np.exp(left, out=left)
    rest = theta[:, _REST : _REST + 1]
    return np.asarray(np.where(rising, 1 - left, rest + (1 - rest) * left))


class _Sampler:
    """Annealed sequential Monte Carlo with random-walk and differential moves."""

    def __init__(self, clip: Courses, rng: np.random.Generator, prior: Prior | None) -> None:
        self.clip = clip
        self.rng = rng
        self.prior = prior
        self.end = float(clip.times[-1])
        self.weight = float(len(clip.times))
        self.thin = max(1, len(clip.times) // 50)

    def run(self) -> Posterior:
        free = _unbounded(self.first())
        score = self._score(_bounded(free), thin=True)
        log_weights = self._log_prior_of_labels(_bounded(free))
        log_weights[np.isneginf(self._log_prior(_bounded(free)))] = -np.inf
        beta, tuned = 0.0, False
        while True:
            step = self._next(beta, score, log_weights)
            free = free[self._resampled(log_weights + (step - beta) * self.weight * score)]
            beta, log_weights = step, np.zeros(_PARTICLES)
            target, score = self._target(free)
            if not tuned and beta >= 0.15:
                beta, tuned = self._tune(free, target, score, beta), True
            free, score = self._moved(free, target, score, beta)
            if beta >= 1:
                break
        target, score = self._target(free)
        self._tune(free, target, score, 1.0)
        free, score = self._moved(free, target, score, 1.0)
        theta = _bounded(free)
        return Posterior(self._blurred(theta), detected=True, theta=theta)

    def _blurred(self, theta: np.ndarray) -> np.ndarray:
        """Keyframes of the draws, the apex as uncertain as templates leave it."""
        found = keyframes_of(theta)
        shorter = theta[:, [_R, _Q]].min(axis=1)
        found[:, 1] += _APEX_BLUR * shorter * self.rng.standard_normal(len(theta))
        return found

    def first(self) -> np.ndarray:
        """Draws from the prior that knows no labels; around the labels where there are any."""
        rng, count = self.rng, _FIRST
        theta = np.empty((count, 11))
        theta[:, _R] = np.exp(rng.normal(*_RISE, count))
        theta[:, _Q] = np.exp(rng.normal(*_FALL, count))
        theta[:, _P] = rng.exponential(_PLATEAU_MS, count) + 1e-6
        for columns, (mean, sd) in (((_A1, _A2), _BEGIN), ((_K1, _K2), _STEEP), ((_B1, _B2), _END)):
            for column in columns:
                theta[:, column] = rng.normal(mean, sd, count)
        theta[:, [_B1, _B2]] = np.abs(theta[:, [_B1, _B2]])
        theta[:, _REST] = np.minimum(rng.exponential(_RESIDUE, count) + 1e-6, 0.79)
        theta[:, _ONSET] = rng.uniform(-100.0, max(self.end - 100.0, 1.0), count)
        if self.prior is not None:
            half = count // 2
            drawn = rng.normal(self.prior.mean, self.prior.sd, (half, 3))
            theta[:half, _ONSET] = drawn[:, 0]
            theta[:half, _R] = np.maximum(drawn[:, 1] - drawn[:, 0] - theta[:half, _P] / 2, 16.0)
            theta[:half, _Q] = np.maximum(drawn[:, 2] - drawn[:, 1] - theta[:half, _P] / 2, 16.0)
        return theta

    def _log_prior(self, theta: np.ndarray) -> np.ndarray:
        rise, fall = np.log(theta[:, _R]), np.log(theta[:, _Q])
        found = -0.5 * ((rise - _RISE[0]) / _RISE[1]) ** 2 - rise
        found -= 0.5 * ((fall - _FALL[0]) / _FALL[1]) ** 2 + fall
        for columns, (mean, sd) in (((_A1, _A2), _BEGIN), ((_K1, _K2), _STEEP), ((_B1, _B2), _END)):
            for column in columns:
                found -= 0.5 * ((theta[:, column] - mean) / sd) ** 2
        found -= theta[:, _P] / _PLATEAU_MS + theta[:, _REST] / _RESIDUE
        offset = theta[:, :4].sum(axis=1)
        ends = theta[:, [_B1, _B2]]
        inside = (theta[:, _ONSET] > -200) & (offset < self.end + 300)
        inside &= (theta[:, [_R, _Q]] > 15).all(axis=1) & (theta[:, _REST] < 0.8)
        inside &= (np.abs(theta[:, [_A1, _A2]]) < 2.5).all(axis=1)
        inside &= (np.abs(theta[:, [_K1, _K2]]) < 9).all(axis=1)
        inside &= ((ends > 0) & (ends < 1.6)).all(axis=1)
        return np.asarray(np.where(inside, found + self._log_prior_of_labels(theta), -np.inf))

    def _log_prior_of_labels(self, theta: np.ndarray) -> np.ndarray:
        if self.prior is None:
            return np.zeros(len(theta))
        away = (keyframes_of(theta) - np.array(self.prior.mean)) / np.array(self.prior.sd)
        return np.asarray(-0.5 * (away**2).sum(axis=1))

    def _score(self, theta: np.ndarray, thin: bool = False) -> np.ndarray:
        """Log-likelihood per independent frame: how much of the courses a template explains."""
        times, drift, courses = self.clip.times, self.clip.drift, self.clip.courses
        if thin and self.thin > 1:
            times = times[:: self.thin]
            drift = np.linalg.qr(drift[:: self.thin])[0]
            courses = courses[:: self.thin]
            courses = np.linalg.qr(courses - drift @ (drift.T @ courses))[0]
        found = np.empty(len(theta))
        for start in range(0, len(theta), 2000):
            rows = template(theta[start : start + 2000], times)
            rows -= (rows @ drift) @ drift.T
            explained = ((rows @ courses) ** 2).sum(axis=1) / ((rows * rows).sum(axis=1) + 1e-9)
            found[start : start + 2000] = -0.5 * np.log(np.maximum(1 - explained, 1e-7))
        return found

    def _target(self, free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        theta = _bounded(free)
        return self._log_prior(theta) + _log_jacobian(free), self._score(theta)

    def _tune(self, free: np.ndarray, target: np.ndarray, score: np.ndarray, beta: float) -> float:
        """Count as many frames as the residuals of the best template leave independent."""
        best = _bounded(free[[int(np.argmax(target + beta * self.weight * score))]])
        row = template(best, self.clip.times)[0].astype(np.float64)
        row -= self.clip.drift @ (self.clip.drift.T @ row)
        row /= max(float(np.linalg.norm(row)), 1e-9)
        rest = self.clip.courses - np.outer(row, row @ self.clip.courses)
        rest = np.linalg.qr(rest)[0]
        shares = self.clip.strength / self.clip.strength.sum()
        count = len(row)
        lags = sum(
            share * np.correlate(course, course, "full")[count - 1 :]
            for share, course in zip(shares, rest.T, strict=True)
        )
        lags = np.asarray(lags) / lags[0]
        time = 1.0
        for lag in range(1, count // 3):
            if lags[lag] < 0.05:
                break
            time += 2 * float(lags[lag])
        weight = max(_TEMPER * (count - len(shares) - 2) / time, 4.0)
        reached = min(1.0, beta * self.weight / weight)
        self.weight = min(weight, self.weight) if beta >= 1 else weight
        return reached

    def _next(self, beta: float, score: np.ndarray, log_weights: np.ndarray) -> float:
        """The next temperature: as far as half of the particles still count."""

        def count(step: float) -> float:
            weights = log_weights + (step - beta) * self.weight * score
            weights = np.exp(weights - weights.max())
            return float(weights.sum() ** 2 / (weights**2).sum())

        if count(1.0) > _PARTICLES / 2:
            return 1.0
        low, high = beta, 1.0
        for _ in range(25):
            middle = (low + high) / 2
            low, high = (middle, high) if count(middle) > _PARTICLES / 2 else (low, middle)
        return max(low, beta + 1e-6)

    def _resampled(self, log_weights: np.ndarray) -> np.ndarray:
        weights = np.exp(log_weights - log_weights.max())
        steps = (self.rng.random() + np.arange(_PARTICLES)) / _PARTICLES
        places = np.searchsorted(np.cumsum(weights / weights.sum()), steps)
        return np.minimum(places, len(weights) - 1)

    def _moved(
        self, free: np.ndarray, target: np.ndarray, score: np.ndarray, beta: float
    ) -> tuple[np.ndarray, np.ndarray]:
        rng = self.rng
        for move in range(_MOVES):
            if move % 2 == 0:
                root = np.linalg.cholesky(np.cov(free.T) + 1e-8 * np.eye(11))
                size = 0.8 if move % 4 == 0 else 0.3
                proposed = free + size * rng.standard_normal(free.shape) @ root.T
            else:
                one, two = rng.permutation(_PARTICLES), rng.permutation(_PARTICLES)
                step = rng.choice([0.5, 1.0]) * (free[one] - free[two])
                proposed = free + step + 1e-3 * rng.standard_normal(free.shape)
            new_target, new_score = self._target(proposed)
            gain = new_target - target + beta * self.weight * (new_score - score)
            taken = np.log(rng.random(_PARTICLES)) < gain
            free = np.where(taken[:, None], proposed, free)
            target = np.where(taken, new_target, target)
            score = np.where(taken, new_score, score)
        return free, score


def _unbounded(theta: np.ndarray) -> np.ndarray:
    free = theta.copy()
    free[:, [_R, _Q]] = np.log(theta[:, [_R, _Q]])
    free[:, [_P, _REST]] = np.sqrt(theta[:, [_P, _REST]])
    return free


def _bounded(free: np.ndarray) -> np.ndarray:
    theta = free.copy()
    theta[:, [_R, _Q]] = np.exp(np.clip(free[:, [_R, _Q]], -5, 12))
    theta[:, [_P, _REST]] = free[:, [_P, _REST]] ** 2
    return theta


def _log_jacobian(free: np.ndarray) -> np.ndarray:
    roots = np.log(2 * np.abs(free[:, [_P, _REST]]) + 1e-9)
    return np.asarray(free[:, [_R, _Q]].sum(axis=1) + roots.sum(axis=1))
