"""The authors' layouts: header rows, text numbers, padding, sessions, censored onsets."""

import math
import re
import zipfile

import openpyxl
import pytest

from mebias import tables
from mebias.datasets import load
from mebias.errors import AnnotationError

SAMM_NAME = "SAMM_Micro_FACS_Codes_v2.xlsx"
SAMM_HEADER = ["Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame",
               "Offset Frame", "Duration", "Micro", "Action Units", "Estimated Emotion",
               "Objective Classes", "Notes"]  # fmt: skip
FOURD_NAME = "4DME_Labelling_Micro_release v1.xlsx"
CASME3_NAME = "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx"
CASME3_HEADER = ["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class",
                 "emotion"]  # fmt: skip


def samm_row(subject, clip, onset, apex, offset, emotion="Anger"):
    return [subject, clip, 1, onset, apex, offset, offset - onset + 1, "Micro - 1/2", "4+7",
            emotion, 3, None]  # fmt: skip


def samm(make, root, *rows, prose=13):
    lines = [["Spontaneous Micro-Movement Dataset"], ['"/" = or', "Subject"]] + [["prose"]] * 11
    return make.xlsx(root / SAMM_NAME, [*lines[:prose], SAMM_HEADER, *rows], "MICRO_ONLY")


def frame(cohort, clip, keyframe):
    rows = cohort.keyframes.query("clip == @clip and keyframe == @keyframe")
    return rows["frame"].item(), rows["status"].item()


@pytest.mark.parametrize("prose", [13, 0])
def test_samm_header_is_found_below_prose_or_without_it(make, tmp_path, prose):
    samm(make, tmp_path, samm_row("006", "006_1_2", 5562, 5588, 5632), prose=prose)
    cohort = load("samm", tmp_path)
    row = cohort.clips.iloc[0]
    assert (row["clip"], row["subject"], row["fps"]) == ("006/006_1_2", "006", 200)
    assert (row["emotion"], row["aus"], row["expression_type"]) == ("Anger", "4+7", "micro")
    assert cohort.keyframes["frame"].tolist() == [5562, 5588, 5632]
    assert (cohort.name, cohort.frames, cohort.simulated) == ("samm", None, False)


def test_samm_codes_that_became_numbers_get_their_zeros_back(make, tmp_path):
    samm(make, tmp_path, samm_row(6, "006_1_2", 10, 20, 30), samm_row("037", "037_1_1", 1, 2, 3))
    assert load("samm", tmp_path).clips["subject"].tolist() == ["006", "037"]


def test_samm_frames_are_counted_whatever_their_padding(make, tmp_path):
    samm(make, tmp_path, samm_row("006", "006_1_2", 5562, 5565, 5568))
    folder = tmp_path / "SAMM" / "006" / "006_1_2"
    make.frames(folder, range(5560, 5565), "006_{:05d}.jpg")
    make.frames(folder, range(5565, 5571), "006_{}.jpg")
    cohort = load("samm", tmp_path)
    row = cohort.clips.iloc[0]
    assert (row["first_frame"], row["n_frames"]) == (5560, 11)
    assert (row["lead_frames"], row["tail_frames"]) == (2, 2)
    assert cohort.frames.numbers("006/006_1_2").tolist() == list(range(5560, 5571))
    assert cohort.frames.read("006/006_1_2", 5566).shape == (24, 32)


def test_an_impossible_apex_is_invalid_keeps_its_number_and_is_an_issue(make, tmp_path):
    samm(
        make,
        tmp_path,
        samm_row("028", "028_4_1", 1071, 1143, 1134),
        samm_row("032", "032_3_1", 4896, 1930, 4970),
        samm_row("032", "032_3_9", 50, 55, 40),
    )
    cohort = load("samm", tmp_path)
    assert frame(cohort, "028/028_4_1", "apex") == (1143, "invalid")
    assert frame(cohort, "028/028_4_1", "onset") == (1071, "annotated")
    assert frame(cohort, "032/032_3_1", "apex") == (1930, "invalid")
    assert frame(cohort, "032/032_3_9", "onset") == (50, "invalid")
    assert frame(cohort, "032/032_3_9", "offset") == (40, "invalid")
    wrong = cohort.issues.query("severity == 'warning'")
    assert wrong["clip"].tolist() == ["028/028_4_1", "032/032_3_1", "032/032_3_9"]
    for words in (SAMM_NAME, "row 15", "'Apex Frame' (E)", "1143", "onset <= apex <= offset"):
        assert words in wrong["message"].iloc[0]


@pytest.mark.parametrize("cell", [None, "", "/", "\\", -1, "nan"])
def test_ways_to_say_that_an_apex_was_not_coded(make, tmp_path, cell):
    samm(make, tmp_path, samm_row("028", "028_4_1", 1071, cell, 1134))
    number, status = frame(load("samm", tmp_path), "028/028_4_1", "apex")
    assert math.isnan(number)
    assert status == "missing"


