"""What each command does with its options."""

from __future__ import annotations

import argparse
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from mebias.cli.shared import (
    cache,
    data_options,
    dry_run,
    plants,
    progress,
    say,
    writable,
    write,
    write_text,
    writing,
)
from mebias.errors import OptionError, counted
from mebias.locking import hold

if TYPE_CHECKING:
    from mebias.quantification import Findings
    from mebias.quantification.following import Followed

_ROBUSTNESS_ROWS = 100_000
"""Tables with more rows get no influence, power and specification tables unasked."""


def datasets(options: argparse.Namespace) -> None:
    """``mebias datasets``."""
    from mebias.datasets import datasets_table
    from mebias.manifests import card, get_manifest

    if options.name is None:
        if options.template:
            raise OptionError("--template needs a dataset: mebias datasets samm --template.")
        table = datasets_table()[["id", "name", "clips", "subjects", "fps", "modality", "data"]]
        print(table.to_string(index=False, na_rep="-", float_format=lambda v: f"{v:g}"))
        print(
            "\nmebias datasets NAME shows a card: citation, license, where to ask, what is known."
        )
        return
    if options.template:
        _print_template(options)
        return
    for name, text in card(get_manifest(options.name)):
        print(textwrap.fill(f"{name}: {text}", 100, subsequent_indent="    "))


def _print_template(options: argparse.Namespace) -> None:
    from mebias.datasets import load, resolve_root, template

    root = resolve_root(options.name, options.root)
    if root is None:
        print(template([]))
        print("mebias: with --root DIR the subjects of your copy are listed too.", file=sys.stderr)
        return
    print(template(sorted(load(options.name, root, fps=1.0).clips["subject"].unique())))


def audit(options: argparse.Namespace) -> None:
    """``mebias audit``."""
    from mebias.audit import audit as look
    from mebias.audit import summary_text
    from mebias.pipeline import get_cohorts

    (cohort,) = get_cohorts(options.dataset, **data_options(options, [options.dataset]))
    out = options.out or Path("reports") / cohort.manifest.id
    writable(out)
    issues = look(cohort, against=options.against, images=not options.no_images)
    write(out, {"issues": issues})
    say(options, f"{summary_text(issues, cohort)}\n\ntable: {out / 'issues.csv'}")


def export(options: argparse.Namespace) -> None:
    """``mebias export``."""
    from mebias.export import export as write_back
    from mebias.pipeline import get_cohorts
    from mebias.selection import reselect as select

    if options.keyframes is not None and options.rule:
        raise OptionError("--keyframes gives the frames and --rule chooses them; give one.")
    if options.keyframes is not None and options.dry_run:
        raise OptionError("--dry-run is about re-selecting; with --keyframes nothing is selected.")
    (cohort,) = get_cohorts(options.dataset, **data_options(options, [options.dataset]))
    if cohort.root is None:
        raise OptionError(
            f"{cohort.name} is simulated and has no authors' file to write back to; give --root "
            f"DIR, or write the simulation with: python -m mebias simulate "
            f"{options.dataset} --frames."
        )
    if options.dry_run:
        asked = [(options.rule or ["gamdss"], options.distance or ["signed"])]
        dry_run([cohort], asked, options.jobs)
        return
    out = options.out or Path("reports") / f"{cohort.manifest.id}-export"
    hold(out, beside=True)
    keyframes = options.keyframes
    if keyframes is None:
        keyframes = select(
            cohort,
            options.rule or "gamdss",
            distance=options.distance or "signed",
            skip_bad_frames=options.skip_bad_frames,
            seed=options.seed,
            jobs=options.jobs,
            cache=cache(options),
            progress=progress(options),
        )
    written = write_back(
        cohort, keyframes, out, columns=options.columns, progress=progress(options)
    )
    counts = written.table["status"].value_counts()
    states = ", ".join(f"{count} {status}" for status, count in counts.items())
    files = "\n".join(f"  {path}" for path in [*written.train, *written.test])
    say(options, f"{cohort.name}: keyframes {states}\n{files}")


