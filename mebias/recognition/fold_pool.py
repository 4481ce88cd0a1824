"""Folds in processes: one process per core, with one thread each."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from multiprocessing import get_context, parent_process
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

import numpy as np
import torch

from mebias.recognition.alone import train_alone
from mebias.recognition.jobs import Job, Maps, Scored

_NO_MAPS = np.empty((0, 1, 1, 1, 1), dtype=np.float32)


class FoldPool:
    """Processes that train folds, kept for several runs, since each takes seconds to start.

    A script that starts them needs the usual ``if __name__ == "__main__":``.

    Parameters
    ----------
    jobs : int, optional
        How many; the cores of this machine by default.

    Examples
    --------
    >>> with FoldPool(1) as pool:  # and train_folds(..., pool=pool), as often as needed
    ...     pool.jobs
    1
    """

    def __init__(self, jobs: int | None = None) -> None:
        self.jobs = jobs or cores()
        self._folder = TemporaryDirectory(prefix="mebias-")
        self._numbers = count()
        # a fork of a process with running threads may hang
        self._pool = ProcessPoolExecutor(self.jobs, get_context("spawn"), _start)

    def __enter__(self) -> FoldPool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._folder.cleanup()

    def train(self, job: Job, folds: Sequence[int]) -> Iterator[tuple[int, Scored]]:
        """Folds with their scores, as they are done."""
        number = next(self._numbers)
        path = Path(self._folder.name) / str(number)
        np.save(path.with_suffix(".train.npy"), job.train_maps)
        if job.test_maps is not job.train_maps:
            np.save(path.with_suffix(".test.npy"), job.test_maps)
        light = replace(job, train_maps=_NO_MAPS, test_maps=_NO_MAPS)
        waiting: dict[Future[Scored], int] = {}
        try:
            waiting = {self._pool.submit(_work, light, path, fold): fold for fold in folds}
            for done in as_completed(waiting):
                yield waiting[done], done.result()
        finally:
            for future in waiting:
                future.cancel()


def cores() -> int:
    """Cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def can_send(job: Job) -> bool:
    """Whether another process can build the job's model."""
    try:
        pickle.dumps(job.model.build)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return True


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread within it, as in each process: sums then come in the same order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def steady(device: str) -> Iterator[None]:
    """On a GPU, sums in the same order each time: convolutions, attention, products.

    Where an operation has no such form, torch says so in a warning.
    """
    if device == "cpu":
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS needs for it
    cudnn: Any = torch.backends.cudnn
    filled: Any = torch.utils.deterministic
    strict, lenient = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    before = cudnn.deterministic, cudnn.benchmark, filled.fill_uninitialized_memory
    cudnn.deterministic, cudnn.benchmark, filled.fill_uninitialized_memory = True, False, False
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(strict, warn_only=lenient)
        cudnn.deterministic, cudnn.benchmark, filled.fill_uninitialized_memory = before


_held: dict[Path, tuple[Job, Maps]] = {}
"""The job that this process works on, with its maps."""


def _start() -> None:
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A process whose parent was killed would wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(light: Job, path: Path, fold: int) -> Scored:
    if path not in _held:
        _held.clear()
        # copy-on-write: torch wants arrays that could be written to
        train = np.load(path.with_suffix(".train.npy"), mmap_mode="c", allow_pickle=False)
        other = path.with_suffix(".test.npy")
        test = np.load(other, mmap_mode="c", allow_pickle=False) if other.exists() else train
        job = replace(light, train_maps=train, test_maps=test)
        _held[path] = job, Maps(job)
    with steady(light.device):
        return train_alone(*_held[path], fold)
