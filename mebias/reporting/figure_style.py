"""How figures look, and how they are saved: print widths, one palette, the same bytes twice."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mebias import tables
from mebias.errors import OutputError, TableError, listed
from mebias.reporting.lettering import FONT, LetteredFigure, short, short_contrast, short_names

__all__ = [
    "COLORS", "FAINT", "INK", "MARKERS", "MARK_COLOR", "MARK_STRIP_MM", "MM", "ONE_COLUMN_MM",
    "SOFT", "TWO_COLUMNS_MM", "groups_of", "interval_line", "is_narrow", "jitter", "label_below",
    "legend_below", "look_of", "mark", "need", "new_figure", "save", "short",
    "short_contrast", "short_names", "style", "zero_line",
]  # fmt: skip
ONE_COLUMN_MM = 89.0
TWO_COLUMNS_MM = 183.0
MM = 1 / 25.4
NARROW_MM = 130.0
"""Below this width labels and legend are set in fewer words and more lines."""
INK, SOFT, FAINT = "#222222", "#666666", "#bbbbbb"
MARK_COLOR = "#8a3b00"
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F3C8D", "#000000")
"""Okabe and Ito's, in an order that keeps neighbors apart; markers differ too, for gray."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
MARK_STRIP_MM = 4.5
FORMATS: Mapping[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": "mebias"},
    "pdf": {"CreationDate": None, "Creator": "mebias", "Producer": "mebias"},
    "png": {"Software": None},
}
"""What a figure is saved as, and metadata without date or host."""
_MARK = "simulated-mark"

_RC: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": [FONT],
    "text.parse_math": False,
    "font.size": 7.0,
    "axes.labelsize": 7.0,
    "axes.titlesize": 8.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.0,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "svg.hashsalt": "mebias",
    "pdf.fonttype": 42,
    "path.simplify": False,
}


@contextmanager
def style() -> Iterator[None]:
    """Settings for print: 7 pt sans serif, thin axes, embedded fonts; nothing stays changed.

    Examples
    --------
    >>> with style():
    ...     mpl.rcParams["font.size"]
    7.0
    """
    # Reading the backend would make matplotlib choose one, and load pyplot for it.
    defaults: Any = mpl.rcParamsDefault
    plain = {name: defaults[name] for name in defaults if name != "backend"}
    with mpl.rc_context(plain | _RC):
        yield


def new_figure(width_mm: float, height_mm: float, *parts: pd.DataFrame) -> Figure:
    """An empty figure of a size in mm, marked if a table it is drawn from is simulated."""
    figure = LetteredFigure(figsize=(width_mm * MM, height_mm * MM))
    top = 1 - MARK_STRIP_MM / height_mm
    figure.set_layout_engine("constrained", rect=(0, 0, 1, top), w_pad=0.02, h_pad=0.02)
    names = {str(d) for part in parts if "dataset" in part for d in part["dataset"].unique()}
    if any(tables.is_simulated(name) for name in names):
        mark(figure)
    return figure


def mark(figure: Figure) -> None:
    """Write SIMULATED into the strip on top, once."""
    if any(text.get_gid() == _MARK for text in figure.texts):
        return
    height_mm = figure.get_size_inches()[1] / MM
    figure.text(
        0.995, 1 - 0.5 * MARK_STRIP_MM / height_mm, f"{tables.SIMULATED} data", ha="right",
        va="center", fontsize=7, fontweight="bold", color=MARK_COLOR, gid=_MARK,
    )  # fmt: skip


def save(figure: Figure, folder: Path, name: str, *, simulated: bool = False) -> list[Path]:
    """Write a figure as SVG, PDF and PNG (300 dpi); the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure
        Drawn within `style`.
    folder : Path
        An existing folder.
    name : str
        File name without suffix.
    simulated : bool
        Mark it even where its tables do not say so.

    Returns
    -------
    list of Path
        The three files, each written whole or not at all.

    Raises
    ------
    OutputError
        The folder is not there.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with style(), TemporaryDirectory() as folder:
    ...     [path.name for path in save(new_figure(89, 30), Path(folder), "f")]
    ['f.svg', 'f.pdf', 'f.png']
    """
    if not Path(folder).is_dir():
        raise OutputError(
            f"{Path(folder).name} is not a folder, so the figure {name} cannot be written; make it."
        )
    if simulated:
        mark(figure)
    paths, layout = [], figure.get_layout_engine()
    try:
        with style():
            for kind, metadata in FORMATS.items():
                path = Path(folder) / f"{name}.{kind}"
                partial = path.with_name(f".{path.name}.partial")
                try:
                    figure.savefig(partial, format=kind, dpi=300, metadata=metadata)
                    os.replace(partial, path)
                finally:
                    partial.unlink(missing_ok=True)
                paths.append(path)
                figure.set_layout_engine(None)  # the first file's layout is that of all
    finally:
        figure.set_layout_engine(layout)
    return paths


