"""The course of a movement, and where on the face it happens."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mebias.manifests import get_manifest
from mebias.simulation.faces import ACTION_UNITS, face, field, units_of
from mebias.simulation.motion import PROFILES, Course, draw_course, extent


@pytest.mark.parametrize("profile", PROFILES)
def test_extent_is_0_before_1_on_the_plateau_and_the_residue_after(profile):
    course = Course(100, 200, 260, 400, profile=profile, residue=0.2)
    assert extent([0, 50, 100], course).tolist() == [0, 0, 0]
    assert extent([200, 230, 260], course) == pytest.approx([1, 1, 1])
    assert extent([400, 1000], course) == pytest.approx([0.2, 0.2])
    up, down = extent(np.linspace(101, 199, 99), course), extent(np.linspace(261, 399, 99), course)
    assert (np.diff(up) > 0).all()
    assert (np.diff(down) < 0).all()
    assert up.max() < 1
    assert down.max() < 1


def test_profiles_differ_as_their_names_say():
    middle = {p: float(extent(150, Course(100, 200, 200, 300, profile=p))) for p in PROFILES}
    assert [middle["linear"], middle["cosine"]] == pytest.approx([0.5, 0.5])
    assert middle["exponential"] > 0.8
    assert middle["delayed"] < 0.2
    early = {p: float(extent(110, Course(100, 200, 200, 300, profile=p))) for p in PROFILES}
    assert early["cosine"] < early["linear"]


def test_a_reversal_steps_back_once_on_the_way_up():
    course = Course(0, 100, 100, 200, profile="linear", reversal=0.15)
    steps = np.sign(np.diff(extent(np.linspace(0, 100, 201), course)))
    assert np.count_nonzero(np.diff(steps[steps != 0])) == 2


@example(1292)  # a time 2e-6 of the fall after its plateau, where 1 - 1e-17 is 1 as a double
@given(st.integers(0, 10_000))
def test_drawn_courses_peak_at_the_apex_and_nowhere_else(seed):
    rng = np.random.default_rng(seed)
    course = draw_course(get_manifest("casme3").simulation, PROFILES, rng)
    assert 0 < course.onset < course.apex_low <= course.apex <= course.apex_high < course.offset
    assert 300 <= course.end - course.offset <= 500
    time = np.linspace(0, course.end, 2000)
    moved = extent(time, course)
    assert moved.min() >= 0
    assert moved[time <= course.onset].max() == 0
    assert moved.max() <= 1
    least = 1e-4  # of a phase: nearer to the plateau doubles do not tell a cubic course from 1
    before = time < course.apex_low - least * (course.apex_low - course.onset)
    after = time > course.apex_high + least * (course.offset - course.apex_high)
    assert moved[before | after].max() < 1
    assert float(extent(course.apex, course)) == pytest.approx(1)


def test_all_profiles_plateaus_residues_and_reversals_occur():
    shape = get_manifest("samm").simulation
    drawn = [draw_course(shape, PROFILES, np.random.default_rng(s)) for s in range(200)]
    assert {c.profile for c in drawn} == set(PROFILES)
    for share in (
        np.mean([c.apex_high > c.apex_low for c in drawn]),
        np.mean([c.residue > 0 for c in drawn]),
        np.mean([c.reversal > 0 for c in drawn]),
    ):
        assert 0.1 < share < 0.6


@pytest.mark.parametrize("unit", ACTION_UNITS)
def test_a_field_moves_a_pixel_at_most_and_only_a_part_of_the_face(unit):
    dx, dy = field((unit,), (96, 96), np.random.default_rng(0))
    length = np.hypot(dx, dy)
    assert length.max() == pytest.approx(1, abs=1e-6)
    assert (length > 0.3).mean() < 0.2
    assert length[:4].max() < 0.05


def test_brows_are_raised_above_the_eyes_and_lip_corners_pulled_below_the_nose():
    dx, dy = field((1, 2), (100, 100), np.random.default_rng(0))
    assert dy[:45].min() == pytest.approx(-1, abs=0.01)
    assert np.hypot(dx, dy)[60:].max() < 0.05
    dx, dy = field((12,), (100, 100), np.random.default_rng(0))
    assert np.hypot(dx, dy)[:40].max() < 0.05
    assert dx[65:80, :50].min() < -0.3
    assert dx[65:80, 50:].max() > 0.3
    assert dy[65:80].min() < -0.3


def test_every_emotion_of_every_dataset_has_action_units():
    for name in ("4dme", "samm", "casme3"):
        for emotion in get_manifest(name).simulation.emotions:
            drawn = {units_of(emotion, np.random.default_rng(s)) for s in range(20)}
            assert all(set(units) <= set(ACTION_UNITS) and units for units in drawn)
            assert (len(drawn) == 1) == (emotion.casefold() not in ("other", "others"))


def test_faces_differ_between_subjects_and_look_like_one():
    one, again, other = (face((64, 64), np.random.default_rng(s)) for s in (0, 0, 1))
    assert np.array_equal(one, again)
    assert np.abs(one - other).mean() > 5
    for seed in range(20):
        image = face((64, 64), np.random.default_rng(seed))
        assert image.shape == (64, 64)
        assert image.min() > 0
        assert image.max() < 256
        cheek, brow = image[34:38, 18:24].mean(), image[19:25, 16:28].min()
        assert brow < 0.8 * cheek
        mirrored = np.corrcoef(image[:, :32].ravel(), image[:, :31:-1].ravel())[0, 1]
        assert mirrored > 0.7
