"""What a claim rests on: one row of the estimates or the tests table, and its grade.

Numbers are computed once, in tables. A claim reads a row, widens its interval for its family
where it has one, and sets it beside a margin.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from scipy import special

from mebias import tables
from mebias.quantification.designs import fewest
from mebias.quantification.keys import records

SUPPORTED, NOT_SUPPORTED, OPEN = "supported", "not supported", "can't be told"
POWER = 0.8
Row = dict[str, object]
Record = Mapping[Hashable, Any]
READ = (
    "annotation_error",
    "annotation_error_difference",
    "error_reduction",
    "log_sd_offset_apex",
    "log_sd_offset_onset",
    "mean_difference_duration",
    "mean_excess_unbiased",
    "mean_phase_fall",
    "mean_phase_rise",
    "share_pair_moved_movable",
    "share_status_changed",
    "uniform_null_share_pair_moved",
    "window_reach_high",
    "window_reach_low",
)
"""Quantities of the estimates table that claims read."""
_READ = frozenset(READ)
_PLACE = ("keyframe", "ethnicity", "source", "distance", "family", "quantity")


@dataclass(frozen=True)
class Evidence:
    """A number with the interval that holds for its whole family.

    Attributes
    ----------
    estimate, low, high : float
        NaN where undefined.
    std_error, df : float
        Of the estimate; NaN where its interval is not one of t.
    margin : float
        What the interval is set beside, in the same unit.
    level : float
        1 - the level of the interval, for the family as a whole.
    family_size : int
        Claims that are adjusted together.
    p_adjusted : float or None
        None where the row is one of the estimates table, which has no test.
    n_subjects, n_clips : float
        Behind the number.
    unit, reason : str
        Why a value is NaN, else empty.
    place : mapping
        keyframe, ethnicity, source, distance, family and quantity of the row.
    """

    estimate: float
    low: float
    high: float
    std_error: float
    df: float
    margin: float
    level: float
    family_size: int
    p_adjusted: float | None
    n_subjects: float
    n_clips: float
    unit: str
    reason: str
    place: Mapping[str, object]


@dataclass(frozen=True)
class Scope:
    """The rows about one dataset, and what its claims have in common.

    Attributes
    ----------
    dataset : str
        Its name.
    groups : mapping of str to int
        Subjects of each stated group.
    sources : tuple of str
        Sources of its shifts.
    fps : tuple of float
        Its frame rates.
    rule : tuple of str or None
        Source and distance that claims about re-selection rest on.
    versions : bool
        Whether these are two versions of the labels rather than a rule's choice.
    windowed : bool
        Whether windows bound the shifts of the rule.
    margin_ms, least_margin_ms, conf_level : float
        Margin of practical relevance, and the default one, below which no correction is
        claimed; level of the intervals.
    estimates : mapping
        Rows of this dataset by their quantity (`by_quantity`).
    tests : sequence of dict
        Rows of this dataset.
    """

    dataset: str
    groups: Mapping[str, int]
    sources: tuple[str, ...]
    fps: tuple[float, ...]
    rule: tuple[str, str] | None
    versions: bool
    windowed: bool
    margin_ms: float
    least_margin_ms: float
    conf_level: float
    estimates: Mapping[str, Sequence[Record]]
    tests: Sequence[Record]

    @property
    def rule_name(self) -> str:
        """The rule as a sentence names it."""
        return " ".join(self.rule or ()).strip()

    def estimate(self, quantity: str, **where: object) -> Record | None:
        """The only row of a quantity of all subjects; None where there is none."""
        return found(self.estimates[quantity], **{"ethnicity": tables.ALL, **where})

    def of_rule(self, quantity: str, **where: object) -> Record | None:
        """The same of the rule that claims rest on."""
        if self.rule is None:
            return None
        return self.estimate(quantity, source=self.rule[0], distance=self.rule[1], **where)

    def family(self, name: str) -> list[Record]:
        """Rows of one family of tests, keyframe by keyframe."""
        return [row for row in self.tests if row["family"] == name]


def by_quantity(estimates: pd.DataFrame) -> dict[str, list[Record]]:
    """Rows that claims read, by quantity; strata apart are left out."""
    quantities, strata = (estimates[c].to_numpy().tolist() for c in ("quantity", "stratum"))
    wanted = [q in _READ and s == tables.ALL for q, s in zip(quantities, strata, strict=True)]
    rows: dict[str, list[Record]] = {quantity: [] for quantity in READ}
    for row in records(estimates[wanted]):
        rows[row["quantity"]].append(row)
    return rows


def found(rows: Iterable[Record], **where: object) -> Record | None:
    """The first row with these values; None where there is none.

    >>> found([{"keyframe": "onset", "n": 1}, {"keyframe": "apex", "n": 2}], keyframe="apex")["n"]
    2
    """
    for row in rows:
        if all(row[column] == value for column, value in where.items()):
            return row
    return None


def family_interval(test: pd.Series | Record, conf_level: float) -> tuple[float, float]:
    """The interval of a row, widened so that it holds for its whole family (Bonferroni).

    Parameters
    ----------
    test : mapping
        estimate, conf_low, conf_high, df and family_size, as a row of a tests table.
    conf_level : float
        Level of the interval; that of the whole family afterwards.

    Returns
    -------
    low, high : float
        NaN where the row has no interval, or one that is not of t while its family has
        several members. A family of one keeps its interval as it is.

    Examples
    --------
    >>> row = {"estimate": 0.0, "conf_low": -2.0, "conf_high": 2.0, "df": 30.0, "family_size": 3}
    >>> [round(bound, 2) for bound in family_interval(row, 0.95)]
    [-2.48, 2.48]
    """
    low, high, df = float(test["conf_low"]), float(test["conf_high"]), float(test["df"])
    if not (math.isfinite(low) and math.isfinite(high)):
        return math.nan, math.nan
    if test["family_size"] == 1:
        return low, high
    if not math.isfinite(df):
        return math.nan, math.nan
    alpha = 1 - conf_level
    wider = _t(df, 1 - alpha / (2 * test["family_size"])) / _t(df, 1 - alpha / 2)
    half = wider * (high - low) / 2
    return float(test["estimate"] - half), float(test["estimate"] + half)


def of_test(row: Record, conf_level: float, margin: float | None = None) -> Evidence:
    """What a row of the tests table says; the margin is its own unless another is given."""
    low, high = family_interval(row, conf_level)
    half = (row["conf_high"] - row["conf_low"]) / 2
    return Evidence(
        estimate=float(row["estimate"]),
        low=low,
        high=high,
        std_error=half / _t(row["df"], (1 + conf_level) / 2) if row["df"] > 0 else math.nan,
        df=float(row["df"]),
        margin=float(row["margin"]) if margin is None else margin,
        level=1 - conf_level,
        family_size=int(row["family_size"]),
        p_adjusted=float(row["p_adjusted"]),
        n_subjects=float(row["n_subjects"]),
        n_clips=float(row["n_clips"]),
        unit=str(row["unit"]),
        reason=str(row["reason"]),
        place={column: row.get(column, "") for column in _PLACE},
    )


def of_estimate(row: Record, margin: float, *, family: str = "", family_size: int = 1) -> Evidence:
    """What a row of the estimates table says, as one of a family of claims."""
    conf_level = float(row["conf_level"])
    low, high = family_interval({**row, "family_size": family_size}, conf_level)
    place = {column: row.get(column, "") for column in _PLACE}
    return Evidence(
        estimate=float(row["estimate"]),
        low=low,
        high=high,
        std_error=float(row["std_error"]),
        df=float(row["df"]),
        margin=margin,
        level=1 - conf_level,
        family_size=family_size,
        p_adjusted=None,
        n_subjects=float(row["n_subjects"]),
        n_clips=float(row["n_clips"]),
        unit=str(row["unit"]),
        reason=str(row["reason"]),
        place={**place, "family": family},
    )


def graded(evidence: Evidence, *, either_side: bool = False) -> str:
    """Grade what an interval says of a claim.

    Parameters
    ----------
    evidence : Evidence
        Family-wise interval, margin, adjusted p-value where there is a test.
    either_side : bool
        The claim is a difference of either sign; else that the value is above the margin.

    Returns
    -------
    str
        *supported*: the interval lies beyond the margin in the claimed direction, and the
        adjusted p-value, where there is one, is below the level. *not supported*: it lies
        inside the margin or beyond it in the other direction. Else *can't be told*.
    """
    low, high, margin = evidence.low, evidence.high, evidence.margin
    if not (math.isfinite(low) and math.isfinite(high) and math.isfinite(margin)):
        return OPEN
    beyond = low > margin or (either_side and high < -margin)
    if beyond and (evidence.p_adjusted is None or evidence.p_adjusted < evidence.level):
        return SUPPORTED
    inside = high < margin and (low > -margin or not either_side)
    return NOT_SUPPORTED if inside else OPEN


def subjects_to_settle(evidence: Evidence, *, either_side: bool = False) -> float:
    """Subjects with whom the interval would clear the margin, were the estimate the truth.

    The standard error is taken to fall with the root of the number of subjects, at the same
    shares of groups and clips per subject; power 80 %.

    Returns
    -------
    float
        A whole number above that of the subjects there are; NaN where the estimate lies at
        the margin, the row has no standard error, or more than 100,000 would be needed. For
        a share of 0 the subjects with whom the Clopper-Pearson bound would be at the margin.
    """
    if evidence.unit == "share" and evidence.estimate == 0 and evidence.margin > 0:
        bound = math.log(evidence.level / 2) / math.log1p(-evidence.margin)
        return float(max(math.ceil(bound), evidence.n_subjects + 1))
    value = abs(evidence.estimate) if either_side else evidence.estimate
    away = abs(value - evidence.margin)
    now, error, df = evidence.n_subjects, evidence.std_error, evidence.df
    if not (away > 0 and error > 0 and df > 0 and now > 0):
        return math.nan
    tail = 1 - evidence.level / (2 * evidence.family_size)

    def enough(subjects: int) -> bool:
        growing = df * subjects / now
        reach = (_t(growing, tail) + _t(growing, POWER)) * error * math.sqrt(now / subjects)
        return reach <= away

    return fewest(enough, int(now))


def _t(df: float, p: float) -> float:
    return float(special.stdtrit(df, p))
