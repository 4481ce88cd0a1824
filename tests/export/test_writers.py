"""Cells set in files of each format, down to their bytes."""

import io
import zipfile

import openpyxl
import pandas as pd
import pytest
import xlrd
import xlwt
from hypothesis import given, settings
from hypothesis import strategies as st

from mebias import errors
from mebias.datasets.workbook import read_sheets
from mebias.export.edits import Change
from mebias.export.files import write_edited

HEAD = ["Subject", "Onset", "Apex"]


def edit(path, changes, sheet="", columns="replace"):
    target = path.with_name("new_" + path.name)
    write_edited(path, target, {sheet: changes}, columns)
    return target


def onset(row, frame, status="selected"):
    return Change(row, 1, "Onset", frame, status)


def workbook(path, rows, **others):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for name, value in others.items():
        book.create_sheet(name)["A1"] = value
    book.save(path)
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s,onset\na,5\n", "s,onset,onset_human,onset_mebias,onset_status\na,7,5,7,selected\n"),
        (
            '\ufeff"s";"onset"\r\n"a;b";"5"\r\n',
            '\ufeff"s";"onset";"onset_human";"onset_mebias";"onset_status"\r\n'
            '"a;b";"7";"5";"7";"selected"\r\n',
        ),
        ("s\tonset\na\t005", "s\tonset\tonset_human\tonset_mebias\tonset_status\n"
                             "a\t007\t005\t007\tselected"),
        ("s,onset\na,\n\n", "s,onset,onset_human,onset_mebias,onset_status\na,7,,7,selected\n\n"),
        ("s,onset\na,=1\n", "s,onset,onset_human,onset_mebias,onset_status\n"
                             "a,7,\"'=1\",7,selected\n"),
    ],
)  # fmt: skip
def test_csv_keeps_delimiter_quotes_mark_and_line_ends(tmp_path, text, expected):
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode())
    done = edit(path, [Change(2, 1, "onset", 7, "selected")])
    assert done.read_bytes().decode() == expected


def test_csv_with_line_breaks_and_quotes_in_cells(tmp_path):
    path = tmp_path / "t.csv"
    text = 's,onset,note\na,5,"two\nlines, ""x"""\n,,\nb,6,\n'
    path.write_bytes(text.encode())
    done = edit(path, [Change(5, 1, "onset", 9, "selected")])
    lines = done.read_bytes().decode()
    assert lines.startswith(
        's,onset,note,onset_human,onset_mebias,onset_status\na,5,"two\nlines, ""x""",,,\n'
    )
    assert lines.endswith(",,\nb,9,,6,9,selected\n")


def test_xlsx_parts_other_than_the_sheet_are_passed_on(tmp_path):
    path = workbook(tmp_path / "t.xlsx", [HEAD, ["a", 3, 8]], Notes="=1+1")
    done = edit(path, [onset(2, 4)], "Sheet")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(done) as new:
        assert new.namelist() == old.namelist()
        changed = [n for n in old.namelist() if old.read(n) != new.read(n)]
        dates = [
            (a.date_time == b.date_time)
            for a, b in zip(old.infolist(), new.infolist(), strict=True)
        ]
    assert changed == ["xl/worksheets/sheet1.xml"]
    assert all(dates)


def with_part(path, name, replace):
    """A workbook with a part put otherwise."""
    out = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for item in old.namelist():
            part = old.read(item)
            new.writestr(item, replace(part) if item == name else part)
    path.write_bytes(out.getvalue())
    return path


def test_results_of_formulas_survive(tmp_path):
    path = workbook(tmp_path / "t.xlsx", [[*HEAD, "Rise"], ["a", 3, 8, 5]])
    cell = b'<c r="D2" t="n"><v>5</v></c>'
    formula = b'<c r="D2"><f>C2-B2</f><v>5</v></c>'
    with_part(path, "xl/worksheets/sheet1.xml", lambda part: part.replace(cell, formula))
    done = edit(path, [onset(2, 4)], "Sheet")
    assert pd.read_excel(done)["Rise"].tolist() == [5]
    assert openpyxl.load_workbook(done).active["D2"].value == "=C2-B2"


def test_a_keyframe_in_a_formula_is_replaced_by_the_frame(tmp_path):
    path = workbook(tmp_path / "t.xlsx", [HEAD, ["a", 3, 8]])
    cell = b'<c r="B2" t="n"><v>3</v></c>'
    sheet = "xl/worksheets/sheet1.xml"
    with_part(path, sheet, lambda p: p.replace(cell, b'<c r="B2"><f>1+2</f><v>3</v></c>'))
    done = edit(path, [onset(2, 4)], "Sheet")
    row = openpyxl.load_workbook(done).active[2]
    assert [c.value for c in row] == ["a", 4, 8, 3, 4, "selected"]
    shared = b'<c r="B2"><f t="shared" ref="B2:B3" si="0">1+2</f><v>3</v></c>'
    with_part(path, sheet, lambda p: p.replace(b'<c r="B2"><f>1+2</f><v>3</v></c>', shared))
    with pytest.raises(errors.AnnotationError, match=r"cell B2.*formula that other cells share"):
        edit(path, [onset(2, 4)], "Sheet")


