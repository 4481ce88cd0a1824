"""Selection against a plain program that re-reads both frames of every pair.

    python benchmarks/selection_speed.py [--check] [--csv FILE]

Writes SIMULATED clips as JPEG to a temporary folder, runs the plain program, mebias and the
floor (decoding each needed frame once, on all cores) in turn, checks that the first two choose
the same frames, and prints medians of ratios beside the figures to hold. The plain program
uses one thread and OpenCV's norm; a global search takes it minutes, so that it runs on one clip
and counts by its pairs. On a machine that others use too, all threads together get the time of
one core: ratios to the plain program are then half of what they are on two free cores.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

import mebias
from mebias import tables
from mebias.selection.choose import Candidates, choose
from mebias.selection.distances import signed_squared
from mebias.selection.motion import locate, reduce_clip
from mebias.selection.pairs import PairDistances
from mebias.selection.rules import RULES, Rule, get_rules

Human = tuple[int, int, int]
HOLD = {"gamdss": 3.5, "gamdss-released": 3.5, "gamdss-wide": 8.0}
AROUND = 12
"""Frames around the labels in the clips of a global search, which then has 70 to 100."""
SHARES = tuple(f"gamdss:{share / 100:.2f}" for share in range(2, 52, 2))


def write_clips(
    root: Path, n_clips: int, size: tuple[int, int], color: bool, around: int = 0
) -> dict[str, Human]:
    """Write clips as JPEG, with frames around the labels, and return their human keyframes."""
    cohort = mebias.simulate("samm", n_subjects=2, n_clips=n_clips, size=size)
    frames = cohort.frames
    if color:
        frames = type(frames)(frames.seed, frames.size, frames.noise_sd, True, frames.plans)
    wide = cohort.keyframes.pivot_table(index="clip", columns="keyframe", values="frame")
    labels = {}
    for clip, row in wide[list(tables.KEYFRAMES)].iterrows():
        onset, apex, offset = (int(v) for v in row)
        labels[str(clip)] = (onset, apex, offset)
        folder = root / "frames" / str(clip)
        folder.mkdir(parents=True)
        for number in range(onset - around, offset + around + 1):
            cv2.imwrite(str(folder / f"{number}.jpg"), frames.read(str(clip), number))
    rows = [f"{c},{c.split('/')[0]},{o},{a},{f},200" for c, (o, a, f) in labels.items()]
    header = "clip,subject,onset,apex,offset,fps\n"
    (root / "annotations.csv").write_text(header + "\n".join(rows) + "\n", encoding="utf-8")
    return labels


def read(root: Path, clip: str, number: int) -> np.ndarray:
    """Decode one frame."""
    return cv2.imread(str(root / "frames" / clip / f"{number}.jpg"), cv2.IMREAD_UNCHANGED)


def bounds(rule: Rule, human: Human) -> list[range]:
    """Candidate frames of the three windows; the clip's own for the global rule."""
    if getattr(rule, "whole_clip", False):
        return [range(human[0] - AROUND, human[2] + AROUND + 1)] * 3
    windows = rule.windows(*human)
    return [range(low, high + 1) for low, high in map(windows.of, tables.KEYFRAMES)]


def plain(root: Path, clip: str, human: Human, rule: Rule) -> Human:
    """Both frames of every pair from disk, one norm a pair; ties as they come."""

    def distance(one: int, other: int) -> float:
        return cv2.norm(read(root, clip, one), read(root, clip, other), cv2.NORM_L2)

    onset, apex = max(pairs_of(rule, human), key=lambda pair: distance(pair[1], pair[0]))
    ordered = getattr(rule, "whole_clip", False)
    after = [f for f in bounds(rule, human)[2] if not ordered or f > apex]
    return onset, apex, max(after, key=lambda f: distance(apex, f))


def pairs_of(rule: Rule, human: Human) -> list[tuple[int, int]]:
    """Pairs of onset and apex that a rule compares."""
    onsets, apexes, offsets = bounds(rule, human)
    ordered = getattr(rule, "whole_clip", False)
    allowed = getattr(rule, "is_candidate", lambda *_: True)
    return [
        (o, a)
        for o in onsets
        for a in apexes
        if allowed(human, o, a) and (not ordered or o < a < offsets[-1])
    ]


