"""The page: sections in their order, as one HTML file that loads nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING
from urllib.parse import quote

from markupsafe import Markup

from mebias import tables
from mebias.provenance import version
from mebias.reporting import (
    changes_section,
    cohort_sections,
    latex,
    methods,
    summary,
    version_sections,
)
from mebias.reporting.blocks import (
    Block,
    Cards,
    Cell,
    Files,
    Fold,
    Grid,
    Picture,
    References,
    Section,
    Terms,
    Text,
)
from mebias.reporting.content import Content
from mebias.reporting.drawing import Drawing
from mebias.reporting.files import MEANING, ending
from mebias.reporting.formats import count
from mebias.reporting.glossary import SPOKEN, TERMS, VERSION_TERMS
from mebias.reporting.issue_list import notices, tally
from mebias.reporting.linking import Linker, anchor
from mebias.reporting.staging import RECORD

if TYPE_CHECKING:
    from jinja2 import Environment

_OPEN = 6
"""Notices shown before the rest folds away."""
_LONG = 80


def drawings(content: Content) -> list[Drawing]:
    """The figures of a report, in their order."""
    room = version_sections if content.of_versions else cohort_sections
    return list(room.drawings(content))


def page(content: Content, pictures: Mapping[str, Picture], names: Sequence[str]) -> str:
    """The HTML of a report.

    Parameters
    ----------
    content : Content
        What it tells.
    pictures : mapping
        The figures as drawn, by name.
    names : sequence of str
        The files beside the page, as relative names.

    Returns
    -------
    str
        One page with everything inside; the same content gives the same bytes.
    """
    told = sections(content, pictures, names)
    terms = next((b.items for s in told for b in s.blocks if isinstance(b, Terms)), ())
    script = _script()
    html = (
        _environment()
        .get_template("page.html")
        .render(
            title=content.title,
            subtitle=subtitle(content),
            simulated=content.simulated,
            sections=told,
            version=version(),
            link=Linker(terms, SPOKEN),
            kind=_kind,
            script=Markup(script),
            script_hash=_hash(script),
        )
    )
    return "\n".join(line.rstrip() for line in html.splitlines() if line.strip()) + "\n"


def sections(
    content: Content, pictures: Mapping[str, Picture], names: Sequence[str]
) -> list[Section]:
    """What page, PDF and LaTeX tables are made of; captions say SIMULATED where data are."""
    found = list(_sections(content, pictures, names))
    if content.simulated:
        found = [replace(s, blocks=_marked(s.blocks)) for s in found]
    places = {id(grid): name for name, grid in latex.named(found)}
    return [replace(s, blocks=_linked(s.blocks, places, set(names))) for s in found]


def _sections(
    content: Content, pictures: Mapping[str, Picture], names: Sequence[str]
) -> Iterator[Section]:
    room = version_sections if content.of_versions else cohort_sections
    short = Section("in-short", "In short", summary.blocks(content))
    if content.of_versions:
        yield short
    else:
        answer = cohort_sections.answer(content, pictures)
        told = any(isinstance(block, Cards) for block in answer.blocks)
        yield from (answer, short) if told else (short, answer)
    if content.earlier is not None:
        yield changes_section.section(content)
    yield Section("warnings", "Before you read the numbers", tuple(_warnings(content)))
    yield from room.sections(content, pictures)
    yield Section("methods", "Methods", tuple(_methods(content)))
    terms = VERSION_TERMS if content.of_versions else TERMS
    yield Section("terms", "Terms", (Terms(terms),))
    yield Section("files", "Files", (Files(tuple(_file_rows(names))),))
    yield Section("provenance", "Provenance", tuple(_provenance(content)))
    cited = tuple((work.text, work.url) for work in methods.used_references(content.run))
    if cited:
        yield Section("references", "References", (References(cited),))


def _warnings(content: Content) -> Iterator[Block]:
    if content.shareable:
        yield Text(
            f"Subjects and clips have pseudonyms, rows of single clips are not written, and groups "
            f"of fewer than {content.min_subjects} subjects are merged with others. Who has the "
            f"dataset may still find a clip by its numbers.",
            "Shareable form.",
        )
    found = notices(content.issues)
    if not found:
        yield Text("Audit and design check found nothing to warn of.")
        return
    yield Text(f"Audit and design check found {tally(content.issues)}.")
    grave = [n for n in found if n.severity != "note"]
    yield from grave[:_OPEN]
    if grave[_OPEN:]:
        yield Fold(count(len(grave) - _OPEN, "more warning"), tuple(grave[_OPEN:]))
    notes = tuple(n for n in found if n.severity == "note")
    if notes:
        yield Fold(count(len(notes), "note"), notes)


def _methods(content: Content) -> Iterator[Block]:
    for head, text in methods.paragraphs(content.run):
        yield Text(text, f"{head}.")
    ways = tuple((Cell(way), Cell(names)) for way, names in methods.as_run(content.run))
    if ways:
        columns = (("Method", False), ("For", False))
        yield Fold("Methods as run, and for what", (Grid("Methods as run", columns, ways),))


def _provenance(content: Content) -> Iterator[Block]:
    record = dict(content.provenance)
    software = record.pop("versions", {})
    run = list(_flat(record))
    head = (("What", False), ("Value", False))
    if run:
        short = tuple(_pair(*item) for item in run if len(item[1]) <= _LONG)
        yield Grid("The run", head, short, source=RECORD)
    long = tuple(_pair(*item) for item in run if len(item[1]) > _LONG)
    if long:
        yield Fold("Longer entries", (Grid("The run: longer entries", head, long, source=RECORD),))
    packages = tuple(_pair(*item) for item in _flat(software))
    if packages:
        grid = Grid("Versions of the software", head, packages, source=RECORD)
        yield Fold("Versions of the software", (grid,))
    yield Text("provenance.json holds the same and the SHA-256 of every file of this report.")


def _flat(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as (path, value)."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _flat(item, f"{key} / {name}" if key else str(name))
    elif isinstance(value, list | tuple):
        if any(isinstance(item, Mapping | list | tuple) for item in value):
            for i, item in enumerate(value, start=1):
                yield from _flat(item, f"{key} / {i}")
        else:
            yield key, ", ".join(map(str, value))
    elif value is not None and value != "":
        yield key, f"{value:g}" if isinstance(value, float) else str(value)


def _pair(key: str, value: str) -> tuple[Cell, Cell]:
    return Cell(key, head=True), Cell(value)


def subtitle(content: Content) -> str:
    """Clips and subjects of each dataset, for the line below the title."""
    parts = []
    for dataset in content.datasets:
        shown = content.clips(dataset)
        rows = shown if shown is not None else content.shifts(dataset)
        subjects = count(rows["subject"].nunique(), "subject")
        parts.append(f"{dataset}: {count(content.n_clips(dataset), 'clip')}, {subjects}")
    return "; ".join(parts)


def _file_rows(names: Sequence[str]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Files with what they hold: a row for each, for each figure, and for all LaTeX tables."""
    ordered = sorted(names, key=_file_order)
    own = [n for n in ordered if not n.endswith(".tex") and not n.startswith("figures/")]
    yield from (((name,), MEANING.get(name, "")) for name in own)
    made = tuple(name for name in ordered if name.endswith(".tex"))
    if made:
        yield made, "the tables of this report for LaTeX, with booktabs"
    stems = dict.fromkeys(n.rsplit(".", 1)[0] for n in ordered if n.startswith("figures/"))
    for stem in stems:
        files = tuple(f"{stem}.{kind}" for kind in ("svg", "pdf", "png"))
        yield tuple(name for name in files if name in ordered), ""


