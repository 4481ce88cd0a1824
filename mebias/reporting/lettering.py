"""Names in figures: a font of this system that has their glyphs, else letters that are there.

Groups, subjects and datasets carry the names that researchers gave them, in any script. A
character that the figures' own font lacks is drawn in another font of the system; where none
has it, it is written out in Latin letters (from its Unicode name, or as its code point) and an
issue says so. An empty box is never drawn.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator

from mebias import tables
from mebias.errors import listed

FONT = "DejaVu Sans"
"""The font of the figures; it comes with matplotlib."""
PREFERRED = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei", "Droid Sans Fallback", "PingFang SC", "Hiragino Sans GB",
    "Microsoft YaHei", "SimHei", "Yu Gothic", "Malgun Gothic", "Apple SD Gothic Neo", "Noto Sans",
    "Noto Sans Arabic", "Noto Sans Devanagari", "Noto Sans Thai", "Arial Unicode MS",
)  # fmt: skip
"""Fonts that are looked into first; then every other upright one of the system."""
CHECK = "lettering"
_COLUMNS = ("dataset", "ethnicity", "subject", "source", "arm", "emotion")
_SHAPED = {"R", "AL"}
"""Bidirectional classes that need shaping, which matplotlib has from 3.11 on."""
_LEFT_TO_RIGHT = "\u200e"
"""Mark before a line with names that are read from right to left."""
_RIGHT_TO_LEFT = "\u200f"
"""Mark after the dots of such a name that was cut: its end is on the left."""
_COMPLEX = (
    "DEVANAGARI", "BENGALI", "TAMIL", "TELUGU", "KANNADA", "MALAYALAM", "GUJARATI", "GURMUKHI",
    "ORIYA", "SINHALA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN",
)  # fmt: skip


def spelled(text: str) -> str:
    """A name in characters that can be drawn here, on one line.

    Parameters
    ----------
    text : str
        Any name.

    Returns
    -------
    str
        The same where a font has all of it; else with the rest in Latin letters. White space
        is one space, control characters are left out.

    Examples
    --------
    >>> spelled("Österreich  (Süd)")
    'Österreich (Süd)'
    """
    text = unicodedata.normalize("NFC", " ".join(str(text).split()))
    if text.isascii() and text.isprintable():
        return text
    return " ".join("".join(c if drawable(c) else romanized(c) for c in text).split())


def drawable(character: str) -> bool:
    """Whether a font of this system has the character, and it can be set as it should be."""
    return family_of(character) is not None


def romanized(character: str) -> str:
    """A character in Latin letters, from its Unicode name; else its code point.

    >>> romanized("ア"), romanized("한"), romanized("é"), romanized("漢")
    ('a', 'han', 'e', 'U+6F22 ')
    """
    if unicodedata.category(character)[0] == "C":
        return ""
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    if plain:
        return plain
    name = unicodedata.name(character, "")
    for kind in (" LETTER ", " SYLLABLE ", " VOWEL SIGN ", " DIGIT "):
        if kind in name:
            sound = name.rpartition(kind)[2].split()[-1]
            return sound.capitalize() if " CAPITAL " in name else sound.lower()
    return "" if unicodedata.category(character)[0] == "M" else f"U+{ord(character):04X} "


@cache
def family_of(character: str) -> str | None:
    """The font family to draw a character in, or None where it has to be written out.

    >>> family_of("A")
    'DejaVu Sans'
    """
    if not character.isprintable() or unicodedata.category(character)[0] == "C":
        return None
    if _needs_shaping(character) and not _shapes():
        return None
    code = ord(character)
    if code in _glyphs(font_manager.findfont(FONT)):
        return FONT
    return next((name for name, path in _fonts() if code in _glyphs(path)), None)


def _needs_shaping(character: str) -> bool:
    if _turned(character):
        return True
    return unicodedata.name(character, "").startswith(_COMPLEX)


@cache
def _shapes() -> bool:
    """Whether this matplotlib joins letters and sets them from right to left."""
    major, minor = matplotlib.__version__.split(".")[:2]
    return (int(major), int(minor)) >= (3, 11)


@cache
def _fonts() -> tuple[tuple[str, str], ...]:
    """Upright fonts of the system besides `FONT`, preferred ones first: family and file."""
    manager = font_manager.fontManager
    known = {entry.fname for entry in manager.ttflist}
    for path in sorted(font_manager.findSystemFonts()):
        if path not in known:  # installed after matplotlib last looked
            try:
                manager.addfont(path)
            except (OSError, RuntimeError):
                continue
    found: dict[str, str] = {}
    for entry in sorted(manager.ttflist, key=lambda e: (abs(_weight(e.weight) - 400), e.fname)):
        plain = entry.style == "normal" and not entry.name.startswith("Last Resort")
        if plain and not entry.name.startswith(FONT) and Path(entry.fname).is_file():
            found.setdefault(entry.name, entry.fname)
    first = [name for name in PREFERRED if name in found]
    rest = sorted(name for name in found if name not in first)
    return tuple((name, found[name]) for name in [*first, *rest])


def _weight(weight: str | int) -> int:
    """A font's weight as a number; words that are no weight count as regular."""
    return weight if isinstance(weight, int) else int(font_manager.weight_dict.get(weight, 400))


