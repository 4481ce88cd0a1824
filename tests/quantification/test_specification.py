"""The specification curve: what is in it, its numbers, and the level of its joint tests."""

import math
import time
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from mebias.errors import OptionError, TableError
from mebias.quantification.checks import checked_shifts
from mebias.quantification.contrasts import contrast_tables
from mebias.quantification.influence import NO_TEST
from mebias.quantification.joint import Data, joint_test
from mebias.quantification.specification import specification_curve

KEYFRAMES = (("onset", 100), ("apex", 160), ("offset", 220))


def shifts(groups, seed=0, effect=0, rules=("gamdss",), free=6):
    """Frames drawn from windows that reach later; some are cut, some cannot move."""
    rng = np.random.default_rng(seed)
    names = [g for g, n in groups.items() for _ in range(n)]
    rows = []
    for s, group in enumerate(names):
        for i in range(1 + int(rng.integers(1, 5))):
            kind, freedom = ("micro", "macro")[int(rng.random() < 0.3)], int(rng.integers(0, free))
            cut = "truncated" if rng.random() < 0.2 else "selected"
            for (k, h), rule in ((key, r) for key in KEYFRAMES for r in rules):
                room = freedom + effect * (group == "A")
                rows.append(
                    {"dataset": "d", "clip": f"c{s}-{i}", "subject": f"s{s}", "keyframe": k,
                     "ethnicity": group, "human": h, "fps": (100.0, 200.0)[s % 2],
                     "expression_type": kind, "source": rule, "distance": "signed",
                     "window_low": h, "window_high": h + room, "selected_status": cut,
                     "selected": h + int(rng.integers(0, room + 1))}
                )  # fmt: skip
    return pd.DataFrame(rows)


def curve(table, **options):
    return specification_curve(table, **{"n_permutations": 99} | options)


def test_the_primary_analysis_is_in_the_curve_with_its_numbers():
    table = shifts({"A": 9, "B": 8, "C": 5})
    specifications, _ = curve(table)
    tests, estimates = contrast_tables(checked_shifts(table), n_permutations=99)
    for keyframe, rows in specifications.groupby("keyframe"):
        own = rows[rows["is_primary"]]
        test = tests[(tests["family"] == "primary") & (tests["keyframe"] == keyframe)]
        for column in ("ethnicity", "n_clips", "n_subjects"):
            assert own[column].item() == test[column].item()
        for column in ("estimate", "conf_low", "conf_high", "p_cr2"):
            assert own[column].item() == pytest.approx(test[column].item(), rel=1e-7)
        plain = rows[(rows[["clips", "truncation", "stratum", "tails"]] == "all").all(axis=1)]
        plain = plain[plain["unit"] == "ms"].set_index("weighting")["estimate"]
        wanted = estimates.query("keyframe == @keyframe and ethnicity == 'A vs others'")
        wanted = wanted.set_index("weighting")["estimate"]
        np.testing.assert_allclose(plain[wanted.index], wanted, rtol=1e-9)


def test_every_choice_is_there_and_none_twice():
    specifications, _ = curve(shifts({"A": 9, "B": 8}, rules=("gamdss", "gamdss-wide", "motion")))
    own = specifications[specifications["keyframe"] == "apex"]
    for column, words in {
        "source": {"gamdss", "gamdss-wide"}, "clips": {"all", "movable"},
        "truncation": {"all", "untruncated"}, "stratum": {"all", "micro"},
        "unit": {"ms", "frames", "window"}, "tails": {"all", "winsorized"}, "labels": {"all"},
        "weighting": {"clip", "subject", "subject-mean"},
    }.items():  # fmt: skip
        assert set(own[column]) == words, column
    choices = ["source", "distance", "clips", "truncation", "stratum", "labels", "tails", "unit",
               "weighting"]  # fmt: skip
    assert not own.duplicated(choices).any()
    assert own["t"].is_monotonic_increasing
    assert own["rank"].tolist() == list(range(1, len(own) + 1))


