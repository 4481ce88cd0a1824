"""What a dataset could find: the smallest contrast, the power curve, the subjects needed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from mebias import tables
from mebias.errors import OptionError, counted
from mebias.quantification.checks import checked_shifts
from mebias.quantification.comparison import SPREAD_RATIO
from mebias.quantification.designs import (
    MOST_SUBJECTS,
    Design,
    fitted_design,
    log_error,
    power_at,
    smallest_shift,
    subjects_needed,
)
from mebias.quantification.sides import Primary, check_margin, primaries

Row = dict[str, object]
FAMILY_SIZE = len(tables.KEYFRAMES)
_GRID = 12
METHOD = (
    "noncentral t of the CR2 test with Satterthwaite df; variance components by REML, the same "
    "on both sides; interval: delete-one-subject jackknife of the log standard error"
)


def power_table(
    shifts: pd.DataFrame,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    family_size: int = FAMILY_SIZE,
    shifts_ms: Sequence[float] | None = None,
    min_subjects: int = 5,
    conf_level: float = 0.95,
    margin_ms: float | None = None,
) -> pd.DataFrame:
    """What the design of each dataset can find of its primary contrast.

    The design is taken as it is: its subjects, their usable clips, their sides and the
    spread of their shifts; contrasts are shifts of all clips of one side.

    Parameters
    ----------
    shifts : DataFrame
        A shifts table.
    power : float
        Power asked for.
    alpha : float
        Level of the family.
    family_size : int
        Hypotheses of the family: each is taken at alpha / family_size, the level at which
        Holm's adjustment finds it whatever the others show.
    shifts_ms : sequence of float, optional
        Contrasts (ms) of the power curve; by default 13 from 0 to twice the smallest one
        that is found.
    min_subjects : int
        Sides with fewer subjects are not tested, so that nothing is found.
    conf_level : float
        Level of the intervals, which carry the uncertainty of the spread alone.
    margin_ms : float, optional
        Contrast for which the subjects needed are told; by default the larger of one frame
        and 10 ms.

    Returns
    -------
    DataFrame
        A power table. Per dataset and keyframe: ``smallest_shift``, whose interval is of
        ``shift_ms``; ``power`` at each contrast of the curve, interval of ``power``;
        ``subjects_needed`` for the margin at the same shares of groups and clips per
        subject, interval of ``n_subjects``.

    Raises
    ------
    TableError, OptionError
        The table or an option cannot be used.

    Notes
    -----
    The tests of a dataset take the larger p-value of CR2 and the permutation of subjects
    where a side has fewer than 8 subjects or the spreads differ. Simulated (normal shifts,
    12 of 24, 7 of 29 and 4 of 20 subjects) that costs 0 to 3 points where this table says 80 %.

    Examples
    --------
    >>> import mebias
    >>> table = power_table(mebias.example(), min_subjects=4)
    >>> table.groupby("keyframe")["quantity"].nunique().tolist()
    [3, 3, 3]
    """
    _check(power, alpha, family_size, shifts_ms)
    check_margin(margin_ms)
    asked = _Asked(power, alpha / family_size, shifts_ms, min_subjects, conf_level)
    rows = [
        row
        for primary in primaries(checked_shifts(shifts), margin_ms)
        for keyframe in tables.KEYFRAMES
        for row in _of_keyframe(primary, keyframe, asked)
    ]
    return tables.from_rows(rows, "power")


@dataclass(frozen=True)
class _Asked:
    power: float
    alpha: float
    shifts_ms: Sequence[float] | None
    min_subjects: int
    conf_level: float


def _check(power: float, alpha: float, family_size: int, shifts_ms: Sequence[float] | None) -> None:
    if not 0 < alpha < 1:
        raise OptionError(f"alpha is {alpha}; expected a level between 0 and 1.")
    if family_size < 1:
        raise OptionError(f"family_size is {family_size}; expected 1 or more.")
    if not alpha < power < 1:
        raise OptionError(f"power is {power}; expected a share between alpha ({alpha}) and 1.")
    if shifts_ms is not None and not np.isfinite(np.asarray(shifts_ms, dtype=float)).all():
        raise OptionError("shifts_ms holds a value that is not finite; expected lengths in ms.")


def _of_keyframe(primary: Primary, keyframe: str, asked: _Asked) -> Iterator[Row]:
    own = primary.stated[primary.stated["keyframe"] == keyframe]
    values, subjects = own["shift_ms"].to_numpy(dtype=float), own["subject"].to_numpy(dtype=str)
    first = own["ethnicity"].to_numpy() == (primary.groups[0] if primary.groups else "")
    counts = [len(set(subjects[first])), len(set(subjects[~first]))]
    place = primary.place | {
        "contrast": primary.name,
        "keyframe": keyframe,
        "alpha": asked.alpha,
        "conf_level": asked.conf_level,
        "margin": primary.margin_ms,
        "method": METHOD,
        "n_clips": len(own.drop_duplicates(["subject", "clip"])),
    }
    reason = _reason(primary, counts, values, asked.min_subjects)
    design = None
    if not reason:
        design, log_errors = fitted_design(values, subjects, first)
        if not np.isfinite(log_error(design)):
            reason = "the shifts of each side have no spread"
    if reason or design is None:
        blank = place | {"n_subjects": sum(counts), "group_sizes": _sizes(primary, *counts)}
        yield blank | {"quantity": "smallest_shift", "power": asked.power, "reason": reason}
        return
    place |= {
        "sd_between_ms": design.sd_between,
        "sd_within_ms": design.sd_within,
        "note": _note(own, values, first, smallest_shift(design, asked.power, asked.alpha)),
    }
    factors = _factors(log_errors, asked.conf_level)
    for row in _rows(design, factors, primary, asked):
        yield place | row


def _reason(primary: Primary, counts: list[int], values: np.ndarray, min_subjects: int) -> str:
    if not primary.name:
        stated = f"one group ({primary.groups[0]})" if primary.groups else "no stated group"
        return f"{stated}: there is no contrast within this dataset"
    for name, count in zip((primary.groups[0], "the others"), counts, strict=True):
        if count < max(2, min_subjects):
            told = counted(count, "subject")
            return f"{name}: {told} with a usable label, {min_subjects} needed"
    return f"all {len(values)} shifts are equal" if np.ptp(values) == 0 else ""


def _sizes(primary: Primary, first: float, others: float) -> str:
    if not primary.name:
        return ""
    return f"{primary.groups[0]} {first:.0f}, others {others:.0f}"


def _factors(log_errors: np.ndarray, conf_level: float) -> tuple[float, float]:
    """What the standard error may be divided and multiplied by; NaN where that is unknown."""
    g = len(log_errors)
    if g < 4 or not np.isfinite(log_errors).all():
        return math.nan, math.nan
    error = math.sqrt((g - 1) / g * float(((log_errors - log_errors.mean()) ** 2).sum()))
    factor = math.exp(float(special.stdtrit(g - 2, (1 + conf_level) / 2)) * error)
    return 1 / factor, factor


def _rows(
    design: Design, factors: tuple[float, float], primary: Primary, asked: _Asked
) -> Iterator[Row]:
    """Smallest shift, power curve, subjects needed; each with the bounds the spread leaves."""
    low, high = (
        Design(design.sizes, design.first, f * design.sd_between, f * design.sd_within)
        for f in factors
    )
    told = math.isfinite(factors[0])
    first, others = float(design.first.sum()), float((~design.first).sum())
    here = {"n_subjects": first + others, "group_sizes": _sizes(primary, first, others)}
    smallest = smallest_shift(design, asked.power, asked.alpha)
    yield here | {
        "quantity": "smallest_shift",
        "shift_ms": smallest,
        "power": asked.power,
        "conf_low": smallest * factors[0],
        "conf_high": smallest * factors[1],
    }
    asked_for = asked.shifts_ms
    grid = np.linspace(0, 2 * smallest, _GRID + 1) if asked_for is None else np.array(asked_for)
    bounds = [power_at(d, grid, asked.alpha) if told else grid + math.nan for d in (high, low)]
    curve = power_at(design, grid, asked.alpha)
    for shift, value, at_low, at_high in zip(grid, curve, *bounds, strict=True):
        bound = {"conf_low": at_low, "conf_high": at_high}
        yield here | {"quantity": "power", "shift_ms": shift, "power": value} | bound
    needed = [
        subjects_needed(d, primary.margin_ms, power=asked.power, alpha=asked.alpha,
                        min_subjects=asked.min_subjects) if d is design or told else math.nan
        for d in (design, low, high)
    ]  # fmt: skip
    sizes = [needed[0] * n / (first + others) for n in (first, others)]
    yield {
        "quantity": "subjects_needed",
        "shift_ms": primary.margin_ms,
        "power": asked.power,
        "n_subjects": needed[0],
        "n_clips": math.nan,
        "conf_low": needed[1],
        "conf_high": needed[2],
        "group_sizes": "" if math.isnan(needed[0]) else f"about {_sizes(primary, *sizes)}",
        "reason": f"more than {MOST_SUBJECTS} subjects" if math.isnan(needed[0]) else "",
    }


def _note(own: pd.DataFrame, values: np.ndarray, first: np.ndarray, smallest: float) -> str:
    """What the windows and the spreads of the sides make of the smallest shift."""
    notes = []
    freedom = own["freedom"] * 1000.0 / own["fps"]
    reach = float(freedom.mean()) if freedom.notna().all() else math.inf
    if smallest > reach:
        notes.append(
            f"the windows are {reach:.1f} ms long on average: no contrast of {smallest:.1f} ms can "
            f"show in them"
        )
    spreads = [float(np.std(values[side], ddof=1)) for side in (first, ~first)]
    ratio = max(spreads) / min(spreads) if min(spreads) > 0 else math.inf
    if ratio > SPREAD_RATIO:
        notes.append(f"the SDs of the sides differ by a factor of {ratio:.1f}, taken as equal")
    return "; ".join(notes)
