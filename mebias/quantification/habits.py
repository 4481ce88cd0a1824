"""What the habits of the released protocol are worth, beside the clean numbers.

Each is a number that comes out higher or lower than the one it is taken for, computed on the
same trained models. None of them is to be reported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mebias import tables
from mebias.errors import OptionError
from mebias.quantification.interval import Interval
from mebias.quantification.score_intervals import jackknife
from mebias.recognition.inputs import people
from mebias.recognition.metrics import macro_precision, margins, present_f1, scores_of, tally
from mebias.recognition.predictions import checked_predictions
from mebias.recognition.protocols import FIXED, INNER, RELEASED, RELEASED_F1

POOLED = "counts pooled over folds"
Number = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From counts (..., G, K, K) and the fold of each subject to a number (...)."""


@dataclass(frozen=True)
class Habit:
    """A way to come to a number.

    Attributes
    ----------
    name : str
        What is done.
    protocol : str
        Whose predictions it is computed from.
    quantity : str
        The score that it is taken for.
    number : callable
        How it is computed.
    leaks : bool
        Whether it is not to be reported.
    """

    name: str
    protocol: str
    quantity: str
    number: Number
    leaks: bool


def habit_rows(
    predictions: Mapping[str, pd.DataFrame], *, conf_level: float = 0.95
) -> pd.DataFrame:
    """What choosing epochs otherwise, and other habits, make of a score.

    Parameters
    ----------
    predictions : mapping
        Protocol to predictions, as `mebias.recognition.run_protocols` returns them; ``fixed``
        is needed, the others are looked at where they are there.
    conf_level : float
        Level of the intervals.

    Returns
    -------
    DataFrame
        A protocols table. Each row: the number under a habit, the clean one (epochs fixed,
        counts pooled), and their difference with a delete-one-subject jackknife interval,
        given the trained models and the epochs that were picked. ``leaks`` marks what is not
        to be reported.

    Raises
    ------
    OptionError
        There are no predictions of the fixed protocol, or the tables differ in clips or arms.

    Examples
    --------
    >>> clips = [{"clip": str(i), "subject": str(i % 8), "label": i // 8 % 2} for i in range(64)]
    >>> rng = np.random.default_rng(0)
    >>> fixed = [c | {"arm": "human", "predicted": rng.integers(2)} for c in clips]
    >>> found = habit_rows({"fixed": pd.DataFrame(fixed)})
    >>> found[found["leaks"]]["habit"].tolist()
    ['mean over folds of the F1 within a fold', 'macro precision called UAR']
    """
    if FIXED not in predictions:
        raise OptionError("there are no predictions with fixed epochs to compare with; add them.")
    counted = {name: _Counted(checked_predictions(t)) for name, t in predictions.items()}
    clean = counted[FIXED]
    for name, other in counted.items():
        if not clean.fits(other):
            raise OptionError(
                f"the predictions of {FIXED} and {name} are of other clips, arms, seeds or folds; "
                f"take both from one run."
            )
    rows = [
        _row(clean, counted[habit.protocol], place, habit, conf_level)
        for place in range(len(clean.tally.arms))
        for habit in habits(list(counted))
    ]
    return tables.from_rows(rows, "protocols")


def habits(protocols: Sequence[str]) -> list[Habit]:
    """Habits that can be judged from these protocols.

    >>> [habit.quantity for habit in habits(["fixed", "inner"])]
    ['uf1', 'uar', 'accuracy', 'uf1', 'uar', 'accuracy', 'uf1', 'uar']
    """
    epoch, each = "the best epoch on the test subject", "each score at its own best epoch"
    found = [Habit(f"none: epochs fixed, {POOLED}", FIXED, q, _pooled(q), False) for q in _SCORES]
    if INNER in protocols:
        name = "epoch chosen by an inner split"
        found += [Habit(name, INNER, q, _pooled(q), False) for q in _SCORES]
    if RELEASED in protocols:
        found += [Habit(f"{epoch} (accuracy)", RELEASED, q, _pooled(q), True) for q in _SCORES]
    if RELEASED_F1 in protocols:
        name = f"{each}: accuracy and F1 from different epochs"
        found.append(Habit(name, RELEASED_F1, "uf1", _pooled("uf1"), True))
    found += [
        Habit("mean over folds of the F1 within a fold", FIXED, "uf1", _of_folds, True),
        Habit("macro precision called UAR", FIXED, "uar", _precision, True),
    ]
    if RELEASED_F1 in protocols:
        found += [
            Habit(f"all: {each}, mean over folds", RELEASED_F1, "uf1", _of_folds, True),
            Habit(f"all: {epoch}, macro precision", RELEASED, "uar", _precision, True),
        ]
    return found


