"""Resampling of subjects against plain baselines, all written here.

    python benchmarks/statistics_speed.py --check --csv reports/validation/statistics_speed.csv

Everything runs on one core, BLAS too; two programs are run in turn and the medians of their
processor times compared. Loops too slow to be run in full are run for a few draws and scaled
up: the column `against` says so. Random integers stand in for shifts: nothing here is data.
"""

from __future__ import annotations

import argparse
import datetime
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from threadpoolctl import threadpool_limits

import mebias
from mebias.quantification.clustered import (
    MEAN,
    MEDIAN,
    SD,
    SUBJECT_MEAN,
    TRIMMED_MEAN,
    clustered,
)
from mebias.quantification.resampling import draw_weights, jackknife, replicates, sign_flip_p_value

FIVE = [MEAN, SUBJECT_MEAN, MEDIAN, TRIMMED_MEAN, SD]
Run = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """A ratio of processor times: baseline / mebias where at least ``hold`` is asked for."""

    work: str
    against: str
    ratio: float
    hold: float
    at_most: bool = False

    @property
    def shown(self) -> str:
        """The ratio with three digits."""
        return f"{float(f'{self.ratio:.3g}'):g}"

    @property
    def held(self) -> bool:
        """Whether the ratio is what it should be."""
        return self.ratio <= self.hold if self.at_most else self.ratio >= self.hold


@dataclass(frozen=True)
class Sizes:
    """How much is run: draws, draws of the slow loops, repetitions."""

    draws: int
    looped: int
    runs: int


class Cohort:
    """Integers by subject, and what the baselines need of them ready at hand."""

    def __init__(self, n_rows: int, n_subjects: int) -> None:
        rng = np.random.default_rng(n_rows)
        whose = np.r_[np.arange(n_subjects), rng.integers(0, n_subjects, n_rows - n_subjects)]
        drawn = 3 * rng.standard_normal(n_rows) + 2 * rng.standard_normal(n_subjects)[whose]
        data = clustered(np.rint(drawn), whose)
        # the subjects in the order in which mebias draws them: both then see the same draws
        self.values, self.subjects = data.distinct[data.codes], data.owners
        self.own = [self.values[self.subjects == g] for g in range(n_subjects)]
        self.means = np.array([own.mean() for own in self.own])
        table = pd.DataFrame({"subject": self.subjects, "shift": self.values})
        self.parts = dict(list(table.groupby("subject")))

    def __len__(self) -> int:
        return len(self.own)


def numpy_statistics(cohort: Cohort, drawn: np.ndarray) -> list[float]:
    """Five statistics of one resample, each by the numpy call for it."""
    pooled = np.concatenate([cohort.own[g] for g in drawn])
    cut = int(0.2 * len(pooled))
    return [
        np.mean(pooled),
        np.mean(cohort.means[drawn]),
        np.median(pooled),
        np.mean(np.sort(pooled)[cut : len(pooled) - cut]),
        np.std(pooled, ddof=1),
    ]


def pandas_statistics(cohort: Cohort, drawn: np.ndarray) -> list[float]:
    """Five statistics of one resample, as an analyst writes them."""
    resample = pd.concat([cohort.parts[g] for g in drawn], keys=range(len(drawn)))
    shift = resample["shift"]
    low, high = int(0.2 * len(shift)), len(shift) - int(0.2 * len(shift))
    return [
        shift.mean(),
        shift.groupby(level=0).mean().mean(),
        shift.median(),
        shift.sort_values().iloc[low:high].mean(),
        shift.std(),
    ]


def loop(
    cohort: Cohort, of_draw: Callable[[Cohort, np.ndarray], list[float]], n_draws: int
) -> np.ndarray:
    """A bootstrap of subjects, draw by draw."""
    rng = np.random.default_rng(0)
    n = len(cohort)
    return np.array([of_draw(cohort, rng.integers(0, n, n)) for _ in range(n_draws)])


def ours(cohort: Cohort, statistics: list, n_draws: int) -> np.ndarray:
    """The same with mebias, from the bare columns on."""
    data = clustered(cohort.values, cohort.subjects)
    return replicates([data], statistics, n_draws=n_draws)[0]


def drawn_only(n_subjects: int, n_draws: int) -> None:
    """The weights, and nothing done with them."""
    for _ in draw_weights(n_subjects, n_draws):
        pass


