"""The figures of a report, each from one tidy table; numbers are read, never computed here.

Every function returns a `matplotlib.figure.Figure` without touching pyplot, so that a
notebook shows it and nothing global changes. Draw within `style`, keep with `save`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mebias import tables
from mebias.errors import TableError, listed
from mebias.reporting.agreement_figures import bland_altman_plot, raincloud_plot
from mebias.reporting.audit_figures import audit_plot
from mebias.reporting.clip_figures import plot_distances, plot_film, plot_motion
from mebias.reporting.coder_figures import coder_plot, culture_plot
from mebias.reporting.contrast_figures import contrast_plot, planted_plot
from mebias.reporting.curve_figures import curve_plot
from mebias.reporting.dose_figure import dose_response_plot
from mebias.reporting.figure_style import (
    COLORS,
    FAINT,
    INK,
    ONE_COLUMN_MM,
    SOFT,
    TWO_COLUMNS_MM,
    groups_of,
    interval_line,
    is_narrow,
    jitter,
    legend_below,
    look_of,
    need,
    new_figure,
    save,
    short,
    short_names,
    style,
    zero_line,
)
from mebias.reporting.forest_figures import forest_plot
from mebias.reporting.gain_figures import confusion_plot, gain_plot
from mebias.reporting.plan_figures import study_plot
from mebias.reporting.revision_figures import revision_plot, subject_revisions, transition_plot
from mebias.reporting.robustness_figures import influence_plot, power_plot, specification_plot
from mebias.reporting.uncertainty_figures import uncertainty_plot

__all__ = [
    "ONE_COLUMN_MM", "TWO_COLUMNS_MM", "audit_plot", "bland_altman_plot", "coder_plot",
    "confusion_plot", "contrast_plot", "culture_plot", "curve_plot", "dose_response_plot",
    "estimation_plot", "forest_plot", "gain_plot", "human_vs_selected", "influence_plot",
    "planted_plot", "plot_distances", "plot_film", "plot_motion", "power_plot",
    "raincloud_plot", "revision_plot", "save", "specification_plot", "study_plot", "style",
    "subject_revisions", "transition_plot", "uncertainty_plot",
]  # fmt: skip
_MANY = 1500
"""With more clips than this in a panel, their points are a picture inside the vector figure."""
_WIDE = 0.985
"""Share of clips that an axis has to hold; what lies beyond is drawn at its edge and counted."""
_SHORT_REASONS = {
    "a single subject": "1 subject",
    "a single clip": "1 clip",
    "all subjects have the same mean": "equal means",
}
_NUMBERS = (
    "ethnicity", "stratum", "source", "distance", "keyframe", "quantity", "unit", "weighting",
    "estimate", "conf_low", "conf_high",
)  # fmt: skip


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
        arrows at its edge and counted; a mean without interval says why.

    Raises
    ------
    TableError
        A column is missing, or the tables have no such part, unit or weighting.

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
    what = "estimation plot"
    clip_columns = ["clip", "subject", "ethnicity", "keyframe", "source", "distance", column]
    need(shifts, clip_columns, what)
    need(estimates, _NUMBERS, what)
    part = _part(shifts, source, distance)
    if stratum != tables.ALL:
        need(part, ["expression_type"], what)
        part = part[part["expression_type"] == stratum]
    part = part[part[column].notna()]
    need(part, [], f"{what} ({stratum})")
    numbers = _numbers(_part(estimates, source, distance), stratum, unit, weighting)
    groups = groups_of(part)
    limits = _limits(part[column].to_numpy(), numbers[numbers["quantity"] == "mean_shift"])
    narrow = is_narrow(width_mm)
    height = 24 + 11.5 * len(groups) + (7 if narrow else 0)
    figure = new_figure(width_mm, height, part, numbers)
    panels = figure.subplots(1, 3, sharey=True, gridspec_kw={"wspace": 0.06})
    for axes, keyframe in zip(panels, tables.KEYFRAMES, strict=True):
        own = part[part["keyframe"] == keyframe]
        _estimation_panel(
            axes, own, numbers[numbers["keyframe"] == keyframe], groups, column, limits
        )
        axes.set_title(keyframe.capitalize())
        if not narrow or keyframe == "apex":
            axes.set_xlabel(f"shift ({unit}), later →")
    panels[0].set_yticks(range(len(groups)), _group_labels(part, groups, narrow))
    panels[0].set_ylim(len(groups) - 0.5, -0.5)
    beyond = (part[column] < limits[0]) | (part[column] > limits[1])
    _estimation_legend(
        figure,
        null=bool((numbers["quantity"] == "uniform_null_mean").any()),
        beyond=bool(beyond.any()),
        columns=2 if narrow else 5,
    )
    return figure


def _numbers(found: pd.DataFrame, stratum: str, unit: str, weighting: str) -> pd.DataFrame:
    """Means and null means of one stratum, unit and weighting."""
    found = found[(found["stratum"] == stratum) & (found["unit"] == unit)]
    mean = found["quantity"] == "mean_shift"
    own = mean & (found["weighting"] == weighting)
    if not own.any():
        there = listed(found.loc[mean, "weighting"].unique()) or "none"
        raise TableError(
            f"the estimates have no mean_shift of stratum {stratum} in {unit} with weighting "
            f"{weighting} (weightings there: {there}); pass one that is there."
        )
    return found[own | (found["quantity"] == "uniform_null_mean")]


def _estimation_panel(
    axes: Axes,
    own: pd.DataFrame,
    numbers: pd.DataFrame,
    groups: list[str],
    column: str,
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
        _mean(axes, here[here["quantity"] == "mean_shift"], row - 0.2, color, marker)
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
        values[inside], heights[inside], s=4, color=color, alpha=0.5, linewidths=0, zorder=1,
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
                va="center", xytext=(4 * sign, 0), fontsize=6, color=INK,
                textcoords="offset points",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4},
            )  # fmt: skip


def _mean(axes: Axes, chosen: pd.DataFrame, height: float, color: str, marker: str) -> None:
    """Means at one height; where a bound is missing, the reason stands on the free side."""
    low_end, high_end = axes.get_xlim()
    for row in chosen.to_dict("records"):
        estimate, low, high = (float(row[c]) for c in ("estimate", "conf_low", "conf_high"))
        known = np.isfinite(low) and np.isfinite(high)
        axes.plot(
            [estimate], [height], marker=marker, markersize=4.2, linestyle="", zorder=4,
            markerfacecolor=color if known else "white", markeredgecolor=color,
            markeredgewidth=0.9,
        )  # fmt: skip
        if known:
            interval_line(axes, low, high, height, color)
            continue
        left = np.isfinite(estimate) and estimate > (low_end + high_end) / 2
        absent = "" if np.isfinite(estimate) else "no mean "
        reason = _short_reason(str(row.get("reason", "")))
        axes.text(
            0.01 if left else 0.99, height, f"{absent}{reason}".strip(),
            transform=axes.get_yaxis_transform(), ha="left" if left else "right", va="center",
            fontsize=6, color=SOFT,
        )  # fmt: skip


def _short_reason(reason: str) -> str:
    """Why there is no interval, in a few letters.

    >>> _short_reason("a single subject"), _short_reason("all 56 values are equal")
    ('1 subject', 'all equal')
    """
    if reason.endswith("values are equal"):
        return "all equal"
    return _SHORT_REASONS.get(reason, short(reason, 18))


def _estimation_legend(figure: Figure, *, null: bool, beyond: bool, columns: int) -> None:
    handles = [
        Line2D([], [], marker="o", markersize=2.5, linestyle="", color=SOFT, alpha=0.6,
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
    if beyond:
        handles.append(
            Line2D([], [], marker=">", markersize=3, linestyle="", color=SOFT,
                   label="clips beyond the axis")
        )  # fmt: skip
    figure.legend(
        handles=handles, loc="outside lower center", ncols=min(columns, len(handles)),
        handletextpad=0.4, columnspacing=1.2,
    )  # fmt: skip


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
        Filled: inside the window; open triangles: at an edge of it; crosses: immovable. Clips
        beyond the axis are carets at its edge, counted above the panel.

    Raises
    ------
    TableError
        A column is missing, the table has no such part, or no clip with all three labels.

    Examples
    --------
    >>> import mebias
    >>> with style():
    ...     figure = human_vs_selected(mebias.example())
    >>> [axes.get_title(loc="left") for axes in figure.axes[:3]]
    ['Onset', 'Apex', 'Offset']
    """
    what = "figure of human and selected"
    columns = ["keyframe", "source", "distance", "fps", "shift_ms", "rise_frames", "fall_frames",
               "freedom", "at_edge"]  # fmt: skip
    need(shifts, columns, what)
    part = _part(shifts, source, distance)
    part = part[part[["shift_ms", "rise_frames", "fall_frames"]].notna().all(axis=1)]
    need(part, [], f"{what} (clips with all three labels)")
    narrow = is_narrow(width_mm)
    figure = new_figure(width_mm, 82 if narrow else 0.56 * width_mm, part)
    panels = figure.subplots(2, 3, sharex="col", height_ratios=(1.5, 1))
    for column, keyframe in enumerate(tables.KEYFRAMES):
        top, below = panels[0][column], panels[1][column]
        own = part[part["keyframe"] == keyframe]
        top.set_title(keyframe.capitalize())
        origin = "onset" if keyframe == "apex" else "apex"
        where = f"ms\nfrom {origin}" if narrow else f"ms from the human {origin}"
        below.set_xlabel(f"human, {where}")
        below.locator_params(axis="x", nbins=3 if narrow else 6)
        if own.empty:
            for axes in (top, below):
                axes.text(0.5, 0.5, "no clips", transform=axes.transAxes, ha="center", color=SOFT)
                axes.set(xticks=[], yticks=[])
            continue
        _human_panels(top, below, own, keyframe)
    panels[0][0].set_ylabel("selected (ms)")
    panels[1][0].set_ylabel("shift (ms)")
    handles = [_kind_handle(kind) for kind in ("inside", "edge", "immovable")]
    if {*part.columns} >= _WINDOW and part["window_low"].notna().any():
        handles.append(Line2D([], [], color=FAINT, linewidth=1.0, label="its window (below)"))
    legend_below(figure, handles)
    return figure


