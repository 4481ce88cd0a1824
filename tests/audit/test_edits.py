"""Edits between two versions of a table, in the layout of one's own folder."""

import csv

import pytest

import mebias
from mebias.audit import audit
from mebias.audit.edits import digit_slip
from mebias.errors import OptionError

COLUMNS = ("clip", "subject", "onset", "apex", "offset", "emotion", "fps")


def write(path, rows):
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows({"fps": 100, **row} for row in rows)


@pytest.fixture
def versions(room, tmp_path):
    """Audit of new rows against old ones."""

    def run(old, new):
        root = tmp_path / "data"
        root.mkdir(exist_ok=True)
        write(tmp_path / "first.csv", old)
        write(root / "annotations.csv", new)
        issues = audit(mebias.load("folder", root), against=tmp_path / "first.csv", images=False)
        return issues[issues["check"] == "edits"]

    return run


def moved(rows, place, **change):
    return [{**row, **(change if n == place else {})} for n, row in enumerate(rows)]


def test_small_edits_are_counted_only(room, versions):
    old = room.clean()
    new = [{**row, "apex": row["apex"] + n % 3} for n, row in enumerate(old)]
    issues = versions(old, new)
    notes = issues[issues["severity"] == "note"]["message"].tolist()
    assert "60 expressions in both: 40 apexes differ" in " ".join(notes)
    assert issues[issues["severity"] == "warning"].empty


def test_a_wrong_digit_has_its_cell(room, versions):
    old = moved(room.clean(), 7, onset=3640, apex=3655, offset=3690)
    issues = versions(old, moved(old, 7, onset=2640))
    (issue,) = issues[issues["severity"] == "warning"].to_dict("records")
    assert issue["clip"] == old[7]["clip"]
    assert "went from 3640 to 2640 (-1000 frames, -10000 ms)" in issue["message"]
    assert "one digit" in issue["message"]
    assert "annotations.csv, row 9, column 'onset' (C)" in issue["cell"]


def test_a_far_edit_among_many(room, versions):
    old = room.clean()
    new = [{**row, "apex": row["apex"] + 1 + n % 4} for n, row in enumerate(old)]
    new[20] |= {"apex": old[20]["apex"] + 1131, "offset": old[20]["offset"] + 1131}
    issues = versions(old, new)
    assert old[20]["clip"] in issues[issues["severity"] == "warning"]["clip"].tolist()
    assert issues["message"].str.contains("the median edit is 3 frames").any()


def test_digit_counts_that_change_as_text_sorts(room, versions):
    old = [{**row, "onset": 950 + n, "apex": 970 + n, "offset": 990 + n % 9}
           for n, row in enumerate(room.clean()[:8])]  # fmt: skip
    old = [{**row, "apex": min(row["apex"], row["offset"])} for row in old]
    new = [{**row, "offset": row["offset"] + 60} for row in old]
    assert versions(old, new)["message"].str.contains("as frames sorted as text do").any()


def test_a_cohort_that_was_not_read_from_a_table(room, tmp_path):
    write(tmp_path / "old.csv", room.clean())
    with pytest.raises(OptionError, match="was not read from a table"):
        audit(room.make(room.clean(), with_cells=False), against=tmp_path / "old.csv")


@pytest.mark.parametrize(
    ("old", "new", "slip"),
    [
        (599, 799, "one digit"),
        (304, 340, "two swapped digits"),
        (340, 360, ""),
        (99, 199, ""),
        (12345, 12345, ""),
        (1234, 4321, ""),
    ],
)
def test_digit_slip(old, new, slip):
    assert digit_slip(old, new) == slip
