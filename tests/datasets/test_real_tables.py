"""The published tables of CAS(ME)^3, where MEBIAS_CASME3_TABLES names their folder."""

import os
from pathlib import Path

import pytest

from mebias.datasets import load, read_versions
from mebias.manifests import get_manifest

REAL = os.environ.get("MEBIAS_CASME3_TABLES", "")
pytestmark = pytest.mark.skipif(
    not REAL,
    reason="MEBIAS_CASME3_TABLES names no folder with the label tables of CAS(ME)^3 part A, so "
    "they are not read",
)


@pytest.fixture(scope="module")
def versions():
    paths = [Path(REAL) / f"CAS(ME)3_part_A_v{number}.xls" for number in (1, 2)]
    return read_versions(*paths, get_manifest("casme3"))


def test_both_versions_have_4206_rows_in_the_same_order(versions):
    old_clips, old, new_clips, new, info = versions
    assert len(old_clips) == len(new_clips) == 4206
    assert old_clips["clip"].tolist() == new_clips["clip"].tolist()
    assert old_clips["clip"].is_unique
    assert len(old) == len(new) == 3 * 4206
    assert old_clips["subject"].nunique() == 98
    assert info["pairing"] == "row"


def test_what_was_revised(versions):
    _, old, _, new, _ = versions
    changed = old["frame"].to_numpy() != new["frame"].to_numpy()
    counts = old.loc[changed, "keyframe"].value_counts().to_dict()
    assert counts == {"apex": 575, "offset": 34, "onset": 4}
    apex = changed & (old["keyframe"] == "apex").to_numpy()
    moved = (new["frame"] - old["frame"])[apex]
    assert (moved > 0).sum() == 574
    assert (moved.median(), moved.min(), moved.max()) == (20, -7, 1100)


def test_micro_and_macro(versions):
    old_clips, _, new_clips, _, _ = versions
    types = list(zip(old_clips["expression_type"], new_clips["expression_type"], strict=True))
    assert types.count(("micro", "macro")) == 65
    assert types.count(("macro", "micro")) == 4
    assert (old_clips["expression_type"] == "micro").sum() == 921
    assert (new_clips["expression_type"] == "micro").sum() == 860


def test_two_rows_of_version_1_begin_at_one_frame(versions):
    clips = versions[0]["clip"]
    assert clips[clips.str.endswith(".2")].tolist() == ["spNO.144/c#451.2"]


@pytest.mark.parametrize(("version", "count"), [("micro-v1", 921), ("micro-v2", 860)])
def test_micro_tables_load_without_frames(version, count):
    cohort = load("casme3", REAL, version=version)
    assert len(cohort) == count
    assert cohort.frames is None
    assert "no frames were found" in cohort.issues["message"].iloc[-1]


def test_the_four_order_errors_of_the_micro_table():
    cohort = load("casme3", REAL)
    odd = cohort.keyframes[cohort.keyframes["status"].isin(["invalid", "missing"])]
    assert odd.groupby("clip", sort=False)["keyframe"].agg(list).to_dict() == {
        "spNO.149/d#112": ["apex"],
        "spNO.216/d#3647": ["onset", "offset"],
        "spNO.40/e#1812": ["offset"],
        "spNO.40/e#2327": ["offset"],
    }
    assert set(odd["clip"]) <= set(cohort.issues["clip"])
    assert (cohort.keyframes["status"] == "censored").sum() == 53
    assert cohort.clips["emotion"].value_counts()["others"] == 161
    assert cohort.clips["subject"].nunique() == 94
