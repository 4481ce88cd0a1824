"""Time training on the CPU: folds in processes against folds in turn, and a whole run of `tiny`.

    python benchmarks/recognize_cpu.py [--small] [--whole] [--check] [--csv FILE]

Ratios are of programs run in turn, side by side. The whole run is extrapolated: on a machine
that others use too, seconds of the processor's time are steadier than seconds on the clock.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import mebias
from mebias.recognition.alone import train_alone
from mebias.recognition.at_once import train_at_once
from mebias.recognition.fold_pool import FoldPool, cores
from mebias.recognition.jobs import Job, Maps
from mebias.recognition.models import MODELS

ARMS, SEEDS, MINUTES = 3, 5, 8.0
CLIPS, SUBJECTS = 267, 42
HOLD = 1.2


def make_job(
    name: str, clips: int, subjects: int, epochs: int, folds: int, channels: int = 0
) -> Job:
    """Noise of the shape of a 4DME run; only the first folds are trained."""
    model, rng = MODELS[name], np.random.default_rng(0)
    shape = (clips, 2, channels or model.channels, model.size, model.size)
    maps = rng.normal(size=shape).astype("float32")
    tests = np.array_split(np.arange(clips), subjects)[:folds]
    everyone = np.arange(clips)
    pairs = tuple((np.setdiff1d(everyone, test), test) for test in tests)
    recipe = replace(model.recipe, epochs=epochs)
    return Job(model, recipe, maps, maps, everyone % 3, 3, pairs, seed=0)


def in_turn(job: Job, threads: int) -> tuple[float, list[np.ndarray]]:
    """Seconds, and scores, of folds one after the other."""
    torch.set_num_threads(threads)
    maps, start = Maps(job), time.perf_counter()
    found = [train_alone(job, maps, fold).probabilities for fold in range(len(job.folds))]
    took = time.perf_counter() - start
    torch.set_num_threads(1)
    return took, found


def in_processes(job: Job, pool: FoldPool) -> tuple[float, list[np.ndarray]]:
    """Seconds, and scores, of folds in processes that are already there."""
    start = time.perf_counter()
    found = dict(pool.train(job, range(len(job.folds))))
    return time.perf_counter() - start, [found[k].probabilities for k in sorted(found)]


def at_once(job: Job) -> tuple[float, list[np.ndarray]]:
    """Seconds, and scores, of folds side by side."""
    maps, start = Maps(job), time.perf_counter()
    found = train_at_once(job, maps, range(len(job.folds)))
    return time.perf_counter() - start, [each.probabilities for each in found]


def compare(name: str, job: Job, pool: FoldPool, runs: int) -> list[dict[str, object]]:
    """Processes, and folds at once, against folds in turn with all threads."""
    once = replace(job, recipe=replace(job.recipe, epochs=1))
    list(pool.train(once, range(len(job.folds))))  # each process has loaded and compiled
    in_turn(once, threads=pool.jobs)
    at_once(once)
    times: dict[str, list[float]] = {"turn": [], "processes": [], "at once": []}
    apart = 0.0
    for _ in range(runs):
        took, plain = in_turn(job, threads=pool.jobs)
        times["turn"].append(took)
        for way, work in (
            ("processes", lambda: in_processes(job, pool)),
            ("at once", lambda: at_once(job)),
        ):
            took, found = work()
            times[way].append(took)
            gaps = [np.abs(a - b).max() for a, b in zip(plain, found, strict=True)]
            apart = max(apart, *gaps)
    print(f"{name}: probabilities differ by {apart:.1g} at most (single precision)")
    middle = {way: float(np.median(each)) for way, each in times.items()}
    against = f"faster than folds in turn with {pool.jobs} threads"
    rows = []
    for way, hold in (("processes", HOLD), ("at once", 0.0)):
        ratio = middle["turn"] / middle[way]
        work = f"{name}, {len(job.folds)} folds {way}"
        rows.append({"work": work, "against": against, "ratio": ratio, "hold": f">= {hold:g}",
                     "held": ratio >= hold})  # fmt: skip
    return rows


def whole_run(job: Job) -> dict[str, object]:
    """Minutes that 3 arms x 5 seeds of 4DME's shape take on two cores, from a few folds on one."""
    torch.set_num_threads(1)
    maps = Maps(job)
    train_alone(replace(job, recipe=replace(job.recipe, epochs=1)), maps, 0)
    clock, busy = time.perf_counter(), time.process_time()
    for fold in range(len(job.folds)):
        train_alone(job, maps, fold)
    clock, busy = time.perf_counter() - clock, time.process_time() - busy
    epochs = len(job.folds) * job.recipe.epochs
    full = MODELS[job.model.name].recipe.epochs
    minutes = ARMS * SEEDS * SUBJECTS * full * busy / epochs / 2 / 60
    channels = job.train_maps.shape[2]
    whole = f"{ARMS} arms x {SEEDS} seeds"
    print(
        f"{job.model.name}, {channels} channel(s): {busy / epochs:.4f} s of one core per fold and "
        f"epoch ({clock / epochs:.4f} s on the clock); {whole} x {SUBJECTS} folds x {full} epochs "
        f"on two free cores: {minutes:.1f} minutes"
    )
    return {
        "work": f"{job.model.name}, {whole}, {CLIPS} clips, {SUBJECTS} subjects, maps of "
        f"{channels} channel(s)",
        "against": "minutes of two cores' own time, extrapolated",
        "ratio": minutes,
        "hold": f"<= {MINUTES:g}",
        "held": minutes <= MINUTES,
    }


def compared(
    options: argparse.Namespace, clips: int, subjects: int, epochs: int, runs: int
) -> list[dict[str, object]]:
    """Ways to train, for a larger and for the smallest model."""
    rows = []
    with FoldPool(options.jobs) as pool:
        for name, folds, times in (("resnet", 4, 1), ("tiny", 8, 5)):
            job = make_job(name, clips, subjects, epochs * times, min(folds, subjects))
            rows += compare(name, job, pool, runs)
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all comparisons."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=cores(), help="processes and threads")
    parser.add_argument("--small", action="store_true", help="a few clips, to see that it runs")
    parser.add_argument("--whole", action="store_true", help="only the whole run of tiny")
    parser.add_argument("--check", action="store_true", help="exit 1 where a figure is not held")
    parser.add_argument("--csv", type=Path, help="write the table here")
    options = parser.parse_args(arguments)
    clips, subjects, epochs = (12, 4, 1) if options.small else (CLIPS, SUBJECTS, 2)
    runs = 1 if options.small else options.runs
    rows = [] if options.whole else compared(options, clips, subjects, epochs, runs)
    for channels in (1, 3):  # grey differences; flow with its strain
        rows.append(whole_run(make_job("tiny", clips, subjects, 5 * epochs, 3, channels)))
    table = pd.DataFrame(rows).assign(ratio=lambda t: t["ratio"].round(2))
    print(table.to_string(index=False))
    if options.csv:
        made = table.assign(version=mebias.__version__, date=date.today().isoformat())
        options.csv.parent.mkdir(parents=True, exist_ok=True)
        made.to_csv(options.csv, index=False, lineterminator="\n")
    return int(options.check and not table["held"].all())


if __name__ == "__main__":
    sys.exit(main())
