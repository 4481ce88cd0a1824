"""Benchmarks run, and what they compare chooses the same frames."""

import subprocess
import sys
from pathlib import Path

import pandas as pd

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "selection_speed.py"


def test_selection_is_timed_against_a_baseline_that_agrees():
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--clips", "3", "--runs", "1"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    alike = [line for line in lines if "chosen alike" in line]
    assert len(alike) == 5
    assert all("1 of 1 clips" in line or "3 of 3" in line for line in alike)
    assert sum("hold" in line for line in lines) == 16


def test_resampling_is_timed_against_baselines_that_agree(tmp_path):
    script = SCRIPT.with_name("statistics_speed.py")
    table = tmp_path / "new" / "speed.csv"
    done = subprocess.run(
        [sys.executable, str(script), "--small", "--csv", str(table)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(table)
    assert list(found) == ["work", "against", "ratio", "hold", "held", "version", "date"]
    assert len(found) == 7
    assert (found["ratio"] > 0).all()
    assert done.stdout.count("the time") == 2


def test_the_cache_of_keyframes_gives_the_maps_that_decoding_gives(tmp_path):
    script, table = SCRIPT.with_name("inputs_cache.py"), tmp_path / "cache.csv"
    done = subprocess.run(
        [sys.executable, str(script), "--clips", "6", "--epochs", "1", "--csv", str(table)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "maps alike in 1 epochs" in done.stdout
    found = pd.read_csv(table)
    assert found["against"].tolist() == ["decoding", "selecting and decoding"]
    assert (found["ratio"] > 1).all()
