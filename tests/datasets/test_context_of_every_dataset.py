"""Clips cut at their labels, linked to the recordings that they were cut from."""

import cv2
import numpy as np
import pytest
from authors import build

import mebias

# clips, recordings, and how a clip is called among the recordings
PAIRS = {
    "samm": (("samm", ""), ("samm-long", ""), "{}#micro"),
    "samm, numbered anew": (("samm", "micro-v2+relative"), ("samm-long", ""), "{}#micro"),
    "casme2": (("casme2", "2014"), ("casme2", "2014+raw"), "{}"),
    "casme2, numbered anew": (("casme2", "2014+relative"), ("casme2", "2014+raw"), "{}"),
    "smic": (("smic", "raw-hs"), ("smic", "hs"), "{}"),
    "4dme": (("4dme", ""), ("4dme", "+long"), "{}"),
}


@pytest.fixture(params=list(PAIRS))
def linked(request, tmp_path):
    (name, variant), (parent, version), called = PAIRS[request.param]
    cut = build(name, tmp_path / "cut", variant=variant)
    whole = build(parent, tmp_path / "whole", variant=version)
    cohort = mebias.load(name, cut.root, context=whole.root, **cut.load_options)
    return cut, whole, cohort, called


def test_clips_read_from_their_recordings_by_their_own_numbers(linked):
    cut, whole, cohort, called = linked
    clips = cohort.clips.set_index("clip")
    for clip, row in cut.expected.items():
        other = called.format(clip)
        shift = int(row["onset"] - whole.expected[other]["onset"])
        numbers = np.array(whole.expected[other]["numbers"]) + shift
        np.testing.assert_array_equal(cohort.frames.numbers(clip), numbers)
        assert clips.loc[clip, "lead_frames"] == (numbers < row["onset"]).sum() > 0
        assert clips.loc[clip, "tail_frames"] == (numbers > row["offset"]).sum() > 0
        stored = cv2.imread(str(whole.file(other, int(row["onset"]) - shift)), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(cohort.frames.read(clip, int(row["onset"])), stored)
