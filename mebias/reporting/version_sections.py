"""Figures and sections of a report on two human versions of the same labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from mebias import tables
from mebias.reporting import further_drawings, text
from mebias.reporting.blocks import Block, Fold, Heading, Picture, Section, Text
from mebias.reporting.content import Content
from mebias.reporting.drawing import Drawing, words
from mebias.reporting.formats import with_interval
from mebias.reporting.grids import claims_grid, contrast_grid
from mebias.reporting.lookup import Part
from mebias.reporting.version_grids import (
    direction_grid,
    revised_grid,
    subject_grid,
    transition_grid,
    uneven_grid,
)


def drawings(content: Content) -> Iterator[Drawing]:
    """The figures, dataset by dataset, strata apart."""
    for dataset in content.datasets:
        parts = content.estimates.parts(dataset)
        if parts and (content.shifts(dataset)["shift_frames"].fillna(0) != 0).any():
            yield _revisions(content, dataset)
        if part := content.part(dataset):
            yield from further_drawings.agreement(content, part)
        for part in parts:
            yield from _subject_drawings(content, part)
        transitions = _own(content, "transitions", dataset)
        if (transitions["n_clips"] > 0).any():
            yield _transitions(content, dataset)


def sections(content: Content, pictures: Mapping[str, Picture]) -> Iterator[Section]:
    """Which, how far and which way, how unevenly, and types."""
    yield Section("revised", "What was revised", tuple(_revised(content, pictures)))
    yield Section("subjects", "How unevenly over subjects", tuple(_subjects(content, pictures)))
    yield Section("types", "What became of expression types", tuple(_types(content, pictures)))
    tests = content.findings.tests
    if len(tests) or len(content.findings.claims):
        yield Section("groups", "Do groups differ?", tuple(_groups(content)))


def name_of(content: Content, stem: str, part: Part) -> str:
    """The figure's name; a stratum is in it."""
    stem = stem if part.stratum == tables.ALL else f"{stem}-{_safe(part.stratum)}"
    return content.slug(stem, part.dataset)


def _revisions(content: Content, dataset: str) -> Drawing:
    from mebias.reporting import figures

    shifts = content.shifts(dataset)
    estimates = content.findings.estimates
    estimates = estimates[estimates["dataset"] == dataset]
    told = [
        sentence
        for part in content.estimates.parts(dataset)
        for sentence in (
            text.revised_sentence(content.estimates, part),
            text.direction_sentence(content.estimates, part) if _whole(part) else "",
        )
        if sentence
    ]
    return Drawing(
        content.slug("revisions", dataset),
        f"{dataset}. How far revised labels moved (new - old; positive = later) and the share "
        f"of labels revised with its interval, micro- and macro-expressions apart.",
        " ".join(told) or "Shifts of revised labels.",
        lambda: figures.revision_plot(shifts, estimates),
    )


def _subject_drawings(content: Content, part: Part) -> Iterator[Drawing]:
    from mebias.reporting import figures

    subjects = part.select(content.extra_tables["subjects"])
    if not (subjects["n_revised"] > 0).any():
        return
    of = "" if _whole(part) else f", {part.stratum}-expressions only"
    one_stratum = subjects.assign(stratum=tables.ALL)
    yield Drawing(
        name_of(content, "subjects", part),
        f"{part.dataset}{of}. Share of each subject's labels that was revised.",
        text.unevenness_sentence(content.estimates, part) or "Share revised per subject.",
        lambda: figures.subject_revisions(one_stratum),
    )


def _transitions(content: Content, dataset: str) -> Drawing:
    from mebias.reporting import figures

    transitions = _own(content, "transitions", dataset)
    return Drawing(
        content.slug("transitions", dataset),
        f"{dataset}. Expression types in the old version and in the new one, as shares of the "
        f"old type with intervals.",
        words(
            transitions,
            lambda r: (
                f"{r['type_old']} to {r['type_new']}: {r['n_clips']:.0f} expressions, "
                f"{with_interval(r['share'], r['conf_low'], r['conf_high'], 'share')}"
            ),
        ),
        lambda: figures.transition_plot(transitions),
    )


def _revised(content: Content, pictures: Mapping[str, Picture]) -> Iterator[Block]:
    yield Text(
        "A label that was not revised may never have been looked at again: it is not revised, "
        "not agreed."
    )
    for dataset in content.datasets:
        if len(content.datasets) > 1:
            yield Heading(dataset, content.slug("revised", dataset))
        parts = content.estimates.parts(dataset)
        yield from _found(
            pictures, [content.slug(stem, dataset) for stem in ("revisions", "agreement")]
        )
        subjects = _own(content, "subjects", dataset)
        for grid in (
            revised_grid(
                content.estimates, parts, subjects, f"{dataset}: labels revised and which way"
            ),
            direction_grid(content.estimates, parts, f"{dataset}: how far labels moved"),
        ):
            if grid.rows:
                yield grid


def _subjects(content: Content, pictures: Mapping[str, Picture]) -> Iterator[Block]:
    for dataset in content.datasets:
        if len(content.datasets) > 1:
            yield Heading(dataset, content.slug("subjects", dataset))
        parts = content.estimates.parts(dataset)
        part = content.part(dataset)
        if part and (sentence := text.unevenness_sentence(content.estimates, part)):
            yield Text(sentence)
        yield from _found(pictures, [name_of(content, "subjects", p) for p in parts if _whole(p)])
        grid = uneven_grid(
            content.estimates, parts, f"{dataset}: how unevenly revisions fell on subjects"
        )
        if grid.rows:
            yield grid
        subjects = _own(content, "subjects", dataset)
        most = subject_grid(subjects, f"{dataset}: subjects with the most revised labels")
        if most.rows:
            yield Fold("Subjects with the most revised labels", (most,))
        apart = tuple(
            _found(pictures, [name_of(content, "subjects", p) for p in parts if not _whole(p)])
        )
        if apart:
            yield Fold("The same figure, micro- and macro-expressions apart", apart)


def _types(content: Content, pictures: Mapping[str, Picture]) -> Iterator[Block]:
    for dataset in content.datasets:
        if len(content.datasets) > 1:
            yield Heading(dataset, content.slug("types", dataset))
        transitions = _own(content, "transitions", dataset)
        if transitions.empty:
            yield Text("No type is known in both versions.")
            continue
        sentence = text.transition_sentence(transitions)
        yield Text(sentence or "No expression changed its type.")
        yield from _found(pictures, [content.slug("transitions", dataset)])
        yield transition_grid(transitions, f"{dataset}: types, old against new")


def _groups(content: Content) -> Iterator[Block]:
    for dataset in content.datasets:
        tests = content.tests(dataset)
        yield Text(text.contrast_sentence(tests, content.sizes(dataset), content.min_subjects))
        if len(tests):
            yield contrast_grid(tests, f"{dataset}: tests of contrasts between groups")
        claims = content.findings.claims
        claims = claims[claims["dataset"] == dataset]
        if len(claims):
            yield claims_grid(claims, f"{dataset}: claims with their grades")


def _own(content: Content, name: str, dataset: str) -> pd.DataFrame:
    table = content.extra_tables[name]
    return table[table["dataset"] == dataset]


def _found(pictures: Mapping[str, Picture], names: list[str]) -> Iterator[Picture]:
    return (pictures[name] for name in names if name in pictures)


def _whole(part: Part) -> bool:
    return part.stratum == tables.ALL


def _safe(stratum: str) -> str:
    return "".join(c if c.isalnum() and c.isascii() else "-" for c in stratum.casefold())
