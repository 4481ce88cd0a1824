"""Resampling of subjects: against R's boot, scipy and loops; invariants; coverage and level.

`r/boot.R` made the CSVs; R is not needed here.
"""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special, stats

from mebias.quantification import clustered as module
from mebias.quantification import sign_flips
from mebias.quantification.clustered import (
    MEAN,
    MEDIAN,
    SD,
    SUBJECT_MEAN,
    TRIMMED_MEAN,
    LeftOut,
    Resamples,
    clustered,
    quantile,
    share_within,
)
from mebias.quantification.resampling import (
    bca_interval,
    bootstrap_intervals,
    draw_weights,
    effective_subjects,
    estimates,
    jackknife,
    percentile_interval,
    replicates,
    sign_flip_test,
)

FOLDER = Path(__file__).parent / "r"
DATA = pd.read_csv(FOLDER / "boot_data.csv")
DRAWS = pd.read_csv(FOLDER / "boot_draws.csv")
INTERVALS = pd.read_csv(FOLDER / "boot_intervals.csv").set_index(["cohort", "what"])
STATISTICS = {
    "mean": MEAN,
    "subject_mean": SUBJECT_MEAN,
    "median": MEDIAN,
    "trimmed_mean": TRIMMED_MEAN,
    "sd": SD,
    "q05": quantile(0.05),
    "q95": quantile(0.95),
    "within_1": share_within(-1, 1),
}
PLAIN = {
    "mean": lambda y, s: y.mean(),
    "subject_mean": lambda y, s: np.mean([y[s == g].mean() for g in np.unique(s)]),
    "median": lambda y, s: np.median(y),
    "trimmed_mean": lambda y, s: stats.trim_mean(y, 0.2),
    "sd": lambda y, s: y.std(ddof=1),
    "q05": lambda y, s: np.quantile(y, 0.05),
    "q95": lambda y, s: np.quantile(y, 0.95),
    "within_1": lambda y, s: np.mean(np.abs(y) <= 1),
}
TIES = np.repeat([0.0, 1, 2, -1, 4], [18, 9, 5, 6, 2])


def own_values(data):
    """Values of each subject in the canonical order."""
    return [data.distinct[data.codes[data.owners == g]] for g in range(len(data))]


def places(data, by_subject):
    """For each subject of the canonical order the place of one that holds the same."""
    free = list(range(len(by_subject)))
    found = []
    for own in own_values(data):
        found.append(next(k for k in free if np.array_equal(np.sort(by_subject[k]), own)))
        free.remove(found[-1])
    return found


def small_cohort(seed=0, n_subjects=9, whole=True):
    rng = np.random.default_rng(seed)
    s = np.concatenate([np.arange(n_subjects), rng.integers(0, n_subjects, 3 * n_subjects)])
    y = rng.normal(0, 3, len(s)) + rng.normal(0, 1, n_subjects)[s]
    return (np.rint(y) if whole else y), s


@pytest.fixture(params=[True, False], ids=["table", "only what is there"])
def stored_densely(request, monkeypatch):
    monkeypatch.setattr(module, "DENSE", (1 << 22) if request.param else 0)
    monkeypatch.setattr(module, "PER_CLIP", 10**6)


