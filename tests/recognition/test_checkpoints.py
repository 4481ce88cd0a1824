"""Folds that are done are kept: a run goes on where it was, with the same result."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from recognition.maps import make_folds, make_maps
from safetensors.torch import load_file

from mebias.errors import CacheWarning, TrainingWarning, WeightsError
from mebias.recognition import alone, ways
from mebias.recognition.backbones import Tiny
from mebias.recognition.inputs import make_inputs
from mebias.recognition.models import JOINT
from mebias.recognition.training import train_folds
from mebias.recognition.weights import load_weights, save_weights
from mebias.simulation import simulate

MAPS, LABELS = make_maps(16, dtype="float32")
FOLDS = make_folds([4, 5, 7])


def run(keep, **options):
    options = {"epochs": 2, "way": "turn", "device": "cpu", "arm": "human", **options}
    maps, labels = options.pop("maps", MAPS), options.pop("labels", LABELS)
    folds = options.pop("folds", FOLDS)
    return train_folds("tiny", maps, labels, folds, keep=keep, **options)


@pytest.fixture
def counted(monkeypatch):
    """Folds that are trained, in order."""
    folds = []
    real = alone.train_alone

    def count(job, maps, fold):
        folds.append(fold)
        return real(job, maps, fold)

    monkeypatch.setattr(ways, "train_alone", count)
    return folds


class Killed(Exception):
    """An end in the middle of a run."""


def kill_after(n):
    def progress(done):
        if done == n:
            raise Killed

    return progress


def test_a_run_that_was_killed_goes_on_with_the_same_result(tmp_path, counted):
    whole = run(None).probabilities
    counted.clear()
    torch.set_num_threads(2)
    with pytest.raises(Killed) as held:
        run(tmp_path, progress=kill_after(2))
    assert torch.get_num_threads() == 2, held
    torch.set_num_threads(1)
    assert counted == [0, 1]
    again = run(tmp_path)
    assert counted == [0, 1, 2]
    assert np.array_equal(again.probabilities, whole)
    assert np.array_equal(run(tmp_path).probabilities, whole)
    assert counted == [0, 1, 2]
    assert {path.name for path in again.folder.iterdir()} == {f"fold-00{k}.npz" for k in range(3)}


def test_folds_at_once_go_on_with_the_same_company(tmp_path):
    whole = run(tmp_path, way="at once", record_epochs=True)
    (whole.folder / "fold-001.npz").unlink()
    counted = []
    again = run(tmp_path, way="at once", record_epochs=True, progress=counted.append)
    assert np.array_equal(again.by_epoch, whole.by_epoch)
    assert counted == [1, 2, 3]


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"not a zip"),
        lambda path: np.savez(path, fingerprint="other", probabilities=np.ones((1, 5, 3))),
        lambda path: np.savez(path, probabilities=np.array([{}], dtype=object)),
    ],
)
def test_a_damaged_fold_is_trained_again(tmp_path, counted, damage):
    whole = run(tmp_path)
    path = whole.folder / "fold-001.npz"
    damage(path)
    counted.clear()
    with pytest.warns(TrainingWarning, match="fold 1 is trained again"):
        again = run(tmp_path)
    assert counted == [1]
    assert np.array_equal(again.probabilities, whole.probabilities)


def test_one_changed_number_is_found(tmp_path, counted):
    whole = run(tmp_path)
    path = whole.folder / "fold-002.npz"
    content = bytearray(path.read_bytes())
    place = content.find(b"probabilities.npy") + 200
    content[place] ^= 1
    path.write_bytes(bytes(content))
    counted.clear()
    with pytest.warns(TrainingWarning, match="fold 2 is trained again"):
        again = run(tmp_path)
    assert counted == [2]
    assert np.array_equal(again.probabilities, whole.probabilities)


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 1},
        {"arm": "gamdss"},
        {"epochs": 3},
        {"class_weights": False},
        {"maps": MAPS + np.float32(1e-6)},
        {"test_inputs": MAPS[::-1].copy()},
        {"labels": np.roll(LABELS, 1)},
        {"folds": make_folds([5, 4, 7])},
        {"way": "at once"},
        {"dtype": torch.float64},
        {"record_epochs": True},
    ],
)
def test_anything_else_is_another_run(tmp_path, other):
    first = run(tmp_path)
    second = run(tmp_path, **other)
    assert first.folder != second.folder
    assert len(list(tmp_path.iterdir())) == 2


def test_processes_go_on_where_turns_stopped(tmp_path, counted):
    with pytest.raises(Killed):
        run(tmp_path, progress=kill_after(2))
    again = run(tmp_path, way="processes", jobs=1)
    assert counted == [0, 1]
    assert np.array_equal(again.probabilities, run(None).probabilities)


def test_a_folder_that_cannot_be_written_costs_a_warning(tmp_path):
    (tmp_path / "file").write_text("here")
    with pytest.warns(CacheWarning, match="fold . could not be kept"):
        found = run(tmp_path / "file")
    assert np.isfinite(found.probabilities).all()


def test_kept_weights_give_the_scores(tmp_path):
    found = run(tmp_path, keep_weights=True)
    again = run(tmp_path, keep_weights=True)
    assert np.array_equal(again.probabilities, found.probabilities)
    train, test = FOLDS[1]
    backbone = Tiny(3, 3).eval()
    load_weights(backbone, found.folder / "fold-001.safetensors", "tiny")
    own = MAPS[train, 0].astype(float)
    x = (MAPS[test, 0] - own.mean((0, 2, 3))[:, None, None]) / own.std((0, 2, 3))[:, None, None]
    with torch.no_grad():
        scores = backbone(torch.from_numpy(x).float()).softmax(1)
    np.testing.assert_allclose(scores, found.probabilities[test], atol=1e-5)


def test_a_fold_whose_weights_are_gone_is_trained_again(tmp_path, counted):
    found = run(tmp_path, keep_weights=True)
    (found.folder / "fold-000.safetensors").unlink()
    counted.clear()
    run(tmp_path, keep_weights=True)
    assert counted == [0]


def test_weights_go_to_a_file_and_back(tmp_path):
    path = tmp_path / "new" / "w.safetensors"
    one, two = Tiny(3, 3), Tiny(3, 3)
    save_weights(one, path, "tiny")
    load_weights(two, path, "tiny")
    for name, each in one.state_dict().items():
        assert torch.equal(each, two.state_dict()[name])


@pytest.mark.parametrize(
    ("match", "backbone", "name"),
    [
        ("holds weights of the model tiny; expected resnet", Tiny(3, 3), "resnet"),
        ("another model or number of classes: .* is of shape", Tiny(3, 5), "tiny"),
        (
            "weights that only one of both has are 1.bias",
            torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Linear(2, 2)),
            "tiny",
        ),
    ],
)
def test_weights_of_another_model_are_refused(tmp_path, match, backbone, name):
    path = tmp_path / "w.safetensors"
    save_weights(Tiny(3, 3), path, "tiny")
    before = {k: v.clone() for k, v in backbone.state_dict().items()}
    with pytest.raises(WeightsError, match=match):
        load_weights(backbone, path, name)
    assert all(torch.equal(v, before[k]) for k, v in backbone.state_dict().items())


def test_a_file_without_weights_is_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    with pytest.raises(WeightsError, match="cannot be read"):
        load_weights(Tiny(3, 3), path, "tiny")
    torch.save(Tiny(3, 3).state_dict(), path)  # a pickle
    with pytest.raises(WeightsError, match="holds no weights, or is damaged"):
        load_weights(Tiny(3, 3), path, "tiny")


class Negated:
    """Frames in which those of some clips are turned to their negative."""

    def __init__(self, frames, clips):
        self.frames, self.clips = frames, set(clips)

    def numbers(self, clip):
        return self.frames.numbers(clip)

    def read(self, clip, number):
        image = self.frames.read(clip, number)
        return 255 - image[::-1] // 2 if clip in self.clips else image


def test_pixels_of_a_test_subject_leave_the_weights_of_its_fold_as_they_are(tmp_path):
    cohort = simulate("casme3", seed=3, n_subjects=2, n_clips=8, size=(24, 24))
    people = cohort.clips["subject"].to_numpy()
    tested = people == np.unique(people)[0]
    changed = replace(cohort, frames=Negated(cohort.frames, cohort.clips["clip"][tested]))
    labels = np.zeros(len(people), dtype=int)
    labels[np.flatnonzero(~tested)[0]] = labels[np.flatnonzero(tested)[0]] = 1
    folds = [(np.flatnonzero(~tested), np.flatnonzero(tested))]
    folds += [(np.flatnonzero(tested), np.flatnonzero(~tested))]
    written, scores = [], []
    for name, own in (("as-filmed", cohort), ("changed", changed)):
        maps = make_inputs(own, {"human": None}, size=16).maps("human")
        found = run(tmp_path / name, maps=maps, labels=labels, folds=folds, keep_weights=True,
                    falling_loss=True, augment=JOINT, class_weights=True,
                    epochs=1)  # fmt: skip
        files = (found.folder / f"fold-00{k}.safetensors" for k in range(2))
        written.append([load_file(path) for path in files])
        scores.append(found.probabilities)
    (one, trained_on), (two, trained_on_changed) = written
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert not all(torch.equal(trained_on[key], trained_on_changed[key]) for key in trained_on)
    assert not np.array_equal(scores[0][tested], scores[1][tested])


def test_numbers_of_numpy_are_the_same_run(tmp_path, counted):
    run(tmp_path, seed=1)
    run(tmp_path, seed=np.int64(1), epochs=np.int32(2))
    assert counted == [0, 1, 2]