def timed(runs: int, *programs: Run) -> list[float]:
    """Median processor time of each program, all run in turn."""
    times: list[list[float]] = [[] for _ in programs]
    for _ in range(runs):
        for program, taken in zip(programs, times, strict=True):
            start = time.process_time()
            program()
            taken.append(time.process_time() - start)
    return [float(np.median(taken)) for taken in times]


def assert_alike(cohort: Cohort) -> None:
    """The baselines and mebias find the same numbers in the same draws."""
    weights = next(draw_weights(len(cohort), 5, rows=5)).astype(int)
    found = ours(cohort, FIVE, 5).T
    for row, weight in zip(found, weights, strict=True):
        drawn = np.repeat(np.arange(len(cohort)), weight)
        for baseline in (numpy_statistics, pandas_statistics):
            np.testing.assert_allclose(row, baseline(cohort, drawn), rtol=1e-9, atol=1e-9)


def five_statistics(
    n_rows: int, n_subjects: int, hold: tuple[float, float, float | None], sizes: Sizes
) -> Iterator[Row]:
    """Five statistics against the two loops and, if asked, against drawing alone."""
    cohort = Cohort(n_rows, n_subjects)
    assert_alike(cohort)
    work = f"5 statistics, {sizes.draws:,} draws, {n_rows:,} rows, {n_subjects} subjects"
    few = max(1, sizes.looped // 10)
    mine, numpy_time, pandas_time, bare = timed(
        sizes.runs,
        partial(ours, cohort, FIVE, sizes.draws),
        partial(loop, cohort, numpy_statistics, sizes.looped),
        partial(loop, cohort, pandas_statistics, few),
        partial(drawn_only, n_subjects, sizes.draws),
    )
    scaled = pandas_time * sizes.draws / few
    yield Row(work, f"pandas loop, {few} draws scaled up", scaled / mine, hold[0])
    scaled = numpy_time * sizes.draws / sizes.looped
    yield Row(work, f"numpy loop, {sizes.looped} draws scaled up", scaled / mine, hold[1])
    if hold[2] is not None:
        yield Row(work, "drawing the weights", mine / bare, hold[2], at_most=True)


def scipy_mean(cohort: Cohort, n_draws: int) -> object:
    """Scipy's bootstrap of paired subject aggregates, vectorized."""
    n = np.bincount(cohort.subjects)
    total = np.bincount(cohort.subjects, cohort.values)
    return stats.bootstrap(
        (total, n),
        lambda t, k, axis: t.sum(axis=axis) / k.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=n_draws,
        method="percentile",
        rng=np.random.default_rng(0),
    )


def scipy_median(cohort: Cohort, n_draws: int) -> object:
    """Scipy's bootstrap of subject numbers, the clips looked up in each draw."""
    return stats.bootstrap(
        (np.arange(len(cohort)),),
        lambda drawn: np.median(np.concatenate([cohort.own[g] for g in drawn])),
        vectorized=False,
        n_resamples=n_draws,
        method="percentile",
        rng=np.random.default_rng(0),
    )


def one_statistic(n_rows: int, n_subjects: int, sizes: Sizes) -> Iterator[Row]:
    """The mean and the median against scipy.stats.bootstrap."""
    cohort = Cohort(n_rows, n_subjects)
    where = f"{sizes.draws:,} draws, {n_rows:,} rows, {n_subjects} subjects"
    mine, theirs, my_median, their_median = timed(
        sizes.runs,
        partial(ours, cohort, [MEAN], sizes.draws),
        partial(scipy_mean, cohort, sizes.draws),
        partial(ours, cohort, [MEDIAN], sizes.draws),
        partial(scipy_median, cohort, sizes.looped),
    )
    yield Row(f"mean, {where}", "scipy.stats.bootstrap of subject aggregates", theirs / mine, 1)
    scaled = their_median * sizes.draws / sizes.looped
    how = f"scipy.stats.bootstrap of subject numbers, {sizes.looped} draws scaled up"
    yield Row(f"median, {where}", how, scaled / my_median, 40)


def sign_flips(n_subjects: int, sizes: Sizes) -> Row:
    """Random sign flips of subjects against scipy's vectorized permutation test."""
    cohort = Cohort(10 * n_subjects, n_subjects)
    sums = np.bincount(cohort.subjects, cohort.values)

    def theirs() -> float:
        found = stats.permutation_test(
            (sums, np.zeros(n_subjects)),
            lambda a, b, axis: (a - b).sum(axis=axis),
            permutation_type="samples",
            vectorized=True,
            n_resamples=sizes.draws,
            rng=np.random.default_rng(0),
        )
        return float(found.pvalue)

    def mine() -> float:
        return sign_flip_p_value(sums, n_permutations=sizes.draws)[0]

    apart = abs(theirs() - mine())
    if apart > 4 * np.sqrt(0.5 / sizes.draws):
        raise AssertionError(f"p-values of sign flips lie {apart:.3f} apart")
    my_time, their_time = timed(sizes.runs, mine, theirs)
    work = f"sign flips, {sizes.draws:,} assignments, {n_subjects} subjects"
    return Row(work, "scipy.stats.permutation_test, vectorized", their_time / my_time, 15)


def left_out(cohort: Cohort) -> np.ndarray:
    """Five statistics without each subject in turn, by a loop."""
    everyone = np.arange(len(cohort))
    return np.array([numpy_statistics(cohort, np.delete(everyone, g)) for g in everyone]).T


def by_subject(n_subjects: int, hold: float, sizes: Sizes) -> Row:
    """The jackknife of the BCa interval against a loop."""
    cohort = Cohort(10 * n_subjects, n_subjects)
    data = clustered(cohort.values, cohort.subjects)  # there anyway, as are the loop's lists

    def mine() -> np.ndarray:
        return jackknife(data, FIVE)

    np.testing.assert_allclose(mine(), left_out(cohort), rtol=1e-9, atol=1e-9)
    my_time, their_time = timed(5 * sizes.runs, mine, partial(left_out, cohort))
    work = f"BCa jackknife of 5 statistics, {10 * n_subjects:,} rows, {n_subjects} subjects"
    return Row(work, "numpy loop", their_time / my_time, hold)


def compared(small: bool) -> Iterator[Row]:
    """All comparisons; small ones only show that everything runs and agrees."""
    if small:
        sizes = Sizes(draws=500, looped=20, runs=1)
        yield from five_statistics(300, 20, (1, 1, 1000), sizes)
        yield from one_statistic(300, 20, sizes)
        yield sign_flips(20, sizes)
        yield by_subject(20, 1, sizes)
        return
    sizes = Sizes(draws=10_000, looped=300, runs=5)
    yield from five_statistics(10_000, 300, (800, 50, 2), sizes)
    for n_rows, n_subjects in ((200, 30), (700, 60), (2000, 100)):
        yield from five_statistics(n_rows, n_subjects, (200, 40, None), sizes)
    for n_rows, n_subjects in ((10_000, 300), (2000, 100), (200, 30)):
        yield from one_statistic(n_rows, n_subjects, sizes)
    for n_subjects in (30, 300):
        yield sign_flips(n_subjects, sizes)
    yield by_subject(30, 10, sizes)
    yield by_subject(300, 40, sizes)


def growth(small: bool) -> Iterator[str]:
    """How the time grows with draws and with rows: once, 4 and 16 times as many."""
    draws, rows, subjects = (100, 200, 20) if small else (2500, 2000, 100)
    cohorts = [Cohort(k * rows, k * subjects) for k in (1, 4, 16)]
    programs = [partial(ours, cohorts[0], FIVE, k * draws) for k in (1, 4, 16)]
    programs += [partial(ours, cohort, FIVE, draws) for cohort in cohorts]
    times = timed(1 if small else 5, *programs)
    for what, taken in (("draws", times[:3]), ("rows and subjects", times[3:])):
        factors = ", ".join(f"{t / taken[0]:.1f}x" for t in taken)
        yield f"1x, 4x, 16x the {what}: {factors} the time"


def main() -> int:
    """Print the ratios; with --check, 1 if one of them is not held."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a few draws, to see that all runs")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a figure is missed")
    parser.add_argument("--csv", type=Path, help="write the ratios here")
    options = parser.parse_args()
    rows = []
    with threadpool_limits(1):
        for row in compared(options.small):
            sign = "<=" if row.at_most else ">="
            verdict = "held" if row.held else "MISSED"
            print(f"{row.work} against {row.against}: {row.shown}x ", end="")
            print(f"({sign} {row.hold:g}x: {verdict})", flush=True)
            rows.append(
                {
                    "work": row.work,
                    "against": row.against,
                    "ratio": row.shown,
                    "hold": f"{sign} {row.hold:g}",
                    "held": row.held,
                    "version": mebias.__version__,
                    "date": datetime.date.today().isoformat(),
                }
            )
        for line in growth(options.small):
            print(line)
    if options.csv:
        options.csv.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows).to_csv(options.csv, index=False, lineterminator="\n")
    return int(options.check and not all(row["held"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
