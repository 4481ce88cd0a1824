"""From keyframes to predictions: every arm with the same clips, folds, seeds and batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mebias.cohort import Cohort
from mebias.errors import OptionError, suggest
from mebias.recognition.arms import Arm
from mebias.recognition.inputs import Inputs
from mebias.recognition.maps_file import write_maps
from mebias.recognition.models import Build
from mebias.recognition.protocols import FIXED, INNER, PROTOCOLS, RELEASED, run_protocols
from mebias.recognition.runs import arm_inputs
from mebias.recognition.triples import Labels


def recognize(
    cohort: Cohort | Sequence[Cohort],
    arms: Mapping[str, pd.DataFrame | None] | Sequence[str],
    *,
    keyframes: pd.DataFrame | None = None,
    model: str | Build = "tiny",
    kind: str = "difference",
    labels: Labels = None,
    evaluation: str = "cde",
    folds: int | None = None,
    seeds: int = 5,
    protocol: str = FIXED,
    keep: str | Path | None = None,
    export_maps: str | Path | None = None,
    progress: bool = False,
    **training: Any,
) -> pd.DataFrame:
    """Train a recognizer on each arm's keyframes, and predict subjects it has never seen.

    Parameters
    ----------
    cohort : Cohort or sequence of Cohort
        With frames. Several datasets need ``labels`` in common, such as ``3-class``.
    arms : mapping or sequence of str
        Name of an arm to its keyframes table, None for ``human``; or names alone, whose rows
        stand in ``keyframes``. A plain name re-selects training clips only; ``gamdss@test``
        and ``gamdss@both`` say otherwise; ``human+falling`` adds the falling branch's loss.
    keyframes : DataFrame, optional
        A keyframes table that holds the rules of all arms, where arms are names.
    model : str or callable
        As in `mebias.recognition.train_folds`.
    kind : {"difference", "flow"}
        What maps hold, as in `mebias.recognition.inputs.make_inputs`.
    labels : str or mapping, optional
        A class scheme of the manifest (``3-class``), or a mapping from emotion to class.
    evaluation : {"cde", "sde", "lodo"}
        Of several datasets: all subjects together (composite), each dataset alone, or each
        tested by a model trained on the others.
    folds : int, optional
        So many folds by subject; by default each subject is left out once.
    seeds : int
        Runs of each arm: initial weights, batches and what is drawn differ.
    protocol : {"fixed", "inner", "released"}
        A fixed number of epochs; one chosen for each fold by an inner split of its training
        subjects; or the best epoch on the test clips, which leaks and is not to be reported.
        See `mebias.recognition.run_protocols`.
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
        No frames, an unknown arm, model or protocol, an arm without keyframes, or too few
        subjects.
    MixedDataError
        Real and simulated cohorts.

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
    inputs, known = arm_inputs(
        [cohort] if isinstance(cohort, Cohort) else cohort,
        arms,
        keyframes=keyframes,
        model=model,
        kind=kind,
        labels=labels,
        seeds=seeds,
        progress=progress,
    )
    for source in inputs.sources if export_maps is not None else ():
        write_maps(inputs, Path(str(export_maps)), source)
    return recognize_inputs(
        inputs,
        known,
        model=model,
        evaluation=evaluation,
        folds=folds,
        seeds=seeds,
        protocol=protocol,
        keep=keep,
        progress=progress,
        **training,
    )


def recognize_inputs(
    inputs: Inputs,
    arms: Sequence[Arm],
    *,
    model: str | Build = "tiny",
    evaluation: str = "cde",
    folds: int | None = None,
    seeds: int = 5,
    protocol: str = FIXED,
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
    model, evaluation, folds, seeds, protocol, keep, progress, **training
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
    if protocol not in PROTOCOLS:
        raise OptionError(
            f"protocol is {protocol!r}; expected fixed, inner or released"
            f"{suggest(protocol, PROTOCOLS)}."
        )
    done = run_protocols(
        inputs,
        arms,
        model=model,
        evaluation=evaluation,
        folds=folds,
        seeds=seeds,
        inner=protocol == INNER,
        released=protocol == RELEASED,
        keep=keep,
        progress=progress,
        **training,
    )
    return done.predictions[protocol]
