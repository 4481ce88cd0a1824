"""A report to pass on: nobody's name, no clip's row, no small group."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import mebias
from mebias import tables
from mebias.quantification.measured import Measured
from mebias.reporting import write_report
from mebias.reporting.content import Content
from mebias.reporting.shareable import large_groups, shareable

NAMES = {"subject": "Ada Person", "clip": "Ada Person/secret take"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory, inputs):
    """The same findings written for oneself and to pass on; one subject has a telling name."""
    made = {}
    for share in (False, True):
        given = inputs.cohort()
        findings = given["findings"]
        shifts = findings.shifts.copy()
        names = {s: f"Ada Person {s}" for s in shifts["subject"].unique()}
        shifts["clip"] = [f"{names[s]}/secret take {c}" for s, c in
                          zip(shifts["subject"], shifts["clip"], strict=True)]  # fmt: skip
        shifts["subject"] = shifts["subject"].map(names)
        given["findings"] = mebias.quantify(shifts, min_subjects=2)
        issues = given["findings"].issues
        rows = [
            {"dataset": "d", "clip": shifts["clip"][0], "severity": "warning", "message": "m1 x"},
            {"dataset": "d", "severity": "warning",
             "message": f"m2 stands out: subject {shifts['subject'][0]}"},
            {"dataset": "d", "severity": "warning", "message": "m3 about all"},
        ]  # fmt: skip
        more = mebias.tables.from_rows(rows, "issues")
        both = mebias.tables.conform(pd.concat([issues, more]), "issues")
        given["findings"] = replace(given["findings"], issues=both)
        layout = {"from": "as stored", "folders": {"Ada Person": 8}, "such_as": "Ada_1.jpg"}
        settings = given["provenance"]["cohorts"]["d"] | {"frames": layout}
        given["provenance"] = given["provenance"] | {"cohorts": {"d": settings}}
        out = tmp_path_factory.mktemp("shared") / str(share)
        made[share] = write_report(out, **given, share=share).out
    return made


def test_no_name_is_in_any_byte(shared):
    for path in shared[True].rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert b"Ada" not in data, path
            assert b"secret" not in data, path
    for name in ("tables/shifts.csv", "provenance.json", "report.html"):
        assert b"Ada" in (shared[False] / name).read_bytes()
    record = json.loads((shared[True] / "provenance.json").read_text(encoding="utf-8"))
    assert record["cohorts"]["d"]["frames"] == {"from": "as stored"}


def test_no_row_of_a_clip_is_written_and_numbers_are_the_same(shared):
    files = {p.name for p in (shared[True] / "tables").iterdir()}
    assert not files & {"shifts.csv", "clips.csv", "keyframes.csv", "predictions.csv", "flags.csv"}
    one, two = (pd.read_csv(shared[s] / "tables" / "estimates.csv") for s in (False, True))
    np.testing.assert_array_equal(one["estimate"], two["estimate"])
    np.testing.assert_array_equal(one["conf_low"], two["conf_low"])


def test_findings_about_people_are_counted_and_the_others_stay(shared):
    found = json.loads((shared[True] / "findings.json").read_text(encoding="utf-8"))["issues"]
    told = " ".join(row["message"] for row in found)
    assert "m3 about all" in told
    assert "m1" not in told
    assert "m2" not in told
    hidden = re.search(r"(\d+) findings about single clips, cells or people", told)
    assert int(hidden[1]) >= 2


def test_the_page_says_what_form_it_has(shared):
    assert "Shareable form." in (shared[True] / "report.html").read_text(encoding="utf-8")
    assert "Shareable form." not in (shared[False] / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("sizes", "kept"),
    [
        ({"A": 9, "B": 7}, {"A": 9, "B": 7}),
        ({"A": 9, "B": 4}, {"other groups": 13}),
        ({"A": 9, "B": 3, "C": 3}, {"A": 9, "other groups": 6}),
        ({"A": 9, "B": 6, "C": 2}, {"A": 9, "other groups": 8}),
        ({"A": 3}, {"A": 3}),
        ({"A": 1, "B": 1}, {"other groups": 2}),
    ],
)
def test_no_group_is_small_and_none_can_be_had_by_subtraction(sizes, kept):
    rows = [{"subject": f"{g}{i}", "ethnicity": g} for g, n in sizes.items() for i in range(n)]
    clips = pd.DataFrame(rows)
    groups = clips["ethnicity"].replace(large_groups(clips, 5))
    assert groups.value_counts().to_dict() == kept


def test_a_whole_report_to_pass_on(tmp_path):
    cohort = mebias.simulate("4dme", n_subjects=13, n_clips=40, size=(32, 32))
    report = mebias.report(cohort, out=tmp_path, recognizer="none", shareable=True)
    groups = set(report.findings.shifts["ethnicity"])
    sizes = report.findings.shifts.groupby("ethnicity")["subject"].nunique()
    assert groups
    assert len(sizes) == 1 or sizes.min() >= 5


def test_a_recognizer_that_noticed_nothing_is_no_obstacle(inputs):
    given = inputs.cohort()
    quiet = Measured("d", "short", issues=tables.empty("issues"))
    shared = shareable(Content(**given, measured=[quiet]))
    assert shared.measured[0].issues.empty


def test_clips_that_are_numbers_leave_the_numbers_of_sentences_alone(inputs):
    given = inputs.cohort()
    shifts = given["findings"].shifts
    numbers = {clip: str(n) for n, clip in enumerate(sorted(set(shifts["clip"])))}
    found = mebias.quantify(shifts.assign(clip=shifts["clip"].map(numbers)), min_subjects=2)
    texts = ["8 subjects, p = 1.000, 4 ms", "clip 4 alone", "clips '4', 5"]
    claims = found.claims.head(3).assign(rests_on=texts)
    rows = [{"dataset": "d", "severity": "warning", "message": text} for text in texts[:2]]
    issues = tables.from_rows(rows, "issues")
    made = Content(**{**given, "findings": replace(found, claims=claims, issues=issues)})
    shared = shareable(made)
    told = shared.findings.claims["rests_on"].tolist()
    assert told[:2] == [texts[0], "clip (not told) alone"]
    assert "'4'" not in told[2]
    assert texts[0] in shared.findings.issues["message"].tolist()
    assert texts[1] not in shared.findings.issues["message"].tolist()
