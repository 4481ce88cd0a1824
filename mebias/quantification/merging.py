"""Small groups taken together, where that is asked for."""

from __future__ import annotations

import pandas as pd

from mebias import tables
from mebias.errors import OptionError, listed

OTHERS = "other groups"


def merge_small_groups(
    shifts: pd.DataFrame, min_subjects: int = 5
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Name all groups of too few subjects ``other groups``, within each dataset.

    Parameters
    ----------
    shifts : DataFrame
        A table with dataset, subject and ethnicity, such as shifts or clips.
    min_subjects : int
        Groups with fewer subjects are merged, unless that would leave no contrast.

    Returns
    -------
    merged : DataFrame
        The same rows.
    issues : DataFrame
        What was merged, or why nothing was.

    Raises
    ------
    OptionError
        ``min_subjects`` below 2.

    Examples
    --------
    >>> groups = {"dataset": "d", "subject": list("abcdef"), "ethnicity": list("AAABBC")}
    >>> table = pd.DataFrame(groups)
    >>> merged, issues = merge_small_groups(table, min_subjects=3)
    >>> merged["ethnicity"].tolist()
    ['A', 'A', 'A', 'other groups', 'other groups', 'other groups']
    """
    if min_subjects < 2:
        raise OptionError(f"min_subjects is {min_subjects}; expected 2 or more.")
    ethnicity = shifts["ethnicity"].copy()
    rows = []
    for name, part in shifts.groupby("dataset", sort=False):
        counts = part.groupby("ethnicity")["subject"].nunique()
        counts = counts.drop([tables.UNKNOWN, tables.ALL], errors="ignore")
        small = counts[counts < min_subjects]
        if small.empty:
            continue
        named = listed((f"{group} ({n})" for group, n in small.items()), 12)
        if len(small) == 1 or len(small) == len(counts):
            why = (
                "only one group has"
                if len(small) == 1
                else "it would leave one group and no contrast, since all have"
            )
            text = f"nothing was merged: {why} fewer than {min_subjects} subjects: {named}."
            rows.append(_issue(str(name), text, len(small)))
            continue
        which = part.index[part["ethnicity"].isin(small.index)]
        ethnicity.loc[which] = OTHERS
        total = int(part.loc[which, "subject"].nunique())
        still = "" if total >= min_subjects else ", which are still too few to be tested"
        rows.append(
            _issue(
                str(name),
                f"{len(small)} groups with fewer than {min_subjects} subjects were merged into "
                f"'{OTHERS}' as asked: {named}; together {total} subjects{still}.",
                len(small),
            )
        )
    return shifts.assign(ethnicity=ethnicity), tables.from_rows(rows, "issues")


def _issue(dataset: str, message: str, found: int) -> dict[str, object]:
    return tables.issue("note", message, dataset=dataset, field="ethnicity", found=found)
