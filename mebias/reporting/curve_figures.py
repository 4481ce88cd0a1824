"""The figure of inner curves, which no test subject has a part in."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mebias import tables
from mebias.reporting.figure_style import (
    COLORS,
    FAINT,
    INK,
    SOFT,
    TWO_COLUMNS_MM,
    is_narrow,
    legend_below,
    need,
    new_figure,
    short_names,
)

_STYLES = ("-", (0, (4, 1)), (0, (1, 1)))
"""Of lines, in turn: colors alone look alike in gray."""
_NAMES = {"loss": "Loss (cross-entropy)", "uf1": "UF1"}


def curve_plot(
    curves: pd.DataFrame,
    fixed: int,
    epochs: Mapping[str, int] | None = None,
    *,
    width_mm: float = TWO_COLUMNS_MM,
) -> Figure:
    """Loss and UF1 by epoch on training subjects that were set aside.

    Parameters
    ----------
    curves : DataFrame
        A curves table, as `mebias.recognition.run_protocols` returns it.
    fixed : int
        The fixed number of epochs.
    epochs : mapping, optional
        Fold to the epoch that its inner split chooses, drawn as ticks; ``all``, that of all
        folds together, as a line.
    width_mm : float
        Width in mm.

    Returns
    -------
    Figure
        Left: loss, right: UF1. Each arm is a thick line, mean over seeds, and a thin one per
        seed, all folds together. The dashed line is the fixed number of epochs.

    Raises
    ------
    TableError
        A column is missing, or no curve of all folds together is there.

    Examples
    --------
    >>> rows = [{"dataset": "d", "arm": "human", "seed": 0, "fold": "all", "epoch": e,
    ...          "loss": 1 / e, "uf1": 0.1 * e} for e in (1, 2, 3)]
    >>> [axes.get_ylabel() for axes in curve_plot(pd.DataFrame(rows), 2).axes]
    ['Loss (cross-entropy)', 'UF1']
    """
    need(curves, ["dataset", "arm", "seed", "fold", "epoch", "loss", "uf1"], "inner curves")
    whole = curves[curves["fold"] == tables.ALL]
    need(whole, [], "inner curves (all folds together)")
    arms = whole["arm"].nunique()
    figure = new_figure(width_mm, 62 + 3.2 * arms * (1.0 if is_narrow(width_mm) else 0.3), whole)
    sides = figure.subplots(1, 2)
    for axes, quantity in zip(sides, _NAMES, strict=True):
        _draw(axes, whole, quantity, fixed, dict(epochs or {}))
    legend_below(figure, sides[0].get_legend_handles_labels()[0])
    return figure


def _draw(
    axes: Axes, whole: pd.DataFrame, quantity: str, fixed: int, epochs: dict[str, int]
) -> None:
    names = short_names(whole["arm"].unique(), 22)
    for place, arm in enumerate(whole["arm"].unique()):
        color = COLORS[place % len(COLORS)]
        own = whole[whole["arm"] == arm].set_index(["epoch", "seed"])[quantity].unstack()  # noqa: PD010
        if own.shape[1] > 1:
            axes.plot(own.index, own.to_numpy(), color=color, linewidth=0.4, alpha=0.45)
        axes.plot(own.index, own.mean(axis=1), color=color, linewidth=1.6, label=names[str(arm)],
                  linestyle=_STYLES[place % len(_STYLES)])  # fmt: skip
    axes.axvline(fixed, color=INK, linestyle="--", linewidth=0.8, label=f"fixed: {fixed}")
    together = epochs.pop(tables.ALL, None)
    if together is not None:
        axes.axvline(
            together, color=SOFT, linestyle=":", linewidth=1.0,
            label=f"inner, all folds together: {together}",
        )  # fmt: skip
    if epochs:
        counts = pd.Series(list(epochs.values())).value_counts()
        axes.scatter(
            counts.index, [0.02] * len(counts), s=6 + 60 * counts / counts.max(), color=FAINT,
            edgecolor=SOFT, linewidth=0.4, transform=axes.get_xaxis_transform(), zorder=1,
            label="inner, each fold (area: folds)", clip_on=False,
        )  # fmt: skip
    axes.set_xlabel("Epoch")
    axes.set_ylabel(_NAMES[quantity])
    axes.set_xlim(left=0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
