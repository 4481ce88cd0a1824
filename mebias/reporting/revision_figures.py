"""Figures of two human versions of the same labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mebias import tables
from mebias.reporting.figure_style import (
    COLORS,
    FAINT,
    INK,
    ONE_COLUMN_MM,
    SOFT,
    TWO_COLUMNS_MM,
    is_narrow,
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
        Its estimates; without them the shares are left out, their counts stay.
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
        A column is missing, or no label is in both versions.

    Examples
    --------
    >>> rows = [{"keyframe": "apex", "shift_frames": move, "expression_type": "micro"}
    ...         for move in (0.0, 0.0, 3.0)]
    >>> figure = revision_plot(pd.DataFrame(rows))
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['0 of 0', '1 of 3', '0 of 0']
    """
    need(shifts, ["keyframe", "shift_frames", "expression_type"], "revision plot")
    shifts = shifts[shifts["shift_frames"].notna()]
    need(shifts, [], "revision plot (labels in both versions)")
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
    if estimates is None:
        for row, place in enumerate(places):
            own = _own(shifts, *place)
            _count(left, row, int((own["shift_frames"] != 0).sum()), len(own))
    else:
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
    narrow = is_narrow(width_mm)
    left.set_xlabel("new − old (frames)" if narrow else
                    "revised labels: new − old (frames), later →")  # fmt: skip
    if narrow and rest:
        rest[0].set_xlabel("revised (%)")
    return figure


def _revised(
    axes: Axes, shifts: pd.DataFrame, keyframe: str, stratum: str, row: int, color: str
) -> None:
    moves = _own(shifts, keyframe, stratum)["shift_frames"].to_numpy(dtype=float)
    values = np.sort(moves[moves != 0])
    heights = row + 0.5 * jitter(len(values))
    axes.scatter(values, heights, s=5, color=color, alpha=0.45, linewidths=0)


def _own(shifts: pd.DataFrame, keyframe: str, stratum: str) -> pd.DataFrame:
    own = shifts[shifts["keyframe"] == keyframe]
    return own if stratum == tables.ALL else own[own["expression_type"] == stratum]


def _count(axes: Axes, row: int, revised: float, compared: float) -> None:
    axes.annotate(
        f"{revised:.0f} of {compared:.0f}", (1.02, row), xycoords=("axes fraction", "data"),
        va="center", fontsize=6.5, color=SOFT, annotation_clip=False,
    )  # fmt: skip


def _shares(
    axes: Axes, estimates: pd.DataFrame, places: list[tuple[str, str]], colors: dict[str, str]
) -> None:
    columns = ["estimate", "conf_low", "conf_high", "n_clips"]
    need(estimates, ["keyframe", "stratum", "quantity", "ethnicity", *columns], "revision plot")
    shares = estimates[
        (estimates["quantity"] == "share_moved") & (estimates["ethnicity"] == tables.ALL)
    ]
    for row, (keyframe, stratum) in enumerate(places):
        here = shares[(shares["keyframe"] == keyframe) & (shares["stratum"] == stratum)]
        if here.empty:
            continue
        estimate, low, high, n = here[columns].to_numpy(dtype=float)[0]
        color = colors[stratum]
        axes.plot([100 * low, 100 * high], [row, row], color=color, linewidth=1.4)
        axes.plot([100 * estimate], [row], marker="o", markersize=4, color=color)
        _count(axes, row, estimate * n, n)
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
        A column is missing, or the table has no rows.

    Examples
    --------
    >>> rows = [{"subject": s, "keyframe": "apex", "stratum": "all", "share": share}
    ...         for s, share in (("s1", 0.5), ("s2", 0.0))]
    >>> figure = subject_revisions(pd.DataFrame(rows))
    >>> figure.axes[1].get_xlabel()
    'subjects, sorted (1 of 2 unrevised)'
    """
    need(subjects, ["subject", "keyframe", "stratum", "share"], "figure of subjects")
    strata = subjects["stratum"].unique()
    part = subjects if len(strata) == 1 else subjects[subjects["stratum"] == tables.ALL]
    need(part, [], "figure of subjects")
    figure = new_figure(width_mm, 52, part)
    panels = figure.subplots(1, 3, sharey=True, gridspec_kw={"wspace": 0.1})
    for axes, keyframe, color in zip(panels, tables.KEYFRAMES, COLORS, strict=False):
        own = part[part["keyframe"] == keyframe].sort_values("share", ascending=False)
        axes.set_title(keyframe.capitalize())
        if own.empty:
            axes.text(0.5, 0.5, "no labels", transform=axes.transAxes, ha="center", color=SOFT)
            axes.set_xticks([])
            continue
        share = 100 * own["share"].to_numpy(dtype=float)
        ends, steps = np.arange(len(share) + 1), np.r_[share, share[-1:]]
        axes.fill_between(ends, steps, step="post", color=color, alpha=0.35, linewidth=0)
        axes.step(ends, steps, where="post", color=color)
        none = f"{int((share == 0).sum())} of {len(share)}"
        axes.set_xlabel(f"subjects, sorted\n({none} at 0)" if is_narrow(width_mm) else
                        f"subjects, sorted ({none} unrevised)")  # fmt: skip
        axes.xaxis.set_major_locator(
            MaxNLocator(integer=True, nbins=3 if is_narrow(width_mm) else 6)
        )
        axes.set_xlim(0, len(share))
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
        A column is missing, or the table has no rows.

    Examples
    --------
    >>> row = {"type_old": "micro", "type_new": "macro", "n_clips": 3, "share": 0.1,
    ...        "conf_low": 0.02, "conf_high": 0.3}
    >>> figure = transition_plot(pd.DataFrame([row]))
    >>> figure.axes[0].texts[0].get_text().splitlines()
    ['3', '10.0 % [2.0, 30.0]']
    """
    columns = ["type_old", "type_new", "n_clips", "share", "conf_low", "conf_high"]
    need(transitions, columns, "figure of transitions")
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
