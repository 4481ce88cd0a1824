"""A cohort with known truth, in a dataset's published shape."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mebias import tables
from mebias.cohort import Cohort
from mebias.errors import OptionError, listed, suggest
from mebias.manifests import Manifest, Phase, Shape, get_manifest
from mebias.simulation.coders import checked_plant, errors_ms, labels
from mebias.simulation.faces import units_of
from mebias.simulation.frames import Plan, SimulatedFrames
from mebias.simulation.motion import PROFILES, Course
from mebias.simulation.shape import clips_per_subject, dealt, groups_of

LEAD_MS = 400.0
"""Recording before the onset and after the offset, in untrimmed cohorts."""
_AMPLITUDE, _AMPLITUDE_LOG_SD = 1.3, 0.35
_SHORTEST_PHASE_FRAMES = 2.0
_COHORT, _SUBJECT, _CLIP = 10, 11, 12
Row = dict[str, object]


@dataclass(frozen=True)
class _Options:
    seed: int
    fps: float
    size: tuple[int, int]
    trimmed: bool
    amplitude: float | None
    coder_sd_ms: tuple[float, float, float]
    profiles: tuple[str, ...]
    plant: Mapping[str, tuple[float, float, float]]


def simulate(
    name: str = "4dme",
    *,
    seed: int = 0,
    trimmed: bool = False,
    plant: Mapping[str, Sequence[float]] | None = None,
    n_subjects: int | None = None,
    n_clips: int | None = None,
    fps: float | None = None,
    size: tuple[int, int] = (128, 128),
    amplitude: float | None = None,
    noise_sd: float = 2.0,
    coder_sd_ms: Sequence[float] = (12.0, 12.0, 22.0),
    profiles: Sequence[str] | None = None,
) -> Cohort:
    """Simulate a cohort of a dataset's published shape, with known true keyframes.

    Parameters
    ----------
    name : str
        A dataset id with a published shape, or a manifest file that ends in ``.toml``.
    seed : int
        The same seed gives the same cohort, pixel by pixel.
    trimmed : bool
        Cut each clip at its human labels, as most datasets are released; labels and pixels
        are those of the untrimmed cohort.
    plant : mapping, optional
        Group to mean errors (ms) of its coders at onset, apex and offset; 0 by default.
    n_subjects, n_clips : int, optional
        Other totals than the published ones.
    fps : float, optional
        Frames per second; the published rate by default.
    size : (int, int)
        Height and width of a frame (pixels).
    amplitude : float, optional
        Largest displacement of every clip, in pixels of a face 128 pixels wide; by default
        log-normal with median 1.3.
    noise_sd : float
        Sensor noise (grey levels).
    coder_sd_ms : sequence of 3 floats
        Standard deviations (ms) of the coders' errors at onset, apex and offset.
    profiles : sequence of str, optional
        Motion profiles to draw from: linear, cosine, exponential, delayed.

    Returns
    -------
    Cohort
        Groups are called A, B, C; ``truth`` and ``planted`` are set; the dataset is called
        ``SIMULATED <name>`` in every table.

    Raises
    ------
    OptionError
        An option outside its range, an unknown group or profile, a dataset without a shape.

    Examples
    --------
    >>> import mebias
    >>> cohort = mebias.simulate("4dme", seed=1, n_subjects=6, n_clips=12, size=(32, 32))
    >>> cohort
    Cohort(SIMULATED 4dme: 12 clips, 6 subjects, groups A, B, C, with frames)
    >>> cohort.frames.read("s01/s01_01", 1).shape
    (32, 32)
    """
    manifest = get_manifest(name)
    shape = _shape(manifest)
    totals = (n_subjects or shape.n_subjects, n_clips or shape.n_clips)
    _check_numbers(n_subjects, n_clips, totals, fps, size, amplitude, noise_sd, coder_sd_ms, seed)
    options = _Options(
        seed=seed,
        fps=float(fps or shape.fps),
        size=(int(size[0]), int(size[1])),
        trimmed=trimmed,
        amplitude=amplitude,
        coder_sd_ms=(float(coder_sd_ms[0]), float(coder_sd_ms[1]), float(coder_sd_ms[2])),
        profiles=_checked_profiles(profiles),
        plant=checked_plant(plant, list(shape.groups)),
    )
    settings: dict[str, object] = {
        "simulated": True,
        "shape_of": manifest.id,
        "seed": seed,
        "trimmed": trimmed,
        "plant": {g: list(v) for g, v in options.plant.items() if any(v)},
        "n_subjects": totals[0],
        "n_clips": totals[1],
        "fps": options.fps,
        "size": list(options.size),
        "amplitude": amplitude,
        "noise_sd": float(noise_sd),
        "coder_sd_ms": list(options.coder_sd_ms),
        "profiles": list(options.profiles),
    }
    return _cohort(manifest, shape, totals, options, float(noise_sd), settings)


def _cohort(
    manifest: Manifest,
    shape: Shape,
    totals: tuple[int, int],
    options: _Options,
    noise_sd: float,
    settings: dict[str, object],
) -> Cohort:
    dataset = f"{tables.SIMULATED} {manifest.id}"
    rng = _rng(options.seed, _COHORT)
    published = totals == (shape.n_subjects, shape.n_clips)
    known = shape.known_clips_per_subject if published else ()
    sizes = clips_per_subject(*totals, shape.clips_log_sd, known, rng)
    groups = groups_of(shape.groups, totals[0], rng)
    emotions = dealt(shape.emotions, totals[1], rng)
    base = manifest.index_base or 0
    clips: list[Row] = []
    human: list[Row] = []
    truth: list[Row] = []
    plans: dict[str, Plan] = {}
    for subject, (n, group) in enumerate(zip(sizes, groups, strict=True)):
        shared = _rng(options.seed, _SUBJECT, subject).standard_normal(3)
        for number in range(n):
            index = len(clips)
            person = f"s{subject + 1:02d}"
            clip = f"{person}/{person}_{number + 1:02d}"
            own = _rng(options.seed, _CLIP, subject, number)
            made = _clip(shape, options, base, emotions[index], index, subject, own)
            errors = errors_ms(options.plant[group], options.coder_sd_ms, shared, own)
            n_frames = made.high - base + 1
            true_ms = (made.course.onset, made.course.apex, made.course.offset)
            coded = labels(true_ms, errors, options.fps, n_frames)
            frames = (coded[0] + base, coded[1] + base, coded[2] + base)
            low, high = (frames[0], frames[2]) if options.trimmed else (base, made.high)
            plans[clip] = Plan(**{**made.__dict__, "low": low, "high": high})
            about: Row = {
                "dataset": dataset, "clip": clip, "video": clip, "subject": person,
                "ethnicity": group, "emotion": emotions[index],
                "aus": "+".join(map(str, made.units)), "fps": options.fps, "first_frame": low,
                "n_frames": high - low + 1, "lead_frames": frames[0] - low,
                "tail_frames": high - frames[2],
            }  # fmt: skip
            clips.append(about)
            human += _human(dataset, clip, frames)
            truth += _truth(dataset, clip, made, base)
    return Cohort(
        manifest=manifest,
        clips=tables.from_rows(clips, "clips"),
        keyframes=tables.from_rows(human, "keyframes"),
        issues=tables.from_rows(_notes(shape, dataset), "issues"),
        frames=SimulatedFrames(
            options.seed, options.size, noise_sd, manifest.modality == "color", plans
        ),
        truth=tables.from_rows(truth, "keyframes"),
        planted=_planted(options.plant),
        settings=settings,
    )


def _clip(
    shape: Shape,
    options: _Options,
    base: int,
    emotion: str,
    index: int,
    subject: int,
    rng: np.random.Generator,
) -> Plan:
    """The true course of one clip and all its frames."""
    frame_ms = 1000.0 / options.fps
    onset = LEAD_MS + rng.uniform(0, frame_ms)
    rise = _length(shape.rise, frame_ms, rng)
    fall = _length(shape.fall, frame_ms, rng)
    plateau = fall * rng.uniform(0.1, 0.35) if rng.random() < 0.3 else 0.0
    residue = rng.uniform(0.1, 0.35) if rng.random() < 0.25 else 0.0
    reversal = rng.uniform(0.03, 0.12) if rng.random() < 0.2 else 0.0
    profile = options.profiles[int(rng.integers(len(options.profiles)))]
    drawn = _AMPLITUDE * math.exp(_AMPLITUDE_LOG_SD * float(rng.standard_normal()))
    apex = onset + rise
    course = Course(onset, apex, apex + plateau, apex + fall, profile, residue, reversal)
    n_frames = math.ceil((course.offset + LEAD_MS) / frame_ms)
    pixels = (drawn if options.amplitude is None else options.amplitude) * options.size[1] / 128
    return Plan(
        index=index, subject=subject, fps=options.fps, first=base, low=base,
        high=base + n_frames - 1, course=course, units=units_of(emotion, rng), amplitude=pixels,
    )  # fmt: skip


def _length(phase: Phase, frame_ms: float, rng: np.random.Generator) -> float:
    drawn = phase.median_ms * math.exp(phase.log_sd * float(rng.standard_normal()))
    return max(drawn, _SHORTEST_PHASE_FRAMES * frame_ms)


def _human(dataset: str, clip: str, frames: Sequence[int]) -> list[Row]:
    return [
        {"dataset": dataset, "clip": clip, "source": "human", "keyframe": keyframe,
         "frame": frame, "status": "annotated"}
        for keyframe, frame in zip(tables.KEYFRAMES, frames, strict=True)
    ]  # fmt: skip


def _truth(dataset: str, clip: str, plan: Plan, base: int) -> list[Row]:
    course = plan.course
    times = {
        "onset": (course.onset, course.onset, course.onset),
        "apex": (course.apex, course.apex_low, course.apex_high),
        "offset": (course.offset, course.offset, course.offset),
    }
    rows: list[Row] = []
    for keyframe, ms in times.items():
        frame, low, high = (base + t * plan.fps / 1000 for t in ms)
        rows.append(
            {"dataset": dataset, "clip": clip, "source": "truth", "keyframe": keyframe,
             "frame": frame, "frame_low": low, "frame_high": high, "status": "annotated"}
        )  # fmt: skip
    return rows


def _planted(plant: Mapping[str, tuple[float, float, float]]) -> pd.DataFrame:
    rows = [
        {"ethnicity": group, "keyframe": keyframe, "error_ms": error}
        for group, errors in plant.items()
        for keyframe, error in zip(tables.KEYFRAMES, errors, strict=True)
    ]
    return pd.DataFrame(rows)


def _notes(shape: Shape, dataset: str) -> list[Row]:
    return [tables.issue("note", shape.note, dataset=dataset)] if shape.note else []


def _rng(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _shape(manifest: Manifest) -> Shape:
    if manifest.simulation is None:
        raise OptionError(
            f"{manifest.id} has no shape to simulate from: its manifest needs a section "
            f"[simulation]; 4dme and samm have one."
        )
    return manifest.simulation


def _checked_profiles(profiles: Sequence[str] | None) -> tuple[str, ...]:
    chosen = PROFILES if profiles is None else tuple(profiles)
    for profile in chosen:
        if profile not in PROFILES:
            raise OptionError(
                f"unknown profile {profile!r}: known are {listed(PROFILES)}"
                f"{suggest(profile, PROFILES)}."
            )
    if not chosen:
        raise OptionError(f"profiles is empty; expected some of {listed(PROFILES)}.")
    return chosen


def _check_numbers(
    n_subjects: int | None,
    n_clips: int | None,
    totals: tuple[int, int],
    fps: float | None,
    size: tuple[int, int],
    amplitude: float | None,
    noise_sd: float,
    coder_sd_ms: Sequence[float],
    seed: int,
) -> None:
    if seed < 0:
        raise OptionError(f"seed is {seed}; expected 0 or more.")
    for name, number in (("n_subjects", n_subjects), ("n_clips", n_clips)):
        if number is not None and number < 1:
            raise OptionError(f"{name} is {number}; expected 1 or more.")
    if totals[1] < totals[0]:
        raise OptionError(
            f"{totals[1]} clips are too few for {totals[0]} subjects; each needs one at least."
        )
    if fps is not None and not (math.isfinite(fps) and fps > 0):
        raise OptionError(f"fps is {fps}; expected frames per second above 0.")
    if len(size) != 2 or min(size) < 16:
        raise OptionError(f"size is {size}; expected height and width of 16 pixels or more.")
    if amplitude is not None and not (math.isfinite(amplitude) and amplitude >= 0):
        raise OptionError(f"amplitude is {amplitude}; expected pixels, 0 or more.")
    if not (math.isfinite(noise_sd) and noise_sd >= 0):
        raise OptionError(f"noise_sd is {noise_sd}; expected grey levels, 0 or more.")
    if len(coder_sd_ms) != 3 or not all(math.isfinite(s) and s >= 0 for s in coder_sd_ms):
        raise OptionError(
            f"coder_sd_ms is {coder_sd_ms}; expected three lengths in ms, 0 or more."
        )
