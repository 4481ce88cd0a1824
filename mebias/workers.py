"""Work spread over processes, or over a Dask cluster: same results, whoever does it.

A function is mapped over items. It gets what all items share, which each worker is sent once, and
one item. A worker that is killed is replaced and its items are done again; where the same item
ends its worker three times, that is told. Whoever asks for the work holds a few results at a time.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from typing import Any, TypeVar

from mebias.cluster import KILLED, Cluster, LostItemError, check_address
from mebias.errors import OptionError, WorkerError

Jobs = int | str
"""How many worker processes, or the address of a Dask scheduler (``tcp://host:8786``)."""
S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")
_STRIKES = 3
"""Workers that may end over the same item."""
_TOGETHER = 16
"""Most items that are sent at once."""


def check_jobs(jobs: Jobs) -> Jobs:
    """Refuse fewer than one process, and an address that is none.

    Raises
    ------
    OptionError
        It is neither a number from 1 nor an address.

    Examples
    --------
    >>> check_jobs(2), check_jobs("tcp://10.0.0.1:8786")
    (2, 'tcp://10.0.0.1:8786')
    """
    if isinstance(jobs, str):
        return check_address(jobs)
    if jobs < 1:
        raise OptionError(f"jobs is {jobs}; expected 1 or more.")
    return jobs


def cores() -> int:
    """Cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def count_workers(jobs: Jobs) -> int:
    """How many workers there are: those asked for, or those of the cluster now.

    Raises
    ------
    WorkerError
        The cluster does not answer.
    """
    if isinstance(jobs, int):
        return jobs
    with Workers(jobs) as workers:
        return workers.size


def in_order(
    function: Callable[[S, T], R], items: Sequence[T], jobs: Jobs, shared: S
) -> Iterator[R]:
    """Results in the order of the items.

    Parameters
    ----------
    function : callable
        Of what is shared and an item; defined in a module, for workers to find it.
    items : sequence
    jobs : int or str
        Processes (1: none beside this one), or the address of a scheduler.
    shared : object
        What every call needs.

    Examples
    --------
    >>> list(in_order(pow, [1, 2, 3], 1, 2))
    [2, 4, 8]
    """
    if jobs == 1 or not items:
        for item in items:
            yield function(shared, item)
        return
    with Workers(jobs, shared) as workers:
        chunk = min(_TOGETHER, max(1, len(items) // (8 * workers.size)))
        parts = [items[start : start + chunk] for start in range(0, len(items), chunk)]
        for found in _sorted(workers.as_done(_each, [(function, part) for part in parts])):
            yield from found


def as_done(
    function: Callable[[S, T], R], items: Sequence[T], jobs: Jobs, shared: S
) -> Iterator[tuple[T, R]]:
    """Items with their results, as they are done; otherwise as `in_order`."""
    if jobs == 1 or (len(items) < 2 and isinstance(jobs, int)):
        for item in items:
            yield item, function(shared, item)
        return
    with Workers(jobs, shared) as workers:
        for place, found in workers.as_done(function, items):
            yield items[place], found


class Workers:
    """Processes or a cluster, kept for several runs over what they share.

    Parameters
    ----------
    jobs : int or str
        Processes, or the address of a scheduler.
    shared : object
        Sent to each worker once.
    """

    def __init__(self, jobs: Jobs, shared: object = None) -> None:
        check_jobs(jobs)
        self._crew: _Processes | Cluster = (
            _Processes(jobs, shared) if isinstance(jobs, int) else Cluster(jobs, shared)
        )

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self._crew.close()

    @property
    def size(self) -> int:
        """How many work."""
        return self._crew.size

    def as_done(
        self, function: Callable[[Any, T], R], items: Sequence[T]
    ) -> Iterator[tuple[int, R]]:
        """Places of items with their results, as they are done.

        Raises
        ------
        WorkerError
            Out of memory, or the same item ended its worker three times.
        """
        waiting = deque(enumerate(items))
        running: dict[Any, tuple[int, T]] = {}
        strikes: Counter[int] = Counter()
        try:
            while waiting or running:
                while waiting and len(running) < 2 * self.size:
                    work = waiting.popleft()
                    running[self._crew.submit(function, work[1])] = work
                lost = []
                for future in self._crew.wait(list(running)):
                    place, item = running.pop(future)
                    try:
                        result: R = self._crew.result(future)
                    except LostItemError:
                        lost.append((place, item))
                    except MemoryError:
                        raise WorkerError(_NO_MEMORY) from None
                    else:
                        yield place, result
                if lost:
                    strikes.update(place for place, _ in lost)
                    if max(strikes.values()) >= _STRIKES:
                        raise WorkerError(KILLED)
                    self._crew.mend()
                    waiting.extendleft(sorted(lost, key=lambda work: -work[0]))
        finally:
            for future in running:
                future.cancel()


_NO_MEMORY = (
    "a worker ran out of memory; use fewer workers, smaller frames (--boxes, --crop), or a machine "
    "with more memory."
)


def _sorted(found: Iterable[tuple[int, R]]) -> Iterator[R]:
    """Results by place; those that come early wait."""
    early: dict[int, R] = {}
    expected = 0
    for place, result in found:
        early[place] = result
        while expected in early:
            yield early.pop(expected)
            expected += 1


def _each(shared: S, part: tuple[Callable[[S, T], R], Sequence[T]]) -> list[R]:
    function, items = part
    return [function(shared, item) for item in items]


class _Processes:
    """Processes of this machine, replaced when one is killed."""

    def __init__(self, size: int, shared: object) -> None:
        self.size = size
        self._shared = shared
        self._script_needed: bool | None = None
        self._pool = self._started()

    def _started(self) -> ProcessPoolExecutor:
        # a fork of a process with running threads may hang
        return ProcessPoolExecutor(self.size, get_context("spawn"), _start, (self._shared,))

    def submit(self, function: Callable[[Any, T], R], item: T) -> Future[R]:
        """Have an item done."""
        if self._script_needed is None:
            self._script_needed = _is_of_script((self._shared, function, item))
        try:
            if self._script_needed:
                return self._pool.submit(_call, function, item)
            with _script_left_out():  # any of them may start a process
                return self._pool.submit(_call, function, item)
        except BrokenProcessPool as error:  # told where its result is asked for
            broken: Future[R] = Future()
            broken.set_exception(error)
            return broken

    def wait(self, running: Sequence[Future[R]]) -> Iterable[Future[R]]:
        """Those that are done, at least one; all of them where a process was killed."""
        done, others = wait(running, return_when=FIRST_COMPLETED)
        if any(isinstance(future.exception(), BrokenProcessPool) for future in done):
            done |= wait(others).done
        return done

    def result(self, future: Future[R]) -> R:
        """What was found."""
        try:
            return future.result()
        except BrokenProcessPool:
            raise LostItemError from None

    def mend(self) -> None:
        """Start anew."""
        self._pool.shutdown(cancel_futures=True)
        self._pool = self._started()

    def close(self) -> None:
        """Let the processes end."""
        self._pool.shutdown(cancel_futures=True)


@contextmanager
def _script_left_out() -> Iterator[None]:
    """Processes that start meanwhile do not run the user's script anew.

    Without this a script whose calls do not stand under ``if __name__ == "__main__"`` would
    begin again in each of them.
    """
    script = sys.modules["__main__"]
    named = getattr(script, "__file__", None)
    if named is None or getattr(script, "__spec__", None) is not None:
        yield
        return
    del script.__file__
    try:
        yield
    finally:
        script.__file__ = named


def _is_of_script(sent: object) -> bool:
    """Whether something that the script defines, such as a rule, is sent; arrays are not read."""
    return b"__main__" in pickle.dumps(sent, protocol=5, buffer_callback=lambda _: None)


_shared: Any = None
"""In a worker process: what all items share."""


def _start(shared: object) -> None:
    global _shared
    _shared = shared
    os.environ["OMP_NUM_THREADS"] = "1"  # one process per core: what is loaded later heeds it
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A process whose parent was killed would wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _call(function: Callable[[Any, T], R], item: T) -> R:
    return function(_shared, item)
