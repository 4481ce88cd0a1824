"""Figure of the three keyframes: how far they move and how uncertain they are, beside nulls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mebias import tables
from mebias.reporting.figure_style import (
    COLORS,
    INK,
    SOFT,
    TWO_COLUMNS_MM,
    interval_line,
    legend_below,
    need,
    new_figure,
    zero_line,
)

NULLS = {
    "uniform_null_mean": ("|", "random frame of the window"),
    "accurate_null_mean": ("x", "labels without error"),
    "unbiased_null_mean": ("D", "noisy labels without bias"),
}
"""Null means with their markers and what they are of."""
SPREADS = {
    "sd_shift": ("o", INK, "SD of shifts"),
    "coder_sd": ("s", COLORS[1], "coders' SD, model-based"),
}


def uncertainty_plot(
    estimates: pd.DataFrame,
    *,
    source: str = "gamdss",
    distance: str = "signed",
    width_mm: float = TWO_COLUMNS_MM,
) -> Figure:
    """Onsets, apexes and offsets side by side: mean shifts among nulls, and spreads.

    Parameters
    ----------
    estimates : DataFrame
        An estimates table of one dataset; excess over nulls and the coders' SD are drawn
        where they are in it.
    source, distance : str
        The rule whose shifts are drawn.
    width_mm : float
        Width in mm.

    Returns
    -------
    Figure
        Left: mean shifts with intervals, and what the rule would do by chance. Right: SD of
        the shifts with its interval and, if a posterior judged the labels, that of the coders.

    Raises
    ------
    TableError
        A column is missing, or the rule has no mean shift.

    Examples
    --------
    >>> import mebias
    >>> findings = mebias.quantify(mebias.example(), n_permutations=99)
    >>> [axes.get_title() for axes in uncertainty_plot(findings.estimates).axes]
    ['Mean shift among nulls', 'Spread']
    """
    columns = ["ethnicity", "source", "distance", "keyframe", "quantity", "unit", "estimate",
               "conf_low", "conf_high", "weighting"]  # fmt: skip
    need(estimates, columns, "figure of uncertainty")
    rows = estimates[estimates["ethnicity"].eq(tables.ALL) & estimates["unit"].eq("ms")]
    if "stratum" in rows:
        rows = rows[rows["stratum"] == tables.ALL]
    own = rows[(rows["source"] == source) & (rows["distance"] == distance)]
    means = own[own["quantity"].eq("mean_shift") & own["weighting"].eq("subject")]
    need(means, [], f"figure of uncertainty (mean shift of {source} {distance})".rstrip())
    figure = new_figure(width_mm, 56, estimates)
    left, right = figure.subplots(1, 2, sharey=True)
    left.set_title("Mean shift among nulls")
    right.set_title("Spread")
    drawn = _shifts(left, means, own)
    judged = rows[rows["quantity"] == "coder_sd"]
    drawn += _spreads(right, pd.concat([own[own["quantity"] == "sd_shift"], judged]))
    left.set_yticks(range(3), list(tables.KEYFRAMES))
    left.set_ylim(2.6, -0.6)
    legend_below(figure, drawn)
    return figure


def _shifts(axes: Axes, means: pd.DataFrame, own: pd.DataFrame) -> list[Line2D]:
    nulls = own[own["quantity"].isin(NULLS)]
    _reach(axes, pd.concat([means, nulls]), both=True)
    zero_line(axes)
    handles = [Line2D([], [], marker="o", markersize=4, color=INK, label="mean shift, interval")]
    for row in means.to_dict("records"):
        _dot(axes, row, tables.KEYFRAMES.index(str(row["keyframe"])), "o", INK)
    for quantity, (marker, label) in NULLS.items():
        found = nulls[nulls["quantity"].eq(quantity) & nulls["estimate"].notna()]
        if found.empty:
            continue
        heights = [tables.KEYFRAMES.index(str(k)) + 0.22 for k in found["keyframe"]]
        line = axes.plot(
            found["estimate"], heights, marker=marker, linestyle="", color=SOFT, zorder=3,
            markersize=7 if marker == "|" else 4, markeredgewidth=1.2, markerfacecolor="white",
            label=label,
        )  # fmt: skip
        handles.append(line[0])
    axes.set_xlabel("ms; positive = later")
    return handles


def _spreads(axes: Axes, rows: pd.DataFrame) -> list[Line2D]:
    handles = []
    _reach(axes, rows, both=False)
    for place, (quantity, (marker, color, label)) in enumerate(SPREADS.items()):
        found = rows[rows["quantity"] == quantity]
        for row in found.to_dict("records"):
            height = tables.KEYFRAMES.index(str(row["keyframe"])) + 0.22 * place
            _dot(axes, row, height, marker, color)
        if len(found):
            handles.append(Line2D([], [], marker=marker, markersize=4, color=color, label=label))
    axes.set_xlabel("ms")
    axes.tick_params(axis="y", length=0)
    return handles


def _dot(axes: Axes, row: Mapping[Any, Any], height: float, marker: str, color: str) -> None:
    estimate, low, high = (float(str(row[c])) for c in ("estimate", "conf_low", "conf_high"))
    known = np.isfinite(low) and np.isfinite(high)
    if known:
        interval_line(axes, low, high, height, color)
    axes.plot([estimate], [height], marker=marker, markersize=4.2, linestyle="", zorder=4,
              markeredgecolor=color, markerfacecolor=color if known else "white")  # fmt: skip


def _reach(axes: Axes, rows: pd.DataFrame, *, both: bool) -> None:
    """An axis that holds every estimate, and bounds that are not far beyond all of them."""
    values = rows["estimate"].to_numpy(dtype=float)
    bounds = rows[["conf_low", "conf_high"]].to_numpy(dtype=float).ravel()
    values, bounds = values[np.isfinite(values)], bounds[np.isfinite(bounds)]
    largest = float(np.abs(values).max()) if len(values) else 1.0
    held: Sequence[float] = np.r_[0.0, values, bounds[np.abs(bounds) <= 4 * largest + 1e-9]]
    low, high = float(np.min(held)), float(np.max(held))
    pad = 0.08 * (high - low or 1.0)
    axes.set_xlim(low - pad if both else 0.0, high + pad)
