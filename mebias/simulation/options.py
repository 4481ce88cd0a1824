"""What a simulated cohort is asked to be, checked once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mebias.errors import OptionError, listed, suggest
from mebias.manifests import Shape
from mebias.simulation.coders import Errors, checked_plant
from mebias.simulation.disturbances import DISTURBANCES
from mebias.simulation.motion import HELD_BACK, PROFILES

FPS = (10.0, 10_000.0)
SMALLEST = 16


@dataclass(frozen=True)
class Options:
    """The options of `mebias.simulate`, checked and with the shape's values filled in."""

    seed: int
    trimmed: bool
    plant: Mapping[str, Errors]
    n_subjects: int
    n_clips: int
    fps: float
    size: tuple[int, int]
    amplitude: float | None
    noise_sd: float
    coder_sd_ms: Errors
    profiles: tuple[str, ...]
    disturbances: tuple[str, ...]

    def settings(self) -> dict[str, object]:
        """All of it in JSON types; of the planted errors those that are not 0."""
        return {
            "seed": self.seed,
            "trimmed": self.trimmed,
            "plant": {group: list(e) for group, e in self.plant.items() if any(e)},
            "n_subjects": self.n_subjects,
            "n_clips": self.n_clips,
            "fps": self.fps,
            "size": list(self.size),
            "amplitude": self.amplitude,
            "noise_sd": self.noise_sd,
            "coder_sd_ms": list(self.coder_sd_ms),
            "profiles": list(self.profiles),
            "disturbances": list(self.disturbances),
        }


def checked_options(
    shape: Shape,
    *,
    seed: int,
    trimmed: bool,
    plant: Mapping[str, Sequence[float]] | None,
    n_subjects: int | None,
    n_clips: int | None,
    fps: float | None,
    size: Sequence[int],
    amplitude: float | None,
    noise_sd: float,
    coder_sd_ms: Sequence[float],
    profiles: str | Sequence[str] | None,
    disturbances: str | Sequence[str],
) -> Options:
    """Options that a cohort can be made from.

    Raises
    ------
    OptionError
        An option has no meaning; the message says which and what was expected.
    """
    subjects = _whole("n_subjects", shape.n_subjects if n_subjects is None else n_subjects, 1)
    clips = _whole("n_clips", shape.n_clips if n_clips is None else n_clips, 1)
    if clips < subjects:
        raise OptionError(
            f"{clips} clips are too few for {subjects} subjects: each has one at least; give "
            f"n_clips and n_subjects that fit each other."
        )
    return Options(
        seed=_whole("seed", seed, 0),
        trimmed=bool(trimmed),
        plant=checked_plant(plant, list(shape.groups)),
        n_subjects=subjects,
        n_clips=clips,
        fps=_number("fps", shape.fps if fps is None else fps, *FPS, "frames per second"),
        size=_size(size),
        amplitude=None if amplitude is None else _number("amplitude", amplitude, unit="pixels"),
        noise_sd=_number("noise_sd", noise_sd, unit="gray levels"),
        coder_sd_ms=_spreads(coder_sd_ms),
        profiles=_profiles(profiles),
        disturbances=_of_known("disturbance", disturbances, DISTURBANCES),
    )


def _whole(name: str, value: object, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise OptionError(f"{name} is {value!r}; expected a whole number of {least} or more.")
    return int(value)


def _number(
    name: str, value: object, least: float = 0.0, most: float = math.inf, unit: str = ""
) -> float:
    numeric = isinstance(value, int | float | np.integer | np.floating)
    number = float(value) if numeric else math.nan  # type: ignore[arg-type]
    if not (math.isfinite(number) and least <= number <= most):
        upper = "or more" if most == math.inf else f"to {most:g}"
        raise OptionError(f"{name} is {value!r}; expected {least:g} {upper} ({unit}).")
    return number


def _size(size: object) -> tuple[int, int]:
    pair = tuple(size) if isinstance(size, Iterable) else ()
    if len(pair) == 2 and all(isinstance(n, int | np.integer) and n >= SMALLEST for n in pair):
        return int(pair[0]), int(pair[1])
    raise OptionError(
        f"size is {size!r}; expected height and width in pixels, each {SMALLEST} or more."
    )


def _spreads(values: object) -> Errors:
    three = tuple(values) if isinstance(values, Iterable) else ()
    if len(three) != 3:
        raise OptionError(
            f"coder_sd_ms is {values!r}; expected three numbers in ms (onset, apex, offset)."
        )
    onset, apex, offset = (_number("coder_sd_ms", v, unit="ms") for v in three)
    return onset, apex, offset


def _profiles(profiles: str | Sequence[str] | None) -> tuple[str, ...]:
    if profiles is None:
        return PROFILES
    chosen = _of_known("profile", profiles, PROFILES + HELD_BACK)
    if not chosen:
        raise OptionError(f"profiles is empty; expected some of {listed(PROFILES + HELD_BACK)}.")
    return chosen


def _of_known(what: str, given: str | Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    chosen = (given,) if isinstance(given, str) else tuple(given)
    for one in chosen:
        if one not in known:
            raise OptionError(
                f"unknown {what} {one!r}: known are {listed(known)}{suggest(str(one), known)}."
            )
    return chosen
