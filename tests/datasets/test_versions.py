"""Two versions of the same labels: how rows are paired, and when they are not."""

import json

import pytest

from mebias.datasets import read_versions
from mebias.errors import AnnotationError, DataRootError
from mebias.manifests import get_manifest

CASME3, FOLDER = get_manifest("casme3"), get_manifest("folder")
V1, V2 = "CAS(ME)3_part_A_v1.xls", "CAS(ME)3_part_A_v2.xls"
HEADER = ["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Expression type"]
OLD = [
    ["spNO.1", "a", "10", "15", "30", "4", "Micro-expression"],
    ["spNO.1", "a", "50", "55", "70", "4", "Macro-expression"],
    ["spNO.2", "J", 20, 25, 40, "12", "Micro-expression"],
]
NEW = [
    ["spNO.1", "a", 12, 15, 30, "4", "Macro-expression"],
    ["spNO.1", "a", 50, 75, 80, "4", "Macro-expression"],
    ["spNO.2", "J", 20, 25, 40, "12", "Micro-expression"],
]
OWN = [["clip", "subject", "onset", "apex", "offset", "fps"]]


def part_a(make, path, rows):
    return make.xlsx(path, [HEADER, *rows], "AU+Emotion")


@pytest.fixture
def pair(make, tmp_path):
    return part_a(make, tmp_path / V1, OLD), part_a(make, tmp_path / V2, NEW)


def test_rows_are_paired_by_position_and_a_revised_onset_keeps_its_id(pair):
    old_clips, old, new_clips, new, info = read_versions(*pair, CASME3)
    ids = ["spNO.1/a#10", "spNO.1/a#50", "spNO.2/J#20"]
    assert old_clips["clip"].tolist() == new_clips["clip"].tolist() == ids
    assert old["frame"].tolist() == [10, 15, 30, 50, 55, 70, 20, 25, 40]
    assert new["frame"].tolist() == [12, 15, 30, 50, 75, 80, 20, 25, 40]
    assert old_clips["expression_type"].tolist() == ["micro", "macro", "micro"]
    assert new_clips["expression_type"].tolist() == ["macro", "macro", "micro"]
    assert set(old["source"]) == set(new["source"]) == {"human"}
    assert info["pairing"] == "row"
    assert info["versions"] == ["part-a-v1", "part-a-v2"]
    assert (info["only_old"], info["only_new"], info["dataset"]) == (0, 0, "casme3")


def test_info_is_json_and_names_no_folder(pair, tmp_path):
    info = read_versions(*pair, CASME3)[-1]
    text = json.dumps(info)
    assert str(tmp_path) not in text
    assert sorted(info["files"]) == [V1, V2]
    assert all(len(value) == 64 for value in info["files"].values())


def test_given_the_other_way_round_the_ids_are_still_those_of_version_1(pair):
    old_clips, old, *_, info = read_versions(pair[1], pair[0], CASME3)
    assert old_clips["clip"].iloc[0] == "spNO.1/a#10"
    assert old["frame"].iloc[0] == 12
    assert info["versions"] == ["part-a-v2", "part-a-v1"]


def test_an_order_violation_is_invalid_in_its_version_only_under_the_shared_id(make, tmp_path):
    wrong = [["spNO.1", "a", 12, 3, 30, "4", "Macro-expression"], *NEW[1:]]
    paths = part_a(make, tmp_path / V1, OLD), part_a(make, tmp_path / V2, wrong)
    _, old, _, new, info = read_versions(*paths, CASME3)
    apex = new.iloc[1]
    assert (apex["frame"], apex["status"]) == (3, "invalid")
    assert old["status"].iloc[1] == "annotated"
    issue = next(i for i in info["issues"] if i["field"] == "apex")
    assert issue["clip"] == "spNO.1/a#10"


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [(0, "spNO.3", "'Subject' (A) says 'spNO.2'"), (1, "j", "'Filename' (B) says 'J'")],
)
def test_a_row_that_differs_is_named_in_one_sentence(make, pair, column, value, words):
    rows = [list(row) for row in NEW]
    rows[2][column] = value
    part_a(make, pair[1], rows)
    with pytest.raises(AnnotationError) as error:
        read_versions(*pair, CASME3)
    message = str(error.value)
    assert words in message
    assert repr(value) in message
    assert message.count("row 4") == 2
    assert "\n" not in message


