"""Agreement of two arms: the traps, the invariants, brute force, and what is said in words."""

import math
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mebias import label_versions, tables
from mebias.quantification.agreement import agreement_estimates
from mebias.quantification.checks import checked_shifts
from mebias.quantification.coefficients import BY_CONSTRUCTION, COEFFICIENTS, coefficients
from mebias.quantification.intervals_overlap import is_micro, overlap, paired_keyframes
from mebias.quantification.limits import far_from_normal, limits_of_agreement
from mebias.quantification.spread import mad_interval

REAL = os.environ.get("MEBIAS_CASME3_TABLES", "")
KEYS = ["ethnicity", "stratum", "keyframe", "quantity", "unit", "weighting"]
NUMBERS = ["estimate", "std_error", "conf_low", "conf_high", "n_clips", "n_subjects"]


def table(seed=0, n_subjects=12, fps=100.0, reach=None, sd=3.0):
    """Three groups, unequal numbers of clips; windows of +- reach frames if asked."""
    rng = np.random.default_rng(seed)
    rows = []
    for s in range(n_subjects):
        own = rng.normal(0, 1.5)
        for i in range(2 + int(rng.integers(0, 9))):
            onset = int(rng.integers(0, 900))
            apex = onset + int(rng.integers(12, 40))
            offset = apex + int(rng.integers(12, 60))
            for keyframe, human in (("onset", onset), ("apex", apex), ("offset", offset)):
                shift = round(own + rng.normal(0, sd))
                row = {"dataset": "d", "clip": f"c{s}-{i}", "subject": f"s{s}", "fps": fps,
                       "keyframe": keyframe, "ethnicity": "ABC"[s % 3], "human": human}  # fmt: skip
                if reach is not None:
                    shift = max(-reach, min(reach, shift))
                    row |= {"window_low": human - reach, "window_high": human + reach}
                rows.append(row | {"selected": human + shift})
    return pd.DataFrame(rows)


def estimates(shifts, **options):
    return agreement_estimates(checked_shifts(shifts), **options)[0]


def one(found, quantity, keyframe="", unit=None, weighting=None, ethnicity="all"):
    rows = found[
        (found["quantity"] == quantity)
        & (found["keyframe"] == keyframe)
        & (found["ethnicity"] == ethnicity)
        & (found["stratum"] == "all")
    ]
    rows = rows if unit is None else rows[rows["unit"] == unit]
    rows = rows if weighting is None else rows[rows["weighting"] == weighting]
    assert len(rows) == 1, (quantity, keyframe, len(rows))
    return rows.iloc[0]


@pytest.fixture(scope="module")
def free():
    return agreement_estimates(checked_shifts(table()))


@pytest.fixture(scope="module")
def windowed():
    return agreement_estimates(checked_shifts(table(reach=4)))


def same(a, b, **tolerance):
    left, right = (t.sort_values(KEYS).reset_index(drop=True) for t in (a, b))
    pd.testing.assert_frame_equal(left[KEYS + NUMBERS], right[KEYS + NUMBERS], **tolerance)


# traps


def test_trap_3_integers_with_ties_against_all_pairs():
    values = np.repeat([0.0, 1, 2, -1, 4], [18, 9, 5, 6, 2])
    subjects = np.random.default_rng(0).integers(0, 11, len(values))
    different = subjects[:, None] != subjects[None, :]
    pairs = np.abs(values[:, None] - values[None, :])[different]
    assert mad_interval(values, subjects).estimate == pytest.approx(pairs.mean())


