"""Planted against found: what was planted is read off the labels, and the outcome is fair."""

import numpy as np
import pandas as pd
import pytest

from mebias import tables
from mebias.quantification import planted_vs_found, quantify
from mebias.quantification.planted import _outcome

FPS = 100.0


def world(late_ms=0.0, reach=9, seed=0, n_subjects=24):
    """Coders of group B place the offset late; the selection is as good as its window lets it."""
    rng = np.random.default_rng(seed)
    rows, truth = [], []
    for s in range(n_subjects):
        group = "AB"[s % 2]
        for i in range(6):
            for k, t in (("onset", 100.3), ("apex", 130.6), ("offset", 170.2)):
                late = late_ms / 1000 * FPS if (group, k) == ("B", "offset") else 0.0
                human = round(t + late + rng.normal(0, 1))
                low, high = human - reach, human + reach
                rows.append(
                    {"dataset": "SIMULATED d", "clip": f"c{s}-{i}", "subject": f"s{s}",
                     "ethnicity": group, "keyframe": k, "human": human, "fps": FPS,
                     "selected": int(np.clip(round(t), low, high)), "window_low": low,
                     "window_high": high}
                )  # fmt: skip
                truth.append({"dataset": "SIMULATED d", "clip": f"c{s}-{i}", "source": "truth",
                              "keyframe": k, "frame": t, "status": "annotated"})  # fmt: skip
    planted = pd.DataFrame(
        {"ethnicity": g, "keyframe": k, "error_ms": late_ms * ((g, k) == ("B", "offset"))}
        for g in "AB" for k in tables.KEYFRAMES
    )  # fmt: skip
    return tables.from_rows(rows, "shifts"), tables.from_rows(truth, "keyframes"), planted


def run(**options):
    shifts, truth, planted = world(**options)
    findings = quantify(shifts, n_permutations=199)
    found = planted_vs_found(findings.shifts, findings, truth, planted)
    return found.set_index("keyframe")


def test_nothing_planted_nothing_found():
    found = run()
    assert (found["planted_error_ms"] == 0).all()
    assert found["outcome"].tolist() == ["quiet"] * 3


def test_a_planted_difference_is_found_where_it_was_planted():
    found = run(late_ms=40.0)
    assert found["contrast"].tolist() == ["A vs others"] * 3
    assert found["outcome"].to_dict() == {"onset": "quiet", "apex": "quiet", "offset": "found"}
    row = found.loc["offset"]
    assert row["planted_error_ms"] == -40, "A's error less that of the others"
    assert row["drawn_error_ms"] == pytest.approx(-40, abs=3)
    assert row["expected_shift_ms"] == pytest.approx(40, abs=5), "late labels have to move earlier"
    assert row["conf_low"] < row["expected_shift_ms"] < row["conf_high"]


def test_a_window_that_does_not_reach_bounds_what_can_be_expected():
    row = run(late_ms=400.0, reach=3).loc["offset"]
    assert row["planted_error_ms"] == -400
    assert row["expected_shift_ms"] == pytest.approx(30, abs=5)


@pytest.mark.parametrize(
    ("planted", "found", "p", "outcome"),
    [
        (0.0, 5.0, 0.2, "quiet"),
        (0.0, 5.0, 0.01, "false alarm"),
        (40.0, -5.0, 0.01, "found"),
        (40.0, 5.0, 0.01, "false alarm"),
        (40.0, -5.0, 0.2, "missed"),
        (40.0, -5.0, float("nan"), "can't be told"),
    ],
)
def test_outcomes(planted, found, p, outcome):
    assert _outcome(planted, found, p, 0.05) == outcome


def test_a_plateau_of_the_truth_is_no_error_inside():
    shifts, truth, planted = world()
    truth["frame_low"], truth["frame_high"] = truth["frame"] - 50, truth["frame"] + 50
    findings = quantify(shifts, n_permutations=99)
    found = planted_vs_found(findings.shifts, findings, truth, planted)
    assert (found["expected_shift_ms"] == 0).all()
