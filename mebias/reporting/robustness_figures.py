"""Figures of how far a conclusion carries: specification curve, influence, power."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mebias import tables
from mebias.reporting.figure_style import (
    COLORS,
    FAINT,
    INK,
    SOFT,
    TWO_COLUMNS_MM,
    is_narrow,
    label_below,
    legend_below,
    need,
    new_figure,
    short,
    short_contrast,
    short_names,
    zero_line,
)

_BAND = "#e6ebf0"
_CHOICES = ("source", "distance", "clips", "truncation", "stratum", "labels", "tails", "weighting")


def specification_plot(specifications: pd.DataFrame, *, width_mm: float = TWO_COLUMNS_MM) -> Figure:
    """The primary contrast under every defensible choice, in ms, per keyframe.

    Parameters
    ----------
    specifications : DataFrame
        A specifications table of one dataset.
    width_mm : float
        Width in mm.

    Returns
    -------
    Figure
        Above, estimates in ascending order with their intervals, the planned analysis as a
        large diamond; below, which choices each of them made. Specifications in frames and in
        shares of the window are not drawn: they cannot share an axis.

    Raises
    ------
    TableError
        A column is missing, or no specification in ms has an estimate.

    Examples
    --------
    >>> import mebias
    >>> findings = mebias.quantify(mebias.example(), min_subjects=4, n_permutations=99)
    >>> figure = specification_plot(findings.specifications)
    >>> [axes.get_title() for axes in figure.axes[:3]]
    ['Onset', 'Apex', 'Offset']
    """
    columns = ["keyframe", "unit", "is_primary", "estimate", "conf_low", "conf_high", *_CHOICES]
    need(specifications, columns, "specification curve")
    rows = specifications[specifications["unit"].eq("ms") & specifications["estimate"].notna()]
    need(rows, [], "specification curve (specifications in ms)")
    levels = _levels(rows)
    names = [k for k in tables.KEYFRAMES if (rows["keyframe"] == k).any()]
    below, narrow = 3.4 * len(levels) + 4, is_narrow(width_mm)
    figure = new_figure(width_mm, 52 + below, rows)
    panels = figure.subplots(2, len(names), sharex="col", squeeze=False,
                             height_ratios=(36, max(below, 8)))  # fmt: skip
    for column, keyframe in enumerate(names):
        own = rows[rows["keyframe"] == keyframe].sort_values("estimate", kind="stable")
        top, dashboard = panels[0][column], panels[1][column]
        top.set_title(keyframe.capitalize())
        _curve(top, own)
        _dashboard(dashboard, own, levels, letters=(12 if narrow else 20) * (column == 0))
        dashboard.set_xlabel(f"n = {len(own)}" if narrow else f"{len(own)} specifications")
    panels[0][0].set_ylabel("contrast (ms)" if _contrast(rows) else "mean shift (ms)")
    legend_below(
        figure,
        [
            Line2D([], [], marker="o", markersize=2.5, color=SOFT, linewidth=0.6,
                   label="specification and interval"),
            Line2D([], [], marker="D", markersize=4.5, linestyle="", markerfacecolor=COLORS[1],
                   markeredgecolor=INK, label="the analysis that tests rest on"),
        ],
    )  # fmt: skip
    return figure


def _contrast(rows: pd.DataFrame) -> bool:
    return "ethnicity" in rows and bool((rows["ethnicity"] != tables.ALL).any())


def _levels(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Choices with more than one level, and their levels; source and distance as one."""
    found: list[tuple[str, str]] = []
    rules = _rules(rows)
    if len(rules.unique()) > 1:
        found += [("rule", str(level)) for level in rules.unique()]
    for column in _CHOICES[2:]:
        levels = sorted(map(str, rows[column].unique()), key=lambda level: (level != "all", level))
        if len(levels) > 1:
            found += [(column, level) for level in levels]
    return found


def _rules(rows: pd.DataFrame) -> pd.Series:
    return (rows["source"].astype(str) + " " + rows["distance"].astype(str)).str.strip()


def _curve(axes: Axes, own: pd.DataFrame) -> None:
    x = np.arange(len(own))
    estimate, low, high = (
        own[c].to_numpy(dtype=float) for c in ("estimate", "conf_low", "conf_high")
    )
    room = _room(axes, len(own))
    axes.vlines(x, low, high, color=FAINT, linewidth=min(0.7, 0.4 * room), zorder=1)
    axes.plot(x, estimate, marker="o", markersize=min(2.0, max(1.0, room)), linestyle="",
              color=INK, zorder=2)  # fmt: skip
    first = own["is_primary"].to_numpy(dtype=bool)
    axes.plot(x[first], estimate[first], marker="D", markersize=5, linestyle="",
              markerfacecolor=COLORS[1], markeredgecolor=INK, zorder=3)  # fmt: skip
    axes.vlines(x[first], low[first], high[first], color=INK, linewidth=1.2, zorder=2)
    zero_line(axes, vertical=False)