def _human_panels(top: Axes, below: Axes, own: pd.DataFrame, keyframe: str) -> None:
    """Selected against human above, shift against human below; far clips at the edge."""
    length, sign = _PHASES[keyframe]
    human = sign * 1000 * own[length].to_numpy() / own["fps"].to_numpy()
    shift = own["shift_ms"].to_numpy()
    low, high = _limits(shift)
    inside = (shift >= low) & (shift <= high)
    held = np.r_[human, 0.0, (human + shift)[inside]]
    pad = 0.05 * max(float(np.ptp(held)), 1.0)
    below.set_ylim(low, high)
    top.set_ylim(held.min() - pad, held.max() + pad)
    span = [min(0.0, human.min()), max(0.0, human.max())]
    top.plot(span, span, color=FAINT, linewidth=0.8, zorder=0)
    zero_line(below, vertical=False)
    _windows(below, own, human)
    for kind, where in _kinds(own).items():
        _kind_points(top, human[where & inside], (human + shift)[where & inside], kind)
        _kind_points(below, human[where & inside], shift[where & inside], kind)
    for axes in (top, below):
        ends = axes.get_ylim()
        for beyond, edge, marker in ((shift < low, ends[0], 7), (shift > high, ends[1], 6)):
            if beyond.any():
                at = np.full(beyond.sum(), edge)
                carets = axes.plot(human[beyond], at, linestyle="", color=INK, marker=marker,
                                   markersize=4, clip_on=False)  # fmt: skip
                carets[0].set_in_layout(False)
    if not inside.all():
        top.set_title(f"{int((~inside).sum())} beyond the axis", loc="right", fontsize=6.5,
                      fontweight="normal", color=SOFT)  # fmt: skip


