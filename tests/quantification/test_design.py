"""The design check: each warning appears where it must and stays away where it must."""

import numpy as np
import pandas as pd
import pytest

from mebias import tables
from mebias.errors import OptionError, TableError
from mebias.quantification import quantify
from mebias.quantification.design import design_issues, recording_issues
from mebias.quantification.identification import design_check
from mebias.quantification.merging import OTHERS, merge_small_groups


def shifts(n_subjects=12, per=4, groups=("A", "B"), window=(-3, 3), fps=200.0, **columns):
    """Labels at 100, 130, 170 and a random frame of the window around each."""
    rng = np.random.default_rng(0)
    low, high = window
    rows = [
        {"dataset": "d", "clip": f"c{s}-{i}", "subject": f"s{s}", "keyframe": k, "human": h,
         "ethnicity": groups[s % len(groups)], "source": "gamdss", "distance": "signed",
         "fps": fps, "window_low": h + low, "window_high": h + high,
         "selected": h + int(rng.integers(low, high + 1))}
        for s in range(n_subjects) for i in range(per)
        for k, h in (("onset", 100), ("apex", 130), ("offset", 170))
    ]  # fmt: skip
    return tables.from_rows(rows, "shifts").assign(**columns)


def messages(table, **options):
    issues = quantify(table, n_permutations=99, **options).issues
    return " | ".join(issues["message"])


def test_a_sound_design_has_nothing_to_say_but_edges():
    issues = quantify(shifts(window=(-9, 9)), n_permutations=99).issues
    said = issues[issues["severity"] != "note"]  # what coefficients cannot say is a note
    assert said.empty, said["message"].tolist()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"groups": ("unknown",)}, "no subject's ethnicity is stated"),
        ({"groups": ("A",)}, "of one group (A)"),
        ({"groups": ("A", "A", "unknown")}, "ethnicity of 4 of 12 subjects is unknown"),
        ({"groups": ("A", "A", "A", "B")}, "described, not tested by themselves: B (3)"),
        ({"window": (0, 3)}, "onset only later; apex only later; offset only later"),
        ({"window": (-3, 0)}, "offset only earlier"),
        (
            {"window": (0, 0)},
            "100 % of the onset, 100 % of the apex, 100 % of the offset labels could not move",
        ),
        ({"window": (-1, 1)}, "lie at its edge"),
    ],
)
def test_what_the_design_cannot_show_is_said(options, words):
    assert words in messages(shifts(**options))


def test_two_sided_windows_do_not_fix_a_sign():
    assert "reach in one direction" not in messages(shifts())


def test_rows_left_out_are_counted_by_reason():
    table = shifts()
    table.loc[:5, "human_status"] = "imputed"
    table.loc[6:7, "selected_status"] = "failed"
    said = messages(table)
    assert "8 of 144 keyframes are left out" in said
    assert "6 human label imputed" in said
    assert "2 selection failed" in said


def test_a_table_of_several_rules_without_gamdss_is_not_tested_and_says_so():
    table = shifts()
    a, b = table.assign(source="x"), table.assign(source="y")
    assert "no shifts are tested" in messages(pd.concat([a, b]))


def test_groups_at_different_frame_rates_are_named():
    table = shifts()
    table["fps"] = table["fps"].where(table["ethnicity"] == "A", 100.0)
    assert "A 200, B 100" in messages(table)


def test_several_datasets_are_not_several_groups():
    table = pd.concat([shifts(), shifts().assign(dataset="e")])
    assert "a difference between datasets is not a difference between groups" in messages(table)


def test_informative_cluster_sizes_are_seen():
    rng = np.random.default_rng(0)
    sizes = [2, 30] * 8
    rows = [
        {"dataset": "d", "clip": f"c{s}-{i}", "subject": f"s{s}", "keyframe": "apex",
         "human": 100, "ethnicity": "AB"[s % 4 // 2], "fps": 200.0,
         "selected": 100 + (8 if n > 2 else 0) + int(rng.integers(-1, 2))}
        for s, n in enumerate(sizes) for i in range(n)
    ]  # fmt: skip
    assert "whether clips or subjects are weighted" in messages(tables.from_rows(rows, "shifts"))


def test_clips_cut_at_the_labels_are_told_for_each_end():
    clips = tables.from_rows(
        [{"dataset": "d", "clip": f"c{i}", "subject": "s", "fps": 100.0, "lead_frames": 0,
          "tail_frames": 30 * (i > 0)} for i in range(10)],
        "clips",
    )  # fmt: skip
    (message,) = recording_issues(clips)["message"]
    assert "10 of 10 clips are cut at the human onset" in message
    assert recording_issues(clips.assign(lead_frames=np.nan)).empty


def checked(table, severity="warning", **options):
    issues = design_check(table, **options)
    return " | ".join(issues[issues["severity"] == severity]["message"])


def test_a_sound_design_is_described_without_a_warning():
    table = shifts(window=(-9, 9))
    assert checked(table) == ""
    notes = checked(table, "note")
    assert "12 subjects (A 6, B 6) with 48 clips, 4 to 4 each (median 4)" in notes
    assert "gamdss could move 100 % of the onsets, 100 % of the apexes" in notes
    assert "identifiable within this dataset: A (6 subjects) against all others (6)" in notes
    assert "fewer than 8 subjects the larger of two p-values decides" in notes
    assert "never a difference to another dataset" in notes


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        (("A",), "no contrast between groups"),
        (("unknown",), "no contrast between groups"),
        (("A", "A", "A", "B"), "no contrast between groups"),
        (("A", "B", "A", "C"), "A (9 subjects) against all others (9), and each of"),
    ],
)
def test_what_is_identifiable_is_said_in_words(groups, words):
    n = 18 if "C" in groups else 12
    notes = checked(shifts(n_subjects=n, groups=groups), "note", min_subjects=4)
    assert words in notes


