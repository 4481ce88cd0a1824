"""Commands of calibration: calibrate selection, statistics, gain, coders."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from mebias.cli.shared import progress, say, writable, write
from mebias.errors import OptionError, per_cent

if TYPE_CHECKING:
    import pandas as pd

PARTS = ".parts"
"""Folder in the output folder that keeps finished cells for the next run."""


def calibrate_selection(options: argparse.Namespace) -> None:
    """``mebias calibrate selection``."""
    from mebias.provenance import version
    from mebias.simulation.reference import CELLS, REFERENCE
    from mebias.validation import selector_recovery, validate_selectors

    if options.clips < 6:
        raise OptionError(f"--clips is {options.clips}; expected 6 or more.")
    cells = options.cell or list(CELLS)
    out = output_folder(options)
    table = validate_selectors(
        cells,
        n_clips=options.clips,
        seed=options.seed,
        jobs=options.jobs,
        progress=progress(options),
    )
    found = {"selection": table}
    if REFERENCE in cells:
        found["selection_recovery"] = selector_recovery(
            n_clips=options.clips, seed=options.seed, jobs=options.jobs
        )
    made = {"version": version(), "date": date.today().isoformat(), "seed": options.seed}
    write(out, {name: rows.round(4).assign(**made) for name, rows in found.items()})
    shown = table[(table["split"] == "all") & (table["source"] == "motion")]
    lines = [
        f"{row['cell']}, {row['keyframe']}: motion errs by {row['mae_ms']:.1f} ms, "
        f"{row['ratio_human']:.2f} of the coders' error; {per_cent(row['coverage'])} of its 95 % "
        f"intervals hold the truth"
        for row in shown.to_dict("records")
    ]
    say(options, "\n".join(["SIMULATED cohorts", *lines, f"tables in {out}"]))


def calibrate_statistics(options: argparse.Namespace) -> None:
    """``mebias calibrate statistics``."""
    from mebias.validation.statistics import FULL, calibrate_statistics

    if options.recovery:
        _calibrate_recovery(options)
        return
    out = output_folder(options)
    table = calibrate_statistics(
        options.cell or (),
        n_cohorts=FULL if options.full else options.cohorts,
        seed=options.seed,
        jobs=options.jobs,
        parts=out / PARTS,
        progress=progress(options),
    )
    write(out, {"statistics": table})
    say(options, "\n".join(["SIMULATED cohorts", *_summary(table), f"table in {out}"]))


def calibrate_gain(options: argparse.Namespace) -> None:
    """``mebias calibrate gain``."""
    from mebias.validation import validate_gains

    if options.cohorts < 5:
        raise OptionError(f"--cohorts is {options.cohorts}; expected 5 or more.")
    out = output_folder(options)
    table = validate_gains(
        n_cohorts=options.cohorts,
        n_planted=max(5, options.cohorts // 5),
        seed=options.seed,
        jobs=options.jobs,
        progress=progress(options),
    )
    write(out, {"gain": table})
    lines = _summary(table.assign(weighting=""))
    say(options, "\n".join(["SIMULATED predictions", *lines, f"table in {out}"]))


def calibrate_coders(options: argparse.Namespace) -> None:
    """``mebias calibrate coders``."""
    from mebias.validation.coding import validate_coders

    out = output_folder(options)
    table = validate_coders(
        options.cell or (),
        n_studies=options.studies,
        seed=options.seed,
        jobs=options.jobs,
        parts=out / PARTS,
        progress=progress(options),
    )
    write(out, {"coders": table})
    say(options, "\n".join(["SIMULATED studies", *_summary(table), f"table in {out}"]))


def _calibrate_recovery(options: argparse.Namespace) -> None:
    """``mebias calibrate statistics --recovery``."""
    from mebias.provenance import version
    from mebias.validation.recovery import (
        FEWEST_CLIPS,
        N_CLIPS,
        N_COHORTS,
        corrects_table,
        validate_recovery,
    )

    if options.cell:
        raise OptionError("--recovery has no cells to choose; leave --cell out.")
    out = output_folder(options)
    kept = out / PARTS / "recovery"
    kept.mkdir(parents=True, exist_ok=True)
    table = validate_recovery(
        n_cohorts=N_COHORTS if options.full else max(options.cohorts // 5, 2),
        n_clips=N_CLIPS if options.full else max(options.cohorts // 20, FEWEST_CLIPS),
        seed=options.seed,
        jobs=options.jobs,
        progress=progress(options),
        folder=kept,
    )
    made = {"version": version(), "date": date.today().isoformat(), "seed": options.seed}
    found = {"recovery": table, "corrects": corrects_table(table)}
    write(out, {name: rows.round(4).assign(**made) for name, rows in found.items()})
    banded = table[table["met"] != ""]
    lines = [f"{int((banded['met'] == 'yes').sum())} of {len(banded)} promises meet their band"]
    for row in banded[banded["met"] == "no"].to_dict("records"):
        lines.append(
            f"  missed at {row['fps']:g} fps, {row['frames']}, {row['level']}, {row['labels']}: "
            f"{row['proof']} {row['rule']} {row['keyframe']}: {per_cent(row['value'], 1)}"
        )
    say(options, "\n".join(["SIMULATED cohorts", *lines, f"tables in {out}"]))


def output_folder(options: argparse.Namespace) -> Path:
    """Where the tables go; told at once where that cannot be."""
    out: Path = options.out or Path("reports") / "validation"
    writable(out, options.run.__name__)
    return out


def _summary(table: pd.DataFrame) -> list[str]:
    """How many rows meet their band, each that does not, and the failing control."""
    banded = table[table["met"] != ""]
    own, control = banded[~banded["control"]], banded[banded["control"]]
    lines = [_met(own, "intervals and tests"), _met(control, "row-level analyses, the control")]
    for row in own[own["met"] == "no"].to_dict("records"):
        name = " ".join(str(row[c]) for c in ("quantity", "weighting", "method") if row[c])
        lines.append(
            f"  missed in {row['cell']}: {name}: {row['measure']} {per_cent(row['value'], 1)} +- "
            f"{per_cent(row['mc_error'], 1)}, expected {per_cent(row['band_low'])} to "
            f"{per_cent(row['band_high'])}"
        )
    return lines


def _met(rows: pd.DataFrame, what: str) -> str:
    return f"{what}: {int((rows['met'] == 'yes').sum())} of {len(rows)} meet their band"
