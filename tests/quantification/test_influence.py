"""Influence: each left-out row against a run without it, and who is named."""

import sys
import time

import numpy as np
import pandas as pd
import pytest

from mebias.errors import OptionError, TableError
from mebias.quantification import batch, holm, wald
from mebias.quantification.checks import checked_shifts
from mebias.quantification.contrasts import contrast_tables
from mebias.quantification.influence import NO_TEST, influence
from mebias.quantification.interval import clusters
from mebias.quantification.means import mean_interval
from mebias.quantification.sides import primaries


def shifts(groups, seed=0, effect=0.0, clips=(2, 6)):
    """`groups` maps a name to its number of subjects; shifts of 10 ms frames."""
    rng = np.random.default_rng(seed)
    names = [g for g, n in groups.items() for _ in range(n)]
    rows = []
    for s, group in enumerate(names):
        own = rng.normal(0, 2)
        for i in range(int(rng.integers(*clips))):
            rows += [
                {"dataset": "d", "clip": f"c{s}-{i}", "subject": f"s{s}", "keyframe": k,
                 "ethnicity": group, "human": h, "fps": 100.0,
                 "selected": h + round(own + rng.normal(0, 3) + effect * (group == "A"))}
                for k, h in (("onset", 100), ("apex", 160), ("offset", 220))
            ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize("weighting", ["clip", "subject", "subject-mean"])
def test_a_batch_is_what_one_data_set_at_a_time_gives(weighting):
    rng = np.random.default_rng(1)
    for _ in range(40):
        g = int(rng.integers(5, 30))
        s = np.repeat(np.arange(g), rng.integers(1, 8, g))
        y = np.round(rng.normal(0, rng.choice([0, 1, 3]), g)[s] + rng.normal(0, 2, len(s)))
        data = clusters(y, s)
        first = (rng.permutation(g) % 2).astype(bool)
        one = wald.difference(*wald.group_means(data, [first, ~first], weighting))
        many = batch.contrasts(batch.single(data), [first, ~first], weighting)
        found = [many.estimate[0], many.std_error[0], many.df[0], many.p_value[0]]
        np.testing.assert_allclose(
            found, [one.estimate, one.std_error, one.df, one.p_value], rtol=1e-7, atol=1e-10
        )
        mean = mean_interval(y, s, weighting)
        many = batch.contrasts(batch.single(data), [np.ones(g)], weighting)
        low = many.estimate - many.half_width(0.95)
        np.testing.assert_allclose(low, mean.conf_low, rtol=1e-7, atol=1e-10)


def test_rows_of_holm_are_holm():
    p = np.random.default_rng(0).random((50, 4))
    p[::3, 1] = np.nan
    expected = np.array([holm.adjust(row, 4) for row in p])
    np.testing.assert_allclose(holm.adjust_rows(p), expected)


def test_the_sides_are_those_of_the_tests():
    for groups in ({"A": 8, "B": 9, "C": 6}, {"A": 7, "B": 7}, {"B": 6, "A": 5, "unknown": 9}):
        table = checked_shifts(shifts(groups))
        tests, _ = contrast_tables(table, n_permutations=99)
        (primary,) = primaries(table)
        assert primary.name == tests.query("family == 'primary'")["ethnicity"].iloc[0]
        assert primary.margin_ms == tests["margin"].iloc[0]


@pytest.mark.parametrize("kind", ["subject", "clip"])
def test_left_out_rows_are_those_of_a_run_without_them(kind):
    table = shifts({"A": 9, "B": 8, "unknown": 2}, effect=2.0)
    found = influence(table)
    found = found[(found["left_out_kind"] == kind) & (found["quantity"] != "mean_shift")]
    assert (
        found.groupby("keyframe")["left_out"].nunique() >= (17 if kind == "subject" else 1)
    ).all()
    for _, row in found.groupby("keyframe").head(4).iterrows():
        rest = checked_shifts(table[table[kind] != row["left_out"]].reset_index(drop=True))
        test = contrast_tables(rest, n_permutations=99)[0].query(
            "family == 'primary' and keyframe == @row.keyframe"
        )
        for column in ("estimate", "conf_low", "conf_high", "p_cr2", "n_clips", "n_subjects"):
            assert row[column] == pytest.approx(test[column].item(), rel=1e-7), column
    full = contrast_tables(checked_shifts(table), n_permutations=99)[0]
    for _, row in found.iterrows():
        test = full.query("family == 'primary' and keyframe == @row.keyframe")
        assert row["full_estimate"] == pytest.approx(test["estimate"].item())
        assert row["full_p"] == pytest.approx(test["p_cr2"].item())


def test_the_mean_shift_is_that_of_the_estimates_and_has_no_p_value():
    table = shifts({"A": 9, "B": 8, "unknown": 2})
    found = influence(table).query("quantity == 'mean_shift' and left_out_kind == 'subject'")
    assert found["full_p"].isna().all()
    assert (found["reason"] == NO_TEST).all()
    assert set(found["n_subjects"]) == {18}
    for _, row in found.groupby("keyframe").head(2).iterrows():
        rest = checked_shifts(table[table["subject"] != row["left_out"]].reset_index(drop=True))
        own = rest[rest["keyframe"] == row["keyframe"]]
        one = mean_interval(own["shift_ms"].to_numpy(), own["subject"].to_numpy(), "subject")
        assert row["estimate"] == pytest.approx(one.estimate)
        assert row["conf_low"] == pytest.approx(one.conf_low)


def test_the_clip_told_is_the_one_that_moves_the_estimate_most():
    table = shifts({"A": 7, "B": 6}, clips=(2, 4))
    told = influence(table).query("left_out_kind == 'clip' and keyframe == 'apex'")
    told = told[told["quantity"] == "mean_shift_difference"].iloc[0]
    changes = {}
    for clip in table["clip"].unique():
        rest = checked_shifts(table[table["clip"] != clip].reset_index(drop=True))
        test = contrast_tables(rest, n_permutations=99)[0].query("keyframe == 'apex'")
        changes[clip] = abs(test["estimate"].item() - told["full_estimate"])
    assert abs(told["change"]) == pytest.approx(max(changes.values()))
    assert changes[told["left_out"]] == pytest.approx(max(changes.values()))


def test_of_clips_the_one_that_moves_most_stands_and_those_that_turn_the_conclusion():
    table = shifts({"A": 7, "B": 6}, clips=(2, 4))
    told = influence(table).query("left_out_kind == 'clip' and reason == ''")
    for _, own in told.groupby(["quantity", "keyframe", "ethnicity"]):
        assert own["changes_conclusion"].iloc[1:].all()


def test_a_subject_on_whom_a_conclusion_hangs_is_named():
    table = shifts({"A": 12, "B": 12}, seed=3)
    calm = influence(table)
    assert not calm[calm["quantity"] == "mean_shift_difference"]["changes_conclusion"].any()
    # A difference that all of A show, drowned by one subject of A far on the other side.
    a, wild = table["ethnicity"] == "A", table["subject"] == "s0"
    table.loc[a, "selected"] += 8
    table.loc[wild, "selected"] -= 80
    found = influence(table)
    found = found[(found["quantity"] != "mean_shift") & (found["left_out_kind"] == "subject")]
    for _, rows in found.groupby("keyframe"):
        assert rows["left_out"].iloc[0] == "s0"
        assert rows.query("changes_conclusion")["left_out"].tolist() == ["s0"]
        assert rows["full_conclusion"].iloc[0] == "open"
        assert rows["conclusion"].iloc[0].startswith("later")


def test_names_and_order_of_rows_have_no_part_in_it():
    table = shifts({"A": 9, "B": 8})
    names = table["subject"].unique()
    other = dict(zip(names, np.random.default_rng(5).permutation(names), strict=True))
    renamed = table.assign(subject=table["subject"].map(other)).sample(frac=1, random_state=0)
    a, b = influence(table), influence(renamed.reset_index(drop=True))
    subject = a["left_out_kind"] == "subject"
    assert (
        a["left_out"].where(~subject, a["left_out"].map(other)).tolist() == b["left_out"].tolist()
    )
    numbers = a.select_dtypes("number").columns
    np.testing.assert_allclose(a[numbers], b[numbers], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("groups", "change", "words"),
    [
        ({"A": 8, "B": 3}, {}, "the others: 3 subjects with a usable label, 5 needed"),
        ({"A": 1}, {}, "the dataset: 1 subject with a usable label, 2 needed"),
        ({"A": 8, "B": 7}, {"selected": np.nan, "selected_status": "failed"}, "0 subjects"),
        ({"A": 8, "B": 7}, {"selected": 300}, "have the same mean shift"),
    ],
)
def test_what_cannot_be_told_has_its_reason(groups, change, words):
    found = influence(shifts(groups).assign(**change))
    bad = found[found["reason"].str.contains(words, regex=False)]
    assert len(bad)
    assert bad[["conf_low", "p_cr2", "full_p"]].isna().all(axis=None)
    assert (bad["left_out"] == "").all()
    assert not bad["changes_conclusion"].any()


def test_one_group_has_its_mean_shift_alone():
    assert influence(shifts({"A": 8}))["quantity"].unique().tolist() == ["mean_shift"]


def test_one_clip_and_subjects_of_one_clip():
    assert influence(shifts({"A": 1}).iloc[:3])["estimate"].isna().all()
    found = influence(shifts({"A": 6, "B": 6}, clips=(1, 2)))
    assert found["estimate"].notna().all()


def test_a_side_that_loses_its_second_subject_has_no_interval():
    found = influence(shifts({"A": 6, "B": 2}), min_subjects=2)
    lost = found[(found["quantity"] != "mean_shift") & found["left_out"].isin(["s6", "s7"])]
    assert len(lost) == 6
    assert lost["p_cr2"].isna().all()
    assert lost["reason"].str.contains("fewer than two subjects").all()
    assert (lost["conclusion"] == "nothing: no interval").all()


def test_infinite_values_and_margins_are_refused():
    with pytest.raises(TableError, match="finite"):
        influence(shifts({"A": 6, "B": 6}).assign(selected=np.inf))
    with pytest.raises(OptionError, match="above 0"):
        influence(shifts({"A": 6, "B": 6}), margin_ms=0)


def test_several_coders_of_a_clip_leave_together():
    table = shifts({"A": 6, "B": 6}).assign(coder="1")
    two = pd.concat([table, table.assign(coder="2", selected=table["selected"] + 1)])
    found = influence(two.reset_index(drop=True)).query("left_out_kind == 'clip'")
    assert (found["n_clips"] == table["clip"].nunique() - 1).all()


def test_how_many_data_sets_are_held_at_a_time_makes_no_difference(monkeypatch):
    table = shifts({"A": 9, "B": 8})
    whole = influence(table)
    monkeypatch.setattr(sys.modules[influence.__module__], "_AT_ONCE", 40)
    pd.testing.assert_frame_equal(influence(table), whole)


def test_memory_does_not_grow_with_clips_times_subjects(monkeypatch):
    module, held = sys.modules[influence.__module__], []

    def watched(data, *arguments):
        held.append(data.means.size)
        return batch.contrasts(data, *arguments)

    monkeypatch.setattr(module, "contrasts", watched)
    monkeypatch.setattr(module, "_AT_ONCE", 1000)
    table = shifts({"A": 30, "B": 30})
    influence(table)
    assert max(held) <= 1000 < 60 * table["clip"].nunique()


def test_it_is_quick():
    table = checked_shifts(shifts({"A": 17, "B": 12}, clips=(4, 8)))
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        influence(table)
        best = min(best, time.perf_counter() - start)
    assert best < 2.0  # about 0.1 s alone on a core, clips and the mean shift included
