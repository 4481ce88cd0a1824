"""Predictions of models, one row per clip, arm and seed: checked, made, written and read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mebias import tables
from mebias.errors import MixedDataError, OptionError, TableError, listed
from mebias.recognition.folds import Folds
from mebias.recognition.inputs import Inputs

LEAKS = ("released", "released-f1")
"""Protocols that look at the clips they are judged on: to be measured, never to be reported."""
KEY = ["dataset", "clip", "arm", "seed"]
TOLERANCE = 1e-3
"""Probabilities of a clip may miss a sum of 1 by this much: users round them."""


def probability_columns(predictions: pd.DataFrame) -> list[str]:
    """Columns of class probabilities, ``p_<class>``."""
    return [c for c in predictions.columns if str(c).startswith(tables.PROBABILITY)]


def classes_of(predictions: pd.DataFrame) -> tuple[str, ...]:
    """All classes that are true or predicted, or have a probability; whole numbers in order.

    >>> classes_of(pd.DataFrame({"label": ["10", "2"], "predicted": ["2", "2"]}))
    ('2', '10')
    """
    named = {str(c).removeprefix(tables.PROBABILITY) for c in probability_columns(predictions)}
    every = named | set(predictions["label"]) | set(predictions["predicted"])
    return tuple(sorted(every, key=lambda c: (0, int(c), "") if c.isdecimal() else (1, 0, c)))


def checked_predictions(predictions: pd.DataFrame, origin: str = "") -> pd.DataFrame:
    """Predictions in their declared form, or one sentence why they cannot be.

    Parameters
    ----------
    predictions : DataFrame
        At least clip, subject, arm, label, predicted. Classes may be text or whole numbers;
        1.0 is the class 1.
    origin : str, optional
        The file that they came from.

    Returns
    -------
    DataFrame
        Same rows, same order; blank groups are ``unknown``.

    Raises
    ------
    TableError
        No row, a blank cell, a clip twice in an arm and seed, arms or seeds of other clips,
        a clip with two labels, subjects or groups, probabilities that are none, or no class
        in common between label and predicted.
    MixedDataError
        Real and simulated rows in one table.

    Examples
    --------
    >>> row = {"clip": "a/1", "subject": "a", "arm": "human", "label": 0, "predicted": 1.0}
    >>> other = row | {"clip": "a/2", "label": 1}
    >>> checked_predictions(pd.DataFrame([row, other]))["predicted"].tolist()
    ['1', '1']
    """
    where = origin or "the predictions table"
    found = tables.conform(predictions, "predictions", origin)
    if found.empty:
        raise TableError(f"{where} has no rows; there is nothing to score.")
    for column in ("label", "predicted"):
        found[column] = found[column].str.strip().str.replace(r"^(-?\d+)\.0+$", r"\1", regex=True)
    for column in ("clip", "subject", "arm", "label", "predicted"):
        _refuse(found[column] == "", found, column, where, "expected text")
    _refuse(found["seed"].isna(), found, "seed", where, "expected a whole number")
    found["ethnicity"] = found["ethnicity"].where(found["ethnicity"] != "", tables.UNKNOWN)
    if len({tables.is_simulated(name) for name in found["dataset"].unique()}) > 1:
        raise MixedDataError(f"{where} holds real and simulated clips, which do not mix.")
    repeated = found.duplicated(KEY)
    _refuse(repeated, found, "clip", where, "which this arm and seed have in an earlier row, too")
    for column in ("label", "subject", "ethnicity"):
        _refuse_two(found, column, where, ["dataset", "clip"])
    _refuse_two(found, "fold", where, ["dataset", "clip", "seed"])
    _refuse_unequal(found, where)
    other = found["protocol"] != found["protocol"].iloc[0]
    _refuse(other, found, "protocol", where, "but rows above say otherwise; expected one for all")
    if not set(found["label"]) & set(found["predicted"]):
        raise TableError(
            f"{where}: no predicted class ({listed(sorted(set(found['predicted'])))}) is among the "
            f"labels ({listed(sorted(set(found['label'])))}); write both in the same words."
        )
    _refuse_probabilities(found, where)
    return found


def read_predictions(path: str | Path) -> pd.DataFrame:
    """Predictions from a CSV, checked.

    Raises
    ------
    TableError, MixedDataError
        See `checked_predictions`.
    """
    path = Path(path)
    return checked_predictions(tables.read_text_csv(path), path.name)


def make_predictions(
    inputs: Inputs, arm: str, seed: int, folds: Folds, probabilities: np.ndarray
) -> pd.DataFrame:
    """The predictions table of one arm and seed.

    Parameters
    ----------
    inputs : Inputs
        Whose clips were scored.
    arm : str
    seed : int
    folds : Folds
        Every clip is tested in one.
    probabilities : ndarray of float, shape (n_clips, n_classes)
        Scores of each clip by the model that never saw its fold, in the order of
        ``inputs.classes``.

    Returns
    -------
    DataFrame
        Predicted is the most probable class, of several the first; probabilities are rounded
        to 6 digits after that.

    Raises
    ------
    OptionError
        Probabilities of another shape, or not finite.

    Examples
    --------
    >>> import mebias
    >>> from mebias.recognition.folds import leave_one_subject_out
    >>> from mebias.recognition.inputs import make_inputs
    >>> cohort = mebias.simulate("samm", n_subjects=3, n_clips=6, size=(32, 32))
    >>> inputs = make_inputs(cohort, {"human": None}, labels={"Anger": "a", "Other": "b"})
    >>> folds = leave_one_subject_out(inputs.people)
    >>> even = np.full((len(inputs), 2), 0.5)
    >>> set(make_predictions(inputs, "human", 0, folds, even)["predicted"])
    {'a'}
    """
    p = np.asarray(probabilities, dtype=float)
    if p.shape != (len(inputs), len(inputs.classes)) or not np.isfinite(p).all():
        raise OptionError(
            f"the probabilities of {arm} are of shape {p.shape}, {int((~np.isfinite(p)).sum())} of "
            f"them not finite; expected {len(inputs)} clips x {len(inputs.classes)} classes."
        )
    named = {f"{tables.PROBABILITY}{c}": p[:, i].round(6) for i, c in enumerate(inputs.classes)}
    table = inputs.clips.assign(
        arm=arm,
        seed=float(seed),
        fold=folds.of_clips(),
        predicted=[inputs.classes[i] for i in p.argmax(axis=1)],
        **named,
    )
    return tables.conform(table, "predictions")


def _refuse(bad: pd.Series, table: pd.DataFrame, column: str, where: str, expected: str) -> None:
    if bad.any():
        place = int(np.flatnonzero(bad)[0])
        raise TableError(
            f"{where}, row {place + 2}, column {column}: found {str(table[column].iloc[place])!r}, "
            f"{expected}; mend that row."
        )


def _refuse_two(table: pd.DataFrame, column: str, where: str, by: list[str]) -> None:
    """Refuse two values of what a clip has one of, in all arms."""
    first = table.groupby(by)[column].transform("first")
    expected = f"but an earlier row of this clip says otherwise; expected one {column} per clip"
    _refuse(table[column] != first, table, column, where, expected)


def _refuse_unequal(table: pd.DataFrame, where: str) -> None:
    every = set(zip(table["dataset"], table["clip"], strict=True))
    for (arm, seed), own in table.groupby(["arm", "seed"], sort=False):
        absent = every - set(zip(own["dataset"], own["clip"], strict=True))
        if absent:
            clips = sorted(clip for _, clip in absent)
            raise TableError(
                f"{where}: arm {arm}, seed {seed:g}, lacks {len(clips)} of {len(every)} clips "
                f"({listed(clips)}); expected the same clips in all arms and seeds."
            )
    seeds = table.groupby("arm", sort=False)["seed"].unique()
    most = set(table["seed"])
    for arm, own in seeds.items():
        if set(own) != most:
            lacking = [f"{seed:g}" for seed in sorted(most - set(own))]
            raise TableError(
                f"{where}: arm {arm} lacks the seeds {listed(lacking)}, which other arms have; "
                f"expected the same seeds in all arms."
            )


def _refuse_probabilities(table: pd.DataFrame, where: str) -> None:
    columns = probability_columns(table)
    if not columns:
        return
    for name in sorted(set(table["label"]) | set(table["predicted"])):
        if f"{tables.PROBABILITY}{name}" not in columns:
            raise TableError(
                f"{where} has probabilities ({listed(columns)}), but none of the class {name!r}; "
                f"add the column {tables.PROBABILITY}{name}, or leave all of them out."
            )
    values = table[columns].to_numpy(dtype=float)
    blank = np.isnan(values)
    for place, column in enumerate(columns):
        _refuse(pd.Series(blank[:, place]), table, column, where, "expected a probability")
        outside = (values[:, place] < -TOLERANCE) | (values[:, place] > 1 + TOLERANCE)
        _refuse(pd.Series(outside), table, column, where, "expected a probability from 0 to 1")
    off = np.abs(values.sum(axis=1) - 1) > TOLERANCE
    if off.any():
        place = int(np.flatnonzero(off)[0])
        raise TableError(
            f"{where}, row {place + 2}: the probabilities add up to {values[place].sum():.4g}; "
            f"expected 1."
        )


def seeds_of(predictions: pd.DataFrame) -> Sequence[float]:
    """Seeds, ascending."""
    return [float(seed) for seed in np.unique(predictions["seed"])]
