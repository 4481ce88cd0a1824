"""Clustered means, contrasts and shares against clubSandwich, lme4 and survey.

`r/reference.R` made both CSVs; R is not needed here. Four cohorts are of one generator, three
of odd shapes (ties on a lattice with single and constant clips, clips that oppose each other,
subjects that hardly vary), two are revisions of the labels of CAS(ME)^3 (see references.py).
"""

import math

import numpy as np
import pandas as pd
import pytest
from references import rows_of, values_of
from scipy import special

from mebias.quantification import wald
from mebias.quantification.checks import checked_shifts
from mebias.quantification.interval import clusters
from mebias.quantification.means import mean_interval, weighted_mean, weightings_differ
from mebias.quantification.missing import missingness
from mebias.quantification.reml import _Restricted, variance_ratio, variance_ratios
from mebias.quantification.revisions import unevenness
from mebias.quantification.shares import _effective, clopper_pearson, share_interval

REFERENCE = values_of("reference.csv", ["cohort", "what"])
REAL = ["casme3_apex", "casme3_micro"]
COHORTS = ["clustered", "three", "few", "flat", "lattice", "opposed", "constant", *REAL]
THREE_GROUPS = ["three", "lattice", "constant", *REAL]
CLOSED, FITTED = 1e-6, 1e-4


def cohort(name):
    rows = rows_of("data.csv", name)
    return rows["y"].to_numpy(float), rows["subject"].to_numpy(object), rows["group"].to_numpy()


def sides(name):
    y, subjects, groups = cohort(name)
    data = clusters(y, subjects)
    group_of = dict(zip(subjects, groups, strict=True))
    a = np.array([group_of[s] == "A" for s in data.subjects])
    return data, [a, ~a]


@pytest.mark.parametrize("name", COHORTS)
@pytest.mark.parametrize(("weighting", "tolerance"), [("clip", CLOSED), ("subject", FITTED)])
def test_means_errors_and_degrees_of_freedom(name, weighting, tolerance):
    y, subjects, _ = cohort(name)
    found = mean_interval(y, subjects, weighting)
    expected = REFERENCE[name]
    for ours, theirs in (("estimate", "mean"), ("std_error", "se"), ("df", "df")):
        assert getattr(found, ours) == pytest.approx(
            expected[f"{weighting}_{theirs}"], rel=tolerance
        ), theirs
    half = special.stdtrit(found.df, 0.975) * found.std_error
    assert (found.conf_low, found.conf_high) == pytest.approx(
        (found.estimate - half, found.estimate + half)
    )


@pytest.mark.parametrize("name", COHORTS)
def test_the_variance_ratio_is_that_of_reml(name):
    y, subjects, _ = cohort(name)
    data, members = sides(name)
    expected = REFERENCE[name]
    one, two = expected["ratio"], expected["difference_ratio"]
    assert variance_ratio(clusters(y, subjects)) == pytest.approx(one, rel=FITTED, abs=1e-6)
    assert variance_ratio(data, members) == pytest.approx(two, rel=FITTED, abs=1e-6)


@pytest.mark.parametrize("name", COHORTS)
@pytest.mark.parametrize(("weighting", "tolerance"), [("clip", CLOSED), ("subject", FITTED)])
def test_differences_between_two_sides(name, weighting, tolerance):
    data, members = sides(name)
    found = wald.difference(*wald.group_means(data, members, weighting))
    expected = REFERENCE[name]
    for ours, theirs in (("estimate", ""), ("std_error", "_se"), ("df", "_df"), ("p_value", "_p")):
        assert getattr(found, ours) == pytest.approx(
            expected[f"{weighting}_difference{theirs}"], rel=tolerance
        ), theirs


@pytest.mark.parametrize(
    ("weighting", "prefix", "tolerance"), [("clip", "clip_", CLOSED), ("subject", "", FITTED)]
)
@pytest.mark.parametrize("name", THREE_GROUPS)
def test_heterogeneity_is_the_hotelling_approximation(name, weighting, prefix, tolerance):
    y, subjects, groups = cohort(name)
    data = clusters(y, subjects)
    group_of = dict(zip(subjects, groups, strict=True))
    own = np.array([group_of[s] for s in data.subjects])
    members = [own == g for g in "ABC"]
    found = wald.heterogeneity(wald.group_means(data, members, weighting))
    for ours, theirs in (("statistic", "F"), ("df", "df"), ("p_value", "p")):
        assert getattr(found, ours) == pytest.approx(
            REFERENCE[name, f"{prefix}htz_{theirs}"], rel=tolerance
        ), theirs