def test_choices_that_change_nothing_are_left_out():
    table = shifts({"A": 9, "B": 8}).assign(fps=100.0, selected_status="selected")
    table["expression_type"] = "micro"
    specifications, _ = curve(table)
    assert set(specifications["unit"]) == {"ms", "window"}
    assert set(specifications["truncation"]) == set(specifications["stratum"]) == {"all"}


def test_filters_and_units_are_what_they_say():
    table = checked_shifts(shifts({"A": 9, "B": 8}))
    specifications, _ = curve(table)
    own = table[(table["keyframe"] == "apex") & (table["freedom"] > 0)]
    own = own[(own["expression_type"] == "micro") & (own["selected_status"] != "truncated")]
    for unit in ("ms", "frames", "window"):
        row = specifications.query(
            "keyframe == 'apex' and clips == 'movable' and stratum == 'micro' and tails == 'all' "
            "and truncation == 'untruncated' and unit == @unit and weighting == 'clip'"
        )
        values = own.groupby("ethnicity")[f"shift_{unit}"].mean()
        assert row["estimate"].item() == pytest.approx(values["A"] - values["B"])
        assert row["n_clips"].item() == len(own)
        assert row["t"].item() == pytest.approx(row["estimate"].item() / row["std_error"].item())


def test_joint_statistics_against_brute_force():
    rng = np.random.default_rng(0)
    sets = [Data(np.ones(8), rng.normal(size=8), 0.0, ("clip",)) for _ in range(3)]
    first = np.arange(8) < 3
    found = joint_test(sets, first, rng)
    medians, smallest = {}, {}
    for chosen in combinations(range(8), 3):
        side = np.isin(np.arange(8), chosen)
        t, p = [], []
        for data in sets:
            a, b = data.means[side], data.means[~side]
            error = math.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
            t.append((a.mean() - b.mean()) / error)
            single = joint_test([data], side, rng)
            p.append(single.smallest_p)
            assert single.median_t == pytest.approx(t[-1])
        medians[chosen], smallest[chosen] = abs(np.median(t)), min(p)
    here = (0, 1, 2)
    assert (found.n_assignments, found.exhaustive) == (56, True)
    assert found.p_median == np.mean([v >= medians[here] - 1e-9 for v in medians.values()])
    assert found.p_smallest == np.mean([v <= smallest[here] + 1e-9 for v in smallest.values()])


