"""Small pictures of one number: its interval against a margin, or against what was planted."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape

from markupsafe import Markup

from mebias.reporting.formats import is_missing

WIDTH, HEIGHT = 160, 26
_EDGE = 6


def reach(*values: float) -> float:
    """Half the width of a picture in which all values have room, 0 in its middle.

    Examples
    --------
    >>> reach(-2.0, float("nan"), 1.0)
    2.0
    >>> reach(float("nan"))
    1.0
    """
    return max((abs(v) for v in values if not is_missing(v)), default=0.0) or 1.0


def interval_svg(
    label: str,
    estimate: float,
    low: float,
    high: float,
    *,
    margin: float = float("nan"),
    target: float = float("nan"),
    scale: float | None = None,
) -> Markup:
    """A point with its interval, the margin as a band around 0, a target as a diamond.

    Parameters
    ----------
    label : str
        The same in words, for those who do not see it.
    estimate, low, high : float
        In one unit; NaN is not drawn.
    margin : float
        Half the width of the band around 0.
    target : float
        What would be found if all were found.
    scale : float, optional
        Value at the right end, 0 in the middle; by default all has just room.

    Returns
    -------
    Markup
        An ``<svg>`` of 160 x 26 pixels whose colors a style sheet may change.

    Examples
    --------
    >>> svg = interval_svg("+1", 1.0, 0.0, 2.0, margin=0.5)
    >>> 'class="band"' in svg, 'class="target"' in svg
    (True, False)
    """
    half = scale or reach(estimate, low, high, margin, target)
    middle = HEIGHT / 2

    def at(value: float) -> float:
        inside = max(-1.0, min(1.0, value / half))
        return round(WIDTH / 2 + inside * (WIDTH / 2 - _EDGE), 1)

    parts = list(_ground(at(0.0), [] if is_missing(margin) else [at(-margin), at(margin)]))
    if not is_missing(low) and not is_missing(high):
        parts.append(
            f'<path class="bar" d="M{at(low)} {middle - 4}v8M{at(high)} {middle - 4}v8M{at(low)} '
            f'{middle}H{at(high)}" fill="none" stroke="#1c2127" stroke-width="2"/>'
        )
    if not is_missing(target):
        parts.append(
            f'<path class="target" d="M{at(target)} {middle - 8}l5 8l-5 8l-5 -8z" fill="none" '
            f'stroke="#8a3b00" stroke-width="1.8"/>'
        )
    if not is_missing(estimate):
        parts.append(
            f'<circle class="dot" cx="{at(estimate)}" cy="{middle}" r="3.5" fill="#1c2127"/>'
        )
    mark = escape(label, {'"': "&quot;"})
    return Markup(
        f'<svg class="spark" role="img" aria-label="{mark}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}">{"".join(parts)}</svg>'
    )


def _ground(zero: float, band: list[float]) -> Iterable[str]:
    if band:
        left, right = band
        yield (
            f'<rect class="band" x="{left}" y="3" width="{right - left:.1f}" '
            f'height="{HEIGHT - 6}" fill="#d5dae0"/>'
        )
    yield (
        f'<path class="zero" d="M{zero} 0V{HEIGHT}" fill="none" stroke="#57606a" '
        f'stroke-width="1" stroke-dasharray="2 2"/>'
    )
