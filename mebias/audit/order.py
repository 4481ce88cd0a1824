"""Keyframes that cannot stand where they do or are missing, and phases of no length."""

from __future__ import annotations

import numpy as np

from mebias import tables
from mebias.audit.labels import Labels, Row, places
from mebias.errors import counted, listed


def order_issues(labels: Labels, known: list[Row]) -> list[Row]:
    """Expressions whose onset, apex and offset are out of order, each exactly once.

    Parameters
    ----------
    labels : Labels
        The labels to look at.
    known : list of dict
        What the loader noticed; its rows about the order are raised to errors in place.
    """
    noticed = {(str(row["clip"]), str(row["found"])): row for row in known}
    noticed = {key: row for key, row in noticed.items() if row["check"] == "order"}
    rows = []
    for place in places(~labels.table["ordered"]):
        frames = labels.frames(place)
        before = noticed.get((labels.keys[place][0], frames))
        if before is not None:
            before["severity"] = "error"
            continue
        wrong = _wrong(labels, place)
        rows.append(
            labels.row(
                "error",
                "order",
                f"{labels.name(place)}: found {frames}, expected onset <= apex <= offset; "
                f"{listed(wrong)} cannot stand there. Mend the table if you know better.",
                place,
                field=wrong[0],
                found=frames,
                expected="onset <= apex <= offset",
                cell=labels.cell(place, *wrong),
            )
        )
    return rows


def _wrong(labels: Labels, place: int) -> list[str]:
    backwards = labels.column("offset")[place] < labels.column("onset")[place]
    return ["onset", "offset"] if backwards else ["apex"]


def phase_issues(labels: Labels) -> list[Row]:
    """Rises and falls of 0 frames; censored onsets aside."""
    onset, apex, offset = (labels.column(k) for k in ("onset", "apex", "offset"))
    censored = labels.texts("onset_status") == "censored"
    rows = []
    for early, late, one, two in (("onset", "apex", onset, apex), ("apex", "offset", apex, offset)):
        for place in places((one == two) & (~censored if early == "onset" else True)):
            frame = f"{one[place]:.0f}"
            phase = "rise" if early == "onset" else "fall"
            rows.append(
                labels.row(
                    "warning",
                    "phase",
                    f"{labels.name(place)}: {early} and {late} are one frame ({frame}), so the "
                    f"{phase} lasts 0 frames; look at it again.",
                    place,
                    field=late,
                    found=f"{early} {frame}, {late} {frame}",
                    expected=f"{early} < {late}",
                    cell=labels.cell(place, early, late),
                )
            )
    return rows


def censored_issues(labels: Labels, known: list[Row]) -> list[Row]:
    """Censored onsets in one sentence, unless the loader has said it."""
    censored = labels.texts("onset_status") == "censored"
    if not censored.any() or any(row["check"] == "censored" for row in known):
        return []
    names = [labels.name(place) for place in places(censored)]
    return [
        labels.row(
            "note",
            "censored",
            f"{counted(len(names), 'onset equals its', 'onsets equal their')} apex at the start of "
            f"the recording and {'is' if len(names) == 1 else 'are'} censored: {listed(names)}.",
            field="onset",
            found=len(names),
        )
    ]


def missing_issues(labels: Labels, known: list[Row]) -> list[Row]:
    """Keyframes that were not coded, unless the loader has said it.

    A keyframe that nobody coded in any clip is no finding.
    """
    said = {(str(r["clip"]), str(r["field"])) for r in known if r["check"] == "missing"}
    rows = []
    for keyframe in tables.KEYFRAMES:
        absent = np.isnan(labels.column(keyframe))
        if absent.all():
            continue
        for place in places(absent):
            if (labels.keys[place][0], keyframe) not in said:
                rows.append(
                    labels.row(
                        "note",
                        "missing",
                        f"{labels.name(place)}: the {keyframe} was not coded.",
                        place,
                        field=keyframe,
                        found="blank",
                        expected="a frame number",
                        cell=labels.cell(place, keyframe),
                    )
                )
    return rows
