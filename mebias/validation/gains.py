"""Do gains cover, does the swap of arms hold its level? SIMULATED predictions of known gain.

A clip's class has a random share in each subject. Each class has a latent score: what subject
and clip have in common in both arms, what an arm adds per subject and per clip, what a seed
adds per clip, and, for the true class, the arm's strength; the largest score is predicted.
Arms of one strength are exchangeable, and their gain is 0; arms of different strength gain
what they do on average over all simulated cohorts. The control takes rows for independent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from mebias.provenance import version
from mebias.quantification.interval import Interval
from mebias.quantification.score_intervals import (
    accuracy_interval,
    gain_interval,
    score_interval,
    score_named,
)
from mebias.quantification.swaps import swap_test
from mebias.recognition.metrics import QUANTITIES
from mebias.workers import Jobs, check_jobs, in_order

SHARES = (0.57, 0.25, 0.18)
"""Classes as frequent as in the 3-class composite (See et al. 2019)."""
SIZES = ((12, 60), (29, 159), (42, 267))
SEEDS = 3
STRENGTH = 2.0
"""Latent score of the true class, by which an arm reaches a UF1 of about 0.75."""
_SUBJECT, _CLIP, _ARM_CLIP, _SEED = 0.7, 0.7, 0.5, 0.6
_CONCENTRATION = 6.0
"""Of the Dirichlet distribution of a subject's class shares."""
_PRIOR = 0.5
_ALPHA = 0.05
_ROWS = "rows as if independent"
_SWAPS = 999
BANDS = {"coverage": (0.93, 0.97), "level": (0.04, 0.06)}
BANDED = SIZES[1:]
"""Sizes that bands are stated for; elsewhere values are only reported."""


@dataclass(frozen=True)
class Cell:
    """One kind of cohorts.

    Attributes
    ----------
    n_subjects, n_clips : int
        Of each cohort; subjects have a log-normal(0.8) number of clips, at least 1.
    arm_subject : float
        SD of what an arm adds to a subject's latent scores: how far gains differ by subject.
    gain : float
        Added to the strength of the first arm.
    """

    n_subjects: int
    n_clips: int
    arm_subject: float
    gain: float = 0.0

    @property
    def name(self) -> str:
        """In words."""
        arms = "equal arms" if self.gain == 0 else f"first arm stronger by {self.gain:g}"
        return f"{arms}, arm x subject SD {self.arm_subject:g}"


CELLS = tuple(
    Cell(n_subjects, n_clips, spread, gain)
    for gain in (0.0, 0.4)
    for spread in (0.4, 0.9)
    for n_subjects, n_clips in SIZES
)


@dataclass(frozen=True)
class Drawn:
    """One cohort of predictions by two arms.

    Attributes
    ----------
    subjects : ndarray of int, shape (N,)
    right : ndarray of bool, shape (2, seeds, N)
    counts : ndarray of float, shape (2, seeds, G, K, K)
    """

    subjects: np.ndarray
    right: np.ndarray
    counts: np.ndarray


def draw_predictions(cell: Cell, rng: np.random.Generator) -> Drawn:
    """Simulate the predictions of two arms for one cohort.

    Parameters
    ----------
    cell : Cell
        What is drawn.
    rng : Generator
        Source of chance.

    Examples
    --------
    >>> drawn = draw_predictions(Cell(12, 60, 0.4), np.random.default_rng(0))
    >>> drawn.counts.shape, float(drawn.counts[0, 0].sum()), drawn.right.shape
    ((2, 3, 12, 3, 3), 60.0, (2, 3, 60))
    """
    g, n, k = cell.n_subjects, cell.n_clips, len(SHARES)
    share = rng.lognormal(0, 0.8, g)
    sizes = 1 + rng.multinomial(n - g, share / share.sum())
    subjects = np.repeat(np.arange(g), sizes)
    classes = rng.dirichlet(_CONCENTRATION * np.array(SHARES), g)
    above = classes[subjects].cumsum(axis=1) < rng.random(n)[:, None]
    label = np.minimum(above.sum(axis=1), k - 1)
    common = _SUBJECT * rng.standard_normal((g, k))[subjects] + _CLIP * rng.standard_normal((n, k))
    of_arm = cell.arm_subject * rng.standard_normal((2, g, k))[:, subjects]
    of_arm += _ARM_CLIP * rng.standard_normal((2, n, k))
    latent = common + of_arm[:, None] + _SEED * rng.standard_normal((2, SEEDS, n, k))
    latent += _PRIOR * np.log(SHARES)
    strength = np.array([STRENGTH + cell.gain, STRENGTH])
    latent[:, :, np.arange(n), label] += strength[:, None, None]
    predicted = latent.argmax(axis=-1)
    counts = np.zeros((2, SEEDS, g, k, k))
    arm, seed, _ = np.indices(predicted.shape)
    np.add.at(counts, (arm, seed, subjects, label, predicted), 1)
    return Drawn(subjects, predicted == label, counts)


