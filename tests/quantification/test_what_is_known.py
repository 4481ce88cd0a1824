"""Numbers rest on what a table tells, on the source asked for, on labels that can be seen."""

import numpy as np
import pandas as pd
import pytest

import mebias
from mebias.errors import TableError
from mebias.quantification.checks import checked_shifts
from mebias.quantification.equivalence import equivalence_tests
from mebias.quantification.error_contrasts import error_contrasts
from mebias.quantification.estimates import estimates_table
from mebias.quantification.keyframe_contrast import between_datasets
from mebias.tables import conform
from mebias.validation.trajectories import blind_shifts


def table(n_subjects=10, seed=0, **columns):
    """Three clips of each subject of two groups, at 100 fps."""
    rng = np.random.default_rng(seed)
    rows = [
        {"clip": f"s{s}/c{c}", "subject": f"s{s}", "keyframe": keyframe, "ethnicity": "AB"[s % 2],
         "human": 40 + 20 * k, "selected": 40 + 20 * k + rng.integers(-2, 3), "fps": 100.0}
        for s in range(n_subjects) for c in range(3)
        for k, keyframe in enumerate(("onset", "apex", "offset"))
    ]  # fmt: skip
    return pd.DataFrame(rows).assign(**columns)


@pytest.mark.parametrize("spare", [0, 2])
def test_a_random_frame_moves_from_the_nearer_end_of_an_interval(spare):
    rows = table(n_subjects=12)
    human, more = rows["human"], np.arange(len(rows)) % 4
    rows = rows.assign(window_low=human - 2, window_high=human + 3 + more,
                       human_low=human - 1 - spare, human_high=human + more)  # fmt: skip
    shifts = checked_shifts(rows)
    wanted = []
    for row in shifts[shifts["keyframe"] == "apex"].itertuples():
        frames = np.arange(row.window_low, row.window_high + 1)
        wanted.append(10 * (frames - np.clip(frames, row.human_low, row.human_high)).mean())
    found = estimates_table(shifts).query(
        "keyframe == 'apex' and ethnicity == 'all' and quantity == 'uniform_null_mean'"
    )
    assert found["estimate"].item() == pytest.approx(np.mean(wanted))  # as many clips each


def test_without_windows_nothing_is_said_of_their_edges():
    found = estimates_table(checked_shifts(table(freedom=4)))
    assert (found["quantity"] == "share_immovable").any()
    assert not (found["quantity"] == "share_at_edge").any()


def test_an_interval_that_ends_before_it_begins_is_refused():
    rows = table()
    rows = rows.assign(human_low=rows["human"] + 3, human_high=rows["human"] - 3)
    with pytest.raises(TableError, match=r"column human_high: found .*not before human_low"):
        checked_shifts(rows)


def test_flags_that_may_be_missing_are_flags():
    given = pd.array([True, None, False] * 30, dtype="boolean")
    flags = conform(table(at_edge=given), "shifts")["at_edge"]
    assert flags.dtype == bool
    assert flags[:3].tolist() == [True, False, False]


def test_a_column_that_is_there_twice_is_refused():
    rows = table()
    with pytest.raises(TableError, match="column 'fps' twice; rename one of them"):
        mebias.quantify(pd.concat([rows, rows[["fps"]]], axis=1))


def test_a_group_without_an_apex_lacks_complete_clips_not_onsets():
    rows = table(n_subjects=16)
    tests = mebias.quantify(
        rows[(rows["ethnicity"] == "A") | (rows["keyframe"] != "apex")], n_permutations=19
    ).tests
    reasons = tests.loc[tests["family"] == "primary", "reason"]
    assert reasons.iloc[0] == "B: 0 subjects with a usable onset in a complete clip, 5 needed"


def test_robustness_is_of_the_source_that_the_tests_rest_on():
    rules = [table(n_subjects=16, seed=k, source=rule, distance="signed")
             for k, rule in enumerate(("gamdss", "gamdss-wide"))]  # fmt: skip
    found = mebias.quantify(pd.concat(rules), primary=("gamdss-wide", "signed"), n_permutations=19)
    alone = mebias.quantify(rules[1], n_permutations=19)
    for name in ("influence", "power"):
        pd.testing.assert_frame_equal(getattr(found, name), getattr(alone, name))
    curve = found.specifications
    assert curve.loc[curve["is_primary"], "source"].unique().tolist() == ["gamdss-wide"]