def joint_p_values(n_cohorts, effect=0.0, n_first=5, seed=1):
    """Four correlated analyses of 20 subjects; one of them lacks some subjects."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n_cohorts):
        sizes = 1.0 + rng.poisson(3, 20)
        first = np.arange(20) < n_first
        own = rng.normal(0, 0.6, 20) + effect * first
        sets = []
        for there in (np.ones(20), rng.random(20) < 0.9):
            means = own + rng.normal(0, 1, 20) / np.sqrt(sizes)
            n = sizes * there
            within = float(rng.chisquare(max(1, n.sum() - (n > 0).sum())))
            sets.append(Data(n, means, within, ("clip", "subject")))
        one = joint_test(sets, first, rng, n_permutations=99)
        found.append((one.p_median, one.p_smallest))
    return np.array(found)


def test_joint_tests_hold_their_level():
    rejected = (joint_p_values(400) <= 0.05).mean(axis=0)
    band = 3 * math.sqrt(0.05 * 0.95 / 400)
    assert (np.abs(rejected - 0.05) < band).all()


def test_the_smallest_p_value_alone_does_not():
    rng = np.random.default_rng(3)
    sets = [[Data(np.ones(20), rng.normal(size=20), 0.0) for _ in range(8)] for _ in range(60)]
    found = [joint_test(s, np.arange(20) < 8, rng, n_permutations=99) for s in sets]
    assert np.mean([f.smallest_p <= 0.05 for f in found]) > 0.2
    assert np.mean([f.p_smallest <= 0.05 for f in found]) < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 60)


def test_joint_tests_find_what_is_there():
    assert (joint_p_values(40, effect=1.6, n_first=8) <= 0.05).mean(axis=0).min() > 0.8


def test_a_planted_difference_is_found_in_the_table():
    _, tests = curve(shifts({"A": 12, "B": 10}, effect=12), n_permutations=199)
    assert (tests["p_adjusted"] <= 0.05).all()
    assert (tests["estimate"] > 0).all()
    assert set(tests["family"]) == {"specification"}
    assert set(tests["family_size"]) == {6}
    assert (tests.query("unit == 'ms'")["statistic"] != 0).all()


def test_one_group_has_a_curve_and_no_test():
    specifications, tests = curve(shifts({"A": 9}))
    assert tests.empty
    assert set(specifications["ethnicity"]) == {"all"}
    assert specifications["p_cr2"].isna().all()
    assert (specifications["reason"] == NO_TEST).all()
    assert specifications["conf_low"].notna().all()


def test_a_small_side_is_shown_and_not_tested():
    specifications, tests = curve(shifts({"A": 9, "B": 3}))
    assert specifications["estimate"].notna().all()
    assert specifications[["conf_low", "t", "p_cr2"]].isna().all(axis=None)
    assert specifications["reason"].str.contains("subjects on a side, 5 needed").all()
    assert tests["p_value"].isna().all()
    assert (tests["reason"] != "").all()


@pytest.mark.parametrize(
    ("change", "words"),
    [({"selected": 100, "human": 100, "window_low": 100, "window_high": 120}, "no spread")],
)
def test_constant_shifts_have_no_test(change, words):
    specifications, tests = curve(shifts({"A": 9, "B": 8}).assign(**change))
    assert specifications["reason"].str.contains(words).all()
    assert tests["p_value"].isna().all()


def test_nothing_usable_is_an_empty_curve():
    table = shifts({"A": 9, "B": 8}).assign(selected=np.nan, selected_status="failed")
    specifications, tests = curve(table)
    assert specifications.empty
    assert tests.empty


def test_one_subject_and_one_clip():
    specifications, tests = curve(shifts({"A": 1}).iloc[:3])
    assert tests.empty
    assert specifications["reason"].str.contains("1 subject on a side, 2 needed").all()


def test_bad_options_and_infinite_values_are_refused():
    with pytest.raises(OptionError, match="n_permutations"):
        curve(shifts({"A": 6, "B": 6}), n_permutations=3)
    with pytest.raises(TableError, match="finite"):
        curve(shifts({"A": 6, "B": 6}).assign(selected=np.inf))


def test_without_windows_the_only_source_is_the_curve():
    table = shifts({"A": 9, "B": 8}).drop(columns=["window_low", "window_high"])
    specifications, _ = curve(table.assign(source="mine"))
    assert set(specifications["source"]) == {"mine"}
    assert set(specifications["unit"]) == {"ms", "frames"}


def test_names_and_order_of_rows_have_no_part_in_it():
    table = shifts({"A": 9, "B": 8})
    names = table["subject"].unique()
    other = dict(zip(names, np.random.default_rng(5).permutation(names), strict=True))
    renamed = table.assign(subject=table["subject"].map(other)).sample(frac=1, random_state=0)
    (a, p), (b, q) = curve(table), curve(renamed.reset_index(drop=True))
    np.testing.assert_allclose(a["estimate"], b["estimate"], rtol=1e-9, atol=1e-12)
    assert p["p_value"].tolist() == q["p_value"].tolist()


def test_it_is_quick():
    table = shifts({"A": 17, "B": 12})
    start = time.perf_counter()
    specifications, _ = curve(table, n_permutations=999)
    per_200 = (time.perf_counter() - start) * 200 / len(specifications)
    assert per_200 < 8  # about 1 s alone on a core
