"""Inputs of a recognizer: what maps hold, what is left out, what is decoded."""

import dataclasses

import cv2
import numpy as np
import pytest

import mebias
from mebias import errors, tables
from mebias.recognition import flow
from mebias.recognition.inputs import join_inputs, make_inputs
from mebias.recognition.stored import FINE


@pytest.fixture(scope="module")
def cohort():
    return mebias.simulate("4dme", seed=3, n_subjects=5, n_clips=10, size=(48, 40))


@pytest.fixture(scope="module")
def selected(cohort):
    return mebias.reselect(cohort, rule="gamdss")


class Counted:
    """Frames that count how often each is read."""

    def __init__(self, frames, change=None):
        self.frames, self.change, self.reads = frames, change or (lambda image, *_: image), []

    def numbers(self, clip):
        return self.frames.numbers(clip)

    def read(self, clip, number):
        self.reads.append((clip, number))
        return self.change(self.frames.read(clip, number), clip, number)


def frames_of(keyframes, clip):
    own = keyframes[keyframes["clip"] == clip].set_index("keyframe")["frame"]
    return [int(own[k]) for k in tables.KEYFRAMES]


def by_hand(cohort, triple, clip, size):
    onset, apex, offset = (
        cv2.resize(cohort.frames.read(clip, n).astype(float), (size, size),
                   interpolation=cv2.INTER_AREA)
        for n in triple
    )  # fmt: skip
    return np.stack([apex - onset, apex - offset])


def test_differences_are_those_of_the_averaged_frames(cohort, selected):
    inputs = make_inputs(cohort, {"human": None, "gamdss": selected}, size=14)
    assert inputs.maps("gamdss").dtype == np.float32
    assert inputs.maps("gamdss").shape == (10, 2, 1, 14, 14)
    for source, table in (("human", cohort.keyframes), ("gamdss", selected)):
        maps = inputs.maps(source)
        for row, clip in enumerate(inputs.clips["clip"]):
            expected = by_hand(cohort, frames_of(table, clip), clip, 14)
            np.testing.assert_allclose(maps[row, :, 0], expected, atol=1.01 / FINE)
    assert not np.array_equal(inputs.maps("human"), inputs.maps("gamdss"))


def test_context_is_the_onset_and_the_apex(cohort):
    inputs = make_inputs(cohort, {"human": None}, size=20)
    clip = inputs.clips["clip"][2]
    onset, apex, _ = frames_of(cohort.keyframes, clip)
    for branch, number in enumerate((onset, apex)):
        expected = cv2.resize(cohort.frames.read(clip, number).astype(np.float32), (20, 20),
                              interpolation=cv2.INTER_AREA)  # fmt: skip
        got = inputs.context("human", np.array([2]))[0, branch, 0]
        np.testing.assert_allclose(got, expected, atol=1 / FINE)


def test_some_rows_are_rows_of_all(cohort, selected):
    for kind in ("difference", "flow"):
        inputs = make_inputs(cohort, {"gamdss": selected}, size=12, kind=kind)
        rows = np.array([4, 0, 7])
        assert np.array_equal(inputs.maps("gamdss", rows), inputs.maps("gamdss")[rows])


def test_large_maps_keep_whole_gray_levels_in_half_the_memory(cohort):
    large = make_inputs(cohort, {"human": None}, size=66)
    assert large.store.frames.dtype == np.uint8
    assert make_inputs(cohort, {"human": None}, size=64).store.frames.dtype == np.int16
    assert np.array_equal(large.maps("human"), np.rint(large.maps("human")))
    assert large.maps("human").min() < -5


def test_color_comes_as_red_green_blue():
    cohort = mebias.simulate("casme2", seed=1, n_subjects=2, n_clips=2, size=(32, 32))
    image = cohort.frames.read(cohort.clips["clip"][0], int(cohort.keyframes["frame"][0]))
    assert image.ndim == 3
    inputs = make_inputs(cohort, {"human": None}, size=32, color=True)
    assert inputs.channels == ("red", "green", "blue")
    np.testing.assert_allclose(
        inputs.context("human")[0, 0], image[:, :, ::-1].transpose(2, 0, 1), atol=1e-6
    )


def test_gray_frames_have_three_equal_channels_in_color(cohort):
    context = make_inputs(cohort, {"human": None}, color=True).context("human")
    assert context.shape[2] == 3
    assert np.array_equal(context[:, :, 0], context[:, :, 2])


def test_each_frame_is_decoded_once_over_all_sources(cohort, selected):
    frames = Counted(cohort.frames)
    counted = dataclasses.replace(cohort, frames=frames)
    other = mebias.reselect(cohort, rule="jitter")
    inputs = make_inputs(counted, {"human": None, "gamdss": selected, "jitter": other})
    assert len(frames.reads) == len(set(frames.reads))
    needed = {
        (clip, n)
        for table in (cohort.keyframes, selected, other)
        for clip in cohort.clips["clip"]
        for n in frames_of(table, clip)
    }
    assert set(frames.reads) == needed
    before = len(frames.reads)
    for source in inputs.sources:
        inputs.maps(source)
    assert len(frames.reads) == before


