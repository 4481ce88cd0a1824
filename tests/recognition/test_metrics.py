"""Scores: exact on cases worked out by hand, and against brute force."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mebias.recognition.metrics import (
    class_scores,
    confusion_matrix,
    confusion_table,
    released_scores,
    score_table,
    scores,
    tally,
)
from mebias.recognition.predictions import checked_predictions


def by_hand(label, predicted):
    """UF1, UAR and accuracy by counting clips, in fractions."""
    f1, recall = [], []
    for name in sorted(set(label)):
        tp = sum(t == p == name for t, p in zip(label, predicted, strict=True))
        fp = sum(p == name != t for t, p in zip(label, predicted, strict=True))
        fn = sum(t == name != p for t, p in zip(label, predicted, strict=True))
        f1.append(Fraction(2 * tp, 2 * tp + fp + fn))
        recall.append(Fraction(tp, tp + fn))
    right = Fraction(sum(t == p for t, p in zip(label, predicted, strict=True)), len(label))
    return sum(f1) / len(f1), sum(recall) / len(recall), right


def pooled(label, predicted):
    classes = tuple(sorted({*label, *predicted}))
    found = scores(confusion_matrix(np.array(list(label)), np.array(list(predicted)), classes))
    return [float(found[name]) for name in ("uf1", "uar", "accuracy")]


PAIRS = st.lists(
    st.tuples(st.sampled_from("npsx"), st.sampled_from("npsx")), min_size=1, max_size=40
)


@given(PAIRS)
def test_scores_are_those_of_counting_clip_by_clip(pairs):
    label, predicted = zip(*pairs, strict=True)
    np.testing.assert_allclose(
        pooled(label, predicted), [float(v) for v in by_hand(label, predicted)]
    )


def test_macro_scores_of_the_example_in_the_manual_of_scikit_learn():
    # f1_score, recall_score and precision_score with average="macro": 0.26..., 0.33..., 0.22...
    label, predicted = list("012012"), list("021001")
    uf1, uar, accuracy = pooled(label, predicted)
    assert uf1 == pytest.approx(4 / 15)
    assert uar == pytest.approx(1 / 3)
    assert accuracy == pytest.approx(1 / 3)
    confusion = confusion_matrix(np.array(label), np.array(predicted), ("0", "1", "2"))
    precision = class_scores(confusion)["precision"]
    assert precision.mean() == pytest.approx(2 / 9)


def test_the_majority_class_of_the_composite_scores_as_published():
    # 250 / 109 / 83 clips, all called negative: UF1 .241, UAR a third (See et al. 2019)
    label = ["n"] * 250 + ["p"] * 109 + ["s"] * 83
    uf1, uar, accuracy = pooled(label, ["n"] * 442)
    assert round(uf1, 3) == 0.241
    assert uar == pytest.approx(1 / 3)
    assert accuracy == pytest.approx(250 / 442)


def test_a_class_that_is_never_true_is_in_no_mean_but_costs_the_clips_it_takes():
    assert pooled("nnpp", "nnpp") == [1, 1, 1]
    uf1, uar, accuracy = pooled("nnpp", "nxpp")
    assert uf1 == pytest.approx((2 / 3 + 1) / 2)
    assert (uar, accuracy) == (0.75, 0.75)
    found = class_scores(
        confusion_matrix(np.array(list("nnpp")), np.array(list("nxpp")), tuple("npx"))
    )
    assert np.isnan(found["f1"][2])
    assert np.isnan(found["recall"][2])
    assert found["precision"][2] == 0


def test_a_class_that_is_never_predicted_scores_0_and_no_clip_nothing():
    uf1, uar, _ = pooled("nnp", "nnn")
    assert uf1 == pytest.approx(0.8 / 2)
    assert uar == 0.5
    found = class_scores(
        confusion_matrix(np.array(list("nnp")), np.array(list("nnn")), tuple("np"))
    )
    assert (found["f1"][1], found["recall"][1]) == (0, 0)
    assert np.isnan(found["precision"][1])
    assert all(np.isnan(value) for value in scores(np.zeros((3, 3))).values())


def test_many_confusion_matrices_are_scored_at_once():
    rng = np.random.default_rng(0)
    many = rng.integers(0, 9, (4, 5, 3, 3)).astype(float)
    for name, values in scores(many).items():
        assert values.shape == (4, 5)
        assert values[2, 3] == scores(many[2, 3])[name]


@pytest.fixture
def table():
    rng = np.random.default_rng(2)
    rows = []
    for i in range(40):
        subject, label = f"s{i % 7}", "nps"[rng.integers(3)]
        for arm in ("human", "motion"):
            for seed in (3, 1):
                said = label if rng.random() < 0.6 else "nps"[rng.integers(3)]
                rows.append({"dataset": "xy"[i % 2], "clip": str(i), "subject": subject,
                             "ethnicity": "AB"[i % 7 % 2], "arm": arm, "seed": seed,
                             "fold": subject, "label": label, "predicted": said})  # fmt: skip
    return checked_predictions(pd.DataFrame(rows).sample(frac=1, random_state=0))


def test_counts_add_up_by_arm_seed_and_person(table):
    counted = tally(table)
    assert counted.seeds == (1.0, 3.0)
    assert len(counted.subjects) == 14  # a subject of two datasets is two persons
    for i, arm in enumerate(counted.arms):
        for j, seed in enumerate(counted.seeds):
            own = table[(table["arm"] == arm) & (table["seed"] == seed)]
            expected = pd.crosstab(own["label"], own["predicted"]).to_numpy()
            assert np.array_equal(counted.counts[i, j].sum(axis=0), expected)
            for g, name in enumerate(counted.subjects):
                dataset, subject = name.split("/")
                mine = own[(own["dataset"] == dataset) & (own["subject"] == subject)]
                assert counted.counts[i, j, g].sum() == len(mine)
                assert counted.ethnicity[g] == mine["ethnicity"].iloc[0]


def test_the_table_of_scores_holds_groups_subjects_and_classes(table):
    found = score_table(table)
    key = ["arm", "seed", "split", "value", "quantity"]
    assert not found.duplicated(key).any()
    at = found.set_index(key)["score"]
    own = table[(table["arm"] == "motion") & (table["seed"] == 3)]
    uf1, uar, _ = by_hand(list(own["label"]), list(own["predicted"]))
    assert at["motion", 3, "all", "all", "uf1"] == pytest.approx(float(uf1))
    assert at["motion", 3, "all", "all", "uar"] == pytest.approx(float(uar))
    group = own[own["ethnicity"] == "B"]
    expected = by_hand(list(group["label"]), list(group["predicted"]))
    assert at["motion", 3, "ethnicity", "B", "uf1"] == pytest.approx(float(expected[0]))
    subject = own[(own["dataset"] == "x") & (own["subject"] == "s4")]
    expected = by_hand(list(subject["label"]), list(subject["predicted"]))
    assert at["motion", 3, "subject", "x/s4", "accuracy"] == pytest.approx(float(expected[2]))
    recalls = [at["motion", 3, "class", name, "recall"] for name in "nps"]
    assert np.mean(recalls) == pytest.approx(float(uar))


def test_the_confusion_table_is_a_mean_over_seeds(table):
    found = confusion_table(table).set_index(["arm", "label", "predicted"])
    own = table[(table["arm"] == "human") & (table["label"] == "n")]
    assert found.loc[("human", "n", "p"), "n_clips"] == (own["predicted"] == "p").sum() / 2
    assert found.groupby(["arm", "label"])["share"].sum().to_numpy() == pytest.approx(1)


def test_the_released_numbers_are_labelled_and_are_other_numbers(table):
    found = released_scores(table).set_index(["arm", "called"])
    human = table[table["arm"] == "human"]
    of_folds, precisions = [], []
    for _, own in human.groupby("seed"):
        of_fold = []
        for _, fold in own.groupby("fold"):
            names = sorted({*fold["label"], *fold["predicted"]})
            f1 = []
            for name in names:
                tp = ((fold["label"] == name) & (fold["predicted"] == name)).sum()
                f1.append(
                    2 * tp / ((fold["label"] == name).sum() + (fold["predicted"] == name).sum())
                )
            of_fold.append(np.mean(f1))
        of_folds.append(np.mean(of_fold))
        precisions.append(np.mean([
            ((own["label"] == n) & (own["predicted"] == n)).sum() / (own["predicted"] == n).sum()
            for n in "nps"
        ]))  # fmt: skip
    assert found.loc[("human", "uf1"), "score"] == pytest.approx(np.mean(of_folds))
    assert found.loc[("human", "uar"), "score"] == pytest.approx(np.mean(precisions))
    pooled_uf1 = score_table(human).query("split == 'all' and quantity == 'uf1'")["score"].mean()
    assert found.loc[("human", "uf1"), "pooled"] == pytest.approx(pooled_uf1)
    assert abs(found.loc[("human", "uf1"), "difference"]) > 0.01
    by_subject = released_scores(table.assign(fold=""))
    assert len(by_subject) == 4