def test_trap_4_pairs_are_made_before_anything_is_dropped():
    """30 clips with difference exactly 5, one missing value in each arm: 28 pairs, SD 0."""
    rng = np.random.default_rng(1)
    rows = []
    for i in range(30):
        onset, apex = 100 * i, 100 * i + int(rng.integers(5, 40))
        for keyframe, human, by in (("onset", onset, 0), ("apex", apex, 5)):
            rows.append({"clip": f"c{i}", "subject": f"s{i % 10}", "keyframe": keyframe,
                         "human": human, "selected": human + by, "fps": 100.0})  # fmt: skip
    shifts = pd.DataFrame(rows).assign(human_status="annotated", selected_status="selected")
    lost = (shifts["keyframe"] == "apex") & (shifts["clip"] == "c3")
    shifts.loc[lost, ["human", "human_status"]] = [math.nan, "missing"]
    failed = (shifts["keyframe"] == "apex") & (shifts["clip"] == "c7")
    shifts.loc[failed, ["selected", "selected_status"]] = [math.nan, "failed"]
    found, issues = agreement_estimates(checked_shifts(shifts))
    row = one(found, "mean_difference_rise", unit="frames", weighting="clip")
    assert (row["estimate"], row["n_clips"]) == (5, 28)
    assert row["reason"] == "all 28 values are equal"
    for arm in ("human", "selected"):
        assert one(found, f"mean_rise_{arm}", unit="frames")["n_clips"] == 28
    assert one(found, "icc_c1_rise")["estimate"] == pytest.approx(1)
    assert one(found, "mad_between_subjects", "apex", "frames")["estimate"] == 0
    note = issues[issues["field"] == "rise"].iloc[0]
    assert note["message"].startswith("selected: 2 of 30 clips lack onset or apex")


def test_trap_7_a_constant_lowers_absolute_agreement_and_leaves_consistency():
    rng = np.random.default_rng(2)
    subjects = np.repeat(np.arange(15), 4)
    human = rng.normal(30, 6, 60)
    selected = human + rng.normal(0, 2, 60)
    plain = coefficients(human, selected, subjects, of="rise")
    moved = coefficients(human, selected + 6, subjects, of="rise")
    for name in ("ccc", "icc_a1"):
        assert moved[name].conf_high < plain[name].conf_low
    for bound in ("estimate", "conf_low", "conf_high"):
        there, back = getattr(moved["icc_c1"], bound), getattr(plain["icc_c1"], bound)
        assert there == pytest.approx(back, rel=1e-9)


def test_trap_7_limits_move_with_the_constant_and_keep_their_width():
    rng = np.random.default_rng(3)
    values, subjects = rng.normal(0, 4, 80), np.repeat(np.arange(16), 5)
    plain, moved = (limits_of_agreement(values + c, subjects) for c in (0, 7))
    for there, back in zip(moved, plain, strict=True):
        for bound in ("estimate", "conf_low", "conf_high"):
            assert getattr(there, bound) == pytest.approx(getattr(back, bound) + 7, abs=1e-6)


def test_trap_9_wild_tails_are_said_and_quantiles_given():
    shifts = table()
    far = shifts.index[shifts["keyframe"] == "offset"][::17]
    shifts.loc[far, "selected"] += 900
    found, issues = agreement_estimates(checked_shifts(shifts))
    low, high = (one(found, f"quantile_{tail}", "offset", "frames") for tail in ("05", "95"))
    limit = one(found, "limit_high", "offset", "frames")
    assert "not normal" in limit["method"]
    assert low["conf_low"] <= low["estimate"] <= low["conf_high"] < 0
    assert high["estimate"] >= high["conf_low"] and limit["estimate"] > 300
    said = issues[(issues["field"] == "offset") & (issues["severity"] == "warning")]
    assert "far from normal in all (skewness" in said["message"].item()
    assert found.query("keyframe == 'apex' and quantity == 'quantile_05'").empty


def test_trap_10_coefficients_of_frame_numbers_are_refused_in_words(free):
    """157 clips whose apexes differ by SD 9.5: the formula would print 1.000."""
    rng = np.random.default_rng(4)
    human = np.floor(rng.uniform(0, 20000, 157))
    selected = human + np.round(rng.normal(0, 9.5, 157))
    subjects = rng.integers(0, 29, 157)
    as_if_lengths = coefficients(human, selected, subjects, of="rise")
    refused = coefficients(human, selected, subjects, of="apex")
    for name in COEFFICIENTS:
        assert f"{as_if_lengths[name].estimate:.3f}" == "1.000"
        assert math.isnan(refused[name].estimate) and refused[name].reason == BY_CONSTRUCTION
    found, issues = free
    for keyframe in tables.KEYFRAMES:
        row = one(found, "icc_a1", keyframe)
        assert math.isnan(row["estimate"]) and row["reason"] == BY_CONSTRUCTION
    assert BY_CONSTRUCTION in issues["message"].iloc[-1]


