"""Labels drawn anew over clips that were simulated before: other coders, the same movement."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd

from mebias import tables
from mebias.cohort import Cohort
from mebias.errors import OptionError
from mebias.simulation.coders import Errors, errors_ms, label
from mebias.simulation.frames import SimulatedFrames

Trimmed = bool | Literal["tail"]
"""Whether clips are cut at their labels, or at the offset alone."""
GROSS_MS = (60.0, 200.0)
"""Size of a gross error (ms), to either side."""


@dataclass(frozen=True)
class Coder:
    """How labels err.

    Attributes
    ----------
    name : str
        Has a stream of random numbers of its own.
    sd_ms : (float, float, float)
        SD at onset, apex and offset (ms); a tenth of the variance is the subject's.
    plant : mapping
        Group to mean errors (ms) at onset, apex and offset.
    gross : float
        Share of the labels with a gross error besides, see `GROSS_MS`.
    """

    name: str
    sd_ms: Errors
    plant: Mapping[str, Errors] = field(default_factory=dict)
    gross: float = 0.0


def relabeled(cohort: Cohort, coder: Coder, *, seed: int = 0, trimmed: Trimmed = False) -> Cohort:
    """The same clips with labels of another coder.

    Parameters
    ----------
    cohort : Cohort
        Simulated, not trimmed.
    coder : Coder
        How its labels err.
    seed : int
        The same coder and seed give the same labels.
    trimmed : bool or "tail"
        Cut each clip at its new labels, or at the new offset alone, with the frames before the
        onset kept.

    Returns
    -------
    Cohort
        As `mebias.simulate` gives it, with ``lead_frames`` and ``tail_frames`` of the new labels.

    Raises
    ------
    OptionError
        The cohort is not simulated, or is trimmed.

    Examples
    --------
    >>> import mebias
    >>> cohort = mebias.simulate("4dme", n_subjects=3, n_clips=3, size=(16, 16), fps=100)
    >>> exact = relabeled(cohort, Coder("exact", (0.0, 0.0, 0.0)))
    >>> away = exact.keyframes["frame"].to_numpy() - cohort.truth["frame"].to_numpy()
    >>> bool(abs(away).max() <= 0.5)
    True
    """
    frames = cohort.frames
    if not isinstance(frames, SimulatedFrames) or cohort.settings.get("trimmed"):
        raise OptionError("labels are drawn anew over untrimmed simulated cohorts alone.")
    rng = np.random.default_rng([seed, zlib.crc32(coder.name.encode())])
    of_subject = {s: rng.standard_normal(3) for s in dict.fromkeys(cohort.clips["subject"])}
    labels = {}
    for _, row in cohort.clips.iterrows():
        plan = frames.plans[str(row["clip"])]
        bias = coder.plant.get(str(row["ethnicity"]), (0.0, 0.0, 0.0))
        errors = errors_ms(bias, coder.sd_ms, of_subject[row["subject"]], rng.standard_normal(3))
        gross = rng.uniform(*GROSS_MS, 3) * rng.choice([-1.0, 1.0], 3)
        errors = errors + gross * (rng.random(3) < coder.gross)
        true_ms = (plan.course.onset, plan.course.apex, plan.course.offset)
        found = label(true_ms, errors, plan.fps, plan.high - plan.low + 1)
        labels[str(row["clip"])] = np.array([found.onset, found.apex, found.offset]) + plan.first
    return _with_labels(cohort, frames, labels, trimmed)


def _with_labels(
    cohort: Cohort, frames: SimulatedFrames, labels: Mapping[str, np.ndarray], trimmed: Trimmed
) -> Cohort:
    """The cohort with other human frames, cut at them if asked."""
    clips = cohort.clips["clip"].tolist()
    at = np.stack([labels[clip] for clip in clips]).astype(float)
    low = np.array([frames.plans[clip].low for clip in clips])
    high = np.array([frames.plans[clip].high for clip in clips])
    if trimmed:
        low, high = low if trimmed == "tail" else at[:, 0], at[:, 2]
    about = cohort.clips.assign(
        first_frame=low,
        n_frames=high - low + 1,
        lead_frames=at[:, 0] - low,
        tail_frames=high - at[:, 2],
    )
    places = {(c, k): f for c, of in zip(clips, at, strict=True)
              for k, f in zip(tables.KEYFRAMES, of, strict=True)}  # fmt: skip
    keys = pd.MultiIndex.from_frame(cohort.keyframes[["clip", "keyframe"]])
    keyframes = cohort.keyframes.assign(frame=[places[key] for key in keys])
    if trimmed:
        plans = {
            clip: replace(frames.plans[clip], low=int(first), high=int(last))
            for clip, first, last in zip(clips, low, high, strict=True)
        }
        frames = SimulatedFrames(frames.seed, frames.size, frames.noise_sd, frames.color, plans)
    settings = {**cohort.settings, "trimmed": trimmed}
    return replace(
        cohort, clips=about, keyframes=keyframes, frames=frames, planted=None, settings=settings
    )
