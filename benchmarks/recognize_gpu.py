"""Time training on a GPU: clips a second, share of the chip's peak, folds at once, a whole run.

    python benchmarks/recognize_gpu.py [--device cuda] [--small] [--full] [--csv FILE]

The whole run has CASME II's shape (246 clips, 26 subjects, 5 classes, 224 px, 199 epochs); its
time is extrapolated from a few epochs, or measured with --full. On noise: time does not depend
on what is learned. ``--device cpu --small`` shows that it runs.
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
from mebias.recognition.jobs import Job, Maps
from mebias.recognition.models import MODELS
from mebias.recognition.training import train_folds
from mebias.recognition.two_branch import TwoBranch, gflops
from mebias.recognition.ways import find_device

CLIPS, SUBJECTS, CLASSES = 246, 26, 5
MINUTES, AT_ONCE = 15.0, 3.0
PEAKS = {"H200": 989.0, "H100": 989.0, "A100": 312.0, "L40S": 362.0, "RTX 4090": 165.0}
"""Dense bfloat16 TFLOP/s by the makers' data sheets (H100: the SXM board)."""


def make_job(name: str, clips: int, subjects: int, device: str, **recipe: object) -> Job:
    """Noise of the shape of a run."""
    model, rng = MODELS[name], np.random.default_rng(0)
    shape = (clips, 2, model.channels, model.size, model.size)
    maps = rng.integers(0, 256, shape, dtype=np.uint8)
    everyone = np.arange(clips)
    folds = tuple(
        (np.setdiff1d(everyone, test), test) for test in np.array_split(everyone, subjects)
    )
    settings = replace(model.recipe, standardize=True, **recipe)  # type: ignore[arg-type]
    return Job(
        model, settings, maps, maps, everyone % CLASSES, CLASSES, folds, seed=0, device=device,
        mixed=device != "cpu",
    )  # fmt: skip


def seconds(device: str, start: float = 0.0) -> float:
    """Seconds since a start, when all that the device was given is done."""
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def peak(device: str) -> tuple[float, str]:
    """The chip's TFLOP/s in bfloat16, and where the figure is from."""
    if device != "cpu":
        name = torch.cuda.get_device_name()
        for chip, tflops in PEAKS.items():
            if chip in name:
                return tflops, f"data sheet of the {chip}"
    n = 512 if device == "cpu" else 8192
    a = torch.randn(n, n, device=device, dtype=torch.bfloat16)
    a @ a
    start = seconds(device)
    for _ in range(5):
        a @ a
    return 5 * 2 * n**3 / seconds(device, start) / 1e12, "measured on a matrix product"


def time_two_branch(job: Job) -> list[dict[str, object]]:
    """Clips a second in training, and the whole run extrapolated."""
    maps, device, epochs = Maps(job), job.device, job.recipe.epochs
    once = replace(job, recipe=replace(job.recipe, epochs=1))
    train_alone(once, maps, 0)
    start = seconds(device)
    train_alone(job, maps, 0)
    per_epoch = seconds(device, start) / epochs
    n = len(job.folds[0][0])
    model = TwoBranch(job.model.build(6, CLASSES)).to(device)
    work = 3 * gflops(model, torch.zeros(1, 2, 6, 224, 224, device=device))  # and back: twice that
    rate, (tflops, source) = n / per_epoch, peak(device)
    share = rate * work / 1e3 / tflops
    clips = (SUBJECTS - 1) * CLIPS  # each is trained on in all folds but its own
    minutes = clips / rate * MODELS["two-branch"].recipe.epochs / 60
    print(
        f"two-branch: {rate:.1f} clips/s with both branches, {rate * work / 1e3:.2f} TFLOP/s, "
        f"{share:.1%} of the peak ({tflops:.1f} TFLOP/s, {source})"
    )
    return [
        row("two-branch, training", "clips a second", rate, None),
        row("two-branch, training", "share of the peak in bfloat16", share, None),
        row("two-branch, CASME II", "minutes, extrapolated", minutes, MINUTES, least=False),
    ]


def time_full(device: str) -> dict[str, object]:
    """The whole run, measured."""
    job = make_job("two-branch", CLIPS, SUBJECTS, device)
    start = seconds(device)
    train_folds(
        "two-branch", job.train_maps, job.labels, job.folds, recipe=job.recipe, device=device,
        progress=True,
    )  # fmt: skip
    minutes = seconds(device, start) / 60
    return row("two-branch, CASME II", "minutes, measured", minutes, MINUTES, least=False)


def time_tiny(job: Job, alone: int) -> dict[str, object]:
    """All folds at once against some of them in turn, scaled to all."""
    maps, device = Maps(job), job.device
    train_alone(job, maps, 0)
    start = seconds(device)
    for fold in range(alone):
        train_alone(job, maps, fold)
    in_turn = seconds(device, start) / alone * len(job.folds)
    train_at_once(job, maps, range(2))
    start = seconds(device)
    train_at_once(job, maps, range(len(job.folds)))
    ratio = in_turn / seconds(device, start)
    return row("tiny, folds at once", "faster than folds in turn", ratio, AT_ONCE)


def row(
    work: str, against: str, ratio: float, hold: float | None, least: bool = True
) -> dict[str, object]:
    """A figure, and the least (or most) that it may be."""
    held = hold is None or (ratio >= hold if least else ratio <= hold)
    text = "" if hold is None else f"{'>=' if least else '<='} {hold:g}"
    return {"work": work, "against": against, "ratio": ratio, "hold": text, "held": held}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all measurements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--small", action="store_true", help="a few clips, to see that it runs")
    parser.add_argument("--full", action="store_true", help="run all of CASME II's shape")
    parser.add_argument("--check", action="store_true", help="exit 1 where a figure is not held")
    parser.add_argument("--csv", type=Path, help="write the table here")
    options = parser.parse_args(arguments)
    device = find_device(options.device)
    print(f"device: {'cpu' if device == 'cpu' else torch.cuda.get_device_name()}")
    if options.small:
        large = make_job("two-branch", 4, 4, device, epochs=1, batch=2)
        little = make_job("tiny", 12, 4, device, epochs=1)
    else:
        large = make_job("two-branch", CLIPS, SUBJECTS, device, epochs=3)
        little = make_job("tiny", 267, 42, device, epochs=10)
    rows = [*time_two_branch(large), time_tiny(little, alone=2)]
    if options.full:
        rows.append(time_full(device))
    table = pd.DataFrame(rows)
    print(table.assign(ratio=[f"{v:.4g}" for v in table["ratio"]]).to_string(index=False))
    if options.csv:
        made = table.assign(version=mebias.__version__, date=date.today().isoformat())
        options.csv.parent.mkdir(parents=True, exist_ok=True)
        made.to_csv(options.csv, index=False, lineterminator="\n")
    return int(options.check and not table["held"].all())


if __name__ == "__main__":
    sys.exit(main())