def _room(axes: Axes, n: int) -> float:
    """Points of a panel's width for each of n marks, so that lines beside each other stay apart.

    Three panels leave about a quarter of the figure's width to each.
    """
    width: float = axes.get_figure(root=True).get_size_inches()[0]  # type: ignore[union-attr]
    return 72 * 0.25 * width / max(n, 1)


def _dashboard(
    axes: Axes, own: pd.DataFrame, levels: Sequence[tuple[str, str]], *, letters: int
) -> None:
    rules = _rules(own)
    thin = min(0.7, 0.6 * _room(axes, len(own)))
    for height, (choice, level) in enumerate(levels):
        made = (rules if choice == "rule" else own[choice].astype(str)) == level
        x = np.flatnonzero(made.to_numpy())
        axes.plot(x, np.full(len(x), height), marker="|", markersize=3.2, linestyle="",
                  markeredgewidth=thin, color=INK if choice == "rule" else SOFT)  # fmt: skip
    starts = [i for i in range(1, len(levels)) if levels[i][0] != levels[i - 1][0]]
    for start in starts:
        axes.axhline(start - 0.5, color=FAINT, linewidth=0.5)
    named = [_level_name(*level, letters) for level in levels] if letters else []
    axes.set_yticks(range(len(levels)), named)
    axes.set_ylim(max(len(levels), 1) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xticks([])


def _level_name(choice: str, level: str, letters: int) -> str:
    if choice == "rule":
        return short(level, letters + 6)
    return f"{choice}: {short(level, letters)}"


def influence_plot(influence: pd.DataFrame, *, width_mm: float = TWO_COLUMNS_MM) -> Figure:
    """Each contrast without each of the subjects, beside the one of all.

    Parameters
    ----------
    influence : DataFrame
        An influence table of one dataset.
    width_mm : float
        Width in mm.

    Returns
    -------
    Figure
        A panel per keyframe: estimates without one subject, ascending, with intervals; the
        band is the interval from all subjects. Filled squares change the conclusion; the
        subject that moves the estimate most is named.

    Raises
    ------
    TableError
        A column is missing, or nobody can be left out.

    Examples
    --------
    >>> import mebias
    >>> findings = mebias.quantify(mebias.example(), min_subjects=4, n_permutations=99)
    >>> len(influence_plot(findings.influence).axes)
    3
    """
    columns = ["keyframe", "ethnicity", "left_out_kind", "left_out", "estimate", "conf_low",
               "conf_high", "full_estimate", "full_conf_low", "full_conf_high", "change",
               "changes_conclusion"]  # fmt: skip
    need(influence, columns, "influence plot")
    subjects = influence[influence["left_out_kind"].eq("subject") & influence["estimate"].notna()]
    need(subjects, [], "influence plot (subjects left out)")
    contrast = subjects["ethnicity"] != tables.ALL
    rows = subjects[contrast] if contrast.any() else subjects
    names = [k for k in tables.KEYFRAMES if (rows["keyframe"] == k).any()]
    narrow = is_narrow(width_mm)
    figure = new_figure(width_mm, 66 if narrow else 62, rows)
    panels = np.atleast_1d(figure.subplots(1, len(names)))
    for axes, keyframe in zip(panels, names, strict=True):
        axes.set_title(keyframe.capitalize())
        own = rows[rows["keyframe"] == keyframe].sort_values("estimate", kind="stable")
        _left_out(axes, own, narrow=narrow)
    which = str(rows["ethnicity"].iloc[0])
    what = "mean shift" if which == tables.ALL else short_contrast(which, 12)
    panels[0].set_ylabel(f"{what} (ms)")
    legend_below(
        figure,
        [
            Line2D([], [], marker="o", markersize=2.5, color=SOFT, linewidth=0.6,
                   label="without one subject"),
            Line2D([], [], marker="s", markersize=4, linestyle="", markerfacecolor=COLORS[1],
                   markeredgecolor=INK, label="changes the conclusion"),
            Line2D([], [], color=_BAND, linewidth=6, solid_capstyle="butt",
                   label="interval of all subjects"),
        ],
    )  # fmt: skip
    return figure


def _left_out(axes: Axes, own: pd.DataFrame, *, narrow: bool) -> None:
    x = np.arange(len(own))
    estimate, low, high, change = (
        own[c].to_numpy(dtype=float) for c in ("estimate", "conf_low", "conf_high", "change")
    )
    full = own.iloc[0]
    axes.axhspan(full["full_conf_low"], full["full_conf_high"], color=_BAND, zorder=-1)
    axes.axhline(full["full_estimate"], color=SOFT, linewidth=0.8, zorder=0)
    zero_line(axes, vertical=False)
    room = _room(axes, len(own))
    axes.vlines(x, low, high, color=FAINT, linewidth=min(0.8, 0.4 * room), zorder=1)
    changes = own["changes_conclusion"].to_numpy(dtype=bool)
    axes.plot(x[~changes], estimate[~changes], marker="o", linestyle="",
              markersize=min(2.4, max(1.0, room)), color=INK, zorder=2)  # fmt: skip
    axes.plot(x[changes], estimate[changes], marker="s", markersize=4, linestyle="",
              markerfacecolor=COLORS[1], markeredgecolor=INK, zorder=3)  # fmt: skip
    most = int(np.abs(change).argmax())
    who = short_names(own["left_out"], 12 if narrow else 24)[str(own["left_out"].iloc[most])]
    axes.set_xlabel(
        f"{len(own)} subjects\nmost:\n{who}"
        if narrow
        else f"{len(own)} subjects, each left out in turn\nmost: {who}"
    )
    axes.set_xticks([])
    axes.margins(x=0.04)


def power_plot(power: pd.DataFrame, *, width_mm: float = TWO_COLUMNS_MM) -> Figure:
    """The probability that this design finds a contrast of a given size.

    Parameters
    ----------
    power : DataFrame
        A power table of one dataset.
    width_mm : float
        Width in mm.

    Returns
    -------
    Figure
        A panel per keyframe: power against the contrast, with what the uncertainty of the
        spread makes of it; the margin, and the contrast found with 80 % power.

    Raises
    ------
    TableError
        A column is missing, or there is no curve.

    Examples
    --------
    >>> import mebias
    >>> findings = mebias.quantify(mebias.example(), min_subjects=4, n_permutations=99)
    >>> len(power_plot(findings.power).axes)
    3
    """
    columns = ["keyframe", "quantity", "shift_ms", "power", "conf_low", "conf_high", "margin"]
    need(power, columns, "power curve")
    curve = power[power["quantity"].eq("power") & power["power"].notna()]
    need(curve, [], "power curve (quantity power)")
    names = [k for k in tables.KEYFRAMES if (curve["keyframe"] == k).any()]
    figure = new_figure(width_mm, 58, curve)
    panels = np.atleast_1d(figure.subplots(1, len(names), sharey=True, gridspec_kw={"wspace": 0.1}))
    for axes, keyframe in zip(panels, names, strict=True):
        axes.set_title(keyframe.capitalize())
        own = curve[curve["keyframe"] == keyframe].sort_values("shift_ms", kind="stable")
        smallest = power[power["quantity"].eq("smallest_shift") & power["keyframe"].eq(keyframe)]
        _power_curve(axes, own, smallest["shift_ms"].dropna().tolist())
    label_below(list(panels), "contrast of mean shifts (ms)", narrow=is_narrow(width_mm))
    panels[0].set_ylabel("power")
    panels[0].set_ylim(0, 1.02)
    legend_below(
        figure,
        [
            Line2D([], [], color=INK, label="power"),
            Line2D([], [], color=_BAND, linewidth=6, solid_capstyle="butt",
                   label="as the spread may be"),
            Line2D([], [], color=COLORS[1], linestyle="--", linewidth=0.9, label="margin"),
            Line2D([], [], marker="o", markersize=4, linestyle="", markerfacecolor="white",
                   markeredgecolor=INK, label="found with 80 % power"),
        ],
    )  # fmt: skip
    return figure


def _power_curve(axes: Axes, own: pd.DataFrame, smallest: Sequence[float]) -> None:
    x, y, low, high = (
        own[c].to_numpy(dtype=float) for c in ("shift_ms", "power", "conf_low", "conf_high")
    )
    if np.isfinite(low).all() and np.isfinite(high).all():
        axes.fill_between(x, low, high, color=_BAND, linewidth=0, zorder=0)
    axes.plot(x, y, color=INK, zorder=2)
    axes.axhline(0.8, color=FAINT, linewidth=0.8, zorder=1)
    margin = float(own["margin"].iloc[0])
    if np.isfinite(margin):
        axes.axvline(margin, color=COLORS[1], linestyle="--", linewidth=0.9, zorder=1)
    for found in smallest:
        axes.plot([found], [0.8], marker="o", markersize=4, linestyle="", markerfacecolor="white",
                  markeredgecolor=INK, zorder=3)  # fmt: skip
    axes.set_xlim(0, 1.05 * max(float(x.max()), margin if np.isfinite(margin) else 0.0))
