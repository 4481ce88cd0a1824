"""Random-intercept models: against lme4 and statsmodels, boundary, coverage.

The data sets are those of test_reference.py, revisions of CAS(ME)^3 among them.
"""

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from references import rows_of, values_of
from scipy import stats
from statsmodels.regression.mixed_linear_model import MixedLM, MixedLMParams

import mebias
from mebias.quantification import reml
from mebias.quantification.checks import checked_shifts
from mebias.quantification.interval import clusters
from mebias.quantification.mixed import random_intercept, variance_components
from mebias.quantification.refits import (
    Replicates,
    deviance,
    refit,
    replicates,
    standardized,
)

REFERENCE = values_of("mixed.csv", ["cohort", "model", "what"])
COHORTS = ["clustered", "three", "few", "flat", "lattice", "opposed", "constant"]
REAL = ["casme3_apex", "casme3_micro"]
CASES = [(c, m) for c in (*COHORTS, *REAL) for m in ("one", "groups")]


def cohort(name, model):
    rows = rows_of("data.csv", name)
    groups = rows["group"].to_numpy() if model == "groups" else None
    return rows["y"].to_numpy(float), rows["subject"].to_numpy(object), groups


def simulated(n, sizes, icc, seed=0):
    rng = np.random.default_rng(seed)
    subjects = np.repeat(np.arange(len(sizes)), sizes)
    own = rng.standard_normal((n, len(sizes)))[:, subjects]
    within = rng.standard_normal((n, len(subjects)))
    return np.sqrt(icc) * own + np.sqrt(1 - icc) * within, subjects


@pytest.mark.parametrize(("name", "model"), CASES)
def test_variances_and_likelihoods_are_those_of_lme4(name, model):
    fits, expected = refit(replicates(*cohort(name, model))), REFERENCE[name, model]
    assert fits.between[0] == pytest.approx(expected["between"], rel=1e-4, abs=1e-9)
    assert fits.within[0] == pytest.approx(expected["within"], rel=1e-4)
    assert fits.log_likelihood[0] == pytest.approx(expected["log_likelihood"], abs=1e-6)
    assert fits.boundary[0] == (expected["between"] < 1e-9)
    assert fits.converged[0]


@pytest.mark.parametrize(("name", "model"), CASES)
def test_profile_intervals_are_those_of_the_restricted_deviance_of_lme4(name, model):
    rows = {r["quantity"]: r for r in random_intercept(*cohort(name, model))}
    expected = REFERENCE[name, model]
    for quantity, short in (
        ("between_subject_sd", "between"), ("within_subject_sd", "within"), ("icc", "icc"),
    ):  # fmt: skip
        for bound in ("low", "high"):
            assert rows[quantity][f"conf_{bound}"] == pytest.approx(
                expected[f"{short}_{bound}"], rel=1e-6, abs=1e-7
            )


@pytest.mark.parametrize(("name", "model"), CASES)
def test_likelihoods_are_those_of_statsmodels_or_above(name, model):
    """At our variances (0 is no number to it) its likelihood is ours; its own is not above."""
    y, subjects, groups = cohort(name, model)
    constant = np.ones((len(y), 1))
    design = constant if groups is None else np.column_stack(
        [groups == g for g in np.unique(groups)]
    ).astype(float)  # fmt: skip
    fits = refit(replicates(y, subjects, groups))
    theirs = MixedLM(y, design, subjects)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own = theirs.fit(reml=True)
        params = MixedLMParams.from_components(
            fe_params=own.fe_params, cov_re=np.array([[max(fits.ratio[0], 1e-9)]])
        )
        at_ours = theirs.loglike(params, profile_fe=True)
    assert at_ours == pytest.approx(fits.log_likelihood[0], abs=1e-6)
    assert fits.log_likelihood[0] > own.llf - 1e-6


