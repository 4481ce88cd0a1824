"""A posterior over onset, apex and offset, from templates of free shape.

The clip's courses are regressed on drift and a template (`templates`); what the template leaves
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
from mebias.selection.motion.templates import (
    A1,
    A2,
    B1,
    B2,
    K1,
    K2,
    ONSET,
    REST,
    Definition,
    P,
    Q,
    R,
    keyframes_of,
    template,
)  # fmt: skip

_PARTICLES, _MOVES, _SEARCHES, _FIRST = 500, 8, 12, 12_000
_TEMPER = 0.3
"""Share of the independent residuals that the likelihood counts: templates are never exact."""
_BEGIN, _STEEP, _END = (0.5, 0.65), (1.0, 2.0), (0.0, 0.45)
_PLATEAU_MS, _RESIDUE = 14.0, 0.08
_BLUR = np.array([0.03, 0.045, 0.02])
"""What templates cannot tell of a keyframe, as a share of the phases beside it (sd)."""
_SHORTEST_MS = 15.0


@dataclass(frozen=True)
class Prior:
    """A normal prior on the three keyframes: means and standard deviations (ms)."""

    mean: tuple[float, float, float]
    sd: tuple[float, float, float]


@dataclass(frozen=True)
class Phases:
    """A log-normal prior on how long rise and fall last: median (ms) and sd of the logarithm."""

    rise: tuple[float, float] = (150.0, 0.6)
    fall: tuple[float, float] = (200.0, 0.7)


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


def locate(
    courses: Courses,
    rng: np.random.Generator,
    prior: Prior | None = None,
    *,
    phases: Phases | None = None,
    definition: Definition | None = None,
) -> Posterior:
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
    phases : Phases, optional
        How long rise and fall usually last; wide by default.
    definition : Definition, optional
        What counts as onset, apex and offset; first change, middle of the plateau and last
        change by default.

    Returns
    -------
    Posterior
    """
    sampler = _Sampler(courses, rng, prior, phases or Phases(), definition or Definition())
    if not courses.detected:
        return Posterior(_drawn_from_prior(sampler, rng, prior), detected=False)
    # Many small products: threads of the linear algebra would only wait for each other.
    # Some of them raise a flag for what they do not use; draws are checked at the end.
    with threadpool_limits(1, "blas"), np.errstate(invalid="ignore"):
        found = sampler.run()
    if not np.isfinite(found.draws).all():
        raise ArithmeticError("the posterior of a clip's motion is not finite")
    return found


def _drawn_from_prior(
    sampler: _Sampler, rng: np.random.Generator, prior: Prior | None
) -> np.ndarray:
    """Draws where nothing moves: those of the prior, in order."""
    if prior is None:
        return sampler.keyframes(sampler.first())
    drawn = rng.normal(prior.mean, prior.sd, (_FIRST, 3))
    ordered = (np.diff(drawn, axis=1) >= 0).all(axis=1)
    return drawn[ordered] if ordered.any() else np.sort(drawn, axis=1)


