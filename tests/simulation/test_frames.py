"""Frames made on demand: the same whenever read, moved at the apex, noisy anew in each."""

import pickle

import numpy as np
import pytest

from mebias.errors import FrameError
from mebias.simulation import simulate

SMALL = {"n_subjects": 6, "n_clips": 12, "size": (64, 64)}


@pytest.fixture(scope="module")
def cohort():
    return simulate("samm", seed=2, **SMALL)


def clips(cohort):
    return cohort.clips["clip"].tolist()


def test_frames_are_as_the_clips_table_says(cohort):
    for row in cohort.clips.itertuples():
        numbers = cohort.frames.numbers(row.clip)
        assert numbers.dtype == np.int64
        assert (np.diff(numbers) == 1).all()
        assert (numbers[0], len(numbers)) == (row.first_frame, row.n_frames)
    image = cohort.frames.read(clips(cohort)[0], 1)
    assert (image.dtype, image.shape) == (np.uint8, (64, 64))


def test_color_where_the_dataset_is_in_color():
    source = simulate("casme3", n_subjects=3, n_clips=3, size=(48, 40)).frames
    image = source.read("s01/s01_01", 5)
    assert image.shape == (48, 40, 3)
    blue, _, red = image[20:30, 10:30].reshape(-1, 3).mean(axis=0)
    assert red > 1.2 * blue


def test_pixels_do_not_depend_on_the_order_of_reading(cohort):
    wanted = [(clip, int(n)) for clip in clips(cohort) for n in cohort.frames.numbers(clip)[::40]]
    first = {key: cohort.frames.read(*key) for key in wanted}
    again = simulate("samm", seed=2, **SMALL).frames
    for place in np.random.default_rng(0).permutation(len(wanted)):
        assert np.array_equal(again.read(*wanted[place]), first[wanted[place]])


def test_pickling_before_and_after_reading(cohort):
    clip = clips(cohort)[-1]
    image = cohort.frames.read(clip, 7)
    data = pickle.dumps(cohort.frames)
    assert len(data) < 20_000  # no faces in it
    assert np.array_equal(pickle.loads(data).read(clip, 7), image)


def test_a_frame_that_a_caller_changes_is_not_changed_for_the_next(cohort):
    clip = clips(cohort)[0]
    image = cohort.frames.read(clip, 3)
    kept = image.copy()
    image[:] = 0
    assert np.array_equal(cohort.frames.read(clip, 3), kept)


def test_trimmed_clips_have_the_same_labels_and_pixels(cohort):
    cut = simulate("samm", seed=2, trimmed=True, **SMALL)
    assert cut.keyframes.equals(cohort.keyframes)
    assert cut.truth.equals(cohort.truth)
    assert (cut.clips[["lead_frames", "tail_frames"]] == 0).all(axis=None)
    human = cut.keyframes.pivot_table(index="clip", columns="keyframe", values="frame")
    for clip in clips(cut):
        numbers = cut.frames.numbers(clip)
        assert (numbers[0], numbers[-1]) == (human["onset"][clip], human["offset"][clip])
        for number in numbers[[0, len(numbers) // 2, -1]].tolist():
            assert np.array_equal(cut.frames.read(clip, number), cohort.frames.read(clip, number))
        with pytest.raises(FrameError, match="it has"):
            cut.frames.read(clip, int(numbers[0]) - 1)


def test_the_apex_differs_from_the_onset_by_more_than_noise_does():
    cohort = simulate("4dme", seed=1, n_subjects=10, n_clips=30)
    true = cohort.truth.pivot_table(index="clip", columns="keyframe", values="frame")
    for clip in clips(cohort):
        onset, apex = (
            cohort.frames.read(clip, round(true[k][clip])).astype(float) for k in ("onset", "apex")
        )
        quiet = cohort.frames.read(clip, max(1, round(true["onset"][clip]) - 3)).astype(float)
        distance, still = ((apex - onset) ** 2).sum(), ((quiet - onset) ** 2).sum()
        assert distance > still
        variance = 2**2 + 1 / 12  # sensor noise and rounding, in each of the two frames
        assert distance > 2 * onset.size * variance + 3 * np.sqrt(8 * onset.size) * variance


def test_noise_is_as_strong_as_asked_and_new_in_every_frame():
    cohort = simulate("4dme", seed=1, n_subjects=4, n_clips=8, noise_sd=3.0)
    residues = []
    for clip in clips(cohort)[:3]:
        for number in cohort.frames.numbers(clip)[:8].tolist():
            clean = cohort.frames.noiseless(clip, 1000 * (number - 1) / 60)
            residues.append((cohort.frames.read(clip, number) - clean).ravel())
    assert np.std(residues) == pytest.approx(np.sqrt(3**2 + 1 / 12), rel=0.01)
    between = np.corrcoef(residues)[~np.eye(len(residues), dtype=bool)]
    assert np.abs(between).max() < 5 / np.sqrt(128 * 128)
    image = residues[0].reshape(128, 128)
    neighbors = np.corrcoef(image[:, 1:].ravel(), image[:, :-1].ravel())[0, 1]
    assert abs(neighbors) < 5 / 128


def test_without_noise_motion_or_return_what_is_left_is_small():
    still = simulate("4dme", seed=1, n_subjects=4, n_clips=8, noise_sd=0, amplitude=0).frames
    moved = simulate("4dme", seed=1, n_subjects=4, n_clips=8, noise_sd=0, amplitude=2).frames
    for clip, plan in moved.plans.items():
        first, apex = (still.noiseless(clip, t) for t in (0.0, plan.course.apex))
        drift = np.abs(apex - first).mean()
        assert 0 < drift < 2
        expression = np.abs(moved.noiseless(clip, plan.course.apex) - apex)
        assert expression.max() > 8
        assert (expression > 2).mean() < 0.25  # local: most of the face stands still


def test_amplitude_scales_with_the_size():
    for size, pixels in (((64, 64), 1.0), ((256, 256), 4.0), ((64, 256), 1.0)):
        plans = simulate("4dme", n_subjects=3, n_clips=3, size=size, amplitude=2).frames.plans
        assert {plan.amplitude for plan in plans.values()} == {pixels}
    drawn = [p.amplitude for p in simulate("4dme").frames.plans.values()]
    assert min(drawn) >= 0.8
    assert 1.4 < np.median(drawn) < 1.8
    assert max(drawn) <= 3.5


@pytest.mark.parametrize("number", [0, -3, 10_000, 2.5])
def test_frames_that_do_not_exist(cohort, number):
    with pytest.raises(FrameError, match=f"has no frame {number}: it has 1 to"):
        cohort.frames.read(clips(cohort)[0], number)


def test_clips_that_do_not_exist(cohort):
    for ask in (cohort.frames.numbers, lambda clip: cohort.frames.read(clip, 1)):
        with pytest.raises(FrameError, match="no clip 's99/x'"):
            ask("s99/x")
