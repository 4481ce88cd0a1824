"""Commands that look before anything is done, and their options."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from mebias.cli import looking
from mebias.cli.options import (
    add_command,
    add_data,
    add_frames,
    add_jobs,
    add_margin,
    add_min_subjects,
    add_out,
)


def add_power(commands: Any) -> None:
    """The command `power`."""
    text = "the smallest difference between groups that a dataset could find, and subjects needed"
    command = add_command(commands, "power", text, looking.power)
    command.add_argument("dataset", help="a dataset id, folder, or a manifest file")
    add_data(command)
    add_frames(command)
    command.add_argument("--rule", metavar="R", help="the rule whose shifts are looked at (gamdss)")
    command.add_argument("--distance", metavar="D", help="and their distance (signed)")
    command.add_argument(
        "--power",
        metavar="P",
        type=_share,
        default=0.8,
        help="probability to find a difference that is there (0.8)",
    )
    add_margin(command)
    add_jobs(command)
    command.add_argument("--skip-bad-frames", action="store_true", help="as in reselect")
    command.add_argument("--cache", metavar="DIR", type=Path, help="as in reselect")
    command.add_argument("--dry-run", action="store_true", help="print clips and frames, and stop")
    add_min_subjects(command)
    add_out(command, "reports/<dataset>")


def add_doctor(commands: Any) -> None:
    """The command `doctor`."""
    text = "versions, devices, data roots: what will work here and what will not"
    add_command(commands, "doctor", text, looking.doctor)


def _share(text: str) -> float:
    """A power between 0 and 1."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.05 < value < 1:
        raise ArgumentTypeError(f"{text!r} is not a power between 0.05 and 1")
    return value
