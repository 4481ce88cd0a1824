"""Families, sides, permutations and Holm, against brute force."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from mebias.quantification import holm, permutation, wald
from mebias.quantification.checks import checked_shifts
from mebias.quantification.contrasts import contrast_tables
from mebias.quantification.interval import clusters


def shifts(groups, seed=0, effect=0.0, spread=None, **columns):
    """`groups` maps a name to its number of subjects."""
    rng = np.random.default_rng(seed)
    names = [g for g, n in groups.items() for _ in range(n)]
    rows = []
    for s, group in enumerate(names):
        own = rng.normal(0, 2)
        for i in range(1 + int(rng.integers(1, 6))):
            scale = 3 * (spread or {}).get(group, 1)
            rows += [
                {"dataset": "d", "clip": f"c{s}-{i}", "subject": f"s{s}", "keyframe": k,
                 "ethnicity": group, "human": h, "fps": 100.0,
                 "selected": h + round(own + rng.normal(0, scale) + effect * (group == "A"))}
                for k, h in (("onset", 100), ("apex", 160), ("offset", 220))
            ]  # fmt: skip
    return checked_shifts(pd.DataFrame(rows).assign(**columns))


def run(table, **options):
    return contrast_tables(table, n_permutations=199, **options)


def families(tests):
    return {name: rows["ethnicity"].unique().tolist() for name, rows in tests.groupby("family")}


def test_families_are_fixed_by_the_groups_there_are():
    tests, _ = run(shifts({"A": 10, "B": 8, "C": 6}))
    assert families(tests) == {
        "primary": ["A vs others"],
        "heterogeneity": ["A, B, C"],
        "group-vs-rest": ["B vs others", "C vs others"],
        "pairs": ["A vs B", "A vs C", "B vs C"],
    }
    assert tests.groupby("family")["family_size"].first().to_dict() == {
        "group-vs-rest": 6, "heterogeneity": 3, "pairs": 9, "primary": 3,
    }  # fmt: skip


def test_a_pair_is_tested_in_its_own_two_groups_alone():
    table = shifts({"A": 10, "B": 8, "C": 6}, effect=2.0)
    tests, estimates = run(table)
    alone, _ = run(checked_shifts(table[table["ethnicity"].isin(["A", "C"])]))
    pair = tests[(tests["family"] == "pairs") & (tests["ethnicity"] == "A vs C")]
    same = ["estimate", "conf_low", "conf_high", "p_permutation", "p_cr2", "n_subjects"]
    np.testing.assert_allclose(pair[same], alone[same])
    assert len(estimates[estimates["ethnicity"] == "A vs C"]) == 9


def test_groups_too_small_are_in_no_pair():
    tests, _ = run(shifts({"A": 10, "B": 8, "C": 3}))
    assert families(tests)["pairs"] == ["A vs B"]
    assert (tests.loc[tests["family"] == "pairs", "family_size"] == 3).all()
    tests, _ = run(shifts({"A": 10, "B": 3, "C": 3}))
    assert "pairs" not in families(tests)


def test_two_groups_are_one_hypothesis_per_keyframe():
    tests, estimates = run(shifts({"A": 10, "B": 8}))
    assert families(tests) == {"primary": ["A vs others"]}
    assert set(estimates["weighting"]) == {"clip", "subject", "subject-mean"}


def test_the_largest_group_is_the_one_with_most_subjects():
    tests, _ = run(shifts({"A": 6, "B": 9, "C": 7}))
    assert families(tests)["primary"] == ["B vs others"]


def test_unknown_subjects_are_in_no_contrast():
    tests, _ = run(shifts({"A": 10, "B": 8, "unknown": 5}))
    assert families(tests) == {"primary": ["A vs others"]}
    assert (tests["n_subjects"] == 18).all()


def test_one_group_or_none_is_no_test():
    for groups in ({"A": 10}, {"all": 10}, {"A": 10, "unknown": 4}):
        tests, estimates = run(shifts(groups))
        assert tests.empty
        assert estimates.empty


def test_a_small_side_is_not_tested_and_still_counts_in_its_family():
    tests, estimates = run(shifts({"A": 10, "B": 8, "C": 3}))
    small = tests[tests["ethnicity"] == "C vs others"]
    assert small["p_value"].isna().all()
    assert small["reason"].str.contains("C: 3 subjects with a usable").all()
    tested = tests[(tests["family"] == "group-vs-rest") & tests["p_value"].notna()]
    smallest = tested.loc[tested["p_value"].idxmin()]
    assert smallest["p_adjusted"] == pytest.approx(min(1, 6 * smallest["p_value"]))
    assert "heterogeneity" not in families(tests)
    bare = estimates[estimates["ethnicity"] == "C vs others"]
    assert bare["estimate"].notna().all()
    assert (bare["reason"] != "").all()


def test_a_shift_of_one_group_is_found_with_its_sign():
    tests, _ = run(shifts({"A": 12, "B": 9}, effect=6.0))
    assert (tests["p_adjusted"] < 0.05).all()
    assert ((tests["conf_low"] > 20) & (tests["conf_low"] < 60)).all()


def test_unequal_spreads_or_few_subjects_take_the_larger_p():
    wild, _ = run(shifts({"A": 12, "B": 9}, spread={"B": 4}))
    assert wild["method"].str.contains("the larger p decides \\(the ratio of SDs").all()
    assert (wild["p_value"] == wild[["p_permutation", "p_cr2"]].max(axis=1)).all()
    few, _ = run(shifts({"A": 12, "B": 6}))
    assert few["method"].str.contains("a side has fewer than 8 subjects").all()
    calm, _ = run(shifts({"A": 12, "B": 12}))
    assert (calm["p_value"] == calm["p_permutation"]).all()


def test_the_margin_is_one_frame_or_10_ms():
    fast, _ = run(shifts({"A": 6, "B": 6}))
    slow, _ = run(shifts({"A": 6, "B": 6}, fps=30.0))
    own, _ = run(shifts({"A": 6, "B": 6}), margin_ms=5.0)
    assert fast["margin"].unique().tolist() == [10]
    assert slow["margin"].unique().tolist() == [pytest.approx(1000 / 30)]
    assert own["margin"].unique().tolist() == [5]


def test_tests_rest_on_the_primary_rule_alone():
    other = shifts({"A": 8, "B": 8}, seed=1, source="gamdss-released", distance="signed")
    main = shifts({"A": 8, "B": 8}, source="gamdss", distance="signed")
    tests, _ = run(checked_shifts(pd.concat([other, main])))
    alone, _ = run(main)
    pd.testing.assert_frame_equal(tests, alone)


def test_names_of_subjects_have_no_part_in_the_permutations():
    table = shifts({"A": 14, "B": 11})
    names = table["subject"].unique()
    other = dict(zip(names, np.random.default_rng(5).permutation(names), strict=True))
    renamed, _ = run(table.assign(subject=table["subject"].map(other)))
    tests, _ = run(table)
    pd.testing.assert_frame_equal(renamed, tests)


def test_all_assignments_of_a_small_cohort_against_brute_force():
    rng = np.random.default_rng(0)
    y, s = rng.normal(size=20), np.repeat(np.arange(8), [1, 2, 3, 4, 2, 3, 3, 2])
    data = clusters(y, s)
    observed = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    dealt, exhaustive = permutation.assignments(observed, 99, rng)
    assert exhaustive
    assert len(dealt) == 56
    assert len(np.unique(dealt, axis=0)) == 56
    statistics = wald.statistics(data, dealt)
    brute = {}
    for first in combinations(range(8), 3):
        one = np.isin(np.arange(8), first)
        found = wald.difference(*wald.group_means(data, [one, ~one], "subject"))
        brute[first] = abs(found.statistic)
    for row, value in zip(dealt, statistics, strict=True):
        assert value == pytest.approx(brute[tuple(np.flatnonzero(row == 0))], rel=0.02)
    exact = np.mean([v >= brute[0, 1, 2] - 1e-9 for v in brute.values()])
    assert permutation.p_value(statistics) == pytest.approx(exact, abs=1.5 / 56)


def test_three_groups_are_dealt_out_completely():
    dealt, exhaustive = permutation.assignments(
        np.array([0, 1, 2, 0, 1, 0]), 99, np.random.default_rng(0)
    )
    assert exhaustive
    assert len(np.unique(dealt, axis=0)) == len(dealt) == 60
    assert dealt[0].tolist() == [0, 1, 2, 0, 1, 0]


def test_a_large_cohort_is_dealt_at_random_with_the_observed_first():
    observed = np.r_[np.zeros(20, int), np.ones(20, int)]
    dealt, exhaustive = permutation.assignments(observed, 99, np.random.default_rng(0))
    assert not exhaustive
    assert dealt.shape == (100, 40)
    assert (dealt[0] == observed).all()
    assert (dealt.sum(axis=1) == 20).all()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_that_of_statsmodels(p):
    expected = multipletests(p, method="holm")[1]
    np.testing.assert_allclose(holm.adjust(np.array(p), len(p)), expected)


def test_holm_counts_what_could_not_be_tested():
    p = np.array([0.01, np.nan, 0.02])
    expected = multipletests([0.01, 0.02, 1.0], method="holm")[1]
    np.testing.assert_allclose(holm.adjust(p, 3)[[0, 2]], expected[:2])
    with pytest.raises(ValueError, match="family of 2"):
        holm.adjust(np.array([0.1, 0.2, 0.3]), 2)
