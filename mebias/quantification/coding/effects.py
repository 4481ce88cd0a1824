"""What a coder adds to every event: least squares within events, clustered by subject.

Events are taken out by their means, which changes neither coefficients nor CR2 errors
(Pustejovsky and Tipton 2018, theorem 2). Coders' biases are deviations from the mean of the
coders, each counted once: the constant that all have in common cannot be told without truth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mebias.quantification import cr2
from mebias.quantification.coding.study import Values
from mebias.quantification.interval import Interval, t_half_width, undefined
from mebias.quantification.wald import Contrast

METHOD = (
    "within events, least squares, CR2 by subject, Satterthwaite df; relative to the coders' mean"
)


@dataclass(frozen=True)
class Effects:
    """Biases of the coders that there are, or why there are none.

    Attributes
    ----------
    coders : tuple of str
        Coders with a value in common with others.
    bias : tuple of Interval
        One per coder.
    alike : Contrast or None
        Test that all have the same bias (HTZ).
    residual : ndarray, shape (N,)
        Values less event and coder.
    reason : str
        Why there is nothing.
    """

    coders: tuple[str, ...]
    bias: tuple[Interval, ...]
    alike: Contrast | None
    residual: np.ndarray
    reason: str = ""


def within_events(columns: np.ndarray, event: np.ndarray) -> np.ndarray:
    """Columns less their event's mean.

    Parameters
    ----------
    columns : ndarray, shape (N,) or (N, p)
    event : ndarray of int, shape (N,)
        Numbered from 0.

    Examples
    --------
    >>> within_events(np.array([1.0, 3.0, 5.0]), np.array([0, 0, 1])).tolist()
    [-1.0, 1.0, 0.0]
    """
    counts = np.bincount(event).astype(float)
    if columns.ndim == 1:
        return np.asarray(columns - (np.bincount(event, columns) / counts)[event])
    means = np.stack([np.bincount(event, c) for c in columns.T], axis=1) / counts[:, None]
    return np.asarray(columns - means[event])


def effect_columns(coder: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns of coders whose coefficients sum to 0, the last one left out.

    Returns
    -------
    columns : ndarray, shape (N, C - 1)
    present : ndarray of int, shape (C,)
        The coders that have a row.
    """
    present, place = np.unique(coder, return_inverse=True)
    columns = np.eye(len(present))[place]
    return np.asarray(columns[:, :-1] - columns[:, -1:]), present


def coder_effects(values: Values, conf_level: float = 0.95) -> Effects:
    """Bias of each coder with its interval.

    Parameters
    ----------
    values : Values
        Of one keyframe or phase.
    conf_level : float
        Level of the intervals.

    Returns
    -------
    Effects

    Examples
    --------
    >>> from mebias.simulation import simulate_coders
    >>> from mebias.quantification.coding.study import matched
    >>> bias = {"a1": (15, 0, 0), "a2": (0, 0, 0), "b1": (0, 0, 0), "b2": (-15, 0, 0)}
    >>> found = coder_effects(matched(simulate_coders(bias=bias).annotations).values("onset"))
    >>> [10 < b.estimate < 20 for b in found.bias]
    [True, False, False, False]
    """
    codes = values.codes
    columns, present = effect_columns(codes.coder)
    names = tuple(values.coders[c] for c in present)
    n_subjects = len(np.unique(codes.subject))
    x, y = within_events(columns, codes.event), within_events(values.y, codes.event)
    bare = [
        undefined(
            np.nan, "", conf_level=conf_level, n_subjects=n_subjects, method=METHOD,
            n_clips=len(np.unique(codes.event[codes.coder == c])),
        )
        for c in present
    ]  # fmt: skip
    reason = ""
    if len(names) < 2:
        reason = "fewer than two coders have it"
    elif np.linalg.matrix_rank(x) < x.shape[1]:
        reason = "the coders fall into parts without an event in common"
    elif n_subjects < 2:
        reason = "a single subject"
    if reason:
        return Effects(names, tuple(_because(b, reason) for b in bare), None, y, reason)
    fitted = cr2.fit(x, y, codes.subject)
    residual = y - x @ fitted.coefficients
    c = len(names)
    contrasts = np.vstack([np.eye(c - 1), -np.ones(c - 1)])
    if float(np.abs(residual).max()) <= 1e-9 * max(1.0, float(np.abs(y).max())):
        estimates = contrasts @ fitted.coefficients
        known = [_because(b, "the coders differ by a constant", e)
                 for b, e in zip(bare, estimates.tolist(), strict=True)]  # fmt: skip
        return Effects(names, tuple(known), None, residual, "the coders differ by a constant")
    bias = []
    for b, weights in zip(bare, contrasts, strict=True):
        found = cr2.contrast(fitted, weights)
        half = t_half_width(found.std_error, found.df, conf_level)
        bias.append(Interval(
            found.estimate, found.std_error, found.df, found.estimate - half,
            found.estimate + half, conf_level, b.n_clips, n_subjects, METHOD,
        ))  # fmt: skip
    alike = cr2.wald(fitted, np.eye(c - 1)) if n_subjects > c - 1 else None
    return Effects(names, tuple(bias), alike, residual)


def _because(bare: Interval, reason: str, estimate: float = np.nan) -> Interval:
    return replace(bare, reason=reason, estimate=estimate)
