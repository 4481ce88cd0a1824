"""Planning a study of coders: the formulas against brute force, the pilot, what is refused."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mebias
from mebias.errors import MebiasError
from mebias.quantification.coding.pilot import pilot_basis, unrounded
from mebias.quantification.coding.plan_power import (
    Plan,
    _thinned,
    culture_power,
    culture_scores,
    group_power,
    smallest,
)
from mebias.quantification.coding.planning import pilot_bounds
from mebias.quantification.coding.tolerance import (
    Spread,
    culture_sizes,
    label_error,
    label_variance,
    shared_rounding,
    tolerance,
)

SPREAD = Spread(coder=8, coder_group=4, culture_subject=3, coder_subject=6, coder_event=11,
                residual=15, selector=25, subject=5)  # fmt: skip
NEAR = replace(SPREAD, coder=2, coder_group=0, culture_subject=1, coder_subject=1, coder_event=2,
               residual=3)  # fmt: skip
NONE = {name: (0.0, 0.0, 0.0) for name in ("coder_group", "culture_subject", "selector", "subject")}


def brute(spread, coders, fps, n=200_000, seed=0):
    """Errors of n published labels, each of coders of its own, written out term by term."""
    rng = np.random.default_rng(seed)
    frame = 1000 / fps
    true = rng.uniform(0, 1000, (n, 1))
    error = np.zeros((n, coders))
    for name in ("coder", "coder_group", "coder_subject", "coder_event", "residual"):
        error += getattr(spread, name) * rng.standard_normal((n, coders))
    culture = np.arange(coders) >= culture_sizes(coders)[0]
    error += spread.culture_subject * rng.standard_normal((n, 2))[:, culture.astype(int)]
    return (np.round((true + error) / frame) * frame).mean(axis=1) - true[:, 0]


@pytest.mark.parametrize("spread", [SPREAD, NEAR])
@pytest.mark.parametrize("coders", [1, 2, 3, 5])
@pytest.mark.parametrize("fps", [30.0, 200.0])
def test_sd_and_tolerance_of_labels_are_those_of_brute_force(spread, coders, fps):
    drawn = brute(spread, coders, fps)
    assert math.sqrt(label_variance(spread, coders, fps)) == pytest.approx(drawn.std(), rel=0.01)
    width = tolerance(*(label_error(spread, coders, fps),) * 2, 1.0)
    assert (np.abs(drawn) <= width).mean() == pytest.approx(0.95, abs=0.006)


def test_labels_coded_by_all_and_by_one_together():
    several, single = (label_error(SPREAD, k, 60.0) for k in (3, 1))
    width = tolerance(single, several, 0.3)
    drawn = np.r_[brute(SPREAD, 3, 60.0, 60_000), brute(SPREAD, 1, 60.0, 140_000, 1)]
    assert (np.abs(drawn) <= width).mean() == pytest.approx(0.95, abs=0.004)
    assert tolerance(several, several, 1.0) < width < tolerance(single, single, 1.0)


@pytest.mark.parametrize("sd", [0.0, 3.0, 8.0, 20.0])
def test_what_two_coders_round_alike(sd):
    rng = np.random.default_rng(1)
    times = rng.uniform(0, 100, (300_000, 1)) * 33.3 + sd * rng.standard_normal((300_000, 2))
    rounding = np.round(times / 33.3) * 33.3 - times
    assert shared_rounding(sd, 33.3) == pytest.approx(np.corrcoef(rounding.T)[0, 1], abs=0.012)


def test_power_without_clusters_is_that_of_the_t_test():
    """One clip a subject, everything coded by all: two-sample t (G*Power: 0.807 at d = 1)."""
    spread = replace(SPREAD, coder_subject=0, culture_subject=0, subject=0, coder_group=0)
    plan = Plan(34, 1, 2, 1.0, 1e6)
    sd = math.sqrt(spread.selector**2 + (spread.coder_event**2 + spread.residual**2) / 2)
    assert float(group_power(spread, plan, sd)) == pytest.approx(0.807, abs=0.001)


def test_more_of_anything_finds_more():
    base = Plan(40, 8, 6, 0.5, 100)
    for better in (replace(base, subjects=80), replace(base, clips=16), replace(base, coders=10),
                   replace(base, double=1.0), replace(base, fps=500)):  # fmt: skip
        for power in (group_power, culture_power):
            assert float(power(SPREAD, better, 8)) > float(power(SPREAD, base, 8))
    # What coders do to a group is told by coders only.
    many = culture_scores(SPREAD, replace(base, subjects=4000)).variance
    assert many == pytest.approx(2 * 16 * (2 / 3), rel=0.02)


@pytest.mark.parametrize("share", [0.2, 0.7, 1.0])
def test_clips_that_all_code_are_drawn_one_by_one(share):
    sizes = np.array([1.0, 4.0, 30.0])
    drawn = np.random.default_rng(0).binomial(sizes.astype(int), share, (200_000, 3))
    mean, square = _thinned(sizes, share)
    np.testing.assert_allclose(mean, drawn.mean(axis=0), rtol=0.01)
    np.testing.assert_allclose(square, (drawn**2.0).mean(axis=0), rtol=0.01)


def test_the_variance_of_a_contrast_of_cultures_is_that_of_drawn_codings():
    """Subjects of 1 to 15 clips that all coders code: the cells' error counts by the clip."""
    spread = replace(SPREAD, coder_subject=0, culture_subject=0, coder_group=0)
    plan = Plan(24, 5, 6, 1.0, 1e6)
    own, other = culture_sizes(plan.coders)
    clips = sum(1 / plan.sizes(n).sum() for n in plan.sides)
    expected = (1 / own + 1 / other) * spread.per_event * clips
    assert culture_scores(spread, plan).of_both == pytest.approx(expected)


