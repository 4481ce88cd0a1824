"""Cohorts that are trained on: what is simulated, what is kept, what is counted."""

import math
from dataclasses import replace

import cv2
import numpy as np
import pandas as pd
import pytest

import mebias
from mebias.cli import calibrating_recognition
from mebias.errors import OptionError
from mebias.recognition.triples import class_scheme
from mebias.selection.rules import get_rules
from mebias.validation import recognition
from mebias.validation.recognition import CELLS, Cell, calibrate_recognition, train_cohort
from mebias.validation.small_films import (
    CONFUSED,
    ESTIMATED,
    Film,
    estimated_rule,
    filmed,
    located,
    noise_sd,
    sources_of,
)
from mebias.validation.trained_rows import cell_rows, dose_rows

TINY = Film(30.0, n_subjects=6, n_clips=24)
CELL = Cell("a test", TINY, ("human", "gamdss", "jitter"), in_dose=True)


@pytest.fixture
def one_cell(monkeypatch):
    monkeypatch.setattr(recognition, "CELLS", {CELL.name: CELL})


def frame_noise(size):
    """SD over time of frames without movement, averaged to 28 pixels."""
    cohort = mebias.simulate("4dme", seed=3, n_subjects=1, n_clips=1, size=(size, size),
                             noise_sd=noise_sd(size), amplitude=0.0)  # fmt: skip
    clip = cohort.clips["clip"].iloc[0]
    still = [
        cv2.resize(cohort.frames.read(clip, int(n)).astype(np.float32), (28, 28),
                   interpolation=cv2.INTER_AREA)
        for n in cohort.frames.numbers(clip)[:60]
    ]  # fmt: skip
    return np.diff(np.array(still), axis=0).std() / math.sqrt(2)


def test_small_frames_are_as_noisy_as_full_ones_averaged_to_their_size():
    assert frame_noise(28) == pytest.approx(frame_noise(128), rel=0.1)


def test_how_far_labels_err_is_estimated_from_clips_and_labels_alone():
    strong, exact = (filmed(Film(sd, 10, 60), seed=4) for sd in (80.0, 0.0))
    (rule,) = get_rules(estimated_rule(strong))
    assert all(50 < sd < 110 for sd in rule.coder_sd_ms)
    assert estimated_rule(replace(strong, truth=None)) == rule.name
    assert estimated_rule(exact) == "motion:coder=12-12-22"  # can't be told: as it comes


def test_a_rule_that_is_told_an_estimate_is_one_arm_in_all_cohorts():
    cell = Cell("a test", Film(80.0, n_subjects=10, n_clips=60), ("human", f"{ESTIMATED}@both"))
    found = train_cohort(cell, 4, epochs=1)
    assert set(found["arm"]) == set(cell.arms)
    assert set(found["against"]) == {"", "human"}


def test_cohorts_of_one_seed_differ_in_their_labels_alone():
    one, other = (filmed(Film(sd, 6, 24), seed=4) for sd in (0.0, 60.0))
    pd.testing.assert_frame_equal(one.truth, other.truth)
    assert one.clips["emotion"].tolist() == other.clips["emotion"].tolist()
    clip = one.clips["clip"].iloc[0]
    assert np.array_equal(one.frames.read(clip, 5), other.frames.read(clip, 5))
    errors = [(c.keyframes["frame"] - c.truth["frame"]).std() * 1000 / 60 for c in (one, other)]
    assert errors[0] < 6
    assert errors[1] > 40


def test_a_known_share_of_clips_has_the_class_of_another():
    film = Film(0.0, 40, 800)
    cohort, scheme = filmed(film, seed=1), class_scheme(filmed(film, seed=1), "3-class")
    plain = mebias.simulate("4dme", seed=1, n_subjects=40, n_clips=800, size=(28, 28))
    before, after = (c.clips["emotion"].str.casefold().map(scheme) for c in (plain, cohort))
    assert (before.isna() == after.isna()).all()
    assert (before != after)[before.notna()].mean() == pytest.approx(CONFUSED, abs=0.05)


