"""The command line: ``python -m mebias COMMAND``.

Heavy imports stand inside the commands, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mebias.errors import MebiasError, OptionError, OutputError, SimulatedDataWarning, suggest

if TYPE_CHECKING:
    import pandas as pd

    from mebias.cohort import Cohort
    from mebias.quantification import Findings

COMMANDS = ("datasets", "simulate", "reselect", "quantify", "report")

_EPILOG = """\
examples:
  python -m mebias report 4dme                       a SIMULATED cohort of 4DME's shape
  python -m mebias report samm --root /data/samm     your copy of SAMM
  python -m mebias quantify shifts.csv --out results any table of human and selected frames

Data are looked for in --root, else in $MEBIAS_DATA/<dataset>; where neither is set, a
cohort of the dataset's published shape is simulated and everything says SIMULATED.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        0 when done, 2 for a mistake that the user can mend, 1 for one of ours.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = _parser()
    if arguments and not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
        word = arguments[0]
        known = ", ".join(COMMANDS)
        parser.error(f"unknown command {word!r}: known are {known}{suggest(word, COMMANDS)}")
    options = parser.parse_args(arguments)
    try:
        with warnings.catch_warnings():
            _show_warnings_plainly()
            run: Callable[[argparse.Namespace], None] = options.run
            run(options)
    except MebiasError as error:
        return _fail(str(error), 2, options.debug)
    except OSError as error:
        where = Path(error.filename).name if error.filename else "a file"
        return _fail(
            f"{where} could not be read or written: {error.strerror or error}; free space or "
            f"check permissions, then run again.",
            2,
            options.debug,
        )
    except KeyboardInterrupt:
        return _fail("stopped; nothing half-written was left.", 130, False)
    except Exception as error:  # the last resort: no traceback at a user without --debug
        return _fail(
            f"a mistake of ours ({type(error).__name__}: {error}); please report it with the "
            f"output of the same command and --debug.",
            1,
            options.debug,
        )
    return 0


def _fail(message: str, code: int, debug: bool) -> int:
    if debug:
        raise  # called from an except block: shows its traceback
    print(f"mebias: error: {message}", file=sys.stderr)
    return code


def _show_warnings_plainly() -> None:
    def show(message: Warning | str, *_: object, **__: object) -> None:
        print(f"mebias: {message}", file=sys.stderr)

    warnings.simplefilter("always", SimulatedDataWarning)
    warnings.showwarning = show


def _parser() -> argparse.ArgumentParser:
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
    _add_report(commands)
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
    _add_simulation(command)
    _add_seed(command)


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


def _add_selection(command: Any) -> None:
    command.add_argument(
        "--rule", metavar="R", action="append", help="gamdss, gamdss-released; may be repeated"
    )
    command.add_argument(
        "--distance", metavar="D", action="append", help="signed, uint8; may be repeated"
    )
    command.add_argument(
        "--skip-bad-frames",
        action="store_true",
        help="leave clips with missing or unreadable images out, instead of stopping at the first",
    )
    command.add_argument("--jobs", metavar="N", type=int, default=1, help="worker processes (1)")
    command.add_argument(
        "--dry-run", action="store_true", help="print clips, frames, time and disk, and stop"
    )


def _add_datasets(commands: Any) -> None:
    text = "list the known datasets and where to ask for them"
    command = _command(commands, "datasets", text, _datasets)
    command.add_argument("name", nargs="?", help="one dataset: its whole card")


def _add_simulate(commands: Any) -> None:
    text = "make a cohort with known truth, in a dataset's published shape"
    command = _command(commands, "simulate", text, _simulate)
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
    command = _command(commands, "reselect", text, _reselect)
    command.add_argument("dataset", help="a dataset id, folder, or a manifest file")
    _add_data(command)
    _add_selection(command)
    _add_out(command, "reports/<dataset>")


def _add_quantify(commands: Any) -> None:
    text = "estimates and tests from a shifts table, or from two versions of the labels"
    command = _command(commands, "quantify", text, _quantify)
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
    _add_out(command, "reports/<file>")


def _add_report(commands: Any) -> None:
    text = "from a dataset to its report: HTML, figures, tables, findings"
    command = _command(commands, "report", text, _report)
    command.add_argument("datasets", nargs="+", metavar="DATASET", help="4dme, samm, ...")
    _add_data(command)
    _add_selection(command)
    command.add_argument(
        "--versions",
        nargs=2,
        metavar=("OLD", "NEW"),
        type=Path,
        help="report on two versions of the labels instead: the old and the new annotation table",
    )
    _add_min_subjects(command)
    _add_out(command, "reports/<dataset>")


def _add_min_subjects(command: Any) -> None:
    command.add_argument(
        "--min-subjects",
        metavar="N",
        type=int,
        default=5,
        help="smaller groups are described, not tested (5)",
    )


def _datasets(options: argparse.Namespace) -> None:
    from mebias.datasets import datasets_table
    from mebias.manifests import get_manifest

    if options.name is None:
        table = datasets_table()[["id", "name", "clips", "subjects", "fps", "modality", "data"]]
        print(table.to_string(index=False, na_rep="-", float_format=lambda v: f"{v:g}"))
        print(
            "\nmebias datasets NAME shows a card: citation, license, where to ask, what is known."
        )
        return
    manifest = get_manifest(options.name)
    print(f"{manifest.name} ({manifest.id})\n{manifest.citation}")
    print(f"license: {manifest.license}\nwhere to ask: {manifest.request}")
    print(f"frames per second: {manifest.fps or 'a column or --fps'}")
    print(f"ethnicity: {manifest.demographics}")
    for annotation in manifest.annotations:
        print(f"labels {annotation.version}: {annotation.files[0]}  {annotation.note}".rstrip())
    for note in manifest.notes:
        print(f"note: {note}")


def _simulate(options: argparse.Namespace) -> None:
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


def _reselect(options: argparse.Namespace) -> None:
    from mebias.pipeline import get_cohorts
    from mebias.quantification import compare
    from mebias.selection import reselect

    (cohort,) = get_cohorts(options.dataset, **_data_options(options, [options.dataset]))
    rules = options.rule or ["gamdss"]
    if options.dry_run:
        _dry_run([cohort], rules, options.jobs)
        return
    out = options.out or Path("reports") / cohort.manifest.id
    _writable(out)
    keyframes = reselect(
        cohort,
        rules,
        distance=options.distance or "signed",
        skip_bad_frames=options.skip_bad_frames,
        jobs=options.jobs,
        progress=_progress(options),
    )
    _write(out, {
        "keyframes": keyframes,
        "shifts": compare(cohort, keyframes),
        "issues": cohort.issues,
    })  # fmt: skip
    counts = keyframes.drop_duplicates(["source", "distance", "clip", "coder", "pass"])
    lines = [
        f"{source}, {distance}: {len(part)} clips, {(part['status'] == 'failed').sum()} failed"
        for (source, distance), part in counts.groupby(["source", "distance"], sort=False)
    ]
    _say(options, "\n".join([cohort.name, *lines, f"tables in {out}"]))


def _quantify(options: argparse.Namespace) -> None:
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


def _report(options: argparse.Namespace) -> None:
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


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.casefold().partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not HEIGHTxWIDTH, such as 128x128")
    return int(height), int(width)
