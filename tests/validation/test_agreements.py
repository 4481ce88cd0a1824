"""Calibration of agreement coefficients: what is counted is what is shipped."""

import numpy as np
import pytest

from mebias.quantification.coefficients import COEFFICIENTS, coefficients
from mebias.quantification.coverage import shipped_rows
from mebias.validation.agreements import _sums, agreements, jackknifed, partners, truths
from mebias.validation.generators import INTERVALS, Cell, draw


@pytest.mark.parametrize("distribution", ["normal", "bounded", "skewed"])
def test_batched_intervals_are_the_shipped_ones(distribution):
    cell = Cell((12,), 60, distribution, 0.3)
    rng = np.random.default_rng(1)
    cohorts = draw(cell, 7, rng)
    second = partners(cell, cohorts, rng)
    sums = _sums(cohorts, second)
    for name in COEFFICIENTS:
        bounds = jackknifed(name, sums)
        for b in range(len(cohorts)):
            shipped = coefficients(
                cohorts.values[b], second[b], cohorts.subjects[b], of="duration"
            )[name]
            assert bounds.low[b] == pytest.approx(shipped.conf_low, abs=1e-9)
            assert bounds.high[b] == pytest.approx(shipped.conf_high, abs=1e-9)


def test_the_truth_is_that_of_very_many_pairs():
    cell = Cell((40_000,), 200_000, "skewed", 0.3)
    rng = np.random.default_rng(2)
    cohorts = draw(cell, 1, rng)
    second = partners(cell, cohorts, rng)
    found = coefficients(cohorts.values[0], second[0], np.arange(200_000), of="rise")
    for name, truth in truths().items():
        assert found[name].estimate == pytest.approx(truth, abs=0.01)


def test_groups_too_small_for_an_interval_have_none():
    cell = Cell((5,), 20, "normal", 0.0)
    rng = np.random.default_rng(3)
    assert list(agreements(cell, draw(cell, 3, rng), rng)) == []


def test_the_shipped_table_has_every_coefficient_and_clips_as_the_failing_control():
    own = [r for r in shipped_rows() if r["quantity"] in COEFFICIENTS]
    cells = {r["cell"] for r in own}
    assert cells == {c.name for c in INTERVALS if c.n_subjects >= 8}
    assert len(own) == len(cells) * len(COEFFICIENTS)
    normal = [float(r["value"]) for r in own if r["distribution"] != "skewed"]
    assert min(normal) > 0.93
    assert max(normal) < 0.97


def test_a_report_carries_it():
    import mebias

    found = mebias.quantify(mebias.example(), n_permutations=99).estimates
    rows = found[found["quantity"].eq("ccc_duration") & found["conf_low"].notna()]
    assert len(rows)
    assert rows["coverage_note"].str.contains("skewed values").all()