def simulate(options: argparse.Namespace) -> None:
    """``mebias simulate``."""
    from mebias.simulation import simulate, write_folder

    cohort = simulate(
        options.dataset,
        seed=options.seed,
        trimmed=options.trimmed,
        plant=plants(options.plant),
        n_subjects=options.subjects,
        n_clips=options.clips,
        fps=options.fps,
        size=options.size,
    )
    out = options.out or Path("reports") / f"{cohort.manifest.id}-simulated"
    if options.frames:
        hold(out, beside=True)
        write_folder(cohort, out, progress=progress(options))
        say(options, f"{cohort.name}: {counted(len(cohort), 'clip')} with frames in {out}")
        return
    writable(out)
    assert cohort.truth is not None and cohort.planted is not None
    write(out, {
        "clips": cohort.clips,
        "keyframes": cohort.keyframes,
        "truth": cohort.truth,
        "planted_errors": cohort.planted,
        "issues": cohort.issues,
    })  # fmt: skip
    say(options, f"{cohort!r}\ntables in {out}")


def plan(options: argparse.Namespace) -> None:
    """``mebias plan``."""
    from mebias.pipeline import get_cohorts
    from mebias.quantification.plan import make_plan
    from mebias.quantification.plan_file import plan_text
    from mebias.selection.distances import get_distance
    from mebias.selection.rules import get_rules

    (rule,) = get_rules(options.rule)
    # A rule that locates keyframes by a model compares no frames, and has no distance.
    distance = "" if hasattr(rule, "locate") else options.distance or "signed"
    if distance:
        get_distance(distance)
    (cohort,) = get_cohorts(options.dataset, **data_options(options, [options.dataset]))
    made = make_plan(
        cohort.clips,
        rule=options.rule,
        distance=distance,
        margin_ms=options.margin,
        min_subjects=options.min_subjects,
        merge_small=options.merge_small,
        seed=options.seed,
    )
    print(plan_text(made, cohort.clips), end="")


def _follow(options: argparse.Namespace) -> Followed | None:
    """The plan, if one is to be followed; seed and group size are set from it or by default."""
    from mebias.quantification.following import follow

    given = {"seed": options.seed, "min_subjects": options.min_subjects}
    followed = follow(options.plan, given) if options.plan else None
    options.seed = followed.plan.seed if followed else options.seed or 0
    if followed:
        options.min_subjects = followed.plan.min_subjects
    elif options.min_subjects is None:
        options.min_subjects = 5
    return followed


def _record(out: Path, table: Path, followed: Followed, findings: Findings) -> None:
    """Provenance of what was quantified after a plan."""
    from mebias.provenance import file_hash, record
    from mebias.reporting.files import as_json

    plan = followed.plan
    arguments: dict[str, object] = {"seed": plan.seed, "min_subjects": plan.min_subjects}
    arguments |= followed.record(findings)
    read = {table.name: file_hash(table)}
    made = record("quantify", arguments, {name: read for name in findings.datasets})
    write_text(out / "provenance.json", as_json(made))


def _print_deviations(findings: Findings) -> None:
    from mebias.quantification.following import CHECK

    issues = findings.issues
    for message in issues.loc[issues["check"] == CHECK, "message"]:
        print(f"mebias: {message}", file=sys.stderr)


