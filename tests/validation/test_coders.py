"""Calibration of coders: what is drawn, what is counted, what is kept; the committed table."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mebias import tables
from mebias.errors import OptionError
from mebias.simulation import Spreads
from mebias.validation import coding
from mebias.validation.coding import measure, validate_coders
from mebias.validation.coding_cells import CELLS, CodingCell, draw_labels

COMMITTED = Path(__file__).parents[2] / "reports" / "validation" / "coders.csv"
NAME = "2 and 2 coders, 24 subjects, 120 events, all coded, effect 0 ms"


def test_labels_have_the_spread_and_the_effect_that_were_asked_for():
    cell = CodingCell((2, 2), (10, 10), 200, Spreads(coder=(0, 0, 0)), "x", effect=50.0)
    labels = draw_labels(cell, 40, np.random.SeedSequence(1))
    own = labels.study(0)
    late = np.isin(own.codes.coder, [0, 1]) & (own.ethnicity == "A")
    assert labels.bias.max() == 0
    both = pd.DataFrame({"event": own.codes.event, "late": late, "y": labels.y.mean(axis=1)})
    in_a = both[both["event"].isin(both.loc[both["late"], "event"])]
    wide = in_a.pivot_table(index="event", columns="late", values="y").dropna()
    assert (wide[True] - wide[False]).mean() == pytest.approx(50, abs=2)


def test_a_run_is_kept_and_taken_up_again(tmp_path, monkeypatch):
    first = validate_coders([NAME], n_studies=60, parts=tmp_path)
    monkeypatch.setattr(coding, "measure", None)  # nothing is computed anew
    again = validate_coders([NAME], n_studies=60, parts=tmp_path)
    pd.testing.assert_frame_equal(first, again)
    assert list(first.columns) == list(tables.SCHEMAS["calibration"])


def test_counts_do_not_depend_on_what_else_is_run():
    one, two = (measure(CELLS[NAME], 0, 5, 0) for _ in range(2))
    pd.testing.assert_frame_equal(one, two)
    assert not one.equals(measure(CELLS[NAME], 50, 40, 0).assign(n=5.0))


def test_unknown_cells_and_sizes_are_refused():
    with pytest.raises(OptionError, match="unknown cell"):
        validate_coders(["x"])
    with pytest.raises(OptionError, match="expected 2 or more"):
        validate_coders(n_studies=1)


def test_controls_fail_where_they_are_to_fail():
    name = "4 and 4 coders, 42 subjects, 267 events, coders differ much by group, effect 0 ms"
    table = validate_coders([name], n_studies=300)
    value = table[table["measure"] == "level"].set_index("control")["value"]
    assert value[True] > 0.3 and value[False] < 0.09


def test_committed_table_holds_every_cell_at_full_size():
    table = tables.read_csv(COMMITTED, "calibration")
    assert set(table["cell"]) == set(CELLS)
    own = table[~table["control"] & (table["met"] != "")]
    whole = own["cell"].str.contains("whole")
    assert (own.loc[~whole, "n_cohorts"] >= 2000).all()
    bias = own[own["quantity"] == "coder_bias"]
    assert bias["value"].between(0.93, 0.97).all()
    # Every cell stands in the table; what misses its band is said in the README.
    assert (table["mc_error"].notna()).all()
