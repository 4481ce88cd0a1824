"""Expressions during which the eyes blink."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mebias.audit.labels import Labels, Row, places, texts

_AU45 = r"(?<![0-9.])45(?![0-9])"
_NO = frozenset({"", "0", "0.0", "no", "n", "false", "none", "nan", "/", "-", "-1"})


def blink_issues(labels: Labels) -> list[Row]:
    """AU45, a column that tells of blinks, or a listed blink that shares frames; one row each."""
    reasons: dict[int, list[str]] = {}
    cells: dict[int, list[str]] = {}
    for place in places(has_blink_unit(labels.table["aus"])):
        units = labels.texts("aus")[place]
        reasons.setdefault(place, []).append(f"its action units are {units} (45 is a blink)")
    for name in labels.table.columns:
        if "blink" in str(name).casefold():
            written = texts(labels.table[name])
            for place in places(~written.str.strip().str.casefold().isin(_NO)):
                said = f"its column {name} says {written.iloc[place]}"
                reasons.setdefault(place, []).append(said)
    for place, text, cell in _listed_blinks(labels):
        reasons.setdefault(place, []).append(text)
        cells.setdefault(place, []).append(cell)
    rows = [_row(labels, place, reasons[place], cells.get(place, [])) for place in sorted(reasons)]
    return [*rows, *_coverage(labels)]


def has_blink_unit(aus: pd.Series) -> pd.Series:
    """Whether AU45 is among the action units.

    >>> texts = pd.Series(["4+45", "AU45", "L45", "AUR2+12(k)+45", "145", "4+5", ""])
    >>> has_blink_unit(texts).tolist()
    [True, True, True, True, False, False, False]
    """
    return aus.astype(str).str.contains(_AU45, regex=True)


def _listed_blinks(labels: Labels) -> list[tuple[int, str, str]]:
    """Expressions that share frames with a listed blink: row, words, cell of the blink."""
    blinks = labels.cohort.blinks
    if blinks is None or blinks.empty:
        return []
    table = labels.table[["video", "onset", "offset"]].assign(place=np.arange(len(labels.table)))
    known = blinks.rename(columns={"onset": "first", "offset": "last"})
    both = table[table["video"] != ""].merge(known, on="video", how="inner")
    low = both[["onset", "first"]].max(axis=1, skipna=False)
    high = both[["offset", "last"]].min(axis=1, skipna=False)
    both = both.assign(low=low, high=high)[low <= high].sort_values(["place", "first"])
    columns = (both[name] for name in ("place", "first", "last", "low", "high", "cell"))
    return [
        (
            int(place),
            f"a blink from frame {first:.0f} to {last:.0f} shares {high - low + 1:.0f} of its "
            f"{_count(labels, int(place))} frames",
            str(cell),
        )
        for place, first, last, low, high, cell in zip(*columns, strict=True)
    ]


def _coverage(labels: Labels) -> list[Row]:
    """Whose blinks are listed, where they are not everyone's."""
    blinks = labels.cohort.blinks
    if blinks is None or blinks.empty:
        return []
    table = labels.table
    seen = table.loc[table["video"].isin(blinks["video"]), "subject"].nunique()
    subjects = table["subject"].nunique()
    if seen == subjects:
        return []
    return [
        labels.row(
            "note",
            "blink",
            f"blinks are listed in recordings of {seen} of {subjects} subjects; that the others "
            f"did not blink is not known.",
            field="aus",
            found=seen,
            expected=subjects,
        )
    ]


def _count(labels: Labels, place: int) -> str:
    return f"{labels.column('offset')[place] - labels.column('onset')[place] + 1:.0f}"


def _row(labels: Labels, place: int, reasons: list[str], cells: list[str]) -> Row:
    return labels.row(
        "warning",
        "blink",
        f"{labels.name(place)}: the eyes blink: {_few(reasons)}.",
        place,
        field="aus",
        found="; ".join(reasons),
        expected="no blink",
        cell=_few([text for text in (labels.cell(place), *cells) if text]),
    )


def _few(parts: list[str], limit: int = 3) -> str:
    more = [f"and {len(parts) - limit} more"] if len(parts) > limit else []
    return "; ".join([*parts[:limit], *more])
