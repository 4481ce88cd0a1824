"""The report as pages: the same sections as the HTML page, set by typst into `report.pdf`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from mebias import tables
from mebias.provenance import version
from mebias.reporting.blocks import (
    Block,
    Bullets,
    Card,
    Cards,
    Cell,
    Files,
    Fold,
    Grid,
    Heading,
    Notice,
    Picture,
    References,
    Section,
    Terms,
    Text,
)
from mebias.reporting.content import Content
from mebias.reporting.files import ending

NAME = "report.pdf"
_PREAMBLE = """\
#set document(title: {title}, author: (), date: none)
#set page(
  paper: "a4", margin: (x: 19mm, top: 22mm, bottom: 20mm), numbering: "1 / 1",
  header: text(size: 8pt, fill: rgb("#8a3b00"), weight: "bold", {mark}),
)
#set text(font: ("Libertinus Serif", "DejaVu Sans"), size: 10pt, lang: "en")
#set par(justify: true, leading: 0.58em)
#set heading(numbering: none)
#show heading.where(level: 1): it => block(above: 1.6em, below: 0.8em, text(size: 15pt, it.body))
#show heading.where(level: 2): it => block(above: 1.3em, below: 0.7em, text(size: 11.5pt, it.body))
#show figure.where(kind: table): set figure.caption(position: top)
#show figure.where(kind: table): set block(breakable: true)
#show figure.caption: it => block(
  width: 100%, sticky: it.kind == table, text(size: 8.5pt, align(left, it.body)),
)
#show link: set text(fill: rgb("#0b5394"))
#let note(body) = text(size: 7.5pt, body)
#let cards(cells) = block({{
  set text(size: 9pt)
  set par(justify: false)
  grid(columns: (24mm, 1fr, 32mm), column-gutter: 3mm, row-gutter: 3mm, ..cells)
}})
#let sheet(caption, columns, aligned, head, rows, notes) = figure(
  kind: table, caption: caption, align(left, block(width: 100%, {{
    set text(size: 7.5pt)
    set par(justify: false)
    table(
      columns: columns, align: aligned, stroke: none, inset: (x: 3pt, y: 2.6pt),
      table.hline(stroke: 0.8pt), table.header(..head.map(h => strong(h))),
      table.hline(stroke: 0.5pt), ..rows, table.hline(stroke: 0.8pt),
    )
    for line in notes {{ block(above: 3pt, below: 0pt, note(line)) }}
  }})))
