"""Grades of claims about re-selection: corrections, durations, the curve, recognition."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from claim_cases import (
    FINE,
    claims,
    estimate_row,
    reach,
    share_row,
    shifts,
    stacked,
    test_row,
    the,
    with_rule,
)

from mebias import tables
from mebias.errors import TableError
from mebias.quantification.annotation_error import reduces_error
from mebias.quantification.claim_gate import gate, shipped_corrections
from mebias.quantification.claims import graded_claims
from mebias.validation.trajectories import blind_shifts

ROOT = Path(__file__).parents[2]


def reduced(estimate, half=1.0):
    rows = [estimate_row("error_reduction", estimate, half, keyframe=k) for k in tables.KEYFRAMES]
    return stacked(*rows)


def corrects(estimate, half=1.0, calibration=FINE):
    found = claims(estimates=reduced(estimate, half), false_supported=calibration)
    return the(found, "corrects onset labels, not merely moves")


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [(20.0, "supported"), (10.5, "can't be told"), (9.5, "can't be told"),
     (3.0, "not supported"), (-20.0, "not supported")],
)  # fmt: skip
def test_a_correction_is_graded_where_it_is_calibrated(estimate, expected):
    row = corrects(estimate)
    assert row["grade"] == expected
    assert "falsely supported in 1 % of 500 simulated cohorts" in row["rests_on"]
    assert (row["family"], row["quantity"]) == ("error-reduction", "error_reduction")
    assert row["margin"] == 10.0


@pytest.mark.parametrize(
    ("fps", "asked", "margin"),
    [(200.0, None, 10.0), (60.0, None, 1000 / 60), (200.0, 2.0, 10.0), (200.0, 30.0, 30.0)],
)
def test_a_correction_has_the_margin_of_its_simulation_or_a_larger_one(fps, asked, margin):
    """At a margin of 0 accurate labels looked corrected in up to 64 % of cohorts."""
    near = FINE.assign(fps=fps)
    found = claims(shifts(fps=fps), reduced(20.0), false_supported=near, margin_ms=asked)
    row = the(found, "corrects onset labels, not merely moves")
    assert row["margin"] == pytest.approx(margin)
    assert row["grade"] == ("supported" if margin < 18 else "not supported")


def test_by_default_the_shipped_simulation_decides():
    rows = reduced(20.0)
    for fps, rates in ((200.0, "200"), (300.0, "200"), (100.0, "60 or 200")):
        row = the(claims(shifts(fps=fps), rows), "corrects onset labels, not merely moves")
        assert row["grade"] == "supported", rates
        assert "of 400 simulated cohorts" in row["rests_on"]
    for fps in (1000.0, 12.0):
        row = the(claims(shifts(fps=fps), rows), "corrects onset labels, not merely moves")
        assert row["grade"] == "can't be told"
        assert f"a calibration of gamdss signed at {fps:g} fps" in row["would_settle"]
    other = claims(shifts(distance="uint8"), rows.assign(distance="uint8"))
    assert the(other, "corrects onset labels, not merely")["grade"] == "can't be told"


@pytest.mark.parametrize("rule", ["motion", "motion:onset=0.1", "motion-blind"])
def test_a_rule_that_shares_the_judges_model_is_never_graded(rule):
    allowed = gate(FINE.assign(rule=rule, distance="", share_false=0.0), (rule, ""), (200.0,))
    assert not allowed.passed
    assert "same model as the judge" in allowed.rests_on


def test_the_shipped_calibration_is_that_of_the_recovery():
    table = shipped_corrections()
    assert "correction" in set(table["claim"])
    for rule in ("gamdss", "gamdss-released", "gamdss-symmetric"):
        for claim in table["claim"].unique():
            for fps in (60.0, 200.0):
                assert gate(table, (rule, "signed"), (fps,), claim).passed
    assert "validation_tables/corrects.csv" in (ROOT / "pyproject.toml").read_text()


def test_a_correction_holds_for_three_keyframes_together():
    assert corrects(11.1, 1.0)["grade"] == "can't be told"  # above 10 by its own interval only


@pytest.mark.parametrize("estimate", [20.0, 0.5, -20.0])
def test_without_a_calibration_no_correction_is_graded(estimate):
    row = corrects(estimate, calibration=pd.DataFrame())
    assert row["grade"] == "can't be told"
    assert "a calibration of gamdss signed at 200 fps" in row["would_settle"]


@pytest.mark.parametrize(
    ("cell", "settles"),
    [
        ({"share_false": 0.08}, "do not share pixels: 8 %"),
        ({"n_cohorts": 60}, "more simulated cohorts than 60"),
        ({"fps": 90}, "at 200 fps: in how many simulated cohorts"),
        ({"fps": 90}, "(there is one at 90 fps)"),
        ({"rule": "least"}, "(there is none)"),
        ({"distance": "uint8"}, "(there is none)"),
    ],
)
def test_a_calibration_has_to_be_good_and_of_the_same_kind(cell, settles):
    row = corrects(20.0, calibration=FINE.assign(**cell))
    assert row["grade"] == "can't be told"
    assert settles in row["would_settle"]


def test_the_worst_calibrated_amplitude_counts():
    both = stacked(FINE, FINE.assign(amplitude=2.5, share_false=0.2))
    row = corrects(20.0, calibration=both)
    assert row["grade"] == "can't be told"
    assert "2.5 pixels" in row["rests_on"]


def test_every_frame_rate_of_the_dataset_has_to_be_calibrated():
    rows = stacked(shifts(), shifts(fps=50.0).assign(clip="other", subject="t"))
    options = {"estimates": reduced(40.0)}
    one = claims(rows, **options, false_supported=FINE)
    assert the(one, "corrects onset labels, not")["grade"] == "can't be told"
    two = claims(rows, **options, false_supported=stacked(FINE, FINE.assign(fps=50)))
    assert the(two, "corrects onset labels, not")["grade"] == "supported"


def test_a_calibration_without_a_column_is_refused():
    with pytest.raises(TableError, match="no column n_cohorts"):
        corrects(20.0, calibration=FINE.drop(columns="n_cohorts"))


def test_without_a_judge_or_a_rule_a_correction_cannot_be_told():
    row = the(claims(shifts(blind=False)), "corrects labels, not merely")
    assert "no rows of motion-blind" in row["rests_on"]
    several = stacked(shifts(), shifts(source="least", blind=False))
    two = several.assign(source=several["source"].replace("gamdss", "random"))
    assert "no single rule" in the(claims(two), "corrects labels, not merely")["rests_on"]


def interaction(estimate, half=2.0, p=0.001, calibration=FINE, windows=None):
    tests = stacked(
        *(test_row(estimate, half, p, family="error-reduction primary", keyframe=k)
          for k in tables.KEYFRAMES)
    )  # fmt: skip
    found = claims(estimates=windows, tests=tests, false_supported=calibration)
    return the(found, "corrects onset labels of A more, or less, than of the others")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"estimate": 20.0}, "supported"),
        ({"estimate": -20.0}, "supported"),
        ({"estimate": 20.0, "p": 0.3}, "can't be told"),
        ({"estimate": 20.0, "calibration": pd.DataFrame()}, "can't be told"),
        ({"estimate": 20.0, "calibration": FINE[FINE["claim"] == "correction"]}, "can't be told"),
        ({"estimate": 9.0}, "can't be told"),
        ({"estimate": 0.0}, "can't be told"),
        ({"estimate": 0.0, "windows": reach(-5.0, 5.0)}, "can't be told"),
        ({"estimate": 0.0, "windows": reach()}, "not supported"),
    ],
)
def test_one_group_is_corrected_more(options, expected):
    row = interaction(**options)
    assert row["grade"] == expected
    if options.get("windows") is not None and expected != "not supported":
        assert "windows that reach 20 ms or more (they reach 5 ms" in row["would_settle"]


def duration(estimate, half=1.0, windows=None, **options):
    row = estimate_row("mean_difference_duration", estimate, half, keyframe="", **options)
    rows = row if windows is None else stacked(row, windows)
    return the(claims(estimates=rows), "Re-selection changes durations")


@pytest.mark.parametrize(
    ("estimate", "windows", "expected"),
    [
        (20.0, None, "supported"),
        (-20.0, None, "supported"),
        (9.5, None, "can't be told"),
        (0.0, reach(), "not supported"),
        (0.0, reach(-2.0, 2.0), "can't be told"),
        (0.0, None, "can't be told"),
    ],
)
def test_durations_change(estimate, windows, expected):
    assert duration(estimate, windows=windows)["grade"] == expected


@pytest.mark.parametrize(
    ("onset", "offset", "said"),
    [((0.0, 40.0), (-90.0, 0.0), "onset +0 to +40 ms, offset -90 to +0 ms"),
     ((-40.0, 0.0), (0.0, 90.0), "only longer"), ((-40.0, 40.0), (-90.0, 0.0), "")],
)  # fmt: skip
def test_windows_that_only_shorten_or_lengthen_are_named(onset, offset, said):
    """Durations change by construction then, whatever the labels are."""
    windows = stacked(
        *(reach(*ends, keyframes=(k,)) for k, ends in (("onset", onset), ("offset", offset)))
    )
    row = duration(-20.0, windows=windows)
    assert row["grade"] == "supported"
    assert said in row["rests_on"]
    assert ("true by its construction" in row["rests_on"]) == bool(said)
    assert "a fact about the rule, not about the labels" in row["rests_on"]


def test_the_margin_asked_for_is_the_margin():
    row = estimate_row("mean_difference_duration", 20.0, keyframe="")
    wide = claims(estimates=stacked(row, reach(-90, 90)), margin_ms=30.0)
    assert the(wide, "changes durations")["grade"] == "not supported"
    assert the(wide, "changes durations")["margin"] == 30.0


def test_versions_change_durations_without_windows():
    rows = shifts(status="annotated", blind=False)
    row = estimate_row("mean_difference_duration", 0.0, keyframe="")
    found = the(claims(rows, row), "Revision changes durations")
    assert found["grade"] == "not supported"
    assert "new - old" in found["rests_on"]
    status = share_row("share_status_changed", 0.2, 0.1, 0.3)
    found = the(claims(rows, status), "Revision changes the micro or macro status")
    assert "clips whose status changes" in found["rests_on"]


@pytest.mark.parametrize(
    ("share", "expected"),
    [((0.2, 0.1, 0.3), "supported"), ((0.2, 0.04, 0.4), "can't be told"),
     ((0.01, 0.0, 0.03), "not supported")],
)  # fmt: skip
def test_the_micro_or_macro_status_changes(share, expected):
    rows = stacked(share_row("share_status_changed", *share), reach())
    row = the(claims(estimates=rows), "micro or macro status")
    assert row["grade"] == expected
    assert (row["conf_low"], row["conf_high"]) == share[1:]


def test_no_status_changed_needs_the_subjects_of_the_exact_bound():
    rows = stacked(share_row("share_status_changed", 0.0, 0.0, 0.11), reach())
    settle = the(claims(estimates=rows), "micro or macro status")["would_settle"]
    assert "about 72 subjects instead of 30" in settle
    assert 1 - 0.025 ** (1 / 72) < 0.05 < 1 - 0.025 ** (1 / 71)


def pair(share, chance=0.9):
    place = {"keyframe": "onset and apex"}
    return stacked(
        share_row("share_pair_moved_movable", *share, **place),
        share_row("uniform_null_share_pair_moved", chance, chance, chance, **place),
    )


@pytest.mark.parametrize(
    ("share", "chance", "expected"),
    [
        ((0.6, 0.5, 0.7), 0.9, "supported"),
        ((0.1, 0.02, 0.3), 0.9, "can't be told"),
        ((0.01, 0.0, 0.03), 0.9, "not supported"),
        ((0.01, 0.0, 0.03), 0.08, "can't be told"),
    ],
)
def test_the_largest_difference_is_not_at_the_human_pair(share, chance, expected):
    row = the(claims(estimates=pair(share, chance)), "The largest difference is not")
    assert row["grade"] == expected
    assert "drawn at random" in row["rests_on"]


def test_only_a_rule_that_takes_the_largest_tells_of_the_curve():
    rows = shifts(source="least", blind=False)
    estimates = pair((0.6, 0.5, 0.7)).assign(source="least")
    assert not claims(rows, estimates)["claim"].str.contains("largest difference").any()
    nothing = the(claims(shifts(blind=False)), "largest difference")
    assert nothing["grade"] == "can't be told"


def gains(over_human=0.1, over_jitter=0.05, half=0.02, **more):
    arms = {"gamdss vs human": over_human, "gamdss vs jitter": over_jitter}
    rows = [
        estimate_row("uf1_gain", value, half, arm=arm, unit="UF1", keyframe="")
        for arm, value in arms.items() if value is not None
    ]  # fmt: skip
    rows += [estimate_row(q, v, 0.0, arm="two-branch", unit="", keyframe="", source="")
             for q, v in more.items()]  # fmt: skip
    return stacked(*rows)


@pytest.mark.parametrize(
    ("options", "expected", "settles"),
    [
        ({}, "supported", "other seeds"),
        ({"over_jitter": 0.01}, "can't be told", "random frames do as much"),
        ({"over_jitter": None}, "can't be told", "the arm jitter"),
        ({"over_human": 0.05}, "can't be told", "more subjects than could"),
        ({"over_human": 0.0}, "not supported", "nothing more"),
        ({"over_human": 0.0, "half": 0.045}, "can't be told", "about"),
        ({"over_human": -0.2, "half": 0.1}, "not supported", "nothing more"),
    ],
)
def test_recognition_improves(options, expected, settles):
    row = the(claims(gains=gains(**options)), "improves recognition (UF1)")
    assert row["grade"] == expected
    assert settles in row["would_settle"]


def test_without_a_recognizer_nothing_is_said_of_recognition():
    found = claims()
    assert the(found, "improves recognition")["rests_on"] == "no recognizer was run"
    assert set(found.loc[found["topic"] == "recognition", "grade"]) == {"can't be told"}
    other = gains().assign(dataset="casme")
    assert the(claims(gains=other), "improves recognition")["grade"] == "can't be told"


@pytest.mark.parametrize(("added", "expected"), [(0, "supported"), (512, "not supported")])
def test_the_parameters_of_the_second_branch_are_counted(added, expected):
    row = the(claims(gains=gains(added_parameters=added, compute_ratio=2.0)), "adds no parameters")
    assert row["grade"] == expected
    assert row["rests_on"] == f"counted: {added} added; the work is 2 times that of one branch"


def test_moving_without_correcting_is_rarely_taken_for_correcting():
    """Frames as far from the truth as the labels are: 150 cohorts, none of them corrected."""
    n = 150
    blind = blind_shifts(
        11, datasets=tuple(f"d{i}" for i in range(n)), n_subjects=16, n_clips=48, icc=0.1
    )
    rng = np.random.default_rng(12)
    spread = blind["keyframe"].map({"onset": 12.0, "apex": 12.0, "offset": 22.0}).to_numpy()
    truth = blind["human"] - blind["true_error_ms"] / 5
    both = with_rule(blind, np.round(truth + spread / 5 * rng.standard_normal(len(blind))))
    estimates = reduces_error(both)
    found = graded_claims(both, estimates, tables.empty("tests"), 0.95, false_supported=FINE)
    own = found[found["claim"].str.contains("not merely moves")]
    supported = own.loc[own["grade"] == "supported", "dataset"].nunique()
    assert len(own) == 3 * n
    assert supported <= n * (0.05 + 3 * math.sqrt(0.05 * 0.95 / n))
    bare = estimates[(estimates["weighting"] == "subject") & (estimates["ethnicity"] == "all")]
    tempted = bare.loc[bare["conf_low"] > 0, "dataset"].nunique()
    assert tempted > supported, "the margin makes no difference"


def test_the_claims_are_in_their_declared_form():
    found = claims(estimates=stacked(reduced(3.0), reach()), tests=test_row(), gains=gains())
    pd.testing.assert_frame_equal(found, tables.conform(found, "claims"))
