"""The command `recognize` with maps of the user's own, and maps that it writes."""

import zipfile

import numpy as np
import pandas as pd
import pytest
from recognition.maps import make_maps

from mebias.cli import main
from mebias.recognition import ways

FAST = ["--seeds", "2", "--folds", "3", "--epochs", "6", "--device", "cpu", "--jobs", "1"]


class Files:
    """Maps of 36 clips of 6 subjects with a class signal, their table, and the command."""

    def __init__(self, folder):
        self.folder, self.out = folder, folder / "out"
        maps, labels = make_maps(36, channels=2, size=12, signal=3)
        names = np.array([f"c{i:02d}" for i in range(36)])
        self.arrays = {"clip": names, "rising": maps[:, 0].astype("float32")}
        subjects = [f"s{i % 6}" for i in range(36)]
        self.table = pd.DataFrame({"clip": names, "subject": subjects, "label": labels})

    def run(self, *options, save=np.savez, **arrays):
        own = {k: v for k, v in {**self.arrays, **arrays}.items() if v is not None}
        save(self.folder / "maps.npz", **own)
        self.table.to_csv(self.folder / "clips.csv", index=False)
        return self.command(*options)

    def command(self, *options):
        given = ["--inputs", str(self.folder / "maps.npz"), "--clips",
                 str(self.folder / "clips.csv")]  # fmt: skip
        return main(["recognize", *given, *FAST, "--out", str(self.out), *options])

    def predictions(self):
        return pd.read_csv(self.out / "predictions.csv", dtype={"label": str, "predicted": str})


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


def test_predictions_and_scores_of_one_arm_are_written_and_right(files, capsys):
    assert files.run() == 0
    assert "uf1 " in capsys.readouterr().out
    written = {path.name for path in files.out.iterdir() if path.is_file()}
    assert written == {"predictions.csv", "estimates.csv", "issues.csv"}
    predictions, scores = files.predictions(), pd.read_csv(files.out / "estimates.csv")
    assert len(predictions) == 72
    assert set(predictions["arm"]) == set(scores["arm"]) == {"input"}
    right = predictions["label"] == predictions["predicted"]
    accuracy = scores.set_index("quantity").loc["accuracy", "estimate"]
    assert accuracy == pytest.approx(right.mean(), abs=1e-6)
    f1 = [f1_of(part) for _, part in predictions.groupby("seed")]
    assert scores.set_index("quantity").loc["uf1", "estimate"] == pytest.approx(np.mean(f1))
    assert accuracy > 0.6
    assert {"uf1", "uar", "accuracy"} <= set(scores["quantity"])


def f1_of(part):
    """Mean over classes of 2 TP / (2 TP + FP + FN)."""
    found = []
    for name in sorted(set(part["label"])):
        true, told = part["label"] == name, part["predicted"] == name
        found.append(2 * (true & told).sum() / (true.sum() + told.sum()))
    return np.mean(found)


def test_neither_the_order_nor_the_unit_of_maps_matters(files):
    assert files.run() == 0
    first = files.predictions()
    back = {name: values[::-1].copy() for name, values in files.arrays.items()}
    files.out = files.folder / "other"
    back["rising"] = back["rising"] * np.array([8, 2048], dtype="float32")[:, None, None]
    assert files.run(**back) == 0
    again = files.predictions()
    assert again["clip"].tolist() == first["clip"].tolist()
    assert (again["predicted"] == first["predicted"]).all()


def test_test_clips_never_touch_the_scale(files):
    """A subject's maps, blown up, change how others are scored only through training folds."""
    files.table["subject"] = ["a"] * 12 + ["b"] * 12 + ["c"] * 12
    assert files.run("--folds", "3", "--seeds", "1") == 0
    first = files.predictions()
    own = np.flatnonzero(files.table["subject"] == "a")
    files.arrays["rising"][own] *= 64
    files.out = files.folder / "other"
    assert files.run("--folds", "3", "--seeds", "1") == 0
    again = files.predictions()
    columns = [c for c in first if c.startswith("p_")]
    apart = (first[columns] - again[columns]).abs().max(axis=1)
    assert (apart[first["subject"] != "a"] > 0).any()  # they train with the changed clips
    # of the fold that tests "a", training is the same; only its own test maps changed
    files.arrays["rising"][own] /= 64
    files.arrays["rising"][own[0]] *= 64
    files.out = files.folder / "third"
    assert files.run("--folds", "3", "--seeds", "1") == 0
    third = files.predictions()
    same = (first["subject"] == "a") & (first["clip"] != files.arrays["clip"][own[0]])
    assert (first[columns] == third[columns])[same].all(axis=None)


def test_one_name_in_two_datasets_is_two_people(files, capsys):
    files.table["dataset"] = np.where(np.arange(36) < 18, "x", "y")
    options = [o for o in FAST if o not in ("--folds", "3")]
    args = ["recognize", "--inputs", str(files.folder / "maps.npz"), "--clips",
            str(files.folder / "clips.csv"), *options, "--dry-run"]  # fmt: skip
    assert files.run("--dry-run") == 0
    assert main(args) == 0
    assert "36 clips of 12 subjects" in capsys.readouterr().out
    assert not files.out.exists()


