"""Contrasts of groups within a dataset, in families fixed in advance."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from mebias import tables
from mebias.quantification import holm
from mebias.quantification.cells import Part, Row, part_of
from mebias.quantification.checks import complete, usable
from mebias.quantification.comparison import Comparison, Options, Sample, compare_sides
from mebias.quantification.sides import group_subjects, largest_first, primary_rows

PAIRED_GROUPS = 12
"""With more groups their pairs, 78 and more at three keyframes each, are not tested."""


def contrast_tables(
    shifts: pd.DataFrame,
    *,
    min_subjects: int = 5,
    conf_level: float = 0.95,
    seed: int = 0,
    n_permutations: int = 9999,
    margin_ms: float | None = None,
    families: Container[str] | None = None,
    complete_clips: bool = True,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Test groups against each other, per dataset, on the primary source.

    Families, each of a size fixed by the groups there are: ``primary``, the largest group
    against all others (3 keyframes); ``heterogeneity``, equal means of all groups that can
    be tested, where these are three or more (3 keyframes); and, where there are three groups
    or more, ``group-vs-rest``, each other group against the rest, and ``pairs``, all pairs of
    groups with enough subjects, each tested in its own two groups alone (up to 12 groups).

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts.
    min_subjects : int
        Sides with fewer subjects are not tested.
    conf_level : float
        Level of the intervals; they are not adjusted for the family.
    seed : int
        Seed of the random permutations.
    n_permutations : int
        Random permutations, where there are more than 20,000 assignments.
    margin_ms : float, optional
        Margin of practical relevance; by default the larger of one frame and 10 ms.
    families : collection of str, optional
        Only these families.
    complete_clips : bool
        Only clips whose keyframes are all usable, so that the three contrasts are of the
        same clips; else each keyframe's own.

    Returns
    -------
    tests : DataFrame
        A tests table in ms. ``p_value`` is that of the permutation of subjects; the larger
        one of permutation and CR2 where the SDs of the sides differ by more than a factor
        of 1.5 or a side has fewer than 8 subjects.
    estimates : DataFrame
        ``mean_shift_difference`` of the two-sided contrasts, in three weightings.
    """
    tests: list[Row] = []
    estimates: list[Row] = []
    for rows, margin in primary_parts(shifts, margin_ms):
        options = Options(min_subjects, conf_level, seed, n_permutations, margin, complete_clips)
        place: Row = {c: rows[c].iloc[0] for c in ("dataset", "source", "distance")}
        counted = complete(rows) if complete_clips else usable(rows)
        compared = part_of(rows, ["shift_ms"]).cut(counted.to_numpy())
        for family in families_of(rows, min_subjects):
            if families is not None and family.name not in families:
                continue
            made = [_test(compared, place, family, c, options) for c in family.comparisons]
            tests += holm_adjusted([row for row, _ in made])
            estimates += [row for _, found in made for row in found]
    return tables.from_rows(tests, "tests"), tables.from_rows(estimates, "estimates")


def primary_parts(
    shifts: pd.DataFrame, margin_ms: float | None = None
) -> Iterator[tuple[pd.DataFrame, float]]:
    """Rows that contrasts of groups rest on, with the margin, per dataset.

    Parameters
    ----------
    shifts : DataFrame
        Checked shifts.
    margin_ms : float, optional
        By default the larger of one frame and 10 ms.

    Yields
    ------
    rows : DataFrame
        The primary source's rows of subjects with a stated group; datasets without a primary
        source or with fewer than two groups are left out.
    margin : float
        Margin of practical relevance (ms).
    """
    for rows, margin in primary_rows(shifts, margin_ms):
        stated = rows[~rows["ethnicity"].isin([tables.UNKNOWN, tables.ALL])]
        if len(stated["ethnicity"].unique()) > 1:
            yield stated, margin


