"""Results of selection, kept by the content of what they rest on.

An entry's name is a hash of everything that its rows follow from: the frames, the labels, the
rule, the distance, the seed and the version of mebias. Entries are JSON with a checksum; one
that is damaged counts as missing. Nothing in an entry is ever run.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TypeGuard

from mebias.errors import CacheWarning
from mebias.provenance import version
from mebias.reading import SMALL, read_plain

Row = dict[str, object]
_FORMAT = "1"


class Cache:
    """A folder of results.

    Parameters
    ----------
    folder : Path
        Made at the first entry.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as name:
    ...     cache = Cache(Path(name))
    ...     key = cache.key("frames", "rule")
    ...     cache.put(key, [{"frame": 7}])
    ...     cache.get(key)
    [{'frame': 7}]
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def key(self, *about: str) -> str:
        """The name of what follows from these texts under this version."""
        text = "\0".join((_FORMAT, version(), *about))
        return hashlib.sha256(text.encode()).hexdigest()

    def get(self, key: str) -> list[Row] | None:
        """Rows that were kept; None where there are none, or a damaged entry."""
        try:
            data = read_plain(self._path(key), SMALL)
            checksum, _, text = data.decode("utf-8").partition("\n")
            if checksum != _checksum(text):
                return None
            rows = json.loads(text)
        except (OSError, ValueError, RecursionError):
            return None
        return rows if _are_rows(rows) else None

    def put(self, key: str, rows: Sequence[Row]) -> None:
        """Keep rows; a disk that is full or read-only costs a warning, not the run."""
        text = json.dumps([{k: _plain(v) for k, v in row.items()} for row in rows])
        path = self._path(key)
        written = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(
                "w", dir=path.parent, prefix=".", suffix=".part", delete=False, encoding="utf-8"
            ) as file:
                written = file.name
                file.write(f"{_checksum(text)}\n{text}")
            os.replace(written, path)
        except OSError as error:
            if written is not None:
                Path(written).unlink(missing_ok=True)
            warnings.warn(
                f"results cannot be kept in {self.folder} ({error.strerror}); they are computed "
                f"anew the next time.",
                CacheWarning,
                stacklevel=2,
            )

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"


def is_plain(rule: object) -> bool:
    """Whether all that a rule does follows from its text: one of ours, with plain parameters.

    A function of the user's own, or an object of theirs, may do something else tomorrow under
    the same name, even at the same address: its results are not kept.

    Examples
    --------
    >>> from mebias.selection.rules import get_rules
    >>> is_plain(get_rules("gamdss:0.2")[0]), is_plain(get_rules(lambda o, a, f: None)[0])
    (True, False)
    """
    if rule is None or isinstance(rule, str | bool | int | float):
        return True
    if isinstance(rule, tuple):
        return all(map(is_plain, rule))
    ours = is_dataclass(rule) and type(rule).__module__.startswith("mebias.")
    return ours and all(is_plain(getattr(rule, part.name)) for part in fields(rule))  # type: ignore[arg-type]


def _are_rows(found: object) -> TypeGuard[list[Row]]:
    """Whether what was read could have been put: somebody else may have written the entry."""
    return isinstance(found, list) and all(
        isinstance(row, dict)
        and all(
            value is None or isinstance(value, str | bool | int | float) for value in row.values()
        )
        for row in found
    )


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> object:
    item = getattr(value, "item", None)  # numpy's numbers
    return item() if callable(item) else value