_SCORES = ("uf1", "uar", "accuracy")


class _Counted:
    """Checked predictions, counted by arm, seed and subject, with the fold of each subject."""

    def __init__(self, checked: pd.DataFrame) -> None:
        self.tally = tally(checked)
        self.dataset = tables.pooled_name(checked["dataset"])
        who = people(checked)
        fold = checked["fold"].where(checked["fold"] != "", pd.Series(who)).to_numpy()
        first = dict(zip(who.tolist(), fold.tolist(), strict=True))
        self.folds = np.unique([first[s] for s in self.tally.subjects], return_inverse=True)[1]

    def fits(self, other: _Counted) -> bool:
        """Whether both are of the same clips, arms, seeds and folds."""
        mine, others = self.tally, other.tally
        return (
            (mine.arms, mine.seeds, mine.subjects, mine.classes)
            == (others.arms, others.seeds, others.subjects, others.classes)
            and np.array_equal(self.folds, other.folds)
            and np.array_equal(mine.counts.sum(axis=-1), others.counts.sum(axis=-1))
        )


def _row(
    clean: _Counted, other: _Counted, place: int, habit: Habit, conf_level: float
) -> dict[str, object]:
    mine, own = clean.tally.counts[place], other.tally.counts[place]
    plain = _pooled(habit.quantity)

    def both(members: np.ndarray) -> tuple[float, float]:
        folds = clean.folds[members]
        numbers = habit.number(own[:, members], folds), plain(mine[:, members], folds)
        first, second = (float(n.mean()) for n in numbers)
        return first, second

    everyone = np.arange(mine.shape[1])
    estimate, right = both(everyone)
    without = [both(np.delete(everyone, g)) for g in everyone]
    if habit.protocol == FIXED and not habit.leaks:
        found = _none(mine, conf_level)
    else:
        differences = np.array([a - b for a, b in without])
        found = jackknife(estimate - right, differences, mine, conf_level)
    return {
        "dataset": clean.dataset,
        "arm": clean.tally.arms[place],
        "protocol": habit.protocol,
        "habit": habit.name,
        "leaks": habit.leaks,
        "quantity": habit.quantity,
        "estimate": estimate,
        "clean": right,
        "difference": estimate - right,
        "conf_low": found.conf_low,
        "conf_high": found.conf_high,
        "conf_level": conf_level,
        "n_clips": found.n_clips,
        "n_subjects": found.n_subjects,
        "method": f"{found.method}; given the trained models and the epochs picked",
        "reason": found.reason,
    }


def _none(counts: np.ndarray, conf_level: float) -> Interval:
    found = jackknife(0.0, np.zeros(counts.shape[1]), counts, conf_level)
    return Interval(**{**vars(found), "reason": "the clean number itself"})


def _pooled(quantity: str) -> Number:
    return lambda counts, _: scores_of(*margins(counts.sum(axis=1)))[quantity]


def _of_folds(counts: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Mean over folds of the F1 within a fold."""
    each = np.stack([counts[:, folds == f].sum(axis=1) for f in np.unique(folds)])
    return np.asarray(np.nanmean(present_f1(each), axis=0))


def _precision(counts: np.ndarray, _: np.ndarray) -> np.ndarray:
    return macro_precision(counts.sum(axis=1))
