"""Annotation error against the blind posterior: recovery, refusals, and the traps on the way."""

import math

import numpy as np
import pandas as pd
import pytest

from mebias import tables
from mebias.errors import OptionError, TableError
from mebias.quantification.annotation_error import error_estimates, reduces_error
from mebias.quantification.blind import check_judge, judged
from mebias.quantification.checks import checked_shifts
from mebias.quantification.contrasts import contrast_tables
from mebias.quantification.error_contrasts import error_contrasts
from mebias.quantification.means import mean_interval
from mebias.validation.trajectories import ROUNDING, blind_shifts, errors, subjects_of

COHORTS = 400
BAND = 3 * math.sqrt(0.05 * 0.95 / COHORTS)
NAMES = tuple(f"d{i}" for i in range(COHORTS))


def cell(found, quantity, keyframe="onset", group="all", weighting=None):
    rows = found[
        (found["quantity"] == quantity)
        & (found["keyframe"] == keyframe)
        & (found["ethnicity"] == group)
    ]
    rows = rows if weighting is None else rows[rows["weighting"] == weighting]
    assert len(rows) == 1
    return rows.iloc[0]


def covered(found, truth):
    return np.mean([f.conf_low <= truth <= f.conf_high for f in found])


@pytest.fixture(scope="module")
def cohorts():
    """Errors, posterior variances and subjects at the onset, cohort by cohort."""
    bias = {"A": (20, 0, 0), "B": (20, 0, 0)}
    shifts = blind_shifts(1, datasets=NAMES, bias=bias, sd=(12, 1, 1), blind_sd=(9, 1, 1))
    onset = judged(shifts[shifts["keyframe"] == "onset"])
    return [
        tuple(part[c].to_numpy() for c in ("error_ms", "blind_variance", "subject"))
        for _, part in onset.groupby("dataset", sort=False)
    ]


@pytest.mark.parametrize("weighting", ["subject", "clip"])
def test_a_planted_bias_is_covered(cohorts, weighting):
    found = [mean_interval(e, s, weighting) for e, _, s in cohorts]
    assert 0.93 - BAND < covered(found, 20) < 0.97 + BAND
    assert np.mean([f.estimate for f in found]) == pytest.approx(20, abs=0.5)


def test_the_posteriors_error_added_once_more_covers_too_often():
    rng = np.random.default_rng(2)
    plain, twice = [], []
    for _ in range(COHORTS):
        s = subjects_of(rng)
        e = 20 + errors(rng, s, (12,), 0.1)[:, 0] + rng.normal(0, 12, len(s))
        f = mean_interval(e, s, "clip")
        plain.append(f.conf_low <= 20 <= f.conf_high)
        drawn = mean_interval(e + rng.normal(0, 12, len(s)), s, "clip")
        half = (drawn.conf_high - drawn.conf_low) / 2
        twice.append(abs(f.estimate - 20) <= half)
    assert np.mean(plain) < 0.97 + BAND
    assert np.mean(twice) > max(0.97, np.mean(plain))


def test_a_prior_centered_on_the_label_shrinks_its_error():
    rng = np.random.default_rng(3)
    pull = 12**2 / (12**2 + 9**2)
    flat, shrunken = [], []
    for _ in range(COHORTS):
        s = subjects_of(rng)
        seen = rng.normal(0, 9, len(s))
        label = 20 + errors(rng, s, (12,), 0.1)[:, 0]
        flat.append(mean_interval(label - seen, s, "subject"))
        motion = pull * seen + (1 - pull) * label
        shrunken.append(mean_interval(label - motion, s, "subject"))
    assert np.mean([f.estimate for f in shrunken]) == pytest.approx(12.8, abs=0.3)
    assert covered(shrunken, 20) < 0.02
    assert covered(flat, 20) > 0.93 - BAND


@pytest.mark.parametrize("source", ["motion", "gamdss"])
def test_only_the_blind_posterior_judges(source):
    shifts = blind_shifts(4, n_clips=40, n_subjects=8)
    both = pd.concat([shifts, shifts.assign(source=source)])
    for ask in (error_estimates, error_contrasts, reduces_error):
        with pytest.raises(OptionError, match=rf"'{source}', which cannot judge human labels"):
            ask(both, source=source)
    with pytest.raises(TableError, match=rf"no rows of the source motion-blind .found: {source}"):
        error_estimates(shifts.assign(source=source))


