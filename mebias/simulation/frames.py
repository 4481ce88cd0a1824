"""Frames of simulated clips, made when they are asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np

from mebias.errors import FrameError
from mebias.simulation import faces
from mebias.simulation.disturbances import (
    Disturbances,
    draw_disturbances,
    lid_field,
    mouth_field,
)
from mebias.simulation.motion import Course, extent
from mebias.simulation.seeds import Stream, generator

_KEPT = 4
# Blue, green and red of skin; their mean, weighted as OpenCV does, keeps the gray level.
_SKIN = np.array([0.74, 0.92, 1.24], dtype=np.float32)
_REFERENCE = 128
K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """What a clip's frames are made from.

    ``first`` is the number of the frame at time 0; ``low`` and ``high`` bound the frames
    that exist; ``amplitude`` is the largest displacement (pixels of this frame size).
    """

    subject: int
    number: int
    fps: float
    first: int
    low: int
    high: int
    course: Course
    units: tuple[int, ...]
    amplitude: float
    disturbances: tuple[str, ...] = ()


class SimulatedFrames:
    """Frames of a simulated cohort; the same seed, clip and number give the same pixels.

    Each frame's noise comes from a stream of its own, so that no two frames share it. The
    faces and fields used last are kept; they are not pickled.

    Parameters
    ----------
    seed : int
        The cohort's seed.
    size : (height, width)
        Pixels.
    noise_sd : float
        Sensor noise (gray levels).
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
        self._scenes: OrderedDict[str, _Scene] = OrderedDict()

    def __getstate__(self) -> dict[str, object]:
        kept = ("seed", "size", "noise_sd", "color", "plans")
        return {name: self.__dict__[name] for name in kept}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state, _faces=OrderedDict(), _scenes=OrderedDict())

    def fingerprint(self, clip: str, numbers: Sequence[int]) -> str:
        """What the frames are made from."""
        plan = self._plan(clip)
        return repr((self.seed, self.size, self.noise_sd, self.color, plan, list(numbers)))

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
        if not plan.low <= number <= plan.high or number != int(number):
            raise FrameError(
                f"clip {clip} has no frame {number}: it has {plan.low} to {plan.high}."
            )
        image = self.noiseless(clip, 1000.0 * (int(number) - plan.first) / plan.fps)
        rng = generator(self.seed, Stream.NOISE, plan.subject, plan.number, int(number))
        noise = rng.standard_normal(image.shape, dtype=np.float32)
        noise *= np.float32(self.noise_sd)
        noise += image
        return np.asarray(np.clip(np.rint(noise), 0, 255).astype(np.uint8))

    def noiseless(self, clip: str, time_ms: float) -> np.ndarray:
        """What a perfect camera would see at a moment, float32, in the shape of a frame.

        Parameters
        ----------
        clip : str
            Its id.
        time_ms : float
            Time from the first frame of the untrimmed clip (ms).
        """
        plan = self._plan(clip)
        scene = _recent(self._scenes, clip, lambda: self._scene(plan))
        image = scene.at(time_ms, float(extent(time_ms, plan.course)) * plan.amplitude)
        return np.asarray(image[:, :, None] * _SKIN) if self.color else image

    def _plan(self, clip: str) -> Plan:
        if clip not in self.plans:
            raise FrameError(f"no clip {clip!r} in this simulated cohort.")
        return self.plans[clip]

    def _scene(self, plan: Plan) -> _Scene:
        def draw() -> np.ndarray:
            return faces.face(self.size, generator(self.seed, Stream.FACE, plan.subject))

        texture = _recent(self._faces, plan.subject, draw)
        rng = generator(self.seed, Stream.SCENE, plan.subject, plan.number)
        scene = _Scene(texture, plan.units, rng)
        if plan.disturbances:
            rng = generator(self.seed, Stream.DISTURBANCE, plan.subject, plan.number)
            drawn = draw_disturbances(plan.disturbances, plan.course.end, rng)
            scene.disturb(drawn, mouth_field(self.size, rng))
        return scene


class _Scene:
    """One clip's face, how it can move, and what moves besides."""

    def __init__(
        self, texture: np.ndarray, units: tuple[int, ...], rng: np.random.Generator
    ) -> None:
        self.texture = texture
        height, width = texture.shape
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        self.x, self.y = x, y
        self.from_middle = x - np.float32(width / 2), y - np.float32(height / 2)
        self.field = faces.field(units, (height, width), rng)
        # Rows: sideways and up (pixels), turn (radians); columns: three slow swings.
        pixel = min(height, width) / _REFERENCE
        spread = np.array([[0.05 * pixel], [0.05 * pixel], [0.0004]])
        self.drift = rng.normal(0, 1, (3, 3)) * spread
        self.speed = rng.uniform(0.2, 1.5, (3, 3))
        self.phase = rng.uniform(0, 2 * np.pi, (3, 3))
        self.flicker = rng.uniform((0.001, 0.5, 0.0), (0.004, 8.0, 2 * np.pi))

        self.pixel = pixel
        self.disturbances: Disturbances | None = None
        self.mouth = self.lids = self.field

    def disturb(self, drawn: Disturbances, mouth: tuple[np.ndarray, np.ndarray]) -> None:
        """Let something move besides the expression."""
        self.disturbances = drawn
        self.mouth = mouth
        self.lids = lid_field(self.texture.shape)

    def at(self, time_ms: float, displacement: float) -> np.ndarray:
        """The noiseless image: the texture under action units, head motion and flicker."""
        seconds = time_ms / 1000
        swing = np.sin(2 * np.pi * self.speed * seconds + self.phase) - np.sin(self.phase)
        head = (self.drift * swing).sum(axis=1)
        besides = self.disturbances
        if besides is not None:
            head = head + besides.head * (self.pixel, self.pixel, 1.0) * seconds
        across, down, turn = np.asarray(head, dtype=np.float32)
        step = np.float32(displacement)
        map_x = self.x - step * self.field[0] - (across + turn * self.from_middle[1])
        map_y = self.y - step * self.field[1] - (down - turn * self.from_middle[0])
        if besides is not None:
            for field, moved in (
                (self.lids, besides.lids(time_ms)),
                (self.mouth, besides.mouth(time_ms)),
            ):
                map_x -= np.float32(moved * self.pixel) * field[0]
                map_y -= np.float32(moved * self.pixel) * field[1]
        image = cv2.remap(
            self.texture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        depth, rate, phase = self.flicker
        brightness = 1 + depth * np.sin(2 * np.pi * rate * seconds + phase)
        return np.asarray(image * np.float32(brightness))


def _recent(kept: OrderedDict[K, T], key: K, make: Callable[[], T]) -> T:
    if key not in kept:
        kept[key] = make()
        if len(kept) > _KEPT:
            kept.popitem(last=False)
    kept.move_to_end(key)
    return kept[key]
