"""A Dask scheduler and its workers, as processes of their own on this machine."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
OWN = {"OMP_NUM_THREADS": "1", "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s"}


class DaskCluster:
    """Started where it is entered; what it started is ended with it."""

    def __init__(self, folder, workers=2):
        self.folder, self.n_workers = folder, workers
        self.started = []

    def __enter__(self):
        self.scheduler = self._start(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
            "--scheduler-file", str(self.folder / "scheduler.json"),
        )  # fmt: skip
        with self._client() as client:
            self.address = client.scheduler.address
        if self.n_workers:
            self.add_workers(self.n_workers)
        return self

    def _client(self):
        import distributed

        return distributed.Client(
            scheduler_file=str(self.folder / "scheduler.json"), timeout=60, set_as_default=False
        )

    def add_workers(self, number, nthreads=1):
        self.workers = self._start(
            "worker", self.address, "--nworkers", str(number), "--nthreads", str(nthreads),
            "--no-dashboard", "--local-directory", str(self.folder),
        )  # fmt: skip
        with self._client() as client:
            client.wait_for_workers(number, timeout=60)

    def end_workers(self):
        os.killpg(self.workers.pid, signal.SIGKILL)
        self.workers.wait()
        with self._client() as client:
            while client.nthreads():
                time.sleep(0.1)

    def _start(self, kind, *options):
        log = (self.folder / f"{kind}.log").open("wb")
        path = os.pathsep.join([str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
        process = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{kind}", *options],
            stdout=log, stderr=log, env=os.environ | OWN | {"PYTHONPATH": path},
            start_new_session=True, cwd=self.folder,
        )  # fmt: skip
        log.close()
        self.started.append(process)
        return process

    def __exit__(self, *_):
        for process in reversed(self.started):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)  # its own session: workers too
                process.wait()


def slow(seconds, number):
    """A piece of work for a worker: sleep, then square."""
    time.sleep(seconds)
    return number * number


def worst(folder, number):
    """A piece of work that is the death of whoever tries it."""
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def deadly_once(folder, number):
    """A piece of work that is the death of the first worker who tries it."""
    mark = Path(folder) / f"tried-{number}"
    if number == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def greedy(_, number):
    """A piece of work that takes more memory than there is."""
    if number == 3:
        bytearray(2**60)
    return number
