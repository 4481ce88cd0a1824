"""Power: against the t test, against simulation, and what cannot be told."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.power import TTestIndPower

from mebias.errors import OptionError, TableError
from mebias.quantification.checks import checked_shifts
from mebias.quantification.contrasts import contrast_tables
from mebias.quantification.designs import (
    Design,
    fitted_design,
    power_at,
    simulated_power,
    smallest_shift,
    subjects_needed,
)
from mebias.quantification.interval import clusters
from mebias.quantification.power import power_table
from mebias.quantification.reml import variance_ratio


def shifts(groups, seed=0, **columns):
    rng = np.random.default_rng(seed)
    names = [g for g, n in groups.items() for _ in range(n)]
    rows = []
    for s, group in enumerate(names):
        own = rng.normal(0, 2)
        for i in range(1 + int(rng.integers(1, 6))):
            rows += [
                {"dataset": "d", "clip": f"c{s}-{i}", "subject": f"s{s}", "keyframe": k,
                 "ethnicity": group, "human": h, "fps": 100.0,
                 "selected": h + round(own + rng.normal(0, 3))}
                for k, h in (("onset", 100), ("apex", 160), ("offset", 220))
            ]  # fmt: skip
    return pd.DataFrame(rows).assign(**columns)


def design(n_first, n_others, icc=0.3, clips=5, seed=0):
    """Log-normal cluster sizes, total SD 1."""
    rng, g = np.random.default_rng(seed), n_first + n_others
    weight = rng.lognormal(0, 0.8, g)
    sizes = 1 + rng.multinomial((clips - 1) * g, weight / weight.sum()).astype(float)
    return Design(sizes, np.arange(g) < n_first, math.sqrt(icc), math.sqrt(1 - icc))


@pytest.mark.parametrize(("n", "effect", "alpha"), [(17, 1.0, 0.05), (40, 0.4, 0.05), (8, 2, 0.01)])
def test_balanced_sides_of_one_clip_are_the_t_test(n, effect, alpha):
    own = Design(np.ones(2 * n), np.arange(2 * n) < n, 0.0, 1.0)
    expected = TTestIndPower().power(effect, n, alpha)
    assert power_at(own, effect, alpha) == pytest.approx(expected, abs=1e-6)
    assert power_at(own, -effect, alpha) == power_at(own, effect, alpha)
    assert power_at(own, 0.0, alpha) == pytest.approx(alpha, abs=1e-9)
    wanted = TTestIndPower().solve_power(None, n, alpha, 0.8)
    assert smallest_shift(own, 0.8, alpha) == pytest.approx(wanted, rel=1e-5)
    per_side = TTestIndPower().solve_power(effect, None, alpha, 0.8)
    needed = subjects_needed(own, effect, alpha=alpha, min_subjects=2)
    assert needed == pytest.approx(2 * per_side, abs=1.0)


def test_copies_of_a_design_are_the_design_of_that_many():
    one = design(9, 5)
    twice = Design(np.tile(one.sizes, 2), np.tile(one.first, 2), one.sd_between, one.sd_within)
    assert one.of_size(28).error_and_df() == pytest.approx(twice.error_and_df())


@pytest.mark.parametrize("alpha", [0.05, 0.05 / 3])
@pytest.mark.parametrize("own", [design(12, 12), design(4, 16), design(12, 17), design(5, 15, 0.6)])
def test_power_is_that_of_simulated_cohorts(own, alpha):
    largest = smallest_shift(own, 0.8, alpha)
    for share in (0.6, 1.0):
        analytic = float(power_at(own, share * largest, alpha))
        simulated = simulated_power(own, share * largest, alpha, n=1500, seed=1)
        assert abs(simulated - analytic) < 0.05
    assert simulated_power(own, 0.0, alpha, n=1500, seed=2) < alpha + 3 * math.sqrt(alpha / 1500)


def test_rows_in_place_of_subjects_would_promise_too_much():
    own = design(12, 12)
    rows = Design(np.ones(120), np.repeat(own.first, 5), 0.0, 1.0)
    simulated = simulated_power(own, smallest_shift(rows), n=1500, seed=1)
    assert simulated < 0.8 - 0.1


def test_without_a_seed_data_sets_are_drawn_alike():
    own = design(10, 10)
    assert simulated_power(own, 0.8, n=50) == simulated_power(own, 0.8, n=50, seed=0)


def test_the_subjects_needed_find_it_and_fewer_do_not():
    own = design(9, 20)
    for shift in (0.4, 0.9, 1.7):
        n = subjects_needed(own, shift)
        assert power_at(own.of_size(n), shift) >= 0.8
        assert power_at(own.of_size(n - 1), shift) < 0.8 or n * 9 / 29 < 6
    assert subjects_needed(own, 50.0) * 9 / 29 >= 5
    assert math.isnan(subjects_needed(own, 1e-4))


def test_components_are_those_of_reml():
    rng = np.random.default_rng(2)
    s = np.repeat(np.arange(20), rng.integers(1, 7, 20))
    y = rng.normal(0, 2, 20)[s] + rng.normal(0, 3, len(s))
    first = s < 8
    own, log_errors = fitted_design(y, s, first)
    data = clusters(y, s)
    side = data.subjects.astype(int) < 8
    assert (own.sd_between / own.sd_within) ** 2 == pytest.approx(
        variance_ratio(data, [side, ~side]), rel=1e-6
    )
    rest = s != 3
    without, _ = fitted_design(y[rest], s[rest], first[rest])
    full = Design(own.sizes, own.first, without.sd_between, without.sd_within)
    place = list(data.subjects).index(3)
    assert log_errors[place] == pytest.approx(math.log(full.error_and_df()[0]), rel=1e-6)


def test_the_interval_of_the_smallest_shift_holds_the_true_one():
    rng = np.random.default_rng(3)
    true = design(12, 17)
    truth = math.log(true.error_and_df()[0])
    s = np.repeat(np.arange(29), true.sizes.astype(int))
    held = []
    for _ in range(200):
        y = rng.normal(0, true.sd_between, 29)[s] + rng.normal(0, true.sd_within, len(s))
        own, logs = fitted_design(y, s, s < 12)
        error = math.sqrt(28 / 29 * ((logs - logs.mean()) ** 2).sum())
        half = stats.t.ppf(0.975, 27) * error
        held.append(abs(math.log(own.error_and_df()[0]) - truth) < half)
    assert 0.88 < np.mean(held) < 0.99


def test_the_table_asks_and_answers():
    table = power_table(shifts({"A": 12, "B": 9, "C": 6}), margin_ms=12.0)
    assert set(table["contrast"]) == {"A vs others"}
    for _, rows in table.groupby("keyframe"):
        smallest = rows[rows["quantity"] == "smallest_shift"].iloc[0]
        assert smallest["conf_low"] < smallest["shift_ms"] < smallest["conf_high"]
        assert smallest["n_subjects"] == 27
        assert smallest["group_sizes"] == "A 12, others 15"
        assert smallest["alpha"] == pytest.approx(0.05 / 3)
        curve = rows[rows["quantity"] == "power"]
        assert curve["power"].is_monotonic_increasing
        assert curve["power"].iloc[0] == pytest.approx(0.05 / 3)
        assert curve["power"].iloc[6] == pytest.approx(0.8)
        within = curve["power"].between(curve["conf_low"] - 1e-9, curve["conf_high"] + 1e-9)
        assert within.all()
        needed = rows[rows["quantity"] == "subjects_needed"].iloc[0]
        assert needed["shift_ms"] == 12
        assert needed["conf_low"] <= needed["n_subjects"] <= needed["conf_high"]
        assert (needed["n_subjects"] > 27) == (smallest["shift_ms"] > 12)


def test_the_design_is_that_of_the_tests():
    table = shifts({"A": 12, "B": 9})
    tests, estimates = contrast_tables(checked_shifts(table), n_permutations=99)
    smallest = power_table(table, family_size=1).query("quantity == 'smallest_shift'")
    apex = estimates.query("keyframe == 'apex' and weighting == 'subject'").iloc[0]
    # The true error of the design and the CR2 one estimate the same thing.
    detectable = apex["std_error"] * (stats.t.ppf(0.975, apex["df"]) + stats.t.ppf(0.8, apex["df"]))
    found = smallest.query("keyframe == 'apex'")
    assert found["shift_ms"].item() == pytest.approx(detectable, rel=0.25)
    assert smallest["n_clips"].tolist() == tests["n_clips"].tolist()


def test_units_carry_over():
    table = shifts({"A": 12, "B": 9})
    slow = power_table(table.assign(fps=50.0), margin_ms=10)
    fast = power_table(table, margin_ms=10)
    pick = fast["quantity"] == "smallest_shift"
    np.testing.assert_allclose(slow["shift_ms"][pick], 2 * fast["shift_ms"][pick])


def test_windows_too_short_for_it_are_named():
    table = shifts({"A": 8, "B": 8}).assign(freedom=1.0)
    table["window_low"] = table["human"]
    table["window_high"] = table["human"] + 1
    table["selected"] = table["human"] + (np.arange(len(table)) % 7 < 2)
    note = power_table(table, min_subjects=5, power=0.99)["note"]
    assert note.str.contains("10.0 ms long on average").any() == (
        power_table(table, power=0.99)["shift_ms"].max() / 2 > 10
    )
    far = table.assign(window_high=table["human"] + 400, freedom=400.0)
    assert not power_table(far)["note"].str.contains("windows").any()


@pytest.mark.parametrize(
    ("groups", "change", "words"),
    [
        ({"A": 9}, {}, "one group (A): there is no contrast"),
        ({"unknown": 9}, {}, "no stated group"),
        ({"A": 9, "B": 3}, {}, "the others: 3 subjects with a usable label, 5 needed"),
        ({"A": 1}, {}, "one group (A)"),
        ({"A": 9, "B": 8}, {"selected": np.nan, "selected_status": "failed"}, "A: 0 subjects"),
        ({"A": 9, "B": 8}, {"selected": 300}, "shifts are equal"),
    ],
)
def test_what_cannot_be_told_has_its_reason(groups, change, words):
    table = power_table(shifts(groups).assign(**change))
    assert len(table) == 3
    assert table["reason"].str.contains(words, regex=False).all()
    assert table[["shift_ms", "conf_low", "conf_high"]].isna().all(axis=None)


def test_sides_that_are_constant_have_no_spread():
    table = shifts({"A": 6, "B": 6})
    table["selected"] = table["human"] + 3 * (table["ethnicity"] == "A")
    assert power_table(table)["reason"].str.contains("no spread").all()


def test_one_clip_per_subject():
    table = shifts({"A": 9, "B": 8}).drop_duplicates(["subject", "keyframe"])
    found = power_table(table.reset_index(drop=True)).query("quantity == 'smallest_shift'")
    assert (found["sd_between_ms"] == 0).all()
    assert found["conf_high"].notna().all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"power": 1.0}, "power is 1.0"),
        ({"power": 0.01}, "between alpha"),
        ({"alpha": 0}, "alpha is 0"),
        ({"family_size": 0}, "family_size is 0"),
        ({"shifts_ms": [1, math.inf]}, "not finite"),
        ({"margin_ms": -1}, "margin_ms is -1"),
    ],
)
def test_options_out_of_range_are_refused(options, words):
    with pytest.raises(OptionError, match=words):
        power_table(shifts({"A": 6, "B": 6}), **options)


def test_infinite_shifts_are_refused():
    with pytest.raises(TableError, match="finite"):
        power_table(shifts({"A": 6, "B": 6}).assign(human=math.inf))


def test_names_and_order_of_rows_have_no_part_in_it():
    table = shifts({"A": 9, "B": 8})
    names = table["subject"].unique()
    other = dict(zip(names, np.random.default_rng(5).permutation(names), strict=True))
    renamed = table.assign(subject=table["subject"].map(other)).sample(frac=1, random_state=0)
    a, b = power_table(table), power_table(renamed.reset_index(drop=True))
    numbers = a.select_dtypes("number").columns
    np.testing.assert_allclose(a[numbers], b[numbers], rtol=1e-7)
