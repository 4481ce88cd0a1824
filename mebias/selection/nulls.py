"""Nulls: how far a rule moves keyframes that are right, right on average, or noise.

A rule with one-sided windows moves keyframes to one side whatever the annotators did, so that a
mean shift says nothing of them until it is compared with a null:

- ``uniform``: the rule sees noise; exact (`mebias.selection.uniform`);
- ``accurate``: the labels are the true keyframes, rounded to whole frames;
- ``unbiased``: the labels have errors of mean 0 and the coders' spread.

The last two are a parametric bootstrap, clip by clip: movement and noise of the clip are taken
apart with the blind motion posterior and put together again with keyframes where the null says
that they are (`mebias.selection.null_clips`); then the rule is run. The labels, and so the
windows, stay what they are: the truth moves. Only the excess over ``unbiased`` may be called
bias (`mebias.quantification.excess`).

Measured limits. The nulls are as right as the shapes of movement that the posterior draws from:
in cohorts of mixed shapes they are, in a cohort whose every clip has one shape at the border
of what is usual (all rises delayed, all cosine) they are off by 0.1 to 0.5 frames at 200 fps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from multiprocessing import get_context

import numpy as np
import pandas as pd

from mebias import tables
from mebias.cohort import Cohort, FrameSource
from mebias.errors import FrameError, OptionError, TableError, listed, suggest
from mebias.selection.choose import Candidates
from mebias.selection.choose_many import choose_many
from mebias.selection.distances import get_distance
from mebias.selection.motion import MOTION_BLIND
from mebias.selection.null_clips import (
    UNDETECTABLE,
    Clip,
    draw_chance,
    rebuilt,
    true_keyframes,
)
from mebias.selection.reselect import _candidates, _Coding, _codings, _generator, _windows
from mebias.selection.rules import Rule, WindowFunction, Windows, get_rules, pick_of
from mebias.selection.uniform import QUANTILES, moments, uniform_shares

Row = dict[str, object]
KINDS = ("uniform", "accurate", "unbiased")
CODER_SD_MS = (12.0, 12.0, 22.0)
FEWEST_DRAWS = 100


@dataclass(frozen=True)
class Spread:
    """SD of the annotation error per keyframe (ms), its standard error, and why it is not known.

    An error of NaN means that the SD is taken as known.
    """

    sd: tuple[float, float, float]
    error: tuple[float, float, float] = (np.nan, np.nan, np.nan)
    reason: str = ""


def nulls(
    cohort: Cohort,
    rule: str | Rule | WindowFunction | Sequence[str | Rule | WindowFunction] = "gamdss",
    *,
    distance: str | Sequence[str] = "signed",
    coder_sd_ms: Sequence[float] | pd.DataFrame = CODER_SD_MS,
    n_draws: int = 200,
    kinds: Sequence[str] = KINDS,
    seed: int = 0,
    jobs: int = 1,
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
    jobs : int
        Worker processes; the result does not depend on it.
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
        An unknown rule, distance or null, too few draws, or spreads that are none.
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
    task = _Task(
        frames=cohort.frames,
        rules=get_rules(rule),
        distances=_distances(distance),
        kinds=_kinds(kinds),
        spread=_spread(coder_sd_ms),
        n_draws=n_draws,
        seed=seed,
    )
    if jobs < 1:
        raise OptionError(f"jobs is {jobs}; expected 1 or more.")
    if n_draws < FEWEST_DRAWS:
        raise OptionError(f"n_draws is {n_draws}; expected {FEWEST_DRAWS} or more.")
    bounds = _intervals(cohort)
    work = [(coding, _bounds(coding, bounds)) for coding in _codings(cohort)]
    rows = [row for found in _bar(_run(task, work, jobs), len(work), progress) for row in found]
    table = tables.from_rows(rows, "nulls")
    return table.sort_values(["source", "distance"], kind="stable", ignore_index=True)


def _distances(distance: str | Sequence[str]) -> tuple[str, ...]:
    names = (distance,) if isinstance(distance, str) else tuple(distance)
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


def _spread(given: Sequence[float] | pd.DataFrame) -> Spread:
    if isinstance(given, pd.DataFrame):
        return _spread_of(given)
    try:
        onset, apex, offset = (float(value) for value in given)
    except (TypeError, ValueError):
        onset = apex = offset = np.nan
    if not all(0 <= value < np.inf for value in (onset, apex, offset)):
        raise OptionError(
            f"coder_sd_ms is {given!r}; expected three numbers in ms of 0 or more (onset, apex, "
            f"offset)."
        )
    return Spread((onset, apex, offset))


def _spread_of(table: pd.DataFrame) -> Spread:
    """The coders' SD from an estimates table: its rows on the whole dataset."""
    rows = tables.conform(table, "estimates")
    rows = rows[
        (rows["quantity"] == "coder_sd") & (rows["unit"] == "ms") & (rows["ethnicity"] == tables.ALL)
    ]
    found = []
    for keyframe in tables.KEYFRAMES:
        own = rows[rows["keyframe"] == keyframe]
        if len(own) != 1:
            raise TableError(
                f"the table of the coders' SD has {len(own)} rows for the {keyframe} of the whole "
                f"dataset; expected one row with the quantity coder_sd, in ms, per keyframe."
            )
        found.append(own.iloc[0])
    sd = tuple(float(row["estimate"]) for row in found)
    error = tuple(float(row["std_error"]) for row in found)
    unknown = [str(row["keyframe"]) for row in found if not np.isfinite(row["estimate"])]
    # Of an SD that is known from few subjects, nobody knows how well.
    unsure = [str(row["keyframe"]) for row in found if not np.isfinite(row["std_error"])]
    lacking = ("SD", unknown) if unknown else ("error of the SD", unsure)
    reason = f"the {lacking[0]} of the coders' {' and '.join(lacking[1])} is not known"
    return Spread(sd, error, reason if lacking[1] else "")  # type: ignore[arg-type]


