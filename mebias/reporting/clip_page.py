"""What the pictures of a clip have in common: the page, and how each source looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mebias.reporting.clip_view import HUMAN, ClipView
from mebias.reporting.figure_style import (
    COLORS,
    INK,
    MARK_STRIP_MM,
    MM,
    SOFT,
    new_figure,
    short,
)

NARROW_MM = 130.0
"""Below this width a picture is laid out for one column."""
STRIDE_LIMIT = 120
"""Frames along an axis of a picture; of longer clips every so manieth frame is shown."""


@dataclass(frozen=True)
class Look:
    """How a source is drawn: its letter, color and line, so that gray print tells them apart."""

    letter: str
    color: str
    line: Any
    marker: str


def look_of_source(source: str) -> Look:
    """How a source is drawn.

    >>> look_of_source("gamdss-released").letter, look_of_source("motion").letter
    ('G', 'M')
    """
    if source == HUMAN:
        return Look("H", INK, "solid", "o")
    if source == "motion":
        return Look("M", COLORS[0], (0, (1, 1)), "s")
    if source == "motion-blind":
        return Look("B", COLORS[0], (0, (3, 1, 1, 1)), "s")
    letter = source[:1].upper()
    return Look(letter if letter not in "HMB" else "R", COLORS[1], (0, (3, 1.2)), "D")


def page(clip: ClipView, width_mm: float, height_mm: float) -> Figure:
    """An empty figure with the clip's name on top, marked if it is simulated."""
    figure = new_figure(width_mm, height_mm, clip.cohort.clips)
    height = figure.get_size_inches()[1] / MM
    # A second scale on top keeps clear of the clip's name.
    top = 1 - (MARK_STRIP_MM + 1.5) / height
    figure.set_layout_engine("constrained", rect=(0, 0, 1, top), w_pad=0.02, h_pad=0.02)
    figure.text(
        0.005, 1 - 0.5 * MARK_STRIP_MM / height, short(clip.title, int(0.45 * width_mm)),
        ha="left", va="center", fontsize=7, fontweight="bold",
    )  # fmt: skip
    return figure


def is_narrow(width_mm: float) -> bool:
    """Whether a picture is laid out for one column."""
    return width_mm < NARROW_MM


def ms_axis(
    axes: Axes, clip: ClipView, *, side: Literal["top", "right"], label: bool = True
) -> None:
    """A second scale in ms from the human onset beside frame numbers; none without a rate."""
    if not np.isfinite(clip.fps):
        return
    functions: Any = (clip.to_ms, clip.to_frame)
    if side == "top":
        scale = axes.secondary_xaxis("top", functions=functions)
    else:
        scale = axes.secondary_yaxis("right", functions=functions)
    scale.ticklabel_format(axis="x" if side == "top" else "y", style="plain", useOffset=False)
    scale.tick_params(labelsize=6, colors=SOFT, width=0.5, length=2)
    scale.spines[side].set_color(SOFT)
    if label:
        text = "ms from the human onset" if clip.human["onset"].placed else "ms"
        (scale.set_xlabel if side == "top" else scale.set_ylabel)(text, color=SOFT, fontsize=6.5)


def in_ms(ms: float) -> str:
    """A time as it is lettered.

    >>> in_ms(104.6), in_ms(-20), in_ms(0.2)
    ('+105 ms', '−20 ms', '0 ms')
    """
    whole = round(ms)
    sign = "+" if whole > 0 else "−" if whole < 0 else ""
    return f"{sign}{abs(whole)} ms"


def every(step: int) -> str:
    """What an axis says of the frames it shows.

    >>> every(1), every(3), every(12)
    ('', ', every 3rd', ', every 12th')
    """
    if step == 1:
        return ""
    ending = {1: "st", 2: "nd", 3: "rd"}.get(step % 10, "th")
    return f", every {step}{'th' if step % 100 in (11, 12, 13) else ending}"


def strided(numbers: np.ndarray, most: int = STRIDE_LIMIT) -> tuple[np.ndarray, int]:
    """Frame numbers from the first to the last, at most so many, and the step between them.

    >>> strided(np.array([3, 4, 7]))[0].tolist(), strided(np.arange(2000))[1]
    ([3, 4, 5, 6, 7], 17)
    """
    first, last = int(numbers[0]), int(numbers[-1])
    step = max(1, -(-(last - first + 1) // most))
    return np.arange(first, last + 1, step), step
