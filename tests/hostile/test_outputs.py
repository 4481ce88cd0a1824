"""Output folders: one run at a time, whole or not at all, and one sentence where it cannot be."""

import contextlib
import csv
import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from contained import contained

import mebias
from mebias import locking, tables
from mebias.cli import main
from mebias.errors import OutputError

SMALL = ["--subjects", "6", "--clips", "12", "--size", "24x24"]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder of one's own with frames, a shifts table and a table of codings."""
    root = tmp_path_factory.mktemp("data")
    rows = []
    for number in range(8):
        (root / "own" / "frames" / f"c{number}").mkdir(parents=True)
        for frame in range(1, 31):
            image = np.full((16, 16), 8 * (frame % 16) + number, np.uint8)
            cv2.imwrite(str(root / "own" / "frames" / f"c{number}" / f"{frame}.png"), image)
        rows.append([f"c{number}", f"s{number % 4}", 5, 12, 25, 100])
    with (root / "own" / "annotations.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["clip", "subject", "onset", "apex", "offset", "fps"], *rows])
    shifts = [
        {"clip": f"c{i}", "subject": f"s{i % 9}", "keyframe": k, "human": h, "selected": h + i % 3,
         "fps": 100}
        for i in range(27) for k, h in (("onset", 10), ("apex", 30), ("offset", 60))
    ]  # fmt: skip
    pd.DataFrame(shifts).to_csv(root / "shifts.csv", index=False)
    codings = [
        {"subject": f"s{i}", "coder": c, "event": f"e{i}", "onset": 10 + i, "apex": 20 + i + len(c),
         "offset": 40 + i, "fps": 100}
        for i in range(6) for c in ("ann", "bo")
    ]  # fmt: skip
    pd.DataFrame(codings).to_csv(root / "codings.csv", index=False)
    return root


def command(name, data, out):
    own = ["folder", "--root", str(data / "own")]
    known = {
        "quantify": ["quantify", str(data / "shifts.csv")],
        "simulate": ["simulate", "4dme", *SMALL],
        "simulate --frames": ["simulate", "4dme", *SMALL, "--frames"],
        "audit": ["audit", *own],
        "reselect": ["reselect", *own],
        "export": ["export", *own],
        "report": ["report", *own, "--recognizer", "none", "--rule", "gamdss"],
        "coders": ["coders", str(data / "codings.csv")],
        "relabel": ["relabel", *own],
        "recognize": ["recognize", *own],
        "calibrate": ["calibrate", "gain", "--cohorts", "5"],
    }
    return [*known[name], "--out", str(out), "--quiet"]


pytestmark = pytest.mark.usefixtures("svg_only")
EACH = ["quantify", "simulate", "simulate --frames", "audit", "reselect", "export", "report",
        "coders", "relabel", "recognize", "calibrate"]  # fmt: skip
QUICK = ["quantify", "simulate", "simulate --frames", "reselect", "export", "report", "coders"]

HOLDER = """
import os, sys, time
from mebias.locking import hold
hold(sys.argv[1], beside=sys.argv[2] == "beside", name=sys.argv[3])
if "fork" in sys.argv[4:] and os.fork() == 0:
    time.sleep(60)
print("held", flush=True)
sys.stdin.read()
"""


class Holder:
    """Another process that has an output folder."""

    def __init__(self, out, *more, where="inside", name=""):
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(out), where, name, *more],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        assert self.process.stdout.readline() == "held\n"

    def __enter__(self):
        return self

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # its own session: what it forked
        self.process.stdin.close()
        self.process.stdout.close()


def lock_of(name):
    beside = name in ("export", "simulate --frames")
    own = {"calibrate": "calibrate_gain"}.get(name, "")
    return {"where": "beside" if beside else "inside", "name": own}


def hidden(folder):
    return sorted(p.name for p in folder.rglob(".*"))


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """Folders that other processes have, one for each kind of lock."""
    root = tmp_path_factory.mktemp("held")
    holders = {}
    for name in EACH:
        key = tuple(lock_of(name).values())
        if key not in holders:
            holders[key] = Holder(root / "-".join(key), **lock_of(name))
    yield root
    for holder in holders.values():
        holder.__exit__()


@pytest.mark.parametrize("name", EACH)
def test_a_second_run_into_the_same_folder_is_told_so(name, data, held, capsys):
    out = held / "-".join(lock_of(name).values())
    before = sorted(held.rglob("*"))
    start = time.process_time()
    assert main(command(name, data, out)) == 2
    lines = [s for s in capsys.readouterr().err.splitlines() if "SIMULATED" not in s]
    assert len(lines) == 1, lines
    assert "is being written by another run (process " in lines[0]
    assert "--out" in lines[0]
    assert time.process_time() - start < 10
    assert sorted(held.rglob("*")) == before


@pytest.mark.parametrize("more", [(), ("fork",)])
def test_the_lock_of_a_killed_run_is_taken_over(tmp_path, data, more):
    """Also where a worker that it forked is still there."""
    out = tmp_path / "o"
    with Holder(out, *more) as holder:
        assert main(command("quantify", data, out)) == 2
        holder.kill()
        assert hidden(out) == [locking.NAME]
        assert main(command("quantify", data, out)) == 0
    assert hidden(out) == []
    assert (out / "estimates.csv").is_file()


