"""Choose architecture, regularization and epochs of `tiny` on SIMULATED composites.

    python benchmarks/choose_tiny.py [--cohorts N] [--folds K] [--small] [--csv FILE] [--keep DIR]

Every candidate is trained on the same simulated composites (`mebias.validation.composites`), by
the package's own training, rising maps alone unless its name says otherwise, and scored after
several numbers of epochs: pooled UF1 of clips whose subject was never trained on. A kernel ridge
classifier (RBF) is the yardstick for how difficult the maps are. A run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from torch import nn

import mebias
from mebias.recognition.augment import Augment
from mebias.recognition.backbones import Tiny
from mebias.recognition.folds import k_folds, leave_one_subject_out
from mebias.recognition.layers import Dropout
from mebias.recognition.models import MODELS, Recipe
from mebias.recognition.training import train_folds
from mebias.tables import SIMULATED
from mebias.validation.composites import CLASSES, NOISE, Composite, make_composite

EPOCHS = (10, 20, 30)


class Plain(nn.Module):
    """Two convolutions, normalized before they are pooled: the net of the published figures."""

    def __init__(self, channels: int, classes: int, width: int = 16) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for wide in (width, 2 * width):
            layers += [
                nn.Conv2d(channels, wide, 3, padding=1),
                nn.GroupNorm(wide // 4, wide),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
            channels = wide
        head = [nn.Flatten(), Dropout(0.5), nn.Linear(2 * width * 49, classes)]
        self.layers = nn.Sequential(*layers, *head)

    def forward(self, x: object) -> object:
        """Class scores of 28 x 28 maps."""
        return self.layers(x)


@dataclass(frozen=True)
class Candidate:
    """A way to build and to train."""

    build: Callable[..., nn.Module]
    recipe: Recipe = MODELS["tiny"].recipe


ONE_NET = "one net, 16 channels"
SHIFTED = replace(MODELS["tiny"].recipe, augment=Augment(padding=1 / 28))
FALLING = replace(MODELS["tiny"].recipe, falling_loss=True)
CANDIDATES = {
    ONE_NET: Candidate(Plain),
    "4 members, 8 channels": Candidate(Tiny),
    "2 members, 16 channels": Candidate(partial(Tiny, members=2, width=16)),
    "8 members, 8 channels": Candidate(partial(Tiny, members=8)),
    "4 members, 8 channels, moved by 1 px": Candidate(Tiny, SHIFTED),
    "4 members, 8 channels, dropout 0.7": Candidate(partial(Tiny, dropout=0.7)),
    "one net, 16 channels, falling loss": Candidate(Plain, FALLING),
}


def uf1(labels: np.ndarray, told: np.ndarray) -> float:
    """Mean over classes of 2 TP / (2 TP + FP + FN), from pooled counts."""
    found = []
    for place in range(len(CLASSES)):
        true, said = labels == place, told == place
        found.append(2 * (true & said).sum() / (true.sum() + said.sum()))
    return float(np.mean(found))


def kernel_ridge(data: Composite, branches: Sequence[int]) -> float:
    """UF1 of a kernel ridge classifier, leaving one subject out."""
    told = np.empty(len(data.labels), dtype=int)
    maps = data.maps[:, list(branches)].astype(float)
    for train, test in leave_one_subject_out(data.people):
        mean, sd = (getattr(maps[train], f)((0, 3, 4), keepdims=True) for f in ("mean", "std"))
        x = ((maps - mean) / sd).reshape(len(maps), -1)
        squares = (x**2).sum(1)
        apart = squares[:, None] + squares[train] - 2 * x @ x[train].T
        kernel = np.exp(-apart / x.shape[1])
        counts = np.bincount(data.labels[train])
        damping = np.diag(counts[data.labels[train]] / counts.mean())
        target = 2 * np.eye(len(counts))[data.labels[train]] - 1
        weights = np.linalg.solve(kernel[train] + damping, target)
        told[test] = (kernel[test] @ weights).argmax(1)
    return uf1(data.labels, told)


def scores(
    name: str, data: Composite, seed: int, epochs: Sequence[int], folds: int, keep: Path | None
) -> Iterator[tuple[int, float]]:
    """Epochs, and UF1, of a candidate."""
    chosen = CANDIDATES[name]
    pairs = leave_one_subject_out(data.people) if not folds else k_folds(data.people, folds)
    done = train_folds(
        chosen.build, data.maps, data.labels, list(pairs), seed=seed,
        recipe=chosen.recipe, epochs=max(epochs), record_epochs=True,
        device="cpu", way="turn", keep=keep, arm=name,
    )  # fmt: skip
    assert done.by_epoch is not None
    for epoch in epochs:
        told = done.by_epoch[epoch - 1].argmax(1)
        yield epoch, uf1(data.labels, told)


def rows_of(variant: str, cohort: int, options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Scores of all candidates on one simulated composite."""
    data = make_composite(variant, cohort)
    where = {"data": f"{SIMULATED} {variant}", "cohort": cohort}
    for name, branches in (("kernel ridge, rising", [0]), ("kernel ridge, falling", [1])):
        yield where | {"candidate": name, "epochs": 0, "uf1": kernel_ridge(data, branches)}
    names = list(CANDIDATES)[: 2 if options.small else None]
    for name in options.only or names:
        epochs = (1, 2) if options.small else EPOCHS
        for epoch, score in scores(name, data, cohort, epochs, options.folds, options.keep):
            yield where | {"candidate": name, "epochs": epoch, "uf1": score}
            print(f"{variant} {cohort}: {name}, {epoch} epochs: UF1 {score:.3f}", flush=True)


def summary(rows: pd.DataFrame, folds: int) -> pd.DataFrame:
    """Mean over cohorts of each candidate, and of its difference from one net on the same ones."""
    key = ["data", "candidate", "epochs"]
    plain = rows[rows["candidate"] == ONE_NET].set_index(["data", "cohort", "epochs"])["uf1"]
    there = pd.MultiIndex.from_frame(rows[["data", "cohort", "epochs"]])
    rows = rows.assign(beyond_one_net=rows["uf1"] - plain.reindex(there).to_numpy())
    found = rows.groupby(key, sort=False).agg(
        cohorts=("uf1", "size"), uf1=("uf1", "mean"), uf1_sd=("uf1", "std"),
        beyond_one_net=("beyond_one_net", "mean"),
    ).reset_index()  # fmt: skip
    made = {"version": mebias.__version__, "date": date.today().isoformat()}
    found = found.assign(folds=folds or "one subject each", **made)
    return found.round({"uf1": 4, "uf1_sd": 4, "beyond_one_net": 4})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all candidates."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cohorts", type=int, default=4, help="composites of each variant (4)")
    parser.add_argument("--folds", type=int, default=5, help="by subject; 0: leave one out (5)")
    parser.add_argument("--only", action="append", choices=list(CANDIDATES))
    parser.add_argument("--small", action="store_true", help="two candidates, two epochs")
    parser.add_argument("--keep", type=Path, help="keep finished folds here, to go on later")
    parser.add_argument("--csv", type=Path, help="write the table here")
    options = parser.parse_args(arguments)
    rows = []
    for cohort in range(1 if options.small else options.cohorts):
        for variant in list(NOISE)[: 1 if options.small else None]:
            rows += rows_of(variant, cohort, options)
        table = summary(pd.DataFrame(rows), options.folds)
        if options.csv:
            options.csv.parent.mkdir(parents=True, exist_ok=True)
            table.to_csv(options.csv, index=False, lineterminator="\n")
    print(table.to_string(index=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
