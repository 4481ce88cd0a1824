"""From a folder on disk to a cohort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from mebias import tables
from mebias.cohort import Cohort
from mebias.datasets.annotations import (
    Entries,
    checked_fps,
    clips_table,
    keyframes_table,
    read_entries,
)
from mebias.datasets.demographics import match_groups, read_groups, stated_groups
from mebias.datasets.frames import FolderFrames, Place
from mebias.datasets.identity import by_clip, clip_ids, refuse_repeats
from mebias.datasets.marker import read_simulation
from mebias.datasets.roots import VARIABLE, find_annotation, resolve_root
from mebias.errors import DataRootError
from mebias.manifests import get_manifest
from mebias.provenance import file_hash


@dataclass(frozen=True)
class _Groups:
    by_subject: Mapping[str, str]
    issues: list[dict[str, object]]


def load(
    name: str | Path,
    root: Path | str | None = None,
    *,
    ethnicity: Path | str | None = None,
    fps: float | None = None,
    version: str | None = None,
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
        CSV with the columns subject and ethnicity; overrides a column of the table.
    fps : float, optional
        Frames per second; overrides the manifest and the table.
    version : str, optional
        Version of the annotations; the manifest's default where it is not given.

    Returns
    -------
    Cohort
        What could not be taken as it stands is in its issues; nothing is repaired.

    Raises
    ------
    DataRootError
        No root is set, or it is missing, is empty or holds no annotation file of this
        dataset.
    AnnotationError
        The table cannot be read as it stands.
    OptionError
        No frame rate is known.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> root = pathlib.Path(tempfile.mkdtemp())
    >>> text = "clip,subject,onset,apex,offset,fps\nc1,s1,3,8,15,100\n"
    >>> _ = (root / "annotations.csv").write_text(text)
    >>> load("folder", root)
    Cohort(folder: 1 clips, 1 subjects, groups unknown, annotations only)
    """
    manifest = get_manifest(name)
    annotation = manifest.annotation(version)
    fps = checked_fps(fps)
    root = _root(name, root)
    simulation = read_simulation(root)
    dataset = simulation.dataset if simulation else manifest.id
    path = find_annotation(root, manifest, annotation)
    found = read_entries(path, manifest, annotation, dataset)
    ids = clip_ids(found)
    refuse_repeats(found, ids)
    clips = clips_table(found, ids, fps)
    keyframes = keyframes_table(found, ids)
    groups = _groups(found, Path(ethnicity) if ethnicity is not None else None)
    clips["ethnicity"] = clips["subject"].map(dict(groups.by_subject)).astype(str)
    frames, clips, noticed = _frames(root, found, ids, clips, keyframes)
    settings: dict[str, object] = {
        "simulated": tables.is_simulated(dataset),
        "dataset": manifest.id,
        "version": annotation.version,
        "files": {path.relative_to(root).as_posix(): file_hash(path)},
        "fps": "per clip" if fps is None and manifest.fps is None else fps or manifest.fps,
        "ethnicity": {Path(ethnicity).name: file_hash(Path(ethnicity))} if ethnicity else {},
    }
    issues = tables.from_rows([*found.issues, *groups.issues, *noticed], "issues")
    cohort = Cohort(manifest, clips, keyframes, issues, frames, settings=settings)
    if simulation is None:
        return cohort
    return replace(
        cohort,
        truth=simulation.truth,
        planted=simulation.planted,
        settings={**settings, "simulation": dict(simulation.settings)},
    )


def _root(name: str | Path, root: Path | str | None) -> Path:
    found = resolve_root(name, root)
    if found is None:
        raise DataRootError(
            f"no data root is set for {name}; give root, or set ${VARIABLE} to a folder that holds "
            f"it (a simulated cohort: mebias.simulate)."
        )
    return found


