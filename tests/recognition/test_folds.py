"""Folds leave whole subjects out, alike for the same seed, and about equal in clips."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mebias import errors
from mebias.recognition.folds import (
    absent_classes,
    inner_split,
    k_folds,
    leave_one_dataset_out,
    leave_one_subject_out,
)

PEOPLE = st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=60).filter(
    lambda people: len(set(people)) > 1
)


def holds(folds, people):
    """Every clip is tested once, and never by a model that saw its subject."""
    people = np.array(people)
    tested = np.concatenate([test for _, test in folds])
    assert sorted(tested.tolist()) == list(range(len(people)))
    for train, test in folds:
        assert sorted([*train, *test]) == list(range(len(people)))
        assert not set(people[train]) & set(people[test])
        assert len(train)
        assert len(test)


@given(PEOPLE)
def test_every_subject_is_left_out_once(people):
    folds = leave_one_subject_out(people)
    holds(folds, people)
    assert list(folds.names) == sorted(set(people))
    assert folds.of_clips().tolist() == people


@given(PEOPLE, st.integers(0, 5), st.data())
def test_k_folds_keep_subjects_together_and_do_not_depend_on_the_order_of_clips(people, seed, data):
    k = data.draw(st.integers(2, len(set(people))))
    folds = k_folds(people, k, seed=seed)
    holds(folds, people)
    assert len(folds) == k
    order = data.draw(st.permutations(range(len(people))))
    again = k_folds([people[i] for i in order], k, seed=seed).of_clips()
    assert again.tolist() == folds.of_clips()[list(order)].tolist()


def test_k_folds_are_as_equal_as_subjects_allow():
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(42), 1 + rng.multinomial(225, rng.dirichlet(np.ones(42)))).astype(
        str
    )
    sizes = [len(test) for _, test in k_folds(people, 5)]
    assert sum(sizes) == 267
    assert max(sizes) - min(sizes) <= 2
    others = [k_folds(people, 5, seed=s).of_clips().tolist() for s in (0, 0, 1)]
    assert others[0] == others[1] != others[2]


def test_ten_folds_are_named_in_order():
    names = k_folds([str(i) for i in range(30)], 10).names
    assert names == tuple(f"{i:02d}" for i in range(1, 11))


def test_datasets_are_left_out_whole():
    folds = leave_one_dataset_out(["x", "y", "x", "z"])
    assert folds.names == ("x", "y", "z")
    assert [test.tolist() for _, test in folds] == [[0, 2], [1], [3]]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: leave_one_subject_out(["a", "a"]), "all 2 clips are of one.*two subjects"),
        (lambda: leave_one_subject_out([]), "there is no clip"),
        (lambda: leave_one_dataset_out(["x"]), "two datasets"),
        (lambda: k_folds(["a", "b"], 3), "expected 2 to 2"),
        (lambda: k_folds(["a", "b"], 1), "1 folds"),
        (lambda: inner_split(np.arange(2), ["a", "a", "b"]), "trains on one subject"),
        (lambda: inner_split(np.arange(2), ["a", "b"], share=1.0), "between 0 and 1"),
    ],
)
def test_impossible_folds_are_refused(made, message):
    with pytest.raises(errors.OptionError, match=message):
        made()


@given(PEOPLE, st.integers(0, 3), st.floats(0.05, 0.95))
def test_the_inner_split_is_by_subject_and_leaves_both_sides_some(people, seed, share):
    outer = leave_one_subject_out([*people, "test"])
    train = next(
        train for name, (train, _) in zip(outer.names, outer, strict=True) if name == "test"
    )
    everyone = np.array([*people, "test"])
    inner, validation = inner_split(train, everyone, share=share, seed=seed)
    assert sorted([*inner, *validation]) == train.tolist()
    assert not set(everyone[inner]) & set(everyone[validation])
    assert len(inner)
    assert len(validation)


def test_the_inner_split_has_about_the_share_asked_for():
    people = np.repeat(np.arange(40), 5).astype(str)
    shares = [len(inner_split(np.arange(200), people, share=0.25, seed=s)[1]) for s in range(5)]
    assert shares == [50] * 5


def test_a_class_of_one_subject_is_warned_of_by_name():
    people = ["a", "a", "b", "c"]
    labels = np.array([0, 1, 0, 0])
    folds = leave_one_subject_out(people)
    with pytest.warns(
        errors.TrainingWarning, match=r"class rare: no training clip in 1 of 3.*\(a\)"
    ):
        rows = absent_classes(folds, labels, ("common", "rare"))
    assert rows[0]["found"] == "rare"
    assert "its 1 test clip; merge it" in rows[0]["message"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert absent_classes(folds, np.array([0, 1, 1, 0]), ("common", "rare")) == []