@pytest.mark.filterwarnings("ignore::mebias.errors.TrainingWarning")
def test_a_stopped_run_goes_on_and_a_damaged_fold_is_done_again(files, monkeypatch):
    assert files.run() == 0
    first = (files.out / "predictions.csv").read_bytes()
    kept = sorted((files.out / ".folds").rglob("fold-*.npz"))
    assert len(kept) == 6
    kept[0].write_bytes(b"damaged")
    kept[1].unlink()
    done = []

    def counted(job, maps, fold, own=ways.train_alone):
        done.append(fold)
        return own(job, maps, fold)

    monkeypatch.setattr(ways, "train_alone", counted)
    assert files.command() == 0
    assert len(done) == 2
    assert (files.out / "predictions.csv").read_bytes() == first


def test_the_falling_loss_is_an_option_and_needs_falling_maps(files, capsys):
    assert files.run(falling=-files.arrays["rising"]) == 0
    first = files.predictions()
    files.out = files.folder / "other"
    assert files.run("--falling-loss", falling=-files.arrays["rising"]) == 0
    columns = [c for c in first if c.startswith("p_")]
    assert not np.allclose(first[columns], files.predictions()[columns])
    assert files.run("--falling-loss") == 2
    assert "needs falling maps" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore::mebias.errors.TrainingWarning")
def test_a_class_that_a_fold_lacks_is_told(files):
    files.table["label"] = np.where(files.table["subject"] == "s0", "rare", files.table["label"])
    assert files.run() == 0
    issues = pd.read_csv(files.out / "issues.csv")
    assert issues["message"].str.contains("class rare").any()


def drop(column):
    return lambda files: files.table.pop(column)


def one(column):
    def change(files):
        files.table[column] = "only"

    return change


def name_twice(files):
    files.table.loc[1, "clip"] = "c00"


def name_others(files):
    files.table["clip"] = "x" + files.table["clip"]


def no_maps(files):
    del files.arrays["rising"]


def broken(files):
    files.arrays["rising"][3, 0, 0, 0] = np.nan


def flat(files):
    files.arrays["rising"] = files.arrays["rising"][:, 0]


def objects(files):
    files.arrays["clip"] = files.arrays["clip"].astype(object)


def small(files):
    files.arrays["rising"] = files.arrays["rising"][..., :2, :2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop("label"), "no column label"),
        (one("subject"), "all 36 clips are of one"),
        (one("label"), "all 36 clips are of one class (only)"),
        (name_twice, "has the clip c00 twice"),
        (name_others, "none of the clips of clips.csv"),
        (no_maps, "no array 'rising'"),
        (broken, "'rising' holds NaN or infinite values in 1 clip (c03)"),
        (flat, "expected 36 clips x channels x height x width"),
        (objects, "cannot be read as an .npz of plain arrays"),
        (small, "the model tiny cannot take maps of 2 channels x 2 x 2"),
    ],
)
def test_what_cannot_be_used_is_one_sentence_and_nothing_is_written(files, capsys, change, message):
    change(files)
    assert files.run() == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (files.out / "predictions.csv").exists()


def test_a_header_that_asks_for_the_memory_of_a_planet_is_refused(files, capsys):
    assert files.run("--dry-run") == 0
    path = files.folder / "maps.npz"
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    header = entries["rising.npy"]
    huge = header.replace(b"(36, 2, 12, 12), }" + b" " * 10, b"(36000000000, 2, 12, 12), }" + b" ")
    assert len(huge) == len(header)
    assert huge != header
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**entries, "rising.npy": huge}.items():
            archive.writestr(name, content)
    assert files.command() == 2
    assert "the header of 'rising' asks for" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--inputs", "maps.npz"], "--clips CLIPS.csv is missing"),
        (["--clips", "clips.csv"], "--inputs MAPS.npz is missing"),
        ([], "name a dataset, or give --inputs"),
        (["4dme", "--inputs", "maps.npz", "--clips", "clips.csv"], "both 4dme and --inputs"),
        (["--inputs", "no.npz", "--clips", "no.csv"], "no.npz was not found"),
    ],
)
def test_what_is_asked_for_has_to_be_whole(arguments, message, capsys):
    assert main(["recognize", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_maps_of_each_arm_are_exported_and_can_be_read_back(tmp_path):
    out = tmp_path / "out"
    options = ["--arms", "human,gamdss,jitter", "--seeds", "2", "--folds", "2", "--epochs", "1",
               "--device", "cpu", "--jobs", "1", "--quiet"]  # fmt: skip
    root = tmp_path / "data"
    made = ["simulate", "4dme", "--frames", "--subjects", "6", "--clips", "24", "--size", "32x32"]
    assert main([*made, "--out", str(root)]) == 0
    own = ["--root", str(root), "--export-maps", "--out", str(out)]
    assert main(["recognize", "folder", *own, *options]) == 0
    names = {path.name for path in (out / "maps").iterdir()}
    assert names == {"human.npz", "gamdss.npz", "jitter-0.npz", "jitter-1.npz", "clips.csv"}
    human = ["--inputs", str(out / "maps" / "human.npz"), "--clips", str(out / "maps/clips.csv")]
    again = [o for o in options if o not in ("--arms", "human,gamdss,jitter")]
    assert main(["recognize", *human, *again, "--out", str(tmp_path / "again")]) == 0
    first = pd.read_csv(out / "predictions.csv").query("arm == 'human'")
    same = pd.read_csv(tmp_path / "again" / "predictions.csv")
    assert same["predicted"].tolist() == first["predicted"].tolist()
