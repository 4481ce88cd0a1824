"""Images in folders: which frames of a clip are on disk, and one of them at a time."""

from __future__ import annotations

import os
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Lock

import numpy as np
import pandas as pd

from mebias import tables
from mebias.cohort import FrameSource
from mebias.datasets.pixels import decode
from mebias.datasets.video import SUFFIXES, VideoFrames
from mebias.errors import FrameError, ManifestError, counted, listed
from mebias.reading import folders_in, leads_out, out_of_root, read_plain

_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")
_NUMBER = re.compile(r"[0-9]+")
_DIGITS = 15
_KEPT = 64
_LOOKED_FOR, _BASES = 5, 200


@dataclass(frozen=True)
class Place:
    """What fills the placeholders of a frame pattern; `folder`, where given, is the folder.

    ``fields`` hold subject (the person), session (as the table writes it), clip (the table's
    file cell) and every further text of the row.
    """

    fields: Mapping[str, str]
    folder: str = ""


Listing = tuple[np.ndarray, dict[int, str]]
"""Numbers of a folder's images, ascending, and the file of each."""


class FolderFrames:
    """Frames as image files in one folder per clip or recording.

    A frame's number is the last integer in its file name, since padding and prefixes vary
    within a dataset. Listings are kept for the folders used last and are not pickled.

    Numbers are those of the labels: ``shifts`` holds, for clips whose files count otherwise,
    what is added to a file's number to get the label's.

    Parameters
    ----------
    root : Path
        Data root.
    folders : mapping
        Clip to folder, relative to the root; clips without frames are not in it.
    shifts : mapping, optional
        Clip to the number of the labels minus the number in the file's name.
    """

    concurrent = True
    """Several threads may read the frames of one clip."""

    def __init__(
        self, root: Path, folders: Mapping[str, str], shifts: Mapping[str, int] | None = None
    ) -> None:
        self.root = root
        self.folders = dict(folders)
        self.shifts = dict(shifts or {})
        self._listings: OrderedDict[str, Listing] = OrderedDict()
        self._lock = Lock()

    @classmethod
    def find(cls, root: Path, patterns: Iterable[str], places: Mapping[str, Place]) -> FolderFrames:
        """Look up each clip's folder: the first pattern that names one on disk.

        Raises
        ------
        FrameError
            A name fits two folders that differ in case only.
        ManifestError
            A pattern has a placeholder that no row fills.
        """
        tree = _Tree(root)
        patterns = tuple(p for p in patterns if not p.casefold().endswith(SUFFIXES))
        folders = {}
        for clip, place in places.items():
            paths = [place.folder] if place.folder else _filled(patterns, place)
            found = next((f for f in map(tree.find, paths) if f is not None), None)
            if found is not None:
                folders[clip] = found
        return cls(root, folders)

    def __getstate__(self) -> dict[str, object]:
        return {"root": self.root, "folders": self.folders, "shifts": self.shifts}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state, _listings=OrderedDict(), _lock=Lock())

    def numbers(self, clip: str) -> np.ndarray:
        """Numbers of the frames on disk, ascending; empty where the clip has none.

        Raises
        ------
        FrameError
            Two files of the clip have one number.
        """
        return self._listing(clip)[0] + self.shifts.get(clip, 0)

    def read(self, clip: str, number: int) -> np.ndarray:
        """One frame as stored, uint8: (height, width) gray or (height, width, 3) BGR.

        Raises
        ------
        FrameError
            The frame is not on disk, is empty or truncated.
        UnusableClipError
            It has 16 bits or transparency; nothing is converted in silence.
        """
        name = self._file(clip, number)
        return decode(_bytes(self.root, name), name)

    def fingerprint(self, clip: str, numbers: Sequence[int]) -> str:
        """What tells these frames from all others, without decoding them.

        Names, sizes and times of the files; the time of a file's last change of state is
        among them, which nobody can set: content that changes under the old size and time
        of writing is noticed too.
        """
        told = []
        for number in numbers:
            path = self.path(clip, number)
            try:
                state = path.stat()
            except OSError as error:
                raise FrameError(f"{path.name} cannot be read ({error.strerror}).") from None
            told.append((path.name, state.st_size, state.st_mtime_ns, state.st_ctime_ns))
        return repr((self.folders.get(clip), told))

    def path(self, clip: str, number: int) -> Path:
        """The file of a frame."""
        return self.root / self._file(clip, number)

    def _file(self, clip: str, number: int) -> str:
        """The file of a frame, relative to the root; texts are joined sooner than paths."""
        numbers, files = self._listing(clip)
        shift = self.shifts.get(clip, 0)
        name = files.get(number - shift)
        if name is None:
            first, last = (numbers[[0, -1]] + shift).tolist() if len(numbers) else (0, 0)
            has = f"it has {first} to {last}" if len(numbers) else "it has none"
            raise FrameError(f"clip {clip} has no frame {number} on disk: {has}.")
        return f"{self.folders[clip]}/{name}"

    def _listing(self, clip: str) -> Listing:
        folder = self.folders.get(clip)
        if folder is None:
            return np.empty(0, dtype=np.int64), {}
        with self._lock:  # several threads may read
            if folder not in self._listings:
                self._listings[folder] = _list(self.root, folder)
                if len(self._listings) > _KEPT:
                    self._listings.popitem(last=False)
            self._listings.move_to_end(folder)
            return self._listings[folder]


