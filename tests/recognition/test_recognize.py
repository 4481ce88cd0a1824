"""The whole way of recognition: arms, predictions, gain, on the command line too."""

import numpy as np
import pandas as pd
import pytest

import mebias
from mebias.cli import main
from mebias.errors import OptionError

ARMS = ["human", "gamdss", "gamdss@both", "jitter"]


@pytest.fixture(scope="module")
def cohort():
    return mebias.simulate("4dme", n_subjects=6, n_clips=24, size=(40, 40), seed=2)


@pytest.fixture(scope="module")
def keyframes(cohort):
    return mebias.reselect(cohort, rule=["gamdss", "jitter"])


def run(cohort, keyframes, **options):
    options = {"seeds": 2, "folds": 3, "epochs": 2, "device": "cpu", "jobs": 1} | options
    return mebias.recognize(cohort, ARMS, keyframes=keyframes, **options)


@pytest.fixture(scope="module")
def predictions(cohort, keyframes):
    return run(cohort, keyframes)


def test_every_arm_and_seed_predicts_the_same_clips_in_the_same_folds(predictions):
    sizes = predictions.groupby(["arm", "seed"]).size()
    assert sizes.to_dict() == {(arm, seed): 24 for arm in ARMS for seed in (0.0, 1.0)}
    folds = predictions.groupby("clip")[["fold", "subject", "label"]].nunique()
    assert (folds == 1).all(axis=None)
    assert len(predictions.drop_duplicates(["subject", "fold"])) == 6


def test_the_same_seed_gives_the_same_predictions_and_other_keyframes_give_others(
    cohort, keyframes, predictions
):
    pd.testing.assert_frame_equal(run(cohort, keyframes), predictions)
    probability = [c for c in predictions if c.startswith("p_")]
    by_arm = {arm: part[probability].to_numpy() for arm, part in predictions.groupby("arm")}
    assert not np.allclose(by_arm["human"], by_arm["gamdss"])
    assert not np.allclose(by_arm["gamdss"], by_arm["gamdss@both"])


def test_where_keyframes_are_the_humans_own_nothing_is_gained(cohort):
    arms = {"human": None, "mine": cohort.keyframes.assign(source="mine", status="selected")}
    found = mebias.recognize(cohort, arms, seeds=1, folds=3, epochs=2, device="cpu", jobs=1)
    gained = mebias.gain(found).estimates.query("quantity == 'uf1_gain'")
    assert (gained["estimate"] == 0).all()


def test_a_stopped_run_goes_on(cohort, keyframes, predictions, tmp_path, monkeypatch):
    run(cohort, keyframes, keep=tmp_path)
    from mebias.recognition import ways

    def never(*_):
        raise AssertionError("a fold that was kept is trained again")

    monkeypatch.setattr(ways, "train_alone", never)
    pd.testing.assert_frame_equal(run(cohort, keyframes, keep=tmp_path), predictions)


def test_what_cannot_be_is_said(cohort, keyframes):
    with pytest.raises(OptionError, match="seeds is 0"):
        run(cohort, keyframes, seeds=0)
    with pytest.raises(OptionError, match=r"no model is called 'tinny'.*did you mean"):
        run(cohort, keyframes, model="tinny")
    with pytest.raises(OptionError, match="least"):
        mebias.recognize(cohort, ["human", "least"], keyframes=keyframes)


def test_the_command_writes_predictions_and_gains(tmp_path, capsys):
    out = tmp_path / "out"
    options = ["--arms", "human,gamdss", "--seeds", "1", "--folds", "2", "--epochs", "1",
               "--device", "cpu", "--out", str(out), "--quiet"]  # fmt: skip
    root = tmp_path / "data"
    made = ["simulate", "4dme", "--frames", "--subjects", "6", "--clips", "24", "--size", "32x32"]
    assert main([*made, "--out", str(root)]) == 0
    assert main(["recognize", "folder", "--root", str(root), *options]) == 0
    assert len(pd.read_csv(out / "predictions.csv")) == 48
    assert {"uf1", "uf1_gain"} <= set(pd.read_csv(out / "gains.csv")["quantity"])
    assert main(["gain", str(out / "predictions.csv"), "--out", str(out / "again")]) == 0
    capsys.readouterr()
    assert main(["recognize", "4dme", "--arms", "gamdss"]) == 2
    assert "human" in capsys.readouterr().err
