"""Clips to look at again: labels that are probably off by more than a tolerance.

The blind posterior says where a keyframe lies, but labels are picked out here for lying far
from its mean, and so are those where the posterior, not the coder, erred. The distribution of
the coders' errors is therefore estimated along with it (adaptive shrinkage, Stephens 2017,
doi:10.1093/biostatistics/kxw041): a mixture of normals around the group's mean difference,
fitted by EM to human - blind mean given each posterior's SD. Means are never shrunken so.

A posterior may also have missed the movement altogether. One label far from one mean cannot
tell who was wrong, so a share of such posteriors is allowed for, and only what goes beyond it
is laid at the coders' door.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from scipy import special

from mebias import tables
from mebias.errors import OptionError, listed
from mebias.quantification.blind import JUDGE, cut_at_labels, judged
from mebias.quantification.means import mean_interval

Row = dict[str, object]
TOLERANCE_MS = 33.0
TOLERANCE_FRAMES = 2.0
MIN_CLIPS = 20
"""With fewer labels at a keyframe the distribution of errors cannot be learned."""
MIN_SUBJECTS = 5
"""A group with fewer has no mean difference of its own; the dataset's is taken."""
Missed = tuple[float, float]
"""Share of posteriors that missed the keyframe, and the SD (ms) of their further error."""
MISSED: dict[str, Missed] = {"onset": (0.10, 63.0), "apex": (0.05, 30.0), "offset": (0.14, 57.0)}
"""The likeliest share and SD on simulated clips (`mebias.validation.missed`), and 10 ms more.

The likeliest are (0.10, 53), (0.05, 20) and (0.14, 47) on 1080 clips of the reference cell and of
that with 60 fps, at 64 and 128 pixels, seeds from 9000 on; the 10 ms were fixed before anything
was flagged. What share of the flags is then false, in clips of other seeds, stands in
`reports/validation/recovery.csv`.
"""
EXACT: Missed = (0.0, 0.0)
_STEPS = 2000


def flag_clips(
    shifts: pd.DataFrame,
    *,
    tolerance_ms: float | None = None,
    fdr: float = 0.05,
    missed: Mapping[str, Missed] = MISSED,
    source: str = JUDGE,
) -> pd.DataFrame:
    """Labels to look at again, with a bounded share of false alarms.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts with rows of ``motion-blind``.
    tolerance_ms : float, optional
        How far a label may lie from the keyframe (ms), after the group's mean difference; by
        default the larger of two frames and 33 ms.
    fdr : float
        Flags are taken in the order of their probabilities as long as the mean probability of
        being within the tolerance is at most this, per dataset.
    missed : mapping of str to (float, float)
        Per keyframe the share of posteriors taken to have missed it, and the SD (ms) of their
        further error; empty where posteriors are known to be right. The more of them, the
        fewer flags.
    source : str
        The source that judges the labels; only ``motion-blind`` may.

    Returns
    -------
    DataFrame
        A flags table, the surest first, per dataset; empty where nothing is to be flagged.
        Clips without visible motion are never flagged, nor are keyframes a tenth of whose
        posterior lies beyond the frames on disk (``truncated``), nor those whose clip is cut at
        the label (the apex: at either end): the frames that could tell are not there, and
        `withheld_flags` says so. Nor is anything with fewer than 20 labels of a keyframe.

    Raises
    ------
    OptionError
        Another source, or a tolerance or rate outside its range.
    TableError
        No rows of ``motion-blind``.

    Notes
    -----
    Posteriors are taken as normal with the mean and SD of the table, but for those that missed.
    The share of false alarms is bounded as far as that holds: where more posteriors miss than
    are allowed for, so many more flags are false. In clips cut at their labels they do: of flags
    of what the cut leaves, with gross errors in a tenth of the labels, a quarter were false at
    200 frames per second. `reports/validation/recovery.csv` has the shares elsewhere.
    """
    if tolerance_ms is not None and not 0 < tolerance_ms < math.inf:
        raise OptionError(f"tolerance_ms is {tolerance_ms}; expected a length in ms above 0.")
    if not 0 < fdr < 1:
        raise OptionError(f"fdr is {fdr}; expected a share between 0 and 1.")
    for keyframe, (share, sd) in missed.items():
        if not (0 <= share < 1 and 0 <= sd < math.inf):
            raise OptionError(
                f"missed is {(share, sd)} for the {keyframe}; expected a share from 0 to below 1 "
                f"and an SD in ms."
            )
    rows = judged(shifts, source)
    can = (rows["selected_status"] == "selected") & (rows["blind_variance"] > 0)
    rows = rows[can & ~cut_at_labels(rows)]
    flags = [
        row
        for _, part in rows.groupby("dataset", sort=False)
        for row in _of_dataset(part, tolerance_ms, fdr, missed)
    ]
    return tables.from_rows(flags, "flags")


