"""Permutations of subjects as lme4 and clubSandwich fit each of them, sign flips as coin counts."""

import math

import numpy as np
import pytest
from references import rows_of, values_of

from mebias.quantification import permutation, wald
from mebias.quantification.interval import clusters
from mebias.quantification.sign_flips import sign_flip_p_value

VALUES = values_of("permutation.csv", ["cohort", "what"])
FITTED = [name for name in VALUES.index.get_level_values(0).unique() if (name, "p") in VALUES.index]
FLIPPED = [c for c, what in VALUES.index if what == "flip_p"]


@pytest.mark.parametrize("name", FITTED)
def test_every_assignment_is_studentized_as_by_lme4_and_club_sandwich(name):
    rows = rows_of("data.csv", name)
    sizes = rows["subject"].value_counts()
    ordered = sorted(sizes.index, key=lambda s: (-sizes[s], s))[:9]
    own = rows[rows["subject"].isin(ordered)]
    data = clusters(own["y"].to_numpy(dtype=float), own["subject"].to_numpy(dtype=object))
    observed = np.array([1] * 3 + [0] * (len(data) - 3))
    dealt, exhaustive = permutation.assignments(observed, 99, np.random.default_rng(0))
    assert exhaustive
    assert len(dealt) == VALUES[name, "assignments"] == math.comb(len(data), 3)
    exact = wald.difference(
        *wald.group_means(data, [observed == 0, observed == 1], "subject")
    ).statistic
    assert abs(exact) == pytest.approx(VALUES[name, "statistic"], rel=1e-4)
    p = permutation.p_value(wald.statistics(data, dealt))
    assert p == pytest.approx(VALUES[name, "p"], abs=1.01 / len(dealt))


@pytest.mark.parametrize("name", FLIPPED)
def test_sign_flips_are_those_of_coin(name):
    rows = rows_of("boot_data.csv", name)
    sums = rows.groupby("subject")["y"].sum().sort_index()
    own = (sums.head(12) if name == "whole" else sums).to_numpy(dtype=float)
    found, n, exhaustive = sign_flip_p_value(own, n_permutations=99_999)
    expected = VALUES[name, "flip_p"]
    if not exhaustive:  # the observed assignment counts as one of them
        expected = (1 + (n - 1) * expected) / n
    error = 0.0 if exhaustive else 4 * math.sqrt(expected * (1 - expected) / n)
    assert found == pytest.approx(expected, rel=1e-9, abs=max(1e-12, error))
