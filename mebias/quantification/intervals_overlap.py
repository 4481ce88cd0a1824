"""Human and selected keyframes clip by clip: overlap, lengths of phases, micro or macro.

A clip is paired before anything is dropped: it counts for a quantity only if every keyframe
which that quantity needs stands, in order, in both arms.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mebias.quantification.cells import Part
from mebias.quantification.checks import CODING, usable
from mebias.quantification.keys import Keys, first_rows
from mebias.tables import KEYFRAMES

MICRO_DURATION_MS = 500.0
"""Longest duration of a micro-expression (Yan et al. 2013, J Nonverbal Behav 37:217)."""
MICRO_RISE_MS = 260.0
"""Longest rise of a micro-expression (the same; used where offsets fade out slowly)."""
HALF = 0.5
ENDS = {"rise": ("onset", "apex"), "fall": ("apex", "offset"), "duration": ("onset", "offset")}
"""Each phase's first and last keyframe."""
FRAMES = tuple(f"{arm}_{keyframe}" for arm in ("human", "selected") for keyframe in KEYFRAMES)
"""Columns of paired keyframes."""
_OF_CLIP = ["ethnicity", "expression_type", "fps"]
_ROUNDING = 1e-9


def paired_keyframes(shifts: pd.DataFrame) -> pd.DataFrame:
    """One row per coding of a clip, with the keyframes of both arms beside each other.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts (`mebias.quantification.checks.checked_shifts`).

    Returns
    -------
    DataFrame
        dataset, source, distance, subject, clip, coder, pass, ethnicity, expression_type,
        fps, and ``human_onset`` ... ``selected_offset`` (frames); NaN in *both* arms where
        a keyframe is not usable in one of them.

    Examples
    --------
    >>> import mebias
    >>> pairs = paired_keyframes(mebias.example())
    >>> bool((pairs["human_onset"] < pairs["human_offset"]).all())
    True
    """
    there = np.flatnonzero(usable(shifts).to_numpy())
    keys = Keys(shifts)
    place = pd.factorize(keys.of(*CODING)[there])[0]
    first = there[first_rows(place)]
    columns = {c: shifts[c].array.take(first) for c in (*CODING, *_OF_CLIP)}
    codes, names = keys.column("keyframe")
    rows_of = {name: codes[there] == names.index(name) for name in KEYFRAMES if name in names}
    for arm in ("human", "selected"):
        frames = shifts[arm].to_numpy(dtype=float)[there]
        for name in KEYFRAMES:
            found = np.full(len(first), np.nan)
            if name in rows_of:
                found[place[rows_of[name]]] = frames[rows_of[name]]
            columns[f"{arm}_{name}"] = found
    return pd.DataFrame(columns)


def lengths(pairs: pd.DataFrame | Part, phase: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Length of a phase in both arms: its last keyframe minus its first.

    Parameters
    ----------
    pairs : DataFrame or Part
        `paired_keyframes`.
    phase : {"rise", "fall", "duration"}
        Onset to apex, apex to offset, onset to offset.

    Returns
    -------
    human, selected : ndarray of float, shape (N,)
        Frames; NaN where the clip is not complete, or out of order, in one of the arms.
    disorder : ndarray of bool, shape (N,)
        Complete, but with the last keyframe before the first in one of the arms.
    """
    first, last = ENDS[phase]
    human, selected = (
        np.asarray(pairs[f"{arm}_{last}"]) - np.asarray(pairs[f"{arm}_{first}"])
        for arm in ("human", "selected")
    )
    disorder = (human < 0) | (selected < 0)
    bad = disorder | np.isnan(human) | np.isnan(selected)
    return np.where(bad, np.nan, human), np.where(bad, np.nan, selected), disorder


def overlap(
    human_onset: np.ndarray,
    human_offset: np.ndarray,
    selected_onset: np.ndarray,
    selected_offset: np.ndarray,
) -> np.ndarray:
    """Intersection over union of two intervals of frames, both ends included.

    The measure by which spotted expressions are matched with labeled ones: a match has 0.5
    or more (Li et al. 2021, MEGC).

    Parameters
    ----------
    human_onset, human_offset, selected_onset, selected_offset : ndarray, shape (N,)
        Frames; each onset no later than its offset.

    Returns
    -------
    ndarray, shape (N,)
        From 0 to 1; NaN where a frame is, or where frames are out of order.

    Examples
    --------
    >>> ten = np.array([10.0])
    >>> overlap(ten, ten + 9, ten + 5, ten + 14).round(3).tolist()
    [0.333]
    """
    first = np.maximum(human_onset, selected_onset)
    last = np.minimum(human_offset, selected_offset)
    both = np.maximum(last - first + 1, 0.0)
    human, selected = human_offset - human_onset + 1, selected_offset - selected_onset + 1
    found = np.full(np.shape(both), np.nan)
    np.divide(both, human + selected - both, out=found, where=(human > 0) & (selected > 0))
    return found


def is_micro(length_ms: np.ndarray, at_most_ms: float) -> np.ndarray:
    """Whether a phase is as short as that of a micro-expression, the bound included.

    Parameters
    ----------
    length_ms : ndarray, shape (N,)
        Durations or rises (ms).
    at_most_ms : float
        500 for durations, 260 for rises, unless a dataset's authors say otherwise.

    Examples
    --------
    >>> is_micro(np.array([480.0, 500.0, 520.0]), MICRO_DURATION_MS).tolist()
    [True, True, False]
    """
    return np.asarray(length_ms <= at_most_ms * (1 + _ROUNDING))
