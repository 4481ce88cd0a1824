"""Design warnings: one line per problem, with the clips it was seen on."""

from __future__ import annotations

import re

import pandas as pd

from mebias.reporting.blocks import Notice
from mebias.reporting.formats import count, joined
from mebias.reporting.lookup import records

SEVERITIES = ("error", "warning", "note")
_SHOWN = 4


def notices(issues: pd.DataFrame) -> list[Notice]:
    """Issues as notices: errors first, per-clip repetitions of one message grouped.

    Parameters
    ----------
    issues : DataFrame
        An issues table.

    Returns
    -------
    list of Notice
        In the order of severity, then of first appearance.
    """
    grouped: dict[tuple[str, str, str, str], list[dict[str, str]]] = {}
    for row in records(issues):
        key = (row["severity"], row["dataset"], row["field"], _pattern(row))
        grouped.setdefault(key, []).append({k: str(v) for k, v in row.items()})
    found = [_notice(rows) for rows in grouped.values()]
    rank = {severity: i for i, severity in enumerate(SEVERITIES)}
    return sorted(found, key=lambda n: rank.get(n.severity, len(SEVERITIES)))


def tally(issues: pd.DataFrame) -> str:
    """How many issues of each severity there are, in words.

    >>> from mebias import tables
    >>> rows = [tables.issue("warning", "look", dataset="d") for _ in range(2)]
    >>> tally(tables.from_rows(rows, "issues"))
    '2 warnings'
    >>> tally(tables.empty("issues"))
    'no issues'
    """
    sizes = issues["severity"].value_counts()
    parts = [count(int(sizes[s]), s) for s in SEVERITIES if s in sizes]
    return joined(parts) or "no issues"


def _pattern(row: dict[str, str]) -> str:
    """The message without what differs from clip to clip."""
    if not row["clip"]:
        return row["message"]
    text = row["message"].replace(row["clip"], "*")
    return re.sub(r"\d+", "#", text)


def _notice(rows: list[dict[str, str]]) -> Notice:
    first = rows[0]
    clips = list(dict.fromkeys(r["clip"] for r in rows if r["clip"]))
    return Notice(
        severity=first["severity"],
        dataset=first["dataset"],
        message=first["message"][:1].upper() + first["message"][1:],
        n=len(rows),
        clips=tuple(clips[:_SHOWN]) if len(rows) > 1 else (),
        more=max(0, len(clips) - _SHOWN),
    )
