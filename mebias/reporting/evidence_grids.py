"""Tables of the page for what stands beside the shifts: any quantities, by keyframe and group."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from mebias import tables
from mebias.errors import listed
from mebias.reporting.blocks import Cell, Grid, Notes
from mebias.reporting.formats import NONE, amount, is_missing, p_cell, share, whole, with_interval
from mebias.reporting.grids import (
    column_level,
    group_label,
    hypothesis,
    is_low,
    value_cell,
    without_empty,
)
from mebias.reporting.lookup import Estimates, Part, Value, records


@dataclass(frozen=True)
class Quantity:
    """A column: which quantity of the estimates table, its head, and how it is printed."""

    name: str
    head: str
    unit: str | None = "ms"
    sign: bool = True
    part: Part | None = None
    """Where the number stands, if not in the table's own part."""


def quantity_grid(
    estimates: Estimates,
    part: Part,
    quantities: Sequence[Quantity],
    caption: str,
    *,
    keyframes: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
    legend: str = "",
    sizes_of: str = "",
) -> Grid:
    """Quantities in columns, a row per keyframe and group.

    Parameters
    ----------
    estimates : Estimates
    part : Part
        Whose numbers these are.
    quantities : sequence of Quantity
    caption : str
    keyframes : sequence of str, optional
        Those of the part by default; ``("",)`` for quantities that are of whole clips.
    groups : sequence of str, optional
        Those of the part by default.
    legend : str
        First note below the table.
    sizes_of : str
        The quantity whose clips and subjects are shown; the first one by default.
    """
    notes = Notes()
    rows: list[tuple[Cell, ...]] = []
    shown: list[list[Value | None]] = []
    several = estimates.keyframes(part) if keyframes is None else list(keyframes)
    for keyframe in several:
        for group in estimates.groups(part) if groups is None else groups:
            values = [
                estimates.get(q.part or part, keyframe, q.name, group, unit=q.unit)
                for q in quantities
            ]
            if not any(values):
                continue
            shown.append(values)
            sizes = next(
                v for v, q in sorted(zip(values, quantities, strict=True),
                                     key=lambda pair: pair[1].name != sizes_of)
                if v is not None
            )  # fmt: skip
            rows.append((
                *([] if several == [""] else [Cell(keyframe, head=True)]),
                Cell(group_label(group), head=True),
                Cell(f"{whole(sizes.n_clips)} / {whole(sizes.n_subjects)}", numeric=True),
                *(value_cell(v, notes, sign=q.sign)
                  for v, q in zip(values, quantities, strict=True)),
            ))  # fmt: skip
    columns = list(zip(*shown, strict=True)) if shown else [() for _ in quantities]
    levels = [column_level(values) for values in columns]
    head = (
        *([] if several == [""] else [("Keyframe", False)]),
        ("Group", False),
        ("Clips / subjects", True),
        *((f"{q.head} [{level}]" if level else q.head, True)
          for q, level in zip(quantities, levels, strict=True)),
    )  # fmt: skip
    lines = ([legend] if legend else []) + list(notes.lines())
    return without_empty(Grid(caption, head, tuple(rows), tuple(lines)))


def ratio_grid(estimates: Estimates, part: Part, caption: str) -> Grid:
    """How many times as uncertain offsets are as the other keyframes, group by group."""
    notes, rows, shown = Notes(), [], []
    for group in estimates.groups(part):
        values = [
            estimates.get(part, "offset", f"log_sd_offset_{other}", group, unit="log")
            for other in ("onset", "apex")
        ]
        cells = [replace(value_cell(value, notes), text=ratio_text(value)) for value in values]
        if any(cell.text != NONE or cell.mark for cell in cells):
            shown.append(values)
            rows.append((Cell(group_label(group), head=True), *cells))
    levels = [column_level(values) for values in zip(*shown, strict=True)] or ["", ""]
    head = (
        ("Group", False),
        *((f"Offset to {other} [{level}]", True)
          for other, level in zip(("onset", "apex"), levels, strict=True)),
    )  # fmt: skip
    legend = (
        "Ratios of the coders' SDs, from log_sd_offset_onset and log_sd_offset_apex of the "
        "estimates (their exponential)."
    )
    return without_empty(Grid(caption, head, tuple(rows), (legend, *notes.lines())))