def test_what_a_plan_takes_when_nothing_is_said():
    table = mebias.plan_study(coders=[2]).table
    assert sorted(set(table["fps"])) == [30, 60, 100, 200]
    assert sorted(set(table["subjects"])) == [20, 40, 60, 80]
    assert sorted(set(table["double_coded"])) == [0.1, 0.4, 0.7, 1.0]


def test_with_many_of_all_the_contrast_of_cultures_has_the_power_of_a_z_test():
    """Where nearly all the variance is of subjects: coders' has no part in the error."""
    spread = replace(SPREAD, coder_subject=0, culture_subject=40, coder_group=0)
    plan = Plan(400, 4, 60, 1.0, 200)
    sd = math.sqrt(culture_scores(spread, plan).variance)
    for away in (1.0, 1.96, 3.0):
        expected = stats.norm.cdf(away - 1.96) + stats.norm.cdf(-away - 1.96)
        assert float(culture_power(spread, plan, away * sd)) == pytest.approx(expected, abs=0.02)


def test_a_study_is_written_into_a_folder_that_is_made_for_it(tmp_path):
    study = mebias.plan_study(coders=[4], double_coded=[1.0], fps=[60], subjects=[40])
    folder = tmp_path / "new" / "folder"
    for _ in range(2):  # the second time it is there
        written = study.to_csv(folder)
        assert [p.name for p in written] == ["study.csv", "study_components.csv"]
        assert pd.read_csv(written[0])["subjects"].tolist() == study.table["subjects"].tolist()


def test_two_coders_of_a_culture_are_needed():
    for coders in (2, 3):
        with pytest.raises(ValueError, match="confounded with the coder"):
            culture_scores(SPREAD, Plan(40, 8, coders, 1.0, 100))
    table = mebias.plan_study(coders=[3], double_coded=[1.0], fps=[60], subjects=[40]).table
    assert table["culture_power"].isna().all() and (table["culture_reason"] != "").all()


