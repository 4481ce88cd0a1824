"""What changed since an earlier report."""

import json

import pandas as pd
import pytest

import mebias
from mebias.cli import main
from mebias.errors import MixedDataError, OptionError
from mebias.reporting import Earlier, changes_section, read_earlier, write_report
from mebias.reporting.changes import BEYOND, changes
from mebias.reporting.content import Content


@pytest.fixture
def earlier(written):
    return read_earlier(written["real"].out)


def edited(earlier, table, row, **values):
    found = json.loads(json.dumps(earlier.found))
    found[table][row] |= values
    return Earlier(earlier.name, found)


def test_the_same_findings_changed_in_nothing(inputs, earlier):
    found = changes(earlier, inputs.cohort()["findings"])
    assert set(found["change"]) == {"same"}
    counts = found["kind"].value_counts()
    assert counts["estimate"] == len(earlier.found["estimates"])
    assert counts["test"] == len(earlier.found["tests"])


def test_every_kind_of_change_is_named(inputs, earlier):
    findings = inputs.cohort()["findings"]
    rows = pd.DataFrame(earlier.found["estimates"])
    place = int(rows["conf_low"].notna().idxmax())
    row = rows.loc[place]

    def one(before):
        found = changes(before, findings)
        return found[found["change"] != "same"]

    near = one(edited(earlier, "estimates", place, estimate=row["estimate"] + 1e-3))
    assert near["change"].tolist() == ["moved"]
    assert near["before"].item() == pytest.approx(near["after"].item() + 1e-3)
    far = {"estimate": 1e3, "conf_low": 999.0, "conf_high": 1001.0}
    assert one(edited(earlier, "estimates", place, **far))["change"].tolist() == [
        "moved beyond its earlier interval"
    ]
    renamed = one(edited(earlier, "estimates", place, quantity="another"))
    assert sorted(renamed["change"]) == ["gone", "new"]
    assert renamed.loc[renamed["change"] == "gone", "what"].item() == "another"
    tests = pd.DataFrame(earlier.found["tests"])
    tested = int(tests["p_adjusted"].notna().idxmax())
    p = 0.001 if tests.loc[tested, "p_adjusted"] > 0.05 else 0.9
    assert one(edited(earlier, "tests", tested, p_adjusted=p))["change"].tolist() == ["crossed 5 %"]
    if earlier.found["claims"]:
        graded = one(edited(earlier, "claims", 0, grade="another"))
        assert graded["change"].tolist() == ["other grade"]


def test_the_page_tells_it_and_the_table_has_it(tmp_path, inputs, earlier):
    place = int(pd.DataFrame(earlier.found["estimates"])["conf_low"].notna().idxmax())
    far = {"estimate": 1e3, "conf_low": 999.0, "conf_high": 1001.0}
    before = edited(earlier, "estimates", place, **far)
    out = write_report(tmp_path / "r", **inputs.cohort(), earlier=before).out
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "What changed" in page
    assert "1 moved beyond its earlier" in page
    assert "999" in page
    table = pd.read_csv(out / "tables" / "changes.csv")
    assert (table["change"] == "moved beyond its earlier interval").sum() == 1


def test_real_and_simulated_are_not_compared(inputs, earlier):
    with pytest.raises(MixedDataError, match="real data and this report of simulated"):
        changes(earlier, inputs.cohort("SIMULATED d")["findings"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "cannot be read"),
        ("not json", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "has no table estimates"),
        ('{"estimates": [1], "tests": [], "claims": []}', "has no table estimates"),
    ],
)
def test_a_file_that_is_not_findings_is_told_in_one_sentence(tmp_path, text, told):
    file = tmp_path / "f.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(OptionError, match=told):
        read_earlier(file)


