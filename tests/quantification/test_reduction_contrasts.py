"""Contrasts of how much nearer a rule comes: estimate, level, families, refusals."""

import math

import numpy as np
import pandas as pd
import pytest
from claim_cases import RULE, with_rule

import mebias
from mebias import tables
from mebias.errors import OptionError, TableError
from mebias.quantification.annotation_error import reduces_error
from mebias.quantification.checks import checked_shifts
from mebias.quantification.error_contrasts import reduction_contrasts
from mebias.quantification.means import mean_interval
from mebias.validation.trajectories import blind_shifts


def cohort(seed=0, share=0.0, **options):
    """A rule that takes a share of the error away, of group A only."""
    blind = blind_shifts(seed, n_subjects=20, n_clips=80, **options)
    part = np.where(blind["ethnicity"] == "A", share, 0.0)
    target = blind["human"] + part * (blind["selected_mean"] - blind["human"])
    return with_rule(blind, np.round(target + np.random.default_rng(seed).normal(0, 1, len(blind))))


def gain(shifts, keyframe):
    """|human - blind| - |selected - blind| in ms by hand, with its subject and group."""
    own = shifts[shifts["keyframe"] == keyframe].set_index("clip")
    blind, rule = own[own["source"] == "motion-blind"], own[own["source"] == "gamdss"]
    mean = blind["selected_mean"]
    near = (rule["human"] - mean).abs() - (rule["selected"] - mean).abs()
    return rule.assign(gain=5.0 * near)


def test_the_contrast_is_that_of_the_gains():
    shifts = cohort(share=0.8)
    tests, estimates = reduction_contrasts(shifts, n_permutations=99)
    assert tests["family"].unique().tolist() == ["error-reduction primary"]
    assert tests["keyframe"].tolist() == list(tables.KEYFRAMES)
    assert (tests[["source", "distance"]] == list(RULE.values())).all(axis=None)
    said = r"mean (?:onset|apex|offset) reduction of the error"
    assert tests["hypothesis"].str.contains(said).all()
    sign = 1 if tests.loc[0, "ethnicity"] == "A vs others" else -1
    for row in estimates[estimates["weighting"] == "subject-mean"].to_dict("records"):
        own = gain(shifts, row["keyframe"]).groupby(["ethnicity", "subject"])["gain"].mean()
        sides = own.groupby("ethnicity").mean()
        assert row["estimate"] == pytest.approx(sign * (sides["A"] - sides["B"]))
    assert set(estimates["quantity"]) == {"error_reduction_difference"}
    assert (np.sign(tests["estimate"]) == sign).all()
    assert (tests["p_adjusted"] < 0.05).all()


def test_a_plans_rule_is_the_one_whose_corrections_are_contrasted():
    """Not gamdss signed, which is there too: the tests, and the claims that rest on them."""
    shifts = cohort(share=0.8)
    other = shifts[shifts["source"] == "gamdss"].assign(source="gamdss-wide")
    both = checked_shifts(pd.concat([shifts, other], ignore_index=True))
    for rule in ("gamdss", "gamdss-wide"):
        found = mebias.quantify(both, n_permutations=19, primary=(rule, "signed"))
        own = found.tests[found.tests["family"] == "error-reduction primary"]
        assert set(own["source"]) == {rule}
        claims = found.claims[found.claims["claim"].str.contains("more, or less, than of the")]
        assert len(claims) == 3
        assert set(claims["source"]) == {rule}
    none, _ = reduction_contrasts(both, n_permutations=19, primary=("least", "signed"))
    assert none.empty


def test_each_side_is_the_reduction_of_its_group():
    shifts = cohort(share=0.8)
    _, estimates = reduction_contrasts(shifts, n_permutations=19)
    groups = reduces_error(shifts)
    for keyframe in tables.KEYFRAMES:
        own = gain(shifts, keyframe)
        by_hand = {
            g: mean_interval(part["gain"].to_numpy(), part["subject"].to_numpy(), "clip").estimate
            for g, part in own.groupby("ethnicity")
        }
        wanted = {"keyframe": keyframe, "weighting": "clip"}
        rows = groups.loc[(groups[list(wanted)] == pd.Series(wanted)).all(axis=1)]
        told = rows.set_index("ethnicity")["estimate"]
        assert told["A"] == pytest.approx(by_hand["A"])
        difference = estimates.loc[(estimates[list(wanted)] == pd.Series(wanted)).all(axis=1)]
        assert abs(difference["estimate"].item()) == pytest.approx(abs(told["A"] - told["B"]))


