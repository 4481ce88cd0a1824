"""Random-intercept models: how much subjects differ, and how much clips within them.

Variances by restricted maximum likelihood, intervals by its profile, with a boundary (no
difference between subjects) said as such.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import optimize, special

from mebias import tables
from mebias.quantification.cells import Row, by_keyframe, part_of, places
from mebias.quantification.checks import usable
from mebias.quantification.interval import coded, in_order_of_content
from mebias.quantification.refits import (
    LARGEST,
    Fits,
    Replicates,
    refit,
    replicates,
    residual,
    residual_by_size,
    standardized,
)

QUANTITIES = ("between_subject_sd", "within_subject_sd", "icc")
_POINTS = 4001
_QUARTIC = np.linalg.inv(np.vander(np.arange(-2.0, 3.0), increasing=True))
"""Coefficients of a polynomial from its values at -2, -1, 0, 1, 2."""
_METHOD = "random intercept, normal errors, REML; profile of the restricted likelihood"


def random_intercept(
    values: np.ndarray,
    subjects: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    unit: str = "ms",
    conf_level: float = 0.95,
) -> list[Row]:
    """Standard deviations between and within subjects, and the intraclass correlation.

    Parameters
    ----------
    values : ndarray of float, shape (N,)
        Finite values, one per clip.
    subjects : ndarray of str, shape (N,)
        Whose clips they are.
    groups : ndarray of str, shape (N,), optional
        Group of the subject; groups have means of their own and share both variances.
    unit : str
        Unit of the values.
    conf_level : float
        Level of the intervals: all values whose profile deviance lies within the quantile
        of chi-squared(1) of its minimum. They assume normal errors.

    Returns
    -------
    list of dict
        Three rows for an estimates table: between_subject_sd, within_subject_sd, icc. Where
        the variance between subjects is estimated as 0, ``method`` says that this is the
        boundary; where it cannot be told, NaN with a ``reason``.

    Examples
    --------
    >>> values = np.array([1.0, 2.2, 3.0, 4.1, 5.0, 5.2])
    >>> rows = random_intercept(values, np.array(list("aabbcc")))
    >>> [(row["quantity"], round(row["estimate"], 2)) for row in rows]
    [('between_subject_sd', 1.69), ('within_subject_sd', 0.67), ('icc', 0.86)]
    """
    values, subjects = np.asarray(values, dtype=float), np.asarray(subjects)
    order, codes, own = _nameless(values, subjects, groups)
    place: Row = {
        "conf_level": conf_level,
        "n_clips": len(values),
        "n_subjects": len(coded(subjects)[0]),
        "method": _METHOD,
    }
    units = (unit, unit, "share")
    data = replicates(values[order], codes, own)
    reason = _undefined(data, values)
    if reason:
        bare = {"estimate": math.nan, "reason": reason}
        return [
            place | {"quantity": q, "unit": u} | bare
            for q, u in zip(QUANTITIES, units, strict=True)
        ]
    fits = refit(data)
    method = _METHOD + _said(fits)
    profile = Profile(data, conf_level)
    bounds = (profile.between(fits), profile.within(fits), profile.icc(fits))
    estimates = (math.sqrt(fits.between[0]), math.sqrt(fits.within[0]), float(fits.icc[0]))
    return [
        place
        | {"quantity": q, "unit": u, "estimate": e, "conf_low": low, "conf_high": high}
        | {"method": method, "reason": _STEEP if math.isnan(low) else ""}
        for q, u, e, (low, high) in zip(QUANTITIES, units, estimates, bounds, strict=True)
    ]


def variance_components(shifts: pd.DataFrame, *, conf_level: float = 0.95) -> pd.DataFrame:
    """`random_intercept` of the shifts in ms, per dataset, source and keyframe.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts; groups have means of their own.
    conf_level : float
        Level of the intervals.

    Returns
    -------
    DataFrame
        An estimates table.
    """
    rows: list[Row] = []
    there = part_of(shifts, ["shift_ms"]).cut(usable(shifts).to_numpy())
    for of_part, part in places(there):
        for keyframe, own in by_keyframe(part):
            place: Row = of_part | {"keyframe": keyframe, "ethnicity": tables.ALL}
            found = random_intercept(
                own["shift_ms"], own["subject"], own["ethnicity"], conf_level=conf_level
            )
            rows += [place | row | {"n_clips": own.n_clips} for row in found]
    return tables.from_rows(rows, "estimates")


def _nameless(
    values: np.ndarray, subjects: np.ndarray, groups: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An order of rows in which no name has a part, not even in rounding.

    Returns
    -------
    order, codes, groups : ndarray, shape (N,)
        The order of rows; the subject and the group of each row in it, numbered.
    """
    names, owners = coded(subjects)
    order, contents = in_order_of_content(np.unique(values, return_inverse=True)[1], owners)
    firsts = np.r_[True, owners[order][1:] != owners[order][:-1]]
    if groups is None:
        return order, np.cumsum(firsts) - 1, np.zeros(len(order), dtype=int)
    of_subject = np.zeros(len(names), dtype=int)
    of_subject[owners] = coded(groups)[1]
    held: list[list[bytes]] = [[] for _ in range(int(of_subject.max()) + 1)]
    for content, group in zip(contents, of_subject.tolist(), strict=True):
        held[group].append(content)
    rank = np.empty(len(held), dtype=int)
    rank[sorted(range(len(held)), key=lambda g: sorted(held[g]))] = np.arange(len(held))
    # subjects that hold the same stand in the order of their groups
    same = [contents[k] for k in owners[order][firsts]]
    run = np.cumsum(np.r_[True, [a != b for a, b in zip(same[1:], same, strict=False)]])
    place = np.empty(len(names), dtype=int)
    place[owners[order][firsts]] = run
    order = order[
        np.lexsort((owners[order], rank[of_subject[owners[order]]], place[owners[order]]))
    ]
    by = owners[order]
    return order, np.cumsum(np.r_[False, by[1:] != by[:-1]]), rank[of_subject[by]]


