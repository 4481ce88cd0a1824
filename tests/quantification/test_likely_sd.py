"""The coders' SD by likelihood: against brute force, coverage, where moments fail, refusals."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from mebias.quantification import likely_sd
from mebias.quantification.coder_sd import coder_sd_interval, variances
from mebias.quantification.likely_sd import likely_log_ratio_interval, likely_sd_interval
from mebias.validation.trajectories import errors, subjects_of

FOLDER = Path(__file__).parent / "r"
DATA = pd.read_csv(FOLDER / "likely_sd_data.csv")
REFERENCE = pd.read_csv(FOLDER / "likely_sd_reference.csv").set_index(["cohort", "what"])["value"]
KNOWN = {"onset": (0.10, 63.0), "offset": (0.14, 57.0)}
MISSED = (0.10, 60.0)
COHORTS = 300
BAND = 3 * math.sqrt(0.05 * 0.95 / COHORTS)


def cohort(rng, sd=12.0, missed=MISSED, n_subjects=29, n_clips=159, width=9.0):
    s = subjects_of(rng, n_subjects, n_clips)
    v = (width * rng.lognormal(-0.125, 0.5, n_clips)) ** 2
    e = errors(rng, s, (sd,), 0.1)[:, 0] + np.sqrt(v) * rng.standard_normal(n_clips)
    e += (rng.random(n_clips) < missed[0]) * rng.normal(0, missed[1], n_clips)
    return 5 + e, v, s


def brute(e, v, missed):
    """All parameters by a general optimizer, densities from scipy."""

    def minus(free):
        mean, sd, share = free
        well = (1 - share) * stats.norm.pdf(e, mean, np.sqrt(sd**2 + v))
        other = share * stats.norm.pdf(e, mean, np.sqrt(sd**2 + v + missed[1] ** 2))
        return -np.log(well + other).sum()

    bounds = [(None, None), (0, None), (0, 2 * missed[0])]
    starts = [(np.median(e), np.median(np.abs(e)), f * missed[0]) for f in (0.2, 1, 1.8)]
    found = [optimize.minimize(minus, s, method="Nelder-Mead", bounds=bounds) for s in starts]
    return min(found, key=lambda one: one.fun).x[1]


@pytest.mark.parametrize("missed", [MISSED, (0.0, 0.0)])
def test_it_is_the_maximum_and_the_jackknife_of_maxima(missed):
    e, v, s = cohort(np.random.default_rng(1), n_subjects=12, n_clips=60, missed=missed)
    found = likely_sd_interval(e, v, s, missed)
    assert found.estimate == pytest.approx(brute(e, v, missed) * math.sqrt(60 / 59), rel=1e-3)
    left = np.log([brute(e[s != one], v[s != one], missed) for one in range(12)])
    error = math.sqrt(11 / 12 * ((left - left.mean()) ** 2).sum())
    assert found.std_error == pytest.approx(found.estimate * error, rel=0.05)
    half = stats.t.ppf(0.975, 11) * found.std_error / found.estimate
    assert found.conf_high == pytest.approx(found.estimate * math.exp(half))
    assert found.conf_low == pytest.approx(found.estimate * math.exp(-half))


@pytest.mark.parametrize("name", DATA["cohort"].unique())
def test_it_is_the_maximum_that_r_finds_by_brute_force(name):
    """In R the mean and the share are fitted anew without each subject; here one step is made."""
    own, expected = DATA[DATA["cohort"] == name], REFERENCE[name]
    subjects = own["subject"].to_numpy()
    for k, missed in KNOWN.items():
        e, v = own[k].to_numpy(), own[f"{k}_variance"].to_numpy()
        found = likely_sd_interval(e, v, subjects, missed)
        assert found.estimate == pytest.approx(expected[f"{k}_sd"], rel=5e-4)
        relative = found.std_error / found.estimate
        assert relative == pytest.approx(expected[f"{k}_log_error"], rel=0.17)
    pair = ["offset", "onset"]
    e, v = own[pair].to_numpy(), own[[f"{k}_variance" for k in pair]].to_numpy()
    ratio = likely_log_ratio_interval(e, v, subjects, tuple(pair), tuple(KNOWN[k] for k in pair))
    assert ratio.estimate == pytest.approx(expected["ratio"], abs=5e-4)
    assert ratio.std_error == pytest.approx(expected["ratio_error"], rel=0.17)


@pytest.mark.parametrize("share", [0.0, 0.10, 0.15])
def test_the_sd_is_covered_whether_or_not_as_many_missed_as_is_known(share):
    """With the share of posteriors that missed fixed, 70 to 87 % were covered where none did."""
    rng = np.random.default_rng(9)
    cohorts = [cohort(rng, missed=(share, 60.0), width=6.0) for _ in range(COHORTS)]
    found = [likely_sd_interval(e, v, s, MISSED) for e, v, s in cohorts]
    assert np.isfinite([f.conf_low for f in found]).mean() > 0.97
    assert np.nanmean([f.estimate for f in found]) == pytest.approx(12.0, rel=0.035)
    assert np.mean([f.conf_low <= 12.0 <= f.conf_high for f in found]) > 0.93 - BAND


@pytest.mark.parametrize(("sd", "n_subjects", "n_clips"), [(12.0, 29, 159), (22.0, 24, 96)])
def test_the_sd_is_covered_where_moments_see_what_the_posterior_missed(sd, n_subjects, n_clips):
    rng = np.random.default_rng(2)
    cohorts = [cohort(rng, sd, n_subjects=n_subjects, n_clips=n_clips) for _ in range(COHORTS)]
    found = [likely_sd_interval(e, v, s, MISSED) for e, v, s in cohorts]
    told = [f for f in found if math.isfinite(f.conf_low)]
    assert len(told) > 0.95 * COHORTS
    assert np.mean([f.estimate for f in told]) == pytest.approx(sd, rel=0.04)
    assert np.mean([f.conf_low <= sd <= f.conf_high for f in told]) > 0.93 - BAND
    moments = [coder_sd_interval(e, v, s) for e, v, s in cohorts]
    there = [m.estimate for m in moments if math.isfinite(m.estimate)]
    assert np.mean(there) > 1.25 * sd


def test_neither_order_nor_names_nor_a_constant_nor_the_sign_make_a_difference():
    rng = np.random.default_rng(3)
    e, v, s = cohort(rng)
    e = np.round(e)
    found = likely_sd_interval(e, v, s, MISSED)
    order = rng.permutation(len(e))
    names = np.array([f"x{99 - one}" for one in s])
    assert likely_sd_interval(e[order], v[order], names[order], MISSED) == found
    for other in (e + 1000, -e):
        again = likely_sd_interval(other, v, s, MISSED)
        assert again.estimate == pytest.approx(found.estimate, rel=1e-6)
        assert again.conf_high == pytest.approx(found.conf_high, rel=1e-6)
    twice = likely_sd_interval(2 * e, 4 * v, s, (MISSED[0], 2 * MISSED[1]))
    assert twice.estimate == pytest.approx(2 * found.estimate, rel=1e-9)


def test_many_rows_are_taken_in_blocks(monkeypatch):
    e, v, s = cohort(np.random.default_rng(4))
    whole = likely_sd_interval(e, v, s, MISSED)
    monkeypatch.setattr(likely_sd, "_BLOCK", 10)
    assert likely_sd_interval(e, v, s, MISSED).estimate == pytest.approx(whole.estimate, rel=1e-9)


def test_exact_labels_and_small_tables_have_reasons():
    rng = np.random.default_rng(5)
    e, v, s = cohort(rng)
    exact = likely_sd_interval(np.sqrt(v) * rng.standard_normal(len(v)), v, s)
    assert math.isnan(exact.estimate)
    assert exact.reason == "can't be told: that labels do not err at all is about as likely"
    few = likely_sd_interval(e[s < 5], v[s < 5], s[s < 5])
    assert few.estimate > 0
    assert math.isnan(few.conf_low)
    assert few.reason == "fewer than 8 subjects"
    assert likely_sd_interval(e, v, np.zeros(len(e))).reason == "a single subject"
    assert likely_sd_interval(e[:0], v[:0], s[:0]).reason == "no clip"
    assert "missing" in likely_sd_interval(e, v * math.nan, s).reason
    assert "errors are equal" in likely_sd_interval(np.ones(9), v[:9], np.arange(9)).reason


def test_exact_posteriors_are_allowed():
    """A variance of 0, and a label that is right to the frame, break nothing."""
    e = np.random.default_rng(6).normal(0, 3, 80).round()
    found = likely_sd_interval(e, np.zeros(80), np.arange(80) // 4, MISSED)
    assert found.estimate == pytest.approx(e.std(), rel=0.1)


def pair(rng, sd, missed):
    parts = [cohort(rng, one, m) for one, m in zip(sd, missed, strict=True)]
    subjects = parts[0][2]  # sizes differ between the two draws: errors hang on the first's
    return np.stack([p[0] for p in parts], 1), np.stack([p[1] for p in parts], 1), subjects


def test_a_keyframe_that_posteriors_miss_is_not_taken_for_careless_coders():
    rng, missed = np.random.default_rng(7), ((0.14, 57.0), (0.0, 0.0))
    likely, moments = [], []
    for _ in range(COHORTS):
        drawn = pair(rng, (12.0, 12.0), missed)
        likely.append(likely_log_ratio_interval(*drawn, ("offset", "onset"), missed))
        rest = variances(*drawn).rest
        moments.append(math.log(rest[0] / rest[1]) / 2)
    told = [f for f in likely if math.isfinite(f.conf_low)]
    beyond = np.mean([not f.conf_low <= 0 <= f.conf_high for f in told])
    assert max(0.05 - BAND, 0) <= beyond <= 0.07 + BAND
    assert np.nanmean([f.estimate for f in likely]) == pytest.approx(0, abs=0.03)
    assert np.mean(moments) > 0.3
    twice = pair(rng, (24.0, 12.0), missed)
    found = likely_log_ratio_interval(*twice, ("offset", "onset"), missed)
    assert found.conf_low < math.log(2) < found.conf_high
    turned = likely_log_ratio_interval(
        *(one[:, ::-1] if one.ndim == 2 else one for one in twice), ("onset", "offset"),
        missed[::-1],
    )  # fmt: skip
    assert turned.estimate == pytest.approx(-found.estimate)
    assert turned.std_error == pytest.approx(found.std_error)


def test_ratios_have_reasons():
    rng = np.random.default_rng(8)
    e, v, s = pair(rng, (12.0, 12.0), ((0.0, 0.0),) * 2)
    names = ("offset", "apex")
    uneven = likely_log_ratio_interval(3 * e, v * [9, 1], s, names)
    assert "more than 2 times as wide at the offset as at the apex" in uneven.reason
    exact = e.copy()
    exact[:, 1] = np.sqrt(v[:, 1]) * rng.standard_normal(len(v))
    reason = likely_log_ratio_interval(exact, v, s, names).reason
    assert reason.startswith("can't be told for the apex: that labels do not err at all")
    few = s < 5
    assert likely_log_ratio_interval(4 * e[few], v[few], s[few], names).reason == (
        "fewer than 8 subjects"
    )
    assert likely_log_ratio_interval(e, v, 0 * s, names).reason == "a single subject"
    assert "missing" in likely_log_ratio_interval(e, v * math.nan, s, names).reason
    equal = likely_log_ratio_interval(e * [1, 0], v, s, names)
    assert equal.reason == "all errors of a keyframe are equal"
