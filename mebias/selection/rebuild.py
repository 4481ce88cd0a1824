"""One clip taken apart into course, pattern and noise, and put together again without images.

The frames x_i of a clip (vectors of all pixels, in full resolution and all channels) are modeled
as ``x_i = m + t_i D + y_i P + y_i**2 Q + r_i``: a mean, a linear drift D, the pattern P of the
movement along its course y with the second-order pattern Q (displaced texture is not linear in
the displacement), and the residual frames r. The course comes from the *blind* motion posterior:
each draw is one template. Regressing the frames on it needs their Gram matrix alone, and so do
the squared distances of any clip rebuilt from the parts,

    ``x*_i = m + t_i D + y*_i P + y*_i**2 Q + s r_k(i)``,

where y* is the template stretched, piecewise linearly in time, so that its own keyframes fall
where they are asked to be. Everything is in the pixel units of the ``signed`` distance, so that
movement and noise keep their scale.

Residual frames are resampled in one block: the clip's own, in order, from a random place on, round
the end, forwards or backwards, with a random sign. That keeps sensor noise (energy of a frame,
products between frames) and what is correlated in time (flicker, sway of the head) as they are,
never uses a frame twice, and unties both from the labels; what templates cannot follow of the
movement counts as noise. Shorter blocks would put a seam into most windows. Drift stays in place.
Residuals are scaled up, and the Gram matrix of the patterns is corrected down (and kept
nonnegative definite), by what least squares takes from the noise.

Why residuals do not stay in place although they would then be exact: the blind posterior is
some ms off in each clip, and the clip's own course, left over in the residuals, would act like
an annotation error of that size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from mebias.selection.motion import Definition
from mebias.selection.motion.templates import keyframes_of, template

_MOST_NUMBERS = 4_000_000
_GAP = 0.5
"""Frames that true keyframes lie apart at least."""


@dataclass(frozen=True)
class Parts:
    """What clips are rebuilt from.

    Attributes
    ----------
    numbers : ndarray of int, shape (n,)
        Frames taken apart.
    gram : ndarray, shape (n, n)
        Inner products of these frames (squared gray levels), free of a common mean.
    theta : ndarray, shape (m, 11)
        Templates drawn from the blind posterior; ms from ``first``.
    first : int
        Frame at time 0.
    fps : float
        Frames per second.
    """

    numbers: np.ndarray
    gram: np.ndarray
    theta: np.ndarray
    first: int
    fps: float

    def ms(self, frames: np.ndarray) -> np.ndarray:
        """Times of frame numbers, whole or not."""
        return np.asarray((frames - self.first) * 1000.0 / self.fps)


@dataclass(frozen=True)
class Chance:
    """What is random in rebuilt clips; drawn once, so that nulls differ in their error alone.

    Attributes
    ----------
    theta : ndarray of int, shape (m,)
        Rows of the posterior.
    start : ndarray of int, shape (m,)
        Residual frame at the first frame.
    step : ndarray of int, shape (m,)
        1 forwards, -1 backwards.
    sign : ndarray, shape (m,)
        Of the residuals.
    rounding : ndarray, shape (m, 3)
        Label minus true time plus error (frames): a label is a whole frame.
    error : ndarray, shape (m, 3)
        Standard normal annotation errors.
    """

    theta: np.ndarray
    start: np.ndarray
    step: np.ndarray
    sign: np.ndarray
    rounding: np.ndarray
    error: np.ndarray


def draw_chance(parts: Parts, n_draws: int, rng: np.random.Generator) -> Chance:
    """Draw what is random in rebuilt clips; templates as evenly as their number allows."""
    rows = rng.permutation(len(parts.theta))
    return Chance(
        theta=np.resize(rows, n_draws),
        start=rng.integers(len(parts.numbers), size=n_draws),
        step=1 - 2 * rng.integers(2, size=n_draws),
        sign=1.0 - 2.0 * rng.integers(2, size=n_draws),
        rounding=rng.uniform(-0.5, 0.5, (n_draws, 3)),
        error=rng.standard_normal((n_draws, 3)),
    )


def true_keyframes(
    human: tuple[int, int, int],
    chance: Chance,
    sd_frames: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """True keyframes of which a coder with errors of mean 0 makes the human labels.

    Parameters
    ----------
    human : (int, int, int)
        Labels.
    chance : Chance
        Errors and rounding to begin with; drawn anew where they break the order.
    sd_frames : ndarray, shape (3,)
        Standard deviations of the coder's error (frames); 0 for an accurate coder.
    rng : Generator
        For what is drawn anew.

    Returns
    -------
    truth : ndarray, shape (m, 3)
        Label minus error, half a frame apart at least (frames).
    error : ndarray, shape (m, 3)
        The standard normal errors in it.
    """
    error, rounding = chance.error.copy(), chance.rounding.copy()
    for _ in range(20):
        truth = np.asarray(human) + rounding - error * sd_frames
        broken = (np.diff(truth, axis=1) < _GAP).any(axis=1)
        if not broken.any():
            break
        error[broken] = rng.standard_normal((int(broken.sum()), 3))
        rounding[broken] = rng.uniform(-0.5, 0.5, (int(broken.sum()), 3))
    # Labels in one frame leave no order to be found by chance.
    truth = np.sort(np.asarray(human) + rounding - error * sd_frames, axis=1)
    truth[:, 1] = np.maximum(truth[:, 1], truth[:, 0] + _GAP)
    truth[:, 2] = np.maximum(truth[:, 2], truth[:, 1] + _GAP)
    return truth, error


def stretched(theta: np.ndarray, truth_ms: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Templates whose own keyframes fall on given times, at the times asked for.

    Parameters
    ----------
    theta : ndarray, shape (m, 11)
        Parameters of the templates.
    truth_ms : ndarray, shape (m, 3)
        Where their onset, apex (middle of the plateau) and offset fall, in order.
    times : ndarray, shape (c,)
        Times (ms).

    Returns
    -------
    ndarray, shape (m, c)

    Examples
    --------
    >>> linear = np.array([[100.0, 100, 1, 100, 0, 0, 0, 0, 0, 0, 0]])
    >>> found = stretched(linear, np.array([[0.0, 40.0, 60.0]]), np.array([0.0, 20.0, 40.0, 50.0]))
    >>> found.round(1).tolist()
    [[0.0, 0.5, 1.0, 0.5]]
    """
    onset, apex, offset = (truth_ms[:, i : i + 1] for i in range(3))
    own = keyframes_of(theta, Definition())
    own_onset, own_apex, own_offset = (own[:, i : i + 1] for i in range(3))
    rising = own_onset + (times - onset) * (own_apex - own_onset) / (apex - onset)
    falling = own_apex + (times - apex) * (own_offset - own_apex) / (offset - apex)
    return template(theta, np.where(times <= apex, rising, falling)).astype(float)