def need(table: pd.DataFrame, columns: Iterable[str], what: str) -> None:
    """Refuse a table that lacks a column or has no rows.

    Raises
    ------
    TableError
        In one sentence.
    """
    missing = [c for c in columns if c not in table.columns]
    if missing:
        raise TableError(
            f"the table for the {what} has no column {listed(missing)} (found: "
            f"{listed(table.columns, 12) or 'none'}); pass a table as `mebias.tables` declares it."
        )
    if table.empty:
        raise TableError(f"the table for the {what} has no rows; there is nothing to draw.")


def groups_of(shifts: pd.DataFrame) -> list[str]:
    """The whole first, then groups by number of subjects, unknown last."""
    sizes = shifts.groupby("ethnicity")["subject"].nunique()
    names = [g for g in sizes.index if g not in (tables.ALL, tables.UNKNOWN)]
    ordered = sorted(names, key=lambda g: (-int(sizes[g]), str(g)))
    if tables.UNKNOWN in sizes.index and ordered:
        ordered.append(tables.UNKNOWN)
    return [tables.ALL, *map(str, ordered)]


def look_of(group: str, groups: list[str]) -> tuple[str, str]:
    """Color and marker of a group."""
    if group in (tables.ALL, tables.UNKNOWN):
        return (INK, "o") if group == tables.ALL else (SOFT, "d")
    place = [g for g in groups if g not in (tables.ALL, tables.UNKNOWN)].index(group)
    return COLORS[place % len(COLORS)], MARKERS[place % len(MARKERS)]


def jitter(n: int) -> Any:
    """Offsets in -0.5 to 0.5 that are the same each time and fill evenly.

    >>> jitter(3).round(2).tolist()
    [-0.5, 0.12, -0.26]
    """
    import numpy as np

    return (np.arange(n) * 0.6180339887) % 1 - 0.5


def is_narrow(width_mm: float) -> bool:
    """Whether a figure is about one column wide: labels and legend take fewer words then."""
    return width_mm < NARROW_MM


def legend_below(figure: Figure, handles: Sequence[Artist]) -> None:
    """A legend below everything, in as many columns as the figure's width has room for."""
    width_mm = figure.get_size_inches()[0] / MM
    longest = max(len(str(handle.get_label())) for handle in handles)
    columns = int((width_mm - 4) // (9 + 1.32 * longest))
    rows = -(-len(handles) // max(1, min(columns, len(handles))))
    figure.legend(
        handles=list(handles), loc="outside lower center", ncols=-(-len(handles) // rows),
        handletextpad=0.5, columnspacing=1.2,
    )  # fmt: skip


def label_below(panels: Sequence[Axes], label: str, *, narrow: bool) -> None:
    """The same label below each panel; of a narrow figure below the middle one alone."""
    for place, axes in enumerate(panels):
        if not narrow or place == len(panels) // 2:
            axes.set_xlabel(label)


def zero_line(axes: Axes, *, vertical: bool = True) -> None:
    """A thin line at 0."""
    draw = axes.axvline if vertical else axes.axhline
    draw(0, color=FAINT, linewidth=0.8, zorder=0)


def interval_line(axes: Axes, low: float, high: float, height: float, color: str) -> None:
    """An interval as a line; an arrowhead where it runs past the axis, whose limits stand."""
    left, right = axes.get_xlim()
    axes.plot([max(low, left), min(high, right)], [height] * 2, color=color, linewidth=1.5,
              zorder=3)  # fmt: skip
    for past, edge, marker in ((low < left, left, 8), (high > right, right, 9)):
        if past:
            arrow = axes.plot([edge], [height], marker=marker, markersize=4, color=color,
                              linestyle="", zorder=3, clip_on=False)  # fmt: skip
            arrow[0].set_in_layout(False)
