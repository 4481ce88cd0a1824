"""The command `recognize` where data, machines or files are not as they should be."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import torch

from mebias.cli import main
from mebias.recognition import alone

pytestmark = pytest.mark.filterwarnings(
    "always::mebias.errors.TrainingWarning", "always::mebias.errors.LeakWarning"
)
FAST = ["--arms", "human,gamdss", "--seeds", "1", "--epochs", "2", "--folds", "3", "--jobs", "1",
        "--device", "cpu"]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("made")
    command = ["simulate", "4dme", "--frames", "--subjects", "6", "--clips", "24", "--size",
               "32x32", "--out", str(root), "--quiet"]  # fmt: skip
    assert main(command) == 0
    return root


class Case:
    """A folder with other annotations of the same frames, and the command on it."""

    def __init__(self, made, folder):
        self.root, self.out = folder / "data", folder / "out"
        shutil.copytree(made, self.root)
        self.table = pd.read_csv(made / "annotations.csv", dtype=str)

    def arguments(self, *options):
        self.table.to_csv(self.root / "annotations.csv", index=False)
        return ["recognize", "folder", "--root", str(self.root), *FAST, "--out", str(self.out),
                *options]  # fmt: skip

    def run(self, *options):
        return main(self.arguments(*options))

    def read(self, name):
        return pd.read_csv(self.out / f"{name}.csv", dtype={"label": str, "predicted": str})


@pytest.fixture
def case(made, tmp_path):
    return Case(made, tmp_path)


@pytest.fixture(scope="module")
def usual(made, tmp_path_factory):
    """Predictions of a run without trouble."""
    case = Case(made, tmp_path_factory.mktemp("usual"))
    assert case.run() == 0
    return (case.out / "predictions.csv").read_bytes()


def test_a_class_of_one_subject_is_told_and_scored_as_wrong(case, capsys):
    first = case.table["subject"] == case.table["subject"].iloc[0]
    case.table.loc[first, "emotion"] = "Rare"
    assert case.run() == 0
    told = capsys.readouterr().err
    assert "class Rare: no training clip in 1 of 3 folds" in told
    assert case.read("issues")["message"].str.contains("class Rare: no training").any()
    found = case.read("predictions")
    assert (found.loc[found["label"] == "Rare", "predicted"] != "Rare").all()


def test_one_subject_cannot_be_left_out(case, capsys):
    case.table = case.table[case.table["subject"] == case.table["subject"].iloc[0]]
    assert case.run() == 2
    assert "two subjects or more are needed" in capsys.readouterr().err
    assert not (case.out / "predictions.csv").exists()


def test_a_subject_with_one_clip_is_a_fold_like_others(case):
    own = case.table["subject"] == case.table["subject"].iloc[0]
    case.table = case.table[~own | ~own.duplicated()]
    leave = [a for a in case.arguments() if a not in ("--folds", "3")]
    assert main(leave) == 0
    found = case.read("predictions")
    assert found.drop_duplicates(["clip"]).groupby("fold").size().min() == 1
    assert found["fold"].nunique() == 6


def test_clips_that_lack_a_keyframe_are_left_out_and_told(case, capsys):
    case.table.loc[[2, 7], "apex"] = ""
    assert case.run() == 0
    gone = set(case.table.loc[[2, 7], "clip"])
    assert "2 clips are left out of all arms" in capsys.readouterr().err
    assert not gone & set(case.read("predictions")["clip"])
    assert len(case.read("predictions")) == 2 * 22
    assert case.read("issues")["message"].str.contains("2 clips are left out").any()


def test_too_little_gpu_memory_means_smaller_parts_and_is_told(case, usual, capsys, monkeypatch):
    real = alone._gradient

    def small(model, batch, seed, job, n):
        if n < 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        real(model, batch, seed, job, n)

    monkeypatch.setattr(alone, "_gradient", small)
    assert case.run() == 0
    assert "batches are now computed in 2 parts" in capsys.readouterr().err
    (case.out / "usual.csv").write_bytes(usual)
    found, expected = case.read("predictions"), case.read("usual")
    columns = [c for c in found if c.startswith("p_")]
    np.testing.assert_allclose(found[columns], expected[columns], atol=1e-3)


def test_not_even_one_clip_fits_is_a_sentence(case, capsys, monkeypatch):
    def never(*_):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(alone, "_gradient", never)
    assert case.run() == 2
    assert "no memory for a single clip" in capsys.readouterr().err


def test_a_killed_run_goes_on_with_the_same_bytes(case, usual):
    command = [sys.executable, "-m", "mebias", *case.arguments("--quiet")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 240
    while process.poll() is None and not list(case.out.glob(".folds/*/*/fold-*.npz")):
        assert time.monotonic() < until
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in case.out.glob(".folds/*/*/fold-*.npz")}
    assert kept
    assert not (case.out / "predictions.csv").exists()
    assert case.run() == 0
    assert (case.out / "predictions.csv").read_bytes() == usual
    assert all(path.stat().st_mtime_ns == at for path, at in kept.items())
    assert len(list(case.out.glob(".folds/*/*/fold-*.npz"))) == 6


def test_a_damaged_fold_is_done_again_with_the_same_bytes(case, usual, capsys):
    assert case.run() == 0
    path = sorted(case.out.glob(".folds/*/*/fold-001.npz"))[0]
    path.write_bytes(path.read_bytes()[:100])
    capsys.readouterr()
    assert case.run() == 0
    assert "fold 1 is trained again" in capsys.readouterr().err
    assert (case.out / "predictions.csv").read_bytes() == usual


def test_options_that_contradict_are_refused_before_any_work(case, capsys):
    assert case.run("--lodo") == 2
    assert "choose one of both" in capsys.readouterr().err
    assert main(["recognize", "samm", "casme2", *FAST, "--out", str(case.out)]) == 2
    assert "3-class" in capsys.readouterr().err
    assert not (case.out / "predictions.csv").exists()


def test_real_and_simulated_data_do_not_mix(case, tmp_path, capsys):
    command = case.arguments("--classes", "3")
    (case.root / "SIMULATED.json").unlink()
    command[1:2] = ["folder", "samm"]
    command[command.index("--root") + 1] = f"folder={case.root}"
    assert main(command) == 2
    assert "do not mix" in capsys.readouterr().err


def test_inner_and_released_write_and_label_what_they_are(case, capsys):
    assert case.run("--inner", "--protocol", "released") == 0
    told = capsys.readouterr()
    assert "RELEASED PROTOCOL" in told.err
    assert "LEAKS" in told.out
    assert "an inner split of the training subjects chooses" in told.out
    assert "0 added by the falling branch" in told.out
    written = {path.name for path in case.out.iterdir() if path.is_file()}
    assert {"predictions.csv", "predictions_fixed.csv", "predictions_released.csv",
            "predictions_released_f1.csv", "protocols.csv", "curves.csv", "curves.svg",
            "curves.pdf", "curves.png"} <= written  # fmt: skip
    for name in ("fixed", "released", "released_f1"):
        column = case.read(f"predictions_{name}")["protocol"]
        assert set(column) == {name.replace("_", "-")}
    assert set(case.read("predictions")["protocol"]) == {"inner"}
    table = case.read("protocols")
    assert table.loc[table["protocol"] == "released", "leaks"].all()
    assert set(table["arm"]) == {"human", "gamdss"}
    svg = (case.out / "curves.svg").read_bytes()
    assert len(svg) > 10_000
    assert main(["gain", str(case.out / "predictions_released.csv"), "--out",
                 str(case.out / "again")]) == 0  # fmt: skip
    assert "picked on the test clips" in capsys.readouterr().err


def test_the_default_leaves_no_trace_of_the_released_protocol(usual):
    text = usual.decode()
    assert "released" not in text
    assert ",fixed," in text
