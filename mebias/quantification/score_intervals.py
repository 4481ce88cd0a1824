"""Scores of arms and differences between them, with intervals clustered by subject.

Scores come from counts pooled over all clips of a seed and are averaged over seeds. The
models are taken as given: that other training runs would give other models is no part of an
interval, and is shown apart as the spread between seeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import special

from mebias.quantification.interval import Interval, t_half_width, undefined
from mebias.quantification.means import mean_interval
from mebias.recognition.metrics import margins, scores_of

JACKKNIFE = "pooled counts per seed, mean over seeds; delete-one-subject jackknife, t(G - 1)"
CLUSTERED = "per clip, mean over seeds; mean of clips, CR2, Satterthwaite df"
FEWEST = 3
"""Subjects that a jackknife needs."""
Score = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""From clips of each class, those recognized and those given it, each (..., K), to (...)."""


def score_named(quantity: str) -> Score:
    """The score of a name, ``uf1``, ``uar`` or ``accuracy``, as a function of margins."""
    return lambda true, hit, said: scores_of(true, hit, said)[quantity]


def class_score(measure: str, place: int) -> Score:
    """F1 or recall of the class at a place; NaN without a clip of it."""

    def score(true: np.ndarray, hit: np.ndarray, said: np.ndarray) -> np.ndarray:
        total = true + said if measure == "f1" else true
        with np.errstate(divide="ignore", invalid="ignore"):
            found = (2 if measure == "f1" else 1) * hit / total
        return np.asarray(np.where(true[..., place] > 0, found[..., place], np.nan))

    return score


def pooled(counts: np.ndarray, score: Score) -> float:
    """A score of all clips, mean over seeds.

    Parameters
    ----------
    counts : ndarray, shape (seeds, G, K, K)
    score : callable
    """
    return float(score(*margins(counts.sum(axis=1))).mean())


def left_out(counts: np.ndarray, score: Score) -> np.ndarray:
    """The score without each subject in turn, mean over seeds, (G,)."""
    whole = counts.sum(axis=1, keepdims=True)
    return np.asarray(score(*margins(whole - counts)).mean(axis=0))


def score_interval(counts: np.ndarray, score: Score, conf_level: float) -> Interval:
    """The score of one arm with its jackknife interval, on the logit scale.

    Scores are skewed near 1: on their own scale nominal 95 % intervals cover 89-93 % where
    UF1 is 0.8, on the logit scale 93-95 % (12 to 42 subjects, SIMULATED).

    Parameters
    ----------
    counts : ndarray, shape (seeds, G, K, K)
        Clips by subject, true and predicted class.
    score : callable
    conf_level : float
    """
    found = jackknife(pooled(counts, score), left_out(counts, score), counts, conf_level)
    return _on_logit_scale(found)


def gain_interval(arm: np.ndarray, other: np.ndarray, score: Score, conf_level: float) -> Interval:
    """The score of an arm minus that of another, with its jackknife interval.

    Parameters
    ----------
    arm, other : ndarray, shape (seeds, G, K, K)
        The same clips under both arms.

    Examples
    --------
    >>> arm = np.array([[[[2.0, 0], [0, 1]], [[1, 1], [0, 1]], [[1, 0], [1, 1]]]])
    >>> other = np.array([[[[1.0, 1], [0, 1]], [[1, 1], [0, 1]], [[0, 1], [1, 1]]]])
    >>> found = gain_interval(arm, other, score_named("accuracy"), 0.95)
    >>> round(found.estimate, 3), found.df
    (0.222, 2.0)
    """
    whole = pooled(arm, score) - pooled(other, score)
    without = left_out(arm, score) - left_out(other, score)
    return jackknife(whole, without, arm, conf_level)


def accuracy_interval(
    right: np.ndarray, subjects: np.ndarray, conf_level: float, *, share: bool = False
) -> Interval:
    """Mean over clips of what is a number per clip, such as a difference of hits.

    Parameters
    ----------
    right : ndarray, shape (N,)
        Per clip: share of seeds in which it is recognized, or the difference of two arms.
    subjects : ndarray, shape (N,)
    conf_level : float
    share : bool
        Of a share, from 0 to 1: make its interval on the logit scale.
    """
    found = replace(mean_interval(right, subjects, "clip", conf_level), method=CLUSTERED)
    return _on_logit_scale(found) if share else found


def seed_spread(values: np.ndarray, conf_level: float, n_clips: int, n_subjects: int) -> Interval:
    """Standard deviation of a score between seeds: what retraining alone changes.

    Parameters
    ----------
    values : ndarray, shape (seeds,)
        The score, or a gain, of each seed.

    Examples
    --------
    >>> found = seed_spread(np.array([0.70, 0.72, 0.74]), 0.95, 100, 20)
    >>> round(found.estimate, 3), round(found.conf_low, 3), round(found.conf_high, 3)
    (0.02, 0.01, 0.126)
    """
    n = len(values)
    bare = undefined(
        math.nan,
        "a single seed" if n < 2 else "",
        conf_level=conf_level,
        n_clips=n_clips,
        n_subjects=n_subjects,
        method=f"SD over {n} seeds; chi-square interval, which takes seeds for normal",
    )
    if n < 2:
        return bare
    sd = float(np.std(values, ddof=1))
    if sd <= 1e-12:
        return replace(bare, estimate=0.0, reason=f"all {n} seeds have the same score")
    tails = special.chdtri(n - 1, np.array([(1 - conf_level) / 2, (1 + conf_level) / 2]))
    low, high = sd * np.sqrt((n - 1) / tails)
    return replace(bare, estimate=sd, df=n - 1.0, conf_low=float(low), conf_high=float(high))


def jackknife(whole: float, without: np.ndarray, counts: np.ndarray, conf_level: float) -> Interval:
    """A number with its delete-one-subject jackknife interval.

    Parameters
    ----------
    whole : float
        From all subjects.
    without : ndarray, shape (G,)
        Without each subject in turn.
    counts : ndarray, shape (seeds, G, K, K)
        What both rest on, for the numbers of clips and subjects.
    conf_level : float
    """
    n_subjects = counts.shape[1]
    bare = undefined(
        whole,
        "",
        conf_level=conf_level,
        n_clips=int(counts[0].sum()),
        n_subjects=n_subjects,
        method=JACKKNIFE,
    )
    if n_subjects < FEWEST:
        return replace(bare, reason=f"fewer than {FEWEST} subjects")
    if math.isnan(whole) or np.isnan(without).any():
        return replace(bare, reason="a class occurs in one subject alone, or in none")
    away = without - without.mean()
    error = math.sqrt((n_subjects - 1) / n_subjects * float(away @ away))
    if error <= 1e-12:
        return replace(bare, reason="leaving any subject out changes nothing")
    half = t_half_width(error, n_subjects - 1, conf_level)
    return replace(
        bare,
        std_error=error,
        df=n_subjects - 1.0,
        conf_low=whole - half,
        conf_high=whole + half,
    )


def _on_logit_scale(found: Interval) -> Interval:
    """The interval of a number between 0 and 1, by the delta method; within 0 and 1."""
    if math.isnan(found.conf_low):
        return found
    slope = 1 / (found.estimate * (1 - found.estimate))
    half = t_half_width(found.std_error * slope, found.df, found.conf_level)
    middle = float(special.logit(found.estimate))
    low, high = (float(special.expit(middle + side * half)) for side in (-1, 1))
    return replace(found, conf_low=low, conf_high=high, method=f"{found.method}, logit scale")
