"""Gains: intervals and tests against brute force, what is concluded, what is refused."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import mebias
from mebias import errors, tables
from mebias.cli import main
from mebias.quantification.gain_conclusions import Design
from mebias.quantification.gain_coverage import cells_of, with_gain_notes
from mebias.quantification.means import mean_interval
from mebias.quantification.score_intervals import (
    gain_interval,
    score_interval,
    score_named,
    seed_spread,
)
from mebias.quantification.swaps import _nameless_order, swap_test
from mebias.recognition.metrics import QUANTITIES, scores, tally
from mebias.recognition.predictions import checked_predictions

CLASSES = "nps"


def predictions(
    strength, *, n_subjects=10, n_clips=60, n_seeds=2, seed=0, groups="AB", dataset="d"
):
    """A predictions table; the strength of each arm is the share of clips that it knows."""
    rng = np.random.default_rng(seed)
    owners = np.r_[np.arange(n_subjects), rng.integers(0, n_subjects, n_clips - n_subjects)]
    labels = rng.choice(list(CLASSES), n_clips, p=[0.5, 0.3, 0.2])
    rows = []
    for arm, knows in strength.items():
        for run in range(n_seeds):
            known = rng.random(n_clips) < knows
            said = np.where(known, labels, rng.choice(list(CLASSES), n_clips))
            rows.append(pd.DataFrame({
                "dataset": dataset, "clip": [f"c{i:03d}" for i in range(n_clips)],
                "subject": [f"s{o:02d}" for o in owners],
                "ethnicity": [groups[o % len(groups)] for o in owners], "arm": arm, "seed": run,
                "fold": [f"s{o:02d}" for o in owners], "label": labels, "predicted": said,
            }))  # fmt: skip
    return pd.concat(rows, ignore_index=True)


def uf1(rows):
    """Mean over seeds of the pooled UF1, straight from the rows."""
    found = []
    for _, own in rows.groupby("seed"):
        f1 = []
        for name in own["label"].unique():
            hit = ((own["label"] == name) & (own["predicted"] == name)).sum()
            f1.append(2 * hit / ((own["label"] == name).sum() + (own["predicted"] == name).sum()))
        found.append(np.mean(f1))
    return np.mean(found)


def accuracy(rows):
    return (rows["label"] == rows["predicted"]).mean()


def uar(rows):
    found = []
    for _, own in rows.groupby("seed"):
        right = own["label"] == own["predicted"]
        found.append(right.groupby(own["label"]).mean().mean())
    return np.mean(found)


SCORES = {"uf1": uf1, "uar": uar, "accuracy": accuracy}


@pytest.fixture(scope="module")
def table():
    return predictions({"human": 0.5, "gamdss": 0.55, "jitter": 0.5, "motion": 0.9}, n_seeds=3)


@pytest.fixture(scope="module")
def gains(table):
    return mebias.gain(table, n_swaps=199)


def row_of(gains, arm, quantity, ethnicity="all"):
    e = gains.estimates
    own = e[(e["arm"] == arm) & (e["quantity"] == quantity) & (e["ethnicity"] == ethnicity)]
    assert len(own) == 1
    return own.iloc[0]


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_scores_and_gains_are_those_of_the_rows(gains, table, quantity):
    score = SCORES[quantity]
    by_arm = {arm: score(own) for arm, own in table.groupby("arm")}
    for arm, expected in by_arm.items():
        assert row_of(gains, arm, quantity)["estimate"] == pytest.approx(expected)
    row = row_of(gains, "motion vs human", f"{quantity}_gain")
    assert row["estimate"] == pytest.approx(by_arm["motion"] - by_arm["human"])
    group = table[table["ethnicity"] == "B"]
    of_group = {arm: score(own) for arm, own in group.groupby("arm")}
    row = row_of(gains, "motion vs human", f"{quantity}_gain", "B")
    assert row["estimate"] == pytest.approx(of_group["motion"] - of_group["human"])


@pytest.mark.parametrize("quantity", ["uf1", "uar"])
def test_the_jackknife_leaves_one_subject_out_at_a_time(gains, table, quantity):
    score = SCORES[quantity]

    def gain_without(subject):
        rest = table[table["subject"] != subject]
        return score(rest[rest["arm"] == "motion"]) - score(rest[rest["arm"] == "human"])

    without = np.array([gain_without(s) for s in table["subject"].unique()])
    g = len(without)
    error = math.sqrt((g - 1) / g * ((without - without.mean()) ** 2).sum())
    row = row_of(gains, "motion vs human", f"{quantity}_gain")
    assert row["std_error"] == pytest.approx(error)
    assert row["df"] == g - 1
    half = stats.t.ppf(0.975, g - 1) * error
    assert row["conf_high"] - row["estimate"] == pytest.approx(half)
    assert "given the trained models" in row["method"]


def test_the_gain_in_accuracy_is_clustered_by_subject(gains, table):
    wide = table.assign(right=(table["label"] == table["predicted"]).astype(float)).pivot_table(
        index=["clip", "subject"], columns="arm", values="right"
    )
    difference = (wide["motion"] - wide["human"]).reset_index()
    expected = mean_interval(
        difference[0].to_numpy(), difference["subject"].to_numpy(dtype=object), "clip"
    )
    row = row_of(gains, "motion vs human", "accuracy_gain")
    for column in ("estimate", "std_error", "df", "conf_low", "conf_high"):
        assert row[column] == pytest.approx(getattr(expected, column))


def test_intervals_of_scores_are_symmetric_on_the_logit_scale_and_stay_below_1():
    table = predictions({"human": 0.9}, n_subjects=6, n_clips=30, n_seeds=1)
    found = mebias.gain(table).estimates
    own = found[found["quantity"].isin(QUANTITIES) & found["conf_high"].notna()]
    assert set(own["quantity"]) == set(QUANTITIES)
    assert (own["conf_high"] < 1).all()
    logit = [np.log(own[c] / (1 - own[c])) for c in ("conf_low", "estimate", "conf_high")]
    np.testing.assert_allclose(logit[2] - logit[1], logit[1] - logit[0])
    half = stats.t.ppf(0.975, own["df"]) * own["std_error"]
    np.testing.assert_allclose(
        logit[2] - logit[1], half / (own["estimate"] * (1 - own["estimate"]))
    )


def test_the_swap_test_runs_all_swaps_of_whole_subjects():
    table = predictions({"human": 0.4, "motion": 0.8}, n_subjects=6, n_clips=30)
    found = mebias.gain(table, min_subjects=2)
    people = sorted(table["subject"].unique())
    sides = {arm: own.reset_index(drop=True) for arm, own in table.groupby("arm")}
    statistics = {name: [] for name in SCORES}
    for swapped in itertools.product([False, True], repeat=len(people)):
        mine = sides["human"]["subject"].map(dict(zip(people, swapped, strict=True)))
        first = sides["motion"].assign(
            predicted=sides["motion"]["predicted"].where(~mine, sides["human"]["predicted"])
        )
        second = sides["human"].assign(
            predicted=sides["human"]["predicted"].where(~mine, sides["motion"]["predicted"])
        )
        for name, score in SCORES.items():
            statistics[name].append(abs(score(first) - score(second)))
    for name, values in statistics.items():
        expected = np.mean(np.array(values) >= values[0] - 1e-9)
        row = found.tests[found.tests["family"] == f"gain-{name}"].iloc[0]
        assert row["p_value"] == pytest.approx(expected)
        assert "all 64 assignments" in row["method"]


def counts_of(table):
    counted = tally(checked_predictions(table))
    return [counted.of_arm(arm) for arm in counted.arms]


def test_beyond_14_subjects_swaps_are_drawn_and_the_observed_one_counts():
    arm, other = counts_of(predictions({"a": 0.9, "b": 0.3}, n_subjects=15, n_clips=90))
    found = swap_test(arm, other, n_swaps=99)
    assert not found.exhaustive
    assert found.n_assignments == 100
    assert found.p_values["uf1"] == 0.01
    arm, other = counts_of(predictions({"a": 0.9, "b": 0.3}, n_subjects=14, n_clips=90))
    assert swap_test(arm, other).n_assignments == 2**14


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(4, 18))
def test_neither_names_nor_the_order_of_rows_or_arms_changes_a_test(seed, n_subjects):
    table = predictions({"human": 0.5, "x": 0.7}, n_subjects=n_subjects, n_clips=40, seed=seed)
    arm, other = counts_of(table)
    found = swap_test(arm, other, n_swaps=199)
    order = np.random.default_rng(seed).permutation(n_subjects)
    assert swap_test(arm[:, order], other[:, order], n_swaps=199).p_values == found.p_values
    assert swap_test(other, arm, n_swaps=199).p_values == pytest.approx(found.p_values)
    renamed = table.assign(subject=table["subject"].map(lambda s: s[::-1]))
    once, again = (mebias.gain(t.sample(frac=1, random_state=seed), n_swaps=199)
                   for t in (table, renamed))  # fmt: skip
    columns = ["estimate", "std_error", "conf_low", "conf_high"]
    key = ["arm", "quantity", "ethnicity", "weighting"]
    ordered = [g.estimates.sort_values(key)[columns].reset_index(drop=True) for g in (once, again)]
    pd.testing.assert_frame_equal(*ordered)


def test_swapping_the_arms_turns_the_gain_around():
    arm, other = counts_of(predictions({"a": 0.9, "b": 0.5}))
    for name in QUANTITIES:
        score = score_named(name)
        there, back = gain_interval(arm, other, score, 0.95), gain_interval(other, arm, score, 0.95)
        assert there.estimate == -back.estimate
        assert there.conf_low == -back.conf_high
        assert there.estimate == pytest.approx(
            float((scores(arm.sum(axis=1))[name] - scores(other.sum(axis=1))[name]).mean())
        )


def test_families_are_fixed_by_the_arms_and_adjusted_by_holm(gains):
    sizes = gains.tests.groupby("family", sort=False)["family_size"].agg(["first", "size"])
    assert sizes.loc[["gain-uf1", "gain-uar", "gain-accuracy"]].to_numpy().tolist() == [[3, 3]] * 3
    assert sizes.loc["gamdss-vs-jitter"].tolist() == [3, 3]
    assert sizes.loc["gain-by-ethnicity"].tolist() == [3, 3]
    own = gains.tests[gains.tests["family"] == "gain-uf1"].sort_values("p_value")
    p = own["p_value"].to_numpy()
    expected = np.maximum.accumulate(p * np.array([3, 2, 1])).clip(max=1)
    np.testing.assert_allclose(own["p_adjusted"], expected)


def test_every_number_of_a_test_has_its_unit(gains):
    units = gains.tests.groupby("family")["unit"].unique().map(list)
    assert units["gain-accuracy"] == units["gain-by-ethnicity"] == ["share"]
    assert units["gain-uf1"] == units["gain-uar"] == ["score"]


def test_the_larger_group_is_the_first_side_of_the_interaction():
    calm, gaining = (predictions({"human": 0.2, "x": knows}, n_subjects=21, n_clips=210,
                                 groups="ABA", seed=4) for knows in (0.2, 0.9))  # fmt: skip
    for group, sign in (("A", 1), ("B", -1)):
        table = calm.where(calm["ethnicity"] != group, gaining)
        row = mebias.gain(table, n_swaps=99).tests.query("family == 'gain-by-ethnicity'").iloc[0]
        assert row["ethnicity"] == "A vs others"
        assert sign * row["estimate"] > 0.2


def test_which_arm_comes_first_is_told_by_the_counts_not_by_the_order():
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 9, (2, 1, 6, 3, 3, 3))
    one, other = one[0], other[0]
    orders = [_nameless_order(*pair) for pair in ((one, other), (other, one))]
    assert orders[0].tolist() == orders[1].tolist()
    shuffled = rng.permutation(one.shape[1])
    again = _nameless_order(one[:, shuffled], other[:, shuffled])
    np.testing.assert_array_equal(one[:, shuffled][:, again], one[:, orders[0]])


def test_what_would_settle_a_gain_that_no_test_could_judge():
    alone = mebias.gain(predictions({"human": 0.5, "x": 0.8}, n_subjects=1, n_clips=12))
    assert set(alone.conclusions["would_settle"]) == {"1 subject, 5 needed"}


def test_mcnemar_is_a_description(gains, table):
    own = gains.tests[gains.tests["family"].str.startswith("mcnemar")]
    assert own["p_value"].isna().all()
    assert own["p_adjusted"].isna().all()
    row = own[own["source"] == "motion"].iloc[0]
    wide = table.assign(right=(table["label"] == table["predicted"])).pivot_table(
        index=["clip", "subject", "seed"], columns="arm", values="right", aggfunc="first"
    )
    gap = wide["motion"].astype(float) - wide["human"].astype(float)
    by_subject = gap.groupby("subject").sum() / 3
    assert row["statistic"] == pytest.approx(by_subject.sum() ** 2 / (by_subject**2).sum())
    won = row_of(gains, "motion vs human", "right_only")["estimate"]
    lost = row_of(gains, "motion vs human", "wrong_only")["estimate"]
    assert won == pytest.approx((gap > 0).mean())
    assert won - lost == pytest.approx(row["estimate"])


def test_one_clip_per_subject_and_seed_makes_it_mcnemars_own_statistic():
    table = predictions({"human": 0.4, "motion": 0.7}, n_subjects=40, n_clips=40, n_seeds=1)
    row = mebias.gain(table, n_swaps=19).tests.query("family.str.startswith('mcnemar')").iloc[0]
    right = table.assign(right=table["label"] == table["predicted"]).pivot_table(
        index="clip", columns="arm", values="right", aggfunc="first"
    )
    b = (right["motion"] & ~right["human"].astype(bool)).sum()
    c = (~right["motion"].astype(bool) & right["human"]).sum()
    assert row["statistic"] == pytest.approx((b - c) ** 2 / (b + c))


def test_the_spread_between_seeds_stands_apart(gains, table):
    by_seed = [uf1(own) for _, own in table[table["arm"] == "motion"].groupby("seed")]
    row = row_of(gains, "motion", "uf1_seed_sd")
    assert row["estimate"] == pytest.approx(np.std(by_seed, ddof=1))
    bounds = np.std(by_seed, ddof=1) * np.sqrt(2 / stats.chi2.ppf([0.975, 0.025], 2))
    np.testing.assert_allclose([row["conf_low"], row["conf_high"]], bounds)
    one = seed_spread(np.array([0.7]), 0.95, 10, 5)
    assert math.isnan(one.estimate)
    assert one.reason == "a single seed"


def test_a_large_gain_helps_or_harms_and_a_small_design_cannot_tell(table):
    found = mebias.gain(table, n_swaps=999).conclusions.set_index(["arm", "against", "quantity"])
    assert set(found.xs("motion")["conclusion"]) == {"helps"}
    row = found.loc[("gamdss", "human", "uf1")]
    assert row["conclusion"] == "can't be told"
    assert "subjects instead of 10" in row["would_settle"]
    assert row["power"] < 0.8 < row["subjects_needed"]
    turned = mebias.gain(table, against="motion", n_swaps=999).conclusions
    assert set(turned.loc[turned["against"] == "motion", "conclusion"]) == {"harms"}


def test_equivalence_needs_a_design_that_could_have_found_the_margin():
    arms = {"human": 0.9, "x": 0.9}
    large = predictions(arms, n_subjects=60, n_clips=3000, n_seeds=3, groups="A")
    found = mebias.gain(large, n_swaps=199).conclusions
    assert set(found["conclusion"]) == {"equivalent"}
    assert (found["power"] >= 0.8).all()
    assert (found["p_equivalence"] <= 0.05).all()
    # the same gains with the margin at hand but without the power for it
    row = found[found["quantity"] == "uf1"].iloc[0]
    error = Design(1.0, 59.0, 60, 0.05)
    assert error.power(2.0) < 0.8
    half = (row["conf_high"] - row["conf_low"]) / 2
    margin = abs(row["estimate"]) + 0.95 * half
    narrow = mebias.gain(large, n_swaps=199, margins={"uf1": margin}).conclusions
    row = narrow[narrow["quantity"] == "uf1"].iloc[0]
    assert row["p_equivalence"] <= 0.05
    assert row["power"] < 0.8
    assert row["conclusion"] == "can't be told"


def test_power_is_that_of_the_noncentral_t():
    for error, df, alpha in ((0.02, 30.0, 0.05), (0.03, 12.5, 0.05 / 3)):
        design = Design(error, df, 31, alpha)
        bound = stats.t.ppf(1 - alpha / 2, df)
        away = stats.nct(df, 0.05 / error)
        assert design.power(0.05) == pytest.approx(away.sf(bound) + away.cdf(-bound), abs=1e-6)
        assert design.power(design.smallest_gain()) == pytest.approx(0.8, abs=1e-6)
        needed = design.subjects_needed(0.05)
        more = Design(error * math.sqrt(31 / needed), df * needed / 31, 31, alpha)
        assert 0.8 <= more.power(0.05) < 0.83
    assert math.isnan(Design(math.nan, math.nan, 5, 0.05).power(0.05))
    assert math.isnan(Design(10.0, 5.0, 6, 0.05).subjects_needed(0.001))
    assert Design(1e-4, 30.0, 31, 0.05).subjects_needed(0.5) == 2


def test_identical_arms_are_not_tested(table):
    human = table[table["arm"] == "human"]
    found = mebias.gain(pd.concat([human, human.assign(arm="copy")]), n_swaps=19)
    own = found.tests[found.tests["family"] == "gain-uf1"].iloc[0]
    assert own["estimate"] == 0
    assert math.isnan(own["p_value"])
    assert own["reason"] == "both arms give every subject the same predictions"
    assert set(found.conclusions["conclusion"]) == {"can't be told"}


def test_few_subjects_are_described_not_tested():
    table = predictions({"human": 0.5, "x": 0.8}, n_subjects=4, n_clips=30)
    found = mebias.gain(table)
    assert found.tests["p_value"].isna().all()
    assert row_of(found, "x vs human", "uf1_gain")["conf_low"] < 1
    small = row_of(found, "x vs human", "uf1_gain", "A")
    assert math.isnan(small["conf_low"])
    assert small["reason"] == "2 subjects, 5 needed"
    assert found.issues["message"].str.contains("4 subjects are too few").any()


def test_one_subject_one_seed_and_one_clip_each_are_borne():
    one = predictions({"human": 0.5, "x": 0.8}, n_subjects=1, n_clips=12, n_seeds=1)
    found = mebias.gain(one)
    row = row_of(found, "x", "uf1")
    assert math.isnan(row["conf_low"])
    assert row["reason"] == "fewer than 3 subjects"
    assert row_of(found, "x", "uf1_seed_sd")["reason"] == "a single seed"
    each = predictions({"human": 0.5, "x": 0.8}, n_subjects=20, n_clips=20, n_seeds=1)
    assert np.isfinite(row_of(mebias.gain(each, n_swaps=19), "x vs human", "uf1_gain")["conf_low"])


def test_undefined_numbers_have_a_reason(gains):
    for found in (gains.estimates, gains.tests):
        low = found["conf_low"].isna() | found["estimate"].isna()
        assert (found.loc[low, "reason"] != "").all()


def test_a_class_of_one_subject_is_an_issue():
    table = predictions({"human": 0.5, "x": 0.8}, n_subjects=10)
    rare = table["clip"].isin(["c000"])
    table["label"] = table["label"].mask(rare, "rare")
    found = mebias.gain(table, n_swaps=19)
    assert (
        found.issues["message"]
        .str.contains("class rare rests on 1 clip of 1 subject, who decides 1 / ")
        .any()
    )
    row = row_of(found, "x", "f1_rare")
    assert math.isnan(row["conf_low"])
    assert "one subject alone" in row["reason"]


def test_a_gain_without_jitter_or_of_few_seeds_is_an_issue():
    found = mebias.gain(predictions({"human": 0.5, "gamdss": 0.8}), n_swaps=19)
    assert found.issues["message"].str.contains("no arm jitter").any()
    assert found.issues["message"].str.contains("2 seeds").any()
    arms = {"human": 0.5, "gamdss": 0.6, "jitter": 0.6}
    assert mebias.gain(predictions(arms, n_seeds=5), n_swaps=19).issues.empty


def test_a_single_arm_has_scores_and_no_gain():
    found = mebias.gain(predictions({"input": 0.7}))
    assert found.tests.empty
    assert found.conclusions.empty
    assert set(found.estimates["arm"]) == {"input"}


def test_several_datasets_are_pooled_and_stand_alone_too():
    parts = [predictions({"human": 0.5, "x": 0.8}, n_clips=40, seed=i, dataset=f"SIMULATED {name}")
             for i, name in enumerate("uv")]  # fmt: skip
    both = pd.concat(parts)
    found = mebias.gain(both, n_swaps=199)
    assert found.simulated
    row = found.estimates.query("arm == 'x' and quantity == 'uf1' and ethnicity == 'all'")
    assert row["dataset"].tolist() == ["SIMULATED composite", "SIMULATED u", "SIMULATED v"]
    assert row["n_subjects"].tolist() == [20, 10, 10]
    expected = [uf1(p[p["arm"] == "x"]) for p in (both, *parts)]
    np.testing.assert_allclose(row["estimate"], expected)
    assert "SIMULATED" in found._repr_html_()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"against": "humans"}, "no arm 'humans'.*did you mean human"),
        ({"margins": {"uf2": 0.1}}, "did you mean uf1"),
        ({"margins": {"uf1": 0.0}}, "the margin of uf1 is 0"),
        ({"min_subjects": 1}, "2 or more"),
        ({"conf_level": 1.0}, "conf_level"),
        ({"n_swaps": 5}, "19 or more"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_options_outside_their_range_are_refused(table, options, message):
    with pytest.raises(errors.OptionError, match=message):
        mebias.gain(table, **options)


def test_every_interval_says_what_it_covers(gains):
    shown = gains.estimates[gains.estimates["conf_low"].notna()]
    assert (shown["coverage_note"] != "").all()
    scored = shown[shown["quantity"].isin([*QUANTITIES, *(f"{q}_gain" for q in QUANTITIES)])]
    assert scored["coverage_note"].str.contains(r"simulation \(12 subjects, 60 clips\)").all()
    rows = [
        {"measure": "coverage", "control": "False", "quantity": "uf1", "subjects": "10",
         "clips": "50", "value": value}
        for value in ("0.95", "0.88")
    ]  # fmt: skip
    cells = cells_of([*rows, rows[0] | {"control": "True", "value": "0.5"}])
    assert cells["uf1"].notes.tolist() == [
        "nominal 95 %; measured 88.0 % in simulation (10 subjects, 50 clips)"
    ]
    other = with_gain_notes(gains.estimates.assign(conf_level=0.9))
    assert not other["coverage_note"].str.startswith("95 % intervals covered").any()


def test_tables_are_in_form_and_written(gains, tmp_path):
    paths = gains.to_csv(tmp_path / "new")
    for path in paths:
        tables.read_csv(path, path.stem)
    assert [p.name for p in paths] == [
        "estimates.csv",
        "tests.csv",
        "conclusions.csv",
        "issues.csv",
    ]
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.OutputError):
        gains.to_csv(tmp_path / "file")
    assert "arms human, gamdss, jitter, motion" in repr(gains)


def test_the_command_reads_a_csv_and_writes_its_tables(table, tmp_path, capsys):
    own = table[["clip", "subject", "arm", "seed", "label", "predicted"]]
    tables.write_csv(own, tmp_path / "mine.csv")
    assert main(["gain", str(tmp_path / "mine.csv"), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr()
    assert "motion vs human: gains UF1" in printed.out
    assert "motion against human, UF1: helps" in printed.out
    assert "3 seeds" in printed.err
    names = {"estimates", "tests", "conclusions", "issues", "released_scores"}
    assert {p.stem for p in (tmp_path / "out").iterdir()} == names
    assert main(["gain", str(tmp_path / "mine.csv"), "--against", "nobody"]) == 2
    assert "no arm 'nobody'" in capsys.readouterr().err
    assert main(["gain", str(tmp_path / "none.csv")]) == 2


def test_scoring_needs_no_torch(table, tmp_path):
    import subprocess
    import sys

    tables.write_csv(table, tmp_path / "mine.csv")
    code = (
        "import sys; from mebias.cli import main; "
        f"main(['gain', {str(tmp_path / 'mine.csv')!r}, '--out', {str(tmp_path)!r}, '--quiet']); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_score_interval_needs_three_subjects_and_spread():
    arm, _ = counts_of(predictions({"a": 0.5, "b": 0.5}, n_subjects=2, n_clips=20))
    assert score_interval(arm, score_named("uf1"), 0.95).reason == "fewer than 3 subjects"
    perfect = predictions({"a": 1.0}, n_subjects=6)
    (arm,) = counts_of(perfect)
    found = score_interval(arm, score_named("uf1"), 0.95)
    assert found.estimate == 1
    assert math.isnan(found.conf_low)
    assert found.reason == "leaving any subject out changes nothing"
