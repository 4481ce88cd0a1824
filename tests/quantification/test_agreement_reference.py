"""Limits, coefficients and spreads against lme4, clubSandwich, psych and brute force.

`r/agreement.R` made both CSVs; R is not needed here. The real data set is the falls of
micro-expressions in both versions of the labels of CAS(ME)^3 (see references.py).
"""

import math

import numpy as np
import pytest
from references import rows_of, values_of
from scipy import special

from mebias.quantification.coefficients import coefficients
from mebias.quantification.interval import clusters
from mebias.quantification.limits import Z, components, far_from_normal, limits_of_agreement
from mebias.quantification.spread import mad_interval, sd_interval

REFERENCE = values_of("agreement_reference.csv", ["cohort", "what"])
SINGLE = ["single", "single_large", "single_fine"]
CLUSTERED = ["uneven", "flat", "cardiac", "casme3_micro"]
CLOSED, FITTED = 1e-6, 1e-4


def cohort(name):
    rows = rows_of("agreement_data.csv", name)
    return (
        rows["x"].to_numpy(float), rows["y"].to_numpy(float), rows["subject"].to_numpy(object),
    )  # fmt: skip


@pytest.mark.parametrize("name", CLUSTERED)
def test_components_are_those_of_lme4(name):
    x, y, subjects = cohort(name)
    expected, found = REFERENCE[name], components(clusters(y - x, subjects))
    assert found.within == pytest.approx(expected["within"], rel=FITTED)
    tolerance = FITTED * (expected["between"] + expected["within"])
    assert found.between == pytest.approx(expected["between"], rel=FITTED, abs=tolerance)
    assert found.df == pytest.approx(expected["df"], rel=10 * FITTED)


@pytest.mark.parametrize("name", [*CLUSTERED, *SINGLE])
def test_limits_and_their_intervals(name):
    x, y, subjects = cohort(name)
    low, high = limits_of_agreement(y - x, subjects)
    expected = REFERENCE[name]
    scale = expected["limit_high"] - expected["limit_low"]
    near = {"abs": FITTED * scale}
    assert low.estimate == pytest.approx(expected["limit_low"], **near)
    assert high.estimate == pytest.approx(expected["limit_high"], **near)
    if far_from_normal(y - x):
        assert "not normal" in low.method
        return
    for limit, of in ((low, "limit_low"), (high, "limit_high")):
        assert limit.conf_low == pytest.approx(expected[f"{of}_low"], **near)
        assert limit.conf_high == pytest.approx(expected[f"{of}_high"], **near)


def test_only_the_real_revisions_are_far_from_normal():
    for name in ["uneven", "flat", "cardiac", *SINGLE]:
        x, y, _ = cohort(name)
        assert far_from_normal(y - x) == "", name


def test_limits_lie_near_the_published_ones():
    """Bland and Altman 2007: mean of clips 0.602, ANOVA components, limits -1.34 to 2.54."""
    x, y, subjects = cohort("cardiac")
    low, high = limits_of_agreement(y - x, subjects)
    assert (high.estimate - low.estimate) / 2 == pytest.approx(1.96 * 0.99062, rel=0.04)
    data = clusters(y - x, subjects)
    n = data.sizes
    within = data.ss_within / (n.sum() - len(n))
    between = (n * (data.means - (y - x).mean()) ** 2).sum() / (len(n) - 1)
    typical = (n.sum() - (n**2).sum() / n.sum()) / (len(n) - 1)
    assert within == pytest.approx(0.170714026, rel=1e-6)
    assert between == pytest.approx(4.2090856, rel=1e-6)
    total = within + (between - within) / typical
    assert total == pytest.approx(0.98133606, rel=1e-6)
    assert low.estimate == pytest.approx(0.6021667 - 1.96 * math.sqrt(total), abs=0.15)


