"""A cohort with known truth, in a dataset's published shape."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mebias import tables
from mebias.cohort import Cohort
from mebias.errors import OptionError, per_cent
from mebias.manifests import Manifest, Shape, get_manifest, known_manifests
from mebias.simulation.coders import Errors, Labels, errors_ms, label
from mebias.simulation.faces import units_of
from mebias.simulation.frames import Plan, SimulatedFrames
from mebias.simulation.motion import draw_course
from mebias.simulation.options import Options, checked_options
from mebias.simulation.seeds import Stream, generator
from mebias.simulation.shape import Role, cast

REFERENCE_WIDTH = 128
"""Frame size (shorter side, pixels) that amplitudes are stated for."""
_AMPLITUDE, _AMPLITUDE_LOG_SD, _AMPLITUDE_RANGE = 1.6, 0.35, (0.8, 3.5)
_TOLD = 0.05
Row = dict[str, object]


@dataclass(frozen=True)
class _Made:
    """One clip as it was made: who is in it, what happens, what the coder wrote down."""

    role: Role
    plan: Plan
    labels: Labels

    def human(self, keyframe: str) -> int:
        return int(getattr(self.labels, keyframe)) + self.plan.first


def simulate(
    name: str | Path = "4dme",
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
    profiles: str | Sequence[str] | None = None,
    disturbances: str | Sequence[str] = (),
) -> Cohort:
    """Simulate a cohort of a dataset's published shape, with known true keyframes.

    Parameters
    ----------
    name : str or Path
        A dataset id with a published shape, or a manifest file that ends in ``.toml``.
    seed : int
        The same seed gives the same cohort, pixel by pixel. Cohorts that differ in another
        option alone share all that it does not touch: the true courses are the same at any
        frame rate, the faces with any plant.
    trimmed : bool
        Cut each clip at its human labels, as most datasets are released; labels, frame
        numbers and pixels are those of the untrimmed cohort.
    plant : mapping, optional
        Group to mean errors (ms, positive = late) of its coders at onset, apex and offset;
        0 by default.
    n_subjects, n_clips : int, optional
        Other totals than the published ones.
    fps : float, optional
        Frames per second, 10 to 10000; the published rate by default.
    size : (int, int)
        Height and width of a frame (pixels), 16 or more.
    amplitude : float, optional
        Largest displacement in every clip, in pixels of a frame 128 pixels wide, and scaled
        with the size; by default drawn per clip, 1.6 pixels at the median.
    noise_sd : float
        Sensor noise (gray levels), independent from pixel to pixel and frame to frame.
    coder_sd_ms : sequence of 3 floats
        Standard deviations (ms) of the coders' errors at onset, apex and offset; a tenth of
        the variance is shared by the clips of a subject.
    profiles : str or sequence of str, optional
        Motion profiles to draw from: linear, cosine, exponential and delayed by default;
        logistic, sine and quadratic besides.
    disturbances : str or sequence of str
        What moves besides the expression: blinks, talking, drift (of the head).

    Returns
    -------
    Cohort
        Its dataset is called ``SIMULATED <id>`` in every table; groups are called A, B, C.
        ``truth`` holds real-valued frames: time in ms is ``1000 * (frame - first) / fps``,
        where ``first`` numbers the first frame of the untrimmed clip. ``planted`` holds the
        mean errors planted. Frames are made when they are read.

    Raises
    ------
    UnknownDatasetError, ManifestError
        No such dataset or manifest.
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
    options = checked_options(
        shape,
        seed=seed,
        trimmed=trimmed,
        plant=plant,
        n_subjects=n_subjects,
        n_clips=n_clips,
        fps=fps,
        size=size,
        amplitude=amplitude,
        noise_sd=noise_sd,
        coder_sd_ms=coder_sd_ms,
        profiles=profiles,
        disturbances=disturbances,
    )
    return _cohort(manifest, shape, options)


def _shape(manifest: Manifest) -> Shape:
    if manifest.simulation is None:
        known = [m.id for m in known_manifests().values() if m.simulation is not None]
        raise OptionError(
            f"{manifest.id} has no shape to simulate from: add a section [simulation] to its "
            f"manifest, or take {' or '.join(known)}."
        )
    return manifest.simulation


def _cohort(manifest: Manifest, shape: Shape, options: Options) -> Cohort:
    dataset = f"{tables.SIMULATED} {manifest.id}"
    first = 1 if manifest.index_base is None else manifest.index_base
    rng = generator(options.seed, Stream.CASTING)
    roles = cast(shape, options.n_subjects, options.n_clips, rng)
    made = [_clip(role, shape, options, first) for role in roles]
    return Cohort(
        manifest=manifest,
        clips=tables.from_rows([_about(m, dataset) for m in made], "clips"),
        keyframes=tables.from_rows(_human(made, dataset), "keyframes"),
        issues=tables.from_rows(_issues(made, shape, dataset), "issues"),
        frames=SimulatedFrames(
            options.seed,
            options.size,
            options.noise_sd,
            "color" in manifest.modality.casefold(),
            {m.role.clip: m.plan for m in made},
        ),
        truth=tables.from_rows(_truth(made, dataset), "keyframes"),
        planted=_planted(options.plant),
        settings={"simulated": True, "dataset": manifest.id, **options.settings()},
    )