def test_xlsx_with_prefixed_names_and_cells_without_places(tmp_path):
    path = workbook(tmp_path / "t.xlsx", [HEAD, ["a", 3, 8]])

    def prefixed(part):
        for name in (b"worksheet", b"sheetData", b"row", b"c", b"v", b"dimension"):
            part = part.replace(b"<%s " % name, b"<x:%s " % name).replace(
                b"<%s>" % name, b"<x:%s>" % name
            )
            part = part.replace(b"</%s>" % name, b"</x:%s>" % name)
        part = part.replace(
            b'xmlns="',
            b'xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns="',
        )
        return part.replace(b' r="B2"', b"").replace(b' r="C2"', b"")

    with_part(path, "xl/worksheets/sheet1.xml", prefixed)
    done = edit(path, [onset(2, 4)], "Sheet")
    rows = [row for _, row in read_sheets(done)[0].rows]
    assert rows[1] == ("a", 4, 8, 3, 4, "selected")


def test_blank_keyframes_take_a_number(tmp_path):
    path = workbook(tmp_path / "t.xlsx", [HEAD, ["a", None, 8], ["b", "/", 9], ["c", " 012 ", 9]])
    done = edit(path, [onset(2, 4), onset(3, 5), onset(4, 13)], "Sheet")
    column = [row[1] for _, row in read_sheets(done)[0].rows]
    assert column == ["Onset", 4, 5, " 013 "]


def test_xls_keeps_types_styles_and_other_sheets(tmp_path):
    book = xlwt.Workbook()
    sheet = book.add_sheet("data")
    bold = xlwt.easyxf("font: bold on", num_format_str="0.00")
    for c, name in enumerate(HEAD):
        sheet.write(0, c, name)
    for c, value in enumerate(["a", "003", 8]):
        sheet.write(1, c, value, bold)
    for c, value in enumerate(["b", 3.5, True]):
        sheet.write(2, c, value)
    book.add_sheet("other").write(4, 2, "kept")
    path = tmp_path / "t.xls"
    book.save(str(path))
    done = edit(path, [onset(2, 4), onset(3, 5), Change(2, 2, "Apex", 9, "truncated")], "data")
    new = xlrd.open_workbook(done, formatting_info=True)
    values = [[cell.value for cell in new.sheet_by_name("data").row(r)] for r in range(3)]
    assert values[1] == ["a", "004", 9.0, "003", "004", "selected", 8.0, 9.0, "truncated"]
    assert values[2][:6] == ["b", 5.0, 1, 3.5, 5.0, "selected"]
    xf = new.xf_list[new.sheet_by_name("data").cell_xf_index(1, 1)]
    assert new.font_list[xf.font_index].bold
    assert new.format_map[xf.format_key].format_str == "0.00"
    assert new.sheet_by_name("other").cell_value(4, 2) == "kept"


def test_an_xls_without_room_is_refused_in_words(tmp_path):
    book = xlwt.Workbook()
    sheet = book.add_sheet("data")
    for c in range(255):
        sheet.write(0, c, HEAD[c] if c < 3 else f"h{c}")
        sheet.write(1, c, 5)
    book.save(str(tmp_path / "t.xls"))
    with pytest.raises(errors.AnnotationError, match=r"t\.xls cannot be written anew.*save it as"):
        edit(tmp_path / "t.xls", [onset(2, 4)], "data")


cells = st.one_of(
    st.none(),
    st.integers(0, 10**6),
    st.floats(0, 1e6).map(lambda x: round(x, 3)),
    st.text("ab/ é'=+<&>\"", max_size=4),
    st.integers(0, 999).map(str),
)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=5),
    frame=st.integers(0, 10**5),
    suffix=st.sampled_from([".xlsx", ".xls", ".csv"]),
    columns=st.sampled_from(["replace", "beside"]),
)
def test_any_table_reads_back(tmp_path_factory, rows, frame, suffix, columns):
    from authors import books

    path = tmp_path_factory.mktemp("t") / f"t{suffix}"
    body = [["x", *row] for row in rows]
    books.write(path, {"S": [["Key", *HEAD], *body]})
    sheet = "" if suffix == ".csv" else "S"
    changes = [Change(r, 2, "Onset", frame + r, "selected") for r in range(2, len(rows) + 2)]
    write_edited(path, path.with_name("new" + suffix), {sheet: changes}, columns)
