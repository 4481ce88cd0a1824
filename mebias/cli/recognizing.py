"""Commands of recognition: gain."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mebias.cli.shared import say, writable, write

if TYPE_CHECKING:
    from mebias.quantification.gain import Gains


def gain(options: argparse.Namespace) -> None:
    """``mebias gain``."""
    from mebias.quantification.gain import gain
    from mebias.recognition.metrics import released_scores
    from mebias.recognition.predictions import read_predictions

    out = options.out or Path("reports") / options.file.stem
    predictions = read_predictions(options.file)
    gains = gain(
        predictions,
        against=options.against,
        min_subjects=options.min_subjects,
        seed=options.seed,
    )
    writable(out)
    gains.to_csv(out)
    write(out, {"released_scores": released_scores(predictions)})
    for message in gains.issues.loc[gains.issues["severity"] != "note", "message"]:
        print(f"mebias: {message}", file=sys.stderr)
    say(options, f"{_summary(gains)}\ntables in {out}")


def _summary(gains: Gains) -> str:
    """A line for the UF1 of each arm, and one for each gain in it."""
    whole = gains.headline()
    lines = [str(whole["dataset"].iloc[0])]
    for row in whole.to_dict("records"):
        what = "gains UF1" if row["quantity"] == "uf1_gain" else "UF1"
        lines.append(
            f"{row['arm']}: {what} {_number(row['estimate'])} ({_number(row['conf_low'])} to "
            f"{_number(row['conf_high'])}), {row['n_clips']:.0f} clips, {row['n_subjects']:.0f} "
            f"subjects"
        )
    for row in gains.conclusions[gains.conclusions["quantity"] == "uf1"].to_dict("records"):
        settled = f"; would settle it: {row['would_settle']}" if row["would_settle"] else ""
        lines.append(f"{row['arm']} against {row['against']}, UF1: {row['conclusion']}{settled}")
    return "\n".join(lines)


def _number(value: float) -> str:
    return "?" if math.isnan(value) else f"{value:.3f}"
