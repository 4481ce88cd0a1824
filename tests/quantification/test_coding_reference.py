"""Coders against R: variance components (lme4), biases (clubSandwich), and brute force."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mebias.quantification.coding.components import Codes, factors, variance_components
from mebias.quantification.coding.crossed import crossed_contrast
from mebias.quantification.coding.effects import coder_effects, effect_columns, within_events
from mebias.quantification.coding.study import Values

FOLDER = Path(__file__).parent / "r"
DATA = pd.read_csv(FOLDER / "coding_data.csv")
REFERENCE = (
    pd.read_csv(FOLDER / "coding.csv").set_index(["study", "model", "what"])["value"].sort_index()
)
STUDIES = ["balanced", "two coders", "unbalanced", "missing passes"]
NAMES = {"coder": "coder", "cp": "coder x pass", "cs": "coder x subject", "ce": "coder x event",
         "subject": "subject", "event": "event", "Residual": "residual"}  # fmt: skip


def rows_of(study):
    d = DATA[DATA["study"] == study]
    d = d[d.groupby("event")["y"].transform("size") >= 2]
    codes = [np.unique(d[c].astype(str), return_inverse=True)[1]
             for c in ("subject", "event", "coder")]  # fmt: skip
    return d["y"].to_numpy(float), Codes(*codes, d["pass"].to_numpy())


def values_of(study):
    y, codes = rows_of(study)
    nothing = np.full(len(y), np.nan)
    text = codes.subject.astype(str).astype(object)
    return Values(y, codes, text, text, nothing, nothing, ("c0", "c1", "c2", "c3"))


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("model", ["keyframe", "length"])
def test_components_are_those_of_lme4(study, model):
    y, codes = rows_of(study)
    found = variance_components(y, codes, within_events=model == "keyframe")
    expected = REFERENCE[study, model]
    assert found.converged
    assert set(found.names) == {NAMES[w] for w in expected.index if w != "log_likelihood"}
    assert found.log_likelihood == pytest.approx(expected["log_likelihood"], rel=1e-9, abs=1e-6)
    for what, value in expected.drop("log_likelihood").items():
        # At the boundary both are 0; elsewhere 1e-4 relative is what lme4's optimizer gives.
        assert found.of(NAMES[what]) == pytest.approx(value, rel=1e-4, abs=1e-7)


def test_a_component_of_lme4_lies_at_the_boundary():
    assert REFERENCE["unbalanced", "length", "subject"] == 0
    y, codes = rows_of("unbalanced")
    found = variance_components(y, codes, within_events=False)
    assert found.of("subject") == 0
    low, high = found.interval("subject")
    assert low == 0 and high > 0


@pytest.mark.parametrize("study", STUDIES)
def test_biases_of_coders_are_those_of_clubsandwich(study):
    found = coder_effects(values_of(study))
    expected = REFERENCE[study, "bias"]
    for name, bias in zip(found.coders, found.bias, strict=True):
        assert bias.estimate == pytest.approx(expected[f"{name} estimate"], rel=1e-8)
        assert bias.std_error == pytest.approx(expected[f"{name} std_error"], rel=1e-8)
        assert bias.df == pytest.approx(expected[f"{name} df"], rel=1e-6)
    assert found.alike.statistic == pytest.approx(expected["HTZ F"], rel=1e-6)
    assert found.alike.df == pytest.approx(expected["HTZ df"], rel=1e-6)
    assert found.alike.p_value == pytest.approx(expected["HTZ p"], rel=1e-5)


@pytest.mark.parametrize("within_events", [True, False])
def test_information_is_that_of_dense_algebra(within_events):
    y, codes = rows_of("missing passes")
    found = variance_components(y, codes, within_events=within_events)
    known, _ = factors(codes, within_events=within_events)
    columns = [np.eye(known[n][0].max() + 1)[known[n][0]] for n in found.names[:-1]]
    kernels = [*(z @ z.T for z in columns), np.eye(len(y))]
    v = sum(s * k for s, k in zip(found.variance, kernels, strict=True))
    x = np.eye(codes.event.max() + 1)[codes.event] if within_events else np.ones((len(y), 1))
    inverse = np.linalg.inv(v)
    p = inverse - inverse @ x @ np.linalg.solve(x.T @ inverse @ x, x.T @ inverse)
    information = np.array([[np.sum((p @ a) * (p @ b).T) / 2 for b in kernels] for a in kernels])
    assert np.allclose(found.covariance, np.linalg.inv(information), rtol=1e-6)
    scores = [y @ p @ k @ p @ y - np.trace(p @ k) for k in kernels]
    for variance, score in zip(found.variance, scores, strict=True):
        assert abs(score) < 1e-6 if variance > 0 else score <= 1e-6


def test_contrast_of_cultures_by_dense_algebra():
    rng = np.random.default_rng(3)
    event, coder = np.divmod(np.arange(90), 3)
    keep = rng.random(90) < 0.85
    event, coder = np.unique(event[keep], return_inverse=True)[1], coder[keep]
    subject = event // 5
    x = ((coder == 0) & (subject < 3)).astype(float)
    y = rng.normal(0, 30, 30)[event] + rng.normal(0, 5, len(event)) + 3 * x
    columns, _ = effect_columns(coder)
    found = crossed_contrast(y, x, columns, event=event, subject=subject, coder=coder)
    design = np.column_stack([x, columns, np.eye(event.max() + 1)[event]])
    bread = np.linalg.pinv(design.T @ design)
    hat = design @ bread @ design.T
    weights = (bread @ design.T)[0]
    residual = y - hat @ y
    assert found.estimate == pytest.approx(weights @ y)
    for cluster, variance, df in (
        (subject, found.of_subjects, found.df_subjects),
        (coder, found.of_coders, None),
        (subject * 3 + coder, found.of_both, None),
    ):
        ones = np.eye(cluster.max() + 1)[cluster] * weights[:, None]
        expected = ones.T @ (np.eye(len(y)) - hat) @ ones
        factor = weights @ weights / np.trace(expected)
        assert variance == pytest.approx(((ones.T @ residual) ** 2).sum() * factor)
        if df is not None:
            assert df == pytest.approx(np.trace(expected) ** 2 / (expected**2).sum())


def test_in_balanced_data_the_variances_are_mean_squares():
    """Culture x group with 3 + 3 coders, 4 + 4 subjects, one event each: a split-plot."""
    rng = np.random.default_rng(8)
    y = rng.normal(0, 10, (8, 6)) + rng.normal(0, 5, 6) + rng.normal(0, 50, (8, 1))
    event, coder = np.divmod(np.arange(48), 6)
    culture, group = np.repeat([1.0, -1.0], 3), np.repeat([1.0, -1.0], 4)
    x = ((coder < 3) & (event < 4)).astype(float)
    found = crossed_contrast(
        y.ravel(), x, effect_columns(coder)[0], event=event, subject=event, coder=coder
    )
    by_subject = y @ culture / 3  # one culture less the other, for each subject
    by_coder = group @ y / 4
    assert found.estimate == pytest.approx(by_subject @ group / 4)
    v_s = sum(by_subject[g].var(ddof=1) / 4 for g in (slice(4), slice(4, 8)))
    v_c = sum(by_coder[c].var(ddof=1) / 3 for c in (slice(3), slice(3, 6)))
    assert found.of_subjects == pytest.approx(v_s)
    assert found.of_coders == pytest.approx(v_c)
    assert (found.df_subjects, found.df_coders) == pytest.approx((6, 4))


def test_a_constant_per_event_changes_nothing():
    y, codes = rows_of("unbalanced")
    shift = np.random.default_rng(0).normal(0, 1e4, codes.event.max() + 1)[codes.event]
    one, two = (variance_components(v, codes, within_events=True) for v in (y, y + shift))
    assert np.allclose(one.variance, two.variance, rtol=1e-6)
    assert np.allclose(within_events(y, codes.event), within_events(y + shift, codes.event))


def test_components_scale_with_the_unit():
    y, codes = rows_of("missing passes")
    one = variance_components(y, codes, within_events=True)
    two = variance_components(y * 0.2, codes, within_events=True)
    assert np.allclose(two.variance, one.variance * 0.04, rtol=1e-6)
    assert two.log_likelihood == pytest.approx(
        one.log_likelihood - (one.n) * math.log(0.2), rel=1e-9
    )


def test_a_balanced_interval_of_a_component_is_that_of_its_mean_square():
    """One-way: 6 coders over 40 events; bounds of the mean square less the residual one."""
    rng = np.random.default_rng(5)
    event, coder = np.divmod(np.arange(240), 6)
    y = rng.normal(0, 4, 6)[coder] + rng.normal(0, 6, 240)
    codes = Codes(event, event, coder, np.ones(240))
    low, high = variance_components(y, codes, within_events=True).interval("coder")
    table = within_events(y, event).reshape(40, 6)
    square = 40 * table.mean(axis=0).var(ddof=1)
    rest = ((table - table.mean(axis=0)) ** 2).sum() / (39 * 5)
    for found, p in ((low, 0.975), (high, 0.025)):
        assert found == pytest.approx((square * 5 / stats.chi2.ppf(p, 5) - rest) / 40, rel=5e-3)
