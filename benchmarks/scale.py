"""How time and memory grow with the number of clips, in cohorts that are SIMULATED.

    python benchmarks/scale.py                     # time per clip at 1x, 4x, 16x; memory
    python benchmarks/scale.py --most 10000        # memory with 10,000 clips, too
    python benchmarks/scale.py --cohort 7526       # a report on a cohort of DFME's shape

Each figure is of a process of its own, and of its workers. ``select``: `mebias.reselect` with
``gamdss`` on clips of 32 x 32 pixels at 60 fps. ``report``: `mebias.report` on the same, without
``motion-blind``. ``cohort``: `mebias.report` as users run it, without the recognizer, on clips of
64 x 64 pixels at 300 fps.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from datetime import date
from pathlib import Path

import pandas as pd

import mebias
from mebias.provenance import version

BASE = 100
MINUTES, GIB = 60.0, 2.0
"""What a report on the whole cohort may take on two cores."""
DFME = (671, 7526)
"""Subjects and clips."""


def measure(work: str, clips: int, jobs: int) -> dict[str, object]:
    """Seconds and peak memory of some work, in a process of its own."""
    command = [sys.executable, __file__, "--one", work, str(clips), str(jobs)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    seconds, peak = float(str(found["seconds"])), float(str(found["peak_mib"]))
    print(
        f"{work}, {clips:,} clips, {jobs} worker{'s' * (jobs > 1)}: {seconds:.1f} s, "
        f"{1000 * seconds / clips:.1f} ms per clip, {peak:.0f} MiB",
        flush=True,
    )
    return found


def one(work: str, clips: int, jobs: int) -> dict[str, object]:
    """Do the work here; memory is that of this process and of as many of its largest worker."""
    warnings.simplefilter("ignore")
    start = time.perf_counter()
    subjects = max(12, round(clips * DFME[0] / DFME[1]))
    if work == "cohort":
        cohort = mebias.simulate("dfme", n_subjects=subjects, n_clips=clips, size=(64, 64))
    else:
        cohort = mebias.simulate("dfme", n_subjects=subjects, n_clips=clips, size=(32, 32), fps=60)
    with tempfile.TemporaryDirectory() as out:
        if work == "select":
            mebias.reselect(cohort, jobs=jobs)
        elif work == "report":
            mebias.report(cohort, out=out, recognizer="none", rule="gamdss", jobs=jobs)
        else:
            mebias.report(cohort, out=out, recognizer="none", jobs=jobs)
    seconds = time.perf_counter() - start
    own, theirs = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return {
        "work": work,
        "clips": clips,
        "jobs": jobs,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(own.ru_utime + own.ru_stime + theirs.ru_utime + theirs.ru_stime, 1),
        "ms_per_clip": round(1000 * seconds / clips, 2),
        "peak_mib": round((own.ru_maxrss + (jobs > 1) * jobs * theirs.ru_maxrss) / 1024),
    }


def main() -> int:
    """Print the figures; 1 where the whole cohort takes more than it may."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=1000, help="most clips for memory (1000)")
    parser.add_argument("--cohort", type=int, help="instead: a report on so many clips (7526)")
    parser.add_argument("--jobs", type=int, default=2, help="worker processes of it (2)")
    parser.add_argument("--csv", type=Path, help="add the figures to this table")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        work, clips, jobs = options.one
        print(json.dumps(one(work, int(clips), int(jobs))))
        return 0
    held = True
    if options.cohort:
        found = [measure("cohort", options.cohort, options.jobs)]
        minutes, gib = float(str(found[0]["seconds"])) / 60, float(str(found[0]["peak_mib"])) / 1024
        whole = minutes * DFME[1] / options.cohort
        held = whole <= MINUTES and gib <= GIB
        print(
            f"{minutes:.0f} min, {gib:.1f} GiB; {DFME[1]:,} clips at this rate: {whole:.0f} min "
            f"(hold {MINUTES:.0f} min and {GIB:g} GiB: {'held' if held else 'NOT held'})"
        )
    else:
        found = [measure("select", k * BASE, 1) for k in (1, 4, 16)]
        sizes = [n for n in (100, 1000, 10_000) if n <= options.most]
        found += [measure("report", n, 1) for n in sizes]
    if options.csv:
        made = pd.DataFrame(found).assign(version=version(), date=date.today().isoformat())
        if options.csv.is_file():
            kept = pd.read_csv(options.csv)
            keys = pd.MultiIndex.from_frame(made[["work", "clips", "jobs"]])
            old = pd.MultiIndex.from_frame(kept[["work", "clips", "jobs"]])
            made = pd.concat([kept[~old.isin(keys)], made], ignore_index=True)
        options.csv.parent.mkdir(parents=True, exist_ok=True)
        made.to_csv(options.csv, index=False)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
