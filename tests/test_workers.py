"""Processes and a Dask cluster: same results, and told or mended where workers end."""

import csv
import os
import signal
import subprocess
import sys
import threading
import time

import cv2
import numpy as np
import pytest
from dask_cluster import ROOT, DaskCluster, deadly_once, greedy, slow, worst

import mebias
from mebias import cluster as cluster_module
from mebias.cli import main
from mebias.errors import OptionError, WorkerError
from mebias.recognition.training import train_folds
from mebias.workers import as_done, check_jobs, in_order

KINDS = ["two processes", "a cluster"]
IN_FULL = pytest.mark.skipif(os.environ.get("MEBIAS_FAST") == "1", reason="a part of make proof")


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    pytest.importorskip("distributed", reason="the extra [cluster] is not installed")
    with DaskCluster(tmp_path_factory.mktemp("dask")) as found:
        yield found


@pytest.fixture(params=KINDS)
def jobs(request):
    return 2 if request.param == "two processes" else request.getfixturevalue("dask").address


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A small folder of one's own."""
    root = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(0)
    rows = [["clip", "subject", "onset", "apex", "offset", "fps", "emotion"]]
    for number in range(8):
        folder = root / "frames" / f"c{number}"
        folder.mkdir(parents=True)
        for frame in range(1, 25):
            cv2.imwrite(str(folder / f"{frame}.png"), rng.integers(0, 255, (32, 32), np.uint8))
        rows.append([f"c{number}", f"s{number % 4}", 5, 12, 20, 100, ("joy", "fear")[number // 4]])
    with (root / "annotations.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return root


def test_results_come_in_order(jobs):
    assert list(in_order(slow, list(range(40)), jobs, 0.001)) == [n * n for n in range(40)]
    found = dict(as_done(slow, list(range(5)), jobs, 0.001))
    assert found == {n: n * n for n in range(5)}


def test_whoever_asks_holds_only_a_few_results(jobs):
    taken = in_order(slow, list(range(400)), jobs, 0.0)
    assert next(taken) == 0
    taken.close()


def test_a_worker_that_is_killed_is_replaced(jobs, tmp_path):
    assert list(in_order(deadly_once, list(range(6)), jobs, str(tmp_path))) == list(range(6))
    assert (tmp_path / "tried-3").exists()


def test_work_that_kills_every_worker_is_told(jobs):
    with pytest.raises(WorkerError, match="killed 3 times over the same piece"):
        list(in_order(worst, list(range(6)), jobs, None))


def test_out_of_memory_in_a_worker_is_told(jobs):
    with pytest.raises(WorkerError, match="ran out of memory; use fewer workers"):
        list(in_order(greedy, list(range(6)), jobs, None))


def test_tables_are_those_of_one_process(data, dask, tmp_path):
    """Byte for byte."""
    for out, how in (("one", ["--jobs", "1"]), ("many", ["--scheduler", dask.address])):
        given = ["reselect", "folder", "--root", str(data), "--rule", "gamdss", "--rule", "jitter"]
        assert main([*given, "--nulls", *how, "--quiet", "--out", str(tmp_path / out)]) == 0
    made = {p.name: p.read_bytes() for p in (tmp_path / "one").glob("*.csv")}
    assert len(made) >= 4
    assert made == {p.name: p.read_bytes() for p in (tmp_path / "many").glob("*.csv")}


@IN_FULL
def test_folds_are_those_of_one_process(dask):
    """The command `recognize` trains by the same function."""
    maps = np.random.default_rng(0).normal(size=(12, 1, 3, 8, 8)).astype(np.float32)
    places, labels = np.arange(12), np.arange(12) % 2
    folds = [(places[places % 3 != k], places[places % 3 == k]) for k in range(3)]
    options = {"epochs": 1, "device": "cpu"}
    one = train_folds("tiny", maps, labels, folds, way="turn", **options)
    many = train_folds("tiny", maps, labels, folds, jobs=dask.address, **options)
    assert many.way == "processes"
    assert np.array_equal(one.probabilities, many.probabilities)


@IN_FULL
def test_a_report_is_that_of_one_process(data, dask, tmp_path, monkeypatch):
    """All bytes but the figures, which no worker draws."""
    monkeypatch.setattr("mebias.reporting.drawing.render", lambda *_, **__: {})
    made = []
    for out, how in (("one", 1), ("many", dask.address)):
        cohort = mebias.load("folder", data)
        options = {"rule": "gamdss", "jobs": how, "training_jobs": how, "recognizer": "none"}
        mebias.report(cohort, out=tmp_path / out, **options)
        folder = tmp_path / out
        made.append({p.relative_to(folder).as_posix(): p.read_bytes()
                     for p in folder.rglob("*") if p.is_file()})  # fmt: skip
    assert made[0] == made[1]
    assert any(name.startswith("tables/") for name in made[0])


@IN_FULL
@pytest.mark.parametrize("kind", ["coders", "gain"])
def test_calibration_is_that_of_one_process(kind, dask, tmp_path):
    options = {
        "coders": ["--studies", "4", "--cell", "2 coders, 12 subjects, 60 events, all coded"],
        "gain": ["--cohorts", "5"],
    }[kind]
    for out, how in (("one", ["--jobs", "1"]), ("many", ["--scheduler", dask.address])):
        given = ["calibrate", kind, *options, *how, "--quiet", "--out", str(tmp_path / out)]
        assert main(given) == 0
    (made,) = (tmp_path / "one").glob("*.csv")
    assert made.read_bytes() == (tmp_path / "many" / made.name).read_bytes()


def test_processes_end_with_a_killed_parent():
    script = (
        "import os\nfrom dask_cluster import slow\nfrom mebias.workers import as_done\n"
        "if __name__ == '__main__':\n"
        "    for _ in as_done(slow, [1, 2, 3, 4] * 50, 2, 0.2):\n        print('on', flush=True)\n"
    )
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path}, start_new_session=True,
    ) as run:  # fmt: skip
        assert run.stdout.readline() == b"on\n"
        run.kill()
        run.wait()
        for _ in range(200):
            try:
                os.killpg(run.pid, 0)  # the session's other processes
            except ProcessLookupError:
                return
            time.sleep(0.1)
        os.killpg(run.pid, signal.SIGKILL)
        pytest.fail("workers went on without their parent")


@pytest.mark.parametrize("address", ["nonsense", "tcp://", "a b:1", "http://x:1", "", "h:123456"])
def test_an_address_that_is_none(address):
    with pytest.raises(OptionError, match="expected HOST:PORT or tcp://HOST:PORT"):
        check_jobs(address)


def test_jobs_and_a_scheduler_exclude_each_other(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["reselect", "4dme", "--jobs", "2", "--scheduler", "a:1"])
    assert caught.value.code == 2
    assert "not allowed with" in capsys.readouterr().err


def told(capsys, data, address):
    code = main(["reselect", "folder", "--root", str(data), "--scheduler", address, "--quiet",
                 "--out", str(data / "out")])  # fmt: skip
    assert code == 2
    assert not (data / "out").exists()
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_without_dask(capsys, data, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert 'pip install "mebias[cluster]"' in told(capsys, data, "127.0.0.1:1")


def test_nobody_answers(capsys, data, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster_module, "CONNECT_S", 1.0)
    assert "no Dask scheduler answers at 127.0.0.1:1 " in told(capsys, data, "127.0.0.1:1")


def test_workers_of_another_version(capsys, data, dask, monkeypatch):
    own = cluster_module.versions() | {"numpy": "1.2.3"}
    real = cluster_module.versions
    monkeypatch.setattr(cluster_module, "versions", lambda: own)
    monkeypatch.setattr("distributed.Client.run", lambda *_: {"tcp://w": real()})
    line = told(capsys, data, dask.address)
    assert f"numpy {real()['numpy']}, here 1.2.3" in line
    assert "install the same versions" in line


def test_a_cluster_trains_on_cpus(dask):
    maps = np.zeros((4, 1, 3, 28, 28), np.float32)
    folds = [(np.array([0, 1]), np.array([2, 3]))]
    with pytest.raises(OptionError, match="a cluster trains on CPUs"):
        train_folds("tiny", maps, [0, 1, 0, 1], folds, jobs=dask.address, device="cuda")


def test_a_cluster_that_goes_wrong(tmp_path, monkeypatch):
    """Without workers, with workers of several threads, and with a scheduler that ends amid."""
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster_module, "ALONE_S", 1.0)
    monkeypatch.setattr(cluster_module, "CONNECT_S", 2.0)
    with DaskCluster(tmp_path, workers=0) as bare:
        with pytest.raises(WorkerError, match="has had no worker for 1 seconds; start some with"):
            list(in_order(slow, [1, 2], bare.address, 0.0))
        bare.add_workers(1, nthreads=2)
        with pytest.raises(WorkerError, match="start them with --nthreads 1"):
            list(in_order(slow, [1, 2], bare.address, 0.0))
        bare.end_workers()
        bare.add_workers(1)
        threading.Timer(1.0, bare.scheduler.kill).start()
        with pytest.raises(WorkerError, match="is gone; start it again, then run the same command"):
            list(in_order(slow, list(range(100)), bare.address, 0.3))


SCRIPTS = {
    "unguarded": """
import mebias
print("begun")
cohort = mebias.simulate("4dme", n_subjects=4, n_clips=4, size=(32, 32))
print(len(mebias.reselect(cohort, jobs=2)))
""",
    "a rule of its own": """
import mebias
from mebias.selection.rules import Windows

def mine(onset, apex, offset):
    return Windows((onset, onset + 1), (apex - 1, apex + 1), (offset - 1, offset))

if __name__ == "__main__":
    print("begun")
    cohort = mebias.simulate("4dme", n_subjects=4, n_clips=4, size=(32, 32))
    print(len(mebias.reselect(cohort, mine, jobs=2)))
""",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_workers_do_not_begin_a_script_anew(tmp_path, name):
    script = tmp_path / "script.py"
    script.write_text(SCRIPTS[name], encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.stdout.split(), done.stderr) == (["begun", "12"], "")
