"""What coders write down, and how a plant is read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mebias.errors import OptionError
from mebias.simulation import parse_plant
from mebias.simulation.coders import errors_ms, label

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1).filter(
        lambda t: t == t.strip() and t
    ),
    st.tuples(finite, finite, finite),
)
def test_a_plant_survives_being_written_and_read(group, errors):
    assert parse_plant(f"{group}:{','.join(map(repr, errors))}") == (group, errors)


@given(st.text())
def test_any_text_is_a_plant_or_one_clear_error(text):
    try:
        group, errors = parse_plant(text)
    except OptionError as error:
        assert "GROUP:onset,apex,offset" in str(error)
    else:
        assert group
        assert np.isfinite(errors).all()


@pytest.mark.parametrize(
    "text", ["", "B", "B;1", "B:1,2", "B:1,2,3,4", "B:a,b,c", ":1,2,3", "B:1,2,inf", "B:nan,0,0"]
)
def test_texts_that_are_no_plant(text):
    with pytest.raises(OptionError, match="GROUP:onset,apex,offset"):
        parse_plant(text)


def test_spaces_and_signs_in_a_plant():
    assert parse_plant(" B : -10, 0, 2.5 ") == ("B", (-10.0, 0.0, 2.5))


def test_errors_are_bias_plus_shared_and_own_parts():
    zero, one = np.zeros(3), np.ones(3)
    assert errors_ms((1, 2, 3), (10, 10, 20), zero, zero).tolist() == [1, 2, 3]
    shared = errors_ms((0, 0, 0), (10, 10, 20), one, zero) ** 2
    own = errors_ms((0, 0, 0), (10, 10, 20), zero, one) ** 2
    assert shared + own == pytest.approx([100, 100, 400])
    assert shared / (shared + own) == pytest.approx([0.1] * 3)


def test_labels_are_rounded_to_the_nearest_frame():
    found = label((104.0, 206.0, 299.0), np.array([0.0, 0.0, -20.0]), 100.0, 50)
    assert (found.onset, found.apex, found.offset) == (10, 21, 28)
    assert found.moved == (False, False, False)


@given(
    st.tuples(st.floats(0, 3000), st.floats(0, 3000), st.floats(0, 3000)),
    st.tuples(st.floats(-5000, 5000), st.floats(-5000, 5000), st.floats(-5000, 5000)),
    st.floats(10, 1000),
    st.integers(3, 200),
)
def test_labels_stay_in_order_and_in_the_clip(true_ms, error_ms, fps, n_frames):
    found = label(tuple(sorted(true_ms)), np.array(error_ms), fps, n_frames)
    assert 0 <= found.onset < found.apex < found.offset < n_frames
