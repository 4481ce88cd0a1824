"""Training of every arm and seed with the same folds, batches and epochs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mebias import tables
from mebias.cohort import Cohort
from mebias.errors import MixedDataError, OptionError, listed
from mebias.recognition.arms import Arm, arm_sources, get_arms, given_arms
from mebias.recognition.fold_pool import FoldPool
from mebias.recognition.folds import Folds
from mebias.recognition.inputs import Inputs, join_inputs, make_inputs
from mebias.recognition.models import Build, Model, Recipe, get_model
from mebias.recognition.training import Trained, train_folds
from mebias.recognition.triples import Labels

WITH_CONTEXT = 6
"""Channels of a model that sees, beside a difference, the frame it starts from."""
Arms = Mapping[str, pd.DataFrame | None] | Sequence[str]


def arm_inputs(
    cohorts: Sequence[Cohort],
    arms: Arms,
    *,
    keyframes: pd.DataFrame | None = None,
    model: str | Build = "tiny",
    kind: str = "difference",
    labels: Labels = None,
    seeds: int = 5,
    skip_bad_frames: bool = False,
    progress: bool = False,
) -> tuple[Inputs, list[Arm]]:
    """Maps of all sources that some arms need, of one or several datasets together.

    Parameters
    ----------
    cohorts : sequence of Cohort
        With frames; all real or all simulated.
    arms, keyframes, model, kind, labels, seeds, progress
        As in `mebias.recognize`.
    skip_bad_frames : bool
        Leave clips with an unreadable image out, instead of stopping there.

    Returns
    -------
    inputs : Inputs
    arms : list of Arm

    Raises
    ------
    OptionError
        As in `mebias.recognize`.
    MixedDataError
        Real and simulated cohorts.
    """
    chosen = get_model(model)
    if not cohorts:
        raise OptionError("there is no cohort to recognize in; give one or more.")
    if len({cohort.simulated for cohort in cohorts}) > 1:
        raise MixedDataError(
            f"{listed([c.name for c in cohorts])} are real and simulated data, which do not mix; "
            f"give each real dataset its root."
        )
    if len(cohorts) > 1 and labels is None:
        raise OptionError(
            f"{listed([c.name for c in cohorts])} name emotions in words of their own; give a "
            f"class scheme that all have, such as 3-class."
        )
    made = []
    known: list[Arm] = []
    for cohort in cohorts:
        known, sources = _sources(cohort, arms, keyframes, seeds)
        made.append(
            make_inputs(
                cohort,
                sources,
                kind=kind,
                size=chosen.size,
                color=chosen.channels == WITH_CONTEXT,
                labels=labels,
                skip_bad_frames=skip_bad_frames,
                progress=progress,
            )
        )
    return (made[0] if len(made) == 1 else join_inputs(made)), known


def train_arms(
    inputs: Inputs,
    arms: Sequence[Arm],
    folds: Folds,
    *,
    model: str | Build = "tiny",
    seeds: int | Sequence[int] = 5,
    keep: str | Path | None = None,
    progress: bool = False,
    what: str = "training",
    **training: Any,
) -> Iterator[tuple[Arm, int, Trained]]:
    """Train each arm with each seed, and give each as it is done.

    Parameters
    ----------
    inputs : Inputs
        Maps of all sources that the arms need.
    arms : sequence of Arm
    folds : Folds
        The same for all.
    what : str
        Name of the progress bar.
    model, seeds, keep, progress, **training
        As in `mebias.recognize`.
    """
    chosen = get_model(model)
    numbers = range(seeds) if isinstance(seeds, int) else seeds
    runs = [(arm, seed) for arm in arms for seed in numbers]
    with ExitStack() as stack:
        tick = _bar(stack, len(runs) * len(folds), progress, what)
        if training.get("pool") is None:  # processes take seconds to start: once for all runs
            training["pool"] = stack.enter_context(FoldPool(training.pop("jobs", None)))
        for arm, seed in runs:
            train, test = arm.training(seed), arm.testing(seed)
            own = {} if arm.falling_loss is None else {"falling_loss": arm.falling_loss}
            trained = train_folds(
                model,
                _maps(inputs, train, chosen),
                inputs.labels,
                list(folds),
                test_inputs=None if test == train else _maps(inputs, test, chosen),
                classes=len(inputs.classes),
                seed=seed,
                keep=None if keep is None else Path(keep) / f"{arm.name}-{seed}",
                arm=arm.name,
                progress=tick,
                **{"recipe": recipe_of(chosen, inputs)} | training | own,
            )
            yield arm, seed, trained


def recipe_of(model: Model, inputs: Inputs) -> Recipe:
    """The model's recipe; a mirrored face turns the sign of horizontal flow."""
    augment = replace(model.recipe.augment, mirrored=inputs.mirrored)
    return replace(model.recipe, augment=augment)


def map_shape(model: str | Build, inputs: Inputs) -> tuple[int, int, int]:
    """Channels, height and width of the maps that a model sees."""
    shape = _maps(inputs, inputs.sources[0], get_model(model), rows=np.array([0])).shape
    return int(shape[2]), int(shape[3]), int(shape[4])


def _sources(
    cohort: Cohort, arms: Arms, keyframes: pd.DataFrame | None, seeds: int
) -> tuple[list[Arm], dict[str, pd.DataFrame | None]]:
    if isinstance(arms, Mapping):
        return given_arms({name: _own(table, cohort) for name, table in arms.items()})
    known = get_arms([arms] if isinstance(arms, str) else arms)
    table = _own(keyframes, cohort)
    table = tables.empty("keyframes") if table is None else table
    return known, arm_sources(cohort, table, known, seeds=range(seeds))


def _own(table: pd.DataFrame | None, cohort: Cohort) -> pd.DataFrame | None:
    """Rows of a cohort in a table of several datasets; a table of others is left as it is."""
    if table is None or "dataset" not in table or cohort.name not in set(table["dataset"]):
        return table
    return table[table["dataset"] == cohort.name].reset_index(drop=True)


def _maps(inputs: Inputs, source: str, model: Model, rows: np.ndarray | None = None) -> np.ndarray:
    """Maps of one source; with the frames that they start from, where the model sees them."""
    maps = inputs.maps(source, rows)
    if model.channels != WITH_CONTEXT or inputs.kind == "given":
        return maps
    return np.concatenate([maps, inputs.context(source, rows)], axis=2)


def _bar(stack: ExitStack, n_folds: int, progress: bool, what: str) -> Callable[[int], None] | bool:
    """What to call after each fold: a bar that says how much time is left."""
    if not progress:
        return False
    from tqdm.auto import tqdm

    bar = stack.enter_context(tqdm(total=n_folds, desc=what, unit="fold"))

    def tick(_: int) -> None:
        bar.update()

    return tick