@cache
def _glyphs(path: str) -> frozenset[int]:
    """Code points that a font file has."""
    try:
        return frozenset(FT2Font(path).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()


class LetteredFigure(Figure):
    """A figure whose names are drawn in fonts that have them."""

    def draw(self, renderer: object) -> None:
        """Draw, after each text has got a font that has its glyphs."""
        letter(self)
        super().draw(renderer)  # type: ignore[arg-type]

    def _repr_png_(self) -> bytes:
        """The picture for Jupyter, which shows figures of its own accord only with pyplot."""
        picture = BytesIO()
        self.savefig(picture, format="png", dpi=150)
        return picture.getvalue()


def letter(figure: Figure) -> None:
    """Give each text of a figure the fonts it needs, and write out what none has."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis) if axes.axison else ():
            labels = [label.get_text() for label in axis.get_ticklabels()]
            written = [_lines(label) for label in labels]
            if written != labels and isinstance(axis.get_major_locator(), FixedLocator):
                axis.set_ticks(axis.get_ticklocs(), labels=written)
    for text in figure.findobj(Text):
        shown = text.get_text()
        if "$" in shown and "\\mathdefault" not in shown:
            text.set_parse_math(False)
        if shown.isascii():
            continue
        text.set_text(_lines(shown))
        others = sorted({family_of(c) or FONT for c in text.get_text()} - {FONT})
        if others:
            text.set_fontfamily([FONT, *others])
            text.set_fontweight("normal")  # few of them have a bold


def _lines(text: str) -> str:
    """Each line spelled, and read from left to right as the figure is; spaces at ends stay."""
    if text.isascii():
        return text
    lines = []
    for line in text.replace(_LEFT_TO_RIGHT, "").replace(_RIGHT_TO_LEFT, "").split("\n"):
        written = line if all(drawable(c) for c in line) else spelled(line)
        if any(map(_turned, written)):
            ends = (
                _RIGHT_TO_LEFT if c == "…" and _turned(before) else ""
                for before, c in pairwise(f" {written}")
            )
            written = _LEFT_TO_RIGHT + "".join(c + e for c, e in zip(written, ends, strict=True))
        lines.append(written)
    return "\n".join(lines)


def _turned(character: str) -> bool:
    """Whether a character is read from right to left."""
    return unicodedata.bidirectional(character) in _SHAPED


def short(text: str, limit: int = 24) -> str:
    """A name cut to fit a label: in letters that can be drawn, wide ones counted twice.

    >>> short("a" * 30, 10)
    'aaaaaaaaa…'
    """
    text = spelled(text)
    widths = [_width(c) for c in text]
    if sum(widths) <= limit:
        return text
    kept, used = 0, 1
    while kept < len(text) and used + widths[kept] <= limit:
        used += widths[kept]
        kept += 1
    return f"{text[:kept].rstrip()}…"


def short_names(names: Iterable[str], limit: int = 24) -> dict[str, str]:
    """Names cut to fit labels, and still told apart: in the middle where beginnings are alike.

    >>> short_names(["a group of people 1", "a group of people 2", "B"], 10)
    {'a group of people 1': 'a gro…le 1', 'a group of people 2': 'a gro…le 2', 'B': 'B'}
    """
    names = list(dict.fromkeys(map(str, names)))
    cut = {name: short(name, limit) for name in names}
    for alike in (_middle, _numbered):
        shown = list(cut.values())
        cut = {
            name: text if shown.count(text) == 1 else alike(name, limit, place)
            for place, (name, text) in enumerate(cut.items())
        }
    return cut


def short_contrast(contrast: str, limit: int) -> str:
    """A contrast cut so that both of its sides stay, and can be told apart.

    >>> short_contrast("East Asian vs others", 8), short_contrast("a group 1 vs a group 2", 7)
    ('East As… vs others', 'a gr… 1 vs a gr… 2')
    """
    first, versus, second = contrast.partition(" vs ")
    if not versus:
        return short(contrast, 2 * limit)
    named = short_names((first, second), limit)
    return f"{named[first]}{versus}{named[second]}"


def _middle(name: str, limit: int, place: int) -> str:
    text = spelled(name)
    tail, used = "", 0
    for character in reversed(text):
        used += _width(character)
        if used > 0.4 * limit:
            break
        tail = character + tail
    head = short(text, limit - sum(map(_width, tail)))
    return head if head == text else head + tail


def _numbered(name: str, limit: int, place: int) -> str:
    return f"{short(name, limit - 3)} {place + 1}"


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def lettering_issues(*parts: pd.DataFrame) -> pd.DataFrame:
    """An issue per dataset with names that no font of this system has.

    Parameters
    ----------
    *parts : DataFrame
        Tables whose names figures show: shifts, estimates.

    Returns
    -------
    DataFrame
        An issues table.

    Examples
    --------
    >>> lettering_issues(pd.DataFrame({"dataset": ["d"], "ethnicity": ["Österreich"]})).empty
    True
    """
    rows = []
    for dataset, names in _names(parts).items():
        changed = [name for name in names if not all(map(drawable, " ".join(name.split())))]
        if changed:
            written = [f"{name} as {spelled(name)}" for name in changed]
            rows.append(
                tables.issue(
                    "note",
                    f"No font on this system has the letters of {listed(changed, 4)}: figures "
                    f"write {listed(written, 4)}; install a font that has them, such as Noto Sans "
                    f"CJK, and run again.",
                    dataset=dataset,
                    field="names",
                    found=listed(changed, 12),
                    expected="letters that a font on this system has",
                    check=CHECK,
                    consequence="the names in figures are written out in Latin letters; tables "
                    "and text keep them",
                )
            )
    return tables.from_rows(rows, "issues")


def _names(parts: Iterable[pd.DataFrame]) -> dict[str, list[str]]:
    """Names outside of ASCII by dataset, in the order of the tables."""
    found: dict[str, dict[str, None]] = {}
    for part in parts:
        for column in (c for c in _COLUMNS if c in part.columns and "dataset" in part.columns):
            for dataset, name in part[["dataset", column]].drop_duplicates().to_numpy()[:, [0, -1]]:
                if not str(name).isascii():
                    found.setdefault(str(dataset), {})[str(name)] = None
    return {dataset: list(names) for dataset, names in found.items()}
