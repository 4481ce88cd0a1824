"""`calibrate statistics`: its table, the failing control, what is kept between runs."""

import math

import numpy as np
import pandas as pd
import pytest

from mebias.cli import main
from mebias.errors import OptionError
from mebias.quantification.coverage import table_path
from mebias.tables import read_csv
from mebias.validation import calibrate_statistics, statistics
from mebias.validation.generators import CELLS
from mebias.validation.statistics import band
from mebias.validation.tally import Counted

BOUNDED = "29 subjects, 159 clips, bounded, ICC 0.3"
SMALL = "12 subjects, 60 clips, normal, ICC 0"
MINORITY = "4 of 20 subjects, 100 clips, normal, ICC 0.3"
THREE = "groups of 5, 5, 10 subjects, 100 clips, normal, ICC 0.3"


@pytest.fixture(scope="module")
def table():
    return calibrate_statistics([BOUNDED, MINORITY, THREE], n_cohorts=300, seed=5)


def of(table, cell, **wanted):
    rows = table[table["cell"] == cell]
    for column, value in wanted.items():
        rows = rows[rows[column] == value]
    return rows


def test_every_quantity_of_the_specification_is_there(table):
    own = of(table, BOUNDED, control=False)
    assert own["quantity"].unique().tolist() == [
        "mean", "sd", "share", "ccc", "icc_a1", "icc_c1", "median", "trimmed_mean",
        "quantile_05", "quantile_95",
        "mean_absolute_difference",
    ]  # fmt: skip
    assert set(own.loc[own["quantity"] == "mean", "weighting"]) == {
        "subject", "clip", "subject-mean",
    }  # fmt: skip
    assert own.loc[own["quantity"] == "share", "truth"].tolist() == [0.45, 0.65, 0.80]
    tests = of(table, MINORITY, measure="level", control=False)["method"]
    assert len(tests) == 3 and "deciding" in tests.iloc[2]
    assert set(of(table, MINORITY, measure="coverage")["weighting"]) == {
        "subject", "clip", "subject-mean",
    }  # fmt: skip
    assert set(of(table, THREE)["quantity"]) == {"heterogeneity"}


def test_every_row_stands_beside_a_row_level_control(table):
    for _, rows in table[table["measure"] == "coverage"].groupby(["cell", "quantity", "truth"]):
        if rows["quantity"].iloc[0] in ("difference", "mean_absolute_difference"):
            continue  # the level of the row-level test is the difference's control
        assert rows["control"].any() and not rows["control"].all()
    assert table[table["control"]]["method"].str.startswith("rows as if independent").all()


def test_shipped_intervals_and_tests_meet_their_bands_and_rows_do_not(table):
    """The bands are those of the specification; 300 cohorts make them wide."""
    banded = table[table["met"] != ""]
    assert (banded[~banded["control"]]["met"] == "yes").all()
    for quantity in ("mean", "share"):
        rows = of(table, BOUNDED, quantity=quantity, control=True)
        assert (rows["met"] == "no").all() and (rows["value"] < 0.9).all()
    rows = of(table, MINORITY, control=True)
    assert (rows["met"] == "no").all() and (rows["value"] > 0.15).all()


def test_numbers_add_up(table):
    n = table["n_cohorts"]
    bootstrap = table["method"].str.contains("BCa|bootstrap") | table["quantity"].eq(
        "mean_absolute_difference"
    )
    assert (n[bootstrap] == 60).all() and (n[~bootstrap] == 300).all()
    p = table["value"]
    np.testing.assert_allclose(table["mc_error"], np.sqrt(p * (1 - p) / n), atol=1e-4)
    cr2 = of(table, MINORITY, measure="level")["value"].iloc[1]
    interval = of(table, MINORITY, measure="coverage", weighting="subject")["value"].item()
    assert interval == pytest.approx(1 - cr2)  # two sides of the same t
    assert (table["seed"] == 5).all() and table["date"].str.match(r"\d{4}-\d\d-\d\d$").all()


def test_cells_do_not_depend_on_which_others_are_run_or_on_jobs(table):
    alone = calibrate_statistics([MINORITY], n_cohorts=300, seed=5)
    pd.testing.assert_frame_equal(
        alone.drop(columns="date"),
        of(table, MINORITY).reset_index(drop=True).drop(columns="date"),
    )
    cells = [SMALL, THREE]
    one, two = (calibrate_statistics(cells, n_cohorts=50, jobs=jobs) for jobs in (1, 2))
    pd.testing.assert_frame_equal(one.drop(columns="date"), two.drop(columns="date"))
    other = calibrate_statistics([SMALL], n_cohorts=50, seed=1)
    assert not np.array_equal(other["value"], one[one["cell"] == SMALL]["value"])


