"""SIMULATED flow maps of the size of the public composite, to choose how `tiny` is trained.

442 clips of 68 subjects in three datasets, in three classes (250 negative, 109 positive, 83
surprise), as 28 x 28 maps of optical flow and its strain. Three differently built variants, so
that no choice rests on one idea of what such maps are like:

``regions``
    Classes are mixtures of facial actions: bumps of flow with their own place and direction
    (brows, lids, cheeks, mouth), one- or two-sided, of a strength that depends on subject,
    action and clip. Faces are shifted and scaled per subject; noise is smooth flow and head
    motion.
``patterns``
    Classes are a few smooth random fields each, subjects and datasets have fields of their
    own, and noise has heavy tails.
``energy``
    Classes differ in where something moves, not in which direction: direction is drawn per
    clip. Blinks move the eyes in some clips of all classes; faces are aligned badly.

The falling maps show a weaker motion the other way round, with noise of their own. Their
difficulty (`NOISE`, `BLANK`) was set so that the scores of simple methods are about the published
ones; ``benchmarks/choose_tiny.py`` prints both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mebias.errors import OptionError, listed, suggest

SIZE = 28
CLASSES = ("negative", "positive", "surprise")
DATASETS = {"casme2": (24, (88, 32, 25)), "smic": (16, (70, 51, 43)), "samm": (28, (92, 26, 15))}
"""Subjects, and clips of each class."""
NOISE = {"regions": 0.12, "patterns": 1.8, "energy": 0.18}
"""Standard deviation of the noise, where the strongest flow of a typical action is 1."""
BLANK = {"regions": 0.05, "patterns": 0.15, "energy": 0.1}
"""Share of clips that show nothing of their class."""
_SCALE = {"casme2": 0.9, "smic": 1.3, "samm": 1.0}
_ACTIONS = {
    "inner brow up": ((8, 11), (0, -1), 1.8),
    "outer brow up": ((8, 6), (0, -1), 1.8),
    "brow down": ((9, 10.5), (0.4, 0.9), 1.8),
    "lids": ((11.5, 8), (0, -0.7), 1.4),
    "nose": ((15, 12.5), (0, -0.8), 1.6),
    "cheek": ((16, 8), (0, -0.8), 2.0),
    "lip corner up": ((20, 9), (-0.6, -0.8), 2.0),
    "dimple": ((20, 8.5), (-0.9, 0), 1.6),
    "lip corner down": ((21, 9), (0, 0.9), 1.8),
    "chin": ((24, 12), (0, -0.8), 2.0),
    "jaw": ((23, 12), (0, 1.0), 2.4),
}
"""Place (row, column) on the left half, direction (right, down) and radius, in pixels."""
_MIXTURES = {
    "negative": {"brow down": 0.6, "lids": 0.35, "nose": 0.2, "dimple": 0.25,
                 "lip corner down": 0.25, "chin": 0.2, "inner brow up": 0.1},
    "positive": {"lip corner up": 0.75, "cheek": 0.4, "dimple": 0.12, "jaw": 0.08, "lids": 0.15},
    "surprise": {"inner brow up": 0.65, "outer brow up": 0.6, "jaw": 0.3, "brow down": 0.08},
}  # fmt: skip


@dataclass(frozen=True)
class Composite:
    """Simulated maps of three datasets.

    Attributes
    ----------
    maps : ndarray of float32, shape (442, 2, 3, 28, 28)
        Rising and falling maps: flow to the right, flow down, strain.
    labels : ndarray of int64
        Places among `CLASSES`.
    people, datasets : ndarray of str
        Whose clip each is, by dataset and subject, and the dataset alone.
    """

    maps: np.ndarray
    labels: np.ndarray
    people: np.ndarray
    datasets: np.ndarray


def make_composite(
    variant: str = "regions",
    seed: int = 0,
    *,
    noise: float | None = None,
    blank: float | None = None,
) -> Composite:
    """Draw a composite.

    Parameters
    ----------
    variant : {"regions", "patterns", "energy"}
        How it is built.
    seed : int
    noise, blank : float, optional
        Difficulty; that of the variant by default, see `NOISE` and `BLANK`.

    Raises
    ------
    OptionError
        No such variant.

    Examples
    --------
    >>> found = make_composite("energy", seed=3)
    >>> found.maps.shape, len(set(found.people)), np.bincount(found.labels).tolist()
    ((442, 2, 3, 28, 28), 68, [250, 109, 83])
    """
    if variant not in _SIGNALS:
        raise OptionError(
            f"no variant is called {variant!r} (known: {listed(_SIGNALS)})"
            f"{suggest(variant, _SIGNALS)}."
        )
    rng = np.random.default_rng([seed, list(_SIGNALS).index(variant)])
    labels, people, datasets = _cast(rng)
    shown = rng.random(len(labels)) >= (BLANK[variant] if blank is None else blank)
    seen = np.where(shown, labels, rng.permutation(labels))
    rise = _SIGNALS[variant](seen, people, datasets, rng)
    fall = -rise * rng.uniform(0.1, 0.9, (len(labels), 1, 1, 1))
    level = NOISE[variant] if noise is None else noise
    scale = np.array([_SCALE[name] for name in datasets])[:, None, None, None]
    flows = [
        scale * (signal + level * k * _noise(len(labels), variant, rng))
        for signal, k in ((rise, 1.0), (fall, 1.6))
    ]
    maps = np.stack([np.concatenate([f, strain(f)], axis=1) for f in flows], axis=1)
    return Composite(maps.astype(np.float32), labels, people, datasets)


def strain(flow: np.ndarray) -> np.ndarray:
    """Norm of the strain of flow (n x 2 x height x width), as n x 1 x height x width."""
    right_y, right_x = np.gradient(flow[:, 0], axis=(1, 2))
    down_y, down_x = np.gradient(flow[:, 1], axis=(1, 2))
    shear = (right_y + down_x) / 2
    return np.asarray(np.sqrt(right_x**2 + down_y**2 + 2 * shear**2)[:, None])


def _cast(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, people and datasets: clips of a subject are uneven in number and in class."""
    labels, people, datasets = [], [], []
    for name, (n_subjects, counts) in DATASETS.items():
        own = np.repeat(np.arange(3), counts)
        share = rng.lognormal(0, 0.7, n_subjects)
        tends = share[:, None] * rng.lognormal(0, 0.5, (n_subjects, 3))
        who = np.array([rng.choice(n_subjects, p=tends[:, c] / tends[:, c].sum()) for c in own])
        first = rng.permutation(len(own))[:n_subjects]  # everyone has a clip
        who[first] = np.arange(n_subjects)
        labels.append(own)
        people.append(np.array([f"{name}/{i:02d}" for i in who]))
        datasets.append(np.full(len(own), name))
    return np.concatenate(labels), np.concatenate(people), np.concatenate(datasets)


