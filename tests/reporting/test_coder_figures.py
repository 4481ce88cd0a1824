"""Figures of coders: what they show, what they refuse, the same bytes twice."""

import numpy as np
import pytest

import mebias
from mebias.errors import TableError
from mebias.reporting.figure_style import save, style
from mebias.reporting.figures import coder_plot, culture_plot


@pytest.fixture(scope="module")
def found():
    drawn = mebias.simulate_coders(n_events=60, effect={("A", "A"): (0, 0, 30)})
    return mebias.coders(drawn.annotations, drawn.coders, drawn.subjects)


def points(axes):
    return [
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
        for line in axes.lines
        if line.get_marker() not in ("None", None, "", 8, 9) and len(line.get_xdata()) == 1
    ]


def test_each_bias_stands_where_the_table_says(found):
    figure = coder_plot(found.estimates)
    rows = found.estimates.query("quantity == 'coder_bias' and unit == 'ms'")
    for axes, keyframe in zip(figure.axes, ("onset", "apex", "offset"), strict=True):
        drawn = sorted(points(axes))
        expected = sorted(rows[rows["keyframe"] == keyframe]["estimate"])
        assert np.allclose([x for x, _ in drawn], expected)
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["a1", "a2", "b1", "b2"]
    assert any("SIMULATED" in t.get_text() for t in figure.texts)


def test_culture_by_group_and_the_contrast_below(found):
    figure = culture_plot(found.estimates)
    names = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert names == ["in A", "in B", "contrast"]
    heights = {round(y) for _, y in points(figure.axes[2])}
    assert heights == {0, 1, 2}


def test_the_same_bytes_twice(found, tmp_path):
    for name in ("one", "two"):
        with style():
            save(culture_plot(found.estimates), tmp_path, name)
    for kind in ("svg", "pdf", "png"):
        one, two = ((tmp_path / f"{n}.{kind}").read_bytes() for n in ("one", "two"))
        assert one == two


def test_without_cultures_or_bias_there_is_nothing_to_draw(found):
    with pytest.raises(TableError, match="no coder_bias in x"):
        coder_plot(found.estimates, unit="x")
    alone = found.estimates[found.estimates["quantity"] != "culture_difference"]
    with pytest.raises(TableError, match="state cultures and groups"):
        culture_plot(alone)


def test_contrasts_of_new_and_of_these_coders_do_not_stand_in_one_row(found):
    e = found.estimates
    gone = (e["quantity"] == "culture_by_ethnicity") & (e["keyframe"] == "apex")
    bare = e.assign(conf_low=e["conf_low"].mask(gone), conf_high=e["conf_high"].mask(gone))
    figure = culture_plot(bare)
    labels = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert labels[-1] == "contrast"
    assert [len([y for _, y in points(axes) if y == 2]) for axes in figure.axes] == [1, 0, 1]
