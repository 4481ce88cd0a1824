"""The command `relabel`, and its options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mebias.cli import relabeling
from mebias.cli.options import add_command, add_data, add_frames, add_jobs, add_out


def add_relabel(commands: Any) -> None:
    """The command `relabel`."""
    text = (
        "a packet of clips worth a second look, among controls, blind to labels and "
        "suggestions; with --read, what the second look says"
    )
    command = add_command(commands, "relabel", text, relabeling.relabel)
    command.add_argument("dataset", help="a dataset id, folder, or a manifest file")
    command.add_argument(
        "--budget", metavar="N", type=int, default=60, help="flagged clips, at most (60)"
    )
    command.add_argument(
        "--controls", metavar="N", type=int, default=60, help="clips without a flag (60)"
    )
    command.add_argument(
        "--fdr",
        metavar="Q",
        type=float,
        default=0.05,
        help="share of flags that may be false (0.05)",
    )
    command.add_argument(
        "--tolerance-ms",
        metavar="MS",
        type=float,
        help="how far a label may be off (the larger of 33 ms and two frames)",
    )
    command.add_argument(
        "--shifts",
        metavar="FILE.csv",
        type=Path,
        help="shifts with rows of motion-blind, as `reselect --rule motion-blind` writes them; "
        "else they are selected first",
    )
    command.add_argument(
        "--max-mb",
        metavar="MB",
        type=float,
        default=60.0,
        help="a larger page gets its frames as files beside it (60)",
    )
    command.add_argument(
        "--side",
        metavar="PX",
        type=int,
        default=640,
        help="larger frames are scaled down to this length of the longer side (640)",
    )
    command.add_argument(
        "--elan",
        action="store_true",
        help="the packet for ELAN too: relabel.eaf and a video",
    )
    command.add_argument(
        "--read",
        metavar="BACK.csv",
        nargs="+",
        type=Path,
        help="what coders saved (CSV or ELAN's .eaf): relabeled.csv, estimates.csv, tests.csv, "
        "issues.csv, errata.csv",
    )
    command.add_argument(
        "--key", metavar="FILE.csv", type=Path, help="the packet's key (relabel-key.csv in --out)"
    )
    command.add_argument(
        "--partial",
        action="store_true",
        help="with --read: clips may be missing",
    )
    add_data(command)
    add_frames(command)
    add_jobs(command)
    command.add_argument("--cache", metavar="DIR", type=Path, help="as in reselect")
    add_out(command, "reports/<dataset>-relabel")
