"""The coders' SD and its ratios between keyframes: against R, coverage, level, refusals."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mebias.quantification.blind import judged
from mebias.quantification.coder_sd import coder_sd_interval, variances, with_ratio_bounds
from mebias.quantification.flags import MISSED
from mebias.quantification.interval import t_p_value, undefined
from mebias.quantification.keyframe_contrast import (
    between_datasets,
    keyframe_contrasts,
    mean_difference,
)
from mebias.quantification.likely_sd import likely_log_ratio_interval
from mebias.validation.trajectories import ROUNDING, blind_shifts, errors, subjects_of

FOLDER = Path(__file__).parent / "r"
DATA = pd.read_csv(FOLDER / "coder_sd_data.csv")
REFERENCE = pd.read_csv(FOLDER / "coder_sd_reference.csv").set_index(["cohort", "what"])["value"]
COHORTS = 500
BAND = 3 * math.sqrt(0.05 * 0.95 / COHORTS)
PAIR = ("offset", "onset")
NONE_MISSED = ((0.0, 0.0), (0.0, 0.0))


@pytest.mark.parametrize("name", ["clustered", "flat"])
def test_coder_sds_and_their_ratio_are_those_of_every_pair_and_every_left_out_subject(name):
    own, expected = DATA[DATA["cohort"] == name], REFERENCE[name]
    subjects = own["subject"].to_numpy()
    for k in PAIR:
        sd = coder_sd_interval(own[k].to_numpy(), own[f"{k}_variance"].to_numpy(), subjects)
        found = [sd.estimate, sd.conf_low, sd.conf_high]
        wanted = [expected[f"{k}_{what}"] for what in ("sd", "low", "high")]
        np.testing.assert_allclose(found, wanted, rtol=1e-9)
    e, v = own[list(PAIR)].to_numpy(), own[[f"{k}_variance" for k in PAIR]].to_numpy()
    found = variances(e, v, subjects)
    logs, left_out = np.log(found.rest) / 2, np.log(found.left_rest) / 2
    bare = undefined(
        logs[0] - logs[1], "", conf_level=0.95, n_clips=len(e),
        n_subjects=len(set(subjects)), method="",
    )  # fmt: skip
    ratio = with_ratio_bounds(bare, left_out[:, 0] - left_out[:, 1])
    p = t_p_value(ratio.estimate / ratio.std_error, ratio.df)
    np.testing.assert_allclose(
        [ratio.estimate, ratio.std_error, ratio.df, p],
        [expected[f"ratio{what}"] for what in ("", "_se", "_df", "_p")],
        rtol=1e-9,
    )


def drawn(rng, sd, blind_sd, icc, n_subjects=29, n_clips=159):
    s = subjects_of(rng, n_subjects, n_clips)
    v = np.array(blind_sd) ** 2 * rng.lognormal(-0.125, 0.5, (n_clips, len(sd)))
    e = errors(rng, s, sd, icc) + np.sqrt(v) * rng.standard_normal(v.shape)
    return e, v, s


@pytest.mark.parametrize(("icc", "n_subjects", "n_clips"), [(0, 42, 267), (0.3, 29, 159)])
def test_the_coder_sd_is_covered(icc, n_subjects, n_clips):
    rng = np.random.default_rng(1)
    found = []
    for _ in range(COHORTS):
        e, v, s = drawn(rng, (12,), (7,), icc, n_subjects, n_clips)
        found.append(coder_sd_interval(e[:, 0], v[:, 0], s))
    told = [f for f in found if math.isfinite(f.conf_low)]
    assert len(told) > 0.99 * COHORTS
    assert 0.92 - BAND < np.mean([f.conf_low <= 12 <= f.conf_high for f in told]) < 0.97 + BAND


def test_the_scatter_itself_is_not_the_coders():
    """The failing control: without taking the posterior's variance off, 12 is rarely covered."""
    rng = np.random.default_rng(2)
    found = []
    for _ in range(100):
        e, _, s = drawn(rng, (12,), (10,), 0.1)
        found.append(coder_sd_interval(e[:, 0], np.zeros(len(e)), s))
    assert np.mean([f.conf_low <= 12 <= f.conf_high for f in found]) < 0.2


