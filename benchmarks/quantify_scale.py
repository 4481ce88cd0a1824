"""How long `mebias.quantify` takes, and how that grows with the rows of the table.

    python benchmarks/quantify_scale.py
    python benchmarks/quantify_scale.py --million

Processor times of this process, the best of several calls. Random whole numbers stand in for
shifts: nothing here is data. With --million 10^6 rows are run once, in three shapes.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import pandas as pd

import mebias

KEYFRAMES = (("onset", 100), ("apex", 130), ("offset", 170))


def shifts(
    n_clips: int, n_subjects: int, n_groups: int = 3, sources: tuple[str, ...] = ("gamdss",)
) -> pd.DataFrame:
    """A table of three rows a clip and source: subjects of unequal sizes, windows of 8 frames."""
    rng = np.random.default_rng(n_clips)
    whose = np.r_[np.arange(n_subjects), rng.integers(0, n_subjects, n_clips - n_subjects)]
    own = rng.normal(0, 2, (n_subjects, len(KEYFRAMES)))
    group = np.arange(n_subjects) % n_groups
    parts = []
    for source in sources:
        for k, (keyframe, start) in enumerate(KEYFRAMES):
            human = start + rng.integers(0, 8, n_clips)
            drawn = np.rint(own[whose, k] + rng.normal(0, 3, n_clips))
            columns = {
                "dataset": "drawn",
                "clip": np.char.add("c", np.arange(n_clips).astype(str)),
                "subject": np.char.add("s", whose.astype(str)),
                "ethnicity": np.char.add("g", group[whose].astype(str)),
                "fps": 100.0,
                "source": source,
                "distance": "signed",
                "keyframe": keyframe,
                "human": human,
                "selected": human + np.clip(drawn, -8, 8),
                "window_low": human - 8,
                "window_high": human + 8,
            }
            parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def seconds(table: pd.DataFrame, calls: int = 1) -> float:
    """Best processor time of several calls."""
    taken = []
    for _ in range(calls):
        start = time.process_time()
        mebias.quantify(table)
        taken.append(time.process_time() - start)
    return min(taken)


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--million", action="store_true", help="10^6 rows in three shapes")
    options = parser.parse_args()
    print(f"159 clips, 29 subjects, 3 groups: {seconds(shifts(159, 29), 9):.2f} s")
    if not options.million:
        base = 4000
        times = [seconds(shifts(k * base, 100), 2) for k in (1, 4, 16)]
        shown = ", ".join(f"{3 * k * base:,} rows {t:.1f} s ({t / times[0]:.1f}x)"
                          for k, t in zip((1, 4, 16), times, strict=True))  # fmt: skip
        print(f"100 subjects: {shown}")
        return
    for words, table in (
        ("30 subjects", shifts(333_334, 30)),
        ("3,000 subjects", shifts(333_334, 3000)),
        ("3,000 subjects, 3 sources", shifts(111_112, 3000, sources=("gamdss", "least", "wide"))),
    ):
        start = time.perf_counter()
        taken = seconds(table)
        wall = time.perf_counter() - start
        print(f"{len(table):,} rows, {words}: {taken:.0f} s of processor time, {wall:.0f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory {peak:.1f} GiB")


if __name__ == "__main__":
    main()
