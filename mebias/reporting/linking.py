"""Terms in the text of the page, linked to what they mean."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape


def anchor(term: str) -> str:
    """The id of a term's definition.

    >>> anchor("onset, apex, offset")
    'term-onset-apex-offset'
    """
    return "term-" + re.sub(r"[^a-z0-9]+", "-", term.casefold()).strip("-")


class Linker:
    """Marks the first place of each term in a section or in the head of a table.

    Parameters
    ----------
    terms : sequence of (str, str)
        Terms and what they mean.
    spoken : mapping
        How a term stands in a sentence, as a regular expression; a term that is not in it is
        never linked.

    Examples
    --------
    >>> link = Linker((("shift", "A difference."),), {"shift": "shifts?"})
    >>> print(link("Shifts & shifts"))
    <a class="term" href="#term-shift" aria-describedby="term-shift-is">Shifts</a> &amp; shifts
    """

    def __init__(self, terms: Sequence[tuple[str, str]], spoken: Mapping[str, str]) -> None:
        self._terms = [term for term, _ in terms if term in spoken]
        choices = "|".join(f"({spoken[term]})" for term in self._terms)
        self._pattern = re.compile(rf"(?<![\w-])(?:{choices})(?![\w-])", re.IGNORECASE)
        self._seen: set[str] = set()

    def fresh(self) -> str:
        """Begin a section or a table; prints nothing."""
        self._seen = set()
        return ""

    def __call__(self, text: str) -> Markup:
        """The text, escaped, with its first terms as links to their definitions."""
        if not self._terms:
            return escape(text)
        parts, end = [], 0
        for found in self._pattern.finditer(text):
            term = self._terms[(found.lastindex or 1) - 1]
            if term in self._seen:
                continue
            self._seen.add(term)
            name = anchor(term)
            parts += [
                escape(text[end : found.start()]),
                Markup(
                    f'<a class="term" href="#{name}" aria-describedby="{name}-is">'
                    f"{escape(found[0])}</a>"
                ),
            ]
            end = found.end()
        return Markup("").join([*parts, escape(text[end:])])