def test_the_keyframe_contrast_holds_its_level_and_finds_what_is_there():
    rng = np.random.default_rng(3)
    rejected = {}
    for name, sd, n_cohorts in (("equal", (12, 12), COHORTS), ("offset", (22, 12), 60)):
        p = []
        for _ in range(n_cohorts):
            f = likely_log_ratio_interval(*drawn(rng, sd, (8, 5), 0.3), PAIR, NONE_MISSED)
            p.append(t_p_value(f.estimate / f.std_error, f.df))
        rejected[name] = np.nanmean(np.array(p) < 0.05)
        assert np.isfinite(p).mean() > 0.95
    assert 0.05 - BAND < rejected["equal"] < 0.05 + BAND
    assert rejected["offset"] > 0.9


def test_a_wider_posterior_is_not_mistaken_for_coders_who_are_less_exact():
    """Without taking it off, equal coders would differ in most cohorts."""
    rng = np.random.default_rng(4)
    plain = []
    for _ in range(60):
        e, v, s = drawn(rng, (12, 12), (10, 5), 0.1)
        f = likely_log_ratio_interval(e, np.full_like(v, 1e-9), s, PAIR, NONE_MISSED)
        plain.append(t_p_value(f.estimate / f.std_error, f.df) < 0.05)
    assert np.mean(plain) > 0.4


def test_what_cannot_be_told():
    rng = np.random.default_rng(5)
    wide, wide_v, s = drawn(rng, (12,), (20,), 0.1)
    assert coder_sd_interval(wide[:, 0], wide_v[:, 0], s).reason.startswith(
        "can't be told: the posterior's own variance"
    )
    e, v, s = drawn(rng, (12, 12), (5, 5), 0.1, 7, 40)
    assert coder_sd_interval(e[:, 0], v[:, 0], s).reason == "fewer than 8 subjects"
    assert coder_sd_interval(e[:, 0], v[:, 0], np.zeros(40)).reason == "a single subject"
    assert "missing" in coder_sd_interval(e[:, 0], v[:, 0] * math.nan, s).reason
    assert "errors are equal" in coder_sd_interval(np.ones(40), v[:, 0], s).reason


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(-500, 500), st.floats(0.1, 50))
def test_a_constant_changes_no_spread_and_a_unit_scales_it(seed, constant, unit):
    e, v, s = drawn(np.random.default_rng(seed), (12, 20), (3, 5), 0.2, 10, 40)
    base, moved = variances(e, v, s), variances((e + constant) * unit, v * unit**2, s)
    np.testing.assert_allclose(moved.rest, base.rest * unit**2, rtol=1e-6)
    np.testing.assert_allclose(moved.left_total, base.left_total * unit**2, rtol=1e-6)


def test_both_contrasts_are_tested_as_a_family_in_complete_clips():
    shifts = blind_shifts(7, blind_sd=(6, 5, 9))
    lost = (shifts["clip"] == "c0") & (shifts["keyframe"] == "apex")
    shifts = shifts.assign(selected_status=shifts["selected_status"].where(~lost, "failed"))
    tests, estimates = keyframe_contrasts(shifts)
    assert tests["family"].tolist() == ["keyframe", "keyframe"]
    assert (tests["family_size"] == 2).all()
    assert (tests["unit"] == "log").all()
    n_clips = shifts.drop_duplicates("clip").shape[0]
    assert (tests["n_clips"] == n_clips - 1).all()
    low, high = sorted(tests["p_value"])
    assert sorted(tests["p_adjusted"]) == pytest.approx([2 * low, max(2 * low, high)])
    assert set(estimates["ethnicity"]) == {"all", "A", "B"}
    assert set(estimates["quantity"]) == {"log_sd_offset_onset", "log_sd_offset_apex"}
    whole = estimates[estimates["ethnicity"] == "all"]
    np.testing.assert_allclose(whole["estimate"], tests["estimate"])
    can = judged(shifts)
    wide = can[can["clip"] != "c0"].pivot_table(
        index=["subject", "clip"], columns="keyframe", values=["error_ms", "blind_variance"]
    )
    by_hand = likely_log_ratio_interval(
        wide["error_ms"][list(PAIR)].to_numpy(), wide["blind_variance"][list(PAIR)].to_numpy(),
        wide.index.get_level_values("subject").to_numpy(), PAIR,
        (MISSED["offset"], MISSED["onset"]),
    )  # fmt: skip
    assert tests["estimate"].iloc[0] == pytest.approx(by_hand.estimate)
    assert tests["conf_low"].iloc[0] == pytest.approx(by_hand.conf_low)
    expected = math.log(math.sqrt((22**2 + ROUNDING) / (12**2 + ROUNDING)))
    assert tests["conf_low"].iloc[0] < expected < tests["conf_high"].iloc[0]


