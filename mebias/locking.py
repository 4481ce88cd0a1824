"""One run per output folder at a time: the second one is told so, a dead run's lock is taken over.

The lock is the operating system's, on a small file in the folder (`NAME`), and is gone with its
process, however that ended; a file that a killed run left behind means nothing. It holds across
processes and, where the file system passes locks on, as NFS does, across machines.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import IO, ParamSpec, TypeVar

from mebias.errors import OutputError

try:
    import fcntl
except ImportError:  # pragma: no cover - other systems have other locks; runs go on without
    fcntl = None  # type: ignore[assignment]

NAME = ".mebias-lock"
SCRATCH = ".mebias-scratch"
_BUSY = (errno.EACCES, errno.EAGAIN)

P = ParamSpec("P")
R = TypeVar("R")


@dataclass
class _Held:
    """A lock of this process: its open file, whose thread has it, the folders made for it."""

    path: Path
    file: IO[str]
    thread: int
    made: list[Path] = field(default_factory=list)
    scratch: Path | None = None


_HELD: dict[str, _Held] = {}
_GUARD = threading.RLock()


def hold(out: str | Path, *, beside: bool = False, name: str = "") -> None:
    """Lock an output folder until the call that asked for it ends (see `released`).

    Asking for a folder again in the same thread does nothing.

    Parameters
    ----------
    out : path
        Made if it is not there; taken away again with the lock if nothing was put there.
    beside : bool
        Put the lock beside the folder: for folders that are replaced as a whole.
    name : str
        Only runs of this name exclude each other: for folders that several kinds of runs fill.

    Raises
    ------
    OutputError
        Another run writes there, or the folder cannot be written.
    """
    folder = Path(os.path.realpath(out))
    file_name = f"{NAME}-{name}" if name else NAME
    path = folder.parent / f".{folder.name}{file_name}" if beside else folder / file_name
    with _GUARD:
        held = _HELD.get(str(path))
        if held is not None:
            if held.thread != threading.get_ident():
                raise OutputError(_busy(Path(out), f"process {os.getpid()}, another thread of it"))
            return
        made = [p for p in (path.parent, *path.parent.parents) if not p.exists()]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = _locked(path)
        except BlockingIOError as error:
            _remove_empty(made)
            raise OutputError(_busy(Path(out), str(error))) from None
        except OSError as error:
            _remove_empty(made)
            raise OutputError(
                f"the output folder {out} cannot be written ({error.strerror}); choose another "
                f"--out."
            ) from None
        _HELD[str(path)] = _Held(path, file, threading.get_ident(), made)


def scratch(out: str | Path) -> Path:
    """An empty folder in a locked one, for what is kept until the lock goes.

    What a killed run left in it is taken away.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    held = _HELD[str(Path(os.path.realpath(out)) / NAME)]
    held.scratch = held.path.with_name(SCRATCH)
    try:
        if held.scratch.is_symlink():
            held.scratch.unlink()
        shutil.rmtree(held.scratch, ignore_errors=True)
        held.scratch.mkdir()
    except OSError as error:
        raise OutputError(
            f"the output folder {out} cannot be written ({error.strerror}); free space, or choose "
            f"another --out."
        ) from None
    return held.scratch


def _locked(path: Path) -> IO[str]:
    """Open and lock the file, and say in it who has it.

    Raises
    ------
    BlockingIOError
        Another process has it; the text names that process.
    """
    while True:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
        file = os.fdopen(os.open(path, flags, 0o644), "r+", encoding="utf-8", errors="replace")
        try:
            if fcntl is not None:
                # Not flock: that of a killed run would live on in the workers that it forked.
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            whose = file.read(200).strip() or "another process"
            file.close()
            if error.errno in _BUSY:
                raise BlockingIOError(whose) from None
            if error.errno in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
                return path.open("r+", encoding="utf-8")  # no locks here: go on without
            raise
        if _is_at(file, path):
            _sign(file.fileno())
            return file
        file.close()  # its owner took the file away between our opening and our locking it


def _sign(descriptor: int) -> None:
    """Say in the file whose it is; on a full disk it stays unsigned."""
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)


def _is_at(file: IO[str], path: Path) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    own = os.fstat(file.fileno())
    return (own.st_dev, own.st_ino) == (there.st_dev, there.st_ino)


def _busy(out: Path, whose: str) -> str:
    return (
        f"the output folder {out} is being written by another run ({whose}); wait until it has "
        f"ended, or choose another one with --out."
    )


def _release(key: str) -> None:
    held = _HELD.pop(key)
    if held.scratch is not None:
        shutil.rmtree(held.scratch, ignore_errors=True)
    with contextlib.suppress(OSError):
        held.path.unlink()  # before the lock goes: whoever comes next makes a file of their own
    held.file.close()
    _remove_empty(held.made)


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


@contextlib.contextmanager
def released() -> Iterator[None]:
    """Let go at the end of all folders that were locked inside.

    >>> import tempfile
    >>> out = Path(tempfile.mkdtemp()) / "new" / "results"
    >>> with released():
    ...     hold(out)
    ...     print(sorted(p.name for p in out.iterdir()))
    ['.mebias-lock']
    >>> out.exists(), out.parent.exists()
    (False, False)
    """
    with _GUARD:
        before = set(_HELD)
    try:
        yield
    finally:
        with _GUARD:
            own = [k for k, h in _HELD.items() if h.thread == threading.get_ident()]
            for key in own:
                if key not in before:
                    _release(key)


def releasing(function: Callable[P, R]) -> Callable[P, R]:
    """A function that lets go, when it ends, of the folders that it locked."""

    @wraps(function)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        with released():
            return function(*args, **kwargs)

    return inner


def _forget() -> None:
    """In a forked worker: the locks are its parent's."""
    global _GUARD
    _HELD.clear()
    _GUARD = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
