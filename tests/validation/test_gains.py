"""Do gains cover, does the swap hold its level, and is the row-level control caught?"""

import numpy as np
import pandas as pd
import pytest

from mebias.cli import main
from mebias.validation.gains import CELLS, Cell, draw_predictions, validate_gains

COHORTS = 500


@pytest.fixture(scope="module")
def table():
    cells = [Cell(29, 159, 0.9), Cell(42, 267, 0.9), Cell(29, 159, 0.4, 0.4)]
    return validate_gains(cells, n_cohorts=COHORTS, n_planted=COHORTS, seed=1)


def test_gains_cover_and_swaps_hold_their_level(table):
    own = table[(table["met"] != "") & ~table["control"]]
    assert set(own["measure"]) == {"coverage", "level"}
    assert (own["met"] == "yes").all(), own[own["met"] == "no"]


def test_rows_taken_for_independent_are_caught_by_the_same_bands(table):
    control = table[table["control"] & (table["measure"] != "power")]
    assert len(control) == 7
    assert (control["met"] == "no").all()


def test_a_stronger_arm_gains_and_is_found_more_often(table):
    gained = table[(table["quantity"] == "uf1_gain") & (table["truth"] > 0)]
    assert gained["truth"].item() == pytest.approx(0.065, abs=0.015)
    power = table[(table["measure"] == "power") & ~table["control"]]["value"]
    level = table[(table["measure"] == "level") & ~table["control"]]["value"]
    assert power.min() > 3 * level.max()


def test_simulated_arms_are_exchangeable_and_look_like_the_composite():
    rng = np.random.default_rng(0)
    drawn = [draw_predictions(Cell(42, 267, 0.4), rng) for _ in range(60)]
    counts = np.array([d.counts.sum(axis=(1, 2)) for d in drawn]).sum(axis=0)
    share = counts[0].sum(axis=1) / counts[0].sum()
    np.testing.assert_allclose(share, [0.57, 0.25, 0.18], atol=0.03)
    np.testing.assert_allclose(counts[0] / counts[0].sum(), counts[1] / counts[1].sum(), atol=0.01)
    for d in drawn:
        assert set(d.counts.sum(axis=(2, 3, 4)).ravel()) == {267}
        hits = np.trace(d.counts.sum(axis=2), axis1=-2, axis2=-1)
        assert np.array_equal(hits, d.right.sum(axis=-1))


def test_the_committed_table_has_all_cells_and_meets_its_bands():
    from mebias.quantification.coverage import table_path

    committed = pd.read_csv(table_path().with_name("gain.csv"))
    assert set(committed["cell"]) == {cell.name for cell in CELLS}
    own = committed[committed["met"].notna() & ~committed["control"]]
    assert (own["met"] == "yes").all()
    assert (committed.loc[committed["measure"] == "level", "n_cohorts"] >= 10_000).all()
    control = committed[committed["control"] & (committed["measure"] == "coverage")]
    assert (control["value"] < 0.9).all()


def test_the_command_writes_the_table(tmp_path, capsys):
    assert main(["calibrate", "gain", "--cohorts", "5", "--out", str(tmp_path)]) == 0
    rows = pd.read_csv(tmp_path / "gain.csv")
    assert {"version", "date", "seed"} <= set(rows.columns)
    assert len(rows) == 12 * len(CELLS)
    assert "SIMULATED predictions" in capsys.readouterr().out
    assert main(["calibrate", "gain", "--cohorts", "2", "--out", str(tmp_path)]) == 2
