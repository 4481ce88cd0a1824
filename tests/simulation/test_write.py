"""A cohort written to disk comes back the same, or nothing is written."""

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mebias
from mebias import tables
from mebias.errors import OptionError, OutputError
from mebias.simulation import simulate, write, write_folder
from mebias.tables import MARKER


def make(name="4dme", **options):
    return simulate(name, seed=3, **{"n_subjects": 4, "n_clips": 6, "size": (24, 32)} | options)


@pytest.mark.parametrize(
    "options", [{}, {"trimmed": True}, {"name": "casme3"}], ids=["gray", "trimmed", "color"]
)
def test_a_cohort_comes_back_pixel_by_pixel(tmp_path, options):
    cohort = make(**options)
    root = write_folder(cohort, tmp_path / "new" / "own")
    back = mebias.load("folder", root)
    assert back.name == cohort.name
    assert back.simulated
    pd.testing.assert_frame_equal(back.clips, cohort.clips)
    columns = ["dataset", "clip", "source", "keyframe", "frame", "status"]
    order = ["clip", "keyframe"]
    pd.testing.assert_frame_equal(
        back.keyframes[columns].sort_values(order, ignore_index=True),
        cohort.keyframes[columns].sort_values(order, ignore_index=True),
    )
    for clip in cohort.clips["clip"]:
        numbers = cohort.frames.numbers(clip)
        assert np.array_equal(back.frames.numbers(clip), numbers)
        for number in numbers.tolist():
            image = back.frames.read(clip, number)
            assert np.array_equal(image, cohort.frames.read(clip, number))


def test_the_folder_holds_labels_truth_and_its_mark(tmp_path):
    cohort = make(plant={"B": (0, 0, 40)})
    root = write_folder(cohort, tmp_path / "own")
    about = json.loads((root / MARKER).read_text(encoding="utf-8"))
    assert about == {"dataset": "SIMULATED 4dme", "settings": dict(cohort.settings)}
    assert str(tmp_path) not in (root / MARKER).read_text(encoding="utf-8")
    truth = tables.read_csv(root / "truth.csv", "keyframes")
    assert truth["frame"].to_numpy() == pytest.approx(cohort.truth["frame"].to_numpy())
    assert pd.read_csv(root / "planted_errors.csv")["error_ms"].max() == 40
    clip = cohort.clips["clip"].iloc[0]
    names = {path.name for path in (root / "frames" / clip).iterdir()}
    assert names == {f"{n}.png" for n in cohort.frames.numbers(clip)}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["own"]


def test_two_writings_are_the_same_bytes(tmp_path):
    one, two = (write_folder(make(), tmp_path / name) for name in ("a", "b"))
    files = sorted(p.relative_to(one) for p in one.rglob("*") if p.is_file())
    assert len(files) > 100
    assert all((one / f).read_bytes() == (two / f).read_bytes() for f in files)


def test_an_empty_folder_is_taken_and_a_used_one_is_not(tmp_path):
    (tmp_path / "empty").mkdir()
    write_folder(make(), tmp_path / "empty")
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="holds files already"):
        write_folder(make(), tmp_path / "used")
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="is a file"):
        write_folder(make(), tmp_path / "file")
    with pytest.raises(OutputError, match="cannot be written"):
        write_folder(make(), tmp_path / "file" / "below")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty", "file", "used"]


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    written = []
    original = Path.write_bytes

    def full(path, data):
        if len(written) == 50:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(path)
        return original(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left") as error:
        write_folder(make(), tmp_path / "own")
    assert "\n" not in str(error.value)
    assert len(written) == 50
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_leaves_nothing_behind(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(write, "_write_frames", stop)
    with pytest.raises(KeyboardInterrupt):
        write_folder(make(), tmp_path / "own")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere; the next test covers it")
def test_a_folder_without_permission(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    for root in (tmp_path / "locked", tmp_path / "locked" / "below"):
        with pytest.raises(OutputError, match="cannot be written"):
            write_folder(make(), root)


def test_a_parent_without_permission(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        write_folder(make(), tmp_path / "own")


def test_only_simulated_cohorts_with_frames_are_written(tmp_path):
    cohort = make()
    real = replace(cohort, clips=cohort.clips.assign(dataset="4dme"))
    for refused in (real, replace(cohort, frames=None)):
        with pytest.raises(OptionError, match="no simulated cohort with frames"):
            write_folder(refused, tmp_path / "own")


def test_progress_goes_to_stderr(tmp_path, capsys):
    write_folder(make(), tmp_path / "own", progress=True)
    captured = capsys.readouterr()
    assert "writing frames" in captured.err
    assert captured.out == ""
