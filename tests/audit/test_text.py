"""What the command line prints, and how fast it all is."""

import time

import pandas as pd

from mebias import tables
from mebias.audit import audit, consequences, summary_text


def test_the_text_is_grouped_short_and_ends_with_consequences(room):
    rows = room.clean()
    for row in rows[::3]:
        row["apex"] = row["onset"]
    rows[31]["apex"] = rows[31]["offset"] + 5
    cohort = room.make(rows)
    issues = audit(cohort, images=False)
    text = summary_text(issues, cohort)
    lines = text.splitlines()
    assert lines[0] == "folder: 60 clips, 12 subjects"
    assert lines[1].startswith(f"1 error, {(issues['severity'] == 'warning').sum()} warnings")
    assert max(map(len, lines)) <= 100
    assert "WARNING  phase (20)" in lines
    assert "  and 12 more (issues.csv)" in lines
    assert text.index("ERROR") < text.index("WARNING") < text.index("NOTE")
    end = lines[lines.index("What the rest of mebias does about it") + 1 :]
    assert end[0].startswith("  order:")


def test_consequences_count_by_check(room):
    rows = room.clean()
    rows[3]["apex"] = rows[3]["onset"]
    issues = audit(room.make(rows), images=False)
    table = consequences(issues).set_index("check")
    assert table.loc["phase", ["error", "warning", "note"]].tolist() == [0, 1, 0]
    assert (table["consequence"] != "").all()
    assert int(table[["error", "warning", "note"]].to_numpy().sum()) == len(issues)


def test_no_issues_give_a_text_of_two_lines(room):
    assert len(summary_text(tables.empty("issues"), room.make(room.clean())).splitlines()) == 2


def test_ten_thousand_clips_take_seconds(room):
    rows = room.clean(subjects=400, each=25)
    for place in range(0, len(rows), 10):
        rows[place]["aus"] = "4+45"
    cohort = room.make(rows)
    start = time.perf_counter()
    issues = audit(cohort, images=False)
    summary_text(issues, cohort)
    assert time.perf_counter() - start < 8
    assert (issues["check"] == "blink").sum() == 1000
    assert isinstance(issues, pd.DataFrame)