def withheld_flags(shifts: pd.DataFrame, *, source: str = JUDGE) -> pd.DataFrame:
    """Why labels of clips that are cut at them are not flagged, however far off they look.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts with rows of ``motion-blind``.
    source : str
        The source that judges the labels; only ``motion-blind`` may.

    Returns
    -------
    DataFrame
        An issues table: one row per dataset that has such clips.

    Raises
    ------
    OptionError
        Another source.
    TableError
        No rows of ``motion-blind``.
    """
    rows = judged(shifts, source)
    cut = cut_at_labels(rows)
    found = []
    for dataset, own in rows.groupby("dataset", sort=False):
        counts = own[cut[own.index]].groupby("keyframe").size()
        if counts.empty:
            continue
        there = own.groupby("keyframe").size()
        told = [f"{counts[k]} of {there[k]} at the {k}" for k in tables.KEYFRAMES if k in counts]
        found.append(
            tables.issue(
                "warning",
                f"labels of clips cut at them are not flagged ({listed(told)}): whether they are "
                f"far off cannot be told without the frames before the onset and after the offset "
                f"(of the apex, without either); use the uncut recordings where they exist.",
                dataset=str(dataset),
                field="flags",
                found=int(counts.sum()),
                expected=0,
            )
        )
    return tables.from_rows(found, "issues")


def error_scales(
    differences: np.ndarray, variances: np.ndarray, missed: Missed = EXACT
) -> tuple[np.ndarray, np.ndarray]:
    """Scales and weights of the normal mixture that the errors come from.

    Parameters
    ----------
    differences : ndarray, shape (N,)
        Observed errors (ms), around 0.
    variances : ndarray, shape (N,)
        Variance with which each is observed.
    missed : (float, float)
        Share of observations with a further error, and its SD.

    Returns
    -------
    scales, weights : ndarray, shape (K,)
        Maximum-likelihood weights on a grid of SDs, 0 among them.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(0, 5, 400)
    >>> scales, weights = error_scales(x, np.full(400, 9.0))
    >>> bool(abs((weights * scales**2).sum() - 16) < 4)
    True
    """
    order = np.lexsort((variances, differences))
    x, v = differences[order], variances[order]
    top = 2 * max(float(np.abs(x).max()), 1.0)
    scales = np.concatenate([[0.0], np.geomspace(min(1.0, top / 4), top, 15)])
    density = sum(density for density, _ in _densities(x, v, scales, missed))
    weights = np.full(len(scales), 1 / len(scales))
    for _ in range(_STEPS):
        shares = density * weights
        new = (shares / shares.sum(axis=1, keepdims=True)).mean(axis=0)
        if np.abs(new - weights).max() < 1e-5:
            break
        weights = new
    return scales, weights


