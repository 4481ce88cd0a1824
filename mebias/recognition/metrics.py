"""Scores of predictions: UF1, UAR and accuracy from counts pooled over folds.

Conventions, as in the micro-expression challenges (See et al. 2019):

- counts are pooled over all folds before any score is computed; a score per fold, averaged,
  is another number (see `released_scores`);
- **UF1** is the unweighted mean over classes of F1 = 2 TP / (2 TP + FP + FN);
- **UAR** is the unweighted mean over classes of the recall, TP / (TP + FN);
- both means run over the classes that occur in the truth. A class without a clip has no
  recall; predicting it still costs, as a clip of another class is missed. Where no clip is
  left, scores are NaN;
- a class with clips that is never predicted has F1 = 0 and recall 0: a defined 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mebias import tables
from mebias.recognition.inputs import people
from mebias.recognition.predictions import checked_predictions, classes_of, seeds_of

QUANTITIES = ("uf1", "uar", "accuracy")
BY_CLASS = ("f1", "recall", "precision")


@dataclass(frozen=True)
class Tally:
    """Predictions counted by arm, seed and subject.

    Attributes
    ----------
    arms : tuple of str
        In the order of the table.
    seeds : tuple of float
        Ascending.
    classes : tuple of str
    subjects : tuple of str
        Dataset and subject, sorted.
    ethnicity : ndarray of str, shape (G,)
        Group of each subject.
    counts : ndarray of float, shape (arms, seeds, G, K, K)
        Clips of each subject, by true class (rows) and predicted class (columns).
    """

    arms: tuple[str, ...]
    seeds: tuple[float, ...]
    classes: tuple[str, ...]
    subjects: tuple[str, ...]
    ethnicity: np.ndarray
    counts: np.ndarray

    @property
    def n_clips(self) -> int:
        """Clips of all subjects."""
        return int(self.counts[0, 0].sum())

    def of_arm(self, arm: str) -> np.ndarray:
        """Counts of one arm, (seeds, G, K, K)."""
        return np.asarray(self.counts[self.arms.index(arm)])


def tally(predictions: pd.DataFrame) -> Tally:
    """Count checked predictions.

    Parameters
    ----------
    predictions : DataFrame
        As `checked_predictions` returns them.

    Examples
    --------
    >>> rows = [("a", "x", "x"), ("a", "y", "x"), ("b", "y", "y")]
    >>> table = pd.DataFrame(rows, columns=["subject", "label", "predicted"])
    >>> table = checked_predictions(table.assign(clip=["1", "2", "3"], arm="human"))
    >>> tally(table).counts.sum(axis=2).tolist()
    [[[[1.0, 0.0], [1.0, 1.0]]]]
    """
    arms = tuple(str(a) for a in predictions["arm"].unique())
    seeds, classes = tuple(seeds_of(predictions)), classes_of(predictions)
    who = people(predictions)
    subjects, first = np.unique(who.astype(str), return_index=True)
    at = (
        pd.Index(arms).get_indexer(pd.Index(predictions["arm"])),
        np.searchsorted(seeds, predictions["seed"]),
        np.searchsorted(subjects, who.astype(str)),
        pd.Index(classes).get_indexer(pd.Index(predictions["label"])),
        pd.Index(classes).get_indexer(pd.Index(predictions["predicted"])),
    )
    shape = (len(arms), len(seeds), len(subjects), len(classes), len(classes))
    counts = np.bincount(np.ravel_multi_index(at, shape), minlength=int(np.prod(shape)))
    return Tally(
        arms,
        seeds,
        classes,
        tuple(subjects.tolist()),
        predictions["ethnicity"].to_numpy(dtype=object)[first].astype(str),
        counts.reshape(shape).astype(float),
    )


def confusion_matrix(
    label: np.ndarray, predicted: np.ndarray, classes: tuple[str, ...]
) -> np.ndarray:
    """Clips by true class (rows) and predicted class (columns).

    Parameters
    ----------
    label, predicted : ndarray of str, shape (N,)
    classes : tuple of str
        All that occur.

    Examples
    --------
    >>> confusion_matrix(np.array(["x", "y", "y"]), np.array(["x", "x", "y"]), ("x", "y")).tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    index = pd.Index(classes)
    at = index.get_indexer(pd.Index(label)) * len(classes) + index.get_indexer(pd.Index(predicted))
    counts = np.bincount(at, minlength=len(classes) ** 2)
    return counts.reshape(len(classes), len(classes)).astype(float)


