"""Corrections: on request only, each one counted, refused where they do not fit."""

import math

import pytest

from mebias.datasets import load
from mebias.errors import AnnotationError, OptionError

HEADER = ["clip", "subject", "onset", "apex", "offset", "emotion", "fps"]
ROWS = [["c1", "s1", 3, 8, 15, "joy", 100], ["c2", "s2", 10, 20, 30, "fear", 100]]
ERRATA = ["clip", "keyframe", "old", "new", "reason", "source"]
GOOD = ["c1", "apex", 8, 9, "typing error", "the authors"]


@pytest.fixture
def own(make, tmp_path):
    make.csv(tmp_path / "root" / "annotations.csv", [HEADER, *ROWS])

    def corrected(*rows, header=ERRATA):
        errata = make.csv(tmp_path / "errata.csv", [header, *rows])
        return load("folder", tmp_path / "root", errata=errata)

    return corrected


def frame(cohort, clip, keyframe):
    row = cohort.keyframes.query("clip == @clip and keyframe == @keyframe").iloc[0]
    return row["frame"], row["status"]


def test_a_correction_changes_one_frame_and_is_counted(own):
    cohort = own(GOOD)
    assert frame(cohort, "c1", "apex") == (9, "corrected")
    assert frame(cohort, "c1", "onset") == (3, "annotated")
    assert frame(cohort, "c2", "apex") == (20, "annotated")
    assert cohort.settings["errata"]["applied"] == 1
    assert list(cohort.settings["errata"]["file"]) == ["errata.csv"]
    issue = cohort.issues.query("check == 'errata'").iloc[0]
    assert "corrected from 8 to 9 (typing error; source: the authors)" in issue["message"]
    assert (issue["clip"], issue["field"], issue["cell"]) == (
        "c1", "apex", "annotations.csv, row 2, column 'apex' (D)"
    )  # fmt: skip


def test_a_blank_cell_means_missing_on_both_sides(own, make, tmp_path):
    number, status = frame(own(["c1", "apex", 8, "", "not coded", "the authors"]), "c1", "apex")
    assert math.isnan(number)
    assert status == "missing"
    make.csv(tmp_path / "root" / "annotations.csv", [HEADER, ["c1", "s1", 3, 8, "", "joy", 100]])
    assert frame(own(["c1", "offset", "", 15, "late", "x"]), "c1", "offset") == (15, "corrected")


def test_an_emotion_is_corrected_too(own):
    cohort = own(["c1", "emotion", "joy", "surprise", "named so", "file name"])
    assert cohort.clips["emotion"].tolist() == ["surprise", "fear"]


def test_rows_of_another_version_are_passed_over(own):
    row = ["v9", "c1", "apex", 999, 9, "typing error", "x"]
    assert frame(own(row, header=["version", *ERRATA]), "c1", "apex") == (8, "annotated")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (["c1", "apex", 7, 9, "r", "s"], "'7' before the correction, but annotations.csv, row 2"),
        (["c1", "apex", "", 9, "r", "s"], "'missing' before the correction"),
        (["c9", "apex", 8, 9, "r", "s"], "row 2: clip 'c9' is not in annotations.csv"),
        (["c1", "peak", 8, 9, "r", "s"], "column keyframe: found 'peak', expected one of onset"),
        (["c1", "apex", 8, "nine", "r", "s"], "column new: found 'nine', expected a whole frame"),
        (["c1", "apex", 8, 9, "r", ""], "column source: found a blank cell"),
    ],
)
def test_a_correction_that_does_not_fit_is_refused(own, row, words):
    with pytest.raises(AnnotationError) as caught:
        own(row)
    assert words in str(caught.value)


def test_a_table_without_sources_is_refused(own):
    with pytest.raises(AnnotationError, match=r"errata.csv has no column source"):
        own(GOOD[:-1], header=ERRATA[:-1])


def test_no_corrections_are_known(make, tmp_path):
    make.csv(tmp_path / "annotations.csv", [HEADER, *ROWS])
    with pytest.raises(OptionError, match="knows no corrections for folder"):
        load("folder", tmp_path, errata=True)


def test_a_corrected_frame_out_of_order_is_still_an_error(own):
    with pytest.raises(AnnotationError, match="expected onset <= apex <= offset"):
        own(["c1", "apex", 8, 2, "r", "s"])
