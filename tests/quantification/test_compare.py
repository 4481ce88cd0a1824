"""Human against selected keyframes: pairing, sign, units."""

import math

import pandas as pd
import pytest

from mebias import tables
from mebias.cohort import Cohort
from mebias.errors import TableError
from mebias.manifests import get_manifest
from mebias.quantification import compare


def cohort(rows, fps=50.0):
    """Rows: clip, coder, keyframe, frame[, status]."""
    keyframes = [
        {"dataset": "d", "clip": c, "coder": coder, "source": "human", "keyframe": k, "frame": f,
         "status": rest[0] if rest else "annotated"}
        for c, coder, k, f, *rest in rows
    ]  # fmt: skip
    clips = [
        {"dataset": "d", "clip": c, "subject": "s", "ethnicity": "A", "fps": fps}
        for c in dict.fromkeys(row[0] for row in rows)
    ]
    return Cohort(
        get_manifest("folder"),
        tables.from_rows(clips, "clips"),
        tables.from_rows(keyframes, "keyframes"),
        tables.empty("issues"),
    )


def chosen(rows, **columns):
    """Rows: clip, keyframe, frame."""
    made = [
        {"dataset": "d", "clip": c, "source": "rule", "keyframe": k, "frame": f,
         "status": "selected", **columns}
        for c, k, f in rows
    ]  # fmt: skip
    return tables.from_rows(made, "keyframes")


ONE = [("c", "", "onset", 10), ("c", "", "apex", 20), ("c", "", "offset", 45)]


def test_shift_is_selected_minus_human_in_frames_ms_and_window():
    selected = chosen([("c", "onset", 12), ("c", "offset", 40)], window_low=10, window_high=50,
                      freedom=40)  # fmt: skip
    shifts = compare(cohort(ONE), selected)
    assert shifts["keyframe"].tolist() == ["onset", "offset"]
    assert shifts["shift_frames"].tolist() == [2, -5]
    assert shifts["shift_ms"].tolist() == [40, -100]
    assert shifts["shift_window"].tolist() == [0.05, -0.125]
    assert shifts["rise_frames"].tolist() == [10, 10]
    assert shifts["fall_frames"].tolist() == [25, 25]
    assert shifts["subject"].tolist() == ["s", "s"]


def test_a_label_that_is_missing_has_no_shift():
    rows = [("c", "", "onset", math.nan, "missing"), *ONE[1:]]
    shifts = compare(cohort(rows), chosen([("c", "onset", 12), ("c", "apex", 20)]))
    assert shifts["shift_frames"].isna().tolist() == [True, False]
    assert shifts["shift_ms"].isna().tolist() == [True, False]


def test_the_base_of_frame_numbers_changes_no_shift():
    selected = chosen([("c", "onset", 12), ("c", "apex", 19)])
    later = [(c, coder, k, f + 7) for c, coder, k, f in ONE]
    moved = selected.assign(frame=selected["frame"] + 7)
    a, b = compare(cohort(ONE), selected), compare(cohort(later), moved)
    columns = ["shift_frames", "shift_ms", "rise_frames", "fall_frames"]
    pd.testing.assert_frame_equal(a[columns], b[columns])


def test_a_label_that_is_not_usable_leaves_no_phase():
    rows = [("c", "", "onset", 10), ("c", "", "apex", math.nan, "missing"),
            ("c", "", "offset", 45)]  # fmt: skip
    shifts = compare(cohort(rows), chosen([("c", "onset", 12)]))
    assert shifts["rise_frames"].isna().all()
    assert shifts["human_status"].tolist() == ["annotated"]


def test_several_coders_each_have_their_own_shift():
    rows = [(c, coder, k, f + (coder == "y")) for c, _, k, f in ONE for coder in ("x", "y")]
    both = compare(cohort(rows), chosen([("c", "onset", 12)]))
    assert dict(zip(both["coder"], both["shift_frames"], strict=True)) == {"x": 2, "y": 1}
    own = compare(cohort(rows), chosen([("c", "onset", 12)], coder="y"))
    assert own[["coder", "shift_frames"]].to_numpy().tolist() == [["y", 1]]


def test_rows_come_in_the_order_of_the_cohort_whatever_the_order_of_the_selection():
    rows = [(c, "", k, f) for c in ("z", "a") for _, _, k, f in ONE]
    selected = chosen([(c, k, 15) for c in ("z", "a") for k in ("onset", "apex", "offset")])
    expected = compare(cohort(rows), selected)
    assert expected["clip"].tolist() == ["z"] * 3 + ["a"] * 3
    shuffled = compare(cohort(rows), selected.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(shuffled, expected)


def test_keyframes_of_another_cohort_are_refused():
    with pytest.raises(TableError, match="c9"):
        compare(cohort(ONE), chosen([("c9", "onset", 1)]))


def test_a_repeated_selection_is_refused_naming_both_rows():
    with pytest.raises(TableError, match=r"rows \(2 and 4\)"):
        compare(cohort(ONE), chosen([("c", "onset", 1), ("c", "apex", 2), ("c", "onset", 3)]))


def test_inside_a_coded_apex_interval_the_shift_is_zero(tmp_path):
    from mebias.datasets import load
    from mebias.quantification import compare

    text = "clip,subject,onset,apex,apex_high,offset,fps\n"
    rows = "".join(f"c{i},s{i},1,10,14,30,100\n" for i in range(4))
    (tmp_path / "annotations.csv").write_text(text + rows)
    cohort = load("folder", tmp_path)
    human = cohort.keyframes
    assert human.query("keyframe == 'apex'")["frame_high"].tolist() == [14] * 4
    chosen = human.assign(source="own", status="selected", frame_low=float("nan"))
    chosen.loc[chosen["keyframe"] == "apex", "frame"] = [8, 10, 13, 17]
    shifts = compare(cohort, chosen).query("keyframe == 'apex'")
    assert shifts["shift_frames"].tolist() == [-2, 0, 0, 3]
    assert shifts["human"].tolist() == [10] * 4
