"""Expressions that are there twice, or share frames."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mebias import tables
from mebias.audit.labels import Labels, Row


def pair_issues(labels: Labels) -> list[Row]:
    """Duplicates and overlaps among the expressions of one recording, per pair."""
    return [
        _duplicate(labels, one, two) if _alike(labels, one, two) else _overlap(labels, one, two)
        for one, two in sharing(labels)
    ]


def sharing(labels: Labels) -> Iterator[tuple[int, int]]:
    """Pairs of expressions in one recording, by one coder, that share frames.

    Sorted by onset, only neighbors can share frames: the comparison goes to the next but one,
    and so on, while any pair still does.
    """
    table = labels.table
    usable = np.flatnonzero(table["ordered"] & table["onset"].notna() & table["offset"].notna())
    part = table.iloc[usable]
    names = ["subject", "recording", "coder", "pass"]
    group = part.groupby(names, sort=False).ngroup().to_numpy()
    onset, offset = part["onset"].to_numpy(), part["offset"].to_numpy()
    order = np.lexsort((offset, onset, group))
    group, onset, offset, usable = group[order], onset[order], offset[order], usable[order]
    clips = labels.texts("clip")[usable]
    for lag in range(1, len(usable)):
        near = (group[lag:] == group[:-lag]) & (onset[lag:] <= offset[:-lag])
        if not near.any():
            return
        for place in np.flatnonzero(near & (clips[lag:] != clips[:-lag])):
            one, two = sorted((int(usable[place]), int(usable[place + lag])))
            yield one, two


def _frames(labels: Labels, place: int) -> tuple[float, ...]:
    return tuple(np.nan_to_num(labels.column(k)[place], nan=-1.0) for k in tables.KEYFRAMES)


def _alike(labels: Labels, one: int, two: int) -> bool:
    return _frames(labels, one) == _frames(labels, two)


def _cells(labels: Labels, one: int, two: int, *keyframes: str) -> str:
    first, second = (labels.cell(place, *keyframes) for place in (one, two))
    if not first or not second:
        return first or second
    # Both in one sheet: the second row alone is named.
    head, _, tail = second.partition(", row ")
    same = first.startswith(f"{head}, row ")
    return f"{first}; row {tail}" if same else f"{first}; {second}"


def _duplicate(labels: Labels, one: int, two: int) -> Row:
    return labels.row(
        "warning",
        "duplicate",
        f"{labels.name(one)} and {labels.name(two)} are labeled at the same frames of one "
        f"recording ({labels.frames(one)}); keep one if they are one movement.",
        two,
        field="onset",
        found=labels.frames(two),
        expected="other frames",
        cell=_cells(labels, one, two),
    )


def _overlap(labels: Labels, one: int, two: int) -> Row:
    onset, offset = labels.column("onset"), labels.column("offset")
    low, high = max(onset[one], onset[two]), min(offset[one], offset[two])
    shared = int(high - low) + 1
    types = labels.texts("expression_type")
    mixed = types[one] != types[two]
    between = f" (one {types[one] or 'untyped'}, one {types[two] or 'untyped'})" if mixed else ""
    frames = "frame" if shared == 1 else f"frames {low:.0f} to"
    return labels.row(
        "note" if mixed or shared == 1 else "warning",
        "overlap",
        f"{labels.name(one)} and {labels.name(two)}{between} share {frames} {high:.0f} of one "
        f"recording ({shared} in all): {labels.frames(one)}; {labels.frames(two)}.",
        two,
        field="onset",
        found=f"{shared} shared frames",
        expected="none",
        cell=_cells(labels, one, two, "onset", "offset"),
    )