@pytest.mark.usefixtures("svg_only")
def test_from_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("MEBIAS_DATA", raising=False)
    small = mebias.simulate("4dme", n_subjects=8, n_clips=32, size=(32, 32))
    monkeypatch.setattr("mebias.pipeline.simulate", lambda *_, **__: small)
    out = tmp_path / "a"
    ask = ["report", "4dme", "--recognizer", "none", "--quiet", "--out", str(out)]
    assert main(ask) == 0
    assert main([*ask, "--compare", str(out), "--seed", "0"]) == 0
    assert "nothing changed" in (out / "report.html").read_text(encoding="utf-8")
    assert main([*ask, "--compare", str(tmp_path / "none.json")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_how_the_runs_differ_and_the_main_numbers_come_first(inputs, earlier):
    before = json.loads(json.dumps(earlier.found))
    before["setup"]["arguments"] |= {"seed": 7, "merge_small": True}
    before["setup"]["cohorts"]["d"]["files"]["annotations.csv"] = "cd" * 32
    for row in before["estimates"]:
        if row["quantity"] == "mean_shift" and row["unit"] == "ms":
            row["estimate"] -= 0.25
    content = Content(**inputs.cohort(), earlier=Earlier("then/findings.json", before))
    told = changes_section.section(content).blocks
    grids = {b.caption: [[c.text for c in r] for r in b.rows] for b in told if hasattr(b, "rows")}
    assert grids["How the two runs differ"] == [
        ["seed", "7", "0"], ["merge small", "yes", "none"], ["files of d", "", "changed"],
    ]  # fmt: skip
    main = grids["The main numbers, then and now"]
    assert main[0][:2] == ["mean shift", "d, all subjects, onset, gamdss (signed)"]
    assert {row[-1] for row in main[:3]} <= {"moved within its earlier interval", BEYOND}
    assert "the two intervals are not independent" in told[1].text


def test_an_outcome_of_what_was_planted_that_is_another_is_told(inputs, earlier):
    row = {"dataset": "d", "contrast": "A vs others", "source": "gamdss", "distance": "signed",
           "keyframe": "offset", "found_shift_ms": -9.0, "outcome": "found"}  # fmt: skip
    then = Earlier("a/findings.json", {**earlier.found, "planted": [row]})
    now = {**earlier.found, "planted": [row | {"outcome": "missed", "found_shift_ms": -1.0}]}
    found = changes(then, inputs.cohort()["findings"], now).query("kind == 'outcome'")
    assert found["change"].tolist() == ["other outcome"]
    assert found[["before", "after", "ethnicity"]].to_numpy().tolist() == [[-9, -1, "A vs others"]]


def test_nothing_that_only_the_earlier_report_has_is_told_in_a_shareable_one(inputs, earlier):
    """The earlier report may tell of a group that this one merges."""
    before = edited(earlier, "estimates", 0, ethnicity="tiny-group")
    own, shared = (Content(**inputs.cohort(), earlier=before, shareable=s) for s in (False, True))
    assert "tiny-group" in set(own.changes["ethnicity"])
    assert "tiny-group" not in set(shared.changes["ethnicity"])
    assert "gone" not in set(shared.changes["change"])
    assert "tiny-group" in str(changes_section.section(own).blocks)
    assert "tiny-group" not in str(changes_section.section(shared).blocks)


def test_reports_on_other_datasets_are_not_compared(earlier):
    earlier.refuse_other_datasets(["e", "d"])
    with pytest.raises(OptionError, match="is of d and this report of e, so that nothing"):
        earlier.refuse_other_datasets(["e"])


def test_a_number_without_an_earlier_interval_is_not_said_to_move_within_it(inputs, earlier):
    rows = pd.DataFrame(earlier.found["estimates"])
    place = int(rows["conf_low"].notna().idxmax())
    bare = {"estimate": rows.loc[place, "estimate"] + 1, "conf_low": None, "conf_high": None}
    content = Content(**inputs.cohort(), earlier=edited(earlier, "estimates", place, **bare))
    told = changes_section.section(content).blocks
    assert "1 moved, without an interval or a number to compare with" in told[0].text
    assert "moved within" not in told[0].text
    cells = [c.text for b in told if hasattr(b, "rows") for r in b.rows for c in r]
    assert "moved within its earlier interval" not in cells
