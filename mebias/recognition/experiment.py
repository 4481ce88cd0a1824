"""From keyframes to predictions: every arm with the same clips, folds, seeds and batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mebias import tables
from mebias.cohort import Cohort
from mebias.errors import OptionError
from mebias.recognition.arms import Arm, arm_sources, get_arms, given_arms
from mebias.recognition.fold_pool import FoldPool
from mebias.recognition.folds import Folds, k_folds, leave_one_subject_out
from mebias.recognition.inputs import Inputs, make_inputs
from mebias.recognition.maps_file import write_maps
from mebias.recognition.models import MODELS, Build, Model, get_model
from mebias.recognition.predictions import make_predictions
from mebias.recognition.training import train_folds
from mebias.recognition.triples import Labels

WITH_CONTEXT = 6
"""Channels of a model that sees, beside a difference, the frame it starts from."""


def recognize(
    cohort: Cohort,
    arms: Mapping[str, pd.DataFrame | None] | Sequence[str],
    *,
    keyframes: pd.DataFrame | None = None,
    model: str | Build = "tiny",
    kind: str = "difference",
    labels: Labels = None,
    folds: int | None = None,
    seeds: int = 5,
    keep: str | Path | None = None,
    export_maps: str | Path | None = None,
    progress: bool = False,
    **training: Any,
) -> pd.DataFrame:
    """Train a recognizer on each arm's keyframes, and predict subjects it has never seen.

    Parameters
    ----------
    cohort : Cohort
        With frames.
    arms : mapping or sequence of str
        Name of an arm to its keyframes table, None for ``human``; or names alone, whose rows
        stand in ``keyframes``. A plain name re-selects training clips only; ``gamdss@test``
        and ``gamdss@both`` say otherwise.
    keyframes : DataFrame, optional
        A keyframes table that holds the rules of all arms, where arms are names.
    model : str or callable
        As in `mebias.recognition.train_folds`.
    kind : {"difference", "flow"}
        What maps hold, as in `mebias.recognition.inputs.make_inputs`.
    labels : str or mapping, optional
        A class scheme of the manifest (``3-class``), or a mapping from emotion to class.
    folds : int, optional
        So many folds by subject; by default each subject is left out once.
    seeds : int
        Runs of each arm: initial weights, batches and what is drawn differ.
    keep : path, optional
        Keep finished folds in this folder, so that a run that was stopped goes on.
    export_maps : path, optional
        Write the maps of every source of keyframes here, see `mebias.recognition.maps_file`.
    progress : bool
        Show a progress bar on stderr.
    **training
        Further options of `mebias.recognition.train_folds`: epochs, batch, device, jobs ...

    Returns
    -------
    DataFrame
        A predictions table, a row per clip, arm and seed; see `mebias.gain`.

    Raises
    ------
    OptionError
        No frames, an unknown arm or model, an arm without keyframes, or too few subjects.

    Examples
    --------
    >>> import mebias
    >>> cohort = mebias.simulate("4dme", n_subjects=6, n_clips=24, size=(32, 32))
    >>> arms = {"human": None, "gamdss": mebias.reselect(cohort, rule="gamdss")}
    >>> found = recognize(cohort, arms, seeds=1, folds=2, epochs=1, jobs=1)
    >>> sorted(found["arm"].unique()), found["subject"].nunique()
    (['gamdss', 'human'], 6)
    """
    if seeds < 1:
        raise OptionError(f"seeds is {seeds}; expected 1 or more.")
    chosen = get_model(model)
    known, sources = _sources(cohort, arms, keyframes, seeds)
    inputs = make_inputs(
        cohort,
        sources,
        kind=kind,
        size=chosen.size,
        color=chosen.channels == WITH_CONTEXT,
        labels=labels,
        progress=progress,
    )
    for source in inputs.sources if export_maps is not None else ():
        write_maps(inputs, Path(str(export_maps)), source)
    return recognize_inputs(
        inputs,
        known,
        model=model,
        folds=folds,
        seeds=seeds,
        keep=keep,
        progress=progress,
        **training,
    )


def recognize_inputs(
    inputs: Inputs,
    arms: Sequence[Arm],
    *,
    model: str | Build = "tiny",
    folds: int | None = None,
    seeds: int = 5,
    keep: str | Path | None = None,
    progress: bool = False,
    **training: Any,
) -> pd.DataFrame:
    """`recognize` from maps that are at hand.

    Parameters
    ----------
    inputs : Inputs
        Maps of all sources that the arms need.
    arms : sequence of Arm
    model, folds, seeds, keep, progress, **training
        As in `recognize`.

    Returns
    -------
    DataFrame
        A predictions table.

    Raises
    ------
    OptionError
        As in `recognize`.
    """
    chosen = get_model(model)
    dealt = _folds(inputs, folds)
    runs = [(arm, seed) for arm in arms for seed in range(seeds)]
    made = []
    with ExitStack() as stack:
        tick = _bar(stack, len(runs) * len(dealt), progress)
        if training.get("pool") is None:  # processes take seconds to start: once for all runs
            training["pool"] = stack.enter_context(FoldPool(training.pop("jobs", None)))
        for arm, seed in runs:
            train, test = arm.training(seed), arm.testing(seed)
            trained = train_folds(
                model,
                _maps(inputs, train, chosen),
                inputs.labels,
                list(dealt),
                test_inputs=None if test == train else _maps(inputs, test, chosen),
                classes=len(inputs.classes),
                seed=seed,
                recipe=_recipe(chosen, inputs),
                keep=None if keep is None else Path(keep) / f"{arm.name}-{seed}",
                arm=arm.name,
                progress=tick,
                **training,
            )
            made.append(make_predictions(inputs, arm.name, seed, dealt, trained.probabilities))
    return tables.conform(pd.concat(made, ignore_index=True), "predictions")


def _sources(
    cohort: Cohort,
    arms: Mapping[str, pd.DataFrame | None] | Sequence[str],
    keyframes: pd.DataFrame | None,
    seeds: int,
) -> tuple[list[Arm], dict[str, pd.DataFrame | None]]:
    if isinstance(arms, Mapping):
        return given_arms(arms)
    known = get_arms([arms] if isinstance(arms, str) else arms)
    table = tables.empty("keyframes") if keyframes is None else keyframes
    return known, arm_sources(cohort, table, known, seeds=range(seeds))


def _folds(inputs: Inputs, folds: int | None) -> Folds:
    people = inputs.people
    return leave_one_subject_out(people) if folds is None else k_folds(people, folds)


def _maps(inputs: Inputs, source: str, model: Model) -> np.ndarray:
    """Maps of one source; with the frames that they start from, where the model sees them."""
    maps = inputs.maps(source)
    if model.channels != WITH_CONTEXT or model.name not in MODELS or inputs.kind == "given":
        return maps
    return np.concatenate([maps, inputs.context(source)], axis=2)


def _recipe(model: Model, inputs: Inputs) -> Any:
    """The model's recipe; a mirrored face turns the sign of horizontal flow."""
    augment = replace(model.recipe.augment, mirrored=inputs.mirrored)
    return replace(model.recipe, augment=augment)


def _bar(stack: ExitStack, n_folds: int, progress: bool) -> Callable[[int], None] | bool:
    """What to call after each fold: a bar that says how much time is left."""
    if not progress:
        return False
    from tqdm.auto import tqdm

    bar = stack.enter_context(tqdm(total=n_folds, desc="training", unit="fold"))

    def tick(_: int) -> None:
        bar.update()

    return tick
