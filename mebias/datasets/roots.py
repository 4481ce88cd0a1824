"""Where a dataset lies on disk, and which of its annotation files is there."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from mebias.errors import DataRootError, listed
from mebias.manifests import FOLDER, AnnotationFile, Manifest, get_manifest, known_manifests
from mebias.provenance import file_hash

VARIABLE = "MEBIAS_DATA"
"""Environment variable that names the folder in which each dataset has a folder."""

_DEPTH = 2


def resolve_root(name: str | Path, root: Path | str | None = None) -> Path | None:
    """Where a dataset's files are: `root`, else ``$MEBIAS_DATA/<id>``, else None.

    A place that is named and wrong is an error, never a reason to fall back on a
    simulation.

    Raises
    ------
    DataRootError
        The place is missing, is not a folder or is empty.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "annotations.csv").write_text("clip")
    >>> resolve_root("folder", folder) == folder
    True
    """
    manifest = get_manifest(name)
    if root is not None:
        if not str(root).strip():
            raise DataRootError(f"the data root of {manifest.id} is an empty text; give a folder.")
        return check_root(Path(root), manifest)
    base = os.environ.get(VARIABLE, "")
    return check_root(Path(base) / manifest.id, manifest, f"${VARIABLE} is set: ") if base else None


def check_root(root: Path, manifest: Manifest, lead: str = "") -> Path:
    """The root itself, when it is a folder that holds something."""
    looked = f"expected a folder with {_looked_for(manifest)}"
    ask = f"where to ask for the data: {manifest.request}"
    if not root.exists():
        raise DataRootError(f"{lead}data root {root} does not exist; {looked}; {ask}.")
    if not root.is_dir():
        raise DataRootError(f"{lead}data root {root} is a file; {looked}; {ask}.")
    try:
        empty = not os.listdir(root)
    except OSError as error:
        raise DataRootError(
            f"{lead}data root {root} cannot be read ({error.strerror}); check its permissions."
        ) from None
    if empty:
        raise DataRootError(f"{lead}data root {root} is empty; {looked}; {ask}.")
    return root


def find_annotation(root: Path, manifest: Manifest, annotation: AnnotationFile) -> Path:
    """The annotation file of one version, at the root or up to two levels below it.

    Raises
    ------
    DataRootError
        No file of a known name, or several that differ.
    """
    found = _first_match(root, annotation)
    if found:
        _refuse_different(root, found)
        return found[0]
    others = [a.version for a in manifest.annotations if _first_match(root, a)]
    hint = f" (there is a file of version {listed(others)}: ask for that one)" if others else ""
    if manifest.id != FOLDER and (root / "annotations.csv").is_file():
        hint = f" (this is the layout of {FOLDER}: load it as {FOLDER})"
    seen = sorted(os.listdir(root))
    raise DataRootError(
        f"{root} holds no annotation file of {manifest.name}: looked for "
        f"{listed(annotation.files)} there and up to two levels below, found "
        f"{listed(seen)}{hint}; where to ask for the data: {manifest.request}."
    )


def name_matches(name: str, annotation: AnnotationFile) -> bool:
    """Whether a file name is one that this annotation file goes by."""
    return any(_fits(name, pattern) for pattern in annotation.files)


def _fits(name: str, pattern: str) -> bool:
    # Spreadsheet programs and macOS leave ~$ and ._ files beside the one that is meant.
    hidden = name.startswith((".", "~$"))
    return not hidden and fnmatch.fnmatchcase(name.casefold(), pattern.casefold())


def _first_match(root: Path, annotation: AnnotationFile) -> list[Path]:
    for pattern in annotation.files:
        for files in _levels(root):
            found = [file for file in files if _fits(file.name, pattern)]
            if found:
                return found
    return []


def _levels(root: Path) -> Iterator[list[Path]]:
    folders = [root]
    for _ in range(_DEPTH + 1):
        files: list[Path] = []
        below: list[Path] = []
        for folder in folders:
            with os.scandir(folder) as entries:
                for entry in sorted(entries, key=lambda e: e.name):
                    (below if entry.is_dir() else files).append(Path(entry.path))
        yield files
        folders = below


def _refuse_different(root: Path, found: list[Path]) -> None:
    if len(found) > 1 and len({file_hash(path) for path in found}) > 1:
        names = [path.relative_to(root).as_posix() for path in found]
        raise DataRootError(
            f"{root} holds several annotation files that differ: {listed(names)}; leave the one "
            f"that is meant."
        )


def _looked_for(manifest: Manifest) -> str:
    names = dict.fromkeys(a.files[0] for a in manifest.annotations)
    return " or ".join(names)


def datasets_table() -> pd.DataFrame:
    """What is known: one row per shipped dataset, and whether its data is at hand.

    ``data`` is ``found`` where ``$MEBIAS_DATA/<id>`` is a folder that holds something,
    ``simulated only`` where a cohort of the published shape can be made instead, else
    ``not found``.

    Examples
    --------
    >>> datasets_table()["id"].tolist()
    ['4dme', 'casme3', 'folder', 'samm']
    """
    rows = [
        {
            "id": m.id,
            "name": m.name,
            "clips": m.published.clips,
            "subjects": m.published.subjects,
            "fps": m.fps,
            "modality": m.modality,
            "license": m.license,
            "request": m.request,
            "data": _at_hand(m),
            "citation": m.citation,
        }
        for m in known_manifests().values()
    ]
    table = pd.DataFrame(rows)
    return table.astype({"clips": "float64", "subjects": "float64", "fps": "float64"})


def _at_hand(manifest: Manifest) -> str:
    base = os.environ.get(VARIABLE, "")
    folder = Path(base) / manifest.id
    if base and folder.is_dir() and any(folder.iterdir()):
        return "found"
    return "simulated only" if manifest.simulation else "not found"
