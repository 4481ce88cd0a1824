"""Folds in processes: one process per core, with one thread each."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from mebias.recognition.alone import train_alone
from mebias.recognition.jobs import Job, Maps, Scored
from mebias.workers import Jobs, Workers, check_jobs, cores

_NO_MAPS = np.empty((0, 1, 1, 1, 1), dtype=np.float32)


class FoldPool:
    """Processes that train folds, kept for several runs, since each takes seconds to start.

    A script that starts them needs the usual ``if __name__ == "__main__":``.

    Parameters
    ----------
    jobs : int or str, optional
        How many, or the address of a Dask scheduler, whose workers do it; the cores of this
        machine by default.

    Examples
    --------
    >>> with FoldPool(1) as pool:  # and train_folds(..., pool=pool), as often as needed
    ...     pool.jobs
    1
    """

    def __init__(self, jobs: Jobs | None = None) -> None:
        given = check_jobs(jobs or cores())
        self.cluster = given if isinstance(given, str) else ""
        self._folder = TemporaryDirectory(prefix="mebias-")
        self._numbers = count()
        self._workers = Workers(given)
        self.jobs = self._workers.size

    def __enter__(self) -> FoldPool:
        return self

    def __exit__(self, *error: object) -> None:
        self._workers.__exit__(*error)
        self._folder.cleanup()

    def train(self, job: Job, folds: Sequence[int]) -> Iterator[tuple[int, Scored]]:
        """Folds with their scores, as they are done."""
        if self.cluster:
            with Workers(self.cluster, job) as workers:
                done = workers.as_done(_work, folds)
                yield from ((folds[place], scored) for place, scored in done)
            return
        number = next(self._numbers)
        path = Path(self._folder.name) / str(number)
        try:
            np.save(path.with_suffix(".train.npy"), job.train_maps)
            if job.test_maps is not job.train_maps:
                np.save(path.with_suffix(".test.npy"), job.test_maps)
            light = replace(job, train_maps=_NO_MAPS, test_maps=_NO_MAPS)
            items = [(light, path, fold) for fold in folds]
            for place, scored in self._workers.as_done(_work_from_files, items):
                yield folds[place], scored
        finally:
            for file in path.parent.glob(f"{number}.*"):  # the maps of many runs fill a disk
                with suppress(OSError):  # Windows keeps what a worker still reads
                    file.unlink()


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


_held: list[tuple[object, Job, Maps]] = []
"""In a worker: the job that it works on, with its maps, and what that is known by."""


def _work(job: Job, fold: int) -> Scored:
    if not _held or _held[0][0] is not job:
        _held[:] = [(job, job, Maps(job))]
    return _trained(fold)


def _work_from_files(_: None, item: tuple[Job, Path, int]) -> Scored:
    light, path, fold = item
    if not _held or _held[0][0] != path:
        # copy-on-write: torch wants arrays that could be written to
        train = np.load(path.with_suffix(".train.npy"), mmap_mode="c", allow_pickle=False)
        other = path.with_suffix(".test.npy")
        test = np.load(other, mmap_mode="c", allow_pickle=False) if other.exists() else train
        job = replace(light, train_maps=train, test_maps=test)
        _held[:] = [(path, job, Maps(job))]
    return _trained(fold)


def _trained(fold: int) -> Scored:
    _, job, maps = _held[0]
    with one_thread(), steady(job.device):
        return train_alone(job, maps, fold)
