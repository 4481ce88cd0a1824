"""Order, phases, durations, duplicates, overlaps and blinks, each planted in a clean cohort."""

from dataclasses import replace

import pytest

import mebias
from mebias import tables
from mebias.audit import audit


def test_a_clean_cohort_gives_notes_only(room):
    issues = audit(room.make(room.clean()), images=False)
    assert set(issues["severity"]) == {"note"}, issues["message"].tolist()
    assert (issues["consequence"] != "").all()


@pytest.mark.parametrize("name", ["4dme", "casme3"])
def test_simulated_cohorts_give_no_false_alarm(name):
    issues = audit(mebias.simulate(name, seed=2), images=False)
    assert set(issues["severity"]) == {"note"}, issues["message"].tolist()


def test_an_apex_before_its_onset_is_an_error_with_its_cell(room):
    row = room.clean()[7]
    cohort = room.planted({"apex": row["onset"] - 9, "status": {"apex": "invalid"}})
    (issue,) = room.found(cohort, "order").to_dict("records")
    assert issue["severity"] == "error"
    assert issue["clip"] == row["clip"]
    assert issue["cell"] == "labels.xlsx, sheet 'label', row 9, column 'Apex' (D)"
    assert f"apex {row['onset'] - 9}" in issue["message"]


def test_an_offset_before_its_onset_discredits_both(room):
    row = room.clean()[3]
    (issue,) = room.found(room.planted({"offset": row["onset"] - 50}, 3), "order").to_dict(
        "records"
    )
    assert issue["cell"] == "labels.xlsx, sheet 'label', row 5, columns 'Onset' (C), 'Offset' (E)"


def test_what_the_loader_said_about_the_order_is_said_once(room):
    row = room.clean()[7]
    cohort = room.planted({"apex": row["onset"] - 9})
    frames = f"onset {row['onset']}, apex {row['onset'] - 9}, offset {row['offset']}"
    said = tables.issue(
        "warning", "as the loader says it.", dataset="folder", clip=row["clip"], found=frames,
        check="order",
    )  # fmt: skip
    cohort = replace(cohort, issues=tables.from_rows([said], "issues"))
    (issue,) = room.found(cohort, "order").to_dict("records")
    assert (issue["severity"], issue["message"]) == ("error", "as the loader says it.")
    assert issue["consequence"]


def test_phases_of_no_frames(room):
    row = room.clean()[7]
    for change, word in (({"apex": row["onset"]}, "rise"), ({"apex": row["offset"]}, "fall")):
        (issue,) = room.found(room.planted(change), "phase").to_dict("records")
        assert issue["severity"] == "warning"
        assert f"{word} lasts 0 frames" in issue["message"]


def test_a_censored_onset_is_a_note_and_no_phase_of_no_frames(room):
    row = room.clean()[7]
    change = {"onset": row["apex"], "status": {"onset": "censored"}}
    cohort = room.planted(change)
    assert room.found(cohort, "phase").empty
    (issue,) = room.found(cohort, "censored").to_dict("records")
    assert issue["message"].startswith("1 onset equals its apex")


def test_a_keyframe_that_was_not_coded_is_a_note(room):
    (issue,) = room.found(room.planted({"apex": float("nan")}), "missing").to_dict("records")
    assert (issue["severity"], issue["field"]) == ("note", "apex")
    assert issue["cell"] == "labels.xlsx, sheet 'label', row 9, column 'Apex' (D)"


def test_a_dataset_without_any_apex_is_no_finding_of_each_clip(room):
    rows = [{**row, "apex": float("nan")} for row in room.clean()]
    issues = audit(room.make(rows), images=False)
    assert set(issues["severity"]) == {"note"}
    assert not issues["check"].isin(["missing", "phase"]).any()


def test_durations_against_the_rule_tell_rounding_apart(room):
    manifest = room.limited(max_duration_ms=700.0)
    row = room.clean()[7]
    beyond = room.planted({"offset": row["onset"] + 71}, manifest=manifest)  # 72 frames of 10 ms
    (issue,) = room.found(beyond, "duration").to_dict("records")
    assert (issue["severity"], issue["clip"]) == ("warning", row["clip"])
    assert "720 ms at 100 fps" in issue["message"]
    assert "'Onset' (C), 'Offset' (E)" in issue["cell"]
    within = room.planted({"offset": row["onset"] + 70}, manifest=manifest)  # 71 frames
    (issue,) = room.found(within, "duration").to_dict("records")
    assert issue["severity"] == "note"
    assert "rounding" in issue["message"]
    exact = room.planted({"offset": row["onset"] + 69}, manifest=manifest)
    assert room.found(exact, "duration").empty


