"""The command `coders`, and its options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mebias.cli import coding
from mebias.cli.options import (
    add_command,
    add_ethnicity,
    add_margin,
    add_min_subjects,
    add_out,
    add_seed,
)


def add_coders(commands: Any) -> None:
    """The command `coders`."""
    text = (
        "several coders over the same events: detection, timing, components, coder culture x "
        "ethnicity"
    )
    command = add_command(commands, "coders", text, coding.coders)
    command.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help="codings: subject, coder, onset, apex, offset in frames or onset_ms ..., and if "
        "wanted video, pass, event, order, fps; or ELAN's tab-separated export with tiers "
        "event@CODER and apex@CODER. Without FILE a SIMULATED study",
    )
    command.add_argument(
        "--coders",
        metavar="FILE.csv",
        type=Path,
        help="which culture each coder belongs to: a CSV with the columns coder, culture",
    )
    add_ethnicity(command)
    command.add_argument(
        "--fps", metavar="F", type=float, help="frames a second in rows that do not say it"
    )
    command.add_argument(
        "--overlap",
        metavar="SHARE",
        type=float,
        default=0.5,
        help="codings that share this part of the time they cover together are one event (0.5)",
    )
    add_margin(command)
    command.add_argument(
        "--plant",
        metavar="CULTURE,GROUP:onset,apex,offset",
        action="append",
        default=[],
        help="simulated study: error (ms) of a culture's coders (A, B) in a group (A, B)",
    )
    add_min_subjects(command)
    add_seed(command)
    add_out(command, "reports/<file>")
