"""Where a dataset lies on disk, and which of its annotation files is there."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mebias.datasets.folders import folder_table
from mebias.datasets.workbook import has_sheet
from mebias.errors import DataRootError, listed
from mebias.manifests import FOLDER, AnnotationFile, Manifest, get_manifest, known_manifests
from mebias.provenance import file_hash
from mebias.reading import folders_in, is_plain, leads_out, out_of_root

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


@dataclass(frozen=True)
class Source:
    """Which annotation file of a dataset is read, and from where.

    ``paths`` are its parts and their files; empty where clip folders take the place of a
    table. ``note`` is a sentence where this is not the version that was asked for.
    """

    annotation: AnnotationFile
    paths: tuple[tuple[str, Path], ...]
    note: str = ""


def find_source(root: Path, manifest: Manifest, version: str | None = None) -> Source:
    """The annotation file of one version, at the root or up to two levels below it.

    Without a version the manifest's default is looked for, then the others in their order:
    where only another version is at hand, that one is read, with a note.

    Raises
    ------
    DataRootError
        No file of a known name, or several that differ.
    """
    source = _find_source(root, manifest, version)
    refuse_links(root, *(path for _, path in source.paths))
    return source


def refuse_links(root: Path, *paths: Path) -> None:
    """Refuse files that are links out of a data root.

    Raises
    ------
    DataRootError
        A path leads elsewhere; the message says where and how to allow it.
    """
    for path in paths:
        where = leads_out(root, path)
        if where:
            raise DataRootError(out_of_root(path.name, where))


def _find_source(root: Path, manifest: Manifest, version: str | None) -> Source:
    levels = Levels(root)
    annotation = manifest.annotation(version)
    found = _paths(levels, annotation)
    if found is not None:
        return Source(annotation, found)
    others = [(a, _paths(levels, a)) for a in manifest.annotations if a is not annotation]
    at_hand = [(a, paths) for a, paths in others if paths is not None]
    if version is None and at_hand:
        other, paths = at_hand[0]
        also = [a.version for a, _ in at_hand[1:]]
        more = f" (also there: {listed(also)})" if also else ""
        what = paths[0][1].name if paths else "clip folders without a table"
        return Source(
            other,
            paths,
            f"the labels of version {annotation.version} are not there, so version "
            f"{other.version} was read from {what}{more}; --labels asks for a version.",
        )
    names = [a.version for a, _ in at_hand]
    hint = f" (there is a file of version {listed(names)}: ask for that one)" if names else ""
    if manifest.id != FOLDER and (root / "annotations.csv").is_file():
        hint = f" (this is the layout of {FOLDER}: load it as {FOLDER})"
    seen = sorted(os.listdir(root))
    wanted = annotation.names or (annotation.folders,)
    raise DataRootError(
        f"{root} holds no annotation file of {manifest.name}: looked for "
        f"{listed(wanted)} there and up to two levels below, found "
        f"{listed(seen)}{hint}; where to ask for the data: {manifest.request}."
    )


def _paths(levels: Levels, annotation: AnnotationFile) -> tuple[tuple[str, Path], ...] | None:
    if annotation.folders:
        return () if folder_table(levels.root, annotation) is not None else None
    if annotation.parts:
        parts = []
        for part, names in annotation.parts.items():
            files = first_match(levels, names)
            if files:
                _refuse_different(levels.root, files)
                parts.append((part, files[0]))
        return tuple(parts) or None
    files = first_match(levels, annotation.files) or [
        path
        for path in first_match(levels, annotation.only_with_sheet)
        if has_sheet(path, annotation.sheet)
    ]
    if not files:
        return None
    _refuse_different(levels.root, files)
    return (("", files[0]),)


def name_matches(name: str, annotation: AnnotationFile) -> bool:
    """Whether a file name is one that this annotation file goes by."""
    return any(
        _fits(name, pattern) for own in annotation.names for pattern in (own, *_other_formats(own))
    )


def _fits(name: str, pattern: str) -> bool:
    # Spreadsheet programs and macOS leave ~$ and ._ files beside the one that is meant.
    hidden = name.startswith((".", "~$"))
    return not hidden and fnmatch.fnmatchcase(name.casefold(), pattern.casefold())


def first_match(levels: Levels, names: Iterable[str]) -> list[Path]:
    """The files at the first level that has any of the first name that is there.

    A table that was saved in another format (xlsx, xls, csv) counts where none has the
    name itself.
    """
    names = tuple(names)
    for patterns in (names, [other for name in names for other in _other_formats(name)]):
        for pattern in patterns:
            for files in levels:
                found = [file for file in files if _fits(file.name, pattern)]
                if found:
                    return found
    return []


def _other_formats(name: str) -> list[str]:
    stem, _, suffix = name.rpartition(".")
    formats = ("xlsx", "xls", "csv")
    return [f"{stem}.{other}" for other in formats if other != suffix] if suffix in formats else []


class Levels:
    """The files at a root and up to two levels below it, each folder listed once at most."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._files: list[list[Path]] = []
        self._folders = [root]

    def __iter__(self) -> Iterator[list[Path]]:
        for depth in range(_DEPTH + 1):
            if depth == len(self._files):
                self._descend()
            yield self._files[depth]

    def _descend(self) -> None:
        files: list[Path] = []
        below: list[Path] = []
        for folder in self._folders:
            try:
                with os.scandir(folder) as scanned:
                    entries = list(scanned)
            except OSError as error:
                raise DataRootError(
                    f"the folder {folder} cannot be listed ({error.strerror}); check its "
                    f"permissions."
                ) from None
            below += [Path(entry.path) for entry in folders_in(entries)]
            files += sorted(Path(entry.path) for entry in entries if is_plain(entry))
        self._files.append(files)
        self._folders = below


def _refuse_different(root: Path, found: list[Path]) -> None:
    if len(found) > 1 and len({file_hash(path) for path in found}) > 1:
        names = [path.relative_to(root).as_posix() for path in found]
        raise DataRootError(
            f"{root} holds several annotation files that differ: {listed(names)}; leave the one "
            f"that is meant."
        )


def _looked_for(manifest: Manifest) -> str:
    names = dict.fromkeys(next(iter(a.names), a.folders) for a in manifest.annotations)
    return " or ".join(names)


def datasets_table() -> pd.DataFrame:
    """What is known: one row per shipped dataset, and whether its data is at hand.

    ``data`` is ``found`` where ``$MEBIAS_DATA/<id>`` is a folder that holds something,
    ``simulated only`` where a cohort of the published shape can be made instead, else
    ``not found``.

    Examples
    --------
    >>> datasets_table()["id"].tolist()[:4]
    ['4dme', 'casme', 'casme2', 'casme3']
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
