"""The command coders, from a simulated study to its files and back."""

import subprocess
import sys

import pandas as pd


def run(*arguments):
    command = [sys.executable, "-m", "mebias", "coders", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_simulated_study_and_its_own_files_give_the_same(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    done = run("--plant", "A,A:0,0,30", "--seed", 3, "--out", one)
    assert done.returncode == 0 and "SIMULATED" in done.stderr and "SIMULATED" in done.stdout
    names = {p.name for p in one.iterdir()}
    assert names >= {"annotations.csv", "estimates.csv", "tests.csv", "issues.csv", "power.csv",
                     "coders.html", "figures", "truth.csv", "planted.csv"}  # fmt: skip
    page = (one / "coders.html").read_text()
    assert "SIMULATED data" in page and page.count("<svg") == 2
    assert "<script" not in page and "<link" not in page and "src=" not in page
    again = run(one / "annotations.csv", "--coders", one / "coders.csv", "--ethnicity",
                one / "subjects.csv", "--out", two)  # fmt: skip
    assert again.returncode == 0
    pd.testing.assert_frame_equal(
        *(pd.read_csv(folder / "estimates.csv") for folder in (one, two)), rtol=1e-6
    )


def test_options_that_have_no_meaning(tmp_path):
    for arguments, words in (
        (["--coders", "x.csv"], "need the file"),
        (["--plant", "A:0,0,30"], "names no culture and group"),
        (["--plant", "A,Z:0,0,30"], "effect names"),
        (["--fps", "-1"], "--fps is -1"),
        ([tmp_path / "none.csv"], "none.csv cannot be read"),
        (["--overlap", "2"], "min_overlap is 2"),
    ):
        done = run(*arguments, "--out", tmp_path / "out")
        assert done.returncode == 2 and words in done.stderr and not (tmp_path / "out").exists()
