"""Commands and their options, as argparse knows them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mebias.cli import calibrating, recognizing, selecting
from mebias.cli import commands as run

COMMANDS = (
    "datasets", "audit", "simulate", "reselect", "quantify", "recognize", "gain", "report",
    "export", "calibrate", "plan",
)  # fmt: skip

_EPILOG = """\
examples:
  python -m mebias report 4dme                       a SIMULATED cohort of 4DME's shape
  python -m mebias report samm --root /data/samm     your copy of SAMM
  python -m mebias quantify shifts.csv --out results any table of human and selected frames

Data are looked for in --root, else in $MEBIAS_DATA/<dataset>; where neither is set, a
cohort of the dataset's published shape is simulated and everything says SIMULATED.
"""


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="python -m mebias",
        description="Compare human keyframes of micro-expressions with re-selected ones, per "
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
    _add_recognize(commands)
    _add_gain(commands)
    _add_report(commands)
    _add_audit(commands)
    _add_export(commands)
    _add_calibrate(commands)
    _add_plan(commands)
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object, **__: object) -> None:
        from mebias.provenance import version

        print(f"mebias {version()}")
        parser.exit()


def _command(commands: Any, name: str, text: str, run: Callable[..., None]) -> Any:
    command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    command.set_defaults(run=run)
    command.add_argument("--quiet", action="store_true", help="no progress, no summary")
    command.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return command


def _add_out(command: Any, default: str) -> None:
    command.add_argument("--out", metavar="DIR", type=Path, help=f"output folder ({default})")


def _add_seed(command: Any) -> None:
    command.add_argument("--seed", metavar="N", type=_seed, default=0, help="seed (0)")


def _add_data(command: Any) -> None:
    command.add_argument(
        "--root",
        metavar="DIR",
        action="append",
        default=[],
        help="the dataset's folder; for several datasets NAME=DIR, repeated",
    )
    command.add_argument("--ethnicity", metavar="FILE.csv", type=Path, help="subject, ethnicity")
    command.add_argument("--fps", metavar="F", type=float, help="override the frame rate")
    command.add_argument(
        "--labels", metavar="VERSION", help="version of the labels (see: datasets NAME)"
    )
    command.add_argument(
        "--errata",
        metavar="FILE.csv",
        nargs="?",
        const=True,
        help="apply corrections: those that come with mebias, or a CSV of your own",
    )
    _add_simulation(command)
    _add_seed(command)


def _add_frames(command: Any) -> None:
    command.add_argument(
        "--context", metavar="DIR", type=Path, help="untrimmed recordings of cut clips"
    )
    command.add_argument(
        "--crops", metavar="DIR", type=Path, help="cropped frames, in the layout of the dataset"
    )
    command.add_argument(
        "--boxes", metavar="FILE.csv", type=Path, help="clip,x,y,w,h: one box per clip to cut to"
    )
    command.add_argument(
        "--crop", choices=["auto"], help="auto: one box per clip from a face detector"
    )
    command.add_argument(
        "--mask", choices=["eyes", "mouth"], help="blank the eyes, or keep only the mouth"
    )


def _add_simulation(command: Any) -> None:
    command.add_argument(
        "--plant",
        metavar="GROUP:onset,apex,offset",
        action="append",
        default=[],
        help="simulated data: mean error (ms) that a group's coders make",
    )
    command.add_argument(
        "--trimmed", action="store_true", help="simulated data: clips cut at the human labels"
    )


def _add_jobs(command: Any) -> None:
    command.add_argument("--jobs", metavar="N", type=int, default=1, help="worker processes (1)")


def _add_selection(command: Any) -> None:
    command.add_argument(
        "--rule",
        metavar="R",
        action="append",
        help="gamdss, gamdss-released, -later-apex, -wide, -narrow, -return, -symmetric, -global, "
        "jitter, least, motion, motion-blind; another share of the phase after a colon "
        "(gamdss:0.2), or another definition of the keyframes (motion:onset=0.1,offset=0.2); may "
        "be repeated",
    )
    command.add_argument(
        "--distance",
        metavar="D",
        action="append",
        help="signed, uint8, stabilized (without flicker and head motion), flow (optical flow); "
        "may be repeated",
    )
    command.add_argument(
        "--skip-bad-frames",
        action="store_true",
        help="leave clips with missing or unreadable images out, instead of stopping at the first",
    )
    _add_jobs(command)
    command.add_argument(
        "--cache",
        metavar="DIR",
        type=Path,
        help="keep results of selection here, by the content of the frames ($MEBIAS_CACHE, else "
        "nothing is kept)",
    )
    command.add_argument(
        "--dry-run", action="store_true", help="print clips, frames, time and disk, and stop"
    )


def _add_datasets(commands: Any) -> None:
    text = "list the known datasets and where to ask for them"
    command = _command(commands, "datasets", text, run.datasets)
    command.add_argument("name", nargs="?", help="one dataset: its whole card")
    command.add_argument(
        "--template",
        action="store_true",
        help="print a CSV subject,ethnicity to fill in, with the subjects found below --root",
    )
    command.add_argument("--root", metavar="DIR", type=Path, help="the dataset's folder")


def _add_simulate(commands: Any) -> None:
    text = "make a cohort with known truth, in a dataset's published shape"
    command = _command(commands, "simulate", text, run.simulate)
    command.add_argument("dataset", help="whose shape, such as 4dme")
    _add_simulation(command)
    _add_seed(command)
    command.add_argument("--subjects", metavar="N", type=int, help="number of subjects")
    command.add_argument("--clips", metavar="N", type=int, help="number of clips")
    command.add_argument("--fps", metavar="F", type=float, help="frame rate")
    command.add_argument("--size", metavar="HxW", type=_size, default=(128, 128), help="(128x128)")
    command.add_argument(
        "--frames", action="store_true", help="write images too, in the layout of `folder`"
    )
    _add_out(command, "reports/<dataset>-simulated")


def _add_reselect(commands: Any) -> None:
    text = "re-select the keyframes of a dataset: keyframes.csv and shifts.csv"
    command = _command(commands, "reselect", text, selecting.reselect)
    command.add_argument("dataset", help="a dataset id, folder, or a manifest file")
    _add_data(command)
    _add_frames(command)
    _add_selection(command)
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
        "of the clips named, into figures/clips; THEY SHOW FACES: mind whom you pass them to",
    )
    _add_out(command, "reports/<dataset>")


def _add_quantify(commands: Any) -> None:
    text = "estimates and tests from a shifts table, or from two versions of the labels"
    command = _command(commands, "quantify", text, run.quantify)
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
    _add_seed(command)
    _add_min_subjects(command)
    _add_merge_small(command)
    _add_follow(command)
    _add_out(command, "reports/<file>")


def _add_recognize(commands: Any) -> None:
    text = "train a recognizer on human and on re-selected keyframes: predictions.csv, gains.csv"
    command = _command(commands, "recognize", text, recognizing.recognize)
    command.add_argument("dataset", help="a dataset id, folder, or a manifest file")
    command.add_argument(
        "--arms",
        metavar="A,B,...",
        default="human,gamdss,jitter",
        help="human, gamdss, gamdss-released, motion, jitter, least, posterior-draws or another "
        "rule, re-selected in training clips; gamdss@test, gamdss@both (human,gamdss,jitter)",
    )
    command.add_argument(
        "--model", default="tiny", help="tiny, two-branch, resnet or convnext (tiny)"
    )
    command.add_argument(
        "--maps", choices=["difference", "flow"], default="difference", help="(difference)"
    )
    command.add_argument("--classes", metavar="SCHEME", help="a class scheme, such as 3-class")
    command.add_argument("--seeds", metavar="N", type=int, default=5, help="runs of each arm (5)")
    command.add_argument(
        "--folds", metavar="K", type=int, help="K folds by subject (leave one subject out)"
    )
    command.add_argument("--epochs", metavar="N", type=int, help="passes over the clips (model's)")
    command.add_argument("--device", default="auto", help="cpu, cuda (auto)")
    _add_data(command)
    _add_frames(command)
    _add_jobs(command)
    command.add_argument("--skip-bad-frames", action="store_true", help="as in reselect")
    command.add_argument("--cache", metavar="DIR", type=Path, help="as in reselect")
    command.add_argument("--dry-run", action="store_true", help="print clips and frames, and stop")
    _add_min_subjects(command)
    _add_out(command, "reports/<dataset>")


def _add_gain(commands: Any) -> None:
    text = "scores of predictions, and what each arm gains: estimates.csv, tests.csv"
    command = _command(commands, "gain", text, recognizing.gain)
    command.add_argument(
        "file",
        type=Path,
        metavar="PREDICTIONS.csv",
        help="clip, subject, arm, label, predicted; if wanted seed, fold, dataset, ethnicity",
    )
    command.add_argument(
        "--against", metavar="ARM", default="human", help="arm to compare the others with (human)"
    )
    _add_seed(command)
    _add_min_subjects(command)
    _add_out(command, "reports/<file>")


def _add_report(commands: Any) -> None:
    text = "from a dataset to its report: HTML, figures, tables, findings"
    command = _command(commands, "report", text, run.report)
    command.add_argument("datasets", nargs="+", metavar="DATASET", help="4dme, samm, ...")
    _add_data(command)
    _add_frames(command)
    _add_selection(command)
    command.add_argument(
        "--versions",
        nargs=2,
        metavar=("OLD", "NEW"),
        type=Path,
        help="report on two versions of the labels instead: the old and the new annotation table",
    )
    _add_min_subjects(command)
    _add_merge_small(command)
    _add_follow(command)
    _add_out(command, "reports/<dataset>")


def _add_audit(commands: Any) -> None:
    text = "everything about a dataset's labels that deserves a second look: issues.csv"
    command = _command(commands, "audit", text, run.audit)
    command.add_argument("dataset", help="a dataset id, folder, or a manifest file")
    _add_data(command)
    _add_frames(command)
    command.add_argument(
        "--against", metavar="OLD", type=Path, help="an older table of the labels: look at edits"
    )
    command.add_argument("--no-images", action="store_true", help="do not open any image")
    _add_out(command, "reports/<dataset>")


def _add_export(commands: Any) -> None:
    text = "write re-selected keyframes back in the dataset's own format"
    command = _command(commands, "export", text, run.export)
    command.add_argument("dataset", help="a dataset id, folder, or a manifest file")
    _add_data(command)
    _add_frames(command)
    _add_selection(command)
    command.add_argument(
        "--keyframes", metavar="FILE.csv", type=Path, help="a keyframes table, instead of a rule"
    )
    command.add_argument(
        "--columns",
        choices=["replace", "beside"],
        default="replace",
        help="re-selected frames in the authors' columns (replace), or only beside them",
    )
    _add_out(command, "reports/<dataset>-export")


def _add_calibrate(commands: Any) -> None:
    text = "how far selectors and statistics hold in SIMULATED cohorts whose truth is known"
    command = commands.add_parser(
        "calibrate", help=text, description=text[0].upper() + text[1:] + "."
    )
    kinds = command.add_subparsers(metavar="WHAT", required=True)
    _add_calibrate_selection(kinds)
    _add_calibrate_statistics(kinds)
    _add_calibrate_gain(kinds)


def _add_calibrate_selection(kinds: Any) -> None:
    text = "how near selectors come to the truth: errors, and coverage of their intervals"
    command = _command(kinds, "selection", text, calibrating.calibrate_selection)
    command.add_argument(
        "--clips", metavar="N", type=int, default=300, help="clips of each cell (300)"
    )
    _add_calibration(command)


def _add_calibrate_statistics(kinds: Any) -> None:
    text = (
        "coverage of the intervals and level of the tests, beside those of an analysis that "
        "takes rows for independent; finished cells are kept in DIR/.parts and taken from there "
        "by the next run of the same size, seed and code"
    )
    command = _command(kinds, "statistics", text, calibrating.calibrate_statistics)
    size = command.add_mutually_exclusive_group()
    size.add_argument(
        "--cohorts",
        metavar="N",
        type=int,
        default=2000,
        help="cohorts of each cell; a fifth of them for bootstrap quantities (2000: minutes)",
    )
    size.add_argument("--full", action="store_true", help="10,000 cohorts of each cell")
    command.add_argument(
        "--recovery",
        action="store_true",
        help="instead: what is found of errors that were planted in filmed cohorts, and what is "
        "claimed where there are none (recovery.csv, corrects.csv)",
    )
    _add_calibration(command)


def _add_calibrate_gain(kinds: Any) -> None:
    text = "coverage of scores and gains of simulated predictions, level of the swap of arms"
    command = _command(kinds, "gain", text, calibrating.calibrate_gain)
    command.add_argument(
        "--cohorts",
        metavar="N",
        type=int,
        default=1000,
        help="cohorts of each cell; a fifth of them where an arm is stronger (1000)",
    )
    _add_seed(command)
    _add_out(command, "reports/validation")


def _add_calibration(command: Any) -> None:
    command.add_argument(
        "--cell",
        metavar="CELL",
        action="append",
        help="one cell only, as the table names it; may be repeated (all)",
    )
    _add_jobs(command)
    _add_seed(command)
    _add_out(command, "reports/validation")


def _add_min_subjects(command: Any) -> None:
    command.add_argument(
        "--min-subjects",
        metavar="N",
        type=int,
        default=5,
        help="smaller groups are described, not tested (5)",
    )


def _add_merge_small(command: Any) -> None:
    command.add_argument("--merge-small", action="store_true", help="merge smaller groups into one")


def _add_follow(command: Any) -> None:
    command.add_argument(
        "--plan",
        metavar="FILE.toml",
        type=Path,
        help="follow an analysis plan (see: plan); options that contradict it are reported",
    )
    # None tells an option that was not given from one that repeats the default.
    command.set_defaults(seed=None, min_subjects=None)


def _add_plan(commands: Any) -> None:
    text = "print an analysis plan to follow later, from the labels alone: plan D > plan.toml"
    command = _command(commands, "plan", text, run.plan)
    command.add_argument("dataset", help="a dataset id, folder, or a manifest file")
    _add_data(command)
    command.add_argument("--rule", metavar="R", default="gamdss", help="tests rest on it (gamdss)")
    command.add_argument("--distance", metavar="D", help="and on it (signed)")
    command.add_argument(
        "--margin", metavar="MS", type=float, help="what matters (the larger of a frame and 10 ms)"
    )
    _add_min_subjects(command)
    _add_merge_small(command)
    command.set_defaults(context=None, crops=None, boxes=None, crop=None, mask=None)


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.casefold().partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not HEIGHTxWIDTH, such as 128x128")
    return int(height), int(width)
