"""Tables that are odd: each is defined, in words, through the command and in Python."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest

import mebias
from mebias.cli import main
from mebias.errors import MebiasError, TableError


def table(n_subjects=10, n_clips=3, seed=0, **columns):
    """Clips of subjects in two groups, three keyframes, shifts of a few frames."""
    rng = np.random.default_rng(seed)
    rows = []
    for s in range(n_subjects):
        for c in range(n_clips):
            onset = int(rng.integers(1, 50))
            for k, keyframe in enumerate(("onset", "apex", "offset")):
                human = onset + 20 * k
                rows.append({
                    "clip": f"s{s}/c{c}", "subject": f"s{s}", "keyframe": keyframe,
                    "ethnicity": "AB"[s % 2], "human": human,
                    "selected": human + int(rng.integers(-2, 3)), "fps": 100.0,
                })  # fmt: skip
    return pd.DataFrame(rows).assign(**columns)


def quantified(rows):
    """Findings, every number of which has an interval, or is undefined with a reason."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = mebias.quantify(rows, n_permutations=199)
    estimates, tests = found.estimates, found.tests
    undefined = estimates["estimate"].isna() | estimates["conf_low"].isna()
    explained = estimates["reason"].ne("") | estimates["method"].str.startswith(("exact", "none"))
    bare = estimates[undefined & ~explained & estimates["std_error"].notna()]
    assert bare.empty, bare[["quantity", "method"]]
    nan = estimates[estimates["estimate"].isna()]
    assert nan["reason"].ne("").all(), nan[["quantity", "keyframe"]].drop_duplicates()
    untested = tests[tests["p_value"].isna()]
    assert (untested["reason"].ne("")).all()
    return found


def mean(found, group="all", keyframe="onset"):
    rows = found.estimates.query(
        "quantity == 'mean_shift' and unit == 'ms' and weighting == 'subject'"
        " and ethnicity == @group and keyframe == @keyframe"
    )
    return rows.iloc[0]


def test_one_subject_has_a_mean_and_no_interval():
    found = quantified(table(n_subjects=1, n_clips=6))
    row = mean(found)
    assert math.isfinite(row["estimate"])
    assert math.isnan(row["conf_low"])
    assert "subject" in row["reason"]
    assert found.tests["p_value"].isna().all()


def test_one_clip_has_a_mean_and_no_interval():
    rows = table(n_subjects=1, n_clips=1)
    row = mean(quantified(rows))
    first = rows.iloc[0]
    assert row["estimate"] == pytest.approx(10.0 * (first["selected"] - first["human"]))
    assert math.isnan(row["conf_low"])


def test_a_group_of_one_subject_is_described_and_not_tested():
    rows = table()
    rows.loc[rows["subject"] != "s0", "ethnicity"] = "B"
    found = quantified(rows)
    assert math.isfinite(mean(found, "A")["estimate"])
    assert found.tests.loc[found.tests["family"] == "primary", "p_value"].isna().all()
    assert any("described, not tested by themselves: A (1)" in m for m in found.issues["message"])


def test_constant_shifts_have_no_interval_and_no_p_value():
    rows = table()
    rows["selected"] = rows["human"] + 2
    found = quantified(rows)
    row = mean(found)
    assert row["estimate"] == pytest.approx(20.0)
    assert math.isnan(row["conf_low"])
    assert row["reason"]
    assert found.tests.loc[found.tests["family"] == "primary", "p_value"].isna().all()


def test_one_keyframe_that_is_missing_everywhere_is_left_out_of_the_rest():
    rows = table()
    rows.loc[rows["keyframe"] == "apex", "selected"] = np.nan
    found = quantified(rows)
    assert math.isfinite(mean(found)["conf_low"])
    lost = found.estimates.query("keyframe == 'apex' and quantity == 'mean_shift'")
    assert lost["estimate"].isna().all()


def test_where_everything_is_missing_nothing_is_estimated_and_that_is_said():
    try:
        found = quantified(table(selected=np.nan))
    except MebiasError as error:
        assert "selected" in str(error) or "shift" in str(error)
    else:
        assert not np.isfinite(
            found.estimates.loc[found.estimates["quantity"] == "mean_shift", "estimate"]
        ).any()


@pytest.mark.parametrize("value", [math.inf, -math.inf])
@pytest.mark.parametrize("column", ["human", "selected", "fps"])
def test_infinite_values_are_refused_with_their_place(column, value):
    rows = table()
    rows[column] = rows[column].astype(float)
    rows.loc[4, column] = value
    with pytest.raises(TableError) as caught:
        mebias.quantify(rows)
    assert column in str(caught.value)


