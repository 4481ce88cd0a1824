"""Pooling against metafor; the rule of never being narrower; what is not pooled."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mebias import tables
from mebias.errors import MixedDataError, TableError
from mebias.quantification.meta import heterogeneity, random_effects
from mebias.quantification.pooling import pool

FOLDER = Path(__file__).parent / "r"
DATA = pd.read_csv(FOLDER / "pooling_data.csv")
REFERENCE = pd.read_csv(FOLDER / "pooling.csv").set_index(["set", "what"])["value"].sort_index()
SETS = ["varied", "alike", "three", "many", "tight"]


def estimates(values, errors, name="A vs others", **columns):
    rows = [
        {"dataset": f"d{i}", "ethnicity": name, "source": "gamdss", "distance": "signed",
         "keyframe": "onset", "quantity": "mean_shift_difference", "unit": "ms",
         "weighting": "subject", "estimate": y, "std_error": e, "conf_low": y - 2 * e,
         "conf_high": y + 2 * e, "n_clips": 50, "n_subjects": 20, **columns}
        for i, (y, e) in enumerate(zip(values, errors, strict=True))
    ]  # fmt: skip
    return tables.from_rows(rows, "estimates")


@pytest.mark.parametrize("name", SETS)
def test_numbers_are_those_of_metafor(name):
    rows, expected = DATA[DATA["set"] == name], REFERENCE[name]
    found = random_effects(rows["y"].to_numpy(), rows["se"].to_numpy())
    for ours, theirs in (
        (found.mean, "adhoc_mean"), (found.std_error, "adhoc_se"), (found.conf_low, "adhoc_low"),
        (found.conf_high, "adhoc_high"), (found.tau**2, "tau2"),
        (found.tau_low, "tau_low"), (found.tau_high, "tau_high"), (found.q, "q"),
        (found.q_p_value, "q_p"),
    ):  # fmt: skip
        assert ours == pytest.approx(expected[theirs], rel=1e-6, abs=1e-15), theirs
    # metafor's prediction interval takes t(k - 1), ours t(k - 2).
    k = len(rows)
    wider = stats.t.ppf(0.975, k - 2) / stats.t.ppf(0.975, k - 1)
    for ours, side in ((found.predicted_low, "low"), (found.predicted_high, "high")):
        theirs = expected[f"adhoc_predicted_{side}"]
        assert ours == pytest.approx(found.mean + wider * (theirs - found.mean), rel=1e-6)


def test_the_correction_is_that_of_knapp_and_hartung_unless_narrower():
    """metafor's plain test="knha" is met where q > 1, and exceeded where it is below 1."""
    wider = []
    for name in SETS:
        rows, expected = DATA[DATA["set"] == name], REFERENCE[name]
        found = random_effects(rows["y"].to_numpy(), rows["se"].to_numpy())
        assert found.std_error >= expected["knha_se"] * (1 - 1e-9)
        assert found.std_error >= expected["fixed_se"] * (1 - 1e-9)
        wider.append(found.std_error > 1.01 * expected["knha_se"])
    assert any(wider)
    assert not all(wider)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(0.1, 20)), min_size=3, max_size=8))
def test_never_narrower_than_the_fixed_effect(pairs):
    y, e = np.array(pairs).T
    found = random_effects(y, e)
    fixed = 1 / np.sqrt((1 / e**2).sum())
    half = (found.conf_high - found.conf_low) / 2
    assert half >= stats.norm.ppf(0.975) * fixed * (1 - 1e-9)
    assert found.predicted_low <= found.conf_low
    assert found.tau_low <= found.tau_high


def test_the_heterogeneity_is_the_highest_of_a_fine_grid():
    rng = np.random.default_rng(0)
    for _ in range(30):
        v = rng.uniform(0.2, 5, 6)
        y = rng.normal(0, np.sqrt(v + rng.choice([0, 4])))

        def deviance(t, y=y, v=v):
            w = 1 / (v + t)
            mean = (w * y).sum() / w.sum()
            return (w * (y - mean) ** 2 - np.log(w)).sum() + np.log(w.sum())

        least = min(deviance(t) for t in np.r_[0, np.geomspace(1e-3, 200, 400)])
        assert deviance(heterogeneity(y, v)) <= least + 1e-9


