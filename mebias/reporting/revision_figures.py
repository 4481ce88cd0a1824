"""Figures of two human versions of the same labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mebias import tables
from mebias.reporting.figure_style import (
    COLORS,
    FAINT,
    INK,
    ONE_COLUMN_MM,
    SOFT,
    TWO_COLUMNS_MM,
    jitter,
    need,
    new_figure,
    zero_line,
)

_LINEAR = 10.0
"""Frames up to which the axis of revisions is linear."""


def revision_plot(
    shifts: pd.DataFrame,
    estimates: pd.DataFrame | None = None,
    *,
    width_mm: float = TWO_COLUMNS_MM,
) -> Figure:
    """How far labels were revised, by keyframe and expression type.

    Parameters
    ----------
    shifts : DataFrame
        Of one dataset and two versions of its labels.
    estimates : DataFrame, optional
        Its estimates; without them the shares are left out.
    width_mm : float
        Width in mm.

    Returns
    -------
    Figure
        Left: each revised label, in frames, on an axis that is linear up to 10 frames and
        logarithmic beyond. Right: the share of labels revised, with its interval.

    Raises
    ------
    TableError
        The tables have no rows.
    """
    need(shifts, ["keyframe", "shift_frames", "expression_type"], "revision plot")
    kinds = [k for k in ("micro", "macro") if (shifts["expression_type"] == k).any()]
    strata = [tables.ALL, *(kinds if len(kinds) > 1 else [])]
    places = [(k, s) for k in tables.KEYFRAMES for s in strata]
    figure = new_figure(width_mm, 18 + 6.5 * len(places), shifts)
    left, *rest = (
        [figure.subplots()] if estimates is None
        else figure.subplots(1, 2, sharey=True, width_ratios=(2, 1))
    )  # fmt: skip
    zero_line(left)
    colors = {tables.ALL: INK, "micro": COLORS[0], "macro": COLORS[1]}
    for row, (keyframe, stratum) in enumerate(places):
        _revised(left, shifts, keyframe, stratum, row, colors[stratum])
        if row and row % len(strata) == 0:
            for axes in (left, *rest):
                axes.axhline(row - 0.5, color=FAINT, linewidth=0.5)
    if estimates is not None:
        _shares(rest[0], estimates, places, colors)
    left.set_xscale("symlog", linthresh=_LINEAR, linscale=0.8)
    reach = max(_LINEAR, float(shifts["shift_frames"].abs().max(skipna=True)))
    ticks = [t for t in (1000, 100, 10) if t <= 1.5 * reach]
    every = [-t for t in ticks] + [-5, 0, 5] + ticks[::-1]
    left.set_xticks(every, [f"{t}".replace("-", "−") for t in every])
    left.set_xticks([], minor=True)
    left.set_xlim(-1.6 * reach, 1.6 * reach)
    left.set_yticks(range(len(places)), [f"{k}, {s}" for k, s in places])
    left.set_ylim(len(places) - 0.4, -0.6)
    left.tick_params(axis="y", length=0)
    left.set_xlabel("revised labels: new − old (frames), later →")
    return figure


def _revised(
    axes: Axes, shifts: pd.DataFrame, keyframe: str, stratum: str, row: int, color: str
) -> None:
    own = shifts[(shifts["keyframe"] == keyframe) & (shifts["shift_frames"].abs() > 0)]
    if stratum != tables.ALL:
        own = own[own["expression_type"] == stratum]
    values = np.sort(own["shift_frames"].to_numpy(dtype=float))
    heights = row + 0.5 * jitter(len(values))
    axes.scatter(values, heights, s=5, color=color, alpha=0.45, linewidths=0)


def _shares(
    axes: Axes, estimates: pd.DataFrame, places: list[tuple[str, str]], colors: dict[str, str]
) -> None:
    need(estimates, ["keyframe", "stratum", "quantity", "conf_low"], "revision plot")
    shares = estimates[
        (estimates["quantity"] == "share_moved") & (estimates["ethnicity"] == tables.ALL)
    ]
    columns = ["estimate", "conf_low", "conf_high", "n_clips"]
    for row, (keyframe, stratum) in enumerate(places):
        here = shares[(shares["keyframe"] == keyframe) & (shares["stratum"] == stratum)]
        if here.empty:
            continue
        estimate, low, high, n = here[columns].to_numpy(dtype=float)[0]
        color = colors[stratum]
        axes.plot([100 * low, 100 * high], [row, row], color=color, linewidth=1.4)
        axes.plot([100 * estimate], [row], marker="o", markersize=4, color=color)
        axes.annotate(
            f"{estimate * n:.0f} of {n:.0f}", (1.02, row), xycoords=("axes fraction", "data"),
            va="center", fontsize=6.5, color=SOFT, annotation_clip=False,
        )  # fmt: skip
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("labels revised (%)")
    axes.set_xlim(left=0)


def subject_revisions(subjects: pd.DataFrame, *, width_mm: float = TWO_COLUMNS_MM) -> Figure:
    """Share of revised labels per subject, sorted, for each keyframe.

    Parameters
    ----------
    subjects : DataFrame
        A subjects table of one dataset; of several strata the whole is drawn.
    width_mm : float
        Width in mm.

    Raises
    ------
    TableError
        The table has no rows.
    """
    need(subjects, ["subject", "keyframe", "stratum", "share", "n_clips"], "figure of subjects")
    strata = subjects["stratum"].unique()
    part = subjects if len(strata) == 1 else subjects[subjects["stratum"] == tables.ALL]
    need(part, [], "figure of subjects")
    figure = new_figure(width_mm, 52, part)
    panels = figure.subplots(1, 3, sharey=True)
    for axes, keyframe, color in zip(panels, tables.KEYFRAMES, COLORS, strict=False):
        own = part[part["keyframe"] == keyframe].sort_values("share", ascending=False)
        share = 100 * own["share"].to_numpy(dtype=float)
        axes.fill_between(np.arange(len(share) + 1), np.r_[share, share[-1:]], step="post",
                          color=color, alpha=0.35, linewidth=0)  # fmt: skip
        axes.step(np.arange(len(share) + 1), np.r_[share, share[-1:]], where="post", color=color)
        none = int((share == 0).sum())
        axes.set_title(keyframe.capitalize())
        axes.set_xlabel(f"subjects, sorted ({none} of {len(share)} without revision)")
        axes.set_xlim(0, max(len(share), 1))
    panels[0].set_ylabel("labels revised (%)")
    panels[0].set_ylim(0, max(1.0, min(100.0, 110 * float(part["share"].max()))))
    return figure


def transition_plot(transitions: pd.DataFrame, *, width_mm: float = ONE_COLUMN_MM) -> Figure:
    """Expression types, old against new: counts, and shares of the old type.

    Parameters
    ----------
    transitions : DataFrame
        A transitions table of one dataset.
    width_mm : float
        Width in mm.

    Raises
    ------
    TableError
        The table has no rows.
    """
    need(transitions, ["type_old", "type_new", "n_clips", "share"], "figure of transitions")
    old = list(dict.fromkeys(transitions["type_old"]))
    new = list(dict.fromkeys(transitions["type_new"]))
    figure = new_figure(width_mm, 20 + 12 * len(old), transitions)
    axes = figure.subplots()
    shares = np.zeros((len(old), len(new)))
    for row in transitions.to_dict("records"):
        place = old.index(row["type_old"]), new.index(row["type_new"])
        shares[place] = row["share"]
        text = f"{row['n_clips']:.0f}\n{100 * row['share']:.1f} %"
        if np.isfinite(row["conf_low"]):
            text += f" [{100 * row['conf_low']:.1f}, {100 * row['conf_high']:.1f}]"
        color = "white" if row["share"] > 0.6 else INK
        axes.text(place[1], place[0], text, ha="center", va="center", color=color, fontsize=7)
    axes.pcolormesh(
        np.arange(len(new) + 1) - 0.5, np.arange(len(old) + 1) - 0.5, shares, cmap="Blues", vmin=0,
        vmax=1, edgecolors="white", linewidth=0.8, zorder=0,
    )  # fmt: skip
    axes.invert_yaxis()
    axes.set_xticks(range(len(new)), new)
    axes.set_yticks(range(len(old)), old)
    axes.set_xlabel("type in the new version")
    axes.set_ylabel("type in the old version")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure
