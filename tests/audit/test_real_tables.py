"""The published tables of CAS(ME)^3, where MEBIAS_CASME3_TABLES names their folder."""

import os
from pathlib import Path

import pytest

import mebias
from mebias.audit import audit

REAL = os.environ.get("MEBIAS_CASME3_TABLES", "")
pytestmark = pytest.mark.skipif(
    not REAL,
    reason="MEBIAS_CASME3_TABLES names no folder with the label tables of CAS(ME)^3 part A, so "
    "they are not read",
)


@pytest.fixture(scope="module")
def micro():
    return audit(mebias.load("casme3", REAL, version="micro-v2"), images=False)


def test_the_order_errors_have_their_cells(micro):
    errors = micro[micro["severity"] == "error"]
    assert errors["clip"].tolist() == ["spNO.149/d#112", "spNO.216/d#3647"]
    assert errors["cell"].iloc[0].endswith("sheet 'label', row 130, column 'Apex' (D)")
    missing = micro[micro["check"] == "missing"]["clip"].tolist()
    assert missing == ["spNO.40/e#1812", "spNO.40/e#2327"]


def test_the_endless_expression_is_found(micro):
    warned = micro[(micro["check"] == "duration") & (micro["severity"] == "warning")]
    endless = warned[warned["clip"] == "spNO.214/c#5"]
    assert endless["message"].str.contains("3456 frames").any()
    assert endless["cell"].str.contains("row 710").all()


def test_eight_pairs_overlap_and_frames_are_no_times(micro):
    assert (micro["check"] == "overlap").sum() == 8
    assert not (micro["check"] == "units").any()
    digits = micro[micro["check"] == "digits"]
    assert digits["severity"].tolist() == ["note"]


def test_revisions_of_the_whole_table():
    old = Path(REAL) / "CAS(ME)3_part_A_v1.xls"
    cohort = mebias.load("casme3", REAL, version="part-a-v2")
    edits = audit(cohort, against=old, images=False)
    edits = edits[edits["check"] == "edits"]
    text = " ".join(edits["message"])
    assert "4 onsets, 575 apexes, 34 offsets, 69 types differ" in text
    assert "32 of 34 edited offsets change their number of digits" in text
    assert len(edits) < 12
