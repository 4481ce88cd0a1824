"""Does an arm gain more in one group: by brute force, and how often it is found where it is not."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

import mebias
from mebias.quantification.gain_groups import Dealt, differences_of_gains
from mebias.recognition.metrics import scores


def predictions(n_subjects, n_clips, rates, rng, groups=None):
    """``rates``: arm to the probability of a hit on each side."""
    groups = groups or ["A" if s < n_subjects // 2 else "B" for s in range(n_subjects)]
    rows = []
    for s in range(n_subjects):
        ability = rng.normal(0, 0.08)
        for c in range(n_clips[s % len(n_clips)]):
            label = (s + c) % 3
            for arm, rate in rates.items():
                for seed in (0, 1):
                    hit = rng.random() < np.clip(rate[groups[s] == "B"] + ability, 0, 1)
                    said = label if hit else (label + rng.integers(1, 3)) % 3
                    rows.append((f"s{s:02d}", f"{s}-{c}", groups[s], arm, seed, label, said))
    columns = ["subject", "clip", "ethnicity", "arm", "seed", "label", "predicted"]
    return pd.DataFrame(rows, columns=columns)


def confusions(table, arm):
    """Seeds x subjects x classes x classes, counted one by one."""
    own = table[table["arm"] == arm]
    subjects = sorted(set(own["subject"]))
    found = np.zeros((2, len(subjects), 3, 3))
    for row in own.itertuples():
        found[row.seed, subjects.index(row.subject), row.label, row.predicted] += 1
    return found


def by_hand(arm, other, side, quantity):
    """Difference of gains and its jackknife error, by definition."""
    gains, variances = [], []
    for s in (0, 1):
        members = np.flatnonzero(side == s)

        def gain(who):
            first, second = (np.mean([scores(seed[who].sum(axis=0))[quantity] for seed in counts])
                             for counts in (arm, other))  # fmt: skip
            return first - second

        without = np.array([gain(np.setdiff1d(members, [m])) for m in members])
        n = len(members)
        gains.append(gain(members))
        variances.append((n - 1) / n * ((without - without.mean()) ** 2).sum())
    return gains[0] - gains[1], np.sqrt(sum(variances))


@pytest.mark.parametrize("quantity", ["uf1", "uar"])
def test_differences_errors_and_p_values_are_those_of_the_definition(quantity):
    rng = np.random.default_rng(3)
    table = predictions(8, (3, 4), {"human": (0.5, 0.5), "motion": (0.8, 0.5)}, rng)
    arm, other = confusions(table, "motion"), confusions(table, "human")
    sides = []
    for members in combinations(range(8), 4):
        side = np.ones(8, dtype=int)
        side[list(members)] = 0
        sides.append(side)
    expected = np.array([by_hand(arm, other, side, quantity) for side in sides])
    found = differences_of_gains(arm, other, np.array(sides), quantity)
    np.testing.assert_allclose(found.differences, expected[:, 0], atol=1e-12)
    np.testing.assert_allclose(found.std_errors, expected[:, 1], atol=1e-12)
    gains = mebias.gain(table, min_subjects=3, n_swaps=199)
    row = gains.tests.query(f"family == 'gain-by-ethnicity-{quantity}'").iloc[0]
    t = np.abs(expected[:, 0]) / expected[:, 1]
    assert row["estimate"] == pytest.approx(expected[0, 0])
    assert row["p_value"] == pytest.approx((t >= t[0] - 1e-9).mean())
    own = gains.estimates.query(f"quantity == '{quantity}_gain_difference'").iloc[0]
    assert own["std_error"] == pytest.approx(expected[0, 1])
    assert own["conf_low"] < own["estimate"] < own["conf_high"]


def test_what_the_design_does_not_permit_is_not_tested():
    rng = np.random.default_rng(0)
    rates = {"human": (0.5, 0.5), "motion": (0.6, 0.6)}
    few = predictions(8, (3,), rates, rng, groups=["A"] * 5 + ["B"] * 3)
    row = mebias.gain(few, n_swaps=99).tests.query("family == 'gain-by-ethnicity-uf1'").iloc[0]
    assert np.isnan(row["p_value"])
    assert row["reason"] == "3 subjects in the others, 5 needed"
    lacking = predictions(12, (3,), rates, rng)
    gone = (lacking["ethnicity"] == "B") & (lacking["label"] == 2)
    row = mebias.gain(lacking[~gone], n_swaps=99).tests
    row = row.query("family == 'gain-by-ethnicity-uar'").iloc[0]
    assert np.isnan(row["p_value"])
    assert "class 2 is of 0 subjects in the others" in row["reason"]
    none = mebias.gain(lacking.assign(ethnicity="A"), n_swaps=99).tests["family"]
    assert not none.str.startswith("gain-by-ethnicity").any()
    same = pd.concat([lacking[lacking["arm"] == "human"].assign(arm=a) for a in ("human", "x")])
    row = mebias.gain(same, n_swaps=99).tests.query("family == 'gain-by-ethnicity-uf1'").iloc[0]
    assert "same predictions" in row["reason"]
    assert np.isnan(row["p_value"])


def test_names_and_order_of_subjects_have_no_part():
    rng = np.random.default_rng(5)
    table = predictions(30, (2, 3), {"human": (0.5, 0.5), "motion": (0.7, 0.5)}, rng)
    renamed = table.assign(subject=table["subject"].map(lambda s: s[::-1])).sample(
        frac=1, random_state=0
    )
    p = [mebias.gain(t, n_swaps=99).tests.query("family.str.startswith('gain-by-eth')")["p_value"]
         for t in (table, renamed)]  # fmt: skip
    np.testing.assert_array_equal(*(each.to_numpy()[-2:] for each in p))


def test_a_gain_in_one_group_is_found_and_none_is_not():
    found = {"one": 0, "both": 0}
    n = 60
    for k in range(n):
        for name, rates in (("one", (0.85, 0.5)), ("both", (0.65, 0.65))):
            rng = np.random.default_rng([k, len(name)])
            table = predictions(24, (2, 8), {"human": (0.5, 0.5), "motion": rates}, rng)
            arm, other = confusions(table, "motion"), confusions(table, "human")
            side = (np.arange(24) >= 12).astype(int)
            ways = np.vstack([side, rng.permuted(np.tile(side, (199, 1)), axis=1)])
            dealt = differences_of_gains(arm, other, ways, "uf1")
            t = dealt.statistics
            found[name] += (t >= t[0] - 1e-9).mean() <= 0.05
    assert found["one"] > 0.9 * n
    assert found["both"] <= 8  # 3 expected; more than 8 of 60 in one run of 200


def test_no_difference_without_an_error_is_none_and_a_difference_without_one_is_infinite():
    dealt = Dealt(np.array([0.0, -0.1, 0.1, np.nan]), np.array([0.0, 0.05, 0.0, np.nan]),
                  np.full(4, 9.0))  # fmt: skip
    np.testing.assert_array_equal(dealt.statistics, [0.0, 2.0, np.inf, np.nan])