def fourd(make, root, *rows):
    header = ["No", "sub_ID", "fold_name", "Emotion", "Offset", "Apex", "Onset", "AU1", "AUs"]
    return make.xlsx(root / FOURD_NAME, [header, *rows])


def test_4dme_columns_in_any_order_and_sessions_of_one_person_merged(make, tmp_path):
    rows = [
        [1, "S13_1st", "1", "Surprise+Positive", "30", 20.0, "10", 0, "AU4(k)+L7"],
        [2, "S13_2nd", "1", "Positive", "31", 21.0, "11", 0, ""],
        [3, "S49_2", "2", "Positive", "32", 22.0, "12", 0, ""],
        [4, "S08", "1", "Others", "33", 23.0, "13", 0, ""],
        [None, None, None, "Total", 4, None, None, 0, ""],
    ]
    fourd(make, tmp_path, *rows)
    make.frames(tmp_path / "gray_micro" / "S13_2nd" / "1", range(5, 40), "{:03d}.jpg")
    cohort = load("4dme", tmp_path)
    assert cohort.clips["clip"].tolist() == ["S13_1st/1", "S13_2nd/1", "S49_2/2", "S08/1"]
    assert cohort.clips["subject"].tolist() == ["S13", "S13", "S49", "S08"]
    assert cohort.clips["n_frames"].tolist() == [0, 35, 0, 0]
    assert [frame(cohort, "S13_2nd/1", k)[0] for k in tables.KEYFRAMES] == [11, 21, 31]
    notes = cohort.issues.set_index("field")["message"]
    assert "totals row" in notes["subject"]
    assert (cohort.issues["field"] == "frames").sum() == 3, "clips without frames are named"


def test_a_labeled_row_without_a_subject_is_no_row_of_totals(make, tmp_path):
    """As under merged cells, of which a workbook keeps the first one's text alone."""
    fourd(
        make, tmp_path, [1, "S08", "1", "Others", 30, 20, 10, 0, ""],
        [2, None, "2", "Others", 31, 21, 11, 0, ""],
    )  # fmt: skip
    with pytest.raises(AnnotationError, match=r"row 3.*blank cell beside the clip '2'.*merged"):
        load("4dme", tmp_path)


def test_4dme_frame_rate_can_be_overridden(make, tmp_path):
    fourd(make, tmp_path, [1, "S08", "1", "Others", 30, 20, 10, 0, ""])
    assert load("4dme", tmp_path).clips["fps"].tolist() == [60]
    assert load("4dme", tmp_path, fps=30).clips["fps"].tolist() == [30]


def casme3(make, root, *rows):
    return make.xlsx(root / CASME3_NAME, [CASME3_HEADER, *rows], "label", ["Sheet1", "Sheet3"])


def casme3_row(clip, onset, apex, offset, emotion="disgust"):
    return ["spNO.1", clip, str(onset), str(apex), str(offset), "4+R10", "IV", emotion]


def test_casme3_numbers_as_text_and_ids_by_onset(make, tmp_path):
    casme3(
        make, tmp_path, casme3_row("a", 40, 45, 60), casme3_row("a", 90, 95, 99, "Others"),
        casme3_row("J", 40, 45, 60),
    )  # fmt: skip
    cohort = load("casme3", tmp_path)
    assert cohort.clips["clip"].tolist() == ["spNO.1/a#40", "spNO.1/a#90", "spNO.1/J#40"]
    assert cohort.clips["video"].tolist() == ["spNO.1/a", "spNO.1/a", "spNO.1/J"]
    assert cohort.clips["emotion"].tolist() == ["disgust", "others", "disgust"]


@pytest.mark.parametrize(
    ("onset", "apex", "status"),
    [(3, 3, "censored"), (10, 10, "censored"), (11, 11, "annotated"), (3, 4, "annotated")],
)
def test_casme3_early_onset_that_equals_the_apex_is_censored(make, tmp_path, onset, apex, status):
    casme3(make, tmp_path, casme3_row("a", onset, apex, 60))
    cohort = load("casme3", tmp_path)
    assert frame(cohort, f"spNO.1/a#{onset}", "onset") == (onset, status)
    assert frame(cohort, f"spNO.1/a#{onset}", "apex")[1] == "annotated"


def test_other_datasets_censor_nothing(make, tmp_path):
    samm(make, tmp_path, samm_row("006", "006_1_2", 3, 3, 9))
    assert set(load("samm", tmp_path).keyframes["status"]) == {"annotated"}