@pytest.mark.parametrize(
    ("source", "why"),
    [("motion", "centered on the human labels"), ("motion:coder=40", "centered on the human"),
     ("gamdss", "starts from the human labels"), ("gamdss:0.2", "starts from the human labels")],
)  # fmt: skip
def test_why_a_source_may_not_judge(source, why):
    with pytest.raises(OptionError, match=why):
        check_judge(source)


def test_estimates_are_the_kernels_on_human_minus_the_unrounded_mean():
    shifts = blind_shifts(5)
    found = error_estimates(shifts)
    own = shifts[(shifts["keyframe"] == "offset") & (shifts["ethnicity"] == "B")]
    e = (own["human"] - own["selected_mean"]).to_numpy() * 5
    for weighting in ("clip", "subject", "subject-mean"):
        row = cell(found, "annotation_error", "offset", "B", weighting)
        expected = mean_interval(e, own["subject"].to_numpy(), weighting)
        assert row["estimate"] == pytest.approx(expected.estimate)
        assert row["conf_high"] == pytest.approx(expected.conf_high)
        assert row["method"].startswith("relative to the model's definition")
    assert cell(found, "coder_sd", "offset")["estimate"] == pytest.approx(22, rel=0.25)
    blind = cell(found, "blind_sd", "offset")
    assert blind["estimate"] == pytest.approx(math.sqrt((shifts.loc[
        shifts["keyframe"] == "offset", "selected_sd"] ** 2).mean()) * 5)  # fmt: skip
    assert blind["conf_low"] < blind["estimate"] < blind["conf_high"]
    assert cell(found, "share_usable", "apex")["estimate"] == 1
    assert cell(found, "mean_phase_rise", "all", "A")["estimate"] == pytest.approx(250, abs=3)
    assert cell(found, "mean_phase_fall", "all", "B")["estimate"] == pytest.approx(550, abs=4)
    numbers = found[["estimate", "conf_low", "conf_high"]].notna().all(axis=1)
    assert (numbers | (found["reason"] != "")).all()


def test_without_the_unrounded_mean_its_rounding_counts_as_the_posteriors_error():
    shifts = blind_shifts(6)
    rows = judged(shifts.assign(selected_mean=math.nan))
    assert rows["error_ms"].tolist() == (-shifts["shift_ms"]).tolist()
    added = rows["blind_variance"] - judged(shifts)["blind_variance"]
    np.testing.assert_allclose(added, ROUNDING)


def test_labels_coded_as_intervals_are_judged_from_their_nearer_end():
    shifts = blind_shifts(7)
    apex = shifts["keyframe"] == "apex"
    wide = shifts.assign(
        human_low=(shifts["human"] - 2).where(apex), human_high=(shifts["human"] + 2).where(apex)
    )
    rows = judged(wide)
    plain, own = judged(shifts)["error_ms"][apex], rows["error_ms"][apex]
    np.testing.assert_allclose(own, np.sign(plain) * np.maximum(plain.abs() - 10, 0))
    sd = cell(error_estimates(wide), "coder_sd", "apex")
    assert math.isnan(sd["estimate"])
    assert "coded as intervals" in sd["reason"]


def test_neither_order_nor_names_change_anything():
    shifts = blind_shifts(8)
    names = {s: f"x{i}" for i, s in enumerate(sorted(shifts["subject"].unique(), reverse=True))}
    other = shifts.sample(frac=1, random_state=0).assign(subject=lambda t: t["subject"].map(names))
    first, second = error_estimates(shifts), error_estimates(other)
    sds = first["quantity"] == "coder_sd"
    pd.testing.assert_frame_equal(first[sds], second[sds], check_exact=True)
    pd.testing.assert_frame_equal(first, second, rtol=1e-9)


def test_clips_cut_at_the_labels_imitate_errors():
    """Trap 12: even an oracle confined to the clip is one-sided, more so for wider groups."""
    rng = np.random.default_rng(9)
    onset, offset = rng.normal(0, 12, 100_000), rng.normal(0, 22, 100_000)
    assert np.maximum(-onset, 0).mean() == pytest.approx(4.8, abs=0.1)
    assert np.minimum(-offset, 0).mean() == pytest.approx(-8.8, abs=0.1)


