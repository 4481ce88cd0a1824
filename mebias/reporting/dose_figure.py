"""Dose-response: what a recognizer scores as the labels it learns from get worse."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mebias.reporting.figure_style import (
    COLORS,
    INK,
    MARKERS,
    ONE_COLUMN_MM,
    SOFT,
    legend_below,
    need,
    new_figure,
)

_ERRORS = 1.96
_FIXED = {"human": INK, "truth": SOFT, "truth@both": SOFT}
"""Colors of the arms that others are seen against."""


def dose_response_plot(table: pd.DataFrame, *, axes: Axes | None = None) -> Axes:
    """UF1 of each arm against the spread of the coders' errors.

    Parameters
    ----------
    table : DataFrame
        Of `mebias.validation.calibrate_recognition`, with columns dataset, label_sd_ms (ms),
        arm, uf1, uf1_mc_error and n_cohorts.
    axes : Axes, optional
        Where to draw; a figure of one column by default.

    Returns
    -------
    Axes
        One line per arm, each mean with 1.96 Monte Carlo errors to either side, none where
        there is a single cohort; dashed where test clips are re-selected, too. Arms are a
        little apart so that their bars can be told apart.

    Raises
    ------
    TableError
        A column is missing, or there are no rows.

    Examples
    --------
    >>> row = {"dataset": "SIMULATED 4dme", "n_cohorts": 2, "uf1_mc_error": 0.01}
    >>> rows = [row | {"label_sd_ms": sd, "arm": "human", "uf1": uf1}
    ...         for sd, uf1 in ((0, 0.7), (40, 0.6))]
    >>> axes = dose_response_plot(pd.DataFrame(rows))
    >>> axes.get_ylabel(), [text.get_text() for text in axes.figure.texts]
    ('UF1', ['SIMULATED data'])
    """
    columns = ["dataset", "label_sd_ms", "arm", "uf1", "uf1_mc_error", "n_cohorts"]
    need(table, columns, "dose-response")
    own_figure = None
    if axes is None:
        own_figure = new_figure(ONE_COLUMN_MM, 85.0, table)
        axes = own_figure.subplots()
    arms = list(dict.fromkeys(table["arm"]))
    sources = list(dict.fromkeys(arm.partition("@")[0] for arm in arms))
    colored = [source for source in sources if source not in _FIXED]
    span = float(table["label_sd_ms"].max() - table["label_sd_ms"].min()) or 1.0
    for place, arm in enumerate(arms):
        own = table[table["arm"] == arm].sort_values("label_sd_ms")
        source, at, _ = arm.partition("@")
        color = _FIXED.get(source) or COLORS[colored.index(source) % len(COLORS)]
        apart = 0.008 * span * (place - (len(arms) - 1) / 2)
        axes.errorbar(
            own["label_sd_ms"] + apart,
            own["uf1"],
            yerr=np.nan_to_num(_ERRORS * own["uf1_mc_error"].to_numpy(dtype=float)),
            color=color,
            marker=MARKERS[sources.index(source) % len(MARKERS)],
            markersize=3,
            markerfacecolor="white" if at else color,
            linestyle="--" if at else "-",
            elinewidth=0.6,
            label=arm,
        )
    axes.set_xlabel("SD of the coders' errors (ms)")
    axes.set_ylabel("UF1")
    axes.set_xticks(sorted(set(table["label_sd_ms"])))
    counts = sorted({int(n) for n in table["n_cohorts"]})
    many = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    cohorts = "cohort" if counts == [1] else "cohorts"
    axes.set_title(f"{many} {cohorts} a point", loc="left", fontsize=6.5, fontweight="normal")
    if own_figure is None:
        axes.legend(ncols=2)
    else:
        legend_below(own_figure, axes.get_legend_handles_labels()[0])
    return axes