"""
_GRAVE = {"error": "#a61b1b", "warning": "#8a5a00", "note": "#555555"}
_LONG = 30
_PAGE = 118
"""Characters of a table that go beside each other into a page."""
_WHOLE = 18
"""Rows up to which a table stays on one page."""
_SVG = "http://www.w3.org/2000/svg"


def installed() -> bool:
    """Whether the typst package is there (the extra ``pdf``)."""
    from importlib.util import find_spec

    return find_spec("typst") is not None


def source(content: Content, sections: Sequence[Section]) -> str:
    """The report as typst source.

    Every text of the report enters as a string, never as markup: nothing in an annotation
    table is taken for a command.

    Parameters
    ----------
    content : Content
        What the report tells; every page says SIMULATED where the data are.
    sections : sequence of Section
        As on the page.

    Returns
    -------
    str
        Source that loads figures from ``figures/`` beside it.
    """
    from mebias.reporting.page import subtitle

    title, simulated = content.title, content.simulated
    mark = f"{tables.SIMULATED} data: nothing here is about the dataset named" if simulated else ""
    parts = [
        _PREAMBLE.format(title=quoted(title), mark=quoted(mark)),
        '#text(size: 9pt, fill: rgb("#555555"), "Keyframe report")\n',
        f'#text(size: 20pt, weight: "bold", {quoted(title)})\n',
        f'#text(fill: rgb("#555555"), {quoted(subtitle(content))})\n',
    ]
    for section in sections:
        parts.append(f"#heading(level: 1, {quoted(section.title)})\n")
        parts.extend(_block(block) for block in section.blocks)
    parts.append(
        f'#v(1em)\n#text(size: 8pt, fill: rgb("#555555"), '
        f"{quoted(f'Written by mebias {version()}.')})\n"
    )
    return "\n".join(parts)


def write_pdf(text: str, folder: Path) -> Path:
    """Set the source and write the PDF; the same source gives the same bytes.

    Parameters
    ----------
    text : str
        As made by `source`.
    folder : Path
        Where ``figures/`` lies and the PDF goes.

    Returns
    -------
    Path
        The PDF.
    """
    import typst

    made = folder / ".report.typ"
    made.write_text(text, encoding="utf-8", newline="\n")
    try:
        typst.compile(str(made), output=str(folder / NAME), root=str(folder), timestamp=0)
    finally:
        made.unlink()
    return folder / NAME


def quoted(text: str) -> str:
    r"""Text as a typst string.

    Examples
    --------
    >>> quoted('a "b" \\ #c')
    '"a \\"b\\" \\\\ #c"'
    """
    flat = text.replace("\\", "\\\\").replace('"', '\\"')
    flat = re.sub(r"[\r\n\t]+", " ", flat)
    return '"' + "".join(c for c in flat if c.isprintable() or c == "\u00a0") + '"'


def _block(block: Block) -> str:
    match block:
        case Text():
            return f"#par[{_sentence(block)}]\n"
        case Bullets():
            return f"#list({', '.join(f'[{_sentence(item)}]' for item in block.items)})\n"
        case Heading():
            return f"#heading(level: 2, {quoted(block.text)})\n"
        case Grid():
            return _grid(block)
        case Cards():
            return _cards(block)
        case Picture():
            return _picture(block)
        case Fold():
            inside = "\n".join(_block(b) for b in block.blocks)
            return f"#heading(level: 2, outlined: false, {quoted(block.summary)})\n{inside}"
        case Notice():
            return _notice(block)
        case Terms():
            items = ", ".join(f"terms.item({quoted(t)}, {quoted(m)})" for t, m in block.items)
            return f"#terms({items})\n"
        case Files():
            items = ", ".join(f"[{_files(*item)}]" for item in block.items)
            return f"#text(size: 8pt, list({items}))\n"
        case References():
            items = ", ".join(
                f"[#{quoted(text)}{f' #link({quoted(url)})' if url else ''}]"
                for text, url in block.items
            )
            return f"#list({items})\n"


def _files(files: Sequence[str], meaning: str) -> str:
    names = [files[0], *(ending(file, files[0]) for file in files[1:])]
    return f"{' '.join(f'#raw({quoted(name)})' for name in names)} #{quoted(meaning)}"


def _sentence(text: Text) -> str:
    lead = f"#strong({quoted(text.lead)}) " if text.lead else ""
    return f"{lead}#{quoted(text.text)}"


def _grid(grid: Grid) -> str:
    if not grid.rows:
        return ""
    columns = ", ".join(_columns(grid))
    aligned = ", ".join("right" if numeric else "left" for _, numeric in grid.head)
    head = ", ".join(quoted(text) for text, _ in grid.head)
    cells = ", ".join(_cell(cell) for row in grid.rows for cell in row)
    notes = ", ".join(quoted(line) for line in grid.notes)
    sheet = (
        f"sheet({quoted(grid.caption)}, ({columns},), ({aligned},), ({head},), ({cells},), "
        f"({notes}{',' if notes else ''}))"
    )
    breakable = "true" if len(grid.rows) > _WHOLE else "false"
    return f"#block(width: 100%, breakable: {breakable}, {sheet})\n"


def _columns(grid: Grid) -> list[str]:
    """Widths: as the content asks; where that is too wide, by the words that cannot be broken."""
    sizes = [max((len(row[i].text) for row in grid.rows), default=0) for i in range(len(grid.head))]
    told = list(zip(sizes, grid.head, strict=True))
    long = [not numeric and n > _LONG for n, (_, numeric) in told]
    natural = [max(n, len(text)) for n, (text, _) in told]
    if sum(n for n, text in zip(natural, long, strict=True) if not text) <= _PAGE - 24 * sum(long):
        return [
            f"{min(n, 160) ** 0.5:.1f}fr" if text else "auto"
            for n, text in zip(sizes, long, strict=True)
        ]
    widths = [
        24.0 if text else 1.5 + max(n, *map(len, head.split(" ")))
        for (n, (head, _)), text in zip(told, long, strict=True)
    ]
    for _ in range(int(_PAGE - sum(widths))):  # a letter to whichever has the most lines
        lines = [min(n, 160) / width for n, width in zip(natural, widths, strict=True)]
        widths[lines.index(max(lines))] += 1
    return [f"{width:.1f}fr" for width in widths]


def _cell(cell: Cell) -> str:
    mark = f"#super({quoted(cell.mark)})" if cell.mark else ""
    kept = re.sub(r", | (?=\[)", _unbroken, cell.text) if cell.numeric else cell.text
    text = f"#strong({quoted(kept)})" if cell.tone else f"#{quoted(kept)}"
    return f"[{text}{mark}]"


def _unbroken(found: re.Match[str]) -> str:
    """The blank inside an interval and before it, as one that breaks no line."""
    return found[0].replace(" ", "\u00a0")


def _cards(cards: Cards) -> str:
    """Grade, sentence and small picture of each answer, a line each."""
    cells = []
    for card in cards.items:
        topic = f"{card.topic[:1].upper()}{card.topic[1:]}." if card.topic else ""
        cells += [
            f"strong({quoted(card.grade)})",
            f"[#strong({quoted(topic)}) #{quoted(card.text)} #linebreak() "
            f'#text(fill: rgb("#555555"), {quoted(card.number)})]',
            _small(card) if card.svg else "[]",
        ]
    legend = f"#note({quoted(cards.legend)})\n" if cards.legend else ""
    return f"#cards(({', '.join(cells)},))\n{legend}"


def _small(card: Card) -> str:
    svg = str(card.svg).replace("<svg ", f'<svg xmlns="{_SVG}" ', 1)
    alt = quoted(card.alt)
    return f'image(bytes({quoted(svg)}), format: "svg", width: 32mm, alt: {alt})'


def _picture(picture: Picture) -> str:
    file = next((f for f in picture.files if f.endswith(".svg")), "")
    if not file:
        return ""
    return (
        f"#figure(image({quoted(file)}, alt: {quoted(picture.alt)}), "
        f"caption: {quoted(picture.caption)})\n"
    )


def _notice(notice: Notice) -> str:
    color = _GRAVE.get(notice.severity, "#555555")
    times = f" ({notice.n} times)" if notice.n > 1 else ""
    head = f"{notice.severity.capitalize()}{times}, {notice.dataset}: "
    clips = ""
    if notice.clips:
        more = f" and {notice.more} more" if notice.more else ""
        clips = f" Seen on {', '.join(notice.clips)}{more}."
    return (
        f"#block(inset: (left: 6pt), stroke: (left: 1.5pt + rgb({quoted(color)})), "
        f"[#strong({quoted(head)}) #{quoted(notice.message + clips)}])\n"
    )
