"""Edits between an older table and this one: slips of the keyboard, and far moves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mebias import tables
from mebias.audit.labels import CODING, Labels, Row, read_labels
from mebias.audit.robust import far_above
from mebias.cohort import Cohort
from mebias.errors import OptionError, listed

_PLURALS = {"onset": "onsets", "apex": "apexes", "offset": "offsets"}


@dataclass(frozen=True)
class _Versions:
    """Two versions in wide tables, one row per pair, and how the rows of ours are found."""

    pairs: pd.DataFrame
    names: tuple[str, str]
    only_old: int
    only_new: int
    places: dict[tuple[str, str, str], int]


def edit_issues(labels: Labels, against: Path) -> list[Row]:
    """Edits that look like slips, one row each, and a summary of all edits.

    Parameters
    ----------
    labels : Labels
        The labels as they are now, read from one table.
    against : Path
        The older table.

    Raises
    ------
    OptionError
        The cohort was not read from one table.
    AnnotationError, DataRootError
        The older table cannot be read or does not pair.
    """
    versions = _versions(labels, against)
    rows = [_summary(labels, versions)]
    for keyframe in tables.KEYFRAMES:
        rows += _slips(labels, versions, keyframe) + _text_sorted(labels, versions, keyframe)
    return rows


def _versions(labels: Labels, against: Path) -> _Versions:
    from mebias.datasets import read_versions

    cohort = labels.cohort
    files = [] if cohort.cells is None else list(cohort.cells["file"].unique())
    if cohort.root is None or len(files) != 1:
        found = f"it was read from {listed(files)}" if files else "it was not read from a table"
        raise OptionError(
            f"an older table (--against) can only be compared with a cohort that was read from "
            f"one table; {found}."
        )
    old_clips, old, new_clips, new, info = read_versions(
        Path(against), cohort.root / str(files[0]), labels.manifest
    )
    one, two = (
        read_labels(Cohort(labels.manifest, clips, keyframes, tables.empty("issues"))).table
        for clips, keyframes in ((old_clips, old), (new_clips, new))
    )
    pairs = one.merge(two, on=CODING, how="inner", suffixes=("_old", "_new"))
    names = info["versions"]
    assert isinstance(names, list)
    return _Versions(
        pairs,
        (str(names[0]), str(names[1])),
        int(str(info["only_old"])),
        int(str(info["only_new"])),
        _places(labels, two),
    )


def _places(labels: Labels, new: pd.DataFrame) -> dict[tuple[str, str, str], int]:
    """Rows of ours by the ids of the pairs: the older version names clips by its own onsets."""
    keys = list(zip(*(new[name] for name in CODING), strict=True))
    own = labels.keys if len(keys) != len(labels.keys) else keys
    return {key: place for place, key in enumerate(own)}


def _edited(pairs: pd.DataFrame, column: str) -> np.ndarray:
    """Rows in which a keyframe is there in both versions and differs."""
    old, new = (pairs[f"{column}_{v}"].to_numpy(dtype=np.float64) for v in ("old", "new"))
    edited: np.ndarray = np.isfinite(old) & np.isfinite(new) & (old != new)
    return edited


def _summary(labels: Labels, versions: _Versions) -> Row:
    pairs = versions.pairs
    counts = {plural: int(_edited(pairs, k).sum()) for k, plural in _PLURALS.items()}
    for k, plural in _PLURALS.items():
        written = pairs[f"{k}_old"].notna() != pairs[f"{k}_new"].notna()
        counts[f"{plural} added or removed"] = int(written.sum())
    for column, plural in (("expression_type", "types"), ("emotion", "emotions"), ("aus", "AUs")):
        one, two = pairs[f"{column}_old"], pairs[f"{column}_new"]
        counts[plural] = int((one != two).sum())
    mended = int((~pairs["ordered_old"] & pairs["ordered_new"]).sum())
    changes = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing"
    alone = f"; {versions.only_old} rows are in the old one only, {versions.only_new} in this one"
    return labels.row(
        "note",
        "edits",
        f"from {versions.names[0]} to {versions.names[1]}, {len(pairs)} expressions in both: "
        f"{changes} differ{alone if versions.only_old or versions.only_new else ''}"
        f"{f'; {mended} rows were put in order' if mended else ''}{_farthest(pairs)}.",
        field="frame",
        found=changes,
    )


def _farthest(pairs: pd.DataFrame) -> str:
    """The largest edit of each keyframe, in words."""
    parts = []
    for keyframe in tables.KEYFRAMES:
        old, new = (pairs[f"{keyframe}_{v}"].to_numpy(dtype=np.float64) for v in ("old", "new"))
        edited = _edited(pairs, keyframe)
        if edited.any():
            most = int(np.argmax(np.where(edited, np.abs(new - old), -1.0)))
            clip = pairs["clip"].iloc[most]
            parts.append(f"{keyframe} of {clip} ({new[most] - old[most]:+.0f} frames)")
    return f"; farthest: {', '.join(parts)}" if parts else ""


def _text_sorted(labels: Labels, versions: _Versions, keyframe: str) -> list[Row]:
    """Edits that change the number of digits, where these are most of them."""
    pairs = versions.pairs[_edited(versions.pairs, keyframe)]
    old, new = (pairs[f"{keyframe}_{v}"].to_numpy(dtype=np.int64) for v in ("old", "new"))
    longer = np.array([len(str(a)) != len(str(b)) for a, b in zip(old, new, strict=True)])
    if not len(pairs) or longer.sum() < max(5, len(pairs) / 2):
        return []
    first = int(np.argmax(longer))
    return [
        labels.row(
            "note",
            "edits",
            f"{int(longer.sum())} of {len(pairs)} edited {_PLURALS[keyframe]} change their number "
            f"of digits (such as {old[first]} to {new[first]}), as frames sorted as text do.",
            field=keyframe,
            found=int(longer.sum()),
        )
    ]


def _slips(labels: Labels, versions: _Versions, keyframe: str) -> list[Row]:
    pairs = versions.pairs
    edited = _edited(pairs, keyframe)
    old, new = (pairs[f"{keyframe}_{v}"].to_numpy(dtype=np.float64) for v in ("old", "new"))
    moves = np.where(edited, np.abs(new - old), np.nan)
    far = far_above(moves, fewest=10, limit=4.0)
    breaks = edited & pairs["ordered_old"].to_numpy() & ~pairs["ordered_new"].to_numpy()
    mends = ~pairs["ordered_old"].to_numpy() & pairs["ordered_new"].to_numpy()
    typical = f"{np.nanmedian(moves):.0f} frames" if edited.any() else ""
    rows = []
    for place in np.flatnonzero(edited):
        slip = "" if mends[place] else digit_slip(int(old[place]), int(new[place]))
        reasons = ["it puts the row out of order"] * bool(breaks[place])
        reasons += [f"the two differ in {slip}, as typing errors do"] * bool(slip)
        reasons += [f"the median edit is {typical}"] * bool(far[place])
        if reasons:
            rows.append(_slip(labels, versions, int(place), keyframe, reasons))
    return rows


def digit_slip(old: int, new: int) -> str:
    """How two numbers differ if a slip of the keyboard could be why; blank otherwise.

    One digit, from the hundreds on (smaller ones change in any careful edit), or two
    neighboring digits swapped.

    >>> digit_slip(3647, 2647), digit_slip(1243, 1423), digit_slip(355, 357)
    ('one digit', 'two swapped digits', '')
    """
    one, two = str(old), str(new)
    if len(one) != len(two):
        return ""
    differ = [place for place in range(len(one)) if one[place] != two[place]]
    if len(differ) == 1 and differ[0] < len(one) - 2:
        return "one digit"
    neighbors = len(differ) == 2 and differ[1] - differ[0] == 1
    if neighbors and one[differ[0]] == two[differ[1]] and one[differ[1]] == two[differ[0]]:
        return "two swapped digits"
    return ""


def _slip(
    labels: Labels, versions: _Versions, place: int, keyframe: str, reasons: list[str]
) -> Row:
    pair = versions.pairs.iloc[place]
    old, new = float(pair[f"{keyframe}_old"]), float(pair[f"{keyframe}_new"])
    key = (str(pair["clip"]), str(pair["coder"]), str(pair["pass"]))
    own = versions.places.get(key, -1)
    name = labels.name(own) if own >= 0 else key[0]
    # Among small edits, swapped digits come about by chance.
    likely = len(reasons) > 1 or "swapped" not in reasons[0] or abs(new - old) >= 90
    return labels.row(
        "warning" if likely else "note",
        "edits",
        f"{name}: the {keyframe} went from {old:.0f} to {new:.0f} ({new - old:+.0f} frames, "
        f"{(new - old) * float(pair['period_new']):+.0f} ms); {'; '.join(reasons)}.",
        own,
        field=keyframe,
        found=f"{new:.0f}",
        expected=f"{old:.0f} in {versions.names[0]}",
        cell=labels.cell(own, keyframe) if own >= 0 else "",
    )