@pytest.mark.parametrize("name", COHORTS)
def test_shares(name):
    """CR2 against clubSandwich; the beta interval against survey, fed with survey's error.

    survey's variance is that of G / (G - 1) with G - 1 degrees of freedom, not CR2; what is
    made of a variance is the same, except that ours never counts more clips than there are.
    """
    rows = rows_of("data.csv", name)
    found = share_interval(rows["hit"].to_numpy(), rows["subject"].to_numpy(object))
    expected = REFERENCE[name]
    assert found.estimate == pytest.approx(expected["share"])
    assert found.std_error == pytest.approx(expected["share_se"], rel=CLOSED)
    assert found.df == pytest.approx(expected["share_df"], rel=CLOSED)
    theirs = expected["share_low"], expected["share_high"]
    variance, df, n = expected["share_survey_se"] ** 2, expected["share_survey_df"], len(rows)
    effective = _effective(found.estimate, variance, df, n, 0.95)
    ours = clopper_pearson(found.estimate, effective, 0.95)
    if effective < n:
        assert ours == pytest.approx(theirs, rel=CLOSED)
        near = {"abs": 0.2 * (theirs[1] - theirs[0])}
        assert (found.conf_low, found.conf_high) == pytest.approx(theirs, **near)
    else:
        assert ours[0] < theirs[0] < theirs[1] < ours[1]


def of_hits(name):
    """A shifts table in which a hit is a revision by one frame, and another with none."""
    rows = rows_of("data.csv", name)
    clips = pd.DataFrame({"dataset": "d", "clip": [f"c{i}" for i in rows.index], "fps": 100.0,
                          "subject": rows["subject"], "ethnicity": rows["group"],
                          "human": 100.0, "hit": rows["hit"]})  # fmt: skip
    return clips.merge(pd.DataFrame({"keyframe": ["onset", "apex", "offset"]}), how="cross")


@pytest.mark.parametrize("name", [name for name in COHORTS if name != "constant"])
def test_groups_that_lack_more(name):
    """A hit is a missing offset; the test of missingness is that of the mixed model on 0 and 1.

    Not on `constant`, whose hits do not vary within any subject: lme4 does not converge there.
    """
    made = of_hits(name)
    gone = (made["keyframe"] == "offset") & (made["hit"] == 1)
    made = made.assign(
        selected=made["human"].where(~gone), selected_status=np.where(gone, "failed", "selected")
    )
    shifts = checked_shifts(made.drop(columns="hit"))
    tests, _ = missingness(shifts, min_subjects=2, n_permutations=99)
    found = tests.set_index(["keyframe", "ethnicity"]).loc["offset"]
    found = found[found.index.str.startswith("A vs")].iloc[0]
    expected = REFERENCE[name]
    assert found["estimate"] == pytest.approx(expected["share_difference"], rel=FITTED)
    assert found["df"] == pytest.approx(expected["share_difference_df"], rel=FITTED)
    assert found["p_cr2"] == pytest.approx(expected["share_difference_p"], rel=10 * FITTED)
    statistic = expected["share_difference"] / expected["share_difference_se"]
    assert found["statistic"] == pytest.approx(statistic, rel=FITTED)


@pytest.mark.parametrize("name", COHORTS)
def test_how_unevenly_hits_spread(name):
    """Subjects with a hit against binom.test, and the intraclass correlation against aov."""
    made = of_hits(name).query("keyframe == 'apex'")
    made = made.assign(
        selected=made["human"] + made["hit"], selected_status="annotated", source="new"
    )
    found = unevenness(checked_shifts(made.drop(columns="hit"))).set_index("quantity")
    expected = REFERENCE[name]
    share, icc = found.loc["share_subjects_revised"], found.loc["icc_revised"]
    bounds = expected["subjects_low"], expected["subjects_high"]
    assert (share["conf_low"], share["conf_high"]) == pytest.approx(bounds, rel=CLOSED)
    assert icc["estimate"] == pytest.approx(expected["icc"], rel=CLOSED)
    if not icc["reason"]:
        assert icc["std_error"] == pytest.approx(expected["icc_se"], rel=CLOSED, abs=1e-9)


@pytest.mark.parametrize("name", COHORTS)
def test_how_far_the_weightings_lie_apart(name):
    y, subjects, _ = cohort(name)
    apart, error = weightings_differ(y, subjects)
    expected = REFERENCE[name]
    near = FITTED * (np.ptp(clusters(y, subjects).means))
    assert apart == pytest.approx(expected["apart"], rel=FITTED, abs=FITTED * near)
    assert error == pytest.approx(expected["apart_se"], rel=FITTED, abs=FITTED * near)


def test_clip_weights_in_general_matrix_form():
    """The closed forms against CR2 and Satterthwaite written with full matrices."""
    y, subjects, _ = cohort("few")
    names, codes = np.unique(subjects.astype(str), return_inverse=True)
    n = len(y)
    residual_maker = np.eye(n) - np.full((n, n), 1 / n)
    parts = []
    for g in range(len(names)):
        own = np.flatnonzero(codes == g)
        values, vectors = np.linalg.eigh(residual_maker[np.ix_(own, own)])
        adjust = vectors @ np.diag(values**-0.5) @ vectors.T
        parts.append(residual_maker[:, own] @ adjust @ np.ones(len(own)) / n)
    p = np.stack(parts)
    variance = ((p @ y) ** 2).sum()
    omega = p @ p.T
    df = np.trace(omega) ** 2 / (omega**2).sum()
    found = mean_interval(y, subjects, "clip")
    assert found.std_error**2 == pytest.approx(variance)
    assert found.df == pytest.approx(df)


