"""Tables of a report on two versions of the labels."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import pandas as pd

from mebias import tables
from mebias.reporting.blocks import Cell, Grid, Notes
from mebias.reporting.formats import count, is_missing, number, share, whole, with_interval
from mebias.reporting.grids import column_level, value_cell, without_empty
from mebias.reporting.lookup import Estimates, Part, Value

Column = tuple[str, str, str | None]
"""A quantity, its head, and its unit where there are several."""

_SHOWN = 20


def revised_grid(
    estimates: Estimates, parts: Sequence[Part], subjects: pd.DataFrame, caption: str
) -> Grid:
    """Labels revised, and shares moved later and earlier, per stratum and keyframe."""
    columns: tuple[Column, ...] = (
        ("share_moved", "Revised", None),
        ("share_later", "Moved later", None),
        ("share_earlier", "Moved earlier", None),
    )
    legend = "Shares of all labels compared, with subject-clustered intervals."
    counts = subjects.groupby(["source", "stratum", "keyframe"])["n_revised"].sum()
    revised = {key: float(n) for key, n in counts.items()}
    return _by_part(estimates, parts, caption, columns, legend, revised=revised)


def direction_grid(estimates: Estimates, parts: Sequence[Part], caption: str) -> Grid:
    """How far labels moved: revised ones and all, per stratum and keyframe."""
    columns: tuple[Column, ...] = (
        ("mean_shift_moved", "Mean shift of revised labels, ms", "ms"),
        ("mean_shift_moved", "the same, frames", "frames"),
        ("mean_shift", "Mean shift of all labels, ms", "ms"),
        ("sd_shift", "SD of shifts, ms", "ms"),
    )
    return _by_part(estimates, parts, caption, columns, "Positive = moved later.")


def uneven_grid(estimates: Estimates, parts: Sequence[Part], caption: str) -> Grid:
    """On how many subjects revisions fell, per stratum and keyframe."""
    columns: tuple[Column, ...] = (
        ("share_subjects_revised", "Subjects with a revised label", None),
        ("icc_revised", "Intraclass correlation of being revised", None),
    )
    legend = (
        "Intraclass correlation: 0 = revisions spread evenly over subjects, 1 = all or none of a "
        "subject's labels."
    )
    return _by_part(estimates, parts, caption, columns, legend, correlations=("icc_revised",))


def transition_grid(transitions: pd.DataFrame, caption: str) -> Grid:
    """Expression types, old against new, with shares of the old type."""
    notes, rows = Notes(), []
    for row in transitions.to_dict("records"):
        told = with_interval(row["share"], row["conf_low"], row["conf_high"], "share")
        undefined = is_missing(row["conf_low"])
        rows.append((
            Cell(row["type_old"], head=True),
            Cell(row["type_new"], head=True),
            Cell(f"{whole(row['n_clips'])} / {whole(row['n_subjects'])}", numeric=True),
            Cell(told, numeric=True, mark=notes.mark(row["reason"] if undefined else "")),
            *(Cell(whole(row[f"n_revised_{k}"]), numeric=True) for k in tables.KEYFRAMES),
        ))  # fmt: skip
    head = (
        ("Old type", False),
        ("New type", False),
        ("Expressions / subjects", True),
        ("Share of the old type [95\u00a0%]", True),
        *((f"{k.capitalize()} revised", True) for k in tables.KEYFRAMES),
    )
    methods = tuple(f"Method: {m}" for m in transitions["method"].unique() if m)
    return without_empty(
        Grid(caption, head, tuple(rows), (*notes.lines(), *methods), source="transitions")
    )


def subject_grid(subjects: pd.DataFrame, caption: str) -> Grid:
    """The subjects on whom most revisions fell, all keyframes and strata together."""
    own = subjects[subjects["stratum"] == tables.ALL]
    wide = own.groupby("subject", sort=True).agg(n=("n_clips", "sum"), k=("n_revised", "sum"))
    wide = wide[wide["k"] > 0].sort_values(["k", "n"], ascending=[False, True], kind="stable")
    sums = own.groupby(["subject", "keyframe"])["n_revised"].sum()
    revised = {key: float(n) for key, n in sums.items()}
    rows = tuple(
        (
            Cell(str(name), head=True),
            Cell(whole(row["n"]), numeric=True),
            Cell(whole(row["k"]), numeric=True),
            Cell(share(row["k"] / row["n"]), numeric=True),
            *(Cell(whole(revised.get((name, k))), numeric=True) for k in tables.KEYFRAMES),
        )
        for name, row in wide.head(_SHOWN).iterrows()
    )
    head = (
        ("Subject", False),
        ("Labels compared", True),
        ("Revised", True),
        ("Share", True),
        *((f"{k.capitalize()} revised", True) for k in tables.KEYFRAMES),
    )
    rest = len(wide) - len(rows)
    told = f"{count(rest, 'more subject')} {'has' if rest == 1 else 'have'} revised labels"
    notes = (f"{told}: tables/subjects.csv.",) if rest else ()
    return Grid(caption, head, rows, notes, source="subjects")


def _by_part(
    estimates: Estimates,
    parts: Sequence[Part],
    caption: str,
    columns: Sequence[Column],
    legend: str,
    correlations: Sequence[str] = (),
    revised: Mapping[Hashable, float] | None = None,
) -> Grid:
    notes, rows, counts = Notes(), [], revised or {}
    shown: list[list[Value | None]] = []
    for part in parts:
        for keyframe in estimates.keyframes(part):
            values = [estimates.get(part, keyframe, q, unit=unit) for q, _, unit in columns]
            sizes = next((v for v in values if v is not None), None)
            if sizes is None:
                continue
            shown.append(values)
            rows.append((
                Cell(_expressions(part.stratum), head=True),
                Cell(keyframe, head=True),
                Cell(f"{whole(sizes.n_clips)} / {whole(sizes.n_subjects)}", numeric=True),
                Cell(whole(counts.get((part.source, part.stratum, keyframe))), numeric=True),
                *(
                    Cell(_correlation(v), numeric=True, mark=notes.mark(v.reason))
                    if quantity in correlations and v is not None
                    else value_cell(v, notes, sign=not quantity.startswith("sd_"))
                    for (quantity, _, _), v in zip(columns, values, strict=True)
                ),
            ))  # fmt: skip
    levels = [column_level(values) for values in zip(*shown, strict=True)] or [""] * len(columns)
    head = (
        ("Expressions", False),
        ("Keyframe", False),
        ("Labels / subjects", True),
        ("Number revised", True),
        *((f"{text} [{level}]", True) for (_, text, _), level in zip(columns, levels, strict=True)),
    )
    return without_empty(Grid(caption, head, tuple(rows), (legend, *notes.lines())))


def _correlation(value: Value) -> str:
    """A correlation with its interval; not a share, whatever the table's unit says."""
    if is_missing(value.low):
        return number(value.estimate, 2)
    return f"{number(value.estimate, 2)} [{number(value.low, 2)}, {number(value.high, 2)}]"


def _expressions(stratum: str) -> str:
    return "all" if stratum == tables.ALL else stratum
