"""What retraining adds, carried into the notes of gains."""

import numpy as np
import pandas as pd
import pytest

from mebias.quantification import gain_coverage
from mebias.quantification.coverage import falls_short
from mebias.quantification.gain_coverage import retrained_cells, with_gain_notes


def rows(coverage, ratio, n_cohorts=200, subjects=20, clips=80.0, arm="motion"):
    about = {"cell": f"{subjects} {arm}", "arm": arm, "against": "human", "subjects": str(subjects),
             "n_clips": str(clips), "model": "tiny", "seeds": "1", "n_cohorts": str(n_cohorts),
             "mc_error": "0.015"}  # fmt: skip
    return [about | {"measure": "coverage", "value": str(coverage)},
            about | {"measure": "variance ratio", "value": str(ratio)}]  # fmt: skip


def estimates(n_subjects, n_clips):
    return pd.DataFrame(
        {"dataset": "SIMULATED x", "quantity": ["uf1_gain", "accuracy_gain"], "source": "motion",
         "distance": "", "weighting": "", "method": "pooled counts", "estimate": 0.1,
         "conf_low": 0.0, "conf_high": 0.2, "conf_level": 0.95, "n_subjects": n_subjects,
         "n_clips": n_clips, "coverage_note": ""}
    )  # fmt: skip


@pytest.fixture
def table(monkeypatch):
    def use(*several):
        cells = retrained_cells([row for own in several for row in own])
        monkeypatch.setattr(gain_coverage, "retrained", lambda: cells)

    return use


def test_the_worst_pair_of_the_nearest_size_is_told(table):
    table(rows(0.95, 1.0), rows(0.925, 1.44, arm="gamdss"), rows(0.97, 1.0, 200, 42, 213))
    note, other = with_gain_notes(estimates(22, 90))["coverage_note"]
    assert note.startswith("95 % intervals covered")
    assert note.endswith(
        "; where tiny was trained anew in each of 200 SIMULATED cohorts (20 subjects, 80 clips, 1 "
        "seed), such intervals held the mean gain in 92 % +- 2 % and gains spread 1.20 times their "
        "standard error"
    )
    assert "trained anew" not in other  # measured for UF1 alone
    note = with_gain_notes(estimates(40, 200))["coverage_note"].iloc[0]
    assert "42 subjects, 213 clips" in note
    assert not falls_short(note)


def test_intervals_that_retraining_carries_below_90_percent_are_not_called_95_percent(table):
    table(rows(0.82, 2.5))
    note = with_gain_notes(estimates(20, 80))["coverage_note"].iloc[0]
    assert note.startswith("nominal 95 %; measured 82.0 % with retraining; where tiny")
    assert falls_short(note)


def test_few_cohorts_tell_nothing_and_other_levels_are_not_spoken_of(table):
    assert retrained_cells(rows(0.95, 1.0, n_cohorts=99)) is None
    table(rows(0.95, 1.0))
    other = with_gain_notes(estimates(20, 80).assign(conf_level=0.9))
    assert not other["coverage_note"].str.contains("trained anew").any()
    none = estimates(20, 80).assign(conf_low=np.nan, conf_high=np.nan)
    assert (with_gain_notes(none)["coverage_note"] == "").all()


def test_without_a_table_notes_stay_as_they_are(monkeypatch):
    monkeypatch.setattr(gain_coverage, "retrained", lambda: None)
    note = with_gain_notes(estimates(20, 80))["coverage_note"].iloc[0]
    assert note.startswith("95 % intervals covered")
    assert "trained" not in note