def test_three_datasets_are_pooled_and_four_predict():
    found = pool(estimates([1.0, 3.0, 8.0], [1.0, 1.0, 1.0])).set_index("quantity")
    assert (found["dataset"] == "pooled").all()
    assert found.loc["pooled_mean_shift_difference", "estimate"] == pytest.approx(4)
    assert found.loc["between_dataset_sd", "estimate"] == pytest.approx(np.sqrt(13 - 1))
    assert np.isnan(found.loc["predicted_mean_shift_difference", "conf_low"])
    assert "needs 4" in found.loc["predicted_mean_shift_difference", "reason"]
    assert found["method"].str.contains("never an effect of ethnicity").all()
    assert (found["n_subjects"] == 60).all()
    four = pool(estimates([1.0, 3.0, 8.0, 5.0], [1.0] * 4)).set_index("quantity")
    predicted, mean = (four.loc[f"{w}_mean_shift_difference"] for w in ("predicted", "pooled"))
    assert predicted["conf_low"] < mean["conf_low"] < mean["conf_high"] < predicted["conf_high"]


@pytest.mark.parametrize("k", [1, 2])
def test_fewer_stand_side_by_side(k):
    found = pool(estimates([1.0, 3.0][:k], [1.0, 1.0][:k]))
    assert found["dataset"].tolist() == [*[f"d{i}" for i in range(k)], "pooled"]
    last = found.iloc[-1]
    assert np.isnan(last["estimate"])
    assert "pooling needs 3" in last["reason"]
    assert found["estimate"].iloc[:k].tolist() == [1.0, 3.0][:k]


def test_contrasts_without_an_error_do_not_count():
    found = pool(estimates([1.0, 3.0, 8.0], [1.0, 1.0, np.nan]))
    assert "1 without a standard error" in found.iloc[-1]["reason"]
    assert len(found) == 4


def test_other_contrasts_are_not_the_same():
    table = pd.concat([estimates([1.0, 3.0], [1.0, 1.0]),
                       estimates([5.0], [1.0], name="B vs others")])  # fmt: skip
    table["dataset"] = ["d0", "d1", "d2"]
    found = pool(table)
    assert found.loc[found["dataset"] == "pooled", "estimate"].isna().all()


def test_a_pair_named_the_other_way_round_is_turned():
    one = estimates([1.0, 3.0, 8.0], [1.0, 1.0, 2.0], name="A vs B")
    turned = one["dataset"] == "d1"
    other = one.assign(
        ethnicity=one["ethnicity"].where(~turned, "B vs A"),
        estimate=one["estimate"].where(~turned, -one["estimate"]),
    )
    pd.testing.assert_frame_equal(pool(one), pool(other))


def test_a_tests_table_gives_the_same():
    table = estimates([1.0, 3.0, 8.0], [1.0, 1.5, 2.0]).assign(df=20.0)
    half = stats.t.ppf(0.975, 20) * table["std_error"]
    tests = table.assign(
        family="primary", hypothesis="h", conf_low=table["estimate"] - half,
        conf_high=table["estimate"] + half,
    ).drop(columns=["quantity", "std_error"])  # fmt: skip
    for column in ("estimate", "conf_low", "conf_high"):
        np.testing.assert_allclose(pool(tests)[column], pool(table)[column])


def test_simulated_and_real_never_share_a_pool():
    table = estimates([1.0, 3.0, 8.0], [1.0, 1.5, 2.0])
    made = table.assign(dataset="SIMULATED " + table["dataset"])
    assert (pool(made)["dataset"] == "SIMULATED pooled").all()
    with pytest.raises(MixedDataError, match="real and simulated"):
        pool(pd.concat([table, made]))


def test_what_cannot_be_pooled_is_said():
    table = estimates([1.0, 3.0, 8.0], [1.0, 1.5, 2.0])
    with pytest.raises(TableError, match="twice for d0"):
        pool(pd.concat([table, table]))
    with pytest.raises(TableError, match="neither a column family"):
        pool(table.drop(columns="quantity"))


def test_the_order_of_rows_has_no_part():
    table = estimates([1.0, 3.0, 8.0, 2.0], [1.0, 1.5, 2.0, 0.5])
    pd.testing.assert_frame_equal(pool(table), pool(table.iloc[::-1]))


def test_pooled_intervals_cover():
    rng, covered, predicted = np.random.default_rng(1), [], []
    for _ in range(400):
        e = rng.uniform(1, 3, 4)
        y = 2 + rng.normal(0, 2, 4) + rng.normal(0, e)
        found = random_effects(y, e)
        covered.append(found.conf_low <= 2 <= found.conf_high)
        predicted.append(found.predicted_low <= 2 + rng.normal(0, 2) <= found.predicted_high)
    band = 3 * np.sqrt(0.05 * 0.95 / 400)
    assert 0.95 - band < np.mean(covered) < 1
    assert 0.95 - band < np.mean(predicted) < 1