def test_trap_18_windowed_shifts_have_no_normal_limits_but_quantiles_and_reach(windowed):
    found, issues = windowed
    row = one(found, "limit_low", "onset", "ms")
    assert math.isnan(row["estimate"]) and "windows bound" in row["reason"]
    low, high = (one(found, f"quantile_{t}", "onset", "frames") for t in ("05", "95"))
    assert -4 <= low["conf_low"] <= low["estimate"] < high["estimate"] <= high["conf_high"] <= 4
    assert one(found, "window_reach_low", "onset", "frames")["estimate"] == -4
    assert one(found, "window_reach_high", "onset", "ms")["estimate"] == 40
    assert issues["message"].str.contains("windows bound the shifts of onset, apex").any()


# limits, shares


def test_every_number_has_an_interval_or_a_reason(free, windowed):
    for found, _ in (free, windowed):
        bounded = found["conf_low"].notna() & found["conf_high"].notna()
        assert (bounded | (found["reason"] != "")).all()
        assert (found["estimate"].notna() | (found["reason"] != "")).all()
        assert (found["method"] != "").all()
        inside = (found["conf_low"] <= found["estimate"] + 1e-9) & (
            found["estimate"] <= found["conf_high"] + 1e-9
        )
        assert inside[bounded].all()


def test_shares_within_count_one_frame_of_30_fps_as_33_ms():
    shifts = table(fps=30.0)
    found, far = estimates(shifts), (shifts["selected"] - shifts["human"]).abs()
    apex = far[shifts["keyframe"] == "apex"]
    for k in (0, 1, 2):
        share = one(found, f"share_within_{k}_frames", "apex")
        assert share["estimate"] == pytest.approx((apex <= k).mean())
    near = one(found, "share_within_33_ms", "apex")["estimate"]
    assert near == pytest.approx((apex <= 1).mean())


def test_shares_of_0_and_100_percent_have_intervals():
    shifts = table()
    found = estimates(shifts.assign(selected=shifts["human"]))
    row = one(found, "share_within_0_frames", "onset")
    assert row["estimate"] == 1 and row["conf_low"] < 1 == row["conf_high"]
    row = one(found, "share_status_changed")
    assert row["estimate"] == 0 == row["conf_low"] < row["conf_high"]
    row = one(found, "limit_low", "onset", "ms")
    assert row["estimate"] == 0 and row["reason"].endswith("values are equal")


