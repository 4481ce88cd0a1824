"""Two human versions of the labels, on made-up tables and, where they are, on the real ones."""

import math
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mebias import label_versions, tables
from mebias.errors import TableError
from mebias.quantification import quantify, revisions, unevenness
from mebias.quantification.revisions import _anova_icc

REAL = os.environ.get("MEBIAS_CASME3_TABLES", "")


def version(frames, kinds, subjects=None):
    """Clips c0, c1, ... with (onset, apex, offset) and an expression type each."""
    subjects = subjects or [f"s{i // 2}" for i in range(len(frames))]
    clips = [
        {"dataset": "d", "clip": f"c{i}", "subject": subjects[i], "ethnicity": "unknown",
         "expression_type": kind, "fps": 50.0}
        for i, kind in enumerate(kinds)
    ]  # fmt: skip
    rows = [
        {"dataset": "d", "clip": f"c{i}", "source": "human", "keyframe": k, "frame": f,
         "status": "missing" if math.isnan(f) else "annotated"}
        for i, triple in enumerate(frames) for k, f in zip(tables.KEYFRAMES, triple, strict=True)
    ]  # fmt: skip
    return tables.from_rows(clips, "clips"), tables.from_rows(rows, "keyframes")


OLD = version([(1, 5, 9), (2, 6, 10), (3, 7, 11), (4, 8, 12)], ["micro", "micro", "macro", "macro"])
NEW = version([(1, 9, 9), (2, 6, 10), (3, 7, 13), (4, 8, 12)], ["macro", "micro", "macro", "macro"])


def run(old=OLD, new=NEW):
    return revisions(*old, *new, old_name="v1", new_name="v2")


def test_shifts_are_new_minus_old_and_strata_are_those_of_the_old_version():
    shifts, _, _ = run()
    moved = shifts[shifts["shift_frames"] != 0]
    assert moved[["clip", "keyframe", "shift_frames", "shift_ms"]].to_numpy().tolist() == [
        ["c0", "apex", 4, 80], ["c2", "offset", 2, 40],
    ]  # fmt: skip
    assert moved["expression_type"].tolist() == ["micro", "macro"]
    assert shifts["source"].unique().tolist() == ["v2"]


def test_swapping_the_versions_flips_every_sign():
    there, _, _ = run()
    back, _, _ = run(NEW, OLD)
    assert (there["shift_frames"] == -back["shift_frames"]).all()


def test_transitions_count_every_clip_once_and_shares_are_of_the_old_type():
    _, transitions, _ = run()
    assert transitions["n_clips"].sum() == 4
    row = transitions.query("type_old == 'micro' and type_new == 'macro'").iloc[0]
    assert (row["n_clips"], row["share"], row["n_revised_apex"]) == (1, 0.5, 1)
    assert row["conf_low"] < 0.5 < row["conf_high"]
    none = transitions.query("type_old == 'macro' and type_new == 'micro'").iloc[0]
    assert (none["n_clips"], none["share"], none["conf_low"]) == (0, 0, 0)
    assert 0 < none["conf_high"] < 1


def test_subjects_count_labels_and_revisions():
    _, _, subjects = run()
    row = subjects.query("subject == 's0' and keyframe == 'apex' and stratum == 'all'").iloc[0]
    assert (row["n_clips"], row["n_revised"], row["share"], row["mean_shift_ms"]) == (2, 1, 0.5, 80)
    untouched = subjects.query("subject == 's1' and keyframe == 'apex' and stratum == 'all'")
    assert untouched["mean_shift_ms"].isna().all()
    assert set(subjects["stratum"]) == {"all", "micro", "macro"}


def test_a_label_missing_in_one_version_is_no_revision():
    new = version([(1, math.nan, 9), (2, 6, 10), (3, 7, 13), (4, 8, 12)], ["micro"] * 4)
    shifts, _, subjects = run(new=new)
    assert shifts.query("clip == 'c0' and keyframe == 'apex'")["shift_frames"].isna().all()
    row = subjects.query("subject == 's0' and keyframe == 'apex' and stratum == 'all'").iloc[0]
    assert (row["n_clips"], row["n_revised"]) == (1, 0)


def test_versions_of_different_datasets_are_refused():
    clips, keyframes = NEW
    with pytest.raises(TableError, match="no clip in common"):
        run(new=(clips.assign(clip="x"), keyframes))


