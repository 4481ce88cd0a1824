"""A shifts table is completed, or refused in one sentence that names row and column."""

import numpy as np
import pandas as pd
import pytest

from mebias.errors import MixedDataError, TableError
from mebias.quantification.checks import checked_shifts, primary_source, usable


def table(**changes):
    """Two clips of two subjects, six rows; keywords replace whole columns."""
    rows = [
        {"clip": f"c{i}", "subject": f"s{i}", "keyframe": k, "human": h, "selected": h + 2,
         "fps": 50.0}
        for i in range(2) for k, h in (("onset", 10), ("apex", 20), ("offset", 40))
    ]  # fmt: skip
    return pd.DataFrame(rows).assign(**changes)


def test_the_six_columns_are_enough():
    checked = checked_shifts(table())
    assert checked["shift_frames"].tolist() == [2] * 6
    assert checked["shift_ms"].tolist() == [40] * 6
    assert checked["shift_window"].isna().all()
    assert checked["ethnicity"].unique().tolist() == ["all"]
    assert primary_source(checked) == ("selected", "")


def test_windows_give_freedom_edge_and_share():
    low = [10, 18, 36] * 2
    checked = checked_shifts(table(window_low=low, window_high=[12, 22, 42] * 2))
    assert checked["freedom"].tolist() == [2, 4, 6] * 2
    assert checked["at_edge"].tolist() == [True, True, True] * 2
    assert checked["shift_window"].tolist() == [1, 0.5, pytest.approx(1 / 3)] * 2


def test_no_freedom_is_nan_and_never_an_edge():
    checked = checked_shifts(table(selected=[10, 20, 40] * 2, window_low=[10, 20, 40] * 2,
                                   window_high=[10, 20, 40] * 2))  # fmt: skip
    assert checked["shift_window"].isna().all()
    assert not checked["at_edge"].any()


def test_blank_groups_are_unknown():
    checked = checked_shifts(table(ethnicity=["A"] * 3 + [""] * 3))
    assert checked["ethnicity"].tolist() == ["A"] * 3 + ["unknown"] * 3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"keyframe": ["onset", "apx", "offset"] * 2}, ["row 3", "keyframe", "did you mean apex"]),
        ({"fps": [50.0, 0.0] * 3}, ["row 3", "fps", "above 0"]),
        ({"fps": [50.0] * 5 + [60.0]}, ["row 7", "fps", "clip c1", "row 5"]),
        ({"clip": ["c0", "c0", "", "c1", "c1", "c1"]}, ["row 4", "column clip", "a name"]),
        ({"keyframe": ["onset", "apex", "apex"] * 2}, ["rows 3 and 4", "apex", "c0", "keep one"]),
        ({"ethnicity": ["A", "A", "B"] + ["A"] * 3}, ["row 4", "subject s0", "'A' in row 2"]),
        ({"ethnicity": ["all"] * 3 + ["B"] * 3}, ["'all'", "rename that group"]),
        ({"human": [10, 8, 40] * 2}, ["row 3", "apex of clip c0", "onset <= apex"]),
        ({"human": [10, 8, 40, 10, 20, 40]}, ["frame 8, before its onset at 10"]),
        ({"human": [10, 20, 15] * 2}, ["row 4", "offset of clip c0", "apex <= offset"]),
        ({"human": [10, 20.5, 40] * 2}, ["row 3", "human", "a whole number"]),
        ({"human_status": ["anotated"] * 6}, ["row 2", "did you mean annotated"]),
        ({"selected_status": ["chosen"] * 6}, ["row 2", "selected_status"]),
        ({"shift_ms": [40.0] * 5 + [41.0]}, ["row 7", "shift_ms", "selected - human"]),
        ({"window_low": 11, "window_high": 12}, ["row 3", "selected", "inside its window"]),
        ({"window_low": 12, "window_high": 11}, ["row 2", "window_high"]),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named(changes, words):
    with pytest.raises(TableError) as error:
        checked_shifts(table(**changes))
    for word in words:
        assert word in str(error.value)
    assert "\n" not in str(error.value)


def test_an_empty_table_is_refused():
    with pytest.raises(TableError, match="no rows"):
        checked_shifts(table().head(0))


def test_real_and_simulated_rows_do_not_mix():
    with pytest.raises(MixedDataError, match="real and simulated"):
        checked_shifts(table(dataset=["samm"] * 3 + ["SIMULATED samm"] * 3))


def test_labels_that_are_known_to_be_wrong_are_let_through_and_not_used():
    checked = checked_shifts(table(human=[10, 8, 40] * 2, human_status="invalid"))
    assert not usable(checked).any()


def test_only_what_a_human_set_is_the_human_arm():
    status = ["annotated", "corrected", "imputed", "missing", "invalid", "censored"]
    checked = checked_shifts(table(human_status=status))
    assert usable(checked).tolist() == [True, True, False, False, False, False]


def test_between_two_human_versions_what_is_written_counts():
    checked = checked_shifts(
        table(human_status=["annotated", "censored", "invalid"] * 2, selected_status="annotated")
    )
    assert usable(checked).all()
    missing = checked_shifts(table(selected=np.nan, selected_status="missing"))
    assert not usable(missing).any()


def test_gamdss_signed_is_what_tests_rest_on():
    several = pd.concat(
        [table(source=s, distance=d) for s in ("gamdss-released", "gamdss")
         for d in ("uint8", "signed")]
    )  # fmt: skip
    assert primary_source(checked_shifts(several)) == ("gamdss", "signed")
    others = several[several["source"] != "gamdss"]
    assert primary_source(checked_shifts(others)) is None
