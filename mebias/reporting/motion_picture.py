"""When a clip moves, and where labels, rule and motion posterior put its keyframes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from mebias import tables
from mebias.cohort import Cohort
from mebias.reporting.clip_motion import Movement, movement
from mebias.reporting.clip_page import is_narrow, look_of_source, page
from mebias.reporting.clip_view import AnyRule, ClipView, Mark, view, windowed
from mebias.reporting.figure_style import COLORS, FAINT, INK, MM, ONE_COLUMN_MM, SOFT, style

BLIND = "motion-blind"
_PEAK = 0.62
_CONTEXT_MS = 150.0
_GRID = 400
_DASHES = (0, (3, 1.2))
Marks = dict[str, Mark]


@dataclass(frozen=True)
class _Scene:
    clip: ClipView
    moved: Movement
    chosen: Marks
    limits: tuple[float, float]


def plot_motion(
    cohort: Cohort,
    clip: str,
    rule: AnyRule | None = "gamdss",
    distance: str = "signed",
    *,
    coder: str | None = None,
    seed: int = 0,
    width_mm: float = ONE_COLUMN_MM,
) -> Figure:
    """The course of a clip's movement, with the posterior of its keyframes.

    Parameters
    ----------
    cohort : Cohort
        With frames.
    clip : str
        As in ``cohort.clips``.
    rule : str, Rule, function or None
        A rule whose choice is marked; one without windows, or None, is not.
    distance : {"signed", "uint8"}
        The rule's distance.
    coder : str, optional
        Whose labels; the clip's first coding by default.
    seed : int
        As for `mebias.reselect`, whose intervals these are.
    width_mm : float
        Width in mm: 89 for one column, 183 for two.

    Returns
    -------
    Figure
        Above, the strongest moving patterns, free of slow drift, in units of the first one's
        range. Below, a ridge per keyframe: the density of ``motion-blind`` filled, that of
        ``motion`` as a line, bars for their 95 % intervals. Where nothing moves beyond noise
        the picture says "undetectable" and draws no posterior.

    Raises
    ------
    OptionError
        No frames were read, no such clip, coder, rule or distance.
    FrameError
        The clip lacks an onset or offset, or has too few frames.

    Examples
    --------
    >>> import mebias
    >>> cohort = mebias.simulate("samm", n_subjects=3, n_clips=3, size=(48, 48))
    >>> figure = mebias.plot_motion(cohort, "s01/s01_01")
    >>> [text.get_text() for text in figure.axes[1].get_yticklabels()]
    ['onset', 'apex', 'offset']
    """
    return draw_motion(view(cohort, clip, coder), rule, distance, seed, width_mm)


def draw_motion(
    clip: ClipView, rule: AnyRule | None, distance: str, seed: int, width_mm: float
) -> Figure:
    """`plot_motion` of a clip at hand."""
    own = windowed(rule)
    moved = movement(clip, seed)
    chosen = clip.choices(own, distance, seed) if own else {}
    with style():
        return _drawn(_Scene(clip, moved, chosen, _limits(clip, moved)), width_mm)


def _drawn(scene: _Scene, width_mm: float) -> Figure:
    narrow = is_narrow(width_mm)
    figure = page(scene.clip, width_mm, 92 if narrow else 88)
    upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [1, 1.25]})
    for axes in (upper, lower):
        _beyond(axes, scene)
    _course(upper, scene)
    _ridges(lower, scene)
    upper.set_xlim(*scene.limits)
    lower.set_xlabel("time (ms from the human onset)")
    _frames_on_top(upper, scene)
    _legend(figure, scene, narrow)
    return figure


def _limits(clip: ClipView, moved: Movement) -> tuple[float, float]:
    """Times shown: labels and intervals with as much context, not far beyond the frames."""
    human = [clip.to_ms(mark.frame) for mark in clip.human.values() if mark.placed]
    reach = max(_CONTEXT_MS, 0.6 * (max(human) - min(human)))
    low, high = min(human) - reach, max(human) + reach
    shown = [m for m in moved.marks[BLIND].values() if m.placed and np.isfinite(m.low)]
    for mark in shown:
        low, high = min(low, clip.to_ms(mark.low)), max(high, clip.to_ms(mark.high))
    first, last = clip.to_ms(float(moved.numbers[0])), clip.to_ms(float(moved.numbers[-1]))
    edge = 0.06 * (last - first)
    truncated = [m.keyframe for m in shown if m.status == "truncated"]
    early = reach if "onset" in truncated else edge
    late = reach if "offset" in truncated else edge
    return max(low, first - early), min(high, last + late)


def _beyond(axes: Axes, scene: _Scene) -> None:
    """Hatching where the clip has no frames."""
    first, last = (scene.clip.to_ms(float(scene.moved.numbers[i])) for i in (0, -1))
    low, high = scene.limits
    for left, right in ((low, min(first, high)), (max(last, low), high)):
        if right > left:
            axes.axvspan(left, right, facecolor="#f4f4f4", edgecolor=FAINT, hatch="////",
                         linewidth=0, zorder=0, gid="no-frames")  # fmt: skip


def _course(axes: Axes, scene: _Scene) -> None:
    times = np.array([scene.clip.to_ms(float(n)) for n in scene.moved.numbers])
    styles: tuple[dict[str, Any], ...] = (
        {"color": INK, "linewidth": 1.2},
        {"color": SOFT, "linewidth": 0.8, "linestyle": _DASHES},
    )
    for place in range(scene.moved.lines.shape[1] - 1, -1, -1):
        axes.plot(times, scene.moved.lines[:, place], gid=f"course-{place + 1}", zorder=3 - place,
                  **styles[place])  # fmt: skip
    low, high = float(scene.moved.lines.min()), float(scene.moved.lines.max())
    room = 0.3 if scene.moved.detected else 0.7  # for words above the course
    axes.set_ylim(min(low, 0.0) - 0.05, max(high, 1.0) + room)
    axes.set_yticks([0.0, 0.5, 1.0])
    axes.set_ylabel("movement (0–1)")
    for keyframe, mark in scene.clip.human.items():
        if mark.placed:
            at = scene.clip.to_ms(mark.frame)
            axes.axvline(at, color=INK, linewidth=0.8, zorder=4, gid=f"human-{keyframe}")
            if keyframe != "apex" or _room_after_apex(axes, scene):
                axes.text(
                    at, 0.97, f" {keyframe} ", transform=axes.get_xaxis_transform(), fontsize=6.5,
                    ha="right" if keyframe == "onset" else "left", va="top", zorder=3.5,
                    bbox={"facecolor": "white", "linewidth": 0, "alpha": 0.8, "pad": 0.8},
                )  # fmt: skip
    if not scene.moved.detected:
        axes.text(
            0.5, 0.74, "undetectable: nothing moves beyond noise", transform=axes.transAxes,
            ha="center", va="center", fontsize=7, fontweight="bold",
            bbox={"facecolor": "white", "edgecolor": INK, "linewidth": 0.6, "pad": 2.5}, zorder=6,
        )  # fmt: skip


def _room_after_apex(axes: Axes, scene: _Scene) -> bool:
    """Whether a word fits between human apex and offset."""
    human, (low, high) = scene.clip.human, scene.limits
    share = (scene.clip.to_ms(human["offset"].frame) - scene.clip.to_ms(human["apex"].frame)) / (
        high - low
    )
    figure = axes.get_figure(root=True)
    assert figure is not None
    return bool(share * (figure.get_size_inches()[0] / MM - 16) > 8)


def _ridges(axes: Axes, scene: _Scene) -> None:
    """A row per keyframe: densities above its base line, intervals below."""
    low, high = scene.limits
    grid = np.linspace(low, high, _GRID)
    labels = []
    for row, keyframe in enumerate(tables.KEYFRAMES):
        base, color = 2.0 - row, COLORS[row]
        axes.axhline(base, color=FAINT, linewidth=0.6, zorder=1)
        curves = _densities(scene, row, grid)
        top = max((float(curve.max()) for curve in curves.values()), default=1.0)
        for source, curve in curves.items():
            # Beyond its tails a density would draw a second base line.
            heights = base + _PEAK * np.where(curve > 0.01 * top, curve / max(top, 1e-12), np.nan)
            if source == BLIND:
                axes.fill_between(grid, base, heights, color=color, alpha=0.35, linewidth=0.9,
                                  zorder=2, gid=f"density-{source}-{keyframe}")  # fmt: skip
            else:
                axes.plot(grid, heights, color=color, linewidth=0.8, zorder=3,
                          gid=f"density-{source}-{keyframe}")  # fmt: skip
            _interval(axes, scene, scene.moved.marks[source][keyframe], base, color)
        _choices(axes, scene, keyframe, base)
        blind = scene.moved.marks[BLIND][keyframe]
        labels.append(keyframe + ("" if blind.status == "selected" else f"\n({blind.status})"))
    axes.set_yticks([2.0, 1.0, 0.0], labels)
    axes.set_ylim(-0.38, 2.8)
    axes.tick_params(axis="y", length=0)


def _densities(scene: _Scene, column: int, grid: np.ndarray) -> dict[str, np.ndarray]:
    """Density per source over the times of the grid; none where nothing is detected."""
    if not scene.moved.detected:
        return {}
    return {
        source: density(scene.clip.to_ms(draws[:, column]), grid, 250.0 / scene.clip.fps)
        for source, draws in scene.moved.draws.items()
    }


def density(draws: np.ndarray, grid: np.ndarray, least: float) -> np.ndarray:
    """A smooth density of draws: a normal kernel of Silverman's width, never below `least`.

    >>> steps = np.linspace(-5, 5, 101)
    >>> float(density(np.zeros(9), steps, 1.0).sum().round(3)) / 10
    1.0
    """
    spread = min(float(draws.std()), float(np.subtract(*np.quantile(draws, [0.75, 0.25]))) / 1.34)
    width = max(0.9 * spread * len(draws) ** -0.2, least)
    away = (grid[:, None] - draws[None, :]) / width
    return np.asarray(np.exp(-0.5 * away**2).mean(axis=1) / (width * np.sqrt(2 * np.pi)))


def _interval(axes: Axes, scene: _Scene, mark: Mark, base: float, color: str) -> None:
    """The 95 % interval, an arrowhead where it runs past the picture."""
    if not (mark.placed and np.isfinite(mark.low)):
        return
    blind = mark.source == BLIND
    height = base - (0.1 if blind else 0.2)
    low, high = scene.limits
    ends = [scene.clip.to_ms(mark.low), scene.clip.to_ms(mark.high)]
    axes.plot(
        np.clip(ends, low, high), [height] * 2, color=color, linewidth=2.2 if blind else 0.8,
        solid_capstyle="butt", zorder=3, gid=f"interval-{mark.source}-{mark.keyframe}",
    )  # fmt: skip
    for past, edge, marker in ((ends[0] < low, low, 8), (ends[1] > high, high, 9)):
        if past:
            axes.plot([edge], [height], marker=marker, markersize=4, color=color, zorder=3)


def _choices(axes: Axes, scene: _Scene, keyframe: str, base: float) -> None:
    human = scene.clip.human[keyframe]
    if human.placed:
        at = scene.clip.to_ms(human.frame)
        axes.plot([at, at], [base - 0.26, base + 0.72], color=INK, linewidth=1.4, zorder=5,
                  gid=f"human-{keyframe}")  # fmt: skip
    mark = scene.chosen.get(keyframe)
    if mark is not None and mark.placed:
        axes.plot([scene.clip.to_ms(mark.frame)], [base], gid=f"chosen-{keyframe}", **_chosen())


def _chosen() -> dict[str, Any]:
    return {"marker": "D", "markersize": 3.6, "markerfacecolor": "white", "linestyle": "",
            "markeredgecolor": look_of_source("gamdss").color, "markeredgewidth": 1.0,
            "zorder": 6}  # fmt: skip


def _frames_on_top(axes: Axes, scene: _Scene) -> None:
    functions: Any = (scene.clip.to_frame, scene.clip.to_ms)
    scale = axes.secondary_xaxis("top", functions=functions)
    scale.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    scale.ticklabel_format(axis="x", style="plain", useOffset=False)
    scale.set_xlabel("frame", color=SOFT, fontsize=6.5)
    scale.tick_params(labelsize=6, colors=SOFT, width=0.5, length=2)
    scale.spines["top"].set_color(SOFT)


def _legend(figure: Figure, scene: _Scene, narrow: bool) -> None:
    handles: list[Line2D | Patch] = [Line2D([], [], color=INK, linewidth=1.4, label="human label")]
    if any(mark.placed for mark in scene.chosen.values()):
        name = next(iter(scene.chosen.values())).source
        handles.append(Line2D([], [], label=name, **_chosen()))
    if scene.moved.detected:
        handles += [
            Patch(color=SOFT, alpha=0.4, label="motion-blind, 95 % bar"),
            Line2D([], [], color=SOFT, linewidth=0.8, label="motion (prior at the labels)"),
        ]
    if scene.moved.lines.shape[1] > 1:
        handles.append(Line2D([], [], color=SOFT, linewidth=0.8, linestyle=_DASHES,
                              label="second moving pattern"))  # fmt: skip
    if figure.axes[0].findobj(lambda artist: artist.get_gid() == "no-frames"):
        handles.append(Patch(facecolor="#f4f4f4", edgecolor=FAINT, hatch="/////", linewidth=0,
                             label="no frames"))  # fmt: skip
    figure.legend(handles=handles, loc="outside lower center", ncols=2 if narrow else 6,
                  columnspacing=1.2)  # fmt: skip
