"""Claims in a report: topics, grades, notes for what several have in common."""

import dataclasses

import pandas as pd

from mebias import tables
from mebias.reporting import cohort_sections
from mebias.reporting.content import Content
from mebias.reporting.grids import claims_grid, planted_grid

SHARED = "not calibrated at 200 fps: rule and judge share the pixels"
SETTLE = "a calibration at 200 fps, in cohorts in which nothing is corrected"


def made(dataset="d", n=3, settle=SETTLE):
    rows = [
        {"dataset": dataset, "topic": "correction", "claim": f"claim {i}", "grade": "can't be told",
         "estimate": 1.0 + i, "conf_low": 0.0, "conf_high": 2.0 + i, "unit": "ms",
         "rests_on": f"gamdss, {i} subjects; {SHARED}", "would_settle": settle}
        for i in range(n)
    ]  # fmt: skip
    return tables.from_rows(rows, "claims")


def texts(grid, head):
    at = [text for text, _ in grid.head].index(head)
    return [row[at].text for row in grid.rows]


def test_what_claims_have_in_common_stands_once_in_the_notes():
    grid = claims_grid(made(), "claims")
    assert texts(grid, "About") == ["correction"] * 3
    assert texts(grid, "Rests on") == [f"gamdss, {i} subjects" for i in range(3)]
    assert texts(grid, "Would settle it") == ["see note"] * 3
    assert grid.notes == (f"a: {SHARED}", f"b: {SETTLE}")
    assert [row[-2].mark for row in grid.rows] == ["a"] * 3


def test_a_claim_of_its_own_keeps_its_words():
    grid = claims_grid(made(n=1), "claims")
    assert texts(grid, "Rests on") == [f"gamdss, 0 subjects; {SHARED}"]
    assert texts(grid, "Would settle it") == [SETTLE]
    assert grid.notes == ()


def test_claims_between_datasets_have_a_table_of_their_own(inputs):
    given = inputs.cohort()
    every = pd.concat([made(), made("d vs e", 1)], ignore_index=True)
    findings = dataclasses.replace(given["findings"], claims=every)
    content = Content(**{**given, "findings": findings})
    section = cohort_sections.answer(content, {})
    folds = [block for block in section.blocks if block.kind == "fold"]
    captions = [block.caption for fold in folds for block in fold.blocks]
    assert [len(b.items) for b in section.blocks if b.kind == "cards"] == [3, 1]
    assert captions == [
        "d: claims with their grades", "d vs e: claims between datasets, with their grades"
    ]  # fmt: skip


def test_what_was_planted_and_not_tested_says_why_it_has_no_interval():
    row = {"dataset": "SIMULATED d", "contrast": "A vs others", "source": "gamdss",
           "distance": "signed", "keyframe": "onset", "planted_error_ms": 0.0,
           "drawn_error_ms": 1.0, "expected_shift_ms": 1.0, "found_shift_ms": 2.0,
           "conf_low": 1.0, "conf_high": 3.0, "p_adjusted": 0.01, "outcome": "found"}  # fmt: skip
    few = row | {"contrast": "C vs others", "conf_low": None, "conf_high": None,
                 "p_adjusted": None, "outcome": "can't be told"}  # fmt: skip
    grid = planted_grid(tables.from_rows([row, few], "planted"), "c")
    at = [text for text, _ in grid.head].index("Shift found, ms [interval]")
    assert [(r[at].text, r[at].mark) for r in grid.rows] == [("+2.0 [1.0, 3.0]", ""), ("+2.0", "a")]
    assert grid.notes == ("a: no interval, not tested: the tests of the groups say why",)
