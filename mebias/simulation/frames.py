"""Frames of simulated clips, made when they are asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np

from mebias.errors import FrameError
from mebias.simulation import faces
from mebias.simulation.motion import Course, extent

_FACE, _CLIP, _NOISE = 1, 2, 3
_KEPT = 6
_TINT = np.array([0.72, 0.82, 1.06], dtype=np.float32)
K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """What a clip's frames are made from.

    ``first`` is the number of the frame at time 0; ``low`` and ``high`` bound the frames
    that exist; ``amplitude`` is the largest displacement (pixels of this frame size).
    """

    index: int
    subject: int
    fps: float
    first: int
    low: int
    high: int
    course: Course
    units: tuple[int, ...]
    amplitude: float


class SimulatedFrames:
    """Frames of a simulated cohort; the same seed, clip and number give the same pixels.

    Parameters
    ----------
    seed : int
        The cohort's seed.
    size : (height, width)
        Pixels.
    noise_sd : float
        Sensor noise (grey levels).
    color : bool
        Three channels (BGR) instead of one.
    plans : mapping
        Clip to plan.
    """

    def __init__(
        self,
        seed: int,
        size: tuple[int, int],
        noise_sd: float,
        color: bool,
        plans: Mapping[str, Plan],
    ) -> None:
        self.seed = seed
        self.size = size
        self.noise_sd = noise_sd
        self.color = color
        self.plans = dict(plans)
        self._faces: OrderedDict[int, np.ndarray] = OrderedDict()
        self._clips: OrderedDict[str, _Scene] = OrderedDict()

    def __getstate__(self) -> dict[str, object]:
        kept = ("seed", "size", "noise_sd", "color", "plans")
        return {name: self.__dict__[name] for name in kept}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state, _faces=OrderedDict(), _clips=OrderedDict())

    def numbers(self, clip: str) -> np.ndarray:
        """Numbers of the frames that exist, ascending int64.

        Raises
        ------
        FrameError
            No such clip.
        """
        plan = self._plan(clip)
        return np.arange(plan.low, plan.high + 1, dtype=np.int64)

    def read(self, clip: str, number: int) -> np.ndarray:
        """One frame, uint8, (height, width) or, in color, (height, width, 3) BGR.

        Raises
        ------
        FrameError
            No such clip or frame.
        """
        plan = self._plan(clip)
        if not plan.low <= number <= plan.high:
            raise FrameError(f"clip {clip} has no frame {number}: it has {plan.low} to {plan.high}.")
        time_ms = 1000.0 * (number - plan.first) / plan.fps
        scene = _recent(self._clips, clip, lambda: self._scene(plan))
        image = scene.at(time_ms, float(extent(time_ms, plan.course)) * plan.amplitude)
        if self.color:
            image = image[:, :, None] * _TINT
        rng = _generator(self.seed, _NOISE, plan.index, int(number))
        noise = rng.standard_normal(image.shape, dtype=np.float32)
        noise *= np.float32(self.noise_sd)
        noise += image
        return np.asarray(np.clip(np.rint(noise), 0, 255).astype(np.uint8))

    def _plan(self, clip: str) -> Plan:
        if clip not in self.plans:
            raise FrameError(f"no clip {clip!r} in this simulated cohort.")
        return self.plans[clip]

    def _scene(self, plan: Plan) -> _Scene:
        def draw() -> np.ndarray:
            return faces.face(self.size, _generator(self.seed, _FACE, plan.subject))

        texture = _recent(self._faces, plan.subject, draw)
        return _Scene(texture, plan.units, _generator(self.seed, _CLIP, plan.index))


class _Scene:
    """One clip's face, how it can move, and what moves besides."""

    def __init__(
        self, texture: np.ndarray, units: tuple[int, ...], rng: np.random.Generator
    ) -> None:
        self.texture = texture
        height, width = texture.shape
        self.x, self.y = np.meshgrid(
            np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
        )
        self.dx, self.dy = faces.field(units, (height, width), rng)
        pixel = width / 128
        self.drift = rng.normal(0, 1, (3, 3)) * np.array([[0.05], [0.05], [0.0004]])
        self.drift[:2] *= pixel
        self.speed = rng.uniform(0.2, 1.5, (3, 3))
        self.phase = rng.uniform(0, 2 * np.pi, (3, 3))
        self.flicker = rng.uniform(0.001, 0.004), rng.uniform(0.5, 8.0), rng.uniform(0, 6.28)

    def at(self, time_ms: float, displacement: float) -> np.ndarray:
        """The noiseless image: the texture under action units, head motion and flicker."""
        seconds = time_ms / 1000
        swing = np.sin(2 * np.pi * self.speed * seconds + self.phase) - np.sin(self.phase)
        tx, ty, turn = (self.drift * swing).sum(axis=1)
        height, width = self.texture.shape
        step = np.float32(displacement)
        map_x = self.x - step * self.dx
        map_y = self.y - step * self.dy
        map_x -= np.float32(tx) + np.float32(turn) * (self.y - np.float32(height / 2))
        map_y -= np.float32(ty) - np.float32(turn) * (self.x - np.float32(width / 2))
        image = cv2.remap(
            self.texture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        depth, rate, phase = self.flicker
        image *= np.float32(1 + depth * np.sin(2 * np.pi * rate * seconds + phase))
        return np.asarray(image)


def _generator(seed: int, *key: int) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=key)))


def _recent(kept: OrderedDict[K, T], key: K, make: Callable[[], T]) -> T:
    if key not in kept:
        kept[key] = make()
        if len(kept) > _KEPT:
            kept.popitem(last=False)
    kept.move_to_end(key)
    return kept[key]