def _groups(found: Entries, path: Path | None) -> _Groups:
    subjects = {entry.subject for entry in found.entries}
    if path is not None:
        stated = read_groups(path, found.manifest)
        return _Groups(*match_groups(subjects, stated, path.name, found.dataset))
    if "ethnicity" in found.table.columns:
        stated = stated_groups(found)
        return _Groups(*match_groups(subjects, stated, found.table.file, found.dataset))
    return _Groups(dict.fromkeys(subjects, tables.UNKNOWN), [])


def _frames(
    root: Path, found: Entries, ids: list[str], clips: pd.DataFrame, keyframes: pd.DataFrame
) -> tuple[FolderFrames | None, pd.DataFrame, list[dict[str, object]]]:
    places = {
        clip: Place(entry.subject, entry.session, entry.cell, entry.texts.get("frames", ""))
        for clip, entry in by_clip(ids, found.entries).items()
    }
    patterns = found.manifest.frames
    frames = FolderFrames.find(root, patterns, places)
    counts, issues = _counted(frames, clips, keyframes, found.dataset)
    if not counts["n_frames"].any():
        issue = tables.issue(
            "note",
            f"no frames were found under the root (looked for {' or '.join(patterns)}): what needs "
            f"images is left out.",
            dataset=found.dataset,
            field="frames",
            expected=" or ".join(patterns),
        )
        return None, clips, [issue]
    return frames, clips.assign(**counts), issues


def _counted(
    frames: FolderFrames, clips: pd.DataFrame, keyframes: pd.DataFrame, dataset: str
) -> tuple[dict[str, np.ndarray], list[dict[str, object]]]:
    names = ("first_frame", "n_frames", "lead_frames", "tail_frames")
    counts = {name: np.full(len(clips), np.nan) for name in names}
    issues = []
    labels = _label_frames(keyframes)
    for place, clip in enumerate(clips["clip"]):
        numbers = frames.numbers(clip)
        counts["n_frames"][place] = len(numbers)
        if not len(numbers):
            issues.append(_no_frames(clip, dataset))
            continue
        onsets, offsets, all_labels = labels.get(clip, ([], [], []))
        counts["first_frame"][place] = numbers[0]
        if onsets:
            counts["lead_frames"][place] = np.searchsorted(numbers, min(onsets))
        if offsets:
            counts["tail_frames"][place] = (numbers > max(offsets)).sum()
        absent = sorted({int(f) for f in all_labels} - set(numbers.tolist()))
        if absent:
            issues.append(_absent_labels(clip, dataset, absent, numbers))
    return counts, issues


def _label_frames(
    keyframes: pd.DataFrame,
) -> dict[str, tuple[list[float], list[float], list[float]]]:
    usable = keyframes[keyframes["status"].isin(["annotated", "censored"])]
    labels: dict[str, tuple[list[float], list[float], list[float]]] = {}
    for clip, keyframe, frame in zip(
        usable["clip"], usable["keyframe"], usable["frame"], strict=True
    ):
        onsets, offsets, every = labels.setdefault(clip, ([], [], []))
        every.append(frame)
        if keyframe != "apex":
            (onsets if keyframe == "onset" else offsets).append(frame)
    return labels


def _no_frames(clip: str, dataset: str) -> dict[str, object]:
    return tables.issue(
        "warning",
        f"clip {clip} has no frames on disk; it is left out of what needs images.",
        dataset=dataset,
        clip=clip,
        field="frames",
        found="none",
    )


def _absent_labels(
    clip: str, dataset: str, absent: list[int], numbers: np.ndarray
) -> dict[str, object]:
    return tables.issue(
        "note",
        f"clip {clip} is labeled at frames that are not on disk: {absent}; it has "
        f"{len(numbers)} frames from {numbers[0]} to {numbers[-1]}.",
        dataset=dataset,
        clip=clip,
        field="frames",
        found=f"{len(numbers)} frames from {numbers[0]} to {numbers[-1]}",
        expected=", ".join(map(str, absent)),
    )