def test_cut_clips_and_clips_without_motion_give_no_contrast_but_its_reason():
    cut = blind_shifts(8, extra={"tail_frames": 0.0})
    still = blind_shifts(8).assign(selected_status="undetectable")
    for shifts, reason in ((cut, "cut at the human offset"), (still, "undetectable")):
        tests, estimates = keyframe_contrasts(shifts)
        assert tests["estimate"].isna().all()
        assert tests["p_adjusted"].isna().all()
        assert tests["reason"].str.contains(reason).all()
        assert estimates["reason"].str.contains(reason).all()


def two_sided(first_sd=(12, 12, 24), second_sd=(12, 12, 12), seed=40, names="mnxy"):
    m, n, x, y = names
    many = blind_shifts(seed, datasets=(m, n), sd=first_sd)
    one = blind_shifts(seed + 1, datasets=(x, y), sd=second_sd, groups=("C",))
    return pd.concat([many, one], ignore_index=True)


def test_between_datasets_the_difference_is_observational_and_its_errors_add_up():
    shifts = two_sided()
    found = between_datasets(shifts)
    _, each = keyframe_contrasts(shifts)
    each = each[(each["ethnicity"] == "all") & (each["quantity"] == "log_sd_offset_onset")]
    each = each.set_index("dataset")
    row = found.iloc[0]
    assert row["dataset"] == "m, n vs x, y"
    assert row["quantity"] == "log_sd_offset_onset_difference"
    assert row["ethnicity"] == "multi-ethnic vs one group"
    assert "observational" in row["method"]
    e, se, df = (each[c].loc[list("mnxy")].to_numpy() for c in ("estimate", "std_error", "df"))
    assert row["estimate"] == pytest.approx(e[:2].mean() - e[2:].mean())
    v = se**2 / 4
    assert row["std_error"] == pytest.approx(math.sqrt(v.sum()))
    assert row["df"] == pytest.approx(v.sum() ** 2 / (v**2 / df).sum())
    assert row["conf_low"] < math.log(2) < row["conf_high"]
    half = stats.t.ppf(0.975, row["df"]) * row["std_error"]
    assert row["conf_high"] - row["estimate"] == pytest.approx(half)
    assert row["estimate"] - row["conf_low"] == pytest.approx(half)
    assert row["n_clips"] == each["n_clips"].sum()


def test_differences_between_datasets_are_covered():
    rng = np.random.default_rng(10)
    inside = []
    for _ in range(COHORTS):
        of_large = drawn(rng, (24, 12), (8, 5), 0.3)
        of_small = drawn(rng, (12, 12), (5, 5), 0.3, 14, 60)
        large, small = (
            likely_log_ratio_interval(*own, PAIR, NONE_MISSED) for own in (of_large, of_small)
        )
        sides = [pd.DataFrame([vars(f)]) for f in (large, small)]
        found = mean_difference(sides)
        if math.isfinite(found.conf_low):
            inside.append(found.conf_low < math.log(2) < found.conf_high)
    assert len(inside) > 0.9 * COHORTS
    assert 0.93 - BAND < np.mean(inside) < 0.97 + BAND


def test_between_datasets_needs_both_kinds():
    shifts = two_sided()
    alone = between_datasets(shifts[shifts["dataset"].isin(["m", "n"])])
    assert (alone["reason"] == "no dataset of one group among those given").all()
    unstated = shifts.assign(
        ethnicity=shifts["ethnicity"].where(shifts["dataset"].isin(["m", "n"]), "unknown")
    )
    assert (between_datasets(unstated)["reason"] != "").all()
    wide = shifts.assign(selected_sd=shifts["selected_sd"].where(shifts["dataset"] != "x", 20.0))
    row = between_datasets(wide).iloc[0]
    assert math.isnan(row["estimate"])
    assert row["reason"].startswith("x: can't be told")
