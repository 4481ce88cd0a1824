"""Large tables: sums from counts, orders without names, work that grows with the rows."""

import time
import tracemalloc

import numpy as np
import pandas as pd
import pytest

from mebias.quantification import permutation, quantify, wald
from mebias.quantification.cells import part_of
from mebias.quantification.interval import _counted, clusters, coded, in_order_of_content
from mebias.quantification.intervals_overlap import overlap
from mebias.quantification.means import precisions, weightings_differ


def shifts(n_clips, n_subjects=20, n_groups=3, **columns):
    rng = np.random.default_rng(n_clips)
    whose = np.r_[np.arange(n_subjects), rng.integers(0, n_subjects, n_clips - n_subjects)]
    own = rng.normal(0, 2, n_subjects)
    parts = []
    for keyframe, start in (("onset", 100), ("apex", 130), ("offset", 170)):
        moved = np.rint(own[whose] + rng.normal(0, 3, n_clips))
        parts.append(
            pd.DataFrame(
                {
                    "dataset": "d",
                    "clip": [f"c{i}" for i in range(n_clips)],
                    "subject": [f"s{s}" for s in whose],
                    "ethnicity": [f"g{s % n_groups:02d}" for s in whose],
                    "fps": 100.0,
                    "keyframe": keyframe,
                    "human": start,
                    "selected": start + moved,
                    **columns,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def test_sums_from_counts_are_those_of_sorted_values():
    rng = np.random.default_rng(0)
    values = rng.integers(-9, 9, 5000) / 0.06
    subjects = rng.integers(0, 40, 5000)
    names, codes = coded(subjects)
    sizes, means, within = _counted(values, codes, len(names))
    own = [np.sort(values[subjects == s]) for s in names]
    np.testing.assert_array_equal(sizes, [len(o) for o in own])
    np.testing.assert_allclose(means, [o.mean() for o in own], rtol=1e-12, atol=1e-12)
    assert within == pytest.approx(sum(((o - o.mean()) ** 2).sum() for o in own), rel=1e-12)
    shuffled = rng.permutation(len(values))
    again = _counted(values[shuffled], codes[shuffled], len(names))
    assert again[2] == within
    np.testing.assert_array_equal(again[1], means)
    assert _counted(rng.normal(size=5000), codes, len(names)) is None, "all values differ"
    assert len(clusters(rng.normal(size=5000), subjects)) == len(names)


@pytest.mark.parametrize("seed", range(5))
def test_an_order_of_content_is_that_of_sorted_lists(seed):
    rng = np.random.default_rng(seed)
    codes, owners = rng.integers(0, 3, 60), np.r_[np.arange(12), rng.integers(0, 12, 48)]
    order, contents = in_order_of_content(codes, owners)
    lists = [sorted(codes[owners == k].tolist()) for k in range(12)]
    by = sorted(range(12), key=lists.__getitem__)
    assert codes[order].tolist() == [code for k in by for code in lists[k]]
    assert sorted(range(12), key=contents.__getitem__) == by


@pytest.mark.parametrize("n_subjects", [14, 60])
def test_the_permutation_by_portions_is_the_one_in_one_piece(n_subjects, monkeypatch):
    rng = np.random.default_rng(n_subjects)
    subjects = np.r_[np.arange(n_subjects), rng.integers(0, n_subjects, 200)]
    data = clusters(rng.normal(size=len(subjects)), subjects)
    labels = np.arange(n_subjects) % 3
    whole, exhaustive = permutation.assignments(labels, 299, np.random.default_rng(4))
    expected = permutation.p_value(wald.statistics(data, whole))
    assert wald.p_permutation(data, labels, 299, 4) == (expected, len(whole), exhaustive)
    monkeypatch.setattr(permutation, "_KEPT", 0)
    monkeypatch.setattr(permutation, "_AT_ONCE", 7 * n_subjects)
    monkeypatch.setattr(wald, "_FEW_SIZES", 0)
    assert wald.p_permutation(data, labels, 299, 4) == (expected, len(whole), exhaustive)


def test_many_groups_have_labels_of_their_own():
    labels = np.repeat(np.arange(200), 2)
    dealt, _ = permutation.assignments(labels, 19, np.random.default_rng(0))
    assert (np.sort(dealt, axis=1) == labels).all()


def test_leaving_subjects_out_needs_no_square_of_subjects():
    rng = np.random.default_rng(1)
    subjects = rng.integers(0, 30, 200)
    values = rng.normal(3, 1, 200) + 0.01 * np.bincount(subjects)[subjects]
    data = clusters(values, subjects)
    weights = [precisions(data, w) for w in ("clip", "subject")]
    keep = 1 - np.eye(len(data))
    one, two = ((keep * w * data.means).sum(axis=1) / (keep * w).sum(axis=1) for w in weights)
    left = one - two
    g = len(data)
    expected = np.sqrt((g - 1) / g * ((left - left.mean()) ** 2).sum())
    assert weightings_differ(values, subjects)[1] == pytest.approx(expected, rel=1e-9)


def test_a_part_cuts_as_the_table_does():
    table = shifts(90)
    whole = part_of(table.assign(source="", distance="", expression_type=""), ["human"])
    own = whole.cut(whole.holds("ethnicity", "g01")).cut
    part = own(whole.cut(whole.holds("ethnicity", "g01")).holds("keyframe", "apex"))
    rows = table[(table["ethnicity"] == "g01") & (table["keyframe"] == "apex")]
    assert (len(part), part.n_clips) == (len(rows), rows["clip"].nunique())
    assert part.n_subjects == rows["subject"].nunique()
    assert [whole.names["subject"][s] for s in part["subject"]] == rows["subject"].tolist()


def test_time_grows_with_the_rows_and_no_faster():
    def seconds(table):
        start = time.process_time()
        quantify(table, n_permutations=99)
        return time.process_time() - start

    few, many = shifts(4000), shifts(32_000)
    seconds(few)
    assert min(seconds(many) for _ in range(2)) < 12 * min(seconds(few) for _ in range(3))


def test_memory_does_not_grow_with_subjects_times_permutations():
    labels = np.arange(3000) % 2
    data = clusters(np.random.default_rng(0).normal(size=6000), np.arange(6000) % 3000)
    tracemalloc.start()
    p, n, _ = wald.p_permutation(data, labels, 4999, 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n == 5000
    assert 0 < p <= 1
    assert peak < 4999 * 3000 * 2, "bytes; two for each label"


def test_pairs_of_many_groups_are_not_tested_and_that_is_said():
    found = quantify(shifts(200, 56, n_groups=14), n_permutations=19, min_subjects=3)
    assert "pairs" not in set(found.tests["family"])
    assert found.issues["message"].str.contains("their 91 pairs are not tested").any()
    assert (found.tests["family"] == "group-vs-rest").sum() == 13 * 3


@pytest.mark.parametrize("n_datasets", [2, 3])
def test_pooling_repeats_no_row_of_its_datasets(n_datasets):
    tables = [shifts(60, 12, 2).assign(dataset=f"d{d}") for d in range(n_datasets)]
    found = quantify(pd.concat(tables), n_permutations=19).estimates
    keys = ["dataset", "ethnicity", "stratum", "source", "distance", "keyframe", "quantity",
            "unit", "weighting"]  # fmt: skip
    assert not found.duplicated(keys).any()
    assert "pooled_mean_shift_difference" in set(found["quantity"])


def test_frames_out_of_order_overlap_in_nothing_and_warn_of_nothing():
    ends = [np.array([10.0, 10.0]), np.array([19.0, 9.0]), np.array([15.0, 10.0])]
    with np.errstate(all="raise"):
        found = overlap(*ends, np.array([24.0, 9.0]))
    np.testing.assert_allclose(found, [1 / 3, np.nan])
