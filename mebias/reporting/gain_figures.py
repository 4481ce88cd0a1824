"""Figures of recognition: gains of arms with the margin, and confusion matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from mebias import tables
from mebias.reporting.figure_style import (
    FAINT,
    INK,
    SOFT,
    TWO_COLUMNS_MM,
    interval_line,
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

GAINS = {"uf1_gain": "UF1", "uar_gain": "UAR", "accuracy_gain": "Accuracy"}
_BAND = "#e6ebf0"
_LETTER_MM = 1.5
"""Room that a letter of a tick's label takes at most, on average."""
_PER_ROW = 3
"""Confusion matrices side by side at two columns' width."""


def gain_plot(
    estimates: pd.DataFrame,
    *,
    margins: Mapping[str, float] | None = None,
    width_mm: float = TWO_COLUMNS_MM,
) -> Figure:
    """What arms gain in recognition, as dots with intervals on a band of the margin.

    Parameters
    ----------
    estimates : DataFrame
        An estimates table of one dataset with ``uf1_gain``, ``uar_gain`` or
        ``accuracy_gain``; ``arm`` names the two that are compared, as in "gamdss vs human".
    margins : mapping, optional
        Smallest gain that matters, by quantity; those of `mebias.gain` by default.
    width_mm : float
        Width in mm.

    Returns
    -------
    Figure
        A panel per score; pairs of arms from the top, then the first pair per group. Open
        markers have no interval.

    Raises
    ------
    TableError
        A column is missing, or there is no gain.

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"dataset": "SIMULATED d", "arm": "gamdss vs human", "ethnicity": "all",
    ...        "quantity": "uf1_gain", "estimate": 0.01, "conf_low": -0.02, "conf_high": 0.04}
    >>> [axes.get_title() for axes in gain_plot(pd.DataFrame([row])).axes]
    ['UF1']
    """
    columns = ["arm", "ethnicity", "quantity", "estimate", "conf_low", "conf_high"]
    need(estimates, columns, "gain plot")
    gains = estimates[estimates["quantity"].isin(GAINS)]
    need(gains, [], "gain plot (gains in UF1, UAR or accuracy)")
    known = {"uf1_gain": 0.05, "uar_gain": 0.05, "accuracy_gain": 0.03, **(margins or {})}
    lines = _lines(gains)
    there = [name for name in GAINS if (gains["quantity"] == name).any()]
    figure = new_figure(width_mm, 22 + 6.2 * len(lines), gains)
    panels = np.atleast_1d(figure.subplots(1, len(there), sharey=True, gridspec_kw={"wspace": 0.1}))
    keys = list(zip(gains["arm"], gains["ethnicity"], strict=True))
    shown = gains[[key in lines for key in keys]]
    narrow = is_narrow(width_mm)
    reach = _reach(shown, [known[name] for name in there])
    for axes, quantity in zip(panels, there, strict=True):
        own = gains[gains["quantity"] == quantity].set_index(["arm", "ethnicity"])
        axes.set_title(GAINS[quantity])
        _gains(axes, own, lines, known[quantity], reach)
        axes.xaxis.set_major_locator(MaxNLocator(2 if narrow else 4, symmetric=True))
    label_below(list(panels), "gain", narrow=narrow)
    panels[0].set_yticks(range(len(lines)), _line_names(lines, narrow=narrow))
    panels[0].set_ylim(len(lines) - 0.4, -0.6)
    legend_below(
        figure,
        [
            Line2D([], [], marker="o", markersize=4, color=INK, label="gain and interval"),
            Line2D(
                [],
                [],
                color=_BAND,
                linewidth=6,
                solid_capstyle="butt",
                label="smaller than what matters",
            ),
        ],
    )
    return figure


def _lines(gains: pd.DataFrame) -> list[tuple[str, str]]:
    """Pairs of arms of all subjects, then the groups of the first pair."""
    whole = gains[gains["ethnicity"] == tables.ALL]
    lines = [(str(arm), tables.ALL) for arm in whole["arm"].unique()]
    first = str(gains["arm"].iloc[0])
    groups = gains.loc[(gains["arm"] == first) & (gains["ethnicity"] != tables.ALL), "ethnicity"]
    return lines + [(first, str(group)) for group in groups.unique()]


def _line_names(lines: Sequence[tuple[str, str]], *, narrow: bool) -> list[str]:
    """Names of lines; of a narrow figure a group's alone, whose pair of arms is the first."""
    letters = 8 if narrow else 16
    groups = short_names((group for _, group in lines), 14 if narrow else 18)
    named = []
    for arm, group in lines:
        pair = short_contrast(arm, letters)
        if group == tables.ALL:
            named.append(pair)
        else:
            named.append(f"in {groups[group]}" if narrow else f"{groups[group]}: {short(pair, 20)}")
    return named


