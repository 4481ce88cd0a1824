"""Figures of single differences: Bland-Altman with limits, and rain-clouds of shifts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from mebias import tables
from mebias.errors import TableError
from mebias.reporting.figure_style import (
    COLORS,
    FAINT,
    INK,
    SOFT,
    TWO_COLUMNS_MM,
    groups_of,
    is_narrow,
    jitter,
    legend_below,
    look_of,
    need,
    new_figure,
    short,
    short_names,
    zero_line,
)

_LIMITS = (("limit_low", "limit_high"), ("quantile_05", "quantile_95"))
"""Normal limits, and what stands for them where windows bound the shifts."""
_REACH = ("window_reach_low", "window_reach_high")
_PHASES = {"onset": ("rise_frames", -1), "apex": ("rise_frames", 1), "offset": ("fall_frames", 1)}
_MANY = 1500
"""With more points than this, they are a picture inside the vector figure."""
_FAR = 3.0
"""Differences further out than this many times the limits may leave the axis, and are counted."""
_BAND = "#dfe5eb"


def bland_altman_plot(
    shifts: pd.DataFrame,
    estimates: pd.DataFrame,
    *,
    source: str = "gamdss",
    distance: str = "signed",
    stratum: str = tables.ALL,
    error: bool = False,
    width_mm: float = TWO_COLUMNS_MM,
) -> Figure:
    """Differences of two arms against their mean, with limits of agreement and intervals.

    Parameters
    ----------
    shifts, estimates : DataFrame
        Of one dataset.
    source, distance, stratum : str
        The part to draw: a rule, or the other version of the labels (with distance ``""``).
    error : bool
        Draw human - compared (the annotation error, of a posterior) instead of compared -
        human.
    width_mm : float
        Width in mm.

    Returns
    -------
    Figure
        A panel per keyframe. Across: mean of the two positions, in ms from the human apex
        (onset, offset) or onset (apex). Up: their difference in ms. Solid: the mean; dashed:
        the 95 % limits of agreement, each with its interval as a band. Shifts that windows
        bound have no normal limits: their 5 and 95 % quantiles are dashed instead, and dotted
        lines show how far the windows reach. Clips beyond the axis are counted.

    Raises
    ------
    TableError
        A column is missing, or the tables have no such part.

    Notes
    -----
    Bland and Altman (1999), Stat Methods Med Res 8:135; intervals as the estimates table has
    them, with the subject as the unit.

    Examples
    --------
    >>> import mebias
    >>> findings = mebias.quantify(mebias.example(), n_permutations=99)
    >>> with_limits = bland_altman_plot(findings.shifts, findings.estimates)
    >>> [axes.get_title() for axes in with_limits.axes]
    ['Onset', 'Apex', 'Offset']
    """
    what = "Bland-Altman plot"
    need(shifts, ["keyframe", "source", "distance", "fps", "shift_ms", "rise_frames",
                  "fall_frames"], what)  # fmt: skip
    need(estimates, ["ethnicity", "stratum", "source", "distance", "keyframe", "quantity", "unit",
                     "weighting", "estimate", "conf_low", "conf_high"], what)  # fmt: skip
    part = shifts[shifts["source"].eq(source) & shifts["distance"].eq(distance)]
    if stratum != tables.ALL:
        need(part, ["expression_type"], what)
        part = part[part["expression_type"] == stratum]
    part = part[part[["shift_ms", "rise_frames", "fall_frames"]].notna().all(axis=1)]
    need(part, [], f"{what} ({source} {distance}".rstrip() + ", clips with all three labels)")
    own = estimates[
        estimates["source"].eq(source) & estimates["distance"].eq(distance)
        & estimates["stratum"].eq(stratum) & estimates["ethnicity"].eq(tables.ALL)
        & estimates["unit"].eq("ms")
    ]  # fmt: skip
    narrow = is_narrow(width_mm)
    figure = new_figure(width_mm, 70 if narrow else 66, part)
    panels = figure.subplots(1, 3, sharey=True, gridspec_kw={"wspace": 0.06})
    numbers = {k: _numbers(own[own["keyframe"] == k], -1 if error else 1) for k in tables.KEYFRAMES}
    _set_heights(panels[0], part, numbers, -1 if error else 1)
    for axes, keyframe in zip(panels, tables.KEYFRAMES, strict=True):
        axes.set_title(keyframe.capitalize())
        zero_line(axes, vertical=False)
        _differences(axes, part[part["keyframe"] == keyframe], keyframe, -1 if error else 1)
        _lines(axes, numbers[keyframe])
        origin = "onset" if keyframe == "apex" else "apex"
        axes.set_xlabel(f"mean of both, ms\nfrom human {origin}" if narrow else
                        f"mean of both, from the human {origin} (ms)")  # fmt: skip
        axes.locator_params(axis="x", nbins=3 if narrow else 6)
    other = short(source, 22)
    panels[0].set_ylabel(f"human − {other} (ms)" if error else f"{other} − human (ms)")
    _legend(figure, numbers)
    return figure


Numbers = dict[str, tuple[float, float, float]]


def _numbers(own: pd.DataFrame, sign: int) -> Numbers:
    """Estimate and interval of the mean, of both limits, and of the windows' reach."""
    found: Numbers = {}
    weighted = own[own["weighting"].isin(["subject", "clip", ""])]
    weighted = weighted.sort_values("weighting", key=lambda w: w != "subject", kind="stable")
    for row in weighted.to_dict("records"):
        values = sign * np.array([row[c] for c in ("estimate", "conf_low", "conf_high")], float)
        if np.isfinite(values[0]):
            ends = sorted(values[1:]) if np.isfinite(values[1:]).all() else [np.nan, np.nan]
            found.setdefault(str(row["quantity"]), (float(values[0]), *map(float, ends)))  # type: ignore[arg-type]
    return found


