"""Loss and UF1 by epoch on clips of training subjects that were set aside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mebias import tables
from mebias.recognition.folds import Folds, Pair
from mebias.recognition.inputs import Inputs
from mebias.recognition.metrics import confusion_matrix, scores

SMALLEST = 1e-12
"""Probabilities below it count as it, so that a loss is finite."""


def curve_rows(
    inputs: Inputs, pair: Pair, fold: str, scored: np.ndarray, class_weights: bool
) -> pd.DataFrame:
    """A row for each epoch of one inner split.

    Parameters
    ----------
    inputs : Inputs
        Whose clips were scored.
    pair : pair of ndarray of int
        Inner training and validation clips.
    fold : str
        The fold whose training clips were split.
    scored : ndarray, shape (epochs, n_validation, n_classes)
        Probabilities after each epoch.
    class_weights : bool
        Weight clips as in training, so that each class counts alike.

    Returns
    -------
    DataFrame
        dataset, fold, epoch, loss (cross-entropy), uf1, n_clips, n_subjects.
    """
    train, validation = pair
    labels = inputs.labels
    weights = _weights(labels, train, len(inputs.classes), class_weights)[validation]
    return _rows(inputs, fold, [validation], [scored], [weights])


def pooled_rows(
    inputs: Inputs, folds: Folds, scored: Sequence[np.ndarray], class_weights: bool
) -> pd.DataFrame:
    """The same for all folds together: losses averaged over clips, counts pooled.

    A description: a clip is set aside in several folds, and every subject is the test subject
    of one of them. No fold's epoch is chosen by it.
    """
    labels, n_classes = inputs.labels, len(inputs.classes)
    weights = [_weights(labels, train, n_classes, class_weights)[held] for train, held in folds]
    return _rows(inputs, tables.ALL, [held for _, held in folds], scored, weights)


def choose_epochs(curves: pd.DataFrame) -> dict[str, int]:
    """The epoch of each fold with the least loss, mean over arms and seeds; of several the first.

    Parameters
    ----------
    curves : DataFrame
        A curves table.

    Returns
    -------
    dict
        Fold to epoch, counted from 1; ``all`` to that of all folds together.

    Examples
    --------
    >>> rows = [{"dataset": "d", "arm": a, "seed": 0, "fold": "1", "epoch": e, "loss": loss}
    ...         for a, e, loss in [("h", 1, 3.0), ("h", 2, 1.0), ("g", 1, 1.0), ("g", 2, 2.0)]]
    >>> choose_epochs(pd.DataFrame(rows))
    {'1': 2}
    """
    mean = curves.groupby(["fold", "epoch"], sort=True)["loss"].mean().reset_index()
    return {
        str(fold): int(own["epoch"].iloc[int(own["loss"].to_numpy().argmin())])
        for fold, own in mean.groupby("fold", sort=True)
    }


def _weights(labels: np.ndarray, train: np.ndarray, n: int, class_weights: bool) -> np.ndarray:
    """Weight of each clip by its class among the training clips; 1 for a class without one."""
    if not class_weights:
        return np.ones(len(labels))
    counts = np.bincount(labels[train], minlength=n)
    share = counts.sum() / (np.maximum(counts, 1) * np.count_nonzero(counts))
    return np.asarray(np.where(counts > 0, share, 1.0)[labels])


def _rows(
    inputs: Inputs,
    fold: str,
    held: Sequence[np.ndarray],
    scored: Sequence[np.ndarray],
    weights: Sequence[np.ndarray],
) -> pd.DataFrame:
    places, weight = np.concatenate(held), np.concatenate(weights)
    labels = inputs.labels[places]
    probabilities = np.concatenate(scored, axis=1)
    own = np.clip(probabilities[:, np.arange(len(places)), labels], SMALLEST, None)
    losses = -np.log(own) @ weight / weight.sum()
    names = tuple(str(k) for k in range(len(inputs.classes)))
    truth = labels.astype(str)
    confusions = np.stack(
        [confusion_matrix(truth, p.argmax(-1).astype(str), names) for p in probabilities]
    )
    datasets = inputs.clips["dataset"].unique()
    return pd.DataFrame(
        {
            "dataset": tables.pooled_name(datasets),
            "fold": fold,
            "epoch": np.arange(1, len(losses) + 1, dtype=float),
            "loss": losses,
            "uf1": scores(confusions)["uf1"],
            "n_clips": float(len(np.unique(places))),
            "n_subjects": float(len(set(inputs.people[places]))),
        }
    )