def test_casme3_offset_zero_is_missing_and_named(make, tmp_path):
    casme3(make, tmp_path, casme3_row("e", 1812, 1824, 0))
    cohort = load("casme3", tmp_path)
    number, status = frame(cohort, "spNO.1/e#1812", "offset")
    assert math.isnan(number)
    assert status == "missing"
    assert "row 2, column 'Offset' (E): found 0" in cohort.issues["message"].iloc[0]


def test_dropped_frames_are_noted_and_the_whole_recording_counted(make, tmp_path):
    casme3(make, tmp_path, casme3_row("a", 4, 6, 8), casme3_row("a", 12, 14, 16))
    numbers = [n for n in range(1, 21) if n not in (6, 7)]
    make.frames(tmp_path / "part_A" / "spNO.1" / "a" / "color", numbers, "{}.jpg")
    cohort = load("casme3", tmp_path)
    assert cohort.clips["n_frames"].tolist() == [18, 18]
    assert cohort.clips["lead_frames"].tolist() == [3, 9]
    assert cohort.clips["tail_frames"].tolist() == [12, 4]
    absent = cohort.issues.query("field == 'frames'")
    assert absent["clip"].tolist() == ["spNO.1/a#4"]
    assert absent["expected"].tolist() == ["6"]


def test_versions_are_chosen_by_name(make, tmp_path):
    casme3(make, tmp_path, casme3_row("a", 40, 45, 60))
    header = ["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Expression type"]
    row = ["spNO.1", "a", 40, 45, 60, "4", "Macro-expression"]
    make.xlsx(tmp_path / "CAS(ME)3_part_A_v2.xls", [header, row], "AU+Emotion")
    assert load("casme3", tmp_path).settings["version"] == "micro-v2"
    full = load("casme3", tmp_path, version="part-a-v2")
    assert full.clips["expression_type"].tolist() == ["macro"]
    assert list(full.settings["files"]) == ["CAS(ME)3_part_A_v2.xls"]


def test_the_version_that_is_at_hand_is_read_and_noted(make, tmp_path):
    header = ["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Expression type"]
    row = ["spNO.1", "a", 40, 45, 60, "4", "Macro-expression"]
    make.xlsx(tmp_path / "CAS(ME)3_part_A_v2.xls", [header, row], "AU+Emotion")
    cohort = load("casme3", tmp_path)
    assert cohort.settings["version"] == "part-a-v2"
    note = cohort.issues.query("check == 'version'")["message"].item()
    assert "version part-a-v2 was read from CAS(ME)3_part_A_v2.xls" in note


def test_two_expressions_that_begin_at_one_frame_are_kept_apart(make, tmp_path):
    header = ["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Expression type"]
    rows = [
        ["spNO.1", "c", 451, a, o, "4", "Macro-expression"] for a, o in [(475, 600), (599, 900)]
    ]
    path = tmp_path / "CAS(ME)3_part_A_v1.xls"
    make.xlsx(path, [header, *rows], "AU+Emotion")
    cohort = load("casme3", tmp_path, version="part-a-v1")
    assert cohort.clips["clip"].tolist() == ["spNO.1/c#451", "spNO.1/c#451.2"]
    assert "begin at one frame" in cohort.issues["message"].iloc[0]
    make.xlsx(path, [header, rows[0], rows[0]], "AU+Emotion")
    with pytest.raises(AnnotationError, match="rows 2 and 3: clip"):
        load("casme3", tmp_path, version="part-a-v1")


def test_files_are_found_two_levels_below_and_lock_files_are_passed_over(make, tmp_path):
    samm(make, tmp_path / "a" / "b", samm_row("006", "006_1_2", 1, 2, 3))
    (tmp_path / f"~${SAMM_NAME}").write_bytes(b"lock")
    cohort = load("samm", tmp_path)
    assert list(cohort.settings["files"]) == [f"a/b/{SAMM_NAME}"]


def test_the_named_sheet_is_read_though_another_one_fits(make, tmp_path):
    path = samm(make, tmp_path, samm_row("006", "006_1_2", 1, 2, 3))
    book = openpyxl.load_workbook(path)
    draft = book.create_sheet("draft", 0)
    for row in (SAMM_HEADER, samm_row("006", "006_1_2", 7, 8, 9)):
        draft.append(row)
    book.save(path)
    assert load("samm", tmp_path).keyframes["frame"].tolist() == [1, 2, 3]


def test_rows_beyond_the_extent_that_a_workbook_states_are_read(make, tmp_path):
    path = samm(make, tmp_path, samm_row("006", "006_1_2", 1, 2, 3), samm_row(7, "a", 1, 2, 3))
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    short = re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1:C15"', parts[sheet])
    assert short != parts[sheet]
    with zipfile.ZipFile(path, "w") as new:
        for name, data in (parts | {sheet: short}).items():
            new.writestr(name, data)
    assert len(load("samm", tmp_path)) == 2