def holm_adjusted(rows: Sequence[Row]) -> list[Row]:
    """The tests of one whole family with their Holm-adjusted p-values."""
    p = np.array([row["p_value"] for row in rows], dtype=float)
    adjusted = holm.adjust(p, len(rows))
    return [row | {"p_adjusted": a} for row, a in zip(rows, adjusted, strict=True)]


@dataclass(frozen=True)
class Family:
    """Hypotheses that are adjusted together."""

    name: str
    comparisons: tuple[Comparison, ...]


def families_of(rows: pd.DataFrame, min_subjects: int) -> Iterator[Family]:
    """The families of hypotheses that the groups of a dataset allow.

    Parameters
    ----------
    rows : DataFrame
        Shifts of one source, of subjects with a stated group; two groups or more.
    min_subjects : int
        Groups with fewer are in no heterogeneity test and in no pair.

    Yields
    ------
    Family
        primary; heterogeneity, group-vs-rest and pairs where there are enough groups.
    """
    groups, subjects = largest_first(rows), group_subjects(rows)
    yield Family("primary", tuple(_against_rest(groups[:1], groups)))
    enough = [g for g in groups if subjects[g] >= min_subjects]
    if len(enough) > 2:
        yield Family("heterogeneity", tuple(_all_equal(enough)))
    if len(groups) > 2:
        yield Family("group-vs-rest", tuple(_against_rest(groups[1:], groups)))
        if 1 < len(enough) <= PAIRED_GROUPS:
            yield Family("pairs", tuple(_pairs(enough)))


def _all_equal(groups: Sequence[str]) -> Iterator[Comparison]:
    name, sides = ", ".join(groups), tuple((g,) for g in groups)
    for k in tables.KEYFRAMES:
        yield Comparison(k, name, f"the mean {k} shift is the same in {name}", sides)


def _pairs(groups: Sequence[str]) -> Iterator[Comparison]:
    for first, second in combinations(groups, 2):
        for k in tables.KEYFRAMES:
            hypothesis = f"the mean {k} shift is the same in {first} as in {second}"
            yield Comparison(k, f"{first} vs {second}", hypothesis, ((first,), (second,)))


def _against_rest(chosen: Sequence[str], groups: Sequence[str]) -> Iterator[Comparison]:
    for group in chosen:
        rest = tuple(g for g in groups if g != group)
        for k in tables.KEYFRAMES:
            hypothesis = f"the mean {k} shift is the same in {group} as in all others"
            yield Comparison(k, f"{group} vs others", hypothesis, ((group,), rest))


def of_sides(rows: Part, comparison: Comparison) -> tuple[Part, np.ndarray]:
    """The rows that are compared, and the side of each."""
    side_of = np.full(len(rows.names["ethnicity"]), -1)
    for side, names in enumerate(comparison.sides):
        for place, name in enumerate(rows.names["ethnicity"]):
            if name in names:
                side_of[place] = side
    sides = side_of[rows["ethnicity"]]
    where = (sides >= 0) & rows.holds("keyframe", comparison.keyframe)
    return rows.cut(where), sides[where]


def _test(
    rows: Part, of: Row, family: Family, comparison: Comparison, options: Options
) -> tuple[Row, list[Row]]:
    """One row of the tests table, and its estimates in all weightings."""
    own, sides = of_sides(rows, comparison)
    place: Row = of | {
        "keyframe": comparison.keyframe,
        "ethnicity": comparison.name,
        "stratum": tables.ALL,
        "unit": "ms",
        "n_clips": own.n_clips,
        "n_subjects": own.n_subjects,
    }
    named = place | {
        "family": family.name,
        "family_size": len(family.comparisons),
        "hypothesis": comparison.hypothesis,
        "margin": options.margin_ms,
    }
    sample = Sample(own["shift_ms"], own["subject"], sides)
    test, estimates = compare_sides(sample, comparison, options)
    of_quantity = place | {"quantity": "mean_shift_difference"}
    return named | test, [of_quantity | row for row in estimates]