def test_two_real_runs_at_once(tmp_path, data):
    out = tmp_path / "o"
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "mebias", *command("coders", data, out)],
            cwd=ROOT, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        for _ in range(2)
    ]  # fmt: skip
    told = [run.communicate()[1] for run in runs]
    codes = sorted(run.returncode for run in runs)
    # Where one ended before the other began, both are well.
    assert codes in ([0, 2], [0, 0]), told
    if codes == [0, 2]:
        assert sum("is being written by another run" in text for text in told) == 1
    assert hidden(out) == []
    tables.read_csv(out / "estimates.csv", "estimates")


def test_a_lock_is_the_threads_own_and_asked_for_twice_is_one(tmp_path):
    with locking.released():
        locking.hold(tmp_path / "o")
        locking.hold(tmp_path / "o")
        caught = []

        def other():
            try:
                locking.hold(tmp_path / "o")
            except OutputError as error:
                caught.append(str(error))

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert "another thread" in caught[0]
        (tmp_path / "link").symlink_to(tmp_path / "o")
        locking.hold(tmp_path / "link")  # the same folder by another name
    assert list(tmp_path.iterdir()) == [tmp_path / "link"]


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "text"])
def test_a_lock_that_somebody_laid_there(tmp_path, kind):
    victim, lock = tmp_path / "victim", tmp_path / "o" / locking.NAME
    victim.write_text("mine")
    lock.parent.mkdir()
    {"link": lambda: lock.symlink_to(victim), "pipe": lambda: os.mkfifo(lock), "folder": lock.mkdir,
     "text": lambda: lock.write_bytes(b"\xff\x00" * 500)}[kind]()  # fmt: skip
    said = contained(locking.hold, tmp_path / "o")
    assert said == "done" if kind == "text" else "cannot be written" in said
    assert victim.read_text() == "mine"


def test_where_there_are_no_locks_runs_go_on(tmp_path, monkeypatch):
    def none(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(locking.fcntl, "lockf", none)
    with locking.released():
        locking.hold(tmp_path / "o")
    assert list(tmp_path.iterdir()) == []


def without_root_rights():
    """Permissions hold for root too from here on (as for any owner)."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.capget(header, data) == 0
    for place in (0, 1, 2):
        data[place] &= ~0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
    assert libc.capset(header, data) == 0


@pytest.mark.parametrize("name", QUICK)
def test_a_read_only_folder(name, data, tmp_path):
    out = tmp_path / "closed" / "o"
    out.mkdir(parents=True)
    (out / "mine.txt").write_text("mine")
    if name in ("simulate --frames", "export"):
        out = tmp_path / "closed" / "new"
    for folder in (tmp_path / "closed" / "o", tmp_path / "closed"):
        folder.chmod(0o500)

    def run():
        without_root_rights()
        main([*command(name, data, out), "--debug"])

    said = contained(run, seconds=20)
    assert "cannot be written (" in said
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["closed", "mine.txt", "o"]


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*")
            if p.is_file()}  # fmt: skip


@pytest.fixture
def disk(tmp_path):
    """A small disk of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
    done = subprocess.run(mounting, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no disk can be mounted here ({done.stderr.strip()}); see the next test")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("left", [0, 6_000])
def test_a_full_disk(name, data, disk, left):
    out = disk / "o"
    earlier = name in ("quantify", "reselect", "coders")
    if earlier:
        assert main([*command(name, data, out), "--seed", "5"]) == 0
    with (disk / "filler").open("wb") as file:
        space = os.statvfs(disk)
        file.write(bytes(space.f_bavail * space.f_frsize - left))
    before = contents(disk)
    said = contained(lambda: main([*command(name, data, out), "--debug"]), seconds=20)
    assert "No space left on device" in said
    assert "cannot be written" in said or "free space" in said
    assert contents(disk) == before
    assert sorted(p.name for p in disk.iterdir()) == (["filler", "o"] if earlier else ["filler"])


@pytest.mark.parametrize("name", QUICK)
def test_files_that_may_not_grow(name, data, tmp_path):
    """The same with a limit on the size of files: a quota."""
    out = tmp_path / "o"

    def run():
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
        main([*command(name, data, out), "--debug"])

    said = contained(run, seconds=20)
    assert "File too large" in said
    assert contents(tmp_path) == {}


def test_a_report_that_cannot_be_written_leaves_the_earlier_one(tmp_path, data, monkeypatch):
    """And its folder is free again for the next run."""
    cohort = mebias.load("folder", data / "own")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mebias.reporting.write.write_tables", full)
    monkeypatch.setattr("mebias.reporting.drawing.render", lambda *_, **__: {})
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "mine.txt").write_text("mine")
    for _ in range(2):
        with pytest.raises(OutputError, match="No space left on device"):
            mebias.report(cohort, out=tmp_path / "o", recognizer="none", rule="gamdss")
    assert contents(tmp_path / "o") == {"mine.txt": b"mine"}
