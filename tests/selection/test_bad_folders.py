"""Bad images and labels in a folder of one's own, through the library and the command line."""

import csv

import cv2
import numpy as np
import pytest

import mebias
from mebias import tables
from mebias.cli import main
from mebias.errors import FrameError

HEADER = ["clip", "subject", "onset", "apex", "offset", "fps"]
LABELS = {"c1": (5, 15, 25), "c2": (5, 15, 25), "c3": (5, 15, 25), "c4": (5, 15, 25)}


def moving(number, shape=(24, 24)):
    """A frame of a bright spot that comes and goes, with noise."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    spot = 80 * np.exp(-((x - 14) ** 2 + (y - 10) ** 2) / 18 - 0.5 * ((number - 15) / 4) ** 2)
    noise = 2 * np.random.default_rng(number).standard_normal(shape)
    return np.clip(90 + 20 * np.sin(x) * np.cos(y / 2) + spot + noise, 0, 255).astype(np.uint8)


def write(path, image):
    done, data = cv2.imencode(".png", image)
    assert done
    path.write_bytes(data.tobytes())


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Four clips of 30 frames, each of a subject of its own."""
    monkeypatch.delenv("MEBIAS_DATA", raising=False)
    folder = tmp_path / "own"
    for clip in LABELS:
        (folder / "frames" / clip).mkdir(parents=True)
        for number in range(1, 31):
            write(folder / "frames" / clip / f"{number}.png", moving(number))
    label(folder)
    return folder


def label(folder, fps=100, **changed):
    labels = LABELS | changed
    rows = [[clip, f"s{clip}", *frames, fps] for clip, frames in labels.items()]
    with (folder / "annotations.csv").open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows([HEADER, *rows])


def image_of(root, number=15, clip="c2"):
    return root / "frames" / clip / f"{number}.png"


SPOILED = {
    "16 bits": (lambda image: image.astype(np.uint16) * 200, "c2/15.png holds uint16 values"),
    "transparency": (lambda image: cv2.cvtColor(image, cv2.COLOR_GRAY2BGRA), "has 4 channels"),
    "another size": (lambda image: image[:, :20], "shape"),
    "color amid gray": (lambda image: cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), "shape"),
}


@pytest.mark.parametrize("kind", SPOILED)
@pytest.mark.parametrize("rule", ["gamdss", "motion", "motion-blind"])
def test_an_image_of_another_kind_fails_its_clip_alone(root, kind, rule):
    whole = mebias.reselect(mebias.load("folder", root), rule)
    assert "failed" not in set(whole["status"])
    spoil, words = SPOILED[kind]
    write(image_of(root), spoil(moving(15)))
    table = mebias.reselect(mebias.load("folder", root), rule)
    bad = table["clip"].str.endswith("c2")
    assert bad.sum() == 3
    assert set(table.loc[bad, "status"]) == {"failed"}
    assert words in table.loc[bad, "reason"].iloc[0]
    columns = ["clip", "keyframe", "frame", "status"]
    assert table.loc[~bad, columns].equals(whole.loc[~bad, columns])


def test_frames_of_16_bits_and_with_transparency_are_refused_as_they_are_loaded(root):
    for kind, remedy in (("16 bits", "by one scale."), ("transparency", "without transparency.")):
        spoil, words = SPOILED[kind]
        write(image_of(root), spoil(moving(15)))
        frames = mebias.load("folder", root).frames
        clip = next(c for c in frames.folders if c.endswith("c2"))
        with pytest.raises(FrameError, match=words) as caught:
            frames.read(clip, 15)
        assert str(caught.value).endswith(remedy)


def run(capsys, root, *options, out):
    capsys.readouterr()
    code = main(["reselect", "folder", "--root", str(root), "--out", str(out), *options])
    told = capsys.readouterr()
    return code, told.out, told.err


def sentence(err):
    """The one line of an error."""
    (line,) = err.strip().splitlines()
    assert line.startswith("mebias: error: ")
    return line


