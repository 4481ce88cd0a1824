"""Counts beside the published ones, and emotions beside those in the clips' names."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from mebias.audit.labels import Labels, Row
from mebias.manifests import Published


def count_issues(labels: Labels) -> list[Row]:
    """Clips, subjects, emotions and types, where they differ from the published counts.

    The counts of the version that was read come first. Those of the dataset as a whole are
    about its default version; beside another one a difference is a note.
    """
    if labels.cohort.simulated:
        return []
    annotation = labels.annotation
    own = annotation.published if annotation else Published()
    whole = labels.manifest.published
    other = (
        annotation is not None and not annotation.default and len(labels.manifest.annotations) > 1
    )
    clips = labels.cohort.clips
    rows = []
    for name, found, own_count, count in (
        ("clips", len(clips), own.clips, whole.clips),
        ("subjects", clips["subject"].nunique(), own.subjects, whole.subjects),
    ):
        published = count if own_count is None else own_count
        if published is not None and published != found:
            rough = own_count is None and other
            rows.append(_total(labels, name, found, published, rough))
    for column, name in (("emotion", "emotions"), ("expression_type", "expression_types")):
        mine: Mapping[str, int] = getattr(own, name)
        published_counts = mine or getattr(whole, name)
        if published_counts:
            rough = not mine and other
            rows += _by_label(labels, column, clips[column], published_counts, rough)
    return rows


def _total(labels: Labels, name: str, found: int, published: int, rough: bool) -> Row:
    version = labels.cohort.settings.get("version", "")
    of = " of its default version" if rough else ""
    return labels.row(
        "note" if rough else "warning",
        "counts",
        f"{found} {name} were read ({version or 'version unknown'}), {published} are "
        f"published{of}: {abs(found - published)} "
        f"{'more' if found > published else 'fewer'}.",
        field="clip" if name == "clips" else "subject",
        found=found,
        expected=published,
    )


def _by_label(
    labels: Labels, column: str, values: pd.Series, published: Mapping[str, int], rough: bool
) -> list[Row]:
    counts = values.str.strip().str.casefold().value_counts().to_dict()
    named = {name.casefold(): (name, count) for name, count in published.items()}
    different = [
        f"{name} {counts.get(key, 0)} (published {count})"
        for key, (name, count) in named.items()
        if counts.get(key, 0) != count
    ]
    unpublished = [
        f"{key or 'blank'} {count} (not published)"
        for key, count in counts.items()
        if key not in named
    ]
    texts = ", ".join([*different, *unpublished])
    return [
        labels.row(
            "note" if rough else "warning",
            "counts",
            f"counts of the {column.replace('_', ' ')} differ from the published ones: {texts}.",
            field=column,
            found=texts,
            expected=", ".join(f"{name} {count}" for name, count in published.items()),
        )
        for texts in ([texts] if texts else [])
    ]


def name_issues(labels: Labels) -> list[Row]:
    """Emotions in the table that differ from those that the clips' names state."""
    named = labels.annotation.named_label if labels.annotation else None
    if named is None:
        return []
    clips = labels.cohort.clips
    # The file as the table names it: the id without the subject and what follows #.
    files = (
        clips["clip"].str.replace(r"^[^/]*/", "", regex=True).str.replace(r"#.*$", "", regex=True)
    )
    texts = files if named.of == "clip" or named.of not in clips else clips[named.of]
    stated = texts.str.extract(f"({named.pattern})", expand=True)
    stated_label = stated.iloc[:, min(1, stated.shape[1] - 1)].fillna("")
    stated_label = stated_label.replace(dict(named.values))
    wrong = (stated_label != "") & (
        stated_label.str.casefold() != clips["emotion"].str.strip().str.casefold()
    )
    first = {clip: place for place, clip in reversed(list(enumerate(labels.texts("clip"))))}
    return [
        labels.row(
            "warning",
            "names",
            f"{clip}: the table says {emotion or 'nothing'}, its name says {label}; one of them "
            f"is wrong.",
            first.get(clip, -1),
            clip=clip,
            field="emotion",
            found=emotion,
            expected=label,
            cell=labels.cell(first[clip]) if clip in first else "",
        )
        for clip, emotion, label in zip(
            clips.loc[wrong, "clip"], clips.loc[wrong, "emotion"], stated_label[wrong], strict=True
        )
    ]
