"""What an interval and a p-value allow to be said, in a few words."""

from __future__ import annotations

import math

import numpy as np

from mebias import tables
from mebias.quantification.batch import Found

NONE = "nothing: no interval"


def conclusions(
    found: Found, p_adjusted: np.ndarray | None, margin: float, conf_level: float
) -> list[str]:
    """Whether there is a difference, its sign, and how it lies to the margin.

    Parameters
    ----------
    found : Found
        Estimates, one conclusion for each.
    p_adjusted : ndarray, shape (B,), or None
        Adjusted p-values of a contrast, whose interval is widened for the family of three
        keyframes (Bonferroni); None for a mean, which has its interval alone.
    margin : float
        Margin of practical relevance, in the unit of the estimates.
    conf_level : float
        Level of the intervals; 1 - conf_level is that of the p-values.

    Returns
    -------
    list of str
        ``later`` or ``earlier``, with or without ``by more than the margin`` or ``within the
        margin``; ``within the margin``; ``open``; or that there is no interval.

    Examples
    --------
    >>> found = Found(np.array([30.0, 3.0, 3.0]), np.array([5.0, 1.0, 9.0]), np.full(3, 20.0))
    >>> conclusions(found, None, 10.0, 0.95)
    ['later, by more than the margin', 'later, within the margin', 'open']
    """
    level = 1 - conf_level
    if p_adjusted is None:
        half = found.half_width(conf_level)
        differs = np.abs(found.estimate) > half
    else:
        half = found.half_width(1 - level / len(tables.KEYFRAMES))
        differs = p_adjusted < level
    return [
        _words(float(estimate), float(width), bool(is_different), margin)
        for estimate, width, is_different in zip(found.estimate, half, differs, strict=True)
    ]


def _words(estimate: float, half: float, differs: bool, margin: float) -> str:
    if math.isnan(half):
        return NONE
    sign = "later" if estimate > 0 else "earlier"
    if abs(estimate) - half > margin:
        return f"{sign}, by more than the margin"
    if abs(estimate) + half < margin:
        return f"{sign}, within the margin" if differs else "within the margin"
    return sign if differs else "open"