def validate_gains(
    cells: Sequence[Cell] = CELLS,
    *,
    n_cohorts: int = 10_000,
    n_planted: int = 2_000,
    seed: int = 0,
    jobs: Jobs = 1,
    progress: bool = False,
) -> pd.DataFrame:
    """Coverage of scores and gains, and level of tests, in simulated cohorts.

    Parameters
    ----------
    cells : sequence of Cell
    n_cohorts, n_planted : int
        Cohorts of a cell with equal arms, and with a stronger one.
    seed : int
        Each cell has its own stream.
    jobs : int or str
        Worker processes, or the address of a Dask scheduler; the result does not depend on it.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    DataFrame
        One row per cell, quantity, method and measure: ``coverage`` of 95 % intervals,
        ``level`` of tests at 5 % with equal arms, ``power`` with a stronger one; ``truth``;
        ``value`` with its Monte Carlo error; the band it should lie in and whether it does
        within three such errors; ``control`` marks methods that take rows for independent.

    Examples
    --------
    >>> table = validate_gains([Cell(12, 60, 0.4)], n_cohorts=5)
    >>> sorted(table["measure"].unique())
    ['coverage', 'level']
    """
    found: list[dict[str, object]] = []
    numbered = [
        (place, cell, n_cohorts if cell.gain == 0 else n_planted)
        for place, cell in enumerate(cells)
    ]
    for rows in _bar(in_order(_of_cell, numbered, check_jobs(jobs), seed), len(cells), progress):
        found += rows
    made: dict[str, Any] = {"version": version(), "date": date.today().isoformat(), "seed": seed}
    return pd.DataFrame(found).round(5).assign(**made)


def _of_cell(seed: int, numbered: tuple[int, Cell, int]) -> list[dict[str, object]]:
    """Rows of one cell, from a stream of its own."""
    place, cell, n = numbered
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(place,)))
    return list(_rows(cell, [_measured(draw_predictions(cell, rng), i) for i in range(n)]))


@dataclass(frozen=True)
class _Measured:
    """Of one cohort: estimate and bounds by (quantity, method), p-values likewise."""

    intervals: dict[tuple[str, str], tuple[float, float, float]]
    p_values: dict[tuple[str, str], float]


def _measured(drawn: Drawn, seed: int) -> _Measured:
    first, second = drawn.counts
    intervals: dict[tuple[str, str], tuple[float, float, float]] = {}
    for quantity in QUANTITIES[:2]:
        score = score_named(quantity)
        alone = score_interval(first, score, 0.95)
        intervals[quantity, alone.method] = _bounds(alone)
        gained = gain_interval(first, second, score, 0.95)
        intervals[f"{quantity}_gain", gained.method] = _bounds(gained)
    right = drawn.right.mean(axis=1)
    alone = accuracy_interval(right[0], drawn.subjects, 0.95, share=True)
    intervals["accuracy", alone.method] = _bounds(alone)
    gained = accuracy_interval(right[0] - right[1], drawn.subjects, 0.95)
    intervals["accuracy_gain", gained.method] = _bounds(gained)
    every = (drawn.right[0].astype(float) - drawn.right[1]).ravel()
    mean, half = float(every.mean()), 1.96 * float(every.std(ddof=1)) / math.sqrt(every.size)
    intervals["accuracy_gain", f"all seeds' {_ROWS}"] = (mean, mean - half, mean + half)
    swapped = swap_test(first, second, n_swaps=_SWAPS, seed=seed)
    p_values = {(f"{q}_gain", "swap of arms by subject"): p for q, p in swapped.p_values.items()}
    for name, rows in (("one seed's", every[: right.shape[1]]), ("all seeds'", every)):
        p_values["accuracy_gain", f"McNemar, {name} {_ROWS}"] = _mcnemar(rows)
    return _Measured(intervals, p_values)


def _bounds(found: Interval) -> tuple[float, float, float]:
    return found.estimate, found.conf_low, found.conf_high


def _mcnemar(difference: np.ndarray) -> float:
    """p-value of McNemar's test from the differences of hits of all rows."""
    discordant = float(np.abs(difference).sum())
    if discordant == 0:
        return 1.0
    return float(special.chdtrc(1, difference.sum() ** 2 / discordant))


def _rows(cell: Cell, measured: Sequence[_Measured]) -> Iterator[dict[str, object]]:
    for key in measured[0].intervals:
        values = np.array([m.intervals[key] for m in measured])
        values = values[~np.isnan(values[:, 1])]
        null = key[0].endswith("_gain") and cell.gain == 0
        truth = 0.0 if null else float(values[:, 0].mean())
        covered = (values[:, 1] <= truth) & (truth <= values[:, 2])
        yield _row(cell, key, "coverage", truth, covered)
    for key in measured[0].p_values:
        rejected = np.array([m.p_values[key] <= _ALPHA for m in measured])
        yield _row(cell, key, "level" if cell.gain == 0 else "power", math.nan, rejected)


def _row(
    cell: Cell, key: tuple[str, str], measure: str, truth: float, hits: np.ndarray
) -> dict[str, object]:
    value, n = float(hits.mean()), len(hits)
    error = math.sqrt(value * (1 - value) / n)
    control = _ROWS in key[1]
    banded = measure in BANDS and (cell.n_subjects, cell.n_clips) in BANDED
    low, high = BANDS[measure] if banded else (math.nan, math.nan)
    inside = low - 3 * error <= value <= high + 3 * error
    return {
        "cell": cell.name,
        "subjects": cell.n_subjects,
        "clips": cell.n_clips,
        "quantity": key[0],
        "truth": truth,
        "method": key[1],
        "control": control,
        "measure": measure,
        "n_cohorts": n,
        "value": value,
        "mc_error": error,
        "band_low": low,
        "band_high": high,
        "met": ("yes" if inside else "no") if banded else "",
    }


def _bar(
    found: Iterable[list[dict[str, object]]], total: int, progress: bool
) -> Iterable[list[dict[str, object]]]:
    if not progress:
        return found
    from tqdm.auto import tqdm

    bar: Iterable[Any] = tqdm(found, total=total, desc="validating gains", unit="cell")
    return bar
