"""What else could be said about a shifts table, and the columns it would take."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from mebias import tables
from mebias.quantification.blind import JUDGE


def more_with(shifts: pd.DataFrame) -> list[str]:
    """One sentence for each thing that further columns or rows would make possible.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts.

    Returns
    -------
    list of str
        Empty where nothing is lacking.

    Examples
    --------
    >>> from mebias.quantification.checks import checked_shifts
    >>> rows = [
    ...     {"clip": f"c{i}", "subject": f"s{i}", "keyframe": "onset", "human": 9, "selected": 10,
    ...      "fps": 100} for i in range(3)
    ... ]
    >>> more_with(checked_shifts(pd.DataFrame(rows)))[0]
    'ethnicity: contrasts between groups.'
    """
    return list(_lacking(shifts))


def _lacking(shifts: pd.DataFrame) -> Iterator[str]:
    groups = set(shifts["ethnicity"]) - {tables.ALL, tables.UNKNOWN}
    if not groups:
        yield "ethnicity: contrasts between groups."
    if (shifts["emotion"] == "").all():
        yield "emotion: contrasts between groups with the emotion being equal."
    if not (set(shifts["expression_type"]) - {""}):
        yield "expression_type (micro, macro): both apart."
    missing = [k for k in tables.KEYFRAMES if k not in set(shifts["keyframe"])]
    if missing:
        yield (
            f"rows of {' and '.join(missing)}: rise, fall and duration, overlap, and which "
            f"clips change between micro and macro."
        )
    versions = shifts["selected_status"].isin(tables.HUMAN_STATUS).any()
    if not versions and shifts[["window_low", "window_high"]].isna().any(axis=1).all():
        yield (
            "window_low, window_high: what a frame drawn at random would give, which labels "
            "could not move, shifts as a share of the window."
        )
    if shifts["lead_frames"].isna().all() or shifts["tail_frames"].isna().all():
        yield "lead_frames, tail_frames: whether clips are cut at their labels."
    if not versions and not (shifts["source"] == JUDGE).any():
        yield (
            f"rows with source {JUDGE}, selected_mean and selected_sd (reselect --rule {JUDGE}): "
            f"annotation error relative to a model of the movement, the coders' spread, clips to "
            f"look at again; with the frames at hand, report adds what a rule would do to labels "
            f"without error or without bias."
        )
    if (shifts["coder"] == "").all():
        yield "coder: several coders of the same clips."
