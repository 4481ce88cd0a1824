"""Benchmarks run, and what they compare chooses the same frames."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "selection_speed.py"


def test_selection_is_timed_against_a_baseline_that_agrees():
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--clips", "5", "--runs", "1"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["gamdss", "gamdss-released"]
    assert all("5 of 5 clips chosen alike" in line for line in lines)