def scores(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """UF1, UAR and accuracy of pooled counts.

    Parameters
    ----------
    confusion : ndarray, shape (..., K, K)
        True classes in rows, predicted ones in columns.

    Returns
    -------
    dict
        ``uf1``, ``uar``, ``accuracy``, each of shape (...): see the conventions above.

    Examples
    --------
    >>> found = scores(np.array([[8.0, 2.0], [1.0, 1.0]]))
    >>> {name: round(float(value), 4) for name, value in found.items()}
    {'uf1': 0.6211, 'uar': 0.65, 'accuracy': 0.75}
    """
    true, hit, said = margins(confusion)
    return scores_of(true, hit, said)


def margins(confusion: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clips of each class, those recognized, and those given the class, each (..., K)."""
    hit = np.diagonal(confusion, axis1=-2, axis2=-1)
    return confusion.sum(axis=-1), hit, confusion.sum(axis=-2)


def scores_of(true: np.ndarray, hit: np.ndarray, said: np.ndarray) -> dict[str, np.ndarray]:
    """`scores` from what `margins` returns; shapes broadcast."""
    with np.errstate(divide="ignore", invalid="ignore"):
        there = true > 0
        n_there = there.sum(axis=-1)
        f1 = np.where(there, 2 * hit / (true + said), 0.0).sum(axis=-1) / n_there
        recall = np.where(there, hit / true, 0.0).sum(axis=-1) / n_there
        right = hit.sum(axis=-1) / true.sum(axis=-1)
    return dict(zip(QUANTITIES, map(np.asarray, (f1, recall, right)), strict=True))


def class_scores(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """F1, recall and precision of each class.

    Parameters
    ----------
    confusion : ndarray, shape (..., K, K)

    Returns
    -------
    dict
        ``f1``, ``recall``, ``precision``, each of shape (..., K). NaN where undefined: F1 and
        recall of a class without a clip, precision of one that is never predicted.

    Examples
    --------
    >>> class_scores(np.array([[1.0, 1.0], [0.0, 0.0]]))["recall"].tolist()
    [0.5, nan]
    """
    true, hit, said = margins(confusion)
    with np.errstate(divide="ignore", invalid="ignore"):
        f1 = np.where(true > 0, 2 * hit / (true + said), np.nan)
        recall = np.where(true > 0, hit / true, np.nan)
        precision = np.where(said > 0, hit / said, np.nan)
    return dict(zip(BY_CLASS, (f1, recall, precision), strict=True))


def present_f1(confusion: np.ndarray) -> np.ndarray:
    """Mean F1 of the classes that are true or predicted, (...); NaN without a clip.

    Of a single fold it is what the released protocol averages; UF1 is another number.

    Examples
    --------
    >>> present_f1(np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])).round(3)
    np.float64(0.333)
    """
    true, hit, said = margins(confusion)
    there = (true + said) > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(there, 2 * hit / (true + said), 0.0)
        return np.asarray(each.sum(axis=-1) / there.sum(axis=-1))[()]


def macro_precision(confusion: np.ndarray) -> np.ndarray:
    """Mean precision of the classes that are true or predicted, 0 for one never predicted, (...).

    The released protocol calls it UAR; UAR is the mean recall.

    Examples
    --------
    >>> macro_precision(np.array([[2.0, 2.0], [0.0, 0.0]])).round(3)
    np.float64(0.5)
    """
    true, hit, said = margins(confusion)
    there = (true + said) > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(said > 0, hit / said, 0.0)
        return np.asarray(each.sum(axis=-1) / there.sum(axis=-1))[()]


def score_table(predictions: pd.DataFrame) -> pd.DataFrame:
    """Scores of every arm and seed: of all clips, by ethnicity, by subject and by class.

    They describe; intervals and tests stand in `mebias.gain`.

    Parameters
    ----------
    predictions : DataFrame
        A predictions table.

    Returns
    -------
    DataFrame
        arm, seed, split (all, ethnicity, subject, class), value (which one), quantity,
        score, n_clips.

    Raises
    ------
    TableError, MixedDataError
        The table cannot be used.
    """
    counted = tally(checked_predictions(predictions))
    parts = [("all", tables.ALL, np.ones(len(counted.subjects), dtype=bool))]
    groups = sorted(set(counted.ethnicity))
    parts += [("ethnicity", group, counted.ethnicity == group) for group in groups]
    names = np.array(counted.subjects)
    parts += [("subject", str(name), names == name) for name in names]
    rows: list[dict[str, object]] = []
    for split, value, members in parts:
        confusion = counted.counts[:, :, members].sum(axis=2)
        clips = np.full(len(counted.seeds), confusion[0, 0].sum())
        for quantity, found in scores(confusion).items():
            rows += _rows(counted, found, clips, split, value, quantity)
    confusion = counted.counts.sum(axis=2)
    for quantity, found in class_scores(confusion).items():
        for place, name in enumerate(counted.classes):
            clips = confusion[0, :, place].sum(axis=-1)
            rows += _rows(counted, found[..., place], clips, "class", name, quantity)
    return pd.DataFrame(rows)


def _rows(
    counted: Tally, found: np.ndarray, clips: np.ndarray, split: str, value: str, quantity: str
) -> list[dict[str, object]]:
    return [
        {"arm": arm, "seed": seed, "split": split, "value": value, "quantity": quantity,
         "score": float(found[i, j]), "n_clips": float(clips[j])}
        for i, arm in enumerate(counted.arms)
        for j, seed in enumerate(counted.seeds)
    ]  # fmt: skip


def confusion_table(predictions: pd.DataFrame) -> pd.DataFrame:
    """Confusion matrices, one row per arm, true and predicted class.

    Returns
    -------
    DataFrame
        arm, label, predicted, n_clips (mean over seeds), share of the clips of the label.
    """
    counted = tally(checked_predictions(predictions))
    mean = counted.counts.sum(axis=2).mean(axis=1)
    rows = [
        {
            "arm": arm,
            "label": label,
            "predicted": predicted,
            "n_clips": float(mean[i, j, k]),
            "share": float(mean[i, j, k] / mean[i, j].sum()) if mean[i, j].sum() else np.nan,
        }
        for i, arm in enumerate(counted.arms)
        for j, label in enumerate(counted.classes)
        for k, predicted in enumerate(counted.classes)
    ]
    return pd.DataFrame(rows)


def released_scores(predictions: pd.DataFrame) -> pd.DataFrame:
    """The numbers that the released protocol prints, beside the right ones. DO NOT REPORT THEM.

    Two of its habits, applied to the same predictions: F1 is computed within each fold, over
    the classes that are true or predicted there, and averaged over folds; and what it calls
    UAR is the mean precision of the classes, 0 for one that is never predicted.

    Parameters
    ----------
    predictions : DataFrame
        A predictions table; without names of folds each subject is one.

    Returns
    -------
    DataFrame
        arm; released, what is printed there; score, its value; called, the quantity it is
        taken for; pooled, the value of that quantity; difference. Means over seeds.
    """
    checked = checked_predictions(predictions)
    counted = tally(checked)
    fold = checked["fold"].where(checked["fold"] != "", pd.Series(people(checked)))
    by_fold = tally(checked.assign(subject=fold, dataset="fold"))
    of_fold = present_f1(by_fold.counts)
    pooled = counted.counts.sum(axis=2)
    precision = macro_precision(pooled)
    right = scores(pooled)
    rows = []
    for i, arm in enumerate(counted.arms):
        printed = (
            ("mean over folds of the F1 within a fold", np.nanmean(of_fold[i]), "uf1"),
            ("mean precision of the classes", precision[i].mean(), "uar"),
        )
        for name, value, called in printed:
            good = float(right[called][i].mean())
            rows.append({"arm": arm, "released": name, "score": float(value), "called": called,
                         "pooled": good, "difference": float(value) - good})  # fmt: skip
    return pd.DataFrame(rows)
