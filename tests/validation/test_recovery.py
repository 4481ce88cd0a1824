"""Recovery: labels drawn anew, what is shared between them, judgements by hand, a small run."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mebias
from mebias import tables
from mebias.errors import OptionError
from mebias.quantification.flags import MISSED
from mebias.selection.nulls import nulls
from mebias.simulation.labels import Coder, relabeled
from mebias.validation import recordings, recovery_cells, validate_recovery
from mebias.validation import recovery_rows as judge
from mebias.validation.draws import Draws
from mebias.validation.missed import likeliest
from mebias.validation.recordings import labeled, nulls_of, record, shifts_of
from mebias.validation.recovery import corrects_table
from mebias.validation.recovery_cells import CELLS, PLANTED_MS
from mebias.validation.trajectories import blind_shifts

REPORTS = Path(__file__).parents[2] / "reports" / "validation"
SD = (12.0, 12.0, 22.0)


@pytest.fixture(scope="module")
def cohort():
    return mebias.simulate("4dme", seed=3, n_subjects=12, n_clips=30, size=(32, 32), amplitude=2.5)


@pytest.fixture(scope="module")
def filmed(cohort):
    clips = cohort.clips["clip"].tolist()[:6]
    few = cohort.clips[cohort.clips["clip"].isin(clips)]
    kept = cohort.keyframes["clip"].isin(clips)
    some = type(cohort)(**{**vars(cohort), "clips": few, "keyframes": cohort.keyframes[kept]})
    return record(some)


@pytest.mark.parametrize("trimmed", [False, True])
def test_what_is_done_once_is_what_each_labeling_would_have_got(filmed, trimmed):
    found = labeled(filmed, Coder("far", SD, gross=0.3), seed=5, trimmed=trimmed)
    rules = ["motion-blind", "gamdss"]
    selected = mebias.reselect(found.cohort, rules)
    own, by = shifts_of(found, ["gamdss"]), ["source", "clip", "keyframe"]
    expected = mebias.compare(found.cohort, selected)
    pd.testing.assert_frame_equal(
        own[expected.columns].sort_values(by, ignore_index=True),
        expected.sort_values(by, ignore_index=True),
    )
    alone = nulls(found.cohort, "gamdss", kinds=["unbiased"], n_draws=100)
    pd.testing.assert_frame_equal(nulls_of(found, "unbiased", SD), alone)
    leads = found.cohort.clips[["lead_frames", "tail_frames"]].to_numpy()
    assert (leads == 0).all() if trimmed else (leads > 0).all()


def away_ms(cohort):
    true = cohort.truth.set_index(["clip", "keyframe"])["frame"]
    rows = cohort.keyframes
    at = true.loc[pd.MultiIndex.from_frame(rows[["clip", "keyframe"]])].to_numpy()
    return rows.assign(away=(rows["frame"] - at) * 1000 / cohort.clips["fps"].iloc[0])


def test_other_coders_err_as_told_over_the_same_movement(cohort):
    exact = away_ms(relabeled(cohort, Coder("exact", (0.0, 0.0, 0.0))))
    assert exact["away"].abs().max() <= 500 / 60 + 1e-9
    late = Coder("late", (0.0, 0.0, 0.0), {"B": (0.0, 0.0, 50.0)})
    moved = away_ms(relabeled(cohort, late)).merge(cohort.clips[["clip", "ethnicity"]], on="clip")
    offset = moved[moved["keyframe"] == "offset"].groupby("ethnicity")["away"].mean()
    assert offset["B"] == pytest.approx(50, abs=6)
    assert offset["A"] == pytest.approx(0, abs=6)
    noisy = [relabeled(cohort, Coder("noisy", SD), seed=seed) for seed in (1, 1, 2)]
    frames = [one.keyframes["frame"].tolist() for one in noisy]
    assert frames[0] == frames[1] != frames[2]
    spread = np.concatenate(
        [away_ms(relabeled(cohort, Coder("x", SD), seed=s))["away"] for s in range(20)]
    )
    assert spread.std() == pytest.approx(math.sqrt((12**2 * 2 + 22**2) / 3 + 23), rel=0.1)
    wild = away_ms(relabeled(cohort, Coder("wild", (0.0, 0.0, 0.0), gross=0.5)))["away"].abs()
    assert 0.3 < (wild > 50).mean() < 0.65


def test_trimmed_cohorts_are_not_labeled_anew():
    cut = mebias.simulate("4dme", n_subjects=2, n_clips=2, size=(16, 16), trimmed=True)
    with pytest.raises(OptionError, match="untrimmed simulated cohorts alone"):
        relabeled(cut, Coder("exact", (0.0, 0.0, 0.0)))


def test_cohorts_are_different_subjects_with_one_draw_each():
    bank = pd.DataFrame(
        [(f"s{s}", float(d), c) for s in range(9) for d in range(3) for c in range(2)],
        columns=["subject", "draw", "clip"],
    )
    draws, rng = Draws(bank), np.random.default_rng(0)
    pairs = draws.pairs(rng, 5)
    rows = draws.rows(pairs)
    assert rows["subject"].nunique() == 5
    assert len(rows) == 10
    assert len(rows.drop_duplicates(["subject", "draw"])) == 5
    assert len(draws.pairs(rng, 50)) == 9
    assert {d for _ in range(20) for _, d in draws.pairs(rng, 9)} == {0.0, 1.0, 2.0}


def hits(found, proof, keyframe="all"):
    return [one.hit for one in found if one.proof == proof and one.keyframe == keyframe]


def test_contrasts_without_images_are_covered_and_a_wrong_one_is_not():
    planted = {"B": (PLANTED_MS,) * 3}
    shifts = blind_shifts(1, datasets=[f"d{i}" for i in range(15)], bias=planted)
    found, missed = [], []
    for _, own in shifts.groupby("dataset"):
        none = own.assign(human=own["human"] + 20 * (own["ethnicity"] == "B"))
        found += list(judge.contrast(judge.Drawn(own.reset_index(drop=True), pd.DataFrame())))
        other = tables.conform(none.drop(columns=["shift_ms", "shift_frames"]), "shifts")
        missed += list(judge.contrast(judge.Drawn(other, pd.DataFrame())))
    assert np.mean([one.hit for one in found]) > 0.85
    assert np.mean([one.value for one in found]) == pytest.approx(PLANTED_MS, abs=2)
    assert np.mean([one.hit for one in missed]) < 0.2


def estimates(values):
    """With standard errors of 1 and 20 degrees of freedom."""
    rows = [
        {"quantity": "mean_excess_unbiased", "source": "gamdss", "keyframe": k, "estimate": v,
         "std_error": 1.0, "df": 20.0, "conf_low": v - 2.09, "conf_high": v + 2.09}
        for k, v in zip(tables.KEYFRAMES, values, strict=True)
    ]  # fmt: skip
    return tables.from_rows(rows, "estimates")


def test_bias_is_claimed_where_an_interval_for_all_three_keyframes_leaves_0():
    proof, claim = "excess over unbiased is 0", '"biased" claimed'
    found = list(judge.of_excess(estimates([0.5, -2.3, 3.0]), "unbiased", proof))
    assert [hits(found, proof, k)[0] for k in tables.KEYFRAMES] == [1.0, 0.0, 0.0]
    assert hits(found, claim) == [1.0]
    # 2.3 errors are enough for one keyframe and not for three.
    one = list(judge.of_excess(estimates([0.5, -2.3, 0.0]), "unbiased", proof))
    assert hits(one, claim) == [0.0]
    nothing = list(judge.of_excess(estimates([math.nan] * 3), "unbiased", proof))
    assert math.isnan(hits(nothing, claim)[0])


def test_what_is_withheld_is_not_claimed():
    cut = estimates([9.0] * 3).assign(
        conf_low=math.nan, conf_high=math.nan, std_error=math.nan, df=math.nan,
        reason="can't be told: all 90 clips are cut at the human onset",
    )  # fmt: skip
    found = list(judge.of_excess(cut, "unbiased", "excess over unbiased is 0"))
    assert math.isnan(hits(found, "excess over unbiased is 0", "onset")[0])
    assert hits(found, '"biased" claimed') == [0.0]


@pytest.mark.parametrize(("share", "claimed"), [(1.0, 1.0), (0.2, 0.0)])
def test_a_rule_that_goes_to_the_posterior_seems_to_correct(share, claimed):
    blind = blind_shifts(2, sd=(30.0, 30.0, 60.0))
    nearer = np.round(blind["human"] + share * (blind["selected_mean"] - blind["human"]))
    rule = blind.drop(columns=["shift_frames", "shift_ms"]).assign(
        source="motion", selected=nearer, selected_mean=math.nan
    )
    both = tables.conform(pd.concat([blind, rule]).assign(true_gain_ms=0.0), "shifts")
    found = list(judge.corrects(judge.Drawn(both, pd.DataFrame())))
    assert {one.rule for one in found} == {"motion"}
    assert hits(found, '"corrects" claimed') == [claimed]
    assert hits(found, "gain above 0 (control)") == [1.0]


def test_flags_are_counted_against_the_true_errors():
    shifts = blind_shifts(3, sd=(8.0, 8.0, 8.0), icc=0.0)
    shifts = shifts.assign(true_error_ms=0.0)  # so that every flag is false
    early = shifts["clip"].isin(["c3", "c9"])
    columns = shifts.drop(columns=["shift_frames", "shift_ms"])
    far = tables.conform(columns.assign(human=shifts["human"] - 60 * early), "shifts")
    found = list(judge.flags(judge.Drawn(far, pd.DataFrame())))
    assert hits(found, "false share of flags") == [1.0]
    right = far.assign(true_error_ms=-300.0 * early)
    found = list(judge.flags(judge.Drawn(right, pd.DataFrame())))
    assert hits(found, "false share of flags") == [0.0]
    assert 0 < np.nanmean([one.hit for one in found if one.proof == "recall of flags"]) <= 1


@pytest.mark.parametrize(("hit", "met"), [(95, "yes"), (92, "yes"), (100, "yes"), (84, "no")])
def test_a_band_is_met_within_three_monte_carlo_errors(hit, met):
    proof = "group contrast covered"
    found = [judge.Found(proof, "r", "apex", float(i < hit)) for i in range(100)]
    (row,) = judge.summary(found, judge.BANDS)
    assert row["met"] == met
    exact = stats.binomtest(hit, 100).proportion_ci(0.95, "exact")
    assert (row["low"], row["high"]) == pytest.approx((exact.low, exact.high))
    assert row["n_told"] == 100


def test_cohorts_that_say_nothing_are_counted_and_not_judged():
    found = [judge.Found('"biased" claimed', "r", "all", math.nan)] * 5
    (row,) = judge.summary(found, judge.BANDS)
    assert (row["n_cohorts"], row["n_told"], row["met"]) == (5, 0, "")
    assert math.isnan(row["value"])


def test_the_share_of_posteriors_that_missed_is_found_again():
    rng = np.random.default_rng(4)
    wide = rng.choice([25.0, 400.0], 6000)
    errors = np.sqrt(wide) * rng.standard_normal(6000)
    errors += (rng.random(6000) < 0.15) * rng.normal(0, 70, 6000)
    assert likeliest(errors, wide) == pytest.approx((0.15, 70.0), rel=0.15)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cells")
    options = {"n_cohorts": 5, "n_clips": 40, "cells": CELLS[2:3], "seed": 7, "folder": folder}
    return validate_recovery(**options), options


def value(table, **where):
    for column, wanted in where.items():
        table = table[table[column] == wanted]
    assert len(table) == 1
    return table.iloc[0]


def test_a_small_run_says_what_the_large_one_says(small):
    table, _ = small
    assert (table["value"].dropna() >= 0).all()
    assert table["dataset"].str.startswith("SIMULATED").all()
    images = table[table["level"] == "images"]
    uncut = images[images["frames"] == "uncut"]
    naive = value(uncut, proof="mean shift differs from 0 (control)", labels="unbiased",
                  keyframe="all")  # fmt: skip
    claimed = value(uncut, proof='"biased" claimed', keyframe="all")
    assert naive["value"] > 0.6
    assert claimed["value"] < naive["value"]
    for keyframe in tables.KEYFRAMES:
        found = value(uncut, proof="group contrast covered", keyframe=keyframe)
        assert found["estimate_ms"] == pytest.approx(PLANTED_MS, abs=40)
    cut = images[images["frames"] == "cut"]
    contrast = cut[(cut["proof"] == "group contrast covered") & (cut["keyframe"] != "apex")]
    assert (contrast["n_told"] == 0).all()
    for null in ("accurate", "unbiased"):
        assert (cut.loc[cut["proof"] == f"excess over {null} is 0", "n_told"] == 0).all()
    withheld = value(cut, proof='"biased" claimed')
    assert (withheld["value"], withheld["n_told"]) == (0.0, 5)
    assert value(cut, proof="flags of a cohort")["value"] == 0.0
    quick = table[(table["level"] == "trajectories") & (table["labels"] == "planted")]
    assert (quick["n_cohorts"] == 20).all()
    assert quick["estimate_ms"].to_numpy() == pytest.approx(PLANTED_MS, abs=3)


def test_what_was_filmed_is_not_filmed_again(small, monkeypatch):
    table, options = small

    def refuse(*_args, **_kwargs):
        raise AssertionError("filmed again")

    monkeypatch.setattr(recovery_cells, "record", refuse)
    again = validate_recovery(**options)
    pd.testing.assert_frame_equal(again, table)
    with pytest.raises(AssertionError, match="filmed again"):
        validate_recovery(**{**options, "seed": 8})


def test_false_corrections_stand_per_rate_amplitude_and_rule(small):
    found = corrects_table(small[0])
    assert found.columns.tolist() == [
        "fps", "amplitude", "rule", "distance", "claim", "n_cohorts", "share_false", "low", "high"
    ]  # fmt: skip
    rules = ["gamdss", "gamdss-released", "gamdss-symmetric"]
    by_claim = found.groupby("claim")["rule"].agg(list)
    assert by_claim.to_dict() == {"correction": [*rules, "motion"], "one group more": rules}
    assert set(found["distance"]) == {"signed"}
    assert (found["share_false"] == 0).all()
    exact = stats.binomtest(0, 5).proportion_ci(0.95, "exact")
    assert found["high"].to_numpy() == pytest.approx(exact.high)


def test_too_little_is_refused():
    with pytest.raises(OptionError, match="n_cohorts is 1; expected 2 or more"):
        validate_recovery(n_cohorts=1)
    with pytest.raises(OptionError, match="n_clips is 8; expected 40 or more"):
        validate_recovery(n_clips=8)


def test_the_committed_tables_belong_together():
    recovery = pd.read_csv(REPORTS / "recovery.csv", keep_default_na=False, na_values=[""])
    corrects = pd.read_csv(REPORTS / "corrects.csv")
    about = ["version", "date", "seed"]
    assert corrects.columns[-3:].tolist() == recovery.columns[-3:].tolist() == about
    made = corrects_table(recovery)
    kept = corrects[made.columns].astype(made.dtypes)  # shares of 0 alone are read as integers
    pd.testing.assert_frame_equal(kept, made, rtol=1e-3, atol=1e-4)
    assert {"yes", "no"} >= set(recovery["met"].dropna())
    assert set(MISSED) == set(tables.KEYFRAMES)


def test_frames_are_read_once(cohort, monkeypatch):
    """A clip of which the same frames are looked at is not located anew."""
    few = record(relabeled(mebias.simulate("4dme", n_subjects=2, n_clips=2, size=(32, 32)),
                           Coder("exact", (0.0, 0.0, 0.0))))  # fmt: skip
    monkeypatch.setattr(recordings, "_trace", None)
    again = labeled(few, Coder("near", (3.0, 3.0, 3.0)))
    assert again.traces == few.traces