def test_a_row_too_few_is_named(make, pair):
    part_a(make, pair[1], NEW[:2])
    with pytest.raises(AnnotationError, match=r"_v1\.xls has 3 rows, .*_v2\.xls has 2"):
        read_versions(*pair, CASME3)


def test_a_missing_workbook_says_where_to_ask(tmp_path, pair):
    with pytest.raises(DataRootError) as error:
        read_versions(pair[0], tmp_path / "nowhere" / V2, CASME3)
    assert "jingtingEmmaLi/CAS-ME-3" in str(error.value)
    assert f"{V2} was not found" in str(error.value)
    with pytest.raises(DataRootError, match="is a folder, not a file"):
        read_versions(tmp_path, pair[1], CASME3)


def test_the_same_file_twice_is_refused(tmp_path, pair):
    copy = tmp_path / "copy.xls"
    copy.write_bytes(pair[0].read_bytes())
    for other in (pair[0], copy):
        with pytest.raises(AnnotationError, match="the same file"):
            read_versions(pair[0], other, CASME3)


def test_renamed_workbooks_are_known_by_their_sheet_and_named_after_their_files(pair, tmp_path):
    paths = [
        path.rename(tmp_path / name) for path, name in zip(pair, ("x.xls", "y.xls"), strict=True)
    ]
    *_, info = read_versions(*paths, CASME3)
    assert info["versions"] == ["x", "y"]
    assert info["pairing"] == "row"
    assert sum("not a known file name" in i["message"] for i in info["issues"]) == 2


def test_two_tables_of_ones_own_are_paired_by_clip(make, tmp_path):
    old = make.csv(tmp_path / "a.csv", [*OWN, ["c1", "s1", 1, 5, 9, 50], ["c2", "s1", 1, 5, 9, 50]])
    new = make.csv(
        tmp_path / "b.csv",
        [*OWN, ["c3", "s2", 1, 5, 9, 50], ["c4", "s2", 1, "", 9, 50], ["c1", "s1", 1, 7, 9, 50]],
    )
    old_clips, _, new_clips, new_keyframes, info = read_versions(old, new, FOLDER)
    assert info["pairing"] == "key"
    assert info["versions"] == ["a", "b"]
    assert (info["only_old"], info["only_new"]) == (1, 2)
    messages = [i["message"] for i in info["issues"]]
    assert any("1 clip of a.csv not in b.csv" in m and "c2" in m for m in messages)
    assert set(old_clips["clip"]) & set(new_clips["clip"]) == {"c1"}
    assert new_keyframes.query("clip == 'c1' and keyframe == 'apex'")["frame"].item() == 7


def test_two_tables_of_one_name_are_told_apart(make, tmp_path):
    rows = [*OWN, ["c1", "s1", 1, 5, 9, 50]]
    old = make.csv(tmp_path / "a" / "annotations.csv", rows)
    new = make.csv(tmp_path / "b" / "annotations.csv", [*rows, ["c2", "s1", 1, 5, 9, 50]])
    info = read_versions(old, new, FOLDER)[-1]
    assert len(set(info["versions"])) == 2
    assert len(info["files"]) == 2


@pytest.mark.parametrize(
    ("row", "words"),
    [(["c1", "s2", 1, 5, 9, 50], "'s1' and 's2'"), (["c1", "s1", 1, 5, 9, 25], "50.0 and 25.0")],
)
def test_a_clip_that_changes_its_subject_or_frame_rate_is_refused(make, tmp_path, row, words):
    old = make.csv(tmp_path / "a.csv", [*OWN, ["c1", "s1", 1, 5, 9, 50]])
    new = make.csv(tmp_path / "b.csv", [*OWN, row])
    with pytest.raises(AnnotationError, match=words):
        read_versions(old, new, FOLDER)


def test_the_authors_workbooks_read_as_ones_own_are_sent_to_their_dataset(pair):
    with pytest.raises(AnnotationError, match=r"a table of CAS\(ME\)\^3 .* --dataset casme3"):
        read_versions(*pair, FOLDER)


def test_label_tables_of_different_kinds_are_paired_by_clip(make, pair, tmp_path):
    header = ["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "emotion"]
    rows = [["spNO.1", "a", "10", "16", "30", "4", "sad"], ["spNO.9", "a", 1, 2, 3, "4", "sad"]]
    name = "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx"
    micro = make.xlsx(tmp_path / name, [header, *rows], "label")
    *_, info = read_versions(pair[0], micro, CASME3)
    assert info["pairing"] == "key"
    assert (info["only_old"], info["only_new"]) == (2, 1)
