"""Every mistake in a table is one sentence with file, row, column, finding and remedy."""

import datetime

import openpyxl
import pytest

from mebias.datasets import load
from mebias.errors import AnnotationError, DataRootError, ManifestError, OptionError

HEADER = ["clip", "subject", "onset", "apex", "offset", "fps"]
ROW = ["c1", "s1", 3, 5, 8, 100]
SAMM = "SAMM_Micro_FACS_Codes_v2.xlsx"
SAMM_HEADER = ["Subject", "Filename", "Onset Frame", "Apex Frame", "Offset Frame",
               "Estimated Emotion", "Action Units", "Micro"]  # fmt: skip
SAMM_ROW = ["006", "006_1_2", 10, 20, 30, "Anger", "4", "Micro - 1/2"]


def message(error, name, root, *words, **options):
    """The sentence of an error, checked to be one and to have the words."""
    with pytest.raises(error) as caught:
        load(name, root, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    for word in words:
        assert word in text, text
    return text


def own(make, root, *rows, header=HEADER):
    make.csv(root / "annotations.csv", [header, *rows])
    return root


def replaced(column, value):
    return [value if name == column else cell for name, cell in zip(HEADER, ROW, strict=True)]


@pytest.mark.parametrize("value", ["x", "3.5", "1e3", "-3", "3 4", "9999999999", "½", "inf"])
@pytest.mark.parametrize(("column", "place"), [("onset", "C"), ("apex", "D"), ("offset", "E")])
def test_a_frame_that_is_no_number(make, tmp_path, column, place, value):
    own(make, tmp_path, ROW, replaced(column, value))
    where = f"annotations.csv, row 3, column '{column}' ({place})"
    message(AnnotationError, "folder", tmp_path, where, f"found {value!r}", "whole frame number",
            "mend the cell")  # fmt: skip


@pytest.mark.parametrize("value", ["x", "0", "-25", "nan?", "inf"])
def test_a_frame_rate_that_has_no_meaning(make, tmp_path, value):
    own(make, tmp_path, replaced("fps", value))
    message(AnnotationError, "folder", tmp_path, "row 2, column 'fps' (F)", repr(value),
            "a number above 0")  # fmt: skip


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_a_frame_rate_option_that_has_no_meaning(make, tmp_path, value):
    message(OptionError, "folder", own(make, tmp_path, ROW), f"--fps is {value}", fps=value)


def test_no_frame_rate_at_all(make, tmp_path):
    own(make, tmp_path, ROW[:5], header=HEADER[:5])
    message(OptionError, "folder", tmp_path, "give --fps, or add a column fps")
    assert load("folder", tmp_path, fps=50).clips["fps"].tolist() == [50]
    own(make, tmp_path, replaced("fps", ""))
    message(AnnotationError, "folder", tmp_path, "row 2, column 'fps' (F)", "blank")


@pytest.mark.parametrize(
    ("onset", "apex", "offset"), [(5, 3, 8), (3, 9, 8), (9, "", 8), (5, 3, ""), (9, 9, 8)]
)
def test_keyframes_out_of_order_in_a_table_of_ones_own(make, tmp_path, onset, apex, offset):
    own(make, tmp_path, ROW, ["c2", "s1", onset, apex, offset, 100])
    message(AnnotationError, "folder", tmp_path, "row 3", f"onset {onset}",
            "expected onset <= apex <= offset", "leave the wrong cell blank")  # fmt: skip


@pytest.mark.parametrize("name", ["clip", "subject", "onset", "offset"])
def test_a_column_that_is_not_there(make, tmp_path, name):
    place = HEADER.index(name)
    header, row = ([*r[:place], *r[place + 1 :]] for r in (HEADER, ROW))
    own(make, tmp_path, row, header=header)
    message(AnnotationError, "folder", tmp_path, "annotations.csv", f"a column for {name}",
            "found the columns", header[0])  # fmt: skip


def test_a_column_that_is_misspelled_is_suggested(make, tmp_path):
    own(make, tmp_path, ROW, header=["clip", "subject", "onste", "apex", "offset", "fps"])
    message(AnnotationError, "folder", tmp_path, "a column for onset", "did you mean onste?")


def test_a_table_of_ones_own_without_apex_is_read_and_says_so(make, tmp_path):
    own(
        make,
        tmp_path,
        ["c1", "s1", 3, 8, 100],
        header=["clip", "subject", "onset", "offset", "fps"],
    )
    cohort = load("folder", tmp_path)
    assert cohort.keyframes["status"].tolist() == ["annotated", "missing", "annotated"]
    assert "no column for apex" in cohort.issues["message"].iloc[0]


def test_two_columns_of_one_name(make, tmp_path):
    own(make, tmp_path, [*ROW, 4], header=[*HEADER, "Onset"])
    message(AnnotationError, "folder", tmp_path, "two columns for onset", "'onset' (C)",
            "'Onset' (G)")  # fmt: skip


@pytest.mark.parametrize(
    ("column", "words"), [("clip", "expected the clip's name"), ("subject", "expected a subject")]
)
def test_a_blank_name(make, tmp_path, column, words):
    own(make, tmp_path, ROW, replaced(column, ""))
    message(AnnotationError, "folder", tmp_path, "row 3", "found a blank cell", words)


@pytest.mark.parametrize("value", ["../c1", "/etc", "a\\b", "c:x", "a/../b"])
@pytest.mark.parametrize("column", ["clip", "subject"])
def test_a_name_that_leaves_the_root(make, tmp_path, column, value):
    own(make, tmp_path, replaced(column, value))
    message(AnnotationError, "folder", tmp_path, "row 2", "inside the data root")


@pytest.mark.parametrize("text", ["", "\n\n", "clip,subject,onset,apex,offset,fps\n"])
def test_an_empty_table(tmp_path, text):
    (tmp_path / "annotations.csv").write_text(text, encoding="utf-8")
    message(AnnotationError, "folder", tmp_path, "annotations.csv", "anew")


def test_a_ragged_row(make, tmp_path):
    own(make, tmp_path, ROW, [*ROW, "too much"])
    message(AnnotationError, "folder", tmp_path, "row 3, has 7 cells where its header has 6")


def test_an_open_quote(tmp_path):
    text = ",".join(HEADER) + '\nc1,"s1,3,5,8,100\n'
    (tmp_path / "annotations.csv").write_text(text, encoding="utf-8")
    message(AnnotationError, "folder", tmp_path, "row 2, is not readable CSV")


def test_text_of_another_encoding(tmp_path):
    text = ",".join(HEADER) + "\nc1,Zoë,3,5,8,100\n"
    (tmp_path / "annotations.csv").write_bytes(text.encode("latin-1"))
    message(AnnotationError, "folder", tmp_path, "neither a workbook nor UTF-8 text")


def samm(make, root, *rows, header=SAMM_HEADER, sheet="MICRO_ONLY"):
    make.xlsx(root / SAMM, [header, *rows], sheet)
    return root


def test_a_workbook_without_a_needed_column(make, tmp_path):
    header = [name for name in SAMM_HEADER if name != "Apex Frame"]
    samm(make, tmp_path, SAMM_ROW[:3] + SAMM_ROW[4:], header=header)
    message(AnnotationError, "samm", tmp_path, SAMM, "a column for apex (known as Apex Frame or",
            "sheet 'MICRO_ONLY' with the columns Subject, Filename")  # fmt: skip


def test_a_workbook_with_the_wrong_sheet_only(make, tmp_path):
    make.xlsx(tmp_path / SAMM, [["Stimulus", "Length"], ["a", 3]], "stimuli")
    message(AnnotationError, "samm", tmp_path, "sheet 'stimuli' with the columns Stimulus, Length")


def test_a_sheet_of_another_name_is_read_and_noted(make, tmp_path):
    cohort = load("samm", samm(make, tmp_path, SAMM_ROW, sheet="Tabelle1"))
    assert len(cohort) == 1
    assert "no sheet 'MICRO_ONLY'; sheet 'Tabelle1' was read" in cohort.issues["message"].iloc[0]


def test_an_optional_column_that_is_not_there_is_noted(make, tmp_path):
    cohort = load("samm", samm(make, tmp_path, SAMM_ROW[:5], header=SAMM_HEADER[:5]))
    assert "no column for emotion, aus, expression_type" in cohort.issues["message"].iloc[0]


def test_a_workbook_with_a_header_and_no_rows(make, tmp_path):
    message(AnnotationError, "samm", samm(make, tmp_path), "has a header and no rows")


@pytest.mark.parametrize("content", [b"PK\x03\x04 cut off", b"\xd0\xcf\x11\xe0 cut off"])
def test_a_damaged_workbook(tmp_path, content):
    (tmp_path / SAMM).write_bytes(content)
    message(AnnotationError, "samm", tmp_path, SAMM, "not a readable workbook")


def test_what_is_no_workbook(tmp_path):
    (tmp_path / SAMM).write_bytes(b"<html>\xff please log in</html>")
    message(AnnotationError, "samm", tmp_path, SAMM, "neither a workbook nor UTF-8 text")


@pytest.mark.parametrize("value", ["abc", 20.5, True, datetime.date(2020, 1, 2)])
def test_a_workbook_cell_that_is_no_frame(make, tmp_path, value):
    row = [*SAMM_ROW[:3], value, *SAMM_ROW[4:]]
    where = f"{SAMM}, sheet 'MICRO_ONLY', row 3, column 'Apex Frame' (D)"
    message(AnnotationError, "samm", samm(make, tmp_path, SAMM_ROW, row), where, "found")


def test_a_clip_that_a_spreadsheet_took_for_a_date(make, tmp_path):
    row = ["006", datetime.date(2020, 1, 2), *SAMM_ROW[2:]]
    message(AnnotationError, "samm", samm(make, tmp_path, row), "found the date 2020-01-02")


def test_a_duplicated_clip(make, tmp_path):
    samm(make, tmp_path, SAMM_ROW, SAMM_ROW)
    message(AnnotationError, "samm", tmp_path, "rows 2 and 3: clip '006/006_1_2' stands in both")


def test_a_formula_without_a_value_counts_as_blank(make, tmp_path):
    book = openpyxl.load_workbook(samm(make, tmp_path, SAMM_ROW) / SAMM)
    book.active["D2"] = "=C2+1"
    book.save(tmp_path / SAMM)
    assert load("samm", tmp_path).keyframes["status"].tolist()[1] == "missing"


def test_an_unknown_version(make, tmp_path):
    samm(make, tmp_path, SAMM_ROW)
    with pytest.raises(
        ManifestError, match=r"samm has no annotation version 'v9'; known: micro-v2"
    ):
        load("samm", tmp_path, version="v9")


def test_another_datasets_folder(make, tmp_path):
    own(make, tmp_path, ROW)
    text = message(DataRootError, "samm", tmp_path, "holds no annotation file of SAMM", SAMM)
    assert "load it as folder" in text
    assert "personalpages.manchester.ac.uk" in text


def test_a_version_that_is_not_there_is_refused_and_the_other_one_named(make, tmp_path):
    make.xlsx(tmp_path / "CAS(ME)3_part_A_v2.xls", [["a"]])
    with pytest.raises(DataRootError, match="there is a file of version part-a-v2"):
        load("casme3", tmp_path, version="micro-v2")


def test_two_annotation_files_that_differ(make, tmp_path):
    samm(make, tmp_path / "a", SAMM_ROW)
    samm(make, tmp_path / "b", SAMM_ROW, ["007", *SAMM_ROW[1:]])
    message(DataRootError, "samm", tmp_path, f"a/{SAMM}, b/{SAMM}", "leave the one that is meant")
