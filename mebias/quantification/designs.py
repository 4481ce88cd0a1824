"""The power of a design of subjects and clips to find a contrast of two sides.

A subject's clips are normal around the subject's own mean, which is normal around the mean
of its side; the test is that of `wald.difference` (random-intercept weights, CR2 error,
Satterthwaite degrees of freedom), whose statistic is then nearly noncentral t.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from mebias.quantification.batch import Batch, contrasts, variance_ratios
from mebias.quantification.interval import clusters, coded

MOST_SUBJECTS = 100_000
"""The search for the subjects needed ends here."""
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(200)


@dataclass(frozen=True)
class Design:
    """Subjects, their clips and sides, and how their values spread.

    Attributes
    ----------
    sizes : ndarray of float, shape (G,)
        Clips per subject, 1 or more.
    first : ndarray of bool, shape (G,)
        Whose mean is contrasted with that of the others; two or more on each side.
    sd_between, sd_within : float
        SD between subjects, and between the clips of one; same unit as the contrast.
    copies : float
        How many of each of these subjects there are, at their clips and side.
    """

    sizes: np.ndarray
    first: np.ndarray
    sd_between: float
    sd_within: float
    copies: float = 1.0

    @property
    def n_subjects(self) -> float:
        """Subjects of both sides."""
        return self.copies * len(self.sizes)

    def of_size(self, n_subjects: float) -> Design:
        """The same shares of groups and clips per subject, with other numbers of subjects."""
        return replace(self, copies=n_subjects / len(self.sizes))

    def error_and_df(self) -> tuple[float, float]:
        """True standard error of the contrast, and its degrees of freedom."""
        variance = self.sd_between**2 + self.sd_within**2 / self.sizes
        sides = [_precision_and_squares(1 / variance[s], self.copies) for s in self._sides()]
        (p1, s1), (p2, s2) = sides
        share = p2 / (p1 + p2)
        return math.sqrt(1 / p1 + 1 / p2), 1 / (share**2 * s1 + (1 - share) ** 2 * s2)

    def _sides(self) -> tuple[np.ndarray, np.ndarray]:
        return self.first, ~self.first


def _precision_and_squares(weight: np.ndarray, copies: float) -> tuple[float, float]:
    """Total weight, and the inverse of the degrees of freedom, as `means.weighted_mean`."""
    total = copies * float(weight.sum())
    u = weight / total
    a = u**2 / (1 - u)
    squares = copies * (u**2).sum() + (copies * a.sum()) ** 2 - copies * (a**2).sum()
    return total, float(squares)


def power_at(design: Design, shift: float | np.ndarray, alpha: float = 0.05) -> np.ndarray:
    """Probability that the two-sided CR2 test finds a contrast.

    Parameters
    ----------
    design : Design
        Sides, clips and spreads.
    shift : float or ndarray
        True contrast of the means of the sides.
    alpha : float
        Level of the test.

    Returns
    -------
    ndarray
        Of the shape of ``shift``.

    Examples
    --------
    Two sides of 17 with one clip each are the two-sample t test (G*Power: 0.80 for d = 1):

    >>> design = Design(np.ones(34), np.arange(34) < 17, 0.0, 1.0)
    >>> round(float(power_at(design, 1.0)), 3)
    0.807
    """
    error, df = design.error_and_df()
    return noncentral_power(np.abs(np.asarray(shift, dtype=float)) / error, df, alpha)


def noncentral_power(noncentrality: np.ndarray, df: float, alpha: float) -> np.ndarray:
    """Power of a two-sided t test: both tails of a noncentral t beyond its critical value.

    Parameters
    ----------
    noncentrality : ndarray
        True value over its standard error.
    df, alpha : float
        Degrees of freedom, and level of the test.

    Notes
    -----
    ``T > c`` is ``Z + noncentrality > c * s`` with ``df * s**2`` chi-squared: a normal
    probability, integrated over the density of s. (`scipy.special.nctdtr` gives NaN where
    its series underflows.)
    """
    critical = special.stdtrit(df, 1 - alpha / 2)
    ends = np.sqrt(special.chdtri(df, [1 - 1e-14, 1e-14]) / df)
    s = ends[0] + (ends[1] - ends[0]) * (_NODES + 1) / 2
    log_density = (df - 1) * np.log(s) - df * s**2 / 2
    weight = _WEIGHTS * np.exp(log_density - log_density.max())
    ahead = np.asarray(noncentrality, dtype=float)[..., None]
    beyond = special.ndtr(ahead - critical * s) + special.ndtr(-ahead - critical * s)
    return np.asarray((beyond * weight).sum(axis=-1) / weight.sum())


def smallest_shift(design: Design, power: float = 0.8, alpha: float = 0.05) -> float:
    """The smallest contrast that is found with a power.

    Examples
    --------
    >>> design = Design(np.ones(34), np.arange(34) < 17, 0.0, 1.0)
    >>> round(smallest_shift(design), 3)
    0.991
    """
    error, df = design.error_and_df()
    low, high = 0.0, 1.0
    while noncentral_power(np.array(high), df, alpha) < power:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        below = bool(noncentral_power(np.array(middle), df, alpha) < power)
        low, high = (middle, high) if below else (low, middle)
    return high * error


def subjects_needed(
    design: Design, shift: float, *, power: float = 0.8, alpha: float = 0.05, min_subjects: int = 5
) -> float:
    """Fewest subjects, at the same shares and clips per subject, that find a contrast.

    Parameters
    ----------
    design : Design
        Shares of the sides, clips per subject, spreads.
    shift : float
        Contrast to be found, above 0.
    power, alpha : float
        Power wanted, level of the test.
    min_subjects : int
        Fewest subjects of a side that is tested at all.

    Returns
    -------
    float
        A whole number; NaN above 100,000.

    Examples
    --------
    >>> design = Design(np.ones(34), np.arange(34) < 17, 0.0, 1.0)
    >>> subjects_needed(design, 0.5)
    128.0
    """
    share = min(float(design.first.mean()), float((~design.first).mean()))
    low = math.ceil(max(2, min_subjects) / share - 1e-9) - 1

    def enough(n: int) -> bool:
        return bool(power_at(design.of_size(n), shift, alpha) >= power)

    return fewest(enough, low)


def fewest(enough: Callable[[int], bool], low: int) -> float:
    """The least number above ``low`` that is enough, as all above it are; NaN beyond 100,000.

    >>> fewest(lambda n: n * n >= 50, 1)
    8.0
    """
    high = low + 1
    while not enough(high):
        low, high = high, 2 * high
        if high > MOST_SUBJECTS:
            return math.nan
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return float(high)


def drawn(design: Design, shift: float, n: int, rng: np.random.Generator) -> Batch:
    """Data sets drawn from a design: normal values, the first side ahead by ``shift``.

    Parameters
    ----------
    design : Design
        Copies are not looked at.
    shift : float
        True contrast.
    n : int
        Data sets.
    rng : Generator
        Source of chance.
    """
    sd = np.sqrt(design.sd_between**2 + design.sd_within**2 / design.sizes)
    means = shift * design.first + sd * rng.standard_normal((n, len(sd)))
    spare = design.sizes.sum() - len(design.sizes)
    within = rng.chisquare(spare, n) if spare else np.zeros(n)
    return Batch(np.tile(design.sizes, (n, 1)), means, design.sd_within**2 * within)


def simulated_power(
    design: Design, shift: float, alpha: float = 0.05, *, n: int = 1000, seed: int = 0
) -> float:
    """Share of data sets drawn from a design in which the CR2 test finds the contrast.

    Spreads and weights are estimated anew in each data set, as an analysis has to.
    """
    batch = drawn(design, shift, n, np.random.default_rng(seed))
    found = contrasts(batch, [design.first, ~design.first], "subject")
    return float(np.mean(found.p_value < alpha))


def fitted_design(
    values: np.ndarray, subjects: np.ndarray, first: np.ndarray
) -> tuple[Design, np.ndarray]:
    """The design behind values, its variance components fitted by REML.

    Parameters
    ----------
    values, subjects : ndarray, shape (N,)
        Finite values and whose they are.
    first : ndarray of bool, shape (N,)
        Whether the subject is on the first side; two or more subjects on each.

    Returns
    -------
    design : Design
    log_errors : ndarray, shape (G,)
        Log of the standard error of this design's contrast, with the components fitted
        without each subject in turn; NaN where what is left has no spread.

    Examples
    --------
    >>> values = np.array([1.0, 3.0, 2.0, 6.0, 5.0, 9.0])
    >>> design, _ = fitted_design(values, np.arange(6), np.arange(6) < 3)
    >>> design.sd_between, round(design.sd_within**2, 3)
    (0.0, 2.667)
    """
    data = clusters(values, subjects)
    g = len(data)
    codes = coded(np.asarray(subjects))[1]
    labels = np.zeros(g, dtype=bool)
    labels[codes] = first
    own = np.bincount(codes, (values - data.means[codes]) ** 2, minlength=g)
    sizes = np.tile(data.sizes, (1 + g, 1))
    sizes[np.arange(1, 1 + g), np.arange(g)] = 0
    within = np.maximum(own.sum() - np.r_[0.0, own], 0.0)
    batch = Batch(sizes, np.tile(data.means, (1 + g, 1)), within)
    between, inside = _components(batch, [labels, ~labels])
    designs = [
        Design(data.sizes, labels, float(b), float(w)) for b, w in zip(between, inside, strict=True)
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        log_errors = np.array([log_error(design) for design in designs[1:]])
    return designs[0], log_errors


def log_error(design: Design) -> float:
    """Log of the standard error of a design's contrast; NaN without spread."""
    if not design.sd_between + design.sd_within > 0:
        return math.nan
    return math.log(design.error_and_df()[0])


def _components(batch: Batch, members: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """SD between and within subjects of each data set."""
    sides = [np.broadcast_to(m.astype(float), batch.sizes.shape) for m in members]
    ratio = variance_ratios(batch, sides)
    w = batch.sizes / (1 + ratio[:, None] * batch.sizes)
    squares = batch.ss_within
    for side in sides:
        own = side * w
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = (own * batch.means).sum(axis=1) / own.sum(axis=1)
        squares = squares + (own * (batch.means - mean[:, None]) ** 2).sum(axis=1)
    variance = squares / (batch.sizes.sum(axis=1) - len(members))
    return np.sqrt(ratio * variance), np.sqrt(variance)
