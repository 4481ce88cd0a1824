"""What motion is made of: reduced frames, courses, definitions, frames of a posterior, traces."""

from dataclasses import replace

import numpy as np
import pytest

from mebias.errors import UnusableClipError
from mebias.selection import traces
from mebias.selection.codings import Coding
from mebias.selection.motion import (
    MOTION,
    MOTION_BLIND,
    Courses,
    Definition,
    Phases,
    Posterior,
    usual_phases,
)
from mebias.selection.motion.courses import _courses, reduced
from mebias.selection.motion.rules import Traced
from mebias.selection.motion.templates import keyframes_of, template

ROW = np.array([[100.0, 150, 20, 230, 0.5, 1, 0.3, 0.4, 1.2, 0.2, 0.1]])


def still(count, fps, onset=0):
    """Numbers of a clip's frames, which hold no motion, and how they are read."""
    rng = np.random.default_rng(0)
    images = rng.integers(80, 120, (count, 12, 12)).astype(np.uint8)
    return np.arange(onset, onset + count), lambda number: images[number - onset]


@pytest.mark.parametrize(
    ("shape", "small"),
    [((480, 640), (60, 80)), ((64, 64), (64, 64)), ((100, 300), (50, 150)), ((1, 10), (1, 10)),
     ((1, 1), (1, 1)), ((400, 500, 3), (66, 83))],
)  # fmt: skip
def test_frames_are_averaged_to_about_64_pixels(shape, small):
    found = reduced(np.full(shape, 7, np.uint8))
    assert found.shape == small
    np.testing.assert_allclose(found, 7, rtol=1e-6)


@pytest.mark.parametrize("shape", [(0, 5), (8, 8, 4), (8, 8, 1), (8,)])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(UnusableClipError, match=r"expected grey or three colors"):
        reduced(np.zeros(shape, np.uint8))


def one_pattern(strength, count=60):
    """Noise of variance 1 in all directions, one of them with a strength of its own."""
    course = np.sin(np.arange(count) / 3)
    gram = np.eye(count)
    drift = np.linalg.qr(np.vander(np.linspace(-1, 1, count), 3))[0]
    course -= drift @ (drift.T @ course)
    course /= np.linalg.norm(course)
    return gram + (strength - 1) * np.outer(course, course), course


def test_a_pattern_is_seen_once_it_is_stronger_than_noise_can_be():
    edge = (1 + np.sqrt(60 / 4000)) ** 2 * 1.7  # of noise 1 in 60 frames of 4000 pixels
    times = np.arange(60) * 10.0
    for strength, seen in ((edge * 0.99, False), (edge * 1.01, True)):
        gram, course = one_pattern(strength)
        found = _courses(gram, 4000, times)
        assert found.detected is seen
        assert found.courses.shape == (60, 1)
        assert abs(found.courses[:, 0] @ course) == pytest.approx(1, abs=1e-5)
        assert found.strength[0] == pytest.approx(strength)
        assert found.noise == pytest.approx(1 / 4000)


def test_the_two_strongest_patterns_are_kept_and_noise_is_the_median_of_all():
    rng = np.random.default_rng(3)
    frames = rng.standard_normal((60, 500))
    gram = frames @ frames.T
    for strength in (6000, 4500, 3000):
        course = np.linalg.qr(rng.standard_normal((60, 1)))[0][:, 0]
        gram += strength * np.outer(course, course)
    found = _courses(gram, 500, np.arange(60) * 10.0)
    free = np.linalg.qr(np.vander(np.linspace(-1, 1, 60), 3), mode="complete")[0][:, 3:]
    values = np.linalg.eigvalsh(free.T @ gram @ free)
    assert found.courses.shape == (60, 2)
    np.testing.assert_allclose(found.strength, values[:-3:-1])
    assert found.noise == pytest.approx(np.median(values) / 500)


@pytest.mark.parametrize(("length", "degree"), [(100, 1), (400, 1), (700, 2), (1000, 3), (3e3, 4)])
def test_longer_clips_may_drift_in_more_ways(length, degree):
    times = np.linspace(0, length, 80)
    found = _courses(np.eye(80), 500, times)
    powers = np.vander(np.linspace(-1, 1, 80), degree + 1)
    assert found.drift.shape == (80, degree + 1)
    np.testing.assert_allclose(found.drift @ (found.drift.T @ powers), powers, atol=1e-5)


def test_frames_at_one_time_count_as_evenly_spaced():
    found = _courses(np.eye(20), 500, np.zeros(20))
    powers = np.vander(np.linspace(-1, 1, 20), 2)
    np.testing.assert_allclose(found.drift @ (found.drift.T @ powers), powers, atol=1e-5)


def test_by_default_keyframes_are_the_first_change_the_middle_and_the_last_change():
    rng = np.random.default_rng(4)
    theta = rng.uniform(0.1, 2.5, (500, 11)) * ROW.clip(1)
    theta[:, [5, 8]] = rng.uniform(-9, 9, (500, 2))
    onset, rise, plateau, fall = theta[:, :4].T
    found = keyframes_of(theta, Definition()).T
    assert (found[0] == onset).all()
    np.testing.assert_allclose(found[1], onset + rise + plateau / 2)
    assert (found[2] == onset + rise + plateau + fall).all()


def course_of(strength, noise=0.01, count=61):
    """A clip that moves along ROW and nothing else."""
    times = np.linspace(0, 600, count)
    drift = np.full((count, 1), count**-0.5)
    moving = template(ROW, times)[0] - template(ROW, times)[0].mean()
    moving = (moving / np.linalg.norm(moving))[:, None]
    return Courses(times, drift, moving, np.array([strength]), noise, True)


