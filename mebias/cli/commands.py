"""What each command does with its options."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mebias.errors import OptionError, OutputError, listed

if TYPE_CHECKING:
    import pandas as pd

    from mebias.cohort import Cohort
    from mebias.quantification import Findings

_REASONS = 5


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

    (cohort,) = get_cohorts(options.dataset, **_data_options(options, [options.dataset]))
    out = options.out or Path("reports") / cohort.manifest.id
    _writable(out)
    issues = look(cohort, against=options.against, images=not options.no_images)
    _write(out, {"issues": issues})
    _say(options, f"{summary_text(issues, cohort)}\n\ntable: {out / 'issues.csv'}")


def export(options: argparse.Namespace) -> None:
    """``mebias export``."""
    from mebias.export import export as write_back
    from mebias.pipeline import get_cohorts
    from mebias.selection import reselect as select

    if options.keyframes is not None and options.rule:
        raise OptionError("--keyframes gives the frames and --rule chooses them; give one.")
    (cohort,) = get_cohorts(options.dataset, **_data_options(options, [options.dataset]))
    if cohort.root is None:
        raise OptionError(
            f"{cohort.name} is simulated and has no authors' file to write back to; give --root "
            f"DIR, or write the simulation with: mebias simulate {options.dataset} --frames."
        )
    keyframes = options.keyframes
    if keyframes is None:
        keyframes = select(
            cohort,
            options.rule or "gamdss",
            distance=options.distance or "signed",
            skip_bad_frames=options.skip_bad_frames,
            seed=options.seed,
            jobs=options.jobs,
            progress=_progress(options),
        )
    out = options.out or Path("reports") / f"{cohort.manifest.id}-export"
    written = write_back(
        cohort, keyframes, out, columns=options.columns, progress=_progress(options)
    )
    counts = written.table["status"].value_counts()
    states = ", ".join(f"{count} {status}" for status, count in counts.items())
    files = "\n".join(f"  {path}" for path in [*written.train, *written.test])
    _say(options, f"{cohort.name}: keyframes {states}\n{files}")


def simulate(options: argparse.Namespace) -> None:
    """``mebias simulate``."""
    from mebias.simulation import simulate, write_folder

    cohort = simulate(
        options.dataset,
        seed=options.seed,
        trimmed=options.trimmed,
        plant=_plants(options.plant),
        n_subjects=options.subjects,
        n_clips=options.clips,
        fps=options.fps,
        size=options.size,
    )
    out = options.out or Path("reports") / f"{cohort.manifest.id}-simulated"
    if options.frames:
        write_folder(cohort, out, progress=_progress(options))
        _say(options, f"{cohort.name}: {len(cohort)} clips with frames in {out}")
        return
    assert cohort.truth is not None and cohort.planted is not None
    _write(out, {
        "clips": cohort.clips,
        "keyframes": cohort.keyframes,
        "truth": cohort.truth,
        "planted_errors": cohort.planted,
        "issues": cohort.issues,
    })  # fmt: skip
    _say(options, f"{cohort!r}\ntables in {out}")


def reselect(options: argparse.Namespace) -> None:
    """``mebias reselect``."""
    from mebias.pipeline import get_cohorts
    from mebias.quantification import compare
    from mebias.quantification.disagreement import disagreement, sentences
    from mebias.selection import reselect

    (cohort,) = get_cohorts(options.dataset, **_data_options(options, [options.dataset]))
    rules = options.rule or ["gamdss"]
    if options.dry_run:
        _dry_run([cohort], rules, options.jobs)
        return
    out = options.out or Path("reports") / cohort.manifest.id
    _writable(out)
    pictured = _pictured(options, cohort)
    keyframes = reselect(
        cohort,
        rules,
        distance=options.distance or "signed",
        skip_bad_frames=options.skip_bad_frames,
        seed=options.seed,
        jobs=options.jobs,
        progress=_progress(options),
    )
    shifts = compare(cohort, keyframes)
    _write(out, {
        "keyframes": keyframes,
        "shifts": shifts,
        "issues": cohort.issues,
        **({"boxes": cohort.boxes} if cohort.boxes is not None else {}),
    })  # fmt: skip
    found = disagreement(shifts)
    _write(out, {"disagreement": found})
    counts = keyframes.drop_duplicates(["source", "distance", "clip", "coder", "pass"])
    lines = [
        f"{', '.join(str(name) for name in key if name)}: {len(part)} clips, {_failures(part)}"
        for key, part in counts.groupby(["source", "distance"], sort=False)
    ]
    _say(options, "\n".join([cohort.name, *lines, *sentences(found), f"tables in {out}"]))
    if pictured is not None:
        _draw_clips(options, cohort, shifts, pictured, out / "figures" / "clips")


def calibrate(options: argparse.Namespace) -> None:
    """``mebias calibrate selection``."""
    from mebias.errors import OptionError
    from mebias.provenance import version
    from mebias.simulation.reference import CELLS, REFERENCE
    from mebias.validation import recovery, validate_selectors

    if options.clips < 6:
        raise OptionError(f"--clips is {options.clips}; expected 6 or more.")
    cells = options.cell or list(CELLS)
    out = options.out or Path("reports") / "validation"
    _writable(out)
    table = validate_selectors(
        cells, n_clips=options.clips, seed=options.seed, progress=_progress(options)
    )
    found = {"selection": table}
    if REFERENCE in cells:
        found["selection_recovery"] = recovery(n_clips=options.clips, seed=options.seed)
    made = {"version": version(), "date": date.today().isoformat(), "seed": options.seed}
    _write(out, {name: rows.round(4).assign(**made) for name, rows in found.items()})
    shown = table[(table["split"] == "all") & (table["source"] == "motion")]
    lines = [
        f"{row.cell}, {row.keyframe}: motion errs by {row.mae_ms:.1f} ms, {row.ratio_human:.2f} of "
        f"the coders' error; {row.coverage:.0%} of its 95 % intervals hold the truth"
        for row in shown.itertuples()
    ]
    _say(options, "\n".join(["SIMULATED cohorts", *lines, f"tables in {out}"]))


def _pictured(options: argparse.Namespace, cohort: Cohort) -> int | list[str] | None:
    """How many clips, or which, are to be drawn; None for none."""
    if options.figures is None:
        return None
    if cohort.frames is None:
        print(
            f"mebias: {cohort.name} was read without frames: no picture can be drawn.",
            file=sys.stderr,
        )
        return None
    from mebias.reporting.clip_figures import which_clips

    return which_clips(cohort, options.figures)


def _draw_clips(
    options: argparse.Namespace,
    cohort: Cohort,
    shifts: pd.DataFrame,
    pictured: int | list[str],
    folder: Path,
) -> None:
    from mebias.reporting.clip_figures import most_disagreeing, write_clip_figures

    clips = most_disagreeing(shifts, pictured) if isinstance(pictured, int) else pictured
    paths, problems = write_clip_figures(
        cohort,
        clips,
        folder,
        rules=options.rule or ["gamdss"],
        distance=(options.distance or ["signed"])[0],
        seed=options.seed,
        progress=_progress(options),
    )
    for problem in problems:
        print(f"mebias: {problem}", file=sys.stderr)
    _say(options, f"{len(paths)} files with pictures of {len(clips)} clips, faces among them, in "
         f"{folder}")  # fmt: skip


def _failures(part: pd.DataFrame) -> str:
    """How many clips failed, which, and why; a line for each of the first reasons."""
    failed = part[part["status"] == "failed"]
    reasons = failed.groupby("reason", sort=False)["clip"].unique()
    lines = [f"  {listed(clips, 3)}: {reason}" for reason, clips in reasons.items()]
    if len(lines) > _REASONS:
        lines = [*lines[:_REASONS], "  and others, for reasons told in keyframes.csv"]
    return "\n".join([f"{len(failed)} failed", *lines])


def quantify(options: argparse.Namespace) -> None:
    """``mebias quantify``."""
    from mebias import tables
    from mebias.pipeline import compare_versions
    from mebias.quantification import quantify

    if len(options.files) > 2:
        raise OptionError("quantify takes one shifts table, or two versions of the labels.")
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
        findings = quantify(shifts, seed=options.seed, min_subjects=options.min_subjects)
        extra = {}
    _writable(out)
    findings.to_csv(out)
    _write(out, extra)
    _say(options, f"{_headline(findings)}\ntables in {out}")


def report(options: argparse.Namespace) -> None:
    """``mebias report``."""
    from mebias.pipeline import get_cohorts, report, report_versions

    if options.versions:
        if len(options.datasets) > 1:
            raise OptionError("--versions compares two tables of one dataset; name one.")
        made = report_versions(
            *options.versions,
            dataset=options.datasets[0],
            out=options.out,
            seed=options.seed,
            min_subjects=options.min_subjects,
        )
        _say(options, f"report: {made.path}")
        return
    cohorts = get_cohorts(options.datasets, **_data_options(options, options.datasets))
    rules = {"rule": options.rule} if options.rule else {}
    distances = {"distance": options.distance} if options.distance else {}
    if options.dry_run:
        _dry_run(cohorts, options.rule or ["gamdss", "gamdss-released"], options.jobs)
        return
    made = report(
        cohorts,
        out=options.out,
        seed=options.seed,
        min_subjects=options.min_subjects,
        skip_bad_frames=options.skip_bad_frames,
        jobs=options.jobs,
        progress=_progress(options),
        **rules,
        **distances,
    )
    _say(options, f"report: {made.path}")


def _data_options(options: argparse.Namespace, datasets: Sequence[str]) -> dict[str, Any]:
    return {
        "root": _roots(options.root, datasets),
        "seed": options.seed,
        "trimmed": options.trimmed,
        "plant": _plants(options.plant),
        "ethnicity": options.ethnicity,
        "fps": options.fps,
        "version": options.labels,
        "errata": options.errata,
        "context": options.context,
        "crops": options.crops,
        "boxes": options.boxes,
        "crop": options.crop,
        "mask": options.mask,
    }


def _roots(given: Sequence[str], datasets: Sequence[str]) -> str | dict[str, str] | None:
    """``DIR`` for one dataset, ``NAME=DIR`` for any number."""
    from mebias.pipeline import dataset_id

    known = {dataset_id(d) for d in datasets}
    named = {}
    for text in given:
        name, equals, folder = text.partition("=")
        if equals and (name in known or len(given) > 1):
            named[name] = folder
        elif len(given) == 1:
            return text
        else:
            raise OptionError(f"--root {text}: with several roots each needs a name, samm=DIR.")
    return named or None


def _plants(texts: Sequence[str]) -> dict[str, tuple[float, float, float]] | None:
    from mebias.simulation import parse_plant

    return dict(parse_plant(text) for text in texts) or None


def _dry_run(cohorts: Sequence[Cohort], rules: Sequence[str], jobs: int) -> None:
    from mebias.pipeline import estimate_work

    for cohort in cohorts:
        work = estimate_work(cohort, rules, jobs=jobs)
        print(
            f"{cohort.name}: {work.clips} clips, {work.frames} frames to read, about "
            f"{work.seconds:.0f} s and {work.megabytes:.0f} MB; nothing was written."
        )


def _headline(findings: Findings) -> str:
    wanted = findings.estimates.query(
        "quantity == 'mean_shift' and unit == 'ms' and weighting == 'subject'"
    )
    columns = ["dataset", "source", "distance", "ethnicity", "stratum", "keyframe", "estimate"]
    shown = wanted[[*columns, "conf_low", "conf_high", "n_clips", "n_subjects"]]
    numbers = shown.rename(columns={"estimate": "mean_shift_ms"}).round(2)
    return str(numbers.to_string(index=False))


def _writable(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".mebias-probe"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise OutputError(
            f"the output folder {out} cannot be written ({error.strerror}); choose another --out."
        ) from None


def _write(out: Path, found: dict[str, pd.DataFrame]) -> None:
    from mebias import tables

    _writable(out)
    for name, table in found.items():
        tables.write_csv(table, out / f"{name}.csv")


def _progress(options: argparse.Namespace) -> bool:
    return not options.quiet and sys.stderr.isatty()


def _say(options: argparse.Namespace, text: str) -> None:
    if not options.quiet:
        print(text)
