"""Two human versions of the same labels: compared, quantified, reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from mebias import provenance, tables
from mebias.datasets import read_versions
from mebias.locking import hold, releasing
from mebias.manifests import Manifest, get_manifest
from mebias.quantification import Findings, quantify, revisions, unevenness
from mebias.quantification.coverage import with_coverage_notes

if TYPE_CHECKING:
    from mebias.reporting import Report


@dataclass(frozen=True)
class Versions:
    """Two human versions of one dataset's labels, paired.

    Attributes
    ----------
    shifts : DataFrame
        A shifts table: ``human`` is the old frame, ``selected`` the new one.
    transitions : DataFrame
        Expression types, old against new.
    subjects : DataFrame
        Revisions per subject and keyframe.
    issues : DataFrame
        What was noticed while reading them.
    settings : dict
        The files and versions compared, for provenance.
    """

    shifts: pd.DataFrame
    transitions: pd.DataFrame
    subjects: pd.DataFrame
    issues: pd.DataFrame
    settings: dict[str, object]

    def quantify(self, *, seed: int = 0, min_subjects: int = 5) -> Findings:
        """Estimates and issues of the revision, unevenness over subjects included."""
        findings = quantify(self.shifts, seed=seed, min_subjects=min_subjects)
        extra = unevenness(self.shifts)
        estimates = with_coverage_notes(
            tables.conform(pd.concat([findings.estimates, extra]), "estimates")
        )
        issues = tables.conform(pd.concat([self.issues, findings.issues]), "issues")
        return replace(findings, estimates=estimates, issues=issues)


def compare_versions(old: str | Path, new: str | Path, *, dataset: str = "folder") -> Versions:
    """Compare two human versions of the same labels.

    Parameters
    ----------
    old, new : path
        Two annotation tables: the authors' workbooks of a known dataset, or two CSVs in
        the layout of ``folder``.
    dataset : str
        Whose tables they are.

    Returns
    -------
    Versions
        Rows are paired as the manifest says: by row after checking subject and file name
        on each, or by clip.

    Raises
    ------
    DataRootError
        A table is missing; the message says where to ask for it.
    AnnotationError
        The two tables do not pair.
    """
    manifest = get_manifest(dataset)
    old_clips, old_keyframes, new_clips, new_keyframes, info = read_versions(
        Path(old), Path(new), manifest
    )
    names = version_names(info, Path(old), Path(new))
    shifts, transitions, subjects = revisions(
        old_clips, old_keyframes, new_clips, new_keyframes, old_name=names[0], new_name=names[1]
    )
    noticed: Any = info.pop("issues")
    issues = tables.from_rows(noticed, "issues")
    return Versions(shifts, transitions, subjects, issues, info)


@releasing
def report_versions(
    old: str | Path,
    new: str | Path,
    *,
    dataset: str = "folder",
    out: str | Path | None = None,
    seed: int = 0,
    min_subjects: int = 5,
) -> Report:
    """A report on which labels were revised between two human versions, how far and where.

    Parameters
    ----------
    old, new : path
        As in `compare_versions`.
    dataset : str
        Whose tables they are.
    out : path, optional
        Where to write; ``reports/<dataset>-versions`` by default.

    Returns
    -------
    Report
        ``.path`` is the HTML file.
    """
    from mebias.reporting import prepare_output, write_report

    folder = Path(out) if out is not None else Path("reports") / f"{dataset}-versions"
    manifest: Manifest = get_manifest(dataset)
    versions = compare_versions(old, new, dataset=dataset)
    prepare_output(folder)
    hold(folder)
    findings = versions.quantify(seed=seed, min_subjects=min_subjects)
    return write_report(
        folder,
        title=f"{manifest.name}: two versions of the labels",
        cohorts=[],
        findings=findings,
        keyframes=None,
        extra_tables={"transitions": versions.transitions, "subjects": versions.subjects},
        provenance=provenance.record(
            "report",
            {"seed": seed, "min_subjects": min_subjects},
            {manifest.id: versions.settings},
        ),
    )


def version_names(info: Mapping[str, object], old: Path, new: Path) -> tuple[str, str]:
    """Names of the two versions, from the manifest, else from the files."""
    found = info.get("versions")
    if isinstance(found, list | tuple) and len(set(found)) == 2:
        return str(found[0]), str(found[1])
    return old.stem, new.stem