def _limits(numbers: Numbers) -> tuple[str, ...]:
    return next((pair for pair in _LIMITS if pair[0] in numbers and pair[1] in numbers), ())


def _set_heights(axes: Axes, part: pd.DataFrame, numbers: Mapping[str, Numbers], sign: int) -> None:
    """An axis that holds means, limits with their intervals, windows, and nearly all clips."""
    lines = [
        value
        for found in numbers.values()
        for name in ("mean_shift", *_limits(found), *_REACH)
        for value in found.get(name, ())
        if np.isfinite(value)
    ]
    values = sign * part["shift_ms"].to_numpy(dtype=float)
    reach = max((abs(v) for v in lines), default=0.0)
    held = values[np.abs(values) <= _FAR * reach] if reach > 0 else values
    ends = np.r_[0.0, lines, held]
    pad = 0.07 * (float(np.ptp(ends)) or 2.0)
    axes.set_ylim(float(ends.min()) - pad, float(ends.max()) + pad)


def _differences(axes: Axes, own: pd.DataFrame, keyframe: str, sign: int) -> None:
    if own.empty:
        axes.text(0.5, 0.5, "no clips", transform=axes.transAxes, ha="center", color=SOFT)
        axes.set_xticks([])
        return
    length, side = _PHASES[keyframe]
    shift = own["shift_ms"].to_numpy(dtype=float)
    human = side * 1000 * own[length].to_numpy(dtype=float) / own["fps"].to_numpy(dtype=float)
    across, up = human + shift / 2, sign * shift
    low, high = axes.get_ylim()
    inside = (up >= low) & (up <= high)
    axes.scatter(across[inside], up[inside], s=7, color=COLORS[0], alpha=0.45, linewidths=0,
                 zorder=2, rasterized=len(up) > _MANY)  # fmt: skip
    for beyond, edge, marker in ((up < low, low, 7), (up > high, high, 6)):
        if beyond.any():
            carets = axes.plot(across[beyond], np.full(beyond.sum(), edge), linestyle="",
                               color=INK, marker=marker, markersize=4, clip_on=False)  # fmt: skip
            carets[0].set_in_layout(False)
    if not inside.all():
        axes.set_title(f"{int((~inside).sum())} beyond", loc="right", fontsize=6.5,
                       fontweight="normal", color=SOFT)  # fmt: skip
    span = float(np.ptp(across)) or 2.0
    axes.set_xlim(across.min() - 0.06 * span, across.max() + 0.06 * span)


def _lines(axes: Axes, numbers: Numbers) -> None:
    for name in ("mean_shift", *_limits(numbers)):
        if name not in numbers:
            continue
        estimate, low, high = numbers[name]
        if np.isfinite(low):
            axes.axhspan(low, high, color=_BAND, alpha=0.8, zorder=0, linewidth=0)
        axes.axhline(estimate, color=INK, linewidth=1.1, zorder=3,
                     linestyle="-" if name == "mean_shift" else "--")  # fmt: skip
    for name in _REACH:
        if name in numbers:
            axes.axhline(numbers[name][0], color=COLORS[1], linewidth=1.0, linestyle=":", zorder=1)


def _legend(figure: Figure, numbers: Mapping[str, Numbers]) -> None:
    used = {_limits(found)[:1] for found in numbers.values()}
    handles: list[Artist] = [Line2D([], [], color=INK, label="mean")]
    if ("limit_low",) in used:
        handles.append(Line2D([], [], color=INK, linestyle="--", label="95 % limits"))
    if ("quantile_05",) in used:
        handles.append(Line2D([], [], color=INK, linestyle="--", label="5 and 95 % quantiles"))
    handles.append(Patch(facecolor=_BAND, label="interval of each"))
    if any(name in found for found in numbers.values() for name in _REACH):
        handles.append(Line2D([], [], color=COLORS[1], linestyle=":",
                              label="reach of the windows (mean)"))  # fmt: skip
    legend_below(figure, handles)


