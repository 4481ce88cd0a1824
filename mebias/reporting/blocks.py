"""What a page is made of: small frozen pieces that the template knows how to print."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from markupsafe import Markup


@dataclass(frozen=True)
class Text:
    """A paragraph; ``lead`` is printed bold before it."""

    kind: ClassVar[str] = "text"
    text: str
    lead: str = ""


@dataclass(frozen=True)
class Bullets:
    """A list of sentences, or of (lead, sentence)."""

    kind: ClassVar[str] = "bullets"
    items: tuple[Text, ...]
    role: str = ""


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    kind: ClassVar[str] = "heading"
    text: str
    id: str
    level: int = 3


@dataclass(frozen=True)
class Cell:
    """A table cell; ``mark`` points at a note below the table."""

    text: str
    numeric: bool = False
    head: bool = False
    mark: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Grid:
    """A table: column heads as (text, numeric), rows of cells, notes below.

    ``source`` is the table of the report that its numbers stand in: a name such as
    ``estimates``, or a file; ``files`` are the files that the page links to.
    """

    kind: ClassVar[str] = "grid"
    caption: str
    head: tuple[tuple[str, bool], ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    source: str = "estimates"
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Card:
    """One answer: its grade, a sentence, and a small picture of its interval."""

    grade: str
    tone: str
    topic: str
    text: str
    number: str
    svg: Markup
    alt: str


@dataclass(frozen=True)
class Cards:
    """Answers below each other, with a legend for their pictures."""

    kind: ClassVar[str] = "cards"
    items: tuple[Card, ...]
    legend: str = ""


@dataclass(frozen=True)
class Picture:
    """A figure: inline SVG, caption, what it shows in words, and its files."""

    kind: ClassVar[str] = "picture"
    name: str
    svg: Markup
    caption: str
    alt: str
    files: tuple[str, ...]

    @property
    def width(self) -> int:
        """Most pixels that its drawing takes; 0 where it does not say."""
        found = re.search(r"max-width:(\d+)px", self.svg[:20_000])
        return int(found[1]) if found else 0


@dataclass(frozen=True)
class Fold:
    """Blocks behind a line that opens them."""

    kind: ClassVar[str] = "fold"
    summary: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Notice:
    """One warning of audit or design check, with the clips it was seen on."""

    kind: ClassVar[str] = "notice"
    severity: str
    dataset: str
    message: str
    n: int
    clips: tuple[str, ...] = ()
    more: int = 0


@dataclass(frozen=True)
class Terms:
    """Terms and what they mean."""

    kind: ClassVar[str] = "terms"
    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Files:
    """Files written, as relative links, with what they hold: those of one kind in a row."""

    kind: ClassVar[str] = "files"
    items: tuple[tuple[tuple[str, ...], str], ...]


@dataclass(frozen=True)
class References:
    """Works cited: (text, address or nothing)."""

    kind: ClassVar[str] = "references"
    items: tuple[tuple[str, str], ...]


Block = (
    Text | Bullets | Heading | Grid | Cards | Picture | Fold | Notice | Terms | Files | References
)


@dataclass(frozen=True)
class Section:
    """A section of the page."""

    id: str
    title: str
    blocks: tuple[Block, ...] = field(default=())


class Notes:
    """Notes of one table: equal texts share a mark a, b, c."""

    def __init__(self) -> None:
        self._marks: dict[str, str] = {}

    def mark(self, text: str) -> str:
        """The mark of a note, new or known; nothing for no note."""
        if not text:
            return ""
        if text not in self._marks:
            self._marks[text] = _letters(len(self._marks))
        return self._marks[text]

    def lines(self) -> tuple[str, ...]:
        """The notes in the order of their marks."""
        return tuple(f"{mark}: {text}" for text, mark in self._marks.items())


def bullets(sentences: Sequence[Text | str], role: str = "") -> Bullets:
    """A list from sentences."""
    items = (s if isinstance(s, Text) else Text(s) for s in sentences)
    return Bullets(tuple(items), role)


def _letters(index: int) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz"
    return letters[index] if index < 26 else _letters(index // 26 - 1) + letters[index % 26]
