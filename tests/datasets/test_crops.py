"""One box per clip, masks, and what an audit says of frames that show more than a face."""

import pickle

import cv2
import numpy as np
import pytest
from authors import build

import mebias
from mebias.cohort import Film
from mebias.datasets import crops, load
from mebias.errors import AnnotationError, DataRootError, FrameError, OptionError

HEADER = ["clip", "subject", "onset", "apex", "offset", "fps"]


class Still:
    """A source in which each clip shows one picture all along."""

    def __init__(self, pictures):
        self.pictures = pictures

    def numbers(self, clip):
        return np.arange(1, 6) if clip in self.pictures else np.empty(0, dtype=np.int64)

    def read(self, clip, number):
        return self.pictures[clip]


def faces(sizes):
    """Simulated faces, enlarged and set into a wider frame; their clips."""
    cohort = mebias.simulate("4dme", n_subjects=4, n_clips=4, size=(160, 160))
    pictures = {}
    for (clip, pad), number in zip(
        zip(cohort.clips["clip"], sizes, strict=True), range(4), strict=True
    ):
        face = cohort.frames.read(clip, int(cohort.frames.numbers(clip)[0]))
        if pad is None:
            pictures[clip] = np.full((160, 160), 90 + number, dtype=np.uint8)
        else:
            pictures[clip] = cv2.copyMakeBorder(face, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    return Still(pictures), cohort.clips


@pytest.fixture
def own(make, tmp_path):
    rows = [[f"c{i}", f"s{i}", 2, 3, 4, 100] for i in range(3)]
    make.csv(tmp_path / "annotations.csv", [HEADER, *rows])
    for i in range(3):
        make.frames(tmp_path / "frames" / f"c{i}", range(1, 6))
    return tmp_path


def test_frames_are_cut_to_the_box_of_their_clip(own, make):
    rows = [["c0", 4, 2, 10, 8], ["c1", 0, 0, 32, 24]]
    boxes = make.csv(own / "boxes.csv", [["clip", "x", "y", "w", "h"], *rows])
    whole, cut = load("folder", own), load("folder", own, boxes=boxes)
    np.testing.assert_array_equal(cut.frames.read("c0", 3), whole.frames.read("c0", 3)[2:10, 4:14])
    np.testing.assert_array_equal(cut.frames.read("c1", 3), whole.frames.read("c1", 3))
    np.testing.assert_array_equal(cut.frames.read("c2", 3), whole.frames.read("c2", 3))
    assert cut.boxes[["clip", "x", "y", "w", "h"]].to_numpy().tolist() == rows
    said = cut.issues.query("check == 'cropping'")["message"].item()
    assert said == "boxes.csv has no box for c2 (left whole)."
    assert "boxes.csv (SHA-256" in cut.settings["frames"]["prepared"]
    assert pickle.loads(pickle.dumps(cut.frames)).read("c0", 3).shape == (8, 10)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([["c0", 4, 2, 0, 8]], "row 2: found no box for clip 'c0'"),
        ([["c0", 4, 2, 5, ""]], "row 2: found no box for clip 'c0'"),
        ([["c0", 4, 2, 5, 5], ["c0", 4, 2, 5, 5]], "row 3: found a second box for clip 'c0'"),
        ([["c0", -4, 2, 5, 5]], "column 'x' (B): found '-4'"),
    ],
)
def test_a_bad_box_is_refused(own, make, rows, words):
    boxes = make.csv(own / "boxes.csv", [["clip", "x", "y", "w", "h"], *rows])
    with pytest.raises(AnnotationError) as caught:
        load("folder", own, boxes=boxes)
    assert words in str(caught.value)


def test_a_box_beyond_the_frame_is_refused_when_it_is_read(own, make):
    boxes = make.csv(own / "boxes.csv", [["clip", "x", "y", "w", "h"], ["c0", 20, 2, 20, 5]])
    with pytest.raises(FrameError, match=r"20 x 5 reaches beyond the frame of 32 x 24 pixels"):
        load("folder", own, boxes=boxes).frames.read("c0", 3)


def test_options_that_do_not_go_together(own, make, tmp_path):
    boxes = make.csv(own / "boxes.csv", [["clip", "x", "y", "w", "h"], ["c0", 0, 0, 20, 5]])
    with pytest.raises(OptionError, match="give one of them"):
        load("folder", own, boxes=boxes, crop="auto")
    with pytest.raises(OptionError, match="mask is 'nose'; expected one of eyes, mouth"):
        load("folder", own, mask="nose")
    with pytest.raises(OptionError, match="crop is 'face'"):
        load("folder", own, crop="face")
    with pytest.raises(AnnotationError, match=r"no\.csv was not found"):
        load("folder", own, boxes=own / "no.csv")
    with pytest.raises(DataRootError, match="no frames were found under"):
        load("folder", own, crops=own / "frames" / "c0")


def test_masks_blank_the_eyes_or_all_but_the_mouth(own):
    whole = load("folder", own).frames.read("c0", 3)
    eyes = load("folder", own, mask="eyes").frames.read("c0", 3)
    mouth = load("folder", own, mask="mouth").frames.read("c0", 3)
    left, top, right, bottom = crops.MASKS["eyes"]
    assert not eyes[
        round(24 * top) : round(24 * bottom), round(32 * left) : round(32 * right)
    ].any()
    np.testing.assert_array_equal(eyes[round(24 * bottom) :], whole[round(24 * bottom) :])
    left, top, right, bottom = crops.MASKS["mouth"]
    lower = (slice(round(24 * top), None), slice(round(32 * left), round(32 * right)))
    np.testing.assert_array_equal(mouth[lower], whole[lower])
    assert not mouth[: round(24 * top)].any()