def test_motion_from_a_bank_is_nearer_to_the_truth_than_labels_and_truth_is_nearest():
    bank = located(Film(30.0, n_subjects=10, n_clips=50), seed=9)
    assert bank.about.shape == (len(bank.shifts), 5)
    cohort = filmed(Film(30.0, n_subjects=12, n_clips=120), seed=2)
    sources = sources_of(cohort, ["human", "motion", "truth"], bank=bank)
    true = cohort.truth.set_index(["clip", "keyframe"])["frame"]

    def error(keyframes):
        return (keyframes.set_index(["clip", "keyframe"])["frame"] - true).abs().dropna().mean()

    human, motion, truth = error(cohort.keyframes), error(sources["motion"]), error(
        sources["truth"])  # fmt: skip
    assert truth <= 0.5
    assert truth < motion < 0.95 * human
    by_clip = sources["motion"].pivot_table("frame", "clip", "keyframe")
    assert (by_clip["onset"] < by_clip["apex"]).all()
    assert (by_clip["apex"] < by_clip["offset"]).all()


def test_a_cohort_gives_scores_and_gains_and_the_same_ones_twice():
    found, again = (train_cohort(CELL, seed=5, epochs=1) for _ in range(2))
    pd.testing.assert_frame_equal(found, again)
    pairs = list(zip(found["arm"], found["against"], strict=True))
    assert pairs == [
        ("human", ""), ("gamdss", ""), ("jitter", ""),
        ("gamdss", "human"), ("jitter", "human"), ("gamdss", "jitter"),
    ]  # fmt: skip
    scores = found[found["against"] == ""].set_index("arm")["estimate"]
    gains = found[found["against"] == "human"].set_index("arm")["estimate"]
    assert gains["gamdss"] == pytest.approx(scores["gamdss"] - scores["human"])


def test_a_run_goes_on_where_it_was_and_more_cohorts_take_those_that_are_there(
    one_cell, monkeypatch, tmp_path
):
    trained = []
    work = recognition._work

    def counted(training, task):
        trained.append(task.number)
        if len(trained) == 2:
            raise KeyboardInterrupt
        return work(training, task)

    monkeypatch.setattr(recognition, "_work", counted)
    with pytest.raises(KeyboardInterrupt):
        calibrate_recognition(n_cohorts=2, parts=tmp_path, epochs=1)
    dose, cells = calibrate_recognition(n_cohorts=2, parts=tmp_path, epochs=1)
    assert trained == [0, 1, 1]
    monkeypatch.setattr(recognition, "_work", work)
    straight, straight_cells = calibrate_recognition(n_cohorts=2, epochs=1)
    pd.testing.assert_frame_equal(dose, straight)
    pd.testing.assert_frame_equal(cells, straight_cells)
    monkeypatch.setattr(recognition, "_work", lambda _: pytest.fail("nothing was left to train"))
    calibrate_recognition(n_cohorts=1, parts=tmp_path, epochs=1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cells": ["labels err by 41 ms"]}, "did you mean"),
        ({"n_cohorts": 0}, "cohorts is 0; expected 1 or more"),
        ({"seeds": 0}, "seeds is 0"),
        ({"jobs": 0}, "jobs is 0"),
    ],
)
def test_options_without_meaning_are_refused(options, words):
    with pytest.raises(OptionError, match=words):
        calibrate_recognition(**options)


def cohorts_of(gains, errors, conclusion="can't be told"):
    """Tables as `train_cohort` returns them, of one arm beside human."""
    return [
        pd.DataFrame([
            {"arm": "human", "against": "", "estimate": 0.7, "std_error": 0.04, "conf_low": 0.6,
             "conf_high": 0.8, "conclusion": "", "subjects_needed": np.nan, "n_clips": 213},
            {"arm": "motion", "against": "", "estimate": 0.7 + gain, "std_error": 0.04,
             "conf_low": 0.6, "conf_high": 0.8, "conclusion": "", "subjects_needed": np.nan,
             "n_clips": 213},
            {"arm": "motion", "against": "human", "estimate": gain, "std_error": error,
             "conf_low": gain - 2 * error, "conf_high": gain + 2 * error,
             "conclusion": conclusion, "subjects_needed": 50, "n_clips": 213},
        ])
        for gain, error in zip(gains, errors, strict=True)
    ]  # fmt: skip


