"""Commands and their options, as argparse knows them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mebias.cli import commands as run
from mebias.cli import selecting
from mebias.cli.calibrating_parser import add_calibrate
from mebias.cli.coding_parser import add_coders
from mebias.cli.looking_parser import add_doctor, add_power
from mebias.cli.options import (
    Parser,
    add_command,
    add_data,
    add_follow,
    add_frames,
    add_margin,
    add_merge_small,
    add_min_subjects,
    add_out,
    add_seed,
    add_selection,
    add_simulation,
    size,
)
from mebias.cli.plan_study_parser import add_plan_study
from mebias.cli.recognizing_parser import add_gain, add_recognize
from mebias.cli.relabel_parser import add_relabel

COMMANDS = (
    "datasets", "audit", "simulate", "reselect", "quantify", "recognize", "gain", "report",
    "export", "calibrate", "plan", "power", "coders", "relabel", "plan-study", "doctor",
)  # fmt: skip

_EPILOG = """\
examples:
  python -m mebias report 4dme                       a SIMULATED cohort of 4DME's shape
  python -m mebias report samm --root /data/samm     your copy of SAMM
  python -m mebias quantify shifts.csv --out results any table of human and selected frames

Data are looked for in --root, else in $MEBIAS_DATA/<dataset>; where neither is set, a
cohort of the dataset's published shape is simulated and everything says SIMULATED.
"""


def make_parser() -> Parser:
    """The parser of the whole command line."""
    parser = Parser(
        prog="python -m mebias",
        description="Compare human keyframes of micro-expressions with re-selected ones, per\n"
        "dataset and ethnicity, with uncertainty.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and stop")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_datasets(commands)
    _add_simulate(commands)
    _add_reselect(commands)
    _add_quantify(commands)
    add_recognize(commands)
    add_gain(commands)
    _add_report(commands)
    _add_audit(commands)
    _add_export(commands)
    add_calibrate(commands)
    _add_plan(commands)
    add_power(commands)
    add_coders(commands)
    add_relabel(commands)
    add_plan_study(commands)
    add_doctor(commands)
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object, **__: object) -> None:
        from mebias.provenance import version

        print(f"mebias {version()}")
        parser.exit()


def _add_datasets(commands: Any) -> None:
    text = "list the known datasets and where to ask for them"
    command = add_command(commands, "datasets", text, run.datasets)
    command.add_argument("name", nargs="?", help="one dataset: its whole card")
    command.add_argument(
        "--template",
        action="store_true",
        help="print a CSV subject,ethnicity to fill in, with the subjects found below --root",
    )
    command.add_argument("--root", metavar="DIR", type=Path, help="the dataset's folder")


def _add_simulate(commands: Any) -> None:
    text = "make a cohort with known truth, in a dataset's published shape"
    command = add_command(commands, "simulate", text, run.simulate)
    command.add_argument("dataset", help="whose shape, such as 4dme")
    add_simulation(command)
    add_seed(command)
    command.add_argument("--subjects", metavar="N", type=int, help="number of subjects")
    command.add_argument("--clips", metavar="N", type=int, help="number of clips")
    command.add_argument("--fps", metavar="F", type=float, help="frames a second")
    command.add_argument(
        "--size",
        metavar="HxW",
        type=size,
        default=(128, 128),
        help="height and width of the frames in pixels (128x128)",
    )
    command.add_argument(
        "--frames", action="store_true", help="write images too, in the layout of `folder`"
    )
    add_out(command, "reports/<dataset>-simulated")


def _add_reselect(commands: Any) -> None:
    text = "re-select the keyframes of a dataset: keyframes.csv and shifts.csv"
    command = add_command(commands, "reselect", text, selecting.reselect)
    command.add_argument("dataset", help="a dataset id, folder, or a manifest file")
    add_data(command)
    add_frames(command)
    add_selection(command, "gamdss")
    command.add_argument(
        "--nulls",
        action="store_true",
        help="also what the rule would do without annotation error, with mere noise in the "
        "labels, and at random: nulls.csv, and what is left beyond it: excess.csv",
    )
    command.add_argument(
        "--figures",
        metavar="N|CLIP",
        nargs="*",
        help="pictures too, of the N clips where human and selected frames disagree most (6), or "
        "of the clips named, into figures/clips; without --faces none shows a face",
    )
    command.add_argument(
        "--faces",
        action="store_true",
        help="with --figures: film strips as well; THEY SHOW FACES: mind whom you pass them to",
    )
    add_out(command, "reports/<dataset>")


def _add_quantify(commands: Any) -> None:
    text = "estimates and tests from a shifts table, or from two versions of the labels"
    command = add_command(commands, "quantify", text, run.quantify)
    command.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="one CSV with clip, subject, keyframe, human, selected, fps; or the old and the "
        "new annotation table",
    )
    command.add_argument(
        "--dataset", default="folder", help="two versions: whose tables they are (folder)"
    )
    add_seed(command)
    add_min_subjects(command)
    add_merge_small(command)
    add_follow(command)
    add_out(command, "reports/<file>")


def _add_report(commands: Any) -> None:
    text = "from a dataset to its report: HTML, figures, tables, findings"
    command = add_command(commands, "report", text, run.report)
    command.add_argument(
        "datasets",
        nargs="+",
        metavar="DATASET",
        help="a dataset id, folder, or a manifest file; several are reported together",
    )
    add_data(command)
    add_frames(command)
    add_selection(command, "gamdss, gamdss-released, motion-blind", "signed, uint8")
    command.add_argument(
        "--versions",
        nargs=2,
        metavar=("OLD", "NEW"),
        type=Path,
        help="report on two versions of the labels instead: the old and the new annotation table",
    )
    command.add_argument(
        "--recognizer",
        metavar="FORM",
        default="short",
        help="short: 5 folds by subject, 3 seeds; full: one subject left out, 5 seeds; none. "
        "Predictions of `recognize` in the output folder are used instead, if they are of the "
        "same data (short)",
    )
    command.add_argument(
        "--shareable",
        action="store_true",
        help="to pass on: pseudonyms for subjects and clips, no rows of single clips, small groups "
        "merged with others",
    )
    command.add_argument(
        "--compare",
        metavar="FINDINGS.json",
        type=Path,
        help="tell what changed since an earlier report: its findings.json, or its folder",
    )
    add_min_subjects(command)
    add_merge_small(command)
    add_follow(command)
    add_out(command, "reports/<dataset>")


def _add_audit(commands: Any) -> None:
    text = "everything about a dataset's labels that deserves a second look: issues.csv"
    command = add_command(commands, "audit", text, run.audit)
    command.add_argument("dataset", help="a dataset id, folder, or a manifest file")
    add_data(command)
    add_frames(command)
    command.add_argument(
        "--against",
        metavar="OLD",
        type=Path,
        help="an older table of the labels: what was edited since",
    )
    command.add_argument("--no-images", action="store_true", help="do not open any image")
    add_out(command, "reports/<dataset>")


def _add_export(commands: Any) -> None:
    text = "write re-selected keyframes back in the dataset's own format"
    command = add_command(commands, "export", text, run.export)
    command.add_argument("dataset", help="a dataset id, folder, or a manifest file")
    add_data(command)
    add_frames(command)
    add_selection(command, "gamdss")
    command.add_argument(
        "--keyframes", metavar="FILE.csv", type=Path, help="a keyframes table, instead of a rule"
    )
    command.add_argument(
        "--columns",
        choices=["replace", "beside"],
        default="replace",
        help="re-selected frames in the authors' columns (replace), or only beside them",
    )
    add_out(command, "reports/<dataset>-export")


def _add_plan(commands: Any) -> None:
    text = "print an analysis plan to follow later, from the labels alone: plan D > plan.toml"
    command = add_command(commands, "plan", text, run.plan)
    command.add_argument("dataset", help="a dataset id, folder, or a manifest file")
    add_data(command)
    command.add_argument(
        "--rule",
        metavar="R",
        default="gamdss",
        help="the rule whose shifts the tests rest on (gamdss)",
    )
    command.add_argument("--distance", metavar="D", help="and its distance (signed)")
    add_margin(command)
    add_min_subjects(command)
    add_merge_small(command)
    command.set_defaults(context=None, crops=None, boxes=None, crop=None, mask=None)
