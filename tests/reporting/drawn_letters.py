"""Where the letters of a figure lie once it is drawn."""

import itertools

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text


def lettering(figure):
    """Texts that are drawn, with their boxes in pixels; ticks beyond an axis are not drawn."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    every = list(figure.axes)
    for axes in every:
        every += axes.child_axes
    hidden = set()
    for axes in every:
        if not axes.axison:
            hidden |= {id(t) for axis in (axes.xaxis, axes.yaxis) for t in axis.findobj(Text)}
        for axis, ends in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            slack = 1e-6 * abs(ends[1] - ends[0])
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                if not min(ends) - slack <= tick.get_loc() <= max(ends) + slack:
                    hidden |= {id(tick.label1), id(tick.label2)}
    texts = [t for t in figure.findobj(Text) if t.get_text().strip() and t.get_visible()]
    return [(t, t.get_window_extent(canvas.get_renderer())) for t in texts if id(t) not in hidden]


def assert_legible(figure):
    """No text below 6 pt, none beyond the page, no two on top of each other."""
    drawn = lettering(figure)
    width, height = figure.bbox.size
    for text, box in drawn:
        assert text.get_fontsize() >= 6, text.get_text()
        inside = box.x0 > -1 and box.y0 > -1 and box.x1 < width + 1 and box.y1 < height + 1
        assert inside, f"{text.get_text()!r} leaves the page"
    for (one, a), (two, b) in itertools.combinations(drawn, 2):
        wide, high = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert wide <= 1 or high <= 1, f"{one.get_text()!r} lies on {two.get_text()!r}"
