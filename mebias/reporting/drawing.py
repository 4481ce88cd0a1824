"""The figures of a report: which there are, what they show in words, and their inline SVG."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import pandas as pd
from markupsafe import Markup

from mebias import tables
from mebias.reporting.blocks import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Drawing:
    """A figure to be made: file name, caption, the numbers in words, and how."""

    name: str
    caption: str
    alt: str
    draw: Callable[[], Figure]


def render(
    drawings: Iterable[Drawing],
    folder: Path,
    *,
    simulated: bool,
    prefix: str = "figures",
    progress: Callable[[str], None] = lambda name: None,
) -> dict[str, Picture]:
    """Draw and save figures as SVG, PDF and PNG, and take the SVG into the page.

    Parameters
    ----------
    drawings : iterable of Drawing
        Names are unique.
    folder : Path
        Existing folder for the files.
    simulated : bool
        Whether each figure carries the mark of simulated data.
    prefix : str
        Folder of the files as the page links to them.
    progress : callable
        Called with each figure's name.

    Returns
    -------
    dict
        Pictures by name.
    """
    from mebias.reporting import figures

    pictures = {}
    for drawing in drawings:
        progress(drawing.name)
        with figures.style():
            figure = drawing.draw()
            paths = figures.save(figure, folder, drawing.name, simulated=simulated)
        svg = next(p for p in paths if Path(p).suffix == ".svg")
        alt = f"{tables.SIMULATED} data. {drawing.alt}" if simulated else drawing.alt
        pictures[drawing.name] = Picture(
            name=drawing.name,
            svg=inline_svg(Path(svg).read_text(encoding="utf-8"), drawing.name, alt),
            caption=drawing.caption,
            alt=alt,
            files=tuple(f"{prefix}/{Path(p).name}" for p in paths),
        )
    return pictures


def inline_svg(svg: str, name: str, label: str) -> Markup:
    """An SVG file as part of an HTML page.

    Prolog, metadata, comments, scripts, namespaces and global styles go; ids get the
    figure's name before them, so that several figures do not clash; the width becomes a
    bound, so that lettering has about the same size in all figures and stays readable where
    the page is narrow.

    Examples
    --------
    >>> file = '<svg xmlns="x" viewBox="0 0 9 9"><path id="a"/><use href="#a"/></svg>'
    >>> print(inline_svg(file, "f", "A < B"))
    <svg role="img" aria-label="A &lt; B" viewBox="0 0 9 9"><path id="f-a"/><use href="#f-a"/></svg>
    """
    start = svg.find("<svg")
    if start < 0:
        raise ValueError(f"the figure {name} holds no <svg> element")
    body = svg[start:].strip()
    for pattern in (r"<!--.*?-->", r"<metadata>.*?</metadata>", r"<script.*?</script>",
                    r"<style[^>]*>.*?</style>", r"<title>.*?</title>"):  # fmt: skip
        body = re.sub(pattern, "", body, flags=re.DOTALL)
    head, _, rest = body.partition(">")
    kept = "".join(f" {box}" for box in re.findall(r'\s(viewBox="[^"]*")', head))
    mark = escape(label, {'"': "&quot;"})
    body = f'<svg role="img" aria-label="{mark}"{kept}{_size(head)}>{rest}'
    safe = re.sub(r"[^A-Za-z0-9]+", "-", name)
    body = re.sub(r'\bid="([^"]+)"', rf'id="{safe}-\1"', body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{safe}-\1)", body)
    body = re.sub(r'(?:xlink:)?href="#([^"]+)"', rf'href="#{safe}-\1"', body)
    body = re.sub(r"\n\s*\n+", "\n", body)
    return Markup(body)


def _size(head: str) -> str:
    """The widths between which a figure scales, from its size in points."""
    found = re.search(r'\swidth="([0-9.]+)pt"', head)
    if not found:
        return ""
    pixels = float(found[1]) * 4 / 3
    return f' style="max-width:{1.35 * pixels:.0f}px;min-width:min({0.8 * pixels:.0f}px,34rem)"'


def words(table: pd.DataFrame, row: Callable[[dict[str, Any]], str], limit: int = 60) -> str:
    """A table's rows in words, for those who do not see the figure."""
    rows = [row({str(k): v for k, v in r.items()}) for r in table.head(limit).to_dict("records")]
    return "; ".join(rows)
