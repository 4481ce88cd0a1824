"""An interval that covers too little is not called by its level, and says so."""

import math

import numpy as np
import pandas as pd
import pytest

import mebias
from mebias.quantification import quantify
from mebias.reporting.evidence_grids import ratio_grid
from mebias.reporting.grids import column_level, shift_grid
from mebias.reporting.lookup import Estimates, Part, Value
from mebias.reporting.version_grids import direction_grid

GOOD = "95 % intervals covered 94.1 % in simulation (29 subjects, 159 clips)"
SHORT = "nominal 95 %; measured 86.2 % in simulation (29 subjects, 159 clips)"
PART = Part("SIMULATED 4dme", "gamdss", "signed")


def value(note=GOOD, level=0.95):
    return Value(1.0, 0.5, 2.0, "ms", level, 9.0, 5.0, "", note, "")


@pytest.mark.parametrize(
    ("values", "level"),
    [
        ([value(), value()], "95\u00a0%"),
        ([value(), None, value(SHORT)], "interval"),
        ([value(), value(level=0.9)], "interval"),
        ([value("coverage not simulated")], "95\u00a0%"),
        ([None, value()], "95\u00a0%"),
    ],
)
def test_a_column_is_called_by_its_level_where_every_interval_reaches_it(values, level):
    assert column_level(values) == level


@pytest.fixture(scope="module")
def estimates():
    return quantify(mebias.example(), n_permutations=99).estimates


def heads(grid):
    return [text for text, _ in grid.head]


def short_sds(table):
    note = table["coverage_note"].where(table["quantity"] != "sd_shift", SHORT)
    return table.assign(coverage_note=note)


@pytest.mark.parametrize("make", [shift_grid, lambda e, p, c: direction_grid(e, [p], c)])
def test_only_the_column_that_falls_short_loses_its_level_and_has_a_note(estimates, make):
    told = make(Estimates(estimates), PART, "")
    assert any(h == "SD of shifts, ms [95\u00a0%]" for h in heads(told))
    assert not any(SHORT in note for note in told.notes)
    short = make(Estimates(short_sds(estimates)), PART, "")
    assert any(h == "SD of shifts, ms [interval]" for h in heads(short))
    assert any(h.startswith("Mean shift") and h.endswith("[95\u00a0%]") for h in heads(short))
    assert sum(SHORT in note for note in short.notes) == 1
    marked = [row[-1].mark for row in short.rows]
    assert all(marked)


def test_reasons_come_before_coverage(estimates):
    table = short_sds(estimates)
    sd = table["quantity"] == "sd_shift"
    gone = table.assign(
        conf_low=table["conf_low"].where(~sd), reason=table["reason"].where(~sd, "too few")
    )
    grid = shift_grid(Estimates(gone), PART, "")
    assert any("too few" in note for note in grid.notes)
    assert not any(SHORT in note for note in grid.notes)


def test_a_ratio_without_interval_says_why_and_a_column_of_ratios_has_its_level(estimates):
    row = estimates.iloc[0].to_dict() | {
        "source": "motion-blind", "distance": "", "keyframe": "offset", "unit": "log",
        "estimate": math.log(2), "conf_low": math.log(1.5), "conf_high": math.log(3),
        "conf_level": 0.95, "coverage_note": GOOD, "reason": "",
    }  # fmt: skip
    few = {"ethnicity": "B", "conf_low": np.nan, "conf_high": np.nan, "reason": "too few"}
    rows = [
        row | {"quantity": f"log_sd_offset_{other}", "ethnicity": "all"} | change
        for other in ("onset", "apex")
        for change in ({"coverage_note": SHORT if other == "apex" else GOOD}, few)
    ]
    part = Part("SIMULATED 4dme", "motion-blind", "")
    grid = ratio_grid(Estimates(pd.DataFrame(rows)), part, "")
    assert heads(grid)[1:] == ["Offset to onset [95\u00a0%]", "Offset to apex [interval]"]
    assert [[(c.text, c.mark) for c in cells[1:]] for cells in grid.rows] == [
        [("2.00 [1.50, 3.00]", ""), ("2.00 [1.50, 3.00]", "a")], [("2.00", "b"), ("2.00", "b")],
    ]  # fmt: skip
    assert grid.notes[1:] == (f"a: {SHORT}", "b: too few")


def test_estimates_of_revisions_are_noted_too(tmp_path):
    rows = [
        {
            "clip": f"c{i}",
            "subject": f"s{i % 6}",
            "onset": 10,
            "apex": 20 + i % 3,
            "offset": 40,
            "fps": 100,
        }
        for i in range(30)
    ]
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    pd.DataFrame(rows).to_csv(old, index=False)
    pd.DataFrame([{**r, "apex": r["apex"] + (r["clip"] > "c2")} for r in rows]).to_csv(
        new, index=False
    )
    found = mebias.compare_versions(old, new).quantify().estimates
    bounded = found["conf_low"].notna() & found["conf_high"].notna()
    assert (found.loc[bounded, "coverage_note"] != "").all()
