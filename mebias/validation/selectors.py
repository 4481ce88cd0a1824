"""Errors and coverage of every selector in the cells of `mebias.simulation.reference`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd

from mebias import tables
from mebias.cohort import Cohort
from mebias.selection import reselect
from mebias.simulation.frames import SimulatedFrames
from mebias.simulation.reference import CELLS, REFERENCE, cell_cohorts
from mebias.workers import Jobs

SELECTORS = ("gamdss", "gamdss-released", "gamdss-symmetric", "motion", "motion-blind")
_SPLITS = ("fps", "amplitude", "profile")
_KEYS = ["split", "value", "source", "keyframe"]
_PLANTED_MS = 20.0
_GROUPS = ("A", "B", "C")
"""Groups of the reference cell's cohorts."""


def validate_selectors(
    cells: Sequence[str] = tuple(CELLS),
    *,
    n_clips: int = 300,
    rules: Sequence[str] = SELECTORS,
    seed: int = 0,
    jobs: Jobs = 1,
    progress: bool = False,
) -> pd.DataFrame:
    """Errors and coverage by cell and, in the reference cell, by rate, amplitude and profile.

    Parameters
    ----------
    cells : sequence of str
        Some of `mebias.simulation.reference.CELLS`.
    n_clips : int
        Clips of each cell.
    rules : sequence of str
        Selectors, besides the human labels.
    seed : int
        Of the first cohort.
    jobs : int or str
        Worker processes, or the address of a Dask scheduler.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    DataFrame
        One row per cell, split, source and keyframe: ``mae_ms`` and ``bias_ms`` (selected or
        human minus true time, with the bias's standard error), their ratio to the human
        labels' and to GAMDSS's (``ratio_human``, ``ratio_gamdss``), ``coverage`` and
        ``width_ms`` of 95 % intervals, ``width_over_mae``, and the share of clips said to be
        ``undetectable`` or ``truncated``.

    Examples
    --------
    >>> table = validate_selectors(["60 fps"], n_clips=6, rules=["gamdss"])
    >>> table["source"].unique().tolist()
    ['human', 'gamdss']
    """
    found = []
    for cell in _bar(cells, progress):
        cohorts = cell_cohorts(cell, n_clips, seed=seed)
        rows = pd.concat([_errors(cohort, rules, jobs) for cohort in cohorts], ignore_index=True)
        found.append(_summary(rows, _SPLITS if cell == REFERENCE else ()).assign(cell=cell))
    table = pd.concat(found, ignore_index=True)
    return table[["cell", *(c for c in table.columns if c != "cell")]]


def selector_recovery(
    *,
    n_clips: int = 300,
    seed: int = 0,
    sources: Sequence[str] = ("motion-blind", "motion"),
    jobs: Jobs = 1,
) -> pd.DataFrame:
    """What is found of a bias of 20 ms planted on one keyframe.

    Parameters
    ----------
    n_clips : int
        Clips of the reference cell.
    seed : int
        Of the first cohort.
    sources : sequence of str
        Rules that human labels are compared with.
    jobs : int or str
        Worker processes, or the address of a Dask scheduler.

    Returns
    -------
    DataFrame
        One row per keyframe and source: the mean of human minus selected with and without
        the bias (ms) and their difference as a share of the bias (``recovered``); ``absolute``
        is the share that is found where nothing is subtracted. Clips in which the coder's
        frame had to be moved count as they are.
    """
    without = _differences({}, n_clips, seed, sources, jobs)
    rows = []
    for index, keyframe in enumerate(tables.KEYFRAMES):
        errors = [0.0, 0.0, 0.0]
        errors[index] = _PLANTED_MS
        planted = dict.fromkeys(_GROUPS, tuple(errors))
        found = _differences(planted, n_clips, seed, sources, jobs)
        for source in sources:
            with_bias, plain = found[source, keyframe], without[source, keyframe]
            paired = (with_bias - plain) / _PLANTED_MS
            rows.append(
                {
                    "keyframe": keyframe,
                    "source": source,
                    "planted_ms": _PLANTED_MS,
                    "found_ms": with_bias.mean(),
                    "std_error_ms": with_bias.std(ddof=1) / np.sqrt(len(with_bias)),
                    "without_ms": plain.mean(),
                    "recovered": paired.mean(),
                    "recovered_std_error": paired.std(ddof=1) / np.sqrt(len(paired)),
                    "absolute": with_bias.mean() / _PLANTED_MS,
                    "n_clips": len(with_bias),
                }
            )
    return pd.DataFrame(rows)