def p_outside(
    differences: np.ndarray,
    variances: np.ndarray,
    tolerances: np.ndarray,
    scales: np.ndarray,
    weights: np.ndarray,
    missed: Missed = EXACT,
) -> np.ndarray:
    """Probability that each error exceeds its tolerance.

    Parameters
    ----------
    differences, variances, tolerances : ndarray, shape (N,)
        Observed errors, the variances of the observation, and the tolerances.
    scales, weights : ndarray, shape (K,)
        Where errors come from (`error_scales`).
    missed : (float, float)
        Share of observations with a further error, and its SD.

    Returns
    -------
    ndarray, shape (N,)

    Examples
    --------
    >>> one = np.array([1.0])
    >>> p_outside(np.array([50.0]), one, 33 * one, 100 * one, one).round(3).tolist()
    [1.0]
    """
    x, tolerance = differences[:, None], tolerances[:, None]
    total, outside = np.zeros(len(x)), np.zeros(len(x))
    for density, v in _densities(differences, variances, scales, missed):
        shares = density * weights
        mean, sd = x * scales**2 / (scales**2 + v), np.sqrt(scales**2 * v / (scales**2 + v))
        with np.errstate(divide="ignore"):  # a scale of 0 is an error of 0: within the tolerance
            p = special.ndtr((mean - tolerance) / sd) + special.ndtr((-mean - tolerance) / sd)
        total += shares.sum(axis=1)
        outside += (shares * p).sum(axis=1)
    return np.asarray(outside / total)


def _densities(
    differences: np.ndarray, variances: np.ndarray, scales: np.ndarray, missed: Missed
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Densities (N, K) up to a factor per row, and variances (N, 1), seen well and missed."""
    share, sd = missed
    cases = [(1 - share, variances[:, None])]
    if share:
        cases.append((share, variances[:, None] + sd**2))
    logs = []
    for part, v in cases:
        total = scales**2 + v
        logs.append(math.log(part) - 0.5 * (np.log(total) + differences[:, None] ** 2 / total))
    highest = np.max([log.max(axis=1) for log in logs], axis=0)[:, None]
    return [(np.exp(log - highest), v) for log, (_, v) in zip(logs, cases, strict=True)]


def _of_dataset(
    part: pd.DataFrame, tolerance_ms: float | None, fdr: float, missed: Mapping[str, Missed]
) -> Iterator[Row]:
    judged_parts = [
        _judged(own, tolerance_ms, missed.get(str(keyframe), EXACT))
        for keyframe, own in part.groupby("keyframe")
    ]
    kept = [own for own in judged_parts if len(own)]
    if not kept:
        return
    found = pd.concat(kept)
    found = found.assign(within=1 - found["p"], away=-found["difference"].abs())
    found = found.sort_values(["within", "away", "clip", "subject", "keyframe", "coder", "pass"])
    running = found["within"].cumsum() / np.arange(1, len(found) + 1)
    chosen = found[(running <= fdr).to_numpy()]
    for rank, (_, row) in enumerate(chosen.iterrows(), start=1):
        yield {
            "dataset": row["dataset"],
            "clip": row["clip"],
            "subject": row["subject"],
            "keyframe": row["keyframe"],
            "coder": row["coder"],
            "pass": row["pass"],
            "human": row["human"],
            "posterior_mean": row["blind_frames"],
            "posterior_sd": row["selected_sd"],
            "p_outside_tolerance": row["p"],
            "rank": rank,
        }


def _judged(own: pd.DataFrame, tolerance_ms: float | None, missed: Missed) -> pd.DataFrame:
    """Labels of one keyframe with the probability ``p`` of being outside the tolerance."""
    if len(own) < MIN_CLIPS:
        return own.iloc[:0]
    difference = (own["error_ms"] - _center(own)).to_numpy(dtype=float)
    variance = own["blind_variance"].to_numpy(dtype=float)
    frames = np.maximum(TOLERANCE_MS, TOLERANCE_FRAMES * 1000.0 / own["fps"].to_numpy(dtype=float))
    tolerance = frames if tolerance_ms is None else np.full(len(own), float(tolerance_ms))
    found = error_scales(difference, variance, missed)
    p = p_outside(difference, variance, tolerance, *found, missed)
    return own.assign(difference=difference, p=p)


def _center(own: pd.DataFrame) -> pd.Series:
    """The mean difference of each row's group; the dataset's for groups of few subjects."""
    center = pd.Series(_mean(own), index=own.index)
    for _, group in own.groupby("ethnicity"):
        if group["subject"].nunique() >= MIN_SUBJECTS:
            center[group.index] = _mean(group)
    return center


def _mean(own: pd.DataFrame) -> float:
    values, subjects = own["error_ms"].to_numpy(dtype=float), own["subject"].to_numpy(dtype=object)
    return mean_interval(values, subjects, "subject").estimate
