"""Rules: where candidates lie, and which of them is taken.

A rule is a small object; a user's own rule is any object with a ``name`` and a
``windows`` method of the same signature.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mebias.errors import OptionError, suggest


@dataclass(frozen=True)
class Windows:
    """Candidate frames of one clip, inclusive bounds."""

    onset: tuple[int, int]
    apex: tuple[int, int]
    offset: tuple[int, int]

    def of(self, keyframe: str) -> tuple[int, int]:
        """Bounds of one keyframe's window."""
        bounds: tuple[int, int] = getattr(self, keyframe)
        return bounds


class Rule(Protocol):
    """What selection asks of a rule."""

    @property
    def name(self) -> str:
        """The name that stands in the ``source`` column."""
        ...

    def windows(self, onset: int, apex: int, offset: int) -> Windows:
        """Candidate windows around the human keyframes."""
        ...


@dataclass(frozen=True)
class Gamdss:
    """The GAMDSS rule: largest differences in windows that scale with the phases.

    With rise ``r = apex - onset`` and fall ``q = offset - apex``, ``w_r = int(lam r)`` and
    ``w_f = int(lam q)``: onset window ``[O, O + w_r]``, apex window ``[A - w_r, A + w_r]``
    (released program: ``[A - w_r, A]``), offset window ``[F - w_f, F]``.

    Parameters
    ----------
    name : str
        Source name in the tables.
    lam : float
        Window width as a share of the phase, 0 to 1.
    later_apex : bool
        Whether the apex may move later (the paper's figure) or only earlier (released).

    References
    ----------
    arXiv 2603.04766.

    Examples
    --------
    >>> Gamdss("gamdss").windows(100, 130, 170)
    Windows(onset=(100, 103), apex=(127, 133), offset=(166, 170))
    """

    name: str
    lam: float = 0.1
    later_apex: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.lam <= 1:
            raise OptionError(f"lam is {self.lam}; expected a share of the phase from 0 to 1.")

    def windows(self, onset: int, apex: int, offset: int) -> Windows:
        """Candidate windows around the human keyframes."""
        rise = int(self.lam * (apex - onset))
        fall = int(self.lam * (offset - apex))
        return Windows(
            onset=(onset, onset + rise),
            apex=(apex - rise, apex + rise if self.later_apex else apex),
            offset=(offset - fall, offset),
        )


RULES: dict[str, Rule] = {
    "gamdss": Gamdss("gamdss"),
    "gamdss-released": Gamdss("gamdss-released", later_apex=False),
}


def get_rules(rules: str | Rule | Sequence[str | Rule]) -> tuple[Rule, ...]:
    """Rules by name or object.

    Raises
    ------
    OptionError
        No rule of that name; the message lists the known ones.

    Examples
    --------
    >>> get_rules("gamdss")[0].lam
    0.1
    """
    several: Sequence[str | Rule] = rules if isinstance(rules, list | tuple) else [rules]  # type: ignore[list-item]
    found: list[Rule] = []
    for rule in several:
        if not isinstance(rule, str):
            found.append(rule)
        elif rule in RULES:
            found.append(RULES[rule])
        else:
            known = ", ".join(RULES)
            raise OptionError(f"unknown rule {rule!r}: known are {known}{suggest(rule, RULES)}")
    return tuple(found)
