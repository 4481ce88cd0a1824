"""Predictions: the declared form, what is refused, and the way to a CSV and back."""

import numpy as np
import pandas as pd
import pytest

import mebias
from mebias import errors, tables
from mebias.recognition.folds import k_folds
from mebias.recognition.inputs import make_inputs
from mebias.recognition.predictions import (
    checked_predictions,
    classes_of,
    make_predictions,
    read_predictions,
)


@pytest.fixture
def table():
    rows = [
        {"clip": f"{subject}/{clip}", "subject": subject, "arm": arm, "seed": seed,
         "label": clip % 2, "predicted": seed % 2, "p_0": 0.75, "p_1": 0.25}
        for arm in ("human", "gamdss")
        for seed in (0, 1)
        for subject in "ab"
        for clip in range(3)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_little_is_needed_and_the_rest_is_filled_in(table):
    few = table.query("arm == 'human' and seed == 0")[
        ["clip", "subject", "arm", "label", "predicted"]
    ]
    found = checked_predictions(few)
    assert list(found) == list(tables.SCHEMAS["predictions"])
    assert found.loc[0, ["dataset", "ethnicity", "seed", "fold"]].tolist() == [
        "data",
        "all",
        0.0,
        "",
    ]
    assert found["label"].tolist() == ["0", "1", "0"] * 2


def test_whole_numbers_are_the_same_class_however_written(table):
    table["predicted"] = table["predicted"].astype(float)
    table["label"] = table["label"].astype(str)
    found = checked_predictions(table)
    assert classes_of(found) == ("0", "1")
    assert set(found["predicted"]) == {"0", "1"}


def test_a_csv_comes_back_as_it_went(table, tmp_path):
    found = checked_predictions(table.assign(ethnicity="A", fold="1"))
    tables.write_csv(found, tmp_path / "p.csv")
    pd.testing.assert_frame_equal(read_predictions(tmp_path / "p.csv"), found)
    assert found["p_0"].dtype == float


def changed(table, row, column, value):
    table = table.astype({"label": object, "predicted": object, "clip": object, "subject": object})
    table.loc[row, column] = value
    return table


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.iloc[:0], "no rows"),
        (lambda t: t.drop(columns="predicted"), "no column predicted"),
        (lambda t: changed(t, 2, "label", ""), "row 4, column label: found ''"),
        (lambda t: t.assign(seed=0.5), "whole number"),
        (lambda t: pd.concat([t, t.iloc[[3]]]), "row 26, column clip.*earlier row"),
        (lambda t: t.drop(index=5), "arm human, seed 0, lacks 1 of 6 clips"),
        (lambda t: t.query("arm == 'human' or seed == 0"), "arm gamdss lacks the seeds 1"),
        (lambda t: changed(t, 20, "label", "1"), "expected one label per clip"),
        (lambda t: changed(t, 20, "subject", "c"), "expected one subject per clip"),
        (lambda t: t.assign(ethnicity=["A"] * 23 + ["B"]), "expected one ethnicity per clip"),
        (lambda t: t.assign(fold=["1"] * 23 + ["2"]), "expected one fold per clip"),
        (lambda t: t.assign(predicted="x"), r"no predicted class \(x\) is among the labels"),
        (lambda t: t.assign(p_0=0.5), "row 2: the probabilities add up to 0.75"),
        (lambda t: t.assign(p_0=1.25, p_1=-0.25), "expected a probability from 0 to 1"),
        (lambda t: t.assign(p_0=np.nan), "column p_0: found 'nan', expected a probability"),
        (lambda t: t.drop(columns="p_1"), "none of the class '1'"),
        (lambda t: t.assign(p_0="high"), "column p_0: found 'high'.*expected a number"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(table, change, message):
    with pytest.raises(errors.TableError, match=message):
        checked_predictions(change(table))


def test_folds_may_differ_between_seeds(table):
    checked_predictions(table.assign(fold=table["seed"].astype(str)))


def test_real_and_simulated_clips_do_not_mix(table):
    names = np.where(table["subject"] == "a", "SIMULATED x", "x")
    with pytest.raises(errors.MixedDataError):
        checked_predictions(table.assign(dataset=names))


def test_probabilities_become_predictions():
    cohort = mebias.simulate("4dme", seed=3, n_subjects=5, n_clips=9, size=(24, 24))
    inputs = make_inputs(cohort, {"human": None}, labels="3-class", size=8)
    folds = k_folds(inputs.people, 2)
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(3), len(inputs))
    found = make_predictions(inputs, "human", 4, folds, p)
    pd.testing.assert_frame_equal(checked_predictions(found), found)
    assert found["clip"].tolist() == inputs.clips["clip"].tolist()
    assert found["predicted"].tolist() == [inputs.classes[i] for i in p.argmax(axis=1)]
    np.testing.assert_allclose(found[["p_negative", "p_positive", "p_surprise"]], p, atol=1e-6)
    for name, (_, test) in zip(folds.names, folds, strict=True):
        assert (found["fold"].to_numpy()[test] == name).all()
    with pytest.raises(errors.OptionError, match="of shape"):
        make_predictions(inputs, "human", 0, folds, p[:, :2])
    p[0, 0] = np.nan
    with pytest.raises(errors.OptionError, match="1 of them not finite"):
        make_predictions(inputs, "human", 0, folds, p)
