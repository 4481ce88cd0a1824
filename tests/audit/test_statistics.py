"""Last digits, subjects and coders: found when planted, silent at the level they state."""

import numpy as np
import pandas as pd
import pytest

from mebias.audit.digits import round_share, why_untold
from mebias.audit.standouts import robust_z


def rounded(rows, keyframes, share, seed=1):
    rng = np.random.default_rng(seed)
    for row in rows:
        for keyframe in keyframes:
            if rng.random() < share:
                row[keyframe] = 5 * round(row[keyframe] / 5)
    return rows


def test_a_planted_preference_is_found_with_estimate_and_interval(room):
    cohort = room.make(rounded(room.clean(), ["apex"], 0.5))
    issue, rest = room.found(cohort, "digits").to_dict("records")
    assert (issue["severity"], issue["field"]) == ("warning", "apex")
    for word in ("95 % CI", "end in 0 or 5", "12 subjects as the unit", "exact binomial"):
        assert word in issue["message"]
    assert rest["severity"] == "note"
    assert "onset frame numbers" in rest["message"]


def test_nothing_is_told_of_narrow_or_heaped_numbers():
    subjects = np.arange(60)
    assert "lie within" in why_untold(np.arange(60.0) % 12, subjects)
    assert "the first frame" in why_untold(np.where(subjects < 20, 1.0, subjects * 7), subjects)
    assert "fewer than 30" in why_untold(np.arange(20.0) * 7, np.arange(20))
    assert why_untold(subjects * 7.0, subjects) == ""


def draw(rng, subjects, each):
    """Clips of subjects whose counts differ widely, all last digits by chance."""
    sizes = 1 + rng.negative_binomial(1, 1 / each, subjects)
    return rng.integers(0, 5000, sizes.sum()).astype(float), np.repeat(np.arange(subjects), sizes)


@pytest.mark.parametrize("subjects", [8, 40])
def test_level_of_the_test_by_simulation(subjects):
    rng = np.random.default_rng(7)
    runs = 400
    alarms = sum(round_share(*draw(rng, subjects, 8)).p_value < 0.05 for _ in range(runs))
    # Upper 99.9% limit of a binomial with 5% of 400 is 35.
    assert alarms <= 35


def test_one_subject_alone_does_not_make_a_preference():
    rng = np.random.default_rng(3)
    values, subjects = draw(rng, 20, 8)
    values = np.concatenate([values, 5 * rng.integers(0, 1000, 60)])
    found = round_share(values, np.concatenate([subjects, np.full(60, 99)]))
    assert found.p_exact < 1e-4
    assert found.p_value > 0.05


def test_coverage_of_the_interval_by_simulation():
    rng = np.random.default_rng(11)
    hits = 0
    for _ in range(300):
        own = rng.beta(4, 12, 30)
        values = [np.where(rng.random(10) < p, 5, 1).astype(float) for p in own]
        found = round_share(np.concatenate(values), np.repeat(np.arange(30), 10))
        hits += found.low <= 0.25 <= found.high
    assert hits / 300 > 0.9


def test_a_slow_subject_stands_out(room):
    rows = room.clean()
    for row in rows:
        if row["subject"] == "p04":
            row["apex"] = row["onset"] + 3 * (row["apex"] - row["onset"])
            row["offset"] = row["apex"] + 20
    issues = room.found(room.make(rows), "subjects", "warning")
    assert "rise" in issues["field"].tolist()
    assert issues["message"].str.startswith("subject p04").all()
    assert issues["message"].str.contains("robust standard deviations above").all()


def test_subjects_alike_do_not_stand_out():
    rng = np.random.default_rng(5)
    alarms = 0
    for _ in range(100):
        sizes = 3 + rng.negative_binomial(1, 0.15, 25)
        units = np.repeat(np.arange(25), sizes)
        values = rng.normal(size=len(units)) + np.repeat(rng.normal(0, 0.3, 25), sizes)
        alarms += (robust_z(values, units)["z"].abs() > 4).any()
    assert alarms <= 3


def test_a_subject_with_many_invalid_labels(room):
    rows = room.clean()
    for row in [row for row in rows if row["subject"] == "p05"][:4]:
        row |= {"apex": row["onset"] - 4, "status": {"apex": "invalid"}}
    issues = room.found(room.make(rows), "subjects")
    assert "4 of 5 expressions have labels out of order, 0 of 55" in " ".join(issues["message"])


def coded(rows, late):
    rng = np.random.default_rng(2)
    return [
        {
            **row, "coder": coder, "onset": row["onset"] + int(rng.integers(-2, 3)),
            "apex": row["apex"] + shift + int(rng.integers(-2, 3)), "offset": row["offset"] + 4,
        }
        for row in rows
        for coder, shift in (("A", 0), ("B", 0), ("C", late))
    ]  # fmt: skip


def test_a_late_coder_is_found(room):
    issues = room.found(room.make(coded(room.clean(), 6)), "coders")
    late = issues[issues["message"].str.startswith("coder C: the apex is")]
    assert len(late) == 1
    assert "later" in late["message"].iloc[0] and "95 % CI" in late["message"].iloc[0]
    assert not issues["field"].isin(["onset", "offset"]).any()


def test_coders_alike_are_not_named(room):
    assert room.found(room.make(coded(room.clean(), 0)), "coders").empty


def test_robust_z_is_empty_for_few_units():
    assert robust_z(np.arange(12.0), np.repeat(np.arange(4), 3)).empty
    assert isinstance(robust_z(np.arange(15.0), np.repeat(np.arange(5), 3)), pd.DataFrame)
