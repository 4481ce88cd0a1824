"""From a folder on disk to a cohort."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from mebias import tables
from mebias.cohort import Cohort, FrameSource
from mebias.datasets.alike import fold_labels, note_alike, refuse_shared
from mebias.datasets.annotations import cells_table, checked_fps, clips_table, keyframes_table
from mebias.datasets.blinks import read_blinks
from mebias.datasets.demographics import Groups, published_group, read_groups, stated_groups
from mebias.datasets.entries import Entries, open_tables, read_entries
from mebias.datasets.errata import apply_errata, errata_path, note_unapplied, read_errata
from mebias.datasets.folders import folder_table
from mebias.datasets.frames import FolderFrames, Place, Several, below_root, find_videos, renumbered
from mebias.datasets.identity import by_clip, clip_ids, refuse_repeats
from mebias.datasets.marker import read_simulation
from mebias.datasets.on_disk import counted
from mebias.datasets.roots import VARIABLE, Source, find_source, resolve_root
from mebias.datasets.status import judge
from mebias.datasets.workbook import Table
from mebias.errors import DataRootError, listed
from mebias.manifests import Manifest, get_manifest
from mebias.provenance import file_hash

Row = dict[str, object]
_FOLDERS = 12


@dataclass(frozen=True)
class _Look:
    """How the frames are looked at: where they come from and what is done to them."""

    context: Path | None
    crops: Path | None
    boxes: Path | None
    crop: str | None
    mask: str | None


def load(
    name: str | Path,
    root: Path | str | None = None,
    *,
    ethnicity: Path | str | None = None,
    fps: float | None = None,
    version: str | None = None,
    errata: bool | Path | str | None = None,
    context: Path | str | None = None,
    crops: Path | str | None = None,
    boxes: Path | str | None = None,
    crop: str | None = None,
    mask: str | None = None,
) -> Cohort:
    r"""Load a dataset from disk as its authors hand it out, or a folder of one's own.

    Parameters
    ----------
    name : str or Path
        Dataset id, ``folder``, or a manifest file that ends in ``.toml``.
    root : Path or str, optional
        Folder that holds the annotation file (there or up to two levels below) and, where
        they are at hand, the frames; ``$MEBIAS_DATA/<id>`` where it is not given.
    ethnicity : Path or str, optional
        CSV with the columns subject and ethnicity, optionally dataset and further columns,
        which become columns of the clips; overrides a column of the table.
    fps : float, optional
        Frames per second; overrides the manifest and the table.
    version : str, optional
        Version of the annotations. Where it is not given: the manifest's default, else the
        one that is at hand, with a note.
    errata : bool or path, optional
        True applies the corrections that come with mebias, a path those of a CSV (clip,
        keyframe, old, new, reason, source). Without it nothing is corrected.
    context : Path or str, optional
        Root of the untrimmed recordings of cut clips: frames are then read from there.
    crops : Path or str, optional
        Root of cropped frames in the same layout, read instead of those below ``root``.
    boxes : Path or str, optional
        CSV with clip, x, y, w, h: the frames of a clip are cut to its box.
    crop : {"auto"}, optional
        One box per clip, found in its first frame by OpenCV's frontal face cascade.
    mask : {"eyes", "mouth"}, optional
        Blanks the eyes, or all but the mouth.

    Returns
    -------
    Cohort
        What could not be taken as it stands is in its issues; nothing is repaired unless
        ``errata`` asks for it.

    Raises
    ------
    DataRootError
        No root is set, or it is missing, is empty or holds no annotation file of this
        dataset.
    AnnotationError
        The table cannot be read as it stands.
    OptionError
        No frame rate is known, or an option has no meaning here.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> root = pathlib.Path(tempfile.mkdtemp())
    >>> text = "clip,subject,onset,apex,offset,fps\nc1,s1,3,8,15,100\n"
    >>> _ = (root / "annotations.csv").write_text(text)
    >>> load("folder", root)
    Cohort(folder: 1 clip, 1 subject, groups unknown, annotations only)
    """
    manifest = get_manifest(name)
    fps = checked_fps(fps)
    place = _root(name, root)
    simulation = read_simulation(place)
    dataset = simulation.dataset if simulation else manifest.id
    source = find_source(place, manifest, version)
    found = _read(place, manifest, source, dataset)
    corrections = _corrected(found, errata)
    judge(found, found.ids)
    clips = clips_table(found, found.ids, fps)
    keyframes = keyframes_table(found, found.ids)
    groups = _groups(found, _path(ethnicity))
    clips = groups.add_to(clips)
    look = _Look(_path(context), _path(crops), _path(boxes), crop, mask)
    seen = find_frames(place, found, clips, keyframes, look)
    settings: dict[str, object] = {
        "simulated": tables.is_simulated(dataset),
        "dataset": manifest.id,
        "version": source.annotation.version,
        "files": {p.relative_to(place).as_posix(): file_hash(p) for _, p in source.paths},
        "fps": fps or source.annotation.fps or manifest.fps or "per clip",
        "ethnicity": groups.settings,
        "errata": corrections,
        "frames": seen.settings,
    }
    cohort = Cohort(
        manifest,
        seen.clips,
        keyframes,
        tables.from_rows([*found.issues, *groups.issues, *seen.issues], "issues"),
        seen.frames,
        settings=settings,
        root=place,
        cells=cells_table(found, found.ids, place),
        blinks=read_blinks(place, manifest),
        boxes=seen.boxes,
    )
    if simulation is None:
        return cohort
    return replace(
        cohort,
        truth=simulation.truth,
        planted=simulation.planted,
        settings={**settings, "simulation": dict(simulation.settings)},
    )


def _path(given: Path | str | None) -> Path | None:
    return Path(given) if given is not None else None


def _root(name: str | Path, root: Path | str | None) -> Path:
    found = resolve_root(name, root)
    if found is None:
        raise DataRootError(
            f"no data root is set for {name}; give root, or set ${VARIABLE} to a folder that holds "
            f"it (a simulated cohort: mebias.simulate)."
        )
    return found


def _read(root: Path, manifest: Manifest, source: Source, dataset: str) -> Entries:
    annotation = source.annotation
    if annotation.folders:
        made = folder_table(root, annotation)
        opened: tuple[Table, ...] = (made,) if made is not None else ()
    else:
        opened = open_tables(source.paths, manifest, annotation)
    found = read_entries(opened, manifest, annotation, dataset)
    fold_labels(found)
    if source.note:
        found.note("note", source.note[0].upper() + source.note[1:], "version", field="version")
    absent = set(annotation.parts) - {part for part, _ in source.paths}
    if absent:
        found.note(
            "warning",
            f"the parts {listed(sorted(absent))} of the labels are not there; what follows is "
            f"about {listed(part for part, _ in source.paths)} only.",
            "version",
            field="part",
            found=listed(part for part, _ in source.paths),
            expected=listed(annotation.parts),
        )
    refuse_repeats(found, clip_ids(found))
    note_alike(found, found.ids)
    return found


def _corrected(found: Entries, errata: bool | Path | str | None) -> dict[str, object]:
    path = errata_path(errata, found.manifest)
    if path is None:
        note_unapplied(found, found.ids)
        return {}
    corrections = read_errata(path, found.annotation.version)
    return apply_errata(found, found.ids, corrections, path)


def _groups(found: Entries, path: Path | None) -> Groups:
    if path is not None:
        return read_groups(path, found)
    if found.has("ethnicity"):
        return stated_groups(found)
    return published_group(found)


@dataclass(frozen=True)
class _Seen:
    """What was found of the frames."""

    frames: FrameSource | None
    clips: pd.DataFrame
    issues: list[Row]
    settings: Mapping[str, object]
    boxes: pd.DataFrame | None = None


def find_frames(
    root: Path, found: Entries, clips: pd.DataFrame, keyframes: pd.DataFrame, look: _Look
) -> _Seen:
    """The frames of the clips, from wherever they are asked for, and what does not fit."""
    places = {
        clip: Place(
            {**entry.texts, "subject": entry.subject, "session": entry.session, "clip": entry.cell},
            entry.texts.get("frames", ""),
        )
        for clip, entry in by_clip(found.ids, found.entries).items()
    }
    patterns = found.annotation.frames or found.manifest.frames
    if look.crops is not None:
        patterns, places = _below_crops(patterns, places)
    patterns = below_root(look.crops or root, patterns, places)
    frames = FolderFrames.find(look.crops or root, patterns, places)
    refuse_shared(found, found.ids, frames.folders)
    shifts, issues = renumbered(frames, clips, keyframes)
    frames.shifts.update(shifts)
    source: FrameSource = frames
    base = found.manifest.index_base
    videos = find_videos(look.crops or root, patterns, places, 1 if base is None else base)
    if videos.folders:
        source = Several([frames, videos])
    settings: dict[str, object] = {"from": "crops" if look.crops else "as stored"}
    settings |= _whence(source)
    if look.context is not None:
        from mebias.datasets.context import link_context

        linked = link_context(look.context, found.manifest, clips, places, source, keyframes)
        source, issues = linked.frames, [*issues, *linked.issues]
        settings["context"] = f"{len(linked.links)} clips linked to their recordings"
    clips, noticed = counted(source, clips, keyframes, found.dataset)
    if not clips["n_frames"].any():
        return _no_frames(found, clips, patterns, look, issues)
    boxes = None
    if look.boxes or look.crop or look.mask:
        from mebias.datasets.crops import prepare

        prepared = prepare(
            source, clips, boxes=look.boxes, crop=look.crop, mask=look.mask, keyframes=keyframes
        )
        source, issues = prepared.frames, [*issues, *prepared.issues]
        settings["prepared"] = prepared.description
        boxes = prepared.boxes
    return _Seen(source, clips, [*issues, *noticed], settings, boxes)


def _whence(frames: FrameSource) -> dict[str, object]:
    """Which folders frames are from, and what a file of them is called.

    Authors tell raw, cropped and registered frames apart by these names.
    """
    folders = getattr(frames, "folders", {})
    tops = Counter(folder.partition("/")[0] for folder in folders.values())
    found: dict[str, object] = {"folders": dict(sorted(tops.items())[:_FOLDERS])}
    if isinstance(frames, FolderFrames) and folders:
        clip = next(iter(folders))
        numbers = frames.numbers(clip)
        found["such_as"] = frames.path(clip, int(numbers[0])).name if len(numbers) else ""
    return found


def _below_crops(
    patterns: tuple[str, ...], places: Mapping[str, Place]
) -> tuple[tuple[str, ...], dict[str, Place]]:
    """Patterns for another root: folders that are named may begin one or two levels deeper."""
    deeper = ("crop_0", "crop_1", "crop_2")
    moved = {}
    for clip, place in places.items():
        parts = place.folder.split("/") if place.folder else []
        named = {name: "/".join(parts[level:]) for level, name in enumerate(deeper)}
        moved[clip] = Place({**place.fields, **named})
    own = (*(f"{{{name}}}" for name in deeper), *patterns)
    return (*own, "{session}/{clip}", "{clip}"), moved


def _no_frames(
    found: Entries, clips: pd.DataFrame, patterns: tuple[str, ...], look: _Look, issues: list[Row]
) -> _Seen:
    if look.crops or look.context or look.boxes or look.crop or look.mask:
        where = look.crops or look.context or "the data root"
        raise DataRootError(
            f"no frames were found under {where} (looked for {' or '.join(patterns)}), so nothing "
            f"can be cropped, masked or linked; check the folder."
        )
    issue = tables.issue(
        "note",
        f"no frames were found under the root (looked for {' or '.join(patterns)}): what needs "
        f"images is left out.",
        dataset=found.dataset,
        field="frames",
        expected=" or ".join(patterns),
        check="frames",
        consequence="nothing is re-selected; tables, audit and comparisons of labels still run",
    )
    blank = dict.fromkeys(("first_frame", "n_frames", "lead_frames", "tail_frames"), float("nan"))
    return _Seen(None, clips.assign(**blank), [*issues, issue], {"from": "none"})
