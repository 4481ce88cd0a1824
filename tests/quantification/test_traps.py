"""Known traps that no other file stands for, each with its measured size.

Traps 3, 4, 7, 9, 10 and 18 are in test_agreement.py, 12 in test_annotation_error.py, 16 in
test_covariates.py, 17 in test_equivalence.py.
"""

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import mebias
from mebias.errors import OptionError
from mebias.quantification import quantify
from mebias.quantification.annotation_error import error_estimates
from mebias.quantification.checks import checked_shifts, usable
from mebias.quantification.means import mean_interval
from mebias.validation.trajectories import blind_shifts, errors, subjects_of

N = 400


def test_trap_1_a_bootstrap_of_rows_covers_two_thirds_and_the_shipped_interval_what_it_says():
    rng = np.random.default_rng(11)
    by_row, shipped = [], []
    for _ in range(N):
        subjects = subjects_of(rng)
        y = errors(rng, subjects, [1.0], 0.3)[:, 0]
        means = rng.choice(y, (299, len(y))).mean(axis=1)
        low, high = np.quantile(means, [0.025, 0.975])
        by_row.append(low <= 0 <= high)
        found = mean_interval(y, subjects, "subject")
        shipped.append(found.conf_low <= 0 <= found.conf_high)
    assert np.mean(by_row) == pytest.approx(0.66, abs=0.09)
    assert np.mean(shipped) == pytest.approx(0.94, abs=0.035)


def test_trap_2_least_squares_on_rows_finds_a_quarter_of_what_is_not_there():
    rng = np.random.default_rng(12)
    said = []
    for _ in range(N):
        subjects = subjects_of(rng, 20, 100)
        y = errors(rng, subjects, [1.0], 0.3)[:, 0]
        group = (subjects < 4).astype(float)
        said.append(sm.OLS(y, sm.add_constant(group)).fit().pvalues[1] < 0.05)
    assert np.mean(said) == pytest.approx(0.247, abs=0.08)


def test_trap_5_imputed_labels_are_not_human():
    table = mebias.example()
    filled = table["clip"] == table["clip"].iloc[0]
    counted = usable(
        checked_shifts(table.assign(human_status=np.where(filled, "imputed", "annotated")))
    )
    assert not counted[filled.to_numpy()].any()
    assert counted[~filled.to_numpy()].all()


def test_trap_6_the_base_of_the_numbering_changes_no_estimate():
    table = mebias.example()
    frames = [c for c in ("human", "selected", "window_low", "window_high") if c in table]
    moved = table.assign(**{c: table[c] + 1 for c in frames})
    one, other = (quantify(t, n_permutations=99) for t in (table, moved))
    pd.testing.assert_frame_equal(one.estimates, other.estimates)
    pd.testing.assert_frame_equal(one.tests, other.tests)
    only_human = table.assign(human=table["human"] - 1).drop(
        columns=["shift_frames", "shift_ms", "window_low", "window_high"]
    )
    off = quantify(only_human, n_permutations=99).estimates
    assert not np.allclose(off["estimate"].head(3), one.estimates["estimate"].head(3))


def test_trap_8_groups_of_different_datasets_are_never_contrasted():
    table = mebias.example()
    a = table[table["ethnicity"] == "A"].assign(dataset="SIMULATED one")
    b = table[table["ethnicity"] == "B"].assign(dataset="SIMULATED two")
    found = quantify(pd.concat([a, b]), n_permutations=99)
    assert not found.tests["family"].isin(["primary", "pairs", "group-vs-rest", "adjusted"]).any()
    assert found.issues["message"].str.contains("not a difference between groups").any()
    assert found.issues["message"].str.contains("no contrast between groups is possible").sum() == 2


def test_trap_11_a_rule_that_looks_one_way_moves_labels_that_are_unbiased():
    rng = np.random.default_rng(13)
    subjects = subjects_of(rng)
    truth = errors(rng, subjects, [12.0], 0.3)[:, 0]  # where the onset is, from the label (ms)
    seen = np.clip(np.round(truth / 5), 0, 4) * 5.0  # 200 fps, windows of 0 to 4 frames later
    found = mean_interval(seen, subjects, "subject")
    assert found.estimate / found.std_error > 6, "an oracle in that window"
    assert abs(truth.mean()) < 3