@pytest.mark.parametrize("value", [0.0, -25.0])
def test_a_frame_rate_that_is_none_is_refused(value):
    rows = table()
    rows.loc[2, "fps"] = value
    with pytest.raises(TableError, match="fps"):
        mebias.quantify(rows)


def test_a_repeated_row_is_refused_with_both_places():
    rows = table()
    twice = pd.concat([rows, rows.iloc[[7]]], ignore_index=True)
    with pytest.raises(TableError) as caught:
        mebias.quantify(twice)
    assert "9" in str(caught.value)
    assert str(len(twice) + 1) in str(caught.value)


def test_groups_named_by_numbers_are_names():
    rows = table()
    rows["ethnicity"] = rows["ethnicity"].map({"A": 1, "B": 2})
    named = table()
    named["ethnicity"] = named["ethnicity"].map({"A": "1", "B": "2"})
    one, two = quantified(rows), quantified(named)
    assert set(one.estimates["ethnicity"]) >= {"all", "1", "2"}
    pd.testing.assert_frame_equal(one.tests, two.tests)


def written(tmp_path, rows, **options):
    file = tmp_path / "shifts.csv"
    rows.to_csv(file, index=False, **options)
    return file


def run(file, tmp_path, capsys):
    code = main(["quantify", str(file), "--out", str(tmp_path / "out"), "--quiet"])
    return code, capsys.readouterr().err


def test_names_with_leading_zeros_stay_names(tmp_path, capsys):
    rows = table()
    rows["subject"] = rows["subject"].str.replace("s", "00")
    code, told = run(written(tmp_path, rows), tmp_path, capsys)
    assert code == 0, told
    shifts = pd.read_csv(tmp_path / "out" / "shifts.csv", dtype=str)
    assert set(shifts["subject"]) == {f"00{i}" for i in range(10)}


def test_a_mark_at_the_start_of_the_file_is_no_part_of_the_header(tmp_path, capsys):
    code, told = run(written(tmp_path, table(), encoding="utf-8-sig"), tmp_path, capsys)
    assert code == 0, told


def test_further_columns_do_no_harm(tmp_path, capsys):
    code, told = run(written(tmp_path, table(remark="x, y", weight=3.5)), tmp_path, capsys)
    assert code == 0, told


def test_a_table_with_semicolons_is_read_or_refused_in_words(tmp_path, capsys):
    code, told = run(written(tmp_path, table(), sep=";", decimal=","), tmp_path, capsys)
    assert code == 0 or (code == 2 and ";" in told), told


def test_frame_rates_may_differ_between_clips():
    rows = table()
    rows.loc[rows["subject"].isin(["s0", "s1", "s2"]), "fps"] = 200.0
    found = quantified(rows)
    assert math.isfinite(mean(found)["conf_low"])


def test_huge_frame_numbers_lose_nothing():
    rows = table()
    far = table()
    far[["human", "selected"]] += 10**9
    one, two = mean(quantified(rows)), mean(quantified(far))
    assert one["estimate"] == pytest.approx(two["estimate"], abs=1e-9)
    assert one["conf_low"] == pytest.approx(two["conf_low"], abs=1e-6)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "shifts.csv"),
        (b"clip,subject\n", "shifts.csv"),
        ("clip,subject,keyframe,human,selected,fps\na,b,onset,1,2,caf\u00e9\n".encode("latin-1"),
         "shifts.csv"),
        (b"\x00\x01\x02PK\x03\x04", "shifts.csv"),
        (b"clip,subject,keyframe,human,selected,fps\na,b,midpoint,1,2,100\n", "midpoint"),
        (b"clip,subject,keyframe,human,selected,fps\na,b,onset,one,2,100\n", "human"),
        (b"clip,subject,keyframe,human,selected,fps\na,b,onset,1,2\n", "5 cells"),
    ],
)  # fmt: skip
def test_files_that_are_no_table_are_refused_in_one_sentence(tmp_path, capsys, content, words):
    file = tmp_path / "shifts.csv"
    file.write_bytes(content)
    code, told = run(file, tmp_path, capsys)
    assert code == 2, told
    assert words in told
    assert "Traceback" not in told
    assert len(told.strip().splitlines()) == 1
    assert not (tmp_path / "out" / "estimates.csv").exists()
