"""In turn, in processes or at once: ways to train folds, with the same results."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack
from typing import Literal

import torch

from mebias.errors import OptionError
from mebias.recognition.alone import train_alone
from mebias.recognition.at_once import train_at_once, why_alone
from mebias.recognition.fold_pool import FoldPool, can_send, one_thread, steady
from mebias.recognition.jobs import Job, Maps, Scored
from mebias.workers import Jobs, cores

Way = Literal["auto", "turn", "processes", "at once"]
AT_ONCE = 64
"""Most folds that train at once; a run that is killed loses no more."""


def find_device(device: str) -> str:
    """``auto`` as a GPU where there is one.

    Raises
    ------
    OptionError
        There is no such device.

    Examples
    --------
    >>> find_device("cpu")
    'cpu'
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        return device
    if device.split(":")[0] != "cuda":
        raise OptionError(f"device is {device!r}; expected auto, cpu or cuda.")
    if not torch.cuda.is_available():
        raise OptionError(f"device is {device!r}, but torch finds no GPU here; use cpu.")
    return device


def choose_way(way: Way, job: Job, jobs: int) -> Way:
    """The way that is taken, as asked for, or where that is open the faster one.

    Raises
    ------
    OptionError
        The way is unknown, or not open to this model.
    """
    if way == "auto":
        if job.device != "cpu":
            return "at once" if job.model.stacks else "turn"
        many = min(jobs, len(job.folds)) > 1
        return "processes" if many and can_send(job) else "turn"
    if way not in ("turn", "processes", "at once"):
        raise OptionError(f"way is {way!r}; expected auto, turn, processes or at once.")
    why = why_alone(job.start(0)) if way == "at once" else ""
    if why:
        raise OptionError(f"folds of {job.model.name} cannot train at once: {why}.")
    if way == "processes" and not can_send(job):
        raise OptionError(
            f"model {job.model.name} cannot be built in another process; define its function "
            f"in a module, or use way='turn'."
        )
    return way


def on_cluster(way: Way, device: str) -> tuple[Way, str]:
    """The way and the device where the workers of a cluster train.

    Raises
    ------
    OptionError
        Another one was asked for.

    Examples
    --------
    >>> on_cluster("auto", "auto")
    ('processes', 'cpu')
    """
    if way not in ("auto", "processes") or device not in ("auto", "cpu"):
        raise OptionError(
            f"folds cannot train on a cluster with way {way} and device {device}; a cluster trains "
            f"on CPUs: leave these out, or leave the scheduler out."
        )
    return "processes", "cpu"


def train_by(
    way: Way, job: Job, folds: Sequence[int], pool: FoldPool | None, jobs: Jobs | None
) -> Generator[tuple[int, Scored]]:
    """Train folds in a way that `choose_way` returned, and give each as it is done.

    At once, the folds of a chunk that is not complete are all trained: rounding depends on
    the company.
    """
    with ExitStack() as stack:
        stack.enter_context(steady(job.device))
        if way == "processes":
            if pool is None:
                asked = jobs or cores()
                several = asked if isinstance(asked, str) else min(asked, len(folds))
                pool = stack.enter_context(FoldPool(several))
            yield from pool.train(job, folds)
            return
        if job.device == "cpu":
            stack.enter_context(one_thread())
        maps = Maps(job)
        if way == "turn":
            for fold in folds:
                yield fold, train_alone(job, maps, fold)
            return
        for first in range(0, len(job.folds), AT_ONCE):
            chunk = range(first, min(first + AT_ONCE, len(job.folds)))
            if set(chunk) & set(folds):
                scored = zip(chunk, train_at_once(job, maps, chunk), strict=True)
                yield from ((fold, each) for fold, each in scored if fold in folds)
