"""Groups come from the user's file or the table, never from anywhere else."""

import pytest

from mebias.datasets import load
from mebias.errors import AnnotationError

HEADER = ["Subject", "Filename", "Onset Frame", "Apex Frame", "Offset Frame"]


@pytest.fixture
def root(make, tmp_path):
    rows = [[s, f"{s}_1_1", 1, 2, 3] for s in ("006", "007", "008")]
    make.xlsx(tmp_path / "data" / "SAMM_Micro_FACS_Codes_v2.xlsx", [HEADER, *rows], "MICRO_ONLY")
    return tmp_path / "data"


def groups(make, root, *rows, header=("subject", "ethnicity"), **options):
    path = make.csv(root.parent / "groups.csv", [header, *rows])
    return load("samm", root, ethnicity=path, **options)


def refused(make, root, *rows, **options):
    with pytest.raises(AnnotationError) as error:
        groups(make, root, *rows, **options)
    assert "groups.csv" in str(error.value)
    return str(error.value)


def test_groups_of_subjects_whose_zeros_a_spreadsheet_took(make, root):
    cohort = groups(make, root, [6, "X"], ["007", "Y"], [8, "X"])
    assert cohort.clips["ethnicity"].tolist() == ["X", "Y", "X"]
    assert list(cohort.settings["ethnicity"]) == ["groups.csv"]
    assert not (cohort.issues["field"] == "ethnicity").any()


def test_other_headers_and_a_workbook_do_as_well(make, root):
    cohort = groups(make, root, *[[s, "X"] for s in (6, 7, 8)], header=("Participant", "Group"))
    assert cohort.clips["ethnicity"].tolist() == ["X"] * 3
    book = make.xlsx(
        root.parent / "g.xlsx", [["Subject", "Ethnic"], *[[s, "X"] for s in (6, 7, 8)]]
    )
    assert load("samm", root, ethnicity=book).clips["ethnicity"].tolist() == ["X"] * 3


def test_sessions_of_one_person_share_their_group(make, tmp_path):
    header = ["sub_ID", "fold_name", "Onset", "Apex", "Offset"]
    rows = [["S13_1st", 1, 1, 2, 3], ["S13_2nd", 1, 1, 2, 3]]
    make.xlsx(tmp_path / "data" / "4DME_Labelling_Micro_release v1.xlsx", [header, *rows])
    path = make.csv(tmp_path / "g.csv", [["subject", "ethnicity"], ["S13_1st", "X"]])
    assert load("4dme", tmp_path / "data", ethnicity=path).clips["ethnicity"].tolist() == ["X", "X"]
    make.csv(path, [["subject", "ethnicity"], ["S13_1st", "X"], ["S13_2nd", "Y"]])
    with pytest.raises(AnnotationError, match="rows 2 and 3: subject 'S13' has the groups"):
        load("4dme", tmp_path / "data", ethnicity=path)


def test_subjects_without_a_row_or_with_a_blank_are_unknown_and_named(make, root):
    cohort = groups(make, root, ["006", "X"], ["007", "?"], ["080", "X"])
    assert cohort.clips["ethnicity"].tolist() == ["X", "unknown", "unknown"]
    messages = cohort.issues.query("field == 'ethnicity'")["message"].tolist()
    assert "no row for 1 of 3 subjects" in messages[0]
    assert "008; did you mean 080?" in messages[0]
    assert "does not have: 080" in messages[1]


def test_one_group_in_two_spellings_is_noted(make, root):
    cohort = groups(make, root, [6, "Malay"], [7, "malay"], [8, "malay"])
    assert "several ways" in cohort.issues["message"].iloc[-2] + cohort.issues["message"].iloc[-1]
    assert sorted(set(cohort.clips["ethnicity"])) == ["Malay", "malay"]


def test_no_subject_in_common(make, root):
    text = refused(make, root, ["S1", "X"])
    assert "names none of the subjects of samm: it has S1, the dataset has 006, 007, 008" in text


def test_two_groups_of_one_subject(make, root):
    text = refused(make, root, ["006", "X"], [6, "Y"])
    assert "rows 2 and 3: subject '006' has the groups 'X' and 'Y'" in text


def test_the_reserved_group(make, root):
    assert "row 2: the group 'All'" in refused(make, root, ["006", "All"])


def test_a_blank_subject(make, root):
    assert "row 3, column 'subject' (A): found a blank" in refused(make, root, [6, "X"], ["", "Y"])


def test_missing_columns_and_files(make, root):
    text = refused(make, root, [6, "X"], header=("subject", "colour"))
    assert "a column for ethnicity (known as ethnicity or ethnic or group)" in text
    with pytest.raises(AnnotationError, match=r"nowhere\.csv was not found; expected a CSV"):
        load("samm", root, ethnicity=root / "nowhere.csv")


def test_a_column_of_ones_own_table_and_a_file_that_overrides_it(make, tmp_path):
    header = ["clip", "subject", "onset", "apex", "offset", "fps", "ethnicity"]
    rows = [["a", "s1", 1, 2, 3, 50, "X"], ["b", "s2", 1, 2, 3, 50, ""]]
    make.csv(tmp_path / "data" / "annotations.csv", [header, *rows])
    assert load("folder", tmp_path / "data").clips["ethnicity"].tolist() == ["X", "unknown"]
    path = make.csv(tmp_path / "g.csv", [["subject", "ethnicity"], ["s1", "Y"], ["s2", "Z"]])
    cohort = load("folder", tmp_path / "data", ethnicity=path)
    assert cohort.clips["ethnicity"].tolist() == ["Y", "Z"]
    make.csv(tmp_path / "data" / "annotations.csv", [header, *rows, ["c", "s1", 1, 2, 3, 50, "Y"]])
    with pytest.raises(AnnotationError, match="rows 2 and 4: subject 's1' has the groups"):
        load("folder", tmp_path / "data")


def test_a_folder_number_is_not_taken_for_a_subject_code(tmp_path):
    from authors import build

    built = build("casmesq", tmp_path / "data")  # subject 2 lies in folder s16, 16 is another one
    file = tmp_path / "groups.csv"
    file.write_text("subject,ethnicity\n1,A\ns2,B\n")
    clips = load("casmesq", built.root, ethnicity=file).clips
    assert dict(zip(clips["subject"], clips["ethnicity"], strict=True))["2"] == "unknown"