def _reach(gains: pd.DataFrame, margins: Sequence[float]) -> float:
    """Half-width of the axes: it holds every gain, and bounds that are not far beyond."""
    values = np.abs(gains[["estimate", "conf_low", "conf_high"]].to_numpy(dtype=float))
    values = values[np.isfinite(values)]
    held = [*margins, *values[values <= 4 * max(margins)]]
    held += np.abs(gains["estimate"].dropna()).tolist()
    return float(1.12 * max(held))


def _gains(
    axes: Axes, own: pd.DataFrame, lines: Sequence[tuple[str, str]], margin: float, reach: float
) -> None:
    axes.set_xlim(-reach, reach)
    axes.axvspan(-margin, margin, color=_BAND, zorder=-1)
    zero_line(axes)
    for height, line in enumerate(lines):
        if line not in own.index:
            continue
        row = own.loc[[line]].iloc[0]
        estimate, low, high = (float(row[c]) for c in ("estimate", "conf_low", "conf_high"))
        inside = np.isfinite(low) and np.isfinite(high)
        color = INK if line[1] == tables.ALL else SOFT
        if inside:
            interval_line(axes, low, high, height, color)
        axes.plot(
            [estimate], [height], marker="o" if line[1] == tables.ALL else "s", markersize=4,
            linestyle="", markeredgecolor=color, markerfacecolor=color if inside else "white",
            zorder=4,
        )  # fmt: skip
    axes.tick_params(axis="y", length=0)


def confusion_plot(confusion: pd.DataFrame, *, width_mm: float = TWO_COLUMNS_MM) -> Figure:
    """Which class clips were given, per arm: shares of the true class, and clips.

    Parameters
    ----------
    confusion : DataFrame
        arm, label, predicted, n_clips (mean over seeds), share: as
        `mebias.recognition.metrics.confusion_table` makes it.
    width_mm : float
        Width in mm.

    Returns
    -------
    Figure
        A matrix per arm, true classes in rows; darker is more, and the number in a cell is
        clips, mean over seeds.

    Raises
    ------
    TableError
        A column is missing, or the table has no rows.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [{"arm": "human", "label": a, "predicted": b, "n_clips": 3.0, "share": 0.5}
    ...         for a in "xy" for b in "xy"]
    >>> confusion_plot(pd.DataFrame(rows)).axes[0].get_title()
    'human'
    """
    need(confusion, ["arm", "label", "predicted", "n_clips", "share"], "confusion plot")
    arms = [str(arm) for arm in confusion["arm"].unique()]
    classes = list(dict.fromkeys(str(c) for c in confusion["label"]))
    few = max(1, int((width_mm - 20) // max(25.0, 4.0 * len(classes))))
    columns = min(_PER_ROW, len(arms), few)
    rows = -(-len(arms) // columns)
    side = (width_mm - 20) / columns
    height = min(side - 4, 13 * len(classes))
    figure = new_figure(width_mm, 14 + rows * (height + 18), confusion)
    panels = figure.subplots(rows, columns, squeeze=False, gridspec_kw={"wspace": 0.12})
    names = list(short_names(classes, 14).values())
    flat = max(map(len, names)) * _LETTER_MM < side / len(classes) - 2
    for place, axes in enumerate(panels.flat):
        if place >= len(arms):
            axes.set_axis_off()
            continue
        own = confusion[confusion["arm"] == arms[place]]
        axes.set_title(short(arms[place], 28))
        _matrix(axes, own, classes)
        first, last = place % columns == 0, place + columns >= len(arms)
        axes.set_yticks(range(len(classes)), names if first else [])
        axes.set_xticks(range(len(classes)), names if last else [], rotation=0 if flat else 90)
        if first:
            axes.set_ylabel("true class")
        if last:
            axes.set_xlabel("given class")
    return figure


def _matrix(axes: Axes, own: pd.DataFrame, classes: Sequence[str]) -> None:
    """Shares as gray, clips as numbers."""
    place = {name: i for i, name in enumerate(classes)}
    share, clips = (np.full((len(classes), len(classes)), np.nan) for _ in range(2))
    for row in own.to_dict("records"):
        at = place[str(row["label"])], place.get(str(row["predicted"]), -1)
        if at[1] >= 0:
            share[at], clips[at] = row["share"], row["n_clips"]
    axes.imshow(share, cmap="Greys", vmin=0, vmax=1.15, aspect="auto")
    size = 6.5 if len(classes) <= 7 else 6.0
    for i, j in np.ndindex(share.shape):
        if np.isfinite(clips[i, j]) and clips[i, j] > 0:
            shown = f"{clips[i, j]:.0f}" if clips[i, j] >= 1 else "<1"
            axes.text(j, i, shown, ha="center", va="center", fontsize=size,
                      color="white" if share[i, j] > 0.55 else INK)  # fmt: skip
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set(visible=True, color=FAINT, linewidth=0.5)