def rebuilt(parts: Parts, chance: Chance, truth: np.ndarray, frames: Sequence[int]) -> np.ndarray:
    """Squared distances between frames of rebuilt clips.

    Parameters
    ----------
    parts : Parts
        What they are rebuilt from.
    chance : Chance
        Templates and residuals of each.
    truth : ndarray, shape (m, 3)
        Where their keyframes are (frames).
    frames : sequence of int
        Some of ``parts.numbers``, c of them.

    Returns
    -------
    ndarray, shape (m, c, c)
    """
    at = np.searchsorted(parts.numbers, frames)
    size = max(1, _MOST_NUMBERS // (len(at) ** 2 + 8 * len(parts.numbers)))
    pieces = []
    with threadpool_limits(1, "blas"):
        for first in range(0, len(truth), size):
            pieces.append(_rebuilt(parts, chance, truth, at, slice(first, first + size)))
    return np.concatenate(pieces)


def _rebuilt(
    parts: Parts, chance: Chance, truth: np.ndarray, at: np.ndarray, draws: slice
) -> np.ndarray:
    gram, n = parts.gram, len(parts.numbers)
    times = parts.ms(parts.numbers)
    theta = parts.theta[chance.theta[draws]]
    fitted = _design(template(theta, times).astype(float), times, times)
    asked = _design(stretched(theta, parts.ms(truth[draws]), times[at]), times[at], times)
    p = fitted.shape[2]
    normal = _turned(fitted) @ fitted
    inverse = np.linalg.inv(normal + 1e-6 * n * np.eye(p))
    project = inverse @ _turned(fitted) @ gram  # patterns, as products with the frames
    patterns = project @ fitted @ inverse
    energy = np.trace(gram) - 2 * np.einsum("mpn,mnp->m", project, fitted)
    energy += np.einsum("mpq,mqp->m", patterns, normal)
    noise = np.maximum(energy, 0.0) / max(n - p, 1)
    resampled = (chance.start[draws, None] + chance.step[draws, None] * at) % n
    left = np.take_along_axis(fitted, resampled[:, :, None], axis=1)
    right = np.take_along_axis(project, resampled[:, None, :], axis=2)
    half = left @ right
    residual = gram[resampled[:, :, None], resampled[:, None, :]] - half - _turned(half)
    residual += left @ patterns @ _turned(left)
    shared = asked @ (right - patterns @ _turned(left)) * chance.sign[draws, None, None]
    scale = n / max(n - p, 1)
    found = asked @ _nonnegative(patterns - noise[:, None, None] * inverse) @ _turned(asked)
    found += np.sqrt(scale) * (shared + _turned(shared)) + scale * residual
    own = np.einsum("mii->mi", found)
    return np.asarray(own[:, :, None] + own[:, None, :] - 2 * found)


def _design(course: np.ndarray, times: np.ndarray, every: np.ndarray) -> np.ndarray:
    """What frames are regressed on, shape (m, n, 4)."""
    span = (times - every.mean()) / max(float(np.ptp(every)), 1.0)
    return np.stack(
        [np.ones_like(course), np.broadcast_to(span, course.shape), course, course**2], axis=-1
    )


def _turned(matrices: np.ndarray) -> np.ndarray:
    return np.swapaxes(matrices, 1, 2)


def _nonnegative(matrices: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh((matrices + _turned(matrices)) / 2)
    return np.asarray((vectors * np.maximum(values, 0)[:, None, :]) @ _turned(vectors))
