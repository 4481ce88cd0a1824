"""Agreement coefficients of two arms' lengths: CCC, ICC(A,1) and ICC(C,1).

With variances and covariance of the N pairs (x, y), d the difference of the means:

- CCC (Lin 1989): ``2 sxy / (sxx + syy + d**2)``, moments over N;
- ICC(A,1), absolute agreement, and ICC(C,1), consistency (McGraw and Wong 1996, two-way),
  moments over N - 1: ``2 sxy / (sxx + syy + d**2 - var(x - y) / N)`` and
  ``2 sxy / (sxx + syy)``.

A constant added to one arm lowers the first two and leaves the third. All three compare the
arms' disagreement with the variance *between clips*, so they ask for a quantity with an origin:
the length of a phase. The variance of frame numbers is that of the recordings' arbitrary
counters, which makes every coefficient of them 1, however far the arms lie apart.

Clips of one subject are pooled for the estimate; the intervals carry the draw of subjects and
their clips, and take the two arms as given (McGraw and Wong's F interval of ICC(A,1), for arms
drawn from many, is wider). ``python -m mebias calibrate statistics`` measures their coverage.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from mebias.quantification.interval import Interval, coded, t_half_width, undefined
from mebias.quantification.spread import MIN_SUBJECTS
from mebias.tables import KEYFRAMES

PHASES = ("rise", "fall", "duration")
BY_CONSTRUCTION = "1 by construction: frame numbers have an arbitrary origin"
_NAME = {
    "ccc": "concordance correlation (Lin)",
    "icc_a1": "ICC(A,1), absolute agreement",
    "icc_c1": "ICC(C,1), consistency",
}
COEFFICIENTS = tuple(_NAME)
_JACKKNIFE = "jackknife over subjects on Fisher's z, t(G - 1)"


def coefficients(
    human: np.ndarray,
    selected: np.ndarray,
    subjects: np.ndarray,
    *,
    of: str,
    conf_level: float = 0.95,
) -> dict[str, Interval]:
    """Agreement of two arms about a length, clip by clip.

    Parameters
    ----------
    human, selected : ndarray of float, shape (N,)
        Finite lengths of the same clips, in the same unit.
    subjects : ndarray of str, shape (N,)
        Whose clips they are.
    of : {"rise", "fall", "duration"} or a keyframe
        What they are lengths of. Numbers of a keyframe are refused: NaN, with the reason.
    conf_level : float
        Level of the intervals.

    Returns
    -------
    dict of str to Interval
        ``ccc``, ``icc_a1``, ``icc_c1``. No bounds, and a reason, with fewer than 8 subjects,
        where a length does not vary, or where the arms agree in every clip.

    Raises
    ------
    ValueError
        ``of`` is neither a phase nor a keyframe.

    Examples
    --------
    >>> human = np.array([10.0, 12, 15, 20, 22, 30, 31, 35])
    >>> found = coefficients(human, human + 5, np.arange(8), of="rise")
    >>> [round(found[name].estimate, 2) for name in COEFFICIENTS]
    [0.86, 0.87, 1.0]
    """
    if of not in (*PHASES, *KEYFRAMES):
        raise ValueError(f"of is {of!r}, expected one of {', '.join(PHASES)} or a keyframe")
    names, codes = coded(subjects)
    bare = {
        name: undefined(
            math.nan,
            BY_CONSTRUCTION if of in KEYFRAMES else "",
            conf_level=conf_level,
            n_clips=len(human),
            n_subjects=len(names),
            method=f"{words}, {_JACKKNIFE}",
        )
        for name, words in _NAME.items()
    }
    if of in KEYFRAMES:
        return bare
    reason = _degenerate(human, selected)
    if reason:
        return {name: replace(row, reason=reason) for name, row in bare.items()}
    sums = _sums(human, selected, codes)
    total = sums.sum(axis=1, keepdims=True)
    sums = np.concatenate([total, total - sums], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):  # a subject without whom nothing varies
        found = {name: FORMULAS[name](sums) for name in _NAME}
        return {name: _interval(bare[name], found[name]) for name in _NAME}


def _degenerate(human: np.ndarray, selected: np.ndarray) -> str:
    if len(human) < 3:
        return f"{len(human)} complete clips, too few for an agreement coefficient"
    if np.ptp(human) == 0 or np.ptp(selected) == 0:
        return "the length does not vary between clips in one of the arms"
    return ""


def _sums(human: np.ndarray, selected: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """N, sums, squares and products of centered arms by subject, (6, G)."""
    order = np.lexsort((selected, human, codes))
    x, y, codes = human[order], selected[order], codes[order]
    center = np.median(x)
    x, y = x - center, y - center
    parts = (np.ones_like(x), x, y, x * x, y * y, x * y)
    return np.stack([np.bincount(codes, part) for part in parts])


def _interval(bare: Interval, found: np.ndarray) -> Interval:
    """The interval of a coefficient, from all subjects and without each in turn, (1 + G,)."""
    estimate = float(found[0])
    bare, g = replace(bare, estimate=estimate), bare.n_subjects
    if 1 - estimate < 1e-12:
        return replace(bare, reason="the arms agree in every clip, up to a constant")
    if g < MIN_SUBJECTS:
        return replace(bare, reason=f"fewer than {MIN_SUBJECTS} subjects")
    z = np.arctanh(found[1:])
    error = math.sqrt((g - 1) / g * ((z - z.mean()) ** 2).sum()) if np.isfinite(z).all() else 0
    if not 0 < error < 5:
        return replace(bare, reason="the coefficient rests on one subject")
    half, middle = t_half_width(error, g - 1, bare.conf_level), math.atanh(estimate)
    return replace(
        bare,
        std_error=error * (1 - estimate**2),
        df=g - 1,
        conf_low=math.tanh(middle - half),
        conf_high=math.tanh(middle + half),
    )


def _moments(sums: np.ndarray) -> tuple[np.ndarray, ...]:
    """N, squared difference of means, and sums of squares and products about the means."""
    n, x, y, xx, yy, xy = sums
    return n, ((x - y) / n) ** 2, xx - x * x / n, yy - y * y / n, xy - x * y / n


def _ccc(sums: np.ndarray) -> np.ndarray:
    n, d2, xx, yy, xy = _moments(sums)
    return np.asarray(2 * xy / (xx + yy + n * d2))


def _icc_a1(sums: np.ndarray) -> np.ndarray:
    n, d2, xx, yy, xy = _moments(sums)
    return np.asarray(2 * xy / (xx + yy + (n - 1) * d2 - (xx + yy - 2 * xy) / n))


def _icc_c1(sums: np.ndarray) -> np.ndarray:
    _, _, xx, yy, xy = _moments(sums)
    return np.asarray(2 * xy / (xx + yy))


FORMULAS = {"ccc": _ccc, "icc_a1": _icc_a1, "icc_c1": _icc_c1}
"""Coefficients of N, sums, squares and products, along the first axis."""