@pytest.mark.parametrize(("keyframe", "column"), [("onset", "lead"), ("offset", "tail")])
def test_cut_clips_are_not_judged(keyframe, column):
    shifts = blind_shifts(10, extra={f"{column}_frames": 0.0})
    found = error_estimates(shifts)
    for quantity, weighting in (("annotation_error", "subject"), ("coder_sd", None)):
        row = cell(found, quantity, keyframe, weighting=weighting)
        assert math.isnan(row["estimate"])
        assert f"are cut at the human {keyframe}" in row["reason"]
    assert cell(found, "share_usable", keyframe)["estimate"] == 0
    assert not math.isnan(cell(found, "annotation_error", "apex", weighting="clip")["estimate"])
    tests, estimates = error_contrasts(shifts, n_permutations=19)
    of_keyframe = tests[tests["keyframe"] == keyframe]
    assert of_keyframe["p_value"].isna().all()
    assert of_keyframe["reason"].str.contains("cut at the human").all()
    assert estimates[estimates["keyframe"] == keyframe]["estimate"].isna().all()
    assert tests[tests["keyframe"] == "apex"]["p_adjusted"].notna().all()


def test_clips_with_a_lead_are_judged_where_others_are_cut():
    shifts = blind_shifts(11)
    first = shifts["clip"].isin([f"c{i}" for i in range(40)])
    found = error_estimates(shifts.assign(lead_frames=np.where(first, 0.0, 60.0)))
    kept = cell(found, "annotation_error", weighting="clip")
    own = judged(shifts[~first & (shifts["keyframe"] == "onset")])["error_ms"]
    assert kept["estimate"] == pytest.approx(own.mean())
    assert kept["n_clips"] == len(own)


def test_too_many_keyframes_beyond_the_frames_leave_a_one_sided_rest():
    """Labels late by chance have their true onset before the clip: what is left is early."""
    shifts = blind_shifts(12)
    late = (shifts["true_error_ms"] > 12) & (shifts["keyframe"] == "onset")
    status = shifts["selected_status"].where(~late, "truncated")
    own = judged(shifts.assign(selected_status=status))
    left = own[(own["keyframe"] == "onset") & (own["verdict"] == "")]
    assert left["error_ms"].mean() < -2
    row = cell(
        error_estimates(shifts.assign(selected_status=status)), "annotation_error",
        weighting="subject",
    )  # fmt: skip
    assert math.isnan(row["estimate"])
    assert "those left are one-sided" in row["reason"]
    one = late & (late.cumsum() <= 3)
    few = error_estimates(
        shifts.assign(selected_status=shifts["selected_status"].where(~one, "truncated"))
    )
    assert cell(few, "annotation_error", weighting="subject")["estimate"] == pytest.approx(0, abs=6)


def test_motion_that_cannot_be_seen_is_out():
    shifts = blind_shifts(13)
    out = shifts["clip"].isin([f"c{i}" for i in range(30)])
    status = shifts["selected_status"].where(~out, "undetectable")
    found = error_estimates(shifts.assign(selected_status=status))
    kept = judged(shifts[~out & (shifts["keyframe"] == "apex")])["error_ms"].mean()
    assert cell(found, "annotation_error", "apex", weighting="clip")["estimate"] == pytest.approx(
        kept
    )
    share = cell(found, "share_usable", "apex")
    assert share["estimate"] == pytest.approx((~out).mean())
    assert share["conf_low"] < share["estimate"] < share["conf_high"]
    none = error_estimates(shifts.assign(selected_status="undetectable"))
    assert none[none["quantity"] == "annotation_error"]["reason"].str.contains("undetectable").all()


def test_labels_that_no_human_set_are_out():
    shifts = blind_shifts(14)
    status = shifts["human_status"].where(shifts["ethnicity"] == "A", "imputed")
    found = error_estimates(shifts.assign(human_status=status))
    assert set(found["ethnicity"]) == {"all", "A"}


def test_a_mean_of_another_frame_is_refused():
    shifts = blind_shifts(15, n_subjects=5, n_clips=10)
    with pytest.raises(TableError, match="expected the posterior mean whose nearest frame"):
        error_estimates(shifts.assign(selected_mean=shifts["selected"] + 2))


def test_a_wide_posterior_leaves_no_coder_sd():
    row = cell(error_estimates(blind_shifts(16, blind_sd=(60, 5, 9))), "coder_sd")
    assert math.isnan(row["estimate"])
    assert row["reason"].startswith("can't be told: that labels do not err at all is about as")