@pytest.mark.usefixtures("stored_densely")
@pytest.mark.parametrize("cohort", ["whole", "real"])
def test_every_statistic_of_every_draw_is_that_of_boot(cohort):
    rows = DATA[DATA["cohort"] == cohort]
    data = clustered(rows["y"].to_numpy(float), rows["subject"].to_numpy())
    by_subject = [own["y"].to_numpy(float) for _, own in rows.groupby("subject")]
    drawn = DRAWS[DRAWS["cohort"] == cohort]
    counts = np.array([[float(c) for c in line.split()] for line in drawn["counts"]])
    resamples = Resamples(data, counts[:, places(data, by_subject)])
    for name, statistic in STATISTICS.items():
        assert statistic.of(resamples) == pytest.approx(drawn[name], rel=1e-9, abs=1e-9), name
    found = estimates(data, list(STATISTICS.values()))
    assert found == pytest.approx(INTERVALS.loc[cohort, "estimate"].to_numpy(), rel=1e-9)
    left_out = jackknife(data, list(STATISTICS.values()))
    spread = INTERVALS.loc[cohort, "jackknife_sd"].to_numpy()
    assert left_out.std(axis=1, ddof=1) == pytest.approx(spread, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", ["mean", "subject_mean", "trimmed_mean", "sd"])
def test_bounds_are_the_draws_at_the_ranks_of_boot(name):
    """On real values no draw ties with the estimate, and mid-ranks are ranks."""
    rows = DATA[DATA["cohort"] == "real"]
    data = clustered(rows["y"].to_numpy(float), rows["subject"].to_numpy())
    draws = np.sort(DRAWS.loc[DRAWS["cohort"] == "real", name].to_numpy())
    expected = INTERVALS.loc[("real", name)]
    left_out = jackknife(data, [STATISTICS[name]])[0]
    low, high = bca_interval(expected["estimate"], draws, left_out)
    # boot interpolates between two draws; we take the outer one
    below, above = math.floor(expected["rank_low"]), math.ceil(expected["rank_high"])
    assert low == draws[below - 1] <= expected["bca_low"] + 1e-9 <= draws[below]
    assert high == draws[above - 1] >= expected["bca_high"] - 1e-9 >= draws[above - 2]
    assert percentile_interval(draws) == pytest.approx(
        (expected["perc_low"], expected["perc_high"]), abs=1e-9
    )


@pytest.mark.usefixtures("stored_densely")
@pytest.mark.parametrize("whole", [True, False])
def test_draws_are_those_of_a_loop_over_resampled_clips(whole):
    y, s = small_cohort(whole=whole)
    data = clustered(y, s)
    own = own_values(data)
    weights = np.concatenate(list(draw_weights(len(data), 40, seed=3)))
    found = replicates([data], list(STATISTICS.values()), n_draws=40, seed=3)[0]
    for draw, weight in enumerate(weights.astype(int)):
        taken = np.repeat(np.arange(len(own)), weight)
        pooled = np.concatenate([own[g] for g in taken])
        names = np.repeat(np.arange(len(taken)), [len(own[g]) for g in taken])
        for row, (name, plain) in zip(found, PLAIN.items(), strict=True):
            assert row[draw] == pytest.approx(plain(pooled, names), abs=1e-12), name


@pytest.mark.usefixtures("stored_densely")
@pytest.mark.parametrize("whole", [True, False])
def test_the_jackknife_leaves_out_whole_subjects(whole):
    y, s = small_cohort(1, whole=whole)
    data = clustered(y, s)
    by_subject = [y[s == g] for g in range(9)]
    found = jackknife(data, list(STATISTICS.values()))
    for place, g in enumerate(places(data, by_subject)):
        for row, plain in zip(found, PLAIN.values(), strict=True):
            assert row[place] == pytest.approx(plain(y[s != g], s[s != g]), abs=1e-12)
    ones = 1 - np.eye(9)
    assert LeftOut(data).cumulative == pytest.approx(Resamples(data, ones).cumulative)


def test_means_spread_as_scipys_bootstrap_of_subject_sums():
    y, s = small_cohort(2, 30)
    data = clustered(y, s)
    n, total = data.moments[:, 1], data.moments[:, 2] + data.center * data.moments[:, 1]
    theirs = stats.bootstrap(
        (total, n),
        lambda t, k, axis: t.sum(axis=axis) / k.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=20_000,
        method="BCa",
        rng=np.random.default_rng(0),
    )
    draws = replicates([data], [MEAN], n_draws=20_000)[0, 0]
    assert draws.std(ddof=1) == pytest.approx(theirs.standard_error, rel=0.03)
    bounds = bca_interval(estimates(data, [MEAN])[0], draws, jackknife(data, [MEAN])[0])
    assert bounds == pytest.approx(tuple(theirs.confidence_interval), abs=0.12 * draws.std())
    # on the same weights, exactly
    weights = np.concatenate(list(draw_weights(30, 20_000)))
    assert draws == pytest.approx((weights @ total) / (weights @ n))
    tight = stats.bootstrap(
        (total, n),
        lambda t, k, axis: t.sum(axis=axis) / k.sum(axis=axis),
        paired=True,
        n_resamples=0,
        method="BCa",
        bootstrap_result=_Result(draws),
    )
    assert bounds == pytest.approx(tuple(tight.confidence_interval), abs=0.01 * draws.std())


class _Result:
    """Draws made elsewhere, in the form in which scipy takes them up."""

    def __init__(self, draws):
        self.bootstrap_distribution = draws


def test_weights_are_draws_with_replacement():
    weights = np.concatenate(list(draw_weights(12, 5000, seed=1)))
    assert (weights.sum(axis=1) == 12).all()
    share = np.bincount(weights.astype(int).ravel(), minlength=5)[:5] / weights.size
    assert share == pytest.approx(stats.binom.pmf(np.arange(5), 12, 1 / 12), abs=0.01)
    assert np.corrcoef(weights.T)[0, 1:] == pytest.approx(-1 / 11, abs=0.05)


@pytest.mark.parametrize("n_subjects", [5, 29])
def test_weights_do_not_depend_on_portions(n_subjects):
    whole = np.concatenate(list(draw_weights(n_subjects, 100, seed=4)))
    for rows in (1, 7, 1000):
        assert np.array_equal(np.concatenate(list(draw_weights(n_subjects, 100, 4, rows))), whole)
    assert not np.array_equal(np.concatenate(list(draw_weights(n_subjects, 100, seed=5))), whole)


def test_tables_share_weights_and_keep_their_own_numbers():
    y, s = small_cohort(3, 10)
    z, r = small_cohort(4, 12)
    together = bootstrap_intervals(
        [clustered(y, s), clustered(z, r), clustered(2 * y, s)], [MEDIAN]
    )
    assert together[0] == bootstrap_intervals([clustered(y, s)], [MEDIAN])[0]
    assert together[1] == bootstrap_intervals([clustered(z, r)], [MEDIAN])[0]
    assert together[2][0].conf_high == 2 * together[0][0].conf_high
    with pytest.raises(ValueError, match="10, 12"):
        replicates([clustered(y, s), clustered(z, r)], [MEDIAN])


@pytest.mark.parametrize("bad", [[], [1.0, np.nan, 2.0]])
def test_values_must_be_there_and_finite(bad):
    with pytest.raises(ValueError, match="finite"):
        clustered(np.array(bad), np.arange(len(bad)))


def test_subjects_must_be_named():
    with pytest.raises(ValueError, match="subject"):
        clustered(np.array([1.0, 2.0]), np.array(["a", None], dtype=object))


# ------------------------------------------------------------------------------- intervals


def test_ties_do_not_pull_the_interval_onto_the_estimate():
    """Counted strictly, the ties of this median give [0, 0]."""
    data = clustered(TIES, np.arange(40))
    (found,) = bootstrap_intervals([data], [MEDIAN])[0]
    assert (found.estimate, found.conf_low, found.conf_high) == (0.0, 0.0, 1.0)
    draws = replicates([data], [MEDIAN])[0, 0]
    strict = special.ndtri(np.mean(draws < 0))
    assert special.ndtr(2 * strict + 1.96) < np.mean(draws <= 0)  # the failing control
    assert bca_interval(0.0, draws, jackknife(data, [MEDIAN])[0]) == (0.0, 1.0)


def test_effective_subjects_widen_the_interval():
    y, s = small_cohort(5, 20)
    data = clustered(y, s)
    draws, left_out = replicates([data], [MEAN])[0, 0], jackknife(data, [MEAN])[0]
    plain = bca_interval(float(y.mean()), draws, left_out)
    wide = bca_interval(float(y.mean()), draws, left_out, effective=6)
    assert wide[0] < plain[0] < plain[1] < wide[1]
    assert effective_subjects(data, SUBJECT_MEAN) == 20
    assert effective_subjects(data, MEAN) < 20


@pytest.mark.parametrize(
    ("values", "subjects", "reason"),
    [
        (np.full(30, 2.0), np.arange(30) // 3, "all 30 values are equal"),
        (np.array([1.0]), np.array(["a"]), "a single clip"),
        (np.arange(14.0), np.arange(14) // 2, "fewer than 8 subjects"),
    ],
)
def test_what_has_no_interval_says_why(values, subjects, reason):
    (found,) = bootstrap_intervals([clustered(values, subjects)], [TRIMMED_MEAN])[0]
    assert found.reason == reason
    assert found.estimate == pytest.approx(stats.trim_mean(values, 0.2))
    assert np.isnan([found.std_error, found.df, found.conf_low, found.conf_high]).all()


def test_a_statistic_that_never_moves_has_bounds_and_no_error():
    y = np.zeros(160)
    y[:10] = np.arange(1, 11)
    (found,) = bootstrap_intervals([clustered(y, np.arange(160) // 8)], [MEDIAN])[0]
    assert (found.conf_low, found.conf_high) == (0.0, 0.0)
    assert math.isnan(found.std_error)
    assert found.reason == "all 2,000 resamples give the same value"


# ------------------------------------------------------------------------------ invariants

cohorts = st.integers(8, 14).flatmap(
    lambda g: st.tuples(
        arrays(np.int8, 3 * g, elements=st.integers(-4, 6)), st.just(np.tile(np.arange(g), 3))
    )
)


@settings(max_examples=30, deadline=None)
@given(cohorts, st.randoms(use_true_random=False))
def test_names_and_order_of_rows_make_no_difference(cohort, random):
    y, s = cohort
    names = [f"subject {i}" for i in range(s.max() + 1)]
    random.shuffle(names)
    rows = list(range(len(y)))
    random.shuffle(rows)
    other = clustered(y[rows].astype(float), np.array(names, dtype=object)[s[rows]])
    wanted = [MEDIAN, TRIMMED_MEAN, SD, SUBJECT_MEAN]
    first = bootstrap_intervals([clustered(y.astype(float), s)], wanted, n_draws=99)
    assert repr(bootstrap_intervals([other], wanted, n_draws=99)) == repr(first)


def held(ranks, s):
    """What subjects hold, whoever they are."""
    return sorted(np.sort(ranks[s == g]).tolist() for g in set(s))


@settings(max_examples=30, deadline=None)
@given(cohorts, st.sampled_from([-7.0, 0.0, 12.0]), st.sampled_from([0.5, 4.0]))
def test_swapping_arms_units_and_constants(cohort, constant, unit):
    y, s = cohort
    y = y.astype(float)
    wanted = [MEDIAN, TRIMMED_MEAN, MEAN]
    plain, moved, swapped = (
        bootstrap_intervals([clustered(v, s)], wanted, n_draws=99)[0]
        for v in (y, unit * y + constant, -y)
    )
    ranks = np.unique(y, return_inverse=True)[1]
    mirrored = held(ranks, s) == held(ranks.max() - ranks, s)
    for a, b, c in zip(plain, moved, swapped, strict=True):
        bounds = np.array([a.estimate, a.conf_low, a.conf_high])
        assert np.array([b.estimate, b.conf_low, b.conf_high]) == pytest.approx(
            unit * bounds + constant, nan_ok=True
        )
        if not mirrored:  # which of two equal orders would be the other's mirror image?
            assert np.array([-c.estimate, -c.conf_high, -c.conf_low]) == pytest.approx(
                bounds, nan_ok=True
            )


# ------------------------------------------------------------------------------- sign flips


@pytest.mark.parametrize("n_subjects", [5, 8, 11])
def test_all_signs_as_scipy(n_subjects):
    y, s = small_cohort(6, n_subjects)
    sums = np.bincount(s, y + 1)
    theirs = stats.permutation_test(
        (sums, np.zeros(n_subjects)),
        lambda a, b, axis: (a - b).sum(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    )
    ours = sign_flip_test(y + 1, s)
    assert ours.p_value == pytest.approx(theirs.pvalue)
    assert ours.exhaustive
    assert ours.n_assignments == 2**n_subjects
    assert ours.mean.estimate == pytest.approx((y + 1).mean())


def test_random_signs_agree_with_all_signs(monkeypatch):
    y, s = small_cohort(7, 13)
    exact = sign_flip_test(y + 0.5, s).p_value
    monkeypatch.setattr(sign_flips, "EXHAUSTIVE", 1)
    found = sign_flip_test(y + 0.5, s, n_permutations=40_000)
    assert not found.exhaustive
    assert found.n_assignments == 40_001
    assert found.p_value == pytest.approx(exact, abs=0.01)


def test_sign_flips_do_not_depend_on_names_order_or_arms():
    y, s = small_cohort(8, 20)
    p = sign_flip_test(y, s, n_permutations=199).p_value
    assert sign_flip_test(-y, s, n_permutations=199).p_value == p
    assert sign_flip_test(y[::-1], 100 - s[::-1], n_permutations=199).p_value == p


def test_sign_flips_of_nothing_say_so():
    found = sign_flip_test(np.zeros(20), np.arange(20) // 2)
    assert math.isnan(found.p_value)
    assert found.reason == "every subject's sum is 0"
    assert found.mean.reason


def test_sign_flips_hold_their_level_where_clips_do_not():
    rng = np.random.default_rng(0)
    p = []
    for _ in range(400):
        s = np.repeat(np.arange(16), 5)
        y = np.rint(2 * (rng.standard_normal(16)[s] + rng.standard_normal(80)))
        p.append([sign_flip_test(y, who, n_permutations=199).p_value for who in (s, np.arange(80))])
    rejected = (np.array(p) <= 0.05).mean(axis=0)
    band = 3 * math.sqrt(0.05 * 0.95 / 400)
    assert abs(rejected[0] - 0.05) < band
    assert rejected[1] > 0.15


# --------------------------------------------------------------------------------- coverage

STEPS = np.cumsum([0.45, 0.20, 0.15, 0.20])[:-1]
TRUTH = {"bounded": (1.0, 5 / 6), "rounded": (0.0, 0.0)}  # median; mean of the middle 60 %
N_COHORTS = 300


def cohort(rng, kind, n_subjects=29, n_clips=159, icc=0.3):
    weight = rng.lognormal(0, 0.8, n_subjects)
    sizes = 1 + rng.multinomial(n_clips - n_subjects, weight / weight.sum())
    s = np.repeat(np.arange(n_subjects), sizes)
    latent = math.sqrt(icc) * rng.standard_normal(n_subjects)[s]
    latent = latent + math.sqrt(1 - icc) * rng.standard_normal(n_clips)
    if kind == "rounded":
        return np.rint(2 * latent), s
    return np.searchsorted(special.ndtri(STEPS), latent).astype(float), s


@pytest.mark.parametrize("kind", ["bounded", "rounded"])
def test_medians_and_trimmed_means_cover(kind):
    rng = np.random.default_rng(11)
    covered = np.zeros((N_COHORTS, 3))
    for i in range(N_COHORTS):
        y, s = cohort(rng, kind)
        found = bootstrap_intervals([clustered(y, s)], [MEDIAN, TRIMMED_MEAN], n_draws=599)[0]
        covered[i, :2] = [
            f.conf_low - 1e-9 <= t <= f.conf_high + 1e-9
            for f, t in zip(found, TRUTH[kind], strict=True)
        ]
        rows = bootstrap_intervals([clustered(y, np.arange(len(y)))], [TRIMMED_MEAN], n_draws=299)
        covered[i, 2] = rows[0][0].conf_low <= TRUTH[kind][1] <= rows[0][0].conf_high
    median, trimmed, row_level = covered.mean(axis=0)
    band = 3 * math.sqrt(0.05 * 0.95 / N_COHORTS)
    assert median > 0.94
    assert 0.93 - band < trimmed < 0.97 + band
    assert row_level < 0.85  # the failing control
