"""How different the frames of a clip are from each other, and what a rule saw of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from mebias import tables
from mebias.cohort import Cohort
from mebias.errors import FrameError, OptionError
from mebias.reporting.clip_page import every, is_narrow, ms_axis, page, strided
from mebias.reporting.clip_view import AnyRule, ClipView, Mark, view, windowed
from mebias.reporting.figure_style import COLORS, FAINT, INK, ONE_COLUMN_MM, style
from mebias.selection.decoding import ClipFrames
from mebias.selection.distances import get_distance
from mebias.selection.pairs import PairDistances

_MAP = "cividis"
_PAD, _ZOOM_MOST = 3, 60
Marks = dict[str, Mark]


@dataclass(frozen=True)
class _Scene:
    """What is drawn: the clip, the rule's choice, and differences of frames."""

    clip: ClipView
    chosen: Marks
    squared: PairDistances
    on_disk: frozenset[int]
    symmetric: bool

    def rms(self, apexes: np.ndarray, others: np.ndarray) -> np.ndarray:
        """RMS difference (gray levels per pixel) of each pair; NaN where a frame is missing."""
        found = np.full((len(apexes), len(others)), np.nan)
        for row, apex in enumerate(apexes.tolist()):
            for column, other in enumerate(others.tolist()):
                if apex in self.on_disk and other in self.on_disk:
                    pair = sorted((apex, other)) if self.symmetric else (apex, other)
                    found[row, column] = self.squared(*pair)
        size = self.squared.frame(min(self.on_disk)).size
        return np.asarray(np.sqrt(found / size))

    def pairs(self, marks: Marks) -> list[tuple[float, float]]:
        """(onset, apex) and (offset, apex) of one source, without those it lacks."""
        apex = marks["apex"]
        others = (marks["onset"], marks["offset"])
        return [(other.frame, apex.frame) for other in others if other.placed and apex.placed]


def plot_distances(
    cohort: Cohort,
    clip: str,
    rule: AnyRule = "gamdss",
    distance: str = "signed",
    *,
    coder: str | None = None,
    seed: int = 0,
    width_mm: float = ONE_COLUMN_MM,
) -> Figure:
    """The differences between a clip's frames, with the windows and the choice of a rule.

    Parameters
    ----------
    cohort : Cohort
        With frames.
    clip : str
        As in ``cohort.clips``.
    rule : str, Rule or function
        A rule with windows, as for `mebias.reselect`.
    distance : {"signed", "uint8"}
        ``uint8`` is asymmetric: the apex, on the vertical axis, is what is subtracted from.
    coder : str, optional
        Whose labels; the clip's first coding by default.
    seed : int
        For the rule ``jitter``.
    width_mm : float
        Width in mm: 89 for one column, 183 for two.

    Returns
    -------
    Figure
        Root mean square of the pixel differences (gray levels). Each keyframe pair is a
        point: onset and apex above the diagonal, offset and apex below it. Two details show
        the windows; they are left out where a window is the whole clip. Of long clips every
        so manieth frame is shown, which the axis says.

    Raises
    ------
    OptionError
        No frames were read, no such clip, coder, rule or distance, or a rule without windows.
    FrameError
        The clip lacks a keyframe or frames.

    Examples
    --------
    >>> import mebias
    >>> cohort = mebias.simulate("samm", n_subjects=3, n_clips=3, size=(48, 48))
    >>> figure = mebias.plot_distances(cohort, "s01/s01_01")
    >>> figure.axes[0].get_ylabel()
    'apex frame'
    """
    return draw_distances(view(cohort, clip, coder), rule, distance, seed, width_mm)


def draw_distances(
    clip: ClipView, rule: AnyRule, distance: str, seed: int, width_mm: float
) -> Figure:
    """`plot_distances` of a clip at hand."""
    own = windowed(rule)
    if own is None:
        raise OptionError(f"rule {rule!r} has no windows to outline; plot_motion shows it.")
    compare = get_distance(distance)
    chosen = clip.choices(own, distance, seed)
    failure = clip.failure(chosen.values())
    if failure:
        raise FrameError(failure)
    numbers = frozenset(int(n) for n in clip.numbers)
    if ("pairs", distance) not in clip.kept:
        clip.kept["pairs", distance] = PairDistances(_frames(clip), compare)
    scene = _Scene(clip, chosen, clip.kept["pairs", distance], numbers, distance == "signed")
    with style():
        return _drawn(scene, distance, width_mm)


