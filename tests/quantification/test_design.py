"""The design check: each warning appears where it must and stays away where it must."""

import numpy as np
import pandas as pd
import pytest

from mebias import tables
from mebias.quantification import quantify
from mebias.quantification.design import recording_issues


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
    assert issues.empty, issues["message"].tolist()


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
            "100% of the onset, 100% of the apex, 100% of the offset labels could not move",
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
    assert "nothing is tested" in messages(pd.concat([a, b]))


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
