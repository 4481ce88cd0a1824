"""How epochs are chosen: fixed, by an inner split, or, as released, on the test subject."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mebias import tables
from mebias.errors import LeakWarning, OptionError, TrainingWarning
from mebias.recognition.arms import Arm
from mebias.recognition.curves import choose_epochs, curve_rows, pooled_rows
from mebias.recognition.folds import Folds, deal_folds, inner_split
from mebias.recognition.inputs import Inputs
from mebias.recognition.metrics import confusion_matrix, present_f1
from mebias.recognition.models import Build, Recipe, get_model
from mebias.recognition.predictions import make_predictions
from mebias.recognition.runs import recipe_of, train_arms
from mebias.recognition.training import Trained

FIXED, INNER, RELEASED, RELEASED_F1 = "fixed", "inner", "released", "released-f1"
PROTOCOLS = (FIXED, INNER, RELEASED)
LEAK = (
    "RELEASED PROTOCOL: the best epoch is picked on the test subject; these scores are too high "
    "and not to be reported"
)
FURTHER = 2
"""Inner curves go so many times as far as the fixed number of epochs."""


@dataclass(frozen=True)
class Protocols:
    """Predictions of the same trained models under several ways to choose the epoch.

    Attributes
    ----------
    predictions : dict
        Protocol to its predictions table: ``fixed`` always; ``inner``; ``released``, with the
        epoch of most hits on the test clips of each fold, and ``released-f1``, with that of
        the best F1 there.
    curves : DataFrame
        A curves table: loss and UF1 on inner validation clips; empty where not asked for.
    epochs : dict
        Fold to the epoch chosen by its inner split, and ``all`` to that of all folds together.
    fixed : int
        The fixed number of epochs.
    """

    predictions: dict[str, pd.DataFrame]
    curves: pd.DataFrame
    epochs: dict[str, int]
    fixed: int


def run_protocols(
    inputs: Inputs,
    arms: Sequence[Arm],
    *,
    model: str | Build = "tiny",
    evaluation: str = "cde",
    folds: int | None = None,
    seeds: int = 5,
    inner: bool = False,
    released: bool = False,
    keep: str | Path | None = None,
    progress: bool = False,
    **training: Any,
) -> Protocols:
    """Train every arm, and predict with epochs chosen in one or several ways.

    With ``inner`` a share of the subjects of each training fold is set aside, anew for each
    seed; models of the others are scored on them after every epoch, up to twice the fixed
    number. A fold's epoch is the one with the least loss there, mean over arms and seeds, so
    that all arms have the same; test clips have no part in it. Models are then trained on the
    whole training fold for so many epochs.

    Parameters
    ----------
    inputs : Inputs
        Maps of all sources that the arms need.
    arms : sequence of Arm
    inner, released : bool
        Choose epochs by an inner split, or on the test clips, too.
    model, evaluation, folds, seeds, keep, progress, **training
        As in `mebias.recognize`.

    Returns
    -------
    Protocols

    Warns
    -----
    LeakWarning
        Where epochs are picked on test clips.

    Raises
    ------
    OptionError
        As in `mebias.recognize`; or a fold trains on a single subject, who cannot be split.

    Examples
    --------
    >>> import mebias
    >>> from mebias.recognition.runs import arm_inputs
    >>> cohort = mebias.simulate("4dme", n_subjects=6, n_clips=24, size=(32, 32))
    >>> inputs, arms = arm_inputs([cohort], ["human"])
    >>> done = run_protocols(inputs, arms, folds=3, seeds=1, epochs=2, inner=True, jobs=1)
    >>> done.fixed, len(done.curves), sorted(done.epochs)
    (2, 16, ['1', '2', '3', 'all'])
    """
    if seeds < 1:
        raise OptionError(f"seeds is {seeds}; expected 1 or more.")
    dealt = deal_folds(inputs.clips, evaluation, folds)
    recipe = _recipe(model, inputs, training)
    shared: dict[str, Any] = {"model": model, "seeds": seeds, "keep": keep, "progress": progress}
    curves, epochs = tables.empty("curves"), {}
    if inner:
        further = dict(training, epochs=FURTHER * recipe.epochs)
        curves = _curves(inputs, arms, dealt, recipe, **shared, **further)
        epochs = choose_epochs(curves)
    chosen = [epochs[name] for name in dealt.names] if inner else [recipe.epochs] * len(dealt)
    last = max(recipe.epochs, *chosen)
    found: dict[str, list[pd.DataFrame]] = {}
    settled = dict(training, epochs=last, record_epochs=inner or released)
    for arm, seed, trained in train_arms(inputs, arms, dealt, **shared, **settled):
        picked = {FIXED: np.full(len(dealt), recipe.epochs)}
        if inner:
            picked[INNER] = np.array(chosen)
        if released:
            picked |= _best(inputs, dealt, trained, recipe.epochs)
        for protocol, at in picked.items():
            table = _at(inputs, dealt, trained, at, last, arm.name, seed, protocol)
            found.setdefault(protocol, []).append(table)
    if released:
        warnings.warn(f"{LEAK}.", LeakWarning, stacklevel=2)
    return Protocols(
        {name: tables.conform(pd.concat(t, ignore_index=True), "predictions")
         for name, t in found.items()},
        curves,
        epochs,
        recipe.epochs,
    )  # fmt: skip


def _recipe(model: str | Build, inputs: Inputs, training: dict[str, Any]) -> Recipe:
    recipe: Recipe = training.get("recipe") or recipe_of(get_model(model), inputs)
    changes = {k: training[k] for k in ("epochs", "class_weights") if training.get(k) is not None}
    return Recipe(**{**vars(recipe), **changes})


def inner_folds(folds: Folds, people: np.ndarray, seed: int) -> Folds:
    """The training clips of each fold, split by subject; its test clips are in neither part.

    Parameters
    ----------
    folds : Folds
    people : ndarray of str, shape (n_clips,)
    seed : int
        Each seed and fold has a split of its own.
    """
    pairs = [
        inner_split(train, people, seed=seed * len(folds) + place)
        for place, (train, _) in enumerate(folds)
    ]
    return Folds(folds.names, tuple(pairs))


def _curves(
    inputs: Inputs, arms: Sequence[Arm], dealt: Folds, recipe: Recipe, *, seeds: int,
    keep: str | Path | None, **training: Any,
) -> pd.DataFrame:  # fmt: skip
    rows: list[pd.DataFrame] = []
    kept = None if keep is None else Path(keep) / "inner"
    for seed in range(seeds):
        splits = inner_folds(dealt, inputs.people, seed)
        with warnings.catch_warnings():
            # a class that some inner split lacks only costs that curve a little
            warnings.simplefilter("ignore", TrainingWarning)
            runs = train_arms(inputs, arms, splits, seeds=[seed], keep=kept, overlap=True,
                              record_epochs=True, what="inner splits", **training)  # fmt: skip
            for arm, _, trained in runs:
                own = [curve_rows(inputs, pair, name, scored, recipe.class_weights)
                       for name, pair, scored in zip(splits.names, splits, trained.by_fold,
                                                     strict=True)]  # fmt: skip
                here = pd.concat([*own, pooled_rows(inputs, splits, trained.by_fold,
                                                    recipe.class_weights)])  # fmt: skip
                rows.append(here.assign(arm=arm.name, seed=float(seed)))
    return tables.conform(pd.concat(rows, ignore_index=True), "curves")


def _best(inputs: Inputs, dealt: Folds, trained: Trained, fixed: int) -> dict[str, np.ndarray]:
    """The epoch of each fold that is best on its test clips, of several the first, from 1."""
    hits, f1 = [], []
    for (_, test), scored in zip(dealt, trained.by_fold, strict=True):
        labels = inputs.labels[test]
        confusions = np.stack(list(_confusions(labels, scored[:fixed])))
        right = np.trace(confusions, axis1=-2, axis2=-1)
        hits.append(int(right.argmax()) + 1)
        f1.append(int(present_f1(confusions).argmax()) + 1)
    return {RELEASED: np.array(hits), RELEASED_F1: np.array(f1)}


def _confusions(labels: np.ndarray, scored: np.ndarray) -> Iterator[np.ndarray]:
    names = tuple(str(k) for k in range(scored.shape[-1]))
    for probabilities in scored:
        yield confusion_matrix(labels.astype(str), probabilities.argmax(-1).astype(str), names)


def _at(
    inputs: Inputs, dealt: Folds, trained: Trained, at: np.ndarray, last: int, arm: str,
    seed: int, protocol: str,
) -> pd.DataFrame:  # fmt: skip
    """Predictions with the epoch of each fold."""
    probabilities = np.empty((len(inputs), len(inputs.classes)))
    epochs = np.empty(len(inputs))
    for (_, test), scored, epoch in zip(dealt, trained.by_fold, at, strict=True):
        # models that were scored once were scored after the last epoch
        place = int(epoch) - 1 if len(scored) == last else -1
        probabilities[test], epochs[test] = scored[place], epoch
    table = make_predictions(inputs, arm, seed, dealt, probabilities)
    return table.assign(protocol=protocol, epoch=epochs)
