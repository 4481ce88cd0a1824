"""Validation of selectors: cells, errors against known truth, planted bias, the command."""

import numpy as np
import pandas as pd
import pytest

from mebias.cli import main
from mebias.errors import OptionError
from mebias.simulation.motion import HELD_BACK, PROFILES
from mebias.simulation.reference import CELLS, REFERENCE, SEEN, cell_cohorts
from mebias.validation import selector_recovery, validate_selectors


@pytest.fixture(scope="module")
def table():
    return validate_selectors([REFERENCE], n_clips=120, seed=40)


def test_three_of_six_profiles_are_held_back():
    assert len({*SEEN, *HELD_BACK}) == 6
    assert not set(HELD_BACK) & set(PROFILES)


def test_the_reference_cell_is_as_it_was_fixed():
    cohorts = list(cell_cohorts(REFERENCE, 12))
    assert [c.settings["fps"] for c in cohorts] == [100.0] * 3 + [200.0] * 3
    assert {c.settings["amplitude"] for c in cohorts} == {1.0, 1.6, 2.5}
    assert {tuple(c.settings["coder_sd_ms"]) for c in cohorts} == {(12.0, 12.0, 22.0)}
    assert not any(c.settings["trimmed"] for c in cohorts)


@pytest.mark.parametrize("cell", list(CELLS))
def test_cells_differ_from_the_reference_in_what_they_say(cell):
    for cohort in cell_cohorts(cell, 6):
        for name, value in CELLS[cell].items():
            found = cohort.settings[name]
            assert found == (
                [value] if isinstance(value, str) and isinstance(found, list) else value
            )


def test_unknown_cells_are_refused():
    with pytest.raises(OptionError, match=r"unknown cell 'blink'.*did you mean"):
        list(cell_cohorts("blink"))


def test_motion_beats_coders_and_gamdss_on_profiles_it_was_not_tuned_on(table):
    motion = table[(table["split"] == "all") & (table["source"] == "motion")]
    assert (motion["ratio_human"] < 0.85).all()
    assert (motion["ratio_gamdss"] < 0.85).all()
    assert motion["coverage"].between(0.85, 1).all()
    assert (motion["width_over_mae"] < 6.5).all()


def test_coders_err_as_planted_and_rows_add_up(table):
    human = table[(table["split"] == "all") & (table["source"] == "human")]
    np.testing.assert_allclose(human["mae_ms"], np.array([12, 12, 22]) * 0.8, rtol=0.35)
    assert (human["ratio_human"] == 1).all()
    sizes = table[table["source"] == "human"].groupby(["split", "keyframe"])["n_clips"].sum()
    assert (sizes == 120).all()


def test_the_blind_posterior_finds_a_planted_bias_and_motion_shrinks_it():
    found = selector_recovery(n_clips=18, seed=60).set_index(["source", "keyframe"])["recovered"]
    assert found["motion-blind"].between(0.9, 1.1).all()
    assert (found["motion"] < 0.9).all()


def test_the_command_writes_its_tables(tmp_path, capsys):
    arguments = ["calibrate", "selection", "--clips", "6", "--cell", "60 fps"]
    assert main([*arguments, "--out", str(tmp_path)]) == 0
    rows = pd.read_csv(tmp_path / "selection.csv")
    assert set(rows["cell"]) == {"60 fps"}
    assert {"version", "date", "seed"} <= set(rows.columns)
    assert "60 fps, onset: motion errs by" in capsys.readouterr().out
    assert main(["calibrate", "selection", "--clips", "2"]) == 2
