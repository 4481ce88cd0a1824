"""Commands of recognition: recognize, gain."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mebias.cli import protocols
from mebias.cli.given_maps import check_sources, recognize_maps, training
from mebias.cli.shared import cache, data_options, dry_run, progress, say, writable, write, writing
from mebias.errors import OptionError, counted

if TYPE_CHECKING:
    import pandas as pd

    from mebias.cohort import Cohort
    from mebias.quantification.gain import Gains


def recognize(options: argparse.Namespace) -> None:
    """``mebias recognize``."""
    import pandas as pd

    from mebias import tables
    from mebias.pipeline import get_cohorts
    from mebias.quantification.gain import gain
    from mebias.recognition.arms import get_arms, needed_rules
    from mebias.recognition.folds import absent_classes
    from mebias.recognition.maps_file import write_maps
    from mebias.recognition.runs import arm_inputs

    check_sources(options)
    if options.seeds < 1:
        raise OptionError(f"--seeds is {options.seeds}; expected 1 or more.")
    if options.inputs is not None:
        recognize_maps(options)
        return
    names = options.arms.split(",")
    arms = get_arms(names)
    cohorts = get_cohorts(options.dataset, **data_options(options, options.dataset))
    if options.dry_run:
        asked = [(rules, [distance]) for distance, rules in needed_rules(arms).items()]
        dry_run(cohorts, asked, options.jobs or 1)
        subjects = sum(cohort.clips["subject"].nunique() for cohort in cohorts)
        folds = len(cohorts) if options.lodo else min(options.folds or subjects, subjects)
        runs = ((len(arms), "arm"), (options.seeds, "seed"), (folds, "fold"))
        print(f"Training comes on top: {' x '.join(counted(n, name) for n, name in runs)}.")
        return
    out = options.out or Path("reports") / "-".join(cohort.manifest.id for cohort in cohorts)
    writable(out)
    inputs, arms = arm_inputs(
        cohorts,
        names,
        keyframes=_selected(options, cohorts),
        model=options.model,
        kind=options.maps,
        labels=protocols.scheme(options.classes),
        seeds=options.seeds,
        skip_bad_frames=options.skip_bad_frames,
        progress=progress(options),
    )
    folds = protocols.dealt(options, inputs)
    protocols.tell(inputs.issues)
    whole = tables.pooled_name(inputs.clips["dataset"])
    absent = absent_classes(folds, inputs.labels, inputs.classes, whole)
    for source in inputs.sources if options.export_maps else ():
        write_maps(inputs, out / "maps", source)
    done = protocols.run(options, inputs, arms, out, **training(options))
    predictions = done.predictions[protocols.clean(done)]
    if len(cohorts) == 1 and not options.inner:
        _record(options, cohorts[0], names, out)
    gains = gain(predictions, min_subjects=options.min_subjects, seed=options.seed)
    issues = [inputs.issues, tables.from_rows(absent, "issues"), gains.issues]
    write(out, {
        "gains": gains.estimates,
        "gain_tests": gains.tests,
        "gain_conclusions": gains.conclusions,
        "issues": tables.conform(pd.concat(issues, ignore_index=True), "issues"),
    })  # fmt: skip
    protocols.tell(gains.issues)
    say(options, "\n".join([
        protocols.about(options, inputs, folds, done.fixed),
        protocols.price_line(options, inputs),
        *_summary(gains).splitlines()[1:],
        *protocols.lines(options, done),
        f"tables in {out}",
    ]))  # fmt: skip


def _record(options: argparse.Namespace, cohort: Cohort, names: list[str], out: Path) -> None:
    """What the predictions are of, so that a report can use them."""
    from mebias.recognition.record import OWN, make_record, write_record

    made = make_record(
        cohort,
        seed=options.seed,
        form=OWN,
        arms=names,
        folds=options.folds,
        seeds=options.seeds,
        model=options.model,
        maps=options.maps,
        labels=protocols.scheme(options.classes),
        epochs=options.epochs,
    )
    write_record(made, out)


def _selected(options: argparse.Namespace, cohorts: Sequence[Cohort]) -> pd.DataFrame:
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
        for cohort in cohorts
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
    with writing(out):
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
            f"{_number(row['conf_high'])}), {counted(row['n_clips'], 'clip')}, "
            f"{counted(row['n_subjects'], 'subject')}"
        )
    lines += _by_dataset(gains)
    for row in gains.conclusions[gains.conclusions["quantity"] == "uf1"].to_dict("records"):
        settled = f"; would settle it: {row['would_settle']}" if row["would_settle"] else ""
        lines.append(f"{row['arm']} against {row['against']}, UF1: {row['conclusion']}{settled}")
    return "\n".join(lines)


def _by_dataset(gains: Gains) -> list[str]:
    """UF1 of each arm in each of several datasets."""
    from mebias import tables

    e = gains.estimates
    own = e[e["quantity"].eq("uf1") & e["ethnicity"].eq(tables.ALL)]
    own = own[own["dataset"] != e["dataset"].iloc[0]]
    return [
        f"{row['dataset']}, {row['arm']}: UF1 {_number(row['estimate'])} "
        f"({_number(row['conf_low'])} to {_number(row['conf_high'])}), "
        f"{counted(row['n_clips'], 'clip')}, {counted(row['n_subjects'], 'subject')}"
        for row in own.to_dict("records")
    ]


def _number(value: float) -> str:
    return "?" if math.isnan(value) else f"{value:.3f}"
