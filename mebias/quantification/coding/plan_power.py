"""What a planned study of coders would find: the contrast of groups, and that of cultures.

Groups are contrasted by labels less re-selected frames, subjects as units (`designs.Design`).
Cultures x groups are contrasted within the clips that all coders code (`crossed`): the
variance estimates of that test are independent chi-squareds around what these components make
of them, and its power is the mean over them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import special

from mebias.quantification.coding.crossed import FEW_CODERS
from mebias.quantification.coding.culture import FEWEST_CODERS
from mebias.quantification.coding.tolerance import (
    Spread,
    culture_sizes,
    quantization,
    shared_rounding,
)
from mebias.quantification.designs import Design, power_at

SKEW = 0.8
"""SD of the log-normal number of clips per subject: some move often, some hardly ever."""
_POINTS = 1024


@dataclass(frozen=True)
class Plan:
    """One design of a study.

    Attributes
    ----------
    subjects : int
    clips : float
        Mean number of clips per subject.
    coders : int
    double : float
        Share of clips that all coders code; each other clip is coded by one, in turn.
    fps : float
    group : float
        Share of subjects in the group that is contrasted with all others.
    """

    subjects: int
    clips: float
    coders: int
    double: float
    fps: float
    group: float = 0.5

    @property
    def sides(self) -> tuple[int, int]:
        """Subjects of the group, and the others."""
        first = round(self.subjects * self.group)
        return first, self.subjects - first

    @property
    def codings(self) -> float:
        """Codings in all."""
        return self.subjects * self.clips * (self.double * self.coders + 1 - self.double)

    def sizes(self, n: int) -> np.ndarray:
        """Clips of n subjects, skewed as in spontaneous data; 1 or more, with the right mean."""
        share = np.exp(SKEW * special.ndtri((np.arange(n) + 0.5) / n))
        return np.asarray(1 + (self.clips - 1) * share / share.mean())


def group_design(spread: Spread, plan: Plan) -> Design:
    """Clips per subject, and spreads between and within subjects of label less selected frame.

    Coders' biases do not add to the contrast, as they code both groups alike; where a clip is
    coded once they add to the spread of clips within a subject.
    """
    k, p = plan.coders, plan.double
    share = sum((n / k) ** 2 for n in culture_sizes(k))
    between = (
        spread.subject**2 + spread.coder_subject**2 / k + spread.culture_subject**2 * share
    )  # fmt: skip
    several = spread.per_event / k + quantization(spread, k, plan.fps)
    turns = spread.coder**2 + spread.coder_group**2 + spread.coder_subject**2
    single = (
        turns * (1 - 1 / k) + spread.culture_subject**2 * (1 - share) + spread.per_event
        + quantization(spread, 1, plan.fps)
    )  # fmt: skip
    within = spread.selector**2 + p * several + (1 - p) * single
    first, others = plan.sides
    sizes = np.r_[plan.sizes(first), plan.sizes(others)]
    return Design(sizes, np.arange(len(sizes)) < first, math.sqrt(between), math.sqrt(within))


def group_power(
    spread: Spread, plan: Plan, shift_ms: float | np.ndarray, alpha: float = 0.05
) -> np.ndarray:
    """Power of the contrast of groups (CR2 by subject, Satterthwaite df).

    Examples
    --------
    >>> spread = Spread(5, 0, 0, 3, 6, 9, 20, 5)
    >>> few, many = (Plan(n, 8, 2, 1.0, 200) for n in (20, 80))
    >>> [round(float(group_power(spread, plan, 8)), 2) for plan in (few, many)]
    [0.41, 0.95]
    """
    return power_at(group_design(spread, plan), shift_ms, alpha)


@dataclass(frozen=True)
class Scores:
    """What the test of cultures x groups estimates its variance from.

    Attributes
    ----------
    variance : float
        True variance of the contrast, for new subjects and new coders (ms^2).
    of_subjects, of_coders, of_both : float
        Expected values of the estimates V_s, V_c, V_cs of `crossed`.
    df_used : 3 floats
        Degrees of freedom that the test takes them to have.
    df : 3 floats
        Those that they have.
    """

    variance: float
    of_subjects: float
    of_coders: float
    of_both: float
    df_used: tuple[float, float, float]
    df: tuple[float, float, float]


def culture_scores(spread: Spread, plan: Plan) -> Scores:
    """Variances behind the contrast of cultures x groups of a plan.

    Coders are of two cultures, as evenly as can be; all code the same clips. A share of each
    subject's clips is drawn at random for that.

    Raises
    ------
    ValueError
        Fewer than two coders of a culture, or hardly any clip that all code.
    """
    own, other = culture_sizes(plan.coders)
    if other < FEWEST_CODERS:
        raise ValueError(
            f"{own} and {other} coders of two cultures: culture is confounded with the coder; "
            f"{FEWEST_CODERS} of each are needed"
        )
    h = 1 / own + 1 / other
    rho = shared_rounding(math.sqrt(spread.own), 1000 / plan.fps)
    event = h * (spread.per_event + (1000 / plan.fps) ** 2 / 12 * (1 - rho))
    shared = 2 * spread.culture_subject**2
    parts: list[tuple[float, float, np.ndarray, np.ndarray, float]] = []
    for n in plan.sides:
        mean, square = _thinned(plan.sizes(n), plan.double)
        if mean.sum() < 2 or n < 2:
            raise ValueError("fewer than two clips of a side are coded by all coders")
        total = float(mean.sum())
        of_subject = (square * (shared + h * spread.coder_subject**2) + mean * event) / total**2
        used = mean / total**2
        fewer = (n - 1) / n
        parts.append((float(square.sum()) / total**2, 1 / total, of_subject, used, fewer))
    squares, clips = sum(p[0] for p in parts), sum(p[1] for p in parts)
    of_subjects = float(sum(p[2].sum() for p in parts))
    df_s = _freedom([(p[2], p[4]) for p in parts])
    used_s = _freedom([(p[3], p[4]) for p in parts])
    cells = h * squares * spread.coder_subject**2 + clips * event
    habit = 2 * h * spread.coder_group**2
    # What a culture does to a subject shows in the cells of its coders too, and not in coders.
    uneven = (other**2 / own + own**2 / other) / plan.coders**2
    both = cells + squares * shared * uneven
    df_c = float(max(plan.coders - 2, 1))
    n = plan.subjects
    df_b = df_c * (n - 2)
    return Scores(
        habit + of_subjects, of_subjects, habit + cells, both,
        (used_s, df_c, df_b), (df_s, df_c, df_b),
    )  # fmt: skip


def _freedom(sides: list[tuple[np.ndarray, float]]) -> float:
    """Satterthwaite's degrees of freedom of a sum of variances by subject, of each side."""
    total = sum(float(v.sum()) for v, _ in sides)
    return total**2 / sum(float((v**2).sum()) / fewer for v, fewer in sides)


