"""The dose-response figure."""

import pandas as pd
import pytest
from matplotlib.figure import Figure

from mebias import figures
from mebias.errors import TableError

ROWS = [
    {"dataset": "SIMULATED 4dme", "label_sd_ms": sd, "arm": arm, "uf1": uf1 - sd / 400,
     "uf1_mc_error": 0.01, "n_cohorts": 3}
    for sd in (0.0, 40.0, 80.0)
    for arm, uf1 in (("human", 0.6), ("motion", 0.65), ("motion@both", 0.7), ("truth", 0.7))
]  # fmt: skip


def test_every_arm_is_a_line_through_its_means_and_the_figure_says_simulated():
    with figures.style():
        axes = figures.dose_response_plot(pd.DataFrame(ROWS))
    lines = {c.get_label(): c.lines[0] for c in axes.containers}
    assert list(lines) == ["human", "motion", "motion@both", "truth"]
    assert lines["motion"].get_ydata().tolist() == pytest.approx([0.65, 0.55, 0.45])
    assert lines["motion@both"].get_linestyle() == "--"
    assert lines["motion@both"].get_color() == lines["motion"].get_color()
    assert [text.get_text() for text in axes.figure.texts] == ["SIMULATED data"]
    assert axes.get_title("left") == "3 cohorts a point"


def test_axes_of_ones_own_are_drawn_on():
    own = Figure().subplots()
    assert figures.dose_response_plot(pd.DataFrame(ROWS), axes=own) is own


def test_a_single_cohort_has_no_bars():
    table = pd.DataFrame(ROWS).assign(uf1_mc_error=float("nan"), n_cohorts=1)
    axes = figures.dose_response_plot(table)
    for container in axes.containers:
        (bars,) = container.lines[2]
        assert all(low[1] == high[1] for low, high in bars.get_segments())
    assert axes.get_title("left") == "1 cohort a point"


def test_a_table_that_lacks_a_column_or_rows_is_refused():
    with pytest.raises(TableError, match="no column uf1 "):
        figures.dose_response_plot(pd.DataFrame(ROWS).drop(columns="uf1"))
    with pytest.raises(TableError, match="no rows"):
        figures.dose_response_plot(pd.DataFrame(ROWS).iloc[:0])
