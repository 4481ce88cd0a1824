"""kill -9 at random moments, then the same command again; files and clocks that change meanwhile.

`make proof` kills each of all commands twenty times: MEBIAS_KILLS=20.
"""

import csv
import os
import random
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pytest

import mebias
from mebias.cli import main
from mebias.errors import FrameError

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("MEBIAS_KILLS", "0"))
COMMANDS = {
    "reselect": ["reselect", "folder", "--rule", "gamdss", "--jobs", "2"],
    "calibrate": ["calibrate", "statistics", "--cohorts", "5", "--jobs", "2",
                  "--cell", "12 subjects, 60 clips, normal, ICC 0",
                  "--cell", "12 subjects, 60 clips, normal, ICC 0.3"],
    "recognize": ["recognize", "folder", "--arms", "human,gamdss", "--epochs", "5", "--seeds", "2",
                  "--device", "cpu", "--jobs", "2"],
    "report": ["report", "folder", "--rule", "gamdss", "--rule", "motion-blind", "--recognizer",
               "none", "--jobs", "2"],
}  # fmt: skip
USUAL = ["reselect"]


def image(folder, number, rng, size=32):
    cv2.imwrite(str(folder / f"{number}.png"), rng.integers(0, 255, (size, size), np.uint8))


@pytest.fixture
def data(tmp_path):
    """A small folder of one's own."""
    root, rng = tmp_path / "data", np.random.default_rng(0)
    rows = [["clip", "subject", "onset", "apex", "offset", "fps", "emotion"]]
    for clip in range(8):
        folder = root / "frames" / f"c{clip}"
        folder.mkdir(parents=True)
        for number in range(1, 31):
            image(folder, number, rng)
        rows.append([f"c{clip}", f"s{clip % 4}", 6, 14, 24, 100, ("joy", "fear")[clip // 4]])
    with (root / "annotations.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return root


def started(arguments):
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-m", "mebias", *arguments, "--quiet"], stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}, start_new_session=True,
    )  # fmt: skip


def finished(arguments):
    run = started(arguments)
    told = run.communicate()[1]
    assert run.returncode == 0, told


def shown(out):
    """Files that a user sees, and what is in them."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(out).parts)
    }


def until_alone(session, seconds=20.0):
    """Wait for the killed run's workers to notice."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.killpg(session, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("workers went on without their parent")


@pytest.mark.parametrize("name", COMMANDS if KILLS else USUAL)
def test_killed_at_a_random_moment_and_run_again(name, data, tmp_path):
    """What is there after a kill is whole, and what is there in the end is the same."""
    given = COMMANDS[name] + (["--root", str(data)] if "folder" in COMMANDS[name] else [])
    start = time.monotonic()
    finished([*given, "--out", str(tmp_path / "calm")])
    lasts = time.monotonic() - start
    calm = shown(tmp_path / "calm")
    assert any(path.endswith(".csv") for path in calm)
    moments = random.Random(name)
    killed = 0
    for number in range(KILLS or 2):
        out = tmp_path / f"killed-{number}"
        run = started([*given, "--out", str(out)])
        try:
            run.communicate(timeout=moments.uniform(0.2, 0.95) * lasts)
        except subprocess.TimeoutExpired:
            killed += 1
            run.kill()
            run.communicate()
        until_alone(run.pid)
        for path, content in shown(out).items() if out.exists() else ():
            assert content == calm[path], f"{path} is half written"
        finished([*given, "--out", str(out)])
        assert shown(out) == calm
        left = [p for p in out.rglob("*") if p.name.startswith(".") and p.name != ".parts"]
        assert not [p for p in left if ".folds" not in p.parts and ".parts" not in p.parts], left
    assert killed >= (KILLS or 2) // 2


@pytest.mark.parametrize(
    ("fate", "jobs"),
    [("vanishes", 1), ("is cut short", 1), ("becomes empty", 1), ("vanishes", 2)],
)
def test_an_image_that_changes_after_it_was_listed(data, fate, jobs):
    cohort = mebias.load("folder", data)
    path = data / "frames" / "c5" / "14.png"
    whole = path.read_bytes()
    path.unlink()
    if fate != "vanishes":
        path.write_bytes(whole[:200] if fate == "is cut short" else b"")
    with pytest.raises(FrameError, match=r"14") as caught:
        mebias.reselect(cohort, jobs=jobs)
    assert "\n" not in str(caught.value)
    left_out = mebias.reselect(cohort, skip_bad_frames=True)
    assert "c5" not in set(left_out.loc[left_out["status"] == "selected", "clip"])
    assert len(left_out) == 24


def test_a_folder_that_vanishes_after_it_was_listed(data):
    cohort = mebias.load("folder", data)
    for path in (data / "frames" / "c5").iterdir():
        path.unlink()
    (data / "frames" / "c5").rmdir()
    with pytest.raises(FrameError) as caught:
        mebias.reselect(cohort)
    assert "\n" not in str(caught.value)
    table = mebias.reselect(cohort, skip_bad_frames=True)
    assert set(table.loc[table["status"] == "failed", "clip"]) == {"c5"}


def test_a_clock_that_goes_back(data, tmp_path, monkeypatch):
    """Kept results go by content; a file that is older than what it replaced is another one."""
    kept, ahead = tmp_path / "kept", time.time() + 1e8
    for path in (data / "frames" / "c5").iterdir():
        os.utime(path, (ahead, ahead))
    before = mebias.reselect(mebias.load("folder", data), cache=kept)
    for number in range(1, 31):
        image(data / "frames" / "c5", number, np.random.default_rng(number + 7))
        os.utime(data / "frames" / "c5" / f"{number}.png", (1e8, 1e8))
    ticks = iter(range(10**6, 0, -100))
    monkeypatch.setattr(time, "time", lambda: float(next(ticks)))
    after = mebias.reselect(mebias.load("folder", data), cache=kept)
    assert after.equals(mebias.reselect(mebias.load("folder", data)))
    assert not after.equals(before)


def test_out_of_memory_is_told(data, capsys, monkeypatch):
    def greedy(*_, **__):
        return bytearray(2**60)

    module = import_module("mebias.selection.reselect")  # whose name a function has, too
    monkeypatch.setattr(module, "select_in_clip", greedy)
    out = data.parent / "out"
    given = ["reselect", "folder", "--root", str(data), "--quiet", "--out", str(out)]
    assert main(given) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "out of memory; use fewer workers" in line
    assert not out.exists()