def _thinned(sizes: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Expected number, and expected squared number, of a subject's clips that all code."""
    return share * sizes, share**2 * sizes**2 + share * (1 - share) * sizes


def culture_power(
    spread: Spread, plan: Plan, shift_ms: float | np.ndarray, alpha: float = 0.05
) -> np.ndarray:
    """Power of the test of cultures x groups for new subjects and new coders.

    Raises
    ------
    ValueError
        See `culture_scores`.

    Examples
    --------
    >>> spread = Spread(8, 0, 0, 6, 11, 15, 0, 0)
    >>> few, more = (Plan(24, 5, k, 1.0, 200) for k in (4, 8))
    >>> float(culture_power(spread, few, 15)) < float(culture_power(spread, more, 15))
    True
    """
    scores = culture_scores(spread, plan)
    s, c, b = (
        value * 2 * special.gammaincinv(df / 2, u) / df
        for value, df, u in zip(
            (scores.of_subjects, scores.of_coders, scores.of_both), scores.df, _points(),
            strict=True,
        )
    )  # fmt: skip
    error, df = _as_tested(s, c, b, scores.df_used)
    critical = special.stdtrit(df, 1 - alpha / 2) * error
    sd = math.sqrt(scores.variance)
    ahead = np.abs(np.asarray(shift_ms, dtype=float))[..., None]
    found = special.ndtr((ahead - critical) / sd) + special.ndtr((-ahead - critical) / sd)
    return np.asarray(found.mean(axis=-1))


def _as_tested(
    s: np.ndarray, c: np.ndarray, b: np.ndarray, df: tuple[float, float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Standard error and degrees of freedom as `Crossed` makes them of its estimates."""
    variance = np.maximum(s + np.maximum(c - b, 0.0), c)
    subjects_alone, coders_alone = c <= b, c >= variance
    with_s = s**2 / df[0] * ~(coders_alone & ~subjects_alone)
    with_c = c**2 / df[1] * ~subjects_alone
    if df[1] < FEW_CODERS:
        with_c = with_c + c**4 / b**2 / df[1] * subjects_alone
    with_b = b**2 / df[2] * ~(subjects_alone | coders_alone)
    return np.sqrt(variance), variance**2 / (with_s + with_c + with_b)


@cache
def _points() -> np.ndarray:
    """Evenly spread points in the unit cube, shape (3, N): an additive recurrence."""
    root = 1.2207440846057596
    steps = (1 / root ** np.arange(1, 4))[:, None]
    return np.asarray((0.5 + steps * np.arange(1, _POINTS + 1)) % 1)


def smallest(power: np.ndarray, shifts: np.ndarray, wanted: float) -> float:
    """The first shift that is found with a power, between those of a curve; NaN if none is.

    >>> round(smallest(np.array([0.1, 0.7, 0.9]), np.array([0.0, 1.0, 2.0]), 0.8), 6)
    1.5
    """
    if power[-1] < wanted:
        return math.nan
    k = max(int(np.argmax(power >= wanted)), 1)
    share = (wanted - power[k - 1]) / (power[k] - power[k - 1])
    return float(shifts[k - 1] + share * (shifts[k] - shifts[k - 1]))
