"""What several commands have in common: where data come from, what is written and said."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mebias.errors import OptionError, OutputError, counted
from mebias.locking import hold
from mebias.text_cells import visible

if TYPE_CHECKING:
    import pandas as pd

    from mebias.cohort import Cohort
    from mebias.workers import Jobs

_PROBE = 4096
"""Bytes: a disk without room for these is full."""


def cache(options: argparse.Namespace) -> Path | None:
    """Where results of selection are kept, if anywhere."""
    kept = os.environ.get("MEBIAS_CACHE")
    folder: Path | None = options.cache or (Path(kept) if kept else None)
    return folder


def data_options(options: argparse.Namespace, datasets: Sequence[str]) -> dict[str, Any]:
    """Where data come from and how they are read, as `mebias.pipeline.get_cohorts` takes it."""
    return {
        "root": roots(options.root, datasets),
        "seed": options.seed,
        "trimmed": options.trimmed,
        "plant": plants(options.plant),
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


def roots(given: Sequence[str], datasets: Sequence[str]) -> str | dict[str, str] | None:
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


def plants(texts: Sequence[str]) -> dict[str, tuple[float, float, float]] | None:
    """Planted errors by group; None where none are asked for."""
    from mebias.simulation import parse_plant

    return dict(parse_plant(text) for text in texts) or None


def dry_run(
    cohorts: Sequence[Cohort], asked: Iterable[tuple[Sequence[str], Sequence[str]]], jobs: Jobs
) -> None:
    """Say what re-selecting by these rules, each with its distances, would take."""
    from mebias.workload import estimate_work

    asked = list(asked)
    for cohort in cohorts:
        works = [estimate_work(cohort, r, distance=d, jobs=jobs) for r, d in asked]
        print(
            f"{cohort.name}: {counted(len(cohort), 'clip')}; re-selecting would read about "
            f"{sum(w.frames for w in works)} frames and take about "
            f"{sum(w.seconds for w in works):.0f} s and {sum(w.megabytes for w in works):.1f} MB; "
            f"nothing was written."
        )


def writable(out: Path, name: str = "") -> None:
    """Make the folder of results, or refuse it before any work is done.

    Until the command ends, no other run may write there; with a name, none of that name.
    """
    hold(out, name=name)
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".mebias-probe"
        try:
            probe.write_bytes(bytes(_PROBE))
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(out, error) from None


def _unwritable(out: Path, error: OSError) -> OutputError:
    return OutputError(
        f"the output folder {out} cannot be written ({error.strerror or error}); free space, or "
        f"choose another --out."
    )


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Tables written inside take their places at the end, all or none; failures name the folder."""
    from mebias import tables

    try:
        with tables.together():
            yield
    except OSError as error:
        raise _unwritable(out, error) from error


def write(out: Path, found: dict[str, pd.DataFrame]) -> None:
    """Write each table under its name, all of them or none."""
    from mebias import tables

    with writing(out):
        for name, table in found.items():
            tables.write_csv(table, out / f"{name}.csv")


def write_text(path: Path, text: str) -> None:
    """Write a text whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8", newline="\n")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def progress(options: argparse.Namespace) -> bool:
    """Whether progress is shown."""
    return not options.quiet and sys.stderr.isatty()


def say(options: argparse.Namespace, text: str) -> None:
    """Print, unless silence was asked for."""
    if not options.quiet:
        print(visible(text, keep="\n"))
