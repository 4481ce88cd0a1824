"""Figure of a planned study: tolerance by frame rate, and power by the number of subjects."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

from mebias import tables
from mebias.reporting.figure_style import (
    COLORS,
    FAINT,
    MARKERS,
    TWO_COLUMNS_MM,
    is_narrow,
    legend_below,
    need,
    new_figure,
)

_COLUMNS = (
    "subjects", "clips_per_subject", "coders", "double_coded", "fps", "keyframe", "tolerance_ms",
    "tolerance_low", "tolerance_high", "ethnicity_power", "culture_power", "target_ms",
    "target_power", "shift_ms", "recommended",
)  # fmt: skip
_LINES = ("-", "--", ":", "-.")
_ALL_LIKE = 1e-9
_TICKS, _NARROW_TICKS = 5, 3
"""With more values than this not every one has a tick."""


def study_plot(table: pd.DataFrame, *, width_mm: float = TWO_COLUMNS_MM) -> Figure:
    """What designs of a study reach: one line for each number of coders.

    All else is as in the recommended design, which has a ring; dashed: what was asked for.

    Parameters
    ----------
    table : DataFrame
        The table ``study`` of `mebias.plan_study`.
    width_mm : float
        Width in mm.

    Returns
    -------
    Figure
        Three panels of tolerance (ms) against the share of clips that all coders code, one per
        keyframe; below, tolerance against the frame rate, power for groups, and power for
        coder cultures against the number of subjects, each in its worst keyframe. Bars are
        the bounds that a pilot leaves.

    Raises
    ------
    TableError
        A column is missing, or there are no rows.

    Examples
    --------
    >>> import mebias
    >>> plan = mebias.plan_study(coders=[2, 4], double_coded=[0.5, 1.0], fps=[60], subjects=[40])
    >>> len(study_plot(plan.table).axes)
    6
    """
    need(table, _COLUMNS, "plot of a planned study")
    best = table[table["recommended"]].iloc[0] if table["recommended"].any() else table.iloc[0]
    narrow = is_narrow(width_mm)
    figure = new_figure(width_mm, 160.0 if narrow else 116.0, table)
    shape = (3, 2) if narrow else (2, 3)
    panels = list(figure.subplots(*shape, gridspec_kw={"hspace": 0.09}).flat)
    for axes, keyframe in zip(panels, tables.KEYFRAMES, strict=False):
        own = table[table["keyframe"] == keyframe]
        _lines(axes, own, best, "double_coded", "tolerance_ms", bars=True)
        axes.set_title(keyframe.capitalize())
        axes.set_xlabel("clips coded by all coders")
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    top = max(1.02 * a.get_ylim()[1] for a in panels[:3])
    for axes in panels[:3]:
        axes.set_ylim(0, top)
    for axes in panels[: 3 : shape[1]]:
        axes.set_ylabel("95 % of labels within (ms)")
    rate, groups, cultures = panels[3:]
    worst = "Worst" if narrow else "Worst keyframe"
    _lines(rate, _worst(table, "tolerance_ms", "max"), best, "fps", "tolerance_ms")
    rate.set(title=f"{worst}: frame rate", xlabel="frames per second",
             ylabel="95 % of labels within (ms)", ylim=(0, 1.05 * rate.get_ylim()[1]))  # fmt: skip
    shift = float(table["shift_ms"].iloc[0])
    shown = (
        (groups, "ethnicity_power", f"{worst}: groups"),
        (
            cultures,
            "culture_power",
            "Worst: cultures" if narrow else "Worst: coder culture x groups",
        ),
    )
    for axes, name, title in shown:
        _lines(axes, _worst(table, name, "min"), best, "subjects", name)
        axes.set(title=title, xlabel="subjects", ylim=(0, 1.05),
                 ylabel=f"power at {shift:g} ms")  # fmt: skip
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    if table["culture_power"].notna().sum() == 0:
        cultures.text(0.5, 0.5, "needs two coders\nof each culture", ha="center", va="center",
                      transform=cultures.transAxes)  # fmt: skip
    for axes in panels:
        few = FixedLocator(axes.get_xticks(), nbins=_NARROW_TICKS if narrow else _TICKS)
        axes.xaxis.set_major_locator(few)
    legend_below(figure, panels[0].get_legend_handles_labels()[0])
    return figure


def _worst(table: pd.DataFrame, name: str, which: str) -> pd.DataFrame:
    """The design's worst keyframe; missing where one is missing."""
    key = ["subjects", "clips_per_subject", "coders", "double_coded", "fps", "target_ms",
           "target_power"]  # fmt: skip
    found = table.groupby(key, sort=False)[name].agg(
        lambda v: getattr(v, which)() if v.notna().all() else np.nan
    )
    return found.reset_index()


def _lines(
    axes: Axes, rows: pd.DataFrame, best: pd.Series, along: str, name: str, *, bars: bool = False
) -> None:
    """One line per number of coders, all else as recommended."""
    for column in ("subjects", "clips_per_subject", "double_coded", "fps"):
        if column != along:
            rows = rows[np.abs(rows[column] - best[column]) < _ALL_LIKE]
    goal = rows["target_ms" if name == "tolerance_ms" else "target_power"]
    axes.axhline(float(goal.iloc[0]), color=FAINT, linewidth=0.8, linestyle="--", zorder=0)
    numbers = sorted(rows["coders"].unique())
    for k, coders in enumerate(numbers):
        own = rows[(rows["coders"] == coders) & rows[name].notna()].sort_values(along)
        color = COLORS[k % len(COLORS)]
        x, y = own[along].to_numpy(dtype=float), own[name].to_numpy(dtype=float)
        axes.plot(
            x, y, color=color, marker=MARKERS[k % len(MARKERS)], markersize=3.5, zorder=3,
            linestyle=_LINES[k % len(_LINES)], label=f"{coders:.0f} coders",
        )  # fmt: skip
        if bars and own["tolerance_high"].notna().all():
            _bars(axes, own, x, color, (k - (len(numbers) - 1) / 2) * 0.012)
        here = own[
            (np.abs(own[along] - best[along]) < _ALL_LIKE) & (own["coders"] == best["coders"])
        ]
        if len(here):
            axes.plot(here[along], here[name], marker="o", markersize=9, markerfacecolor="none",
                      markeredgecolor="black", linestyle="", zorder=4, clip_on=False)  # fmt: skip
    values = sorted(rows[along].unique())
    axes.xaxis.set_major_locator(FixedLocator(values))
    axes.xaxis.set_minor_locator(NullLocator())


def _bars(axes: Axes, own: pd.DataFrame, x: np.ndarray, color: str, aside: float) -> None:
    axes.vlines(x + aside, own["tolerance_low"], own["tolerance_high"], color=color, linewidth=0.7,
                zorder=2)  # fmt: skip
