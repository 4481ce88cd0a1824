"""Writing a folder whole or not at all: staged first, then moved, taken back if a move fails."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from mebias import provenance
from mebias.errors import OutputError

PREFIX = ".mebias-partial-"
RECORD = "provenance.json"
LAST = "report.html"
_FOLDERS = ("figures", "tables")


def prepare_output(out: Path) -> None:
    """Check, before any work, that a report can be written into a folder.

    Nothing is left behind; the folder itself is made when the report is written.

    Parameters
    ----------
    out : Path
        The folder; it need not exist.

    Raises
    ------
    OutputError
        A file stands in its place or in that of a parent, or the folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "new" / "report"
    >>> prepare_output(folder)
    >>> folder.exists()
    False
    """
    out = Path(out)
    with _refusing(out):
        there = _nearest(out)
        if not there.is_dir():
            raise OutputError(
                f"{there} is a file, but the output folder {out} needs a folder there; choose "
                f"another one with --out."
            )
        for name in (*_FOLDERS, LAST, RECORD):
            _refuse_wrong_kind(out / name, folder=name in _FOLDERS)
        Path(tempfile.mkdtemp(prefix=PREFIX, dir=there)).rmdir()


@contextlib.contextmanager
def staged(out: Path) -> Iterator[Path]:
    """A folder to write into, whose files take their places in ``out`` at the end.

    If the body or a move fails, ``out`` is as it was. Files of an earlier report (those its
    provenance names, and nobody has changed since) that are not written anew are removed, and
    what a killed run left unfinished, once all is in its place; all others are kept.

    Parameters
    ----------
    out : Path
        The folder; made with its parents if it is not there.

    Yields
    ------
    Path
        An empty folder on the same file system.

    Raises
    ------
    OutputError
        Something cannot be written.
    """
    prepare_output(out)
    made = _missing(out)
    with _refusing(out):
        done = False
        try:
            out.mkdir(parents=True, exist_ok=True)
            stage = Path(tempfile.mkdtemp(prefix=PREFIX, dir=out))
            try:
                (stage / "new").mkdir()
                yield stage / "new"
                _publish(stage / "new", stage / "old", out)
                done = True
                # What a killed run left may be the one copy of an earlier report until now.
                for left in set(out.glob(f"{PREFIX}*")) - {stage}:
                    shutil.rmtree(left, ignore_errors=True)
            finally:
                shutil.rmtree(stage, ignore_errors=True)
        finally:
            if not done:
                _remove_empty(made)


def file_names(folder: Path) -> list[str]:
    """Files below a folder, as relative names with ``/``, sorted."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def hashes(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """SHA-256 of files by relative name."""
    return {name: provenance.file_hash(folder / name) for name in names}


def _publish(new: Path, backup: Path, out: Path) -> None:
    """Move new files in and stale ones out; on a failure undo what was done."""
    names = sorted(file_names(new), key=lambda name: (name == LAST, name))
    stale = _stale(out, names)
    undo: list[tuple[Path, Path | None]] = []
    made: list[Path] = []
    try:
        for name in stale:
            _set_aside(out, backup, name, undo)
        for name in names:
            target = out / name
            if not target.parent.exists():
                target.parent.mkdir()
                made.append(target.parent)
            if target.exists() or target.is_symlink():
                _set_aside(out, backup, name, undo)
            os.replace(new / name, target)
            undo.append((target, None))
    except BaseException:
        for target, kept in reversed(undo):
            if kept is None:
                target.unlink(missing_ok=True)
            else:
                os.replace(kept, target)
        _remove_empty(made)
        raise
    _remove_empty([out / folder for folder in _FOLDERS])


def _set_aside(out: Path, backup: Path, name: str, undo: list[tuple[Path, Path | None]]) -> None:
    target, kept = out / name, backup / name
    if target.is_dir() and not target.is_symlink():
        raise IsADirectoryError(f"{target} is a folder")
    kept.parent.mkdir(parents=True, exist_ok=True)
    os.replace(target, kept)
    undo.append((target, kept))


def _stale(out: Path, names: Sequence[str]) -> list[str]:
    """Files that an earlier report wrote, as it wrote them, and this one does not."""
    found = []
    for name, digest in sorted(_earlier(out).items()):
        path = out / name
        ours = _inside(name) and name not in names and path.is_file() and not path.is_symlink()
        if ours and not path.parent.is_symlink() and provenance.file_hash(path) == digest:
            found.append(name)
    return found


def _earlier(out: Path) -> Mapping[str, str]:
    """Outputs that an earlier report's provenance names, with their hashes."""
    try:
        record = json.loads((out / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    outputs = record.get("outputs") if isinstance(record, dict) else None
    if not isinstance(outputs, dict):
        return {}
    return {str(name): str(digest) for name, digest in outputs.items()}


def _inside(name: str) -> bool:
    """Whether a name can be one of a report's files.

    >>> _inside("tables/a.csv"), _inside("../a.csv"), _inside("/a"), _inside("figures/../../a")
    (True, False, False, False)
    """
    parts = PurePosixPath(name).parts
    if not parts or "\\" in name or any(part in ("..", "/") for part in parts):
        return False
    return len(parts) == 1 or (len(parts) == 2 and parts[0] in _FOLDERS)


def _nearest(path: Path) -> Path:
    """The path itself or its nearest parent that exists."""
    for candidate in (path, *path.absolute().parents):
        if candidate.exists() or candidate.is_symlink():
            return candidate
    return path  # pragma: no cover - the root always exists


def _missing(out: Path) -> list[Path]:
    return [p for p in (out.absolute(), *out.absolute().parents) if not p.exists()]


def _remove_empty(folders: Sequence[Path]) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _refuse_wrong_kind(path: Path, *, folder: bool) -> None:
    if path.exists() and path.is_dir() != folder:
        found, wanted = ("a file", "a folder") if folder else ("a folder", "a file")
        raise OutputError(
            f"{path} is {found}, but a report needs {wanted} there; move it or choose another "
            f"folder with --out."
        )


@contextlib.contextmanager
def _refusing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise OutputError(
            f"the output folder {out} cannot be written ({why}); free space, change its "
            f"permissions or choose another one with --out."
        ) from error
