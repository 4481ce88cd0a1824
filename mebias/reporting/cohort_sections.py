"""Figures and sections of a report on re-selected keyframes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from mebias.reporting import (
    evidence_sections,
    further_drawings,
    grids,
    recognition_section,
    robustness_sections,
    summary,
    text,
)
from mebias.reporting.answers import claim_cards, planted_cards
from mebias.reporting.blocks import Block, Fold, Grid, Picture, Section, Text
from mebias.reporting.content import Content
from mebias.reporting.drawing import Drawing, words
from mebias.reporting.formats import amount, p_value, with_interval
from mebias.reporting.lookup import Part
from mebias.reporting.parts import heading, pictures_of


def drawings(content: Content) -> Iterator[Drawing]:
    """The figures, dataset by dataset."""
    for dataset in content.datasets:
        part = content.part(dataset)
        if part is not None:
            yield from _shift_drawings(content, dataset, part)
            yield from further_drawings.agreement(content, part)
        tests = _primary(content, dataset)
        if tests["estimate"].notna().any():
            yield _contrasts(content, dataset)
        planted = content.findings.planted
        planted = planted[planted["dataset"] == dataset]
        if planted["found_shift_ms"].notna().any():
            yield _planted(content, dataset)
        for room in (evidence_sections, recognition_section, robustness_sections):
            yield from room.drawings(content, dataset)
    yield from further_drawings.forest(content)
    yield from further_drawings.audit(content)


def answer(content: Content, pictures: Mapping[str, Picture]) -> Section:
    """Claims with their grades or, of simulated data, planted against found."""
    if content.simulated:
        return Section(
            "planted", "Planted against found", tuple(_planted_blocks(content, pictures))
        )
    return Section("claims", "What can be claimed", tuple(_claims(content)))


def sections(content: Content, pictures: Mapping[str, Picture]) -> Iterator[Section]:
    """What the answer rests on: shifts, groups, nulls, posterior, recognition, robustness."""
    yield Section("shifts", "How far keyframes moved", tuple(_shifts(content, pictures)))
    yield Section("groups", "Do groups differ?", tuple(_groups(content, pictures)))
    for room in (evidence_sections, recognition_section, robustness_sections):
        yield from room.sections(content, pictures)
    yield from further_drawings.audit_section(content, pictures)
    yield from evidence_sections.label_sections(content, pictures)


def _shift_drawings(content: Content, dataset: str, part: Part) -> Iterator[Drawing]:
    from mebias.reporting import figures

    shifts = content.part_shifts(part)
    estimates = part.select(content.findings.estimates)
    means = estimates[
        estimates["quantity"].eq("mean_shift")
        & estimates["unit"].eq("ms")
        & estimates["weighting"].eq("subject")
        & estimates["estimate"].notna()
    ]
    if shifts.empty:
        return
    if len(means):
        yield Drawing(
            content.slug("shifts", dataset),
            f"{dataset}, {part.label}. Shifts of single clips (points) beside their mean over "
            f"subjects with its interval, per keyframe and group; positive = later.",
            words(
                means,
                lambda r: (
                    f"{r['keyframe']}, {grids.group_label(r['ethnicity'])}: "
                    f"{with_interval(r['estimate'], r['conf_low'], r['conf_high'], 'ms')} ms"
                ),
            ),
            lambda: figures.estimation_plot(
                shifts, estimates, source=part.source, distance=part.distance
            ),
        )
    if shifts[["shift_ms", "rise_frames", "fall_frames"]].notna().all(axis=1).sum() == 0:
        return
    yield Drawing(
        content.slug("human-selected", dataset),
        f"{dataset}, {part.label}. Selected against human keyframe positions; the diagonal is "
        f"no move.",
        text.moved_sentence(content.estimates, part) or f"{dataset}, {part.label}.",
        lambda: figures.human_vs_selected(shifts, source=part.source, distance=part.distance),
    )


def _contrasts(content: Content, dataset: str) -> Drawing:
    from mebias.reporting import figures

    tests = content.tests(dataset)
    return Drawing(
        content.slug("contrasts", dataset),
        f"{dataset}. Contrasts between groups of the primary family, with their intervals and the "
        f"margin of practical relevance.",
        words(
            _primary(content, dataset),
            lambda r: (
                f"{r['ethnicity']}, {r['keyframe']}: "
                f"{with_interval(r['estimate'], r['conf_low'], r['conf_high'], r['unit'])} "
                f"{r['unit']}, adjusted {p_value(r['p_adjusted'])}"
            ),
        ),
        lambda: figures.contrast_plot(tests),
    )


def _planted(content: Content, dataset: str) -> Drawing:
    from mebias.reporting import figures

    planted = content.findings.planted
    planted = planted[planted["dataset"] == dataset]
    return Drawing(
        content.slug("planted", dataset),
        f"{dataset}. The shift that a perfect selector would show beside the shift found, per "
        f"contrast between groups.",
        words(
            planted,
            lambda r: (
                f"{r['contrast']}, {r['keyframe']}: expected "
                f"{amount(r['expected_shift_ms'], 'ms')} ms, found "
                f"{with_interval(r['found_shift_ms'], r['conf_low'], r['conf_high'], 'ms')} ms "
                f"({r['outcome']})"
            ),
        ),
        lambda: figures.planted_plot(planted),
    )


def _shifts(content: Content, pictures: Mapping[str, Picture]) -> Iterator[Block]:
    for dataset in content.datasets:
        yield from heading(content, dataset, "shifts")
        part = content.part(dataset)
        if part is None:
            yield Text("No keyframe was re-selected, so there is no shift to show.")
            continue
        if told := text.moved_sentence(content.estimates, part):
            yield Text(told)
        yield from pictures_of(content, pictures, dataset, "shifts", "human-selected")
        yield from _grids(content, part)
        weightings = grids.weighting_grid(
            content.estimates, part, f"{dataset}, {part.label}: mean shift by weighting and unit"
        )
        if weightings.rows:
            yield Fold("The mean shift in every weighting and unit", (weightings,))
        others = tuple(
            grid
            for other in content.estimates.parts(dataset)
            if other != part
            for grid in _grids(content, other)
        )
        if others:
            yield Fold("The same for the other rules, distances and strata", others)


def _grids(content: Content, part: Part) -> Iterator[Grid]:
    where = f"{part.dataset}, {part.label}"
    for make, caption in (
        (grids.shift_grid, f"{where}: mean shifts"),
        (grids.share_grid, f"{where}: shares of keyframes"),
    ):
        grid = make(content.estimates, part, caption)
        if grid.rows:
            yield grid


def _groups(content: Content, pictures: Mapping[str, Picture]) -> Iterator[Block]:
    if further_drawings.FOREST in pictures:
        yield pictures[further_drawings.FOREST]
    for dataset in content.datasets:
        yield from heading(content, dataset, "groups")
        tests = content.tests(dataset)
        yield Text(text.contrast_sentence(tests, content.sizes(dataset), content.min_subjects))
        yield from pictures_of(content, pictures, dataset, "contrasts")
        primary = tests["family"].str.startswith("primary")
        if primary.any():
            yield grids.contrast_grid(tests[primary], f"{dataset}: the primary family of tests")
        aside = tests["family"].str.startswith(robustness_sections.FAMILIES)
        if (~primary & ~aside).any():
            rest = tests[~primary & ~aside]
            others = grids.contrast_grid(rest, f"{dataset}: the other families")
            yield Fold("The other families of tests", (others,))


def _claims(content: Content) -> Iterator[Block]:
    claims = content.findings.claims
    for dataset in content.datasets:
        yield from heading(content, dataset, "claims")
        own = claims[claims["dataset"] == dataset]
        if own.empty:
            yield Text("No claim is graded in this report.")
        else:
            yield Text(text.claims_sentence(own))
            yield claim_cards(own)
            table = grids.claims_grid(own, f"{dataset}: claims with their grades")
            yield Fold("What each grade rests on, and what would settle the others", (table,))
    between = claims[~claims["dataset"].isin(content.datasets)]
    for names, own in between.groupby("dataset", sort=False):
        table = grids.claims_grid(own, f"{names}: claims between datasets, with their grades")
        yield claim_cards(own)
        yield Fold(f"{names}: what these grades rest on", (table,))


def _planted_blocks(content: Content, pictures: Mapping[str, Picture]) -> Iterator[Block]:
    planted = content.findings.planted
    for dataset in content.datasets:
        yield from heading(content, dataset, "planted")
        own = planted[planted["dataset"] == dataset]
        if own.empty:
            yield Text("No contrast was tested, so nothing can be set beside what was planted.")
            continue
        led = summary.planted_of(content, dataset)
        yield Text(text.planted_sentence(led))
        yield planted_cards(led)
        yield Fold(
            "The same as a figure and a table",
            (
                *pictures_of(content, pictures, dataset, "planted"),
                grids.planted_grid(own, f"{dataset}: planted against found"),
            ),
        )
    yield Text(
        "The cohort was made with known errors of its coders. Whether this report finds what was "
        "planted, and nothing else, shows what its design and size can tell."
    )


def _primary(content: Content, dataset: str) -> pd.DataFrame:
    tests = content.tests(dataset)
    return tests[tests["family"] == "primary"]
