"""Pieces that several sections of the page have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mebias.reporting.blocks import Heading, Picture
from mebias.reporting.content import Content


def heading(content: Content, dataset: str, stem: str) -> Iterator[Heading]:
    """The dataset's name, where there are several."""
    if len(content.datasets) > 1:
        yield Heading(dataset, content.slug(stem, dataset))


def pictures_of(
    content: Content, pictures: Mapping[str, Picture], dataset: str, *stems: str
) -> Iterator[Picture]:
    """The figures of a dataset that were drawn."""
    for stem in stems:
        name = content.slug(stem, dataset)
        if name in pictures:
            yield pictures[name]