def test_what_retraining_adds_is_the_variance_between_cohorts_over_the_mean_squared_error():
    rng = np.random.default_rng(0)
    gains, errors = rng.normal(0.01, 0.03, 400), np.full(400, 0.02)
    place = {"cell": "x", "dataset": "SIMULATED 4dme"}
    rows = {row["measure"]: row for row in cell_rows(place, cohorts_of(gains, errors))}
    assert rows["variance ratio"]["value"] == pytest.approx((0.03 / 0.02) ** 2, rel=0.15)
    assert rows["std_error"]["value"] == pytest.approx(0.02)
    within = np.abs(gains - 0.01) < 0.04
    assert rows["coverage"]["value"] == pytest.approx(within.mean(), abs=0.02)
    assert rows["coverage"]["mc_error"] == pytest.approx(
        math.sqrt(within.mean() * (1 - within.mean()) / 400), rel=0.1
    )
    assert rows["gain"]["value"] == pytest.approx(gains.mean())
    assert rows["gain"]["mc_error"] == pytest.approx(gains.std(ddof=1) / 20)


def test_monte_carlo_error_of_the_variance_ratio_is_its_spread_between_runs():
    rng, found = np.random.default_rng(1), []
    columns = {
        "estimate": 0.0,
        "conf_low": 0.0,
        "conf_high": 0.0,
        "conclusion": "",
        "subjects_needed": np.nan,
        "n_clips": 213,
        "arm": "motion",
        "against": "human",
    }
    for _ in range(200):
        errors = 0.02 * np.sqrt(rng.chisquare(20, 60) / 20)
        made = pd.DataFrame(columns | {"std_error": errors, "estimate": rng.normal(0, 0.03, 60)})
        rows = {row["measure"]: row for row in cell_rows({"cell": "x"}, [made])}
        found.append((rows["variance ratio"]["value"], rows["variance ratio"]["mc_error"]))
    values, errors = np.array(found).T
    assert errors.mean() == pytest.approx(values.std(ddof=1), rel=0.2)


def test_a_promise_is_missed_only_beyond_three_monte_carlo_errors():
    place = {"cell": "no label error"}
    some = cohorts_of(np.zeros(40), np.full(40, 0.02))
    for count, met in ((0, "yes"), (6, "yes"), (12, "no")):
        helped = cohorts_of(np.full(count, 0.05), np.full(count, 0.02), "helps")
        rows = {row["measure"]: row for row in cell_rows(place, [*some[count:], *helped])}
        assert rows["helps"]["met"] == met
        assert rows["helps"]["value"] == count / 40
    assert rows["harms"]["met"] == ""


def test_cohorts_in_which_arms_are_the_same_say_nothing_of_intervals():
    same = cohorts_of(np.zeros(3), [np.nan] * 3)
    measures = {row["measure"] for row in cell_rows({"cell": "x"}, same)}
    assert "coverage" not in measures
    assert "gain" in measures


def test_dose_rows_are_means_over_cohorts():
    human, motion = dose_rows({"label_sd_ms": 10.0}, cohorts_of([0.02, 0.04], [0.01, 0.01]))
    assert motion["uf1"] == pytest.approx(0.73)
    assert motion["gain"] == pytest.approx(0.03)
    assert motion["gain_mc_error"] == pytest.approx(0.01)
    assert (human["arm"], human["n_cohorts"], math.isnan(human["gain"])) == ("human", 2, True)


def test_command_writes_tables_and_a_figure_that_say_simulated(one_cell, monkeypatch, tmp_path):
    from mebias.__main__ import main

    quick = calibrate_recognition
    monkeypatch.setattr(
        recognition, "calibrate_recognition", lambda *a, **k: quick(*a, **k, epochs=1)
    )
    assert calibrating_recognition.PARTS == ".parts"
    command = ["calibrate", "recognition", "--cohorts", "1", "--out", str(tmp_path), "--quiet"]
    assert main(command) == 0
    cells, dose = (pd.read_csv(tmp_path / f"{n}.csv") for n in ("recognition", "dose_response"))
    assert set(cells["dataset"]) == set(dose["dataset"]) == {"SIMULATED 4dme"}
    assert "SIMULATED" not in CELL.name
    for kind in ("svg", "pdf", "png"):
        assert (tmp_path / f"dose_response.{kind}").stat().st_size > 1000


def test_cells_are_what_the_issue_asks_for():
    assert {c.film.label_sd_ms for c in CELLS.values() if c.in_dose} == {0, 10, 20, 40, 80}
    for cell in CELLS.values():
        if cell.in_dose:
            assert {"human", "gamdss", "motion", "jitter", "least", "truth"} <= set(cell.arms)
    assert round(recognition.NO_ERROR.share * recognition.MOST) >= 100
    assert round(recognition.SMALL.share * recognition.MOST) >= 200
