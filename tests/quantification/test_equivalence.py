"""Equivalence: against emmeans and clubSandwich, its level, and what it refuses to show."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from references import rows_of, values_of
from scipy import special

from mebias.errors import OptionError
from mebias.quantification import equivalence
from mebias.quantification.checks import checked_shifts
from mebias.quantification.equivalence import (
    _null_passes,
    equivalence_tests,
    smallest_margin,
    tost,
)
from mebias.quantification.interval import clusters
from mebias.quantification.means import mean_interval, precisions, weighted_mean

REFERENCE = values_of("equivalence.csv", ["cohort", "margin", "what"])
COHORTS = ["clustered", "three", "few", "flat", "lattice", "opposed", "constant"]
REAL = ["casme3_apex", "casme3_micro"]
HUMAN = {"onset": 100, "apex": 160, "offset": 220}


def table(shift, *, source="motion-blind", n_subjects=20, n_clips=5, fps=100.0, **columns):
    """`shift(subject, n)` gives the shifts in frames of the n clips of a subject."""
    rows = []
    for s in range(n_subjects):
        for k, human in HUMAN.items():
            for i, value in enumerate(shift(s, n_clips)):
                rows.append({"dataset": "d", "clip": f"c{s}-{i}", "subject": f"s{s}", "keyframe": k,
                             "ethnicity": "A", "human": human, "fps": fps, "source": source,
                             "selected": human + int(value)})  # fmt: skip
    return checked_shifts(pd.DataFrame(rows).assign(**columns))


def noise(sd, mean=0.0, seed=0):
    rng = np.random.default_rng(seed)
    return lambda s, n: np.round(rng.normal(mean, sd, n))


def windowed(low, high, seed=0, **options):
    """Frames drawn at random from windows [low, high] around the human frame: pure noise."""
    rng = np.random.default_rng(seed)
    made = table(lambda s, n: rng.integers(low, high + 1, n), source="gamdss", **options)
    return checked_shifts(
        made.assign(window_low=made["human"] + low, window_high=made["human"] + high)
    )


@pytest.mark.parametrize("name", [*COHORTS, *REAL])
@pytest.mark.parametrize("margin", [1, 2, 4])
def test_p_values_are_those_of_emmeans_and_clubsandwich(name, margin):
    rows, expected = rows_of("data.csv", name), REFERENCE[name, margin]
    first = rows[~rows["subject"].duplicated()]
    for part, what, tolerance in ((rows, "clustered_p", 1e-4), (first, "plain_p", 1e-6)):
        y, subjects = part["y"].to_numpy(float), part["subject"].to_numpy(object)
        found = mean_interval(y, subjects, "subject")
        p = tost(found.estimate, found.std_error, found.df, margin)[1]
        assert p == pytest.approx(expected[what], rel=tolerance, abs=1e-12)


@given(st.floats(-5, 5), st.floats(0.1, 3), st.floats(2, 50), st.floats(0.01, 0.2))
def test_the_smallest_margin_is_the_one_that_just_passes(estimate, error, df, level):
    least = smallest_margin(estimate, error, df, level)
    assert tost(estimate, error, df, least)[1] == pytest.approx(level, rel=1e-6)
    assert tost(estimate, error, df, least * 1.01)[1] < level


def test_accurate_labels_are_equivalent_and_late_ones_are_not():
    tests, margins = equivalence_tests(table(noise(1.0)))
    assert tests["family"].unique().tolist() == ["equivalence"]
    assert (tests["p_adjusted"] < 0.01).all()
    assert (tests["margin"] == 10).all()
    assert (margins["estimate"] < 10).all()
    assert (margins["quantity"] == "smallest_equivalence_margin").all()
    for text, least in zip(tests["method"], margins["estimate"], strict=True):
        assert f"{least:.2f} ms" in text
    tests, margins = equivalence_tests(table(noise(1.0, mean=3.0)))
    assert (tests["p_value"] > 0.9).all()
    assert (margins["estimate"] > 30).all()


def test_annotation_error_is_human_minus_model():
    tests, _ = equivalence_tests(table(noise(1.0, mean=3.0)))
    assert ((tests["estimate"] > -35) & (tests["estimate"] < -25)).all()
    assert tests["hypothesis"].str.contains("annotation error").all()


def test_two_versions_of_labels_are_new_minus_old():
    versions = table(noise(1.0, mean=3.0), source="v2", selected_status="annotated")
    tests, _ = equivalence_tests(versions)
    assert ((tests["estimate"] > 25) & (tests["estimate"] < 35)).all()
    assert tests["hypothesis"].str.contains("revision").all()
    same, none = equivalence_tests(
        table(lambda s, n: np.zeros(n), source="v2", selected_status="annotated")
    )
    assert same["p_value"].isna().all()
    assert same["reason"].str.contains("are equal").all()
    assert none.empty


def test_the_margin_is_one_frame_or_10_ms_or_what_is_said():
    assert equivalence_tests(table(noise(1), fps=30.0))[0]["margin"].tolist() == [1000 / 30] * 3
    assert equivalence_tests(table(noise(1)), margin_ms=4.0)[0]["margin"].tolist() == [4] * 3
    with pytest.raises(OptionError, match="margin_ms is -1"):
        equivalence_tests(table(noise(1)), margin_ms=-1)


def test_windows_of_few_frames_pass_with_pure_noise_and_are_refused():
    """Trap 17: at 200 fps, windows of 0 to 3 frames, margin 10 ms."""
    rng = np.random.default_rng(1)
    naive = 0
    for _ in range(200):
        values = 5.0 * rng.integers(0, rng.integers(0, 4, 159) + 1)
        subjects = rng.integers(0, 29, 159)
        found = mean_interval(values, subjects, "subject")
        naive += tost(found.estimate, found.std_error, found.df, 10.0)[1] <= 0.05
    assert naive / 200 > 0.99
    for high in (1, 2, 3):
        tests, margins = equivalence_tests(windowed(0, high, fps=200.0))
        assert tests["p_value"].isna().all()
        assert tests["reason"].str.contains("twice the margin").all()
        assert margins.empty


def test_wide_windows_that_noise_would_pass_are_refused():
    tests, _ = equivalence_tests(windowed(-3, 3, n_subjects=60, n_clips=8))
    assert tests["reason"].str.contains("drawn at random").all()
    assert tests["p_value"].isna().all()


def test_windows_in_which_noise_fails_are_tested():
    exact = windowed(0, 30)
    still = checked_shifts(exact.assign(selected=exact["human"] + exact["selected"] % 2)[
        [c for c in exact.columns if not c.startswith("shift")]
    ])  # fmt: skip
    tests, _ = equivalence_tests(still)
    assert (tests["p_value"] < 0.01).all()
    assert tests["reason"].eq("").all()


def test_frames_drawn_to_labels_or_of_unknown_freedom_are_refused():
    tests, _ = equivalence_tests(table(noise(1), source="motion"))
    assert tests["reason"].str.contains("drawn towards the labels").all()
    tests, _ = equivalence_tests(table(noise(1), source="other"))
    assert tests["reason"].str.contains("not known for 100 of 100 clips").all()


def test_few_subjects_are_not_tested():
    tests, margins = equivalence_tests(table(noise(1), n_subjects=4))
    assert tests["reason"].str.contains("4 subjects").all()
    assert tests["estimate"].notna().all()
    assert margins.empty


def test_neither_names_nor_the_order_of_rows_has_a_part():
    wide = windowed(-3, 4, fps=60.0, n_subjects=8, n_clips=3)
    names = {f"s{i}": f"t{(5 * i) % 8}" for i in range(8)}
    other = wide.sample(frac=1, random_state=1).assign(subject=lambda t: t["subject"].map(names))
    for one, two in zip(
        equivalence_tests(wide), equivalence_tests(checked_shifts(other)), strict=True
    ):
        pd.testing.assert_frame_equal(one, two)


def test_at_the_margin_the_level_is_held():
    """Clustered normal values whose mean is exactly the margin: at most 5 % pass."""
    rng, passed, n_cohorts = np.random.default_rng(2), 0, 600
    sizes = np.repeat([1, 2, 4, 8], 6)
    subjects = np.repeat(np.arange(24), sizes)
    for _ in range(n_cohorts):
        y = 10 + 8 * rng.normal(size=24)[subjects] + 12 * rng.normal(size=len(subjects))
        data = clusters(y, subjects)
        found = weighted_mean(data.means, precisions(data, "subject"))
        passed += tost(found.estimate, found.variance**0.5, 1 / found.sum_squares, 10.0)[1] <= 0.05
    band = 3 * np.sqrt(0.05 * 0.95 / n_cohorts)
    assert 0.05 - band < passed / n_cohorts < 0.05 + band


def test_the_p_value_by_hand():
    assert tost(0.0, 1.0, 10.0, 2.0)[1] == pytest.approx(special.stdtr(10, -2.0))


def test_random_frames_inside_a_coded_interval_are_no_shift():
    """They pass if all of the window is in the interval, and fail where the label is a frame."""
    rows = pd.DataFrame({"subject": [f"s{i % 8}" for i in range(24)], "human": 50.0, "fps": 100.0,
                         "window_low": 20.0, "window_high": 80.0})  # fmt: skip
    wide = rows.assign(human_low=15.0, human_high=85.0)
    exact = rows.assign(human_low=np.nan, human_high=np.nan)
    # 0.5 ms: whole frames that are drawn from 61 hardly ever have a mean as near to the label
    assert _null_passes(wide, 0.5, 0.05, 0) == 1.0
    assert _null_passes(exact, 0.5, 0.05, 0) == 0.0
    late = rows.assign(human_low=50.0, human_high=60.0, window_low=50.0, window_high=100.0)
    assert _null_passes(late, 0.5, 0.05, 0) == 0.0
    assert _null_passes(late.assign(human_high=100.0), 0.5, 0.05, 0) == 1.0


def test_how_many_frames_are_drawn_at_a_time_makes_no_difference(monkeypatch):
    rows = windowed(-30, 30)
    whole, _ = equivalence_tests(rows)
    monkeypatch.setattr(equivalence, "_AT_ONCE", 1)
    single, _ = equivalence_tests(rows)
    pd.testing.assert_frame_equal(whole, single)
