"""The commands of recognition, and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mebias.cli import recognizing
from mebias.cli.options import (
    add_command,
    add_data,
    add_frames,
    add_jobs,
    add_min_subjects,
    add_out,
    add_seed,
)
from mebias.cli.protocols import add_protocols


def add_recognize(commands: Any) -> None:
    """The command `recognize`."""
    text = "train a recognizer on human and on re-selected keyframes: predictions.csv, gains.csv"
    command = add_command(commands, "recognize", text, recognizing.recognize)
    command.add_argument(
        "dataset",
        nargs="*",
        help="a dataset id, folder, or a manifest file; several are one composite",
    )
    _add_maps(command)
    command.add_argument(
        "--arms",
        metavar="A,B,...",
        default="human,gamdss,jitter",
        help="human, gamdss, gamdss-released, motion, jitter, least, posterior-draws or another "
        "rule, re-selected in training clips; gamdss@test, gamdss@both; human+falling, "
        "human+rising: with or without the falling branch's loss (human,gamdss,jitter)",
    )
    command.add_argument(
        "--model", default="tiny", help="tiny, two-branch, resnet or convnext (tiny)"
    )
    command.add_argument(
        "--maps",
        choices=["difference", "flow"],
        default="difference",
        help="what is recognized: the difference between two frames, or optical flow (difference)",
    )
    command.add_argument(
        "--classes",
        metavar="SCHEME",
        help="which emotions are told apart, as the dataset's card lists them: 3-class, or 3",
    )
    command.add_argument("--seeds", metavar="N", type=int, default=5, help="runs of each arm (5)")
    command.add_argument(
        "--folds", metavar="K", type=int, help="K folds by subject (leave one subject out)"
    )
    command.add_argument(
        "--epochs", metavar="N", type=int, help="passes over the training clips (the model's own)"
    )
    add_protocols(command)
    command.add_argument("--device", default="auto", help="cpu, cuda (auto)")
    add_data(command)
    add_frames(command)
    add_jobs(command, None, "worker processes (training: one per core)")
    command.add_argument("--skip-bad-frames", action="store_true", help="as in reselect")
    command.add_argument("--cache", metavar="DIR", type=Path, help="as in reselect")
    command.add_argument("--dry-run", action="store_true", help="print clips and frames, and stop")
    add_min_subjects(command)
    add_out(command, "reports/<dataset>")


def _add_maps(command: Any) -> None:
    """Maps of one's own, in and out."""
    command.add_argument(
        "--inputs",
        metavar="MAPS.npz",
        type=Path,
        help="maps of your own instead of a dataset: clip (ids, unicode), rising and, if wanted, "
        "falling (clips x channels x height x width)",
    )
    command.add_argument(
        "--clips",
        metavar="CLIPS.csv",
        type=Path,
        help="to --inputs: clip, subject, label; if wanted dataset, ethnicity",
    )
    command.add_argument(
        "--falling-loss", action="store_true", help="train on the falling maps, too (rising alone)"
    )
    command.add_argument(
        "--export-maps", action="store_true", help="write the maps of each arm, as --inputs reads"
    )


def add_gain(commands: Any) -> None:
    """The command `gain`."""
    text = "scores of predictions, and what each arm gains: estimates.csv, tests.csv"
    command = add_command(commands, "gain", text, recognizing.gain)
    command.add_argument(
        "file",
        type=Path,
        metavar="PREDICTIONS.csv",
        help="clip, subject, arm, label, predicted; if wanted seed, fold, dataset, ethnicity",
    )
    command.add_argument(
        "--against", metavar="ARM", default="human", help="arm to compare the others with (human)"
    )
    add_seed(command)
    add_min_subjects(command)
    add_out(command, "reports/<file>")