def test_a_stopped_run_goes_on_where_it_was(tmp_path, monkeypatch):
    cells, measured, whole = [SMALL, MINORITY, BOUNDED], [], statistics.measure

    def measure(cell, size):
        if len(measured) == 1 and monkeypatch_active:
            raise KeyboardInterrupt
        measured.append(cell.name)
        return whole(cell, size)

    monkeypatch_active = True
    monkeypatch.setattr(statistics, "measure", measure)
    with pytest.raises(KeyboardInterrupt):
        calibrate_statistics(cells, n_cohorts=20, parts=tmp_path)
    (folder,) = tmp_path.iterdir()
    assert [path.suffix for path in folder.iterdir()] == [".csv"]  # whole, under its own name
    monkeypatch_active = False
    resumed = calibrate_statistics(cells, n_cohorts=20, parts=tmp_path)
    assert measured == cells
    fresh = calibrate_statistics(cells, n_cohorts=20)
    pd.testing.assert_frame_equal(resumed, fresh)

    measured.clear()
    sorted(folder.iterdir())[0].unlink()
    pd.testing.assert_frame_equal(calibrate_statistics(cells, n_cohorts=20, parts=tmp_path), fresh)
    assert len(measured) == 1
    measured.clear()
    calibrate_statistics([SMALL], n_cohorts=20, seed=1, parts=tmp_path)
    calibrate_statistics([SMALL], n_cohorts=25, parts=tmp_path)
    assert measured == [SMALL, SMALL]  # neither another seed nor another size is taken over


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cells": ["29 subjects"]}, "unknown cell '29 subjects'; known are 12 subjects"),
        ({"n_cohorts": 4}, "4 cohorts of each cell; expected 5 or more"),
        ({"jobs": 0}, "jobs is 0; expected 1 or more"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(OptionError, match=message):
        calibrate_statistics(**options)


def test_bands_are_those_of_the_specification():
    def stated(cell, quantity, measure="coverage"):
        return band(CELLS[cell], Counted(quantity, 0.0, "clip", "any", measure))

    assert stated("12 subjects, 60 clips, normal, ICC 0", "mean") == (0.93, 0.97)
    assert stated("42 subjects, 267 clips, skewed, ICC 0.3", "mean") == (0.92, 0.97)
    assert stated(BOUNDED, "sd") == (0.92, 0.97)
    assert math.isnan(stated("12 subjects, 60 clips, bounded, ICC 0", "sd")[0])
    assert math.isnan(stated("29 subjects, 159 clips, normal, ICC 0", "sd")[0])
    assert stated(BOUNDED, "median") == stated(BOUNDED, "share") == (0.94, 1.0)
    assert math.isnan(stated(BOUNDED, "trimmed_mean")[0])
    assert stated(MINORITY, "difference", "level") == (0.04, 0.06)
    doubled = f"{MINORITY}, minority's spread doubled"
    assert math.isnan(stated(doubled, "difference", "level")[0])


def test_the_command_writes_its_table_and_says_what_missed(tmp_path, capsys):
    arguments = ["calibrate", "statistics", "--cohorts", "20", "--cell", SMALL, "--cell", MINORITY]
    assert main([*arguments, "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("SIMULATED cohorts\nintervals and tests: ")
    assert "row-level analyses, the control: " in said
    rows = read_csv(tmp_path / "statistics.csv", "calibration")
    assert set(rows["cell"]) == {SMALL, MINORITY}
    assert len(list((tmp_path / ".parts").glob("*/*.csv"))) == 2
    assert main(["calibrate", "statistics", "--cohorts", "2", "--out", str(tmp_path)]) == 2
    with pytest.raises(SystemExit):
        main(["calibrate", "statistics", "--cohorts", "20", "--full"])


def test_the_committed_table_is_whole_and_large():
    committed = read_csv(table_path(), "calibration")
    assert set(committed["cell"]) == set(CELLS)
    assert (committed["n_cohorts"] >= 1900).all()
    means = committed[(committed["quantity"] == "mean") & ~committed["control"]]
    assert (means["n_cohorts"] > 9_900).all()  # a few cohorts of 5 subjects have no spread
    told = committed[committed["control"] & (committed["icc"] > 0) & (committed["met"] != "")]
    told = told[told["quantity"].isin(["mean", "difference", "heterogeneity"])]
    assert (told["met"] == "no").all()  # the row-level analysis is caught in every such cell
