"""Figures of several coders: bias by keyframe, and coder culture by subject ethnicity."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mebias import tables
from mebias.errors import TableError
from mebias.reporting.figure_style import (
    COLORS,
    INK,
    MARKERS,
    SOFT,
    TWO_COLUMNS_MM,
    interval_line,
    is_narrow,
    label_below,
    need,
    new_figure,
    short_contrast,
    short_names,
    zero_line,
)

_COLUMNS = (
    "source", "ethnicity", "keyframe", "quantity", "unit", "estimate", "conf_low", "conf_high",
)  # fmt: skip
_FAR = 6.0
"""Bounds further out than this many times their median may leave the axis, with an arrow."""


def coder_plot(
    estimates: pd.DataFrame, *, unit: str = "ms", width_mm: float = TWO_COLUMNS_MM
) -> Figure:
    """Bias of each coder by keyframe, with its interval.

    Parameters
    ----------
    estimates : DataFrame
        Of `mebias.coders`.
    unit : {"ms", "frames"}
        Unit of the axis.
    width_mm : float
        Width in mm.

    Returns
    -------
    Figure
        One panel per keyframe, one row per coder; an open marker has no interval.

    Raises
    ------
    TableError
        A column is missing, or there is no bias in this unit.

    Examples
    --------
    >>> import mebias
    >>> drawn = mebias.simulate_coders(n_events=60)
    >>> figure = coder_plot(mebias.coders(drawn.annotations).estimates)
    >>> len(figure.axes)
    3
    """
    need(estimates, _COLUMNS, "plot of coders")
    rows = estimates[(estimates["quantity"] == "coder_bias") & (estimates["unit"] == unit)
                     & estimates["keyframe"].isin(tables.KEYFRAMES)]  # fmt: skip
    if rows["estimate"].notna().sum() == 0:
        raise TableError(f"the estimates hold no coder_bias in {unit}; there is nothing to draw.")
    coders = sorted(rows["source"].unique())
    figure, panels = _panels(rows, len(coders), width_mm)
    for axes, keyframe in zip(panels, tables.KEYFRAMES, strict=True):
        own = rows[rows["keyframe"] == keyframe]
        for row in own.to_dict("records"):
            k = coders.index(row["source"])
            _point(axes, row, k, COLORS[k % len(COLORS)], MARKERS[k % len(MARKERS)])
        axes.set_title(keyframe.capitalize())
    narrow = is_narrow(width_mm)
    label_below(panels, f"label − coders' mean ({unit}), later →", narrow=narrow)
    panels[0].set_yticks(
        range(len(coders)), list(short_names(coders, 14 if narrow else 24).values())
    )
    return figure


def culture_plot(estimates: pd.DataFrame, *, width_mm: float = TWO_COLUMNS_MM) -> Figure:
    """Difference of two coder cultures within events, by ethnicity of the subjects.

    Parameters
    ----------
    estimates : DataFrame
        Of `mebias.coders`, with cultures and groups.
    width_mm : float
        Width in mm.

    Returns
    -------
    Figure
        One panel per keyframe: the difference in each group (these coders), and below the
        contrast of groups: for new coders, or where that cannot be told for these alone.

    Raises
    ------
    TableError
        A column is missing, or cultures and groups were not stated.

    Examples
    --------
    >>> import mebias
    >>> drawn = mebias.simulate_coders(effect={("A", "A"): (0, 0, 20)})
    >>> found = mebias.coders(drawn.annotations, drawn.coders, drawn.subjects)
    >>> len(culture_plot(found.estimates).axes)
    3
    """
    need(estimates, _COLUMNS, "plot of coder culture")
    groups = estimates[estimates["quantity"] == "culture_difference"]
    whole = estimates[estimates["quantity"].isin(
        ["culture_by_ethnicity", "culture_by_ethnicity_these_coders"])]  # fmt: skip
    if groups.empty or groups["estimate"].notna().sum() == 0:
        raise TableError(
            "the estimates hold no difference of coder cultures; state cultures and groups."
        )
    whole = whole[whole["conf_low"].notna()]
    new = whole["quantity"] == "culture_by_ethnicity"
    whole = whole[new if new.any() else ~new].drop_duplicates("keyframe")
    names = sorted(groups["ethnicity"].unique())
    rows = pd.concat([groups, whole])
    figure, panels = _panels(rows, len(names) + 1, width_mm)
    for axes, keyframe in zip(panels, tables.KEYFRAMES, strict=True):
        for row in groups[groups["keyframe"] == keyframe].to_dict("records"):
            k = names.index(row["ethnicity"])
            _point(axes, row, k, COLORS[k % len(COLORS)], MARKERS[k % len(MARKERS)])
        for row in whole[whole["keyframe"] == keyframe].to_dict("records"):
            _point(axes, row, len(names), INK, "D")
        axes.axhline(len(names) - 0.5, color="#dddddd", linewidth=0.6, zorder=0)
        axes.set_title(keyframe.capitalize())
    label_below(panels, "difference (ms), later →", narrow=is_narrow(width_mm))
    last = "contrast" if new.any() else "contrast*"
    named = short_names(names, 13 if is_narrow(width_mm) else 22)
    panels[0].set_yticks(range(len(names) + 1), [*(f"in {named[n]}" for n in names), last])
    cultures = short_contrast(str(groups["source"].iloc[0]), 15)
    panels[0].set_ylabel(cultures if len(cultures) < 16 else cultures.replace(" vs ", "\nvs "))
    if last.endswith("*"):
        figure.supxlabel("* of these coders alone", fontsize=6.5, color=SOFT, x=0.99, ha="right")
    return figure


def _panels(rows: pd.DataFrame, n_rows: int, width_mm: float) -> tuple[Figure, Sequence[Axes]]:
    figure = new_figure(width_mm, 24 + 6.5 * n_rows, rows)
    panels = figure.subplots(1, 3, sharey=True, sharex=True, gridspec_kw={"wspace": 0.06})
    ends = rows[["conf_low", "conf_high", "estimate"]].to_numpy(dtype=float)
    ends = np.abs(ends[np.isfinite(ends)])
    reach = float(min(ends.max(), _FAR * np.median(ends))) if len(ends) else 1.0
    points = np.abs(rows["estimate"].dropna().to_numpy(dtype=float))
    reach = 1.08 * max(reach, float(points.max()) if len(points) else 0.0) or 1.0
    for axes in panels:
        axes.set_xlim(-reach, reach)
        axes.set_ylim(n_rows - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        zero_line(axes)
    return figure, list(panels)


def _point(axes: Axes, row: dict[object, float], height: int, color: str, marker: str) -> None:
    if not np.isfinite(row["estimate"]):
        return
    known = bool(np.isfinite(row["conf_low"]))
    if known:
        interval_line(axes, row["conf_low"], row["conf_high"], height, color)
    axes.plot([row["estimate"]], [height], marker=marker, markersize=4, color=color, linestyle="",
              markerfacecolor=color if known else "white", zorder=4)  # fmt: skip
