"""The command `plan-study`, and its options."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mebias.cli import planning
from mebias.cli.options import add_command, add_out

RATES = (25.0, 30.0, 60.0, 100.0, 200.0, 500.0, 1000.0)
"""Frame rates of cameras, which a range of frame rates takes."""
_FEW, _STEPS = 5, 4


def grid(text: str) -> list[float]:
    """Numbers of ``4``, ``2,4``, ``2..4`` or ``10..100:30``; both ends belong to a range.

    A range without a step takes all whole numbers where they are 5 or fewer, and 4 evenly
    spaced ones where they are more.

    >>> grid("2..4"), grid("10..100"), grid("30..200:85"), grid("30,200")
    ([2.0, 3.0, 4.0], [10.0, 40.0, 70.0, 100.0], [30.0, 115.0, 200.0], [30.0, 200.0])
    """
    found: list[float] = []
    for part in text.split(","):
        first, dots, rest = part.partition("..")
        last, colon, step = rest.partition(":")
        found += _between(text, first, last, step if colon else None) if dots else [
            _number(text, first)]  # fmt: skip
    return sorted(set(found))


def rates(text: str) -> list[float]:
    """Frame rates: as `grid`, but a range without a step takes those of common cameras.

    >>> rates("30..200")
    [30.0, 60.0, 100.0, 200.0]
    """
    first, dots, rest = text.partition("..")
    if not dots or ":" in rest or "," in text:
        return grid(text)
    low, high = _ends(text, first, rest)
    return sorted({low, high, *(r for r in RATES if low < r < high)})


def whole_grid(text: str) -> list[int]:
    """As `grid`, of whole numbers."""
    found = grid(text)
    if any(value != round(value) for value in found):
        raise argparse.ArgumentTypeError(f"{text!r} is not of whole numbers, such as 2..4 or 20,40")
    return [round(value) for value in found]


def shares(text: str) -> list[float]:
    """Percentages as shares.

    >>> shares("50..100:50")
    [0.5, 1.0]
    """
    return [value / 100 for value in grid(text.replace("%", ""))]


def errors(text: str) -> list[float]:
    """One number of ms, or three."""
    return [_number(text, part) for part in text.split(",")]


def _between(text: str, first: str, last: str, step: str | None) -> Sequence[float]:
    low, high = _ends(text, first, last)
    if step is None:
        whole = low == round(low) and high == round(high)
        if whole and high - low < _FEW:
            return [float(v) for v in range(round(low), round(high) + 1)]
        even = [low + (high - low) * k / (_STEPS - 1) for k in range(_STEPS)]
        return [float(round(v)) for v in even] if whole else even
    by = _number(text, step)
    if not by > 0:
        raise argparse.ArgumentTypeError(f"{text!r} has a step of {by:g}; expected one above 0")
    n = (high - low) / by
    if n > 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is more than 1000 values; take a larger step")
    found = [low + k * by for k in range(math.floor(n + 1e-9) + 1)]
    return found if abs(found[-1] - high) < 1e-9 * max(1.0, high) else [*found, high]


def _ends(text: str, first: str, last: str) -> tuple[float, float]:
    low, high = _number(text, first), _number(text, last)
    if low > high:
        raise argparse.ArgumentTypeError(
            f"{text!r} runs from {low:g} down to {high:g}; write the smaller number first"
        )
    return low, high


def _number(text: str, part: str) -> float:
    try:
        value = float(part)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number, a list or a range, such as 4, 2,4 or 2..4 or 10..100:30"
        )
    return value


def add_plan_study(commands: Any) -> None:
    """The command `plan-study`."""
    text = (
        "plan a study of coders: reachable tolerance, power for groups and coder cultures, cost, "
        "and a protocol"
    )
    command = add_command(commands, "plan-study", text, planning.plan_study)
    command.add_argument(
        "pilot",
        nargs="?",
        type=Path,
        metavar="PILOT.csv",
        help="codings of two coders or more, as `coders` reads them; without it the components "
        "are SIMULATED",
    )
    for name, kind, default, what in _GRIDS:
        shown = f"{what} ({default})".replace("%", "%%")
        command.add_argument(f"--{name}", metavar="A..B", type=kind, default=default, help=shown)
    command.add_argument(
        "--group", metavar="PERCENT", type=shares, default="50",
        help="subjects in the group that is contrasted with the others (50)",
    )  # fmt: skip
    for name, value, what in _GOALS:
        command.add_argument(f"--{name}", metavar="X", type=float, default=value,
                             help=f"{what} ({value:.3g})")  # fmt: skip
    command.add_argument(
        "--contrast", action="append", choices=["ethnicity", "culture"],
        help="contrast that needs the power; may be repeated (ethnicity)",
    )  # fmt: skip
    for name, what in _ASSUMED:
        command.add_argument(f"--{name}", metavar="MS[,MS,MS]", type=errors, help=what)
    command.add_argument("--pilot-fps", metavar="F", type=float, help="frame rate of a pilot "
                         "whose rows state none")  # fmt: skip
    add_out(command, "reports/study")


_Kind = Callable[[str], Sequence[float]]
_GRIDS: tuple[tuple[str, _Kind, str, str], ...] = (
    ("coders", whole_grid, "2..4", "coders of the team; 2..4, 2,4 or 2..8:2"),
    ("double-coded", shares, "10..100", "percent of the clips that all coders code"),
    ("fps", rates, "30..200", "frame rates; a range takes those of common cameras"),
    ("subjects", whole_grid, "20..80", "subjects"),
    ("clips", grid, "8", "mean number of clips per subject"),
)
_GOALS = (
    ("tolerance", 100 / 3, "95 %% of published labels are to lie within so many ms"),
    ("shift", 20.0, "contrast (ms) that is to be found"),
    ("power", 0.8, "probability to find it"),
    ("alpha", 0.05, "significance level, of the three keyframes together"),
    ("minutes", 15.0, "minutes per coding; state your own"),
    ("training-hours", 10.0, "hours of training per coder; state your own"),
)
_ASSUMED = (
    ("coder-group", "assumed SD of what a coder does to one group at onset, apex, offset (3,3,4)"),
    ("selector-sd", "assumed SD of the re-selected frame's error (20,15,25)"),
    ("subject-sd", "assumed SD of subjects' mean shifts that is not the coders' (5,5,5)"),
)
