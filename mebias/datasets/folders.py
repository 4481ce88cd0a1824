"""Clips that are folders, without any table: the names say subject, clip and emotion."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from mebias.datasets.frames import FolderFrames, folders_below, subfolders
from mebias.datasets.workbook import Row, Table
from mebias.errors import DataRootError
from mebias.manifests import AnnotationFile

_FIELD = re.compile(r"\{(\w+)\}|\*")


def folder_table(root: Path, annotation: AnnotationFile) -> Table | None:
    """A table made of clip folders: onset is the first frame on disk, offset the last.

    Parameters
    ----------
    root : Path
        Data root; the pattern may begin there or up to two levels below.
    annotation : AnnotationFile
        Its ``folders`` is a pattern such as ``HS/{subject}/micro/{emotion}/{clip}``.

    Returns
    -------
    Table or None
        None where no folder fits.

    Raises
    ------
    DataRootError
        Folders fit, and none holds an image.
    """
    found: dict[str, dict[str, str]] = {}
    for base in folders_below(root):
        found = dict(_walk(root, base, annotation.folders.split("/"), {}))
        if found:
            break
    if not found:
        return None
    names = list(dict.fromkeys(name for fields in found.values() for name in fields))
    columns = [*names, "onset", "offset", "frames"]
    rows: list[Row] = []
    places = {}
    frames = FolderFrames(root, {folder: folder for folder in found})
    for number, (folder, fields) in enumerate(sorted(found.items()), start=1):
        numbers = frames.numbers(folder)
        if len(numbers):
            ends = (int(numbers[0]), int(numbers[-1]))
            rows.append((number, (*(fields[name] for name in names), *ends, folder)))
            places[number] = f"folder {folder}"
    if not rows:
        raise DataRootError(
            f"{root} has folders of {annotation.version}, such as {next(iter(found))}, but none "
            f"holds an image; unpack the images there."
        )
    return Table(
        file=annotation.folders,
        sheet="",
        header_row=0,
        columns={name: (place, name) for place, name in enumerate(columns)},
        rows=tuple(rows),
        headers=tuple(columns),
        places=places,
    )


def _walk(
    root: Path, folder: str, segments: list[str], fields: dict[str, str]
) -> Iterator[tuple[str, dict[str, str]]]:
    if not segments:
        yield folder, fields
        return
    pattern, names = _compiled(segments[0])
    for name in subfolders(root / folder) if (root / folder).is_dir() else ():
        match = pattern.fullmatch(name)
        if match:
            inside = f"{folder}/{name}".strip("/")
            more = dict(zip(names, match.groups(), strict=True))
            yield from _walk(root, inside, segments[1:], fields | more)


def _compiled(segment: str) -> tuple[re.Pattern[str], list[str]]:
    names = [match.group(1) for match in _FIELD.finditer(segment) if match.group(1)]
    parts = _FIELD.split(segment)
    text = "".join(
        re.escape(part) if place % 2 == 0 else ("(.+)" if part else ".*")
        for place, part in enumerate(parts)
    )
    return re.compile(text, re.IGNORECASE), names