def _undefined(data: Replicates, values: np.ndarray) -> str:
    n_subjects, n_groups = data.sizes.shape[1], len(data.members)
    if np.ptp(values) == 0:
        return f"all {len(values)} values are equal"
    if n_subjects <= n_groups:
        return "no group has two subjects"
    if data.sizes.max() == 1:
        return "one clip per subject: subjects and clips cannot be told apart"
    if standardized(data)[0].ss_within[0] <= 1e-20:
        return "no spread within any subject"
    return ""


def _said(fits: Fits) -> str:
    if fits.boundary[0]:
        return "; at the boundary: the variance between subjects is estimated as 0"
    return "" if fits.converged[0] else "; NOT CONVERGED: the nearest point of a grid"


_STEEP = "clips of one subject hardly differ: the likelihood is too steep to profile"


class Profile:
    """Profiles of the restricted likelihood of one data set.

    The deviance is tabulated over the variance ratio r once; a profile of any quantity is
    the least of a curve over that table, refined by a quartic.
    """

    def __init__(self, data: Replicates, conf_level: float) -> None:
        self.data, scale = standardized(data)
        self.scale = float(scale[0])
        self.typical = float(data.sizes.mean())
        self.grid = np.linspace(0.0, math.log1p(LARGEST * self.typical), _POINTS)
        self.ratios = np.expm1(self.grid) / self.typical
        self.squares, self.log_determinant = residual_by_size(self.data, self.ratios)
        self.n_free = float(data.sizes.sum() - len(data.members))
        self.allowed = float(special.chdtri(1, 1 - conf_level))
        self.least = self._lowest(
            self.n_free * (np.log(2 * np.pi / self.n_free * self.squares) + 1)
            + self.log_determinant
        )

    def icc(self, fits: Fits) -> tuple[float, float]:
        """Interval of r / (1 + r)."""

        def excess(x: float) -> float:
            ratio = math.expm1(x) / self.typical
            squares, log_determinant = residual(self.data, np.array([ratio]))
            within = squares[0] / self.n_free
            value = self.n_free * (math.log(2 * math.pi * within) + 1) + log_determinant[0]
            return float(value) - self.least - self.allowed

        best = math.log1p(float(fits.ratio[0]) * self.typical)
        low, high = self._roots(excess, 0.0, best, self.grid[-1])
        low, high = (math.expm1(x) / self.typical for x in (low, high))
        return low / (1 + low), high / (1 + high)

    def within(self, fits: Fits) -> tuple[float, float]:
        """Interval of the SD within subjects."""

        def excess(log_variance: float) -> float:
            curve = self.squares * math.exp(-log_variance) + self.log_determinant
            constant = self.n_free * (math.log(2 * math.pi) + log_variance)
            return self._lowest(curve) + constant - self.least - self.allowed

        best = math.log(float(fits.within[0]) / self.scale**2)
        low, high = self._roots(excess, best - 20, best, best + 20)
        return self.scale * math.exp(low / 2), self.scale * math.exp(high / 2)

    def between(self, fits: Fits) -> tuple[float, float]:
        """Interval of the SD between subjects."""
        # the variance within is that between over the ratio
        squares = self.squares[1:] * self.ratios[1:]
        logs = self.log_determinant[1:] - self.n_free * np.log(self.ratios[1:])

        def excess(sd: float) -> float:
            if sd == 0:
                within = self.squares[0] / self.n_free
                value = self.n_free * (math.log(2 * math.pi * within) + 1)
                return float(value + self.log_determinant[0] - self.least - self.allowed)
            constant = self.n_free * math.log(2 * math.pi * sd**2)
            return self._lowest(squares / sd**2 + logs) + constant - self.least - self.allowed

        best = math.sqrt(float(fits.between[0])) / self.scale
        low, high = self._roots(excess, 0.0, best, best + 100.0)
        return self.scale * low, self.scale * high

    @staticmethod
    def _lowest(curve: np.ndarray) -> float:
        """Minimum of a tabulated curve, by a quartic through the five points around it."""
        k = int(np.argmin(curve))
        if k in (0, len(curve) - 1):
            return float(curve[k])
        first = min(max(k - 2, 0), len(curve) - 5)
        _, b, c, d, e = (_QUARTIC @ (curve[first : first + 5] - curve[k])).tolist()
        middle = x = float(k - first - 2)
        rest = curve[first + 2] - curve[k]
        for _ in range(4):
            slope = b + x * (2 * c + x * (3 * d + x * 4 * e))
            bend = 2 * c + x * (6 * d + x * 12 * e)
            if bend <= 0:
                break
            x = min(max(x - slope / bend, middle - 1), middle + 1)
        return float(curve[k] + min(rest + x * (b + x * (c + x * (d + x * e))), 0.0))

    @staticmethod
    def _roots(
        excess: Callable[[float], float], lowest: float, best: float, highest: float
    ) -> tuple[float, float]:
        """Where the excess deviance crosses 0 on both sides of its minimum."""
        if excess(best) >= 0:  # too steep for the table: nearly no variance within subjects
            return math.nan, math.nan
        low = lowest
        if best > lowest and excess(lowest) > 0:
            low = float(optimize.brentq(excess, lowest, best, xtol=1e-10))
        high = highest
        if excess(highest) > 0:
            high = float(optimize.brentq(excess, best, highest, xtol=1e-10))
        return low, high
