"""Adjusted contrasts: what they adjust for, what they refuse, their level."""

import numpy as np
import pandas as pd
import pytest

import mebias
from mebias.errors import OptionError
from mebias.quantification import cr2
from mebias.quantification.checks import checked_shifts
from mebias.quantification.covariates import adjusted_contrasts, pooled_levels, region


def shifts(groups, seed=0, offset_error=0.0, emotion=None, **columns):
    """Rows of two emotions; `emotion(group, rng)` draws one. Shifts of sad clips are 4 later.

    `offset_error` is the error (frames) of the human offsets of group A, selected ones being
    exact but for noise.
    """
    rng = np.random.default_rng(seed)
    rows = []
    names = [g for g, n in groups.items() for _ in range(n)]
    for s, group in enumerate(names):
        own = rng.normal(0, 1)
        for i in range(int(rng.integers(3, 9))):
            feels = emotion(group, rng) if emotion else str(rng.choice(["sad", "happy"]))
            aus = "4+7" if rng.random() < 0.5 else "12"
            rise, fall = int(rng.integers(8, 20)), int(rng.integers(10, 20))
            truth = {"onset": 100, "apex": 100 + rise, "offset": 100 + rise + fall}
            late = round(own + rng.normal(0, 2) + offset_error * (group == "A"))
            human = truth | {"offset": max(truth["offset"] + late, truth["apex"])}
            for k in truth:
                move = round(own + rng.normal(0, 2) + 4 * (feels == "sad"))
                rows.append({"dataset": "d", "clip": f"c{s}-{i}", "subject": f"s{s}",
                             "ethnicity": group, "emotion": feels, "keyframe": k, "fps": 100.0,
                             "human": human[k], "rise_frames": rise,
                             "fall_frames": human["offset"] - human["apex"],
                             "selected": (truth if offset_error else human)[k] + move,
                             "aus": aus})  # fmt: skip
    return checked_shifts(pd.DataFrame(rows).assign(**columns))


def test_an_emotion_that_goes_with_the_group_is_taken_out():
    def mostly(group, rng):
        return "sad" if rng.random() < (0.9 if group == "A" else 0.1) else "happy"

    table = shifts({"A": 20, "B": 18}, emotion=mostly)
    tests, estimates = adjusted_contrasts(table)
    assert (tests["conf_low"] < 0).all()
    assert (tests["conf_high"] > 0).all()
    assert (estimates["quantity"] == "adjusted_difference").all()
    bare, _ = adjusted_contrasts(table.assign(emotion=""))
    assert (bare["p_value"] < 0.01).all()
    assert bare["method"].str.contains("emotion: a single level").all()


def test_the_estimate_is_that_of_least_squares_written_out():
    table = shifts({"A": 9, "B": 8}, seed=3)
    tests, estimates = adjusted_contrasts(table, phase="without")
    own = table[table["keyframe"] == "onset"]
    x = np.column_stack([
        np.ones(len(own)), own["ethnicity"] == "A", own["emotion"] == "sad",
        own["aus"] == "12", np.log(10.0 * (own["fall_frames"] + 1)),
    ]).astype(float)  # fmt: skip
    fitted = cr2.fit(x, own["shift_ms"].to_numpy(), own["subject"].to_numpy())
    found = cr2.contrast(fitted, np.array([0, 1, 0, 0, 0]))
    row = tests.iloc[0]
    assert row["estimate"] == pytest.approx(found.estimate)
    assert row["p_value"] == pytest.approx(found.p_value)
    assert row["df"] == pytest.approx(found.df)
    assert estimates.loc[0, "std_error"] == pytest.approx(found.std_error)
    assert row["hypothesis"].endswith(
        "emotion and region of the action units and log phase being equal"
    )


def test_the_family_is_fixed_by_the_groups_there_are():
    tests, estimates = adjusted_contrasts(shifts({"A": 9, "B": 7, "C": 6}))
    assert tests["family"].unique().tolist() == ["adjusted"]
    assert tests["family_size"].tolist() == [6] * 6
    assert tests["ethnicity"].unique().tolist() == ["A vs others", "A, B, C"]
    assert len(estimates) == 3
    assert tests["method"].str.startswith("secondary").all()
    assert (tests["p_adjusted"] >= tests["p_value"]).all()


def test_a_phase_that_contains_the_label_would_contain_the_outcome():
    """Trap 16: human offsets of A 6 frames late (60 ms); the shift is selected - human."""
    found, contaminated = [], []
    for seed in range(5):
        table = shifts({"A": 20, "B": 18}, seed=seed, offset_error=6.0)
        tests, _ = adjusted_contrasts(table, phase="without")
        found.append(tests.set_index("keyframe").loc["offset", "estimate"])
        wrong, _ = adjusted_contrasts(table.assign(rise_frames=table["fall_frames"]))
        contaminated.append(wrong.set_index("keyframe").loc["offset", "estimate"])
    assert np.mean(found) == pytest.approx(-60, abs=8)
    assert np.mean(contaminated) > -45


