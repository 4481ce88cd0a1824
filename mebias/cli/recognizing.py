"""Commands of recognition: recognize, gain."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mebias.cli.given_maps import check_sources, recognize_maps, training
from mebias.cli.shared import cache, data_options, dry_run, progress, say, writable, write
from mebias.errors import OptionError

if TYPE_CHECKING:
    import pandas as pd

    from mebias.cohort import Cohort
    from mebias.quantification.gain import Gains


def recognize(options: argparse.Namespace) -> None:
    """``mebias recognize``."""
    from mebias.pipeline import get_cohorts
    from mebias.quantification.gain import gain
    from mebias.recognition.arms import get_arms
    from mebias.recognition.experiment import recognize

    check_sources(options)
    if options.seeds < 1:
        raise OptionError(f"--seeds is {options.seeds}; expected 1 or more.")
    if options.inputs is not None:
        recognize_maps(options)
        return
    names = options.arms.split(",")
    arms = get_arms(names)
    (cohort,) = get_cohorts(options.dataset, **data_options(options, [options.dataset]))
    if options.dry_run:
        dry_run([cohort], [arm.source for arm in arms if arm.source != "human"], options.jobs or 1)
        return
    out = options.out or Path("reports") / cohort.manifest.id
    writable(out)
    predictions = recognize(
        cohort,
        names,
        keyframes=_selected(options, cohort),
        model=options.model,
        kind=options.maps,
        labels=options.classes,
        folds=options.folds,
        seeds=options.seeds,
        keep=out / ".folds",
        progress=progress(options),
        device=options.device,
        jobs=options.jobs,
        export_maps=out / "maps" if options.export_maps else None,
        **training(options),
    )
    write(out, {"predictions": predictions})
    if len(arms) < 2:
        say(options, f"{cohort.name}: predictions of one arm in {out}")
        return
    gains = gain(predictions, min_subjects=options.min_subjects, seed=options.seed)
    write(out, {"gains": gains.estimates, "gain_tests": gains.tests})
    say(options, f"{_summary(gains)}\ntables in {out}")


def _selected(options: argparse.Namespace, cohort: Cohort) -> pd.DataFrame:
    """Keyframes of all rules that the arms rest on."""
    import pandas as pd

    from mebias import tables
    from mebias.recognition.arms import get_arms, needed_rules
    from mebias.selection import reselect

    found = [
        reselect(
            cohort,
            rules,
            distance=distance,
            skip_bad_frames=options.skip_bad_frames,
            seed=options.seed,
            jobs=options.jobs or 1,
            cache=cache(options),
            progress=progress(options),
        )
        for distance, rules in needed_rules(get_arms(options.arms.split(","))).items()
    ]
    return pd.concat(found, ignore_index=True) if found else tables.empty("keyframes")


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
