"""Judgements on cohorts drawn from a bank, one function per promise."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special, stats

from mebias import tables
from mebias.quantification.annotation_error import reduces_error
from mebias.quantification.blind import judged, one_sided
from mebias.quantification.claim_rows import family_interval
from mebias.quantification.coder_sd import coder_sd_interval
from mebias.quantification.error_contrasts import error_contrasts, reduction_contrasts
from mebias.quantification.excess import excess_estimates
from mebias.quantification.flags import MISSED, TOLERANCE_FRAMES, TOLERANCE_MS, flag_clips
from mebias.quantification.keyframe_contrast import keyframe_contrasts
from mebias.quantification.likely_sd import likely_sd_interval
from mebias.quantification.means import mean_interval
from mebias.quantification.sides import default_margin
from mebias.validation.recordings import JUDGE
from mebias.validation.recovery_cells import PLANTED_MS

Row = dict[str, object]
COVERAGE = (0.93, 0.97)
FALSE_CLAIMS = (0.0, 0.05)
FDR = (0.0, 0.07)
CORRECTS = '"corrects" claimed'
ONE_GROUP = '"corrects one group more" claimed'
BANDS: Mapping[str, tuple[float, float]] = {
    "group contrast covered": COVERAGE,
    "excess over accurate is 0": COVERAGE,
    "excess over unbiased is 0": COVERAGE,
    "excess over unbiased is 0, SD estimated": COVERAGE,
    '"biased" claimed': FALSE_CLAIMS,
    '"biased" claimed, SD estimated': FALSE_CLAIMS,
    CORRECTS: FALSE_CLAIMS,
    ONE_GROUP: FALSE_CLAIMS,
    "false share of flags": FDR,
}
"""Promise -> band that its value has to lie in; others are shown only."""
LEVEL = 0.95
SD_COVERED = "coders' SD covered"
AS_RULE = "as a rule: motion"
"""`reduces_error` refuses the rule ``motion``; under another name it shows why."""


@dataclass(frozen=True)
class Drawn:
    """One cohort: its shifts and nulls."""

    shifts: pd.DataFrame
    nulls: pd.DataFrame


@dataclass(frozen=True)
class Found:
    """What one cohort said at one keyframe (or at any, ``all``).

    ``hit`` is NaN where nothing was told; ``value`` and ``true`` in ms.
    """

    proof: str
    rule: str
    keyframe: str
    hit: float
    value: float = math.nan
    true: float = math.nan


Judge = Callable[[Drawn], Iterator[Found]]


def contrast(drawn: Drawn) -> Iterator[Found]:
    """Whether the interval of the contrast of groups holds what was planted."""
    tests, _ = error_contrasts(drawn.shifts, n_permutations=19)
    primary = tests[tests["family"].str.endswith("primary")]
    for _, row in primary.iterrows():
        true = PLANTED_MS if str(row["ethnicity"]).startswith("B") else -PLANTED_MS
        inside = _inside(row["conf_low"], row["conf_high"], true)
        sign = np.sign(true)
        yield Found("group contrast covered", JUDGE, str(row["keyframe"]), inside,
                    float(sign * row["estimate"]), PLANTED_MS)  # fmt: skip


def excess(null: str, proof: str) -> Judge:
    """Whether the interval of the excess over a null holds 0; bias claimed at any keyframe."""

    def judge(drawn: Drawn) -> Iterator[Found]:
        rows = drawn.shifts[drawn.shifts["source"] == "gamdss"].assign(ethnicity=tables.ALL)
        estimates = excess_estimates(rows, drawn.nulls)
        yield from of_excess(estimates, null, proof)
        yield from _naive(rows)

    return judge


def of_excess(estimates: pd.DataFrame, null: str, proof: str) -> Iterator[Found]:
    """The same of estimates that are there; what is withheld is not claimed."""
    own = estimates[estimates["quantity"] == f"mean_excess_{null}"]
    beyond = []
    for _, row in own.iterrows():
        inside = _inside(row["conf_low"], row["conf_high"], 0.0)
        yield Found(proof, "gamdss", str(row["keyframe"]), inside, float(row["estimate"]), 0.0)
        beyond.append(_beyond(row["estimate"], row["std_error"], row["df"]))
    if null == "unbiased":
        name = proof.replace("excess over unbiased is 0", '"biased" claimed')
        told = [b for b in beyond if not math.isnan(b)]
        withheld = own["reason"].str.startswith("can't be told").any()
        hit = float(any(told)) if told or withheld else math.nan
        yield Found(name, "gamdss", tables.ALL, hit)


def _naive(rows: pd.DataFrame) -> Iterator[Found]:
    """The failing control: a mean shift that differs from 0, called bias."""
    beyond = []
    for keyframe, own in rows.groupby("keyframe"):
        values, subjects = own["shift_ms"].to_numpy(float), own["subject"].to_numpy(object)
        found = mean_interval(values, subjects, "subject")
        hit = 1.0 - _inside(found.conf_low, found.conf_high, 0.0)
        yield Found("mean shift differs from 0 (control)", "gamdss", str(keyframe), hit,
                    found.estimate, 0.0)  # fmt: skip
        beyond.append(_beyond(found.estimate, found.std_error, found.df))
    hit = float(any(b for b in beyond if not math.isnan(b)))
    yield Found("mean shift differs from 0 (control)", "gamdss", tables.ALL, hit)


def coder_sd(sd_ms: Sequence[float]) -> Judge:
    """Whether the interval of the coders' SD holds the true one; NaN where it can't be told.

    By likelihood, as it is shipped, and by moments, the control.
    """

    def judge(drawn: Drawn) -> Iterator[Found]:
        rows = judged(drawn.shifts)
        rounding = (1000.0 / rows["fps"].iloc[0]) ** 2 / 12
        for keyframe, sd in zip(tables.KEYFRAMES, sd_ms, strict=True):
            of_keyframe = rows[rows["keyframe"] == keyframe]
            own = of_keyframe[of_keyframe["verdict"] == ""]
            told, true = not one_sided(of_keyframe), math.sqrt(sd**2 + rounding)
            errors, blind = (own[c].to_numpy(float) for c in ("error_ms", "blind_variance"))
            subjects = own["subject"].to_numpy(object)
            likely = likely_sd_interval(errors, blind, subjects, MISSED[keyframe])
            moments = coder_sd_interval(errors, blind, subjects)
            for found, proof in ((likely, SD_COVERED), (moments, f"{SD_COVERED} by moments")):
                inside = _inside(found.conf_low, found.conf_high, true) if told else math.nan
                value = found.estimate if told else math.nan
                yield Found(proof, JUDGE, keyframe, inside, float(value), true)

    return judge


def keyframe_ratio(sd_ms: Sequence[float]) -> Judge:
    """Whether the interval of the log ratio of two coders' SDs holds the true one."""

    def judge(drawn: Drawn) -> Iterator[Found]:
        _, estimates = keyframe_contrasts(drawn.shifts.assign(ethnicity=tables.ALL))
        rounding = (1000.0 / drawn.shifts["fps"].iloc[0]) ** 2 / 12
        squares = {k: sd**2 + rounding for k, sd in zip(tables.KEYFRAMES, sd_ms, strict=True)}
        for _, row in estimates.iterrows():
            late, early = str(row["quantity"]).split("_")[-2:]
            true = 0.5 * math.log(squares[late] / squares[early])
            inside = _inside(row["conf_low"], row["conf_high"], true)
            yield Found("log ratio of coders' SDs covered", JUDGE, f"{late}/{early}", inside,
                        float(row["estimate"]), true)  # fmt: skip

    return judge


