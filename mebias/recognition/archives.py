"""Arrays from an ``.npz``: plain ones only, and no more of them than the file can hold.

Nothing in a file is ever run: arrays of objects (pickles) are refused by numpy.
"""

from __future__ import annotations

import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from io import BufferedReader
from lzma import LZMAError
from pathlib import Path
from typing import IO, Any

import numpy as np

from mebias.reading import open_plain

DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    LZMAError,
    struct.error,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    OSError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    ArithmeticError,
    MemoryError,
    tokenize.TokenError,
)
"""What a file that is no archive of plain arrays, or a damaged one, raises when it is read."""
UNSUSPECTED = 2**27
"""Up to this many bytes, nobody asks how few an archive was packed into."""
MOST_PACKED = 100
"""Larger archives that unpack to more than this many times their size are bombs."""


class TooLargeError(Exception):
    """Arrays that would not fit into memory, or an archive that is all promise."""


def read_arrays(
    path: Path, names: Sequence[str], most: int
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Arrays of an archive, and the names of all that it holds.

    Parameters
    ----------
    path : Path
        The archive.
    names : sequence of str
        The arrays to read, where they are there.
    most : int
        The most bytes that they may unpack to together.

    Raises
    ------
    TooLargeError
        They would unpack to more, or to more than a hundred times their size.
    Exception
        One of `DAMAGED`.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.npz"
    >>> np.savez(path, a=np.arange(3), b=np.zeros(2))
    >>> read_arrays(path, ["a", "c"], 1000)
    ({'a': array([0, 1, 2])}, ['a', 'b'])
    """
    with BufferedReader(open_plain(path, most=None)) as handle:
        _check_sizes(handle, names, most)
        handle.seek(0)
        with np.load(handle, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ValueError("it holds one array, without a name")
            return {name: file[name] for name in names if name in file.files}, list(file.files)


def _check_sizes(handle: IO[bytes], names: Sequence[str], most: int) -> None:
    """Refuse what would not fit into memory, before anything is unpacked.

    What an archive and what the header of an array say of their sizes is read, not believed:
    an array that says it is larger than its entry of the archive is damaged.
    """
    with zipfile.ZipFile(handle) as archive:
        entries = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        wanted = {name: info for name, info in entries.items() if name in names}
        total = sum(info.file_size for info in wanted.values())
        packed = sum(info.compress_size for info in wanted.values())
        if total > most:
            raise TooLargeError(
                f"unpacks to {total / 2**30:.1f} GiB; expected at most {most / 2**30:.0f}"
            )
        if total > UNSUSPECTED and total > MOST_PACKED * packed:
            raise TooLargeError(
                f"unpacks to {total / 2**20:,.0f} MiB, more than {MOST_PACKED} times what it is "
                f"packed into, as no maps do"
            )
        for name, info in wanted.items():
            with archive.open(info) as entry:
                claimed = _claimed_bytes(entry)
            if claimed > info.file_size:
                raise ValueError(
                    f"the header of {name!r} asks for {claimed / 2**20:,.0f} MiB, but its entry "
                    f"unpacks to {info.file_size / 2**20:,.0f}"
                )


def _claimed_bytes(entry: IO[bytes]) -> int:
    """Size of an array by its header; 0 for objects, which are refused when they are read."""
    version = np.lib.format.read_magic(entry)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else _read_header_2
    shape, _, dtype = read(entry)
    return 0 if dtype.hasobject else math.prod(shape) * int(dtype.itemsize)


def _read_header_2(entry: IO[bytes]) -> Any:
    return np.lib.format.read_array_header_2_0(entry)