def test_rises_and_short_durations_against_the_rule(room):
    row = room.clean()[7]
    slow = room.planted(
        {"apex": row["onset"] + 30, "offset": row["onset"] + 45},
        manifest=room.limited(max_rise_ms=250.0),
    )
    (issue,) = room.found(slow, "duration", "warning").to_dict("records")
    assert issue["field"] == "rise"
    short = room.planted(
        {"apex": row["onset"] + 2, "offset": row["onset"] + 4},
        manifest=room.limited(min_duration_ms=100.0),
    )
    (issue,) = room.found(short, "duration", "warning").to_dict("records")
    assert "at least 100 ms" in issue["message"]


def test_a_rule_is_about_its_types_only(room):
    rows = room.clean()
    for place, row in enumerate(rows):
        row["expression_type"] = "macro" if place % 2 else "micro"
    rows[7]["offset"] = rows[7]["onset"] + 71
    manifest = room.limited(max_duration_ms=700.0, types=("micro",))
    assert room.found(room.make(rows, manifest=manifest), "duration").empty
    rows[8]["offset"] = rows[8]["onset"] + 71
    flagged = room.found(room.make(rows, manifest=manifest), "duration")
    assert flagged["clip"].tolist() == [rows[8]["clip"]]


def test_without_a_rule_the_longest_are_named(room):
    row = room.clean()[7]
    cohort = room.planted({"offset": row["onset"] + 3456, "video": "p02/w"})
    issues = room.found(cohort, "duration")
    assert issues["severity"].tolist() == ["warning", "note"]
    assert row["clip"] in issues["message"].iloc[0]
    assert f"{row['clip']} (34570 ms)" in issues["message"].iloc[1]


def test_duplicates_and_overlaps_name_both_cells(room):
    rows = room.clean()
    rows.append({**rows[7], "clip": "p02/copy"})
    (issue,) = room.found(room.make(rows), "duplicate").to_dict("records")
    assert (issue["severity"], issue["clip"]) == ("warning", "p02/copy")
    assert "row 9" in issue["cell"] and "row 62" in issue["cell"]
    frames = {k: rows[7][k] + 5 for k in tables.KEYFRAMES}
    rows[-1] |= frames
    (issue,) = room.found(room.make(rows), "overlap").to_dict("records")
    shared = rows[7]["offset"] - frames["onset"] + 1
    assert issue["severity"] == "warning"
    assert f"({shared} in all)" in issue["message"]
    rows[-1]["video"] = "p02/other"
    assert room.found(room.make(rows), "overlap").empty


def test_one_frame_in_common_is_a_note(room):
    rows = room.clean()
    end = rows[7]["offset"]
    rows.append({**rows[7], "clip": "p02/n", "onset": end, "apex": end + 9, "offset": end + 20})
    (issue,) = room.found(room.make(rows), "overlap").to_dict("records")
    assert issue["severity"] == "note"


def test_one_long_expression_overlaps_all_it_holds(room):
    rows = [row for row in room.clean() if row["subject"] == "p01"]
    low, high = rows[0]["onset"] - 1, rows[-1]["offset"] + 1
    rows.append({**rows[0], "clip": "p01/x", "onset": low, "apex": low + 5, "offset": high})
    assert len(room.found(room.make(rows), "overlap")) == len(rows) - 1


def test_two_coders_of_one_clip_do_not_overlap(room):
    rows = room.clean()
    rows = [{**row, "coder": coder} for row in rows for coder in ("A", "B")]
    cohort = room.make(rows)
    assert room.found(cohort, "overlap").empty
    assert room.found(cohort, "duplicate").empty


def test_blinks_from_units_columns_and_lists_are_one_row_per_clip(room):
    row = room.clean()[7]
    blink = {
        "dataset": "folder", "video": row["video"], "onset": row["offset"] - 2,
        "offset": row["offset"] + 8, "cell": "labels.xlsx, sheet 'eye blink', row 4",
    }  # fmt: skip
    cohort = room.planted({"aus": "4+L45", "eye_blink": "1"}, blinks=[blink])
    issue, coverage = room.found(cohort, "blink").to_dict("records")
    assert issue["clip"] == row["clip"]
    assert "1 of 12 subjects" in coverage["message"]
    for word in ("4+L45", "eye_blink says 1", "shares 3 of its"):
        assert word in issue["message"]
    assert "row 9" in issue["cell"] and "row 4" in issue["cell"]


def test_a_blink_elsewhere_and_other_units_are_no_blink(room):
    row = room.clean()[7]
    blink = {"dataset": "folder", "video": row["video"], "onset": row["offset"] + 1,
             "offset": row["offset"] + 8}  # fmt: skip
    cohort = room.planted({"aus": "145+4+5", "eye_blink": "0"}, blinks=[blink])
    assert room.found(cohort, "blink")["severity"].tolist() == ["note"]