def test_revisions_can_be_quantified():
    rng = np.random.default_rng(1)
    frames = [(10, 20, 40)] * 60
    changed = [(10, 20 + int(rng.integers(0, 3)), 40) for _ in frames]
    subjects = [f"s{i % 10}" for i in range(60)]
    kinds = ["micro", "macro"] * 30
    shifts, _, _ = run(version(frames, kinds, subjects), version(changed, kinds, subjects))
    findings = quantify(shifts)
    found = findings.estimates.query(
        "quantity == 'share_moved' and keyframe == 'apex' and stratum == 'all' "
        "and ethnicity == 'all'"
    )
    assert found["estimate"].item() == pytest.approx(np.mean([c[1] != 20 for c in changed]))
    assert found["conf_low"].item() < found["estimate"].item() < found["conf_high"].item()
    assert {"micro", "macro"} <= set(findings.estimates["stratum"])
    assert set(findings.claims["topic"]) == {"groups", "durations"}
    assert set(findings.claims["grade"]) == {"can't be told"}  # no group, no duration changed


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_icc_is_0_when_revisions_are_spread_evenly_and_1_when_by_subject(share):
    rng = np.random.default_rng(0)
    even = rng.random((400, 10)) < share
    assert abs(_anova_icc(np.full(400, 10.0), even.sum(axis=1).astype(float))) < 0.05
    whole = np.repeat(rng.random(400) < share, 10).reshape(400, 10)
    assert _anova_icc(np.full(400, 10.0), whole.sum(axis=1).astype(float)) == pytest.approx(1)


def test_icc_agrees_with_analysis_of_variance_by_hand():
    groups = [np.array([1, 0, 0.0]), np.array([1, 1.0]), np.array([0, 0, 0, 1.0])]
    every = np.concatenate(groups)
    n, g = len(every), len(groups)
    between = sum(len(x) * (x.mean() - every.mean()) ** 2 for x in groups) / (g - 1)
    within = sum(((x - x.mean()) ** 2).sum() for x in groups) / (n - g)
    typical = (n - sum(len(x) ** 2 for x in groups) / n) / (g - 1)
    expected = (between - within) / (between + (typical - 1) * within)
    sizes = np.array([len(x) for x in groups], dtype=float)
    sums = np.array([x.sum() for x in groups])
    assert _anova_icc(sizes, sums) == pytest.approx(expected)


def test_unevenness_of_too_few_subjects_has_a_reason_and_no_interval():
    shifts, _, _ = run()
    icc = unevenness(shifts).query("quantity == 'icc_revised' and stratum == 'all'")
    assert icc["conf_low"].isna().all()
    assert (icc["reason"] != "").all()


@pytest.fixture(scope="module")
def real():
    if not REAL:
        pytest.skip(
            "MEBIAS_CASME3_TABLES names no folder with CAS(ME)3_part_A_v1.xls and _v2.xls, so "
            "the comparison of the two real versions is not run"
        )
    folder = Path(REAL)
    return label_versions.compare_versions(
        folder / "CAS(ME)3_part_A_v1.xls", folder / "CAS(ME)3_part_A_v2.xls", dataset="casme3"
    )


def test_real_versions_give_the_known_counts(real):
    wide = real.shifts.assign(changed=real.shifts["shift_frames"].fillna(0) != 0)
    assert real.shifts["clip"].nunique() == 4206
    assert wide.groupby("keyframe")["changed"].sum().to_dict() == {
        "apex": 575, "offset": 34, "onset": 4,
    }  # fmt: skip
    counts = real.transitions.set_index(["type_old", "type_new"])["n_clips"]
    assert counts["micro", "macro"] == 65
    assert counts["macro", "micro"] == 4
    assert counts.sum() == 4206


def test_real_versions_have_clustered_intervals_and_moved_later(real):
    findings = real.quantify()
    estimates = findings.estimates
    assert isinstance(estimates, pd.DataFrame)
    apex = estimates[(estimates["keyframe"] == "apex") & (estimates["ethnicity"] == "all")]
    share = apex[(apex["quantity"] == "share_moved") & (apex["stratum"] == "all")].iloc[0]
    assert share["estimate"] == pytest.approx(575 / 4206)
    assert share["n_subjects"] == real.shifts["subject"].nunique()
    independent = 1.96 * math.sqrt(share["estimate"] * (1 - share["estimate"]) / 4206)
    assert share["conf_high"] - share["conf_low"] > 2.2 * independent, "subjects are clusters"
    moved = real.shifts[(real.shifts["keyframe"] == "apex") & (real.shifts["shift_frames"] != 0)]
    assert (moved["shift_frames"] > 0).sum() == 574
    assert moved["shift_frames"].median() == 20
    icc = apex[(apex["quantity"] == "icc_revised") & (apex["stratum"] == "all")].iloc[0]
    assert 0 < icc["conf_low"] < icc["estimate"] < icc["conf_high"]
