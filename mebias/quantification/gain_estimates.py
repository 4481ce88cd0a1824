"""Rows of an estimates table: scores of arms, gains, and how far seeds differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mebias import tables
from mebias.errors import counted
from mebias.quantification.interval import Interval
from mebias.quantification.score_intervals import (
    accuracy_interval,
    class_score,
    gain_interval,
    score_interval,
    score_named,
    seed_spread,
)
from mebias.recognition.inputs import people
from mebias.recognition.metrics import QUANTITIES, Tally, margins, tally

Row = dict[str, object]
Pair = tuple[str, str]
"""An arm, and the one that it is compared with."""
UNITS = {"uf1": "score", "uar": "score", "accuracy": "share"}
GIVEN = "given the trained models"


@dataclass(frozen=True)
class Scored:
    """Checked predictions in the forms that scores need.

    Attributes
    ----------
    dataset : str
        What the rows are of.
    counts : Tally
        By arm, seed and subject.
    right : ndarray of bool, shape (arms, seeds, n_clips)
        Whether each clip is recognized.
    subjects : ndarray of str, shape (n_clips,)
        Whose clip each is, dataset and subject.
    """

    dataset: str
    counts: Tally
    right: np.ndarray
    subjects: np.ndarray

    def difference(self, pair: Pair) -> np.ndarray:
        """Per clip, hits of the arm minus hits of the other, mean over seeds, (n_clips,)."""
        first, second = (self.right[self.counts.arms.index(arm)].astype(float) for arm in pair)
        return np.asarray((first - second).mean(axis=0))


def scored(predictions: pd.DataFrame, dataset: str) -> Scored:
    """Count checked predictions and line their clips up.

    Parameters
    ----------
    predictions : DataFrame
        Checked; every arm and seed has the same clips.
    dataset : str
        Name for the rows.
    """
    counts = tally(predictions)
    shape = (len(counts.arms), len(counts.seeds), counts.n_clips)
    place = pd.Index(counts.arms).get_indexer(pd.Index(predictions["arm"]))
    names = np.unique(_ids(predictions), return_inverse=True)[1]
    order = np.lexsort((names, predictions["seed"].to_numpy(), place))
    ordered = predictions.iloc[order]
    right = (ordered["label"] == ordered["predicted"]).to_numpy().reshape(shape)
    return Scored(dataset, counts, right, people(ordered.iloc[: shape[2]]))


def _ids(predictions: pd.DataFrame) -> np.ndarray:
    """Dataset and clip of each row."""
    return np.asarray(predictions["dataset"] + "\0" + predictions["clip"]).astype(str)


def arm_rows(of: Scored, ethnicity: str, conf_level: float, *, detailed: bool) -> Iterator[Row]:
    """Scores of each arm; ``detailed`` adds classes and the spread between seeds."""
    for place, arm in enumerate(of.counts.arms):
        here: Row = {"dataset": of.dataset, "ethnicity": ethnicity, "arm": arm, "source": arm}
        counts = of.counts.counts[place]
        for quantity in QUANTITIES:
            yield here | _row(quantity, quantity, _score(of, place, quantity, conf_level))
        if not detailed:
            continue
        for quantity in QUANTITIES:
            by_seed = score_named(quantity)(*margins(counts.sum(axis=1)))
            spread = seed_spread(by_seed, conf_level, of.counts.n_clips, counts.shape[1])
            yield here | _row(f"{quantity}_seed_sd", quantity, spread)
        for number, name in enumerate(of.counts.classes):
            for measure in ("f1", "recall"):
                found = score_interval(counts, class_score(measure, number), conf_level)
                n_clips = int(margins(counts[0].sum(axis=0))[0][number])
                found = replace(found, n_clips=n_clips)
                yield here | _row(f"{measure}_{name}", "uf1", found)


def gain_rows(
    of: Scored, pairs: Sequence[Pair], ethnicity: str, conf_level: float, *, detailed: bool
) -> Iterator[Row]:
    """Gains of arms over others; ``detailed`` adds their spread and the discordant clips."""
    for pair in pairs:
        here: Row = {
            "dataset": of.dataset,
            "ethnicity": ethnicity,
            "arm": f"{pair[0]} vs {pair[1]}",
            "source": pair[0],
        }
        for quantity in QUANTITIES:
            found = gain_of(of, pair, quantity, conf_level)
            yield here | _row(f"{quantity}_gain", quantity, found)
        if not detailed:
            continue
        first, second = (of.counts.of_arm(arm).sum(axis=1) for arm in pair)
        for quantity in QUANTITIES:
            score = score_named(quantity)
            by_seed = score(*margins(first)) - score(*margins(second))
            spread = seed_spread(by_seed, conf_level, of.counts.n_clips, len(of.counts.subjects))
            yield here | _row(f"{quantity}_gain_seed_sd", quantity, spread)
        won, lost = discordant(of, pair)
        for quantity, share in (("right_only", won), ("wrong_only", lost)):
            found = accuracy_interval(share, of.subjects, conf_level, share=True)
            yield here | _row(quantity, "accuracy", found)


def gain_of(of: Scored, pair: Pair, quantity: str, conf_level: float) -> Interval:
    """The gain of an arm over another in one score, with its interval."""
    if quantity == "accuracy":
        return accuracy_interval(of.difference(pair), of.subjects, conf_level)
    arm, other = (of.counts.of_arm(name) for name in pair)
    return gain_interval(arm, other, score_named(quantity), conf_level)


def discordant(of: Scored, pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Per clip, the share of seeds in which only the arm, or only the other, is right."""
    first, second = (of.right[of.counts.arms.index(arm)] for arm in pair)
    return (first & ~second).mean(axis=0), (~first & second).mean(axis=0)


def too_few(rows: Iterator[Row], n_subjects: int, min_subjects: int) -> Iterator[Row]:
    """Rows of a small group: described by an estimate, without bounds."""
    reason = f"{counted(n_subjects, 'subject')}, {min_subjects} needed"
    for row in rows:
        nan = float("nan")
        bare: Row = {"std_error": nan, "df": nan, "conf_low": nan, "conf_high": nan}
        yield row | bare | {"reason": reason}


def _score(of: Scored, place: int, quantity: str, conf_level: float) -> Interval:
    if quantity == "accuracy":
        right = of.right[place].mean(axis=0)
        return accuracy_interval(right, of.subjects, conf_level, share=True)
    return score_interval(of.counts.counts[place], score_named(quantity), conf_level)


def _row(quantity: str, of: str, found: Interval) -> Row:
    named: Row = {
        "quantity": quantity,
        "unit": UNITS[of],
        "weighting": "clip",
        "keyframe": tables.ALL,
    }
    if not quantity.endswith("_seed_sd"):
        found = replace(found, method=f"{found.method}; {GIVEN}")
    return named | found.row()