@pytest.mark.parametrize("icc", [0.0, 0.05, 0.3])
def test_no_likelihood_is_below_that_of_statsmodels(icc):
    values, subjects = simulated(8, [1, 1, 2, 3, 4, 4, 6, 8, 9, 12], icc)
    fits = refit(replicates(values, subjects))
    constant = np.ones((len(subjects), 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = [MixedLM(y, constant, subjects).fit(reml=True).llf for y in values]
    assert (fits.log_likelihood - theirs > -1e-6).all()
    best = np.isclose(fits.log_likelihood, theirs, atol=1e-3)
    assert best.any()  # the constants are the same


def test_the_maximum_is_the_highest_of_a_fine_grid():
    values, subjects = simulated(200, [1, 2, 2, 3, 5, 9], 0.2)
    data = replicates(values, subjects)
    fits = refit(data)
    scaled, _ = standardized(data)
    own = deviance(scaled, fits.ratio)
    grid = np.r_[0, np.geomspace(1e-4, 1e6, 500)]
    least = np.min([deviance(scaled, np.array([r])) for r in grid], axis=0)
    assert fits.converged.all()
    assert 0.1 < fits.boundary.mean() < 0.7
    assert (own <= least + 1e-9).all()


def test_all_at_once_is_one_at_a_time():
    values, subjects = simulated(50, [1, 2, 2, 3, 5, 9, 4, 4], 0.4)
    groups = np.where(subjects < 4, "a", "b")
    together = refit(replicates(values, subjects, groups))
    for b, y in enumerate(values):
        alone = refit(replicates(y, subjects, groups))
        assert together.ratio[b] == pytest.approx(alone.ratio[0], rel=1e-8, abs=1e-12)
    members = [np.arange(8) < 4, np.arange(8) >= 4]
    brent = [reml.variance_ratio(clusters(y, subjects), members) for y in values]
    np.testing.assert_allclose(together.ratio, brent, rtol=1e-6, atol=1e-9)


def test_replicates_may_differ_in_their_subjects():
    """Subjects drawn with replacement, as counts of a bootstrap or with size 0."""
    values, subjects = simulated(1, [3, 4, 5, 2, 6], 0.3)
    whole = replicates(values, subjects)
    first = subjects < 3
    part = replicates(values[:, first], subjects[first])
    sizes = np.stack([whole.sizes[0], whole.sizes[0] * (np.arange(5) < 3)])
    both = refit(
        Replicates(sizes, np.repeat(whole.means, 2, axis=0),
                   np.r_[whole.ss_within, part.ss_within], whole.members)
    )  # fmt: skip
    for b, alone in enumerate((refit(whole), refit(part))):
        assert both.ratio[b] == pytest.approx(alone.ratio[0], rel=1e-8)
        assert both.log_likelihood[b] == pytest.approx(alone.log_likelihood[0])


def test_units_and_constants():
    values, subjects = simulated(5, [2, 3, 4, 5], 0.5)
    one, other = refit(replicates(values, subjects)), refit(replicates(40 * values + 1e6, subjects))
    np.testing.assert_allclose(one.icc, other.icc, atol=1e-6)
    np.testing.assert_allclose(1600 * one.within, other.within, rtol=1e-6)


def test_the_boundary_is_said():
    rows = random_intercept(*cohort("flat", "one"))
    assert all("at the boundary" in row["method"] for row in rows)
    assert rows[0]["estimate"] == rows[0]["conf_low"] == 0
    assert rows[0]["conf_high"] > 0
    assert "boundary" not in random_intercept(*cohort("clustered", "one"))[0]["method"]


@pytest.mark.parametrize(
    ("values", "subjects", "reason"),
    [
        ([1.0, 2.0, 4.0], "abc", "one clip per subject"),
        ([1.0, 1.0, 1.0], "aab", "all 3 values are equal"),
        ([1.0, 2.0, 4.0], "aaa", "no group has two subjects"),
        ([1.0, 1.0, 4.0], "aab", "no spread within any subject"),
    ],
)
def test_undefined_is_nan_with_a_reason(values, subjects, reason):
    for row in random_intercept(np.array(values), np.array(list(subjects))):
        assert np.isnan(row["estimate"])
        assert reason in row["reason"]


def test_neither_names_nor_the_order_of_rows_has_a_part():
    y, subjects, groups = cohort("three", "groups")
    order = np.random.default_rng(0).permutation(len(y))
    renamed = np.array([f"x{99 - int(s[1:])}" for s in subjects])
    swapped = np.array([{"A": "Z", "B": "Y", "C": "X"}[g] for g in groups])
    assert random_intercept(y[order], renamed[order], swapped[order]) == random_intercept(
        y, subjects, groups
    )


@pytest.mark.parametrize("icc", [0.0, 0.3])
def test_profile_intervals_of_the_icc_cover(icc):
    """The truth is covered where its deviance is within the quantile of the minimum."""
    rng = np.random.default_rng(5)
    sizes = 1 + rng.multinomial(130, rng.dirichlet(np.ones(29)))
    data = replicates(*simulated(2000, sizes, icc, seed=6))
    scaled, _ = standardized(data)
    truth = np.full(1, icc / (1 - icc))
    excess = deviance(scaled, truth) - deviance(scaled, refit(data).ratio)
    covered = np.mean(excess <= stats.chi2.ppf(0.95, 1))
    band = 3 * np.sqrt(0.05 * 0.95 / 2000)
    # At the boundary half of the likelihood ratio is 0, so that 97.5 % are covered.
    assert abs(covered - (0.975 if icc == 0 else 0.95)) < band + 0.01


def test_profile_intervals_of_the_sds_cover():
    values, subjects = simulated(150, [1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 8, 9, 3, 3, 2, 5], 0.3)
    covered = []
    for y in values:
        rows = random_intercept(y, subjects)
        covered.append([r["conf_low"] <= t <= r["conf_high"]
                        for r, t in zip(rows, (0.3**0.5, 0.7**0.5, 0.3), strict=True)])  # fmt: skip
    assert (np.mean(covered, axis=0) > 0.95 - 3 * np.sqrt(0.05 * 0.95 / 150)).all()


def test_components_of_a_shifts_table():
    found = variance_components(checked_shifts(mebias.example()))
    assert found.groupby("keyframe").size().to_dict() == {"apex": 3, "offset": 3, "onset": 3}
    assert (found["conf_low"] <= found["estimate"]).all()
    assert (found["estimate"] <= found["conf_high"]).all()


def test_the_benchmark_runs():
    script = Path(__file__).parents[2] / "benchmarks" / "mixed_speed.py"
    done = subprocess.run(
        [sys.executable, str(script), "--refits", "20", "--baseline", "2", "--runs", "1"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "20 refits" in done.stdout
    assert "never below" in done.stdout
