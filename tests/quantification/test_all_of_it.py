"""What one call of quantify brings together, and what it says it could do with more columns."""

import numpy as np
import pandas as pd
import pytest

import mebias
from mebias import tables
from mebias.cli import main
from mebias.errors import OptionError
from mebias.quantification import quantify


def shifts(n_subjects=16, per_subject=4, groups=("A", "B"), **columns):
    rng = np.random.default_rng(5)
    rows = [
        {
            "dataset": "d",
            "clip": f"s{s}/c{i}",
            "subject": f"s{s}",
            "ethnicity": groups[s % len(groups)],
            "keyframe": keyframe,
            "human": start,
            "selected": start + int(rng.integers(-2, 3)),
            "fps": 100,
            **{name: value(s, i) for name, value in columns.items()},
        }
        for s in range(n_subjects)
        for i in range(per_subject)
        for keyframe, start in (("onset", 20), ("apex", 40), ("offset", 70))
    ]
    return pd.DataFrame(rows)


def primary(findings):
    return findings.tests[findings.tests["family"] == "primary"].set_index("keyframe")


def test_every_interval_says_what_it_covers_in_the_nearest_simulated_cohorts():
    found = quantify(shifts(), n_permutations=99).estimates
    mean = found[(found["quantity"] == "mean_shift") & (found["unit"] == "ms")]
    assert mean["coverage_note"].str.contains(r"simulation \(\d+ subjects, \d+ clips").all()
    bounded = found["conf_low"].notna() & found["conf_high"].notna()
    assert (found.loc[bounded, "coverage_note"] != "").all()


def test_contrasts_with_emotion_being_equal_stand_where_emotions_are_told():
    plain = quantify(shifts(), n_permutations=99).tests
    assert "adjusted" not in set(plain["family"])
    told = quantify(shifts(emotion=lambda s, i: ("joy", "fear")[i % 2]), n_permutations=99)
    adjusted = told.tests[told.tests["family"] == "adjusted"]
    assert adjusted["keyframe"].tolist() == list(tables.KEYFRAMES)
    assert adjusted["hypothesis"].str.contains("emotion").all()
    assert set(told.estimates["quantity"]) >= {"adjusted_difference"}


def test_contrasts_rest_on_complete_clips_and_means_on_all_that_is_there():
    table = shifts()
    cut = (table["clip"] == "s1/c0") & (table["keyframe"] == "apex")
    table["human_status"] = np.where(cut, "missing", "annotated")
    found = quantify(table, n_permutations=99)
    assert (primary(found)["n_clips"] == 63).all(), "three keyframes of the same clips"
    of_all = found.estimates.query(
        "quantity == 'mean_shift' and unit == 'ms' and ethnicity == 'all'"
    )
    counts = of_all.groupby("keyframe")["n_clips"].first()
    assert counts.to_dict() == {"onset": 64, "apex": 63, "offset": 64}
    without = quantify(table[table["clip"] != "s1/c0"], n_permutations=99)
    for column in ("estimate", "conf_low", "p_value"):
        np.testing.assert_allclose(primary(found)[column], primary(without)[column])


def test_a_keyframe_that_nobody_coded_is_asked_of_no_clip():
    found = quantify(shifts().query("keyframe != 'apex'"), n_permutations=99)
    rows = primary(found)
    assert rows.loc[["onset", "offset"], "n_clips"].tolist() == [64, 64]
    assert rows.loc["apex", "reason"].startswith("A: 0 subjects")


def test_small_groups_are_merged_where_that_is_asked():
    table = shifts(n_subjects=21, groups=("A", "A", "A", "A", "A", "B", "C"))
    found = quantify(table, n_permutations=99, merge_small=True)
    assert set(found.shifts["ethnicity"]) == {"A", "other groups"}
    assert found.issues["message"].str.contains("were merged into 'other groups'").any()
    assert primary(found)["p_value"].notna().all()


def test_what_more_could_be_done_follows_the_columns():
    bare = quantify(shifts().drop(columns=["ethnicity", "dataset"]), n_permutations=99).more
    assert [text.split(":")[0] for text in bare] == [
        "ethnicity", "emotion", "expression_type (micro, macro)", "window_low, window_high",
        "lead_frames, tail_frames",
        "rows with source motion-blind, selected_mean and selected_sd "
        "(reselect --rule motion-blind)", "coder",
    ]  # fmt: skip
    told = {
        "emotion": lambda s, i: "joy",
        "expression_type": lambda s, i: "micro",
        "coder": lambda s, i: "1",
        "lead_frames": lambda s, i: 9,
        "tail_frames": lambda s, i: 9,
        "window_low": lambda s, i: 0,
        "window_high": lambda s, i: 99,
    }
    rest = quantify(shifts(**told), n_permutations=99).more
    assert [text.split(" with")[0] for text in rest] == ["rows"]


def test_the_command_says_what_more_it_could_do_and_writes_robustness(tmp_path, capsys):
    shifts().to_csv(tmp_path / "table.csv", index=False)
    out = tmp_path / "out"
    assert main(["quantify", str(tmp_path / "table.csv"), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "with more columns more can be said:" in said
    assert "window_low, window_high: what a frame drawn at random would give" in said
    assert {"influence.csv", "power.csv", "specifications.csv"} <= {p.name for p in out.iterdir()}
    versions = ["quantify", "a.csv", "b.csv", "--merge-small"]
    assert main(versions) == 2
    assert "--merge-small is for one shifts table" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["estimation", "human_vs_selected"])
def test_findings_are_drawn_from_whatever_source_they_rest_on(kind):
    found = quantify(shifts().assign(source="mine"), n_permutations=99)
    figure = found.plot(kind)
    assert figure.axes
    with pytest.raises(OptionError, match="no plot 'pie'"):
        found.plot("pie")


def test_unknown_definitions_are_said_of_real_data_only():
    cohort = mebias.simulate("4dme", n_subjects=6, n_clips=8, size=(32, 32))
    from mebias.pipeline import with_cohorts

    selected = mebias.reselect(cohort)
    found = with_cohorts(quantify(mebias.compare(cohort, selected), n_permutations=99), [cohort])
    assert not (found.issues["field"] == "definitions").any()
