"""Which group a subject belongs to: as the user or the authors state it, never guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from mebias import tables
from mebias.datasets import cells
from mebias.datasets.entries import Entries
from mebias.datasets.subjects import canonical, person
from mebias.datasets.workbook import Table, find_table, plain
from mebias.errors import AnnotationError, listed, suggest
from mebias.provenance import file_hash

_COLUMNS = {
    "subject": ("subject", "sub_ID", "participant"),
    "ethnicity": ("ethnicity", "ethnic", "group"),
    "dataset": ("dataset",),
}
_NONE = {"", "nan", "na", "n/a", "none", "?", "/"}


@dataclass(frozen=True)
class Groups:
    """The group of each subject, where it was stated, and further columns about subjects.

    ``settings`` is for provenance: the file with its hash, or the source.
    """

    by_subject: Mapping[str, str]
    issues: list[dict[str, object]]
    settings: Mapping[str, object]
    further: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def add_to(self, clips: pd.DataFrame) -> pd.DataFrame:
        """Clips with the group of their subject, and the further columns."""
        columns = {"ethnicity": clips["subject"].map(dict(self.by_subject)).astype(str)}
        for name, values in self.further.items():
            columns[name] = clips["subject"].map(dict(values)).fillna("").astype(str)
        return clips.assign(**columns)


def published_group(found: Entries) -> Groups:
    """The one group of all subjects, where a source states it; else everyone is unknown."""
    subjects = {entry.subject for entry in found.entries}
    group = found.manifest.ethnic_group or tables.UNKNOWN
    settings = {"source": found.manifest.sources.get("ethnic_group", "")} if group else {}
    return Groups(dict.fromkeys(subjects, group), [], settings)


def stated_groups(found: Entries) -> Groups:
    """Groups from a column of the annotation table itself.

    Raises
    ------
    AnnotationError
        A subject has two groups, or a group has the reserved name ``all``.
    """
    rows = ((entry.row, entry.subject, entry.texts.get("ethnicity", "")) for entry in found.entries)
    stated = _gathered(found.table.file, rows)
    subjects = {entry.subject for entry in found.entries}
    return Groups(*match_groups(subjects, stated, found.table.file, found.dataset), {})


def read_groups(path: Path, found: Entries) -> Groups:
    """Groups from the user's file with the columns subject and ethnicity.

    Rows of another dataset (an optional column ``dataset``) are passed over; further columns
    are taken along.

    Raises
    ------
    AnnotationError
        The file is missing or has other columns, a subject has two groups, or a group has
        the reserved name ``all``.
    """
    if not path.is_file():
        raise AnnotationError(
            f"the ethnicity file {path.name} was not found; expected a CSV with the columns "
            f"subject and ethnicity."
        )
    manifest = found.manifest
    table = find_table(path, _COLUMNS, ("subject", "ethnicity"))
    rows = []
    further: dict[str, dict[str, str]] = {}
    for row in table.rows:
        own = cells.text(table, row, "dataset").casefold()
        if own and own not in {manifest.id.casefold(), manifest.name.casefold()}:
            continue
        subject = person(canonical(cells.name(table, row, "subject"), manifest), manifest)
        if not subject:
            raise AnnotationError(
                f"{table.where(row[0], 'subject')}: found a blank cell, expected a subject; fill "
                f"it in or delete the row."
            )
        rows.append((row[0], subject, cells.text(table, row, "ethnicity")))
        for name, place in _further_columns(table).items():
            text = plain(row[1][place]) if place < len(row[1]) else ""
            further.setdefault(name, {}).setdefault(subject, text)
    subjects = {entry.subject for entry in found.entries}
    matched = match_groups(subjects, _gathered(path.name, rows), path.name, found.dataset)
    return Groups(*matched, {path.name: file_hash(path)}, further)


def _further_columns(table: Table) -> dict[str, int]:
    """Columns about subjects that are neither ours nor a clip's, by their headers."""
    taken = {place for place, _ in table.columns.values()}
    names: dict[str, int] = {}
    for place, header in enumerate(table.header):
        name = re.sub(r"\W+", "_", header.casefold()).strip("_")
        if place not in taken and name and name not in tables.SCHEMAS["clips"]:
            names.setdefault(name, place)
    return names


