"""What a second look says of flags, beside the truth."""

import math

import pandas as pd
import pytest

from mebias.cli import main
from mebias.errors import OptionError
from mebias.validation.relabeling import CELLS, validate_relabeling


def test_flags_are_judged_against_truth_and_promises_have_bands():
    found = validate_relabeling(n_packets=20, n_bank=400, cells=CELLS[:1])
    assert set(found["keyframe"]) == {"all", "onset", "apex", "offset"}
    whole = found[found["keyframe"] == "all"].set_index("quantity")
    precision = whole.loc["flag_precision"]
    assert precision["truth"] > 0.9  # FDR 5 %, posteriors as wide as they say
    assert abs(precision["value"] - precision["truth"]) < 0.1
    assert whole.loc["control_outside", "truth"] < 0.1 < whole.loc["flag_recall", "truth"]
    assert (whole["n_told"] > 0).all() and (whole["n_packets"] == 20).all()
    assert set(whole["met"]) <= {"yes", "no"} and (whole["band_low"] == 0.93).all()


def test_a_cell_without_any_flag_says_so(monkeypatch):
    monkeypatch.setattr("mebias.validation.relabeling.flag_clips", lambda rows, **_: _no_flags())
    found = validate_relabeling(n_packets=10, n_bank=100, cells=CELLS[:1])
    assert found["quantity"].eq("flag_recall").all() and len(found) == 4
    assert found["value"].eq(0).all() and found["n_told"].eq(0).all()
    assert found["met"].eq("").all() and found["coverage"].isna().all()


def _no_flags():
    from mebias import tables

    return tables.empty("flags")


def test_too_little_is_refused():
    with pytest.raises(OptionError, match="--packets is 3"):
        validate_relabeling(n_packets=3)
    with pytest.raises(OptionError, match="--clips is 12"):
        validate_relabeling(n_clips=12)


def test_the_command_writes_its_table(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("mebias.validation.relabeling._drawn", _few)
    cell = CELLS[0].name
    ask = ["calibrate", "relabel", "--packets", "10", "--cell", cell, "--out", str(tmp_path)]
    assert main([*ask, "--quiet"]) == 0
    table = pd.read_csv(tmp_path / "relabel.csv")
    assert set(table["cell"]) == {cell}
    assert {"version", "date", "seed"} <= set(table)
    assert main([*ask[:-4], "--cell", "no such"]) == 2
    assert "no such" in capsys.readouterr().err


def _few(cell, n_bank, rng, real=None):
    from mebias.validation.trajectories import blind_shifts

    shifts = blind_shifts(int(rng.integers(2**31)), n_subjects=200, n_clips=1200, gross=0.1)
    assert math.isfinite(shifts["selected"].sum())
    return shifts.assign(draw=0.0)