def test_contrasts_are_those_of_the_shifts_with_the_sign_turned():
    shifts = blind_shifts(17, groups=("A", "B", "C")).assign(selected_mean=math.nan)
    tests, estimates = error_contrasts(shifts, n_permutations=99)
    plain, plain_estimates = contrast_tables(shifts, n_permutations=99)
    assert tests["family"].tolist() == [f"annotation-error {f}" for f in plain["family"]]
    two = plain["family"] != "heterogeneity"
    np.testing.assert_allclose(tests["estimate"][two], -plain["estimate"][two])
    np.testing.assert_allclose(tests["conf_low"][two], -plain["conf_high"][two])
    np.testing.assert_allclose(tests["p_cr2"], plain["p_cr2"])
    assert tests["hypothesis"].str.contains(" annotation error is the same in ").all()
    assert not tests["hypothesis"].str.contains("shift").any()
    assert set(tests["source"]) == {"motion-blind"}
    assert set(estimates["quantity"]) == {"annotation_error_difference"}
    np.testing.assert_allclose(estimates["estimate"], -plain_estimates["estimate"])


def test_a_planted_difference_is_found_with_its_sign_and_covered():
    shifts = blind_shifts(18, datasets=NAMES[:40], bias={"B": (0, 0, 40)}, sd=(12, 12, 22), icc=0.1)
    tests, estimates = error_contrasts(shifts, n_permutations=19)
    offset = tests[tests["keyframe"] == "offset"]
    sign = np.where(offset["ethnicity"] == "A vs others", -1, 1)
    assert (offset["conf_low"] <= 40 * sign).mean() > 0.84
    inside = (offset["conf_low"] <= 40 * sign) & (40 * sign <= offset["conf_high"])
    assert inside.mean() >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / 40)
    assert (np.sign(offset["estimate"]) == sign).all()
    onset = tests[tests["keyframe"] == "onset"]
    assert ((onset["conf_low"] <= 0) & (onset["conf_high"] >= 0)).mean() > 0.84
    assert len(estimates) == 40 * 3 * 3


def reduction_table():
    blind = blind_shifts(19, n_subjects=10, n_clips=30)
    mean = blind["selected_mean"]
    halfway = np.round((blind["human"] + mean) / 2)
    rule = blind.drop(columns=["shift_frames", "shift_ms", "shift_window"]).assign(
        source="gamdss", distance="signed", selected=halfway, selected_mean=math.nan
    )
    return blind, checked_shifts(pd.concat([blind, rule]))


def test_a_rule_that_comes_nearer_reduces_the_error():
    blind, both = reduction_table()
    found = reduces_error(both)
    row = cell(found, "error_reduction", "offset", weighting="clip")
    own = blind[blind["keyframe"] == "offset"]
    halfway = np.round((own["human"] + own["selected_mean"]) / 2)
    gain = (own["human"] - own["selected_mean"]).abs() - (halfway - own["selected_mean"]).abs()
    assert row["estimate"] == pytest.approx(gain.mean() * 5)
    assert row["conf_low"] > 0
    assert (row["source"], row["distance"]) == ("gamdss", "signed")
    assert row["method"].startswith("relative to the model's definition")
    assert set(found["ethnicity"]) == {"all", "A", "B"}
    same = both.copy()
    gamdss = same["source"] == "gamdss"
    same.loc[gamdss, "selected"] = same.loc[gamdss, "human"]
    nothing = reduces_error(same)
    assert (nothing["estimate"] == 0).all()
    assert (nothing["reason"] != "").all()


def test_motion_is_not_graded_by_its_own_model_nor_a_rule_that_is_not_there():
    blind, both = reduction_table()
    found = reduces_error(both.assign(source=both["source"].replace("gamdss", "motion")))
    assert found["estimate"].isna().all()
    assert found["reason"].str.contains("same model as the judge").all()
    with pytest.raises(TableError, match="no rule beside motion-blind"):
        reduces_error(blind)


def test_the_tables_are_in_their_declared_form():
    shifts = blind_shifts(20, n_subjects=8, n_clips=20)
    found = error_estimates(shifts)
    pd.testing.assert_frame_equal(found, tables.conform(found, "estimates"))
    tests, estimates = error_contrasts(shifts, min_subjects=4, n_permutations=19)
    pd.testing.assert_frame_equal(tests, tables.conform(tests, "tests"))
    pd.testing.assert_frame_equal(estimates, tables.conform(estimates, "estimates"))
