"""What a gain lets one conclude, and what a design of subjects could have found."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from mebias.errors import per_cent
from mebias.quantification import holm
from mebias.quantification.designs import MOST_SUBJECTS, noncentral_power
from mebias.quantification.equivalence import tost
from mebias.quantification.gain_estimates import Row
from mebias.quantification.gain_tests import Asked, Compared

HELPS, HARMS, EQUIVALENT, UNKNOWN = "helps", "harms", "equivalent", "can't be told"
POWER = 0.8
"""Power that a design needs before a gain may be called equivalent to none."""
ALPHA = 0.05


def conclusion_rows(done: Sequence[Compared], asked: Asked) -> list[Row]:
    """What each gain lets one conclude.

    ``helps`` or ``harms`` where the adjusted p-value is at most 5 %. Else ``equivalent`` where
    two one-sided tests, adjusted in the same family, put the gain within the margin and the
    design had 80 % power to find a gain as large as the margin; else ``can't be told``.
    """
    rows: list[Row] = []
    for family in dict.fromkeys(t.family for t in done):
        own = [t for t in done if t.family == family]
        p = np.array([_equivalence(t, asked.margins[t.quantity]) for t in own])
        adjusted = holm.adjust(p, len(own))
        rows += [
            _concluded(t, float(q), asked, len(own)) for t, q in zip(own, adjusted, strict=True)
        ]
    return rows


def _equivalence(tested: Compared, margin: float) -> float:
    gain = tested.gain
    if not gain.std_error > 0 or math.isnan(gain.df):
        return math.nan
    return tost(gain.estimate, gain.std_error, gain.df, margin)[1]


def _concluded(tested: Compared, p_equivalence: float, asked: Asked, family_size: int) -> Row:
    gain, margin = tested.gain, asked.margins[tested.quantity]
    p = float(str(tested.row["p_adjusted"]))
    design = Design(gain.std_error, gain.df, gain.n_subjects, ALPHA / family_size)
    power = design.power(margin)
    needed = design.subjects_needed(margin)
    if p <= ALPHA:
        word = HELPS if gain.estimate > 0 else HARMS
    elif p_equivalence <= ALPHA and power >= POWER:
        word = EQUIVALENT
    else:
        word = UNKNOWN
    settle = ""
    if word == UNKNOWN:
        settle = _would_settle(design, power, needed, margin, str(tested.row["reason"]))
    return {
        "dataset": tested.row["dataset"],
        "arm": tested.pair[0],
        "against": tested.pair[1],
        "quantity": tested.quantity,
        "conclusion": word,
        "estimate": gain.estimate,
        "conf_low": gain.conf_low,
        "conf_high": gain.conf_high,
        "margin": margin,
        "p_adjusted": p,
        "p_equivalence": p_equivalence,
        "power": power,
        "smallest_gain": design.smallest_gain(),
        "subjects_needed": needed,
        "n_clips": gain.n_clips,
        "n_subjects": gain.n_subjects,
        "would_settle": settle,
        "method": f"swap test and two one-sided t tests at {per_cent(ALPHA)}, Holm in a family of "
        f"{family_size}; power: noncentral t at {per_cent(ALPHA)} / {family_size}",
    }


def _would_settle(design: Design, power: float, needed: float, margin: float, reason: str) -> str:
    if math.isnan(power):
        return reason or "another design"
    if power >= POWER:
        return (
            f"more subjects: with {design.n_subjects} a gain of {margin:g} is neither found nor "
            f"excluded, though {per_cent(POWER)} of such gains would be found"
        )
    about = f"about {needed:.0f}" if not math.isnan(needed) else f"more than {MOST_SUBJECTS}"
    return (
        f"{about} subjects instead of {design.n_subjects}: with these {per_cent(power)} of gains "
        f"of {margin:g} are found, {per_cent(POWER)} are asked for"
    )


@dataclass(frozen=True)
class Design:
    """What a gain's standard error lets the design find.

    Attributes
    ----------
    std_error, df : float
        Of the gain; NaN where it has none.
    n_subjects : int
    alpha : float
        Level at which a single gain is tested.

    Examples
    --------
    >>> design = Design(0.02, 30.0, 31, 0.05)
    >>> round(design.power(0.05), 2), round(design.smallest_gain(), 3)
    (0.68, 0.058)
    >>> design.subjects_needed(0.05)
    41
    """

    std_error: float
    df: float
    n_subjects: int
    alpha: float

    @property
    def _known(self) -> bool:
        return self.std_error > 0 and not math.isnan(self.df)

    def power(self, gain: float) -> float:
        """Probability that a true gain of this size is found."""
        if not self._known:
            return math.nan
        return _power(gain / self.std_error, self.df, self.alpha)

    def smallest_gain(self) -> float:
        """The gain that is found with 80 % power."""
        if not self._known:
            return math.nan
        return self.std_error * _root(lambda t: _power(t, self.df, self.alpha) - POWER, 0.0, 1e3)

    def subjects_needed(self, gain: float) -> float:
        """Subjects like these with which this gain is found with 80 % power."""
        if not self._known:
            return math.nan

        def lacking(log_ratio: float) -> float:
            ratio = math.exp(log_ratio)
            distance = gain / self.std_error * math.sqrt(ratio)
            return _power(distance, max(self.df * ratio, 1.0), self.alpha) - POWER

        most = math.log(MOST_SUBJECTS / self.n_subjects)
        least = math.log(2 / self.n_subjects)
        if lacking(most) < 0:
            return math.nan
        if lacking(least) > 0:
            return 2.0
        return math.ceil(self.n_subjects * math.exp(_root(lacking, least, most)))


def _power(distance: float, df: float, alpha: float) -> float:
    return float(noncentral_power(np.array(distance), df, alpha))


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    return float(optimize.brentq(function, low, high, xtol=1e-9))