def test_truncated_is_a_share_of_windowed_keyframes():
    shifts = table(reach=4).assign(selected_status="selected")
    onsets = shifts.index[shifts["keyframe"] == "onset"]
    shifts.loc[onsets[: len(onsets) // 2], "selected_status"] = "truncated"
    row = one(estimates(shifts), "share_truncated", "onset")
    assert row["estimate"] == pytest.approx((len(onsets) // 2) / len(onsets))


def test_a_reach_is_counted_from_the_nearer_end_of_a_coded_interval():
    shifts = table(reach=4)
    apex = shifts["keyframe"] == "apex"
    shifts["human_low"] = (shifts["human"] - 1).where(apex)
    shifts["human_high"] = (shifts["human"] + 2).where(apex)
    found = estimates(shifts)
    assert one(found, "window_reach_low", "apex", "frames")["estimate"] == -3
    assert one(found, "window_reach_high", "apex", "frames")["estimate"] == 2


def test_one_subject_and_few_subjects_have_reasons():
    shifts = table()
    alone = estimates(shifts[shifts["subject"] == "s1"])
    row = one(alone, "limit_low", "apex", "ms")
    assert math.isnan(row["estimate"]) and row["reason"] == "a single subject"
    assert one(alone, "mad_between_subjects", "apex", "ms")["reason"] == "a single subject"
    few = estimates(shifts[shifts["subject"].isin(["s0", "s1", "s2", "s3"])])
    assert one(few, "ccc_rise")["reason"] == "fewer than 8 subjects"
    assert np.isfinite(one(few, "limit_low", "apex", "ms")["conf_low"])


def test_normal_values_are_called_far_from_normal_rarely():
    rng = np.random.default_rng(5)
    said = [far_from_normal(rng.normal(0, 1, n)) != "" for n in (20, 50, 159) for _ in range(400)]
    assert np.mean(said) < 0.04
    assert far_from_normal(rng.laplace(0, 1, 500)) != ""


# overlap, lengths, micro and macro


def test_overlap_is_that_of_sets_of_frames():
    rng = np.random.default_rng(6)
    onsets = rng.integers(0, 20, (2, 200))
    offsets = onsets + rng.integers(0, 15, (2, 200))
    found = overlap(onsets[0], offsets[0], onsets[1], offsets[1])
    for i, value in enumerate(found):
        a, b = (set(range(onsets[k, i], offsets[k, i] + 1)) for k in (0, 1))
        assert value == pytest.approx(len(a & b) / len(a | b))


def test_overlaps_and_differences_are_means_and_shares_over_clips(free):
    wide = table().pivot_table(
        index=["subject", "clip"], columns="keyframe", values=["human", "selected"]
    )
    human, selected = wide["human"], wide["selected"]
    iou = overlap(*(a[k].to_numpy() for a in (human, selected) for k in ("onset", "offset")))
    found, _ = free
    assert one(found, "mean_iou", weighting="clip")["estimate"] == pytest.approx(iou.mean())
    assert one(found, "share_iou_half")["estimate"] == pytest.approx((iou >= 0.5).mean())
    longer = (selected["offset"] - selected["apex"]) - (human["offset"] - human["apex"])
    row = one(found, "mean_difference_fall", unit="ms", weighting="clip")
    assert row["estimate"] == pytest.approx(10 * longer.mean())
    assert row["conf_low"] < row["estimate"] < row["conf_high"]


def test_micro_status_follows_durations_and_its_bounds_can_be_set():
    assert is_micro(np.array([1000 * 15 / 30, 1000 * 16 / 30]), 500).tolist() == [True, False]
    shifts = table()
    wide = shifts.pivot_table(index="clip", columns="keyframe", values=["human", "selected"])
    short = {
        arm: 10 * (wide[arm]["offset"] - wide[arm]["onset"]) <= 600 for arm in ("human", "selected")
    }
    found = estimates(shifts, micro_duration_ms=600)
    for arm, micro in short.items():
        assert one(found, f"share_micro_{arm}")["estimate"] == pytest.approx(micro.mean())
    changed = (short["human"] != short["selected"]).mean()
    assert changed > 0
    assert one(found, "share_status_changed")["estimate"] == pytest.approx(changed)
    rise = 10 * (wide["human"]["apex"] - wide["human"]["onset"])
    row = one(found, "share_micro_human_by_rise")
    assert row["estimate"] == pytest.approx((rise <= 260).mean())


def test_keyframes_out_of_order_in_one_arm_are_left_out_and_said():
    shifts = table()
    first = shifts["clip"] == "c0-0"
    shifts.loc[first & (shifts["keyframe"] == "offset"), "selected"] = 0
    shifts.loc[first & (shifts["keyframe"] == "onset"), ["human", "selected"]] = 3
    found, issues = agreement_estimates(checked_shifts(shifts))
    n = shifts["clip"].nunique()
    assert one(found, "mean_iou", weighting="clip")["n_clips"] == n - 1
    assert one(found, "ccc_rise")["n_clips"] == n
    said = issues[(issues["field"] == "duration") & (issues["severity"] == "warning")].iloc[0]
    assert said["clip"] == "c0-0" and f"1 of {n} clips have the offset before" in said["message"]


def test_pairs_hold_every_coding_once():
    two = pd.concat([table().assign(coder="x"), table().assign(coder="y")])
    shifts = checked_shifts(two.sample(frac=1, random_state=0))
    pairs = paired_keyframes(shifts)
    assert len(pairs) == len(shifts) / 3
    assert not pairs.duplicated(["clip", "coder"]).any()
    row = one(agreement_estimates(shifts)[0], "mean_iou", weighting="clip")
    assert row["n_clips"] == shifts["clip"].nunique()


def test_without_apexes_durations_still_stand():
    shifts = table()
    found = estimates(shifts[shifts["keyframe"] != "apex"])
    assert found[found["quantity"].str.contains("rise|fall")].empty
    assert np.isfinite(one(found, "mean_iou", weighting="clip")["conf_low"])


# invariants


@pytest.mark.parametrize("reach", [None, 4])
def test_neither_order_nor_names_matter(reach):
    plain = table(reach=reach)
    named = plain.sample(frac=1, random_state=1)
    names = {s: f"{(7 * i) % 12:02d}" for i, s in enumerate(plain["subject"].unique())}
    named = named.assign(subject=named["subject"].map(names), clip="q" + named["clip"])
    a, b = (estimates(t) for t in (plain, named))
    same(a, b, rtol=1e-9, atol=1e-9)


def test_the_same_seed_gives_the_same_bytes():
    shifts = checked_shifts(table(reach=4))
    first, again = (agreement_estimates(shifts, seed=3) for _ in range(2))
    for a, b in zip(first, again, strict=True):
        assert a.to_csv() == b.to_csv()


def test_swapping_the_arms_mirrors_limits_and_keeps_agreement(free):
    shifts = table()
    swapped = estimates(shifts.assign(human=shifts["selected"], selected=shifts["human"]))
    found, _ = free
    low = one(found, "limit_low", "onset", "ms")
    high = one(swapped, "limit_high", "onset", "ms")
    assert high["estimate"] == pytest.approx(-low["estimate"])
    assert high["conf_high"] == pytest.approx(-low["conf_low"])
    for quantity in ("ccc_rise", "icc_a1_fall", "icc_c1_duration", "share_iou_half"):
        a, b = one(found, quantity), one(swapped, quantity)
        assert b[NUMBERS].to_numpy(float) == pytest.approx(a[NUMBERS].to_numpy(float), nan_ok=True)


def test_twice_the_frame_rate_halves_ms_and_leaves_frames_and_coefficients(free):
    fast = estimates(table(fps=200.0)).set_index(KEYS)
    slow = free[0].set_index(KEYS)
    for unit, factor in (("ms", 0.5), ("frames", 1.0), ("coefficient", 1.0)):
        own = slow[slow.index.get_level_values("unit") == unit]
        other = fast.loc[own.index]
        for column in ("estimate", "conf_low", "conf_high"):
            np.testing.assert_allclose(other[column], factor * own[column], rtol=1e-6)


def test_mixed_frame_rates_count_each_clip_at_its_own():
    shifts = table(n_subjects=9)
    shifts["fps"] = np.where(shifts["subject"].isin(["s0", "s4"]), 50.0, 100.0)
    found = estimates(shifts)
    ms = 1000 * (shifts["selected"] - shifts["human"]) / shifts["fps"]
    onset = shifts["keyframe"] == "onset"
    low, _ = limits_of_agreement(ms[onset].to_numpy(), shifts["subject"][onset].to_numpy())
    row = one(found, "limit_low", "onset", "ms")
    assert (row["estimate"], row["conf_low"]) == pytest.approx((low.estimate, low.conf_low))


def test_159_clips_of_three_groups_take_little_time():
    shifts = checked_shifts(table(n_subjects=29, reach=4))
    spent = []
    for _ in range(4):
        start = time.process_time()
        agreement_estimates(shifts)
        spent.append(time.process_time() - start)
    assert min(spent) < 0.3  # 0.1 s on a quiet machine


# the real revisions


@pytest.mark.skipif(not REAL, reason="MEBIAS_CASME3_TABLES names no folder with the real tables")
def test_real_revisions_are_far_from_normal_and_rarely_change_the_status():
    folder = Path(REAL)
    versions = label_versions.compare_versions(
        folder / "CAS(ME)3_part_A_v1.xls", folder / "CAS(ME)3_part_A_v2.xls", dataset="casme3"
    )
    found, issues = agreement_estimates(versions.shifts)
    within = one(found, "share_within_0_frames", "apex")
    assert within["estimate"] == pytest.approx(1 - 575 / 4206)
    assert one(found, "quantile_05", "apex", "frames")["estimate"] == 0
    assert one(found, "limit_low", "apex", "frames")["estimate"] < -5
    assert one(found, "share_status_changed")["conf_high"] < 0.05
    assert issues["message"].str.contains("apex are far from normal").any()
