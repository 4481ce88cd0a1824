"""Times in ms, or a wrong frame rate, where frames are expected."""

from __future__ import annotations

import numpy as np

from mebias import tables
from mebias.audit.labels import Labels, Row
from mebias.errors import per_cent

_LONG_MS = 600.0
_IMPLAUSIBLE_MS = 5000.0
_PLAUSIBLE_MS = (40.0, 5000.0)
_FEWEST = 10


def multiples(values: np.ndarray, period: np.ndarray) -> tuple[float, float]:
    """Share of numbers that are whole periods of a frame (rounded to ms), and by chance.

    Parameters
    ----------
    values, period : ndarray, shape (n,)
        Numbers as written, and ms per frame; a period of 2 ms or less tells nothing.

    Examples
    --------
    >>> multiples(np.array([0.0, 33, 67, 100]), np.full(4, 1000 / 30))
    (1.0, 0.03)
    """
    nearest = np.floor(np.round(values / period) * period + 0.5)
    found = np.abs(values - nearest) < 0.5
    return float(found.mean()), float(np.mean(1 / period))


def unit_issues(labels: Labels) -> list[Row]:
    """One warning where the labels look like times in ms."""
    period, duration = labels.column("period"), labels.column("duration")
    there = np.isfinite(duration)
    if there.sum() < _FEWEST:
        return []
    values = np.concatenate([labels.column(k) for k in tables.KEYFRAMES])
    periods = np.tile(period, len(tables.KEYFRAMES))
    told = np.isfinite(values) & (periods > 2)
    as_frames = float(np.median((duration * period)[there]))
    as_ms = float(np.median(duration[there]))
    whole, chance = multiples(values[told], periods[told]) if told.any() else (0.0, 1.0)
    on_grid = whole > 0.98 and chance <= 0.5 and as_frames > _LONG_MS
    too_long = as_frames > _IMPLAUSIBLE_MS and _PLAUSIBLE_MS[0] <= as_ms <= _PLAUSIBLE_MS[1]
    if not (on_grid or too_long):
        return []
    grid = (
        f"; {per_cent(whole)} of the labels are whole frame periods in ms "
        f"({per_cent(chance)} by chance)"
        if told.any()
        else ""
    )
    return [
        labels.row(
            "warning",
            "units",
            f"the labels look like times in ms, or the frame rate is wrong: read as frames, half "
            f"of the expressions last longer than {as_frames / 1000:.1f} s, read as ms, "
            f"{as_ms:.0f} ms{grid}. Convert them, or give --fps.",
            field="frame",
            found=f"median duration {as_ms:.0f}",
            expected="frame numbers",
            cell=labels.cell(0, *tables.KEYFRAMES),
        )
    ]
