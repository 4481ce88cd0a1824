"""A report to pass on: no rows of single clips, pseudonyms for people, no small groups."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from mebias import tables
from mebias.cohort import Cohort
from mebias.quantification.merging import OTHERS
from mebias.reporting.formats import count

if TYPE_CHECKING:
    from mebias.reporting.content import Content

ROWS = ("clips", "boxes", "keyframes", "shifts", "nulls", "flags", "predictions", "subjects")
"""Tables with a row per clip or person: a shareable report is written without them."""
_NAMING = ("folders", "such_as")
"""What a cohort's settings quote of the layout on disk."""
_TELLING = re.compile(r"(?=.*[^\W\d])...|.....", re.DOTALL)
"""Names of clips that are looked for anywhere; numbers and letters alone only after "clip"."""


def large_groups(clips: pd.DataFrame, min_subjects: int) -> dict[str, str]:
    """Names of groups such that none has too few subjects.

    Small groups become one; where that is still small, the next larger group joins it, so that
    no small group can be had by subtraction.

    Parameters
    ----------
    clips : DataFrame
        Columns subject and ethnicity.
    min_subjects : int
        Subjects that a group needs.

    Returns
    -------
    dict
        Old name to new name, of the groups that are renamed.

    Examples
    --------
    >>> clips = pd.DataFrame({"subject": list("abcdefgh"), "ethnicity": list("AAAABBBC")})
    >>> large_groups(clips, 3)
    {'C': 'other groups', 'B': 'other groups'}
    >>> large_groups(clips, 1)
    {}
    """
    counts = clips.groupby("ethnicity")["subject"].nunique().sort_values(kind="stable")
    if counts.empty or counts.iloc[0] >= min_subjects or len(counts) == 1:
        return {}
    small = int((counts < min_subjects).sum())
    while small < len(counts) and counts.iloc[:small].sum() < min_subjects:
        small += 1
    return {str(group): OTHERS for group in counts.index[:small]}


def with_large_groups(cohort: Cohort, min_subjects: int) -> Cohort:
    """A cohort whose groups all have enough subjects."""
    renamed = large_groups(cohort.clips, min_subjects)
    if not renamed:
        return cohort
    groups = cohort.clips["ethnicity"].replace(renamed)
    return replace(cohort, clips=cohort.clips.assign(ethnicity=groups))


def shareable(content: Content) -> Content:
    """What a report tells, with pseudonyms for subjects and clips.

    Subjects become S1, S2, ... in the order of their names, clips S1/1, S1/2, ...: numbers stay
    the same. Findings of the audit about single clips, files and people are left out and
    counted. A pseudonym protects from a passing glance, not from someone who has the dataset.

    Parameters
    ----------
    content : Content
        As made for any report.

    Returns
    -------
    Content
        The same with other names; `ROWS` are still in it, for the figures, and are not written.
    """
    named = _Names(content)
    found = content.findings
    findings = replace(
        found,
        shifts=named.in_table(found.shifts),
        issues=named.without_persons(found.issues),
        claims=named.in_texts(found.claims),
        flags=tables.empty("flags"),
    )
    extra = {name: named.in_table(table) for name, table in content.extra_tables.items()}
    measured = [
        replace(
            m,
            gains=None
            if m.gains is None
            else replace(
                m.gains,
                predictions=named.in_table(m.gains.predictions),
                issues=named.without_persons(m.gains.issues),
            ),
            issues=None if m.issues is None else named.without_persons(m.issues),
        )
        for m in content.measured
    ]
    return replace(
        content, findings=findings, keyframes=None, extra_tables=extra, measured=measured,
        provenance=without_names(content.provenance), shareable=True,
    )  # fmt: skip


def without_names(record: Mapping[str, object]) -> dict[str, object]:
    """A run's record without names of folders and images, which in many layouts name people.

    >>> record = {"cohorts": {"d": {"frames": {"from": "as stored", "such_as": "006_1.jpg"}}}}
    >>> without_names(record)
    {'cohorts': {'d': {'frames': {'from': 'as stored'}}}}
    """
    cohorts = record.get("cohorts")
    if not isinstance(cohorts, Mapping):
        return dict(record)
    return {**record, "cohorts": {name: _unnamed(made) for name, made in cohorts.items()}}


