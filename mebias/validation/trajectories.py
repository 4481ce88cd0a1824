"""Labels and blind posteriors drawn at the level of trajectories: no images, truth known.

Posteriors are as wide as they say, but for a share that is planted. What holds here and not in
images is the posterior's doing, not the statistics'.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from mebias import tables
from mebias.quantification.checks import checked_shifts
from mebias.quantification.flags import MISSED
from mebias.validation import recovery_rows as judge
from mebias.validation.recordings import JUDGE
from mebias.validation.recovery_cells import PLANTED_MS

FPS = 200.0
ROUNDING = (1000 / FPS) ** 2 / 12
"""Variance of a label's rounding to a frame (ms squared), a part of the coders' error."""
SD_MS = (12.0, 12.0, 22.0)
BLIND_SD_MS = (6.0, 5.0, 9.0)
_TIMES_MS = (0.0, 250.0, 800.0)
_GROSS_SD_MS = 80.0
_MORE = 4
"""Cohorts without images are cheap: so many for each one with them."""
Row = dict[str, object]
Three = tuple[float, float, float]


def subjects_of(rng: np.random.Generator, n_subjects: int = 29, n_clips: int = 159) -> np.ndarray:
    """Subject of each clip (0, 1, ...): sizes log-normal(0.8), one at least."""
    weight = rng.lognormal(0, 0.8, n_subjects)
    sizes = 1 + rng.multinomial(n_clips - n_subjects, weight / weight.sum())
    return np.repeat(np.arange(n_subjects), sizes)


def errors(
    rng: np.random.Generator, subjects: np.ndarray, sd: Sequence[float], icc: float
) -> np.ndarray:
    """Errors of mean 0 with an intraclass correlation.

    Parameters
    ----------
    rng : Generator
    subjects : ndarray of int, shape (N,)
    sd : sequence of float
        Standard deviations, k of them.
    icc : float
        Share of the variance that a subject's clips have in common.

    Returns
    -------
    ndarray, shape (N, k)
    """
    own = rng.standard_normal((subjects.max() + 1, len(sd)))[subjects]
    rest = rng.standard_normal((len(subjects), len(sd)))
    return np.asarray((math.sqrt(icc) * own + math.sqrt(1 - icc) * rest) * np.array(sd))


def blind_shifts(
    seed: int,
    *,
    datasets: Sequence[str] = ("d",),
    n_subjects: int = 29,
    n_clips: int = 159,
    groups: Sequence[str] = ("A", "B"),
    bias: Mapping[str, Three] | None = None,
    sd: Three = SD_MS,
    blind_sd: Three = BLIND_SD_MS,
    icc: float = 0.3,
    gross: float = 0.0,
    missed: tuple[float, float] = (0.0, 0.0),
    extra: Mapping[str, object] | None = None,
) -> pd.DataFrame:
    """Shifts of ``motion-blind`` in cohorts without images, at 200 frames per second.

    Parameters
    ----------
    seed : int
        Of all cohorts.
    datasets : sequence of str
        Names of the cohorts.
    n_subjects, n_clips : int
        Of each cohort; clips that would have labels out of order are left out.
    groups : sequence of str
        Dealt to subjects in turn.
    bias : mapping, optional
        Group to mean error (ms) at onset, apex and offset.
    sd, blind_sd : (float, float, float)
        SD (ms) of the coders' errors, and root mean variance of the posteriors.
    icc : float
        Intraclass correlation of the errors.
    gross : float
        Share of the labels with an error of SD 80 ms more.
    missed : (float, float)
        Share of the posteriors that are off by an error of this SD (ms) more than they say.
    extra : mapping, optional
        Further columns.

    Returns
    -------
    DataFrame
        Checked shifts, with the true errors in ``true_error_ms``.

    Examples
    --------
    >>> shifts = blind_shifts(0, n_subjects=4, n_clips=8)
    >>> shifts["keyframe"].unique().tolist()
    ['onset', 'apex', 'offset']
    """
    rng = np.random.default_rng(seed)
    parts = []
    for dataset in datasets:
        subjects = subjects_of(rng, n_subjects, n_clips)
        group = np.array(groups, dtype=object)[subjects % len(groups)]
        truth = 1000 + rng.uniform(0, 50, n_clips)[:, None] + np.array(_TIMES_MS)
        planted = np.array([(bias or {}).get(g, (0.0, 0.0, 0.0)) for g in group])
        wrong = (rng.random((n_clips, 3)) < gross) * rng.normal(0, _GROSS_SD_MS, (n_clips, 3))
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
                    "source": JUDGE,
                    "keyframe": keyframe,
                    "human": human[:, k],
                    "selected": np.round(mean[:, k]),
                    "selected_mean": mean[:, k],
                    "selected_sd": width[:, k] * FPS / 1000,
                    "true_error_ms": human[:, k] * 1000 / FPS - truth[:, k],
                    **(extra or {}),
                }
            )
            for k, keyframe in enumerate(tables.KEYFRAMES)
        ]
    return checked_shifts(_in_order(pd.concat(parts, ignore_index=True)))


def _in_order(shifts: pd.DataFrame) -> pd.DataFrame:
    """Clips whose labels are in order."""
    at = shifts.pivot_table(index=["dataset", "clip"], columns="keyframe", values="human")
    good = (at["onset"] <= at["apex"]) & (at["apex"] <= at["offset"])
    keys = pd.MultiIndex.from_frame(shifts[["dataset", "clip"]])
    return shifts[good.loc[keys].to_numpy()]


def quick_recovery(*, n_cohorts: int, seed: int) -> list[Row]:
    """Promises on annotation error, on cohorts without images, four times as many.

    Parameters
    ----------
    n_cohorts : int
        Of those with images.
    seed : int
        Of all cohorts.

    Returns
    -------
    list of dict
        Rows of the table of `mebias.validation.recovery.validate_recovery`.
    """
    names = tuple(f"d{i}" for i in range(_MORE * n_cohorts))
    planted = {"B": (PLANTED_MS,) * 3}
    exact = blind_shifts(seed, datasets=names, bias=planted)
    plain = blind_shifts(seed + 1, datasets=names)
    # Each keyframe with its own share of posteriors that missed.
    far = pd.concat(
        [
            part[part["keyframe"] == keyframe]
            for i, (keyframe, missed) in enumerate(MISSED.items())
            for part in [blind_shifts(seed + 2 + i, datasets=names, gross=0.06, missed=missed)]
        ],
        ignore_index=True,
    )
    work: list[tuple[str, pd.DataFrame, judge.Judge]] = [
        ("planted", exact, judge.contrast),
        ("unbiased", plain, judge.coder_sd(SD_MS)),
        ("unbiased", plain, judge.keyframe_ratio(SD_MS)),
        ("gross 0.06, posteriors missed as allowed for", far, judge.flags),
    ]
    rows: list[Row] = []
    for labels, shifts, ask in work:
        found = [
            one
            for _, own in shifts.groupby("dataset", sort=False)
            for one in ask(judge.Drawn(own.reset_index(drop=True), pd.DataFrame()))
        ]
        about = {"dataset": tables.SIMULATED, "level": "trajectories", "fps": FPS,
                 "amplitude": math.nan, "frames": "uncut", "labels": labels}  # fmt: skip
        rows += [about | row for row in judge.summary(found, judge.BANDS)]
    return rows