def _frames(clip: ClipView) -> ClipFrames:
    assert clip.cohort.frames is not None
    return ClipFrames(clip.cohort.frames, clip.clip)


def _drawn(scene: _Scene, distance: str, width_mm: float) -> Figure:
    narrow = is_narrow(width_mm)
    details = _details(scene)
    frames, step = strided(np.arange(*_shown(scene)))
    figure = page(scene.clip, width_mm, _height(width_mm, bool(details)))
    main, zooms = _panels(figure, narrow, len(details))
    whole = _panel(main, scene, frames, frames, size=5.5)
    main.set_aspect("equal")
    main.set_xlabel(f"onset or offset frame{every(step)}")
    main.set_ylabel(f"apex frame{every(step)}")
    ms_axis(main, scene.clip, side="top")
    ms_axis(main, scene.clip, side="right", label=False)
    meshes = [(main, whole)]
    for place, (axes, (rows, columns)) in enumerate(zip(zooms, details, strict=True)):
        meshes.append((axes, _panel(axes, scene, rows, columns, size=6.5)))
        axes.set_xlabel(f"{('onset', 'offset')[place]} frame")
        axes.set_ylabel("" if narrow and place else "apex frame")
    for axes, mesh in meshes:
        bar = figure.colorbar(mesh, ax=axes, extend=_extend(mesh), aspect=30, pad=0.02)
        bar.outline.set_linewidth(0.5)
        bar.ax.yaxis.set_major_locator(
            MaxNLocator(nbins=6 if axes is main else 4, steps=[1, 2, 5, 10])
        )
        bar.ax.ticklabel_format(useOffset=False)
        if axes is main:
            bar.set_label(f"{distance} difference (RMS gray levels per pixel)")
    _legend(figure, scene, narrow)
    return figure


def _panel(
    axes: Axes, scene: _Scene, rows: np.ndarray, columns: np.ndarray, size: float
) -> QuadMesh:
    """Differences on a scale of their own, windows and points."""
    values = scene.rms(rows, columns)
    axes.patch.set(facecolor="white", hatch="/////", edgecolor=FAINT)
    across, up = _edges(columns), _edges(rows)
    mesh = axes.pcolormesh(
        across, up, np.ma.masked_invalid(values), cmap=_MAP, norm=_norm(values), rasterized=True,
        zorder=1,
    )  # fmt: skip
    axes.spines[:].set_visible(True)
    # Frame numbers of long recordings have many digits.
    bins = max(2, 7 - len(str(int(columns[-1]))))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=bins))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.ticklabel_format(style="plain", useOffset=False)
    _outline(axes, scene.chosen)
    axes.set(xlim=(across[0], across[-1]), ylim=(up[0], up[-1]))
    _points(axes, scene, size)
    return mesh


def _height(width_mm: float, details: bool) -> float:
    if is_narrow(width_mm):
        return width_mm * (1.52 if details else 1.16)
    return width_mm * 0.6


def _panels(figure: Figure, narrow: bool, count: int) -> tuple[Axes, list[Axes]]:
    if not count:
        return figure.subplots(), []
    if narrow:
        rows = figure.add_gridspec(2, 1, height_ratios=[2.1, 1])
        grid = rows[1].subgridspec(1, 2)
        main, places = figure.add_subplot(rows[0]), [grid[0], grid[1]]
    else:
        halves = figure.add_gridspec(2, 2, width_ratios=[1.75, 1])
        main, places = figure.add_subplot(halves[:, 0]), [halves[0, 1], halves[1, 1]]
    return main, [figure.add_subplot(place) for place in places]


def _shown(scene: _Scene) -> tuple[int, int]:
    """First and last frame of the whole picture, labels and windows with a margin."""
    bounds = [w for mark in scene.chosen.values() for w in mark.window]
    bounds += [mark.frame for mark in scene.clip.human.values() if mark.placed]
    low, high = min(bounds), max(bounds)
    margin = max(_PAD, round(0.15 * (high - low)))
    # A few frames beyond the clip's ends show, hatched, that it ends there.
    first = max(int(low) - margin, min(int(low), int(scene.clip.numbers[0])) - _PAD)
    last = min(int(high) + margin, max(int(high), int(scene.clip.numbers[-1])) + _PAD)
    return first, last + 1


