"""Clips as video files: decoded in order, the last frames kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mebias.datasets.pixels import MOST_PIXELS
from mebias.errors import FrameError
from mebias.reading import leads_out, open_plain, out_of_root

SUFFIXES = (".avi", ".mp4")
_KEPT = 256
_MOST_KEPT = 2**28
"""Bytes of frames that are kept; fewer of large ones."""
_HEAD = 64


class VideoFrames:
    """Frames of video files, one file per clip or recording.

    Frames are decoded in the order of the file; those decoded last are kept, so that a
    window is read without beginning anew. Neither they nor the open file are pickled.

    Parameters
    ----------
    root : Path
        Data root.
    folders : mapping
        Clip to video file, relative to the root.
    base : int
        Number of a file's first frame.
    """

    def __init__(self, root: Path, folders: Mapping[str, str], base: int = 1) -> None:
        self.root = root
        self.folders = dict(folders)
        self.base = base
        self._counts: dict[str, int] = {}
        self._forget()

    def _forget(self) -> None:
        self._open: Any = None
        self._file = ""
        self._next = 0
        self._kept: OrderedDict[tuple[str, int], np.ndarray] = OrderedDict()

    def __getstate__(self) -> dict[str, object]:
        return {"root": self.root, "folders": self.folders, "base": self.base}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _counts={})
        self._forget()

    def numbers(self, clip: str) -> np.ndarray:
        """Numbers of the frames that the file holds, ascending; empty without a file."""
        file = self.folders.get(clip)
        if file is None:
            return np.empty(0, dtype=np.int64)
        if file not in self._counts:
            self._counts[file] = self._count(file)
        return np.arange(self._counts[file], dtype=np.int64) + self.base

    def read(self, clip: str, number: int) -> np.ndarray:
        """One frame, uint8, (height, width, 3) BGR.

        Raises
        ------
        FrameError
            The file has no such frame, or is damaged.
        """
        file = self.folders.get(clip, "")
        index = number - self.base
        if not file or not 0 <= index < len(self.numbers(clip)):
            has = f"it has {self.base} to {self.numbers(clip)[-1]}" if file else "it has none"
            raise FrameError(f"clip {clip} has no frame {number} on disk: {has}.")
        key = (file, index)
        if key not in self._kept:
            self._decode_to(file, index)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _decode_to(self, file: str, index: int) -> None:
        if file != self._file or index < self._next:
            self._open, self._file, self._next = self._opened(file), file, 0
        while self._next <= index:
            done, frame = self._open.read()
            if not done:
                raise FrameError(
                    f"{file} cannot be decoded at its frame {self._next + self.base}; fetch the "
                    f"video anew from its source."
                )
            self._kept[file, self._next] = frame
            self._next += 1
            while len(self._kept) > max(1, min(_KEPT, _MOST_KEPT // max(1, frame.nbytes))):
                self._kept.popitem(last=False)

    def _opened(self, file: str) -> Any:
        import cv2

        if self._open is not None:
            self._open.release()
        self._refuse_foreign(file)
        video = cv2.VideoCapture(str((self.root / file).absolute()), cv2.CAP_FFMPEG)
        if not video.isOpened():
            raise FrameError(f"{file} is not a readable video; fetch it anew from its source.")
        height, width = (
            video.get(p) for p in (cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FRAME_WIDTH)
        )
        if height * width > MOST_PIXELS:
            video.release()
            raise FrameError(
                f"{file} states {height:,.0f} x {width:,.0f} pixels, expected at most "
                f"{MOST_PIXELS / 1e6:.0f} million; fetch the video anew from its source."
            )
        return video

    def _refuse_foreign(self, file: str) -> None:
        """Refuse what is no AVI or MP4: a playlist by that name could name any other file."""
        where = leads_out(self.root, self.root / file)
        if where:
            raise FrameError(out_of_root(file, where))
        try:
            with open_plain(self.root / file, most=None) as opened:
                head = opened.read(_HEAD)
        except OSError as error:
            raise FrameError(f"{file} cannot be read ({error.strerror}).") from None
        avi = head.startswith((b"RIFF", b"AVIF")) and head[8:11] == b"AVI"
        if not avi and head[4:8] not in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
            raise FrameError(
                f"{file} is not a readable video (AVI or MP4); fetch it anew from its source."
            )

    def _count(self, file: str) -> int:
        """Frames that can be taken out; what the file's header says is often wrong."""
        video = self._opened(file)
        self._open, self._file = None, ""
        count = 0
        while video.grab():
            count += 1
        video.release()
        if not count:
            raise FrameError(f"{file} holds no readable frame; fetch it anew from its source.")
        return count
