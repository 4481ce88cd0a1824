"""The cells that estimates are made for: strata, and groups within them."""

from __future__ import annotations

import pandas as pd

from mebias import tables


def strata(part: pd.DataFrame, wanted: bool) -> list[tuple[str, pd.DataFrame]]:
    """The whole, then micro- and macro-expressions where a table holds both.

    Parameters
    ----------
    part : DataFrame
        Shifts of one dataset and source.
    wanted : bool
        Without it the whole only.
    """
    kinds = [kind for kind in ("micro", "macro") if (part["expression_type"] == kind).any()]
    if not wanted or len(kinds) < 2:
        return [(tables.ALL, part)]
    apart = [(kind, part[part["expression_type"] == kind]) for kind in kinds]
    return [(tables.ALL, part), *apart]


def groups(part: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The whole, then each group; a table without stated groups has the whole only.

    Examples
    --------
    >>> part = pd.DataFrame({"ethnicity": ["B", "A", "B"]})
    >>> [(name, len(rows)) for name, rows in groups(part)]
    [('all', 3), ('A', 1), ('B', 2)]
    """
    names = sorted(part["ethnicity"].unique())
    if set(names) <= {tables.ALL, tables.UNKNOWN}:
        return [(tables.ALL, part)]
    return [(tables.ALL, part), *((n, part[part["ethnicity"] == n]) for n in names)]
