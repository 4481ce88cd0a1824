"""The command recognize, where maps come from a file instead of a dataset's frames."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mebias.cli import protocols
from mebias.cli.shared import say, writable, write
from mebias.errors import OptionError, counted

if TYPE_CHECKING:
    from mebias.recognition.inputs import Inputs


def check_sources(options: argparse.Namespace) -> None:
    """Refuse a command with no data, or with two.

    Raises
    ------
    OptionError
        Neither a dataset nor maps, both, or maps without the clips that they belong to.
    """
    if (options.inputs is None) != (options.clips is None):
        lacking = "--clips CLIPS.csv" if options.clips is None else "--inputs MAPS.npz"
        raise OptionError(
            f"{lacking} is missing: maps of your own need a table of clip, subject and label, "
            f"and such a table needs maps."
        )
    if options.inputs is None and not options.dataset:
        raise OptionError("name a dataset, or give --inputs MAPS.npz with --clips CLIPS.csv.")
    if options.inputs is not None and (options.dataset or options.export_maps):
        what = " ".join(options.dataset) or "--export-maps"
        raise OptionError(
            f"both {what} and --inputs are given; maps are either made from a dataset or read."
        )


def recognize_maps(options: argparse.Namespace) -> None:
    """``mebias recognize --inputs MAPS.npz --clips CLIPS.csv``."""
    import pandas as pd

    from mebias import tables
    from mebias.quantification.gain import gain
    from mebias.recognition.arms import Arm
    from mebias.recognition.folds import absent_classes
    from mebias.recognition.maps_file import ARM, check_fit, read_maps

    inputs = read_maps(options.inputs, options.clips)
    check_fit(inputs, options.model)
    folds = protocols.dealt(options, inputs)
    for message in inputs.issues["message"]:
        print(f"mebias: {message}", file=sys.stderr)
    if options.dry_run:
        runs = f"{counted(len(folds), 'fold')} x {counted(options.seeds, 'seed')}"
        print(f"{_what(inputs)}; {runs}; nothing was written.")
        return
    out = options.out or Path("reports") / options.inputs.stem
    writable(out)
    absent = absent_classes(folds, inputs.labels, inputs.classes, str(inputs.clips["dataset"][0]))
    arm = Arm(ARM, ARM, "both")
    done = protocols.run(options, inputs, [arm], out, **training(options))
    predictions = done.predictions[protocols.clean(done)]
    gains = gain(predictions, min_subjects=options.min_subjects, seed=options.seed)
    issues = [inputs.issues, tables.from_rows(absent, "issues"), gains.issues]
    found = pd.concat([table for table in issues if len(table)] or issues[:1], ignore_index=True)
    write(out, {"estimates": gains.estimates, "issues": found})
    for message in gains.issues.loc[gains.issues["severity"] != "note", "message"]:
        print(f"mebias: {message}", file=sys.stderr)
    whole = gains.estimates[gains.estimates["ethnicity"] == tables.ALL]
    trained = f"{counted(len(folds), 'fold')}, {counted(options.seeds, 'seed')}, {options.model}"
    lines = [f"{_what(inputs)}; {trained}"]
    for quantity in ("uf1", "uar", "accuracy"):
        row = whole[whole["quantity"] == quantity].iloc[0]
        lines.append(
            f"{quantity} {row['estimate']:.3f} ({row['conf_low']:.3f} to {row['conf_high']:.3f})"
        )
    lines += protocols.lines(options, done)
    say(options, "\n".join([*lines, f"tables in {out}"]))


def training(options: argparse.Namespace) -> dict[str, object]:
    """Settings of the recipe that were asked for; the model's own otherwise."""
    found: dict[str, object] = {}
    if options.epochs is not None:
        found["epochs"] = options.epochs
    if options.falling_loss:
        found["falling_loss"] = True
    return found


def _what(inputs: Inputs) -> str:
    people = counted(len(set(inputs.people)), "subject")
    return f"{counted(len(inputs), 'clip')} of {people}, classes {', '.join(inputs.classes)}"
