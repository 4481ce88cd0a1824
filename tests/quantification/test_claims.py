"""Grades of claims: what they rest on, and what they never say."""

import math

import pytest
from scipy import stats

from mebias import tables
from mebias.quantification.claims import family_interval, graded_claims


def shifts(dataset="samm", status="selected"):
    row = {"dataset": dataset, "clip": "c", "subject": "s", "keyframe": "onset", "fps": 200.0,
           "human": 1, "selected": 2, "selected_status": status, "source": "gamdss",
           "distance": "signed"}  # fmt: skip
    return tables.from_rows([row], "shifts")


def test_row(estimate=20.0, half=4.0, p=0.001, dataset="samm"):
    row = {"family": "primary", "family_size": 3, "hypothesis": "equal", "dataset": dataset,
           "ethnicity": "A vs others", "source": "gamdss", "distance": "signed",
           "keyframe": "offset", "estimate": estimate, "unit": "ms", "df": 20.0,
           "conf_low": estimate - half, "conf_high": estimate + half, "margin": 10.0,
           "p_value": p, "p_adjusted": p, "n_clips": 90, "n_subjects": 30}  # fmt: skip
    return tables.from_rows([row], "tests")


test_row.__test__ = False


def grade(**options):
    claims = graded_claims(shifts(), test_row(**options), 0.95)
    return claims.loc[claims["claim"].str.startswith("Offset"), "grade"].item()


def test_the_interval_of_a_family_is_bonferroni_wide():
    low, high = family_interval(test_row().iloc[0], 0.95)
    half = 4.0 / stats.t.ppf(0.975, 20) * stats.t.ppf(1 - 0.05 / 6, 20)
    assert (low, high) == (pytest.approx(20 - half), pytest.approx(20 + half))


@pytest.mark.parametrize("sign", [1, -1])
def test_beyond_the_margin_is_supported_in_either_direction(sign):
    assert grade(estimate=sign * 20.0) == "supported"


def test_beyond_0_but_not_beyond_the_margin_cannot_be_told():
    assert grade(estimate=9.0) == "can't be told"


def test_without_a_small_adjusted_p_nothing_is_supported():
    assert grade(p=0.2) == "can't be told"


def test_shifts_of_a_windowed_rule_never_conclude_no_difference():
    assert grade(estimate=0.0, half=2.0, p=0.9) == "can't be told"


def test_two_human_versions_may():
    claims = graded_claims(shifts(status="annotated"), test_row(0.0, 2.0, 0.9), 0.95)
    assert claims["grade"].tolist() == ["not supported"]


def test_an_undefined_test_cannot_be_told():
    assert grade(half=math.nan, p=math.nan) == "can't be told"


def test_absolute_bias_is_never_supported():
    claims = graded_claims(shifts(), test_row(), 0.95)
    row = claims[claims["claim"].str.contains("biased")].iloc[0]
    assert row["grade"] == "can't be told"
    assert row["would_settle"]


def test_nothing_is_claimed_about_simulated_data():
    name = "SIMULATED samm"
    assert graded_claims(shifts(name), test_row(dataset=name), 0.95).empty
