"""Tables of the page: cells from the tidy tables, rounded, undefined values explained below."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from mebias import tables
from mebias.quantification.coverage import falls_short
from mebias.reporting.answers import tone
from mebias.reporting.blocks import Cell, Grid, Notes
from mebias.reporting.formats import (
    NONE,
    amount,
    is_missing,
    p_cell,
    per_cent_level,
    whole,
    with_interval,
)
from mebias.reporting.lookup import Estimates, Part, Value, records
from mebias.reporting.text import ALPHA, OUTCOME

ALL_LABEL = "all subjects"
LONG = 40
"""Characters above which a text that stands in several cells becomes a note."""


def group_label(group: str) -> str:
    """A group as it stands in a table.

    >>> group_label("all"), group_label("A")
    ('all subjects', 'A')
    """
    return ALL_LABEL if group == tables.ALL else group


def value_cell(value: Value | None, notes: Notes, *, sign: bool = True) -> Cell:
    """A number with its interval; what is undefined or covers too little has a mark to a note."""
    if value is None:
        return Cell(NONE, numeric=True)
    text = with_interval(value.estimate, value.low, value.high, value.unit, sign=sign)
    if is_missing(value.estimate) or is_missing(value.low):
        why = re.sub(r"^all \d+ values", "all values", value.reason)  # one note for all groups
        return Cell(text, numeric=True, mark=notes.mark(why))
    short = falls_short(value.coverage_note)
    return Cell(text, numeric=True, mark=notes.mark(value.coverage_note if short else ""))


def column_level(values: Iterable[Value | None]) -> str:
    """What a column calls its intervals: by their level where all have one and reach it.

    An interval that covers less than 90 % in the nearest simulated cohorts has no level.
    """
    known = [value for value in values if value is not None]
    if any(falls_short(value.coverage_note) for value in known):
        return "interval"
    return per_cent_level([value.level for value in known])


def shift_grid(estimates: Estimates, part: Part, caption: str) -> Grid:
    """Mean shift, that of a random frame, what lies beyond it, and spread, of one rule."""
    notes = Notes()
    rows: list[tuple[Cell, ...]] = []
    shown: list[tuple[Value | None, ...]] = []
    for keyframe in estimates.keyframes(part):
        for group in estimates.groups(part):
            mean, null, beyond, spread = (
                estimates.get(part, keyframe, quantity, group, unit="ms")
                for quantity in (
                    "mean_shift", "uniform_null_mean", "mean_excess_uniform", "sd_shift",
                )
            )  # fmt: skip
            if mean is None:
                continue
            shown.append((mean, null, beyond, spread))
            rows.append((
                Cell(keyframe, head=True),
                Cell(group_label(group), head=True),
                Cell(f"{whole(mean.n_clips)} / {whole(mean.n_subjects)}", numeric=True),
                value_cell(mean, notes),
                value_cell(null, notes),
                value_cell(beyond, notes),
                value_cell(spread, notes, sign=False),
            ))  # fmt: skip
    levels = [column_level(values) for values in zip(*shown, strict=True)] or [""] * 4
    head = (
        ("Keyframe", False),
        ("Group", False),
        ("Clips / subjects", True),
        (f"Mean shift, ms [{levels[0]}]", True),
        (f"Random frame, ms [{levels[1]}]", True),
        (f"Beyond the random frame, ms [{levels[2]}]", True),
        (f"SD of shifts, ms [{levels[3]}]", True),
    )
    legend = (
        "Shift = selected - human, positive = later, averaged over subjects. Random frame: the "
        "mean shift of a frame drawn uniformly from the same windows. Beyond it: the mean of each "
        "clip's own difference; each mean weights subjects by its own spread, so that columns "
        "need not add up."
    )
    return without_empty(Grid(caption, head, tuple(rows), (legend, *notes.lines())))


def share_grid(estimates: Estimates, part: Part, caption: str) -> Grid:
    """Shares of keyframes moved, immovable and at an edge, of one rule."""
    notes = Notes()
    rows: list[tuple[Cell, ...]] = []
    shown: list[list[Value | None]] = []
    quantities = ("share_moved", "share_immovable", "share_at_edge")
    for keyframe in estimates.keyframes(part):
        for group in estimates.groups(part):
            values = [estimates.get(part, keyframe, q, group) for q in quantities]
            sizes = next((v for v in values if v is not None), None)
            if sizes is None:
                continue
            shown.append(values)
            rows.append((
                Cell(keyframe, head=True),
                Cell(group_label(group), head=True),
                Cell(f"{whole(sizes.n_clips)} / {whole(sizes.n_subjects)}", numeric=True),
                *(value_cell(v, notes) for v in values),
            ))  # fmt: skip
    heads = ("Moved", "Immovable", "At edge")
    levels = [column_level(values) for values in zip(*shown, strict=True)] or [""] * 3
    head = (
        ("Keyframe", False),
        ("Group", False),
        ("Clips / subjects", True),
        *((f"{name} [{level}]", True) for name, level in zip(heads, levels, strict=True)),
    )
    legend = "At edge: of the keyframes whose window has freedom."
    return without_empty(Grid(caption, head, tuple(rows), (legend, *notes.lines())))


def weighting_grid(estimates: Estimates, part: Part, caption: str) -> Grid:
    """The mean shift in every weighting, in ms, frames and as a share of the window."""
    notes = Notes()
    found = part.select(estimates.table)
    found = found[found["quantity"] == "mean_shift"]
    weightings = [w for w in ("subject", "clip", "subject-mean") if (found["weighting"] == w).any()]
    rows = []
    for keyframe in estimates.keyframes(part):
        for group in estimates.groups(part):
            for weighting in weightings:
                values = [
                    estimates.get(part, keyframe, "mean_shift", group, unit=u, weighting=weighting)
                    for u in ("ms", "frames", "window")
                ]
                if not any(values):
                    continue
                rows.append((
                    Cell(keyframe, head=True),
                    Cell(group_label(group), head=True),
                    Cell(weighting, head=True),
                    *(value_cell(value, notes) for value in values),
                ))  # fmt: skip
    head = (
        ("Keyframe", False),
        ("Group", False),
        ("Weighting", False),
        ("Mean shift, ms", True),
        ("frames", True),
        ("share of the window", True),
    )
    return without_empty(Grid(caption, head, tuple(rows), notes.lines()))


def contrast_grid(tests: pd.DataFrame, caption: str) -> Grid:
    """Tests with estimate, interval, both p-values and the adjusted one."""
    notes = Notes()
    rows = []
    for row in records(tests):
        adjusted = row["p_adjusted"]
        explained = is_missing(adjusted) or is_missing(row["estimate"])
        rows.append((
            Cell(hypothesis(row), head=True, mark=notes.mark(row["reason"] if explained else "")),
            Cell(
                with_interval(row["estimate"], row["conf_low"], row["conf_high"], row["unit"]),
                numeric=True,
            ),
            Cell(row["unit"] if not is_missing(row["estimate"]) else NONE),
            Cell(p_cell(row["p_permutation"]), numeric=True),
            Cell(p_cell(row["p_cr2"]), numeric=True),
            Cell(p_cell(row["p_value"]), numeric=True),
            Cell(p_cell(adjusted), numeric=True, tone="low" if is_low(adjusted) else ""),
            Cell(f"{row['family']} ({whole(row['family_size'])})"),
            Cell(f"{whole(row['n_clips'])} / {whole(row['n_subjects'])}", numeric=True),
        ))  # fmt: skip
    head = (
        ("Hypothesis tested", False),
        ("Contrast [interval]", True),
        ("Unit", False),
        ("p, permutation", True),
        ("p, CR2", True),
        ("p, deciding", True),
        ("p, adjusted", True),
        ("Family (size)", False),
        ("Clips / subjects", True),
    )
    methods = tuple(f"Method: {m}" for m in tests["method"].unique() if m)
    return without_empty(
        Grid(caption, head, tuple(rows), (*notes.lines(), *methods), source="tests")
    )


def claims_grid(claims: pd.DataFrame, caption: str) -> Grid:
    """Claims with their grade, what it rests on and what would settle it.

    What several claims have in common stands in the notes.
    """
    notes, rows = Notes(), []
    texts = [*claims["rests_on"], *claims["would_settle"]]
    parts = [part for text in texts for part in text.split("; ")]
    common = {part for part in parts if len(part) > LONG and parts.count(part) > 1}
    for row in claims.to_dict("records"):
        shown = with_interval(row["estimate"], row["conf_low"], row["conf_high"], row["unit"])
        unit = "" if row["unit"] == "share" or is_missing(row["estimate"]) else row["unit"]
        rows.append((
            Cell(row["topic"], head=True),
            Cell(row["claim"], head=True),
            Cell(row["grade"], tone=tone(row["grade"])),
            Cell(f"{shown} {unit}".strip(), numeric=True),
            _with_notes(row["rests_on"], common, notes, kept=1),
            _with_notes(row["would_settle"], common, notes),
        ))  # fmt: skip
    head = (
        ("About", False),
        ("Claim", False),
        ("Grade", False),
        ("Estimate [interval]", True),
        ("Rests on", False),
        ("Would settle it", False),
    )
    return without_empty(Grid(caption, head, tuple(rows), notes.lines(), source="claims"))


def _with_notes(text: str, common: Container[str], notes: Notes, *, kept: int = 0) -> Cell:
    """A text whose common parts, but for the first ones, are marks of notes."""
    parts = text.split("; ")
    aside = [place >= kept and part in common for place, part in enumerate(parts)]
    marks = [notes.mark(part) for part, moved in zip(parts, aside, strict=True) if moved]
    own = "; ".join(part for part, moved in zip(parts, aside, strict=True) if not moved)
    return Cell(own or "see note", mark=", ".join(sorted(marks)))


_UNTESTED = "no interval, not tested: the tests of the groups say why"


def planted_grid(planted: pd.DataFrame, caption: str) -> Grid:
    """What was planted in a simulated cohort against what was found."""
    notes, rows = Notes(), []
    for row in planted.to_dict("records"):
        rows.append((
            Cell(f"{row['contrast']}, {row['keyframe']}", head=True),
            Cell(OUTCOME.get(row["outcome"], row["outcome"]), tone=tone(row["outcome"])),
            Cell(amount(row["planted_error_ms"], "ms"), numeric=True),
            Cell(amount(row["drawn_error_ms"], "ms"), numeric=True),
            Cell(amount(row["expected_shift_ms"], "ms"), numeric=True),
            Cell(
                with_interval(row["found_shift_ms"], row["conf_low"], row["conf_high"], "ms"),
                numeric=True,
                mark=notes.mark(_UNTESTED) if is_missing(row["conf_low"]) else "",
            ),
            Cell(p_cell(row["p_adjusted"]), numeric=True),
        ))  # fmt: skip
    head = (
        ("Contrast", False),
        ("Outcome", False),
        ("Planted error, ms", True),
        ("Error in the labels drawn, ms", True),
        ("Shift a perfect selector would show, ms", True),
        ("Shift found, ms [interval]", True),
        ("p, adjusted", True),
    )
    return without_empty(Grid(caption, head, tuple(rows), notes.lines(), source="planted"))


def hypothesis(row: Mapping[str, Any]) -> str:
    """A hypothesis with its keyframe, where it does not name it."""
    text, keyframe = str(row["hypothesis"]), str(row["keyframe"])
    return text if keyframe == tables.ALL or keyframe in text else f"{keyframe}: {text}"


def is_low(p: float) -> bool:
    """Whether a p-value is below the level of the tests."""
    return not is_missing(p) and p < ALPHA


def without_empty(grid: Grid) -> Grid:
    """Drop columns in which no row has a value."""
    kept = [
        i
        for i in range(len(grid.head))
        if any(row[i].head or row[i].text not in ("", NONE) or row[i].mark for row in grid.rows)
    ]
    return replace(
        grid,
        head=tuple(grid.head[i] for i in kept),
        rows=tuple(tuple(row[i] for i in kept) for row in grid.rows),
    )
