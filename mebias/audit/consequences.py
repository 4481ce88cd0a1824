"""What the rest of mebias does about each kind of finding."""

from __future__ import annotations

import pandas as pd

from mebias import tables

SEVERITIES = ("error", "warning", "note")

CONSEQUENCES = {
    "order": "keyframes that cannot stand are invalid: no rule starts from them, no comparison "
    "holds them; the clip stays",
    "phase": "kept: the phase counts with 0 frames, and its window leaves no room there",
    "censored": "these onsets count as censored, not as labels; no error is computed for them",
    "missing": "a missing keyframe is left out of every comparison; it is never filled in",
    "duration": "kept: nothing is left out for its length; medians stand beside means",
    "duplicate": "kept: both rows count, so this movement weighs twice",
    "overlap": "kept: each is re-selected in its own window, which may hold the other's frames",
    "blink": "kept: the eyes may decide which frames differ most; --mask eyes blanks them",
    "frames": "clips without frames are not re-selected; a label between frames on disk uses "
    "the nearest one",
    "cut": "no rule can move an onset earlier or an offset later than the frames on disk: such "
    "windows are truncated; --context gives them room",
    "gaps": "candidates are the frames that exist; frame numbers, not their count, give the time",
    "counts": "none: what is there is used; check that your copy is complete",
    "names": "the emotion in the table is used, not the one in the name",
    "spelling": "values that are written differently count as different",
    "edits": "none: the table is used as it stands; compare both with report --versions",
    "digits": "kept: a preference for round numbers adds to the error of labels, in no direction",
    "subjects": "kept: intervals and tests take subjects as the unit, so that one cannot decide",
    "coders": "kept: coders are not pooled in silence; their column goes through every table",
    "units": "read as frames: every duration, window and shift is wrong if they are times",
    "cropping": "images are used as they are where no box is known",
    "base": "kept; such a frame is not on disk",
    "rounding": "the nearest whole frame is used",
    "apex": "no apex is made up: nothing is said about it",
    "version": "what was read is named in the provenance of every result",
    "layout": "the rest of the table is used as it stands",
    "ethnicity": "subjects without a group are in no comparison of groups",
    "errata": "applied only with --errata, and counted in every report",
}
"""By the name of the check, in words."""


def consequence_of(check: str) -> str:
    """What mebias does about a kind of finding; blank for an unknown one."""
    return CONSEQUENCES.get(check, "")


def consequences(issues: pd.DataFrame) -> pd.DataFrame:
    """Per check, how many findings there are and what the rest of mebias does about them.

    Parameters
    ----------
    issues : DataFrame
        An issues table, as declared in `mebias.tables`.

    Returns
    -------
    DataFrame
        ``check``, ``error``, ``warning``, ``note`` (counts), ``consequence``; a check with
        several consequences has a row for each. In the order of the issues.

    Examples
    --------
    >>> from mebias import tables
    >>> row = tables.issue("error", "an apex before its onset.", dataset="d", check="order")
    >>> consequences(tables.from_rows([row], "issues"))[["check", "error", "note"]].values.tolist()
    [['order', 1, 0]]
    """
    issues = tables.conform(issues, "issues")
    blank = issues["consequence"] == ""
    texts = issues["consequence"].where(~blank, issues["check"].map(consequence_of))
    keyed = issues.assign(consequence=texts)
    rows = [
        {
            "check": check,
            **{s: int((part["severity"] == s).sum()) for s in SEVERITIES},
            "consequence": text,
        }
        for (check, text), part in keyed.groupby(["check", "consequence"], sort=False)
    ]
    return pd.DataFrame(rows, columns=["check", *SEVERITIES, "consequence"])