def test_a_face_is_found_once_per_clip_and_its_box_is_wider():
    source, clips = faces([80, 80, 80, 80])
    prepared = crops.prepare(source, clips, crop="auto")
    assert len(prepared.boxes) == 4
    assert prepared.boxes["how"].str.fullmatch(r"face in frame 1").all()
    for clip, x, y, w, h in prepared.boxes[["clip", "x", "y", "w", "h"]].itertuples(index=False):
        face = crops.largest_face(source.pictures[clip])
        assert x < face[0] < face[0] + face[2] < x + w
        assert y < face[1] < face[1] + face[3] < y + h
        center = (x + w / 2, y + h / 2)
        assert np.abs(np.array(center) - 160).max() < 25, "the face stands in the middle"
        assert prepared.frames.read(clip, 2).shape == (h, w)
    assert prepared.issues == []
    again = crops.prepare(source, clips, crop="auto").boxes
    assert again.equals(prepared.boxes)


def test_without_a_face_the_median_of_other_clips_is_taken_and_said():
    source, clips = faces([0, 0, 0, None])
    prepared = crops.prepare(source, clips, crop="auto")
    last = prepared.boxes.iloc[-1]
    assert last["how"] == "median of the dataset's clips"
    others = prepared.boxes.iloc[:3]
    assert last["x"] == int(others["x"].median())
    assert "no face was found in 1 of 4 clips" in prepared.issues[0]["message"]
    alone, clips = faces([None] * 4)
    prepared = crops.prepare(alone, clips, crop="auto")
    assert prepared.boxes.empty
    assert "4 of 4 clips" in prepared.issues[0]["message"]
    assert "they stay whole" in prepared.issues[0]["message"]


def test_the_audit_tells_uncropped_frames_from_faces():
    source, clips = faces([160] * 4)
    (issue,) = crops.framing_issues(source, clips)
    assert issue["check"] == "uncropped"
    assert "takes 2" in issue["message"] or "takes 1" in issue["message"]
    assert crops.framing_issues(*faces([0] * 4)) == []
    assert crops.framing_issues(*faces([None] * 4)) == [], "without faces nothing can be told"


def test_the_audit_names_clips_whose_frames_change_size(own, make):
    (own / "frames" / "c1" / "5.png").write_bytes(make.image(5, shape=(20, 20)))
    (own / "frames" / "c2" / "3.png").write_bytes(make.image(3)[:60])
    cohort = load("folder", own)
    issues = crops.framing_issues(cohort.frames, cohort.clips)
    assert [(i["check"], i["clip"]) for i in issues] == [
        ("frame size", "c1"), ("unreadable frame", "c2"),
    ]  # fmt: skip
    assert "frame 1: 32 x 24, frame 5: 20 x 20" in issues[0]["message"]
    checks = mebias.audit(cohort)["check"].tolist()
    assert "frame size" in checks
    assert "frame size" not in mebias.audit(cohort, images=False)["check"].tolist()


def test_crops_are_read_from_a_root_of_their_own(tmp_path):
    raw = build("casme2", tmp_path / "raw", variant="2014")
    cut = build("casme2", tmp_path / "cut", variant="2014+cropped")
    cohort = load("casme2", raw.root, crops=cut.root)
    assert cohort.settings["frames"]["from"] == "crops"
    clip = cohort.clips["clip"].iloc[0]
    assert cohort.frames.path(clip, int(cohort.frames.numbers(clip)[0])).is_relative_to(cut.root)


def test_crops_of_clips_without_a_table(tmp_path):
    raw = build("smic", tmp_path / "raw", variant="raw-hs")
    cut = build("smic", tmp_path / "cut", variant="raw-hs+cropped")
    cohort = load("smic", raw.root, crops=cut.root / "SMIC_all_cropped")
    assert (cohort.clips["n_frames"] > 0).all()


def test_a_film_reads_nothing_before_it_is_asked():
    source, clips = faces([0] * 4)
    clip = clips["clip"].iloc[0]
    read = []
    source.read = lambda c, n: read.append(n) or np.zeros((2, 2), dtype=np.uint8)
    film = Film(source, clip)
    assert (len(film), film.numbers.tolist(), read) == (5, [1, 2, 3, 4, 5], [])
    assert film[0].shape == (2, 2)
    assert len(film[1:3]) == 2
    film.at(4)
    assert read == [1, 2, 3, 4]
    assert len(list(film)) == 5
    film.numbers = np.array([2, 4, 9])
    assert [film.nearest(n) for n in (0, 3, 5, 7, 99)] == [2, 2, 4, 9, 9]


def test_a_film_of_a_cohort():
    cohort = mebias.simulate("4dme", n_subjects=3, n_clips=3, size=(16, 16))
    clip = cohort.clips["clip"].iloc[0]
    np.testing.assert_array_equal(
        cohort.film(clip)[3], cohort.frames.read(clip, int(cohort.frames.numbers(clip)[3]))
    )
    with pytest.raises(OptionError, match="has no clip 's01/s01_9'; did you mean s01/s01_0"):
        cohort.film("s01/s01_9")