def test_labels_that_clips_are_cut_at_are_not_shown_equivalent():
    shifts = blind_shifts(10, extra={"lead_frames": 0.0}, sd=(2, 2, 2), blind_sd=(1, 1, 1))
    found = equivalence_tests(shifts)[0].set_index("keyframe")
    assert "cut at the human onset" in found.loc["onset", "reason"]
    assert np.isnan(found.loc["onset", ["estimate", "p_value"]].astype(float)).all()
    assert found.loc["offset", "p_value"] < 0.01


def test_equivalence_is_of_the_annotation_error_that_is_estimated():
    shifts = blind_shifts(11, datasets=("d",))
    tests, _ = equivalence_tests(shifts)
    errors = mebias.quantify(shifts, n_permutations=19).estimates.query(
        "quantity == 'annotation_error' and weighting == 'subject' and ethnicity == 'all'"
    )
    for column in ("estimate", "conf_low", "conf_high"):
        np.testing.assert_allclose(tests[column], errors[column])


def test_a_pair_of_groups_is_not_refused_for_a_third_one():
    shifts = blind_shifts(12, groups=("A", "B", "C"))
    lead = np.where(shifts["ethnicity"] == "C", 0.0, 60.0)
    tests, _ = error_contrasts(shifts.assign(lead_frames=lead), n_permutations=19)
    onset = tests[tests["keyframe"] == "onset"].set_index("ethnicity")
    assert onset.loc["A vs B", "reason"] == ""
    assert np.isfinite(onset.loc["A vs B", "p_value"])
    assert onset.loc[["A vs C", "B vs C"], "reason"].str.contains("cut at the human onset").all()


def test_a_dataset_without_human_labels_stands_on_no_side():
    whole = blind_shifts(13, datasets=("m", "n"))
    imputed = whole["dataset"] == "n"
    shifts = whole.assign(human_status=whole["human_status"].mask(imputed, "imputed"))
    found = between_datasets(shifts)
    assert (found["dataset"] == "m vs none").all()
    assert found["reason"].str.contains("no dataset of one group").all()


def test_a_class_that_is_only_predicted_has_no_part_in_uf1():
    clips = [{"clip": str(i), "subject": f"{i % 8}", "label": "pn"[i % 8 == 0]} for i in range(32)]
    rows = [c | {"arm": "human", "predicted": "sp"[int(c["clip"]) % 3 > 0]} for c in clips]
    told = mebias.gain(pd.DataFrame(rows), n_swaps=19).issues["message"]
    assert told.str.contains("class n rests on 4 clips of 1 subject, who decides 1 / 2 of").any()


def test_frames_that_a_window_allows_are_not_negative():
    with pytest.raises(TableError, match=r"row 4, column freedom: found -1\.0"):
        checked_shifts(table(freedom=[0.0, 2.0, -1.0] * 30))


def test_each_label_is_judged_once():
    once = blind_shifts(14, datasets=("d",), blind_sd=(5, 5, 5), gross=0.3)
    alone = mebias.quantify(once, n_permutations=19)
    twice = pd.concat([once, once.assign(distance="flow", selected_sd=9.0)], ignore_index=True)
    found = mebias.quantify(twice, n_permutations=19)
    assert len(alone.flags)
    pd.testing.assert_frame_equal(found.flags, alone.flags)
    for family in ("equivalence", "annotation-error"):
        one, both = (
            f.tests[f.tests["family"].str.startswith(family)].reset_index(drop=True)
            for f in (alone, found)
        )
        assert len(one)
        pd.testing.assert_frame_equal(one, both)
    assert found.issues["message"].str.contains("each label is judged once").sum() == 1


def test_a_dataset_without_the_source_asked_for_is_told():
    both = pd.concat(
        [table(dataset="d", source="wide"), table(1, dataset="e", source="least")],
        ignore_index=True,
    ).assign(distance="signed")
    issues = mebias.quantify(both, n_permutations=19, primary=("wide", "signed")).issues
    told = issues[issues["message"].str.contains("asked to rest on wide signed")]
    assert told["dataset"].tolist() == ["e"]


def test_flags_tell_clips_of_one_name_apart():
    shifts = blind_shifts(15, datasets=("d",), blind_sd=(5, 5, 5), gross=0.3)
    number = shifts.groupby("subject")["clip"].transform(lambda own: pd.factorize(own)[0])
    shifts = shifts.assign(clip=number.astype(str))
    flags = mebias.quantify(shifts, n_permutations=19).flags
    assert flags.duplicated(["clip", "keyframe"]).any()
    by = ["clip", "subject", "keyframe", "human"]
    assert len(flags.merge(shifts[by], on=by)) == len(flags)