def test_with_no_difference_the_level_holds():
    n, p = 80, []
    for seed in range(n):
        p += reduction_contrasts(cohort(seed, icc=0.1), n_permutations=99)[0]["p_value"].tolist()
    found = np.mean(np.array(p) < 0.05)
    assert found <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / n)


def test_three_groups_have_the_primary_family_alone():
    tests, _ = reduction_contrasts(cohort(groups=("A", "B", "C")), n_permutations=19)
    assert len(tests) == 3


def test_the_rule_is_gamdss_signed_or_the_only_one():
    shifts = cohort()
    other = shifts[shifts["source"] == "gamdss"].assign(source="least")
    drawn = other.assign(source="motion:onset=0.1", distance="")
    tests, _ = reduction_contrasts(pd.concat([shifts, other, drawn]), n_permutations=19)
    assert set(tests["source"]) == {"gamdss"}
    only = pd.concat([shifts[shifts["source"] != "gamdss"], other, drawn])
    assert set(reduction_contrasts(only, n_permutations=19)[0]["source"]) == {"least"}
    several = pd.concat([only, other.assign(source="random")])
    tests, estimates = reduction_contrasts(several, n_permutations=19)
    assert tests.empty
    assert estimates.empty


def test_clips_without_the_rule_still_count_for_the_groups():
    shifts = cohort()
    lost = (shifts["source"] == "gamdss") & shifts["subject"].isin(["s0", "s2", "s4"])
    first, _ = reduction_contrasts(shifts, n_permutations=19)
    kept, _ = reduction_contrasts(shifts[~lost], n_permutations=19)
    assert kept["ethnicity"].tolist() == first["ethnicity"].tolist()
    assert (kept["n_subjects"] == first["n_subjects"] - 3).all()


def test_cut_clips_have_no_contrast():
    shifts = cohort().assign(lead_frames=0.0)
    tests, _ = reduction_contrasts(shifts, n_permutations=19)
    onset = tests[tests["keyframe"] == "onset"].iloc[0]
    assert math.isnan(onset["p_value"])
    assert math.isnan(onset["p_adjusted"])
    assert "cut at the human onset" in onset["reason"]
    assert tests.loc[tests["keyframe"] == "apex", "p_adjusted"].notna().all()


def test_multi_ethnic_datasets_stand_beside_those_of_one_group():
    both = cohort(share=0.8, datasets=("d",))
    one = cohort(1, groups=("A",), datasets=("e",))
    _, estimates = reduction_contrasts(pd.concat([both, one]), n_permutations=19)
    between = estimates[estimates["ethnicity"] == "multi-ethnic vs one group"]
    assert between["keyframe"].tolist() == list(tables.KEYFRAMES)
    assert set(between["dataset"]) == {"d vs e"}
    reduced = reduces_error(pd.concat([both, one]))
    whole = reduced[(reduced["ethnicity"] == "all") & (reduced["weighting"] == "subject")]
    for row in between.to_dict("records"):
        own = whole[whole["keyframe"] == row["keyframe"]].set_index("dataset")["estimate"]
        assert row["estimate"] == pytest.approx(own["d"] - own["e"])
        assert "observational" in row["method"]


def test_the_judge_and_a_rule_have_to_be_there():
    shifts = cohort()
    with pytest.raises(TableError, match="no rule beside motion-blind"):
        reduction_contrasts(shifts[shifts["source"] == "motion-blind"])
    with pytest.raises(TableError, match="no rows of the source motion-blind"):
        reduction_contrasts(shifts[shifts["source"] == "gamdss"])
    with pytest.raises(OptionError):
        reduction_contrasts(shifts, source="motion")


def test_the_tables_are_in_their_declared_form():
    tests, estimates = reduction_contrasts(cohort(), n_permutations=19)
    pd.testing.assert_frame_equal(tests, tables.conform(tests, "tests"))
    pd.testing.assert_frame_equal(estimates, tables.conform(estimates, "estimates"))
