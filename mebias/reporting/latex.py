"""Tables of the page as LaTeX, for a paper: booktabs, notes below, every sign escaped."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from math import ceil

from mebias.reporting.blocks import Block, Cell, Fold, Grid, Section

_SIGNS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "−": r"$-$", "–": "--", "—": "---", "×": r"$\times$", "±": r"$\pm$", "≥": r"$\geq$",
    "≤": r"$\leq$", "≠": r"$\neq$", "→": r"$\rightarrow$", "·": r"\textperiodcentered{}",
    "²": r"\textsuperscript{2}", "°": r"\textdegree{}", "\u00a0": "~", "\u202f": r"\,",
    "…": r"\ldots{}", "`": r"\textasciigrave{}",
}  # fmt: skip
_NOT_FOR_A_PAPER = ("methods", "provenance", "files")
_HEAD = 14
"""Characters above which a head is set in several lines."""
_LONG = 28
"""Characters above which a column of text gets a width of its own."""

_COLUMN, _PAGE = 58, 122
"""Characters of a table that go beside each other into a column, and into a page."""
_LINES = 45
"""Lines of rows that stand on a page below a caption and above notes."""
_FIT = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
"""What is wider than its column is set smaller."""

PREAMBLE = "needs \\usepackage{booktabs,array,graphicx,textcomp} and \\usepackage[T1]{fontenc}"


def escape(text: str) -> str:
    r"""Text as LaTeX prints it: no sign of it is taken for a command.

    Control characters are dropped and line ends become spaces. Letters beyond ASCII stay as
    they are: pdfLaTeX knows the accented Latin ones, XeLaTeX and LuaLaTeX all that the font has.

    Examples
    --------
    >>> escape("50\u00a0% of A_1 & B\\input{x}")
    '50~\\% of A\\_1 \\& B\\textbackslash{}input\\{x\\}'
    >>> escape("\u22121.3")
    '$-$1.3'
    """
    flat = " ".join(text.split()) if "\n" in text else text
    printable = "".join(c for c in flat if c.isprintable() or c in _SIGNS)
    return "".join(_SIGNS.get(c, c) for c in printable)


def table(grid: Grid, label: str) -> str:
    r"""One table as a LaTeX float.

    Parameters
    ----------
    grid : Grid
        Caption, heads, rows and notes as the page prints them.
    label : str
        What ``\ref{tab:...}`` calls it.

    Returns
    -------
    str
        A ``table`` environment, ``table*`` where it is wide; ends in a newline. What is longer
        than a page goes on in further ones of the same number, with the notes below the last.

    Examples
    --------
    >>> grid = Grid("Shifts", (("Group", False), ("ms", True)), ((Cell("A"), Cell("+1.0")),))
    >>> print(table(grid, "shifts"))
    % needs \usepackage{booktabs,array,graphicx,textcomp} and \usepackage[T1]{fontenc}
    \begin{table}
    \centering\footnotesize\setlength{\tabcolsep}{3pt}
    \caption{Shifts}\label{tab:shifts}\par\smallskip
    \resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%
    \begin{tabular}{lr}
    \toprule
    Group & ms \\
    \midrule
    A & +1.0 \\
    \bottomrule
    \end{tabular}}
    \end{table}
    <BLANKLINE>
    """
    pages = _pages(grid)
    lines = [f"% {PREAMBLE}"]
    for place, rows in enumerate(pages):
        caption = rf"\caption{{{escape(grid.caption)}}}\label{{tab:{_key(label)}}}"
        if place:
            caption = rf"\addtocounter{{table}}{{-1}}\caption{{{escape(grid.caption)} (continued)}}"
        notes = grid.notes if place == len(pages) - 1 else ()
        lines += _float(grid, rows, caption, notes)
    return "\n".join(lines) + "\n"


def _float(
    grid: Grid, rows: Sequence[Sequence[Cell]], caption: str, notes: Sequence[str]
) -> list[str]:
    """Some rows of a table with its heads, as one float."""
    wide = "*" if _width(grid) > _COLUMN else ""
    return [
        rf"\begin{{table{wide}}}",
        r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
        rf"{caption}\par\smallskip",
        _FIT,
        rf"\begin{{tabular}}{{{''.join(_columns(grid))}}}",
        r"\toprule",
        " & ".join(_head(text, numeric) for text, numeric in grid.head) + r" \\",
        r"\midrule",
        *_rows(rows),
        r"\bottomrule",
        r"\end{tabular}}",
        *_notes(notes),
        rf"\end{{table{wide}}}",
    ]


def _pages(grid: Grid) -> list[list[Sequence[Cell]]]:
    """Rows that fit a page; those with one head stay together where they can."""
    room = _room(grid)
    shares = _shares(grid)
    pages: list[list[Sequence[Cell]]] = [[]]
    used = 0
    for _, rows in groupby(grid.rows, key=lambda row: row[0].head and row[0].text):
        block = [(row, _height(row, shares, room)) for row in rows]
        whole = sum(height for _, height in block)
        for place, (row, height) in enumerate(block):
            if used and used + (height if place or whole > _LINES else whole) > _LINES:
                pages.append([])
                used = 0
            pages[-1].append(row)
            used += height
    return pages


def _height(row: Sequence[Cell], shares: Sequence[float], room: int) -> int:
    """Lines of a row: more than one where a long text has a column of its own.

    A page set in one column is narrower than one set in two: it holds 0.7 of the characters.
    """
    return max(
        ceil(len(cell.text) / (0.7 * share * room)) if share else 1
        for cell, share in zip(row, shares, strict=True)
    )


def page_tables(sections: Sequence[Section]) -> dict[str, str]:
    """Every table of a page as LaTeX, by file name without its ending.

    A name is the section's and the table's place in it, such as ``groups-1``.
    """
    return {name: table(grid, name) for name, grid in named(sections)}


def named(sections: Sequence[Section]) -> Iterator[tuple[str, Grid]]:
    """The tables for a paper with their names, in the order of the page."""
    for section in sections:
        if section.id in _NOT_FOR_A_PAPER:
            continue
        grids = list(_grids(section.blocks))
        for place, grid in enumerate(grids, start=1):
            name = f"{section.id}-{place}" if len(grids) > 1 else section.id
            yield name, grid


def _grids(blocks: Sequence[Block]) -> list[Grid]:
    found: list[Grid] = []
    for block in blocks:
        if isinstance(block, Grid) and block.rows:
            found.append(block)
        elif isinstance(block, Fold):
            found.extend(_grids(block.blocks))
    return found


def _rows(rows: Sequence[Sequence[Cell]]) -> list[str]:
    lines: list[str] = []
    before = ""
    for row in rows:
        first = row[0].text if row and row[0].head else ""
        if lines and first != before:
            lines.append(r"\addlinespace")
        before = first
        lines.append(" & ".join(_cell(cell) for cell in row) + r" \\")
    # Without heads there is nothing to set apart.
    if rows and all(a[0].text != b[0].text for a, b in pairwise(rows)):
        lines = [line for line in lines if line != r"\addlinespace"]
    return lines


def _cell(cell: Cell) -> str:
    mark = rf"\textsuperscript{{{escape(cell.mark)}}}" if cell.mark else ""
    text = escape(cell.text) + mark
    return _guarded(text)


def _guarded(text: str) -> str:
    """Text after a line's end: a bracket would be read as that line's option."""
    return f"{{}}{text}" if text.startswith(("[", "*")) else text


def _head(text: str, numeric: bool) -> str:
    r"""A head in lines of a few words.

    >>> print(_head("Random frame, ms", True))
    \begin{tabular}[b]{@{}r@{}}Random frame, \\ ms\end{tabular}
    """
    lines = _head_lines(text)
    if len(lines) == 1:
        return escape(text)
    inside = r" \\ ".join(_guarded(escape(line)) for line in lines)
    return rf"\begin{{tabular}}[b]{{@{{}}{'r' if numeric else 'l'}@{{}}}}{inside}\end{{tabular}}"


def _head_lines(text: str) -> list[str]:
    return textwrap.wrap(text, _HEAD, break_long_words=False, break_on_hyphens=False) or [""]


def _notes(notes: Sequence[str]) -> list[str]:
    if not notes:
        return []
    told = r" \\ ".join(_note(note) for note in notes)
    return [
        r"\par\smallskip",
        rf"\begin{{minipage}}{{\linewidth}}\scriptsize {told}\end{{minipage}}",
    ]


def _note(note: str) -> str:
    found = re.match(r"([a-z]{1,2}): (.*)", note, flags=re.DOTALL)
    if found:
        return rf"\textsuperscript{{{found[1]}}}~{escape(found[2])}"
    return escape(note)


def _columns(grid: Grid) -> list[str]:
    """Numbers to the right, short text to the left, long text in a column that breaks lines."""
    return [
        "r" if numeric
        else rf">{{\raggedright\arraybackslash}}p{{{share:.2f}\linewidth}}" if share
        else "l"
        for (_, numeric), share in zip(grid.head, _shares(grid), strict=True)
    ]  # fmt: skip


def _shares(grid: Grid) -> list[float]:
    """The share of the width that each column of long text gets; 0 for all others."""
    long = [
        0 if numeric or (n := _longest(grid, i)) <= _LONG else n
        for i, (_, numeric) in enumerate(grid.head)
    ]
    taken = _width(grid) - sum(min(n, 40) + 2 for n in long if n)
    left = max(1 - taken / _room(grid), 0.25)
    whole = sum(n**0.5 for n in long)
    return [left * n**0.5 / whole if n else 0.0 for n in long]


def _room(grid: Grid) -> int:
    """Characters beside each other where the table goes."""
    return _PAGE if _width(grid) > _COLUMN else _COLUMN


def _longest(grid: Grid, column: int) -> int:
    return max((len(row[column].text) for row in grid.rows), default=0)


def _width(grid: Grid) -> int:
    return sum(
        2 + max(min(_longest(grid, i), 40), *map(len, _head_lines(text)))
        for i, (text, _) in enumerate(grid.head)
    )


def _key(label: str) -> str:
    return re.sub(r"[^A-Za-z0-9:-]+", "-", label)
