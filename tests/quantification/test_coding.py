"""Coders of the same events: matching, detection, timing, components, culture, what is said."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import mebias
from mebias import tables
from mebias.datasets.codings import checked_codings
from mebias.errors import OptionError, TableError
from mebias.quantification.coding.crossed import Crossed
from mebias.quantification.coding.culture import (
    claim_row,
    coders_needed,
    contrast_of,
    culture_design,
    power_of,
    scaled,
    smallest_shift,
)
from mebias.quantification.coding.study import joined, matched
from mebias.quantification.intervals_overlap import overlap
from mebias.simulation import Spreads, simulate_coders

QUIET = Spreads(coder=(0, 0, 0), coder_subject=(0, 0, 0), coder_event=(0, 0, 0), residual=(0, 0, 0))

NEAR = replace(QUIET, residual=(0.3, 0.3, 0.3))


def table(rows, columns="subject video coder pass onset_ms apex_ms offset_ms"):
    return pd.DataFrame(rows, columns=columns.split())


def study_of(drawn, **options):
    groups = dict(zip(drawn.subjects["subject"], drawn.subjects["ethnicity"], strict=True))
    cultures = dict(zip(drawn.coders["coder"], drawn.coders["culture"], strict=True))
    return matched(drawn.annotations, groups=groups, cultures=cultures, **options)


@pytest.fixture(scope="module")
def drawn():
    return simulate_coders(
        bias={"a1": (10, 0, 0), "a2": (-10, 0, 0), "b1": (0, 0, 0), "b2": (0, 0, 0)},
        effect={("A", "A"): (0, 0, 60)}, double_coded=0.4, share_coded=0.8, seed=11,
    )  # fmt: skip


@pytest.fixture(scope="module")
def found(drawn):
    return mebias.coders(drawn.annotations, drawn.coders, drawn.subjects)


def test_overlap_is_the_one_by_which_spotting_is_scored():
    onset, end = np.array([10.0, 14.0]), np.array([20.0, 25.0])
    iou = overlap(onset[:1], end[:1] - 1, onset[1:], end[1:] - 1)[0]
    assert joined(onset, end, np.array([0, 1]), iou - 1e-9) == [0, 0]
    assert joined(onset, end, np.array([0, 1]), iou + 1e-9) == [0, 1]


def test_frames_count_with_their_last_one():
    rows = table([("s", "v", "a", "1", 0, 0, 0), ("s", "v", "b", "1", 0, 0, 20)])
    frames = rows.rename(columns=lambda c: c.removesuffix("_ms"))
    # Frames 0-0 and 0-20 share one of 21.
    with pytest.raises(TableError, match="no event in common"):
        matched(checked_codings(frames, fps=50))
    one = frames.assign(offset=[0, 1])
    assert len(set(matched(checked_codings(one, fps=50)).codings["event"])) == 1


def test_no_coder_has_two_codings_of_one_event_in_one_pass():
    onset, end = np.array([0.0, 5, 10]), np.array([100.0, 105, 110])
    assert joined(onset, end, np.array([0, 1, 1]), 0.5) == [0, 0, 1]
    assert joined(onset, end, np.array([0, 1, 2]), 0.5) == [0, 0, 0]


def test_a_third_coder_joins_by_the_nearest():
    onset, end = np.array([0.0, 40, 80]), np.array([100.0, 140, 180])
    assert joined(onset, end, np.array([0, 1, 2]), 0.4) == [0, 0, 0]  # ends overlap with the middle


def test_order_of_rows_and_names_of_coders_make_no_difference(drawn, found):
    shuffled = drawn.annotations.sample(frac=1, random_state=0)
    again = mebias.coders(shuffled, drawn.coders, drawn.subjects)
    assert np.allclose(
        again.estimates["estimate"], found.estimates["estimate"], equal_nan=True, atol=1e-6
    )


def test_events_by_name_are_not_matched():
    rows = table([("s", "v", "a", "1", 0, 50, 100), ("s", "v", "b", "1", 500, 550, 600)])
    study = matched(checked_codings(rows.assign(event="one")))
    assert study.named and len(set(study.codings["event"])) == 1


def test_detection_counts_by_hand():
    rows = [("s1", "v1", "a", "1", 0, 50, 100), ("s1", "v1", "b", "1", 10, 50, 100),
            ("s1", "v1", "a", "1", 500, 550, 600), ("s2", "v2", "b", "1", 0, 50, 100),
            ("s2", "v2", "a", "1", np.nan, np.nan, np.nan),
            ("s3", "v3", "a", "1", 0, 50, 100)]  # fmt: skip
    e = mebias.coders(table(rows)).estimates.set_index("quantity")["estimate"]
    assert e["detection_f1"] == pytest.approx(2 / 4)  # v3 was looked at by one coder alone
    assert e["share_found_by_both"] == pytest.approx(1 / 3)
    assert (e["share_only_first"], e["share_only_second"]) == pytest.approx((1 / 3, 1 / 3))
    assert (e["found_of_second"], e["found_of_first"]) == pytest.approx((1 / 2, 1 / 2))
    assert e["mean_iou"] == pytest.approx(0.9)
    assert e["share_found_by_one"] == pytest.approx(2 / 3)


def test_bias_of_coders_is_found(found):
    bias = found.get("coder_bias", "a1").set_index("keyframe")
    assert bias.loc["onset", "conf_low"] < 10 < bias.loc["onset", "conf_high"]
    assert bias.loc["onset", "conf_low"] > 5
    frames = found.get("coder_bias", "a1", "frames").set_index("keyframe")
    assert frames.loc["onset", "estimate"] == pytest.approx(bias.loc["onset", "estimate"] / 5)


def test_a_constant_moves_bias_and_no_spread(drawn, found):
    moved = drawn.annotations.copy()
    own = moved["coder"] == "b1"
    for k in tables.KEYFRAMES:
        moved.loc[own, k] += 4
        moved.loc[own, f"{k}_ms"] += 20
    again = mebias.coders(moved, drawn.coders, drawn.subjects)
    for quantity, source, change in (
        ("coder_bias", "b1", 15.0), ("coder_bias", "a1", -5.0), ("inter_coder_sd", None, 0.0),
        ("coder_sd", "b1", 0.0), ("intra_coder_sd", "b1", 0.0),
        ("coder_difference", "a1 vs b1", -20.0),
    ):  # fmt: skip
        one, two = (f.get(quantity, source or "all coders") for f in (found, again))
        one, two = (f[f["keyframe"] == "onset"]["estimate"].item() for f in (one, two))
        assert two - one == pytest.approx(change, abs=1.0)


def test_nothing_has_an_estimate_without_interval_or_reason(found):
    e = found.estimates
    bare = e["conf_low"].isna() | e["conf_high"].isna()
    assert not (bare & (e["reason"] == "")).any()
    assert (e.loc[~bare, "conf_low"] <= e.loc[~bare, "estimate"] + 1e-9).all()
    assert (e.loc[~bare, "conf_high"] >= e.loc[~bare, "estimate"] - 1e-9).all()
    refused = e[(e["quantity"] == "dependability") & e["keyframe"].isin(tables.KEYFRAMES)]
    assert refused["estimate"].isna().all() and refused["reason"].str.contains("arbitrary").all()


def test_culture_by_ethnicity_is_found_and_called_by_its_groups(found):
    row = found.get("culture_by_ethnicity").set_index("keyframe").loc["offset"]
    assert row["conf_low"] < 60 < row["conf_high"] and row["conf_low"] > 0
    assert row["ethnicity"] == "A vs other coders, A vs other subjects"
    test = found.tests[found.tests["family"] == "coder-culture-by-ethnicity"]
    assert len(test) == 3 and test.set_index("keyframe").loc["offset", "p_adjusted"] < 0.05
    assert found.claims.empty  # simulated: no claim is graded
    assert "SIMULATED" in found.summary() and "SIMULATED" in found._repr_html_()


def test_the_effect_of_a_group_or_of_a_culture_alone_is_no_interaction():
    """Trap 7: what must not move it. Both cultures late in group B, one culture late in all."""
    same = {("A", "B"): (0, 0, 40), ("B", "B"): (0, 0, 40)}
    always = {("A", "A"): (0, 0, 40), ("A", "B"): (0, 0, 40)}
    for effect in (same, always):
        drawn = simulate_coders(effect=effect, spreads=NEAR, missed=0.0, fps=1000.0, seed=2)
        study = study_of(drawn)
        contrast = contrast_of(study, study.values("offset"), culture_design(study))
        assert abs(contrast.estimate) < 0.5  # a ms per frame


def test_grades_of_claims(drawn):
    real = drawn.annotations.assign(dataset="study")
    found = mebias.coders(real, drawn.coders, drawn.subjects)
    grades = found.claims.set_index("keyframe")["grade"]
    assert grades["offset"] in ("supported", "can't be told")
    design = found.design
    test = found.tests[found.tests["family"] == "coder-culture-by-ethnicity"].to_dict("records")[0]
    for estimate, grade in ((50.0, "supported"), (-50.0, "supported"), (0.0, "not supported"),
                            (9.0, "can't be told")):  # fmt: skip
        crossed = Crossed(estimate, 4.0, 4.0, 4.0, 50, 50, 50)
        assert (
            claim_row(design, test | {"margin": 10.0, "reason": ""}, crossed, 0.95)["grade"]
            == grade
        )


@pytest.mark.parametrize(
    ("coders", "subjects", "words"),
    [
        ({"a": "A", "b": "B"}, {"A": 8, "B": 8}, "confounded with the coder"),
        ({"a": "A", "b": "A"}, {"A": 8, "B": 8}, "of one culture (A)"),
        ({"a": "A", "b": "B"}, {"A": 16}, "of one group (A)"),
        ({"a": "A", "b": "B"}, {"A": 14, "B": 3}, "3 subjects of the others"),
        ({"a": "", "b": ""}, {"A": 8, "B": 8}, "no culture of the coders is stated"),
    ],
)
def test_design_check(coders, subjects, words):
    drawn = simulate_coders(coders, subjects=subjects, n_events=60)
    found = mebias.coders(drawn.annotations, drawn.coders.assign(culture=coders.values()),
                          drawn.subjects) if coders["a"] else mebias.coders(
        drawn.annotations, None, drawn.subjects)  # fmt: skip
    assert found.issues["message"].str.contains(words, regex=False).any()
    test = found.tests[found.tests["family"] == "coder-culture-by-ethnicity"]
    assert test["p_value"].isna().all() and test["reason"].str.contains(words, regex=False).all()
    assert words in found.summary()
    whole = found.get("culture_by_ethnicity")
    assert whole["conf_low"].isna().all()
    if "confounded" in words:
        these = found.get("culture_by_ethnicity_these_coders")
        assert these["conf_low"].notna().all()


def test_power_grows_with_coders_and_subjects(found):
    design = found.design
    crossed = Crossed(0.0, 16.0, 25.0, 9.0, 22, 2, 44)
    assert power_of(crossed, smallest_shift(crossed)) == pytest.approx(0.8, abs=1e-6)
    n = design.n_group + design.n_rest
    same = scaled(crossed, design, design.n_own, design.n_others, n)
    assert same.variance == pytest.approx(crossed.variance)
    shifts = [
        smallest_shift(scaled(crossed, design, c, c, s)) for c, s in ((2, n), (4, n), (4, 2 * n))
    ]
    assert shifts[0] > shifts[1] > shifts[2]
    needed = coders_needed(crossed, design, 15.0)
    assert needed > 2
    assert power_of(scaled(crossed, design, needed - 1, needed - 1, n), 15.0) < 0.8
    assert coders_needed(crossed, design, 0.1) is None


def test_drift_is_found_and_without_an_order_refused(drawn):
    slow = simulate_coders(drift={"b1": (0.0, 25.0, 0.0)}, n_events=200, seed=4)
    found = mebias.coders(slow.annotations)
    row = found.get("drift", "b1").set_index("keyframe").loc["apex"]
    assert row["conf_low"] < 25 < row["conf_high"] and row["conf_low"] > 10
    other = found.get("drift", "a1").set_index("keyframe").loc["apex"]
    assert other["conf_low"] < 5
    found = mebias.coders(drawn.annotations.drop(columns="order"))
    assert found.get("drift", "b1")["reason"].str.contains("no column order").all()


def test_parts_without_a_common_event_are_told():
    rows = []
    for s in range(4):
        pair = ("a", "b") if s % 2 else ("c", "d")
        rows += [(f"s{s}", "v", c, "1", 10 * s + k, 50, 100) for k, c in enumerate(pair)]
    found = mebias.coders(table(rows))
    reasons = found.get("coder_bias", "a")["reason"]
    assert reasons.str.contains("parts without an event in common").any()


def test_coders_that_never_differ():
    rows = [(f"s{s}", "v", c, "1", 10 * s, 150 + s, 200 + 9 * s) for s in range(9) for c in "ab"]
    found = mebias.coders(table(rows))
    bias = found.get("coder_bias", "a")
    assert (bias["estimate"] == 0).all() and (bias["reason"] != "").all()
    assert found.tests["p_value"].isna().all()
    assert found.get("inter_coder_sd")["estimate"].eq(0).all()


def test_onset_and_offset_alone(drawn):
    found = mebias.coders(drawn.annotations.assign(apex=np.nan, apex_ms=np.nan))
    assert found.issues["message"].str.contains("no apex was coded").any()
    assert found.get("coder_bias", "a1").set_index("keyframe").loc["onset", "conf_low"] > 0


def test_two_coders_single_pass_unequal_overlap():
    drawn = simulate_coders({"x": "A", "y": "B"}, subjects={"A": 5, "B": 5}, n_events=40, seed=1)
    found = mebias.coders(drawn.annotations, drawn.coders, drawn.subjects)
    assert found.get("coder_sd", "x")["reason"].str.contains("three coders").all()
    assert (
        found.get("single_coder_error_sd")["conf_high"]
        .gt(found.get("single_coder_error_sd")["estimate"])
        .all()
    )
    assert found.get("component_coder_x_event")["reason"].str.contains("twice").all()


def test_options_are_checked(drawn):
    for options in ({"min_overlap": 0.0}, {"min_overlap": 1.5}, {"conf_level": 1.0},
                    {"min_subjects": 1}, {"margin_ms": -1.0}):  # fmt: skip
        with pytest.raises(OptionError):
            mebias.coders(drawn.annotations, **options)
    with pytest.raises(OptionError, match="no plot"):
        mebias.coders(drawn.annotations).plot("pie")
    with pytest.raises(OptionError, match="no plot 'age'; expected bias or culture"):
        mebias.coders(drawn.annotations).plot("age")
    mixed = pd.concat([drawn.annotations, drawn.annotations.assign(dataset="other", video="w")])
    with pytest.raises(TableError, match="several datasets"):
        mebias.coders(mixed)


def test_tables_are_written_and_conform(found, tmp_path):
    paths = found.to_csv(tmp_path)
    assert {p.name for p in paths} >= {"codings.csv", "estimates.csv", "tests.csv", "power.csv"}
    for name in ("estimates", "tests", "claims", "power", "issues"):
        tables.read_csv(tmp_path / f"{name}.csv", name)
    assert found.plot("bias").axes and found.plot("culture").axes


def test_simulation_plants_what_it_says():
    drawn = simulate_coders(
        {"a": "A", "b": "B"}, subjects={"A": 6, "B": 6}, n_events=60, spreads=QUIET, missed=0.0,
        false_alarms=0.0, bias={"a": (8, 0, 0), "b": (0, 0, 0)},
        effect={("B", "A"): (0, 0, 30)}, fps=1000.0, seed=5,
    )  # fmt: skip
    rows = drawn.annotations.sort_values(["coder", "subject", "onset"]).reset_index(drop=True)
    true = drawn.events.sort_values(["subject", "onset_ms"]).reset_index(drop=True)
    group = dict(zip(drawn.subjects["subject"], drawn.subjects["ethnicity"], strict=True))
    for coder, keyframe, error in (("a", "onset", 8), ("b", "onset", 0), ("b", "offset", 30)):
        own = rows[rows["coder"] == coder].reset_index(drop=True)
        difference = own[f"{keyframe}_ms"] - true[f"{keyframe}_ms"]
        in_a = true["subject"].map(group).eq("A").to_numpy()
        expected = np.where(in_a | (keyframe == "onset"), error, 0)
        assert np.abs(difference - expected).max() <= 0.5  # half a frame


def test_simulated_events_are_missed_and_coded_twice_as_asked():
    drawn = simulate_coders(n_events=600, missed={"a1": 0.5}, double_coded=0.5, false_alarms=0.0)
    first = drawn.annotations[drawn.annotations["pass"] == "1"]
    coded = first[first["onset"].notna()].groupby("coder").size()
    assert 0.42 < coded["a1"] / 600 < 0.58 and coded["b1"] == 600
    again = drawn.annotations[
        (drawn.annotations["pass"] == "2") & (drawn.annotations["coder"] == "b1")
    ]
    assert 0.4 < len(again) / 600 < 0.6
    blank = first[(first["coder"] == "a1") & first["onset"].isna()]
    assert len(blank) > 0  # looked, and found nothing


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"coders": {"a": "A"}}, "two or more"),
        ({"n_events": 3}, "an event for each"),
        ({"fps": 0.0}, "fps is 0"),
        ({"bias": {"zz": (0, 0, 0)}}, "coder 'zz'"),
        ({"effect": {("A", "C"): (0, 0, 1)}}, "effect names"),
        ({"missed": 1.5}, "missed is 1.5"),
        ({"spreads": Spreads(coder=(-1, 0, 0))}, "spreads.coder"),
    ],
)
def test_simulation_refuses(options, words):
    with pytest.raises(OptionError, match=words):
        simulate_coders(**options)