def _details(scene: _Scene) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows and columns of the two details; none where they would show the whole again."""
    first, last = _shown(scene)
    windows = [scene.chosen[k].window for k in tables.KEYFRAMES]
    if max(high - low for low, high in windows) > 0.5 * (last - first):
        return []

    def around(window: tuple[float, float]) -> np.ndarray:
        pad = max(_PAD, round(0.5 * (window[1] - window[0])))
        low, high = max(int(window[0]) - pad, first), min(int(window[1]) + pad, last - 1)
        return strided(np.arange(low, high + 1), _ZOOM_MOST)[0]

    onsets, apexes, offsets = map(around, windows)
    return [(apexes, onsets), (apexes, offsets)]


def _norm(values: np.ndarray) -> Normalize:
    """The scale: a frame's difference from itself does not count, nor do the least pairs."""
    values = values[np.isfinite(values) & (values > 0)]
    if not len(values):
        return Normalize(0.0, 1.0)
    low, high = float(np.quantile(values, 0.01)), float(values.max())
    return Normalize(low, high) if high > low else Normalize(0.0, high)


def _extend(mesh: QuadMesh) -> str:
    values: np.ndarray = np.ma.compressed(np.ma.asarray(mesh.get_array()))
    return "min" if len(values) and mesh.norm.vmin and values.min() < mesh.norm.vmin else "neither"


def _edges(frames: np.ndarray) -> np.ndarray:
    step = frames[1] - frames[0] if len(frames) > 1 else 1
    return np.append(frames, frames[-1] + step) - 0.5 * step


def _outline(axes: Axes, chosen: Marks) -> None:
    """The windows: onset x apex, and the offset window at the chosen apex."""
    onset, apex, offset = (chosen[k].window for k in tables.KEYFRAMES)
    row = chosen["apex"].frame
    boxes = (
        ("window-pair", onset, apex, "solid"),
        ("window-offset", offset, (row, row), (0, (2.5, 1.0))),
    )
    for gid, (left, right), (low, high), line in boxes:
        axes.add_patch(
            Rectangle(
                (left - 0.5, low - 0.5), right - left + 1, high - low + 1, fill=False,
                edgecolor="white", linewidth=1.1, linestyle=line, zorder=3, gid=gid,
                path_effects=[withStroke(linewidth=2.2, foreground="black")],
            )
        )  # fmt: skip


def _points(axes: Axes, scene: _Scene, size: float) -> None:
    """The pairs: a large diamond for the choice, a small circle for the human."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    for gid, marks, look in (
        ("pair-chosen", scene.chosen, _diamond(size)),
        ("pair-human", scene.clip.human, _circle(size)),
    ):
        points = [p for p in scene.pairs(marks) if left < p[0] < right and low < p[1] < high]
        # A point at the clip's first or last frame is drawn whole, beyond the frame's edge.
        axes.plot(*np.reshape(points, (-1, 2)).T, gid=gid, clip_on=False, **look)


def _diamond(size: float) -> dict[str, Any]:
    return {"marker": "D", "markersize": size, "markerfacecolor": COLORS[1], "linestyle": "",
            "markeredgecolor": "white", "markeredgewidth": 0.9, "zorder": 4}  # fmt: skip


def _circle(size: float) -> dict[str, Any]:
    return {"marker": "o", "markersize": 0.6 * size, "markerfacecolor": "white", "linestyle": "",
            "markeredgecolor": INK, "markeredgewidth": 0.9, "zorder": 5}  # fmt: skip


def _legend(figure: Figure, scene: _Scene, narrow: bool) -> None:
    source = scene.chosen["apex"].source
    stroke = [withStroke(linewidth=2.2, foreground="black")]
    box: dict[str, Any] = {
        "facecolor": "#7c7b78",
        "edgecolor": "white",
        "linewidth": 1.1,
        "path_effects": stroke,
    }
    handles = [
        Line2D([], [], label="human pairs", **_circle(7.0)),
        Line2D([], [], label=f"pairs of {source}", **_diamond(5.0)),
        Patch(label="onset × apex window", **box),
        Patch(label="offset window", linestyle=(0, (2.5, 1.0)), **box),
    ]
    first, last = _shown(scene)
    if not scene.on_disk.issuperset(range(first, last)):
        handles.append(Patch(facecolor="white", edgecolor=FAINT, hatch="/////", label="no frames"))
    figure.legend(handles=handles, loc="outside lower center", ncols=2 if narrow else 5)
