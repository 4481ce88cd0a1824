"""Values that are written in two ways."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher

from mebias.audit.labels import Labels, Row, texts
from mebias.errors import listed

_NOT_LABELS = {"dataset", "clip", "video", "subject", "aus", "part"}
_MOST_LABELS = 40
_ALIKE = 0.85


def spelling_issues(labels: Labels) -> list[Row]:
    """Labels, subjects and recordings that differ in case or spaces only, and rare near-labels."""
    clips = labels.cohort.clips
    rows: list[Row] = []
    for column in clips.columns:
        if column in _NOT_LABELS or clips[column].dtype.kind in "fib":
            continue
        counts = Counter(value for value in texts(clips[column]) if value)
        if 0 < len(counts) <= _MOST_LABELS:
            rows += _variants(labels, column, counts)
            rows += _near(labels, column, counts)
    rows += _variants(labels, "subject", Counter(clips["subject"]), zeros=True)
    recordings = Counter(video for video in clips["video"] if video)
    rows += _variants(labels, "video", recordings)
    rows += _letters(labels, recordings)
    return rows


def folded(text: str, zeros: bool = False) -> str:
    """A text without case, spaces and, if asked for, leading zeros of numbers.

    >>> folded("Sub 01"), folded("Sub 01", zeros=True)
    ('sub01', 'sub1')
    """
    plain = re.sub(r"[\s_]+", "", text.casefold())
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", plain) if zeros else plain


def _variants(labels: Labels, column: str, counts: Counter[str], zeros: bool = False) -> list[Row]:
    groups: dict[str, list[str]] = {}
    for value in counts:
        groups.setdefault(folded(value, zeros), []).append(value)
    rows = []
    for values in groups.values():
        if len(values) > 1:
            values.sort(key=lambda value: (-counts[value], value))
            rows.append(_two_ways(labels, column, values, counts))
    return rows


def _two_ways(labels: Labels, column: str, values: Sequence[str], counts: Counter[str]) -> Row:
    what = {"video": "recording"}.get(column, column.replace("_", " "))
    shown = listed(f"{value!r} in {counts[value]}" for value in values)
    place = _first(labels, column, values[-1])
    return labels.row(
        "warning",
        "spelling",
        f"the {what} is written in {len(values)} ways that differ in case, spaces or zeros only: "
        f"{shown} of {counts.total()} rows; they count as different.",
        field=column,
        found=values[-1],
        expected=values[0],
        cell=labels.cell(place) if place >= 0 else "",
    )


def _first(labels: Labels, column: str, value: str) -> int:
    found = labels.texts(column).tolist()
    return found.index(value) if value in found else -1


def _near(labels: Labels, column: str, counts: Counter[str]) -> list[Row]:
    rows = []
    for value, count in counts.items():
        others = [
            other
            for other, many in counts.items()
            if many >= 5 * count and folded(other) != folded(value) and _alike(value, other)
        ]
        if count <= 2 and others:
            place = _first(labels, column, value)
            rows.append(
                labels.row(
                    "warning",
                    "spelling",
                    f"the {column.replace('_', ' ')} {value!r} is there "
                    f"{'once' if count == 1 else 'twice'}; {others[0]!r} ({counts[others[0]]} "
                    f"rows) is spelled almost alike: is it meant?",
                    place,
                    field=column,
                    found=value,
                    expected=others[0],
                    cell=labels.cell(place) if place >= 0 else "",
                )
            )
    return rows


def _alike(one: str, two: str) -> bool:
    # disgust1 and disgust2 are two things; micro and macro are, too (too short to tell).
    if re.sub("[0-9]", "", one) == re.sub("[0-9]", "", two) or min(len(one), len(two)) < 4:
        return False
    return SequenceMatcher(None, one.casefold(), two.casefold()).ratio() >= _ALIKE


def _letters(labels: Labels, recordings: Counter[str]) -> list[Row]:
    """A recording's name that all other subjects write in another case."""
    names = Counter(video.rpartition("/")[2] for video in recordings)
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.casefold(), []).append(name)
    rows = []
    for group in groups.values():
        usual = max(group, key=lambda name: (names[name], name))
        for name in group:
            if names[usual] >= 5 * names[name]:
                where = [video for video in recordings if video.rpartition("/")[2] == name]
                place = _first(labels, "video", where[0])
                rows.append(
                    labels.row(
                        "note",
                        "spelling",
                        f"the recording {name!r} ({listed(where)}) is {usual!r} elsewhere "
                        f"({names[usual]} times); a folder found by name may be missed.",
                        field="video",
                        found=name,
                        expected=usual,
                        cell=labels.cell(place) if place >= 0 else "",
                    )
                )
    return rows
