"""Labels, subjects, clips and rows written in two ways, or that are no clip at all."""

import pytest

from mebias.datasets import load
from mebias.errors import AnnotationError

HEADER = ["Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None,
          "Action Units", "Estimated Emotion"]  # fmt: skip
NAME = "CASME2-coding-20140508.xlsx"


def row(subject, clip, frames=(10, 20, 30), emotion="disgust"):
    onset, apex, offset = frames
    return [subject, clip, None, onset, apex, offset, None, 4, emotion]


def casme2(make, root, *rows):
    make.xlsx(root / NAME, [HEADER, *rows], "Sheet1")
    return load("casme2", root)


def issue(cohort, check):
    (found,) = cohort.issues[cohort.issues["check"] == check].to_dict("records")
    return found


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (("Disgust", "Disgust", "disgust "), "disgust"),  # the spelling of the class schemes
        (("Awe", "awe", "awe"), "awe"),  # the most frequent
        (("Awe", "aWe"), "Awe"),  # the first
    ],
)
def test_an_emotion_in_two_spellings_is_one_label(make, tmp_path, written, read):
    rows = [row("01", f"EP{n}", emotion=emotion) for n, emotion in enumerate(written)]
    cohort = casme2(make, tmp_path, *rows)
    assert set(cohort.clips["emotion"]) == {read}
    found = issue(cohort, "spelling")
    assert found["expected"] == read
    assert f"read as {read!r}" in found["message"]


def test_types_of_two_spellings_are_one_in_the_key(make, tmp_path):
    header = ["Subject", "Filename", "Onset", "Apex", "Offset", "Type"]
    rows = [["006", "006_1_1", 1, 2, 3, "MACRO"], ["006", "006_1_2", 1, 2, 3, "Macro"]]
    rows += [["006", "006_1_1", 1, 2, 3, "micro - 1/2"]]
    make.xlsx(tmp_path / "SAMM_LongVideos_V2_Release.xlsx", [header, *rows], "FACS_Movement_Only")
    clips = load("samm-long", tmp_path).clips
    assert clips["clip"].tolist() == [
        "006/006_1_1#macro", "006/006_1_2#macro", "006/006_1_1#micro",
    ]  # fmt: skip


def test_codes_of_one_number_in_other_letters_are_named(make, tmp_path):
    cohort = casme2(make, tmp_path, row("01", "a"), row("sub_01", "b"), row("S1", "c"))
    assert cohort.clips["subject"].tolist() == ["01", "01", "S1"]
    assert "01, S1 have one number and count as 2 persons" in issue(cohort, "spelling")["message"]


@pytest.mark.parametrize("code", ["S8", "s08", 8, "S08_1st", "s8 2", "S08-2nd"])
def test_codes_of_4dme_are_one_person(make, tmp_path, code):
    header = ["sub_ID", "fold_name", "Emotion", "Onset", "Apex", "Offset", "AUs"]
    rows = [["S08", "a", "Positive", 1, 2, 3, "4"], [code, "b", "Positive", 1, 2, 3, "4"]]
    make.xlsx(tmp_path / "4DME_Labelling_Micro_release v1.xlsx", [header, *rows], "Sheet1")
    assert set(load("4dme", tmp_path).clips["subject"]) == {"S08"}


def test_padded_codes_of_casme3_are_one_person(make, tmp_path):
    header = ["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "emotion"]
    rows = [["spNO.1", "a", 11, 12, 13, 4, "sad"], ["spNO.01", "b", 11, 12, 13, 4, "sad"]]
    make.xlsx(tmp_path / "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx", [header, *rows], "label")
    assert set(load("casme3", tmp_path).clips["subject"]) == {"spNO.1"}


def test_a_clip_in_another_letter_case_is_named(make, tmp_path):
    cohort = casme2(make, tmp_path, row("01", "EP1_f"), row("01", "ep1_F"))
    found = issue(cohort, "duplicate")
    assert (found["expected"], found["found"]) == ("01/EP1_f", "01/ep1_F")
    assert "rows 2, 3" in found["message"] or "rows 2 and 3" in found["message"]


def test_two_letter_cases_with_one_folder_are_refused(make, tmp_path):
    text = "clip,subject,onset,apex,offset,fps\nc1,a,1,2,3,100\nC1,a,1,2,3,100\n"
    (tmp_path / "annotations.csv").write_text(text)
    make.frames(tmp_path / "frames" / "c1", range(1, 4), "{}.png")
    with pytest.raises(AnnotationError, match="case of letters only and would both be read from"):
        load("folder", tmp_path)
    make.frames(tmp_path / "frames" / "C1", range(1, 4), "{}.png")
    assert issue(load("folder", tmp_path), "duplicate")["found"] == "C1"


def test_a_remark_below_the_table_is_skipped_by_name(make, tmp_path):
    cohort = casme2(make, tmp_path, row("01", "EP1"), ["* not coded where /"])
    assert cohort.clips["clip"].tolist() == ["01/EP1"]
    messages = cohort.issues["message"]
    assert messages.str.contains("'* not coded where /' without a clip", regex=False).any()


def test_a_row_without_any_keyframe_is_named(make, tmp_path):
    cohort = casme2(make, tmp_path, row("01", "EP1"), row("Total", "1", (None, None, None)))
    assert "Total/1 has no keyframe" in issue(cohort, "missing")["message"]


@pytest.mark.parametrize(
    "cells",
    [
        row(None, None, (20, 22, 25)),  # subject and clip merged
        row(None, "EP2", (20, None, "?")),
        row(None, "EP2", (20, 22, None)),
    ],
)
def test_a_labeled_row_without_a_subject_is_refused(make, tmp_path, cells):
    with pytest.raises(AnnotationError, match=r"row 3, column 'Subject' \(A\): found a blank cell"):
        casme2(make, tmp_path, row("01", "EP1"), cells)


def test_a_totals_row_is_skipped_with_its_text(make, tmp_path):
    cohort = casme2(make, tmp_path, row("01", "EP1"), [None, "Total", None, 1])
    assert cohort.clips["clip"].tolist() == ["01/EP1"]
    assert cohort.issues["message"].str.contains("blank beside 'Total'").any()