_WINDOW = {"human", "window_low", "window_high"}


def _windows(axes: Axes, own: pd.DataFrame, human: np.ndarray) -> None:
    """How far the window of each clip lets its keyframe move, where that is known."""
    if {*own.columns} >= _WINDOW:
        ms = 1000 / own["fps"].to_numpy(dtype=float)
        low, high = (
            ms * (own[end] - own["human"]).to_numpy(dtype=float)
            for end in ("window_low", "window_high")
        )
        known = np.isfinite(low) & np.isfinite(high)
        axes.vlines(human[known], low[known], high[known], color=FAINT, linewidth=0.5, zorder=0,
                    rasterized=len(own) > _MANY)  # fmt: skip


_PHASES = {
    "onset": ("rise_frames", -1), "apex": ("rise_frames", 1), "offset": ("fall_frames", 1),
}  # fmt: skip


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


def _part(table: pd.DataFrame, source: str, distance: str) -> pd.DataFrame:
    part = table[(table["source"] == source) & (table["distance"] == distance)]
    if part.empty:
        there = table[["source", "distance"]].drop_duplicates().agg(" ".join, axis=1)
        raise TableError(
            f"the table has no rows of {source} {distance}".rstrip()
            + f"; it has {listed(there.str.strip()) or 'none'}."
        )
    return part


def _limits(values: np.ndarray, means: pd.DataFrame | None = None) -> tuple[float, float]:
    """Limits that hold nearly all clips, every mean, every interval that is not huge, and 0."""
    tail = 100 * (1 - _WIDE) / 2
    low = np.percentile(values, tail, method="higher")
    high = np.percentile(values, 100 - tail, method="lower")
    near = 1.5 * max(high - low, np.abs(values).max() * (high == low))
    low = values.min() if values.min() >= low - near else low
    high = values.max() if values.max() <= high + near else high
    ends = np.r_[low, high, 0.0]
    if means is not None:
        bounds = means[["conf_low", "conf_high"]].to_numpy(dtype=float)
        bounds = bounds[np.isfinite(bounds)]
        held = bounds[np.abs(bounds) <= 3 * max(abs(low), abs(high), 1e-9)]
        ends = np.r_[ends, held, means["estimate"].dropna().to_numpy(dtype=float)]
    span = np.ptp(ends)
    if span == 0:
        return float(ends[0]) - 1, float(ends[0]) + 1
    return float(ends.min() - 0.06 * span), float(ends.max() + 0.06 * span)


def _group_labels(part: pd.DataFrame, groups: list[str], narrow: bool) -> list[str]:
    names = short_names(groups, 15 if narrow else 24)
    between = ",\n" if narrow else ", "
    labels = []
    for group in groups:
        own = part if group == tables.ALL else part[part["ethnicity"] == group]
        subjects = own["subject"].nunique()
        clips = len(own.drop_duplicates(["subject", "clip"]))
        labels.append(
            f"{names[group]}\n{subjects} subject{'' if subjects == 1 else 's'}"
            f"{between}{clips} clip{'' if clips == 1 else 's'}"
        )
    return labels
