"""Drawings of a report that rest on estimates as a whole: agreement, forest, audit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mebias import tables
from mebias.errors import listed
from mebias.quantification.pooling import groups_of, named_pairs, same_direction
from mebias.reporting.blocks import Files, Picture, Section, Text
from mebias.reporting.content import Content
from mebias.reporting.drawing import Drawing, words
from mebias.reporting.forest_figures import QUANTITY, most_common
from mebias.reporting.formats import with_interval
from mebias.reporting.issue_list import tally
from mebias.reporting.lookup import Part

AGREEMENT, FOREST, AUDIT = "agreement", "forest", "audit"
_LINES = {
    "mean_shift": "mean", "limit_low": "lower limit", "limit_high": "upper limit",
    "quantile_05": "5 % quantile", "quantile_95": "95 % quantile",
}  # fmt: skip


def agreement(content: Content, part: Part) -> Iterator[Drawing]:
    """Bland-Altman plots of a part: one, or none where no clip has all labels."""
    from mebias.reporting import figures

    shifts, estimates = content.part_shifts(part), part.select(content.findings.estimates)
    if not shifts[["shift_ms", "rise_frames", "fall_frames"]].notna().all(axis=1).any():
        return
    lines = estimates[
        estimates["quantity"].isin(_LINES) & estimates["unit"].eq("ms")
        & estimates["ethnicity"].eq(tables.ALL) & estimates["estimate"].notna()
        & ~(estimates["quantity"].eq("mean_shift") & estimates["weighting"].ne("subject"))
    ]  # fmt: skip
    if lines.empty:
        return
    yield Drawing(
        content.slug(AGREEMENT, part.dataset),
        f"{part.dataset}, {part.label}. Differences from the human labels against the mean of "
        f"both (Bland-Altman). Solid: mean; dashed: 95 % limits of agreement or, where windows "
        f"bound the shifts, their 5 and 95 % quantiles; bands: the interval of each.",
        words(
            lines,
            lambda r: (
                f"{r['keyframe']}, {_LINES[r['quantity']]}: "
                f"{with_interval(r['estimate'], r['conf_low'], r['conf_high'], 'ms')} ms"
            ),
        ),
        lambda: figures.bland_altman_plot(
            shifts, estimates, source=part.source, distance=part.distance
        ),
    )


def forest(content: Content) -> Iterator[Drawing]:
    """The contrast that most datasets have, where at least two have one."""
    from mebias.reporting import figures

    estimates = content.findings.estimates
    own = estimates[
        estimates["quantity"].eq(QUANTITY) & estimates["unit"].eq("ms")
        & estimates["estimate"].notna() & estimates["dataset"].isin(content.datasets)
        & estimates["stratum"].eq(tables.ALL) & estimates["weighting"].isin(["subject", ""])
    ]  # fmt: skip
    own = same_direction(named_pairs(own, groups_of(estimates)))
    if own.empty:
        return
    contrast = most_common(own, "ethnicity")
    part = own[own["ethnicity"] == contrast].drop_duplicates(["dataset", "keyframe"])
    if part["dataset"].nunique() < 2:
        return
    yield Drawing(
        FOREST,
        f"{contrast}: the contrast within each dataset and, from three datasets on, pooled. "
        f"Datasets differ in lab, camera, coders and definitions at once: their spread is never an "
        f"effect of ethnicity.",
        words(
            part,
            lambda r: (
                f"{r['dataset']}, {r['keyframe']}: "
                f"{with_interval(r['estimate'], r['conf_low'], r['conf_high'], 'ms')} ms"
            ),
        ),
        lambda: figures.forest_plot(estimates, contrast=contrast),
    )


def audit(content: Content) -> Iterator[Drawing]:
    """Which checks found how much, where anything was found."""
    from mebias.reporting import figures

    issues = content.issues
    if issues.empty:
        return
    kinds = issues["check"].where(issues["check"] != "", issues["field"])
    sizes = issues.assign(kind=kinds).groupby(["dataset", "severity", "kind"], sort=False).size()
    yield Drawing(
        AUDIT,
        "What audit and design check found: issues by check and severity, per dataset.",
        listed(
            [
                f"{row['dataset']}, {row['kind'] or 'other'}: {row['n']} {row['severity']}"
                for row in sizes.rename("n").reset_index().to_dict("records")
            ],
            60,
        ),
        lambda: figures.audit_plot(issues),
    )


def audit_section(content: Content, pictures: Mapping[str, Picture]) -> Iterator[Section]:
    """The picture of the audit; its notices stand on top of the page."""
    if AUDIT in pictures:
        told = f"Audit and design check found {tally(content.issues)}; each with its cell and "
        yield Section(
            AUDIT, "What the audit found",
            (Text(f"{told}what to do is in the table of issues."), pictures[AUDIT],
             Files(((("tables/issues.csv",), "the issues, a row each"),))),
        )  # fmt: skip
