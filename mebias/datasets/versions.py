"""Two versions of the same labels, read and paired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from mebias.datasets.alike import fold_labels
from mebias.datasets.annotations import clips_table, keyframes_table
from mebias.datasets.demographics import stated_groups
from mebias.datasets.entries import Entries, open_tables, read_entries
from mebias.datasets.identity import by_clip, clip_ids, refuse_repeats
from mebias.datasets.roots import name_matches
from mebias.datasets.status import judge
from mebias.datasets.workbook import has_sheet
from mebias.errors import AnnotationError, DataRootError, counted, listed
from mebias.manifests import FOLDER, AnnotationFile, Manifest, known_manifests
from mebias.provenance import file_hash

Tables = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame, dict[str, object]]


def read_versions(old: Path, new: Path, manifest: Manifest) -> Tables:
    r"""Read two versions of the labels of one dataset and pair them.

    Rows are paired as the manifest says: by position, after checking subject and file name
    on every row, or else by clip id. Paired by position, both versions carry the ids of
    the manifest's earlier version, so that a revised onset keeps its id.

    Parameters
    ----------
    old, new : Path
        Annotation tables: the authors' workbooks, or CSVs in the layout of ``folder``.
    manifest : Manifest
        Whose tables they are.

    Returns
    -------
    old_clips, old_keyframes, new_clips, new_keyframes : DataFrame
        Clips and keyframes tables, as declared in `mebias.tables`; clips of one version
        only are in them too.
    info : dict
        JSON types only: ``dataset``, ``pairing`` (row or key), ``versions`` (names of the
        old and the new one), ``files`` (SHA-256 by file name), ``only_old`` and
        ``only_new`` (clips of one version only), ``issues`` (rows of the issues table).

    Raises
    ------
    DataRootError
        A file is missing; the message says where to ask for it.
    AnnotationError
        The same file twice, a table that cannot be read, or rows that do not pair.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from mebias.manifests import get_manifest
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> old, new = folder / "first.csv", folder / "second.csv"
    >>> header = "clip,subject,onset,apex,offset,fps\n"
    >>> _ = old.write_text(header + "c1,s1,3,8,15,100\n")
    >>> _ = new.write_text(header + "c1,s1,3,9,15,100\n")
    >>> *_, keyframes, info = read_versions(old, new, get_manifest("folder"))
    >>> keyframes["frame"].tolist(), info["pairing"], info["versions"]
    ([3.0, 9.0, 15.0], 'key', ['first', 'second'])
    """
    for path in (old, new):
        _refuse_missing(path, manifest)
    one, two = _read(old, manifest), _read(new, manifest)
    hashes = [file_hash(old), file_hash(new)]
    if hashes[0] == hashes[1]:
        raise AnnotationError(
            f"{old.name} and {new.name} are the same file (equal in every byte); give the two "
            f"versions to compare."
        )
    by_row = one.annotation.pairing == two.annotation.pairing == "row"
    ids = _paired_by_row(one, two) if by_row else (clip_ids(one), clip_ids(two))
    for entries, own in zip((one, two), ids, strict=True):
        refuse_repeats(entries, own)
    only_old, only_new = _one_sided(one, two, *ids)
    names = _names(one, two, old, new)
    info: dict[str, object] = {
        "dataset": manifest.id,
        "pairing": "row" if by_row else "key",
        "versions": names,
        "files": _by_name((old, new), names, hashes),
        "only_old": only_old,
        "only_new": only_new,
        "issues": [*one.issues, *two.issues],
    }
    return *_tables(one, ids[0]), *_tables(two, ids[1]), info


def _refuse_missing(path: Path, manifest: Manifest) -> None:
    if path.is_file():
        return
    found = "is a folder, not a file" if path.is_dir() else "was not found"
    raise DataRootError(
        f"the label table {path.name} {found}: looked in {path.parent}; where to ask for it: "
        f"{manifest.request}."
    )


def _read(path: Path, manifest: Manifest) -> Entries:
    if manifest.id == FOLDER:
        _refuse_authors_table(path)
        return _opened(path, manifest, manifest.annotation())
    annotation = _recognized(path, manifest)
    if annotation is not None:
        return _opened(path, manifest, annotation)
    meant = [a for a in manifest.annotations if a.sheet and has_sheet(path, a.sheet)]
    annotation = meant[0] if meant else manifest.annotation()
    entries = _opened(path, manifest, annotation)
    entries.note(
        "note",
        f"{path.name} is not a known file name of {manifest.name}; it was read in the layout of "
        f"{next(iter(annotation.names), annotation.version)}.",
        "layout",
        found=path.name,
        expected=listed(f for a in manifest.annotations for f in a.names),
    )
    return entries


def _opened(path: Path, manifest: Manifest, annotation: AnnotationFile) -> Entries:
    opened = open_tables([("", path)], manifest, annotation)
    entries = read_entries(opened, manifest, annotation, manifest.id)
    fold_labels(entries)
    judge(entries, clip_ids(entries))
    return entries


def _refuse_authors_table(path: Path) -> None:
    for known in known_manifests().values():
        if known.id != FOLDER and _recognized(path, known):
            raise AnnotationError(
                f"{path.name} is a table of {known.name}, expected a table of one's own (layout "
                f"{FOLDER}); give --dataset {known.id}."
            )


def _recognized(path: Path, manifest: Manifest) -> AnnotationFile | None:
    return next((a for a in manifest.annotations if name_matches(path.name, a)), None)


def _paired_by_row(one: Entries, two: Entries) -> tuple[list[str], list[str]]:
    for a, b in zip(one.entries, two.entries, strict=False):
        for field, x, y in (("subject", a.session, b.session), ("clip", a.cell, b.cell)):
            if x != y:
                raise AnnotationError(
                    f"the versions do not pair row by row: {one.table.where(a.row, field)} says "
                    f"{x!r}, {two.table.where(b.row, field)} says {y!r}; give both tables in the "
                    f"order of their authors."
                )
    counts = len(one.entries), len(two.entries)
    if counts[0] != counts[1]:
        raise AnnotationError(
            f"the versions do not pair row by row: {one.table.file} has {counts[0]} rows, "
            f"{two.table.file} has {counts[1]}; give both tables as their authors publish them."
        )
    known = one.manifest.annotations
    first, second = one, two
    if known.index(two.annotation) < known.index(one.annotation):
        first, second = two, one
    own, ids = clip_ids(second), clip_ids(first)
    renamed = dict(zip(own, ids, strict=True))
    for issue in second.issues:
        issue["clip"] = renamed.get(str(issue["clip"]), issue["clip"])
    return ids, ids


def _one_sided(
    one: Entries, two: Entries, old_ids: Sequence[str], new_ids: Sequence[str]
) -> tuple[int, int]:
    old, new = by_clip(old_ids, one.entries), by_clip(new_ids, two.entries)
    for clip in old.keys() & new.keys():
        for name in ("subject", "fps"):
            x, y = old[clip].field(name), new[clip].field(name)
            if x != y:
                raise AnnotationError(
                    f"{one.table.where(old[clip].row, name)}, and "
                    f"{two.table.where(new[clip].row, name)}: clip {clip!r} has {x!r} and {y!r}, "
                    f"expected the same {name} in both versions; mend one."
                )
    only = [[c for c in a if c not in b] for a, b in ((old, new), (new, old))]
    for entries, clips, other in ((one, only[0], two), (two, only[1], one)):
        if clips:
            entries.note(
                "warning",
                f"{counted(len(clips), 'clip')} of {entries.table.file} not in "
                f"{other.table.file}, left out of the comparison: {listed(clips)}.",
                "layout",
                field="clip",
                found=len(clips),
                expected="every clip in both versions",
            )
    return len(only[0]), len(only[1])


def _names(one: Entries, two: Entries, old: Path, new: Path) -> list[str]:
    found = [_recognized(path, one.manifest) for path in (old, new)]
    known = [a.version for a in found if a is not None and one.manifest.id != FOLDER]
    for names in (known, [old.stem, new.stem]):
        if len(set(names)) == 2:
            return names
    return [f"{old.stem} (old)", f"{new.stem} (new)"]


def _by_name(
    paths: Sequence[Path], names: Sequence[str], hashes: Sequence[str]
) -> Mapping[str, str]:
    labels = [path.name for path in paths]
    if labels[0] == labels[1]:
        labels = [f"{path.name}: {name}" for path, name in zip(paths, names, strict=True)]
    return dict(zip(labels, hashes, strict=True))


def _tables(entries: Entries, ids: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    clips = clips_table(entries, ids)
    if entries.has("ethnicity"):
        clips = stated_groups(entries).add_to(clips)
    return clips, keyframes_table(entries, ids)
