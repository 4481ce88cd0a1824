"""The figure and the protocol of a planned study."""

import re

import numpy as np
import pytest

import mebias
from mebias.errors import TableError
from mebias.reporting.figures import study_plot


@pytest.fixture(scope="module")
def plan():
    return mebias.plan_study(coders=[2, 4], double_coded=[0.5, 1.0], fps=[60, 200],
                             subjects=[20, 60])  # fmt: skip


def test_lines_stand_where_the_table_says(plan):
    figure = study_plot(plan.table)
    best = plan.recommended.iloc[0]
    rows = plan.table[(plan.table["subjects"] == best["subjects"])
                      & (plan.table["fps"] == best["fps"])]  # fmt: skip
    for axes, keyframe in zip(figure.axes[:3], ("onset", "apex", "offset"), strict=True):
        for coders in (2, 4):
            own = rows[(rows["keyframe"] == keyframe) & (rows["coders"] == coders)]
            line = next(v for v in axes.lines if v.get_label() == f"{coders} coders")
            assert np.allclose(line.get_ydata(), own.sort_values("double_coded")["tolerance_ms"])
    assert any("SIMULATED" in t.get_text() for t in figure.texts)
    # In gray: lines and markers differ too.
    looks = {(v.get_linestyle(), v.get_marker()) for v in figure.axes[0].lines
             if "coders" in str(v.get_label())}  # fmt: skip
    assert len(looks) == 2


def test_the_recommended_design_has_a_ring(plan):
    rings = [
        (float(v.get_xdata()[0]), float(v.get_ydata()[0]))
        for v in study_plot(plan.table).axes[0].lines
        if v.get_markersize() == 9
    ]
    row = plan.recommended.set_index("keyframe").loc["onset"]
    assert rings == [(row["double_coded"], row["tolerance_ms"])]


def test_what_cannot_be_drawn(plan):
    with pytest.raises(TableError, match="has no column fps"):
        study_plot(plan.table.drop(columns="fps"))


def test_the_protocol_has_its_parts_and_the_numbers_of_the_design(plan):
    text = plan.protocol()
    for part in (
        "Definitions to fix", "Training threshold", "Double-coding rule", "Arbitration",
        "What to release", "Lead and tail frames", "Demographics", "Each coder's frames",
    ):  # fmt: skip
        assert part in text
    for row in plan.recommended.to_dict("records"):
        line = re.search(rf"^\| {row['keyframe']} \| (\d+) ms \|.*$", text, re.M)
        assert int(line[1]) == round(row["tolerance_ms"])
        assert f"{row['ethnicity_power']:.0%}".replace("%", " %") in line[0]
    best = plan.recommended.iloc[0]
    assert f"{best['codings']:.0f} codings" in text and f"{best['fps']:g} fps" in text