def ratio_text(value: Value | None) -> str:
    """A ratio and its interval from its logarithm.

    >>> ratio_text(None)
    '–'
    """
    if value is None or is_missing(value.estimate):
        return NONE
    low, high = (math.exp(v) if not is_missing(v) else v for v in (value.low, value.high))
    return with_interval(math.exp(value.estimate), low, high, "", sign=False)


def power_grid(power: pd.DataFrame, caption: str) -> Grid:
    """The smallest contrast that is found, and the subjects that the margin takes."""
    notes, rows = Notes(), []
    for keyframe in tables.KEYFRAMES:
        own = power[power["keyframe"] == keyframe]
        found = {str(r["quantity"]): r for r in records(own) if r["quantity"] != "power"}
        smallest, needed = found.get("smallest_shift"), found.get("subjects_needed")
        if smallest is None:
            continue
        told = [str(smallest["reason"]), str(smallest["note"])]
        rows.append((
            Cell(keyframe, head=True, mark=notes.mark("; ".join(t for t in told if t))),
            Cell(str(smallest["contrast"]) or NONE),
            Cell(str(smallest["group_sizes"]) or NONE),
            Cell(_bounded(smallest, "shift_ms", "ms"), numeric=True),
            Cell(amount(smallest["margin"], "ms", sign=False), numeric=True),
            Cell(_count(needed), numeric=True),
        ))  # fmt: skip
    head = (
        ("Keyframe", False), ("Contrast", False), ("Subjects", False),
        ("Found with 80 % power, ms [interval]", True), ("Margin, ms", True),
        ("Subjects for the margin [interval]", True),
    )  # fmt: skip
    methods = tuple(f"Method: {m}" for m in power["method"].unique() if m)
    return without_empty(
        Grid(caption, head, tuple(rows), (*notes.lines(), *methods), source="power")
    )


def _bounded(row: dict[str, object], column: str, unit: str) -> str:
    value, low, high = (float(str(row[c])) for c in (column, "conf_low", "conf_high"))
    return with_interval(value, low, high, unit, sign=False)


def _count(row: dict[str, object] | None) -> str:
    if row is None or is_missing(row["n_subjects"]):
        return NONE
    low, high = (float(str(row[c])) for c in ("conf_low", "conf_high"))
    inside = "" if is_missing(low) or is_missing(high) else f" [{low:.0f}, {high:.0f}]"
    return f"{float(str(row['n_subjects'])):.0f}{inside}"


def influence_grid(influence: pd.DataFrame, caption: str) -> Grid:
    """Per keyframe and estimate who matters most, and whether a conclusion hangs on them."""
    rows = []
    keys = ["ethnicity", "keyframe", "left_out_kind"]
    for (ethnicity, keyframe, kind), own in influence.groupby(keys, sort=False):
        known = own[own["estimate"].notna() & own["change"].notna()]
        if known.empty:
            continue
        most = known.iloc[int(known["change"].abs().to_numpy().argmax())]
        hanging = known[known["changes_conclusion"]]
        what = "mean shift" if ethnicity == tables.ALL else str(ethnicity)
        rows.append((
            Cell(str(keyframe), head=True),
            Cell(what, head=True),
            Cell(str(kind)),
            Cell(str(most["left_out"])),
            Cell(with_interval(most["full_estimate"], most["full_conf_low"],
                               most["full_conf_high"], "ms"), numeric=True),
            Cell(with_interval(most["estimate"], most["conf_low"], most["conf_high"], "ms"),
                 numeric=True),
            Cell(_hanging(hanging), tone="missed" if len(hanging) else ""),
        ))  # fmt: skip
    order = {k: i for i, k in enumerate(tables.KEYFRAMES)}
    rows.sort(key=lambda row: (row[1].text == "mean shift", order.get(row[0].text, 9)))
    head = (
        ("Keyframe", False), ("Estimate", False), ("Left out", False), ("Which one", False),
        ("From all, ms [interval]", True), ("Without it, ms [interval]", True),
        ("The conclusion hangs on", False),
    )  # fmt: skip
    legend = "Which one: whose absence changes the estimate most; all of them in influence.csv."
    return without_empty(Grid(caption, head, tuple(rows), (legend,), source="influence"))


