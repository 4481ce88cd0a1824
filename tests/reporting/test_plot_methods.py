"""What `.plot()` of a result draws keeps its words on the paper, whatever matplotlib is set to."""

import re

import matplotlib as mpl
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

import mebias


def _coders():
    study = mebias.simulate_coders(n_events=60, seed=7)
    return mebias.coders(study.annotations, study.coders, study.subjects)


def _plan():
    return mebias.plan_study(coders=(2, 4), double_coded=(0.1, 1.0), fps=(60,), subjects=(20, 40))


PLOTS = {
    "findings": lambda: mebias.quantify(mebias.example(), n_permutations=99).plot(),
    "frames": lambda: mebias.quantify(mebias.example(), n_permutations=99).plot(
        "human_vs_selected"
    ),
    "coders": lambda: _coders().plot(),
    "culture": lambda: _coders().plot("culture"),
    "plan": lambda: _plan().plot(),
}


@pytest.mark.parametrize("name", PLOTS)
def test_every_word_lies_inside(name):
    with mpl.rc_context({"font.size": 14}):
        figure = PLOTS[name]()
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    outside = []
    for text in figure.findobj(Text):
        if not re.search(r"[a-z]", text.get_text()):
            continue  # ticks beyond the axes keep their number, and are not drawn
        box = text.get_window_extent(canvas.get_renderer())
        if box.x0 < -1 or box.x1 > figure.bbox.width + 1:
            outside.append(text.get_text())
    assert not outside
