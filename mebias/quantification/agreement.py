"""Agreement of two arms, human and selected or two label versions: one tidy table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import pandas as pd

from mebias import tables
from mebias.quantification.agreement_cell import AgreementCell
from mebias.quantification.agreement_issues import WINDOWED, agreement_issues
from mebias.quantification.cells import Part, Row, by_keyframe, cells, part_of
from mebias.quantification.checks import usable
from mebias.quantification.clustered import quantile
from mebias.quantification.coefficients import PHASES, coefficients
from mebias.quantification.interval import Interval
from mebias.quantification.intervals_overlap import (
    FRAMES,
    HALF,
    MICRO_DURATION_MS,
    MICRO_RISE_MS,
    is_micro,
    lengths,
    overlap,
    paired_keyframes,
)
from mebias.quantification.limits import far_from_normal, limits_of_agreement, no_limits
from mebias.quantification.resampling import bootstrap_intervals
from mebias.quantification.robust import in_both_units
from mebias.quantification.spread import mad_interval

ONE_FRAME_AT_30_FPS_MS = 1000 / 30
"""What ``share_within_33_ms`` means: one frame of a 30 fps video counts as within."""
WITHIN_FRAMES = (0, 1, 2)
TAILS = (0.05, 0.95)
N_DRAWS = 999
"""Bootstrap draws of subjects behind each interval of a quantile."""
_ROUNDING = 1e-9
_Quantiles = tuple[list[Interval], list[Interval]]
_NUMBERS = ("shift_frames", "shift_ms", "freedom", "fps", "human", "human_low", "human_high",
            "window_low", "window_high")  # fmt: skip


def agreement_estimates(
    shifts: pd.DataFrame,
    *,
    strata: bool = True,
    conf_level: float = 0.95,
    seed: int = 0,
    micro_duration_ms: float = MICRO_DURATION_MS,
    micro_rise_ms: float = MICRO_RISE_MS,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Estimate how two arms agree, per dataset, group, source and keyframe.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts (`mebias.quantification.checks.checked_shifts`).
    strata : bool
        Macro- and micro-expressions apart too, where the table tells them apart.
    conf_level : float
        Level of every interval.
    seed : int
        Seed of the bootstrap behind the intervals of quantiles.
    micro_duration_ms, micro_rise_ms : float
        Longest duration, and longest rise, of a micro-expression (ms).

    Returns
    -------
    estimates : DataFrame
        An estimates table. Per keyframe:

        - ``limit_low``, ``limit_high`` (ms, frames): 95 % limits of agreement; NaN with the
          reason for shifts that windows bound. For these, and beside limits of differences
          that are far from normal, ``quantile_05``, ``quantile_95``;
        - ``mad_between_subjects`` (ms, frames);
        - ``share_within_0_frames``, ``_1_``, ``_2_`` and ``share_within_33_ms``;
        - where windows are known, ``share_truncated``, and ``window_reach_low``,
          ``window_reach_high`` (ms, frames): means of the earliest and of the latest shift
          that a clip's window allows;
        - ``ccc``, ``icc_a1``, ``icc_c1`` of frame numbers: refused, with the reason.

        Per clip, with an empty keyframe (p is rise, fall, duration; arms human, selected):

        - ``ccc_p``, ``icc_a1_p``, ``icc_c1_p``;
        - ``mean_difference_p``: selected - human (ms, frames); ``mean_p_human``,
          ``mean_p_selected``;
        - ``mean_iou``, ``share_iou_half``;
        - ``share_micro_human``, ``share_micro_selected``, ``share_status_changed`` by
          duration; with ``_by_rise`` by rise.
    issues : DataFrame
        Which limits are quantiles and why, what is far from normal, what was left out.

    Examples
    --------
    >>> import mebias
    >>> from mebias.quantification.checks import checked_shifts
    >>> found, issues = agreement_estimates(checked_shifts(mebias.example()))
    >>> found.query("quantity == 'share_iou_half'")["n_clips"].head(1).item() > 0
    True
    """
    there = part_of(shifts, _NUMBERS).cut(usable(shifts).to_numpy())
    found = [
        ({**place, "keyframe": keyframe}, own, _shape(own))
        for place, part in cells(there, strata)
        for keyframe, own in by_keyframe(part)
    ]
    quantiles = iter(_quantiles([own for _, own, shape in found if shape], conf_level, seed))
    rows: list[Row] = []
    for here, own, shape in found:
        cell = AgreementCell(own, conf_level)
        of_tails = next(quantiles) if shape else None
        rows += [{**here, **row} for row in _of_keyframe(cell, own, shape, of_tails)]
    pairs = paired_keyframes(shifts)
    longest = {"duration": micro_duration_ms, "rise": micro_rise_ms}
    for place, part in cells(part_of(pairs, ["fps", *FRAMES]), strata):
        cell = AgreementCell(part, conf_level)
        rows += [{**place, "keyframe": "", **row} for row in _of_clips(cell, part, longest)]
    return tables.from_rows(rows, "estimates"), agreement_issues(
        pairs, [{**here, "shape": shape} for here, _, shape in found]
    )


