"""Durations and rises outside of what the authors admit, and durations far from all others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mebias.audit.labels import Labels, Row, places
from mebias.audit.robust import far_above
from mebias.errors import counted, listed, per_cent

_MANY = 10


@dataclass(frozen=True)
class _Limit:
    """A limit of an inclusion rule: on what, how far (ms), and on which side it lies."""

    column: str
    limit: float
    longest: bool

    @property
    def words(self) -> str:
        return f"{'at most' if self.longest else 'at least'} {self.limit:g} ms"


def duration_issues(labels: Labels) -> list[Row]:
    """Durations and rises against the manifest's inclusion rule, then against each other."""
    rule = labels.manifest.inclusion
    given = (
        ("duration", rule.max_duration_ms, True),
        ("rise", rule.max_rise_ms, True),
        ("duration", rule.min_duration_ms, False),
    )
    limits = [_Limit(name, value, long) for name, value, long in given if value is not None]
    rows = [row for limit in limits for row in _against(labels, limit)]
    if not any(limit.longest and limit.column == "duration" for limit in limits):
        rows += _outliers(labels)
    return rows if limits else [*rows, *_no_rule(labels)]


def _admitted(labels: Labels) -> np.ndarray:
    """Expressions of the types that the rule is about; all where the table has no types."""
    types = [t.casefold() for t in labels.manifest.inclusion.types]
    found = labels.table["expression_type"].str.casefold()
    if not types or (found == "").all():
        return np.ones(len(found), dtype=bool)
    return np.asarray(found.isin(types))


def _against(labels: Labels, limit: _Limit) -> list[Row]:
    frames, period = labels.column(limit.column), labels.column("period")
    excess = (frames * period - limit.limit) * (1 if limit.longest else -1)
    # NaN compares false: missing and disordered labels drop out here.
    over = (excess > 1e-6) & _admitted(labels)
    if not limit.longest:
        over &= labels.texts("onset_status") != "censored"
    beyond = over & (excess > period + 1e-6)
    rows = [_outside(labels, limit, place) for place in places(beyond)]
    looked = int(np.sum(_admitted(labels) & ~np.isnan(frames)))
    if len(rows) > _MANY:
        rows.append(_summary(labels, limit, len(rows), looked))
    if (over & ~beyond).any():
        rows.append(_rounding(labels, limit, over & ~beyond))
    return rows


def _lasts(labels: Labels, column: str, place: int) -> str:
    frames, period = labels.column(column)[place], labels.column("period")[place]
    return f"{frames:.0f} frames, {frames * period:.0f} ms at {1000 / period:g} fps"


def _outside(labels: Labels, limit: _Limit, place: int) -> Row:
    ends = ("onset", "offset") if limit.column == "duration" else ("onset", "apex")
    return labels.row(
        "warning",
        "duration",
        f"{labels.name(place)}: its {limit.column} is {_lasts(labels, limit.column, place)}; the "
        f"authors' rule is {limit.words}, and it is missed by more than one frame "
        f"({labels.column('period')[place]:.1f} ms).",
        place,
        field=limit.column,
        found=_lasts(labels, limit.column, place),
        expected=limit.words,
        cell=labels.cell(place, *ends),
    )


def _summary(labels: Labels, limit: _Limit, count: int, looked: int) -> Row:
    share = count / looked
    doubt = " So many suggest that the rule was applied otherwise." if share > 0.1 else ""
    return labels.row(
        "note",
        "duration",
        f"{count} of {looked} expressions ({per_cent(share)}) have a {limit.column} that is not "
        f"{limit.words}, by more than one frame.{doubt}",
        field=limit.column,
        found=count,
        expected=limit.words,
    )


def _rounding(labels: Labels, limit: _Limit, within: np.ndarray) -> Row:
    names = [labels.name(place) for place in places(within)]
    periods = labels.column("period")[within]
    frame = f"{periods.min():.1f}" + (
        f" to {periods.max():.1f}" if periods.max() > periods.min() else ""
    )
    return labels.row(
        "note",
        "duration",
        f"{counted(len(names), 'expression has', 'expressions have')} a {limit.column} that "
        f"misses {limit.words} by one frame or less (a frame lasts {frame} ms), which rounding to "
        f"frames explains: {listed(names)}.",
        field=limit.column,
        found=len(names),
        expected=limit.words,
    )


def _outliers(labels: Labels) -> list[Row]:
    """Durations far above the others of their type."""
    milliseconds = labels.column("duration") * labels.column("period")
    types = labels.texts("expression_type")
    rows = []
    for kind in dict.fromkeys(types):
        part = np.where(types == kind, milliseconds, np.nan)
        middle = np.nanmedian(part) if np.isfinite(part).any() else np.nan
        of_kind = f" of the {kind}-expressions" if kind in ("micro", "macro") else ""
        for place in places(far_above(part)):
            rows.append(
                labels.row(
                    "warning",
                    "duration",
                    f"{labels.name(place)}: it lasts {_lasts(labels, 'duration', place)}; the "
                    f"median{of_kind} is {middle:.0f} ms, and it stands far apart from the rest.",
                    place,
                    field="duration",
                    found=_lasts(labels, "duration", place),
                    expected=f"about {middle:.0f} ms",
                    cell=labels.cell(place, "onset", "offset"),
                )
            )
    return rows


def _no_rule(labels: Labels) -> list[Row]:
    milliseconds = labels.column("duration") * labels.column("period")
    if not np.isfinite(milliseconds).any():
        return []
    names = labels.texts("clip").astype(str)
    order = np.lexsort((names, -np.nan_to_num(milliseconds, nan=-1.0)))[:3]
    longest = listed(
        f"{labels.name(int(place))} ({milliseconds[place]:.0f} ms)"
        for place in order
        if np.isfinite(milliseconds[place])
    )
    return [
        labels.row(
            "note",
            "duration",
            f"No source at hand states how long an expression of {labels.manifest.name} may last, "
            f"so no limit is checked; the median is {np.nanmedian(milliseconds):.0f} ms, the "
            f"longest are {longest}.",
            field="duration",
            found=longest,
            expected="a limit in the manifest ([inclusion])",
        )
    ]