_Key = tuple[str, str, str, str, str]
_Bounds = Mapping[str, tuple[float, float]]


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


def _bounds(coding: _Coding, intervals: dict[_Key, tuple[float, float]]) -> _Bounds:
    """Frames of each human keyframe at which a shift is 0."""
    key = (coding.dataset, coding.clip, coding.coder, coding.coding_pass)
    found = {}
    for keyframe in tables.KEYFRAMES:
        frame = getattr(coding, keyframe)
        if frame is not None:
            found[keyframe] = intervals.get((*key, keyframe), (float(frame), float(frame)))
    return found


@dataclass(frozen=True)
class _Task:
    """What is done to each clip."""

    frames: FrameSource | None
    rules: tuple[Rule, ...]
    distances: tuple[str, ...]
    kinds: tuple[str, ...]
    spread: Spread
    n_draws: int
    seed: int


_Work = tuple[_Coding, _Bounds]


def _run(task: _Task, work: Sequence[_Work], jobs: int) -> Iterator[list[Row]]:
    if jobs == 1 or task.frames is None:
        for one in work:
            yield _one(task, *one)
        return
    context = get_context("spawn")  # a fork of a process with running threads may hang
    with ProcessPoolExecutor(jobs, context, _start, (task,)) as pool:
        yield from pool.map(_work, work, chunksize=max(1, len(work) // (8 * jobs)))


_worker: _Task


def _start(task: _Task) -> None:
    global _worker
    _worker = task


def _work(work: _Work) -> list[Row]:
    return _one(_worker, *work)


def _bar(chunks: Iterable[list[Row]], total: int, progress: bool) -> Iterable[list[Row]]:
    if not progress:
        return chunks
    from tqdm.auto import tqdm

    bar: Iterable[list[Row]] = tqdm(chunks, total=total, desc="nulls", unit="clip")
    return bar


def _one(task: _Task, coding: _Coding, bounds: _Bounds) -> list[Row]:
    """All nulls of one coding."""
    made = _Nulls(task, coding, bounds)
    return [
        row
        for rule in task.rules
        for distance in (("",) if hasattr(rule, "locate") else task.distances)
        for kind in task.kinds
        for row in made.rows(rule, distance, kind)
    ]


class _Nulls:
    """The nulls of one coding; its clip is read and taken apart once, if at all."""

    def __init__(self, task: _Task, coding: _Coding, bounds: _Bounds) -> None:
        self.task, self.coding, self.bounds = task, coding, bounds
        self.clip: Clip | None = None
        self.refused = ""
        self.numbers = np.empty(0, dtype=np.int64)
        self.unlisted = ""
        if task.frames is not None:
            try:
                self.numbers = np.asarray(task.frames.numbers(coding.clip))
            except FrameError as error:
                self.unlisted = str(error)

    def rows(self, rule: Rule, distance: str, kind: str) -> list[Row]:
        """One row per keyframe, or the reason why there is none."""
        human = self.coding.complete()
        reason = self._unusable(rule, human)
        if reason or human is None:
            return self._rows(rule, distance, kind, [{"reason": reason}] * 3)
        if kind == "uniform" or pick_of(rule) == "random":
            found = self._uniform(rule, human)
        elif distance != "signed":
            found = f"differences that wrap around ({distance}) cannot be rebuilt"
        else:
            found = self._rebuilt(rule, human, kind)
        if isinstance(found, str):
            found = [{"reason": found}] * 3
        return self._rows(rule, distance, kind, found)

    def _unusable(self, rule: Rule, human: tuple[int, int, int] | None) -> str:
        if hasattr(rule, "locate"):
            return f"{rule.name} has no windows that a null could draw from"
        if human is None:
            lacking = [k for k in tables.KEYFRAMES if getattr(self.coding, k) is None]
            return f"no usable human {' and '.join(lacking)}"
        if any(then < first for first, then in pairwise(human)):
            return "the human keyframes are out of order"
        return self.unlisted

    def _asked(self, rule: Rule, human: tuple[int, int, int]) -> Candidates | str:
        """Candidates as `mebias.reselect` takes them; every frame where none is at hand."""
        on_disk = set(self.numbers.tolist())
        if self.task.frames is None and getattr(rule, "whole_clip", False):
            return "no frames on disk"
        windows = _windows(rule, human, on_disk)
        if self.task.frames is None:
            on_disk = _every(windows)
        found = {k: _candidates(windows.of(k), on_disk) for k in tables.KEYFRAMES}
        for keyframe, frames in found.items():
            if not frames:
                low, high = windows.of(keyframe)
                return f"none of the frames {low}-{high} for the {keyframe} is on disk"
        allowed = getattr(rule, "is_candidate", None)
        return Candidates(
            onsets=found["onset"],
            apexes=found["apex"],
            offsets=found["offset"],
            is_candidate=partial(allowed, human) if allowed else None,
            ordered=getattr(rule, "whole_clip", False),
        )

    def _uniform(self, rule: Rule, human: tuple[int, int, int]) -> list[Row] | str:
        asked = self._asked(rule, human)
        if isinstance(asked, str):
            return asked
        shares = uniform_shares(asked, human, pick=pick_of(rule))
        if shares is None:
            return "no pair of onset and apex is a candidate"
        return [
            dict(moments(self._shifts(np.array(list(own)), k), np.array(list(own.values()))))
            for k, own in zip(tables.KEYFRAMES, shares, strict=True)
        ]

    def _rebuilt(self, rule: Rule, human: tuple[int, int, int], kind: str) -> list[Row] | str:
        spread, task, coding = self.task.spread, self.task, self.coding
        if kind == "unbiased" and spread.reason:
            return spread.reason
        asked = self._asked(rule, human)
        reason = self._taken_apart(human)
        if reason or isinstance(asked, str):
            return reason or str(asked)
        assert self.clip is not None
        frames = sorted({*asked.onsets, *asked.apexes, *asked.offsets})
        try:
            parts = self.clip.parts(frames)
        except FrameError as error:
            return str(error)
        rng = _generator(task.seed, coding, rule)
        chance = draw_chance(parts, task.n_draws, rng)
        sd = np.array(spread.sd if kind == "unbiased" else (0.0, 0.0, 0.0))
        truth, errors = true_keyframes(human, chance, sd * coding.fps / 1000, rng)
        squared = rebuilt(parts, chance, truth, frames)
        chosen = choose_many(squared, frames, human, asked, pick=pick_of(rule))
        if chosen is None:
            return "no pair of onset and apex is a candidate"
        rows = [
            _summary(self._shifts(own, keyframe), errors, sd)
            for keyframe, own in zip(tables.KEYFRAMES, chosen.T, strict=True)
        ]
        if kind == "unbiased":
            for row, value, error in zip(rows, spread.sd, spread.error, strict=True):
                row |= {"coder_sd": value, "coder_sd_error": error}
        return rows

    def _taken_apart(self, human: tuple[int, int, int]) -> str:
        """Read the clip and locate its movement, once; why that cannot be done, if so."""
        if self.clip is not None or self.refused:
            return self.refused
        task, coding = self.task, self.coding
        if task.frames is None:
            self.refused = "no frames on disk"
        elif not 0 < coding.fps < np.inf:
            self.refused = f"fps is {coding.fps:g}; expected frames per second above 0"
        else:
            clip = Clip(self.numbers, partial(task.frames.read, coding.clip), human, coding.fps)
            # The stream of the rule motion-blind: its posterior is the one that is shown.
            rng = _generator(task.seed, coding, MOTION_BLIND)  # type: ignore[arg-type]
            try:
                moves = clip.locate(rng, coding.phases)
            except FrameError as error:
                self.refused = str(error)
            else:
                self.refused = "" if moves else UNDETECTABLE
                self.clip = clip if moves else None
        return self.refused

    def _shifts(self, frames: np.ndarray, keyframe: str) -> np.ndarray:
        """Shifts as `mebias.compare` takes them: 0 inside a coded interval."""
        low, high = self.bounds[keyframe]
        return np.asarray(frames - np.clip(frames, low, high), dtype=float)

    def _rows(
        self, rule: Rule, distance: str, kind: str, found: Sequence[Mapping[str, object]]
    ) -> list[Row]:
        coding = self.coding
        frames = (coding.onset, coding.apex, coding.offset)
        return [
            {
                "dataset": coding.dataset,
                "clip": coding.clip,
                "keyframe": keyframe,
                "source": rule.name,
                "distance": distance,
                "coder": coding.coder,
                "pass": coding.coding_pass,
                "null": kind,
                "human": np.nan if human is None else human,
                "mean": np.nan,  # a required column, whatever else there is
                **row,
            }
            for keyframe, human, row in zip(tables.KEYFRAMES, frames, found, strict=True)
        ]


def _every(windows: Windows) -> set[int]:
    """All frames of all windows."""
    found: set[int] = set()
    for keyframe in tables.KEYFRAMES:
        low, high = windows.of(keyframe)
        found.update(range(low, high + 1))
    return found


def _summary(shifts: np.ndarray, errors: np.ndarray, sd: np.ndarray) -> Row:
    """Moments and quantiles of drawn shifts, and the slopes of their mean in each SD."""
    row: Row = {
        "mean": float(shifts.mean()),
        "sd": float(shifts.std()),
        "n_draws": len(shifts),
    }
    values = np.quantile(shifts, QUANTILES, method="inverted_cdf")
    row |= {f"q{q * 100:02.0f}": float(v) for q, v in zip(QUANTILES, values, strict=True)}
    for keyframe, z, one in zip(tables.KEYFRAMES, errors.T, sd, strict=True):
        if one > 0:
            score = z**2 - 1
            slope = ((shifts - shifts.mean()) * (score - score.mean())).mean() / one
            row[f"slope_{keyframe}"] = float(slope)
    return row
