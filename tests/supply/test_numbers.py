"""Numbers of a fixed run stay what they are, whatever the machine around them is set to."""

import os
import shutil
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

PROGRAM = Path(__file__).with_name("reference_run.py")
EXPLAIN = (
    "numbers of the fixed run have changed: explain it in CHANGELOG.md, and update the table by "
    "running python tests/supply/reference_run.py"
)
KEY = ["table", "row", "column"]


@pytest.fixture(scope="module")
def fixed():
    spec = spec_from_file_location("reference_run", PROGRAM)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def data(fixed, tmp_path_factory):
    root = tmp_path_factory.mktemp("fixed") / "data"
    fixed.write_data(root)
    return root


@pytest.fixture(scope="module")
def found(fixed, data):
    return fixed.run(data).set_index(KEY)["value"]


@pytest.fixture(scope="module")
def turkish(tmp_path_factory):
    """A locale with a decimal comma and another lower case of I, where it can be made."""
    name, folder = "tr_TR.UTF-8", tmp_path_factory.mktemp("locales")
    made = shutil.which("localedef") and subprocess.run(
        ["localedef", "-i", "tr_TR", "-f", "UTF-8", folder / name], capture_output=True
    )
    return {"LC_ALL": name, "LOCPATH": str(folder)} if made and made.returncode == 0 else {}


def is_sampled(numbers):
    """Whether a number rests on the Monte Carlo posterior, which rounding can lead elsewhere."""
    table = numbers.index.get_level_values("table")
    row = numbers.index.get_level_values("row")
    drawn = (table == "nulls") & row.str.contains("/accurate$|/unbiased$")
    return drawn | row.str.contains("motion-blind")


def test_the_numbers_are_those_that_are_committed(fixed, found):
    table = pd.read_csv(fixed.TABLE)
    about = table["table"] == "machine"
    made_on = table.loc[about, "row"].item()
    expected = table[~about].set_index(KEY)["value"]
    now = found
    if made_on != fixed.machine():
        frames = expected.index.get_level_values("table").isin(["keyframes", "nulls"])
        drawn = expected[is_sampled(expected) & frames].to_frame("expected").join(found)
        far = (drawn["expected"] - drawn["value"]).abs() > 1  # of a frame: Monte Carlo error
        assert far.mean() < 0.05, f"{EXPLAIN}. {far.sum()} differ:\n{drawn[far].head(10)}"
        expected, now = (x[~is_sampled(x)] for x in (expected, found))
    assert len(expected) > 2000
    gone = expected.index.symmetric_difference(now.index)
    assert gone.empty, f"{EXPLAIN}. There or gone: {list(gone[:5])}"
    now = now.loc[expected.index]
    other = ~np.isclose(now, expected, rtol=1e-6, atol=1e-9)
    told = pd.DataFrame({"expected": expected[other], "found": now[other]})
    assert told.empty, f"{EXPLAIN}. {len(told)} differ:\n{told.head(10).to_string()}"


def test_they_do_not_depend_on_workers_threads_rows_locale_time_zone_or_hashing(
    data, found, turkish, tmp_path
):
    root = tmp_path / "data"
    shutil.copytree(data, root)
    table = pd.read_csv(root / "annotations.csv", dtype=str, keep_default_na=False)
    mixed = table.sample(frac=1, random_state=1)
    assert mixed.index.tolist() != table.index.tolist()
    mixed.to_csv(root / "annotations.csv", index=False)
    setting = {
        "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "MKL_NUM_THREADS": "2",
        "PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo", **turkish,
    }  # fmt: skip
    out = tmp_path / "found.csv"
    subprocess.run([sys.executable, PROGRAM, root, "2", out], env=os.environ | setting, check=True)
    other = pd.read_csv(out, dtype={"value": str}).set_index(KEY)["value"].map(float)
    assert other.index.equals(found.index)
    unlike = pd.DataFrame({"here": found, "elsewhere": other})[(other != found).to_numpy()]
    assert unlike.empty, f"{len(unlike)} differ:\n{unlike.head(30).to_string()}"


def test_the_turkish_locale_has_a_decimal_comma(turkish):
    if not turkish:
        pytest.skip("localedef or the source of the Turkish locale is not installed")
    program = "import locale; locale.setlocale(locale.LC_ALL, ''); print(locale.str(1.5))"
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | turkish, capture_output=True, text=True
    )
    assert done.stdout.strip() == "1,5", done.stderr
