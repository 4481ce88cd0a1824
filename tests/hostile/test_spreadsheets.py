"""Formulas: never taken for what they look like, never written where a program would run them."""

import csv
import io
import zipfile

import hypothesis.strategies as st
import openpyxl
import pandas as pd
import pytest
import xlrd
from hypothesis import given, settings
from openpyxl.worksheet.formula import ArrayFormula

import mebias
from mebias import tables
from mebias.cli import main
from mebias.datasets import load
from mebias.datasets.workbook import read_sheets
from mebias.text_cells import harmless, restored

FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0", "＝1+1",
            '=HYPERLINK("http://x.example","here")', "-@x", "=", "'=1", "''=1", "=\n1"]  # fmt: skip
PLAIN = ["-1", "-1.5e-3", "+2", "-", "+", "@", "", "'tis", "'", "a=b", "4+7", "nan", "-inf", "😀"]
STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def runs(text):
    """Whether a spreadsheet program takes a cell for a formula."""
    try:
        float(text)
    except ValueError:
        return text.startswith(STARTS) and (len(text) > 1 or text in "\t\r")
    return False


@pytest.mark.parametrize("text", FORMULAS + PLAIN)
def test_a_text_is_harmless_and_comes_back(text):
    assert not runs(harmless(text))
    assert restored(harmless(text)) == text
    assert harmless(text) == text or runs(text) or text.startswith("'")


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(st.sampled_from("'=+-@\t\r\n1.eE_ a,;\"＝"), max_size=8) | st.text(max_size=12))
def test_any_text_is_harmless_and_comes_back(text):
    assert not runs(harmless(text))
    assert restored(harmless(text)) == text


@pytest.mark.parametrize("text", FORMULAS + PLAIN)
def test_a_table_is_written_without_formulas_and_read_with_them(tmp_path, text):
    row = {"dataset": text, "clip": text, "field": text, "severity": "note", "message": text}
    table = tables.conform(pd.DataFrame([row | {"=mine": text}]), "issues")
    tables.write_csv(table, tmp_path / "issues.csv")
    with (tmp_path / "issues.csv").open(newline="", encoding="utf-8") as file:
        cells = [cell for line in csv.reader(file) for cell in line]
    assert not [cell for cell in cells if runs(cell)]
    again = tables.read_csv(tmp_path / "issues.csv", "issues")
    pd.testing.assert_frame_equal(again, table, check_dtype=False)


def test_everything_that_a_run_on_hostile_names_writes(tmp_path, capsys):
    """Clips, subjects, groups and emotions that are formulas: in no CSV of any command."""
    names = ["=1+1", "+x", "-y", "@z", "=cmd|' /C calc'!A0"]
    rows = [
        {"dataset": "=d", "clip": f"{names[i % 5]}{i}", "subject": f"{names[i % 5]}s{i % 10}",
         "ethnicity": "@g" if i % 10 % 2 else "=h", "emotion": "+e", "keyframe": k, "human": h,
         "selected": h + i % 3, "fps": 100, "source": "=rule"}
        for i in range(30) for k, h in (("onset", 10), ("apex", 30), ("offset", 60))
    ]  # fmt: skip
    tables.write_csv(pd.DataFrame(rows), tmp_path / "t.csv")
    assert main(["quantify", str(tmp_path / "t.csv"), "--out", str(tmp_path / "o"), "--quiet"]) == 0
    written = sorted((tmp_path / "o").glob("*.csv"))
    assert len(written) >= 4
    for path in written:
        with path.open(newline="", encoding="utf-8") as file:
            for line in csv.reader(file):
                assert not [cell for cell in line if runs(cell)], (path.name, line)
    estimates = tables.read_csv(tmp_path / "o" / "estimates.csv", "estimates")
    assert {"=h", "@g"} <= set(estimates["ethnicity"])
    assert set(estimates["dataset"]) == {"=d"}


def test_labels_written_and_loaded_again_keep_their_names(tmp_path):
    row = {"clip": "=c1", "subject": "-s", "onset": 1, "apex": 2, "offset": 3, "fps": 9,
           "emotion": "@e"}  # fmt: skip
    tables.write_csv(pd.DataFrame([row]), tmp_path / "annotations.csv")
    assert "'=c1,'-s" in (tmp_path / "annotations.csv").read_text()
    clips = load("folder", tmp_path).clips
    assert clips[["clip", "subject", "emotion"]].iloc[0].tolist() == ["=c1", "-s", "@e"]


HEADER = ["clip", "subject", "onset", "apex", "offset", "fps"]


