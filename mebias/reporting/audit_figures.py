"""The figure of the audit: which checks found how much in which dataset."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mebias import tables
from mebias.reporting.figure_style import (
    FAINT,
    INK,
    TWO_COLUMNS_MM,
    is_narrow,
    legend_below,
    need,
    new_figure,
    short_names,
)

SEVERITIES = {"error": ("#7a1f00", "white"), "warning": ("#e8a35c", INK), "note": ("#e6ebf0", INK)}
"""Each severity with its tile and its lettering; darker is graver, in gray too."""
_SEVERAL = 3
"""With more datasets than this their names stand upright below the columns."""


def audit_plot(issues: pd.DataFrame, *, width_mm: float = TWO_COLUMNS_MM) -> Figure:
    """Issues by check and severity, per dataset.

    Parameters
    ----------
    issues : DataFrame
        An issues table of one dataset or several.
    width_mm : float
        Width in mm.

    Returns
    -------
    Figure
        A row per check and severity, the gravest first, a column per dataset; the number in
        a tile is how many issues, and an empty one is none.

    Raises
    ------
    TableError
        A column is missing, or there are no issues.

    Examples
    --------
    >>> rows = [tables.issue("error", "m", dataset="d", check="apex-order")] * 3
    >>> [text.get_text() for text in audit_plot(tables.from_rows(rows, "issues")).axes[0].texts]
    ['3']
    """
    need(issues, ["dataset", "severity", "check", "field"], "figure of the audit")
    kinds = issues["check"].where(issues["check"] != "", issues["field"])
    table = issues.assign(kind=kinds.where(kinds != "", "other").str.replace("_", " "))
    counted = table.groupby(["severity", "kind", "dataset"], sort=False).size()
    sizes = counted.rename("n").reset_index()
    total = sizes.groupby(["severity", "kind"])["n"].sum()
    lines = sorted(total.index, key=lambda line: (_gravity(line[0]), -int(total[line]), line[1]))
    datasets = [str(d) for d in dict.fromkeys(issues["dataset"])]
    narrow, upright = is_narrow(width_mm), len(datasets) > _SEVERAL
    foot = 12 + (24 if upright else 6)
    figure = new_figure(width_mm, foot + 5.4 * len(lines), issues)
    axes = figure.subplots()
    _tiles(axes, sizes, lines, datasets, 0.5 * width_mm / len(datasets))
    kinds_named = short_names((kind for _, kind in lines), 18 if narrow else 34)
    axes.set_yticks(range(len(lines)), [kinds_named[kind] for _, kind in lines])
    room = 16 if upright else max(8, int(0.45 * width_mm / len(datasets)))
    names = short_names(map(_bare, datasets), room)
    axes.set_xticks(range(len(datasets)), list(names.values()), rotation=90 if upright else 0)
    legend_below(
        figure,
        [Patch(facecolor=face, edgecolor=FAINT, label=severity)
         for severity, (face, _) in SEVERITIES.items()],
    )  # fmt: skip
    return figure


def _bare(dataset: str) -> str:
    """Names of datasets without the mark, which the figure carries."""
    return dataset.replace(f"{tables.SIMULATED} ", "")


def _gravity(severity: str) -> int:
    return [*SEVERITIES, severity].index(severity)


def _told(n: int, letters: float) -> str:
    """A count, in thousands where all of it does not fit.

    >>> _told(1234, 6), _told(1234, 3), _told(12345, 3)
    ('1,234', '1k', '12k')
    """
    return f"{n:,}" if len(f"{n:,}") <= letters or n < 1000 else f"{n / 1000:.0f}k"


def _tiles(
    axes: Axes,
    sizes: pd.DataFrame,
    lines: list[tuple[str, str]],
    datasets: list[str],
    per_tile: float,
) -> None:
    place = {line: height for height, line in enumerate(lines)}
    for row in sizes.to_dict("records"):
        severity = str(row["severity"])
        x, y = datasets.index(str(row["dataset"])), place[severity, str(row["kind"])]
        face, ink = SEVERITIES.get(severity, ("white", INK))
        axes.fill_between([x - 0.47, x + 0.47], y - 0.44, y + 0.44, color=face, linewidth=0)
        axes.text(
            x, y, _told(int(row["n"]), per_tile), ha="center", va="center", fontsize=6.5, color=ink
        )
    starts = [i for i in range(1, len(lines)) if lines[i][0] != lines[i - 1][0]]
    for start in starts:
        axes.axhline(start - 0.5, color=INK, linewidth=0.6)
    for edge in np.arange(1, len(datasets)) - 0.5:
        axes.axvline(edge, color=FAINT, linewidth=0.4, zorder=0)
    axes.set_xlim(-0.5, len(datasets) - 0.5)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
