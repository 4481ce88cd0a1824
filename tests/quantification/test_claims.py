"""Grades of claims about labels: what they rest on, and what they never say."""

import math
import re

import numpy as np
import pandas as pd
import pytest
from claim_cases import (
    FINE,
    claims,
    error_row,
    estimate_row,
    ratio_row,
    reach,
    shifts,
    stacked,
    test_row,
    the,
    with_rule,
)
from scipy import stats

import mebias
from mebias import tables
from mebias.quantification.claim_rows import (
    family_interval,
    graded,
    of_estimate,
    of_test,
    subjects_to_settle,
)
from mebias.quantification.claim_words import lacking
from mebias.quantification.claims import graded_claims
from mebias.quantification.designs import Design, subjects_needed
from mebias.quantification.error_contrasts import error_contrasts
from mebias.quantification.keyframe_contrast import keyframe_contrasts
from mebias.validation.trajectories import blind_shifts

GRADES = ("supported", "not supported", "can't be told")


def grade(**options):
    return the(claims(tests=test_row(**options)), "Offset labels are re-selected")["grade"]


def test_the_interval_of_a_family_is_bonferroni_wide():
    low, high = family_interval(test_row().iloc[0], 0.95)
    half = 4.0 / stats.t.ppf(0.975, 20) * stats.t.ppf(1 - 0.05 / 6, 20)
    assert (low, high) == (pytest.approx(20 - half), pytest.approx(20 + half))


@pytest.mark.parametrize("sign", [1, -1])
def test_beyond_the_margin_is_supported_in_either_direction(sign):
    assert grade(estimate=sign * 20.0) == "supported"


def test_beyond_0_but_not_beyond_the_margin_cannot_be_told():
    assert grade(estimate=9.0) == "can't be told"


def test_the_unwidened_interval_does_not_decide():
    half = 4.0
    just = 10.0 + half + 0.1  # its own interval clears the margin, that of the family does not
    assert grade(estimate=just, half=half) == "can't be told"


def test_without_a_small_adjusted_p_nothing_is_supported():
    assert grade(p=0.2) == "can't be told"


def test_shifts_of_a_windowed_rule_never_conclude_no_difference():
    row = the(claims(tests=test_row(0.0, 2.0, 0.9)), "Offset labels are re-selected")
    assert row["grade"] == "can't be told"
    assert "inside these windows" in row["would_settle"]
    told = claims(tests=test_row(0.0, 2.0, 0.9), estimates=reach(-3.0, 12.0))
    assert "-3 to +12 ms on average" in the(told, "Offset labels are re-")["would_settle"]


def test_two_human_versions_may():
    found = claims(shifts(status="annotated", blind=False), tests=test_row(0.0, 2.0, 0.9))
    assert the(found, "Offset labels are revised")["grade"] == "not supported"
    assert not found["topic"].isin(["correction", "recognition", "curve", "bias"]).any()


def test_a_version_beside_a_rule_makes_the_rule_no_version():
    version = shifts(status="annotated", blind=False).assign(source="v2", distance="")
    both = stacked(shifts(blind=False), version)
    found = claims(both, tests=test_row(0.0, 2.0, 0.9))
    assert the(found, "Offset labels are re-selected")["grade"] == "can't be told"


def test_an_undefined_test_cannot_be_told():
    assert grade(half=math.nan, p=math.nan) == "can't be told"


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [(20.0, "supported"), (-20.0, "supported"), (0.0, "not supported"), (9.0, "can't be told")],
)
def test_annotation_errors_are_preferred_and_may_conclude_no_difference(estimate, expected):
    tests = stacked(test_row(), error_row(estimate))
    found = claims(tests=tests)
    row = the(found, "Offset labels err differently for A than for the others")
    assert row["grade"] == expected
    assert row["source"] == "motion-blind"
    assert "relative to the model's definition" in row["rests_on"]
    assert not found["claim"].str.contains("re-selected differently").any()


def test_the_motion_of_the_groups_stands_beside_their_contrast():
    phases = stacked(
        *(estimate_row(f"mean_phase_{p}", v, ethnicity=g, keyframe="all", source="motion-blind",
                       distance="")
          for p, g, v in (("rise", "A", 250.0), ("rise", "B", 310.0), ("fall", "A", 500.0)))
    )  # fmt: skip
    row = the(claims(estimates=phases, tests=error_row()), "Offset labels err")
    assert "mean rise A 250, B 310 ms, mean fall A 500 ms" in row["rests_on"]


def test_an_error_that_cannot_be_told_leaves_the_shifts_and_says_so():
    why = "can't be told: all 90 clips with visible motion are cut at the human offset"
    tests = stacked(test_row(), error_row(math.nan, math.nan, math.nan, reason=why))
    row = the(claims(tests=tests), "Offset labels are re-selected")
    assert why in row["rests_on"]
    alone = the(
        claims(tests=error_row(math.nan, math.nan, math.nan, reason=why)), "Offset labels err"
    )
    assert alone["grade"] == "can't be told"
    assert alone["would_settle"] == "the uncut recordings: clips that go on after the offset"