def test_the_smallest_contrast_is_found_with_the_power():
    plan = mebias.plan_study(coders=[6], double_coded=[1.0], fps=[100], subjects=[60])
    row = plan.table.set_index("keyframe").loc["offset"]
    for name in ("ethnicity", "culture"):
        there = mebias.plan_study(
            coders=[6], double_coded=[1.0], fps=[100], subjects=[60],
            shift_ms=row[f"{name}_smallest_ms"],
        ).table.set_index("keyframe").loc["offset"]  # fmt: skip
        assert there[f"{name}_power"] == pytest.approx(0.8, abs=0.01)
    assert math.isnan(smallest(np.array([0.1, 0.5]), np.array([0.0, 1.0]), 0.8))


def test_cost_and_codings():
    table = mebias.plan_study(
        coders=[4], double_coded=[0.5], fps=[60], subjects=[20], clips=[10], minutes=30,
        training_hours=2,
    ).table  # fmt: skip
    # 100 clips by all four, 100 by one.
    assert set(table["codings"]) == {500} and set(table["hours"]) == {250 + 8}


def test_the_cheapest_design_that_reaches_the_goals_is_recommended():
    plan = mebias.plan_study(
        coders=[2, 4], double_coded=[0.5, 1.0], fps=[60, 200], subjects=[20, 60]
    )
    one = plan.recommended
    assert plan.reached and len(one) == 3 and one["hours"].max() == one["hours"].min()
    key = ["subjects", "coders", "double_coded", "fps"]
    all_met = plan.table.groupby(key).agg(meets=("meets", lambda m: (m == "yes").all()),
                                          hours=("hours", "first"))  # fmt: skip
    assert one["hours"].iloc[0] == all_met.loc[all_met["meets"], "hours"].min()
    assert one["fps"].iloc[0] == 200  # of equals the one with the smaller tolerance
    none = mebias.plan_study(coders=[2], double_coded=[1.0], fps=[60], subjects=[20, 60],
                             tolerance_ms=5)  # fmt: skip
    assert not none.reached and "NO design reaches" in none.summary()
    assert "does NOT reach" in none.protocol()


def test_a_pilot_carries_its_uncertainty():
    def planned(n):
        names = {f"c{i}": "A" for i in range(6)}
        drawn = mebias.simulate_coders(names, subjects={"A": 12}, n_events=n, seed=4)
        return mebias.plan_study(drawn.annotations, coders=[2, 4], double_coded=[1.0], fps=[100],
                                 subjects=[40])  # fmt: skip

    small, large = planned(24), planned(240)
    for plan in (small, large):
        t = plan.table
        assert (t["tolerance_low"] <= t["tolerance_ms"]).all()
        assert (t["tolerance_ms"] <= t["tolerance_high"]).all()
        for name in ("ethnicity", "culture"):
            known = t[t[f"{name}_power"].notna()]
            assert (known[f"{name}_power_low"] <= known[f"{name}_power"]).all()
            assert (known[f"{name}_power"] <= known[f"{name}_power_high"]).all()
        assert "pilot" in plan.basis and plan.simulated
    widths = [(p.table["ethnicity_power_high"] - p.table["ethnicity_power_low"]).mean()
              for p in (small, large)]  # fmt: skip
    assert widths[0] > 2 * widths[1]
    coder = large.components.query("component == 'coder' and origin == 'pilot'")
    assert len(coder) and (coder["conf_low"] < coder["sd_ms"]).all()
    assert (coder["sd_ms"] < coder["conf_high"]).all()
    origin = large.components.set_index(["keyframe", "component"])["origin"]
    assert origin["apex", "residual"] == "pilot" and origin["apex", "coder x group"] == "assumed"


