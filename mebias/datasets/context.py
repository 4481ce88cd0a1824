"""The untrimmed recordings of clips that were cut at their labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mebias import tables
from mebias.cohort import FrameSource
from mebias.datasets.frames import FolderFrames, Place, Several
from mebias.errors import DataRootError, FrameError, OptionError, counted, listed
from mebias.manifests import Manifest

Row = dict[str, object]
_SAMPLE, _AROUND = 20, 3


@dataclass(frozen=True)
class Linked:
    """Frames of the recordings where they are linked, of the clips elsewhere.

    ``links`` has clip, recording (folder below the context root) and shift: what is added to
    the recording's frame numbers to get the labels'.
    """

    frames: FrameSource
    links: pd.DataFrame
    issues: list[Row]


def link_context(
    root: Path,
    manifest: Manifest,
    clips: pd.DataFrame,
    places: Mapping[str, Place],
    frames: FrameSource,
    keyframes: pd.DataFrame,
) -> Linked:
    """Link each clip to its untrimmed recording.

    Parameters
    ----------
    root : Path
        Where the recordings are.
    manifest : Manifest
        Its ``context`` says how frame numbers of clip and recording agree.
    clips, keyframes : DataFrame
        The cohort's tables.
    places : mapping
        Clip to what fills the patterns.
    frames : FrameSource
        The clips' own frames; where they are at hand, a sample of the links is checked on
        them, frame against frame.

    Raises
    ------
    OptionError
        The dataset has no untrimmed recordings that mebias knows of.
    DataRootError
        The folder is not there, or holds no recording of any clip.
    """
    context = manifest.context
    if context is None:
        raise OptionError(
            f"no untrimmed recordings of {manifest.id} are known to mebias; leave --context out."
        )
    if not root.is_dir():
        raise DataRootError(f"the context folder {root} does not exist; check --context.")
    labels = _labels(keyframes)
    if context.link == "shift":
        parent, issues = _by_shift(root, context.dataset, clips, places, labels)
    else:
        named = {clip: Place(place.fields) for clip, place in places.items()}
        parent, issues = FolderFrames.find(root, context.patterns, named), []
    issues += _leave_outside(parent, labels, clips)
    issues += _leave_unlike(parent, frames, labels, clips)
    linked = [clip for clip in clips["clip"] if clip in parent.folders]
    if not linked:
        said = f" ({issues[0]['message']})" if issues else ""
        raise DataRootError(
            f"{root} holds no untrimmed recording of any clip of {manifest.id}: looked for "
            f"{listed(context.patterns) or context.dataset}{said}."
        )
    issues.append(_count(clips, linked))
    links = pd.DataFrame(
        {
            "clip": linked,
            "recording": [parent.folders[clip] for clip in linked],
            "shift": [parent.shifts.get(clip, 0) for clip in linked],
        }
    )
    return Linked(Several([parent, frames]), links, issues)


def _labels(keyframes: pd.DataFrame) -> dict[str, dict[str, int]]:
    usable = keyframes[keyframes["status"].isin(tables.PLACED)]
    found: dict[str, dict[str, int]] = {}
    columns = (usable["clip"], usable["keyframe"], usable["frame"])
    for clip, keyframe, frame in zip(*columns, strict=True):
        found.setdefault(str(clip), {}).setdefault(str(keyframe), int(frame))
    return found


def _by_shift(
    root: Path,
    dataset: str,
    clips: pd.DataFrame,
    places: Mapping[str, Place],
    labels: Mapping[str, Mapping[str, int]],
) -> tuple[FolderFrames, list[Row]]:
    """Recordings that a dataset of their own describes: shifts from the labels of both."""
    from mebias.datasets.load import load

    parent = load(dataset, root)
    if not isinstance(parent.frames, FolderFrames):
        raise DataRootError(f"{root} holds the labels of {dataset} and none of its frames.")
    theirs = _labels(parent.keyframes)
    by_file: dict[tuple[str, str], str] = {}
    recordings: dict[str, str] = {}
    for clip, video, kind in parent.clips[["clip", "video", "expression_type"]].itertuples(
        index=False, name=None
    ):
        by_file[clip.partition("#")[0].rpartition("/")[2], kind] = clip
        recordings[clip] = video
    shifts: dict[str, dict[str, int]] = {}
    pairs: dict[str, str] = {}
    kinds = dict(zip(clips["clip"], clips["expression_type"], strict=True))
    for clip, own in labels.items():
        other = by_file.get((places[clip].fields["clip"], kinds[clip]), "")
        common = own.keys() & theirs.get(other, {}).keys() - {"apex"}
        moves = {own[k] - theirs[other][k] for k in common}
        if len(moves) == 1:
            pairs[clip] = other
            shifts.setdefault(recordings[other], {})[clip] = moves.pop()
    folders: dict[str, str] = {}
    applied: dict[str, int] = {}
    issues = []
    for video, of_clips in shifts.items():
        if len(set(of_clips.values())) > 1:
            issues.append(_disagreement(video, of_clips, clips, dataset))
            continue
        for clip, shift in of_clips.items():
            if pairs[clip] in parent.frames.folders:
                folders[clip] = parent.frames.folders[pairs[clip]]
                applied[clip] = shift
    return FolderFrames(root, folders, applied), issues


def _disagreement(
    video: str, of_clips: Mapping[str, int], clips: pd.DataFrame, dataset: str
) -> Row:
    texts = listed(f"{clip} {shift}" for clip, shift in of_clips.items())
    return tables.issue(
        "warning",
        f"the clips of recording {video} are not shifted by one constant against {dataset} "
        f"({texts}); they stay as they are.",
        dataset=str(clips["dataset"].iloc[0]),
        clip=next(iter(of_clips)),
        field="context",
        found=texts,
        expected="one shift per recording",
        check="context",
        consequence="these clips are not linked to their recording",
    )


def _leave_outside(
    parent: FolderFrames, labels: Mapping[str, Mapping[str, int]], clips: pd.DataFrame
) -> list[Row]:
    """Unlink clips whose labels lie outside of their recording."""
    outside = []
    for clip in list(parent.folders):
        numbers = parent.numbers(clip)
        own = labels.get(clip, {}).values()
        if not len(numbers) or any(not numbers[0] <= n <= numbers[-1] for n in own):
            outside.append(clip)
            del parent.folders[clip]
    if not outside:
        return []
    return [
        tables.issue(
            "warning",
            f"the labels of {counted(len(outside), 'clip')} lie outside of the recording found, so "
            f"that its frames count otherwise; they stay as they are: {listed(outside)}.",
            dataset=str(clips["dataset"].iloc[0]),
            field="context",
            found=len(outside),
            check="context",
            consequence="these clips are not linked to their recording",
        )
    ]


def _leave_unlike(
    parent: FolderFrames,
    frames: FrameSource,
    labels: Mapping[str, Mapping[str, int]],
    clips: pd.DataFrame,
) -> list[Row]:
    """Compare a sample of clips with their recordings, frame against frame."""
    both = [
        clip for clip in parent.folders if labels.get(clip, {}).get("onset") in frames.numbers(clip)
    ]
    step = max(1, -(-len(both) // _SAMPLE))
    issues = []
    for clip in both[::step]:
        best = _best_match(parent, frames, clip, labels[clip]["onset"])
        if best in (None, 0):
            continue
        del parent.folders[clip]
        issues.append(
            tables.issue(
                "warning",
                f"the onset frame of clip {clip} looks like its recording's frame "
                f"{labels[clip]['onset'] + best}, {best:+d} from where its label says; it stays "
                f"as it is. Check how the recording is numbered.",
                dataset=str(clips["dataset"].iloc[0]),
                clip=clip,
                field="context",
                found=f"{best:+d}",
                expected="0",
                check="context",
                consequence="this clip is not linked to its recording; others of the same "
                "recording may be off too",
            )
        )
    return issues


def _best_match(parent: FolderFrames, frames: FrameSource, clip: str, onset: int) -> int | None:
    """By how many frames the recording's best match is off; None where it cannot be told."""
    try:
        own = frames.read(clip, onset).astype(np.int16)
        there = set(parent.numbers(clip).tolist())
        around = [k for k in range(-_AROUND, _AROUND + 1) if onset + k in there]
        others = {k: parent.read(clip, onset + k).astype(np.int16) for k in around}
    except FrameError:
        return None
    if 0 not in others or any(other.shape != own.shape for other in others.values()):
        return None
    differences = {k: float(np.abs(other - own).mean()) for k, other in others.items()}
    best = min(differences, key=lambda k: (differences[k], abs(k)))
    # Images encoded anew differ a little everywhere: only a clearly better match counts.
    return best if differences[0] > 1.2 * differences[best] + 0.5 else 0


def _count(clips: pd.DataFrame, linked: list[str]) -> Row:
    rest = [clip for clip in clips["clip"] if clip not in set(linked)]
    more = f"; {len(rest)} are not and keep their own frames: {listed(rest)}" if rest else ""
    return tables.issue(
        "warning" if rest else "note",
        f"{len(linked)} of {len(clips)} clips are linked to their untrimmed recordings{more}.",
        dataset=str(clips["dataset"].iloc[0]),
        field="context",
        found=len(linked),
        expected=len(clips),
        check="context",
        consequence="frames before the onset and after the offset are those of the recordings",
    )
