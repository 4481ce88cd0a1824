"""The benchmarks of training run at a small size on the CPU."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize(
    ("script", "options", "rows"),
    [("recognize_cpu", ["--jobs", "1"], 6), ("recognize_gpu", ["--device", "cpu"], 4)],
)
def test_training_is_timed(script, options, rows, tmp_path):
    table = tmp_path / "new" / "speed.csv"
    command = [sys.executable, str(FOLDER / f"{script}.py"), "--small", "--csv", str(table)]
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(table)
    assert list(found) == ["work", "against", "ratio", "hold", "held", "version", "date"]
    assert len(found) == rows
    assert (found["ratio"] > 0).all()
    assert "Traceback" not in done.stderr
