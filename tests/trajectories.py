"""Labels and blind posteriors drawn at the level of trajectories: no images, truth known."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from mebias.quantification.checks import checked_shifts

KEYFRAMES = ("onset", "apex", "offset")
FPS = 200.0
ROUNDING = (1000 / FPS) ** 2 / 12
"""Variance of a label's rounding to a frame (ms squared), a part of the coders' error."""


def subjects_of(rng, n_subjects=29, n_clips=159):
    """Subject of each clip: sizes log-normal(0.8), one at least."""
    weight = rng.lognormal(0, 0.8, n_subjects)
    sizes = 1 + rng.multinomial(n_clips - n_subjects, weight / weight.sum())
    return np.repeat(np.arange(n_subjects), sizes)


def errors(rng, subjects, sd, icc):
    """Errors of mean 0 with an intraclass correlation, (N, len(sd))."""
    own = rng.standard_normal((subjects.max() + 1, len(sd)))[subjects]
    rest = rng.standard_normal((len(subjects), len(sd)))
    return (math.sqrt(icc) * own + math.sqrt(1 - icc) * rest) * np.array(sd)


def blind_shifts(
    seed,
    *,
    datasets=("d",),
    n_subjects=29,
    n_clips=159,
    groups=("A", "B"),
    bias=None,
    sd=(12.0, 12.0, 22.0),
    blind_sd=(6.0, 5.0, 9.0),
    icc=0.3,
    gross=0.0,
    missed=(0.0, 0.0),
    extra=None,
):
    """Shifts of motion-blind; true errors in the columns ``true_error_ms``.

    ``bias`` maps a group to its mean error (ms) at onset, apex and offset; a share ``gross``
    of the labels has an error of sd 80 ms more, a share ``missed[0]`` of the posteriors one of
    sd ``missed[1]``; ``extra`` are columns.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for dataset in datasets:
        subjects = subjects_of(rng, n_subjects, n_clips)
        group = np.array(groups, dtype=object)[subjects % len(groups)]
        truth = 1000 + rng.uniform(0, 50, n_clips)[:, None] + np.array([0.0, 250.0, 800.0])
        planted = np.array([(bias or {}).get(g, (0.0, 0.0, 0.0)) for g in group])
        wrong = (rng.random((n_clips, 3)) < gross) * rng.normal(0, 80, (n_clips, 3))
        human = np.round((truth + planted + errors(rng, subjects, sd, icc) + wrong) * FPS / 1000)
        width = np.array(blind_sd) * rng.lognormal(-0.03125, 0.25, (n_clips, 3))
        off = (rng.random((n_clips, 3)) < missed[0]) * rng.normal(0, missed[1], (n_clips, 3))
        mean = (truth + off + width * rng.standard_normal((n_clips, 3))) * FPS / 1000
        parts += [
            pd.DataFrame(
                {
                    "dataset": dataset,
                    "clip": [f"c{i}" for i in range(n_clips)],
                    "subject": [f"s{s}" for s in subjects],
                    "ethnicity": group,
                    "fps": FPS,
                    "source": "motion-blind",
                    "keyframe": keyframe,
                    "human": human[:, k],
                    "selected": np.round(mean[:, k]),
                    "selected_mean": mean[:, k],
                    "selected_sd": width[:, k] * FPS / 1000,
                    "true_error_ms": human[:, k] * 1000 / FPS - truth[:, k],
                    **(extra or {}),
                }
            )
            for k, keyframe in enumerate(KEYFRAMES)
        ]
    shifts = pd.concat(parts, ignore_index=True)
    ordered = shifts.pivot_table(index=["dataset", "clip"], columns="keyframe", values="human")
    good = (ordered["onset"] <= ordered["apex"]) & (ordered["apex"] <= ordered["offset"])
    keys = pd.MultiIndex.from_frame(shifts[["dataset", "clip"]])
    return checked_shifts(shifts[good.loc[keys].to_numpy()])
