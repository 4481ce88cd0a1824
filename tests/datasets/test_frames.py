"""Images on disk: which there are, and what is said of those that cannot be read."""

import pickle

import cv2
import numpy as np
import pytest

from mebias.datasets.frames import FolderFrames, Place
from mebias.datasets.pixels import decode, is_truncated
from mebias.errors import FrameError, ManifestError

SUFFIXES = [".jpg", ".png", ".bmp"]


def frames_of(root, folder="c1"):
    return FolderFrames(root, {"s1/c1": folder})


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("shape", [(24, 32), (25, 33, 3)])
def test_images_are_read_as_stored(make, tmp_path, suffix, shape):
    (tmp_path / "c1").mkdir()
    (tmp_path / "c1" / f"img007{suffix}").write_bytes(make.image(7, suffix, shape))
    image = frames_of(tmp_path).read("s1/c1", 7)
    assert image.dtype == np.uint8
    assert image.flags["C_CONTIGUOUS"]
    # OpenCV stores a gray BMP with a palette and reads it as color
    assert image.shape[:2] == shape[:2]
    if suffix == ".png":
        assert image.shape == shape
        assert image.flat[0] == 7


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("shape", [(24, 32), (25, 33, 3)])
def test_every_truncation_is_caught(make, suffix, shape):
    data = make.image(3, suffix, shape)
    for length in {1, 2, 20, 60, len(data) // 3, len(data) // 2, len(data) - 40, len(data) - 1}:
        with pytest.raises(FrameError, match=r"c1/7"):
            decode(np.frombuffer(data[:length], dtype=np.uint8), f"c1/7{suffix}")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_truncation_is_seen_before_any_decoder_has_its_say(make, suffix):
    data = make.image(3, suffix, (25, 33, 3))
    assert not is_truncated(data)
    assert all(is_truncated(data[:length]) for length in range(60, len(data), 97))


def test_a_truncated_jpeg_with_a_whole_thumbnail_is_caught(make):
    thumbnail = make.image(1, ".jpg", (8, 8))
    block = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    data = make.image(2, ".jpg")
    whole = data[:2] + block + data[2:]
    assert not is_truncated(whole)
    assert is_truncated(whole[:-50])


def test_bytes_behind_the_end_of_an_image_do_no_harm(make):
    for suffix in SUFFIXES:
        assert not is_truncated(make.image(2, suffix) + b"\0" * 100)


def test_a_bitmap_that_states_no_length_is_measured(make):
    data = bytearray(make.image(2, ".bmp", (25, 33, 3)))
    data[2:6] = bytes(4)
    assert not is_truncated(bytes(data))
    assert is_truncated(bytes(data[:-1]))


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is empty"), (b"no image at all", "not a readable image")],
)
def test_what_is_no_image_is_named(tmp_path, content, words):
    (tmp_path / "c1").mkdir()
    (tmp_path / "c1" / "7.png").write_bytes(content)
    with pytest.raises(FrameError, match=rf"c1/7\.png .*{words}"):
        frames_of(tmp_path).read("s1/c1", 7)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((8, 8), np.uint16), "expected 8 bits"),
        (np.zeros((8, 8, 4), np.uint8), "has 4 channels"),
    ],
)
def test_unexpected_kinds_of_images_are_refused(image, words):
    data = cv2.imencode(".png", image)[1]
    with pytest.raises(FrameError, match=words):
        decode(data, "c1/7.png")


def test_a_frame_that_is_not_there_is_named_with_what_is(make, tmp_path):
    make.frames(tmp_path / "c1", [3, 4])
    with pytest.raises(FrameError, match="clip s1/c1 has no frame 5 on disk: it has 3 to 4"):
        frames_of(tmp_path).read("s1/c1", 5)
    with pytest.raises(FrameError, match="clip other has no frame 5 on disk: it has none"):
        frames_of(tmp_path).read("other", 5)


def test_a_frame_that_vanished_is_named(make, tmp_path):
    make.frames(tmp_path / "c1", [3])
    frames = frames_of(tmp_path)
    assert frames.numbers("s1/c1").tolist() == [3]
    (tmp_path / "c1" / "3.png").unlink()
    with pytest.raises(FrameError, match=r"3\.png cannot be read"):
        frames.read("s1/c1", 3)


def test_numbers_are_the_last_integers_in_file_names(make, tmp_path):
    folder = tmp_path / "c1"
    make.frames(folder, [2], "EP12_1-{:04d}.JPG")
    make.frames(folder, [10], "EP12_1-{}.jpeg")
    make.frames(folder, [3], "._EP12_1-{}.jpg")
    (folder / "notes4.txt").write_text("no image", encoding="utf-8")
    (folder / "cover.png").write_bytes(make.image())
    assert frames_of(tmp_path).numbers("s1/c1").tolist() == [2, 10]


def test_two_files_of_one_number_are_refused(make, tmp_path):
    make.frames(tmp_path / "c1", [2], "a_{}.png")
    make.frames(tmp_path / "c1", [2], "a_{:03d}.png")
    with pytest.raises(FrameError, match=r"c1 has two files of frame 2: a_002\.png, a_2\.png"):
        frames_of(tmp_path).numbers("s1/c1")


def test_folders_are_found_by_pattern_and_without_regard_to_case(make, tmp_path):
    make.frames(tmp_path / "Part_A" / "S1" / "J", [1])
    own = {"subject": "s1", "session": "S1", "clip": "J"}
    places = {"x": Place(own), "y": Place(own | {"clip": "k"})}
    patterns = ["{subject}/{clip}", "part_a/{session}/{clip}"]
    frames = FolderFrames.find(tmp_path, patterns, places)
    assert frames.folders == {"x": "Part_A/S1/J"}


def test_folders_that_differ_in_case_only_are_told_apart_or_refused(make, tmp_path):
    make.frames(tmp_path / "a", [1])
    make.frames(tmp_path / "A", [2])
    if len(list(tmp_path.iterdir())) == 1:
        pytest.skip("this file system does not tell a from A")
    frames = FolderFrames.find(tmp_path, ["{clip}"], {"x": Place({"clip": "A"})})
    assert frames.numbers("x").tolist() == [2]
    make.frames(tmp_path / "bB", [1])
    make.frames(tmp_path / "Bb", [1])
    with pytest.raises(FrameError, match="bb fits several folders: Bb, bB"):
        FolderFrames.find(tmp_path, ["{clip}"], {"x": Place({"clip": "bb"})})


def test_a_pattern_with_an_unknown_placeholder_is_the_manifests_mistake(tmp_path):
    with pytest.raises(ManifestError, match="known placeholders are"):
        FolderFrames.find(tmp_path, ["{video}"], {"x": Place({"clip": "c"})})


def test_frames_survive_pickling(make, tmp_path):
    make.frames(tmp_path / "c1", [3])
    frames = frames_of(tmp_path)
    frames.numbers("s1/c1")
    copy = pickle.loads(pickle.dumps(frames))
    assert (copy.read("s1/c1", 3) == frames.read("s1/c1", 3)).all()
