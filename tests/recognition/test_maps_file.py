"""Maps of the user's own: read, matched by id, refused; and written."""

import zipfile

import numpy as np
import pandas as pd
import pytest

import mebias
from mebias import errors
from mebias.recognition import maps_file
from mebias.recognition.inputs import make_inputs
from mebias.recognition.maps_file import read_maps, write_maps


@pytest.fixture
def files(tmp_path):
    """Writes maps and clips, with whatever is given instead, and returns their paths."""
    rng = np.random.default_rng(0)
    arrays = {
        "clip": np.array(["a/1", "a/2", "b/1"]),
        "rising": rng.normal(size=(3, 2, 4, 5)).astype(np.float32),
        "falling": rng.normal(size=(3, 2, 4, 5)).astype(np.float32),
    }
    rows = {"clip": ["b/1", "a/1", "a/2"], "subject": ["b", "a", "a"], "label": ["2", "10", "2"]}

    def write(change=None, clips=None, save=np.savez):
        own = {k: v for k, v in {**arrays, **(change or {})}.items() if v is not None}
        save(tmp_path / "maps.npz", **own)
        table = {k: v for k, v in {**rows, **(clips or {})}.items() if v is not None}
        pd.DataFrame(table).to_csv(tmp_path / "clips.csv", index=False)
        return tmp_path / "maps.npz", tmp_path / "clips.csv"

    write.arrays = arrays
    return write


def test_maps_are_matched_by_id_and_labels_are_text(files):
    inputs = read_maps(*files())
    assert inputs.clips["clip"].tolist() == ["b/1", "a/1", "a/2"]
    expected = np.stack([files.arrays["rising"], files.arrays["falling"]], axis=1)[[2, 0, 1]]
    assert np.array_equal(inputs.maps("input"), expected)
    assert inputs.maps("input", np.array([1])).dtype == np.float32
    assert inputs.classes == ("2", "10")
    assert inputs.labels.tolist() == [0, 1, 0]
    assert inputs.people.tolist() == ["data/b", "data/a", "data/a"]
    assert set(inputs.clips["ethnicity"]) == {"unknown"}
    assert inputs.issues.empty


def test_rising_alone_and_whole_numbers_of_8_bits_will_do(files):
    rising = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 1, 4, 5)
    inputs = read_maps(*files({"rising": rising, "falling": None}, save=np.savez_compressed))
    assert inputs.maps("input").shape == (3, 1, 1, 4, 5)
    assert np.array_equal(inputs.maps("input")[1, 0], rising[0])
    with pytest.raises(errors.OptionError, match="without onset and apex frames"):
        inputs.context("input")


def test_datasets_groups_and_text_labels_are_kept(files):
    given = {"dataset": ["x", "y", ""], "ethnicity": ["A", "", "B"], "label": ["p", "n", " p"]}
    inputs = read_maps(*files(clips=given))
    assert inputs.people.tolist() == ["x/b", "y/a", "data/a"]
    assert inputs.clips["ethnicity"].tolist() == ["A", "unknown", "B"]
    assert inputs.classes == ("n", "p")


def test_clips_of_one_file_alone_are_left_out_and_told(files):
    path = files({"clip": np.array(["a/1", "a/2", "c/9"])})
    inputs = read_maps(*path)
    assert inputs.clips["clip"].tolist() == ["a/1", "a/2"]
    assert np.array_equal(inputs.maps("input")[0, 0], files.arrays["rising"][0])
    messages = inputs.issues["message"].tolist()
    assert messages[0].startswith("1 clip of clips.csv is not in maps.npz and is left out")
    assert "b/1" in messages[0]
    assert "c/9" in messages[1]


