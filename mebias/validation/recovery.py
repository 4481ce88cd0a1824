"""Recovery: what the statistics find where the truth is known, and what they claim falsely.

Clips of small frames are filmed, and located blindly, once per frame rate and amplitude; coders
of known error label them several times, and cohorts are drawn from these subjects. A further
part draws labels and posteriors without images (`mebias.validation.trajectories`): there the
posterior is as wide as it says, which in images it is not always.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mebias.errors import OptionError
from mebias.quantification.claim_gate import CORRECTION, ONE_GROUP
from mebias.tables import SIMULATED
from mebias.validation import recovery_rows as judge
from mebias.validation.draws import Draws
from mebias.validation.recordings import JUDGE
from mebias.validation.recovery_cells import (
    CELLS,
    GROSS,
    N_SUBJECTS,
    SD_MS,
    WINDOWED,
    Cell,
    Tables,
    cell_tables,
)
from mebias.validation.trajectories import quick_recovery
from mebias.workers import Jobs

N_COHORTS = 400
N_CLIPS = 300
"""Clips of each cell, four to a subject."""
FEWEST_CLIPS = 40
DISTANCE = "signed"
"""What rules compare frames by."""
_CLAIMS = {judge.CORRECTS: CORRECTION, judge.ONE_GROUP: ONE_GROUP}
KEYS = ("dataset", "level", "fps", "amplitude", "frames", "labels")
Row = dict[str, object]


def validate_recovery(
    *,
    n_cohorts: int = N_COHORTS,
    seed: int = 0,
    jobs: Jobs = 1,
    progress: bool = False,
    folder: Path | None = None,
    n_clips: int = N_CLIPS,
    cells: Sequence[Cell] = CELLS,
) -> pd.DataFrame:
    """What the statistics recover of known errors, and what they claim where there are none.

    Parameters
    ----------
    n_cohorts : int
        Cohorts of 24 subjects that each promise is judged on, per frame rate, and per amplitude
        where that is told apart.
    seed : int
        Of the first cell.
    jobs : int or str
        Worker processes, or the address of a Dask scheduler; the result does not depend on it.
    progress : bool
        Show a progress bar on stderr.
    folder : Path, optional
        Where what was filmed and located is kept, cell by cell, so that a run that was
        interrupted goes on.
    n_clips : int
        Clips of each cell.
    cells : sequence of Cell
        Frame rates and amplitudes.

    Returns
    -------
    DataFrame
        One row per promise (``proof``), level (``images``, ``trajectories``), frame rate,
        amplitude (NaN: several together), ``frames`` (``uncut``, or ``cut`` at the labels),
        coder (``labels``), rule and keyframe: the share of ``n_cohorts`` in which it holds
        (``value``; of the ``n_told`` in which anything can be told), its Monte Carlo error and
        95 % bounds, the band, whether it is ``met`` within 3 Monte Carlo errors (empty where
        there is no band), and the mean estimate beside the truth (ms). ``n_subjects`` and
        ``n_clips`` are those of the bank that cohorts were drawn from.

    Raises
    ------
    OptionError
        Too few cohorts or clips.
    """
    if n_cohorts < 2:
        raise OptionError(f"n_cohorts is {n_cohorts}; expected 2 or more.")
    if n_clips < FEWEST_CLIPS:
        raise OptionError(f"n_clips is {n_clips}; expected {FEWEST_CLIPS} or more.")
    found: dict[tuple[str, float], list[Tables]] = {}
    rows: list[Row] = []
    for i, cell in enumerate(_bar(cells, progress)):
        made = cell_tables(
            cell, n_clips=n_clips, n_cohorts=n_cohorts, seed=seed + i, jobs=jobs, folder=folder
        )
        found.setdefault((f"{SIMULATED} {cell.dataset}", cell.fps), []).append(made)
        rows += _false_corrects(cell, made, n_cohorts, seed)
    for (dataset, fps), several in found.items():
        made_of = {"dataset": dataset, "fps": fps, "amplitude": math.nan}
        rows += _of_rate(made_of, several, n_cohorts, seed)
    rows += quick_recovery(n_cohorts=n_cohorts, seed=seed)
    table = pd.DataFrame(rows)
    first = [*KEYS, "proof", "rule", "keyframe"]
    return table[[*first, *(c for c in table.columns if c not in first)]]


def corrects_table(recovery: pd.DataFrame) -> pd.DataFrame:
    """How often a rule seems to correct labels that need no correction.

    Parameters
    ----------
    recovery : DataFrame
        From `validate_recovery`.

    Returns
    -------
    DataFrame
        ``share_false`` of ``n_cohorts`` with accurate labels in which the mean of |human -
        blind| - |selected - blind| (``claim`` is ``correction``), or its difference between
        groups (``one group more``), lies beyond the margin, interval and all, at any keyframe,
        with Clopper-Pearson bounds, per frame rate, amplitude (pixels of a frame 128 wide) and
        rule. Cohorts that said nothing count as not claiming. It holds for the default margin
        and larger ones: rule and judge share the pixels, so that some gain is always there.

    Examples
    --------
    >>> corrects_table(pd.DataFrame([{"proof": '"corrects" claimed', "labels": "accurate",
    ...     "keyframe": "all", "fps": 60.0, "amplitude": 1.6, "rule": "gamdss", "n_cohorts": 100,
    ...     "n_told": 100, "value": 0.0}])).loc[0, "high"].round(3)
    np.float64(0.036)
    """
    own = recovery[
        recovery["proof"].isin(list(_CLAIMS))
        & (recovery["labels"] == "accurate")
        & (recovery["keyframe"] == "all")
        & recovery["amplitude"].notna()
    ]
    rows = []
    for _, row in own.iterrows():
        hits = round(row["value"] * row["n_told"]) if row["n_told"] else 0
        low, high = judge.clopper_pearson(hits, row["n_cohorts"])
        rows.append(
            {
                "fps": row["fps"],
                "amplitude": row["amplitude"],
                "rule": row["rule"],
                "distance": DISTANCE,
                "claim": _CLAIMS[row["proof"]],
                "n_cohorts": row["n_cohorts"],
                "share_false": hits / row["n_cohorts"],
                "low": low,
                "high": high,
            }
        )
    return pd.DataFrame(rows)


def _false_corrects(cell: Cell, made: Tables, n_cohorts: int, seed: int) -> Iterator[Row]:
    """Per amplitude; the rule motion was run on half of the subjects, and is drawn from them."""
    shifts = _labels(made.shifts, "accurate", cut=False)
    has = set(shifts.loc[shifts["source"] == "motion", "subject"])
    several = {
        "windowed": shifts[shifts["source"].isin([JUDGE, *WINDOWED])],
        "motion": shifts[shifts["source"].isin([JUDGE, "motion"]) & shifts["subject"].isin(has)],
    }
    judges = {"windowed": [judge.corrects, judge.corrects_one_group], "motion": [judge.corrects]}
    for name, table in several.items():
        about = {"dataset": f"{SIMULATED} {cell.dataset}", "fps": cell.fps,
                 "amplitude": cell.amplitude, "frames": "uncut", "labels": "accurate"}  # fmt: skip
        yield from _judged(judges[name], table, None, n_cohorts, seed, about)


def _of_rate(made_of: Row, several: Sequence[Tables], n_cohorts: int, seed: int) -> Iterator[Row]:
    """All promises at one frame rate, amplitudes together."""
    shifts = pd.concat([made.shifts for made in several], ignore_index=True)
    nulls = pd.concat([made.nulls for made in several], ignore_index=True)
    accurate = judge.excess("accurate", "excess over accurate is 0")
    unbiased = judge.excess("unbiased", "excess over unbiased is 0")
    work: dict[str, list[judge.Judge]] = {
        "planted": [judge.contrast],
        "accurate": [accurate],
        "unbiased": [unbiased, judge.coder_sd(SD_MS), judge.keyframe_ratio(SD_MS), judge.corrects],
    }
    work |= {f"gross {share:g}": [judge.flags] for share in GROSS}
    for cut in (False, True):
        for labels, judges in work.items():
            own = _labels(shifts, labels, cut=cut)
            if own.empty:
                continue
            about = made_of | {"frames": "cut" if cut else "uncut", "labels": labels}
            made = _labels(nulls, labels, cut=cut)
            # What a cut clip says of gain is one-sided: the judge refuses it.
            asked = [j for j in judges if not (cut and j is judge.corrects)]
            yield from _judged(asked, own, made, n_cohorts, seed, about)
    yield from _estimated(made_of, several)


def _estimated(made_of: Row, several: Sequence[Tables]) -> Iterator[Row]:
    """The excess over ``unbiased`` where the coders' SD was estimated."""
    found: list[judge.Found] = []
    subjects = clips = 0
    for made in several:
        for _, own in made.estimated.groupby("cohort"):
            found += judge.of_excess(own, "unbiased", "excess over unbiased is 0, SD estimated")
        subjects += made.shifts["subject"].nunique()
        clips += made.shifts["clip"].nunique()
    about = {"level": "images", "frames": "uncut", "labels": "unbiased",
             "n_subjects": subjects, "n_clips": clips}  # fmt: skip
    if found:
        yield from (made_of | about | row for row in judge.summary(found, judge.BANDS))


