"""Clustered means, contrasts and shares against clubSandwich, lme4 and survey.

`r/reference.R` made both CSVs; R is not needed here.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import special

from mebias.quantification import wald
from mebias.quantification.interval import clusters
from mebias.quantification.means import mean_interval, weighted_mean
from mebias.quantification.reml import variance_ratio, variance_ratios
from mebias.quantification.shares import share_interval

FOLDER = Path(__file__).parent / "r"
DATA = pd.read_csv(FOLDER / "data.csv")
REFERENCE = pd.read_csv(FOLDER / "reference.csv").set_index(["cohort", "what"])["value"]
COHORTS = ["clustered", "three", "few", "flat"]
CLOSED, FITTED = 1e-6, 1e-4


def cohort(name):
    rows = DATA[DATA["cohort"] == name]
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
def test_heterogeneity_is_the_hotelling_approximation(weighting, prefix, tolerance):
    y, subjects, groups = cohort("three")
    data = clusters(y, subjects)
    group_of = dict(zip(subjects, groups, strict=True))
    own = np.array([group_of[s] for s in data.subjects])
    members = [own == g for g in "ABC"]
    found = wald.heterogeneity(wald.group_means(data, members, weighting))
    for ours, theirs in (("statistic", "F"), ("df", "df"), ("p_value", "p")):
        assert getattr(found, ours) == pytest.approx(
            REFERENCE["three", f"{prefix}htz_{theirs}"], rel=tolerance
        ), theirs


@pytest.mark.parametrize("name", COHORTS)
def test_shares(name):
    """CR2 against clubSandwich; the beta interval against survey, fed with survey's error."""
    rows = DATA[DATA["cohort"] == name]
    found = share_interval(rows["hit"].to_numpy(), rows["subject"].to_numpy(object))
    expected = REFERENCE[name]
    assert found.estimate == pytest.approx(expected["share"])
    assert found.std_error == pytest.approx(expected["share_se"], rel=CLOSED)
    assert found.df == pytest.approx(expected["share_df"], rel=CLOSED)
    width = expected["share_high"] - expected["share_low"]
    assert found.conf_low == pytest.approx(expected["share_low"], abs=0.2 * width)
    assert found.conf_high == pytest.approx(expected["share_high"], abs=0.2 * width)


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


def test_many_ratios_at_once_are_those_of_one_at_a_time():
    data, _ = sides("clustered")
    rng = np.random.default_rng(0)
    dealt = rng.random((20, len(data))) < 0.6
    fast = variance_ratios(data, [dealt.astype(float), (~dealt).astype(float)])
    slow = [variance_ratio(data, [row, ~row]) for row in dealt]
    np.testing.assert_allclose(fast, slow, rtol=0.02, atol=1e-3)


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


def test_the_mean_of_subject_means_is_a_t_interval():
    y, subjects, _ = cohort("clustered")
    means = clusters(y, subjects).means
    found = weighted_mean(means, np.ones(len(means)))
    assert found.variance == pytest.approx(means.var(ddof=1) / len(means))
    assert 1 / found.sum_squares == pytest.approx(len(means) - 1)