def _clip(role: Role, shape: Shape, options: Options, first: int) -> _Made:
    """One clip: its true course, then what a coder makes of it, each from its own stream."""
    key = (role.subject, role.number)
    rng = generator(options.seed, Stream.COURSE, *key)
    course = draw_course(shape, options.profiles, rng)
    drawn = _AMPLITUDE * math.exp(_AMPLITUDE_LOG_SD * float(rng.standard_normal()))
    pixels = np.clip(drawn, *_AMPLITUDE_RANGE) if options.amplitude is None else options.amplitude
    n_frames = math.floor(course.end * options.fps / 1000) + 1
    of_subject = generator(options.seed, Stream.SUBJECT_ERROR, role.subject).standard_normal(3)
    of_clip = generator(options.seed, Stream.CLIP_ERROR, *key).standard_normal(3)
    errors = errors_ms(options.plant[role.group], options.coder_sd_ms, of_subject, of_clip)
    true_ms = (course.onset, course.apex, course.offset)
    labels = label(true_ms, errors, options.fps, n_frames)
    low, high = (labels.onset, labels.offset) if options.trimmed else (0, n_frames - 1)
    plan = Plan(
        subject=role.subject,
        number=role.number,
        fps=options.fps,
        first=first,
        low=first + low,
        high=first + high,
        course=course,
        units=units_of(role.emotion, rng),
        amplitude=float(pixels) * min(options.size) / REFERENCE_WIDTH,
        disturbances=options.disturbances,
    )
    return _Made(role, plan, labels)


def _about(made: _Made, dataset: str) -> Row:
    role, plan = made.role, made.plan
    return {
        "dataset": dataset,
        "clip": role.clip,
        "video": role.clip,
        "subject": role.person,
        "ethnicity": role.group,
        "emotion": role.emotion,
        "aus": "+".join(map(str, plan.units)),
        "fps": plan.fps,
        "first_frame": plan.low,
        "n_frames": plan.high - plan.low + 1,
        "lead_frames": made.human("onset") - plan.low,
        "tail_frames": plan.high - made.human("offset"),
    }


def _human(made: Sequence[_Made], dataset: str) -> list[Row]:
    return [
        {
            "dataset": dataset,
            "clip": m.role.clip,
            "source": "human",
            "keyframe": keyframe,
            "frame": m.human(keyframe),
            "status": "annotated",
        }
        for m in made
        for keyframe in tables.KEYFRAMES
    ]


def _truth(made: Sequence[_Made], dataset: str) -> list[Row]:
    rows: list[Row] = []
    for m in made:
        course = m.plan.course
        times = {
            "onset": (course.onset, course.onset, course.onset),
            "apex": (course.apex, course.apex_low, course.apex_high),
            "offset": (course.offset, course.offset, course.offset),
        }
        for keyframe, ms in times.items():
            frame, low, high = (m.plan.first + time * m.plan.fps / 1000 for time in ms)
            rows.append(
                {
                    "dataset": dataset,
                    "clip": m.role.clip,
                    "source": "truth",
                    "keyframe": keyframe,
                    "frame": frame,
                    "frame_low": low,
                    "frame_high": high,
                    "status": "annotated",
                }
            )
    return rows


def _planted(plant: Mapping[str, Errors]) -> pd.DataFrame:
    rows = [
        {"ethnicity": group, "keyframe": keyframe, "error_ms": error}
        for group, errors in plant.items()
        for keyframe, error in zip(tables.KEYFRAMES, errors, strict=True)
    ]
    return pd.DataFrame(rows)


def _issues(made: Sequence[_Made], shape: Shape, dataset: str) -> list[Row]:
    rows = [tables.issue("note", shape.note, dataset=dataset)] if shape.note else []
    for group in sorted({m.role.group for m in made}):
        moved = np.array([m.labels.moved for m in made if m.role.group == group])
        for keyframe, column in zip(tables.KEYFRAMES, moved.T, strict=True):
            if column.mean() > _TOLD:
                rows.append(_moved(dataset, group, keyframe, int(column.sum()), len(column)))
    return rows


def _moved(dataset: str, group: str, keyframe: str, moved: int, total: int) -> Row:
    return tables.issue(
        "warning",
        f"{moved} of {total} {keyframe} labels of group {group} had to be moved to stay in order "
        f"and within their clips, so that their mean error is not the one planted; plant smaller "
        f"errors.",
        dataset=dataset,
        field=keyframe,
        found=f"{moved} of {total} moved",
        expected=f"{per_cent(_TOLD)} at most",
    )
