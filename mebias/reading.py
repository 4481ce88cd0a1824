"""Opening files that others made: plain files only, no larger than they may be, inside their root.

A folder that somebody sends may hold named pipes (reading one waits for ever), links to devices
(which never end) and links to anything else on this machine. What is refused here is an OSError
whose ``strerror`` says why, so that each reader's own sentence can name the file.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterable
from pathlib import Path

LINKS = "MEBIAS_LINKS"
"""Environment variable: ``follow`` allows links that lead out of a data root."""
MOST_BYTES = 2**28
"""Larger tables and images are not read: nobody's are."""
SMALL = 2**24
"""Larger JSON files of ours are not read."""

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


def open_plain(path: str | Path, most: int | None = MOST_BYTES) -> io.FileIO:
    """Open a plain file for reading.

    Parameters
    ----------
    path : str or Path
        Of a file; links are followed.
    most : int or None
        The most bytes that it may have; None for any number.

    Raises
    ------
    OSError
        It is not there, may not be read, is no plain file, or is too large.

    Examples
    --------
    >>> open_plain("/dev/zero")
    Traceback (most recent call last):
    OSError: [Errno 22] it is a device, not a file: '/dev/zero'
    """
    # Asked before it is opened: opening a device can set it going, opening a pipe waits.
    _refuse(os.stat(path), path, most)
    file = io.FileIO(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
    try:
        _refuse(os.fstat(file.fileno()), path, most)
    except OSError:
        file.close()
        raise
    return file


def read_plain(path: str | Path, most: int | None = MOST_BYTES) -> bytes:
    """The bytes of a plain file, as `open_plain` opens it.

    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a"
    >>> _ = path.write_bytes(b"12345")
    >>> read_plain(path)
    b'12345'
    """
    with open_plain(path, most) as file:
        return file.readall()


def folders_in(entries: Iterable[os.DirEntry[str]]) -> list[os.DirEntry[str]]:
    """Those entries that are folders, or links to folders, by name."""
    return sorted(filter(_is_folder, entries), key=lambda entry: entry.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def is_plain(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a file, or a link to one: no pipe, no device, no folder."""
    try:
        return entry.is_file()
    except OSError:
        return False


def _refuse(state: os.stat_result, path: str | Path, most: int | None) -> None:
    if not stat.S_ISREG(state.st_mode):
        kind = _KINDS.get(stat.S_IFMT(state.st_mode), "something else")
        code = errno.EISDIR if kind == "a folder" else errno.EINVAL
        raise OSError(code, f"it is {kind}, not a file", str(path))
    if most is not None and state.st_size > most:
        raise OSError(
            errno.EFBIG, f"it has {_size(state.st_size)}, expected at most {_size(most)}", str(path)
        )


def _size(count: int) -> str:
    for power, unit in ((30, "GiB"), (20, "MiB")):
        if count >= 2**power:
            return f"{count / 2**power:.3g} {unit}"
    return f"{count} bytes"


def leads_out(root: str | Path, path: str | Path) -> str:
    """Where a path really lies, if links take it out of a root; empty where they do not.

    Links are the user's own business where ``$MEBIAS_LINKS`` is ``follow``.

    >>> import tempfile, pathlib
    >>> root = pathlib.Path(tempfile.mkdtemp())
    >>> (root / "etc").symlink_to("/etc")
    >>> leads_out(root, root / "a" / "b"), leads_out(root, root / "etc" / "passwd")
    ('', '/etc/passwd')
    """
    if os.environ.get(LINKS) == "follow":
        return ""
    real, top = os.path.realpath(path), os.path.realpath(root)
    inside = real == top or real.startswith(top.rstrip(os.sep) + os.sep)
    return "" if inside else real


def out_of_root(name: str, where: str) -> str:
    """The sentence about a link that leads out of a data root."""
    return (
        f"{name} is a link that leads out of the data root, to {where}; copy what it leads to "
        f"into the root, or, if you made it yourself, allow such links with {LINKS}=follow."
    )
