"""Corrections that a second look calls for, as rows for ``--errata``."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mebias import tables
from mebias.datasets.errata import COLUMNS
from mebias.errors import counted, listed


def corrections(
    labels: pd.DataFrame, looked: pd.DataFrame, version: str = ""
) -> tuple[pd.DataFrame, list[str]]:
    """Labels that the second look puts beyond the tolerance, old and new.

    Where a clip's corrected and uncorrected labels together would be out of order, all that the
    second look marked in it are corrected. A label cut off at the end of a clip is not
    corrected to that end: there the keyframe cannot be seen.

    Parameters
    ----------
    labels : DataFrame
        A table ``relabeled``.
    looked : DataFrame
        A table ``second_look``: who looked.
    version : str
        Version of the labels.

    Returns
    -------
    DataFrame
        ``clip, keyframe, old, new, reason, source, version``, all text.
    list of str
        What could not be corrected so.
    """
    rows: list[dict[str, str]] = []
    left: list[str] = []
    several: list[str] = []
    whose = looked.groupby("item")["coder"].agg(lambda names: ", ".join(sorted(set(names))))
    for clip, own in labels[labels["new"].notna()].groupby("clip", sort=True):
        wrong = own[own["move_ms"].abs() > own["tolerance_ms"] + 1e-9]
        if wrong.empty:
            continue
        if own.duplicated("keyframe").any():
            several.append(str(clip))
            continue
        changed, whole = set(wrong["keyframe"]), labels[labels["clip"] == clip]
        if not _in_order(whole, changed):
            changed = set(own["keyframe"])
            if not _in_order(whole, changed):
                left.append(str(clip))
                continue
        for row in own[own["keyframe"].isin(changed)].to_dict("records"):
            new = round(float(row["new"]))
            if new == row["old"]:
                continue
            by = round(float(row["move_ms"]))
            way = "later" if by > 0 else "earlier"
            rows.append(
                {
                    "clip": str(clip),
                    "keyframe": str(row["keyframe"]),
                    "old": f"{row['old']:.0f}",
                    "new": str(new),
                    "reason": f"a second look, blind to the label, is {abs(by)} ms {way}",
                    "source": f"packet {row['packet']}, {whose.get(row['item'], '')}",
                    "version": version,
                }
            )
    noticed = []
    if several:
        noticed.append(
            f"{counted(len(several), 'clip was', 'clips were')} labeled several times, and "
            f"corrections name no coder: none are written for {listed(several)}."
        )
    if left:
        noticed.append(
            f"in {counted(len(left), 'clip')} corrected labels would be out of order with those "
            f"that the second look left open: none are written for {listed(left)}."
        )
    return pd.DataFrame(rows, columns=[*COLUMNS, "version"], dtype=str), noticed


def _in_order(own: pd.DataFrame, changed: set[str]) -> bool:
    """Whether a clip's labels are in order once these are changed."""
    new, old = (dict(zip(own["keyframe"], own[c], strict=True)) for c in ("new", "old"))
    frames = [
        float(np.round(new[k] if k in changed else old[k])) for k in tables.KEYFRAMES if k in old
    ]
    there = [frame for frame in frames if not np.isnan(frame)]
    return there == sorted(there)
