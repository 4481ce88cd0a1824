"""What a result came from, without when, where or by whom: same inputs, same bytes."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from mebias.reading import open_plain

_PACKAGES = (
    "numpy",
    "scipy",
    "pandas",
    "statsmodels",
    "matplotlib",
    "seaborn",
    "opencv-python-headless",
    "torch",
)


def version() -> str:
    """The installed version of mebias."""
    return metadata.version("mebias")


def versions() -> dict[str, str]:
    """Versions of mebias, Python and the installed packages that numbers depend on."""
    found = {"mebias": version(), "python": platform.python_version()}
    for package in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def file_hash(path: Path) -> str:
    """SHA-256 of a file, read in blocks.

    >>> import tempfile, pathlib
    >>> p = pathlib.Path(tempfile.mkdtemp()) / "a"
    >>> _ = p.write_bytes(b"")
    >>> file_hash(p)[:8]
    'e3b0c442'
    """
    digest = hashlib.sha256()
    with open_plain(path, most=None) as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def record(
    command: str, arguments: Mapping[str, object], cohorts: Mapping[str, Mapping[str, object]]
) -> dict[str, object]:
    """The provenance of one run, ready for JSON.

    Parameters
    ----------
    command : str
        What was run, such as ``report``.
    arguments : mapping
        Options that change results; never paths of this machine.
    cohorts : mapping
        Each cohort's `Cohort.settings` by dataset name: files with their hashes, or seed.
    """
    return {
        "command": command,
        "arguments": dict(arguments),
        "cohorts": {name: dict(settings) for name, settings in cohorts.items()},
        "versions": versions(),
    }
