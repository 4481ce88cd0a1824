"""How far the contrasts carry: equivalence, power, other choices, single subjects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from mebias import tables
from mebias.reporting import evidence_grids as grids
from mebias.reporting.blocks import Block, Fold, Grid, Picture, Section, Text
from mebias.reporting.content import Content
from mebias.reporting.drawing import Drawing, words
from mebias.reporting.formats import (
    amount,
    count,
    is_missing,
    joined,
    share,
    whole,
    with_interval,
)
from mebias.reporting.lookup import records
from mebias.reporting.parts import heading, pictures_of

FAMILIES = ("equivalence", "adjusted", "missingness", "annotation-error", "error-reduction",
            "keyframe")  # fmt: skip
"""Families of tests that have a place of their own, outside of the section on groups."""


def drawings(content: Content, dataset: str) -> Iterator[Drawing]:
    """Specification curve, subjects left out, power."""
    from mebias.reporting import figures

    curve = content.robustness("specifications", dataset)
    drawn = curve[curve["unit"].eq("ms") & curve["estimate"].notna()]
    if len(drawn):
        yield Drawing(
            content.slug("specifications", dataset),
            f"{dataset}. The contrast between groups under every defensible choice, in ms, in "
            f"ascending order with its intervals; below, the choices.",
            curve_sentence(curve),
            lambda: figures.specification_plot(curve),
        )
    influence = content.robustness("influence", dataset)
    out = influence[influence["left_out_kind"].eq("subject") & influence["estimate"].notna()]
    if len(out):
        yield Drawing(
            content.slug("influence", dataset),
            f"{dataset}. The contrast between groups with each subject left out in turn; the band "
            f"is the interval from all of them.",
            influence_sentence(influence),
            lambda: figures.influence_plot(influence),
        )
    power = content.robustness("power", dataset)
    if (power["quantity"].eq("power") & power["power"].notna()).any():
        yield Drawing(
            content.slug("power", dataset),
            f"{dataset}. The probability that this design finds a contrast between groups, by its "
            f"size; grey: as the spread, which is estimated, may be.",
            words(
                power[power["quantity"] == "smallest_shift"],
                lambda r: (
                    f"{r['keyframe']}: {amount(r['shift_ms'], 'ms', sign=False)} ms are found "
                    f"with {share(r['power'])} power"
                ),
            ),
            lambda: figures.power_plot(power),
        )


def sections(content: Content, pictures: Mapping[str, Picture]) -> Iterator[Section]:
    """The section on robustness."""
    yield Section("robustness", "How far this carries", tuple(_blocks(content, pictures)))


def _blocks(content: Content, pictures: Mapping[str, Picture]) -> Iterator[Block]:
    for dataset in content.datasets:
        yield from heading(content, dataset, "robustness")
        curve = content.robustness("specifications", dataset)
        yield Text(curve_sentence(curve), "Other choices.")
        yield from pictures_of(content, pictures, dataset, "specifications")
        tests = content.specification_tests
        tests = tests[tests["dataset"] == dataset]
        if len(tests):
            grid = grids.hypothesis_grid(tests, f"{dataset}: all choices together")
            yield Fold("Tests of all choices together", (grid,))
        influence = content.robustness("influence", dataset)
        yield Text(influence_sentence(influence), "Single subjects.")
        yield from pictures_of(content, pictures, dataset, "influence")
        grid = grids.influence_grid(influence, f"{dataset}: whose absence matters most")
        if grid.rows:
            yield Fold("Subjects and clips that matter most", (grid,))
        power = content.robustness("power", dataset)
        yield Text(power_sentence(power), "Power.")
        yield from pictures_of(content, pictures, dataset, "power")
        yield from _kept(grids.power_grid(power, f"{dataset}: what this design could find"))
        own = content.tests(dataset)
        for family, summary in (
            ("equivalence", "Are shifts smaller than what matters"),
            ("adjusted", "Contrasts with emotion and phase being equal"),
        ):
            rows = own[own["family"] == family]
            if len(rows):
                yield Fold(summary, (grids.hypothesis_grid(rows, f"{dataset}: {summary.lower()}"),))


def _kept(grid: Grid) -> Iterator[Grid]:
    if grid.rows:
        yield grid


def curve_sentence(curve: pd.DataFrame) -> str:
    """How the contrast fares under other choices.

    >>> curve_sentence(tables.empty("specifications"))
    'There is no contrast whose choices could be varied.'
    """
    if curve.empty or curve["estimate"].isna().all():
        return "There is no contrast whose choices could be varied."
    told = []
    for keyframe in tables.KEYFRAMES:
        own = curve[curve["keyframe"].eq(keyframe) & curve["estimate"].notna()]
        tested = own[own["p_cr2"].notna()]
        if own.empty:
            continue
        in_ms = own[own["unit"] == "ms"]["estimate"]
        low = int((tested["p_cr2"] < 0.05).sum())
        text = f"{keyframe}: {count(len(own), 'specification')}"
        if len(in_ms):
            text += (
                f", from {amount(float(in_ms.min()), 'ms')} to "
                f"{amount(float(in_ms.max()), 'ms')} ms"
            )
        if len(tested):
            text += f", {low} of {len(tested)} with an unadjusted p below 0.05"
        told.append(text)
    told[0] = told[0][0].upper() + told[0][1:]
    return (
        f"{'; '.join(told)}. The specifications are of the same clips, so their number counts "
        f"for nothing by itself; the tests of all of them together take that into account."
    )


def influence_sentence(influence: pd.DataFrame) -> str:
    """Whether a conclusion hangs on one subject or clip.

    >>> influence_sentence(tables.empty("influence"))
    'Nobody could be left out.'
    """
    known = influence[influence["estimate"].notna()]
    if known.empty:
        return "Nobody could be left out."
    contrast = known[known["ethnicity"] != tables.ALL]
    known = contrast if len(contrast) else known
    what = "contrast between groups" if len(contrast) else "mean shift"
    hanging = known[known["changes_conclusion"]]
    if hanging.empty:
        n = known.loc[known["left_out_kind"] == "subject", "left_out"].nunique()
        return (
            f"No conclusion about a {what} hangs on one of the {count(n, 'subject')} or on a "
            f"single clip."
        )
    told = [
        f"{row['keyframe']}: without {row['left_out_kind']} {row['left_out']} "
        f"{row['full_conclusion']} becomes {row['conclusion']}"
        for row in records(hanging.head(3))
    ]
    more = f", and {len(hanging) - 3} more" if len(hanging) > 3 else ""
    return f"Conclusions about a {what} that hang on one subject or clip: {'; '.join(told)}{more}."


def power_sentence(power: pd.DataFrame) -> str:
    """What contrast the design finds.

    >>> power_sentence(tables.empty("power"))
    'There is no contrast between groups to find.'
    """
    found = power[power["quantity"] == "smallest_shift"]
    known = found[found["shift_ms"].notna()]
    if known.empty:
        reasons = [str(r) for r in found["reason"].unique() if r]
        if not reasons:
            return "There is no contrast between groups to find."
        return f"What this design could find can't be told: {'; '.join(reasons)}."
    told = [
        f"{row['keyframe']} "
        f"{with_interval(row['shift_ms'], row['conf_low'], row['conf_high'], 'ms', sign=False)}"
        for row in records(known)
    ]
    first = known.iloc[0]
    beyond = known[known["shift_ms"] > known["margin"]]
    says = "" if is_missing(first["margin"]) else (
        f" What matters is {amount(first['margin'], 'ms', sign=False)} ms"
        + ("." if beyond.empty else
           f": for {joined([str(k) for k in beyond['keyframe']])} a contrast of that size would "
           f"often be missed, and that nothing was found says little.")
    )  # fmt: skip
    return (
        f"With these {whole(first['n_subjects'])} subjects ({first['group_sizes']}) a contrast is "
        f"found with {share(first['power'])} power from: {joined(told)} ms.{says} A windowed rule "
        f"can only show contrasts that fit into its windows."
    )