def _per(keys: np.ndarray, draw: Callable[[int], np.ndarray]) -> np.ndarray:
    """One draw per distinct key, given to each clip that has it."""
    names, places = np.unique(keys, return_inverse=True)
    return np.asarray(draw(len(names))[places])


def _bumps(places: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Gaussian bumps, n x 28 x 28, at rows and columns (n x 2)."""
    y, x = np.mgrid[:SIZE, :SIZE]
    d2 = (y - places[:, 0, None, None]) ** 2 + (x - places[:, 1, None, None]) ** 2
    return np.asarray(np.exp(-d2 / (2 * radius[:, None, None] ** 2)))


def _placed(
    place: tuple[float, float], people: np.ndarray, rng: np.random.Generator, apart: float
) -> np.ndarray:
    """Where a place of the face lies in each clip: subjects and clips differ."""
    own = _per(people, lambda n: rng.normal(0, apart, (n, 2)))
    return np.asarray(np.array(place) + own + rng.normal(0, 0.4 * apart, (len(people), 2)))


def _regions(
    labels: np.ndarray, people: np.ndarray, datasets: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    n = len(labels)
    flow = np.zeros((n, 2, SIZE, SIZE))
    strength = rng.lognormal(0, 0.4, n) * _per(people, lambda k: rng.lognormal(0, 0.3, k))
    for action, (place, direction, radius) in _ACTIONS.items():
        odds = np.array([_MIXTURES[name].get(action, 0.03) for name in CLASSES])[labels]
        own = strength * _per(people, lambda k: rng.lognormal(0, 0.4, k))
        on = own * (rng.random(n) < odds)
        sided = rng.random(n)
        for side in (0, 1):
            column = place[1] if side == 0 else SIZE - 1 - place[1]
            lame = np.where((sided < 0.2) & ((sided < 0.1) == bool(side)), 0.1, 1.0)
            where = _placed((place[0], column), people, rng, 0.9)
            bump = _bumps(where, radius * rng.uniform(0.8, 1.3, n))
            toward = np.array([direction[0] * (1 if side == 0 else -1), direction[1]])
            turned = toward + rng.normal(0, 0.25, (n, 2))
            flow += (on * lame)[:, None, None, None] * turned[:, :, None, None] * bump[:, None]
    return flow


def _patterns(
    labels: np.ndarray, people: np.ndarray, datasets: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    n, kinds = len(labels), 4
    fields = _smooth(3 * kinds, 2.5, rng).reshape(3, kinds, 2, SIZE, SIZE)
    mask = _smooth(3 * kinds, 3.5, rng)[:, 0].reshape(3, kinds, 1, SIZE, SIZE) > 0.6
    fields = fields * ndimage.gaussian_filter(mask.astype(float), (0, 0, 0, 1, 1))
    mixture = rng.dirichlet([0.5] * kinds, n) * rng.lognormal(0, 0.5, n)[:, None]
    own = np.einsum("nk,nkcyx->ncyx", mixture, fields[labels])
    habit = _per(people, lambda k: _smooth(k, 2.5, rng)) * 0.2
    place = _per(datasets, lambda k: _smooth(k, 4.0, rng)) * 0.2
    return np.asarray(2.0 * own + habit * rng.normal(1, 0.5, (n, 1, 1, 1)) + place)


def _energy(
    labels: np.ndarray, people: np.ndarray, datasets: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    n = len(labels)
    places = [
        [(8, 10), (8, 17), (12, 13.5), (21, 7)],
        [(20, 9), (20, 18), (16, 7), (16, 20)],
        [(7, 6), (7, 21), (24, 13.5), (8, 10)],
    ]
    flow = np.zeros((n, 2, SIZE, SIZE))
    strength = rng.lognormal(0.2, 0.4, n) * _per(people, lambda k: rng.lognormal(0, 0.3, k))
    for kind in range(4):
        where = _placed((0, 0), people, rng, 1.3) + np.array([places[c][kind] for c in labels])
        on = strength * (rng.random(n) < [0.7, 0.6, 0.4, 0.3][kind])
        tilt = rng.choice([-1, 1], n) * np.pi / 2 + rng.normal(0, 0.6, n)
        toward = np.column_stack([np.cos(tilt), np.sin(tilt)])
        bump = _bumps(where, rng.uniform(1.3, 2.3, n))
        flow += on[:, None, None, None] * toward[:, :, None, None] * bump[:, None]
    blink = (rng.random(n) < 0.25) * rng.lognormal(0, 0.4, n)
    for column in (8.5, 18.5):
        eye = _bumps(_placed((11.5, column), people, rng, 0.8), np.full(n, 1.3))
        flow[:, 1] += blink[:, None, None] * eye
    return flow


_SIGNALS = {"regions": _regions, "patterns": _patterns, "energy": _energy}


def _smooth(n: int, radius: float, rng: np.random.Generator) -> np.ndarray:
    """Random smooth flow of variance 1 (n x 2 x 28 x 28)."""
    white = rng.standard_normal((n, 2, SIZE, SIZE))
    # of white noise, a Gaussian filter leaves a variance of 1 / (4 pi radius^2)
    smooth = ndimage.gaussian_filter(white, (0, 0, radius, radius), mode="wrap")
    return np.asarray(smooth * (2 * np.sqrt(np.pi) * radius))


def _noise(n: int, variant: str, rng: np.random.Generator) -> np.ndarray:
    """Smooth flow of two scales, and of head motion; of a level that differs among clips."""
    fine, coarse = _smooth(n, 1.2, rng), _smooth(n, 3.5, rng)
    y, x = (np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2) / (SIZE / 2)
    a, b, c, d = rng.normal(0, 0.6, (4, n, 1, 1))
    head = np.stack([a + c * x - d * y, b + c * y + d * x], axis=1)
    level = rng.lognormal(0, 0.35, (n, 1, 1, 1))
    if variant == "patterns":  # heavy tails: a few clips are of little use
        level = level * np.sqrt(4 / rng.chisquare(4, (n, 1, 1, 1)))
    return np.asarray(level * (0.6 * fine + 0.6 * coarse + 0.5 * head))
