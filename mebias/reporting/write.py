"""From findings to a folder: the page, its figures, tables, findings, methods, provenance."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from mebias import tables
from mebias.cohort import Cohort
from mebias.reporting import latex, methods, pdf, references
from mebias.reporting.content import Content
from mebias.reporting.files import findings_json, provenance_json, write_tables
from mebias.reporting.formats import with_interval
from mebias.reporting.shareable import shareable
from mebias.reporting.staging import LAST, RECORD, file_names, hashes, staged

if TYPE_CHECKING:
    from mebias.quantification import Findings
    from mebias.quantification.measured import Measured
    from mebias.reporting.changes import Earlier


@dataclass(frozen=True)
class Report:
    """A report as written.

    Attributes
    ----------
    path : Path
        The page, ``report.html``.
    out : Path
        The folder with figures, tables, findings, methods and provenance.
    findings : Findings
        What the report tells.
    measured : sequence of Measured
        What a recognizer gains, per dataset: ``measured[0].gains``.
    """

    path: Path
    out: Path
    findings: Findings = field(repr=False, compare=False)
    measured: Sequence[Measured] = field(default=(), repr=False, compare=False)

    def _repr_html_(self) -> str:
        mark = f"<p><b>{tables.SIMULATED}</b></p>" if self.findings.simulated else ""
        head = "<tr><th>group</th><th>rule</th><th>keyframe</th><th>mean shift, ms</th></tr>"
        rows = "".join(
            f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}</tr>"
            for cells in _headline(self.findings.headline())
        )
        link = html.escape(self.path.as_posix(), quote=True)
        table = f"<table>{head}{rows}</table>" if rows else ""
        named = html.escape(", ".join(self.findings.datasets))
        return f'{mark}<p>{named}: <a href="{link}">{html.escape(self.path.name)}</a></p>{table}'


def write_report(
    out: Path,
    *,
    title: str,
    cohorts: Sequence[Cohort],
    findings: Findings,
    keyframes: pd.DataFrame | None,
    extra_tables: Mapping[str, pd.DataFrame],
    provenance: Mapping[str, object],
    measured: Sequence[Measured] = (),
    earlier: Earlier | None = None,
    share: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Write a report: whole, or not at all.

    Parameters
    ----------
    out : Path
        The folder. Files of an earlier report that this one lacks are removed, others kept.
    title : str
        Heading of the page.
    cohorts : sequence of Cohort
        What was loaded or simulated; empty where two versions of labels are compared.
    findings : Findings
        Estimates, tests, claims, issues, planted, shifts.
    keyframes : DataFrame or None
        What the rules selected.
    extra_tables : mapping
        More tables to write: clips; transitions and subjects make it a report on two
        versions of the labels.
    provenance : mapping
        As made by `mebias.provenance.record`: JSON types, no path of this machine.
    measured : sequence of Measured
        What a recognizer gains, per dataset; nothing is told of recognition without it.
    earlier : Earlier, optional
        Findings of an earlier report: the page tells what changed since.
    share : bool
        Write no rows of single clips, and pseudonyms for subjects and clips.
    progress : callable, optional
        Called with the name of each piece before it is made.

    Returns
    -------
    Report
        Where it is.

    Raises
    ------
    OutputError
        The folder cannot be written; an earlier report in it is as it was.
    """
    from mebias.reporting.drawing import render
    from mebias.reporting.page import drawings, page, sections

    out, tell = Path(out), progress or (lambda name: None)
    content = Content(
        title, cohorts, findings, keyframes, extra_tables, provenance, measured, earlier
    )
    content = shareable(content) if share else content
    with staged(out) as stage:
        (stage / "figures").mkdir()
        pictures = render(
            drawings(content), stage / "figures", simulated=content.simulated, progress=tell
        )
        tell("tables")
        write_tables(content, stage / "tables")
        _write(stage / "findings.json", findings_json(content))
        _write(stage / "methods.md", methods.markdown(title, content.run))
        _write(stage / "references.bib", references.bibtex(methods.used_references(content.run)))
        for name, text in latex.page_tables(sections(content, pictures, ())).items():
            _write(stage / "tables" / f"{name}.tex", text)
        names = [*file_names(stage), RECORD]
        if pdf.installed():
            tell(pdf.NAME)
            names.append(pdf.NAME)
            pdf.write_pdf(pdf.source(content, sections(content, pictures, names)), stage)
        tell("page")
        _write(stage / LAST, page(content, pictures, names))
        outputs = hashes(stage, file_names(stage))
        _write(stage / RECORD, provenance_json(content, outputs))
    return Report(path=out / LAST, out=out, findings=findings, measured=measured)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _headline(rows: pd.DataFrame) -> list[tuple[str, ...]]:
    whole = rows[rows["ethnicity"] == tables.ALL]
    return [
        (
            f"{row['dataset']}, {row['ethnicity']}",
            f"{row['source']} {row['distance']}".strip(),
            str(row["keyframe"]),
            with_interval(row["estimate"], row["conf_low"], row["conf_high"], "ms"),
        )
        for row in whole.to_dict("records")
    ]
