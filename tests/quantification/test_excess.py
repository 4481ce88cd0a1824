"""Excess over the nulls: by hand, with an estimated spread, and where there is no null."""

import math

import numpy as np
import pandas as pd
import pytest

import mebias
from mebias import tables
from mebias.errors import TableError
from mebias.quantification.checks import checked_shifts
from mebias.quantification.excess import excess_estimates
from mebias.quantification.means import mean_interval
from mebias.selection.null_clips import UNDETECTABLE
from mebias.selection.nulls import nulls

SLOPES = [f"slope_{keyframe}" for keyframe in tables.KEYFRAMES]


def made(n_clips=40, n_subjects=10, seed=0, dataset="d", mean=0.5, **columns):
    """A shifts and a nulls table of one keyframe, for both nulls that are simulated."""
    rng = np.random.default_rng(seed)
    clips = [f"c{i:02d}" for i in range(n_clips)]
    shifts = pd.DataFrame({
        "dataset": dataset, "clip": clips, "keyframe": "offset", "source": "gamdss",
        "subject": [f"s{i % n_subjects}" for i in range(n_clips)], "distance": "signed",
        "ethnicity": ["A" if i % n_subjects < 6 else "B" for i in range(n_clips)],
        "human": 100, "selected": 100 + rng.integers(-3, 4, n_clips), "fps": 200.0,
    })  # fmt: skip
    one = shifts[["dataset", "clip", "keyframe", "source", "distance", "human"]]
    one = one.assign(mean=mean, **columns)
    table = pd.concat([one.assign(null="accurate"), one.assign(null="unbiased")])
    return checked_shifts(shifts), table.reset_index(drop=True)


def row(found, quantity, **where):
    for column, value in ({"ethnicity": "all"} | where).items():
        found = found[found[column] == value]
    return found[found["quantity"] == quantity].iloc[0]


def test_the_excess_is_the_clustered_mean_of_shift_minus_null():
    shifts, table = made(mean=np.linspace(-1, 1, 40))
    found = excess_estimates(shifts, table)
    difference = 5.0 * (shifts["shift_frames"] - np.linspace(-1, 1, 40)).to_numpy()
    for group in ("all", "A", "B"):
        own = shifts["ethnicity"].eq(group).to_numpy() | (group == "all")
        expected = mean_interval(difference[own], shifts["subject"].to_numpy()[own], "subject")
        for null in ("accurate", "unbiased"):
            one = row(found, f"mean_excess_{null}", ethnicity=group)
            for column in ("estimate", "conf_low", "conf_high", "df"):
                assert one[column] == pytest.approx(getattr(expected, column))
            assert one["n_clips"] == own.sum()
    assert row(found, "accurate_null_mean")["estimate"] == pytest.approx(0, abs=1e-9)
    assert "annotation noise or bias" in row(found, "mean_excess_accurate")["method"]
    unbiased = row(found, "mean_excess_unbiased")["method"]
    assert unbiased.endswith("with errors of mean 0: bias")
    assert "taken as known" in unbiased


def test_only_clips_with_both_count_and_order_makes_no_difference():
    shifts, table = made()
    table.loc[table["clip"].isin(["c00", "c01"]), ["mean", "reason"]] = [np.nan, UNDETECTABLE]
    table = table[table["clip"] != "c02"]
    found = excess_estimates(shifts, table)
    assert row(found, "mean_excess_accurate")["n_clips"] == 37
    share = row(found, "share_undetectable")
    assert share["estimate"] == pytest.approx(2 / 39)
    assert share["conf_low"] < 2 / 39 < share["conf_high"]
    again = excess_estimates(shifts.iloc[::-1], table.sample(frac=1, random_state=1))
    by = ["ethnicity", "quantity"]
    pd.testing.assert_frame_equal(
        found.sort_values(by, ignore_index=True), again.sort_values(by, ignore_index=True)
    )


def test_the_error_of_the_spread_is_added_to_the_variance():
    error, slopes = 3.0, dict(zip(SLOPES, (0.0, 0.02, -0.1), strict=True))
    shifts, table = made(coder_sd=22.0, coder_sd_error=error, **slopes)
    one = row(excess_estimates(shifts, table), "mean_excess_unbiased")
    known = row(excess_estimates(*made()), "mean_excess_unbiased")
    # Of the three keyframes the table has one, so that one error is known.
    added = (error * -0.1 * 5.0) ** 2
    assert one["std_error"] == pytest.approx(math.sqrt(known["std_error"] ** 2 + added))
    assert one["estimate"] == known["estimate"]
    assert one["df"] > known["df"]
    assert "delta method" in one["method"]
    accurate = row(excess_estimates(shifts, table), "mean_excess_accurate")
    assert accurate["std_error"] == known["std_error"]


