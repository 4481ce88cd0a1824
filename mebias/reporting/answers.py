"""The answers at the top of the page: claims with their grades, planted against found."""

from __future__ import annotations

import pandas as pd
from markupsafe import Markup

from mebias.reporting.blocks import Card, Cards
from mebias.reporting.formats import amount, is_missing, with_interval
from mebias.reporting.spark import interval_svg, reach
from mebias.reporting.text import OUTCOME

GRADES = ("supported", "not supported", "can't be told")


def tone(grade: str) -> str:
    """The class by which a grade or an outcome is colored.

    >>> tone("can't be told"), tone("not supported"), tone("found")
    ('cant', 'not', 'found')
    """
    return grade.split(" ")[0].replace("'", "")


def claim_cards(claims: pd.DataFrame) -> Cards:
    """Each claim with its grade, its number, and its interval against the margin.

    Parameters
    ----------
    claims : DataFrame
        A ``claims`` table; what is supported comes first.

    Returns
    -------
    Cards
        One per claim.
    """
    order = {grade: place for place, grade in enumerate(GRADES)}
    rows = sorted(claims.to_dict("records"), key=lambda row: order.get(row["grade"], 9))
    items = []
    for row in rows:
        unit = "" if row["unit"] == "share" else str(row["unit"])
        known = not is_missing(row["estimate"])
        shown = with_interval(row["estimate"], row["conf_low"], row["conf_high"], row["unit"])
        shown = f"{shown} {unit}".strip() if known else "no estimate"
        margin = "" if is_missing(row["margin"]) else (
            f"; margin {amount(row['margin'], row['unit'], sign=False)} {unit}".rstrip()
        )  # fmt: skip
        alt = f"{row['grade']}: {shown}{margin}"
        svg = interval_svg(
            alt, row["estimate"], row["conf_low"], row["conf_high"], margin=row["margin"]
        )
        items.append(
            Card(row["grade"], tone(row["grade"]), row["topic"], _sentence(row["claim"]),
                 _unbroken(f"{shown}{margin}"), svg if known else Markup(""), alt)
        )  # fmt: skip
    return Cards(
        tuple(items),
        "In the pictures: point and line, the estimate with its interval, which holds for all "
        "hypotheses of its family; band, the margin of practical relevance; dashed, 0. Each has "
        "a scale of its own.",
    )


def planted_cards(planted: pd.DataFrame) -> Cards:
    """What was planted against what was found, in pictures of one scale.

    Parameters
    ----------
    planted : DataFrame
        A ``planted`` table of one rule.

    Returns
    -------
    Cards
        One per contrast and keyframe; planted ones come first.
    """
    columns = ["expected_shift_ms", "found_shift_ms", "conf_low", "conf_high"]
    scale = reach(*planted[columns].to_numpy(dtype=float).ravel())
    rows = sorted(
        planted.to_dict("records"), key=lambda row: not abs(row["planted_error_ms"] or 0) > 0
    )
    items = []
    for row in rows:
        first = _planted(row["planted_error_ms"])
        low, high = row["conf_low"], row["conf_high"]
        shown = f"found {with_interval(row['found_shift_ms'], low, high, 'ms')} ms"
        if not is_missing(row["expected_shift_ms"]):
            shown += f", a perfect selector {amount(row['expected_shift_ms'], 'ms')} ms"
        grade = OUTCOME.get(row["outcome"], row["outcome"])
        alt = f"{grade}: {shown}"
        svg = interval_svg(
            alt, row["found_shift_ms"], low, high, target=row["expected_shift_ms"], scale=scale
        )
        topic = f"{row['contrast']}, {row['keyframe']}"
        items.append(
            Card(grade, tone(row["outcome"]), topic, first, _unbroken(shown), svg, alt)
        )  # fmt: skip
    return Cards(
        tuple(items),
        "In the pictures: point and line, the shift found with its interval; diamond, the shift "
        "that a perfect selector would show with the labels drawn; dashed, 0. All have one scale.",
    )


def _planted(error: float | None) -> str:
    if error is None or is_missing(error):
        return "What was planted is not known."
    if error == 0:
        return "Nothing was planted."
    return f"Planted {amount(error, 'ms')} ms of label error."


def _unbroken(text: str) -> str:
    """Numbers with their units and intervals, each on one line."""
    return text.replace(", a ", "; a ").replace(" ms", "\u00a0ms").replace(" [", "\u00a0[")


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