def _differences(
    plant: dict[str, tuple[float, ...]],
    n_clips: int,
    seed: int,
    sources: Sequence[str],
    jobs: Jobs,
) -> dict[tuple[str, str], np.ndarray]:
    """Human minus selected (ms) of all clips, by source and keyframe."""
    cohorts = cell_cohorts(REFERENCE, n_clips, seed=seed, plant=plant)
    rows = pd.concat([_errors(c, sources, jobs).assign(place=i) for i, c in enumerate(cohorts)])
    keys = ["place", "clip", "keyframe"]
    human = rows[rows["source"] == "human"].set_index(keys)["error_ms"]
    found = {}
    for source in sources:
        own = rows[rows["source"] == source].set_index(keys)["error_ms"]
        difference = (human - own).reset_index()
        for keyframe in tables.KEYFRAMES:
            of_keyframe = difference["keyframe"] == keyframe
            found[source, keyframe] = difference.loc[of_keyframe, "error_ms"].to_numpy()
    return found


def _errors(cohort: Cohort, rules: Sequence[str], jobs: Jobs) -> pd.DataFrame:
    """Error (ms) of every label, human and selected, and whether its interval holds."""
    assert cohort.truth is not None and isinstance(cohort.frames, SimulatedFrames)
    keyframes = pd.concat(
        [cohort.keyframes, reselect(cohort, list(rules), jobs=jobs)], ignore_index=True
    )
    truth = cohort.truth.set_index(["clip", "keyframe"])["frame"]
    rate = cohort.clips.set_index("clip")["fps"]
    rows = keyframes.join(truth.rename("true"), on=["clip", "keyframe"])
    per_frame = 1000 / rows["clip"].map(rate)
    plans = cohort.frames.plans
    width = (rows["high"] - rows["low"]) * per_frame
    inside = (rows["low"] <= rows["true"]) & (rows["true"] <= rows["high"])
    return pd.DataFrame(
        {
            "clip": rows["clip"],
            "source": rows["source"].astype(str),
            "keyframe": rows["keyframe"].astype(str),
            "status": rows["status"].astype(str),
            "error_ms": (rows["frame"] - rows["true"]).astype(float) * per_frame,
            "width_ms": width.astype(float),
            "covered": inside.astype(float).where(width.notna()),
            "fps": [f"{plans[clip].fps:g}" for clip in rows["clip"]],
            "amplitude": [f"{plans[clip].amplitude:g}" for clip in rows["clip"]],
            "profile": [plans[clip].course.profile for clip in rows["clip"]],
        }
    )


def _summary(rows: pd.DataFrame, splits: Sequence[str]) -> pd.DataFrame:
    parts = [rows.assign(split="all", value="all")]
    parts += [rows.assign(split=split, value=rows[split]) for split in splits]
    grouped = pd.concat(parts).groupby(_KEYS, sort=False)
    table = grouped.agg(
        n_clips=("error_ms", "size"),
        mae_ms=("error_ms", lambda e: e.abs().mean()),
        bias_ms=("error_ms", "mean"),
        bias_std_error=("error_ms", "sem"),
        coverage=("covered", "mean"),
        width_ms=("width_ms", "mean"),
        undetectable=("status", lambda s: (s == "undetectable").mean()),
        truncated=("status", lambda s: (s == "truncated").mean()),
    ).reset_index()
    for name, source in (("ratio_human", "human"), ("ratio_gamdss", "gamdss")):
        base = table[table["source"] == source].set_index(["split", "value", "keyframe"])["mae_ms"]
        keys = pd.MultiIndex.from_frame(table[["split", "value", "keyframe"]])
        table[name] = table["mae_ms"].to_numpy() / base.reindex(keys).to_numpy()
    table["width_over_mae"] = table["width_ms"] / table["mae_ms"]
    return table


def _bar(cells: Sequence[str], progress: bool) -> Iterable[str]:
    if not progress:
        return cells
    from tqdm.auto import tqdm

    bar: Iterator[str] = tqdm(cells, desc="validating", unit="cell")
    return bar