def test_equal_clusters_have_the_df_of_graybill_and_wang():
    """With equal clusters the sum is a mean square of means and one within: a closed form."""
    rng = np.random.default_rng(3)
    g, k = 20, 5
    values = (rng.normal(0, 2, (g, 1)) + rng.normal(0, 3, (g, k))).ravel()
    subjects = np.repeat(np.arange(g), k)
    table = values.reshape(g, k)
    of_means, within = table.mean(axis=1).var(ddof=1), table.var(axis=1, ddof=1).mean()
    total = of_means + (1 - 1 / k) * within
    df = total**2 / (of_means**2 / (g - 1) + ((1 - 1 / k) * within) ** 2 / (g * (k - 1)))
    found = components(clusters(values, subjects))
    assert found.total == pytest.approx(total, rel=1e-6)
    assert found.df == pytest.approx(df, rel=1e-4)


def test_one_clip_per_subject_has_the_textbook_limits():
    """Variance recovery with exact chi-squared and t bounds (Zou 2013, section 2)."""
    values = np.array([-3.0, 1, 4, 0, 2, 5, -1, 3, 2, 1, 0, -2])
    low, high = limits_of_agreement(values, np.arange(12))
    sd, n = values.std(ddof=1), 12
    half = special.stdtrit(n - 1, 0.975) * sd / math.sqrt(n)
    sd_low, sd_high = (sd * math.sqrt((n - 1) / special.chdtri(n - 1, p)) for p in (0.025, 0.975))
    assert low.estimate == pytest.approx(values.mean() - Z * sd)
    assert low.conf_low == pytest.approx(low.estimate - math.hypot(half, Z * (sd_high - sd)))
    assert high.conf_low == pytest.approx(high.estimate - math.hypot(half, Z * (sd - sd_low)))


@pytest.mark.parametrize("name", [*CLUSTERED, *SINGLE])
def test_coefficients_are_those_of_psych_and_of_lins_definition(name):
    x, y, subjects = cohort(name)
    found, expected = coefficients(x, y, subjects, of="fall"), REFERENCE[name]
    for coefficient in ("ccc", "icc_a1", "icc_c1"):
        tolerance = {"rel": CLOSED, "abs": CLOSED}
        assert found[coefficient].estimate == pytest.approx(expected[coefficient], **tolerance)


@pytest.mark.parametrize("name", SINGLE)
def test_the_interval_of_consistency_is_near_that_of_normal_theory(name):
    """One clip per subject, normal lengths: psych's F interval, up to 30 % of its width.

    Not so for ICC(A,1): psych's arms are two drawn from many, ours are these two.
    """
    x, y, subjects = cohort(name)
    found, expected = coefficients(x, y, subjects, of="fall")["icc_c1"], REFERENCE[name]
    low, high = expected["icc_c1_low"], expected["icc_c1_high"]
    assert found.conf_low == pytest.approx(low, abs=0.3 * (high - low))
    assert found.conf_high == pytest.approx(high, abs=0.3 * (high - low))
    absolute = coefficients(x, y, subjects, of="fall")["icc_a1"]
    assert absolute.conf_low > expected["icc_a1_low"], "two arms that are given vary less"


@pytest.mark.parametrize("name", [*CLUSTERED, *SINGLE])
def test_mean_absolute_differences_are_those_of_all_pairs(name):
    x, y, subjects = cohort(name)
    found, expected = mad_interval(y - x, subjects), REFERENCE[name]
    assert found.estimate == pytest.approx(expected["mad"], rel=CLOSED)
    assert found.std_error == pytest.approx(expected["mad_se"], rel=CLOSED)


@pytest.mark.parametrize("name", [*CLUSTERED, *SINGLE])
def test_the_spread_of_clips_is_that_of_every_left_out_subject(name):
    x, y, subjects = cohort(name)
    found, expected = sd_interval(y - x, subjects), REFERENCE[name]
    assert found.estimate == pytest.approx(expected["sd"], rel=CLOSED)
    assert found.std_error == pytest.approx(expected["sd_se"], rel=CLOSED)
    assert found.conf_low == pytest.approx(expected["sd_low"], rel=CLOSED)
    assert found.conf_high == pytest.approx(expected["sd_high"], rel=CLOSED)