def corrects(drawn: Drawn) -> Iterator[Found]:
    """Whether frames seem to lie nearer to the posterior than labels do, beyond the margin."""
    rows = drawn.shifts.assign(
        ethnicity=tables.ALL, source=drawn.shifts["source"].replace("motion", AS_RULE)
    )
    margin = default_margin(rows)
    found = reduces_error(rows)
    found = found[found["weighting"] == "subject"]
    true = rows.groupby(["source", "keyframe"])["true_gain_ms"].mean()
    for rule, own in found.groupby("source", sort=False):
        name = str(rule).removeprefix("as a rule: ")
        for proof, least in ((CORRECTS, margin), ("gain above 0 (control)", 0.0)):
            hits = []
            for _, row in own.iterrows():
                told = math.isfinite(row["conf_low"])
                hits.append(float(row["conf_low"] > least) if told else math.nan)
                yield Found(proof, name, str(row["keyframe"]), hits[-1], float(row["estimate"]),
                            float(true[rule, row["keyframe"]]))  # fmt: skip
            there = [hit for hit in hits if not math.isnan(hit)]
            yield Found(proof, name, tables.ALL, float(any(there)) if there else math.nan)


def corrects_one_group(drawn: Drawn) -> Iterator[Found]:
    """Whether labels of one group seem to be corrected by more than those of the other."""
    rows = drawn.shifts
    for rule in rows.loc[rows["source"] != JUDGE, "source"].unique():
        own = rows[rows["source"].isin([JUDGE, rule])].reset_index(drop=True)
        tests, _ = reduction_contrasts(own, n_permutations=19)
        hits = []
        for row in tests.to_dict("records"):
            low, high = family_interval(row, LEVEL)
            told = math.isfinite(low)
            beyond = low > row["margin"] or high < -row["margin"]
            hits.append(float(beyond) if told else math.nan)
        there = [hit for hit in hits if not math.isnan(hit)]
        yield Found(ONE_GROUP, str(rule), tables.ALL, float(any(there)) if there else math.nan)


