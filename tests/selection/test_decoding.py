"""Frames decoded ahead: by whom, in which order, and what becomes of errors."""

import platform
import subprocess
import sys
import threading

import numpy as np
import pytest

from mebias.errors import FrameError
from mebias.selection.choose import Candidates, choose
from mebias.selection.decoding import ClipFrames, Decoders
from mebias.selection.distances import signed_squared
from mebias.selection.pairs import PairDistances


class Source:
    """Frames whose level is their number; some cannot be read."""

    concurrent = True

    def __init__(self, broken=()):
        self.broken = set(broken)
        self.seen = []

    def numbers(self, clip):
        return np.arange(40)

    def read(self, clip, number):
        self.seen.append(number)
        if number in self.broken:
            raise FrameError(f"{clip}/{number} is broken.")
        return np.full((4, 4), number, np.uint8)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_every_frame_is_read_once_whoever_reads_it(threads):
    source = Source()
    with Decoders(threads) as decoders:
        frames = ClipFrames(source, "c", decoders)
        frames.want(range(30))
        frames.want(range(20, 35))
        assert [int(frames(n)[0, 0]) for n in reversed(range(35))] == list(reversed(range(35)))
    assert sorted(source.seen) == list(range(35))


def test_one_thread_alone_decodes_while_it_waits_first_asked_first():
    source = Source()
    with Decoders(1) as decoders:
        first, second = (ClipFrames(source, clip, decoders) for clip in "ab")
        first.want([5, 3])
        second.want([9])
        second(9)
    assert source.seen == [5, 3, 9]


def test_all_that_was_asked_for_is_decoded_in_its_turn():
    source = Source()
    with Decoders(1) as decoders:
        frames = ClipFrames(source, "c", decoders)
        frames.want(range(10))
        frames(9)
    assert source.seen == list(range(10))


def test_a_broken_frame_is_told_when_it_is_asked_for_and_not_before():
    source = Source(broken=[2])
    with Decoders(2) as decoders:
        frames = ClipFrames(source, "c", decoders)
        frames.want(range(5))
        assert int(frames(3)[0, 0]) == 3
        for _ in range(2):
            with pytest.raises(FrameError, match="c/2 is broken"):
                frames(2)


def test_what_no_source_should_raise_reaches_the_one_who_waits():
    def read(numbers):
        raise ValueError("no frames today")

    with Decoders(2) as decoders:
        future = decoders.submit(read, [1])
        with pytest.raises(ValueError, match="no frames today"):
            decoders.wait(future)


def test_helpers_end_and_leave_undone_what_nobody_waits_for():
    before = threading.active_count()
    source = Source()
    with pytest.raises(KeyError), Decoders(1) as decoders:
        ClipFrames(source, "c", decoders).want(range(20))
        raise KeyError
    assert source.seen == []
    with Decoders(4) as decoders:
        assert threading.active_count() == before + 3
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("broken", "named"), [(range(40), 20), ([17, 22], 22), ([17, 23], 17), ([6, 7], 6), ([33], 33)]
)
def test_of_several_broken_frames_the_one_nearest_to_the_label_is_named(broken, named):
    """Apexes come first, from the human one outwards, then onsets, then offsets."""
    windows = Candidates(range(5, 9), range(17, 24), range(30, 34))
    squared = PairDistances(ClipFrames(Source(broken), "c"), signed_squared)
    with pytest.raises(FrameError, match=f"c/{named} is broken"):
        choose(squared, (5, 20, 33), windows)


def test_of_frames_that_no_pair_needs_none_is_read():
    source = Source()
    windows = Candidates(range(5, 9), range(17, 24), [30], lambda onset, apex: onset + apex == 25)
    choose(PairDistances(ClipFrames(source, "c"), signed_squared), (5, 20, 30), windows)
    assert sorted(source.seen) == [5, 6, 7, 8, 17, 18, 19, 20, 30]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other libraries keep what is freed")
def test_memory_of_frames_is_used_again_without_page_faults():
    code = (
        "import resource, sys, numpy as np\n"
        "from mebias.selection.decoding import keep_freed_memory\n"
        "if sys.argv[1] == 'kept':\n"
        "    keep_freed_memory()\n"
        "def clip():\n"
        "    return [np.ones(280 * 340 * 3, np.uint8) for _ in range(40)]\n"
        "for _ in range(3):\n"
        "    clip()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "for _ in range(5):\n"
        "    clip()\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)\n"
    )
    faults = {
        how: int(subprocess.check_output([sys.executable, "-c", code, how]))
        for how in ("kept", "given back")
    }
    assert faults["kept"] < 100
    assert faults["given back"] > 1000
