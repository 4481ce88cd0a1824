"""The kinds of `calibrate`, and their options."""

from __future__ import annotations

from typing import Any

from mebias.cli import calibrating, calibrating_recognition, planning, relabeling
from mebias.cli.options import add_command, add_jobs, add_out, add_seed


def add_calibrate(commands: Any) -> None:
    """The command `calibrate`, with a sub-command for each thing that is checked."""
    text = "how far selectors and statistics hold in SIMULATED cohorts whose truth is known"
    command = commands.add_parser(
        "calibrate", help=text, description=text[0].upper() + text[1:] + "."
    )
    kinds = command.add_subparsers(metavar="WHAT", required=True)
    _add_calibrate_selection(kinds)
    _add_calibrate_statistics(kinds)
    _add_calibrate_gain(kinds)
    _add_calibrate_recognition(kinds)
    _add_calibrate_coders(kinds)
    _add_calibrate_relabel(kinds)
    _add_calibrate_plan_study(kinds)


def _add_calibrate_selection(kinds: Any) -> None:
    text = "how near selectors come to the truth: errors, and coverage of their intervals"
    command = add_command(kinds, "selection", text, calibrating.calibrate_selection)
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
    command = add_command(kinds, "statistics", text, calibrating.calibrate_statistics)
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
    command = add_command(kinds, "gain", text, calibrating.calibrate_gain)
    command.add_argument(
        "--cohorts",
        metavar="N",
        type=int,
        default=1000,
        help="cohorts of each cell; a fifth of them where an arm is stronger (1000)",
    )
    add_jobs(command)
    add_seed(command)
    add_out(command, "reports/validation")


def _add_calibrate_recognition(kinds: Any) -> None:
    text = (
        "what gains say of labels that err by a known amount: UF1 against label error, what is "
        "found where there is nothing to gain, and what retraining adds to an interval; finished "
        "cohorts are kept in DIR/.parts and taken from there by the next run of the same code"
    )
    run = calibrating_recognition.calibrate_recognition
    command = add_command(kinds, "recognition", text, run)
    size = command.add_mutually_exclusive_group()
    size.add_argument(
        "--cohorts",
        metavar="N",
        type=int,
        default=10,
        help="cohorts that each cell has its share of (10: about ten minutes on two free cores)",
    )
    size.add_argument("--full", action="store_true", help="200: about two hours")
    command.add_argument(
        "--seeds", metavar="N", type=int, default=1, help="training runs of each arm (1)"
    )
    _add_calibration(command)


def _add_calibrate_coders(kinds: Any) -> None:
    text = (
        "are planted biases of coders covered, is a planted culture x ethnicity effect found, and "
        "none where there is none; finished batches are kept in DIR/.parts"
    )
    command = add_command(kinds, "coders", text, calibrating.calibrate_coders)
    command.add_argument(
        "--studies", metavar="N", type=int, default=2000, help="studies of each cell (2000)"
    )
    _add_calibration(command)


def _add_calibrate_relabel(kinds: Any) -> None:
    text = "precision and recall of flags against truth, and what a second look says of them"
    command = add_command(kinds, "relabel", text, relabeling.calibrate_relabel)
    command.add_argument(
        "--packets", metavar="N", type=int, default=300, help="packets of each cell (300)"
    )
    command.add_argument(
        "--clips", metavar="N", type=int, default=240, help="clips filmed per frame rate (240)"
    )
    _add_calibration(command)


def _add_calibrate_plan_study(kinds: Any) -> None:
    text = "predicted tolerance and power of planned studies beside those of simulated ones"
    command = add_command(kinds, "plan-study", text, planning.calibrate_plan_study)
    command.add_argument(
        "--studies", metavar="N", type=int, default=1000, help="studies of each cell (1000)"
    )
    command.add_argument(
        "--cell", metavar="CELL", action="append",
        help="one cell only, as the table names it; may be repeated (all)",
    )  # fmt: skip
    add_jobs(command)
    add_seed(command)
    add_out(command, "reports/validation")


def _add_calibration(command: Any) -> None:
    command.add_argument(
        "--cell",
        metavar="CELL",
        action="append",
        help="one cell only, as the table names it; may be repeated (all)",
    )
    add_jobs(command)
    add_seed(command)
    add_out(command, "reports/validation")
