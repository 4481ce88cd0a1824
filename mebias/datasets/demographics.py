"""Which group a subject belongs to: as the user or the authors state it, never guessed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from mebias import tables
from mebias.datasets import cells
from mebias.datasets.annotations import Entries, padded, person
from mebias.datasets.workbook import find_table
from mebias.errors import AnnotationError, listed, suggest
from mebias.manifests import Manifest

_COLUMNS = {
    "subject": ("subject", "sub_ID", "participant"),
    "ethnicity": ("ethnicity", "ethnic", "group"),
}
_NONE = {"", "nan", "na", "n/a", "none", "?", "/"}


def stated_groups(found: Entries) -> dict[str, str]:
    """Groups from a column of the annotation table itself.

    Raises
    ------
    AnnotationError
        A subject has two groups, or a group has the reserved name ``all``.
    """
    rows = ((entry.row, entry.subject, entry.texts.get("ethnicity", "")) for entry in found.entries)
    return _gathered(found.table.file, rows)


def read_groups(path: Path, manifest: Manifest) -> dict[str, str]:
    """Groups from the user's file with the columns subject and ethnicity.

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
    table = find_table(path, _COLUMNS, ("subject", "ethnicity"))
    rows = []
    for row in table.rows:
        subject = person(padded(cells.name(table, row, "subject"), manifest), manifest)
        if not subject:
            raise AnnotationError(
                f"{table.where(row[0], 'subject')}: found a blank cell, expected a subject; fill "
                f"it in or delete the row."
            )
        rows.append((row[0], subject, cells.text(table, row, "ethnicity")))
    return _gathered(path.name, rows)


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
            dataset=dataset,
            field="ethnicity",
            found=listed(sorted(several)),
        )
        for several in spellings.values()
        if len(several) > 1
    ]
