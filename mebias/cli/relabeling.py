"""Command of the second look: relabel."""

from __future__ import annotations

import argparse
import math
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from mebias.cli.shared import cache, data_options, progress, say, writable, write, writing
from mebias.errors import OptionError, counted, listed, per_cent, suggest
from mebias.locking import hold

if TYPE_CHECKING:
    from mebias.cohort import Cohort
    from mebias.relabel import SecondLook
    from mebias.relabel.packet import Packet
    from mebias.relabel.publish import Written

_SIDE, _MB = 64, 1.0


def relabel(options: argparse.Namespace) -> None:
    """``mebias relabel``."""
    from mebias.pipeline import get_cohorts

    if options.read is None and (options.key or options.partial):
        raise OptionError("--key and --partial are about what comes back; give --read too.")
    (cohort,) = get_cohorts(options.dataset, **data_options(options, [options.dataset]))
    out = options.out or Path("reports") / f"{cohort.manifest.id}-relabel"
    hold(out)
    if options.read is not None:
        _read(options, cohort, out)
    else:
        _write(options, cohort, out)


def calibrate_relabel(options: argparse.Namespace) -> None:
    """``mebias calibrate relabel``."""
    from mebias.provenance import version
    from mebias.validation.relabeling import CELLS, validate_relabeling

    named = {cell.name: cell for cell in CELLS}
    unknown = [name for name in options.cell or () if name not in named]
    if unknown:
        raise OptionError(
            f"--cell {unknown[0]}: no such cell{suggest(unknown[0], named)}; the cells are "
            f"{listed(named, len(named))}."
        )
    out = options.out or Path("reports") / "validation"
    writable(out, options.run.__name__)
    table = validate_relabeling(
        n_packets=options.packets,
        n_clips=options.clips,
        seed=options.seed,
        jobs=options.jobs,
        cells=[named[name] for name in options.cell or named],
        progress=progress(options),
    )
    made = {"version": version(), "date": date.today().isoformat(), "seed": options.seed}
    write(out, {"relabel": table.round(4).assign(**made)})
    banded = table[table["met"] != ""]
    lines = [f"{int((banded['met'] == 'yes').sum())} of {len(banded)} promises meet their band"]
    shown = table[(table["keyframe"] == "all") & (table["quantity"] == "flag_precision")]
    for row in shown.to_dict("records"):
        lines.append(
            f"  {row['cell']}: {per_cent(row['value'])} of flags confirmed, "
            f"{per_cent(row['truth'])} right; covered {per_cent(row['coverage'], 1)}"
        )
    lines += [
        f"  {cell}: no label is flagged" for cell in table[table["n_packets"] == 0]["cell"].unique()
    ]
    say(options, "\n".join(["SIMULATED packets", *lines, f"table in {out}"]))


def _write(options: argparse.Namespace, cohort: Cohort, out: Path) -> None:
    from mebias import relabel, tables

    if options.side < _SIDE:
        raise OptionError(f"--side is {options.side}; expected {_SIDE} pixels or more.")
    if not _MB <= options.max_mb < math.inf:
        raise OptionError(f"--max-mb is {options.max_mb:g}; expected {_MB:g} or more.")
    shifts = tables.read_csv(options.shifts, "shifts") if options.shifts else None
    packet = relabel(
        cohort,
        shifts,
        budget=options.budget,
        controls=options.controls,
        fdr=options.fdr,
        tolerance_ms=options.tolerance_ms,
        seed=options.seed,
        jobs=options.jobs,
        cache=cache(options),
        progress=progress(options),
    )
    written = packet.write(
        out, max_mb=options.max_mb, side=options.side, elan=options.elan, progress=progress(options)
    )
    say(options, "\n".join(_told(options, packet, written)))


def _told(options: argparse.Namespace, packet: Packet, written: Written) -> list[str]:
    from mebias.relabel.publish import how_many_cut

    roles = packet.items["role"].value_counts()
    flagged, controls = int(roles.get("flagged", 0)), int(roles.get("control", 0))
    clips = packet.flags["clip"].nunique()
    lines = [
        f"{packet.cohort.name}: {counted(len(packet.flags), 'label')} in {counted(clips, 'clip')} "
        f"flagged; packet {packet.id} has {flagged} of these clips and "
        f"{counted(controls, 'control')}, shuffled",
        f"for coders: {written.page.parent} ({written.megabytes:.0f} MB)",
        f"stays with you: {written.key}, which tells the two apart",
    ]
    if written.files:
        lines.append(
            f"frames are in {counted(written.files, 'file')} beside the page, which would exceed "
            f"{options.max_mb:g} MB with them inside: hand over the whole folder"
        )
    if controls < options.controls:
        lines.append(f"no more than {counted(controls, 'clip')} without a flag")
    if how_many_cut(packet.key):
        n = int(packet.key.groupby("item")["cut"].any().sum())
        lines.append(
            f"{n} of {flagged + controls} clips are cut at their labels: an onset before the first "
            f"frame or an offset after the last one cannot be judged there"
        )
    shows = "simulated faces" if packet.cohort.simulated else "faces of participants"
    video = " and relabel.avi show" if options.elan else " shows"
    lines.append(f"{written.page.name}{video} {shows}; no other file does")
    return lines


def _read(options: argparse.Namespace, cohort: Cohort, out: Path) -> None:
    from mebias.relabel import read_key, second_look
    from mebias.relabel.publish import KEY

    key = read_key(options.key or out / KEY)
    found = second_look(cohort, key, options.read, partial=options.partial)
    writable(out)
    with writing(out):
        found.to_csv(out)
    for message in found.issues.loc[found.issues["severity"] != "note", "message"]:
        print(f"mebias: {message}", file=sys.stderr)
    say(options, "\n".join([*_headline(found, cohort), f"tables in {out}"]))


def _headline(found: SecondLook, cohort: Cohort) -> list[str]:
    labels, moved = found.labels, found.of("mean_absolute_move", arm="flagged")
    coded = labels[labels["outside"] != ""]
    lines = [
        f"{cohort.name}: {coded['item'].nunique()} of {labels['item'].nunique()} clips coded, "
        f"{int(coded['flagged'].sum())} flagged labels among {len(coded)}"
    ]
    for quantity, arm, text in (
        ("flag_precision", "flagged", "flagged labels that the second look puts beyond tolerance"),
        ("control_outside", "control", "the same of labels of controls"),
        ("flag_recall", "", "of all labels beyond tolerance, flagged"),
    ):
        row = found.of(quantity, arm=arm)
        why = f" ({row['reason']})" if row["reason"] else ""
        lines.append(f"{text}: {_share(row['estimate'], row['conf_low'], row['conf_high'])}{why}")
    if math.isfinite(moved["estimate"]):
        lines.append(f"flagged labels moved by {moved['estimate']:.0f} ms on average")
    for tested in found.tests.to_dict("records"):
        if math.isfinite(tested["estimate"]):
            nearer, low, high = (tested[c] for c in ("estimate", "conf_low", "conf_high"))
            lines.append(
                f"{tested['keyframe']}, flagged: {nearer:.0f} ms nearer to the suggestion than to "
                f"the old label ({low:.0f} to {high:.0f}, adjusted p {tested['p_adjusted']:.3f})"
            )
    rows = len(found.errata)
    lines.append(f"{counted(rows, 'correction')} in errata.csv, to be applied with --errata")
    return lines


def _share(value: float, low: float, high: float) -> str:
    if not math.isfinite(value):
        return "can't be told"
    if not math.isfinite(low):
        return f"{per_cent(value)}"
    return f"{per_cent(value)} [{per_cent(low)}, {per_cent(high)}]"