@pytest.mark.parametrize("spread", [0.0, 0.1, 1.0, 100.0])
def test_the_derivative_of_the_criterion_is_zero_at_the_ratio_and_the_bend_is_its_own(spread):
    """By differences of the restricted likelihood written out with whole matrices."""
    rng = np.random.default_rng(7)
    subjects = np.r_[np.arange(9), rng.integers(0, 9, 30)]
    y = rng.normal(0, spread, 9)[subjects] + rng.normal(0, 1, 39)
    data = clusters(y, subjects)
    members = [np.arange(9) < 4, np.arange(9) >= 4]
    x = np.column_stack([m[subjects] for m in members]).astype(float)
    same = subjects[:, None] == subjects

    def criterion(ratio):
        inverse = np.linalg.inv(np.eye(39) + ratio * same)
        inner = x.T @ inverse @ x
        rest = y - x @ np.linalg.solve(inner, x.T @ inverse @ y)
        logs = np.linalg.slogdet(inner)[1] - np.linalg.slogdet(inverse)[1]
        return 37 * math.log(rest @ inverse @ rest) + logs

    likelihood = _Restricted(data, members)
    for ratio in (0.05, 0.4, 3.0):
        h = 1e-3 * ratio
        below, here, above = (criterion(r) for r in (ratio - h, ratio, ratio + h))
        slope, bend = likelihood._derivatives(ratio)
        assert slope == pytest.approx((above - below) / (2 * h), rel=1e-3, abs=1e-3)
        assert bend == pytest.approx((above - 2 * here + below) / h**2, rel=1e-2, abs=1e-2)
    found = variance_ratio(data, members)
    assert found == 0 or abs(likelihood._derivatives(found)[0]) * (1 + found) < 1e-6
    assert all(
        criterion(found) <= criterion(r) + 1e-8 for r in np.r_[0, np.geomspace(1e-3, 1e5, 99)]
    )


def test_many_ratios_at_once_are_those_of_one_at_a_time():
    data, _ = sides("clustered")
    rng = np.random.default_rng(0)
    dealt = rng.random((20, len(data))) < 0.6
    fast = variance_ratios(data, [dealt.astype(float), (~dealt).astype(float)])
    slow = [variance_ratio(data, [row, ~row]) for row in dealt]
    np.testing.assert_allclose(fast, slow, rtol=0.01, atol=1e-3)


def test_the_batched_statistic_is_that_of_one_at_a_time():
    data, members = sides("three")
    labels = np.where(members[0], 0, 1)
    rng = np.random.default_rng(0)
    dealt = np.stack([rng.permutation(labels) for _ in range(20)])
    fast = wald.statistics(data, dealt)
    slow = [
        abs(wald.difference(*wald.group_means(data, [row == 0, row == 1], "subject")).statistic)
        for row in dealt
    ]
    np.testing.assert_allclose(fast, slow, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("n_subjects", "n_clips", "icc"), [
    (29, 1500, 0.01), (29, 1500, 0.1), (29, 159, 0.0), (29, 159, 0.99), (12, 60, 0.3),
    (100, 7000, 0.05),
])  # fmt: skip
def test_the_batched_statistic_is_near_the_exact_one_whatever_the_clusters(
    n_subjects, n_clips, icc
):
    rng = np.random.default_rng(n_clips)
    more = rng.choice(n_subjects, n_clips - n_subjects, p=rng.dirichlet(np.ones(n_subjects)))
    subjects = np.r_[np.arange(n_subjects), more]
    y = rng.normal(0, math.sqrt(icc), n_subjects)[subjects]
    data = clusters(y + rng.normal(0, math.sqrt(1 - icc), n_clips), subjects.astype(str))
    dealt = np.stack([rng.permutation(np.arange(n_subjects) % 2) for _ in range(40)])
    exact = [
        abs(wald.difference(*wald.group_means(data, [row == 0, row == 1], "subject")).statistic)
        for row in dealt
    ]
    np.testing.assert_allclose(wald.statistics(data, dealt), exact, rtol=0.01, atol=1e-3)


def test_the_mean_of_subject_means_is_a_t_interval():
    y, subjects, _ = cohort("clustered")
    means = clusters(y, subjects).means
    found = weighted_mean(means, np.ones(len(means)))
    assert found.variance == pytest.approx(means.var(ddof=1) / len(means))
    assert 1 / found.sum_squares == pytest.approx(len(means) - 1)
