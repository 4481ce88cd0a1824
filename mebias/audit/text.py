"""The audit as plain text, for the command line."""

from __future__ import annotations

import textwrap

import pandas as pd

from mebias.audit.consequences import SEVERITIES, consequences
from mebias.cohort import Cohort
from mebias.errors import counted

_WIDTH = 100
_SHOWN = 8


def summary_text(issues: pd.DataFrame, cohort: Cohort) -> str:
    """The audit in words, no line longer than 100 characters.

    Parameters
    ----------
    issues : DataFrame
        What `mebias.audit.audit` found.
    cohort : Cohort
        The cohort it was about.

    Returns
    -------
    str
        Counts; then check by check the worst findings, at most 8 of each; then what the rest
        of mebias does about each kind.

    Examples
    --------
    >>> import mebias
    >>> from mebias.audit import audit
    >>> cohort = mebias.simulate("4dme", seed=1, n_subjects=6, n_clips=12, size=(32, 32))
    >>> print(summary_text(audit(cohort, images=False), cohort).splitlines()[0])
    SIMULATED 4dme: 12 clips, 6 subjects
    """
    lines = [_head(cohort), _counts(issues)]
    for severity in SEVERITIES:
        part = issues[issues["severity"] == severity]
        for check, rows in part.groupby("check", sort=False):
            lines += [
                "",
                f"{severity.upper()}  {str(check) or 'other'} ({len(rows)})",
                *_rows(rows),
            ]
    done = consequences(issues)
    done = done[done["consequence"] != ""]
    if len(done):
        lines += ["", "What the rest of mebias does about it"]
        lines += [
            _wrapped(f"{check or 'other'}: {text}.")
            for check, text in zip(done["check"], done["consequence"], strict=True)
        ]
    return "\n".join(lines)


def _head(cohort: Cohort) -> str:
    types = cohort.clips["expression_type"]
    counts = types[types != ""].value_counts()
    parts = [counted(len(cohort), "clip"), counted(cohort.clips["subject"].nunique(), "subject")]
    parts += [f"{count} {kind}" for kind, count in counts.items()]
    version = cohort.settings.get("version")
    of = f" ({version})" if version else ""
    return textwrap.fill(f"{cohort.name}{of}: {', '.join(parts)}", _WIDTH)


def _counts(issues: pd.DataFrame) -> str:
    counts = {s: int((issues["severity"] == s).sum()) for s in SEVERITIES}
    return ", ".join(f"{counted(n, s)}" for s, n in counts.items())


def _rows(rows: pd.DataFrame) -> list[str]:
    shown = rows.head(_SHOWN)
    lines = []
    for message, cell in zip(shown["message"], shown["cell"], strict=True):
        row = cell.partition(", column")[0]
        where = f" [{cell}]" if cell and not message.startswith(row) else ""
        lines.append(_wrapped(f"{message}{where}"))
    if len(rows) > _SHOWN:
        lines.append(f"  and {len(rows) - _SHOWN} more (issues.csv)")
    return lines


def _wrapped(text: str) -> str:
    return textwrap.fill(
        text, _WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False
    )
