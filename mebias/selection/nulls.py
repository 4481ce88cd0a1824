"""Nulls: how far a rule moves keyframes that are right, right on average, or noise.

A rule with one-sided windows moves keyframes to one side whatever the annotators did, so that a
mean shift says nothing of them until it is compared with a null:

- ``uniform``: the rule sees noise; exact (`mebias.selection.uniform`);
- ``accurate``: the labels are the true keyframes, rounded to whole frames;
- ``unbiased``: the labels have errors of mean 0 and the coders' spread.

The last two are a parametric bootstrap, clip by clip: movement and noise of the clip are taken
apart with the blind motion posterior and put together again with keyframes where the null says
that they are (`mebias.selection.rebuild`); then the rule is run. The labels, and so the
windows, stay what they are: the truth moves. Only the excess over ``unbiased`` may be called
bias (`mebias.quantification.excess`).

Measured in simulated cohorts (4dme's shape, 20 clips of 8 subjects, 100 fps, 64 x 64 pixels, 100
cohorts a row, rule ``gamdss``; onset, apex, offset): with an accurate coder the 95 % interval of
the mean excess over ``accurate`` holds 0 in 95, 93 and 93 %, its mean is 0.1, 0.0 and -0.1 ms;
with unbiased errors of 12, 12 and 22 ms that over ``unbiased`` does in 97, 95 and 96 %, its mean
is 0.3 (standard error 0.14), -0.4 (0.22) and -0.1 ms. Labels without error move by 0.29, 0.02
and -0.36 frames on average there, for movement is slow around its keyframes and noise decides.

The nulls are as right as the shapes of movement that the posterior draws from: they hold in
cohorts of mixed shapes. Where every clip has one shape at the border of what is usual (all
delayed, all cosine, at 200 fps and little noise) they are off by 0.1 to 0.7 frames. Clips cut at
their labels hide from the posterior where movement begins and ends: there the intervals hold 0 in
83 to 97 %, and bias is claimed falsely in 10 to 15 % (`reports/validation/recovery.csv`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from mebias import tables
from mebias.cohort import Cohort
from mebias.errors import OptionError, listed, suggest
from mebias.selection.coder_spread import coder_spread
from mebias.selection.codings import Coding, codings_of
from mebias.selection.distances import get_distance
from mebias.selection.null_rows import Bounds, ClipNulls, NullTask, Row
from mebias.selection.reselect import check_rules
from mebias.selection.rules import Rule, WindowFunction, get_rules
from mebias.selection.traces import Traces
from mebias.workers import Jobs, check_jobs, in_order

KINDS = ("uniform", "accurate", "unbiased")
CODER_SD_MS = (12.0, 12.0, 22.0)
FEWEST_DRAWS = 100


def nulls(
    cohort: Cohort,
    rule: str | Rule | WindowFunction | Sequence[str | Rule | WindowFunction] = "gamdss",
    *,
    distance: str | Sequence[str] = "signed",
    coder_sd_ms: Sequence[float] | pd.DataFrame = CODER_SD_MS,
    n_draws: int = 200,
    kinds: Sequence[str] = KINDS,
    seed: int = 0,
    jobs: Jobs = 1,
    traces: Traces | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Distribution of a rule's shifts under nulls, clip by clip.

    Parameters
    ----------
    cohort : Cohort
        Clips with human keyframes. Without frames only ``uniform`` is given.
    rule, distance
        As in `mebias.reselect`. Under ``uint8`` only ``uniform`` is given: what wraps around
        cannot be rebuilt from movement and noise.
    coder_sd_ms : sequence of 3 floats, or DataFrame
        Standard deviations (ms) of the annotation error at onset, apex and offset that
        ``unbiased`` assumes, taken as known; or an estimates table with the quantity
        ``coder_sd``, whose standard errors are then carried.
    n_draws : int
        Rebuilt clips, 100 or more.
    kinds : sequence of str
        Some of ``uniform``, ``accurate`` and ``unbiased``.
    seed : int
        The same seed gives the same table, clip by clip.
    jobs : int or str
        Worker processes, or the address of a Dask scheduler; the result does not depend on it.
    traces : Traces, optional
        Blind posteriors that `mebias.reselect` kept of the same cohort with the same seed.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    DataFrame
        A nulls table: one row per clip, coding, rule, distance, null and keyframe. ``mean``,
        ``sd`` and quantiles of the shift (frames; positive = later; 0 inside a human keyframe
        that is coded as an interval). ``slope_onset`` and so on say how the mean changes with
        the coders' SD at that keyframe, by the score of the errors drawn (mean of shift times
        (z**2 - 1) / SD, z the standardized error). NaN with a ``reason`` where there is no such
        null: a keyframe or frame is missing, nothing moves detectably, the SD is not known.

    Raises
    ------
    OptionError
        An unknown rule, distance or null, a rule that has no windows for some clip, too few
        draws, or spreads that are none.
    TableError
        A table of spreads without one row per keyframe.

    Examples
    --------
    >>> import mebias
    >>> cohort = mebias.simulate("samm", n_subjects=3, n_clips=3, size=(48, 48))
    >>> table = nulls(cohort, kinds=["uniform"])
    >>> table.loc[table["keyframe"] == "apex", "mean"].tolist()
    [0.0, 0.0, 0.0]
    """
    task = NullTask(
        frames=cohort.frames,
        rules=get_rules(rule),
        distances=_distances(distance),
        kinds=_kinds(kinds),
        spread=coder_spread(coder_sd_ms),
        n_draws=n_draws,
        seed=seed,
        traces=traces,
    )
    check_jobs(jobs)
    if n_draws < FEWEST_DRAWS:
        raise OptionError(f"n_draws is {n_draws}; expected {FEWEST_DRAWS} or more.")
    bounds = _intervals(cohort)
    codings = list(codings_of(cohort))
    check_rules(task.rules, codings)
    work = [(coding, _bounds(coding, bounds)) for coding in codings]
    found = in_order(_one, work, 1 if task.frames is None else jobs, task)
    table = tables.gathered(_bar(found, len(work), progress), "nulls")
    return table.sort_values(["source", "distance"], kind="stable", ignore_index=True)


