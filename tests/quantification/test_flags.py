"""Flags: few false alarms, and none where the frames cannot tell."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import special

from mebias import tables
from mebias.errors import OptionError, TableError
from mebias.quantification.flags import error_scales, flag_clips, p_outside, withheld_flags
from mebias.validation.trajectories import blind_shifts

EXACT: dict[str, tuple[float, float]] = {}
"""No posterior is off by more than it says, as in most of these cohorts."""
COHORTS = tuple(f"d{i}" for i in range(60))


def outside(shifts, tolerance=33.0):
    """Which labels truly lie outside the tolerance of their group's mean error."""
    by = ["dataset", "keyframe", "ethnicity"]
    center = shifts.groupby(by)["true_error_ms"].transform("mean")
    return shifts.assign(wrong=(shifts["true_error_ms"] - center).abs() > tolerance)


def judged_flags(shifts, flags):
    keys = ["dataset", "clip", "keyframe"]
    return flags.merge(outside(shifts)[[*keys, "wrong"]], on=keys, how="left", validate="1:1")


def naive_flags(shifts, fdr=0.05):
    """The control: the blind posterior alone, blind to labels being picked for lying far out."""
    by = ["dataset", "keyframe", "ethnicity"]
    error = (shifts["human"] - shifts["selected_mean"]) * 1000 / shifts["fps"]
    d = error - error.groupby([shifts[c] for c in by]).transform("mean")
    sd = shifts["selected_sd"] * 1000 / shifts["fps"]
    p = special.ndtr((d - 33) / sd) + special.ndtr((-d - 33) / sd)
    rows = shifts.assign(within=1 - p).sort_values(["dataset", "within"])
    running = rows.groupby("dataset")["within"].expanding().mean().to_numpy()
    return rows.loc[running <= fdr, ["dataset", "clip", "keyframe"]]


def false_share(found):
    """Share of false alarms, averaged over cohorts (0 where nothing is flagged)."""
    return (~found["wrong"].astype(bool)).groupby(found["dataset"]).mean().sum() / len(COHORTS)


def test_few_flags_of_exact_posteriors_are_false_alarms_and_those_alone_give_many():
    shifts = blind_shifts(
        1, datasets=COHORTS, bias={"B": (30, 0, 0)}, sd=(12, 12, 12), blind_sd=(12, 9, 16),
        gross=0.06, icc=0.2,
    )  # fmt: skip
    onsets = shifts[shifts["keyframe"] == "onset"].reset_index(drop=True)
    found = judged_flags(onsets, flag_clips(onsets, missed=EXACT))
    recall = found["wrong"].sum() / outside(onsets)["wrong"].sum()
    assert false_share(found) <= 0.07
    assert recall > 0.4
    naive = judged_flags(onsets, naive_flags(onsets))
    assert false_share(naive) > 0.12


def test_posteriors_that_missed_the_movement_are_allowed_for():
    missed = (0.08, 40.0)
    shifts = blind_shifts(
        8, datasets=COHORTS, sd=(12, 12, 12), blind_sd=(9, 9, 9), gross=0.12, missed=missed, icc=0.2
    )
    onsets = shifts[shifts["keyframe"] == "onset"].reset_index(drop=True)
    found = judged_flags(onsets, flag_clips(onsets, missed={"onset": missed}))
    assert false_share(found) <= 0.07
    assert found["wrong"].sum() / outside(onsets)["wrong"].sum() > 0.1
    trusting = judged_flags(onsets, flag_clips(onsets, missed=EXACT))
    assert false_share(trusting) > 0.08


def test_by_default_a_few_far_labels_may_be_the_posteriors_fault(planted):
    shifts, far = planted
    assert len(flag_clips(shifts)) < far.sum() == len(flag_clips(shifts, missed=EXACT))


def test_honest_coders_are_hardly_ever_flagged():
    shifts = blind_shifts(2, datasets=COHORTS[:20], sd=(8, 8, 8), blind_sd=(10, 10, 10))
    onsets = shifts[shifts["keyframe"] == "onset"]
    assert len(flag_clips(onsets, missed=EXACT)) <= 2
    empty = flag_clips(onsets[onsets["dataset"] == "d0"])
    pd.testing.assert_frame_equal(empty, tables.empty("flags"))


@pytest.fixture
def planted():
    """One cohort with three labels that are far off, two in the same clip."""
    shifts = blind_shifts(3, sd=(8, 8, 8), icc=0.1)
    far = shifts["clip"].isin(["c3"]) & (shifts["keyframe"] != "apex")
    far |= (shifts["clip"] == "c9") & (shifts["keyframe"] == "apex")
    moved = shifts["human"] - np.where(shifts["keyframe"] == "offset", -40, 30) * far
    drop = ["shift_frames", "shift_ms", "shift_window"]
    return tables.conform(shifts.assign(human=moved).drop(columns=drop), "shifts"), far


def keys(flags):
    return set(zip(flags["clip"], flags["keyframe"], strict=True))


def test_planted_labels_come_first(planted):
    shifts, far = planted
    flags = flag_clips(shifts, missed=EXACT)
    assert keys(flags) == keys(shifts[far])
    assert flags["rank"].tolist() == [1, 2, 3]
    assert flags["p_outside_tolerance"].is_monotonic_decreasing
    assert flags.loc[0, "keyframe"] == "offset"
    first = shifts[(shifts["clip"] == "c3") & (shifts["keyframe"] == "offset")].iloc[0]
    assert flags.loc[0, "human"] == first["human"]
    assert flags.loc[0, "posterior_mean"] == pytest.approx(first["selected_mean"])
    assert flags.loc[0, "posterior_sd"] == first["selected_sd"]
    pd.testing.assert_frame_equal(flags, tables.conform(flags, "flags"))


