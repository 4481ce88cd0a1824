"""The frames themselves, around each keyframe, and how they differ from the onset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch, Rectangle

from mebias import tables
from mebias.cohort import Cohort
from mebias.errors import FrameError
from mebias.reporting.clip_motion import movement
from mebias.reporting.clip_page import in_ms, is_narrow, look_of_source, page
from mebias.reporting.clip_view import AnyRule, ClipView, Mark, view, windowed
from mebias.reporting.figure_style import TWO_COLUMNS_MM, style
from mebias.selection.motion import MOTION

DIFFERENCES = LinearSegmentedColormap.from_list(
    "mebias-differences", ["#0a1f44", "#2f5f9e", "#9a9a9a", "#e8a55c", "#fff3dc"]
)
"""Darker than the onset is blue, brighter is orange; lightness rises throughout, for gray print."""
_COLUMNS = {"narrow": 5, "wide": 9}
_SIDE = 240
"""Pixels of a drawn frame, shorter side at most: what 20 mm hold at 300 dpi."""
_SMOOTH = 64
_MARGIN, _GAP, _TOP, _HEAD, _LETTERING, _FOOT = 1.0, 2.8, 6.5, 7.8, 18.6, 14.5
"""In mm: sides, room between pictures, above all strips, above a strip's frames, all lettering
of a strip, and below the strips."""
_TALLEST = 230.0
Marks = dict[str, Mark]


@dataclass(frozen=True)
class _Strip:
    """Frames around one keyframe, and who chose which of them."""

    keyframe: str
    numbers: list[int]
    chosen: dict[str, Mark]

    def sources_at(self, number: int) -> list[str]:
        """Whose keyframe a frame is."""
        return [s for s, m in self.chosen.items() if m.placed and round(m.frame) == number]


def plot_film(
    cohort: Cohort,
    clip: str,
    rule: AnyRule | None = "gamdss",
    distance: str = "signed",
    *,
    coder: str | None = None,
    seed: int = 0,
    width_mm: float = TWO_COLUMNS_MM,
) -> Figure:
    """Frames around the human and the chosen keyframes. It shows the participant's face.

    Parameters
    ----------
    cohort : Cohort
        With frames, shown as they are read: cropped and masked where the cohort is.
    clip : str
        As in ``cohort.clips``.
    rule : str, Rule, function or None
        A rule whose choice is marked; one without windows, or None, is not.
    distance : {"signed", "uint8"}
        The rule's distance.
    coder : str, optional
        Whose labels; the clip's first coding by default.
    seed : int
        As for `mebias.reselect`.
    width_mm : float
        Width in mm: 89 for one column, 183 for two.

    Returns
    -------
    Figure
        Per keyframe a strip of frames; below each its difference from the human onset (from
        the first frame where there is none), smoothed by a Gaussian of 1/64 of the frame's
        shorter side, all on one scale. Letters and frame borders say whose keyframe a frame
        is.

    Raises
    ------
    OptionError
        No frames were read, no such clip, coder, rule or distance.
    FrameError
        A frame cannot be read, or the clip has no placed keyframe.

    Examples
    --------
    >>> import mebias
    >>> cohort = mebias.simulate("samm", n_subjects=3, n_clips=3, size=(48, 48))
    >>> figure = mebias.plot_film(cohort, "s01/s01_01", width_mm=89)
    >>> len(figure.axes)  # five frames and their differences, thrice, and the scale
    31
    """
    return draw_film(view(cohort, clip, coder), rule, distance, seed, width_mm)


def draw_film(
    clip: ClipView, rule: AnyRule | None, distance: str, seed: int, width_mm: float
) -> Figure:
    """`plot_film` of a clip at hand."""
    own = windowed(rule)
    chosen = clip.choices(own, distance, seed) if own else {}
    strips = _strips(clip, chosen, _motion(clip, seed), is_narrow(width_mm))
    if not strips:
        raise FrameError(f"clip {clip.clip} has no keyframe, around which frames could be shown.")
    with style():
        return _drawn(clip, strips, width_mm)


def _motion(clip: ClipView, seed: int) -> Marks:
    """Frames that ``motion`` chooses; none where it cannot."""
    try:
        return movement(clip, seed).marks[MOTION.name]
    except FrameError:
        return {}


def _strips(clip: ClipView, chosen: Marks, motion: Marks, narrow: bool) -> list[_Strip]:
    strips = []
    count = _COLUMNS["narrow" if narrow else "wide"]
    for keyframe in tables.KEYFRAMES:
        found = [source.get(keyframe) for source in (clip.human, chosen, motion)]
        own = {mark.source: mark for mark in found if mark is not None}
        wanted = sorted({round(mark.frame) for mark in own.values() if mark.placed})
        if wanted:
            strips.append(_Strip(keyframe, _around(wanted, clip.numbers, count), own))
    return strips


def _around(wanted: list[int], numbers: np.ndarray, count: int) -> list[int]:
    """So many frames that are on disk: the wanted ones, and others spread around them.

    >>> _around([10, 14], np.arange(0, 40), 5)
    [8, 10, 12, 14, 16]
    >>> _around([0], np.arange(0, 40), 5)
    [0, 1, 2, 3, 4]
    """
    on_disk = {int(n) for n in numbers}
    step = max(1, round((wanted[-1] - wanted[0]) / max(1, count - 3)))
    middle = (wanted[0] + wanted[-1]) / 2
    spread = [round(middle + step * (i - (count - 1) / 2)) for i in range(count)]
    nearest = sorted(on_disk, key=lambda n: (abs(n - middle), n))
    shown = dict.fromkeys(n for n in [*wanted, *spread, *nearest] if n in on_disk)
    return sorted(list(shown)[:count])


def _drawn(clip: ClipView, strips: list[_Strip], width_mm: float) -> Figure:
    base = int(clip.zero if clip.zero in set(clip.numbers.tolist()) else clip.numbers[0])
    shown = sorted({base, *(number for strip in strips for number in strip.numbers)})
    pictures = {number: _small(clip.read(number)) for number in shown}
    origin = _gray(pictures[base])
    changes = {n: _smooth(_gray(picture) - origin) for n, picture in pictures.items()}
    limit = max(float(np.quantile(np.abs(list(changes.values())), 0.999)), 1e-6)
    reel = _Reel(clip, pictures, changes, Normalize(-limit, limit))
    plan = _Plan.of(width_mm, len(strips), max(len(s.numbers) for s in strips), origin.shape)
    figure = page(clip, width_mm, plan.height)
    figure.set_layout_engine("none")
    image = None
    for row, strip in enumerate(strips):
        image = _strip(figure, plan, row, strip, reel)
    _scale(figure, plan, image, clip, base)
    _legend(figure, plan, strips)
    return figure


@dataclass(frozen=True)
class _Reel:
    """What the strips are cut from: pictures and differences by frame number."""

    clip: ClipView
    pictures: dict[int, np.ndarray]
    changes: dict[int, np.ndarray]
    norm: Normalize


@dataclass(frozen=True)
class _Plan:
    """Where things stand on the page (mm from its upper left corner)."""

    width: float
    height: float
    pitch: float
    wide: float
    high: float

    @classmethod
    def of(cls, width_mm: float, rows: int, columns: int, shape: tuple[int, ...]) -> _Plan:
        pitch = (width_mm - 2 * _MARGIN) / columns
        fixed = _TOP + rows * _LETTERING + _FOOT
        high = min((pitch - _GAP) * shape[0] / shape[1], (_TALLEST - fixed) / (2 * rows))
        return cls(width_mm, fixed + 2 * rows * high, pitch, high * shape[1] / shape[0], high)

    def top(self, row: int) -> float:
        return _TOP + row * (2 * self.high + _LETTERING)

    def axes(self, figure: Figure, x: float, y: float, wide: float, high: float) -> Axes:
        share = (
            x / self.width,
            1 - (y + high) / self.height,
            wide / self.width,
            high / self.height,
        )
        return figure.add_axes(share)

    def text(self, figure: Figure, x: float, y: float, words: str, **look: Any) -> None:
        figure.text(x / self.width, 1 - y / self.height, words, **look)


def _strip(figure: Figure, plan: _Plan, row: int, strip: _Strip, reel: _Reel) -> AxesImage:
    """Frames above, differences below."""
    top = plan.top(row)
    plan.text(figure, _MARGIN + 0.5 * _GAP, top, _head(strip), va="top", fontsize=7)
    for column, number in enumerate(strip.numbers):
        left = _MARGIN + (column + 0.5) * plan.pitch - 0.5 * plan.wide
        upper = plan.axes(figure, left, top + _HEAD, plan.wide, plan.high)
        lower = plan.axes(figure, left, top + _HEAD + plan.high + _GAP, plan.wide, plan.high)
        upper.imshow(_rgb(reel.pictures[number]), cmap="gray", vmin=0, vmax=255, aspect="auto",
                     interpolation="none", gid=f"frame-{strip.keyframe}-{number}")  # fmt: skip
        image = lower.imshow(
            reel.changes[number], cmap=DIFFERENCES, norm=reel.norm, aspect="auto",
            interpolation="none", gid=f"difference-{strip.keyframe}-{number}",
        )  # fmt: skip
        upper.set_axis_off()
        lower.set_axis_off()
        time = f"\n{in_ms(reel.clip.to_ms(number))}" if np.isfinite(reel.clip.fps) else ""
        middle, below = left + 0.5 * plan.wide, top + _HEAD + 2 * plan.high + _GAP + 0.8
        plan.text(figure, middle, below, f"{number}{time}", ha="center", va="top", fontsize=6,
                  linespacing=1.1)  # fmt: skip
        sources = strip.sources_at(number)
        _borders(upper, plan, sources)
        letters = " ".join(look_of_source(source).letter for source in sources)
        plan.text(figure, middle, top + _HEAD - 1.9, letters, ha="center", va="bottom", fontsize=7,
                  fontweight="bold")  # fmt: skip
    return image


def _borders(axes: Axes, plan: _Plan, sources: list[str]) -> None:
    """One border per source, each outside of the last."""
    for ring, source in enumerate(sources):
        look = look_of_source(source)
        away = 0.2 + 0.6 * ring
        x, y = away / plan.wide, away / plan.high
        axes.add_patch(
            Rectangle(
                (-x, -y), 1 + 2 * x, 1 + 2 * y, transform=axes.transAxes, fill=False,
                edgecolor=look.color, linestyle=look.line, linewidth=1.3, clip_on=False, zorder=5,
                gid=f"border-{source}",
            )
        )  # fmt: skip


def _head(strip: _Strip) -> str:
    """The keyframe, and who puts it where."""
    words = []
    for source, mark in strip.chosen.items():
        where = f"{mark.frame:.0f}" if mark.placed else mark.status
        if mark.placed and round(mark.frame) not in strip.numbers:
            where += " (not on disk)"
        words.append(f"{source} {where}")
    return f"{strip.keyframe.capitalize()}:  {',  '.join(words)}"


def _scale(figure: Figure, plan: _Plan, image: AxesImage | None, clip: ClipView, base: int) -> None:
    assert image is not None
    wide = 0.5 * plan.width
    place = plan.axes(figure, 0.5 * (plan.width - wide), plan.height - _FOOT, wide, 2.0)
    bar = figure.colorbar(image, cax=place, orientation="horizontal")
    onset = clip.human["onset"].placed and base == clip.zero
    what = "the human onset" if onset else f"frame {base}"
    bar.set_label(f"difference from {what} (gray levels, smoothed)", labelpad=1.5)
    bar.outline.set_linewidth(0.5)


def _legend(figure: Figure, plan: _Plan, strips: list[_Strip]) -> None:
    sources = dict.fromkeys(s for strip in strips for s, m in strip.chosen.items() if m.placed)
    handles = []
    for source in sources:
        look = look_of_source(source)
        handles.append(Patch(facecolor="none", edgecolor=look.color, linestyle=look.line,
                             linewidth=1.3, label=f"{look.letter}  {source}"))  # fmt: skip
    figure.legend(handles=handles, loc="lower center", ncols=len(handles), borderaxespad=0.0,
                  bbox_to_anchor=(0.5, 0.5 / plan.height))  # fmt: skip


def _small(frame: np.ndarray) -> np.ndarray:
    """A frame at the size in which it is drawn."""
    share = _SIDE / min(frame.shape[:2])
    if share >= 1:
        return frame
    size = (max(1, round(frame.shape[1] * share)), max(1, round(frame.shape[0] * share)))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA))


def _rgb(picture: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(picture[:, :, ::-1]) if picture.ndim == 3 else picture


def _gray(picture: np.ndarray) -> np.ndarray:
    gray = picture.mean(axis=2) if picture.ndim == 3 else picture
    return np.asarray(gray, dtype=np.float32)


def _smooth(change: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(change, (0, 0), min(change.shape) / _SMOOTH))
