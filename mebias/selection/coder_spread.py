"""The coders' spread that a null assumes: given, or estimated with its error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mebias import tables
from mebias.errors import OptionError, TableError


@dataclass(frozen=True)
class Spread:
    """SD of the annotation error per keyframe (ms), its standard error, and why it is not known.

    An error of NaN means that the SD is taken as known.
    """

    sd: tuple[float, float, float]
    error: tuple[float, float, float] = (np.nan, np.nan, np.nan)
    reason: str = ""


def coder_spread(given: Sequence[float] | pd.DataFrame) -> Spread:
    """The spread from three numbers, or from an estimates table.

    Parameters
    ----------
    given : sequence of 3 floats, or DataFrame
        Standard deviations (ms) at onset, apex and offset, taken as known; or an estimates
        table, of which the rows ``coder_sd`` of the whole dataset in ms count.

    Raises
    ------
    OptionError
        Not three numbers of 0 or more.
    TableError
        A table without exactly one such row per keyframe.

    Examples
    --------
    >>> coder_spread((12, 12, 22)).sd
    (12.0, 12.0, 22.0)
    """
    if isinstance(given, pd.DataFrame):
        return _spread_of(given)
    try:
        onset, apex, offset = (float(value) for value in given)
    except (TypeError, ValueError):
        onset = apex = offset = np.nan
    if not all(0 <= value < np.inf for value in (onset, apex, offset)):
        raise OptionError(
            f"coder_sd_ms is {given!r}; expected three numbers in ms of 0 or more (onset, apex, "
            f"offset)."
        )
    return Spread((onset, apex, offset))


def _spread_of(table: pd.DataFrame) -> Spread:
    """The coders' SD from an estimates table: its rows on the whole dataset."""
    rows = tables.conform(table, "estimates")
    rows = rows[
        (rows["quantity"] == "coder_sd")
        & ~rows["source"].str.startswith("motion-blind:")  # of another definition
        & (rows["unit"] == "ms")
        & (rows["ethnicity"] == tables.ALL)
    ]
    found = []
    for keyframe in tables.KEYFRAMES:
        own = rows[rows["keyframe"] == keyframe]
        if len(own) != 1:
            raise TableError(
                f"the table of the coders' SD has {len(own)} rows for the {keyframe} of the whole "
                f"dataset; expected one row with the quantity coder_sd, in ms, per keyframe."
            )
        found.append(own.iloc[0])
    sd = tuple(float(row["estimate"]) for row in found)
    error = tuple(float(row["std_error"]) for row in found)
    unknown = [str(row["keyframe"]) for row in found if not np.isfinite(row["estimate"])]
    # Of an SD that is known from few subjects, nobody knows how well.
    unsure = [str(row["keyframe"]) for row in found if not np.isfinite(row["std_error"])]
    lacking = ("SD", unknown) if unknown else ("error of the SD", unsure)
    reason = f"the {lacking[0]} of the coders' {' and '.join(lacking[1])} is not known"
    return Spread(sd, error, reason if lacking[1] else "")  # type: ignore[arg-type]