class Several:
    """Frames of several sources: each clip's come from the first one that has it.

    Parameters
    ----------
    sources : sequence
        Sources with ``folders``, `numbers` and `read`, the first to be asked first.
    """

    def __init__(self, sources: Sequence[FrameSource]) -> None:
        self.sources = tuple(sources)

    @property
    def folders(self) -> dict[str, str]:
        """Clip to folder or file, relative to the root of its source."""
        found: dict[str, str] = {}
        for source in reversed(self.sources):
            found |= getattr(source, "folders", {})
        return found

    def numbers(self, clip: str) -> np.ndarray:
        """Numbers of the frames that exist for a clip, ascending."""
        return self._of(clip).numbers(clip)

    def read(self, clip: str, number: int) -> np.ndarray:
        """One frame, as its source gives it."""
        return self._of(clip).read(clip, number)

    def _of(self, clip: str) -> FrameSource:
        for source in self.sources[:-1]:
            if clip in getattr(source, "folders", {}):
                return source
        return self.sources[-1]


def below_root(root: Path, patterns: Sequence[str], places: Mapping[str, Place]) -> tuple[str, ...]:
    """Patterns that begin where the frames are: at the root, or up to two levels below it.

    A few clips decide: the first folder, in the order of names, below which any of them is
    found. Where none is, the patterns stay as they are.
    """
    named = [clip for clip, place in places.items() if not place.folder]
    few = {clip: places[clip] for clip in named[:: max(1, len(named) // _LOOKED_FOR)]}
    for base in islice(folders_below(root), _BASES):
        lead = base.replace("{", "{{").replace("}", "}}")
        moved = tuple(f"{lead}/{pattern}" if lead else pattern for pattern in patterns)
        if few and (
            FolderFrames.find(root, moved, few).folders or find_videos(root, moved, few, 0).folders
        ):
            return moved
    return tuple(patterns)


def folders_below(root: Path, depth: int = 2) -> Iterator[str]:
    """Folders relative to a root, the root itself first, then level by level."""
    level = [""]
    for _ in range(depth + 1):
        yield from level
        level = [f"{base}/{name}".strip("/") for base in level for name in subfolders(root / base)]


def subfolders(folder: Path) -> list[str]:
    """Names of the folders in a folder, sorted."""
    with _listing(folder) as entries:
        return [entry.name for entry in folders_in(entries)]


@contextmanager
def _listing(folder: Path) -> Iterator[Iterable[os.DirEntry[str]]]:
    try:
        with os.scandir(folder) as entries:
            yield entries
    except OSError as error:
        raise FrameError(
            f"folder {folder.name} cannot be listed ({error.strerror}); check its permissions."
        ) from None


def find_videos(
    root: Path, patterns: Iterable[str], places: Mapping[str, Place], base: int
) -> VideoFrames:
    """Look up each clip's video file by the patterns that name one."""
    tree = _Tree(root, files=True)
    named = tuple(p for p in patterns if p.casefold().endswith(SUFFIXES))
    found = {}
    for clip, place in places.items() if named else ():
        file = next((f for f in map(tree.find, _filled(named, place)) if f is not None), None)
        if file is not None:
            found[clip] = file
    return VideoFrames(root, found, base)


class _Tree:
    """Folders below a root, found without regard to case where that leaves one answer.

    With ``files``, files are found too.
    """

    def __init__(self, root: Path, files: bool = False) -> None:
        self.root = root
        self.files = files
        self._below: dict[str, dict[str, list[str]]] = {}

    def find(self, path: str) -> str | None:
        """The folder as it is spelled on disk, or None; ``*`` stands for any text."""
        found = self._below_current("", path.strip("/").split("/"))
        if len(found) > 1:
            raise FrameError(
                f"{path.strip('/')} fits several folders: {listed(found)}; rename or remove all "
                f"but one."
            )
        return found[0] if found else None

    def _below_current(self, folder: str, parts: Sequence[str]) -> list[str]:
        if not parts:
            return [folder]
        return [
            deeper
            for name in self._fitting(folder, parts[0])
            for deeper in self._below_current(f"{folder}/{name}".strip("/"), parts[1:])
        ]

    def _fitting(self, folder: str, part: str) -> list[str]:
        names = self._names(folder)
        if "*" in part:
            pieces = part.casefold().split("*")
            return [n for key, alike in names.items() if _fits(key, pieces) for n in alike]
        alike = names.get(part.casefold(), [])
        return [part] if part in alike else alike

    def _names(self, folder: str) -> dict[str, list[str]]:
        if self.files and not (self.root / folder).is_dir():
            return {}
        if folder not in self._below:
            names: dict[str, list[str]] = {}
            with _listing(self.root / folder) as entries:
                for entry in entries if self.files else folders_in(entries):
                    names.setdefault(entry.name.casefold(), []).append(entry.name)
            self._below[folder] = names
        return self._below[folder]


def _fits(text: str, pieces: Sequence[str]) -> bool:
    """Whether a text is these pieces with anything between them.

    Without an expression that tries again and again, as many asterisks cost no more than one.

    >>> _fits("s15_0101", "*_01*".split("*")), _fits("ab", "ab*b".split("*"))
    (True, False)
    """
    first, *middle, last = pieces
    if not text.startswith(first) or not text.endswith(last):
        return False
    place, end = len(first), len(text) - len(last)
    for piece in middle:
        place = text.find(piece, place, end)
        if place < 0:
            return False
        place += len(piece)
    return place <= end


def _filled(patterns: Iterable[str], place: Place) -> list[str]:
    try:
        return [path for p in patterns if "//" not in (path := f"/{p.format(**place.fields)}/")]
    except (KeyError, IndexError, ValueError) as error:
        raise ManifestError(
            f"a frame pattern of the manifest cannot be filled in ({error}); known placeholders "
            f"are {listed((f'{{{name}}}' for name in place.fields), 20)}."
        ) from None


def renumbered(
    frames: FolderFrames, clips: pd.DataFrame, keyframes: pd.DataFrame
) -> tuple[dict[str, int], list[dict[str, object]]]:
    """Clips whose files count from 0 or 1 while their labels count along the recording.

    That is so where a folder holds exactly as many frames as lie from onset to offset, and
    the labels are beyond them. Clips of which some label happens to be on disk count too,
    once another one of the dataset leaves no doubt.

    Returns
    -------
    dict, list
        Clip to its shift (number of the labels minus number on disk); rows of the issues.
    """
    usable = keyframes[keyframes["status"].isin(tables.PLACED)]
    ends = usable.groupby("clip")["frame"].agg(["min", "max"])
    several = clips["video"].where(clips["video"] != "", clips["clip"])
    alone = set(clips["clip"][~several.duplicated(keep=False)])
    shifts = {}
    sure = False
    for clip, low, high in ends.itertuples(name=None):
        numbers = frames.numbers(clip) if clip in alone else np.empty(0, dtype=np.int64)
        if not len(numbers) or numbers[0] > 1 or low == numbers[0]:
            continue
        if len(numbers) == high - low + 1 == numbers[-1] - numbers[0] + 1:
            shifts[str(clip)] = int(low - numbers[0])
            sure = sure or low > numbers[-1]
    if not sure:
        return {}, []
    clip, shift = next(iter(shifts.items()))
    issue = tables.issue(
        "note",
        f"{counted(len(shifts), 'clip is', 'clips are')} numbered from the clip's own beginning on "
        f"disk, while the labels count along the recording, such as {clip}, where file "
        f"{frames.numbers(clip)[0]} is taken for frame {frames.numbers(clip)[0] + shift}.",
        dataset=str(clips["dataset"].iloc[0]),
        field="frames",
        found=len(shifts),
        check="numbering",
        consequence="files are read by the labels' numbers",
    )
    return shifts, [issue]


def _list(root: Path, folder: str) -> Listing:
    where = leads_out(root, root / folder)
    if where:
        raise FrameError(out_of_root(folder, where))
    files: dict[int, str] = {}
    for name in _image_names(root, folder):
        digits = _NUMBER.findall(name.rpartition(".")[0])
        if not digits:
            continue
        if len(digits[-1]) > _DIGITS:
            raise FrameError(f"{folder}/{name}: the frame number is too long; rename the file.")
        number = int(digits[-1])
        if number in files:
            raise FrameError(
                f"{folder} has two files of frame {number}: "
                f"{listed(sorted([files[number], name]))}; keep one."
            )
        files[number] = name
    return np.array(sorted(files), dtype=np.int64), files


def _image_names(root: Path, folder: str) -> list[str]:
    with _listing(root / folder) as entries:
        # macOS leaves files that begin with ._ beside images on foreign disks.
        found = [
            (entry.name, entry.is_symlink())
            for entry in entries
            if entry.name.lower().endswith(_SUFFIXES) and not entry.name.startswith(".")
        ]
    for name, linked in found:
        if linked and (where := leads_out(root, root / folder / name)):
            raise FrameError(out_of_root(f"{folder}/{name}", where))
    return [name for name, _ in found]


def _bytes(root: Path, name: str) -> bytes:
    try:
        return read_plain(f"{root}/{name}")
    except OSError as error:
        raise FrameError(
            f"{os.path.basename(name)} cannot be read ({error.strerror}); check that it exists "
            f"and that you may read it."
        ) from None
