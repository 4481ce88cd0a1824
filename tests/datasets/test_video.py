"""Clips as videos: counted, read by number, in any order; damage is said."""

import pickle

import cv2
import numpy as np
import pytest

import mebias
from mebias.datasets.video import VideoFrames
from mebias.errors import FrameError

SIZE = (48, 32)


def write_video(path, count, first=0):
    """A video whose frame k is of brightness 8 * (first + k)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = {".avi": "MJPG", ".mp4": "mp4v"}[path.suffix]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*kind), 30, SIZE)
    assert writer.isOpened()
    for k in range(count):
        writer.write(np.full((SIZE[1], SIZE[0], 3), 8 * (first + k), dtype=np.uint8))
    writer.release()
    return path


def brightness(frame):
    return round(float(frame.mean()) / 8)


@pytest.fixture(params=[".avi", ".mp4"])
def video(request, tmp_path):
    write_video(tmp_path / f"a{request.param}", 20)
    write_video(tmp_path / f"b{request.param}", 5, first=10)
    return VideoFrames(tmp_path, {"a": f"a{request.param}", "b": f"b{request.param}"})


def test_frames_are_counted_from_the_base(video):
    assert video.numbers("a").tolist() == list(range(1, 21))
    assert video.numbers("none").tolist() == []
    video.base = 0
    assert video.numbers("b").tolist() == [0, 1, 2, 3, 4]


def test_frames_are_read_by_number_in_any_order(video):
    for number in (5, 6, 20, 1, 13, 13, 2):
        frame = video.read("a", number)
        assert (frame.shape, frame.dtype) == ((SIZE[1], SIZE[0], 3), np.uint8)
        assert brightness(frame) == number - 1
        assert brightness(video.read("b", 3)) == 12


def test_what_was_decoded_is_kept_and_a_window_is_decoded_once(video, monkeypatch):
    opened = []
    original = VideoFrames._opened
    monkeypatch.setattr(
        VideoFrames, "_opened", lambda self, file: opened.append(file) or original(self, file)
    )
    for number in (8, 9, 10, 9, 8):
        video.read("a", number)
    assert len(opened) == 2, "once to count, once to decode"


def test_a_video_survives_pickling_while_open(video):
    video.read("a", 3)
    assert brightness(pickle.loads(pickle.dumps(video)).read("a", 4)) == 3


def test_a_frame_that_is_not_there_and_a_damaged_file(video, tmp_path):
    with pytest.raises(FrameError, match="clip b has no frame 6 on disk: it has 1 to 5"):
        video.read("b", 6)
    with pytest.raises(FrameError, match="clip c has no frame 1 on disk: it has none"):
        video.read("c", 1)
    (tmp_path / "broken.avi").write_bytes(b"RIFF nothing")
    with pytest.raises(FrameError, match=r"broken.avi"):
        VideoFrames(tmp_path, {"x": "broken.avi"}).numbers("x")


def test_a_dataset_may_ship_videos_beside_folders(make, tmp_path):
    header = ["Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None,
              "Action Units", "Estimated Emotion"]  # fmt: skip
    rows = [["01", "EP01", None, 3, 8, 12, None, 4, "others"],
            ["02", "EP02", None, 2, 4, 6, None, 4, "others"]]  # fmt: skip
    make.xlsx(tmp_path / "CASME2-coding-20140508.xlsx", [header, *rows])
    write_video(tmp_path / "CASME2-RAW" / "sub01" / "EP01.avi", 20)
    make.frames(tmp_path / "CASME2-RAW" / "sub02" / "EP02", range(1, 9), "img{}.jpg")
    cohort = mebias.load("casme2", tmp_path)
    assert cohort.clips["n_frames"].tolist() == [20, 8]
    assert cohort.clips["lead_frames"].tolist() == [2, 1]
    assert brightness(cohort.frames.read("01/EP01", 8)) == 7
    assert cohort.frames.read("02/EP02", 8).shape == (24, 32)
    assert len(mebias.reselect(cohort)) == 6
