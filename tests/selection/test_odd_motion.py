"""The motion posterior on odd clips: numbers that are finite, words that fit, time that ends."""

import time
import tracemalloc

import numpy as np
import pytest

from mebias.errors import UnusableClipError
from mebias.selection.motion import reduce_clip
from mebias.selection.motion.rules import MOTION, MOTION_BLIND

RULES = [MOTION, MOTION_BLIND]


def moving(count, shape=(48, 48), noise=2.0):
    """A bright spot that comes, is there in the middle frame, and goes."""
    rng = np.random.default_rng(0)
    height, width = shape
    y, x = np.mgrid[0:height, 0:width]
    spot = 50 * np.exp(-((x - width * 0.6) ** 2 + (y - height * 0.6) ** 2) / (max(shape) / 6) ** 2)
    texture = 100 + 25 * np.sin(x / 3) * np.cos(y / 4)
    course = np.exp(-0.5 * ((np.arange(count) - count / 2) / (count / 8)) ** 2)
    return [
        np.clip(texture + level * spot + noise * rng.standard_normal(shape), 0, 255).astype("u1")
        for level in course
    ]


def located(rule, frames, human, fps):
    """Onset, apex and offset, checked to be whole numbers' worth of an answer."""
    numbers = np.arange(len(frames))
    found = rule.locate(numbers, frames.__getitem__, human, fps, np.random.default_rng(0))
    for place in found:
        values = [place.frame, place.sd, place.low, place.high]
        assert np.isfinite(values).all()
        assert place.sd > 0
        assert place.low <= place.frame <= place.high
        assert place.status in ("selected", "truncated", "undetectable")
    assert found[0].frame <= found[1].frame <= found[2].frame
    return found


def statuses(found):
    return {place.status for place in found}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("fps", [5.0, 30.0, 100.0, 1000.0])
def test_eight_frames_are_enough_for_an_answer(rule, fps):
    located(rule, moving(8), (1, 4, 7), fps)


@pytest.mark.parametrize("rule", RULES)
def test_ten_frames_at_thirty_per_second(rule):
    found = located(rule, moving(10), (2, 5, 8), 30.0)
    assert abs(found[1].frame - 5) < 1.5
    assert "undetectable" not in statuses(found)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("value", [0, 90, 255])
def test_frames_of_one_gray_hold_no_motion(rule, value):
    frames = [np.full((48, 48), value, np.uint8)] * 40
    assert statuses(located(rule, frames, (5, 20, 35), 100.0)) == {"undetectable"}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("value", [0, 255])
def test_one_saturated_frame_is_no_movement(rule, value):
    still = [moving(1)[0]] * 60
    still[17] = np.full((48, 48), value, np.uint8)
    assert statuses(located(rule, still, (15, 30, 45), 100.0)) == {"undetectable"}


@pytest.mark.parametrize("value", [0, 255])
def test_one_saturated_frame_does_not_move_the_apex(value):
    frames = moving(60)
    whole = located(MOTION, list(frames), (15, 30, 45), 100.0)
    frames[17] = np.full((48, 48), value, np.uint8)
    struck = located(MOTION, frames, (15, 30, 45), 100.0)
    assert abs(struck[1].frame - whole[1].frame) < 1.5
    assert abs(located(MOTION_BLIND, frames, (15, 30, 45), 100.0)[1].frame - 30) < 2


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    "shape", [(3, 3), (2, 2), (1, 1), (1, 50), (50, 1), (2, 50), (3, 300), (4, 4), (65, 127)]
)
def test_images_of_odd_sizes(rule, shape):
    located(rule, moving(40, shape), (5, 20, 35), 100.0)


@pytest.mark.parametrize("rule", RULES)
def test_without_noise(rule):
    located(rule, moving(40, noise=0), (5, 20, 35), 100.0)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    "human", [(20, 20, 20), (0, 0, 39), (0, 39, 39), (30, 60, 90), (-40, -10, 10)]
)
def test_labels_on_one_frame_at_the_ends_and_beyond(rule, human):
    located(rule, moving(40), human, 100.0)


def test_labels_beyond_the_frames_are_truncated():
    found = located(MOTION, moving(40), (30, 60, 90), 100.0)
    assert found[2].status == "truncated"


@pytest.mark.parametrize(
    ("human", "fps", "words"),
    [
        ((50, 60, 70), 100.0, "none of the frames 50-70 is on disk: it has 0 to 39"),
        ((5, 20, 35), 0.0, "fps is 0"), ((5, 20, 35), -30.0, "fps is -30"),
        ((5, 20, 35), float("nan"), "fps is nan"), ((5, 20, 35), float("inf"), "fps is inf"),
        ((20, 20, 20), 5.0, "7 frames are too few"), ((None, 20, 35), 100.0, "onset or offset"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("rule", RULES)
def test_what_cannot_be_located_is_refused_in_words(rule, human, fps, words):
    with pytest.raises(UnusableClipError, match=words):
        located(rule, moving(40), human, fps)


def test_a_very_long_clip_takes_bounded_time_and_memory():
    frames = moving(3000, (16, 16), noise=4.0)
    start = time.process_time()
    found = located(MOTION, frames, (100, 1500, 2900), 200.0)
    assert time.process_time() - start < 90  # about 8 s on one core
    assert "undetectable" not in statuses(found)


def test_images_are_let_go_once_they_are_reduced():
    size = 1000
    image = moving(1, (size, size))[0]
    count = 60
    tracemalloc.start()
    reduce_clip((image.copy() for _ in range(count)), np.arange(count) * 10.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < count * size * size / 2