def test_one_group_has_no_contrast_and_the_claim_says_so():
    row = the(claims(shifts(groups=("A",))), "err differently between groups")
    assert row["grade"] == "can't be told"
    assert "one stated group (A 1)" in row["rests_on"]


@pytest.mark.parametrize(
    ("estimate", "p", "expected"),
    [(0.5, 0.001, "supported"), (0.5, 0.2, "can't be told"), (0.1, 0.2, "can't be told"),
     (-0.5, 0.001, "not supported")],
)  # fmt: skip
def test_offsets_are_less_exact_only_if_their_sd_is_larger(estimate, p, expected):
    tests = stacked(ratio_row("onset", estimate, 0.2, p), ratio_row("apex", 0.5, 0.2, 0.001))
    found = claims(tests=tests)
    assert the(found, "less exactly than onset labels")["grade"] == expected
    assert the(found, "less exactly than apex labels")["grade"] == "supported"


def test_a_ratio_that_cannot_be_told_says_what_is_lacking():
    why = "can't be told: the posterior is more than 2 times as wide at the offset as at the onset"
    tests = stacked(
        ratio_row("onset", math.nan, math.nan, math.nan, reason=why), ratio_row("apex", 0.1, 0.2)
    )
    row = the(claims(tests=tests), "less exactly than onset labels")
    assert row["grade"] == "can't be told"
    assert why in row["rests_on"]
    assert "sharper posteriors" in row["would_settle"]
    nothing = the(claims(shifts(blind=False)), "less exactly than onset and apex labels")
    assert "no rows of motion-blind" in nothing["rests_on"]


def bias(estimate, half=2.0):
    rows = stacked(
        *(estimate_row("annotation_error", estimate, half, keyframe=k, source="motion-blind",
                       distance="") for k in tables.KEYFRAMES)
    )  # fmt: skip
    return the(claims(estimates=rows), "Onset labels are biased in time, relative to the model's")


@pytest.mark.parametrize("estimate", [30.0, -30.0, 1e6])
def test_absolute_bias_is_never_supported_however_large(estimate):
    row = bias(estimate)
    assert row["grade"] == "can't be told"
    assert "another definition may turn the sign" in row["would_settle"]


def test_absolute_bias_inside_the_margin_is_not_supported():
    assert bias(1.0)["grade"] == "not supported"


def test_more_subjects_are_no_answer_to_a_bias_that_a_definition_can_turn():
    row = bias(11.0, 8.0)
    assert row["grade"] == "can't be told"
    assert "subjects" not in row["would_settle"]
    assert "subjects" in bias(8.0, 8.0)["would_settle"]


@pytest.mark.parametrize("excess", [None, 25.0])
def test_one_sided_shifts_alone_never_support_a_bias(excess):
    estimates = None
    if excess is not None:
        rows = [estimate_row("mean_excess_unbiased", excess, keyframe=k) for k in tables.KEYFRAMES]
        estimates = stacked(*rows)
    found = claims(shifts(blind=False), estimates, test_row())
    rows = found[found["claim"].str.contains("biased")]
    assert set(rows["grade"]) == {"can't be told"}
    assert rows["would_settle"].ne("").all()
    assert rows["estimate"].notna().all() == (excess is not None)


def test_nothing_is_claimed_about_simulated_data():
    name = "SIMULATED samm"
    assert claims(shifts(name), tests=test_row(dataset=name)).empty


BETWEEN = {"dataset": "samm vs casme", "ethnicity": "multi-ethnic vs one group"}


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [(5.0, "can't be told"), (0.1, "can't be told"), (-5.0, "not supported")],
)
def test_between_datasets_nothing_is_supported(estimate, expected):
    rows = stacked(shifts(), shifts("casme", groups=("A",)))
    estimates = stacked(
        estimate_row("log_sd_offset_onset_difference", estimate, unit="log", keyframe="offset",
                     **BETWEEN),
        estimate_row("error_reduction_difference", estimate, **BETWEEN),
    )  # fmt: skip
    found = claims(rows, estimates, false_supported=FINE)
    for text in ("beside onset labels, are less exact in multi-ethnic", "corrects onset labels mo"):
        row = the(found, text)
        assert row["grade"] == expected
        assert row["rests_on"].endswith("definitions differ too")
        assert "observational" in row["rests_on"]
        assert row["dataset"] == "samm vs casme"
    assert not claims(shifts(), estimates)["claim"].str.contains("multi-ethnic").any()


def test_every_open_claim_says_what_would_settle_it():
    found = claims(shifts(blind=False), tests=test_row(9.0))
    assert set(found["grade"]) <= set(GRADES)
    assert found["would_settle"].ne("").all()
    assert found["rests_on"].ne("").all()


