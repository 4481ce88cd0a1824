"""The parts of a table that are looked at apart: source, stratum, group."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from mebias import tables

PART = ["dataset", "source", "distance"]
Place = dict[str, object]


def cells(rows: pd.DataFrame, *, strata: bool = True) -> Iterator[tuple[Place, pd.DataFrame]]:
    """Each dataset, source and distance; in it each stratum; in it the whole and each group.

    Parameters
    ----------
    rows : DataFrame
        With dataset, source, distance, expression_type and ethnicity.
    strata : bool
        Macro- and micro-expressions apart too, where the table tells them apart.

    Yields
    ------
    place : dict
        dataset, source, distance, stratum and ethnicity of the part.
    part : DataFrame
        Its rows.

    Examples
    --------
    >>> import mebias
    >>> places = [place for place, _ in cells(mebias.example())]
    >>> [place["ethnicity"] for place in places]
    ['all', 'A', 'B', 'C']
    """
    for key, part in rows.groupby(PART, sort=False):
        of_part = dict(zip(PART, key, strict=True))
        for stratum, in_stratum in _strata(part, strata):
            for group, in_group in _groups(in_stratum):
                yield {**of_part, "stratum": stratum, "ethnicity": group}, in_group


def _strata(part: pd.DataFrame, wanted: bool) -> list[tuple[str, pd.DataFrame]]:
    kinds = [kind for kind in ("micro", "macro") if (part["expression_type"] == kind).any()]
    if not wanted or len(kinds) < 2:
        return [(tables.ALL, part)]
    apart = [(kind, part[part["expression_type"] == kind]) for kind in kinds]
    return [(tables.ALL, part), *apart]


def _groups(part: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The whole, then each group; a table without stated groups has the whole only."""
    names = sorted(part["ethnicity"].unique())
    if set(names) <= {tables.ALL, tables.UNKNOWN}:
        return [(tables.ALL, part)]
    return [(tables.ALL, part), *((n, part[part["ethnicity"] == n]) for n in names)]