def _unnamed(settings: Mapping[str, object]) -> dict[str, object]:
    frames = settings.get("frames")
    if not isinstance(frames, Mapping):
        return dict(settings)
    kept = {key: value for key, value in frames.items() if key not in _NAMING}
    return {**settings, "frames": kept}


class _Names:
    """Pseudonyms of a report's subjects and clips."""

    def __init__(self, content: Content) -> None:
        known = [content.findings.shifts, *content.extra_tables.values()]
        known += [m.gains.predictions for m in content.measured if m.gains is not None]
        self._subjects: dict[tuple[str, str], str] = {}
        self._clips: dict[tuple[str, str], str] = {}
        pairs = [t[["dataset", "subject", "clip"]] for t in known if {"subject", "clip"} <= {*t}]
        every = pd.concat(pairs).drop_duplicates().sort_values(["dataset", "subject", "clip"])
        for (dataset, subject), part in every.groupby(["dataset", "subject"], sort=True):
            place = 1 + sum(d == dataset for d, _ in self._subjects)
            self._subjects[str(dataset), str(subject)] = f"S{place}"
            for n, clip in enumerate(dict.fromkeys(part["clip"]), start=1):
                self._clips[str(dataset), str(clip)] = f"S{place}/{n}"
        names = {clip for _, clip in self._clips}
        telling = {name for name in names if _TELLING.search(name)}
        self._clip_names = re.compile(_any_of(telling))
        self._clip_numbers = re.compile(rf"\b(clips?) '?(?:{_any_of(names - telling)})(?![\w.])")
        people = _any_of({s for _, s in self._subjects})
        self._people = re.compile(rf"\b(subjects?|person|of|than) '?(?:{people})(?![\w.])")

    def in_table(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table whose subject and clip columns have pseudonyms."""
        columns: Mapping[str, Mapping[tuple[str, str], str]] = {
            "subject": self._subjects, "clip": self._clips,
        }  # fmt: skip
        changed = {}
        for column, names in columns.items():
            if column in table and "dataset" in table:
                keys = zip(table["dataset"].astype(str), table[column].astype(str), strict=True)
                changed[column] = [names.get(key, "") for key in keys]
        if "video" in table:
            changed["video"] = [""] * len(table)
        return table.assign(**changed)

    def in_texts(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table none of whose texts names a clip or a person."""
        return table.assign(
            **{name: table[name].map(self._hidden) for name in ("rests_on", "would_settle")}
        )

    def without_persons(self, issues: pd.DataFrame) -> pd.DataFrame:
        """Issues about the whole dataset; one more says how many others there are."""
        if issues.empty:
            return issues
        texts = issues[["found", "expected", "message", "cell"]].astype(str).agg(" ".join, axis=1)
        personal = issues["clip"].ne("") | issues["cell"].ne("") | texts.map(self._names_someone)
        kept = issues[~personal]
        rows = [
            {"dataset": dataset, "field": "privacy", "severity": "note", "found": str(n),
             "message": f"{count(n, 'finding')} about single clips, cells or people "
             f"{'is' if n == 1 else 'are'} not told in a shareable report."}
            for dataset, n in issues.loc[personal, "dataset"].value_counts(sort=False).items()
        ]  # fmt: skip
        if not rows:
            return kept
        return tables.conform(pd.concat([kept, tables.from_rows(rows, "issues")]), "issues")

    def _names_someone(self, text: str) -> bool:
        patterns = (self._clip_names, self._clip_numbers, self._people)
        return any(pattern.search(text) for pattern in patterns)

    def _hidden(self, text: str) -> str:
        text = self._clip_names.sub("a clip", text)
        for pattern in (self._clip_numbers, self._people):
            text = pattern.sub(r"\1 (not told)", text)
        return text


def _any_of(names: set[str]) -> str:
    """A regular expression of any of these names, of two that begin alike the longer; or none."""
    return "|".join(map(re.escape, sorted(names, key=lambda n: (-len(n), n)))) or r"(?!)"