def flags(drawn: Drawn) -> Iterator[Found]:
    """False alarms among flags (0 where there are none), and the wrong labels found."""
    rows = drawn.shifts
    by = ["keyframe", "ethnicity"]
    away = rows["true_error_ms"] - rows.groupby(by)["true_error_ms"].transform("mean")
    tolerance = np.maximum(TOLERANCE_MS, TOLERANCE_FRAMES * 1000.0 / rows["fps"])
    wrong = rows.assign(wrong=away.abs() > tolerance)[["clip", "keyframe", "wrong"]]
    told = flag_clips(rows).merge(wrong, on=["clip", "keyframe"])
    false = float((~told["wrong"]).mean()) if len(told) else 0.0
    yield Found("false share of flags", JUDGE, tables.ALL, false)
    yield Found("flags of a cohort", JUDGE, tables.ALL, float(len(told)))
    for keyframe, own in wrong.groupby("keyframe"):
        n = int(own["wrong"].sum())
        hits = told[told["keyframe"] == keyframe]["wrong"].sum()
        yield Found("recall of flags", JUDGE, str(keyframe), hits / n if n else math.nan)


def _inside(low: float, high: float, value: float) -> float:
    if not (math.isfinite(low) and math.isfinite(high)):
        return math.nan
    return float(low <= value <= high)


def _beyond(estimate: float, error: float, df: float) -> float:
    """Whether 0 lies outside an interval that holds for three keyframes together."""
    if not (math.isfinite(estimate) and math.isfinite(error) and math.isfinite(df)):
        return math.nan
    return float(abs(estimate) > stats.t.ppf(1 - (1 - LEVEL) / 6, df) * error)


def summary(found: Sequence[Found], bands: Mapping[str, tuple[float, float]]) -> Iterator[Row]:
    """One row per promise, rule and keyframe."""
    table = pd.DataFrame([vars(one) for one in found])
    for (proof, rule, keyframe), own in table.groupby(["proof", "rule", "keyframe"], sort=False):
        told = own["hit"].dropna()
        shares = told.isin([0.0, 1.0]).all()
        band = bands.get(str(proof))
        row: Row = {
            "proof": proof,
            "rule": rule,
            "keyframe": keyframe,
            "n_cohorts": len(own),
            "n_told": len(told),
            "value": told.mean() if len(told) else math.nan,
            "estimate_ms": own["value"].mean(),
            "true_ms": own["true"].mean(),
            "ratio": _ratio(own) if str(proof).startswith(SD_COVERED) else math.nan,
        }
        yield row | _errors(told.to_numpy(dtype=float), bool(shares)) | _verdict(row, band, told)


def _ratio(own: pd.DataFrame) -> float:
    """Mean estimate over mean truth, where anything is told."""
    there = own[own["value"].notna()]
    return float(there["value"].mean() / there["true"].mean()) if len(there) else math.nan


def _errors(told: np.ndarray, shares: bool) -> Row:
    """Monte Carlo error; Clopper-Pearson bounds where each cohort is a hit or none."""
    n = len(told)
    if n < 2:
        return {"mc_error": math.nan, "low": math.nan, "high": math.nan}
    error = float(told.std(ddof=1) / math.sqrt(n))
    if not shares:
        low, high = told.mean() - 1.96 * error, told.mean() + 1.96 * error
        return {"mc_error": error, "low": max(low, 0.0), "high": high}
    low, high = clopper_pearson(int(told.sum()), n)
    return {"mc_error": error, "low": low, "high": high}


def clopper_pearson(hits: int, n: int) -> tuple[float, float]:
    """Exact 95 % bounds of a share.

    >>> [round(bound, 3) for bound in clopper_pearson(0, 100)]
    [0.0, 0.036]
    """
    low = float(special.betaincinv(hits, n - hits + 1, 0.025)) if hits else 0.0
    high = float(special.betaincinv(hits + 1, n - hits, 0.975)) if hits < n else 1.0
    return low, high


def _verdict(row: Row, band: tuple[float, float] | None, told: pd.Series) -> Row:
    """Whether the value lies in its band, within three Monte Carlo errors."""
    if band is None or len(told) < 2:
        return {"band_low": math.nan, "band_high": math.nan, "met": ""}
    value, (low, high) = float(told.mean()), band
    nearest = min(max(value, low), high)
    error = math.sqrt(nearest * (1 - nearest) / len(told))
    if not told.isin([0.0, 1.0]).all():
        error = float(told.std(ddof=1)) / math.sqrt(len(told))
    met = abs(value - nearest) <= 3 * error
    return {"band_low": low, "band_high": high, "met": "yes" if met else "no"}