def test_the_subjects_that_would_settle_agree_with_the_power_of_a_design():
    """By theory: the noncentral t of a two-sample comparison (margin 0)."""
    design = Design(np.ones(34), np.arange(34) < 17, 0.0, 1.0)
    error, df = design.error_and_df()
    half = stats.t.ppf(0.975, df) * error
    row = test_row(0.5, half, 0.2, df=df, family_size=1, n_subjects=34, margin=0.0).iloc[0]
    evidence = of_test(row.to_dict(), 0.95)
    needed = subjects_to_settle(evidence)
    assert needed == pytest.approx(subjects_needed(design, 0.5), rel=0.03)
    tests = stacked(
        ratio_row("onset"),
        ratio_row("apex", 0.5, half, 0.2, df=df, family_size=1, n_subjects=34),
    )
    settle = the(claims(tests=tests), "less exactly than apex labels")["would_settle"]
    assert f"about {needed:.0f} subjects instead of 34" in settle


def test_no_number_of_subjects_settles_an_estimate_at_the_margin():
    row = estimate_row("annotation_error", 10.0).iloc[0].to_dict()
    assert math.isnan(subjects_to_settle(of_estimate(row, 10.0), either_side=True))


def test_an_estimate_is_judged_on_one_side_or_on_either():
    below = of_estimate(estimate_row("annotation_error", -30.0).iloc[0].to_dict(), 10.0)
    assert graded(below) == "not supported"
    assert graded(below, either_side=True) == "supported"


def cohort(**options):
    blind = blind_shifts(3, **options)
    human, mean = blind["human"], blind["selected_mean"]
    rule = np.clip(np.round(mean), human - 3, human + 3)
    both = with_rule(blind, rule)
    own = both["source"] == "gamdss"
    return both.assign(
        window_low=(both["human"] - 3).where(own), window_high=(both["human"] + 3).where(own)
    )


def test_the_numbers_of_every_claim_stand_in_a_table():
    found = mebias.quantify(cohort(datasets=("d", "e")), n_permutations=99)
    made = graded_claims(found.shifts, found.estimates, found.tests, 0.95, false_supported=FINE)
    numbered = made[made["estimate"].notna()]
    assert set(numbered["topic"]) == {
        "groups", "exactness", "correction", "durations", "curve", "bias"
    }  # fmt: skip
    for _, row in numbered.iterrows():
        table = found.estimates if row["quantity"] else found.tests
        key = "quantity" if row["quantity"] else "family"
        own = table[table[key] == row[key]]
        for column in ("dataset", "keyframe", "ethnicity", "source", "distance"):
            own = own[own[column] == row[column]]
        same = own[own["estimate"] == row["estimate"]]
        assert len(same), row["claim"]
        half = (row["conf_high"] - row["conf_low"]) / (same["conf_high"] - same["conf_low"])
        assert (half >= 1 - 1e-9).all()
    pd.testing.assert_frame_equal(made, tables.conform(made, "claims"))


def test_a_run_brings_its_claims():
    found = mebias.quantify(cohort(), n_permutations=19, primary=("gamdss", "signed"))
    assert found.claims["topic"].nunique() == 7
    assert len(found.claims) == 19
    assert found.claims["claim"].is_unique
    assert not found.claims["claim"].str.contains(re.compile("nan|  ")).any()


def test_with_no_difference_at_most_5_per_cent_of_cohorts_support_one():
    """Margin next to 0, so that the grade has no more than the interval to hold it back."""
    n, rows, tests, ratios = 120, [], [], []
    for seed in range(n):
        drawn = blind_shifts(
            seed, datasets=(f"d{seed}",), sd=(20, 20, 20), blind_sd=(6, 6, 6), icc=0.1,
            n_subjects=20, n_clips=60,
        )  # fmt: skip
        rows.append(drawn)
        tests.append(error_contrasts(drawn, n_permutations=99, margin_ms=1e-6)[0])
        ratios.append(keyframe_contrasts(drawn)[0])
    drawn, tests = stacked(*rows), stacked(*tests)
    found = graded_claims(drawn, tables.empty("estimates"), stacked(tests, *ratios), 0.95)
    supported = found[found["grade"] == "supported"]
    most = n * (0.05 + 3 * math.sqrt(0.05 * 0.95 / n))
    for topic in ("groups", "exactness"):
        datasets = supported.loc[supported["topic"] == topic, "dataset"].nunique()
        assert datasets <= most
    alone = tests["conf_low"].gt(0) | tests["conf_high"].lt(0)
    assert tests.loc[alone, "dataset"].nunique() > most, "the data never tempt a careless grade"


@pytest.mark.parametrize(
    ("reason", "settles"),
    [("A: 3 subjects, 5 needed", "more subjects in the smaller group (A: 3 subjects, 5 needed)"),
     ("fewer than 8 subjects", "more subjects in the smaller group (fewer than 8 subjects)"),
     ("a single subject", "more subjects in the smaller group (a single subject)"),
     ("all 9 shifts are equal", "values that differ (all 9 shifts are equal)"),
     ("", "more subjects in the smaller group")],
)  # fmt: skip
def test_what_is_lacking_follows_from_the_reason(reason, settles):
    assert lacking(reason, "apex") == settles