def quantify(options: argparse.Namespace) -> None:
    """``mebias quantify``."""
    from mebias import tables
    from mebias.label_versions import compare_versions
    from mebias.quantification import quantify
    from mebias.quantification.following import quantify_planned

    if len(options.files) > 2:
        raise OptionError("quantify takes one shifts table, or two versions of the labels.")
    if options.merge_small and (options.plan or len(options.files) == 2):
        raise OptionError(
            "--merge-small is for one shifts table; a plan says itself whether groups are merged."
        )
    if len(options.files) == 2 and options.plan:
        raise OptionError("--plan is followed with one shifts table, not with two versions.")
    followed = _follow(options)
    out = options.out or Path("reports") / options.files[-1].stem
    if len(options.files) == 2:
        versions = compare_versions(*options.files, dataset=options.dataset)
        findings = versions.quantify(seed=options.seed, min_subjects=options.min_subjects)
        extra = {
            "shifts": versions.shifts,
            "transitions": versions.transitions,
            "subjects": versions.subjects,
        }
    else:
        shifts = tables.read_csv(options.files[0], "shifts")
        if followed is not None:
            findings = quantify_planned(shifts, followed)
        else:
            findings = quantify(
                shifts,
                seed=options.seed,
                min_subjects=options.min_subjects,
                merge_small=options.merge_small,
            )
        extra = {}
    writable(out)
    with writing(out):
        findings.to_csv(out, robustness=len(findings.shifts) <= _ROBUSTNESS_ROWS)
        write(out, extra)
        if followed is not None:
            _record(out, options.files[0], followed, findings)
    if followed is not None:
        _print_deviations(findings)
    say(options, "\n".join([_headline(findings), f"tables in {out}", *_more(findings)]))


def report(options: argparse.Namespace) -> None:
    """``mebias report``."""
    from mebias.label_versions import report_versions
    from mebias.measuring import check_form
    from mebias.pipeline import DEFAULT_DISTANCES, DEFAULT_RULES, get_cohorts, report

    given = {"seed": options.seed, "min_subjects": options.min_subjects, "plan": options.plan}
    if options.plan and (options.versions or len(options.datasets) > 1):
        raise OptionError("--plan is for the report of one dataset, not of several or versions.")
    if options.merge_small and (options.plan or options.versions):
        raise OptionError(
            "--merge-small is for a report of shifts; a plan says itself whether groups are merged."
        )
    check_form(options.recognizer)
    followed = _follow(options)
    if options.versions:
        if len(options.datasets) > 1:
            raise OptionError("--versions compares two tables of one dataset; name one.")
        if options.shareable:
            raise OptionError("--shareable is for a report of shifts, not for one of --versions.")
        if options.compare:
            raise OptionError("--compare is for a report of shifts, not for one of --versions.")
        made = report_versions(
            *options.versions,
            dataset=options.datasets[0],
            out=options.out,
            seed=options.seed,
            min_subjects=options.min_subjects,
        )
        say(options, f"report: {made.path}")
        return
    cohorts = get_cohorts(options.datasets, **data_options(options, options.datasets))
    rules = {"rule": options.rule} if options.rule else {}
    distances = {"distance": options.distance} if options.distance else {}
    if options.dry_run:
        asked = [(options.rule or DEFAULT_RULES, options.distance or DEFAULT_DISTANCES)]
        dry_run(cohorts, asked, options.jobs)
        print("Nulls, tests, figures and, unless --recognizer is none, training come on top.")
        return
    made = report(
        cohorts,
        out=options.out,
        skip_bad_frames=options.skip_bad_frames,
        recognizer=options.recognizer,
        since=options.compare,
        shareable=options.shareable,
        jobs=options.jobs,
        training_jobs=None if options.jobs == 1 else options.jobs,
        cache=cache(options),
        progress=progress(options),
        merge_small=options.merge_small,
        **given,
        **rules,
        **distances,
    )
    if followed is not None:
        _print_deviations(made.findings)
    say(options, f"report: {made.path}")


def _more(findings: Findings) -> list[str]:
    """What else could be done with which columns; a line where there is nothing more."""
    if not findings.more:
        return []
    return ["with more columns more can be said:", *(f"  {text}" for text in findings.more)]


def _headline(findings: Findings) -> str:
    wanted = findings.estimates.query(
        "quantity == 'mean_shift' and unit == 'ms' and weighting == 'subject'"
    )
    columns = ["dataset", "source", "distance", "ethnicity", "stratum", "keyframe", "estimate"]
    shown = wanted[[*columns, "conf_low", "conf_high", "n_clips", "n_subjects"]]
    numbers = shown.rename(columns={"estimate": "mean_shift_ms"}).round(2)
    return str(numbers.to_string(index=False))