def test_the_frames_of_a_pilot_are_not_planned_again():
    """Coded at 30 fps, the components of a faster study hold no rounding of the pilot."""
    names = {f"c{i}": "A" for i in range(4)}
    drawn = mebias.simulate_coders(names, subjects={"A": 20}, n_events=400, fps=30.0, missed=0.0,
                                   false_alarms=0.0, seed=2)  # fmt: skip
    spread = pilot_basis(drawn.annotations, NONE).bases["apex"].spread
    truth = math.hypot(6, 9)
    assert math.sqrt(spread.per_event) == pytest.approx(truth, rel=0.1)
    assert math.hypot(truth, 1000 / 30 / math.sqrt(12)) > 1.3 * truth
    assert unrounded({"residual": 1.0}, 33.0) <= 1.0  # far below a frame, coders round alike


def test_bounds_of_a_pilot_hold_the_tolerance_behind_it():
    names = {f"c{i}": "A" for i in range(4)}
    truth = Spread(5, 0, 0, 3, 6, 9, 0, 0)
    value = tolerance(*(label_error(truth, 3, 100.0),) * 2, 1.0)
    held = []
    for seed in range(16):
        drawn = mebias.simulate_coders(names, subjects={"A": 8}, n_events=30, missed=0.0,
                                       false_alarms=0.0, seed=seed)  # fmt: skip
        low, high = pilot_bounds(pilot_basis(drawn.annotations, NONE).bases["apex"], 3, 100.0)
        held.append(low <= value <= high)
    assert sum(held) >= 13  # less is 1 in 1,000 at 95 %


def test_without_a_pilot_everything_says_simulated():
    plan = mebias.plan_study(coders=[2], double_coded=[1.0], fps=[60], subjects=[40])
    assert plan.simulated and set(plan.table["dataset"]) == {"SIMULATED components"}
    assert set(plan.components["origin"]) == {"SIMULATED", "assumed"}
    for text in (plan.summary(), plan.protocol(), plan._repr_html_()):
        assert "SIMULATED" in text
    assert plan.table["tolerance_low"].isna().all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"coders": [1, 2]}, "coders is 1: one coder's error shows nowhere"),
        ({"double_coded": [0.0]}, "double_coded is 0 %"),
        ({"double_coded": [1.2]}, "double_coded is 120 %"),
        ({"fps": [0]}, "fps is 0"),
        ({"clips": [0.5]}, "clips per subject is 0.5"),
        ({"subjects": [5]}, "a side has fewer than 3"),
        ({"group": 0.05, "subjects": [20]}, "a side has fewer than 3"),
        ({"group": 1.0}, "group is 100 %"),
        ({"subjects": list(range(20, 400))}, "more than 5000"),
        ({"coders": []}, "coders holds no number"),
        ({"tolerance_ms": 0}, "tolerance_ms is 0"),
        ({"minutes": math.nan}, "minutes is nan"),
        ({"training_hours": -1}, "training_hours is -1"),
        ({"power": 0.01}, "expected 0 < alpha < power < 1"),
        ({"contrasts": ["age"]}, "no contrast 'age'"),
        ({"selector_sd": [1, 2]}, "selector_sd is 1, 2"),
    ],
)
def test_what_cannot_be_is_refused(options, words):
    with pytest.raises(MebiasError, match=words) as caught:
        mebias.plan_study(**options)
    assert "\n" not in str(caught.value)


def test_pilots_that_tell_nothing():
    rows = [("s1", c, f"v{i}", 10 * i, 10 * i + 20, 10 * i + 40) for i in range(6) for c in "ab"]
    table = pd.DataFrame(rows, columns=["subject", "coder", "video", "onset", "apex", "offset"])
    with pytest.raises(MebiasError, match=r"one coder \(a\)"):
        mebias.plan_study(table[table["coder"] == "a"], pilot_fps=100)
    with pytest.raises(MebiasError, match="fewer than two subjects"):
        mebias.plan_study(table, pilot_fps=100)
    with pytest.raises(MebiasError, match="offset"):
        mebias.plan_study(table.drop(columns="offset"), pilot_fps=100)
    two = table.assign(subject=np.repeat(["s1", "s2"], 6))
    with pytest.raises(MebiasError, match="tells no components of the onset"):
        mebias.plan_study(two, pilot_fps=100)  # the two coders agree to the frame
