"""The motion posterior: shapes, courses, what it finds, and what it says where nothing moves."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import mebias
from mebias import tables
from mebias.errors import FrameError, OptionError
from mebias.quantification.blind import judged
from mebias.selection.motion import (
    Definition,
    Motion,
    Phases,
    Prior,
    locate,
    reduce_clip,
    usual_phases,
)
from mebias.selection.motion.templates import keyframes_of, template
from mebias.simulation.motion import Course, extent


def theta(**own):
    names = ("onset", "rise", "plateau", "fall", "a1", "k1", "b1", "a2", "k2", "b2", "rest")
    usual = dict.fromkeys(names, 0.0) | {"onset": 100, "rise": 100, "fall": 200} | own
    return np.array([[usual[name] for name in names]])


def test_a_template_rises_stays_and_falls():
    times = np.array([0, 100, 150, 200, 230, 250, 350, 450, 600.0])
    found = template(theta(plateau=50, rest=0.2), times)[0]
    np.testing.assert_allclose(found, [0, 0, 0.5, 1, 1, 1, 0.6, 0.2, 0.2], atol=0.01)


@pytest.mark.parametrize(
    ("profile", "own"),
    [("linear", {}), ("exponential", {"k1": 4.0, "k2": 4.0}),
     ("delayed", {"a1": np.log(3), "a2": np.log(3)})],
)  # fmt: skip
def test_templates_hold_the_known_profiles(profile, own):
    times = np.linspace(0, 700, 200)
    course = Course(100, 200, 200, 400, profile=profile)
    np.testing.assert_allclose(template(theta(**own), times)[0], extent(times, course), atol=0.01)


@pytest.mark.parametrize("shape", [{}, {"a1": 0.7, "k1": 3.0, "b1": 0.4, "a2": -0.3, "k2": -2.0}])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_a_defined_keyframe_is_where_the_template_has_gone_that_share(shape, share):
    row = theta(plateau=50, rest=0.25, **shape)
    onset, apex, offset = keyframes_of(row, Definition(onset=share, apex=1, offset=share))[0]
    found = template(row, np.array([onset, apex, offset]))[0]
    np.testing.assert_allclose(found, [share, 1, 0.25 + 0.75 * share], atol=2e-3)
    assert apex == 250


@pytest.fixture(scope="module")
def strong():
    return mebias.simulate(
        "4dme", seed=6, n_subjects=4, n_clips=8, fps=100, size=(64, 64), amplitude=2.0,
        profiles=["linear"], coder_sd_ms=(4, 4, 4),
    )  # fmt: skip


def test_later_definitions_find_later_onsets_and_earlier_offsets(strong):
    half, seen = Definition(0.5, 0.5, 0.5), Definition("detectable", 0.5, "detectable")
    rules = [
        Motion("first", blind=True),
        Motion("half", blind=True, definition=half),
        Motion("seen", blind=True, definition=seen),
    ]
    found = mebias.reselect(strong, rules)
    wide = found.pivot_table(index=["source", "clip"], columns="keyframe", values="frame")
    plans = [strong.frames.plans[c] for c in wide.loc["half"].index]
    truth = [p.first + (p.course.onset + p.course.apex_low) / 2 / 10 for p in plans]
    assert np.median(np.abs(wide.loc["half", "onset"] - truth)) <= 1.5
    moved = (wide.loc["half"] - wide.loc["first"]).median()
    assert moved["onset"] > 2
    assert moved["offset"] < -2
    seen = (wide.loc["seen"] - wide.loc["first"]).median()
    assert 0 <= seen["onset"] < moved["onset"]
    assert moved["offset"] < seen["offset"] <= 0


def test_definitions_are_read_from_the_name_of_the_rule(strong):
    found = mebias.reselect(strong, "motion-blind:onset=0.5,offset=0.5", clips=["s01/s01_01"])
    assert set(found["source"]) == {"motion-blind:onset=0.5,offset=0.5"}
    for wrong, said in (("onset=2", "from 0 to below 1"), ("start=1", "such as onset=0.1"),
                        ("apex=x", "a place in the plateau")):  # fmt: skip
        with pytest.raises(OptionError, match=said):
            mebias.reselect(strong, f"motion:{wrong}")


def test_the_spread_of_the_labels_is_read_from_the_name_of_the_rule(strong):
    off = strong.keyframes.assign(frame=strong.keyframes["frame"] - 12)  # 120 ms early
    cohort = replace(strong, keyframes=off)
    rules = ["motion", "motion:coder=80", "motion:coder=80,onset=0.5"]
    found = mebias.reselect(cohort, rules)
    wide = found.pivot_table(index=["source", "clip"], columns="keyframe", values="frame")
    away = {
        rule: (wide.loc[rule]["apex"] - strong.truth[strong.truth["keyframe"] == "apex"]
               .set_index("clip")["frame"]).abs().median()
        for rule in rules
    }  # fmt: skip
    assert away["motion:coder=80"] < 3 < 8 < away["motion"]
    assert (wide.loc[rules[2]]["onset"] - wide.loc[rules[1]]["onset"]).median() > 2


@pytest.fixture(scope="module")
def cohort():
    return mebias.simulate(
        "4dme", seed=5, n_subjects=6, n_clips=14, fps=100, size=(64, 64), amplitude=2.0,
        profiles=["linear", "cosine"],
    )  # fmt: skip


@pytest.fixture(scope="module")
def located(cohort):
    return mebias.reselect(cohort, ["motion", "motion-blind", "gamdss"])


def errors_ms(cohort, keyframes):
    truth = cohort.truth.set_index(["clip", "keyframe"])["frame"]
    rows = keyframes.set_index(["clip", "keyframe"])
    return (rows["frame"] - truth) * 10


def test_motion_is_nearer_to_the_truth_than_the_coders_and_gamdss(cohort, located):
    human = errors_ms(cohort, cohort.keyframes).abs().groupby("keyframe").mean()
    by_rule = {
        name: errors_ms(cohort, part).abs().groupby("keyframe").mean()
        for name, part in located.groupby("source")
    }
    assert (by_rule["motion"] < 0.85 * human).all()
    assert (by_rule["motion"] < 0.85 * by_rule["gamdss"]).all()


def test_intervals_hold_the_truth_and_the_frame(cohort, located):
    motion = located[located["source"] == "motion"].set_index(["clip", "keyframe"])
    truth = cohort.truth.set_index(["clip", "keyframe"])["frame"].reindex(motion.index)
    inside = (motion["low"] <= truth) & (truth <= motion["high"])
    assert inside.mean() > 0.8
    assert (motion["sd"] > 0).all()
    assert motion["frame"].between(motion["low"] - 0.5, motion["high"] + 0.5).all()
    assert (motion["mean"].round() == motion["frame"]).all()
    assert motion["mean"].between(motion["low"], motion["high"]).all()
    assert set(motion["distance"]) == {""}
    assert motion["window_low"].isna().all()


def test_the_blind_posterior_does_not_know_the_labels(cohort, located):
    moved = cohort.keyframes.copy()
    offsets = (moved["source"] == "human") & (moved["keyframe"] != "onset")
    moved.loc[offsets, "frame"] += 4
    other = mebias.Cohort(cohort.manifest, cohort.clips, moved, cohort.issues, cohort.frames)
    again = mebias.reselect(other, ["motion", "motion-blind"])
    first = located[located["source"] != "gamdss"].reset_index(drop=True)
    blind, motion = (again["source"] == name for name in ("motion-blind", "motion"))
    shift = again["frame"] - first["frame"]
    late = again["keyframe"] == "offset"
    assert shift[blind & late].abs().median() <= 2
    assert 0 < shift[motion & late].mean() < 4


def test_the_unrounded_mean_is_what_labels_are_judged_by(cohort, located):
    shifts = mebias.compare(cohort, located)
    found = judged(shifts)
    assert set(found["source"]) == {"motion-blind"}
    assert len(found) == 3 * len(cohort)
    exact = (found["human"] - found["selected_mean"]) * 10
    np.testing.assert_allclose(found["error_ms"], exact)
    assert (found["error_ms"] + found["shift_ms"]).abs().between(0, 5, inclusive="right").all()
    assert shifts.loc[shifts["source"] == "gamdss", "selected_mean"].isna().all()
    lead = cohort.clips.set_index("clip")["lead_frames"]
    assert (found["lead_frames"] == lead.loc[found["clip"]].to_numpy()).all()


def test_the_same_seed_gives_the_same_frames_whatever_the_other_clips(cohort, located):
    chosen = cohort.clips["clip"].iloc[3]
    again = mebias.reselect(cohort, "motion", clips=[chosen])
    first = located[(located["source"] == "motion") & (located["clip"] == chosen)]
    pd.testing.assert_frame_equal(again, first.reset_index(drop=True)[again.columns])


def test_usual_phases_are_those_of_other_subjects():
    found = usual_phases([100.0, 200.0] * 10, [300.0] * 3)
    assert 100 <= found.rise[0] <= 200
    assert found.fall == Phases.fall


def test_without_motion_it_says_so_and_the_interval_is_the_priors():
    still = mebias.simulate("4dme", n_subjects=5, n_clips=5, fps=100, size=(48, 48), amplitude=0.0)
    clip = still.clips["clip"].iloc[0]
    numbers = still.frames.numbers(clip)
    frames = [np.full((48, 48), 90, np.uint8) for _ in numbers]
    courses = reduce_clip(frames, (numbers - numbers[0]) * 10.0)
    assert not courses.detected
    prior = Prior((400.0, 560.0, 800.0), (12.0, 12.0, 22.0))
    low, high = locate(courses, np.random.default_rng(0), prior).interval()
    assert (high - low >= 0.8 * 3.92 * np.array(prior.sd)).all()


def test_clips_without_an_apex_are_for_the_blind_rule_only(cohort):
    none = cohort.keyframes.copy()
    apex = none["keyframe"] == "apex"
    none.loc[apex, ["frame", "status"]] = [np.nan, "missing"]
    bare = mebias.Cohort(cohort.manifest, cohort.clips, none, cohort.issues, cohort.frames)
    found = mebias.reselect(bare, ["motion", "motion-blind"]).groupby("source")["status"]
    assert set(found.get_group("motion")) == {"failed"}
    assert "failed" not in set(found.get_group("motion-blind"))


@pytest.mark.parametrize("count", [1, 2, 7])
def test_too_few_frames_are_said(count):
    with pytest.raises(FrameError, match="are too few to follow a movement; 8 are needed"):
        reduce_clip([np.zeros((9, 9), np.uint8)] * count, np.arange(count) * 10.0)


def test_frames_of_different_shapes_are_refused():
    frames = [np.zeros((9, 9), np.uint8)] * 8 + [np.zeros((9, 8), np.uint8)]
    with pytest.raises(FrameError, match="differ in shape"):
        reduce_clip(frames, np.arange(9) * 10.0)


def test_a_cohort_without_frames_fails_in_words(cohort):
    bare = mebias.Cohort(cohort.manifest, cohort.clips, cohort.keyframes, cohort.issues)
    found = mebias.reselect(bare, "motion")
    assert set(found["reason"]) == {"no frames on disk"}
    assert len(found) == 3 * len(cohort)
    assert list(tables.KEYFRAMES) == found["keyframe"].unique().tolist()


def test_an_unreadable_image_stops_motion_as_any_rule(cohort):
    class Damaged:
        def numbers(self, clip):
            return cohort.frames.numbers(clip)

        def read(self, clip, number):
            raise FrameError("7.png is truncated.")

    damaged = mebias.Cohort(
        cohort.manifest, cohort.clips, cohort.keyframes, cohort.issues, Damaged()
    )
    with pytest.raises(FrameError, match=r"7\.png is truncated; or leave such clips out"):
        mebias.reselect(damaged, "motion")
    found = mebias.reselect(damaged, "motion", skip_bad_frames=True)
    assert set(found["reason"]) == {"7.png is truncated."}


def test_nothing_is_tested_on_frames_that_are_drawn_to_the_labels(cohort, located):
    shifts = mebias.compare(cohort, located)
    motion = mebias.quantify(shifts[shifts["source"] == "motion"], min_subjects=2)
    blind = mebias.quantify(shifts[shifts["source"] == "motion-blind"], min_subjects=2)
    assert motion.tests.empty
    assert "nothing is tested on them" in " ".join(motion.issues["message"])
    assert "drawn towards" not in " ".join(blind.issues["message"])
    assert len(blind.tests) > 0