def test_intervals_hold_0_when_the_spread_is_estimated():
    """The null's mean moves with the estimated spread; leaving that out covers too little."""
    rng, slope, error = np.random.default_rng(5), -0.15, 3.0
    everything, known, carried = [], [], []
    for i in range(200):
        shifts, table = made(30, 8, seed=100 + i, dataset=f"d{i:03d}")
        everything.append(shifts.assign(ethnicity=tables.ALL))
        table = table[table["null"] == "unbiased"].assign(mean=slope * rng.normal(0, error))
        known.append(table)
        carried.append(table.assign(coder_sd_error=error, slope_offset=slope))
    shifts = pd.concat(everything, ignore_index=True)
    covered = {}
    for name, parts in (("known", known), ("carried", carried)):
        found = excess_estimates(shifts, pd.concat(parts, ignore_index=True))
        own = found[found["quantity"] == "mean_excess_unbiased"]
        covered[name] = ((own["conf_low"] <= 0) & (own["conf_high"] >= 0)).mean()
    assert 0.91 <= covered["carried"] <= 0.99
    assert covered["known"] < 0.9


def test_without_any_null_there_is_a_reason():
    shifts, table = made(mean=np.nan, reason="no frames on disk")
    found = excess_estimates(shifts, table)
    one = row(found, "mean_excess_unbiased")
    assert math.isnan(one["estimate"])
    assert one["reason"] == "no clip has this null: no frames on disk"
    share = row(found, "share_undetectable")
    assert math.isnan(share["estimate"]) and share["reason"] == "no clip"


def test_where_clips_are_cut_at_the_label_the_word_bias_is_withheld():
    """Trap 12: one side of the label is not on disk, and noise alone looks one-sided."""
    shifts, table = made()
    cut = shifts.assign(lead_frames=5.0, tail_frames=0.0)
    found = excess_estimates(cut, table)
    for null in ("accurate", "unbiased"):
        one = row(found, f"mean_excess_{null}")
        bare = row(excess_estimates(shifts, table), f"mean_excess_{null}")
        assert one["estimate"] == bare["estimate"]
        assert math.isnan(one["conf_low"]) and math.isnan(one["std_error"])
        assert one["reason"] == (
            "can't be told: all 40 clips are cut at the human offset, so that a later offset "
            "cannot be seen"
        )
        assert one["method"].endswith("cut at their labels: annotation noise or bias")
    onsets = cut.assign(keyframe="onset")
    there = row(excess_estimates(onsets, table.assign(keyframe="onset")), "mean_excess_unbiased")
    assert math.isfinite(there["conf_low"]) and there["method"].endswith("mean 0: bias")
    apexes = cut.assign(keyframe="apex")
    apex = row(excess_estimates(apexes, table.assign(keyframe="apex")), "mean_excess_unbiased")
    assert "cut at the human onset or offset" in apex["reason"]


def test_clips_that_are_not_cut_make_the_excess():
    shifts, table = made()
    first = shifts["clip"] < "c25"
    some = excess_estimates(shifts.assign(tail_frames=np.where(first, 0.0, 5.0)), table)
    rest = excess_estimates(shifts[~first], table[table["clip"] >= "c25"])
    for quantity in ("mean_excess_unbiased", "accurate_null_mean"):
        one, other = row(some, quantity), row(rest, quantity)
        assert one["n_clips"] == other["n_clips"] == 15
        assert one["estimate"] == pytest.approx(other["estimate"])
        assert one["conf_low"] == pytest.approx(other["conf_low"], nan_ok=True)
    assert "bias" in row(some, "mean_excess_unbiased")["method"]


def test_nulls_of_other_labels_or_twice_are_refused():
    shifts, table = made()
    with pytest.raises(TableError, match="made for other labels: the offset of clip c00 is frame"):
        excess_estimates(shifts, table.assign(human=99))
    with pytest.raises(TableError, match="holds the null accurate of the offset of clip c00"):
        excess_estimates(shifts, pd.concat([table, table]))


def test_planted_bias_is_found():
    """Labels that are late leave the rule more to bring forward than noise does."""
    cohort = mebias.simulate(
        "4dme", seed=23, n_subjects=15, n_clips=45, fps=100, size=(48, 48), amplitude=2.5,
        plant={group: (0.0, 0.0, 40.0) for group in "ABC"},
    )  # fmt: skip
    rule = "gamdss:0.2"
    shifts = checked_shifts(mebias.compare(cohort, mebias.reselect(cohort, rule)))
    found = excess_estimates(shifts, nulls(cohort, rule, kinds=["unbiased"]))
    excess = {k: row(found, "mean_excess_unbiased", keyframe=k) for k in tables.KEYFRAMES}
    assert excess["offset"]["conf_high"] < 0
    assert excess["onset"]["conf_low"] < 0 < excess["onset"]["conf_high"]
    # What the rule does to labels that are right on average is no bias, and not little.
    assert row(found, "unbiased_null_mean", keyframe="offset")["conf_high"] < -5
