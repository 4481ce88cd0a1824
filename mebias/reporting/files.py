"""The files beside the page: tables as CSV, findings and provenance as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mebias import tables
from mebias.quantification.findings import as_records
from mebias.recognition.record import write_record
from mebias.reporting.changes import setup
from mebias.reporting.content import Content
from mebias.reporting.shareable import ROWS

MEANING: dict[str, str] = {
    "findings.json": "estimates, tests, claims, flags and issues for programs; undefined is null",
    "methods.md": "the methods paragraph, to quote",
    "references.bib": "the works that it names, for BibTeX",
    "report.pdf": "this report as pages",
    "provenance.json": "inputs and outputs with their hashes, options, versions of the software",
    "tables/clips.csv": "the clips, one row each",
    "tables/boxes.csv": "the box that each clip's frames were cut to (pixels)",
    "tables/keyframes.csv": "selected keyframes with their windows",
    "tables/shifts.csv": "selected minus human, one row per clip and keyframe",
    "tables/estimates.csv": "every number with its interval, method and reason where undefined",
    "tables/tests.csv": "every test with its family and adjusted p-value",
    "tables/claims.csv": "claims with their grades",
    "tables/issues.csv": "what audit and design check found",
    "tables/changes.csv": "every number, test and claim of an earlier report beside those of now",
    "tables/planted.csv": "what was planted in the simulation against what was found",
    "tables/flags.csv": "clips to look at again",
    "tables/predictions.csv": "what the recognizer gave each clip, per arm and seed",
    "tables/predictions.json": "what these predictions are of, and how they were made",
    "tables/confusion.csv": "confusion matrices: clips per true and given class, mean over seeds",
    "tables/nulls.csv": "what the rule would do to labels without error, and without bias",
    "tables/conclusions.csv": "what each gain in recognition lets one conclude, and its power",
    "tables/influence.csv": "conclusions with single subjects and clips left out",
    "tables/power.csv": "what this design could find",
    "tables/specifications.csv": "the primary contrast under every defensible choice",
    "tables/transitions.csv": "expression types, old version against new",
    "tables/subjects.csv": "revisions per subject and keyframe",
}


def ending(name: str, before: str) -> str:
    """What tells a file from the one that its row begins with.

    >>> ending("figures/shifts.pdf", "figures/shifts.svg"), ending("tables/b.tex", "tables/a.tex")
    ('.pdf', 'b.tex')
    """
    stem, _, kind = name.rpartition(".")
    return f".{kind}" if before.startswith(f"{stem}.") else name.rpartition("/")[2]


_ALWAYS = ("estimates", "tests", "issues")


def report_tables(content: Content) -> dict[str, pd.DataFrame]:
    """The tables of a report by name; those without rows are left out, but for the core."""
    found = content.findings
    named = {
        "keyframes": content.keyframes,
        "shifts": found.shifts,
        "estimates": _with(found.estimates, [m.estimates for m in content.measured], "estimates"),
        "tests": _with(
            found.tests,
            [content.specification_tests, *(m.tests for m in content.measured)],
            "tests",
        ),
        "claims": found.claims,
        "issues": content.issues,
        "planted": found.planted,
        "flags": found.flags,
        "changes": content.changes,
        "conclusions": _with(
            tables.empty("conclusions"), [m.conclusions for m in content.measured], "conclusions"
        ),
        "predictions": _predictions(content),
        "confusion": content.confusions,
        **_robustness(content),
        **content.extra_tables,
    }
    hidden = ROWS if content.shareable else ()
    return {
        name: table
        for name, table in named.items()
        if table is not None and (len(table) or name in _ALWAYS) and name not in hidden
    }


def _robustness(content: Content) -> dict[str, pd.DataFrame]:
    """Influence, power and specifications."""
    if not content.robust:
        return {}
    found = content.tested
    return {name: getattr(found, name) for name in ("influence", "power", "specifications")}


def _with(own: pd.DataFrame, others: Sequence[pd.DataFrame], name: str) -> pd.DataFrame:
    """A table with the rows of others below."""
    rows = [table for table in others if len(table)]
    return tables.conform(pd.concat([own, *rows]), name) if rows else own


def _predictions(content: Content) -> pd.DataFrame | None:
    """Predictions of all datasets; probabilities stay where their classes are the same."""
    found = [m.gains.predictions for m in content.measured if m.gains is not None]
    if len(found) < 2:
        return found[0] if found else None
    kept = [c for c in found[0] if all(c in table for table in found)]
    if any(set(table) != set(kept) for table in found):
        kept = [c for c in kept if not str(c).startswith(tables.PROBABILITY)]
    return tables.conform(pd.concat([table[kept] for table in found]), "predictions")


def write_tables(content: Content, folder: Path) -> None:
    """Each table as a CSV under its name."""
    folder.mkdir()
    for name, table in report_tables(content).items():
        tables.write_csv(table, folder / f"{name}.csv")
    made = [m.record for m in content.measured if m.record is not None]
    if len(made) == 1 and len(content.measured) == 1 and not content.shareable:
        write_record(made[0], folder)


def findings_json(content: Content) -> str:
    """The findings for programs; NaN is null.

    Returns
    -------
    str
        JSON with the keys title, setup, datasets, simulated, estimates, tests, claims, gains,
        planted, flags, issues and, where two versions were compared, transitions.
    """
    extra = {
        name: content.extra_tables[name].to_dict("records")
        for name in ("transitions",)
        if name in content.extra_tables
    }
    every = {"issues": content.issues} | {
        name: table for name, table in report_tables(content).items()
        if name in ("estimates", "tests")
    }  # fmt: skip
    found = {
        "title": content.title,
        "setup": setup(content.provenance),
        **content.findings.to_dict(),
        **{name: as_records(table) for name, table in every.items()},
        "gains": [m.to_dict() for m in content.measured],
        **extra,
    }
    return as_json(found)


def provenance_json(content: Content, outputs: Mapping[str, str]) -> str:
    """What the report came from and the hashes of its files."""
    return as_json({"simulated": content.simulated, **content.provenance, "outputs": dict(outputs)})


def as_json(value: object) -> str:
    """JSON with undefined numbers as null, ending in a newline.

    >>> print(as_json({"a": float("nan")}), end="")
    {
     "a": null
    }
    """
    text = json.dumps(_plain(value), indent=1, ensure_ascii=False, allow_nan=False)
    return f"{text}\n"


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int) else str(value)