def _hanging(hanging: pd.DataFrame) -> str:
    if hanging.empty:
        return "none"
    changes = ["full_conclusion", "conclusion"]
    return "; ".join(
        f"{listed(own['left_out'], 3)}: {before} becomes {after}"
        for (before, after), own in hanging.groupby(changes, sort=False)
    )


def flags_grid(flags: pd.DataFrame, caption: str, most: int = 20) -> Grid:
    """Clips worth a second look, the surest first."""
    rows = tuple(
        (
            Cell(whole(row["rank"]), numeric=True),
            Cell(row["clip"], head=True),
            Cell(row["keyframe"]),
            *([Cell(row["coder"])] if flags["coder"].ne("").any() else []),
            Cell(whole(row["human"]), numeric=True),
            Cell(
                f"{amount(row['posterior_mean'], '', sign=False)} ± "
                f"{amount(row['posterior_sd'], '', sign=False)}",
                numeric=True,
            ),
            Cell(share(row["p_outside_tolerance"]), numeric=True),
        )
        for row in records(flags.sort_values("rank").head(most))
    )
    coder = [("Coder", False)] if flags["coder"].ne("").any() else []
    head = (
        ("Rank", True), ("Clip", False), ("Keyframe", False), *coder, ("Human frame", True),
        ("Posterior frame, mean ± SD", True), ("Probability of an error beyond tolerance", True),
    )  # fmt: skip
    left = len(flags) - len(rows)
    more = (f"{left} more in flags.csv.",) if left > 0 else ()
    return Grid(caption, head, rows, more, source="flags")


def hypothesis_grid(tests: pd.DataFrame, caption: str) -> Grid:
    """Tests that have one p-value: estimate, margin, p and adjusted p."""
    notes, rows = Notes(), []
    for row in records(tests):
        unsaid = is_missing(row["p_adjusted"]) or is_missing(row["estimate"])
        shown = with_interval(row["estimate"], row["conf_low"], row["conf_high"], row["unit"])
        adjusted = row["p_adjusted"]
        rows.append((
            Cell(hypothesis(row), head=True, mark=notes.mark(row["reason"] if unsaid else "")),
            Cell(shown, numeric=True),
            Cell(str(row["unit"]) if not is_missing(row["estimate"]) else NONE),
            Cell(amount(row["margin"], row["unit"], sign=False), numeric=True),
            Cell(p_cell(row["p_value"]), numeric=True),
            Cell(p_cell(adjusted), numeric=True, tone="low" if is_low(adjusted) else ""),
            Cell(f"{row['family']} ({whole(row['family_size'])})"),
            Cell(f"{whole(row['n_clips'])} / {whole(row['n_subjects'])}", numeric=True),
        ))  # fmt: skip
    head = (
        ("Hypothesis tested", False), ("Estimate [interval]", True), ("Unit", False),
        ("Margin", True), ("p", True), ("p, adjusted", True), ("Family (size)", False),
        ("Clips / subjects", True),
    )  # fmt: skip
    methods = tuple(f"Method: {m}" for m in tests["method"].unique() if m)[:4]
    return without_empty(
        Grid(caption, head, tuple(rows), (*notes.lines(), *methods), source="tests")
    )