def _shape(own: Part) -> str:
    """What stands against normal limits: windows, or skewness and tails; empty: nothing."""
    if np.isfinite(own["freedom"]).any():
        return WINDOWED
    return far_from_normal(own["shift_frames"])


def _quantiles(parts: Sequence[Part], conf_level: float, seed: int) -> list[_Quantiles]:
    """The quantiles of the shifts of several keyframes, in ms and in frames."""
    intervals = partial(
        bootstrap_intervals,
        statistics=[quantile(tail) for tail in TAILS],
        conf_level=conf_level,
        n_draws=N_DRAWS,
        seed=seed,
    )
    return in_both_units(parts, intervals)


def _of_keyframe(
    cell: AgreementCell, own: Part, shape: str, quantiles: _Quantiles | None
) -> Iterator[Row]:
    """All quantities of one keyframe of one group."""
    frames, level = own["shift_frames"], cell.conf_level
    limits = partial(limits_of_agreement, conf_level=level)
    if shape == WINDOWED:
        limits = partial(no_limits, conf_level=level)
    yield from cell.both_units(["limit_low", "limit_high"], frames, limits, ["subject"] * 2)
    every = np.ones(len(own), dtype=bool)
    for unit, of_unit in zip(("ms", "frames"), quantiles or (), strict=False):
        for tail, interval in zip(TAILS, of_unit, strict=True):
            yield cell.row(f"quantile_{100 * tail:02.0f}", unit, interval, every, "clip")
    yield from cell.both_units(
        ["mad_between_subjects"], frames, lambda x, s: [mad_interval(x, s, level)], ["clip"]
    )
    for k in WITHIN_FRAMES:
        yield cell.share(f"share_within_{k}_frames", np.abs(frames) <= k + _ROUNDING, every)
    within = np.abs(frames) * cell.ms_per_frame <= ONE_FRAME_AT_30_FPS_MS + _ROUNDING
    yield cell.share("share_within_33_ms", within, every)
    if shape == WINDOWED:
        truncated = own.holds("selected_status", "truncated")
        yield cell.share("share_truncated", truncated, np.isfinite(own["freedom"]))
        for side in ("low", "high"):
            reach = _reach(own, side)
            yield from cell.means_in_both_units(f"window_reach_{side}", reach, ("subject",))
    keyframe = own.first("keyframe")
    refused = coefficients(frames, frames, cell.subjects, of=keyframe, conf_level=level)
    for name, found in refused.items():
        yield cell.row(name, "coefficient", found, every, "clip")


def _reach(own: Part, side: str) -> np.ndarray:
    """The earliest (low) or latest (high) shift that each window allows, in frames."""
    bound, human, low, high = (
        own[column] for column in (f"window_{side}", "human", "human_low", "human_high")
    )
    low, high = (np.where(np.isnan(end), human, end) for end in (low, high))
    return np.asarray(bound - np.clip(bound, low, high))


def _of_clips(cell: AgreementCell, pairs: Part, longest: dict[str, float]) -> Iterator[Row]:
    """All quantities of whole clips of one group."""
    for phase in PHASES:
        human, selected, _ = lengths(pairs, phase)
        where = np.isfinite(human)
        if not where.any():
            continue
        found = coefficients(
            (human * cell.ms_per_frame)[where],
            (selected * cell.ms_per_frame)[where],
            cell.subjects[where],
            of=phase,
            conf_level=cell.conf_level,
        )
        for name, interval in found.items():
            yield cell.row(f"{name}_{phase}", "coefficient", interval, where, "clip")
        yield from cell.means_in_both_units(f"mean_difference_{phase}", selected - human)
        for arm, own in (("human", human), ("selected", selected)):
            yield from cell.means_in_both_units(f"mean_{phase}_{arm}", own, ("subject",))
        if phase in longest:
            end = "" if phase == "duration" else f"_by_{phase}"
            yield from _micro(cell, human, selected, longest[phase], end)
    yield from _overlaps(cell, pairs)


def _micro(
    cell: AgreementCell, human: np.ndarray, selected: np.ndarray, longest_ms: float, end: str
) -> Iterator[Row]:
    where = np.isfinite(human)
    by_human, by_selected = (
        is_micro(frames * cell.ms_per_frame, longest_ms) for frames in (human, selected)
    )
    yield cell.share(f"share_micro_human{end}", by_human, where)
    yield cell.share(f"share_micro_selected{end}", by_selected, where)
    yield cell.share(f"share_status_changed{end}", by_human != by_selected, where)


def _overlaps(cell: AgreementCell, pairs: Part) -> Iterator[Row]:
    where = np.isfinite(lengths(pairs, "duration")[0])
    if not where.any():
        return
    ends = [
        pairs[f"{arm}_{keyframe}"]
        for arm in ("human", "selected")
        for keyframe in ("onset", "offset")
    ]
    iou = np.where(where, overlap(*ends), np.nan)
    yield from cell.means("mean_iou", "share", iou)
    yield cell.share("share_iou_half", iou >= HALF, where)
