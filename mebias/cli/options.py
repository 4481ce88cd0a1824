"""Options that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from mebias.errors import suggest


class Parser(argparse.ArgumentParser):
    """Tells a mistake in one sentence, without the page of usage that `--help` prints."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        # argparse looks types up here; its own words are "invalid float value".
        self.register("type", float, _number)
        self.register("type", int, _whole)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and where to read on."""
        self.exit(2, f"mebias: error: {message} ({self.prog} --help says more)\n")

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """Name arguments that no option takes, and the option that may have been meant."""
        options = [name for action in self._actions for name in action.option_strings]
        named = [word for word in unknown if word.startswith("-")]
        near = suggest(named[0].partition("=")[0], options) if named else ""
        self.error(f"unknown argument {' '.join(unknown)}{near}")


def add_command(commands: Any, name: str, text: str, run: Callable[..., None]) -> Any:
    """A command with its texts, and what every command has."""
    command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    command.set_defaults(run=run, parser=command)
    command.add_argument("--quiet", action="store_true", help="no progress, no summary")
    command.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return command


def add_out(command: Any, default: str) -> None:
    """Where results go."""
    command.add_argument("--out", metavar="DIR", type=Path, help=f"output folder ({default})")


def add_seed(command: Any) -> None:
    """The seed of everything random."""
    command.add_argument(
        "--seed",
        metavar="N",
        type=_seed,
        default=0,
        help="where random draws start: the same seed, the same results (0)",
    )


def add_data(command: Any) -> None:
    """Which data, which labels, and what is planted in simulated ones."""
    command.add_argument(
        "--root",
        metavar="DIR",
        action="append",
        default=[],
        help="the dataset's folder; for several datasets NAME=DIR, repeated",
    )
    add_ethnicity(command)
    command.add_argument(
        "--fps", metavar="F", type=float, help="frames a second, instead of the dataset's"
    )
    command.add_argument(
        "--labels",
        metavar="VERSION",
        help="which version of the authors' labels (see: datasets NAME)",
    )
    command.add_argument(
        "--errata",
        metavar="FILE.csv",
        nargs="?",
        const=True,
        help="apply corrections: those that come with mebias, or a CSV of your own",
    )
    add_simulation(command)
    add_seed(command)


def add_ethnicity(command: Any) -> None:
    """Who belongs to which group."""
    command.add_argument(
        "--ethnicity",
        metavar="FILE.csv",
        type=Path,
        help="who belongs to which group: a CSV with the columns subject, ethnicity",
    )


def add_margin(command: Any) -> None:
    """The smallest difference that matters."""
    command.add_argument(
        "--margin",
        metavar="MS",
        type=float,
        help="the smallest difference that matters, in ms (the larger of a frame and 10 ms)",
    )


def add_frames(command: Any) -> None:
    """Which frames, and what of them is looked at."""
    command.add_argument(
        "--context",
        metavar="DIR",
        type=Path,
        help="the untrimmed recordings, where clips were cut at their labels",
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
        "--mask",
        choices=["eyes", "mouth"],
        help="eyes: blank the eyes; mouth: blank all but the mouth",
    )


def add_simulation(command: Any) -> None:
    """How a cohort is simulated."""
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


def add_jobs(command: Any, default: int | None = 1, words: str = "worker processes (1)") -> None:
    """How many processes, or whose workers: both are ``jobs``."""
    whose = command.add_mutually_exclusive_group()
    whose.add_argument("--jobs", metavar="N", type=positive, default=default, help=words)
    whose.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        dest="jobs",
        default=argparse.SUPPRESS,
        help="instead: workers of the Dask cluster at tcp://HOST:PORT (extra [cluster])",
    )


def add_selection(command: Any, rules: str, distances: str = "signed") -> None:
    """Which rules select, on which distance; what is said of it when none is given."""
    command.add_argument(
        "--rule",
        metavar="R",
        action="append",
        help="how keyframes are re-selected: gamdss, gamdss-released, -later-apex, -wide, -narrow, "
        "-return, -symmetric, -global, jitter, least, motion, motion-blind; another share of the "
        "phase after a colon (gamdss:0.2), another definition of the keyframes "
        "(motion:onset=0.1,offset=0.2), or how far labels are expected to err, as an SD in ms "
        f"(motion:coder=40, or three: onset-apex-offset); may be repeated ({rules})",
    )
    command.add_argument(
        "--distance",
        metavar="D",
        action="append",
        help="how two frames are compared: signed (differences of brightness), uint8 (the same as "
        "8-bit arithmetic wraps them), stabilized (without flicker and head motion), flow "
        f"(optical flow); may be repeated ({distances})",
    )
    command.add_argument(
        "--skip-bad-frames",
        action="store_true",
        help="leave clips with missing or unreadable images out, instead of stopping at the first",
    )
    add_jobs(command)
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


def add_min_subjects(command: Any) -> None:
    """Which groups are large enough to be tested."""
    command.add_argument(
        "--min-subjects",
        metavar="N",
        type=int,
        default=5,
        help="smaller groups are described, not tested (5)",
    )


def add_merge_small(command: Any) -> None:
    """Whether the others are merged."""
    command.add_argument("--merge-small", action="store_true", help="merge smaller groups into one")


def add_follow(command: Any) -> None:
    """An analysis plan to follow."""
    command.add_argument(
        "--plan",
        metavar="FILE.toml",
        type=Path,
        help="follow an analysis plan (see: plan); options that contradict it are reported",
    )
    # None tells an option that was not given from one that repeats the default.
    command.set_defaults(seed=None, min_subjects=None)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def positive(text: str) -> int:
    """A whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def size(text: str) -> tuple[int, int]:
    """Height and width from `HxW`."""
    height, _, width = text.casefold().partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not HEIGHTxWIDTH, such as 128x128")
    return int(height), int(width)
