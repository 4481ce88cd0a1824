"""Clips to draw, and what is read from their pictures."""

import itertools
from dataclasses import replace

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

import mebias

PLOTS = {
    "distances": mebias.plot_distances,
    "motion": mebias.plot_motion,
    "film": mebias.plot_film,
}
WIDTHS = (89.0, 183.0)


def simulated(name="samm", **options):
    return mebias.simulate(name, **{"n_subjects": 2, "n_clips": 2, "size": (64, 64)} | options)


def frames_of(table, clip, source):
    own = table[(table["clip"] == clip) & (table["source"] == source)]
    return own.set_index("keyframe")["frame"].to_dict()


def artist(part, gid):
    (found,) = part.findobj(lambda a: a.get_gid() == gid)
    return found


def count(part, gid):
    return len(part.findobj(lambda a: str(a.get_gid() or "").startswith(gid)))


def words(figure):
    return [t.get_text() for t in figure.findobj(Text) if t.get_text().strip() and t.get_visible()]


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


def without(cohort, keyframe):
    lacking = cohort.keyframes["keyframe"] == keyframe
    keyframes = cohort.keyframes.copy()
    keyframes.loc[lacking, "frame"] = np.nan
    keyframes.loc[lacking, "status"] = "missing"
    return replace(cohort, keyframes=keyframes)