def _file_order(name: str) -> tuple[int, list[tuple[int, str]]]:
    """Loose files, then tables, then figures; numbers in names in the order of their size."""
    parts = [(int(p), "") if p.isdigit() else (-1, p) for p in re.split(r"(\d+)", name)]
    for i, folder in enumerate(("tables/", "figures/"), start=1):
        if name.startswith(folder):
            return i, parts
    return 0, parts


def _marked(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """Captions of tables and figures with the mark of simulated data."""
    marked: list[Block] = []
    for block in blocks:
        if isinstance(block, Fold):
            marked.append(replace(block, blocks=_marked(block.blocks)))
        elif isinstance(block, Grid | Picture) and tables.SIMULATED not in block.caption:
            marked.append(replace(block, caption=f"{tables.SIMULATED}. {block.caption}"))
        else:
            marked.append(block)
    return tuple(marked)


def _linked(
    blocks: Sequence[Block], places: Mapping[int, str], names: Container[str]
) -> tuple[Block, ...]:
    """Tables with the files that hold them: the CSV of their numbers, and their LaTeX."""
    linked: list[Block] = []
    for block in blocks:
        if isinstance(block, Fold):
            linked.append(replace(block, blocks=_linked(block.blocks, places, names)))
        elif isinstance(block, Grid):
            own = block.source if "." in block.source else f"tables/{block.source}.csv"
            files = (own, f"tables/{places.get(id(block), '')}.tex")
            linked.append(replace(block, files=tuple(f for f in files if f in names)))
        else:
            linked.append(block)
    return tuple(linked)


def _kind(file: str) -> str:
    """What a link to a file is called: its kind."""
    ending = file.rsplit(".", 1)[1]
    return "TeX" if ending == "tex" else ending.upper()


@cache
def _script() -> str:
    """The page's script without its indents; the page is whole without it."""
    text = resources.files("mebias.reporting").joinpath("templates/page.js").read_text("utf-8")
    return "\n" + "\n".join(line.strip() for line in text.splitlines() if line.strip()) + "\n"


def _hash(script: str) -> str:
    """What a content security policy names a script by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("mebias.reporting", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=False,
    )
    environment.filters["anchor"] = anchor
    environment.filters["url"] = lambda name: quote(name, safe="/")
    environment.filters["ending"] = ending
    return environment
