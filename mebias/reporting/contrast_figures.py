"""Figures of contrasts between groups: tested, and planted against found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mebias.errors import TableError
from mebias.reporting.figure_style import (
    COLORS,
    INK,
    ONE_COLUMN_MM,
    interval_line,
    need,
    new_figure,
    short,
    short_names,
    zero_line,
)
from mebias.reporting.text import OUTCOME

_ROWS_MM = 210.0
"""Height that rows may take beside axis and legend on a journal's page."""
_ONE_LINE = 20
"""Letters of a row's name that fit on one line of a column-wide figure."""
_OF_SHIFTS = {"primary", "group-vs-rest", "pairs", "heterogeneity", "adjusted"}
"""Families that compare mean shifts."""
_BESIDES = 6.0
"""Bounds further out than this many times their median may leave the axis, with an arrow."""


def contrast_plot(
    tests: pd.DataFrame, *, family: str | Sequence[str] = "primary", width_mm: float = ONE_COLUMN_MM
) -> Figure:
    """Contrasts between groups with their intervals, the margin as a band.

    Parameters
    ----------
    tests : DataFrame
        Of one dataset.
    family : str or sequence of str
        Families to draw.
    width_mm : float
        Width in mm.

    Returns
    -------
    Figure
        One line per test, adjusted p-values on the right; open circles have no interval,
        arrowheads mark an interval that runs past the axis.

    Raises
    ------
    TableError
        A column is missing, there is no test of these families, or they have several units.

    Examples
    --------
    >>> import mebias
    >>> findings = mebias.quantify(mebias.example(), n_permutations=99)
    >>> figure = contrast_plot(findings.tests)
    >>> [text.get_text() for text in figure.texts]
    ['SIMULATED data']
    """
    columns = ["family", "ethnicity", "keyframe", "estimate", "unit", "conf_low", "conf_high",
               "margin", "p_adjusted"]  # fmt: skip
    need(tests, columns, "contrast plot")
    families = [family] if isinstance(family, str) else list(family)
    rows = tests[tests["family"].isin(families)]
    need(rows, [], f"contrast plot (family {', '.join(families)})")
    unit = str(rows["unit"].iloc[0])
    if len(units := list(rows["unit"].unique())) > 1:
        raise TableError(
            f"contrast plot: families {', '.join(families)} have the units {' and '.join(units)}; "
            f"expected one unit: draw families of one unit at a time."
        )
    names = _names(rows, "ethnicity")
    figure = new_figure(width_mm, 17 + _pitch(names) * len(rows), rows)
    axes = figure.subplots()
    margin = float(rows["margin"].max())
    zero_line(axes)
    _forest(axes, rows, "estimate", names, [_p_text(float(p)) for p in rows["p_adjusted"]],
            also=np.array([margin]))  # fmt: skip
    label = f"{_compared(families)} ({unit})"
    if np.isfinite(margin):
        axes.axvspan(-margin, margin, color="#e6ebf0", zorder=-1)
        label += f"; band: margin ±{margin:.0f} {unit}"
    axes.set_xlabel(label)
    return figure


def _compared(families: Sequence[str]) -> str:
    """What the estimates of these families are."""
    kinds = {family.split(" ")[0] for family in families}
    if kinds == {"annotation-error"}:
        return "difference of mean annotation errors"
    if kinds == {"error-reduction"}:
        return "difference of mean reductions of error"
    return "difference of mean shifts" if kinds <= _OF_SHIFTS else "estimate"


def planted_plot(planted: pd.DataFrame, *, width_mm: float = ONE_COLUMN_MM) -> Figure:
    """Simulated cohorts: what an ideal selector would have shown, and what was found.

    Parameters
    ----------
    planted : DataFrame
        A planted table of one dataset.
    width_mm : float
        Width in mm.

    Returns
    -------
    Figure
        One line per contrast and keyframe; on the right the planted error and the outcome.

    Raises
    ------
    TableError
        A column is missing, or the table has no rows.

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"dataset": "SIMULATED d", "contrast": "A vs others", "keyframe": "offset",
    ...        "planted_error_ms": -40.0, "expected_shift_ms": 9.0, "found_shift_ms": 5.0,
    ...        "conf_low": 1.0, "conf_high": 9.0, "outcome": "found"}
    >>> [text.get_text() for text in planted_plot(pd.DataFrame([row])).axes[0].texts]
    ['−40 ms: found']
    """
    columns = ["contrast", "keyframe", "planted_error_ms", "expected_shift_ms", "found_shift_ms",
               "conf_low", "conf_high", "outcome"]  # fmt: skip
    need(planted, columns, "planted plot")
    names = _names(planted, "contrast")
    figure = new_figure(width_mm, 21 + _pitch(names) * len(planted), planted)
    axes = figure.subplots()
    zero_line(axes)
    texts = [
        f"{_signed(float(error))}: {OUTCOME.get(outcome, outcome)}"
        for error, outcome in planted[["planted_error_ms", "outcome"]].itertuples(index=False)
    ]
    expected = planted["expected_shift_ms"].to_numpy(dtype=float)
    _forest(axes, planted, "found_shift_ms", names, texts, also=expected)
    axes.plot(
        expected, np.arange(len(planted)), marker="D", markersize=4, linestyle="",
        markerfacecolor="white", markeredgecolor=COLORS[1], zorder=5,
    )  # fmt: skip
    axes.set_xlabel("difference of mean shifts (ms)")
    handles = [
        Line2D([], [], marker="o", markersize=4, color=INK, label="found"),
        Line2D([], [], marker="D", markersize=4, linestyle="", markerfacecolor="white",
               markeredgecolor=COLORS[1], label="ideal selector"),
        Line2D([], [], linestyle="", label="right: planted error, outcome"),
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside lower center", ncols=3, handletextpad=0.4,
                  columnspacing=1.0)  # fmt: skip
    return figure


