"""Medians, trimmed means and quantiles of shifts: cells, contents, bounds, bytes."""

import time

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mebias
from mebias import tables
from mebias.quantification.checks import checked_shifts
from mebias.quantification.estimates import estimates_table
from mebias.quantification.robust import clustered_quantiles, robust_estimates

CELL = ["dataset", "source", "distance", "stratum", "ethnicity", "keyframe"]


@pytest.fixture(scope="module")
def shifts():
    return checked_shifts(mebias.example())


@pytest.fixture(scope="module")
def found(shifts):
    return robust_estimates(shifts, n_draws=499)


def random_shifts(seed=0, n_subjects=29, n_clips=159):
    rng = np.random.default_rng(seed)
    sizes = 1 + rng.multinomial(n_clips - n_subjects, rng.dirichlet(np.full(n_subjects, 1.5)))
    subject = np.repeat(np.arange(n_subjects), sizes)
    rows = []
    for k, keyframe in enumerate(tables.KEYFRAMES):
        moved = np.rint(2 * (rng.normal(size=n_subjects)[subject] + rng.normal(size=n_clips)))
        rows.append(
            pd.DataFrame(
                {
                    "clip": [f"s{s}/{i}" for i, s in enumerate(subject)],
                    "subject": [f"s{s}" for s in subject],
                    "ethnicity": np.array(["A", "A", "B", "C"])[subject % 4],
                    "expression_type": np.where(subject % 2, "micro", "macro"),
                    "keyframe": keyframe,
                    "fps": 200.0,
                    "human": 100.0 * (k + 1),
                    "selected": 100.0 * (k + 1) + moved,
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def test_the_cells_are_those_of_the_other_estimates(shifts):
    for table in (shifts, checked_shifts(random_shifts())):
        ours = robust_estimates(table, n_draws=99).drop_duplicates(CELL)
        theirs = estimates_table(table).drop_duplicates(CELL)
        assert list(ours[CELL].itertuples(index=False)) == list(
            theirs[CELL].itertuples(index=False)
        )
        counts = ["n_clips", "n_subjects"]
        assert ours[counts].to_numpy().tolist() == theirs[counts].to_numpy().tolist()


def test_numbers_are_the_plain_ones(shifts, found):
    for row in found.itertuples():
        own = shifts[shifts["keyframe"] == row.keyframe]
        if row.ethnicity != tables.ALL:
            own = own[own["ethnicity"] == row.ethnicity]
        y = own[f"shift_{row.unit}"].to_numpy()
        plain = np.median(y) if row.quantity == "median_shift" else stats.trim_mean(y, 0.2)
        assert row.estimate == pytest.approx(plain, abs=1e-12)
    assert set(found["quantity"]) == {"median_shift", "trimmed_mean_shift"}
    assert set(found["unit"]) == {"ms", "frames"}
    assert set(found["weighting"]) == {"clip"}


def test_every_row_has_an_interval_or_a_reason_and_says_how(found):
    bounds = found[["conf_low", "conf_high"]].notna().all(axis=1)
    assert (bounds | (found["reason"] != "")).all()
    inside = found[bounds]
    assert (
        (inside["conf_low"] <= inside["estimate"]) & (inside["estimate"] <= inside["conf_high"])
    ).all()
    assert (found["method"].str.contains("mid-rank BCa")).all()
    few = found[found["n_subjects"] < 8]
    assert (few["reason"] == "fewer than 8 subjects").all()
    assert few["conf_low"].isna().all()


def test_ms_are_frames_in_ms_at_one_frame_rate():
    table = robust_estimates(checked_shifts(random_shifts()), n_draws=199)
    wide = table.set_index([*CELL, "quantity", "unit"])[["estimate", "conf_low", "conf_high"]]
    ms, frames = wide.xs("ms", level="unit"), wide.xs("frames", level="unit")
    assert ms.to_numpy() == pytest.approx(5 * frames.to_numpy(), nan_ok=True)


def test_same_bytes_in_any_order_under_any_names():
    plain = random_shifts()
    other = plain.sample(frac=1, random_state=3)
    names = {s: f"x{hash(s) % 997}{s}" for s in plain["subject"].unique()}
    other["subject"] = other["subject"].map(names)
    first = robust_estimates(checked_shifts(plain), n_draws=99)
    second = robust_estimates(checked_shifts(other), n_draws=99)
    assert second.to_csv() == first.to_csv()
    assert robust_estimates(checked_shifts(plain), n_draws=99, seed=1).to_csv() != first.to_csv()


def test_strata_on_request(shifts):
    table = checked_shifts(random_shifts())
    assert set(robust_estimates(table, n_draws=99)["stratum"]) == {"all", "micro", "macro"}
    assert set(robust_estimates(table, strata=False, n_draws=99)["stratum"]) == {"all"}


def test_wild_clips_carry_the_mean_away_and_not_these():
    plain = random_shifts()
    wild = plain.copy()
    far = wild.index[wild["keyframe"] == "offset"][::40]
    wild.loc[far, "selected"] += 3455
    found = [
        robust_estimates(checked_shifts(t), n_draws=199)
        .query("keyframe == 'offset' and ethnicity == 'all' and unit == 'frames'")
        .query("stratum == 'all'")
        for t in (plain, wild)
    ]
    moved = (found[1]["estimate"].to_numpy() - found[0]["estimate"].to_numpy()).tolist()
    assert moved == pytest.approx([0, 0], abs=0.5)
    width = found[1]["conf_high"] - found[1]["conf_low"]
    assert (width < 8).all()


def test_a_table_without_usable_rows_is_empty(shifts):
    none = robust_estimates(shifts.assign(selected_status="failed"))
    assert none.empty
    assert list(none.columns) == list(tables.SCHEMAS["estimates"])


def test_clustered_quantiles():
    rng = np.random.default_rng(0)
    y, s = rng.normal(size=300), np.repeat(np.arange(30), 10)
    probs = [0.05, 0.5, 0.95]
    found = clustered_quantiles(y, s, probs, n_draws=499)
    assert [f.estimate for f in found] == pytest.approx(np.quantile(y, probs))
    assert all(f.conf_low < f.estimate < f.conf_high for f in found)
    wider = clustered_quantiles(y, s, probs, n_draws=499, conf_level=0.99)
    assert all(w.conf_low <= f.conf_low for w, f in zip(wider, found, strict=True))
    assert wider[1].conf_low < found[1].conf_low
    swapped = clustered_quantiles(-y, s, probs, n_draws=499)
    assert [-f.conf_high for f in swapped[::-1]] == pytest.approx([f.conf_low for f in found])
    with pytest.raises(ValueError, match="from 0 to 1"):
        clustered_quantiles(y, s, [5, 95])


def test_quick_enough_to_stand_in_every_run():
    """159 clips, three groups, three keyframes; far above the usual 0.03 s, below seconds."""
    table = checked_shifts(random_shifts().drop(columns="expression_type"))
    robust_estimates(table)
    start = time.process_time()
    robust_estimates(table)
    assert time.process_time() - start < 0.3
