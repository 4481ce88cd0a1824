"""Forest plots: the same contrast in each dataset, and pooled where there are enough."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon

from mebias import tables
from mebias.errors import TableError, listed
from mebias.quantification.pooling import direction_of, groups_of, named_pairs, same_direction
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
    short_contrast,
    short_names,
    zero_line,
)

QUANTITY = "mean_shift_difference"
_OTHERS = " vs others"
_FAR = 6.0
"""Bounds further out than this many times their median may leave the axis, with an arrow."""
_COLUMNS = ("dataset", "ethnicity", "stratum", "source", "distance", "keyframe", "quantity", "unit",
            "weighting", "estimate", "conf_low", "conf_high")  # fmt: skip


def forest_plot(
    estimates: pd.DataFrame,
    *,
    contrast: str | None = None,
    source: str | None = None,
    distance: str | None = None,
    quantity: str = QUANTITY,
    width_mm: float = TWO_COLUMNS_MM,
) -> Figure:
    """One contrast of groups over datasets, with the pooled one and its prediction interval.

    Parameters
    ----------
    estimates : DataFrame
        An estimates table of several datasets with ``mean_shift_difference`` rows and, from
        `mebias.quantification.pooling.pool`, the pooled ones.
    contrast : str, optional
        The contrast as ``ethnicity`` names it, "A vs B"; without it, the one that most
        datasets have.
    source, distance : str, optional
        The rule; without them, that which most datasets have.
    quantity : str
        What is contrasted: ``mean_shift_difference`` or ``adjusted_difference``. *A vs B* and
        *B vs A* are the same contrast, as in pooling, drawn in alphabetical order, and so is
        *A vs others* where a dataset has no third group.
    width_mm : float
        Width in mm.

    Returns
    -------
    Figure
        A panel per keyframe, a row per dataset. From three datasets on a diamond is the pooled
        contrast with its interval, from four on a line below it the interval for the contrast
        in a new dataset. Fewer stand side by side. Open markers have no interval.

    Raises
    ------
    TableError
        A column is missing, or no dataset has such a contrast.

    Notes
    -----
    Contrasts are made within datasets; the spread between datasets is that of labs, cameras,
    coders and definitions, never an effect of ethnicity.

    Examples
    --------
    >>> rows = [{"dataset": d, "ethnicity": "A vs B", "keyframe": "apex", "unit": "ms",
    ...          "quantity": "mean_shift_difference", "source": "gamdss", "distance": "signed",
    ...          "estimate": 5.0, "conf_low": 1.0, "conf_high": 9.0} for d in ("one", "two")]
    >>> figure = forest_plot(tables.from_rows(rows, "estimates"))
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['one', 'two']
    """
    need(estimates, _COLUMNS, "forest plot")
    rows = estimates[
        estimates["unit"].eq("ms") & estimates["stratum"].eq(tables.ALL)
        & estimates["quantity"].isin([quantity, f"pooled_{quantity}", f"predicted_{quantity}"])
    ]  # fmt: skip
    rows = same_direction(named_pairs(rows, groups_of(estimates)))
    if contrast is not None:
        contrast = direction_of(contrast)
    rows = _chosen(rows, quantity, contrast, source, distance)
    own = rows[rows["quantity"].eq(quantity) & ~_pooled(rows)]
    own = own.drop_duplicates(["dataset", "keyframe"])
    datasets = [str(d) for d in own["dataset"].drop_duplicates()]
    pooled = rows[rows["quantity"].eq(f"pooled_{quantity}") & rows["estimate"].notna()]
    predicted = rows[rows["quantity"].eq(f"predicted_{quantity}") & rows["conf_low"].notna()]
    predicted = predicted[predicted["keyframe"].isin(pooled["keyframe"])]
    below = [name for name, part in (("pooled", pooled), ("a new dataset", predicted)) if len(part)]
    keyframes = [k for k in tables.KEYFRAMES if own["keyframe"].eq(k).any()]
    narrow = is_narrow(width_mm)
    figure = new_figure(width_mm, 24 + 6.2 * (len(datasets) + len(below)), rows)
    panels = np.atleast_1d(figure.subplots(1, len(keyframes), sharey=True, sharex=True))
    for axes, keyframe in zip(panels, keyframes, strict=True):
        axes.set_title(keyframe.capitalize())
        axes.set_xlim(*_span(pd.concat([own, pooled, predicted])))
        zero_line(axes)
        for row in own[own["keyframe"] == keyframe].to_dict("records"):
            _dataset(axes, row, datasets.index(str(row["dataset"])))
        _whole(axes, pooled[pooled["keyframe"] == keyframe],
               predicted[predicted["keyframe"] == keyframe], len(datasets))  # fmt: skip
        if below:
            axes.axhline(len(datasets) - 0.5, color=FAINT, linewidth=0.6)
        axes.tick_params(axis="y", length=0)
        axes.locator_params(axis="x", nbins=4 if narrow else 6)
    width = 14 if narrow else 30
    panels[0].set_yticks(range(len(datasets) + len(below)),
                         [*short_names(map(_bare, datasets), width).values(), *below])  # fmt: skip
    panels[0].set_ylim(len(datasets) + len(below) - 0.4, -0.6)
    which = short_contrast(str(own["ethnicity"].iloc[0]), 22 if narrow else 50)
    what = "difference (ms)" if narrow else "difference of mean shifts (ms)"
    label_below(list(panels), f"{which}\n{what}", narrow=True)
    _legend(figure, pooled=len(pooled) > 0, predicted=len(predicted) > 0)
    return figure


def _bare(dataset: str) -> str:
    """A dataset's name without the mark, which the figure carries."""
    return dataset.removeprefix(tables.SIMULATED).strip() or dataset


