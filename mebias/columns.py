"""Columns of the tidy tables: their kinds, and those that several tables share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "whole", "real", "flag"]

ALL = "all"
"""The group of a whole-dataset row."""


@dataclass(frozen=True)
class Column:
    """One column: its kind, what it means, and its value where a table lacks it.

    ``default`` None marks a column that a table must have.
    """

    kind: Kind
    meaning: str
    default: str | float | bool | None = None


def text(meaning: str, default: str | None = "") -> Column:
    """A string; missing is the empty string."""
    return Column("text", meaning, default)


def whole(meaning: str, default: float | None = float("nan")) -> Column:
    """A whole number held as float64."""
    return Column("whole", meaning, default)


def real(meaning: str, default: float | None = float("nan")) -> Column:
    """A float64; missing is NaN."""
    return Column("real", meaning, default)


def flag(meaning: str) -> Column:
    """A bool."""
    return Column("flag", meaning, False)


DATASET = text("dataset id; simulated ones begin with SIMULATED", "data")
CLIP = text("clip id, unique in its dataset", None)
GROUP = text("group as the dataset's authors or the user state it", ALL)
STRATUM = text("part of the data looked at apart (micro, macro), else all", ALL)
SOURCE = text("who chose the frame: human, truth, a rule, a label version", None)
DISTANCE = text("frame distance of the rule: signed, uint8")
CODER = text("coder of the human frame")
PASS = text("coding pass of the human frame")
KEYFRAME = text("onset, apex or offset", None)
EXPRESSION = text("micro or macro, where the table says")
