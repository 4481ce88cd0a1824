"""Missing keyframes: shares, tests, and bounds against brute force."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from mebias.quantification.checks import checked_shifts
from mebias.quantification.comparison import Comparison, Options, Sample, compare_sides
from mebias.quantification.contrasts import contrast_tables
from mebias.quantification.missing import complete_clips, missing_bounds, missingness
from mebias.quantification.shares import share_interval

HUMAN = {"onset": 100, "apex": 160, "offset": 220}


def shifts(groups, lacks=None, seed=0, n_clips=4, window=None):
    """`lacks(group, rng)` says whether an offset is missing; windows are human + (low, high)."""
    rng = np.random.default_rng(seed)
    names = [g for g, n in groups.items() for _ in range(n)]
    rows = []
    for s, group in enumerate(names):
        own = rng.normal(0, 1)
        for i in range(n_clips):
            for k, human in HUMAN.items():
                low, high = window or (-6, 6)
                move = int(np.clip(round(own + rng.normal(0, 2)), low, high))
                gone = k == "offset" and lacks is not None and lacks(group, rng)
                rows.append({"dataset": "d", "clip": f"c{s}-{i}", "subject": f"s{s}",
                             "ethnicity": group, "keyframe": k, "fps": 100.0, "human": human,
                             "selected": np.nan if gone else human + move,
                             "selected_status": "failed" if gone else "selected",
                             **({"window_low": human + low, "window_high": human + high}
                                if window else {})})  # fmt: skip
    return checked_shifts(pd.DataFrame(rows))


def run(table, **options):
    return missingness(table, n_permutations=199, **options)


def test_shares_of_missing_keyframes_by_group():
    table = shifts({"A": 12, "B": 10}, lambda g, rng: rng.random() < (0.1 if g == "A" else 0.5))
    _, estimates = run(table)
    assert (estimates["quantity"] == "share_missing").all()
    assert estimates.groupby("ethnicity").size().to_dict() == {"A": 3, "B": 3, "all": 3}
    offset = estimates[estimates["keyframe"] == "offset"].set_index("ethnicity")
    own = table[(table["keyframe"] == "offset") & (table["ethnicity"] == "B")]
    expected = share_interval(own["selected"].isna().to_numpy(), own["subject"].to_numpy())
    assert offset.loc["B", "estimate"] == own["selected"].isna().mean()
    assert offset.loc["B", "conf_high"] == expected.conf_high
    onset = estimates[(estimates["keyframe"] == "onset") & (estimates["ethnicity"] == "all")]
    assert onset["estimate"].item() == 0
    assert onset["conf_high"].item() > 0


def test_a_group_that_lacks_more_is_found():
    table = shifts({"A": 14, "B": 12}, lambda g, rng: rng.random() < (0.05 if g == "A" else 0.6))
    tests, _ = run(table)
    offset = tests.set_index("keyframe").loc["offset"]
    assert offset["p_adjusted"] < 0.05
    assert offset["estimate"] < -0.3
    assert offset["unit"] == "share"
    assert tests["family_size"].tolist() == [3, 3, 3]
    assert tests.set_index("keyframe").loc["onset", "reason"] == "no onset is missing"
    assert np.isnan(tests.set_index("keyframe").loc["onset", "p_value"])


def test_a_group_that_lacks_nothing_is_still_compared():
    table = shifts({"A": 14, "B": 12}, lambda g, rng: g == "B" and rng.random() < 0.6)
    offset = run(table)[0].set_index("keyframe").loc["offset"]
    assert offset["p_value"] < 0.05
    assert offset["reason"] == ""
    assert offset["conf_low"] < offset["estimate"] < offset["conf_high"] < 0


def test_rows_that_are_not_there_are_missing_too():
    table = shifts({"A": 12, "B": 10}, lambda g, rng: rng.random() < 0.3)
    without = checked_shifts(table[table["selected"].notna()])
    for one, other in zip(run(table), run(without), strict=True):
        pd.testing.assert_frame_equal(one, other)
    pd.testing.assert_frame_equal(missing_bounds(table), missing_bounds(without))


def test_three_groups_add_their_equality():
    tests, _ = run(shifts({"A": 9, "B": 8, "C": 6}, lambda g, rng: rng.random() < 0.3))
    assert tests["ethnicity"].unique().tolist() == ["A vs others", "A, B, C"]
    assert tests["family_size"].unique().tolist() == [6]


def test_small_sides_are_not_tested():
    tests, _ = run(shifts({"A": 9, "B": 3}, lambda g, rng: rng.random() < 0.3))
    offset = tests.set_index("keyframe").loc["offset"]
    assert offset["reason"] == "B: 3 subjects, 5 needed"
    assert np.isnan(offset["p_value"])
    assert np.isfinite(offset["estimate"])


def test_clips_are_complete_or_left_out():
    table = shifts({"A": 9, "B": 8}, lambda g, rng: rng.random() < 0.3)
    gone = set(table.loc[table["selected"].isna(), "clip"])
    whole = complete_clips(table)
    assert set(whole["clip"]) == set(table["clip"]) - gone
    assert (whole.groupby("clip").size() == 3).all()


def test_with_nothing_missing_both_bounds_are_the_contrast():
    table = shifts({"A": 9, "B": 8})
    bounds = missing_bounds(table)
    _, contrasts = contrast_tables(table, n_permutations=99)
    for quantity in bounds["quantity"].unique():
        own = bounds[bounds["quantity"] == quantity]
        for column in ("estimate", "std_error", "df", "conf_low", "conf_high"):
            np.testing.assert_allclose(own[column], contrasts[column])
    assert set(bounds["quantity"]) == {
        "mean_shift_difference_lowest", "mean_shift_difference_highest",
    }  # fmt: skip


@pytest.mark.parametrize("window", [None, (-2, 8)])
def test_no_replacement_lies_outside_of_the_bounds(window):
    few = shifts({"A": 4, "B": 3}, n_clips=3, window=window)
    offsets = few.index[few["keyframe"] == "offset"]
    lost = offsets[[0, 4, 8, 13, 17]]
    table = few.assign(
        selected=few["selected"].mask(few.index.isin(lost)),
        shift_frames=few["shift_frames"].mask(few.index.isin(lost)),
        shift_ms=few["shift_ms"].mask(few.index.isin(lost)),
    )
    bounds = missing_bounds(table)
    own = bounds[(bounds["keyframe"] == "offset")].set_index(["quantity", "weighting"])
    seen = table.loc[offsets, "shift_ms"]
    low, high = (-20.0, 80.0) if window else (seen.min(), seen.max())
    found = []
    for choice in product((low, high), repeat=len(lost)):
        values = seen.copy()
        values[lost] = choice
        by_side = table.loc[offsets].assign(v=values).groupby("ethnicity")["v"].mean()
        found.append(by_side["A"] - by_side["B"])
    low, high = (f"mean_shift_difference_{end}" for end in ("lowest", "highest"))
    assert own.loc[(low, "clip"), "estimate"] == pytest.approx(min(found))
    assert own.loc[(high, "clip"), "estimate"] == pytest.approx(max(found))
    for weighting in ("subject", "subject-mean"):
        assert own.loc[(low, weighting), "estimate"] < own.loc[(high, weighting), "estimate"]
    assert own["method"].str.contains("5 of 21 shifts missing").all()


def test_bounds_need_two_subjects_with_something():
    table = shifts({"A": 6, "B": 4}, lambda g, rng: g == "B")
    own = missing_bounds(table)
    own = own[own["keyframe"] == "offset"]
    assert own["estimate"].isna().all()
    assert own["reason"].str.contains("fewer than 2 subjects").all()


def test_neither_names_nor_the_order_of_rows_has_a_part():
    table = shifts({"A": 9, "B": 8}, lambda g, rng: rng.random() < 0.3)
    names = {f"s{i}": f"t{(5 * i) % 17}" for i in range(17)}
    other = checked_shifts(
        table.sample(frac=1, random_state=3).assign(subject=lambda t: t["subject"].map(names))
    )
    for one, two in zip(run(table), run(other), strict=True):
        pd.testing.assert_frame_equal(one, two)
    pd.testing.assert_frame_equal(missing_bounds(table), missing_bounds(other))


def test_the_level_is_held_where_subjects_differ_in_what_they_lack():
    """Shares that vary between subjects (ICC about 0.3), 20 against 12 subjects."""
    rng, n_cohorts, p, naive = np.random.default_rng(0), 250, [], []
    comparison = Comparison("offset", "A vs others", "h", (("A",), ("B",)))
    options = Options(5, 0.95, 0, 199, float("nan"))
    subjects = np.repeat(np.arange(32), rng.integers(2, 9, 32))
    for _ in range(n_cohorts):
        share = rng.beta(0.7, 1.6, 32)
        side = (rng.permutation(32) < 12).astype(int)
        values = (rng.random(len(subjects)) < share[subjects]).astype(float)
        sample = Sample(values, subjects.astype(str).astype(object), side[subjects])
        p.append(
            compare_sides(sample, comparison, options, "share", constant_side=True)[0]["p_value"]
        )
        rows = Sample(values, np.arange(len(values)).astype(str).astype(object), side[subjects])
        naive.append(compare_sides(rows, comparison, options, "share", True)[0]["p_cr2"])
    band = 3 * np.sqrt(0.05 * 0.95 / n_cohorts)
    assert np.isfinite(p).all()
    assert 0.01 < np.mean(np.array(p) <= 0.05) < 0.05 + band
    assert np.mean(np.array(naive) <= 0.05) > 0.1  # the failing control: clips as the units
