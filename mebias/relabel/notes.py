"""What has to be said beside the numbers of a second look."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mebias import tables
from mebias.errors import counted

FEW_SUBJECTS = 8
"""Below this many subjects an interval over subjects is a rough one."""


def notes(labels: pd.DataFrame, dataset: str, noticed: Sequence[str]) -> pd.DataFrame:
    """Rows of the issues: what was noticed in reading, and what the packet cannot show.

    Parameters
    ----------
    labels : DataFrame
        A table ``relabeled``.
    dataset : str
    noticed : sequence of str
        Sentences from reading.
    """
    rows = [
        tables.issue("note", text[:1].upper() + text[1:], dataset=dataset, check="second look")
        for text in noticed
    ]
    for keyframe, beyond in (("onset", "before the first"), ("offset", "after the last")):
        own = labels[labels["keyframe"] == keyframe]
        cut = int(own["cut"].sum())
        if cut:
            rows.append(
                tables.issue(
                    "warning",
                    f"{cut} of {len(own)} clips are cut at the human {keyframe}: an {keyframe} "
                    f"{beyond} frame shown cannot be judged.",
                    dataset=dataset,
                    field=keyframe,
                    found=cut,
                    check="second look, cut",
                    consequence="moves and recall leave these labels out; precision is that of "
                    "errors that can be seen",
                )
            )
    flagged = labels[labels["flagged"] & (labels["outside"] != "")]
    n = flagged["subject"].nunique()
    if n < FEW_SUBJECTS:
        rows.append(
            tables.issue(
                "warning",
                f"looked at: {counted(len(flagged), 'flagged label')} of {counted(n, 'subject')}; "
                f"intervals over so few subjects are rough.",
                dataset=dataset,
                field="subject",
                found=n,
                expected=f"{FEW_SUBJECTS} or more",
                check="second look, subjects",
            )
        )
    return tables.from_rows(rows, "issues")