def floor(root: Path, labels: dict[str, Human], rule: Rule, pool: ThreadPoolExecutor) -> None:
    """Decode each needed frame once, on all cores."""
    needed = [(c, n) for c, h in labels.items() for n in sorted(set().union(*bounds(rule, h)))]
    list(pool.map(lambda place: read(root, *place).shape, needed))


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """Seconds, and what was returned."""
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


class Table:
    """The rows that are printed and written."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []

    def add(self, work: str, against: str, ratio: float, hold: float, least: bool = True) -> None:
        """A ratio, and the least (or most) that it may be."""
        held = ratio >= hold if least else ratio <= hold
        sign = ">=" if least else "<="
        self.rows.append(
            {"work": work, "against": against, "ratio": round(ratio, 2), "hold": f"{sign} {hold:g}",
             "held": held}
        )  # fmt: skip
        print(
            f"{work}: {ratio:.2f}x {against} (hold {sign} {hold:g}{'' if held else ', NOT held'})"
        )


def compare_rule(table: Table, root: Path, labels: dict[str, Human], name: str, runs: int) -> None:
    """One rule over all clips: plain, mebias, floor, in turn."""
    rule = RULES[name]
    whole = name == "gamdss-global"
    cohort = mebias.load("folder", root)
    mebias.reselect(cohort, name)
    times: dict[str, list[float]] = {"plain": [], "mebias": [], "floor": []}
    count = {c: len(pairs_of(rule, h)) for c, h in labels.items()}
    few = sorted(labels, key=lambda c: count[c])[len(labels) // 2 :][:1] if whole else labels
    scale = sum(count.values()) / sum(count[c] for c in few)
    with ThreadPoolExecutor(2) as pool:
        for _ in range(runs):
            took, slow = timed(lambda: {c: plain(root, c, labels[c], rule) for c in few})
            times["plain"].append(took * scale)
            for _ in range(3):
                took, found = timed(lambda: mebias.reselect(cohort, name))
                times["mebias"].append(took)
                times["floor"].append(timed(lambda: floor(root, labels, rule, pool))[0])
    wide = found.pivot_table(index="clip", columns="keyframe", values="frame")
    fast = {c: tuple(wide.loc[c, list(tables.KEYFRAMES)].astype(int)) for c in few}
    same = sum(fast[c] == slow[c] for c in few)
    print(f"{name}: {same} of {len(few)} clips chosen alike")
    middle = {k: float(np.median(v)) for k, v in times.items()}
    over = float(np.median(np.divide(times["mebias"], times["floor"])))
    kind = "color" if read(root, *next((c, h[0]) for c, h in labels.items())).ndim == 3 else "grey"
    hold = 50.0 if whole else HOLD[name]
    most = (1.7 if kind == "color" else 1.4) if whole else 1.25
    work = f"{name}, {len(labels)} clips, {kind}"
    table.add(work, "faster than re-reading", middle["plain"] / middle["mebias"], hold)
    table.add(work, "the decoding floor", over, most, least=False)


def compare_many(table: Table, root: Path, labels: dict[str, Human]) -> None:
    """25 rules on one clip, read once, and from a matrix at hand."""
    clip, human = next(iter(labels.items()))
    cohort = mebias.load("folder", root)
    rules = get_rules(list(SHARES))
    slow, _ = timed(lambda: [plain(root, clip, human, rule) for rule in rules])
    fast = np.median(
        [timed(lambda: mebias.reselect(cohort, list(SHARES), clips=[clip]))[0] for _ in range(3)]
    )
    table.add("25 rules on one clip", "faster than re-reading", slow / fast, 35)
    frames = {n: read(root, clip, n) for n in range(human[0], human[2] + 1)}
    matrix = PairDistances(frames.__getitem__, signed_squared)
    matrix.block(list(frames), list(frames))

    def from_matrix() -> None:
        for rule in rules:
            windows = [[n for n in window if n in frames] for window in bounds(rule, human)]
            choose(matrix, human, Candidates(*windows))

    stored = np.median([timed(from_matrix)[0] for _ in range(5)])
    table.add("25 rules from a stored matrix", "faster than re-reading", slow / stored, 3000)


def compare_memory(table: Table, root: Path, labels: dict[str, Human]) -> None:
    """Peak memory of a global search against the frames themselves."""
    clip, human = max(labels.items(), key=lambda item: item[1][2] - item[1][0])
    cohort = mebias.load("folder", root)
    mebias.reselect(cohort, "gamdss-global", clips=[clip])
    stack = len(cohort.frames.numbers(clip)) * read(root, clip, human[0]).nbytes
    tracemalloc.start()
    mebias.reselect(cohort, "gamdss-global", clips=[clip])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    table.add("peak memory of a global search", "the clip's frames", peak / stack, 3, least=False)


def compare_cache(table: Table, root: Path) -> None:
    """The same selection a second time, from the cache."""
    cohort = mebias.load("folder", root)
    for rules in (["gamdss-global"], ["motion"]):
        mebias.reselect(cohort, rules)
        with tempfile.TemporaryDirectory() as kept:
            first, _ = timed(lambda r=rules, k=kept: mebias.reselect(cohort, r, cache=k))
            again = np.median(
                [
                    timed(lambda r=rules, k=kept: mebias.reselect(cohort, r, cache=k))[0]
                    for _ in range(3)
                ]
            )
        work = f"a second run of {rules[0]}, from the cache"
        table.add(work, "faster than the first", first / again, 20)


def time_motion(table: Table) -> None:
    """Seconds that the motion posterior takes a clip, beyond decoding, on one core."""
    cohort = mebias.simulate("samm", n_subjects=4, n_clips=8, size=(280, 340), fps=100)
    took = []
    for row in cohort.keyframes.pivot_table(
        index="clip", columns="keyframe", values="frame"
    ).itertuples():
        middle = int(row.onset + row.offset) // 2
        numbers = [n for n in cohort.frames.numbers(row.Index) if abs(n - middle) <= 35][:70]
        frames = [cohort.frames.read(row.Index, int(n)) for n in numbers]
        times = np.arange(len(frames)) * 10.0
        rng = np.random.default_rng(0)
        took.append(timed(lambda f=frames, t=times, r=rng: locate(reduce_clip(f, t), r))[0])
    seconds = float(np.median(took))
    table.add(
        "motion posterior, 70 frames of 280x340", "seconds a clip", seconds, 0.15, least=False
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all comparisons."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=30)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--check", action="store_true", help="exit 1 where a figure is not held")
    parser.add_argument("--csv", type=Path, help="write the table here")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    table = Table()
    with tempfile.TemporaryDirectory() as name:
        root, grey = Path(name) / "color", Path(name) / "grey"
        labels = write_clips(root, options.clips, (280, 340), color=True)
        for rule in HOLD:
            compare_rule(table, root, labels, rule, options.runs)
        compare_many(table, root, labels)
        compare_cache(table, root)
        few = max(3, options.clips // 2)
        whole = {"color": write_clips(Path(name) / "c", few, (280, 340), True, AROUND),
                 "grey": write_clips(grey, few, (400, 400), False, AROUND)}  # fmt: skip
        for kind, folder in (("color", Path(name) / "c"), ("grey", grey)):
            compare_rule(table, folder, whole[kind], "gamdss-global", min(options.runs, 2))
        compare_memory(table, Path(name) / "c", whole["color"])
    time_motion(table)
    found = pd.DataFrame(table.rows)
    if options.csv:
        made = found.assign(version=mebias.__version__, date=date.today().isoformat())
        options.csv.parent.mkdir(parents=True, exist_ok=True)
        made.to_csv(options.csv, index=False, lineterminator="\n")
    return int(options.check and not found["held"].all())


if __name__ == "__main__":
    sys.exit(main())
