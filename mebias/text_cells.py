"""Texts of others in what is written and shown: no formula in a CSV, no controls in a terminal."""

from __future__ import annotations

import unicodedata

_FORMULA = frozenset("=+-@\t\r＝＋－＠")
"""What a spreadsheet program takes for the beginning of a formula."""
_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_HIDDEN = frozenset({"Cc", "Zl", "Zp", "Cs"})


def harmless(text: str) -> str:
    """A text that no spreadsheet program takes for a formula; `restored` undoes it.

    Such a text gets an apostrophe in front. Numbers stay as they are, and so does a sign that
    stands alone.

    >>> harmless("=1+1"), harmless("-1"), harmless("-"), harmless("apex"), harmless("'=1")
    ("'=1+1", '-1', '-', 'apex', "''=1")
    """
    bare = text.lstrip("'")
    first = bare[:1]
    if first not in _FORMULA or (len(bare) == 1 and first not in "\t\r"):
        return text
    return f"'{text}" if not _is_number(text) else text


def restored(text: str) -> str:
    """The text that `harmless` was given.

    >>> restored("'=1+1"), restored("'tis"), restored("''=1"), restored("'-1")
    ('=1+1', "'tis", "'=1", "'-1")
    """
    return text[1:] if text.startswith("'") and harmless(text[1:]) == text else text


def _is_number(text: str) -> bool:
    if not text.isascii() or text != text.strip():
        return False
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def is_unseen(char: str) -> bool:
    r"""Whether nobody sees a character, or it reorders the text around it.

    That is so of line ends, control characters and overrides of direction; marks of
    right-to-left text and the joiners of emoji belong to their script.

    >>> [is_unseen(c) for c in ("a", "\n", "\0", "\u202e", "\u200f", "\u200d")]
    [False, True, True, True, False, False]
    """
    return char in _OVERRIDES or unicodedata.category(char) in _HIDDEN


def visible(text: str, keep: str = "") -> str:
    r"""A text whose unseen characters are written out, for a terminal or one line of a log.

    >>> print(visible("a\x1b[31mb\nc", keep="\n"))
    a\x1b[31mb
    c
    """
    if text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode("ascii")
        if is_unseen(char) and char not in keep
        else char
        for char in text
    )