def by_another_definition(blind, earlier, name="offset=0.2"):
    """The same posterior by a definition that puts the offset earlier, by group (ms)."""
    moved = blind["ethnicity"].map(earlier).where(blind["keyframe"] == "offset", 0.0)
    mean = blind["selected_mean"] - moved * blind["fps"] / 1000
    drop = ["shift_frames", "shift_ms", "shift_window"]
    other = blind.drop(columns=drop).assign(
        source=f"motion-blind:{name}", selected_mean=mean, selected=mean.round()
    )
    return checked_shifts(pd.concat([blind, other], ignore_index=True))


@pytest.mark.parametrize(
    ("earlier", "grade", "said"),
    [
        (None, "supported", ""),
        ({"A": 60.0, "B": 60.0}, "supported", "the same by other definitions (offset=0.2"),
        ({"A": 110.0, "B": 20.0}, "can't be told", "it depends on the definition of the keyframe"),
        ({"A": 60.0, "B": 30.0}, "can't be told", "it depends on the definition of the keyframe"),
    ],
)
def test_trap_13_a_sign_that_depends_on_the_definition_cannot_be_told(earlier, grade, said):
    """Group B's labels are 30 ms later where the offset is the return to the baseline.

    By a share of the fall that is left, they are 60 ms earlier where the falls of group A are
    longer, and no later where they are so by 30 ms.
    """
    blind = blind_shifts(7, bias={"B": (30.0, 30.0, 30.0)}, sd=(5.0, 5.0, 5.0), icc=0.1)
    table = blind if earlier is None else by_another_definition(blind, earlier)
    found = quantify(table, n_permutations=199)
    claims = found.claims.set_index("claim")
    offset = claims[claims.index.str.startswith("Offset labels err differently")].iloc[0]
    assert offset["grade"] == grade
    assert said in offset["rests_on"]
    onset = claims[claims.index.str.startswith("Onset labels err differently")].iloc[0]
    assert onset["grade"] == "supported"
    if grade != "supported":
        assert "the coders' written definition" in offset["would_settle"]
        assert (found.tests["source"] == "motion-blind").all(), "definitions share no p-value"


def test_trap_13_no_bias_by_one_definition_may_be_bias_by_another():
    blind = blind_shifts(8, sd=(5.0, 5.0, 5.0), icc=0.1)
    name = "Offset labels are biased in time, relative to the model's definition"
    alone = quantify(blind, n_permutations=19).claims.set_index("claim").loc[name]
    assert alone["grade"] == "not supported"
    both = by_another_definition(blind, {"A": 60.0, "B": 60.0})
    found = quantify(both, n_permutations=19).claims.set_index("claim").loc[name]
    assert found["grade"] == "can't be told"
    assert "offset=0.2 +" in found["rests_on"]


@pytest.mark.parametrize(("prior_sd", "share"), [(12.0, 0.64), (math.inf, 1.0)])
def test_trap_14_a_prior_around_the_label_shrinks_the_bias_that_it_should_find(prior_sd, share):
    rng = np.random.default_rng(14)
    bias, coder, seen = 20.0, 12.0, 16.0
    truth = np.zeros(4000)
    label = truth + bias + coder * rng.standard_normal(4000)
    measured = truth + seen * rng.standard_normal(4000)
    pull = 0.0 if math.isinf(prior_sd) else seen**2 / (seen**2 + prior_sd**2)
    mean = pull * label + (1 - pull) * measured
    found = np.mean(label - mean)
    assert found == pytest.approx(bias * (1 - pull), abs=1.2)
    assert found / bias == pytest.approx(0.36 if pull else share, abs=0.06)


def test_trap_14_only_the_blind_posterior_may_judge():
    table = blind_shifts(3, n_subjects=12, n_clips=40).assign(source="motion")
    with pytest.raises(OptionError, match="motion"):
        error_estimates(table, source="motion")


def test_trap_15_the_posterior_is_in_the_scatter_already():
    covered, twice = [], []
    for seed in range(250):
        table = blind_shifts(
            seed, n_subjects=20, n_clips=60, blind_sd=(14.0, 14.0, 14.0), groups=("A",)
        )
        own = table[table["keyframe"] == "onset"]
        error = (own["human"] - own["selected_mean"]).to_numpy() * 5.0
        found = mean_interval(error, own["subject"].to_numpy(), "subject")
        covered.append(found.conf_low <= 0 <= found.conf_high)
        more = math.sqrt(found.std_error**2 + 14.0**2 / len(own))
        twice.append(
            abs(found.estimate) <= more * (found.conf_high - found.estimate) / found.std_error
        )
    assert np.mean(covered) == pytest.approx(0.95, abs=0.042)
    assert np.mean(twice) > 0.965, "adding the posterior's variance again covers too often"