def template(cohort_subjects: Iterable[str]) -> str:
    """A CSV to fill in: one row per subject, the group left blank.

    >>> print(template(["006", "007"]))
    subject,ethnicity
    006,
    007,
    """
    return "\n".join(["subject,ethnicity", *(f"{subject}," for subject in cohort_subjects)])


def _gathered(file: str, rows: Iterable[tuple[int, str, str]]) -> dict[str, str]:
    groups: dict[str, tuple[int, str]] = {}
    for number, subject, label in rows:
        group = tables.UNKNOWN if label.casefold() in _NONE else label
        if group.casefold() == tables.ALL:
            raise AnnotationError(
                f"{file}, row {number}: the group {label!r} of subject {subject!r} is the name of "
                f"the whole-dataset row; call the group something else."
            )
        first, known = groups.setdefault(subject, (number, group))
        if known != group:
            raise AnnotationError(
                f"{file}, rows {first} and {number}: subject {subject!r} has the groups {known!r} "
                f"and {group!r}, expected one; mend one of the rows."
            )
    return {subject: group for subject, (_, group) in groups.items()}


def match_groups(
    subjects: Iterable[str], groups: Mapping[str, str], file: str, dataset: str
) -> tuple[dict[str, str], list[dict[str, object]]]:
    """The group of each subject of a dataset, and what does not match.

    Returns
    -------
    dict, list
        Subject to group, ``unknown`` where the file has no row; rows of the issues table.

    Raises
    ------
    AnnotationError
        No subject of the dataset is in the file.

    Examples
    --------
    >>> found, issues = match_groups(["a", "B1"], {"a": "X", "b1": "Y"}, "g.csv", "d")
    >>> found["B1"], issues[0]["found"]
    ('unknown', 'B1; did you mean b1?')
    """
    wanted = sorted(set(subjects))
    absent = [subject for subject in wanted if subject not in groups]
    extra = sorted(set(groups) - set(wanted))
    if wanted and len(absent) == len(wanted):
        raise AnnotationError(
            f"{file} names none of the subjects of {dataset}: it has {listed(extra)}, the dataset "
            f"has {listed(wanted)}; write them as the dataset does."
        )
    issues = []
    if absent:
        near = listed([f"{subject}{suggest(subject, extra)}" for subject in absent], len(absent))
        issues.append(
            tables.issue(
                "warning",
                f"{file} has no row for {len(absent)} of {len(wanted)} subjects, whose group is "
                f"unknown: {near}; add them.",
                check="ethnicity",
                dataset=dataset,
                field="ethnicity",
                found=near,
                expected="a row per subject",
            )
        )
    if extra:
        issues.append(
            tables.issue(
                "note",
                f"{file} names subjects that {dataset} does not have: {listed(extra, 20)}; check "
                f"their spelling.",
                check="ethnicity",
                dataset=dataset,
                field="ethnicity",
                found=listed(extra, 20),
            )
        )
    matched = {subject: groups.get(subject, tables.UNKNOWN) for subject in wanted}
    return matched, issues + _alike(matched, file, dataset)


def _alike(groups: Mapping[str, str], file: str, dataset: str) -> list[dict[str, object]]:
    spellings: dict[str, set[str]] = {}
    for group in groups.values():
        spellings.setdefault(group.casefold(), set()).add(group)
    return [
        tables.issue(
            "warning",
            f"{file} writes one group in several ways, which count as several groups: "
            f"{listed(sorted(several))}; write it in one way.",
            check="ethnicity",
            dataset=dataset,
            field="ethnicity",
            found=listed(sorted(several)),
        )
        for several in spellings.values()
        if len(several) > 1
    ]
