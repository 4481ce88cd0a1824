"""Frames of one clip, each decoded once; where the source allows it, ahead of their use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from functools import cache
from queue import Empty, SimpleQueue
from threading import Thread

import numpy as np

from mebias.cohort import FrameSource
from mebias.errors import FrameError, UnusableClipError

Read = dict[int, np.ndarray | FrameError]
Work = tuple["Future[Read]", Callable[[Sequence[int]], Read], Sequence[int]]
_TOGETHER = 4
"""Frames that a thread decodes in one go: handing over costs a tenth of a small frame."""
_LARGE = 2**25 - 2**16
"""Bytes: just below 32 MiB, beyond which the C library learns nothing from a block."""


@cache
def keep_freed_memory() -> None:
    """Have freed memory used again, not given back to the system, up to 64 MB of it.

    Frames come and go. The C library of Linux gives freed memory back beyond twice the largest
    block that was freed so far, and each of its pages comes back at the price of a page fault:
    a seventh of what decoding takes. A large block, freed untouched, raises that bound (see
    M_MMAP_THRESHOLD in mallopt(3)). Elsewhere this does nothing.
    """
    np.empty(_LARGE, dtype=np.uint8)


class Decoders:
    """Threads that decode frames ahead, first asked first.

    Whoever waits for a frame decodes others meanwhile, so that as many threads are at work as
    there are cores: one more, and they wait for each other at the interpreter's lock.

    Parameters
    ----------
    threads : int
        How many decode at once, the one that waits among them.

    Examples
    --------
    >>> with Decoders(2) as decoders:
    ...     decoders.wait(decoders.submit(lambda numbers: dict.fromkeys(numbers), [7]))
    {7: None}
    """

    def __init__(self, threads: int) -> None:
        self._tasks: SimpleQueue[Work | None] = SimpleQueue()
        # Daemons: a run that was broken off, and that nobody cleaned up, can still end.
        self._helpers = [Thread(target=self._help_on, daemon=True) for _ in range(threads - 1)]
        for helper in self._helpers:
            helper.start()

    def __enter__(self) -> Decoders:
        return self

    def __exit__(self, *_: object) -> None:
        while self._take() is not None:  # what nobody waits for any more
            pass
        for _helper in self._helpers:
            self._tasks.put(None)
        for helper in self._helpers:
            helper.join()

    def submit(self, read: Callable[[Sequence[int]], Read], numbers: Sequence[int]) -> Future[Read]:
        """Have frames read when their turn has come."""
        future: Future[Read] = Future()
        self._tasks.put((future, read, numbers))
        return future

    def wait(self, future: Future[Read]) -> Read:
        """What was read; until then, lend a hand."""
        while not future.done() and (work := self._take()) is not None:
            _do(work)
        return future.result()

    def _take(self) -> Work | None:
        try:
            return self._tasks.get_nowait()
        except Empty:
            return None

    def _help_on(self) -> None:
        while (work := self._tasks.get()) is not None:
            _do(work)


def _do(work: Work) -> None:
    future, read, numbers = work
    try:
        future.set_result(read(numbers))
    except BaseException as error:
        future.set_exception(error)  # raised where the frames are waited for
        if not isinstance(error, Exception):
            raise


class ClipFrames:
    """The frames of one clip, kept once decoded.

    Parameters
    ----------
    source : FrameSource
        Where they come from.
    clip : str
        Which clip.
    decoders : Decoders, optional
        Threads that decode what `want` names ahead of its use; decoding releases the
        interpreter's lock. For sources that say ``concurrent``: others are read in turn.
    """

    def __init__(self, source: FrameSource, clip: str, decoders: Decoders | None = None) -> None:
        self.clip = clip
        self._source = source
        self._decoders = decoders
        self._frames: dict[int, np.ndarray] = {}
        self._coming: dict[int, Future[Read]] = {}
        self._here: Read = {}
        keep_freed_memory()

    def numbers(self) -> np.ndarray:
        """Numbers of the frames that exist."""
        return self._source.numbers(self.clip)

    def fingerprint(self, low: float, high: float) -> str:
        """What tells the frames between two numbers from all others; empty if unknown."""
        told = getattr(self._source, "fingerprint", None)
        if told is None:
            return ""
        try:
            numbers = self.numbers()
        except FrameError:
            return ""
        outside = (numbers < low) | (numbers > high)  # none, where a bound is NaN
        return f"{numbers.tolist()} {told(self.clip, numbers[~outside].tolist())}"

    def want(self, numbers: Iterable[int]) -> None:
        """Begin to decode frames that will be asked for."""
        if self._decoders is not None:
            known = self._frames.keys() | self._here.keys() | self._coming.keys()
            new = [n for n in dict.fromkeys(numbers) if n not in known]
            for start in range(0, len(new), _TOGETHER):
                some = new[start : start + _TOGETHER]
                task = self._decoders.submit(self._read, some)
                self._coming.update(dict.fromkeys(some, task))

    def _read(self, numbers: Sequence[int]) -> Read:
        found: Read = {}
        for number in numbers:
            try:
                found[number] = self._source.read(self.clip, number)
            except FrameError as error:
                found[number] = error
        return found

    def once(self, number: int) -> np.ndarray:
        """A frame that is not kept, unless it is here already."""
        found = self._frames.get(number)
        return self._source.read(self.clip, number) if found is None else found

    def __call__(self, number: int) -> np.ndarray:
        """A frame.

        Raises
        ------
        FrameError
            It cannot be read.
        UnusableClipError
            It is not uint8, or its shape differs from the clip's other frames.
        """
        frame = self._frames.get(number)
        if frame is None:
            one = self._take(number)
            if isinstance(one, FrameError):
                raise one
            frame = np.ascontiguousarray(one)
            self._check(frame, number)
            self._frames[number] = frame
        return frame

    def _take(self, number: int) -> np.ndarray | FrameError:
        """A frame that was decoded ahead, or is decoded now."""
        if number not in self._here:
            coming = self._coming.get(number)
            if coming is None or self._decoders is None:
                read = self._read([number])
            else:
                read = self._decoders.wait(coming)
            self._here.update(read)
            for other in read:
                self._coming.pop(other, None)
        return self._here.pop(number)

    def _check(self, frame: np.ndarray, number: int) -> None:
        if frame.dtype != np.uint8:
            raise UnusableClipError(
                f"{self.clip}, frame {number}: pixels are {frame.dtype}, expected 8-bit; "
                f"convert the images."
            )
        other, first = next(iter(self._frames.items()), (number, frame))
        if frame.shape != first.shape:
            raise UnusableClipError(
                f"{self.clip}, frame {number}: shape {frame.shape} differs from the shape "
                f"{first.shape} of frame {other}; crop all frames of a clip alike."
            )
