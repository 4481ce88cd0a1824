"""Every dataset in its authors' layout: each row read, each planted error said, frames found."""

import csv
import math

import cv2
import numpy as np
import openpyxl
import pandas as pd
import pytest
import xlrd
from authors import VARIANTS, build
from openpyxl.utils import column_index_from_string

import mebias

CASES = [(name, variant) for name, variants in VARIANTS.items() for variant in variants]
TEXTS = ("subject", "emotion", "aus", "expression_type", "ethnicity")


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "-".join(case))
def case(request, tmp_path_factory):
    """A cohort as its authors hand it out, and as it was read."""
    name, variant = request.param
    built = build(name, tmp_path_factory.mktemp(name), variant=variant)
    return built, mebias.load(name, built.root, **built.load_options)


def test_the_clips_are_those_of_the_table(case):
    built, cohort = case
    assert sorted(cohort.clips["clip"]) == sorted(built.expected)


def test_every_keyframe_is_read_as_written(case):
    built, cohort = case
    read = {
        (row.clip, row.keyframe): (_number(row.frame), row.status)
        for row in cohort.keyframes.itertuples()
    }
    planted = {
        (clip, keyframe): (_number(row[keyframe]), row["status"][keyframe])
        for clip, row in built.expected.items()
        for keyframe in ("onset", "apex", "offset")
    }
    assert read == planted


def _number(frame):
    return None if math.isnan(frame) else float(frame)


def test_an_apex_coded_as_an_interval_keeps_both_ends(case):
    built, cohort = case
    apexes = cohort.keyframes[cohort.keyframes["keyframe"] == "apex"].set_index("clip")
    read = {clip: high for clip, high in apexes["frame_high"].items() if not math.isnan(high)}
    planted = {c: r["apex_high"] for c, r in built.expected.items() if r.get("apex_high")}
    assert read == planted
    for clip in planted:
        assert apexes.loc[clip, "frame_low"] == built.expected[clip]["apex"]


def test_subjects_and_labels_are_those_of_the_table(case):
    built, cohort = case
    clips = cohort.clips.set_index("clip")
    for column in (*TEXTS, "fps"):
        planted = {c: r[column] for c, r in built.expected.items() if column in r}
        assert {c: clips.loc[c, column] for c in planted} == planted, column


def test_every_planted_error_is_said(case):
    built, cohort = case
    for clip, word in built.reported:
        issues = cohort.issues
        if clip:
            shown = clip.rpartition("/")[2].partition("#")[0]
            issues = issues[(issues["clip"] == clip) | issues["message"].str.contains(shown)]
        texts = issues.astype(str).agg(" ".join, axis=1)
        assert texts.str.contains(word, case=False, regex=False).any(), (clip, word, list(texts))


def test_frames_are_found_and_counted_as_the_labels_count(case):
    built, cohort = case
    clips = cohort.clips.set_index("clip")
    for clip, row in built.expected.items():
        numbers = np.array(row["numbers"])
        if not len(numbers):
            continue
        assert clips.loc[clip, "n_frames"] == len(numbers), clip
        assert clips.loc[clip, "first_frame"] == numbers[0], clip
        np.testing.assert_array_equal(cohort.frames.numbers(clip), numbers)
        told = clips.loc[clip, ["lead_frames", "tail_frames"]].astype(float).tolist()
        np.testing.assert_array_equal(told, _lead_and_tail(row, numbers), err_msg=clip)


def _lead_and_tail(row, numbers):
    usable = {k: s in {"annotated", "censored"} for k, s in row["status"].items()}
    lead = float((numbers < row["onset"]).sum()) if usable["onset"] else math.nan
    tail = float((numbers > row["offset"]).sum()) if usable["offset"] else math.nan
    return [lead, tail]


def test_frames_are_read_by_the_labels_numbers(case):
    built, cohort = case
    for clip, row in built.expected.items():
        for number in row["numbers"][:: max(1, len(row["numbers"]) - 1)]:
            stored = cv2.imread(str(built.file(clip, number)), cv2.IMREAD_UNCHANGED)
            np.testing.assert_array_equal(cohort.frames.read(clip, number), stored)


def test_cells_point_at_what_was_read(case):
    built, cohort = case
    if not built.tables:
        assert cohort.cells.empty
        return
    keyframes = cohort.keyframes.set_index(["clip", "keyframe"])
    books = {}
    annotated = 0
    for cell in cohort.cells.itertuples():
        rows = books.setdefault((cell.file, cell.sheet), _rows(built.root / cell.file, cell.sheet))
        row = rows[int(cell.row) - 1]
        value = row[column_index_from_string(cell.column) - 1]
        _same_cell(value, cell.written)
        name = cell.clip.partition("/")[2].partition("#")[0]
        assert name in "|".join(str(v) for v in row), cell
        if cell.keyframe == "apex_high":
            frame = keyframes.loc[(cell.clip, "apex"), "frame_high"]
        else:
            frame = keyframes.loc[(cell.clip, cell.keyframe), "frame"]
        if not math.isnan(frame):
            assert abs(float(value) - frame) <= 0.5, cell
            annotated += 1
    assert annotated >= cohort.keyframes["frame"].notna().sum()


def _rows(path, sheet):
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as handle:
            return list(csv.reader(handle))
    if path.suffix == ".xls":
        found = xlrd.open_workbook(path).sheet_by_name(sheet)
        return [found.row_values(r) for r in range(found.nrows)]
    return list(openpyxl.load_workbook(path)[sheet].values)


def _same_cell(value, written):
    shown = "" if value is None else str(value).strip()
    assert shown == written or float(shown) == float(written)


def test_expressions_of_one_recording_share_it(case):
    built, cohort = case
    folders = pd.Series({c: r.get("folder", c) for c, r in built.expected.items()})
    for _, clips in folders.groupby(folders):
        videos = cohort.clips.loc[cohort.clips["clip"].isin(clips.index), "video"]
        if len(videos) > 1:
            assert len(set(videos)) == 1, videos.tolist()
            assert videos.iloc[0]


def test_eye_blinks_are_those_of_the_sheet(case):
    built, cohort = case
    blinks = cohort.blinks
    if blinks is None:
        assert not built.blinks
        return
    read = set(zip(blinks["video"], blinks["onset"], blinks["offset"], strict=True))
    assert read == set(built.blinks)


CORRECTED = {
    "samm": {"028/028_4_1": ("apex", None, "missing"), "032/032_3_1": ("apex", None, "missing")},
    "casme3": {
        "spNO.149/d#112": ("apex", 160, "corrected"),
        "spNO.216/d#3647": ("onset", 2647, "corrected"),
        "spNO.40/e#1812": ("offset", 1845, "corrected"),
        "spNO.216/e#0": ("apex", 1, "corrected"),
    },
}


@pytest.mark.parametrize("name", CORRECTED)
def test_known_corrections_are_made_on_request_only(name, tmp_path):
    built = build(name, tmp_path, frames=False)
    corrected = mebias.load(name, built.root, errata=True, **built.load_options)
    keyframes = corrected.keyframes.set_index(["clip", "keyframe"])
    for clip, (keyframe, frame, status) in CORRECTED[name].items():
        row = keyframes.loc[(clip, keyframe)]
        assert (_number(row["frame"]), row["status"]) == (frame, status)
    left = keyframes[~keyframes.index.get_level_values("clip").isin(CORRECTED[name])]
    as_written = mebias.load(name, built.root, **built.load_options).keyframes
    as_written = as_written.set_index(["clip", "keyframe"]).loc[left.index]
    pd.testing.assert_frame_equal(left, as_written)
