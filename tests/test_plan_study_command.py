"""The command plan-study: grids, files, and one sentence for what is wrong."""

import argparse

import pandas as pd
import pytest

import mebias
from mebias.__main__ import main
from mebias.cli.plan_study_parser import errors, grid, rates, shares, whole_grid

SMALL = ["--coders", "2,4", "--double-coded", "100", "--fps", "60", "--subjects", "20,40"]


def run(capsys, *arguments):
    try:
        code = main(["plan-study", *map(str, arguments)])
    except SystemExit as stop:
        code = stop.code
    return code or 0, capsys.readouterr()


def test_ranges_hold_both_ends():
    assert whole_grid("2..4") == [2, 3, 4] and whole_grid("20..80") == [20, 40, 60, 80]
    assert shares("10..100") == [0.1, 0.4, 0.7, 1.0] and shares("10..100:40") == [
        0.1,
        0.5,
        0.9,
        1.0,
    ]
    assert rates("30..200") == [30, 60, 100, 200] and rates("33..34") == [33, 34]
    assert grid("5") == [5] and grid("1,3..4") == [1, 3, 4] and errors("3,3,4") == [3, 3, 4]
    for text in ("4..2", "a..b", "2..", "2..4:0", "", "inf", "1..9999:0.001"):
        with pytest.raises(argparse.ArgumentTypeError):
            grid(text)
    with pytest.raises(argparse.ArgumentTypeError, match="not of whole numbers"):
        whole_grid("2.5")


def test_no_plan_is_left_half_written(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("mebias.quantification.coding.planning.StudyPlan.protocol", broken)
    with pytest.raises(OSError, match="disk full"):
        main(["plan-study", *SMALL, "--out", str(tmp_path), "--debug"])
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


def broken(self):
    raise OSError("disk full")


def test_files_without_a_pilot_say_simulated(tmp_path, capsys):
    code, said = run(capsys, *SMALL, "--out", tmp_path)
    assert code == 0 and "SIMULATED" in said.out and "SIMULATED" in said.err
    table = mebias.tables.conform(pd.read_csv(tmp_path / "study.csv"), "study")
    assert len(table) == 2 * 2 * 3 and table["recommended"].sum() == 3
    assert (tmp_path / "protocol.md").read_text().startswith("# Coding protocol")
    assert {p.suffix for p in (tmp_path / "figures").iterdir()} == {".svg", ".pdf", ".png"}
    assert (tmp_path / "study_components.csv").is_file()


def test_a_pilot_file_and_the_api_say_the_same(tmp_path, capsys):
    drawn = mebias.simulate_coders(n_events=60, seed=5)
    pilot = tmp_path / "pilot.csv"
    drawn.annotations.to_csv(pilot, index=False)
    code, said = run(capsys, pilot, *SMALL, "--out", tmp_path / "out")
    assert code == 0 and "4 coders, 24 subjects" in said.out and " to " in said.out
    table = pd.read_csv(tmp_path / "out" / "study.csv")
    plan = mebias.plan_study(drawn.annotations, coders=[2, 4], double_coded=[1.0], fps=[60],
                             subjects=[20, 40])  # fmt: skip
    assert table["tolerance_ms"].tolist() == pytest.approx(plan.table["tolerance_ms"].tolist())


def test_one_sentence_and_exit_code_2(tmp_path, capsys):
    rows = [("s1", "ann", "v1", 10, 20, 30), ("s2", "ann", "v2", 10, 20, 30)]
    columns = ["subject", "coder", "video", "onset", "apex", "offset"]
    one = tmp_path / "one.csv"
    pd.DataFrame(rows, columns=columns).assign(fps=200).to_csv(one, index=False)
    bare = tmp_path / "bare.csv"
    pd.DataFrame(rows, columns=columns).drop(columns="coder").to_csv(bare, index=False)
    for arguments, words in (
        (["--coders", "4..2"], "write the smaller number first"),
        (["--coders", "1..2"], "one coder's error shows nowhere"),
        (["--double-coded", "0..50"], "double_coded is 0 %"),
        (["--double-coded", "120"], "double_coded is 120 %"),
        (["--fps", "fast"], "is not a number, a list or a range"),
        (["--subjects", "4"], "a side has fewer than 3"),
        (["--group", "10,20"], "--group takes one percentage"),
        (["--pilot-fps", "30"], "--pilot-fps is of a pilot"),
        (["--contrast", "age"], "invalid choice"),
        ([one], "one.csv has one coder (ann)"),
        ([bare], "bare.csv"),
        ([tmp_path / "none.csv"], "none.csv cannot be read"),
    ):
        code, said = run(capsys, *arguments, "--out", tmp_path / "out")
        assert code == 2 and words in said.err, (arguments, said.err)
        assert not (tmp_path / "out").exists()
