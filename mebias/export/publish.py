"""An export's folder: written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mebias import tables
from mebias.errors import OutputError, listed
from mebias.locking import hold, released

TABLE = "keyframes_export.csv"
_OWN = frozenset({"train", "test", TABLE, tables.MARKER})
_PREFIX = ".mebias-partial-"


@contextlib.contextmanager
def published(out: Path, root: Path) -> Iterator[tuple[Path, Path]]:
    """A folder to write into, which takes the place of ``out`` at the end.

    Parameters
    ----------
    out : Path
        Not there yet, empty, or an earlier export.
    root : Path
        The data root, which must not be touched.

    Yields
    ------
    (Path, Path)
        An empty folder beside ``out``, and ``out`` itself.

    Raises
    ------
    OutputError
        ``out`` holds something else, lies in the data root, or cannot be written.
    """
    out = Path(os.path.abspath(out))
    with released():
        _refuse_occupied(out, root.resolve())
        hold(out, beside=True)
        with _staged(out) as stage:
            yield stage, out


@contextlib.contextmanager
def _staged(out: Path) -> Iterator[Path]:
    partial: Path | None = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=out.parent))
        stage = partial / "new"
        stage.mkdir()
        yield stage
        _exchange(stage, out, partial / "old")
    except OSError as error:
        raise OutputError(
            f"the output folder {out} cannot be written ({error.strerror or error}); free space "
            f"or choose another folder."
        ) from None
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)


def _exchange(stage: Path, out: Path, old: Path) -> None:
    """Put the new folder in place of the old one, or leave the old one there."""
    if not out.exists():
        os.replace(stage, out)
        return
    os.replace(out, old)
    try:
        os.replace(stage, out)
    except BaseException:
        os.replace(old, out)
        raise


def _refuse_occupied(out: Path, root: Path) -> None:
    real = out.resolve()
    if real == root or real.is_relative_to(root) or root.is_relative_to(real):
        raise OutputError(
            f"the output folder {out} and the data root {root} lie in one another, where the "
            f"export would be taken for the authors' table; choose a folder outside of it."
        )
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise OutputError(f"{out} is no folder; choose another one with --out.")
    held = sorted(entry.name for entry in out.iterdir()) if out.exists() else []
    foreign = [name for name in held if name not in _OWN]
    if held and (foreign or TABLE not in held):
        raise OutputError(
            f"the output folder {out} holds something that is no earlier export "
            f"({listed(foreign or held)}); choose another folder."
        )
