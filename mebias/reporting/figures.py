"""The figures of a report, each from one tidy table; numbers are read, never computed here.

Every function returns a `matplotlib.figure.Figure` without touching pyplot, so that a
notebook shows it and nothing global changes. Draw within `style`, keep with `save`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mebias import tables
from mebias.errors import TableError, listed
from mebias.reporting.figure_style import (
    COLORS,
    FAINT,
    INK,
    ONE_COLUMN_MM,
    SOFT,
    TWO_COLUMNS_MM,
    groups_of,
    jitter,
    look_of,
    need,
    new_figure,
    save,
    short,
    style,
    zero_line,
)
from mebias.reporting.revision_figures import revision_plot, subject_revisions, transition_plot

__all__ = [
    "ONE_COLUMN_MM", "TWO_COLUMNS_MM", "contrast_plot", "estimation_plot", "human_vs_selected",
    "planted_plot", "revision_plot", "save", "style", "subject_revisions", "transition_plot",
]  # fmt: skip
_MANY = 1500
"""With more clips than this in a panel, their points are a picture inside the vector figure."""
_WIDE = 0.985
"""Share of clips that an axis has to hold; what lies beyond is drawn at its edge and counted."""


def estimation_plot(
    shifts: pd.DataFrame,
    estimates: pd.DataFrame,
    *,
    source: str = "gamdss",
    distance: str = "signed",
    stratum: str = tables.ALL,
    unit: str = "ms",
    weighting: str = "subject",
    width_mm: float = TWO_COLUMNS_MM,
) -> Figure:
    """Shifts by keyframe and group: every clip, beside the mean and its interval.

    Parameters
    ----------
    shifts, estimates : DataFrame
        Of one dataset.
    source, distance, stratum : str
        The part to draw.
    unit : {"ms", "frames"}
        Unit of the axis.
    weighting : str
        Weighting of the mean.
    width_mm : float
        Width in mm.

    Returns
    -------
    Figure
        One panel per keyframe, one row per group; a bar marks the mean of a frame drawn at
        random from the same window, where that is known. Clips beyond the axis are drawn as
        arrows at its edge and counted.

    Raises
    ------
    TableError
        The tables have no such part.

    Examples
    --------
    >>> import mebias
    >>> findings = mebias.quantify(mebias.example(), n_permutations=99)
    >>> with style():
    ...     figure = estimation_plot(findings.shifts, findings.estimates)
    >>> len(figure.axes)
    3
    """
    column = f"shift_{unit}"
    need(shifts, ["ethnicity", "subject", "keyframe", "source", column], "estimation plot")
    need(estimates, ["ethnicity", "keyframe", "quantity", "conf_low"], "estimation plot")
    part = _part(shifts, source, distance)
    part = part if stratum == tables.ALL else part[part["expression_type"] == stratum]
    part = part[part[column].notna()]
    found = _part(estimates, source, distance)
    found = found[(found["stratum"] == stratum) & (found["unit"] == unit)]
    need(part, [], "estimation plot")
    groups = groups_of(part)
    limits = _limits(part[column].to_numpy(), found[found["quantity"] == "mean_shift"])
    height = 24 + 11.5 * len(groups)
    figure = new_figure(width_mm, height, part)
    panels = figure.subplots(1, 3, sharey=True, gridspec_kw={"wspace": 0.06})
    for axes, keyframe in zip(panels, tables.KEYFRAMES, strict=True):
        own = part[part["keyframe"] == keyframe]
        numbers = found[found["keyframe"] == keyframe]
        _estimation_panel(axes, own, numbers, groups, column, weighting, limits)
        axes.set_title(keyframe.capitalize())
        axes.set_xlabel(f"shift ({unit}), later →")
    panels[0].set_yticks(range(len(groups)), [_group_label(part, g) for g in groups])
    panels[0].set_ylim(len(groups) - 0.5, -0.5)
    _estimation_legend(figure, bool((found["quantity"] == "uniform_null_mean").any()))
    return figure


def _estimation_panel(
    axes: Axes,
    own: pd.DataFrame,
    numbers: pd.DataFrame,
    groups: list[str],
    column: str,
    weighting: str,
    limits: tuple[float, float],
) -> None:
    zero_line(axes)
    axes.set_xlim(*limits)
    axes.tick_params(axis="y", length=0)
    for row, group in enumerate(groups):
        color, marker = look_of(group, groups)
        clips = own if group == tables.ALL else own[own["ethnicity"] == group]
        values = np.sort(clips[column].to_numpy())
        heights = row + 0.2 + 0.4 * jitter(len(values))
        _clip_points(axes, values, heights, limits, color, row)
        here = numbers[numbers["ethnicity"] == group]
        _mean(axes, here, weighting, row - 0.2, color, marker)
        null = here[here["quantity"] == "uniform_null_mean"]
        for value in null["estimate"]:
            axes.plot([value, value], [row - 0.34, row - 0.06], color=SOFT, linewidth=1.2, zorder=2)
        if row:
            axes.axhline(row - 0.5, color="#eeeeee", linewidth=0.6, zorder=0)


def _clip_points(
    axes: Axes,
    values: np.ndarray,
    heights: np.ndarray,
    limits: tuple[float, float],
    color: str,
    row: int,
) -> None:
    low, high = limits
    inside = (values >= low) & (values <= high)
    axes.scatter(
        values[inside], heights[inside], s=4, color=color, alpha=0.35, linewidths=0, zorder=1,
        rasterized=len(values) > _MANY,
    )  # fmt: skip
    for beyond, edge, marker, sign in (
        (values < low, low, "<", 1), (values > high, high, ">", -1),
    ):  # fmt: skip
        if beyond.any():
            at = edge + sign * 0.02 * (high - low)
            axes.scatter([at], [row + 0.2], marker=marker, s=9, color=color, linewidths=0)
            axes.annotate(
                f"{int(beyond.sum())}", (at, row + 0.2), ha="left" if sign > 0 else "right",
                va="center", xytext=(4 * sign, 0), fontsize=6, color=SOFT,
                textcoords="offset points",
            )  # fmt: skip


def _mean(
    axes: Axes, here: pd.DataFrame, weighting: str, height: float, color: str, marker: str
) -> None:
    chosen = here[(here["quantity"] == "mean_shift") & (here["weighting"] == weighting)]
    for estimate, low, high in chosen[["estimate", "conf_low", "conf_high"]].to_numpy(dtype=float):
        if np.isfinite(low) and np.isfinite(high):
            axes.plot([low, high], [height, height], color=color, linewidth=1.5, zorder=3)
            face = color
        else:
            face = "white"
        axes.plot(
            [estimate], [height], marker=marker, markersize=4.2, markerfacecolor=face,
            markeredgecolor=color, markeredgewidth=0.9, linestyle="", zorder=4,
        )  # fmt: skip


def _estimation_legend(figure: Figure, null: bool) -> None:
    handles = [
        Line2D([], [], marker="o", markersize=2.5, linestyle="", color=SOFT, alpha=0.5,
               label="clip"),
        Line2D([], [], marker="o", markersize=4, color=INK, linewidth=1.5,
               label="mean and interval"),
        Line2D([], [], marker="o", markersize=4, linestyle="", markerfacecolor="white",
               markeredgecolor=INK, label="mean without interval"),
    ]  # fmt: skip
    if null:
        handles.append(
            Line2D([], [], marker="|", markersize=7, markeredgewidth=1.2, linestyle="", color=SOFT,
                   label="random frame of the window (mean)")
        )  # fmt: skip
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))


def human_vs_selected(
    shifts: pd.DataFrame, *, source: str = "gamdss", distance: str = "signed",
    width_mm: float = TWO_COLUMNS_MM,
) -> Figure:  # fmt: skip
    """Selected against human keyframes, clip by clip, and their shift below.

    Parameters
    ----------
    shifts : DataFrame
        Of one dataset.
    source, distance : str
        The part to draw.
    width_mm : float
        Width in mm.

    Returns
    -------
    Figure
        Positions in ms from the human apex (onset, offset) or from the human onset (apex).
        Filled: inside the window; open triangles: at an edge of it; crosses: immovable.

    Raises
    ------
    TableError
        The table has no such part, or no clip with all three labels.
    """
    need(shifts, ["rise_frames", "fall_frames", "shift_ms", "fps"], "figure of human and selected")
    part = _part(shifts, source, distance)
    part = part[part["shift_ms"].notna() & part["rise_frames"].notna()]
    part = part[part["fall_frames"].notna()]
    need(part, [], "figure of human and selected (clips with all three labels)")
    figure = new_figure(width_mm, 0.56 * width_mm, part)
    panels = figure.subplots(2, 3, sharex="col", height_ratios=(1.5, 1))
    signs = {"onset": ("rise_frames", -1), "apex": ("rise_frames", 1), "offset": ("fall_frames", 1)}
    for column, keyframe in enumerate(tables.KEYFRAMES):
        own = part[part["keyframe"] == keyframe]
        if own.empty:
            continue
        length, sign = signs[keyframe]
        human = sign * 1000 * own[length].to_numpy() / own["fps"].to_numpy()
        shift = own["shift_ms"].to_numpy()
        top, below = panels[0][column], panels[1][column]
        span = [min(0.0, human.min()), max(0.0, human.max())]
        top.plot(span, span, color=FAINT, linewidth=0.8, zorder=0)
        zero_line(below, vertical=False)
        for kind, where in _kinds(own).items():
            _kind_points(top, human[where], (human + shift)[where], kind)
            _kind_points(below, human[where], shift[where], kind)
        top.set_title(keyframe.capitalize())
        origin = "onset" if keyframe == "apex" else "apex"
        below.set_xlabel(f"human, ms from the human {origin}")
    panels[0][0].set_ylabel("selected (ms)")
    panels[1][0].set_ylabel("shift (ms)")
    handles = [_kind_handle(kind) for kind in ("inside", "edge", "immovable")]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def _kinds(own: pd.DataFrame) -> dict[str, np.ndarray]:
    immovable = (own["freedom"] == 0).to_numpy()
    edge = own["at_edge"].to_numpy(dtype=bool) & ~immovable
    return {"inside": ~immovable & ~edge, "edge": edge, "immovable": immovable}


_KINDS = {
    "inside": ("o", COLORS[0], COLORS[0], "inside its window, or no window"),
    "edge": ("^", "none", COLORS[1], "at an edge of its window"),
    "immovable": ("x", SOFT, SOFT, "immovable"),
}


def _kind_points(axes: Axes, x: np.ndarray, y: np.ndarray, kind: str) -> None:
    marker, face, edge, _ = _KINDS[kind]
    if kind == "immovable":
        axes.scatter(x, y, s=7, marker=marker, color=face, linewidths=0.6, alpha=0.8,
                     rasterized=len(x) > _MANY)  # fmt: skip
    else:
        axes.scatter(
            x, y, s=8, marker=marker, facecolors=face, edgecolors=edge, linewidths=0.6, alpha=0.7,
            rasterized=len(x) > _MANY,
        )  # fmt: skip


def _kind_handle(kind: str) -> Line2D:
    marker, face, edge, label = _KINDS[kind]
    return Line2D(
        [], [], marker=marker, linestyle="", markersize=4, markerfacecolor=face,
        markeredgecolor=edge, label=label,
    )  # fmt: skip


def contrast_plot(
    tests: pd.DataFrame, *, family: str | Sequence[str] = "primary", width_mm: float = ONE_COLUMN_MM
) -> Figure:
    """Contrasts between groups with their intervals, the margin as a band.

    Parameters
    ----------
    tests : DataFrame
        Of one dataset.
    family : str or sequence of str
        Families to draw.
    width_mm : float
        Width in mm.

    Raises
    ------
    TableError
        No test of these families.
    """
    need(tests, ["family", "ethnicity", "keyframe", "estimate", "margin"], "contrast plot")
    families = [family] if isinstance(family, str) else list(family)
    rows = tests[tests["family"].isin(families)]
    need(rows, [], "contrast plot")
    figure = new_figure(width_mm, 17 + 6.5 * len(rows), rows)
    axes = figure.subplots()
    margin = float(rows["margin"].max())
    if np.isfinite(margin):
        axes.axvspan(-margin, margin, color="#eef1f4", zorder=0)
    zero_line(axes)
    texts = [_p_text(row) for row in rows.to_dict("records")]
    _forest(axes, rows, "estimate", texts, also=np.array([margin]))
    unit = str(rows["unit"].iloc[0])
    axes.set_xlabel(f"difference of mean shifts ({unit}); band: margin ±{margin:.0f} {unit}")
    return figure


def _p_text(row: Mapping[Hashable, object]) -> str:
    value = float(str(row["p_adjusted"]))
    if not np.isfinite(value):
        return "not tested"
    return "adj. p < 0.001" if value < 0.0005 else f"adj. p = {value:.3f}"


def planted_plot(planted: pd.DataFrame, *, width_mm: float = ONE_COLUMN_MM) -> Figure:
    """Simulated cohorts: what an ideal selector would have shown, and what was found.

    Parameters
    ----------
    planted : DataFrame
        A planted table of one dataset.
    width_mm : float
        Width in mm.

    Raises
    ------
    TableError
        The table has no rows.
    """
    need(planted, ["contrast", "keyframe", "found_shift_ms", "outcome"], "planted plot")
    rows = planted.rename(columns={"contrast": "ethnicity"})
    figure = new_figure(width_mm, 21 + 6.5 * len(rows), planted)
    axes = figure.subplots()
    zero_line(axes)
    texts = [f"{r['planted_error_ms']:+.0f} ms: {r['outcome']}".replace("-", "−").replace(
        "+0 ms", "0 ms") for r in rows.to_dict("records")]  # fmt: skip
    expected = rows["expected_shift_ms"].to_numpy(dtype=float)
    _forest(axes, rows, "found_shift_ms", texts, also=expected)
    axes.plot(
        expected, np.arange(len(rows)), marker="D", markersize=4, linestyle="",
        markerfacecolor="white", markeredgecolor=COLORS[1], zorder=5,
    )  # fmt: skip
    axes.set_xlabel("difference of mean shifts (ms)")
    handles = [
        Line2D([], [], marker="o", markersize=4, color=INK, label="found"),
        Line2D([], [], marker="D", markersize=4, linestyle="", markerfacecolor="white",
               markeredgecolor=COLORS[1], label="ideal selector"),
        Line2D([], [], linestyle="", label="right: planted error, outcome"),
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside lower center", ncols=3, handletextpad=0.4,
                  columnspacing=1.0)  # fmt: skip
    return figure


def _forest(
    axes: Axes, rows: pd.DataFrame, column: str, texts: list[str], also: np.ndarray
) -> None:
    """Estimates and intervals, one line each, the first on top, with words on the right.

    ``also`` are values that the axis has to hold besides.
    """
    values = rows[[column, "conf_low", "conf_high"]].to_numpy(dtype=float)
    for height, (estimate, low, high) in enumerate(values):
        known = np.isfinite(low) and np.isfinite(high)
        if known:
            axes.plot([low, high], [height, height], color=INK, linewidth=1.4)
        axes.plot(
            [estimate], [height], marker="o", markersize=4, color=INK,
            markerfacecolor=INK if known else "white",
        )  # fmt: skip
        axes.annotate(
            texts[height], (1.02, height), xycoords=("axes fraction", "data"), va="center",
            fontsize=6.5, annotation_clip=False,
        )  # fmt: skip
    names = [f"{r['keyframe']}, {short(str(r['ethnicity']), 22)}" for r in rows.to_dict("records")]
    axes.set_yticks(range(len(rows)), names)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    held = np.r_[values.ravel(), also]
    finite = held[np.isfinite(held)]
    reach = float(np.abs(finite).max()) if finite.size else 1.0
    axes.set_xlim(-1.15 * max(reach, 1e-9), 1.15 * max(reach, 1e-9))


def _part(table: pd.DataFrame, source: str, distance: str) -> pd.DataFrame:
    part = table[(table["source"] == source) & (table["distance"] == distance)]
    if part.empty:
        there = table[["source", "distance"]].drop_duplicates().agg(" ".join, axis=1)
        raise TableError(
            f"the table has no rows of {source} {distance}".rstrip()
            + f"; it has {listed(there.str.strip()) or 'none'}."
        )
    return part


def _limits(values: np.ndarray, means: pd.DataFrame) -> tuple[float, float]:
    """Limits that hold nearly all clips, every mean, every interval that is not huge, and 0."""
    tail = 100 * (1 - _WIDE) / 2
    low, high = np.percentile(values, [tail, 100 - tail])
    near = 1.5 * max(high - low, np.abs(values).max() * (high == low))
    low = values.min() if values.min() >= low - near else low
    high = values.max() if values.max() <= high + near else high
    bounds = means[["conf_low", "conf_high"]].to_numpy(dtype=float)
    bounds = bounds[np.isfinite(bounds)]
    held = bounds[np.abs(bounds) <= 3 * max(abs(low), abs(high), 1e-9)]
    estimates = means["estimate"].dropna().to_numpy(dtype=float)
    ends = np.r_[low, high, 0.0, held, estimates]
    span = np.ptp(ends)
    if span == 0:
        return float(ends[0]) - 1, float(ends[0]) + 1
    return float(ends.min() - 0.06 * span), float(ends.max() + 0.06 * span)


def _group_label(part: pd.DataFrame, group: str) -> str:
    own = part if group == tables.ALL else part[part["ethnicity"] == group]
    subjects = own["subject"].nunique()
    clips = len(own.drop_duplicates(["subject", "clip"]))
    one = f"{subjects} subject{'' if subjects == 1 else 's'}"
    return f"{short(group)}\n{one}, {clips} clip{'' if clips == 1 else 's'}"