@pytest.mark.parametrize("status", ["undetectable", "truncated", "failed"])
def test_what_the_frames_cannot_tell_is_never_flagged(planted, status):
    shifts, far = planted
    flags = flag_clips(
        shifts.assign(selected_status=shifts["selected_status"].where(~far, status)), missed=EXACT
    )
    assert flags.empty


@pytest.mark.parametrize(
    ("cut", "withheld"),
    [
        ({"lead_frames": 0.0}, {"onset", "apex"}),
        ({"tail_frames": 0.0}, {"offset", "apex"}),
        ({"lead_frames": 0.0, "tail_frames": 0.0}, {"onset", "apex", "offset"}),
        ({"lead_frames": 1.0, "tail_frames": 1.0}, set()),
        ({}, set()),
    ],
)
def test_what_a_cut_makes_unjudgeable_is_not_flagged_and_the_issues_say_so(planted, cut, withheld):
    shifts, far = planted
    made = shifts.assign(**cut)
    flags = flag_clips(made, missed=EXACT)
    assert keys(flags) == keys(shifts[far & ~shifts["keyframe"].isin(withheld)])
    issues = withheld_flags(made)
    assert len(issues) == bool(withheld)
    n = shifts["clip"].nunique()
    for keyframe in tables.KEYFRAMES:
        told = issues["message"].str.contains(f"{n} of {n} at the {keyframe}").any()
        assert told == (keyframe in withheld)


def test_clips_that_are_not_cut_are_flagged_beside_those_that_are(planted):
    shifts, far = planted
    some = shifts.assign(lead_frames=np.where(shifts["clip"] == "c3", 0.0, 5.0), tail_frames=5.0)
    flagged = keys(flag_clips(some, missed=EXACT))
    assert flagged == keys(shifts[far]) - {("c3", "onset")}
    (row,) = withheld_flags(some).to_dict("records")
    assert "1 of 159 at the onset, 1 of 159 at the apex" in row["message"]
    assert row["severity"] == "warning"


def test_a_groups_mean_difference_is_no_error_of_its_clips(planted):
    shifts, far = planted
    group = shifts["ethnicity"] == "B"
    late = tables.conform(shifts.assign(human=shifts["human"] + 12 * group), "shifts")
    assert keys(flag_clips(late, missed=EXACT)) == keys(shifts[far])


def test_the_tolerance_is_two_frames_or_33_ms_or_what_is_asked(planted):
    shifts, far = planted
    assert len(flag_clips(shifts, tolerance_ms=500.0)) == 0
    assert len(flag_clips(shifts, tolerance_ms=5.0, missed=EXACT)) > 20
    slow = shifts.assign(fps=10.0, human=(shifts["human"] / 20).round(),
                         selected=(shifts["selected_mean"] / 20).round(),
                         selected_mean=shifts["selected_mean"] / 20,
                         selected_sd=shifts["selected_sd"] / 20)  # fmt: skip
    assert flag_clips(slow, missed=EXACT).empty  # two frames are 200 ms
    found = keys(flag_clips(slow, tolerance_ms=120.0, missed=EXACT))
    assert len(found) == 2
    assert found < keys(shifts[far])


def test_order_and_names_do_not_matter(planted):
    shifts, _ = planted
    other = shifts.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(
        flag_clips(shifts, missed=EXACT), flag_clips(other, missed=EXACT), check_exact=True
    )


def test_few_labels_teach_nothing():
    shifts = blind_shifts(4, n_subjects=5, n_clips=15, gross=0.5)
    assert flag_clips(shifts, missed=EXACT).empty


def test_options_and_sources_are_checked():
    shifts = blind_shifts(5, n_subjects=5, n_clips=10)
    with pytest.raises(OptionError, match=r"tolerance_ms is 0; expected a length in ms above 0"):
        flag_clips(shifts, tolerance_ms=0)
    with pytest.raises(OptionError, match="fdr is 1; expected"):
        flag_clips(shifts, fdr=1)
    with pytest.raises(OptionError, match=r"missed is .1, 60. for the onset; expected a share"):
        flag_clips(shifts, missed={"onset": (1, 60)})
    with pytest.raises(OptionError, match="'motion', which cannot judge"):
        flag_clips(shifts, source="motion")
    with pytest.raises(TableError, match="no rows of the source motion-blind"):
        flag_clips(shifts.assign(source="gamdss"))


def test_probabilities_are_those_of_a_simulation():
    """Draw errors from the mixture and observe them: what lies behind an observation of 40."""
    rng = np.random.default_rng(6)
    scales, weights = np.array([0.0, 10.0, 60.0]), np.array([0.5, 0.4, 0.1])
    e = rng.standard_normal(4_000_000) * rng.choice(scales, 4_000_000, p=weights)
    near = np.abs(e + rng.normal(0, 12, e.size) - 40) < 0.5
    found = p_outside(*np.array([[40.0], [144.0], [33.0]]), scales, weights)[0]
    error = math.sqrt(found * (1 - found) / near.sum())
    assert (np.abs(e[near]) > 33).mean() == pytest.approx(found, abs=4 * error)


def test_the_scales_of_errors_are_recovered():
    rng = np.random.default_rng(7)
    v = rng.choice([16.0, 100.0], 4000)
    e = np.where(rng.random(4000) < 0.1, rng.normal(0, 80, 4000), rng.normal(0, 12, 4000))
    scales, weights = error_scales(e + np.sqrt(v) * rng.standard_normal(4000), v)
    assert weights.sum() == pytest.approx(1)
    assert (weights * scales**2).sum() == pytest.approx(np.var(e), rel=0.15)
    assert weights[scales > 40].sum() == pytest.approx(0.1, abs=0.03)
