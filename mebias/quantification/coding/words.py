"""What was found about coders, in a screen of text; numbers are read from the tables."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from mebias import tables
from mebias.errors import counted
from mebias.quantification.coding.culture import FAMILY, QUANTITY
from mebias.quantification.coding.detection import EVERYONE
from mebias.quantification.coverage import LEAST, falls_short

if TYPE_CHECKING:
    from mebias.quantification.coding.coders import CoderFindings

Record = Mapping[Hashable, Any]
SPREADS = {
    "inter_coder_sd": "between these coders, their biases taken out",
    "intra_coder_sd": "within a coder, pass to pass",
    "single_coder_error_sd": "the error of one coder that a consensus hides",
    "consensus_error_sd": "the error of the consensus itself",
}
"""Quantities of spread, in words."""
_MOST_PAIRS = 6


def summary(found: CoderFindings) -> str:
    """A screen of text."""
    return "\n".join(_lines(found))


def _lines(found: CoderFindings) -> Iterator[str]:
    study = found.study
    n_events, n_subjects = (study.codings[c].nunique() for c in ("event", "subject"))
    shared = int(study.codings.groupby("event")["coder"].nunique().ge(2).sum())
    yield (f"{study.dataset}: {len(study.coders)} coders, {counted(n_events, 'event')} of "
           f"{counted(n_subjects, 'subject')} ({shared} found by two coders or more), "
           f"{counted(len(study.codings), 'coding')}")  # fmt: skip
    yield f"In brackets: {brackets(found)}"
    yield "Detection (F1: share of both coders' codings that the other has too)"
    e = found.estimates
    f1 = e[(e["quantity"] == "detection_f1")].to_dict("records")
    for row in f1[:_MOST_PAIRS]:
        yield f"  {row['source']}: {share(row)}"
    if len(f1) > _MOST_PAIRS:
        yield f"  and {len(f1) - _MOST_PAIRS} more in estimates.csv"
    yield "Timing (ms; positive = later than the coders' mean)"
    for coder in study.coders:
        texts = [f"{r['keyframe']} {number(r)}" for r in keyframe_rows(found, "coder_bias", coder)]
        yield f"  {coder}: {'; '.join(texts)}" if texts else f"  {coder}: nothing in common"
    yield "Spread of a single label (SD, ms)"
    for quantity, name in SPREADS.items():
        texts = [f"{r['keyframe']} {number(r)}" for r in keyframe_rows(found, quantity, EVERYONE)]
        if texts:
            yield f"  {name}: {'; '.join(texts)}"
    yield from _culture(found)


def _culture(found: CoderFindings) -> Iterator[str]:
    design = found.design
    if design.reason:
        yield f"Coder culture x ethnicity: not tested, {design.reason}"
        return
    yield f"Coder culture x ethnicity (ms), {design.contrast}"
    if design.confounded:
        yield f"  {design.confounded}"
    e, tests = found.estimates, found.tests
    for keyframe in tables.KEYFRAMES:
        own = e[(e["keyframe"] == keyframe) & e["quantity"].str.startswith(QUANTITY)]
        test = tests[(tests["family"] == FAMILY) & (tests["keyframe"] == keyframe)]
        for row in own.to_dict("records"):
            whole = row["quantity"] == QUANTITY
            if whole and design.confounded:
                continue
            who = "" if whole else "these coders alone: "
            p = p_text(test["p_adjusted"].iloc[0]) if whole and len(test) else ""
            yield f"  {keyframe}: {who}{number(row)}{p}"
        smallest = found.power
        smallest = smallest[(smallest["keyframe"] == keyframe)
                            & (smallest["quantity"] == "smallest_shift")]  # fmt: skip
        for value in smallest["shift_ms"].dropna():
            yield f"    this design finds {value:.0f} ms with 80 % power"


def brackets(found: CoderFindings) -> str:
    """What the brackets are: intervals by their level, where simulation does not say less."""
    e = found.estimates
    told = e[e["conf_low"].notna() & e["conf_high"].notna()]
    level = 100 * float(e["conf_level"].max()) if len(e) else 95.0
    text = f"{level:g} % intervals"
    if told["coverage_note"].map(falls_short).any():
        text += f"; those with a star covered less than {100 * LEAST:.0f} % in simulation"
    return f"{text} (coverage_note in estimates.csv)"


def keyframe_rows(found: CoderFindings, quantity: str, source: str) -> list[dict[Hashable, Any]]:
    """Rows of one quantity, one per keyframe (ms)."""
    rows: pd.DataFrame = found.get(quantity, source)
    return rows[rows["keyframe"].isin(tables.KEYFRAMES)].to_dict("records")


def number(row: Record) -> str:
    """An estimate with its interval, or why there is none."""
    if math.isnan(row["estimate"]):
        return f"? ({row['reason']})"
    if math.isnan(row["conf_low"]):
        return f"{row['estimate']:.1f} (no interval: {row['reason']})"
    star = "*" if falls_short(row["coverage_note"]) else ""
    return f"{row['estimate']:.1f} ({row['conf_low']:.1f} to {row['conf_high']:.1f}){star}"


def share(row: Record) -> str:
    """A share with its interval and what it rests on."""
    if math.isnan(row["estimate"]):
        return f"? ({row['reason']})"
    star = "*" if falls_short(row["coverage_note"]) else ""
    return (f"{row['estimate']:.2f} ({row['conf_low']:.2f} to {row['conf_high']:.2f}){star}, "
            f"{counted(round(row['n_clips']), 'event')}, "
            f"{counted(round(row['n_subjects']), 'subject')}")  # fmt: skip


def p_text(value: float) -> str:
    """An adjusted p-value."""
    if math.isnan(value):
        return ""
    return ", p < 0.001 (Holm)" if value < 0.001 else f", p = {value:.3f} (Holm)"