@pytest.mark.parametrize("kind", SPOILED)
def test_the_command_goes_on_and_names_the_clip_that_failed(capsys, root, tmp_path, kind):
    spoil, words = SPOILED[kind]
    write(image_of(root), spoil(moving(15)))
    out = tmp_path / "o"
    code, text, err = run(capsys, root, "--rule", "gamdss", "--rule", "motion", out=out)
    assert (code, err) == (0, "")
    for name in ("gamdss, signed", "motion"):
        assert f"{name}: 4 clips, 1 failed\n  c2: " in text
    assert words in text
    keyframes = tables.read_csv(out / "keyframes.csv", "keyframes")
    failed = keyframes[keyframes["status"] == "failed"]
    assert failed["clip"].unique().tolist() == ["c2"]
    assert (failed["reason"] != "").all()
    shares = tables.read_csv(out / "disagreement.csv", "estimates")
    assert shares.query("quantity == 'share_any_moved'")["n_clips"].tolist() == [3, 3]


def test_clips_that_fail_for_one_reason_are_told_together(capsys, root, tmp_path):
    label(root, **dict.fromkeys(LABELS, (5, "", 25)))
    code, text, err = run(capsys, root, out=tmp_path / "o")
    assert (code, err) == (0, "")
    assert "4 clips, 4 failed\n  c1, c2, c3 and 1 more: no usable human apex\n" in text
    assert "gamdss signed: nothing can be told of its pairs of onset and apex" in text


@pytest.mark.parametrize("rule", ["gamdss", "motion"])
@pytest.mark.parametrize(
    ("content", "words"), [(b"", "c2/15.png is empty"), (b"no image", "not a readable image")]
)
def test_an_unreadable_image_stops_the_command_and_can_be_left_out(
    capsys, root, tmp_path, rule, content, words
):
    image_of(root).write_bytes(content)
    out = tmp_path / "o"
    code, _, err = run(capsys, root, "--rule", rule, out=out)
    assert code == 2
    assert words in sentence(err)
    assert "fetch the image anew" in err
    assert "--skip-bad-frames" in err
    assert not out.exists() or not list(out.iterdir())
    code, text, err = run(capsys, root, "--rule", rule, "--skip-bad-frames", out=out)
    assert (code, err) == (0, "")
    assert "4 clips, 1 failed\n  c2: frames/c2/15.png" in text


def test_short_clips_and_labels_off_the_disk_are_told_and_the_rest_goes_on(capsys, root, tmp_path):
    for number in range(3, 31):
        image_of(root, number, "c1").unlink()  # two frames are left
    for number in range(1, 31):
        image_of(root, number, "c4").unlink()  # and none of this clip
    label(root, c1=(1, 2, 2), c3=(400, 410, 420))
    options = ["--rule", "gamdss", "--rule", "motion"]
    code, text, err = run(capsys, root, *options, out=tmp_path / "o")
    assert (code, err) == (0, "")
    assert "c1: 2 frames are too few" in text
    assert "c3: none of the frames 400-401 for the onset is on disk: it has 1 to 30" in text
    assert "c4: none of the frames 5-6 for the onset is on disk: it has none" in text
    assert "gamdss, signed: 4 clips, 2 failed" in text
    assert "motion: 4 clips, 3 failed" in text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--rule", "gamdss", "--rule", "gamdss"], "two rules have the name 'gamdss'"),
        (["--distance", "uint8", "--distance", "uint8"], "expected one or more, each once"),
    ],
)
def test_names_given_twice_are_mistakes(capsys, root, tmp_path, options, words):
    out = tmp_path / "o"
    code, _, err = run(capsys, root, *options, out=out)
    assert code == 2
    assert words in sentence(err)
    assert not out.exists() or not list(out.iterdir())


@pytest.mark.parametrize(
    ("labels", "fps", "words"),
    [
        ({"c2": (15, 5, 25)}, 100, "row 3"), ({"c2": (5, 30, 25)}, 100, "row 3"),
        ({}, 0, "column 'fps'"), ({}, -30, "column 'fps'"), ({}, "", "column 'fps'"),
        ({"c2": (5, "nan?", 25)}, 100, "column 'apex'"),
    ],
)  # fmt: skip
def test_labels_without_meaning_stop_before_any_image_is_read(
    capsys, root, tmp_path, labels, fps, words
):
    label(root, fps, **labels)
    out = tmp_path / "o"
    code, _, err = run(capsys, root, out=out)
    assert code == 2
    assert words in sentence(err)
    assert "annotations.csv" in err
    assert not out.exists() or not list(out.iterdir())
