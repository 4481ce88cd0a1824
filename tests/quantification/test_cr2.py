"""CR2 with any design, against clubSandwich, brute force and the closed forms."""

import numpy as np
import pytest
from references import rows_of, values_of
from scipy import linalg

from mebias.quantification import cr2, wald
from mebias.quantification.interval import clusters

REFERENCE = values_of("cr2.csv", ["cohort", "what", "term"])
COHORTS = ["balanced", "unbalanced", "three", "singles", "casme3"]


def model(name):
    rows = rows_of("cr2_data.csv", name)
    columns = {"(Intercept)": np.ones(len(rows))}
    for factor in ("group", "emotion"):
        for level in sorted(rows[factor].unique())[1:]:
            columns[f"{factor}{level}"] = (rows[factor] == level).to_numpy(float)
    columns["phase"] = rows["phase"].to_numpy()
    x = np.column_stack(list(columns.values()))
    return list(columns), cr2.fit(x, rows["y"].to_numpy(), rows["subject"].to_numpy())


@pytest.mark.parametrize("name", COHORTS)
def test_coefficients_errors_and_degrees_of_freedom(name):
    terms, fitted = model(name)
    for i, term in enumerate(terms):
        found = cr2.contrast(fitted, np.eye(len(terms))[i])
        for what, value in (
            ("beta", found.estimate), ("se", found.std_error),
            ("df", found.df), ("p", found.p_value),
        ):  # fmt: skip
            assert value == pytest.approx(REFERENCE[name, what, term], rel=1e-6), (term, what)


@pytest.mark.parametrize("name", COHORTS)
@pytest.mark.parametrize("factor", ["group", "emotion"])
def test_several_contrasts_at_once(name, factor):
    terms, fitted = model(name)
    own = [i for i, term in enumerate(terms) if term.startswith(factor)]
    found = cr2.wald(fitted, np.eye(len(terms))[own])
    for what, value in (("F", found.statistic), ("df", found.df), ("p", found.p_value)):
        assert value == pytest.approx(REFERENCE[name, f"htz_{what}", factor], rel=1e-6), what


def test_two_groups_alone_are_the_closed_form():
    rows = rows_of("cr2_data.csv", "unbalanced")
    y, subjects = rows["y"].to_numpy(), rows["subject"].to_numpy(object)
    a = (rows["group"] == "A").to_numpy()
    found = cr2.contrast(
        cr2.fit(np.column_stack([np.ones(len(y)), a]), y, subjects), np.array([0, 1])
    )
    data = clusters(y, subjects)
    own = np.array([s in set(subjects[a]) for s in data.subjects])
    closed = wald.difference(*wald.group_means(data, [own, ~own], "clip"))
    for field in ("estimate", "std_error", "df", "p_value"):
        assert getattr(found, field) == pytest.approx(getattr(closed, field))


def test_the_covariance_written_with_full_matrices():
    rng = np.random.default_rng(0)
    subjects = np.repeat(np.arange(5), [1, 2, 3, 4, 5])
    x = np.column_stack([np.ones(15), rng.normal(size=15)])
    y = rng.normal(size=15)
    made = np.eye(15) - x @ np.linalg.inv(x.T @ x) @ x.T
    meat = np.zeros((2, 2))
    for s in range(5):
        own = subjects == s
        adjust = np.real(linalg.fractional_matrix_power(made[np.ix_(own, own)], -0.5))
        score = x[own].T @ adjust @ (made @ y)[own]
        meat += np.outer(score, score)
    bread = np.linalg.inv(x.T @ x)
    np.testing.assert_allclose(cr2.fit(x, y, subjects).covariance, bread @ meat @ bread)


def test_a_constant_and_units_change_nothing_else():
    rows = rows_of("cr2_data.csv", "three")
    a = (rows["group"] == "A").to_numpy(float)
    y, s = rows["y"].to_numpy(), rows["subject"].to_numpy()
    x = np.column_stack([np.ones(len(y)), a, rows["phase"]])
    wide = np.column_stack([np.ones(len(y)), a, 1e3 * rows["phase"] + 1e4])
    one, other = (cr2.contrast(cr2.fit(d, 5 * y + 1e3, s), np.array([0, 1, 0])) for d in (x, wide))
    plain = cr2.contrast(cr2.fit(x, y, s), np.array([0, 1, 0]))
    assert one.p_value == pytest.approx(plain.p_value)
    assert one.estimate == pytest.approx(5 * plain.estimate)
    assert other.std_error == pytest.approx(one.std_error)
    assert other.df == pytest.approx(one.df)


def test_a_design_without_full_rank_is_refused():
    x = np.column_stack([np.ones(6), [0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0]])
    with pytest.raises(ValueError, match="full column rank"):
        cr2.fit(x, np.arange(6.0), np.arange(6))