def own(root, *rows):
    root.mkdir()
    with (root / "annotations.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *rows])
    return root


def test_an_export_has_no_formula_that_was_not_there(tmp_path):
    cohort = load("folder", own(tmp_path / "d", ["=c1", "+s", 3, "=2+3" and 5, 8, 100]))
    keyframes = pd.DataFrame([{"clip": "=c1", "keyframe": "apex", "frame": 6, "source": "=mine",
                               "status": "selected"}])  # fmt: skip
    done = mebias.export(cohort, keyframes, tmp_path / "out")
    with (tmp_path / "out" / "keyframes_export.csv").open(newline="", encoding="utf-8") as file:
        assert not [cell for line in csv.reader(file) for cell in line if runs(cell)]
    again = tables.read_text_csv(tmp_path / "out" / "keyframes_export.csv")
    assert again["source"].iloc[1] == "=mine"
    assert again["clip"].iloc[0] == "=c1"
    assert done.train[0].read_text().splitlines()[1].startswith("=c1,+s,3,6,8")  # as its authors


SAMM = "SAMM_Micro_FACS_Codes_v2.xlsx"
SAMM_HEADER = ["Subject", "Filename", "Onset Frame", "Apex Frame", "Offset Frame",
               "Estimated Emotion", "Action Units", "Micro"]  # fmt: skip


def samm(path, change, cached=None):
    """A workbook with a formula in D2 and, if wanted, the value that a program left there."""
    book = openpyxl.Workbook()
    book.active.title = "MICRO_ONLY"
    book.active.append(SAMM_HEADER)
    book.active.append(["006", "006_1_2", 10, 20, 30, "Anger", "4", "Micro - 1/2"])
    change(book.active)
    path.mkdir(exist_ok=True)
    book.save(path / SAMM)
    if cached is not None:
        made = (path / SAMM).read_bytes()
        with zipfile.ZipFile(io.BytesIO(made)) as old, zipfile.ZipFile(path / SAMM, "w") as new:
            for name in old.namelist():
                data = old.read(name)
                if name.endswith("sheet1.xml"):
                    assert data.count(b"<v />") + data.count(b"<v/>") == 1
                    data = data.replace(b"<v />", cached).replace(b"<v/>", cached)
                new.writestr(name, data)
    return path


@pytest.mark.parametrize(
    "formula",
    ["=C2+1", "='[other.xlsx]Sheet1'!A1", "='file:///etc/[passwd]Sheet1'!A1",
     '=WEBSERVICE("http://x.example")', "=cmd|'/C calc'!A0", ArrayFormula("D2:D2", "=C2+1")],
)  # fmt: skip
def test_formulas_and_links_of_a_workbook_are_never_followed(tmp_path, formula):
    def put(sheet):
        sheet["D2"] = formula

    cohort = load("samm", samm(tmp_path / "a", put))
    assert cohort.keyframes["status"].tolist()[1] == "missing"
    cohort = load("samm", samm(tmp_path / "b", put, b"<v>21</v>"))
    assert cohort.keyframes["frame"].tolist()[1] == 21  # what a program had computed and stored


def test_a_text_that_looks_like_a_formula_is_a_text(tmp_path):
    def put(sheet):
        sheet["F2"] = "=1+1"
        sheet["F2"].data_type = "s"

    assert load("samm", samm(tmp_path / "a", put)).clips["emotion"].iloc[0] == "=1+1"


def test_external_parts_of_a_workbook_are_not_opened(tmp_path):
    samm(tmp_path / "a", lambda sheet: None)
    path = tmp_path / "a" / SAMM
    whole = path.read_bytes()
    link = (b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            b'<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
            b'relationships/externalLinkPath" Target="file:///etc/passwd" TargetMode="External"/>'
            b"</Relationships>")  # fmt: skip
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
        new.writestr("xl/externalLinks/_rels/externalLink1.xml.rels", link)
        new.writestr("xl/externalLinks/externalLink1.xml", b"broken <")
        new.writestr("../../evil.txt", b"no")
    assert len(load("samm", tmp_path / "a")) == 1
    assert not (tmp_path.parent / "evil.txt").exists()
    assert sorted(p.name for p in tmp_path.rglob("*")) == [SAMM, "a"]


def test_an_old_workbook_keeps_texts_as_texts(tmp_path):
    import xlwt

    book = xlwt.Workbook()
    sheet = book.add_sheet("s")
    sheet.write(0, 0, "=1+1")
    sheet.write(1, 0, xlwt.Formula("1+1"))
    book.save(str(tmp_path / "a.xls"))
    assert xlrd.open_workbook(tmp_path / "a.xls").nsheets == 1
    assert read_sheets(tmp_path / "a.xls")[0].rows[0][1] == ("=1+1",)