def _pooled(rows: pd.DataFrame) -> pd.Series:
    return rows["dataset"].map(_bare).eq("pooled")


def most_common(rows: pd.DataFrame, column: str) -> str:
    """What most datasets have; of as many, pairs of groups come before *A vs others*.

    Who the others are differs from dataset to dataset: such contrasts are never pooled.

    >>> names = ["A vs others", "A vs B", "A vs others", "A vs B", "B vs C"]
    >>> rows = pd.DataFrame({"ethnicity": names, "dataset": ["d", "d", "e", "e", "e"]})
    >>> most_common(rows, "ethnicity")
    'A vs B'
    """
    datasets = rows.groupby(column, sort=False)["dataset"].nunique()
    return str(min(datasets.index, key=lambda x: (-datasets[x], str(x).endswith(_OTHERS))))


def _chosen(
    rows: pd.DataFrame,
    quantity: str,
    contrast: str | None,
    source: str | None,
    distance: str | None,
) -> pd.DataFrame:
    """The rows of one contrast, rule and weighting: those asked for, else the most common."""
    for column, wanted in (("ethnicity", contrast), ("source", source), ("distance", distance)):
        own = rows[rows["quantity"].eq(quantity) & ~_pooled(rows)]
        if wanted is None and len(own):
            wanted = most_common(own, column)
        kept = rows[rows[column] == wanted]
        if not (kept["quantity"].eq(quantity) & kept["estimate"].notna()).any():
            there = listed(own[column].unique()) or "none"
            raise TableError(
                f"the table for the forest plot has no {quantity} (ms) of {column} "
                f"{wanted or 'any'} (there: {there}); pass estimates of several datasets."
            )
        rows = kept
    return rows.sort_values("weighting", key=lambda w: w.ne("subject"), kind="stable")


def _span(rows: pd.DataFrame) -> tuple[float, float]:
    """An axis with 0 in its middle that holds every estimate and bounds that are not far out."""
    bounds = np.abs(rows[["conf_low", "conf_high"]].to_numpy(dtype=float).ravel())
    bounds = bounds[np.isfinite(bounds)]
    near = bounds[bounds <= _FAR * np.median(bounds)] if len(bounds) else bounds
    held = np.abs(np.r_[0.0, near, rows["estimate"].dropna().to_numpy(dtype=float)])
    reach = 1.1 * float(held.max()) or 1.0
    return -reach, reach


def _dataset(axes: Axes, row: dict[object, object], height: int) -> None:
    estimate, low, high = (float(str(row[c])) for c in ("estimate", "conf_low", "conf_high"))
    if not np.isfinite(estimate):
        axes.text(0.99, height, "no estimate", transform=axes.get_yaxis_transform(), ha="right",
                  va="center", fontsize=6, color=SOFT)  # fmt: skip
        return
    known = np.isfinite(low) and np.isfinite(high)
    if known:
        interval_line(axes, low, high, height, INK)
    axes.plot([estimate], [height], marker="s", markersize=4, linestyle="", markeredgecolor=INK,
              markerfacecolor=INK if known else "white", zorder=4)  # fmt: skip


def _whole(axes: Axes, pooled: pd.DataFrame, predicted: pd.DataFrame, height: int) -> None:
    """The pooled contrast as a diamond from bound to bound, the prediction as a line."""
    for estimate, low, high in pooled[["estimate", "conf_low", "conf_high"]].head(1).to_numpy():
        corners = [
            (low, height),
            (estimate, height - 0.3),
            (high, height),
            (estimate, height + 0.3),
        ]
        axes.add_patch(Polygon(corners, closed=True, facecolor=SOFT, edgecolor=INK, zorder=4))
        axes.axvline(estimate, color=SOFT, linewidth=0.7, linestyle=":", zorder=0)
    for low, high in predicted[["conf_low", "conf_high"]].head(1).to_numpy():
        interval_line(axes, float(low), float(high), height + 1, SOFT)
        ends = [e for e in (low, high) if axes.get_xlim()[0] <= e <= axes.get_xlim()[1]]
        axes.plot(ends, [height + 1] * len(ends), marker="|", markersize=6, linestyle="",
                  color=SOFT, zorder=3)  # fmt: skip


def _legend(figure: Figure, *, pooled: bool, predicted: bool) -> None:
    handles = [Line2D([], [], marker="s", markersize=4, color=INK, label="dataset, interval")]
    if pooled:
        handles.append(Line2D([], [], marker="D", markersize=5, linestyle="", markerfacecolor=SOFT,
                              markeredgecolor=INK, label="pooled, interval"))  # fmt: skip
    if predicted:
        handles.append(Line2D([], [], marker="|", markersize=6, color=SOFT,
                              label="where that of a new dataset would lie"))  # fmt: skip
    legend_below(figure, handles)
