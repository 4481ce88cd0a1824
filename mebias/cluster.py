"""Workers of a Dask cluster (the extra ``[cluster]``)."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any

from mebias.errors import OptionError, WorkerError, listed
from mebias.provenance import versions

CONNECT_S = 10.0
"""How long a scheduler may take to answer."""
ALONE_S = 60.0
"""How long a scheduler may be without any worker."""
_LOOK_S = 5.0
_CANCELLED = (CancelledError, asyncio.CancelledError)
_ADDRESS = re.compile(r"((tcp|tls)://)?[\w.\-\[\]:]+:\d{1,5}")
_SAME = ("mebias", "python", "numpy", "scipy", "pandas", "opencv-python-headless", "torch")
"""What decides over the last digits."""
KILLED = (
    "a worker was killed 3 times over the same piece of work, perhaps because memory ran out; use "
    "fewer workers, give them more memory, or look for what ends them."
)


class LostItemError(Exception):
    """The worker ended before its item was done."""


@dataclass(frozen=True)
class _Work:
    """What a worker does; Dask does not look into it."""

    function: Callable[[Any, Any], Any]
    item: Any


def _do(work: _Work, shared: Any) -> Any:
    return work.function(shared, work.item)


def check_address(address: str) -> str:
    """An address as Dask writes it.

    Raises
    ------
    OptionError
        It is none.

    Examples
    --------
    >>> check_address("10.0.0.1:8786")
    '10.0.0.1:8786'
    """
    if not _ADDRESS.fullmatch(address):
        raise OptionError(
            f"the scheduler's address is {address!r}; expected HOST:PORT or tcp://HOST:PORT, as "
            f"dask scheduler prints it."
        )
    return address


class Cluster:
    """A connection to a Dask scheduler whose workers are fit for the work.

    Parameters
    ----------
    address : str
    shared : object
        Sent to each worker once.

    Raises
    ------
    WorkerError
        Dask is not installed here; the scheduler does not answer, has no worker, or workers
        have other versions or several threads.
    """

    def __init__(self, address: str, shared: object) -> None:
        try:
            import distributed
        except ImportError:
            raise WorkerError(
                "the package distributed, which --scheduler needs, is not installed; run: pip "
                'install "mebias[cluster]", or use --jobs.'
            ) from None
        self.address = address
        self._distributed: Any = distributed
        self._shared = shared
        self._log = logging.getLogger("distributed.client")
        self._level = self._log.level
        self._log.setLevel(logging.CRITICAL)  # what it would say is told in one sentence
        try:
            self._client: Any = self._distributed.Client(
                address, timeout=CONNECT_S, set_as_default=False
            )
        except (OSError, ValueError) as error:
            self._log.setLevel(self._level)
            raise WorkerError(
                f"no Dask scheduler answers at {address} ({type(error).__name__}); start one with: "
                f"dask scheduler"
            ) from None
        try:
            self._await_workers()
            self._check_workers()
            self.size = len(self._workers())
            self._sent = self._send()
        except BaseException:
            self.close()
            raise

    def _workers(self) -> dict[str, int]:
        """Threads of each worker."""
        try:
            return dict(self._client.nthreads())
        except (OSError, TimeoutError, *_CANCELLED):
            raise WorkerError(self._gone()) from None

    def _await_workers(self) -> None:
        start = time.monotonic()
        while not self._workers():
            if time.monotonic() - start > ALONE_S:
                raise WorkerError(self._alone())
            time.sleep(0.5)

    def _alone(self) -> str:
        return (
            f"the Dask scheduler at {self.address} has had no worker for {ALONE_S:.0f} seconds; "
            f"start some with: dask worker {self.address} --nworkers auto --nthreads 1"
        )

    def _check_workers(self) -> None:
        threaded = [name for name, n in self._workers().items() if n > 1]
        if threaded:
            raise WorkerError(
                f"Dask workers with several threads ({listed(threaded, 3)}) cannot be used; start "
                f"them with --nthreads 1, and as many as there are cores."
            )
        own = versions()
        try:
            theirs = self._client.run(versions)
        except Exception as error:  # whatever an import on another machine ends with
            raise WorkerError(
                f"the Dask workers at {self.address} cannot run mebias ({type(error).__name__}: "
                f"{error}); install mebias {own['mebias']} where they run."
            ) from None
        for name, there in theirs.items():
            other = [f"{p} {there[p]}, here {own[p]}" for p in _SAME if there[p] != own[p]]
            if other:
                raise WorkerError(
                    f"the Dask worker {name} has {listed(other, 3)}; install the same versions "
                    f"there, for results depend on them."
                )

    def _send(self) -> Any:
        return self._client.scatter([self._shared], broadcast=True, hash=False)[0]

    def submit(self, function: Callable[[Any, Any], Any], item: Any) -> Any:
        """Have an item done."""
        return self._client.submit(_do, _Work(function, item), self._sent, pure=False)

    def wait(self, running: Sequence[Any]) -> Iterable[Any]:
        """Those that are done, at least one.

        Raises
        ------
        WorkerError
            The scheduler is gone, or has had no worker for a while.
        """
        alone_since = None
        while True:
            try:
                with self._client.as_current():
                    done: Iterable[Any] = self._distributed.wait(
                        running, timeout=_LOOK_S, return_when="FIRST_COMPLETED"
                    ).done
                return done
            except _CANCELLED:
                self._refuse_gone()
                return [future for future in running if future.done()] or running
            except TimeoutError:
                self._refuse_gone()
            now = time.monotonic()
            alone_since = None if self._workers() else alone_since or now
            if alone_since is not None and now - alone_since > ALONE_S:
                raise WorkerError(self._alone())

    def _refuse_gone(self) -> None:
        """Tell of a scheduler that has ended."""
        try:
            if self._client.status == "running":
                self._client.sync(self._client.scheduler.identity, callback_timeout=CONNECT_S)
                return
        except (OSError, TimeoutError, *_CANCELLED):
            pass
        raise WorkerError(self._gone())

    def _gone(self) -> str:
        return (
            f"the Dask scheduler at {self.address} is gone; start it again, then run the same "
            f"command again."
        )

    def result(self, future: Any) -> Any:
        """What was found."""
        try:
            return future.result(timeout=CONNECT_S * 6)
        except self._distributed.KilledWorker:
            raise WorkerError(KILLED) from None
        except (*_CANCELLED, TimeoutError):
            raise LostItemError from None

    def mend(self) -> None:
        """Send what is shared again: it may be lost with its workers."""
        self._await_workers()
        self._sent = self._send()

    def close(self) -> None:
        """Leave the cluster; it goes on."""
        self._client.close(timeout=CONNECT_S)
        self._log.setLevel(self._level)