def test_cut_clips_come_first_and_say_what_cannot_be_estimated():
    table = shifts()
    names = table.drop_duplicates("clip")
    clips = names[["dataset", "clip", "subject", "fps"]].assign(lead_frames=0, tail_frames=9)
    first = design_check(table, clips=clips, definitions={})["message"].iloc[0]
    assert "48 of 48 clips are cut at the human onset" in first
    assert "the bias of the onset cannot be estimated" in first
    assert "cut at" not in checked(table, clips=clips.assign(lead_frames=5))
    assert "cut at" not in checked(table)
    # Without a clips table the shifts tell.
    own = checked(table.assign(lead_frames=0, tail_frames=9))
    assert "48 of 48 clips are cut at the human onset" in own
    assert "cut at the human offset" not in own
    found = quantify(table, n_permutations=99)
    issues = design_issues(found.shifts, found.estimates, found.tests, 5, clips=clips)
    assert "48 of 48 clips" in issues["message"].iloc[0]


def test_truncated_windows_are_counted():
    table = shifts()
    table.loc[(table["keyframe"] == "offset") & (table.index % 2 == 0), "selected_status"] = (
        "truncated"
    )
    assert "24 of 48 offsets reach beyond the recording" in checked(table)


def test_unknown_definitions_are_named():
    known = {"onset": "first change", "apex": "unknown", "offset": "back to neutral"}
    assert "how the coders defined apex:" in checked(shifts(), definitions=known)
    assert "onset, apex, offset" in checked(shifts(), definitions={})
    assert "defined" not in checked(shifts(), definitions=known | {"apex": "largest"})
    assert "defined" not in checked(shifts())


@pytest.mark.parametrize(
    ("fps", "margin", "said"),
    [(200.0, None, False), (30.0, None, True), (30.0, 40.0, False), (200.0, 2.0, True)],
)
def test_a_frame_longer_than_the_effect_of_interest_is_said(fps, margin, said):
    text = checked(shifts(fps=fps), margin_ms=margin)
    assert (f"a frame lasts up to {1000 / fps:.1f} ms" in text) == said


def test_labels_missing_unevenly_are_told_by_group():
    table = shifts()
    lost = (table["keyframe"] == "apex") & (table["ethnicity"] == "A") & (table.index % 3 > 0)
    table.loc[lost & (table["clip"].str[-1] == "0"), "human_status"] = "imputed"
    assert "apexes are not equally frequent in the groups (A 25 %, B 0 %)" in checked(table)
    table.loc[(table["keyframe"] == "apex") & (table["clip"].str[-1] == "0"), "human_status"] = (
        "imputed"
    )
    assert "equally frequent" not in checked(table)


def test_a_subject_with_a_quarter_of_the_clips_is_named():
    table = shifts(n_subjects=10)
    many = table[table["subject"] == "s0"]
    more = [many.assign(clip=many["clip"] + f"+{i}") for i in range(4)]
    found = checked(pd.concat([table, *more]).reset_index(drop=True))
    assert "subject s0 has 20 of 56 clips" in found


def test_checks_survive_what_cannot_be_used():
    nothing = shifts().assign(selected=np.nan, selected_status="failed")
    assert "no contrast" not in checked(nothing, "note")
    assert "1 subject (A 1) with 1 clip," in checked(shifts(n_subjects=1, per=1), "note")
    with pytest.raises(TableError, match="finite"):
        checked(shifts().assign(selected=np.inf))
    with pytest.raises(OptionError, match="margin_ms"):
        checked(shifts(), margin_ms=0)


def test_small_groups_are_merged_on_request_and_counted():
    table = shifts(n_subjects=12, groups=("A", "A", "B", "C", "A", "unknown"))
    merged, issues = merge_small_groups(table, 4)
    assert set(merged["ethnicity"]) == {"A", OTHERS, "unknown"}
    assert (merged["ethnicity"] == OTHERS).sum() == table["ethnicity"].isin(["B", "C"]).sum()
    (message,) = issues["message"]
    assert "2 groups with fewer than 4 subjects" in message
    assert "B (2), C (2); together 4 subjects." in message
    assert set(table["ethnicity"]) == {"A", "B", "C", "unknown"}
    tests = quantify(merged, min_subjects=4, n_permutations=99).tests
    of_groups = tests["family"].isin(["primary", "heterogeneity", "group-vs-rest", "pairs"])
    assert tests.loc[of_groups, "p_value"].notna().all()


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        (("A", "A", "A", "B"), "only one group has fewer than 4 subjects: B (3)"),
        (("A", "B", "C", "D"), "it would leave one group and no contrast"),
    ],
)
def test_nothing_is_merged_where_no_contrast_would_come_of_it(groups, words):
    table = shifts(groups=groups)
    merged, issues = merge_small_groups(table, 4)
    pd.testing.assert_frame_equal(merged, table)
    assert words in issues["message"].iloc[0]


def test_merged_groups_that_stay_small_are_said_to():
    _, issues = merge_small_groups(shifts(groups=("A",) * 10 + ("B", "C")), 5)
    assert "together 2 subjects, which are still too few to be tested" in issues["message"].iloc[0]
    with pytest.raises(OptionError, match="min_subjects"):
        merge_small_groups(shifts(), 1)