def test_detectable_is_two_sd_of_the_noise_out_of_the_extent():
    clip = course_of(strength=400.0)
    centered = template(ROW, clip.times)[0]
    extent = 20 / np.linalg.norm(centered - centered.mean())
    share = float(2 * 0.1 / extent)
    seen = keyframes_of(ROW, Definition("detectable", 0.5, "detectable"), clip)
    np.testing.assert_allclose(seen, keyframes_of(ROW, Definition(share, 0.5, share)), atol=0.01)
    assert seen[0, 0] > 101


def test_what_never_stands_out_of_noise_is_at_nine_tenths():
    clip = course_of(strength=0.0)
    seen = keyframes_of(ROW, Definition("detectable", 0.5, "detectable"), clip)
    np.testing.assert_allclose(seen, keyframes_of(ROW, Definition(0.9, 0.5, 0.9)), atol=0.01)


def posterior(beyond=0):
    """100 draws, some of which lie beyond the clip's 400 ms."""
    rng = np.random.default_rng(1)
    draws = rng.normal((50, 200, 300), (3, 4, 5), (100, 3))
    draws[:beyond, 2] = 401
    return Posterior(draws, detected=True)


@pytest.mark.parametrize(
    ("beyond", "status"), [(0, "selected"), (10, "selected"), (11, "truncated")]
)
def test_frames_of_a_posterior(beyond, status):
    found = posterior(beyond)
    clip = course_of(1.0)
    traced = Traced(np.arange(30, 51), replace(clip, times=np.arange(21) * 20.0), found)
    places = MOTION_BLIND.summary(traced, fps=50)
    for i, place in enumerate(places):
        own = 30 + found.draws[:, i] / 20
        assert place.frame == pytest.approx(own.mean())
        assert place.sd == pytest.approx(own.std())
        assert [place.low, place.high] == pytest.approx(np.quantile(own, [0.025, 0.975]))
    assert [place.status for place in places] == ["selected", "selected", status]
    early = Posterior(found.draws - [60, 0, 0], detected=True)
    assert MOTION_BLIND.summary(replace(traced, posterior=early), 50)[0].status == "truncated"


@pytest.mark.parametrize("fps", [20.0, 30.0, 200.0])
def test_labels_err_by_the_coder_and_by_their_own_frame(fps):
    numbers, read = still(count=60, fps=fps, onset=7)
    found = MOTION.trace(numbers, read, (17, 37, 57), fps, np.random.default_rng(0))
    rounding = (1000 / fps) ** 2 / 12
    first = found.numbers[0]
    np.testing.assert_allclose(
        found.posterior.mean, (np.array([17, 37, 57]) - first) * 1000 / fps, atol=2
    )
    expected = np.sqrt(np.array([12.0, 12, 22]) ** 2 + rounding)
    np.testing.assert_allclose(found.posterior.sd, expected, rtol=0.02)


@pytest.mark.parametrize("fps", [30.0, 100.0])
def test_frames_up_to_600_ms_from_the_labels_are_looked_at(fps):
    numbers, read = still(count=300, fps=fps)
    found = MOTION_BLIND.trace(numbers, read, (100, 120, 150), fps, np.random.default_rng(0))
    reach = int(0.6 * fps)
    assert found.numbers.tolist() == list(range(100 - reach, 150 + reach + 1))
    np.testing.assert_allclose(found.courses.times, np.arange(len(found.numbers)) * 1000 / fps)


def test_labels_at_the_ends_of_what_is_on_disk_are_labels():
    numbers, read = still(count=30, fps=100, onset=50)
    for human in ((79, 85, 90), (40, 45, 50)):
        MOTION_BLIND.trace(numbers, read, human, 100.0, np.random.default_rng(0))
    with pytest.raises(UnusableClipError, match=r"frames 80-90 is on disk: it has 50 to 79"):
        MOTION_BLIND.trace(numbers, read, (80, 85, 90), 100.0, np.random.default_rng(0))


def test_usual_phases_are_as_wide_as_lengths_are():
    rng = np.random.default_rng(2)
    logs, fall = rng.normal(np.log(130), 0.7, 400), np.exp(rng.normal(5, 0.1, 400))
    rise = np.exp(logs)
    found = usual_phases(rise, fall)
    low, middle, high = np.quantile(logs, [0.16, 0.5, 0.84])
    assert found.rise == pytest.approx((np.exp(middle), 1.15 * (high - low) / 2))
    assert found.fall[1] == 0.4
    assert usual_phases(rise[:10], fall[:9]).fall == Phases.fall
    assert usual_phases(rise[:10], fall[:9]).rise != Phases.rise
    assert usual_phases([*rise[:9], 0.0], fall).rise == Phases.rise


def coding(clip="c"):
    return Coding("d", clip, "", "", 1, 2, 3, 100.0, Phases())


def test_a_trace_comes_back_as_it_was_kept(tmp_path):
    kept = traces.Traces(tmp_path)
    clip = course_of(1.0)
    theta = np.arange(33.0).reshape(3, 11)
    for name, detected in (("c", True), ("e", False)):
        found = Posterior(np.zeros((3, 3)), detected, theta)
        kept.keep(coding(name), Traced(np.arange(40, 60), clip, found))
        known = kept.get(coding(name))
        assert (known.first, known.detected) == (40, detected)
        assert (known.theta == theta).all()
    assert kept.get(coding("f")) is None


def test_a_trace_that_cannot_be_kept_is_not_there(tmp_path):
    kept = traces.Traces(tmp_path / "missing")
    clip = course_of(1.0)
    kept.keep(coding(), Traced(np.arange(3), clip, Posterior(np.zeros((3, 3)), True)))
    assert kept.get(coding()) is None
