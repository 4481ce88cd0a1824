"""Maps, labels, folds and options that make no sense are refused in a sentence."""

import warnings

import numpy as np
import pytest
from recognition.maps import make_folds, make_maps

from mebias.errors import MapError, OptionError, TrainingWarning
from mebias.recognition.augment import Augment
from mebias.recognition.training import find_device, train_folds

FOLDS = make_folds([4, 8])


def refused(error, match, model="tiny", folds=FOLDS, change=None, labels=None, **options):
    inputs, own = make_maps(12, dtype="float32")
    if change:
        inputs = change(inputs)
    labels = own if labels is None else labels
    with pytest.raises(error, match=match):
        train_folds(model, inputs, labels, folds, device="cpu", way="turn", **options)


def broken(value):
    def change(maps):
        maps[[3, 7], 0, 0, 5, 5] = value
        return maps

    return change


@pytest.mark.parametrize(
    ("match", "change"),
    [
        (r"maps of 2 clips hold NaN or infinite values \(clips 3, 7", broken(np.nan)),
        ("maps of 2 clips hold NaN", broken(np.inf)),
        (r"maps are \(12, 2, 3, 28\); expected an array of clips x", lambda m: m[..., 0]),
        ("maps are list", lambda m: m.tolist()),
        ("maps are int64; expected float32", lambda m: m.astype(int)),
        ("3 branches; expected 1 or 2", lambda m: np.concatenate([m, m[:, :1]], 1)),
    ],
)
def test_maps(match, change):
    refused(MapError, match, change=change)


@pytest.mark.parametrize(
    ("match", "labels"),
    [
        (r"shape \(3,\) and type int64; expected 12 whole numbers", np.zeros(3, int)),
        ("type float64", np.zeros(12)),
        ("expected 12 whole numbers", np.full(12, -1)),
        ("all clips are of one class", np.zeros(12, int)),
    ],
)
def test_labels(match, labels):
    refused(OptionError, match, labels=labels)


@pytest.mark.parametrize(
    ("match", "folds"),
    [
        ("there is no fold", []),
        ("fold 0 has no training clip; leaving one subject out needs two", [([], range(12))]),
        ("fold 0 has no test clip", [(range(12), [])]),
        (r"fold 0 trains on clips that it tests \(3\)", [(range(4), range(3, 12))]),
        ("not among the 12 maps", [(range(4), [12])]),
        ("not among the 12 maps", [(range(4), [-1])]),
        ("a clip is tested in more than one fold", [(range(4), [5]), (range(4), [5])]),
    ],
)
def test_folds(match, folds):
    refused(
        OptionError,
        match,
        folds=[(np.array(list(a), int), np.array(list(b), int)) for a, b in folds],
    )


@pytest.mark.parametrize(
    ("match", "options"),
    [
        ("no model is called", {"model": "huge"}),
        ("built a str; expected a torch.nn.Module", {"model": lambda channels, classes: "x"}),
        ("0 epochs with batches of 32", {"epochs": 0}),
        ("label 2 occurs, but there are only 2 classes", {"classes": 2}),
        ("way is 'fast'", {"way": "fast"}),
        ("keep_weights needs a folder", {"keep_weights": True}),
        ("channel 5 is to turn its sign", {"augment": Augment(flip=0.5, mirrored=(5,))}),
        ("the test maps are of shape", {"test_inputs": make_maps(5)[0]}),
        ("falling loss needs falling maps", {"falling_loss": True, "change": lambda m: m[:, :1]}),
    ],
)
def test_options(match, options):
    inputs = {"way": "turn", **options}
    change, model = inputs.pop("change", None), inputs.pop("model", "tiny")
    maps, labels = make_maps(12, dtype="float32")
    with pytest.raises(OptionError, match=match):
        train_folds(
            model, change(maps) if change else maps, labels, FOLDS, **{"device": "cpu", **inputs}
        )


def test_devices():
    with pytest.raises(OptionError, match="expected auto, cpu or cuda"):
        find_device("tpu")
    assert find_device("auto") in ("cpu", "cuda")


def test_a_missing_gpu_is_named(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(OptionError, match="torch finds no GPU here; use cpu"):
        find_device("cuda")


def test_a_class_that_a_fold_tests_and_never_trains_is_told():
    maps, labels = make_maps(12, dtype="float32")
    labels = np.r_[[2, 2], labels[2:] % 2]
    folds = make_folds([2, 10])
    with pytest.warns(TrainingWarning, match=r"no training clip .*fold 0: class 2.*fold 1"):
        found = train_folds("tiny", maps, labels, folds, epochs=1, device="cpu", way="turn")
    assert np.isfinite(found.probabilities).all()


def test_a_class_that_is_in_every_training_fold_is_not_told():
    maps, labels = make_maps(12, dtype="float32")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train_folds("tiny", maps, labels, FOLDS, epochs=1, device="cpu", way="turn", classes=5)