def _judged(
    judges: Sequence[judge.Judge],
    shifts: pd.DataFrame,
    nulls: pd.DataFrame | None,
    n_cohorts: int,
    seed: int,
    about: Row,
) -> Iterator[Row]:
    """Draw cohorts and judge each."""
    draws = Draws(shifts)
    of_nulls = Draws(nulls) if nulls is not None and len(nulls) else None
    rng = np.random.default_rng([seed, zlib.crc32(repr(sorted(about.items())).encode())])
    found: list[judge.Found] = []
    for _ in range(n_cohorts):
        pairs = draws.pairs(rng, N_SUBJECTS)
        own = draws.rows(pairs).reset_index(drop=True)
        made = pd.DataFrame() if of_nulls is None else of_nulls.rows(pairs)
        drawn = judge.Drawn(own, made)
        for one in judges:
            found += one(drawn)
    bank = {"level": "images", "n_subjects": shifts["subject"].nunique(),
            "n_clips": shifts["clip"].nunique()}  # fmt: skip
    for row in judge.summary(found, judge.BANDS):
        yield bank | about | row


def _labels(table: pd.DataFrame, labels: str, *, cut: bool) -> pd.DataFrame:
    return table[(table["labels"] == labels) & (table["cut"] == cut)]


def _bar(cells: Sequence[Cell], progress: bool) -> Iterable[Cell]:
    if not progress:
        return cells
    from tqdm.auto import tqdm

    bar: Iterable[Cell] = tqdm(cells, desc="filming and locating", unit="cell")
    return bar