def test_the_phase_of_the_blind_posterior():
    main = shifts({"A": 9, "B": 8}, source="gamdss", distance="signed")
    blind = main.assign(source="motion-blind", distance="")
    both = checked_shifts(pd.concat([main, blind]))
    tests, _ = adjusted_contrasts(both, phase="blind")
    assert tests["hypothesis"].str.contains("log phase").all()
    other, _ = adjusted_contrasts(both, phase="without")
    assert (tests["estimate"] != other["estimate"]).all()
    with pytest.raises(OptionError, match="no rows of motion-blind"):
        adjusted_contrasts(main, phase="blind")
    with pytest.raises(OptionError, match="part of its own shifts"):
        adjusted_contrasts(checked_shifts(blind), phase="blind")
    with pytest.raises(OptionError, match="expected without"):
        adjusted_contrasts(main, phase="human")


def test_clips_without_a_phase_are_counted():
    table = shifts({"A": 9, "B": 8})
    gone = table["clip"].isin(["c0-0", "c1-0"])
    table = table.assign(fall_frames=table["fall_frames"].where(~gone))
    tests, _ = adjusted_contrasts(table)
    onset = tests[tests["keyframe"] == "onset"].iloc[0]
    assert "2 of" in onset["method"]
    assert onset["n_clips"] == table["clip"].nunique() - 2


def test_a_group_that_a_covariate_implies_is_refused():
    table = shifts({"A": 9, "B": 8}, emotion=lambda group, _: "sad" if group == "A" else "happy")
    tests, estimates = adjusted_contrasts(table)
    assert tests["p_value"].isna().all()
    assert tests["reason"].str.contains("cannot be told apart from emotion").all()
    assert estimates.empty


def test_small_sides_are_not_tested():
    tests, estimates = adjusted_contrasts(shifts({"A": 9, "B": 3}))
    assert tests["reason"].str.contains("3 subjects with a usable").all()
    assert estimates.empty


def test_action_units_come_from_the_table_or_from_clips():
    table = shifts({"A": 9, "B": 8})
    clips = table.drop_duplicates("clip")[["dataset", "clip", "subject", "fps", "aus"]]
    bare = table.drop(columns="aus")
    one, _ = adjusted_contrasts(table)
    other, _ = adjusted_contrasts(bare, clips=clips)
    pd.testing.assert_frame_equal(one, other)
    without, _ = adjusted_contrasts(bare)
    assert without["method"].str.contains("region of the action units: a single level").all()


def test_regions_and_levels():
    assert [region(a) for a in ("AU1+AU2", "12+25", "6+12", "L10", "4?", "51", "")] == [
        "upper", "lower", "both", "lower", "upper", "", "",
    ]  # fmt: skip
    levels = ["a", "a", "a", "b", "b", "c", ""]
    pooled = pooled_levels(levels, ["1", "2", "3", "1", "2", "1", "4"])
    assert pooled.tolist() == ["a"] * 3 + ["other"] * 4


def test_neither_names_nor_the_order_of_rows_has_a_part():
    table = shifts({"A": 9, "B": 8, "C": 6})
    order = np.random.default_rng(1).permutation(len(table))
    mixed = checked_shifts(table.iloc[order].assign(subject="x" + table["subject"].iloc[order]))
    one, _ = adjusted_contrasts(table)
    other, _ = adjusted_contrasts(mixed)
    pd.testing.assert_frame_equal(one, other, rtol=1e-9)


def test_the_bundled_example():
    tests, _ = adjusted_contrasts(checked_shifts(mebias.example()))
    assert tests["p_value"].between(0, 1).all()


def test_the_level_is_held_with_covariates_that_go_with_the_group():
    rng, n_cohorts, p = np.random.default_rng(4), 400, []
    sizes = np.repeat([1, 2, 4, 9], 5)
    subjects = np.repeat(np.arange(20), sizes)
    rows = []
    for _ in range(n_cohorts):
        side = rng.permutation(np.arange(20) < 7)[subjects].astype(float)
        level = (rng.random(len(side)) < 0.3 + 0.4 * side).astype(float)
        y = rng.normal(size=20)[subjects] + 1.5 * rng.normal(size=len(side)) + 2 * level
        x = np.column_stack([np.ones(len(side)), side, level])
        p.append(cr2.contrast(cr2.fit(x, y, subjects), np.array([0, 1, 0])).p_value)
        rows.append(cr2.contrast(cr2.fit(x, y, np.arange(len(y))), np.array([0, 1, 0])).p_value)
    band = 3 * np.sqrt(0.05 * 0.95 / n_cohorts)
    assert 0.05 - band < np.mean(np.array(p) <= 0.05) < 0.05 + band + 0.01
    assert np.mean(np.array(rows) <= 0.05) > 0.12  # the failing control: clips as the units
