"""Maps from the cache of keyframes against decoding, and selecting, in every epoch.

    python benchmarks/inputs_cache.py [--check] [--csv FILE]

Writes SIMULATED clips as JPEG to a temporary folder and takes all maps of an epoch in random
batches, in three ways in turn: from the cache (`mebias.recognition.inputs`), decoding the three
keyframes of each clip anew, and re-selecting them before. Checks that all give the same maps,
and prints ratios beside the figures to hold, and after how many epochs the cache has paid for
being filled. Maps are 28x28 differences, as the model `tiny` takes them; one thread.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

import mebias
from mebias import tables
from mebias.cohort import Cohort
from mebias.recognition.inputs import Inputs, make_inputs

SIZE, BATCH = 28, 32
HOLD = {"decoding": 40.0, "selecting and decoding": 100.0}
AROUND = 12
"""Frames on disk before the onset and after the offset."""


def write_clips(root: Path, n_clips: int, size: tuple[int, int]) -> Cohort:
    """Write clips as color JPEG in the layout of `folder`, and load them."""
    made = mebias.simulate("casme2", n_subjects=max(2, n_clips // 5), n_clips=n_clips, size=size)
    wide = made.keyframes.pivot_table(index="clip", columns="keyframe", values="frame")
    lines = ["clip,subject,emotion,onset,apex,offset,fps"]
    about = made.clips.set_index("clip")
    for clip, row in wide[list(tables.KEYFRAMES)].iterrows():
        onset, apex, offset = (int(v) for v in row)
        folder = root / "frames" / str(clip)
        folder.mkdir(parents=True)
        there = made.frames.numbers(str(clip))
        for number in there[(there >= onset - AROUND) & (there <= offset + AROUND)]:
            cv2.imwrite(str(folder / f"{number}.jpg"), made.frames.read(str(clip), int(number)))
        person, emotion, fps = about.loc[clip, ["subject", "emotion", "fps"]]
        lines.append(f"{clip},{person},{emotion},{onset},{apex},{offset},{fps:g}")
    (root / "annotations.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return mebias.load("folder", root)


def batches(n: int, seed: int) -> Iterator[np.ndarray]:
    """Clips in random order, some at a time."""
    order = np.random.default_rng(seed).permutation(n)
    for start in range(0, n, BATCH):
        yield order[start : start + BATCH]


def from_cache(inputs: Inputs, seed: int) -> np.ndarray:
    """One epoch from the cache; the last batch."""
    for rows in batches(len(inputs), seed):
        maps = inputs.maps("gamdss", rows)
    return maps


def decoding(cohort: Cohort, clips: Sequence[str], triples: dict[str, list[int]], seed: int):
    """One epoch, the three keyframes of each clip decoded and averaged anew; the last batch."""
    for rows in batches(len(clips), seed):
        maps = np.stack([decoded(cohort, clips[row], triples[clips[row]]) for row in rows])
    return maps


def decoded(cohort: Cohort, clip: str, triple: Sequence[int]) -> np.ndarray:
    """Rising and falling difference of one clip, straight from its files."""
    small = []
    for number in triple:
        grey = cv2.cvtColor(cohort.frames.read(clip, number), cv2.COLOR_BGR2GRAY)
        small.append(
            cv2.resize(grey.astype(np.float32), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        )
    onset, apex, offset = small
    return np.stack([apex - onset, apex - offset])[:, None]


def triples_of(keyframes: pd.DataFrame) -> dict[str, list[int]]:
    """Selected frames of each clip."""
    wide = keyframes.pivot_table(index="clip", columns="keyframe", values="frame")
    return {str(c): [int(v) for v in row] for c, row in wide[list(tables.KEYFRAMES)].iterrows()}


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """Seconds, and what was returned."""
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--check", action="store_true", help="exit 1 where a figure is not held")
    parser.add_argument("--csv", type=Path, help="write the table here")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        cohort = write_clips(Path(name), options.clips, (280, 340))
        selected = mebias.reselect(cohort)
        triples = triples_of(selected)
        filling, inputs = timed(lambda: make_inputs(cohort, {"human": None, "gamdss": selected}))
        clips = inputs.clips["clip"].tolist()
        took: dict[str, list[float]] = {"cache": [], **{way: [] for way in HOLD}}
        for epoch in range(options.epochs):
            plain, maps = timed(lambda e=epoch: decoding(cohort, clips, triples, e))
            took["decoding"].append(plain)
            choosing, _ = timed(lambda: triples_of(mebias.reselect(cohort)))
            took["selecting and decoding"].append(plain + choosing)
            many = [timed(lambda e=epoch: from_cache(inputs, e)) for _ in range(20)]
            took["cache"].append(float(np.median([seconds for seconds, _ in many])))
            np.testing.assert_allclose(many[0][1], maps, atol=1 / 64)
    print(f"{len(clips)} clips, maps alike in {options.epochs} epochs")
    for way, hold in HOLD.items():
        ratio = float(np.median(np.divide(took[way], took["cache"])))
        held = ratio >= hold
        print(f"cache: {ratio:.0f}x faster than {way} in every epoch "
              f"(hold >= {hold:g}{'' if held else ', NOT held'})")  # fmt: skip
        rows.append({"work": f"maps of {len(clips)} clips, one epoch", "against": way,
                     "ratio": round(ratio, 1), "hold": f">= {hold:g}", "held": held})  # fmt: skip
    paid = filling / (np.median(took["decoding"]) - np.median(took["cache"]))
    print(f"filling it, for two sources, takes as long as {paid:.1f} epochs of decoding")
    found = pd.DataFrame(rows)
    if options.csv:
        made = found.assign(version=mebias.__version__, date=date.today().isoformat())
        options.csv.parent.mkdir(parents=True, exist_ok=True)
        made.to_csv(options.csv, index=False, lineterminator="\n")
    return int(options.check and not found["held"].all())


if __name__ == "__main__":
    sys.exit(main())