def _p_text(value: float) -> str:
    if not np.isfinite(value):
        return "not tested"
    return "adj. p < 0.001" if value < 0.0005 else f"adj. p = {value:.3f}"


def _signed(value: float) -> str:
    """A planted error in words; what rounds to 0 has no sign.

    >>> _signed(-40.0), _signed(-0.2), _signed(float("nan"))
    ('−40 ms', '0 ms', 'unknown')
    """
    if not np.isfinite(value):
        return "unknown"
    whole = round(value)
    return f"{whole:+d} ms".replace("-", "−") if whole else "0 ms"


def _names(rows: pd.DataFrame, column: str) -> list[str]:
    """Names of rows, on one line where all fit, else on two.

    >>> _names(pd.DataFrame({"keyframe": ["apex"], "g": ["A vs others"]}), "g")
    ['apex, A vs others']
    """
    pairs = list(rows[["keyframe", column]].itertuples(index=False))
    plain = [f"{keyframe}, {contrast}" for keyframe, contrast in pairs]
    if max(map(len, plain)) <= _ONE_LINE:
        return plain
    sides = [str(contrast).rpartition(" vs ") for _, contrast in pairs]
    named = short_names((side[0] for side in sides), 14), short_names((s[2] for s in sides), 8)
    return [f"{_shortened(str(contrast), *named)}\n{keyframe}" for keyframe, contrast in pairs]


def _shortened(contrast: str, firsts: Mapping[str, str], seconds: Mapping[str, str]) -> str:
    """A contrast cut so that both of its sides stay.

    >>> _shortened("Black African or mixed vs others",
    ...            {"Black African or mixed": "Black African…"}, {"others": "others"})
    'Black African… vs others'
    >>> _shortened("Black African, White British, East Asian", {}, {})
    'between groups'
    """
    first, versus, second = contrast.rpartition(" vs ")
    if versus:
        return f"{firsts[first]} vs {seconds[second]}"
    return "between groups" if ", " in contrast else short(contrast, 22)


def _pitch(names: list[str]) -> float:
    """Height of a row in mm: less where there are many, as far as their letters allow."""
    usual, least = (7.2, 6.25) if "\n" in names[0] else (6.5, 3.6)
    return max(least, min(usual, _ROWS_MM / len(names)))


def _forest(
    axes: Axes,
    rows: pd.DataFrame,
    column: str,
    names: list[str],
    texts: list[str],
    *,
    also: np.ndarray,
) -> None:
    """Estimates and intervals, one line each, the first on top, with words on the right.

    ``also`` are values that the axis has to hold besides.
    """
    values = rows[[column, "conf_low", "conf_high"]].to_numpy(dtype=float)
    reach = _reach(values, also)
    axes.set_xlim(-reach, reach)
    for height, (estimate, low, high) in enumerate(values):
        known = np.isfinite(low) and np.isfinite(high)
        if known:
            interval_line(axes, low, high, height, INK)
        axes.plot(
            [estimate], [height], marker="o", markersize=4, color=INK, zorder=4,
            markerfacecolor=INK if known else "white",
        )  # fmt: skip
        axes.annotate(
            texts[height], (1.03, height), xycoords=("axes fraction", "data"), va="center",
            fontsize=6.5, annotation_clip=False,
        )  # fmt: skip
    axes.set_yticks(range(len(rows)), names)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def _reach(values: np.ndarray, also: np.ndarray) -> float:
    """Half-width of an axis that holds every estimate and every bound that is not far out."""
    bounds = np.abs(values[:, 1:][np.isfinite(values[:, 1:])])
    if bounds.size:
        bounds = bounds[bounds <= _BESIDES * np.median(bounds)]
    held = np.abs(np.r_[values[:, 0], also, bounds])
    held = held[np.isfinite(held)]
    reach = float(held.max()) if held.size else 0.0
    return 1.15 * reach if reach > 0 else 1.0
