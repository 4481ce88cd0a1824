"""How the command recognize chooses epochs and folds, and what it writes and says of it."""

from __future__ import annotations

import argparse
import math
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mebias.cli.shared import progress, write
from mebias.errors import TrainingWarning, counted

if TYPE_CHECKING:
    import pandas as pd

    from mebias.recognition.arms import Arm
    from mebias.recognition.folds import Folds
    from mebias.recognition.inputs import Inputs
    from mebias.recognition.protocols import Protocols

_WORDS = {
    "cde": "leaving one subject out",
    "sde": "each dataset alone, leaving one subject out",
    "lodo": "leaving one dataset out",
}


def add_protocols(command: Any) -> None:
    """How epochs are chosen, and which clips train."""
    command.add_argument(
        "--inner",
        action="store_true",
        help="choose epochs on training subjects that are set aside, and draw the curves: "
        "curves.csv, curves.svg (a fixed number of epochs)",
    )
    command.add_argument(
        "--protocol",
        choices=["fixed", "released"],
        default="fixed",
        help="released: also pick the best epoch on the test subject, which LEAKS, and say what "
        "this and other released habits are worth: protocols.csv (fixed)",
    )
    across = command.add_mutually_exclusive_group()
    across.add_argument(
        "--sde", action="store_true", help="of several datasets, train on each alone (composite)"
    )
    across.add_argument(
        "--lodo", action="store_true", help="test each dataset by a model trained on the others"
    )


def evaluation(options: argparse.Namespace) -> str:
    """The protocol of several datasets that was asked for."""
    return "lodo" if options.lodo else "sde" if options.sde else "cde"


def scheme(classes: str | None) -> str | None:
    """A class scheme; a number of classes is short for its name.

    >>> scheme("3"), scheme("5-class")
    ('3-class', '5-class')
    """
    return f"{classes}-class" if classes and classes.isdecimal() else classes


def dealt(options: argparse.Namespace, inputs: Inputs) -> Folds:
    """The folds that are trained."""
    from mebias.recognition.folds import deal_folds

    return deal_folds(inputs.clips, evaluation(options), options.folds)


def run(
    options: argparse.Namespace, inputs: Inputs, arms: Sequence[Arm], out: Path, **training: Any
) -> Protocols:
    """Train, and write predictions, curves and what protocols are worth.

    Tables of a protocol that leaks say so in their names.
    """
    from mebias.quantification.habits import habit_rows
    from mebias.recognition.protocols import run_protocols

    # of a class that a fold lacks the caller has told by name
    warnings.filterwarnings("ignore", "no training clip of a class", TrainingWarning)
    done = run_protocols(
        inputs,
        arms,
        model=options.model,
        evaluation=evaluation(options),
        folds=options.folds,
        seeds=options.seeds,
        inner=options.inner,
        released=options.protocol == "released",
        keep=out / ".folds",
        progress=progress(options),
        device=options.device,
        jobs=options.jobs,
        **training,
    )
    main = clean(done)
    found = {"predictions": done.predictions[main]}
    others = [name for name in done.predictions if name != main]
    found |= {f"predictions_{n.replace('-', '_')}": done.predictions[n] for n in others}
    if others:
        found["protocols"] = habit_rows(done.predictions)
    if options.inner:
        found["curves"] = done.curves
        _draw(done, out)
    write(out, found)
    return done


def clean(done: Protocols) -> str:
    """The protocol whose predictions are the result: inner where asked for, else fixed."""
    return "inner" if "inner" in done.predictions else "fixed"


def _draw(done: Protocols, out: Path) -> None:
    from mebias.reporting.curve_figures import curve_plot
    from mebias.reporting.figure_style import save, style

    with style():
        save(curve_plot(done.curves, done.fixed, done.epochs), out, "curves")


def lines(options: argparse.Namespace, done: Protocols) -> list[str]:
    """What was chosen, and what the habits of the released protocol are worth."""
    from mebias import tables
    from mebias.quantification.habits import habit_rows

    found = []
    if options.inner:
        each = [epoch for fold, epoch in done.epochs.items() if fold != tables.ALL]
        found.append(
            f"epochs: an inner split of the training subjects chooses "
            f"{done.epochs[tables.ALL]} for all folds together, {min(each)} to {max(each)} for "
            f"single folds (used here); fixed: {done.fixed}"
        )
    if len(done.predictions) < 2:
        return found
    said = [row for row in habit_rows(done.predictions).to_dict("records")
            if row["quantity"] == "uf1" and _is_said(row, options)]  # fmt: skip
    for row in said:
        found.append(
            f"{'LEAKS, ' if row['leaks'] else ''}{row['arm']}, {row['habit']}: UF1 "
            f"{row['estimate']:.3f} instead of {row['clean']:.3f}, worth "
            f"{_signed(row['difference'])} ({_signed(row['conf_low'])} to "
            f"{_signed(row['conf_high'])})"
        )
    if options.protocol == "released":
        found.append(
            "what LEAKS is not to be reported; UAR, accuracy and the habits one by one: "
            "protocols.csv"
        )
    return found


def _is_said(row: dict[Any, Any], options: argparse.Namespace) -> bool:
    """Epochs chosen by the inner split; the best epoch, and all released habits together."""
    if row["leaks"]:
        released = row["protocol"] == "released" or row["habit"].startswith("all:")
        return bool(options.protocol == "released" and released)
    return bool(row["protocol"] == "inner")


def about(options: argparse.Namespace, inputs: Inputs, folds: Folds, epochs: int) -> str:
    """What was trained, in a line."""
    from mebias import tables

    how = _WORDS[evaluation(options)]
    if options.folds is not None:
        how = "k folds by subject" + (", each dataset alone" if options.sde else "")
    names = list(dict.fromkeys(inputs.clips["dataset"]))
    whole = tables.pooled_name(names)
    name = whole if len(names) == 1 else f"{whole} of {', '.join(map(str, names))}"
    return (
        f"{name}: {counted(len(inputs), 'clip')} of {counted(len(set(inputs.people)), 'subject')}, "
        f"classes {', '.join(inputs.classes)}; {options.model}, {how} "
        f"({counted(len(folds), 'fold')}), {counted(options.seeds, 'seed')}, "
        f"{counted(epochs, 'epoch')}"
    )


def price_line(options: argparse.Namespace, inputs: Inputs) -> str:
    """What the falling branch costs with the model that is trained."""
    from mebias.recognition.models import get_model
    from mebias.recognition.runs import map_shape
    from mebias.recognition.two_branch import price
    from mebias.recognition.ways import find_device

    model, shape = get_model(options.model), map_shape(options.model, inputs)
    device = find_device(options.device)
    backbone = model.build(shape[0], len(inputs.classes))
    large = model.size > LARGE and device == "cpu"
    found = price(backbone, shape, batch=1 if large else model.recipe.batch,
                  repeats=1 if large else 51, device=device)  # fmt: skip
    return f"two branches around {model.name}, one -> both: {found} to train on ({device})"


LARGE = 64
"""Maps beyond this size (pixels) are timed once and singly on a CPU."""


def tell(issues: pd.DataFrame) -> None:
    """Print what the user should know of, but for notes."""
    for message in issues.loc[issues["severity"] != "note", "message"]:
        print(f"mebias: {message}", file=sys.stderr)


def _signed(value: float) -> str:
    return "?" if math.isnan(value) else f"{value:+.3f}"
