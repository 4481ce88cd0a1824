"""The tables' checks: what they accept, and what they say when they refuse."""

import pandas as pd
import pytest

from mebias import tables
from mebias.errors import TableError


@pytest.mark.parametrize("name", tables.SCHEMAS)
def test_every_table_round_trips_through_csv(name, tmp_path):
    row = {c: {"text": "x", "flag": True}.get(s.kind, 2.0) for c, s in tables.SCHEMAS[name].items()}
    table = tables.from_rows([row, row], name)
    tables.write_csv(table, tmp_path / "t.csv")
    pd.testing.assert_frame_equal(tables.read_csv(tmp_path / "t.csv", name), table)


def test_missing_column_is_named_with_the_nearest_one_found():
    with pytest.raises(TableError, match=r"no column message.*did you mean mesage"):
        tables.conform(pd.DataFrame({"severity": ["note"], "mesage": ["hm"]}), "issues")


def test_a_bad_number_is_named_by_row_and_column():
    table = pd.DataFrame(
        {"source": ["s"] * 2, "keyframe": "apex", "quantity": "q", "estimate": ["1", "1,5"]}
    )
    with pytest.raises(TableError, match=r"row 3, column estimate: found '1,5'"):
        tables.conform(table, "estimates")


def test_a_fractional_frame_is_refused_where_a_whole_number_is_due():
    table = pd.DataFrame(
        {"clip": ["c"], "subject": "s", "fps": 60, "keyframe": "apex", "human": 1.5, "selected": 2}
    )
    with pytest.raises(TableError, match=r"column human: found '1.5', expected a whole number"):
        tables.conform(table, "shifts")


@pytest.mark.parametrize("content", [b"", b"a,b\n1\n", b"a,a\n1,2\n", b"\xff\xfe\n", b'a\n"1'])
def test_a_broken_csv_is_one_of_our_errors(content, tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(TableError, match=r"t\.csv"):
        tables.read_csv(path, "issues")


@pytest.mark.parametrize(("sign", "name"), [(";", "semicolons"), ("\t", "tabs")])
def test_other_separators_are_named(tmp_path, sign, name):
    path = tmp_path / "t.csv"
    path.write_text(f"clip{sign}subject{sign}fps\na{sign}1{sign}59,9\n", encoding="utf-8")
    with pytest.raises(TableError, match=f"t.csv has {name} between its columns.*commas"):
        tables.read_csv(path, "shifts")


def test_a_question_mark_in_the_name_of_a_file_stays(tmp_path):
    with pytest.raises(TableError) as error:
        tables.read_csv(tmp_path / "which?.csv", "shifts")
    assert "which?.csv was not found" in str(error.value)