def test_flow_follows_a_known_displacement_from_onset_to_apex_and_from_offset():
    rng = np.random.default_rng(0)
    base = cv2.GaussianBlur(rng.integers(0, 255, (128, 128)).astype(np.uint8), (0, 0), 4)
    stretched = cv2.normalize(base, None, 0, 255, cv2.NORM_MINMAX)

    def shifted(dx, dy):
        return np.roll(np.roll(stretched, dx, axis=1), dy, axis=0)

    found = flow.flow_maps(
        flow.flow_frame(shifted(0, 0)), flow.flow_frame(shifted(3, -2)), (16, 16)
    )
    inner = found[:, 3:-3, 3:-3]
    np.testing.assert_allclose(inner.mean(axis=(1, 2)), [3, -2, 0], atol=0.15)
    # a frame twice as large is halved before: displacements count in its pixels then
    large = [cv2.resize(shifted(*d), (256, 256)) for d in ((0, 0), (3, -2))]
    again = flow.flow_maps(*(flow.flow_frame(image) for image in large), (16, 16))
    np.testing.assert_allclose(again[:, 3:-3, 3:-3].mean(axis=(1, 2)), [3, -2, 0], atol=0.2)


def test_strain_is_that_of_a_stretch():
    y, x = np.mgrid[0:128, 0:128].astype(np.float32)
    texture = np.sin(x / 5) * np.cos(y / 6) * 100 + 120
    stretched = cv2.remap(texture.astype(np.float32), 64 + (x - 64) / 1.05, y, cv2.INTER_LINEAR)
    u, v, strain = flow.flow_maps(texture.astype(np.uint8), stretched.astype(np.uint8), (8, 8))
    inner = np.s_[2:6, 2:6]
    assert np.isclose(np.median(strain[inner]), 0.05, atol=0.02)
    assert abs(v[inner]).max() < 0.3
    assert u[4, 5] > u[4, 4] > u[4, 3]  # to the right of the middle it moves right


def test_flow_maps_of_inputs_go_from_onset_and_offset_to_the_apex(cohort, selected):
    inputs = make_inputs(cohort, {"human": None, "gamdss": selected}, kind="flow", size=10)
    assert inputs.channels == ("u", "v", "strain")
    assert inputs.mirrored == (0,)
    clip = inputs.clips["clip"][3]
    images = [flow.flow_frame(cohort.frames.read(clip, n)) for n in frames_of(selected, clip)]
    for branch, start in enumerate((0, 2)):
        expected = flow.flow_maps(images[start], images[1], (10, 10))
        assert np.array_equal(inputs.maps("gamdss")[3, branch], expected)
    assert inputs.context("gamdss").shape == (10, 2, 1, 10, 10)


def test_clips_without_a_keyframe_in_one_source_are_left_out_of_all(cohort, selected):
    first, second = cohort.clips["clip"][:2]
    keyframes = cohort.keyframes.copy()
    gone = (keyframes["clip"] == first) & (keyframes["keyframe"] == "apex")
    keyframes.loc[gone, ["frame", "status"]] = [np.nan, "missing"]
    made_up = (keyframes["clip"] == second) & (keyframes["keyframe"] == "onset")
    keyframes.loc[made_up, "status"] = "imputed"
    lacking = dataclasses.replace(cohort, keyframes=keyframes)
    inputs = make_inputs(lacking, {"human": None, "gamdss": selected})
    assert inputs.clips["clip"].tolist() == cohort.clips["clip"].tolist()[2:]
    assert inputs.maps("gamdss").shape[0] == len(inputs) == 8
    message = inputs.issues.loc[inputs.issues["field"] == "keyframe", "message"].item()
    assert message.startswith("2 clips are left out of all arms")
    assert first in message
    assert second in message


def test_a_failed_selection_is_the_human_one_and_is_told(cohort, selected):
    first = cohort.clips["clip"][0]
    failed = (selected["clip"] == first) & (selected["keyframe"] == "offset")
    partly = selected.assign(
        status=selected["status"].mask(failed, "failed"), frame=selected["frame"].mask(failed)
    )
    inputs = make_inputs(cohort, {"human": None, "gamdss": partly})
    assert np.array_equal(inputs.maps("gamdss")[0], inputs.maps("human")[0])
    row = inputs.issues[inputs.issues["field"] == "gamdss"].iloc[0]
    assert row["found"] == "1 of 10 clips"
    assert first in row["message"]


def test_a_frame_that_is_not_on_disk_is_the_nearest_and_is_told(cohort):
    clip = cohort.clips["clip"][0]
    apex = frames_of(cohort.keyframes, clip)[1]

    class Gaps(Counted):
        def numbers(self, name):
            numbers = self.frames.numbers(name)
            return numbers[numbers != apex] if name == clip else numbers

    frames = Gaps(cohort.frames)
    inputs = make_inputs(dataclasses.replace(cohort, frames=frames), {"human": None})
    assert (clip, apex - 1) in frames.reads
    assert "in 1 clip a keyframe is not on disk" in inputs.issues["message"].iloc[0]


