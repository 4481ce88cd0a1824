"""Command of selection: reselect."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mebias.cli.shared import cache, data_options, dry_run, progress, say, writable, write
from mebias.errors import OptionError, counted, listed

if TYPE_CHECKING:
    import pandas as pd

    from mebias.cohort import Cohort

_REASONS = 5


def reselect(options: argparse.Namespace) -> None:
    """``mebias reselect``."""
    from mebias.pipeline import get_cohorts
    from mebias.quantification import compare
    from mebias.quantification.disagreement import disagreement, sentences
    from mebias.quantification.excess import excess_estimates
    from mebias.selection import nulls, reselect

    (cohort,) = get_cohorts(options.dataset, **data_options(options, [options.dataset]))
    rules = options.rule or ["gamdss"]
    if options.dry_run:
        dry_run([cohort], [(rules, options.distance or ["signed"])], options.jobs)
        return
    out = options.out or Path("reports") / cohort.manifest.id
    writable(out)
    pictured = _pictured(options, cohort)
    keyframes = reselect(
        cohort,
        rules,
        distance=options.distance or "signed",
        skip_bad_frames=options.skip_bad_frames,
        seed=options.seed,
        jobs=options.jobs,
        cache=cache(options),
        progress=progress(options),
    )
    shifts = compare(cohort, keyframes)
    found = disagreement(shifts)
    made = {
        "keyframes": keyframes,
        "shifts": shifts,
        "issues": cohort.issues,
        **({"boxes": cohort.boxes} if cohort.boxes is not None else {}),
        "disagreement": found,
    }
    if options.nulls:
        drawn = nulls(
            cohort,
            rules,
            distance=options.distance or "signed",
            seed=options.seed,
            jobs=options.jobs,
            progress=progress(options),
        )
        made |= {"nulls": drawn, "excess": excess_estimates(shifts, drawn)}
    write(out, made)
    counts = keyframes.drop_duplicates(["source", "distance", "clip", "coder", "pass"])
    lines = [
        f"{', '.join(str(name) for name in key if name)}: {counted(len(part), 'clip')}, "
        f"{_failures(part)}"
        for key, part in counts.groupby(["source", "distance"], sort=False)
    ]
    say(options, "\n".join([cohort.name, *lines, *sentences(found), f"tables in {out}"]))
    if pictured is not None:
        _draw_clips(options, cohort, shifts, pictured, out / "figures" / "clips")


def _pictured(options: argparse.Namespace, cohort: Cohort) -> int | list[str] | None:
    """How many clips, or which, are to be drawn; None for none."""
    if options.figures is None:
        if options.faces:
            raise OptionError(
                "--faces adds film strips to the pictures of --figures; give --figures too, or "
                "leave --faces out."
            )
        return None
    if cohort.frames is None:
        print(
            f"mebias: {cohort.name} was read without frames: no picture can be drawn.",
            file=sys.stderr,
        )
        return None
    from mebias.reporting.clip_figures import which_clips

    return which_clips(cohort, options.figures)


def _draw_clips(
    options: argparse.Namespace,
    cohort: Cohort,
    shifts: pd.DataFrame,
    pictured: int | list[str],
    folder: Path,
) -> None:
    from mebias.reporting.clip_figures import most_disagreeing, write_clip_figures

    clips = most_disagreeing(shifts, pictured) if isinstance(pictured, int) else pictured
    paths, problems = write_clip_figures(
        cohort,
        clips,
        folder,
        rules=options.rule or ["gamdss"],
        distance=(options.distance or ["signed"])[0],
        seed=options.seed,
        faces=options.faces,
        progress=progress(options),
    )
    for problem in problems:
        print(f"mebias: {problem}", file=sys.stderr)
    faces = "faces among them" if options.faces else "no faces (--faces draws film strips)"
    files, shown = counted(len(paths), "file"), counted(len(clips), "clip")
    say(options, f"{files} with pictures of {shown}, {faces}, in {folder}")


def _failures(part: pd.DataFrame) -> str:
    """How many clips failed, which, and why; a line for each of the first reasons."""
    failed = part[part["status"] == "failed"]
    reasons = failed.groupby("reason", sort=False)["clip"].unique()
    lines = [f"  {listed(clips, 3)}: {reason}" for reason, clips in reasons.items()]
    if len(lines) > _REASONS:
        lines = [*lines[:_REASONS], "  and others, for reasons told in keyframes.csv"]
    return "\n".join([f"{len(failed)} failed", *lines])