class _Sampler:
    """Annealed sequential Monte Carlo with random-walk and differential moves."""

    def __init__(
        self,
        clip: Courses,
        rng: np.random.Generator,
        prior: Prior | None,
        phases: Phases,
        definition: Definition,
    ) -> None:
        self.clip = clip
        self.rng = rng
        self.prior = prior
        self.rise = (math.log(phases.rise[0]), phases.rise[1])
        self.fall = (math.log(phases.fall[0]), phases.fall[1])
        self.definition = definition
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
        theta = _bounded(free)
        return Posterior(self._blurred(theta), detected=True, theta=theta)

    def keyframes(self, theta: np.ndarray) -> np.ndarray:
        """Onset, apex and offset (ms) of parameters as they are defined, shape (m, 3)."""
        return keyframes_of(theta, self.definition, self.clip)

    def _blurred(self, theta: np.ndarray) -> np.ndarray:
        """Keyframes of the draws, each as uncertain as templates leave it."""
        rise, fall = theta[:, R], theta[:, Q]
        scale = _BLUR * np.stack([rise, np.minimum(rise, fall), fall], axis=1)
        blur = scale * self.rng.standard_normal((len(theta), 3))
        return np.asarray(self.keyframes(theta) + blur)

    def first(self) -> np.ndarray:
        """Draws from the prior that knows no labels; around the labels where there are any."""
        rng, count = self.rng, _FIRST
        theta = np.empty((count, 11))
        theta[:, R] = np.exp(rng.normal(*self.rise, count))
        theta[:, Q] = np.exp(rng.normal(*self.fall, count))
        theta[:, P] = rng.exponential(_PLATEAU_MS, count) + 1e-6
        for columns, (mean, sd) in (((A1, A2), _BEGIN), ((K1, K2), _STEEP), ((B1, B2), _END)):
            for column in columns:
                theta[:, column] = rng.normal(mean, sd, count)
        theta[:, [B1, B2]] = np.abs(theta[:, [B1, B2]])
        theta[:, REST] = np.minimum(rng.exponential(_RESIDUE, count) + 1e-6, 0.79)
        theta[:, ONSET] = rng.uniform(-100.0, max(self.end - 100.0, 1.0), count)
        if self.prior is not None:
            half = count // 2
            drawn = rng.normal(self.prior.mean, self.prior.sd, (half, 3))
            theta[:half, ONSET] = drawn[:, 0]
            theta[:half, R] = np.maximum(drawn[:, 1] - drawn[:, 0] - theta[:half, P] / 2, 16.0)
            theta[:half, Q] = np.maximum(drawn[:, 2] - drawn[:, 1] - theta[:half, P] / 2, 16.0)
        return theta

    def _log_prior(self, theta: np.ndarray) -> np.ndarray:
        rise, fall = np.log(theta[:, R]), np.log(theta[:, Q])
        found = -0.5 * ((rise - self.rise[0]) / self.rise[1]) ** 2 - rise
        found -= 0.5 * ((fall - self.fall[0]) / self.fall[1]) ** 2 + fall
        for columns, (mean, sd) in (((A1, A2), _BEGIN), ((K1, K2), _STEEP), ((B1, B2), _END)):
            for column in columns:
                found -= 0.5 * ((theta[:, column] - mean) / sd) ** 2
        found -= theta[:, P] / _PLATEAU_MS + theta[:, REST] / _RESIDUE
        offset = theta[:, :4].sum(axis=1)
        ends = theta[:, [B1, B2]]
        inside = (theta[:, ONSET] > -200) & (offset < self.end + 300)
        inside &= (theta[:, [R, Q]] > _SHORTEST_MS).all(axis=1) & (theta[:, REST] < 0.8)
        inside &= (np.abs(theta[:, [A1, A2]]) < 2.5).all(axis=1)
        inside &= (np.abs(theta[:, [K1, K2]]) < 9).all(axis=1)
        inside &= ((ends > 0) & (ends < 1.6)).all(axis=1)
        return np.asarray(np.where(inside, found + self._log_prior_of_labels(theta), -np.inf))

    def _log_prior_of_labels(self, theta: np.ndarray) -> np.ndarray:
        if self.prior is None:
            return np.zeros(len(theta))
        away = (self.keyframes(theta) - np.array(self.prior.mean)) / np.array(self.prior.sd)
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
        best = _bounded(self._best(free, target + self.weight * score))
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
        self.weight = weight
        return reached

    def _best(self, free: np.ndarray, value: np.ndarray) -> np.ndarray:
        """The best template near the particles, by the cross-entropy method, shape (1, 11)."""
        for _ in range(_SEARCHES):
            elite = free[np.argsort(value)[-_PARTICLES // 10 :]]
            best, most = elite[-1:], value.max()
            root = np.linalg.cholesky(np.cov(elite.T) + 1e-9 * np.eye(11))
            free = elite.mean(axis=0) + self.rng.standard_normal((_PARTICLES, 11)) @ root.T
            target, score = self._target(free)
            value = target + self.weight * score
            free[0], value[0] = best[0], most
        return free[[int(np.argmax(value))]]

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
    free[:, [R, Q]] = np.log(theta[:, [R, Q]])
    free[:, [P, REST]] = np.sqrt(theta[:, [P, REST]])
    return free


def _bounded(free: np.ndarray) -> np.ndarray:
    theta = free.copy()
    theta[:, [R, Q]] = np.exp(np.clip(free[:, [R, Q]], -5, 12))
    theta[:, [P, REST]] = free[:, [P, REST]] ** 2
    return theta


def _log_jacobian(free: np.ndarray) -> np.ndarray:
    roots = np.log(2 * np.abs(free[:, [P, REST]]) + 1e-9)
    return np.asarray(free[:, [R, Q]].sum(axis=1) + roots.sum(axis=1))