def with_nan(files, where):
    rising = files.arrays["rising"].copy()
    rising[1, 1, 2, 3] = where
    return {"rising": rising}


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_is_refused_with_the_clip(files, value):
    with pytest.raises(errors.MapError, match=r"'rising' holds NaN.*1 clip \(a/2\)"):
        read_maps(*files(with_nan(files, value)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rising": None}, r"no array 'rising' \(found: clip, falling\)"),
        ({"clip": np.array(["a/1", "a/2"])}, r"'rising' has shape \(3, .*expected 2 clips"),
        ({"clip": np.array(["a/1", "a/1", "b/1"])}, "clip a/1 is there twice"),
        ({"clip": np.array([1, 2, 3])}, "expected a list of unicode"),
        ({"rising": np.zeros((3, 4, 5))}, "expected 3 clips x channels"),
        ({"rising": np.zeros((3, 2, 4, 0))}, "expected 3 clips x channels"),
        ({"rising": np.zeros((3, 2, 4, 5), dtype=np.int32)}, "int32; expected float or uint8"),
        ({"falling": np.zeros((3, 2, 4, 6))}, "expected one shape for both"),
        ({"rising": np.full((3, 2, 4, 5), -1e300)}, r"values up to 1e\+300; expected at most 1e"),
        ({"clip": np.array(["x", "y", "z"])}, "none of the clips of clips.csv"),
        ({"clip": np.array(["a/1", "a/2", "b/1"], dtype=object)}, "cannot be read as an .npz"),
    ],
)
def test_what_does_not_fit_is_refused(files, change, message):
    with pytest.raises(errors.MapError, match=message):
        read_maps(*files(change))


@pytest.mark.parametrize(
    ("clips", "message"),
    [
        ({"label": None}, "no column label"),
        ({"clip": ["a/1", "a/1", "b/1"]}, "the clip a/1 twice"),
        ({"subject": ["b", "", "a"]}, "row 3, column subject: found nothing"),
    ],
)
def test_a_clips_table_that_cannot_be_used_is_refused(files, clips, message):
    with pytest.raises(errors.TableError, match=message):
        read_maps(*files(clips=clips))


def test_real_and_simulated_clips_do_not_mix(files):
    with pytest.raises(errors.MixedDataError):
        read_maps(*files(clips={"dataset": ["SIMULATED x", "x", "x"]}))


def test_nothing_pickled_is_loaded(files, tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path.joinpath("sprung").write_text, ("yes",))

    with pytest.raises(errors.MapError, match="plain arrays"):
        read_maps(*files({"rising": np.array([Trap()] * 3, dtype=object)}))
    assert not (tmp_path / "sprung").exists()


def test_damaged_and_missing_files_and_bombs_are_refused(files, tmp_path, monkeypatch):
    maps, clips = files()
    whole = maps.read_bytes()
    for content in (b"", b"not a zip", whole[: len(whole) // 2]):
        maps.write_bytes(content)
        with pytest.raises(errors.MapError, match=r"maps\.npz"):
            read_maps(maps, clips)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 255
    maps.write_bytes(bytes(flipped))
    with pytest.raises(errors.MapError, match=r"maps\.npz"):
        read_maps(maps, clips)
    with pytest.raises(errors.MapError, match="was not found"):
        read_maps(tmp_path / "no.npz", clips)
    maps, clips = files(save=np.savez_compressed)
    with zipfile.ZipFile(maps) as archive:
        size = sum(info.file_size for info in archive.infolist())
    monkeypatch.setattr(maps_file, "MOST_BYTES", size - 1)
    with pytest.raises(errors.MapError, match="unpacks to"):
        read_maps(maps, clips)
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(errors.MapError, match=r"one\.npy"):
        read_maps(tmp_path / "one.npy", clips)


def test_what_is_written_is_read_again(tmp_path):
    cohort = mebias.simulate("4dme", seed=3, n_subjects=4, n_clips=7, size=(32, 32))
    for kind in ("difference", "flow"):
        inputs = make_inputs(cohort, {"human": None, "jitter#0": mebias.reselect(cohort)},
                             labels="3-class", kind=kind)  # fmt: skip
        maps, clips = write_maps(inputs, tmp_path / kind, "jitter#0")
        assert maps.name == "jitter-0.npz"
        again = read_maps(maps, clips)
        assert np.array_equal(again.maps("input"), inputs.maps("jitter#0"))
        pd.testing.assert_frame_equal(again.clips, inputs.clips)
        assert np.array_equal(again.labels, inputs.labels)
        assert sorted(p.name for p in (tmp_path / kind).iterdir()) == ["clips.csv", maps.name]


def test_a_shared_clip_id_and_a_folder_that_is_a_file_are_refused(files, tmp_path):
    inputs = read_maps(*files())
    inputs.clips["clip"] = "a/1"
    with pytest.raises(errors.MapError, match="two datasets have a clip a/1"):
        write_maps(inputs, tmp_path, "input")
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.OutputError, match="cannot be written"):
        write_maps(read_maps(*files()), tmp_path / "file", "input")