def test_frames_of_two_sizes_or_16_bits_leave_their_clip_out(cohort):
    first, second = cohort.clips["clip"][:2]
    apex = frames_of(cohort.keyframes, first)[1]

    def change(image, clip, number):
        if (clip, number) == (first, apex):
            return image[:-1]
        return image.astype(np.uint16) if clip == second else image

    broken = dataclasses.replace(cohort, frames=Counted(cohort.frames, change))
    inputs = make_inputs(broken, {"human": None})
    assert len(inputs) == 8
    messages = inputs.issues["message"]
    assert messages.str.contains(r"differ in size \(\(47, 40\), \(48, 40\)\)").any()
    assert messages.str.contains("uint16").any()
    assert set(inputs.issues["clip"]) >= {first, second}


def test_an_unreadable_image_stops_unless_told_otherwise(cohort):
    clip = cohort.clips["clip"][1]

    def change(image, name, number):
        if name == clip:
            raise errors.FrameError(f"{name}/{number}.jpg is truncated.")
        return image

    broken = dataclasses.replace(cohort, frames=Counted(cohort.frames, change))
    with pytest.raises(errors.FrameError, match="truncated"):
        make_inputs(broken, {"human": None})
    inputs = make_inputs(broken, {"human": None}, skip_bad_frames=True)
    assert len(inputs) == 9
    assert clip in inputs.issues["message"].iloc[0]


def test_classes_come_from_the_schemes_of_the_manifest(cohort):
    inputs = make_inputs(cohort, {"human": None}, labels="3-class")
    assert inputs.classes == ("negative", "positive", "surprise")
    emotions = cohort.clips.set_index("clip")["emotion"]
    for clip, label in zip(inputs.clips["clip"], inputs.labels, strict=True):
        emotion = {"Repression": "negative"}.get(emotions[clip], emotions[clip].lower())
        assert inputs.classes[label] == emotion
    n_others = int((cohort.clips["emotion"] == "Others").sum())
    assert n_others > 0
    assert f"{n_others} clips are left out" in inputs.issues["message"].iloc[0]
    with pytest.raises(errors.OptionError, match="no class scheme '4-class'"):
        make_inputs(cohort, {"human": None}, labels="4-class")


def test_datasets_are_joined_clip_by_clip(cohort):
    other = mebias.simulate("samm", seed=1, n_subjects=4, n_clips=8, size=(40, 40))
    for kind in ("difference", "flow"):
        parts = [make_inputs(c, {"human": None, "gamdss": mebias.reselect(c)}, labels="3-class",
                             kind=kind) for c in (cohort, other)]  # fmt: skip
        both = join_inputs(parts)
        assert len(both) == len(parts[0]) + len(parts[1])
        expected = np.concatenate([p.maps("gamdss") for p in parts])
        assert np.array_equal(both.maps("gamdss"), expected)
        expected = np.concatenate([p.context("gamdss") for p in parts])
        assert np.array_equal(both.context("gamdss"), expected)
        assert np.array_equal(both.labels, np.concatenate([p.labels for p in parts]))
    assert len(set(both.people)) == len({*parts[0].people, *parts[1].people})


def test_what_differs_is_not_joined(cohort):
    def made(**options):
        return make_inputs(cohort, {"human": None}, **options)

    with pytest.raises(errors.OptionError, match="a dataset twice"):
        join_inputs([made(), made()])
    other = mebias.simulate("samm", seed=1, n_subjects=4, n_clips=8, size=(40, 40))
    there = make_inputs(other, {"human": None}, labels="3-class")
    with pytest.raises(errors.OptionError, match="same class scheme"):
        join_inputs([made(), there])
    with pytest.raises(errors.OptionError, match="make them alike"):
        join_inputs([made(labels="3-class", size=30), there])
    with pytest.raises(errors.OptionError, match="make them alike"):
        join_inputs([made(labels="3-class", kind="flow"), there])


def test_what_cannot_be_made_is_said(cohort, selected):
    with pytest.raises(errors.OptionError, match="without frames"):
        make_inputs(dataclasses.replace(cohort, frames=None), {"human": None})
    with pytest.raises(errors.OptionError, match="no source"):
        make_inputs(cohort, {})
    with pytest.raises(errors.OptionError, match="difference or flow"):
        make_inputs(cohort, {"human": None}, kind="strain")
    with pytest.raises(errors.OptionError, match="2 to 1024"):
        make_inputs(cohort, {"human": None}, size=1)
    with pytest.raises(errors.OptionError, match=r"no clip to learn from.*emotion is in no class"):
        make_inputs(cohort, {"human": None}, labels={"Joy": "joy"})
    with pytest.raises(errors.MixedDataError):
        make_inputs(cohort, {"gamdss": selected.assign(dataset="4dme")})
    inputs = make_inputs(cohort, {"human": None})
    with pytest.raises(errors.OptionError, match="no maps of 'gamdss'"):
        inputs.maps("gamdss")