def _distances(distance: str | Sequence[str]) -> tuple[str, ...]:
    names = (distance,) if isinstance(distance, str) else tuple(distance)
    if not names or len(set(names)) < len(names):
        raise OptionError(f"distance is {distance!r}; expected one or more, each once.")
    for name in names:
        get_distance(name)
    return names


def _kinds(kinds: str | Sequence[str]) -> tuple[str, ...]:
    asked = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    for kind in asked:
        if kind not in KINDS:
            raise OptionError(
                f"unknown null {kind!r}: known are {listed(KINDS)}{suggest(str(kind), KINDS)}."
            )
    return tuple(kind for kind in KINDS if kind in asked)


_Key = tuple[str, str, str, str, str]


def _intervals(cohort: Cohort) -> dict[_Key, tuple[float, float]]:
    """Bounds of the keyframes that humans coded as intervals."""
    table = cohort.keyframes
    coded = (table["source"] == "human") & table[["frame_low", "frame_high"]].notna().any(axis=1)
    columns = ["dataset", "clip", "coder", "pass", "keyframe", "frame", "frame_low", "frame_high"]
    found = {}
    for *key, frame, low, high in table.loc[coded, columns].itertuples(index=False, name=None):
        low, high = (frame if np.isnan(value) else value for value in (low, high))
        found[tuple(map(str, key))] = (float(low), float(high))
    return found  # type: ignore[return-value]


def _bounds(coding: Coding, intervals: dict[_Key, tuple[float, float]]) -> Bounds:
    """Frames of each human keyframe at which a shift is 0."""
    key = (coding.dataset, coding.clip, coding.coder, coding.coding_pass)
    found = {}
    for keyframe in tables.KEYFRAMES:
        frame = getattr(coding, keyframe)
        if frame is not None:
            found[keyframe] = intervals.get((*key, keyframe), (float(frame), float(frame)))
    return found


_Work = tuple[Coding, Bounds]


def _bar(chunks: Iterable[list[Row]], total: int, progress: bool) -> Iterable[list[Row]]:
    if not progress:
        return chunks
    from tqdm.auto import tqdm

    bar: Iterable[list[Row]] = tqdm(chunks, total=total, desc="nulls", unit="clip")
    return bar


def _one(task: NullTask, work: _Work) -> list[Row]:
    """All nulls of one coding."""
    made = ClipNulls(task, *work)
    return [
        row
        for rule in task.rules
        for distance in (("",) if hasattr(rule, "locate") else task.distances)
        for kind in task.kinds
        for row in made.rows(rule, distance, kind)
    ]
