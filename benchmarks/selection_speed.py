"""Selection against a plain baseline that re-reads every frame of every pair.

    python benchmarks/selection_speed.py

Writes a SIMULATED cohort of JPEG clips to a temporary folder, runs both in turn on one
core, checks that they choose the same frames, and prints the ratio and the distance to
the floor: decoding each needed frame once.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

import mebias
from mebias import tables
from mebias.selection.rules import RULES

TIMED = ("gamdss", "gamdss-released")


def write_clips(root: Path, n_clips: int, size: tuple[int, int]) -> dict[str, tuple[int, int, int]]:
    """Write clips as JPEG and return their human keyframes."""
    cohort = mebias.simulate("samm", n_subjects=4, n_clips=n_clips, size=size)
    wide = cohort.keyframes.pivot_table(index="clip", columns="keyframe", values="frame")
    labels = {}
    for clip, row in wide[list(tables.KEYFRAMES)].iterrows():
        labels[str(clip)] = tuple(int(v) for v in row)
        folder = root / "frames" / str(clip)
        folder.mkdir(parents=True)
        for number in cohort.frames.numbers(str(clip)):
            cv2.imwrite(str(folder / f"{number}.jpg"), cohort.frames.read(str(clip), int(number)))
    rows = [f"{c},{c.split('/')[0]},{o},{a},{f},200" for c, (o, a, f) in labels.items()]
    header = "clip,subject,onset,apex,offset,fps\n"
    (root / "annotations.csv").write_text(header + "\n".join(rows) + "\n", encoding="utf-8")
    return labels


def read(root: Path, clip: str, number: int) -> np.ndarray:
    """Decode one frame."""
    return cv2.imread(str(root / "frames" / clip / f"{number}.jpg"), cv2.IMREAD_UNCHANGED)


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """The plain norm, in doubles."""
    return float(np.linalg.norm(a.astype(np.float64) - b))


def baseline(root: Path, clip: str, human: tuple[int, int, int], rule: str) -> tuple[int, ...]:
    """Both frames of every pair from disk, one norm a pair."""
    windows = RULES[rule].windows(*human)
    best, chosen = -1.0, human[:2]
    for onset in range(windows.onset[0], windows.onset[1] + 1):
        for apex in range(windows.apex[0], windows.apex[1] + 1):
            value = distance(read(root, clip, apex), read(root, clip, onset))
            if value > best:
                best, chosen = value, (onset, apex)
    last, offset = -1.0, human[2]
    for frame in range(windows.offset[0], windows.offset[1] + 1):
        value = distance(read(root, clip, chosen[1]), read(root, clip, frame))
        if value > last:
            last, offset = value, frame
    return (*chosen, offset)


def floor(root: Path, clip: str, human: tuple[int, int, int], rule: str) -> None:
    """Decode each needed frame once."""
    windows = RULES[rule].windows(*human)
    needed = {n for k in tables.KEYFRAMES for n in range(windows.of(k)[0], windows.of(k)[1] + 1)}
    for number in needed:
        read(root, clip, number)


def main() -> None:
    """Time the three ways in turn and print ratios of medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        labels = write_clips(root, options.clips, (340, 280))
        cohort = mebias.load("folder", root)
        for rule in TIMED:
            times: dict[str, list[float]] = {"baseline": [], "mebias": [], "floor": []}
            for _ in range(options.runs):
                start = time.perf_counter()
                slow = {c: baseline(root, c, h, rule) for c, h in labels.items()}
                times["baseline"].append(time.perf_counter() - start)
                start = time.perf_counter()
                table = mebias.reselect(cohort, rule)
                times["mebias"].append(time.perf_counter() - start)
                start = time.perf_counter()
                for clip, human in labels.items():
                    floor(root, clip, human, rule)
                times["floor"].append(time.perf_counter() - start)
            wide = table.pivot_table(index="clip", columns="keyframe", values="frame")
            fast = {c: tuple(wide.loc[c, list(tables.KEYFRAMES)].astype(int)) for c in labels}
            same = sum(fast[c] == slow[c] for c in labels)
            medians = {k: float(np.median(v)) for k, v in times.items()}
            print(
                f"{rule}: {medians['baseline'] / medians['mebias']:.1f}x faster than re-reading, "
                f"{medians['mebias'] / medians['floor']:.2f}x the decoding floor; "
                f"{same} of {len(labels)} clips chosen alike"
            )


if __name__ == "__main__":
    main()