def raincloud_plot(
    shifts: pd.DataFrame,
    *,
    source: str = "gamdss",
    distance: str = "signed",
    unit: str = "ms",
    width_mm: float = TWO_COLUMNS_MM,
) -> Figure:
    """Rain-clouds: how shifts are distributed, by keyframe and group.

    Parameters
    ----------
    shifts : DataFrame
        Of one dataset.
    source, distance : str
        The part to draw.
    unit : {"ms", "frames"}
        Unit of the axis.
    width_mm : float
        Width in mm.

    Returns
    -------
    Figure
        A panel per keyframe. For each group: the cloud, a histogram of its clips with bars of
        the same width for all groups and the same height for its highest; a box from the
        first to the third quartile with the median; below, the clips. Clips beyond the axis
        are counted on its side. No interval is drawn: that is what `estimation_plot` is for.

    Raises
    ------
    TableError
        A column is missing, or the table has no such part.

    Examples
    --------
    >>> import mebias
    >>> [axes.get_title() for axes in raincloud_plot(mebias.example()).axes]
    ['Onset', 'Apex', 'Offset']
    """
    what, column = "rain-cloud plot", f"shift_{unit}"
    need(shifts, ["subject", "ethnicity", "keyframe", "source", "distance", "fps", column], what)
    part = shifts[shifts["source"].eq(source) & shifts["distance"].eq(distance)]
    part = part[part[column].notna()]
    if part.empty:
        raise TableError(
            f"the table for the {what} has no shifts of {source} {distance}".rstrip()
            + "; pass a source and a distance that it has."
        )
    groups = groups_of(part)
    low, high = _span(part[column].to_numpy(dtype=float))
    step = _step(part, unit, high - low)
    edges = step * np.arange(np.floor(low / step - 0.5), np.ceil(high / step + 0.5) + 1) - step / 2
    narrow = is_narrow(width_mm)
    figure = new_figure(width_mm, 20 + 11.5 * len(groups), part)
    panels = figure.subplots(1, 3, sharey=True, gridspec_kw={"wspace": 0.06})
    for axes, keyframe in zip(panels, tables.KEYFRAMES, strict=True):
        own = part[part["keyframe"] == keyframe]
        axes.set_title(keyframe.capitalize())
        axes.set_xlim(edges[0], edges[-1])
        axes.tick_params(axis="y", length=0)
        zero_line(axes)
        for row, group in enumerate(groups):
            of_group = own if group == tables.ALL else own[own["ethnicity"] == group]
            values = np.sort(of_group[column].to_numpy(dtype=float))
            if len(values):
                _cloud(axes, values, row, edges, *look_of(group, groups))
        if not narrow or keyframe == "apex":
            axes.set_xlabel(f"shift ({unit}), later →")
        axes.locator_params(axis="x", nbins=4 if narrow else 6)
    names = short_names(groups, 14 if narrow else 24)
    panels[0].set_yticks(range(len(groups)), list(names.values()))
    panels[0].set_ylim(len(groups) - 0.45, -0.6)
    return figure


def _span(values: np.ndarray) -> tuple[float, float]:
    """An axis that holds 98.5 % of the clips and 0."""
    low, high = np.quantile(values, [0.0075, 0.9925])
    low, high = min(float(low), 0.0), max(float(high), 0.0)
    return (low, high) if high > low else (low - 1.0, high + 1.0)


def _step(part: pd.DataFrame, unit: str, span: float) -> float:
    """Width of a bar: a whole number of frames where all clips have one rate."""
    frame = 1.0
    if unit == "ms":
        rates = part["fps"].dropna().unique()
        frame = 1000 / float(rates[0]) if len(rates) == 1 else span / 30
    return float(frame * max(1.0, np.round(span / 30 / frame)))


def _cloud(
    axes: Axes, values: np.ndarray, row: int, edges: np.ndarray, color: str, marker: str
) -> None:
    inside = values[(values >= edges[0]) & (values < edges[-1])]
    counts, _ = np.histogram(inside, edges)
    base = row - 0.06
    axes.stairs(base - 0.46 * counts / max(counts.max(), 1), edges, baseline=base, fill=True,
                color=color, alpha=0.45, zorder=1)  # fmt: skip
    first, median, third = np.quantile(values, [0.25, 0.5, 0.75])
    axes.plot([first, third], [row + 0.06] * 2, color=color, linewidth=2.6, zorder=3,
              solid_capstyle="butt")  # fmt: skip
    axes.plot([median], [row + 0.06], marker=marker, markersize=4, color="white", zorder=4,
              markeredgecolor=INK, markeredgewidth=0.8, linestyle="")  # fmt: skip
    axes.scatter(inside, row + 0.27 + 0.22 * jitter(len(inside)), s=3, color=color, alpha=0.55,
                 linewidths=0, zorder=2, rasterized=len(values) > _MANY)  # fmt: skip
    for n, at, side in (
        (int((values < edges[0]).sum()), 0.01, "left"),
        (int((values >= edges[-1]).sum()), 0.99, "right"),
    ):
        if n:
            axes.text(at, row - 0.3, f"{n} beyond", transform=axes.get_yaxis_transform(), ha=side,
                      va="center", fontsize=6, color=SOFT)  # fmt: skip
    axes.axhline(row + 0.47, color=FAINT, linewidth=0.3, zorder=0)
